//! Multiplication, division, HI and LO. Division by zero is UNPREDICTABLE: as in QEMU, LO = dividend and HI = 0 for it and for the
//! overflowing signed quotient.

use tinamou_ir::Val;

use super::Lifter;
use crate::decode::Word;

fn set_hi(l: &mut Lifter<'_>, v: Val) {
    let s = l.cpu.regs.hi;
    l.b.set(s, v);
}

fn set_lo(l: &mut Lifter<'_>, v: Val) {
    let s = l.cpu.regs.lo;
    l.b.set(s, v);
}

/// MFHI.
pub fn mfhi(l: &mut Lifter<'_>, w: Word) {
    let v = l.slot(l.cpu.regs.hi);
    l.set_x(w.rd(), v);
}

/// MFLO.
pub fn mflo(l: &mut Lifter<'_>, w: Word) {
    let v = l.slot(l.cpu.regs.lo);
    l.set_x(w.rd(), v);
}

/// MTHI.
pub fn mthi(l: &mut Lifter<'_>, w: Word) {
    let v = l.x(w.rs());
    set_hi(l, v);
}

/// MTLO.
pub fn mtlo(l: &mut Lifter<'_>, w: Word) {
    let v = l.x(w.rs());
    set_lo(l, v);
}

/// A register's low 32 bits extended to i64.
fn operand(l: &mut Lifter<'_>, n: usize, signed: bool) -> Val {
    let v = l.w(n);
    if signed { l.b.ext_s(v) } else { l.b.ext_u(v) }
}

/// HI and LO from the halves of an i64, each sign-extended.
fn set_pair(l: &mut Lifter<'_>, v: Val) {
    let n = l.b.i64(32);
    if l.wide {
        let lo = l.b.sext32(v);
        let hi = l.b.sar(v, n);
        set_lo(l, lo);
        set_hi(l, hi);
    } else {
        let lo = l.b.wrap(v);
        let hi = l.b.shr(v, n);
        let hi = l.b.wrap(hi);
        set_lo(l, lo);
        set_hi(l, hi);
    }
}

/// MULT, MULTU.
pub fn mult(l: &mut Lifter<'_>, w: Word, signed: bool) {
    let (a, b) = (operand(l, w.rs(), signed), operand(l, w.rt(), signed));
    let p = l.b.mul(a, b);
    set_pair(l, p);
}

/// MADD, MADDU, MSUB, MSUBU.
pub fn accumulate(l: &mut Lifter<'_>, w: Word, signed: bool, plus: bool) {
    let (a, b) = (operand(l, w.rs(), signed), operand(l, w.rt(), signed));
    let p = l.b.mul(a, b);
    let (hi, lo) = (l.slot(l.cpu.regs.hi), l.slot(l.cpu.regs.lo));
    let (hi, lo) = (l.low(hi), l.low(lo));
    let (hi, lo, n) = (l.b.ext_u(hi), l.b.ext_u(lo), l.b.i64(32));
    let hi = l.b.shl(hi, n);
    let old = l.b.or(hi, lo);
    let v = if plus {
        l.b.add(old, p)
    } else {
        l.b.sub(old, p)
    };
    set_pair(l, v);
}

/// MUL: HI and LO, UNPREDICTABLE, are left alone.
pub fn mul(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = l.b.mul(a, b);
    let v = l.canon(v);
    l.set_x(w.rd(), v);
}

/// DMULT, DMULTU.
pub fn dmult(l: &mut Lifter<'_>, w: Word, signed: bool) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let lo = l.b.mul(a, b);
    let hi = if signed {
        l.b.mulh_s(a, b)
    } else {
        l.b.mulh_u(a, b)
    };
    set_lo(l, lo);
    set_hi(l, hi);
}

/// Quotient and remainder of equally typed values; a divisor of 0 counts as 1.
fn divide(l: &mut Lifter<'_>, a: Val, b: Val, signed: bool) -> (Val, Val) {
    let ty = l.b.ty(a);
    let one = l.b.constant(ty, 1);
    let b = match l.b.as_const(b) {
        Some(0) => one,
        Some(_) => b,
        None => {
            let zero = l.b.eqz(b);
            l.b.select(zero, one, b)
        }
    };
    if signed {
        (l.b.div_s(a, b), l.b.rem_s(a, b))
    } else {
        (l.b.div_u(a, b), l.b.rem_u(a, b))
    }
}

/// DIV, DIVU.
pub fn div(l: &mut Lifter<'_>, w: Word, signed: bool) {
    let (a, b) = (l.w(w.rs()), l.w(w.rt()));
    let (q, r) = divide(l, a, b, signed);
    let (q, r) = (l.sext(q), l.sext(r));
    set_lo(l, q);
    set_hi(l, r);
}

/// DDIV, DDIVU.
pub fn ddiv(l: &mut Lifter<'_>, w: Word, signed: bool) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let (q, r) = divide(l, a, b, signed);
    set_lo(l, q);
    set_hi(l, r);
}
