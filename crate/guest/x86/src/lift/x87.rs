//! x87. Moves, loads, stores and the usual arithmetic are the IR's op `f80` with a helper behind it for what that refuses; while exceptions are
//! not masked, and for everything else, an instruction is a helper on the FPU's state with loads and stores around it.

use iced_x86::{MemorySize, Mnemonic, OpKind, Register};
use tinamou_ir::Val;
use tinamou_ir::f80::{self, F80, From, What};

use super::operand::Use;
use super::{Lifter, Place};
use crate::fpu::x87::kind;
use crate::mode::{Mode, X87};
use crate::regs::AX;
use crate::{fpu, helpers};

/// Looks whether the FPU is there: `which` is 0 for x87, 1 for MMX, 2 for SSE, 3 for WAIT, 4 for x87 without a look at waiting errors.
pub fn check(l: &mut Lifter<'_>, which: u32) {
    let off = match which {
        2 => l.mode.has(Mode::NO_SSE),
        4 => l.mode.x87() == X87::Off,
        _ => matches!(l.mode.x87(), X87::Off | X87::Error),
    };
    if off {
        let n = l.b.i32(which);
        l.b.call(helpers::FPU_CHECK, &[n]);
        l.leave_after();
    }
}

fn st(r: Register) -> u32 {
    if r.is_st() { r.number() as u32 } else { 0 }
}

/// Kind and bytes of a memory operand.
fn memory_kind(size: MemorySize) -> (u32, u32) {
    use MemorySize as S;
    match size {
        S::Float32 => (kind::F32, 4),
        S::Float64 => (kind::F64, 8),
        S::Int16 | S::UInt16 => (kind::I16, 2),
        S::Int32 => (kind::I32, 4),
        S::Int64 => (kind::I64, 8),
        S::Bcd => (kind::BCD, 10),
        _ => (kind::F80, 10),
    }
}

/// The helper's word for an instruction on registers alone.
fn of_registers(l: &Lifter<'_>, m: Mnemonic) -> u32 {
    use Mnemonic::*;
    let (d, s) = (st(l.insn.op0_register()), st(l.insn.op1_register()));
    m as u32
        | match m {
            Fld | Fcom | Fcomp | Fucom | Fucomp if l.insn.op_count() == 1 => d << 20,
            _ => d << 16 | s << 20,
        }
}

impl Lifter<'_> {
    /// An `f80` on the x87 stack.
    pub fn f80(&mut self, what: What, from: From, i: u32, pops: u8, args: &[Val]) -> Val {
        let op = F80 {
            what,
            from,
            i: i as u8,
            pops,
            slot: self.cpu.regs.x87.0,
        };
        self.b.f80(op, args)
    }

    /// The same, with the helper behind it, which `how` is for.
    fn f80_or(&mut self, op: (What, From, u32, u8), args: &[Val], how: u32) {
        let refused = self.f80(op.0, op.1, op.2, op.3, args);
        let [lo, hi] = [0, 1].map(|k| args.get(k).copied().unwrap_or(refused));
        self.b
            .call_if(refused, helpers::X87_RARE, lo, hi, how as u64);
    }

    /// A memory operand as `f80` takes it: a kind of its own, the helper's kind, and the values.
    fn f80_memory(&mut self) -> (From, u32, Vec<Val>) {
        let (k, bytes) = memory_kind(self.insn.memory_size());
        let va = self.memory(bytes, false);
        if bytes == 10 {
            let va2 = self.va_plus(va, 8);
            self.probe(va2, 1, false);
            let (lo, hi) = (self.load(va, 3), self.load(va2, 1));
            return (From::F80, k, vec![lo, hi]);
        }
        let v = self.load(va, bytes.trailing_zeros());
        let (from, v) = match k {
            kind::F32 => (From::F32, self.b.ext_u(v)),
            kind::F64 => (From::F64, v),
            kind::I16 => {
                let v = self.b.sext16(v);
                (From::Int, self.b.ext_s(v))
            }
            kind::I32 => (From::Int, self.b.ext_s(v)),
            _ => (From::Int, v),
        };
        (from, k, vec![v])
    }
}

