//! 3DNow! and its DSP extensions on 64 bits ("3DNow! Technology Manual", AMD 21928G; "AMD Extensions to the 3DNow! and MMX Instruction Sets",
//! 22466D; APM volume 5). Numbers are normalised singles: a denormal operand is zero, a result below 2^-126 is zero with its sign, one that rounds
//! beyond the largest number becomes that; nothing raises an exception. Rounding is to nearest; conversions in both directions truncate.
//!
//! What the manuals leave open: operands whose exponent is all ones are computed with as IEEE infinities and NaNs (any NaN result is
//! 7FC00000h); PFRCP and PFRSQRT, which promise 14 and 15 bits, give the nearest 24 (PFRSQRT of the nearest root), so that the steps behind them (PFRCPIT1, PFRSQIT1, PFRCPIT2) have
//! nothing to add and hand on their source, as QEMU's do.

use iced_x86::Mnemonic;

const SIGN: u32 = 1 << 31;
const EXP: u32 = 0xff << 23;
const LARGEST: u32 = 0x7f7f_ffff;
const NAN: u32 = 0x7fc0_0000;

/// A denormal is zero.
fn number(x: u32) -> u32 {
    if x & EXP == 0 { x & SIGN } else { x }
}

fn wide(x: u32) -> f64 {
    f32::from_bits(number(x)) as f64
}

/// Rounds an exact, or already rounded, result of operands that are numbers.
fn single(v: f64) -> u32 {
    if v.is_nan() {
        return NAN;
    }
    let sign = if v.is_sign_negative() { SIGN } else { 0 };
    if v.abs() < f32::MIN_POSITIVE as f64 {
        return sign;
    }
    let r = (v as f32).to_bits();
    if r & !SIGN > LARGEST && v.is_finite() {
        sign | LARGEST
    } else {
        r
    }
}

/// A zero sum has the sign of the larger operand, of the first if they are equally large.
fn add(a: u32, b: u32) -> u32 {
    let (x, y) = (wide(a), wide(b));
    // The sum of two singles, rounded to 53 bits, rounds to the same single as the exact one.
    let r = single(x + y);
    if r & !SIGN != 0 {
        return r;
    }
    if x == 0.0 && y == 0.0 {
        return a & b & SIGN;
    }
    (if y.abs() > x.abs() { b } else { a }) & SIGN
}

fn sub(a: u32, b: u32) -> u32 {
    add(a, b ^ SIGN)
}

fn mul(a: u32, b: u32) -> u32 {
    single(wide(a) * wide(b))
}

fn mask(c: bool) -> u32 {
    if c { u32::MAX } else { 0 }
}

/// The larger or smaller; a zero is positive.
fn pick(first: bool, a: u32, b: u32) -> u32 {
    let r = number(if first { a } else { b });
    if r & !SIGN == 0 { 0 } else { r }
}

fn reciprocal(b: u32) -> u32 {
    let b = number(b);
    if b & !SIGN == 0 {
        return b | LARGEST;
    }
    single(1.0 / wide(b))
}

/// Of the magnitude, with the operand's sign.
fn reciprocal_root(b: u32) -> u32 {
    let b = number(b);
    if b & !SIGN == 0 {
        return b | LARGEST;
    }
    let root = single(wide(b & !SIGN).sqrt());
    single(1.0 / wide(root)) | b & SIGN
}

/// To an integer within limits, towards zero.
fn truncate(x: u32, low: i32, high: i32) -> u32 {
    (wide(x) as i64).clamp(low as i64, high as i64) as u32
}

/// From an integer, towards zero.
fn from_integer(v: i32) -> u32 {
    let n = v.unsigned_abs();
    let keep = 32 - n.leading_zeros();
    let cut = keep.saturating_sub(24);
    let exact = (n >> cut << cut) as f32;
    (if v < 0 { -exact } else { exact }).to_bits()
}

