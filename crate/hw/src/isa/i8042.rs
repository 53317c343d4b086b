//! The 8042 keyboard controller (IBM PS/2 technical reference, "Keyboard and auxiliary device controller") with nothing
//! plugged into either port.
//!
//! Modelled: status, command byte, self tests, output port with system reset. Not modelled: devices; bytes sent to them time
//! out as on an empty port.

use tinamou_core::{DevCx, Device, LoadError, Loader, MachineRequest, Saver};

const STS_FULL: u8 = 0x01;
const STS_COMMAND: u8 = 0x08;
const STS_UNLOCKED: u8 = 0x10;
const STS_AUX: u8 = 0x20;
const STS_TIMEOUT: u8 = 0x40;

/// The controller. Region 0: the data port (60h); region 1: the status and command port (64h). Pin 0: keyboard interrupt;
/// pin 1: auxiliary interrupt.
#[derive(Default)]
pub struct I8042 {
    mode: u8,
    status: u8,
    out: u8,
    command: u8,
    port: u8,
}

impl I8042 {
    /// A controller after power-on.
    pub fn new() -> I8042 {
        I8042::default()
    }

    fn answer(&mut self, v: u8, flags: u8) {
        self.out = v;
        self.status = self.status & STS_COMMAND | STS_FULL | flags;
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        let full = self.status & STS_FULL != 0;
        let aux = self.status & STS_AUX != 0;
        cx.set_irq(0, full && !aux && self.mode & 1 != 0);
        cx.set_irq(1, full && aux && self.mode & 2 != 0);
    }

    fn command(&mut self, cx: &mut dyn DevCx, v: u8) {
        self.command = 0;
        match v {
            0x20 => self.answer(self.mode, 0),
            0xa7 => self.mode |= 0x20,
            0xa8 => self.mode &= !0x20,
            0xa9 => self.answer(0x00, 0),
            0xaa => self.answer(0x55, 0),
            0xab => self.answer(0x00, 0),
            0xad => self.mode |= 0x10,
            0xae => self.mode &= !0x10,
            0xc0 => self.answer(0x80, 0),
            0xd0 => self.answer(self.port, 0),
            0x60 | 0xd1..=0xd4 => self.command = v,
            0xf0..=0xff => {
                if v & 1 == 0 {
                    cx.request(MachineRequest::Reset);
                }
            }
            _ => cx.guest_error(format_args!("unknown command {v:#x}")),
        }
    }

    fn data(&mut self, cx: &mut dyn DevCx, v: u8) {
        match std::mem::take(&mut self.command) {
            0x60 => self.mode = v,
            0xd1 => {
                self.port = v;
                if v & 1 == 0 {
                    cx.request(MachineRequest::Reset);
                }
            }
            0xd2 => self.answer(v, 0),
            0xd3 => self.answer(v, STS_AUX),
            // Nobody answers.
            0xd4 => self.answer(0xfe, STS_AUX | STS_TIMEOUT),
            _ => self.answer(0xfe, STS_TIMEOUT),
        }
    }
}

impl Device for I8042 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = I8042 {
            mode: 0x30,
            port: 0x03,
            ..I8042::default()
        };
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32) -> u64 {
        let v = if region == 0 {
            self.status &= !(STS_FULL | STS_AUX | STS_TIMEOUT);
            self.update(cx);
            self.out
        } else {
            self.status | STS_UNLOCKED | self.mode & 4
        };
        u64::from(v)
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        if region == 0 {
            self.status &= !STS_COMMAND;
            self.data(cx, v);
        } else {
            self.status |= STS_COMMAND;
            self.command(cx, v);
        }
        self.update(cx);
    }

    fn save(&self, s: &mut Saver) {
        for v in [self.mode, self.status, self.out, self.command, self.port] {
            s.u8(v);
        }
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        for v in [
            &mut self.mode,
            &mut self.status,
            &mut self.out,
            &mut self.command,
            &mut self.port,
        ] {
            *v = l.u8()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn self_test_and_command_byte() {
        Bench::new(I8042::new(), I8042::new).twice(|b| {
            b.write(1, 0, 1, 0xaa);
            assert_eq!(b.read(1, 0, 1) & 1, 1);
            assert_eq!(b.read(0, 0, 1), 0x55);
            assert_eq!(b.read(1, 0, 1) & 1, 0);
            b.write(1, 0, 1, 0x60);
            b.save_and_load();
            b.write(0, 0, 1, 0x01);
            b.write(1, 0, 1, 0x20);
            assert!(b.irq(0));
            assert_eq!(b.read(0, 0, 1), 1);
            assert!(!b.irq(0));
        });
    }
}
