//! System-level behaviour: modes, faults, privilege changes, task switches. Expectations are the SDM's.

use iced_x86::code_asm::*;

use super::harness::Machine;
use crate::flags;
use crate::regs::*;
use crate::seg::Seg;

/// Assembles a snippet at `at`.
fn asm(m: &mut Machine, bits: u32, at: u64, f: impl FnOnce(&mut CodeAssembler)) -> u64 {
    let mut a = CodeAssembler::new(bits).unwrap();
    f(&mut a);
    let bytes = a.assemble(at).unwrap();
    m.hw.write_bytes(at, &bytes);
    at + bytes.len() as u64
}

fn put32(m: &mut Machine, at: u64, v: u32) {
    m.hw.write_bytes(at, &v.to_le_bytes());
}

fn get32(m: &Machine, at: u64) -> u32 {
    u32::from_le_bytes(m.hw.read_bytes(at, 4).try_into().unwrap())
}

/// A machine in real mode at 0:0x1000 with its stack at 0:0x8000.
fn real(model: &str) -> Machine {
    let mut m = Machine::new(model, 0, 0x20_0000);
    let old = m.seg(CS);
    m.set_seg(
        CS,
        Seg {
            sel: 0,
            base: 0,
            ..old
        },
    );
    m.set_r(SP, 0x8000);
    m.set_pc(0x1000);
    m
}

/// A descriptor.
fn descriptor(base: u32, limit: u32, access: u32, flags: u32) -> u64 {
    let lo = limit & 0xffff | base << 16;
    let hi = base >> 16 & 0xff | access << 8 | limit & 0xf_0000 | flags << 20 | base & 0xff00_0000;
    lo as u64 | (hi as u64) << 32
}

fn gate(sel: u16, off: u32, access: u32, count: u32) -> u64 {
    let lo = off & 0xffff | (sel as u32) << 16;
    let hi = off & 0xffff_0000 | access << 8 | count;
    lo as u64 | (hi as u64) << 32
}

const GDT: u64 = 0x2000;
const IDT: u64 = 0x3000;
const TSS: u64 = 0x4000;
const TSS2: u64 = 0x4100;
const CODE0: u16 = 0x08;
const DATA0: u16 = 0x10;
const CODE3: u16 = 0x1b;
const DATA3: u16 = 0x23;
const TASK: u16 = 0x28;
const TASK2: u16 = 0x30;
const SMALL: u16 = 0x38;
const CALL_GATE: u16 = 0x43;
const TASK_GATE: u16 = 0x4b;
const DOWN: u16 = 0x50;

/// Where interrupt `n` ends up: a handler that halts, at a place that tells.
fn handler(n: u64) -> u64 {
    0x1_0000 + 16 * n
}

/// Where a model has no TZCNT and LZCNT their prefix is ignored: BSF and BSR (SDM vol. 2, TZCNT).
#[test]
fn scans_with_the_prefix_of_newer_counts() {
    for (model, want) in [("qemu32", [4, 9]), ("max", [4, 22])] {
        let mut m = real(model);
        m.set_r(AX, 0x210);
        // tzcnt ecx, eax; lzcnt edx, eax.
        let code = [
            0xf3, 0x66, 0x0f, 0xbc, 0xc8, 0xf3, 0x66, 0x0f, 0xbd, 0xd0, 0xf4,
        ];
        m.hw.write_bytes(0x1000, &code);
        m.run_to_halt();
        assert_eq!([m.r(CX), m.r(DX)], want, "{model}");
    }
}

