//! poll, select, epoll.

use std::rc::Rc;

use super::time::get_timespec;
use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::errno::{EBADF, EINVAL, Res};
use crate::file::epoll::Epoll;
use crate::file::event::TimerFd;
use crate::file::{File, Key, ready};
use crate::kernel::{Kernel, Stop, Sys};
use crate::task::Wait;
use crate::vfs::open;

/// How long a call may wait: `None` for ever.
fn until(k: &mut Kernel, ns: Option<u64>) -> Option<u64> {
    ns.map(|ns| k.deadline(ns))
}

fn millis(ms: i32) -> Option<u64> {
    u64::try_from(ms).ok().map(|ms| ms * 1_000_000)
}

fn optional(k: &mut Kernel, at: u64, wide: bool) -> Res<Option<u64>> {
    if at == 0 {
        Ok(None)
    } else {
        get_timespec(k, at, wide).map(Some)
    }
}

/// Timers among the files: when the next is due.
fn timer_due(files: &[Rc<File>]) -> Option<u64> {
    let due = files
        .iter()
        .filter_map(|f| f.ops.as_any().downcast_ref::<TimerFd>())
        .map(|t| t.due.get());
    due.filter(|&d| d != 0).min()
}

fn park(files: &[Rc<File>], keys: Vec<Key>, until: Option<u64>) -> Stop {
    let until = until.into_iter().chain(timer_due(files)).min();
    Stop::Wait(Wait {
        keys,
        until,
        never_restart: true,
    })
}

fn over(k: &mut Kernel, until: Option<u64>) -> bool {
    until.is_some_and(|u| k.now() >= u)
}

fn do_poll(k: &mut Kernel, at: u64, count: u32, ns: Option<u64>) -> Sys {
    if count > 65536 {
        return Err(EINVAL.into());
    }
    let until = until(k, ns);
    k.now();
    let bytes = k.get(at, count as usize * 8)?;
    let (mut hits, mut keys, mut files, mut answers) = (0, Vec::new(), Vec::new(), Vec::new());
    for p in bytes.chunks_exact(8) {
        let mut i = In::new(k.abi(), p);
        let (fd, want) = (i.i32()?, i.u16()? as u32);
        let got = if fd < 0 {
            0
        } else {
            match k.file(fd) {
                Err(_) => ready::NVAL,
                Ok(f) => {
                    let got = f.ops.poll() & (want | ready::ERR | ready::HUP);
                    f.ops.keys(want, &mut keys);
                    files.push(f);
                    got
                }
            }
        };
        hits += (got != 0) as u64;
        answers.push(got as u16);
    }
    if hits == 0 && !over(k, until) {
        return Err(park(&files, keys, until));
    }
    let mut out = bytes;
    for (p, a) in out.chunks_exact_mut(8).zip(answers) {
        let b = if k.abi().big_endian {
            a.to_be_bytes()
        } else {
            a.to_le_bytes()
        };
        p[6..8].copy_from_slice(&b);
    }
    k.put(at, &out)?;
    Ok(hits)
}

pub(super) fn poll(k: &mut Kernel, fds: u64, count: u32, timeout: i32) -> Sys {
    do_poll(k, fds, count, millis(timeout))
}

/// Ends a call with a mask of its own, unless it goes on waiting or a signal ends it.
fn masked(k: &mut Kernel, r: Sys) -> Sys {
    if !matches!(r, Err(Stop::Wait(_))) {
        k.unmask();
    }
    r
}

fn do_ppoll(
    k: &mut Kernel,
    fds: u64,
    count: u32,
    timeout: u64,
    mask: u64,
    size: u64,
    wide: bool,
) -> Sys {
    let ns = optional(k, timeout, wide)?;
    k.wait_mask(mask, size)?;
    let r = do_poll(k, fds, count, ns);
    masked(k, r)
}

pub(super) fn ppoll(
    k: &mut Kernel,
    fds: u64,
    count: u32,
    timeout: u64,
    mask: u64,
    size: u64,
) -> Sys {
    do_ppoll(k, fds, count, timeout, mask, size, false)
}

pub(super) fn ppoll_time64(
    k: &mut Kernel,
    fds: u64,
    count: u32,
    timeout: u64,
    mask: u64,
    size: u64,
) -> Sys {
    do_ppoll(k, fds, count, timeout, mask, size, true)
}

