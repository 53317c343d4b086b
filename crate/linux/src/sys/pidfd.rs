//! Descriptors of processes (pidfd_open(2)).

use std::any::Any;
use std::rc::Rc;

use super::{fd, signals};
use crate::abi::Abi;
use crate::errno::{EBADF, EINVAL, ESRCH, Res};
use crate::file::{File, FileOps, Key, ready};
use crate::kernel::{Kernel, Sys};
use crate::task::{Group, Life};
use crate::vfs::{Stat, open};

/// A process's descriptor: readable once it has ended.
pub struct PidFd(pub Rc<Group>);

impl FileOps for PidFd {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, _buf: &mut [u8]) -> Res<usize> {
        Err(EINVAL)
    }

    fn write(&self, _f: &File, _data: &[u8]) -> Res<usize> {
        Err(EINVAL)
    }

    fn poll(&self) -> u32 {
        match self.0.life.get() {
            Life::Zombie(_) => ready::IN | ready::RDNORM,
            _ => 0,
        }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(Key::Exit(self.0.pid));
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 13,
            ino: 5,
            mode: 0o600,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:[pidfd]".to_vec()
    }
}

/// The process of a descriptor.
///
/// # Errors
/// EBADF.
pub(super) fn process(k: &mut Kernel, fd: i32) -> Res<Rc<Group>> {
    let f = k.file(fd)?;
    let p = f.ops.as_any().downcast_ref::<PidFd>().ok_or(EBADF)?;
    Ok(p.0.clone())
}

/// A new descriptor.
///
/// # Errors
/// EMFILE, ESRCH.
pub(super) fn make(k: &mut Kernel, pid: i32, flags: u32) -> Sys {
    let g = k.procs.get(pid).ok_or(ESRCH)?;
    fd::install(k, Rc::new(PidFd(g)), open::RDWR | open::CLOEXEC | flags)
}

pub(super) fn pidfd_open(k: &mut Kernel, pid: i32, flags: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if pid <= 0 || flags & !open::NONBLOCK != 0 {
        return Err(EINVAL.into());
    }
    make(k, pid, flags)
}

pub(super) fn pidfd_send_signal(k: &mut Kernel, fd: i32, sig: u32, info: u64, flags: u32) -> Sys {
    if flags != 0 {
        return Err(EINVAL.into());
    }
    let g = process(k, fd)?;
    if k.procs.get(g.pid).is_none_or(|p| !Rc::ptr_eq(&p, &g)) {
        return Err(ESRCH.into());
    }
    if info == 0 {
        signals::kill(k, g.pid, sig)
    } else {
        signals::rt_sigqueueinfo(k, g.pid, sig, info)
    }
}

pub(super) fn pidfd_getfd(k: &mut Kernel, fd: i32, target: i32, flags: u32) -> Sys {
    if flags != 0 {
        return Err(EINVAL.into());
    }
    let g = process(k, fd)?;
    let files = g.files.borrow().clone().ok_or(ESRCH)?;
    let f = files.borrow().get(target)?;
    let mine = k.task().files.clone();
    let n = mine.borrow_mut().add(f, true, 0)?;
    Ok(n as u64)
}