/// A machine in flat 32-bit protected mode, ring 0, at 0x1000: handlers that halt, a TSS with SS0:ESP0.
fn protected(model: &str) -> Machine {
    let mut m = real(model);
    let table = [
        0,
        descriptor(0, 0xf_ffff, 0x9a, 0xc),
        descriptor(0, 0xf_ffff, 0x92, 0xc),
        descriptor(0, 0xf_ffff, 0xfa, 0xc),
        descriptor(0, 0xf_ffff, 0xf2, 0xc),
        descriptor(TSS as u32, 0x67, 0x8b, 0),
        descriptor(TSS2 as u32, 0x67, 0x89, 0),
        descriptor(0x5000, 0xff, 0x92, 4),
        gate(CODE0, 0x9000, 0xec, 1),
        gate(TASK2, 0, 0xe5, 0),
        descriptor(0x5000, 0xfff, 0x96, 4),
        descriptor(0x6000, 0xf, 0x82, 0),
    ];
    for (i, d) in table.iter().enumerate() {
        m.hw.write_bytes(GDT + 8 * i as u64, &d.to_le_bytes());
    }
    for n in 0..64 {
        m.hw.write_bytes(
            IDT + 8 * n,
            &gate(CODE0, handler(n) as u32, 0x8e, 0).to_le_bytes(),
        );
        m.hw.write_bytes(handler(n), &[0xf4]);
    }
    put32(&mut m, TSS + 4, 0x7000);
    put32(&mut m, TSS + 8, DATA0 as u32);
    m.hw.write_bytes(TSS + 0x66, &0x68u16.to_le_bytes());
    m.cpu.sys.cr0 = 0x31;
    m.cpu.sys.gdt = crate::sys::Table {
        base: GDT,
        limit: 0xff,
    };
    m.cpu.sys.idt = crate::sys::Table {
        base: IDT,
        limit: 0x1ff,
    };
    m.cpu.sys.tr = Seg {
        sel: TASK,
        base: TSS,
        limit: 0x67,
        attr: 0x8b,
    };
    m.set_seg(
        CS,
        Seg {
            sel: CODE0,
            base: 0,
            limit: u32::MAX,
            attr: 0xc09b,
        },
    );
    for n in [ES, SS, DS, FS, GS] {
        m.set_seg(
            n,
            Seg {
                sel: DATA0,
                base: 0,
                limit: u32::MAX,
                attr: 0xc093,
            },
        );
    }
    m.set_r(SP, 0x8000);
    m
}

/// Moves a protected machine to ring 3.
fn user(m: &mut Machine) {
    m.cpu.sys.cpl = 3;
    m.set_seg(
        CS,
        Seg {
            sel: CODE3,
            base: 0,
            limit: u32::MAX,
            attr: 0xc0fb,
        },
    );
    for n in [ES, SS, DS, FS, GS] {
        m.set_seg(
            n,
            Seg {
                sel: DATA3,
                base: 0,
                limit: u32::MAX,
                attr: 0xc0f3,
            },
        );
    }
}

#[test]
fn real_mode_interrupt_and_iret() {
    let mut m = real("486");
    put32(&mut m, 0x21 * 4, 0x0100_0200);
    let end = asm(&mut m, 16, 0x1000, |a| {
        a.sti().unwrap();
        a.int(0x21).unwrap();
        a.hlt().unwrap();
    });
    asm(&mut m, 16, 0x1200, |a| {
        a.mov(ax, 0x1234u32).unwrap();
        a.pushf().unwrap();
        a.pop(bx).unwrap();
        a.iret().unwrap();
    });
    m.run_to_halt();
    assert_eq!((m.r(AX), m.pc(), m.r(SP)), (0x1234, end, 0x8000));
    assert_eq!(m.r(BX) as u32 & flags::IF, 0);
    assert_ne!(m.flags() & flags::IF, 0);
    assert_eq!(m.seg(CS).sel, 0);
}

