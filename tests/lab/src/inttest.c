/* Integer instructions whose results are easy to get wrong: HI/LO, bit fields, unaligned words, branches and links. */
#include "lab.h"

u32 u_lwl(const u8 *, u32), u_lwr(const u8 *, u32);
void u_swl(u8 *, u32), u_swr(u8 *, u32);
u32 b_likely(u32), b_links(void);
u32 f_llsc(volatile u32 *, u32), f_llsc_broken(volatile u32 *, u32);

#define OP2(op, a, b)                                                            \
    ({                                                                           \
        u32 r_;                                                                  \
        __asm__ volatile(op : "=&r"(r_) : "r"((u32)(a)), "r"((u32)(b)));         \
        r_;                                                                      \
    })
#define HILO(op, hi, lo, a, b)                                                   \
    ({                                                                           \
        u32 h_, l_;                                                              \
        __asm__ volatile("mthi %2\n\tmtlo %3\n\t" op " %4, %5\n\tmfhi %0\n\tmflo %1" \
                         : "=&r"(h_), "=&r"(l_) : "r"((u32)(hi)), "r"((u32)(lo)), "r"((u32)(a)), "r"((u32)(b)) : "hi", "lo"); \
        (u64)h_ << 32 | l_;                                                      \
    })

static void hilo(void)
{
    int good = HILO("mult", 0, 0, -3, 5) == (u64)-15ll;
    good &= HILO("multu", 0, 0, 0xffffffff, 0xffffffff) == 0xfffffffe00000001ull;
    good &= HILO("madd", 0, 0xffffffff, -1, -1) == 0x100000000ull;
    good &= HILO("maddu", 1, 2, 0xffffffff, 2) == 0x300000000ull;
    good &= HILO("msub", 0, 0, 7, 1) == (u64)-7ll;
    good &= HILO("msubu", 1, 0, 1, 1) == 0xffffffffull;
    good &= HILO("div $0,", 0, 0, -7, 2) == ((u64)(u32)-1 << 32 | (u32)-3);
    good &= HILO("divu $0,", 0, 0, 0xfffffff9, 2) == (1ull << 32 | 0x7ffffffc);
    check("mult-div", good);
    good = OP2("mul %0, %1, %2", 0x10001, 0x10001) == 0x20001;
    good &= OP2("clz %0, %1", 0, 0) == 32 && OP2("clz %0, %1", 0x00012345, 0) == 15 && OP2("clo %0, %1", 0xfff01234, 0) == 12;
    good &= OP2("seb %0, %1", 0x1280, 0) == 0xffffff80 && OP2("seh %0, %1", 0x18000, 0) == 0xffff8000;
    good &= OP2("wsbh %0, %1", 0x11223344, 0) == 0x22114433 && OP2("rotr %0, %1, 8", 0x11223344, 0) == 0x44112233;
    good &= OP2("rotrv %0, %1, %2", 0x11223344, 36) == 0x41122334 && OP2("ext %0, %1, 4, 9", 0x12345678, 0) == 0x167;
    good &= OP2("move %0, %2\n\tins %0, %1, 8, 12", 0xabc, 0x12345678) == 0x123abc78;
    good &= OP2("srav %0, %1, %2", 0x80000000, 33) == 0xc0000000 && OP2("sllv %0, %1, %2", 3, 31) == 0x80000000;
    good &= OP2("slt %0, %1, %2", -1, 0) == 1 && OP2("sltu %0, %1, %2", -1, 0) == 0 && OP2("sltiu %0, %1, -1", 5, 0) == 1;
    good &= OP2("li %0, 9\n\tmovz %0, %1, %2", 4, 1) == 9 && OP2("li %0, 9\n\tmovn %0, %1, %2", 4, 1) == 4;
    check("bits", good);
}

/* Bytes are numbered by significance within the register: order[i] is the address offset of byte i of an aligned word. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define OFFSET(i) (3 - (i))
#else
#define OFFSET(i) (i)
#endif

static void unaligned(void)
{
    static u8 m[12];
    int good = 1;
    for (u32 at = 0; at < 4; at++) {
        u32 value = 0, word = 0x11223344;
        for (u32 i = 0; i < 12; i++)
            m[i] = 0xa0 + i;
        for (u32 i = 0; i < 4; i++) /* byte i by significance of the unaligned word at m + 4 + at */
            value |= (u32)m[4 + at + OFFSET(i)] << 8 * i;
        /* lwl takes the most significant part, lwr the least: which address each is given depends on the byte order. */
        const u8 *p = m + 4 + at, *high = p + OFFSET(3), *low = p + OFFSET(0);
        good &= u_lwr(low, u_lwl(high, word)) == value;
        /* Each alone keeps the rest of the register. How many bytes lwl takes depends on the address within its word. */
        u32 kept = OFFSET((u32)high & 3) == 3 ? 0 : 8 * (3 - OFFSET((u32)high & 3));
        u32 mask = kept ? (1u << kept) - 1 : 0;
        good &= u_lwl(high, word) == ((value & ~mask) | (word & mask));
        u32 lost = 8 * OFFSET((u32)low & 3);
        mask = lost ? 0xffffffffu << (32 - lost) : 0;
        good &= u_lwr(low, word) == ((value & ~mask) | (word & mask));
        u_swl((u8 *)high, word);
        u_swr((u8 *)low, word);
        for (u32 i = 0; i < 12; i++) {
            u32 in = i >= 4 + at && i < 8 + at;
            good &= m[i] == (in ? (u8)(word >> 8 * OFFSET(i - 4 - at)) : 0xa0 + i);
        }
    }
    check("unaligned", good);
}

static void skip(struct frame *f)
{
    f->epc += 4;
}

void test_integer(void)
{
    hilo();
    unaligned();
    static volatile u32 word = 0x80ff7f01;
    volatile u8 *b = (volatile u8 *)&word;
    volatile u16 *h = (volatile u16 *)&word;
    check("byte-order", b[OFFSET(0)] == 0x01 && b[OFFSET(3)] == 0x80 && (signed char)b[OFFSET(3)] == -128 &&
                            (short)h[OFFSET(2) >> 1] == (short)0x80ff && h[OFFSET(0) >> 1] == 0x7f01);
    check("branch-likely", b_likely(1) == (1 | 8 | 32) && b_likely(0) == (2 | 4 | 16) && b_likely(5) == (2 | 4 | 32));
    check("branch-link", b_links() == (16u << 16 | 7));
    volatile u32 cell = 5;
    int good = f_llsc(&cell, 9) == 1 && cell == 9;
    check("ll-sc", good);
    exc.hook = skip;
    good = f_llsc_broken(&cell, 11) == 0 && cell == 9 && exc.count == 1;
    exc_disarm();
    check("ll-sc-broken", good);
}
