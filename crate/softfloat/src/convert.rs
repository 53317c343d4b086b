//! Conversions between formats, rounding to integral values, scaling.

use crate::round::{Wide, round_sig};
use crate::unpacked::kind;
use crate::wide::shift_right_jam;
use crate::{Env, Flags, Float, Rounding};

impl Env {
    /// `a` in format `R`. NaNs keep the top bits of their payload. Raises INPUT_DENORMAL, which x87's
    /// FST to a shorter format does not show.
    pub fn convert<F: Float, R: Float>(&mut self, a: F) -> R {
        let u = self.unpack(a);
        if u.kind != kind::FINITE {
            if u.is(kind::NAN) {
                return self.nan1(u);
            }
            if u.is(kind::ZERO) {
                return R::zero(u.sign);
            }
            if u.is(kind::INF) {
                return R::infinity(u.sign);
            }
            self.note_denormal(u.kind);
        }
        self.round_pack_to(u.into(), R::PRECISION)
    }

    /// `a` rounded to an integral value in the same format. `inexact` tells whether INEXACT (and ROUNDED_UP) may be
    /// raised. INPUT_DENORMAL is raised as x87's FRNDINT does; SSE4.1's ROUNDxx does not show it.
    pub fn round_to_integral<F: Float>(&mut self, a: F, rounding: Rounding, inexact: bool) -> F {
        let u = self.unpack(a);
        if u.is(kind::NAN) {
            return self.nan1(u);
        }
        if u.is(kind::ZERO) {
            return F::zero(u.sign);
        }
        if u.is(kind::INF) {
            return a;
        }
        self.note_denormal(u.kind);
        if u.exp >= 63 {
            return a;
        }
        let (hi, lo) = shift_right_jam(u.sig, 0, (63 - u.exp).unsigned_abs());
        let r = round_sig(rounding, u.sign, hi, lo, 64);
        if r.inexact && inexact {
            self.raise(Flags::INEXACT);
            if r.up {
                self.raise(Flags::ROUNDED_UP);
            }
        }
        if r.sig == 0 {
            return F::zero(u.sign);
        }
        let shift = r.sig.leading_zeros();
        let exp = 63 - shift as i32;
        F::from_fields(u.sign, exp + F::BIAS, r.sig << shift)
    }

    /// a * 2^n, rounded (x87 FSCALE takes `n` truncated from its operand; AArch64 FSCALE).
    pub fn scale<F: Float>(&mut self, a: F, n: i32) -> F {
        let u = self.unpack(a);
        if u.is(kind::NAN) {
            return self.nan1(u);
        }
        if !u.is(kind::FINITE) {
            return if u.is(kind::ZERO) { F::zero(u.sign) } else { a };
        }
        self.note_denormal(u.kind);
        // No format's exponents span 2^17.
        let exp = u.exp + n.clamp(-0x2_0000, 0x2_0000);
        self.round_pack_to(Wide { exp, ..u.into() }, F::PRECISION)
    }
}
