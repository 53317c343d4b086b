#!/usr/bin/env bash
# Debian's busybox through busybox's own test list in the user mode, beside the same under Linux itself: what fails in both is busybox's or the
# list's matter, what fails in one of them is printed. The list comes with the source package. Needs root and x86-64 for the comparison, as chroot does;
# its result is kept. Two tests of bc are left out: they parse eleven million numbers. Some minutes; the last line is `N passed, N failed`.
#
#   tests/guests/busybox.sh [ARCH...]       (no argument: mipsel i386 amd64)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${TINAMOU:-${CARGO_TARGET_DIR:-$top/target}/debug/tinamou}
out=${GUESTS_DIR:-$top/build/guests}
die() { echo "busybox.sh: $*" >&2; exit 1; }
. "$here/apt.sh"
d=$out/busybox

# Everything that the list runs is busybox itself.
list='cd /bb/testsuite
export bindir=/bb tsdir=/bb/testsuite PATH=/bb/runtest-tempdir-links
/bin/busybox mkdir -p $PATH
for i in $(/bin/busybox --list); do /bin/busybox ln -sf /bb/busybox $PATH/$i; done
/bin/busybox ash ./runtest'

sources() {
  local file version
  [ ! -e "$d/testsuite/runtest" ] || return 0
  mkdir -p "$d/x"
  file=$(deb amd64 busybox-static)
  version=$(dpkg-deb -f "$file" Source-Version Version | sed -n 's/^Version: [0-9]*:\(.*\)/\1/p' | sed 's/+b[0-9]*$//')
  source_file amd64 busybox-static "busybox_${version%-*}.orig.tar.bz2" "$d/busybox.tar.bz2"
  source_file amd64 busybox-static "busybox_$version.debian.tar.xz" "$d/debian.tar.xz"
  tar -xf "$d/busybox.tar.bz2" -C "$d/x" --strip-components=1 --wildcards '*/testsuite'
  tar -xf "$d/debian.tar.xz" -C "$d" --strip-components=3 debian/config/pkg/static
  sed -i '/^testing "bc \(parsing\|printing\) of numbers"/,/^for f in bc/{/^for f in bc/!d}' "$d/x/testsuite/bc.tests"
  mv "$d/x/testsuite" "$d/"
  rm -r "$d/x" "$d"/*.tar.*
}

# root ARCH: prints a fresh root with nothing but busybox.
root() {
  local r=$d/$1
  rm -rf "$r"
  mkdir -p "$r"/{bin,dev,proc,tmp,bb,etc,root}
  dpkg-deb --fsys-tarfile "$(deb "$1" busybox-static)" | tar -xO ./bin/busybox >"$r/bin/busybox"
  chmod 755 "$r/bin/busybox"
  ln -s busybox "$r/bin/sh"
  ln "$r/bin/busybox" "$r/bb/busybox"
  cp -a "$d/testsuite" "$r/bb/"
  cp "$d/static" "$r/bb/.config"
  echo root:x:0:0:root:/root:/bin/sh >"$r/etc/passwd"
  echo root:x:0: >"$r/etc/group"
  echo "$r"
}

# outcomes: of what the list printed, `PASS: name` and `FAIL: name`, in order.
outcomes() { grep -aE '^(PASS|FAIL): ' | sort | uniq; }

sources
if [ ! -s "$d/linux.txt" ]; then
  r=$(root amd64)
  mount --bind /dev "$r/dev" && mount -t proc proc "$r/proc" || die 'needs root for the comparison'
  env -i LC_ALL=C HOME=/root PATH=/bin "$(command -v chroot)" "$r" /bin/sh -c "$list" </dev/null 2>/dev/null | outcomes >"$d/linux.txt"
  umount "$r/proc" "$r/dev"
fi
passed=0 failed=0
[ $# -gt 0 ] || set -- mipsel i386 amd64
for arch in "$@"; do
  env -i LC_ALL=C HOME=/root PATH=/bin "$program" "${arch/amd64/x86_64}" -root "$(root "$arch")" /bin/sh -c "$list" </dev/null 2>/dev/null |
    outcomes >"$d/$arch.txt"
  passed=$((passed + $(comm -12 "$d/linux.txt" "$d/$arch.txt" | wc -l)))
  failed=$((failed + $(comm -23 "$d/linux.txt" "$d/$arch.txt" | wc -l)))
  comm -23 "$d/linux.txt" "$d/$arch.txt" | sed "s,^,FAILED  $arch under Linux ,"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
