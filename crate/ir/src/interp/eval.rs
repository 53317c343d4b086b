//! The value of a pure op on constants: constant folding.

use super::alu::*;
use crate::ops::Op;
use crate::types::Type;

/// Result of pure `op` on operands of type `ty` (that of its first `T` or `F` operand, or of the values of a `select`), as bits
/// zero-extended to 64. `None` for ops that are not pure or have no operands.
pub fn eval(op: Op, ty: Type, args: [u64; 3]) -> Option<u64> {
    let [x, y, z] = args;
    Some(match op {
        Op::Select => {
            if x as u32 != 0 {
                y
            } else {
                z
            }
        }
        Op::MulhU => mulh_u(x, y),
        Op::MulhS => mulh_s(x, y),
        Op::Sext32 => x as i32 as i64 as u64,
        Op::Wrap => x as u32 as u64,
        Op::ExtS => x as i32 as i64 as u64,
        Op::ExtU => x as u32 as u64,
        Op::Fpromote => bits64(f32::from_bits(x as u32) as f64),
        Op::Fdemote => bits32(f64::from_bits(x) as f32) as u64,
        Op::F64FromI32 => (x as i32 as f64).to_bits(),
        Op::F64FromI64 => (x as i64 as f64).to_bits(),
        Op::F32FromI32 => (x as i32 as f32).to_bits() as u64,
        Op::F32FromI64 => (x as i64 as f32).to_bits() as u64,
        Op::I32FromF64 => f64::from_bits(x) as i32 as u32 as u64,
        Op::I64FromF64 => f64::from_bits(x) as i64 as u64,
        Op::Bits32 | Op::Float32 => x as u32 as u64,
        Op::Bits64 | Op::Float64 => x,
        _ => {
            return match ty {
                Type::I32 => int32(op, x as u32, y as u32).map(u64::from),
                Type::I64 => int64(op, x, y),
                Type::F32 => float32(op, x as u32, y as u32).map(u64::from),
                Type::F64 => float64(op, x, y),
                Type::V128 => None,
            };
        }
    })
}

macro_rules! int {
    ($name:ident $u:ident $i:ident $div_u:ident $div_s:ident $rem_u:ident $rem_s:ident) => {
        fn $name(op: Op, a: $u, b: $u) -> Option<$u> {
            let sh = b as u32;
            Some(match op {
                Op::Add => a.wrapping_add(b),
                Op::Sub => a.wrapping_sub(b),
                Op::Mul => a.wrapping_mul(b),
                Op::DivU => $div_u(a, b),
                Op::DivS => $div_s(a, b),
                Op::RemU => $rem_u(a, b),
                Op::RemS => $rem_s(a, b),
                Op::And => a & b,
                Op::Or => a | b,
                Op::Xor => a ^ b,
                Op::Shl => a.wrapping_shl(sh),
                Op::Shr => a.wrapping_shr(sh),
                Op::Sar => (a as $i).wrapping_shr(sh) as $u,
                Op::Rotl => a.rotate_left(sh % $u::BITS),
                Op::Rotr => a.rotate_right(sh % $u::BITS),
                Op::Clz => a.leading_zeros() as $u,
                Op::Ctz => a.trailing_zeros() as $u,
                Op::Popcnt => a.count_ones() as $u,
                Op::Bswap => a.swap_bytes(),
                Op::Sext8 => a as i8 as $u,
                Op::Sext16 => a as i16 as $u,
                Op::Eqz => (a == 0) as $u,
                Op::Eq => (a == b) as $u,
                Op::Ne => (a != b) as $u,
                Op::LtU => (a < b) as $u,
                Op::LtS => ((a as $i) < b as $i) as $u,
                Op::LeU => (a <= b) as $u,
                Op::LeS => (a as $i <= b as $i) as $u,
                _ => return None,
            })
        }
    };
}

int!(int32 u32 i32 div_u32 div_s32 rem_u32 rem_s32);
int!(int64 u64 i64 div_u64 div_s64 rem_u64 rem_s64);

macro_rules! float {
    ($name:ident $f:ident $u:ident $bits:ident) => {
        fn $name(op: Op, a: $u, b: $u) -> Option<$u> {
            let (x, y) = ($f::from_bits(a), $f::from_bits(b));
            let sign = 1 << ($u::BITS - 1);
            Some(match op {
                Op::Fadd => $bits(x + y),
                Op::Fsub => $bits(x - y),
                Op::Fmul => $bits(x * y),
                Op::Fdiv => $bits(x / y),
                Op::Fsqrt => $bits(x.sqrt()),
                Op::Fneg => a ^ sign,
                Op::Fabs => a & !sign,
                Op::Feq => (x == y) as $u,
                Op::Flt => (x < y) as $u,
                Op::Fle => (x <= y) as $u,
                Op::Fnearest => $bits(x.round_ties_even()),
                _ => return None,
            })
        }
    };
}

float!(float32 f32 u32 bits32);
float!(float64 f64 u64 bits64);
