//! /dev: the few devices every program expects, over a host's /dev where there is one.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::mem::MemNode;
use super::proc::Procs;
use super::pts::{Ptmx, PtsDir};
use super::{Dirent, Node, Stat, mode};
use crate::errno::{EINVAL, ENOENT, ENOSPC, ENXIO, Res};
use crate::file::{File, FileOps, Key, ready};

/// Where random bytes come from.
pub type Random = Rc<RefCell<dyn FnMut(&mut [u8])>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Null,
    Zero,
    Full,
    Random,
    Urandom,
    Tty,
}

const DEVICES: &[(&[u8], Kind, u64)] = &[
    (b"null", Kind::Null, 1 << 32 | 3),
    (b"zero", Kind::Zero, 1 << 32 | 5),
    (b"full", Kind::Full, 1 << 32 | 7),
    (b"random", Kind::Random, 1 << 32 | 8),
    (b"urandom", Kind::Urandom, 1 << 32 | 9),
    (b"tty", Kind::Tty, 5 << 32),
];

const LINKS: &[(&[u8], &[u8])] = &[
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
];

/// The directory.
pub struct DevDir {
    random: Random,
    procs: Rc<Procs>,
    shm: Rc<MemNode>,
    below: Option<Rc<dyn Node>>,
}

impl DevDir {
    /// Over `below`, a host's /dev.
    pub fn new(
        random: &Random,
        procs: &Rc<Procs>,
        shm: Rc<MemNode>,
        below: Option<Rc<dyn Node>>,
    ) -> Rc<DevDir> {
        procs.host_terminals.set(below.is_some());
        Rc::new(DevDir {
            random: random.clone(),
            procs: procs.clone(),
            shm,
            below,
        })
    }
}

struct Link(&'static [u8]);

impl Node for Link {
    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 6,
            ino: 100 + self.0.len() as u64,
            mode: mode::LNK | 0o777,
            nlink: 1,
            size: self.0.len() as u64,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn open(&self, _flags: u32) -> Res<Rc<dyn FileOps>> {
        Err(ENXIO)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn readlink(&self) -> Res<Vec<u8>> {
        Ok(self.0.to_vec())
    }
}

impl Node for DevDir {
    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 6,
            ino: 1,
            mode: mode::DIR | 0o755,
            nlink: 3,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&self.stat()?, flags)?;
        let copy = DevDir {
            random: self.random.clone(),
            procs: self.procs.clone(),
            shm: self.shm.clone(),
            below: self.below.clone(),
        };
        Ok(Rc::new(crate::file::NodeFile(Rc::new(copy))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        let own_tty = self
            .procs
            .terminal()
            .is_some_and(|t| t.tty().is_some_and(|t| t.pty_number().is_some()));
        if name == b"tty"
            && !own_tty
            && let Some(below) = &self.below
        {
            return below.lookup(name);
        }
        if let Some(&(_, kind, rdev)) = DEVICES.iter().find(|d| d.0 == name) {
            return Ok(Rc::new(Device {
                kind,
                rdev,
                random: self.random.clone(),
                procs: self.procs.clone(),
            }));
        }
        if let Some(l) = LINKS.iter().find(|l| l.0 == name) {
            return Ok(Rc::new(Link(l.1)));
        }
        match (name, self.procs.ptys()) {
            (b"ptmx", Some(ptys)) => return Ok(Rc::new(Ptmx(ptys))),
            (b"pts", Some(ptys)) => {
                let below = self.below.as_ref().and_then(|b| b.lookup(b"pts").ok());
                return Ok(Rc::new(PtsDir { ptys, below }));
            }
            _ => {}
        }
        match (name, &self.below) {
            (b"shm", _) => Ok(self.shm.clone()),
            (_, Some(below)) => below.lookup(name),
            _ => Err(ENOENT),
        }
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        let mut out: Vec<Dirent> = DEVICES
            .iter()
            .map(|d| Dirent {
                ino: d.2 & 0xff | 0x100,
                kind: mode::CHR,
                name: d.0.to_vec(),
            })
            .collect();
        out.extend(LINKS.iter().map(|l| Dirent {
            ino: 100 + l.1.len() as u64,
            kind: mode::LNK,
            name: l.0.to_vec(),
        }));
        for (name, ino, kind) in [
            ("shm", self.shm.stat()?.ino, mode::DIR),
            ("ptmx", 88, mode::CHR),
            ("pts", 89, mode::DIR),
        ] {
            let name = name.as_bytes().to_vec();
            out.push(Dirent { ino, kind, name });
        }
        if let Some(below) = &self.below {
            let more = below.entries()?;
            out.extend(more.into_iter().filter(|e| self.own(&e.name)));
        }
        Ok(out)
    }
}

impl DevDir {
    fn own(&self, name: &[u8]) -> bool {
        !matches!(name, b"shm" | b"ptmx" | b"pts")
            && !DEVICES.iter().any(|d| d.0 == name)
            && !LINKS.iter().any(|l| l.0 == name)
    }
}

struct Device {
    kind: Kind,
    rdev: u64,
    random: Random,
    procs: Rc<Procs>,
}

impl Node for Device {
    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 6,
            ino: self.rdev & 0xff | 0x100,
            mode: mode::CHR | 0o666,
            nlink: 1,
            rdev: self.rdev,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&Node::stat(self)?, flags)?;
        if self.kind == Kind::Tty {
            return self.procs.terminal().ok_or(ENXIO);
        }
        Ok(Rc::new(Device {
            kind: self.kind,
            rdev: self.rdev,
            random: self.random.clone(),
            procs: self.procs.clone(),
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read_at(&self, _at: u64, buf: &mut [u8]) -> Res<usize> {
        match self.kind {
            Kind::Null => return Ok(0),
            Kind::Zero | Kind::Full => buf.fill(0),
            Kind::Random | Kind::Urandom => (self.random.borrow_mut())(buf),
            Kind::Tty => return Err(EINVAL),
        }
        Ok(buf.len())
    }

    fn write_at(&self, _at: u64, data: &[u8]) -> Res<usize> {
        if self.kind == Kind::Full && !data.is_empty() {
            Err(ENOSPC)
        } else {
            Ok(data.len())
        }
    }

    fn set_attr(&self, _attr: &super::Attr) -> Res<()> {
        Ok(())
    }
}

impl FileOps for Device {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        Node::read_at(self, 0, buf)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        Node::write_at(self, 0, data)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        Node::read_at(self, at, buf)
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        Node::write_at(self, at, data)
    }

    fn poll(&self) -> u32 {
        ready::IN | ready::OUT | ready::RDNORM | ready::WRNORM
    }

    fn keys(&self, _want: u32, _out: &mut Vec<Key>) {}

    fn stat(&self) -> Res<Stat> {
        Node::stat(self)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        Some(Rc::new(Device {
            kind: self.kind,
            rdev: self.rdev,
            random: self.random.clone(),
            procs: self.procs.clone(),
        }))
    }

    fn name(&self) -> Vec<u8> {
        [
            &b"/dev/"[..],
            DEVICES
                .iter()
                .find(|d| d.1 == self.kind)
                .map_or(&b"?"[..], |d| d.0),
        ]
        .concat()
    }
}
