#!/usr/bin/env bash
# Builds, runs and tests Tinamou: ./build.sh VERB (without one: the list). What is missing gets installed where that is
# possible (Debian, as root); otherwise one line says what to install. A second run is cheap.
set -euo pipefail
cd "$(dirname "$0")"

# Tools built from crates live here, outside target/, and outlive `clean`.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tinamou
export PATH=$cache/bin:$PATH:$HOME/.cargo/bin
wasm_pack_version=0.15.1
node_major=20

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- what must be installed ----

# debian COMMAND=PACKAGES...: installs the packages whose command is missing.
debian() {
  local pair packages missing=()
  for pair in "$@"; do
    read -ra packages <<<"${pair#*=}"
    have "${pair%%=*}" || missing+=("${packages[@]}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! have apt-get; then die "missing: apt-get install ${missing[*]}"; fi
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Lists of long ago name packages that mirrors no longer have.
  apt-get -q update >/dev/null || say "apt-get update failed; trying with the lists there are"
  apt-get -q install -y --no-install-recommends "${missing[@]}" >/dev/null || die "missing: apt-get install ${missing[*]}"
}

# at_least WANTED VERSION
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

rust() {
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  debian cc=gcc
  have cargo || die "missing: Rust $wanted or later (rustup)"
  at_least "$wanted" "$(rustc --version | cut -d' ' -f2)" || {
    have rustup || die "missing: Rust $wanted or later (rustup)"
    say "updating Rust"
    rustup -q update stable || die "missing: Rust $wanted or later (rustup update)"
  }
}

wasm_target() {
  local sysroot
  rust
  sysroot=$(rustc --print sysroot)
  [ -d "$sysroot/lib/rustlib/wasm32-unknown-unknown" ] || rustup -q target add wasm32-unknown-unknown ||
    die "missing: rustup target add wasm32-unknown-unknown"
}

# crate_tool COMMAND CRATE VERSION: builds it from its crate, once.
crate_tool() {
  case $("$1" --version 2>/dev/null || true) in *" $3"*) return 0 ;; esac
  say "building $2 $3 (once, some minutes)"
  local install=(cargo install --quiet --root "$cache" --version "$3" "$2")
  # The lock file may name versions that a mirror does not have yet.
  CARGO_TARGET_DIR=$cache/target "${install[@]}" --locked 2>/dev/null ||
    CARGO_TARGET_DIR=$cache/target "${install[@]}" || die "missing: cargo install --version $3 $2"
}

wasm_tools() {
  local bindgen
  bindgen=$(awk '/^name = "wasm-bindgen"$/ {getline; gsub(/"/, "", $3); print $3}' Cargo.lock)
  wasm_target
  crate_tool wasm-bindgen wasm-bindgen-cli "$bindgen"
  crate_tool wasm-pack wasm-pack $wasm_pack_version
  rm -rf "$cache/target"
}

node_ready() {
  debian node=nodejs npm=npm
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt $node_major ]; then
    # Debian 12's own is too old (no tail calls in wasm); npm carries the program as a package.
    say "installing Node.js $node_major"
    npm install --silent --no-audit --no-fund --prefix "$cache/node" "node@$node_major" >/dev/null || die "missing: Node.js $node_major or later"
    mkdir -p "$cache/bin"
    ln -sf "$cache/node/node_modules/node/bin/node" "$cache/bin/node"
    hash -r
  fi
  # npm writes this file last.
  if [ ! www/node_modules/.package-lock.json -nt www/package-lock.json ]; then
    say "installing the page's packages"
    (cd www && npm ci --silent --no-audit --no-fund) || die "npm ci failed in www/"
    touch www/node_modules/.package-lock.json
  fi
}

browsers() { debian chromium=chromium; }

# QEMU's own client of its machine protocol.
qmp_client() {
  export PYTHONPATH=$cache/python${PYTHONPATH:+:$PYTHONPATH}
  python3 -c 'import qemu.qmp' 2>/dev/null && return 0
  debian pip3=python3-pip
  say "installing qemu.qmp"
  python3 -m pip install --quiet --no-warn-script-location --target "$cache/python" qemu.qmp==0.0.3 >/dev/null ||
    say "no qemu.qmp from PyPI: its test is left out"
}

# ---- verbs ----

web() { # the web bundle: www/pkg, www/built, www/vendor, www/guests
  wasm_tools
  node_ready
  node www/scripts/build.mjs
}

demo() { # builds the page, serves it on localhost and prints the address
  web
  exec node www/serve.mjs "$@"
}

native() {
  rust
  cargo build --quiet --release -p tinamou
}

