#!/usr/bin/env bash
# Records what QEMU shows of boot.img (golden/*.png): `tests/web/vga/golden.sh`. Needs qemu-system-i386 7.1 or later, with SeaBIOS.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p golden
disk=$(mktemp)
trap 'rm -f "$disk"' EXIT
cp boot.img "$disk"
truncate -s 1440K "$disk"
shot() { sleep 2; echo "screendump golden/$1.png -f png"; }
{
  sleep 3
  for name in text vga13 vga12 vbe101; do
    shot $name
    sleep 1
    echo sendkey spc
  done
  echo quit
} | qemu-system-i386 -M pc -m 32 -net none -display none -monitor stdio -drive "file=$disk,if=floppy,format=raw" >/dev/null
