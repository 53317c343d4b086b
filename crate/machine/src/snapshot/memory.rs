//! Memory in a snapshot: the chunks of each block that are not zeros.

use tinamou_arena::Arena;

use super::SnapshotError;
use super::chunks::{self, CHUNK_BYTES, Chunk, PAGE_BYTES, ZEROS};
use super::head::Index;
use crate::bus::Block;

/// Memory as written.
pub(super) struct Memory {
    pub index: Index,
    pub pages: u64,
    pub zero_pages: u64,
}

/// The part of a block that is its chunk `number`: offset in the arena and length.
fn place(block: &Block, number: u64) -> (u32, usize) {
    let at = number * CHUNK_BYTES as u64;
    let bytes = chunks::length(block.bytes, number);
    (block.arena.wrapping_add(at as u32), bytes)
}

/// Appends the blocks' chunks to `out`.
pub(super) fn save(arena: &Arena, blocks: &[Block], out: &mut Vec<u8>) -> Memory {
    let mut memory = Memory {
        index: Vec::new(),
        pages: 0,
        zero_pages: 0,
    };
    let mut chunk = [0; CHUNK_BYTES];
    for block in blocks {
        let mut index = Vec::new();
        for number in 0..block.bytes.div_ceil(CHUNK_BYTES as u64) {
            let (at, bytes) = place(block, number);
            arena.read_bytes(at, &mut chunk[..bytes]);
            // The last page of a block may be a part of one.
            chunk[bytes..].fill(0);
            let pages = chunks::full_pages(&chunk);
            memory.pages += u64::from(pages.count_ones());
            memory.zero_pages += bytes.div_ceil(PAGE_BYTES) as u64 - u64::from(pages.count_ones());
            if pages != 0 {
                index.push(chunks::pack(number as u32, pages, &chunk, out));
            }
        }
        memory.index.push((block.name, block.bytes, index));
    }
    memory
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

/// Loads it; what is in no chunk becomes zeros. Returns what follows it.
pub(super) fn load<'a>(
    index: &[Vec<Chunk>],
    arena: &Arena,
    blocks: &[Block],
    mut stored: &'a [u8],
) -> Result<&'a [u8], SnapshotError> {
    let mut now = [0; CHUNK_BYTES];
    let mut put = |block: &Block, number: u64, chunk: &[u8]| {
        let (at, bytes) = place(block, number);
        arena.read_bytes(at, &mut now[..bytes]);
        // Pages that nobody touched stay untouched.
        if now[..bytes] != chunk[..bytes] {
            arena.write_bytes(at, &chunk[..bytes]);
        }
    };
    for (block, chunks) in blocks.iter().zip(index) {
        let mut there = chunks.iter().peekable();
        for number in 0..block.bytes.div_ceil(CHUNK_BYTES as u64) {
            if there.next_if(|c| u64::from(c.number) == number).is_none() {
                put(block, number, &ZEROS);
            }
        }
        stored = chunks::each(block.bytes, chunks, stored, &mut |c, chunk| {
            put(block, c.number.into(), chunk);
            Ok(())
        })?;
    }
    Ok(stored)
}
