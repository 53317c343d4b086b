//! The TLB, ghosts, address spaces and refills.

use tinamou_ir::guest::{Access, Guest};

use super::harness::{Machine, asm};
use crate::cp0::status;
use crate::fault;
use crate::mode::{KERNEL, USER};

struct Page {
    va: u64,
    pa: u64,
    asid: u64,
    flags: u64,
}

/// Sets the registers for an entry: both pages, the odd one 4 KiB up.
fn prepare(m: &mut Machine, p: &Page) {
    let r = m.cpu.regs.clone();
    m.set_slot(r.pagemask, 0);
    m.set_slot(r.entryhi, p.va & !0x1fff | p.asid);
    m.set_slot(r.entrylo0, p.pa >> 12 << 6 | p.flags);
    m.set_slot(r.entrylo1, (p.pa + 0x1000) >> 12 << 6 | p.flags);
}

fn tlbwr(m: &mut Machine, p: &Page) {
    prepare(m, p);
    m.cpu.tlbwr(&mut m.hw);
}

fn tlbwi(m: &mut Machine, index: u64, p: &Page) {
    prepare(m, p);
    m.set_slot(m.cpu.regs.index, index);
    m.cpu.tlbwi(&mut m.hw);
}

fn look(m: &mut Machine, va: u64, access: Access, mmu: u8) -> Result<u64, u32> {
    let s = m.hw.state.clone();
    m.cpu
        .translate(&s, &mut m.hw, va, access, mmu)
        .map(|t| t.gpa.0)
        .map_err(|f| f.code)
}

const D_V: u64 = 6;
const V: u64 = 2;
const G: u64 = 1;

#[test]
fn segments_of_32_bit_cpus() {
    let mut m = Machine::new("24Kc", false);
    let adel = Err(fault::ADEL);
    assert_eq!(look(&mut m, 0x8000_1234, Access::Read, KERNEL), Ok(0x1234));
    assert_eq!(
        look(&mut m, 0xbfc0_0000, Access::Fetch, KERNEL),
        Ok(0x1fc0_0000)
    );
    assert_eq!(look(&mut m, 0x8000_0000, Access::Read, USER), adel);
    assert_eq!(
        look(&mut m, 0xc000_0000, Access::Write, USER),
        Err(fault::ADES)
    );
    assert_eq!(
        look(&mut m, 0x2234, Access::Read, KERNEL),
        Err(fault::TLBL | fault::REFILL)
    );
    assert_eq!(
        look(&mut m, 0x2234, Access::Write, USER),
        Err(fault::TLBS | fault::REFILL)
    );
    // The entries of a reset TLB are zero: they match here, and are invalid.
    let low = look(&mut m, 0x1234, Access::Read, KERNEL);
    assert_eq!(low, Err(fault::TLBL));
    assert_eq!(look(&mut m, 0x1234, Access::Read, 3), Ok(0x1234));
    assert_eq!(
        look(&mut m, 0xc000_0000, Access::Read, 1),
        Err(fault::TLBL | fault::REFILL)
    );
}

