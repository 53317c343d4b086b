//! The 82093AA I/O APIC (data sheet 290566): 24 redirection entries. It has the later versions' EOI register too.

use tinamou_core::stored;

use super::{EXTINT, IO_PINS, Message};

const PINS: usize = IO_PINS as usize;
const MASKED: u64 = 1 << 16;
const LEVEL: u64 = 1 << 15;
const REMOTE_IRR: u64 = 1 << 14;
const LOGICAL: u64 = 1 << 11;
/// What the guest can write in an entry.
const WRITABLE: u64 = 0xff00_0000_0001_afff;
/// 24 entries; version 20h has the EOI register.
const VERSION: u32 = 0x0017_0020;

#[derive(Clone)]
pub(super) struct IoApic {
    id: u32,
    select: u8,
    table: [u64; PINS],
    lines: u32,
    /// Edges not yet delivered.
    edges: u32,
}
stored!(IoApic {
    id,
    select,
    table,
    lines,
    edges
});

impl Default for IoApic {
    fn default() -> IoApic {
        IoApic {
            id: 0,
            select: 0,
            table: [MASKED; PINS],
            lines: 0,
            edges: 0,
        }
    }
}

impl IoApic {
    /// The state after reset; the lines are as they are.
    pub fn reset(&self) -> IoApic {
        IoApic {
            lines: self.lines,
            ..IoApic::default()
        }
    }

    pub fn set_line(&mut self, pin: u32, level: bool) {
        let bit = 1 << pin;
        if level && self.lines & bit == 0 && self.table[pin as usize] & LEVEL == 0 {
            self.edges |= bit;
        }
        self.lines = self.lines & !bit | u32::from(level) << pin;
    }

    /// The next message to send.
    pub fn next(&mut self) -> Option<Message> {
        for pin in 0..PINS {
            let e = &mut self.table[pin];
            if *e & MASKED != 0 {
                continue;
            }
            let bit = 1 << pin;
            let level = *e & LEVEL != 0;
            if level {
                if self.lines & bit == 0 || *e & REMOTE_IRR != 0 {
                    continue;
                }
                *e |= REMOTE_IRR;
            } else {
                if self.edges & bit == 0 {
                    continue;
                }
                self.edges &= !bit;
            }
            let mode = (*e >> 8) as u8 & 7;
            return Some(Message {
                dest: (*e >> 56) as u8,
                logical: *e & LOGICAL != 0,
                mode,
                vector: *e as u8,
                level: level && mode != EXTINT,
            });
        }
        None
    }

    /// A CPU has ended this vector's service.
    pub fn eoi(&mut self, vector: u8) {
        for e in &mut self.table {
            if *e & LEVEL != 0 && *e as u8 == vector {
                *e &= !REMOTE_IRR;
            }
        }
    }

    pub fn read(&self, offset: u64, _size: u32) -> u32 {
        match offset & 0xff {
            0x00 => u32::from(self.select),
            0x10 => match self.select {
                0 | 2 => self.id,
                1 => VERSION,
                0x10..0x40 => {
                    let e = self.table[usize::from(self.select - 0x10) / 2];
                    (e >> (32 * u32::from(self.select & 1))) as u32
                }
                _ => 0,
            },
            _ => 0,
        }
    }

    pub fn write(&mut self, offset: u64, _size: u32, v: u32) {
        match offset & 0xff {
            0x00 => self.select = v as u8,
            0x10 => match self.select {
                0 => self.id = v & 0x0f00_0000,
                0x10..0x40 => {
                    let pin = usize::from(self.select - 0x10) / 2;
                    let shift = 32 * u32::from(self.select & 1);
                    let m = WRITABLE & 0xffff_ffff << shift;
                    let e = &mut self.table[pin];
                    *e = *e & !m | u64::from(v) << shift & m;
                    if *e & LEVEL == 0 {
                        *e &= !REMOTE_IRR;
                    } else {
                        self.edges &= !(1 << pin);
                    }
                }
                _ => {}
            },
            0x40 => self.eoi(v as u8),
            _ => {}
        }
    }
}
