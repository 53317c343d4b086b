//! Signals: sending, choosing, delivering.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::Out;
use crate::abi::signals::{Default as Act, Sig};
use crate::arch::Frame;
use crate::file::Key;
use crate::kernel::Kernel;
use crate::task::{Action, Detail, Group, Life, Pending, Run, bit, killed};
use crate::trace::Stop;

/// si_code of kill().
pub const SI_USER: i32 = 0;
/// si_code of signals from the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// si_code of tgkill().
pub const SI_TKILL: i32 = -6;

/// A siginfo structure of 128 bytes.
pub fn siginfo(abi: &Abi, p: &Pending) -> Vec<u8> {
    let mut o = Out::new(abi);
    o.u32(p.signal);
    if abi.siginfo_code_first {
        o.i32(p.code).u32(0);
    } else {
        o.u32(0).i32(p.code);
    }
    // The union is aligned as a pointer is.
    o.align(abi.long);
    match p.detail {
        Detail::None => {}
        Detail::Kill { pid, uid } => drop(o.i32(pid).u32(uid)),
        Detail::Queue { pid, uid, value } => drop(o.i32(pid).u32(uid).long(value)),
        Detail::Child {
            pid,
            uid,
            status,
            utime,
            stime,
        } => {
            o.i32(pid).u32(uid).i32(status);
            o.long(utime).long(stime);
        }
        Detail::Fault { addr } => drop(o.long(addr)),
        Detail::Timer { id, overrun, value } => drop(o.i32(id).i32(overrun).long(value)),
    }
    o.pad_to(128);
    o.done()
}

impl Kernel {
    fn realtime_signal(&self, n: u32) -> bool {
        self.abi().meaning(n) == Sig::Rt
    }

    /// What the process does with a signal: its action.
    fn action_of(&self, tid: i32, n: u32) -> Action {
        self.tasks
            .get(&tid)
            .and_then(|t| t.actions.borrow().get(n as usize).copied())
            .unwrap_or_default()
    }

    fn ignored(&self, tid: i32, n: u32) -> bool {
        if self.tasks.get(&tid).is_some_and(|t| t.trace.is_some()) {
            // Its tracer decides.
            return false;
        }
        let a = self.action_of(tid, n);
        a.handler == 1 || a.handler == 0 && matches!(self.abi().meaning(n).default(), Act::Ignore)
    }

    /// Sends a signal to a process.
    pub fn signal_group(&mut self, g: &Rc<Group>, p: Pending) {
        if matches!(g.life.get(), Life::Zombie(_)) {
            return;
        }
        let threads = g.threads.borrow().clone();
        let Some(&leader) = threads.first() else {
            return;
        };
        self.side_effects(g, p.signal);
        let sig = self.abi().meaning(p.signal);
        let blocked_by_all = threads.iter().all(|t| {
            self.tasks
                .get(t)
                .is_some_and(|t| t.blocked & bit(p.signal) != 0)
        });
        if self.ignored(leader, p.signal)
            && !blocked_by_all
            && sig != Sig::Kill
            && sig != Sig::Stop
            && sig != Sig::Cont
        {
            return;
        }
        let rt = self.realtime_signal(p.signal);
        g.pending.borrow_mut().push(p, rt);
        // One thread that does not block it hears of it; all, if it may end the process.
        let who: Vec<i32> = threads
            .into_iter()
            .filter(|t| {
                self.tasks
                    .get(t)
                    .is_some_and(|t| t.blocked & bit(p.signal) == 0)
            })
            .collect();
        for tid in who {
            self.nudge(tid);
        }
        // Those who wait for it with signalfd or sigwait.
        self.wakes.ring(Key::Signal(g.pid));
    }

    /// Sends a signal to a thread.
    pub fn signal_thread(&mut self, tid: i32, p: Pending) {
        let Some(g) = self.tasks.get(&tid).map(|t| t.group.clone()) else {
            return;
        };
        self.side_effects(&g, p.signal);
        let rt = self.realtime_signal(p.signal);
        let ignored = self.ignored(tid, p.signal);
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        if ignored && t.blocked & bit(p.signal) == 0 {
            return;
        }
        t.pending.push(p, rt);
        if t.blocked & bit(p.signal) == 0 {
            self.nudge(tid);
        }
        self.wakes.ring(Key::Signal(g.pid));
    }

