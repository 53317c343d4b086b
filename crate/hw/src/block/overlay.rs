//! Copy on write in memory: what is written stays here, the image below is only read (`-snapshot`).

use std::collections::BTreeMap;

use tinamou_core::{BlockError, PAGE_SECTORS, SECTOR_BYTES, Written};

use super::raw::Image;

/// Sectors per kept piece (4 KiB).
const PIECE: u64 = PAGE_SECTORS;
const PIECE_BYTES: usize = (PIECE * SECTOR_BYTES) as usize;

/// An overlay over `I`.
pub struct Overlay<I> {
    below: I,
    pieces: BTreeMap<u64, Box<[u8; PIECE_BYTES]>>,
}

impl<I: Image> Overlay<I> {
    /// Nothing written yet.
    pub fn new(below: I) -> Overlay<I> {
        Overlay {
            below,
            pieces: BTreeMap::new(),
        }
    }

    /// Bytes of memory that the overlay holds.
    pub fn bytes(&self) -> usize {
        self.pieces.len() * PIECE_BYTES
    }

    /// Calls `f` with (piece, bytes inside it, bytes of the request) for each piece that a request touches.
    fn split(lba: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done >= len {
                return None;
            }
            let at = lba + done as u64 / SECTOR_BYTES;
            let inside = (at % PIECE * SECTOR_BYTES) as usize;
            let n = (PIECE_BYTES - inside).min(len - done);
            let r = (at / PIECE, inside, done, n);
            done += n;
            Some(r)
        })
    }
}

impl<I: Image> Image for Overlay<I> {
    fn sectors(&self) -> u64 {
        self.below.sectors()
    }
    fn read_only(&self) -> bool {
        false
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        for (piece, inside, at, n) in Self::split(lba, buf.len()) {
            let to = &mut buf[at..at + n];
            match self.pieces.get(&piece) {
                Some(p) => to.copy_from_slice(&p[inside..inside + n]),
                None => self
                    .below
                    .read(piece * PIECE + inside as u64 / SECTOR_BYTES, to)?,
            }
        }
        Ok(())
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        for (piece, inside, at, n) in Self::split(lba, data.len()) {
            if !self.pieces.contains_key(&piece) {
                let mut p = Box::new([0; PIECE_BYTES]);
                let first = piece * PIECE;
                let have = self.below.sectors().saturating_sub(first).min(PIECE);
                self.below
                    .read(first, &mut p[..(have * SECTOR_BYTES) as usize])?;
                self.pieces.insert(piece, p);
            }
            if let Some(p) = self.pieces.get_mut(&piece) {
                p[inside..inside + n].copy_from_slice(&data[at..at + n]);
            }
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
    fn written(&self) -> Written {
        Written::Pages(self.pieces.keys().copied().collect())
    }
    fn read_image(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.below.read(lba, buf)
    }
    fn forget_written(&mut self) {
        self.pieces.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::raw::{MemFile, Raw};

    #[test]
    fn writes_stay_above() {
        let mut o = Overlay::new(Raw(MemFile(
            (0..20 * 512).map(|i| (i / 512) as u8).collect(),
        )));
        o.write(7, &[0xaa; 1024]).unwrap();
        o.write(19, &[0xbb; 512]).unwrap();
        let mut buf = vec![0; 20 * 512];
        o.read(0, &mut buf).unwrap();
        for s in 0..20 {
            let want = match s {
                7 | 8 => 0xaa,
                19 => 0xbb,
                n => n as u8,
            };
            assert!(
                buf[s * 512..(s + 1) * 512].iter().all(|b| *b == want),
                "sector {s}"
            );
        }
        assert_eq!(o.below.0.0[7 * 512], 7);
    }
}
