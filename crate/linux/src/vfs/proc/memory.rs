//! /proc/PID/mem: the memory of a process, for itself and its tracer, whatever the protection of its pages.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::{ProcNode, Procs};
use crate::errno::{EACCES, EIO, ESRCH, Res};
use crate::file::{File, FileOps, Key, ready};
use crate::mem::{PAGE, Space};
use crate::vfs::{Node, Stat};

/// Opens the memory of a process.
pub(super) fn open(procs: &Procs, pid: i32, node: ProcNode) -> Res<Rc<dyn FileOps>> {
    let g = procs.get(pid).ok_or(ESRCH)?;
    let me = procs.current.get();
    if pid != me && g.tracer.get() != me {
        return Err(EACCES);
    }
    let space = g.mm.borrow().clone().ok_or(ESRCH)?;
    Ok(Rc::new(Memory { space, node }))
}

/// As it was opened: a program that exec starts later is not in it.
struct Memory {
    space: Rc<RefCell<Space>>,
    node: ProcNode,
}

/// The pieces of a range by page.
fn pages(at: u64, bytes: usize) -> impl Iterator<Item = (u64, core::ops::Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let va = at.wrapping_add(done as u64);
        let n = ((PAGE - va % PAGE) as usize).min(bytes - done);
        let piece = done..done + n;
        done += n;
        (n > 0).then_some((va, piece))
    })
}

impl FileOps for Memory {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, f: &File, buf: &mut [u8]) -> Res<usize> {
        let n = self.read_at(f.pos.get(), buf)?;
        f.pos.set(f.pos.get().wrapping_add(n as u64));
        Ok(n)
    }

    fn write(&self, f: &File, data: &[u8]) -> Res<usize> {
        let n = self.write_at(f.pos.get(), data)?;
        f.pos.set(f.pos.get().wrapping_add(n as u64));
        Ok(n)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        let mut space = self.space.borrow_mut();
        let mut done = 0;
        for (va, piece) in pages(at, buf.len()) {
            let n = piece.len();
            if space.read(va, &mut buf[piece]).is_err() {
                break;
            }
            done += n;
        }
        if done == 0 && !buf.is_empty() {
            return Err(EIO);
        }
        Ok(done)
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        let mut space = self.space.borrow_mut();
        let mut done = 0;
        for (va, piece) in pages(at, data.len()) {
            let n = piece.len();
            if space.write_forced(va, &data[piece]).is_err() {
                break;
            }
            done += n;
        }
        if done == 0 && !data.is_empty() {
            return Err(EIO);
        }
        Ok(done)
    }

    fn poll(&self) -> u32 {
        ready::IN | ready::OUT | ready::RDNORM | ready::WRNORM
    }

    fn keys(&self, _want: u32, _out: &mut Vec<Key>) {}

    fn stat(&self) -> Res<Stat> {
        self.node.stat()
    }

    fn seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        Some(Rc::new(self.node.clone()))
    }
}