#[test]
fn protected_mode_is_entered_and_left() {
    let mut m = real("pentium3");
    let table = [
        0,
        descriptor(0, 0xf_ffff, 0x9a, 0xc),
        descriptor(0, 0xf_ffff, 0x92, 0xc),
        descriptor(0, 0xffff, 0x9a, 0),
    ];
    for (i, d) in table.iter().enumerate() {
        m.hw.write_bytes(GDT + 8 * i as u64, &d.to_le_bytes());
    }
    m.hw.write_bytes(0x1f00, &[0x1f, 0, GDT as u8, (GDT >> 8) as u8, 0, 0]);
    asm(&mut m, 16, 0x1000, |a| {
        a.lgdt(ptr(0x1f00)).unwrap();
        a.mov(eax, cr0).unwrap();
        a.or(al, 1).unwrap();
        a.mov(cr0, eax).unwrap();
        // jmp far 8:0x1100
        a.db(&[0xea, 0x00, 0x11, 0x08, 0x00]).unwrap();
    });
    asm(&mut m, 32, 0x1100, |a| {
        a.mov(eax, 0x10u32).unwrap();
        a.mov(ds, eax).unwrap();
        a.mov(ss, eax).unwrap();
        a.mov(esp, 0x9000u32).unwrap();
        a.mov(dword_ptr(0x10_0000u32), 0x1234_5678u32).unwrap();
        // Unreal mode keeps the limit: back by a 16-bit segment.
        a.db(&[0xea, 0x00, 0x12, 0x00, 0x00, 0x18, 0x00]).unwrap();
    });
    asm(&mut m, 16, 0x1200, |a| {
        a.mov(eax, cr0).unwrap();
        a.and(al, 0xfe).unwrap();
        a.mov(cr0, eax).unwrap();
        a.db(&[0xea, 0x00, 0x13, 0x00, 0x00]).unwrap();
    });
    asm(&mut m, 16, 0x1300, |a| {
        a.xor(ax, ax).unwrap();
        a.mov(ds, ax).unwrap();
        a.mov(edi, 0x10_0000u32).unwrap();
        a.mov(ebx, dword_ptr(edi)).unwrap();
        a.hlt().unwrap();
    });
    m.run_to_halt();
    assert_eq!(m.r(BX), 0x1234_5678);
    assert_eq!(m.cpu.sys.cr0 & 1, 0);
}

#[test]
fn faults_push_their_error_codes() {
    // Writing CS, a null selector, beyond a limit, a bad selector: vector and error code on the stack.
    type Snippet = fn(&mut CodeAssembler);
    let cases: [(Snippet, u64, Option<u32>); 8] = [
        (
            |a| {
                a.xor(eax, eax).unwrap();
                a.mov(ds, eax).unwrap();
                a.mov(al, byte_ptr(0x1000u32)).unwrap();
            },
            13,
            Some(0),
        ),
        (
            |a| {
                a.mov(eax, SMALL as u32).unwrap();
                a.mov(es, eax).unwrap();
                a.mov(al, byte_ptr(0x100u32).es()).unwrap();
            },
            13,
            Some(0),
        ),
        (
            |a| {
                a.mov(eax, 0x1f8u32).unwrap();
                a.mov(ds, eax).unwrap();
            },
            13,
            Some(0x1f8),
        ),
        (
            |a| {
                a.mov(eax, SMALL as u32).unwrap();
                a.mov(ss, eax).unwrap();
                a.mov(esp, 0xfeu32).unwrap();
                a.pop(eax).unwrap();
            },
            12,
            Some(0),
        ),
        (
            |a| {
                a.xor(ecx, ecx).unwrap();
                a.div(ecx).unwrap();
            },
            0,
            None,
        ),
        (
            |a| {
                a.ud2().unwrap();
            },
            6,
            None,
        ),
        (
            |a| {
                a.mov(byte_ptr(0x1000u32).cs(), al).unwrap();
            },
            13,
            Some(0),
        ),
        (
            |a| {
                a.int3().unwrap();
            },
            3,
            None,
        ),
    ];
    for (i, (code, vector, error)) in cases.into_iter().enumerate() {
        let mut m = protected("pentium3");
        asm(&mut m, 32, 0x1000, code);
        m.run_to_halt();
        assert_eq!(m.pc(), handler(vector) + 1, "case {i}");
        let top = m.r(SP);
        if let Some(e) = error {
            let base = m.seg(SS).base;
            assert_eq!(get32(&m, base + top), e, "case {i}");
        }
        let start = if i == 3 { 0xfe } else { 0x8000 };
        assert_eq!(
            top,
            start - if error.is_some() { 16 } else { 12 },
            "case {i}"
        );
    }
}

