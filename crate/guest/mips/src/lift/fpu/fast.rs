//! FP fast mode: rounding to nearest, no exception enabled, no flushing, inexact already sticky.
//!
//! Then an operation whose result is a normal number changes nothing but Cause, which is worked out when FCSR is read: the host
//! computes it. What the host computes is checked, and where it could raise another flag, or is no number, the operation is done
//! in software ([`helpers::FP_RARE`]), which gathers its flags:
//! - a sum or difference of numbers that is zero or denormal is exact: a finite result will do, as for a square root;
//! - a product or quotient must be a normal number above the lowest binade (the smallest normal number may stand for a tiny
//!   result), or a zero because an operand is;
//! - a conversion to an integer must fit whatever the rounding;
//! - a comparison must have no NaN.
//!
//! While inexact is not sticky (exact mode) the result must be exact as well: see `exact`.

use tinamou_ir::{Type, Val};

use crate::fpu::fcsr::fcc_bit;
use crate::fpu::insn::Insn;
use crate::fpu::op::Round;
use crate::fpu::state::{LAST_CLEAN, LAST_FR1};
use crate::fpu::{Fmt, Kind, Op};
use crate::helpers;

use super::super::Lifter;
use super::exact;

/// Operands as floats (integers for conversions from them).
type Operands = [Val; 3];

/// Appends `insn`.
pub fn lift(l: &mut Lifter<'_>, insn: &Insn, kind: Kind, word: u32) {
    match (kind, insn.fmt) {
        (Kind::Lower | Kind::Upper, _) => {
            note_clean(l);
            let v = l.half(insn.fs, kind == Kind::Upper);
            l.set_fpr32(insn.fd, v);
        }
        (Kind::ToD, Fmt::W) => {
            note_clean(l);
            let a = l.fpr32(insn.fs);
            let v = l.b.f64_from_i32(a);
            l.set_fpr(insn.fd, v);
        }
        (_, Fmt::Ps) => {
            note(l, insn, word);
            pair(l, insn, kind);
        }
        (Kind::Cmp(cond), fmt) => {
            note(l, insn, word);
            let [a, b, _] = operands(l, insn);
            let answer = compare(l, fmt, cond, a, b);
            set_condition(l, insn.cc, answer);
        }
        (_, fmt) => {
            note(l, insn, word);
            let x = operands(l, insn);
            match insn.result() {
                Some(Fmt::S) => {
                    let v = compute(l, fmt, kind, x);
                    let v = l.b.bits32(v);
                    l.set_fpr32(insn.fd, v);
                }
                Some(Fmt::W) => {
                    let v = compute(l, fmt, kind, x);
                    l.set_fpr32(insn.fd, v);
                }
                Some(Fmt::L) => {
                    let v = compute(l, fmt, kind, x);
                    l.set_fpr64(insn.fd, v);
                }
                _ => {
                    let v = compute(l, fmt, kind, x);
                    l.set_fpr(insn.fd, v);
                }
            }
        }
    }
}

/// Records the operation, for Cause.
fn note(l: &mut Lifter<'_>, insn: &Insn, word: u32) {
    let last = l.b.i32(word | if l.mode.fr() { LAST_FR1 } else { 0 });
    l.b.set(l.cpu.regs.fpu.last, last);
    for (i, reg) in [insn.fs, insn.ft, insn.fr]
        .into_iter()
        .take(insn.operands())
        .enumerate()
    {
        let v = l.fpr(reg);
        l.b.set(l.cpu.regs.fpu.operand[i], v);
    }
}

/// Records that Cause is 0.
fn note_clean(l: &mut Lifter<'_>) {
    let last = l.b.i32(LAST_CLEAN);
    l.b.set(l.cpu.regs.fpu.last, last);
}

fn operands(l: &mut Lifter<'_>, insn: &Insn) -> Operands {
    let mut out = [Val::NONE; 3];
    for (i, reg) in [insn.fs, insn.ft, insn.fr]
        .into_iter()
        .take(insn.operands())
        .enumerate()
    {
        out[i] = match insn.fmt {
            Fmt::S => {
                let v = l.fpr32(reg);
                l.b.float32(v)
            }
            Fmt::W => l.fpr32(reg),
            Fmt::L => l.fpr64(reg),
            _ => l.fpr(reg),
        };
    }
    out
}

/// Both halves of a pair, as singles.
fn pair(l: &mut Lifter<'_>, insn: &Insn, kind: Kind) {
    let lane = |l: &mut Lifter<'_>, upper| {
        let mut x = [Val::NONE; 3];
        for (i, reg) in [insn.fs, insn.ft, insn.fr]
            .into_iter()
            .take(insn.operands())
            .enumerate()
        {
            let v = l.half(reg, upper);
            x[i] = l.b.float32(v);
        }
        match kind {
            Kind::Cmp(cond) => compare(l, Fmt::S, cond, x[0], x[1]),
            _ => {
                let v = compute(l, Fmt::S, kind, x);
                l.b.bits32(v)
            }
        }
    };
    let low = lane(l, false);
    let high = lane(l, true);
    if insn.result().is_some() {
        l.set_pair(insn.fd, high, low);
    } else {
        set_condition(l, insn.cc, low);
        set_condition(l, insn.cc | 1, high);
    }
}

