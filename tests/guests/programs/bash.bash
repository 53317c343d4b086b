cd /tmp || exit
declare -a a=(one two "three four"); declare -A m=([x]=1 [y]=2); a+=(five)
echo "${#a[@]} ${a[2]} ${a[@]:1:2} ${!a[*]}"; for k in $(printf '%s\n' "${!m[@]}" | sort); do echo "$k=${m[$k]}"; done
s="Hello, World"; echo "${s/World/Bash} ${s^^} ${s,,} ${s:7} ${s: -5:3} ${s//o/0} ${s#*,} ${#s} ${s@Q}"
[[ $s =~ ([A-Z])[a-z]+,\ (W.*) ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"; [[ abc == a?c && ! -e /nonexistent ]] && echo match
echo {1..5} {a..e..2} x{1,2}y; printf '%s|' {01..03}; echo; printf -v v '%(%Y)T' 0; echo "$v"; printf '%q %b %d\n' 'a b' 'x\ty' 0x1F
echo $((2**40 + 7 % 4)) $((1 << 33 | 5)) $((16#ff)) $((a[0]=5, a[0] * 2)); let 'n = 5 * 5'; echo $n; ((n > 24)) && echo big
diff <(seq 1 5) <(seq 2 6) | tr '\n' ';'; echo; while read -r x; do t=$((t + x)); done < <(seq 1 100); echo "$t"
mapfile -t lines < <(printf 'l%d\n' 1 2 3); echo "${lines[*]}"; read -r -a w <<< "some words here"; echo "${w[1]}"; IFS=: read -r p q <<< "1:2"; echo "$q$p"
fib() { local n=$1; ((n < 2)) && { echo "$n"; return; }; echo $(($(fib $((n - 1))) + $(fib $((n - 2))))); }; fib 9
sum=0; for ((i = 0; i < 2000; i++)); do ((sum += i * i)); done; echo $sum; case foo.tar.gz in *.tar.*) echo "archive ${_:-}";; esac | cut -c1-7
trap 'echo "usr1"' USR1; trap 'echo "exit $?"' EXIT; kill -USR1 $$; (trap - EXIT; exit 3); echo $?
coproc C { while read -r l; do echo "co:$l"; done; }; echo hi >&"${C[1]}"; read -r r <&"${C[0]}"; echo "$r"; exec {C[1]}>&-; wait "$C_PID"
{ sleep 0.05; exit 4; } & b=$!; wait $b; echo $?; jobs; set -o pipefail; false | true; echo $?; set +o pipefail; true | false | true; echo "${PIPESTATUS[*]}"
exec 5> bashfile; echo to five >&5; exec 5>&-; cat bashfile; cat bashfile bashfile > bashfile2; wc -c < bashfile2; rm bashfile bashfile2
f() { echo "$FUNCNAME $# ${*: -1}"; }; f a b c; declare -f f | head -1; shopt -s extglob; echo "${s/+([A-Z])/_}"; select_none=; echo "${select_none:=set} $select_none"
set -e; false || echo survived; x=$(echo sub; exit 0); echo "$x"; (set -e; false; echo never) || echo stopped; set +e
ulimit -c 0; echo "$(ulimit -c)"; umask 027; touch um; stat -c %a um; rm um; printf '%s\n' "$BASH_SUBSHELL" "$(echo $BASH_SUBSHELL)"; bash -c 'exit 9'; echo $?
