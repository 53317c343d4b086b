/* Looks at files and changes them, as its arguments say, one after the other; for tests that bring the files (tests/web/trees.mjs). For mipsel alone. */
#include "sys.h"
static char buf[65536];
static void said(const char *what, const char *path, long v)
{
    put(what); put(" "); num(path, v);
}
static long write_to(const char *path, int flags, const char *text)
{
    long fd = S(open, path, O_WRONLY | O_CREAT | flags, 0640);
    if (fd < 0) return fd;
    long n = S(write, fd, text, len(text));
    S(close, fd);
    return n;
}
/* Prints a short file; of a long one, how long it is and the sum of its bytes. */
static long show(const char *path)
{
    long fd = S(open, path, O_RDONLY), n, all = 0;
    uint32_t sum = 0;
    if (fd < 0) return fd;
    while ((n = S(read, fd, buf, sizeof buf)) > 0) {
        for (long i = 0; i < n; i++) sum += (unsigned char)buf[i];
        if (!all && n < 100) S(write, 1, buf, n);
        all += n;
    }
    S(close, fd);
    if (all >= 100) num("sum", sum & 0x7fffffff);
    return n < 0 ? n : all;
}
static long names(const char *path)
{
    long fd = S(open, path, O_RDONLY), n, all = 0;
    if (fd < 0) return fd;
    while ((n = S(getdents64, fd, buf, sizeof buf)) > 0)
        for (long i = 0; i < n; all++) i += *(unsigned short *)(buf + i + 16);
    S(close, fd);
    return n < 0 ? n : all;
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    for (char **a = argv + 1; *a; ) {
        const char *what = *a++, *path = *a ? *a++ : "";
        long v;
        switch (*what) {
        case 'r': v = show(path); break;
        case 'n': v = names(path); break;
        case 'w': v = write_to(path, O_TRUNC, *a ? *a++ : ""); break;
        case 'a': v = write_to(path, O_APPEND, *a ? *a++ : ""); break;
        case 'd': v = S(unlink, path); break;
        case 'm': v = S(rename, path, *a ? *a++ : ""); break;
        case 'c': v = S(chmod, path, 0600); break;
        case 'f': v = fork(); if (!v) { S(exit_group, show(path) > 0 ? 3 : 4); } wait_for(v); v = 0; break;
        case 'x': v = S(execve, path, a, envp); break;
        case 's': for (volatile long i = 0; i < 20000000; i++) ; v = 0; break;
        default: v = -1;
        }
        said(what, path, v);
    }
    return 0;
}
