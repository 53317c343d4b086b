//! Addition, subtraction, logic, comparison, and what builds on them.

use iced_x86::Mnemonic;
use tinamou_ir::Val;

use super::operand::Use;
use super::{Lifter, Place};
use crate::regs::{AX, BX, CX, DX};
use crate::{fault, flags, helpers};

/// ADD, ADC, SUB, SBB, CMP, AND, OR, XOR, TEST.
pub fn alu(l: &mut Lifter<'_>, m: Mnemonic) {
    use Mnemonic::*;
    let reads = matches!(m, Cmp | Test);
    let zeroes = matches!(m, Xor | Sub)
        && l.insn.op0_kind() == iced_x86::OpKind::Register
        && l.insn.op1_kind() == iced_x86::OpKind::Register
        && l.insn.op0_register() == l.insn.op1_register();
    if zeroes {
        let p = l.place(0, Use::Write);
        let lg = l.lg(p);
        let zero = l.zero(lg);
        l.write(p, zero);
        return l.set_logic(zero, lg);
    }
    let d = l.place(0, if reads { Use::Read } else { Use::Both });
    let lg = l.lg(d);
    let s = l.place(1, Use::Read);
    let a = l.read(d);
    let b = l.read(s);
    match m {
        And | Test | Or | Xor => {
            let r = match m {
                Or => l.b.or(a, b),
                Xor => l.b.xor(a, b),
                _ => l.b.and(a, b),
            };
            if !reads {
                l.write(d, r);
            }
            l.set_logic(r, lg);
        }
        Add => {
            let r = l.b.add(a, b);
            let r = l.clean(r, lg);
            l.write(d, r);
            flags_add(l, lg, a, b, r);
        }
        Sub | Cmp => {
            if !reads {
                let r = l.b.sub(a, b);
                let r = l.clean(r, lg);
                l.write(d, r);
            }
            flags_sub(l, lg, a, b);
        }
        _ => {
            let (r, cf, op) = with_carry(l, lg, a, b, m == Adc);
            l.write(d, r);
            let kind = if m == Adc { flags::ADC } else { flags::SBB };
            l.set_cc_op(op, kind, lg, a, Some(b));
            l.set_cf_with(cf);
        }
    }
}

/// Flags of an addition whose result is `r`.
pub fn flags_add(l: &mut Lifter<'_>, lg: u32, a: Val, b: Val, r: Val) {
    let cf = l.b.lt_u(r, a);
    l.set_cc(flags::ADD, lg, a, Some(b));
    l.set_cf_with(cf);
}

/// Flags of a subtraction.
pub fn flags_sub(l: &mut Lifter<'_>, lg: u32, a: Val, b: Val) {
    let cf = l.b.lt_u(a, b);
    l.set_cc(flags::SUB, lg, a, Some(b));
    l.set_cf_with(cf);
}

/// A sum or difference with carry: result, carry out, recipe word.
fn with_carry(l: &mut Lifter<'_>, lg: u32, a: Val, b: Val, add: bool) -> (Val, Val, Val) {
    let c = l.cf();
    let cw = if lg == 3 { l.b.ext_u(c) } else { c };
    let (r, cf) = if add {
        let s = l.b.add(a, b);
        let r = l.b.add(s, cw);
        let r = l.clean(r, lg);
        // With a carry in, a sum equal to `a` has wrapped as well.
        let less = l.b.lt_u(r, a);
        let same = l.b.eq(r, a);
        let same = l.b.and(same, c);
        (r, l.b.or(less, same))
    } else {
        let s = l.b.sub(a, b);
        let r = l.b.sub(s, cw);
        let r = l.clean(r, lg);
        let less = l.b.lt_u(a, b);
        let same = l.b.eq(a, b);
        let same = l.b.and(same, c);
        (r, l.b.or(less, same))
    };
    // b plus carry wraps for the largest b: then the sum equals a, and there is a carry; both tests above say so.
    let (eight, kind) = (
        l.b.i32(8),
        l.b.i32(if add { flags::ADC } else { flags::SBB } << 2 | lg),
    );
    let c8 = l.b.shl(c, eight);
    let op = l.b.or(c8, kind);
    (r, cf, op)
}

