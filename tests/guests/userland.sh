#!/usr/bin/env bash
# Fetches Debian programs of another architecture and unpacks them, for the user mode, into build/guests/ARCH/userland: busybox-static,
# bash, coreutils, grep, sed, perl-base, python3-minimal, and the libraries they need.
#
#   tests/guests/userland.sh [mipsel] [mips64el] [i386] [amd64]      (no argument: mipsel)
#   tests/guests/userland.sh ARCH/applications       (large: git, gcc, make, stress-ng, python3's own tests, QEMU's user mode, into build/guests/ARCH/applications)
#   tests/guests/userland.sh go                      (Go's compiler, for this computer, into build/guests/go)
#
# As fetch.sh: through apt with private directories, no root, nothing of the system's touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${GUESTS_DIR:-$top/build/guests}
die() { echo "userland.sh: $*" >&2; exit 1; }
. "$here/apt.sh"
packages="busybox-static bash coreutils grep sed perl-base python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libtinfo6 libselinux1
  libpcre2-8-0 libacl1 libattr1 libgmp10 libcrypt1 zlib1g libexpat1 libgcc-s1 libstdc++6 libsqlite3-0 libssl3 openssl xz-utils liblzma5"
applications="busybox-static bash coreutils dash grep sed gawk findutils diffutils tar gzip bzip2 xz-utils perl python3.11 libpython3.11-testsuite git
  gcc libc6-dev make stress-ng openssl sqlite3"
go=1.19

userland() { # ARCH
  local arch=$1 root=$out/$1/userland p
  [ "$(cat "$root/.done" 2>/dev/null)" != "$packages" ] || return 0
  rm -rf "$root"
  mkdir -p "$root"/{tmp,root,etc}
  for p in $packages; do dpkg-deb -x "$(deb "$arch" "$p")" "$root"; done
  echo "$packages" >"$root/.done"
  echo "guests: $arch/userland $(du -sm "$root" | cut -f1) MiB"
}

applications() { # ARCH
  local arch=$1 root=$out/$1/applications d=$apt/$1 list=$applications file
  case $arch in i386 | amd64) list+=" qemu-user-static" ;; esac
  [ "$(cat "$root/.done" 2>/dev/null)" != "$list" ] || return 0
  lists "$arch"
  # shellcheck disable=SC2086
  apt_for "$arch" apt-get -q -y -d --no-install-recommends install $list >"$d/download.log" 2>&1 || die "cannot download: $(tail -1 "$d/download.log")"
  rm -rf "$root"
  mkdir -p "$root"/{tmp,root,etc,opt,dev,proc}
  for file in "$d"/cache/archives/*.deb; do dpkg-deb -x "$file" "$root"; done
  rm -rf "$root"/usr/share/{doc,man,locale,info}
  echo root:x:0:0:root:/root:/bin/bash >"$root/etc/passwd"
  echo root:x:0: >"$root/etc/group"
  # What QEMU runs inside.
  dpkg-deb --fsys-tarfile "$(deb mipsel busybox-static)" | tar -xO ./bin/busybox >"$root/opt/busybox"
  chmod 755 "$root/opt/busybox"
  echo "$list" >"$root/.done"
  echo "guests: $arch/applications $(du -sm "$root" | cut -f1) MiB"
}

# sqlite_tests ARCH: python's own tests of sqlite3, which Debian leaves out of python3.11's: those of PyPy's 3.9, as the package test.sqlite39.
sqlite_tests() {
  local to=$out/$1/applications/usr/lib/python3.11/test/sqlite39
  [ ! -e "$to/__init__.py" ] || return 0
  mkdir -p "$to"
  dpkg-deb --fsys-tarfile "$(deb "$1" pypy3-lib-testsuite)" | tar -x -C "$to" --strip-components=6 ./usr/lib/pypy3.9/sqlite3/test
  touch "$to/__init__.py"
}

compiler() {
  local root=$out/go arch p
  [ ! -e "$root/.done" ] || return 0
  arch=$(dpkg --print-architecture)
  rm -rf "$root"
  mkdir -p "$root"
  for p in golang-$go-go golang-$go-src; do dpkg-deb -x "$(deb "$arch" $p)" "$root/x"; done
  # Links lead to where packages are installed.
  find "$root/x" -type l -delete
  cp -al "$root/x/usr/share/go-$go/." "$root/x/usr/lib/go-$go/." "$root/"
  rm -rf "$root/x"
  touch "$root/.done"
  echo "guests: go $(du -sm "$root" | cut -f1) MiB"
}

[ $# -gt 0 ] || set -- mipsel
for what in "$@"; do
  case $what in
    go) compiler ;;
    */applications)
      applications "${what%/*}"
      sqlite_tests "${what%/*}"
      ;;
    *) userland "$what" ;;
  esac
done
