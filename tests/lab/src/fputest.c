/* The FPU, one operation at a time: result bits and FCSR for chosen operands, rounding modes and traps. Operands and
 * results that FPUs may hand to software (denormals) are left out. */
#include "lab.h"

u32 fpu_run(u32 fcsr, const u64 *a, const u64 *b, u64 *result);
u32 fpu_branches(u32 fcsr);
extern volatile u32 fpu_slot[1];

/* fd = f0, fs = f2, ft = f4 */
enum fmt { S = 16, D = 17, W = 20 };
#define F(fmt, func) (0x11u << 26 | (fmt) << 21 | 4 << 16 | 2 << 11 | (func))
#define F1(fmt, func) (0x11u << 26 | (fmt) << 21 | 2 << 11 | (func)) /* one operand */
enum { ADD = 0, SUB = 1, MUL = 2, DIV = 3, SQRT = 4, ABS = 5, NEG = 7, ROUND_W = 12, TRUNC_W = 13, CEIL_W = 14, FLOOR_W = 15,
       CVT_S = 32, CVT_D = 33, CVT_W = 36, C_EQ = 50, C_LT = 60, C_LE = 62, C_UN = 49 };
enum { RN = 0, RZ = 1, RP = 2, RM = 3 };
/* FCSR after the operation: cause and flags alike. */
#define FL(f) ((f) << 12 | (f) << 2)
enum { I = 1, U = 2, O = 4, Z = 8, V = 16, CC = 1 << 23 };

#define ONE 0x3ff0000000000000ull
#define THREE 0x4008000000000000ull
#define INF 0x7ff0000000000000ull
#define QNAN 0x7ff7ffffffffffffull /* the legacy default NaN; NAN2008 processors have another */
#define MAX 0x7fefffffffffffffull
#define TINY 0x0010000000000000ull

static const struct {
    const char *name;
    u32 insn, mode;
    u64 a, b, want;
    u32 fcsr;
} cases[] = {
    {"fpu-add", F(D, ADD), RN, ONE, ONE, 0x4000000000000000, 0},
    {"fpu-sub-zero", F(D, SUB), RN, ONE, ONE, 0, 0},
    {"fpu-sub-zero-down", F(D, SUB), RM, ONE, ONE, 0x8000000000000000, 0},
    {"fpu-third-nearest", F(D, DIV), RN, ONE, THREE, 0x3fd5555555555555, FL(I)},
    {"fpu-third-zero", F(D, DIV), RZ, ONE, THREE, 0x3fd5555555555555, FL(I)},
    {"fpu-third-up", F(D, DIV), RP, ONE, THREE, 0x3fd5555555555556, FL(I)},
    {"fpu-third-down", F(D, DIV), RM, ONE, THREE, 0x3fd5555555555555, FL(I)},
    {"fpu-minus-third-up", F(D, DIV), RP, ONE | 1ull << 63, THREE, 0xbfd5555555555555, FL(I)},
    {"fpu-minus-third-down", F(D, DIV), RM, ONE | 1ull << 63, THREE, 0xbfd5555555555556, FL(I)},
    {"fpu-mul", F(D, MUL), RN, 0x3ff199999999999a, 0x3ff199999999999a, 0x3ff35c28f5c28f5d, FL(I)},
    {"fpu-mul-up", F(D, MUL), RP, 0x3ff199999999999a, 0x3ff199999999999a, 0x3ff35c28f5c28f5e, FL(I)},
    {"fpu-div-zero", F(D, DIV), RN, ONE, 0, INF, FL(Z)},
    {"fpu-zero-zero", F(D, DIV), RN, 0, 0, QNAN, FL(V)},
    {"fpu-inf-inf", F(D, SUB), RN, INF, INF, QNAN, FL(V)},
    {"fpu-overflow", F(D, ADD), RN, MAX, MAX, INF, FL(O | I)},
    {"fpu-overflow-zero", F(D, ADD), RZ, MAX, MAX, MAX, FL(O | I)},
    {"fpu-overflow-down", F(D, ADD), RM, MAX | 1ull << 63, MAX | 1ull << 63, INF | 1ull << 63, FL(O | I)},
    {"fpu-sqrt", F1(D, SQRT), RN, 0x4000000000000000, 0, 0x3ff6a09e667f3bcd, FL(I)},
    {"fpu-sqrt-down", F1(D, SQRT), RM, 0x4000000000000000, 0, 0x3ff6a09e667f3bcc, FL(I)},
    {"fpu-sqrt-exact", F1(D, SQRT), RN, 0x4022000000000000, 0, THREE, 0},
    {"fpu-sqrt-minus", F1(D, SQRT), RN, ONE | 1ull << 63, 0, QNAN, FL(V)},
    {"fpu-abs", F1(D, ABS), RN, ONE | 1ull << 63, 0, ONE, 0},
    {"fpu-neg", F1(D, NEG), RN, 0, 0, 1ull << 63, 0},
    {"fpu-cvt-w-nearest", F1(D, CVT_W), RN, 0x4004000000000000, 0, 2, FL(I)},
    {"fpu-cvt-w-up", F1(D, CVT_W), RP, 0x4004000000000000, 0, 3, FL(I)},
    {"fpu-cvt-w-down", F1(D, CVT_W), RM, 0xc004000000000000, 0, (u32)-3, FL(I)},
    {"fpu-cvt-w-huge", F1(D, CVT_W), RN, 0x4202a05f20000000, 0, 0x7fffffff, FL(V)},
    {"fpu-trunc-w", F1(D, TRUNC_W), RP, 0xc006000000000000, 0, (u32)-2, FL(I)},
    {"fpu-ceil-w", F1(D, CEIL_W), RM, 0x4002000000000000, 0, 3, FL(I)},
    {"fpu-floor-w", F1(D, FLOOR_W), RP, 0xc002000000000000, 0, (u32)-3, FL(I)},
    {"fpu-round-w", F1(D, ROUND_W), RZ, 0x400c000000000000, 0, 4, FL(I)},
    {"fpu-cvt-s-d", F1(D, CVT_S), RN, 0x3ff199999999999a, 0, 0x3f8ccccd, FL(I)},
    {"fpu-cvt-d-s", F1(S, CVT_D), RN, 0x3f8ccccd, 0, 0x3ff19999a0000000, 0},
    {"fpu-cvt-d-w", F1(W, CVT_D), RN, 0xfffffffb, 0, 0xc014000000000000, 0},
    {"fpu-cvt-s-w", F1(W, CVT_S), RP, 0x01000001, 0, 0x4b800001, FL(I)},
    {"fpu-add-s", F(S, ADD), RN, 0x4b800000, 0x3f800000, 0x4b800000, FL(I)},
    {"fpu-add-s-up", F(S, ADD), RP, 0x4b800000, 0x3f800000, 0x4b800001, FL(I)},
    {"fpu-div-s", F(S, DIV), RN, 0x3f800000, 0x40400000, 0x3eaaaaab, FL(I)},
    {"fpu-div-s-zero", F(S, DIV), RZ, 0x3f800000, 0x40400000, 0x3eaaaaaa, FL(I)},
    {"fpu-c-lt", F(D, C_LT), RN, ONE, THREE, 0, CC},
    {"fpu-c-lt-not", F(D, C_LT), RN, THREE, ONE, 0, 0},
    {"fpu-c-eq-nan", F(D, C_EQ), RN, QNAN, ONE, 0, 0},
    {"fpu-c-le-nan", F(D, C_LE), RN, QNAN, ONE, 0, FL(V)},
    {"fpu-c-un", F(D, C_UN), RN, QNAN, ONE, 0, CC},
};

