//! SSE: moves in line; scalar arithmetic on the host while [`Mode::SSE_FAST`] says that only inexact could be raised, which is sticky; the rest by
//! a helper that reads its memory operand itself, as it may fault behind it.
//!
//! A host result is taken where it is a normal number from operands that are not denormal (sums may be zero or denormal: they are exact then);
//! otherwise the operation is done in software, which gathers its flags.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::Val;

use super::Lifter;
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
                let v = l.xmm(number(l, 1));
                l.store128(v, aligned);
            } else {
                let v = if is_mem(l, 1) {
                    l.load128(aligned)
                } else {
                    l.xmm(number(l, 1))
                };
                l.set_xmm(number(l, 0), v);
            }
        }
        Movss | Movsd => {
            let lg = if m == Movss { 2 } else { 3 };
            if is_mem(l, 0) {
                let (v, _) = l.xmm(number(l, 1));
                let va = l.memory(1 << lg, true);
                l.store(va, v, lg);
            } else if is_mem(l, 1) {
                let v = l.operand64(1);
                let zero = l.b.i64(0);
                l.set_xmm(number(l, 0), (v, zero));
            } else {
                let (v, _) = l.xmm(number(l, 1));
                set_low(l, number(l, 0), v, lg);
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
                let zero = l.b.i64(0);
                l.set_xmm(number(l, 0), (v, zero));
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
                let (lo, hi) = l.xmm(number(l, 0));
                l.set_xmm(number(l, 0), if high { (lo, v) } else { (v, hi) });
            }
        }
        Movhlps | Movlhps => {
            let (a, b) = (l.xmm(number(l, 0)), l.xmm(number(l, 1)));
            l.set_xmm(
                number(l, 0),
                if m == Movhlps { (b.1, a.1) } else { (a.0, b.0) },
            );
        }
        Movddup => {
            let v = l.operand64(1);
            l.set_xmm(number(l, 0), (v, v));
        }
        Movshdup | Movsldup => {
            let (lo, hi) = l.operand128(1);
            let r = [lo, hi].map(|v| {
                let s = l.b.i64(32);
                if m == Movshdup {
                    let x = l.b.shr(v, s);
                    let y = l.b.shl(x, s);
                    l.b.or(x, y)
                } else {
                    let y = l.b.shl(v, s);
                    let x = l.b.shr(y, s);
                    l.b.or(x, y)
                }
            });
            l.set_xmm(number(l, 0), (r[0], r[1]));
        }
        Movq2dq => {
            let v = l.mmx(number(l, 1) as u32);
            let zero = l.b.i64(0);
            l.set_xmm(number(l, 0), (v, zero));
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

/// Replaces the low 4 or 8 bytes of an XMM register.
fn set_low(l: &mut Lifter<'_>, n: usize, v: Val, lg: u32) {
    let [slot, _] = l.cpu.regs.xmm[n & 15];
    if lg == 3 {
        return l.b.set(slot, v);
    }
    let (m, k) = (l.b.i64(0xffff_ffff), l.b.i64(!0xffff_ffff));
    let old = l.b.get(slot);
    let (v, old) = (l.b.and(v, m), l.b.and(old, k));
    let v = l.b.or(v, old);
    l.b.set(slot, v);
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

/// A double's magnitude is that of a denormal: 1 if so.
fn denormal(l: &mut Lifter<'_>, v: Val, single: bool) -> Val {
    let k = |l: &mut Lifter<'_>, s: u32, d: u64| if single { l.b.i32(s) } else { l.b.i64(d) };
    let one = k(l, 1, 1);
    let mag = l.b.shl(v, one);
    // From 1 to 2^24 - 1, or 2^53 - 1, without the sign.
    let two = k(l, 2, 2);
    let n = l.b.sub(mag, two);
    let top = k(l, (1 << 24) - 2, (1 << 53) - 2);
    l.b.lt_u(n, top)
}

/// The exponent is neither zero (`tiny`: nor the lowest) nor the highest.
fn ordinary(l: &mut Lifter<'_>, v: Val, single: bool, tiny: u32) -> Val {
    if single {
        let (s, m, low, span) = (
            l.b.i32(23),
            l.b.i32(0xff),
            l.b.i32(tiny),
            l.b.i32(0xff - tiny),
        );
        let e = l.b.shr(v, s);
        let e = l.b.and(e, m);
        let e = l.b.sub(e, low);
        l.b.lt_u(e, span)
    } else {
        let (s, m, low, span) = (
            l.b.i64(52),
            l.b.i64(0x7ff),
            l.b.i64(tiny as u64),
            l.b.i64(0x7ff - tiny as u64),
        );
        let e = l.b.shr(v, s);
        let e = l.b.and(e, m);
        let e = l.b.sub(e, low);
        l.b.lt_u(e, span)
    }
}

/// One operation on the host, or in software where that will not do. Values are bits: i32 for singles, i64 for doubles.
pub fn compute(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val, single: bool) -> Val {
    use Mnemonic::*;
    let float = |l: &mut Lifter<'_>, v: Val| {
        if single {
            l.b.float32(v)
        } else {
            l.b.float64(v)
        }
    };
    let (fa, fb) = (float(l, a), float(l, b));
    let r = match m {
        Addss | Addsd | Addpd => l.b.fadd(fa, fb),
        Subss | Subsd | Subpd => l.b.fsub(fa, fb),
        Mulss | Mulsd | Mulpd => l.b.fmul(fa, fb),
        Divss | Divsd | Divpd => l.b.fdiv(fa, fb),
        _ => l.b.fsqrt(fb),
    };
    let bits = if single { l.b.bits32(r) } else { l.b.bits64(r) };
    let sum = matches!(m, Addss | Addsd | Addpd | Subss | Subsd | Subpd);
    let good = ordinary(l, bits, single, if sum { 0 } else { 2 });
    let (da, db) = (denormal(l, a, single), denormal(l, b, single));
    let bad = l.b.eqz(good);
    let bad = l.b.or(bad, db);
    let bad = if matches!(m, Sqrtss | Sqrtsd | Sqrtpd) {
        bad
    } else {
        l.b.or(bad, da)
    };
    let scalar = match m {
        Addpd => Addsd,
        Subpd => Subsd,
        Mulpd => Mulsd,
        Divpd => Divsd,
        Sqrtpd => Sqrtsd,
        m => m,
    };
    let slow = l.b.call_if(bad, helpers::SSE_RARE, a, b, scalar as u64);
    let slow = if single { l.b.wrap(slow) } else { slow };
    l.b.select(bad, slow, bits)
}

/// Scalar arithmetic and what is like it, on the host.
fn fast(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    if !l.mode.has(Mode::SSE_FAST) || l.mode.has(Mode::NO_SSE) {
        return false;
    }
    match m {
        Addsd | Subsd | Mulsd | Divsd | Sqrtsd | Addss | Subss | Mulss | Divss | Sqrtss => {
            let single = matches!(m, Addss | Subss | Mulss | Divss | Sqrtss);
            let b = l.operand64(1);
            let n = number(l, 0);
            let (a, _) = l.xmm(n);
            if single {
                let (a, b) = (l.b.wrap(a), l.b.wrap(b));
                let r = compute(l, m, a, b, true);
                let r = l.b.ext_u(r);
                set_low(l, n, r, 2);
            } else {
                let r = compute(l, m, a, b, false);
                set_low(l, n, r, 3);
            }
        }
        Addpd | Subpd | Mulpd | Divpd | Sqrtpd => {
            let b = l.operand128(1);
            let n = number(l, 0);
            let a = l.xmm(n);
            let r = (
                compute(l, m, a.0, b.0, false),
                compute(l, m, a.1, b.1, false),
            );
            l.set_xmm(n, r);
        }
        Cvtsi2sd if l.op_lg(1) == 2 => {
            let v = l.operand64(1);
            let v = l.b.wrap(v);
            let f = l.b.f64_from_i32(v);
            let v = l.b.bits64(f);
            set_low(l, number(l, 0), v, 3);
        }
        Cvttsd2si if l.op_lg(0) == 2 => {
            let v = l.operand64(1);
            let f = l.b.float64(v);
            let i = l.b.i32_from_f64(f);
            // Below 2^31 in magnitude.
            let mag = l.b.fabs(f);
            let limit = l.b.i64(0x41e0_0000_0000_0000);
            let limit = l.b.float64(limit);
            let fits = l.b.flt(mag, limit);
            let bad = l.b.eqz(fits);
            let zero = l.b.i64(0);
            let slow = l.b.call_if(bad, helpers::SSE_RARE, zero, v, m as u64);
            let slow = l.b.wrap(slow);
            let r = l.b.select(bad, slow, i);
            let Some((n, lg, _)) = gpr(l.insn.op0_register()) else {
                return false;
            };
            l.set_reg(n, lg, r);
        }
        Cvtss2sd | Cvtsd2ss => {
            let b = l.operand64(1);
            let zero = l.b.i64(0);
            let n = number(l, 0);
            if m == Cvtss2sd {
                let b32 = l.b.wrap(b);
                let f = l.b.float32(b32);
                let f = l.b.fpromote(f);
                let r = l.b.bits64(f);
                let good = ordinary(l, b32, true, 1);
                let bad = l.b.eqz(good);
                let slow = l.b.call_if(bad, helpers::SSE_RARE, zero, b, m as u64);
                let r = l.b.select(bad, slow, r);
                set_low(l, n, r, 3);
            } else {
                let f = l.b.float64(b);
                let f = l.b.fdemote(f);
                let r = l.b.bits32(f);
                let good = ordinary(l, r, true, 2);
                let bad = l.b.eqz(good);
                let slow = l.b.call_if(bad, helpers::SSE_RARE, zero, b, m as u64);
                let slow = l.b.wrap(slow);
                let r = l.b.select(bad, slow, r);
                let r = l.b.ext_u(r);
                set_low(l, n, r, 2);
            }
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
            | Ptest
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
            | Pslldq
            | Psrldq
            | Palignr
            | Pblendvb
            | Blendvps
            | Blendvpd
            | Pblendw
            | Blendps
            | Blendpd
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
        Comiss | Comisd | Ucomiss | Ucomisd | Ptest | Pcmpistri | Pcmpistrm | Pcmpestri | Pcmpestrm
    ) {
        // The helper wrote the flags.
        l.forget_cc();
    }
    true
}
