/* What a debugger of a program looks at: calls, a variable, signals, a fault, a thread, an end. */
#include "../../user/src/sys.h"
volatile int counter;
volatile ul wide[2] = {0x12345678, 2};
volatile int tid, ready;
static ul stack[1024];
void thread(long n) { counter += n; ready = 1; S(exit, 0); }
static void __attribute__((noinline)) caught(int sig) { counter += 100; }
static int __attribute__((noinline)) inner(int n)
{
    counter = n;
    return n * 2;
}
int __attribute__((noinline)) outer(int n)
{
    int twice = inner(n + 1);
    return twice + counter;
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    int got = outer(3);
    on_signal(SIGUSR1, caught, 0);
    S(kill, self(), SIGUSR1);
    counter++;
    clone_thread(0x350f00, stack + 1000, &tid, 5);
    while (!ready) S(sched_yield);
    S(write, 1, "done\n", 5);
    *(volatile int *)16 = got;
    return 7;
}
