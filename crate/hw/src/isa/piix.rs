//! Intel 82371SB PIIX3 (data sheet 290550) and 82371AB PIIX4 (data sheet 290562): functions 0 (ISA bridge), 2 (USB) and 3 (power
//! management and SMBus). Function 1 (IDE) and the chips on the ISA bus are devices of their own.
//!
//! Modelled: PIRQ routing, reset control (CF9h), the power management I/O block ([`pm`]), SMBus with SPD EEPROMs, an empty USB
//! controller, and what QEMU has beside these: ports for plugging and unplugging PCI cards ([`hotplug`]). Not modelled: GPIO beyond latches, distributed DMA, serial interrupts.

use tinamou_core::{DevCx, Device, Input, MapTo, Mapping, News, Space, stored, stored_device};

use super::reset::ResetControl;
use super::smbus::SmBus;
use super::uhci::Uhci;
use crate::pci::config::PciFunction;

mod functions;
mod hotplug;
pub mod pm;

pub use functions::{Model, PIRQ_OFF};
use hotplug::Hotplug;
use pm::Pm;

/// Reset control.
pub const RCR: u32 = 0;
/// Power management I/O.
const PM: u32 = 1;
/// SMBus I/O.
const SMB: u32 = 2;
/// USB I/O.
const USB: u32 = 3;
/// APM control and status (ports B2h and B3h).
pub const APM: u32 = 4;
/// PCI slots that are plugged and unplugged (AE00h on a PC).
pub const HOTPLUG: u32 = 5;
/// General purpose events of these (AFE0h).
pub const EVENTS: u32 = 6;

/// Output pin of SMI#: a pulse for each write to the APM control port that is enabled to cause one.
pub const SMI: u32 = 16;
/// The ISA interrupt of SCI.
const SCI_IRQ: u8 = 9;
/// The APM control port causes SMI# (APMC_EN, bit 25 of DEVACTB at 58h of function 3).
const APMC_EN: u8 = 0x02;

/// Input pins: PIRQA to PIRQD. Output pins 0 to 15: ISA interrupts; 16: SMI#. Region 0: the reset control register; region 4: the
/// APM ports; the others move with the configuration.
pub struct Piix {
    model: Model,
    isa: PciFunction,
    usb: PciFunction,
    pm_cfg: PciFunction,
    pirq: u8,
    rcr: ResetControl,
    pm: Pm,
    smbus: SmBus,
    uhci: Uhci,
    hotplug: Hotplug,
}
stored!(Piix { isa, usb, pm_cfg, pirq, rcr, pm, smbus, uhci, hotplug } check |s| s.pirq < 16, "PIRQ lines");

impl Piix {
    /// A bridge whose SMBus has these EEPROMs from address 50h on.
    pub fn new(model: Model, eeproms: Vec<[u8; 256]>) -> Piix {
        Piix {
            model,
            isa: model.isa(),
            usb: model.usb(),
            pm_cfg: model.pm(),
            pirq: 0,
            rcr: ResetControl::default(),
            pm: Pm::default(),
            smbus: SmBus::new(eeproms),
            uhci: Uhci::new(),
            hotplug: Hotplug::default(),
        }
    }

    /// Drives the outputs.
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
        if self.pm.sci() || self.pm.sci_is_on() && self.hotplug.pending() {
            on |= 1 << SCI_IRQ;
        }
        for n in 0..16 {
            cx.set_irq(n, on >> n & 1 != 0);
        }
        cx.set_timer(0, self.pm.deadline());
    }
}

impl Device for Piix {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        let pirq = self.pirq;
        let mut smbus = std::mem::replace(&mut self.smbus, SmBus::new(Vec::new()));
        smbus.reset();
        *self = Piix {
            pirq,
            smbus,
            pm: Pm::new(cx.now()),
            ..Piix::new(self.model, Vec::new())
        };
        cx.set_irq(SMI, false);
        self.route(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match region {
            RCR => u64::from(self.rcr.read()),
            PM => self.pm.read(cx.now(), offset, size),
            SMB => u64::from(self.smbus.read(offset)),
            APM => u64::from(self.pm.apm_read(offset)),
            HOTPLUG => self.hotplug.read(offset, size),
            EVENTS => self.hotplug.event_read(offset, size),
            _ => u64::from(self.uhci.read(cx.now(), offset, size)),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            RCR => self.rcr.write(cx, value as u8),
            PM => {
                self.pm.write(cx, offset, size, value);
                self.route(cx);
            }
            SMB => self.smbus.write(offset, value as u8),
            APM => {
                self.pm.apm_write(offset, value as u8);
                if offset == 0 && self.pm_cfg.get8(0x5b) & APMC_EN != 0 {
                    cx.set_irq(SMI, true);
                    cx.set_irq(SMI, false);
                }
                self.route(cx);
            }
            HOTPLUG => {
                let gone = self.hotplug.write(offset, value);
                for slot in (0..32).filter(|n| gone >> n & 1 != 0) {
                    cx.tell(News::Ejected { slot });
                }
            }
            EVENTS => {
                self.hotplug.event_write(offset, size, value);
                self.route(cx);
            }
            _ => self.uhci.write(cx.now(), offset, size, value as u32),
        }
    }

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        self.pm.timer(cx.now());
        self.route(cx);
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        if pin < 4 {
            self.pirq = self.pirq & !(1 << pin) | u8::from(level) << pin;
            self.route(cx);
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        match input {
            Input::PowerButton => self.pm.power_button(),
            Input::Plugged { slot } => self.hotplug.plugged(slot),
            Input::UnplugAsked { slot } => self.hotplug.unplug_asked(slot),
            _ => return,
        }
        self.route(cx);
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
        if self.pm_cfg.get8(0x80) & 1 != 0 {
            io(u64::from(self.pm_cfg.get16(0x40) & 0xffc0), 0x40, PM, 4);
        }
        if self.pm_cfg.get8(0xd2) & 1 != 0 {
            io(u64::from(self.pm_cfg.get16(0x90) & 0xfff0), 0x10, SMB, 1);
        }
        out.extend(self.usb.mapping(4, USB, 4));
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, func: u8, reg: u8, size: u32) -> u32 {
        match func {
            0 => self.isa.read(reg, size),
            2 => self.usb.read(reg, size),
            3 => self.pm_cfg.read(reg, size),
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
                self.pm_cfg.write(reg, size, value);
            }
            _ => {}
        }
        cx.request_remap();
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::pm::PM_TIMER_HZ;
    use super::*;
    use crate::testing::Bench;
    use tinamou_core::{MachineRequest, Ns};

