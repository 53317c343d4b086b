//! ptrace: its requests. The stops are [`crate::trace`]'s, registers the instruction sets'.

use crate::abi::layout::{In, Out};
use crate::abi::signals::Sig;
use crate::arch::RegSet;
use crate::errno::{EINVAL, EIO, EPERM, ESRCH, Res};
use crate::kernel::{Kernel, Sys};
use crate::signal::{SI_USER, siginfo};
use crate::task::{Detail, Life, Pending, Run, bit};
use crate::trace::{Resume, Stop, Trace, event, opt};

/// Requests; those that only some instruction sets have are asked of them.
mod req {
    pub const TRACEME: i64 = 0;
    pub const PEEKTEXT: i64 = 1;
    pub const PEEKDATA: i64 = 2;
    pub const PEEKUSR: i64 = 3;
    pub const POKETEXT: i64 = 4;
    pub const POKEDATA: i64 = 5;
    pub const POKEUSR: i64 = 6;
    pub const CONT: i64 = 7;
    pub const KILL: i64 = 8;
    pub const SINGLESTEP: i64 = 9;
    pub const GETREGS: i64 = 12;
    pub const SETREGS: i64 = 13;
    pub const GETFPREGS: i64 = 14;
    pub const SETFPREGS: i64 = 15;
    pub const ATTACH: i64 = 16;
    pub const DETACH: i64 = 17;
    pub const GETFPXREGS: i64 = 18;
    pub const SETFPXREGS: i64 = 19;
    pub const OLDSETOPTIONS: i64 = 21;
    pub const SYSCALL: i64 = 24;
    pub const GET_THREAD_AREA: i64 = 25;
    pub const SETOPTIONS: i64 = 0x4200;
    pub const GETEVENTMSG: i64 = 0x4201;
    pub const GETSIGINFO: i64 = 0x4202;
    pub const SETSIGINFO: i64 = 0x4203;
    pub const GETREGSET: i64 = 0x4204;
    pub const SETREGSET: i64 = 0x4205;
    pub const SEIZE: i64 = 0x4206;
    pub const INTERRUPT: i64 = 0x4207;
    pub const LISTEN: i64 = 0x4208;
    pub const GETSIGMASK: i64 = 0x420a;
    pub const SETSIGMASK: i64 = 0x420b;
    pub const GET_SYSCALL_INFO: i64 = 0x420e;
}

pub(super) fn ptrace(k: &mut Kernel, request: i64, tid: i32, addr: u64, data: u64) -> Sys {
    match request {
        req::TRACEME => return trace_me(k),
        req::ATTACH => return attach(k, tid, false, 0),
        req::SEIZE => {
            if addr != 0 || data & !(opt::ALL as u64) != 0 {
                return Err(EIO.into());
            }
            return attach(k, tid, true, data as u32);
        }
        _ => {}
    }
    let me = k.group().pid;
    let Some(t) = k.tasks.get(&tid) else {
        return Err(ESRCH.into());
    };
    let stopped = t.run == Run::Traced;
    let Some(tr) = t.trace.as_ref().filter(|tr| tr.tracer == me) else {
        return Err(ESRCH.into());
    };
    let listening = tr.listening;
    match request {
        req::KILL => {
            let signal = k.abi().signal(Sig::Kill);
            k.signal_thread(tid, from_me(me, signal));
            return Ok(0);
        }
        req::INTERRUPT => {
            if !tr.seized {
                return Err(EIO.into());
            }
            let stop = Stop::Event(event::STOP, 0);
            let asked = tr.queue.contains(&stop);
            if listening {
                k.enter_stop(tid, stop);
            } else if !asked {
                k.queue_stop(tid, stop);
            }
            return Ok(0);
        }
        _ if !stopped || listening => return Err(ESRCH.into()),
        _ => {}
    }
    stopped_request(k, request, tid, addr, data)
}

fn from_me(pid: i32, signal: u32) -> Pending {
    Pending {
        signal,
        code: SI_USER,
        detail: Detail::Kill { pid, uid: 0 },
    }
}

