//! Calls that name files.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::{self, In, Out};
use crate::errno::{
    EACCES, EBADF, EEXIST, EFAULT, EINVAL, EISDIR, ENAMETOOLONG, ENODATA, ENOENT, ENOTDIR,
    EOVERFLOW, ERANGE, EXDEV, Res,
};
use crate::file::File;
use crate::file::pipe::{Pipe, PipeEnd};
use crate::kernel::{Kernel, Sys, wait_for};
use crate::vfs::mem::MemNode;
use crate::vfs::proc::OpenedNode;
use crate::vfs::{Attr, Last, Node, Place, Stat, mode, open as o};

const AT_FDCWD: i32 = -100;
const NOFOLLOW: u32 = 0x100;
const REMOVEDIR: u32 = 0x200;
const EACCESS: u32 = 0x200;
const FOLLOW: u32 = 0x400;
const EMPTY_PATH: u32 = 0x1000;

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
    fn start(&mut self, dir: i32, path: &[u8]) -> Res<Rc<Place>> {
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
    fn at(&mut self, dir: i32, path: u64, follow: bool) -> Res<Rc<Place>> {
        let path = self.path(path)?;
        let start = self.start(dir, &path)?;
        self.find(&start, &path, follow)
    }

    /// As `at`; with AT_EMPTY_PATH and no path it is the descriptor's.
    fn at_flags(&mut self, dir: i32, path: u64, flags: u32) -> Res<Rc<dyn Node>> {
        let name = if path == 0 && flags & EMPTY_PATH != 0 {
            Vec::new()
        } else {
            self.path(path)?
        };
        if name.is_empty() && flags & EMPTY_PATH != 0 {
            if dir == AT_FDCWD {
                return Ok(self.task().fs.borrow().cwd.node.clone());
            }
            let f = self.file(dir)?;
            return f.ops.node().ok_or(EBADF);
        }
        let start = self.start(dir, &name)?;
        Ok(self
            .find(&start, &name, flags & NOFOLLOW == 0)?
            .node
            .clone())
    }

    fn last(&mut self, dir: i32, path: u64) -> Res<Last> {
        let path = self.path(path)?;
        let start = self.start(dir, &path)?;
        let root = self.task().fs.borrow().root.clone();
        self.tree.find_last(&start, &root, &path)
    }

    /// For making `last`: it must have a name.
    fn new_name(&mut self, dir: i32, path: u64) -> Res<Last> {
        let last = self.last(dir, path)?;
        if last.name.is_empty() || last.name == b"." || last.name == b".." {
            Err(EEXIST)
        } else {
            Ok(last)
        }
    }

    fn masked(&mut self, bits: u32) -> u32 {
        bits & 0o7777 & !self.task().fs.borrow().umask
    }
}

fn do_open(k: &mut Kernel, dir: i32, path: u64, flags: u32, bits: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    let name = k.path(path)?;
    open_path(k, dir, &name, flags, bits)
}

