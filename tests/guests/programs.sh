#!/usr/bin/env bash
# Runs Debian's programs of the userlands in build/guests (userland.sh fetches them) in the user mode, beside what they print natively:
# busybox, bash, coreutils, grep, sed, perl and python3 with scripts that compute, fork, wait and talk; a Go and a Rust program with threads,
# compiled here (Go for three architectures, where `userland.sh go` was; Rust where this computer is an x86-64 one, for i386 as well with rustup's
# target i686-unknown-linux-gnu and Debian's gcc-i686-linux-gnu). Needs `cargo build -p tinamou`;
# TINAMOU names another program. The last line is `N passed, N failed`.
#
#   tests/guests/programs.sh [ARCH...]        (no argument: those that were fetched of mipsel, mips64el, i386, amd64)
#   tests/guests/programs.sh --applications [ARCH | ARCH/NAME | ARCH/NAME:PART,PART...]...
#                                             large ones, of `userland.sh ARCH/applications`: python's own tests, git, gcc, make, stress-ng, openssl,
#                                             sqlite3, packers, QEMU's user mode and this program itself inside. Some ten minutes each;
#                                             python and stress have parts (python:re,json)
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
  local to=$guests/compiled/$2/$(basename "${1%.*}") arch=${2/i386/386} other=()
  if [ ! "$to" -nt "$1" ]; then
    mkdir -p "$guests/compiled/$2"
    case $1 in
      *.go)
        [ -e "$guests/go/.done" ] || return 1
        env GOROOT="$guests/go" GOCACHE="$guests/go/cache" GO111MODULE=off GOFLAGS= CGO_ENABLED=0 GOARCH="${arch/mips*el/${arch%el}le}" \
          "$guests/go/bin/go" build -ldflags=-s -o "$to" "$1" || return 1
        ;;
      *.rs)
        case "$2 $(rustc -vV 2>/dev/null | sed -n 's/^host: //p')" in
          'amd64 x86_64-unknown-linux-gnu') ;;
          'i386 x86_64-unknown-linux-gnu')
            other=(--target i686-unknown-linux-gnu -C linker=i686-linux-gnu-gcc)
            [ -d "$(rustc --print sysroot)/lib/rustlib/i686-unknown-linux-gnu" ] && command -v i686-linux-gnu-gcc >/dev/null || return 1
            ;;
          *) return 1 ;;
        esac
        rustc --edition 2024 -O -C target-feature=+crt-static "${other[@]}" "$1" -o "$to" || return 1
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

# application ARCH ROOT NAME [PARTS]: one of applications/, or parts of it: those of its golden text.
application() {
  local arch=$1 root=$2 name=$3 text=$here/applications/$3.txt parts=() begun=$SECONDS options=()
  [ "$name" != qemu ] || [ -e "$root/usr/bin/qemu-mipsel-static" ] || return 0
  IFS=, read -ra parts <<<"${4:-}"
  # One of the tests of re must end within 0.1 seconds: counted ones, whatever else this computer does.
  [ "$name" != python ] || options=(-icount)
  if [ "$name" = inside ]; then
    [ "$arch" = amd64 ] || return 0
    cp "$program" "$root/tmp/tinamou"
  fi
  result "$arch/$name${4:+:$4}" <(pieces "$text" "${parts[@]}") \
    env -i "${environment[@]}" timeout "${TIMEOUT:-3600}" "$program" "${arch/amd64/x86_64}" "${options[@]}" -root "$root" /bin/bash -c "$(cat "$here/applications/$name.bash")" bash "${parts[@]}"
  echo "        $((SECONDS - begun)) s"
  rm -f "$root/tmp/tinamou"
}

# pieces TEXT [PART...]: the parts of a golden text that begin with `== PART`, in their order; no part, all of it.
pieces() {
  local text=$1 part
  shift
  [ $# -gt 0 ] || cat "$text"
  for part in "$@"; do awk -v part="== $part" '/^== / { on = $0 == part } on' "$text"; done
}

# play ARCH ROOT SCRIPT...
play() {
  local arch=$1 root=$2 script text
  shift 2
  for script in "$@"; do
    case $script in
      *.go | *.rs) compile "$script" "$arch" "$root" || continue ;;
    esac
    # What i386 computes with the x87 has a file of its own.
    text=${script%.*}.$arch.txt
    [ -e "$text" ] || text=${script%.*}.txt
    # shellcheck disable=SC2046
    result "$arch/$(basename "${script%.*}")" "$text" \
      env -i "${environment[@]}" timeout "${TIMEOUT:-240}" "$program" "${arch/amd64/x86_64}" -root "$root" $(words "$script") "$(cat "$script")"
  done
}

# archive ARCH NAME FILES...: for the page, below build/guests/tar.
archive() {
  local to=$guests/tar/${1/amd64/x86_64}-$2.tar root=$guests/$1/userland
  shift 2
  [ ! "$to" -nt "$root/.done" ] || return 0
  mkdir -p "$guests/tar"
  tar -C "$root" -cf "$to.new" "$@" && mv "$to.new" "$to"
}

# tree ARCH KIND: an archive of all of a userland, below build/guests/tree: the page fetches from it what is opened.
tree() {
  local to=$guests/tree/$1-$2.zip root=$guests/$1/$2
  [ ! "$to" -nt "$root/.done" ] || return 0
  mkdir -p "$guests/tree"
  python3 "$here/tree.py" "$root" "$to"
}

scripts=("$here"/programs/*.{sh,bash,pl,py,go,rs})
case ${1:-} in
  --golden)
    golden "$guests/amd64/userland" "${scripts[@]}"
    [ ! -e "$guests/amd64/applications" ] || golden "$guests/amd64/applications" "$here"/applications/{data,gcc,git,openssl,python,qemu,stress}.bash
    exit
    ;;
  --quick)
    "$here/userland.sh" go mipsel i386 amd64 || { echo 'programs.sh: no programs from Debian: left out'; exit 0; }
    for arch in mipsel i386 amd64; do archive $arch busybox bin/busybox; done
    tree amd64 userland
    archive mipsel python bin/bash usr/bin/python3.11 usr/lib/python3.11 usr/lib/mipsel-linux-gnu lib
    play mipsel "$guests/mipsel/userland" "$here"/programs/{busybox.sh,bash.bash,goroutines.go}
    play i386 "$guests/i386/userland" "$here"/programs/{coreutils.bash,perl.pl,python.py}
    play amd64 "$guests/amd64/userland" "$here"/programs/{bash.bash,python.py,goroutines.go,threads.rs}
    ;;
  --applications)
    shift
    [ $# -gt 0 ] || set -- mipsel mips64el i386 amd64
    for chosen in "$@"; do
      IFS=/: read -r arch name parts <<<"$chosen"
      root=$guests/$arch/applications
      [ -e "$root/.done" ] || continue
      for script in "$here"/applications/${name:-*}.bash; do application "$arch" "$root" "$(basename "$script" .bash)" "$parts"; done
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
