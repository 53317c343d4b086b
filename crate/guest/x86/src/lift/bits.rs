//! Bit tests, scans, counts, BMI and CRC32.

use iced_x86::{Mnemonic, OpKind};
use tinamou_ir::Val;

use super::operand::{Use, gpr, segment};
use super::{Lifter, Place};
use crate::{flags, helpers};

/// BT, BTS, BTR, BTC: CF alone changes. A register count reaches memory beyond the operand.
pub fn bit_test(l: &mut Lifter<'_>, m: Mnemonic) {
    let write = m != Mnemonic::Bt;
    let lg = l.op_lg(0);
    let mask = (8u64 << lg) - 1;
    let (d, n) = if l.insn.op0_kind() == OpKind::Memory && l.insn.op1_kind() == OpKind::Register {
        let Some((r, _, _)) = gpr(l.insn.op1_register()) else {
            return l.ud();
        };
        let n = l.reg(r, lg);
        let n = l.sext(n, lg);
        let (off, alg) = l.offset();
        // The operand that has the bit: offset + (n >> log2 bits) * bytes.
        let s = l.k(3 + lg as u64, lg.max(2));
        let word = l.b.sar(n, s);
        let s = l.k(lg as u64, lg.max(2));
        let delta = l.b.shl(word, s);
        let delta = match (alg, lg) {
            (3, 3) | (1 | 2, 0..=2) => delta,
            (3, _) => l.b.ext_s(delta),
            _ => l.b.wrap(delta),
        };
        let off = l.b.add(off, delta);
        let off = if alg == 1 { l.clean(off, 1) } else { off };
        let seg = segment(l.insn.memory_segment());
        let va = l.linear_at(seg, off, alg, 1 << lg, write);
        if write {
            l.probe(va, lg, true);
        }
        (Place::Mem(va, lg), n)
    } else {
        let d = l.place(0, if write { Use::Both } else { Use::Read });
        let n = if l.insn.op1_kind() == OpKind::Register {
            l.read_op(1)
        } else {
            l.k(l.insn.immediate8() as u64, lg)
        };
        (d, n)
    };
    let a = l.read(d);
    let k = l.k(mask, lg.max(2));
    let n = l.b.and(n, k);
    let v = l.b.shr(a, n);
    let v = l.to32(v);
    let one = l.b.i32(1);
    let cf = l.b.and(v, one);
    if write {
        let one = l.k(1, lg.max(2));
        let bit = l.b.shl(one, n);
        let r = match m {
            Mnemonic::Bts => l.b.or(a, bit),
            Mnemonic::Btc => l.b.xor(a, bit),
            _ => {
                let ones = l.k(u64::MAX, lg.max(2));
                let keep = l.b.xor(bit, ones);
                l.b.and(a, keep)
            }
        };
        l.write(d, r);
    }
    l.set_cf(cf);
}

/// BSF and BSR: with a source of 0 the destination stays.
pub fn scan(l: &mut Lifter<'_>, forward: bool) {
    let s = l.place(1, Use::Read);
    let d = l.place(0, Use::Write);
    let lg = l.lg(d);
    let a = l.read(s);
    let none = l.b.eqz(a);
    let v = if forward {
        l.b.ctz(a)
    } else {
        let n = l.b.clz(a);
        let top = l.k(if lg == 3 { 63 } else { 31 }, lg.max(2));
        l.b.sub(top, n)
    };
    if lg == 2 && l.wide {
        // The upper half stays as well.
        let Place::Reg(n, ..) = d else { return };
        let old = l.reg(n, 3);
        let v = l.b.ext_u(v);
        let r = l.b.select(none, old, v);
        l.set_reg(n, 3, r);
    } else {
        let old = l.read(d);
        let r = l.b.select(none, old, v);
        l.write(d, r);
    }
    // ZF says the source was 0; the others are undefined and come from the source.
    l.set_logic(a, lg);
}

