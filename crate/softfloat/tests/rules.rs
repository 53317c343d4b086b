//! What guests decide differently: NaN propagation, flushing, tininess, causes of INVALID; and binary16.

mod common;

use common::{pairs, singles};
use tinamou_softfloat::{
    Class, Env, F80, Flags, Float, Flush, NanRules, Negate, Relation, Rounding,
};

// Quiet and signalling by the usual encoding, with payloads that tell them apart.
const Q1: u32 = 0x7fc0_0001;
const Q2: u32 = 0xffc0_0002;
const S1: u32 = 0x7f80_0011;
const S2: u32 = 0xff80_0012;
const QUIET: u32 = 0x0040_0000;
const X: u32 = 0x3f80_0000;
const INF: u32 = 0x7f80_0000;

#[test]
fn default_nans() {
    let table = [
        (NanRules::MIPS_LEGACY, 0x7fbf_ffff, 0x7ff7_ffff_ffff_ffff),
        (NanRules::MIPS_2008, 0x7fc0_0000, 0x7ff8_0000_0000_0000),
        (NanRules::X86_SSE, 0xffc0_0000, 0xfff8_0000_0000_0000),
        (NanRules::X87, 0xffc0_0000, 0xfff8_0000_0000_0000),
        (NanRules::ARM, 0x7fc0_0000, 0x7ff8_0000_0000_0000),
        (
            NanRules::ARM_DEFAULT_NAN,
            0x7fc0_0000,
            0x7ff8_0000_0000_0000,
        ),
        (NanRules::POWERPC, 0x7fc0_0000, 0x7ff8_0000_0000_0000),
        (NanRules::SPARC, 0x7fff_ffff, 0x7fff_ffff_ffff_ffff),
        (NanRules::XTENSA, 0x7fc0_0000, 0x7ff8_0000_0000_0000),
    ];
    for (rules, single, double) in table {
        let mut env = Env::new(rules);
        assert_eq!(env.div(0u32, 0u32), single, "{rules:?}");
        assert_eq!(env.div(0u64, 0u64), double, "{rules:?}");
        assert_eq!(env.flags, Flags::INVALID | Flags::INVALID_ZDZ);
        assert!(!single.is_snan(&rules) && !double.is_snan(&rules));
    }
    assert_eq!(
        NanRules::X87.default_nan::<F80>(),
        F80 {
            sign_exp: 0xffff,
            mantissa: 3 << 62
        }
    );
}

#[test]
fn two_operands() {
    // Rows: the pairs below; columns: one guest's results.
    let operands = [
        (Q1, X),
        (X, Q2),
        (S1, X),
        (X, S2),
        (Q1, Q2),
        (S1, Q2),
        (Q1, S2),
        (S1, S2),
    ];
    let (s1, s2) = (S1 | QUIET, S2 | QUIET);
    let d = 0x7fc0_0000;
    let table = [
        ("sse", NanRules::X86_SSE, [Q1, Q2, s1, s2, Q1, s1, Q1, s1]),
        ("x87", NanRules::X87, [Q1, Q2, s1, s2, Q2, Q2, Q1, s2]),
        ("arm", NanRules::ARM, [Q1, Q2, s1, s2, Q1, s1, s2, s1]),
        ("arm dn", NanRules::ARM_DEFAULT_NAN, [d; 8]),
        (
            "powerpc",
            NanRules::POWERPC,
            [Q1, Q2, s1, s2, Q1, s1, Q1, s1],
        ),
        ("sparc", NanRules::SPARC, [Q1, Q2, s1, s2, Q2, s1, s2, s2]),
        (
            "mips 2008",
            NanRules::MIPS_2008,
            [Q1, Q2, s1, s2, Q1, s1, s2, s1],
        ),
        ("xtensa", NanRules::XTENSA, [Q1, Q2, s1, s2, Q1, s1, Q1, s1]),
        (
            "xtensa last",
            NanRules::XTENSA_LAST,
            [Q1, Q2, s1, s2, Q2, Q2, s2, s2],
        ),
    ];
    for (name, rules, want) in table {
        let mut env = Env::new(rules);
        for ((a, b), want) in operands.into_iter().zip(want) {
            for op in [
                Env::add::<u32>,
                Env::sub,
                Env::mul,
                Env::div,
                Env::rem,
                Env::min,
            ] {
                assert_eq!(op(&mut env, a, b), want, "{name} {a:#x} {b:#x}");
                let snan = a.is_snan(&rules) || b.is_snan(&rules);
                let flags = if snan {
                    Flags::INVALID | Flags::INVALID_SNAN
                } else {
                    Flags::NONE
                };
                assert_eq!(env.take_flags(), flags, "{name} {a:#x} {b:#x}");
            }
        }
    }
}

