//! MIPS32 and MIPS64 Release 1 and 2 CPUs, both byte orders.
//!
//! Rooms: `decode` (the one table of encodings), `lift` (what instructions mean, as IR), `regs` (slots), `mode` (the mode word), `cp0`, `mmu`,
//! `exceptions`, `interrupts`, `watch`, `shadow`, `cache`, `helpers`, `disas`, `models`, `state` (save and load). Sources: MD00082, MD00086 and MD00090
//! (MIPS32 architecture, volumes I to III), MD00083, MD00087 and MD00091 (MIPS64), and the software manuals of the cores.
//!
//! Missing: MIPS16e, microMIPS, DSP, MSA, MIPS-3D and MT; caches as such; EJTAG beyond SDBBP and DERET. This crate must not depend on boards,
//! engines or hosts.
//!
//! Invariants: every register that generated code touches is a slot; a guest instruction is lifted once; 32-bit results on 64-bit CPUs are kept
//! sign-extended in the slots.

#![forbid(unsafe_code)]

use std::rc::Rc;

use tinamou_ir::Slot;
use tinamou_ir::guest::State;

mod cache;
pub mod cp0;
pub mod decode;
mod disas;
mod exceptions;
mod explain;
pub mod fault;
pub mod fpu;
mod gdb;
mod guest;
pub mod helpers;
pub mod interrupts;
mod lift;
pub mod mmu;
pub mod mode;
pub mod models;
pub mod regs;
mod shadow;
mod state;
mod user;
mod watch;

#[cfg(test)]
mod tests;

pub use models::{CpuModel, MODELS};
use regs::Regs;

/// One MIPS vCPU.
pub struct Mips {
    /// The model.
    pub model: CpuModel,
    /// Big-endian.
    pub big_endian: bool,
    /// Slots.
    pub regs: Rc<Regs>,
    /// Ticks of Count per second of virtual time.
    pub count_hz: u64,
    /// Number of the vCPU (EBase.CPUNum).
    pub cpu_num: u32,
    /// System registers, TLB and lines.
    pub sys: cp0::Sys,
    /// Some watch register watches something.
    watched: bool,
    /// Misaligned loads and stores are done, as a Linux kernel does them for its programs; LL and SC still fault.
    lenient: bool,
}

/// CPU clock of QEMU's Malta board.
const CPU_HZ: u64 = 320_000_000;

impl Mips {
    /// A vCPU of `model`. Call `Guest::reset` before use.
    pub fn new(model: &CpuModel, big_endian: bool) -> Mips {
        Mips {
            big_endian,
            regs: Rc::new(Regs::new(model.wide)),
            count_hz: CPU_HZ / model.count_resolution as u64,
            sys: cp0::Sys::new(model, big_endian),
            cpu_num: 0,
            watched: false,
            lenient: false,
            model: model.clone(),
        }
    }

    /// Sets the CPU clock, from which Count's rate follows. Before the guest runs.
    pub fn set_cpu_hz(&mut self, hz: u64) {
        self.count_hz = (hz / self.model.count_resolution as u64).max(1);
    }

    /// Clears LLbit: whoever switches between vCPUs or threads that share memory must do it.
    pub fn clear_ll(&self, state: &State) {
        self.set(state, self.regs.llbit, 0);
    }

    /// Bits of a slot.
    pub fn get(&self, state: &State, slot: Slot) -> u64 {
        state.slot(&self.regs.table, slot)
    }

    /// Writes the bits of a slot.
    pub fn set(&self, state: &State, slot: Slot, v: u64) {
        state.set_slot(&self.regs.table, slot, v);
    }

    /// The mode word in force.
    pub(crate) fn mode_of(&self, state: &State) -> mode::Mode {
        let status = self.get(state, self.regs.status) as u32;
        mode::Mode::compute(
            &self.model,
            status,
            self.sys.debug & cp0::debug::DM != 0,
            self.watches_fetch(),
        )
        .with_fpu(self.fpu_speed(state))
    }
}
