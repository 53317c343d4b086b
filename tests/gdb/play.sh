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
gdb-multiarch -nx -batch "${what[@]}" -ex "target remote $2" -x "${3:-tests/gdb/session.gdb}" </dev/null 2>&1 |
  # Which of two files was checked out first means nothing, nor does that there is none.
  sed '/^warning: Source file is more recent than executable/d; /^warning: No executable has been specified/d; /^determining executable automatically/d'
