//! The transcendental x87 instructions, by series in numbers with 128 bits of significand; results are rounded once, so that they are the
//! nearest to within a few units of the 30th bit behind the last (SDM volume 1, 8.3.8 and 8.3.10 ask for one unit of the last).
//!
//! Arguments of FSIN, FCOS, FSINCOS and FPTAN are reduced by pi of 68 bits (SDM volume 1, 8.3.8).

use iced_x86::Mnemonic;
use tinamou_softfloat::{Class, Env, F80, Flags, Float, NanRules, Precision};

/// A number: `man * 2^(exp - 127)`, the top bit of `man` set, or zero.
#[derive(Clone, Copy, Debug)]
struct Num {
    neg: bool,
    exp: i32,
    man: u128,
}

const ZERO: Num = Num {
    neg: false,
    exp: 0,
    man: 0,
};
const ONE: Num = Num {
    neg: false,
    exp: 0,
    man: 1 << 127,
};
const LN2: Num = Num {
    neg: false,
    exp: -1,
    man: 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af,
};
const PI: Num = Num {
    neg: false,
    exp: 1,
    man: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1,
};

/// Pi as the FPU has it for reducing arguments.
const PI_REDUCE: Num = Num {
    neg: false,
    exp: 1,
    man: 0xc90f_daa2_2168_c234_c000_0000_0000_0000,
};

impl Num {
    fn normal(neg: bool, exp: i32, man: u128) -> Num {
        if man == 0 {
            return ZERO;
        }
        let n = man.leading_zeros();
        Num {
            neg,
            exp: exp - n as i32,
            man: man << n,
        }
    }

    fn of(v: F80) -> Num {
        let e = ((v.sign_exp & 0x7fff).max(1)) as i32 - 0x3fff;
        Num::normal(v.sign_exp >> 15 != 0, e, (v.mantissa as u128) << 64)
    }

    fn int(v: i64) -> Num {
        Num::normal(v < 0, 127, v.unsigned_abs() as u128)
    }

    fn half(self, n: i32) -> Num {
        Num {
            exp: self.exp - n,
            ..self
        }
    }

    fn negated(self) -> Num {
        Num {
            neg: !self.neg,
            ..self
        }
    }

    fn mul(self, b: Num) -> Num {
        if self.man == 0 || b.man == 0 {
            return ZERO;
        }
        let (ah, al) = (self.man >> 64, self.man & u64::MAX as u128);
        let (bh, bl) = (b.man >> 64, b.man & u64::MAX as u128);
        let mid =
            ((al * bl) >> 64) + ((ah * bl) & u64::MAX as u128) + ((al * bh) & u64::MAX as u128);
        let hi = ah * bh + ((ah * bl) >> 64) + ((al * bh) >> 64) + (mid >> 64);
        Num::normal(self.neg != b.neg, self.exp + b.exp + 1, hi)
    }

    fn add(self, b: Num) -> Num {
        if self.man == 0 {
            return b;
        }
        if b.man == 0 {
            return self;
        }
        let (x, y) = if (self.exp, self.man) >= (b.exp, b.man) {
            (self, b)
        } else {
            (b, self)
        };
        let d = (x.exp - y.exp) as u32;
        // One bit of room above.
        let (p, q) = (x.man >> 1, if d < 127 { y.man >> 1 >> d } else { 0 });
        Num::normal(x.neg, x.exp + 1, if x.neg == y.neg { p + q } else { p - q })
    }

    fn sub(self, b: Num) -> Num {
        self.add(b.negated())
    }

    fn div(self, b: Num) -> Num {
        if self.man == 0 || b.man == 0 {
            return ZERO;
        }
        // Bit by bit.
        let (mut r, mut q, mut exp) = (self.man, 0u128, self.exp - b.exp);
        let mut carry = false;
        if r < b.man {
            exp -= 1;
            carry = r >> 127 != 0;
            r <<= 1;
        }
        for _ in 0..128 {
            q <<= 1;
            if carry || r >= b.man {
                r = r.wrapping_sub(b.man);
                q |= 1;
            }
            carry = r >> 127 != 0;
            r <<= 1;
        }
        Num::normal(self.neg != b.neg, exp, q)
    }

