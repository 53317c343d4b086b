//! Opening files by name.

use std::rc::Rc;

use super::path::AT_FDCWD;
use crate::abi::Abi;
use crate::abi::layout::In;
use crate::errno::{EACCES, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR};
use crate::file::File;
use crate::file::inotify::ev;
use crate::file::pipe::{Pipe, PipeEnd};
use crate::kernel::{Kernel, Sys, wait_for};
use crate::vfs::mem::MemNode;
use crate::vfs::proc::{OpenedNode, ProcNode};
use crate::vfs::{Attr, Node, Place, mode, open as o};

fn do_open(k: &mut Kernel, dir: i32, path: u64, flags: u32, bits: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    let name = k.path(path)?;
    open_path(k, dir, &name, flags, bits)
}

fn open_path(k: &mut Kernel, dir: i32, name: &[u8], flags: u32, bits: u32) -> Sys {
    k.realtime();
    let start = k.start(dir, name)?;
    let root = k.task().fs.borrow().root.clone();
    if flags & o::TMPFILE != 0 && flags & o::DIRECTORY != 0 {
        let d = k.find(&start, name, true)?;
        if d.node.stat()?.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
        // A file without a name: on a tree of its own.
        let tmp = MemNode::tree(15, &k.tree_now);
        let node = tmp.create(b"tmpfile", mode::REG | k.masked(bits), 0)?;
        let ops = node.open(o::RDWR)?;
        let place = Place {
            node,
            parent: d.parent.clone(),
            name: b"#tmpfile (deleted)".to_vec(),
        };
        return install(
            k,
            File::new(
                ops,
                flags & !(o::CLOEXEC | o::TMPFILE),
                Some(Rc::new(place)),
            ),
            flags,
        );
    }
    let found = k.find(
        &start,
        name,
        flags & (o::NOFOLLOW | o::EXCL) == 0 || flags & o::CREAT == 0 && flags & o::NOFOLLOW == 0,
    );
    let place = match found {
        Ok(p) => {
            if flags & (o::CREAT | o::EXCL) == o::CREAT | o::EXCL {
                return Err(EEXIST.into());
            }
            if flags & o::CREAT != 0 && p.node.stat()?.kind() == mode::DIR {
                return Err(EISDIR.into());
            }
            p
        }
        Err(e) if e == ENOENT && flags & o::CREAT != 0 => {
            let last = k.tree.find_last(&start, &root, name)?;
            if last.slash {
                return Err(EISDIR.into());
            }
            let last = if flags & (o::NOFOLLOW | o::EXCL) != 0 {
                last
            } else {
                k.tree.follow_last(&root, last)?
            };
            let bits = k.masked(bits);
            let node = last.dir.node.create(&last.name, mode::REG | bits, 0)?;
            k.note_made(&last, false);
            let place = Rc::new(Place {
                node,
                parent: Some(last.dir.clone()),
                name: last.name,
            });
            // The mode of a new file does not stop its maker.
            let ops = match place.node.open(flags & !(o::CREAT | o::EXCL)) {
                Err(e) if e == EACCES => {
                    place.node.set_attr(&Attr {
                        mode: Some(bits | 0o600),
                        ..Attr::default()
                    })?;
                    let ops = place.node.open(flags & !(o::CREAT | o::EXCL))?;
                    place.node.set_attr(&Attr {
                        mode: Some(bits),
                        ..Attr::default()
                    })?;
                    ops
                }
                r => r?,
            };
            return install(k, File::new(ops, flags & !o::CLOEXEC, Some(place)), flags);
        }
        Err(e) => return Err(e.into()),
    };
    let stat = place.node.stat()?;
    if stat.kind() == mode::LNK && flags & o::PATH == 0 {
        return Err(crate::errno::ELOOP.into());
    }
    if flags & o::PATH != 0 {
        if flags & o::DIRECTORY != 0 && stat.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
        let ops = Rc::new(crate::file::NodeFile(place.node.clone()));
        return install(k, File::new(ops, o::PATH, Some(place)), flags);
    }
    if stat.kind() == mode::FIFO {
        return open_fifo(k, &place, flags);
    }
    if place.node.as_any().is::<ProcNode>() {
        k.show();
    }
    let ops = place.node.open(flags)?;
    if flags & (o::TRUNC | o::ACCMODE) > o::TRUNC {
        k.note(&place, ev::MODIFY);
    }
    if flags & o::TRUNC != 0
        && flags & o::ACCMODE != 0
        && let Some(set) = k.cache.shared(stat.dev, stat.ino)
    {
        set.patch(0, &vec![0; stat.size.min(1 << 24) as usize]);
    }
    take_terminal(k, &ops, flags);
    install(
        k,
        File::new(
            ops,
            flags & !(o::CLOEXEC | o::CREAT | o::EXCL | o::TRUNC | o::NOCTTY),
            Some(place),
        ),
        flags,
    )
}