fn open_path(k: &mut Kernel, dir: i32, name: &[u8], flags: u32, bits: u32) -> Sys {
    k.realtime();
    let start = k.start(dir, name)?;
    let root = k.task().fs.borrow().root.clone();
    if flags & o::TMPFILE != 0 && flags & o::DIRECTORY != 0 {
        let d = k.find(&start, name, true)?;
        if d.node.stat()?.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
        // A file without a name: on a tree of its own.
        let tmp = MemNode::tree(15, &k.tree_now);
        let node = tmp.create(b"tmpfile", mode::REG | k.masked(bits), 0)?;
        let ops = node.open(o::RDWR)?;
        let place = Place {
            node,
            parent: d.parent.clone(),
            name: b"#tmpfile (deleted)".to_vec(),
        };
        return install(
            k,
            File::new(
                ops,
                flags & !(o::CLOEXEC | o::TMPFILE),
                Some(Rc::new(place)),
            ),
            flags,
        );
    }
    let found = k.find(
        &start,
        name,
        flags & (o::NOFOLLOW | o::EXCL) == 0 || flags & o::CREAT == 0 && flags & o::NOFOLLOW == 0,
    );
    let place = match found {
        Ok(p) => {
            if flags & (o::CREAT | o::EXCL) == o::CREAT | o::EXCL {
                return Err(EEXIST.into());
            }
            if flags & o::CREAT != 0 && p.node.stat()?.kind() == mode::DIR {
                return Err(EISDIR.into());
            }
            p
        }
        Err(e) if e == ENOENT && flags & o::CREAT != 0 => {
            let last = k.tree.find_last(&start, &root, name)?;
            if last.slash {
                return Err(EISDIR.into());
            }
            let last = if flags & (o::NOFOLLOW | o::EXCL) != 0 {
                last
            } else {
                k.tree.follow_last(&root, last)?
            };
            let bits = k.masked(bits);
            let node = last.dir.node.create(&last.name, mode::REG | bits, 0)?;
            let place = Rc::new(Place {
                node,
                parent: Some(last.dir.clone()),
                name: last.name,
            });
            // The mode of a new file does not stop its maker.
            let ops = match place.node.open(flags & !(o::CREAT | o::EXCL)) {
                Err(e) if e == EACCES => {
                    place.node.set_attr(&Attr {
                        mode: Some(bits | 0o600),
                        ..Attr::default()
                    })?;
                    let ops = place.node.open(flags & !(o::CREAT | o::EXCL))?;
                    place.node.set_attr(&Attr {
                        mode: Some(bits),
                        ..Attr::default()
                    })?;
                    ops
                }
                r => r?,
            };
            return install(k, File::new(ops, flags & !o::CLOEXEC, Some(place)), flags);
        }
        Err(e) => return Err(e.into()),
    };
    let stat = place.node.stat()?;
    if stat.kind() == mode::LNK && flags & o::PATH == 0 {
        return Err(crate::errno::ELOOP.into());
    }
    if flags & o::PATH != 0 {
        if flags & o::DIRECTORY != 0 && stat.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
        let ops = Rc::new(crate::file::NodeFile(place.node.clone()));
        return install(k, File::new(ops, o::PATH, Some(place)), flags);
    }
    if stat.kind() == mode::FIFO {
        return open_fifo(k, &place, flags);
    }
    let ops = place.node.open(flags)?;
    if flags & o::TRUNC != 0
        && flags & o::ACCMODE != 0
        && let Some(set) = k.cache.shared(stat.dev, stat.ino)
    {
        set.patch(0, &vec![0; stat.size.min(1 << 24) as usize]);
    }
    take_terminal(k, &ops, flags);
    install(
        k,
        File::new(
            ops,
            flags & !(o::CLOEXEC | o::CREAT | o::EXCL | o::TRUNC | o::NOCTTY),
            Some(place),
        ),
        flags,
    )
}

fn install(k: &mut Kernel, f: Rc<File>, flags: u32) -> Sys {
    let files = k.task().files.clone();
    let fd = files.borrow_mut().add(f, flags & o::CLOEXEC != 0, 0)?;
    Ok(fd as u64)
}

/// A session leader without a terminal gets the one it opens.
fn take_terminal(k: &mut Kernel, ops: &Rc<dyn crate::file::FileOps>, flags: u32) {
    let g = k.group();
    if flags & o::NOCTTY == 0
        && g.sid.get() == g.pid
        && g.tty.borrow().is_none()
        && !ops.is_master()
        && let Some(t) = ops.tty()
        && t.session().get() == 0
    {
        t.session().set(g.sid.get());
        t.foreground().set(g.pgid.get());
        *g.tty.borrow_mut() = Some(ops.clone());
    }
}

/// FIFOs are ours even where the node is the host's: both ends are processes here.
fn open_fifo(k: &mut Kernel, place: &Rc<Place>, flags: u32) -> Sys {
    let s = place.node.stat()?;
    let id = (s.dev, s.ino);
    let wakes = k.wakes.clone();
    // A pipe that is open, by its descriptor's name, is that pipe; nobody waits for its other side.
    let opened = place.node.as_any().downcast_ref::<OpenedNode>();
    let end = opened.and_then(|o| o.0.ops.as_any().downcast_ref::<PipeEnd>());
    let anonymous = end.is_some();
    let pipe = match end {
        Some(end) => end.pipe.clone(),
        None => k.locks.fifo(id, || Pipe::new(&wakes)),
    };
    let (r, w) = match flags & o::ACCMODE {
        0 => (true, false),
        o::WRONLY => (false, true),
        _ => (true, true),
    };
    let (writers, readers) = pipe.ends();
    // It waits for the other side; while it waits it counts as an end, so that the other side goes on.
    if r != w
        && !anonymous
        && flags & o::NONBLOCK == 0
        && if r { writers == 0 } else { readers == 0 }
    {
        let tid = k.cur;
        if k.task().scratch == 0 {
            k.task().scratch = 1;
            let end = pipe.end(r, w, Some(place.node.clone()));
            k.locks.opening.push((tid, end));
        }
        let key = pipe.key();
        return Err(wait_for(vec![key], None));
    }
    if w && !r && readers == 0 && !anonymous {
        return Err(crate::errno::ENXIO.into());
    }
    let tid = k.cur;
    let waiting = k
        .locks
        .opening
        .iter()
        .position(|e| e.0 == tid && Rc::ptr_eq(&e.1.pipe, &pipe));
    let end = match waiting {
        Some(i) => k.locks.opening.remove(i).1,
        None => pipe.end(r, w, Some(place.node.clone())),
    };
    install(
        k,
        File::new(end, flags & !(o::CLOEXEC | o::CREAT), Some(place.clone())),
        flags,
    )
}