run() { # the native machine in this terminal: run [lab|lab-be|debian|debian64|uboot], or QEMU's words: run system-mipsel ...
  local what=${1:-lab} guests=build/guests linux='console=ttyS0 panic=-1 quiet' args
  [ $# -eq 0 ] || shift
  case $what in
    lab) args=(system-mipsel -kernel tests/lab/images/lab-mipsel.elf) ;;
    lab-be) args=(system-mips -kernel tests/lab/images/lab-mips.elf) ;;
    debian) args=(system-mipsel -m 256 -kernel $guests/mipsel/vmlinux -initrd $guests/mipsel/initrd.gz -append "$linux") ;;
    debian64) args=(system-mips64el -cpu MIPS64R2-generic -m 256 -kernel $guests/mips64el/vmlinux -initrd $guests/mips64el/initrd.gz -append "$linux") ;;
    uboot) args=(system-mipsel -m 256 -bios $guests/uboot/maltael.bin) ;;
    *) args=("$what") ;;
  esac
  case $what in
    lab | lab-be) args+=(-M malta -nographic) ;;
    debian | debian64 | uboot)
      [ -e $guests/uboot/malta64el.bin ] || guests
      args+=(-M malta -nographic)
      ;;
  esac
  native
  exec "${CARGO_TARGET_DIR:-target}/release/tinamou" "${args[@]}" "$@"
}

guests() { # Debian's kernels, busybox, U-Boot and our test programs, into build/
  debian cpio=cpio cc=gcc
  # Guests come without the bench program where there is no cross compiler.
  (debian mipsel-linux-gnu-gcc="gcc-mipsel-linux-gnu libc6-dev-mipsel-cross" \
    mips64el-linux-gnuabi64-gcc="gcc-mips64el-linux-gnuabi64 libc6-dev-mips64el-cross" \
    i686-linux-gnu-gcc="gcc-i686-linux-gnu libc6-dev-i386-cross") || true
  tests/programs/build.sh
  tests/guests/fetch.sh
  # One more is built from its source where that can be done.
  (debian mips-linux-gnu-gcc="gcc-mips-linux-gnu" bison=bison flex="flex libssl-dev" bc=bc make=make &&
    tests/guests/fetch.sh uboot-be) || say "no big-endian U-Boot"
}

bench() { # our speed beside QEMU's and v86's, natively, in Node and in Chromium: bench [PART...] [OPTIONS], see tests/bench/README.md
  [ -x tests/bench/run.sh ] || die "tests/bench/run.sh is not there"
  guests
  native
  web
  tests/bench/run.sh "$@"
}

# step NAME COMMAND...: runs it, keeps what it says in build/test.log, remembers a failure.
failed_steps=()
step() {
  local name=$1
  shift
  printf '== %s\n' "$name"
  if ! "$@" 2>&1 | tee -a build/test.log; then failed_steps+=("$name"); fi
}

test() { # format, lints, all tests on all engines
  local passed failed
  wasm_tools
  node_ready
  browsers
  debian cpio=cpio python3=python3 gdb-multiarch=gdb-multiarch
  qmp_client
  mkdir -p build
  : >build/test.log
  step format cargo fmt --all --check
  step clippy cargo clippy --quiet --workspace --all-targets -- -D warnings
  step 'clippy wasm32' cargo clippy --quiet -p tinamou-web --target wasm32-unknown-unknown -- -D warnings
  step 'clippy wasm32, programs' cargo clippy --quiet -p tinamou-web --target wasm32-unknown-unknown --no-default-features --features user -- -D warnings
  # Debian's guests, if they can be had: the boots of real kernels are left out otherwise.
  tests/guests/fetch.sh || say "no guests from Debian: their boots are left out"
  step 'cargo test' cargo test --quiet --workspace --no-fail-fast
  # The program itself is built with its tests.
  step 'guests natively' tests/guests/run.sh
  step 'programs of Debian' tests/guests/programs.sh --quick
  step 'web bundle' node www/scripts/build.mjs
  step 'page types' npm --prefix www run --silent check
  # Every suite prints a line with `N passed, N failed`, as cargo's do.
  [ ! -x tests/web/run.sh ] || step 'node and browsers' tests/web/run.sh
  read -r passed failed < <(grep -aoE '[0-9]+ passed[,;] [0-9]+ failed' build/test.log |
    awk '{p += $1; f += $3} END {print p + 0, f + 0}')
  for name in "${failed_steps[@]}"; do say "failed: $name"; done
  [ ${#failed_steps[@]} -eq 0 ] || [ "$failed" -gt 0 ] || failed=${#failed_steps[@]}
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

clean() { # removes what was built (not the tools)
  rm -rf target build www/pkg www/built www/vendor www/guests www/files.json www/node_modules
}

verb=${1:-}
case $verb in
  test | demo | web | run | bench | guests | clean)
    shift
    "$verb" "$@"
    ;;
  *)
    sed -n 's/^\(test\|demo\|web\|run\|bench\|guests\|clean\)() { # \(.*\)/  \1\t\2/p' build.sh
    [ -z "$verb" ] || [ "$verb" = help ] || die "no verb '$verb'"
    ;;
esac
