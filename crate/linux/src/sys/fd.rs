//! Descriptors: reading, writing, duplicating, positions, pipes.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::abi::signals::Sig;
use crate::errno::{EAGAIN, EBADF, EINVAL, EISDIR, ENOTDIR, EPIPE, ESPIPE, Errno, Res};
use crate::file::event::EventFd;
use crate::file::pipe::{Pipe, PipeEnd};
use crate::file::{File, ready};
use crate::kernel::{Kernel, Stop, Sys, wait_for};
use crate::task::bit;
use crate::vfs::mem::MemNode;
use crate::vfs::{Attr, Dirent, Node, mode, open};

/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

/// Parks the caller unless the file does not wait.
fn or_wait(f: &Rc<File>, want: u32, e: Errno) -> crate::kernel::Stop {
    if e != EAGAIN || f.nonblocking() {
        return e.into();
    }
    let mut keys = Vec::new();
    f.ops.keys(want, &mut keys);
    wait_for(keys, None)
}

fn pieces(k: &mut Kernel, iov: u64, count: u32) -> Res<Vec<(u64, u64)>> {
    if count > 1024 {
        return Err(EINVAL);
    }
    let bytes = k.get(iov, count as usize * 2 * k.abi().long as usize)?;
    let mut i = In::new(k.abi(), &bytes);
    let mut total = 0u64;
    let mut out = Vec::new();
    for _ in 0..count {
        let (at, n) = (i.long()?, i.long()?);
        total = total
            .checked_add(n)
            .filter(|&t| {
                t <= if k.abi().long == 4 {
                    0x7fff_ffff
                } else {
                    i64::MAX as u64
                }
            })
            .ok_or(EINVAL)?;
        out.push((at, n));
    }
    Ok(out)
}

/// Reading, or (`write`) writing, a controlling terminal from the background stops the process group; one that ignores the signal gets EIO.
fn foreground(k: &mut Kernel, f: &File, write: bool) -> Result<(), Stop> {
    let Some(tty) = f.ops.tty() else {
        return Ok(());
    };
    let g = k.group();
    if tty.pty_number().is_none()
        || f.ops.is_master()
        || tty.session().get() != g.sid.get()
        || matches!(tty.foreground().get(), fg if fg == 0 || fg == g.pgid.get())
        || write && !tty.stops_writers()
    {
        return Ok(());
    }
    let sig = if write { Sig::Ttou } else { Sig::Ttin };
    let n = k.abi().signal(sig);
    let t = k.task();
    let ignored = t.blocked & bit(n) != 0
        || t.actions
            .borrow()
            .get(n as usize)
            .is_some_and(|a| a.handler == 1);
    if ignored {
        return if write {
            Ok(())
        } else {
            Err(crate::errno::EIO.into())
        };
    }
    if k.is_orphaned(&g) {
        return Err(crate::errno::EIO.into());
    }
    k.signal_pgrp(g.pgid.get(), n);
    // Made again once the process goes on.
    Err(wait_for(Vec::new(), None))
}

/// Reads into pieces of memory; `at` is an offset, or the position.
fn read_pieces(k: &mut Kernel, fd: i32, list: &[(u64, u64)], at: Option<u64>) -> Sys {
    let f = k.file(fd)?;
    if !f.can_read() {
        return Err(EBADF.into());
    }
    foreground(k, &f, false)?;
    let mut done = 0u64;
    for &(va, n) in list {
        let mut left = n;
        let mut to = va;
        while left > 0 {
            let want = left.min(CHUNK as u64) as usize;
            // The memory must be there before bytes are taken out of a pipe.
            if !k.mm().borrow_mut().check(to, 1, crate::mem::prot::WRITE) {
                return if done > 0 {
                    Ok(done)
                } else {
                    Err(crate::errno::EFAULT.into())
                };
            }
            let mut buf = vec![0; want];
            let r = match at {
                Some(at) => f.ops.read_at(at + done, &mut buf),
                None => f.ops.read(&f, &mut buf),
            };
            let got = match r {
                Ok(g) => g,
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(or_wait(&f, ready::IN, e)),
            };
            k.put(to, &buf[..got])?;
            done += got as u64;
            left -= got as u64;
            to += got as u64;
            if got < want {
                return Ok(done);
            }
        }
    }
    if list.iter().all(|p| p.1 == 0) && f.ops.stat().is_ok_and(|s| s.kind() == mode::DIR) {
        return Err(EISDIR.into());
    }
    Ok(done)
}

