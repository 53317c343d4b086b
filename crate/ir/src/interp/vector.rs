//! What each op on `v128` means, on plain numbers: a value is a `u128` whose low bits are the lowest lane.

use super::alu::{bits32, bits64};
use crate::ops::Op;

/// `f` on each lane of `W` bits.
#[inline(always)]
fn map1<const W: u32>(a: u128, f: impl Fn(u64) -> u64) -> u128 {
    let ones = u64::MAX >> (64 - W);
    let mut out = 0;
    let mut at = 0;
    while at < 128 {
        out |= ((f((a >> at) as u64 & ones) & ones) as u128) << at;
        at += W;
    }
    out
}

/// `f` on each pair of lanes of `W` bits.
#[inline(always)]
fn map2<const W: u32>(a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    let ones = u64::MAX >> (64 - W);
    let mut out = 0;
    let mut at = 0;
    while at < 128 {
        let (x, y) = ((a >> at) as u64 & ones, (b >> at) as u64 & ones);
        out |= ((f(x, y) & ones) as u128) << at;
        at += W;
    }
    out
}

/// As [`map2`], on lanes sign-extended.
#[inline(always)]
fn map2s<const W: u32>(a: u128, b: u128, f: impl Fn(i64, i64) -> i64) -> u128 {
    map2::<W>(a, b, |x, y| f(signed::<W>(x), signed::<W>(y)) as u64)
}

fn signed<const W: u32>(v: u64) -> i64 {
    ((v << (64 - W)) as i64) >> (64 - W)
}

/// Lanes where `f` holds.
#[inline(always)]
fn mask2<const W: u32>(a: u128, b: u128, f: impl Fn(u64, u64) -> bool) -> u128 {
    map2::<W>(a, b, |x, y| if f(x, y) { u64::MAX } else { 0 })
}

/// `v` in `bits` bits, signed or not.
fn saturate(v: i64, bits: u32, unsigned: bool) -> i64 {
    if unsigned {
        v.clamp(0, (1 << bits) - 1)
    } else {
        v.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    }
}

/// Lanes of `W` bits of `a`, then `b`, at half the width.
fn narrow<const W: u32>(a: u128, b: u128, unsigned: bool) -> u128 {
    let mut out = 0;
    for i in 0..256 / W {
        let from = if i < 128 / W { a } else { b };
        let v = signed::<W>((from >> (i * W % 128)) as u64 & (u64::MAX >> (64 - W)));
        let half = saturate(v, W / 2, unsigned) as u64 & (u64::MAX >> (64 - W / 2));
        out |= (half as u128) << (i * W / 2);
    }
    out
}

/// The low lanes of `W` bits at twice the width.
fn extend<const W: u32>(a: u128, sign: bool) -> u128 {
    let mut out = 0;
    for i in 0..64 / W {
        let v = (a >> (i * W)) as u64 & (u64::MAX >> (64 - W));
        let v = if sign { signed::<W>(v) as u64 } else { v };
        out |= ((v & (u64::MAX >> (64 - 2 * W))) as u128) << (2 * i * W);
    }
    out
}

/// Products of lanes at twice the width.
fn products<const W: u32>(a: u128, b: u128, sign: bool) -> u128 {
    let (x, y) = (extend::<W>(a, sign), extend::<W>(b, sign));
    if W == 16 {
        map2::<32>(x, y, u64::wrapping_mul)
    } else {
        map2::<64>(x, y, u64::wrapping_mul)
    }
}

fn top_bits<const W: u32>(a: u128) -> u128 {
    (0..128 / W).fold(0, |m, i| m | (a >> (i * W + W - 1) & 1) << i)
}

fn f32s(a: u128, b: u128, f: impl Fn(f32, f32) -> f32) -> u128 {
    map2::<32>(a, b, |x, y| {
        bits32(f(f32::from_bits(x as u32), f32::from_bits(y as u32))) as u64
    })
}

