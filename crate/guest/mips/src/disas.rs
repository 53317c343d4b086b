//! Disassembly and the register dump.

use std::fmt::Write;

use tinamou_ir::guest::{Guest, State};

use crate::Mips;
use crate::cp0::status::CU1;
use crate::decode::{Word, decode};
use crate::regs::GPR_NAMES;

const CONDITIONS: [&str; 16] = [
    "f", "un", "eq", "ueq", "olt", "ult", "ole", "ule", "sf", "ngle", "seq", "ngl", "lt", "nge",
    "le", "ngt",
];

/// The text of one instruction at `pc`.
pub fn text(word: u32, pc: u64) -> String {
    match word {
        0 => return "nop".into(),
        0x40 => return "ssnop".into(),
        0xc0 => return "ehb".into(),
        _ => {}
    }
    let Some(p) = decode(word) else {
        return format!(".word {word:#010x}");
    };
    let w = Word(word);
    let name = p
        .name
        .replace(".C.", &format!(".{}.", CONDITIONS[(word & 15) as usize]));
    if p.operands.is_empty() {
        return name;
    }
    let ops: Vec<String> = p
        .operands
        .split(',')
        .filter_map(|o| operand(o, w, pc))
        .collect();
    format!("{name:<7} {}", ops.join(", "))
}

/// Letters: s t d general registers; S T D R FPU registers; a shift amount; i u immediates; b j targets; m and x memory; k K condition codes;
/// c code; h hint; 0 CP0 register; f FPU control register; w hardware register; z field size.
fn operand(letter: &str, w: Word, pc: u64) -> Option<String> {
    let g = |n: usize| Some(GPR_NAMES[n].to_string());
    let f = |n: usize| Some(format!("f{n}"));
    match letter {
        "s" => g(w.rs()),
        "t" => g(w.rt()),
        "d" => g(w.rd()),
        "S" => f(w.fs()),
        "T" => f(w.ft()),
        "D" => f(w.fd()),
        "R" => f(w.fr()),
        "a" => Some(format!("{:#x}", w.sa())),
        "i" => Some(w.simm().to_string()),
        "u" => Some(format!("{:#x}", w.uimm())),
        "b" => Some(format!(
            "{:#x}",
            pc.wrapping_add(4).wrapping_add((w.simm() << 2) as u64)
        )),
        "j" => Some(format!(
            "{:#x}",
            pc.wrapping_add(4) & !0x0fff_ffff | ((w.0 & 0x03ff_ffff) << 2) as u64
        )),
        "m" => Some(format!("{}({})", w.simm(), GPR_NAMES[w.rs()])),
        "x" => Some(format!("{}({})", GPR_NAMES[w.rt()], GPR_NAMES[w.rs()])),
        "k" => (w.cc() != 0).then(|| format!("fcc{}", w.cc())),
        "K" => (w.0 >> 8 & 7 != 0).then(|| format!("fcc{}", w.0 >> 8 & 7)),
        "c" => Some(format!("{:#x}", w.0 >> 6 & 0xf_ffff)),
        "h" => Some(format!("{:#x}", w.rt())),
        "0" => Some(if w.sel() == 0 {
            format!("${}", w.rd())
        } else {
            format!("${}, {}", w.rd(), w.sel())
        }),
        "f" | "w" => Some(format!("${}", w.rd())),
        "z" => Some(format!("{:#x}", w.rd())),
        _ => None,
    }
}

/// Registers as QEMU's `info registers` lays them out; `ds` is followed by the mode word. The FPU's follow when it may be used.
pub fn dump(cpu: &Mips, state: &State) -> String {
    let digits = if cpu.model.wide { 16 } else { 8 };
    let r = &cpu.regs;
    let mut out = String::new();
    let hex = |v: u64| format!("{v:0digits$x}");
    let status = cpu.get(state, r.status) as u32;
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "pc=0x{} HI=0x{} LO=0x{} ds {:04x} {} {}",
        hex(state.pc()),
        hex(cpu.get(state, r.hi)),
        hex(cpu.get(state, r.lo)),
        cpu.mode(state),
        hex(cpu.get(state, r.btarget)),
        cpu.get(state, r.bcond),
    );
    for row in 0..8 {
        let cells: Vec<String> = (row * 4..row * 4 + 4)
            .map(|i| {
                let v = if i == 0 { 0 } else { cpu.get(state, r.gpr[i]) };
                // QEMU's names for two of them.
                let name = match i {
                    0 => "r0",
                    30 => "s8",
                    _ => GPR_NAMES[i],
                };
                format!("{name} {}", hex(v))
            })
            .collect();
        let _ = writeln!(out, "GPR{:02}: {}", row * 4, cells.join(" "));
    }
    let _ = writeln!(
        out,
        "CP0 Status  {status:#010x} Cause   {:#010x} EPC    0x{}",
        cpu.cause(),
        hex(cpu.get(state, r.epc))
    );
    let _ = writeln!(
        out,
        "    Config0 {:#010x} Config1 {:#010x} LLAddr 0x{:016x}",
        cpu.sys.config0,
        cpu.model.config[1],
        cpu.get(state, r.lladdr)
    );
    let _ = writeln!(
        out,
        "    Config2 {:#010x} Config3 {:#010x}",
        cpu.model.config[2], cpu.model.config[3]
    );
    let _ = writeln!(out, "    Config4 0x00000000 Config5 0x00000000");
    if cpu.model.has_fpu() && status & CU1 != 0 {
        let _ = writeln!(
            out,
            "CP1 FCR0 {:#010x}  FCR31 {:#010x}",
            cpu.model.fcr0,
            cpu.fpu(state).fcsr()
        );
        for n in 0..32 {
            let v = cpu.get(state, r.fpr[n]);
            let _ = writeln!(out, "{:>4} w:{:08x} d:{v:016x}", format!("f{n}:"), v as u32);
        }
    }
    out
}

/// The TLB, an entry per line.
pub fn tlb(cpu: &Mips) -> String {
    let digits = if cpu.model.wide { 16 } else { 8 };
    let mut out = String::new();
    for (n, e) in cpu.sys.mmu.entries.iter().enumerate() {
        let _ = write!(
            out,
            "{n:2}: vpn2=0x{:0digits$x} mask=0x{:08x} asid={:02x}{}",
            e.vpn,
            e.mask,
            e.asid,
            if e.g { " g" } else { "  " }
        );
        for h in &e.half {
            let flag = |on, letter| if on { letter } else { '-' };
            let (v, d) = (flag(h.v, 'v'), flag(h.d, 'd'));
            let _ = write!(out, "  pa=0x{:09x} c={} {v}{d}", h.pa, h.c);
        }
        out.push('\n');
    }
    out
}
