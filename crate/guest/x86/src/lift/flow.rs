//! Jumps, calls, returns, interrupts.

use iced_x86::{Code, Mnemonic, OpKind};
use tinamou_ir::{JumpKind, Val};

use super::operand::Use;
use super::{Lifter, Place};
use crate::mode::{Class, Mode};
use crate::regs::{CS, CX};
use crate::{fault, helpers};

/// A near target.
enum Target {
    /// A constant linear address.
    Const(u64),
    /// A computed linear address.
    Var(Val),
}

/// One instruction of this group.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) {
    use Mnemonic::*;
    match m {
        Jmp => match l.insn.op0_kind() {
            OpKind::FarBranch16 | OpKind::FarBranch32 => far(l, helpers::FAR_JMP),
            OpKind::Memory if is_far(l) => far(l, helpers::FAR_JMP),
            OpKind::Register | OpKind::Memory => {
                let (v, lg) = near_operand(l);
                let t = checked(l, v, lg);
                l.end_ind(t, JumpKind::Jump);
            }
            _ => match target(l, None) {
                Target::Const(t) => l.end_jump(t),
                Target::Var(t) => l.end_ind(t, JumpKind::Jump),
            },
        },
        Call => match l.insn.op0_kind() {
            OpKind::FarBranch16 | OpKind::FarBranch32 => far(l, helpers::FAR_CALL),
            OpKind::Memory if is_far(l) => far(l, helpers::FAR_CALL),
            OpKind::Register | OpKind::Memory => {
                let lg = l
                    .insn
                    .stack_pointer_increment()
                    .unsigned_abs()
                    .trailing_zeros();
                let back = return_address(l, lg);
                let sp = l.sp_plus(-(1i64 << lg));
                let va = l.stack_at(sp, 1 << lg, true);
                l.probe(va, lg, true);
                let (v, olg) = near_operand(l);
                let t = checked(l, v, olg);
                l.store(va, back, lg);
                l.set_sp(sp);
                l.end_ind(t, JumpKind::Call);
            }
            _ => {
                let lg = l
                    .insn
                    .stack_pointer_increment()
                    .unsigned_abs()
                    .trailing_zeros();
                let t = target(l, None);
                let back = return_address(l, lg);
                l.push_value(back, lg);
                match t {
                    Target::Const(t) => l.end_jump(t),
                    Target::Var(t) => l.end_ind(t, JumpKind::Call),
                }
            }
        },
        Ret => ret(l),
        Retf | Iret | Iretd | Iretq => {
            let lg = match l.insn.code() {
                Code::Retfw | Code::Retfw_imm16 | Code::Iretw => 1,
                Code::Retfd | Code::Retfd_imm16 | Code::Iretd => 2,
                _ => 3,
            };
            let imm = if m == Retf && l.insn.op_count() > 0 {
                l.insn.immediate16() as u32
            } else {
                0
            };
            let (lg, imm) = (l.b.i32(lg), l.b.i32(imm));
            let next = l.b.i64(l.next);
            let t = l.b.call(
                if m == Retf {
                    helpers::RETF
                } else {
                    helpers::IRET
                },
                &[lg, imm, next],
            );
            l.end_helper(t);
        }
        Loop | Loope | Loopne | Jcxz | Jecxz | Jrcxz => counted(l, m),
        Int | Int1 | Int3 | Into => interrupt(l, m),
        _ => {
            let c = super::mov::condition_of(l);
            conditional(l, c);
        }
    }
}

fn is_far(l: &Lifter<'_>) -> bool {
    matches!(
        l.insn.code(),
        Code::Jmp_m1616
            | Code::Jmp_m1632
            | Code::Jmp_m1664
            | Code::Call_m1616
            | Code::Call_m1632
            | Code::Call_m1664
    )
}

/// The value of a near register or memory operand. What it may still raise follows the load, which a helper does where targets are checked.
fn near_operand(l: &mut Lifter<'_>) -> (Val, u32) {
    match l.place(0, Use::Read) {
        Place::Mem(va, lg) if checks(l) => (l.load_early(va, lg), lg),
        p => {
            let lg = l.lg(p);
            (l.read(p), lg)
        }
    }
}

