//! The 8042 keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device controller"), with
//! or without a keyboard and a mouse.
//!
//! Modelled: status, command byte, translation of scan codes, self tests, output port with system reset and A20, both devices
//! ([`super::ps2`]), the time between two of a device's bytes. Not modelled: the controller's RAM beyond the command byte, test
//! inputs; bytes sent to a port with nothing plugged in time out.

use tinamou_core::{DevCx, Device, Input, MachineRequest, Ns, stored, stored_device};

use super::ps2::{Keyboard, Mouse, translate};

const STS_FULL: u8 = 0x01;
const STS_COMMAND: u8 = 0x08;
const STS_UNLOCKED: u8 = 0x10;
const STS_AUX: u8 = 0x20;
const STS_TIMEOUT: u8 = 0x40;

const MODE_KBD_IRQ: u8 = 0x01;
const MODE_AUX_IRQ: u8 = 0x02;
const MODE_SYSTEM: u8 = 0x04;
const MODE_KBD_OFF: u8 = 0x10;
const MODE_AUX_OFF: u8 = 0x20;
const MODE_TRANSLATE: u8 = 0x40;

const PORT_A20: u8 = 0x02;

/// Between the guest's taking a device's byte and the next one's arrival. (A real cable needs ten times as long; this is enough for
/// interrupt handlers to see one byte each.)
const BYTE_NS: u64 = 100_000;

/// Output pin: keyboard interrupt.
pub const KBD_IRQ: u32 = 0;
/// Output pin: auxiliary interrupt.
pub const AUX_IRQ: u32 = 1;
/// Output pin: the A20 gate, high when address bit 20 is let through.
pub const A20: u32 = 2;

/// The controller. Region 0: the data port (60h); region 1: the status and command port (64h).
#[derive(Default)]
pub struct I8042 {
    devices: bool,
    mode: u8,
    status: u8,
    out: u8,
    command: u8,
    port: u8,
    /// The last byte was F0h, which translation swallows.
    breaking: bool,
    /// No byte of a device is taken before this time.
    next: Ns,
    keyboard: Keyboard,
    mouse: Mouse,
}
stored!(I8042 {
    mode,
    status,
    out,
    command,
    port,
    breaking,
    next,
    keyboard,
    mouse
});

impl I8042 {
    /// A controller with nothing plugged in.
    pub fn new() -> I8042 {
        I8042::default()
    }

    /// A controller with a keyboard and a mouse.
    pub fn with_keyboard_and_mouse() -> I8042 {
        I8042 {
            devices: true,
            ..I8042::default()
        }
    }

    fn answer(&mut self, v: u8, flags: u8) {
        self.out = v;
        self.status = self.status & STS_COMMAND | STS_FULL | flags;
    }

    /// Takes a byte from a device if there is room, and drives the pins.
    fn update(&mut self, cx: &mut dyn DevCx) {
        self.poll(cx);
        let full = self.status & STS_FULL != 0;
        let aux = self.status & STS_AUX != 0;
        cx.set_irq(KBD_IRQ, full && !aux && self.mode & MODE_KBD_IRQ != 0);
        cx.set_irq(AUX_IRQ, full && aux && self.mode & MODE_AUX_IRQ != 0);
        cx.set_irq(A20, self.port & PORT_A20 != 0);
    }

    fn poll(&mut self, cx: &mut dyn DevCx) {
        let key = self.mode & MODE_KBD_OFF == 0 && self.keyboard.ready();
        let aux = self.mode & MODE_AUX_OFF == 0 && self.mouse.ready();
        if self.status & STS_FULL != 0 || !(key || aux) {
            return cx.set_timer(0, None);
        }
        if cx.now() < self.next {
            return cx.set_timer(0, Some(self.next));
        }
        cx.set_timer(0, None);
        while self.status & STS_FULL == 0 && self.mode & MODE_KBD_OFF == 0 {
            let Some(v) = self.keyboard.take() else { break };
            if self.mode & MODE_TRANSLATE == 0 {
                self.answer(v, 0);
            } else if v == 0xf0 {
                self.breaking = true;
            } else {
                let up = u8::from(std::mem::take(&mut self.breaking)) << 7;
                self.answer(translate(v) | up, 0);
            }
        }
        if self.status & STS_FULL == 0
            && aux
            && let Some(v) = self.mouse.take()
        {
            self.answer(v, STS_AUX);
        }
    }

    fn reset_line(&self, cx: &mut dyn DevCx, port: u8) {
        if port & 1 == 0 {
            cx.request(MachineRequest::Reset);
        }
    }

    fn command(&mut self, cx: &mut dyn DevCx, v: u8) {
        self.command = 0;
        match v {
            0x20 => self.answer(self.mode, 0),
            0xa7 => self.mode |= MODE_AUX_OFF,
            0xa8 => self.mode &= !MODE_AUX_OFF,
            0xa9 => self.answer(0x00, 0),
            0xaa => {
                self.mode |= MODE_SYSTEM;
                self.answer(0x55, 0);
            }
            0xab => self.answer(0x00, 0),
            0xad => self.mode |= MODE_KBD_OFF,
            0xae => self.mode &= !MODE_KBD_OFF,
            0xc0 => self.answer(0x80, 0),
            0xd0 => self.answer(self.port, 0),
            0x60 | 0xd1..=0xd4 => self.command = v,
            0xdd => self.port &= !PORT_A20,
            0xdf => self.port |= PORT_A20,
            0xf0..=0xff => self.reset_line(cx, v),
            _ => cx.guest_error(format_args!("unknown command {v:#x}")),
        }
    }

