//! The FPU's helpers and hooks on the vCPU object.

use tinamou_ir::guest::{Fault, State, Stop};

use super::fcsr::{Speed, speed};
use super::state::View;
use crate::{Mips, fault};

impl Mips {
    /// The FPU's registers in `state`. Read FCSR here, never from its slot.
    pub fn fpu<'a>(&'a self, state: &'a State) -> View<'a> {
        let r = &*self.regs;
        View {
            state,
            table: &r.table,
            fcr31: r.fcr31,
            fpr: &r.fpr,
            hidden: &r.fpu,
        }
    }

    /// How arithmetic may be done.
    pub(crate) fn fpu_speed(&self, state: &State) -> Speed {
        speed(self.fpu(state).control())
    }

    /// `FP_SLOW`.
    pub(crate) fn fp_slow(&self, state: &State, word: u32, fr1: bool) -> Result<u64, Stop> {
        self.fpu(state).execute(word, fr1).map_err(exception)?;
        Ok(0)
    }

    /// `CTC1`: writes `v` to control register `reg`. The lifter ends the block after it.
    pub(crate) fn ctc1(&self, state: &State, reg: u32, v: u32) -> Result<u64, Stop> {
        self.fpu(state).ctc1(reg, v).map_err(exception)?;
        Ok(0)
    }

    /// A fault is being raised: a floating-point exception carries FCSR as the guest is to see it.
    pub(crate) fn fpu_raised(&self, state: &State, f: &Fault) {
        if f.code == fault::FPE {
            self.fpu(state).set_fcsr(f.info as u32);
        }
    }
}

/// The floating-point exception after which FCSR is `v`.
fn exception(v: u32) -> Stop {
    Stop::Fault(Fault {
        code: fault::FPE,
        va: 0,
        info: v.into(),
    })
}
