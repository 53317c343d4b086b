# sqlite3, and packers there and back.
cd /tmp || exit
sqlite3 :memory: 'create table t(a integer primary key, b real, c text);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 3000) insert into t select x, x * x / 7.0, hex(x) || x from n;
create index i on t(c); begin; update t set b = -b where a % 3 = 0; rollback; delete from t where a % 5 = 0;
select count(*), sum(a), round(avg(b), 6), max(c) from t; select c, b from t order by b desc limit 2; pragma integrity_check;
select group_concat(a, "-") from (select a from t where c like "33%" limit 5); select json_extract("{""a"":[1,2,{""b"":3}]}", "$.a[2].b");'
seq 1 200000 | gawk '{ print $1 * 7919 % 100003 }' >numbers; sha256sum numbers
for p in gzip bzip2 xz 'xz -9e'; do
  $p -kf numbers && ls numbers.* | head -1 && ${p%% *} -dc numbers.* | cmp - numbers && ${p%% *} -t numbers.* && wc -c <"$(ls numbers.*)"
  rm -f numbers.*
done
tar --exclude=__pycache__ -cJf all.tar.xz -C /usr/lib/python3.11 json re && tar -tJf all.tar.xz | sort | head -5 && tar -xJf all.tar.xz && diff -r -x __pycache__ json /usr/lib/python3.11/json && echo same
perl -e 'my %h; $h{$_ % 977} += $_ for 1..100000; my $s = 0; $s ^= $h{$_} * $_ for keys %h; print "$s\n"'; gawk 'BEGIN { for (i = 0; i < 50000; i++) a[i % 331] += sin(i); for (k in a) s += a[k]; printf "%.9f\n", s }'
find /usr/lib/python3.11/json /usr/include/linux -name 's*' | sort | head -5 | xargs -n1 basename
