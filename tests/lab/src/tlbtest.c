/* The TLB: refill, invalid, modified, ASIDs, page sizes, probes, user mode. */
#include "lab.h"

u32 f_lw(u32), f_lb(u32), f_lw_delay(u32), f_lw_exl(u32), f_lwl(u32), f_lw_after_change(u32);
void f_sw(u32, u32), f_sb(u32, u32), f_jr(u32);
u32 f_user(u32, u32, u32, u32);
extern const u32 user_syscall[], user_cp0[], user_kseg[], user_end[];

u8 pool[16][4096] __attribute__((section(".work"), aligned(65536)));

enum { KEPT = 0x1234, RW = LO_G | LO_V | LO_D | LO_C, VA = 0x00400000 };

u32 page_lo(u32 page, u32 flags)
{
    return ((u32)pool[page] & 0x1fffffff) >> 12 << 6 | flags;
}

u32 tlb_entries(void)
{
    u32 config0 = C0_READ(16, 0);
    return (config0 >> 7 & 7) == 1 ? (C0_READ(16, 1) >> 25 & 63) + 1 : 0;
}

void tlb_set(u32 index, u32 entryhi, u32 lo0, u32 lo1, u32 pagemask)
{
    C0_WRITE(0, 0, index);
    C0_WRITE(10, 0, entryhi);
    C0_WRITE(2, 0, lo0);
    C0_WRITE(3, 0, lo1);
    C0_WRITE(5, 0, pagemask);
    __asm__ volatile("tlbwi\n\tehb");
    C0_WRITE(5, 0, 0);
}

/* Fills the TLB with entries that match nothing: kseg0 addresses, each its own. */
void tlb_clear(void)
{
    for (u32 i = 0, n = tlb_entries(); i < n; i++)
        tlb_set(i, 0x80000000 + i * 0x2000, 0, 0, 0);
    C0_WRITE(10, 0, 0);
}

static u32 hook_pages; /* the pages refill_random has mapped, as bits */

/* A refill handler: maps pool's pages modulo 16, two at a time, with TLBWR. */
static void refill_random(struct frame *f)
{
    u32 pair = f->badvaddr >> 13 & 7;
    hook_pages |= 1 << pair;
    C0_WRITE(2, 0, page_lo(2 * pair, RW));
    C0_WRITE(3, 0, page_lo(2 * pair + 1, RW));
    C0_WRITE(5, 0, 0);
    __asm__ volatile("tlbwr\n\tehb");
}

static void refill(void)
{
    tlb_clear();
    u32 kept = f_lw(VA + 0x1238);
    check_exc("refill-load", TLBL, 0);
    check("refill-vector", exc.vector == 0 && kept == KEPT);
    check("refill-registers", exc.badvaddr == VA + 0x1238 && exc.entryhi >> 13 == VA >> 13 && (exc.context >> 4 & 0x7ffff) == VA >> 13);
    f_sw(VA + 4, 1);
    check_exc("refill-store", TLBS, 0);
    f_lw_delay(VA);
    check_exc("refill-in-delay-slot", TLBL, 1);
    f_lwl(VA + 3);
    check_exc("refill-lwl", TLBL, 0);
    f_jr(VA + 0x10);
    exc.want_epc = VA + 0x10;
    check_exc("refill-fetch", TLBL, 0);
    f_lw_exl(VA);
    exc.want_epc = 0x80004440;
    check_exc("refill-exl", TLBL, 0);
    check("refill-exl-vector", exc.vector == 0x180);

    /* With a handler that maps and returns: more pages than the TLB has entries. */
    for (int i = 0; i < 16; i++)
        *(u32 *)pool[i] = 1000 + i;
    u32 sum = 0;
    C0_WRITE(6, 0, 1); /* Wired */
    for (u32 i = 0; i < 200; i++) {
        exc.hook = refill_random;
        u32 got = f_lw(VA + i * 4096);
        exc_disarm();
        sum += got == 1000 + (i & 15);
    }
    check("refill-restart", sum == 200 && hook_pages == 0xff);
    tlb_clear();
    exc.hook = refill_random;
    sum = f_lw_delay(VA + 0x5000);
    check("refill-restart-delay-slot", exc.count == 1 && sum == 1005);
    tlb_clear();
    sum = f_lw_after_change(VA + 0x3000 - 4);
    exc_disarm();
    check("refill-restart-once", sum == 1003);
    C0_WRITE(6, 0, 0);
}