#[test]
fn segments_of_64_bit_cpus() {
    let mut m = Machine::new("5Kc", false);
    assert_eq!(
        look(&mut m, 0xffff_ffff_8000_1234, Access::Read, KERNEL),
        Ok(0x1234)
    );
    assert_eq!(
        look(&mut m, 0x9000_0000_1fc0_0000, Access::Read, KERNEL),
        Err(fault::ADEL)
    );
    m.set_status(status::KX | status::UX);
    assert_eq!(
        look(&mut m, 0x9800_0000_1fc0_0000, Access::Read, KERNEL),
        Ok(0x1fc0_0000)
    );
    assert_eq!(
        look(&mut m, 0x9800_0010_0000_0000, Access::Read, KERNEL),
        Err(fault::ADEL)
    );
    assert_eq!(
        look(&mut m, 0x9800_0000_0000_0000, Access::Read, USER),
        Err(fault::ADEL)
    );
    assert_eq!(
        look(&mut m, 0x100_0000_0000, Access::Read, USER),
        Err(fault::TLBL | fault::REFILL)
    );
    assert_eq!(
        look(&mut m, 0x400_0000_0000, Access::Read, USER),
        Err(fault::ADEL)
    );
    assert_eq!(
        look(&mut m, 0xc000_0000_0000_0000, Access::Read, KERNEL),
        Err(fault::TLBL | fault::REFILL)
    );
    // kseg2 of the compatibility space and xkseg are distinct.
    tlbwi(
        &mut m,
        0,
        &Page {
            va: 0xffff_ffff_c000_0000,
            pa: 0x4000,
            asid: 0,
            flags: D_V | G,
        },
    );
    assert_eq!(
        look(&mut m, 0xffff_ffff_c000_1010, Access::Read, KERNEL),
        Ok(0x5010)
    );
    assert_eq!(
        look(&mut m, 0xc000_0000_0000_0000, Access::Read, KERNEL),
        Err(fault::TLBL | fault::REFILL)
    );
}

#[test]
fn entries_match_by_asid_and_rights() {
    let mut m = Machine::new("24Kc", false);
    tlbwi(
        &mut m,
        3,
        &Page {
            va: 0x40_0000,
            pa: 0x8000,
            asid: 5,
            flags: V,
        },
    );
    assert_eq!(look(&mut m, 0x40_1004, Access::Read, USER), Ok(0x9004));
    assert_eq!(
        look(&mut m, 0x40_1004, Access::Write, USER),
        Err(fault::MOD)
    );
    m.set_slot(m.cpu.regs.entryhi, 6);
    assert_eq!(
        look(&mut m, 0x40_1004, Access::Read, USER),
        Err(fault::TLBL | fault::REFILL)
    );
    tlbwi(
        &mut m,
        3,
        &Page {
            va: 0x40_0000,
            pa: 0x8000,
            asid: 6,
            flags: 0,
        },
    );
    assert_eq!(
        look(&mut m, 0x40_1004, Access::Read, USER),
        Err(fault::TLBL)
    );
    // A 16 MiB page.
    prepare(
        &mut m,
        &Page {
            va: 0x1000_0000,
            pa: 0,
            asid: 6,
            flags: D_V,
        },
    );
    m.set_slot(m.cpu.regs.pagemask, 0x1ffe000);
    m.set_slot(m.cpu.regs.entrylo1, 0x0300_0000 >> 6 | D_V);
    m.set_slot(m.cpu.regs.index, 4);
    m.cpu.tlbwi(&mut m.hw);
    assert_eq!(
        look(&mut m, 0x10ab_cdef, Access::Write, USER),
        Ok(0xab_cdef)
    );
    assert_eq!(
        look(&mut m, 0x11ab_cdef, Access::Write, USER),
        Ok(0x03ab_cdef)
    );
}