fn write_pieces(k: &mut Kernel, fd: i32, list: &[(u64, u64)], at: Option<u64>) -> Sys {
    let f = k.file(fd)?;
    if !f.can_write() {
        return Err(EBADF.into());
    }
    foreground(k, &f, true)?;
    let limit = k.group().rlimits.borrow()[1].0;
    // A blocking write that was interrupted by a wait goes on where it was.
    let before = k.task().scratch;
    let mut skip = before;
    let mut done = before;
    for &(va, n) in list {
        let (mut from, mut left) = (va, n);
        if skip > 0 {
            let s = skip.min(left);
            skip -= s;
            from += s;
            left -= s;
        }
        while left > 0 {
            let want = left.min(CHUNK as u64) as usize;
            let mut buf = match k.get(from, want) {
                Ok(b) => b,
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(e.into()),
            };
            if limit != u64::MAX && f.ops.seekable() {
                let pos = at.map_or(f.pos.get(), |a| a + done);
                if pos >= limit {
                    let n = k.abi().signal(crate::abi::signals::Sig::Xfsz);
                    let tid = k.cur;
                    k.signal_thread(
                        tid,
                        crate::task::Pending {
                            signal: n,
                            code: 0x80,
                            detail: crate::task::Detail::None,
                        },
                    );
                    return Err(crate::errno::EFBIG.into());
                }
                buf.truncate((limit - pos).min(buf.len() as u64) as usize);
            }
            let start = at.map_or(f.pos.get(), |a| a + done);
            let r = match at {
                Some(_) => f.ops.write_at(start, &buf),
                None => f.ops.write(&f, &buf),
            };
            let wrote = match r {
                Ok(n) => n,
                Err(e) if e == EPIPE => {
                    if done > 0 {
                        return Ok(done);
                    }
                    let n = k.abi().signal(crate::abi::signals::Sig::Pipe);
                    let tid = k.cur;
                    k.signal_thread(
                        tid,
                        crate::task::Pending {
                            signal: n,
                            code: 0,
                            detail: crate::task::Detail::None,
                        },
                    );
                    return Err(e.into());
                }
                Err(e) if e == EAGAIN && !f.nonblocking() => {
                    k.task().scratch = done;
                    return Err(or_wait(&f, ready::OUT, e));
                }
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(e.into()),
            };
            if k.cache.any_shared() && f.ops.seekable() {
                patch_shared(k, &f, start, &buf[..wrote]);
            }
            done += wrote as u64;
            left -= wrote as u64;
            from += wrote as u64;
            if wrote < buf.len() && (f.nonblocking() || f.ops.seekable()) {
                return Ok(done);
            }
        }
    }
    Ok(done)
}

/// Shared mappings of a file see what write() writes.
fn patch_shared(k: &Kernel, f: &File, at: u64, data: &[u8]) {
    if let Ok(s) = f.ops.stat()
        && let Some(set) = k.cache.shared(s.dev, s.ino)
    {
        set.patch(at, data);
    }
}

/// Reading sees what shared mappings of the file wrote.
fn sync_shared(k: &mut Kernel, fd: i32) {
    if k.cache.any_shared()
        && let Ok(f) = k.file(fd)
        && f.ops.seekable()
        && let Ok(s) = f.ops.stat()
        && let Some(set) = k.cache.shared(s.dev, s.ino)
    {
        set.sync();
    }
}

