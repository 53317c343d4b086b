//! The window at A0000h: from the CPU's addresses to planes, through the latches and the graphics controller's write and read modes
//! (IBM VGA Technical Reference, "Graphics Controller").

use tinamou_core::DevCx;

use super::Vga;

/// Bytes of each plane that a VGA has.
const PLANE: u64 = 0x1_0000;

impl Vga {
    /// The offset behind an address in the window of 128 KiB, if the adapter decodes it.
    fn decode(&self, offset: u64) -> Option<u64> {
        if self.misc & 2 == 0 && !self.vbe.on() {
            return None;
        }
        let (base, len) = match self.gc[6] >> 2 & 3 {
            0 => (0, 0x2_0000),
            1 => (0, 0x1_0000),
            2 => (0x1_0000, 0x8000),
            _ => (0x1_8000, 0x8000),
        };
        offset.checked_sub(base).filter(|o| *o < len)
    }

    /// Linear address of a chained or banked access.
    fn linear(&self, at: u64) -> Option<u64> {
        if self.vbe.linear() {
            return Some((self.vbe.bank() << 16 | at & 0xffff) & (self.vram_bytes - 1));
        }
        (self.seq[4] & 8 != 0).then_some(at & (4 * PLANE - 1))
    }

    /// True when even addresses go to planes 0 and 2, odd ones to 1 and 3.
    fn odd_even(&self) -> bool {
        self.seq[4] & 4 == 0
    }

    /// The address in the planes.
    fn plane_address(&self, at: u64) -> u64 {
        let bank = if self.vbe.on() {
            self.vbe.bank() << 16
        } else {
            0
        };
        let at = if self.odd_even() {
            // The low bit chose the plane; its place is the page's, or address bit 16's when memory is chained.
            let low = if self.gc[6] & 2 != 0 && self.gc[6] & 0x0c == 0 {
                at >> 16 & 1
            } else {
                u64::from(self.misc & 0x20 == 0)
            };
            at & 0xfffe | low
        } else {
            at & (PLANE - 1)
        };
        (bank + at) & (self.vram_bytes / 4 - 1)
    }

    fn load_latch(&mut self, cx: &mut dyn DevCx, plane_at: u64) {
        let mut b = [0; 4];
        cx.block_read(self.vram, 4 * plane_at, &mut b);
        self.latch = b;
    }

    pub(super) fn window_read(&mut self, cx: &mut dyn DevCx, offset: u64) -> u8 {
        let Some(at) = self.decode(offset) else {
            return 0xff;
        };
        if let Some(l) = self.linear(at) {
            // Chained reads load the latches too.
            self.load_latch(cx, l / 4);
            if self.vbe.linear() || self.gc[5] & 8 == 0 {
                return self.latch[(l & 3) as usize];
            }
        } else {
            let p = self.plane_address(at);
            self.load_latch(cx, p);
        }
        if self.gc[5] & 8 != 0 {
            // Read mode 1: which pixels have the compared colour, among the planes that matter.
            return (0..4).fold(0xff, |m, p| {
                let want = if self.gc[2] >> p & 1 != 0 { 0xff } else { 0 };
                if self.gc[7] >> p & 1 == 0 {
                    m
                } else {
                    m & !(self.latch[p] ^ want)
                }
            });
        }
        let mut plane = usize::from(self.gc[4] & 3);
        if self.odd_even() && self.gc[5] & 0x10 != 0 {
            plane = plane & 2 | (at & 1) as usize;
        }
        self.latch[plane]
    }

    pub(super) fn window_write(&mut self, cx: &mut dyn DevCx, offset: u64, v: u8) {
        let Some(at) = self.decode(offset) else {
            return;
        };
        let mut planes = self.seq[2] & 15;
        if let Some(l) = self.linear(at) {
            if self.vbe.linear() {
                cx.block_write(self.vram, l, &[v]);
                return;
            }
            planes &= 1 << (l & 3);
            return self.write_planes(cx, l / 4, planes, v);
        }
        if self.odd_even() {
            planes &= if at & 1 == 0 { 0b0101 } else { 0b1010 };
        }
        let p = self.plane_address(at);
        self.write_planes(cx, p, planes, v);
    }

    fn write_planes(&mut self, cx: &mut dyn DevCx, at: u64, planes: u8, v: u8) {
        let g = &self.gc;
        let rotated = v.rotate_right(u32::from(g[3] & 7));
        let fill = |bits: u8, p: usize| if bits >> p & 1 != 0 { 0xff } else { 0 };
        let mut data = [0u8; 4];
        let mut mask = g[8];
        match g[5] & 3 {
            0 => {
                for (p, d) in data.iter_mut().enumerate() {
                    *d = if g[1] >> p & 1 != 0 {
                        fill(g[0], p)
                    } else {
                        rotated
                    };
                }
            }
            1 => data = self.latch,
            2 => {
                for (p, d) in data.iter_mut().enumerate() {
                    *d = fill(v, p);
                }
            }
            _ => {
                mask &= rotated;
                for (p, d) in data.iter_mut().enumerate() {
                    *d = fill(g[0], p);
                }
            }
        }
        if g[5] & 3 != 1 {
            for (d, l) in data.iter_mut().zip(self.latch) {
                let x = match g[3] >> 3 & 3 {
                    0 => *d,
                    1 => *d & l,
                    2 => *d | l,
                    _ => *d ^ l,
                };
                *d = x & mask | l & !mask;
            }
        }
        if planes == 15 {
            cx.block_write(self.vram, 4 * at, &data);
            return;
        }
        for p in (0..4).filter(|p| planes >> p & 1 != 0) {
            cx.block_write(self.vram, 4 * at + p as u64, &data[p..=p]);
        }
    }
}
