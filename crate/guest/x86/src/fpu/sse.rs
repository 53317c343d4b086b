//! SSE instructions that compute with floats, and those on 128 bits that do not fall apart (SDM volume 1, chapters 10 and 11; volume 2).
//!
//! RCPPS and RSQRTPS give the correctly rounded result, which is inside their error bound.

use iced_x86::Mnemonic;
use tinamou_ir::guest::Fault;
use tinamou_softfloat::{Env, Flags, Float, Flush, NanRules, Relation, Rounding};

use super::{Fpu, crypto, simd};
use crate::fault::{self, fault};

const IE: u32 = 1;
const DE: u32 = 2;
const ZE: u32 = 4;
const UM: u32 = 1 << 11;

/// The result of [`Fpu::sse`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// For the XMM destination.
    Xmm(u128),
    /// For an MMX destination.
    Mmx(u64),
    /// For a general register.
    Gpr(u64),
    /// CF, PF, AF, ZF, SF and OF.
    Flags(u32),
    /// Nothing.
    None,
}

fn single(v: u128, i: u32) -> u32 {
    (v >> (32 * i)) as u32
}

fn double(v: u128, i: u32) -> u64 {
    (v >> (64 * i)) as u64
}

fn singles(f: impl FnMut(u32) -> u32) -> u128 {
    (0..4)
        .map(f)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(0, |v, l| v << 32 | l as u128)
}

fn doubles(f: impl FnMut(u32) -> u64) -> u128 {
    (0..2)
        .map(f)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(0, |v, l| v << 64 | l as u128)
}

/// An arithmetic operation on one lane.
fn lane<F: Float>(env: &mut Env, m: Mnemonic, a: F, b: F) -> F {
    use Mnemonic::*;
    match m {
        Addps | Addpd | Addss | Addsd => env.add(a, b),
        Subps | Subpd | Subss | Subsd => env.sub(a, b),
        Mulps | Mulpd | Mulss | Mulsd => env.mul(a, b),
        Divps | Divpd | Divss | Divsd => env.div(a, b),
        Sqrtps | Sqrtpd | Sqrtss | Sqrtsd => env.sqrt(b),
        Minps | Minpd | Minss | Minsd => match env.compare_signalling(a, b) {
            Relation::Less => flushed(env, a),
            _ => flushed(env, b),
        },
        Maxps | Maxpd | Maxss | Maxsd => match env.compare_signalling(a, b) {
            Relation::Greater => flushed(env, a),
            _ => flushed(env, b),
        },
        _ => b,
    }
}

/// A denormal counts as zero if DAZ says so, also when it is only copied.
fn flushed<F: Float>(env: &Env, v: F) -> F {
    if env.denormals_are_zero && v.is_denormal() {
        F::zero(v.sign())
    } else {
        v
    }
}

/// Two singles.
fn two(a: u64, b: u64, mut f: impl FnMut(u32, u32) -> u32) -> u64 {
    let low = f(a as u32, b as u32) as u64;
    low | (f((a >> 32) as u32, (b >> 32) as u32) as u64) << 32
}

/// What COMIxx sets.
fn comparison(r: Relation) -> u32 {
    use crate::flags::{CF, PF, ZF};
    match r {
        Relation::Less => CF,
        Relation::Equal => ZF,
        Relation::Greater => 0,
        Relation::Unordered => ZF | PF | CF,
    }
}

fn to_i64<F: Float>(env: &mut Env, v: F, rc: Rounding) -> u64 {
    env.to_int::<F, i64>(v, rc).map_or(1 << 63, |v| v as u64)
}

/// The predicate of CMPxx.
fn predicate<F: Float>(env: &mut Env, imm: u32, a: F, b: F) -> bool {
    let signalling = matches!(imm & 7, 1 | 2 | 5 | 6);
    let r = if signalling {
        env.compare_signalling(a, b)
    } else {
        env.compare(a, b)
    };
    let holds = match imm & 3 {
        0 => r == Relation::Equal,
        1 => r == Relation::Less,
        2 => matches!(r, Relation::Less | Relation::Equal),
        _ => r == Relation::Unordered,
    };
    holds != (imm & 4 != 0)
}

