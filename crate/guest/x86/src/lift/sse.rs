//! SSE: moves in line; arithmetic on the host as `float` says; the rest by a helper that reads its memory operand itself, as it may fault
//! behind it.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::Val;

use super::Lifter;
use super::float::{self, Shape};
use super::lanes::by_lane;
use super::operand::{Use, gpr};
use super::x87::check;
use crate::mode::Mode;
use crate::{fpu, helpers};

/// Lifts an SSE instruction; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    moves(l, m) || control(l, m) || fast(l, m) || slow(l, m)
}

fn number(l: &Lifter<'_>, i: u32) -> usize {
    l.insn.op_register(i).number()
}

fn is_mem(l: &Lifter<'_>, i: u32) -> bool {
    l.insn.op_kind(i) == OpKind::Memory
}

fn is_mm(l: &Lifter<'_>, i: u32) -> bool {
    l.insn.op_kind(i) == OpKind::Register && l.insn.op_register(i).is_mm()
}

fn is_xmm(l: &Lifter<'_>, i: u32) -> bool {
    l.insn.op_kind(i) == OpKind::Register && l.insn.op_register(i).is_xmm()
}

fn moves(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let known = matches!(
        m,
        Movaps
            | Movapd
            | Movdqa
            | Movntps
            | Movntpd
            | Movntdq
            | Movntdqa
            | Movups
            | Movupd
            | Movdqu
            | Lddqu
            | Movss
            | Movsd
            | Movq
            | Movd
            | Movlps
            | Movlpd
            | Movhps
            | Movhpd
            | Movhlps
            | Movlhps
            | Movddup
            | Movshdup
            | Movsldup
            | Movq2dq
            | Movdq2q
            | Movnti
            | Movntq
    );
    if !known {
        return false;
    }
    if m != Movnti {
        check(l, if is_mm(l, 0) || is_mm(l, 1) { 1 } else { 2 });
    }
    move_operands(l, m)
}

/// A move, without a look whether SSE is there.
pub fn move_operands(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    match m {
        Movaps | Movapd | Movdqa | Movntps | Movntpd | Movntdq | Movntdqa | Movups | Movupd
        | Movdqu | Lddqu => {
            let aligned = !matches!(m, Movups | Movupd | Movdqu | Lddqu);
            if is_mem(l, 0) {
                let v = l.vector(number(l, 1));
                l.store128(v, aligned);
            } else {
                let v = if is_mem(l, 1) {
                    l.load128(aligned)
                } else {
                    l.vector(number(l, 1))
                };
                l.set_vector(number(l, 0), v);
            }
        }
        Movss | Movsd => {
            let lg = if m == Movss { 2 } else { 3 };
            if is_mem(l, 0) {
                let v = l.vector(number(l, 1));
                let va = l.memory(1 << lg, true);
                let mem = l.mem(lg);
                let v = if lg == 2 {
                    l.b.v_lo32(v)
                } else {
                    l.b.v_lo64(v)
                };
                l.b.store(va, v, mem);
            } else if is_mem(l, 1) {
                let v = l.operand_low(1);
                l.set_vector(number(l, 0), v);
            } else {
                let (a, v) = (l.vector(number(l, 0)), l.vector(number(l, 1)));
                let single = lg == 2;
                let v = Shape {
                    single,
                    scalar: true,
                }
                .merge(l, a, v);
                l.set_vector(number(l, 0), v);
            }
        }
        Movq | Movd => {
            if is_mem(l, 0) {
                let v = if is_mm(l, 1) {
                    l.mmx(number(l, 1) as u32)
                } else {
                    l.xmm(number(l, 1)).0
                };
                let lg = if m == Movq { 3 } else { 2 };
                let va = l.memory(1 << lg, true);
                l.store(va, v, lg);
            } else if is_mm(l, 0) {
                let v = l.operand64(1);
                l.set_mmx(number(l, 0) as u32, v);
            } else if is_xmm(l, 0) {
                let v = l.operand64(1);
                l.set_xmm_low(number(l, 0), v);
            } else {
                let v = l.operand64(1);
                let Some((n, lg, _)) = gpr(l.insn.op0_register()) else {
                    return false;
                };
                let v = if lg == 3 { v } else { l.b.wrap(v) };
                l.set_reg(n, lg, v);
            }
        }
        Movlps | Movlpd | Movhps | Movhpd => {
            let high = matches!(m, Movhps | Movhpd);
            if is_mem(l, 0) {
                let (lo, hi) = l.xmm(number(l, 1));
                let va = l.memory(8, true);
                l.store(va, if high { hi } else { lo }, 3);
            } else {
                let v = l.operand64(1);
                let a = l.vector(number(l, 0));
                let v = if high {
                    l.b.v_set_hi(a, v)
                } else {
                    l.b.v_set_lo(a, v)
                };
                l.set_vector(number(l, 0), v);
            }
        }
        Movhlps | Movlhps => {
            let (a, b) = (l.vector(number(l, 0)), l.vector(number(l, 1)));
            let v = halves(l, m == Movhlps, a, b);
            l.set_vector(number(l, 0), v);
        }
        Movddup => {
            let v = l.operand_low(1);
            let v = l.b.shuffle(v, v, by_lane([0, 0]));
            l.set_vector(number(l, 0), v);
        }
        Movshdup | Movsldup => {
            let v = l.operand128(1);
            let v = twice(l, m == Movshdup, v);
            l.set_vector(number(l, 0), v);
        }
        Movq2dq => {
            let v = l.mmx(number(l, 1) as u32);
            l.set_xmm_low(number(l, 0), v);
        }
        Movdq2q => {
            let (v, _) = l.xmm(number(l, 1));
            l.set_mmx(number(l, 0) as u32, v);
        }
        Movnti => {
            let d = l.place(0, Use::Write);
            let v = l.read_op(1);
            l.write(d, v);
        }
        _ => {
            let v = l.mmx(number(l, 1) as u32);
            let va = l.memory(8, true);
            l.store(va, v, 3);
        }
    }
    true
}

