//! Pages in a snapshot, of memory and of disks: chunks of 16 pages, each one LZ4 block.

use tinamou_core::{LoadError, Loader, Saver};

use super::{SnapshotError, checksum};

pub(crate) const PAGE_BYTES: usize = 4096;
const CHUNK_PAGES: usize = 16;
pub(crate) const CHUNK_BYTES: usize = PAGE_BYTES * CHUNK_PAGES;
/// Bytes of a chunk in the index.
const INDEX_BYTES: usize = 20;

pub(super) static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// A chunk's entry in the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Its number in its memory block or disk.
    pub number: u32,
    /// Bit n: page n is there.
    pub pages: u16,
    /// Bit n: page n is left out and as in the images that the machine was made with.
    pub images: u16,
    /// Length as compressed.
    bytes: u32,
    checksum: u64,
}

impl Chunk {
    pub fn write(&self, s: &mut Saver) {
        s.u32(self.number);
        s.u16(self.pages);
        s.u16(self.images);
        s.u32(self.bytes);
        s.u64(self.checksum);
    }

    fn read(l: &mut Loader<'_>) -> Result<Chunk, LoadError> {
        Ok(Chunk {
            number: l.u32()?,
            pages: l.u16()?,
            images: l.u16()?,
            bytes: l.u32()?,
            checksum: l.u64()?,
        })
    }

    /// The entries of a memory block or disk, with their number before them.
    pub fn read_all(l: &mut Loader<'_>) -> Result<Vec<Chunk>, LoadError> {
        let count = l.u32()? as usize;
        if count > l.remaining() / INDEX_BYTES {
            return Err(LoadError::Truncated);
        }
        (0..count).map(|_| Chunk::read(l)).collect()
    }

    /// Length of its pages as stored.
    pub fn stored_bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Length of its pages, not compressed.
    fn full_bytes(&self) -> usize {
        self.pages.count_ones() as usize * PAGE_BYTES
    }
}

/// Bytes of a chunk of something that is `bytes` long.
pub(super) fn length(bytes: u64, number: u64) -> usize {
    let at = number.saturating_mul(CHUNK_BYTES as u64);
    bytes.saturating_sub(at).min(CHUNK_BYTES as u64) as usize
}

/// Bit n: page n is not zeros.
pub(super) fn full_pages(chunk: &[u8; CHUNK_BYTES]) -> u16 {
    let pages = chunk.chunks_exact(PAGE_BYTES).enumerate();
    let full = pages.filter(|(_, page)| *page != &ZEROS[..PAGE_BYTES]);
    full.fold(0, |mask, (n, _)| mask | 1 << n)
}

/// Appends these pages of a chunk to `out`; of those in `images` there is only the bit.
pub(super) fn pack(
    number: u32,
    pages: u16,
    images: u16,
    chunk: &[u8; CHUNK_BYTES],
    out: &mut Vec<u8>,
) -> Chunk {
    let mut packed = [0; CHUNK_BYTES];
    let mut full = 0;
    for (n, page) in chunk.chunks_exact(PAGE_BYTES).enumerate() {
        if pages >> n & 1 != 0 {
            packed[full..full + PAGE_BYTES].copy_from_slice(page);
            full += PAGE_BYTES;
        }
    }
    let stored = match full {
        0 => Vec::new(),
        _ => lz4_flex::block::compress(&packed[..full]),
    };
    out.extend_from_slice(&stored);
    Chunk {
        number,
        pages,
        images,
        bytes: stored.len() as u32,
        checksum: checksum(&stored),
    }
}

/// Whether the chunks of something that is `size` long have places in it, in order; returns the length of all as stored.
pub(super) fn check_places(size: u64, chunks: &[Chunk]) -> Result<u64, SnapshotError> {
    let mut next = 0;
    let mut stored = 0;
    for c in chunks {
        let bytes = length(size, c.number.into());
        let used = c.pages | c.images;
        let empty = c.pages == 0 && c.bytes != 0;
        if c.number < next || bytes == 0 || used == 0 || c.pages & c.images != 0 || empty {
            return Err(SnapshotError::Corrupt("a chunk has no place"));
        }
        if u32::from(used) >> bytes.div_ceil(PAGE_BYTES) != 0 {
            return Err(SnapshotError::Corrupt("pages behind the end"));
        }
        // LZ4 makes nothing longer than this.
        if c.bytes as usize > lz4_flex::block::get_maximum_output_size(c.full_bytes()) {
            return Err(SnapshotError::Corrupt("a chunk is too long"));
        }
        next = c.number.saturating_add(1);
        stored += u64::from(c.bytes);
    }
    Ok(stored)
}

/// The pages of a chunk that is `bytes` long, out of what was stored; zeros where they were left out.
pub(crate) fn unpack(
    c: &Chunk,
    stored: &[u8],
    bytes: usize,
    chunk: &mut [u8; CHUNK_BYTES],
) -> Result<(), SnapshotError> {
    if checksum(stored) != c.checksum {
        return Err(SnapshotError::Checksum("a chunk of pages"));
    }
    chunk.fill(0);
    if c.pages == 0 {
        return Ok(());
    }
    let mut packed = [0; CHUNK_BYTES];
    let full = c.full_bytes();
    let unpacked = lz4_flex::block::decompress_into(stored, &mut packed[..full]);
    if !unpacked.is_ok_and(|n| n == full) {
        return Err(SnapshotError::Corrupt("pages that do not unpack"));
    }
    let mut pages = packed.chunks_exact(PAGE_BYTES);
    for (n, to) in chunk.chunks_exact_mut(PAGE_BYTES).enumerate() {
        if c.pages >> n & 1 != 0
            && let Some(page) = pages.next()
        {
            to.copy_from_slice(page);
        }
    }
    if chunk[bytes..] != ZEROS[bytes..] {
        return Err(SnapshotError::Corrupt("pages behind the end"));
    }
    Ok(())
}

/// What is done with a chunk's entry and its 16 pages.
pub(super) type Take<'a> = dyn FnMut(&Chunk, &[u8; CHUNK_BYTES]) -> Result<(), SnapshotError> + 'a;

/// Calls `take` with each chunk of something that is `size` long: its entry and its pages, 16 with zeros where they were left out.
/// Returns what follows it in `stored`.
pub(super) fn each<'a>(
    size: u64,
    chunks: &[Chunk],
    mut stored: &'a [u8],
    take: &mut Take<'_>,
) -> Result<&'a [u8], SnapshotError> {
    check_places(size, chunks)?;
    let mut chunk = [0; CHUNK_BYTES];
    for c in chunks {
        let (these, rest) = stored
            .split_at_checked(c.stored_bytes())
            .ok_or(SnapshotError::Truncated)?;
        stored = rest;
        unpack(c, these, length(size, c.number.into()), &mut chunk)?;
        take(c, &chunk)?;
    }
    Ok(stored)
}
