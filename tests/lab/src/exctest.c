/* Exceptions of the integer unit: code, EPC, delay-slot bit, BadVAddr, and that nothing else changed. */
#include "lab.h"

u32 f_add(u32, u32), f_addi(u32), f_sub(u32, u32), f_add_delay(u32, u32), f_add_likely_taken(u32, u32), f_add_likely_not(u32, u32),
    f_add_not_taken(u32, u32), f_add_never(u32, u32);
u64 f_add_jal(u32, u32);
u32 f_ri(void), f_mfc1(void);
void f_syscall(void), f_break(void), f_syscall_delay(void), f_ri_delay(void), f_bc1_delay(void);
void f_teq(u32, u32), f_tltu(u32, u32), f_tgei(u32);
u32 f_lw(u32), f_lh(u32), f_lw_delay(u32), f_lw_base(u32), f_ll(u32);
void f_sw(u32, u32), f_sh(u32, u32), f_jr(u32);

enum { KEPT = 0x1234 };

static void skip(struct frame *f)
{
    f->epc += 4;
}

void test_exceptions(void)
{
    u32 max = 0x7fffffff, kept, at;

    kept = f_add(max, 1);
    check_exc("overflow-add", OV, 0);
    check("overflow-keeps-register", kept == KEPT);
    f_addi(max);
    check_exc("overflow-addi", OV, 0);
    f_sub(0x80000000, 1);
    check_exc("overflow-sub", OV, 0);
    kept = f_add(max, 0x80000000);
    exc_disarm();
    check("no-overflow", exc.count == 0 && kept == 0xffffffff);
    f_add_delay(max, max);
    check_exc("overflow-in-delay-slot", OV, 1);
    f_add_not_taken(max, max);
    check_exc("overflow-branch-not-taken", OV, 1);
    f_add_never(max, max);
    exc_disarm();
    note("branch-never", exc.bd && exc.epc == exc.want_epc ? "has a delay slot" : "is a nop");
    f_add_likely_taken(max, max);
    check_exc("overflow-likely-taken", OV, 1);
    kept = f_add_likely_not(max, max);
    exc_disarm();
    check("likely-nullifies", exc.count == 0 && kept == KEPT + 1);
    f_add_jal(max, max);
    check_exc("overflow-after-jal", OV, 1);

    f_syscall();
    check_exc("syscall", SYS, 0);
    f_syscall_delay();
    check_exc("syscall-in-delay-slot", SYS, 1);
    f_break();
    check_exc("break", BP, 0);
    exc.hook = skip;
    f_syscall();
    check_exc("syscall-returns", SYS, 0);
    f_teq(3, 3);
    check_exc("trap-teq", TR, 0);
    f_tltu(3, 0xffffffff);
    check_exc("trap-tltu", TR, 0);
    f_tgei((u32)-5);
    check_exc("trap-tgei", TR, 0);
    f_teq(3, 4);
    f_tgei((u32)-6);
    exc_disarm();
    check("trap-not-taken", exc.count == 0);
    kept = f_ri();
    check_exc("reserved", RI, 0);
    check("reserved-keeps-register", kept == KEPT);
    f_ri_delay();
    check_exc("reserved-in-delay-slot", RI, 1);
    C0_WRITE(12, 0, C0_READ(12, 0) & ~STATUS_CU1);
    f_mfc1();
    check_exc("coprocessor-unusable", CPU, 0);
    check("coprocessor-number", exc.ce == 1);
    f_bc1_delay();
    check_exc("coprocessor-branch", CPU, 0);

    static u32 words[2];
    at = (u32)words;
    kept = f_lw(at + 2);
    check_exc("adel-lw", ADEL, 0);
    check("adel-badvaddr", exc.badvaddr == at + 2 && kept == KEPT);
    f_lh(at + 1);
    check_exc("adel-lh", ADEL, 0);
    f_ll(at + 1);
    check_exc("adel-ll", ADEL, 0);
    kept = f_lw_base(at + 3);
    check_exc("adel-own-base", ADEL, 0);
    check("adel-base-kept", kept == at + 3);
    f_lw_delay(at + 1);
    check_exc("adel-in-delay-slot", ADEL, 1);
    f_sw(at + 1, 1);
    check_exc("ades-sw", ADES, 0);
    f_sh(at + 3, 1);
    check_exc("ades-sh", ADES, 0);
    check("ades-stores-nothing", words[0] == 0 && words[1] == 0 && exc.badvaddr == at + 3);
    f_jr(at + 2);
    exc.want_epc = at + 2;
    check_exc("adel-fetch", ADEL, 0);
    check("adel-fetch-badvaddr", exc.badvaddr == at + 2);
}
