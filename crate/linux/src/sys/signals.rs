//! Signal calls.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::errno::{EAGAIN, EINTR, EINVAL, ENOMEM, EPERM, ESRCH, Res};
use crate::file::event::SignalFd;
use crate::file::{File, Key};
use crate::kernel::{Kernel, Stop, Sys};
use crate::signal::{SI_TKILL, SI_USER, siginfo};
use crate::task::{Action, Detail, Group, Life, Pending, Wait, bit, untouchable};
use crate::vfs::open;

fn action_bytes(abi: &Abi, old: bool) -> usize {
    let set = if old && !abi.sigaction_flags_first {
        abi.long as usize
    } else {
        abi.sigset_bytes as usize
    };
    2 * abi.long as usize
        + set
        + if abi.sigaction_restorer {
            abi.long as usize
        } else {
            0
        }
}

fn do_action(k: &mut Kernel, sig: u32, new: u64, old: u64, old_call: bool) -> Sys {
    if sig == 0 || sig > k.abi().signal_max() {
        return Err(EINVAL.into());
    }
    let bytes = action_bytes(k.abi(), old_call);
    let wanted = if new != 0 {
        let b = k.get(new, bytes)?;
        let abi = k.abi();
        let mut i = In::new(abi, &b);
        let mut a = Action::default();
        if abi.sigaction_flags_first {
            a.flags = i.u32()?;
            a.handler = i.long()?;
        } else {
            a.handler = i.long()?;
            if old_call {
                a.mask = i.long()? as u128;
            }
            a.flags = i.long()? as u32;
            if abi.sigaction_restorer {
                a.restorer = i.long()?;
            }
        }
        if abi.sigaction_flags_first || !old_call {
            a.mask = i.sigset()?;
        }
        a.mask = k.blockable(a.mask);
        Some(a)
    } else {
        None
    };
    let current = k.task().actions.borrow()[sig as usize];
    if wanted.is_some() && untouchable(k.abi().meaning(sig)) {
        return Err(EINVAL.into());
    }
    if old != 0 {
        let abi = k.abi();
        let mut o = Out::new(abi);
        if abi.sigaction_flags_first {
            o.u32(current.flags).long(current.handler);
        } else {
            o.long(current.handler);
            if old_call {
                o.long(current.mask as u64);
            }
            o.long(current.flags as u64);
            if abi.sigaction_restorer {
                o.long(current.restorer);
            }
        }
        if abi.sigaction_flags_first || !old_call {
            o.sigset(current.mask);
        }
        let b = o.done();
        k.put(old, &b)?;
    }
    if let Some(a) = wanted {
        replace(k, sig, a)?;
    }
    Ok(0)
}

/// Sets a signal's action; gives the handler before.
pub(super) fn replace(k: &mut Kernel, sig: u32, a: Action) -> Sys {
    if sig == 0 || sig > k.abi().signal_max() || untouchable(k.abi().meaning(sig)) {
        return Err(EINVAL.into());
    }
    let actions = k.task().actions.clone();
    let before = core::mem::replace(&mut actions.borrow_mut()[sig as usize], a);
    // What is now ignored is not pending any more.
    let dflt = k.abi().meaning(sig).default();
    if a.handler == 1 || a.handler == 0 && dflt == crate::abi::signals::Default::Ignore {
        k.group().pending.borrow_mut().drop_set(bit(sig));
        k.task().pending.drop_set(bit(sig));
    }
    Ok(before.handler)
}

