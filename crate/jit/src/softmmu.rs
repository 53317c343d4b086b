//! Cached translations of one vCPU: flat page maps (32-bit guests) or tagged TLBs (64-bit guests), in the layout that generated
//! code and the interpreter read ([`tinamou_ir::layout`]).
//!
//! These are caches of the guest's own MMU: the guest decides what is mapped, this file only remembers it and forgets on command.
//! Pages that hold translated code are never cached for writing. A flush costs what was filled, not the size of the map.

use tinamou_arena::{Arena, ArenaFull};
use tinamou_core::{PAGE_MASK, PAGE_SIZE};
use tinamou_ir::guest::State;
use tinamou_ir::layout::{self, flat, tlb};
use tinamou_ir::{MemArg, Type};

/// Number of MMU indices.
const SETS: usize = 4;

/// The maps of one MMU index.
#[derive(Default)]
struct Set {
    /// Arena offsets of the read and the write map; 0 while unused. One TLB serves both on 64-bit guests.
    read: u32,
    write: u32,
    /// Filled page addresses whose mapping the guest may change.
    mapped: Vec<u64>,
    /// Filled page addresses of fixed segments.
    fixed: Vec<u64>,
}

/// The softmmu of one vCPU.
pub struct Softmmu {
    arena: Arena,
    wide: bool,
    sets: [Set; SETS],
    /// Arena offset of a map in which every entry is slow, for MMU indices not used yet.
    slow: u32,
    /// Host pages (arena offset >> 12) that some entry allows writing to: one bit each.
    written: Vec<u64>,
}

/// One entry to fill.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// Guest page address.
    pub page: u64,
    /// Arena offset of the host page.
    pub host: u32,
    /// Loads may use it.
    pub read: bool,
    /// Stores may use it.
    pub write: bool,
    /// It belongs to a fixed segment.
    pub fixed: bool,
}

