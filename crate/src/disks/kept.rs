//! Snapshots of images: inside qcow2 files, and in memory of what is written over an image (`snapshot=on`), where QEMU has a temporary qcow2 file.
//! Those in memory are lost at exit, as what they are of.

use std::cell::RefCell;
use std::rc::Rc;

use tinamou_control::driven::ImageSnapshot;
use tinamou_core::{BlockError, PAGE_SECTORS, SECTOR_BYTES, Written};
use tinamou_hw::block::qcow2;
use tinamou_hw::block::raw::Image;

const PAGE_BYTES: u64 = PAGE_SECTORS * SECTOR_BYTES;

/// An image that has room for snapshots. Clones are the same.
#[derive(Clone)]
pub enum Snapshots {
    /// In a file.
    File(Rc<RefCell<qcow2::Writable>>),
    /// In memory.
    Memory(Rc<RefCell<Kept>>),
}

impl Snapshots {
    /// All of them.
    pub fn list(&self) -> Vec<ImageSnapshot> {
        match self {
            Snapshots::File(image) => image.borrow().snapshots().iter().map(described).collect(),
            Snapshots::Memory(kept) => {
                let kept = kept.borrow();
                kept.snapshots.iter().map(|s| s.about.clone()).collect()
            }
        }
    }

    /// Makes one.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn create(&self, about: &ImageSnapshot, state: &[u8]) -> Result<(), BlockError> {
        match self {
            Snapshots::File(image) => image.borrow_mut().create(
                &about.name,
                about.made,
                about.clock_ns,
                about.icount,
                state,
            ),
            Snapshots::Memory(kept) => kept.borrow_mut().create(about, state),
        }
    }

    /// The machine's state in one.
    ///
    /// # Errors
    /// There is none of that name, or [`BlockError`].
    pub fn state(&self, name: &str) -> Result<Vec<u8>, BlockError> {
        match self {
            Snapshots::File(image) => image.borrow_mut().state(name),
            Snapshots::Memory(kept) => {
                let kept = kept.borrow();
                Ok(kept.snapshots[kept.find(name)?].state.clone())
            }
        }
    }

    /// The disk becomes what it was in one.
    ///
    /// # Errors
    /// The same.
    pub fn apply(&self, name: &str) -> Result<(), BlockError> {
        match self {
            Snapshots::File(image) => image.borrow_mut().apply(name),
            Snapshots::Memory(kept) => kept.borrow_mut().apply(name),
        }
    }

    /// Removes one.
    ///
    /// # Errors
    /// The same.
    pub fn delete(&self, name: &str) -> Result<(), BlockError> {
        match self {
            Snapshots::File(image) => image.borrow_mut().delete(name),
            Snapshots::Memory(kept) => {
                let mut kept = kept.borrow_mut();
                let n = kept.find(name)?;
                kept.snapshots.remove(n);
                Ok(())
            }
        }
    }
}

fn described(s: &qcow2::Snapshot) -> ImageSnapshot {
    ImageSnapshot {
        id: s.id.clone(),
        name: s.name.clone(),
        made: s.made,
        clock_ns: s.clock_ns,
        icount: s.icount,
        state_bytes: s.state_bytes,
    }
}

struct Snapshot {
    about: ImageSnapshot,
    /// What was written: pages by number.
    pages: Vec<(u64, Vec<u8>)>,
    state: Vec<u8>,
}

/// An image over which things are written, with snapshots of that.
pub struct Kept {
    image: Box<dyn Image>,
    snapshots: Vec<Snapshot>,
}

impl Kept {
    /// Without any.
    pub fn new(image: Box<dyn Image>) -> Kept {
        Kept {
            image,
            snapshots: Vec::new(),
        }
    }

    fn find(&self, name: &str) -> Result<usize, BlockError> {
        let found = self.snapshots.iter().position(|s| s.about.name == name);
        found.ok_or_else(|| BlockError::Io(format!("there is no snapshot '{name}'")))
    }

    fn create(&mut self, about: &ImageSnapshot, state: &[u8]) -> Result<(), BlockError> {
        let Written::Pages(written) = self.image.written() else {
            return Err(BlockError::Unsupported(
                "the image itself is written".into(),
            ));
        };
        let end = self.image.sectors() * SECTOR_BYTES;
        let mut pages = Vec::new();
        for page in written {
            let there = end.saturating_sub(page * PAGE_BYTES).min(PAGE_BYTES);
            let mut bytes = vec![0; there as usize];
            self.image.read(page * PAGE_SECTORS, &mut bytes)?;
            pages.push((page, bytes));
        }
        let ids = self.snapshots.iter();
        let last = ids.filter_map(|s| s.about.id.parse::<u64>().ok()).max();
        self.snapshots.push(Snapshot {
            about: ImageSnapshot {
                id: (last.unwrap_or(0) + 1).to_string(),
                state_bytes: state.len() as u64,
                ..about.clone()
            },
            pages,
            state: state.to_vec(),
        });
        Ok(())
    }

    fn apply(&mut self, name: &str) -> Result<(), BlockError> {
        let n = self.find(name)?;
        self.image.forget_written();
        for (page, bytes) in &self.snapshots[n].pages {
            self.image.write(page * PAGE_SECTORS, bytes)?;
        }
        Ok(())
    }
}

impl Image for Kept {
    fn sectors(&self) -> u64 {
        self.image.sectors()
    }
    fn read_only(&self) -> bool {
        self.image.read_only()
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.image.read(lba, buf)
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.image.write(lba, data)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        self.image.flush()
    }
    fn written(&self) -> Written {
        self.image.written()
    }
    fn read_image(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.image.read_image(lba, buf)
    }
    fn forget_written(&mut self) {
        self.image.forget_written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinamou_hw::block::overlay::Overlay;
    use tinamou_hw::block::raw::{MemFile, Raw};

    #[test]
    fn what_was_written_comes_back() {
        let disk = Raw(MemFile(vec![7; 21 * 512]));
        let kept = Rc::new(RefCell::new(Kept::new(Box::new(Overlay::new(disk)))));
        let (mut image, snapshots) = (kept.clone(), Snapshots::Memory(kept));
        let about = |name: &str| ImageSnapshot {
            id: String::new(),
            name: name.into(),
            made: (1, 2),
            clock_ns: 3,
            icount: None,
            state_bytes: 0,
        };
        let all = |image: &mut Rc<RefCell<Kept>>| {
            let mut all = vec![0; 21 * 512];
            image.read(0, &mut all).unwrap();
            all
        };
        snapshots.create(&about("none"), b"first").unwrap();
        let none = all(&mut image);
        image.write(0, &[1; 512]).unwrap();
        image.write(20, &[2; 512]).unwrap();
        snapshots.create(&about("some"), b"").unwrap();
        let some = all(&mut image);
        image.write(9, &[3; 1024]).unwrap();
        snapshots.apply("some").unwrap();
        assert!(all(&mut image) == some);
        assert_eq!(image.written(), Written::Pages(vec![0, 2]));
        snapshots.apply("none").unwrap();
        assert!(all(&mut image) == none);
        assert_eq!(image.written(), Written::Pages(vec![]));
        assert_eq!(snapshots.state("none").unwrap(), b"first");
        let list = snapshots.list();
        let listed: Vec<_> = list.iter().map(|s| (&*s.id, s.state_bytes)).collect();
        assert_eq!(listed, [("1", 5), ("2", 0)]);
        snapshots.delete("none").unwrap();
        assert!(snapshots.apply("none").is_err());
        assert!(snapshots.delete("none").is_err());
    }
}
