//! High Precision Event Timers (IA-PC HPET specification 1.0a): a 64-bit counter of 100 MHz with three comparators.
//!
//! Modelled: one-shot and periodic comparators, 32-bit mode, edge and level interrupts, legacy replacement routing. Not modelled:
//! delivery as front side bus messages (not announced).

use tinamou_core::{DevCx, Device, Ns, stored, stored_device};

/// Period of the counter in femtoseconds, as the capability register has it, and in nanoseconds.
const PERIOD_FS: u64 = 10_000_000;
const TICK_NS: u64 = 10;
const TIMERS: usize = 3;

/// Output pin: the line that takes the 8254's place; the interrupt inputs of the I/O APIC are pins 0 to 23.
pub const LEGACY_TIMER: u32 = 32;
/// Output pin: the line that takes the clock's (RTC) place.
pub const LEGACY_RTC: u32 = 33;
/// Output pin: high while legacy replacement is on, and the 8254 and the clock interrupt no more.
pub const LEGACY_ON: u32 = 34;

const ENABLE: u64 = 1;
const LEGACY: u64 = 2;

const T_LEVEL: u64 = 1 << 1;
const T_ON: u64 = 1 << 2;
const T_PERIODIC: u64 = 1 << 3;
const T_PERIODIC_CAP: u64 = 1 << 4;
const T_64BIT_CAP: u64 = 1 << 5;
const T_SET: u64 = 1 << 6;
const T_32BIT: u64 = 1 << 8;
const T_WRITABLE: u64 = T_LEVEL | T_ON | T_PERIODIC | T_SET | T_32BIT | 0x1f << 9;
/// Inputs that a comparator can be led to: 2, 8 and 16 to 23.
const ROUTES: u64 = 0x00ff_0104;

/// Interrupts come no closer than this.
const NEXT_MIN_NS: u64 = 1_000;

#[derive(Clone, Copy, Default)]
struct Timer {
    config: u64,
    comparator: u64,
    period: u64,
}
stored!(Timer {
    config,
    comparator,
    period
});

impl Timer {
    fn mask(&self) -> u64 {
        if self.config & T_32BIT != 0 {
            0xffff_ffff
        } else {
            u64::MAX
        }
    }
    fn periodic(&self) -> bool {
        self.config & T_PERIODIC != 0
    }
    fn route(&self) -> u32 {
        (self.config >> 9) as u32 & 0x1f
    }
    /// Ticks from `counter` to the next match, at least one.
    fn ticks_left(&self, counter: u64) -> u64 {
        match self.comparator.wrapping_sub(counter) & self.mask() {
            0 => self.mask(),
            n => n,
        }
    }
}

/// The block. Region 0: its 1 KiB of registers.
#[derive(Default)]
pub struct Hpet {
    config: u64,
    status: u64,
    /// Counter value at `since`.
    counter: u64,
    since: Ns,
    timers: [Timer; TIMERS],
}
stored!(Hpet {
    config,
    status,
    counter,
    since,
    timers
});

impl Hpet {
    /// A block at rest.
    pub fn new() -> Hpet {
        Hpet::default()
    }

    fn counter(&self, now: Ns) -> u64 {
        if self.config & ENABLE == 0 {
            return self.counter;
        }
        self.counter.wrapping_add(now.since(self.since).0 / TICK_NS)
    }

    /// The pin of a comparator.
    fn pin(&self, n: usize) -> u32 {
        match (self.config & LEGACY != 0, n) {
            (true, 0) => LEGACY_TIMER,
            (true, 1) => LEGACY_RTC,
            _ => self.timers[n].route(),
        }
    }

    /// Sets the deadlines and the level-triggered pins.
    fn update(&mut self, cx: &mut dyn DevCx) {
        cx.set_irq(LEGACY_ON, self.config & LEGACY != 0);
        let now = cx.now();
        let counter = self.counter(now);
        let mut high = 0u64;
        for (n, t) in self.timers.iter().enumerate() {
            let runs = self.config & ENABLE != 0 && t.config & T_ON != 0;
            let deadline = runs.then(|| {
                let left = t.ticks_left(counter).saturating_mul(TICK_NS);
                // Counter ticks lie on a grid from `since`.
                let into = now.since(self.since).0 % TICK_NS;
                now + Ns(left.saturating_sub(into).max(1))
            });
            cx.set_timer(n as u32, deadline);
            if t.config & (T_LEVEL | T_ON) == T_LEVEL | T_ON && self.status >> n & 1 != 0 {
                high |= 1 << self.pin(n);
            }
        }
        for pin in (0..24).chain([LEGACY_TIMER, LEGACY_RTC]) {
            cx.set_irq(pin, high >> pin & 1 != 0);
        }
    }

    fn get(&self, now: Ns, at: u64) -> u64 {
        match at {
            0x000 => PERIOD_FS << 32 | 0x8086 << 16 | 0xa000 | (TIMERS as u64 - 1) << 8 | 1,
            0x010 => self.config,
            0x020 => self.status,
            0x0f0 => self.counter(now),
            _ => match self.timers.get((at.wrapping_sub(0x100) >> 5) as usize) {
                Some(t) => match at & 0x18 {
                    0 => t.config | T_PERIODIC_CAP | T_64BIT_CAP | ROUTES << 32,
                    8 => t.comparator,
                    _ => 0,
                },
                None => 0,
            },
        }
    }

