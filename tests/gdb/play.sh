#!/usr/bin/env bash
# play.sh SYMBOLS SOCKET [SCRIPT]: gdb-multiarch's session with the stub that listens on a unix socket. Without symbols, which `mips64` and
# `mips64el` have none of, gdb is told what the machine is.
set -euo pipefail
cd "$(dirname "$0")/../.."
case $1 in
  mips64*)
    endian=big
    [ "$1" = mips64el ] && endian=little
    what=(-ex 'set architecture mips:isa64r2' -ex 'set mips abi n64' -ex "set endian $endian")
    ;;
  *) what=(-ex "file tests/gdb/symbols/$1.debug") ;;
esac
# Of programs, numbers and names of threads, where their arguments lie, and what of the auxiliary vector differs from run to run mean nothing.
plain=()
case $1 in
  user-*)
    plain=(-e '/^[0-9]+ +AT_/{/AT_(PHDR|PHENT|PHNUM|PAGESZ|ENTRY) /!d}' -e 's/Thread 1\.[0-9]+ \([^)]*\)/Thread 1.N/' -e 's/(Thread 1\.)[0-9]+/\1N/'
      -e '/Target Id|Thread 1\.N/s/ +/ /g' -e 's/\b(argv|envp|auxv)=0x[0-9a-f]+/\1=0xN/g')
    ;;
esac
gdb-multiarch -nx -batch "${what[@]}" -ex "target remote $2" -x "${3:-tests/gdb/session.gdb}" </dev/null 2>&1 |
  # Which of two files was checked out first means nothing, nor does that there is none.
  sed -E "${plain[@]}" -e '/^warning: Source file is more recent than executable/d; /^warning: No executable has been specified/d; /^determining executable automatically/d'
