#!/usr/bin/env bash
# Records what QEMU's pc prints with 1, 2, 4 and 8 CPUs: golden/smp-N.txt.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p golden
cmd=(qemu-system-i386 -M pc -accel tcg,thread=single -m 32 -display none -serial stdio -monitor none -vga none -net none -no-reboot)
for n in 1 2 4 8; do
  {
    printf '# %s\n' "${cmd[*]} -kernel smp.elf -smp $n"
    "${cmd[@]}" -kernel images/smp.elf -smp "$n" </dev/null | tr -d '\r' | sed -n '/^SMP-BEGIN/,$p'
  } >"golden/smp-$n.txt"
done
wc -l golden/*
