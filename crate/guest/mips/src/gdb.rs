//! Registers as gdb numbers them, and addresses as a debugger translates them.
//!
//! Numbers 0 to 71 are gdb's own for MIPS, in its standard features `org.gnu.gdb.mips.cpu`, `cp0` and `fpu` (The GNU debugger's manual,
//! "MIPS Features"); all are as wide as a general register. With Status.FR = 0, or on a 32-bit CPU, a floating-point register
//! shows its single. From [`EXTRA`] on there are further CP0 registers in a feature of ours.
//!
//! Missing: DSP, shadow sets, odd halves of 64-bit FPU registers on 32-bit CPUs.

use std::fmt::Write;

use tinamou_core::Gpa;
use tinamou_ir::guest::{Cx, DebugDescription, State};

use crate::Mips;
use crate::cp0::{id, slot_of, status};
use crate::fpu::fcsr;
use crate::mode::KERNEL;

const STATUS: u32 = 32;
const LO: u32 = 33;
const HI: u32 = 34;
const BADVADDR: u32 = 35;
const CAUSE: u32 = 36;
const PC: u32 = 37;
const FPR: u32 = 38;
const FCSR: u32 = 70;
const FIR: u32 = 71;
/// First number of the further CP0 registers; gdb's own end at 79.
const EXTRA: u32 = 96;

/// Further CP0 registers: name and register * 8 + select.
const CP0: [(&str, u32); 18] = [
    ("index", id::INDEX),
    ("random", id::RANDOM),
    ("entrylo0", id::ENTRYLO0),
    ("entrylo1", id::ENTRYLO1),
    ("context", id::CONTEXT),
    ("userlocal", id::USERLOCAL),
    ("pagemask", id::PAGEMASK),
    ("wired", id::WIRED),
    ("hwrena", id::HWRENA),
    ("count", id::COUNT),
    ("entryhi", id::ENTRYHI),
    ("compare", id::COMPARE),
    ("intctl", id::INTCTL),
    ("epc", id::EPC),
    ("prid", id::PRID),
    ("ebase", id::EBASE),
    ("config", id::CONFIG),
    ("errorepc", id::ERROREPC),
];

impl Mips {
    fn debug_bytes(&self) -> usize {
        if self.model.wide { 8 } else { 4 }
    }

