//! A parallel port as in the IBM PC/AT (Technical Reference, "Parallel Printer Adapter") with a printer that is always ready: what
//! is strobed goes to a console port.
//!
//! Modelled: data, status, control with read-back, acknowledge interrupt. Not modelled: bidirectional, EPP and ECP modes.

use tinamou_core::{DevCx, Device, stored, stored_device};

const STROBE: u8 = 0x01;
const IRQ_ENABLE: u8 = 0x10;
/// Not busy, no acknowledge pulse, selected, no error; paper is there.
const READY: u8 = 0xd8;
/// nACK, low while a byte was just taken.
const NOT_ACK: u8 = 0x40;

/// The port. Region 0: data, status, control. Pin 0: interrupt.
pub struct Parallel {
    console: u32,
    data: u8,
    control: u8,
    acked: bool,
}
stored!(Parallel {
    data,
    control,
    acked
});

impl Parallel {
    /// A port whose printer is console port `console`.
    pub fn new(console: u32) -> Parallel {
        Parallel {
            console,
            data: 0,
            control: 0x0c,
            acked: false,
        }
    }
}

impl Device for Parallel {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Parallel::new(self.console);
        cx.set_irq(0, false);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32) -> u64 {
        u64::from(match offset {
            0 => self.data,
            1 => {
                let ack = std::mem::take(&mut self.acked);
                cx.set_irq(0, false);
                READY & !(u8::from(ack) * NOT_ACK) | 0x07
            }
            2 => self.control | 0xc0,
            _ => 0xff,
        })
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        match offset {
            0 => self.data = v,
            2 => {
                // The printer takes the byte on the falling edge of the strobe bit.
                if self.control & STROBE != 0 && v & STROBE == 0 {
                    cx.console_out(self.console, &[self.data]);
                    self.acked = true;
                    cx.set_irq(0, v & IRQ_ENABLE != 0);
                }
                self.control = v & 0x3f;
                if v & IRQ_ENABLE == 0 {
                    cx.set_irq(0, false);
                }
            }
            _ => {}
        }
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    #[test]
    fn prints_and_interrupts() {
        let mut b = Bench::new(Parallel::new(0), || Parallel::new(0));
        b.twice(|b| {
            b.cx.out.clear();
            b.write(0, 2, 1, 0x1c);
            for c in *b"hi" {
                assert_eq!(b.read(0, 1, 1) & 0x80, 0x80, "not busy");
                b.write(0, 0, 1, u64::from(c));
                b.write(0, 2, 1, 0x1d);
                b.save_and_load();
                b.write(0, 2, 1, 0x1c);
                assert!(b.irq(0));
                assert_eq!(b.read(0, 1, 1) & 0x40, 0, "acknowledged");
                assert!(!b.irq(0));
            }
            assert_eq!(b.cx.out, b"hi");
            assert_eq!(b.read(0, 0, 1), u64::from(b'i'));
        });
        storm(&mut b, &[(0, 8)], 5000);
    }
}