#[test]
fn displaced_entries_stay_as_ghosts() {
    let mut m = Machine::new("24Kc", false);
    for i in 0..40 {
        tlbwr(
            &mut m,
            &Page {
                va: 0x10_0000 + i * 0x2000,
                pa: 0x1_0000 + i * 0x2000,
                asid: 1,
                flags: D_V,
            },
        );
    }
    for i in 0..40 {
        assert_eq!(
            look(&mut m, 0x10_0000 + i * 0x2000, Access::Read, USER),
            Ok(0x1_0000 + i * 0x2000),
            "{i}"
        );
    }
    assert!(m.cpu.sys.mmu.ghosts.len() >= 24);
    // TLBP on a ghost drops it.
    let ghost = m.cpu.sys.mmu.ghosts[3];
    m.set_slot(m.cpu.regs.entryhi, ghost.vpn | 1);
    m.hw.flushed.clear();
    m.cpu.tlbp(&mut m.hw);
    assert_eq!(m.slot(m.cpu.regs.index), 0x8000_0000);
    assert_eq!(m.hw.flushed, [(ghost.vpn, 0x2000)]);
    assert_eq!(
        look(&mut m, ghost.vpn, Access::Read, USER),
        Err(fault::TLBL | fault::REFILL)
    );
    // A new entry of the same page replaces the ghost.
    let ghost = m.cpu.sys.mmu.ghosts[5];
    tlbwr(
        &mut m,
        &Page {
            va: ghost.vpn,
            pa: 0x7_0000,
            asid: 1,
            flags: D_V,
        },
    );
    assert_eq!(look(&mut m, ghost.vpn, Access::Read, USER), Ok(0x7_0000));
    // TLBWI drops those that had its index; a guest that rewrites all entries gets rid of all.
    for i in 0..16 {
        tlbwi(
            &mut m,
            i,
            &Page {
                va: 0x50_0000 + i * 0x2000,
                pa: 0,
                asid: 1,
                flags: D_V,
            },
        );
        assert!(m.cpu.sys.mmu.ghosts.iter().all(|g| g.index as u64 > i));
    }
    assert!(m.cpu.sys.mmu.ghosts.is_empty());
}

#[test]
fn a_ghost_never_shows_a_fault_other_than_refill() {
    let mut m = Machine::new("24Kc", false);
    for i in 0..30 {
        tlbwr(
            &mut m,
            &Page {
                va: 0x10_0000 + i * 0x2000,
                pa: 0,
                asid: 1,
                flags: V,
            },
        );
    }
    let ghost = m.cpu.sys.mmu.ghosts[0];
    assert_eq!(
        look(&mut m, ghost.vpn, Access::Write, USER),
        Err(fault::TLBS | fault::REFILL)
    );
    assert_eq!(
        look(&mut m, ghost.vpn, Access::Read, USER),
        Err(fault::TLBL | fault::REFILL)
    );
}

#[test]
fn wired_entries_are_not_replaced() {
    let mut m = Machine::new("24Kc", false);
    m.cpu.sys.wired = 4;
    tlbwi(
        &mut m,
        2,
        &Page {
            va: 0x40_0000,
            pa: 0x8000,
            asid: 1,
            flags: D_V,
        },
    );
    for i in 0..200 {
        tlbwr(
            &mut m,
            &Page {
                va: 0x10_0000 + i * 0x2000,
                pa: 0,
                asid: 1,
                flags: V,
            },
        );
        assert!((4..16).contains(&m.cpu.sys.random()));
    }
    assert_eq!(m.cpu.sys.mmu.entries[2].vpn, 0x40_0000);
}

#[test]
fn code_generations_change_only_with_code() {
    let mut m = Machine::new("24Kc", false);
    tlbwi(
        &mut m,
        0,
        &Page {
            va: 0x40_0000,
            pa: 0x8000,
            asid: 1,
            flags: D_V,
        },
    );
    let (first, other) = (m.cpu.sys.mmu.code_gen[1], m.cpu.sys.mmu.code_gen[2]);
    tlbwi(
        &mut m,
        0,
        &Page {
            va: 0x42_0000,
            pa: 0x8000,
            asid: 1,
            flags: D_V,
        },
    );
    assert_eq!(m.cpu.sys.mmu.code_gen[1], first);
    assert_eq!(look(&mut m, 0x42_0000, Access::Fetch, USER), Ok(0x8000));
    tlbwi(
        &mut m,
        0,
        &Page {
            va: 0x44_0000,
            pa: 0x8000,
            asid: 1,
            flags: D_V,
        },
    );
    assert_ne!(m.cpu.sys.mmu.code_gen[1], first);
    assert_eq!(m.hw.code_gen, m.cpu.sys.mmu.code_gen[1]);
    assert_eq!(m.cpu.sys.mmu.code_gen[2], other);
}