#[test]
fn rings_change_through_gates_and_back() {
    let mut m = protected("pentium3");
    user(&mut m);
    m.hw.write_bytes(IDT + 8 * 0x30, &gate(CODE0, 0x9100, 0xee, 0).to_le_bytes());
    let end = asm(&mut m, 32, 0x1000, |a| {
        a.push(0x77u32 as i32).unwrap();
        a.db(&[0x9a, 0, 0, 0, 0, CALL_GATE as u8, 0]).unwrap();
        a.mov(ebx, eax).unwrap();
        a.int(0x30).unwrap();
        a.hlt().unwrap();
    });
    // The call gate copies one parameter.
    asm(&mut m, 32, 0x9000, |a| {
        a.mov(eax, dword_ptr(esp + 8)).unwrap();
        a.mov(ecx, cs).unwrap();
        a.retf_1(4).unwrap();
    });
    asm(&mut m, 32, 0x9100, |a| {
        a.mov(edx, dword_ptr(esp + 16)).unwrap();
        a.iretd().unwrap();
    });
    m.run_to_halt();
    // HLT in ring 3 is #GP(0), on the ring 0 stack.
    assert_eq!(m.pc(), handler(13) + 1);
    assert_eq!(
        (m.r(BX), m.r(CX), m.r(DX)),
        (0x77, CODE0 as u64, DATA3 as u64)
    );
    let top = m.r(SP);
    assert_eq!(top, 0x7000 - 24);
    assert_eq!(get32(&m, top + 4), end as u32 - 1);
    assert_eq!(get32(&m, top + 8), CODE3 as u32);
    assert_eq!(get32(&m, top + 16), 0x8000);
}

#[test]
fn tasks_switch_and_return() {
    let mut m = protected("pentium3");
    for (off, v) in [
        (0x20, 0x9000),
        (0x24, 2),
        (0x38, 0x6000),
        (0x48, DATA0 as u32),
        (0x4c, CODE0 as u32),
        (0x50, DATA0 as u32),
        (0x54, DATA0 as u32),
    ] {
        put32(&mut m, TSS2 + off, v);
    }
    let end = asm(&mut m, 32, 0x1000, |a| {
        a.mov(ebx, 0x55u32).unwrap();
        a.db(&[0x9a, 0, 0, 0, 0, TASK_GATE as u8, 0]).unwrap();
        a.hlt().unwrap();
    });
    asm(&mut m, 32, 0x9000, |a| {
        a.str(word_ptr(0xa000u32)).unwrap();
        a.pushfd().unwrap();
        a.pop(dword_ptr(0xa004u32)).unwrap();
        a.iretd().unwrap();
    });
    m.run_to_halt();
    assert_eq!(m.pc(), end);
    assert_eq!(get32(&m, 0xa000) & 0xffff, TASK2 as u32);
    assert_ne!(get32(&m, 0xa004) & flags::NT, 0);
    assert_eq!(m.r(BX), 0x55);
    assert_eq!(m.cpu.sys.tr.sel, TASK);
    assert_eq!(m.flags() & flags::NT, 0);
    assert_ne!(m.cpu.sys.cr0 & 8, 0);
    // The new task is available again, the old one busy; the back link names it.
    assert_eq!(m.hw.read_bytes(GDT + TASK2 as u64 + 5, 1)[0], 0x89);
    assert_eq!(get32(&m, TSS2) & 0xffff, TASK as u32);
}

#[test]
fn page_faults_tell_address_and_cause() {
    let mut m = protected("pentium3");
    // The first 4 MiB by small pages, page 0x100 not present, 0x101 read-only, 0x102 supervisor.
    put32(&mut m, 0x10_0000, 0x10_1007);
    for i in 0..1024u32 {
        let e = match i {
            0x120 => 0,
            0x121 => i << 12 | 5,
            0x122 => i << 12 | 3,
            _ => i << 12 | 7,
        };
        put32(&mut m, 0x10_1000 + 4 * i as u64, e);
    }
    m.cpu.sys.cr3 = 0x10_0000;
    m.cpu.sys.cr0 |= 0x8000_0000;
    user(&mut m);
    for (va, write, code) in [
        (0x12_0123u32, false, 4),
        (0x12_0123, true, 6),
        (0x12_1004, true, 7),
        (0x12_2008, false, 5),
    ] {
        m.cpu.sys.halted = false;
        user(&mut m);
        m.set_r(SP, 0x8000);
        m.set_pc(0x1000);
        asm(&mut m, 32, 0x1000, |a| {
            if write {
                a.mov(byte_ptr(va), al).unwrap();
            } else {
                a.mov(al, byte_ptr(va)).unwrap();
            }
        });
        m.run_to_halt();
        assert_eq!(m.pc(), handler(14) + 1);
        assert_eq!(
            (m.cpu.sys.cr2, get32(&m, m.r(SP))),
            (va as u64, code),
            "{va:#x} {write}"
        );
    }
    // Reading sets A, writing D.
    m.cpu.sys.halted = false;
    user(&mut m);
    m.set_pc(0x1000);
    m.set_r(SP, 0x8000);
    asm(&mut m, 32, 0x1000, |a| {
        a.mov(al, byte_ptr(0x13_0000u32)).unwrap();
        a.mov(byte_ptr(0x13_1000u32), al).unwrap();
        a.hlt().unwrap();
    });
    m.run_to_halt();
    assert_eq!(get32(&m, 0x10_1000 + 4 * 0x130) & 0xfff, 0x27);
    assert_eq!(get32(&m, 0x10_1000 + 4 * 0x131) & 0xfff, 0x67);
}