/// The immediate of ROUNDxx: rounding, and whether inexact shows.
fn round_control(env: &Env, imm: u32) -> (Rounding, bool) {
    let rc = if imm & 4 != 0 {
        env.rounding
    } else {
        super::x87::rounding(imm as u16)
    };
    (rc, imm & 8 == 0)
}

pub(super) fn to_i32<F: Float>(env: &mut Env, v: F, rc: Rounding) -> u32 {
    env.to_int::<F, i32>(v, rc)
        .map_or(0x8000_0000, |v| v as u32)
}

impl Fpu {
    pub(super) fn sse_env(&self) -> Env {
        let mut e = Env::new(NanRules::X86_SSE);
        e.rounding = super::x87::rounding((self.mxcsr >> 13) as u16);
        e.denormals_are_zero = self.mxcsr & 0x40 != 0;
        if self.mxcsr & 0x8000 != 0 && self.mxcsr & UM != 0 {
            e.flush_to_zero = Flush::Zero;
        }
        let mut wrap = Flags::NONE;
        if self.mxcsr & 1 << 10 == 0 {
            wrap |= Flags::OVERFLOW;
        }
        if self.mxcsr & UM == 0 {
            wrap |= Flags::UNDERFLOW;
        }
        e.wrap = wrap;
        e
    }

    /// Takes up the flags of an instruction; an unmasked one is #XM.
    pub(super) fn sse_settle(&mut self, f: Flags) -> Result<(), Fault> {
        let mut e = 0;
        for (flag, bit) in [
            (Flags::INVALID, IE),
            (Flags::INPUT_DENORMAL, DE),
            (Flags::DIV_BY_ZERO, ZE),
            (Flags::OVERFLOW, 8),
            (Flags::UNDERFLOW, 0x10),
            (Flags::INEXACT, 0x20),
        ] {
            if f.has(flag) {
                e |= bit;
            }
        }
        if self.mxcsr & UM == 0 && f.has(Flags::TINY) {
            e |= 0x10;
        }
        let masks = self.mxcsr >> 7 & 0x3f;
        let first = e & (IE | DE | ZE);
        if first & !masks != 0 {
            e = first;
        }
        self.mxcsr |= e;
        if e & !masks != 0 {
            Err(fault(fault::XM))
        } else {
            Ok(())
        }
    }

    /// Part of an instruction for generated code, with everything masked: `a` and `b` are a single, a double or two singles; `what` is the
    /// mnemonic, and from bit 16 on the immediate.
    pub fn sse_rare(&mut self, what: u64, m: Mnemonic, a: u64, b: u64) -> u64 {
        use Mnemonic::*;
        let imm = (what >> 16) as u32;
        let mut env = self.sse_env();
        let e = &mut env;
        let r = match m {
            Addss | Subss | Mulss | Divss | Sqrtss | Minss | Maxss => {
                lane(e, m, a as u32, b as u32) as u64
            }
            Addps | Subps | Mulps | Divps | Sqrtps | Minps | Maxps => {
                two(a, b, |a, b| lane(e, m, a, b))
            }
            Cmpss => 0u32.wrapping_sub(predicate(e, imm, a as u32, b as u32) as u32) as u64,
            Cmpps => two(a, b, |a, b| {
                0u32.wrapping_sub(predicate(e, imm, a, b) as u32)
            }),
            Cmpsd | Cmppd => 0u64.wrapping_sub(predicate(e, imm, a, b) as u64),
            Comiss => comparison(e.compare_signalling(a as u32, b as u32)) as u64,
            Ucomiss => comparison(e.compare(a as u32, b as u32)) as u64,
            Comisd => comparison(e.compare_signalling(a, b)) as u64,
            Ucomisd => comparison(e.compare(a, b)) as u64,
            Cvttsd2si if imm != 0 => to_i64(e, b, Rounding::TowardZero),
            Cvttss2si if imm != 0 => to_i64(e, b as u32, Rounding::TowardZero),
            Cvtsd2si if imm != 0 => to_i64(e, b, Rounding::NearestEven),
            Cvttsd2si => to_i32(e, b, Rounding::TowardZero) as u64,
            Cvttss2si => to_i32(e, b as u32, Rounding::TowardZero) as u64,
            Cvtsd2si => to_i32(e, b, Rounding::NearestEven) as u64,
            Cvttps2dq => two(a, b, |_, b| to_i32(e, b, Rounding::TowardZero)),
            Cvtss2sd => e.convert::<u32, u64>(b as u32),
            Cvtsd2ss => e.convert::<u64, u32>(b) as u64,
            _ => lane(e, m, a, b),
        };
        // Everything is masked here.
        let _ = self.sse_settle(env.flags);
        r
    }

