//! The images (kernel, initial RAM disk, firmware, what was made for them) that a machine's board puts into memory at every reset: pages that
//! are as they were then can be left out of a snapshot, which then loads only beside the same images.

use tinamou_core::{LoadError, Loader, Saver};

use super::chunks::{CHUNK_BYTES, PAGE_BYTES};
use super::{SnapshotError, checksum};
use crate::bus::Bus;

/// What an image is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Image {
    /// Memory block, and offset there.
    block: u32,
    offset: u64,
    bytes: u64,
    checksum: u64,
}

impl Image {
    pub fn write(&self, s: &mut Saver) {
        s.u32(self.block);
        s.u64(self.offset);
        s.u64(self.bytes);
        s.u64(self.checksum);
    }

    pub fn read(l: &mut Loader<'_>) -> Result<Image, LoadError> {
        Ok(Image {
            block: l.u32()?,
            offset: l.u64()?,
            bytes: l.u64()?,
            checksum: l.u64()?,
        })
    }
}

/// A bus's images.
pub(super) fn of(bus: &Bus) -> Vec<Image> {
    let one = |(block, offset, bytes): (u32, u64, &[u8])| Image {
        block,
        offset,
        bytes: bytes.len() as u64,
        checksum: checksum(bytes),
    };
    bus.image_bytes().map(one).collect()
}

/// Whether pages that were left out can be had here.
pub(super) fn check(theirs: &[Image], bus: &Bus) -> Result<(), SnapshotError> {
    let ours = of(bus);
    let blocks = bus.blocks();
    let missing = theirs.iter().find(|image| !ours.contains(image));
    match missing {
        None if theirs.is_empty() || theirs == ours => Ok(()),
        None => Err(SnapshotError::Corrupt("its images are in another order")),
        Some(image) => {
            let block = blocks.get(image.block as usize);
            Err(SnapshotError::Image {
                block: block.map_or("memory", |b| b.name),
                offset: image.offset,
                bytes: image.bytes,
            })
        }
    }
}

/// A chunk of a memory block as the images make it, zeros elsewhere; returns which of its pages have anything of an image.
pub(super) fn chunk(bus: &Bus, block: usize, number: u64, out: &mut [u8; CHUNK_BYTES]) -> u16 {
    out.fill(0);
    let first = number * CHUNK_BYTES as u64;
    let end = first + CHUNK_BYTES as u64;
    let mut pages = 0;
    for (b, offset, bytes) in bus.image_bytes() {
        let image_end = offset.saturating_add(bytes.len() as u64);
        let (from, to) = (offset.max(first), image_end.min(end));
        if b as usize != block || from >= to {
            continue;
        }
        let here = (from - first) as usize..(to - first) as usize;
        let there = (from - offset) as usize..(to - offset) as usize;
        for page in here.start / PAGE_BYTES..here.end.div_ceil(PAGE_BYTES) {
            pages |= 1 << page;
        }
        out[here].copy_from_slice(&bytes[there]);
    }
    pages
}
