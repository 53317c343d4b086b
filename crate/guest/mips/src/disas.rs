//! Disassembly and the register dump.

use std::fmt::Write;

use tinamou_ir::guest::State;

use crate::Mips;
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

/// Registers in the manner of QEMU's `info registers`.
pub fn dump(cpu: &Mips, state: &State) -> String {
    let digits = if cpu.model.wide { 16 } else { 8 };
    let r = &cpu.regs;
    let mut out = String::new();
    let hex = |v: u64| format!("{v:0digits$x}");
    let _ = writeln!(
        out,
        "pc={} HI={} LO={} bcond={} btarget={}",
        hex(state.pc()),
        hex(cpu.get(state, r.hi)),
        hex(cpu.get(state, r.lo)),
        cpu.get(state, r.bcond),
        hex(cpu.get(state, r.btarget))
    );
    for row in 0..8 {
        let cells: Vec<String> = (row * 4..row * 4 + 4)
            .map(|i| {
                format!(
                    "GPR{i:02} {} {}",
                    GPR_NAMES[i],
                    hex(if i == 0 { 0 } else { cpu.get(state, r.gpr[i]) })
                )
            })
            .collect();
        let _ = writeln!(out, "{}", cells.join("  "));
    }
    let _ = writeln!(
        out,
        "CP0 Status  {:#010x} Cause   {:#010x} EPC    {}",
        cpu.get(state, r.status),
        cpu.cause(),
        hex(cpu.get(state, r.epc))
    );
    let _ = writeln!(
        out,
        "    Config0 {:#010x} Config1 {:#010x} BadVAddr {} EntryHi {}",
        cpu.sys.config0,
        cpu.model.config[1],
        hex(cpu.get(state, r.badvaddr)),
        hex(cpu.get(state, r.entryhi))
    );
    if cpu.model.has_fpu() {
        let _ = writeln!(out, "FCSR {:#010x}", cpu.fpu(state).fcsr());
        for row in 0..8 {
            let cells: Vec<String> = (row * 4..row * 4 + 4)
                .map(|i| format!("f{i:02} {:016x}", cpu.get(state, r.fpr[i])))
                .collect();
            let _ = writeln!(out, "{}", cells.join("  "));
        }
    }
    out
}
