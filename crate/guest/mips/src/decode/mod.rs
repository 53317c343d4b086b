//! Instruction decode: the table, its dispatch, instruction classes, and a generator of random encodings.

pub mod class;
mod table;

use std::sync::OnceLock;

use tinamou_decode::{Decoder, Pattern, Rng, random_word};

pub use table::{Op, TABLE};

/// An instruction word and its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(pub u32);

impl Word {
    /// Bits 25..21: rs, base, fr.
    pub fn rs(self) -> usize {
        (self.0 >> 21 & 31) as usize
    }
    /// Bits 20..16: rt, ft.
    pub fn rt(self) -> usize {
        (self.0 >> 16 & 31) as usize
    }
    /// Bits 15..11: rd, fs.
    pub fn rd(self) -> usize {
        (self.0 >> 11 & 31) as usize
    }
    /// Bits 10..6: sa, fd.
    pub fn sa(self) -> u32 {
        self.0 >> 6 & 31
    }
    /// FPU register fs.
    pub fn fs(self) -> usize {
        self.rd()
    }
    /// FPU register ft.
    pub fn ft(self) -> usize {
        self.rt()
    }
    /// FPU register fd.
    pub fn fd(self) -> usize {
        self.sa() as usize
    }
    /// FPU register fr.
    pub fn fr(self) -> usize {
        self.rs()
    }
    /// Immediate, sign-extended.
    pub fn simm(self) -> i64 {
        self.0 as u16 as i16 as i64
    }
    /// Immediate, zero-extended.
    pub fn uimm(self) -> u64 {
        (self.0 & 0xffff) as u64
    }
    /// Select field of a CP0 move.
    pub fn sel(self) -> u32 {
        self.0 & 7
    }
    /// Condition code of a branch or conditional move (bits 20..18).
    pub fn cc(self) -> u32 {
        self.0 >> 18 & 7
    }
}

fn key(word: u32) -> u32 {
    let op = word >> 26;
    let sub = match op {
        0 | 0x13 | 0x1c | 0x1f => word & 63,
        1 => word >> 16 & 31,
        0x10 | 0x11 if word & 1 << 25 != 0 => 64 + (word & 63),
        0x10 | 0x11 => word >> 21 & 15,
        _ => 0,
    };
    op << 7 | sub
}

fn key_bits(key: u32) -> (u32, u32) {
    let (op, sub) = (key >> 7, key & 127);
    let (mask, value) = match op {
        0 | 0x13 | 0x1c | 0x1f => (63, sub & 63),
        1 => (31 << 16, (sub & 31) << 16),
        0x10 | 0x11 if sub >= 64 => (1 << 25 | 63, 1 << 25 | sub & 63),
        0x10 | 0x11 => (31 << 21, (sub & 15) << 21),
        _ => (0, 0),
    };
    (0x3f << 26 | mask, op << 26 | value)
}

/// Decodes a word. `None`: not listed, a reserved instruction.
pub fn decode(word: u32) -> Option<&'static Pattern<Op>> {
    static DECODER: OnceLock<Decoder<Op>> = OnceLock::new();
    DECODER
        .get_or_init(|| Decoder::new(TABLE, 64 << 7, key, key_bits))
        .decode(word)
}

/// A random valid encoding whose class has all bits of `class` (see [`class`]), with random fields.
pub fn random_encoding(rng: &mut Rng, class: u32) -> Option<(u32, &'static Pattern<Op>)> {
    random_word(TABLE, rng, |p| {
        p.class & class == class && p.class & class::NOT_LIFTED == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_encodings_overlap() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[i + 1..] {
                assert!(!a.overlaps(b), "{} and {}", a.name, b.name);
            }
        }
    }

    #[test]
    fn every_encoding_is_found_by_the_dispatch() {
        let mut rng = Rng(7);
        for p in TABLE {
            for _ in 0..20 {
                let word = rng.next_u64() as u32 & !p.mask | p.value;
                assert_eq!(
                    decode(word).map(|q| q.op),
                    Some(p.op),
                    "{} {word:#x}",
                    p.name
                );
            }
        }
    }

    #[test]
    fn random_encodings_keep_their_class() {
        let mut rng = Rng(3);
        for _ in 0..200 {
            let (_, p) = random_encoding(&mut rng, class::BRANCH).unwrap();
            assert!(p.class & class::BRANCH != 0);
        }
    }
}