pub(super) fn open(k: &mut Kernel, path: u64, flags: u32, bits: u32) -> Sys {
    do_open(k, AT_FDCWD, path, flags, bits)
}

pub(super) fn openat(k: &mut Kernel, dir: i32, path: u64, flags: u32, bits: u32) -> Sys {
    do_open(k, dir, path, flags, bits)
}

pub(super) fn openat2(k: &mut Kernel, dir: i32, path: u64, how: u64, size: u64) -> Sys {
    if size < 24 {
        return Err(EINVAL.into());
    }
    let b = k.get(how, 24)?;
    let mut i = In::new(k.abi(), &b);
    let (flags, bits, resolve) = (i.u64()?, i.u64()?, i.u64()?);
    if resolve != 0 {
        return Err(crate::errno::EOPNOTSUPP.into());
    }
    do_open(k, dir, path, flags as u32, bits as u32)
}

pub(super) fn creat(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    let name = k.path(path)?;
    open_path(k, AT_FDCWD, &name, o::CREAT | o::WRONLY | o::TRUNC, bits)
}

fn put_stat(k: &mut Kernel, s: &Stat, to: u64, wide: bool) -> Sys {
    let abi = k.abi();
    let fields = if wide { abi.stat64 } else { abi.stat };
    if !wide && abi.long == 4 && !abi.stat64.is_empty() && s.size > 0x7fff_ffff {
        return Err(EOVERFLOW.into());
    }
    let b = layout::stat(abi, fields, s);
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn stat(k: &mut Kernel, path: u64, to: u64) -> Sys {
    let s = k.at(AT_FDCWD, path, true)?.node.stat()?;
    put_stat(k, &s, to, false)
}

pub(super) fn lstat(k: &mut Kernel, path: u64, to: u64) -> Sys {
    let s = k.at(AT_FDCWD, path, false)?.node.stat()?;
    put_stat(k, &s, to, false)
}

fn fd_stat(k: &mut Kernel, fd: i32) -> Res<Stat> {
    k.realtime();
    k.file(fd)?.ops.stat()
}

pub(super) fn fstat(k: &mut Kernel, fd: i32, to: u64) -> Sys {
    let s = fd_stat(k, fd)?;
    put_stat(k, &s, to, false)
}

pub(super) fn stat64(k: &mut Kernel, path: u64, to: u64) -> Sys {
    let s = k.at(AT_FDCWD, path, true)?.node.stat()?;
    put_stat(k, &s, to, true)
}

pub(super) fn lstat64(k: &mut Kernel, path: u64, to: u64) -> Sys {
    let s = k.at(AT_FDCWD, path, false)?.node.stat()?;
    put_stat(k, &s, to, true)
}

pub(super) fn fstat64(k: &mut Kernel, fd: i32, to: u64) -> Sys {
    let s = fd_stat(k, fd)?;
    put_stat(k, &s, to, true)
}

fn stat_at(k: &mut Kernel, dir: i32, path: u64, flags: u32) -> Res<Stat> {
    if flags & EMPTY_PATH != 0 && dir != AT_FDCWD && (path == 0 || k.path(path)?.is_empty()) {
        return fd_stat(k, dir);
    }
    k.at_flags(dir, path, flags)?.stat()
}

pub(super) fn fstatat64(k: &mut Kernel, dir: i32, path: u64, to: u64, flags: u32) -> Sys {
    let s = stat_at(k, dir, path, flags)?;
    put_stat(k, &s, to, true)
}

pub(super) fn newfstatat(k: &mut Kernel, dir: i32, path: u64, to: u64, flags: u32) -> Sys {
    let s = stat_at(k, dir, path, flags)?;
    put_stat(k, &s, to, false)
}

pub(super) fn statx(k: &mut Kernel, dir: i32, path: u64, flags: u32, _mask: u32, to: u64) -> Sys {
    let s = stat_at(k, dir, path, flags)?;
    let mut w = Out::new(k.abi());
    w.u32(0x7ff)
        .u32(s.blksize)
        .u64(0)
        .u32(s.nlink)
        .u32(s.uid)
        .u32(s.gid)
        .u16(s.mode as u16)
        .u16(0);
    w.u64(s.ino).u64(s.size).u64(s.blocks).u64(0);
    for t in [s.atime, (0, 0), s.ctime, s.mtime] {
        w.u64(t.0 as u64).u32(t.1).i32(0);
    }
    w.u32((s.rdev >> 32) as u32)
        .u32(s.rdev as u32)
        .u32((s.dev >> 32) as u32)
        .u32(s.dev as u32);
    w.pad_to(256);
    let b = w.done();
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn access(k: &mut Kernel, path: u64, want: u32) -> Sys {
    faccessat2(k, AT_FDCWD, path, want, 0)
}

pub(super) fn faccessat(k: &mut Kernel, dir: i32, path: u64, want: u32) -> Sys {
    faccessat2(k, dir, path, want, 0)
}

pub(super) fn faccessat2(k: &mut Kernel, dir: i32, path: u64, want: u32, flags: u32) -> Sys {
    if want & !7 != 0 {
        return Err(EINVAL.into());
    }
    k.at_flags(dir, path, flags & !EACCESS)?.access(want)?;
    Ok(0)
}

pub(super) fn readlink(k: &mut Kernel, path: u64, to: u64, bytes: u64) -> Sys {
    readlinkat(k, AT_FDCWD, path, to, bytes)
}

pub(super) fn readlinkat(k: &mut Kernel, dir: i32, path: u64, to: u64, bytes: u64) -> Sys {
    if bytes as i64 <= 0 {
        return Err(EINVAL.into());
    }
    let name = k.path(path)?;
    let target = if name.is_empty() {
        k.file(dir)?.place.as_ref().ok_or(ENOENT)?.node.readlink()?
    } else {
        let start = k.start(dir, &name)?;
        k.find(&start, &name, false)?.node.readlink()?
    };
    let n = target.len().min(bytes as usize);
    k.put(to, &target[..n])?;
    Ok(n as u64)
}

pub(super) fn mkdir(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    mkdirat(k, AT_FDCWD, path, bits)
}

pub(super) fn mkdirat(k: &mut Kernel, dir: i32, path: u64, bits: u32) -> Sys {
    k.realtime();
    let last = k.new_name(dir, path)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    let bits = k.masked(bits);
    last.dir.node.mkdir(&last.name, bits)?;
    Ok(0)
}

pub(super) fn rmdir(k: &mut Kernel, path: u64) -> Sys {
    unlinkat(k, AT_FDCWD, path, REMOVEDIR)
}

pub(super) fn unlink(k: &mut Kernel, path: u64) -> Sys {
    unlinkat(k, AT_FDCWD, path, 0)
}

pub(super) fn unlinkat(k: &mut Kernel, dir: i32, path: u64, flags: u32) -> Sys {
    k.realtime();
    let last = k.last(dir, path)?;
    let rmdir = flags & REMOVEDIR != 0;
    match &last.name[..] {
        b"" => return Err(if rmdir { crate::errno::EBUSY } else { EISDIR }.into()),
        b"." => return Err(if rmdir { EINVAL } else { EISDIR }.into()),
        b".." => {
            return Err(if rmdir {
                crate::errno::ENOTEMPTY
            } else {
                EISDIR
            }
            .into());
        }
        _ => {}
    }
    if last.slash && !rmdir {
        let s = k.tree.entry(&last)?.node.stat()?;
        return Err(if s.kind() == mode::DIR {
            EISDIR
        } else {
            ENOTDIR
        }
        .into());
    }
    // A socket's name goes with its file.
    last.dir.node.unlink(&last.name, rmdir)?;
    Ok(0)
}

pub(super) fn rename(k: &mut Kernel, from: u64, to: u64) -> Sys {
    renameat2(k, AT_FDCWD, from, AT_FDCWD, to, 0)
}

pub(super) fn renameat(k: &mut Kernel, from_dir: i32, from: u64, to_dir: i32, to: u64) -> Sys {
    renameat2(k, from_dir, from, to_dir, to, 0)
}

pub(super) fn renameat2(
    k: &mut Kernel,
    from_dir: i32,
    from: u64,
    to_dir: i32,
    to: u64,
    flags: u32,
) -> Sys {
    if flags & !3 != 0 {
        return Err(EINVAL.into());
    }
    k.realtime();
    let (a, b) = (k.last(from_dir, from)?, k.last(to_dir, to)?);
    for l in [&a, &b] {
        if matches!(&l.name[..], b"" | b"." | b"..") {
            return Err(crate::errno::EBUSY.into());
        }
    }
    if a.slash || b.slash {
        let s = k.tree.entry(&a)?.node.stat()?;
        if s.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
    }
    if a.dir.node.stat()?.dev != b.dir.node.stat()?.dev {
        return Err(EXDEV.into());
    }
    a.dir.node.rename(&a.name, &b.dir.node, &b.name, flags)?;
    Ok(0)
}

pub(super) fn link(k: &mut Kernel, from: u64, to: u64) -> Sys {
    linkat(k, AT_FDCWD, from, AT_FDCWD, to, 0)
}

pub(super) fn linkat(
    k: &mut Kernel,
    from_dir: i32,
    from: u64,
    to_dir: i32,
    to: u64,
    flags: u32,
) -> Sys {
    k.realtime();
    let node = k.at_flags(
        from_dir,
        from,
        flags & EMPTY_PATH | if flags & FOLLOW == 0 { NOFOLLOW } else { 0 },
    )?;
    let last = k.new_name(to_dir, to)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    last.dir.node.link(&last.name, &node)?;
    Ok(0)
}

pub(super) fn symlink(k: &mut Kernel, target: u64, path: u64) -> Sys {
    symlinkat(k, target, AT_FDCWD, path)
}

pub(super) fn symlinkat(k: &mut Kernel, target: u64, dir: i32, path: u64) -> Sys {
    k.realtime();
    let target = k.path(target)?;
    if target.is_empty() {
        return Err(ENOENT.into());
    }
    let last = k.new_name(dir, path)?;
    last.dir.node.symlink(&last.name, &target)?;
    Ok(0)
}

pub(super) fn mknod(k: &mut Kernel, path: u64, bits: u32, dev: u32) -> Sys {
    mknodat(k, AT_FDCWD, path, bits, dev)
}

pub(super) fn mknodat(k: &mut Kernel, dir: i32, path: u64, bits: u32, dev: u32) -> Sys {
    k.realtime();
    let last = k.new_name(dir, path)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    if bits & mode::FMT == mode::DIR {
        return Err(crate::errno::EPERM.into());
    }
    let rdev = (dev as u64 >> 8 & 0xfff) << 32 | dev as u64 & 0xff | dev as u64 >> 12 & 0xff_ff00;
    let bits = bits & mode::FMT | k.masked(bits);
    last.dir.node.create(&last.name, bits, rdev)?;
    Ok(0)
}

fn set(k: &mut Kernel, node: &Rc<dyn Node>, a: Attr) -> Sys {
    k.realtime();
    node.set_attr(&a)?;
    Ok(0)
}

pub(super) fn chmod(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    fchmodat(k, AT_FDCWD, path, bits)
}

pub(super) fn fchmod(k: &mut Kernel, fd: i32, bits: u32) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(EINVAL)?;
    set(
        k,
        &node,
        Attr {
            mode: Some(bits & 0o7777),
            ..Attr::default()
        },
    )
}

pub(super) fn fchmodat(k: &mut Kernel, dir: i32, path: u64, bits: u32) -> Sys {
    let node = k.at(dir, path, true)?.node.clone();
    set(
        k,
        &node,
        Attr {
            mode: Some(bits & 0o7777),
            ..Attr::default()
        },
    )
}

fn owner(uid: i32, gid: i32) -> Attr {
    let id = |n: i32| (n != -1).then_some(n as u32);
    Attr {
        uid: id(uid),
        gid: id(gid),
        ..Attr::default()
    }
}

pub(super) fn chown(k: &mut Kernel, path: u64, uid: i32, gid: i32) -> Sys {
    fchownat(k, AT_FDCWD, path, uid, gid, 0)
}

pub(super) fn lchown(k: &mut Kernel, path: u64, uid: i32, gid: i32) -> Sys {
    fchownat(k, AT_FDCWD, path, uid, gid, NOFOLLOW)
}

pub(super) fn fchown(k: &mut Kernel, fd: i32, uid: i32, gid: i32) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(EINVAL)?;
    set(k, &node, owner(uid, gid))
}

