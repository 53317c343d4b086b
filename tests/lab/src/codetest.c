/* Code that changes while it runs. With SYNCI it must work on every machine. Without, the architecture promises nothing;
 * `note smc-next` says whether a store to the very next instruction is seen (exact) or not (stale). */
#include "lab.h"

u32 c_patch_next(u32 insn), c_slot(u32), c_own_page(u32 n);
extern u32 c_own_word;
extern const u32 c_template[], c_template_end[];
enum { VA = 0x00400000, RW = LO_G | LO_V | LO_D | LO_C };

#define LI_V0(n) (0x24020000u | (n)) /* addiu v0, zero, n */

static u32 same_page_fill; /* keeps the compiler from folding the loops */

void test_code(void)
{
    volatile u32 *slot = (volatile u32 *)c_slot;
    int good = 1;
    for (u32 i = 0; i < 300; i++) {
        slot[1] = LI_V0(i);
        code_sync(slot, 8);
        good &= c_slot(0) == i;
    }
    check("smc-synci", good);

    for (u32 i = 0; i < 50; i++) {
        slot[1] = LI_V0(i + 7);
        __asm__ volatile("cache 0x15, 0(%0)\n\tsync\n\tcache 0x10, 0(%0)\n\tsync\n\tehb" : : "r"(slot + 1) : "memory");
        code_sync(slot, 8); /* the hazard barrier; a machine without CACHE would still be right */
        good &= c_slot(0) == i + 7;
    }
    check("smc-cache", good);

    c_own_word = 0;
    check("smc-data-beside-code", c_own_page(1000) == 3000 && c_own_word == 3000);

    /* Written through kseg0, run through the TLB; then through kseg1, run in kseg0. */
    if (tlb_entries()) {
        u32 *code = (u32 *)pool[3];
        u32 (*mapped)(u32) = (u32(*)(u32))(VA + 0x1000);
        for (u32 i = 0; i < (u32)(c_template_end - c_template); i++)
            code[i] = c_template[i];
        code_sync(code, 64);
        tlb_set(0, VA, page_lo(2, RW), page_lo(3, RW), 0);
        good = mapped(5) == 105;
        code[0] = 0x24820000 | 200; /* addiu v0, a0, 200 */
        code_sync(code, 64);
        code_sync((void *)(VA + 0x1000), 64);
        good &= mapped(5) == 205;
        /* Another page under the same address. */
        code = (u32 *)pool[5];
        for (u32 i = 0; i < (u32)(c_template_end - c_template); i++)
            code[i] = c_template[i];
        code_sync(code, 64);
        tlb_set(0, VA, page_lo(4, RW), page_lo(5, RW), 0);
        good &= mapped(6) == 106;
        check("smc-alias", good);

        /* A function across two pages that are not neighbours in memory: the last word of one, the rest in another. */
        u32 *last = (u32 *)(pool[9] + 4092), *first = (u32 *)pool[4];
        *last = c_template[0];
        first[0] = c_template[1];
        first[1] = c_template[2];
        code_sync(last, 4);
        code_sync(first, 8);
        tlb_set(0, VA, page_lo(9, RW), page_lo(4, RW), 0);
        u32 (*crossing)(u32) = (u32(*)(u32))(VA + 0xffc);
        good = crossing(1) == 101;
        first[1] = 0x24420001; /* addiu v0, v0, 1 in the delay slot, on the second page only */
        code_sync(first, 8);
        good &= crossing(1) == 102;
        tlb_clear();
        check("smc-two-pages", good);
    }

    same_page_fill = LI_V0(3);
    u32 seen = c_patch_next(same_page_fill);
    note("smc-next", seen == 3 ? "exact" : "stale");
}
