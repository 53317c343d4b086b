//! Memory that is not here yet: chunks of a snapshot whose machine runs already. Whoever wants one of their bytes (a page that is
//! mapped for the vCPU, a DMA transfer, a debugger) gets the chunk first, out of the snapshot's [`Source`].
//!
//! Invariants: nobody reads or writes guest memory before [`Absent::fill`] of it, which is why all ways there go through the bus ([`crate::bus::Ram`])
//! or call it themselves; what the guest sees does not depend on which chunk came when. A source that fails ends the machine: the instruction that
//! wanted the bytes cannot be undone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tinamou_arena::Arena;

use crate::snapshot::chunks::{self, CHUNK_BYTES, Chunk, PAGE_BYTES};

/// A file of which parts are read when they are wanted.
pub trait Source {
    /// Reads bytes from `at` on, at once.
    ///
    /// # Errors
    /// A sentence for the user: there is nothing, or it cannot be had.
    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), String>;
}

impl Source for Vec<u8> {
    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let part = from
            .checked_add(buf.len())
            .and_then(|to| self.get(from..to))
            .ok_or("the file is cut short")?;
        buf.copy_from_slice(part);
        Ok(())
    }
}

/// A chunk that is not here: where it is in the file, and how long its part of a memory block.
pub(crate) struct Place {
    pub at: u64,
    pub chunk: Chunk,
    pub bytes: usize,
}

/// The memory that is not here. Clones are the same.
#[derive(Clone)]
pub(crate) struct Absent(Rc<Inner>);

struct Inner {
    arena: Arena,
    any: Cell<bool>,
    failed: Cell<bool>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    source: Option<Box<dyn Source>>,
    /// By the arena offset of their first byte.
    chunks: BTreeMap<u32, Place>,
    left_bytes: u64,
    why: Option<String>,
}

impl State {
    fn fetch(&mut self, place: &Place) -> Result<Box<[u8; CHUNK_BYTES]>, String> {
        let mut stored = vec![0; place.chunk.stored_bytes()];
        let source = self.source.as_mut().ok_or("it is gone")?;
        source.read(place.at, &mut stored)?;
        let mut pages = Box::new([0; CHUNK_BYTES]);
        chunks::unpack(&place.chunk, &stored, place.bytes, &mut pages)
            .map_err(|e| e.to_string())?;
        Ok(pages)
    }
}

impl Absent {
    pub fn new(arena: Arena) -> Absent {
        Absent(Rc::new(Inner {
            arena,
            any: Cell::new(false),
            failed: Cell::new(false),
            state: RefCell::default(),
        }))
    }

    /// From now on these chunks come from there; pages that they do not have are in memory already.
    pub fn expect(&self, source: Box<dyn Source>, chunks: BTreeMap<u32, Place>) {
        self.0.any.set(!chunks.is_empty());
        self.0.failed.set(false);
        let stored = chunks.values().map(|p| p.chunk.stored_bytes() as u64);
        *self.0.state.borrow_mut() = State {
            left_bytes: stored.sum(),
            source: Some(source),
            chunks,
            why: None,
        };
    }

    /// All memory is here: something else was loaded.
    pub fn forget(&self) {
        self.0.any.set(false);
        self.0.failed.set(false);
        *self.0.state.borrow_mut() = State::default();
    }

    /// A chunk could not be had; the machine cannot go on.
    pub fn failed(&self) -> bool {
        self.0.failed.get()
    }

    /// Why that is.
    pub fn why(&self) -> Option<String> {
        self.0.state.borrow().why.clone()
    }

    /// Gets these bytes of the arena.
    #[inline]
    pub fn fill(&self, arena: u32, bytes: u64) {
        if self.0.any.get() {
            self.fill_range(arena, bytes);
        }
    }

    #[cold]
    fn fill_range(&self, arena: u32, bytes: u64) {
        let end = u64::from(arena) + bytes;
        let mut state = self.0.state.borrow_mut();
        loop {
            let before = u32::try_from(end).unwrap_or(u32::MAX);
            let last = state.chunks.range(..before).next_back();
            let Some((&first, place)) = last else { break };
            if u64::from(first) + place.bytes as u64 <= u64::from(arena) {
                break;
            }
            self.get(&mut state, first);
        }
    }

    /// Gets chunks until this much of the file was read or nothing is left; returns the bytes left.
    pub fn fill_some(&self, most_bytes: u64) -> u64 {
        let mut state = self.0.state.borrow_mut();
        let stop = state.left_bytes.saturating_sub(most_bytes);
        while state.left_bytes > stop
            && let Some((&first, _)) = state.chunks.first_key_value()
        {
            self.get(&mut state, first);
        }
        state.left_bytes
    }

    /// Gets all.
    pub fn fill_all(&self) {
        if self.0.any.get() {
            self.fill_some(u64::MAX);
        }
    }

    fn get(&self, state: &mut State, first: u32) {
        let Some(place) = state.chunks.remove(&first) else {
            return;
        };
        match state.fetch(&place) {
            Ok(pages) => {
                let end = place.bytes;
                for (n, page) in pages[..end].chunks(PAGE_BYTES).enumerate() {
                    if place.chunk.pages >> n & 1 != 0 {
                        let at = first + (n * PAGE_BYTES) as u32;
                        self.0.arena.write_bytes(at, page);
                    }
                }
                let stored = place.chunk.stored_bytes() as u64;
                state.left_bytes = state.left_bytes.saturating_sub(stored);
            }
            Err(why) => {
                state.chunks.clear();
                state.left_bytes = 0;
                state.why = Some(why);
                self.0.failed.set(true);
            }
        }
        if state.chunks.is_empty() {
            state.source = None;
            self.0.any.set(false);
        }
    }
}
