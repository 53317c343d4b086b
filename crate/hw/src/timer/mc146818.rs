//! Motorola MC146818 real-time clock with CMOS memory (data sheet MC146818/D), 128 bytes as on PCs.
//!
//! Modelled: time and calendar in BCD and binary, 12- and 24-hour modes, update-in-progress, SET, alarm, periodic and
//! update-ended interrupts, register C. Time is the virtual clock plus a base. Not modelled: daylight saving, square wave,
//! odd divider settings (the clock runs whenever the divider is not held in reset).

use tinamou_core::{DevCx, Device, LoadError, Loader, News, Ns, Saver};

const A_UIP: u8 = 0x80;
const B_SET: u8 = 0x80;
const B_PIE: u8 = 0x40;
const B_AIE: u8 = 0x20;
const B_UIE: u8 = 0x10;
const B_BINARY: u8 = 0x04;
const B_24H: u8 = 0x02;
const C_IRQF: u8 = 0x80;
const C_PF: u8 = 0x40;
const C_AF: u8 = 0x20;
const C_UF: u8 = 0x10;

/// The update cycle: 244 us before the update, then the update itself.
const UIP_NS: u64 = 244_000;

const TIMER_SECOND: u32 = 0;
const TIMER_PERIODIC: u32 = 1;

const CMOS_BYTES: usize = 128;

/// The clock. Region 0: index port and data port. Pin 0: interrupt request.
pub struct Mc146818 {
    base: u64,
    index: u8,
    cmos: [u8; CMOS_BYTES],
    /// Seconds since 1970 at virtual time `set_at`.
    seconds: u64,
    set_at: Ns,
    /// The time is being set by the guest: it stands still in the registers.
    held: bool,
}

struct Calendar {
    second: u32,
    minute: u32,
    hour: u32,
    weekday: u32,
    day: u32,
    month: u32,
    year: u32,
}

/// Civil date of a day number since 1970-01-01 (proleptic Gregorian, years from March).
fn civil(days: u64) -> (u32, u32, u32) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

fn days(year: u32, month: u32, day: u32) -> u64 {
    let y = u64::from(year) - u64::from(month <= 2);
    let m = u64::from(if month > 2 { month - 3 } else { month + 9 });
    let (era, yoe) = (y / 400, y % 400);
    let doy = (153 * m + 2) / 5 + u64::from(day) - 1;
    (era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy).saturating_sub(719_468)
}

impl Mc146818 {
    /// A clock that shows `base` (seconds since 1970) at virtual time zero.
    pub fn new(base: u64) -> Mc146818 {
        // Kept inside four-digit years.
        let base = base.min(253_402_300_799);
        let mut cmos = [0; CMOS_BYTES];
        cmos[0x0a] = 0x26;
        cmos[0x0b] = B_24H;
        Mc146818 {
            base,
            index: 0,
            cmos,
            seconds: base,
            set_at: Ns(0),
            held: false,
        }
    }

    /// The same clock with bytes of its memory set, as a PC's setup program leaves them.
    #[must_use]
    pub fn with_memory(mut self, bytes: &[(u8, u8)]) -> Mc146818 {
        for &(at, v) in bytes {
            if matches!(at, 0x0e..=0x31 | 0x33..=0x7f) {
                self.cmos[usize::from(at)] = v;
            }
        }
        self
    }

    fn unix(&self, now: Ns) -> u64 {
        self.seconds + now.since(self.set_at).0 / Ns::SECOND.0
    }

    fn running(&self) -> bool {
        self.cmos[0x0b] & B_SET == 0 && self.cmos[0x0a] & 0x70 <= 0x20
    }

    fn next_second(&self, now: Ns) -> Ns {
        let n = now.since(self.set_at).0 / Ns::SECOND.0;
        self.set_at + Ns((n + 1) * Ns::SECOND.0)
    }

    fn encode(&self, v: u32) -> u8 {
        let v = v % 100;
        if self.cmos[0x0b] & B_BINARY != 0 {
            v as u8
        } else {
            (v / 10 * 16 + v % 10) as u8
        }
    }

    fn decode(&self, v: u8) -> u32 {
        let v = u32::from(v);
        if self.cmos[0x0b] & B_BINARY != 0 {
            v
        } else {
            (v >> 4) * 10 + (v & 15)
        }
    }

    fn encode_hour(&self, h: u32) -> u8 {
        if self.cmos[0x0b] & B_24H != 0 {
            return self.encode(h);
        }
        let twelve = if h.is_multiple_of(12) { 12 } else { h % 12 };
        self.encode(twelve) | if h >= 12 { 0x80 } else { 0 }
    }

    fn decode_hour(&self, v: u8) -> u32 {
        if self.cmos[0x0b] & B_24H != 0 {
            return self.decode(v);
        }
        self.decode(v & 0x7f) % 12 + if v & 0x80 != 0 { 12 } else { 0 }
    }

