//! The card by which a guest says that it broke: QEMU's specification docs/specs/pvpanic, the PCI form (1b36:0011). One byte in memory
//! names the events there are and takes those that happened.

use tinamou_core::{DevCx, Device, Mapping, News, stored, stored_device};

use crate::pci::config::{Bar, Ident, PciFunction};

const PANICKED: u8 = 1;
const CRASH_LOADED: u8 = 2;

fn config() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x1b36,
        device: 0x0011,
        class: [0x08, 0x80, 0x00],
        revision: 1,
        header: 0,
        pin: 0,
    });
    f.bar(0, Bar::Mem(16));
    f
}

/// The card.
pub struct Pvpanic {
    cfg: PciFunction,
}
stored!(Pvpanic { cfg });

impl Default for Pvpanic {
    fn default() -> Pvpanic {
        Pvpanic { cfg: config() }
    }
}

impl Device for Pvpanic {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.cfg = config();
        cx.request_remap();
    }

    fn read(&mut self, _cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32) -> u64 {
        match offset {
            0 => u64::from(PANICKED | CRASH_LOADED),
            _ => 0,
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32, value: u64) {
        if offset != 0 {
            return;
        }
        if value as u8 & PANICKED != 0 {
            cx.tell(News::Panicked);
        } else if value as u8 & CRASH_LOADED != 0 {
            cx.tell(News::CrashLoaded);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(0, 0, 4));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    #[test]
    fn what_it_hears_is_news() {
        let mut b = Bench::new(Pvpanic::default(), Pvpanic::default);
        assert_eq!(b.read(0, 0, 1), 3);
        b.write(0, 0, 1, 2);
        b.write(0, 1, 1, 1);
        b.write(0, 0, 1, 3);
        assert_eq!(b.cx.news, [News::CrashLoaded, News::Panicked]);
        storm(&mut b, &[(0, 16)], 2_000);
    }
}
