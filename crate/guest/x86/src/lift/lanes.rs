//! Integer lanes of 128 bits as ops of the IR: what SSE instructions, and each half of AVX instructions, do.

use iced_x86::Mnemonic;
use tinamou_ir::Val;
use tinamou_ir::ops::Op;

use super::Lifter;

/// Byte numbers of a shuffle that takes lanes of `bytes` by number.
pub fn by_lane<const N: usize>(from: [u64; N]) -> [u8; 16] {
    let bytes = 16 / N;
    std::array::from_fn(|i| (from[i / bytes] as usize * bytes + i % bytes) as u8)
}

/// The op that an instruction is.
fn op(m: Mnemonic) -> Option<Op> {
    use Mnemonic::*;
    Some(match m {
        Pand | Andps | Andpd => Op::Vand,
        Por | Orps | Orpd => Op::Vor,
        Pxor | Xorps | Xorpd => Op::Vxor,
        Paddb => Op::Vadd8,
        Paddw => Op::Vadd16,
        Paddd => Op::Vadd32,
        Paddq => Op::Vadd64,
        Psubb => Op::Vsub8,
        Psubw => Op::Vsub16,
        Psubd => Op::Vsub32,
        Psubq => Op::Vsub64,
        Paddsb => Op::VaddSat8S,
        Paddsw => Op::VaddSat16S,
        Psubsb => Op::VsubSat8S,
        Psubsw => Op::VsubSat16S,
        Paddusb => Op::VaddSat8U,
        Paddusw => Op::VaddSat16U,
        Psubusb => Op::VsubSat8U,
        Psubusw => Op::VsubSat16U,
        Pmullw => Op::Vmul16,
        Pmulld => Op::Vmul32,
        Pmaddwd => Op::Vdot16,
        Pcmpeqb => Op::Veq8,
        Pcmpeqw => Op::Veq16,
        Pcmpeqd => Op::Veq32,
        Pcmpeqq => Op::Veq64,
        Pcmpgtb => Op::Vgt8,
        Pcmpgtw => Op::Vgt16,
        Pcmpgtd => Op::Vgt32,
        Pcmpgtq => Op::Vgt64,
        Pavgb => Op::Vavg8,
        Pavgw => Op::Vavg16,
        Pmaxub => Op::Vmax8U,
        Pmaxuw => Op::Vmax16U,
        Pmaxud => Op::Vmax32U,
        Pminub => Op::Vmin8U,
        Pminuw => Op::Vmin16U,
        Pminud => Op::Vmin32U,
        Pmaxsb => Op::Vmax8S,
        Pmaxsw => Op::Vmax16S,
        Pmaxsd => Op::Vmax32S,
        Pminsb => Op::Vmin8S,
        Pminsw => Op::Vmin16S,
        Pminsd => Op::Vmin32S,
        Packsswb => Op::Vnarrow16S,
        Packuswb => Op::Vnarrow16U,
        Packssdw => Op::Vnarrow32S,
        Packusdw => Op::Vnarrow32U,
        _ => return None,
    })
}

/// An unpack: lane width in bytes, and whether of the upper halves.
fn unpack(m: Mnemonic) -> Option<(usize, bool)> {
    use Mnemonic::*;
    Some(match m {
        Punpcklbw => (1, false),
        Punpcklwd => (2, false),
        Punpckldq | Unpcklps => (4, false),
        Punpcklqdq | Unpcklpd => (8, false),
        Punpckhbw => (1, true),
        Punpckhwd => (2, true),
        Punpckhdq | Unpckhps => (4, true),
        Punpckhqdq | Unpckhpd => (8, true),
        _ => return None,
    })
}

const EVEN16: [u64; 8] = [0, 2, 4, 6, 8, 10, 12, 14];
const ODD16: [u64; 8] = [1, 3, 5, 7, 9, 11, 13, 15];
const EVEN32: [u64; 4] = [0, 2, 4, 6];
const ODD32: [u64; 4] = [1, 3, 5, 7];

