//! Several vCPUs in turn: whose turn it is, for how long, and what each has of the machine's state.
//!
//! Invariants: turns end at instruction counts that depend on the machine's state alone, never on the slices that the host asks for. A
//! turn ends when its instructions have run, when its vCPU waits for an interrupt or for another vCPU (x86's PAUSE), and when another
//! one wakes up.

use tinamou_core::{LoadError, Loader, Saver};
use tinamou_ir::layout;
use tinamou_ir::{Slot, Type};

use crate::devices::CPU_PINS;
use crate::machine::Machine;

/// Instructions of a turn.
const TURN_INSNS: u64 = 20_000;

/// Whose turn it is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    pub(crate) cpu: usize,
    /// The instruction count at which it ends.
    until: u64,
}

impl Turn {
    pub(crate) fn save(self, s: &mut Saver) {
        s.u64(self.cpu as u64);
        s.u64(self.until);
    }

    pub(crate) fn load(&mut self, l: &mut Loader<'_>, cpus: usize) -> Result<(), LoadError> {
        let cpu = l.u64()? as usize;
        if cpu >= cpus {
            return Err(LoadError::Invalid("number of the running vCPU"));
        }
        *self = Turn {
            cpu,
            until: l.u64()?,
        };
        Ok(())
    }
}

impl Machine {
    /// Gives the turn on if it is over; the instruction count at which the present one ends.
    pub(crate) fn next_turn(&mut self) -> u64 {
        let count = self.vcpu.vcpus();
        if count == 1 {
            return u64::MAX;
        }
        let icount = self.vcpu.icount();
        if icount >= self.turn.until || !self.vcpu.would_run(self.turn.cpu) {
            let after = (1..=count).map(|i| (self.turn.cpu + i) % count);
            let mut ready = after.filter(|&n| self.vcpu.would_run(n));
            self.turn = Turn {
                cpu: ready.next().unwrap_or(self.turn.cpu),
                until: icount + TURN_INSNS,
            };
        }
        self.look_at_cpu(self.turn.cpu);
        // Who is not ready now becomes it by a pin, and that ends the turn.
        let mut others = (0..count).filter(|&n| n != self.turn.cpu);
        let ready = others.any(|n| self.vcpu.would_run(n));
        self.vcpu.set_others_ready(ready);
        self.turn.until
    }

    /// The turn ends here.
    pub(crate) fn end_turn(&mut self) {
        self.turn.until = self.vcpu.icount();
    }

    /// The vCPU that is looked at gets the turn.
    pub(crate) fn take_turn(&mut self) {
        let cpu = self.vcpu.number();
        if cpu != self.turn.cpu {
            self.turn = Turn {
                cpu,
                until: self.vcpu.icount() + TURN_INSNS,
            };
        }
    }

    /// Number of the vCPU whose registers and memory are looked at.
    pub fn cpu(&self) -> usize {
        self.vcpu.number()
    }

    /// Looks at vCPU `n` from now on, until the machine runs. Nothing happens if it is not there.
    pub fn look_at_cpu(&mut self, n: usize) {
        self.vcpu.select(n);
        self.bus.set_cpu(self.vcpu.number() as u32);
    }

    /// Looks at the vCPU that will run next.
    pub fn look_at_turn(&mut self) {
        self.look_at_cpu(self.turn.cpu);
    }

    /// Whether vCPU `n` waits for an interrupt.
    pub fn is_cpu_halted(&self, n: usize) -> bool {
        self.vcpu.guest_at(n).is_some_and(|g| g.is_halted())
    }

    /// Drives a CPU pin as the board numbers them. Who wakes up by it need not wait until the present turn is over.
    pub(crate) fn drive_pin(&mut self, pin: u32, level: bool) {
        let n = (pin / CPU_PINS) as usize;
        let before = self.vcpu.would_run(n);
        if let Some(guest) = self.vcpu.guest_at_mut(n) {
            guest.set_irq(pin % CPU_PINS, level);
        }
        if !before && n != self.turn.cpu && self.vcpu.would_run(n) {
            self.end_turn();
        }
    }

    /// Fires the vCPUs' own timers that are due.
    pub(crate) fn fire_cpu_timers(&mut self, now: u64) {
        let looked_at = self.cpu();
        for n in 0..self.vcpu.vcpus() {
            if self.vcpu.timer_ns_at(n).is_some_and(|ns| ns <= now) {
                self.look_at_cpu(n);
                self.with_vcpu(|vcpu, around| vcpu.fire_timer(around));
            }
        }
        self.look_at_cpu(looked_at);
    }

    /// Saves what vCPU `n` has to itself.
    pub(crate) fn save_cpu(&self, n: usize, s: &mut Saver) {
        let (Some(guest), Some(state)) = (self.vcpu.guest_at(n), self.vcpu.state_at(n)) else {
            return;
        };
        s.u64(state.pc());
        s.u64(self.vcpu.timer_ns_at(n).unwrap_or(u64::MAX));
        let table = guest.slots();
        debug_assert!(table.slots.iter().all(|s| s.offset >= layout::GUEST));
        for slot in &table.slots {
            let bits = if slot.ty.bytes() == 4 {
                state.read32(slot.offset) as u64
            } else {
                state.read64(slot.offset)
            };
            s.u64(bits);
            if slot.ty == Type::V128 {
                s.u64(state.read64(slot.offset + 8));
            }
        }
        let mut bytes = Vec::new();
        guest.save(&mut bytes);
        s.bytes(&bytes);
    }

    /// Loads what [`Machine::save_cpu`] wrote; the vCPU goes on at `icount`.
    pub(crate) fn load_cpu(
        &mut self,
        n: usize,
        icount: u64,
        l: &mut Loader<'_>,
    ) -> Result<(), LoadError> {
        self.look_at_cpu(n);
        let pc = l.u64()?;
        let timer_ns = Some(l.u64()?).filter(|&ns| ns != u64::MAX);
        let slots = self.vcpu.guest().slots();
        let state = self.vcpu.state().clone();
        for (n, slot) in slots.slots.iter().enumerate() {
            let mut bits = l.u64()? as u128;
            if slot.ty == Type::V128 {
                bits |= (l.u64()? as u128) << 64;
            }
            state.set_slot128(&slots, Slot(n as u16), bits);
        }
        let guest = l.bytes()?;
        self.vcpu
            .guest_mut()
            .load(guest)
            .map_err(|_| LoadError::Invalid("vCPU"))?;
        self.vcpu.resume_at(icount, pc, timer_ns);
        Ok(())
    }
}
