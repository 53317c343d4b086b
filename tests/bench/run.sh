#!/usr/bin/env bash
# Our speed beside QEMU's and v86's, natively, in Node and in Chromium: machines (bench.py), and programs without one (user.py).
#
#   tests/bench/run.sh [PART...] [--only ROWS] [--hosts NAMES] [--repeat N] [--scale X] [--json FILE]
#
# Parts: mipsel, i386, amd64 (machines), user-mipsel, user-i386, user-x86_64; without any: all of them.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
parts=() json='' status=0
while [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; do parts+=("$1"); shift; done
[ ${#parts[@]} -gt 0 ] || parts=(mipsel i386 amd64 user-i386 user-x86_64 user-mipsel)
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
command -v qemu-system-mipsel >/dev/null || echo "bench: no qemu-system-mipsel (apt-get install qemu-system-mips): no ratios to it" >&2
command -v qemu-system-x86_64 >/dev/null || echo "bench: no qemu-system-x86_64 (apt-get install qemu-system-x86): no ratios to it" >&2
command -v qemu-mipsel-static >/dev/null || echo "bench: no qemu-mipsel-static (apt-get install qemu-user-static): no ratios to it" >&2

# v86, which the page does not need.
case " ${parts[*]} " in
  *' i386 '*)
    [ -e "$here/node_modules/v86" ] || (cd "$here" && npm ci --silent --no-audit --no-fund) || echo "bench: no v86 from npm: no ratios to it" >&2
    ;;
esac
for part in "${parts[@]}"; do
  guest=${part#user-}
  case $part in mipsel) ;; *) "$here/guest.sh" "${guest/x86_64/amd64}" || { status=1; continue; } ;; esac
  # One file a part.
  to=()
  [ -z "$json" ] || { to=(--json "$json"); [ ${#parts[@]} = 1 ] || to=(--json "${json%.json}-$part.json"); }
  case $part in
    user-*) python3 "$here/user.py" --guest "$guest" "${arguments[@]}" "${to[@]}" || status=1 ;;
    *) python3 "$here/bench.py" --guest "$guest" "${arguments[@]}" "${to[@]}" || status=1 ;;
  esac
done
exit $status
