#!/usr/bin/env bash
# Builds the programs of src/ into images/ARCH, with the cross compilers of Debian (gcc-mipsel-linux-gnu and so on), without a C library.
# The images are committed: tests need no compiler.   build.sh [ARCH...]
set -euo pipefail
cd "$(dirname "$0")"
common="-std=gnu11 -O1 -Wall -Wno-unused-function -Wno-main -fno-pic -fno-builtin -nostdlib -static -fno-asynchronous-unwind-tables
  -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,max-page-size=4096 -s"
mips="-mno-abicalls -G0"
x86="-no-pie -fno-stack-protector -fcf-protection=none -Wl,-e,__start"
for arch in ${*:-mipsel mips mips64el mipsn32el mipsn32 i386 x86_64}; do
  case $arch in
    mipsel | mips) cross=$arch-linux-gnu own=$mips ;;
    mips64el) cross=$arch-linux-gnuabi64 own=$mips ;;
    # Debian's 64-bit compiler knows n32; the C library's headers for it are not there.
    mipsn32el) cross=mips64el-linux-gnuabi64 own="$mips -mabi=n32 -ffreestanding" ;;
    mipsn32) cross=mips64el-linux-gnuabi64 own="$mips -mabi=n32 -ffreestanding -EB" ;;
    i386) cross=i686-linux-gnu own=$x86 ;;
    x86_64) cross=x86_64-linux-gnu own="$x86 -mno-red-zone" ;;
  esac
  mkdir -p "images/$arch"
  for src in src/*.c; do
    name=$(basename "$src" .c)
    case $name:$arch in tree:mipsel) ;; tree:*) continue ;; esac
    case $name:$arch in forms:mips* | x86:mips* | debug:mips* | proc:mips* | avx:mips* | int80:mips* | int80:i386) continue ;; esac
    # shellcheck disable=SC2086
    "$cross-gcc" $common $own "$src" -o "images/$arch/$name"
    "$cross-objcopy" -R .comment -R .gnu.attributes -R .pdr -R .note.gnu.property "images/$arch/$name"
  done
done
