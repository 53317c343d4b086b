/* The `bench` command: the freestanding work loops of tests/programs, and two of the machine's own: exceptions and TLB
 * refills. Checksums, no times: whoever runs it holds the clock. */
#include "../../programs/work.h"
#include "lab.h"

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
    u8 *d = to;
    const u8 *s = from;
    if ((((u32)d ^ (u32)s) & 3) == 0) {
        for (; n && (u32)d & 3; n--)
            *d++ = *s++;
        for (; n >= 16; n -= 16, d += 16, s += 16) {
            u32 a = ((const u32 *)s)[0], b = ((const u32 *)s)[1], c = ((const u32 *)s)[2], e = ((const u32 *)s)[3];
            ((u32 *)d)[0] = a, ((u32 *)d)[1] = b, ((u32 *)d)[2] = c, ((u32 *)d)[3] = e;
        }
        for (; n >= 4; n -= 4, d += 4, s += 4)
            *(u32 *)d = *(const u32 *)s;
    }
    while (n--)
        *d++ = *s++;
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    u8 *d = to;
    u32 word = (u8)byte * 0x01010101u;
    for (; n && (u32)d & 3; n--)
        *d++ = byte;
    for (; n >= 4; n -= 4, d += 4)
        *(u32 *)d = word;
    while (n--)
        *d++ = byte;
    return to;
}

static void skip(struct frame *f)
{
    f->r[2] += f->r[4];
    f->epc += 4;
}

/* System calls from kernel mode: save everything, C, restore everything. */
static u32 traps(u32 n)
{
    register u32 v0 __asm__("$2") = 0, a0 __asm__("$4");
    exc.count = 0;
    exc.hook = skip;
    exc.armed = 1;
    for (u32 i = 0; i < n; i++) {
        a0 = i;
        __asm__ volatile("syscall" : "+r"(v0) : "r"(a0) : "memory");
        exc.count = 0;
    }
    exc_disarm();
    return v0;
}

static void refill(struct frame *f)
{
    u32 page = f->badvaddr >> 13 & 7;
    C0_WRITE(2, 0, page_lo(2 * page, LO_D | LO_V | LO_C | LO_G));
    C0_WRITE(3, 0, page_lo(2 * page + 1, LO_D | LO_V | LO_C | LO_G));
    C0_WRITE(5, 0, 0);
    __asm__ volatile("tlbwr\n\tehb");
}

/* Loads from 256 pages in turn through a TLB that holds fewer: a refill for each pair. */
static u32 refills(u32 n)
{
    u32 sum = 0;
    for (int i = 0; i < 16; i++)
        *(u32 *)pool[i] = i + 1;
    C0_WRITE(6, 0, 0);
    exc.hook = refill;
    exc.armed = 1;
    for (u32 i = 0; i < n; i++) {
        exc.count = 0;
        sum = work_mix(sum, *(volatile u32 *)(0x10000000 + (i & 255) * 4096));
    }
    exc_disarm();
    tlb_clear();
    return sum;
}

void bench(u32 scale)
{
    static const struct {
        const char *name;
        u32 (*run)(u32);
        u32 count;
    } loops[] = {
        {"intmix", work_intmix, 20}, {"sha256", work_sha256, 50}, {"qsort", work_qsort, 1},
        {"memcpy", work_memcpy, 2},  {"traps", traps, 2000},      {"refills", refills, 2000},
    };
    for (u32 i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        u32 n = loops[i].count * scale;
        print("%s %u %08x\n", loops[i].name, n, loops[i].run(n));
    }
    print("BENCH DONE\n");
}
