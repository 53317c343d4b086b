/* Random system calls with wild arguments, by a seed: whatever they give, the emulator goes on. The exit code is 0. */
#include "sys.h"
static unsigned long long x;
static unsigned rnd(unsigned n) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; return (unsigned)(x >> 32) % n; }
static char area[16384] __attribute__((aligned(4096)));
static const char *const paths[] = {"/", ".", "..", "/..", "../../../../../../etc/passwd", "/dev/../../outside", "/proc/self/root/../../outside", "f", "d/f", "l", "/proc/self/fd/3",
                                    "/proc/self/cwd/..", "/dev/ptmx", "/dev/zero", "/proc/self/mem", "/proc/self/maps", "", "a/very/long/way", "/dev/fd/0"};
static void tick(int sig) { }
static ul argument(void)
{
    ul *w = (ul *)(area + rnd(2000) * 8);
    switch (rnd(16)) {
    case 0: return 0;
    case 1: return rnd(12);
    case 2: return -(ul)rnd(12);
    case 3: return (ul)1 << rnd(8 * sizeof(ul));
    case 4: return ((ul)rnd(-1u) << 16 << (sizeof(ul) * 4 - 16)) ^ rnd(-1u);
    case 5: return (ul)area + sizeof area - rnd(9);
    case 6: return rnd(-1u) & ~4095ul;
    case 7: return (ul)paths[rnd(sizeof paths / sizeof *paths)];
    case 8: return 4096 * rnd(8);
    case 9: return (ul)run & ~4095ul;
    case 10: return ~(ul)0 << rnd(20);
    case 11: for (int i = 0; i < 16; i++) ((unsigned char *)w)[i] = rnd(256); return (ul)w;
    case 12: for (int i = 0; i < 6; i++) w[i & 3] = rnd(3) ? rnd(64) : (ul)area; return (ul)w;
    default: return (ul)w & ~7ul;
    }
}
static int left_out(int n)
{
    static const int out[] = {__NR_exit, __NR_exit_group, __NR_kill, __NR_execve, __NR_execveat, __NR_rt_sigreturn, __NR_rt_sigaction, __NR_setitimer, __NR_munmap,
                              __NR_rt_sigprocmask, __NR_chroot, __NR_close_range,
#ifdef __NR_vfork
                              __NR_vfork,
#endif
#ifdef __NR_mmap2
                              __NR_mmap2, __NR_sigreturn, __NR_sigprocmask, __NR_sigaction,
#endif
#ifdef __NR_signal
                              __NR_signal,
#endif
#ifdef __NR_ssetmask
                              __NR_ssetmask,
#endif
                              __NR_mmap, __NR_mremap, __NR_mprotect, __NR_shmat, __NR_rt_sigsuspend, __NR_madvise, __NR_alarm, __NR_ptrace};
    for (unsigned i = 0; i < sizeof out / sizeof *out; i++) if (out[i] == n) return 1;
    return 0;
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    int first = __NR_read - __NR_read % 1000, children = 0;
    x = 88172645463325252ull;
    for (char *s = argc > 1 ? argv[1] : ""; *s; s++) x = x * 31 + *s;
    for (int round = 0; round < 12; round++) {
        rnd(2);
        long pid = fork();
        if (!pid) {
            struct { struct { long s, us; } every, value; } it = {{0, 2000}, {0, 2000}};
            on_signal(SIGALRM, tick, 0);
            for (int s = 1; s < 32; s++) if (s != 9 && s != 19 && s != SIGALRM && s != SIGSEGV && s != SIGBUS) on_signal(s, (void *)1, 0);
            S(setitimer, 0, &it, 0);
            ul limit[2] = {1 << 24, 1 << 24};
            S(setrlimit, 1, limit);
            S(mkdir, "d", 0777); S(symlink, "/outside", "l"); S(open, "f", O_RDWR | O_CREAT, 0666);
            for (int i = 0; i < 1500; i++) {
                int n = first + rnd(460);
                if (left_out(n)) continue;
                /* New processes only now and then, and they end at once. */
                if ((n == __NR_fork || n == __NR_clone || n == __NR_clone3) && rnd(8)) continue;
                if (n == __NR_fork) { if (!fork()) S(exit, 0); continue; }
                if (n == __NR_clone || n == __NR_clone3) continue;
                sys6(n, argument(), argument(), argument(), argument(), argument(), argument());
            }
            S(exit, 0);
        }
        for (int k = 0; k < 2; k++) rnd(2);
        /* One that blocked its own timer and waits for ever. */
        on_signal(SIGALRM, tick, 0);
        struct { struct { long s, us; } every, value; } late = {{0, 0}, {20, 0}};
        S(setitimer, 0, &late, 0);
        int st = -1;
        if (S(wait4, pid, &st, 0, 0) < 0) { S(kill, pid, SIGKILL); S(wait4, pid, &st, 0, 0); }
        children += st == 0;
    }
    return children >= 0 ? 0 : 1;
}
