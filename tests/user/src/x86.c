/* What only x86 has: traps, flags, segments, the FPU across handlers, faults' codes; on i386 the older calls. */
#include "sys.h"
static volatile int hits;
static volatile unsigned long skip;
#ifdef __x86_64__
#define FP(c) (*(struct _fpstate **)&(c)->uc_mcontext.fpstate)
#define FLAGS(c) (c)->uc_mcontext.eflags
#define STACKP "%%rsp"
#else
#define FP(c) ((c)->uc_mcontext.fpstate)
#define FLAGS(c) (c)->uc_mcontext.eflags
#define STACKP "%%esp"
#endif
static void fault(int sig, siginfo_t *i, void *u)
{
    struct ucontext *c = u;
    num("signal", sig); num("code", i->si_code);
    num("address", i->si_addr == (void *)PC(c) ? 1 : i->si_addr == 0 ? 0 : 2);
    num("trap", c->uc_mcontext.trapno);
    PC(c) += skip;
}
static void step(int sig, siginfo_t *i, void *u)
{
    struct ucontext *c = u;
    hits++;
    if (i->si_code != 2) num("step code", i->si_code);
    if (hits >= 3) FLAGS(c) &= ~0x100ul;
}
static void fpu(int sig, siginfo_t *i, void *u)
{
    struct ucontext *c = u;
    unsigned short cw = 0;
    unsigned mxcsr = 0;
    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(cw), "=m"(mxcsr));
    num("fresh control word", cw); num("fresh mxcsr", mxcsr);
    __asm__ volatile("fninit; fldpi; fld1; pxor %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7" ::: "memory");
#ifdef __x86_64__
    num("saved control word", FP(c)->cwd);
    num("saved mxcsr", FP(c)->mxcsr);
    num("saved xmm7", FP(c)->xmm_space[28] == 77);
#else
    num("saved control word", FP(c)->cw & 0xffff);
    num("saved mxcsr", FP(c)->mxcsr);
    num("saved xmm7", FP(c)->_xmm[7].element[0] == 77);
#endif
}
static void masked(int sig) { hits = 100 + sig; }
#define TRAP(text, bytes, insn) put(text "\n"); skip = bytes; __asm__ volatile(insn ::: "memory", "cc", "eax", "ecx", "edx")
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    long me = self();
    for (int sig = 4; sig <= 11; sig++) if (sig != 6 && sig != 9 && sig != 10) on_signal(sig, fault, SA_SIGINFO);
    TRAP("int3", 0, "int3");
    TRAP("ud2", 2, "ud2");
    TRAP("hlt", 1, "hlt");
    TRAP("in", 1, "in %%dx, %%al");
    TRAP("int 99", 2, "int $99");
    TRAP("idiv", 2, "mov $0x80000000, %%eax; mov $-1, %%ecx; cltd; idiv %%ecx");
    TRAP("mov to cr0", 3, "mov %%eax, %%ecx; .byte 0x0f, 0x22, 0xc0");
    TRAP("bad selector", 2, "mov $0x1234, %%eax; mov %%eax, %%fs");
    /* Exceptions of the FPU: divide by zero is not masked. */
    unsigned short cw = 0x37b, cw2;
    unsigned mx = 0x1f80 & ~(1 << 9), mx2;
    __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdivp" :: "m"(cw));
    TRAP("x87", 0, "nop");
    put("fwait\n"); skip = 1;
    on_signal(SIGFPE, fault, SA_SIGINFO);
    __asm__ volatile("fwait; fninit");
    __asm__ volatile("ldmxcsr %0" :: "m"(mx));
    TRAP("sse", 4, "xorps %%xmm1, %%xmm1; pcmpeqd %%xmm0, %%xmm0; pslld $25, %%xmm0; psrld $2, %%xmm0; .byte 0xf3, 0x0f, 0x5e, 0xc1");
    __asm__ volatile("stmxcsr %0" : "=m"(mx2));
    num("mxcsr", mx2);
    mx = 0x1f80;
    __asm__ volatile("ldmxcsr %0; fninit" :: "m"(mx));
    /* Single steps. */
    on_signal(SIGTRAP, step, SA_SIGINFO);
    __asm__ volatile("pushf\n orl $0x100, (" STACKP ")\n popf\n nop\n nop\n nop\n nop\n nop" ::: "memory", "cc");
    num("steps", hits);
    /* The FPU around a handler. */
    on_signal(SIGUSR1, fpu, SA_SIGINFO);
    cw = 0x27f; mx = 0x3f80;
    unsigned seven[4] __attribute__((aligned(16))) = {77, 0, 0, 0}, out[4] __attribute__((aligned(16)));
    double st = 0;
    __asm__ volatile("fldcw %0; ldmxcsr %1; movaps %2, %%xmm7; fldz; fld1; fadd %%st(0)" :: "m"(cw), "m"(mx), "m"(seven));
    S(kill, me, SIGUSR1);
    __asm__ volatile("fstpl %0; fstp %%st(0); fnstcw %1; stmxcsr %2; movaps %%xmm7, %3" : "=m"(st), "=m"(cw2), "=m"(mx2), "=m"(out));
    num("st", st == 2.0); num("control word", cw2); num("mxcsr", mx2); num("xmm7", out[0]);
    mx = 0x1f80;
    __asm__ volatile("ldmxcsr %0; fninit" :: "m"(mx));
    /* The direction flag is clear in a handler and comes back. */
    on_signal(SIGUSR2, masked, 0);
    unsigned long f;
    __asm__ volatile("std");
    S(kill, me, SIGUSR2);
    __asm__ volatile("pushf; pop %0; cld" : "=r"(f));
    num("direction", f >> 10 & 1); num("handler", hits);
    unsigned a = 0, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    num("cpuid", a > 0);
