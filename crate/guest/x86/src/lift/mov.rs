//! Moves, conditional moves and sets, exchanges, and instructions that move flags.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::Val;

use super::operand::{Use, gpr, segment};
use super::{Lifter, Place};
use crate::regs::{AX, BX, CS, DS, SS};
use crate::{flags, helpers};

/// MOV of every kind.
pub fn mov(l: &mut Lifter<'_>) {
    let (d, s) = (l.insn.op0_register(), l.insn.op1_register());
    let reg_op = |i: u32, r: Register| {
        l.insn.op_kind(i) == OpKind::Register && (r.is_cr() || r.is_dr() || r.is_tr())
    };
    if reg_op(0, d) || reg_op(1, s) {
        return super::system::mov_control(l);
    }
    if l.insn.op0_kind() == OpKind::Register && d.is_segment_register() {
        let p = l.place(1, Use::Read);
        // The selector's 16 bits, also of a wider register.
        let p = match p {
            Place::Mem(va, _) => Place::Mem(va, 1),
            p => p,
        };
        let seg = segment(d);
        if seg == CS {
            return l.ud();
        }
        let v = match p {
            Place::Mem(va, _) => l.load_early(va, 1),
            p => l.read(p),
        };
        return load_segment(l, seg, v);
    }
    if l.insn.op1_kind() == OpKind::Register && s.is_segment_register() {
        let seg = segment(s);
        let v = l.b.get(l.cpu.regs.sel[seg]);
        return match l.place(0, Use::Write) {
            Place::Mem(va, _) => l.store(va, v, 1),
            p => {
                let v = if l.lg(p) == 3 { l.b.ext_u(v) } else { v };
                l.write(p, v);
            }
        };
    }
    let d = l.place(0, Use::Write);
    let s = match l.place(1, Use::Read) {
        Place::Imm(v, _) => Place::Imm(v, l.lg(d)),
        s => s,
    };
    let v = l.read(s);
    l.write(d, v);
}

/// Loads a segment register with a selector.
pub fn load_segment(l: &mut Lifter<'_>, seg: usize, sel: Val) {
    let m = l.b.i32(0xffff);
    let sel = l.b.and(sel, m);
    if l.mode.protected() {
        let n = l.b.i32(seg as u32);
        l.b.call(helpers::LOAD_SEG, &[n, sel]);
    } else {
        let four = l.b.i32(4);
        let base = l.b.shl(sel, four);
        let base = if l.wide { l.b.ext_u(base) } else { base };
        l.b.set(l.cpu.regs.sel[seg], sel);
        l.b.set(l.cpu.regs.base[seg], base);
    }
    if seg == SS {
        let one = l.b.i32(1);
        l.b.set(l.cpu.regs.shadow, one);
        l.leave_after();
    }
}

/// LDS, LES, LFS, LGS, LSS.
pub fn load_far(l: &mut Lifter<'_>) {
    let (n, lg, _) = gpr(l.insn.op0_register()).unwrap_or((0, 2, false));
    let va = l.memory((1 << lg) + 2, false);
    let va2 = l.va_plus(va, 1 << lg);
    let off = l.load_early(va, lg);
    let sel = l.load_early(va2, 1);
    let seg = match l.insn.mnemonic() {
        Mnemonic::Lds => DS,
        Mnemonic::Les => crate::regs::ES,
        Mnemonic::Lfs => crate::regs::FS,
        Mnemonic::Lgs => crate::regs::GS,
        _ => SS,
    };
    load_segment(l, seg, sel);
    l.set_reg(n, lg, off);
}

/// MOVZX, MOVSX, MOVSXD.
pub fn extend(l: &mut Lifter<'_>, m: Mnemonic) {
    let s = l.place(1, Use::Read);
    let d = l.place(0, Use::Write);
    let (from, to) = (l.lg(s), l.lg(d));
    let v = l.read(s);
    let v = match (m == Mnemonic::Movzx, to) {
        (true, 3) => l.b.ext_u(v),
        (true, _) => v,
        (false, 3) => {
            let v = l.sext(v, from);
            l.b.ext_s(v)
        }
        (false, _) => l.sext(v, from),
    };
    l.write(d, v);
}

fn swapped(l: &mut Lifter<'_>, v: Val, lg: u32) -> Val {
    let v = l.b.bswap(v);
    if lg == 1 {
        let n = l.b.i32(16);
        l.b.shr(v, n)
    } else {
        v
    }
}

/// MOVBE.
pub fn movbe(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Write);
    let s = l.place(1, Use::Read);
    let v = l.read(s);
    let lg = l.lg(d);
    let v = swapped(l, v, lg);
    l.write(d, v);
}

