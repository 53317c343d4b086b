/* Interrupts: the timer's, by both vectors, software interrupts, WAIT; and the watch registers. */
#include "lab.h"

u32 f_lw(u32);

static void two_ticks(void)
{
    timer_start(100000);
    while (ticks < 2)
        __asm__ volatile("wait");
    timer_stop();
}

void test_interrupts(void)
{
    u32 count = C0_READ(9, 0);
    while (C0_READ(9, 0) == count)
        ;
    check("count-runs", 1);
    two_ticks();
    check("timer", (tick_cause & (CAUSE_TI | STATUS_IM7)) == (CAUSE_TI | STATUS_IM7));
    check("timer-vector", tick_vector == 0x180);
    check("timer-acknowledged", !(C0_READ(13, 0) & STATUS_IM7));
    C0_WRITE(13, 0, CAUSE_IV);
    two_ticks();
    C0_WRITE(13, 0, 0);
    check("timer-vector-iv", tick_vector == 0x200);

    /* A software interrupt; trap() goes on at 1: with IE = 0. */
    static u32 resume;
    __asm__ volatile("la %0, 1f\n\tsw %0, 0(%1)\n\tsw $0, 12(%1)\n\tmtc0 %2, $12\n\tehb\n\tmtc0 %3, $13\n\tehb\n\tnop\n1:\tmtc0 $0, $13\n\tmtc0 $0, $12\n\tehb"
                     : "=&r"(resume)
                     : "r"(({ exc.armed = 1; exc.hook = 0; &exc; })), "r"(STATUS_IM0 | STATUS_IE), "r"(0x100)
                     : "memory");
    int good = exc.count == 1 && exc.code == INT && exc.vector == 0x180;
    exc_disarm();
    check("software-interrupt", good);
    C0_WRITE(13, 0, 0x100); /* pending, but not enabled */
    __asm__ volatile("nop");
    C0_WRITE(13, 0, 0);
    check("software-interrupt-masked", 1);

    if (C0_READ(16, 1) & 8) {
        static u32 watched[4] __attribute__((aligned(8)));
        C0_WRITE(19, 0, 1u << 30);                 /* WatchHi: global */
        C0_WRITE(18, 0, ((u32)watched & ~7u) | 2); /* WatchLo: loads from these eight bytes */
        f_lw((u32)(watched + 2));
        u32 early = exc.count;
        f_lw((u32)(watched + 1));
        C0_WRITE(18, 0, 0);
        int exact = early == 0 && exc.count == 1 && exc.code == WATCH && exc.epc == exc.want_epc;
        note("watch-load", exact ? "raised" : early + exc.count ? "wrong" : "silent");
        exc_disarm();
    } else {
        note("watch-load", "no watch registers");
    }
}
