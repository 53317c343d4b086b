# Stressors that verify what they do: each says nothing but whether it passed. Arguments choose among them.
cd /tmp || exit
[ $# -gt 0 ] || set -- cpu vm fork futex mutex pthread clone vfork kill pipe poll eventfd sem sem-sysv shm msg mq sigfd sigrt sigsegv sigq sigsuspend \
  sigpending sigfpe sigtrap sigchld sigpipe sigabrt epoll flock dir fault atomic exec mremap timer
for s in "$@"; do
  more=() ops=20
  case $s in
    cpu) ops=80 more=(--cpu-method all) ;;
    vm) more=(--vm-bytes 1m) ;;
    atomic | exec) ops=5 ;;
    mremap) ops=5 more=(--mremap-bytes 1m) ;;
    timer) ops=50 ;;
  esac
  echo "== $s"
  stress-ng --verify --temp-path /tmp --timeout 300 "--$s" 1 "--$s-ops" "$ops" "${more[@]}" >stress.log 2>&1
  echo "status $?"
done