fn compute(l: &mut Lifter<'_>, fmt: Fmt, kind: Kind, [a, b, c]: Operands) -> Val {
    match kind {
        Kind::Add | Kind::Sub | Kind::Mul | Kind::Div => basic(l, fmt, kind, a, b),
        Kind::Sqrt => basic(l, fmt, kind, a, a),
        Kind::Recip => {
            let one = one(l, fmt);
            basic(l, fmt, Kind::Div, one, a)
        }
        Kind::Rsqrt => {
            let root = basic(l, fmt, Kind::Sqrt, a, a);
            let one = one(l, fmt);
            basic(l, fmt, Kind::Div, one, root)
        }
        Kind::Madd | Kind::Msub | Kind::Nmadd | Kind::Nmsub => {
            let product = basic(l, fmt, Kind::Mul, a, b);
            let second = if matches!(kind, Kind::Madd | Kind::Nmadd) {
                Kind::Add
            } else {
                Kind::Sub
            };
            let v = basic(l, fmt, second, product, c);
            if matches!(kind, Kind::Nmadd | Kind::Nmsub) {
                l.b.fneg(v)
            } else {
                v
            }
        }
        Kind::ToS => to_single(l, fmt, a),
        Kind::ToD => to_double(l, fmt, a),
        Kind::ToW(round) => to_int(l, fmt, kind, round, a),
        Kind::ToL(round) => to_int(l, fmt, kind, round, a),
        Kind::Cmp(_) | Kind::Lower | Kind::Upper => a,
    }
}

/// One of the operations that the host has.
fn basic(l: &mut Lifter<'_>, fmt: Fmt, kind: Kind, a: Val, b: Val) -> Val {
    let r = match kind {
        Kind::Add => l.b.fadd(a, b),
        Kind::Sub => l.b.fsub(a, b),
        Kind::Mul => l.b.fmul(a, b),
        Kind::Div => l.b.fdiv(a, b),
        _ => l.b.fsqrt(a),
    };
    let bad = match kind {
        Kind::Mul => not_normal(l, r, &[a, b]),
        Kind::Div => not_normal(l, r, &[a]),
        _ => {
            let (e, special) = exponent(l, r);
            let special = l.b.i32(special);
            l.b.eq(e, special)
        }
    };
    let bad = if l.mode.fpu_exact() {
        let exact = exact::basic(l, fmt, kind, a, b, r);
        or_inexact(l, bad, exact)
    } else {
        bad
    };
    checked(l, Op { kind, fmt }, bad, a, b, r)
}

/// `bad`, or not `exact`.
fn or_inexact(l: &mut Lifter<'_>, bad: Val, exact: Val) -> Val {
    let inexact = l.b.eqz(exact);
    l.b.or(bad, inexact)
}

/// A float of an integer; in exact mode in software unless it is exact.
fn converted(l: &mut Lifter<'_>, op: Op, a: Val, r: Val) -> Val {
    if !l.mode.fpu_exact() {
        return r;
    }
    let exact = exact::from_int(l, op.fmt, a, r);
    let bad = l.b.eqz(exact);
    checked(l, op, bad, a, a, r)
}

/// `r`, unless `bad`: then the operation in software.
fn checked(l: &mut Lifter<'_>, op: Op, bad: Val, a: Val, b: Val, r: Val) -> Val {
    let s = l.b.call_if(bad, helpers::FP_RARE, a, b, op.pack().into());
    let s = match l.b.ty(r) {
        Type::F64 => l.b.float64(s),
        Type::F32 => {
            let s = l.b.wrap(s);
            l.b.float32(s)
        }
        Type::I32 => l.b.wrap(s),
        Type::I64 | tinamou_ir::Type::V128 => s,
    };
    l.b.select(bad, s, r)
}

/// The exponent field of a float, as i32, and its value in infinities and NaNs.
fn exponent(l: &mut Lifter<'_>, r: Val) -> (Val, u32) {
    let (e, special) = if l.b.ty(r) == Type::F64 {
        let bits = l.b.bits64(r);
        let n = l.b.i64(52);
        let e = l.b.shr(bits, n);
        (l.b.wrap(e), 0x7ff)
    } else {
        let bits = l.b.bits32(r);
        let n = l.b.i32(23);
        (l.b.shr(bits, n), 0xff)
    };
    let mask = l.b.i32(special);
    (l.b.and(e, mask), special)
}

