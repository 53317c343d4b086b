//! eventfd, timerfd and signalfd.

use core::cell::Cell;
use std::any::Any;
use std::rc::Rc;

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{EAGAIN, EINVAL, Res};
use crate::vfs::Stat;

fn anon(ino: u64) -> Stat {
    Stat {
        dev: 13,
        ino,
        mode: 0o600,
        nlink: 1,
        blksize: 4096,
        ..Stat::default()
    }
}

/// An eventfd.
pub struct EventFd {
    count: Cell<u64>,
    semaphore: bool,
    key: Key,
    wakes: Wakes,
    big_endian: bool,
}

impl EventFd {
    /// With an initial count.
    pub fn new(wakes: &Wakes, count: u64, semaphore: bool, big_endian: bool) -> EventFd {
        EventFd {
            count: Cell::new(count),
            semaphore,
            key: wakes.key(),
            wakes: wakes.clone(),
            big_endian,
        }
    }
}

fn number(v: u64, big: bool) -> [u8; 8] {
    if big {
        v.to_be_bytes()
    } else {
        v.to_le_bytes()
    }
}

impl FileOps for EventFd {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        if buf.len() < 8 {
            return Err(EINVAL);
        }
        let count = self.count.get();
        if count == 0 {
            return Err(EAGAIN);
        }
        let v = if self.semaphore { 1 } else { count };
        self.count.set(count - v);
        buf[..8].copy_from_slice(&number(v, self.big_endian));
        self.wakes.ring(self.key);
        Ok(8)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        let b: [u8; 8] = data
            .get(..8)
            .and_then(|b| b.try_into().ok())
            .ok_or(EINVAL)?;
        let v = if self.big_endian {
            u64::from_be_bytes(b)
        } else {
            u64::from_le_bytes(b)
        };
        if v == u64::MAX {
            return Err(EINVAL);
        }
        let new = self
            .count
            .get()
            .checked_add(v)
            .filter(|&n| n < u64::MAX)
            .ok_or(EAGAIN)?;
        self.count.set(new);
        self.wakes.ring(self.key);
        Ok(8)
    }

    fn poll(&self) -> u32 {
        let count = self.count.get();
        (if count > 0 {
            ready::IN | ready::RDNORM
        } else {
            0
        }) | if count < u64::MAX - 1 {
            ready::OUT | ready::WRNORM
        } else {
            0
        }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.key);
    }

    fn stat(&self) -> Res<Stat> {
        Ok(anon(1))
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:[eventfd]".to_vec()
    }
}

/// A timerfd. Times are nanoseconds of the kernel's monotonic clock.
pub struct TimerFd {
    /// Next expiry; 0 for none.
    pub due: Cell<u64>,
    /// Interval; 0 for none.
    pub every: Cell<u64>,
    /// Its clock is the time of day.
    pub realtime: bool,
    now: Rc<Cell<u64>>,
    key: Key,
    wakes: Wakes,
    big_endian: bool,
}

impl TimerFd {
    /// Disarmed.
    pub fn new(wakes: &Wakes, now: &Rc<Cell<u64>>, realtime: bool, big_endian: bool) -> TimerFd {
        TimerFd {
            due: Cell::new(0),
            every: Cell::new(0),
            realtime,
            now: now.clone(),
            key: wakes.key(),
            wakes: wakes.clone(),
            big_endian,
        }
    }

    /// Expiries since it was read.
    fn expired(&self) -> u64 {
        let (due, now) = (self.due.get(), self.now.get());
        match (due, self.every.get()) {
            (0, _) => 0,
            (due, _) if due > now => 0,
            (_, 0) => 1,
            (due, every) => 1 + (now - due) / every,
        }
    }

    /// It was set.
    pub fn changed(&self) {
        self.wakes.ring(self.key);
    }
}

impl FileOps for TimerFd {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        if buf.len() < 8 {
            return Err(EINVAL);
        }
        let n = self.expired();
        if n == 0 {
            return Err(EAGAIN);
        }
        let every = self.every.get();
        self.due.set(if every == 0 {
            0
        } else {
            self.due.get().saturating_add(n.saturating_mul(every))
        });
        buf[..8].copy_from_slice(&number(n, self.big_endian));
        Ok(8)
    }

    fn write(&self, _f: &File, _data: &[u8]) -> Res<usize> {
        Err(EINVAL)
    }

    fn poll(&self) -> u32 {
        if self.expired() > 0 {
            ready::IN | ready::RDNORM
        } else {
            0
        }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.key);
    }

    fn stat(&self) -> Res<Stat> {
        Ok(anon(2))
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:[timerfd]".to_vec()
    }
}

/// A signalfd: takes signals sent to its process.
pub struct SignalFd {
    /// Signals it takes.
    pub mask: Cell<u128>,
    group: Rc<crate::task::Group>,
    big_endian: bool,
}

impl SignalFd {
    /// For a process.
    pub fn new(group: &Rc<crate::task::Group>, mask: u128, big_endian: bool) -> SignalFd {
        SignalFd {
            mask: Cell::new(mask),
            group: group.clone(),
            big_endian,
        }
    }
}

impl FileOps for SignalFd {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        use crate::task::Detail;
        if buf.len() < 128 {
            return Err(EINVAL);
        }
        let p = self
            .group
            .pending
            .borrow_mut()
            .take(!self.mask.get())
            .ok_or(EAGAIN)?;
        let (pid, uid, status, addr, value) = match p.detail {
            Detail::None => (0, 0, 0, 0, 0),
            Detail::Kill { pid, uid } => (pid, uid, 0, 0, 0),
            Detail::Queue { pid, uid, value } => (pid, uid, 0, 0, value),
            Detail::Child {
                pid, uid, status, ..
            } => (pid, uid, status, 0, 0),
            Detail::Fault { addr } => (0, 0, 0, addr, 0),
            Detail::Timer { value, .. } => (0, 0, 0, 0, value),
        };
        // struct signalfd_siginfo: words 0 signo, 1 errno, 2 code, 3 pid, 4 uid, 10 status, 11 int; u64 at 48 ptr, 72 addr.
        let mut words = [0u32; 32];
        (words[0], words[2], words[3], words[4], words[10], words[11]) = (
            p.signal,
            p.code as u32,
            pid as u32,
            uid,
            status as u32,
            value as u32,
        );
        for (i, w) in words.iter().enumerate() {
            let b = if self.big_endian {
                w.to_be_bytes()
            } else {
                w.to_le_bytes()
            };
            buf[4 * i..4 * i + 4].copy_from_slice(&b);
        }
        buf[48..56].copy_from_slice(&number(value, self.big_endian));
        buf[72..80].copy_from_slice(&number(addr, self.big_endian));
        Ok(128)
    }

    fn write(&self, _f: &File, _data: &[u8]) -> Res<usize> {
        Err(EINVAL)
    }

    fn poll(&self) -> u32 {
        if self.group.pending.borrow().set() & self.mask.get() != 0 {
            ready::IN | ready::RDNORM
        } else {
            0
        }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(Key::Signal(self.group.pid));
    }

    fn stat(&self) -> Res<Stat> {
        Ok(anon(4))
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:[signalfd]".to_vec()
    }
}
