//! Attributes of files: mode, owner, size, times, extended ones.

use std::rc::Rc;

use super::path::{AT_FDCWD, NOFOLLOW};
use crate::abi::layout::In;
use crate::errno::{EFAULT, EINVAL, EISDIR, ENODATA, ERANGE, Res};
use crate::file::inotify::ev;
use crate::kernel::{Kernel, Sys};
use crate::vfs::{Attr, Node, Place, mode};

pub(super) fn set(k: &mut Kernel, place: &Place, a: Attr) -> Sys {
    k.realtime();
    place.node.set_attr(&a)?;
    let mask = match a {
        Attr { size: Some(_), .. } => ev::MODIFY,
        Attr {
            mode: None,
            uid: None,
            gid: None,
            atime,
            mtime,
            ..
        } if atime.is_none() || mtime.is_none() => {
            (if atime.is_some() { ev::ACCESS } else { 0 })
                | if mtime.is_some() { ev::MODIFY } else { 0 }
        }
        _ => ev::ATTRIB,
    };
    k.note(place, mask);
    Ok(0)
}

pub(super) fn chmod(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    fchmodat(k, AT_FDCWD, path, bits)
}

pub(super) fn fchmod(k: &mut Kernel, fd: i32, bits: u32) -> Sys {
    let place = k.fd_place(fd, EINVAL)?;
    set(
        k,
        &place,
        Attr {
            mode: Some(bits & 0o7777),
            ..Attr::default()
        },
    )
}

pub(super) fn fchmodat(k: &mut Kernel, dir: i32, path: u64, bits: u32) -> Sys {
    let place = k.at(dir, path, true)?;
    set(
        k,
        &place,
        Attr {
            mode: Some(bits & 0o7777),
            ..Attr::default()
        },
    )
}

pub(super) fn owner(uid: i32, gid: i32) -> Attr {
    let id = |n: i32| (n != -1).then_some(n as u32);
    Attr {
        uid: id(uid),
        gid: id(gid),
        ..Attr::default()
    }
}

pub(super) fn chown(k: &mut Kernel, path: u64, uid: i32, gid: i32) -> Sys {
    fchownat(k, AT_FDCWD, path, uid, gid, 0)
}

pub(super) fn lchown(k: &mut Kernel, path: u64, uid: i32, gid: i32) -> Sys {
    fchownat(k, AT_FDCWD, path, uid, gid, NOFOLLOW)
}

pub(super) fn fchown(k: &mut Kernel, fd: i32, uid: i32, gid: i32) -> Sys {
    let place = k.fd_place(fd, EINVAL)?;
    set(k, &place, owner(uid, gid))
}

pub(super) fn fchownat(k: &mut Kernel, dir: i32, path: u64, uid: i32, gid: i32, flags: u32) -> Sys {
    let place = k.at_flags(dir, path, flags)?;
    set(k, &place, owner(uid, gid))
}

pub(super) fn truncate(k: &mut Kernel, path: u64, size: i64) -> Sys {
    truncate64(k, path, size)
}

pub(super) fn truncate64(k: &mut Kernel, path: u64, size: i64) -> Sys {
    let size = u64::try_from(size).map_err(|_| EINVAL)?;
    let place = k.at(AT_FDCWD, path, true)?;
    if place.node.stat()?.kind() == mode::DIR {
        return Err(EISDIR.into());
    }
    place.node.access(2)?;
    set(
        k,
        &place,
        Attr {
            size: Some(size),
            ..Attr::default()
        },
    )
}

pub(super) type Times = [Option<(i64, u32)>; 2];

fn now_pair(k: &mut Kernel) -> (i64, u32) {
    let t = k.realtime();
    ((t / 1_000_000_000) as i64, (t % 1_000_000_000) as u32)
}

fn set_times(k: &mut Kernel, place: &Place, t: Times) -> Sys {
    set(
        k,
        place,
        Attr {
            atime: t[0],
            mtime: t[1],
            ..Attr::default()
        },
    )
}

pub(super) fn utime(k: &mut Kernel, path: u64, times: u64) -> Sys {
    let place = k.at(AT_FDCWD, path, true)?;
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let b = k.get(times, 2 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        [Some((i.slong()?, 0)), Some((i.slong()?, 0))]
    };
    set_times(k, &place, t)
}

pub(super) fn utimes(k: &mut Kernel, path: u64, times: u64) -> Sys {
    futimesat(k, AT_FDCWD, path, times)
}

