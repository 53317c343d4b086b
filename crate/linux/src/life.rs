//! Beginning and end of threads and processes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::abi::signals::Sig;
use crate::errno::{EAGAIN, EINVAL, Res};
use crate::file::Key;
use crate::kernel::Kernel;
use crate::task::{Birth, Detail, Group, Interval, Life, Pending, Queue, Run, Task, bit};
use crate::trace::{Stop, event, opt};

/// Flags of clone.
pub mod clone {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x10000;
    pub const SETTLS: u64 = 0x80000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const NAMESPACES: u64 = 0x7e02_0000;
}

impl Kernel {
    /// clone and its like: a new thread or process. `signal` is sent to the parent at its end.
    ///
    /// # Errors
    /// EAGAIN at the limit, EINVAL for flags that do not go together.
    pub fn clone_task(
        &mut self,
        flags: u64,
        signal: u32,
        sp: u64,
        ptid: u64,
        ctid: u64,
        tls: u64,
    ) -> Res<i32> {
        if flags & clone::THREAD != 0 && flags & clone::SIGHAND == 0
            || flags & clone::SIGHAND != 0 && flags & clone::VM == 0
        {
            return Err(EINVAL);
        }
        if flags & clone::NAMESPACES != 0 {
            return Err(crate::errno::EPERM);
        }
        let zombies = self
            .procs
            .groups
            .borrow()
            .values()
            .filter(|g| matches!(g.life.get(), Life::Zombie(_)))
            .count();
        if self.tasks.len() + zombies >= self.config.max_tasks {
            return Err(EAGAIN);
        }
        let tls = if flags & clone::SETTLS != 0 {
            let mm = self.mm();
            let tls = self.arch.clone_tls(&mut mm.borrow_mut(), tls)?;
            Some(tls)
        } else {
            None
        };
        let tid = self.new_pid();
        let start_ns = self.now();
        let (regs, pc) = self.registers();
        let t = self.task();
        let parent_tid = t.tid;
        let old = t.group.clone();
        let mm = if flags & clone::VM != 0 {
            t.mm.clone()
        } else {
            Rc::new(RefCell::new(t.mm.borrow_mut().fork()))
        };
        let files = if flags & clone::FILES != 0 {
            t.files.clone()
        } else {
            Rc::new(RefCell::new(t.files.borrow().clone()))
        };
        let fs = if flags & clone::FS != 0 {
            t.fs.clone()
        } else {
            Rc::new(RefCell::new(t.fs.borrow().clone()))
        };
        let actions = if flags & clone::SIGHAND != 0 {
            t.actions.clone()
        } else {
            Rc::new(RefCell::new(t.actions.borrow().clone()))
        };
        let group = if flags & clone::THREAD != 0 {
            old.threads.borrow_mut().push(tid);
            old
        } else {
            let g = Rc::new(Group {
                pid: tid,
                ppid: Cell::new(if flags & clone::PARENT != 0 {
                    old.ppid.get()
                } else {
                    old.pid
                }),
                pgid: old.pgid.clone(),
                sid: old.sid.clone(),
                threads: RefCell::new(vec![tid]),
                pending: RefCell::default(),
                life: Cell::new(Life::Alive),
                news: Cell::new(None),
                exiting: Cell::new(None),
                exit_signal: Cell::new(signal),
                exe: old.exe.clone(),
                comm: old.comm.clone(),
                mm: RefCell::new(Some(mm.clone())),
                files: RefCell::new(Some(files.clone())),
                fs: RefCell::new(fs.clone()),
                rlimits: old.rlimits.clone(),
                itimers: [const { Cell::new(Interval { due: 0, every: 0 }) }; 3],
                timers: RefCell::default(),
                tty: old.tty.clone(),
                cpu_ns: Cell::new(0),
                child_cpu_ns: Cell::new(0),
                ids: old.ids.clone(),
                execed: Cell::new(false),
                subreaper: Cell::new(false),
                death_signal: Cell::new(0),
                start_ns,
                dumpable: old.dumpable.clone(),
                nice: old.nice.clone(),
                persona: old.persona.clone(),
                tracer: Cell::new(0),
                held: Cell::new(false),
            });
            self.procs.groups.borrow_mut().insert(tid, g.clone());
            g
        };
        let t = self.task();
        let child = Task {
            tid,
            group,
            mm,
            files,
            fs,
            actions,
            regs,
            pc,
            blocked: t.blocked,
            saved_mask: None,
            pending: Queue::default(),
            altstack: if flags & clone::VM != 0 && flags & clone::VFORK == 0 {
                (0, 2, 0)
            } else {
                t.altstack
            },
            run: Run::Ready,
            wait: None,
            syscall: None,
            deadline: None,
            scratch: 0,
            clear_tid: if flags & clone::CHILD_CLEARTID != 0 {
                ctid
            } else {
                0
            },
            robust: 0,
            birth: Some(Birth {
                sp,
                tls,
                set_tid: if flags & clone::CHILD_SETTID != 0 {
                    ctid
                } else {
                    0
                },
            }),
            vfork_parent: (flags & clone::VFORK != 0).then_some(parent_tid),
            vfork_child: None,
            futex_woken: false,
            comm: t.comm.clone(),
            cpu_ns: 0,
            futex: None,
            futex_index: 0,
            trace: None,
        };
        if flags & clone::PARENT_SETTID != 0 {
            // As Linux: an unwritable address is not an error.
            let _ = self.put_u32(ptid, tid as u32);
        }
        self.tasks.insert(tid, child);
        let is_process = flags & clone::THREAD == 0 && signal == self.abi().signal(Sig::Chld);
        self.trace_child(tid, flags & clone::VFORK != 0, is_process);
        self.ready(tid);
        Ok(tid)
    }

