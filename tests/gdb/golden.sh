#!/usr/bin/env bash
# Records what gdb says of the session under QEMU: golden/mipsel.txt and golden/mips.txt. The first line is QEMU's command.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
dir=$(mktemp -d)
trap 'kill $qemu 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p tests/gdb/golden
for arch in mipsel mips; do
  command=(qemu-system-$arch -M malta -cpu 24Kf -m 256 -kernel tests/lab/images/lab-$arch.elf -net none -vga none -display none -serial null -monitor none -no-reboot -S)
  "${command[@]}" -gdb "unix:$dir/$arch,server=on,wait=off" &
  qemu=$!
  while [ ! -S "$dir/$arch" ]; do sleep 0.1; done
  {
    printf '# %s\n' "${command[*]}"
    tests/gdb/play.sh "$arch" "$dir/$arch"
  } >tests/gdb/golden/$arch.txt
  kill $qemu
  wait $qemu 2>/dev/null || true
  echo "tests/gdb/golden/$arch.txt: $(wc -l <tests/gdb/golden/$arch.txt) lines"
done