impl Softmmu {
    /// Makes the empty maps and points the vCPU's header at them.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn new(arena: &Arena, state: &State, va_type: Type) -> Result<Softmmu, ArenaFull> {
        let wide = va_type == Type::I64;
        let slow = new_map(arena, wide)?;
        let mut mmu = Softmmu {
            arena: arena.clone(),
            wide,
            sets: Default::default(),
            slow,
            written: vec![0; (1 << 20) / 64],
        };
        for set in 0..SETS as u32 {
            state.write32(layout::MAPS + 8 * set, slow);
            state.write32(layout::MAPS + 8 * set + 4, slow);
        }
        // The first of them now: a slice should not stop for it.
        mmu.open(state, 0)?;
        Ok(mmu)
    }

    /// Makes the maps of an MMU index if there are none.
    fn open(&mut self, state: &State, index: usize) -> Result<(), ArenaFull> {
        if self.sets[index].read == 0 {
            let read = new_map(&self.arena, self.wide)?;
            let write = if self.wide {
                read
            } else {
                new_map(&self.arena, false)?
            };
            self.sets[index] = Set {
                read,
                write,
                ..Set::default()
            };
            state.write32(layout::MAPS + 8 * index as u32, read);
            state.write32(layout::MAPS + 8 * index as u32 + 4, write);
        }
        Ok(())
    }

    /// Fills one entry.
    ///
    /// # Errors
    /// When the MMU index is used for the first time and the arena is full.
    pub fn fill(&mut self, state: &State, mmu: u8, fill: Fill) -> Result<(), ArenaFull> {
        let index = mmu as usize & (SETS - 1);
        self.open(state, index)?;
        if fill.write {
            let host_page = (fill.host >> 12) as usize;
            self.written[host_page / 64] |= 1 << (host_page % 64);
        }
        let set = &mut self.sets[index];
        if self.wide {
            let entry = set.read + tlb_offset(fill.page);
            let same = |tag: u64| tag == fill.page;
            let (r, w) = (
                self.arena.read64(entry + tlb::TAG_READ),
                self.arena.read64(entry + tlb::TAG_WRITE),
            );
            let addend = fill.host.wrapping_sub(fill.page as u32);
            let keep = same(r) || same(w);
            self.arena.write64(
                entry + tlb::TAG_READ,
                if fill.read || (keep && same(r)) {
                    fill.page
                } else {
                    tlb::EMPTY
                },
            );
            self.arena.write64(
                entry + tlb::TAG_WRITE,
                if fill.write || (keep && same(w)) {
                    fill.page
                } else {
                    tlb::EMPTY
                },
            );
            self.arena.write32(entry + tlb::ADDEND, addend);
        } else {
            let value = fill.host.wrapping_sub(fill.page as u32);
            let at = (fill.page as u32 >> 12) * 4;
            if fill.read {
                self.arena.write32(set.read + at, value);
            }
            if fill.write {
                self.arena.write32(set.write + at, value);
            }
        }
        let list = if fill.fixed {
            &mut set.fixed
        } else {
            &mut set.mapped
        };
        list.push(fill.page);
        if list.len() > 1 << 16 {
            list.sort_unstable();
            list.dedup();
        }
        Ok(())
    }

    /// Arena offset of an access that the maps allow directly; `mem.probe_write` says that it is a store.
    pub fn lookup(&self, state: &State, va: u64, mem: MemArg) -> Option<u32> {
        let bytes = mem.bytes() as u64;
        if mem.aligned && va & (bytes - 1) != 0 || va & !PAGE_MASK > PAGE_SIZE - bytes {
            return None;
        }
        let index = layout::MAPS + 8 * (mem.mmu as u32 & (SETS as u32 - 1));
        if self.wide {
            let entry = state.read32(index) + tlb_offset(va & PAGE_MASK);
            let tag = if mem.probe_write {
                tlb::TAG_WRITE
            } else {
                tlb::TAG_READ
            };
            (self.arena.read64(entry + tag) == va & PAGE_MASK)
                .then(|| (va as u32).wrapping_add(self.arena.read32(entry + tlb::ADDEND)))
        } else {
            let map = state.read32(index + 4 * mem.probe_write as u32);
            let e = self.arena.read32(map + (va as u32 >> 12) * 4);
            (e & flat::SLOW == 0).then(|| (va as u32).wrapping_add(e))
        }
    }

    /// Forgets the pages that touch `va..va + bytes`, in every MMU index.
    pub fn flush_range(&mut self, va: u64, bytes: u64) {
        let mask = if self.wide { u64::MAX } else { 0xffff_ffff };
        let first = va & PAGE_MASK & mask;
        let pages = bytes.div_ceil(PAGE_SIZE).max(1);
        for index in 0..SETS {
            if self.sets[index].read == 0 {
                continue;
            }
            if pages <= 64 {
                for i in 0..pages {
                    self.clear(index, first.wrapping_add(i * PAGE_SIZE) & mask);
                }
            } else {
                let within = |page: u64| page.wrapping_sub(first) & mask < pages * PAGE_SIZE;
                let mut list = core::mem::take(&mut self.sets[index].mapped);
                list.retain(|&page| {
                    if within(page) {
                        self.clear(index, page);
                    }
                    !within(page)
                });
                self.sets[index].mapped = list;
            }
        }
    }

    /// Forgets everything outside fixed segments.
    pub fn flush_mapped(&mut self) {
        for index in 0..SETS {
            let mut list = core::mem::take(&mut self.sets[index].mapped);
            for &page in &list {
                self.clear(index, page);
            }
            list.clear();
            self.sets[index].mapped = list;
        }
    }

    /// Forgets everything.
    pub fn flush_all(&mut self) {
        self.flush_mapped();
        for index in 0..SETS {
            for page in core::mem::take(&mut self.sets[index].fixed) {
                self.clear(index, page);
            }
        }
        self.written.fill(0);
    }

    /// Stops direct stores to the host page at arena offset `host`: it now holds translated code.
    pub fn protect(&mut self, host: u32) {
        let host_page = (host >> 12) as usize;
        let bit = 1 << (host_page % 64);
        if self.written[host_page / 64] & bit == 0 {
            return;
        }
        self.written[host_page / 64] &= !bit;
        for set in &self.sets {
            if set.read == 0 {
                continue;
            }
            for &page in set.mapped.iter().chain(&set.fixed) {
                if self.wide {
                    let entry = set.read + tlb_offset(page);
                    if self.arena.read64(entry + tlb::TAG_WRITE) == page
                        && self
                            .arena
                            .read32(entry + tlb::ADDEND)
                            .wrapping_add(page as u32)
                            == host
                    {
                        self.arena.write64(entry + tlb::TAG_WRITE, tlb::EMPTY);
                    }
                } else {
                    let at = set.write + (page as u32 >> 12) * 4;
                    if self.arena.read32(at) & 0xfff == 0
                        && self.arena.read32(at).wrapping_add(page as u32) == host
                    {
                        self.arena.write32(at, flat::SLOW);
                    }
                }
            }
        }
    }

    fn clear(&self, index: usize, page: u64) {
        let set = &self.sets[index];
        if set.read == 0 {
            return;
        }
        if self.wide {
            let entry = set.read + tlb_offset(page);
            if self.arena.read64(entry + tlb::TAG_READ) == page {
                self.arena.write64(entry + tlb::TAG_READ, tlb::EMPTY);
            }
            if self.arena.read64(entry + tlb::TAG_WRITE) == page {
                self.arena.write64(entry + tlb::TAG_WRITE, tlb::EMPTY);
            }
        } else {
            let at = (page as u32 >> 12) * 4;
            self.arena.write32(set.read + at, flat::SLOW);
            self.arena.write32(set.write + at, flat::SLOW);
        }
    }

    /// Arena offset of the map in which every entry is slow.
    pub fn slow_map(&self) -> u32 {
        self.slow
    }
}

