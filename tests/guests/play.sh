#!/usr/bin/env bash
# Plays a guest's golden session on any machine, QEMU's or ours.
#
#   tests/guests/play.sh GUEST COMMAND...            prints the transcript, cut to what must be the same everywhere
#   tests/guests/play.sh --check GUEST COMMAND...    compares it with the golden one: `ok GUEST`, or the difference and status 1
#
# GUEST is mipsel, mips64el, i386, i386-pae, amd64 (Debian), devices-mipsel, devices-mips64el (with disks and a network interface), cards-amd64 (with virtio cards), maltael, malta64el, malta (U-Boot), lab-mipsel or lab-mips (tests/lab). COMMAND is the
# whole command line of a machine with its console on stdin and stdout, as in a golden transcript's first line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
guest=$1
shift
golden=$here/golden/$guest.txt
case $guest in
  lab-*) steps=$top/tests/lab/lab.steps golden=$top/tests/lab/golden/$guest.txt keep=(-e p) ;;
  malta)
    steps=$(mktemp) keep=(-e '/^malta # /,/^END-115200/{p;/^END-115200/q}')
    trap 'rm -f "$steps"' EXIT
    sed 's/maltael #/malta #/' "$here/uboot.steps" >"$steps"
    ;;
  malta*) steps=$here/uboot.steps keep=(-e '/^maltael # /,/^END-115200/{p;/^END-115200/q}') ;;
  *)
    arch=${guest#devices-}
    arch=${arch#cards-}
    release=$(cat "${GUESTS_DIR:-$top/build/guests}/$arch/release")
    steps=$here/session.steps
    case $guest in
      devices-*) steps=$here/devices.steps ;;
      cards-*) steps=$here/cards.steps ;;
    esac
    # Without the kernel's own lines, and the kernel's release by name: fetch.sh takes whatever version Debian has.
    keep=(-e '/^\[ *[0-9]*\.[0-9]*\] /d' -e "s/$release/@RELEASE@/g" -e 's/^.*\(GUEST-BOOT-OK\)/\1/' -e '/^GUEST-BOOT-OK/,/^GUEST-POWEROFF/p')
    ;;
esac
play() { python3 "$here/drive.py" "$steps" -- "$@" | sed -n "${keep[@]}"; }
[ -n "$check" ] || { play "$@"; exit; }
# Notes are where machines may differ, and so are two configuration words (tests/lab/README.md) and the name of a virtual CPU.
compared() { grep -av -e '^note ' -e '^model name' | sed 's/9e190c8f/9e190c8b/; s/Config3 00000000/Config3 00002020/'; }
if play "$@" | compared | diff <(tail -n +2 "$golden" | compared) -; then echo "ok $guest"; else echo "FAIL $guest"; exit 1; fi