/// Lifts what `f80` does, if the control word allows it; false if it does not.
fn quick(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let how = l.mode.x87();
    if !matches!(how, X87::Usual | X87::Masked) {
        return false;
    }
    let memory = (0..l.insn.op_count()).any(|i| l.insn.op_kind(i) == OpKind::Memory);
    let (d, s) = (st(l.insn.op0_register()), st(l.insn.op1_register()));
    let registers = of_registers(l, m);
    match m {
        Fld | Fild if memory => {
            let (from, k, args) = l.f80_memory();
            l.f80_or((What::Push, from, 0, 0), &args, m as u32 | k << 24);
        }
        Fld => l.f80_or((What::Push, From::Reg, d, 0), &[], registers),
        Fld1 | Fldz => {
            let (bits, exponent) = if m == Fld1 {
                (1 << 63, f80::BIAS)
            } else {
                (0, 0)
            };
            let args = [l.b.i64(bits), l.b.i32(exponent)];
            l.f80_or((What::Push, From::F80, 0, 0), &args, registers);
        }
        Fst | Fstp if !memory => {
            l.f80_or(
                (What::Copy, From::Reg, d, (m == Fstp) as u8),
                &[],
                registers,
            );
        }
        Fst | Fstp | Fist | Fistp | Fisttp => quick_store(l, m, how),
        Fxch => l.f80_or((What::Swap, From::Reg, s, 0), &[], registers),
        Fchs => l.f80_or((What::Negate, From::Reg, 0, 0), &[], registers),
        Fabs => l.f80_or((What::Abs, From::Reg, 0, 0), &[], registers),
        Fcom | Fcomp | Fcompp | Fucom | Fucomp | Fucompp | Ficom | Ficomp | Ftst => {
            let pops = match m {
                Fcompp | Fucompp => 2,
                Fcomp | Fucomp | Ficomp => 1,
                _ => 0,
            };
            if memory {
                let (from, k, args) = l.f80_memory();
                l.f80_or((What::Compare, from, 0, pops), &args, m as u32 | k << 24);
            } else if m == Ftst {
                let zero = l.b.i64(0);
                l.f80_or((What::Compare, From::Int, 0, 0), &[zero], registers);
            } else {
                let i = match l.insn.op_count() {
                    0 => 1,
                    1 => d,
                    _ => s,
                };
                l.f80_or((What::Compare, From::Reg, i, pops), &[], registers);
            }
        }
        Fcomi | Fcomip | Fucomi | Fucomip => {
            let pops = matches!(m, Fcomip | Fucomip) as u8;
            let order = l.f80(What::Order, From::Reg, s, pops, &[]);
            let one = l.b.i32(1);
            let refused = l.b.and(order, one);
            let slow =
                l.b.call_if(refused, helpers::X87_RARE, order, order, registers as u64);
            let slow = l.b.wrap(slow);
            let eight = l.b.i32(8);
            let flags = l.b.shr(order, eight);
            let flags = l.b.select(refused, slow, flags);
            l.set_arith_flags(flags);
        }
        Ffree => {
            l.f80(What::Free, From::Reg, d, 0, &[]);
        }
        Fadd | Faddp | Fiadd | Fsub | Fsubp | Fisub | Fsubr | Fsubrp | Fisubr | Fmul | Fmulp
        | Fimul => {
            let what = match m {
                Fadd | Faddp | Fiadd => What::Add,
                Fsub | Fsubp | Fisub => What::Sub,
                Fsubr | Fsubrp | Fisubr => What::SubFrom,
                _ => What::Mul,
            };
            let pops = matches!(m, Faddp | Fsubp | Fsubrp | Fmulp) as u8;
            if how != X87::Usual {
                return false;
            }
            if memory {
                let (from, k, args) = l.f80_memory();
                l.f80_or((what, from, 0, 0), &args, m as u32 | k << 24);
            } else if d == 0 && pops == 0 {
                l.f80_or((what, From::Reg, s, 0), &[], registers);
            } else {
                l.f80_or((what, From::Top, d, pops), &[], registers);
            }
        }
        _ => return false,
    }
    true
}

