//! Tracing: the stops of a traced thread and how it goes on (ptrace(2)). The requests themselves are in [`crate::sys`].
//!
//! A thread in a ptrace-stop is [`Run::Traced`]; only its tracer, or SIGKILL, lets it go on. Differences from Linux: any thread of the tracer's
//! process may make requests, and a parent that is not the tracer may wait for a child before the tracer has.

mod life;

use std::collections::VecDeque;
use std::rc::Rc;

use crate::abi::signals::Sig;
use crate::file::Key;
use crate::guest::Event;
use crate::kernel::Kernel;
use crate::signal::SI_USER;
use crate::task::{Detail, Group, Life, Pending, Run};

/// PTRACE_O_ options.
pub mod opt {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const SYSGOOD: u32 = 1;
    pub const FORK: u32 = 2;
    pub const VFORK: u32 = 4;
    pub const CLONE: u32 = 8;
    pub const EXEC: u32 = 0x10;
    pub const VFORK_DONE: u32 = 0x20;
    pub const EXIT: u32 = 0x40;
    pub const EXITKILL: u32 = 1 << 20;
    /// All there are; those of seccomp are accepted.
    pub const ALL: u32 = 0x3000ff;
}

/// PTRACE_EVENT_ numbers.
pub mod event {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const FORK: u32 = 1;
    pub const VFORK: u32 = 2;
    pub const CLONE: u32 = 3;
    pub const EXEC: u32 = 4;
    pub const VFORK_DONE: u32 = 5;
    pub const EXIT: u32 = 6;
    pub const STOP: u32 = 128;
}

/// How a traced thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resume {
    /// Until something stops it.
    #[default]
    Cont,
    /// Until the next system call begins or ends.
    Syscall,
    /// One instruction.
    Step,
}

/// A ptrace-stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A system call begins.
    Entry,
    /// It ended: the value it gives, as a negative error number if it failed.
    Exit(i64),
    /// A signal is about to be delivered.
    Signal(Pending),
    /// PTRACE_EVENT_, with its message.
    Event(u32, u64),
    /// The process is stopped by this signal.
    Group(u32),
}

impl Stop {
    /// It comes from outside, whatever the thread does.
    fn halts(&self) -> bool {
        matches!(self, Stop::Event(event::STOP, _) | Stop::Group(_))
    }
}

/// What a traced thread has.
#[derive(Default)]
pub struct Trace {
    /// Process number of the tracer.
    pub tracer: i32,
    /// By PTRACE_SEIZE.
    pub seized: bool,
    /// PTRACE_O_.
    pub options: u32,
    /// How it runs.
    pub resume: Resume,
    /// The stop it is in.
    pub stop: Option<Stop>,
    /// What wait gives for the stop, until it was waited for.
    pub news: Option<u32>,
    /// PTRACE_GETEVENTMSG.
    pub message: u64,
    /// PTRACE_LISTEN: it stays stopped, until SIGCONT.
    pub listening: bool,
    /// Stops that follow before it runs.
    pub queue: VecDeque<Stop>,
    /// A system call that is begun once it goes on.
    pub entry: Option<Event>,
    /// Number of the system call under way, as the tracer may have changed it; -1 for none.
    pub orig: u64,
    /// The tracer has seen the call under way begin.
    pub entered: bool,
    /// A signal the tracer lets it have.
    pub inject: Option<Pending>,
    /// A system call that a stop held up while it waited: the address it is made again from, its number, and what it keeps between tries.
    pub parked: Option<(u64, u32, Option<u64>, u64)>,
    /// It ends when it goes on: status, and whether the whole process does.
    pub exiting: Option<(u32, bool)>,
    /// Its tracer knows that it ends.
    pub end_told: bool,
}

impl Trace {
    /// By a process.
    pub fn new(tracer: i32, seized: bool, options: u32) -> Trace {
        Trace {
            tracer,
            seized,
            options,
            orig: u64::MAX,
            ..Trace::default()
        }
    }
}

impl Kernel {
    /// The tracing of a thread.
    pub fn trace(&mut self, tid: i32) -> Option<&mut Trace> {
        self.tasks.get_mut(&tid)?.trace.as_deref_mut()
    }

