//! Two Intel 8259A interrupt controllers in cascade, as in the 82371AB (data sheets 231468 and 290562), with the edge/level
//! control registers of the latter.
//!
//! Modelled: initialisation words, masks, priorities with rotation, specific and non-specific end of interrupt, automatic end
//! of interrupt, special mask and special fully nested modes, polling, spurious interrupts. Not modelled: 8085 mode.

use tinamou_core::{DevCx, Device, LoadError, Loader, Saver};

/// The cascade input of the master.
const CASCADE: u8 = 2;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Init {
    #[default]
    Ready,
    Icw2,
    Icw3,
    Icw4,
}

#[derive(Clone, Default)]
struct Chip {
    irr: u8,
    isr: u8,
    imr: u8,
    lines: u8,
    elcr: u8,
    base: u8,
    /// The lowest-priority line is the one before this.
    top: u8,
    read_isr: bool,
    poll: bool,
    special_mask: bool,
    auto_eoi: bool,
    rotate_on_auto_eoi: bool,
    fully_nested: bool,
    init: Init,
    icw4_needed: bool,
    single: bool,
}

impl Chip {
    /// Steps from the top priority to the first line in `mask`; 8 when there is none.
    fn rank(&self, mask: u8) -> u8 {
        mask.rotate_right(u32::from(self.top))
            .trailing_zeros()
            .min(8) as u8
    }

    fn line(&self, rank: u8) -> u8 {
        (rank + self.top) & 7
    }

    /// The line to deliver, if any.
    fn pending(&self, master: bool) -> Option<u8> {
        let want = self.rank(self.irr & !self.imr);
        if want == 8 {
            return None;
        }
        let mut serving = self.isr;
        if self.special_mask {
            serving &= !self.imr;
        }
        // The slave may interrupt its own service: its priorities lie within one line of the master.
        if self.fully_nested && master {
            serving &= !(1 << CASCADE);
        }
        (want < self.rank(serving)).then(|| self.line(want))
    }

    fn set_line(&mut self, n: u8, level: bool) {
        let bit = 1 << n;
        let was = self.lines & bit != 0;
        self.lines = if level {
            self.lines | bit
        } else {
            self.lines & !bit
        };
        if self.elcr & bit != 0 {
            self.irr = if level {
                self.irr | bit
            } else {
                self.irr & !bit
            };
        } else if level && !was {
            // Latched: a short pulse is not lost.
            self.irr |= bit;
        }
    }

    /// The cascade input follows the slave's output both ways.
    fn set_cascade(&mut self, level: bool) {
        let bit = 1 << CASCADE;
        self.lines = if level {
            self.lines | bit
        } else {
            self.lines & !bit
        };
        self.irr = if level {
            self.irr | bit
        } else {
            self.irr & !bit
        };
    }

    fn ack(&mut self, n: u8) {
        let bit = 1 << n;
        if self.auto_eoi {
            if self.rotate_on_auto_eoi {
                self.top = (n + 1) & 7;
            }
        } else {
            self.isr |= bit;
        }
        if self.elcr & bit == 0 {
            self.irr &= !bit;
        }
    }

    fn icw1(&mut self, v: u8) {
        let (elcr, lines) = (self.elcr, self.lines);
        *self = Chip {
            elcr,
            lines,
            ..Chip::default()
        };
        // Edge detection starts anew; level inputs still stand.
        self.irr = lines & elcr;
        self.init = Init::Icw2;
        self.icw4_needed = v & 1 != 0;
        self.single = v & 2 != 0;
    }

    fn ocw2(&mut self, v: u8) {
        let level = v & 7;
        match v >> 5 {
            0 | 4 => self.rotate_on_auto_eoi = v & 0x80 != 0,
            1 | 5 => {
                let rank = self.rank(self.isr);
                if rank != 8 {
                    let n = self.line(rank);
                    self.isr &= !(1 << n);
                    if v & 0x80 != 0 {
                        self.top = (n + 1) & 7;
                    }
                }
            }
            3 => self.isr &= !(1 << level),
            6 => self.top = (level + 1) & 7,
            7 => {
                self.isr &= !(1 << level);
                self.top = (level + 1) & 7;
            }
            _ => {}
        }
    }

