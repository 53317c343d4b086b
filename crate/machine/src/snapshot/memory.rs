//! Memory in a snapshot: the chunks of each block that are not zeros, nor, where that is wanted, as in the machine's images.

use std::collections::BTreeMap;

use tinamou_arena::Arena;

use super::SnapshotError;
use super::chunks::{self, CHUNK_BYTES, Chunk, PAGE_BYTES};
use super::head::Index;
use super::images;
use crate::absent::Place;
use crate::bus::{Block, Bus};

/// Memory as written.
pub(super) struct Memory {
    pub index: Index,
    pub pages: u64,
    pub zero_pages: u64,
    pub image_pages: u64,
}

/// The part of a block that is its chunk `number`: offset in the arena and length.
fn place(block: &Block, number: u64) -> (u32, usize) {
    let at = number * CHUNK_BYTES as u64;
    let bytes = chunks::length(block.bytes, number);
    (block.arena.wrapping_add(at as u32), bytes)
}

fn page(chunk: &[u8; CHUNK_BYTES], n: usize) -> &[u8] {
    &chunk[n * PAGE_BYTES..(n + 1) * PAGE_BYTES]
}

/// Appends the blocks' chunks to `out`; `apart`: without pages that are as in the images.
pub(super) fn save(arena: &Arena, bus: &Bus, apart: bool, out: &mut Vec<u8>) -> Memory {
    let mut memory = Memory {
        index: Vec::new(),
        pages: 0,
        zero_pages: 0,
        image_pages: 0,
    };
    let mut chunk = [0; CHUNK_BYTES];
    let mut image = [0; CHUNK_BYTES];
    for (n, block) in bus.blocks().iter().enumerate() {
        let mut index = Vec::new();
        for number in 0..block.bytes.div_ceil(CHUNK_BYTES as u64) {
            let (at, bytes) = place(block, number);
            arena.read_bytes(at, &mut chunk[..bytes]);
            // The last page of a block may be a part of one.
            chunk[bytes..].fill(0);
            let full = chunks::full_pages(&chunk);
            let mut same = 0;
            if apart && full != 0 {
                let any = images::chunk(bus, n, number, &mut image) & full;
                for p in (0..16).filter(|p| any >> p & 1 != 0) {
                    same |= u16::from(page(&chunk, p) == page(&image, p)) << p;
                }
            }
            memory.pages += u64::from((full & !same).count_ones());
            memory.image_pages += u64::from(same.count_ones());
            memory.zero_pages += bytes.div_ceil(PAGE_BYTES) as u64 - u64::from(full.count_ones());
            if full != 0 {
                let packed = chunks::pack(number as u32, full & !same, same, &chunk, out);
                index.push(packed);
            }
        }
        memory.index.push((block.name, block.bytes, index));
    }
    memory
}

/// Whether the chunks have places; returns the length of all as stored.
pub(super) fn check_places(index: &[Vec<Chunk>], blocks: &[Block]) -> Result<u64, SnapshotError> {
    let sizes = blocks.iter().zip(index);
    sizes
        .map(|(block, chunks)| chunks::check_places(block.bytes, chunks))
        .sum()
}

/// Whether all of it can be loaded; returns what follows it.
pub(super) fn check<'a>(
    index: &[Vec<Chunk>],
    blocks: &[Block],
    mut stored: &'a [u8],
) -> Result<&'a [u8], SnapshotError> {
    for (block, chunks) in blocks.iter().zip(index) {
        stored = chunks::each(block.bytes, chunks, stored, &mut |_, _| Ok(()))?;
    }
    Ok(stored)
}

/// Calls `take` for each chunk of each block: the block, its entry if it has one, its place and length, and its pages so far as they are
/// zeros or out of an image.
fn each_place(
    index: &[Vec<Chunk>],
    bus: &Bus,
    mut take: impl FnMut(Option<&Chunk>, u32, usize, &mut [u8; CHUNK_BYTES]),
) {
    let mut base = [0; CHUNK_BYTES];
    let mut image = [0; CHUNK_BYTES];
    for (n, (block, chunks)) in bus.blocks().iter().zip(index).enumerate() {
        let mut there = chunks.iter().peekable();
        for number in 0..block.bytes.div_ceil(CHUNK_BYTES as u64) {
            let entry = there.next_if(|c| u64::from(c.number) == number);
            base.fill(0);
            let apart = entry.map_or(0, |c| c.images);
            if apart != 0 {
                images::chunk(bus, n, number, &mut image);
                for p in (0..16).filter(|p| apart >> p & 1 != 0) {
                    let at = p * PAGE_BYTES..(p + 1) * PAGE_BYTES;
                    base[at.clone()].copy_from_slice(&image[at]);
                }
            }
            let (at, bytes) = place(block, number);
            take(entry, at, bytes, &mut base);
        }
    }
}

/// Writes those of these pages that are not so already: pages that nobody touched stay untouched.
fn put(arena: &Arena, at: u32, bytes: usize, chunk: &[u8; CHUNK_BYTES], pages: u16) {
    let mut now = [0; PAGE_BYTES];
    for (n, page) in chunk[..bytes].chunks(PAGE_BYTES).enumerate() {
        if pages >> n & 1 != 0 {
            let at = at + (n * PAGE_BYTES) as u32;
            let now = &mut now[..page.len()];
            arena.read_bytes(at, now);
            if *now != *page {
                arena.write_bytes(at, page);
            }
        }
    }
}

/// Loads what [`check`] found good; what is in no chunk becomes zeros.
pub(super) fn load(index: &[Vec<Chunk>], arena: &Arena, bus: &Bus, mut stored: &[u8]) {
    let mut chunk = [0; CHUNK_BYTES];
    each_place(index, bus, |entry, at, bytes, base| {
        if let Some(c) = entry {
            let (these, rest) = stored.split_at(c.stored_bytes().min(stored.len()));
            stored = rest;
            let unpacked = chunks::unpack(c, these, bytes, &mut chunk);
            debug_assert!(unpacked.is_ok(), "{unpacked:?}");
            for n in (0..16).filter(|n| c.pages >> n & 1 != 0) {
                let page = n * PAGE_BYTES..(n + 1) * PAGE_BYTES;
                base[page.clone()].copy_from_slice(&chunk[page]);
            }
        }
        put(arena, at, bytes, base, u16::MAX);
    });
}

/// Loads all but what is in the file from `from` on, and says where that is.
pub(super) fn load_later(
    index: &[Vec<Chunk>],
    arena: &Arena,
    bus: &Bus,
    mut from: u64,
) -> BTreeMap<u32, Place> {
    let mut later = BTreeMap::new();
    each_place(index, bus, |entry, at, bytes, base| {
        let stored = entry.map_or(0, |c| c.pages);
        put(arena, at, bytes, base, !stored);
        if let Some(chunk) = entry {
            if stored != 0 {
                let place = Place {
                    at: from,
                    chunk: *chunk,
                    bytes,
                };
                later.insert(at, place);
            }
            from += chunk.stored_bytes() as u64;
        }
    });
    later
}
