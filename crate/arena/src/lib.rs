//! The one memory. All that generated code touches (vCPU state, TLBs, jump caches, guest RAM) lies here and is addressed by
//! u32 offsets.
//!
//! Natively the arena owns a 4 GiB mapping that every wasmtime `Store` borrows as its linear memory; in the browser it is the
//! emulator's own wasm memory, and an offset is an address. This is the only crate with raw pointers into it.
//!
//! Invariants: every u32 offset is inside the mapping natively, so no access can leave the arena; multi-byte values are
//! little-endian as wasm stores them; blocks are handed out once, zeroed, and never move.

#[cfg(all(unix, target_arch = "x86_64"))]
pub mod code;
mod map;

use core::cell::Cell;
use std::rc::Rc;

use map::Mapping;

/// The arena is full: a block of this many bytes does not fit.
#[derive(Debug, thiserror::Error)]
#[error("the arena has no room for {bytes} more bytes")]
pub struct ArenaFull {
    /// Size of the block that was asked for, in bytes.
    pub bytes: u64,
}

/// Handle of the arena; clones share the same memory. Not `Send`: one thread runs the machine.
#[derive(Clone)]
pub struct Arena {
    inner: Rc<Inner>,
    /// Copy of the mapping's base, one indirection less on every access.
    base: *mut u8,
}

struct Inner {
    map: Mapping,
    allocated_bytes: Cell<u64>,
}

macro_rules! access {
    ($($read:ident $write:ident $ty:ty),*) => { $(
        #[doc = concat!("Reads a little-endian ", stringify!($ty), " at `offset`, of any alignment.")]
        #[inline(always)]
        pub fn $read(&self, offset: u32) -> $ty {
            // SAFETY: every u32 offset plus 8 bytes is inside the mapping (see `map`); unaligned reads are allowed here.
            unsafe { <$ty>::from_le(map::at(self.base, offset).cast::<$ty>().read_unaligned()) }
        }

        #[doc = concat!("Writes a little-endian ", stringify!($ty), " at `offset`, of any alignment.")]
        #[inline(always)]
        pub fn $write(&self, offset: u32, value: $ty) {
            // SAFETY: as for the read; the handle is not Send, so nothing else accesses the bytes meanwhile.
            unsafe { map::at(self.base, offset).cast::<$ty>().write_unaligned(value.to_le()) }
        }
    )* };
}

impl Arena {
    /// Reserves the arena. Nothing is committed until it is touched.
    ///
    /// # Errors
    /// When the host refuses the reservation.
    pub fn new() -> Result<Arena, std::io::Error> {
        let map = Mapping::new()?;
        let base = map.base();
        Ok(Arena {
            inner: Rc::new(Inner {
                map,
                allocated_bytes: Cell::new(0),
            }),
            base,
        })
    }

    /// Hands out `bytes` zeroed bytes aligned to `align` (a power of two, at most 64 KiB) and returns their offset.
    ///
    /// # Errors
    /// [`ArenaFull`] when the block does not fit into what is left below 4 GiB.
    pub fn alloc(&self, bytes: u64, align: u64) -> Result<u32, ArenaFull> {
        assert!(
            align.is_power_of_two() && align <= 65536,
            "alignment {align}"
        );
        let offset = self
            .inner
            .map
            .alloc(bytes, align)
            .ok_or(ArenaFull { bytes })?;
        self.inner
            .allocated_bytes
            .set(self.inner.allocated_bytes.get() + bytes);
        Ok(offset)
    }

    /// As [`Arena::alloc`] with every byte 0xff. For large blocks of which little is ever changed: natively only that little is committed.
    ///
    /// # Errors
    /// [`ArenaFull`].
    pub fn alloc_ones(&self, bytes: u32, align: u64) -> Result<u32, ArenaFull> {
        let offset = self.alloc(bytes as u64, align)?;
        if !self.inner.map.ones(offset, bytes) {
            self.fill(offset, bytes, 0xff);
        }
        Ok(offset)
    }

