//! Users, groups and capabilities.

use crate::abi::layout::Out;
use crate::errno::{EINVAL, EPERM};
use crate::kernel::{Kernel, Sys};

pub(super) fn id(k: &mut Kernel, n: usize) -> Sys {
    Ok(k.group().ids.get()[n] as u64)
}

pub(super) fn getuid(k: &mut Kernel) -> Sys {
    id(k, 0)
}

pub(super) fn geteuid(k: &mut Kernel) -> Sys {
    id(k, 1)
}

pub(super) fn getgid(k: &mut Kernel) -> Sys {
    id(k, 3)
}

pub(super) fn getegid(k: &mut Kernel) -> Sys {
    id(k, 4)
}

/// Sets real, effective and saved numbers from slot `base` on; -1 leaves one. Only root takes others than it has. What the host allows is
/// not changed by it: files are always accessed as the emulator's user.
fn set_ids(k: &mut Kernel, base: usize, new: [i32; 3]) -> Sys {
    let g = k.group();
    let mut ids = g.ids.get();
    let old = [ids[base], ids[base + 1], ids[base + 2]];
    if ids[1] != 0 && new.iter().any(|&n| n != -1 && !old.contains(&(n as u32))) {
        return Err(EPERM.into());
    }
    for (i, n) in new.into_iter().enumerate() {
        if n != -1 {
            ids[base + i] = n as u32;
        }
    }
    g.ids.set(ids);
    Ok(0)
}

pub(super) fn setuid(k: &mut Kernel, id: u32) -> Sys {
    let root = k.group().ids.get()[1] == 0;
    set_ids(
        k,
        0,
        if root {
            [id as i32; 3]
        } else {
            [-1, id as i32, -1]
        },
    )
}

pub(super) fn setgid(k: &mut Kernel, id: u32) -> Sys {
    let root = k.group().ids.get()[1] == 0;
    set_ids(
        k,
        3,
        if root {
            [id as i32; 3]
        } else {
            [-1, id as i32, -1]
        },
    )
}

pub(super) fn setreuid(k: &mut Kernel, r: i32, e: i32) -> Sys {
    set_ids(k, 0, [r, e, e])
}

pub(super) fn setregid(k: &mut Kernel, r: i32, e: i32) -> Sys {
    set_ids(k, 3, [r, e, e])
}

pub(super) fn setresuid(k: &mut Kernel, r: i32, e: i32, s: i32) -> Sys {
    set_ids(k, 0, [r, e, s])
}

pub(super) fn setresgid(k: &mut Kernel, r: i32, e: i32, s: i32) -> Sys {
    set_ids(k, 3, [r, e, s])
}

fn get_ids(k: &mut Kernel, base: usize, to: [u64; 3]) -> Sys {
    let ids = k.group().ids.get();
    for (i, at) in to.into_iter().enumerate() {
        k.put_u32(at, ids[base + i])?;
    }
    Ok(0)
}

pub(super) fn getresuid(k: &mut Kernel, r: u64, e: u64, s: u64) -> Sys {
    get_ids(k, 0, [r, e, s])
}

pub(super) fn getresgid(k: &mut Kernel, r: u64, e: u64, s: u64) -> Sys {
    get_ids(k, 3, [r, e, s])
}

pub(super) fn setfsuid(k: &mut Kernel, _id: u32) -> Sys {
    id(k, 1)
}

pub(super) fn setfsgid(k: &mut Kernel, _id: u32) -> Sys {
    id(k, 4)
}

pub(super) fn getgroups(k: &mut Kernel, count: i32, list: u64) -> Sys {
    let gid = k.group().ids.get()[4];
    match count {
        n if n < 0 => return Err(EINVAL.into()),
        0 => {}
        _ => k.put_u32(list, gid)?,
    }
    Ok(1)
}

pub(super) fn setgroups(k: &mut Kernel, count: i32, _list: u64) -> Sys {
    if k.group().ids.get()[1] != 0 {
        return Err(EPERM.into());
    }
    if (0..=65536).contains(&count) {
        Ok(0)
    } else {
        Err(EINVAL.into())
    }
}

pub(super) fn capget(k: &mut Kernel, head: u64, data: u64) -> Sys {
    const V3: u32 = 0x2008_0522;
    let version = k.get_u32(head)?;
    if version != V3 && version != 0x1998_0330 {
        k.put_u32(head, V3)?;
        return if data == 0 { Ok(0) } else { Err(EINVAL.into()) };
    }
    if data == 0 {
        return Ok(0);
    }
    let all = if k.group().ids.get()[1] == 0 { !0 } else { 0 };
    let words = if version == V3 { 2 } else { 1 };
    let mut o = Out::new(k.abi());
    for _ in 0..words {
        o.u32(all).u32(all).u32(0);
    }
    let b = o.done();
    k.put(data, &b)?;
    Ok(0)
}

pub(super) fn capset(_k: &mut Kernel, _head: u64, _data: u64) -> Sys {
    Ok(0)
}