pub(super) fn read(k: &mut Kernel, fd: i32, buf: u64, count: u64) -> Sys {
    sync_shared(k, fd);
    read_pieces(k, fd, &[(buf, count.min(0x7fff_f000))], None)
}

pub(super) fn write(k: &mut Kernel, fd: i32, buf: u64, count: u64) -> Sys {
    write_pieces(k, fd, &[(buf, count.min(0x7fff_f000))], None)
}

pub(super) fn readv(k: &mut Kernel, fd: i32, iov: u64, count: u32) -> Sys {
    sync_shared(k, fd);
    let list = pieces(k, iov, count)?;
    read_pieces(k, fd, &list, None)
}

pub(super) fn writev(k: &mut Kernel, fd: i32, iov: u64, count: u32) -> Sys {
    let list = pieces(k, iov, count)?;
    write_pieces(k, fd, &list, None)
}

fn seekable(k: &mut Kernel, fd: i32, at: i64) -> Res<u64> {
    let f = k.file(fd)?;
    if !f.ops.seekable() {
        return Err(ESPIPE);
    }
    u64::try_from(at).map_err(|_| EINVAL)
}

pub(super) fn pread64(k: &mut Kernel, fd: i32, buf: u64, count: u64, at: i64) -> Sys {
    sync_shared(k, fd);
    let at = seekable(k, fd, at)?;
    read_pieces(k, fd, &[(buf, count.min(0x7fff_f000))], Some(at))
}

pub(super) fn pwrite64(k: &mut Kernel, fd: i32, buf: u64, count: u64, at: i64) -> Sys {
    let at = seekable(k, fd, at)?;
    write_pieces(k, fd, &[(buf, count.min(0x7fff_f000))], Some(at))
}

fn position(k: &Kernel, low: i64, high: i64) -> i64 {
    if k.abi().long == 4 {
        low as u32 as i64 | high << 32
    } else {
        low
    }
}

pub(super) fn preadv(k: &mut Kernel, fd: i32, iov: u64, count: u32, low: i64, high: i64) -> Sys {
    let at = seekable(k, fd, position(k, low, high))?;
    let list = pieces(k, iov, count)?;
    read_pieces(k, fd, &list, Some(at))
}

pub(super) fn pwritev(k: &mut Kernel, fd: i32, iov: u64, count: u32, low: i64, high: i64) -> Sys {
    let at = seekable(k, fd, position(k, low, high))?;
    let list = pieces(k, iov, count)?;
    write_pieces(k, fd, &list, Some(at))
}

pub(super) fn preadv2(
    k: &mut Kernel,
    fd: i32,
    iov: u64,
    count: u32,
    low: i64,
    high: i64,
    _flags: u32,
) -> Sys {
    if position(k, low, high) == -1 {
        readv(k, fd, iov, count)
    } else {
        preadv(k, fd, iov, count, low, high)
    }
}

pub(super) fn pwritev2(
    k: &mut Kernel,
    fd: i32,
    iov: u64,
    count: u32,
    low: i64,
    high: i64,
    _flags: u32,
) -> Sys {
    if position(k, low, high) == -1 {
        writev(k, fd, iov, count)
    } else {
        pwritev(k, fd, iov, count, low, high)
    }
}

pub(super) fn close(k: &mut Kernel, fd: i32) -> Sys {
    let files = k.task().files.clone();
    let gone = files.borrow_mut().close(fd)?;
    let pid = k.group().pid;
    k.closed(pid, &gone.file);
    Ok(0)
}