    fn div_int(self, n: u32) -> Num {
        // A quotient of 96 bits or more is precise enough.
        Num::normal(self.neg, self.exp, self.man / n as u128)
    }

    /// Rounded, with INEXACT.
    fn round(self, env: &mut Env) -> F80 {
        if self.man == 0 {
            return F80::zero(self.neg);
        }
        let mut exact = Env::new(NanRules::X87);
        let hi = exact.from_int::<F80, u64>((self.man >> 64) as u64);
        // Never exact: the last bit stands for what follows.
        let lo = exact.from_int::<F80, u64>(self.man as u64 | 1);
        let lo = exact.scale(lo, -64);
        let precision = env.precision;
        env.precision = Precision::Extended;
        let sum = env.add(hi.with_sign(self.neg), lo.with_sign(self.neg));
        // The exponent is put in behind; only a tiny result is rounded again.
        let r = env.scale(sum, self.exp - 63);
        env.precision = precision;
        if r.is_denormal() {
            env.flags |= Flags::UNDERFLOW.with(Flags::TINY);
        }
        r
    }
}

/// `2^x - 1`.
fn exp2_minus_1(x: Num) -> Num {
    let y = x.mul(LN2);
    let mut s = ONE;
    for n in (2..=36).rev() {
        s = ONE.add(y.mul(s).div_int(n));
    }
    y.mul(s)
}

/// `2 * artanh(z)`.
fn twice_artanh(z: Num) -> Num {
    let z2 = z.mul(z);
    let mut s = ZERO;
    for n in (0..34).rev() {
        s = ONE.div_int(2 * n + 1).add(z2.mul(s));
    }
    z.mul(s).half(-1)
}

/// log2 of a positive number.
fn log2(x: Num) -> Num {
    let (mut m, mut e) = (Num { exp: 0, ..x }, x.exp);
    // Into the range from sqrt(1/2) to sqrt(2).
    if m.man > 0xb504_f333_f9de_6484_597d_89b3_754a_be9f {
        m.exp -= 1;
        e += 1;
    }
    let z = m.sub(ONE).div(m.add(ONE));
    twice_artanh(z).div(LN2).add(Num::int(e as i64))
}

/// log2 of `1 + x`, for small `x`.
fn log2_1p(x: Num) -> Num {
    let z = x.div(x.add(ONE.half(-1)));
    twice_artanh(z).div(LN2)
}

/// The arc tangent of a number from 0 to 1.
fn arctan(t: Num) -> Num {
    // Beyond tan(pi/8) the complement to pi/4.
    let limit = Num {
        neg: false,
        exp: -2,
        man: 0xd413_cccf_e779_9211_65f6_26cd_d52a_fa7c,
    };
    let large = (t.exp, t.man) > (limit.exp, limit.man);
    let u = if large { t.sub(ONE).div(t.add(ONE)) } else { t };
    let u2 = u.mul(u);
    let mut s = ZERO;
    for n in (0..56).rev() {
        s = ONE.div_int(2 * n + 1).sub(u2.mul(s));
    }
    let r = u.mul(s);
    if large { PI.half(2).add(r) } else { r }
}

/// Sine and cosine of a number up to pi/4.
fn sin_cos(r: Num) -> (Num, Num) {
    let r2 = r.mul(r);
    let (mut s, mut c) = (ONE, ONE);
    for n in (1..=20).rev() {
        s = ONE.sub(r2.mul(s).div_int(2 * n * (2 * n + 1)));
        c = ONE.sub(r2.mul(c).div_int((2 * n - 1) * 2 * n));
    }
    // Of a tiny number both are just below what 128 bits show.
    let below = |v: Num| {
        if (v.exp, v.man) == (ONE.exp, ONE.man) && r.man != 0 {
            Num {
                neg: false,
                exp: -1,
                man: u128::MAX,
            }
        } else {
            v
        }
    };
    (r.mul(below(s)), below(c))
}

