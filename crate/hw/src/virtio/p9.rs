//! The 9P transport device (specification, section 5.9 in Linux's reading of it) and its server: protocol 9P2000.L, the one Linux's `v9fs`
//! speaks, over a tree of files of the host ([`tree::FileTree`]).
//!
//! Modelled: all messages of 9P2000.L that a mount makes: walk, attributes, directories, reading and writing, creating, renaming,
//! removing, links by name. Not modelled: authentication, extended attributes (refused), locks (granted: nobody else is there),
//! device nodes, hard links.
//!
//! A guest's names never lead out of the tree: a name holds no slash, and `..` stops at the root.

use tinamou_core::{DevCx, LoadError, Loader, Saver, Stored, stored};

use super::queue::{Chain, Queues};
use super::{Kind, VirtioDevice};

pub mod mem;
mod message;
mod server;
#[cfg(test)]
mod tests;
pub mod tree;

use message::{Reader, Writer};
use tree::{Errno, FileTree};

/// The mount tag is in configuration space.
const F_TAG: u64 = 1;
/// Longest message.
const MSIZE: u32 = 128 << 10;
/// Most files a guest may hold.
const FIDS_MAX: usize = 1 << 16;

const RLERROR: u8 = 7;

/// A file the guest holds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Fid {
    number: u32,
    path: String,
    open: bool,
}
stored!(Fid { number, path, open });

/// The device.
pub struct P9 {
    tag: String,
    tree: Box<dyn FileTree>,
    fids: Vec<Fid>,
    msize: u32,
}

impl Stored for P9 {
    fn store(&self, s: &mut Saver) {
        self.fids.store(s);
        self.msize.store(s);
    }

    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        self.fids.restore(l)?;
        self.msize.restore(l)?;
        let inside = |p: &str| p.is_empty() || p.split('/').all(tree::is_name);
        if self.fids.len() > FIDS_MAX || !self.fids.iter().all(|f| inside(&f.path)) {
            return Err(LoadError::Invalid("files held by 9P"));
        }
        Ok(())
    }
}

impl P9 {
    /// A device that shows `tree` under the mount tag `tag`.
    pub fn new(tag: &str, tree: Box<dyn FileTree>) -> P9 {
        P9 {
            tag: tag.chars().take(255).collect(),
            tree,
            fids: Vec::new(),
            msize: MSIZE,
        }
    }

    fn fid(&self, number: u32) -> Result<&Fid, Errno> {
        let f = self.fids.iter().find(|f| f.number == number);
        f.ok_or(Errno::EBADF)
    }

    fn path(&self, number: u32) -> Result<String, Errno> {
        Ok(self.fid(number)?.path.clone())
    }

    fn open_path(&self, number: u32) -> Result<String, Errno> {
        let f = self.fid(number)?;
        if f.open {
            Ok(f.path.clone())
        } else {
            Err(Errno::EBADF)
        }
    }

    fn hold(&mut self, number: u32, path: String) -> Result<(), Errno> {
        if self.fids.iter().any(|f| f.number == number) {
            return Err(Errno::EBADF);
        }
        if self.fids.len() >= FIDS_MAX {
            return Err(Errno::ENFILE);
        }
        self.fids.push(Fid {
            number,
            path,
            open: false,
        });
        Ok(())
    }

    fn request(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, c: &Chain) {
        let bytes = c.read(cx, 0, self.msize as usize);
        let room = c.writable().min(self.msize as usize);
        let mut r = Reader::new(&bytes);
        let header = (|| Some((r.u32()?, r.u8()?, r.u16()?)))();
        let Some((size, kind, tag)) = header.filter(|h| h.0 as usize <= bytes.len()) else {
            cx.guest_error(format_args!("a 9P message cut short"));
            queues.push(cx, c, 0);
            return;
        };
        let mut body = Reader::new(&bytes[7..(size as usize).max(7)]);
        let mut w = Writer::default();
        let room_left = room.saturating_sub(7);
        let answer = match self.serve(kind, &mut body, &mut w, room_left) {
            Ok(()) if w.0.len() <= room_left => kind.wrapping_add(1),
            other => {
                let e = other.err().unwrap_or(Errno::ENOBUFS);
                w = Writer::default();
                w.u32(e.0);
                RLERROR
            }
        };
        let mut out = Writer::default();
        out.u32(w.0.len() as u32 + 7);
        out.u8(answer);
        out.u16(tag);
        out.0.append(&mut w.0);
        let n = c.write(cx, 0, &out.0);
        queues.push(cx, c, n);
    }
}

impl VirtioDevice for P9 {
    fn kind(&self) -> Kind {
        Kind {
            id: 9,
            pci_device: 0x1009,
            class: [0x00, 0x02, 0x00],
            queues: &[128],
        }
    }

    fn features(&self, _cx: &dyn DevCx) -> u64 {
        F_TAG
    }

    fn config(&self, _cx: &dyn DevCx) -> Vec<u8> {
        let mut c = (self.tag.len() as u16).to_le_bytes().to_vec();
        c.extend_from_slice(self.tag.as_bytes());
        c
    }

    fn reset(&mut self, _cx: &mut dyn DevCx) {
        self.fids.clear();
        self.msize = MSIZE;
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        while let Some(c) = queues.pop(cx, n) {
            self.request(cx, queues, &c);
        }
    }
}
