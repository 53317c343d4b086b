#!/usr/bin/env bash
# Records what the lab guest says under QEMU: golden/lab-mipsel.txt and golden/lab-mips.txt.
# A transcript's first line is the command that made it. Record anew after every build.sh: addresses show.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
for arch in mipsel mips; do
  command -v qemu-system-$arch >/dev/null || { echo "golden.sh: needs qemu-system-$arch: apt-get install qemu-system-mips" >&2; exit 1; }
  cmd=(qemu-system-$arch -M malta -cpu 24Kf -m 256 -kernel tests/lab/images/lab-$arch.elf -append 'one two' -net none -vga none -nographic -no-reboot)
  {
    printf '# %s\n' "${cmd[*]@Q}"
    tests/guests/play.sh lab-$arch "${cmd[@]}"
  } >"$here/golden/lab-$arch.txt"
  echo "golden/lab-$arch.txt: $(grep -c '^ok ' "$here/golden/lab-$arch.txt") ok, $(grep '^SELFTEST' "$here/golden/lab-$arch.txt")"
done
