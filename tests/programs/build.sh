#!/usr/bin/env bash
# Builds the bench program, static, into build/programs/<guest>/bench.
#
#   tests/programs/build.sh [native] [mipsel] [mips] [mips64el] [i386] [amd64]     (no argument: all whose compiler is installed)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
all=1
if [ $# -gt 0 ]; then all=; else set -- native mipsel mips mips64el i386 amd64; fi
for guest in "$@"; do
  # On 64-bit guests and on native alike, products and sums must not be fused.
  flags="-std=gnu11 -O2 -static -Wall -Wextra -ffp-contract=off"
  case $guest in
    native) cc=cc pkg=gcc ;;
    mipsel) cc=mipsel-linux-gnu-gcc pkg=gcc-mipsel-linux-gnu ;;
    mips) cc=mips-linux-gnu-gcc pkg=gcc-mips-linux-gnu ;;
    mips64el) cc=mips64el-linux-gnuabi64-gcc pkg=gcc-mips64el-linux-gnuabi64 ;;
    # With x87 arithmetic, sums would not be those of the others.
    i386) cc=i686-linux-gnu-gcc pkg=gcc-i686-linux-gnu flags+=' -march=i686 -msse2 -mfpmath=sse' ;;
    amd64) cc=x86_64-linux-gnu-gcc pkg=gcc-x86-64-linux-gnu ;;
    *) echo "build.sh: unknown guest '$guest' (native, mipsel, mips, mips64el, i386, amd64)" >&2; exit 1 ;;
  esac
  if ! command -v $cc >/dev/null; then
    echo "programs: $guest needs $cc: apt-get install $pkg" >&2
    [ -n "$all" ] && continue
    exit 1
  fi
  out=$top/build/programs/$guest/bench
  if [ -x "$out" ] && [ -z "$(find "$here" \( -name '*.[ch]' -o -name build.sh \) -newer "$out")" ]; then continue; fi
  mkdir -p "$(dirname "$out")"
  $cc $flags "$here"/*.c -o "$out.new"
  mv "$out.new" "$out"
  echo "programs: $guest $(stat -c %s "$out") bytes"
done
