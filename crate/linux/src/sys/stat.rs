//! What files and file systems are: stat, statfs, access, readlink.

use std::rc::Rc;

use super::path::{AT_FDCWD, EACCESS, EMPTY_PATH};
use crate::abi::layout::{self, Out};
use crate::errno::{EBADF, EINVAL, ENOENT, EOVERFLOW, Res};
use crate::kernel::{Kernel, Sys};
use crate::vfs::{Node, Stat};

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
    k.at_flags(dir, path, flags)?.node.stat()
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
    k.at_flags(dir, path, flags & !EACCESS)?.node.access(want)?;
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
