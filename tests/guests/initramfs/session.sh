#!/bin/sh
# A scripted session with the same output on every machine: files, pipes, checksums, forks.
echo SESSION-BEGIN
cd /tmp || exit 1

echo "== files"
mkdir -p a/b/c
i=0
while [ $i -lt 20 ]; do echo "line $i of file $i" >a/b/f$i; i=$((i + 1)); done
cp -r a z
mv z/b z/moved
ln -s ../a/b/f7 z/link
cat z/link
rm a/b/f1*
find a z -type f | sort | sha256sum
find z | wc -l
chmod 640 a/b/f2
ls -ln a/b | awk '{print $1, $5, $9}' | tail -n +2

echo "== pipes"
seq 1 3000 | sort -rn | head -3
seq 1 20000 | awk '{s += $1 * $1} END {print s}'
seq 1 5000 | tr '0-9' 'a-j' | sed 's/a/zz/g' | sort -u | md5sum
printf 'b 2\na 1\nc 3\n' | sort | while read -r k v; do printf '%s=%s;' "$k" "$v"; done
echo
seq 1 4000 | tee s.txt | gzip >s.gz
gunzip -c s.gz | cmp - s.txt && echo same
tar cf - a z | tar tf - | wc -l

echo "== checksums"
dd if=/dev/zero bs=4096 count=512 2>/dev/null | sha256sum
dd if=/dev/zero bs=64k count=16 2>/dev/null | tr '\0' 'x' | md5sum
seq 1 60000 | sha1sum
seq 1 60000 | sha512sum

echo "== forks"
i=0
n=0
while [ $i -lt 150 ]; do n=$((n + $(echo $((i * i))))); i=$((i + 1)); done
echo "sum of squares $n"
i=0
while [ $i -lt 60 ]; do /bin/true || echo broken; i=$((i + 1)); done
for j in 1 2 3 4 5 6 7 8; do (exit $j) & done
wait
{ sh -c 'kill -TERM $$'; } 2>/dev/null
echo "status $?"
trap 'echo caught' USR1
kill -USR1 $$
sh -c 'exit 42'
echo "status $?"

echo "== numbers"
awk 'BEGIN {for (i = 1; i <= 5; i++) printf "%.10f %.12e\n", 1 / (i + 2), i * i / 7e9}'
awk 'BEGIN {x = 1; for (i = 0; i < 40; i++) x = x * 1.5 - x / 3; printf "%.9e %d\n", x, x}'
awk 'BEGIN {x = 2; y = 1; for (i = 0; i < 60; i++) y = (y + x / y) / 2; printf "%.15f\n", y}'
echo $((0x7fffffff + 1)) $((-7 / 2)) $((-7 % 3)) $((1 << 40))
cd /
rm -r /tmp/a /tmp/z /tmp/s.gz /tmp/s.txt
echo SESSION-END