pub(super) fn fchownat(k: &mut Kernel, dir: i32, path: u64, uid: i32, gid: i32, flags: u32) -> Sys {
    let node = k.at_flags(dir, path, flags)?;
    set(k, &node, owner(uid, gid))
}

pub(super) fn truncate(k: &mut Kernel, path: u64, size: i64) -> Sys {
    truncate64(k, path, size)
}

pub(super) fn truncate64(k: &mut Kernel, path: u64, size: i64) -> Sys {
    let size = u64::try_from(size).map_err(|_| EINVAL)?;
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    if node.stat()?.kind() == mode::DIR {
        return Err(EISDIR.into());
    }
    node.access(2)?;
    set(
        k,
        &node,
        Attr {
            size: Some(size),
            ..Attr::default()
        },
    )
}

type Times = [Option<(i64, u32)>; 2];

fn now_pair(k: &mut Kernel) -> (i64, u32) {
    let t = k.realtime();
    ((t / 1_000_000_000) as i64, (t % 1_000_000_000) as u32)
}

fn set_times(k: &mut Kernel, node: &Rc<dyn Node>, t: Times) -> Sys {
    set(
        k,
        node,
        Attr {
            atime: t[0],
            mtime: t[1],
            ..Attr::default()
        },
    )
}

pub(super) fn utime(k: &mut Kernel, path: u64, times: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let b = k.get(times, 2 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        [Some((i.slong()?, 0)), Some((i.slong()?, 0))]
    };
    set_times(k, &node, t)
}