/// Every byte, word or double word the same.
fn splat(l: &mut Lifter<'_>, bits: u32, v: u128) -> Val {
    let all = (0..128 / bits).fold(0, |all, i| all | v << (i * bits));
    l.b.v128(all)
}

/// An instruction of two operands, `a` the destination; `None`, and nothing emitted, if it is not one.
pub fn binary(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val) -> Option<Val> {
    use Mnemonic::*;
    if let Some(op) = op(m) {
        return Some(l.b.push_simple(op, &[a, b]));
    }
    if let Some((bytes, high)) = unpack(m) {
        let half = if high { 8 } else { 0 };
        let from = std::array::from_fn(|i| {
            let lane = i / bytes;
            (half + lane / 2 * bytes + i % bytes + 16 * (lane & 1)) as u8
        });
        return Some(l.b.shuffle(a, b, from));
    }
    Some(match m {
        Pandn | Andnps | Andnpd => l.b.v_andnot(b, a),
        Pabsb => l.b.v_abs8(b),
        Pabsw => l.b.v_abs16(b),
        Pabsd => l.b.v_abs32(b),
        Pshufb => {
            let mask = splat(l, 8, 0x8f);
            let by = l.b.v_and(b, mask);
            l.b.v_swizzle(a, by)
        }
        Pmulhw | Pmulhuw => {
            let (low, high) = if m == Pmulhw {
                (l.b.v_mul_low16_s(a, b), l.b.v_mul_high16_s(a, b))
            } else {
                (l.b.v_mul_low16_u(a, b), l.b.v_mul_high16_u(a, b))
            };
            l.b.shuffle(low, high, by_lane(ODD16))
        }
        Pmulhrsw => {
            let round = splat(l, 32, 0x4000);
            let halves = [l.b.v_mul_low16_s(a, b), l.b.v_mul_high16_s(a, b)].map(|p| {
                let n = l.b.i32(15);
                let p = l.b.v_add32(p, round);
                l.b.v_shr32(p, n)
            });
            l.b.shuffle(halves[0], halves[1], by_lane(EVEN16))
        }
        Pmuludq | Pmuldq => {
            let [x, y] = [a, b].map(|v| l.b.shuffle(v, v, by_lane(EVEN32)));
            if m == Pmuludq {
                l.b.v_mul_low32_u(x, y)
            } else {
                l.b.v_mul_low32_s(x, y)
            }
        }
        Pmaddubsw => {
            let high = by_lane([1, 1]);
            let (ah, bh) = (l.b.shuffle(a, a, high), l.b.shuffle(b, b, high));
            let [p, q] = [(a, b), (ah, bh)].map(|(a, b)| {
                let (x, y) = (l.b.v_extend8_u(a), l.b.v_extend8_s(b));
                l.b.v_mul16(x, y)
            });
            let even = l.b.shuffle(p, q, by_lane(EVEN16));
            let odd = l.b.shuffle(p, q, by_lane(ODD16));
            l.b.v_add_sat16_s(even, odd)
        }
        Psadbw => {
            let (x, y) = (l.b.v_sub_sat8_u(a, b), l.b.v_sub_sat8_u(b, a));
            let d = l.b.v_or(x, y);
            let d = l.b.v_pairs8_u(d);
            let d = l.b.v_pairs16_u(d);
            let (n, mask) = (l.b.i32(32), splat(l, 64, 0xffff_ffff));
            let (x, y) = (l.b.v_and(d, mask), l.b.v_shr64(d, n));
            l.b.v_add32(x, y)
        }
        Phaddw | Phaddsw | Phsubw | Phsubsw | Phaddd | Phsubd => {
            let (even, odd) = if matches!(m, Phaddd | Phsubd) {
                (by_lane(EVEN32), by_lane(ODD32))
            } else {
                (by_lane(EVEN16), by_lane(ODD16))
            };
            let (x, y) = (l.b.shuffle(a, b, even), l.b.shuffle(a, b, odd));
            match m {
                Phaddw => l.b.v_add16(x, y),
                Phaddsw => l.b.v_add_sat16_s(x, y),
                Phsubw => l.b.v_sub16(x, y),
                Phsubsw => l.b.v_sub_sat16_s(x, y),
                Phaddd => l.b.v_add32(x, y),
                _ => l.b.v_sub32(x, y),
            }
        }
        Psignb | Psignw | Psignd => {
            let zero = l.b.v128(0);
            let (gt, eq, sub) = match m {
                Psignb => (Op::Vgt8, Op::Veq8, Op::Vsub8),
                Psignw => (Op::Vgt16, Op::Veq16, Op::Vsub16),
                _ => (Op::Vgt32, Op::Veq32, Op::Vsub32),
            };
            let negative = l.b.push_simple(gt, &[zero, b]);
            let none = l.b.push_simple(eq, &[b, zero]);
            let v = l.b.v_xor(a, negative);
            let v = l.b.push_simple(sub, &[v, negative]);
            l.b.v_andnot(v, none)
        }
        _ => return None,
    })
}

