#!/usr/bin/env bash
# Runs Debian's programs of the userlands in build/guests (userland.sh fetches them) in the user mode, beside what they print natively:
# busybox, bash, coreutils, grep, sed, perl and python3 with scripts that compute, fork, wait and talk; a Go and a Rust program with threads,
# compiled here (Go for three architectures, where `userland.sh go` was; Rust where this computer is an x86-64 one). Needs `cargo build -p tinamou`;
# TINAMOU names another program. The last line is `N passed, N failed`.
#
#   tests/guests/programs.sh [ARCH...]        (no argument: those that were fetched of mipsel, mips64el, i386, amd64)
#   tests/guests/programs.sh --applications [ARCH...]
#                                             large ones, of `userland.sh ARCH/applications`: python's own tests, git, gcc, make, stress-ng, openssl,
#                                             sqlite3, packers, QEMU's user mode and this program itself inside. Some ten minutes each
#   tests/guests/programs.sh --quick          fetches, and runs what takes a minute or two
#   tests/guests/programs.sh --golden         records {programs,applications}/*.txt, as root on x86-64, with amd64's under Linux itself
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${TINAMOU:-${CARGO_TARGET_DIR:-$top/target}/debug/tinamou}
guests=${GUESTS_DIR:-$top/build/guests}
environment=(LC_ALL=C PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root PYTHONHASHSEED=0)

# words SCRIPT: the command that runs it.
words() {
  case $1 in
    *.sh) echo /bin/busybox sh -c ;;
    *.bash) echo /bin/bash -c ;;
    *.pl) echo /usr/bin/perl -e ;;
    *.py) echo /usr/bin/python3.11 -c ;;
    *) echo "/tmp/$(basename "${1%.*}")" ;;
  esac
}

# compile SOURCE ARCH ROOT: a program of ours, into the root's /tmp. Fails where there is no compiler for it.
compile() {
  local to=$guests/compiled/$2/$(basename "${1%.*}") arch=${2/i386/386}
  if [ ! "$to" -nt "$1" ]; then
    mkdir -p "$guests/compiled/$2"
    case $1 in
      *.go)
        [ -e "$guests/go/.done" ] || return 1
        env GOROOT="$guests/go" GOCACHE="$guests/go/cache" GO111MODULE=off GOFLAGS= CGO_ENABLED=0 GOARCH="${arch/mips*el/${arch%el}le}" \
          "$guests/go/bin/go" build -ldflags=-s -o "$to" "$1" || return 1
        ;;
      *.rs)
        [ "$2 $(rustc -vV 2>/dev/null | sed -n 's/^host: //p')" = 'amd64 x86_64-unknown-linux-gnu' ] || return 1
        rustc --edition 2024 -O -C target-feature=+crt-static "$1" -o "$to" || return 1
        ;;
    esac
  fi
  cp "$to" "$3/tmp/"
}

# golden ROOT SCRIPT...: records what the scripts print under Linux itself.
golden() {
  local root=$1 script
  shift
  mkdir -p "$root/dev" "$root/proc"
  mount --bind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  for script in "$@"; do
    case $script in *.go | *.rs) compile "$script" amd64 "$root" || continue ;; esac
    # shellcheck disable=SC2046
    env -i "${environment[@]}" timeout 600 "$(command -v chroot)" "$root" $(words "$script") "$(cat "$script")" </dev/null >"${script%.*}.txt" 2>/dev/null
  done
  umount "$root/proc" "$root/dev"
}

passed=0 failed=0

# result NAME GOLDEN COMMAND...: compares what the command prints.
result() {
  local name=$1 golden=$2 difference
  shift 2
  if difference=$(diff "$golden" <("$@" </dev/null 2>/dev/null) 2>&1); then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    echo "FAILED  $name"
    printf '%s\n' "$difference" | head -20
    failed=$((failed + 1))
  fi
}

# play ARCH ROOT SCRIPT...
play() {
  local arch=$1 root=$2 script text
  shift 2
  for script in "$@"; do
    case $script in
      *.go | *.rs) compile "$script" "$arch" "$root" || continue ;;
      */qemu.bash) [ -e "$root/usr/bin/qemu-mipsel-static" ] || continue ;;
    esac
    # What i386 computes with the x87 has a file of its own.
    text=${script%.*}.$arch.txt
    [ -e "$text" ] || text=${script%.*}.txt
    # shellcheck disable=SC2046
    result "$arch/$(basename "${script%.*}")" "$text" \
      env -i "${environment[@]}" timeout "${TIMEOUT:-240}" "$program" "${arch/amd64/x86_64}" -root "$root" $(words "$script") "$(cat "$script")"
  done
}

# The program itself inside itself, as it runs outside.
inside() {
  local root=$guests/amd64/applications words=(mipsel /opt/busybox sh -c 'echo $((6 * 7)); uname -m; seq 1 300 | md5sum')
  cp "$program" "$root/tmp/tinamou"
  result amd64/inside <("$program" "${words[0]}" -root "$root" "${words[@]:1}" 2>/dev/null) \
    env -i "${environment[@]}" timeout "${TIMEOUT:-240}" "$program" x86_64 -root "$root" /tmp/tinamou "${words[@]}"
  rm "$root/tmp/tinamou"
}

# archive ARCH NAME FILES...: for the page, below build/guests/tar.
archive() {
  local to=$guests/tar/${1/amd64/x86_64}-$2.tar root=$guests/$1/userland
  shift 2
  [ ! "$to" -nt "$root/.done" ] || return 0
  mkdir -p "$guests/tar"
  tar -C "$root" -cf "$to.new" "$@" && mv "$to.new" "$to"
}

scripts=("$here"/programs/*.{sh,bash,pl,py,go,rs})
case ${1:-} in
  --golden)
    golden "$guests/amd64/userland" "${scripts[@]}"
    [ ! -e "$guests/amd64/applications" ] || golden "$guests/amd64/applications" "$here"/applications/*.bash
    exit
    ;;
  --quick)
    "$here/userland.sh" go mipsel i386 amd64 || { echo 'programs.sh: no programs from Debian: left out'; exit 0; }
    for arch in mipsel i386 amd64; do archive $arch busybox bin/busybox; done
    archive mipsel python bin/bash usr/bin/python3.11 usr/lib/python3.11 usr/lib/mipsel-linux-gnu lib
    play mipsel "$guests/mipsel/userland" "$here"/programs/{busybox.sh,bash.bash,goroutines.go}
    play i386 "$guests/i386/userland" "$here"/programs/{coreutils.bash,perl.pl,python.py}
    play amd64 "$guests/amd64/userland" "$here"/programs/{bash.bash,python.py,goroutines.go,threads.rs}
    ;;
  --applications)
    shift
    [ $# -gt 0 ] || set -- mipsel mips64el i386 amd64
    for arch in "$@"; do
      root=$guests/$arch/applications
      [ -e "$root/.done" ] || continue
      TIMEOUT=${TIMEOUT:-3600} play "$arch" "$root" "$here"/applications/*.bash
      [ "$arch" != amd64 ] || inside
    done
    ;;
  *)
    [ $# -gt 0 ] || set -- mipsel mips64el i386 amd64
    for arch in "$@"; do
      root=$guests/$arch/userland
      [ -e "$root/.done" ] || continue
      play "$arch" "$root" "${scripts[@]}"
    done
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