pub(super) fn utimes(k: &mut Kernel, path: u64, times: u64) -> Sys {
    futimesat(k, AT_FDCWD, path, times)
}

pub(super) fn futimesat(k: &mut Kernel, dir: i32, path: u64, times: u64) -> Sys {
    let node = if path == 0 {
        k.file(dir)?.ops.node().ok_or(EINVAL)?
    } else {
        k.at(dir, path, true)?.node.clone()
    };
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let b = k.get(times, 4 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        let mut one = || -> Res<_> { Ok(Some((i.slong()?, i.long()? as u32 % 1_000_000 * 1000))) };
        [one()?, one()?]
    };
    set_times(k, &node, t)
}

fn utimens(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32, wide: bool) -> Sys {
    const NOW: i64 = 0x3fff_ffff;
    const OMIT: i64 = 0x3fff_fffe;
    let node = if path == 0 {
        k.file(dir)?.ops.node().ok_or(EINVAL)?
    } else {
        k.at_flags(dir, path, flags)?
    };
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let wide = wide || k.abi().long == 8;
        let b = k.get(times, if wide { 32 } else { 16 })?;
        let mut i = In::new(k.abi(), &b);
        let mut one = || -> Res<_> {
            let (s, ns) = if wide {
                (i.u64()? as i64, i.u64()? as i64)
            } else {
                (i.slong()?, i.slong()?)
            };
            Ok(match ns as u32 as i64 {
                NOW => Some(now),
                OMIT => None,
                n if n < 1_000_000_000 => Some((s, n as u32)),
                _ => return Err(EINVAL),
            })
        };
        [one()?, one()?]
    };
    set_times(k, &node, t)
}

