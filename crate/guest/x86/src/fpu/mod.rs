//! The floating-point unit: x87 state, and MXCSR.

use crate::state::Codec;

/// x87 and SSE control state.
#[derive(Clone, PartialEq, Debug)]
pub struct Fpu {
    /// MXCSR.
    pub mxcsr: u32,
}

impl Default for Fpu {
    fn default() -> Fpu {
        Fpu { mxcsr: 0x1f80 }
    }
}

impl Fpu {
    /// The state after reset.
    pub fn power_on(&mut self) {
        *self = Fpu::default();
    }

    /// An unmasked exception waits.
    pub fn pending(&self) -> bool {
        false
    }

    /// SSE arithmetic may run on the host: nearest, all masked, inexact sticky, no flushing.
    pub fn sse_fast(&self) -> bool {
        self.mxcsr & 0xffe0 == 0x1fa0
    }

    pub(crate) fn walk(&mut self, c: &mut Codec<'_>) -> Result<(), String> {
        c.u32(&mut self.mxcsr)
    }
}
