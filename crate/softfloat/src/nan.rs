//! NaNs: which bit is quiet, what an operation makes up, which operand survives.

use crate::float::{ONE, QUIET};
use crate::unpacked::{Unpacked, kind};
use crate::{Env, Flags, Float};

/// The fraction of the NaN that an invalid operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultNan {
    /// Only the top bit: 0x7fc00000.
    TopBit,
    /// All ones: 0x7fffffff.
    AllOnes,
    /// All ones but the top bit: 0x7fbfffff.
    AllButTopBit,
}

/// Which NaN operand gives the result, after quieting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NanPick {
    /// None: always the default NaN.
    Default,
    /// The first in operand order.
    First,
    /// The last in operand order.
    Last,
    /// The first signalling one, else the first.
    SignallingFirst,
    /// The last signalling one, else the last.
    SignallingLast,
    /// x87: quiet before signalling, then the larger significand, then the positive one.
    LargerSignificand,
}

/// Fused multiply-add of infinity, zero and a quiet NaN as the addend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FmaInfZero {
    /// The NaN is propagated, nothing raised.
    Propagate,
    /// INVALID, and the NaN is propagated.
    InvalidPropagate,
    /// INVALID, and the default NaN.
    InvalidDefault,
}

/// A guest's treatment of NaNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NanRules {
    /// Fraction of the default NaN.
    pub default: DefaultNan,
    /// Sign of the default NaN.
    pub default_negative: bool,
    /// Does a set top fraction bit mean signalling (MIPS before 2008) instead of quiet? Such a NaN is quieted to the
    /// default NaN.
    pub signalling_bit_set: bool,
    /// Two operands, in the order (a, b).
    pub pick: NanPick,
    /// Three operands, in the order [`fma_order`](Self::fma_order).
    pub fma_pick: NanPick,
    /// The operands of a * b + c, as indices 0, 1, 2, in the order `fma_pick` looks at them.
    pub fma_order: [u8; 3],
    /// infinity * 0 + quiet NaN.
    pub fma_inf_zero: FmaInfZero,
}

impl NanRules {
    /// MIPS with FCSR.NAN2008 = 0 (MIPS64 Architecture vol. I-A, "NaN values"): the quiet bit is inverted; a
    /// signalling operand yields the default NaN.
    pub const MIPS_LEGACY: NanRules = NanRules {
        default: DefaultNan::AllButTopBit,
        default_negative: false,
        signalling_bit_set: true,
        pick: NanPick::SignallingFirst,
        fma_pick: NanPick::SignallingFirst,
        fma_order: [2, 0, 1],
        fma_inf_zero: FmaInfZero::InvalidDefault,
    };

    /// MIPS with FCSR.NAN2008 = 1.
    pub const MIPS_2008: NanRules = NanRules {
        default: DefaultNan::TopBit,
        signalling_bit_set: false,
        fma_inf_zero: FmaInfZero::InvalidPropagate,
        ..NanRules::MIPS_LEGACY
    };

    /// x86 SSE and AVX (Intel SDM vol. 1, table 4-7): the first operand, signalling or not; the default is negative.
    pub const X86_SSE: NanRules = NanRules {
        default: DefaultNan::TopBit,
        default_negative: true,
        signalling_bit_set: false,
        pick: NanPick::First,
        fma_pick: NanPick::First,
        fma_order: [0, 1, 2],
        fma_inf_zero: FmaInfZero::Propagate,
    };

    /// x87 (Intel SDM vol. 1, table 4-7).
    pub const X87: NanRules = NanRules {
        pick: NanPick::LargerSignificand,
        ..NanRules::X86_SSE
    };

    /// ARM (ARM ARM, FPProcessNaNs and FPProcessNaNs3), FPSCR.DN = 0.
    pub const ARM: NanRules = NanRules {
        default: DefaultNan::TopBit,
        default_negative: false,
        signalling_bit_set: false,
        pick: NanPick::SignallingFirst,
        fma_pick: NanPick::SignallingFirst,
        fma_order: [2, 0, 1],
        fma_inf_zero: FmaInfZero::InvalidDefault,
    };

    /// ARM with FPSCR.DN = 1, and NEON in AArch32.
    pub const ARM_DEFAULT_NAN: NanRules = NanRules {
        pick: NanPick::Default,
        fma_pick: NanPick::Default,
        ..NanRules::ARM
    };

    /// PowerPC (Power ISA Book I, 4.4.1.1): FRA, FRB, FRC in this order, signalling or not; FRB is the addend.
    pub const POWERPC: NanRules = NanRules {
        default: DefaultNan::TopBit,
        default_negative: false,
        signalling_bit_set: false,
        pick: NanPick::First,
        fma_pick: NanPick::First,
        fma_order: [0, 2, 1],
        fma_inf_zero: FmaInfZero::InvalidPropagate,
    };

    /// SPARC (Architecture Manual V9, B.2): signalling before quiet, rs2 before rs1; the default is all ones.
    pub const SPARC: NanRules = NanRules {
        default: DefaultNan::AllOnes,
        default_negative: false,
        signalling_bit_set: false,
        pick: NanPick::SignallingLast,
        fma_pick: NanPick::SignallingLast,
        fma_order: [0, 1, 2],
        fma_inf_zero: FmaInfZero::InvalidPropagate,
    };