pub(super) fn close_range(k: &mut Kernel, first: u32, last: u32, flags: u32) -> Sys {
    if first > last {
        return Err(EINVAL.into());
    }
    const UNSHARE: u32 = 2;
    const CLOEXEC: u32 = 4;
    if flags & UNSHARE != 0 {
        let t = k.task();
        let own = t.files.borrow().clone();
        t.files = Rc::new(std::cell::RefCell::new(own));
    }
    let files = k.task().files.clone();
    let n = files.borrow().list.len() as u32;
    for fd in first..last.saturating_add(1).min(n) {
        if flags & CLOEXEC != 0 {
            if let Ok(f) = files.borrow_mut().entry(fd as i32) {
                f.cloexec = true;
            }
        } else {
            let _ = close(k, fd as i32);
        }
    }
    Ok(0)
}

fn seek(k: &mut Kernel, fd: i32, to: i64, whence: u32) -> Sys {
    let f = k.file(fd)?;
    if f.flags.get() & open::PATH != 0 {
        return Err(EBADF.into());
    }
    if let Some(r) = f.ops.seek(to, whence) {
        return Ok(r?);
    }
    if !f.ops.seekable() {
        return Err(ESPIPE.into());
    }
    const DATA: u32 = 3;
    const HOLE: u32 = 4;
    let size = || f.ops.stat().map(|s| s.size as i64);
    let new = match whence {
        0 => Some(to),
        1 => (f.pos.get() as i64).checked_add(to),
        2 => size()?.checked_add(to),
        DATA if to >= 0 && to < size()? => Some(to),
        HOLE if to >= 0 && to < size()? => Some(size()?),
        DATA | HOLE => return Err(crate::errno::ENXIO.into()),
        _ => None,
    };
    let new = new.filter(|&n| n >= 0).ok_or(EINVAL)? as u64;
    if new == 0 {
        *f.entries.borrow_mut() = None;
    }
    f.pos.set(new);
    Ok(new)
}

pub(super) fn lseek(k: &mut Kernel, fd: i32, to: i64, whence: u32) -> Sys {
    let r = seek(k, fd, to, whence)?;
    if k.abi().long == 4 && r > 0x7fff_ffff {
        Err(crate::errno::EOVERFLOW.into())
    } else {
        Ok(r)
    }
}

pub(super) fn _llseek(
    k: &mut Kernel,
    fd: i32,
    high: i64,
    low: i64,
    result: u64,
    whence: u32,
) -> Sys {
    let r = seek(k, fd, high << 32 | low as u32 as i64, whence)?;
    let bytes = Out::new(k.abi()).u64(r).done();
    k.put(result, &bytes)?;
    Ok(0)
}

pub(super) fn dup(k: &mut Kernel, fd: i32) -> Sys {
    let f = k.file(fd)?;
    let files = k.task().files.clone();
    let n = files.borrow_mut().add(f, false, 0)?;
    Ok(n as u64)
}

pub(super) fn dup2(k: &mut Kernel, fd: i32, to: i32) -> Sys {
    if fd == to {
        k.file(fd)?;
        return Ok(to as u64);
    }
    dup_to(k, fd, to, false)
}

pub(super) fn dup3(k: &mut Kernel, fd: i32, to: i32, flags: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if fd == to || flags & !open::CLOEXEC != 0 {
        return Err(EINVAL.into());
    }
    dup_to(k, fd, to, flags & open::CLOEXEC != 0)
}

fn dup_to(k: &mut Kernel, fd: i32, to: i32, cloexec: bool) -> Sys {
    let f = k.file(fd)?;
    let files = k.task().files.clone();
    let n = usize::try_from(to).map_err(|_| EBADF)?;
    if n as u64 >= files.borrow().limit {
        return Err(EBADF.into());
    }
    let old = files.borrow_mut().close(to);
    files.borrow_mut().set(n, f, cloexec);
    if let Ok(old) = old {
        let pid = k.group().pid;
        k.closed(pid, &old.file);
    }
    Ok(to as u64)
}

pub(super) fn fcntl64(k: &mut Kernel, fd: i32, cmd: u32, arg: i64) -> Sys {
    fcntl(k, fd, cmd, arg)
}

