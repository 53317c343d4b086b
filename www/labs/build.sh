#!/usr/bin/env bash
# Builds the labs' programs from their sources (committed, as the lab guest is). Needs clang and lld (Debian: apt-get install clang lld).
set -euo pipefail
cd "$(dirname "$0")"
for tool in clang ld.lld; do
  command -v $tool >/dev/null || { echo "labs: needs $tool: apt-get install clang lld" >&2; exit 1; }
done
object=$(mktemp)
trap 'rm -f "$object"' EXIT
for source in */start.s */solution.s; do
  clang --target=mipsel-none-elf -march=mips32r2 -mno-abicalls -fno-pic -c "$source" -o "$object"
  ld.lld -T lab.ld --no-dynamic-linker -z norelro -n "$object" -o "${source%.s}.elf"
done
