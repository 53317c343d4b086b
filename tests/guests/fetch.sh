#!/usr/bin/env bash
# Fetches Debian's kernels for Malta and the PC, busybox and U-Boot, and packs an initramfs for each guest.
#
#   tests/guests/fetch.sh [mipsel] [mips64el] [i386] [amd64] [uboot] [seabios] [media]     (no argument: these)
#   tests/guests/fetch.sh i386-pae
#   tests/guests/fetch.sh rootfs installer                 (large: played by system.sh)
#   tests/guests/fetch.sh uboot-be                         (built from Debian's source: some minutes)
#
# Result, below build/guests/ (git-ignored):
#   mipsel/{vmlinux,initrd.gz,release}     Debian's 4kc-malta kernel, 32-bit little-endian
#   mips64el/{vmlinux,initrd.gz,release}   Debian's 5kc-malta kernel, 64-bit little-endian
#   i386/{vmlinux,initrd.gz,release}       Debian's 686 kernel, a bzImage
#   i386-pae/...                           its 686-pae kernel
#   amd64/{vmlinux,initrd.gz,release}      Debian's amd64 kernel, a bzImage
#   {mipsel,mips64el}/initrd-devices.gz    the same with drivers, and a session that uses them
#   {mipsel,i386}/initrd-net.gz            the same with network drivers, and a session that uses them (net.py)
#   {i386,amd64}/initrd-cards.gz           the same with virtio drivers and 9P, and a session that uses them
#   disks/{disk.raw,disk.qcow2,cd.raw}     what that session finds in the drives
#   seabios/{bios-256k,vgabios-stdvga}.bin Debian's SeaBIOS, for the page's PC; {bios,vgabios-isavga}.bin for `isapc`
#   media/{grub-cd.iso,grub-floppy.img}    GRUB's rescue disks
#   media/memtest{32,64}.bin               memtest86+
#   media/sector.img                       a boot sector of our own (media/sector.S)
#   media/fat.img                          a FAT disk with SYSLINUX and the i386 guest, made where x86-64 programs run
#   rootfs{,-i386}/{disk.raw,initrd.gz}    a Debian system (amd64, i386) with python3, perl, gcc and sqlite3, and what mounts it
#   installer{,-i386}/{linux,initrd.gz,gtk.gz} Debian's installer (amd64, i386; kernel, text, graphics)
#   uboot/malta.bin                        big-endian U-Boot
#   uboot/{maltael,malta64el}.bin          U-Boot, words swapped as QEMU's -bios wants them
#
# The packages come through apt with private directories per architecture: neither dpkg's state nor the system's
# package lists are touched, and no root is needed. Which mirror: whatever this system's apt sources say.
# What is already there is kept; FRESH=1 asks apt again for newer packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${GUESTS_DIR:-$top/build/guests}

die() { echo "fetch.sh: $*" >&2; exit 1; }
. "$here/apt.sh"
need() { command -v "$1" >/dev/null || die "needs $1: apt-get install $2"; }
for pair in apt-get:apt dpkg-deb:dpkg cpio:cpio gzip:gzip perl:perl-base python3:python3; do need "${pair%%:*}" "${pair##*:}"; done

# The meta package (linux-image-4kc-malta) depends on the newest real one.
kernel_package() { # ARCH FLAVOUR
  lists "$1"
  apt_for "$1" apt-cache depends "linux-image-$2" | sed -n "s/.*Depends: \(linux-image-[0-9][^ ]*-$2\)\$/\1/p" | sort -V | tail -1
}

kernel() { # ARCH FLAVOUR [GUEST]
  local arch=$1 dir=$out/${3:-$1} pkg file name
  [ -n "${FRESH:-}" ] || [ ! -s "$dir/vmlinux" ] || return 0
  pkg=$(kernel_package "$arch" "$2")
  [ -n "$pkg" ] || die "the apt sources of this system have no linux-image-$2 for $arch (Debian bookworm has)"
  file=$(deb "$arch" "$pkg")
  mkdir -p "$dir"
  name=$(dpkg-deb --fsys-tarfile "$file" | tar -t | grep -E '^\./boot/vmlinu[xz]-' | head -1)
  [ -n "$name" ] || die "$pkg holds no kernel"
  dpkg-deb --fsys-tarfile "$file" | tar -xO "$name" >"$dir/vmlinux.new"
  # Debian ships an ELF file that unpacks itself; a plain gzip would have to be opened for -kernel.
  case $(head -c 2 "$dir/vmlinux.new" | od -An -tx1 | tr -d ' \n') in
    1f8b) gzip -dc <"$dir/vmlinux.new" >"$dir/vmlinux" && rm "$dir/vmlinux.new" ;;
    *) mv "$dir/vmlinux.new" "$dir/vmlinux" ;;
  esac
  echo "${pkg#linux-image-}" >"$dir/release"
  echo "guests: ${dir##*/}/vmlinux is $pkg"
}

