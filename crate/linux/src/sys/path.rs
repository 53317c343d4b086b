//! Calls that name files.

use std::rc::Rc;

use crate::errno::{EBADF, EEXIST, ENAMETOOLONG, ENOTDIR, ERANGE, Errno, Res};
use crate::kernel::{Kernel, Sys};
use crate::vfs::{Last, Place, mode};

pub(super) const AT_FDCWD: i32 = -100;

pub(super) const NOFOLLOW: u32 = 0x100;

pub(super) const REMOVEDIR: u32 = 0x200;

pub(super) const EACCESS: u32 = 0x200;

pub(super) const FOLLOW: u32 = 0x400;

pub(super) const EMPTY_PATH: u32 = 0x1000;

impl Kernel {
    /// A path in guest memory.
    ///
    /// # Errors
    /// EFAULT, ENAMETOOLONG.
    pub fn path(&mut self, va: u64) -> Res<Vec<u8>> {
        self.mm().borrow_mut().string(va, 4096, ENAMETOOLONG)
    }

    /// The directory a path starts from.
    ///
    /// # Errors
    /// EBADF, ENOTDIR.
    pub(super) fn start(&mut self, dir: i32, path: &[u8]) -> Res<Rc<Place>> {
        let fs = self.task().fs.clone();
        if dir == AT_FDCWD || path.first() == Some(&b'/') {
            let cwd = fs.borrow().cwd.clone();
            return Ok(cwd);
        }
        let f = self.file(dir)?;
        if f.ops.stat()?.kind() != mode::DIR {
            return Err(ENOTDIR);
        }
        f.place.clone().ok_or(ENOTDIR)
    }

    /// What (dir, path) names.
    pub(super) fn at(&mut self, dir: i32, path: u64, follow: bool) -> Res<Rc<Place>> {
        let path = self.path(path)?;
        let start = self.start(dir, &path)?;
        self.find(&start, &path, follow)
    }

    /// As `at`; with AT_EMPTY_PATH and no path it is the descriptor's.
    pub(super) fn at_flags(&mut self, dir: i32, path: u64, flags: u32) -> Res<Rc<Place>> {
        let name = if path == 0 && flags & EMPTY_PATH != 0 {
            Vec::new()
        } else {
            self.path(path)?
        };
        if name.is_empty() && flags & EMPTY_PATH != 0 {
            if dir == AT_FDCWD {
                return Ok(self.task().fs.borrow().cwd.clone());
            }
            return self.fd_place(dir, EBADF);
        }
        let start = self.start(dir, &name)?;
        self.find(&start, &name, flags & NOFOLLOW == 0)
    }

    /// Where a descriptor's file lies; `other` for what is no file of a tree.
    pub(super) fn fd_place(&mut self, fd: i32, other: Errno) -> Res<Rc<Place>> {
        let f = self.file(fd)?;
        let node = f.ops.node().ok_or(other)?;
        Ok(match &f.place {
            Some(p) => Rc::new(Place {
                node,
                parent: p.parent.clone(),
                name: p.name.clone(),
            }),
            None => Place::root(node),
        })
    }

    pub(super) fn last(&mut self, dir: i32, path: u64) -> Res<Last> {
        let path = self.path(path)?;
        let start = self.start(dir, &path)?;
        let root = self.task().fs.borrow().root.clone();
        self.tree.find_last(&start, &root, &path)
    }

    /// For making `last`: it must have a name.
    pub(super) fn new_name(&mut self, dir: i32, path: u64) -> Res<Last> {
        let last = self.last(dir, path)?;
        if last.name.is_empty() || last.name == b"." || last.name == b".." {
            Err(EEXIST)
        } else {
            Ok(last)
        }
    }

    pub(super) fn masked(&mut self, bits: u32) -> u32 {
        bits & 0o7777 & !self.task().fs.borrow().umask
    }
}

fn go(k: &mut Kernel, place: Rc<Place>) -> Sys {
    if place.node.stat()?.kind() != mode::DIR {
        return Err(ENOTDIR.into());
    }
    place.node.access(1)?;
    k.task().fs.borrow_mut().cwd = place;
    Ok(0)
}

pub(super) fn chdir(k: &mut Kernel, path: u64) -> Sys {
    let place = k.at(AT_FDCWD, path, true)?;
    go(k, place)
}

pub(super) fn fchdir(k: &mut Kernel, fd: i32) -> Sys {
    let place = k.file(fd)?.place.clone().ok_or(ENOTDIR)?;
    go(k, place)
}

pub(super) fn chroot(k: &mut Kernel, path: u64) -> Sys {
    let place = k.at(AT_FDCWD, path, true)?;
    if place.node.stat()?.kind() != mode::DIR {
        return Err(ENOTDIR.into());
    }
    if k.group().ids.get()[1] != 0 {
        return Err(crate::errno::EPERM.into());
    }
    k.task().fs.borrow_mut().root = Place::root(place.node.clone());
    Ok(0)
}

pub(super) fn getcwd(k: &mut Kernel, buf: u64, bytes: u64) -> Sys {
    let mut path = k.task().fs.borrow().cwd.path();
    path.push(0);
    if path.len() as u64 > bytes {
        return Err(ERANGE.into());
    }
    k.put(buf, &path)?;
    Ok(path.len() as u64)
}

pub(super) fn umask(k: &mut Kernel, bits: u32) -> Sys {
    let fs = k.task().fs.clone();
    let old = core::mem::replace(&mut fs.borrow_mut().umask, bits & 0o777);
    Ok(old as u64)
}
