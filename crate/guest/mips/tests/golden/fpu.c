/* Golden results of the floating-point instructions: one line per operation and FCSR, with a hash over results and FCSR
 * of every vector. `fpu OP` prints the vectors of one operation instead. ../fpu.rs makes the same vectors. Build and run:
 *
 *   mipsel-linux-gnu-gcc -O1 -static -march=mips32r2 -o fpu32 fpu.c && qemu-mipsel-static -cpu 24Kf ./fpu32 > fpu-24kf.txt
 *   mips64el-linux-gnuabi64-gcc -O1 -static -march=mips64r2 -o fpu64 fpu.c && qemu-mips64el-static -cpu MIPS64R2-generic ./fpu64 > fpu-64r2.txt
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t u64;
typedef uint32_t u32;

static u64 seed;
static u64 rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dull;
}

static const u64 D[] = {
    0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff7ffffffffffff, 0xfff0000000000001, 0x7ff8000000000000, 0x7fffffffffffffff, 0xfff8123456789abc,
    1, 0x800fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x801fffffffffffff, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x3fe0000000000000, 0xbfe0000000000000, 0x3fdfffffffffffff, 0x3ff8000000000000, 0x4004000000000000, 0xc00c000000000000,
    0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000100000, 0xc1e0000000200000,
    0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000, 0xc3e0000000000001, 0x4340000000000001, 0x3ca0000000000000,
    0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000,
    0x3690000000000000, 0x1ff0000000000000, 0x5ff0000000000000, 0x4008000000000000, 0x3fd5555555555555,
};
static const u32 S[] = {
    0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fbfffff, 0xff800001, 0x7fc00000, 0x7fffffff, 0xffc12345,
    1, 0x807fffff, 0x00800000, 0x00800001, 0x80ffffff, 0x7f7fffff, 0xff7fffff, 0x3f000000, 0xbf000000, 0x3effffff, 0x3fc00000,
    0x40200000, 0xc0600000, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x5effffff, 0x5f000000, 0xdf000000, 0xdf000001,
    0x4b000001, 0x33000000, 0x20000000, 0x60000000, 0x40400000, 0x3eaaaaab,
};
static const u64 N[] = {
    0, 1, -1ull, 0x7fffffff, 0x80000000, 0xffffffff80000000, 0x1000001, 0x1000003, 0x20000000000001, 0x20000000000003,
    0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffefffffd, 0x123456789abcdef,
};
#define LEN(a) (sizeof a / sizeof a[0])

static u64 rand_d(void) {
    u64 how = rnd() >> 62, x = rnd();
    if (how == 0) return x;
    if (how == 3) {
        double d = (double)((int64_t)x >> 52);
        memcpy(&x, &d, 8);
        return x;
    }
    u64 e = 1023 + (x >> 52 & 127) - 64;
    x = (x & 0x800fffffffffffff) | e << 52;
    return how == 2 ? x & ~0xffffffffffull : x;
}
static u64 rand_s(void) {
    u64 how = rnd() >> 62;
    u32 x = rnd() >> 32;
    if (how == 0) return x;
    if (how == 3) {
        float f = (float)((int32_t)x >> 20);
        memcpy(&x, &f, 4);
        return x;
    }
    u32 e = 127 + (x >> 23 & 31) - 16;
    x = (x & 0x807fffff) | e << 23;
    return how == 2 ? x & ~0xfffu : x;
}
static u64 rand_n(void) {
    u64 x = rnd();
    return (u64)((int64_t)x >> (rnd() >> 58));
}
static u64 rand_p(void) {
    u64 lo = rand_s();
    return rand_s() << 32 | lo;
}
static u64 special(char f, unsigned i) {
    switch (f) {
    case 'd': return D[i % LEN(D)];
    case 's': return S[i % LEN(S)];
    case 'p': return (u64)S[(i * 7 + 3) % LEN(S)] << 32 | S[i % LEN(S)];
    default: return N[i % LEN(N)];
    }
}
static unsigned specials(char f) { return f == 'd' ? LEN(D) : f == 'w' || f == 'l' ? LEN(N) : LEN(S); }
static u64 randf(char f) { return f == 'd' ? rand_d() : f == 's' ? rand_s() : f == 'p' ? rand_p() : rand_n(); }

struct vec { u64 a, b, c, r; u32 in, out; };

#define OPS2(X, F_) X(add, F_, "$f0,$f2,$f4", 2) X(sub, F_, "$f0,$f2,$f4", 2) X(mul, F_, "$f0,$f2,$f4", 2)
#define OPS3(X, F_) X(madd, F_, "$f0,$f6,$f2,$f4", 3) X(msub, F_, "$f0,$f6,$f2,$f4", 3) X(nmadd, F_, "$f0,$f6,$f2,$f4", 3) X(nmsub, F_, "$f0,$f6,$f2,$f4", 3)
#define OPSX(X, F_) X(div, F_, "$f0,$f2,$f4", 2) X(sqrt, F_, "$f0,$f2", 1) X(recip, F_, "$f0,$f2", 1) X(rsqrt, F_, "$f0,$f2", 1)
#define OPS1(X, F_) X(abs, F_, "$f0,$f2", 1) X(neg, F_, "$f0,$f2", 1) X(mov, F_, "$f0,$f2", 1)
#define OPSC(X, F_) X(c.f, F_, "$f2,$f4", 2) X(c.un, F_, "$f2,$f4", 2) X(c.eq, F_, "$f2,$f4", 2) X(c.ueq, F_, "$f2,$f4", 2) \
    X(c.olt, F_, "$f2,$f4", 2) X(c.ult, F_, "$f2,$f4", 2) X(c.ole, F_, "$f2,$f4", 2) X(c.ule, F_, "$f2,$f4", 2) \
    X(c.sf, F_, "$f2,$f4", 2) X(c.ngle, F_, "$f2,$f4", 2) X(c.seq, F_, "$f2,$f4", 2) X(c.ngl, F_, "$f2,$f4", 2) \
    X(c.lt, F_, "$f2,$f4", 2) X(c.nge, F_, "$f2,$f4", 2) X(c.le, F_, "$f2,$f4", 2) X(c.ngt, F_, "$f2,$f4", 2)
#define OPSW(X, F_) X(cvt.w, F_, "$f0,$f2", 1) X(round.w, F_, "$f0,$f2", 1) X(trunc.w, F_, "$f0,$f2", 1) X(ceil.w, F_, "$f0,$f2", 1) X(floor.w, F_, "$f0,$f2", 1)
#define OPSL(X, F_) X(cvt.l, F_, "$f0,$f2", 1) X(round.l, F_, "$f0,$f2", 1) X(trunc.l, F_, "$f0,$f2", 1) X(ceil.l, F_, "$f0,$f2", 1) X(floor.l, F_, "$f0,$f2", 1)
#define ALL32(X) OPS2(X, s) OPS2(X, d) OPSX(X, s) OPSX(X, d) OPS3(X, s) OPS3(X, d) OPS1(X, s) OPS1(X, d) OPSC(X, s) OPSC(X, d) \
    OPSW(X, s) OPSW(X, d) X(cvt.s, d, "$f0,$f2", 1) X(cvt.d, s, "$f0,$f2", 1) X(cvt.s, w, "$f0,$f2", 1) X(cvt.d, w, "$f0,$f2", 1)
#ifdef __mips64
#define ALL(X) ALL32(X) OPS2(X, ps) OPS3(X, ps) OPS1(X, ps) OPSC(X, ps) OPSL(X, s) OPSL(X, d) X(cvt.s, l, "$f0,$f2", 1) X(cvt.d, l, "$f0,$f2", 1) \
    X(cvt.s, pl, "$f0,$f2", 1) X(cvt.s, pu, "$f0,$f2", 1) X(pll, ps, "$f0,$f2,$f4", 2) X(plu, ps, "$f0,$f2,$f4", 2) \
    X(pul, ps, "$f0,$f2,$f4", 2) X(puu, ps, "$f0,$f2,$f4", 2) X(cvt.ps, s, "$f0,$f2,$f4", 2)
#else
#define ALL(X) ALL32(X)
#endif

#define X(name, f, regs, n) { #name "." #f, #f, n },
static const struct { const char *name, *fmt; int n; } INFO[] = { ALL(X) };
#undef X

/* The destination is $f0, the operands $f2, $f4, $f6. */
#define RUN(text) \
    __asm__ volatile(".set push\n.set noreorder\n ldc1 $f0,24(%0)\n ldc1 $f2,0(%0)\n ldc1 $f4,8(%0)\n ldc1 $f6,16(%0)\n" \
        " lw $8,32(%0)\n ctc1 $8,$31\n " text "\n cfc1 $8,$31\n sw $8,36(%0)\n sdc1 $f0,24(%0)\n ctc1 $0,$31\n.set pop" \
        : : "r"(v) : "memory", "$8", "$f0", "$f1", "$f2", "$f3", "$f4", "$f5", "$f6", "$f7")

