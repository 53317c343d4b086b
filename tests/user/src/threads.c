/* clone with shared memory, futexes, atomics, robust exit. */
#include "sys.h"
static volatile int counter, flag, done;
static char stacks[4][16384] __attribute__((aligned(16)));
static void futex_wait(volatile int *p, int v) { S(futex, p, 0, v, 0, 0, 0); }
static void futex_wake(volatile int *p, int n) { S(futex, p, 1, n, 0, 0, 0); }
void thread(long n)
{
    while (!flag) futex_wait(&flag, 0);
    for (int i = 0; i < 20000; i++) __sync_fetch_and_add(&counter, 1);
    __sync_fetch_and_add(&done, 1);
    futex_wake(&done, 1);
    S(exit, 0);
}
static long spawn(int n, volatile int *tid)
{
    ul *sp = (ul *)(stacks[n] + sizeof stacks[n]) - 8;
    /* CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM|PARENT_SETTID|CHILD_CLEARTID */
    register long v0 __asm__("$2") = __NR_clone;
    register ul a0 __asm__("$4") = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x100000 | 0x200000;
    register ul a1 __asm__("$5") = (ul)sp, a2 __asm__("$6") = (ul)tid, a3 __asm__("$7") = 0;
#if _MIPS_SIM == _ABIO32
    register ul arg __asm__("$16") = n;
    __asm__ volatile(".set push\n.set noreorder\n subu $29, 32\n sw %4, 16($29)\n syscall\n addiu $29, 32\n bnez $2, 1f\n nop\n move $4, $16\n"
                     " subu $29, 64\n la $25, thread\n jalr $25\n nop\n1:\n.set pop"
                     : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2), "r"(arg) : "memory", "$1", "$3", "$8", "$25", "$31");
#else
    register ul a4 __asm__("$8") = (ul)tid, arg __asm__("$16") = n;
    __asm__ volatile(".set push\n.set noreorder\n syscall\n bnez $2, 1f\n nop\n move $4, $16\n daddiu $29, -64\n dla $25, thread\n jalr $25\n nop\n1:\n.set pop"
                     : "+r"(v0), "+r"(a3), "+r"(a4) : "r"(a0), "r"(a1), "r"(a2), "r"(arg) : "memory", "$1", "$3", "$25", "$31");
#endif
    return v0;
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