pub(super) fn fcntl(k: &mut Kernel, fd: i32, cmd: u32, arg: i64) -> Sys {
    const SETTABLE: u32 = open::APPEND | open::NONBLOCK | open::DIRECT | 0o20000 | 0o1000000;
    let f = k.file(fd)?;
    let files = k.task().files.clone();
    let numbers = k.abi().fcntl;
    if let Some(i) = numbers.locks.iter().position(|&n| n == cmd) {
        return super::lock::fcntl_lock(k, &f, i, arg as u64, false);
    }
    if let Some(i) = numbers.locks64.iter().position(|&n| n == cmd) {
        return super::lock::fcntl_lock(k, &f, i, arg as u64, true);
    }
    if cmd == numbers.own[0] {
        f.owner.set(arg as i32);
        return Ok(0);
    }
    if cmd == numbers.own[1] {
        return Ok(f.owner.get() as i64 as u64);
    }
    Ok(match cmd {
        0 | 1030 => {
            let from = usize::try_from(arg).map_err(|_| EINVAL)?;
            if from as u64 >= files.borrow().limit {
                return Err(EINVAL.into());
            }
            files.borrow_mut().add(f, cmd == 1030, from)? as u64
        }
        1 => files.borrow_mut().entry(fd)?.cloexec as u64,
        2 => {
            files.borrow_mut().entry(fd)?.cloexec = arg & 1 != 0;
            0
        }
        3 => Abi::flags_out(
            k.abi().open_flags,
            f.flags.get()
                & !(open::CREAT | open::EXCL | open::TRUNC | open::NOCTTY | open::CLOEXEC),
        ) as u64,
        4 => {
            let new = Abi::flags_in(k.abi().open_flags, arg as u32);
            f.flags.set(f.flags.get() & !SETTABLE | new & SETTABLE);
            f.ops.set_flags(f.flags.get());
            0
        }
        10 | 11 | 15 | 16 => 0,
        36..=38 => return super::lock::fcntl_lock(k, &f, cmd as usize - 36, arg as u64, true),
        1024..=1026 => return Err(EINVAL.into()),
        1031 => {
            let end = f.ops.as_any().downcast_ref::<PipeEnd>().ok_or(EBADF)?;
            let size = (arg.clamp(4096, 1 << 20) as usize).next_power_of_two();
            if size < end.pipe.len() {
                return Err(crate::errno::EBUSY.into());
            }
            end.pipe.capacity.set(size);
            size as u64
        }
        1032 => f
            .ops
            .as_any()
            .downcast_ref::<PipeEnd>()
            .ok_or(EBADF)?
            .pipe
            .capacity
            .get() as u64,
        1033 | 1034 => 0,
        _ => return Err(EINVAL.into()),
    })
}

fn make_pipe(k: &mut Kernel, flags: u32) -> Res<(i32, i32)> {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if flags & !(open::CLOEXEC | open::NONBLOCK | open::DIRECT) != 0 {
        return Err(EINVAL);
    }
    let pipe = Pipe::new(&k.wakes);
    let (r, w) = (pipe.end(true, false, None), pipe.end(false, true, None));
    let status = flags & open::NONBLOCK;
    let (r, w) = (k.new_file(r, status), k.new_file(w, status | open::WRONLY));
    let files = k.task().files.clone();
    let mut files = files.borrow_mut();
    let a = files.add(r, flags & open::CLOEXEC != 0, 0)?;
    match files.add(w, flags & open::CLOEXEC != 0, 0) {
        Ok(b) => Ok((a, b)),
        Err(e) => {
            let _ = files.close(a);
            Err(e)
        }
    }
}

pub(super) fn pipe(k: &mut Kernel, fds: u64) -> Sys {
    if k.abi().pipe_in_registers {
        let (a, b) = make_pipe(k, 0)?;
        k.arch.set_second(k.vcpu.state(), b as u64);
        return Ok(a as u64);
    }
    pipe2(k, fds, 0)
}

