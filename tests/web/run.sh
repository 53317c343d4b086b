#!/usr/bin/env bash
# Runs all tests of the web build: types, Node, Chromium, and Firefox where it is installed, and that all of
# them and the native program end in the same state. Needs ./build.sh web and a native build (cargo build -p tinamou) before.
# The last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

# suite NAME COMMAND...: runs it and adds up its closing line; one that dies without one counts as a failure.
suite() {
  local name=$1 status closing
  shift
  "$@" 2>&1 | tee "$log" | sed '/^[0-9]* passed, [0-9]* failed$/d'
  status=${PIPESTATUS[0]}
  closing=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
  if [ -n "$closing" ]; then
    passed=$((passed + $(cut -d' ' -f1 <<<"$closing")))
    failed=$((failed + $(cut -d' ' -f3 <<<"$closing")))
  elif [ "$status" != 0 ]; then
    echo "FAILED  $name"
    failed=$((failed + 1))
  fi
}

types() { (cd ../../www && npm run --silent check) && echo '1 passed, 0 failed'; }

suite types types
if node build-suite.mjs; then
  suite node node run-node.mjs
  suite package node run-package.mjs
  suite backends node run-backends.mjs
  suite chromium node run-chromium.mjs
  suite trees node run-trees.mjs
  suite applications node applications.mjs --quick
  suite embed node run-embed.mjs
  suite firefox node run-firefox.mjs
  suite same node run-same.mjs
  suite snapshots node snapshots.mjs
else
  echo 'FAILED  building the engine suite'
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
