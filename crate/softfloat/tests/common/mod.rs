//! Deterministic operands: edge values, random bits, and pairs that lie close together.

#![allow(dead_code, reason = "each test binary uses its own part")]

use tinamou_softfloat::{F80, Flags, Float, Rounding};

/// Random operand pairs per operation and mode.
pub const CASES: usize = if cfg!(debug_assertions) {
    20_000
} else {
    100_000
};

pub struct Rng(pub u64);

impl Rng {
    /// splitmix64
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A format the generator can make values of.
pub trait Gen: Float {
    fn make(sign: bool, biased: i32, fraction: u64) -> Self;
    fn step(self, by: i64) -> Self;
    fn exponent(self) -> i32;
}

macro_rules! ieee {
    ($t:ty) => {
        impl Gen for $t {
            /// `fraction` is aligned to the top of 64 bits, without the integer bit.
            fn make(sign: bool, biased: i32, fraction: u64) -> $t {
                let frac = (fraction >> (65 - <$t>::PRECISION)) as $t;
                <$t>::from(sign) << (<$t>::BITS - 1)
                    | (biased as $t) << (<$t>::PRECISION - 1)
                    | frac
            }
            fn step(self, by: i64) -> $t {
                self.wrapping_add(by as $t)
            }
            fn exponent(self) -> i32 {
                (self << 1 >> <$t>::PRECISION) as i32
            }
        }
    };
}
ieee!(u16);
ieee!(u32);
ieee!(u64);

impl Gen for F80 {
    fn make(sign: bool, biased: i32, fraction: u64) -> F80 {
        let one = u64::from(biased != 0) << 63;
        F80 {
            sign_exp: u16::from(sign) << 15 | biased as u16,
            mantissa: one | fraction >> 1,
        }
    }
    fn step(self, by: i64) -> F80 {
        let mantissa = self.mantissa.wrapping_add(by as u64);
        F80 {
            mantissa: mantissa | self.mantissa & 1 << 63,
            ..self
        }
    }
    fn exponent(self) -> i32 {
        i32::from(self.sign_exp & 0x7fff)
    }
}

/// Values at every edge of the format.
pub fn edges<F: Gen>() -> Vec<F> {
    let top = F::EXP_SPECIAL;
    let p = F::PRECISION as i32;
    let exps = [
        0,
        1,
        2,
        F::BIAS - p - 1,
        F::BIAS - p,
        F::BIAS - 1,
        F::BIAS,
        F::BIAS + 1,
        F::BIAS + p - 1,
        top - 2,
        top - 1,
        top,
    ];
    let ulp = 1u64 << (65 - F::PRECISION).min(63);
    let fractions = [
        0,
        ulp,
        !0,
        !0 - ulp,
        1 << 63,
        1 << 63 | ulp,
        (1 << 63) - ulp,
    ];
    let mut v = Vec::new();
    for sign in [false, true] {
        for e in exps {
            for f in fractions {
                v.push(F::make(sign, e, f));
            }
        }
    }
    v
}

pub fn random<F: Gen>(r: &mut Rng) -> F {
    let sign = r.next() & 1 != 0;
    let exp = match r.below(16) {
        0 => 0,
        1 => F::EXP_SPECIAL,
        2 => r.below(F::PRECISION as u64 + 2) as i32 % F::EXP_SPECIAL,
        3 => F::EXP_SPECIAL - 1 - r.below(3) as i32,
        4..10 => F::BIAS + r.below(2 * F::PRECISION as u64) as i32 - F::PRECISION as i32,
        _ => r.below(F::EXP_SPECIAL as u64) as i32,
    };
    let fraction = match r.below(4) {
        0 => r.next() & r.next() & r.next(),
        1 => r.next() << r.below(63),
        2 => !0 << r.below(63) ^ r.next() >> r.below(64),
        _ => r.next(),
    };
    F::make(sign, exp.clamp(0, F::EXP_SPECIAL), fraction)
}

/// A pair; often the second is near the first, or has an exponent that makes products and quotients interesting.
pub fn random_pair<F: Gen>(r: &mut Rng) -> (F, F) {
    let a: F = random(r);
    let exp = |e: i32| e.clamp(0, F::EXP_SPECIAL - 1);
    let b = match r.below(8) {
        0 => a.step(r.below(9) as i64 - 4),
        1 => a.step(r.below(9) as i64 - 4).with_sign(!a.sign()),
        2 => F::make(
            r.next() & 1 != 0,
            exp(a.exponent() + r.below(5) as i32 - 2),
            r.next() << r.below(63),
        ),
        3 => F::make(
            r.next() & 1 != 0,
            exp(a.exponent() + r.below(2 * F::PRECISION as u64 + 4) as i32
                - F::PRECISION as i32
                - 2),
            r.next(),
        ),
        // A product near the smallest normal number, a quotient near it or near the largest.
        4 => F::make(
            r.next() & 1 != 0,
            exp(F::BIAS + 1 - a.exponent() + r.below(4) as i32),
            r.next(),
        ),
        5 => F::make(
            r.next() & 1 != 0,
            exp(a.exponent() + F::BIAS - r.below(4) as i32),
            r.next() & r.next(),
        ),
        _ => random(r),
    };
    (a, b)
}

/// Every pair of edges, then random ones.
pub fn pairs<F: Gen>(seed: u64, mut f: impl FnMut(F, F)) {
    let e = edges::<F>();
    for &a in &e {
        for &b in &e {
            f(a, b);
        }
    }
    let mut r = Rng(seed);
    for _ in 0..CASES {
        let (a, b) = random_pair(&mut r);
        f(a, b);
    }
}

/// Every edge, then random values.
pub fn singles<F: Gen>(seed: u64, mut f: impl FnMut(F)) {
    edges::<F>().into_iter().for_each(&mut f);
    let mut r = Rng(seed);
    for _ in 0..CASES {
        f(random(&mut r));
    }
}

/// The four modes of x86's rounding control, in its order.
pub const ROUNDINGS: [Rounding; 4] = [
    Rounding::NearestEven,
    Rounding::Down,
    Rounding::Up,
    Rounding::TowardZero,
];

/// x86 exception bits (MXCSR and x87 status word alike).
pub fn x86_flags(f: Flags) -> u32 {
    let order = [
        Flags::INVALID,
        Flags::INPUT_DENORMAL,
        Flags::DIV_BY_ZERO,
        Flags::OVERFLOW,
        Flags::UNDERFLOW,
        Flags::INEXACT,
    ];
    order
        .iter()
        .enumerate()
        .map(|(i, &b)| u32::from(f.has(b)) << i)
        .sum()
}
