#!/usr/bin/env bash
# What the bench runs besides tests/programs: Debian's packers, sqlite3, openssl and python3 of an architecture, and loops of our own.
#
#   tests/bench/guest.sh [mipsel] [i386] [amd64]      (no argument: all)
#
# Result, below build/guests/ARCH/ (git-ignored):
#   bench/              the programs and their libraries, for the user mode; `work` beside it holds what they work on
#   bench.tar           the same in one file, for the user mode in a page
#   initrd-bench.gz     the guest's initramfs with them (without openssl), for the machines of i386 and amd64
#
# As tests/guests/fetch.sh: through apt with private directories, no root, nothing of the system's touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${GUESTS_DIR:-$top/build/guests}
die() { echo "guest.sh: $*" >&2; exit 1; }
. "$top/tests/guests/apt.sh"
packages="libc6 libgcc-s1 libstdc++6 zlib1g gzip xz-utils liblzma5 p7zip sqlite3 libsqlite3-0 libreadline8 libtinfo6 libexpat1 libssl3 openssl
  coreutils python3.11-minimal libpython3.11-minimal"
# Of the packages: what the programs open.
files=(bin/gzip bin/true usr/bin/xz usr/bin/sqlite3 usr/bin/openssl usr/bin/python3.11 usr/lib/p7zip usr/lib/python3.11
  'lib/ld*' 'lib64/ld*' 'lib/*/ld*' '*/lib'{c,m,dl,pthread}.so.6 '*/libdl.so.2' '*/libpthread.so.0' '*/libgcc_s.so*' '*/libatomic.so*' '*/libstdc++.so.6*' '*/libz.so*'
  '*/liblzma.so*' '*/libsqlite3.so*' '*/libreadline.so*' '*/libtinfo.so*' '*/libexpat.so*' '*/libssl.so*' '*/libcrypto.so*')

compiler() { # ARCH
  case $1 in mipsel) echo mipsel-linux-gnu-gcc ;; i386) echo i686-linux-gnu-gcc ;; amd64) echo x86_64-linux-gnu-gcc ;; esac
}

userland() { # ARCH
  local arch=$1 root=$out/$1/bench x=$out/$1/bench-x p name cc packages=$packages
  # Its openssl wants one more.
  [ "$arch" != mipsel ] || packages+=" libatomic1"
  cc=$(compiler "$arch")
  command -v "$cc" >/dev/null || die "$arch needs $cc: ./build.sh guests"
  if [ "$(cat "$root/.done" 2>/dev/null)" = "$packages ${files[*]}" ] && [ -z "$(find "$here/work" "$here/guest.sh" -newer "$root/.done")" ]; then return 0; fi
  rm -rf "$root" "$x"
  mkdir -p "$root"/{bench,tmp} "$x"
  for p in $packages; do dpkg-deb -x "$(deb "$arch" "$p")" "$x"; done
  (cd "$x" && find . -mindepth 2 -printf '%P\n' | while read -r name; do
    for p in "${files[@]}"; do
      # shellcheck disable=SC2254
      case $name in $p | $p/*) echo "$name"; break ;; esac
    done
  done | tar -c --no-recursion -T -) | tar -x -C "$root"
  rm -rf "$x"
  # Programs compile their modules at each start otherwise; another version's would not be taken.
  if [ "$(python3 -c 'import sys; print(sys.version_info[:2])')" = '(3, 11)' ]; then
    python3 -m compileall -q --invalidation-mode unchecked-hash "$root/usr/lib/python3.11" -s "$root" || true
  fi
  cp "$here"/work/*.py "$root/bench/"
  python3 "$here/work/inserts.py" >"$root/bench/inserts.sql"
  "$cc" -static -nostdlib -Wl,-e,_start -O2 "$here/work/exit.c" -o "$root/bench/exit"
  case $arch in
    # With x87 arithmetic; amd64's goes through memory at calls alone.
    i386) "$cc" -std=gnu11 -O2 -static -ffp-contract=off -march=i686 -mfpmath=387 "$top"/tests/programs/*.c -o "$root/bench/bench87" ;;
    amd64) "$cc" -std=gnu11 -O2 -static -ffp-contract=off -mfpmath=387 "$top"/tests/programs/*.c -o "$root/bench/bench87" ;;
  esac
  install -m 755 "$here/work/row.sh" "$root/bench/row"
  chmod -R u=rwX,go=rX "$root"
  tar -c --owner=0 --group=0 --mtime=@0 --sort=name -C "$root" . >"$root.tar"
  echo "$packages ${files[*]}" >"$root/.done"
  echo "guests: $arch/bench $(du -sm "$root" | cut -f1) MiB"
}

# The file that packers pack, 16 MiB: python's sources, and code.
data() {
  local to=$out/bench-data root=$out/i386/bench
  [ ! -s "$to" ] || return 0
  [ -d "$root" ] || root=$out/$1/bench
  (for _ in 1 2; do
    find "$root/usr" -type f -name '*.py' -size +8k | LC_ALL=C sort | xargs cat
    cat "$root"/usr/bin/{python3.11,openssl} "$root"/usr/lib/*/lib{crypto,stdc++}.so.*
  done) 2>/dev/null | head -c 16777216 >"$to.new" || true
  mv "$to.new" "$to"
}

initrd() { # ARCH
  local arch=$1 dir=$out/$1 root=$out/$1/bench bench=$top/build/programs/$1/bench
  [ -s "$dir/initrd.gz" ] || die "$dir/initrd.gz is missing: ./build.sh guests"
  [ -x "$bench" ] || die "$bench is missing: ./build.sh guests"
  if [ -s "$dir/initrd-bench.gz" ] && [ -z "$(find "$dir/initrd.gz" "$root/.done" "$bench" "$here/guest.sh" -newer "$dir/initrd-bench.gz")" ]; then return 0; fi
  cp "$bench" "$root/bench/bench"
  # A loop's name is looked up in /bin.
  (cd "$root" && find . \( -path ./usr/share -o -name '*ssl*' -o -name 'libcrypto*' -o -name .done -o -name exit \) -prune -o -print | LC_ALL=C sort |
    cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -6n) >"$dir/bench.gz"
  cat "$dir/initrd.gz" "$dir/bench.gz" >"$dir/initrd-bench.gz"
  rm "$dir/bench.gz"
  echo "guests: $arch/initrd-bench.gz $(stat -c %s "$dir/initrd-bench.gz") bytes"
}

[ $# -gt 0 ] || set -- mipsel i386 amd64
for arch in "$@"; do
  userland "$arch"
  data "$arch"
  case $arch in i386 | amd64) initrd "$arch" ;; esac
done
