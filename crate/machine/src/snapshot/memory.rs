//! Memory in a snapshot: chunks of 16 pages, each the LZ4 block of its pages that are not zeros.

use tinamou_arena::Arena;
use tinamou_core::{LoadError, Loader, Saver};

use super::head::Index;
use super::{SnapshotError, checksum};
use crate::bus::Block;

const PAGE_BYTES: usize = 4096;
const CHUNK_PAGES: usize = 16;
const CHUNK_BYTES: usize = PAGE_BYTES * CHUNK_PAGES;
/// Bytes of a chunk in the index.
pub(super) const INDEX_BYTES: usize = 18;

static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// A chunk's entry in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Its number in its block.
    number: u32,
    /// Bit n: page n is there.
    pages: u16,
    /// Length as compressed.
    bytes: u32,
    checksum: u64,
}

impl Chunk {
    pub(super) fn write(&self, s: &mut Saver) {
        s.u32(self.number);
        s.u16(self.pages);
        s.u32(self.bytes);
        s.u64(self.checksum);
    }

    pub(super) fn read(l: &mut Loader<'_>) -> Result<Chunk, LoadError> {
        Ok(Chunk {
            number: l.u32()?,
            pages: l.u16()?,
            bytes: l.u32()?,
            checksum: l.u64()?,
        })
    }

    /// Length of its pages, not compressed.
    fn full_bytes(&self) -> usize {
        self.pages.count_ones() as usize * PAGE_BYTES
    }
}

/// Memory as written.
pub(super) struct Memory {
    pub index: Index,
    pub bytes: Vec<u8>,
    pub pages: u64,
    pub zero_pages: u64,
}

/// The part of a block that is its chunk `number`: offset in the arena and length.
fn place(block: &Block, number: u64) -> (u32, usize) {
    let at = number * CHUNK_BYTES as u64;
    let bytes = block.bytes.saturating_sub(at).min(CHUNK_BYTES as u64);
    (block.arena.wrapping_add(at as u32), bytes as usize)
}

pub(super) fn save(arena: &Arena, blocks: &[Block]) -> Memory {
    let mut memory = Memory {
        index: Vec::new(),
        bytes: Vec::new(),
        pages: 0,
        zero_pages: 0,
    };
    let mut chunk = [0; CHUNK_BYTES];
    let mut packed = [0; CHUNK_BYTES];
    for block in blocks {
        let mut chunks = Vec::new();
        for number in 0..block.bytes.div_ceil(CHUNK_BYTES as u64) {
            let (at, bytes) = place(block, number);
            arena.read_bytes(at, &mut chunk[..bytes]);
            // The last page of a block may be a part of one.
            chunk[bytes..].fill(0);
            let all = bytes.div_ceil(PAGE_BYTES) as u64;
            memory.pages += all;
            memory.zero_pages += all;
            if chunk == ZEROS {
                continue;
            }
            let (mut pages, mut full) = (0, 0);
            for (n, page) in chunk.chunks_exact(PAGE_BYTES).enumerate() {
                if page != &ZEROS[..PAGE_BYTES] {
                    pages |= 1 << n;
                    packed[full..full + PAGE_BYTES].copy_from_slice(page);
                    full += PAGE_BYTES;
                    memory.zero_pages -= 1;
                }
            }
            let stored = lz4_flex::block::compress(&packed[..full]);
            chunks.push(Chunk {
                number: number as u32,
                pages,
                bytes: stored.len() as u32,
                checksum: checksum(&stored),
            });
            memory.bytes.extend_from_slice(&stored);
        }
        memory.index.push((block.name, block.bytes, chunks));
    }
    memory.pages -= memory.zero_pages;
    memory
}

/// Calls `take` with each chunk: its block, its entry and its pages, 16 with zeros where they were left out.
fn each(
    index: &[Vec<Chunk>],
    blocks: &[Block],
    mut stored: &[u8],
    mut take: impl FnMut(&Block, &Chunk, &[u8; CHUNK_BYTES]),
) -> Result<(), SnapshotError> {
    let mut chunk = [0; CHUNK_BYTES];
    let mut packed = [0; CHUNK_BYTES];
    for (block, chunks) in blocks.iter().zip(index) {
        let mut next = 0;
        for c in chunks {
            let (_, bytes) = place(block, c.number.into());
            if c.number < next || bytes == 0 || c.pages == 0 {
                return Err(SnapshotError::Corrupt("a chunk has no place in memory"));
            }
            next = c.number.saturating_add(1);
            let (these, rest) = stored
                .split_at_checked(c.bytes as usize)
                .ok_or(SnapshotError::Truncated)?;
            stored = rest;
            if checksum(these) != c.checksum {
                return Err(SnapshotError::Checksum("a part of the memory"));
            }
            let full = c.full_bytes();
            let unpacked = lz4_flex::block::decompress_into(these, &mut packed[..full]);
            if !unpacked.is_ok_and(|n| n == full) {
                return Err(SnapshotError::Corrupt("memory that does not unpack"));
            }
            chunk.fill(0);
            let mut pages = packed.chunks_exact(PAGE_BYTES);
            for (n, to) in chunk.chunks_exact_mut(PAGE_BYTES).enumerate() {
                if c.pages >> n & 1 != 0
                    && let Some(page) = pages.next()
                {
                    to.copy_from_slice(page);
                }
            }
            if chunk[bytes..] != ZEROS[bytes..] {
                return Err(SnapshotError::Corrupt("memory behind a block's end"));
            }
            take(block, c, &chunk);
        }
    }
    if stored.is_empty() {
        Ok(())
    } else {
        Err(SnapshotError::Trailing)
    }
}

/// Whether all of it can be loaded.
pub(super) fn check(
    index: &[Vec<Chunk>],
    blocks: &[Block],
    stored: &[u8],
) -> Result<(), SnapshotError> {
    each(index, blocks, stored, |_, _, _| {})
}

/// Loads it; what is in no chunk becomes zeros.
pub(super) fn load(
    index: &[Vec<Chunk>],
    arena: &Arena,
    blocks: &[Block],
    stored: &[u8],
) -> Result<(), SnapshotError> {
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
    }
    each(index, blocks, stored, |block, c, chunk| {
        put(block, c.number.into(), chunk);
    })
}
