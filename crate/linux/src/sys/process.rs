//! Processes and threads: making, waiting, identity, limits.

use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::errno::{E2BIG, ECHILD, EFAULT, EINVAL, ENOENT, EPERM, ESRCH, Res};
use crate::file::Key;
use crate::kernel::{Kernel, Stop, Sys, wait_for};
use crate::life::clone as cl;
use crate::task::{Group, Life, Run, exited};

pub(super) fn exit(k: &mut Kernel, code: i32) -> Sys {
    k.exit_thread(exited(code));
    Err(Stop::Done)
}

pub(super) fn exit_group(k: &mut Kernel, code: i32) -> Sys {
    k.exit_group(exited(code));
    Err(Stop::Done)
}

fn chld(k: &Kernel) -> u32 {
    k.abi().signal(crate::abi::signals::Sig::Chld)
}

pub(super) fn fork(k: &mut Kernel) -> Sys {
    let sig = chld(k);
    Ok(k.clone_task(0, sig, 0, 0, 0, 0)? as u64)
}

pub(super) fn vfork(k: &mut Kernel) -> Sys {
    let sig = chld(k);
    spawn(k, cl::VM | cl::VFORK, sig, 0, 0, 0, 0)
}

/// clone; a vfork parent waits until its child has run exec or ended.
fn spawn(k: &mut Kernel, flags: u64, signal: u32, sp: u64, ptid: u64, ctid: u64, tls: u64) -> Sys {
    if k.task().scratch != 0 {
        let child = k.task().scratch as i32;
        if k.task().vfork_child.is_some() {
            return Err(wait_vfork());
        }
        return Ok(child as u64);
    }
    let tid = k.clone_task(flags, signal, sp, ptid, ctid, tls)?;
    if flags & cl::VFORK != 0 {
        let t = k.task();
        t.scratch = tid as u64;
        t.vfork_child = Some(tid);
        return Err(wait_vfork());
    }
    Ok(tid as u64)
}

fn wait_vfork() -> Stop {
    wait_for(Vec::new(), None)
}

pub(super) fn clone(
    k: &mut Kernel,
    flags: u64,
    sp: u64,
    ptid: u64,
    fourth: u64,
    fifth: u64,
) -> Sys {
    let (tls, ctid) = if k.abi().clone_tls_last {
        (fifth, fourth)
    } else {
        (fourth, fifth)
    };
    // The old call tells a descriptor of the child where the new one tells its number.
    let pidfd = flags & cl::PIDFD != 0;
    let own = flags & !(0xff | cl::PIDFD);
    let again = k.task().scratch != 0;
    let r = spawn(k, own, (flags & 0xff) as u32, sp, ptid, ctid, tls);
    if pidfd && !again {
        let child = match &r {
            Ok(tid) => *tid as i32,
            Err(Stop::Wait(_)) => k.task().scratch as i32,
            Err(_) => return r,
        };
        let fd = super::pidfd::make(k, child, 0)?;
        k.put_u32(ptid, fd as u32)?;
    }
    r
}

pub(super) fn clone3(k: &mut Kernel, args: u64, size: u64) -> Sys {
    if size < 64 {
        return Err(EINVAL.into());
    }
    let b = k.get(args, 64)?;
    let mut i = In::new(k.abi(), &b);
    let mut v = [0; 8];
    for x in &mut v {
        *x = i.u64()?;
    }
    let [flags, pidfd, ctid, ptid, signal, stack, stack_size, tls] = v;
    const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    if flags & CLEAR_SIGHAND != 0 && flags & cl::SIGHAND != 0
        || flags & cl::PIDFD != 0 && flags & cl::THREAD != 0
    {
        return Err(EINVAL.into());
    }
    let sp = if stack == 0 {
        0
    } else {
        stack.wrapping_add(stack_size)
    };
    let again = k.task().scratch != 0;
    let r = spawn(
        k,
        flags & !(CLEAR_SIGHAND | cl::PIDFD),
        signal as u32,
        sp,
        ptid,
        ctid,
        tls,
    );
    // A vfork waits: its child is known already.
    let child = match &r {
        Ok(tid) => *tid as i32,
        Err(Stop::Wait(_)) => k.task().scratch as i32,
        Err(_) => return r,
    };
    if !again && flags & CLEAR_SIGHAND != 0 {
        k.clear_handlers(child);
    }
    if !again && flags & cl::PIDFD != 0 {
        let fd = super::pidfd::make(k, child, 0)?;
        k.put_u32(pidfd, fd as u32)?;
    }
    r
}