/// Whether [`binary`] knows it.
pub fn is_binary(m: Mnemonic) -> bool {
    use Mnemonic::*;
    op(m).is_some()
        || unpack(m).is_some()
        || matches!(
            m,
            Pandn
                | Andnps
                | Andnpd
                | Pabsb
                | Pabsw
                | Pabsd
                | Pshufb
                | Pmulhw
                | Pmulhuw
                | Pmulhrsw
                | Pmuludq
                | Pmuldq
                | Pmaddubsw
                | Psadbw
                | Phaddw
                | Phaddsw
                | Phsubw
                | Phsubsw
                | Phaddd
                | Phsubd
                | Psignb
                | Psignw
                | Psignd
        )
}

/// A shift of lanes by a count: the op, the lanes' width.
pub fn shift(m: Mnemonic) -> Option<(Op, u64)> {
    use Mnemonic::*;
    Some(match m {
        Psllw => (Op::Vshl16, 16),
        Pslld => (Op::Vshl32, 32),
        Psllq => (Op::Vshl64, 64),
        Psrlw => (Op::Vshr16, 16),
        Psrld => (Op::Vshr32, 32),
        Psrlq => (Op::Vshr64, 64),
        Psraw => (Op::Vsar16, 16),
        Psrad => (Op::Vsar32, 32),
        _ => return None,
    })
}

/// A shift by a constant.
pub fn shift_by(l: &mut Lifter<'_>, (op, width): (Op, u64), a: Val, n: u64) -> Val {
    let arithmetic = matches!(op, Op::Vsar16 | Op::Vsar32);
    if n >= width && !arithmetic {
        return l.b.v128(0);
    }
    let n = l.b.i32(n.min(width - 1) as u32);
    l.b.push_simple(op, &[a, n])
}

/// A shift by the 64 bits of `n`.
pub fn shift_by_value(l: &mut Lifter<'_>, (op, width): (Op, u64), a: Val, n: Val) -> Val {
    let limit = l.b.i64(width);
    let within = l.b.lt_u(n, limit);
    let n = l.b.wrap(n);
    if matches!(op, Op::Vsar16 | Op::Vsar32) {
        let most = l.b.i32(width as u32 - 1);
        let n = l.b.select(within, n, most);
        return l.b.push_simple(op, &[a, n]);
    }
    let v = l.b.push_simple(op, &[a, n]);
    let zero = l.b.v128(0);
    l.b.select(within, v, zero)
}

