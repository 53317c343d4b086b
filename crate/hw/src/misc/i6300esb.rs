//! The watchdog of Intel's 6300ESB (data sheet 300641, chapter 16): two timers one after the other. The first one's end may be an
//! interrupt, the second's is the watchdog's action, which is the host's affair ([`News::Watchdog`]).
//!
//! Not modelled: the interrupt of the first timer (its status is), SMI, the scale of the free-running mode's clock beyond the two that
//! the configuration chooses from.

use tinamou_core::{DevCx, Device, Mapping, News, Ns, stored, stored_device};

use crate::pci::config::{Bar, Ident, PciFunction};

/// The PCI clock.
const CLOCK_HZ: u64 = 33_333_333;
/// Configuration: the second timer's end has no effect; the clock is divided by 2^5, not 2^15.
const CONFIG: usize = 0x60;
const NO_ACTION: u8 = 1 << 5;
const FAST: u8 = 1 << 2;
/// Lock: no change any more; on; free running.
const LOCK: usize = 0x68;
const LOCKED: u8 = 1 << 0;
const ON: u8 = 1 << 1;
const FREE: u8 = 1 << 2;
/// Reload: begin again; the watchdog has acted (cleared by a one).
const RELOAD: u16 = 1 << 8;
const ACTED: u16 = 1 << 9;

fn config() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x25ab,
        class: [0x08, 0x80, 0x00],
        revision: 0,
        header: 0,
        pin: 0,
    });
    f.bar(0, Bar::Mem(16));
    f.writable(CONFIG, 0x27);
    f.writable(LOCK, LOCKED | ON | FREE);
    f
}

/// The chip.
pub struct I6300esb {
    cfg: PciFunction,
    preload: [u32; 2],
    /// The timer that runs: 1, 2, or 0 for none.
    stage: u8,
    /// How far the unlocking sequence is: 0 to 2.
    unlocked: u8,
    interrupt: u8,
    acted: bool,
}
stored!(I6300esb {
    cfg,
    preload,
    stage,
    unlocked,
    interrupt,
    acted
} check |s| s.stage < 3 && s.unlocked < 3, "stage of a watchdog");

impl Default for I6300esb {
    fn default() -> I6300esb {
        I6300esb {
            cfg: config(),
            preload: [0xf_ffff; 2],
            stage: 0,
            unlocked: 0,
            interrupt: 0,
            acted: false,
        }
    }
}

impl I6300esb {
    /// Starts a timer, or none.
    fn start(&mut self, cx: &mut dyn DevCx, stage: u8) {
        self.stage = stage;
        let deadline = (stage > 0).then(|| {
            let shift = match self.cfg.get8(CONFIG) & FAST {
                0 => 15,
                _ => 5,
            };
            let ticks = u64::from(self.preload[usize::from(stage - 1)].max(1)) << shift;
            Ns(cx.now().0 + Ns::from_ticks(ticks, CLOCK_HZ).0)
        });
        cx.set_timer(0, deadline);
    }
}

impl Device for I6300esb {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = I6300esb {
            // Whoever comes after the reset may ask why it was.
            acted: self.acted,
            ..I6300esb::default()
        };
        cx.set_timer(0, None);
        cx.request_remap();
    }

    fn read(&mut self, _cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32) -> u64 {
        match offset {
            0x8 => u64::from(self.interrupt),
            0xc if self.acted => u64::from(ACTED),
            _ => 0,
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32, value: u64) {
        let step = std::mem::take(&mut self.unlocked);
        let unlocked = step == 2;
        match (offset, value) {
            (0xc, 0x80) if !unlocked => self.unlocked = 1,
            (0xc, 0x86) if step == 1 => self.unlocked = 2,
            (0x0 | 0x4, v) if unlocked => {
                self.preload[(offset / 4) as usize] = v as u32 & 0xf_ffff;
            }
            (0x8, v) => self.interrupt &= !(v as u8),
            (0xc, v) if unlocked => {
                if v as u16 & ACTED != 0 {
                    self.acted = false;
                }
                if v as u16 & RELOAD != 0 && self.stage > 0 {
                    self.start(cx, 1);
                }
            }
            _ => {}
        }
    }

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        if self.stage == 1 {
            self.interrupt |= 1;
            return self.start(cx, 2);
        }
        let free = self.cfg.get8(LOCK) & FREE != 0;
        if !free && self.cfg.get8(CONFIG) & NO_ACTION == 0 {
            self.acted = true;
            cx.tell(News::Watchdog);
        }
        self.start(cx, u8::from(free));
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(0, 0, 4));
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        let before = self.cfg.get8(LOCK);
        if self.cfg.write(reg, size, value) {
            cx.request_remap();
        }
        if before & LOCKED != 0 {
            self.cfg.set8(LOCK, before);
        }
        match (before & ON != 0, self.cfg.get8(LOCK) & ON != 0) {
            (false, true) => self.start(cx, 1),
            (true, false) => self.start(cx, 0),
            _ => {}
        }
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    fn unlocked(b: &mut Bench<I6300esb>, at: u64, v: u64) {
        b.write(0, 0xc, 2, 0x80);
        b.write(0, 0xc, 2, 0x86);
        b.write(0, at, 4, v);
    }

    fn on(b: &mut Bench<I6300esb>) {
        // One second for each timer, as Linux sets them: 1024 ticks of 2^15 clocks.
        unlocked(b, 0, 1024);
        unlocked(b, 4, 1024);
        b.dev.pci_write(&mut b.cx, 0, 0x60, 2, 3);
        b.dev.pci_write(&mut b.cx, 0, 0x68, 1, 2);
    }

    #[test]
    fn it_acts_unless_it_is_kept_quiet() {
        let make = I6300esb::default;
        Bench::new(make(), make).twice(|b| {
            on(b);
            for _ in 0..4 {
                b.settle(Ns(1_500_000_000));
                unlocked(b, 0xc, 0x100);
            }
            assert_eq!(b.read(0, 8, 1), 1, "the first timer ended");
            assert!(b.cx.news.is_empty());
            b.save_and_load();
            b.settle(Ns(2_100_000_000));
            assert_eq!(std::mem::take(&mut b.cx.news), [News::Watchdog]);
            assert_eq!(b.read(0, 0xc, 2) & 0x200, 0x200);
            unlocked(b, 0xc, 0x200);
            assert_eq!(b.read(0, 0xc, 2), 0);
            b.dev.pci_write(&mut b.cx, 0, 0x68, 1, 0);
        });
    }

    #[test]
    fn registers_are_locked() {
        let make = I6300esb::default;
        let mut b = Bench::new(make(), make);
        on(&mut b);
        // No sequence, no effect.
        b.write(0, 0, 4, 1);
        b.settle(Ns(500_000_000));
        assert_eq!(b.read(0, 8, 1), 0);
        b.dev.pci_write(&mut b.cx, 0, 0x68, 1, 3);
        b.dev.pci_write(&mut b.cx, 0, 0x68, 1, 0);
        assert_eq!(b.dev.pci_read(&mut b.cx, 0, 0x68, 1), 3);
        b.settle(Ns(2_500_000_000));
        assert_eq!(b.cx.news, [News::Watchdog]);
        storm(&mut b, &[(0, 16)], 5_000);
    }
}