#[test]
fn mips_legacy() {
    // The quiet bit is inverted: 7fc00001 signals, 7f800011 is quiet.
    let rules = NanRules::MIPS_LEGACY;
    let default = 0x7fbf_ffff;
    assert_eq!(Q1.classify(&rules), Class::SignallingNan);
    assert_eq!(S1.classify(&rules), Class::QuietNan);
    let mut env = Env::new(rules);
    let cases = [
        (S1, X, S1),
        (X, S2, S2),
        (S1, S2, S1),
        (Q1, X, default),
        (S1, Q1, default),
        (Q2, S2, default),
    ];
    for (a, b, want) in cases {
        let signals = a.is_snan(&rules) || b.is_snan(&rules);
        assert_eq!(env.add(a, b), want, "{a:#x} {b:#x}");
        assert_eq!(env.take_flags().has(Flags::INVALID), signals);
    }
    // Conversions keep the payload where there is one.
    assert_eq!(env.convert::<u32, u64>(0x7fbf_ffff), 0x7ff7_ffff_e000_0000);
    assert_eq!(env.convert::<u64, u32>(0x7ff7_ffff_ffff_ffff), 0x7fbf_ffff);
    assert_eq!(env.convert::<u64, u32>(0x7ff0_0000_0000_0001), default);
    assert!(env.take_flags().is_empty());
    assert_eq!(env.convert::<u64, u32>(0x7ff8_0000_0000_0000), default);
    assert!(env.take_flags().has(Flags::INVALID));
    assert_eq!(env.compare(S1, X), Relation::Unordered);
    assert!(env.take_flags().is_empty());
    assert_eq!(env.compare_signalling(S1, X), Relation::Unordered);
    assert_eq!(env.take_flags(), Flags::INVALID | Flags::INVALID_VC);
    assert_eq!(
        (rules.quieted(S1), rules.quieted(Q1), rules.quieted(X)),
        (S1, default, X)
    );
}

#[test]
fn fused() {
    let (s1, s2) = (S1 | QUIET, S2 | QUIET);
    let (q3, d) = (0x7fc0_0003, 0x7fc0_0000);
    let invalid = Flags::INVALID | Flags::INVALID_IMZ;
    // a, b, c; results of ARM, x86, PowerPC, SPARC.
    let table = [
        ((Q1, Q2, q3), [q3, Q1, Q1, q3]),
        ((Q1, Q2, X), [Q1, Q1, Q1, Q2]),
        ((X, Q2, q3), [q3, Q2, q3, q3]),
        ((Q1, S2, X), [s2, Q1, Q1, s2]),
        ((S1, Q2, q3), [s1, s1, s1, s1]),
    ];
    let rules = [
        NanRules::ARM,
        NanRules::X86_SSE,
        NanRules::POWERPC,
        NanRules::SPARC,
    ];
    for ((a, b, c), want) in table {
        for (rules, want) in rules.into_iter().zip(want) {
            assert_eq!(
                Env::new(rules).fma(a, b, c),
                want,
                "{rules:?} {a:#x} {b:#x} {c:#x}"
            );
        }
    }
    let inf_zero = [
        (NanRules::ARM, d, invalid),
        (NanRules::X86_SSE, Q1, Flags::NONE),
        (NanRules::POWERPC, Q1, invalid),
        (NanRules::MIPS_2008, Q1, invalid),
    ];
    for (rules, want, flags) in inf_zero {
        let mut env = Env::new(rules);
        for (a, b) in [(INF, 0), (0x8000_0000, INF)] {
            assert_eq!(env.fma(a, b, Q1), want, "{rules:?}");
            assert_eq!(env.take_flags(), flags, "{rules:?}");
        }
        env.fma(INF, 0, X);
        assert_eq!(env.take_flags(), invalid);
    }
    // PowerPC's fnmadd negates a result, not a NaN.
    let mut env = Env::new(NanRules::POWERPC);
    let negate = Negate {
        result: true,
        ..Negate::default()
    };
    assert_eq!(env.fma_to::<u32, u32>(X, X, X, negate), 0xc000_0000);
    assert_eq!(env.fma_to::<u32, u32>(Q1, X, X, negate), Q1);
    assert_eq!(env.fma_to::<u32, u32>(X, X, X | 1 << 31, negate), 1 << 31);
}

