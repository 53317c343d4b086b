//! Timers of processes: the signals they owe.

use std::rc::Rc;

use crate::abi::signals::Sig;
use crate::kernel::Kernel;
use crate::signal::SI_KERNEL;
use crate::task::{Detail, Group, Life, Pending};

/// When a timer that is due expires next (0: never), and how often it expired by `now`.
fn next_due(due: u64, every: u64, now: u64) -> (u64, u64) {
    match (now - due).checked_div(every) {
        None => (0, 1),
        Some(n) => (due.saturating_add((n + 1).saturating_mul(every)), n + 1),
    }
}

impl Kernel {
    /// Sends what timers owe.
    pub fn fire_timers(&mut self, now: u64) {
        let groups: Vec<Rc<Group>> = self
            .procs
            .groups
            .borrow()
            .values()
            .filter(|g| !matches!(g.life.get(), Life::Zombie(_)))
            .cloned()
            .collect();
        for g in groups {
            let clocks = [now, g.cpu_ns.get(), g.cpu_ns.get()];
            for (i, sig) in [Sig::Alrm, Sig::Vtalrm, Sig::Prof].into_iter().enumerate() {
                let mut t = g.itimers[i].get();
                if t.due == 0 || t.due > clocks[i] {
                    continue;
                }
                t.due = next_due(t.due, t.every, clocks[i]).0;
                g.itimers[i].set(t);
                let n = self.abi().signal(sig);
                self.signal_group(
                    &g,
                    Pending {
                        signal: n,
                        code: SI_KERNEL,
                        detail: Detail::None,
                    },
                );
            }
            let due: Vec<usize> = {
                let timers = g.timers.borrow();
                (0..timers.len())
                    .filter(|&i| timers[i].is_some_and(|t| t.at.due != 0 && t.at.due <= now))
                    .collect()
            };
            for i in due {
                let Some(mut t) = g.timers.borrow()[i] else {
                    continue;
                };
                let times;
                (t.at.due, times) = next_due(t.at.due, t.at.every, now);
                t.overrun = (times - 1).min(i32::MAX as u64) as i32;
                g.timers.borrow_mut()[i] = Some(t);
                if t.signal != 0 {
                    let p = Pending {
                        signal: t.signal,
                        code: -2,
                        detail: Detail::Timer {
                            id: i as i32,
                            overrun: t.overrun,
                            value: t.value,
                        },
                    };
                    if t.tid != 0 {
                        self.signal_thread(t.tid, p)
                    } else {
                        self.signal_group(&g, p)
                    }
                }
            }
        }
    }

    /// When the next timer is due, monotonic.
    pub fn next_timer(&self) -> Option<u64> {
        let groups = self.procs.groups.borrow();
        let alive = groups
            .values()
            .filter(|g| !matches!(g.life.get(), Life::Zombie(_)));
        alive
            .flat_map(|g| {
                let real = g.itimers[0].get().due;
                let posix: Vec<u64> = g
                    .timers
                    .borrow()
                    .iter()
                    .flatten()
                    .map(|t| t.at.due)
                    .collect();
                std::iter::once(real).chain(posix)
            })
            .filter(|&d| d != 0)
            .min()
    }
}