initrd() { # ARCH [GUEST]
  local arch=$1 dir=$out/${2:-$1} root=$out/${2:-$1}/root file bench
  file=$(deb "$arch" busybox-static)
  bench=$top/build/programs/$arch/bench
  if [ -s "$dir/initrd.gz" ] && [ -z "$(find "$file" "$here/initramfs" "$here/fetch.sh" "$bench" -newer "$dir/initrd.gz" 2>/dev/null)" ]; then
    return 0
  fi
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,root}
  dpkg-deb --fsys-tarfile "$file" | tar -xO ./bin/busybox >"$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  cp "$here/initramfs/init" "$root/init"
  cp "$here"/initramfs/*.sh "$root/bin/"
  if [ -x "$bench" ]; then cp "$bench" "$root/bin/bench"; else echo "guests: $arch: no bench program inside (tests/programs/build.sh $arch makes it)"; fi
  chmod -R u=rwX,go=rX "$root"
  chmod 755 "$root/init" "$root"/bin/*
  find "$root" -exec touch -h -d @0 {} +
  (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) >"$dir/initrd.gz.new"
  mv "$dir/initrd.gz.new" "$dir/initrd.gz"
  rm -rf "$root"
  echo "guests: ${dir##*/}/initrd.gz $(stat -c %s "$dir/initrd.gz") bytes"
}

# Modules of the kernel's package, in /devices, and devices.sh.
devices() { # ARCH FLAVOUR
  local arch=$1 dir=$out/$1 root=$out/$1/devices file
  file=$(deb "$arch" "linux-image-$(cat "$dir/release")")
  if [ ! -s "$dir/devices.gz" ] || [ -n "$(find "$file" "$here/devices" "$here/fetch.sh" -newer "$dir/devices.gz" 2>/dev/null)" ]; then
    rm -rf "$root"
    mkdir -p "$root"/{bin,devices}
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root/devices" --wildcards --transform='s,.*/,,' \
      '*/'{crc16,mbcache,jbd2,crc32c_generic,libcrc32c,ext4,ata_piix,cdrom,sr_mod,mii,pcnet32}.ko
    cp "$here/devices/devices.sh" "$root/bin/"
    chmod -R u=rwX,go=rX "$root"
    chmod 755 "$root/bin/devices.sh"
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) >"$dir/devices.gz.new"
    mv "$dir/devices.gz.new" "$dir/devices.gz"
    rm -rf "$root"
    echo "guests: $arch/devices.gz $(stat -c %s "$dir/devices.gz") bytes"
  fi
  cat "$dir/initrd.gz" "$dir/devices.gz" >"$dir/initrd-devices.gz"
  if [ ! -s "$out/disks/disk.qcow2" ] || [ "$here/devices/disks.py" -nt "$out/disks/disk.qcow2" ]; then
    mkdir -p "$out/disks"
    python3 "$here/devices/disks.py" "$out/disks"
  fi
}

