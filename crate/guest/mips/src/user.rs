//! User mode without a kernel below: the state a Linux kernel leaves a program in. What a program does next (system calls, faults) reaches the
//! embedder through `Guest::raise`, which it wraps.

use tinamou_ir::guest::{Fault, State};

use crate::cp0::status;
use crate::{Mips, regs::Regs};

/// HWREna as Linux sets it: CPUNum, SYNCI_Step, CC, CCRes, and UserLocal.
const HWRENA: u64 = 1 << 29 | 0xf;

impl Mips {
    /// Puts the vCPU into user mode. `wide`: 64-bit operations and addresses; `fr`: 32 FPU registers of 64 bits.
    pub fn start_user(&mut self, state: &State, wide: bool, fr: bool) {
        let mut st = 2 << 3 | status::CU1;
        if wide && self.model.wide {
            st |= status::UX | status::PX;
        }
        if fr {
            st |= status::FR;
        }
        self.put_status(state, st);
        self.set(state, self.regs.hwrena, HWRENA);
        self.lenient = true;
    }

    /// FCSR.
    pub fn fcsr(&self, state: &State) -> u32 {
        self.fpu(state).fcsr()
    }

    /// Sets FCSR.
    pub fn set_fcsr(&self, state: &State, v: u32) {
        self.fpu(state).set_fcsr(v);
    }

    /// A floating-point exception is raised to the embedder: FCSR as the program will see it.
    pub fn note_fpu(&self, state: &State, fault: &Fault) {
        self.fpu_raised(state, fault);
    }

    /// The slots by name.
    pub fn registers(&self) -> &Regs {
        &self.regs
    }
}