/// Targets are checked against the limit of the code segment.
fn checks(l: &Lifter<'_>) -> bool {
    !l.mode.is64() && l.mode.class(CS) != Class::Open
}

/// The linear address of an offset in the code segment.
fn checked(l: &mut Lifter<'_>, v: Val, lg: u32) -> Val {
    if l.mode.is64() {
        return l.to64(v);
    }
    debug_assert!(lg < 3);
    trap_beyond(l, v, None);
    let lin = if l.mode.base_zero(CS) {
        v
    } else {
        let base = l.seg_base32(CS);
        l.b.add(base, v)
    };
    if l.wide { l.b.ext_u(lin) } else { lin }
}

/// Raises #GP for an offset beyond the code segment (if `taken`).
fn trap_beyond(l: &mut Lifter<'_>, off: Val, taken: Option<Val>) {
    if !checks(l) {
        return;
    }
    let limit = l.b.get(l.cpu.regs.limit[CS]);
    let mut beyond = l.b.lt_u(limit, off);
    if let Some(c) = taken {
        beyond = l.b.and(beyond, c);
    }
    l.b.trap_if(beyond, fault::GP);
}

/// The target of a relative branch, checked if it is `taken`.
fn target(l: &mut Lifter<'_>, taken: Option<Val>) -> Target {
    let t = l.insn.near_branch_target();
    let short = l.insn.op0_kind() == OpKind::NearBranch16;
    if l.mode.flat_code() {
        return Target::Const(t);
    }
    let base = l.seg_base32(CS);
    let lin = l.b.i32(t as u32);
    let off = l.b.sub(lin, base);
    if !short {
        trap_beyond(l, off, taken);
        return Target::Const(t);
    }
    let off = l.clean(off, 1);
    trap_beyond(l, off, taken);
    let lin = l.b.add(base, off);
    Target::Var(if l.wide { l.b.ext_u(lin) } else { lin })
}

fn conditional(l: &mut Lifter<'_>, c: Val) {
    match target(l, Some(c)) {
        Target::Const(t) => l.end_branch(c, t, l.next),
        Target::Var(t) => {
            let f = l.b.va(l.next);
            let to = l.b.select(c, t, f);
            l.end_ind(to, JumpKind::Jump);
        }
    }
}

/// The offset that a call pushes.
fn return_address(l: &mut Lifter<'_>, lg: u32) -> Val {
    if lg == 3 {
        return l.b.i64(l.next);
    }
    let next = l.b.i32(l.next as u32);
    if l.mode.flat_code() {
        return l.clean(next, lg);
    }
    let base = l.seg_base32(CS);
    let v = l.b.sub(next, base);
    l.clean(v, lg)
}

fn ret(l: &mut Lifter<'_>) {
    let lg = match l.insn.code() {
        Code::Retnw | Code::Retnw_imm16 => 1,
        Code::Retnd | Code::Retnd_imm16 => 2,
        _ => 3,
    };
    let imm = if l.insn.op_count() > 0 {
        l.insn.immediate16() as i64
    } else {
        0
    };
    let sp = l.sp_plus(0);
    let va = l.stack_at(sp, 1 << lg, false);
    let v = if checks(l) {
        l.load_early(va, lg)
    } else {
        l.load(va, lg)
    };
    let t = checked(l, v, lg);
    let sp = l.sp_plus((1i64 << lg) + imm);
    l.set_sp(sp);
    l.end_ind(t, JumpKind::Return);
}

/// Far jumps and calls.
fn far(l: &mut Lifter<'_>, helper: tinamou_ir::HelperId) {
    let (sel, off, lg) = match l.insn.op0_kind() {
        OpKind::FarBranch16 | OpKind::FarBranch32 => {
            let lg = if l.insn.op0_kind() == OpKind::FarBranch16 {
                1
            } else {
                2
            };
            let off = if lg == 1 {
                l.insn.far_branch16() as u32
            } else {
                l.insn.far_branch32()
            };
            (
                l.b.i32(l.insn.far_branch_selector() as u32),
                l.b.i32(off),
                lg,
            )
        }
        _ => {
            let lg = match l.insn.code() {
                Code::Jmp_m1616 | Code::Call_m1616 => 1,
                Code::Jmp_m1632 | Code::Call_m1632 => 2,
                _ => 3,
            };
            let va = l.memory((1 << lg) + 2, false);
            let off = l.load_early(va, lg);
            let va2 = l.va_plus(va, 1 << lg);
            let sel = l.load_early(va2, 1);
            (sel, off, lg)
        }
    };
    let size = l.b.i32(lg << 16);
    let sel = l.b.or(sel, size);
    let next = l.b.i64(l.next);
    let t = l.b.call(helper, &[sel, off, next]);
    l.end_helper(t);
}

