//! What /proc shows of the kernel itself, brought up to date when one of its files is opened.

use crate::kernel::Kernel;
use crate::vfs::proc::Shown;

impl Kernel {
    /// Tells /proc what only the kernel knows.
    pub(super) fn show(&self) {
        let mut signals = std::collections::BTreeMap::new();
        for (&pid, g) in self.procs.groups.borrow().iter() {
            let Some(t) = self.tasks.get(&pid) else {
                continue;
            };
            let sets = t.actions.borrow().iter().enumerate().skip(1).fold(
                [0u64; 2],
                |[ignored, caught], (n, a)| match a.handler {
                    0 => [ignored, caught],
                    1 => [ignored | 1 << ((n - 1) & 63), caught],
                    _ => [ignored, caught | 1 << ((n - 1) & 63)],
                },
            );
            let mine = t.pending.set() as u64;
            let whole = g.pending.borrow().set() as u64;
            signals.insert(pid, [mine, whole, t.blocked as u64, sets[0], sets[1]]);
        }
        *self.procs.shown.borrow_mut() = Shown {
            memory: (self.frames.in_use(), self.frames.limit.get()),
            sysvipc: self.ipc.texts(),
            signals,
        };
    }
}
