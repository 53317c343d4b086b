//! Disks in a snapshot: the pages that were written over an image, or, where the image itself is written, all that are not zeros.
//!
//! What was written over an image goes only onto the same image: of its first and last pages there is a checksum.

use tinamou_core::{
    BlockBackend, BlockError, LoadError, Loader, PAGE_SECTORS, SECTOR_BYTES, Saver, Written,
};

use super::chunks::{self, CHUNK_BYTES, Chunk, PAGE_BYTES};
use super::{SnapshotError, checksum};

/// A slot of the board.
pub(super) type Slot = Option<Box<dyn BlockBackend>>;
type Disk = dyn BlockBackend;

const CHUNK_SECTORS: u64 = CHUNK_BYTES as u64 / SECTOR_BYTES;
const CHUNK_PAGES: u64 = (CHUNK_BYTES / PAGE_BYTES) as u64;

/// A disk of a snapshot.
#[derive(Debug)]
pub(super) enum Saved {
    /// No disk, or one that cannot be written.
    Nothing,
    /// What was written over an image with this checksum.
    Over(u64, Vec<Chunk>),
    /// All of it.
    Whole(Vec<Chunk>),
}

impl Saved {
    pub fn write(&self, s: &mut Saver) {
        let (kind, chunks) = match self {
            Saved::Nothing => return s.u8(0),
            Saved::Over(_, chunks) => (1, chunks),
            Saved::Whole(chunks) => (2, chunks),
        };
        s.u8(kind);
        if let Saved::Over(image, _) = self {
            s.u64(*image);
        }
        s.u32(chunks.len() as u32);
        chunks.iter().for_each(|c| c.write(s));
    }

    pub fn read(l: &mut Loader<'_>) -> Result<Saved, LoadError> {
        Ok(match l.u8()? {
            0 => Saved::Nothing,
            1 => Saved::Over(l.u64()?, Chunk::read_all(l)?),
            2 => Saved::Whole(Chunk::read_all(l)?),
            _ => return Err(LoadError::Invalid("kind of a disk")),
        })
    }

    /// Length of its chunks as stored.
    pub fn stored_bytes(&self) -> u64 {
        let bytes = self.chunks().iter().map(|c| c.stored_bytes() as u64);
        bytes.sum()
    }

    fn chunks(&self) -> &[Chunk] {
        match self {
            Saved::Nothing => &[],
            Saved::Over(_, chunks) | Saved::Whole(chunks) => chunks,
        }
    }
}

fn trouble(slot: usize) -> impl Fn(BlockError) -> SnapshotError {
    move |e| SnapshotError::Disk(slot, e.to_string())
}

fn bytes(disk: &Disk) -> u64 {
    disk.sectors().saturating_mul(SECTOR_BYTES)
}

/// A checksum of the image below what was written.
fn image(disk: &mut Disk) -> Result<u64, BlockError> {
    let mut ends = [0; 2 * PAGE_BYTES];
    let sectors = disk.sectors();
    let n = sectors.min(PAGE_SECTORS);
    let part = (n * SECTOR_BYTES) as usize;
    let (first, last) = ends.split_at_mut(PAGE_BYTES);
    if n > 0 {
        disk.read_image_now(0, &mut first[..part])?;
        disk.read_image_now(sectors - n, &mut last[..part])?;
    }
    Ok(checksum(&ends))
}

/// Reads a chunk; behind the disk's end there are zeros.
fn read(disk: &mut Disk, number: u64, chunk: &mut [u8; CHUNK_BYTES]) -> Result<(), BlockError> {
    let there = chunks::length(bytes(disk), number);
    chunk[there..].fill(0);
    disk.read_now(number * CHUNK_SECTORS, &mut chunk[..there])
}

/// Writes these pages of a chunk, as far as they are not so already.
fn write(
    disk: &mut Disk,
    number: u64,
    pages: u16,
    chunk: &[u8; CHUNK_BYTES],
) -> Result<(), BlockError> {
    let there = chunks::length(bytes(disk), number);
    let mut now = [0; PAGE_BYTES];
    for (n, page) in chunk[..there].chunks(PAGE_BYTES).enumerate() {
        if pages >> n & 1 != 0 {
            let lba = number * CHUNK_SECTORS + n as u64 * PAGE_SECTORS;
            disk.read_now(lba, &mut now[..page.len()])?;
            if now[..page.len()] != *page {
                disk.write_now(lba, page)?;
            }
        }
    }
    Ok(())
}

/// Writes these pages even if they are so already: they are to be known as written.
fn write_all(
    disk: &mut Disk,
    number: u64,
    pages: u16,
    chunk: &[u8; CHUNK_BYTES],
) -> Result<(), BlockError> {
    let there = chunks::length(bytes(disk), number);
    for (n, page) in chunk[..there].chunks(PAGE_BYTES).enumerate() {
        if pages >> n & 1 != 0 {
            let lba = number * CHUNK_SECTORS + n as u64 * PAGE_SECTORS;
            disk.write_now(lba, page)?;
        }
    }
    Ok(())
}

