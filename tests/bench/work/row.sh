#!/bin/sh
# In a machine: `row NAME COUNT` does the work of a row and prints NAME, COUNT and a checksum; `row prepare` comes before.
name=$1 n=${2:-0} data=/tmp/data python=/usr/bin/python3.11
repeat() { i=0; while [ $i -lt "$n" ]; do "$@"; i=$((i + 1)); done | md5sum | cut -c1-8; }
seven() {
  rm -f /tmp/x.7z
  /usr/lib/p7zip/7zr a -bd -mmt1 -mx1 /tmp/x.7z $data >/dev/null && /usr/lib/p7zip/7zr e -so /tmp/x.7z 2>/dev/null | md5sum
}
case $name in
  prepare) cat /usr/lib/python3.11/*.py | head -c 1500000 >$data; sum=$(md5sum <$data | cut -c1-8) ;;
  gzip) sum=$(repeat /bin/gzip -6 -n -c $data) ;;
  xz) sum=$(repeat /usr/bin/xz -0 -c $data) ;;
  7z) sum=$(repeat seven) ;;
  sqlite3) sum=$(repeat /usr/bin/sqlite3 :memory: '.read /bench/inserts.sql') ;;
  pystart) sum=$(repeat $python -c 'print(7)') ;;
  pyloop) exec $python /bench/loops.py "$n" ;;
  pipes) sum=$(repeat sh -c 'echo a line | cat | tr a b | wc -c') ;;
  matmul87) sum=$(/bench/bench87 matmul "$n" | cut -d' ' -f3) ;;
esac
echo "$name $n $sum"
