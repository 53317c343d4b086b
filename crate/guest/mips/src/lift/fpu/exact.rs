//! Exact mode: as FP fast mode, but inexact is not yet sticky, so that each result must also be shown to be exact. What cannot be shown
//! cheaply goes to software, where the first inexact result ends this mode.
//!
//! Each function gives 1 only if the host's result is exact, provided that it is a number that fast mode takes.

use tinamou_ir::{Type, Val};

use super::super::Lifter;
use crate::fpu::{Fmt, Kind};

/// `r` = `a` op `b`, or the square root of `a`.
pub fn basic(l: &mut Lifter<'_>, fmt: Fmt, kind: Kind, a: Val, b: Val, r: Val) -> Val {
    match kind {
        Kind::Add => sum(l, a, b, r, false),
        Kind::Sub => sum(l, a, b, r, true),
        Kind::Mul if fmt == Fmt::D => short_product(l, a, b),
        Kind::Mul => {
            // Singles: a double holds every product.
            let product = wide_product(l, a, b);
            equals_single(l, r, product)
        }
        Kind::Div => inverse(l, fmt, r, b, a),
        _ => inverse(l, fmt, r, r, a),
    }
}

/// Knuth's error of a sum is zero.
fn sum(l: &mut Lifter<'_>, a: Val, b: Val, r: Val, negate: bool) -> Val {
    let from_b = l.b.fsub(r, a);
    let from_a = l.b.fsub(r, from_b);
    let lost_a = l.b.fsub(a, from_a);
    let ty = l.b.ty(r);
    let zero = l.b.constant(ty, 0);
    let error = if negate {
        let lost_b = l.b.fadd(b, from_b);
        l.b.fsub(lost_a, lost_b)
    } else {
        let lost_b = l.b.fsub(b, from_b);
        l.b.fadd(lost_a, lost_b)
    };
    l.b.feq(error, zero)
}

/// The significands of two doubles have together no more bits than one double holds.
fn short_product(l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
    let (a, b) = (zeros(l, a), zeros(l, b));
    let zeros = l.b.add(a, b);
    let enough = l.b.i64(53);
    l.b.le_u(enough, zeros)
}

/// Zeros at the end of a double's fraction.
fn zeros(l: &mut Lifter<'_>, v: Val) -> Val {
    let bits = l.b.bits64(v);
    let one = l.b.i64(1 << 52);
    let bits = l.b.or(bits, one);
    l.b.ctz(bits)
}

/// The product of two singles, as a double.
fn wide_product(l: &mut Lifter<'_>, a: Val, b: Val) -> Val {
    let (a, b) = (l.b.fpromote(a), l.b.fpromote(b));
    l.b.fmul(a, b)
}

fn equals_single(l: &mut Lifter<'_>, single: Val, double: Val) -> Val {
    let single = l.b.fpromote(single);
    l.b.feq(single, double)
}

/// `x` times `y` is `a`, exactly.
fn inverse(l: &mut Lifter<'_>, fmt: Fmt, x: Val, y: Val, a: Val) -> Val {
    if fmt == Fmt::S {
        let product = wide_product(l, x, y);
        return equals_single(l, a, product);
    }
    let short = short_product(l, x, y);
    let product = l.b.fmul(x, y);
    let same = l.b.feq(product, a);
    // A denormal product may be rounded however short the factors.
    let least = l.b.constant(Type::F64, f64::MIN_POSITIVE.to_bits());
    let size = l.b.fabs(a);
    let normal = l.b.fle(least, size);
    let both = l.b.and(short, same);
    l.b.and(both, normal)
}

/// `r` is the single of double `a`.
pub fn narrowed(l: &mut Lifter<'_>, a: Val, r: Val) -> Val {
    equals_single(l, r, a)
}

/// `r` is the float of integer `a`.
pub fn from_int(l: &mut Lifter<'_>, fmt: Fmt, a: Val, r: Val) -> Val {
    let r = if l.b.ty(r) == Type::F32 {
        l.b.fpromote(r)
    } else {
        r
    };
    if fmt == Fmt::W {
        let double = l.b.f64_from_i32(a);
        return l.b.feq(r, double);
    }
    // Only what a double surely holds.
    let half = l.b.i64(1 << 52);
    let range = l.b.i64(1 << 53);
    let moved = l.b.add(a, half);
    let short = l.b.lt_u(moved, range);
    let double = l.b.f64_from_i64(a);
    let same = l.b.feq(r, double);
    l.b.and(short, same)
}

/// `r` is the integer of double `d`.
pub fn to_int(l: &mut Lifter<'_>, d: Val, r: Val) -> Val {
    let back = if l.b.ty(r) == Type::I64 {
        l.b.f64_from_i64(r)
    } else {
        l.b.f64_from_i32(r)
    };
    l.b.feq(back, d)
}