pub(super) fn install(k: &mut Kernel, f: Rc<File>, flags: u32) -> Sys {
    let files = k.task().files.clone();
    let fd = files
        .borrow_mut()
        .add(f.clone(), flags & o::CLOEXEC != 0, 0)?;
    if flags & o::PATH == 0 {
        f.teller.set(&k.notify);
        f.tell(ev::OPEN);
    }
    Ok(fd as u64)
}

/// A session leader without a terminal gets the one it opens.
fn take_terminal(k: &mut Kernel, ops: &Rc<dyn crate::file::FileOps>, flags: u32) {
    let g = k.group();
    if flags & o::NOCTTY == 0
        && g.sid.get() == g.pid
        && g.tty.borrow().is_none()
        && !ops.is_master()
        && let Some(t) = ops.tty()
        && t.session().get() == 0
    {
        t.session().set(g.sid.get());
        t.foreground().set(g.pgid.get());
        *g.tty.borrow_mut() = Some(ops.clone());
    }
}

/// FIFOs are ours even where the node is the host's: both ends are processes here.
fn open_fifo(k: &mut Kernel, place: &Rc<Place>, flags: u32) -> Sys {
    let s = place.node.stat()?;
    let id = (s.dev, s.ino);
    let wakes = k.wakes.clone();
    // A pipe that is open, by its descriptor's name, is that pipe; nobody waits for its other side.
    let opened = place.node.as_any().downcast_ref::<OpenedNode>();
    let end = opened.and_then(|o| o.0.ops.as_any().downcast_ref::<PipeEnd>());
    let anonymous = end.is_some();
    let pipe = match end {
        Some(end) => end.pipe.clone(),
        None => k.locks.fifo(id, || Pipe::new(&wakes)),
    };
    let (r, w) = match flags & o::ACCMODE {
        0 => (true, false),
        o::WRONLY => (false, true),
        _ => (true, true),
    };
    let (writers, readers) = pipe.ends();
    // It waits for the other side; while it waits it counts as an end, so that the other side goes on.
    if r != w
        && !anonymous
        && flags & o::NONBLOCK == 0
        && if r { writers == 0 } else { readers == 0 }
    {
        let tid = k.cur;
        if k.task().scratch == 0 {
            k.task().scratch = 1;
            let end = pipe.end(r, w, Some(place.node.clone()));
            k.locks.opening.push((tid, end));
        }
        let key = pipe.key();
        return Err(wait_for(vec![key], None));
    }
    if w && !r && readers == 0 && !anonymous {
        return Err(crate::errno::ENXIO.into());
    }
    let tid = k.cur;
    let waiting = k
        .locks
        .opening
        .iter()
        .position(|e| e.0 == tid && Rc::ptr_eq(&e.1.pipe, &pipe));
    let end = match waiting {
        Some(i) => k.locks.opening.remove(i).1,
        None => pipe.end(r, w, Some(place.node.clone())),
    };
    install(
        k,
        File::new(end, flags & !(o::CLOEXEC | o::CREAT), Some(place.clone())),
        flags,
    )
}

pub(super) fn open(k: &mut Kernel, path: u64, flags: u32, bits: u32) -> Sys {
    do_open(k, AT_FDCWD, path, flags, bits)
}

pub(super) fn openat(k: &mut Kernel, dir: i32, path: u64, flags: u32, bits: u32) -> Sys {
    do_open(k, dir, path, flags, bits)
}

pub(super) fn openat2(k: &mut Kernel, dir: i32, path: u64, how: u64, size: u64) -> Sys {
    if size < 24 {
        return Err(EINVAL.into());
    }
    let b = k.get(how, 24)?;
    let mut i = In::new(k.abi(), &b);
    let (flags, bits, resolve) = (i.u64()?, i.u64()?, i.u64()?);
    if resolve != 0 {
        return Err(crate::errno::EOPNOTSUPP.into());
    }
    do_open(k, dir, path, flags as u32, bits as u32)
}

pub(super) fn creat(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    let name = k.path(path)?;
    open_path(k, AT_FDCWD, &name, o::CREAT | o::WRONLY | o::TRUNC, bits)
}
