#!/usr/bin/env bash
# Fetches Debian programs of another architecture and unpacks them into build/guests/ARCH/userland, for the user mode:
# busybox-static, bash, coreutils, grep, sed, perl-base, python3-minimal, and the libraries they need.
#
#   tests/guests/userland.sh [mipsel] [mips64el]      (no argument: mipsel)
#
# As fetch.sh: through apt with private directories, no root, nothing of the system's touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${GUESTS_DIR:-$top/build/guests}
packages="busybox-static bash coreutils grep sed perl-base python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libtinfo6 libselinux1
  libpcre2-8-0 libacl1 libattr1 libgmp10 libcrypt1 zlib1g libexpat1 libgcc-s1 libstdc++6 libsqlite3-0 libssl3 openssl xz-utils liblzma5"

apt_for() { # ARCH TOOL ARGS...
  local arch=$1 tool=$2 d=$out/apt/$1
  shift 2
  "$tool" -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State::Lists="$d/lists" -o Dir::State::status="$d/status" \
    -o Dir::Cache="$d/cache" -o Dir::Log="$d" -o Acquire::Languages=none -o APT::Sandbox::User= "$@"
}

[ $# -gt 0 ] || set -- mipsel
for arch in "$@"; do
  root=$out/$arch/userland d=$out/apt/$arch
  [ ! -e "$root/.done" ] || continue
  mkdir -p "$d/lists/partial" "$d/cache/archives/partial" "$d/debs"
  [ -e "$d/done" ] || { : >"$d/status"; apt_for "$arch" apt-get -q update >"$d/update.log" 2>&1; touch "$d/done"; }
  rm -rf "$root"
  mkdir -p "$root"
  # shellcheck disable=SC2086
  (cd "$d/debs" && apt_for "$arch" apt-get -q download $packages >download.log 2>&1) || { tail -1 "$d/debs/download.log" >&2; exit 1; }
  for p in $packages; do
    dpkg-deb -x "$(find "$d/debs" -name "${p}_*.deb" | sort -V | tail -1)" "$root"
  done
  mkdir -p "$root/tmp" "$root/root" "$root/etc"
  touch "$root/.done"
  echo "guests: $arch/userland $(du -sm "$root" | cut -f1) MiB"
done