#ifdef __x86_64__
    static unsigned long area[4] = {1, 2, 3, 4};
    unsigned long v = 0;
    num("set gs", S(arch_prctl, 0x1001, area));
    __asm__ volatile("mov %%gs:8, %0" : "=r"(v));
    num("gs", v);
    num("get gs", S(arch_prctl, 0x1004, &v)); num("base", v == (ul)area);
    num("set fs", S(arch_prctl, 0x1002, area + 2));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(v));
    num("fs", v);
    num("kernel base", S(arch_prctl, 0x1002, -4096l));
    num("no such", S(arch_prctl, 0x7777, 0));
    on_signal(SIGSEGV, fault, SA_SIGINFO); on_signal(SIGBUS, fault, SA_SIGINFO);
    TRAP("not canonical", 2, "mov $0x8000000000000000, %%rax; mov (%%rax), %%ecx");
    TRAP("not canonical stack", 3, "mov %%rbp, %%rcx; mov $0x8000000000000000, %%rbp; movl 0(%%rbp), %%edx; mov %%rcx, %%rbp");
    TRAP("alignment", 4, "pushf; orl $0x40000, (%%rsp); popf; movl 1(%%rsp), %%eax; pushf; andl $~0x40000, (%%rsp); popf");
    v = S(time, 0);
    num("time", v > 1000000000);
#else
    struct { unsigned entry, base, limit, flags; } u = {-1u, 0, 0xfffff, 0x51}, w;
    static unsigned area[4] = {1, 2, 3, 4};
    u.base = (unsigned)area;
    num("set_thread_area", S(set_thread_area, &u));
    unsigned v = 0;
    __asm__ volatile("mov %1, %%gs; mov %%gs:8, %0" : "=r"(v) : "r"(u.entry * 8 + 3));
    num("gs", v);
    w.entry = u.entry;
    num("get_thread_area", S(get_thread_area, &w));
    num("same", w.base == u.base && w.limit == u.limit && w.flags == u.flags);
    u.base += 4;
    num("set again", S(set_thread_area, &u));
    __asm__ volatile("mov %%gs:8, %0" : "=r"(v));
    num("gs", v);
    u.limit = 7; u.flags = 0x41;
    num("small", S(set_thread_area, &u));
    on_signal(SIGSEGV, fault, SA_SIGINFO);
    TRAP("beyond the limit", 7, "mov %%gs:8, %%ecx");
    u.entry = 3;
    num("other entry", S(set_thread_area, &u));
    unsigned m[6] = {0, 4096, 3, 0x22, -1, 0};
    char *p = (char *)S(mmap, m);
    p[5] = 6;
    num("mmap", p[5]);
    int s[2];
    unsigned sc[4] = {1, 1, 0, (unsigned)s};
    num("socketpair", S(socketcall, 8, sc));
    unsigned snd[4] = {s[0], (unsigned)"hello", 5, 0};
    num("send", S(socketcall, 9, snd));
    unsigned set[32] = {1u << s[1]};
    struct { long s, us; } t = {0, 0};
    unsigned sel[5] = {s[1] + 1, (unsigned)set, 0, 0, (unsigned)&t};
    num("select", S(select, sel));
    unsigned rcv[4] = {s[1], (unsigned)p, 10, 0};
    num("recv", S(socketcall, 10, rcv));
    num("no such", S(socketcall, 77, rcv));
    num("signal", S(signal, SIGUSR2, 1)); num("signal", S(signal, SIGUSR2, 0));
    num("ssetmask", S(ssetmask, 1 << (SIGUSR2 - 1))); num("sgetmask", S(sgetmask));
    num("uid", S(getuid) == S(getuid32));
    struct { int x[16]; } st64[2];
    num("stat64", S(stat64, "/dev/null", st64)); num("mode", st64[0].x[4]);
    num("rdev", st64[0].x[8]);

#endif
    return 0;
}