# Network drivers of the kernel's package, in /net, and net.sh.
net() { # ARCH
  local arch=$1 dir=$out/$1 root=$out/$1/net file
  file=$(deb "$arch" "linux-image-$(cat "$dir/release")")
  if [ ! -s "$dir/net.gz" ] || [ -n "$(find "$file" "$here/net" "$here/fetch.sh" -newer "$dir/net.gz" 2>/dev/null)" ]; then
    rm -rf "$root"
    mkdir -p "$root"/{bin,net}
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root/net" --wildcards --transform='s,.*/,,' --ignore-failed-read \
      '*/'{failover,net_failover,virtio,virtio_ring,virtio_pci,virtio_pci_legacy_dev,virtio_pci_modern_dev,virtio_net,mii,pcnet32,e1000,8139too,8390,ne2k-pci}.ko \
      2>/dev/null || true
    cp "$here"/net/*.sh "$root/bin/"
    chmod -R u=rwX,go=rX "$root"
    chmod 755 "$root"/bin/*.sh
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) >"$dir/net.gz.new"
    mv "$dir/net.gz.new" "$dir/net.gz"
    rm -rf "$root"
    echo "guests: $arch/net.gz $(stat -c %s "$dir/net.gz") bytes"
  fi
  cat "$dir/initrd.gz" "$dir/net.gz" >"$dir/initrd-net.gz"
}

# Virtio drivers and 9P of the kernel's package, in /cards, cards.sh and share.
cards() { # ARCH
  local arch=$1 dir=$out/$1 root=$out/$1/cards file
  file=$(deb "$arch" "linux-image-$(cat "$dir/release")")
  if [ ! -s "$dir/cards.gz" ] || [ -n "$(find "$file" "$here/cards" "$here/fetch.sh" -newer "$dir/cards.gz" 2>/dev/null)" ]; then
    rm -rf "$root"
    mkdir -p "$root"/{bin,cards}
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root/cards" --wildcards --transform='s,.*/,,' \
      '*/'{virtio,virtio_ring,virtio_pci,virtio_pci_legacy_dev,virtio_pci_modern_dev,virtio_blk,netfs,fscache,9pnet,9pnet_virtio,9p,virtio-rng}.ko \
      2>/dev/null || true
    cp "$here"/cards/{cards.sh,share} "$root/bin/"
    chmod -R u=rwX,go=rX "$root"
    chmod 755 "$root"/bin/*
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) >"$dir/cards.gz.new"
    mv "$dir/cards.gz.new" "$dir/cards.gz"
    rm -rf "$root"
    echo "guests: $arch/cards.gz $(stat -c %s "$dir/cards.gz") bytes"
  fi
  cat "$dir/initrd.gz" "$dir/cards.gz" >"$dir/initrd-cards.gz"
}

# What a PC's firmware starts.
media() {
  local dir=$out/media x=$out/media/x tools=$out/media/tools pkg fat
  mkdir -p "$dir"
  if [ -n "${FRESH:-}" ] || [ ! -s "$dir/memtest64.bin" ]; then
    for pkg in grub-rescue-pc memtest86+; do dpkg-deb -x "$(deb amd64 $pkg)" "$x"; done
    cp "$x/usr/lib/grub-rescue/grub-rescue-cdrom.iso" "$dir/grub-cd.iso"
    cp "$x/usr/lib/grub-rescue/grub-rescue-floppy.img" "$dir/grub-floppy.img"
    cp "$x/boot/memtest86+ia32.bin" "$dir/memtest32.bin"
    cp "$x/boot/memtest86+x64.bin" "$dir/memtest64.bin"
    rm -rf "$x"
    echo "guests: media/ has GRUB and memtest86+"
  fi
  if [ "$here/media/sector.S" -nt "$dir/sector.img" ] && as --32 "$here/media/sector.S" -o "$dir/sector.o" 2>/dev/null; then
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary "$dir/sector.o" -o "$dir/sector.img"
    rm "$dir/sector.o"
    truncate -s 1440K "$dir/sector.img"
  fi
  [ "$(uname -m)" = x86_64 ] && [ -s "$out/i386/initrd.gz" ] || return 0
  fat=$dir/fat.img
  if [ ! -s "$fat" ] || [ "$out/i386/initrd.gz" -nt "$fat" ] || [ "$here/media/syslinux.cfg" -nt "$fat" ]; then
    for pkg in syslinux mtools dosfstools; do dpkg-deb -x "$(deb amd64 $pkg)" "$tools"; done
    rm -f "$fat.new"
    truncate -s 16M "$fat.new"
    (
      export PATH=$tools/usr/bin:$tools/usr/sbin:$tools/sbin:$PATH MTOOLS_SKIP_CHECK=1
      mkfs.fat -n BOOT "$fat.new" >/dev/null
      mcopy -i "$fat.new" "$here/media/syslinux.cfg" "$out/i386/vmlinux" "$out/i386/initrd.gz" ::
      syslinux --install "$fat.new"
    )
    mv "$fat.new" "$fat"
    rm -rf "$tools"
    echo "guests: media/fat.img $(stat -c %s "$fat") bytes"
  fi
}

uboot() {
  local dir=$out/uboot file board
  [ -n "${FRESH:-}" ] || [ ! -s "$dir/malta64el.bin" ] || return 0
  file=$(deb mipsel u-boot-qemu)
  mkdir -p "$dir"
  for board in maltael malta64el; do
    dpkg-deb --fsys-tarfile "$file" | tar -xO "./usr/lib/u-boot/$board/u-boot.bin" |
      perl -0777 -ne '$_ .= "\0" x (-length() % 4); print pack "N*", unpack "V*", $_' >"$dir/$board.new"
    mv "$dir/$board.new" "$dir/$board.bin"
  done
  echo "guests: uboot/ is $(basename "$file" | cut -d_ -f2)"
}

# Debian's SeaBIOS and its VGA BIOS, as installed or out of the package.
seabios() {
  local dir=$out/seabios file name
  [ -n "${FRESH:-}" ] || [ ! -s "$dir/vgabios-isavga.bin" ] || return 0
  [ -e /usr/share/seabios/bios-256k.bin ] || file=$(deb mipsel seabios)
  mkdir -p "$dir"
  for name in bios-256k.bin vgabios-stdvga.bin bios.bin vgabios-isavga.bin; do
    if [ -n "${file:-}" ]; then
      dpkg-deb --fsys-tarfile "$file" | tar -xO "./usr/share/seabios/$name" >"$dir/$name.new"
    else
      cp "/usr/share/seabios/$name" "$dir/$name.new"
    fi
    mv "$dir/$name.new" "$dir/$name"
  done
  echo "guests: seabios/ is there"
}

# A system out of packages, unpacked and set up by hand as debootstrap's first stage does: nothing of theirs runs here.
rootfs() { # ARCH FOLDER; the kernel is the guest's of that architecture
  local arch=$1 dir=$out/$2 root=$out/$2/root initrd=$out/$2/initrd d=$apt/$1 file pkgs
  need mke2fs e2fsprogs
  pkgs="base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin login mount sed sysvinit-core
    sysv-rc util-linux mawk ncurses-base procps python3 perl gcc libc6-dev sqlite3 apt dpkg e2fsprogs"
  if [ -n "${FRESH:-}" ] || [ ! -s "$dir/disk.raw" ] || [ "$here/rootfs/setup.sh" -nt "$dir/disk.raw" ]; then
    lists "$arch"
    rm -rf "$root"
    mkdir -p "$root" "$d/cache/archives/partial"
    # shellcheck disable=SC2086
    apt_for "$arch" apt-get -q -y -d --no-install-recommends install $pkgs >"$dir/download.log" 2>&1 ||
      die "cannot download the system's packages: $(tail -1 "$dir/download.log")"
    for file in "$d"/cache/archives/*.deb; do dpkg-deb -x "$file" "$root"; done
    "$here/rootfs/setup.sh" "$root"
    rm -rf "$root/usr/share/"{doc,man,locale,info} "$dir/disk.new"
    truncate -s 768M "$dir/disk.new"
    mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=0 -O ^has_journal -L debian -d "$root" "$dir/disk.new"
    mv "$dir/disk.new" "$dir/disk.raw"
    rm -rf "$root"
    echo "guests: $2/disk.raw $(stat -c %s "$dir/disk.raw") bytes"
  fi
  file=$(deb "$arch" "linux-image-$(cat "$out/$arch/release")")
  if [ ! -s "$dir/initrd.gz" ] || [ -n "$(find "$file" "$here/rootfs" "$here/fetch.sh" -newer "$dir/initrd.gz" 2>/dev/null)" ]; then
    rm -rf "$initrd"
    mkdir -p "$initrd"/{bin,dev,proc,sys,mnt,modules}
    dpkg-deb --fsys-tarfile "$(deb "$arch" busybox-static)" | tar -xO ./bin/busybox >"$initrd/bin/busybox"
    ln -s busybox "$initrd/bin/sh"
    cp "$here/rootfs/init" "$initrd/init"
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$initrd/modules" --wildcards --transform='s,.*/,,' \
      '*/'{crc16,mbcache,jbd2,crc32c_generic,libcrc32c,ext4,scsi_common,scsi_mod,libata,sd_mod,t10-pi,crc64,crc64-rocksoft,crc-t10dif,crct10dif_common,crct10dif_generic,ata_piix,virtio,virtio_ring,virtio_pci_legacy_dev,virtio_pci_modern_dev,virtio_pci,virtio_blk}.ko 2>/dev/null || true
    chmod 755 "$initrd/init" "$initrd/bin/busybox"
    (cd "$initrd" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) >"$dir/initrd.gz.new"
    mv "$dir/initrd.gz.new" "$dir/initrd.gz"
    rm -rf "$initrd"
    echo "guests: $2/initrd.gz $(stat -c %s "$dir/initrd.gz") bytes"
  fi
}

