//! The scheduler and the way of a system call: whose turn it is, what wakes the others, what an event of the vCPU leads to.

use std::rc::Rc;

use crate::arch::Meaning;
use crate::errno::{ABSENT, EINTR, ENOSYS};
use crate::file::Key;
use crate::guest::{Around, Event};
use crate::kernel::{End, Kernel, Stop, wait_for};
use crate::strace;
use crate::sys;
use crate::task::{Run, Wait};
use crate::vfs::fetch::ARRIVED;
use tinamou_ir::layout;
use tinamou_jit::SliceEnd;

/// Instructions of a turn.
const TURN: u32 = 100_000;

impl Kernel {
    /// Loads the registers and the memory of a thread.
    pub(crate) fn switch(&mut self, tid: i32) {
        if self.loaded == tid {
            self.cur = tid;
            return;
        }
        self.save_loaded();
        let Some(task) = self.tasks.get(&tid) else {
            return;
        };
        let watched = self.arch.is_watching();
        self.load_slots(&task.regs);
        self.vcpu.state().set_pc(task.pc);
        let other = !Rc::ptr_eq(&self.shared.space.borrow(), &task.mm);
        if other {
            *self.shared.space.borrow_mut() = task.mm.clone();
        }
        // Translations of watched pages are not cached, and differ from thread to thread.
        if other || watched || self.arch.is_watching() {
            self.vcpu.forget_pages(None);
        }
        self.procs.current.set(task.group.pid);
        self.procs.current_tid.set(tid);
        self.cur = tid;
        self.loaded = tid;
        self.arch.clear_exclusive(self.vcpu.state());
    }

    fn save_loaded(&mut self) {
        let regs = self.save_slots();
        let pc = self.vcpu.state().pc();
        if let Some(task) = self.tasks.get_mut(&self.loaded) {
            (task.regs, task.pc) = (regs, pc);
        }
        self.loaded = 0;
    }

    /// Copy of the running thread's registers.
    pub fn registers(&self) -> (Vec<u8>, u64) {
        (self.save_slots(), self.vcpu.state().pc())
    }

    /// A thread is gone: its registers are nobody's.
    pub fn unload(&mut self, tid: i32) {
        if self.loaded == tid {
            self.loaded = 0;
        }
        self.queue.retain(|&t| t != tid);
    }

    /// The running thread has this number from now on: its registers stay loaded.
    pub fn adopt(&mut self, tid: i32) {
        self.cur = tid;
        self.loaded = tid;
        self.procs.current_tid.set(tid);
    }

    /// Lets a thread run again.
    pub fn ready(&mut self, tid: i32) {
        if let Some(t) = self.tasks.get_mut(&tid) {
            if matches!(t.run, Run::Stopped | Run::Traced) {
                return;
            }
            t.run = Run::Ready;
            if !self.queue.contains(&tid) {
                self.queue.push_back(tid);
            }
        }
    }

    /// Tells the vCPU what changed in memory.
    fn refresh(&mut self) {
        let written = core::mem::take(&mut self.frames.news.borrow_mut().written);
        for (at, n) in written {
            self.vcpu.memory_written(at, n);
        }
        let mm = self.shared.space.borrow().clone();
        let mut mm = mm.borrow_mut();
        let stale = core::mem::take(&mut mm.stale);
        if stale.all {
            self.vcpu.forget_pages(None);
        }
        for r in stale.ranges {
            self.vcpu.forget_pages(Some(r));
        }
        let state = self.vcpu.state();
        state.write32(layout::CODE_GEN, mm.generation);
        state.write32(layout::GUESS, mm.distance);
    }