/// A store while all exceptions are masked: what it stores is worked out, and nothing changes before it is stored.
fn quick_store(l: &mut Lifter<'_>, m: Mnemonic, how: X87) {
    use Mnemonic::*;
    let (k, bytes) = memory_kind(l.insn.memory_size());
    let va = l.memory(bytes, true);
    let word = m as u32 | k << 24;
    let from = match k {
        kind::F32 => Some(From::F32),
        kind::F64 => Some(From::F64),
        kind::F80 => Some(From::F80),
        _ => None,
    };
    let exact = k == kind::F80;
    let refused = match from {
        Some(from) if exact || how == X87::Usual => {
            let refused = l.f80(What::Narrow, from, 0, 0, &[]);
            l.b.call_if(refused, helpers::X87_VALUE, refused, refused, word as u64);
            Some(refused)
        }
        _ => {
            let (none, word) = (l.b.i32(0), l.b.i32(word));
            l.b.call(helpers::X87_VALUE, &[none, none, word]);
            None
        }
    };
    let v = l.f80(What::Scratch, From::Reg, 0, 0, &[]);
    match (exact, refused) {
        (true, Some(refused)) => {
            let va2 = l.va_plus(va, 8);
            l.probe(va, 3, true);
            l.probe(va2, 1, true);
            let tag = l.f80(What::Tag, From::Reg, 0, 0, &[]);
            let none = l.b.i32(0xffff);
            let tag = l.b.select(refused, none, tag);
            l.store(va, v, 3);
            l.store(va2, tag, 1);
        }
        _ => {
            let lg = bytes.trailing_zeros();
            let v = if lg == 3 { v } else { l.b.wrap(v) };
            l.store(va, v, lg);
        }
    }
    l.f80(
        What::Stored,
        From::Reg,
        0,
        !matches!(m, Fst | Fist) as u8,
        &[],
    );
}

