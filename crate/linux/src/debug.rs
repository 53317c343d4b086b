//! A debugger outside (gdb's remote protocol): breakpoints and watchpoints of the vCPU, steps and signals of one process, which stop everything.
//!
//! Other processes run through its breakpoints unseen, as children of a fork do under QEMU. Steps are of one thread; others run only while
//! that one waits. Ptrace, for debuggers inside, is [`crate::trace`]'s.
//!
//! Missing: following forks and exec; a thread that waits in a system call makes it again whatever the debugger does to its registers.

use tinamou_ir::guest::DebugDescription;
use tinamou_jit::SliceEnd;
use tinamou_jit::debug::{Hit, Watch};

use crate::abi::signals::Sig;
use crate::guest::Around;
use crate::kernel::Kernel;
use crate::signal::SI_USER;
use crate::task::{Detail, Pending, Run};

/// Why everything stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A step is made.
    Step,
    /// A breakpoint or watchpoint.
    Hit(Hit),
    /// A signal of this number is about to be delivered.
    Signal(u32),
}

/// What a kernel knows of its debugger.
pub struct Debugger {
    /// The process.
    pid: i32,
    /// The thread looked at: the one that stopped, or that the debugger named.
    thread: i32,
    /// It makes one step.
    step: bool,
    /// The instruction it goes on from, which is run even if a breakpoint is there; not so where a signal's handler begins.
    off: Option<u64>,
    stop: Option<Why>,
    /// The signal it stopped for.
    held: Option<Pending>,
    /// A signal the debugger lets a thread have.
    inject: Option<(i32, Pending)>,
}

impl Debugger {
    /// Whether the debugger lets the thread have a signal.
    pub fn passes(&self, tid: i32) -> bool {
        self.inject.is_some_and(|i| i.0 == tid)
    }
}

impl Kernel {
    /// A debugger of the first process: it stands still until [`Kernel::run`] is called.
    pub fn attach_debugger(&mut self) {
        let pid = self.first;
        self.debug = Some(Box::new(Debugger {
            pid,
            thread: pid,
            step: false,
            off: None,
            stop: None,
            held: None,
            inject: None,
        }));
        self.look_at(pid);
    }

    /// It is gone; a signal it was asked about is delivered.
    pub fn detach_debugger(&mut self) {
        self.vcpu.clear_debug();
        if let Some(d) = self.debug.take()
            && let Some(p) = d.held.or(d.inject.map(|i| i.1))
            && let Some(t) = self.tasks.get_mut(&d.thread)
        {
            t.pending.list.push_front(p);
        }
    }

    /// The threads of the process.
    pub fn debugged_threads(&self) -> Vec<i32> {
        let pid = self.debug.as_ref().map_or(0, |d| d.pid);
        let group = self.procs.get(pid);
        group.map_or_else(Vec::new, |g| g.threads.borrow().clone())
    }

    /// The thread looked at.
    pub fn debugged_thread(&self) -> i32 {
        let now = self.debug.as_ref().map_or(0, |d| d.thread);
        if self.tasks.contains_key(&now) {
            return now;
        }
        self.debugged_threads().first().copied().unwrap_or(now)
    }

    /// Looks at a thread: its registers and memory are the vCPU's.
    pub fn look_at(&mut self, tid: i32) {
        if !self.tasks.contains_key(&tid) {
            return;
        }
        self.switch(tid);
        if let Some(d) = &mut self.debug {
            d.thread = tid;
        }
    }

    fn look(&mut self) {
        let tid = self.debugged_thread();
        self.look_at(tid);
    }

    /// gdb's view of the registers.
    pub fn debug_description(&self) -> Option<DebugDescription> {
        self.vcpu.debug_description()
    }

    /// A register of the thread looked at, by gdb's number.
    pub fn debug_register(&mut self, number: u32) -> Option<Vec<u8>> {
        self.look();
        let shared = self.shared.clone();
        self.vcpu.debug_read(&mut Around(&shared), number)
    }

    /// Sets it; true if that could be done.
    pub fn set_debug_register(&mut self, number: u32, bytes: &[u8]) -> bool {
        self.look();
        let shared = self.shared.clone();
        self.vcpu.debug_write(&mut Around(&shared), number, bytes)
    }

    /// Sets the program counter of the thread looked at.
    pub fn set_debug_pc(&mut self, va: u64) {
        self.look();
        self.vcpu.set_pc(va);
    }

    /// Reads the process's memory; false if part of it is not there.
    pub fn debug_read(&mut self, va: u64, data: &mut [u8]) -> bool {
        let tid = self.debugged_thread();
        let mm = self.tasks.get(&tid).map(|t| t.mm.clone());
        mm.is_some_and(|mm| mm.borrow_mut().read(va, data).is_ok())
    }

