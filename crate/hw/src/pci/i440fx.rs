//! Intel 82441FX (data sheet 290549): the host bridge of the i440FX chip set. It decides where memory is seen, and makes PCI
//! configuration cycles of ports CF8h and CFCh (PCI 2.1, configuration mechanism 1).
//!
//! Modelled: PAM, SMRAM, the hole between memory and 4 GiB, the reset control register in the middle of CF8h (it is the south
//! bridge's on the real board, but shares the port). Not modelled: DRAM timing and row boundaries, ECC, the AGP of later sets.

use tinamou_core::{BlockId, DevCx, Device, MapTo, Mapping, Space, stored, stored_device};

use super::config::{Ident, PciFunction};
use crate::isa::reset::ResetControl;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Memory above this much is seen from 4 GiB on.
const LOW_MAX: u64 = 3 * GIB;

const PAM0: usize = 0x59;
const SMRAM: usize = 0x72;
const D_OPEN: u8 = 0x40;
const D_CLS: u8 = 0x20;
const D_LCK: u8 = 0x10;
const G_SMRAME: u8 = 0x08;

/// Region: ports CF8h to CFFh.
pub const CONFIG: u32 = 0;
/// Region: writes to memory that is read-only.
const IGNORE: u32 = 1;
/// Regions from here on, one for each PAM segment: shadow memory that is written but not read.
const SHADOW: u32 = 16;

/// Input pin: the CPU is in system management mode.
pub const SMIACT: u32 = 0;

/// The bridge.
pub struct I440fx {
    ram: BlockId,
    ram_bytes: u64,
    bios: BlockId,
    bios_bytes: u64,
    cfg: PciFunction,
    address: u32,
    reset: ResetControl,
    smm: bool,
}
stored!(I440fx {
    cfg,
    address,
    reset,
    smm
});

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x1237,
        class: [0x06, 0x00, 0x00],
        revision: 2,
        header: 0,
        pin: 0,
    });
    f.set16(0x04, 0x0006);
    f.set16(0x06, 0x0280);
    for at in (0x50..0x72).chain(0x73..0x100) {
        f.writable(at, 0xff);
    }
    for at in PAM0..PAM0 + 7 {
        f.writable(at, 0x33);
    }
    f.writable(SMRAM, D_OPEN | D_CLS | D_LCK | G_SMRAME);
    f.set8(SMRAM, 0x02);
    f
}

/// A segment that PAM controls: first address, length, register, shift.
fn segments() -> impl Iterator<Item = (u64, u64, usize, u32)> {
    let small = (0..12u64).map(|i| {
        let reg = PAM0 + 1 + i as usize / 2;
        (0xc_0000 + i * 0x4000, 0x4000, reg, (i as u32 & 1) * 4)
    });
    small.chain([(0xf_0000, 0x1_0000, PAM0, 4)])
}

impl I440fx {
    /// A bridge to `ram` of `ram_bytes`, with firmware in `bios`, which ends at 4 GiB and is seen (its last 128 KiB) at E0000h.
    pub fn new(ram: BlockId, ram_bytes: u64, bios: BlockId, bios_bytes: u64) -> I440fx {
        I440fx {
            ram,
            ram_bytes,
            bios,
            bios_bytes,
            cfg: function(),
            address: 0,
            reset: ResetControl::default(),
            smm: false,
        }
    }

    /// Bytes of memory below 4 GiB.
    pub fn low_bytes(ram_bytes: u64) -> u64 {
        ram_bytes.min(LOW_MAX)
    }

    /// Offset of an address below 1 MiB in the firmware, if it is there.
    fn bios_at(&self, at: u64) -> Option<u64> {
        let seen = self.bios_bytes.min(0x2_0000);
        let first = MIB - seen;
        let offset = at.checked_sub(first).filter(|o| *o < seen)?;
        Some(self.bios_bytes - seen + offset)
    }

    /// Address of an offset in a shadow region.
    fn shadow(region: u32, offset: u64) -> Option<u64> {
        let (base, len, ..) = segments().nth(region.checked_sub(SHADOW)? as usize)?;
        (offset < len).then_some(base + offset)
    }

    fn smram_open(&self) -> bool {
        let s = self.cfg.get8(SMRAM);
        s & G_SMRAME != 0 && (s & D_OPEN != 0 || self.smm && s & D_CLS == 0)
    }

    fn config_target(&self) -> Option<(u8, u8)> {
        let a = self.address;
        // Bus 0 is all there is.
        (a & 0x80ff_0000 == 0x8000_0000).then_some(((a >> 8) as u8, a as u8 & 0xfc))
    }