/// An operation on the destination `a` and the source `b`; `None` if it is none of these.
pub fn op64(m: Mnemonic, a: u64, b: u64) -> Option<u64> {
    use Mnemonic::*;
    let (al, ah, bl, bh) = (a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32);
    let pair = |lo: u32, hi: u32| lo as u64 | (hi as u64) << 32;
    let each = |f: &dyn Fn(u32, u32) -> u32| pair(f(al, bl), f(ah, bh));
    Some(match m {
        Pfadd => each(&add),
        Pfsub => each(&sub),
        Pfsubr => each(&|x, y| sub(y, x)),
        Pfmul => each(&mul),
        Pfacc => pair(add(al, ah), add(bl, bh)),
        Pfnacc => pair(sub(al, ah), sub(bl, bh)),
        Pfpnacc => pair(sub(al, ah), add(bl, bh)),
        Pfcmpeq => each(&|x, y| mask(wide(x) == wide(y))),
        Pfcmpge => each(&|x, y| mask(wide(x) >= wide(y))),
        Pfcmpgt => each(&|x, y| mask(wide(x) > wide(y))),
        Pfmax => each(&|x, y| pick(wide(x) > wide(y), x, y)),
        Pfmin => each(&|x, y| pick(wide(x) < wide(y), x, y)),
        Pfrcp => pair(reciprocal(bl), reciprocal(bl)),
        Pfrsqrt => pair(reciprocal_root(bl), reciprocal_root(bl)),
        Pfrcpit1 | Pfrsqit1 | Pfrcpit2 => b,
        Pf2id => each(&|_, y| truncate(y, i32::MIN, i32::MAX)),
        Pf2iw => each(&|_, y| truncate(y, i16::MIN as i32, i16::MAX as i32)),
        Pi2fd => each(&|_, y| from_integer(y as i32)),
        Pi2fw => each(&|_, y| from_integer(y as i16 as i32)),
        Pswapd => pair(bh, bl),
        Pavgusb => {
            let (x, y) = (a.to_le_bytes(), b.to_le_bytes());
            u64::from_le_bytes(std::array::from_fn(|i| {
                ((x[i] as u32 + y[i] as u32 + 1) >> 1) as u8
            }))
        }
        Pmulhrw => (0..4).fold(0, |v, i| {
            let word = |x: u64| (x >> (16 * i)) as i16 as i32;
            let p = (word(a) * word(b) + 0x8000) >> 16;
            v | (p as u16 as u64) << (16 * i)
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use Mnemonic::*;

    use super::*;

    fn one(m: Mnemonic, a: u32, b: u32) -> u32 {
        op64(m, a as u64, b as u64).unwrap() as u32
    }

    /// What the manuals' tables say beyond what QEMU does.
    #[test]
    fn numbers_saturate_and_flush() {
        let (tiny, least) = (0x0000_0001, 0x0080_0000);
        assert_eq!(one(Pfadd, LARGEST, LARGEST), LARGEST);
        assert_eq!(one(Pfmul, LARGEST, LARGEST | SIGN), LARGEST | SIGN);
        assert_eq!(one(Pfmul, least, 0xbf00_0000), SIGN, "2^-126 / -2");
        assert_eq!(one(Pfadd, tiny, 0), 0);
        assert_eq!(one(Pfadd, tiny | SIGN, SIGN), SIGN);
        assert_eq!(one(Pfsub, 0x0080_0001, least), 0, "2^-149");
        assert_eq!(one(Pfsub, least, 0x0080_0001), SIGN);
        assert_eq!(one(Pfsub, 0xbf80_0000, 0xbf80_0000), SIGN, "-1 - -1");
        assert_eq!(one(Pfrcp, 0, 0), LARGEST);
        assert_eq!(one(Pfrcp, 0, SIGN), SIGN | LARGEST);
        assert_eq!(one(Pfrcp, 0, LARGEST), 0);
        assert_eq!(one(Pfrsqrt, 0, 0xc080_0000), 0xbf00_0000, "-(1/2)");
        assert_eq!(one(Pfmax, SIGN, SIGN), 0);
        assert_eq!(one(Pfmin, 0x3f80_0000, SIGN), 0);
        assert_eq!(one(Pi2fd, 0, 0x01ff_ffff), 0x4bff_ffff, "truncated");
        assert_eq!(one(Pi2fd, 0, 0x8000_0001), 0xceff_ffff);
        assert_eq!(one(Pf2id, 0, 0x4f80_0000), 0x7fff_ffff);
        assert_eq!(one(Pf2iw, 0, 0xc880_0000), 0xffff_8000);
    }

    /// Every instruction on numbers, as `tests/golden/d3now.c` recorded it.
    #[test]
    fn results_as_recorded() {
        const OPS: &[(&str, Mnemonic)] = &[
            ("pfadd", Pfadd),
            ("pfsub", Pfsub),
            ("pfsubr", Pfsubr),
            ("pfmul", Pfmul),
            ("pfacc", Pfacc),
            ("pfnacc", Pfnacc),
            ("pfpnacc", Pfpnacc),
            ("pfcmpeq", Pfcmpeq),
            ("pfcmpge", Pfcmpge),
            ("pfcmpgt", Pfcmpgt),
            ("pfmax", Pfmax),
            ("pfmin", Pfmin),
            ("pfrcp", Pfrcp),
            ("pfrsqrt", Pfrsqrt),
            ("pfrcpit1", Pfrcpit1),
            ("pfrsqit1", Pfrsqit1),
            ("pfrcpit2", Pfrcpit2),
            ("pf2id", Pf2id),
            ("pf2iw", Pf2iw),
            ("pi2fd", Pi2fd),
            ("pi2fw", Pi2fw),
            ("pswapd", Pswapd),
            ("pavgusb", Pavgusb),
            ("pmulhrw", Pmulhrw),
        ];
        let golden = include_str!("../../tests/golden/d3now.txt");
        assert!(golden.lines().count() > 400);
        for line in golden.lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            let m = OPS.iter().find(|o| o.0 == name).unwrap().1;
            let v: Vec<u64> = rest
                .split(' ')
                .map(|w| u64::from_str_radix(w, 16).unwrap())
                .collect();
            let got = op64(m, v[0], v[1]).unwrap();
            assert_eq!(got, v[2], "{line}: {got:016x}");
        }
    }

    #[test]
    fn a_quotient_by_the_manual_s_steps() {
        // a / b: PFRCP, PFRCPIT1, PFRCPIT2, PFMUL.
        let (a, b) = (10.0f32, 3.0f32);
        let x0 = one(Pfrcp, 0, b.to_bits());
        let x1 = one(Pfrcpit1, b.to_bits(), x0);
        let x2 = one(Pfrcpit2, x1, x0);
        assert_eq!(one(Pfmul, x2, a.to_bits()), (a * (1.0 / b)).to_bits());
        // 1 / sqrt(b): PFRSQRT, PFMUL, PFRSQIT1, PFRCPIT2.
        let x0 = one(Pfrsqrt, 0, b.to_bits());
        let x1 = one(Pfmul, x0, x0);
        let x2 = one(Pfrsqit1, x1, b.to_bits());
        let x3 = one(Pfrcpit2, x2, x0);
        assert_eq!(x3, (1.0 / b.sqrt()).to_bits());
    }
}
