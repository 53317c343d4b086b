//! Resource limits, priorities and scheduling policies.

use std::rc::Rc;

use super::process::by_pid;
use crate::abi::layout::{In, Out};
use crate::errno::{EINVAL, EPERM, Res};
use crate::file::Key;
use crate::kernel::{Kernel, Sys, wait_for};
use crate::task::{Group, Run};

/// The common number of a resource.
fn resource(k: &Kernel, which: u32) -> Res<usize> {
    const COMMON: [u32; 5] = [7, 9, 5, 6, 8];
    let abi = k.abi();
    let n = abi
        .rlimits
        .iter()
        .position(|&r| r == which)
        .map_or(which, |i| COMMON[i]);
    if n < 16 { Ok(n as usize) } else { Err(EINVAL) }
}

fn old_limit(k: &Kernel, v: u64) -> u64 {
    let inf = k.abi().rlim_infinity;
    if v >= inf { inf } else { v }
}

fn new_limit(k: &Kernel, v: u64) -> u64 {
    if v >= k.abi().rlim_infinity {
        u64::MAX
    } else {
        v
    }
}

pub(super) fn getrlimit(k: &mut Kernel, which: u32, to: u64) -> Sys {
    let n = resource(k, which)?;
    let l = k.group().rlimits.borrow()[n];
    let b = Out::new(k.abi())
        .long(old_limit(k, l.0))
        .long(old_limit(k, l.1))
        .done();
    k.put(to, &b)?;
    Ok(0)
}

fn set_limit(k: &mut Kernel, g: &Rc<Group>, n: usize, new: (u64, u64)) -> Sys {
    if new.0 > new.1 {
        return Err(EINVAL.into());
    }
    let root = k.group().ids.get()[1] == 0;
    let old = g.rlimits.borrow()[n];
    if new.1 > old.1 && !root {
        return Err(EPERM.into());
    }
    if n == 7 && new.1 > 1 << 20 {
        return Err(EPERM.into());
    }
    g.rlimits.borrow_mut()[n] = new;
    if n == 7
        && let Some(f) = &*g.files.borrow()
    {
        f.borrow_mut().limit = new.0;
    }
    if n == 9
        && let Some(m) = &*g.mm.borrow()
    {
        m.borrow_mut().limit = new.0;
    }
    Ok(0)
}

pub(super) fn setrlimit(k: &mut Kernel, which: u32, from: u64) -> Sys {
    let n = resource(k, which)?;
    let b = k.get(from, 2 * k.abi().long as usize)?;
    let mut i = In::new(k.abi(), &b);
    let new = (new_limit(k, i.long()?), new_limit(k, i.long()?));
    let g = k.group();
    set_limit(k, &g, n, new)
}

pub(super) fn prlimit64(k: &mut Kernel, pid: i32, which: u32, new: u64, old: u64) -> Sys {
    let n = resource(k, which)?;
    let g = by_pid(k, pid)?;
    let l = g.rlimits.borrow()[n];
    let wanted = if new != 0 {
        let b = k.get(new, 16)?;
        let mut i = In::new(k.abi(), &b);
        Some((i.u64()?, i.u64()?))
    } else {
        None
    };
    if old != 0 {
        let b = Out::new(k.abi()).u64(l.0).u64(l.1).done();
        k.put(old, &b)?;
    }
    match wanted {
        Some(w) => set_limit(k, &g, n, w),
        None => Ok(0),
    }
}

pub(super) fn getpriority(k: &mut Kernel, which: i32, who: i32) -> Sys {
    if !(0..=2).contains(&which) {
        return Err(EINVAL.into());
    }
    let nice = if which == 0 {
        by_pid(k, who)?.nice.get()
    } else {
        0
    };
    Ok((20 - nice) as u64)
}

