#!/usr/bin/env bash
# Builds program.c for each architecture into ../images and ../symbols (user-ARCH), with Debian's cross compilers. Both are committed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
common="-std=gnu11 -O1 -g -Wall -Wno-unused-function -Wno-main -fno-pic -fno-builtin -nostdlib -static -fno-asynchronous-unwind-tables
  -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,max-page-size=4096 -ffile-prefix-map=$PWD=."
x86="-no-pie -fno-stack-protector -fcf-protection=none -Wl,-e,__start"
for arch in mipsel mips i386 x86_64; do
  case $arch in
    mips*) cross=$arch-linux-gnu own="-mno-abicalls -G0" ;;
    i386) cross=i686-linux-gnu own=$x86 ;;
    x86_64) cross=x86_64-linux-gnu own="$x86 -mno-red-zone" ;;
  esac
  # shellcheck disable=SC2086
  "$cross-gcc" $common $own "$PWD/tests/gdb/user/program.c" -o "tests/gdb/symbols/user-$arch.debug"
  "$cross-strip" -s -R .comment -R .gnu.attributes -R .pdr -R .note.gnu.property "tests/gdb/symbols/user-$arch.debug" \
    -o "tests/gdb/images/user-$arch.elf"
done
