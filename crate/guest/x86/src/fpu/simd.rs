//! Integer lanes of MMX and SSE: operations on 64 bits. What works on 128 bits is taken apart by the lifter.

use iced_x86::Mnemonic;

fn lanes<const N: usize>(v: u64) -> [u64; N] {
    let bits = 64 / N as u32;
    std::array::from_fn(|i| v >> (bits * i as u32) & (u64::MAX >> (64 - bits)))
}

fn join(bits: u32, lanes: impl IntoIterator<Item = u64>) -> u64 {
    let mask = u64::MAX >> (64 - bits);
    lanes
        .into_iter()
        .enumerate()
        .fold(0, |v, (i, l)| v | (l & mask) << (bits * i as u32))
}

fn map<const N: usize>(a: u64, b: u64, f: impl Fn(u64, u64) -> u64) -> u64 {
    let (x, y) = (lanes::<N>(a), lanes::<N>(b));
    join(64 / N as u32, (0..N).map(|i| f(x[i], y[i])))
}

fn s8(v: u64) -> i64 {
    v as u8 as i8 as i64
}

fn s16(v: u64) -> i64 {
    v as u16 as i16 as i64
}

fn s32(v: u64) -> i64 {
    v as u32 as i32 as i64
}

fn sat(v: i64, lo: i64, hi: i64) -> u64 {
    v.clamp(lo, hi) as u64
}

fn all(c: bool) -> u64 {
    if c { u64::MAX } else { 0 }
}

fn shift<const N: usize>(
    a: u64,
    n: u64,
    f: impl Fn(u64, u32) -> u64,
    over: impl Fn(u64) -> u64,
) -> u64 {
    let bits = 64 / N as u64;
    let x = lanes::<N>(a);
    join(
        bits as u32,
        x.iter()
            .map(|&v| if n < bits { f(v, n as u32) } else { over(v) }),
    )
}

