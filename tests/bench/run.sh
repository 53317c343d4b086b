#!/usr/bin/env bash
# Our speed beside QEMU's (qemu-system-mipsel, qemu-mipsel-static), natively, in Node and in Chromium: see bench.py.
#
#   tests/bench/run.sh [--only boot,intmix,...] [--hosts qemu,jit,qemu-user,interp,node,chromium] [--repeat N] [--json FILE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v qemu-system-mipsel >/dev/null || echo "bench: no qemu-system-mipsel (apt-get install qemu-system-mips): no ratios to it" >&2
command -v qemu-mipsel-static >/dev/null || echo "bench: no qemu-mipsel-static (apt-get install qemu-user-static): no ratios to it" >&2
exec python3 "$here/bench.py" "$@"