    /// Handlers of a new process become defaults; what is ignored stays ignored.
    pub fn clear_handlers(&mut self, tid: i32) {
        if let Some(t) = self.tasks.get_mut(&tid) {
            for a in t.actions.borrow_mut().iter_mut().filter(|a| a.handler > 1) {
                *a = crate::task::Action::default();
            }
        }
    }

    /// The first turn of a new thread: the registers it does not have from its maker.
    pub fn begin(&mut self) {
        let Some(b) = self.task().birth.take() else {
            return;
        };
        let tid = self.cur as u32;
        self.arch.set_result(self.vcpu.state(), Ok(0));
        self.arch.clear_watches();
        if b.sp != 0 {
            self.arch.set_sp(self.vcpu.state(), b.sp);
        }
        if let Some(tls) = b.tls {
            self.arch.set_clone_tls(self.vcpu.state(), tls);
        }
        if b.set_tid != 0 {
            let _ = self.put_u32(b.set_tid, tid);
        }
    }

    /// The parent of a vfork goes on.
    pub fn release_vfork(&mut self, tid: i32) {
        if let Some(parent) = self.tasks.get_mut(&tid).and_then(|t| t.vfork_parent.take())
            && let Some(p) = self.tasks.get_mut(&parent)
        {
            p.vfork_child = None;
            if let Some(tr) = p.trace.as_mut()
                && tr.options & opt::VFORK_DONE != 0
            {
                let stop = Stop::Event(event::VFORK_DONE, tid as u64);
                tr.queue.push_back(stop);
            }
            self.ready(parent);
        }
    }

    /// Ends all threads of the running process but `keep`, which becomes the leader.
    pub fn kill_other_threads(&mut self, keep: i32) {
        let g = self.group();
        let others: Vec<i32> = g
            .threads
            .borrow()
            .iter()
            .copied()
            .filter(|&t| t != keep)
            .collect();
        for tid in others {
            self.end_thread(tid, 0);
        }
        if keep != g.pid
            && let Some(mut t) = self.tasks.remove(&keep)
        {
            // The thread that runs exec takes the process's number.
            self.unload(keep);
            t.tid = g.pid;
            self.tasks.insert(g.pid, t);
            g.threads.borrow_mut().clear();
            g.threads.borrow_mut().push(g.pid);
            self.adopt(g.pid);
        }
    }

    /// One thread is over.
    fn end_thread(&mut self, tid: i32, status: u32) {
        self.release_vfork(tid);
        self.tracee_ended(tid, status);
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        let (clear, robust, mm) = (core::mem::take(&mut t.clear_tid), t.robust, t.mm.clone());
        if robust != 0 {
            self.robust_exit(tid, robust);
        }
        if clear != 0 && Rc::strong_count(&mm) > 1 {
            let ok = mm.borrow_mut().write(clear, &[0; 4]).is_ok();
            if ok {
                self.futex_wake_in(&mm, clear, 1);
            }
        }
        if let Some(t) = self.tasks.remove(&tid) {
            t.group.threads.borrow_mut().retain(|&x| x != tid);
        }
        self.locks.opening.retain(|o| o.0 != tid);
        self.unload(tid);
    }

    /// exit: the running thread is over.
    pub fn exit_thread(&mut self, status: u32) {
        if self.stop_at_exit(status, false) {
            return;
        }
        let g = self.group();
        let tid = self.cur;
        if g.threads.borrow().len() == 1 {
            return self.exit_group(status);
        }
        self.end_thread(tid, status);
    }

    /// exit_group, or a deadly signal: the running process is over.
    pub fn exit_group(&mut self, status: u32) {
        if self.stop_at_exit(status, true) {
            return;
        }
        let g = self.group();
        self.end_group(&g, status);
    }

