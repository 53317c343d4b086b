/* The upper halves of YMM registers across and in signal frames. For CPU models with AVX. */
#include "sys.h"
typedef unsigned int u32;
static u32 in[8] __attribute__((aligned(32))) = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] __attribute__((aligned(32)));
static int mode;
static u32 word(const unsigned char *p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }
static void handler(int sig, siginfo_t *i, void *u)
{
    struct ucontext *c = u;
    unsigned char *fx = (void *)c->uc_mcontext.fpstate;
#ifdef __i386__
    num("mark of the older image", word(fx + 108) >> 16);
    fx += 112;
#endif
    num("flags say so", c->uc_flags & 1);
    num("magic", word(fx + 464) == 0x46505853);
    num("components", word(fx + 472) & 7);
    u32 size = word(fx + 480);
    num("size", size >= 832);
    num("magic behind it", word(fx + size) == 0x46505845);
    num("aligned", ((ul)fx & 63) == 0);
    num("in use", word(fx + 512) & 7);
    num("low", word(fx + 160));
    num("high", word(fx + 576));
    if (mode == 1) fx[576] = 55;
    if (mode == 2) fx[512] &= ~4;
    if (mode == 3) fx[464] = 0;
    __asm__ volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0; vmovaps %%ymm0, %%ymm7" ::: "memory");
}
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    u32 a, b, c, d;
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
    num("OSXSAVE", c >> 27 & 1);
    num("AVX", c >> 28 & 1);
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    num("XCR0", a & 7);
    on_signal(SIGUSR1, handler, SA_SIGINFO);
    for (mode = 0; mode < 4; mode++) {
        num("mode", mode);
        long n = __NR_kill, me = self();
        __asm__ volatile("vmovaps (%0), %%ymm0; vmovaps (%0), %%ymm7" ::"r"(in) : "memory");
#ifdef __x86_64__
        __asm__ volatile("syscall; vmovaps %%ymm0, (%3); vextractf128 $1, %%ymm7, 16(%3)"
                         : "+a"(n) : "D"(me), "S"((long)SIGUSR1), "r"(out) : "memory", "rcx", "r11");
#else
        __asm__ volatile("int $0x80; vmovaps %%ymm0, (%3); vextractf128 $1, %%ymm7, 16(%3)"
                         : "+a"(n) : "b"(me), "c"((long)SIGUSR1), "D"(out) : "memory");
#endif
        num("ymm0", out[0]);
        num("ymm7's upper half", out[4]);
        __asm__ volatile("vmovaps (%0), %%ymm0; vmovaps (%0), %%ymm7" ::"r"(in) : "memory");
    }
    __asm__ volatile("vzeroupper");
    mode = 0;
    S(kill, self(), SIGUSR1);
    return 0;
}