static void run(unsigned op, struct vec *v) {
    enum { BASE = __COUNTER__ + 1 };
    switch (op) {
#define X(name, f, regs, n) case __COUNTER__ - BASE: RUN(#name "." #f " " regs); break;
        ALL(X)
#undef X
    }
}

int main(int argc, char **argv) {
    static const unsigned THIRD[] = { 0, 1, 2, 4, 6, 8, 11, 13, 16, 19, 23, 36 };
    for (unsigned op = 0; op < LEN(INFO); op++) {
        if (argc > 1 && strcmp(argv[1], INFO[op].name)) continue;
        char f = INFO[op].fmt[0];
        for (u32 in = 0; in < 5; in++) {
            u64 hash = 0xcbf29ce484222325ull;
            unsigned count = 0, sp = specials(f), n = INFO[op].n;
            unsigned fixed = n == 1 ? sp : n == 2 ? sp * sp : LEN(THIRD) * LEN(THIRD) * LEN(THIRD);
            seed = 0x9e3779b97f4a7c15ull + op;
            for (unsigned i = 0; i < fixed + 600; i++) {
                struct vec v = { 0, 0, 0, 0x123456789abcdef0, in, 0 };
                if (i >= fixed) v.a = randf(f), v.b = randf(f), v.c = randf(f);
                else if (n == 3)
                    v.a = special(f, THIRD[i % LEN(THIRD)]), v.b = special(f, THIRD[i / LEN(THIRD) % LEN(THIRD)]),
                    v.c = special(f, THIRD[i / LEN(THIRD) / LEN(THIRD)]);
                else v.a = special(f, i % sp), v.b = special(f, i / sp);
                run(op, &v);
                if (argc > 1)
                    printf("%s %x %016llx %016llx %016llx = %016llx %08x\n", INFO[op].name, in, (long long)v.a, (long long)v.b,
                           (long long)v.c, (long long)v.r, v.out);
                u64 words[2] = { v.r, v.out };
                for (int w = 0; w < 2; w++)
                    for (int k = 0; k < 8; k++) hash = (hash ^ (words[w] >> 8 * k & 255)) * 0x100000001b3ull;
                count++;
            }
            if (argc == 1) printf("%s %x %u %016llx\n", INFO[op].name, in, count, (long long)hash);
        }
    }
}
