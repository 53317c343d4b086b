//! Remainders: IEEE 754's, and the x87's partial ones.

use crate::round::Wide;
use crate::unpacked::{Unpacked, kind};
use crate::wide::div_wide;
use crate::{Env, F80, Flags, Float};
use core::cmp::Ordering;

/// What [`Env::partial_remainder`] leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartialRemainder {
    /// The remainder, or the partly reduced dividend.
    pub value: F80,
    /// The low 64 bits of the quotient's magnitude; 0 while incomplete.
    pub quotient: u64,
    /// Is the reduction done (C2 = 0)?
    pub complete: bool,
}

/// `(a * 2^shift mod b, low bits of a * 2^shift / b)`; the top bits of both are set.
fn reduce(a: u64, b: u64, mut shift: u32) -> (u64, u64) {
    let (mut r, mut q) = if a >= b { (a - b, 1) } else { (a, 0) };
    while shift != 0 {
        let n = shift.min(64);
        let (hi, lo) = if n == 64 {
            (r, 0)
        } else {
            (r >> (64 - n), r << n)
        };
        let (digit, rest) = div_wide(hi, lo, b);
        q = if n == 64 { digit } else { q << n | digit };
        r = rest;
        shift -= n;
    }
    (r, q)
}

/// `value * 2^(exp - 63)` as a finite value, or `None` if zero.
fn normalised(sign: bool, exp: i32, value: u128) -> Option<Wide> {
    if value == 0 {
        return None;
    }
    let shift = value.leading_zeros();
    let v = value << shift;
    Some(Wide {
        sign,
        exp: exp + 64 - shift as i32,
        hi: (v >> 64) as u64,
        lo: v as u64,
    })
}

/// Finite a, b with exponent difference `d` >= -1: remainder to the nearest quotient (ties to even), and the quotient.
fn nearest(a: Unpacked, b: Unpacked, d: i32) -> (Option<Wide>, u64) {
    // In units of half of b's last place, so that a difference of -1 is exact too.
    let (twice, mut q) = if d < 0 {
        (u128::from(a.sig), 0)
    } else {
        let (r, q) = reduce(a.sig, b.sig, d.unsigned_abs());
        (u128::from(r) << 1, q)
    };
    let whole = u128::from(b.sig) << 1;
    let away = match (twice << 1).cmp(&whole) {
        Ordering::Less => false,
        Ordering::Equal => q & 1 != 0,
        Ordering::Greater => true,
    };
    if away {
        q = q.wrapping_add(1);
        (normalised(!a.sign, b.exp - 1, whole - twice), q)
    } else {
        (normalised(a.sign, b.exp - 1, twice), q)
    }
}

impl Env {
    /// NaNs, infinities and zeros; `Err` is the result.
    fn rem_special<F: Float>(&mut self, a: Unpacked, b: Unpacked, whole: F) -> Result<(), F> {
        let kinds = a.kind | b.kind;
        if kinds & kind::NAN != 0 {
            return Err(self.nan2(a, b));
        }
        if a.is(kind::INF) || b.is(kind::ZERO) {
            return Err(self.invalid(if a.is(kind::INF) {
                Flags::NONE
            } else {
                Flags::INVALID_ZDZ
            }));
        }
        self.note_denormal(kinds);
        if a.is(kind::ZERO) {
            return Err(F::zero(a.sign));
        }
        if b.is(kind::INF) {
            return Err(self.exact(Some(a.into()), whole.sign()));
        }
        Ok(())
    }

    /// Packs a value known to fit.
    fn exact<F: Float>(&mut self, w: Option<Wide>, zero_sign: bool) -> F {
        match w {
            Some(w) => self.round_pack_to(w, F::PRECISION),
            None => F::zero(zero_sign),
        }
    }

    /// IEEE remainder: a - b * n, n the integer nearest to a / b, ties to even. Exact; a zero has the sign of `a`.
    pub fn rem<F: Float>(&mut self, a: F, b: F) -> F {
        let (ua, ub) = (self.unpack(a), self.unpack(b));
        if let Err(r) = self.rem_special(ua, ub, a) {
            return r;
        }
        let d = ua.exp - ub.exp;
        let w = if d < -1 {
            Some(ua.into())
        } else {
            nearest(ua, ub, d).0
        };
        self.exact(w, ua.sign)
    }

    /// Truncated remainder (C's fmod). Exact; a zero has the sign of `a`.
    pub fn rem_trunc<F: Float>(&mut self, a: F, b: F) -> F {
        let (ua, ub) = (self.unpack(a), self.unpack(b));
        if let Err(r) = self.rem_special(ua, ub, a) {
            return r;
        }
        let d = ua.exp - ub.exp;
        let w = if d < 0 {
            Some(ua.into())
        } else {
            normalised(
                ua.sign,
                ub.exp,
                u128::from(reduce(ua.sig, ub.sig, d.unsigned_abs()).0),
            )
        };
        self.exact(w, ua.sign)
    }

    /// x87 FPREM (`to_nearest` false) and FPREM1 (true): at most 63 bits of exponent difference are reduced at once
    /// (Intel SDM vol. 2, FPREM), else the dividend is reduced by a multiple of the divisor and `complete` is false.
    pub fn partial_remainder(&mut self, a: F80, b: F80, to_nearest: bool) -> PartialRemainder {
        let done = |value, quotient| PartialRemainder {
            value,
            quotient,
            complete: true,
        };
        let (ua, ub) = (self.unpack(a), self.unpack(b));
        if let Err(r) = self.rem_special(ua, ub, a) {
            return done(r, 0);
        }
        let d = ua.exp - ub.exp;
        if d >= 64 {
            // N of the manual's step, between 32 and 63.
            let n = 32 + (d % 32);
            let (r, _) = reduce(ua.sig, ub.sig, n.unsigned_abs());
            let w = normalised(ua.sign, ub.exp + d - n, u128::from(r));
            return PartialRemainder {
                value: self.exact(w, ua.sign),
                quotient: 0,
                complete: false,
            };
        }
        let (w, q) = if d < -1 || d < 0 && !to_nearest {
            (Some(ua.into()), 0)
        } else if to_nearest {
            nearest(ua, ub, d)
        } else {
            let (r, q) = reduce(ua.sig, ub.sig, d.unsigned_abs());
            (normalised(ua.sign, ub.exp, u128::from(r)), q)
        };
        done(self.exact(w, ua.sign), q)
    }
}
