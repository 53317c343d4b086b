//! Intel 8254 interval timer (data sheet 231164) with port 61h, which gates and reads counter 2 (82371AB, "NMI status and
//! control").
//!
//! Modelled: all six modes, latches, read-back, byte order modes, BCD. The outputs are functions of the time since the last
//! load; only counter 0's output is a pin. Counter 2's output reaches the loudspeaker while port 61h lets it: square waves as such, other modes and
//! port 61h's own bit as levels with their times. Not modelled: the one-clock delay between a write and its loading; pulses of one clock (modes 2,
//! 4, 5) on the loudspeaker.

use tinamou_core::{DevCx, Device, LoadError, Loader, Ns, Saver, Sound};

/// The input clock.
pub const PIT_HZ: u64 = 1_193_182;

#[derive(Clone, Default)]
struct Counter {
    mode: u8,
    bcd: bool,
    /// 1 low byte, 2 high byte, 3 low then high.
    access: u8,
    count: u32,
    start: Ns,
    gate: bool,
    loaded: bool,
    /// Triggered, for modes 1 and 5.
    triggered: bool,
    write_low: Option<u8>,
    read_high: bool,
    latch: Option<u16>,
    status: Option<u8>,
}

impl Counter {
    fn ticks(&self, now: Ns) -> u64 {
        now.since(self.start).ticks(PIT_HZ)
    }

    fn wrap(&self) -> u64 {
        if self.bcd { 10_000 } else { 0x1_0000 }
    }

    fn running(&self) -> bool {
        self.loaded
            && match self.mode {
                1 | 5 => self.triggered,
                _ => self.gate,
            }
    }

    fn value(&self, now: Ns) -> u16 {
        let n = u64::from(self.count);
        if !self.running() || n == 0 {
            return self.encode(n % self.wrap());
        }
        let t = self.ticks(now);
        let v = match self.mode {
            2 => n - t % n,
            3 => n - (2 * t) % n,
            _ => (n + self.wrap() - t % self.wrap()) % self.wrap(),
        };
        self.encode(v % self.wrap())
    }

    fn encode(&self, v: u64) -> u16 {
        if !self.bcd {
            return v as u16;
        }
        let d = |k: u64| v / k % 10;
        (d(1000) << 12 | d(100) << 8 | d(10) << 4 | d(1)) as u16
    }

    fn out(&self, now: Ns) -> bool {
        let n = u64::from(self.count);
        if !self.running() || n == 0 {
            return self.mode != 0;
        }
        let t = self.ticks(now);
        match self.mode {
            0 | 1 => t >= n,
            2 => t % n != n - 1,
            3 => t % n < n.div_ceil(2),
            _ => t != n,
        }
    }

    /// What a loudspeaker gets of the output, and what follows when.
    fn sound(&self, now: Ns) -> (Sound, Option<(Ns, Sound)>) {
        let running = self.running() && self.count > 1;
        match self.mode {
            2 | 3 if running => {
                let millihertz = PIT_HZ * 1000 / u64::from(self.count);
                (Sound::Square { millihertz }, None)
            }
            0 | 1 if !self.out(now) => {
                let high = self.next_edge(now).map(|at| (at, Sound::High));
                (Sound::Still, high)
            }
            _ => (Sound::High, None),
        }
    }

    /// When the output next changes.
    fn next_edge(&self, now: Ns) -> Option<Ns> {
        let n = u64::from(self.count);
        if !self.running() || n == 0 {
            return None;
        }
        let t = self.ticks(now);
        let period = t / n * n;
        let at = match self.mode {
            0 | 1 => (t < n).then_some(n)?,
            2 if n == 1 => return None,
            2 if t % n < n - 1 => period + n - 1,
            3 if t % n < n.div_ceil(2) && n > 1 => period + n.div_ceil(2),
            2 | 3 => period + n,
            _ if t < n => n,
            _ if t == n => n + 1,
            _ => return None,
        };
        Some(self.start + Ns::until_ticks(at, PIT_HZ))
    }

    fn load(&mut self, v: u16, now: Ns) {
        let n = if self.bcd {
            let d = |s: u32| u32::from(v >> s & 15);
            d(12) * 1000 + d(8) * 100 + d(4) * 10 + d(0)
        } else {
            u32::from(v)
        };
        self.count = if n == 0 { self.wrap() as u32 } else { n };
        self.loaded = true;
        if !matches!(self.mode, 1 | 5) {
            self.start = now;
        }
    }

    fn set_gate(&mut self, gate: bool, now: Ns) {
        let rising = gate && !self.gate;
        self.gate = gate;
        if rising && self.mode != 0 && self.mode != 4 {
            self.start = now;
            self.triggered = true;
        }
    }

