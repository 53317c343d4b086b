//! The formats: fields of the raw bits, and questions that need no environment.

use crate::NanRules;

mod sealed {
    pub trait Sealed {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for super::F80 {}
}

/// Raw fields. `sig` is aligned so that the integer bit, implicit or not, is bit 63 and the fraction's top bit is 62;
/// for formats with an implicit integer bit, bit 63 is clear.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Fields {
    pub sign: bool,
    pub biased: i32,
    pub sig: u64,
}

/// A floating-point format, given as its raw bits: `u16`, `u32`, `u64`, [`F80`].
pub trait Float: Copy + Eq + core::fmt::Debug + sealed::Sealed {
    /// Bits of the significand, with the integer bit.
    const PRECISION: u32;
    /// Width of the exponent field.
    const EXP_BITS: u32;
    /// Is the integer bit stored?
    const EXPLICIT_ONE: bool = false;
    /// Exponent bias, also the largest exponent.
    const BIAS: i32 = (1 << (Self::EXP_BITS - 1)) - 1;
    /// Exponent of the smallest normal number.
    const EMIN: i32 = 1 - Self::BIAS;
    /// The exponent field of infinities and NaNs.
    const EXP_SPECIAL: i32 = (1 << Self::EXP_BITS) - 1;

    #[doc(hidden)]
    fn fields(self) -> Fields;
    /// Bits of `sig` below the format's precision and, in formats with an implicit integer bit, bit 63 are dropped.
    #[doc(hidden)]
    fn from_fields(sign: bool, biased: i32, sig: u64) -> Self;

    /// The sign bit.
    #[inline]
    fn sign(self) -> bool {
        self.fields().sign
    }

    /// Zero of the given sign.
    #[inline]
    fn zero(sign: bool) -> Self {
        Self::from_fields(sign, 0, 0)
    }

    /// Infinity of the given sign.
    #[inline]
    fn infinity(sign: bool) -> Self {
        Self::from_fields(sign, Self::EXP_SPECIAL, ONE)
    }

    /// The value with its sign bit replaced, NaNs too.
    #[inline]
    fn with_sign(self, sign: bool) -> Self {
        let f = self.fields();
        Self::from_fields(sign, f.biased, f.sig)
    }

    /// What kind of value this is.
    fn classify(self, nan: &NanRules) -> Class {
        let f = self.fields();
        let fraction = f.sig & !ONE;
        let one = !Self::EXPLICIT_ONE || f.sig & ONE != 0;
        match f.biased {
            0 if f.sig == 0 => Class::Zero,
            0 => Class::Denormal,
            _ if !one => Class::Unsupported,
            b if b != Self::EXP_SPECIAL => Class::Normal,
            _ if fraction == 0 => Class::Infinity,
            _ if (f.sig & QUIET != 0) == nan.signalling_bit_set => Class::SignallingNan,
            _ => Class::QuietNan,
        }
    }

    /// Is it a NaN of either kind? (Unsupported encodings of [`F80`] are not NaNs.)
    #[inline]
    fn is_nan(self) -> bool {
        let f = self.fields();
        f.biased == Self::EXP_SPECIAL
            && f.sig & !ONE != 0
            && (!Self::EXPLICIT_ONE || f.sig & ONE != 0)
    }

    /// Is it a signalling NaN?
    #[inline]
    fn is_snan(self, nan: &NanRules) -> bool {
        self.is_nan() && (self.fields().sig & QUIET != 0) == nan.signalling_bit_set
    }

    /// Is it a denormal (for [`F80`] also a pseudo-denormal) number other than zero?
    #[inline]
    fn is_denormal(self) -> bool {
        let f = self.fields();
        f.biased == 0 && f.sig != 0
    }

    /// Is it an infinity?
    #[inline]
    fn is_infinite(self) -> bool {
        let f = self.fields();
        f.biased == Self::EXP_SPECIAL
            && f.sig & !ONE == 0
            && (!Self::EXPLICIT_ONE || f.sig & ONE != 0)
    }

    /// Is it a zero of either sign?
    #[inline]
    fn is_zero(self) -> bool {
        let f = self.fields();
        f.biased == 0 && f.sig == 0
    }
}

/// The integer bit of an aligned significand.
pub(crate) const ONE: u64 = 1 << 63;
/// The top bit of the fraction, which tells quiet from signalling NaNs.
pub(crate) const QUIET: u64 = 1 << 62;

/// Kind of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Zero.
    Zero,
    /// Denormal, for [`F80`] also pseudo-denormal.
    Denormal,
    /// Normal number.
    Normal,
    /// Infinity.
    Infinity,
    /// Quiet NaN.
    QuietNan,
    /// Signalling NaN.
    SignallingNan,
    /// Encodings of [`F80`] that the 80387 and later refuse: unnormals, pseudo-infinities, pseudo-NaNs.
    Unsupported,
}

/// The x87 extended format: 15-bit exponent, 64-bit significand with a stored integer bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct F80 {
    /// Sign in bit 15, biased exponent below.
    pub sign_exp: u16,
    /// Significand; bit 63 is the integer bit.
    pub mantissa: u64,
}

impl Float for F80 {
    const PRECISION: u32 = 64;
    const EXP_BITS: u32 = 15;
    const EXPLICIT_ONE: bool = true;

    #[inline(always)]
    fn fields(self) -> Fields {
        Fields {
            sign: self.sign_exp >> 15 != 0,
            biased: i32::from(self.sign_exp & 0x7fff),
            sig: self.mantissa,
        }
    }

    #[inline(always)]
    fn from_fields(sign: bool, biased: i32, sig: u64) -> F80 {
        F80 {
            sign_exp: u16::from(sign) << 15 | biased as u16,
            mantissa: sig,
        }
    }
}

macro_rules! implicit {
    ($t:ty, $precision:literal, $exp_bits:literal) => {
        impl Float for $t {
            const PRECISION: u32 = $precision;
            const EXP_BITS: u32 = $exp_bits;

            #[inline(always)]
            fn fields(self) -> Fields {
                let exp = self >> ($precision - 1) & ((1 << $exp_bits) - 1);
                let frac = self & ((1 << ($precision - 1)) - 1);
                Fields {
                    sign: self >> (<$t>::BITS - 1) != 0,
                    biased: exp as i32,
                    sig: u64::from(frac) << (64 - $precision),
                }
            }

            #[inline(always)]
            fn from_fields(sign: bool, biased: i32, sig: u64) -> $t {
                let frac = ((sig & !ONE) >> (64 - $precision)) as $t;
                <$t>::from(sign) << (<$t>::BITS - 1) | (biased as $t) << ($precision - 1) | frac
            }
        }
    };
}

implicit!(u16, 11, 5);
implicit!(u32, 24, 8);
implicit!(u64, 53, 11);