/// INC and DEC.
pub fn inc_dec(l: &mut Lifter<'_>, inc: bool) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let a = l.read(d);
    let one = l.k(1, lg);
    let r = if inc {
        l.b.add(a, one)
    } else {
        l.b.sub(a, one)
    };
    let r = l.clean(r, lg);
    l.write(d, r);
    l.set_cc(if inc { flags::INC } else { flags::DEC }, lg, r, None);
    l.cf_is_apart();
}

/// NEG.
pub fn neg(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let a = l.read(d);
    let zero = l.zero(lg);
    let r = l.b.sub(zero, a);
    let r = l.clean(r, lg);
    l.write(d, r);
    flags_sub(l, lg, zero, a);
}

/// NOT.
pub fn not(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Both);
    let lg = l.lg(d);
    let a = l.read(d);
    let ones = l.k(u64::MAX, lg);
    let r = l.b.xor(a, ones);
    l.write(d, r);
}

/// XADD.
pub fn xadd(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Both);
    let s = l.place(1, Use::Read);
    let lg = l.lg(d);
    let a = l.read(d);
    let b = l.read(s);
    let r = l.b.add(a, b);
    let r = l.clean(r, lg);
    if matches!(d, Place::Mem(..)) {
        l.write(d, r);
        l.write(s, a);
    } else {
        // With one register twice the sum stays.
        l.write(s, a);
        l.write(d, r);
    }
    flags_add(l, lg, a, b, r);
}

/// CMPXCHG.
pub fn cmpxchg(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Both);
    let s = l.place(1, Use::Read);
    let lg = l.lg(d);
    let old = l.read(d);
    let new = l.read(s);
    let acc = l.reg(AX, lg);
    let same = l.b.eq(acc, old);
    let v = l.b.select(same, new, old);
    // The accumulator of 4 bytes is not cleared above where it is not loaded.
    let wide_acc = l.b.get(l.cpu.regs.gpr[AX]);
    match d {
        Place::Reg(n, 2, _) if l.wide => {
            // Without the exchange nothing is written.
            let (old, new) = (l.b.get(l.cpu.regs.gpr[n]), l.b.ext_u(new));
            let v = l.b.select(same, new, old);
            l.b.set(l.cpu.regs.gpr[n], v);
        }
        _ => l.write(d, v),
    }
    if l.wide && lg == 2 {
        let old64 = l.b.ext_u(old);
        // The destination may be EAX itself.
        let keep = if matches!(d, Place::Reg(AX, ..)) {
            l.b.get(l.cpu.regs.gpr[AX])
        } else {
            wide_acc
        };
        let acc64 = l.b.select(same, keep, old64);
        l.b.set(l.cpu.regs.gpr[AX], acc64);
    } else {
        let keep = if matches!(d, Place::Reg(AX, ..)) {
            l.reg(AX, lg)
        } else {
            acc
        };
        let a = l.b.select(same, keep, old);
        l.set_reg(AX, lg, a);
    }
    flags_sub(l, lg, acc, old);
}

/// CMPXCHG8B and CMPXCHG16B.
pub fn cmpxchg_pair(l: &mut Lifter<'_>) {
    let wide = l.insn.mnemonic() == Mnemonic::Cmpxchg16b;
    let va = l.memory(if wide { 16 } else { 8 }, true);
    if wide {
        let (m, zero) = (l.b.va(15), l.b.va(0));
        let low = l.b.and(va, m);
        let bad = l.b.ne(low, zero);
        l.b.trap_if(bad, fault::GP);
        let va2 = l.va_plus(va, 8);
        l.probe(va, 3, true);
        l.probe(va2, 3, true);
        l.probe(va2, 3, false);
        let (lo, hi) = (l.load(va, 3), l.load(va2, 3));
        let (a, d) = (l.reg(AX, 3), l.reg(DX, 3));
        let same_lo = l.b.eq(lo, a);
        let same_hi = l.b.eq(hi, d);
        let same = l.b.and(same_lo, same_hi);
        let (b, c) = (l.reg(BX, 3), l.reg(CX, 3));
        let (nl, nh) = (l.b.select(same, b, lo), l.b.select(same, c, hi));
        l.store(va, nl, 3);
        l.store(va2, nh, 3);
        let (na, nd) = (l.b.select(same, a, lo), l.b.select(same, d, hi));
        l.set_reg(AX, 3, na);
        l.set_reg(DX, 3, nd);
        return set_zf(l, same);
    }
    l.probe(va, 3, true);
    let old = l.load(va, 3);
    let (a, d) = (l.reg(AX, 2), l.reg(DX, 2));
    let acc = join(l, a, d);
    let same = l.b.eq(old, acc);
    let (b, c) = (l.reg(BX, 2), l.reg(CX, 2));
    let new = join(l, b, c);
    let v = l.b.select(same, new, old);
    l.store(va, v, 3);
    let lo = l.b.wrap(old);
    let s = l.b.i64(32);
    let hi = l.b.shr(old, s);
    let hi = l.b.wrap(hi);
    if l.wide {
        let (a64, d64) = (l.reg(AX, 3), l.reg(DX, 3));
        let (lo, hi) = (l.b.ext_u(lo), l.b.ext_u(hi));
        let (na, nd) = (l.b.select(same, a64, lo), l.b.select(same, d64, hi));
        l.set_reg(AX, 3, na);
        l.set_reg(DX, 3, nd);
    } else {
        let (na, nd) = (l.b.select(same, a, lo), l.b.select(same, d, hi));
        l.set_reg(AX, 2, na);
        l.set_reg(DX, 2, nd);
    }
    set_zf(l, same);
}

