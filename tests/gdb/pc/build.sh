#!/usr/bin/env bash
# Builds the program that gdb's sessions on the PC debug: images/pc-ARCH.elf (multiboot, committed) and symbols/pc-ARCH.debug
# (committed too). Needs gcc for x86 with its 32-bit half (the compiler alone; no library) and binutils.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
obj=$top/build/gdb-pc
mkdir -p "$obj" "$here/../images"
common="-ffreestanding -nostdlib -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
  -mno-red-zone -gdwarf-4 -ffile-prefix-map=$top=. -Wall -Wextra -std=gnu11 -O1 -fno-omit-frame-pointer"
build() { # ARCH WIDTH EMULATION FLAGS...
  gcc -m"$2" $common "${@:4}" -c "$here/start.S" -o "$obj/start-$1.o"
  gcc -m"$2" $common "${@:4}" -c "$here/pc.c" -o "$obj/pc-$1.o"
  ld -m "$3" -n --build-id=none -z noexecstack -e start -T "$here/pc.ld" "$obj/start-$1.o" "$obj/pc-$1.o" -o "$obj/$1.elf"
  objcopy -S -O elf32-i386 "$obj/$1.elf" "$here/../images/pc-$1.elf"
  objcopy --only-keep-debug "$obj/$1.elf" "$here/../symbols/pc-$1.debug"
  echo "pc-$1: $(stat -c %s "$here/../images/pc-$1.elf") bytes"
}
build i386 32 elf_i386 -march=pentium3 -mfpmath=387
build x86_64 64 elf_x86_64 -DWIDE
