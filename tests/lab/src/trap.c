/* Exceptions: the timer's and the console's interrupts, expected faults of the tests, and surprises. */
#include "lab.h"

struct exc exc;
volatile u32 ticks, tick_cause, tick_vector;
u32 tick_period;
extern const char restart[];

static const char *const names[32] = {
    "Int", "Mod", "TLBL", "TLBS", "AdEL", "AdES", "IBE", "DBE", "Sys", "Bp", "RI", "CpU", "Ov", "Tr", 0, "FPE",
    [23] = "WATCH", [24] = "MCheck",
};

void exc_disarm(void)
{
    exc.armed = 0;
    exc.hook = 0;
}

void print_frame(const struct frame *f)
{
    static const char names[] = "zeroat  v0  v1  a0  a1  a2  a3  t0  t1  t2  t3  t4  t5  t6  t7  "
                                "s0  s1  s2  s3  s4  s5  s6  s7  t8  t9  k0  k1  gp  sp  fp  ra  ";
    for (int i = 0; i < 32; i++) {
        const char *n = names + 4 * i;
        print("%c%c%c%c %08x%c", n[0], n[1], n[2], n[3], f->r[i], i % 4 == 3 ? '\n' : ' ');
    }
    print("hi   %08x lo   %08x\n", f->hi, f->lo);
    /* The pending bits of Cause depend on the time: left out. */
    print("Status %08x Cause %08x EPC %08x BadVAddr %08x\n", f->status, f->cause & ~(0xff00u | CAUSE_TI), f->epc, f->badvaddr);
    print("EntryHi %08x PageMask %08x Wired %08x EBase %08x\n", C0_READ(10, 0), C0_READ(5, 0), C0_READ(6, 0), C0_READ(15, 1));
}

void timer_start(u32 period)
{
    ticks = 0;
    tick_period = period;
    C0_WRITE(11, 0, C0_READ(9, 0) + period);
    C0_WRITE(12, 0, C0_READ(12, 0) | STATUS_IM7 | STATUS_IE);
}

void timer_stop(void)
{
    C0_WRITE(12, 0, C0_READ(12, 0) & ~(STATUS_IM7 | STATUS_IE));
    C0_WRITE(11, 0, C0_READ(9, 0) - 1); /* takes the interrupt back */
}

/* Called by start.S with EXL = 1. What it leaves in the frame is what is restored. */
void trap(struct frame *f)
{
    u32 code = f->cause >> 2 & 31;
    if (code == INT && f->cause & f->status & STATUS_IM7) {
        ticks++;
        tick_cause = f->cause;
        tick_vector = f->vector;
        u32 next = C0_READ(11, 0) + tick_period;
        if ((int)(next - C0_READ(9, 0)) <= 0) /* late by a period or more */
            next = C0_READ(9, 0) + tick_period;
        C0_WRITE(11, 0, next);
        return;
    }
    if (code == INT && f->cause & f->status & STATUS_IM2) {
        console_interrupt();
        if (f->epc >= (u32)sleep_begin && f->epc < (u32)sleep_end)
            f->epc = (u32)sleep_end; /* it came before the WAIT */
        return;
    }
    if (exc.armed && ++exc.count < 100000) {
        exc.code = code;
        exc.bd = f->cause >> 31;
        exc.ce = f->cause >> 28 & 3;
        exc.epc = f->epc;
        exc.badvaddr = f->badvaddr;
        exc.entryhi = C0_READ(10, 0);
        exc.context = C0_READ(4, 0);
        exc.vector = f->vector;
        if (exc.hook) {
            exc.hook(f);
            return;
        }
        f->epc = exc.resume;
        f->status &= ~STATUS_UM;
        if (code == INT)
            f->status &= ~STATUS_IE;
        return;
    }
    if (code == BP && *(u32 *)f->epc >> 6 == 7) { /* `break 0, 7`: show the registers */
        print_frame(f);
        f->epc += 4;
        return;
    }
    print("\nexception %s, vector %03x\n", names[code] ? names[code] : "?", f->vector);
    print_frame(f);
    exc_disarm();
    f->status &= ~(STATUS_UM | STATUS_IE);
    f->epc = (u32)restart;
}
