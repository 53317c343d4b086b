# Debian's packages of any architecture through apt with private directories per architecture: neither dpkg's state nor the system's
# package lists are touched, and no root is needed. Which mirror: whatever this system's apt sources say. For the scripts beside it to source: they
# define `out`, and `die`, which says what is wrong and ends.
apt=$out/apt

# apt_for ARCH TOOL ARGS...: an apt tool that sees only ARCH and keeps its state below build/guests/apt/ARCH.
apt_for() {
  local arch=$1 tool=$2 d=$apt/$1
  shift 2
  "$tool" -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
    -o Dir::State::Lists="$d/lists" -o Dir::State::status="$d/status" -o Dir::Cache="$d/cache" \
    -o Dir::Log="$d" -o Acquire::Languages=none -o APT::Sandbox::User= \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::CNF::DefaultEnabled=false "$@"
}

lists() { # ARCH: its package lists, fetched once
  local d=$apt/$1
  [ -n "${FRESH:-}" ] || [ ! -e "$d/done" ] || return 0
  mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
  : >"$d/status"
  # One source of several may be out of order: what the others list will do.
  apt_for "$1" apt-get -q update >"$d/update.log" 2>&1 || ls "$d/lists" | grep -q _Packages ||
    die "no package lists for $1: $(tail -1 "$d/update.log")"
  touch "$d/done"
}

deb() { # ARCH PACKAGE: prints the path of the downloaded .deb
  local arch=$1 pkg=$2 dir=$apt/$1/debs file
  mkdir -p "$dir"
  file=$(find "$dir" -name "${pkg}_*.deb" | sort -V | tail -1)
  if [ -z "$file" ] || [ -n "${FRESH:-}" ]; then
    lists "$arch"
    (cd "$dir" && apt_for "$arch" apt-get -q download "$pkg" >download.log 2>&1) ||
      die "cannot download $pkg for $arch: $(tail -1 "$dir/download.log")"
    file=$(find "$dir" -name "${pkg}_*.deb" | sort -V | tail -1)
  fi
  echo "$file"
}

# source_file ARCH PACKAGE NAME TO: a file of the source package, which lies beside the binary one.
source_file() {
  local uri
  lists "$1"
  uri=$(apt_for "$1" apt-get -q download --print-uris "$2" | cut -d"'" -f2)
  /usr/lib/apt/apt-helper download-file "${uri%/*}/$3" "$4" >"$4.log" 2>&1 || die "cannot download $3: $(tail -1 "$4.log")"
  rm "$4.log"
}
