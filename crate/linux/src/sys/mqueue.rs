//! POSIX message queues (mq_overview(7)). Names live in the kernel; there is no file system that shows them.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;

use super::{fd, time};
use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::errno::{
    EAGAIN, EBADF, EBUSY, EEXIST, EINVAL, EMSGSIZE, ENAMETOOLONG, ENOENT, ENOSPC, ETIMEDOUT, Res,
};
use crate::file::{File, FileOps, Key, Wakes, ready};
use crate::kernel::{Kernel, Stop, Sys, wait_for};
use crate::task::{Detail, Pending};
use crate::vfs::{Stat, mode, open};

/// Queues at most.
const MOST: usize = 256;

/// Queues by name.
pub type Queues = HashMap<Vec<u8>, Rc<Queue>>;

/// A queue.
pub struct Queue {
    /// Messages by priority, the oldest of the highest first.
    list: RefCell<Vec<(u32, Vec<u8>)>>,
    most: usize,
    size: usize,
    key: Key,
    wakes: Wakes,
    /// Whom to tell of the first message: process, signal (0: nobody), value.
    notify: Cell<Option<(i32, u32, u64)>>,
}

/// A descriptor of a queue.
struct Mq(Rc<Queue>);

impl FileOps for Mq {
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
        let n = self.0.list.borrow().len();
        (if n > 0 { ready::IN | ready::RDNORM } else { 0 })
            | if n < self.0.most {
                ready::OUT | ready::WRNORM
            } else {
                0
            }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.0.key);
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 19,
            ino: 2,
            mode: mode::REG | 0o600,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        b"/dev/mqueue".to_vec()
    }
}

fn name(k: &mut Kernel, at: u64) -> Res<Vec<u8>> {
    let n = k.mm().borrow_mut().string(at, 256, ENAMETOOLONG)?;
    if n.is_empty() {
        return Err(ENOENT);
    }
    if n.contains(&b'/') {
        return Err(crate::errno::EACCES);
    }
    Ok(n)
}

/// flags, mq_maxmsg, mq_msgsize, mq_curmsgs and four reserved words.
fn attr(k: &mut Kernel, at: u64) -> Res<[i64; 3]> {
    let b = k.get(at, 8 * k.abi().long as usize)?;
    let mut i = In::new(k.abi(), &b);
    Ok([i.slong()?, i.slong()?, i.slong()?])
}

pub(super) fn mq_open(k: &mut Kernel, path: u64, flags: u32, _mode: u32, at: u64) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    let name = name(k, path)?;
    let found = k.queues.get(&name).cloned();
    let queue = match found {
        Some(_) if flags & (open::CREAT | open::EXCL) == open::CREAT | open::EXCL => {
            return Err(EEXIST.into());
        }
        Some(q) => q,
        None if flags & open::CREAT == 0 => return Err(ENOENT.into()),
        None => {
            let (mut most, mut size) = (10, 8192);
            if at != 0 {
                let [_, m, s] = attr(k, at)?;
                if !(1..=65536).contains(&m) || !(1..=1 << 24).contains(&s) {
                    return Err(EINVAL.into());
                }
                (most, size) = (m as usize, s as usize);
            }
            if k.queues.len() >= MOST {
                return Err(ENOSPC.into());
            }
            let q = Rc::new(Queue {
                list: RefCell::default(),
                most,
                size,
                key: k.wakes.key(),
                wakes: k.wakes.clone(),
                notify: Cell::new(None),
            });
            k.queues.insert(name, q.clone());
            q
        }
    };
    fd::install(
        k,
        Rc::new(Mq(queue)),
        flags & (open::ACCMODE | open::NONBLOCK | open::CLOEXEC),
    )
}

pub(super) fn mq_unlink(k: &mut Kernel, path: u64) -> Sys {
    let name = name(k, path)?;
    k.queues.remove(&name).ok_or(ENOENT)?;
    Ok(0)
}

fn queue(k: &mut Kernel, fd: i32) -> Res<(Rc<File>, Rc<Queue>)> {
    let f = k.file(fd)?;
    let q = f.ops.as_any().downcast_ref::<Mq>().ok_or(EBADF)?.0.clone();
    Ok((f, q))
}

/// What a call that would wait gives.
fn would_wait(k: &mut Kernel, f: &File, q: &Queue, timeout: u64, wide: bool) -> Stop {
    if f.nonblocking() {
        return EAGAIN.into();
    }
    let mut until = None;
    if timeout != 0 {
        // The time of day at which it gives up.
        let at = match time::get_timespec(k, timeout, wide) {
            Ok(t) => t,
            Err(e) => return e.into(),
        };
        let now = k.realtime();
        let due = k.deadline(at.saturating_sub(now));
        if k.now() >= due {
            return ETIMEDOUT.into();
        }
        until = Some(due);
    }
    wait_for(vec![q.key], until)
}

