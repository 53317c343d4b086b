#!/usr/bin/env bash
# What a PC's firmware starts, from build/guests (fetch.sh seabios media): its own menu, our boot sector from floppy and disk, GRUB's rescue CD and
# floppy, SYSLINUX with Linux from a FAT disk, and memtest86+ (without firmware) through a whole pass.
#
#   tests/guests/media.sh [NAME...]           on our program: TINAMOU, or the build of `cargo build -p tinamou`
#   tests/guests/media.sh --qemu [NAME...]    on QEMU
#
# Names: those below, and memtest32. A medium passes if all its steps (media/*.steps) are met. The last line is `N passed, N failed`.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
m=build/guests/media
program=${TINAMOU:-${CARGO_TARGET_DIR:-target}/debug/tinamou} qemu=
if [ "${1:-}" = --qemu ]; then qemu=1; shift; fi
[ $# -gt 0 ] || set -- menu sector-floppy sector-disk grub-cd grub-floppy fat isapc memtest64
export KEY_TIME=${KEY_TIME:-0.05} TIMEOUT=${TIMEOUT:-300}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

for name in "$@"; do
  # Idle time passes at once, but in the menu, which waits for a key.
  target=system-i386 ram=64 file= args=() board=pc idle=(-icount shift=4,sleep=off)
  case $name in
    menu)
      steps=menu file=sector.img idle=() args=(-boot order=ac,menu=on,splash-time=30000
        -snapshot -drive "file=$m/sector.img,if=floppy,format=raw" -drive "file=$m/fat.img,format=raw")
      ;;
    sector-floppy) steps=sector file=sector.img args=(-drive "file=$m/sector.img,if=floppy,format=raw,readonly=on" -boot a) ;;
    sector-disk) steps=sector file=sector.img args=(-snapshot -drive "file=$m/sector.img,format=raw" -boot c) ;;
    grub-cd) steps=grub file=grub-cd.iso args=(-cdrom $m/grub-cd.iso -boot d) ;;
    grub-floppy) steps=grub file=grub-floppy.img args=(-drive "file=$m/grub-floppy.img,if=floppy,format=raw,readonly=on" -boot a) ;;
    fat) steps=fat file=fat.img ram=128 args=(-snapshot -drive "file=$m/fat.img,format=raw" -boot c) ;;
    # Debian's kernel has no use for an APIC without tables: QEMU's isapc needs the same.
    isapc) steps=isapc file=fat.img ram=128 board=isapc args=(-cpu pentium3,-apic -snapshot -drive "file=$m/fat.img,format=raw" -boot c) ;;
    memtest32) steps=memtest file=memtest32.bin ram=8 args=(-kernel $m/memtest32.bin -append console=ttyS0,115200) ;;
    memtest64) steps=memtest file=memtest64.bin ram=8 target=system-x86_64 args=(-kernel $m/memtest64.bin -append console=ttyS0,115200) ;;
    *) echo "media.sh: no medium '$name'" >&2; exit 2 ;;
  esac
  [ -s "$m/$file" ] || continue
  cmd=("$program" "$target" -nographic -L build/guests/seabios "${idle[@]}")
  [ -z "$qemu" ] || cmd=("qemu-$target" -display none -serial stdio -monitor none -machine graphics=off -vga none)
  if python3 "$here/drive.py" "$here/media/$steps.steps" -- "${cmd[@]}" -M $board -m $ram -no-reboot -net none "${args[@]}" >"$log"; then
    echo "ok $name"
    passed=$((passed + 1))
  else
    tail -c 1000 "$log"
    echo "FAIL $name"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
