#!/usr/bin/env bash
# Builds the bench program, static, into build/programs/<guest>/bench.
#
#   tests/programs/build.sh [native] [mipsel] [mips] [mips64el]     (no argument: all whose compiler is installed)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
all=1
if [ $# -gt 0 ]; then all=; else set -- native mipsel mips mips64el; fi
for guest in "$@"; do
  # On 64-bit guests and on native alike, products and sums must not be fused.
  flags="-std=gnu11 -O2 -static -Wall -Wextra -ffp-contract=off"
  case $guest in
    native) cc=cc pkg=gcc ;;
    mipsel) cc=mipsel-linux-gnu-gcc pkg=gcc-mipsel-linux-gnu ;;
    mips) cc=mips-linux-gnu-gcc pkg=gcc-mips-linux-gnu ;;
    mips64el) cc=mips64el-linux-gnuabi64-gcc pkg=gcc-mips64el-linux-gnuabi64 ;;
    *) echo "build.sh: unknown guest '$guest' (native, mipsel, mips, mips64el)" >&2; exit 1 ;;
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
