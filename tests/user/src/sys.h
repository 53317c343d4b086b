/* System calls without a C library, for the programs beside this file: MIPS o32 and n64, both byte orders. */
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

static long sys6(long n, ul a, ul b, ul c, ul d, ul e, ul f)
{
    register long v0 __asm__("$2") = n;
    register ul a0 __asm__("$4") = a, a1 __asm__("$5") = b, a2 __asm__("$6") = c;
    register ul a3 __asm__("$7") = d;
#if _MIPS_SIM == _ABIO32
    __asm__ volatile("subu $29, 32; sw %5, 16($29); sw %6, 20($29); syscall; addiu $29, 32"
                     : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2), "r"(e), "r"(f)
                     : "memory", "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo");
#else
    register ul a4 __asm__("$8") = e, a5 __asm__("$9") = f;
    __asm__ volatile("syscall" : "+r"(v0), "+r"(a3), "+r"(a4), "+r"(a5) : "r"(a0), "r"(a1), "r"(a2)
                     : "memory", "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo");
#endif
    return a3 ? -v0 : v0;
}
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

/* struct sigaction as the kernel has it. */
struct ksigaction { unsigned flags; void *handler; unsigned long mask[16 / sizeof(long)]; };
static long on_signal(int sig, void *handler, unsigned flags)
{
    struct ksigaction a;
    memset(&a, 0, sizeof a);
    a.flags = flags; a.handler = handler;
    return S(rt_sigaction, sig, &a, 0, 16);
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
__asm__(".globl __start\n.set push\n.set noreorder\n__start:\n move $4, $29\n move $30, $0\n"
#if _MIPS_SIM == _ABIO32
        " addiu $29, -32\n la $25, start\n"
#else
        " dla $25, start\n"
#endif
        " jalr $25\n nop\n.set pop\n");
#endif
