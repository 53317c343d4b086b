//! The usual case of x87 arithmetic, apart from `softfloat` for speed: normal numbers, everything masked, nearest rounding to 64 bits, results well
//! within the range. Whatever else is `None` here, and done there.

use iced_x86::Mnemonic;
use tinamou_softfloat::F80;

use super::Fpu;
use super::x87::kind;

/// A result: whether it was rounded, and upwards.
pub struct Quick<T> {
    /// The value.
    pub value: T,
    /// It is not exact.
    pub inexact: bool,
    /// Its magnitude was increased.
    pub up: bool,
}

/// Sign, biased exponent and significand of a normal number.
type Parts = (u16, i32, u64);

fn parts(v: F80) -> Option<Parts> {
    let e = (v.sign_exp & 0x7fff) as i32;
    let normal = v.mantissa >> 63 != 0 && (1..0x7fff).contains(&e);
    normal.then_some((v.sign_exp & 0x8000, e, v.mantissa))
}

/// A value of 128 bits, top bit set, rounded to 64.
fn round(sign: u16, mut e: i32, v: u128) -> Option<Quick<F80>> {
    let (mut m, rest) = ((v >> 64) as u64, v as u64);
    let up = rest > 1 << 63 || rest == 1 << 63 && m & 1 != 0;
    if up {
        m = m.wrapping_add(1);
        if m == 0 {
            m = 1 << 63;
            e += 1;
        }
    }
    // Far from where a result is tiny or too large.
    (2..0x7ffe).contains(&e).then_some(Quick {
        value: F80 {
            sign_exp: sign | e as u16,
            mantissa: m,
        },
        inexact: rest != 0,
        up,
    })
}

fn mul((sa, ea, ma): Parts, (sb, eb, mb): Parts) -> Option<Quick<F80>> {
    let p = ma as u128 * mb as u128;
    let low = p.leading_zeros();
    round(sa ^ sb, ea + eb - 0x3ffe - low as i32, p << low)
}

fn add(a: Parts, b: Parts) -> Option<Quick<F80>> {
    let ((s, e, ma), (sb, eb, mb)) = if (a.1, a.2) >= (b.1, b.2) {
        (a, b)
    } else {
        (b, a)
    };
    let x = (ma as u128) << 63;
    let y = (mb as u128) << 63;
    let n = (e - eb) as u32;
    // What is shifted out stays as one bit at the bottom: there are 63 below those that count.
    let y = match n {
        0..127 => y >> n | (y & ((1 << n) - 1) != 0) as u128,
        _ => 1,
    };
    let v = if s == sb { x + y } else { x - y };
    if v == 0 {
        return None;
    }
    let low = v.leading_zeros();
    round(s, e + 1 - low as i32, v << low)
}

/// A normal double.
pub fn widen(bits: u64) -> Option<F80> {
    let e = bits >> 52 & 0x7ff;
    (1..0x7ff).contains(&e).then_some(F80 {
        sign_exp: (bits >> 48 & 0x8000) as u16 | (e + 0x3fff - 0x3ff) as u16,
        mantissa: 1 << 63 | bits << 12 >> 1,
    })
}

/// To a double.
pub fn narrow(v: F80) -> Option<Quick<u64>> {
    let (sign, e, m) = parts(v)?;
    let e = e - (0x3fff - 0x3ff);
    let rest = m & 0x7ff;
    let up = rest > 0x400 || rest == 0x400 && m >> 11 & 1 != 0;
    // A carry out of the significand goes on into the exponent, as it should.
    let bits = ((e as u64) << 52).wrapping_add((m >> 11) - (1 << 52)) + up as u64;
    (2..0x7fe).contains(&e).then_some(Quick {
        value: (sign as u64) << 48 | bits,
        inexact: rest != 0,
        up,
    })
}

impl Fpu {
    /// Nearest, 64 bits, everything masked.
    pub fn is_usual(&self) -> bool {
        self.cw & 0x0f3f == 0x033f
    }

    /// An arithmetic instruction on `a` and the operand of `kind`, if it is as usual.
    pub fn quick(&self, m: Mnemonic, a: F80, s: u32, operand: u32, lo: u64) -> Option<Quick<F80>> {
        use Mnemonic::*;
        if !self.is_usual() {
            return None;
        }
        let b = match operand {
            kind::REG => self.st(s),
            kind::F64 => widen(lo)?,
            _ => return None,
        };
        let (a, b) = (parts(a)?, parts(b)?);
        let minus = |(s, e, m): Parts| (s ^ 0x8000, e, m);
        match m {
            Fadd | Faddp => add(a, b),
            Fsub | Fsubp => add(a, minus(b)),
            Fsubr | Fsubrp => add(b, minus(a)),
            Fmul | Fmulp => mul(a, b),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tinamou_softfloat::{Env, Flags, NanRules};

    use super::*;

    #[test]
    fn as_softfloat() {
        let mut seed = 7u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..200_000 {
            let mut value = || {
                let (x, y) = (next(), next());
                let mantissa = match y & 7 {
                    0 => 1 << 63,
                    1 => u64::MAX << (y >> 8 & 31),
                    2 => x & u64::MAX << 40,
                    _ => x,
                } | 1 << 63;
                let spread = [3, 70, 200, 16000][(y >> 16 & 3) as usize];
                let e = 0x3fff + (y >> 20) % spread - spread / 2;
                F80 {
                    sign_exp: (y & 0x8000) as u16 | e as u16,
                    mantissa,
                }
            };
            let (a, b) = (value(), value());
            let mut env = Env::new(NanRules::X87);
            let same = |q: Option<Quick<F80>>, want: F80, f: Flags| {
                if let Some(q) = q {
                    assert_eq!(q.value, want, "{a:?} {b:?}");
                    assert_eq!(q.inexact, f.has(Flags::INEXACT), "{a:?} {b:?}");
                    assert_eq!(q.up, f.has(Flags::ROUNDED_UP), "{a:?} {b:?}");
                }
            };
            let (x, y) = (parts(a).unwrap(), parts(b).unwrap());
            let want = env.add(a, b);
            same(add(x, y), want, env.flags);
            env.flags = Flags::NONE;
            let want = env.mul(a, b);
            same(mul(x, y), want, env.flags);
            env.flags = Flags::NONE;
            let want = env.convert::<F80, u64>(a);
            if let Some(q) = narrow(a) {
                assert_eq!(q.value, want, "{a:?}");
                assert_eq!(q.inexact, env.flags.has(Flags::INEXACT));
                assert_eq!(q.up, env.flags.has(Flags::ROUNDED_UP));
                assert_eq!(widen(want), Some(env.convert::<u64, F80>(want)));
            }
        }
    }
}
