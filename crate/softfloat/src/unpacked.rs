//! Operands taken apart.

use crate::float::{ONE, QUIET};
use crate::{Env, Flags, Float};

/// Kinds of unpacked operands, as bits, so that two operands are tested at once.
pub(crate) mod kind {
    pub const ZERO: u8 = 1;
    pub const FINITE: u8 = 2;
    pub const INF: u8 = 4;
    pub const QNAN: u8 = 8;
    pub const SNAN: u8 = 16;
    pub const UNSUPPORTED: u8 = 32;
    /// Added to FINITE.
    pub const DENORMAL: u8 = 64;
    pub const NAN: u8 = QNAN | SNAN | UNSUPPORTED;
}

/// An operand: (-1)^sign * sig * 2^(exp - 63). If FINITE, `sig` has its top bit set; if NaN, it is the payload with
/// the quiet bit at bit 62.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked {
    pub sign: bool,
    pub kind: u8,
    pub exp: i32,
    pub sig: u64,
}

impl Unpacked {
    #[inline(always)]
    pub fn is(&self, kinds: u8) -> bool {
        self.kind & kinds != 0
    }
}

impl Env {
    /// Takes `x` apart, flushing a denormal if asked to. Notes no flag but INPUT_FLUSHED.
    #[inline(always)]
    pub(crate) fn unpack<F: Float>(&mut self, x: F) -> Unpacked {
        let f = x.fields();
        let normal = (f.biased as u32).wrapping_sub(1) < F::EXP_SPECIAL as u32 - 1;
        if normal && (!F::EXPLICIT_ONE || f.sig & ONE != 0) {
            return Unpacked {
                sign: f.sign,
                kind: kind::FINITE,
                exp: f.biased - F::BIAS,
                sig: f.sig | ONE,
            };
        }
        self.unpack_special(x)
    }

    #[inline(never)]
    fn unpack_special<F: Float>(&mut self, x: F) -> Unpacked {
        let f = x.fields();
        let fraction = f.sig & !ONE;
        let mut u = Unpacked {
            sign: f.sign,
            kind: kind::ZERO,
            exp: 0,
            sig: 0,
        };
        if f.biased == 0 {
            if f.sig != 0 && self.denormals_are_zero {
                self.raise(Flags::INPUT_FLUSHED);
            } else if f.sig != 0 {
                let shift = f.sig.leading_zeros();
                u.kind = kind::FINITE | kind::DENORMAL;
                u.exp = F::EMIN - shift as i32;
                u.sig = f.sig << shift;
            }
        } else if F::EXPLICIT_ONE && f.sig & ONE == 0 {
            u.kind = kind::UNSUPPORTED;
        } else if fraction == 0 {
            u.kind = kind::INF;
        } else {
            u.sig = fraction;
            u.kind = if (fraction & QUIET != 0) == self.nan.signalling_bit_set {
                kind::SNAN
            } else {
                kind::QNAN
            };
        }
        u
    }

    /// Raises INPUT_DENORMAL if `kinds`, the union of the operands' kinds, holds a denormal.
    #[inline(always)]
    pub(crate) fn note_denormal(&mut self, kinds: u8) {
        if kinds & kind::DENORMAL != 0 {
            self.raise(Flags::INPUT_DENORMAL);
        }
    }
}