# Debian's installer as its package for netboot servers has it: in text and in graphics.
installer() { # ARCH FOLDER
  local arch=$1 dir=$out/$2 file kind
  [ -n "${FRESH:-}" ] || [ ! -s "$dir/gtk.gz" ] || return 0
  file=$(deb "$arch" "debian-installer-12-netboot-$arch")
  mkdir -p "$dir"
  for kind in text gtk; do
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$dir" --wildcards --transform="s,.*/,$kind-," "*/$kind/debian-installer/$arch/linux" "*/$kind/debian-installer/$arch/initrd.gz"
    mv "$dir/$kind-linux" "$dir/linux"
  done
  mv "$dir/text-initrd.gz" "$dir/initrd.gz"
  mv "$dir/gtk-initrd.gz" "$dir/gtk.gz"
  rm "$file"
  echo "guests: $2/ is $(basename "$file" | cut -d_ -f2)"
}

# Debian builds no big-endian U-Boot for Malta, and has no big-endian MIPS any more: this is its source package.
uboot_be() {
  local dir=$out/uboot src=$out/uboot-src pair
  [ -n "${FRESH:-}" ] || [ ! -s "$dir/malta.bin" ] || return 0
  for pair in mips-linux-gnu-gcc:gcc-mips-linux-gnu bison:bison flex:flex bc:bc make:make gcc:gcc; do need "${pair%%:*}" "${pair##*:}"; done
  [ -e /usr/include/openssl/evp.h ] || die "needs OpenSSL's headers: apt-get install libssl-dev"
  lists mipsel
  # The source lies beside the package.
  local uri name
  uri=$(apt_for mipsel apt-get -q download --print-uris u-boot-qemu | cut -d"'" -f2)
  name=${uri##*/u-boot-qemu_}
  rm -rf "$src"
  mkdir -p "$src" "$dir"
  /usr/lib/apt/apt-helper download-file "${uri%/*}/u-boot_${name%-*_all.deb}.orig.tar.xz" "$src.tar.xz" >"$src/log" 2>&1 ||
    die "cannot download U-Boot's source: $(tail -1 "$src/log")"
  tar -xf "$src.tar.xz" -C "$src" --strip-components=1
  make -C "$src" malta_defconfig >"$src/log" 2>&1 &&
    make -C "$src" -j"$(nproc)" CROSS_COMPILE=mips-linux-gnu- u-boot.bin >"$src/log" 2>&1 ||
    die "U-Boot does not build: $(tail -1 "$src/log")"
  mv "$src/u-boot.bin" "$dir/malta.bin"
  rm -rf "$src" "$src.tar.xz"
  echo "guests: uboot/malta.bin is $name"
}

[ $# -gt 0 ] || set -- mipsel mips64el i386 amd64 uboot seabios media
for what in "$@"; do
  case $what in
    mipsel) kernel mipsel 4kc-malta; initrd mipsel; devices mipsel; net mipsel ;;
    mips64el) kernel mips64el 5kc-malta; initrd mips64el; devices mips64el ;;
    i386) kernel i386 686; initrd i386; net i386; cards i386 ;;
    i386-pae) kernel i386 686-pae i386-pae; initrd i386 i386-pae ;;
    amd64) kernel amd64 amd64; initrd amd64; cards amd64 ;;
    uboot) uboot ;;
    seabios) seabios ;;
    media) media ;;
    uboot-be) uboot_be ;;
    rootfs)
      kernel amd64 amd64; rootfs amd64 rootfs
      kernel i386 686; rootfs i386 rootfs-i386
      ;;
    installer) installer amd64 installer; installer i386 installer-i386 ;;
    *) die "unknown guest '$what' (mipsel, mips64el, i386, i386-pae, amd64, uboot, uboot-be, seabios, media, rootfs, installer)" ;;
  esac
done