/// MOVHLPS (`down`) and MOVLHPS.
pub fn halves(l: &mut Lifter<'_>, down: bool, a: Val, b: Val) -> Val {
    let from = if down { [3, 1] } else { [0, 2] };
    l.b.shuffle(a, b, by_lane(from))
}

/// MOVSHDUP (`odd`) and MOVSLDUP.
pub fn twice(l: &mut Lifter<'_>, odd: bool, v: Val) -> Val {
    let from = if odd { [1, 1, 3, 3] } else { [0, 0, 2, 2] };
    l.b.shuffle(v, v, by_lane(from))
}

/// LDMXCSR and STMXCSR.
pub fn control(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    if !matches!(m, Mnemonic::Ldmxcsr | Mnemonic::Stmxcsr) {
        return false;
    }
    check(l, 2);
    let va = l.memory(4, m == Mnemonic::Stmxcsr);
    if m == Mnemonic::Stmxcsr {
        let v = l.b.call(helpers::READ_MXCSR, &[]);
        let v = l.b.wrap(v);
        l.store(va, v, 2);
    } else {
        let how = l.b.i32(fpu::image_what::LDMXCSR);
        l.b.call(helpers::FPU_IMAGE, &[how, va]);
        l.leave_after();
    }
    true
}

/// Arithmetic, comparisons and conversions on the host.
fn fast(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    if !l.mode.has(Mode::SSE_FAST) || l.mode.has(Mode::NO_SSE) {
        return false;
    }
    if let Some((shape, kind)) = float::arithmetic(m) {
        let b = if shape.scalar {
            l.operand_low(1)
        } else {
            l.operand128(1)
        };
        let n = number(l, 0);
        let a = l.vector(n);
        let v = float::compute(l, m, shape, kind, a, b);
        l.set_vector(n, v);
        return true;
    }
    match m {
        Comiss | Comisd | Ucomiss | Ucomisd => {
            let b = l.operand_low(1);
            let a = l.vector(number(l, 0));
            let f = float::flags(l, m, a, b);
            l.set_arith_flags(f);
        }
        Cmpss | Cmpsd | Cmpps | Cmppd if l.insn.immediate8() < 8 => {
            let b = if matches!(m, Cmpss | Cmpsd) {
                l.operand_low(1)
            } else {
                l.operand128(1)
            };
            let n = number(l, 0);
            let a = l.vector(n);
            let v = float::compare(l, m, l.insn.immediate8() as u64, a, b);
            l.set_vector(n, v);
        }
        Cvtsi2sd | Cvtsi2ss => {
            let v = l.operand64(1);
            let n = number(l, 0);
            let a = l.vector(n);
            let wide = l.op_lg(1) == 3;
            let v = float::from_int(l, m, wide, a, v);
            l.set_vector(n, v);
        }
        Cvttsd2si | Cvttss2si | Cvtsd2si => {
            let b = l.operand_low(1);
            let Some((n, lg, _)) = gpr(l.insn.op0_register()) else {
                return false;
            };
            let v = float::to_int(l, m, lg == 3, b);
            l.set_reg(n, lg, v);
        }
        Cvtss2sd | Cvtsd2ss => {
            let b = l.operand_low(1);
            let n = number(l, 0);
            let a = l.vector(n);
            let v = float::convert(l, m, a, b);
            l.set_vector(n, v);
        }
        Cvtdq2ps | Cvttps2dq => {
            let b = l.operand128(1);
            let v = float::convert_lanes(l, m, b);
            l.set_vector(number(l, 0), v);
        }
        Cvtdq2pd => {
            let b = l.operand_low(1);
            let v = l.b.v_f64_from_i32(b);
            l.set_vector(number(l, 0), v);
        }
        _ => return false,
    }
    true
}

