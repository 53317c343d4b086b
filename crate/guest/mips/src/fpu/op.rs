//! Names of the arithmetic operations, and their packed form in helper operands and the record of the last operation.

/// A format, of the operands (or, for conversions from integers, of the integer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fmt {
    /// Single.
    S,
    /// Double.
    D,
    /// 32-bit integer.
    W,
    /// 64-bit integer.
    L,
    /// Paired single.
    Ps,
}

impl Fmt {
    /// All formats, by their number.
    pub const ALL: [Fmt; 5] = [Fmt::S, Fmt::D, Fmt::W, Fmt::L, Fmt::Ps];

    /// Whether values are 64 bits wide.
    pub fn is_wide(self) -> bool {
        matches!(self, Fmt::D | Fmt::L | Fmt::Ps)
    }
}

/// Direction of a conversion to an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Round {
    /// CVT: as FCSR.RM says.
    Mode,
    /// ROUND: nearest, ties to even.
    Near,
    /// TRUNC.
    Trunc,
    /// CEIL.
    Ceil,
    /// FLOOR.
    Floor,
}

/// What is computed from operands `a` (fs), `b` (ft) and `c` (fr).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a * b.
    Mul,
    /// a / b.
    Div,
    /// Square root of a.
    Sqrt,
    /// 1 / a.
    Recip,
    /// 1 / sqrt(a).
    Rsqrt,
    /// a * b + c.
    Madd,
    /// a * b - c.
    Msub,
    /// -(a * b + c).
    Nmadd,
    /// -(a * b - c).
    Nmsub,
    /// To single.
    ToS,
    /// To double.
    ToD,
    /// To a 32-bit integer.
    ToW(Round),
    /// To a 64-bit integer.
    ToL(Round),
    /// Compares a with b; the number is the `cond` field. Bit 0 of the result is the answer (bit 1 that of the upper pair).
    Cmp(u8),
    /// The lower single of a pair.
    Lower,
    /// The upper single of a pair.
    Upper,
}

/// An operation in a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    /// What.
    pub kind: Kind,
    /// In which format.
    pub fmt: Fmt,
}

const ROUNDS: [Round; 5] = [
    Round::Mode,
    Round::Near,
    Round::Trunc,
    Round::Ceil,
    Round::Floor,
];
const PLAIN: [Kind; 15] = [
    Kind::Add,
    Kind::Sub,
    Kind::Mul,
    Kind::Div,
    Kind::Sqrt,
    Kind::Recip,
    Kind::Rsqrt,
    Kind::Madd,
    Kind::Msub,
    Kind::Nmadd,
    Kind::Nmsub,
    Kind::ToS,
    Kind::ToD,
    Kind::Lower,
    Kind::Upper,
];
const TO_W: u32 = 0x10;
const TO_L: u32 = 0x18;
const CMP: u32 = 0x20;

impl Op {
    /// The packed form: 9 bits, never 0.
    pub fn pack(self) -> u32 {
        let kind = match self.kind {
            Kind::ToW(r) => TO_W + r as u32,
            Kind::ToL(r) => TO_L + r as u32,
            Kind::Cmp(cond) => CMP + (cond & 15) as u32,
            plain => PLAIN.iter().position(|k| *k == plain).unwrap_or(0) as u32,
        };
        kind | (self.fmt as u32 + 1) << 6
    }

    /// Reads the packed form; `None` if it is none. Higher bits are ignored.
    pub fn unpack(bits: u32) -> Option<Op> {
        let fmt = *Fmt::ALL.get((bits >> 6 & 7).checked_sub(1)? as usize)?;
        let low = bits & 0x3f;
        let kind = match low {
            0..TO_W => *PLAIN.get(low as usize)?,
            TO_W..TO_L => Kind::ToW(*ROUNDS.get((low - TO_W) as usize)?),
            TO_L..CMP => Kind::ToL(*ROUNDS.get((low - TO_L) as usize)?),
            _ => Kind::Cmp((low & 15) as u8),
        };
        Some(Op { kind, fmt })
    }

    /// Format of the result; meaningless for comparisons.
    pub fn result(self) -> Fmt {
        match self.kind {
            Kind::ToS | Kind::Lower | Kind::Upper => Fmt::S,
            Kind::ToD => Fmt::D,
            Kind::ToW(_) => Fmt::W,
            Kind::ToL(_) => Fmt::L,
            _ => self.fmt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_form_reads_back() {
        let kinds = PLAIN
            .into_iter()
            .chain(ROUNDS.map(Kind::ToW))
            .chain(ROUNDS.map(Kind::ToL))
            .chain((0..16).map(Kind::Cmp));
        for kind in kinds {
            for fmt in Fmt::ALL {
                let op = Op { kind, fmt };
                assert_ne!(op.pack(), 0);
                assert_eq!(Op::unpack(op.pack()), Some(op));
            }
        }
        assert_eq!(Op::unpack(0), None);
    }
}
