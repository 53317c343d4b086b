//! Fields of the FPU's computing instructions: COP1 with a format (vol. I-A, "FPU Instruction Formats"), and COP1X above 0x1d.

use super::op::{Fmt, Kind, Op, Round};

/// What an instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Computes: may set Cause, Flags, trap.
    Compute(Kind),
    /// Clears the sign.
    Abs,
    /// Flips the sign.
    Neg,
    /// Copies.
    Mov,
    /// Copies if condition code `cc` is this.
    MovIf(bool),
    /// Copies if general register `ft` is zero (true) or not (false).
    MovZero(bool),
    /// A pair of singles out of two registers; whether the upper, and the lower half come from an upper half.
    Pair(bool, bool),
    /// ALNV.PS.
    Align,
}

/// An instruction with its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insn {
    /// What it does.
    pub what: What,
    /// Format of its operands.
    pub fmt: Fmt,
    /// Bits 25..21: FPU register, or ALNV's general register.
    pub fr: usize,
    /// Bits 20..16: FPU register, or the general register of MOVZ and MOVN.
    pub ft: usize,
    /// Bits 15..11.
    pub fs: usize,
    /// Bits 10..6.
    pub fd: usize,
    /// Condition code of a comparison (bits 10..8) or of MOVF and MOVT (bits 20..18).
    pub cc: u32,
}

impl Insn {
    /// The fields of `word`; `None` if it is no such instruction. Whether the CPU has it is another question.
    pub fn decode(word: u32) -> Option<Insn> {
        let field = |shift: u32| (word >> shift & 31) as usize;
        let (what, fmt) = match word >> 26 {
            0x11 => cop1(word)?,
            0x13 => cop1x(word)?,
            _ => return None,
        };
        let cc = if matches!(what, What::Compute(_)) {
            word >> 8 & 7
        } else {
            word >> 18 & 7
        };
        Some(Insn {
            what,
            fmt,
            fr: field(21),
            ft: field(16),
            fs: field(11),
            fd: field(6),
            cc,
        })
    }

    /// The arithmetic operation, if it is one.
    pub fn op(&self) -> Option<Op> {
        match self.what {
            What::Compute(kind) => Some(Op {
                kind,
                fmt: self.fmt,
            }),
            _ => None,
        }
    }

    /// FPU operands it reads: 1, 2 (fs, ft) or 3 (and fr).
    pub fn operands(&self) -> usize {
        match self.what {
            What::Compute(Kind::Add | Kind::Sub | Kind::Mul | Kind::Div | Kind::Cmp(_))
            | What::Pair(..)
            | What::Align => 2,
            What::Compute(Kind::Madd | Kind::Msub | Kind::Nmadd | Kind::Nmsub) => 3,
            _ => 1,
        }
    }

    /// Format of what goes to fd; `None` for comparisons.
    pub fn result(&self) -> Option<Fmt> {
        match self.what {
            What::Compute(Kind::Cmp(_)) => None,
            What::Compute(kind) => Some(
                Op {
                    kind,
                    fmt: self.fmt,
                }
                .result(),
            ),
            What::Pair(..) => Some(Fmt::Ps),
            _ => Some(self.fmt),
        }
    }

    /// Whether it is reserved with 32-bit FPU registers (Status.FR = 0): 64-bit integers and pairs do not fit, and a
    /// double is in an even register.
    pub fn reserved_fr0(&self) -> bool {
        let used = [
            (self.fs, true),
            (self.ft, self.operands() > 1),
            (self.fr, self.operands() > 2),
        ];
        matches!(self.fmt, Fmt::L | Fmt::Ps)
            || matches!(self.result(), Some(Fmt::L | Fmt::Ps))
            || self.fmt == Fmt::D && used.iter().any(|&(r, reads)| reads && r & 1 != 0)
            || self.result() == Some(Fmt::D) && self.fd & 1 != 0
    }
}

fn cop1(word: u32) -> Option<(What, Fmt)> {
    let fmt = match word >> 21 & 31 {
        16 => Fmt::S,
        17 => Fmt::D,
        20 => Fmt::W,
        21 => Fmt::L,
        22 => Fmt::Ps,
        _ => return None,
    };
    let function = word & 63;
    let single = matches!(fmt, Fmt::S | Fmt::D);
    let float = single || fmt == Fmt::Ps;
    let integer = matches!(fmt, Fmt::W | Fmt::L);
    let pair = fmt == Fmt::Ps;
    let what = match function {
        0x00 if float => What::Compute(Kind::Add),
        0x01 if float => What::Compute(Kind::Sub),
        0x02 if float => What::Compute(Kind::Mul),
        0x03 if single => What::Compute(Kind::Div),
        0x04 if single => What::Compute(Kind::Sqrt),
        0x05 if float => What::Abs,
        0x06 if float => What::Mov,
        0x07 if float => What::Neg,
        0x08..=0x0f if single => {
            let round =
                [Round::Near, Round::Trunc, Round::Ceil, Round::Floor][(function & 3) as usize];
            What::Compute(if function < 0x0c {
                Kind::ToL(round)
            } else {
                Kind::ToW(round)
            })
        }
        0x11 if float && word >> 17 & 1 == 0 => What::MovIf(word >> 16 & 1 != 0),
        0x12 if float => What::MovZero(true),
        0x13 if float => What::MovZero(false),
        0x15 if single => What::Compute(Kind::Recip),
        0x16 if single => What::Compute(Kind::Rsqrt),
        0x20 if pair => What::Compute(Kind::Upper),
        0x20 if integer || fmt == Fmt::D => What::Compute(Kind::ToS),
        0x21 if integer || fmt == Fmt::S => What::Compute(Kind::ToD),
        0x24 if single => What::Compute(Kind::ToW(Round::Mode)),
        0x25 if single => What::Compute(Kind::ToL(Round::Mode)),
        0x26 if fmt == Fmt::S => What::Pair(false, false),
        0x28 if pair => What::Compute(Kind::Lower),
        0x2c..=0x2f if pair => What::Pair(function & 2 != 0, function & 1 != 0),
        0x30..=0x3f if float => What::Compute(Kind::Cmp((function & 15) as u8)),
        _ => return None,
    };
    Some((what, fmt))
}

fn cop1x(word: u32) -> Option<(What, Fmt)> {
    if word & 63 == 0x1e {
        return Some((What::Align, Fmt::Ps));
    }
    let kind = match word >> 3 & 7 {
        4 => Kind::Madd,
        5 => Kind::Msub,
        6 => Kind::Nmadd,
        7 => Kind::Nmsub,
        _ => return None,
    };
    let fmt = match word & 7 {
        0 => Fmt::S,
        1 => Fmt::D,
        6 => Fmt::Ps,
        _ => return None,
    };
    Some((What::Compute(kind), fmt))
}
