//! Processes and threads: making, waiting, identity, limits.

use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::errno::{E2BIG, EFAULT, EINVAL, ENOENT, EPERM, ESRCH, Res};
use crate::kernel::{Kernel, Stop, Sys, wait_for};
use crate::life::clone as cl;
use crate::task::{Group, exited};

pub(super) fn exit(k: &mut Kernel, code: i32) -> Sys {
    k.exit_thread(exited(code));
    Err(Stop::Done)
}

pub(super) fn exit_group(k: &mut Kernel, code: i32) -> Sys {
    k.exit_group(exited(code));
    Err(Stop::Done)
}

pub(super) fn chld(k: &Kernel) -> u32 {
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

pub(super) fn by_pid(k: &mut Kernel, pid: i32) -> Res<Rc<Group>> {
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

pub(super) fn personality(k: &mut Kernel, persona: u32) -> Sys {
    let g = k.group();
    let old = g.persona.get();
    if persona != u32::MAX {
        g.persona.set(persona);
    }
    Ok(old as u64)
}

pub(super) fn set_thread_area(k: &mut Kernel, at: u64) -> Sys {
    let mm = k.mm();
    k.arch
        .thread_area(k.vcpu.state(), &mut mm.borrow_mut(), at, false)?;
    Ok(0)
}

pub(super) fn seccomp(_k: &mut Kernel, op: u32, _flags: u32, _args: u64) -> Sys {
    // Filters are accepted and not run.
    if op <= 1 { Ok(0) } else { Err(EINVAL.into()) }
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
