/* Runs the tests: a line `ok NAME` or `FAIL NAME` each, then SELFTEST PASS or FAIL with the count. A `note` tells what a
 * machine does where the architecture leaves a choice (or where emulators differ); it counts for nothing. */
#include "lab.h"

static u32 passed, run;

void check(const char *name, int good)
{
    run++;
    passed += good;
    print("%s %s\n", good ? "ok" : "FAIL", name);
}

void note(const char *name, const char *what)
{
    print("note %s %s\n", name, what);
}

/* Exactly one exception since the last FAULT function: its code, its EPC as announced, its delay-slot bit. */
void check_exc(const char *name, enum exc_code code, int bd)
{
    int good = exc.count == 1 && exc.code == code && exc.epc == exc.want_epc && exc.bd == (u32)bd;
    exc_disarm();
    check(name, good);
    if (!good)
        print("  %u exceptions, code %u, EPC %08x (want %08x), BD %u\n", exc.count, exc.code, exc.epc, exc.want_epc, exc.bd);
}

/* Makes stores to [start, start + bytes) visible to instruction fetch. */
void code_sync(const volatile void *start, u32 bytes)
{
    u32 step;
    __asm__ volatile("rdhwr %0, $1" : "=r"(step)); /* SYNCI_Step */
    if (step == 0)
        step = bytes;
    for (u32 at = (u32)start & ~(step - 1); at < (u32)start + bytes; at += step)
        __asm__ volatile("synci 0(%0)" : : "r"(at) : "memory");
    __asm__ volatile("sync\n\t.set push\n\t.set noreorder\n\t.set noat\n\tbal 1f\n\tnop\n1:\taddiu $31, $31, 12\n\tjr.hb $31\n\tnop\n\t"
                     ".set pop" : : : "$31", "memory");
}

void selftest(void)
{
    passed = run = 0;
    test_integer();
    test_exceptions();
    test_tlb();
    test_code();
    test_fpu();
    test_interrupts();
    print("SELFTEST %s %u/%u\n", passed == run ? "PASS" : "FAIL", passed, run);
}
