# Stressors that verify what they do: each says nothing but whether it passed.
cd /tmp || exit
run() {
  local name=$1 ops=$2
  shift 2
  stress-ng --verify --temp-path /tmp --timeout 300 "--$name" 1 "--$name-ops" "$ops" "$@" >stress.log 2>&1
  echo "$name $?"
}
run cpu 80 --cpu-method all
run vm 20 --vm-bytes 1m
for s in fork futex mutex pthread clone vfork kill pipe poll eventfd sem sem-sysv shm msg mq sigfd sigrt sigsegv sigq sigsuspend sigpending \
  sigfpe sigtrap sigchld sigpipe sigabrt epoll flock dir fault; do run $s 20; done
run atomic 5
run exec 5
run mremap 5 --mremap-bytes 1m
run timer 50
