/* What 3DNow! instructions give for operands that the manuals define, on the CPU it runs on. Recorded with
 *   gcc -O1 -o d3now d3now.c && qemu-x86_64 -cpu max ./d3now > d3now.txt      (QEMU 7.2)
 * Left out is where QEMU goes beyond or beside AMD's manuals: results that overflow or underflow, denormals, infinities and NaNs, PI2FD of
 * more than 24 bits (QEMU rounds, the manuals truncate), signs of zero sums and of zero maxima. A line: instruction, destination, source, result. */
#include <stdint.h>
#include <stdio.h>
typedef uint64_t u64;
typedef uint32_t u32;

static const u32 F[12] = {0x3f800000, 0xbf800000, 0x40490fdb, 0xc2f6e979, 0x3eaaaaab, 0x4b7fffff, 0x4479c000, 0x38d1b717, 0xc0000000, 0x47c35000, 0xb58637bd, 0x41200000};
static u64 s = 88172645463325252ull;
static u64 next(void) { return s ^= s << 13, s ^= s >> 7, s ^= s << 17; }
static u64 pair(void) { u64 k = next(); return F[k % 12] | (u64)F[(k >> 8) % 12] << 32; }

#define OP(name, code) static u64 name(u64 a, u64 b) { \
  u64 r; __asm__("movq %1,%%mm0; movq %2,%%mm1; .byte 0x0f,0x0f,0xc1," #code "; movq %%mm0,%0; .byte 0x0f,0x0e" : "=r"(r) : "r"(a), "r"(b)); return r; }
OP(pfadd, 0x9e) OP(pfsub, 0x9a) OP(pfsubr, 0xaa) OP(pfmul, 0xb4) OP(pfacc, 0xae) OP(pfnacc, 0x8a) OP(pfpnacc, 0x8e)
OP(pfcmpeq, 0xb0) OP(pfcmpge, 0x90) OP(pfcmpgt, 0xa0) OP(pfmax, 0xa4) OP(pfmin, 0x94) OP(pfrcp, 0x96) OP(pfrsqrt, 0x97)
OP(pfrcpit1, 0xa6) OP(pfrsqit1, 0xa7) OP(pfrcpit2, 0xb6) OP(pf2id, 0x1d) OP(pf2iw, 0x1c) OP(pi2fd, 0x0d) OP(pi2fw, 0x0c)
OP(pswapd, 0xbb) OP(pavgusb, 0xbf) OP(pmulhrw, 0xb7)

static const struct { const char *name; u64 (*f)(u64, u64); int integer; } OPS[] = {
#define O(n) {#n, n, 0}
#define I(n, k) {#n, n, k}
  O(pfadd), O(pfsub), O(pfsubr), O(pfmul), O(pfacc), O(pfnacc), O(pfpnacc), O(pfcmpeq), O(pfcmpge), O(pfcmpgt), O(pfmax), O(pfmin), O(pfrcp), O(pfrsqrt),
  O(pfrcpit1), O(pfrsqit1), O(pfrcpit2), O(pf2id), O(pf2iw), I(pi2fd, 1), I(pi2fw, 2), I(pswapd, 2), I(pavgusb, 2), I(pmulhrw, 2)};

int main(void) {
  for (unsigned i = 0; i < sizeof OPS / sizeof *OPS; i++)
    for (int n = 0; n < 24; n++) {
      u64 a = pair(), b = pair();
      /* 24 bits: none is lost. */
      if (OPS[i].integer == 1) b = next() & 0x00ffffff00ffffff;
      if (OPS[i].integer == 2) a = next(), b = next();
      u64 r = OPS[i].f(a, b);
      if (!OPS[i].integer && ((r & 0x7fffffff) == 0 || (r >> 32 & 0x7fffffff) == 0) && OPS[i].name[2] != 'c' && OPS[i].name[2] != '2' && OPS[i].name[1] != '2') continue;
      printf("%s %016llx %016llx %016llx\n", OPS[i].name, (unsigned long long)a, (unsigned long long)b, (unsigned long long)r);
    }
}
