#!/usr/bin/env bash
# Records what QEMU's malta and pc say in the scripted session: golden/<guest>.txt. maltael and malta64el are U-Boot.
#
#   tests/guests/golden.sh [mipsel] [mips64el] [i386] [i386-pae] [amd64] [devices-mipsel] [devices-mips64el] [cards-amd64] [maltael] [malta64el] [malta]
#
# A transcript's first line is the command that made it; the rest is what play.sh keeps, the same on any correct machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
append='console=ttyS0 panic=-1 quiet'
[ $# -gt 0 ] || set -- mipsel mips64el i386 amd64 devices-mipsel devices-mips64el cards-amd64 maltael malta64el malta
for guest in "$@"; do
  board=malta
  case $guest in
    mipsel | devices-mipsel | maltael) qemu=qemu-system-mipsel cpu=24Kf ;;
    mips64el | devices-mips64el | malta64el) qemu=qemu-system-mips64el cpu=MIPS64R2-generic ;;
    malta) qemu=qemu-system-mips cpu=24Kf ;;
    i386 | i386-pae) qemu=qemu-system-i386 cpu=qemu32 board=pc ;;
    amd64 | cards-amd64) qemu=qemu-system-x86_64 cpu=qemu64 board=pc ;;
    *) echo "golden.sh: unknown guest '$guest'" >&2; exit 1 ;;
  esac
  command -v $qemu >/dev/null || { echo "golden.sh: needs $qemu: apt-get install qemu-system-mips qemu-system-x86" >&2; exit 1; }
  cmd=($qemu -M $board -cpu $cpu -m 256 -vga none -nographic -no-reboot)
  case $guest in
    devices-*)
      # The interface is there, and what it sends goes nowhere. Snapshot: the disks stay as they are.
      g=build/guests/${guest#devices-}
      cmd+=(-net nic,model=pcnet -global pcnet.romfile= -snapshot -drive file=build/guests/disks/disk.raw,format=raw -cdrom build/guests/disks/cd.raw)
      cmd+=(-kernel "$g/vmlinux" -initrd "$g/initrd-devices.gz" -append "$append")
      ;;
    cards-*)
      g=build/guests/${guest#cards-}
      tests/guests/cards/folder.sh build/guests/share
      cmd+=(-net none -kernel "$g/vmlinux" -initrd "$g/initrd-cards.gz" -append "$append" -snapshot -device virtio-rng-pci
        -drive file=build/guests/disks/disk.raw,format=raw,if=virtio -virtfs local,path=build/guests/share,mount_tag=share,security_model=none)
      ;;
    malta*)
      cmd+=(-net nic,model=pcnet -global pcnet.romfile= -bios build/guests/uboot/$guest.bin)
      ;;
    *)
      g=build/guests/$guest
      cmd+=(-net none -kernel "$g/vmlinux" -initrd "$g/initrd.gz" -append "$append")
      ;;
  esac
  {
    printf '# %s\n' "${cmd[*]@Q}"
    tests/guests/play.sh "$guest" "${cmd[@]}"
  } >"$here/golden/$guest.txt"
  echo "golden/$guest.txt: $(wc -l <"$here/golden/$guest.txt") lines"
done
