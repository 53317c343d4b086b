//! The calls of inotify, and the events other calls tell of.

use std::rc::Rc;

use super::fd::install;
use super::path::AT_FDCWD;
use crate::abi::Abi;
use crate::errno::{EINVAL, ENOTDIR, Res};
use crate::file::inotify::{Inotify, ev};
use crate::kernel::{Kernel, Sys};
use crate::vfs::{Last, Node, Place, Stat, mode, open};

pub(super) fn inotify_init(k: &mut Kernel) -> Sys {
    inotify_init1(k, 0)
}

pub(super) fn inotify_init1(k: &mut Kernel, flags: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if flags & !(open::CLOEXEC | open::NONBLOCK) != 0 {
        return Err(EINVAL.into());
    }
    let ops = Inotify::new(&k.notify, &k.wakes, k.abi().big_endian);
    install(k, ops, flags)
}

/// Runs `f` on the instance behind a descriptor.
fn with<T>(k: &mut Kernel, fd: i32, f: impl FnOnce(&Inotify) -> Res<T>) -> Res<T> {
    let file = k.file(fd)?;
    f(file.ops.as_any().downcast_ref().ok_or(EINVAL)?)
}

pub(super) fn inotify_add_watch(k: &mut Kernel, fd: i32, path: u64, mask: u32) -> Sys {
    if mask & ev::ALL == 0 || mask & ev::MASK_ADD != 0 && mask & ev::MASK_CREATE != 0 {
        return Err(EINVAL.into());
    }
    with(k, fd, |_| Ok(()))?;
    let place = k.at(AT_FDCWD, path, mask & ev::DONT_FOLLOW == 0)?;
    let s = place.node.stat()?;
    if mask & ev::ONLYDIR != 0 && s.kind() != mode::DIR {
        return Err(ENOTDIR.into());
    }
    place.node.access(4)?;
    Ok(with(k, fd, |i| i.add((s.dev, s.ino), mask))? as u64)
}

pub(super) fn inotify_rm_watch(k: &mut Kernel, fd: i32, wd: i32) -> Sys {
    with(k, fd, |i| i.remove(wd))?;
    Ok(0)
}

impl Kernel {
    /// A name came to be in a directory.
    pub(super) fn note_made(&self, last: &Last, dir: bool) {
        if self.notify.any() {
            let mask = ev::CREATE | if dir { ev::ISDIR } else { 0 };
            self.notify.entry(&*last.dir.node, &last.name, mask, 0);
        }
    }

    /// What lies at a place changed.
    pub(super) fn note(&self, place: &Place, mask: u32) {
        if self.notify.any() && mask != 0 {
            self.notify.place(place, mask);
        }
    }

    /// A node has one more name.
    pub(super) fn note_linked(&self, node: &Rc<dyn Node>) {
        if self.notify.any() {
            self.notify.node(&**node, ev::ATTRIB);
        }
    }

    /// Before a name is removed or replaced: what it names, if somebody may want to hear of its end.
    pub(super) fn note_before(&self, last: &Last) -> Option<Stat> {
        if !self.notify.any() {
            return None;
        }
        self.tree.entry(last).ok()?.node.stat().ok()
    }

    /// A name is removed.
    pub(super) fn note_removed(&self, last: &Last, before: Option<Stat>) {
        let Some(s) = before else { return };
        let dir = if s.kind() == mode::DIR { ev::ISDIR } else { 0 };
        self.notify.unlinking(&s);
        let mask = ev::DELETE | dir;
        self.notify.entry(&*last.dir.node, &last.name, mask, 0);
        self.notify.unlinked(&s);
    }

    /// A name became another; `replaced` is what that one was.
    pub(super) fn note_renamed(&self, from: &Last, to: &Last, replaced: Option<Stat>) {
        if !self.notify.any() {
            return;
        }
        let Ok(moved) = self.tree.entry(to) else {
            return;
        };
        let is_dir = moved.node.stat().is_ok_and(|s| s.kind() == mode::DIR);
        let dir = if is_dir { ev::ISDIR } else { 0 };
        let cookie = self.notify.cookie();
        for (l, mask) in [(from, ev::MOVED_FROM), (to, ev::MOVED_TO)] {
            self.notify.entry(&*l.dir.node, &l.name, mask | dir, cookie);
        }
        if let Some(s) = &replaced {
            self.notify.unlinking(s);
        }
        self.notify.node(&*moved.node, ev::MOVE_SELF);
        if let Some(s) = &replaced {
            self.notify.unlinked(s);
        }
    }
}
