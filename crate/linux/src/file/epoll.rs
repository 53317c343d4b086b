//! epoll.

use core::cell::RefCell;
use std::any::Any;
use std::rc::{Rc, Weak};

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{EEXIST, EINVAL, ENOENT, Res};
use crate::vfs::Stat;

/// Edge-triggered.
const ET: u32 = 1 << 31;
/// Reported once.
const ONESHOT: u32 = 1 << 30;

struct Item {
    fd: i32,
    file: Weak<File>,
    events: u32,
    data: u64,
    /// What was last reported of an edge-triggered one.
    seen: u32,
}

/// An epoll instance.
pub struct Epoll {
    items: RefCell<Vec<Item>>,
    key: Key,
    wakes: Wakes,
}

impl Epoll {
    /// Without items.
    pub fn new(wakes: &Wakes) -> Epoll {
        Epoll {
            items: RefCell::default(),
            key: wakes.key(),
            wakes: wakes.clone(),
        }
    }

    /// epoll_ctl: op 1 add, 2 remove, 3 change.
    ///
    /// # Errors
    /// EEXIST, ENOENT, EINVAL.
    pub fn ctl(&self, op: u32, fd: i32, file: &Rc<File>, events: u32, data: u64) -> Res<()> {
        let mut items = self.items.borrow_mut();
        items.retain(|i| i.file.strong_count() > 0);
        let at = items
            .iter()
            .position(|i| i.fd == fd && core::ptr::eq(i.file.as_ptr(), Rc::as_ptr(file)));
        match (op, at) {
            (1, Some(_)) => return Err(EEXIST),
            (1, None) => items.push(Item {
                fd,
                file: Rc::downgrade(file),
                events,
                data,
                seen: 0,
            }),
            (2 | 3, None) => return Err(ENOENT),
            (2, Some(i)) => drop(items.remove(i)),
            (3, Some(i)) => {
                items[i] = Item {
                    fd,
                    file: Rc::downgrade(file),
                    events,
                    data,
                    seen: 0,
                }
            }
            _ => return Err(EINVAL),
        }
        self.wakes.ring(self.key);
        Ok(())
    }

    /// What is ready: (events, data), at most `max`.
    pub fn collect(&self, max: usize) -> Vec<(u32, u64)> {
        let mut items = self.items.borrow_mut();
        items.retain(|i| i.file.strong_count() > 0);
        let mut out = Vec::new();
        for i in items.iter_mut() {
            let Some(file) = i.file.upgrade() else {
                continue;
            };
            let now = file.ops.poll() & (i.events | ready::ERR | ready::HUP);
            let news = if i.events & ET != 0 {
                now & !i.seen
            } else {
                now
            };
            if i.events & ET != 0 {
                i.seen = now;
            }
            if news != 0 && i.events & !(ET | ONESHOT) != 0 {
                out.push((now, i.data));
                if i.events & ONESHOT != 0 {
                    i.events &= ET | ONESHOT;
                }
                if out.len() >= max {
                    break;
                }
            }
        }
        // Fairness: who was reported goes to the back.
        if out.len() >= max && !items.is_empty() {
            items.rotate_left(1);
        }
        out
    }

    /// The files watched.
    pub fn files(&self) -> Vec<Rc<File>> {
        self.items
            .borrow()
            .iter()
            .filter_map(|i| i.file.upgrade())
            .collect()
    }

    /// Something read or written may be an edge again.
    pub fn rearm(&self, key: Key) {
        for i in self
            .items
            .borrow_mut()
            .iter_mut()
            .filter(|i| i.events & ET != 0)
        {
            let mut keys = Vec::new();
            if let Some(f) = i.file.upgrade() {
                f.ops.keys(!0, &mut keys);
            }
            if keys.contains(&key) {
                i.seen = 0;
            }
        }
    }
}

impl FileOps for Epoll {
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
        let any = self.items.borrow().iter().any(|i| {
            i.file.upgrade().is_some_and(|f| {
                let now = f.ops.poll() & (i.events | ready::ERR | ready::HUP);
                i.events & !(ET | ONESHOT) != 0
                    && if i.events & ET != 0 {
                        now & !i.seen != 0
                    } else {
                        now != 0
                    }
            })
        });
        if any { ready::IN | ready::RDNORM } else { 0 }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.key);
        for i in self.items.borrow().iter() {
            if let Some(f) = i.file.upgrade().filter(|f| !f.ops.as_any().is::<Epoll>()) {
                f.ops.keys(i.events, out);
            }
        }
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 13,
            ino: 3,
            mode: 0o600,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:[eventpoll]".to_vec()
    }
}
