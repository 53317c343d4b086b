/* What the lab guest's files share. */
#ifndef LAB_H
#define LAB_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- CP0 (MIPS32 PRA, MD00090): by register number and select, hazards cleared ---- */
#define C0_READ(reg, sel)                                                       \
    ({                                                                          \
        u32 value_;                                                             \
        __asm__ volatile("mfc0 %0, $" #reg ", " #sel : "=r"(value_));           \
        value_;                                                                 \
    })
#define C0_WRITE(reg, sel, value)                                               \
    __asm__ volatile("mtc0 %0, $" #reg ", " #sel "\n\tehb" : : "r"((u32)(value)) : "memory")

enum {
    STATUS_IE = 1, STATUS_EXL = 2, STATUS_UM = 0x10, STATUS_IM7 = 0x8000, STATUS_IM2 = 0x400, STATUS_IM0 = 0x100, STATUS_CU1 = 1 << 29,
    CAUSE_IV = 1 << 23, CAUSE_TI = 1 << 30,
};
#define CAUSE_BD 0x80000000u

enum exc_code {
    INT = 0, MOD = 1, TLBL = 2, TLBS = 3, ADEL = 4, ADES = 5, SYS = 8, BP = 9, RI = 10, CPU = 11, OV = 12, TR = 13,
    FPE = 15, WATCH = 23,
};

/* What start.S saves; the order is its. */
struct frame {
    u32 r[32], hi, lo, status, cause, epc, badvaddr, vector;
};

/* An expected exception. The first three words are written by faults.S (its ARM macro). */
struct exc {
    u32 resume;   /* where to go on after recording */
    u32 want_epc; /* what EPC should be */
    u32 armed;    /* 1: record and go to resume; 0: an exception is a surprise */
    u32 count;    /* exceptions since armed */
    u32 code, bd, ce, epc, badvaddr, entryhi, context, vector;
    void (*hook)(struct frame *); /* called in place of going to resume */
};
extern struct exc exc;

/* console.c */
void console_init(void);
void console_put(char c);
void console_interrupt(void);
int console_get(void);
void print(const char *format, ...); /* %s %c %d %u %x, zero-padded widths: %08x */
int read_line(char *buf, int size);
u32 parse_number(const char *s);
int same(const char *a, const char *b);

/* start.S: enables the interrupts of a mask, waits for one and disables them. None is missed: trap() ends the wait. */
void sleep(u32 mask);
extern const char sleep_begin[], sleep_end[];

/* trap.c */
void exc_disarm(void);
extern volatile u32 ticks, tick_cause, tick_vector;
extern u32 tick_period;
void print_frame(const struct frame *f);
void timer_start(u32 period);
void timer_stop(void);

/* selftest.c and the files of tests */
void check(const char *name, int good);
void note(const char *name, const char *what);
void check_exc(const char *name, enum exc_code code, int bd);
void code_sync(const volatile void *start, u32 bytes);
void selftest(void);
void test_integer(void);
void test_exceptions(void);
void test_tlb(void);
void test_code(void);
void test_fpu(void);
void test_interrupts(void);

/* tlbtest.c, for others that need a mapping */
enum { LO_G = 1, LO_V = 2, LO_D = 4, LO_C = 3 << 3 };
void tlb_set(u32 index, u32 entryhi, u32 lo0, u32 lo1, u32 pagemask);
void tlb_clear(void);
u32 tlb_entries(void);
u32 page_lo(u32 page, u32 flags); /* EntryLo of page number `page` of pool */
extern u8 pool[16][4096];         /* pages to map */

/* board.c, bench.c */
void board_reset(void);
void board_poweroff(void);
void bench(u32 scale);

#endif