    /// Puts a thread into a stop and tells its tracer.
    pub fn enter_stop(&mut self, tid: i32, stop: Stop) {
        let trap = self.abi().signal(Sig::Trap);
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        let Some(tr) = t.trace.as_deref_mut() else {
            return;
        };
        let signal = match stop {
            Stop::Entry | Stop::Exit(_) if tr.options & opt::SYSGOOD != 0 => trap | 0x80,
            Stop::Entry | Stop::Exit(_) => trap,
            Stop::Signal(p) => p.signal,
            Stop::Event(n, _) => trap | n << 8,
            Stop::Group(sig) if tr.seized => sig | event::STOP << 8,
            Stop::Group(sig) => sig,
        };
        match stop {
            Stop::Event(_, message) => tr.message = message,
            Stop::Entry => tr.message = 1,
            Stop::Exit(_) => tr.message = 2,
            _ => {}
        }
        // Any stop is as good as the one PTRACE_INTERRUPT asked for.
        tr.queue
            .retain(|s| !matches!(s, Stop::Event(event::STOP, _)));
        tr.stop = Some(stop);
        tr.news = Some(signal << 8 | 0x7f);
        tr.listening = false;
        let (tracer, stepping) = (tr.tracer, tr.resume == Resume::Step);
        t.run = Run::Traced;
        let g = t.group.clone();
        g.held.set(g.held.get() || tid == g.pid);
        if stepping {
            self.set_stepping(tid, false);
        }
        self.tell_tracer(&g, tracer, signal);
    }

    /// SIGCHLD for a stop, and whoever waits.
    fn tell_tracer(&mut self, g: &Rc<Group>, tracer: i32, status: u32) {
        self.wakes.ring(Key::Child(tracer));
        let Some(parent) = self.procs.get(tracer) else {
            return;
        };
        let n = self.abi().signal(Sig::Chld);
        let leader = parent.threads.borrow().first().copied().unwrap_or(0);
        let flags = self.tasks.get(&leader).map_or(0, |t| {
            t.actions.borrow().get(n as usize).map_or(0, |a| a.flags)
        });
        if flags & self.abi().sa.nocldstop != 0 {
            return;
        }
        let detail = Detail::Child {
            pid: g.pid,
            uid: g.ids.get()[0],
            status: (status & 0x7f) as i32,
            utime: 0,
            stime: 0,
        };
        let p = Pending {
            signal: n,
            code: 4,
            detail,
        };
        self.signal_group(&parent, p);
    }

    fn set_stepping(&mut self, tid: i32, on: bool) {
        let arch = self.arch.clone();
        self.with_registers(tid, |st| arch.set_step(st, on));
    }

    /// Runs `f` with a thread's registers in the vCPU.
    pub fn with_registers<T>(
        &mut self,
        tid: i32,
        f: impl FnOnce(&tinamou_ir::guest::State) -> T,
    ) -> Option<T> {
        if tid == self.loaded {
            return Some(f(self.vcpu.state()));
        }
        let (mine, pc) = self.registers();
        let t = self.tasks.get(&tid)?;
        self.load_slots(&t.regs);
        self.vcpu.state().set_pc(t.pc);
        let r = f(self.vcpu.state());
        let (regs, its_pc) = self.registers();
        self.load_slots(&mine);
        self.vcpu.state().set_pc(pc);
        if let Some(t) = self.tasks.get_mut(&tid) {
            (t.regs, t.pc) = (regs, its_pc);
        }
        Some(r)
    }

    /// What a traced thread must do before it runs on: a stop that is due, an end the tracer was told of. True if it does not run.
    pub fn trace_first(&mut self) -> bool {
        let tid = self.cur;
        let Some(tr) = self.trace(tid) else {
            return false;
        };
        if let Some((status, all)) = tr.exiting.take() {
            if all {
                self.exit_group(status);
            } else {
                self.exit_thread(status);
            }
            return true;
        }
        let resume = tr.resume;
        while let Some(stop) = tr.queue.pop_front() {
            if matches!(stop, Stop::Exit(_)) {
                tr.entered = false;
                if resume != Resume::Syscall {
                    tr.orig = u64::MAX;
                    continue;
                }
            }
            if stop.halts() && self.rewind(stop) {
                return true;
            }
            self.enter_stop(tid, stop);
            return true;
        }
        false
    }

    /// Before a stop of a thread that waits in a system call: the call will be made again from its instruction, for the tracer may change
    /// registers. True if the tracer is told of its end first.
    fn rewind(&mut self, stop: Stop) -> bool {
        let tid = self.cur;
        let Some((event, number)) = self.task().syscall.take() else {
            return false;
        };
        let t = self.task();
        t.wait = None;
        t.futex = None;
        let kept = (t.deadline.take(), core::mem::take(&mut t.scratch));
        self.locks.opening.retain(|o| o.0 != tid);
        self.arch.restart_syscall(self.vcpu.state(), &event, number);
        let Some(tr) = self.trace(tid) else {
            return false;
        };
        tr.parked = Some((event.pc, number, kept.0, kept.1));
        tr.orig = u64::MAX;
        if !core::mem::take(&mut tr.entered) || tr.resume != Resume::Syscall {
            return false;
        }
        tr.queue.push_front(stop);
        // That stop is instead of one by PTRACE_INTERRUPT. ERESTARTSYS, which tracers alone see.
        self.enter_stop(tid, Stop::Exit(-512));
        true
    }

