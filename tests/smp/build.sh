#!/usr/bin/env bash
# Builds the program for several CPUs into tests/smp/images/smp.elf (committed): it starts by Multiboot.
# Needs gcc that makes 32-bit code (any for x86-64 does) and GNU ld.
set -euo pipefail
cd "$(dirname "$0")"
obj=$(mktemp -d)
trap 'rm -rf "$obj"' EXIT
mkdir -p images
flags="-m32 -march=i686 -std=gnu11 -Os -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
  -mgeneral-regs-only -Wall -Wextra -Wno-array-bounds"
gcc $flags -c smp.c -o "$obj/smp.o"
gcc $flags -c start.S -o "$obj/start.o"
ld -m elf_i386 -T smp.ld -z noexecstack --no-warn-rwx-segments --build-id=none -n -s "$obj/start.o" "$obj/smp.o" -o images/smp.elf
ls -l images
