//! Addition, subtraction, comparison, leading zeros, LUI.

use tinamou_ir::Val;

use super::Lifter;
use crate::decode::Word;
use crate::fault;

/// The 32-bit sum or difference of two registers or a register and a constant, overflow raised if `trap`.
fn add32(l: &mut Lifter<'_>, a: Val, b: Val, minus: bool, trap: bool) -> Val {
    let sum = if minus { l.b.sub(a, b) } else { l.b.add(a, b) };
    let v = l.canon(sum);
    if trap {
        let over = if l.wide {
            l.b.ne(sum, v)
        } else {
            overflow(l, a, b, sum, minus)
        };
        l.b.trap_if(over, fault::OV);
    }
    v
}

/// Whether a full-width sum or difference overflowed.
fn overflow(l: &mut Lifter<'_>, a: Val, b: Val, sum: Val, minus: bool) -> Val {
    let x = l.b.xor(a, sum);
    let y = if minus {
        l.b.xor(a, b)
    } else {
        l.b.xor(b, sum)
    };
    let both = l.b.and(x, y);
    let zero = l.k(0);
    l.b.lt_s(both, zero)
}

fn add64(l: &mut Lifter<'_>, a: Val, b: Val, minus: bool, trap: bool) -> Val {
    let sum = if minus { l.b.sub(a, b) } else { l.b.add(a, b) };
    if trap {
        let over = overflow(l, a, b, sum, minus);
        l.b.trap_if(over, fault::OV);
    }
    sum
}

/// ADD: traps on overflow.
pub fn add(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add32(l, a, b, false, true);
    l.set_x(w.rd(), v);
}

/// ADDU.
pub fn addu(l: &mut Lifter<'_>, w: Word) {
    if w.rt() == 0 || w.rs() == 0 {
        // A move; the source is canonical already.
        let v = l.x(w.rs() | w.rt());
        let v = l.canon(v);
        return l.set_x(w.rd(), v);
    }
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add32(l, a, b, false, false);
    l.set_x(w.rd(), v);
}

/// SUB: traps on overflow.
pub fn sub(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add32(l, a, b, true, true);
    l.set_x(w.rd(), v);
}

/// SUBU.
pub fn subu(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add32(l, a, b, true, false);
    l.set_x(w.rd(), v);
}

/// ADDI: traps on overflow.
pub fn addi(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
    let v = add32(l, a, b, false, true);
    l.set_x(w.rt(), v);
}

/// ADDIU.
pub fn addiu(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rs() == 0 {
        l.k(w.simm() as u64)
    } else if w.simm() == 0 {
        let a = l.x(w.rs());
        l.canon(a)
    } else {
        let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
        add32(l, a, b, false, false)
    };
    l.set_x(w.rt(), v);
}

/// DADD: traps on overflow.
pub fn dadd(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add64(l, a, b, false, true);
    l.set_x(w.rd(), v);
}

/// DADDU.
pub fn daddu(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rt() == 0 || w.rs() == 0 {
        l.x(w.rs() | w.rt())
    } else {
        let (a, b) = (l.x(w.rs()), l.x(w.rt()));
        add64(l, a, b, false, false)
    };
    l.set_x(w.rd(), v);
}

/// DSUB: traps on overflow.
pub fn dsub(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add64(l, a, b, true, true);
    l.set_x(w.rd(), v);
}

/// DSUBU.
pub fn dsubu(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = add64(l, a, b, true, false);
    l.set_x(w.rd(), v);
}

/// DADDI: traps on overflow.
pub fn daddi(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
    let v = add64(l, a, b, false, true);
    l.set_x(w.rt(), v);
}

/// DADDIU.
pub fn daddiu(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rs() == 0 {
        l.k(w.simm() as u64)
    } else {
        let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
        add64(l, a, b, false, false)
    };
    l.set_x(w.rt(), v);
}

/// SLT.
pub fn slt(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let c = l.b.lt_s(a, b);
    let v = l.bool_word(c);
    l.set_x(w.rd(), v);
}

/// SLTU.
pub fn sltu(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let c = l.b.lt_u(a, b);
    let v = l.bool_word(c);
    l.set_x(w.rd(), v);
}

/// SLTI.
pub fn slti(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
    let c = l.b.lt_s(a, b);
    let v = l.bool_word(c);
    l.set_x(w.rt(), v);
}

/// SLTIU: the immediate is sign-extended, the comparison unsigned.
pub fn sltiu(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
    let c = l.b.lt_u(a, b);
    let v = l.bool_word(c);
    l.set_x(w.rt(), v);
}

/// CLZ.
pub fn clz(l: &mut Lifter<'_>, w: Word) {
    let a = l.w(w.rs());
    let v = l.b.clz(a);
    l.set_w(w.rd(), v);
}

/// CLO.
pub fn clo(l: &mut Lifter<'_>, w: Word) {
    let a = l.w(w.rs());
    let ones = l.b.i32(u32::MAX);
    let a = l.b.xor(a, ones);
    let v = l.b.clz(a);
    l.set_w(w.rd(), v);
}

/// DCLZ.
pub fn dclz(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rs());
    let v = l.b.clz(a);
    l.set_x(w.rd(), v);
}

/// DCLO.
pub fn dclo(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rs());
    let ones = l.k(u64::MAX);
    let a = l.b.xor(a, ones);
    let v = l.b.clz(a);
    l.set_x(w.rd(), v);
}

/// LUI.
pub fn lui(l: &mut Lifter<'_>, w: Word) {
    let v = l.k(((w.uimm() << 16) as u32) as i32 as u64);
    l.set_x(w.rt(), v);
}
