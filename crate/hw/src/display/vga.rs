//! A VGA (IBM VGA Technical Reference, 1992; the register names are its own) with the Bochs VBE extension of a linear framebuffer
//! (VBE_DISPI, as QEMU's `standard-vga` specification has it) as a PCI function.
//!
//! Modelled: sequencer, CRT controller, graphics controller, attribute controller and DAC; all write and read modes; text modes with
//! the guest's fonts, cursor and blinking; planar, CGA-like and 256-colour modes, chained or not; line compare, panning; input
//! status by the CRTC's own timing; VBE modes of 4 to 32 bits with banks and virtual sizes.
//!
//! Memory is a block of the board: the byte of plane `p` at address `a` is byte `4 * a + p`, so that a chained or VBE mode is linear and
//! the CPU reaches it without us. That differs from a VGA where a program looks at chained memory plane by plane. Not modelled:
//! interrupts of the vertical retrace, light pen, the palette's snow. The monitor is one that never changes (`edid`).

use tinamou_core::{
    BlockId, DevCx, Device, Frame, MapTo, Mapping, Ns, Space, TextScreen, stored, stored_device,
};

use crate::pci::config::{Bar, Ident, PciFunction};

mod edid;
mod memory;
mod mmio;
mod render;
#[cfg(test)]
mod tests;
mod text;
mod vbe;

use vbe::Vbe;

/// Region: ports 3B0h to 3DFh.
pub const PORTS: u32 = 0;
/// Region: the window at A0000h to BFFFFh.
pub const WINDOW: u32 = 1;
/// Region: ports 1CEh to 1D1h, the VBE extension's index and data.
pub const DISPI: u32 = 2;
/// Region: registers in memory (base address register 2).
const MMIO: u32 = 3;

/// Region: writes to the expansion ROM, which do nothing.
const ROM: u32 = 4;

const MIB: u64 = 1 << 20;

/// CRTC registers that bit 7 of register 11h protects.
const PROTECTED: u8 = 8;

/// The adapter.
pub struct Vga {
    vram: BlockId,
    vram_bytes: u64,
    rom: Option<(BlockId, u32)>,
    cfg: PciFunction,
    misc: u8,
    feature: u8,
    seq_index: u8,
    seq: [u8; 8],
    crtc_index: u8,
    crtc: [u8; 32],
    gc_index: u8,
    gc: [u8; 16],
    atc_index: u8,
    /// The next write to 3C0h is data.
    atc_data: bool,
    atc: [u8; 32],
    dac: [u8; 768],
    dac_mask: u8,
    dac_read: u16,
    dac_write: u16,
    /// The DAC's last address was for reading.
    dac_reading: bool,
    latch: [u8; 4],
    vbe: Vbe,
    /// Pixels of a VBE mode have their high byte first.
    big_endian: bool,
}
stored!(Vga {
    cfg, misc, feature, seq_index, seq, crtc_index, crtc, gc_index, gc, atc_index, atc_data, atc, dac, dac_mask,
    dac_read, dac_write, dac_reading, latch, vbe, big_endian
} check |s| s.dac_read < 768 && s.dac_write < 768 && s.vbe.fits(s.vram_bytes), "VGA registers");

fn function(vram_bytes: u64) -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x1234,
        device: 0x1111,
        class: [0x03, 0x00, 0x00],
        revision: 2,
        header: 0,
        pin: 0,
    });
    f.bar(0, Bar::MemPrefetch(vram_bytes as u32));
    f.bar(2, Bar::Mem(0x1000));
    f
}

impl Vga {
    /// An adapter with memory in `vram`, of `vram_bytes` (a power of two from 1 MiB to 256 MiB).
    pub fn new(vram: BlockId, vram_bytes: u64) -> Vga {
        let vram_bytes = vram_bytes
            .clamp(MIB, 256 * MIB)
            .checked_next_power_of_two()
            .unwrap_or(MIB);
        Vga {
            vram,
            vram_bytes,
            rom: None,
            cfg: function(vram_bytes),
            misc: 0,
            feature: 0,
            seq_index: 0,
            seq: [0; 8],
            crtc_index: 0,
            crtc: [0; 32],
            gc_index: 0,
            gc: [0; 16],
            atc_index: 0,
            atc_data: false,
            atc: [0; 32],
            dac: [0; 768],
            dac_mask: 0xff,
            dac_read: 0,
            dac_write: 0,
            dac_reading: false,
            latch: [0; 4],
            vbe: Vbe::new(vram_bytes),
            big_endian: false,
        }
    }

    /// The same adapter with firmware in `block`, of `bytes` (a power of two), in its expansion ROM.
    #[must_use]
    pub fn with_rom(mut self, block: BlockId, bytes: u32) -> Vga {
        self.rom = Some((block, bytes));
        self.cfg.rom(bytes);
        self
    }

    /// A port of the CRTC pair and input status that the colour/monochrome bit leaves at the other place.
    fn elsewhere(&self, port: u16) -> bool {
        let colour = self.misc & 1 != 0;
        match port {
            0x3b0..0x3c0 => colour,
            0x3d0..0x3e0 => !colour,
            _ => false,
        }
    }

