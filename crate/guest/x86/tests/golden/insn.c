/* Runs instruction forms on the CPU it runs on and prints a hash of the state behind each, for record.py. The inputs and the layout of what is
 * hashed are those of src/tests/golden.rs. Usage: insn 32|64 cases < forms, or with a form's number and a case to print that state.
 * 32-bit forms run in compatibility mode of this 64-bit program. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

#define DATA 0x10000000u
#define CODE 0x10003000u
#define STACK 0x10002800u
#define BUF 0x400
#define REGS_IN 0x10001000u
#define REGS_OUT 0x10001100u
#define FLAGS_IN 0x10001200u
#define FLAGS_OUT 0x10001208u
#define SAVE 0x10001210u
#define FAR 0x10001220u
#define FX_IN 0x10001400u
#define FX_OUT 0x10001600u
#define FX_OWN 0x10001800u
#define TMP_STACK 0x10001f00u
#define PROLOGUE 0x10004000u
#define PROLOGUE32 0x10004800u
#define BACK 0x10005000u

static const u64 EDGES[24] = {0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
  0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x8080808080808080, 0x0102030405060708, 0xaaaaaaaa55555555,
  0xffffffff80000000, 0x800000007fffffff};
static const u64 DOUBLES[16] = {0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
  0x7ff8000000000001, 0x7ff0000000000001, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000,
  0xc1e0000000000000, 0x43e0000000000000, 0x3fe0000000000000};
static const u32 SINGLES[16] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001, 1, 0x007fffff,
  0x00800000, 0x7f7fffff, 0x4effffff, 0xcf000000, 0x3f000000, 0x40200000};

static u64 next(u64 *s) {
  *s ^= *s >> 12;
  *s ^= *s << 25;
  *s ^= *s >> 27;
  return *s * 0x2545f4914f6cdd1dull;
}
static u64 value(u64 *s) {
  u64 k = next(s);
  switch (k & 3) {
  case 0:
  case 1: return EDGES[(k >> 8) % 24];
  case 2: return next(s) & 0xff;
  default: return next(s);
  }
}
static u64 fp64(u64 *s) {
  u64 k = next(s);
  switch (k & 7) {
  case 0:
  case 1: return DOUBLES[k >> 8 & 15];
  case 2:
  case 3: return SINGLES[k >> 8 & 15] | (u64)SINGLES[k >> 16 & 15] << 32;
  case 4: return value(s);
  case 5: return (next(s) & 0x800fffffffffffff) | (0x3f0 + (k >> 8 & 31)) << 52;
  case 6: {
    u32 lo = ((u32)next(s) & 0x807fffff) | (u32)((0x70 + (k >> 8 & 31)) << 23);
    u32 hi = ((u32)next(s) & 0x807fffff) | (u32)((0x70 + (k >> 16 & 31)) << 23);
    return lo | (u64)hi << 32;
  }
  default: return next(s);
  }
}
static void fp80(u64 *s, u64 *m, uint16_t *e) {
  u64 k = next(s), sign = (k >> 32 & 1) << 15;
  switch (k & 7) {
  case 0: *m = 0, *e = sign; break;
  case 1: *m = 1ull << 63, *e = sign | 0x3fff; break;
  case 2: *m = 1ull << 63, *e = sign | 0x7fff; break;
  case 3: *m = next(s) | 3ull << 62, *e = sign | 0x7fff; break;
  case 4: *m = next(s) >> 1 | 1, *e = sign; break;
  case 5: *m = k >> 40 << 40 | 1ull << 63, *e = sign | (0x3ff8 + (k >> 8 & 31)); break;
  case 6: *m = next(s) | 1ull << 63, *e = sign | (0x3fe0 + (k >> 8 & 63)); break;
  default: *m = next(s) | 1ull << 63, *e = sign | (next(s) & 0x7fff);
  }
}

static u8 *at(u32 a) { return (u8 *)(uintptr_t)a; }

static void inputs(u64 cas) {
  u64 s = 0x9e3779b97f4a7c15ull * (cas + 1), regs[16];
  for (int i = 0; i < 16; i++) regs[i] = value(&s);
  regs[3] = DATA + 0x100, regs[4] = STACK, regs[5] = DATA + 0x180, regs[6] = DATA + 0x200, regs[7] = DATA + 0x280;
  memcpy(at(REGS_IN), regs, sizeof regs);
  u64 flags = ((u32)next(&s) & 0x8d5) | 0x202;
  memcpy(at(FLAGS_IN), &flags, 8);
  for (int i = 0; i < BUF; i += 8) {
    u64 v = (cas & 1) == 0 ? value(&s) : fp64(&s);
    memcpy(at(DATA + i), &v, 8);
  }
  memset(at(STACK - 0x100), 0x5a, 0x200);
  u8 *fx = at(FX_IN);
  memset(fx, 0, 512);
  u64 k = next(&s);
  static const u32 pc[4] = {0x300, 0x200, 0, 0x300};
  uint16_t fcw = 0x7f | pc[k & 3] | (k >> 8 & 3) << 10;
  uint16_t fsw = (k >> 12 & 7) << 11 | (k >> 16 & 0x47) << 8;
  u32 mxcsr = 0x1f80 | (k >> 40 & 3) << 13 | ((k >> 44 & 7) == 0 ? 0x8040 : 0), mask = 0xffff;
  /* Nearest, inexact sticky: what the host's arithmetic is used for. */
  if ((k >> 44 & 7) >= 4) mxcsr = 0x1fa0;
  memcpy(fx, &fcw, 2), memcpy(fx + 2, &fsw, 2);
  fx[4] = (k >> 24 & 3) == 0 ? (u8)(k >> 32) : 0xff;
  memcpy(fx + 24, &mxcsr, 4), memcpy(fx + 28, &mask, 4);
  for (int i = 0; i < 8; i++) {
    u64 m;
    uint16_t e;
    fp80(&s, &m, &e);
    memcpy(fx + 32 + 16 * i, &m, 8), memcpy(fx + 40 + 16 * i, &e, 2);
  }
  for (int i = 0; i < 32; i++) {
    u64 v = (k >> 50 & 1) == 0 ? fp64(&s) : value(&s);
    memcpy(fx + 160 + 8 * i, &v, 8);
  }
}

