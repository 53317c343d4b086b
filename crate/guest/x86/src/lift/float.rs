//! SSE arithmetic on the host, one lane or all, while [`crate::mode::Mode::SSE_FAST`] says that only inexact could be raised, which is sticky.
//!
//! A host result is taken where nothing else can have been raised: operands that are neither denormal nor NaN, results that are finite, and for
//! products and quotients normal or a zero that comes of a zero. A quick test of magnitudes passes ordinary numbers; behind it, on the rare way,
//! stands the exact one, which passes zeros; what fails that is done in software, which gathers its flags.

use iced_x86::Mnemonic;
use tinamou_ir::Val;
use tinamou_ir::ops::Op;

use super::Lifter;
use crate::helpers;

/// What an instruction works on.
#[derive(Clone, Copy)]
pub struct Shape {
    /// f32 lanes, not f64.
    pub single: bool,
    /// The lowest lane alone; the others are the first operand's.
    pub scalar: bool,
}

/// The shape of an arithmetic instruction by its mnemonic, and its kind.
pub fn arithmetic(m: Mnemonic) -> Option<(Shape, Kind)> {
    use Mnemonic::*;
    let kind = match m {
        Addss | Addsd | Addps | Addpd => Kind::Add,
        Subss | Subsd | Subps | Subpd => Kind::Sub,
        Mulss | Mulsd | Mulps | Mulpd => Kind::Mul,
        Divss | Divsd | Divps | Divpd => Kind::Div,
        Sqrtss | Sqrtsd | Sqrtps | Sqrtpd => Kind::Sqrt,
        Minss | Minsd | Minps | Minpd => Kind::Min,
        Maxss | Maxsd | Maxps | Maxpd => Kind::Max,
        _ => return None,
    };
    Some((shape(m), kind))
}

/// The shape of any instruction by its mnemonic.
pub fn shape(m: Mnemonic) -> Shape {
    use Mnemonic::*;
    let scalar = matches!(
        m,
        Addss
            | Addsd
            | Subss
            | Subsd
            | Mulss
            | Mulsd
            | Divss
            | Divsd
            | Sqrtss
            | Sqrtsd
            | Minss
            | Minsd
            | Maxss
            | Maxsd
            | Cmpss
            | Cmpsd
            | Comiss
            | Comisd
            | Ucomiss
            | Ucomisd
    );
    let single = matches!(
        m,
        Addss
            | Addps
            | Subss
            | Subps
            | Mulss
            | Mulps
            | Divss
            | Divps
            | Sqrtss
            | Sqrtps
            | Minss
            | Minps
            | Maxss
            | Maxps
            | Cmpss
            | Cmpps
            | Comiss
            | Ucomiss
    );
    Shape { single, scalar }
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Square root of the second operand.
    Sqrt,
    /// Lesser.
    Min,
    /// Greater.
    Max,
}

impl Shape {
    fn op(self, single: Op, double: Op) -> Op {
        if self.single { single } else { double }
    }

    fn two(self, l: &mut Lifter<'_>, ops: [Op; 2], a: Val, b: Val) -> Val {
        let op = self.op(ops[0], ops[1]);
        l.b.push_simple(op, &[a, b])
    }

    fn abs(self, l: &mut Lifter<'_>, v: Val) -> Val {
        let op = self.op(Op::Vfabs32, Op::Vfabs64);
        l.b.push_simple(op, &[v])
    }

    fn lt(self, l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
        self.two(l, [Op::Vflt32, Op::Vflt64], a, b)
    }

    fn le(self, l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
        self.two(l, [Op::Vfle32, Op::Vfle64], a, b)
    }

    fn eq(self, l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
        self.two(l, [Op::Vfeq32, Op::Vfeq64], a, b)
    }

    fn lesser(self, l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
        self.two(l, [Op::Vfmin32, Op::Vfmin64], a, b)
    }

    /// All lanes of these bits.
    fn all(self, l: &mut Lifter<'_>, single: u32, double: u64) -> Val {
        let s = single as u128;
        let s = s | s << 32;
        let bits = if self.single { s } else { double as u128 };
        l.b.v128(bits | bits << 64)
    }

    /// The least normal number, times a power of two.
    fn least(self, l: &mut Lifter<'_>, power: u32) -> Val {
        self.all(l, (1 + power) << 23, (1 + power as u64) << 52)
    }

    fn infinity(self, l: &mut Lifter<'_>) -> Val {
        self.all(l, 0x7f80_0000, 0x7ff << 52)
    }

    /// A mask's lanes as bits, those that count.
    fn bits(self, l: &mut Lifter<'_>, mask: Val) -> Val {
        let op = self.op(Op::Vmask32, Op::Vmask64);
        let bits = l.b.push_simple(op, &[mask]);
        if self.scalar {
            let one = l.b.i32(1);
            l.b.and(bits, one)
        } else {
            bits
        }
    }