fn set_size(k: &Kernel, size: u64) -> Res<()> {
    if size == k.abi().sigset_bytes as u64 {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

impl Kernel {
    /// A signal set in guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn get_set(&mut self, at: u64) -> Res<u128> {
        let n = self.abi().sigset_bytes as usize;
        let b = self.get(at, n)?;
        In::new(self.abi(), &b).sigset()
    }

    fn put_set(&mut self, at: u64, set: u128) -> Res<()> {
        let b = Out::new(self.abi()).sigset(set).done();
        self.put(at, &b)
    }

    /// For calls with a mask of their own while they wait: sets it on the first try.
    ///
    /// # Errors
    /// EFAULT, EINVAL.
    pub fn wait_mask(&mut self, mask: u64, size: u64) -> Res<()> {
        if mask == 0 || self.task().saved_mask.is_some() {
            return Ok(());
        }
        set_size(self, size)?;
        let set = self.get_set(mask)?;
        let set = self.blockable(set);
        let t = self.task();
        t.saved_mask = Some(t.blocked);
        t.blocked = set;
        Ok(())
    }

    /// The end of such a call.
    pub fn unmask(&mut self) {
        let t = self.task();
        if let Some(m) = t.saved_mask.take() {
            t.blocked = m;
        }
    }
}

pub(super) fn rt_sigaction(k: &mut Kernel, sig: u32, new: u64, old: u64, size: u64) -> Sys {
    set_size(k, size)?;
    do_action(k, sig, new, old, false)
}

pub(super) fn sigaction(k: &mut Kernel, sig: u32, new: u64, old: u64) -> Sys {
    do_action(k, sig, new, old, true)
}

fn change_mask(k: &mut Kernel, how: u32, set: u128) -> Res<()> {
    let set = k.blockable(set);
    let first = k.abi().sig_block;
    let t = k.task();
    t.blocked = match how.wrapping_sub(first) {
        0 => t.blocked | set,
        1 => t.blocked & !set,
        2 => set,
        _ => return Err(EINVAL),
    };
    Ok(())
}

pub(super) fn rt_sigprocmask(k: &mut Kernel, how: u32, new: u64, old: u64, size: u64) -> Sys {
    set_size(k, size)?;
    let before = k.task().blocked;
    if new != 0 {
        let set = k.get_set(new)?;
        change_mask(k, how, set)?;
    }
    if old != 0 {
        k.put_set(old, before)?;
    }
    Ok(0)
}

pub(super) fn sigprocmask(k: &mut Kernel, how: u32, new: u64, old: u64) -> Sys {
    // The old call has a set of one word.
    let before = k.task().blocked;
    let long = k.abi().long as usize;
    if new != 0 {
        let b = k.get(new, long)?;
        let low = In::new(k.abi(), &b).long()? as u128;
        let bits = (1u128 << (8 * long)) - 1;
        let keep = if how.wrapping_sub(k.abi().sig_block) == 2 {
            before & !bits
        } else {
            0
        };
        change_mask(k, how, low | keep)?;
    }
    if old != 0 {
        let b = Out::new(k.abi()).long(before as u64).done();
        k.put(old, &b)?;
    }
    Ok(0)
}

fn pending_set(k: &mut Kernel) -> u128 {
    let t = k.task();
    (t.pending.set() | t.group.pending.borrow().set()) & t.blocked
}

pub(super) fn rt_sigpending(k: &mut Kernel, to: u64, size: u64) -> Sys {
    if size > k.abi().sigset_bytes as u64 {
        return Err(EINVAL.into());
    }
    let set = pending_set(k);
    let b = Out::new(k.abi()).sigset(set).done();
    k.put(to, &b[..size as usize])?;
    Ok(0)
}

pub(super) fn sigpending(k: &mut Kernel, to: u64) -> Sys {
    let set = pending_set(k);
    let b = Out::new(k.abi()).long(set as u64).done();
    k.put(to, &b)?;
    Ok(0)
}

fn forever() -> Stop {
    Stop::Wait(Wait {
        keys: Vec::new(),
        until: None,
        never_restart: true,
    })
}

pub(super) fn rt_sigsuspend(k: &mut Kernel, mask: u64, size: u64) -> Sys {
    set_size(k, size)?;
    k.wait_mask(mask, size)?;
    Err(forever())
}

/// Waits for a signal with another mask, whose first word is `low`.
pub(super) fn suspend(k: &mut Kernel, low: u128) -> Sys {
    let set = k.blockable(low);
    let t = k.task();
    if t.saved_mask.is_none() {
        t.saved_mask = Some(t.blocked);
        t.blocked = set;
    }
    Err(forever())
}

pub(super) fn sigsuspend(k: &mut Kernel, mask: u64) -> Sys {
    let n = k.abi().sigset_bytes as u64;
    k.wait_mask(mask, n)?;
    Err(forever())
}

pub(super) fn pause(_k: &mut Kernel) -> Sys {
    Err(forever())
}

fn sigwait(k: &mut Kernel, set: u64, info: u64, timeout: u64, size: u64, wide: bool) -> Sys {
    set_size(k, size)?;
    let set = k.get_set(set)?;
    let set = k.blockable(set);
    let t = k.task();
    let g = t.group.clone();
    let found = t
        .pending
        .take(!set)
        .or_else(|| g.pending.borrow_mut().take(!set));
    if let Some(p) = found {
        if info != 0 {
            let b = siginfo(k.abi(), &p);
            k.put(info, &b)?;
        }
        return Ok(p.signal as u64);
    }
    let until = if timeout == 0 {
        None
    } else {
        let t = super::time::get_timespec(k, timeout, wide)?;
        Some(k.deadline(t))
    };
    if let Some(u) = until
        && k.now() >= u
    {
        return Err(EAGAIN.into());
    }
    Err(Stop::Wait(Wait {
        keys: vec![Key::Signal(g.pid)],
        until,
        never_restart: true,
    }))
}

pub(super) fn rt_sigtimedwait(k: &mut Kernel, set: u64, info: u64, timeout: u64, size: u64) -> Sys {
    sigwait(k, set, info, timeout, size, false)
}

pub(super) fn rt_sigtimedwait_time64(
    k: &mut Kernel,
    set: u64,
    info: u64,
    timeout: u64,
    size: u64,
) -> Sys {
    sigwait(k, set, info, timeout, size, true)
}

fn read_info(k: &mut Kernel, sig: u32, at: u64) -> Res<Pending> {
    let b = k.get(at, 128)?;
    let abi = k.abi();
    let mut i = In::new(abi, &b);
    i.u32()?;
    let (a, c) = (i.i32()?, i.i32()?);
    let code = if abi.siginfo_code_first { a } else { c };
    if abi.long == 8 {
        i.u32()?;
    }
    let (pid, uid, value) = (i.i32()?, i.u32()?, i.long()?);
    if code >= 0 || code == SI_TKILL {
        return Err(EPERM);
    }
    Ok(Pending {
        signal: sig,
        code,
        detail: Detail::Queue { pid, uid, value },
    })
}

fn valid(k: &Kernel, sig: u32) -> Res<()> {
    if sig <= k.abi().signal_max() {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

pub(super) fn rt_sigqueueinfo(k: &mut Kernel, pid: i32, sig: u32, info: u64) -> Sys {
    valid(k, sig)?;
    let p = read_info(k, sig, info)?;
    let g = k.procs.get(pid).ok_or(ESRCH)?;
    if sig != 0 {
        k.signal_group(&g, p);
    }
    Ok(0)
}

pub(super) fn rt_tgsigqueueinfo(k: &mut Kernel, pid: i32, tid: i32, sig: u32, info: u64) -> Sys {
    valid(k, sig)?;
    let p = read_info(k, sig, info)?;
    if k.tasks.get(&tid).is_none_or(|t| t.group.pid != pid) {
        return Err(ESRCH.into());
    }
    if sig != 0 {
        k.signal_thread(tid, p);
    }
    Ok(0)
}

fn sigreturn_from(k: &mut Kernel, rt: bool) -> Sys {
    let mm = k.mm();
    let r = k.arch.pop_signal(k.vcpu.state(), &mut mm.borrow_mut(), rt);
    match r {
        Ok(r) => {
            let mask = k.blockable(r.mask);
            let t = k.task();
            t.blocked = mask;
            if let Some((sp, flags, size)) = r.altstack
                && flags & 1 == 0
            {
                t.altstack = (sp, flags & 2, size);
            }
        }
        Err(_) => k.fault_signal(crate::abi::signals::Sig::Segv, 0, 0),
    }
    Err(Stop::Done)
}

pub(super) fn rt_sigreturn(k: &mut Kernel) -> Sys {
    sigreturn_from(k, true)
}

pub(super) fn sigreturn(k: &mut Kernel) -> Sys {
    sigreturn_from(k, false)
}

pub(super) fn sigaltstack(k: &mut Kernel, new: u64, old: u64) -> Sys {
    const ONSTACK: u32 = 1;
    const DISABLE: u32 = 2;
    let sp = k.arch.sp(k.state());
    let (base, flags, bytes) = k.task().altstack;
    let on_it = flags & DISABLE == 0 && bytes != 0 && sp > base && sp <= base.wrapping_add(bytes);
    let (long, size_first) = (k.abi().long as usize, k.abi().stack_size_first);
    let wanted = if new != 0 {
        let b = k.get(new, 3 * long)?;
        let mut i = In::new(k.abi(), &b);
        let at = i.long()?;
        let (flags, size) = if size_first {
            let s = i.long()?;
            (i.u32()?, s)
        } else {
            let f = i.u32()?;
            (f, i.long()?)
        };
        Some((at, flags, size))
    } else {
        None
    };
    if old != 0 {
        let shown = if flags & DISABLE != 0 || bytes == 0 {
            DISABLE
        } else {
            on_it as u32
        };
        let mut o = Out::new(k.abi());
        o.long(base);
        if size_first {
            o.long(bytes).u32(shown);
        } else {
            o.u32(shown).long(bytes);
        }
        let mut b = o.done();
        b.resize(3 * long, 0);
        k.put(old, &b)?;
    }
    if let Some((at, flags, size)) = wanted {
        if on_it {
            return Err(EPERM.into());
        }
        let mode = flags & !(1 << 31);
        if mode != 0 && mode != ONSTACK && mode != DISABLE {
            return Err(EINVAL.into());
        }
        if mode == DISABLE {
            k.task().altstack = (0, DISABLE, 0);
        } else {
            if size < 2048 {
                return Err(ENOMEM.into());
            }
            k.task().altstack = (at, 0, size);
        }
    }
    Ok(0)
}

fn sender(k: &mut Kernel) -> Detail {
    let g = k.group();
    Detail::Kill {
        pid: g.pid,
        uid: g.ids.get()[0],
    }
}

pub(super) fn kill(k: &mut Kernel, pid: i32, sig: u32) -> Sys {
    valid(k, sig)?;
    let me = k.group();
    let all: Vec<Rc<Group>> = k.procs.groups.borrow().values().cloned().collect();
    let targets: Vec<Rc<Group>> = all
        .into_iter()
        .filter(|g| match pid {
            0 => g.pgid.get() == me.pgid.get(),
            -1 => g.pid != me.pid,
            p if p < 0 => g.pgid.get() == p.wrapping_neg(),
            p => g.pid == p || g.threads.borrow().contains(&p),
        })
        .collect();
    if targets.is_empty() {
        return Err(ESRCH.into());
    }
    if sig != 0 {
        let detail = sender(k);
        for g in targets
            .iter()
            .filter(|g| !matches!(g.life.get(), Life::Zombie(_)))
        {
            k.signal_group(
                g,
                Pending {
                    signal: sig,
                    code: SI_USER,
                    detail,
                },
            );
        }
    }
    Ok(0)
}

pub(super) fn tkill(k: &mut Kernel, tid: i32, sig: u32) -> Sys {
    tgkill(k, -1, tid, sig)
}

pub(super) fn tgkill(k: &mut Kernel, pid: i32, tid: i32, sig: u32) -> Sys {
    valid(k, sig)?;
    if tid <= 0 {
        return Err(EINVAL.into());
    }
    if k.tasks
        .get(&tid)
        .is_none_or(|t| pid != -1 && t.group.pid != pid)
    {
        return Err(ESRCH.into());
    }
    if sig != 0 {
        let detail = sender(k);
        k.signal_thread(
            tid,
            Pending {
                signal: sig,
                code: SI_TKILL,
                detail,
            },
        );
    }
    Ok(0)
}

pub(super) fn signalfd(k: &mut Kernel, fd: i32, mask: u64, size: u64) -> Sys {
    signalfd4(k, fd, mask, size, 0)
}

pub(super) fn signalfd4(k: &mut Kernel, fd: i32, mask: u64, size: u64, flags: u32) -> Sys {
    set_size(k, size)?;
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    if flags & !(open::CLOEXEC | open::NONBLOCK) != 0 {
        return Err(EINVAL.into());
    }
    let set = k.get_set(mask)?;
    let set = k.blockable(set);
    if fd != -1 {
        let f: Rc<File> = k.file(fd)?;
        let s = f.ops.as_any().downcast_ref::<SignalFd>().ok_or(EINVAL)?;
        s.mask.set(set);
        return Ok(fd as u64);
    }
    let g = k.group();
    let big = k.abi().big_endian;
    super::fd::install(k, Rc::new(SignalFd::new(&g, set, big)), flags)
}

pub(super) fn restart_syscall(_k: &mut Kernel) -> Sys {
    Err(EINTR.into())
}
