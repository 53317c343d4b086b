//! Loads and stores of general registers.
//!
//! The unaligned ones (LWL, SDR, …) work on the aligned word around the address. Loads first probe the very address, so that a fault reports it.
//! Stores write the part of the word in pieces of 4, 2 and 1 bytes, none of which reads memory; all lie in one page, which is probed before.
//!
//! LL records its address and sets LLbit; SC stores if LLbit is set and the address is the same, and always clears LLbit.

use tinamou_ir::Val;

use super::Lifter;
use crate::decode::Word;
use crate::helpers;

/// LB, LBU, LH, LHU, LW, LWU, LD.
pub fn load(l: &mut Lifter<'_>, w: Word, bytes: u32, signed: bool) {
    let a = l.address(w);
    let mut m = l.mem(bytes);
    let ty = l.word_type();
    m.signed = signed && bytes < ty.bytes();
    let v = l.b.load(ty, a, m);
    l.set_x(w.rt(), v);
}

/// SB, SH, SW, SD.
pub fn store(l: &mut Lifter<'_>, w: Word, bytes: u32) {
    let a = l.address(w);
    let v = l.x(w.rt());
    let m = l.mem(bytes);
    l.b.store(a, v, m);
}

/// The aligned address and, in bits, the distance in the word of the address's byte from the word's least significant byte.
fn split(l: &mut Lifter<'_>, a: Val, bytes: u32) -> (Val, Val) {
    let (keep, low, three) = (l.k(!(bytes as u64 - 1)), l.k(bytes as u64 - 1), l.k(3));
    let base = l.b.and(a, keep);
    let n = l.b.and(a, low);
    let n = if l.big_endian() { l.b.xor(n, low) } else { n };
    let bits = l.b.shl(n, three);
    (base, bits)
}

/// LWL, LWR, LDL, LDR.
pub fn load_part(l: &mut Lifter<'_>, w: Word, bytes: u32, left: bool) {
    let a = l.address(w);
    let m = l.mem(1);
    l.b.probe(a, m);
    let (base, bits) = split(l, a, bytes);
    let m = l.mem(bytes);
    let ty = l.word_type();
    let word = l.b.load(ty, base, m);
    let old = l.x(w.rt());
    let width = bytes as u64 * 8;
    let ones = if bytes == 8 || !l.wide {
        u64::MAX
    } else {
        0xffff_ffff
    };
    let v = if left {
        // Bytes 0 to n of the word go to the register's top.
        let top = l.k(width - 8);
        let up = l.b.sub(top, bits);
        let hi = l.b.shl(word, up);
        // ones >> 8 >> bits, with the second shift below the width.
        let keep = l.k(if bytes == 8 {
            u64::MAX >> 8
        } else {
            0x00ff_ffff
        });
        let keep = l.b.shr(keep, bits);
        let lo = l.b.and(old, keep);
        let v = l.b.or(hi, lo);
        if bytes == 4 { l.canon(v) } else { v }
    } else {
        // Bytes n to the end go to the register's bottom.
        let word = if bytes == 4 && l.wide {
            let mask = l.k(0xffff_ffff);
            l.b.and(word, mask)
        } else {
            word
        };
        let lo = l.b.shr(word, bits);
        let full = l.k(ones);
        let moved = l.b.shr(full, bits);
        let all = l.k(u64::MAX);
        let keep = l.b.xor(moved, all);
        let hi = l.b.and(old, keep);
        let v = l.b.or(hi, lo);
        // LWR that loads fewer than four bytes leaves bits 63..32 alone, which are the sign already.
        if bytes == 4 { l.canon(v) } else { v }
    };
    l.set_x(w.rt(), v);
}

