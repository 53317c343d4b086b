//! The head of a snapshot: whose it is, and where its parts are. Sections of the save format: `machine` (pairs of words, then whether
//! the machine runs), `state` (length, checksum), `memory` (per block its name, its size and its chunks), `disks` (per slot what is saved
//! of it and its chunks).

use tinamou_core::{LoadError, Loader, Saver};

use super::chunks::Chunk;
use super::disks::Saved;
use super::{SnapshotError, checksum};
use crate::bus::Block;

/// A head that fits the machine.
pub(super) struct Head {
    pub runs: bool,
    pub state_bytes: usize,
    pub state_checksum: u64,
    /// Chunks of each memory block.
    pub index: Vec<Vec<Chunk>>,
    /// The disks, by slot.
    pub disks: Vec<Saved>,
}

/// Chunks of each memory block: its name, its size and the chunks.
pub(super) type Index = Vec<(&'static str, u64, Vec<Chunk>)>;

pub(super) fn write(
    words: &[(&'static str, String)],
    runs: bool,
    state: &[u8],
    index: &Index,
    disks: &[Saved],
) -> Vec<u8> {
    let mut s = Saver::new();
    s.section("machine", 1, |s| {
        s.u32(words.len() as u32);
        for (what, word) in words {
            s.bytes(what.as_bytes());
            s.bytes(word.as_bytes());
        }
        s.bool(runs);
    });
    s.section("state", 1, |s| {
        s.u32(state.len() as u32);
        s.u64(checksum(state));
    });
    s.section("memory", 1, |s| {
        s.u32(index.len() as u32);
        for (name, bytes, chunks) in index {
            s.bytes(name.as_bytes());
            s.u64(*bytes);
            s.u32(chunks.len() as u32);
            chunks.iter().for_each(|c| c.write(s));
        }
    });
    s.section("disks", 1, |s| {
        s.u32(disks.len() as u32);
        disks.iter().for_each(|disk| disk.write(s));
    });
    s.finish()
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
    let (state_bytes, state_checksum) =
        l.section("state", 1, |l, _| Ok((l.u32()? as usize, l.u64()?)))?;
    let index = l.section("memory", 1, |l, _| {
        if l.u32()? as usize != blocks.len() {
            return Err(LoadError::Invalid("number of memory blocks"));
        }
        blocks.iter().map(|block| chunks(l, block)).collect()
    })?;
    let disks = l.section("disks", 1, |l, _| {
        let count = l.u32()? as usize;
        if count > l.remaining() {
            return Err(LoadError::Truncated);
        }
        (0..count).map(|_| Saved::read(l)).collect()
    })?;
    if l.remaining() != 0 {
        return Err(SnapshotError::Corrupt("its head is too long"));
    }
    Ok(Head {
        runs,
        state_bytes,
        state_checksum,
        index,
        disks,
    })
}

/// The properties of the machine whose head it is, and whether it runs.
pub(super) fn words(head: &[u8]) -> Result<(Vec<(String, String)>, bool), LoadError> {
    Loader::new(head).section("machine", 1, |l, _| {
        let mut words = Vec::new();
        for _ in 0..l.u32()? {
            let mut text = || Ok(String::from_utf8_lossy(l.bytes()?).into_owned());
            words.push((text()?, text()?));
        }
        Ok((words, l.bool()?))
    })
}

fn chunks(l: &mut Loader<'_>, block: &Block) -> Result<Vec<Chunk>, LoadError> {
    if l.bytes()? != block.name.as_bytes() || l.u64()? != block.bytes {
        return Err(LoadError::Invalid("memory block"));
    }
    Chunk::read_all(l)
}
