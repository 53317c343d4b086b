//! Two Intel 8237A DMA controllers in cascade with page registers, as in the 82371AB (data sheets 231466 and 290562, section 4.2.1).
//!
//! Modelled: address and count registers with the byte pointer flip-flop, modes (verify, write, read; decrement; autoinitialise),
//! masks, requests' status, terminal count. The second controller moves words. Not modelled: memory-to-memory transfers, transfer
//! timing (a device's request is served at once), extended modes.

use tinamou_core::{DevCx, Device, Gpa, IsaDma, stored, stored_device};

#[derive(Clone, Copy, Default)]
struct Channel {
    base_at: u16,
    base_count: u16,
    at: u16,
    count: u16,
    mode: u8,
    page: u8,
}
stored!(Channel {
    base_at,
    base_count,
    at,
    count,
    mode,
    page
});

impl Channel {
    fn autoinit(self) -> bool {
        self.mode & 0x10 != 0
    }
    fn down(self) -> bool {
        self.mode & 0x20 != 0
    }
}

#[derive(Clone, Default)]
struct Chip {
    channels: [Channel; 4],
    command: u8,
    mask: u8,
    terminal: u8,
    request: u8,
    high: bool,
}
stored!(Chip {
    channels,
    command,
    mask,
    terminal,
    request,
    high
});

impl Chip {
    fn reset() -> Chip {
        Chip {
            mask: 0x0f,
            ..Chip::default()
        }
    }

    fn clear(&mut self) {
        self.command = 0;
        self.terminal = 0;
        self.request = 0;
        self.high = false;
        self.mask = 0x0f;
    }

    fn read(&mut self, reg: u64) -> u8 {
        match reg {
            0..8 => {
                let c = &self.channels[reg as usize / 2];
                let v = if reg & 1 == 0 { c.at } else { c.count };
                self.high = !self.high;
                v.to_le_bytes()[usize::from(!self.high)]
            }
            8 => self.request << 4 | std::mem::take(&mut self.terminal),
            15 => 0xf0 | self.mask,
            _ => 0,
        }
    }

    fn write(&mut self, reg: u64, v: u8) {
        let n = usize::from(v & 3);
        let bit = 1 << n;
        match reg {
            0..8 => {
                let c = &mut self.channels[reg as usize / 2];
                let (base, now) = if reg & 1 == 0 {
                    (&mut c.base_at, &mut c.at)
                } else {
                    (&mut c.base_count, &mut c.count)
                };
                let mut b = base.to_le_bytes();
                b[usize::from(self.high)] = v;
                *base = u16::from_le_bytes(b);
                *now = *base;
                self.high = !self.high;
            }
            8 => self.command = v,
            9 => self.request = self.request & !bit | if v & 4 != 0 { bit } else { 0 },
            10 => self.mask = self.mask & !bit | if v & 4 != 0 { bit } else { 0 },
            11 => self.channels[n].mode = v & !3,
            12 => self.high = false,
            13 => self.clear(),
            14 => self.mask = 0,
            _ => self.mask = v & 0x0f,
        }
    }
}

/// Channel of each page register from port 80h on; the others are scratch.
const PAGES: [Option<usize>; 16] = [
    None,
    Some(2),
    Some(3),
    Some(1),
    None,
    None,
    None,
    Some(0),
    None,
    Some(6),
    Some(7),
    Some(5),
    None,
    None,
    None,
    Some(4),
];

/// The pair. Region 0: the first controller's 16 ports; region 1: the second's 32 (every other one); region 2: the page registers
/// from port 80h on.
pub struct Dma8237 {
    chips: [Chip; 2],
    scratch: [u8; 16],
}
stored!(Dma8237 { chips, scratch });

impl Default for Dma8237 {
    fn default() -> Dma8237 {
        Dma8237::new()
    }
}

impl Dma8237 {
    /// A pair after reset.
    pub fn new() -> Dma8237 {
        Dma8237 {
            chips: [Chip::reset(), Chip::reset()],
            scratch: [0; 16],
        }
    }

    fn page(&mut self, n: usize) -> &mut u8 {
        match PAGES[n & 15] {
            Some(c) => &mut self.chips[c / 4].channels[c % 4].page,
            None => &mut self.scratch[n & 15],
        }
    }
}

impl Device for Dma8237 {
    fn reset(&mut self, _cx: &mut dyn DevCx) {
        *self = Dma8237::new();
    }

    fn read(&mut self, _cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32) -> u64 {
        u64::from(match region {
            0 => self.chips[0].read(offset & 15),
            1 => self.chips[1].read(offset >> 1 & 15),
            _ => *self.page(offset as usize),
        })
    }

    fn write(&mut self, _cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        match region {
            0 => self.chips[0].write(offset & 15, v),
            1 => self.chips[1].write(offset >> 1 & 15, v),
            _ => *self.page(offset as usize) = v,
        }
    }

