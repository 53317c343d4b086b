//! A USB 1 host controller (UHCI design guide 1.1) with nothing plugged in: registers, the frame counter and two empty ports.
//!
//! Not modelled: schedules, so no device can be attached; interrupts.

use tinamou_core::{Ns, stored};

const CMD_RUN: u16 = 1;
const CMD_HCRESET: u16 = 2;
const STS_HALTED: u16 = 0x20;
const FRAME_NS: u64 = 1_000_000;

/// The controller's registers.
#[derive(Clone, Default, Debug)]
pub struct Uhci {
    cmd: u16,
    intr: u16,
    frame: u16,
    since: Ns,
    base: u32,
    sof: u8,
    ports: [u16; 2],
}
stored!(Uhci {
    cmd,
    intr,
    frame,
    ports,
    since,
    base,
    sof
});

impl Uhci {
    /// A halted controller.
    pub fn new() -> Uhci {
        Uhci {
            sof: 64,
            ..Uhci::default()
        }
    }

    fn frame(&self, now: Ns) -> u16 {
        let run = if self.cmd & CMD_RUN != 0 {
            now.since(self.since).0 / FRAME_NS
        } else {
            0
        };
        (u64::from(self.frame) + run) as u16 & 0x7ff
    }

    /// A register read of 1, 2 or 4 bytes.
    pub fn read(&self, now: Ns, at: u64, size: u32) -> u32 {
        let word = |at: u64| -> u16 {
            match at {
                0x00 => self.cmd,
                0x02 => STS_HALTED * u16::from(self.cmd & CMD_RUN == 0),
                0x04 => self.intr,
                0x06 => self.frame(now),
                0x08 => self.base as u16,
                0x0a => (self.base >> 16) as u16,
                0x0c => u16::from(self.sof),
                // Bit 7 always reads as one.
                0x10 | 0x12 => self.ports[(at as usize - 0x10) / 2] | 0x80,
                _ => 0,
            }
        };
        let w = u32::from(word(at & !1)) >> (8 * (at & 1));
        if size == 4 {
            w | u32::from(word((at & !1) + 2)) << 16
        } else {
            w
        }
    }

    /// A register write.
    pub fn write(&mut self, now: Ns, at: u64, size: u32, v: u32) {
        if size == 4 && at != 8 {
            self.write(now, at, 2, v & 0xffff);
            self.write(now, at + 2, 2, v >> 16);
            return;
        }
        let w = v as u16;
        match at {
            0x00 => {
                if w & CMD_HCRESET != 0 {
                    *self = Uhci::new();
                    return;
                }
                self.frame = self.frame(now);
                self.since = now;
                self.cmd = w & 0xff;
            }
            0x04 => self.intr = w & 0xf,
            0x06 => {
                self.frame = w & 0x7ff;
                self.since = now;
            }
            0x08 if size == 4 => self.base = v & 0xffff_f000,
            0x08 => self.base = self.base & 0xffff_0000 | u32::from(w & 0xf000),
            0x0a => self.base = self.base & 0xffff | u32::from(w) << 16,
            0x0c => self.sof = w as u8 & 0x7f,
            // Nothing is attached: a port can be reset, never enabled.
            0x10 | 0x12 => self.ports[(at as usize - 0x10) / 2] = w & 0x0200,
            _ => {}
        }
    }
}