    /// Wakes whom the rung keys and the time wake.
    fn settle(&mut self) {
        let signals = self.procs.ptys().map(|p| p.take_signals());
        for (pgid, sig) in signals.unwrap_or_default() {
            let n = self.abi().signal(sig);
            self.signal_pgrp(pgid, n);
        }
        for key in self.wakes.take() {
            if matches!(key, Key::Object(_) | Key::Exit(_)) {
                self.epolls.retain(|e| e.strong_count() > 0);
                for e in &self.epolls {
                    if let Some(f) = e.upgrade()
                        && let Some(ep) = f.ops.as_any().downcast_ref::<crate::file::epoll::Epoll>()
                    {
                        ep.rearm(key);
                    }
                }
            }
            let who: Vec<i32> = self
                .tasks
                .values()
                .filter(|t| {
                    t.run == Run::Waiting && t.wait.as_ref().is_some_and(|w| w.keys.contains(&key))
                })
                .map(|t| t.tid)
                .collect();
            for tid in who {
                self.ready(tid);
            }
        }
    }

    fn timers(&mut self) {
        let now = self.now();
        let due: Vec<i32> = self
            .tasks
            .values()
            .filter(|t| {
                t.run == Run::Waiting
                    && t.wait
                        .as_ref()
                        .and_then(|w| w.until)
                        .is_some_and(|u| u <= now)
            })
            .map(|t| t.tid)
            .collect();
        for tid in due {
            self.ready(tid);
        }
        self.fire_timers(now);
    }

    /// The next time something happens by itself.
    fn next_time(&self) -> Option<u64> {
        let waits = self
            .tasks
            .values()
            .filter(|t| t.run == Run::Waiting)
            .filter_map(|t| t.wait.as_ref()?.until);
        waits.chain(self.next_timer()).min()
    }

    /// The host found these descriptors ready, or waited long enough.
    pub fn host_ready(&mut self, fds: &[(i32, u32)]) {
        let who: Vec<i32> = self
            .tasks
            .values()
            .filter(|t| t.run == Run::Waiting)
            .filter(|t| {
                t.wait.as_ref().is_some_and(|w| {
                    w.keys
                        .iter()
                        .any(|k| matches!(k, Key::Host(fd, _) if fds.iter().any(|f| f.0 == *fd)))
                })
            })
            .map(|t| t.tid)
            .collect();
        for tid in who {
            self.ready(tid);
        }
    }

    /// Counted time passes while all wait.
    pub fn skip(&mut self, ns: u64) {
        self.skipped_ns += ns;
    }

    /// Descriptors of the host that tasks wait for.
    pub fn host_fds(&self) -> Vec<(i32, u32)> {
        let mut out: Vec<(i32, u32)> = Vec::new();
        for t in self.tasks.values().filter(|t| t.run == Run::Waiting) {
            for k in t.wait.iter().flat_map(|w| &w.keys) {
                if let Key::Host(fd, want) = *k {
                    match out.iter_mut().find(|f| f.0 == fd) {
                        Some(f) => f.1 |= want,
                        None => out.push((fd, want)),
                    }
                }
            }
        }
        out
    }

