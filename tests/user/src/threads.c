/* clone with shared memory, futexes, atomics, robust exit. */
#include "sys.h"
static volatile int counter, flag, done;
static void futex_wait(volatile int *p, int v) { S(futex, p, 0, v, 0, 0, 0); }
static void futex_wake(volatile int *p, int n) { S(futex, p, 1, n, 0, 0, 0); }
static char stacks[4][16384] __attribute__((aligned(16)));
void thread(long n)
{
    while (!flag) futex_wait(&flag, 0);
    for (int i = 0; i < 20000; i++) __sync_fetch_and_add(&counter, 1);
    __sync_fetch_and_add(&done, 1);
    futex_wake(&done, 1);
    S(exit, 0);
}
/* CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM|PARENT_SETTID|CHILD_CLEARTID */
#define CLONE 0x350f00
static long spawn(int n, volatile int *tid)
{
    return clone_thread(CLONE, (ul *)(stacks[n] + sizeof stacks[n]) - 8, tid, n);
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    volatile int tids[4];
    for (int n = 0; n < 4; n++) {
        tids[n] = 1;
        num("thread", spawn(n, &tids[n]) > 0);
    }
    num("waiting", counter);
    flag = 1;
    futex_wake(&flag, 100);
    for (int d; (d = done) < 4;) futex_wait(&done, d);
    num("counter", counter);
    num("changed value", S(futex, &done, 0, 77, 0, 0, 0));
    struct { long s, ns; } t = {0, 1000000};
    num("timed out", S(futex, &done, 0, 4, &t, 0, 0));
    num("misaligned", S(futex, (char *)&done + 1, 0, 4, 0, 0, 0));
    return 0;
}