    /// A system call begins: if it is one that a stop held up, it goes on where it was.
    pub fn take_parked(&mut self, event: &Event, number: u32) {
        let tid = self.cur;
        let Some(tr) = self.trace(tid) else {
            return;
        };
        if let Some((_, _, deadline, scratch)) =
            tr.parked.take_if(|p| (p.0, p.1) == (event.pc, number))
        {
            let t = self.task();
            (t.deadline, t.scratch) = (deadline, scratch);
        }
    }

    /// The system call that was held at its entry is let go on: it and its number, -1 for none.
    pub fn held_call(&mut self) -> Option<(Event, u32)> {
        let tid = self.cur;
        let tr = self.trace(tid)?;
        let event = tr.entry.take()?;
        let orig = tr.orig;
        Some((event, self.arch.entered_number(self.vcpu.state(), orig)))
    }

    /// A system call begins: true if its thread stops for it.
    pub fn stop_at_entry(&mut self, event: &Event, number: u32) -> bool {
        let tid = self.cur;
        let Some(tr) = self.trace(tid) else {
            return false;
        };
        tr.orig = number as u64;
        if tr.resume != Resume::Syscall {
            return false;
        }
        tr.entry = Some(*event);
        tr.entered = true;
        self.arch.at_entry(self.vcpu.state());
        self.enter_stop(tid, Stop::Entry);
        true
    }

    /// A system call of a traced thread is over.
    pub fn stop_after_call(&mut self, value: i64) {
        let tid = self.cur;
        let trap = self.abi().signal(Sig::Trap);
        let pc = self.state().pc();
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        let Some(tr) = t.trace.as_deref_mut() else {
            return;
        };
        if t.run == Run::Traced {
            // The call was exit, and its tracer is told of the end.
            return;
        }
        // Before what was asked for meanwhile, behind what the call itself brought.
        let at = tr.queue.iter().position(Stop::halts);
        let at = at.unwrap_or(tr.queue.len());
        tr.queue.insert(at, Stop::Exit(value));
        if tr.resume == Resume::Step {
            t.pending.list.push_front(Pending {
                signal: trap,
                code: 1,
                detail: Detail::Fault { addr: pc },
            });
        }
        self.trace_first();
    }

    /// A stop that comes before the end of the system call under way, or before it runs on.
    pub fn queue_stop(&mut self, tid: i32, stop: Stop) {
        if let Some(tr) = self.trace(tid) {
            tr.queue.push_back(stop);
            if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Waiting) {
                self.ready(tid);
            }
        }
    }

    /// The thread, or with `all` its process, is about to end: true if its tracer is told first.
    pub fn stop_at_exit(&mut self, status: u32, all: bool) -> bool {
        let tid = self.cur;
        let kill = self.abi().signal(Sig::Kill);
        let Some(tr) = self.trace(tid) else {
            return false;
        };
        if tr.options & opt::EXIT == 0 || tr.end_told || status & 0x7f == kill {
            return false;
        }
        tr.end_told = true;
        tr.exiting = Some((status, all));
        self.enter_stop(tid, Stop::Event(event::EXIT, status as u64));
        true
    }

    /// A stopped thread goes on as its tracer says, with `signal` or none.
    pub fn resume(&mut self, tid: i32, how: Resume, signal: u32) {
        let detail = Detail::Kill {
            pid: self.cur,
            uid: 0,
        };
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        let g = t.group.clone();
        let Some(tr) = t.trace.as_deref_mut() else {
            return;
        };
        if tid == g.pid {
            g.held.set(false);
        }
        tr.resume = how;
        tr.news = None;
        tr.listening = false;
        let stop = tr.stop.take();
        let sent = Pending {
            signal,
            code: SI_USER,
            detail,
        };
        match stop {
            Some(Stop::Signal(p)) if signal != 0 => {
                tr.inject = Some(if p.signal == signal { p } else { sent });
            }
            Some(Stop::Entry | Stop::Exit(_)) if signal != 0 => {
                t.pending.list.push_back(sent);
            }
            Some(Stop::Group(_)) if g.life.get() == Life::Stopped => g.life.set(Life::Alive),
            _ => {}
        }
        if matches!(stop, Some(Stop::Exit(_)))
            && let Some(tr) = t.trace.as_deref_mut()
        {
            tr.orig = u64::MAX;
        }
        if how == Resume::Step {
            self.set_stepping(tid, true);
        }
        if let Some(t) = self.tasks.get_mut(&tid) {
            t.run = Run::Waiting;
        }
        self.ready(tid);
    }

    /// SIGCONT reached a stopped process: tracers that listen, or seized it, are told.
    pub fn trace_continued(&mut self, tid: i32) {
        let Some(tr) = self.trace(tid).filter(|t| t.seized) else {
            return;
        };
        let stop = Stop::Event(event::STOP, 0);
        if tr.listening {
            self.enter_stop(tid, stop);
        } else if matches!(tr.stop, Some(Stop::Group(_))) && !tr.queue.contains(&stop) {
            tr.queue.push_back(stop);
        }
    }
}