    fn isa_dma(
        &mut self,
        cx: &mut dyn DevCx,
        channel: u32,
        to_memory: bool,
        buf: &mut [u8],
    ) -> IsaDma {
        let (n, c) = ((channel / 4) as usize, (channel % 4) as usize);
        let Some(chip) = self.chips.get_mut(n) else {
            return IsaDma::default();
        };
        // Bit 2 of the command register turns the controller off; the slave's requests pass through channel 4.
        if chip.command & 4 != 0 || chip.mask >> c & 1 != 0 || channel == 4 {
            return IsaDma::default();
        }
        let verify = match chip.channels[c].mode >> 2 & 3 {
            0 => true,
            1 => !to_memory,
            2 => to_memory,
            _ => return IsaDma::default(),
        };
        // A transfer in the other direction than the device's moves nothing, but counts.
        let unit = 1 + n;
        let mut done = 0;
        let mut out = IsaDma::default();
        while done + unit <= buf.len() {
            let ch = &mut chip.channels[c];
            let at = if n == 0 {
                u64::from(ch.page) << 16 | u64::from(ch.at)
            } else {
                u64::from(ch.page & 0xfe) << 16 | u64::from(ch.at) << 1
            };
            // As many units as the address goes without wrapping.
            let left = usize::from(ch.count) + 1;
            let straight = if ch.down() {
                1
            } else {
                0x1_0000 - usize::from(ch.at)
            };
            let units = left.min(straight).min((buf.len() - done) / unit);
            let part = &mut buf[done..done + units * unit];
            if verify {
                if !to_memory {
                    part.fill(0);
                }
            } else if to_memory {
                cx.dma_write(Gpa(at), part);
            } else {
                cx.dma_read(Gpa(at), part);
            }
            done += units * unit;
            ch.at = if ch.down() {
                ch.at.wrapping_sub(units as u16)
            } else {
                ch.at.wrapping_add(units as u16)
            };
            ch.count = ch.count.wrapping_sub(units as u16);
            if units == left {
                out.terminal = true;
                chip.terminal |= 1 << c;
                if ch.autoinit() {
                    (ch.at, ch.count) = (ch.base_at, ch.base_count);
                } else {
                    chip.mask |= 1 << c;
                }
                break;
            }
        }
        out.bytes = done;
        out
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    fn bench() -> Bench<Dma8237> {
        Bench::new(Dma8237::new(), Dma8237::new)
    }

    fn program(b: &mut Bench<Dma8237>, mode: u64, at: u32, count: u16) {
        b.write(0, 10, 1, 6); // mask channel 2
        b.write(0, 12, 1, 0);
        b.write(0, 11, 1, mode | 2);
        b.write(0, 4, 1, u64::from(at & 0xff));
        b.write(0, 4, 1, u64::from(at >> 8 & 0xff));
        b.write(2, 1, 1, u64::from(at >> 16));
        b.write(0, 5, 1, u64::from(count & 0xff));
        b.write(0, 5, 1, u64::from(count >> 8));
        b.write(0, 10, 1, 2);
    }

    #[test]
    fn writes_and_reads_memory() {
        bench().twice(|b| {
            program(b, 0x44, 0x1_2345, 9);
            b.save_and_load();
            let mut data = *b"0123456789";
            let r = b.dev.isa_dma(&mut b.cx, 2, true, &mut data[..4]);
            assert_eq!((r.bytes, r.terminal), (4, false));
            let r = b.dev.isa_dma(&mut b.cx, 2, true, &mut data[4..]);
            assert_eq!((r.bytes, r.terminal), (6, true));
            assert_eq!(&b.cx.mem[0x1_2345..][..10], b"0123456789");
            assert_eq!(b.read(0, 8, 1), 4, "terminal count of channel 2");
            assert_eq!(b.read(0, 8, 1), 0);
            assert_eq!(b.read(0, 15, 1) & 15, 0xf, "masked at the end");
            let r = b.dev.isa_dma(&mut b.cx, 2, true, &mut data);
            assert_eq!(r.bytes, 0);
            program(b, 0x58, 0x1_2345, 3); // read, autoinitialise
            let mut got = [0; 4];
            for _ in 0..2 {
                got.fill(0);
                let r = b.dev.isa_dma(&mut b.cx, 2, false, &mut got);
                assert!(r.terminal);
                assert_eq!(&got, b"0123");
            }
            b.write(0, 10, 1, 6);
        });
    }

    #[test]
    fn wraps_inside_its_page() {
        let mut b = bench();
        program(&mut b, 0x44, 0x2_fffe, 3);
        b.dev.isa_dma(&mut b.cx, 2, true, &mut b"abcd".to_vec());
        assert_eq!(&b.cx.mem[0x2_fffe..0x3_0000], b"ab");
        assert_eq!(&b.cx.mem[0x2_0000..0x2_0002], b"cd");
        assert_eq!(&b.cx.mem[0x3_0000..0x3_0002], [0, 0]);
    }

    #[test]
    fn storm_does_no_harm() {
        let mut b = bench();
        storm(&mut b, &[(0, 16), (1, 32), (2, 16)], 50_000);
        for c in 0..9 {
            b.dev.isa_dma(&mut b.cx, c, true, &mut [0; 700]);
            b.dev.isa_dma(&mut b.cx, c, false, &mut [0; 700]);
        }
    }
}
