#!/usr/bin/env bash
# Runs Debian's programs of the userlands in build/guests (userland.sh fetches them) in the user mode, beside what they print natively:
# busybox, bash, coreutils, grep, sed, perl and python3 with scripts that compute, fork, wait and talk. Needs `cargo build -p tinamou`; TINAMOU names
# another program. The last line is `N passed, N failed`.
#
#   tests/guests/programs.sh [ARCH...]        (no argument: those that were fetched of mipsel, mips64el, i386, amd64)
#   tests/guests/programs.sh --golden         records programs/*.txt, as root on x86-64, with amd64's userland under Linux itself
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${TINAMOU:-${CARGO_TARGET_DIR:-$top/target}/debug/tinamou}
guests=${GUESTS_DIR:-$top/build/guests}
environment=(LC_ALL=C PATH=/usr/bin:/bin HOME=/root PYTHONHASHSEED=0)

# words SCRIPT: the command that runs it.
words() {
  case $1 in
    *.sh) echo /bin/busybox sh -c ;;
    *.bash) echo /bin/bash -c ;;
    *.pl) echo /usr/bin/perl -e ;;
    *.py) echo /usr/bin/python3.11 -c ;;
  esac
}

if [ "${1:-}" = --golden ]; then
  root=$guests/amd64/userland
  mkdir -p "$root/dev" "$root/proc"
  mount --bind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  for script in "$here"/programs/*.{sh,bash,pl,py}; do
    # shellcheck disable=SC2046
    env -i "${environment[@]}" timeout 60 "$(command -v chroot)" "$root" $(words "$script") "$(cat "$script")" </dev/null >"${script%.*}.txt" 2>/dev/null
  done
  umount "$root/proc" "$root/dev"
  exit
fi

passed=0 failed=0
[ $# -gt 0 ] || set -- mipsel mips64el i386 amd64
for arch in "$@"; do
  root=$guests/$arch/userland
  [ -e "$root/.done" ] || continue
  target=${arch/amd64/x86_64}
  for script in "$here"/programs/*.{sh,bash,pl,py}; do
    name=$arch/$(basename "${script%.*}")
    # shellcheck disable=SC2046
    if difference=$(env -i "${environment[@]}" timeout 120 "$program" "$target" -root "$root" $(words "$script") "$(cat "$script")" \
      </dev/null 2>/dev/null | diff "${script%.*}.txt" - 2>&1); then
      echo "ok      $name"
      passed=$((passed + 1))
    else
      echo "FAILED  $name"
      printf '%s\n' "$difference" | head -20
      failed=$((failed + 1))
    fi
  done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
