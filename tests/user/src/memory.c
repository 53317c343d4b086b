/* mmap, mprotect, mremap, brk, copies on fork, code that changes. */
#include "sys.h"
static char *map(void *at, size_t n, int prot, int flags, int fd)
{
#ifdef __NR_mmap2
    return (char *)S(mmap2, at, n, prot, flags, fd, 0);
#else
    return (char *)S(mmap, at, n, prot, flags, fd, 0);
#endif
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    char *p = map(0, 0x5000, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    num("zero", p[0x4fff]);
    p[0] = 1; p[0x1000] = 2;
    num("hole", S(munmap, p + 0x2000, 0x1000));
    num("write into hole", S(read, -1, p, 1) == -9 && S(gettimeofday, p + 0x2000, 0) == -14);
    num("protect", S(mprotect, p, 0x1000, 1));
    num("write protected", S(gettimeofday, p, 0));
    num("protect a hole", S(mprotect, p, 0x5000, 3));
    long pid = fork();
    if (!pid) { p[0x1000] = 9; S(exit, p[0x1000]); }
    num("child", wait_for(pid) >> 8);
    num("parent keeps", p[0x1000]);
    char *sh = map(0, 0x1000, 3, MAP_SHARED | MAP_ANONYMOUS, -1);
    pid = fork();
    if (!pid) { sh[5] = 42; S(exit, 0); }
    wait_for(pid);
    num("shared", sh[5]);
    char *q = (char *)S(mremap, p + 0x3000, 0x1000, 0x8000, 1, 0);
    q[0x7fff] = 3;
    num("remapped", q[0x7fff]);
    long b = S(brk, 0);
    num("brk", S(brk, b + 0x3000) - b);
    *(char *)(b + 0x2fff) = 5;
    num("brk back", S(brk, b) - b);
    num("beyond brk", S(gettimeofday, b + 0x2ff0, 0));
    num("bad address", (long)map((void *)0x1001, 0x1000, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1));
    num("no length", (long)map(0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    num("huge", (long)map(0, ~0ul << 12, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    unsigned char *code = (unsigned char *)map(0, 0x1000, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    int sum = 0;
    for (int i = 0; i < 20; i++) {
        CODE_THAT_GIVES(code, i);
        sum += ((int (*)(void))code)();
    }
    num("changed code", sum);
    char unaligned[16] = {1, 2, 3, 4, 5, 6, 7, 8};
    unsigned long sp = (unsigned long)unaligned;
    num("stack here", sp > 0x1000);
    return 0;
}
