//! The FPU's part of the vCPU state, and instructions done on it in software.
//!
//! In FP fast and exact mode ([`fcsr::speed`]) generated code does not compute Cause: it records the last operation (its word and its operand
//! registers), and Cause is worked out when FCSR is read. Flags that the rare software path raises there are gathered in a slot that no
//! generated code names, so that the call needs no registers written back. [`Slots::fcsr`] is the one way to read FCSR.

use tinamou_ir::guest::State;
use tinamou_ir::{Slot, SlotTable, Type};

use super::fcsr;
use super::insn::Insn;
use super::op::{Fmt, Kind, Op};
use super::soft::eval;

/// [`Slots::last`]: Cause is in the `fcr31` slot.
pub const LAST_NONE: u32 = 0;
/// [`Slots::last`]: Cause is 0.
pub const LAST_CLEAN: u32 = 1;
/// Set in a recorded word (over the top bit of its opcode) when Status.FR was 1.
pub const LAST_FR1: u32 = 1 << 31;

/// The FPU's hidden slots.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The last operation of fast mode (i32): [`LAST_NONE`], [`LAST_CLEAN`], or its word.
    pub last: Slot,
    /// Registers fs, ft and fr before it (f64, whole slots).
    pub operand: [Slot; 3],
    /// Flags raised since FCSR was last written (i32). Never named by generated code: always in memory.
    pub raised: Slot,
}

/// The slots that this module works on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The vCPU's state.
    pub state: &'a State,
    /// Its slots.
    pub table: &'a SlotTable,
    /// FCSR, less what the hidden slots hold.
    pub fcr31: Slot,
    /// FPU registers.
    pub fpr: &'a [Slot; 32],
    /// Hidden slots.
    pub hidden: &'a Slots,
}

impl Slots {
    /// Appends the slots.
    pub fn new(table: &mut SlotTable) -> Slots {
        Slots {
            last: table.push("fp_last", Type::I32),
            raised: table.push("fp_raised", Type::I32),
            operand: ["fp_last_s", "fp_last_t", "fp_last_r"]
                .map(|name| table.push(name, Type::F64)),
        }
    }
}

/// The part of a register slot that holds an operand in `fmt`.
fn operand(fmt: Fmt, fr1: bool, reg: usize, slot: u64) -> u64 {
    match fmt {
        Fmt::S | Fmt::W if !fr1 && reg & 1 != 0 => slot >> 32,
        Fmt::S | Fmt::W => slot & 0xffff_ffff,
        _ => slot,
    }
}

impl View<'_> {
    fn get(&self, slot: Slot) -> u64 {
        self.state.slot(self.table, slot)
    }

    fn set(&self, slot: Slot, bits: u64) {
        self.state.set_slot(self.table, slot, bits);
    }

    /// The slot that register `reg` lies in.
    fn home(&self, reg: usize, fr1: bool) -> Slot {
        self.fpr[if fr1 { reg } else { reg & !1 }]
    }

    /// FCSR, except that its Cause field may be stale.
    pub fn control(&self) -> u32 {
        self.get(self.fcr31) as u32 | (self.get(self.hidden.raised) as u32) << fcsr::FLAGS_SHIFT
    }

    /// FCSR, with Cause and Flags as they would be had every operation been done in software.
    pub fn fcsr(&self) -> u32 {
        let base = self.control();
        let last = self.get(self.hidden.last) as u32;
        match last {
            LAST_NONE => base,
            LAST_CLEAN => base & !fcsr::CAUSE,
            word => {
                let fr1 = word & LAST_FR1 != 0;
                let Some((insn, op)) =
                    Insn::decode(word & !LAST_FR1).and_then(|i| Some((i, i.op()?)))
                else {
                    return base;
                };
                let [a, b, c] = self.hidden.operand.map(|s| self.get(s));
                let a = operand(insn.fmt, fr1, insn.fs, a);
                let b = operand(insn.fmt, fr1, insn.ft, b);
                let c = operand(insn.fmt, fr1, insn.fr, c);
                base & !fcsr::CAUSE | eval(op, 0, a, b, c).cause << fcsr::CAUSE_SHIFT
            }
        }
    }

    /// Sets FCSR.
    pub fn set_fcsr(&self, v: u32) {
        self.set(self.fcr31, v.into());
        self.set(self.hidden.raised, 0);
        self.set(self.hidden.last, LAST_NONE.into());
    }

    /// CFC1; 0 from registers that are not there.
    pub fn cfc1(&self, reg: u32, fir: u32) -> u32 {
        fcsr::read(reg, self.fcsr(), fir).unwrap_or(0)
    }

    /// CTC1. The mode word may have changed.
    ///
    /// # Errors
    /// FCSR as it must be set when the floating-point exception is raised: a Cause bit was written that is enabled.
    pub fn ctc1(&self, reg: u32, v: u32) -> Result<(), u32> {
        let new = fcsr::written(reg, self.fcsr(), v);
        if fcsr::traps(new) {
            return Err(new);
        }
        self.set_fcsr(new);
        Ok(())
    }

    /// Does the computing instruction `word` in software.
    ///
    /// # Errors
    /// FCSR as it must be set when the floating-point exception is raised; nothing else changes.
    pub fn execute(&self, word: u32, fr1: bool) -> Result<(), u32> {
        let Some((insn, op)) = Insn::decode(word).and_then(|i| Some((i, i.op()?))) else {
            return Ok(());
        };
        let read = |reg| operand(insn.fmt, fr1, reg, self.get(self.home(reg, fr1)));
        let old = self.fcsr();
        let outcome = eval(op, old, read(insn.fs), read(insn.ft), read(insn.fr));
        let (mut new, trap) = outcome.apply(old);
        if trap {
            return Err(new);
        }
        match insn.result() {
            None => new = with_answers(new, op, insn.cc, outcome.bits),
            Some(fmt) => self.write(fmt, insn.fd, fr1, outcome.bits),
        }
        self.set_fcsr(new);
        Ok(())
    }

    fn write(&self, fmt: Fmt, reg: usize, fr1: bool, bits: u64) {
        let home = self.home(reg, fr1);
        let bits = match fmt {
            Fmt::S | Fmt::W if !fr1 && reg & 1 != 0 => bits << 32 | self.get(home) & 0xffff_ffff,
            Fmt::S | Fmt::W => bits & 0xffff_ffff | self.get(home) >> 32 << 32,
            _ => bits,
        };
        self.set(home, bits);
    }

    /// The rare operation of fast mode: default rounding, nothing enabled. Flags are gathered; Cause is on record.
    pub fn rare(&self, op: u32, a: u64, b: u64) -> u64 {
        let Some(op) = Op::unpack(op) else { return 0 };
        let outcome = eval(op, 0, a, b, 0);
        let raised = self.get(self.hidden.raised);
        self.set(self.hidden.raised, raised | u64::from(outcome.cause));
        outcome.bits
    }
}

/// FCSR with the answers of a comparison in condition code `cc`, and for pairs in the next one too.
fn with_answers(v: u32, op: Op, cc: u32, answers: u64) -> u32 {
    debug_assert!(matches!(op.kind, Kind::Cmp(_)));
    let put = |v: u32, cc: u32, answer: u64| {
        v & !(1 << fcsr::fcc_bit(cc)) | (answer as u32 & 1) << fcsr::fcc_bit(cc)
    };
    let v = put(v, cc, answers);
    if op.fmt == Fmt::Ps {
        put(v, cc | 1, answers >> 1)
    } else {
        v
    }
}