    pub(crate) fn describe(&self) -> DebugDescription {
        let bits = 8 * self.debug_bytes();
        let (arch, float) = if self.model.wide {
            ("mips:isa64r2", "ieee_double")
        } else {
            ("mips:isa32r2", "ieee_single")
        };
        let mut xml = format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n<architecture>{arch}</architecture>\n"
        );
        let mut numbers = Vec::new();
        let mut feature = |name: &str, regs: &[(String, u32, &str)]| {
            // Writing to a string cannot fail.
            let _ = writeln!(xml, "<feature name=\"{name}\">");
            for (reg, number, more) in regs {
                let _ = writeln!(
                    xml,
                    "<reg name=\"{reg}\" bitsize=\"{bits}\" regnum=\"{number}\"{more}/>"
                );
                numbers.push(*number);
            }
            xml.push_str("</feature>\n");
        };
        let mut cpu: Vec<_> = (0..32).map(|n| (format!("r{n}"), n, "")).collect();
        cpu.extend([("lo", LO, ""), ("hi", HI, ""), ("pc", PC, "")].map(own));
        feature("org.gnu.gdb.mips.cpu", &cpu);
        let cp0 = [
            ("status", STATUS, ""),
            ("badvaddr", BADVADDR, ""),
            ("cause", CAUSE, ""),
        ];
        feature("org.gnu.gdb.mips.cp0", &cp0.map(own));
        let float = format!(" type=\"{float}\"");
        let mut fpu: Vec<_> = (0..32)
            .map(|n| (format!("f{n}"), FPR + n, float.as_str()))
            .collect();
        let group = " group=\"float\"";
        fpu.extend([("fcsr", FCSR, group), ("fir", FIR, group)].map(own));
        feature("org.gnu.gdb.mips.fpu", &fpu);
        let extra: Vec<_> = (EXTRA..)
            .zip(&CP0)
            .map(|(n, (name, _))| own((name, n, " group=\"system\"")))
            .collect();
        feature("org.tinamou.mips.cp0", &extra);
        xml.push_str("</target>\n");
        numbers.sort_unstable();
        DebugDescription {
            xml,
            numbers,
            pc: PC,
        }
    }

    fn fr(&self, state: &State) -> bool {
        self.get(state, self.regs.status) as u32 & status::FR != 0
    }

    pub(crate) fn read_register(&mut self, cx: &mut dyn Cx, number: u32) -> Option<Vec<u8>> {
        let state = cx.state().clone();
        let r = self.regs.clone();
        let sext = |v: u32| v as i32 as u64;
        let v = match number {
            0..32 => self.get(&state, r.gpr[number as usize]),
            STATUS => sext(self.get(&state, r.status) as u32),
            LO => self.get(&state, r.lo),
            HI => self.get(&state, r.hi),
            BADVADDR => self.get(&state, r.badvaddr),
            CAUSE => sext(self.cause()),
            PC => state.pc(),
            FPR..FCSR => {
                let n = (number - FPR) as usize;
                if self.fr(&state) {
                    self.get(&state, r.fpr[n])
                } else {
                    self.get(&state, r.fpr[n & !1]) >> (32 * (n & 1)) & 0xffff_ffff
                }
            }
            FCSR => self.fpu(&state).fcsr() as u64,
            FIR => self.model.fcr0 as u64,
            _ => {
                let &(_, id) = CP0.get(number.checked_sub(EXTRA)? as usize)?;
                match slot_of(&self.model, &r, id) {
                    Some((slot, _)) => self.get(&state, slot),
                    None => sext(self.read_cp0(cx, id) as u32),
                }
            }
        };
        let bytes = self.debug_bytes();
        Some(if self.big_endian {
            v.to_be_bytes()[8 - bytes..].to_vec()
        } else {
            v.to_le_bytes()[..bytes].to_vec()
        })
    }

    pub(crate) fn write_register(&mut self, cx: &mut dyn Cx, number: u32, data: &[u8]) -> bool {
        let bytes = self.debug_bytes();
        if data.len() != bytes {
            return false;
        }
        let fold = |v: u64, b: &u8| v << 8 | *b as u64;
        let v = if self.big_endian {
            data.iter().fold(0, fold)
        } else {
            data.iter().rev().fold(0, fold)
        };
        let state = cx.state().clone();
        let r = self.regs.clone();
        match number {
            0 => {}
            1..32 => self.set(&state, r.gpr[number as usize], v),
            STATUS => self.write_status(cx, v as u32),
            LO => self.set(&state, r.lo, v),
            HI => self.set(&state, r.hi, v),
            BADVADDR => self.set(&state, r.badvaddr, v),
            CAUSE => self.write_cp0(cx, id::CAUSE, v),
            // Bit 0 would be the mode of MIPS16e.
            PC => state.set_pc(self.va(v & !1)),
            FPR..FCSR => {
                let n = (number - FPR) as usize;
                if self.fr(&state) && self.model.wide {
                    self.set(&state, r.fpr[n], v);
                } else {
                    let (slot, shift) = if self.fr(&state) {
                        (r.fpr[n], 0)
                    } else {
                        (r.fpr[n & !1], 32 * (n & 1))
                    };
                    let old = self.get(&state, slot) & !(0xffff_ffff << shift);
                    self.set(&state, slot, old | (v & 0xffff_ffff) << shift);
                }
            }
            FCSR => {
                let fpu = self.fpu(&state);
                fpu.set_fcsr(fcsr::written(31, fpu.fcsr(), v as u32));
            }
            FIR => {}
            _ => {
                let found = number
                    .checked_sub(EXTRA)
                    .and_then(|n| CP0.get(n as usize))
                    .copied();
                let Some((_, id)) = found else { return false };
                match slot_of(&self.model, &r, id) {
                    Some((slot, Some(mask))) => {
                        let old = self.get(&state, slot);
                        self.set(&state, slot, old & !mask | v & mask);
                    }
                    _ => self.write_cp0(cx, id, v),
                }
            }
        }
        true
    }

    /// As a load at the pc would find it; where that may not go, as the kernel would.
    pub(crate) fn debug_gpa(&self, state: &State, va: u64) -> Option<Gpa> {
        let va = self.va(va);
        [self.mmu_now(state), KERNEL]
            .into_iter()
            .find_map(|mmu| self.peek(state, va, mmu).ok())
            .map(Gpa)
    }
}

fn own<'a>((name, number, more): (&str, u32, &'a str)) -> (String, u32, &'a str) {
    (name.to_owned(), number, more)
}
