//! Plain latches on the ISA bus: the POST code port and fast A20/reset (port 92h; 82371AB data sheet 290562, section 4.2.4).

use tinamou_core::{DevCx, Device, MachineRequest, stored, stored_device};

/// Region 0: port 80h; region 1: port 92h. Pin 0: fast A20 (high: address bit 20 is let through).
#[derive(Default)]
pub struct IsaLatches {
    post: u8,
    port92: u8,
}
stored!(IsaLatches { post, port92 });

impl IsaLatches {
    /// Cleared latches.
    pub fn new() -> IsaLatches {
        IsaLatches::default()
    }
}

impl Device for IsaLatches {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = IsaLatches::default();
        cx.set_irq(0, false);
    }

    fn read(&mut self, _cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32) -> u64 {
        u64::from(if region == 0 { self.post } else { self.port92 })
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        if region == 0 {
            self.post = v;
        } else {
            if v & 1 != 0 && self.port92 & 1 == 0 {
                cx.request(MachineRequest::Reset);
            }
            self.port92 = v;
            cx.set_irq(0, v & 2 != 0);
        }
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    #[test]
    fn fast_a20_and_reset() {
        let mut b = Bench::new(IsaLatches::new(), IsaLatches::new);
        b.twice(|b| {
            b.write(1, 0, 1, 2);
            assert!(b.irq(0));
            assert_eq!(b.read(1, 0, 1), 2);
            b.write(1, 0, 1, 0);
            assert!(!b.irq(0));
            b.write(1, 0, 1, 1);
            assert_eq!(std::mem::take(&mut b.cx.requests), [MachineRequest::Reset]);
            b.write(1, 0, 1, 0);
        });
        storm(&mut b, &[(0, 1), (1, 1)], 1000);
    }
}
