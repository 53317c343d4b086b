//! What each computing op means on plain numbers: shared by the interpreter's loop and by constant folding.

macro_rules! int {
    ($u:ident $i:ident: $div_u:ident $div_s:ident $rem_u:ident $rem_s:ident) => {
        /// Unsigned quotient, 0 for a divisor of 0.
        #[inline(always)]
        pub fn $div_u(a: $u, b: $u) -> $u {
            a.checked_div(b).unwrap_or(0)
        }
        /// Signed quotient, 0 for a divisor of 0.
        #[inline(always)]
        pub fn $div_s(a: $u, b: $u) -> $u {
            if b == 0 {
                0
            } else {
                (a as $i).wrapping_div(b as $i) as $u
            }
        }
        /// Unsigned remainder, `a` for a divisor of 0.
        #[inline(always)]
        pub fn $rem_u(a: $u, b: $u) -> $u {
            a.checked_rem(b).unwrap_or(a)
        }
        /// Signed remainder, `a` for a divisor of 0.
        #[inline(always)]
        pub fn $rem_s(a: $u, b: $u) -> $u {
            if b == 0 {
                a
            } else {
                (a as $i).wrapping_rem(b as $i) as $u
            }
        }
    };
}

int!(u32 i32: div_u32 div_s32 rem_u32 rem_s32);
int!(u64 i64: div_u64 div_s64 rem_u64 rem_s64);

/// High half of the unsigned product.
#[inline(always)]
pub fn mulh_u(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

/// High half of the signed product.
#[inline(always)]
pub fn mulh_s(a: u64, b: u64) -> u64 {
    ((a as i64 as i128 * b as i64 as i128) >> 64) as u64
}

/// Bits of an f32 result; every NaN becomes the positive quiet one.
#[inline(always)]
pub fn bits32(v: f32) -> u32 {
    if v.is_nan() { 0x7fc0_0000 } else { v.to_bits() }
}

/// Bits of an f64 result; every NaN becomes the positive quiet one.
#[inline(always)]
pub fn bits64(v: f64) -> u64 {
    if v.is_nan() {
        0x7ff8_0000_0000_0000
    } else {
        v.to_bits()
    }
}
