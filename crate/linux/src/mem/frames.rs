//! Page frames in the arena, with reference counts.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tinamou_arena::Arena;

/// Frames are taken from the arena in blocks of so many bytes.
const BLOCK: u64 = 1 << 20;

/// Bytes of an address space that lie in the window as they do in the space: its addresses modulo this.
const SPAN: u32 = 1 << 30;
/// Address spaces at once that each have places of their own in the window, and the bytes between them.
const SLIDES: usize = 8;
/// See [`SLIDES`].
const SLIDE: u32 = 64 << 20;
/// Bytes of the window.
const WINDOW: u32 = SPAN + SLIDES as u32 * SLIDE;

/// What happened to memory since the vCPU ran last: it must hear of it.
#[derive(Default)]
pub struct News {
    /// Arena ranges with code that were written by others than the vCPU's stores.
    pub written: Vec<(u32, u32)>,
}

/// The frames.
///
/// Where the arena has room, most lie in a window, at the distance of their address space from their address: generated code
/// guesses that ([`tinamou_ir::layout::GUESS`]). What finds its place taken lies anywhere.
pub struct Frames {
    /// The arena.
    pub arena: Arena,
    free: RefCell<Vec<u32>>,
    /// Arena offset of the window.
    window: Option<u32>,
    /// Address spaces at each place of the window.
    slides: RefCell<[u32; SLIDES]>,
    /// Where the search for a free frame of the window goes on.
    next: Cell<u32>,
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
        let window = arena.reserve(WINDOW as u64);
        let top = window.map_or(0, |w| (w as usize + WINDOW as usize) >> 12);
        let f = Frames {
            arena: arena.clone(),
            free: RefCell::default(),
            window,
            slides: RefCell::default(),
            next: Cell::new(0),
            refs: vec![0; top].into(),
            code: vec![0; top / 64 + 1].into(),
            news: RefCell::default(),
            in_use: Cell::new(0),
            limit: Cell::new(3 << 18),
            zero: 0,
            generation: Cell::new(1),
        };
        let zero = f.alloc(true, None)?;
        Some(Rc::new(Frames { zero, ..f }))
    }

    /// Whether most frames lie at one distance from their addresses.
    pub fn has_window(&self) -> bool {
        self.window.is_some()
    }

    /// The distance for a new address space: arena offset minus address, modulo 2^32.
    pub fn open(&self) -> u32 {
        let mut slides = self.slides.borrow_mut();
        let least = (0..SLIDES).min_by_key(|&i| slides[i]).unwrap_or(0);
        slides[least] += 1;
        self.window.unwrap_or(0).wrapping_add(least as u32 * SLIDE)
    }

    /// An address space of this distance is gone.
    pub fn close(&self, distance: u32) {
        let slide = distance.wrapping_sub(self.window.unwrap_or(0)) / SLIDE;
        self.slides.borrow_mut()[slide as usize] -= 1;
    }

    /// A frame with one reference; `wanted` is where it should lie: the page's address, and the distance of its address space.
    pub fn alloc(&self, zeroed: bool, wanted: Option<(u64, u32)>) -> Option<u32> {
        if self.in_use.get() >= self.limit.get() {
            return None;
        }
        let frame = self
            .wanted(wanted)
            .or_else(|| self.free.borrow_mut().pop())
            .or_else(|| self.block())
            .or_else(|| self.any())?;
        // What the arena hands out is zero, but it may have been used since.
        if zeroed {
            self.arena.fill(frame, 4096, 0);
        }
        self.refs.borrow_mut()[(frame >> 12) as usize] = 1;
        self.in_use.set(self.in_use.get() + 1);
        Some(frame)
    }

    /// The frame at the place in the window, if it is free.
    fn wanted(&self, wanted: Option<(u64, u32)>) -> Option<u32> {
        let (va, distance) = wanted.filter(|_| self.window.is_some())?;
        let frame = distance.wrapping_add(va as u32 & (SPAN - 1) & !0xfff);
        (self.refs.borrow()[(frame >> 12) as usize] == 0).then_some(frame)
    }

    /// A frame of a new block, whose others are free then.
    fn block(&self) -> Option<u32> {
        let base = self.arena.alloc(BLOCK, 4096).ok()?;
        let top = (base as u64 + BLOCK) >> 12;
        let mut refs = self.refs.borrow_mut();
        if (refs.len() as u64) < top {
            refs.resize(top as usize, 0);
            self.code.borrow_mut().resize(top as usize / 64 + 1, 0);
        }
        let others = (1..(BLOCK / 4096) as u32).rev();
        self.free
            .borrow_mut()
            .extend(others.map(|i| base + i * 4096));
        Some(base)
    }

    /// Any free frame of the window: there is no other room.
    fn any(&self) -> Option<u32> {
        let window = self.window?;
        let refs = self.refs.borrow();
        let frames = WINDOW >> 12;
        (0..frames)
            .map(|i| (self.next.get() + i) % frames)
            .find(|i| refs[(window >> 12) as usize + *i as usize] == 0)
            .map(|i| {
                self.next.set(i + 1);
                window + (i << 12)
            })
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
            if self.window.is_none_or(|w| frame.wrapping_sub(w) >= WINDOW) {
                self.free.borrow_mut().push(frame);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lie_at_the_distance_of_their_space() {
        let frames = Frames::new(&Arena::new().unwrap()).unwrap();
        assert!(frames.has_window(), "the arena of this host has room");
        let (one, two) = (frames.open(), frames.open());
        assert_ne!(one, two);
        let va = 0x7fff_1234_5000u64;
        let at = |distance: u32| distance.wrapping_add(0x1234_5000);
        let first = frames.alloc(true, Some((va, one)));
        assert_eq!(first, Some(at(one)));
        // Addresses a GiB apart want the same place; so does the same page once more.
        let other = frames.alloc(true, Some((va + (1 << 30), one))).unwrap();
        assert_ne!(other, at(one));
        assert_eq!(frames.alloc(true, Some((va, two))), Some(at(two)));
        // A place that is free again is taken again, empty.
        frames.arena.write32(at(one), 7);
        frames.release(at(one));
        assert_eq!(frames.alloc(true, Some((va, one))), first);
        assert_eq!(frames.arena.read32(at(one)), 0);
        // So is a distance.
        frames.close(one);
        assert_eq!(frames.open(), one);
    }

    #[test]
    fn the_window_is_used_up_when_there_is_no_other_room() {
        let arena = Arena::new().unwrap();
        let frames = Frames::new(&arena).unwrap();
        while arena.alloc(BLOCK, 4096).is_ok() {}
        let mut seen = std::collections::HashSet::new();
        while let Some(frame) = frames.free.borrow_mut().pop() {
            seen.insert(frame);
        }
        for _ in 0..3 {
            let frame = frames.alloc(true, None).unwrap();
            assert!(seen.insert(frame), "handed out twice");
        }
    }
}
