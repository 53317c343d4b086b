#!/usr/bin/env bash
# The user mode beside qemu-mipsel-static, as ratios of CPU time (user and system, all threads): the start of a static program, and work loops
# of tests/programs. Above 1: QEMU takes longer.
#
#   tests/bench/user.sh [TINAMOU]      (default: the release build)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
ours=${1:-${CARGO_TARGET_DIR:-$top/target}/release/tinamou}
"$top/tests/programs/build.sh" mipsel
bench=$top/build/programs/mipsel/bench
start=$top/tests/user/images/mipsel/start
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
  q=$(cpu "${many[@]}" qemu-mipsel-static "$@")
  o=$(cpu "${many[@]}" "$ours" mipsel "$@")
  awk -v n="$name" -v q="$q" -v o="$o" 'BEGIN {printf "%-10s %.2f\n", n, q / (o > 0 ? o : 0.001)}'
}
many=(many)
row start "$start"
many=()
row intmix "$bench" intmix 30000
row sha256 "$bench" sha256 260000
row syscalls "$bench" syscalls 2000000
row forks "$bench" forks 1000
row matmul "$bench" matmul 800
