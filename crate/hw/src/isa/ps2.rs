//! A PS/2 keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101-/102-key)") and a mouse ("Mouse", with
//! Microsoft's wheel protocols) at the end of their cables: bytes in, bytes out.
//!
//! Modelled: scan code sets 1 and 2, all commands of the standard command set, identification; movement packets with three and
//! four bytes, remote and wrap modes, scaling, resolution, the wheel and five-button knocks. Not modelled: set 3 (refused),
//! typematic repetition (the host's own arrives as repeated presses), LEDs beyond remembering them.

use std::collections::VecDeque;

use tinamou_core::stored;

const ACK: u8 = 0xfa;
const RESEND: u8 = 0xfe;
const SELF_TEST_OK: u8 = 0xaa;
/// Bytes that wait at most; what a keyboard cannot hold is lost.
const QUEUE_MAX: usize = 64;

/// The controller's translation from set 2 to set 1, for codes below 80h; 83h and 84h become 41h and 54h, others stay.
const SET2_TO_1: [u8; 128] = [
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
];

/// One code of set 2 in set 1.
pub fn translate(code: u8) -> u8 {
    match code {
        0x83 => 0x41,
        0x84 => 0x54,
        0x80.. => code,
        c => SET2_TO_1[usize::from(c)],
    }
}

/// A make code of set 1 (below 80h) in set 2.
fn set2(code: u8) -> u8 {
    match code {
        0x41 => 0x83,
        0x54 => 0x84,
        c => SET2_TO_1.iter().position(|v| *v == c).unwrap_or(0) as u8,
    }
}

const PRINT_SCREEN: u8 = 0xb7;
const PAUSE: u8 = 0xc6;

/// The keyboard.
#[derive(Default)]
pub struct Keyboard {
    queue: VecDeque<u8>,
    /// The command whose argument comes next.
    command: u8,
    set: u8,
    scanning: bool,
    leds: u8,
    last: u8,
}
stored!(Keyboard { queue, command, set, scanning, leds, last }
    check |s| s.queue.len() <= 2 * QUEUE_MAX, "keyboard");

impl Keyboard {
    /// A keyboard that has passed its self test.
    pub fn new() -> Keyboard {
        Keyboard {
            set: 2,
            scanning: true,
            ..Keyboard::default()
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.queue.len() + bytes.len() <= QUEUE_MAX {
            self.queue.extend(bytes);
        }
    }

    /// A key went down or up; see [`tinamou_core::Input::Key`].
    pub fn key(&mut self, code: u8, down: bool) {
        if !self.scanning {
            return;
        }
        let one = self.set == 1;
        let mut out = Vec::new();
        let mut code1 = |prefix: bool, c: u8| {
            if prefix {
                out.push(0xe0);
            }
            match (one, down) {
                (true, true) => out.push(c),
                (true, false) => out.push(c | 0x80),
                (false, true) => out.push(set2(c)),
                (false, false) => out.extend([0xf0, set2(c)]),
            }
        };
        match (code, down) {
            (PAUSE, true) if one => out.extend([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]),
            (PAUSE, true) => out.extend([0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77]),
            (PAUSE, false) => {}
            (PRINT_SCREEN, true) => {
                code1(true, 0x2a);
                code1(true, 0x37);
            }
            (PRINT_SCREEN, false) => {
                code1(true, 0x37);
                code1(true, 0x2a);
            }
            (c, _) => code1(c & 0x80 != 0, c & 0x7f),
        }
        self.send(&out);
    }

    fn defaults(&mut self) {
        self.set = 2;
        self.scanning = true;
    }

    /// A byte from the controller.
    pub fn command(&mut self, v: u8) {
        match std::mem::take(&mut self.command) {
            0xed => {
                self.leds = v & 7;
                return self.send(&[ACK]);
            }
            0xf3 => return self.send(&[ACK]),
            0xf0 => match v {
                0 => {
                    let set = self.set;
                    return self.send(&[ACK, set]);
                }
                1 | 2 => {
                    self.set = v;
                    return self.send(&[ACK]);
                }
                _ => return self.send(&[RESEND]),
            },
            _ => {}
        }
        match v {
            0xed | 0xf0 | 0xf3 => {
                self.command = v;
                self.send(&[ACK]);
            }
            0xee => self.send(&[0xee]),
            0xf2 => self.send(&[ACK, 0xab, 0x83]),
            0xf4 => {
                self.scanning = true;
                self.queue.clear();
                self.send(&[ACK]);
            }
            0xf5 => {
                self.defaults();
                self.scanning = false;
                self.queue.clear();
                self.send(&[ACK]);
            }
            0xf6 => {
                self.defaults();
                self.queue.clear();
                self.send(&[ACK]);
            }
            // All keys typematic, make/break and so on: meant for set 3.
            0xf7..=0xfd => self.send(&[ACK]),
            0xfe => {
                let last = self.last;
                self.send(&[last]);
            }
            0xff => {
                self.defaults();
                self.queue.clear();
                self.send(&[ACK, SELF_TEST_OK]);
            }
            _ => self.send(&[RESEND]),
        }
    }

    /// The next byte for the controller.
    pub fn take(&mut self) -> Option<u8> {
        let v = self.queue.pop_front()?;
        self.last = v;
        Some(v)
    }

    /// True when a byte waits.
    pub fn ready(&self) -> bool {
        !self.queue.is_empty()
    }
}

/// The mouse.
#[derive(Default)]
pub struct Mouse {
    queue: VecDeque<u8>,
    command: u8,
    remote: bool,
    wrap: bool,
    reporting: bool,
    scaling: bool,
    rate: u8,
    resolution: u8,
    id: u8,
    rates: [u8; 3],
    dx: i32,
    dy: i32,
    dz: i32,
    buttons: u8,
    told: u8,
}
stored!(Mouse {
    queue, command, remote, wrap, reporting, scaling, rate, resolution, id, rates, dx, dy, dz, buttons, told
} check |s| s.queue.len() <= 2 * QUEUE_MAX, "mouse");

/// Movement that is kept at most between packets.
const FAR: i32 = 1 << 16;

impl Mouse {
    /// A mouse that has passed its self test.
    pub fn new() -> Mouse {
        let mut m = Mouse::default();
        m.defaults();
        m
    }