pub(super) fn pipe2(k: &mut Kernel, fds: u64, flags: u32) -> Sys {
    let (a, b) = make_pipe(k, flags)?;
    let bytes = Out::new(k.abi()).i32(a).i32(b).done();
    k.put(fds, &bytes)?;
    Ok(0)
}

fn resize(k: &mut Kernel, fd: i32, size: i64) -> Sys {
    let f = k.file(fd)?;
    if !f.can_write() || size < 0 {
        return Err(EINVAL.into());
    }
    let node = f.ops.node().ok_or(EINVAL)?;
    node.set_attr(&Attr {
        size: Some(size as u64),
        ..Attr::default()
    })?;
    Ok(0)
}

pub(super) fn ftruncate(k: &mut Kernel, fd: i32, size: i64) -> Sys {
    resize(k, fd, size)
}

pub(super) fn ftruncate64(k: &mut Kernel, fd: i32, size: i64) -> Sys {
    resize(k, fd, size)
}

pub(super) fn fsync(k: &mut Kernel, fd: i32) -> Sys {
    sync_shared(k, fd);
    k.file(fd)?.ops.sync()?;
    Ok(0)
}

pub(super) fn fdatasync(k: &mut Kernel, fd: i32) -> Sys {
    fsync(k, fd)
}

pub(super) fn sync(_k: &mut Kernel) -> Sys {
    Ok(0)
}

pub(super) fn syncfs(k: &mut Kernel, fd: i32) -> Sys {
    k.file(fd)?;
    Ok(0)
}

fn directory(f: &Rc<File>) -> Res<Rc<Vec<Dirent>>> {
    if let Some(list) = &*f.entries.borrow() {
        return Ok(list.clone());
    }
    let node = f.ops.node().ok_or(ENOTDIR)?;
    let mut list = vec![];
    let me = node.stat()?;
    let up = f
        .place
        .as_ref()
        .and_then(|p| p.parent.as_ref())
        .and_then(|p| p.node.stat().ok())
        .unwrap_or(me);
    list.push(Dirent {
        ino: me.ino,
        kind: mode::DIR,
        name: b".".to_vec(),
    });
    list.push(Dirent {
        ino: up.ino,
        kind: mode::DIR,
        name: b"..".to_vec(),
    });
    list.extend(node.entries()?);
    let list = Rc::new(list);
    *f.entries.borrow_mut() = Some(list.clone());
    Ok(list)
}

fn list(k: &mut Kernel, fd: i32, buf: u64, bytes: u64, wide: bool) -> Sys {
    let f = k.file(fd)?;
    if f.flags.get() & open::PATH != 0 {
        return Err(EBADF.into());
    }
    let entries = directory(&f)?;
    let abi = k.abi();
    let mut out = Vec::new();
    let mut at = f.pos.get() as usize;
    while let Some(e) = entries.get(at) {
        let mut o = Out::new(abi);
        let (head, align) = if wide {
            (19, 8)
        } else {
            (2 * abi.long as usize + 2, abi.long as usize)
        };
        let len = (head + e.name.len() + if wide { 1 } else { 2 }).next_multiple_of(align);
        if out.len() + len > bytes as usize {
            break;
        }
        let next = at as u64 + 1;
        if wide {
            o.u64(e.ino)
                .u64(next)
                .u16(len as u16)
                .u8((e.kind >> 12) as u8)
                .bytes(&e.name);
            o.pad_to(len);
        } else {
            o.long(if abi.long == 4 {
                e.ino ^ e.ino >> 32
            } else {
                e.ino
            })
            .long(next)
            .u16(len as u16)
            .bytes(&e.name);
            o.pad_to(len - 1).u8((e.kind >> 12) as u8);
        }
        out.extend(o.done());
        at += 1;
    }
    if out.is_empty() && at < entries.len() {
        return Err(EINVAL.into());
    }
    k.put(buf, &out)?;
    f.pos.set(at as u64);
    Ok(out.len() as u64)
}

