//! How tracing begins with what a traced thread makes, and how it ends.

use super::{Stop, Trace, event, opt};
use crate::abi::signals::Sig;
use crate::kernel::Kernel;
use crate::signal::SI_USER;
use crate::task::{Detail, Pending, Run};

impl Kernel {
    /// A new thread of a traced one: traced too if the tracer asked for it.
    pub fn trace_child(&mut self, child: i32, vfork: bool, is_process: bool) {
        let stop = self.abi().signal(Sig::Stop);
        let n = match (vfork, is_process) {
            (true, _) => event::VFORK,
            (false, true) => event::FORK,
            (false, false) => event::CLONE,
        };
        let tid = self.cur;
        let Some(tr) = self.trace(tid).filter(|t| t.options & 1 << n != 0) else {
            return;
        };
        tr.queue.push_back(Stop::Event(n, child as u64));
        let (tracer, seized, options) = (tr.tracer, tr.seized, tr.options);
        let mut new = Trace::new(tracer, seized, options);
        if seized {
            new.queue.push_back(Stop::Event(event::STOP, 0));
        }
        if let Some(c) = self.tasks.get_mut(&child) {
            c.trace = Some(Box::new(new));
            c.group.tracer.set(tracer);
            if !seized {
                c.pending.list.push_back(Pending {
                    signal: stop,
                    code: SI_USER,
                    detail: Detail::None,
                });
            }
        }
    }

    /// The running thread runs another program now; `old` was its number.
    pub fn trace_exec(&mut self, old: i32) {
        let trap = self.abi().signal(Sig::Trap);
        let tid = self.cur;
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        let Some(tr) = t.trace.as_deref_mut() else {
            return;
        };
        if tr.options & opt::EXEC != 0 {
            tr.queue.push_back(Stop::Event(event::EXEC, old as u64));
        } else if !tr.seized {
            t.pending.list.push_back(Pending {
                signal: trap,
                code: SI_USER,
                detail: Detail::Kill {
                    pid: tid,
                    uid: t.group.ids.get()[0],
                },
            });
        }
    }

    /// A thread is traced no more.
    pub fn untrace(&mut self, tid: i32) {
        let Some(t) = self.tasks.get_mut(&tid) else {
            return;
        };
        if t.trace.take().is_none() {
            return;
        }
        t.group.tracer.set(0);
        t.group.held.set(false);
        if t.run == Run::Traced {
            t.run = Run::Waiting;
            self.ready(tid);
        }
    }

    /// A process ended: what it traced goes on alone, or ends too.
    pub fn tracer_ended(&mut self, pid: i32) {
        let mine: Vec<(i32, bool)> = self
            .tasks
            .values()
            .filter_map(|t| {
                let tr = t.trace.as_ref().filter(|tr| tr.tracer == pid)?;
                Some((t.tid, tr.options & opt::EXITKILL != 0))
            })
            .collect();
        self.dead_tracees.retain(|d| d.0 != pid);
        let kill = self.abi().signal(Sig::Kill);
        for (tid, kills) in mine {
            self.untrace(tid);
            if kills && let Some(g) = self.tasks.get(&tid).map(|t| t.group.clone()) {
                self.signal_group(
                    &g,
                    Pending {
                        signal: kill,
                        code: crate::signal::SI_KERNEL,
                        detail: Detail::None,
                    },
                );
            }
        }
    }

    /// A traced thread is over: its tracer hears of it, unless the process's end says it.
    pub fn tracee_ended(&mut self, tid: i32, status: u32) {
        let Some(t) = self.tasks.get(&tid) else {
            return;
        };
        let Some(tr) = &t.trace else { return };
        let (tracer, g) = (tr.tracer, t.group.clone());
        g.tracer.set(0);
        if self.procs.get(tracer).is_none() || tid == g.pid && tracer == g.ppid.get() {
            return;
        }
        self.dead_tracees.push((tracer, tid, status));
        self.tell_tracer(&g, tracer, status);
    }
}