fn trace_me(k: &mut Kernel) -> Sys {
    let parent = k.group().ppid.get();
    let tid = k.cur;
    if k.trace(tid).is_some() || k.procs.get(parent).is_none() {
        return Err(EPERM.into());
    }
    let t = k.task();
    t.group.tracer.set(parent);
    t.trace = Some(Box::new(Trace::new(parent, false, 0)));
    Ok(0)
}

fn attach(k: &mut Kernel, tid: i32, seize: bool, options: u32) -> Sys {
    let me = k.group().pid;
    let stop = k.abi().signal(Sig::Stop);
    let t = k.tasks.get_mut(&tid).ok_or(ESRCH)?;
    if t.group.pid == me || t.trace.is_some() {
        return Err(EPERM.into());
    }
    t.trace = Some(Box::new(Trace::new(me, seize, options)));
    let g = t.group.clone();
    g.tracer.set(me);
    let halted = t.run == Run::Stopped || g.life.get() == Life::Stopped;
    if halted {
        k.enter_stop(tid, Stop::Group(stop));
    } else if !seize {
        k.signal_thread(tid, from_me(me, stop));
    }
    Ok(0)
}

fn word(k: &mut Kernel, tid: i32, at: u64) -> Res<u64> {
    let mm = k.tasks.get(&tid).ok_or(ESRCH)?.mm.clone();
    let mut b = vec![0; k.abi().long as usize];
    mm.borrow_mut().read(at, &mut b).map_err(|_| EIO)?;
    In::new(k.abi(), &b).long()
}

fn put_word(k: &mut Kernel, at: u64, v: u64) -> Sys {
    let b = Out::new(k.abi()).long(v).done();
    k.put(at, &b)?;
    Ok(0)
}

fn orig(k: &mut Kernel, tid: i32) -> u64 {
    k.trace(tid).map_or(u64::MAX, |t| t.orig)
}

fn get_set(k: &mut Kernel, tid: i32, set: RegSet) -> Res<Vec<u8>> {
    let (arch, orig) = (k.arch.clone(), orig(k, tid));
    k.with_registers(tid, |st| arch.registers(st, set, orig))
        .ok_or(ESRCH)?
}

fn set_set(k: &mut Kernel, tid: i32, set: RegSet, b: &[u8]) -> Sys {
    let (arch, mut orig) = (k.arch.clone(), orig(k, tid));
    k.with_registers(tid, |st| arch.set_registers(st, set, b, &mut orig))
        .ok_or(ESRCH)??;
    if let Some(t) = k.trace(tid) {
        t.orig = orig;
    }
    Ok(0)
}

/// Copies a whole set to, or from, memory at `at`.
fn whole(k: &mut Kernel, tid: i32, set: RegSet, at: u64, store: bool) -> Sys {
    let b = get_set(k, tid, set).map_err(|_| EIO)?;
    if store {
        let b = k.get(at, b.len())?;
        return set_set(k, tid, set, &b);
    }
    k.put(at, &b)?;
    Ok(0)
}

/// GETREGSET and SETREGSET: by the number of an ELF note, through an iovec.
fn noted(k: &mut Kernel, tid: i32, note: u64, iov: u64, store: bool) -> Sys {
    let set = match note {
        1 => RegSet::Core,
        2 => RegSet::Fp,
        0x46e6_2b7f => RegSet::Fx,
        0x202 => RegSet::Extended,
        _ => return Err(EINVAL.into()),
    };
    let long = k.abi().long;
    let b = k.get(iov, 2 * long as usize)?;
    let mut i = In::new(k.abi(), &b);
    let (at, room) = (i.long()?, i.long()? as usize);
    let mut now = get_set(k, tid, set)?;
    let n = room.min(now.len());
    if store {
        // What the caller does not bring stays.
        let b = k.get(at, n)?;
        now[..n].copy_from_slice(&b);
        set_set(k, tid, set, &now)?;
    } else {
        k.put(at, &now[..n])?;
    }
    put_word(k, iov + long as u64, n as u64)
}