const SELECT: [u32; 3] = [
    ready::IN | ready::RDNORM | ready::RDBAND | ready::HUP | ready::ERR,
    ready::OUT | ready::WRNORM | ready::ERR,
    ready::PRI,
];

fn do_select(k: &mut Kernel, count: i32, sets: [u64; 3], ns: Option<u64>) -> Sys {
    let count = usize::try_from(count).map_err(|_| EINVAL)?.min(65536);
    let until = until(k, ns);
    k.now();
    let long = k.abi().long as usize;
    let words = count.div_ceil(8 * long);
    let mut want = [const { Vec::new() }; 3];
    for (w, &at) in want.iter_mut().zip(&sets) {
        if at != 0 {
            let b = k.get(at, words * long)?;
            let mut i = In::new(k.abi(), &b);
            for _ in 0..words {
                w.push(i.long()?);
            }
        }
    }
    let mut got = want.clone().map(|v| vec![0u64; v.len()]);
    let (mut hits, mut keys, mut files) = (0, Vec::new(), Vec::new());
    for fd in 0..count {
        let (word, bit) = (fd / (8 * long), fd % (8 * long));
        let asked: u32 = (0..3)
            .filter(|&s| want[s].get(word).is_some_and(|w| w >> bit & 1 != 0))
            .fold(0, |m, s| m | 1 << s);
        if asked == 0 {
            continue;
        }
        let f = k.file(fd as i32).map_err(|_| EBADF)?;
        let now = f.ops.poll();
        for s in (0..3).filter(|s| asked >> s & 1 != 0) {
            if now & SELECT[s] != 0 {
                got[s][word] |= 1 << bit;
                hits += 1;
            }
        }
        let bits = if asked & 1 != 0 { ready::IN } else { 0 }
            | if asked & 2 != 0 { ready::OUT } else { 0 }
            | if asked & 4 != 0 { ready::PRI } else { 0 };
        f.ops.keys(bits, &mut keys);
        files.push(f);
    }
    if hits == 0 && !over(k, until) {
        return Err(park(&files, keys, until));
    }
    for (g, &at) in got.iter().zip(&sets) {
        if at != 0 {
            let mut o = Out::new(k.abi());
            for &w in g {
                o.long(w);
            }
            let b = o.done();
            k.put(at, &b)?;
        }
    }
    Ok(hits)
}