/// The rest of `x` by pi/2, and the quotient's low bits.
fn reduce(x: Num) -> (Num, u32) {
    let half_pi = PI_REDUCE.half(1);
    let q = x.div(half_pi);
    // To the nearest integer.
    let q = q.add(Num {
        neg: x.neg,
        ..ONE.half(1)
    });
    if q.exp < 0 {
        return (x, 0);
    }
    let n = (q.man >> (127 - q.exp.min(126))) as u64;
    let rest = x.sub(
        Num {
            neg: x.neg,
            ..Num::normal(false, 127, n as u128)
        }
        .mul(half_pi),
    );
    (rest, if x.neg { n.wrapping_neg() } else { n } as u32 & 3)
}

/// What one of the instructions gives.
pub struct Answer {
    /// The result, or the sine, or the tangent.
    pub first: F80,
    /// The cosine, or one.
    pub second: F80,
    /// The argument is out of range: C2.
    pub out_of_range: bool,
}

fn one(first: F80) -> Answer {
    Answer {
        first,
        second: F80::default(),
        out_of_range: false,
    }
}

fn invalid(env: &mut Env) -> F80 {
    env.flags |= Flags::INVALID;
    F80 {
        sign_exp: 0xffff,
        mantissa: 3 << 62,
    }
}

