//! Rounding and packing, the one place where results are made.

use crate::float::ONE;
use crate::unpacked::Unpacked;
use crate::wide::shift_right_jam;
use crate::{Env, Flags, Float, Flush, Precision, Rounding};

/// An exact or long result: (-1)^sign * (hi + lo/2^64) * 2^(exp - 63), `hi` with its top bit set, `lo` sticky in its
/// last bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide {
    pub sign: bool,
    pub exp: i32,
    pub hi: u64,
    pub lo: u64,
}

impl From<Unpacked> for Wide {
    fn from(u: Unpacked) -> Wide {
        Wide {
            sign: u.sign,
            exp: u.exp,
            hi: u.sig,
            lo: 0,
        }
    }
}

pub(crate) struct Rounded {
    pub sig: u64,
    /// The sum left 64 bits: the significand is 2^64, `sig` is 0.
    pub carry: bool,
    pub inexact: bool,
    pub up: bool,
}

/// Rounds `hi:lo` to the top `precision` (1 to 64) bits of `hi`.
#[inline(always)]
pub(crate) fn round_sig(mode: Rounding, sign: bool, hi: u64, lo: u64, precision: u32) -> Rounded {
    let (unit, kept, tail, rest) = if precision == 64 {
        (1, hi, lo, 0)
    } else {
        let unit = 1u64 << (64 - precision);
        // The tail is moved to the top, so that one half is bit 63 whatever the precision.
        (unit, hi & !(unit - 1), hi << precision, lo)
    };
    let inexact = tail | rest != 0;
    let up = match mode {
        Rounding::NearestEven => tail > ONE || tail == ONE && (rest != 0 || kept & unit != 0),
        Rounding::NearestAway => tail >= ONE,
        Rounding::TowardZero => false,
        Rounding::Up => inexact && !sign,
        Rounding::Down => inexact && sign,
        Rounding::Odd => inexact && kept & unit == 0,
    };
    let (sig, carry) = kept.overflowing_add(if up { unit } else { 0 });
    Rounded {
        sig,
        carry,
        inexact,
        up,
    }
}

impl Env {
    /// The significand bits arithmetic on `F` rounds to.
    #[inline(always)]
    pub(crate) fn precision_of<F: Float>(&self) -> u32 {
        if !F::EXPLICIT_ONE {
            return F::PRECISION;
        }
        match self.precision {
            Precision::Single => 24,
            Precision::Double => 53,
            Precision::Extended => 64,
        }
    }

    /// Rounds to arithmetic precision and packs.
    #[inline(always)]
    pub(crate) fn round_pack<F: Float>(&mut self, w: Wide) -> F {
        self.round_pack_to(w, self.precision_of::<F>())
    }

    /// Rounds to `precision` bits and packs, with all flags.
    #[inline(always)]
    pub(crate) fn round_pack_to<F: Float>(&mut self, w: Wide, precision: u32) -> F {
        debug_assert!(w.hi & ONE != 0);
        if w.exp < F::EMIN {
            return self.pack_tiny(w, precision);
        }
        let r = round_sig(self.rounding, w.sign, w.hi, w.lo, precision);
        let (exp, sig) = if r.carry {
            (w.exp + 1, ONE)
        } else {
            (w.exp, r.sig)
        };
        if exp > F::BIAS {
            return self.pack_overflow(Wide { exp, hi: sig, ..w }, r.inexact, r.up, precision);
        }
        self.note_rounding(r.inexact, r.up);
        F::from_fields(w.sign, exp + F::BIAS, sig)
    }

    #[inline(always)]
    fn note_rounding(&mut self, inexact: bool, up: bool) {
        if inexact {
            self.raise(Flags::INEXACT);
            if up {
                self.raise(Flags::ROUNDED_UP);
            }
        }
    }

    /// `w` is already rounded (to `hi`) and its exponent too large.
    #[cold]
    #[inline(never)]
    fn pack_overflow<F: Float>(&mut self, w: Wide, inexact: bool, up: bool, precision: u32) -> F {
        let wrapped = w.exp - (3 << (F::EXP_BITS - 2));
        if self.wrap.has(Flags::OVERFLOW) && wrapped <= F::BIAS {
            self.raise(Flags::OVERFLOW);
            self.note_rounding(inexact, up);
            return F::from_fields(w.sign, wrapped + F::BIAS, w.hi);
        }
        self.raise(Flags::OVERFLOW | Flags::INEXACT);
        let to_infinity = match self.rounding {
            Rounding::NearestEven | Rounding::NearestAway => true,
            Rounding::TowardZero | Rounding::Odd => false,
            Rounding::Up => !w.sign,
            Rounding::Down => w.sign,
        };
        if to_infinity {
            self.raise(Flags::ROUNDED_UP);
            F::infinity(w.sign)
        } else {
            F::from_fields(w.sign, F::EXP_SPECIAL - 1, u64::MAX << (64 - precision))
        }
    }

    /// The exponent is below the smallest normal one.
    #[cold]
    #[inline(never)]
    fn pack_tiny<F: Float>(&mut self, w: Wide, precision: u32) -> F {
        // As if the exponent range had no end: does it still round to the smallest normal number?
        let free = round_sig(self.rounding, w.sign, w.hi, w.lo, precision);
        let tiny = self.tininess_before || w.exp < F::EMIN - 1 || !free.carry;
        if tiny {
            self.raise(Flags::TINY);
            let wrapped = w.exp + i32::from(free.carry) + (3 << (F::EXP_BITS - 2));
            if self.wrap.has(Flags::UNDERFLOW) && wrapped >= F::EMIN {
                self.raise(Flags::UNDERFLOW);
                self.note_rounding(free.inexact, free.up);
                return F::from_fields(
                    w.sign,
                    wrapped + F::BIAS,
                    if free.carry { ONE } else { free.sig },
                );
            }
            match self.flush_to_zero {
                Flush::Keep => {}
                Flush::Zero => {
                    self.raise(Flags::UNDERFLOW | Flags::INEXACT);
                    return F::zero(w.sign);
                }
                Flush::ZeroUnderflowOnly => {
                    self.raise(Flags::UNDERFLOW);
                    return F::zero(w.sign);
                }
                Flush::ByRounding => {
                    self.raise(Flags::UNDERFLOW | Flags::INEXACT);
                    let away = matches!(
                        (self.rounding, w.sign),
                        (Rounding::Up, false) | (Rounding::Down, true)
                    );
                    return if away {
                        F::from_fields(w.sign, 1, ONE)
                    } else {
                        F::zero(w.sign)
                    };
                }
            }
        }
        let (hi, lo) = shift_right_jam(w.hi, w.lo, w.exp.abs_diff(F::EMIN));
        let r = round_sig(self.rounding, w.sign, hi, lo, precision);
        if tiny && r.inexact {
            self.raise(Flags::UNDERFLOW);
        }
        self.note_rounding(r.inexact, r.up);
        F::from_fields(w.sign, i32::from(r.sig & ONE != 0), r.sig)
    }
}