static u32 run(u32 insn, u32 fcsr, u64 a, u64 b, u64 *result)
{
    static u64 x, y;
    x = a, y = b;
    fpu_slot[0] = insn;
    code_sync(fpu_slot, 4);
    *result = 0;
    return fpu_run(fcsr, &x, &y, result);
}

void test_fpu(void)
{
    static u64 r;
    if (!(C0_READ(16, 1) & 1)) {
        note("fpu", "none");
        return;
    }
    C0_WRITE(12, 0, C0_READ(12, 0) | STATUS_CU1);
    for (u32 i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        u32 fcsr = run(cases[i].insn, cases[i].mode, cases[i].a, cases[i].b, &r);
        int good = r == cases[i].want && fcsr == (cases[i].fcsr | cases[i].mode) && exc.count == 0;
        exc_disarm();
        check(cases[i].name, good);
        if (!good)
            print("  %08x%08x FCSR %08x\n", (u32)(r >> 32), (u32)r, fcsr);
    }

    /* Flags stay, causes do not. */
    u32 fcsr = run(F(D, ADD), FL(Z), ONE, ONE, &r);
    exc_disarm();
    check("fpu-sticky", fcsr == Z << 2);
    /* Enabled exceptions trap: cause set, flags and destination not. */
    fcsr = run(F(D, DIV), Z << 7, ONE, 0, &r);
    check_exc("fpu-trap", FPE, 0);
    check("fpu-trap-fcsr", r == 0 && fcsr == (Z << 12 | Z << 7));
    fcsr = run(F(D, DIV), I << 7, ONE, THREE, &r);
    check_exc("fpu-trap-inexact", FPE, 0);
    check("fpu-trap-inexact-fcsr", r == 0 && fcsr == (I << 12 | I << 7));
    fcsr = run(F(D, DIV), V << 7, ONE, 0, &r);
    exc_disarm();
    check("fpu-trap-other", exc.count == 0 && r == INF && fcsr == (FL(Z) | V << 7));
    check("fpu-branches", fpu_branches(0) == (1 | 2 | 4 | 32 | 128) && fpu_branches(CC) == (1 | 8 | 32 | 64 | 128) &&
                              fpu_branches(CC | 1 << 27) == (1 | 8 | 16 | 64));
    C0_WRITE(12, 0, C0_READ(12, 0) & ~STATUS_CU1);
}