    // Timing of the beam.

    /// Nanoseconds of a scan line, lines of a frame, the first line of retrace and the first after it, displayed lines, and the
    /// displayed part of a line.
    fn timing(&self) -> (u64, u64, u64, u64, u64, u64) {
        let c = |n: usize| u64::from(self.crtc[n]);
        let hz = if self.misc >> 2 & 3 == 1 {
            28_322_000
        } else {
            25_175_000
        };
        let dots = if self.seq[1] & 1 != 0 { 8 } else { 9 } << (self.seq[1] >> 3 & 1);
        let line = ((c(0) + 5) * dots * 1_000_000_000 / hz).max(1_000);
        let shown = ((c(1) + 1) * dots * 1_000_000_000 / hz).min(line);
        let over = c(7);
        let total = (c(6) | (over & 1) << 8 | (over & 0x20) << 4) + 2;
        let start = c(0x10) | (over & 4) << 6 | (over & 0x80) << 2;
        let length = (c(0x11).wrapping_sub(start) & 15).max(1);
        (line, total, start, start + length, self.lines(), shown)
    }

    /// Displayed scan lines.
    fn lines(&self) -> u64 {
        let over = u64::from(self.crtc[7]);
        (u64::from(self.crtc[0x12]) | (over & 2) << 7 | (over & 0x40) << 3) + 1
    }

    /// Input status 1: bit 0 says no pixel is shown, bit 3 vertical retrace.
    fn input_status(&self, now: Ns) -> u8 {
        let (line_ns, total, from, to, lines, shown) = self.timing();
        let at = now.0 % (line_ns * total);
        let (line, x) = (at / line_ns, at % line_ns);
        let retrace = (from..to).contains(&line);
        let blank = line >= lines || x >= shown;
        u8::from(blank || retrace) | u8::from(retrace) << 3
    }

    // Ports.

    fn read_port(&mut self, now: Ns, port: u16) -> u8 {
        if self.elsewhere(port) {
            return 0xff;
        }
        match port {
            0x3c0 => self.atc_index,
            0x3c1 => self.atc[usize::from(self.atc_index & 0x1f)],
            // Input status 0: a monitor is there.
            0x3c2 => 0x10,
            0x3c4 => self.seq_index,
            0x3c5 => self.seq[usize::from(self.seq_index & 7)],
            0x3c6 => self.dac_mask,
            0x3c7 => {
                if self.dac_reading {
                    3
                } else {
                    0
                }
            }
            0x3c8 => (self.dac_write / 3) as u8,
            0x3c9 => {
                let v = self.dac[usize::from(self.dac_read)];
                self.dac_read = (self.dac_read + 1) % 768;
                v
            }
            0x3ca => self.feature,
            0x3cc => self.misc,
            0x3ce => self.gc_index,
            0x3cf => self.gc[usize::from(self.gc_index & 15)],
            0x3b4 | 0x3d4 => self.crtc_index,
            0x3b5 | 0x3d5 => self.crtc[usize::from(self.crtc_index & 0x1f)],
            0x3ba | 0x3da => {
                self.atc_data = false;
                self.input_status(now)
            }
            _ => 0xff,
        }
    }

