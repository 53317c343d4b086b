//! Integer operations that helpers do.

use crate::flags::{AF, CF, PF, SF, ZF};

/// RCL and RCR: the value, and CF with OF in bit 1. `how` is as `ROTATE_CARRY` has it.
pub fn rotate_carry(a: u64, how: u32) -> (u64, u64) {
    let bits = 8u32 << (how >> 16 & 3);
    let n = (how & 0xff) % (bits + 1);
    let carry = (how >> 8 & 1) as u128;
    let left = how >> 20 & 1 != 0;
    // The carry above the value, as one word of bits + 1.
    let width = bits + 1;
    let mask = (1u128 << width) - 1;
    let word = (a as u128 & ((1 << bits) - 1)) | carry << bits;
    let n = if left { n } else { (width - n) % width };
    let r = if n == 0 {
        word
    } else {
        (word << n | word >> (width - n)) & mask
    };
    let value = (r & ((1 << bits) - 1)) as u64;
    let cf = (r >> bits) as u64 & 1;
    let top = value >> (bits - 1) & 1;
    let of = if left {
        top ^ cf
    } else {
        top ^ (value >> (bits - 2) & 1)
    };
    (value, cf | of << 1)
}

/// AAA, AAS, DAA, DAS, AAM, AAD: AX, and in the upper half the flags.
pub fn decimal(what: u32, ax: u16, f: u32) -> u64 {
    let imm = (what >> 8) as u8;
    let (al, ah) = (ax as u8, (ax >> 8) as u8);
    let (cf, af) = (f & CF != 0, f & AF != 0);
    let szp = |v: u8| {
        let mut f = 0;
        if v == 0 {
            f |= ZF;
        }
        if v & 0x80 != 0 {
            f |= SF;
        }
        if v.count_ones().is_multiple_of(2) {
            f |= PF;
        }
        f
    };
    let (ax, f) = match what & 0xff {
        0 | 1 => {
            let adjust = al & 15 > 9 || af;
            let v = match (adjust, what & 1) {
                (false, _) => ax,
                (true, 0) => ax.wrapping_add(0x106),
                (true, _) => ax.wrapping_sub(6).wrapping_sub(0x100),
            };
            let v = v & 0xff0f;
            (v, if adjust { AF | CF } else { 0 } | szp(v as u8))
        }
        2 | 3 => {
            let add = what & 1 == 0;
            let step = |v: u8, n: u8| {
                if add {
                    v.wrapping_add(n)
                } else {
                    v.wrapping_sub(n)
                }
            };
            let low = al & 15 > 9 || af;
            let high = al > 0x99 || cf;
            let mut v = al;
            let mut out = 0;
            if low {
                out |= AF;
                if !add && al < 6 {
                    out |= CF;
                }
                v = step(v, 6);
            }
            if high {
                out |= CF;
                v = step(v, 0x60);
            }
            ((ah as u16) << 8 | v as u16, out | szp(v))
        }
        4 => {
            // The lifter raises #DE for base 0.
            let base = imm.max(1);
            let (q, r) = (al / base, al % base);
            ((q as u16) << 8 | r as u16, szp(r))
        }
        _ => {
            let v = al.wrapping_add(ah.wrapping_mul(imm));
            (v as u16, szp(v))
        }
    };
    ax as u64 | (f as u64) << 32
}

/// BEXTR.
pub fn bextr(a: u64, control: u64) -> u64 {
    let (start, len) = (control & 0xff, control >> 8 & 0xff);
    let v = if start < 64 { a >> start } else { 0 };
    if len < 64 { v & ((1 << len) - 1) } else { v }
}

/// PDEP.
pub fn pdep(a: u64, mut mask: u64) -> u64 {
    let (mut r, mut i) = (0, 0);
    while mask != 0 {
        let bit = mask & mask.wrapping_neg();
        if a >> i & 1 != 0 {
            r |= bit;
        }
        mask ^= bit;
        i += 1;
    }
    r
}

/// PEXT.
pub fn pext(a: u64, mut mask: u64) -> u64 {
    let (mut r, mut i) = (0, 0);
    while mask != 0 {
        let bit = mask & mask.wrapping_neg();
        if a & bit != 0 {
            r |= 1 << i;
        }
        mask ^= bit;
        i += 1;
    }
    r
}

/// CRC32 (Castagnoli) over the low `bytes` bytes of `v`.
pub fn crc32(crc: u32, v: u64, bytes: u32) -> u32 {
    let mut crc = crc;
    for i in 0..bytes.min(8) {
        crc ^= (v >> (8 * i) & 0xff) as u32;
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0x82f6_3b78 } else { 0 };
        }
    }
    crc
}

/// Quotient of `hi:lo` by `d`.
pub fn div128(hi: u64, lo: u64, d: u64) -> Option<u64> {
    let n = (hi as u128) << 64 | lo as u128;
    let q = n.checked_div(d as u128)?;
    u64::try_from(q).ok()
}

/// Signed quotient of `hi:lo` by `d`.
pub fn idiv128(hi: u64, lo: u64, d: u64) -> Option<u64> {
    let n = ((hi as u128) << 64 | lo as u128) as i128;
    let q = n.checked_div(d as i64 as i128)?;
    i64::try_from(q).ok().map(|q| q as u64)
}
