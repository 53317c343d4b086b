//! PIIX4's function 1: two IDE channels with bus mastering (82371AB data sheet 290562, sections 4 and 8).
//!
//! The command and control blocks are at the legacy ports always (the timing registers' decode enables are kept, not obeyed,
//! as firmware differs in setting them). Timing registers have no effect.

use tinamou_core::{DevCx, Device, Input, LoadError, Loader, MapTo, Mapping, Saver, Space};

use super::channel::{Bay, Channel};
use crate::pci::config::{Bar, Ident, PciFunction};

const BUS_MASTER: u32 = 4;

/// The function. Regions 0 and 1: command blocks of the channels; 2 and 3: their control ports; 4: bus master registers. Pins
/// 0 and 1: the channels' interrupts (IRQ 14 and 15).
pub struct Piix4Ide {
    cfg: PciFunction,
    channels: [Channel; 2],
}

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x7111,
        class: [0x01, 0x01, 0x80],
        revision: 1,
        header: 0,
        pin: 0,
    });
    f.set16(0x06, 0x0280);
    f.bar(4, Bar::Io(16));
    for at in (0x40..0x4c).chain([0xf8, 0xf9, 0xfa, 0xfb]) {
        f.writable(at, 0xff);
    }
    f
}

impl Piix4Ide {
    /// A controller with these bays: primary master, primary slave, secondary master, secondary slave.
    pub fn new(bays: [Bay; 4]) -> Piix4Ide {
        let [a, b, c, d] = bays;
        Piix4Ide {
            cfg: function(),
            channels: [Channel::new(0, 0, [a, b]), Channel::new(1, 1, [c, d])],
        }
    }
}

impl Device for Piix4Ide {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.cfg = function();
        for c in &mut self.channels {
            c.reset(cx);
        }
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match region {
            0 | 1 => {
                let c = &mut self.channels[region as usize];
                if offset == 0 {
                    return c.read(cx, 0, size);
                }
                // Only the data register is wide.
                let n = u64::from(size).min(8 - offset.min(7));
                (0..n).fold(0, |v, i| v | (c.read(cx, offset + i, 1) & 0xff) << (8 * i))
            }
            2 | 3 => u64::from(self.channels[region as usize - 2].alternate_status()),
            _ => (0..u64::from(size)).fold(0, |v, i| {
                let at = offset + i;
                let b = self.channels[(at >> 3 & 1) as usize].bm_read(at & 7);
                v | u64::from(b) << (8 * i)
            }),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            0 | 1 => {
                let c = &mut self.channels[region as usize];
                if offset == 0 {
                    return c.write(cx, 0, size, value);
                }
                let n = u64::from(size).min(8 - offset.min(7));
                for i in 0..n {
                    c.write(cx, offset + i, 1, value >> (8 * i) & 0xff);
                }
            }
            2 | 3 => self.channels[region as usize - 2].write_control(cx, value as u8),
            _ => {
                for i in 0..u64::from(size) {
                    let at = offset + i;
                    let c = &mut self.channels[(at >> 3 & 1) as usize];
                    c.bm_write(cx, at & 7, (value >> (8 * i)) as u8);
                }
            }
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Block { slot, id, result } = input
            && let Some(c) = self.channels.get_mut(slot as usize / 2)
        {
            c.block_done(cx, id, result);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        if let Some((base, len)) = self.cfg.decoded(4) {
            let to = MapTo::Regs {
                region: BUS_MASTER,
                widest: 4,
            };
            out.push(Mapping {
                space: Space::Io,
                base,
                len,
                to,
                priority: 1,
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

    fn save(&self, s: &mut Saver) {
        self.cfg.save(s);
        for c in &self.channels {
            c.save(s);
        }
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.cfg.load(l)?;
        for c in &mut self.channels {
            c.load(l)?;
        }
        Ok(())
    }
}