/// LOOP, LOOPE, LOOPNE, JCXZ, JECXZ, JRCXZ.
fn counted(l: &mut Lifter<'_>, m: Mnemonic) {
    use Code::*;
    let lg = match l.insn.code() {
        Loop_rel8_16_CX | Loop_rel8_32_CX | Loope_rel8_16_CX | Loope_rel8_32_CX
        | Loopne_rel8_16_CX | Loopne_rel8_32_CX | Jcxz_rel8_16 | Jcxz_rel8_32 => 1,
        Loop_rel8_16_ECX | Loop_rel8_32_ECX | Loop_rel8_64_ECX | Loope_rel8_16_ECX
        | Loope_rel8_32_ECX | Loope_rel8_64_ECX | Loopne_rel8_16_ECX | Loopne_rel8_32_ECX
        | Loopne_rel8_64_ECX | Jecxz_rel8_16 | Jecxz_rel8_32 | Jecxz_rel8_64 => 2,
        _ => 3,
    };
    let cx = l.reg(CX, lg);
    if matches!(m, Mnemonic::Jcxz | Mnemonic::Jecxz | Mnemonic::Jrcxz) {
        let c = l.b.eqz(cx);
        return conditional(l, c);
    }
    let one = l.k(1, lg);
    let n = l.b.sub(cx, one);
    let n = l.clean(n, lg);
    let zero = l.zero(lg);
    let mut c = l.b.ne(n, zero);
    if m != Mnemonic::Loop {
        let z = l.condition(if m == Mnemonic::Loope { 4 } else { 5 });
        c = l.b.and(c, z);
    }
    // The target is checked before CX is written.
    match target(l, Some(c)) {
        Target::Const(t) => {
            l.set_reg(CX, lg, n);
            l.end_branch(c, t, l.next);
        }
        Target::Var(t) => {
            let f = l.b.va(l.next);
            let to = l.b.select(c, t, f);
            l.set_reg(CX, lg, n);
            l.end_ind(to, JumpKind::Jump);
        }
    }
}

/// INT n, INT3, INT1, INTO.
fn interrupt(l: &mut Lifter<'_>, m: Mnemonic) {
    let vector = match m {
        Mnemonic::Int => l.insn.immediate8() as u32,
        Mnemonic::Int1 => 1 | 1 << 8,
        Mnemonic::Int3 => 3 | 2 << 8,
        _ => 4 | 2 << 8,
    };
    let v = l.b.i32(vector);
    let next = l.b.i64(l.next);
    if m == Mnemonic::Into {
        // The helper looks at OF itself.
        let of = l.condition(0);
        let n = l.b.i32(16);
        let of = l.b.shl(of, n);
        let on = l.b.i32(1 << 17);
        let v = l.b.or(v, of);
        let v = l.b.or(v, on);
        let t = l.b.call(helpers::INT, &[v, next]);
        return l.end_helper(t);
    }
    let t = l.b.call(helpers::INT, &[v, next]);
    let single = l.mode.has(Mode::TF);
    let t = if l.wide { t } else { l.b.wrap(t) };
    // TF is off in the handler: no trap follows.
    if !single {
        l.end_ind_leave(t);
    } else {
        l.b.leave_ind(t);
    }
}

impl Lifter<'_> {
    /// Ends the block: on to a computed address, and the run loop looks.
    fn end_ind_leave(&mut self, t: Val) {
        if self.is_held() {
            let zero = self.b.i32(0);
            self.b.set(self.cpu.regs.shadow, zero);
        }
        self.b.leave_ind(t);
    }
}
