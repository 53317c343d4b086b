//! inotify: who watches what ([`Notify`], one for all processes), and an instance's queue of events ([`Inotify`]), after inotify(7).
//!
//! Events come from the calls of processes here; what others do to the host's files is not seen. A file that is removed while it is open
//! says IN_DELETE_SELF at once, not at its last close. Watches are by device and inode.

use core::cell::{Cell, OnceCell, RefCell};
use std::any::Any;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{EAGAIN, EEXIST, EINVAL, ENOSPC, Res};
use crate::vfs::{Node, Place, Stat, mode};

/// Events and flags of watches.
pub mod ev {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const ACCESS: u32 = 1;
    pub const MODIFY: u32 = 2;
    pub const ATTRIB: u32 = 4;
    pub const CLOSE_WRITE: u32 = 8;
    pub const CLOSE_NOWRITE: u32 = 0x10;
    pub const OPEN: u32 = 0x20;
    pub const MOVED_FROM: u32 = 0x40;
    pub const MOVED_TO: u32 = 0x80;
    pub const CREATE: u32 = 0x100;
    pub const DELETE: u32 = 0x200;
    pub const DELETE_SELF: u32 = 0x400;
    pub const MOVE_SELF: u32 = 0x800;
    pub const Q_OVERFLOW: u32 = 0x4000;
    pub const IGNORED: u32 = 0x8000;
    pub const ONLYDIR: u32 = 0x0100_0000;
    pub const DONT_FOLLOW: u32 = 0x0200_0000;
    pub const MASK_CREATE: u32 = 0x1000_0000;
    pub const MASK_ADD: u32 = 0x2000_0000;
    pub const ISDIR: u32 = 0x4000_0000;
    pub const ONESHOT: u32 = 0x8000_0000;
    /// All that can be asked for.
    pub const ALL: u32 = 0xfff;
}

/// Events that wait at most.
const MAX_EVENTS: usize = 16384;
/// Watches of an instance at most.
const MAX_WATCHES: usize = 65536;

/// Device and inode.
type Id = (u64, u64);

fn id_of(node: &dyn Node) -> Option<(Id, bool)> {
    let s = node.stat().ok()?;
    Some(((s.dev, s.ino), s.kind() == mode::DIR))
}

/// All instances.
#[derive(Default)]
pub struct Notify {
    list: RefCell<Vec<Weak<Inotify>>>,
    cookie: Cell<u32>,
}

impl Notify {
    /// Whether anybody watches: nothing else needs to be found out if not.
    pub fn any(&self) -> bool {
        !self.list.borrow().is_empty()
    }

    /// A number that joins the two events of a renaming.
    pub fn cookie(&self) -> u32 {
        self.cookie.set(self.cookie.get() + 1);
        self.cookie.get()
    }

    fn each(&self, mut f: impl FnMut(&Inotify)) {
        let mut list = self.list.borrow_mut();
        list.retain(|w| match w.upgrade() {
            Some(i) => {
                f(&i);
                true
            }
            None => false,
        });
    }

    /// Something happened to the entry `name` of a directory; `flags` may hold ISDIR.
    pub fn entry(&self, dir: &dyn Node, name: &[u8], mask: u32, cookie: u32) {
        if let Some((id, _)) = id_of(dir) {
            self.each(|i| i.event(id, mask, cookie, name));
        }
    }

    /// Something happened to a node, which those who watch its directory do not hear of.
    pub fn node(&self, node: &dyn Node, mask: u32) {
        if let Some((id, dir)) = id_of(node) {
            let own = mask & (ev::MOVE_SELF | ev::DELETE_SELF) != 0;
            let mask = mask | if dir && !own { ev::ISDIR } else { 0 };
            self.each(|i| i.event(id, mask, 0, b""));
        }
    }

    /// Something happened to what lies at a place: those who watch its directory hear of it, then those who watch itself.
    pub fn place(&self, place: &Place, mask: u32) {
        let Some((id, dir)) = id_of(&*place.node) else {
            return;
        };
        let mask = mask | if dir { ev::ISDIR } else { 0 };
        let parent = place.parent.as_ref().and_then(|p| id_of(&*p.node));
        self.each(|i| {
            if let Some((parent, _)) = parent {
                i.event(parent, mask, 0, &place.name);
            }
            i.event(id, mask, 0, b"");
        });
    }

    /// A node lost a name; `stat` is from before.
    pub fn unlinked(&self, stat: &Stat) {
        let id = (stat.dev, stat.ino);
        if stat.kind() == mode::DIR || stat.nlink <= 1 {
            self.each(|i| i.gone(id));
        }
    }

    /// A node is about to lose a name: its number of links changes.
    pub fn unlinking(&self, stat: &Stat) {
        if stat.kind() != mode::DIR {
            self.each(|i| i.event((stat.dev, stat.ino), ev::ATTRIB, 0, b""));
        }
    }
}

#[derive(Clone, Copy)]
struct Watch {
    wd: i32,
    id: Id,
    mask: u32,
}

