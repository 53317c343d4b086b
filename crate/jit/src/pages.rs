//! Where translated code lies in memory, in granules of 64 bytes, and which of it was overwritten. Addresses are arena offsets: RAM that shows
//! at several physical addresses has one.

use rustc_hash::FxHashMap;
use tinamou_core::PAGE_BITS;

/// Mask of the offset inside a page.
const PAGE_LOW: u32 = (1 << PAGE_BITS) - 1;
/// log2 of a granule's size.
const GRANULE_BITS: u32 = 6;
/// After so many stores beside the code of one page, all its code is dropped, so that the page can be written directly again.
const PATIENCE: u32 = 64;
/// A page that had its code dropped so often really mixes code and data: it stays protected.
const MIXED: u32 = 8;

#[derive(Default)]
struct Page {
    /// Granules with code, one bit each.
    code: u64,
    /// Stores that met no code, since the last one that did.
    beside: u32,
    /// How often all code was dropped for the sake of stores.
    drops: u32,
}

/// Granules of one page whose code must be dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dirty {
    /// Arena offset of the page.
    pub page: u32,
    /// Granules overwritten, one bit each.
    pub granules: u64,
}

/// The code pages of a vCPU.
#[derive(Default)]
pub struct CodePages {
    pages: FxHashMap<u32, Page>,
    /// Overwritten code, not yet dropped by the cache.
    dirty: Vec<Dirty>,
}

/// Bits of the granules that `bytes` bytes from `offset` in a page touch.
fn mask(offset: u32, bytes: u32) -> u64 {
    let first = offset >> GRANULE_BITS;
    let last = (offset + bytes.max(1) - 1).min(0xfff) >> GRANULE_BITS;
    let count = last - first + 1;
    (if count == 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }) << first
}

impl CodePages {
    /// Whether the page of arena offset `at` holds translated code.
    pub fn has_code(&self, at: u32) -> bool {
        self.pages
            .get(&(at >> PAGE_BITS))
            .is_some_and(|p| p.code != 0)
    }

    /// Code was translated from `bytes` bytes at `at`, all in one page.
    pub fn add(&mut self, at: u32, bytes: u32) {
        self.pages.entry(at >> PAGE_BITS).or_default().code |= mask(at & PAGE_LOW, bytes);
    }

    /// Memory at `at` was written, in one page. True if code was hit: the running block must end.
    pub fn note_store(&mut self, at: u32, bytes: u32) -> bool {
        let Some(page) = self.pages.get_mut(&(at >> PAGE_BITS)) else {
            return false;
        };
        if page.code == 0 {
            return false;
        }
        let hit = page.code & mask(at & PAGE_LOW, bytes);
        let granules = if hit != 0 {
            hit
        } else {
            page.beside += 1;
            if page.beside < PATIENCE || page.drops >= MIXED {
                return false;
            }
            page.beside = 0;
            page.drops += 1;
            page.code
        };
        page.code &= !granules;
        self.dirty.push(Dirty {
            page: at & !PAGE_LOW,
            granules,
        });
        true
    }

    /// What was overwritten since the last call.
    pub fn take_dirty(&mut self) -> Vec<Dirty> {
        core::mem::take(&mut self.dirty)
    }

    /// Whether something was overwritten.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Forgets all code.
    pub fn clear(&mut self) {
        self.pages.clear();
        self.dirty.clear();
    }
}

impl Dirty {
    /// Whether it touches `bytes` bytes at `at`, both in one page.
    pub fn touches(&self, at: u32, bytes: u32) -> bool {
        at & !PAGE_LOW == self.page && self.granules & mask(at & PAGE_LOW, bytes) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_into_a_granule_with_code_is_reported_once() {
        let mut pages = CodePages::default();
        pages.add(0x1040, 8);
        assert!(pages.has_code(0x1fff));
        assert!(!pages.note_store(0x1080, 4));
        assert!(pages.note_store(0x107c, 4));
        assert!(!pages.has_code(0x1000));
        let dirty = pages.take_dirty();
        assert_eq!(dirty.len(), 1);
        assert!(dirty[0].touches(0x1040, 4) && !dirty[0].touches(0x1080, 64));
    }

    #[test]
    fn a_page_written_beside_its_code_gives_the_code_up() {
        let mut pages = CodePages::default();
        pages.add(0x1000, 64);
        let hits = (0..PATIENCE)
            .filter(|_| pages.note_store(0x1800, 4))
            .count();
        assert_eq!(hits, 1);
        assert!(!pages.has_code(0x1000));
    }
}