    fn write(&mut self, offset: u64, v: u8) {
        if offset & 1 == 0 {
            if v & 0x10 != 0 {
                self.icw1(v);
            } else if v & 0x08 != 0 {
                self.poll = v & 4 != 0;
                if v & 2 != 0 {
                    self.read_isr = v & 1 != 0;
                }
                if v & 0x40 != 0 {
                    self.special_mask = v & 0x20 != 0;
                }
            } else {
                self.ocw2(v);
            }
            return;
        }
        match self.init {
            Init::Ready => self.imr = v,
            Init::Icw2 => {
                self.base = v & 0xf8;
                self.init = if !self.single {
                    Init::Icw3
                } else if self.icw4_needed {
                    Init::Icw4
                } else {
                    Init::Ready
                };
            }
            Init::Icw3 => {
                self.init = if self.icw4_needed {
                    Init::Icw4
                } else {
                    Init::Ready
                }
            }
            Init::Icw4 => {
                self.fully_nested = v & 0x10 != 0;
                self.auto_eoi = v & 2 != 0;
                self.init = Init::Ready;
            }
        }
    }

    fn save(&self, s: &mut Saver) {
        for v in [
            self.irr, self.isr, self.imr, self.lines, self.elcr, self.base, self.top,
        ] {
            s.u8(v);
        }
        for v in [
            self.read_isr,
            self.poll,
            self.special_mask,
            self.auto_eoi,
            self.rotate_on_auto_eoi,
            self.fully_nested,
            self.icw4_needed,
            self.single,
        ] {
            s.bool(v);
        }
        s.u8(self.init as u8);
    }

    fn load(l: &mut Loader<'_>) -> Result<Chip, LoadError> {
        Ok(Chip {
            irr: l.u8()?,
            isr: l.u8()?,
            imr: l.u8()?,
            lines: l.u8()?,
            elcr: l.u8()?,
            base: l.u8()?,
            top: l.u8()? & 7,
            read_isr: l.bool()?,
            poll: l.bool()?,
            special_mask: l.bool()?,
            auto_eoi: l.bool()?,
            rotate_on_auto_eoi: l.bool()?,
            fully_nested: l.bool()?,
            icw4_needed: l.bool()?,
            single: l.bool()?,
            init: match l.u8()? {
                0 => Init::Ready,
                1 => Init::Icw2,
                2 => Init::Icw3,
                3 => Init::Icw4,
                _ => return Err(LoadError::Invalid("8259 initialisation state")),
            },
        })
    }
}

/// The pair. Region 0: master's two ports; region 1: slave's; region 2: the two ELCR ports. Input pins 0 to 15 are the ISA
/// interrupts (2 is the cascade); output pin 0 is INTR.
#[derive(Default)]
pub struct I8259Pair {
    chips: [Chip; 2],
}

impl I8259Pair {
    /// A pair that nothing has initialised.
    pub fn new() -> I8259Pair {
        I8259Pair::default()
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        let slave = self.chips[1].pending(false).is_some();
        self.chips[0].set_cascade(slave);
        cx.set_irq(0, self.chips[0].pending(true).is_some());
    }

    /// Acknowledges on one chip alone (poll mode).
    fn poll(&mut self, which: usize) -> u8 {
        match self.chips[which].pending(which == 0) {
            Some(n) => {
                self.chips[which].ack(n);
                0x80 | n
            }
            None => 0,
        }
    }
}

