cd /tmp; rm -rf bb; mkdir bb; cd bb
seq 1 1000 | md5sum; seq 1 1000 | sha256sum; seq 1 1000 | sha1sum
seq 1 20 | awk '{ s += $1; q += $1 * $1; if ($1 % 7 == 0) print NR, $1 / 3 } END { printf "%d %d %.6f\n", s, q, sqrt(q) * exp(1) }'
printf 'b 2\na 1\nc 3\na 9\n' | sort -k2nr | sed -n 's/\([a-z]\) \(.\)/\2-\1/p;$=' | tr 'a-c' 'A-C'
printf 'x\nx\ny\nz\nz\nz\n' | uniq -c | sort -rn | cut -c1-7,8- | head -2
mkdir -p d/e/f; echo one > d/a; echo two > d/e/b; ln -s ../a d/e/l; cp -a d c; diff -r d c && echo same
echo three >> c/e/b; diff -u d/e/b c/e/b | tail -n +3
tar -c d | gzip -9 | gunzip | tar -t | sort; tar -cf t.tar d; mkdir x; tar -xf t.tar -C x; find x -type f | sort | xargs cat
find d -name '[a-b]' -exec wc -c {} \; | sort; ls d | wc -l; stat -c '%a %s %F' d/a; chmod 640 d/a; stat -c %A d/a
echo hello | od -c; printf '\001\002\377' | hexdump -C; echo 'aGVsbG8K' | base64 -d; expr 6 '*' 7; factor 1234567890
date -u -d @86400 '+%F %T %j %a'; printf '%05d|%-6s|%x|%o|%e\n' 42 ab 255 8 1234.5; echo $((0x1f ^ 7 << 2, 1 ? 2 : 3)) 
f() { local n=$1; [ "$n" -le 1 ] && echo 1 || echo $((n * $(f $((n - 1))))); }; f 10
i=0; while [ $i -lt 5 ]; do case $i in [13]) echo odd $i;; *) ;; esac; i=$((i + 1)); done
trap 'echo trapped' USR1; kill -USR1 $$; (exit 7); echo $?; (sleep 0.05; echo late) & wait $!; echo waited
cat <<X | while read -r a b; do echo "$b $a"; done
1 one
2 two
X
echo abc | (read v; echo ${v#a} ${v%c} ${#v}); set -- a "b c" d; echo $# "$2"; shift; echo "$@"; echo ${undefined:-default}
yes | head -3 | wc -l; seq 5 | tac | paste -sd, ; seq 1 3 | xargs -n1 echo n; dd if=/dev/zero bs=1k count=4 2>/dev/null | wc -c; head -c 5 /dev/zero | od -An -tx1
timeout 1 sleep 0.01; echo $?; sh -c 'kill -9 $$'; echo $?; true; echo $?; env -i A=1 env; which sh > /dev/null; echo $?
mkfifo p; (echo through > p) & cat p; wait; [ -p p ] && echo fifo; echo x > ro; chmod 444 ro; rm -f ro; [ -e ro ] || echo removed
cd ..; rm -r bb; ls -d bb 2>/dev/null; echo $?
