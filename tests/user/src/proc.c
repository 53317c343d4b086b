/* What /proc tells of the kernel's own things: System V objects, signals, limits. */
#include "sys.h"
#include <linux/resource.h>
static char buf[65536];
static void slurp(const char *path)
{
    long f = S(open, path, O_RDONLY), n = 0, r;
    while (f >= 0 && (r = S(read, f, buf + n, sizeof buf - 1 - n)) > 0) n += r;
    buf[n] = 0;
    S(close, f);
}
/* The line that begins with `start`. */
static void line(const char *start)
{
    size_t n = len(start);
    for (char *p = buf; *p; p++) {
        size_t i = 0;
        while (i < n && p[i] == start[i]) i++;
        if (i == n && (p == buf || p[-1] == '\n')) {
            char *e = p;
            while (*e && *e != '\n') e++;
            *e = 0;
            put(p);
            put("\n");
            *e = '\n';
            return;
        }
    }
    put("no ");
    put(start);
    put("\n");
}
/* Field `n` of the line whose second field is `id`. */
static void field(const char *what, long id, int n)
{
    for (char *p = buf; *p; p++) {
        long v[8] = {0};
        int k = 0;
        while (*p && *p != '\n') {
            while (*p == ' ') p++;
            if (*p < '0' || *p > '9') { while (*p && *p != '\n') p++; break; }
            long x = 0;
            while (*p >= '0' && *p <= '9') x = x * 10 + *p++ - '0';
            if (k < 8) v[k++] = x;
        }
        if (k > n && v[1] == id) { num(what, v[n]); return; }
        if (!*p) break;
    }
    num(what, -1);
}
static void hit(int sig) {}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    char msg[sizeof(long) + 5] = {1};
    long q = S(msgget, 0, 0600), s = S(semget, 0, 3, 0640), m = S(shmget, 0, 12345, 0604);
    num("sent", S(msgsnd, q, msg, 5, 0));
    num("sent", S(msgsnd, q, msg, 3, 0));
    char *at = (char *)S(shmat, m, 0, 0);
    at[0] = 1;
    slurp("/proc/sysvipc/msg");
    line("       key      msqid");
    field("mode", q, 2);
    field("bytes", q, 3);
    field("messages", q, 4);
    slurp("/proc/sysvipc/sem");
    line("       key      semid");
    field("mode", s, 2);
    field("count", s, 3);
    num("removed", S(shmctl, m, 0, 0));
    slurp("/proc/sysvipc/shm");
    line("       key      shmid");
    field("mode", m, 2);
    field("size", m, 3);
    field("attached", m, 6);
    num("detached", S(shmdt, at));
    slurp("/proc/sysvipc/shm");
    field("gone", m, 2);
    num("removed", S(msgctl, q, 0, 0));
    num("removed", S(semctl, s, 0, 0, 0));

    ul set[8 / sizeof(long)] = {1 << (SIGUSR1 - 1) | 1 << (SIGWINCH - 1)};
    on_signal(SIGHUP, hit, 0);
    on_signal(SIGUSR2, (void *)1, 0);
    S(rt_sigprocmask, SIG_BLOCK, set, 0, SET_BYTES);
    S(kill, self(), SIGUSR1);
    slurp("/proc/self/status");
    line("SigPnd:");
    line("ShdPnd:");
    line("SigBlk:");
    line("SigIgn:");
    line("SigCgt:");
    ul limit[2] = {100, 200};
    S(setrlimit, RLIMIT_NOFILE, limit);
    limit[0] = limit[1] = 0;
    S(setrlimit, RLIMIT_CORE, limit);
    slurp("/proc/self/limits");
    line("Limit");
    line("Max open files");
    line("Max core file size");
    return 0;
}
