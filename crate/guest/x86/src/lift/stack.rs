//! Pushes, pops and frames.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::Val;

use super::operand::{gpr, segment};
use super::{Lifter, Place};
use crate::helpers;
use crate::regs::{BP, CS, SP};

/// One instruction of this group.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) {
    use Mnemonic::*;
    let bytes = l.insn.stack_pointer_increment().unsigned_abs();
    match m {
        Push => push(l, bytes),
        Pop => pop(l, bytes),
        Pusha | Pushad => {
            let lg = l.b.i32(if m == Pusha { 1 } else { 2 });
            l.b.call(helpers::PUSHA, &[lg]);
        }
        Popa | Popad => {
            let lg = l.b.i32(if m == Popa { 1 } else { 2 });
            l.b.call(helpers::POPA, &[lg]);
        }
        Pushf | Pushfd | Pushfq => {
            let lg = bytes.trailing_zeros();
            let n = l.b.i32(lg);
            let f = l.b.call(helpers::PUSHF, &[n]);
            let f = if lg == 3 { f } else { l.b.wrap(f) };
            l.push_value(f, lg);
        }
        Popf | Popfd | Popfq => {
            let lg = bytes.trailing_zeros();
            let sp = l.sp_plus(0);
            let va = l.stack_at(sp, bytes, false);
            let v = l.load_early(va, lg);
            let n = l.b.i32(lg);
            l.b.call(helpers::POPF, &[v, n]);
            let sp = l.sp_plus(bytes as i64);
            l.set_sp(sp);
            l.forget_cc();
        }
        Enter => enter(l),
        _ => leave(l),
    }
}

impl Lifter<'_> {
    /// Pushes a value of 2^`lg` bytes.
    pub fn push_value(&mut self, v: Val, lg: u32) {
        let sp = self.sp_plus(-(1i64 << lg));
        let va = self.stack_at(sp, 1 << lg, true);
        self.store(va, v, lg);
        self.set_sp(sp);
    }
}

fn push(l: &mut Lifter<'_>, bytes: u32) {
    let lg = bytes.trailing_zeros();
    match l.insn.op0_kind() {
        OpKind::Memory => {
            let src = l.memory(bytes, false);
            let sp = l.sp_plus(-(bytes as i64));
            let va = l.stack_at(sp, bytes, true);
            l.probe(va, lg, true);
            let v = l.load(src, lg);
            l.store(va, v, lg);
            l.set_sp(sp);
        }
        OpKind::Register => {
            let p = l.place_reg(l.insn.op0_register());
            let v = l.read(p);
            let v = if lg == 3 { l.to64(v) } else { v };
            l.push_value(v, lg);
        }
        _ => {
            let v = l.k(l.insn.immediate(0), lg);
            l.push_value(v, lg);
        }
    }
}

fn pop(l: &mut Lifter<'_>, bytes: u32) {
    let lg = bytes.trailing_zeros();
    let sp = l.sp_plus(0);
    let next = l.sp_plus(bytes as i64);
    if l.insn.op0_kind() == OpKind::Memory {
        // An address by SP counts from behind the operand.
        let (mut off, alg) = l.offset();
        if matches!(l.insn.memory_base(), Register::RSP | Register::ESP) {
            let n = if alg == 3 {
                l.b.i64(bytes as u64)
            } else {
                l.b.i32(bytes)
            };
            off = l.b.add(off, n);
        }
        let from = l.stack_at(sp, bytes, false);
        let to = l.linear_at(segment(l.insn.memory_segment()), off, alg, bytes, true);
        l.probe(to, lg, true);
        let v = l.load(from, lg);
        l.store(to, v, lg);
        return l.set_sp(next);
    }
    let r = l.insn.op0_register();
    let va = l.stack_at(sp, bytes, false);
    if r.is_segment_register() {
        if segment(r) == CS {
            return l.ud();
        }
        let sel = l.load_early(va, 1);
        super::mov::load_segment(l, segment(r), sel);
        return l.set_sp(next);
    }
    let v = l.load(va, lg);
    l.set_sp(next);
    if let Some((n, lg, _)) = gpr(r) {
        l.set_reg(n, lg, v);
    }
}

fn enter(l: &mut Lifter<'_>) {
    let (size, level) = (
        l.insn.immediate16() as u32,
        l.insn.immediate8_2nd() as u32 & 31,
    );
    let lg = match l.insn.code() {
        iced_x86::Code::Enterw_imm16_imm8 => 1,
        iced_x86::Code::Enterd_imm16_imm8 => 2,
        _ => 3,
    };
    if level != 0 {
        let (a, n) = (l.b.i32(size | level << 16), l.b.i32(lg));
        l.b.call(helpers::ENTER, &[a, n]);
        return;
    }
    let sp = l.sp_plus(-(1i64 << lg));
    let va = l.stack_at(sp, 1 << lg, true);
    let low = l.sp_plus(-(1i64 << lg) - size as i64);
    // The last byte of the frame must be writable.
    let end = l.stack_at(low, 1, true);
    l.probe(end, 0, true);
    let bp = l.reg(BP, lg);
    l.store(va, bp, lg);
    let new_bp = match (lg, l.mode.stack_lg()) {
        (3, _) => sp,
        (_, 3) => l.b.wrap(sp),
        _ => sp,
    };
    l.set_reg(BP, lg, new_bp);
    l.set_sp(low);
}

fn leave(l: &mut Lifter<'_>) {
    let lg = match l.insn.code() {
        iced_x86::Code::Leavew => 1,
        iced_x86::Code::Leaved => 2,
        _ => 3,
    };
    let slg = l.mode.stack_lg();
    let bp = l.reg(BP, slg);
    let va = l.stack_at(bp, 1 << lg, false);
    let v = l.load(va, lg);
    let n = if slg == 3 {
        l.b.i64(1 << lg)
    } else {
        l.b.i32(1 << lg)
    };
    let sp = l.b.add(bp, n);
    let sp = l.clean(sp, slg);
    l.set_reg(SP, slg, sp);
    l.write(Place::Reg(BP, lg, false), v);
}
