//! Fused multiply-add.

use crate::arith::{add_wide, product};
use crate::unpacked::kind;
use crate::{Env, Flags, Float, Rounding};

/// Formats whose products leave room in 128 bits for an exact sum and a sticky bit.
pub trait Fused: Float {}
impl Fused for u16 {}
impl Fused for u32 {}
impl Fused for u64 {}

/// Sign changes of a multiply-add that do not touch NaNs. (ARM negates operands, NaNs too: flip the sign bit there.)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Negate {
    /// Negates the product before the addition.
    pub product: bool,
    /// Negates the addend.
    pub addend: bool,
    /// Negates the rounded result (PowerPC fnmadd).
    pub result: bool,
}

impl Env {
    /// a * b + c with one rounding.
    #[inline]
    pub fn fma<F: Fused>(&mut self, a: F, b: F, c: F) -> F {
        self.fma_to(a, b, c, Negate::default())
    }

    /// a * b + c with signs changed as `negate` says, rounded once to `R`.
    pub fn fma_to<F: Fused, R: Float>(&mut self, a: F, b: F, c: F, negate: Negate) -> R {
        let (a, b, c) = (self.unpack(a), self.unpack(b), self.unpack(c));
        let product_sign = (a.sign != b.sign) != negate.product;
        let c_sign = c.sign != negate.addend;
        let factors = a.kind | b.kind;
        let kinds = factors | c.kind;
        if kinds & kind::NAN != 0 {
            return self.nan3(a, b, c);
        }
        let flip = |r: R| {
            if negate.result {
                r.with_sign(!r.sign())
            } else {
                r
            }
        };
        if kinds != kind::FINITE {
            if factors & (kind::INF | kind::ZERO) == kind::INF | kind::ZERO {
                return self.invalid(Flags::INVALID_IMZ);
            }
            if factors & kind::INF != 0 && c.is(kind::INF) && product_sign != c_sign {
                return self.invalid(Flags::INVALID_ISI);
            }
            self.note_denormal(kinds);
            if factors & kind::INF != 0 {
                return flip(R::infinity(product_sign));
            }
            if c.is(kind::INF) {
                return flip(R::infinity(c_sign));
            }
            if factors & kind::ZERO != 0 {
                if c.is(kind::ZERO) {
                    let same = product_sign == c_sign;
                    return flip(R::zero(if same {
                        c_sign
                    } else {
                        self.rounding == Rounding::Down
                    }));
                }
                let mut w = crate::round::Wide::from(c);
                w.sign = c_sign;
                return flip(self.round_pack(w));
            }
        }
        let mut w = product(a, b);
        w.sign = product_sign;
        if c.is(kind::FINITE) {
            let mut addend = crate::round::Wide::from(c);
            addend.sign = c_sign;
            match add_wide(w, addend) {
                Some(sum) => w = sum,
                None => return flip(R::zero(self.rounding == Rounding::Down)),
            }
        }
        flip(self.round_pack(w))
    }
}
