#!/usr/bin/env bash
# Whole Debian systems on the PC: a root file system on a disk, to a login and through programs that apt brings, and the installer to its
# first screen. Some minutes; not part of `run.sh`. Needs `fetch.sh rootfs installer`.
#
#   tests/guests/system.sh [NAME...]           on our program: TINAMOU, or the build of `cargo build -p tinamou`
#   tests/guests/system.sh --qemu [NAME...]    on QEMU
#
# Names: virtio, ide (the disk's controller), installer, installer-i386; CPU names a model other than the board's. The last line is `N passed, N failed`.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
g=build/guests
program=${TINAMOU:-${CARGO_TARGET_DIR:-target}/debug/tinamou} qemu=
if [ "${1:-}" = --qemu ]; then qemu=1; shift; fi
[ $# -gt 0 ] || set -- virtio ide installer installer-i386
export TIMEOUT=${TIMEOUT:-900} KEY_TIME=${KEY_TIME:-0.01}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for name in "$@"; do
  kernel=$g/amd64/vmlinux initrd=$g/rootfs/initrd.gz steps=rootfs disk=(-snapshot) append='console=ttyS0 panic=-1 quiet' ram=256
  case $name in
    virtio) disk+=(-drive "file=$g/rootfs/disk.raw,format=raw,if=virtio") ;;
    ide) disk+=(-drive "file=$g/rootfs/disk.raw,format=raw,if=ide") ;;
    installer | installer-i386)
      kernel=$g/$name/linux initrd=$g/$name/initrd.gz steps=installer disk=() ram=1024
      append='console=ttyS0 TERM=linux --- quiet'
      ;;
    *) echo "system.sh: no system '$name'" >&2; exit 2 ;;
  esac
  [ -s "$initrd" ] || continue
  target=system-x86_64
  case $name in *-i386) target=system-i386 ;; esac
  cmd=("$program" $target)
  [ -z "$qemu" ] || cmd=(qemu-$target)
  if python3 "$here/drive.py" "$here/rootfs/$steps.steps" -- "${cmd[@]}" -M pc ${CPU:+-cpu "$CPU"} -m $ram -nographic -no-reboot -net none \
    -kernel "$kernel" -initrd "$initrd" -append "$append" "${disk[@]}" >"$log" 2>&1; then
    echo "ok $name"
    passed=$((passed + 1))
  else
    tail -c 1500 "$log"
    echo "FAIL $name"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