/// Everything else: a helper.
fn slow(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let known = matches!(
        m,
        Addps
            | Subps
            | Mulps
            | Divps
            | Sqrtps
            | Minps
            | Maxps
            | Addpd
            | Subpd
            | Mulpd
            | Divpd
            | Sqrtpd
            | Minpd
            | Maxpd
            | Addss
            | Subss
            | Mulss
            | Divss
            | Sqrtss
            | Minss
            | Maxss
            | Addsd
            | Subsd
            | Mulsd
            | Divsd
            | Sqrtsd
            | Minsd
            | Maxsd
            | Cmpps
            | Cmppd
            | Cmpss
            | Cmpsd
            | Comiss
            | Comisd
            | Ucomiss
            | Ucomisd
            | Addsubps
            | Addsubpd
            | Haddps
            | Hsubps
            | Haddpd
            | Hsubpd
            | Dpps
            | Dppd
            | Roundps
            | Roundpd
            | Roundss
            | Roundsd
            | Rcpps
            | Rcpss
            | Rsqrtps
            | Rsqrtss
            | Cvtsi2ss
            | Cvtsi2sd
            | Cvtss2si
            | Cvttss2si
            | Cvtsd2si
            | Cvttsd2si
            | Cvtss2sd
            | Cvtsd2ss
            | Cvtps2pd
            | Cvtpd2ps
            | Cvtdq2ps
            | Cvtdq2pd
            | Cvtps2dq
            | Cvttps2dq
            | Cvtpd2dq
            | Cvttpd2dq
            | Cvtpi2ps
            | Cvtpi2pd
            | Cvtps2pi
            | Cvttps2pi
            | Cvtpd2pi
            | Cvttpd2pi
            | Pcmpistri
            | Pcmpistrm
            | Pcmpestri
            | Pcmpestrm
            | Aesenc
            | Aesenclast
            | Aesdec
            | Aesdeclast
            | Aesimc
            | Aeskeygenassist
            | Pclmulqdq
            | Insertps
            | Mpsadbw
            | Phminposuw
    );
    if !known {
        return false;
    }
    let mmx = is_mm(l, 0) || is_mm(l, 1);
    check(l, 2);
    if mmx {
        check(l, 1);
    }
    let number_of = |r: Register| (r.number() as u64) & 15;
    // A shift by a constant has its operand as destination alone.
    let src = if l.insn.op_count() > 1 && l.insn.op_kind(1) == OpKind::Register {
        l.insn.op1_register()
    } else {
        Register::None
    };
    let last = l.insn.op_count().saturating_sub(1);
    let imm = if l.insn.op_kind(last) == OpKind::Immediate8 {
        l.insn.immediate8() as u64
    } else {
        0
    };
    let dst = l.insn.op0_register();
    let mut what = m as u64 | number_of(dst) << 16 | imm << 24;
    if src.is_mm() {
        what |= 1 << 33;
    }
    if src.is_gpr() {
        what |= 1 << 34;
    }
    if src != Register::None {
        what |= number_of(src) << 20;
    }
    let wide = match m {
        Cvtsi2ss | Cvtsi2sd => l.op_lg(1) == 3,
        Cvtss2si | Cvttss2si | Cvtsd2si | Cvttsd2si => l.op_lg(0) == 3,
        Pcmpestri | Pcmpestrm => matches!(
            l.insn.code(),
            iced_x86::Code::Pcmpestri64_xmm_xmmm128_imm8
                | iced_x86::Code::Pcmpestrm64_xmm_xmmm128_imm8
        ),
        _ => false,
    };
    what |= (wide as u64) << 35;
    let mut va = l.b.va(0);
    if is_mem(l, 1) {
        let bytes = l.insn.memory_size().size() as u32;
        what |= 1 << 32 | (bytes as u64) << 40;
        va = l.memory(bytes, false);
    }
    let w = l.b.i64(what);
    l.b.call(helpers::SSE_OP, &[w, va]);
    if matches!(
        m,
        Comiss | Comisd | Ucomiss | Ucomisd | Pcmpistri | Pcmpistrm | Pcmpestri | Pcmpestrm
    ) {
        // The helper wrote the flags.
        l.forget_cc();
    }
    true
}