    /// 1 unless the mask holds in all lanes that count.
    fn fails(self, l: &mut Lifter<'_>, good: Val) -> Val {
        let bits = self.bits(l, good);
        let all = match self {
            Shape { scalar: true, .. } => 1,
            Shape { single: true, .. } => 15,
            _ => 3,
        };
        let all = l.b.i32(all);
        l.b.ne(bits, all)
    }

    fn denormal(self, l: &mut Lifter<'_>, v: Val) -> Val {
        let (magnitude, least, zero) = (self.abs(l, v), self.least(l, 0), l.b.v128(0));
        let (low, none) = (self.lt(l, magnitude, least), self.eq(l, v, zero));
        l.b.v_andnot(low, none)
    }

    /// As integers: no bit but the sign.
    fn is_zero(self, l: &mut Lifter<'_>, v: Val) -> Val {
        let (magnitude, zero) = (self.abs(l, v), l.b.v128(0));
        self.two(l, [Op::Veq32, Op::Veq64], magnitude, zero)
    }

    fn unordered(self, l: &mut Lifter<'_>, v: Val) -> Val {
        let (same, ones) = (self.eq(l, v, v), l.b.v128(u128::MAX));
        l.b.v_xor(same, ones)
    }

    /// The first operand with the host's result in it.
    fn host(self, l: &mut Lifter<'_>, kind: Kind, a: Val, b: Val) -> Val {
        use Kind::*;
        let vector = |single, double| self.op(single, double);
        if !self.scalar || matches!(kind, Min | Max) {
            let v = match kind {
                Add => l.b.push_simple(vector(Op::Vfadd32, Op::Vfadd64), &[a, b]),
                Sub => l.b.push_simple(vector(Op::Vfsub32, Op::Vfsub64), &[a, b]),
                Mul => l.b.push_simple(vector(Op::Vfmul32, Op::Vfmul64), &[a, b]),
                Div => l.b.push_simple(vector(Op::Vfdiv32, Op::Vfdiv64), &[a, b]),
                Sqrt => l.b.push_simple(vector(Op::Vfsqrt32, Op::Vfsqrt64), &[b]),
                // The second operand unless the first is strictly the one.
                Min => l.b.push_simple(vector(Op::Vfmin32, Op::Vfmin64), &[b, a]),
                Max => l.b.push_simple(vector(Op::Vfmax32, Op::Vfmax64), &[b, a]),
            };
            return if self.scalar { self.merge(l, a, v) } else { v };
        }
        let low = vector(Op::Vlo32, Op::Vlo64);
        let (x, y) = (l.b.push_simple(low, &[a]), l.b.push_simple(low, &[b]));
        let v = match kind {
            Add => l.b.fadd(x, y),
            Sub => l.b.fsub(x, y),
            Mul => l.b.fmul(x, y),
            Div => l.b.fdiv(x, y),
            _ => l.b.fsqrt(y),
        };
        let set = vector(Op::VsetLo32, Op::VsetLo64);
        l.b.push_simple(set, &[a, v])
    }

    /// The lowest lane of `v` in `a`.
    pub fn merge(self, l: &mut Lifter<'_>, a: Val, v: Val) -> Val {
        let low = l.b.push_simple(self.op(Op::Vlo32, Op::Vlo64), &[v]);
        let set = self.op(Op::VsetLo32, Op::VsetLo64);
        l.b.push_simple(set, &[a, low])
    }

    /// `fast`, unless `quick` and the lanes of `exact`: then each half by the helper, called `what`.
    fn settle(
        self,
        l: &mut Lifter<'_>,
        quick: Val,
        exact: Val,
        ab: [Val; 2],
        fast: Val,
        what: u64,
    ) -> Val {
        let mut exact = self.bits(l, exact);
        if !self.scalar {
            let zero = l.b.i32(0);
            exact = l.b.ne(exact, zero);
        }
        let both = l.b.and(quick, exact);
        let [a, b] = ab;
        let (x, y) = (l.b.v_lo(a), l.b.v_lo(b));
        let low = l.b.call_if(both, helpers::SSE_RARE, x, y, what);
        let slow = if self.scalar && self.single {
            let low = l.b.wrap(low);
            let low = l.b.float32(low);
            l.b.v_set_lo32(a, low)
        } else if self.scalar {
            l.b.v_set_lo(a, low)
        } else {
            let (x, y) = (l.b.v_hi(a), l.b.v_hi(b));
            let high = l.b.call_if(both, helpers::SSE_RARE, x, y, what);
            l.b.v_pair(low, high)
        };
        let rare = l.b.select(both, slow, fast);
        l.b.select(quick, rare, fast)
    }

