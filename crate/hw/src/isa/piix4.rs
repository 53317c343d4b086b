//! Intel 82371AB PIIX4 (data sheet 290562): functions 0 (ISA bridge), 2 (USB) and 3 (power management and SMBus). Function 1
//! (IDE) and the chips on the ISA bus are devices of their own.
//!
//! Modelled: PIRQ routing, reset control (CF9h), the power management I/O block with its timer and soft-off, SMBus with SPD
//! EEPROMs, an empty USB controller. Not modelled: DMA controllers, SMI, other sleep states than soft-off, GPIO beyond
//! latches.

use tinamou_core::{
    DevCx, Device, LoadError, Loader, MachineRequest, MapTo, Mapping, Ns, Saver, Space,
};

use super::smbus::SmBus;
use super::uhci::Uhci;
use crate::pci::config::{Bar, Ident, PciFunction};

const PM_TIMER_HZ: u64 = 3_579_545;
const PIRQ_OFF: u8 = 0x80;
const SUS_EN: u16 = 0x2000;
const SUS_TYP: u16 = 0x1c00;

/// Regions of [`Piix4`]: reset control, power management, SMBus, USB.
const RCR: u32 = 0;
const PM: u32 = 1;
const SMB: u32 = 2;
const USB: u32 = 3;

/// Input pins: PIRQA to PIRQD. Output pins 0 to 15: ISA interrupts. Region 0: the reset control register.
pub struct Piix4 {
    isa: PciFunction,
    usb: PciFunction,
    pm: PciFunction,
    pirq: u8,
    rcr: u8,
    pm_regs: [u8; 0x40],
    smbus: SmBus,
    uhci: Uhci,
}

fn isa_function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x7110,
        class: [0x06, 0x01, 0x00],
        revision: 0,
        header: 0x80,
        pin: 0,
    });
    f.set16(0x04, 0x0007);
    f.set16(0x06, 0x0200);
    for at in 0x40..0x100 {
        f.writable(at, 0xff);
    }
    for (at, v) in [
        (0x4c, 0x4d),
        (0x4e, 0x03),
        (0x60, PIRQ_OFF),
        (0x61, PIRQ_OFF),
        (0x62, PIRQ_OFF),
        (0x63, PIRQ_OFF),
        (0x64, 0x10),
        (0x69, 0x02),
        (0x76, 0x0c),
        (0x77, 0x0c),
        (0x78, 0x02),
        (0xa0, 0x08),
        (0xa8, 0x0f),
        (0xcb, 0x21),
    ] {
        f.set8(at, v);
    }
    f
}

fn usb_function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x7112,
        class: [0x0c, 0x03, 0x00],
        revision: 1,
        header: 0,
        pin: 4,
    });
    f.set16(0x06, 0x0280);
    f.bar(4, Bar::Io(0x20));
    f.set8(0x60, 0x10);
    f.set8(0x6a, 0x01);
    f.writable(0xc0, 0xff);
    f.writable(0xc1, 0xff);
    f.set16(0xc0, 0x2000);
    f
}

fn pm_function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x7113,
        class: [0x06, 0x80, 0x00],
        revision: 3,
        header: 0,
        pin: 1,
    });
    f.set16(0x06, 0x0280);
    f.set8(0x40, 1);
    for at in (0x41..0x90).chain(0x91..0x100) {
        f.writable(at, 0xff);
    }
    f.writable(0x40, 0xc0);
    f.writable(0x42, 0);
    f.writable(0x43, 0);
    f.writable(0x90, 0xf0);
    f.set32(0x90, 0x1101);
    f.set8(0xd2, 0x09);
    for (at, v) in [(0x5b, 0x02), (0x5f, 0x90), (0x63, 0x60), (0x67, 0x98)] {
        f.set8(at, v);
    }
    f
}