    /// Puts the running time into the registers.
    fn show(&mut self, now: Ns) {
        if self.held {
            return;
        }
        let t = self.unix(now);
        let (d, s) = (t / 86_400, (t % 86_400) as u32);
        let (year, month, day) = civil(d);
        let c = Calendar {
            second: s % 60,
            minute: s / 60 % 60,
            hour: s / 3600,
            weekday: ((d + 4) % 7) as u32 + 1,
            day,
            month,
            year,
        };
        self.cmos[0] = self.encode(c.second);
        self.cmos[2] = self.encode(c.minute);
        self.cmos[4] = self.encode_hour(c.hour);
        self.cmos[6] = self.encode(c.weekday);
        self.cmos[7] = self.encode(c.day);
        self.cmos[8] = self.encode(c.month);
        self.cmos[9] = self.encode(c.year);
        self.cmos[0x32] = (c.year / 1000 % 10 * 16 + c.year / 100 % 10) as u8;
    }

    /// Takes the time from the registers.
    fn take(&mut self, cx: &mut dyn DevCx, now: Ns) {
        let before = self.base + now.0 / Ns::SECOND.0;
        let c = self.cmos[0x32];
        let century = u32::from(c >> 4) * 10 + u32::from(c & 15);
        let year = century * 100 + self.decode(self.cmos[9]).min(99);
        let month = self.decode(self.cmos[8]).clamp(1, 12);
        let day = self.decode(self.cmos[7]).clamp(1, 31);
        let h = self.decode_hour(self.cmos[4]).min(23);
        let (m, s) = (
            self.decode(self.cmos[2]).min(59),
            self.decode(self.cmos[0]).min(59),
        );
        let d = days(year.max(1970), month, day);
        self.seconds = d * 86_400 + u64::from(h * 3600 + m * 60 + s);
        self.set_at = now;
        cx.tell(News::RtcSet {
            offset_s: self.seconds as i64 - before as i64,
        });
    }

    fn period(&self) -> Option<u64> {
        let rate = u32::from(self.cmos[0x0a] & 15);
        match rate {
            0 => None,
            // The two fastest rates fold back.
            1 | 2 => Some(1 << (rate + 6)),
            _ => Some(1 << (rate - 1)),
        }
    }

    fn schedule(&mut self, cx: &mut dyn DevCx) {
        let now = cx.now();
        let b = self.cmos[0x0b];
        let want = self.running() && b & (B_AIE | B_UIE) != 0;
        cx.set_timer(TIMER_SECOND, want.then(|| self.next_second(now)));
        let next = self.period().filter(|_| b & B_PIE != 0).map(|p| {
            // Counted from virtual time zero in ticks of 32768 Hz.
            let t = (now.ticks(32_768) / p + 1) * p;
            Ns::until_ticks(t, 32_768)
        });
        cx.set_timer(TIMER_PERIODIC, next);
    }

    fn update_irq(&mut self, cx: &mut dyn DevCx) {
        let on = self.cmos[0x0b] & self.cmos[0x0c] & (C_PF | C_AF | C_UF) != 0;
        self.cmos[0x0c] = self.cmos[0x0c] & !C_IRQF | if on { C_IRQF } else { 0 };
        cx.set_irq(0, on);
    }

    fn alarm_matches(&self) -> bool {
        [(0, 1), (2, 3), (4, 5)].iter().all(|&(t, a)| {
            let a = self.cmos[a];
            a >= 0xc0 || a == self.cmos[t]
        })
    }
}

