//! Ranges of numbers that are free: table entries, exit numbers, bytes of cells.

use std::collections::BTreeMap;

/// Free ranges by start. Neighbours are joined.
#[derive(Clone, Default, Debug)]
pub struct Ranges(BTreeMap<u32, u32>);

impl Ranges {
    /// Takes `count` consecutive numbers out of the first range that has them; returns the first of them.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        let (start, len) = self
            .0
            .iter()
            .find(|&(_, &len)| len >= count)
            .map(|(&start, &len)| (start, len))?;
        if count > 0 {
            self.0.remove(&start);
        }
        if count > 0 && len > count {
            self.0.insert(start + count, len - count);
        }
        Some(start)
    }

    /// Gives back `count` numbers from `start` on.
    pub fn give(&mut self, start: u32, count: u32) {
        if count == 0 {
            return;
        }
        let (mut start, mut len) = (start, count);
        if let Some((&before, &before_len)) = self.0.range(..start).next_back()
            && before + before_len == start
        {
            self.0.remove(&before);
            (start, len) = (before, before_len + len);
        }
        if let Some(after_len) = self.0.remove(&(start + len)) {
            len += after_len;
        }
        self.0.insert(start, len);
    }

    /// Nothing is free.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_joined_and_taken_again() {
        let mut r = Ranges::default();
        assert_eq!(r.take(1), None);
        r.give(10, 5);
        r.give(20, 5);
        assert_eq!(r.take(6), None);
        r.give(15, 5);
        assert_eq!(r.take(12), Some(10));
        assert_eq!(r.take(3), Some(22));
        assert_eq!(r.take(1), None);
        r.give(24, 1);
        r.give(23, 1);
        assert_eq!(r.take(2), Some(23));
    }
}