impl Piix4 {
    /// A bridge whose SMBus has these EEPROMs from address 50h on.
    pub fn new(eeproms: Vec<[u8; 256]>) -> Piix4 {
        Piix4 {
            isa: isa_function(),
            usb: usb_function(),
            pm: pm_function(),
            pirq: 0,
            rcr: 0,
            pm_regs: [0; 0x40],
            smbus: SmBus::new(eeproms),
            uhci: Uhci::new(),
        }
    }

    fn route(&self, cx: &mut dyn DevCx) {
        let mut on = 0u16;
        for i in 0..4 {
            let r = self.isa.get8(0x60 + i);
            if r & PIRQ_OFF == 0 && self.pirq >> i & 1 != 0 {
                on |= 1 << (r & 15);
            }
        }
        // 0, 1, 2, 8 and 13 are reserved.
        on &= 0xdef8;
        for n in 0..16 {
            cx.set_irq(n, on >> n & 1 != 0);
        }
    }

    fn pm16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.pm_regs[at & 0x3e], self.pm_regs[at & 0x3e | 1]])
    }

    fn pm_read(&self, now: Ns, offset: u64, size: u32) -> u64 {
        let timer = (now.ticks(PM_TIMER_HZ) as u32 & 0xff_ffff).to_le_bytes();
        (0..u64::from(size)).fold(0, |v, i| {
            let at = (offset + i) as usize & 0x3f;
            let b = match at {
                8..12 => timer[at - 8],
                0x14 | 0x15 => 0,
                // General inputs float high.
                0x30..0x33 => 0xff,
                _ => self.pm_regs[at],
            };
            v | u64::from(b) << (8 * i)
        })
    }

    fn pm_write(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32, value: u64) {
        for i in 0..u64::from(size) {
            let at = (offset + i) as usize & 0x3f;
            let v = (value >> (8 * i)) as u8;
            match at {
                // Status bits clear when written with one.
                0x00 | 0x01 | 0x0c | 0x0d | 0x18..0x20 => self.pm_regs[at] &= !v,
                8..12 | 0x14 | 0x15 | 0x30..0x34 => {}
                _ => self.pm_regs[at] = v,
            }
        }
        let c = self.pm16(4);
        if (offset..offset + u64::from(size)).contains(&5) && c & SUS_EN != 0 {
            self.pm_regs[5] &= !((SUS_EN >> 8) as u8);
            match c & SUS_TYP {
                0 => cx.request(MachineRequest::Shutdown),
                t => cx.guest_error(format_args!("sleep type {} is not modelled", t >> 10)),
            }
        }
    }
}

