//! Waiting for children; what they used.

use std::rc::Rc;

use super::process::chld;
use crate::abi::layout::Out;
use crate::errno::{ECHILD, EINVAL, Res};
use crate::file::Key;
use crate::kernel::{Kernel, Sys, wait_for};
use crate::task::{Group, Life};

/// Options of wait.
mod opt {
    pub const NOHANG: u32 = 1;
    pub const UNTRACED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
}

/// What wait found.
enum Change {
    /// A child.
    Child(Rc<Group>),
    /// A thread the caller traces, in a stop.
    Tracee(i32),
    /// One that ended.
    Dead(i32),
}

/// Somebody who changed: who, its number and status. `None`: none yet.
fn changed(k: &mut Kernel, pid: i32, options: u32) -> Res<Option<(Change, i32, u32)>> {
    let me = k.group();
    let fits = |n: i32, g: Option<&Group>| match pid {
        -1 => true,
        0 => g.is_some_and(|g| g.pgid.get() == me.pgid.get()),
        p if p < -1 => g.is_some_and(|g| g.pgid.get() == p.wrapping_neg()),
        p => n == p,
    };
    let mut any = false;
    for t in k.tasks.values() {
        let Some(tr) = t.trace.as_ref().filter(|tr| tr.tracer == me.pid) else {
            continue;
        };
        if fits(t.tid, Some(&t.group)) {
            any = true;
            if let Some(news) = tr.news {
                return Ok(Some((Change::Tracee(t.tid), t.tid, news)));
            }
        }
    }
    for &(tracer, tid, status) in &k.dead_tracees {
        if tracer == me.pid && fits(tid, None) {
            any = true;
            if options & opt::EXITED != 0 {
                return Ok(Some((Change::Dead(tid), tid, status)));
            }
        }
    }
    let children: Vec<Rc<Group>> = k
        .procs
        .groups
        .borrow()
        .values()
        .filter(|g| g.ppid.get() == me.pid && fits(g.pid, Some(g)))
        .cloned()
        .collect();
    if children.is_empty() && !any {
        return Err(ECHILD);
    }
    for g in children {
        let pid = g.pid;
        if let Life::Zombie(status) = g.life.get()
            && options & opt::EXITED != 0
        {
            return Ok(Some((Change::Child(g), pid, status)));
        }
        if let Some(news) = g.news.get() {
            let wanted = if news == 0xffff {
                opt::CONTINUED
            } else {
                opt::UNTRACED
            };
            if options & wanted != 0 {
                return Ok(Some((Change::Child(g), pid, news)));
            }
        }
    }
    Ok(None)
}

fn take(k: &mut Kernel, who: &Change, options: u32) {
    if options & opt::NOWAIT != 0 {
        return;
    }
    let g = match who {
        Change::Tracee(tid) => {
            if let Some(tr) = k.trace(*tid) {
                tr.news = None;
            }
            return;
        }
        Change::Dead(tid) => {
            let me = k.group().pid;
            k.dead_tracees.retain(|d| (d.0, d.1) != (me, *tid));
            return;
        }
        Change::Child(g) => g,
    };
    if let Life::Zombie(_) = g.life.get() {
        let me = k.group();
        me.child_cpu_ns
            .set(me.child_cpu_ns.get() + g.cpu_ns.get() + g.child_cpu_ns.get());
        k.procs.groups.borrow_mut().remove(&g.pid);
    } else {
        g.news.set(None);
    }
}

/// Instructions and user of whom wait found.
fn figures(k: &Kernel, who: &Change) -> (u64, u32) {
    match who {
        Change::Child(g) => (g.cpu_ns.get() + g.child_cpu_ns.get(), g.ids.get()[0]),
        Change::Tracee(tid) => k
            .tasks
            .get(tid)
            .map_or((0, 0), |t| (t.cpu_ns, t.group.ids.get()[0])),
        Change::Dead(_) => (0, 0),
    }
}

fn usage(k: &Kernel, own: u64) -> Vec<u8> {
    let us = own / 1000;
    let mut o = Out::new(k.abi());
    o.long(us / 1_000_000)
        .long(us % 1_000_000)
        .long(0)
        .long(0)
        .long(4096);
    o.pad(13 * k.abi().long as usize);
    o.done()
}

pub(super) fn wait4(k: &mut Kernel, pid: i32, status: u64, options: u32, to: u64) -> Sys {
    let Some((who, pid, value)) = changed(k, pid, options & 0xff | opt::EXITED)? else {
        if options & opt::NOHANG != 0 {
            return Ok(0);
        }
        let me = k.group().pid;
        return Err(wait_for(vec![Key::Child(me)], None));
    };
    if status != 0 {
        k.put_u32(status, value)?;
    }
    if to != 0 {
        let b = usage(k, figures(k, &who).0);
        k.put(to, &b)?;
    }
    take(k, &who, options);
    Ok(pid as u64)
}

pub(super) fn waitpid(k: &mut Kernel, pid: i32, status: u64, options: u32) -> Sys {
    wait4(k, pid, status, options, 0)
}

pub(super) fn waitid(k: &mut Kernel, which: u32, id: i32, info: u64, options: u32, to: u64) -> Sys {
    let pid = match which {
        0 => -1,
        1 => id,
        2 if id == 0 => 0,
        2 => id.wrapping_neg(),
        // P_PIDFD.
        3 => super::pidfd::process(k, id)?.pid,
        _ => return Err(EINVAL.into()),
    };
    if options & (opt::EXITED | opt::UNTRACED | opt::CONTINUED) == 0 {
        return Err(EINVAL.into());
    }
    let Some((who, pid, status)) = changed(k, pid, options)? else {
        if options & opt::NOHANG != 0 {
            if info != 0 {
                k.put(info, &[0; 128])?;
            }
            return Ok(0);
        }
        let me = k.group().pid;
        return Err(wait_for(vec![Key::Child(me)], None));
    };
    if info != 0 {
        let (code, value) = match status {
            0xffff => (6, k.abi().signal(crate::abi::signals::Sig::Cont)),
            s if s & 0xff == 0x7f && matches!(who, Change::Tracee(_)) => (4, s >> 8),
            s if s & 0xff == 0x7f => (5, s >> 8),
            s if s & 0x7f == 0 => (1, s >> 8),
            s if s & 0x80 != 0 => (3, s & 0x7f),
            s => (2, s & 0x7f),
        };
        let detail = crate::task::Detail::Child {
            pid,
            uid: figures(k, &who).1,
            status: value as i32,
            utime: 0,
            stime: 0,
        };
        let signal = chld(k);
        let b = crate::signal::siginfo(
            k.abi(),
            &crate::task::Pending {
                signal,
                code,
                detail,
            },
        );
        k.put(info, &b)?;
    }
    if to != 0 {
        let b = usage(k, figures(k, &who).0);
        k.put(to, &b)?;
    }
    take(k, &who, options);
    Ok(0)
}

pub(super) fn getrusage(k: &mut Kernel, who: i32, to: u64) -> Sys {
    let g = k.group();
    let own = match who {
        0 => g.cpu_ns.get(),
        -1 => g.child_cpu_ns.get(),
        1 => k.task().cpu_ns,
        _ => return Err(EINVAL.into()),
    };
    let b = usage(k, own);
    k.put(to, &b)?;
    Ok(0)
}