impl Device for I8259Pair {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        for c in &mut self.chips {
            let lines = c.lines;
            *c = Chip {
                lines,
                ..Chip::default()
            };
        }
        self.chips[0].lines &= !(1 << CASCADE);
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32) -> u64 {
        let v = match region {
            0 | 1 => {
                let i = region as usize;
                if self.chips[i].poll {
                    self.chips[i].poll = false;
                    let v = self.poll(i);
                    self.update(cx);
                    v
                } else {
                    let c = &self.chips[i];
                    match (offset & 1, c.read_isr) {
                        (1, _) => c.imr,
                        (_, true) => c.isr,
                        _ => c.irr,
                    }
                }
            }
            _ => self.chips[(offset & 1) as usize].elcr,
        };
        u64::from(v)
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        match region {
            0 | 1 => self.chips[region as usize].write(offset, v),
            _ => {
                let which = (offset & 1) as usize;
                // Timer, keyboard, cascade, RTC and FPU lines are edge-triggered always.
                self.chips[which].elcr = v & [0xf8, 0xde][which];
            }
        }
        self.update(cx);
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        let n = (pin & 7) as u8;
        match pin {
            2 => return,
            0..8 => self.chips[0].set_line(n, level),
            8..16 => self.chips[1].set_line(n, level),
            _ => return,
        }
        self.update(cx);
    }

    fn int_ack(&mut self, cx: &mut dyn DevCx) -> u8 {
        let v = match self.chips[0].pending(true) {
            Some(CASCADE) => {
                let n = self.chips[1].pending(false);
                if let Some(n) = n {
                    self.chips[1].ack(n);
                }
                self.chips[0].ack(CASCADE);
                self.chips[1].base + n.unwrap_or(7)
            }
            Some(n) => {
                self.chips[0].ack(n);
                self.chips[0].base + n
            }
            None => self.chips[0].base + 7,
        };
        self.update(cx);
        v
    }

    fn info(&self) -> String {
        // Laid out as QEMU's `info pic`, the slave first.
        let line = |n: usize| {
            let c = &self.chips[n];
            format!(
                "pic{n}: irr={:02x} imr={:02x} isr={:02x} hprio={} irq_base={:02x} rr_sel={} elcr={:02x} fnm={}\n",
                c.irr,
                c.imr,
                c.isr,
                c.top,
                c.base,
                u8::from(c.read_isr),
                c.elcr,
                u8::from(c.fully_nested)
            )
        };
        line(1) + &line(0)
    }

    fn save(&self, s: &mut Saver) {
        for c in &self.chips {
            c.save(s);
        }
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.chips = [Chip::load(l)?, Chip::load(l)?];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench() -> Bench<I8259Pair> {
        let mut b = Bench::new(I8259Pair::new(), I8259Pair::new);
        for (r, base) in [(0, 0x20), (1, 0x28)] {
            b.write(r, 0, 1, 0x11);
            b.write(r, 1, 1, base);
            b.write(r, 1, 1, if r == 0 { 4 } else { 2 });
            b.write(r, 1, 1, 1);
            b.write(r, 1, 1, 0);
        }
        b
    }

    fn ack(b: &mut Bench<I8259Pair>) -> u8 {
        b.dev.int_ack(&mut b.cx)
    }
    fn line(b: &mut Bench<I8259Pair>, n: u32, l: bool) {
        b.dev.irq_in(&mut b.cx, n, l);
    }

    #[test]
    fn priorities_and_eoi() {
        bench().twice(|b| {
            line(b, 4, true);
            assert!(b.irq(0));
            assert_eq!(ack(b), 0x24);
            assert!(!b.irq(0));
            line(b, 5, true); // lower priority waits
            assert!(!b.irq(0));
            line(b, 1, true); // higher interrupts
            assert!(b.irq(0));
            b.save_and_load();
            assert_eq!(ack(b), 0x21);
            b.write(0, 0, 1, 0x20);
            assert!(!b.irq(0));
            b.write(0, 0, 1, 0x20);
            assert_eq!(ack(b), 0x25);
            b.write(0, 0, 1, 0x65); // specific EOI
            for n in [1, 4, 5] {
                line(b, n, false);
            }
            assert!(!b.irq(0));
            line(b, 3, true);
            line(b, 3, false);
            assert_eq!(ack(b), 0x23, "a pulse is kept");
            b.write(0, 0, 1, 0x20);
            assert_eq!(ack(b), 0x27, "spurious");
        });
    }

    #[test]
    fn slave_and_level() {
        bench().twice(|b| {
            b.write(2, 1, 1, 0x0c); // IRQ 10 and 11 by level
            line(b, 10, true);
            assert_eq!(ack(b), 0x2a);
            b.write(1, 0, 1, 0x20);
            b.write(0, 0, 1, 0x20);
            assert!(b.irq(0), "the level still stands");
            line(b, 10, false);
            assert!(!b.irq(0));
            line(b, 14, true);
            b.write(1, 1, 1, 0x40);
            assert!(!b.irq(0));
            b.write(1, 1, 1, 0);
            assert_eq!(ack(b), 0x2e);
            b.write(1, 0, 1, 0x0b);
            assert_eq!(b.read(1, 0, 1), 0x40);
            b.write(1, 0, 1, 0x66);
            b.write(0, 0, 1, 0x62);
            line(b, 14, false);
        });
    }
}
