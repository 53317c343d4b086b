//! AES (FIPS 197) rounds and carry-less multiplication.

use std::sync::OnceLock;

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
fn mul(mut a: u8, mut b: u8) -> u8 {
    let mut r = 0;
    while b != 0 {
        if b & 1 != 0 {
            r ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    r
}

/// The S-box and its inverse.
fn boxes() -> &'static [[u8; 256]; 2] {
    static BOXES: OnceLock<[[u8; 256]; 2]> = OnceLock::new();
    BOXES.get_or_init(|| {
        let mut t = [[0; 256]; 2];
        for x in 0..=255u8 {
            let inverse = (1..=255u8).find(|&y| mul(x, y) == 1).unwrap_or(0);
            let s = (0..5).fold(0, |s, n| s ^ inverse.rotate_left(n)) ^ 0x63;
            t[0][x as usize] = s;
            t[1][s as usize] = x;
        }
        t
    })
}

fn columns(v: u128, m: [u8; 4]) -> u128 {
    let b = v.to_le_bytes();
    let mut out = [0; 16];
    for (i, o) in out.iter_mut().enumerate() {
        let (col, row) = (i & !3, i & 3);
        *o = (0..4).fold(0, |x, k| x ^ mul(b[col + k], m[(k + 4 - row) & 3]));
    }
    u128::from_le_bytes(out)
}

fn substitute(v: u128, inverse: bool, shift: isize) -> u128 {
    let b = v.to_le_bytes();
    let table = &boxes()[inverse as usize];
    let out: [u8; 16] = std::array::from_fn(|i| {
        let row = (i & 3) as isize;
        let col = (i >> 2) as isize;
        let from = (col + shift * row).rem_euclid(4);
        table[b[(4 * from + row) as usize] as usize]
    });
    u128::from_le_bytes(out)
}

/// AESENC and AESENCLAST.
pub fn encrypt(state: u128, key: u128, last: bool) -> u128 {
    let v = substitute(state, false, 1);
    let v = if last { v } else { columns(v, [2, 3, 1, 1]) };
    v ^ key
}

/// AESDEC and AESDECLAST.
pub fn decrypt(state: u128, key: u128, last: bool) -> u128 {
    let v = substitute(state, true, -1);
    let v = if last { v } else { inverse_columns(v) };
    v ^ key
}

/// AESIMC.
pub fn inverse_columns(v: u128) -> u128 {
    columns(v, [14, 11, 13, 9])
}

/// AESKEYGENASSIST.
pub fn key_assist(v: u128, rcon: u32) -> u128 {
    let table = &boxes()[0];
    let word = |n: u32| {
        let b = ((v >> (32 * n)) as u32).to_le_bytes();
        u32::from_le_bytes(b.map(|x| table[x as usize]))
    };
    let (x1, x3) = (word(1), word(3));
    let words = [x1, x1.rotate_right(8) ^ rcon, x3, x3.rotate_right(8) ^ rcon];
    words.iter().rev().fold(0, |v, &w| v << 32 | w as u128)
}

/// Carry-less product.
pub fn carryless(a: u64, b: u64) -> u128 {
    (0..64)
        .filter(|i| b >> i & 1 != 0)
        .fold(0, |r, i| r ^ (a as u128) << i)
}
