#!/usr/bin/env bash
# The user mode beside qemu-user-static, as ratios of CPU time (user and system, all threads): the start of a static program, and work loops
# of tests/programs. Above 1: QEMU takes longer.
#
#   tests/bench/user.sh [TINAMOU] [mipsel] [mips64el] [i386] [x86_64]      (default: the release build, mipsel)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
ours=${1:-${CARGO_TARGET_DIR:-$top/target}/release/tinamou}
shift || true
[ $# -gt 0 ] || set -- mipsel
TIMEFORMAT='%U %S'

cpu() { # COMMAND...: CPU seconds of the command
  local t
  t=$({ time "$@" >/dev/null 2>&1 || true; } 2>&1 | tail -1)
  awk '{print $1 + $2}' <<<"$t"
}
many() { for _ in $(seq 20); do "$@"; done; }
row() { # NAME ARGS...
  local name=$1 q o
  shift
  q=$(cpu "${many[@]}" "qemu-$guest-static" "$@")
  o=$(cpu "${many[@]}" "$ours" "$guest" "$@")
  awk -v n="$name" -v q="$q" -v o="$o" 'BEGIN {printf "%-10s %.2f\n", n, q / (o > 0 ? o : 0.001)}'
}
for guest in "$@"; do
  "$top/tests/programs/build.sh" "${guest/x86_64/amd64}"
  bench=$top/build/programs/${guest/x86_64/amd64}/bench
  echo "$guest"
  many=(many)
  row start "$top/tests/user/images/$guest/start"
  many=()
  row intmix "$bench" intmix 30000
  row sha256 "$bench" sha256 260000
  row syscalls "$bench" syscalls 2000000
  row forks "$bench" forks 1000
  row matmul "$bench" matmul 800
done