pub(super) fn setpriority(k: &mut Kernel, which: i32, who: i32, value: i32) -> Sys {
    if !(0..=2).contains(&which) {
        return Err(EINVAL.into());
    }
    if which == 0 {
        by_pid(k, who)?.nice.set(value.clamp(-20, 19));
    }
    Ok(0)
}

pub(super) fn nice(k: &mut Kernel, inc: i32) -> Sys {
    let g = k.group();
    g.nice.set(g.nice.get().saturating_add(inc).clamp(-20, 19));
    Ok(0)
}

pub(super) fn sched_yield(k: &mut Kernel) -> Sys {
    // The turn ends: the call is made again, and then it is done.
    if k.task().scratch == 0
        && k.tasks
            .values()
            .any(|t| t.run == Run::Ready && t.tid != k.cur)
    {
        k.task().scratch = 1;
        let tid = k.cur;
        k.wakes.ring(Key::Futex(u64::MAX, tid as u64));
        return Err(wait_for(vec![Key::Futex(u64::MAX, tid as u64)], None));
    }
    Ok(0)
}

pub(super) fn sched_getaffinity(k: &mut Kernel, pid: i32, size: u64, mask: u64) -> Sys {
    // Process 1 is not one of ours, but everybody's parent in the end.
    if pid != 1 {
        by_pid(k, pid)?;
    }
    let long = k.abi().long as u64;
    if size < long || !size.is_multiple_of(long) {
        return Err(EINVAL.into());
    }
    let b = Out::new(k.abi()).long(1).done();
    k.put(mask, &b)?;
    Ok(long)
}

pub(super) fn sched_setaffinity(k: &mut Kernel, pid: i32, size: u64, mask: u64) -> Sys {
    by_pid(k, pid)?;
    let b = k.get(mask, size.min(k.abi().long as u64) as usize)?;
    if In::new(k.abi(), &b).long().unwrap_or(0) & 1 == 0 {
        Err(EINVAL.into())
    } else {
        Ok(0)
    }
}

pub(super) fn sched_getparam(k: &mut Kernel, pid: i32, to: u64) -> Sys {
    by_pid(k, pid)?;
    k.put_u32(to, 0)?;
    Ok(0)
}

pub(super) fn sched_setparam(k: &mut Kernel, pid: i32, from: u64) -> Sys {
    by_pid(k, pid)?;
    if k.get_u32(from)? == 0 {
        Ok(0)
    } else {
        Err(EINVAL.into())
    }
}

pub(super) fn sched_getscheduler(k: &mut Kernel, pid: i32) -> Sys {
    by_pid(k, pid)?;
    Ok(0)
}

pub(super) fn sched_setscheduler(k: &mut Kernel, pid: i32, policy: i32, _from: u64) -> Sys {
    by_pid(k, pid)?;
    match policy & 0xff {
        0 | 3 | 5 => Ok(0),
        1 | 2 => Err(EPERM.into()),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn sched_get_priority_max(_k: &mut Kernel, policy: i32) -> Sys {
    match policy {
        1 | 2 => Ok(99),
        0 | 3 | 5 => Ok(0),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn sched_get_priority_min(_k: &mut Kernel, policy: i32) -> Sys {
    match policy {
        1 | 2 => Ok(1),
        0 | 3 | 5 => Ok(0),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn sched_rr_get_interval(k: &mut Kernel, pid: i32, to: u64) -> Sys {
    by_pid(k, pid)?;
    let b = Out::new(k.abi()).long(0).long(100_000_000).done();
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn getcpu(k: &mut Kernel, cpu: u64, node: u64, _cache: u64) -> Sys {
    for at in [cpu, node] {
        if at != 0 {
            k.put_u32(at, 0)?;
        }
    }
    Ok(0)
}

pub(super) fn ioprio_get(_k: &mut Kernel, _which: i32, _who: i32) -> Sys {
    Ok(0)
}

pub(super) fn ioprio_set(_k: &mut Kernel, _which: i32, _who: i32, _value: i32) -> Sys {
    Ok(0)
}