fn f64s(a: u128, b: u128, f: impl Fn(f64, f64) -> f64) -> u128 {
    map2::<64>(a, b, |x, y| bits64(f(f64::from_bits(x), f64::from_bits(y))))
}

fn f32_mask(a: u128, b: u128, f: impl Fn(f32, f32) -> bool) -> u128 {
    mask2::<32>(a, b, |x, y| {
        f(f32::from_bits(x as u32), f32::from_bits(y as u32))
    })
}

fn f64_mask(a: u128, b: u128, f: impl Fn(f64, f64) -> bool) -> u128 {
    mask2::<64>(a, b, |x, y| f(f64::from_bits(x), f64::from_bits(y)))
}

/// The byte of `a`, or behind it `b`, of each number in `by`; 0 for others.
fn pick(a: u128, b: u128, by: u128) -> u128 {
    map1::<8>(by, |n| match n {
        0..16 => (a >> (8 * n)) as u64,
        16..32 => (b >> (8 * (n - 16))) as u64,
        _ => 0,
    })
}

/// Result of `op`, one that has a `v128` operand or result. Operands and result of other types are their bits, zero-extended. `by` is
/// the immediate of a shuffle.
pub fn eval(op: Op, a: u128, b: u128, c: u128, by: u128) -> u128 {
    let n = b as u32;
    match op {
        Op::Vand => a & b,
        Op::Vor => a | b,
        Op::Vxor => a ^ b,
        Op::Vandnot => a & !b,
        Op::Vbits => a & c | b & !c,
        Op::Vany => (a != 0) as u128,
        Op::Vadd8 => map2::<8>(a, b, u64::wrapping_add),
        Op::Vadd16 => map2::<16>(a, b, u64::wrapping_add),
        Op::Vadd32 => map2::<32>(a, b, u64::wrapping_add),
        Op::Vadd64 => map2::<64>(a, b, u64::wrapping_add),
        Op::Vsub8 => map2::<8>(a, b, u64::wrapping_sub),
        Op::Vsub16 => map2::<16>(a, b, u64::wrapping_sub),
        Op::Vsub32 => map2::<32>(a, b, u64::wrapping_sub),
        Op::Vsub64 => map2::<64>(a, b, u64::wrapping_sub),
        Op::VaddSat8S => map2s::<8>(a, b, |x, y| saturate(x + y, 8, false)),
        Op::VaddSat16S => map2s::<16>(a, b, |x, y| saturate(x + y, 16, false)),
        Op::VaddSat8U => map2::<8>(a, b, |x, y| saturate((x + y) as i64, 8, true) as u64),
        Op::VaddSat16U => map2::<16>(a, b, |x, y| saturate((x + y) as i64, 16, true) as u64),
        Op::VsubSat8S => map2s::<8>(a, b, |x, y| saturate(x - y, 8, false)),
        Op::VsubSat16S => map2s::<16>(a, b, |x, y| saturate(x - y, 16, false)),
        Op::VsubSat8U => map2::<8>(a, b, u64::saturating_sub),
        Op::VsubSat16U => map2::<16>(a, b, u64::saturating_sub),
        Op::Vmul16 => map2::<16>(a, b, u64::wrapping_mul),
        Op::Vmul32 => map2::<32>(a, b, u64::wrapping_mul),
        Op::Vmin8S => map2s::<8>(a, b, i64::min),
        Op::Vmin16S => map2s::<16>(a, b, i64::min),
        Op::Vmin32S => map2s::<32>(a, b, i64::min),
        Op::Vmin8U => map2::<8>(a, b, u64::min),
        Op::Vmin16U => map2::<16>(a, b, u64::min),
        Op::Vmin32U => map2::<32>(a, b, u64::min),
        Op::Vmax8S => map2s::<8>(a, b, i64::max),
        Op::Vmax16S => map2s::<16>(a, b, i64::max),
        Op::Vmax32S => map2s::<32>(a, b, i64::max),
        Op::Vmax8U => map2::<8>(a, b, u64::max),
        Op::Vmax16U => map2::<16>(a, b, u64::max),
        Op::Vmax32U => map2::<32>(a, b, u64::max),
        Op::Vavg8 => map2::<8>(a, b, |x, y| (x + y + 1) >> 1),
        Op::Vavg16 => map2::<16>(a, b, |x, y| (x + y + 1) >> 1),
        Op::Veq8 => mask2::<8>(a, b, |x, y| x == y),
        Op::Veq16 => mask2::<16>(a, b, |x, y| x == y),
        Op::Veq32 => mask2::<32>(a, b, |x, y| x == y),
        Op::Veq64 => mask2::<64>(a, b, |x, y| x == y),
        Op::Vgt8 => mask2::<8>(a, b, |x, y| signed::<8>(x) > signed::<8>(y)),
        Op::Vgt16 => mask2::<16>(a, b, |x, y| signed::<16>(x) > signed::<16>(y)),
        Op::Vgt32 => mask2::<32>(a, b, |x, y| signed::<32>(x) > signed::<32>(y)),
        Op::Vgt64 => mask2::<64>(a, b, |x, y| x as i64 > y as i64),
        Op::Vabs8 => map1::<8>(a, |x| signed::<8>(x).unsigned_abs()),
        Op::Vabs16 => map1::<16>(a, |x| signed::<16>(x).unsigned_abs()),
        Op::Vabs32 => map1::<32>(a, |x| signed::<32>(x).unsigned_abs()),
        Op::Vshl16 => map1::<16>(a, |x| x << (n & 15)),
        Op::Vshl32 => map1::<32>(a, |x| x << (n & 31)),
        Op::Vshl64 => map1::<64>(a, |x| x << (n & 63)),
        Op::Vshr16 => map1::<16>(a, |x| x >> (n & 15)),
        Op::Vshr32 => map1::<32>(a, |x| x >> (n & 31)),
        Op::Vshr64 => map1::<64>(a, |x| x >> (n & 63)),
        Op::Vsar16 => map1::<16>(a, |x| (signed::<16>(x) >> (n & 15)) as u64),
        Op::Vsar32 => map1::<32>(a, |x| (signed::<32>(x) >> (n & 31)) as u64),
        Op::Vnarrow16S => narrow::<16>(a, b, false),
        Op::Vnarrow16U => narrow::<16>(a, b, true),
        Op::Vnarrow32S => narrow::<32>(a, b, false),
        Op::Vnarrow32U => narrow::<32>(a, b, true),
        Op::Vextend8S => extend::<8>(a, true),
        Op::Vextend8U => extend::<8>(a, false),
        Op::Vextend16S => extend::<16>(a, true),
        Op::Vextend16U => extend::<16>(a, false),
        Op::Vextend32S => extend::<32>(a, true),
        Op::Vextend32U => extend::<32>(a, false),
        Op::VmulLow16S => products::<16>(a, b, true),
        Op::VmulHigh16S => products::<16>(a >> 64, b >> 64, true),
        Op::VmulLow16U => products::<16>(a, b, false),
        Op::VmulHigh16U => products::<16>(a >> 64, b >> 64, false),
        Op::VmulLow32S => products::<32>(a, b, true),
        Op::VmulLow32U => products::<32>(a, b, false),
        Op::Vdot16 => map2::<32>(a, b, |x, y| {
            let low = signed::<16>(x & 0xffff) * signed::<16>(y & 0xffff);
            (low + signed::<16>(x >> 16) * signed::<16>(y >> 16)) as u64
        }),
        Op::Vpairs8U => map1::<16>(a, |x| (x & 0xff) + (x >> 8)),
        Op::Vpairs16U => map1::<32>(a, |x| (x & 0xffff) + (x >> 16)),
        Op::Vswizzle => map1::<8>(b, |n| if n < 16 { (a >> (8 * n)) as u64 } else { 0 }),
        Op::Vshuffle => pick(a, b, by),
        Op::Vmask8 => top_bits::<8>(a),
        Op::Vmask32 => top_bits::<32>(a),
        Op::Vmask64 => top_bits::<64>(a),
        Op::Vfadd32 => f32s(a, b, |x, y| x + y),
        Op::Vfsub32 => f32s(a, b, |x, y| x - y),
        Op::Vfmul32 => f32s(a, b, |x, y| x * y),
        Op::Vfdiv32 => f32s(a, b, |x, y| x / y),
        Op::Vfsqrt32 => f32s(a, a, |x, _| x.sqrt()),
        Op::Vfnearest32 => f32s(a, a, |x, _| x.round_ties_even()),
        Op::Vfadd64 => f64s(a, b, |x, y| x + y),
        Op::Vfsub64 => f64s(a, b, |x, y| x - y),
        Op::Vfmul64 => f64s(a, b, |x, y| x * y),
        Op::Vfdiv64 => f64s(a, b, |x, y| x / y),
        Op::Vfsqrt64 => f64s(a, a, |x, _| x.sqrt()),
        Op::Vfnearest64 => f64s(a, a, |x, _| x.round_ties_even()),
        Op::Vfabs32 => map1::<32>(a, |x| x & 0x7fff_ffff),
        Op::Vfabs64 => map1::<64>(a, |x| x & (u64::MAX >> 1)),
        Op::Vfeq32 => f32_mask(a, b, |x, y| x == y),
        Op::Vflt32 => f32_mask(a, b, |x, y| x < y),
        Op::Vfle32 => f32_mask(a, b, |x, y| x <= y),
        Op::Vfeq64 => f64_mask(a, b, |x, y| x == y),
        Op::Vflt64 => f64_mask(a, b, |x, y| x < y),
        Op::Vfle64 => f64_mask(a, b, |x, y| x <= y),
        Op::Vfmin32 | Op::Vfmax32 => {
            let (x, y) = if op == Op::Vfmin32 { (b, a) } else { (a, b) };
            let m = f32_mask(x, y, |x, y| x < y);
            b & m | a & !m
        }
        Op::Vfmin64 | Op::Vfmax64 => {
            let (x, y) = if op == Op::Vfmin64 { (b, a) } else { (a, b) };
            let m = f64_mask(x, y, |x, y| x < y);
            b & m | a & !m
        }
        Op::VF32FromI32 => map1::<32>(a, |x| (x as i32 as f32).to_bits() as u64),
        Op::VI32FromF32 => map1::<32>(a, |x| f32::from_bits(x as u32) as i32 as u64),
        Op::VF64FromI32 => map1::<64>(extend::<32>(a, true), |x| (x as i64 as f64).to_bits()),
        Op::VI32FromF64 => {
            let v = |x: u64| f64::from_bits(x) as i32 as u32 as u128;
            v(a as u64) | v((a >> 64) as u64) << 32
        }
        Op::Vfpromote => map1::<64>(extend::<32>(a, false), |x| {
            bits64(f32::from_bits(x as u32) as f64)
        }),
        Op::Vfdemote => {
            let v = |x: u64| bits32(f64::from_bits(x) as f32) as u128;
            v(a as u64) | v((a >> 64) as u64) << 32
        }
        Op::Vpair => a | b << 64,
        Op::Vlow => a,
        Op::Vlo | Op::Vlo64 => a as u64 as u128,
        Op::Vhi => a >> 64,
        Op::Vlo32 => a as u32 as u128,
        Op::VsetLo | Op::VsetLo64 => a >> 64 << 64 | b,
        Op::VsetHi => a as u64 as u128 | b << 64,
        Op::VsetLo32 => a >> 32 << 32 | b,
        other => unreachable!("{} is no vector op", other.info().name),
    }
}
