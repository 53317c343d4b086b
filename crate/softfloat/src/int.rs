//! Conversions from and to integers.

use crate::round::{Wide, round_sig};
use crate::unpacked::kind;
use crate::wide::shift_right_jam;
use crate::{Env, Flags, Float, Rounding};

mod sealed {
    pub trait Sealed {}
}

/// Integer types to convert to and from: 8 to 64 bits, signed and unsigned.
pub trait Int: Copy + sealed::Sealed {
    /// Smallest value.
    const MIN: Self;
    /// Largest value.
    const MAX: Self;
    /// Zero.
    const ZERO: Self;

    #[doc(hidden)]
    fn magnitude(self) -> (bool, u64);
    /// `None` if it does not fit.
    #[doc(hidden)]
    fn from_magnitude(negative: bool, magnitude: u64) -> Option<Self>;
}

macro_rules! signed {
    ($($t:ty)*) => {$(
        impl sealed::Sealed for $t {}
        impl Int for $t {
            const MIN: $t = <$t>::MIN;
            const MAX: $t = <$t>::MAX;
            const ZERO: $t = 0;
            #[inline]
            fn magnitude(self) -> (bool, u64) {
                (self < 0, self.unsigned_abs().into())
            }
            #[inline]
            fn from_magnitude(negative: bool, magnitude: u64) -> Option<$t> {
                let limit = <$t>::MAX as u64 + u64::from(negative);
                let value = if negative { magnitude.wrapping_neg() } else { magnitude };
                (magnitude <= limit).then_some(value as $t)
            }
        }
    )*};
}

macro_rules! unsigned {
    ($($t:ty)*) => {$(
        impl sealed::Sealed for $t {}
        impl Int for $t {
            const MIN: $t = 0;
            const MAX: $t = <$t>::MAX;
            const ZERO: $t = 0;
            #[inline]
            fn magnitude(self) -> (bool, u64) {
                (false, self.into())
            }
            #[inline]
            fn from_magnitude(negative: bool, magnitude: u64) -> Option<$t> {
                if negative && magnitude != 0 { None } else { <$t>::try_from(magnitude).ok() }
            }
        }
    )*};
}

signed!(i8 i16 i32 i64);
unsigned!(u8 u16 u32 u64);

/// Why a value has no counterpart in the integer type; each guest returns its own value then (x86 the integer
/// indefinite, MIPS the largest integer, ARM and PowerPC the nearest one).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotInt {
    /// Above the largest integer, plus infinity included.
    Above,
    /// Below the smallest integer, minus infinity included.
    Below,
    /// A NaN or an unsupported encoding.
    Nan,
}

impl NotInt {
    /// The nearest integer; `nan` for a NaN (ARM: 0, PowerPC: MIN).
    #[inline]
    pub fn saturate<I: Int>(self, nan: I) -> I {
        match self {
            NotInt::Above => I::MAX,
            NotInt::Below => I::MIN,
            NotInt::Nan => nan,
        }
    }
}

impl Env {
    /// The integer `i`, rounded to the format.
    #[inline]
    pub fn from_int<F: Float, I: Int>(&mut self, i: I) -> F {
        self.from_int_scaled(i, 0)
    }

    /// i * 2^scale, rounded: for fixed-point operands.
    pub fn from_int_scaled<F: Float, I: Int>(&mut self, i: I, scale: i32) -> F {
        let (sign, magnitude) = i.magnitude();
        if magnitude == 0 {
            return F::zero(false);
        }
        let shift = magnitude.leading_zeros();
        let exp = 63 - shift as i32 + scale.clamp(-0x2_0000, 0x2_0000);
        self.round_pack_to(
            Wide {
                sign,
                exp,
                hi: magnitude << shift,
                lo: 0,
            },
            F::PRECISION,
        )
    }

    /// `a` rounded to an integer. INEXACT if it had a fraction.
    ///
    /// # Errors
    /// What does not fit raises INVALID alone and says why.
    #[inline]
    pub fn to_int<F: Float, I: Int>(&mut self, a: F, rounding: Rounding) -> Result<I, NotInt> {
        self.to_int_scaled(a, 0, rounding)
    }

    /// a * 2^scale rounded to an integer: for fixed-point results.
    ///
    /// # Errors
    /// As [`to_int`](Self::to_int).
    pub fn to_int_scaled<F: Float, I: Int>(
        &mut self,
        a: F,
        scale: i32,
        rounding: Rounding,
    ) -> Result<I, NotInt> {
        let u = self.unpack(a);
        if u.is(kind::ZERO) {
            return Ok(I::ZERO);
        }
        if u.is(kind::NAN) {
            self.note_nan(u.kind);
            self.raise(Flags::INVALID | Flags::INVALID_CVI);
            return Err(NotInt::Nan);
        }
        let exp = u.exp + scale.clamp(-0x2_0000, 0x2_0000);
        if u.is(kind::FINITE) && exp <= 63 {
            let (hi, lo) = shift_right_jam(u.sig, 0, (63 - exp).unsigned_abs());
            let r = round_sig(rounding, u.sign, hi, lo, 64);
            if let (false, Some(i)) = (r.carry, I::from_magnitude(u.sign, r.sig)) {
                if r.inexact {
                    self.raise(Flags::INEXACT);
                    if r.up {
                        self.raise(Flags::ROUNDED_UP);
                    }
                }
                return Ok(i);
            }
        }
        self.raise(Flags::INVALID | Flags::INVALID_CVI);
        Err(if u.sign { NotInt::Below } else { NotInt::Above })
    }
}