    fn defaults(&mut self) {
        self.reporting = false;
        self.remote = false;
        self.wrap = false;
        self.scaling = false;
        self.rate = 100;
        self.resolution = 2;
        (self.dx, self.dy, self.dz) = (0, 0, 0);
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.queue.len() + bytes.len() <= QUEUE_MAX {
            self.queue.extend(bytes);
        }
    }

    /// The mouse moved or its buttons changed; see [`tinamou_core::Input::Mouse`].
    pub fn moved(&mut self, dx: i32, dy: i32, dz: i32, buttons: u8) {
        let add = |a: i32, b: i32| a.saturating_add(b).clamp(-FAR, FAR);
        self.dx = add(self.dx, dx);
        // Up is positive in packets.
        self.dy = add(self.dy, dy.saturating_neg());
        self.dz = add(self.dz, dz);
        self.buttons = buttons & 0x1f;
        self.report();
    }

    /// Queues packets for what has happened, in stream mode.
    fn report(&mut self) {
        while self.reporting && !self.remote && self.queue.len() < QUEUE_MAX / 2 {
            let news = self.dx != 0 || self.dy != 0 || self.dz != 0 || self.buttons != self.told;
            if !news {
                break;
            }
            self.packet();
        }
    }

    fn packet(&mut self) {
        let scale = |v: i32| match v.abs() {
            0 | 1 => v,
            2 => v.signum(),
            3 => 3 * v.signum(),
            4 => 6 * v.signum(),
            5 => 9 * v.signum(),
            _ => 2 * v,
        };
        let (x, y) = (self.dx.clamp(-127, 127), self.dy.clamp(-127, 127));
        let z = self.dz.clamp(-7, 7);
        self.dx -= x;
        self.dy -= y;
        self.dz = if self.id >= 3 { self.dz - z } else { 0 };
        let (x, y) = if self.scaling && !self.remote {
            (scale(x), scale(y))
        } else {
            (x, y)
        };
        self.told = self.buttons;
        let first = self.buttons & 7 | 8 | u8::from(x < 0) << 4 | u8::from(y < 0) << 5;
        let mut p = vec![first, x as u8, y as u8];
        match self.id {
            3 => p.push(z as u8),
            4 => p.push(z as u8 & 0x0f | (self.buttons & 0x18) << 1),
            _ => {}
        }
        self.queue.extend(p);
    }