/// Appends the disks' chunks to `out`, but for those in slots `apart`.
pub(super) fn save(
    slots: &mut [Slot],
    apart: &[u32],
    out: &mut Vec<u8>,
) -> Result<Vec<Saved>, SnapshotError> {
    let mut all = Vec::new();
    for (slot, disk) in slots.iter_mut().enumerate() {
        let saved = match disk {
            Some(_) if apart.iter().any(|n| *n as usize == slot) => Saved::Nothing,
            Some(disk) => save_one(disk.as_mut(), out).map_err(trouble(slot))?,
            None => Saved::Nothing,
        };
        all.push(saved);
    }
    Ok(all)
}

fn save_one(disk: &mut Disk, out: &mut Vec<u8>) -> Result<Saved, BlockError> {
    let mut chunk = [0; CHUNK_BYTES];
    let mut index = Vec::new();
    match disk.written() {
        Written::Nothing => Ok(Saved::Nothing),
        Written::Pages(pages) => {
            let mut pages = pages.into_iter().peekable();
            while let Some(first) = pages.next() {
                let number = first / CHUNK_PAGES;
                let mut mask = 1 << (first % CHUNK_PAGES);
                while let Some(page) = pages.next_if(|page| page / CHUNK_PAGES == number) {
                    mask |= 1 << (page % CHUNK_PAGES);
                }
                // What was not written may be far away.
                chunk.fill(0);
                let end = chunks::length(bytes(disk), number);
                for (n, page) in chunk[..end].chunks_mut(PAGE_BYTES).enumerate() {
                    if mask >> n & 1 != 0 {
                        let lba = number * CHUNK_SECTORS + n as u64 * PAGE_SECTORS;
                        disk.read_now(lba, page)?;
                    }
                }
                index.push(chunks::pack(number as u32, mask, 0, &chunk, out));
            }
            Ok(Saved::Over(image(disk)?, index))
        }
        Written::Everything => {
            for number in 0..bytes(disk).div_ceil(CHUNK_BYTES as u64) {
                read(disk, number, &mut chunk)?;
                let pages = chunks::full_pages(&chunk);
                if pages != 0 {
                    index.push(chunks::pack(number as u32, pages, 0, &chunk, out));
                }
            }
            Ok(Saved::Whole(index))
        }
    }
}

/// Whether all of them can be loaded; returns what follows them.
pub(super) fn check<'a>(
    saved: &[Saved],
    slots: &mut [Slot],
    mut stored: &'a [u8],
) -> Result<&'a [u8], SnapshotError> {
    if saved.len() != slots.len() {
        return Err(SnapshotError::Corrupt("number of disks"));
    }
    for (n, (saved, disk)) in saved.iter().zip(slots).enumerate() {
        let size = disk.as_ref().map_or(0, |disk| bytes(disk.as_ref()));
        if saved.chunks().iter().any(|c| c.images != 0) {
            return Err(SnapshotError::Corrupt("a disk has an image's page"));
        }
        stored = chunks::each(size, saved.chunks(), stored, &mut |_, _| Ok(()))?;
        let Some(disk) = disk else {
            if saved.chunks().is_empty() {
                continue;
            }
            return Err(SnapshotError::Corrupt("number of disks"));
        };
        let refuse = |why: &str| Err(SnapshotError::Disk(n, why.into()));
        match saved {
            // It may be written here, but that is not known of the image.
            Saved::Nothing => {}
            _ if disk.read_only() => return refuse("it was written, and cannot be here"),
            Saved::Over(theirs, _) => {
                if image(disk.as_mut()).map_err(trouble(n))? != *theirs {
                    return refuse("it was written over another image");
                }
            }
            Saved::Whole(_) => {}
        }
    }
    Ok(stored)
}

/// Loads them; returns what follows them.
pub(super) fn load<'a>(
    saved: &[Saved],
    slots: &mut [Slot],
    mut stored: &'a [u8],
) -> Result<&'a [u8], SnapshotError> {
    for (n, (saved, disk)) in saved.iter().zip(slots).enumerate() {
        let Some(disk) = disk else { continue };
        let disk = disk.as_mut();
        let size = bytes(disk);
        match saved {
            Saved::Nothing => disk.forget_written(),
            Saved::Over(_, chunks) => {
                disk.forget_written();
                let apart = matches!(disk.written(), Written::Pages(_));
                let put = if apart { write_all } else { write };
                stored = chunks::each(size, chunks, stored, &mut |c, chunk| {
                    put(disk, c.number.into(), c.pages, chunk).map_err(trouble(n))
                })?;
            }
            Saved::Whole(chunks) => {
                let mut there = chunks.iter().peekable();
                for number in 0..size.div_ceil(CHUNK_BYTES as u64) {
                    if there.next_if(|c| u64::from(c.number) == number).is_none() {
                        write(disk, number, u16::MAX, &chunks::ZEROS).map_err(trouble(n))?;
                    }
                }
                stored = chunks::each(size, chunks, stored, &mut |c, chunk| {
                    write(disk, c.number.into(), u16::MAX, chunk).map_err(trouble(n))
                })?;
            }
        }
    }
    Ok(stored)
}
