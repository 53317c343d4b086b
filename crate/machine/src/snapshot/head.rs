//! The head of a snapshot: whose it is, and where its parts are. Sections of the save format: `machine` (pairs of words, then whether
//! the machine runs), `notes` (what control knows of it, which is not read here), `cards` (per card its PCI slot and what it is), `images` (those
//! that pages were left out for: place, length, checksum), `state` (length, checksum), `disks` (per slot what is saved of it and its chunks),
//! `memory` (per block its name, its size and its chunks).

use tinamou_core::{LoadError, Loader, Saver};

use super::chunks::Chunk;
use super::disks::Saved;
use super::images::Image;
use super::{SnapshotError, checksum};
use crate::bus::{Block, Card};

/// A head that fits the machine.
pub(super) struct Head {
    pub runs: bool,
    /// Cards by slot.
    pub cards: Vec<(u8, Card)>,
    /// Images that pages were left out for.
    pub images: Vec<Image>,
    pub state_bytes: usize,
    pub state_checksum: u64,
    /// Chunks of each memory block.
    pub index: Vec<Vec<Chunk>>,
    /// The disks, by slot.
    pub disks: Vec<Saved>,
}

/// Chunks of each memory block: its name, its size and the chunks.
pub(super) type Index = Vec<(&'static str, u64, Vec<Chunk>)>;

/// What is written into a head.
pub(super) struct Parts<'a> {
    pub words: &'a [(&'static str, String)],
    pub runs: bool,
    pub notes: &'a str,
    pub cards: &'a [(u8, Card)],
    pub images: &'a [Image],
    pub state: &'a [u8],
    pub index: &'a Index,
    pub disks: &'a [Saved],
}

pub(super) fn write(parts: &Parts<'_>) -> Vec<u8> {
    let mut s = Saver::new();
    s.section("machine", 1, |s| {
        s.u32(parts.words.len() as u32);
        for (what, word) in parts.words {
            s.bytes(what.as_bytes());
            s.bytes(word.as_bytes());
        }
        s.bool(parts.runs);
    });
    s.section("notes", 1, |s| s.bytes(parts.notes.as_bytes()));
    s.section("cards", 1, |s| {
        s.u32(parts.cards.len() as u32);
        for (slot, card) in parts.cards {
            s.u8(*slot);
            card.save(s);
        }
    });
    s.section("images", 1, |s| {
        s.u32(parts.images.len() as u32);
        parts.images.iter().for_each(|image| image.write(s));
    });
    s.section("state", 1, |s| {
        s.u32(parts.state.len() as u32);
        s.u64(checksum(parts.state));
    });
    s.section("disks", 1, |s| {
        s.u32(parts.disks.len() as u32);
        parts.disks.iter().for_each(|disk| disk.write(s));
    });
    s.section("memory", 1, |s| {
        s.u32(parts.index.len() as u32);
        for (name, bytes, chunks) in parts.index {
            s.bytes(name.as_bytes());
            s.u64(*bytes);
            s.u32(chunks.len() as u32);
            chunks.iter().for_each(|c| c.write(s));
        }
    });
    s.finish()
}

/// So many things follow, each of which has a byte at least.
fn count(l: &mut Loader<'_>) -> Result<usize, LoadError> {
    let count = l.u32()? as usize;
    if count > l.remaining() {
        return Err(LoadError::Truncated);
    }
    Ok(count)
}

/// Reads a head, and compares it with the machine's `words` and `blocks`.
pub(super) fn read(
    head: &[u8],
    words: &[(&'static str, String)],
    blocks: &[Block],
) -> Result<Head, SnapshotError> {
    let mut l = Loader::new(head);
    let mut differs = None;
    let runs = l.section("machine", 1, |l, _| {
        if l.u32()? as usize != words.len() {
            return Err(LoadError::Invalid("number of properties"));
        }
        for (what, ours) in words {
            if l.bytes()? != what.as_bytes() {
                return Err(LoadError::Invalid("property"));
            }
            let theirs = l.bytes()?;
            if theirs != ours.as_bytes() && differs.is_none() {
                differs = Some(SnapshotError::Differs {
                    what,
                    theirs: String::from_utf8_lossy(theirs).into_owned(),
                    ours: ours.clone(),
                });
            }
        }
        l.bool()
    })?;
    if let Some(error) = differs {
        return Err(error);
    }
    l.section("notes", 1, |l, _| l.bytes().map(drop))?;
    let cards = l.section("cards", 1, |l, _| {
        (0..count(l)?)
            .map(|_| Ok((l.u8()?, Card::load(l)?)))
            .collect()
    })?;
    let images = l.section("images", 1, |l, _| {
        (0..count(l)?).map(|_| Image::read(l)).collect()
    })?;
    let (state_bytes, state_checksum) =
        l.section("state", 1, |l, _| Ok((l.u32()? as usize, l.u64()?)))?;
    let disks = l.section("disks", 1, |l, _| {
        (0..count(l)?).map(|_| Saved::read(l)).collect()
    })?;
    let index: Vec<Vec<Chunk>> = l.section("memory", 1, |l, _| {
        if l.u32()? as usize != blocks.len() {
            return Err(LoadError::Invalid("number of memory blocks"));
        }
        blocks.iter().map(|block| chunks(l, block)).collect()
    })?;
    if l.remaining() != 0 {
        return Err(SnapshotError::Corrupt("its head is too long"));
    }
    let images: Vec<Image> = images;
    if images.is_empty() && index.iter().flatten().any(|c| c.images != 0) {
        return Err(SnapshotError::Corrupt("no image has its pages"));
    }
    Ok(Head {
        runs,
        cards,
        images,
        state_bytes,
        state_checksum,
        index,
        disks,
    })
}

/// What a head says to those who have no machine yet.
pub(super) struct Words {
    /// The properties of the machine.
    pub properties: Vec<(String, String)>,
    pub runs: bool,
    pub notes: String,
}

/// Reads that.
pub(super) fn words(head: &[u8]) -> Result<Words, LoadError> {
    let mut l = Loader::new(head);
    let text = |l: &mut Loader<'_>| Ok(String::from_utf8_lossy(l.bytes()?).into_owned());
    let (properties, runs) = l.section("machine", 1, |l, _| {
        let mut properties = Vec::new();
        for _ in 0..count(l)? {
            properties.push((text(l)?, text(l)?));
        }
        Ok((properties, l.bool()?))
    })?;
    let notes = l.section("notes", 1, |l, _| text(l))?;
    Ok(Words {
        properties,
        runs,
        notes,
    })
}

fn chunks(l: &mut Loader<'_>, block: &Block) -> Result<Vec<Chunk>, LoadError> {
    if l.bytes()? != block.name.as_bytes() || l.u64()? != block.bytes {
        return Err(LoadError::Invalid("memory block"));
    }
    Chunk::read_all(l)
}