/// An instruction on ST(0), `a`, and ST(1), `b`. Flags go to `env`.
pub fn compute(env: &mut Env, m: Mnemonic, a: F80, b: F80) -> Answer {
    use Mnemonic::*;
    let two = matches!(m, Fyl2x | Fyl2xp1 | Fpatan);
    let class = |v: F80| v.classify(&NanRules::X87);
    let (ca, cb) = (class(a), class(b));
    let odd = |c| {
        matches!(
            c,
            Class::QuietNan | Class::SignallingNan | Class::Unsupported
        )
    };
    if odd(ca) || two && odd(cb) {
        let r = if two { env.add(b, a) } else { env.add(a, a) };
        return Answer {
            second: r,
            ..one(r)
        };
    }
    if ca == Class::Denormal || two && cb == Class::Denormal {
        env.flags |= Flags::INPUT_DENORMAL;
    }
    let (x, y) = (Num::of(a), Num::of(b));
    let (zero_a, zero_b, inf_a, inf_b) = (
        ca == Class::Zero,
        cb == Class::Zero,
        ca == Class::Infinity,
        cb == Class::Infinity,
    );
    match m {
        F2xm1 => one(if zero_a {
            a
        } else if inf_a {
            if a.sign() {
                F80 {
                    sign_exp: 0xbfff,
                    mantissa: 1 << 63,
                }
            } else {
                a
            }
        } else if x.exp > 0 {
            // Beyond 1 in magnitude the result is undefined.
            env.flags |= Flags::INEXACT;
            a
        } else if x.exp == 0 && x.man == ONE.man && x.neg {
            env.flags |= Flags::INEXACT;
            F80 {
                sign_exp: 0xbffe,
                mantissa: 1 << 63,
            }
        } else {
            exp2_minus_1(x).round(env)
        }),
        Fyl2x => one(if zero_a {
            if zero_b {
                invalid(env)
            } else {
                if !inf_b {
                    env.flags |= Flags::DIV_BY_ZERO;
                }
                F80::infinity(!b.sign())
            }
        } else if a.sign() {
            invalid(env)
        } else if inf_a {
            if zero_b {
                invalid(env)
            } else {
                F80::infinity(b.sign())
            }
        } else {
            let l = log2(x);
            if inf_b {
                if l.man == 0 {
                    invalid(env)
                } else {
                    F80::infinity(b.sign() != l.neg)
                }
            } else if zero_b || l.man == 0 {
                F80::zero(b.sign() != l.neg)
            } else {
                y.mul(l).round(env)
            }
        }),
        Fyl2xp1 => one(if zero_a || zero_b {
            if inf_a || inf_b {
                invalid(env)
            } else {
                F80::zero(a.sign() != b.sign())
            }
        } else if inf_a || x.exp >= 0 && a.sign() {
            if inf_a && !a.sign() {
                F80::infinity(b.sign())
            } else {
                invalid(env)
            }
        } else if inf_b {
            F80::infinity(a.sign() != b.sign())
        } else {
            y.mul(log2_1p(x)).round(env)
        }),
        Fpatan => {
            // The angle of (a, b), with the sign of b.
            let angle = if inf_b {
                if !inf_a {
                    PI.half(1)
                } else if a.sign() {
                    PI.half(2).mul(Num::int(3))
                } else {
                    PI.half(2)
                }
            } else if zero_b || inf_a {
                if !a.sign() {
                    return one(F80::zero(b.sign()));
                }
                PI
            } else if zero_a {
                PI.half(1)
            } else {
                let (p, q) = (Num { neg: false, ..x }, Num { neg: false, ..y });
                let steep = (q.exp, q.man) > (p.exp, p.man);
                let t = if steep { p.div(q) } else { q.div(p) };
                let t = arctan(t);
                let t = if steep { PI.half(1).sub(t) } else { t };
                if a.sign() { PI.sub(t) } else { t }
            };
            one(Num {
                neg: b.sign(),
                ..angle
            }
            .round(env))
        }
        _ => {
            if inf_a {
                let r = invalid(env);
                return Answer {
                    second: r,
                    ..one(r)
                };
            }
            if x.man != 0 && x.exp >= 63 {
                return Answer {
                    out_of_range: true,
                    ..one(a)
                };
            }
            let unit = F80 {
                sign_exp: 0x3fff,
                mantissa: 1 << 63,
            };
            if zero_a {
                return match m {
                    Fcos => one(unit),
                    _ => Answer {
                        second: unit,
                        ..one(a)
                    },
                };
            }
            let (r, n) = reduce(x);
            let (s, c) = sin_cos(r);
            let (s, c) = match n {
                0 => (s, c),
                1 => (c, s.negated()),
                2 => (s.negated(), c.negated()),
                _ => (c.negated(), s),
            };
            match m {
                Fsin => one(s.round(env)),
                Fcos => one(c.round(env)),
                Fptan => Answer {
                    second: unit,
                    ..one(s.div(c).round(env))
                },
                _ => {
                    let first = s.round(env);
                    Answer {
                        second: c.round(env),
                        ..one(first)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(v: f64) -> F80 {
        Env::new(NanRules::X87).convert::<u64, F80>(v.to_bits())
    }

    fn back(v: F80) -> f64 {
        f64::from_bits(Env::new(NanRules::X87).convert::<F80, u64>(v))
    }

    /// Distance in units of the last place of doubles.
    fn near(v: F80, want: f64) -> bool {
        let got = back(v);
        (got - want).abs() <= want.abs() * 4.5e-16
    }

    #[test]
    fn functions_agree_with_the_host_to_a_double() {
        let mut env = Env::new(NanRules::X87);
        for i in -60..60 {
            let x = i as f64 * 0.1637 + 0.003;
            let a = compute(&mut env, Mnemonic::Fsincos, f(x), F80::default());
            assert!(
                near(a.first, x.sin()) && near(a.second, x.cos()),
                "sin cos {x}"
            );
            assert!(
                near(
                    compute(&mut env, Mnemonic::Fptan, f(x), F80::default()).first,
                    x.tan()
                ),
                "tan {x}"
            );
            let y = 1.7 - i as f64 * 0.05;
            assert!(
                near(
                    compute(&mut env, Mnemonic::Fpatan, f(x), f(y)).first,
                    y.atan2(x)
                ),
                "atan2 {y} {x}"
            );
            assert!(
                near(
                    compute(&mut env, Mnemonic::Fyl2x, f(x.abs()), f(1.0)).first,
                    x.abs().log2()
                ),
                "log2 {x}"
            );
            let small = i as f64 / 250.0 + 1e-7;
            assert!(
                near(
                    compute(&mut env, Mnemonic::Fyl2xp1, f(small), f(1.0)).first,
                    small.ln_1p() / std::f64::consts::LN_2
                ),
                "log2(1 + {small})"
            );
            let unit = i as f64 / 61.0 + 1e-5;
            let want = (unit * std::f64::consts::LN_2).exp_m1();
            assert!(
                near(
                    compute(&mut env, Mnemonic::F2xm1, f(unit), F80::default()).first,
                    want
                ),
                "2^{unit} - 1"
            );
        }
    }
}