/// `hi:lo` as an i64.
pub fn join(l: &mut Lifter<'_>, lo: Val, hi: Val) -> Val {
    let (lo, hi) = (l.b.ext_u(lo), l.b.ext_u(hi));
    let s = l.b.i64(32);
    let hi = l.b.shl(hi, s);
    l.b.or(hi, lo)
}

/// Sets ZF alone.
pub fn set_zf(l: &mut Lifter<'_>, zf: Val) {
    let f = l.recipe_flags();
    let (keep, six) = (l.b.i32(!flags::ZF), l.b.i32(6));
    let f = l.b.and(f, keep);
    let z = l.b.shl(zf, six);
    let f = l.b.or(f, z);
    l.set_recipe_flags(f);
}

/// ADCX and ADOX.
pub fn adx(l: &mut Lifter<'_>, cx: bool) {
    let d = l.place(0, Use::Read);
    let s = l.place(1, Use::Read);
    let lg = l.lg(d);
    let b = l.read(s);
    let a = l.read(d);
    let f = l.recipe_flags();
    let c = if cx {
        l.cf()
    } else {
        let (n, one) = (l.b.i32(11), l.b.i32(1));
        let v = l.b.shr(f, n);
        l.b.and(v, one)
    };
    let cw = if lg == 3 { l.b.ext_u(c) } else { c };
    let sum = l.b.add(a, b);
    let r = l.b.add(sum, cw);
    let less = l.b.lt_u(r, a);
    let same = l.b.eq(r, a);
    let same = l.b.and(same, c);
    let out = l.b.or(less, same);
    l.write(d, r);
    if cx {
        l.set_cf(out);
    } else {
        let (keep, n) = (l.b.i32(!flags::OF), l.b.i32(11));
        let f = l.b.and(f, keep);
        let o = l.b.shl(out, n);
        let f = l.b.or(f, o);
        l.set_recipe_flags(f);
    }
}

/// AAA, AAS, DAA, DAS, AAM, AAD: a pure helper gives AX and the flags.
pub fn decimal(l: &mut Lifter<'_>, m: Mnemonic) {
    let imm = if matches!(m, Mnemonic::Aam | Mnemonic::Aad) {
        l.insn.immediate8() as u32
    } else {
        0
    };
    if m == Mnemonic::Aam && imm == 0 {
        return l.b.raise(fault::DE);
    }
    let which = match m {
        Mnemonic::Aaa => 0,
        Mnemonic::Aas => 1,
        Mnemonic::Daa => 2,
        Mnemonic::Das => 3,
        Mnemonic::Aam => 4,
        _ => 5,
    };
    let op = l.b.i32(which | imm << 8);
    let ax = l.reg(AX, 1);
    let f = l.arith_flags();
    let r = l.b.call(helpers::DECIMAL, &[op, ax, f]);
    let ax = l.b.wrap(r);
    l.set_reg(AX, 1, ax);
    let s = l.b.i64(32);
    let f = l.b.shr(r, s);
    let f = l.b.wrap(f);
    l.set_arith_flags(f);
}