    /// Writes the process's memory, rights notwithstanding.
    pub fn debug_write(&mut self, va: u64, data: &[u8]) -> bool {
        let tid = self.debugged_thread();
        let mm = self.tasks.get(&tid).map(|t| t.mm.clone());
        mm.is_some_and(|mm| mm.borrow_mut().write_forced(va, data).is_ok())
    }

    /// Sets or clears a watchpoint.
    pub fn debug_watch(&mut self, watch: Watch, on: bool) {
        if on {
            self.vcpu.set_watch(watch);
        } else {
            self.vcpu.clear_watch(watch);
        }
    }

    /// Sets or clears a breakpoint.
    pub fn debug_break(&mut self, va: u64, on: bool) {
        if on {
            self.vcpu.set_breakpoint(va);
        } else {
            self.vcpu.clear_breakpoint(va);
        }
    }

    /// The next run begins with the thread looked at, with a signal or none (0), and ends after a step.
    pub fn debug_resume(&mut self, signal: u32, step: bool) {
        self.look();
        let tid = self.debugged_thread();
        let pc = self.state().pc();
        let Some(d) = &mut self.debug else { return };
        (d.step, d.off, d.stop) = (step, Some(pc), None);
        let held = d.held.take();
        if signal != 0 {
            let sent = Pending {
                signal,
                code: SI_USER,
                detail: Detail::Kill { pid: 0, uid: 0 },
            };
            d.inject = Some((tid, held.filter(|p| p.signal == signal).unwrap_or(sent)));
            if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Waiting) {
                self.ready(tid);
            }
        }
        self.first_in_turn(tid);
    }

    fn first_in_turn(&mut self, tid: i32) {
        if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Ready) {
            self.queue.retain(|&t| t != tid);
            self.queue.push_front(tid);
        }
    }

    /// What stopped the turn that is over, for the debugger.
    pub(crate) fn debugger_stop(&mut self) -> Option<Why> {
        let d = self.debug.as_mut()?;
        let why = d.stop.take()?;
        let tid = d.thread;
        d.step = false;
        self.first_in_turn(tid);
        Some(why)
    }

    /// Everything is about to stand still.
    pub(crate) fn is_debugger_waiting(&self) -> bool {
        self.debug.as_ref().is_some_and(|d| d.stop.is_some())
    }

    fn stop_for_debugger(&mut self, tid: i32, why: Why) {
        if let Some(d) = &mut self.debug {
            (d.thread, d.stop) = (tid, Some(why));
        }
    }

    /// Runs the vCPU for the running thread, which a debugger may watch.
    pub(crate) fn run_debugged(&mut self, around: &mut Around<'_>, budget: u32) -> SliceEnd {
        let tid = self.cur;
        let pid = self.task().group.pid;
        let Some(d) = &mut self.debug else {
            return self.vcpu.run(around, budget);
        };
        let mine = pid == d.pid;
        let stepping = d.step && d.thread == tid;
        if d.thread == tid && d.off.take() == Some(self.vcpu.state().pc()) {
            self.vcpu.step_off();
        }
        let end = if stepping {
            self.vcpu.step_one(around, false)
        } else {
            self.vcpu.run(around, budget)
        };
        if end != SliceEnd::Debug {
            return end;
        }
        let hit = self.vcpu.take_hit();
        if !mine {
            self.vcpu.step_off();
            return end;
        }
        if let Some(Hit::Watch { .. }) = hit
            && self.vcpu.guest().stops_behind_watched()
        {
            self.vcpu.step_one(around, true);
            self.vcpu.take_hit();
        }
        self.stop_for_debugger(tid, hit.map_or(Why::Step, Why::Hit));
        end
    }

    /// The thread has run an instruction, or a system call is over: perhaps that was the step.
    pub(crate) fn step_made(&mut self, tid: i32) {
        let steps = |d: &Debugger| d.step && d.thread == tid && d.stop.is_none();
        if !self.debug.as_deref().is_some_and(steps) {
            return;
        }
        let over = |t: &crate::task::Task| t.run == Run::Ready && t.syscall.is_none();
        if self.cur == tid && self.tasks.get(&tid).is_some_and(over) {
            self.stop_for_debugger(tid, Why::Step);
        }
    }

    /// A signal the debugger lets the thread have.
    pub(crate) fn debugger_passes(&mut self, tid: i32) -> Option<Pending> {
        let d = self.debug.as_mut()?;
        d.inject.take_if(|i| i.0 == tid).map(|i| i.1)
    }

    /// A signal is about to be delivered: true if the debugger is told first.
    pub(crate) fn debugger_hears(&mut self, tid: i32, p: Pending) -> bool {
        let pid = self.tasks.get(&tid).map(|t| t.group.pid);
        let kill = self.abi().meaning(p.signal) == Sig::Kill;
        let Some(d) = self.debug.as_mut().filter(|d| Some(d.pid) == pid && !kill) else {
            return false;
        };
        d.held = Some(p);
        self.stop_for_debugger(tid, Why::Signal(p.signal));
        true
    }
}