/// An operation on 64 bits; `None` if it is none of these.
pub fn op64(m: Mnemonic, a: u64, b: u64) -> Option<u64> {
    use Mnemonic::*;
    Some(match m {
        Paddb => map::<8>(a, b, |x, y| x + y),
        Paddw => map::<4>(a, b, |x, y| x + y),
        Paddd => map::<2>(a, b, |x, y| x + y),
        Paddq => a.wrapping_add(b),
        Psubb => map::<8>(a, b, u64::wrapping_sub),
        Psubw => map::<4>(a, b, u64::wrapping_sub),
        Psubd => map::<2>(a, b, u64::wrapping_sub),
        Psubq => a.wrapping_sub(b),
        Paddsb => map::<8>(a, b, |x, y| sat(s8(x) + s8(y), -128, 127)),
        Paddsw => map::<4>(a, b, |x, y| sat(s16(x) + s16(y), -32768, 32767)),
        Psubsb => map::<8>(a, b, |x, y| sat(s8(x) - s8(y), -128, 127)),
        Psubsw => map::<4>(a, b, |x, y| sat(s16(x) - s16(y), -32768, 32767)),
        Paddusb => map::<8>(a, b, |x, y| (x + y).min(0xff)),
        Paddusw => map::<4>(a, b, |x, y| (x + y).min(0xffff)),
        Psubusb => map::<8>(a, b, u64::saturating_sub),
        Psubusw => map::<4>(a, b, u64::saturating_sub),
        Pmullw => map::<4>(a, b, |x, y| x.wrapping_mul(y)),
        Pmulhw => map::<4>(a, b, |x, y| ((s16(x) * s16(y)) >> 16) as u64),
        Pmulhuw => map::<4>(a, b, |x, y| (x * y) >> 16),
        Pmulhrsw => map::<4>(a, b, |x, y| ((((s16(x) * s16(y)) >> 14) + 1) >> 1) as u64),
        Pmulld => map::<2>(a, b, |x, y| x.wrapping_mul(y)),
        Pmuludq => (a & 0xffff_ffff) * (b & 0xffff_ffff),
        Pmuldq => s32(a).wrapping_mul(s32(b)) as u64,
        Pmaddwd => {
            let (x, y) = (lanes::<4>(a), lanes::<4>(b));
            let p: [i64; 4] = std::array::from_fn(|i| s16(x[i]) * s16(y[i]));
            join(32, [(p[0] + p[1]) as u64, (p[2] + p[3]) as u64])
        }
        Pmaddubsw => {
            let (x, y) = (lanes::<8>(a), lanes::<8>(b));
            let p: [i64; 8] = std::array::from_fn(|i| x[i] as i64 * s8(y[i]));
            join(
                16,
                (0..4).map(|i| sat(p[2 * i] + p[2 * i + 1], -32768, 32767)),
            )
        }
        Pcmpeqb => map::<8>(a, b, |x, y| all(x == y)),
        Pcmpeqw => map::<4>(a, b, |x, y| all(x == y)),
        Pcmpeqd => map::<2>(a, b, |x, y| all(x == y)),
        Pcmpeqq => all(a == b),
        Pcmpgtb => map::<8>(a, b, |x, y| all(s8(x) > s8(y))),
        Pcmpgtw => map::<4>(a, b, |x, y| all(s16(x) > s16(y))),
        Pcmpgtd => map::<2>(a, b, |x, y| all(s32(x) > s32(y))),
        Pcmpgtq => all(a as i64 > b as i64),
        Pavgb => map::<8>(a, b, |x, y| (x + y + 1) >> 1),
        Pavgw => map::<4>(a, b, |x, y| (x + y + 1) >> 1),
        Pmaxub => map::<8>(a, b, u64::max),
        Pmaxuw => map::<4>(a, b, u64::max),
        Pmaxud => map::<2>(a, b, u64::max),
        Pminub => map::<8>(a, b, u64::min),
        Pminuw => map::<4>(a, b, u64::min),
        Pminud => map::<2>(a, b, u64::min),
        Pmaxsb => map::<8>(a, b, |x, y| if s8(x) > s8(y) { x } else { y }),
        Pmaxsw => map::<4>(a, b, |x, y| if s16(x) > s16(y) { x } else { y }),
        Pmaxsd => map::<2>(a, b, |x, y| if s32(x) > s32(y) { x } else { y }),
        Pminsb => map::<8>(a, b, |x, y| if s8(x) < s8(y) { x } else { y }),
        Pminsw => map::<4>(a, b, |x, y| if s16(x) < s16(y) { x } else { y }),
        Pminsd => map::<2>(a, b, |x, y| if s32(x) < s32(y) { x } else { y }),
        Psignb => map::<8>(a, b, |x, y| (s8(x) * s8(y).signum()) as u64),
        Psignw => map::<4>(a, b, |x, y| (s16(x) * s16(y).signum()) as u64),
        Psignd => map::<2>(a, b, |x, y| (s32(x) * s32(y).signum()) as u64),
        Pabsb => map::<8>(b, b, |x, _| s8(x).unsigned_abs()),
        Pabsw => map::<4>(b, b, |x, _| s16(x).unsigned_abs()),
        Pabsd => map::<2>(b, b, |x, _| s32(x).unsigned_abs()),
        Psadbw => {
            let (x, y) = (lanes::<8>(a), lanes::<8>(b));
            (0..8).map(|i| x[i].abs_diff(y[i])).sum()
        }
        // Counts of 64 bits; beyond the width nothing, or the sign, is left.
        Psllw => shift::<4>(a, b, |v, n| v << n, |_| 0),
        Pslld => shift::<2>(a, b, |v, n| v << n, |_| 0),
        Psllq => shift::<1>(a, b, |v, n| v << n, |_| 0),
        Psrlw => shift::<4>(a, b, |v, n| v >> n, |_| 0),
        Psrld => shift::<2>(a, b, |v, n| v >> n, |_| 0),
        Psrlq => shift::<1>(a, b, |v, n| v >> n, |_| 0),
        Psraw => shift::<4>(a, b, |v, n| (s16(v) >> n) as u64, |v| (s16(v) >> 15) as u64),
        Psrad => shift::<2>(a, b, |v, n| (s32(v) >> n) as u64, |v| (s32(v) >> 31) as u64),
        // Of a pair of halves one half of the result.
        Packsswb => pack::<4>(a, b, |v| sat(s16(v), -128, 127)),
        Packuswb => pack::<4>(a, b, |v| sat(s16(v), 0, 255)),
        Packssdw => pack::<2>(a, b, |v| sat(s32(v), -32768, 32767)),
        Packusdw => pack::<2>(a, b, |v| sat(s32(v), 0, 65535)),
        Punpcklbw => interleave::<8>(a, b, 0),
        Punpckhbw => interleave::<8>(a, b, 4),
        Punpcklwd => interleave::<4>(a, b, 0),
        Punpckhwd => interleave::<4>(a, b, 2),
        Punpckldq => interleave::<2>(a, b, 0),
        Punpckhdq => interleave::<2>(a, b, 1),
        Phaddw => pairs::<4>(a, b, |x, y| (s16(x) + s16(y)) as u64),
        Phaddd => pairs::<2>(a, b, |x, y| (s32(x) + s32(y)) as u64),
        Phaddsw => pairs::<4>(a, b, |x, y| sat(s16(x) + s16(y), -32768, 32767)),
        Phsubw => pairs::<4>(a, b, |x, y| (s16(x) - s16(y)) as u64),
        Phsubd => pairs::<2>(a, b, |x, y| (s32(x) - s32(y)) as u64),
        Phsubsw => pairs::<4>(a, b, |x, y| sat(s16(x) - s16(y), -32768, 32767)),
        Pshufb => map::<8>(b, b, |i, _| {
            if i & 0x80 != 0 {
                0
            } else {
                a >> (8 * (i & 7)) & 0xff
            }
        }),
        Pmovmskb => lanes::<8>(b)
            .iter()
            .enumerate()
            .fold(0, |v, (i, l)| v | (l >> 7) << i),
        Movmskps => b >> 31 & 1 | b >> 63 << 1,
        Pmovsxbw => widen::<8, 4>(b, s8),
        Pmovsxbd => widen::<8, 2>(b, s8),
        Pmovsxbq => widen::<8, 1>(b, s8),
        Pmovsxwd => widen::<4, 2>(b, s16),
        Pmovsxwq => widen::<4, 1>(b, s16),
        Pmovsxdq => widen::<2, 1>(b, s32),
        Pmovzxbw => widen::<8, 4>(b, |v| v as i64),
        Pmovzxbd => widen::<8, 2>(b, |v| v as i64),
        Pmovzxbq => widen::<8, 1>(b, |v| v as i64),
        Pmovzxwd => widen::<4, 2>(b, |v| v as i64),
        Pmovzxwq => widen::<4, 1>(b, |v| v as i64),
        Pmovzxdq => widen::<2, 1>(b, |v| v as i64),
        _ => return None,
    })
}

