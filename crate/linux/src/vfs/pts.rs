//! /dev/ptmx and /dev/pts: the names of pseudo-terminals, over a host's where there is one.

use std::any::Any;
use std::rc::Rc;

use super::{Attr, Dirent, Node, Stat, mode};
use crate::errno::{EIO, ENOENT, Res};
use crate::file::pty::{Pty, Ptys};
use crate::file::{FileOps, NodeFile};

/// /dev/ptmx: whoever opens it has a new master.
pub struct Ptmx(pub Rc<Ptys>);

impl Node for Ptmx {
    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 6,
            ino: 88,
            mode: mode::CHR | 0o666,
            nlink: 1,
            rdev: 5 << 32 | 2,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn open(&self, _flags: u32) -> Res<Rc<dyn FileOps>> {
        self.0.open()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// /dev/pts.
#[derive(Clone)]
pub struct PtsDir {
    /// Ours.
    pub ptys: Rc<Ptys>,
    /// The host's.
    pub below: Option<Rc<dyn Node>>,
}

impl Node for PtsDir {
    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 24,
            ino: 1,
            mode: mode::DIR | 0o755,
            nlink: 2,
            blksize: 1024,
            ..Stat::default()
        })
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&self.stat()?, flags)?;
        Ok(Rc::new(NodeFile(Rc::new(self.clone()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        if name == b"ptmx" {
            return Ok(Rc::new(Ptmx(self.ptys.clone())));
        }
        let number = std::str::from_utf8(name).ok().and_then(|s| s.parse().ok());
        if let Some(pty) = number.and_then(|n| self.ptys.slave(n)) {
            return Ok(Rc::new(Slave(pty)));
        }
        match &self.below {
            Some(b) => b.lookup(name),
            None => Err(ENOENT),
        }
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        let mut out: Vec<Dirent> = self
            .ptys
            .numbers()
            .into_iter()
            .map(|n| Dirent {
                ino: 3 + n as u64,
                kind: mode::CHR,
                name: n.to_string().into_bytes(),
            })
            .collect();
        if let Some(b) = &self.below {
            out.extend(b.entries()?);
        }
        Ok(out)
    }
}

struct Slave(Rc<Pty>);

impl Node for Slave {
    fn stat(&self) -> Res<Stat> {
        Ok(self.0.stat())
    }

    fn open(&self, _flags: u32) -> Res<Rc<dyn FileOps>> {
        if self.0.has_no_master() {
            return Err(EIO);
        }
        Ok(self.0.end(false))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn set_attr(&self, _attr: &Attr) -> Res<()> {
        Ok(())
    }
}
