#!/usr/bin/env bash
# Builds the teaching kernel into tests/teach/images/ (committed): teach.elf starts by Multiboot, teach-pvh.elf by PVH.
# Needs gcc that makes 32-bit code (any for x86-64 does) and GNU ld.
set -euo pipefail
cd "$(dirname "$0")"
obj=$(mktemp -d)
trap 'rm -rf "$obj"' EXIT
mkdir -p images
flags="-m32 -march=i586 -std=gnu11 -Os -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
  -mgeneral-regs-only -fno-omit-frame-pointer -Wall -Wextra -Wno-array-bounds"
gcc $flags -c teach.c -o "$obj/teach.o"
for kind in '' -pvh; do
  gcc $flags ${kind:+-DPVH} -c start.S -o "$obj/start.o"
  ld -m elf_i386 -T teach.ld -z noexecstack --no-warn-rwx-segments --build-id=none -n -s "$obj/start.o" "$obj/teach.o" -o "images/teach$kind.elf"
done
ls -l images
