#!/usr/bin/env bash
# Records golden/ARCH/NAME.txt with QEMU's user mode (qemu-user-static 7.2). What is then put right is where QEMU
# differs from Linux: `protect a hole` must be -12 (ENOMEM), `beyond brk` -14 (EFAULT), since a heap that shrinks is unmapped, and a trap with
# code 7 is SIGFPE with FPE_INTDIV and the instruction's address (linux/arch/mips/kernel/traps.c, do_trap_or_bp).
set -euo pipefail
cd "$(dirname "$0")"
for arch in ${*:-mipsel mips mips64el}; do
  mkdir -p "golden/$arch"
  qemu=qemu-$arch-static
  for name in start memory signals threads ipc; do
    T=1 "$qemu" "images/$arch/$name" a 'b c' >"golden/$arch/$name.txt" 2>/dev/null || true
  done
  sed -i 's/^protect a hole 0/protect a hole -12/; s/^beyond brk 0/beyond brk -14/' "golden/$arch/memory.txt"
  perl -0pi -e 's/fault 5\ncode 128\naddress 1/fault 8\ncode 1\naddress 0/' "golden/$arch/signals.txt"
  dir=$(mktemp -d)
  "$qemu" "images/$arch/files" "$dir" >"golden/$arch/files.txt"
  rm -rf "$dir"
done