    fn data(&mut self, cx: &mut dyn DevCx, v: u8) {
        let command = std::mem::take(&mut self.command);
        match command {
            0x60 => self.mode = v,
            0xd1 => {
                self.port = v;
                self.reset_line(cx, v);
            }
            0xd2 => self.answer(v, 0),
            0xd3 => self.answer(v, STS_AUX),
            0xd4 if self.devices => {
                self.mode &= !MODE_AUX_OFF;
                self.mouse.command(v);
            }
            // Nobody answers.
            0xd4 => self.answer(0xfe, STS_AUX | STS_TIMEOUT),
            _ if self.devices => {
                // A byte for the keyboard turns its interface on.
                self.mode &= !MODE_KBD_OFF;
                self.keyboard.command(v);
            }
            _ => self.answer(0xfe, STS_TIMEOUT),
        }
    }
}

impl Device for I8042 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = I8042 {
            devices: self.devices,
            mode: MODE_KBD_OFF | MODE_AUX_OFF,
            port: 0x03,
            keyboard: Keyboard::new(),
            mouse: Mouse::new(),
            ..I8042::default()
        };
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32) -> u64 {
        let v = if region == 0 {
            let v = self.out;
            if self.status & STS_FULL != 0 {
                self.next = cx.now() + Ns(BYTE_NS);
            }
            self.status &= !(STS_FULL | STS_AUX | STS_TIMEOUT);
            self.update(cx);
            v
        } else {
            self.status | STS_UNLOCKED | self.mode & MODE_SYSTEM
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

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        self.update(cx);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        match input {
            _ if !self.devices => return,
            Input::Key { code, down } => self.keyboard.key(code, down),
            Input::Mouse {
                dx,
                dy,
                dz,
                buttons,
            } => self.mouse.moved(dx, dy, dz, buttons),
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

    fn bench() -> Bench<I8042> {
        Bench::new(
            I8042::with_keyboard_and_mouse(),
            I8042::with_keyboard_and_mouse,
        )
    }

    /// All bytes that come, with the interrupt pin each raised.
    fn bytes(b: &mut Bench<I8042>) -> Vec<(u8, u64)> {
        let mut out = Vec::new();
        for _ in 0..64 {
            b.settle(Ns(BYTE_NS));
            if b.read(1, 0, 1) & 1 == 0 {
                break;
            }
            let irq = b.cx.levels & 3;
            out.push((b.read(0, 0, 1) as u8, irq));
        }
        out
    }

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
            b.write(0, 0, 1, 0xf2);
            assert_eq!(b.read(1, 0, 1) & 0x41, 0x41, "time-out");
            b.read(0, 0, 1);
        });
    }

    #[test]
    fn keyboard_translated_and_not() {
        bench().twice(|b| {
            b.write(1, 0, 1, 0x60);
            b.write(0, 0, 1, 0x41);
            b.write(0, 0, 1, 0xf2);
            b.save_and_load();
            // Translated identification of an MF II keyboard.
            assert_eq!(bytes(b), [(0xfa, 1), (0xab, 1), (0x41, 1)]);
            for down in [true, false] {
                b.dev.input(&mut b.cx, Input::Key { code: 0xcd, down });
            }
            assert_eq!(bytes(b), [(0xe0, 1), (0x4d, 1), (0xe0, 1), (0xcd, 1)]);
            b.write(1, 0, 1, 0x60);
            b.write(0, 0, 1, 0x00);
            b.dev.input(
                &mut b.cx,
                Input::Key {
                    code: 0x1e,
                    down: false,
                },
            );
            assert_eq!(bytes(b), [(0xf0, 0), (0x1c, 0)]);
            b.write(1, 0, 1, 0xad);
            b.dev.input(
                &mut b.cx,
                Input::Key {
                    code: 0x1e,
                    down: true,
                },
            );
            assert_eq!(bytes(b), [], "the interface is off");
            b.write(1, 0, 1, 0xae);
            assert_eq!(bytes(b), [(0x1c, 0)]);
        });
    }

    #[test]
    fn mouse_by_aux_port() {
        bench().twice(|b| {
            b.write(1, 0, 1, 0x60);
            b.write(0, 0, 1, 0x03);
            for (c, want) in [(0xff, &[0xfa, 0xaa, 0][..]), (0xf4, &[0xfa])] {
                b.write(1, 0, 1, 0xd4);
                b.write(0, 0, 1, c);
                let got: Vec<u8> = bytes(b).iter().map(|x| x.0).collect();
                assert_eq!(got, want);
            }
            b.dev.input(
                &mut b.cx,
                Input::Mouse {
                    dx: 2,
                    dy: 1,
                    dz: 0,
                    buttons: 0,
                },
            );
            assert_eq!(bytes(b), [(0x28, 2), (2, 2), (0xff, 2)]);
        });
    }

    #[test]
    fn output_port_and_reset() {
        bench().twice(|b| {
            assert!(b.irq(A20));
            b.write(1, 0, 1, 0xd1);
            b.write(0, 0, 1, 0x01);
            assert!(!b.irq(A20));
            b.write(1, 0, 1, 0xdf);
            assert!(b.irq(A20));
            b.write(1, 0, 1, 0xfe);
            assert_eq!(std::mem::take(&mut b.cx.requests), [MachineRequest::Reset]);
            b.write(1, 0, 1, 0xd0);
            assert_eq!(bytes(b), [(3, 0)]);
        });
        storm(&mut bench(), &[(0, 1), (1, 1)], 50_000);
    }
}
