//! Shifts and rotates. A count of 0 leaves the flags alone; with a constant count that is decided here.

use iced_x86::Mnemonic;
use tinamou_ir::{Type, Val};

use super::operand::Use;
use super::{Lifter, Place};
use crate::{flags, helpers};

/// A count operand.
enum Count {
    /// Known.
    Const(u32),
    /// An i32, masked.
    Var(Val),
}

impl Count {
    /// As an i32.
    fn value(&self, l: &mut Lifter<'_>) -> Val {
        match *self {
            Count::Const(n) => l.b.i32(n),
            Count::Var(v) => v,
        }
    }
}

fn count(l: &mut Lifter<'_>, op: u32, lg: u32) -> Count {
    let mask = if lg == 3 { 63 } else { 31 };
    if l.insn.op_kind(op) == iced_x86::OpKind::Register {
        let cl = l.reg(crate::regs::CX, 2);
        let m = l.b.i32(mask);
        Count::Var(l.b.and(cl, m))
    } else {
        Count::Const(l.insn.immediate(op) as u32 & mask)
    }
}

/// The count in the operation's type.
fn in_type(l: &mut Lifter<'_>, n: Val, lg: u32) -> Val {
    if lg == 3 { l.b.ext_u(n) } else { n }
}

fn low_bit(l: &mut Lifter<'_>, v: Val) -> Val {
    let v = l.to32(v);
    let one = l.b.i32(1);
    l.b.and(v, one)
}

/// Top bit of a clean value.
fn top_bit(l: &mut Lifter<'_>, v: Val, lg: u32) -> Val {
    let s = l.k((8 << lg) - 1, lg.max(2));
    let v = l.b.shr(v, s);
    low_bit(l, v)
}

/// SHL, SHR, SAR.
pub fn shift(l: &mut Lifter<'_>, m: Mnemonic) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let c = count(l, 1, lg);
    let a = l.read(d);
    if let Count::Const(0) = c {
        return l.write(d, a);
    }
    let n32 = c.value(l);
    let (n, before) = match c {
        Count::Const(n) => (l.k(n as u64, lg.max(2)), l.k(n as u64 - 1, lg.max(2))),
        Count::Var(v) => {
            let n = in_type(l, v, lg);
            let one = l.k(1, lg.max(2));
            (n, l.b.sub(n, one))
        }
    };
    let (r, last, cf, kind);
    match m {
        Mnemonic::Shl | Mnemonic::Sal => {
            let v = l.b.shl(a, n);
            r = l.clean(v, lg);
            let v = l.b.shl(a, before);
            last = l.clean(v, lg);
            cf = top_bit(l, last, lg);
            kind = flags::SHL;
        }
        Mnemonic::Shr => {
            r = l.b.shr(a, n);
            last = l.b.shr(a, before);
            cf = low_bit(l, last);
            kind = flags::SHR;
        }
        _ => {
            let a = l.sext(a, lg);
            let v = l.b.sar(a, n);
            r = l.clean(v, lg);
            last = l.b.sar(a, before);
            cf = low_bit(l, last);
            kind = flags::SHR;
        }
    }
    set(l, &c, n32, d, lg, (r, last, cf, kind));
}

/// Writes result and flags of a shift whose count may be 0.
fn set(
    l: &mut Lifter<'_>,
    c: &Count,
    n: Val,
    d: Place,
    lg: u32,
    (r, last, cf, kind): (Val, Val, Val, u32),
) {
    if let Count::Const(_) = c {
        l.write(d, r);
        let b = (kind == flags::SHL).then_some(last);
        l.set_cc(kind, lg, r, b);
        return l.set_cf_with(cf);
    }
    let zero = l.b.i32(0);
    let some = l.b.ne(n, zero);
    l.write(d, r);
    let (a, b) = (l.cc_word(r, lg), l.cc_word(last, lg));
    let op = l.b.i32(kind << 2 | lg);
    l.set_cc_if(some, op, a, b);
    let old = l.cf();
    let cf = l.b.select(some, cf, old);
    l.set_cf(cf);
}

/// ROL and ROR.
pub fn rotate(l: &mut Lifter<'_>, left: bool) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let c = count(l, 1, lg);
    let a = l.read(d);
    if let Count::Const(0) = c {
        return l.write(d, a);
    }
    let n = c.value(l);
    let r = match lg {
        0 | 1 => {
            let bits = 8 << lg;
            let (m, w) = (l.b.i32(bits - 1), l.b.i32(bits));
            let n = l.b.and(n, m);
            let back = l.b.sub(w, n);
            let (x, y) = if left {
                (l.b.shl(a, n), l.b.shr(a, back))
            } else {
                (l.b.shr(a, n), l.b.shl(a, back))
            };
            let r = l.b.or(x, y);
            l.clean(r, lg)
        }
        _ => {
            let n = in_type(l, n, lg);
            if left { l.b.rotl(a, n) } else { l.b.rotr(a, n) }
        }
    };
    let (cf, of) = if left {
        let cf = low_bit(l, r);
        let top = top_bit(l, r, lg);
        (cf, l.b.xor(cf, top))
    } else {
        let cf = top_bit(l, r, lg);
        let one = l.k(1, lg.max(2));
        let up = l.b.shl(r, one);
        let second = top_bit(l, up, lg);
        (cf, l.b.xor(cf, second))
    };
    l.write(d, r);
    match c {
        Count::Const(_) => l.set_cf_of(cf, of),
        Count::Var(_) => set_cf_of_if(l, n, cf, of),
    }
}

