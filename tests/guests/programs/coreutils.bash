cd /tmp; rm -rf cu; mkdir cu; cd cu
seq 1 5000 > n; sha256sum n; sha512sum < n | cut -c1-32; b2sum n | cut -c1-32; cksum n; sum n
sort -R --random-source=n n | head -3; shuf --random-source=n -i 1-50 -n 5 | paste -sd' '; sort -rn n | head -2; sort -k1.2,1.3 n | sed -n 7p
split -l 1000 n part.; ls part.* | wc -l; cat part.* | cmp - n && echo joined; csplit -s n 100 200; wc -l xx*; tac n | head -1; nl -ba n | sed -n 3p
factor 18446744073709551557 600851475143; numfmt --to=iec 1048576 123456789; seq -w 8 11; expr length abcdef
join <(printf 'a 1\nb 2\n') <(printf 'a x\nb y\n'); paste -d, <(seq 3) <(seq 4 6); comm -12 <(seq 1 5) <(seq 3 9); tr -dc 0-9 < n | wc -c; fold -w 20 <<< 'the quick brown fox jumps over'; fmt -w 15 <<< 'the quick brown fox'
dd if=n of=o bs=100 skip=2 count=3 seek=1 status=none; stat -c '%s %b' o | cut -d' ' -f1; od -A d -t x1z -N 16 o; truncate -s 10 o; wc -c o; head -c -5 o | tail -c 3 | od -An -c
touch -d '2001-02-03 04:05:06 UTC' t; date -u -r t '+%s %F'; date -u -d '2024-02-29 +1 year' +%F; stat -c %Y t; ln t h; stat -c %h t; ln -s t s; readlink -f s; basename /a/b.c .c; dirname /a/b/c; realpath --relative-to=/tmp/cu /tmp
mkdir -p a/b/c; cp -a t a/b/c; mv a z; find z -printf '%p %y\n' | sort; du --apparent-size -b z/b/c/t; rm -r z; test -d z; echo $?; mktemp -u XXXXXX | wc -c; install -m 751 t i; stat -c %a i; chmod u=rw,g=r,o= i; stat -c %A i
env -i X=1 printenv X; timeout 0.05 sleep 5; echo $?; nice -n 5 nice; nohup true 2>/dev/null; echo $?; id -u; whoami 2>/dev/null || echo nobody; yes ab | head -c 5; echo; echo 'x y' | tee f1 f2; cat f1 f2; base32 f1; base64 f1; expand <<< $'a\tb' | od -An -c
uniq -c <<< $'a\na\nb'; cut -d: -f2- <<< a:b:c; pr -t -2 -l3 <<< $'1\n2\n3\n4' | head -2; tsort <<< 'a b b c'; ptx <<< word | wc -l; md5sum n > n.md5; md5sum -c n.md5; echo $((0)) > e; stat -f -c %S . > /dev/null; echo $?
grep -c 7 n; grep -oE '[0-9]{3}9' n | head -2; grep -vn '^[0-9]*$' n | wc -l; sed -E 's/(.)(.)/\2\1/;3q' n; sed -n '/10$/{p;q}' n; sed '$!d' n; sed '2~1000!d' n | paste -sd+
cd ..; rm -rf cu