    /// An instruction with destination `a` and source `b`; `gpr` is a general register's value where one takes part, `mask` XMM0.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that an instruction may have"
    )]
    pub fn sse(
        &mut self,
        m: Mnemonic,
        imm: u32,
        a: u128,
        b: u128,
        gpr: [u64; 2],
        mask: u128,
        wide: bool,
    ) -> Result<Value, Fault> {
        use Mnemonic::*;
        let low32 = u128::MAX << 32;
        let low64 = u128::MAX << 64;
        let mut env = self.sse_env();
        let e = &mut env;
        let out = match m {
            Addps | Subps | Mulps | Divps | Sqrtps | Minps | Maxps => {
                Value::Xmm(singles(|i| lane(e, m, single(a, i), single(b, i))))
            }
            Addpd | Subpd | Mulpd | Divpd | Sqrtpd | Minpd | Maxpd => {
                Value::Xmm(doubles(|i| lane(e, m, double(a, i), double(b, i))))
            }
            Addss | Subss | Mulss | Divss | Sqrtss | Minss | Maxss => {
                Value::Xmm(a & low32 | lane(e, m, single(a, 0), single(b, 0)) as u128)
            }
            Addsd | Subsd | Mulsd | Divsd | Sqrtsd | Minsd | Maxsd => {
                Value::Xmm(a & low64 | lane(e, m, double(a, 0), double(b, 0)) as u128)
            }
            Cmpps => Value::Xmm(singles(|i| {
                if predicate(e, imm, single(a, i), single(b, i)) {
                    u32::MAX
                } else {
                    0
                }
            })),
            Cmppd => Value::Xmm(doubles(|i| {
                if predicate(e, imm, double(a, i), double(b, i)) {
                    u64::MAX
                } else {
                    0
                }
            })),
            Cmpss => Value::Xmm(
                a & low32
                    | if predicate(e, imm, single(a, 0), single(b, 0)) {
                        u32::MAX as u128
                    } else {
                        0
                    },
            ),
            Cmpsd => Value::Xmm(
                a & low64
                    | if predicate(e, imm, double(a, 0), double(b, 0)) {
                        u64::MAX as u128
                    } else {
                        0
                    },
            ),
            Comiss | Comisd | Ucomiss | Ucomisd => {
                let r = match m {
                    Comiss => e.compare_signalling(single(a, 0), single(b, 0)),
                    Ucomiss => e.compare(single(a, 0), single(b, 0)),
                    Comisd => e.compare_signalling(double(a, 0), double(b, 0)),
                    _ => e.compare(double(a, 0), double(b, 0)),
                };
                Value::Flags(comparison(r))
            }
            Addsubps => Value::Xmm(singles(|i| {
                if i & 1 == 0 {
                    e.sub(single(a, i), single(b, i))
                } else {
                    e.add(single(a, i), single(b, i))
                }
            })),
            Addsubpd => Value::Xmm(doubles(|i| {
                if i == 0 {
                    e.sub(double(a, i), double(b, i))
                } else {
                    e.add(double(a, i), double(b, i))
                }
            })),
            Haddps | Hsubps => Value::Xmm(singles(|i| {
                let v = if i < 2 { a } else { b };
                let (x, y) = (single(v, 2 * (i & 1)), single(v, 2 * (i & 1) + 1));
                if m == Haddps {
                    e.add(x, y)
                } else {
                    e.sub(x, y)
                }
            })),
            Haddpd | Hsubpd => Value::Xmm(doubles(|i| {
                let v = if i == 0 { a } else { b };
                if m == Haddpd {
                    e.add(double(v, 0), double(v, 1))
                } else {
                    e.sub(double(v, 0), double(v, 1))
                }
            })),
            Dpps => {
                let mut p = [0u32; 4];
                for (i, p) in p.iter_mut().enumerate() {
                    if imm >> (4 + i) & 1 != 0 {
                        *p = e.mul(single(a, i as u32), single(b, i as u32));
                    }
                }
                let (x, y) = (e.add(p[0], p[1]), e.add(p[2], p[3]));
                let s = e.add(x, y);
                Value::Xmm(singles(|i| if imm >> i & 1 != 0 { s } else { 0 }))
            }
            Dppd => {
                let mut p = [0u64; 2];
                for (i, p) in p.iter_mut().enumerate() {
                    if imm >> (4 + i) & 1 != 0 {
                        *p = e.mul(double(a, i as u32), double(b, i as u32));
                    }
                }
                let s = e.add(p[0], p[1]);
                Value::Xmm(doubles(|i| if imm >> i & 1 != 0 { s } else { 0 }))
            }
            Roundps | Roundpd | Roundss | Roundsd => {
                let (rc, inexact) = round_control(e, imm);
                let v = match m {
                    Roundps => {
                        singles(|i| e.round_to_integral(flushed(e, single(b, i)), rc, inexact))
                    }
                    Roundpd => {
                        doubles(|i| e.round_to_integral(flushed(e, double(b, i)), rc, inexact))
                    }
                    Roundss => {
                        a & low32
                            | e.round_to_integral(flushed(e, single(b, 0)), rc, inexact) as u128
                    }
                    _ => {
                        a & low64
                            | e.round_to_integral(flushed(e, double(b, 0)), rc, inexact) as u128
                    }
                };
                e.flags.0 &= !Flags::INPUT_DENORMAL.0;
                Value::Xmm(v)
            }
            Rcpps => Value::Xmm(singles(|i| self.estimate(single(b, i), false))),
            Rcpss => Value::Xmm(a & low32 | self.estimate(single(b, 0), false) as u128),
            Rsqrtps => Value::Xmm(singles(|i| self.estimate(single(b, i), true))),
            Rsqrtss => Value::Xmm(a & low32 | self.estimate(single(b, 0), true) as u128),
            // Conversions.
            Cvtsi2ss => {
                let v = if wide {
                    e.from_int::<u32, i64>(gpr[0] as i64)
                } else {
                    e.from_int::<u32, i32>(gpr[0] as i32)
                };
                Value::Xmm(a & low32 | v as u128)
            }
            Cvtsi2sd => {
                let v = if wide {
                    e.from_int::<u64, i64>(gpr[0] as i64)
                } else {
                    e.from_int::<u64, i32>(gpr[0] as i32)
                };
                Value::Xmm(a & low64 | v as u128)
            }
            Cvtss2si | Cvttss2si | Cvtsd2si | Cvttsd2si => {
                let rc = if matches!(m, Cvttss2si | Cvttsd2si) {
                    Rounding::TowardZero
                } else {
                    e.rounding
                };
                let one = matches!(m, Cvtss2si | Cvttss2si);
                Value::Gpr(match (one, wide) {
                    (true, false) => to_i32(e, single(b, 0), rc) as u64,
                    (false, false) => to_i32(e, double(b, 0), rc) as u64,
                    (true, true) => e
                        .to_int::<u32, i64>(single(b, 0), rc)
                        .map_or(1 << 63, |v| v as u64),
                    (false, true) => e
                        .to_int::<u64, i64>(double(b, 0), rc)
                        .map_or(1 << 63, |v| v as u64),
                })
            }
            Cvtss2sd => Value::Xmm(a & low64 | e.convert::<u32, u64>(single(b, 0)) as u128),
            Cvtsd2ss => Value::Xmm(a & low32 | e.convert::<u64, u32>(double(b, 0)) as u128),
            Cvtps2pd => Value::Xmm(doubles(|i| e.convert::<u32, u64>(single(b, i)))),
            Cvtpd2ps => Value::Xmm(singles(|i| {
                if i < 2 {
                    e.convert::<u64, u32>(double(b, i))
                } else {
                    0
                }
            })),
            Cvtdq2ps => Value::Xmm(singles(|i| e.from_int::<u32, i32>(single(b, i) as i32))),
            Cvtdq2pd => Value::Xmm(doubles(|i| e.from_int::<u64, i32>(single(b, i) as i32))),
            Cvtps2dq | Cvttps2dq => {
                let rc = if m == Cvttps2dq {
                    Rounding::TowardZero
                } else {
                    e.rounding
                };
                Value::Xmm(singles(|i| to_i32(e, single(b, i), rc)))
            }
            Cvtpd2dq | Cvttpd2dq => {
                let rc = if m == Cvttpd2dq {
                    Rounding::TowardZero
                } else {
                    e.rounding
                };
                Value::Xmm(singles(|i| {
                    if i < 2 {
                        to_i32(e, double(b, i), rc)
                    } else {
                        0
                    }
                }))
            }
            Cvtpi2ps => {
                let v = |e: &mut Env, i: u32| e.from_int::<u32, i32>(single(b, i) as i32) as u128;
                Value::Xmm(a & low64 | v(e, 0) | v(e, 1) << 32)
            }
            Cvtpi2pd => Value::Xmm(doubles(|i| e.from_int::<u64, i32>(single(b, i) as i32))),
            Cvtps2pi | Cvttps2pi | Cvtpd2pi | Cvttpd2pi => {
                let rc = if matches!(m, Cvttps2pi | Cvttpd2pi) {
                    Rounding::TowardZero
                } else {
                    e.rounding
                };
                let one = matches!(m, Cvtps2pi | Cvttps2pi);
                let v = |e: &mut Env, i: u32| if one { to_i32(e, single(b, i), rc) } else { to_i32(e, double(b, i), rc) } as u64;
                Value::Mmx(v(e, 0) | v(e, 1) << 32)
            }
            // Integers.
            Ptest => {
                use crate::flags::{CF, ZF};
                Value::Flags(if a & b == 0 { ZF } else { 0 } | if !a & b == 0 { CF } else { 0 })
            }
            Pcmpistri | Pcmpistrm | Pcmpestri | Pcmpestrm => {
                return Ok(self.strings(m, imm, a, b, gpr, wide));
            }
            Aesenc | Aesenclast => Value::Xmm(crypto::encrypt(a, b, m == Aesenclast)),
            Aesdec | Aesdeclast => Value::Xmm(crypto::decrypt(a, b, m == Aesdeclast)),
            Aesimc => Value::Xmm(crypto::inverse_columns(b)),
            Aeskeygenassist => Value::Xmm(crypto::key_assist(b, imm)),
            Pclmulqdq => Value::Xmm(crypto::carryless(
                double(a, imm & 1),
                double(b, imm >> 4 & 1),
            )),
            _ => Value::Xmm(simd::op128(m, imm, a, b, mask).ok_or(fault(fault::UD))?),
        };
        let flags = env.flags;
        self.sse_settle(flags)?;
        Ok(out)
    }

    /// PCMPxSTRx; an index comes in `Value::Gpr` with the flags in its upper half; for a mask the flags are in [`Fpu::string_flags`].
    fn strings(
        &mut self,
        m: Mnemonic,
        imm: u32,
        a: u128,
        b: u128,
        gpr: [u64; 2],
        wide: bool,
    ) -> Value {
        use Mnemonic::*;
        let words = imm & 1 != 0;
        let n = if words { 8 } else { 16 };
        let (la, lb) = if matches!(m, Pcmpistri | Pcmpistrm) {
            (
                simd::implicit_length(a, words),
                simd::implicit_length(b, words),
            )
        } else {
            let len = |v: u64| {
                let v = if wide { v as i64 } else { v as i32 as i64 };
                v.unsigned_abs().min(n as u64) as u32
            };
            (len(gpr[0]), len(gpr[1]))
        };
        let (r, f) = simd::compare_strings(imm, a, b, la, lb);
        if matches!(m, Pcmpistri | Pcmpestri) {
            let at = if r == 0 {
                n
            } else if imm & 0x40 != 0 {
                31 - r.leading_zeros()
            } else {
                r.trailing_zeros()
            };
            return Value::Gpr(at as u64 | (f as u64) << 32);
        }
        let v = if imm & 0x40 == 0 {
            r as u128
        } else {
            let bits = if words { 16 } else { 8 };
            (0..n)
                .filter(|i| r >> i & 1 != 0)
                .fold(0, |v, i| v | (u128::MAX >> (128 - bits)) << (bits * i))
        };
        self.string_flags = f;
        Value::Xmm(v)
    }

    /// RCPSS and RSQRTSS of one lane.
    fn estimate(&self, v: u32, root: bool) -> u32 {
        let mut env = Env::new(NanRules::X86_SSE);
        env.denormals_are_zero = true;
        env.flush_to_zero = Flush::Zero;
        let v = if root { env.sqrt(v) } else { v };
        env.div(0x3f80_0000u32, v)
    }
}