/// Sets CF and OF if a count is not 0.
fn set_cf_of_if(l: &mut Lifter<'_>, n: Val, cf: Val, of: Val) {
    let zero = l.b.i32(0);
    let some = l.b.ne(n, zero);
    let slot = l.cpu.regs.cc_op;
    let old = l.b.get(slot);
    let (keep, bit, ten) = (l.b.i32(0x1ff), l.b.i32(flags::OF_SET), l.b.i32(10));
    let op = l.b.and(old, keep);
    let op = l.b.or(op, bit);
    let of = l.b.shl(of, ten);
    let op = l.b.or(op, of);
    let op = l.b.select(some, op, old);
    let old_cf = l.cf();
    let cf = l.b.select(some, cf, old_cf);
    l.b.set(slot, op);
    l.set_cf(cf);
    l.forget_cc();
}

/// RCL and RCR: a pure helper gives the value, and in another call CF and OF.
pub fn rotate_carry(l: &mut Lifter<'_>, left: bool) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let c = count(l, 1, lg);
    let a = l.read(d);
    if let Count::Const(0) = c {
        return l.write(d, a);
    }
    let n = c.value(l);
    let cf = l.cf();
    let eight = l.b.i32(8);
    let c8 = l.b.shl(cf, eight);
    let how = l.b.or(n, c8);
    let what = l.b.i32(lg << 16 | (left as u32) << 20);
    let how = l.b.or(how, what);
    let v = l.b.call(helpers::ROTATE_CARRY, &[a, how]);
    let r = if lg == 3 { v } else { l.b.wrap(v) };
    let f = l.b.call(helpers::ROTATE_CARRY_FLAGS, &[a, how]);
    let f = l.b.wrap(f);
    let one = l.b.i32(1);
    let new_cf = l.b.and(f, one);
    let of = l.b.shr(f, one);
    l.write(d, r);
    set_cf_of_if(l, n, new_cf, of);
}

/// SHLD and SHRD.
pub fn double(l: &mut Lifter<'_>, left: bool) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let c = count(l, 2, lg);
    let s = l.place(1, Use::Read);
    let a = l.read(d);
    let b = l.read(s);
    if let Count::Const(0) = c {
        return l.write(d, a);
    }
    let n32 = c.value(l);
    let ty = if lg == 3 { Type::I64 } else { Type::I32 };
    let n = in_type(l, n32, lg);
    let width = l.b.constant(ty, 8 << lg);
    let one = l.b.constant(ty, 1);
    let back = l.b.sub(width, n);
    let before = l.b.sub(n, one);
    let (v, last, cf) = if left {
        let v = if lg == 1 {
            // a:b as 32 bits, rotated: beyond 16 the operand comes in again.
            let sixteen = l.b.i32(16);
            let hi = l.b.shl(a, sixteen);
            let ab = l.b.or(hi, b);
            let r = l.b.rotl(ab, n);
            l.b.shr(r, sixteen)
        } else {
            let (x, y) = (l.b.shl(a, n), l.b.shr(b, back));
            l.b.or(x, y)
        };
        let t = l.b.shl(a, before);
        let t = l.clean(t, lg);
        (v, t, top_bit(l, t, lg))
    } else {
        let v = if lg == 1 {
            let sixteen = l.b.i32(16);
            let hi = l.b.shl(b, sixteen);
            let ba = l.b.or(hi, a);
            let r = l.b.rotr(ba, n);
            l.clean(r, 1)
        } else {
            let (x, y) = (l.b.shr(a, n), l.b.shl(b, back));
            l.b.or(x, y)
        };
        let t = l.b.shr(a, before);
        (v, a, low_bit(l, t))
    };
    let zero = l.b.i32(0);
    let some = l.b.ne(n32, zero);
    let r = l.b.select(some, v, a);
    let r = l.clean(r, lg);
    set(l, &c, n32, d, lg, (r, last, cf, flags::SHL));
}

/// RORX, SARX, SHLX, SHRX: no flags.
pub fn bmi(l: &mut Lifter<'_>, m: Mnemonic) {
    let s = l.place(1, Use::Read);
    let d = l.place(0, Use::Write);
    let lg = l.lg(d);
    let a = l.read(s);
    let n = if m == Mnemonic::Rorx {
        l.k(l.insn.immediate8() as u64, lg)
    } else {
        l.read_op(2)
    };
    let r = match m {
        Mnemonic::Rorx => l.b.rotr(a, n),
        Mnemonic::Sarx => l.b.sar(a, n),
        Mnemonic::Shlx => l.b.shl(a, n),
        _ => l.b.shr(a, n),
    };
    l.write(d, r);
}