    /// A parked thread looks for signals.
    fn nudge(&mut self, tid: i32) {
        if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Waiting) {
            self.ready(tid);
        }
    }

    /// SIGCONT and SIGKILL wake what is stopped; stop and continue signals cancel each other.
    fn side_effects(&mut self, g: &Rc<Group>, n: u32) {
        let sig = self.abi().meaning(n);
        let of = |abi: &Abi, list: &[Sig]| list.iter().fold(0, |s, &x| s | bit(abi.signal(x)));
        let stops = of(self.abi(), &[Sig::Stop, Sig::Tstp, Sig::Ttin, Sig::Ttou]);
        let threads = g.threads.borrow().clone();
        match sig {
            Sig::Cont | Sig::Kill => {
                if sig == Sig::Cont {
                    g.pending.borrow_mut().drop_set(stops);
                    for t in &threads {
                        if let Some(t) = self.tasks.get_mut(t) {
                            t.pending.drop_set(stops);
                        }
                    }
                }
                if g.life.get() == Life::Stopped {
                    g.life.set(Life::Alive);
                    if sig == Sig::Cont {
                        g.news.set(Some(0xffff));
                        self.tell_parent(g, 6, 0xffff);
                    }
                }
                for tid in threads {
                    let run = self.tasks.get(&tid).map(|t| t.run.clone());
                    match run {
                        Some(Run::Traced) if sig == Sig::Cont => {
                            self.trace_continued(tid);
                            continue;
                        }
                        Some(Run::Stopped | Run::Traced) => {}
                        _ => continue,
                    }
                    if let Some(t) = self.tasks.get_mut(&tid) {
                        t.run = Run::Waiting;
                    }
                    self.ready(tid);
                }
            }
            _ if stops & bit(n) != 0 => {
                let cont = bit(self.abi().signal(Sig::Cont));
                g.pending.borrow_mut().drop_set(cont);
            }
            _ => {}
        }
    }

    /// SIGCHLD for a stop or continuation.
    fn tell_parent(&mut self, g: &Rc<Group>, code: i32, status: u32) {
        let Some(parent) = self.procs.get(g.ppid.get()) else {
            return;
        };
        self.wakes.ring(Key::Child(parent.pid));
        let n = self.abi().signal(Sig::Chld);
        let leader = parent.threads.borrow().first().copied().unwrap_or(0);
        if self.action_of(leader, n).flags & self.abi().sa.nocldstop != 0 {
            return;
        }
        let status = if code == 5 {
            status >> 8 & 0xff
        } else {
            self.abi().signal(Sig::Cont)
        };
        let detail = Detail::Child {
            pid: g.pid,
            uid: g.ids.get()[0],
            status: status as i32,
            utime: 0,
            stime: 0,
        };
        self.signal_group(
            &parent,
            Pending {
                signal: n,
                code,
                detail,
            },
        );
    }

    /// Sends a signal of the kernel's to all processes of a group.
    pub fn signal_pgrp(&mut self, pgid: i32, n: u32) {
        let list: Vec<Rc<Group>> = self
            .procs
            .groups
            .borrow()
            .values()
            .filter(|g| g.pgid.get() == pgid)
            .cloned()
            .collect();
        for g in list {
            self.signal_group(
                &g,
                Pending {
                    signal: n,
                    code: SI_KERNEL,
                    detail: Detail::None,
                },
            );
        }
    }

    /// Signals of the running thread that are not blocked.
    pub fn has_signal(&mut self) -> bool {
        let Some(t) = self.tasks.get(&self.cur) else {
            return false;
        };
        (t.pending.set() | t.group.pending.borrow().set()) & !t.blocked != 0
            || t.group.life.get() == Life::Stopped
            || t.trace.as_ref().is_some_and(|t| t.inject.is_some())
            || self.debug.as_ref().is_some_and(|d| d.passes(self.cur))
    }

    /// Whether a system call interrupted by the next signal is made again. Signals without a handler that would do nothing count too.
    pub fn next_signal_restarts(&mut self) -> bool {
        let restart = self.abi().sa.restart;
        let t = self.task();
        let waiting = (t.pending.set() | t.group.pending.borrow().set()) & !t.blocked;
        let first = waiting.trailing_zeros() + 1;
        let a = t
            .actions
            .borrow()
            .get(first as usize)
            .copied()
            .unwrap_or_default();
        a.handler <= 1 || a.flags & restart != 0
    }

    /// The CPU raised an exception that is a signal.
    pub fn fault_signal(&mut self, sig: Sig, code: i32, addr: u64) {
        let n = self.abi().signal(sig);
        let tid = self.cur;
        let detail = if code == 0 {
            Detail::None
        } else {
            Detail::Fault { addr }
        };
        let code = if code == 0 { SI_KERNEL } else { code };
        self.force(
            tid,
            Pending {
                signal: n,
                code,
                detail,
            },
        );
    }

    /// A signal that cannot be held back: blocked or ignored, it ends the process.
    pub fn force(&mut self, tid: i32, p: Pending) {
        if let Some(t) = self.tasks.get_mut(&tid) {
            let mut actions = t.actions.borrow_mut();
            if let Some(a) = actions.get_mut(p.signal as usize)
                && (t.blocked & bit(p.signal) != 0 || a.handler == 1)
            {
                *a = Action::default();
            }
            drop(actions);
            t.blocked &= !bit(p.signal);
            t.pending.list.push_front(p);
        }
    }

    /// Does what pending signals of the running thread ask for.
    pub fn deliver(&mut self) {
        loop {
            let tid = self.cur;
            let Some(t) = self.tasks.get_mut(&tid) else {
                return;
            };
            let g = t.group.clone();
            if g.life.get() == Life::Stopped
                && g.pending.borrow().set() & bit(self.arch.abi().signal(Sig::Kill)) == 0
            {
                t.run = Run::Stopped;
                return;
            }
            let kill =
                bit(self.arch.abi().signal(Sig::Kill)) | bit(self.arch.abi().signal(Sig::Stop));
            let blocked = t.blocked & !kill;
            // What its tracer has seen already, or may see before anything comes of it.
            let inject = t.trace.as_mut().and_then(|t| t.inject.take());
            let inject = inject.or_else(|| self.debugger_passes(tid));
            let Some(t) = self.tasks.get_mut(&tid) else {
                return;
            };
            let (p, seen) = match inject {
                Some(p) => (p, true),
                None => {
                    let next = t
                        .pending
                        .take(blocked)
                        .or_else(|| g.pending.borrow_mut().take(blocked));
                    let Some(p) = next else {
                        return self.restore_mask();
                    };
                    (p, t.trace.is_none())
                }
            };
            let seen_by_debugger = inject.is_some();
            let sig = self.arch.abi().meaning(p.signal);
            if !seen && sig != Sig::Kill {
                return self.enter_stop(tid, Stop::Signal(p));
            }
            if !seen_by_debugger && self.debugger_hears(tid, p) {
                return;
            }
            let t = self.task();
            let action = t
                .actions
                .borrow()
                .get(p.signal as usize)
                .copied()
                .unwrap_or_default();
            if self.config.strace {
                let pc = self.vcpu.state().pc();
                let more = match p.detail {
                    Detail::Fault { addr } => format!(", si_addr={addr:#x}, pc={pc:#x}"),
                    _ if p.code == SI_KERNEL => format!(", pc={pc:#x}"),
                    _ => String::new(),
                };
                self.host.log(&format!(
                    "--- SIG{} {{si_signo={}, si_code={}{more}}} ---",
                    sig.name(),
                    p.signal,
                    p.code
                ));
            }
            if action.handler == 1 && kill & bit(p.signal) == 0 {
                continue;
            }
            if action.handler == 0 || kill & bit(p.signal) != 0 {
                match sig.default() {
                    Act::Ignore | Act::Cont => continue,
                    Act::Stop => {
                        if sig != Sig::Stop && self.is_orphaned(&g) {
                            continue;
                        }
                        return self.stop(&g, p.signal);
                    }
                    Act::Term => return self.exit_group(killed(p.signal, false)),
                    Act::Core => {
                        let core = g.rlimits.borrow()[4].0 > 0;
                        return self.exit_group(killed(p.signal, core));
                    }
                }
            }
            return self.enter_handler(&p, &action);
        }
    }

    /// After sigsuspend without a handler: the mask as it was.
    fn restore_mask(&mut self) {
        let t = self.task();
        if t.syscall.is_none()
            && let Some(mask) = t.saved_mask.take()
        {
            t.blocked = mask;
        }
    }

    /// No member of its process group has a parent that could continue it.
    pub fn is_orphaned(&self, g: &Rc<Group>) -> bool {
        !self
            .procs
            .groups
            .borrow()
            .values()
            .filter(|m| m.pgid.get() == g.pgid.get())
            .any(|m| {
                self.procs
                    .get(m.ppid.get())
                    .is_some_and(|p| p.pgid.get() != g.pgid.get() && p.sid.get() == g.sid.get())
            })
    }

    fn stop(&mut self, g: &Rc<Group>, n: u32) {
        g.life.set(Life::Stopped);
        let status = n << 8 | 0x7f;
        let threads = g.threads.borrow().clone();
        for tid in threads {
            let Some(t) = self.tasks.get_mut(&tid) else {
                continue;
            };
            let here = t.run == Run::Ready || tid == self.cur;
            match (&t.trace, here) {
                (Some(_), true) => self.enter_stop(tid, Stop::Group(n)),
                (Some(_), false) => self.queue_stop(tid, Stop::Group(n)),
                (None, true) => t.run = Run::Stopped,
                (None, false) => {}
            }
        }
        // A tracer that is the parent has heard of it.
        if g.tracer.get() != g.ppid.get() {
            g.news.set(Some(status));
            self.tell_parent(g, 5, status);
        }
    }

    fn enter_handler(&mut self, p: &Pending, a: &Action) {
        let (onstack, siginfo_flag, nodefer, resethand, restorer) = {
            let sa = &self.abi().sa;
            (
                sa.onstack,
                sa.siginfo,
                sa.nodefer,
                sa.resethand,
                sa.restorer,
            )
        };
        let sp = self.arch.sp(self.state());
        let (stack, mask) = {
            let t = self.task();
            (t.altstack, t.saved_mask.take().unwrap_or(t.blocked))
        };
        let (base, flags, bytes) = stack;
        let disabled = flags & 2 != 0 || bytes == 0;
        let on_it = !disabled && sp > base && sp <= base.wrapping_add(bytes);
        let top = if a.flags & onstack != 0 && !disabled && !on_it {
            base.wrapping_add(bytes)
        } else {
            sp
        };
        let shown = if disabled {
            2
        } else if on_it {
            1
        } else {
            0
        };
        let info = siginfo(self.abi(), p);
        let mm = self.mm();
        let trampoline = mm.borrow().trampoline;
        let frame = Frame {
            signal: p.signal,
            info: &info,
            handler: a.handler,
            siginfo: a.flags & siginfo_flag != 0,
            mask,
            sp: top,
            altstack: (base, shown, bytes),
            restorer: if a.flags & restorer != 0 {
                a.restorer
            } else {
                0
            },
            trampoline,
        };
        if self
            .arch
            .push_signal(self.vcpu.state(), &mut mm.borrow_mut(), &frame)
            .is_err()
        {
            // No stack for the handler: SIGSEGV without one.
            let n = self.abi().signal(Sig::Segv);
            return self.exit_group(killed(n, false));
        }
        let trap = self.abi().signal(Sig::Trap);
        let pc = self.state().pc();
        let t = self.task();
        if t.trace
            .as_ref()
            .is_some_and(|t| t.resume == crate::trace::Resume::Step)
        {
            // A step into the handler ends before its first instruction.
            t.pending.list.push_front(Pending {
                signal: trap,
                code: 1,
                detail: Detail::Fault { addr: pc },
            });
        }
        t.blocked |= a.mask
            | if a.flags & nodefer == 0 {
                bit(p.signal)
            } else {
                0
            };
        if a.flags & resethand != 0
            && let Some(a) = t.actions.borrow_mut().get_mut(p.signal as usize)
        {
            a.handler = 0;
        }
    }
}