    /// Both operands are ordinary numbers, to be quick; whether they are neither denormal nor NaN, exactly.
    fn operands(self, l: &mut Lifter<'_>, a: Val, b: Val) -> (Val, Val) {
        let least = self.least(l, 0);
        let [x, y] = [a, b].map(|v| {
            let magnitude = self.abs(l, v);
            self.le(l, least, magnitude)
        });
        let good = l.b.v_and(x, y);
        let quick = self.fails(l, good);
        let bad = [a, b].map(|v| {
            let (d, n) = (self.denormal(l, v), self.unordered(l, v));
            l.b.v_or(d, n)
        });
        (quick, l.b.v_or(bad[0], bad[1]))
    }
}

/// An arithmetic instruction: the whole register behind it.
pub fn compute(l: &mut Lifter<'_>, m: Mnemonic, shape: Shape, kind: Kind, a: Val, b: Val) -> Val {
    let fast = shape.host(l, kind, a, b);
    if matches!(kind, Kind::Min | Kind::Max) {
        let (quick, exact) = shape.operands(l, a, b);
        return shape.settle(l, quick, exact, [a, b], fast, m as u64);
    }
    let product = matches!(kind, Kind::Mul | Kind::Div);
    let (y, r) = (shape.abs(l, b), shape.abs(l, fast));
    let mut least = y;
    if kind != Kind::Sqrt {
        let x = shape.abs(l, a);
        least = shape.lesser(l, x, y);
    }
    if product {
        least = shape.lesser(l, least, r);
    }
    let (limit, infinity) = (shape.least(l, product as u32), shape.infinity(l));
    let (normal, finite) = (shape.le(l, limit, least), shape.lt(l, r, infinity));
    let good = l.b.v_and(normal, finite);
    let quick = shape.fails(l, good);

    let ones = l.b.v128(u128::MAX);
    let mut exact = l.b.v_xor(finite, ones);
    let d = shape.denormal(l, b);
    exact = l.b.v_or(exact, d);
    if kind != Kind::Sqrt {
        let d = shape.denormal(l, a);
        exact = l.b.v_or(exact, d);
    }
    if product {
        // Tiny, and not the zero that comes of a zero.
        let limit = shape.least(l, 1);
        let tiny = shape.lt(l, r, limit);
        let (zr, za, zb) = (
            shape.is_zero(l, fast),
            shape.is_zero(l, a),
            shape.is_zero(l, b),
        );
        let zero = l.b.v_or(za, zb);
        let zero = l.b.v_and(zr, zero);
        let tiny = l.b.v_andnot(tiny, zero);
        exact = l.b.v_or(exact, tiny);
    }
    shape.settle(l, quick, exact, [a, b], fast, m as u64)
}

/// CMPxx with a predicate below 8.
pub fn compare(l: &mut Lifter<'_>, m: Mnemonic, imm: u64, a: Val, b: Val) -> Val {
    let shape = shape(m);
    let ones = l.b.v128(u128::MAX);
    let v = match imm & 3 {
        0 => shape.eq(l, a, b),
        1 => shape.lt(l, a, b),
        2 => shape.le(l, a, b),
        _ => {
            let (x, y) = (shape.unordered(l, a), shape.unordered(l, b));
            l.b.v_or(x, y)
        }
    };
    let v = if imm & 4 != 0 { l.b.v_xor(v, ones) } else { v };
    let fast = if shape.scalar {
        shape.merge(l, a, v)
    } else {
        v
    };
    let (quick, exact) = shape.operands(l, a, b);
    shape.settle(l, quick, exact, [a, b], fast, m as u64 | imm << 16)
}

/// COMIxx and UCOMIxx: CF, PF and ZF as an i32.
pub fn flags(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val) -> Val {
    let shape = shape(m);
    let low = shape.op(Op::Vlo32, Op::Vlo64);
    let (x, y) = (l.b.push_simple(low, &[a]), l.b.push_simple(low, &[b]));
    let (less, same) = (l.b.flt(x, y), l.b.feq(x, y));
    let six = l.b.i32(6);
    let same = l.b.shl(same, six);
    let fast = l.b.or(less, same);
    let (quick, exact) = shape.operands(l, a, b);
    let exact = shape.bits(l, exact);
    let both = l.b.and(quick, exact);
    let (x, y) = (l.b.v_lo(a), l.b.v_lo(b));
    let slow = l.b.call_if(both, helpers::SSE_RARE, x, y, m as u64);
    let slow = l.b.wrap(slow);
    let rare = l.b.select(both, slow, fast);
    l.b.select(quick, rare, fast)
}

