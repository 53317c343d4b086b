//! What monitors show of the CPU: registers, page tables, and the ranges that they map, laid out as QEMU's `info registers`, `info tlb`
//! and `info mem`.

use std::fmt::Write;

use tinamou_core::PhysBus;
use tinamou_ir::guest::State;

use crate::X86;
use crate::mmu::Leaf;
use crate::regs::{AX, BP, BX, CX, DI, DX, GPR_NAMES, SEG_NAMES, SI, SP};
use crate::seg::{A, C, CODE, D, L, P, S, Seg, W};
use crate::sys::Table;

/// QEMU's order.
const ORDER: [usize; 8] = [AX, BX, CX, DX, SI, DI, BP, SP];
/// Names of system segments by type, outside long mode.
const SYSTEM: [&str; 16] = [
    "Reserved",
    "TSS16-avl",
    "LDT",
    "TSS16-busy",
    "CallGate16",
    "TaskGate",
    "IntGate16",
    "TrapGate16",
    "Reserved",
    "TSS32-avl",
    "Reserved",
    "TSS32-busy",
    "CallGate32",
    "Reserved",
    "IntGate32",
    "TrapGate32",
];

/// What a segment's rights say.
fn kind(attr: u32, long: bool) -> String {
    let mark = |bit: u32, c: char| if attr & bit != 0 { c } else { '-' };
    if attr & S == 0 {
        let name = SYSTEM[(attr & 15) as usize];
        return if long {
            name.replace("32", "64")
        } else {
            name.into()
        };
    }
    if attr & CODE != 0 {
        let width = match (attr & L != 0, attr & D != 0) {
            (true, _) => 64,
            (_, true) => 32,
            _ => 16,
        };
        return format!(
            "CS{width} [{}{}{}]",
            mark(C, 'C'),
            mark(W, 'R'),
            mark(A, 'A')
        );
    }
    let name = if attr & D != 0 { "DS  " } else { "DS16" };
    format!("{name} [{}{}{}]", mark(C, 'E'), mark(W, 'W'), mark(A, 'A'))
}

/// All registers.
pub fn registers(cpu: &X86, state: &State) -> String {
    let mut out = String::new();
    let long = cpu.code64(state);
    let digits = if long { 16 } else { 8 };
    let s = &cpu.sys;
    let gpr = |n: usize| cpu.get(state, cpu.regs.gpr[n]);
    // Writing to a String does not fail.
    for (i, n) in ORDER.into_iter().chain(8..16).enumerate() {
        if n >= 8 && !long {
            break;
        }
        let name = match (n, long) {
            (8.., _) => format!("R{n}"),
            (_, true) => format!("R{}", GPR_NAMES[n].to_ascii_uppercase()),
            _ => format!("E{}", GPR_NAMES[n].to_ascii_uppercase()),
        };
        let end = if i % 4 == 3 { '\n' } else { ' ' };
        let v = gpr(n) & (u64::MAX >> (64 - 4 * digits));
        let _ = write!(out, "{name:<3}={v:0digits$x}{end}");
    }
    let flags = cpu.eflags(state);
    let letters: String = [
        (10, 'D'),
        (11, 'O'),
        (7, 'S'),
        (6, 'Z'),
        (4, 'A'),
        (2, 'P'),
        (0, 'C'),
    ]
    .iter()
    .map(|(bit, c)| if flags >> bit & 1 != 0 { *c } else { '-' })
    .collect();
    let prefix = if long { 'R' } else { 'E' };
    let _ = writeln!(
        out,
        "{prefix}IP={:0digits$x} {prefix}FL={flags:08x} [{letters}] CPL={} II={} A20={} SMM=0 HLT={}",
        cpu.ip_of(state, state.pc()),
        s.cpl,
        u32::from(cpu.get(state, cpu.regs.shadow) != 0),
        u32::from(!s.a20_off),
        u32::from(s.halted)
    );
    let mut segment = |name: &str, seg: &Seg| {
        let _ = write!(
            out,
            "{name:<3}={:04x} {:0digits$x} {:08x} {:08x}",
            seg.sel,
            seg.base,
            seg.limit,
            seg.attr << 8
        );
        if cpu.pe() && seg.attr & P != 0 {
            let text = kind(seg.attr, cpu.lma());
            let _ = write!(out, " DPL={} {text}", seg.attr >> 5 & 3);
        }
        out.push('\n');
    };
    for (n, name) in SEG_NAMES.iter().enumerate() {
        segment(&name.to_ascii_uppercase(), &cpu.seg(state, n));
    }
    segment("LDT", &s.ldtr);
    segment("TR", &s.tr);
    let digits = if cpu.lma() { 16 } else { 8 };
    for (name, Table { base, limit }) in [("GDT", s.gdt), ("IDT", s.idt)] {
        let _ = writeln!(out, "{name}=     {base:0digits$x} {limit:08x}");
    }
    let _ = writeln!(
        out,
        "CR0={:08x} CR2={:0digits$x} CR3={:0digits$x} CR4={:08x}",
        s.cr0, s.cr2, s.cr3, s.cr4
    );
    for (n, v) in s.dr.iter().enumerate() {
        let _ = write!(out, "DR{n}={v:0digits$x} ");
    }
    let _ = writeln!(out, "\nDR6={:0digits$x} DR7={:0digits$x}", s.dr6, s.dr7);
    let _ = writeln!(out, "EFER={:016x}", s.efer);
    let f = &cpu.fpu;
    let _ = writeln!(
        out,
        "FCW={:04x} FSW={:04x} [ST={}] FTW={:02x} MXCSR={:08x}",
        f.cw,
        f.status(),
        f.top,
        f.full,
        f.mxcsr
    );
    let pair = |n: usize| if n % 2 == 1 { '\n' } else { ' ' };
    for (n, r) in f.regs.iter().enumerate() {
        let _ = write!(
            out,
            "FPR{n}={:016x} {:04x}{}",
            r.mantissa,
            r.sign_exp,
            pair(n)
        );
    }
    for (n, slot) in cpu
        .regs
        .xmm
        .iter()
        .enumerate()
        .take(if long { 16 } else { 8 })
    {
        let v = cpu.get128(state, *slot);
        let (low, high) = (v as u64, (v >> 64) as u64);
        let _ = write!(out, "XMM{n:02}={high:016x} {low:016x}{}", pair(n));
    }
    out
}