pub(super) fn utimensat(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32) -> Sys {
    utimens(k, dir, path, times, flags, false)
}

pub(super) fn utimensat_time64(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32) -> Sys {
    utimens(k, dir, path, times, flags, true)
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

fn put_statfs(k: &mut Kernel, node: &Rc<dyn Node>, to: u64, wide: bool) -> Sys {
    let s = node.statfs()?;
    let abi = k.abi();
    let mut w = Out::new(abi);
    let (kind, namelen) = (s.kind, s.namelen);
    if wide {
        w.u32(kind as u32).u32(s.bsize as u32);
        if abi.statfs_mips {
            w.u32(s.bsize as u32)
                .u32(0)
                .u64(s.blocks)
                .u64(s.bfree)
                .u64(s.files)
                .u64(s.ffree)
                .u64(s.bavail);
            w.u64(0).u32(namelen as u32).u32(s.flags as u32).pad(20);
        } else {
            w.u64(s.blocks)
                .u64(s.bfree)
                .u64(s.bavail)
                .u64(s.files)
                .u64(s.ffree)
                .u64(0);
            w.u32(namelen as u32)
                .u32(s.bsize as u32)
                .u32(s.flags as u32)
                .pad(16);
        }
    } else {
        let fits = |v: u64| if abi.long == 4 { v.min(0x7fff_ffff) } else { v };
        let n = [s.blocks, s.bfree, s.files, s.ffree, s.bavail].map(fits);
        if abi.statfs_mips {
            w.long(kind)
                .long(s.bsize)
                .long(s.bsize)
                .long(n[0])
                .long(n[1])
                .long(n[2])
                .long(n[3])
                .long(n[4]);
            w.u32(0)
                .u32(0)
                .long(namelen)
                .long(s.flags)
                .pad(5 * abi.long as usize);
        } else {
            w.long(kind)
                .long(s.bsize)
                .long(n[0])
                .long(n[1])
                .long(n[4])
                .long(n[2])
                .long(n[3]);
            w.u32(0)
                .u32(0)
                .long(namelen)
                .long(s.bsize)
                .long(s.flags)
                .pad(4 * abi.long as usize);
        }
    }
    let b = w.done();
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn statfs(k: &mut Kernel, path: u64, to: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    put_statfs(k, &node, to, false)
}

pub(super) fn fstatfs(k: &mut Kernel, fd: i32, to: u64) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(EBADF)?;
    put_statfs(k, &node, to, false)
}

pub(super) fn statfs64(k: &mut Kernel, path: u64, _size: u64, to: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    put_statfs(k, &node, to, true)
}

pub(super) fn fstatfs64(k: &mut Kernel, fd: i32, _size: u64, to: u64) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(EBADF)?;
    put_statfs(k, &node, to, true)
}