fn tlb_offset(page: u64) -> u32 {
    ((page >> 12) as u32 & (tlb::ENTRIES - 1)) << tlb::ENTRY_LOG2
}

/// A map in which every entry is slow.
fn new_map(arena: &Arena, wide: bool) -> Result<u32, ArenaFull> {
    if wide {
        let base = arena.alloc(tlb::BYTES as u64, 64)?;
        for i in 0..tlb::ENTRIES {
            let entry = base + (i << tlb::ENTRY_LOG2);
            arena.write64(entry + tlb::TAG_READ, tlb::EMPTY);
            arena.write64(entry + tlb::TAG_WRITE, tlb::EMPTY);
        }
        Ok(base)
    } else {
        // Any entry whose low 12 bits are ones is slow.
        arena.alloc_ones(flat::BYTES, 4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(va_type: Type) -> (Arena, State, Softmmu) {
        let arena = Arena::new().unwrap();
        let base = arena.alloc(4096, 64).unwrap();
        let state = State {
            arena: arena.clone(),
            base,
        };
        let mmu = Softmmu::new(&arena, &state, va_type).unwrap();
        (arena, state, mmu)
    }

    fn write_entry(arena: &Arena, state: &State, page: u32) -> u32 {
        arena.read32(state.read32(layout::MAPS + 4) + (page >> 12) * 4)
    }

    #[test]
    fn flat_entries_are_filled_protected_and_flushed() {
        let (arena, state, mut mmu) = machine(Type::I32);
        let fill = Fill {
            page: 0x8000_1000,
            host: 0x0050_0000,
            read: true,
            write: true,
            fixed: true,
        };
        mmu.fill(&state, 0, fill).unwrap();
        assert_eq!(
            write_entry(&arena, &state, 0x8000_1000).wrapping_add(0x8000_1000),
            0x0050_0000
        );
        mmu.flush_mapped();
        assert_ne!(
            write_entry(&arena, &state, 0x8000_1000),
            flat::SLOW,
            "fixed segments survive"
        );
        mmu.protect(0x0050_0000);
        assert_eq!(write_entry(&arena, &state, 0x8000_1000) & 0xfff, flat::SLOW);
        let read = arena.read32(state.read32(layout::MAPS) + (0x8000_1000 >> 12) * 4);
        assert_ne!(read, flat::SLOW, "loads stay direct");
        mmu.flush_range(0x8000_1ff0, 0x10);
        let read = arena.read32(state.read32(layout::MAPS) + (0x8000_1000 >> 12) * 4);
        assert_eq!(read, flat::SLOW);
    }

    #[test]
    fn tlb_entries_keep_the_other_access_of_the_same_page() {
        let (arena, state, mut mmu) = machine(Type::I64);
        let page = 0xffff_ffff_8000_3000;
        mmu.fill(
            &state,
            2,
            Fill {
                page,
                host: 0x60_0000,
                read: true,
                write: false,
                fixed: false,
            },
        )
        .unwrap();
        mmu.fill(
            &state,
            2,
            Fill {
                page,
                host: 0x60_0000,
                read: false,
                write: true,
                fixed: false,
            },
        )
        .unwrap();
        let entry = state.read32(layout::MAPS + 16) + tlb_offset(page);
        assert_eq!(arena.read64(entry + tlb::TAG_READ), page);
        assert_eq!(arena.read64(entry + tlb::TAG_WRITE), page);
        mmu.flush_mapped();
        assert_eq!(arena.read64(entry + tlb::TAG_READ), tlb::EMPTY);
    }
}
