//! Function 1 of the PIIX3 and the PIIX4: two IDE channels with bus mastering (82371FB/SB data sheet 290550, section 2.3; 82371AB
//! data sheet 290562, sections 4 and 8).
//!
//! The command and control blocks are at the legacy ports always (the timing registers' decode enables are kept, not obeyed,
//! as firmware differs in setting them). Timing registers have no effect.

use tinamou_core::{DevCx, Device, Input, Mapping, stored, stored_device};

use super::channel::{Bay, Channel};
use crate::isa::piix::Model;
use crate::pci::config::PciFunction;

const BUS_MASTER: u32 = 4;

/// The function. Regions 0 and 1: command blocks of the channels; 2 and 3: their control ports; 4: bus master registers. Pins
/// 0 and 1: the channels' interrupts (IRQ 14 and 15).
pub struct PiixIde {
    model: Model,
    cfg: PciFunction,
    channels: [Channel; 2],
}
stored!(PiixIde { cfg, channels });

impl PiixIde {
    /// A controller with these bays: primary master, primary slave, secondary master, secondary slave.
    pub fn new(model: Model, bays: [Bay; 4]) -> PiixIde {
        let [a, b, c, d] = bays;
        PiixIde {
            model,
            cfg: model.ide(),
            channels: [Channel::new(0, 0, [a, b]), Channel::new(1, 1, [c, d])],
        }
    }
}

impl Device for PiixIde {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.cfg = self.model.ide();
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
        match input {
            Input::Block { slot, id, result } => {
                if let Some(c) = self.channels.get_mut(slot as usize / 2) {
                    c.block_done(cx, id, result);
                }
            }
            Input::DiskChanged { slot } => {
                if let Some(c) = self.channels.get_mut(slot as usize / 2) {
                    c.medium_changed(slot);
                }
            }
            Input::Tray { slot, open } => {
                if let Some(c) = self.channels.get_mut(slot as usize / 2) {
                    c.tray_moved(slot, open);
                }
            }
            _ => {}
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(4, BUS_MASTER, 4));
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        if self.cfg.write(reg, size, value) {
            cx.request_remap();
        }
    }

    stored_device!();
}