fn get_siginfo(k: &mut Kernel, tid: i32) -> Res<Vec<u8>> {
    let trap = k.abi().signal(Sig::Trap);
    let uid = k.group().ids.get()[0];
    let tr = k.trace(tid).ok_or(ESRCH)?;
    let good = if tr.options & opt::SYSGOOD != 0 {
        0x80
    } else {
        0
    };
    let code = match tr.stop.ok_or(ESRCH)? {
        Stop::Signal(p) => return Ok(siginfo(k.abi(), &p)),
        Stop::Group(_) if !tr.seized => return Err(EINVAL),
        Stop::Group(sig) => sig | event::STOP << 8,
        Stop::Event(n, _) => trap | n << 8,
        Stop::Entry | Stop::Exit(_) => trap | good,
    };
    let p = Pending {
        signal: trap,
        code: code as i32,
        detail: Detail::Kill { pid: tid, uid },
    };
    Ok(siginfo(k.abi(), &p))
}

fn set_siginfo(k: &mut Kernel, tid: i32, at: u64) -> Sys {
    let b = k.get(at, 128)?;
    let first = k.abi().siginfo_code_first;
    let mut i = In::new(k.abi(), &b);
    let signal = i.u32()?;
    let (a, c) = (i.i32()?, i.i32()?);
    let code = if first { a } else { c };
    let long = k.abi().long as usize;
    let mut i = In::new(k.abi(), &b[12usize.next_multiple_of(long)..]);
    let (pid, uid, value) = (i.i32()?, i.u32()?, i.long()?);
    let tr = k.trace(tid).ok_or(ESRCH)?;
    let Some(Stop::Signal(old)) = tr.stop else {
        return Err(EINVAL.into());
    };
    let detail = if old.signal == signal && old.code == code {
        old.detail
    } else {
        Detail::Queue { pid, uid, value }
    };
    tr.stop = Some(Stop::Signal(Pending {
        signal,
        code,
        detail,
    }));
    Ok(0)
}

fn syscall_info(k: &mut Kernel, tid: i32, size: u64, at: u64) -> Sys {
    let tr = k.trace(tid).ok_or(ESRCH)?;
    let (stop, orig) = (tr.stop, tr.orig);
    let arch = k.arch.clone();
    let (pc, sp, places) = k
        .with_registers(tid, |st| {
            let places: Vec<Result<u64, u64>> = (0..6).map(|n| arch.arg(st, n)).collect();
            (st.pc(), arch.sp(st), places)
        })
        .ok_or(ESRCH)?;
    let mut args = Vec::new();
    for p in places {
        args.push(match p {
            Ok(v) => k.abi().ptr(v),
            // On the stack.
            Err(at) => word(k, tid, at).unwrap_or(0),
        });
    }
    let op = match stop {
        Some(Stop::Entry) => 1,
        Some(Stop::Exit(_)) => 2,
        _ => 0,
    };
    let mut o = Out::new(k.abi());
    o.u8(op).pad(3).u32(k.arch.audit()).u64(pc).u64(sp);
    match stop {
        Some(Stop::Entry) => {
            o.u64(orig);
            for v in args {
                o.u64(v);
            }
        }
        Some(Stop::Exit(v)) => {
            o.u64(v as u64).u8((-4095..0).contains(&v) as u8);
        }
        _ => {}
    }
    let b = o.done();
    k.put(at, &b[..b.len().min(size as usize)])?;
    Ok(b.len() as u64)
}