/// BSWAP; of 16 bits it gives 0.
pub fn bswap(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Both);
    let v = l.read(d);
    let v = if l.lg(d) == 1 {
        l.b.i32(0)
    } else {
        l.b.bswap(v)
    };
    l.write(d, v);
}

/// XCHG.
pub fn xchg(l: &mut Lifter<'_>) {
    let memory = l.insn.op0_kind() == OpKind::Memory;
    let d = l.place(0, Use::Both);
    let s = l.place(1, Use::Both);
    // NOP has no effect at all, not even on the upper half.
    if !memory
        && l.insn.op0_register() == l.insn.op1_register()
        && l.insn.op0_register() == Register::EAX
        && l.insn.len() == 1
    {
        return;
    }
    let (a, b) = (l.read(d), l.read(s));
    // The memory operand may be the second.
    if matches!(s, Place::Mem(..)) {
        l.write(s, a);
        l.write(d, b);
    } else {
        l.write(d, b);
        l.write(s, a);
    }
}

/// LEA.
pub fn lea(l: &mut Lifter<'_>) {
    let (off, alg) = l.offset();
    let d = l.place(0, Use::Write);
    let v = match (l.lg(d), alg) {
        (3, 3) => off,
        (3, _) => l.b.ext_u(off),
        (_, 3) => l.b.wrap(off),
        _ => off,
    };
    let lg = l.lg(d);
    let v = l.clean(v, lg);
    l.write(d, v);
}

/// XLAT.
pub fn xlat(l: &mut Lifter<'_>) {
    let i = l.insn;
    let lg = match i.memory_base() {
        Register::BX => 1,
        Register::EBX => 2,
        _ => 3,
    };
    let bx = if lg == 3 { l.reg(BX, 3) } else { l.reg(BX, 2) };
    let al = l.reg(AX, 0);
    let al = if lg == 3 { l.b.ext_u(al) } else { al };
    let off = l.b.add(bx, al);
    let off = if lg == 1 { l.clean(off, 1) } else { off };
    let va = l.linear_at(segment(i.memory_segment()), off, lg, 1, false);
    let v = l.load(va, 0);
    l.set_reg(AX, 0, v);
}

/// The condition of Jcc, SETcc and CMOVcc.
pub fn condition_of(l: &mut Lifter<'_>) -> Val {
    use iced_x86::ConditionCode as C;
    let cc = match l.insn.condition_code() {
        C::o => 0,
        C::no => 1,
        C::b => 2,
        C::ae => 3,
        C::e => 4,
        C::ne => 5,
        C::be => 6,
        C::a => 7,
        C::s => 8,
        C::ns => 9,
        C::p => 10,
        C::np => 11,
        C::l => 12,
        C::ge => 13,
        C::le => 14,
        _ => 15,
    };
    l.condition(cc)
}

/// CMOVcc: the source is read either way.
pub fn cmov(l: &mut Lifter<'_>) {
    let s = l.place(1, Use::Read);
    let d = l.place(0, Use::Both);
    let v = l.read(s);
    let old = l.read(d);
    let c = condition_of(l);
    let r = l.b.select(c, v, old);
    l.write(d, r);
}

/// SETcc.
pub fn setcc(l: &mut Lifter<'_>) {
    let d = l.place(0, Use::Write);
    let c = condition_of(l);
    l.write(d, c);
}

/// LAHF, SAHF, CLC, STC, CMC, CLD, STD, SALC.
pub fn flag_ops(l: &mut Lifter<'_>, m: Mnemonic) {
    use Mnemonic::*;
    match m {
        Lahf => {
            let f = l.arith_flags();
            let two = l.b.i32(2);
            let f = l.b.or(f, two);
            let n = l.b.i32(0xd7);
            let f = l.b.and(f, n);
            let d = Place::Reg(AX, 0, true);
            l.write(d, f);
        }
        Sahf => {
            let ah = l.read(Place::Reg(AX, 0, true));
            let f = l.recipe_flags();
            let (of, low) = (l.b.i32(flags::OF), l.b.i32(flags::ARITH & 0xff));
            let of = l.b.and(f, of);
            let v = l.b.and(ah, low);
            let v = l.b.or(v, of);
            l.set_arith_flags(v);
        }
        Clc | Stc => {
            let v = l.b.i32((m == Stc) as u32);
            l.set_cf(v);
        }
        Cmc => {
            let c = l.cf();
            let v = l.b.eqz(c);
            l.set_cf(v);
        }
        Salc => {
            let c = l.cf();
            let zero = l.b.i32(0);
            let v = l.b.sub(zero, c);
            l.set_reg(AX, 0, v);
        }
        _ => {
            let v = l.b.i32((m == Std) as u32);
            l.b.set(l.cpu.regs.df, v);
        }
    }
}
