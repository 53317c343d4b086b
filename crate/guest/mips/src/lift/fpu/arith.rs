//! FPU instructions that compute, and moves between FPU registers (vol. II-A, COP1 with a format, and COP1X).
//!
//! Outside FP fast and exact mode every computing instruction is one call of [`helpers::FP_SLOW`], which may trap. In fast mode see `fast`.

use tinamou_ir::Val;

use super::super::Lifter;
use super::fast;
use crate::decode::Word;
use crate::fpu::Fmt;
use crate::fpu::insn::{Insn, What};
use crate::{fault, helpers};

/// Lifts a computing instruction, or a move between FPU registers. What does not fit into 32-bit FPU registers (Status.FR = 0) is reserved.
pub fn lift(l: &mut Lifter<'_>, w: Word) {
    match Insn::decode(w.0) {
        Some(insn) if l.mode.fr() || !insn.reserved_fr0() => l.fpu_insn(&insn, w.0),
        _ => l.b.raise(fault::RI),
    }
}

impl Lifter<'_> {
    fn fpu_insn(&mut self, insn: &Insn, word: u32) {
        match insn.what {
            What::Compute(kind) if self.mode.fpu_fast() => fast::lift(self, insn, kind, word),
            What::Compute(_) => {
                let word = self.b.i32(word);
                let fr1 = self.b.i32(self.mode.fr().into());
                self.b.call(helpers::FP_SLOW, &[word, fr1]);
            }
            What::Abs | What::Neg => self.sign(insn),
            What::Mov => self.copy(insn, None),
            What::MovIf(wanted) => self.move_if(insn, wanted),
            What::MovZero(zero) => {
                let gpr = self.x(insn.ft);
                let is_zero = self.b.eqz(gpr);
                let c = if zero { is_zero } else { self.b.eqz(is_zero) };
                self.copy(insn, Some(c));
            }
            What::Pair(upper, lower) => {
                let high = self.half(insn.fs, upper);
                let low = self.half(insn.ft, lower);
                self.set_pair(insn.fd, high, low);
            }
            What::Align => self.align(insn),
        }
    }

    /// The whole slot of a register, as f64.
    pub fn fpr(&mut self, n: usize) -> Val {
        let n = if self.mode.fr() { n } else { n & !1 };
        self.b.get(self.cpu.regs.fpr[n])
    }

    /// Writes the whole slot of a register (f64).
    pub fn set_fpr(&mut self, n: usize, v: Val) {
        let n = if self.mode.fr() { n } else { n & !1 };
        self.b.set(self.cpu.regs.fpr[n], v);
    }

    /// The upper or lower 32 bits of a 64-bit register.
    pub fn half(&mut self, n: usize, upper: bool) -> Val {
        let mut v = self.fpr64(n);
        if upper {
            let n = self.b.i64(32);
            v = self.b.shr(v, n);
        }
        self.b.wrap(v)
    }

    /// Writes a pair of i32.
    pub fn set_pair(&mut self, n: usize, high: Val, low: Val) {
        let (high, low) = (self.b.ext_u(high), self.b.ext_u(low));
        let k = self.b.i64(32);
        let high = self.b.shl(high, k);
        let all = self.b.or(high, low);
        self.set_fpr64(n, all);
    }

    /// ABS and NEG: no exception, no Cause.
    fn sign(&mut self, insn: &Insn) {
        let flip = insn.what == What::Neg;
        match insn.fmt {
            Fmt::S => {
                let v = self.fpr32(insn.fs);
                let mask = self.b.i32(if flip { 0x8000_0000 } else { 0x7fff_ffff });
                let v = if flip {
                    self.b.xor(v, mask)
                } else {
                    self.b.and(v, mask)
                };
                self.set_fpr32(insn.fd, v);
            }
            Fmt::Ps => {
                let v = self.fpr64(insn.fs);
                let mask = self.b.i64(if flip {
                    0x8000_0000_8000_0000
                } else {
                    0x7fff_ffff_7fff_ffff
                });
                let v = if flip {
                    self.b.xor(v, mask)
                } else {
                    self.b.and(v, mask)
                };
                self.set_fpr64(insn.fd, v);
            }
            _ => {
                let v = self.fpr(insn.fs);
                let v = if flip { self.b.fneg(v) } else { self.b.fabs(v) };
                self.set_fpr(insn.fd, v);
            }
        }
    }

    /// fd = fs, if `c`.
    fn copy(&mut self, insn: &Insn, c: Option<Val>) {
        if insn.fmt == Fmt::S {
            let mut v = self.fpr32(insn.fs);
            if let Some(c) = c {
                let old = self.fpr32(insn.fd);
                v = self.b.select(c, v, old);
            }
            self.set_fpr32(insn.fd, v);
        } else {
            let mut v = self.fpr(insn.fs);
            if let Some(c) = c {
                let old = self.fpr(insn.fd);
                v = self.b.select(c, v, old);
            }
            self.set_fpr(insn.fd, v);
        }
    }

    /// MOVF and MOVT; for pairs each half has its own condition code.
    fn move_if(&mut self, insn: &Insn, wanted: bool) {
        let test = |l: &mut Self, cc| {
            let c = l.fcc(cc);
            if wanted { c } else { l.b.eqz(c) }
        };
        let c = test(self, insn.cc);
        if insn.fmt != Fmt::Ps {
            return self.copy(insn, Some(c));
        }
        let c_high = test(self, insn.cc | 1);
        let choose = |l: &mut Self, c, upper| {
            let (new, old) = (l.half(insn.fs, upper), l.half(insn.fd, upper));
            l.b.select(c, new, old)
        };
        let low = choose(self, c, false);
        let high = choose(self, c_high, true);
        self.set_pair(insn.fd, high, low);
    }

    /// ALNV.PS; a byte offset other than 0 and 4 (unpredictable) changes nothing.
    fn align(&mut self, insn: &Insn) {
        let base = self.x(insn.fr);
        let base = self.low(base);
        let seven = self.b.i32(7);
        let offset = self.b.and(base, seven);
        let (first, second) = if self.big_endian() {
            (insn.fs, insn.ft)
        } else {
            (insn.ft, insn.fs)
        };
        let high = self.half(first, false);
        let low = self.half(second, true);
        let (high, low) = (self.b.ext_u(high), self.b.ext_u(low));
        let n = self.b.i64(32);
        let high = self.b.shl(high, n);
        let shifted = self.b.or(high, low);
        let (same, old) = (self.fpr64(insn.fs), self.fpr64(insn.fd));
        let four = self.b.i32(4);
        let by_four = self.b.eq(offset, four);
        let by_none = self.b.eqz(offset);
        let v = self.b.select(by_four, shifted, old);
        let v = self.b.select(by_none, same, v);
        self.set_fpr64(insn.fd, v);
    }
}
