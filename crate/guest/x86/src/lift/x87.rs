//! x87: every instruction is a helper on the FPU's own state; memory operands are loads and stores around it.

use iced_x86::{Mnemonic, OpKind, Register};

use super::operand::Use;
use super::{Lifter, Place};
use crate::fpu::x87::kind;
use crate::mode::Mode;
use crate::regs::AX;
use crate::{fpu, helpers};

/// Looks whether the FPU is there: `which` is 0 for x87, 1 for MMX, 2 for SSE, 3 for WAIT, 4 for x87 without a look at waiting errors.
pub fn check(l: &mut Lifter<'_>, which: u32) {
    let off = match which {
        2 => l.mode.has(Mode::NO_SSE),
        4 => l.mode.has(Mode::NO_FPU),
        _ => l.mode.has(Mode::NO_FPU | Mode::FPU_ERROR),
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
            let n = l.b.i32(m as u32);
            let v = l.b.call(helpers::X87, &[n]);
            let v = l.b.wrap(v);
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
                use iced_x86::MemorySize as S;
                let (k, bytes) = match l.insn.memory_size() {
                    S::Float32 => (kind::F32, 4),
                    S::Float64 => (kind::F64, 8),
                    S::Int16 | S::UInt16 => (kind::I16, 2),
                    S::Int32 => (kind::I32, 4),
                    S::Int64 => (kind::I64, 8),
                    S::Bcd => (kind::BCD, 10),
                    _ => (kind::F80, 10),
                };
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
                let (d, s) = (st(l.insn.op0_register()), st(l.insn.op1_register()));
                what |= match m {
                    Fld | Fcom | Fcomp | Fucom | Fucomp if l.insn.op_count() == 1 => d << 20,
                    _ => d << 16 | s << 20,
                };
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
    use iced_x86::MemorySize as S;
    let (k, bytes) = match l.insn.memory_size() {
        S::Float32 => (kind::F32, 4),
        S::Float64 => (kind::F64, 8),
        S::Int16 => (kind::I16, 2),
        S::Int32 => (kind::I32, 4),
        S::Int64 => (kind::I64, 8),
        S::Bcd => (kind::BCD, 10),
        _ => (kind::F80, 10),
    };
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
