//! The operations in software, every rounding mode and flag: what the fast path of the lifter is measured against.

use tinamou_softfloat::{Env, Flags, Float, Flush, Fused, NanPick, NanRules, Relation, Rounding};

use super::fcsr;
use super::op::{Fmt, Kind, Op, Round};

/// Every operation with a NaN operand gives the default NaN, as QEMU has it. The manual would keep a quiet operand's payload.
const NAN: NanRules = NanRules {
    pick: NanPick::Default,
    fma_pick: NanPick::Default,
    ..NanRules::MIPS_LEGACY
};

/// What an operation gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Bits of the result, zero-extended; for a comparison the answers.
    pub bits: u64,
    /// Cause bits, without E: [`fcsr::I`] and its neighbours.
    pub cause: u32,
}

impl Outcome {
    /// FCSR after the operation: Cause, and Flags unless it traps. Also whether it traps, in which case nothing else changes.
    pub fn apply(self, old: u32) -> (u32, bool) {
        let with_cause = old & !fcsr::CAUSE | self.cause << fcsr::CAUSE_SHIFT;
        if fcsr::traps(with_cause) {
            (with_cause, true)
        } else {
            (with_cause | self.cause << fcsr::FLAGS_SHIFT, false)
        }
    }
}

/// Does `op` on bits (low 32 for S and W), as FCSR.RM, FS and Enables say. Operations that have no meaning in their format give 0;
/// the decoder lets none through.
pub fn eval(op: Op, control: u32, a: u64, b: u64, c: u64) -> Outcome {
    let mut env = Env::new(NAN);
    env.rounding = mode(control);
    if control & fcsr::FS != 0 {
        env.flush_to_zero = Flush::ByRounding;
        env.denormals_are_zero = true;
    }
    let bits = match op.fmt {
        Fmt::S => float(&mut env, op.kind, a as u32, b as u32, c as u32),
        Fmt::D => float(&mut env, op.kind, a, b, c),
        Fmt::W => integer(&mut env, op.kind, a as i32),
        Fmt::L => integer(&mut env, op.kind, a as i64),
        Fmt::Ps => pair(&mut env, op.kind, a, b, c),
    };
    Outcome {
        bits,
        cause: cause(env.flags, control),
    }
}

fn mode(control: u32) -> Rounding {
    match control & fcsr::RM {
        0 => Rounding::NearestEven,
        1 => Rounding::TowardZero,
        2 => Rounding::Up,
        _ => Rounding::Down,
    }
}

/// An enabled underflow is signalled by tininess alone, exact or not (vol. I-A, "Underflow Exception").
fn cause(flags: Flags, control: u32) -> u32 {
    let tiny_traps = flags.has(Flags::TINY) && control >> fcsr::ENABLES_SHIFT & fcsr::U != 0;
    [
        (Flags::INEXACT, fcsr::I),
        (Flags::UNDERFLOW, fcsr::U),
        (Flags::OVERFLOW, fcsr::O),
        (Flags::DIV_BY_ZERO, fcsr::Z),
        (Flags::INVALID, fcsr::V),
    ]
    .iter()
    .filter(|(flag, _)| flags.has(*flag))
    .fold(if tiny_traps { fcsr::U } else { 0 }, |bits, (_, bit)| {
        bits | bit
    })
}

/// S and D as bits in a u64.
trait Bits: Fused + Into<u64> {}
impl Bits for u32 {}
impl Bits for u64 {}

fn float<F: Bits>(env: &mut Env, kind: Kind, a: F, b: F, c: F) -> u64 {
    let one = |env: &mut Env| env.from_int::<F, i32>(1);
    let flip = |x: F| x.with_sign(!x.sign());
    let x: F = match kind {
        Kind::Add => env.add(a, b),
        Kind::Sub => env.sub(a, b),
        Kind::Mul => env.mul(a, b),
        Kind::Div => env.div(a, b),
        Kind::Sqrt => env.sqrt(a),
        Kind::Recip => {
            let n = one(env);
            env.div(n, a)
        }
        Kind::Rsqrt => {
            let n = one(env);
            let root = env.sqrt(a);
            env.div(n, root)
        }
        Kind::Madd | Kind::Nmadd => {
            let product = env.mul(a, b);
            let sum = env.add(product, c);
            if kind == Kind::Madd { sum } else { flip(sum) }
        }
        Kind::Msub | Kind::Nmsub => {
            let product = env.mul(a, b);
            let difference = env.sub(product, c);
            if kind == Kind::Msub {
                difference
            } else {
                flip(difference)
            }
        }
        Kind::ToS => return env.convert::<F, u32>(a).into(),
        Kind::ToD => return env.convert::<F, u64>(a),
        Kind::ToW(r) => {
            let r = direction(env, r);
            return env.to_int::<F, i32>(a, r).unwrap_or(i32::MAX) as u32 as u64;
        }
        Kind::ToL(r) => {
            let r = direction(env, r);
            return env.to_int::<F, i64>(a, r).unwrap_or(i64::MAX) as u64;
        }
        Kind::Cmp(cond) => return compare(env, cond, a, b).into(),
        Kind::Lower | Kind::Upper => return 0,
    };
    x.into()
}

fn direction(env: &Env, round: Round) -> Rounding {
    match round {
        Round::Mode => env.rounding,
        Round::Near => Rounding::NearestEven,
        Round::Trunc => Rounding::TowardZero,
        Round::Ceil => Rounding::Up,
        Round::Floor => Rounding::Down,
    }
}

/// The `cond` field (vol. II-A, C.cond.fmt): bit 0 unordered, bit 1 equal, bit 2 less, bit 3 invalid if unordered.
fn compare<F: Float>(env: &mut Env, cond: u8, a: F, b: F) -> bool {
    let relation = if cond & 8 != 0 {
        env.compare_signalling(a, b)
    } else {
        env.compare(a, b)
    };
    match relation {
        Relation::Unordered => cond & 1 != 0,
        Relation::Equal => cond & 2 != 0,
        Relation::Less => cond & 4 != 0,
        Relation::Greater => false,
    }
}

fn integer<I: tinamou_softfloat::Int>(env: &mut Env, kind: Kind, a: I) -> u64 {
    match kind {
        Kind::ToS => env.from_int::<u32, I>(a).into(),
        Kind::ToD => env.from_int::<u64, I>(a),
        _ => 0,
    }
}

/// Paired single: both lanes, lower first; the flags of both.
fn pair(env: &mut Env, kind: Kind, a: u64, b: u64, c: u64) -> u64 {
    let upper = |x: u64| (x >> 32) as u32;
    match kind {
        Kind::Lower => return a & 0xffff_ffff,
        Kind::Upper => return a >> 32,
        _ => {}
    }
    let low = float(env, kind, a as u32, b as u32, c as u32);
    let high = float(env, kind, upper(a), upper(b), upper(c));
    if matches!(kind, Kind::Cmp(_)) {
        high << 1 | low
    } else {
        high << 32 | low
    }
}