/// The steps of a translation, as lines.
fn explained(m: &mut Machine, va: u64) -> Vec<String> {
    let state = m.hw.state.clone();
    let steps = m.cpu.explain_address(&state, &mut m.hw, va);
    steps
        .iter()
        .map(|(what, found)| format!("{what}: {found}"))
        .collect()
}

#[test]
fn translations_are_explained() {
    let mut m = protected("pentium3");
    assert_eq!(
        explained(&mut m, 0x1234).last().unwrap(),
        "physical: 0x00001234"
    );
    put32(&mut m, 0x10_0000, 0x10_1007);
    put32(&mut m, 0x10_0004, 0x80_0083);
    put32(&mut m, 0x10_1000 + 4 * 5, 0x6027);
    m.cpu.sys.cr3 = 0x10_0000;
    m.cpu.sys.cr4 = crate::sys::cr4::PSE;
    m.cpu.sys.cr0 |= 0x8000_0000;
    let small = explained(&mut m, 0x5678);
    assert_eq!(
        small[3..],
        [
            "PDE 0: 0x00101007 at 0x100000  P RW US",
            "PTE 5: 0x00006027 at 0x101014  P RW US A",
            "page: 4 KiB",
            "physical: 0x00006678",
        ]
    );
    let large = explained(&mut m, 0x40_1234);
    assert_eq!(
        large[3..],
        [
            "PDE 1: 0x00800083 at 0x100004  P RW PS",
            "page: 4096 KiB",
            "physical: 0x00801234",
        ]
    );
    assert_eq!(
        explained(&mut m, 0xc0_0000).last().unwrap(),
        "fault: page fault: not present"
    );
    // Looking sets no accessed bits.
    assert_eq!(get32(&m, 0x10_0000), 0x10_1007);
    // PAE: three levels, entries of eight bytes.
    m.cpu.sys.cr4 |= crate::sys::cr4::PAE;
    m.cpu.sys.pdpte = [0x10_2001, 0, 0, 0];
    put32(&mut m, 0x10_2000, 0x10_3003);
    put32(&mut m, 0x10_3000 + 8 * 5 + 4, 0x8000_0000);
    put32(&mut m, 0x10_3000 + 8 * 5, 0x7001);
    assert_eq!(
        explained(&mut m, 0x5678)[3..],
        [
            "PDPTE 0: 0x0000000000102001  P",
            "PDE 0: 0x0000000000103003 at 0x102000  P RW",
            "PTE 5: 0x8000000000007001 at 0x103028  P NX",
            "page: 4 KiB",
            "physical: 0x00007678",
        ]
    );
    assert_eq!(
        explained(&mut m, 0x4000_0000).last().unwrap(),
        "fault: page fault: not present"
    );
}

#[test]
fn double_and_triple_faults() {
    let mut m = protected("pentium3");
    // #GP's gate is not present: #NP while delivering it makes #DF.
    m.hw.write_bytes(IDT + 8 * 13 + 5, &[0x0e]);
    asm(&mut m, 32, 0x1000, |a| {
        a.mov(eax, 0x1f8u32).unwrap();
        a.mov(ds, eax).unwrap();
    });
    m.run_to_halt();
    assert_eq!(m.pc(), handler(8) + 1);
    assert_eq!(get32(&m, m.r(SP)), 0);
    let mut m = protected("pentium3");
    m.cpu.sys.idt.limit = 0;
    asm(&mut m, 32, 0x1000, |a| {
        a.ud2().unwrap();
    });
    m.run_to_halt();
    assert!(m.cpu.sys.shutdown && m.hw.shutdown);
}