/// SWL, SWR, SDL, SDR.
pub fn store_part(l: &mut Lifter<'_>, w: Word, bytes: u32, left: bool) {
    let a = l.address(w);
    let mut m = l.mem(1);
    m.probe_write = true;
    l.b.probe(a, m);
    let (base, bits) = split(l, a, bytes);
    let reg = l.x(w.rt());
    let width = bytes as u64 * 8;
    let (three, whole) = (l.k(3), l.k(bytes as u64));
    let n = l.b.shr(bits, three);
    // How many bytes are stored, and the value whose low bytes they are, in order of significance.
    let (count, value) = if left {
        let one = l.k(1);
        let count = l.b.add(n, one);
        let top = l.k(width - 8);
        let down = l.b.sub(top, bits);
        let reg = if bytes == 4 && l.wide {
            let mask = l.k(0xffff_ffff);
            l.b.and(reg, mask)
        } else {
            reg
        };
        (count, l.b.shr(reg, down))
    } else {
        (l.b.sub(whole, n), reg)
    };
    // Pieces: condition, address, value, size.
    let full = l.b.eq(count, whole);
    let mut pieces = vec![(full, base, value, bytes)];
    let mut piece = bytes / 2;
    while piece > 0 {
        let (bit, above) = (
            l.k(piece as u64),
            l.k((bytes - 1) as u64 & !(2 * piece as u64 - 1)),
        );
        // A count of the whole word has none of these bits set.
        let has = l.b.and(count, bit);
        let zero = l.k(0);
        let has = l.b.ne(has, zero);
        // Left: larger pieces come first from the word's least significant end. Right: they come first from its most significant end.
        let (from, at) = if left {
            let from = l.b.and(count, above);
            (from, from)
        } else {
            let below = l.k(piece as u64 - 1);
            let from = l.b.and(count, below);
            let at = l.b.and(count, above);
            let end = l.k((bytes - piece) as u64);
            (from, l.b.sub(end, at))
        };
        // Offset of the piece's lowest address from the word's.
        let offset = if l.big_endian() {
            let end = l.k((bytes - piece) as u64);
            l.b.sub(end, at)
        } else {
            at
        };
        let va = l.b.add(base, offset);
        let shift = l.b.shl(from, three);
        let v = l.b.shr(value, shift);
        pieces.push((has, va, v, piece));
        piece /= 2;
    }
    // Every piece lies in the word whether it is stored or not, so these probes fault as the first one would.
    for &(_, va, _, size) in &pieces {
        let mut m = l.mem(size);
        m.probe_write = true;
        l.b.probe(va, m);
    }
    for (c, va, v, size) in pieces {
        let m = l.mem(size);
        l.b.store_if(c, va, v, m);
    }
}

/// LL, LLD.
pub fn load_linked(l: &mut Lifter<'_>, w: Word, bytes: u32) {
    let a = l.address(w);
    let mut m = l.mem(bytes);
    let ty = l.word_type();
    m.aligned = true;
    m.signed = bytes < ty.bytes();
    let v = l.b.load(ty, a, m);
    let one = l.b.i32(1);
    let (bit, addr) = (l.cpu.regs.llbit, l.cpu.regs.lladdr);
    l.b.set(bit, one);
    l.b.set(addr, a);
    l.set_x(w.rt(), v);
}

/// SC, SCD.
pub fn store_conditional(l: &mut Lifter<'_>, w: Word, bytes: u32) {
    let a = l.address(w);
    let (bit, addr) = (l.cpu.regs.llbit, l.cpu.regs.lladdr);
    let (set, at) = (l.b.get(bit), l.b.get(addr));
    let same = l.b.eq(at, a);
    let ok = l.b.and(set, same);
    let v = l.x(w.rt());
    let mut m = l.mem(bytes);
    m.aligned = true;
    l.b.store_if(ok, a, v, m);
    let zero = l.b.i32(0);
    l.b.set(bit, zero);
    let v = l.bool_word(ok);
    l.set_x(w.rt(), v);
}

/// SYNCI.
pub fn synci(l: &mut Lifter<'_>, w: Word) {
    let a = l.address(w);
    l.b.call(helpers::SYNCI, &[a]);
}
