//! Comparisons, minimum and maximum.

use crate::unpacked::{Unpacked, kind};
use crate::{Env, Flags, Float};
use core::cmp::Ordering;

/// Outcome of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// a < b.
    Less,
    /// a = b; zeros of either sign are equal.
    Equal,
    /// a > b.
    Greater,
    /// At least one NaN.
    Unordered,
}

/// Order of two numbers.
fn order(a: &Unpacked, b: &Unpacked) -> Ordering {
    // Zero, finite and infinite magnitudes are ordered by kind, which is 1, 2, 4.
    let key = |u: &Unpacked| (u.kind & !kind::DENORMAL, u.exp, u.sig);
    if a.is(kind::ZERO) && b.is(kind::ZERO) {
        return Ordering::Equal;
    }
    match (a.sign, b.sign) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => key(a).cmp(&key(b)),
        (true, true) => key(b).cmp(&key(a)),
    }
}

impl Env {
    /// Quiet comparison: INVALID for signalling NaNs only (MIPS c.eq, x86 UCOMIS, ARM VCMP).
    pub fn compare<F: Float>(&mut self, a: F, b: F) -> Relation {
        self.compare_with(a, b, false)
    }

    /// Signalling comparison: INVALID for every NaN (MIPS c.lt's group, x86 COMIS, ARM VCMPE).
    pub fn compare_signalling<F: Float>(&mut self, a: F, b: F) -> Relation {
        self.compare_with(a, b, true)
    }

    #[inline]
    fn compare_with<F: Float>(&mut self, a: F, b: F, signalling: bool) -> Relation {
        let (a, b) = (self.unpack(a), self.unpack(b));
        let kinds = a.kind | b.kind;
        if kinds & kind::NAN != 0 {
            self.note_nan(kinds);
            if signalling {
                self.raise(Flags::INVALID | Flags::INVALID_VC);
            }
            return Relation::Unordered;
        }
        self.note_denormal(kinds);
        match order(&a, &b) {
            Ordering::Less => Relation::Less,
            Ordering::Equal => Relation::Equal,
            Ordering::Greater => Relation::Greater,
        }
    }

    /// Smaller of two numbers, -0 below +0; a NaN operand is propagated (IEEE 754-2019 minimum, ARM FMIN).
    pub fn min<F: Float>(&mut self, a: F, b: F) -> F {
        self.extremum(a, b, Ordering::Less, false)
    }

    /// Larger of two numbers, -0 below +0; a NaN operand is propagated (IEEE 754-2019 maximum, ARM FMAX).
    pub fn max<F: Float>(&mut self, a: F, b: F) -> F {
        self.extremum(a, b, Ordering::Greater, false)
    }

    /// As [`min`](Self::min), but a number wins over a quiet NaN (IEEE 754-2008 minNum, ARM FMINNM, MIPS R6 MIN).
    pub fn min_num<F: Float>(&mut self, a: F, b: F) -> F {
        self.extremum(a, b, Ordering::Less, true)
    }

    /// As [`max`](Self::max), but a number wins over a quiet NaN (IEEE 754-2008 maxNum, ARM FMAXNM, MIPS R6 MAX).
    pub fn max_num<F: Float>(&mut self, a: F, b: F) -> F {
        self.extremum(a, b, Ordering::Greater, true)
    }

    fn extremum<F: Float>(&mut self, a: F, b: F, wanted: Ordering, number_wins: bool) -> F {
        let (ua, ub) = (self.unpack(a), self.unpack(b));
        let kinds = ua.kind | ub.kind;
        if kinds & kind::NAN != 0 {
            if number_wins && kinds & (kind::SNAN | kind::UNSUPPORTED) == 0 {
                match (ua.is(kind::QNAN), ub.is(kind::QNAN)) {
                    (true, false) => return self.flushed(b, &ub),
                    (false, true) => return self.flushed(a, &ua),
                    _ => {}
                }
            }
            return self.nan2(ua, ub);
        }
        self.note_denormal(kinds);
        let o = match order(&ua, &ub) {
            Ordering::Equal => ub.sign.cmp(&ua.sign),
            o => o,
        };
        if o == wanted {
            self.flushed(a, &ua)
        } else {
            self.flushed(b, &ub)
        }
    }

    /// `x`, or the zero it was read as.
    fn flushed<F: Float>(&self, x: F, u: &Unpacked) -> F {
        if u.is(kind::ZERO) { F::zero(u.sign) } else { x }
    }
}
