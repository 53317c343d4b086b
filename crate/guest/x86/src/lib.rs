//! x86 CPUs, 16, 32 and 64 bits: one lifter for all code sizes.
//!
//! Rooms: `lift` (what instructions mean, as IR; decoding is iced-x86's), `regs` (slots), `mode` (the mode word), `flags`, `sys` (control
//! registers), `seg` (segments and descriptors), `stack`, `far` (far transfers and system calls), `exceptions`, `task`, `mmu`, `debug`, `gdb`, `io`,
//! `msr`, `models` (CPUID), `string`, `arith`, `fpu` (x87, MMX, SSE), `avx`, `xsave`, `helpers`, `disas`, `show`, `state` (save and load), `bus` (cycles other than memory), `user` (programs without a
//! kernel below). Sources:
//! Intel's Software Developer's Manual (SDM), volumes 1 to 4, and AMD's Architecture Programmer's Manual (APM), volumes 1 to 5.
//!
//! Missing: AVX-512; SVM
//! and VMX; SMM; performance counters. MTRRs and PAT are kept but have no effect. MONITOR is a hint, MWAIT a HLT. FPU images have no instruction
//! and operand addresses.
//!
//! This crate must not depend on boards, engines or hosts.
//!
//! Invariants: every register that generated code touches is a slot; the pc is linear; a guest instruction is lifted once for all modes; what
//! is not implemented raises #UD and is not in CPUID.

#![forbid(unsafe_code)]

use std::rc::Rc;

use tinamou_ir::Slot;
use tinamou_ir::guest::{State, Stop};

mod arith;
mod avx;
pub mod bus;
mod debug;
mod disas;
mod exceptions;
mod explain;
mod far;
pub mod fault;
pub mod flags;
pub mod fpu;
mod gdb;
mod guest;
pub mod helpers;
mod io;
mod lift;
mod mappings;
mod mmu;
pub mod mode;
pub mod models;
mod msr;
pub mod regs;
pub mod seg;
mod show;
mod stack;
mod state;
mod string;
pub mod sys;
mod task;
pub mod user;
pub mod xsave;

#[cfg(test)]
mod tests;

pub use models::{CpuModel, MODELS};
use regs::Regs;

/// A result whose error stops the instruction.
pub(crate) type Res<T> = Result<T, Stop>;

/// One x86 vCPU.
pub struct X86 {
    /// The model.
    pub model: CpuModel,
    /// It has long mode: slots of registers and addresses are i64.
    pub wide: bool,
    /// Slots.
    pub regs: Rc<Regs>,
    /// Rate of the time-stamp counter.
    pub tsc_hz: u64,
    /// Number of the vCPU: its APIC ID; all but number 0 wait for a start-up IPI.
    pub cpu_num: u32,
    /// Number of vCPUs of the machine.
    pub cpus: u32,
    /// Generations of code mappings.
    pub code: mappings::CodeMappings,
    /// System registers and lines.
    pub sys: sys::Sys,
    /// The FPU: what is not in slots, and a copy of what is.
    pub(crate) fpu: fpu::Fpu,
    /// The low half of the decimal that FBSTP stores, between its two helpers.
    decimal: Option<u64>,
    /// User mode: who finds memory and descriptors.
    pub user: Option<user::User>,
}

impl X86 {
    /// A vCPU of `model`. Call `Guest::reset` before use.
    pub fn new(model: &CpuModel) -> X86 {
        let wide = model.wide();
        X86 {
            model: model.clone(),
            wide,
            regs: Rc::new(Regs::new(wide)),
            tsc_hz: 1_000_000_000,
            cpu_num: 0,
            cpus: 1,
            code: mappings::CodeMappings::new(0),
            sys: sys::Sys::default(),
            fpu: fpu::Fpu::default(),
            decimal: None,
            user: None,
        }
    }

    /// The same as number `cpu_num` of `cpus` vCPUs. Their code generations never meet.
    #[must_use]
    pub fn numbered(mut self, cpu_num: u32, cpus: u32) -> X86 {
        (self.cpu_num, self.cpus) = (cpu_num, cpus);
        self.code = mappings::CodeMappings::new(cpu_num);
        self
    }

    /// The same whose RDRAND begins at `seed`.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> X86 {
        self.sys.entropy = seed ^ (self.cpu_num as u64) << 32;
        self
    }

    /// Bits of a slot.
    pub fn get(&self, state: &State, slot: Slot) -> u64 {
        state.slot(&self.regs.table, slot)
    }

    /// A vector register's bits.
    pub fn get128(&self, state: &State, slot: Slot) -> u128 {
        state.slot128(&self.regs.table, slot)
    }

    /// Writes a vector register.
    pub fn set128(&self, state: &State, slot: Slot, v: u128) {
        state.set_slot128(&self.regs.table, slot, v);
    }

    /// Writes the bits of a slot.
    pub fn set(&self, state: &State, slot: Slot, v: u64) {
        state.set_slot(&self.regs.table, slot, v);
    }
}
