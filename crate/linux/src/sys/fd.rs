//! Descriptors: reading, writing, duplicating, positions, pipes.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::Out;
use crate::errno::{EBADF, EINVAL, Res};
use crate::file::File;
use crate::file::event::EventFd;
use crate::file::pipe::{Pipe, PipeEnd};
use crate::kernel::{Kernel, Sys};
use crate::vfs::mem::MemNode;
use crate::vfs::{Node, mode, open};

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
