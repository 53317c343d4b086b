/* A parent that traces its child: calls, signals, events, memory, registers. */
#include "sys.h"
#include <linux/ptrace.h>
#ifndef PTRACE_SINGLESTEP
#define PTRACE_SINGLESTEP 9
#endif
#define WALL 0x40000000
static volatile long value = 0x1234;
static int wait_any(long pid, int *st) { *st = -1; return S(wait4, pid, st, WALL, 0); }
static long trace(long request, long pid, ul addr, ul data) { return S(ptrace, request, pid, addr, data); }
static void status(const char *what, long pid)
{
    int st;
    long who = wait_any(pid, &st);
    put(what);
    num(who == pid ? " status" : " somebody else", st);
}
static void sleep_long(void) { long ts[2] = {1000, 0}; S(nanosleep, ts, 0); }
static volatile int hits;
static void hit(int sig) { hits++; }
/* What PTRACE_GET_SYSCALL_INFO says; the number by its name, for they differ. */
static void info(long pid)
{
    struct ptrace_syscall_info i;
    memset(&i, 0, sizeof i);
    long n = trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, (ul)&i);
    num("  info op", i.op);
    num("  bytes", n);
    if (i.op == PTRACE_SYSCALL_INFO_ENTRY) {
        put(i.entry.nr == __NR_getppid ? "  getppid" : i.entry.nr == __NR_kill ? "  kill" : i.entry.nr == __NR_close ? "  close" : "  another");
        num(" first", (long)i.entry.args[0] == 77);
    } else if (i.op == PTRACE_SYSCALL_INFO_EXIT) {
        num("  error", i.exit.is_error);
        num("  value", i.exit.is_error ? i.exit.rval : i.exit.rval > 0);
    }
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    siginfo_t si;
    ul word;
    if (argc > 1 && argv[1][0] == 'e') { put("the other program\n"); return 3; }
    num("nobody", trace(PTRACE_CONT, 31999, 0, 0));
    long pid = fork();
    if (!pid) {
        num("traceme", trace(PTRACE_TRACEME, 0, 0, 0));
        on_signal(SIGUSR1, hit, 0);
        S(kill, self(), SIGSTOP);
        S(getppid);
        S(close, 77);
        S(kill, self(), SIGUSR1);
        num("hits", hits);
        S(kill, self(), SIGUSR1);
        num("hits", hits);
        num("value", value);
        char *args[] = {argv[0], "e", 0};
        S(execve, argv[0], args, envp);
        S(exit, 1);
    }
    status("stopped", pid);
    num("not a child", trace(PTRACE_PEEKDATA, 1, 0, (ul)&word));
    num("options", trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT));
    num("bad options", trace(PTRACE_SETOPTIONS, pid, 0, 0x40000000));
    num("siginfo", trace(PTRACE_GETSIGINFO, pid, 0, (ul)&si));
    num("signo", si.si_signo);
    num("code", si.si_code);
    num("peek", trace(PTRACE_PEEKDATA, pid, (ul)&value, (ul)&word));
    num("word", word);
    num("poke", trace(PTRACE_POKEDATA, pid, (ul)&value, 0x4321));
    num("mine is as it was", value);
    num("poke nothing", trace(PTRACE_POKEDATA, pid, 16, 1));
    num("peek nothing", trace(PTRACE_PEEKDATA, pid, 16, (ul)&word));
    for (int i = 0; i < 4; i++) {
        num("syscall", trace(PTRACE_SYSCALL, pid, 0, 0));
        status(i & 1 ? "exit" : "entry", pid);
        info(pid);
        num("message", trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word));
        num("is", word);
    }
    /* The first signal is taken away, the second delivered. */
    for (int i = 0; i < 2; i++) {
        trace(PTRACE_CONT, pid, 0, 0);
        status("signal", pid);
        trace(PTRACE_GETSIGINFO, pid, 0, (ul)&si);
        num("signo", si.si_signo);
        num("from itself", si.si_pid == pid);
        if (i) trace(PTRACE_CONT, pid, 0, SIGUSR1);
    }
    status("exec", pid);
    trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word);
    num("message is its number", word == (ul)pid);
    trace(PTRACE_CONT, pid, 0, 0);
    status("about to end", pid);
    trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word);
    num("with", word);
    trace(PTRACE_CONT, pid, 0, 0);
    status("ended", pid);

    /* Attached, with a child of its own. */
    pid = fork();
    if (!pid) {
        long child;
        for (;;) { long ts[2] = {0, 1000000}; S(nanosleep, ts, 0); if (value == 2) break; }
        child = fork();
        if (!child) S(exit, 9);
        num("grandchild", wait_for(child));
        S(exit, 4);
    }
    num("attach", trace(PTRACE_ATTACH, pid, 0, 0));
    status("attached", pid);
    num("twice", trace(PTRACE_ATTACH, pid, 0, 0));
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK);
    trace(PTRACE_POKEDATA, pid, (ul)&value, 2);
    trace(PTRACE_CONT, pid, 0, 0);
    status("fork", pid);
    trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word);
    long child = word;
    status("the child", child);
    num("let go", trace(PTRACE_DETACH, child, 0, 0));
    trace(PTRACE_CONT, pid, 0, 0);
    status("its end", pid);
    trace(PTRACE_CONT, pid, 0, SIGCHLD);
    status("end", pid);

    /* One that waits for its child's end, as after vfork. */
    pid = fork();
    if (!pid) {
        S(kill, self(), SIGSTOP);
        long child = S(clone, 0x4000 | SIGCHLD, 0, 0, 0, 0);
        if (!child) S(exit, 6);
        num("grandchild", wait_for(child));
        S(exit, 5);
    }
    int st;
    S(wait4, pid, &st, 2, 0);
    num("seize", trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE));
    status("group stop", pid);
    S(kill, pid, SIGCONT);
    trace(PTRACE_CONT, pid, 0, 0);
    status("told", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    status("continued", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    status("vfork", pid);
    trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word);
    child = word;
    status("the child", child);
    num("let go", trace(PTRACE_DETACH, child, 0, 0));
    trace(PTRACE_CONT, pid, 0, 0);
    status("done", pid);
    trace(PTRACE_GETEVENTMSG, pid, 0, (ul)&word);
    num("the same child", child == (long)word);
    trace(PTRACE_CONT, pid, 0, 0);
    status("its end", pid);
    trace(PTRACE_CONT, pid, 0, SIGCHLD);
    status("end", pid);

    /* Seized, interrupted, listening. */
    pid = fork();
    if (!pid) for (;;) sleep_long();
    num("seize", trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
    num("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
    status("interrupted", pid);
    num("go on", trace(PTRACE_CONT, pid, 0, 0));
    S(kill, pid, SIGSTOP);
    status("signal", pid);
    trace(PTRACE_CONT, pid, 0, SIGSTOP);
    status("group stop", pid);
    num("siginfo", trace(PTRACE_GETSIGINFO, pid, 0, (ul)&si));
    num("listen", trace(PTRACE_LISTEN, pid, 0, 0));
    num("no requests", trace(PTRACE_CONT, pid, 0, 0));
    S(kill, pid, SIGCONT);
    status("continued", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    status("its signal", pid);
    num("kill", S(kill, pid, SIGKILL));
    status("killed", pid);

    /* One that waits in a call: the call is made again. */
    int fds[2];
    S(pipe2, fds, 0);
    pid = fork();
    if (!pid) { char c; long n = S(read, fds[0], &c, 1); S(exit, n + 1); }
    long ts[2] = {0, 50000000};
    S(nanosleep, ts, 0);
    num("seize", trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
    num("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
    status("interrupted", pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    status("entry", pid);
    info(pid);
    num("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
    trace(PTRACE_SYSCALL, pid, 0, 0);
    status("left", pid);
    info(pid);
    /* That stop was instead of the one asked for. */
    trace(PTRACE_SYSCALL, pid, 0, 0);
    status("entry again", pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    S(write, fds[1], "x", 1);
    status("exit", pid);
    info(pid);
    trace(PTRACE_CONT, pid, 0, 0);
    status("end", pid);

    /* A tracer that ends takes what it seized along. */
    pid = fork();
    if (!pid) {
        long prey = fork();
        if (!prey) for (;;) sleep_long();
        S(exit, trace(PTRACE_SEIZE, prey, 0, PTRACE_O_EXITKILL) ? 1 : 0);
    }
    status("tracer", pid);
    return 0;
}
