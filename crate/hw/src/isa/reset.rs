//! The reset control register of Intel's chipsets, port CF9h (82371AB data sheet 290562, section 4.2.5).

use tinamou_core::{DevCx, MachineRequest, stored};

const RCPU: u8 = 4;
const SRST: u8 = 2;

/// The register. Soft and hard resets are both a reset of the machine.
#[derive(Clone, Copy, Default, Debug)]
pub struct ResetControl {
    value: u8,
}
stored!(ResetControl { value });

impl ResetControl {
    /// Reads it.
    pub fn read(self) -> u8 {
        self.value
    }

    /// Writes it: a rising edge of RCPU resets.
    pub fn write(&mut self, cx: &mut dyn DevCx, v: u8) {
        if v & RCPU != 0 && self.value & RCPU == 0 {
            cx.request(MachineRequest::Reset);
        }
        self.value = v & SRST;
    }
}
