#!/usr/bin/env bash
# Records golden/ARCH/NAME.txt. For MIPS with QEMU's user mode (qemu-user-static 7.2). What is then put right is where QEMU
# differs from Linux: `protect a hole` must be -12 (ENOMEM), `beyond brk` -14 (EFAULT), since a heap that shrinks is unmapped, and a trap with
# code 7 is SIGFPE with FPE_INTDIV and the instruction's address (linux/arch/mips/kernel/traps.c, do_trap_or_bp).
# `terminals` is the same on MIPS as on i386, recorded there, but for the number of EMSGSIZE.
# For i386 and x86_64 on the Linux of an x86-64 computer itself (recorded with 6.18): it runs both. (QEMU 7.2's i386 dies in `signals`.)
# `forms` needs a CPU with AVX2, FMA, SHA and SSE4A.
set -euo pipefail
cd "$(dirname "$0")"
for arch in ${*:-i386 x86_64 mipsel mips mips64el mipsn32el mipsn32}; do
  mkdir -p "golden/$arch"
  run=() names="start memory signals threads ipc terminals"
  case $arch in
    mips*) run=("qemu-$arch-static") ;;
    i386) names="$names x86 ptrace debug proc avx" ;;
    x86_64) names="$names x86 ptrace debug proc avx int80" ;;
  esac
  case $arch in mips*) names=${names% terminals} ;; esac
  for name in $names; do
    env -i T=1 "${run[@]}" "images/$arch/$name" a 'b c' >"golden/$arch/$name.txt" 2>/dev/null || true
  done
  dir=$(mktemp -d)
  for name in files inotify; do
    "${run[@]}" "images/$arch/$name" "$dir" >"golden/$arch/$name.txt"
  done
  rm -rf "$dir"
  if [ ${#run[@]} = 0 ]; then
    # Random programs of instruction forms: many, and few that run until they are compiled.
    bits=$([ $arch = i386 ] && echo 32 || echo 64)
    for kind in insn fp avx ext; do
      for size in "16 60" "800 16"; do
        echo "== $kind$bits $size"
        # shellcheck disable=SC2086
        "images/$arch/forms" -r "../../crate/guest/x86/tests/golden/$kind$bits.txt" $size
      done
    done >"golden/$arch/forms.txt"
    continue
  fi
  sed 's/ -90$/ -97/' golden/i386/terminals.txt >"golden/$arch/terminals.txt"
  # QEMU has no ptrace: as on i386, with the numbers of signals, alone and in statuses of wait.
  perl -pe 'BEGIN { %n = (19, 23, 10, 16, 17, 18, 18, 25) }
    s/^(signo) (\d+)$/"$1 " . ($n{$2} \/\/ $2)/e;
    s/( status) (\d+)$/$s = $2; ($s & 0xff) == 0x7f ? "$1 " . ($s & ~0x7f00 | ($n{$s >> 8 & 0x7f} \/\/ $s >> 8 & 0x7f) << 8) : "$1 $s"/e' \
    golden/i386/ptrace.txt >"golden/$arch/ptrace.txt"
  sed -i 's/^protect a hole 0/protect a hole -12/; s/^beyond brk 0/beyond brk -14/' "golden/$arch/memory.txt"
  perl -0pi -e 's/fault 5\ncode 128\naddress 1/fault 8\ncode 1\naddress 0/' "golden/$arch/signals.txt"
done
