# This program itself inside, as it runs outside: a program of a third architecture, interpreted and compiled (for which it has a compiler to run,
# some twenty times the work). Arguments choose.
[ $# -gt 0 ] || set -- interpreted compiled
for how in "$@"; do
  echo "== $how"
  options=(-root /)
  [ "$how" = compiled ] || options+=(-interp)
  /tmp/tinamou mipsel "${options[@]}" /opt/busybox sh -c 'echo $((6 * 7)); uname -m; seq 1 300 | md5sum'
done