impl Device for Piix4 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        let pirq = self.pirq;
        let mut smbus = std::mem::replace(&mut self.smbus, SmBus::new(Vec::new()));
        smbus.reset();
        *self = Piix4 {
            pirq,
            smbus,
            ..Piix4::new(Vec::new())
        };
        self.route(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match region {
            RCR => u64::from(self.rcr),
            PM => self.pm_read(cx.now(), offset, size),
            SMB => u64::from(self.smbus.read(offset)),
            _ => u64::from(self.uhci.read(cx.now(), offset, size)),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            RCR => {
                if value & 4 != 0 && self.rcr & 4 == 0 {
                    cx.request(MachineRequest::Reset);
                }
                self.rcr = value as u8 & 2;
            }
            PM => self.pm_write(cx, offset, size, value),
            SMB => self.smbus.write(offset, value as u8),
            _ => self.uhci.write(cx.now(), offset, size, value as u32),
        }
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        if pin < 4 {
            self.pirq = self.pirq & !(1 << pin) | u8::from(level) << pin;
            self.route(cx);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        let mut io = |base: u64, len, region, widest| {
            let to = MapTo::Regs { region, widest };
            out.push(Mapping {
                space: Space::Io,
                base,
                len,
                to,
                priority: 1,
            });
        };
        if self.pm.get8(0x80) & 1 != 0 {
            io(u64::from(self.pm.get16(0x40) & 0xffc0), 0x40, PM, 4);
        }
        if self.pm.get8(0xd2) & 1 != 0 {
            io(u64::from(self.pm.get16(0x90) & 0xfff0), 0x10, SMB, 1);
        }
        if let Some((base, len)) = self.usb.decoded(4) {
            io(base, len, USB, 4);
        }
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, func: u8, reg: u8, size: u32) -> u32 {
        match func {
            0 => self.isa.read(reg, size),
            2 => self.usb.read(reg, size),
            3 => self.pm.read(reg, size),
            _ => u32::MAX,
        }
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, func: u8, reg: u8, size: u32, value: u32) {
        match func {
            0 => {
                self.isa.write(reg, size, value);
                self.route(cx);
            }
            2 => {
                self.usb.write(reg, size, value);
            }
            3 => {
                self.pm.write(reg, size, value);
            }
            _ => {}
        }
        cx.request_remap();
    }

    fn save(&self, s: &mut Saver) {
        self.isa.save(s);
        self.usb.save(s);
        self.pm.save(s);
        s.u8(self.pirq);
        s.u8(self.rcr);
        s.raw(&self.pm_regs);
        self.smbus.save(s);
        self.uhci.save(s);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.isa.load(l)?;
        self.usb.load(l)?;
        self.pm.load(l)?;
        self.pirq = l.u8()? & 15;
        self.rcr = l.u8()?;
        l.fill(&mut self.pm_regs)?;
        self.smbus.load(l)?;
        self.uhci.load(l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench() -> Bench<Piix4> {
        let make = || Piix4::new(vec![super::super::spd::spd(64 << 20)]);
        Bench::new(make(), make)
    }

    fn cfg(b: &mut Bench<Piix4>, func: u8, reg: u8, size: u32, v: u32) {
        b.dev.pci_write(&mut b.cx, func, reg, size, v);
    }

    #[test]
    fn interrupts_are_routed() {
        bench().twice(|b| {
            b.dev.irq_in(&mut b.cx, 1, true);
            assert_eq!(b.cx.levels, 0);
            cfg(b, 0, 0x60, 4, 0x0b0b_0a0a);
            assert!(b.irq(10));
            b.save_and_load();
            cfg(b, 0, 0x61, 1, 0x0b);
            assert!(b.irq(11) && !b.irq(10));
            b.dev.irq_in(&mut b.cx, 1, false);
            cfg(b, 0, 0x60, 4, 0x8080_8080);
            assert_eq!(b.cx.levels, 0);
        });
    }

    #[test]
    fn soft_off_and_timer() {
        bench().twice(|b| {
            cfg(b, 3, 0x40, 2, 0x1000);
            cfg(b, 3, 0x80, 1, 1);
            let mut m = Vec::new();
            b.dev.mappings(&mut m);
            assert!(m.iter().any(|m| m.base == 0x1000 && m.len == 0x40));
            let t = b.read(PM, 8, 4);
            b.settle(Ns::SECOND);
            assert_eq!((b.read(PM, 8, 4) - t) & 0xff_ffff, PM_TIMER_HZ & 0xff_ffff);
            b.write(PM, 4, 2, 0x2000);
            assert_eq!(
                std::mem::take(&mut b.cx.requests),
                [MachineRequest::Shutdown]
            );
        });
    }

    #[test]
    fn spd_by_smbus() {
        bench().twice(|b| {
            b.write(SMB, 0, 1, 0xff);
            b.write(SMB, 4, 1, 0xa1);
            b.write(SMB, 3, 1, 2);
            b.write(SMB, 2, 1, 0x48);
            assert_eq!((b.read(SMB, 0, 1), b.read(SMB, 5, 1)), (2, 4));
            b.write(SMB, 0, 1, 0xff);
            b.write(SMB, 4, 1, 0xa3);
            b.write(SMB, 2, 1, 0x48);
            assert_eq!(b.read(SMB, 0, 1), 4, "no such device");
        });
    }
}
