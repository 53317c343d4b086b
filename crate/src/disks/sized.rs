//! Images whose size can change while a drive has them, and images of nothing (`null-co`).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tinamou_core::{BlockError, SECTOR_BYTES};
use tinamou_hw::block::raw::Image;

const SECTOR: usize = SECTOR_BYTES as usize;

/// Where the size in sectors is kept, for whoever changes it.
pub type Size = Rc<Cell<u64>>;

/// An image with another size than the one below has. What lies behind the end of that one, or was ever cut off, is kept in memory.
pub struct Sized {
    below: Box<dyn Image>,
    size: Size,
    /// Sectors of `below` that were never cut off.
    own: u64,
    more: BTreeMap<u64, Vec<u8>>,
}

impl Sized {
    /// An image and where its size is kept.
    pub fn new(below: Box<dyn Image>) -> (Sized, Size) {
        let own = below.sectors();
        let size = Size::new(Cell::new(own));
        let image = Sized {
            below,
            size: size.clone(),
            own,
            more: BTreeMap::new(),
        };
        (image, size)
    }

    /// Takes up a change of the size.
    fn settle(&mut self) {
        let size = self.size.get();
        self.own = self.own.min(size);
        drop(self.more.split_off(&size));
    }

    /// How many of `bytes` at `lba` belong to the image below.
    fn below(&self, lba: u64, bytes: usize) -> usize {
        let left = self.own.saturating_sub(lba).saturating_mul(SECTOR_BYTES);
        usize::try_from(left).unwrap_or(usize::MAX).min(bytes)
    }

    fn check(&self, lba: u64, bytes: usize) -> Result<(), BlockError> {
        let end = lba.checked_add((bytes / SECTOR) as u64);
        match end {
            Some(end) if end <= self.size.get() => Ok(()),
            _ => Err(BlockError::OutOfRange(lba)),
        }
    }
}

impl Image for Sized {
    fn sectors(&self) -> u64 {
        self.size.get()
    }
    fn read_only(&self) -> bool {
        self.below.read_only()
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.settle();
        self.check(lba, buf.len())?;
        let n = self.below(lba, buf.len());
        let (first, rest) = buf.split_at_mut(n);
        if n > 0 {
            self.below.read(lba, first)?;
        }
        let from = lba + (n / SECTOR) as u64;
        for (at, piece) in (from..).zip(rest.chunks_mut(SECTOR)) {
            match self.more.get(&at) {
                Some(data) => piece.copy_from_slice(&data[..piece.len()]),
                None => piece.fill(0),
            }
        }
        Ok(())
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.settle();
        self.check(lba, data.len())?;
        let n = self.below(lba, data.len());
        let (first, rest) = data.split_at(n);
        if n > 0 {
            self.below.write(lba, first)?;
        }
        let from = lba + (n / SECTOR) as u64;
        for (at, piece) in (from..).zip(rest.chunks_exact(SECTOR)) {
            self.more.insert(at, piece.to_vec());
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        self.below.flush()
    }
}

/// Zeros that forget what is written.
pub struct Null(pub u64);

impl Image for Null {
    fn sectors(&self) -> u64 {
        self.0
    }
    fn read_only(&self) -> bool {
        false
    }
    fn read(&mut self, _: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        buf.fill(0);
        Ok(())
    }
    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), BlockError> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinamou_hw::block::raw::{MemFile, Raw};

    #[test]
    fn grows_and_shrinks() {
        let (mut image, size) = Sized::new(Box::new(Raw(MemFile(vec![7; 4 * SECTOR]))));
        let mut two = [9; 2 * SECTOR];
        assert!(image.read(4, &mut two).is_err());
        size.set(6);
        image.read(3, &mut two).unwrap();
        assert_eq!((two[0], two[SECTOR]), (7, 0));
        image.write(5, &[1; SECTOR]).unwrap();
        image.read(4, &mut two).unwrap();
        assert_eq!((two[0], two[SECTOR]), (0, 1));
        size.set(2);
        assert!(image.read(1, &mut two).is_err());
        size.set(6);
        image.read(1, &mut two).unwrap();
        assert_eq!((two[0], two[SECTOR]), (7, 0), "what was cut off is gone");
        image.read(4, &mut two).unwrap();
        assert_eq!(two, [0; 2 * SECTOR]);
    }
}