fn pack<const N: usize>(a: u64, b: u64, f: impl Fn(u64) -> u64) -> u64 {
    join(
        32 / N as u32,
        lanes::<N>(a).into_iter().chain(lanes::<N>(b)).map(f),
    )
}

fn interleave<const N: usize>(a: u64, b: u64, from: usize) -> u64 {
    let (x, y) = (lanes::<N>(a), lanes::<N>(b));
    join(
        64 / N as u32,
        (0..N).map(|i| {
            if i & 1 == 0 {
                x[from + i / 2]
            } else {
                y[from + i / 2]
            }
        }),
    )
}

fn pairs<const N: usize>(a: u64, b: u64, f: impl Fn(u64, u64) -> u64) -> u64 {
    let (x, y) = (lanes::<N>(a), lanes::<N>(b));
    join(
        64 / N as u32,
        (0..N).map(|i| {
            if i < N / 2 {
                f(x[2 * i], x[2 * i + 1])
            } else {
                f(y[2 * i - N], y[2 * i + 1 - N])
            }
        }),
    )
}

/// The low `TO` lanes of `FROM`, widened.
fn widen<const FROM: usize, const TO: usize>(v: u64, f: impl Fn(u64) -> i64) -> u64 {
    let x = lanes::<FROM>(v);
    join(64 / TO as u32, (0..TO).map(|i| f(x[i]) as u64))
}

/// Half of PSHUFB on 128 bits, `lo` and `hi`, by the half `control`.
pub fn shuffle_bytes(lo: u64, hi: u64, control: u64) -> u64 {
    map::<8>(control, control, |i, _| {
        let from = if i & 8 == 0 { lo } else { hi };
        if i & 0x80 != 0 {
            0
        } else {
            from >> (8 * (i & 7)) & 0xff
        }
    })
}