    /// Hands out addresses alone: `bytes` at a multiple of a page, with nothing behind them until it is touched. `None` where memory
    /// that is handed out costs as much as memory that is used (browsers), and where there is no such room.
    pub fn reserve(&self, bytes: u64) -> Option<u32> {
        self.inner.map.reserve(bytes)
    }

    /// Bytes handed out so far.
    pub fn allocated_bytes(&self) -> u64 {
        self.inner.allocated_bytes.get()
    }

    access!(read8 write8 u8, read16 write16 u16, read32 write32 u32, read64 write64 u64);

    /// Copies `buf.len()` bytes out of the arena.
    ///
    /// # Panics
    /// When the range passes the end of the 4 GiB address space: a bug of the caller.
    pub fn read_bytes(&self, offset: u32, buf: &mut [u8]) {
        assert!(
            offset as u64 + buf.len() as u64 <= 1 << 32,
            "arena read past its end"
        );
        // SAFETY: the range was checked; `buf` is a distinct Rust allocation or, on wasm32, a live one that blocks never overlap.
        unsafe {
            core::ptr::copy_nonoverlapping(map::at(self.base, offset), buf.as_mut_ptr(), buf.len())
        }
    }

    /// Copies bytes into the arena.
    ///
    /// # Panics
    /// When the range passes the end of the 4 GiB address space: a bug of the caller.
    pub fn write_bytes(&self, offset: u32, buf: &[u8]) {
        assert!(
            offset as u64 + buf.len() as u64 <= 1 << 32,
            "arena write past its end"
        );
        // SAFETY: as for `read_bytes`.
        unsafe {
            core::ptr::copy_nonoverlapping(buf.as_ptr(), map::at(self.base, offset), buf.len())
        }
    }

    /// Sets `bytes` bytes to `value`.
    ///
    /// # Panics
    /// When the range passes the end of the 4 GiB address space: a bug of the caller.
    pub fn fill(&self, offset: u32, bytes: u32, value: u8) {
        assert!(
            offset as u64 + bytes as u64 <= 1 << 32,
            "arena fill past its end"
        );
        // SAFETY: the range was checked.
        unsafe { core::ptr::write_bytes(map::at(self.base, offset), value, bytes as usize) }
    }

    /// Base address for an engine that shares this memory as a wasm linear memory (natively 4 GiB long plus guard).
    pub fn host_base(&self) -> *mut u8 {
        self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_can_be_changed() {
        let arena = Arena::new().unwrap();
        for (bytes, align) in [(4 << 20, 4096), (1 << 20, 4096), (1000, 8), (300_000, 4096)] {
            let a = arena.alloc_ones(bytes, align).unwrap();
            let b = arena.alloc(8, 8).unwrap();
            assert_eq!(arena.read64(b), 0);
            assert!((0..bytes).all(|i| arena.read8(a + i) == 0xff));
            arena.write32(a + 512, 7);
            let other = arena.alloc_ones(bytes, align).unwrap();
            assert_eq!(arena.read32(other + 512), u32::MAX);
            assert_eq!(arena.read32(a + 512), 7);
        }
    }

    #[test]
    fn blocks_are_zeroed_aligned_and_apart() {
        let arena = Arena::new().unwrap();
        let a = arena.alloc(100, 4096).unwrap();
        let b = arena.alloc(8, 8).unwrap();
        assert_eq!(a % 4096, 0);
        assert!(b >= a + 100 || b + 8 <= a);
        assert_eq!(arena.read64(a), 0);
        arena.write32(a + 1, 0x1234_5678);
        assert_eq!(arena.read8(a + 1), 0x78);
        assert_eq!(arena.read16(a + 3), 0x1234);
    }

    #[test]
    fn a_block_that_does_not_fit_is_an_error() {
        assert!(Arena::new().unwrap().alloc(1 << 33, 8).is_err());
    }
}
