//! Decode tables: one line per encoding, shaped like the manual's figure. The same list yields the decoder, a generator of
//! random valid encodings for fuzzers, the disassembler's operand formats and a coverage list.
//!
//! A table is written with [`table!`]; [`Decoder`] turns it into a two-level dispatch. Instructions are 32 bits wide. The crate
//! knows no guest.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// One encoding.
#[derive(Clone, Copy, Debug)]
pub struct Pattern<O: 'static> {
    /// What it decodes to.
    pub op: O,
    /// Mnemonic.
    pub name: &'static str,
    /// Operand format of the disassembler, in letters the guest defines.
    pub operands: &'static str,
    /// The figure: `0` and `1` are fixed bits, letters are fields, blanks are ignored.
    pub figure: &'static str,
    /// Guest-defined class (ISA level, group).
    pub class: u32,
    /// Fixed bits.
    pub mask: u32,
    /// Values of the fixed bits.
    pub value: u32,
}

impl<O> Pattern<O> {
    /// Whether `word` is of this encoding.
    #[inline]
    pub fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }

    /// Whether some word is of both encodings.
    pub fn overlaps(&self, other: &Pattern<O>) -> bool {
        let common = self.mask & other.mask;
        self.value & common == other.value & common
    }
}

/// Fixed bits of a figure: (mask, value).
///
/// # Panics
/// At compile time, when the figure does not have 32 bits.
pub const fn parse_figure(figure: &str) -> (u32, u32) {
    let bytes = figure.as_bytes();
    let (mut mask, mut value, mut bits, mut i) = (0u32, 0u32, 0, 0);
    while i < bytes.len() {
        let c = bytes[i];
        i += 1;
        if c == b' ' {
            continue;
        }
        mask <<= 1;
        value <<= 1;
        bits += 1;
        if c == b'0' || c == b'1' {
            mask |= 1;
            value |= (c - b'0') as u32;
        }
    }
    assert!(bits == 32, "a figure has 32 bits");
    (mask, value)
}

/// Declares a decode table: an enum of instructions and a static list of [`Pattern`]s.
///
/// Each line is `Variant class "figure" "mnemonic" "operands";`. Where patterns overlap, table order decides: the special one comes first.
/// The guest's overlap test lists the pairs that may.
#[macro_export]
macro_rules! table {
    ($(#[$emeta:meta])* pub enum $en:ident; $(#[$tmeta:meta])* pub static $tab:ident;
     $($var:ident $class:ident $fig:literal $name:literal $ops:literal;)*) => {
        $(#[$emeta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u16)]
        pub enum $en { $( #[doc = concat!("`", $name, "`: ", $fig)] $var, )* }

        $(#[$tmeta])*
        pub static $tab: &[$crate::Pattern<$en>] = &[ $( {
            const F: (u32, u32) = $crate::parse_figure($fig);
            $crate::Pattern { op: $en::$var, name: $name, operands: $ops, figure: $fig, class: $class, mask: F.0, value: F.1 }
        }, )* ];
    };
}

/// Two-level dispatch over a table: a key of the word selects a short list of candidates, tried in table order.
pub struct Decoder<O: 'static> {
    table: &'static [Pattern<O>],
    key: fn(u32) -> u32,
    /// By key: start and end in `candidates`.
    buckets: Vec<(u16, u16)>,
    candidates: Vec<u16>,
}

impl<O: Copy> Decoder<O> {
    /// Builds the dispatch. `key` maps a word to a number below `keys`; `key_bits(k)` gives, for key `k`, the bits (mask, value) that every
    /// word of this key has.
    pub fn new(
        table: &'static [Pattern<O>],
        keys: u32,
        key: fn(u32) -> u32,
        key_bits: fn(u32) -> (u32, u32),
    ) -> Decoder<O> {
        let mut buckets = Vec::with_capacity(keys as usize);
        let mut candidates = Vec::new();
        let fits = |p: &Pattern<O>, (mask, value): (u32, u32)| {
            let common = p.mask & mask;
            p.value & common == value & common
        };
        // Neighbours share bits: what none of a row can be is left out for all of them, for this runs whenever an emulator starts.
        const ROW: u32 = 64;
        let mut row: Vec<u16> = Vec::new();
        for k in 0..keys {
            if k % ROW == 0 {
                let shared = (k..keys.min(k + ROW)).map(key_bits);
                let shared = shared.reduce(|a, b| (a.0 & b.0 & !(a.1 ^ b.1), a.1));
                row.clear();
                row.extend(
                    (0..table.len() as u16)
                        .filter(|&i| shared.is_some_and(|s| fits(&table[i as usize], s))),
                );
            }
            let bits = key_bits(k);
            let start = candidates.len() as u16;
            candidates.extend(row.iter().filter(|&&i| fits(&table[i as usize], bits)));
            buckets.push((start, candidates.len() as u16));
        }
        Decoder {
            table,
            key,
            buckets,
            candidates,
        }
    }

    /// The first pattern of the table that `word` matches.
    #[inline]
    pub fn decode(&self, word: u32) -> Option<&'static Pattern<O>> {
        let (start, end) = self.buckets[(self.key)(word) as usize];
        self.candidates[start as usize..end as usize]
            .iter()
            .map(|&i| &self.table[i as usize])
            .find(|p| p.matches(word))
    }
}

/// A small deterministic generator (splitmix64) for fuzzers and tests.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A random number below `n` (0 for `n` = 0).
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            0
        } else {
            (self.next_u64() % n as u64) as usize
        }
    }
}

/// A random word of one of the patterns that `wanted` accepts, with random fields; `None` if it accepts none.
pub fn random_word<O: Copy>(
    table: &'static [Pattern<O>],
    rng: &mut Rng,
    wanted: impl Fn(&Pattern<O>) -> bool,
) -> Option<(u32, &'static Pattern<O>)> {
    let list: Vec<&'static Pattern<O>> = table.iter().filter(|p| wanted(p)).collect();
    let p = *list.get(rng.below(list.len()))?;
    Some((rng.next_u64() as u32 & !p.mask | p.value, p))
}

#[cfg(test)]
mod tests {
    use super::*;
    const C: u32 = 1;
    table! {
        /// Insns.
        pub enum T;
        /// Table.
        pub static TAB;
        A C "000001 aaaaa bbbbb 0000000000000001" "a" "a,b";
        B C "000010 aaaaa bbbbb iiiiiiiiiiiiiiii" "b" "a,b,i";
    }

    #[test]
    fn figures_decode_and_generate() {
        let d = Decoder::new(TAB, 64, |w| w >> 26, |k| (0xfc00_0000, k << 26));
        assert_eq!(d.decode(0x0400_0001).map(|p| p.op), Some(T::A));
        assert!(d.decode(0x0400_0000).is_none());
        let mut rng = Rng(1);
        for _ in 0..100 {
            let (w, p) = random_word(TAB, &mut rng, |_| true).unwrap();
            assert_eq!(d.decode(w).map(|q| q.op), Some(p.op));
        }
        assert!(!TAB[0].overlaps(&TAB[1]));
    }
}
