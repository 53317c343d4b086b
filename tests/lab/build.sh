#!/usr/bin/env bash
# Builds the lab guest, both byte orders, into tests/lab/images/ (committed: the emulator embeds them), and what gdb wants to know
# about it into tests/gdb/symbols/ (committed too).
# Needs clang, ld.lld and llvm-objcopy (Debian: apt-get install clang lld llvm).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
for tool in clang ld.lld llvm-objcopy; do
  command -v $tool >/dev/null || { echo "lab: needs $tool: apt-get install clang lld llvm" >&2; exit 1; }
done
common="-march=mips32r2 -mno-abicalls -fno-pic -msoft-float -G0 -ffreestanding -nostdlib -gdwarf-4 -ffile-prefix-map=$top=. -Wall -Wextra -std=gnu11"
for arch in mipsel mips; do
  obj=$top/build/lab/$arch
  mkdir -p "$obj"
  objects=()
  compile() { # OBJECT SOURCE FLAGS...
    clang --target=$arch-none-elf $common "${@:3}" -c "$2" -o "$obj/$1.o"
    objects+=("$obj/$1.o")
  }
  for s in start faults; do compile $s "$here/src/$s.S"; done
  for c in main console trap board selftest inttest exctest tlbtest codetest fputest irqtest; do compile $c "$here/src/$c.c" -Oz; done
  compile bench "$here/src/bench.c" -O2 -fno-builtin
  for w in intmix sha256 qsort memcpy; do compile work-$w "$top/tests/programs/$w.c" -O2 -I"$here/src/include"; done
  ld.lld -T "$here/lab.ld" --no-dynamic-linker -z norelro -n "${objects[@]}" -o "$obj/lab.elf"
  llvm-objcopy --strip-sections "$obj/lab.elf" "$here/images/lab-$arch.elf"
  llvm-objcopy --only-keep-debug "$obj/lab.elf" "$top/tests/gdb/symbols/lab-$arch.debug"
  echo "lab: images/lab-$arch.elf $(stat -c %s "$here/images/lab-$arch.elf") bytes"
done
