//! Sets of pages that mappings share: the pages of a file, shared anonymous memory, System V segments.

use core::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use rustc_hash::FxHashMap;

use super::PAGE;
use super::frames::Frames;
use crate::errno::{ENOMEM, Res};
use crate::vfs::Node;

/// Pages by index. Frames are loaded from the node, or are zero without one.
pub struct PageSet {
    frames: Rc<Frames>,
    node: Option<Rc<dyn Node>>,
    pages: RefCell<FxHashMap<u64, u32>>,
    /// Some page may differ from the file: shared and writable.
    pub dirty: Cell<bool>,
    /// Bytes, of sets without a node.
    pub bytes: Cell<u64>,
}

impl PageSet {
    /// An empty set over `node`, or of zero pages.
    pub fn new(frames: &Rc<Frames>, node: Option<Rc<dyn Node>>, bytes: u64) -> Rc<PageSet> {
        Rc::new(PageSet {
            frames: frames.clone(),
            node,
            pages: RefCell::default(),
            dirty: Cell::new(false),
            bytes: Cell::new(bytes),
        })
    }

    /// The frame of page `index`, with a reference of the caller's own. `None` beyond the end of the file. `wanted`: see [`Frames::alloc`].
    ///
    /// # Errors
    /// When memory is full or the file cannot be read.
    pub fn get(&self, index: u64, wanted: Option<(u64, u32)>) -> Res<Option<u32>> {
        if let Some(&frame) = self.pages.borrow().get(&index) {
            self.frames.share(frame);
            return Ok(Some(frame));
        }
        let mut buf = [0u8; PAGE as usize];
        if let Some(node) = &self.node {
            let mut got = 0;
            while got < buf.len() {
                let n = node.read_at(index * PAGE + got as u64, &mut buf[got..])?;
                if n == 0 {
                    break;
                }
                got += n;
            }
            if got == 0 && index * PAGE >= node.stat()?.size {
                return Ok(None);
            }
        } else if index * PAGE >= self.bytes.get() {
            return Ok(None);
        }
        let frame = self
            .frames
            .alloc(self.node.is_none(), wanted)
            .ok_or(ENOMEM)?;
        if self.node.is_some() {
            self.frames.arena.write_bytes(frame, &buf);
        }
        self.frames.share(frame);
        self.pages.borrow_mut().insert(index, frame);
        Ok(Some(frame))
    }

    /// The file was written at `at` by a system call.
    pub fn patch(&self, at: u64, data: &[u8]) {
        let mut done = 0;
        while done < data.len() {
            let pos = at + done as u64;
            let n = ((PAGE - pos % PAGE) as usize).min(data.len() - done);
            if let Some(&frame) = self.pages.borrow().get(&(pos / PAGE)) {
                let to = frame + (pos % PAGE) as u32;
                self.frames.note_write(to, n as u32);
                self.frames.arena.write_bytes(to, &data[done..done + n]);
            }
            done += n;
        }
    }

    /// Writes the pages back to the file.
    pub fn sync(&self) {
        let Some(node) = self.node.as_ref().filter(|_| self.dirty.get()) else {
            return;
        };
        let Ok(size) = node.stat().map(|s| s.size) else {
            return;
        };
        let mut buf = [0u8; PAGE as usize];
        for (&index, &frame) in self.pages.borrow().iter() {
            let at = index * PAGE;
            if at < size {
                let n = (size - at).min(PAGE) as usize;
                self.frames.arena.read_bytes(frame, &mut buf[..n]);
                // A file that cannot be written now could not be mapped so.
                let _ = node.write_at(at, &buf[..n]);
            }
        }
    }
}

impl Drop for PageSet {
    fn drop(&mut self) {
        self.sync();
        for (_, frame) in self.pages.borrow_mut().drain() {
            self.frames.release(frame);
        }
    }
}

/// The page sets of files: private ones by identity and version, kept; shared ones by identity, as long as somebody maps them.
#[derive(Default)]
pub struct FileCache {
    private: RefCell<FxHashMap<(u64, u64, u64), Rc<PageSet>>>,
    shared: RefCell<FxHashMap<(u64, u64), Weak<PageSet>>>,
}

/// Files whose pages are kept beyond their last mapping.
const KEPT: usize = 256;

impl FileCache {
    /// Pages of a private mapping of `node`.
    ///
    /// # Errors
    /// When the node has no status.
    pub fn private(&self, frames: &Rc<Frames>, node: &Rc<dyn Node>) -> Res<Rc<PageSet>> {
        let s = node.stat()?;
        if let Some(set) = self.shared(s.dev, s.ino) {
            return Ok(set);
        }
        let version = (s.mtime.0 as u64)
            .wrapping_mul(1_000_000_007)
            .wrapping_add(s.mtime.1 as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ s.size;
        let mut sets = self.private.borrow_mut();
        if sets.len() > KEPT {
            sets.retain(|_, set| Rc::strong_count(set) > 1);
        }
        Ok(sets
            .entry((s.dev, s.ino, version))
            .or_insert_with(|| PageSet::new(frames, Some(node.clone()), 0))
            .clone())
    }

    /// Pages of shared mappings of `node`.
    ///
    /// # Errors
    /// When the node has no status.
    pub fn share(&self, frames: &Rc<Frames>, node: &Rc<dyn Node>) -> Res<Rc<PageSet>> {
        let s = node.stat()?;
        if let Some(set) = self.shared(s.dev, s.ino) {
            return Ok(set);
        }
        let set = PageSet::new(frames, Some(node.clone()), 0);
        self.shared
            .borrow_mut()
            .insert((s.dev, s.ino), Rc::downgrade(&set));
        Ok(set)
    }

    /// The shared set of a file, if somebody maps it.
    pub fn shared(&self, dev: u64, ino: u64) -> Option<Rc<PageSet>> {
        let mut sets = self.shared.borrow_mut();
        let set = sets.get(&(dev, ino))?.upgrade();
        if set.is_none() {
            sets.remove(&(dev, ino));
        }
        set
    }

    /// Whether any file is mapped shared.
    pub fn any_shared(&self) -> bool {
        !self.shared.borrow().is_empty()
    }

    /// Gives up what nobody maps.
    pub fn shrink(&self) {
        self.private
            .borrow_mut()
            .retain(|_, set| Rc::strong_count(set) > 1);
    }
}