fn send(k: &mut Kernel, fd: i32, at: u64, bytes: u64, priority: u32, timeout: (u64, bool)) -> Sys {
    let (f, q) = queue(k, fd)?;
    if !f.can_write() {
        return Err(EBADF.into());
    }
    if priority >= 32768 {
        return Err(EINVAL.into());
    }
    if bytes > q.size as u64 {
        return Err(EMSGSIZE.into());
    }
    if q.list.borrow().len() >= q.most {
        return Err(would_wait(k, &f, &q, timeout.0, timeout.1));
    }
    let data = k.get(at, bytes as usize)?;
    let first = {
        let mut list = q.list.borrow_mut();
        let place = list
            .iter()
            .position(|m| m.0 < priority)
            .unwrap_or(list.len());
        list.insert(place, (priority, data));
        list.len() == 1
    };
    q.wakes.ring(q.key);
    if first && let Some((pid, signal, value)) = q.notify.take() {
        let me = k.group();
        if signal != 0
            && let Some(g) = k.procs.get(pid)
        {
            let detail = Detail::Queue {
                pid: me.pid,
                uid: me.ids.get()[0],
                value,
            };
            // SI_MESGQ.
            let code = -3;
            k.signal_group(
                &g,
                Pending {
                    signal,
                    code,
                    detail,
                },
            );
        }
    }
    Ok(0)
}

fn receive(
    k: &mut Kernel,
    fd: i32,
    at: u64,
    bytes: u64,
    priority: u64,
    timeout: (u64, bool),
) -> Sys {
    let (f, q) = queue(k, fd)?;
    if !f.can_read() {
        return Err(EBADF.into());
    }
    if bytes < q.size as u64 {
        return Err(EMSGSIZE.into());
    }
    let Some((p, data)) = q.list.borrow().first().cloned() else {
        return Err(would_wait(k, &f, &q, timeout.0, timeout.1));
    };
    k.put(at, &data)?;
    if priority != 0 {
        k.put_u32(priority, p)?;
    }
    q.list.borrow_mut().remove(0);
    q.wakes.ring(q.key);
    Ok(data.len() as u64)
}

pub(super) fn mq_timedsend(k: &mut Kernel, fd: i32, at: u64, n: u64, p: u32, t: u64) -> Sys {
    send(k, fd, at, n, p, (t, false))
}

pub(super) fn mq_timedsend_time64(k: &mut Kernel, fd: i32, at: u64, n: u64, p: u32, t: u64) -> Sys {
    send(k, fd, at, n, p, (t, true))
}

pub(super) fn mq_timedreceive(k: &mut Kernel, fd: i32, at: u64, n: u64, p: u64, t: u64) -> Sys {
    receive(k, fd, at, n, p, (t, false))
}

pub(super) fn mq_timedreceive_time64(
    k: &mut Kernel,
    fd: i32,
    at: u64,
    n: u64,
    p: u64,
    t: u64,
) -> Sys {
    receive(k, fd, at, n, p, (t, true))
}

pub(super) fn mq_notify(k: &mut Kernel, fd: i32, event: u64) -> Sys {
    let (_, q) = queue(k, fd)?;
    let me = k.group().pid;
    if event == 0 {
        if q.notify.get().is_some_and(|n| n.0 == me) {
            q.notify.set(None);
        }
        return Ok(0);
    }
    let b = k.get(event, k.abi().long as usize + 8)?;
    let mut i = In::new(k.abi(), &b);
    let (value, signal, how) = (i.long()?, i.u32()?, i.i32()?);
    let signal = match how {
        0 if signal != 0 && signal <= k.abi().signal_max() => signal,
        1 => 0,
        _ => return Err(EINVAL.into()),
    };
    let taken = q.notify.get().is_some_and(|n| k.procs.get(n.0).is_some());
    if taken {
        return Err(EBUSY.into());
    }
    q.notify.set(Some((me, signal, value)));
    Ok(0)
}

pub(super) fn mq_getsetattr(k: &mut Kernel, fd: i32, new: u64, old: u64) -> Sys {
    let (f, q) = queue(k, fd)?;
    let wanted = if new != 0 {
        let [flags, ..] = attr(k, new)?;
        Some(Abi::flags_in(k.abi().open_flags, flags as u32) & open::NONBLOCK)
    } else {
        None
    };
    if old != 0 {
        let flags = Abi::flags_out(k.abi().open_flags, f.flags.get() & open::NONBLOCK);
        let mut o = Out::new(k.abi());
        o.long(flags as u64)
            .long(q.most as u64)
            .long(q.size as u64)
            .long(q.list.borrow().len() as u64);
        o.long(0).long(0).long(0).long(0);
        let b = o.done();
        k.put(old, &b)?;
    }
    if let Some(w) = wanted {
        f.flags.set(f.flags.get() & !open::NONBLOCK | w);
    }
    Ok(0)
}