#[test]
fn vm86_traps_to_its_monitor() {
    let mut m = protected("pentium3");
    let image = flags::VM | flags::IF | 2;
    asm(&mut m, 32, 0x1000, |a| {
        for v in [
            0x300,
            0x200,
            0x100,
            0x40,
            0x50,
            0x4000,
            image as i32,
            0x900,
            0x10,
        ] {
            a.push(v).unwrap();
        }
        a.iretd().unwrap();
    });
    // At 0x900:0x10, with DS 0x100: a store, then CLI, which IOPL 0 forbids.
    asm(&mut m, 16, 0x9010, |a| {
        a.mov(word_ptr(0x20), 0x5aa5u32).unwrap();
        a.cli().unwrap();
    });
    m.run_to_halt();
    assert_eq!(m.pc(), handler(13) + 1);
    let top = m.r(SP);
    assert_eq!(top, 0x7000 - 40);
    let frame: Vec<u32> = (0..10).map(|i| get32(&m, top + 4 * i)).collect();
    assert_eq!(frame[1..4], [0x16, 0x900, image | flags::RF]);
    assert_eq!(frame[4..], [0x4000, 0x50, 0x40, 0x100, 0x200, 0x300]);
    assert_eq!(get32(&m, 0x1020) & 0xffff, 0x5aa5);
    assert_eq!(m.seg(DS).sel, 0);
}

#[test]
fn interrupts_wait_for_sti_and_its_shadow() {
    let mut m = protected("486");
    m.hw.vector = 0x25;
    m.cpu.sys.intr = true;
    asm(&mut m, 32, 0x1000, |a| {
        a.inc(eax).unwrap();
        a.sti().unwrap();
        a.inc(eax).unwrap();
        a.inc(eax).unwrap();
    });
    m.run_to_halt();
    assert_eq!((m.pc(), m.r(AX)), (handler(0x25) + 1, 2));
    // The frame names the second instruction behind STI.
    assert_eq!(get32(&m, m.r(SP)), 0x1003);
}

#[test]
fn single_step_traps_behind_each_instruction() {
    let mut m = protected("486");
    asm(&mut m, 32, 0x1000, |a| {
        a.push(0x102).unwrap();
        a.popfd().unwrap();
        a.inc(eax).unwrap();
        a.inc(eax).unwrap();
    });
    m.run_to_halt();
    assert_eq!((m.pc(), m.r(AX)), (handler(1) + 1, 1));
    assert_ne!(m.cpu.sys.dr6 & 1 << 14, 0);
    let f = get32(&m, m.r(SP) + 8);
    assert_ne!(f & flags::TF, 0);
    assert_eq!(m.flags() & flags::TF, 0);
}

#[test]
fn breakpoints_fault_before_and_trap_behind() {
    let mut m = protected("pentium3");
    m.cpu.sys.dr[0] = 0x1002;
    m.cpu.sys.dr7 = 0x402;
    asm(&mut m, 32, 0x1000, |a| {
        for _ in 0..8 {
            a.inc(eax).unwrap();
        }
    });
    m.run_to_halt();
    assert_eq!((m.pc(), m.r(AX)), (handler(1) + 1, 2));
    assert_eq!((get32(&m, m.r(SP)), m.cpu.sys.dr6 & 15), (0x1002, 1));
    assert_ne!(get32(&m, m.r(SP) + 8) & flags::RF, 0);
    let mut m = protected("pentium3");
    m.cpu.sys.dr[1] = 0xa000;
    m.cpu.sys.dr7 = 0x400 | 8 | 1 << 20;
    asm(&mut m, 32, 0x1000, |a| {
        a.mov(al, byte_ptr(0xa000u32)).unwrap();
        a.mov(byte_ptr(0xa000u32), al).unwrap();
        a.inc(ebx).unwrap();
    });
    m.run_to_halt();
    assert_eq!(
        (m.pc(), m.r(BX), m.cpu.sys.dr6 & 15),
        (handler(1) + 1, 0, 2)
    );
}