pub(super) fn select(k: &mut Kernel, count: i32, r: u64, w: u64, e: u64, timeout: u64) -> Sys {
    let ns = if timeout == 0 {
        None
    } else {
        let b = k.get(timeout, 2 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        let (s, us) = (i.slong()?, i.slong()?);
        if s < 0 || us < 0 {
            return Err(EINVAL.into());
        }
        Some(
            (s as u64)
                .saturating_mul(1_000_000_000)
                .saturating_add((us as u64).saturating_mul(1000)),
        )
    };
    let result = do_select(k, count, [r, w, e], ns);
    // Linux tells what is left.
    if timeout != 0
        && result.is_ok()
        && let Some(d) = k.task().deadline
    {
        let left = d.saturating_sub(k.now());
        let b = Out::new(k.abi())
            .long(left / 1_000_000_000)
            .long(left % 1_000_000_000 / 1000)
            .done();
        k.put(timeout, &b)?;
    }
    result
}

pub(super) fn _newselect(k: &mut Kernel, count: i32, r: u64, w: u64, e: u64, timeout: u64) -> Sys {
    select(k, count, r, w, e, timeout)
}

fn do_pselect(
    k: &mut Kernel,
    count: i32,
    sets: [u64; 3],
    timeout: u64,
    mask: u64,
    wide: bool,
) -> Sys {
    let ns = optional(k, timeout, wide)?;
    if mask != 0 {
        let b = k.get(mask, 2 * k.abi().long as usize)?;
        let mut i = In::new(k.abi(), &b);
        let (at, size) = (i.long()?, i.long()?);
        k.wait_mask(at, size)?;
    }
    let r = do_select(k, count, sets, ns);
    masked(k, r)
}

pub(super) fn pselect6(
    k: &mut Kernel,
    count: i32,
    r: u64,
    w: u64,
    e: u64,
    timeout: u64,
    mask: u64,
) -> Sys {
    do_pselect(k, count, [r, w, e], timeout, mask, false)
}

pub(super) fn pselect6_time64(
    k: &mut Kernel,
    count: i32,
    r: u64,
    w: u64,
    e: u64,
    timeout: u64,
    mask: u64,
) -> Sys {
    do_pselect(k, count, [r, w, e], timeout, mask, true)
}

pub(super) fn epoll_create(k: &mut Kernel, size: i32) -> Sys {
    if size <= 0 {
        return Err(EINVAL.into());
    }
    epoll_create1(k, 0)
}

pub(super) fn epoll_create1(k: &mut Kernel, flags: u32) -> Sys {
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if flags & !open::CLOEXEC != 0 {
        return Err(EINVAL.into());
    }
    let ops = Rc::new(Epoll::new(&k.wakes));
    let fd = super::fd::install(k, ops, open::RDWR | flags)?;
    let f = k.file(fd as i32)?;
    k.epolls.push(Rc::downgrade(&f));
    Ok(fd)
}

fn event_bytes(abi: &Abi) -> usize {
    if abi.epoll_packed {
        12
    } else {
        8 + abi.align64 as usize
    }
}

pub(super) fn epoll_ctl(k: &mut Kernel, ep: i32, op: u32, fd: i32, event: u64) -> Sys {
    let e = k.file(ep)?;
    let f = k.file(fd)?;
    let ops = e.ops.as_any().downcast_ref::<Epoll>().ok_or(EINVAL)?;
    if Rc::ptr_eq(&e, &f) {
        return Err(EINVAL.into());
    }
    if f.ops.seekable()
        && f.ops
            .as_any()
            .downcast_ref::<crate::file::NodeFile>()
            .is_some()
    {
        return Err(crate::errno::EPERM.into());
    }
    let (mut events, mut data) = (0, 0);
    if op != 2 {
        let b = k.get(event, event_bytes(k.abi()))?;
        let mut i = In::new(k.abi(), &b);
        events = i.u32()?;
        data = if k.abi().epoll_packed {
            b[4..12].iter().rev().fold(0, |v, &b| v << 8 | b as u64)
        } else {
            i.u64()?
        };
    }
    ops.ctl(op, fd, &f, events, data)?;
    Ok(0)
}

fn do_epoll(k: &mut Kernel, ep: i32, events: u64, max: i32, ns: Option<u64>) -> Sys {
    let max = usize::try_from(max)
        .ok()
        .filter(|&m| m > 0)
        .ok_or(EINVAL)?
        .min(4096);
    let until = until(k, ns);
    k.now();
    let f = k.file(ep)?;
    let e = f.ops.as_any().downcast_ref::<Epoll>().ok_or(EINVAL)?;
    let list = e.collect(max);
    if list.is_empty() && !over(k, until) {
        let mut keys = Vec::new();
        f.ops.keys(ready::IN, &mut keys);
        let files = e.files();
        return Err(park(&files, keys, until));
    }
    let mut out = Vec::new();
    for &(ev, data) in &list {
        let abi = k.abi();
        let mut o = Out::new(abi);
        if abi.epoll_packed {
            o.u32(ev).bytes(&data.to_le_bytes());
        } else {
            o.u32(ev).u64(data);
        }
        out.extend(o.done());
    }
    k.put(events, &out)?;
    Ok(list.len() as u64)
}

pub(super) fn epoll_wait(k: &mut Kernel, ep: i32, events: u64, max: i32, timeout: i32) -> Sys {
    do_epoll(k, ep, events, max, millis(timeout))
}

pub(super) fn epoll_pwait(
    k: &mut Kernel,
    ep: i32,
    events: u64,
    max: i32,
    timeout: i32,
    mask: u64,
    size: u64,
) -> Sys {
    k.wait_mask(mask, size)?;
    let r = do_epoll(k, ep, events, max, millis(timeout));
    masked(k, r)
}

pub(super) fn epoll_pwait2(
    k: &mut Kernel,
    ep: i32,
    events: u64,
    max: i32,
    timeout: u64,
    mask: u64,
    size: u64,
) -> Sys {
    let ns = optional(k, timeout, true)?;
    k.wait_mask(mask, size)?;
    let r = do_epoll(k, ep, events, max, ns);
    masked(k, r)
}