    /// A byte from the controller.
    pub fn command(&mut self, v: u8) {
        match std::mem::take(&mut self.command) {
            0xf3 => {
                self.rate = v;
                self.rates = [self.rates[1], self.rates[2], v];
                match (self.rates, self.id) {
                    ([200, 100, 80], 0) => self.id = 3,
                    ([200, 200, 80], 3) => self.id = 4,
                    _ => {}
                }
                return self.send(&[ACK]);
            }
            0xe8 => {
                self.resolution = v & 3;
                return self.send(&[ACK]);
            }
            _ => {}
        }
        if self.wrap && !matches!(v, 0xec | 0xff) {
            return self.send(&[v]);
        }
        if v >= 0xe6 {
            self.queue.clear();
        }
        match v {
            0xe6 | 0xe7 => self.scaling = v == 0xe7,
            0xe8 | 0xf3 => self.command = v,
            0xe9 => {
                let b = self.buttons;
                // Left, middle, right from bit 2 down.
                let s = (b & 1) << 2
                    | (b & 4) >> 1
                    | (b & 2) >> 1
                    | u8::from(self.scaling) << 4
                    | u8::from(self.reporting) << 5
                    | u8::from(self.remote) << 6;
                let (res, rate) = (self.resolution, self.rate);
                return self.send(&[ACK, s, res, rate]);
            }
            0xea => self.remote = false,
            0xeb => {
                self.send(&[ACK]);
                return self.packet();
            }
            0xec => self.wrap = false,
            0xee => self.wrap = true,
            0xf0 => self.remote = true,
            0xf2 => {
                let id = self.id;
                return self.send(&[ACK, id]);
            }
            0xf4 => self.reporting = true,
            0xf5 => self.reporting = false,
            0xf6 => self.defaults(),
            0xff => {
                self.defaults();
                (self.id, self.rates) = (0, [0; 3]);
                return self.send(&[ACK, SELF_TEST_OK, 0]);
            }
            _ => return self.send(&[RESEND]),
        }
        self.send(&[ACK]);
    }

    /// The next byte for the controller.
    pub fn take(&mut self) -> Option<u8> {
        let v = self.queue.pop_front()?;
        self.report();
        Some(v)
    }

    /// True when a byte waits.
    pub fn ready(&self) -> bool {
        !self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut f: impl FnMut() -> Option<u8>) -> Vec<u8> {
        std::iter::from_fn(&mut f).collect()
    }

    #[test]
    fn sets_agree() {
        // Every key of set 1 survives the way through set 2 and the controller.
        for c in 1..0x59 {
            assert_eq!(translate(set2(c)), c, "{c:#x}");
        }
        // "Keyboard (101-/102-key)", scan code set 2: A is 1Ch, F7 83h, Enter 5Ah, Esc 76h.
        assert_eq!([0x1e, 0x41, 0x1c, 0x01].map(set2), [0x1c, 0x83, 0x5a, 0x76]);
    }

    #[test]
    fn keys_and_commands() {
        let mut k = Keyboard::new();
        k.key(0x1e, true);
        k.key(0x1e, false);
        k.key(0xc8, true); // up arrow
        assert_eq!(all(|| k.take()), [0x1c, 0xf0, 0x1c, 0xe0, 0x75]);
        k.command(0xf0);
        k.command(1);
        k.key(0xc8, false);
        assert_eq!(all(|| k.take()), [ACK, ACK, 0xe0, 0xc8]);
        k.key(PRINT_SCREEN, true);
        k.key(PAUSE, true);
        assert_eq!(
            all(|| k.take()),
            [0xe0, 0x2a, 0xe0, 0x37, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]
        );
        for (c, want) in [
            (0xff, &[ACK, 0xaa][..]),
            (0xf2, &[ACK, 0xab, 0x83]),
            (0xee, &[0xee]),
            (0x12, &[RESEND]),
        ] {
            k.command(c);
            assert_eq!(all(|| k.take()), want);
        }
        k.command(0xf5);
        k.key(0x1e, true);
        assert_eq!(all(|| k.take()), [ACK], "not scanning");
    }

    #[test]
    fn mouse_packets_and_wheel() {
        let mut m = Mouse::new();
        m.moved(5, -3, 0, 1);
        assert_eq!(all(|| m.take()), [], "reporting is off");
        m.command(0xf4);
        m.moved(0, 0, 0, 1);
        assert_eq!(all(|| m.take()), [ACK, 0x09, 5, 3]);
        m.moved(-200, 0, 0, 0);
        assert_eq!(all(|| m.take()), [0x18, 0x81, 0, 0x18, (-73i8) as u8, 0]);
        for v in [0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2] {
            m.command(v);
        }
        assert_eq!(all(|| m.take()).last(), Some(&3));
        m.moved(1, 0, -1, 0);
        assert_eq!(all(|| m.take()), [0x08, 1, 0, 0xff]);
        m.moved(0, 0, 0, 5);
        all(|| m.take());
        m.command(0xe9);
        assert_eq!(all(|| m.take()), [ACK, 0x26, 2, 80], "left and middle");
    }
}