    /// Runs up to about `insns` instructions.
    pub fn run(&mut self, insns: u64) -> End {
        let end = self.vcpu.icount() + insns;
        let mut turns = 0u32;
        loop {
            if self.wakes.any() {
                self.settle();
            }
            // Deadlines are looked at every turn; a busy system looks at the clock now and then.
            turns += 1;
            if self.queue.is_empty() || turns & 7 == 0 {
                self.timers();
            }
            let Some(tid) = self.queue.pop_front() else {
                if let Some(status) = self.status {
                    return End::Exit(status);
                }
                let now = self.now();
                let timeout_ns = self.next_time().map(|t| t.saturating_sub(now));
                if timeout_ns == Some(0) {
                    continue;
                }
                return End::Idle {
                    timeout_ns,
                    fds: self.host_fds(),
                };
            };
            if self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                continue;
            }
            self.switch(tid);
            self.turn();
            if let Some(why) = self.debugger_stop() {
                return End::Debug(why);
            }
            if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Ready)
                && !self.queue.contains(&tid)
            {
                self.queue.push_back(tid);
            }
            if self.vcpu.icount() >= end {
                return match self.status {
                    Some(status) if self.queue.is_empty() => End::Exit(status),
                    _ => End::Budget,
                };
            }
        }
    }

    /// One turn of the running thread.
    fn turn(&mut self) {
        let tid = self.cur;
        let before = self.vcpu.icount();
        self.turn_start = self.cpu_clock();
        let until = before + TURN as u64;
        if self.task().birth.is_some() {
            self.begin();
        }
        let mut calls = 0;
        loop {
            if self.cur != tid || self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                break;
            }
            if self.task().trace.is_some() {
                if let Some((event, number)) = self.held_call() {
                    self.traced_call(&event, number);
                    continue;
                }
                // A wake-up that came is not lost: its call ends first.
                if !self.task().futex_woken && self.trace_first() {
                    break;
                }
            }
            // Woken, perhaps by what its own call rang: the call is made again before anything else.
            if let Some((event, number)) = self.task().syscall {
                self.call(&event, number, true);
                if self.cur != tid || self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                    break;
                }
                self.step_made(tid);
            }
            if self.is_debugger_waiting() {
                break;
            }
            if self.has_signal() {
                self.deliver();
                if self.is_debugger_waiting()
                    || self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready)
                {
                    break;
                }
            }
            let now = self.vcpu.icount();
            if now >= until || calls >= 2000 {
                break;
            }
            self.refresh();
            let shared = self.shared.clone();
            let budget = (until - now) as u32;
            let end = self.run_debugged(&mut Around(&shared), budget);
            let Some(event) = self.shared.event.take() else {
                self.step_made(tid);
                // The rest of a loose slice is not worth another.
                if end == SliceEnd::Budget {
                    break;
                }
                continue;
            };
            let mm = self.shared.space.borrow().clone();
            let meaning = self
                .arch
                .meaning(self.vcpu.state(), &mut mm.borrow_mut(), &event);
            match meaning {
                Meaning::Syscall => {
                    calls += 1;
                    let number = self.arch.syscall_number(self.vcpu.state());
                    self.arch.skip_syscall(self.vcpu.state(), &event);
                    if self.task().trace.is_some() && self.stop_at_entry(&event, number) {
                        break;
                    }
                    self.call(&event, number, false);
                    if self.wakes.any() {
                        self.settle();
                        // Whoever was woken gets a turn soon: pipes pass data in large steps otherwise.
                        calls += 100;
                    }
                }
                Meaning::Signal(sig, code, addr) => {
                    self.fault_signal(sig, code, addr);
                    continue;
                }
                Meaning::Done => {}
            }
            self.step_made(tid);
        }
        let now = self.cpu_clock();
        let used = now.saturating_sub(self.turn_start);
        self.turn_start = now;
        if let Some(t) = self.tasks.get_mut(&tid) {
            t.cpu_ns += used;
            t.group.cpu_ns.set(t.group.cpu_ns.get() + used);
        }
    }

    /// Makes a system call, or makes it again after a wait.
    fn call(&mut self, event: &Event, number: u32, again: bool) {
        let tid = self.cur;
        if !again && self.task().trace.is_some() {
            self.take_parked(event, number);
        }
        let other = self.arch.is_other(event);
        self.arch.use_other(other);
        let table = if other {
            &self.other_table
        } else {
            &self.table
        };
        let mut desc = table.get(number);
        let mut shift = 0;
        // syscall(): the number is the first argument.
        if desc.is_some_and(|d| d.name == "syscall") {
            shift = 1;
            let inner = self.arch.arg(self.vcpu.state(), 0).unwrap_or(0) as u32;
            desc = table.get(inner).filter(|d| d.name != "syscall");
        }
        let mut args = sys::Args::new(self, shift);
        let result = match desc {
            Some(d) => {
                if self.config.strace && !again {
                    strace::enter(self, d, args.clone());
                }
                (d.run)(self, &mut args)
            }
            None => {
                self.unknown_call(number);
                Err(Stop::Err(ENOSYS))
            }
        };
        self.arch.use_other(false);
        if self.cur != tid || !self.tasks.contains_key(&tid) {
            return;
        }
        // What it needs is fetched.
        let result = match result {
            Err(Stop::Err(e)) if e == ABSENT => Err(wait_for(vec![ARRIVED], None)),
            other => other,
        };
        let result = match result {
            Err(Stop::Wait(wait)) => {
                if self.has_signal() {
                    self.interrupt(event, number, &wait);
                    return;
                }
                let task = self.task();
                task.wait = Some(wait);
                task.syscall = Some((*event, number));
                // An event its tracer hears of before the wait is over.
                if task.trace.is_none() || !self.trace_first() {
                    self.task().run = Run::Waiting;
                }
                return;
            }
            Ok(v) => Some(Ok(v)),
            Err(Stop::Err(e)) => Some(Err(e)),
            Err(Stop::Done) => None,
        };
        if self.config.strace
            && let Some(d) = desc
        {
            strace::leave(self, d, &result);
        }
        self.finish_call();
        if let Some(r) = result {
            self.arch.set_result(self.vcpu.state(), r);
        }
        if self.task().trace.is_some() {
            let value = match result {
                Some(Ok(v)) if self.abi().long == 4 => v as i32 as i64,
                Some(Ok(v)) => v as i64,
                Some(Err(e)) => -((self.abi().errno)(e) as i64),
                None => 0,
            };
            self.stop_after_call(value);
        }
    }

    /// A system call its tracer held at the entry: made, unless its number is none.
    fn traced_call(&mut self, event: &Event, number: u32) {
        if number == u32::MAX {
            let value = -((self.abi().errno)(ENOSYS) as i64);
            return self.stop_after_call(value);
        }
        self.call(event, number, false);
    }

    fn finish_call(&mut self) {
        let task = self.task();
        task.syscall = None;
        task.wait = None;
        task.deadline = None;
        task.scratch = 0;
    }

    /// A signal came while the running thread waits in a system call.
    fn interrupt(&mut self, event: &Event, number: u32, wait: &Wait) {
        let restart = !wait.never_restart && self.next_signal_restarts();
        let tid = self.cur;
        self.locks.opening.retain(|o| o.0 != tid);
        self.finish_call();
        self.task().futex = None;
        if restart {
            self.arch.restart_syscall(self.vcpu.state(), event, number);
        } else {
            self.arch.set_result(self.vcpu.state(), Err(EINTR));
        }
        if self.task().trace.is_some() {
            // ERESTARTSYS, which tracers alone see.
            let value = if restart {
                -512
            } else {
                -((self.abi().errno)(EINTR) as i64)
            };
            self.stop_after_call(value);
        }
    }

    fn unknown_call(&mut self, number: u32) {
        if self.unknown.contains(&number) {
            return;
        }
        self.unknown.push(number);
        let name = self.table.name(number);
        self.host.log(&format!(
            "unsupported system call {number} ({name}) at {:#x}",
            self.vcpu.state().pc()
        ));
    }

    /// Runs until the first process ends; `wait` waits for the host. For hosts that may block.
    pub fn run_to_end(
        &mut self,
        mut wait: impl FnMut(&mut Kernel, Option<u64>, &[(i32, u32)]),
    ) -> u32 {
        loop {
            match self.run(10_000_000) {
                End::Exit(status) => return status,
                // Nobody debugs here.
                End::Budget | End::Debug(_) => wait(self, Some(0), &[]),
                End::Idle { timeout_ns, fds } => {
                    if timeout_ns.is_none() && fds.is_empty() && self.status.is_some() {
                        return self.status.unwrap_or(0);
                    }
                    wait(self, timeout_ns, &fds);
                }
            }
        }
    }
}
