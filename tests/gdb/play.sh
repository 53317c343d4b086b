#!/usr/bin/env bash
# play.sh SYMBOLS SOCKET [SCRIPT]: gdb-multiarch's session with the stub that listens on a unix socket.
set -euo pipefail
cd "$(dirname "$0")/../.."
gdb-multiarch -nx -batch -ex "file tests/gdb/symbols/$1.debug" -ex "target remote $2" -x "${3:-tests/gdb/session.gdb}" </dev/null 2>&1 |
  # Which of two files was checked out first means nothing.
  sed '/^warning: Source file is more recent than executable/d'
