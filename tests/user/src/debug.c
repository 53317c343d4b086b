/* Debug registers of a traced child: what can be set, watched writes and reads, a breakpoint. x86 only. */
#include "sys.h"
#include <linux/ptrace.h>
#define WALL 0x40000000
#ifdef __x86_64__
#define DEBUG 848
#else
#define DEBUG 252
#endif
static volatile int value[4] __attribute__((aligned(16)));
static volatile int sum;
static long trace(long request, long pid, ul addr, ul data) { return S(ptrace, request, pid, addr, data); }
static long set(long pid, int n, ul v) { return trace(PTRACE_POKEUSR, pid, DEBUG + n * sizeof(ul), v); }
static ul get(long pid, int n)
{
    ul v = 0;
    trace(PTRACE_PEEKUSR, pid, DEBUG + n * sizeof(ul), (ul)&v);
    return v;
}
static void __attribute__((noinline)) stop_here(void) { sum++; asm volatile(""); }
static void go(const char *what, long pid, ul sig)
{
    int st = -1;
    siginfo_t si;
    ul word = 0;
    trace(PTRACE_CONT, pid, 0, sig);
    S(wait4, pid, &st, WALL, 0);
    put(what);
    num(" status", st);
    if ((st & 0xff) != 0x7f) return;
    memset(&si, 0, sizeof si);
    trace(PTRACE_GETSIGINFO, pid, 0, (ul)&si);
    num("  code", si.si_code);
    num("  dr6", (long)(get(pid, 6) & 0x400f));
    set(pid, 6, 0);
    for (int n = 0; n < 3; n++) {
        trace(PTRACE_PEEKDATA, pid, (ul)&value[n], (ul)&word);
        num("  value", (int)word);
    }
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    long pid = fork();
    if (!pid) {
        trace(PTRACE_TRACEME, 0, 0, 0);
        S(kill, self(), SIGSTOP);
        value[1] = 1;
        value[0] = 2;
        value[2] = 3;
        *(volatile char *)((ul)value + 2) = 4;
        sum = value[2];
        value[2] = 5;
        stop_here();
        stop_here();
        long child = fork();
        if (!child) { value[0] = 7; S(exit, 0); }
        num("unwatched child", wait_for(child));
        value[0] = 8;
        S(exit, sum);
    }
    int st;
    S(wait4, pid, &st, WALL, 0);
    num("stopped", st);
    num("dr7", get(pid, 7));
    num("beyond", trace(PTRACE_PEEKUSR, pid, DEBUG + 8 * sizeof(ul), (ul)&st));
    num("dr4", set(pid, 4, 1));
    num("dr4 is", get(pid, 4));
    num("not mine", set(pid, 0, ~0ul & ~15ul));
    num("address", set(pid, 0, (ul)value + 1));
    num("unaligned", set(pid, 7, 0xd0001));
    num("port", set(pid, 7, 0x20001));
    num("long code", set(pid, 7, 0xc0001));
    num("address", set(pid, 0, (ul)value));
    num("write", set(pid, 7, 0xd0001));
    num("is", get(pid, 7));
    go("written", pid, 0);
    go("a byte of it", pid, 0);
    num("off", set(pid, 7, 0));
    num("second", set(pid, 1, (ul)&value[2]));
    num("read", set(pid, 7, 0xf00004));
    go("read", pid, 0);
    go("written", pid, 0);
    num("code", set(pid, 2, (ul)stop_here));
    num("code on", set(pid, 7, 0x10));
    go("called", pid, 0);
    go("called again", pid, 0);
    num("both", set(pid, 7, 0xd0011));
    go("behind the child", pid, 0);
    go("end", pid, 0);
    return 0;
}
