//! Latches and gates of a PC's ISA bus: the POST code port, fast A20 and reset (port 92h; 82371AB data sheet 290562, section 4.2.4)
//! and the coprocessor's error port F0h (same, section 4.2.6; IBM AT Technical Reference, "Math Coprocessor Control").

use tinamou_core::{DevCx, Device, MachineRequest, stored, stored_device};

/// Region: port 80h.
pub const POST: u32 = 0;
/// Region: port 92h.
pub const PORT92: u32 = 1;
/// Region: ports F0h and F1h.
pub const COPROCESSOR: u32 = 2;

/// Input pin: the keyboard controller lets address bit 20 through.
pub const KBC_A20: u32 = 0;
/// Input pin: FERR# is asserted.
pub const FERR: u32 = 1;

/// Output pin: A20M#, high when neither gate lets address bit 20 through.
pub const A20M: u32 = 0;
/// Output pin: IGNNE#.
pub const IGNNE: u32 = 1;
/// Output pin: the coprocessor's interrupt (IRQ 13).
pub const IRQ13: u32 = 2;

/// The latches.
pub struct IsaLatches {
    post: u8,
    port92: u8,
    kbc_a20: bool,
    ferr: bool,
    error: bool,
    ignore: bool,
}
stored!(IsaLatches {
    post,
    port92,
    kbc_a20,
    ferr,
    error,
    ignore
});

impl Default for IsaLatches {
    fn default() -> IsaLatches {
        IsaLatches::new()
    }
}

impl IsaLatches {
    /// Cleared latches. Without a keyboard controller at its pin, address bit 20 is let through.
    pub fn new() -> IsaLatches {
        IsaLatches {
            post: 0,
            port92: 0,
            kbc_a20: true,
            ferr: false,
            error: false,
            ignore: false,
        }
    }

    fn update(&self, cx: &mut dyn DevCx) {
        cx.set_irq(A20M, !self.kbc_a20 && self.port92 & 2 == 0);
        cx.set_irq(IGNNE, self.ignore);
        cx.set_irq(IRQ13, self.error);
    }
}

impl Device for IsaLatches {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = IsaLatches {
            kbc_a20: self.kbc_a20,
            ..IsaLatches::new()
        };
        self.update(cx);
    }

    fn read(&mut self, _cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32) -> u64 {
        u64::from(match region {
            POST => self.post,
            PORT92 => self.port92,
            _ => 0xff,
        })
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        match region {
            POST => self.post = v,
            PORT92 => {
                if v & 1 != 0 && self.port92 & 1 == 0 {
                    cx.request(MachineRequest::Reset);
                }
                self.port92 = v;
            }
            _ => {
                // Errors are ignored until the coprocessor has none.
                self.error = false;
                self.ignore = self.ferr;
            }
        }
        self.update(cx);
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        match pin {
            KBC_A20 => self.kbc_a20 = level,
            FERR => {
                self.error |= level && !self.ferr;
                self.ferr = level;
                self.ignore &= level;
            }
            _ => return,
        }
        self.update(cx);
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    #[test]
    fn a20_and_reset() {
        let mut b = Bench::new(IsaLatches::new(), IsaLatches::new);
        b.twice(|b| {
            b.dev.irq_in(&mut b.cx, KBC_A20, false);
            assert!(b.irq(A20M));
            b.write(PORT92, 0, 1, 2);
            assert!(!b.irq(A20M));
            assert_eq!(b.read(PORT92, 0, 1), 2);
            b.write(PORT92, 0, 1, 0);
            assert!(b.irq(A20M));
            b.dev.irq_in(&mut b.cx, KBC_A20, true);
            assert!(!b.irq(A20M));
            b.write(PORT92, 0, 1, 1);
            assert_eq!(std::mem::take(&mut b.cx.requests), [MachineRequest::Reset]);
            b.write(PORT92, 0, 1, 0);
        });
        storm(&mut b, &[(0, 1), (1, 1), (2, 2)], 1000);
    }

    #[test]
    fn coprocessor_errors() {
        Bench::new(IsaLatches::new(), IsaLatches::new).twice(|b| {
            b.dev.irq_in(&mut b.cx, FERR, true);
            assert!(b.irq(IRQ13) && !b.irq(IGNNE));
            b.save_and_load();
            b.write(COPROCESSOR, 0, 1, 0);
            assert!(!b.irq(IRQ13) && b.irq(IGNNE));
            b.dev.irq_in(&mut b.cx, FERR, false);
            assert!(!b.irq(IGNNE));
        });
    }
}