fn strings(k: &mut Kernel, at: u64) -> Res<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    if at == 0 {
        return Ok(out);
    }
    let long = k.abi().long as u64;
    let mut total = 0;
    for n in 0.. {
        let b = k.get(at.wrapping_add(n * long), long as usize)?;
        let p = In::new(k.abi(), &b).long()?;
        if p == 0 {
            break;
        }
        let s = k.mm().borrow_mut().string(p, 128 << 10, E2BIG)?;
        total += s.len() + 8;
        if total > 4 << 20 {
            return Err(E2BIG);
        }
        out.push(s);
    }
    Ok(out)
}

pub(super) fn execve(k: &mut Kernel, path: u64, argv: u64, envp: u64) -> Sys {
    let path = k.path(path)?;
    let (mut argv, envp) = (strings(k, argv)?, strings(k, envp)?);
    if argv.is_empty() {
        argv.push(Vec::new());
    }
    if path.is_empty() {
        return Err(ENOENT.into());
    }
    k.exec(&path, argv, envp)?;
    finish_exec(k)
}

/// The call that was exec gives nothing: its registers are the new program's.
fn finish_exec(k: &mut Kernel) -> Sys {
    let t = k.task();
    t.syscall = None;
    t.scratch = 0;
    t.deadline = None;
    Err(Stop::Done)
}

pub(super) fn execveat(
    k: &mut Kernel,
    dir: i32,
    path: u64,
    argv: u64,
    envp: u64,
    flags: u32,
) -> Sys {
    const EMPTY_PATH: u32 = 0x1000;
    const AT_FDCWD: i32 = -100;
    let name = k.path(path)?;
    let (argv, envp) = (strings(k, argv)?, strings(k, envp)?);
    let (place, shown) = if name.is_empty() && flags & EMPTY_PATH != 0 {
        let f = k.file(dir)?;
        (
            f.place.clone().ok_or(ENOENT)?,
            format!("/dev/fd/{dir}").into_bytes(),
        )
    } else {
        let cwd = k.task().fs.borrow().cwd.clone();
        let start = if dir == AT_FDCWD || name.first() == Some(&b'/') {
            cwd
        } else {
            k.file(dir)?.place.clone().ok_or(crate::errno::ENOTDIR)?
        };
        (k.find(&start, &name, flags & 0x100 == 0)?, name)
    };
    k.exec_place(place, &shown, argv, envp)?;
    finish_exec(k)
}

/// Options of wait.
mod opt {
    pub const NOHANG: u32 = 1;
    pub const UNTRACED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
}

/// A child that changed: itself and its status. `None`: none yet.
fn changed(k: &mut Kernel, pid: i32, options: u32) -> Res<Option<(Rc<Group>, u32)>> {
    let me = k.group();
    let fits = |g: &Group| match pid {
        -1 => true,
        0 => g.pgid.get() == me.pgid.get(),
        p if p < -1 => g.pgid.get() == p.wrapping_neg(),
        p => g.pid == p,
    };
    let children: Vec<Rc<Group>> = k
        .procs
        .groups
        .borrow()
        .values()
        .filter(|g| g.ppid.get() == me.pid && fits(g))
        .cloned()
        .collect();
    if children.is_empty() {
        return Err(ECHILD);
    }
    for g in children {
        if let Life::Zombie(status) = g.life.get()
            && options & opt::EXITED != 0
        {
            return Ok(Some((g, status)));
        }
        if let Some(news) = g.news.get() {
            let wanted = if news == 0xffff {
                opt::CONTINUED
            } else {
                opt::UNTRACED
            };
            if options & wanted != 0 {
                return Ok(Some((g, news)));
            }
        }
    }
    Ok(None)
}