fn stopped_request(k: &mut Kernel, request: i64, tid: i32, addr: u64, data: u64) -> Sys {
    let max = k.abi().signal_max() as u64;
    match request {
        req::PEEKTEXT | req::PEEKDATA => {
            let v = word(k, tid, addr)?;
            put_word(k, data, v)
        }
        req::POKETEXT | req::POKEDATA => {
            let mm = k.tasks.get(&tid).ok_or(ESRCH)?.mm.clone();
            let b = Out::new(k.abi()).long(data).done();
            mm.borrow_mut().write_forced(addr, &b).map_err(|_| EIO)?;
            Ok(0)
        }
        req::PEEKUSR | req::POKEUSR => {
            let (arch, mut orig) = (k.arch.clone(), orig(k, tid));
            let set = (request == req::POKEUSR).then_some(data);
            let v = k
                .with_registers(tid, |st| arch.user_word(st, addr, &mut orig, set))
                .ok_or(ESRCH)??;
            if set.is_none() {
                return put_word(k, data, v);
            }
            if let Some(t) = k.trace(tid) {
                t.orig = orig;
            }
            Ok(0)
        }
        req::CONT | req::SYSCALL | req::SINGLESTEP => {
            if data > max {
                return Err(EIO.into());
            }
            let how = match request {
                req::CONT => Resume::Cont,
                req::SYSCALL => Resume::Syscall,
                _ if !k.arch.can_step() => return Err(EIO.into()),
                _ => Resume::Step,
            };
            k.resume(tid, how, data as u32);
            Ok(0)
        }
        req::DETACH => {
            if data > max {
                return Err(EIO.into());
            }
            let halted = k
                .trace(tid)
                .is_some_and(|t| matches!(t.stop, Some(Stop::Group(_))));
            let g = k.tasks.get(&tid).ok_or(ESRCH)?.group.clone();
            let life = g.life.get();
            k.resume(tid, Resume::Cont, data as u32);
            let inject = k.trace(tid).and_then(|t| t.inject.take());
            if let (Some(p), Some(t)) = (inject, k.tasks.get_mut(&tid)) {
                t.pending.list.push_front(p);
            }
            k.untrace(tid);
            if halted {
                g.life.set(life);
            }
            Ok(0)
        }
        req::GETREGS => whole(k, tid, RegSet::General, data, false),
        req::SETREGS => whole(k, tid, RegSet::General, data, true),
        req::GETFPREGS => whole(k, tid, RegSet::Fp, data, false),
        req::SETFPREGS => whole(k, tid, RegSet::Fp, data, true),
        req::GETFPXREGS => whole(k, tid, RegSet::Fx, data, false),
        req::SETFPXREGS => whole(k, tid, RegSet::Fx, data, true),
        req::GETREGSET => noted(k, tid, addr, data, false),
        req::SETREGSET => noted(k, tid, addr, data, true),
        req::GET_THREAD_AREA => {
            let arch = k.arch.clone();
            let b = k
                .with_registers(tid, |st| arch.traced_area(st, addr))
                .ok_or(ESRCH)??;
            k.put(data, &b)?;
            Ok(0)
        }
        req::SETOPTIONS | req::OLDSETOPTIONS => {
            if data & !(opt::ALL as u64) != 0 {
                return Err(EINVAL.into());
            }
            if let Some(t) = k.trace(tid) {
                t.options = data as u32;
            }
            Ok(0)
        }
        req::GETEVENTMSG => {
            let v = k.trace(tid).map_or(0, |t| t.message);
            put_word(k, data, v)
        }
        req::GETSIGINFO => {
            let b = get_siginfo(k, tid)?;
            k.put(data, &b)?;
            Ok(0)
        }
        req::SETSIGINFO => set_siginfo(k, tid, data),
        req::LISTEN => {
            let tr = k.trace(tid).ok_or(ESRCH)?;
            let is_stop = matches!(tr.stop, Some(Stop::Group(_) | Stop::Event(event::STOP, _)));
            if !tr.seized || !is_stop {
                return Err(EIO.into());
            }
            tr.listening = true;
            if !tr.queue.is_empty() {
                // SIGCONT was faster.
                tr.queue.clear();
                k.enter_stop(tid, Stop::Event(event::STOP, 0));
            }
            Ok(0)
        }
        req::GETSIGMASK => {
            let set = k.tasks.get(&tid).map_or(0, |t| t.blocked);
            let b = Out::new(k.abi()).sigset(set).done();
            if addr as usize != b.len() {
                return Err(EINVAL.into());
            }
            k.put(data, &b)?;
            Ok(0)
        }
        req::SETSIGMASK => {
            let n = k.abi().sigset_bytes as usize;
            if addr as usize != n {
                return Err(EINVAL.into());
            }
            let b = k.get(data, n)?;
            let set = In::new(k.abi(), &b).sigset()?;
            let kept = bit(k.abi().signal(Sig::Kill)) | bit(k.abi().signal(Sig::Stop));
            if let Some(t) = k.tasks.get_mut(&tid) {
                t.blocked = set & !kept;
            }
            Ok(0)
        }
        req::GET_SYSCALL_INFO => syscall_info(k, tid, addr, data),
        _ => Err(EIO.into()),
    }
}