#[test]
fn causes_of_invalid() {
    let mut env = Env::new(NanRules::POWERPC);
    let mut check = |run: fn(&mut Env) -> u32, cause: Flags| {
        run(&mut env);
        assert_eq!(env.take_flags(), Flags::INVALID | cause);
    };
    check(|e| e.sub(INF, INF), Flags::INVALID_ISI);
    check(|e| e.div(INF, INF), Flags::INVALID_IDI);
    check(|e| e.div(0, 0), Flags::INVALID_ZDZ);
    check(|e| e.mul(0, INF), Flags::INVALID_IMZ);
    check(|e| e.sqrt(X | 1 << 31), Flags::INVALID_SQRT);
    check(|e| e.fma(INF, X, INF | 1 << 31), Flags::INVALID_ISI);
    check(
        |e| e.to_int::<_, u32>(INF, Rounding::TowardZero).unwrap_or(0),
        Flags::INVALID_CVI,
    );
    check(
        |e| e.to_int::<_, u32>(S1, Rounding::TowardZero).unwrap_or(0),
        Flags::INVALID_CVI | Flags::INVALID_SNAN,
    );
    check(
        |e| e.compare_signalling(S1, X) as u32,
        Flags::INVALID_VC | Flags::INVALID_SNAN,
    );
}

#[test]
fn flushing_and_tininess() {
    let half = 0x3f00_0000u32;
    let (least, minus) = (0x0080_0000u32, 1u32 << 31);
    let below_one = 0x3f7f_ffffu32; // 1 - 2^-24
    let mut env = Env::new(NanRules::ARM);

    // Exact and tiny: only a note.
    assert_eq!(env.mul(least, half), 0x0040_0000);
    assert_eq!(env.take_flags(), Flags::TINY);
    // least * (1 - 2^-24) lies between the last denormal and least; it needs 24 bits, so it is tiny both ways, ...
    assert_eq!(env.mul(least, below_one), least);
    assert!(env.take_flags().has(Flags::UNDERFLOW));
    // ... but (1 + 2^-13) * (1 - 2^-13) * least rounds up to least even with an endless exponent range.
    let (x, y) = (least + (1 << 10), 0x3f7f_f800);
    assert_eq!(env.mul(x, y), least);
    assert!(!env.take_flags().has(Flags::UNDERFLOW | Flags::TINY));
    env.tininess_before = true;
    assert_eq!(env.mul(x, y), least);
    assert!(env.take_flags().has(Flags::UNDERFLOW));

    env.flush_to_zero = Flush::ZeroUnderflowOnly;
    assert_eq!(env.mul(least | minus, half), minus);
    assert_eq!(env.take_flags(), Flags::UNDERFLOW | Flags::TINY);

    env.flush_to_zero = Flush::ByRounding;
    let both = Flags::UNDERFLOW | Flags::INEXACT | Flags::TINY;
    for (rounding, plus, negative) in [
        (Rounding::NearestEven, 0, minus),
        (Rounding::TowardZero, 0, minus),
        (Rounding::Up, least, minus),
        (Rounding::Down, 0, minus | least),
    ] {
        env.rounding = rounding;
        assert_eq!(env.mul(least, half), plus);
        assert_eq!(env.mul(least | minus, half), negative);
        assert_eq!(env.take_flags(), both);
    }

    let mut env = Env::new(NanRules::ARM);
    env.denormals_are_zero = true;
    assert_eq!(env.add(1u32, minus | 1), 0);
    assert_eq!(env.take_flags(), Flags::INPUT_FLUSHED);
    assert_eq!(env.max(minus | 1, minus), minus);
    assert_eq!(env.to_int::<_, i32>(1u32, Rounding::Up), Ok(0));
}

#[test]
fn narrowing_rounds_once() {
    // A single-precision add of doubles: through double it would round twice.
    let mut env = Env::new(NanRules::POWERPC);
    let a = (1.0 + 2f64.powi(-24)).to_bits();
    let b = 2f64.powi(-80).to_bits();
    assert_eq!(env.add_to::<u64, u32>(a, b), 0x3f80_0001);
    let twice = env.add(a, b);
    assert_eq!(env.convert::<u64, u32>(twice), 0x3f80_0000);
    // FsMULd is exact.
    env.take_flags();
    assert_eq!(
        env.mul_to::<u32, u64>(0x3f80_0001, 0x3f80_0001),
        0x3ff0_0000_4000_0040
    );
    assert!(env.flags.is_empty());
    // Wider quotients and roots from narrow operands, against the wide operation.
    pairs(23, |x: u32, y: u32| {
        let (wx, wy) = (env.convert::<u32, u64>(x), env.convert::<u32, u64>(y));
        if !x.is_nan() && !y.is_nan() {
            assert_eq!(env.div_to::<u32, u64>(x, y), env.div(wx, wy));
            assert_eq!(env.sqrt_to::<u32, u64>(x), env.sqrt(wx));
        }
    });
}

