//! Reading, writing and copying through descriptors; positions, sizes.

use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::abi::signals::Sig;
use crate::errno::{EAGAIN, EBADF, EINVAL, EISDIR, EPIPE, ESPIPE, Errno, Res};
use crate::file::inotify::ev;
use crate::file::{File, ready};
use crate::kernel::{Kernel, Stop, Sys, wait_for};
use crate::task::bit;
use crate::vfs::{Attr, mode, open};

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
pub(super) fn foreground(k: &mut Kernel, f: &File, write: bool) -> Result<(), Stop> {
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
    let r = read_into(k, &f, list, at);
    if matches!(r, Ok(n) if n > 0) {
        f.tell(ev::ACCESS);
    }
    r
}

fn read_into(k: &mut Kernel, f: &Rc<File>, list: &[(u64, u64)], at: Option<u64>) -> Sys {
    if !f.can_read() {
        return Err(EBADF.into());
    }
    foreground(k, f, false)?;
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
                None => f.ops.read(f, &mut buf),
            };
            let got = match r {
                Ok(g) => g,
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(or_wait(f, ready::IN, e)),
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
    let r = write_from(k, &f, list, at);
    if matches!(r, Ok(n) if n > 0) {
        f.tell(ev::MODIFY);
    }
    r
}

fn write_from(k: &mut Kernel, f: &Rc<File>, list: &[(u64, u64)], at: Option<u64>) -> Sys {
    if !f.can_write() {
        return Err(EBADF.into());
    }
    foreground(k, f, true)?;
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
                None => f.ops.write(f, &buf),
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
                    return Err(or_wait(f, ready::OUT, e));
                }
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(e.into()),
            };
            if k.cache.any_shared() && f.ops.seekable() {
                patch_shared(k, f, start, &buf[..wrote]);
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

pub(super) fn seekable(k: &mut Kernel, fd: i32, at: i64) -> Res<u64> {
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

pub(super) fn position(k: &Kernel, low: i64, high: i64) -> i64 {
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

pub(super) fn resize(k: &mut Kernel, fd: i32, size: i64) -> Sys {
    let f = k.file(fd)?;
    if !f.can_write() || size < 0 {
        return Err(EINVAL.into());
    }
    let node = f.ops.node().ok_or(EINVAL)?;
    node.set_attr(&Attr {
        size: Some(size as u64),
        ..Attr::default()
    })?;
    f.tell(ev::MODIFY);
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
    if done > 0 {
        i.tell(ev::ACCESS);
        o.tell(ev::MODIFY);
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
    f.tell(ev::MODIFY);
    Ok(0)
}

pub(super) fn sync_file_range(k: &mut Kernel, fd: i32, _at: i64, _bytes: i64, _flags: u32) -> Sys {
    k.file(fd)?;
    Ok(0)
}
