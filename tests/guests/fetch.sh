#!/usr/bin/env bash
# Fetches Debian's Malta kernels, busybox and U-Boot, and packs an initramfs for each guest.
#
#   tests/guests/fetch.sh [mipsel] [mips64el] [uboot]      (no argument: all)
#
# Result, below build/guests/ (git-ignored):
#   mipsel/{vmlinux,initrd.gz,release}     Debian's 4kc-malta kernel, 32-bit little-endian
#   mips64el/{vmlinux,initrd.gz,release}   Debian's 5kc-malta kernel, 64-bit little-endian
#   uboot/{maltael,malta64el}.bin          U-Boot, words swapped as QEMU's -bios wants them
#
# The packages come through apt with private directories per architecture: neither dpkg's state nor the system's
# package lists are touched, and no root is needed. Which mirror: whatever this system's apt sources say.
# What is already there is kept; FRESH=1 asks apt again for newer packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${GUESTS_DIR:-$top/build/guests}
apt=$out/apt

die() { echo "fetch.sh: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "needs $1: apt-get install $2"; }
for pair in apt-get:apt dpkg-deb:dpkg cpio:cpio gzip:gzip perl:perl-base; do need "${pair%%:*}" "${pair##*:}"; done

# apt_for ARCH TOOL ARGS...: an apt tool that sees only ARCH and keeps its state below build/guests/apt/ARCH.
apt_for() {
  local arch=$1 tool=$2 d=$apt/$1
  shift 2
  "$tool" -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
    -o Dir::State::Lists="$d/lists" -o Dir::State::status="$d/status" -o Dir::Cache="$d/cache" \
    -o Dir::Log="$d" -o Acquire::Languages=none -o APT::Sandbox::User= \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::CNF::DefaultEnabled=false "$@"
}

lists() { # ARCH: its package lists, fetched once
  local d=$apt/$1
  [ -n "${FRESH:-}" ] || [ ! -e "$d/done" ] || return 0
  mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
  : >"$d/status"
  apt_for "$1" apt-get -q update >"$d/update.log" 2>&1 || die "no package lists for $1: $(tail -1 "$d/update.log")"
  touch "$d/done"
}

deb() { # ARCH PACKAGE: prints the path of the downloaded .deb
  local arch=$1 pkg=$2 dir=$apt/$1/debs file
  mkdir -p "$dir"
  file=$(find "$dir" -name "${pkg}_*.deb" | sort -V | tail -1)
  if [ -z "$file" ] || [ -n "${FRESH:-}" ]; then
    lists "$arch"
    (cd "$dir" && apt_for "$arch" apt-get -q download "$pkg" >download.log 2>&1) ||
      die "cannot download $pkg for $arch: $(tail -1 "$dir/download.log")"
    file=$(find "$dir" -name "${pkg}_*.deb" | sort -V | tail -1)
  fi
  echo "$file"
}

# The meta package (linux-image-4kc-malta) depends on the newest real one.
kernel_package() { # ARCH FLAVOUR
  lists "$1"
  apt_for "$1" apt-cache depends "linux-image-$2" | sed -n "s/.*Depends: \(linux-image-[0-9][^ ]*-$2\)\$/\1/p" | sort -V | tail -1
}

kernel() { # ARCH FLAVOUR
  local arch=$1 dir=$out/$1 pkg file name
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
  echo "guests: $arch/vmlinux is $pkg"
}

initrd() { # ARCH
  local arch=$1 dir=$out/$1 root=$out/$1/root file bench
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
  echo "guests: $arch/initrd.gz $(stat -c %s "$dir/initrd.gz") bytes"
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

[ $# -gt 0 ] || set -- mipsel mips64el uboot
for what in "$@"; do
  case $what in
    mipsel) kernel mipsel 4kc-malta; initrd mipsel ;;
    mips64el) kernel mips64el 5kc-malta; initrd mips64el ;;
    uboot) uboot ;;
    *) die "unknown guest '$what' (mipsel, mips64el, uboot)" ;;
  esac
done