#[test]
fn expand_down_segments_begin_behind_their_limit() {
    for (off, ok) in [(0xfffu32, false), (0x1000, true)] {
        let mut m = protected("pentium3");
        asm(&mut m, 32, 0x1000, |a| {
            a.mov(eax, DOWN as u32).unwrap();
            a.mov(es, eax).unwrap();
            a.mov(byte_ptr(off).es(), al).unwrap();
            a.int(0x31).unwrap();
        });
        m.run_to_halt();
        assert_eq!(m.pc(), handler(if ok { 0x31 } else { 13 }) + 1);
    }
}

#[test]
fn long_mode_is_entered_and_takes_faults_on_its_stacks() {
    let mut m = protected("max");
    let table = [
        0,
        descriptor(0, 0xf_ffff, 0x9a, 0xa),
        descriptor(0, 0xf_ffff, 0x92, 0xc),
        0,
        0,
        descriptor(TSS as u32, 0x67, 0x89, 0),
        0,
    ];
    for (i, d) in table.iter().enumerate() {
        m.hw.write_bytes(GDT + 8 * i as u64, &d.to_le_bytes());
    }
    m.cpu.sys.tr.attr = 0x8b;
    // Identity by one 2 MiB page.
    for (at, v) in [
        (0x10_0000, 0x10_1003u32),
        (0x10_1000, 0x10_2003),
        (0x10_2000, 0x83),
    ] {
        put32(&mut m, at, v);
    }
    // IST 1 for #UD.
    put32(&mut m, TSS + 36, 0x6fff);
    put32(&mut m, TSS + 40, 0);
    for n in 0..32u64 {
        let mut g = gate(CODE0, handler(n) as u32, 0x8e, 0)
            .to_le_bytes()
            .to_vec();
        g.extend([0; 8]);
        if n == 6 {
            g[4] = 1;
        }
        m.hw.write_bytes(IDT + 16 * n, &g);
    }
    asm(&mut m, 32, 0x1000, |a| {
        a.mov(eax, 0x20u32).unwrap();
        a.mov(cr4, eax).unwrap();
        a.mov(eax, 0x10_0000u32).unwrap();
        a.mov(cr3, eax).unwrap();
        a.mov(ecx, 0xc000_0080u32).unwrap();
        a.xor(edx, edx).unwrap();
        a.mov(eax, 0x100u32).unwrap();
        a.wrmsr().unwrap();
        a.mov(eax, 0x8000_0031u32).unwrap();
        a.mov(cr0, eax).unwrap();
        a.db(&[0xea, 0x00, 0x14, 0x00, 0x00, CODE0 as u8, 0])
            .unwrap();
    });
    asm(&mut m, 64, 0x1400, |a| {
        a.mov(rax, 0x1234_5678_9abc_def0u64).unwrap();
        a.mov(rsp, 0x8008u64).unwrap();
        a.push(rax).unwrap();
        a.pop(r9).unwrap();
        a.ud2().unwrap();
    });
    m.run_to_halt();
    assert_eq!(m.pc(), handler(6) + 1);
    assert_eq!(m.r(9), 0x1234_5678_9abc_def0);
    assert_eq!(m.r(SP), 0x6ff0 - 40);
    assert_eq!(get32(&m, m.r(SP) + 24), 0x8008);
    assert_ne!(m.cpu.sys.efer & 0x400, 0);
}

#[test]
fn save_and_load_are_one_state() {
    let mut m = protected("max");
    m.cpu.sys.dr[2] = 77;
    m.cpu.sys.lstar = 0x1234_5678_9abc;
    let mut bytes = Vec::new();
    tinamou_ir::guest::Guest::save(&m.cpu, &mut bytes);
    let mut other = Machine::new("max", 0, 0x1000);
    tinamou_ir::guest::Guest::load(&mut other.cpu, &bytes).unwrap();
    assert_eq!(other.cpu.sys, m.cpu.sys);
    assert!(tinamou_ir::guest::Guest::load(&mut other.cpu, &bytes[..20]).is_err());
}
