/* System calls without a C library, for the programs beside this file; what differs between instruction sets is in mips.h and x86.h. */
#ifndef SYS_H
#define SYS_H
#include <asm/unistd.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned long ul;

#ifdef __mips__
#include "mips.h"
#else
#include "x86.h"
#endif
#define S(n, ...) S_(__NR_##n, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define S_(n, a, b, c, d, e, f, ...) sys6(n, (ul)(a), (ul)(b), (ul)(c), (ul)(d), (ul)(e), (ul)(f))

static size_t len(const char *s) { size_t n = 0; while (s[n]) n++; return n; }
static void put(const char *s) { S(write, 1, s, len(s)); }
static void num(const char *what, long v)
{
    char b[24], *p = b + 23;
    unsigned long u = v < 0 ? -(unsigned long)v : (unsigned long)v;
    *p = 0;
    do *--p = '0' + u % 10; while (u /= 10);
    if (v < 0) *--p = '-';
    put(what); put(" "); put(p); put("\n");
}
void *memset(void *p, int c, size_t n) { char *q = p; while (n--) *q++ = c; return p; }
void *memcpy(void *p, const void *f, size_t n) { char *q = p; const char *g = f; while (n--) *q++ = *g++; return p; }

static long on_signal(int sig, void *handler, unsigned flags)
{
    struct ksigaction a;
    memset(&a, 0, sizeof a);
    a.flags = flags; a.handler = handler;
#ifdef __x86_64__
    a.flags |= SA_RESTORER; a.restorer = restorer;
#endif
    return S(rt_sigaction, sig, &a, 0, SET_BYTES);
}
static long self(void) { return S(getpid); }
static long fork(void) { return S(fork); }
static int wait_for(long pid) { int st = -1; S(wait4, pid, &st, 0, 0); return st; }
int run(int argc, char **argv, char **envp, unsigned long *auxv);
void start(unsigned long *sp)
{
    char **argv = (char **)(sp + 1), **envp = argv + sp[0] + 1, **e = envp;
    while (*e) e++;
    S(exit_group, run(sp[0], argv, envp, (unsigned long *)(e + 1)));
}
#endif
