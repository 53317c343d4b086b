#!/usr/bin/env bash
# Records what gdb says of the session under QEMU: golden/mipsel.txt, mips.txt, mips64el.txt, mips64.txt, pc-i386.txt and pc-x86_64.txt; and of running backwards under ours (the
# program that `cargo build` made): golden/reverse-*.txt. The first line is the command. Record anew after tests/lab/build.sh
# or tests/gdb/pc/build.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
dir=$(mktemp -d)
trap 'kill $qemu 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p tests/gdb/golden
# record TRANSCRIPT SYMBOLS SCRIPT COMMAND...
record() {
  local name=$1 symbols=$2 script=$3
  shift 3
  rm -f "$dir/socket"
  "$@" -gdb "unix:$dir/socket,server=on,wait=off" 2>/dev/null &
  qemu=$!
  while [ ! -S "$dir/socket" ]; do sleep 0.1; done
  {
    printf '# %s\n' "$*"
    tests/gdb/play.sh "$symbols" "$dir/socket" "$script"
  } >"tests/gdb/golden/$name.txt"
  kill $qemu
  wait $qemu 2>/dev/null || true
  echo "tests/gdb/golden/$name.txt: $(wc -l <"tests/gdb/golden/$name.txt") lines"
}
ours=${CARGO_TARGET_DIR:-target}/debug
for arch in mipsel mips; do
  machine=(-M malta -cpu 24Kf -m 256 -kernel tests/lab/images/lab-$arch.elf -net none -display none -serial null -no-reboot -S)
  record $arch lab-$arch tests/gdb/session.gdb qemu-system-$arch -vga none -monitor none "${machine[@]}"
  PATH=$ours:$PATH record reverse-$arch lab-$arch tests/gdb/reverse.gdb tinamou system-$arch -icount 1,sleep=off "${machine[@]}"
done
for arch in mips64el mips64; do
  record $arch $arch tests/gdb/session64.gdb qemu-system-$arch -vga none -monitor none -M malta -cpu 5Kf -m 256 \
    -kernel tests/lab/images/lab-mips${arch#mips64}.elf -net none -display none -serial null -no-reboot -S
done
for arch in i386 x86_64; do
  record pc-$arch pc-$arch tests/gdb/session-pc.gdb qemu-system-$arch -M pc -m 64 -kernel tests/gdb/images/pc-$arch.elf \
    -net none -vga none -display none -serial null -monitor none -no-reboot -S
done
# Programs: QEMU waits at the socket, which it makes itself. It has no watchpoints for them: those are
# recorded with ours, and read before they are kept.
for arch in mipsel mips i386 x86_64; do
  {
    echo "# qemu-$arch-static -g SOCKET tests/gdb/images/user-$arch.elf"
    rm -f "$dir/socket"
    "qemu-$arch-static" -g "$dir/socket" tests/gdb/images/user-$arch.elf >/dev/null 2>&1 &
    while [ ! -S "$dir/socket" ]; do sleep 0.1; done
    tests/gdb/play.sh user-$arch "$dir/socket" tests/gdb/session-user.gdb
  } >"tests/gdb/golden/user-$arch.txt"
  {
    echo "# tinamou $arch -g SOCKET tests/gdb/images/user-$arch.elf"
    rm -f "$dir/socket"
    "$ours/tinamou" $arch -g "$dir/socket" tests/gdb/images/user-$arch.elf >/dev/null 2>&1 &
    while [ ! -S "$dir/socket" ]; do sleep 0.1; done
    tests/gdb/play.sh user-$arch "$dir/socket" tests/gdb/session-watch.gdb
  } >"tests/gdb/golden/watch-$arch.txt"
done
