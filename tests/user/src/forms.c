/* Instruction forms of x86, each with edge operands: prints a hash of the state behind each, and runs random programs of them.
 *
 *   forms FILE CASES               the forms of FILE (crate/guest/x86/tests/golden), with CASES inputs each, as record.py says
 *   forms FILE CASES NUMBER        the state behind the last case of one form, and its inputs
 *   forms -r FILE CASES PROGRAMS   random programs of forms that leave no flag undefined; a form that faults is left behind
 *   forms -r FILE CASES NUMBER LENGTH   the first forms of one of them, and the state behind the last case
 *
 * The inputs and the layout of what is hashed are those of crate/guest/x86/src/tests/golden.rs. */
#include "sys.h"

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
#define FX_IN 0x10001400u
#define FX_OUT 0x10001600u
#define FX_OWN 0x10001800u
#define TMP_STACK 0x10001f00u
#define PROLOGUE 0x10004000u
#define BYTES 0x10000
#ifdef __x86_64__
#define BITS 64
#else
#define BITS 32
#endif
#define REGS (BITS / 4)

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
/* 2^32 is 16 modulo 24; i386 has no division of 64 bits. */
static u32 mod24(u64 v) { return ((u32)(v >> 32) % 24 * 16 + (u32)v % 24) % 24; }
static u64 value(u64 *s) {
  u64 k = next(s);
  switch (k & 3) {
  case 0:
  case 1: return EDGES[mod24(k >> 8)];
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
static void b(int n, ...)
{
    __builtin_va_list ap;
    __builtin_va_start(ap, n);
    while (n--) *out++ = __builtin_va_arg(ap, int);
    __builtin_va_end(ap);
}
static void d(u32 v) { memcpy(out, &v, 4), out += 4; }
static void jump(u32 to) { b(1, 0xe9), d(to - (u32)(ul)out - 4); }

/* Where the forms of a program end, and where each but the first begins. */
#define FORMS 16
static u32 after[FORMS];
static int forms;
static u32 epilogue;
static volatile u32 fault;
static void on_fault(int sig, siginfo_t *si, struct ucontext *u)
{
    u32 pc = PC(u), next = epilogue;
    if (!epilogue) S(exit_group, 3);
    for (int i = forms; i--;) if (after[i] > pc) next = after[i];
    fault = forms > 1 ? fault * 31 + u->uc_mcontext.trapno + 1 : u->uc_mcontext.trapno;
    PC(u) = next;
}

#if BITS == 64
static void prologue(int fp)
{
    b(10, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
    b(4, 0x48, 0x89, 0x24, 0x25), d(SAVE);
    b(4, 0x0f, 0xae, 0x04, 0x25), d(FX_OWN);
    if (fp) b(4, 0x0f, 0xae, 0x0c, 0x25), d(FX_IN);
    b(3, 0x48, 0xc7, 0xc4), d(TMP_STACK);
    b(3, 0xff, 0x34, 0x25), d(FLAGS_IN);
    b(1, 0x9d);
    for (int r = 0; r < REGS; r++) b(4, 0x48 | (r >> 3) << 2, 0x8b, 0x04 | (r & 7) << 3, 0x25), d(REGS_IN + 8 * r);
}
static void end(int fp)
{
    for (int r = 0; r < REGS; r++) b(4, 0x48 | (r >> 3) << 2, 0x89, 0x04 | (r & 7) << 3, 0x25), d(REGS_OUT + 8 * r);
    b(3, 0x48, 0xc7, 0xc4), d(TMP_STACK);
    b(1, 0x9c);
    b(3, 0x8f, 0x04, 0x25), d(FLAGS_OUT);
    if (fp) b(4, 0x0f, 0xae, 0x04, 0x25), d(FX_OUT);
    b(4, 0x0f, 0xae, 0x0c, 0x25), d(FX_OWN);
    b(4, 0x48, 0x8b, 0x24, 0x25), d(SAVE);
    b(12, 0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}
#else
static void prologue(int fp)
{
    b(4, 0x53, 0x55, 0x56, 0x57);
    b(2, 0x89, 0x25), d(SAVE);
    b(3, 0x0f, 0xae, 0x05), d(FX_OWN);
    if (fp) b(3, 0x0f, 0xae, 0x0d), d(FX_IN);
    b(1, 0xbc), d(TMP_STACK);
    b(2, 0xff, 0x35), d(FLAGS_IN);
    b(1, 0x9d);
    for (int r = 0; r < REGS; r++) b(2, 0x8b, 0x05 | r << 3), d(REGS_IN + 8 * r);
}
static void end(int fp)
{
    for (int r = 0; r < REGS; r++) b(2, 0x89, 0x05 | r << 3), d(REGS_OUT + 8 * r);
    b(1, 0xbc), d(TMP_STACK);
    b(1, 0x9c);
    b(2, 0x8f, 0x05), d(FLAGS_OUT);
    if (fp) b(3, 0x0f, 0xae, 0x05), d(FX_OUT);
    b(3, 0x0f, 0xae, 0x0d), d(FX_OWN);
    b(2, 0x8b, 0x25), d(SAVE);
    b(6, 0xfc, 0x5f, 0x5e, 0x5d, 0x5b, 0xc3);
}
#endif

/* A line of the file: kind|undefined flags|bytes|text, and what was recorded. */
struct form { const u8 *line, *text_end; int fp; u32 undefined; const u8 *hex; int bytes; };
static u32 digit(u8 c) { return c <= '9' ? c - '0' : c - 'a' + 10; }
static const u8 *parse(const u8 *p, struct form *f)
{
    f->line = p;
    f->fp = *p == 'f';
    for (f->undefined = 0, p += 2; *p != '|'; p++) f->undefined = f->undefined << 4 | digit(*p);
    for (f->hex = ++p; *p != '|'; p++) {}
    f->bytes = (p - f->hex) / 2;
    for (p++; *p != '|' && *p != '\n'; p++) {}
    f->text_end = p;
    while (*p != '\n') p++;
    return p + 1;
}
static void emit(const struct form *f)
{
    for (int i = 0; i < f->bytes; i++) b(1, digit(f->hex[2 * i]) << 4 | digit(f->hex[2 * i + 1]));
    after[forms++] = (u32)(ul)out;
}
static void begin(int fp)
{
    out = at(PROLOGUE);
    prologue(fp);
    jump(CODE);
    out = at(CODE);
    forms = 0;
}
static void finish(int fp)
{
    epilogue = (u32)(ul)out;
    end(fp);
}

static u8 result[4096];
static int run_case(int fp, u32 undefined, u64 cas)
{
    inputs(cas);
    memset(at(REGS_OUT), 0, 0x80);
    fault = forms > 1 ? 0 : 0xffffffff;
    ((void (*)(void))(ul)PROLOGUE)();
    int n = 0;
    u32 f = fault, flags;
    memcpy(result, &f, 4), n = 4;
    memcpy(result + n, at(REGS_OUT), 8 * REGS), n += 8 * REGS;
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
        memcpy(result + n, fx + 160, 16 * REGS), n += 16 * REGS;
    }
    return n;
}
static u64 step(u64 h, u32 v) { return (h ^ v) * 0x100000001b3ull; }
static u32 hash(const u8 *p, int n)
{
    u64 h = 0xcbf29ce484222325ull;
    while (n--) h = step(h, *p++);
    return h ^ h >> 32;
}

static char line[4096];
static int used;
static void flush(void) { S(write, 1, line, used); used = 0; }
static void add(const void *p, int n) { memcpy(line + used, p, n), used += n; }
static void str(const char *s) { add(s, len(s)); }
static void hex(u64 v, int least)
{
    char t[17], *p = t + 16;
    int n = 0;
    do *--p = "0123456789abcdef"[v & 15], n++; while ((v >>= 4) || n < least);
    add(p, n);
}
static void words(const char *what, const void *at, int n)
{
    const u64 *v = at;
    str(what);
    while (n--) str(" "), hex(*v++, 1);
}

/* The state that `result` holds, and what it came from. */
static void show(const struct form *f, int n)
{
    int p = 4 + 8 * REGS + 4;
    u32 v;
    add(f->line, f->text_end - f->line);
    memcpy(&v, result, 4);
    str("\n  fault "), hex(v, 8);
    words(" regs", result + 4, REGS);
    memcpy(&v, result + p - 4, 4);
    str(" flags "), hex(v, 4), str(" mem "), hex(hash(result + p, BUF + 0x200), 8);
    memset(result + n, 0, 8);
    words("", result + p + BUF + 0x200, (n - p - BUF - 0x200 + 7) / 8);
    str("\n  in:");
    words(" regs", at(REGS_IN), REGS);
    str(" flags "), hex(*(u32 *)at(FLAGS_IN), 1);
    str(" fcw "), hex(*(uint16_t *)at(FX_IN), 1), str(" fsw "), hex(*(uint16_t *)at(FX_IN + 2), 1);
    str(" ftw "), hex(*at(FX_IN + 4), 1), str(" mxcsr "), hex(*(u32 *)at(FX_IN + 24), 1), str("\n  st");
    for (int i = 0; i < 8; i++) str(" "), hex(*(uint16_t *)at(FX_IN + 40 + 16 * i), 4), str(":"), hex(*(u64 *)at(FX_IN + 32 + 16 * i), 16);
    words("\n  xmm", at(FX_IN + 160), 16);
    str("\n"), flush();
}

/* Begins with one of the words that follow. */
static int is(const u8 *text, const char *words)
{
    while (*words) {
        const u8 *t = text;
        while (*words && *words != ' ' && *t == (u8)*words) t++, words++;
        if (!*words || *words == ' ') return 1;
        while (*words && *words != ' ') words++;
        if (*words) words++;
    }
    return 0;
}

#define MANY 2048
static struct form all[MANY];
static void programs(int n, int cases, int count, int length)
{
    u64 seed = 0x5bd1e995;
    for (int i = 0; i < count + (length != 0); i++) {
        int fp = 0, shown = length && i == count;
        begin(all[0].fp);
        for (int k = 0; k < FORMS; k++) {
            const struct form *f = &all[(u32)(next(&seed) >> 32) % n];
            fp |= f->fp;
            if (shown && k >= length) continue;
            emit(f);
            if (shown) add(f->line, f->text_end - f->line), str("\n"), flush();
        }
        finish(fp);
        if (length && !shown) continue;
        u64 h = 0xcbf29ce484222325ull;
        u32 faults = 0;
        for (int c = shown ? cases - 1 : 0; c < cases; c++) {
            int bytes = run_case(fp, 0, c);
            if (shown) {
                struct form none = {0};
                show(&none, bytes);
                return;
            }
            faults += fault != 0;
            for (int at = 0; at < bytes; at += 4) {
                u32 v;
                memcpy(&v, result + at, 4);
                h = step(h, v);
            }
        }
        hex(i, 1), str(" "), hex(faults, 1), str(" "), hex(h, 16), str("\n"), flush();
    }
}

static u64 number(const char *s)
{
    u32 v = 0;
    while (*s) v = v * 10 + *s++ - '0';
    return v;
}

int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    static u8 own_stack[65536], file[1 << 20];
    int random = argv[1] && argv[1][0] == '-', only = -1;
    if (random) argv++, argc--;
    if (argc < 3) return 2;
    long fd = S(open, argv[1], O_RDONLY), n, bytes = 0;
    while ((n = S(read, fd, file + bytes, sizeof file - bytes - 1)) > 0) bytes += n;
    if (n) return 2;
    if (argc > 3) only = number(argv[3]);
#if BITS == 64
    n = S(mmap, DATA, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
#else
    n = S(mmap2, DATA, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
#endif
    if (n != DATA) return 2;
    stack_t ss = {own_stack, 0, sizeof own_stack};
    S(sigaltstack, &ss, 0);
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    for (int i = 0; i < 5; i++) on_signal(signals[i], on_fault, SA_SIGINFO | SA_ONSTACK | SA_NODEFER);
    int cases = number(argv[2]), many = 0, at_number = 0;
    for (const u8 *p = file; p < file + bytes;) {
        if (*p == '#') {
            while (*p++ != '\n') {}
            continue;
        }
        struct form f;
        p = parse(p, &f);
        if (random) {
            /* What real CPUs approximate is as recorded for the inputs of the file alone, and random numbers may run out. */
            const u8 *text = f.hex + 2 * f.bytes + 1;
            if (!f.undefined && many < MANY && !is(text, "f2xm1 fyl2x fptan fsin fcos rcp rsqrt rdrand rdseed")) all[many++] = f;
            continue;
        }
        if (only >= 0 && at_number++ != only) continue;
        begin(f.fp), emit(&f), finish(f.fp);
        if (only >= 0) {
            show(&f, run_case(f.fp, f.undefined, cases - 1));
            return 0;
        }
        add(f.line, f.text_end - f.line), str("|");
        for (int c = 0; c < cases; c++) {
            if (c) str(" ");
            int bytes = run_case(f.fp, f.undefined, c);
            hex(hash(result, bytes), 1);
        }
        str("\n"), flush();
    }
    if (random && many) programs(many, cases, only, argc > 4 ? number(argv[4]) : 0);
    return 0;
}
