//! Page frames in the arena, with reference counts.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tinamou_arena::Arena;

/// Frames are taken from the arena in blocks of so many bytes.
const BLOCK: u64 = 1 << 20;

/// What happened to memory since the vCPU ran last: it must hear of it.
#[derive(Default)]
pub struct News {
    /// Arena ranges with code that were written by others than the vCPU's stores.
    pub written: Vec<(u32, u32)>,
}

/// The frames.
pub struct Frames {
    /// The arena.
    pub arena: Arena,
    free: RefCell<Vec<u32>>,
    /// By frame number (arena offset / 4096).
    refs: RefCell<Vec<u32>>,
    /// Frames code was fetched from, one bit each.
    code: RefCell<Vec<u64>>,
    /// See [`News`].
    pub news: RefCell<News>,
    in_use: Cell<u64>,
    /// Frames that may be in use at most.
    pub limit: Cell<u64>,
    /// Always zero; shared by pages that were only read.
    pub zero: u32,
    /// Numbers for code generations.
    generation: Cell<u32>,
}

impl Frames {
    /// Frames of `arena`. `None` if it has no room at all.
    pub fn new(arena: &Arena) -> Option<Rc<Frames>> {
        let f = Frames {
            arena: arena.clone(),
            free: RefCell::default(),
            refs: RefCell::default(),
            code: RefCell::default(),
            news: RefCell::default(),
            in_use: Cell::new(0),
            limit: Cell::new(3 << 18),
            zero: 0,
            generation: Cell::new(1),
        };
        let zero = f.alloc(true)?;
        Some(Rc::new(Frames { zero, ..f }))
    }

    /// A frame with one reference.
    pub fn alloc(&self, zeroed: bool) -> Option<u32> {
        if self.in_use.get() >= self.limit.get() {
            return None;
        }
        let mut free = self.free.borrow_mut();
        let frame = match free.pop() {
            Some(f) => {
                if zeroed {
                    self.arena.fill(f, 4096, 0);
                }
                f
            }
            None => {
                let base = self.arena.alloc(BLOCK, 4096).ok()?;
                let top = (base as u64 + BLOCK) >> 12;
                let mut refs = self.refs.borrow_mut();
                if (refs.len() as u64) < top {
                    refs.resize(top as usize, 0);
                    self.code.borrow_mut().resize(top as usize / 64 + 1, 0);
                }
                free.extend((1..(BLOCK / 4096) as u32).rev().map(|i| base + i * 4096));
                base
            }
        };
        self.refs.borrow_mut()[(frame >> 12) as usize] = 1;
        self.in_use.set(self.in_use.get() + 1);
        Some(frame)
    }

    /// One more reference.
    pub fn share(&self, frame: u32) {
        self.refs.borrow_mut()[(frame >> 12) as usize] += 1;
    }

    /// One reference less.
    pub fn release(&self, frame: u32) {
        let left = {
            let mut refs = self.refs.borrow_mut();
            let r = &mut refs[(frame >> 12) as usize];
            *r -= 1;
            *r
        };
        if left == 0 {
            self.note_write(frame, 4096);
            self.code.borrow_mut()[(frame >> 18) as usize] &= !(1 << (frame >> 12 & 63));
            self.in_use.set(self.in_use.get() - 1);
            self.free.borrow_mut().push(frame);
        }
    }

    /// Whether only one reference is left.
    pub fn sole(&self, frame: u32) -> bool {
        self.refs.borrow()[(frame >> 12) as usize] == 1
    }

    /// Code is fetched from `frame`.
    pub fn note_fetch(&self, frame: u32) {
        self.code.borrow_mut()[(frame >> 18) as usize] |= 1 << (frame >> 12 & 63);
    }

    /// `bytes` bytes at arena offset `at`, in one frame, are written by the kernel.
    pub fn note_write(&self, at: u32, bytes: u32) {
        if self.code.borrow()[(at >> 18) as usize] >> (at >> 12 & 63) & 1 != 0 {
            self.news.borrow_mut().written.push((at, bytes));
        }
    }

    /// A number no address space has had as its code generation.
    pub fn next_generation(&self) -> u32 {
        let g = self.generation.get().wrapping_add(1).max(1);
        self.generation.set(g);
        g
    }

    /// Frames in use.
    pub fn in_use(&self) -> u64 {
        self.in_use.get()
    }
}
