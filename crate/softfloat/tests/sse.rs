//! binary32 and binary64 against the host's SSE unit: results and all six flags in every rounding mode, with and
//! without flush-to-zero and denormals-are-zero.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Gen, ROUNDINGS, pairs, random_pair, singles, x86_flags};
use core::arch::asm;
use tinamou_softfloat::{Env, Flush, NanRules, Negate, NotInt, Relation, Rounding};

/// MXCSR after reset: everything masked, nothing raised, nearest.
static DEFAULT: u32 = 0x1f80;

/// One way to set up MXCSR.
#[derive(Clone, Copy, Debug)]
struct Mode {
    rounding: usize,
    ftz: bool,
    daz: bool,
}

impl Mode {
    fn mxcsr(self) -> u32 {
        DEFAULT
            | u32::from(self.daz) << 6
            | (self.rounding as u32) << 13
            | u32::from(self.ftz) << 15
    }

    fn env(self) -> Env {
        let mut env = Env::new(NanRules::X86_SSE);
        env.rounding = ROUNDINGS[self.rounding];
        env.flush_to_zero = if self.ftz { Flush::Zero } else { Flush::Keep };
        env.denormals_are_zero = self.daz;
        env
    }
}

fn modes() -> impl Iterator<Item = Mode> {
    (0..16).map(|i| Mode {
        rounding: i & 3,
        ftz: i & 4 != 0,
        daz: i & 8 != 0,
    })
}