    fn write_port(&mut self, port: u16, v: u8) {
        if self.elsewhere(port) {
            return;
        }
        match port {
            0x3c0 => {
                self.atc_data = !self.atc_data;
                if self.atc_data {
                    self.atc_index = v & 0x3f;
                } else {
                    let i = usize::from(self.atc_index & 0x1f);
                    let mask = match i {
                        0..16 | 0x12 => 0x3f,
                        0x10 => 0xef,
                        0x11 => 0xff,
                        0x13 | 0x14 => 0x0f,
                        _ => 0,
                    };
                    // The palette is the CPU's while bit 5 of the index is clear.
                    if i >= 16 || self.atc_index & 0x20 == 0 {
                        self.atc[i] = v & mask;
                    }
                }
            }
            0x3c2 => self.misc = v & !0x10,
            0x3c4 => self.seq_index = v & 7,
            0x3c5 => {
                let i = usize::from(self.seq_index);
                self.seq[i] = v & [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff][i];
            }
            0x3c6 => self.dac_mask = v,
            0x3c7 => {
                self.dac_read = u16::from(v) * 3;
                self.dac_reading = true;
            }
            0x3c8 => {
                self.dac_write = u16::from(v) * 3;
                self.dac_reading = false;
            }
            0x3c9 => {
                let mask = if self.vbe.wide_dac() { 0xff } else { 0x3f };
                self.dac[usize::from(self.dac_write)] = v & mask;
                self.dac_write = (self.dac_write + 1) % 768;
            }
            0x3ce => self.gc_index = v & 15,
            0x3cf => {
                const MASKS: [u8; 9] = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];
                let i = usize::from(self.gc_index);
                if let Some(m) = MASKS.get(i) {
                    self.gc[i] = v & m;
                }
            }
            0x3b4 | 0x3d4 => self.crtc_index = v & 0x1f,
            0x3b5 | 0x3d5 => {
                let i = self.crtc_index;
                if i < PROTECTED && self.crtc[0x11] & 0x80 != 0 {
                    // Line compare's bit alone stays open.
                    if i == 7 {
                        self.crtc[7] = self.crtc[7] & !0x10 | v & 0x10;
                    }
                } else if i <= 0x18 {
                    self.crtc[usize::from(i)] = v;
                }
            }
            0x3ba | 0x3da => self.feature = v,
            _ => {}
        }
    }

    fn ports_read(&mut self, now: Ns, port: u16, size: u32) -> u64 {
        (0..size as u16).fold(0, |v, i| {
            v | u64::from(self.read_port(now, port + i)) << (8 * i)
        })
    }

    fn ports_write(&mut self, cx: &mut dyn DevCx, port: u16, size: u32, v: u64) {
        let before = self.direct();
        for i in 0..size as u16 {
            self.write_port(port + i, (v >> (8 * i)) as u8);
        }
        if self.direct() != before {
            cx.request_remap();
        }
    }

    fn dispi_write(&mut self, cx: &mut dyn DevCx, index: u16, v: u16) {
        let before = self.direct();
        if self.vbe.write(index, v) {
            // A new mode starts with cleared memory.
            let zeros = vec![0; 1 << 16];
            for at in (0..self.vbe.bytes().min(self.vram_bytes)).step_by(1 << 16) {
                let n = (self.vram_bytes - at).min(1 << 16) as usize;
                cx.block_write(self.vram, at, &zeros[..n]);
            }
        }
        if self.direct() != before {
            cx.request_remap();
        }
    }

    /// Where the window at A0000h lies in memory when it is nothing but memory.
    fn direct(&self) -> Option<u64> {
        if self.vbe.linear() {
            let at = self.vbe.bank() << 16;
            return (at + 0x1_0000 <= self.vram_bytes).then_some(at);
        }
        let chained = self.seq[4] & 8 != 0 && self.seq[2] & 15 == 15 && !self.vbe.on();
        let plain = self.gc[5] & 0x0b == 0
            && self.gc[1] & 15 == 0
            && self.gc[3] & 0x1f == 0
            && self.gc[8] == 0xff
            && self.gc[6] >> 2 & 3 == 1;
        (chained && plain && self.misc & 2 != 0).then_some(0)
    }
}

impl Device for Vga {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        let fresh = Vga::new(self.vram, self.vram_bytes);
        *self = match self.rom {
            Some((block, bytes)) => fresh.with_rom(block, bytes),
            None => fresh,
        };
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match region {
            PORTS => self.ports_read(cx.now(), 0x3b0 + (offset as u16 & 0x3f), size),
            WINDOW => (0..u64::from(size)).fold(0, |v, i| {
                v | u64::from(self.window_read(cx, offset + i)) << (8 * i)
            }),
            DISPI if offset == 0 => u64::from(self.vbe.index()),
            DISPI => u64::from(self.vbe.read(self.vbe.index())),
            _ => self.mmio_read(cx, offset, size),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            PORTS => self.ports_write(cx, 0x3b0 + (offset as u16 & 0x3f), size, value),
            WINDOW => {
                for i in 0..u64::from(size) {
                    self.window_write(cx, offset + i, (value >> (8 * i)) as u8);
                }
            }
            DISPI if offset == 0 => self.vbe.select(value as u16),
            DISPI => self.dispi_write(cx, self.vbe.index(), value as u16),
            _ => self.mmio_write(cx, offset, size, value),
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        let memory = |offset| MapTo::Block {
            block: self.vram,
            offset,
            writable: true,
            region: WINDOW,
        };
        if let Some((base, len)) = self.cfg.decoded(0) {
            out.push(Mapping {
                space: Space::PciMem,
                base,
                len,
                to: memory(0),
                priority: 1,
            });
        }
        out.extend(self.cfg.mapping(2, MMIO, 4));
        if let (Some((block, bytes)), Some(base)) = (self.rom, self.cfg.rom_base()) {
            out.push(Mapping {
                space: Space::PciMem,
                base,
                len: bytes.into(),
                to: MapTo::Block {
                    block,
                    offset: 0,
                    writable: false,
                    region: ROM,
                },
                priority: 1,
            });
        }
        out.push(Mapping {
            space: Space::PciMem,
            base: 0xa_0000,
            len: 0x2_0000,
            to: MapTo::Regs {
                region: WINDOW,
                widest: 8,
            },
            priority: 1,
        });
        if let Some(at) = self.direct() {
            out.push(Mapping {
                space: Space::PciMem,
                base: 0xa_0000,
                len: 0x1_0000,
                to: memory(at),
                priority: 2,
            });
        }
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        if self.cfg.write(reg, size, value) {
            cx.request_remap();
        }
    }

    fn display(&mut self, cx: &mut dyn DevCx, frame: &mut Frame) -> bool {
        self.render(cx, frame);
        true
    }

    fn text_screen(&mut self, cx: &mut dyn DevCx) -> Option<TextScreen> {
        Some(self.text(cx))
    }

    stored_device!();
}