/// TZCNT, LZCNT, POPCNT.
pub fn count(l: &mut Lifter<'_>, m: Mnemonic) {
    let s = l.place(1, Use::Read);
    let d = l.place(0, Use::Write);
    let lg = l.lg(d);
    let a = l.read(s);
    let none = l.b.eqz(a);
    if m == Mnemonic::Popcnt {
        let v = l.b.popcnt(a);
        l.write(d, v);
        l.set_logic(a, lg);
        let (six, zero) = (l.b.i32(6), l.b.i32(0));
        let z = l.b.shl(none, six);
        l.set_recipe_flags(z);
        return l.set_cf(zero);
    }
    let v = match (m, lg) {
        (Mnemonic::Tzcnt, 1) => {
            let guard = l.b.i32(0x10000);
            let a = l.b.or(a, guard);
            l.b.ctz(a)
        }
        (Mnemonic::Tzcnt, _) => l.b.ctz(a),
        (_, 1) => {
            let n = l.b.clz(a);
            let k = l.b.i32(16);
            l.b.sub(n, k)
        }
        _ => l.b.clz(a),
    };
    l.write(d, v);
    // ZF from the result, CF from the source; the others are undefined.
    let zero = l.b.eqz(v);
    let six = l.b.i32(6);
    let z = l.b.shl(zero, six);
    l.set_recipe_flags(z);
    l.set_cf(none);
}

/// ANDN, BLSI, BLSMSK, BLSR, BEXTR, BZHI, PDEP, PEXT.
pub fn bmi(l: &mut Lifter<'_>, m: Mnemonic) {
    use Mnemonic::*;
    let three = l.insn.op_count() == 3;
    let memory = (1..l.insn.op_count()).find(|&i| l.insn.op_kind(i) == OpKind::Memory);
    let mem = memory.map(|i| (i, l.place(i, Use::Read)));
    let operand = |l: &mut Lifter<'_>, i: u32| match mem {
        Some((j, p)) if j == i => l.read(p),
        _ => l.read_op(i),
    };
    let d = l.place(0, Use::Write);
    let lg = l.lg(d);
    let a = operand(l, 1);
    let b = if three { operand(l, 2) } else { a };
    let zero = l.zero(lg);
    let one = l.k(1, lg);
    let ones = l.k(u64::MAX, lg);
    let (r, cf): (Val, Val);
    match m {
        Andn => {
            let na = l.b.xor(a, ones);
            r = l.b.and(na, b);
            l.write(d, r);
            return l.set_logic(r, lg);
        }
        Blsi => {
            let n = l.b.sub(zero, a);
            r = l.b.and(a, n);
            cf = l.b.ne(a, zero);
        }
        Blsmsk => {
            let n = l.b.sub(a, one);
            r = l.b.xor(a, n);
            cf = l.b.eqz(a);
        }
        Blsr => {
            let n = l.b.sub(a, one);
            r = l.b.and(a, n);
            cf = l.b.eqz(a);
        }
        Bzhi => {
            let ff = l.k(0xff, lg);
            let n = l.b.and(b, ff);
            let bits = l.k(8 << lg, lg);
            let past = l.b.le_u(bits, n);
            let mask = l.b.shl(one, n);
            let mask = l.b.sub(mask, one);
            let v = l.b.and(a, mask);
            r = l.b.select(past, a, v);
            cf = past;
        }
        Bextr => {
            let v = l.b.call(helpers::BEXTR, &[a, b]);
            r = if lg == 3 { v } else { l.b.wrap(v) };
            l.write(d, r);
            return l.set_logic(r, lg);
        }
        _ => {
            let v = l.b.call(
                if m == Pdep {
                    helpers::PDEP
                } else {
                    helpers::PEXT
                },
                &[a, b],
            );
            let r = if lg == 3 { v } else { l.b.wrap(v) };
            return l.write(d, r);
        }
    }
    l.write(d, r);
    l.set_cc(flags::SUB, lg, r, Some(zero));
    l.set_cf(cf);
}

/// CRC32.
pub fn crc32(l: &mut Lifter<'_>) {
    let s = l.place(1, Use::Read);
    let lg = l.lg(s);
    let d = l.place(0, Use::Write);
    let v = l.read(s);
    let Place::Reg(n, dlg, _) = d else { return };
    let crc = l.reg(n, 2);
    let size = l.b.i32(1 << lg);
    let r = l.b.call(helpers::CRC32, &[crc, v, size]);
    let r = if dlg == 3 { r } else { l.b.wrap(r) };
    l.set_reg(n, dlg, r);
}
