#!/usr/bin/env bash
# Whole Debian systems on the PC: a root file system on a disk, to a login and through programs that apt brings, and the installer to its
# first screen. Some minutes; not part of `run.sh`. Needs `fetch.sh rootfs installer`.
#
#   tests/guests/system.sh [NAME...]           on our program: TINAMOU, or the build of `cargo build -p tinamou`
#   tests/guests/system.sh --qemu [NAME...]    on QEMU; --record: pictures are taken there anew
#
# Names: virtio, ide (the disk's controller), installer (on the serial port), and each with -i386. Also text, gtk and those with -i386: the
# installer on the screen, in text and in graphics, beside QEMU's picture (screen.py). CPU names a model other than the board's,
# ICOUNT=3 counts time, 2^3 ns an instruction: for a machine so loaded that real time goes too fast for the guest. The last line is `N passed, N failed`.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
g=build/guests
program=${TINAMOU:-${CARGO_TARGET_DIR:-target}/debug/tinamou} qemu= record=
case ${1:-} in
  --qemu) qemu=1; shift ;;
  --record) qemu=1 record=--record; shift ;;
esac
[ $# -gt 0 ] || set -- {virtio,ide,installer}{,-i386}
export TIMEOUT=${TIMEOUT:-900} KEY_TIME=${KEY_TIME:-0.01}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for name in "$@"; do
  case $name in *-i386) target=system-i386 arch=i386 root=$g/rootfs-i386 ;; *) target=system-x86_64 arch=amd64 root=$g/rootfs ;; esac
  kernel=$g/$arch/vmlinux initrd=$root/initrd.gz steps=rootfs append='console=ttyS0 panic=-1 quiet' ram=256 files= picture=
  case $name in
    virtio* | ide*) disk=(-snapshot -drive "file=$root/disk.raw,format=raw,if=${name%-i386}") ;;
    installer*) files=$g/$name steps=installer append='console=ttyS0 TERM=linux --- quiet' ;;
    text*) files=$g/installer${name#text} append='--- quiet' picture=installer ;;
    gtk*) files=$g/installer${name#gtk} append='vga=788 --- quiet' picture=installer-gtk ;;
    *) echo "system.sh: no system '$name'" >&2; exit 2 ;;
  esac
  # The installer's first question needs more than 512 MiB to come before a word about low memory.
  [ -z "$files" ] || ram=1024 disk=() kernel=$files/linux initrd=$files/initrd.gz
  [[ $name != gtk* ]] || initrd=$files/gtk.gz
  [ -s "$initrd" ] || continue
  cmd=("$program" $target -L $g/seabios ${ICOUNT:+-icount "shift=$ICOUNT,sleep=off"})
  # Counted time: on a loaded machine Linux gives up where a timer is late.
  [ -z "$qemu" ] || cmd=(qemu-$target -icount shift=3)
  cmd+=(-M pc ${CPU:+-cpu "$CPU"} -m $ram -no-reboot -net none -kernel "$kernel" -initrd "$initrd" -append "$append" "${disk[@]}")
  if [ -n "$picture" ]; then cmd=("$here/screen.py" $record $picture "${cmd[@]}"); else cmd=("$here/drive.py" "$here/rootfs/$steps.steps" -- "${cmd[@]}" -nographic); fi
  if python3 "${cmd[@]}" >"$log" 2>&1; then
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