pub(super) fn getdents(k: &mut Kernel, fd: i32, buf: u64, bytes: u64) -> Sys {
    list(k, fd, buf, bytes, false)
}

pub(super) fn getdents64(k: &mut Kernel, fd: i32, buf: u64, bytes: u64) -> Sys {
    list(k, fd, buf, bytes, true)
}

/// Copies between files inside the kernel: sendfile, copy_file_range, splice.
fn copy(k: &mut Kernel, input: i32, at: u64, out: i32, to: u64, count: u64, wide: bool) -> Sys {
    let (i, o) = (k.file(input)?, k.file(out)?);
    if !i.can_read() || !o.can_write() {
        return Err(EBADF.into());
    }
    let long = k.abi().long as usize;
    let offset = |k: &mut Kernel, va: u64| -> Res<Option<u64>> {
        if va == 0 {
            return Ok(None);
        }
        let b = k.get(va, if wide { 8 } else { long })?;
        let mut r = In::new(k.abi(), &b);
        Ok(Some(if wide { r.u64()? } else { r.long()? }))
    };
    let (mut from, mut dest) = (offset(k, at)?, offset(k, to)?);
    let mut done = 0;
    while done < count {
        let mut buf = vec![0; (count - done).min(65536) as usize];
        let r = match from {
            Some(p) => i.ops.read_at(p, &mut buf),
            None => i.ops.read(&i, &mut buf),
        };
        let n = match r {
            Ok(n) => n,
            Err(_) if done > 0 => break,
            Err(e) => return Err(or_wait(&i, ready::IN, e)),
        };
        if n == 0 {
            break;
        }
        let w = match dest {
            Some(p) => o.ops.write_at(p, &buf[..n]),
            None => o.ops.write(&o, &buf[..n]),
        };
        let wrote = match w {
            Ok(w) => w,
            Err(e) => {
                // Nothing of this piece went: the input goes back to where it was.
                if from.is_none() && i.ops.seekable() {
                    i.pos.set(i.pos.get() - n as u64);
                }
                if done > 0 {
                    break;
                }
                return Err(or_wait(&o, ready::OUT, e));
            }
        };
        if wrote < n && from.is_none() && i.ops.seekable() {
            i.pos.set(i.pos.get() - (n - wrote) as u64);
        }
        done += wrote as u64;
        from = from.map(|p| p.wrapping_add(wrote as u64));
        dest = dest.map(|p| p.wrapping_add(wrote as u64));
        if wrote < n {
            break;
        }
    }
    for (va, v) in [(at, from), (to, dest)] {
        if let Some(v) = v {
            let mut w = Out::new(k.abi());
            let b = if wide {
                w.u64(v).done()
            } else {
                w.long(v).done()
            };
            k.put(va, &b)?;
        }
    }
    Ok(done)
}

pub(super) fn sendfile(k: &mut Kernel, out: i32, input: i32, at: u64, count: u64) -> Sys {
    copy(k, input, at, out, 0, count, false)
}

pub(super) fn sendfile64(k: &mut Kernel, out: i32, input: i32, at: u64, count: u64) -> Sys {
    copy(k, input, at, out, 0, count, true)
}

pub(super) fn copy_file_range(
    k: &mut Kernel,
    input: i32,
    at: u64,
    out: i32,
    to: u64,
    count: u64,
    _flags: u32,
) -> Sys {
    if !k.file(input)?.ops.seekable() || !k.file(out)?.ops.seekable() {
        return Err(EINVAL.into());
    }
    copy(k, input, at, out, to, count, true)
}