    fn config_cycle(
        &mut self,
        cx: &mut dyn DevCx,
        offset: u64,
        size: u32,
        write: Option<u32>,
    ) -> u32 {
        let Some((devfn, reg)) = self.config_target() else {
            return u32::MAX;
        };
        let low = (offset & 3) as u8;
        if u32::from(low) + size > 4 || low & (size as u8 - 1) != 0 {
            // Bytes at a time, those inside.
            return (0..size).fold(0, |v, i| {
                if u32::from(low) + i > 3 {
                    return v;
                }
                let w = write.map(|w| w >> (8 * i) & 0xff);
                v | (self.config_cycle(cx, offset + u64::from(i), 1, w) & 0xff) << (8 * i)
            });
        }
        let reg = reg | low;
        match (devfn, write) {
            // The bridge cannot be reached through itself.
            (0, None) => self.cfg.read(reg, size),
            (0, Some(v)) => {
                self.own_write(cx, reg, size, v);
                0
            }
            (_, None) => cx.pci_read(devfn, reg, size),
            (_, Some(v)) => {
                cx.pci_write(devfn, reg, size, v);
                0
            }
        }
    }

    fn own_write(&mut self, cx: &mut dyn DevCx, reg: u8, size: u32, v: u32) {
        let before = self.cfg.get8(SMRAM);
        self.cfg.write(reg, size, v);
        let s = self.cfg.get8(SMRAM);
        if before & D_LCK != 0 {
            // Locked until reset; only closing is still possible.
            self.cfg.set8(SMRAM, before & !D_CLS | s & D_CLS);
        } else if s & D_LCK != 0 {
            self.cfg.set8(SMRAM, s & !D_OPEN);
        }
        cx.request_remap();
    }
}

impl Device for I440fx {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.cfg = function();
        self.address = 0;
        self.reset = ResetControl::default();
        self.smm = false;
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match (region, offset) {
            (SHADOW.., _) => {
                let mut b = [0; 8];
                b[..size.min(8) as usize].fill(0xff);
                if let Some(at) = I440fx::shadow(region, offset).and_then(|a| self.bios_at(a)) {
                    cx.block_read(self.bios, at, &mut b[..size.min(8) as usize]);
                }
                u64::from_le_bytes(b)
            }
            (CONFIG, 1) if size == 1 => u64::from(self.reset.read()),
            (CONFIG, 0..4) if size == 4 => u64::from(self.address),
            (CONFIG, 4..8) => u64::from(self.config_cycle(cx, offset, size.min(4), None)),
            _ => u64::MAX,
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match (region, offset) {
            (SHADOW.., _) => {
                if let Some(at) = I440fx::shadow(region, offset) {
                    let bytes = value.to_le_bytes();
                    cx.block_write(self.ram, at, &bytes[..size.min(8) as usize]);
                }
            }
            (CONFIG, 1) if size == 1 => self.reset.write(cx, value as u8),
            (CONFIG, 0) if size == 4 => self.address = value as u32 & 0x80ff_fffc,
            (CONFIG, 4..8) => {
                self.config_cycle(cx, offset, size.min(4), Some(value as u32));
            }
            _ => {}
        }
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        if pin == SMIACT {
            self.smm = level;
            cx.request_remap();
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        let mut add = |base, len, to, priority| {
            if len != 0 {
                out.push(Mapping {
                    space: Space::System,
                    base,
                    len,
                    to,
                    priority,
                });
            }
        };
        let block = |block, offset, writable| MapTo::Block {
            block,
            offset,
            writable,
            region: IGNORE,
        };
        // Everything else below 4 GiB is PCI's.
        let pci = MapTo::Window {
            space: Space::PciMem,
            base: 0,
        };
        add(0, 4 * GIB, pci, -10);
        let low = I440fx::low_bytes(self.ram_bytes);
        add(0, low.min(0xa_0000), block(self.ram, 0, true), 10);
        add(MIB, low.saturating_sub(MIB), block(self.ram, MIB, true), 10);
        add(
            4 * GIB,
            self.ram_bytes - low,
            block(self.ram, low, true),
            10,
        );
        if self.smram_open() {
            add(0xa_0000, 0x2_0000, block(self.ram, 0xa_0000, true), 10);
        }
        add(
            4 * GIB - self.bios_bytes,
            self.bios_bytes,
            block(self.bios, 0, false),
            -5,
        );
        for (i, (base, len, reg, shift)) in segments().enumerate() {
            match self.cfg.get8(reg) >> shift & 3 {
                0 => {
                    if let Some(at) = self.bios_at(base) {
                        add(base, len, block(self.bios, at, false), 10);
                    }
                }
                1 => add(base, len, block(self.ram, base, false), 10),
                2 => {
                    let to = MapTo::Regs {
                        region: SHADOW + i as u32,
                        widest: 8,
                    };
                    add(base, len, to, 10);
                }
                _ => add(base, len, block(self.ram, base, true), 10),
            }
        }
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        self.own_write(cx, reg, size, value);
    }

    stored_device!();
}

#[cfg(test)]
mod tests;