pub(super) fn futimesat(k: &mut Kernel, dir: i32, path: u64, times: u64) -> Sys {
    let place = if path == 0 {
        k.fd_place(dir, EINVAL)?
    } else {
        k.at(dir, path, true)?
    };
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let b = k.get(times, 4 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        let mut one = || -> Res<_> { Ok(Some((i.slong()?, i.long()? as u32 % 1_000_000 * 1000))) };
        [one()?, one()?]
    };
    set_times(k, &place, t)
}

fn utimens(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32, wide: bool) -> Sys {
    const NOW: i64 = 0x3fff_ffff;
    const OMIT: i64 = 0x3fff_fffe;
    let place = if path == 0 {
        k.fd_place(dir, EINVAL)?
    } else {
        k.at_flags(dir, path, flags)?
    };
    let now = now_pair(k);
    let t = if times == 0 {
        [Some(now); 2]
    } else {
        let wide = wide || k.abi().long == 8;
        let b = k.get(times, if wide { 32 } else { 16 })?;
        let mut i = In::new(k.abi(), &b);
        let mut one = || -> Res<_> {
            let (s, ns) = if wide {
                (i.u64()? as i64, i.u64()? as i64)
            } else {
                (i.slong()?, i.slong()?)
            };
            Ok(match ns as u32 as i64 {
                NOW => Some(now),
                OMIT => None,
                n if n < 1_000_000_000 => Some((s, n as u32)),
                _ => return Err(EINVAL),
            })
        };
        [one()?, one()?]
    };
    set_times(k, &place, t)
}

pub(super) fn utimensat(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32) -> Sys {
    utimens(k, dir, path, times, flags, false)
}

pub(super) fn utimensat_time64(k: &mut Kernel, dir: i32, path: u64, times: u64, flags: u32) -> Sys {
    utimens(k, dir, path, times, flags, true)
}

fn read_xattr(k: &mut Kernel, node: &Rc<dyn Node>, name: u64, to: u64, size: u64) -> Sys {
    let name = k.mm().borrow_mut().string(name, 256, ERANGE)?;
    let v = node.xattr(&name)?;
    if size == 0 {
        return Ok(v.len() as u64);
    }
    if v.len() as u64 > size {
        return Err(ERANGE.into());
    }
    k.put(to, &v)?;
    Ok(v.len() as u64)
}

pub(super) fn getxattr(k: &mut Kernel, path: u64, name: u64, to: u64, size: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, true)?.node.clone();
    read_xattr(k, &node, name, to, size)
}

pub(super) fn lgetxattr(k: &mut Kernel, path: u64, name: u64, to: u64, size: u64) -> Sys {
    let node = k.at(AT_FDCWD, path, false)?.node.clone();
    read_xattr(k, &node, name, to, size)
}

pub(super) fn fgetxattr(k: &mut Kernel, fd: i32, name: u64, to: u64, size: u64) -> Sys {
    let node = k.file(fd)?.ops.node().ok_or(ENODATA)?;
    read_xattr(k, &node, name, to, size)
}

fn write_xattr(k: &mut Kernel, place: &Place, name: u64, value: u64, size: u64) -> Sys {
    let name = k.mm().borrow_mut().string(name, 256, ERANGE)?;
    if size > 65536 {
        return Err(ERANGE.into());
    }
    let v = k.get(value, size as usize)?;
    place.node.set_xattr(&name, &v)?;
    k.note(place, ev::ATTRIB);
    Ok(0)
}

pub(super) fn setxattr(
    k: &mut Kernel,
    path: u64,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let place = k.at(AT_FDCWD, path, true)?;
    write_xattr(k, &place, name, value, size)
}

pub(super) fn lsetxattr(
    k: &mut Kernel,
    path: u64,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let place = k.at(AT_FDCWD, path, false)?;
    write_xattr(k, &place, name, value, size)
}

pub(super) fn fsetxattr(
    k: &mut Kernel,
    fd: i32,
    name: u64,
    value: u64,
    size: u64,
    _flags: u32,
) -> Sys {
    let place = k.fd_place(fd, EFAULT)?;
    write_xattr(k, &place, name, value, size)
}

pub(super) fn listxattr(k: &mut Kernel, path: u64, _list: u64, _size: u64) -> Sys {
    k.at(AT_FDCWD, path, true)?;
    Ok(0)
}

pub(super) fn llistxattr(k: &mut Kernel, path: u64, _list: u64, _size: u64) -> Sys {
    k.at(AT_FDCWD, path, false)?;
    Ok(0)
}

pub(super) fn flistxattr(k: &mut Kernel, fd: i32, _list: u64, _size: u64) -> Sys {
    k.file(fd)?;
    Ok(0)
}