pub(super) fn splice(
    k: &mut Kernel,
    input: i32,
    at: u64,
    out: i32,
    to: u64,
    count: u64,
    _flags: u32,
) -> Sys {
    // Pieces that fit: what was read from a pipe cannot be put back.
    copy(k, input, at, out, to, count.min(4096), true)
}

pub(super) fn fadvise64(k: &mut Kernel, fd: i32, _at: i64, _bytes: i64, _advice: i32) -> Sys {
    if k.file(fd)?.ops.seekable() {
        Ok(0)
    } else {
        Err(ESPIPE.into())
    }
}

pub(super) fn readahead(k: &mut Kernel, fd: i32, _at: i64, _bytes: u64) -> Sys {
    k.file(fd)?;
    Ok(0)
}

pub(super) fn fallocate(k: &mut Kernel, fd: i32, how: u32, at: i64, bytes: i64) -> Sys {
    let f = k.file(fd)?;
    if !f.can_write() {
        return Err(EBADF.into());
    }
    if at < 0 || bytes <= 0 {
        return Err(EINVAL.into());
    }
    let node = f.ops.node().ok_or(crate::errno::ENODEV)?;
    const KEEP_SIZE: u32 = 1;
    if how & !KEEP_SIZE != 0 {
        return Err(crate::errno::EOPNOTSUPP.into());
    }
    let end = at.checked_add(bytes).ok_or(crate::errno::EFBIG)? as u64;
    if how & KEEP_SIZE == 0 && node.stat()?.size < end {
        node.set_attr(&Attr {
            size: Some(end),
            ..Attr::default()
        })?;
    }
    Ok(0)
}

pub(super) fn sync_file_range(k: &mut Kernel, fd: i32, _at: i64, _bytes: i64, _flags: u32) -> Sys {
    k.file(fd)?;
    Ok(0)
}

pub(super) fn flock(k: &mut Kernel, fd: i32, how: u32) -> Sys {
    super::lock::flock(k, fd, how)
}

pub(super) fn eventfd(k: &mut Kernel, count: u32) -> Sys {
    eventfd2(k, count, 0)
}

pub(super) fn eventfd2(k: &mut Kernel, count: u32, flags: u32) -> Sys {
    let semaphore = flags & 1 != 0;
    let flags = Abi::flags_in(k.abi().open_flags, flags & !1);
    if flags & !(open::CLOEXEC | open::NONBLOCK) != 0 {
        return Err(EINVAL.into());
    }
    let big = k.abi().big_endian;
    let ops = Rc::new(EventFd::new(&k.wakes, count as u64, semaphore, big));
    install(k, ops, open::RDWR | flags)
}

/// Gives a new file object a number.
///
/// # Errors
/// EMFILE.
pub fn install(k: &mut Kernel, ops: Rc<dyn crate::file::FileOps>, flags: u32) -> Sys {
    let f = k.new_file(ops, flags & !open::CLOEXEC);
    let files = k.task().files.clone();
    let fd = files.borrow_mut().add(f, flags & open::CLOEXEC != 0, 0)?;
    Ok(fd as u64)
}

pub(super) fn memfd_create(k: &mut Kernel, name: u64, flags: u32) -> Sys {
    let name = k.mm().borrow_mut().string(name, 250, EINVAL)?;
    k.realtime();
    let dir = MemNode::tree(14, &k.tree_now);
    let node = dir.create(b"memfd", mode::REG | 0o777, 0)?;
    let ops = node.open(open::RDWR)?;
    let place = crate::vfs::Place {
        node,
        parent: Some(crate::vfs::Place::root(dir)),
        name: [b"memfd:", &name[..], b" (deleted)"].concat(),
    };
    let f = File::new(ops, open::RDWR | open::LARGEFILE, Some(Rc::new(place)));
    let files = k.task().files.clone();
    let fd = files.borrow_mut().add(f, flags & 1 != 0, 0)?;
    Ok(fd as u64)
}