    fn set(&mut self, now: Ns, at: u64, v: u64) {
        match at {
            0x010 => {
                self.counter = self.counter(now);
                self.since = now;
                self.config = v & (ENABLE | LEGACY);
            }
            0x020 => self.status &= !v,
            0x0f0 => {
                self.counter = v;
                self.since = now;
            }
            0x100.. => {
                let Some(t) = self.timers.get_mut((at as usize - 0x100) >> 5) else {
                    return;
                };
                match at & 0x18 {
                    0 => {
                        t.config = v & T_WRITABLE;
                        if ROUTES >> t.route() & 1 == 0 {
                            t.config &= !(0x1f << 9);
                        }
                        if t.config & T_32BIT != 0 {
                            t.comparator &= t.mask();
                            t.period &= t.mask();
                        }
                    }
                    8 => {
                        let v = v & t.mask();
                        // In periodic mode the first write after VAL_SET is the comparator's, others the period's.
                        if !t.periodic() || t.config & T_SET != 0 {
                            t.comparator = v;
                        }
                        if t.periodic() {
                            t.period = v;
                        }
                        t.config &= !T_SET;
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Device for Hpet {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Hpet {
            since: cx.now(),
            ..Hpet::default()
        };
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32) -> u64 {
        self.get(cx.now(), offset & !7) >> (8 * (offset & 7))
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        let at = offset & !7;
        let now = cx.now();
        let v = if size == 8 && offset & 7 == 0 {
            value
        } else if size == 4 && offset & 3 == 0 {
            let shift = 8 * (offset & 7);
            // Bits that clear when written with one are not written by the other half.
            let old = match at {
                0x020 => 0,
                _ => self.get(now, at),
            };
            old & !(0xffff_ffff << shift) | (value & 0xffff_ffff) << shift
        } else {
            return cx.guest_error(format_args!("write of {size} bytes at {offset:#x}"));
        };
        self.set(now, at, v);
        self.update(cx);
    }

    fn timer(&mut self, cx: &mut dyn DevCx, id: u32) {
        let n = id as usize;
        let counter = self.counter(cx.now());
        let pin = match self.timers.get(n) {
            Some(_) => self.pin(n),
            None => return,
        };
        let t = &mut self.timers[n];
        if t.periodic() && t.period != 0 {
            // The next match that lies far enough ahead, on the comparator's own grid.
            let behind = counter.wrapping_sub(t.comparator) & t.mask();
            let ahead = behind.saturating_add(NEXT_MIN_NS / TICK_NS);
            let steps = if t.period < NEXT_MIN_NS / TICK_NS {
                ahead / t.period + 1
            } else {
                behind / t.period + 1
            };
            t.comparator = t.comparator.wrapping_add(steps.wrapping_mul(t.period)) & t.mask();
        }
        if t.config & T_LEVEL != 0 {
            self.status |= 1 << n;
        } else {
            cx.set_irq(pin, true);
            cx.set_irq(pin, false);
        }
        self.update(cx);
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    fn bench() -> Bench<Hpet> {
        Bench::new(Hpet::new(), Hpet::new)
    }

    fn rises(b: &Bench<Hpet>, pin: u32) -> usize {
        b.cx.irq_log.iter().filter(|e| **e == (pin, true)).count()
    }

    #[test]
    fn counts_and_reports_itself() {
        bench().twice(|b| {
            assert_eq!(b.read(0, 0, 8), 0x0098_9680_8086_a201);
            b.write(0, 0x10, 8, 0);
            b.write(0, 0xf0, 8, 0xffff_fff0);
            b.write(0, 0x10, 8, 1);
            b.settle(Ns(1_000));
            b.save_and_load();
            assert_eq!(b.read(0, 0xf0, 8), 0xffff_fff0 + 100);
            assert_eq!(b.read(0, 0xf4, 4), 1);
            b.write(0, 0x10, 8, 0);
            b.settle(Ns(1_000));
            assert_eq!(b.read(0, 0xf0, 8), 0xffff_fff0 + 100);
        });
    }

    #[test]
    fn one_shot_and_periodic() {
        bench().twice(|b| {
            b.write(0, 0x10, 8, 0);
            b.write(0, 0xf0, 8, 0);
            b.cx.irq_log.clear();
            b.write(0, 0x120, 8, 0x4 | 0x1f << 9 & 16 << 9); // input 16, edge
            b.write(0, 0x128, 8, 1_000);
            b.write(0, 0x100, 8, 0x4c | 2 << 9); // input 2, periodic, set
            b.write(0, 0x108, 8, 500);
            b.write(0, 0x108, 8, 200);
            b.write(0, 0x10, 8, 1);
            b.settle(Ns(5_000));
            b.save_and_load();
            assert_eq!((rises(b, 2), rises(b, 16)), (1, 0));
            b.settle(Ns(5_000));
            assert_eq!(
                (rises(b, 2), rises(b, 16)),
                (3, 1),
                "at 500, 700, 900 ticks"
            );
            b.settle(Ns(100_000));
            assert_eq!((rises(b, 2), rises(b, 16)), (53, 1));
            b.write(0, 0x10, 8, 0);
        });
    }

    #[test]
    fn legacy_and_level() {
        bench().twice(|b| {
            b.write(0, 0x10, 8, 0);
            b.write(0, 0xf0, 8, 0);
            b.write(0, 0x100, 8, 0x6); // level
            b.write(0, 0x120, 8, 0);
            b.write(0, 0x108, 8, 100);
            b.write(0, 0x10, 8, 3);
            assert!(b.irq(LEGACY_ON));
            b.settle(Ns(1_000));
            assert!(b.irq(LEGACY_TIMER));
            assert_eq!(b.read(0, 0x20, 8), 1);
            b.write(0, 0x20, 8, 1);
            assert!(!b.irq(LEGACY_TIMER));
            b.write(0, 0x10, 8, 0);
            b.write(0, 0x100, 8, 0);
        });
        storm(&mut bench(), &[(0, 0x180), (0, 0x400)], 50_000);
    }
}
