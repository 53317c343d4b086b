//! Arena bytes for the cells of modules: check cells and link cells, which generated code reads.
//!
//! A cell that is written 0 after it was given back does no harm: a link leads nowhere, a check is made again.

use tinamou_arena::Arena;

use crate::ranges::Ranges;

/// Bytes that are asked of the arena at a time, and the most that a module may need.
const CHUNK: u32 = 256 << 10;

/// The cells of one machine.
#[derive(Default)]
pub struct Cells {
    free: Ranges,
}

impl Cells {
    /// Zeroed cells of `bytes` bytes; `None` if that is too much or the arena is full.
    pub fn take(&mut self, arena: &Arena, bytes: u32) -> Option<u32> {
        if bytes > CHUNK {
            return None;
        }
        let rounded = bytes.next_multiple_of(8);
        let at = match self.free.take(rounded) {
            Some(at) => at,
            None => {
                self.free.give(arena.alloc(CHUNK as u64, 64).ok()?, CHUNK);
                self.free.take(rounded)?
            }
        };
        arena.fill(at, bytes, 0);
        Some(at)
    }

    /// Gives back what `take` gave for `bytes`.
    pub fn give(&mut self, at: u32, bytes: u32) {
        self.free.give(at, bytes.next_multiple_of(8));
    }
}