    fn end_group(&mut self, g: &Rc<Group>, status: u32) {
        let threads = g.threads.borrow().clone();
        if self.config.strace && status & 0x7f != 0 {
            self.host
                .log(&format!("+++ killed by signal {} +++", status & 0x7f));
        }
        for tid in threads {
            self.end_thread(tid, status);
        }
        *g.mm.borrow_mut() = None;
        let files = g.files.borrow_mut().take();
        if let Some(files) = files
            && Rc::strong_count(&files) == 1
        {
            self.release_locks(g.pid);
            drop(files);
        }

        self.release_ipc(g.pid);
        self.tracer_ended(g.pid);
        g.life.set(Life::Zombie(status));
        self.wakes.ring(Key::Exit(g.pid));
        g.timers.borrow_mut().clear();
        for i in &g.itimers {
            i.set(Interval::default());
        }
        self.first_ended(g.pid, status);
        // A session leader takes its terminal's foreground group along.
        if g.sid.get() == g.pid
            && let Some(tty) = g.tty.borrow_mut().take()
            && let Some(t) = tty.tty()
        {
            let fg = t.foreground().get();
            t.session().set(0);
            t.foreground().set(0);
            if fg > 0 && fg != g.pgid.get() {
                let hup = self.abi().signal(Sig::Hup);
                self.signal_pgrp(fg, hup);
            }
        }
        self.orphan_children(g);
        let parent = self.procs.get(g.ppid.get());
        let Some(parent) = parent.filter(|p| !matches!(p.life.get(), Life::Zombie(_))) else {
            self.procs.groups.borrow_mut().remove(&g.pid);
            return;
        };
        let chld = self.abi().signal(Sig::Chld);
        let n = g.exit_signal.get();
        let leader = parent.threads.borrow().first().copied().unwrap_or(0);
        let action = self
            .tasks
            .get(&leader)
            .and_then(|t| t.actions.borrow().get(chld as usize).copied())
            .unwrap_or_default();
        let reap =
            n == chld && (action.handler == 1 || action.flags & self.abi().sa.nocldwait != 0);
        if n != 0 {
            let (code, value) = match status & 0x7f {
                0 => (1, status >> 8),
                s if status & 0x80 != 0 => (3, s),
                s => (2, s),
            };
            let detail = Detail::Child {
                pid: g.pid,
                uid: g.ids.get()[0],
                status: value as i32,
                utime: g.cpu_ns.get() / 10_000_000,
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
        if reap {
            self.procs.groups.borrow_mut().remove(&g.pid);
        }
        self.wakes.ring(Key::Child(parent.pid));
    }

    fn orphan_children(&mut self, g: &Rc<Group>) {
        let children: Vec<Rc<Group>> = self
            .procs
            .groups
            .borrow()
            .values()
            .filter(|c| c.ppid.get() == g.pid && c.pid != g.pid)
            .cloned()
            .collect();
        // The nearest ancestor that asked for orphans, or nobody.
        let mut new = 1;
        let mut at = g.ppid.get();
        while let Some(p) = self.procs.get(at) {
            if p.subreaper.get() && !matches!(p.life.get(), Life::Zombie(_)) {
                new = p.pid;
                break;
            }
            at = p.ppid.get();
        }
        for c in children {
            c.ppid.set(new);
            let dead = matches!(c.life.get(), Life::Zombie(_));
            if dead && new == 1 {
                self.procs.groups.borrow_mut().remove(&c.pid);
            }
            if !dead && c.death_signal.get() != 0 {
                self.signal_group(
                    &c,
                    Pending {
                        signal: c.death_signal.get(),
                        code: 0,
                        detail: Detail::Kill { pid: g.pid, uid: 0 },
                    },
                );
            }
            // A stopped group that nobody can continue any more.
            if c.life.get() == Life::Stopped && new == 1 {
                for sig in [Sig::Hup, Sig::Cont] {
                    let n = self.abi().signal(sig);
                    self.signal_group(
                        &c,
                        Pending {
                            signal: n,
                            code: 0x80,
                            detail: Detail::None,
                        },
                    );
                }
            }
        }
    }

    /// Ends every process, as a host that gives up does.
    pub fn kill_all(&mut self) {
        let all: Vec<Rc<Group>> = self.procs.groups.borrow().values().cloned().collect();
        let n = self.abi().signal(Sig::Kill);
        for g in all
            .iter()
            .filter(|g| !matches!(g.life.get(), Life::Zombie(_)))
        {
            self.end_group(g, n);
        }
    }

    /// The mask of a set without what cannot be blocked.
    pub fn blockable(&self, set: u128) -> u128 {
        set & !(bit(self.abi().signal(Sig::Kill)) | bit(self.abi().signal(Sig::Stop)))
    }
}
