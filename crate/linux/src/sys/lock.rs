//! File locks: fcntl's by process and range, flock's by description.

use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::errno::{EAGAIN, EINVAL, Res};
use crate::file::pipe::{Pipe, PipeEnd};
use crate::file::{File, Key};
use crate::kernel::{Kernel, Sys, wait_for};

/// A lock on a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lock {
    file: (u64, u64),
    owner: i32,
    start: u64,
    end: u64,
    exclusive: bool,
}

/// All locks.
#[derive(Default)]
pub struct Locks {
    list: Vec<Lock>,
    flocks: Vec<((u64, u64), std::rc::Weak<File>)>,
    fifos: Vec<((u64, u64), std::rc::Weak<Pipe>)>,
    /// Ends of FIFOs whose openers wait for the other side, by thread.
    pub opening: Vec<(i32, Rc<PipeEnd>)>,
}

/// What rings when a lock goes.
const KEY: Key = Key::Futex(u64::MAX, 0);

impl Locks {
    /// The pipe behind a FIFO.
    pub fn fifo(&mut self, id: (u64, u64), new: impl FnOnce() -> Rc<Pipe>) -> Rc<Pipe> {
        self.fifos.retain(|f| f.1.strong_count() > 0);
        if let Some(p) = self
            .fifos
            .iter()
            .find(|f| f.0 == id)
            .and_then(|f| f.1.upgrade())
        {
            return p;
        }
        let p = new();
        self.fifos.push((id, Rc::downgrade(&p)));
        p
    }

    fn conflict(&self, l: &Lock) -> Option<Lock> {
        self.list.iter().copied().find(|o| {
            o.file == l.file
                && o.owner != l.owner
                && o.start < l.end
                && l.start < o.end
                && (o.exclusive || l.exclusive)
        })
    }

    /// Takes the owner's locks off a range, then puts a new one there.
    fn set(&mut self, l: &Lock, put: bool) {
        let mut out = Vec::new();
        for o in &self.list {
            if o.file != l.file || o.owner != l.owner || o.start >= l.end || l.start >= o.end {
                out.push(*o);
                continue;
            }
            if o.start < l.start {
                out.push(Lock { end: l.start, ..*o });
            }
            if o.end > l.end {
                out.push(Lock { start: l.end, ..*o });
            }
        }
        if put {
            out.push(*l);
        }
        self.list = out;
    }
}

impl Kernel {
    /// A process ended: its locks go.
    pub fn release_locks(&mut self, pid: i32) {
        let before = self.locks.list.len();
        self.locks.list.retain(|l| l.owner != pid);
        if self.locks.list.len() != before || !self.locks.flocks.is_empty() {
            self.wakes.ring(KEY);
        }
    }

    /// A descriptor was closed: the process's locks on its file go.
    pub fn closed(&mut self, pid: i32, f: &Rc<File>) {
        if !self.locks.flocks.is_empty() {
            self.wakes.ring(KEY);
        }
        if self.locks.list.is_empty() {
            return;
        }
        if let Ok(s) = f.ops.stat() {
            let before = self.locks.list.len();
            self.locks
                .list
                .retain(|l| l.owner != pid || l.file != (s.dev, s.ino));
            if self.locks.list.len() != before {
                self.wakes.ring(KEY);
            }
        }
    }
}

/// F_GETLK (0), F_SETLK (1), F_SETLKW (2).
pub(super) fn fcntl_lock(k: &mut Kernel, f: &Rc<File>, cmd: usize, arg: u64, wide: bool) -> Sys {
    // The argument came as a signed word.
    let arg = k.abi().ptr(arg);
    let bytes = k.get(arg, 32)?;
    let long = k.abi().long;
    let mut i = In::new(k.abi(), &bytes);
    let (kind, whence) = (i.u16()?, i.u16()?);
    let wide = wide || long == 8;
    let (start, len) = if wide {
        (i.u64()? as i64, i.u64()? as i64)
    } else {
        (i.slong()?, i.slong()?)
    };
    let stat = f.ops.stat()?;
    let base = match whence {
        0 => 0,
        1 => f.pos.get() as i64,
        2 => stat.size as i64,
        _ => return Err(EINVAL.into()),
    };
    let from = base.checked_add(start).filter(|&s| s >= 0).ok_or(EINVAL)?;
    let (from, end) = if len < 0 {
        (from.saturating_add(len), from)
    } else {
        (from, from.saturating_add(len))
    };
    if from < 0 {
        return Err(EINVAL.into());
    }
    let end = if len == 0 { u64::MAX } else { end as u64 };
    let owner = k.group().pid;
    let lock = Lock {
        file: (stat.dev, stat.ino),
        owner,
        start: from as u64,
        end,
        exclusive: kind == 1,
    };
    match cmd {
        0 => {
            let sysid = k.abi().flock_mips && !wide;
            let mut o = Out::new(k.abi());
            match k.locks.conflict(&lock) {
                None => drop(o.u16(2).bytes(&bytes[2..])),
                Some(l) => {
                    o.u16(l.exclusive as u16).u16(0);
                    let len = if l.end == u64::MAX {
                        0
                    } else {
                        l.end - l.start
                    };
                    if wide {
                        o.u64(l.start).u64(len)
                    } else {
                        o.long(l.start).long(len)
                    };
                    if sysid {
                        o.long(0);
                    }
                    o.i32(l.owner);
                }
            }
            let b = o.done();
            k.put(arg, &b)?;
        }
        _ if kind == 2 => {
            k.locks.set(&lock, false);
            k.wakes.ring(KEY);
        }
        _ if kind > 2 => return Err(EINVAL.into()),
        _ => {
            if k.locks.conflict(&lock).is_some() {
                return Err(if cmd == 2 {
                    wait_for(vec![KEY], None)
                } else {
                    EAGAIN.into()
                });
            }
            k.locks.set(&lock, true);
            k.wakes.ring(KEY);
        }
    }
    Ok(0)
}

pub(super) fn flock(k: &mut Kernel, fd: i32, how: u32) -> Sys {
    let f = k.file(fd)?;
    let s = f.ops.stat()?;
    let id = (s.dev, s.ino);
    k.locks.flocks.retain(|l| l.1.strong_count() > 0);
    let want = match how & !4 {
        1 => 1,
        2 => 2,
        8 => 0,
        _ => return Err(EINVAL.into()),
    };
    let others: Res<()> = {
        let held = k
            .locks
            .flocks
            .iter()
            .filter(|l| l.0 == id)
            .filter_map(|l| l.1.upgrade())
            .filter(|o| !Rc::ptr_eq(o, &f));
        let clash = held
            .map(|o| o.lock.get())
            .any(|h| want == 2 && h != 0 || want == 1 && h == 2);
        if clash { Err(EAGAIN) } else { Ok(()) }
    };
    if let Err(e) = others {
        return Err(if how & 4 != 0 {
            e.into()
        } else {
            wait_for(vec![KEY], None)
        });
    }
    let had = f.lock.replace(want);
    if want == 0 || want < had {
        k.wakes.ring(KEY);
    }
    k.locks
        .flocks
        .retain(|l| !core::ptr::eq(l.1.as_ptr(), Rc::as_ptr(&f)));
    if want != 0 {
        k.locks.flocks.push((id, Rc::downgrade(&f)));
    }
    Ok(0)
}