fn take(k: &mut Kernel, g: &Rc<Group>, options: u32) {
    if options & opt::NOWAIT != 0 {
        return;
    }
    if let Life::Zombie(_) = g.life.get() {
        let me = k.group();
        me.child_insns
            .set(me.child_insns.get() + g.insns.get() + g.child_insns.get());
        k.procs.groups.borrow_mut().remove(&g.pid);
    } else {
        g.news.set(None);
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
    let Some((g, value)) = changed(k, pid, options & 0xff | opt::EXITED)? else {
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
        let b = usage(k, g.insns.get() + g.child_insns.get());
        k.put(to, &b)?;
    }
    take(k, &g, options);
    Ok(g.pid as u64)
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
    let Some((g, status)) = changed(k, pid, options)? else {
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
            s if s & 0xff == 0x7f => (5, s >> 8),
            s if s & 0x7f == 0 => (1, s >> 8),
            s if s & 0x80 != 0 => (3, s & 0x7f),
            s => (2, s & 0x7f),
        };
        let detail = crate::task::Detail::Child {
            pid: g.pid,
            uid: g.ids.get()[0],
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
        let b = usage(k, g.insns.get() + g.child_insns.get());
        k.put(to, &b)?;
    }
    take(k, &g, options);
    Ok(0)
}

pub(super) fn getpid(k: &mut Kernel) -> Sys {
    Ok(k.group().pid as u64)
}

pub(super) fn gettid(k: &mut Kernel) -> Sys {
    Ok(k.cur as u64)
}

pub(super) fn getppid(k: &mut Kernel) -> Sys {
    Ok(k.group().ppid.get() as u64)
}

pub(super) fn getpgrp(k: &mut Kernel) -> Sys {
    Ok(k.group().pgid.get() as u64)
}

fn by_pid(k: &mut Kernel, pid: i32) -> Res<Rc<Group>> {
    if pid == 0 {
        Ok(k.group())
    } else {
        k.procs
            .get(pid)
            .or_else(|| k.tasks.get(&pid).map(|t| t.group.clone()))
            .ok_or(ESRCH)
    }
}

pub(super) fn getpgid(k: &mut Kernel, pid: i32) -> Sys {
    Ok(by_pid(k, pid)?.pgid.get() as u64)
}

pub(super) fn setpgid(k: &mut Kernel, pid: i32, pgid: i32) -> Sys {
    if pgid < 0 {
        return Err(EINVAL.into());
    }
    let me = k.group();
    let g = by_pid(k, pid)?;
    if g.pid != me.pid {
        if g.ppid.get() != me.pid {
            return Err(ESRCH.into());
        }
        if g.execed.get() && !me.execed.get() || g.sid.get() != me.sid.get() {
            return Err(EPERM.into());
        }
    }
    if g.sid.get() == g.pid {
        return Err(EPERM.into());
    }
    let pgid = if pgid == 0 { g.pid } else { pgid };
    if pgid != g.pid
        && !k
            .procs
            .groups
            .borrow()
            .values()
            .any(|o| o.pgid.get() == pgid && o.sid.get() == me.sid.get())
    {
        return Err(EPERM.into());
    }
    g.pgid.set(pgid);
    Ok(0)
}

pub(super) fn getsid(k: &mut Kernel, pid: i32) -> Sys {
    Ok(by_pid(k, pid)?.sid.get() as u64)
}

pub(super) fn setsid(k: &mut Kernel) -> Sys {
    let g = k.group();
    if k.procs
        .groups
        .borrow()
        .values()
        .any(|o| o.pgid.get() == g.pid)
    {
        return Err(EPERM.into());
    }
    g.sid.set(g.pid);
    g.pgid.set(g.pid);
    *g.tty.borrow_mut() = None;
    Ok(g.pid as u64)
}

fn id(k: &mut Kernel, n: usize) -> Sys {
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

pub(super) fn set_tid_address(k: &mut Kernel, at: u64) -> Sys {
    k.task().clear_tid = at;
    Ok(k.cur as u64)
}

pub(super) fn set_robust_list(k: &mut Kernel, head: u64, size: u64) -> Sys {
    if size != 3 * k.abi().long as u64 {
        return Err(EINVAL.into());
    }
    k.task().robust = head;
    Ok(0)
}

pub(super) fn get_robust_list(k: &mut Kernel, pid: i32, head: u64, size: u64) -> Sys {
    let tid = if pid == 0 { k.cur } else { pid };
    let at = k.tasks.get(&tid).ok_or(ESRCH)?.robust;
    let (h, s) = (
        Out::new(k.abi()).long(at).done(),
        Out::new(k.abi()).long(3 * k.abi().long as u64).done(),
    );
    k.put(head, &h)?;
    k.put(size, &s)?;
    Ok(0)
}

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

pub(super) fn getrusage(k: &mut Kernel, who: i32, to: u64) -> Sys {
    let g = k.group();
    let own = match who {
        0 => g.insns.get(),
        -1 => g.child_insns.get(),
        1 => k.task().insns,
        _ => return Err(EINVAL.into()),
    };
    let b = usage(k, own);
    k.put(to, &b)?;
    Ok(0)
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

pub(super) fn prctl(k: &mut Kernel, option: i32, a: u64, b: u64, _c: u64, _d: u64) -> Sys {
    let g = k.group();
    Ok(match option {
        1 => {
            g.death_signal.set(a as u32);
            0
        }
        2 => {
            let v = g.death_signal.get();
            k.put_u32(a, v)?;
            0
        }
        3 => g.dumpable.get() as u64,
        4 => {
            g.dumpable.set(a != 0);
            0
        }
        15 => {
            let mut name = k
                .get(a, 16)
                .or_else(|_| k.mm().borrow_mut().string(a, 16, EFAULT))?;
            name.truncate(name.iter().position(|&c| c == 0).unwrap_or(15).min(15));
            if k.cur == g.pid {
                *g.comm.borrow_mut() = name.clone();
            }
            k.task().comm = name;
            0
        }
        16 => {
            let mut name = k.task().comm.clone();
            name.resize(16, 0);
            k.put(a, &name)?;
            0
        }
        21 | 8 | 30 | 39 => 0,
        22 => 0,
        23 => (a <= 40) as u64,
        24 => 0,
        29 => 50_000,
        36 => {
            g.subreaper.set(a != 0);
            0
        }
        37 => {
            let v = g.subreaper.get() as u32;
            k.put_u32(a, v)?;
            0
        }
        38 => 0,
        47 if a <= 4 && b <= 40 => 0,
        // PR_SET_VMA: names of anonymous memory.
        0x5356_4d41 => 0,
        // PR_SET_FP_MODE and PR_GET_FP_MODE of MIPS: FR = 0.
        45 if a == 0 => 0,
        46 => 0,
        _ => return Err(EINVAL.into()),
    })
}

pub(super) fn personality(_k: &mut Kernel, _persona: u32) -> Sys {
    Ok(0)
}

pub(super) fn set_thread_area(k: &mut Kernel, at: u64) -> Sys {
    let mm = k.mm();
    k.arch
        .thread_area(k.vcpu.state(), &mut mm.borrow_mut(), at, false)?;
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
    by_pid(k, pid)?;
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

pub(super) fn seccomp(_k: &mut Kernel, op: u32, _flags: u32, _args: u64) -> Sys {
    // Filters are accepted and not run.
    if op <= 1 { Ok(0) } else { Err(EINVAL.into()) }
}

pub(super) fn ioprio_get(_k: &mut Kernel, _which: i32, _who: i32) -> Sys {
    Ok(0)
}

pub(super) fn ioprio_set(_k: &mut Kernel, _which: i32, _who: i32, _value: i32) -> Sys {
    Ok(0)
}

pub(super) fn unshare(k: &mut Kernel, flags: u32) -> Sys {
    let flags = flags as u64;
    if flags & !(cl::FS | cl::FILES | 0x40000) != 0 {
        return Err(EPERM.into());
    }
    let t = k.task();
    if flags & cl::FS != 0 {
        let own = t.fs.borrow().clone();
        t.fs = Rc::new(std::cell::RefCell::new(own));
    }
    if flags & cl::FILES != 0 {
        let own = t.files.borrow().clone();
        t.files = Rc::new(std::cell::RefCell::new(own));
    }
    Ok(0)
}

pub(super) fn sysmips(k: &mut Kernel, cmd: i64, a: i64, b: i64) -> Sys {
    match cmd {
        // FLUSH_CACHE, MIPS_FIXADE.
        3 | 7 => Ok(0),
        // MIPS_ATOMIC_SET.
        2001 => {
            let at = k.abi().ptr(a as u64);
            let old = k.get_u32(at)?;
            k.put_u32(at, b as u32)?;
            k.arch.set_result(k.vcpu.state(), Ok(old as u64));
            Err(Stop::Done)
        }
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn acct(_k: &mut Kernel, _path: u64) -> Sys {
    Err(EPERM.into())
}

pub(super) fn vhangup(_k: &mut Kernel) -> Sys {
    Err(EPERM.into())
}