/// Lifts an x87 instruction; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    if m == Wait {
        check(l, 3);
        return true;
    }
    if !(Mnemonic::F2xm1 as u32..=Mnemonic::Fyl2xp1 as u32).contains(&(m as u32)) {
        return false;
    }
    let quiet = matches!(
        m,
        Fninit
            | Fnclex
            | Fnstsw
            | Fnstcw
            | Fnsave
            | Fnstenv
            | Fxsave
            | Fxsave64
            | Fxrstor
            | Fxrstor64
    );
    if matches!(
        m,
        Femms | Fndisi | Fneni | Fnsetpm | Frstpm | Frinear | Ftstp | Fstdw | Fstsg
    ) {
        return false;
    }
    check(l, if quiet { 4 } else { 0 });
    l.in_mmx = false;
    if quick(l, m) {
        return true;
    }
    match m {
        Fnop => {}
        Fnstenv | Fldenv | Fnsave | Frstor | Fxsave | Fxsave64 | Fxrstor | Fxrstor64 => {
            use fpu::image_what as what;
            let which = match m {
                Fnstenv => what::STENV,
                Fldenv => what::LDENV,
                Fnsave => what::SAVE,
                Frstor => what::RSTOR,
                Fxsave | Fxsave64 => what::FXSAVE,
                _ => what::FXRSTOR,
            };
            use iced_x86::Code as C;
            let small = matches!(
                l.insn.code(),
                C::Fnstenv_m14byte | C::Fldenv_m14byte | C::Fnsave_m94byte | C::Frstor_m94byte
            );
            let bytes = match m {
                Fnstenv | Fldenv => {
                    if small {
                        14
                    } else {
                        28
                    }
                }
                Fnsave | Frstor => {
                    if small {
                        94
                    } else {
                        108
                    }
                }
                _ => 512,
            };
            let va = l.memory(
                bytes,
                matches!(which, what::STENV | what::SAVE | what::FXSAVE),
            );
            let how = l.b.i32(which | (small as u32) << 8);
            l.b.call(helpers::FPU_IMAGE, &[how, va]);
            l.leave_after();
        }
        Fnstsw | Fnstcw => {
            let d = l.place(0, Use::Write);
            let what = if m == Fnstsw {
                What::Status
            } else {
                What::Control
            };
            let v = l.f80(what, From::Reg, 0, 0, &[]);
            match d {
                Place::Mem(va, _) => l.store(va, v, 1),
                _ => l.set_reg(AX, 1, v),
            }
        }
        Fst | Fstp | Fist | Fistp | Fisttp | Fbstp if l.insn.op0_kind() == OpKind::Memory => {
            store(l, m)
        }
        Fcmovb | Fcmove | Fcmovbe | Fcmovu | Fcmovnb | Fcmovne | Fcmovnbe | Fcmovnu => {
            let cc = match m {
                Fcmovb => 2,
                Fcmove => 4,
                Fcmovbe => 6,
                Fcmovu => 10,
                Fcmovnb => 3,
                Fcmovne => 5,
                Fcmovnbe => 7,
                _ => 11,
            };
            let c = l.condition(cc);
            let what = l.b.i32(m as u32 | st(l.insn.op1_register()) << 20);
            l.b.call(helpers::X87, &[what, c]);
        }
        _ => {
            let mut what = m as u32;
            let mut lo = None;
            let mut hi = None;
            if (0..l.insn.op_count()).any(|i| l.insn.op_kind(i) == OpKind::Memory) {
                let (k, bytes) = memory_kind(l.insn.memory_size());
                what |= k << 24;
                let va = l.memory(bytes, false);
                if bytes == 10 {
                    let va2 = l.va_plus(va, 8);
                    l.probe(va2, 1, false);
                    lo = Some(l.load(va, 3));
                    hi = Some(l.load(va2, 1));
                } else {
                    lo = Some(l.load(va, bytes.trailing_zeros()));
                }
            } else {
                what = of_registers(l, m);
            }
            let w = l.b.i32(what);
            let zero = l.b.i32(0);
            let r =
                l.b.call(helpers::X87, &[w, lo.unwrap_or(zero), hi.unwrap_or(zero)]);
            if matches!(m, Fcomi | Fcomip | Fucomi | Fucomip) {
                let v = l.b.wrap(r);
                let s = l.b.i64(32);
                let held = l.b.shr(r, s);
                let held = l.b.wrap(held);
                let old = l.arith_flags();
                let v = l.b.select(held, old, v);
                l.set_arith_flags(v);
            }
            if matches!(m, Fldcw | Fninit | Fnclex) {
                l.leave_after();
            }
        }
    }
    true
}

/// A store: probed first, as the FPU's state changes before it.
fn store(l: &mut Lifter<'_>, m: Mnemonic) {
    let (k, bytes) = memory_kind(l.insn.memory_size());
    let va = l.memory(bytes, true);
    let w = l.b.i32(m as u32 | k << 24);
    if bytes == 10 {
        let va2 = l.va_plus(va, 8);
        l.probe(va, 3, true);
        l.probe(va2, 1, true);
        let hi = l.b.call(helpers::X87_STORE_HIGH, &[w]);
        let lo = l.b.call(helpers::X87_STORE, &[w]);
        let held = l.b.call(helpers::X87_STORED, &[]);
        let c = l.b.wrap(held);
        let (m8, m2) = (l.mem(3), l.mem(1));
        let hi = l.b.wrap(hi);
        l.b.store_if(c, va, lo, m8);
        l.b.store_if(c, va2, hi, m2);
        return;
    }
    let lg = bytes.trailing_zeros();
    l.probe(va, lg, true);
    let v = l.b.call(helpers::X87_STORE, &[w]);
    let c = l.b.call(helpers::X87_STORED, &[]);
    let c = l.b.wrap(c);
    let v = if lg == 3 { v } else { l.b.wrap(v) };
    let mem = l.mem(lg);
    l.b.store_if(c, va, v, mem);
}