macro_rules! binary {
    ($name:ident, $t:ty, $mov:literal, $reg:literal, $op:literal) => {
        fn $name(mode: Mode, a: $t, b: $t) -> ($t, u32) {
            let mut csr = mode.mxcsr();
            let mut r = a;
            // SAFETY: registers only, and MXCSR is put back before the block ends.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($mov, " xmm0, {r", $reg, "}"),
                    concat!($mov, " xmm1, {b", $reg, "}"),
                    concat!($op, " xmm0, xmm1"),
                    "stmxcsr [{csr}]",
                    concat!($mov, " {r", $reg, "}, xmm0"),
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    r = inout(reg) r,
                    b = in(reg) b,
                    out("xmm0") _,
                    out("xmm1") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}

macro_rules! convert {
    ($name:ident, $from:ty, $to:ty, $movi:literal, $ri:literal, $movo:literal, $ro:literal, $op:literal) => {
        fn $name(mode: Mode, a: $from) -> ($to, u32) {
            let mut csr = mode.mxcsr();
            let r: $to;
            // SAFETY: as above.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($movi, " xmm0, {a", $ri, "}"),
                    concat!($op, " xmm1, xmm0"),
                    "stmxcsr [{csr}]",
                    concat!($movo, " {r", $ro, "}, xmm1"),
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    a = in(reg) a,
                    r = out(reg) r,
                    out("xmm0") _,
                    out("xmm1") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}

macro_rules! to_int {
    ($name:ident, $from:ty, $to:ty, $mov:literal, $ri:literal, $ro:literal, $op:literal) => {
        fn $name(mode: Mode, a: $from) -> ($to, u32) {
            let mut csr = mode.mxcsr();
            let r: $to;
            // SAFETY: as above.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($mov, " xmm0, {a", $ri, "}"),
                    concat!($op, " {r", $ro, "}, xmm0"),
                    "stmxcsr [{csr}]",
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    a = in(reg) a,
                    r = out(reg) r,
                    out("xmm0") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}

macro_rules! from_int {
    ($name:ident, $from:ty, $to:ty, $mov:literal, $ri:literal, $ro:literal, $op:literal) => {
        fn $name(mode: Mode, a: $from) -> ($to, u32) {
            let mut csr = mode.mxcsr();
            let r: $to;
            // SAFETY: as above.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    "xorps xmm0, xmm0",
                    concat!($op, " xmm0, {a", $ri, "}"),
                    "stmxcsr [{csr}]",
                    concat!($mov, " {r", $ro, "}, xmm0"),
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    a = in(reg) a,
                    r = out(reg) r,
                    out("xmm0") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}

binary!(addss, u32, "movd", ":e", "addss");
binary!(subss, u32, "movd", ":e", "subss");
binary!(mulss, u32, "movd", ":e", "mulss");
binary!(divss, u32, "movd", ":e", "divss");
binary!(sqrtss, u32, "movd", ":e", "sqrtss");
binary!(addsd, u64, "movq", ":r", "addsd");
binary!(subsd, u64, "movq", ":r", "subsd");
binary!(mulsd, u64, "movq", ":r", "mulsd");
binary!(divsd, u64, "movq", ":r", "divsd");
binary!(sqrtsd, u64, "movq", ":r", "sqrtsd");
convert!(cvtss2sd, u32, u64, "movd", ":e", "movq", ":r", "cvtss2sd");
convert!(cvtsd2ss, u64, u32, "movq", ":r", "movd", ":e", "cvtsd2ss");
to_int!(cvtss2si32, u32, i32, "movd", ":e", ":e", "cvtss2si");
to_int!(cvtss2si64, u32, i64, "movd", ":e", ":r", "cvtss2si");
to_int!(cvtsd2si32, u64, i32, "movq", ":r", ":e", "cvtsd2si");
to_int!(cvtsd2si64, u64, i64, "movq", ":r", ":r", "cvtsd2si");
to_int!(cvttsd2si32, u64, i32, "movq", ":r", ":e", "cvttsd2si");
from_int!(cvtsi2ss32, i32, u32, "movd", ":e", ":e", "cvtsi2ss");
from_int!(cvtsi2ss64, i64, u32, "movd", ":r", ":e", "cvtsi2ss");
from_int!(cvtsi2sd32, i32, u64, "movq", ":e", ":r", "cvtsi2sd");
from_int!(cvtsi2sd64, i64, u64, "movq", ":r", ":r", "cvtsi2sd");

fn check2<F: Gen + core::fmt::LowerHex>(
    name: &str,
    host: fn(Mode, F, F) -> (F, u32),
    ours: fn(&mut Env, F, F) -> F,
) {
    for mode in modes() {
        let mut env = mode.env();
        pairs(mode.mxcsr().into(), |a: F, b: F| {
            let want = host(mode, a, b);
            let got = (ours(&mut env, a, b), x86_flags(env.take_flags()));
            assert!(
                want == got,
                "{name} {mode:?} {a:#x} {b:#x}: host {:#x}/{:#x}, ours {:#x}/{:#x}",
                want.0,
                want.1,
                got.0,
                got.1
            );
        });
    }
}

fn check1<A: Gen + core::fmt::LowerHex, R: PartialEq + core::fmt::LowerHex>(
    name: &str,
    host: fn(Mode, A) -> (R, u32),
    ours: fn(&mut Env, A) -> R,
) {
    for mode in modes() {
        let mut env = mode.env();
        singles(mode.mxcsr().into(), |a: A| {
            let want = host(mode, a);
            let got = (ours(&mut env, a), x86_flags(env.take_flags()));
            assert!(
                want == got,
                "{name} {mode:?} {a:#x}: host {:#x}/{:#x}, ours {:#x}/{:#x}",
                want.0,
                want.1,
                got.0,
                got.1
            );
        });
    }
}

#[test]
fn add_sub() {
    check2("addss", addss, Env::add::<u32>);
    check2("subss", subss, Env::sub::<u32>);
    check2("addsd", addsd, Env::add::<u64>);
    check2("subsd", subsd, Env::sub::<u64>);
}

#[test]
fn mul() {
    check2("mulss", mulss, Env::mul::<u32>);
    check2("mulsd", mulsd, Env::mul::<u64>);
}

#[test]
fn div() {
    check2("divss", divss, Env::div::<u32>);
    check2("divsd", divsd, Env::div::<u64>);
}

#[test]
fn sqrt() {
    check1("sqrtss", |m, a| sqrtss(m, 0, a), Env::sqrt::<u32>);
    check1("sqrtsd", |m, a| sqrtsd(m, 0, a), Env::sqrt::<u64>);
}

#[test]
fn between_formats() {
    check1("cvtss2sd", cvtss2sd, Env::convert::<u32, u64>);
    check1("cvtsd2ss", cvtsd2ss, Env::convert::<u64, u32>);
    // Doubles in and around the range of singles, where random ones seldom are.
    for mode in modes() {
        let mut env = mode.env();
        singles(7, |a: u32| {
            let (wide, _) = cvtss2sd(Mode { daz: false, ..mode }, a);
            for near in [
                wide.wrapping_sub(1),
                wide,
                wide.wrapping_add(1),
                wide ^ 1 << 28,
                wide ^ 0x0fff_ffff,
                wide ^ 0x1555_5555,
            ] {
                let want = cvtsd2ss(mode, near);
                let got = (env.convert::<u64, u32>(near), x86_flags(env.take_flags()));
                assert_eq!(want, got, "cvtsd2ss {mode:?} {near:#x}");
            }
        });
    }
}

#[test]
fn to_integers() {
    fn i32_of<F: Gen>(env: &mut Env, a: F) -> i32 {
        env.to_int(a, env.rounding).unwrap_or(i32::MIN)
    }
    fn i64_of<F: Gen>(env: &mut Env, a: F) -> i64 {
        env.to_int(a, env.rounding).unwrap_or(i64::MIN)
    }
    check1("cvtss2si", cvtss2si32, i32_of::<u32>);
    check1("cvtss2si64", cvtss2si64, i64_of::<u32>);
    check1("cvtsd2si", cvtsd2si32, i32_of::<u64>);
    check1("cvtsd2si64", cvtsd2si64, i64_of::<u64>);
    check1("cvttsd2si", cvttsd2si32, |env, a| {
        env.to_int(a, Rounding::TowardZero).unwrap_or(i32::MIN)
    });
}

#[test]
fn to_integers_saturating_as_rust_casts() {
    let mut env = Env::new(NanRules::ARM);
    singles(3, |a: u64| {
        let f = f64::from_bits(a);
        let to_zero = Rounding::TowardZero;
        assert_eq!(
            env.to_int::<_, i32>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as i32
        );
        assert_eq!(
            env.to_int::<_, u32>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as u32
        );
        assert_eq!(
            env.to_int::<_, i64>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as i64
        );
        assert_eq!(
            env.to_int::<_, u64>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as u64
        );
        assert_eq!(
            env.to_int::<_, i16>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as i16
        );
        assert_eq!(
            env.to_int::<_, u8>(a, to_zero)
                .unwrap_or_else(|e| e.saturate(0)),
            f as u8
        );
    });
    assert_eq!(
        env.to_int::<_, i32>(0xc1e0_0000_0010_0000u64, Rounding::TowardZero),
        Ok(i32::MIN)
    );
    assert_eq!(
        env.to_int::<_, i32>(0xc1e0_0000_0010_0000u64, Rounding::Down),
        Err(NotInt::Below)
    );
}

#[test]
fn from_integers() {
    let mut r = common::Rng(11);
    for mode in modes() {
        let mut env = mode.env();
        for i in 0..common::CASES {
            let n = (r.next() >> r.below(64)) as i64;
            let n = if i & 1 == 0 { n } else { n.wrapping_neg() };
            macro_rules! same {
                ($host:expr, $ours:expr) => {
                    let want = $host;
                    let got = ($ours, x86_flags(env.take_flags()));
                    assert_eq!(want, got, "{} {mode:?} {n:#x}", stringify!($host));
                };
            }
            same!(cvtsi2ss32(mode, n as i32), env.from_int(n as i32));
            same!(cvtsi2ss64(mode, n), env.from_int(n));
            same!(cvtsi2sd32(mode, n as i32), env.from_int(n as i32));
            same!(cvtsi2sd64(mode, n), env.from_int(n));
        }
        let top: u64 = env.from_int(u64::MAX);
        assert_eq!(
            top,
            if mode.rounding & 1 == 0 {
                0x43f0 << 48
            } else {
                0x43ef_ffff_ffff_ffff
            }
        );
    }
}

macro_rules! compare {
    ($name:ident, $t:ty, $mov:literal, $reg:literal, $op:literal) => {
        fn $name(mode: Mode, a: $t, b: $t) -> (Relation, u32) {
            let mut csr = mode.mxcsr();
            let (z, p, c): (u8, u8, u8);
            // SAFETY: as above.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($mov, " xmm0, {a", $reg, "}"),
                    concat!($mov, " xmm1, {b", $reg, "}"),
                    concat!($op, " xmm0, xmm1"),
                    "setz {z}",
                    "setp {p}",
                    "setc {c}",
                    "stmxcsr [{csr}]",
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    a = in(reg) a,
                    b = in(reg) b,
                    z = out(reg_byte) z,
                    p = out(reg_byte) p,
                    c = out(reg_byte) c,
                    out("xmm0") _,
                    out("xmm1") _,
                );
            }
            let relation = match (z, p, c) {
                (1, 1, 1) => Relation::Unordered,
                (1, 0, 0) => Relation::Equal,
                (0, 0, 1) => Relation::Less,
                _ => Relation::Greater,
            };
            (relation, csr & 0x3f)
        }
    };
}

compare!(ucomiss, u32, "movd", ":e", "ucomiss");
compare!(comiss, u32, "movd", ":e", "comiss");
compare!(ucomisd, u64, "movq", ":r", "ucomisd");
compare!(comisd, u64, "movq", ":r", "comisd");

#[test]
fn comparisons() {
    for mode in modes() {
        let mut env = mode.env();
        pairs(5, |a: u32, b: u32| {
            assert_eq!(
                ucomiss(mode, a, b),
                (env.compare(a, b), x86_flags(env.take_flags())),
                "{a:#x} {b:#x}"
            );
            assert_eq!(
                comiss(mode, a, b),
                (env.compare_signalling(a, b), x86_flags(env.take_flags())),
                "{a:#x} {b:#x}"
            );
        });
        pairs(6, |a: u64, b: u64| {
            assert_eq!(
                ucomisd(mode, a, b),
                (env.compare(a, b), x86_flags(env.take_flags())),
                "{a:#x} {b:#x}"
            );
            assert_eq!(
                comisd(mode, a, b),
                (env.compare_signalling(a, b), x86_flags(env.take_flags())),
                "{a:#x} {b:#x}"
            );
        });
    }
}

macro_rules! roundto {
    ($name:ident, $t:ty, $mov:literal, $reg:literal, $op:literal) => {
        fn $name(mode: Mode, a: $t) -> ($t, u32) {
            let mut csr = mode.mxcsr();
            let mut r = a;
            // SAFETY: as above; the caller has tested for SSE4.1.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($mov, " xmm0, {r", $reg, "}"),
                    concat!($op, " xmm0, xmm0, 4"),
                    "stmxcsr [{csr}]",
                    concat!($mov, " {r", $reg, "}, xmm0"),
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    r = inout(reg) r,
                    out("xmm0") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}
roundto!(roundss, u32, "movd", ":e", "roundss");
roundto!(roundsd, u64, "movq", ":r", "roundsd");

#[test]
fn round_to_integral() {
    if !std::is_x86_feature_detected!("sse4.1") {
        return;
    }
    // ROUNDxx does not show a denormal operand.
    fn ours<F: Gen>(env: &mut Env, a: F) -> F {
        let r = env.round_to_integral(a, env.rounding, true);
        env.flags = env.flags & !tinamou_softfloat::Flags::INPUT_DENORMAL;
        r
    }
    check1("roundss", roundss, ours::<u32>);
    check1("roundsd", roundsd, ours::<u64>);
    let mut env = Env::new(NanRules::ARM);
    assert_eq!(
        env.round_to_integral(2.5f64.to_bits(), Rounding::NearestAway, false),
        3f64.to_bits()
    );
    assert!(env.flags.is_empty());
}

macro_rules! fma {
    ($name:ident, $t:ty, $mov:literal, $reg:literal, $op:literal) => {
        fn $name(mode: Mode, a: $t, b: $t, c: $t) -> ($t, u32) {
            let mut csr = mode.mxcsr();
            let mut r = a;
            // SAFETY: as above; the caller has tested for FMA.
            unsafe {
                asm!(
                    "ldmxcsr [{csr}]",
                    concat!($mov, " xmm0, {r", $reg, "}"),
                    concat!($mov, " xmm1, {b", $reg, "}"),
                    concat!($mov, " xmm2, {c", $reg, "}"),
                    concat!($op, " xmm0, xmm1, xmm2"),
                    "stmxcsr [{csr}]",
                    concat!($mov, " {r", $reg, "}, xmm0"),
                    "ldmxcsr [{default}]",
                    csr = in(reg) &mut csr,
                    default = in(reg) &DEFAULT,
                    r = inout(reg) r,
                    b = in(reg) b,
                    c = in(reg) c,
                    out("xmm0") _,
                    out("xmm1") _,
                    out("xmm2") _,
                );
            }
            (r, csr & 0x3f)
        }
    };
}
// The forms 213 are xmm0 = ±(xmm1 * xmm0) ± xmm2; NaNs are looked at in the order xmm1 would have as the first factor.
fma!(vfmadd_ss, u32, "movd", ":e", "vfmadd213ss");
fma!(vfmadd_sd, u64, "movq", ":r", "vfmadd213sd");
fma!(vfnmadd_ss, u32, "movd", ":e", "vfnmadd213ss");
fma!(vfmsub_sd, u64, "movq", ":r", "vfmsub213sd");

#[test]
fn fused() {
    if !std::is_x86_feature_detected!("fma") {
        return;
    }
    fn check<F: Gen + core::fmt::LowerHex>(
        name: &str,
        host: fn(Mode, F, F, F) -> (F, u32),
        ours: fn(&mut Env, F, F, F) -> F,
    ) {
        let edges = common::edges::<F>();
        for mode in modes() {
            let mut env = mode.env();
            let mut one = |a: F, b: F, c: F| {
                let want = host(mode, a, b, c);
                let got = (ours(&mut env, a, b, c), x86_flags(env.take_flags()));
                assert!(
                    want == got,
                    "{name} {mode:?} {a:#x} {b:#x} {c:#x}: host {:#x}/{:#x}, ours {:#x}/{:#x}",
                    want.0,
                    want.1,
                    got.0,
                    got.1
                );
            };
            let mut r = common::Rng(mode.mxcsr().into());
            for _ in 0..common::CASES {
                let (a, b) = random_pair::<F>(&mut r);
                // Near the product, so that sums cancel.
                let (p, _) = host(mode, a, b, F::zero(false));
                let c = match r.below(4) {
                    0 if !p.is_nan() && !p.is_infinite() => p.step(r.below(5) as i64 - 2),
                    1 if !p.is_nan() && !p.is_infinite() => p.with_sign(!p.sign()),
                    2 => edges[r.below(edges.len() as u64) as usize],
                    _ => random_pair::<F>(&mut r).1,
                };
                one(a, b, c);
                let mut pick = || edges[r.below(edges.len() as u64) as usize];
                one(pick(), pick(), pick());
            }
        }
    }
    check(
        "vfmadd213ss",
        |m, a, b, c| vfmadd_ss(m, b, a, c),
        Env::fma::<u32>,
    );
    check(
        "vfmadd213sd",
        |m, a, b, c| vfmadd_sd(m, b, a, c),
        Env::fma::<u64>,
    );
    check(
        "vfnmadd213ss",
        |m, a, b, c| vfnmadd_ss(m, b, a, c),
        |env, a, b, c| {
            env.fma_to(
                a,
                b,
                c,
                Negate {
                    product: true,
                    ..Negate::default()
                },
            )
        },
    );
    check(
        "vfmsub213sd",
        |m, a, b, c| vfmsub_sd(m, b, a, c),
        |env, a, b, c| {
            env.fma_to(
                a,
                b,
                c,
                Negate {
                    addend: true,
                    ..Negate::default()
                },
            )
        },
    );
}