fn read_xattr(k: &mut Kernel, node: &Rc<dyn Node>, name: u64, to: u64, size: u64) -> Sys {
    let name = k.mm().borrow_mut().string(name, 256, ERANGE)?;
    let v = node.xattr(&name)?;
    if size == 0 {
        return Ok(v.len() as u64);
    }
    if v.len() as u64 > size {
        return Err(ERANGE.into());
    }
    k.put(to, &v)?;
    Ok(v.len() as u64)
}

pub(super) fn getxattr(k: &mut Kernel, path: u64, name: u64, to: u64, size: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    read_xattr(k, &node, name, to, size)
}

pub(super) fn lgetxattr(k: &mut Kernel, path: u64, name: u64, to: u64, size: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, false)?.node.clone();
    read_xattr(k, &node, name, to, size)
}

pub(super) fn fgetxattr(k: &mut Kernel, fd: i32, name: u64, to: u64, size: u64) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(ENODATA)?;
    read_xattr(k, &node, name, to, size)
}

fn write_xattr(k: &mut Kernel, node: &Rc<dyn Node>, name: u64, value: u64, size: u64) -> Sys {
    let name = k.mm().borrow_mut().string(name, 256, ERANGE)?;
    if size > 65536 {
        return Err(ERANGE.into());
    }
    let v = k.get(value, size as usize)?;
    node.set_xattr(&name, &v)?;
    Ok(0)
}

pub(super) fn setxattr(
    k: &mut Kernel,
    path: u64,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    write_xattr(k, &node, name, value, size)
}

pub(super) fn lsetxattr(
    k: &mut Kernel,
    path: u64,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let node = k.at(AT_FDCWD, path, false)?.node.clone();
    write_xattr(k, &node, name, value, size)
}

pub(super) fn fsetxattr(
    k: &mut Kernel,
    fd: i32,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(EFAULT)?;
    write_xattr(k, &node, name, value, size)
}

pub(super) fn listxattr(k: &mut Kernel, path: u64, _list: u64, _size: u64) -> Sys {
    k.at(AT_FDCWD, path, true)?;
    Ok(0)
}

pub(super) fn llistxattr(k: &mut Kernel, path: u64, _list: u64, _size: u64) -> Sys {
    k.at(AT_FDCWD, path, false)?;
    Ok(0)
}

pub(super) fn flistxattr(k: &mut Kernel, fd: i32, _list: u64, _size: u64) -> Sys {
    k.file(fd)?;
    Ok(0)
}