    fn control(&mut self, v: u8, now: Ns) {
        let access = v >> 4 & 3;
        if access == 0 {
            if self.latch.is_none() {
                self.latch = Some(self.value(now));
            }
            return;
        }
        let mode = match v >> 1 & 7 {
            m @ 0..=5 => m,
            m => m - 4,
        };
        *self = Counter {
            mode,
            access,
            bcd: v & 1 != 0,
            gate: self.gate,
            ..Counter::default()
        };
    }

    fn read(&mut self, now: Ns) -> u8 {
        if let Some(s) = self.status.take() {
            return s;
        }
        let v = self.latch.unwrap_or_else(|| self.value(now));
        let (byte, last) = match self.access {
            1 => (v as u8, true),
            2 => ((v >> 8) as u8, true),
            _ if self.read_high => ((v >> 8) as u8, true),
            _ => (v as u8, false),
        };
        self.read_high = !last;
        if last {
            self.latch = None;
        }
        byte
    }

    fn write(&mut self, v: u8, now: Ns) {
        match self.access {
            1 => self.load(u16::from(v), now),
            2 => self.load(u16::from(v) << 8, now),
            _ => match self.write_low.take() {
                None => {
                    self.write_low = Some(v);
                    if self.mode == 0 {
                        // The first byte of two stops a mode 0 count.
                        self.loaded = false;
                    }
                }
                Some(low) => self.load(u16::from_le_bytes([low, v]), now),
            },
        }
    }

    fn save(&self, s: &mut Saver) {
        s.u8(self.mode);
        s.bool(self.bcd);
        s.u8(self.access);
        s.u32(self.count);
        s.u64(self.start.0);
        for v in [self.gate, self.loaded, self.triggered, self.read_high] {
            s.bool(v);
        }
        s.opt_u64(self.write_low.map(u64::from));
        s.opt_u64(self.latch.map(u64::from));
        s.opt_u64(self.status.map(u64::from));
    }

    fn restore(l: &mut Loader<'_>) -> Result<Counter, LoadError> {
        let c = Counter {
            mode: l.u8()?,
            bcd: l.bool()?,
            access: l.u8()? & 3,
            count: l.u32()?,
            start: Ns(l.u64()?),
            gate: l.bool()?,
            loaded: l.bool()?,
            triggered: l.bool()?,
            read_high: l.bool()?,
            write_low: l.opt_u64()?.map(|v| v as u8),
            latch: l.opt_u64()?.map(|v| v as u16),
            status: l.opt_u64()?.map(|v| v as u8),
        };
        if c.mode > 5 || c.count > 0x1_0000 {
            return Err(LoadError::Invalid("8254 counter"));
        }
        Ok(c)
    }
}

/// The timer. Region 0: ports 40h to 43h; region 1: port 61h. Pin 0: counter 0's output, unless input pin 0 (another timer has taken
/// its interrupt) is high.
#[derive(Default)]
pub struct I8254 {
    counters: [Counter; 3],
    speaker: u8,
    replaced: bool,
}

impl I8254 {
    /// A timer at rest.
    pub fn new() -> I8254 {
        I8254::default()
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        let now = cx.now();
        cx.set_irq(0, self.counters[0].out(now) && !self.replaced);
        cx.set_timer(0, self.counters[0].next_edge(now));
        let (sound, then) = match self.speaker & 2 {
            0 => (Sound::Still, None),
            _ => self.counters[2].sound(now),
        };
        cx.sound(sound, then);
    }

    fn read_back(&mut self, v: u8, now: Ns) {
        for (i, c) in self.counters.iter_mut().enumerate() {
            if v >> (i + 1) & 1 == 0 {
                continue;
            }
            if v & 0x20 == 0 && c.latch.is_none() {
                c.latch = Some(c.value(now));
            }
            if v & 0x10 == 0 && c.status.is_none() {
                let out = u8::from(c.out(now)) << 7;
                let empty = u8::from(!c.loaded) << 6;
                c.status = Some(out | empty | c.access << 4 | c.mode << 1 | u8::from(c.bcd));
            }
        }
    }
}