static u8 *out;
static void b(int n, ...) {
  __builtin_va_list ap;
  __builtin_va_start(ap, n);
  while (n--) *out++ = __builtin_va_arg(ap, int);
  __builtin_va_end(ap);
}
static void d(u32 v) { memcpy(out, &v, 4), out += 4; }
static void jump(u32 to) { b(1, 0xe9), d(to - (u32)(uintptr_t)out - 4); }

static u32 epilogue;
static volatile u32 fault;
static void on_fault(int sig, siginfo_t *si, void *p) {
  ucontext_t *u = p;
  if (!epilogue) _exit(3);
  fault = u->uc_mcontext.gregs[REG_TRAPNO];
  u->uc_mcontext.gregs[REG_RIP] = epilogue;
}

static void back(int fp) {
  if (fp) b(4, 0x0f, 0xae, 0x04, 0x25), d(FX_OUT);
  b(4, 0x0f, 0xae, 0x0c, 0x25), d(FX_OWN);
  b(4, 0x48, 0x8b, 0x24, 0x25), d(SAVE);
  b(12, 0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void build(int bits, int fp, const u8 *code, int len) {
  out = at(PROLOGUE);
  b(10, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
  b(4, 0x48, 0x89, 0x24, 0x25), d(SAVE);
  b(4, 0x0f, 0xae, 0x04, 0x25), d(FX_OWN);
  if (fp) b(4, 0x0f, 0xae, 0x0c, 0x25), d(FX_IN);
  if (bits == 64) {
    b(3, 0x48, 0xc7, 0xc4), d(TMP_STACK);
    b(3, 0xff, 0x34, 0x25), d(FLAGS_IN);
    b(1, 0x9d);
    for (int r = 0; r < 16; r++) b(4, 0x48 | (r >> 3) << 2, 0x8b, 0x04 | (r & 7) << 3, 0x25), d(REGS_IN + 8 * r);
    jump(CODE);
    memcpy(at(CODE), code, len);
    epilogue = CODE + len;
    out = at(epilogue);
    for (int r = 0; r < 16; r++) b(4, 0x48 | (r >> 3) << 2, 0x89, 0x04 | (r & 7) << 3, 0x25), d(REGS_OUT + 8 * r);
    b(3, 0x48, 0xc7, 0xc4), d(TMP_STACK);
    b(1, 0x9c);
    b(3, 0x8f, 0x04, 0x25), d(FLAGS_OUT);
    back(fp);
    return;
  }
  u32 far[2] = {PROLOGUE32, 0x23};
  memcpy(at(FAR), far, 8);
  b(3, 0xff, 0x2c, 0x25), d(FAR);
  out = at(PROLOGUE32);
  b(1, 0xb8), d(0x2b);
  b(4, 0x8e, 0xd8, 0x8e, 0xc0);
  b(1, 0xbc), d(TMP_STACK);
  b(2, 0xff, 0x35), d(FLAGS_IN);
  b(1, 0x9d);
  for (int r = 0; r < 8; r++) b(2, 0x8b, 0x05 | r << 3), d(REGS_IN + 8 * r);
  jump(CODE);
  memcpy(at(CODE), code, len);
  epilogue = CODE + len;
  out = at(epilogue);
  for (int r = 0; r < 8; r++) b(2, 0x89, 0x05 | r << 3), d(REGS_OUT + 8 * r);
  b(1, 0xbc), d(TMP_STACK);
  b(1, 0x9c);
  b(2, 0x8f, 0x05), d(FLAGS_OUT);
  b(1, 0xea), d(BACK), b(2, 0x33, 0);
  out = at(BACK);
  back(fp);
}

static u8 result[4096];
static int run(int bits, int fp, u32 undefined, u64 cas) {
  inputs(cas);
  memset(at(REGS_OUT), 0, 0x80);
  fault = 0xffffffff;
  ((void (*)(void))(uintptr_t)PROLOGUE)();
  int n = 0, regs = bits == 64 ? 16 : 8;
  u32 f = fault, flags;
  memcpy(result, &f, 4), n = 4;
  memcpy(result + n, at(REGS_OUT), 8 * regs), n += 8 * regs;
  memcpy(&flags, at(FLAGS_OUT), 4);
  flags &= 0xcd5 & ~undefined;
  memcpy(result + n, &flags, 4), n += 4;
  memcpy(result + n, at(DATA), BUF), n += BUF;
  memcpy(result + n, at(STACK - 0x100), 0x200), n += 0x200;
  if (fp) {
    u8 *fx = at(FX_OUT);
    memcpy(result + n, fx, 5), n += 5;
    memcpy(result + n, fx + 24, 4), n += 4;
    for (int i = 0; i < 8; i++) memcpy(result + n, fx + 32 + 16 * i, 10), n += 10;
    memcpy(result + n, fx + 160, 16 * regs), n += 16 * regs;
  }
  return n;
}
static u32 hash(const u8 *p, int n) {
  u64 h = 0xcbf29ce484222325ull;
  while (n--) h = (h ^ *p++) * 0x100000001b3ull;
  return h ^ h >> 32;
}

int main(int argc, char **argv) {
  int bits = atoi(argv[1]), cases = atoi(argv[2]);
  int form = argc > 4 ? atoi(argv[3]) : -1, cas = argc > 4 ? atoi(argv[4]) : -1;
  if (mmap(at(DATA), 0x10000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return 2;
  static u8 alt[65536];
  stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
  sigaltstack(&ss, 0);
  struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (int s = 1; s < 32; s++)
    if (s == SIGSEGV || s == SIGILL || s == SIGFPE || s == SIGTRAP || s == SIGBUS) sigaction(s, &sa, 0);
  static char line[1024];
  for (int number = 0; fgets(line, sizeof line, stdin); number++) {
    line[strcspn(line, "\n")] = 0;
    char *kind = strtok(line, "|"), *undef = strtok(0, "|"), *hex = strtok(0, "|"), *text = strtok(0, "|");
    if (form >= 0 && number != form) continue;
    u8 code[64];
    int len = 0;
    for (; hex[2 * len]; len++) {
      unsigned v;
      sscanf(hex + 2 * len, "%2x", &v), code[len] = v;
    }
    int fp = kind[0] == 'f';
    u32 undefined = strtoul(undef, 0, 16);
    build(bits, fp, code, len);
    if (form >= 0) {
      int n = run(bits, fp, undefined, cas), regs = bits == 64 ? 16 : 8, p = 4 + 8 * regs;
      u32 f;
      memcpy(&f, result, 4);
      printf("%s\n  fault %08x regs", text, f);
      for (int i = 0; i < regs; i++) printf(" %lx", *(u64 *)(result + 4 + 8 * i));
      memcpy(&f, result + p, 4);
      printf(" flags %04x mem %08x", f, hash(result + p + 4, BUF + 0x200));
      for (int i = p + 4 + BUF + 0x200; i < n; i += 8) {
        u64 v = 0;
        memcpy(&v, result + i, n - i < 8 ? n - i : 8);
        printf(" %lx", v);
      }
      printf("\n");
      printf("  in: regs");
      for (int i = 0; i < regs; i++) printf(" %lx", ((u64 *)at(REGS_IN))[i]);
      printf(" flags %x fcw %x fsw %x ftw %x mxcsr %x\n  st", *(u32 *)at(FLAGS_IN), *(uint16_t *)at(FX_IN), *(uint16_t *)at(FX_IN + 2), *at(FX_IN + 4), *(u32 *)at(FX_IN + 24));
      for (int i = 0; i < 8; i++) printf(" %04x:%016lx", *(uint16_t *)at(FX_IN + 40 + 16 * i), *(u64 *)at(FX_IN + 32 + 16 * i));
      printf("\n  xmm");
      for (int i = 0; i < 16; i++) printf(" %016lx", *(u64 *)at(FX_IN + 160 + 8 * i));
      printf("\n");
      return 0;
    }
    printf("%s|%s|%s|%s|", kind, undef, hex, text);
    for (int c = 0; c < cases; c++) printf("%s%x", c ? " " : "", hash(result, run(bits, fp, undefined, c)));
    printf("\n");
  }
  return 0;
}
