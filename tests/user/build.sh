#!/usr/bin/env bash
# Builds the programs of src/ into images/ARCH, with the cross compilers of Debian (gcc-mipsel-linux-gnu and so on), without a C library.
# The images are committed: tests need no compiler.
set -euo pipefail
cd "$(dirname "$0")"
for pair in mipsel:mipsel-linux-gnu mips:mips-linux-gnu mips64el:mips64el-linux-gnuabi64; do
  arch=${pair%%:*} cross=${pair##*:}
  mkdir -p "images/$arch"
  for src in src/*.c; do
    name=$(basename "$src" .c)
    "$cross-gcc" -std=gnu11 -O1 -Wall -Wno-unused-function -Wno-main -fno-pic -mno-abicalls -fno-builtin -nostdlib -static \
      -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,max-page-size=4096 -s -G0 "$src" -o "images/$arch/$name"
    "$cross-objcopy" -R .comment -R .gnu.attributes -R .pdr "images/$arch/$name"
  done
done
