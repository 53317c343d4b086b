//! The SHA extensions (SDM volume 2; FIPS 180-4 names the functions). Lane 0 is the lowest.

use iced_x86::Mnemonic;

fn lanes(v: u128) -> [u32; 4] {
    std::array::from_fn(|i| (v >> (32 * i)) as u32)
}

fn join(x: [u32; 4]) -> u128 {
    x.iter()
        .enumerate()
        .fold(0, |v, (i, &l)| v | (l as u128) << (32 * i))
}

/// Four rounds of SHA-1: A to D in `a`, from D in lane 0 up; E joined to the first of four message words in `b`.
fn rounds1(a: u128, b: u128, imm: u32) -> u128 {
    let ([mut d, mut c, mut bb, mut aa], w) = (lanes(a), lanes(b));
    let k = [0x5a82_7999u32, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6][imm as usize & 3];
    let mut e = 0u32;
    for w in w.iter().rev() {
        let f = match imm & 3 {
            0 => bb & c ^ !bb & d,
            2 => bb & c ^ bb & d ^ c & d,
            _ => bb ^ c ^ d,
        };
        let t = f
            .wrapping_add(aa.rotate_left(5))
            .wrapping_add(*w)
            .wrapping_add(e)
            .wrapping_add(k);
        (e, d, c, bb, aa) = (d, c, bb.rotate_left(30), aa, t);
    }
    join([d, c, bb, aa])
}

/// Two rounds of SHA-256: C, D, G, H in `a`, A, B, E, F in `b` (from the highest lane down), two sums of word and constant in `wk`.
fn rounds256(a: u128, b: u128, wk: u128) -> u128 {
    let ([mut h, mut g, mut d, mut c], [mut f, mut e, mut bb, mut aa]) = (lanes(a), lanes(b));
    for wk in &lanes(wk)[..2] {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let s0 = aa.rotate_right(2) ^ aa.rotate_right(13) ^ aa.rotate_right(22);
        let t = (e & f ^ !e & g)
            .wrapping_add(s1)
            .wrapping_add(*wk)
            .wrapping_add(h);
        let u = (aa & bb ^ aa & c ^ bb & c).wrapping_add(s0);
        (h, g, f, e, d, c, bb, aa) = (g, f, e, d.wrapping_add(t), c, bb, aa, t.wrapping_add(u));
    }
    join([f, e, bb, aa])
}

/// The instruction on the destination `a` and the source `b`, with XMM0; `None` if it is none of these.
pub fn op128(m: Mnemonic, imm: u32, a: u128, b: u128, xmm0: u128) -> Option<u128> {
    use Mnemonic::*;
    let (x, y) = (lanes(a), lanes(b));
    let s0 = |w: u32| w.rotate_right(7) ^ w.rotate_right(18) ^ w >> 3;
    let s1 = |w: u32| w.rotate_right(17) ^ w.rotate_right(19) ^ w >> 10;
    Some(match m {
        Sha1rnds4 => rounds1(a, b, imm),
        Sha1nexte => join([y[0], y[1], y[2], y[3].wrapping_add(x[3].rotate_left(30))]),
        Sha1msg1 => join([y[2] ^ x[0], y[3] ^ x[1], x[0] ^ x[2], x[1] ^ x[3]]),
        Sha1msg2 => {
            let w16 = (x[3] ^ y[2]).rotate_left(1);
            let w17 = (x[2] ^ y[1]).rotate_left(1);
            let w18 = (x[1] ^ y[0]).rotate_left(1);
            let w19 = (x[0] ^ w16).rotate_left(1);
            join([w19, w18, w17, w16])
        }
        Sha256rnds2 => rounds256(a, b, xmm0),
        Sha256msg1 => join([
            x[0].wrapping_add(s0(x[1])),
            x[1].wrapping_add(s0(x[2])),
            x[2].wrapping_add(s0(x[3])),
            x[3].wrapping_add(s0(y[0])),
        ]),
        Sha256msg2 => {
            let w16 = x[0].wrapping_add(s1(y[2]));
            let w17 = x[1].wrapping_add(s1(y[3]));
            join([
                w16,
                w17,
                x[2].wrapping_add(s1(w16)),
                x[3].wrapping_add(s1(w17)),
            ])
        }
        _ => return None,
    })
}
