//! Several vCPUs run in turn: what each has to itself, and the change from one to another.
//!
//! Code, the jump cache and the record of code in memory are common; page maps, registers and the guest object are each one's own. The
//! instruction count is the machine's: it goes from hand to hand with the turn. Whoever makes the guests sees to it that no two of
//! them ever set the same code generation, for it stands for one vCPU's mappings.

use tinamou_arena::ArenaFull;
use tinamou_ir::guest::{Guest, State, Stop};
use tinamou_ir::layout::{self, pending};

use crate::softmmu::Softmmu;
use crate::vcpu::{Vcpu, new_state};

/// A vCPU that waits for its turn.
pub(crate) struct Waiting {
    guest: Box<dyn Guest>,
    state: State,
    pub(crate) mmu: Softmmu,
    stopped: Option<Stop>,
    timer_ns: Option<u64>,
    mode: u32,
}

impl Vcpu {
    /// One more vCPU, of the same slots and helpers as the first.
    ///
    /// # Errors
    /// When the arena has no room for its state and page maps.
    pub fn add(&mut self, mut guest: Box<dyn Guest>) -> Result<(), ArenaFull> {
        let jumps = self.core.state.read32(layout::JUMP_CACHE);
        let (state, mmu) = new_state(&mut *guest, &self.core.state.arena, jumps)?;
        self.waiting.push(Some(Box::new(Waiting {
            guest,
            state,
            mmu,
            stopped: None,
            timer_ns: None,
            mode: 0,
        })));
        Ok(())
    }

    /// Number of vCPUs.
    pub fn vcpus(&self) -> usize {
        self.waiting.len()
    }

    /// Number of the vCPU whose turn it is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Gives the turn to vCPU `n`, between slices. Nothing happens when it has it, or is not there.
    pub fn select(&mut self, n: usize) {
        let Some(mut other) = self.waiting.get_mut(n).and_then(Option::take) else {
            return;
        };
        let icount = self.core.icount();
        core::mem::swap(&mut self.guest, &mut other.guest);
        core::mem::swap(&mut self.core.state, &mut other.state);
        core::mem::swap(&mut self.core.mmu, &mut other.mmu);
        core::mem::swap(&mut self.core.stopped, &mut other.stopped);
        core::mem::swap(&mut self.core.timer_ns, &mut other.timer_ns);
        core::mem::swap(&mut self.mode, &mut other.mode);
        self.waiting[self.number] = Some(other);
        self.number = n;
        self.state = self.core.state.clone();
        self.core.state.write64(layout::ICOUNT, icount);
        self.core.slice_budget = 0;
        self.core.state.write32(layout::BUDGET, 0);
        if self.core.pages.is_dirty() {
            self.core.pend(pending::LEAVE);
        }
    }

    /// Whether vCPU `n` would run: it does not wait for an interrupt, or one has come.
    pub fn would_run(&self, n: usize) -> bool {
        let guest = self.guest_at(n);
        guest.is_some_and(|g| !g.is_halted() || g.has_interrupt())
    }

    /// The guest object of vCPU `n`.
    pub fn guest_at(&self, n: usize) -> Option<&dyn Guest> {
        if n == self.number {
            return Some(&*self.guest);
        }
        self.waiting.get(n)?.as_ref().map(|w| &*w.guest)
    }

    /// The guest object of vCPU `n`.
    pub fn guest_at_mut(&mut self, n: usize) -> Option<&mut dyn Guest> {
        if n == self.number {
            return Some(&mut *self.guest);
        }
        match self.waiting.get_mut(n)? {
            Some(w) => Some(&mut *w.guest),
            None => None,
        }
    }

    /// The state of vCPU `n`.
    pub fn state_at(&self, n: usize) -> Option<&State> {
        if n == self.number {
            return Some(&self.core.state);
        }
        self.waiting.get(n)?.as_ref().map(|w| &w.state)
    }

    /// Deadline of the own timer of vCPU `n`'s guest, in virtual nanoseconds.
    pub fn timer_ns_at(&self, n: usize) -> Option<u64> {
        if n == self.number {
            return self.core.timer_ns;
        }
        self.waiting.get(n)?.as_ref()?.timer_ns
    }

    /// Says whether a vCPU that gives up its turn does it for somebody.
    pub fn set_others_ready(&mut self, ready: bool) {
        self.core.others_ready = ready;
    }

    /// Whether the vCPU gave up its turn since the last call.
    pub fn take_yield(&mut self) -> bool {
        core::mem::take(&mut self.core.yielded)
    }

    /// Calls `f` with the page maps of every vCPU.
    pub(crate) fn each_mmu(&mut self, mut f: impl FnMut(&mut Softmmu)) {
        f(&mut self.core.mmu);
        for other in self.waiting.iter_mut().flatten() {
            f(&mut other.mmu);
        }
    }
}
