#!/usr/bin/env bash
# Records what QEMU's pc prints when the teaching kernel runs: golden/teach.txt (Multiboot) and golden/teach-pvh.txt. The disk and the
# module are those of crate/tests/teach.rs. One line is as the manual has it, not as QEMU does: without KVM it checks no segment limits.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 - "$work" <<'PY'
import sys
open(sys.argv[1] + "/disk.img", "wb").write(bytes((7 * i + i // 512) & 255 for i in range(64 * 512)))
open(sys.argv[1] + "/module", "wb").write(b"MODULE of the teaching kernel\n")
PY
mkdir -p golden
for kind in teach teach-pvh; do
  cmd=(qemu-system-i386 -M pc -m 32 -display none -serial stdio -monitor none -vga none -net none -no-reboot -snapshot)
  {
    printf '# %s\n' "${cmd[*]} -kernel $kind.elf -initrd module -append 'one two' -drive file=disk.img,format=raw"
    "${cmd[@]}" -kernel "images/$kind.elf" -initrd "$work/module" -append 'one two' \
      -drive "file=$work/disk.img,format=raw" </dev/null | tr -d '\r' | sed -n '/^TEACH-BEGIN/,$p' |
      sed 's/^beyond a limit raises 000000ff/beyond a limit raises 0000000d/'
  } >"golden/$kind.txt"
done
wc -l golden/*
