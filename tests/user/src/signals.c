/* Handlers, siginfo, masks, alternate stacks, faults, restarted calls. */
#include "sys.h"
static volatile int hits, order[8];
static char stack[16384] __attribute__((aligned(16)));
static volatile unsigned long fault_at;
static void count(int sig) { order[hits & 7] = sig; hits++; }
static void info(int sig, siginfo_t *i, void *u)
{
    num("signal", sig); num("code", i->si_code);
    if (i->si_code == -6 || i->si_code == 0) num("mine", i->si_pid == S(getpid));
}
static void fault(int sig, siginfo_t *i, void *u)
{
    struct ucontext *c = u;
    num("fault", sig); num("code", i->si_code);
    num("address", (unsigned long)i->si_addr == fault_at);
    SKIP(c);
}
static void on_stack(int sig) { char c; num("on stack", &c > stack && &c < stack + sizeof stack); }
static void nested(int sig) { hits++; if (hits < 4) S(kill, self(), SIGUSR2); }
static void alarm_hit(int sig) { hits += 10; }
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    long me = S(getpid);
    on_signal(SIGUSR1, count, 0);
    S(kill, me, SIGUSR1);
    num("hits", hits);
    unsigned long set[SET_BYTES / sizeof(long)] = {1ul << (SIGUSR1 - 1)}, old[SET_BYTES / sizeof(long)];
    S(rt_sigprocmask, SIG_BLOCK, set, old, SET_BYTES);
    S(kill, me, SIGUSR1); S(kill, me, SIGUSR1);
    num("blocked", hits);
    S(rt_sigpending, old, SET_BYTES);
    num("pending", old[0] == set[0]);
    S(rt_sigprocmask, SIG_UNBLOCK, set, 0, SET_BYTES);
    num("once", hits);
    on_signal(SIGUSR2, info, SA_SIGINFO);
    S(kill, me, SIGUSR2);
    S(tgkill, me, me, SIGUSR2);
    on_signal(SIGSEGV, fault, SA_SIGINFO);
    on_signal(SIGTRAP, fault, SA_SIGINFO);
    on_signal(SIGFPE, fault, SA_SIGINFO);
    on_signal(SIGILL, fault, SA_SIGINFO);
    fault_at = 0x10;
    LOAD_FROM_16;
    fault_at = (unsigned long)run & ~0xffful;
    STORE_TO(fault_at);
    DIVIDE_BY_ZERO;
    hits = 0;
    on_signal(SIGUSR2, nested, SA_NODEFER);
    S(kill, me, SIGUSR2);
    num("nested", hits);
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    num("sigaltstack", S(sigaltstack, &ss, 0));
    on_signal(SIGUSR1, on_stack, SA_ONSTACK);
    S(kill, me, SIGUSR1);
    /* A child that dies of a signal, and one that is stopped and goes on. */
    long pid = fork();
    if (!pid) { on_signal(SIGSEGV, 0, 0); *(volatile int *)4 = 1; }
    num("killed by", wait_for(pid) & 0x7f);
    pid = fork();
    if (!pid) { S(kill, self(), SIGSTOP); S(exit, 3); }
    int st;
    S(wait4, pid, &st, 2, 0);
    num("stopped", (st & 0xff) == 0x7f && st >> 8 == SIGSTOP);
    S(kill, pid, SIGCONT);
    num("went on", wait_for(pid) >> 8);
    /* A read that a handler interrupts, and one that goes on. */
    on_signal(SIGALRM, alarm_hit, 0);
    int p[2];
    S(pipe2, p, 0);
    struct { struct { long s, us; } every, value; } it = {{0, 0}, {0, 20000}};
    hits = 0;
    char c;
    S(setitimer, 0, &it, 0);
    num("interrupted", S(read, p[0], &c, 1));
    on_signal(SIGALRM, alarm_hit, SA_RESTART);
    pid = fork();
    if (!pid) {
        struct { long s, ns; } t = {0, 60000000};
        S(nanosleep, &t, 0);
        S(write, p[1], "x", 1);
        S(exit, 0);
    }
    S(setitimer, 0, &it, 0);
    num("restarted", S(read, p[0], &c, 1));
    num("handlers", hits);
    wait_for(pid);
    on_signal(SIGPIPE, (void *)1, 0);
    S(close, p[0]);
    num("broken pipe", S(write, p[1], "x", 1));
    num("cannot catch", on_signal(SIGKILL, count, 0));
    return 0;
}