    fn bench() -> Bench<Piix> {
        let make = || Piix::new(Model::Piix4, vec![super::super::spd::spd(64 << 20)]);
        Bench::new(make(), make)
    }

    fn cfg(b: &mut Bench<Piix>, func: u8, reg: u8, size: u32, v: u32) {
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

    fn pm_on(b: &mut Bench<Piix>) {
        cfg(b, 3, 0x40, 2, 0x600);
        cfg(b, 3, 0x80, 1, 1);
    }

    #[test]
    fn power_button_raises_sci() {
        bench().twice(|b| {
            pm_on(b);
            b.write(APM, 0, 1, 0xf1);
            assert_eq!(b.read(PM, 4, 2) & 1, 1, "SCI_EN");
            b.write(PM, 2, 2, 0x100);
            b.dev.input(&mut b.cx, Input::PowerButton);
            assert!(b.irq(9));
            b.save_and_load();
            assert_eq!(b.read(PM, 0, 2) & 0x100, 0x100);
            b.write(PM, 0, 2, 0x100);
            assert!(!b.irq(9));
            b.write(PM, 2, 2, 0);
            assert!(b.cx.requests.is_empty());
            b.write(APM, 0, 1, 0xf0);
            b.dev.input(&mut b.cx, Input::PowerButton);
            assert!(!b.irq(9) && b.cx.requests.is_empty(), "nobody listens");
            assert_eq!(b.read(PM, 0, 2) & 0x100, 0);
        });
    }

    #[test]
    fn slots_are_told_of_and_ejected() {
        bench().twice(|b| {
            pm_on(b);
            b.write(APM, 0, 1, 0xf1);
            b.write(EVENTS, 2, 2, 2);
            b.dev.input(&mut b.cx, Input::UnplugAsked { slot: 9 });
            assert!(b.irq(9));
            assert_eq!(b.read(EVENTS, 0, 1), 2);
            b.save_and_load();
            b.write(EVENTS, 0, 1, 2);
            assert!(!b.irq(9));
            assert_eq!((b.read(HOTPLUG, 0, 4), b.read(HOTPLUG, 4, 4)), (0, 0x200));
            // The board's own chips stay.
            b.write(HOTPLUG, 8, 4, 0x202);
            assert_eq!(std::mem::take(&mut b.cx.news), [News::Ejected { slot: 9 }]);
            assert_eq!(b.read(HOTPLUG, 4, 4), 0);
            b.dev.input(&mut b.cx, Input::Plugged { slot: 10 });
            assert_eq!(b.read(HOTPLUG, 0, 4), 0x400);
            b.write(EVENTS, 0, 4, 2);
            b.write(HOTPLUG, 8, 4, 0x400);
            b.cx.news.clear();
        });
    }

    #[test]
    fn timer_overflow_raises_sci() {
        bench().twice(|b| {
            pm_on(b);
            b.write(APM, 0, 1, 0xf1);
            b.write(PM, 0, 2, 1);
            b.write(PM, 2, 2, 1);
            // The top bit of 24 changes every 2^23 ticks: 2.34 s.
            b.settle(Ns(2_400_000_000));
            assert!(b.irq(9));
            assert_eq!(b.read(PM, 0, 2) & 1, 1);
            b.write(PM, 0, 2, 1);
            assert!(!b.irq(9));
            b.write(PM, 2, 2, 0);
        });
    }

    #[test]
    fn apm_port_pulses_smi() {
        bench().twice(|b| {
            b.cx.irq_log.clear();
            cfg(b, 3, 0x58, 4, 0x0200_0000);
            b.write(APM, 0, 1, 0x55);
            assert_eq!(b.cx.irq_log, [(SMI, true), (SMI, false)]);
            cfg(b, 3, 0x58, 4, 0);
            b.write(APM, 0, 1, 0x55);
            assert_eq!(b.cx.irq_log.len(), 2);
            assert_eq!(b.read(APM, 0, 1), 0x55);
        });
    }

    #[test]
    fn identity() {
        let mut b = Bench::new(Piix::new(Model::Piix3, vec![]), || {
            Piix::new(Model::Piix3, vec![])
        });
        let ids = [0, 2, 3].map(|f| b.dev.pci_read(&mut b.cx, f, 0, 4));
        assert_eq!(ids, [0x7000_8086, 0x7020_8086, 0x7113_8086]);
        crate::testing::storm(
            &mut b,
            &[(0, 1), (1, 64), (2, 16), (3, 32), (4, 2), (5, 20), (6, 4)],
            20_000,
        );
    }
}