static void permissions(void)
{
    volatile u32 *word = (volatile u32 *)(pool[0] + 8);
    tlb_clear();
    *word = 77;
    tlb_set(0, VA, page_lo(0, RW), page_lo(1, LO_G), 0);
    check("mapped-load", f_lw(VA + 8) == 77 && exc.count == 0);
    f_sw(VA + 8, 78);
    check("mapped-store", *word == 78 && exc.count == 0);
    exc_disarm();
    f_lw(VA + 0x1008);
    check_exc("invalid-load", TLBL, 0);
    check("invalid-vector", exc.vector == 0x180);
    f_sb(VA + 0x1009, 1);
    check_exc("invalid-store", TLBS, 0);
    tlb_set(0, VA, page_lo(0, RW & ~LO_D), page_lo(1, RW), 0);
    f_sw(VA + 8, 79);
    check_exc("modified", MOD, 0);
    check("modified-registers", *word == 78 && exc.badvaddr == VA + 8 && exc.entryhi >> 13 == VA >> 13);
    check("clean-load", f_lw(VA + 8) == 78 && exc.count == 0);
    exc_disarm();
}

static void asids(void)
{
    tlb_clear();
    *(u32 *)pool[2] = 22;
    *(u32 *)pool[4] = 44;
    tlb_set(0, VA | 5, page_lo(2, RW & ~LO_G), page_lo(3, RW & ~LO_G), 0);
    tlb_set(1, VA | 6, page_lo(4, RW & ~LO_G), page_lo(5, RW & ~LO_G), 0);
    tlb_set(2, (VA + 0x2000) | 9, page_lo(4, RW), page_lo(5, RW), 0);
    C0_WRITE(10, 0, 5);
    u32 a = f_lw(VA);
    C0_WRITE(10, 0, 6);
    u32 b = f_lw(VA), g = f_lw(VA + 0x2000);
    check("asid", a == 22 && b == 44);
    check("global", g == 44);
    exc_disarm();
    C0_WRITE(10, 0, 7);
    f_lw(VA);
    check_exc("asid-other", TLBL, 0);
    C0_WRITE(10, 0, VA | 6);
    __asm__ volatile("tlbp\n\tehb");
    u32 hit = C0_READ(0, 0);
    C0_WRITE(10, 0, VA | 7);
    __asm__ volatile("tlbp\n\tehb");
    check("tlbp", hit == 1 && C0_READ(0, 0) >> 31);
    C0_WRITE(0, 0, 0);
    __asm__ volatile("tlbr\n\tehb");
    check("tlbr", C0_READ(10, 0) == (VA | 5) && C0_READ(2, 0) == page_lo(2, RW & ~LO_G) && C0_READ(3, 0) == page_lo(3, RW & ~LO_G));
    C0_WRITE(10, 0, 0);
}

static void page_sizes(void)
{
    /* Pages of 16 KiB: pool is aligned to 64 KiB, so page numbers are even. */
    tlb_clear();
    for (int i = 0; i < 16; i++)
        *(u32 *)(pool[i] + 12) = 500 + i;
    tlb_set(0, VA, page_lo(0, RW), page_lo(8, RW), 0x6000);
    int good = 1;
    for (u32 i = 0; i < 8; i++)
        good &= f_lw(VA + i * 4096 + 12) == 500 + (i & 3) + (i >= 4 ? 8 : 0) && exc.count == 0;
    exc_disarm();
    check("pagemask", good);
    f_lw(VA + 0x8000);
    check_exc("pagemask-end", TLBL, 0);
    tlb_clear();
}

static void user(void)
{
    u32 *code = (u32 *)pool[6];
    u32 cp0 = user_cp0 - user_syscall, kseg = user_kseg - user_syscall;
    for (u32 i = 0; i < (u32)(user_end - user_syscall); i++)
        code[i] = user_syscall[i];
    code_sync(code, 64);
    tlb_set(0, VA, page_lo(6, RW), page_lo(7, RW), 0);
    u32 v0 = f_user(VA, 35, 0, 0);
    exc.want_epc = VA + 4;
    check_exc("user-syscall", SYS, 0);
    check("user-registers", v0 == 42);
    f_user(VA + 4 * cp0, 0, 0, 0);
    exc.want_epc = VA + 4 * cp0;
    check_exc("user-privileged", CPU, 0);
    check("user-privileged-number", exc.ce == 0);
    f_user(VA + 4 * kseg, 0, 0, 0);
    exc.want_epc = VA + 4 * kseg + 4;
    check_exc("user-kseg", ADEL, 0);
    f_user(VA + 0x2000, 0, 0, 0);
    exc.want_epc = VA + 0x2000;
    check_exc("user-refill", TLBL, 0);
    f_user(0x80000000, 0, 0, 0);
    exc.want_epc = 0x80000000;
    check_exc("user-fetch-kseg", ADEL, 0);
    tlb_clear();
}

void test_tlb(void)
{
    if (tlb_entries() == 0) {
        note("tlb", "none");
        return;
    }
    refill();
    permissions();
    asids();
    page_sizes();
    user();
}
