//! Logic, conditional moves, byte and field operations.

use super::Lifter;
use crate::decode::Word;
use crate::fault;

/// AND.
pub fn and(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = l.b.and(a, b);
    l.set_x(w.rd(), v);
}

/// OR; with r0 a move.
pub fn or(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rs() == 0 || w.rt() == 0 {
        l.x(w.rs() | w.rt())
    } else {
        let (a, b) = (l.x(w.rs()), l.x(w.rt()));
        l.b.or(a, b)
    };
    l.set_x(w.rd(), v);
}

/// XOR.
pub fn xor(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    let v = l.b.xor(a, b);
    l.set_x(w.rd(), v);
}

/// NOR.
pub fn nor(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rs() == 0 || w.rt() == 0 {
        l.x(w.rs() | w.rt())
    } else {
        let (a, b) = (l.x(w.rs()), l.x(w.rt()));
        l.b.or(a, b)
    };
    let ones = l.k(u64::MAX);
    let v = l.b.xor(v, ones);
    l.set_x(w.rd(), v);
}

/// ANDI.
pub fn andi(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.uimm()));
    let v = l.b.and(a, b);
    l.set_x(w.rt(), v);
}

/// ORI.
pub fn ori(l: &mut Lifter<'_>, w: Word) {
    let v = if w.rs() == 0 {
        l.k(w.uimm())
    } else {
        let (a, b) = (l.x(w.rs()), l.k(w.uimm()));
        l.b.or(a, b)
    };
    l.set_x(w.rt(), v);
}

/// XORI.
pub fn xori(l: &mut Lifter<'_>, w: Word) {
    let (a, b) = (l.x(w.rs()), l.k(w.uimm()));
    let v = l.b.xor(a, b);
    l.set_x(w.rt(), v);
}

fn mov_if(l: &mut Lifter<'_>, w: Word, on_zero: bool) {
    if w.rd() == 0 {
        return;
    }
    let (t, new, old) = (l.x(w.rt()), l.x(w.rs()), l.x(w.rd()));
    let zero = l.b.eqz(t);
    let v = if on_zero {
        l.b.select(zero, new, old)
    } else {
        l.b.select(zero, old, new)
    };
    l.set_x(w.rd(), v);
}

/// MOVZ.
pub fn movz(l: &mut Lifter<'_>, w: Word) {
    mov_if(l, w, true);
}

/// MOVN.
pub fn movn(l: &mut Lifter<'_>, w: Word) {
    mov_if(l, w, false);
}

/// SEB.
pub fn seb(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rt());
    let v = l.b.sext8(a);
    l.set_x(w.rd(), v);
}

/// SEH.
pub fn seh(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rt());
    let v = l.b.sext16(a);
    l.set_x(w.rd(), v);
}

/// WSBH: bytes swapped within halfwords.
pub fn wsbh(l: &mut Lifter<'_>, w: Word) {
    let a = l.w(w.rt());
    let swapped = l.b.bswap(a);
    let n = l.b.i32(16);
    let v = l.b.rotl(swapped, n);
    l.set_w(w.rd(), v);
}

/// DSBH.
pub fn dsbh(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rt());
    let (mask, eight) = (l.k(0x00ff_00ff_00ff_00ff), l.k(8));
    let hi = l.b.shr(a, eight);
    let hi = l.b.and(hi, mask);
    let lo = l.b.and(a, mask);
    let lo = l.b.shl(lo, eight);
    let v = l.b.or(hi, lo);
    l.set_x(w.rd(), v);
}

/// DSHD: halfwords in reverse order.
pub fn dshd(l: &mut Lifter<'_>, w: Word) {
    let a = l.x(w.rt());
    let (mask, n, half) = (l.k(0x0000_ffff_0000_ffff), l.k(16), l.k(32));
    let hi = l.b.shr(a, n);
    let hi = l.b.and(hi, mask);
    let lo = l.b.and(a, mask);
    let lo = l.b.shl(lo, n);
    let v = l.b.or(hi, lo);
    let v = l.b.rotl(v, half);
    l.set_x(w.rd(), v);
}

/// EXT. A field past bit 31 is UNPREDICTABLE: Reserved Instruction, as QEMU does.
pub fn ext(l: &mut Lifter<'_>, w: Word) {
    let (pos, size) = (w.sa(), w.rd() as u32 + 1);
    if pos + size > 32 {
        return l.b.raise(fault::RI);
    }
    let a = l.w(w.rs());
    let (n, mask) = (l.b.i32(pos), l.b.i32(((1u64 << size) - 1) as u32));
    let v = if pos == 0 { a } else { l.b.shr(a, n) };
    let v = if pos + size == 32 {
        v
    } else {
        l.b.and(v, mask)
    };
    l.set_w(w.rt(), v);
}

/// INS. msb below lsb is UNPREDICTABLE: Reserved Instruction, as QEMU does.
pub fn ins(l: &mut Lifter<'_>, w: Word) {
    let (lsb, msb) = (w.sa(), w.rd() as u32);
    if msb < lsb {
        return l.b.raise(fault::RI);
    }
    let field = ((1u64 << (msb - lsb + 1)) - 1) as u32;
    let (src, dst) = (l.w(w.rs()), l.w(w.rt()));
    let (n, mask, keep) = (l.b.i32(lsb), l.b.i32(field), l.b.i32(!(field << lsb)));
    let v = l.b.and(src, mask);
    let v = l.b.shl(v, n);
    let rest = l.b.and(dst, keep);
    let v = l.b.or(v, rest);
    l.set_w(w.rt(), v);
}

/// DEXT, DEXTM, DEXTU: `pos_plus` and `size_plus` are added to the fields.
pub fn dext(l: &mut Lifter<'_>, w: Word, pos_plus: u32, size_plus: u32) {
    let (pos, size) = (w.sa() + pos_plus, w.rd() as u32 + 1 + size_plus);
    if pos + size > 64 {
        return l.b.raise(fault::RI);
    }
    let a = l.x(w.rs());
    let (n, mask) = (l.k(pos as u64), l.k(((1u128 << size) - 1) as u64));
    let v = l.b.shr(a, n);
    let v = l.b.and(v, mask);
    l.set_x(w.rt(), v);
}

/// DINS, DINSM, DINSU: `lsb_plus` and `msb_plus` are added to the fields.
pub fn dins(l: &mut Lifter<'_>, w: Word, lsb_plus: u32, msb_plus: u32) {
    let (lsb, msb) = (w.sa() + lsb_plus, w.rd() as u32 + msb_plus);
    if msb < lsb {
        return l.b.raise(fault::RI);
    }
    let field = ((1u128 << (msb - lsb + 1)) - 1) as u64;
    let (src, dst) = (l.x(w.rs()), l.x(w.rt()));
    let (n, mask, keep) = (l.k(lsb as u64), l.k(field), l.k(!(field << lsb)));
    let v = l.b.and(src, mask);
    let v = l.b.shl(v, n);
    let rest = l.b.and(dst, keep);
    let v = l.b.or(v, rest);
    l.set_x(w.rt(), v);
}
