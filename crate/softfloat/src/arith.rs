//! Addition, subtraction, multiplication, division, square root.
//!
//! The `_to` forms take operands in one format and round once to another (PowerPC's single-precision instructions
//! work on double operands, SPARC's FsMULd widens).

use crate::round::Wide;
use crate::unpacked::{Unpacked, kind};
use crate::wide::{div_wide, shift_right_jam, sqrt_wide};
use crate::{Env, Flags, Float, Rounding};

impl Env {
    /// a + b.
    #[inline]
    pub fn add<F: Float>(&mut self, a: F, b: F) -> F {
        self.add_to(a, b)
    }

    /// a - b.
    #[inline]
    pub fn sub<F: Float>(&mut self, a: F, b: F) -> F {
        self.sub_to(a, b)
    }

    /// a * b.
    #[inline]
    pub fn mul<F: Float>(&mut self, a: F, b: F) -> F {
        self.mul_to(a, b)
    }

    /// a / b.
    #[inline]
    pub fn div<F: Float>(&mut self, a: F, b: F) -> F {
        self.div_to(a, b)
    }

    /// Square root.
    #[inline]
    pub fn sqrt<F: Float>(&mut self, a: F) -> F {
        self.sqrt_to(a)
    }

    /// a + b, rounded to `R`.
    pub fn add_to<F: Float, R: Float>(&mut self, a: F, b: F) -> R {
        let (a, b) = (self.unpack(a), self.unpack(b));
        self.add_unpacked(a, b, b.sign)
    }

    /// a - b, rounded to `R`. A NaN operand keeps its sign.
    pub fn sub_to<F: Float, R: Float>(&mut self, a: F, b: F) -> R {
        let (a, b) = (self.unpack(a), self.unpack(b));
        self.add_unpacked(a, b, !b.sign)
    }

    /// The sum of `a` and `b` with its sign replaced by `b_sign`.
    #[inline(always)]
    fn add_unpacked<R: Float>(&mut self, a: Unpacked, b: Unpacked, b_sign: bool) -> R {
        let kinds = a.kind | b.kind;
        if kinds != kind::FINITE {
            if kinds & kind::NAN != 0 {
                return self.nan2(a, b);
            }
            if kinds & (kind::ZERO | kind::INF) != 0 {
                return self.add_special(a, Unpacked { sign: b_sign, ..b });
            }
            self.note_denormal(kinds);
        }
        let a = Wide {
            sign: a.sign,
            exp: a.exp,
            hi: a.sig,
            lo: 0,
        };
        let b = Wide {
            sign: b_sign,
            exp: b.exp,
            hi: b.sig,
            lo: 0,
        };
        match add_wide(a, b) {
            Some(w) => self.round_pack(w),
            None => R::zero(self.rounding == Rounding::Down),
        }
    }

    /// Zeros and infinities, no NaN.
    #[inline(never)]
    fn add_special<R: Float>(&mut self, a: Unpacked, b: Unpacked) -> R {
        let kinds = a.kind | b.kind;
        if a.is(kind::INF) && b.is(kind::INF) && a.sign != b.sign {
            return self.invalid(Flags::INVALID_ISI);
        }
        self.note_denormal(kinds);
        if kinds & kind::INF != 0 {
            return R::infinity(if a.is(kind::INF) { a.sign } else { b.sign });
        }
        match (a.is(kind::ZERO), b.is(kind::ZERO)) {
            (true, true) => R::zero(if a.sign == b.sign {
                a.sign
            } else {
                self.rounding == Rounding::Down
            }),
            (true, false) => self.round_pack(b.into()),
            _ => self.round_pack(a.into()),
        }
    }

    /// a * b, rounded to `R`.
    pub fn mul_to<F: Float, R: Float>(&mut self, a: F, b: F) -> R {
        let (a, b) = (self.unpack(a), self.unpack(b));
        let sign = a.sign != b.sign;
        let kinds = a.kind | b.kind;
        if kinds != kind::FINITE {
            if kinds & kind::NAN != 0 {
                return self.nan2(a, b);
            }
            if kinds & (kind::ZERO | kind::INF) == kind::ZERO | kind::INF {
                return self.invalid(Flags::INVALID_IMZ);
            }
            self.note_denormal(kinds);
            if kinds & kind::INF != 0 {
                return R::infinity(sign);
            }
            if kinds & kind::ZERO != 0 {
                return R::zero(sign);
            }
        }
        let w = if F::PRECISION <= 32 {
            let p = (a.sig >> 32) * (b.sig >> 32);
            let shift = p.leading_zeros();
            Wide {
                sign,
                exp: a.exp + b.exp + 1 - shift as i32,
                hi: p << shift,
                lo: 0,
            }
        } else {
            product(a, b)
        };
        self.round_pack(w)
    }