impl Device for Mc146818 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        // The battery keeps time and memory; a reset clears the interrupt enables.
        self.cmos[0x0b] &= !(B_PIE | B_AIE | B_UIE);
        self.cmos[0x0c] = 0;
        self.cmos[0x0d] = 0x80;
        self.index = 0;
        self.update_irq(cx);
        self.schedule(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32) -> u64 {
        if offset & 1 == 0 {
            return 0xff;
        }
        let now = cx.now();
        let i = usize::from(self.index);
        let v = match i {
            0..=9 | 0x32 => {
                self.show(now);
                self.cmos[i]
            }
            0x0a => {
                let left = self.next_second(now).since(now).0;
                let uip = self.running() && left <= UIP_NS;
                self.cmos[i] & !A_UIP | if uip { A_UIP } else { 0 }
            }
            0x0c => {
                let v = self.cmos[i];
                self.cmos[i] = 0;
                self.update_irq(cx);
                v
            }
            0x0d => 0x80,
            _ => self.cmos[i],
        };
        u64::from(v)
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        if offset & 1 == 0 {
            self.index = v & 0x7f;
            return;
        }
        let now = cx.now();
        let i = usize::from(self.index);
        match i {
            1 | 3 | 5 => self.cmos[i] = v,
            0..=9 | 0x32 => {
                self.show(now);
                self.cmos[i] = v;
                if !self.held {
                    self.take(cx, now);
                }
            }
            0x0a => {
                self.cmos[i] = v & !A_UIP;
                self.schedule(cx);
            }
            0x0b => {
                let was = self.cmos[i] & B_SET != 0;
                let set = v & B_SET != 0;
                self.show(now);
                if set && !was {
                    self.held = true;
                }
                // The registers keep their digits when the format bits change while SET.
                self.cmos[i] = if set { v & !B_UIE } else { v };
                if was && !set {
                    self.take(cx, now);
                    self.held = false;
                }
                self.update_irq(cx);
                self.schedule(cx);
            }
            0x0c | 0x0d => cx.guest_error(format_args!("write to read-only register {i:#x}")),
            _ => self.cmos[i] = v,
        }
    }

    fn timer(&mut self, cx: &mut dyn DevCx, id: u32) {
        if id == TIMER_PERIODIC {
            self.cmos[0x0c] |= C_PF;
        } else {
            self.show(cx.now());
            self.cmos[0x0c] |= C_UF;
            if self.alarm_matches() {
                self.cmos[0x0c] |= C_AF;
            }
        }
        self.update_irq(cx);
        self.schedule(cx);
    }

    fn info(&self) -> String {
        format!(
            "index={:02x} A={:02x} B={:02x} C={:02x} D={:02x}\n",
            self.index, self.cmos[0x0a], self.cmos[0x0b], self.cmos[0x0c], self.cmos[0x0d]
        )
    }

    fn save(&self, s: &mut Saver) {
        s.u64(self.base);
        s.u8(self.index);
        s.raw(&self.cmos);
        s.u64(self.seconds);
        s.u64(self.set_at.0);
        s.bool(self.held);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.base = l.u64()?;
        self.index = l.u8()? & 0x7f;
        l.fill(&mut self.cmos)?;
        self.seconds = l.u64()?;
        self.set_at = Ns(l.u64()?);
        self.held = l.bool()?;
        if self.seconds > 1 << 40 {
            return Err(LoadError::Invalid("clock time"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    /// 2024-02-29 23:59:58.
    const LEAP: u64 = 1_709_251_198;

    fn bench() -> Bench<Mc146818> {
        Bench::new(Mc146818::new(LEAP), || Mc146818::new(0))
    }
    fn get(b: &mut Bench<Mc146818>, i: u64) -> u64 {
        b.write(0, 0, 1, i);
        b.read(0, 1, 1)
    }
    fn set(b: &mut Bench<Mc146818>, i: u64, v: u64) {
        b.write(0, 0, 1, i);
        b.write(0, 1, 1, v);
    }

    #[test]
    fn leap_day_rolls_over() {
        let mut b = bench();
        let date = |b: &mut Bench<Mc146818>| [0x32, 9, 8, 7, 6, 4, 2, 0].map(|i| get(b, i));
        assert_eq!(date(&mut b), [0x20, 0x24, 2, 0x29, 5, 0x23, 0x59, 0x58]);
        b.settle(Ns(2 * Ns::SECOND.0));
        b.save_and_load();
        assert_eq!(date(&mut b), [0x20, 0x24, 3, 1, 6, 0, 0, 0]);
    }

    #[test]
    fn update_in_progress_once_a_second() {
        bench().twice(|b| {
            let mut rises = 0;
            let mut last = get(b, 0x0a) & 0x80;
            for _ in 0..20_000 {
                b.settle(Ns(100_000));
                let v = get(b, 0x0a) & 0x80;
                rises += u32::from(v > last);
                last = v;
            }
            assert_eq!(rises, 2);
        });
    }

    #[test]
    fn setting_and_interrupts() {
        bench().twice(|b| {
            set(b, 0x0b, 0x82);
            for (i, v) in [
                (9, 0x30),
                (8, 0x12),
                (7, 0x31),
                (4, 0x12),
                (2, 0x34),
                (0, 0x56),
            ] {
                set(b, i, v);
            }
            b.settle(Ns(3 * Ns::SECOND.0));
            assert_eq!(get(b, 0), 0x56);
            set(b, 0x0b, 0x02);
            set(b, 1, 0x58);
            set(b, 3, 0xc0);
            set(b, 5, 0xc0);
            set(b, 0x0b, 0x22);
            b.settle(Ns(2_100_000_000));
            assert_eq!(get(b, 0), 0x58);
            assert!(b.irq(0));
            assert_eq!(get(b, 0x0c) & 0xa0, 0xa0);
            assert!(!b.irq(0));
            set(b, 0x0a, 0x26);
            set(b, 0x0b, 0x42); // periodic, 1024 Hz
            b.cx.irq_log.clear();
            for _ in 0..100 {
                b.settle(Ns(976_563));
                get(b, 0x0c);
            }
            let n = b.cx.irq_log.iter().filter(|e| e.1).count();
            assert!((99..=101).contains(&n), "{n}");
            set(b, 0x0b, 0x02);
        });
    }
}
