//! The environment of an operation: rounding mode, flags, and what IEEE 754 leaves to the implementer.

use crate::NanRules;
use core::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// Direction of rounding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rounding {
    /// To nearest, ties to even.
    #[default]
    NearestEven,
    /// Truncation.
    TowardZero,
    /// Toward plus infinity.
    Up,
    /// Toward minus infinity.
    Down,
    /// To nearest, ties away from zero.
    NearestAway,
    /// Von Neumann rounding: an inexact result gets an odd last bit (AArch64 FCVTXN, Power's `o` forms).
    Odd,
}

/// A set of exception flags and notes. The five IEEE flags come first; the rest are notes some guest shows or traps on.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Nothing raised.
    pub const NONE: Flags = Flags(0);
    /// Invalid operation.
    pub const INVALID: Flags = Flags(1);
    /// Exact infinity from finite operands.
    pub const DIV_BY_ZERO: Flags = Flags(1 << 1);
    /// The rounded result does not fit the exponent range.
    pub const OVERFLOW: Flags = Flags(1 << 2);
    /// The result is tiny and inexact (or was flushed to zero).
    pub const UNDERFLOW: Flags = Flags(1 << 3);
    /// The delivered result differs from the exact one.
    pub const INEXACT: Flags = Flags(1 << 4);
    /// A denormal operand was used as such (x86 DE). Not raised when the operation is invalid or has a NaN operand,
    /// nor by [`Env::to_int`].
    pub const INPUT_DENORMAL: Flags = Flags(1 << 5);
    /// A denormal operand was replaced by zero because of [`Env::denormals_are_zero`] (ARM IDC).
    pub const INPUT_FLUSHED: Flags = Flags(1 << 6);
    /// The result is tiny, exact or not: what an unmasked underflow traps on (x86, PowerPC) and what some MIPS cores
    /// call an unimplemented operation.
    pub const TINY: Flags = Flags(1 << 7);
    /// The magnitude of the delivered result is larger than the exact one (x87 C1, PowerPC FR).
    pub const ROUNDED_UP: Flags = Flags(1 << 8);
    /// Cause of INVALID: a signalling NaN operand (PowerPC VXSNAN).
    pub const INVALID_SNAN: Flags = Flags(1 << 9);
    /// Cause of INVALID: infinity minus infinity (VXISI).
    pub const INVALID_ISI: Flags = Flags(1 << 10);
    /// Cause of INVALID: infinity over infinity (VXIDI).
    pub const INVALID_IDI: Flags = Flags(1 << 11);
    /// Cause of INVALID: zero over zero (VXZDZ).
    pub const INVALID_ZDZ: Flags = Flags(1 << 12);
    /// Cause of INVALID: infinity times zero (VXIMZ).
    pub const INVALID_IMZ: Flags = Flags(1 << 13);
    /// Cause of INVALID: a NaN in a signalling comparison (VXVC).
    pub const INVALID_VC: Flags = Flags(1 << 14);
    /// Cause of INVALID: root of a negative number (VXSQRT).
    pub const INVALID_SQRT: Flags = Flags(1 << 15);
    /// Cause of INVALID: a conversion to an integer that does not fit (VXCVI).
    pub const INVALID_CVI: Flags = Flags(1 << 16);
    /// The five flags of IEEE 754.
    pub const IEEE: Flags = Flags(0x1f);

    /// Is any flag of `other` set?
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// No flag set?
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The union, usable in constants.
    #[inline]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;
    #[inline]
    fn bitor(self, o: Flags) -> Flags {
        Flags(self.0 | o.0)
    }
}

impl BitOrAssign for Flags {
    #[inline]
    fn bitor_assign(&mut self, o: Flags) {
        self.0 |= o.0;
    }
}

impl BitAnd for Flags {
    type Output = Flags;
    #[inline]
    fn bitand(self, o: Flags) -> Flags {
        Flags(self.0 & o.0)
    }
}

impl Not for Flags {
    type Output = Flags;
    #[inline]
    fn not(self) -> Flags {
        Flags(!self.0)
    }
}

impl core::fmt::Debug for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const NAMES: [&str; 17] = [
            "INVALID",
            "DIV_BY_ZERO",
            "OVERFLOW",
            "UNDERFLOW",
            "INEXACT",
            "INPUT_DENORMAL",
            "INPUT_FLUSHED",
            "TINY",
            "ROUNDED_UP",
            "SNAN",
            "ISI",
            "IDI",
            "ZDZ",
            "IMZ",
            "VC",
            "SQRT",
            "CVI",
        ];
        let mut sep = "";
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 >> bit & 1 != 0 {
                write!(f, "{sep}{name}")?;
                sep = "|";
            }
        }
        if sep.is_empty() {
            f.write_str("-")
        } else {
            Ok(())
        }
    }
}

/// x87 precision control: how many significand bits add, sub, mul, div and sqrt on [`crate::F80`] round to. The
/// exponent range stays that of the extended format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    /// 24 bits (PC = 0).
    Single,
    /// 53 bits (PC = 2).
    Double,
    /// 64 bits (PC = 3).
    #[default]
    Extended,
}

/// What becomes of a tiny result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Flush {
    /// Gradual underflow: a denormal result.
    #[default]
    Keep,
    /// Zero of the result's sign, with UNDERFLOW and INEXACT (x86 FTZ, PowerPC NI, SPARC NS).
    Zero,
    /// Zero of the result's sign, with UNDERFLOW alone (ARM FZ; set [`Env::tininess_before`] too).
    ZeroUnderflowOnly,
    /// Zero, or the smallest normal number when rounding away from zero, with UNDERFLOW and INEXACT (MIPS FCSR.FS).
    ByRounding,
}

/// Rounding mode, options and collected flags; every operation is a method of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Env {
    /// Rounding of every operation that is not given its own.
    pub rounding: Rounding,
    /// Flags raised so far; operations only ever set them.
    pub flags: Flags,
    /// NaN encoding and propagation.
    pub nan: NanRules,
    /// x87 precision control; only [`crate::F80`] looks at it.
    pub precision: Precision,
    /// Is tininess detected before rounding (ARM, PowerPC, SPARC) or after (x86, MIPS)?
    pub tininess_before: bool,
    /// What becomes of a tiny result.
    pub flush_to_zero: Flush,
    /// Denormal operands count as zeros of their sign (x86 DAZ, ARM FZ).
    pub denormals_are_zero: bool,
    /// Exceptions whose trapped result is wanted: with OVERFLOW or UNDERFLOW in the set, such a result is delivered
    /// with its exponent wrapped by 3/4 of the exponent range (x87 unmasked, PowerPC OE/UE). Other flags are ignored.
    pub wrap: Flags,
}

impl Env {
    /// Round to nearest, no flags, gradual underflow, tininess after rounding.
    pub const fn new(nan: NanRules) -> Env {
        Env {
            rounding: Rounding::NearestEven,
            flags: Flags::NONE,
            nan,
            precision: Precision::Extended,
            tininess_before: false,
            flush_to_zero: Flush::Keep,
            denormals_are_zero: false,
            wrap: Flags::NONE,
        }
    }

    /// Returns the flags and clears them: for guests that trap per operation or keep cause bits.
    #[inline]
    pub fn take_flags(&mut self) -> Flags {
        core::mem::take(&mut self.flags)
    }

    #[inline(always)]
    pub(crate) fn raise(&mut self, f: Flags) {
        self.flags |= f;
    }
}
