//! 128-bit arithmetic that significands need, without the compiler's 128-bit division.

/// `(hi:lo) >> n`, all bits shifted out or-ed into the last one.
#[inline(always)]
pub(crate) fn shift_right_jam(hi: u64, lo: u64, n: u32) -> (u64, u64) {
    match n {
        0 => (hi, lo),
        1..64 => (
            hi >> n,
            hi << (64 - n) | lo >> n | u64::from(lo << (64 - n) != 0),
        ),
        64 => (0, hi | u64::from(lo != 0)),
        65..128 => (
            0,
            hi >> (n - 64) | u64::from(hi << (128 - n) != 0 || lo != 0),
        ),
        _ => (0, u64::from(hi | lo != 0)),
    }
}

/// Quotient and remainder of `(hi:lo) / d`, by two digits of 32 bits. `d` has its top bit set and `hi < d`.
#[inline]
pub(crate) fn div_wide(hi: u64, lo: u64, d: u64) -> (u64, u64) {
    debug_assert!(d >> 63 != 0 && hi < d);
    let (q1, r) = div_digit(hi, lo >> 32, d);
    let (q0, r) = div_digit(r, lo & 0xffff_ffff, d);
    (q1 << 32 | q0, r)
}

/// One digit: `(r * 2^32 + next) / d` with `r < d`.
#[inline(always)]
fn div_digit(r: u64, next: u64, d: u64) -> (u64, u64) {
    let (d1, d0) = (d >> 32, d & 0xffff_ffff);
    // The guess from the top halves is at most two too large.
    let mut q = r / d1;
    let mut rest = r % d1;
    while q >> 32 != 0 || q * d0 > (rest << 32 | next) {
        q -= 1;
        rest += d1;
        if rest >> 32 != 0 {
            break;
        }
    }
    (q, (r << 32 | next).wrapping_sub(q.wrapping_mul(d)))
}

/// Root of `n = hi:lo` and whether the remainder is zero, below the root, or above it: `(floor(sqrt(n)), n - root^2)`.
/// `hi >= 2^62`. A root in 32 bits, then one division for the other 32.
#[inline]
pub(crate) fn sqrt_wide(hi: u64, lo: u64) -> (u64, u128) {
    let s1 = hi.isqrt();
    let r1 = hi - s1 * s1;
    // (r1 : lo_high) / (2 * s1), halved first because it may have 65 bits.
    let half = r1 << 31 | lo >> 33;
    let q = half / s1;
    let u = ((half % s1) << 1) | (lo >> 32 & 1);
    let mut s = (u128::from(s1) << 32) + u128::from(q);
    let mut r = ((u128::from(u) << 32) | u128::from(lo & 0xffff_ffff)) as i128
        - i128::from(q) * i128::from(q);
    while r < 0 {
        s -= 1;
        r += 2 * s as i128 + 1;
    }
    (s as u64, r as u128)
}
