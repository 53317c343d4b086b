//! Coprocessor 1: register access, moves, loads and stores (`moves`, `memory`); computing instructions and moves between FPU registers
//! (`arith`, `fast`).
//!
//! With Status.FR = 0 an even register's slot holds the whole double; an odd register's single is the slot's upper half, and doubles in odd
//! registers are UNPREDICTABLE (the even register below is taken).

pub mod arith;
mod exact;
mod fast;
pub mod memory;
pub mod moves;

use tinamou_ir::Val;

use super::Lifter;
use crate::fpu::fcsr;

impl Lifter<'_> {
    /// Bits of the double (or long) in FPU register `n`, as i64.
    pub fn fpr64(&mut self, n: usize) -> Val {
        let n = if self.mode.fr() { n } else { n & !1 };
        let v = self.b.get(self.cpu.regs.fpr[n]);
        self.b.bits64(v)
    }

    /// Writes the bits of a double to FPU register `n`.
    pub fn set_fpr64(&mut self, n: usize, bits: Val) {
        let n = if self.mode.fr() { n } else { n & !1 };
        let v = self.b.float64(bits);
        self.b.set(self.cpu.regs.fpr[n], v);
    }

    /// Bits of the single (or word) in FPU register `n`, as i32.
    pub fn fpr32(&mut self, n: usize) -> Val {
        let bits = self.fpr64(n);
        if self.mode.fr() || n & 1 == 0 {
            return self.b.wrap(bits);
        }
        let k = self.b.i64(32);
        let hi = self.b.shr(bits, k);
        self.b.wrap(hi)
    }

    /// Writes the bits of a single to FPU register `n`; the other half of its slot stays.
    pub fn set_fpr32(&mut self, n: usize, bits: Val) {
        let upper = !self.mode.fr() && n & 1 == 1;
        self.set_half(n, bits, upper);
    }

    /// Writes the lower or upper 32 bits of the slot of register `n`.
    pub fn set_half(&mut self, n: usize, bits: Val, upper: bool) {
        let old = self.fpr64(n);
        let new = self.b.ext_u(bits);
        let (new, mask) = if upper {
            let k = self.b.i64(32);
            (self.b.shl(new, k), 0xffff_ffff)
        } else {
            (new, !0xffff_ffff)
        };
        let mask = self.b.i64(mask);
        let rest = self.b.and(old, mask);
        let v = self.b.or(rest, new);
        self.set_fpr64(n, v);
    }

    /// Condition code `cc` of FCSR, as an i32 that is not 0 if set.
    pub fn fcc(&mut self, cc: u32) -> Val {
        let fcsr = self.b.get(self.cpu.regs.fcr31);
        let bit = self.b.i32(1 << fcsr::fcc_bit(cc));
        self.b.and(fcsr, bit)
    }
}