#[test]
fn round_to_odd_then_narrow_equals_one_rounding() {
    pairs(29, |a: u64, b: u64| {
        if a.is_nan() || b.is_nan() {
            return;
        }
        for mode in [Rounding::NearestEven, Rounding::NearestAway, Rounding::Up] {
            let mut env = Env::new(NanRules::POWERPC);
            env.rounding = mode;
            let direct: u32 = env.div_to(a, b);
            env.rounding = Rounding::Odd;
            let wide = env.div(a, b);
            env.rounding = mode;
            assert_eq!(
                env.convert::<u64, u32>(wide),
                direct,
                "{a:#x} {b:#x} {mode:?}"
            );
        }
    });
}

#[test]
fn nearest_matches_the_hosts_floats() {
    // On hosts other than x86 this is the check of the arithmetic itself.
    let mut env = Env::new(NanRules::ARM);
    pairs(31, |a: u64, b: u64| {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        for (got, want) in [
            (env.add(a, b), x + y),
            (env.sub(a, b), x - y),
            (env.mul(a, b), x * y),
            (env.div(a, b), x / y),
            (env.sqrt(a), x.sqrt()),
        ] {
            assert!(
                got == want.to_bits() || got.is_nan() && want.is_nan(),
                "{a:#x} {b:#x}: {got:#x}"
            );
        }
        let relation = match x.partial_cmp(&y) {
            Some(core::cmp::Ordering::Less) => Relation::Less,
            Some(core::cmp::Ordering::Equal) => Relation::Equal,
            Some(core::cmp::Ordering::Greater) => Relation::Greater,
            None => Relation::Unordered,
        };
        assert_eq!(env.compare(a, b), relation);
        if !x.is_nan() && !y.is_nan() {
            assert_eq!(
                f64::from_bits(env.min(a, b)),
                if x < y || x == y && a.sign() { x } else { y }
            );
            assert_eq!(env.max_num(a, 0x7ff8 << 48), a);
        }
    });
    singles(37, |a: u32| {
        let x = f32::from_bits(a);
        if !x.is_nan() {
            assert_eq!(
                env.round_to_integral(a, Rounding::NearestAway, true),
                x.round().to_bits()
            );
            assert_eq!(
                env.round_to_integral(a, Rounding::Down, true),
                x.floor().to_bits()
            );
            assert_eq!(env.scale(a, 3), (x * 8.0).to_bits());
            assert_eq!(env.scale(a, i32::MAX).is_infinite(), x != 0.0);
            assert_eq!(
                env.to_int_scaled::<_, i64>(a, 4, Rounding::TowardZero).ok(),
                {
                    let y = f64::from(x) * 16.0;
                    (y >= -2f64.powi(63) && y < 2f64.powi(63)).then_some(y as i64)
                }
            );
        }
    });
}

#[test]
fn binary16() {
    let mut env = Env::new(NanRules::ARM);
    for h in 0..=u16::MAX {
        let wide: u32 = env.convert(h);
        let x = f32::from_bits(wide);
        let (e, m) = (i32::from(h >> 10 & 31), f32::from(h & 0x3ff));
        let magnitude = match e {
            31 if m != 0.0 => f32::NAN,
            31 => f32::INFINITY,
            0 => m * 2f32.powi(-24),
            _ => (1024.0 + m) * 2f32.powi(e - 25),
        };
        if magnitude.is_nan() {
            assert!(x.is_nan() && h.is_nan());
            continue;
        }
        assert_eq!(x, if h >> 15 != 0 { -magnitude } else { magnitude });
        assert_eq!(env.convert::<u32, u16>(wide), h);
        assert_eq!(env.convert::<u16, u16>(h), h);
        if e < 30 {
            // Halfway to the next value: ties go to the even one.
            let next: u32 = env.convert(h + 1);
            let middle = ((x + f32::from_bits(next)) / 2.0).to_bits();
            assert_eq!(env.convert::<u32, u16>(middle), h + (h & 1));
        }
    }
}