const OFF: &str = "PG disabled\n";

/// Every page that is mapped, a line each.
pub fn pages(cpu: &X86, state: &State, bus: &mut dyn PhysBus) -> String {
    let Some(leaves) = cpu.leaves(state, bus) else {
        return OFF.into();
    };
    let mut out = String::new();
    for leaf in leaves {
        let _ = write!(out, "{:016x}: {:016x} ", leaf.va, leaf.pa);
        let e = leaf.entry;
        // NX, global, large, dirty, accessed, PCD, PWT, user, writable.
        let bits = [
            (e >> 63 & 1 != 0, 'X'),
            (e & 1 << 8 != 0, 'G'),
            (leaf.bytes > 4096, 'P'),
            (e & 1 << 6 != 0, 'D'),
            (e & 1 << 5 != 0, 'A'),
            (e & 1 << 4 != 0, 'C'),
            (e & 1 << 3 != 0, 'T'),
            (e & 1 << 2 != 0, 'U'),
            (e & 1 << 1 != 0, 'W'),
        ];
        out.extend(bits.map(|(on, c)| if on { c } else { '-' }));
        out.push('\n');
    }
    out
}

/// Ranges that are mapped with the same rights.
pub fn ranges(cpu: &X86, state: &State, bus: &mut dyn PhysBus) -> String {
    let Some(leaves) = cpu.leaves(state, bus) else {
        return OFF.into();
    };
    let mut out = String::new();
    let mut line = |first: u64, end: u64, rights: u64| {
        let mark = |bit: u64, c: char| if rights & bit != 0 { c } else { '-' };
        let _ = writeln!(
            out,
            "{first:016x}-{end:016x} {:016x} {}r{}",
            end.wrapping_sub(first),
            mark(4, 'u'),
            mark(2, 'w')
        );
    };
    let mut open: Option<(u64, u64, u64)> = None;
    for Leaf {
        va, bytes, rights, ..
    } in leaves
    {
        let rights = rights & 6;
        match &mut open {
            Some((_, end, r)) if *end == va && *r == rights => *end = va.wrapping_add(bytes),
            _ => {
                if let Some((first, end, r)) = open.take() {
                    line(first, end, r);
                }
                open = Some((va, va.wrapping_add(bytes), rights));
            }
        }
    }
    if let Some((first, end, r)) = open {
        line(first, end, r);
    }
    out
}