/// CVTSI2SS and CVTSI2SD of the integer `v`: the register `a` with the result.
pub fn from_int(l: &mut Lifter<'_>, m: Mnemonic, wide: bool, a: Val, v: Val) -> Val {
    let single = m == Mnemonic::Cvtsi2ss;
    let v = if wide { v } else { l.b.wrap(v) };
    match (single, wide) {
        (true, true) => {
            let f = l.b.f32_from_i64(v);
            l.b.v_set_lo32(a, f)
        }
        (true, false) => {
            let f = l.b.f32_from_i32(v);
            l.b.v_set_lo32(a, f)
        }
        (false, true) => {
            let f = l.b.f64_from_i64(v);
            l.b.v_set_lo64(a, f)
        }
        (false, false) => {
            let f = l.b.f64_from_i32(v);
            l.b.v_set_lo64(a, f)
        }
    }
}

/// CVTTSS2SI, CVTTSD2SI and CVTSD2SI.
pub fn to_int(l: &mut Lifter<'_>, m: Mnemonic, wide: bool, v: Val) -> Val {
    let f = if m == Mnemonic::Cvttss2si {
        let f = l.b.v_lo32(v);
        l.b.fpromote(f)
    } else {
        l.b.v_lo64(v)
    };
    let f = if m == Mnemonic::Cvtsd2si {
        l.b.fnearest(f)
    } else {
        f
    };
    let i = if wide {
        l.b.i64_from_f64(f)
    } else {
        l.b.i32_from_f64(f)
    };
    // Below 2^31, or 2^63, in magnitude.
    let magnitude = l.b.fabs(f);
    let limit = l.b.i64(if wide { 0x43e0 } else { 0x41e0 } << 48);
    let limit = l.b.float64(limit);
    let (fits, one) = (l.b.flt(magnitude, limit), l.b.i32(1));
    let bad = l.b.ne(fits, one);
    let bits = l.b.v_lo(v);
    let slow = l.b.call_if(
        bad,
        helpers::SSE_RARE,
        bits,
        bits,
        m as u64 | (wide as u64) << 16,
    );
    let slow = if wide { slow } else { l.b.wrap(slow) };
    l.b.select(bad, slow, i)
}

/// CVTSS2SD and CVTSD2SS: the register `a` with the result.
pub fn convert(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val) -> Val {
    let narrows = m == Mnemonic::Cvtsd2ss;
    let one = |single| Shape {
        single,
        scalar: true,
    };
    // What is narrow: the operand, or the result, which must be neither tiny nor infinite.
    let (fast, narrow) = if narrows {
        let f = l.b.v_lo64(b);
        let f = l.b.fdemote(f);
        let v = l.b.v_set_lo32(a, f);
        (v, v)
    } else {
        let f = l.b.v_lo32(b);
        let f = l.b.fpromote(f);
        (l.b.v_set_lo64(a, f), b)
    };
    let shape = one(true);
    let (least, infinity) = (shape.least(l, narrows as u32), shape.infinity(l));
    let magnitude = shape.abs(l, narrow);
    let (normal, finite) = (
        shape.le(l, least, magnitude),
        shape.lt(l, magnitude, infinity),
    );
    let good = l.b.v_and(normal, finite);
    let bad = shape.fails(l, good);
    let bits = l.b.v_lo(b);
    // A zero, which both sides show.
    let none = one(!narrows).is_zero(l, b);
    let none = one(!narrows).bits(l, none);
    let some = l.b.eqz(none);
    let bad2 = l.b.and(bad, some);
    let slow = l.b.call_if(bad2, helpers::SSE_RARE, bits, bits, m as u64);
    let slow = if narrows {
        let slow = l.b.wrap(slow);
        let slow = l.b.float32(slow);
        l.b.v_set_lo32(a, slow)
    } else {
        l.b.v_set_lo(a, slow)
    };
    let rare = l.b.select(bad2, slow, fast);
    l.b.select(bad, rare, fast)
}

/// CVTDQ2PS and CVTTPS2DQ.
pub fn convert_lanes(l: &mut Lifter<'_>, m: Mnemonic, v: Val) -> Val {
    if m == Mnemonic::Cvtdq2ps {
        return l.b.v_f32_from_i32(v);
    }
    let shape = Shape {
        single: true,
        scalar: false,
    };
    let fast = l.b.v_i32_from_f32(v);
    let magnitude = shape.abs(l, v);
    let limit = shape.all(l, 0x4f00_0000, 0);
    let fits = shape.lt(l, magnitude, limit);
    let bad = shape.fails(l, fits);
    let (lo, hi) = (l.b.v_lo(v), l.b.v_hi(v));
    let low = l.b.call_if(bad, helpers::SSE_RARE, lo, lo, m as u64);
    let high = l.b.call_if(bad, helpers::SSE_RARE, hi, hi, m as u64);
    let slow = l.b.v_pair(low, high);
    l.b.select(bad, slow, fast)
}
