//! Shifts and rotations.

use tinamou_ir::Val;

use super::Lifter;
use crate::decode::{Op, Word};

fn shift32(l: &mut Lifter<'_>, op: Op, a: Val, n: Val) -> Val {
    match op {
        Op::Sll | Op::Sllv => l.b.shl(a, n),
        Op::Srl | Op::Srlv => l.b.shr(a, n),
        Op::Sra | Op::Srav => l.b.sar(a, n),
        _ => l.b.rotr(a, n),
    }
}

fn shift64(l: &mut Lifter<'_>, op: Op, a: Val, n: Val) -> Val {
    match op {
        Op::Dsll | Op::Dsll32 | Op::Dsllv => l.b.shl(a, n),
        Op::Dsrl | Op::Dsrl32 | Op::Dsrlv => l.b.shr(a, n),
        Op::Dsra | Op::Dsra32 | Op::Dsrav => l.b.sar(a, n),
        _ => l.b.rotr(a, n),
    }
}

/// SLL, SRL, SRA, ROTR. NOP, SSNOP and EHB are shifts of r0.
pub fn by_amount(l: &mut Lifter<'_>, w: Word, op: Op) {
    if w.rd() == 0 {
        return;
    }
    let sa = w.sa();
    if l.wide && (sa == 0 || matches!(op, Op::Sll | Op::Sra)) {
        let a = l.x(w.rt());
        let v = match op {
            _ if sa == 0 => l.canon(a),
            Op::Sll => {
                let n = l.k(sa as u64);
                let v = l.b.shl(a, n);
                l.canon(v)
            }
            _ => {
                // The operand is sign-extended.
                let n = l.k(sa as u64);
                let a = l.canon(a);
                l.b.sar(a, n)
            }
        };
        return l.set_x(w.rd(), v);
    }
    let a = l.w(w.rt());
    let v = if sa == 0 {
        a
    } else {
        let n = l.b.i32(sa);
        shift32(l, op, a, n)
    };
    l.set_w(w.rd(), v);
}

/// SLLV, SRLV, SRAV, ROTRV.
pub fn by_register(l: &mut Lifter<'_>, w: Word, op: Op) {
    let (a, n) = (l.w(w.rt()), l.w(w.rs()));
    let v = shift32(l, op, a, n);
    l.set_w(w.rd(), v);
}

/// DSLL and its kin; `plus` is 32 for the second half of the amounts.
pub fn wide_by_amount(l: &mut Lifter<'_>, w: Word, op: Op, plus: u32) {
    let (a, n) = (l.x(w.rt()), l.k((w.sa() + plus) as u64));
    let v = shift64(l, op, a, n);
    l.set_x(w.rd(), v);
}

/// DSLLV, DSRLV, DSRAV, DROTRV.
pub fn wide_by_register(l: &mut Lifter<'_>, w: Word, op: Op) {
    let (a, n) = (l.x(w.rt()), l.x(w.rs()));
    let v = shift64(l, op, a, n);
    l.set_x(w.rd(), v);
}
