//! A set of small integers.

/// A set of integers below a fixed bound.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of integers below `bound`.
    pub fn new(bound: usize) -> Bits {
        Bits(vec![0; bound.div_ceil(64)])
    }

    /// Puts `i` in; true if it was not there.
    pub fn insert(&mut self, i: usize) -> bool {
        let was = self.has(i);
        self.0[i / 64] |= 1 << (i % 64);
        !was
    }

    /// Takes `i` out.
    pub fn remove(&mut self, i: usize) {
        self.0[i / 64] &= !(1 << (i % 64));
    }

    /// Whether `i` is in.
    pub fn has(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 != 0
    }

    /// Puts all of `other` in; true if something of it was not there.
    pub fn union(&mut self, other: &Bits) -> bool {
        let mut grown = false;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            grown |= b & !*a != 0;
            *a |= b;
        }
        grown
    }

    /// As `union`, of what is in `other` and not in `except`.
    pub fn union_except(&mut self, other: &Bits, except: &Bits) -> bool {
        let mut grown = false;
        for ((a, b), e) in self.0.iter_mut().zip(&other.0).zip(&except.0) {
            let new = b & !e & !*a;
            grown |= new != 0;
            *a |= new;
        }
        grown
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Bits) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a &= !b;
        }
    }

    /// Takes out all from `first` on, and returns them.
    pub fn split_off(&mut self, first: usize) -> Bits {
        let mut out = vec![0; self.0.len()];
        for (w, (a, b)) in self.0.iter_mut().zip(&mut out).enumerate() {
            let below = match first.saturating_sub(64 * w) {
                n @ 0..64 => (1 << n) - 1,
                _ => u64::MAX,
            };
            *b = *a & !below;
            *a &= below;
        }
        Bits(out)
    }

    /// Members in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(w, &bits)| {
            (0..64)
                .filter(move |b| bits >> b & 1 != 0)
                .map(move |b| w * 64 + b)
        })
    }
}
