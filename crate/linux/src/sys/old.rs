//! Calls that only some ABIs have: older forms with their arguments in a structure, numbers of 16 bits, and x86's own.

use super::{mm, net, poll, signals};
use crate::abi::layout::{In, Out};
use crate::errno::{EINVAL, ENOSYS, EPERM, Res};
use crate::kernel::{Kernel, Sys};
use crate::task::Action;

fn words<const N: usize>(k: &mut Kernel, at: u64) -> Res<[u64; N]> {
    let b = k.get(at, N * k.abi().long as usize)?;
    let mut i = In::new(k.abi(), &b);
    let mut out = [0; N];
    for w in &mut out {
        *w = i.long()?;
    }
    Ok(out)
}

pub(super) fn socketcall(k: &mut Kernel, call: u32, at: u64) -> Sys {
    const COUNTS: [usize; 21] = [
        0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4,
    ];
    let n = *COUNTS.get(call as usize).ok_or(EINVAL)?;
    let long = k.abi().long as usize;
    let b = k.get(at, n * long)?;
    let mut i = In::new(k.abi(), &b);
    let mut a = [0; 6];
    for w in &mut a[..n] {
        *w = i.long()?;
    }
    let [a, b, c, d, e, f] = a;
    let fd = a as i32;
    match call {
        1 => net::socket(k, a as u32, b as u32, c as u32),
        2 => net::bind(k, fd, b, c as u32),
        3 => net::connect(k, fd, b, c as u32),
        4 => net::listen(k, fd, b as u32),
        5 => net::accept(k, fd, b, c),
        6 => net::getsockname(k, fd, b, c),
        7 => net::getpeername(k, fd, b, c),
        8 => net::socketpair(k, a as u32, b as u32, c as u32, d),
        9 => net::send(k, fd, b, c, d as u32),
        10 => net::recv(k, fd, b, c, d as u32),
        11 => net::sendto(k, fd, b, c, d as u32, e, f as u32),
        12 => net::recvfrom(k, fd, b, c, d as u32, e, f),
        13 => net::shutdown(k, fd, b as u32),
        14 => net::setsockopt(k, fd, b as u32, c as u32, d, e as u32),
        15 => net::getsockopt(k, fd, b as u32, c as u32, d, e),
        16 => net::sendmsg(k, fd, b, c as u32),
        17 => net::recvmsg(k, fd, b, c as u32),
        18 => net::accept4(k, fd, b, c, d as u32),
        19 => net::recvmmsg(k, fd, b, c as u32, d as u32, e),
        20 => net::sendmmsg(k, fd, b, c as u32, d as u32),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn old_mmap(k: &mut Kernel, at: u64) -> Sys {
    let [at, bytes, prot, flags, fd, offset] = words(k, at)?;
    mm::mmap(k, at, bytes, prot as u32, flags as u32, fd as i32, offset)
}

pub(super) fn old_select(k: &mut Kernel, at: u64) -> Sys {
    let [n, r, w, e, timeout] = words(k, at)?;
    poll::select(k, n as i32, r, w, e, timeout)
}

pub(super) fn sigsuspend3(k: &mut Kernel, _a: i32, _b: i32, mask: u64) -> Sys {
    signals::suspend(k, mask as u128)
}

/// signal(): a handler for one delivery.
pub(super) fn signal(k: &mut Kernel, sig: u32, handler: u64) -> Sys {
    let sa = k.abi().sa;
    signals::replace(
        k,
        sig,
        Action {
            handler,
            flags: sa.resethand | sa.nodefer,
            ..Action::default()
        },
    )
}

pub(super) fn sgetmask(k: &mut Kernel) -> Sys {
    Ok(k.task().blocked as u32 as u64)
}

pub(super) fn ssetmask(k: &mut Kernel, mask: u32) -> Sys {
    let set = k.blockable(mask as u128);
    let t = k.task();
    let old = t.blocked as u32;
    t.blocked = t.blocked & !0xffff_ffff | set;
    Ok(old as u64)
}

pub(super) fn fadvise64_32(k: &mut Kernel, fd: i32, at: i64, bytes: u64, advice: i32) -> Sys {
    super::io::fadvise64(k, fd, at, bytes as i64, advice)
}

/// A 16-bit number; 0xffff is -1.
fn wide(v: u32) -> i32 {
    match v as u16 {
        0xffff => -1,
        v => v as i32,
    }
}

pub(super) fn chown16(k: &mut Kernel, path: u64, uid: u32, gid: u32) -> Sys {
    super::attr::chown(k, path, wide(uid), wide(gid))
}

pub(super) fn lchown16(k: &mut Kernel, path: u64, uid: u32, gid: u32) -> Sys {
    super::attr::lchown(k, path, wide(uid), wide(gid))
}

pub(super) fn fchown16(k: &mut Kernel, fd: i32, uid: u32, gid: u32) -> Sys {
    super::attr::fchown(k, fd, wide(uid), wide(gid))
}

pub(super) fn setreuid16(k: &mut Kernel, r: u32, e: u32) -> Sys {
    super::ids::setreuid(k, wide(r), wide(e))
}

pub(super) fn setregid16(k: &mut Kernel, r: u32, e: u32) -> Sys {
    super::ids::setregid(k, wide(r), wide(e))
}

pub(super) fn setresuid16(k: &mut Kernel, r: u32, e: u32, s: u32) -> Sys {
    super::ids::setresuid(k, wide(r), wide(e), wide(s))
}

pub(super) fn setresgid16(k: &mut Kernel, r: u32, e: u32, s: u32) -> Sys {
    super::ids::setresgid(k, wide(r), wide(e), wide(s))
}

fn put16(k: &mut Kernel, at: u64, v: u32) -> Res<()> {
    // What does not fit is shown as the overflow number.
    let v = u16::try_from(v).unwrap_or(65534);
    let b = Out::new(k.abi()).u16(v).done();
    k.put(at, &b)
}

pub(super) fn getresuid16(k: &mut Kernel, r: u64, e: u64, s: u64) -> Sys {
    let ids = k.group().ids.get();
    for (at, v) in [r, e, s].into_iter().zip(ids) {
        put16(k, at, v)?;
    }
    Ok(0)
}

pub(super) fn getresgid16(k: &mut Kernel, r: u64, e: u64, s: u64) -> Sys {
    let ids = k.group().ids.get();
    for (at, v) in [r, e, s].into_iter().zip(&ids[3..]) {
        put16(k, at, *v)?;
    }
    Ok(0)
}

pub(super) fn getgroups16(k: &mut Kernel, count: i32, list: u64) -> Sys {
    let gid = k.group().ids.get()[4];
    match count {
        n if n < 0 => return Err(EINVAL.into()),
        0 => {}
        _ => put16(k, list, gid)?,
    }
    Ok(1)
}

pub(super) fn setgroups16(k: &mut Kernel, count: i32, list: u64) -> Sys {
    super::ids::setgroups(k, count, list)
}

pub(super) fn get_thread_area(k: &mut Kernel, at: u64) -> Sys {
    let mm = k.mm();
    k.arch
        .thread_area(k.vcpu.state(), &mut mm.borrow_mut(), at, true)?;
    Ok(0)
}

pub(super) fn arch_prctl(k: &mut Kernel, op: u32, at: u64) -> Sys {
    const SET_GS: u32 = 0x1001;
    const SET_FS: u32 = 0x1002;
    const GET_FS: u32 = 0x1003;
    const GET_GS: u32 = 0x1004;
    const GET_CPUID: u32 = 0x1011;
    let gs = matches!(op, SET_GS | GET_GS);
    match op {
        SET_FS | SET_GS => {
            if at >= k.abi().task_size {
                return Err(EPERM.into());
            }
            let st = k.vcpu.state();
            k.arch.segment_base(st, gs, Some(at)).ok_or(EINVAL)?;
        }
        GET_FS | GET_GS => {
            let v = k
                .arch
                .segment_base(k.vcpu.state(), gs, None)
                .ok_or(EINVAL)?;
            let b = Out::new(k.abi()).long(v).done();
            k.put(at, &b)?;
        }
        GET_CPUID => return Ok(1),
        _ => return Err(EINVAL.into()),
    }
    Ok(0)
}

pub(super) fn modify_ldt(_k: &mut Kernel, func: i32, _at: u64, _bytes: u64) -> Sys {
    match func {
        // There is none: nothing to read.
        0 => Ok(0),
        _ => Err(ENOSYS.into()),
    }
}

pub(super) fn iopl(_k: &mut Kernel, level: u32) -> Sys {
    match level {
        0 => Ok(0),
        1..=3 => Err(EPERM.into()),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn ioperm(_k: &mut Kernel, _from: u64, _count: u64, on: i32) -> Sys {
    if on == 0 { Ok(0) } else { Err(EPERM.into()) }
}

pub(super) fn umount(_k: &mut Kernel, _path: u64) -> Sys {
    Err(EPERM.into())
}
