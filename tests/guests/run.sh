#!/usr/bin/env bash
# Plays golden sessions on the native program in counted time: disks and network interface under Linux, the network behind it (net.py), the PC, 64-bit firmware, and
# what a PC's firmware starts (media.sh); what build/guests has of it. (The other sessions run on every host: tests/web/run-same.mjs.) Needs `cargo build -p tinamou`;
# TINAMOU names another program. The last line is `N passed, N failed`.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
program=${TINAMOU:-${CARGO_TARGET_DIR:-target}/debug/tinamou}
g=build/guests disks=build/guests/disks
passed=0 failed=0

# play SESSION TARGET ARGUMENT...
play() {
  local session=$1 target=$2 board=malta
  shift 2
  case $target in system-i386 | system-x86_64) board=pc ;; esac
  if "$here/play.sh" --check "$session" "$program" "$target" -M $board -m 256 -nographic -no-reboot \
    -icount shift=4,sleep=off "$@" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

# devices ARCH CPU DISK...
devices() {
  local dir=$g/$1
  [ -e "$dir/initrd-devices.gz" ] || return 0
  play "devices-$1" "system-$1" -cpu "$2" -kernel "$dir/vmlinux" -initrd "$dir/initrd-devices.gz" \
    -append 'console=ttyS0 panic=-1 quiet' -cdrom $disks/cd.raw "${@:3}"
}

# The guest writes: into a copy here, into an overlay below.
[ ! -e $disks/disk.qcow2 ] || cp $disks/disk.qcow2 $disks/written.qcow2
devices mipsel 24Kf -hda $disks/written.qcow2
devices mips64el MIPS64R2-generic -snapshot -hda $disks/disk.raw
for guest in i386:system-i386 i386-pae:system-i386 amd64:system-x86_64; do
  dir=$g/${guest%%:*}
  [ ! -e "$dir/initrd.gz" ] || play "${guest%%:*}" "${guest#*:}" -net none -kernel "$dir/vmlinux" -initrd "$dir/initrd.gz" \
    -append 'console=ttyS0 panic=-1 quiet'
done
# Virtio cards, MSI, and a folder of this host by 9P.
if [ -e $g/amd64/initrd-cards.gz ] && [ -e $disks/disk.raw ]; then
  "$here/cards/folder.sh" $g/share
  play cards-amd64 system-x86_64 -net none -kernel $g/amd64/vmlinux -initrd $g/amd64/initrd-cards.gz -append 'console=ttyS0 panic=-1 quiet' \
    -snapshot -device virtio-rng-pci -drive file=$disks/disk.raw,format=raw,if=virtio -virtfs local,path=$g/share,mount_tag=share,security_model=none
fi
# Linux on the screen and the keyboard, beside QEMU's picture.
if [ -e $g/i386/initrd.gz ] && [ -e $g/seabios/vgabios-stdvga.bin ]; then
  if "$here/screen.py" i386 "$program" system-i386 -M pc -m 128 -net none -L $g/seabios -kernel $g/i386/vmlinux -initrd $g/i386/initrd.gz -append console=tty0; then
    passed=$((passed + 1))
  else
    echo "FAIL screen" && failed=$((failed + 1))
  fi
fi
# Cards come and go while Linux runs.
if [ -e $g/i386/initrd.gz ]; then
  if python3 "$here/eject.py" "$program" system-i386 $g/i386; then
    echo "ok eject" && passed=$((passed + 1))
  else
    echo "FAIL eject" && failed=$((failed + 1))
  fi
fi
# net NAME ARGUMENT...: the network, in real time, with servers on this host.
net() {
  if "$here/net.py" "$@" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
dir=$g/mipsel
[ ! -e $dir/net.gz ] || net mipsel "$program" system-mipsel -M malta -cpu 24Kf -m 256 -nographic -no-reboot -nic @NET@ -kernel $dir/vmlinux -initrd $dir/initrd-net.gz
dir=$g/i386
[ ! -e $dir/net.gz ] || net i386 "$program" system-i386 -m 256 -nographic -no-reboot -nic @NET@,model=virtio-net-pci -kernel $dir/vmlinux -initrd $dir/initrd-net.gz
[ ! -e $g/uboot/malta64el.bin ] || play malta64el system-mips64el -cpu MIPS64R2-generic -bios $g/uboot/malta64el.bin
[ ! -e $g/uboot/malta.bin ] || play malta system-mips -cpu 24Kf -bios $g/uboot/malta.bin
TINAMOU=$program "$here/media.sh" || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
