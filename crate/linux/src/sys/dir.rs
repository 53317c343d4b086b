//! Reading directories.

use std::rc::Rc;

use crate::abi::layout::Out;
use crate::errno::{EBADF, EINVAL, ENOTDIR, Res};
use crate::file::File;
use crate::kernel::{Kernel, Sys};
use crate::vfs::{Dirent, mode, open};

pub(super) fn directory(f: &Rc<File>) -> Res<Rc<Vec<Dirent>>> {
    if let Some(list) = &*f.entries.borrow() {
        return Ok(list.clone());
    }
    let node = f.ops.node().ok_or(ENOTDIR)?;
    let mut list = vec![];
    let me = node.stat()?;
    let up = f
        .place
        .as_ref()
        .and_then(|p| p.parent.as_ref())
        .and_then(|p| p.node.stat().ok())
        .unwrap_or(me);
    list.push(Dirent {
        ino: me.ino,
        kind: mode::DIR,
        name: b".".to_vec(),
    });
    list.push(Dirent {
        ino: up.ino,
        kind: mode::DIR,
        name: b"..".to_vec(),
    });
    list.extend(node.entries()?);
    let list = Rc::new(list);
    *f.entries.borrow_mut() = Some(list.clone());
    Ok(list)
}

pub(super) fn list(k: &mut Kernel, fd: i32, buf: u64, bytes: u64, wide: bool) -> Sys {
    let f = k.file(fd)?;
    if f.flags.get() & open::PATH != 0 {
        return Err(EBADF.into());
    }
    let entries = directory(&f)?;
    let abi = k.abi();
    let mut out = Vec::new();
    let mut at = f.pos.get() as usize;
    while let Some(e) = entries.get(at) {
        let mut o = Out::new(abi);
        let (head, align) = if wide {
            (19, 8)
        } else {
            (2 * abi.long as usize + 2, abi.long as usize)
        };
        let len = (head + e.name.len() + if wide { 1 } else { 2 }).next_multiple_of(align);
        if out.len() + len > bytes as usize {
            break;
        }
        let next = at as u64 + 1;
        if wide {
            o.u64(e.ino)
                .u64(next)
                .u16(len as u16)
                .u8((e.kind >> 12) as u8)
                .bytes(&e.name);
            o.pad_to(len);
        } else {
            o.long(if abi.long == 4 {
                e.ino ^ e.ino >> 32
            } else {
                e.ino
            })
            .long(next)
            .u16(len as u16)
            .bytes(&e.name);
            o.pad_to(len - 1).u8((e.kind >> 12) as u8);
        }
        out.extend(o.done());
        at += 1;
    }
    if out.is_empty() && at < entries.len() {
        return Err(EINVAL.into());
    }
    k.put(buf, &out)?;
    f.pos.set(at as u64);
    f.tell(crate::file::inotify::ev::ACCESS);
    Ok(out.len() as u64)
}

pub(super) fn getdents(k: &mut Kernel, fd: i32, buf: u64, bytes: u64) -> Sys {
    list(k, fd, buf, bytes, false)
}

pub(super) fn getdents64(k: &mut Kernel, fd: i32, buf: u64, bytes: u64) -> Sys {
    list(k, fd, buf, bytes, true)
}