/// 1 if `r` is neither a normal number above the lowest binade, nor a zero because one of `factors` is.
fn not_normal(l: &mut Lifter<'_>, r: Val, factors: &[Val]) -> Val {
    let (e, special) = exponent(l, r);
    let lowest = l.b.i32(-2i32 as u32);
    let range = l.b.i32(special - 2);
    let above = l.b.add(e, lowest);
    let suspect = l.b.le_u(range, above);
    let ty = l.b.ty(factors[0]);
    let zero = l.b.constant(ty, 0);
    let mut exact = l.b.feq(factors[0], zero);
    for factor in &factors[1..] {
        let is_zero = l.b.feq(*factor, zero);
        exact = l.b.or(exact, is_zero);
    }
    let ty = l.b.ty(r);
    let zero = l.b.constant(ty, 0);
    let vanished = l.b.feq(r, zero);
    let exact = l.b.and(exact, vanished);
    l.b.lt_u(exact, suspect)
}

fn one(l: &mut Lifter<'_>, fmt: Fmt) -> Val {
    if fmt == Fmt::D {
        l.b.constant(Type::F64, 1f64.to_bits())
    } else {
        l.b.constant(Type::F32, 1f32.to_bits().into())
    }
}

fn to_single(l: &mut Lifter<'_>, fmt: Fmt, a: Val) -> Val {
    let op = Op {
        kind: Kind::ToS,
        fmt,
    };
    let r = match fmt {
        Fmt::W => l.b.f32_from_i32(a),
        Fmt::L => l.b.f32_from_i64(a),
        _ => {
            let r = l.b.fdemote(a);
            let mut bad = not_normal(l, r, &[a]);
            if l.mode.fpu_exact() {
                let exact = exact::narrowed(l, a, r);
                bad = or_inexact(l, bad, exact);
            }
            return checked(l, op, bad, a, a, r);
        }
    };
    converted(l, op, a, r)
}

fn to_double(l: &mut Lifter<'_>, fmt: Fmt, a: Val) -> Val {
    let op = Op {
        kind: Kind::ToD,
        fmt,
    };
    match fmt {
        Fmt::W => l.b.f64_from_i32(a),
        Fmt::L => {
            let r = l.b.f64_from_i64(a);
            converted(l, op, a, r)
        }
        _ => {
            let r = l.b.fpromote(a);
            let number = l.b.feq(a, a);
            let bad = l.b.eqz(number);
            checked(l, op, bad, a, a, r)
        }
    }
}

fn to_int(l: &mut Lifter<'_>, fmt: Fmt, kind: Kind, round: Round, a: Val) -> Val {
    let long = matches!(kind, Kind::ToL(_));
    let d = if fmt == Fmt::S { l.b.fpromote(a) } else { a };
    let limit = if long {
        4_611_686_018_427_387_904f64
    } else {
        2_147_483_647f64
    };
    let limit = l.b.constant(Type::F64, limit.to_bits());
    let size = l.b.fabs(d);
    let fits = l.b.flt(size, limit);
    let mut bad = l.b.eqz(fits);
    let rounded = if matches!(round, Round::Mode | Round::Near) {
        l.b.fnearest(d)
    } else {
        d
    };
    let t = if long {
        l.b.i64_from_f64(rounded)
    } else {
        l.b.i32_from_f64(rounded)
    };
    let r = match round {
        Round::Floor | Round::Ceil => {
            let back = if long {
                l.b.f64_from_i64(t)
            } else {
                l.b.f64_from_i32(t)
            };
            let off = if round == Round::Floor {
                l.b.flt(d, back)
            } else {
                l.b.flt(back, d)
            };
            let off = if long { l.b.ext_u(off) } else { off };
            if round == Round::Floor {
                l.b.sub(t, off)
            } else {
                l.b.add(t, off)
            }
        }
        _ => t,
    };
    if l.mode.fpu_exact() {
        let exact = exact::to_int(l, d, r);
        bad = or_inexact(l, bad, exact);
    }
    checked(l, Op { kind, fmt }, bad, a, a, r)
}

/// The answer of a comparison, 0 or 1.
fn compare(l: &mut Lifter<'_>, fmt: Fmt, cond: u8, a: Val, b: Val) -> Val {
    let (na, nb) = (l.b.feq(a, a), l.b.feq(b, b));
    let ordered = l.b.and(na, nb);
    let bad = l.b.eqz(ordered);
    let r = match cond >> 1 & 3 {
        0 => l.b.i32(0),
        1 => l.b.feq(a, b),
        2 => l.b.flt(a, b),
        _ => l.b.fle(a, b),
    };
    checked(
        l,
        Op {
            kind: Kind::Cmp(cond),
            fmt,
        },
        bad,
        a,
        b,
        r,
    )
}

fn set_condition(l: &mut Lifter<'_>, cc: u32, answer: Val) {
    let bit = fcc_bit(cc);
    let v = l.b.get(l.cpu.regs.fcr31);
    let mask = l.b.i32(!(1 << bit));
    let v = l.b.and(v, mask);
    let n = l.b.i32(bit);
    let answer = l.b.shl(answer, n);
    let v = l.b.or(v, answer);
    l.b.set(l.cpu.regs.fcr31, v);
}