/// An instruction on 128 bits that does not fall apart into halves; `None` if it is none of these.
pub fn op128(m: Mnemonic, imm: u32, a: u128, b: u128, mask: u128) -> Option<u128> {
    use Mnemonic::*;
    let byte = |v: u128, i: u32| (v >> (8 * i)) as u8;
    let blend = |bits: u32, pick: &dyn Fn(u32) -> bool| {
        let ones = u128::MAX >> (128 - bits);
        (0..128 / bits).fold(0, |v, i| {
            v | (if pick(i) { b } else { a } & ones << (bits * i))
        })
    };
    Some(match m {
        Pslldq => {
            if imm > 15 {
                0
            } else {
                a << (8 * imm)
            }
        }
        Psrldq => {
            if imm > 15 {
                0
            } else {
                a >> (8 * imm)
            }
        }
        Palignr => match imm {
            0 => b,
            1..=15 => b >> (8 * imm) | a << (128 - 8 * imm),
            16 => a,
            17..=31 => a >> (8 * (imm - 16)),
            _ => 0,
        },
        Pblendvb => blend(8, &|i| mask >> (8 * i + 7) & 1 != 0),
        Blendvps => blend(32, &|i| mask >> (32 * i + 31) & 1 != 0),
        Blendvpd => blend(64, &|i| mask >> (64 * i + 63) & 1 != 0),
        Pblendw => blend(16, &|i| imm >> i & 1 != 0),
        Blendps => blend(32, &|i| imm >> i & 1 != 0),
        Blendpd => blend(64, &|i| imm >> i & 1 != 0),
        Insertps => {
            let lane = (b >> (32 * (imm >> 6 & 3))) as u32;
            let at = 32 * (imm >> 4 & 3);
            let v = a & !(0xffff_ffffu128 << at) | (lane as u128) << at;
            (0..4).fold(v, |v, i| {
                if imm >> i & 1 != 0 {
                    v & !(0xffff_ffffu128 << (32 * i))
                } else {
                    v
                }
            })
        }
        Mpsadbw => {
            let (from, with) = (4 * (imm >> 2 & 1), 4 * (imm & 3));
            (0..8).fold(0, |v, i| {
                let sum: u32 = (0..4)
                    .map(|j| byte(a, from + i + j).abs_diff(byte(b, with + j)) as u32)
                    .sum();
                v | (sum as u128) << (16 * i)
            })
        }
        Phminposuw => {
            let (v, i) = (0..8u32)
                .map(|i| ((b >> (16 * i)) as u16, i))
                .min()
                .unwrap_or((0, 0));
            v as u128 | (i as u128) << 16
        }
        _ => return None,
    })
}

/// PCMPxSTRx: the mask and the flags CF, ZF, SF, OF as in EFLAGS. Lengths are in elements.
pub fn compare_strings(imm: u32, a: u128, b: u128, la: u32, lb: u32) -> (u32, u32) {
    let words = imm & 1 != 0;
    let signed = imm & 2 != 0;
    let n = if words { 8 } else { 16 };
    let get = |v: u128, i: u32| -> i64 {
        match (words, signed) {
            (false, false) => (v >> (8 * i)) as u8 as i64,
            (false, true) => (v >> (8 * i)) as i8 as i64,
            (true, false) => (v >> (16 * i)) as u16 as i64,
            (true, true) => (v >> (16 * i)) as i16 as i64,
        }
    };
    let mut r = 0u32;
    for j in 0..n {
        let hit = match imm >> 2 & 3 {
            // Any of the set.
            0 => j < lb && (0..la).any(|i| get(a, i) == get(b, j)),
            // In one of the ranges.
            1 => {
                j < lb
                    && (0..la / 2)
                        .any(|i| get(b, j) >= get(a, 2 * i) && get(b, j) <= get(a, 2 * i + 1))
            }
            // Each equal; both beyond their ends are.
            2 => (j >= la && j >= lb) || (j < la && j < lb && get(a, j) == get(b, j)),
            // The substring begins here.
            _ => (0..la)
                .take_while(|i| i + j < n)
                .all(|i| i + j < lb && get(a, i) == get(b, i + j)),
        };
        r |= (hit as u32) << j;
    }
    let r = match imm >> 4 & 3 {
        1 => !r & ((1 << n) - 1),
        // Negated where the second operand is valid.
        3 => r ^ ((1u32 << lb) - 1),
        _ => r,
    };
    use crate::flags::{CF, OF, SF, ZF};
    let mut f = 0;
    for (on, bit) in [(r != 0, CF), (lb < n, ZF), (la < n, SF), (r & 1 != 0, OF)] {
        if on {
            f |= bit;
        }
    }
    (r, f)
}

/// Length of a string that ends at a zero element.
pub fn implicit_length(v: u128, words: bool) -> u32 {
    if words {
        (0..8)
            .position(|i| (v >> (16 * i)) as u16 == 0)
            .unwrap_or(8) as u32
    } else {
        (0..16)
            .position(|i| (v >> (8 * i)) as u8 == 0)
            .unwrap_or(16) as u32
    }
}