#[derive(PartialEq, Eq)]
struct Event {
    wd: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

impl Event {
    /// Bytes of the name's field: with a zero, a multiple of the head's.
    fn name_bytes(&self) -> usize {
        if self.name.is_empty() {
            0
        } else {
            (self.name.len() + 1).next_multiple_of(16)
        }
    }
}

/// An instance.
pub struct Inotify {
    watches: RefCell<Vec<Watch>>,
    next: Cell<i32>,
    queue: RefCell<VecDeque<Event>>,
    key: Key,
    wakes: Wakes,
    big_endian: bool,
}

impl Inotify {
    /// Without watches.
    pub fn new(all: &Notify, wakes: &Wakes, big_endian: bool) -> Rc<Inotify> {
        let i = Rc::new(Inotify {
            watches: RefCell::default(),
            next: Cell::new(1),
            queue: RefCell::default(),
            key: wakes.key(),
            wakes: wakes.clone(),
            big_endian,
        });
        all.list.borrow_mut().push(Rc::downgrade(&i));
        i
    }

    fn push(&self, e: Event) {
        let mut q = self.queue.borrow_mut();
        // What says the same as the one before it is said once.
        if q.back() == Some(&e) {
            return;
        }
        if q.len() >= MAX_EVENTS {
            let full = Event {
                wd: -1,
                mask: ev::Q_OVERFLOW,
                cookie: 0,
                name: Vec::new(),
            };
            if q.back() != Some(&full) {
                q.push_back(full);
            }
            return;
        }
        q.push_back(e);
        self.wakes.ring(self.key);
    }

    fn event(&self, id: Id, mask: u32, cookie: u32, name: &[u8]) {
        let hit = self.watches.borrow().iter().find(|w| w.id == id).copied();
        let Some(w) = hit.filter(|w| w.mask & mask & ev::ALL != 0) else {
            return;
        };
        self.push(Event {
            wd: w.wd,
            mask: mask & (ev::ALL | ev::ISDIR),
            cookie,
            name: name.to_vec(),
        });
        if w.mask & ev::ONESHOT != 0 {
            self.drop_watch(w.wd);
        }
    }

    fn drop_watch(&self, wd: i32) {
        self.watches.borrow_mut().retain(|w| w.wd != wd);
        self.push(Event {
            wd,
            mask: ev::IGNORED,
            cookie: 0,
            name: Vec::new(),
        });
    }

    fn gone(&self, id: Id) {
        self.event(id, ev::DELETE_SELF, 0, b"");
        let wd = self
            .watches
            .borrow()
            .iter()
            .find(|w| w.id == id)
            .map(|w| w.wd);
        if let Some(wd) = wd {
            self.drop_watch(wd);
        }
    }

    /// inotify_add_watch.
    ///
    /// # Errors
    /// EEXIST for a second one with MASK_CREATE, ENOSPC.
    pub fn add(&self, id: Id, mask: u32) -> Res<i32> {
        let mut watches = self.watches.borrow_mut();
        let kept = mask & (ev::ALL | ev::ONESHOT);
        if let Some(w) = watches.iter_mut().find(|w| w.id == id) {
            if mask & ev::MASK_CREATE != 0 {
                return Err(EEXIST);
            }
            w.mask = kept | if mask & ev::MASK_ADD != 0 { w.mask } else { 0 };
            return Ok(w.wd);
        }
        if watches.len() >= MAX_WATCHES {
            return Err(ENOSPC);
        }
        let wd = self.next.get();
        self.next.set(wd.wrapping_add(1).max(1));
        watches.push(Watch { wd, id, mask: kept });
        Ok(wd)
    }

    /// inotify_rm_watch.
    ///
    /// # Errors
    /// EINVAL.
    pub fn remove(&self, wd: i32) -> Res<()> {
        if !self.watches.borrow().iter().any(|w| w.wd == wd) {
            return Err(EINVAL);
        }
        self.drop_watch(wd);
        Ok(())
    }
}

impl FileOps for Inotify {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        let mut q = self.queue.borrow_mut();
        if q.is_empty() {
            return Err(EAGAIN);
        }
        let mut done = 0;
        while let Some(e) = q.front() {
            let n = e.name_bytes();
            let Some(room) = buf.get_mut(done..done + 16 + n) else {
                break;
            };
            for (i, v) in [e.wd as u32, e.mask, e.cookie, n as u32]
                .into_iter()
                .enumerate()
            {
                let b = if self.big_endian {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                };
                room[4 * i..4 * i + 4].copy_from_slice(&b);
            }
            room[16..].fill(0);
            room[16..16 + e.name.len()].copy_from_slice(&e.name);
            done += 16 + n;
            q.pop_front();
        }
        if done == 0 { Err(EINVAL) } else { Ok(done) }
    }

    fn write(&self, _f: &File, _data: &[u8]) -> Res<usize> {
        Err(crate::errno::EBADF)
    }

    fn poll(&self) -> u32 {
        if self.queue.borrow().is_empty() {
            0
        } else {
            ready::IN | ready::RDNORM
        }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.key);
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

    fn readable(&self) -> Res<u32> {
        let q = self.queue.borrow();
        Ok(q.iter().map(|e| 16 + e.name_bytes() as u32).sum())
    }

    fn name(&self) -> Vec<u8> {
        b"anon_inode:inotify".to_vec()
    }
}

/// What an open file tells at its last close.
#[derive(Default)]
pub struct Teller(OnceCell<Rc<Notify>>);

impl Teller {
    /// Who is told.
    pub fn set(&self, all: &Rc<Notify>) {
        let _ = self.0.set(all.clone());
    }

    /// Tells of an event, if the file is one that tells.
    pub fn tell(&self, place: Option<&Rc<Place>>, mask: u32) {
        if let (Some(all), Some(place)) = (self.0.get(), place)
            && all.any()
        {
            all.place(place, mask);
        }
    }
}