impl Device for I8254 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = I8254::default();
        for (i, c) in self.counters.iter_mut().enumerate() {
            *c = Counter {
                mode: 3,
                access: 3,
                gate: i != 2,
                ..Counter::default()
            };
        }
        cx.set_irq(0, false);
        cx.set_timer(0, None);
        cx.sound(Sound::Still, None);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32) -> u64 {
        let now = cx.now();
        let v = match (region, offset & 3) {
            (0, 3) => 0xff,
            (0, n) => self.counters[n as usize].read(now),
            _ => {
                // Bit 4 shows the refresh clock, about 15 us each way.
                let refresh = ((now.0 / 15_085) & 1) as u8;
                let out2 = u8::from(self.counters[2].out(now));
                self.speaker & 0x0f | refresh << 4 | out2 << 5
            }
        };
        u64::from(v)
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32, value: u64) {
        let (now, v) = (cx.now(), value as u8);
        match (region, offset & 3) {
            (0, 3) if v >> 6 == 3 => self.read_back(v, now),
            (0, 3) => self.counters[usize::from(v >> 6)].control(v, now),
            (0, n) => self.counters[n as usize].write(v, now),
            _ => {
                self.speaker = v & 0x0f;
                self.counters[2].set_gate(v & 1 != 0, now);
            }
        }
        self.update(cx);
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        if pin == 0 {
            self.replaced = level;
            self.update(cx);
        }
    }

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        self.update(cx);
    }

    fn info(&self) -> String {
        let line = |(n, c): (usize, &Counter)| {
            format!(
                "counter {n}: mode={} initial={} gate={} {}\n",
                c.mode,
                c.count,
                u8::from(c.gate),
                if c.loaded { "counts" } else { "waits" }
            )
        };
        self.counters.iter().enumerate().map(line).collect()
    }

    fn save(&self, s: &mut Saver) {
        for c in &self.counters {
            c.save(s);
        }
        s.u8(self.speaker);
        s.bool(self.replaced);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        for c in &mut self.counters {
            *c = Counter::restore(l)?;
        }
        self.speaker = l.u8()? & 0x0f;
        self.replaced = l.bool()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench() -> Bench<I8254> {
        Bench::new(I8254::new(), I8254::new)
    }

    #[test]
    fn rate_generator_interrupts_at_its_rate() {
        bench().twice(|b| {
            b.write(0, 3, 1, 0x34);
            b.write(0, 0, 1, 0xa9);
            b.write(0, 0, 1, 0x04); // 1193: about 1 kHz
            b.cx.irq_log.clear();
            b.settle(Ns(10_500_000));
            assert_eq!(b.cx.irq_log.iter().filter(|e| e.1).count(), 10);
            b.write(0, 3, 1, 0x00); // latch
            b.save_and_load();
            let v = b.read(0, 0, 1) | b.read(0, 0, 1) << 8;
            assert!((1..=1193).contains(&v), "{v}");
        });
    }

    #[test]
    fn one_shot_and_speaker_gate() {
        bench().twice(|b| {
            b.write(1, 0, 1, 0);
            b.write(0, 3, 1, 0xb0); // counter 2, mode 0
            b.write(0, 2, 1, 100);
            b.write(0, 2, 1, 0);
            b.write(1, 0, 1, 1);
            assert_eq!(b.read(1, 0, 1) & 0x21, 0x01);
            b.settle(Ns(100_000));
            b.save_and_load();
            assert_eq!(b.read(1, 0, 1) & 0x21, 0x21);
        });
    }

    #[test]
    fn loudspeaker() {
        bench().twice(|b| {
            b.cx.sounds.clear();
            b.write(0, 3, 1, 0xb6); // counter 2, mode 3
            b.write(0, 2, 1, 0xa9);
            b.write(0, 2, 1, 0x04);
            b.write(1, 0, 1, 2);
            b.write(1, 0, 1, 1);
            let click = [Sound::High, Sound::Still];
            assert_eq!(b.cx.sounds, click, "data without gate");
            b.cx.sounds.clear();
            b.write(1, 0, 1, 3);
            b.write(0, 2, 1, 0x52);
            b.write(0, 2, 1, 0x09); // 2386
            b.write(1, 0, 1, 0);
            let tone = |millihertz| Sound::Square { millihertz };
            assert_eq!(b.cx.sounds, [tone(1_000_152), tone(500_076), Sound::Still]);
        });
    }

    #[test]
    fn pulses() {
        bench().twice(|b| {
            b.write(1, 0, 1, 3);
            b.cx.sounds.clear();
            b.write(0, 3, 1, 0x90); // counter 2, mode 0, low byte
            for count in [60, 30] {
                b.write(0, 2, 1, count);
                let (at, high) = b.cx.then.unwrap();
                let due = b.cx.now + Ns::until_ticks(count, PIT_HZ);
                assert_eq!((at, high), (due, Sound::High));
            }
            b.settle(Ns(100_000));
            for data in [3, 1, 3] {
                b.write(1, 0, 1, data);
            }
            use Sound::{High, Still};
            assert_eq!(b.cx.sounds, [Still, High, Still, High]);
        });
    }

    #[test]
    fn read_back_reports_mode() {
        bench().twice(|b| {
            b.write(0, 3, 1, 0x76); // counter 1, mode 3
            b.write(0, 1, 1, 4);
            b.write(0, 1, 1, 0);
            b.write(0, 3, 1, 0xe4);
            assert_eq!(b.read(0, 1, 1) & 0x3f, 0x36);
        });
    }
}