    /// a / b, rounded to `R`.
    pub fn div_to<F: Float, R: Float>(&mut self, a: F, b: F) -> R {
        let (a, b) = (self.unpack(a), self.unpack(b));
        let sign = a.sign != b.sign;
        let kinds = a.kind | b.kind;
        if kinds != kind::FINITE {
            if kinds & kind::NAN != 0 {
                return self.nan2(a, b);
            }
            if a.is(kind::INF) && b.is(kind::INF) {
                return self.invalid(Flags::INVALID_IDI);
            }
            if a.is(kind::ZERO) && b.is(kind::ZERO) {
                return self.invalid(Flags::INVALID_ZDZ);
            }
            if a.is(kind::FINITE) && b.is(kind::ZERO) {
                self.raise(Flags::DIV_BY_ZERO);
                return R::infinity(sign);
            }
            self.note_denormal(kinds);
            if a.is(kind::INF) {
                return R::infinity(sign);
            }
            if a.is(kind::ZERO) || b.is(kind::INF) {
                return R::zero(sign);
            }
        }
        let below = a.sig < b.sig;
        let exp = a.exp - b.exp - i32::from(below);
        let (hi, lo) = if F::PRECISION <= 32 && R::PRECISION <= 30 {
            // 24-bit operands in the top bits: a quotient of 32 bits is enough.
            let n = if below { a.sig } else { a.sig >> 1 };
            let d = b.sig >> 32;
            ((n / d) << 32, u64::from(!n.is_multiple_of(d)))
        } else {
            let (hi, lo) = if below {
                (a.sig, 0)
            } else {
                (a.sig >> 1, a.sig << 63)
            };
            let (q, r) = div_wide(hi, lo, b.sig);
            let half = r >= b.sig - r;
            let exact = if half { r == b.sig - r } else { r == 0 };
            (q, u64::from(half) << 63 | u64::from(!exact))
        };
        self.round_pack(Wide { sign, exp, hi, lo })
    }

    /// Square root, rounded to `R`.
    pub fn sqrt_to<F: Float, R: Float>(&mut self, a: F) -> R {
        let a = self.unpack(a);
        if a.kind != kind::FINITE || a.sign {
            if a.is(kind::NAN) {
                return self.nan1(a);
            }
            if a.is(kind::ZERO) {
                return R::zero(a.sign);
            }
            if a.sign {
                return self.invalid(Flags::INVALID_SQRT);
            }
            if a.is(kind::INF) {
                return R::infinity(false);
            }
            self.note_denormal(a.kind);
        }
        let odd = a.exp & 1;
        let exp = (a.exp - odd) >> 1;
        // sig * 2^63, or twice that for an odd exponent.
        let (n_hi, n_lo) = if odd != 0 {
            (a.sig, 0)
        } else {
            (a.sig >> 1, a.sig << 63)
        };
        let (hi, lo) = if F::PRECISION <= 32 && R::PRECISION <= 30 {
            let root = n_hi.isqrt();
            (root << 32, u64::from(root * root != n_hi))
        } else {
            let (root, rest) = sqrt_wide(n_hi, n_lo);
            // (root + 1/2)^2 = root^2 + root + 1/4, so a rest above root is more than half.
            (
                root,
                u64::from(rest > u128::from(root)) << 63 | u64::from(rest != 0),
            )
        };
        self.round_pack(Wide {
            sign: false,
            exp,
            hi,
            lo,
        })
    }
}

/// The exact product of two finite operands.
#[inline(always)]
pub(crate) fn product(a: Unpacked, b: Unpacked) -> Wide {
    let p = u128::from(a.sig) * u128::from(b.sig);
    let top = (p >> 127) as u32;
    let p = p << (1 - top);
    Wide {
        sign: a.sign != b.sign,
        exp: a.exp + b.exp + top as i32,
        hi: (p >> 64) as u64,
        lo: p as u64,
    }
}

/// The sum of two finite values, exact but for bits beyond the 128th, which become sticky; `None` if it is zero.
///
/// Correct if the operand that is shifted far has two clear bits at the end of `lo`, which keep the sticky bit apart
/// from the bits that a cancellation brings up.
#[inline(always)]
pub(crate) fn add_wide(a: Wide, b: Wide) -> Option<Wide> {
    let swap = (a.exp, a.hi, a.lo) < (b.exp, b.hi, b.lo);
    let (big, small) = if swap { (b, a) } else { (a, b) };
    let (hi, lo) = shift_right_jam(small.hi, small.lo, big.exp.abs_diff(small.exp));
    let x = u128::from(big.hi) << 64 | u128::from(big.lo);
    let y = u128::from(hi) << 64 | u128::from(lo);
    let (sum, exp) = if big.sign == small.sign {
        let (s, carry) = x.overflowing_add(y);
        if carry {
            (s >> 1 | s & 1 | 1 << 127, big.exp + 1)
        } else {
            (s, big.exp)
        }
    } else {
        let d = x - y;
        if d == 0 {
            return None;
        }
        let shift = d.leading_zeros();
        (d << shift, big.exp - shift as i32)
    };
    Some(Wide {
        sign: big.sign,
        exp,
        hi: (sum >> 64) as u64,
        lo: sum as u64,
    })
}
