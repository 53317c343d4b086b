//! Register dumps and disassembly.

use std::fmt::Write;

use iced_x86::{FastFormatter, Instruction};
use tinamou_ir::guest::State;

use crate::X86;
use crate::regs::{GPR_NAMES, SEG_NAMES};

/// One instruction's text, in Intel's syntax.
pub fn text(insn: &Instruction) -> String {
    let mut out = String::new();
    FastFormatter::new().format(insn, &mut out);
    out
}

/// Registers in the manner of QEMU's `info registers`.
pub fn dump(cpu: &X86, state: &State) -> String {
    let mut out = String::new();
    let (prefix, digits, count) = if cpu.wide { ("R", 16, 16) } else { ("E", 8, 8) };
    let line = |n: usize| if (n + 1).is_multiple_of(4) { '\n' } else { ' ' };
    for (n, name) in GPR_NAMES.iter().enumerate().take(count) {
        let prefix = if n < 8 { prefix } else { "R" };
        let name = format!("{prefix}{}", name.to_uppercase());
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "{name:<3}={:0digits$x}{}",
            cpu.get(state, cpu.regs.gpr[n]),
            line(n)
        );
    }
    let pc = state.pc();
    let _ = writeln!(
        out,
        "{prefix}IP={:0digits$x} {prefix}FL={:08x} CPL={} HLT={}",
        cpu.ip_of(state, pc),
        cpu.eflags(state),
        cpu.sys.cpl,
        cpu.sys.halted as u32
    );
    for (n, name) in SEG_NAMES.iter().enumerate() {
        let s = cpu.seg(state, n);
        let _ = writeln!(
            out,
            "{} ={:04x} {:0digits$x} {:08x} {:08x}",
            name.to_uppercase(),
            s.sel,
            s.base,
            s.limit,
            s.attr << 8
        );
    }
    let s = &cpu.sys;
    let _ = writeln!(
        out,
        "LDT={:04x} {:0digits$x} {:08x} {:08x}",
        s.ldtr.sel,
        s.ldtr.base,
        s.ldtr.limit,
        s.ldtr.attr << 8
    );
    let _ = writeln!(
        out,
        "TR ={:04x} {:0digits$x} {:08x} {:08x}",
        s.tr.sel,
        s.tr.base,
        s.tr.limit,
        s.tr.attr << 8
    );
    let _ = writeln!(out, "GDT=     {:0digits$x} {:08x}", s.gdt.base, s.gdt.limit);
    let _ = writeln!(out, "IDT=     {:0digits$x} {:08x}", s.idt.base, s.idt.limit);
    let _ = writeln!(
        out,
        "CR0={:08x} CR2={:0digits$x} CR3={:0digits$x} CR4={:08x}",
        s.cr0, s.cr2, s.cr3, s.cr4
    );
    let _ = writeln!(out, "DR6={:08x} DR7={:08x} EFER={:x}", s.dr6, s.dr7, s.efer);
    out
}