/// PMOVSX and PMOVZX of the low lanes.
pub fn extend(l: &mut Lifter<'_>, m: Mnemonic, v: Val) -> Option<Val> {
    use Mnemonic::*;
    let steps: &[Op] = match m {
        Pmovsxbw => &[Op::Vextend8S],
        Pmovsxbd => &[Op::Vextend8S, Op::Vextend16S],
        Pmovsxbq => &[Op::Vextend8S, Op::Vextend16S, Op::Vextend32S],
        Pmovsxwd => &[Op::Vextend16S],
        Pmovsxwq => &[Op::Vextend16S, Op::Vextend32S],
        Pmovsxdq => &[Op::Vextend32S],
        Pmovzxbw => &[Op::Vextend8U],
        Pmovzxbd => &[Op::Vextend8U, Op::Vextend16U],
        Pmovzxbq => &[Op::Vextend8U, Op::Vextend16U, Op::Vextend32U],
        Pmovzxwd => &[Op::Vextend16U],
        Pmovzxwq => &[Op::Vextend16U, Op::Vextend32U],
        Pmovzxdq => &[Op::Vextend32U],
        _ => return None,
    };
    Some(steps.iter().fold(v, |v, &step| l.b.push_simple(step, &[v])))
}

/// An instruction whose immediate says which bytes go where: numbers for a shuffle of `a`, the destination, and `b`; 32 and more is a zero.
fn places(m: Mnemonic, imm: u64) -> Option<[u8; 16]> {
    use Mnemonic::*;
    let two = |i: u64| imm >> (2 * i) & 3;
    let bit = |i: usize| imm >> i & 1;
    let n = imm as usize;
    Some(match m {
        Pshufd => by_lane([0, 1, 2, 3].map(|i| 4 + two(i))),
        Pshuflw => by_lane([0, 1, 2, 3, 4, 5, 6, 7].map(|i| 8 + if i < 4 { two(i) } else { i })),
        Pshufhw => {
            by_lane([0, 1, 2, 3, 4, 5, 6, 7].map(|i| 8 + if i < 4 { i } else { 4 + two(i - 4) }))
        }
        Shufps => by_lane([two(0), two(1), 4 + two(2), 4 + two(3)]),
        Shufpd => by_lane([imm & 1, 2 + (imm >> 1 & 1)]),
        // The pair b, a shifted down.
        Palignr => std::array::from_fn(|i| match i + n {
            at @ 0..16 => 16 + at as u8,
            at @ 16..32 => at as u8 - 16,
            _ => 32,
        }),
        Pslldq => std::array::from_fn(|i| if i < n { 32 } else { (i - n) as u8 }),
        Psrldq => std::array::from_fn(|i| if i + n < 16 { (i + n) as u8 } else { 32 }),
        Blendps => std::array::from_fn(|i| (i + 16 * bit(i / 4) as usize) as u8),
        Blendpd => std::array::from_fn(|i| (i + 16 * bit(i / 8) as usize) as u8),
        Pblendw => std::array::from_fn(|i| (i + 16 * bit(i / 2) as usize) as u8),
        _ => return None,
    })
}

/// Whether [`arranged`] knows it.
pub fn is_arranged(m: Mnemonic) -> bool {
    places(m, 0).is_some()
}

/// Whether an arranged instruction has `a` alone.
pub fn is_byte_shift(m: Mnemonic) -> bool {
    matches!(m, Mnemonic::Pslldq | Mnemonic::Psrldq)
}

/// An instruction whose immediate says which bytes of `a` and `b` go where.
pub fn arranged(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val, imm: u64) -> Val {
    let Some(from) = places(m, imm) else { return a };
    if from.iter().all(|&i| i < 32) {
        return l.b.shuffle(a, b, from);
    }
    // Bytes come from one of the operands and zeros.
    let zero = l.b.v128(0);
    let second = from.iter().any(|&i| (16..32).contains(&i));
    let v = if second { b } else { a };
    let from = from.map(|i| if i < 32 { i & 15 } else { 16 });
    l.b.shuffle(v, zero, from)
}

/// PBLENDVB, BLENDVPS and BLENDVPD: lanes of `b` where the top bit of `mask` is set.
pub fn blend(l: &mut Lifter<'_>, m: Mnemonic, a: Val, b: Val, mask: Val) -> Val {
    let zero = l.b.v128(0);
    let chosen = match m {
        Mnemonic::Pblendvb => l.b.v_gt8(zero, mask),
        Mnemonic::Blendvps => l.b.v_gt32(zero, mask),
        _ => l.b.v_gt64(zero, mask),
    };
    l.b.v_bits(b, a, chosen)
}