    /// Xtensa's floating-point coprocessors that keep the first operand. Cores whose overlay says otherwise use
    /// [`XTENSA_LAST`](Self::XTENSA_LAST).
    pub const XTENSA: NanRules = NanRules {
        default: DefaultNan::TopBit,
        default_negative: false,
        signalling_bit_set: false,
        pick: NanPick::First,
        fma_pick: NanPick::First,
        fma_order: [0, 1, 2],
        fma_inf_zero: FmaInfZero::InvalidPropagate,
    };

    /// Xtensa cores that keep the last operand.
    pub const XTENSA_LAST: NanRules = NanRules {
        pick: NanPick::Last,
        fma_pick: NanPick::Last,
        ..NanRules::XTENSA
    };

    /// The default NaN in format `F`.
    pub fn default_nan<F: Float>(&self) -> F {
        let fraction = match self.default {
            DefaultNan::TopBit => QUIET,
            DefaultNan::AllOnes => !ONE,
            DefaultNan::AllButTopBit => !(ONE | QUIET),
        };
        F::from_fields(self.default_negative, F::EXP_SPECIAL, ONE | fraction)
    }

    /// `x` made quiet if it is a NaN, as an operation with this one operand would return it; other values unchanged.
    pub fn quieted<F: Float>(&self, x: F) -> F {
        if !x.is_nan() {
            x
        } else if self.pick == NanPick::Default || self.signalling_bit_set && x.is_snan(self) {
            self.default_nan()
        } else if self.signalling_bit_set {
            x
        } else {
            let f = x.fields();
            F::from_fields(f.sign, f.biased, f.sig | QUIET)
        }
    }

    /// Which of the operands, at least one a NaN, survives. `None` means the default NaN.
    fn choose(pick: NanPick, ops: &[&Unpacked]) -> Option<Unpacked> {
        let first = |kinds: u8| ops.iter().find(|u| u.is(kinds));
        let last = |kinds: u8| ops.iter().rev().find(|u| u.is(kinds));
        let chosen = match pick {
            NanPick::Default => None,
            NanPick::First => first(kind::NAN),
            NanPick::Last => last(kind::NAN),
            NanPick::SignallingFirst => first(kind::SNAN).or_else(|| first(kind::NAN)),
            NanPick::SignallingLast => last(kind::SNAN).or_else(|| last(kind::NAN)),
            NanPick::LargerSignificand => ops
                .iter()
                .filter(|u| u.is(kind::NAN))
                .max_by_key(|u| (u.is(kind::QNAN), u.sig, !u.sign)),
        };
        chosen.map(|u| **u)
    }
}

impl Env {
    /// Raises INVALID with its cause and returns the default NaN.
    #[cold]
    #[inline(never)]
    pub(crate) fn invalid<R: Float>(&mut self, cause: Flags) -> R {
        self.raise(Flags::INVALID | cause);
        self.nan.default_nan()
    }

    /// Flags for operands of which `kinds` is the union.
    pub(crate) fn note_nan(&mut self, kinds: u8) {
        if kinds & kind::UNSUPPORTED != 0 {
            self.raise(Flags::INVALID);
        } else if kinds & kind::SNAN != 0 {
            self.raise(Flags::INVALID | Flags::INVALID_SNAN);
        }
    }

    /// The result of an operation with one operand, a NaN, converted to `R`.
    #[cold]
    #[inline(never)]
    pub(crate) fn nan1<R: Float>(&mut self, a: Unpacked) -> R {
        self.nan_of(self.nan.pick, &[&a])
    }

    /// The result of an operation with two operands, at least one a NaN.
    #[cold]
    #[inline(never)]
    pub(crate) fn nan2<R: Float>(&mut self, a: Unpacked, b: Unpacked) -> R {
        self.nan_of(self.nan.pick, &[&a, &b])
    }

    /// The result of a * b + c with at least one NaN.
    #[cold]
    #[inline(never)]
    pub(crate) fn nan3<R: Float>(&mut self, a: Unpacked, b: Unpacked, c: Unpacked) -> R {
        if !c.is(kind::SNAN) && (a.kind | b.kind) & !kind::DENORMAL == kind::INF | kind::ZERO {
            match self.nan.fma_inf_zero {
                FmaInfZero::Propagate => {}
                FmaInfZero::InvalidPropagate => self.raise(Flags::INVALID | Flags::INVALID_IMZ),
                FmaInfZero::InvalidDefault => return self.invalid(Flags::INVALID_IMZ),
            }
        }
        let ops = [&a, &b, &c];
        let ordered = self.nan.fma_order.map(|i| ops[usize::from(i.min(2))]);
        self.nan_of(self.nan.fma_pick, &ordered)
    }

    fn nan_of<R: Float>(&mut self, pick: NanPick, ops: &[&Unpacked]) -> R {
        let kinds = ops.iter().fold(0, |k, u| k | u.kind);
        self.note_nan(kinds);
        if kinds & kind::UNSUPPORTED != 0 {
            return self.nan.default_nan();
        }
        match NanRules::choose(pick, ops) {
            Some(u) => self.pack_nan(u),
            None => self.nan.default_nan(),
        }
    }

    /// The NaN `u`, quieted, in format `R`: its top payload bits are kept.
    fn pack_nan<R: Float>(&mut self, u: Unpacked) -> R {
        let sig = if self.nan.signalling_bit_set {
            u.sig
        } else {
            u.sig | QUIET
        };
        let kept = sig & (u64::MAX << (64 - R::PRECISION));
        if u.is(kind::SNAN) && self.nan.signalling_bit_set || kept == 0 {
            return self.nan.default_nan();
        }
        R::from_fields(u.sign, R::EXP_SPECIAL, ONE | kept)
    }
}