#[test]
fn a_new_asid_flushes_and_brings_its_generation() {
    let mut m = Machine::new("24Kc", false);
    m.cpu.sys.mmu.code_gen[9] = 77;
    m.cpu.write_entryhi(&mut m.hw, 0x1234_6000 | 9);
    assert_eq!((m.hw.flushes_mapped, m.hw.code_gen), (1, 77));
    m.cpu.write_entryhi(&mut m.hw, 0x5234_6000 | 9);
    assert_eq!(m.hw.flushes_mapped, 1);
}

/// A refill handler like Linux's, user code and data in mapped pages, a page fault on an invalid page, tlbp and tlbwi.
#[test]
fn refill_through_the_handlers() {
    for model in ["4Kc", "24Kf", "5Kc", "MIPS64R2-generic"] {
        let mut m = Machine::new(model, false);
        let mf = |t, d| asm("mfc0", &[('t', t), ('d', d)]);
        let mt = |t, d| asm("mtc0", &[('t', t), ('d', d)]);
        // Context's PTEBase is 0x80000000: the page table of EntryLo words, 16 bytes per pair.
        m.code(
            0x000,
            &[
                mf(26, 4),
                asm("lw", &[('s', 26), ('t', 27), ('i', 0)]),
                asm("lw", &[('s', 26), ('t', 26), ('i', 8)]),
                mt(27, 2),
                mt(26, 3),
                asm("tlbwr", &[]),
                asm("eret", &[]),
            ],
        );
        // General vector: mark the entry valid and dirty, and count in k1's memory cell.
        m.code(
            0x180,
            &[
                asm("lui", &[('t', 26), ('u', 0x8000)]),
                asm("lw", &[('s', 26), ('t', 27), ('i', 0x3000)]),
                asm("addiu", &[('s', 27), ('t', 27), ('i', 1)]),
                asm("sw", &[('s', 26), ('t', 27), ('i', 0x3000)]),
                asm("tlbp", &[]),
                asm("tlbr", &[]),
                mf(26, 2),
                asm("ori", &[('s', 26), ('t', 26), ('u', 6)]),
                mt(26, 2),
                mf(26, 3),
                asm("ori", &[('s', 26), ('t', 26), ('u', 6)]),
                mt(26, 3),
                asm("tlbwi", &[]),
                asm("eret", &[]),
            ],
        );
        let table = 0u64;
        let mut map = |va: u64, pa: u64, flags: u32| {
            let at = table + (va >> 13) * 16 + (va >> 12 & 1) * 8;
            m.write_word(at, ((pa >> 12 << 6) as u32) | flags);
        };
        map(0x40_0000, 0x4_0000, 2);
        map(0x40_1000, 0x4_1000, 2);
        map(0x41_0000, 0x5_0000, 0);
        map(0x41_1000, 0x5_1000, 0);
        // A branch in the last word of a page, its delay slot in the next page pair.
        map(0x40_2000, 0x4_2000, 2);
        map(0x40_3000, 0x4_3000, 2);
        let context = m.cpu.compat(0x8000_0000);
        m.set_slot(m.cpu.regs.context, context);
        m.code(
            0x4_1ff4,
            &[
                asm("lui", &[('t', 1), ('u', 0x41)]),
                asm("sw", &[('s', 1), ('t', 1), ('i', 4)]),
                asm("beq", &[('i', 2)]),
            ],
        );
        m.code(
            0x4_2000,
            &[
                asm("addiu", &[('t', 5), ('i', 7)]),
                0,
                asm("lw", &[('s', 1), ('t', 6), ('i', 4)]),
                asm("syscall", &[]),
            ],
        );
        m.set_pc(0x40_1ff4);
        m.set_status(0x10);
        m.run_to(0x40_2008);
        m.step(1);
        assert_eq!(
            (m.r(1), m.r(5), m.r(6)),
            (0x41_0000, 7, 0x41_0000),
            "{model}"
        );
        assert_eq!(m.hw.ram[0x5_0004..0x5_0008], 0x41_0000u32.to_le_bytes());
        assert_eq!(m.hw.ram[0x3000], 1, "{model}: one page fault");
    }
}
