//! The system controller's four timer/counters (data sheet, "Timers/Counters"): one of 32 bits, three of 24, counting TClk down.
//! A counter stops at zero, a timer starts again. Nothing is stepped: counts follow from virtual time.

use tinamou_core::{LoadError, Loader, Ns, Saver};

/// TClk. Core cards have 50 to 100 MHz; nothing on the board tells.
const TICK_NS: u64 = 10;

/// One timer/counter.
#[derive(Clone, Copy, Default)]
pub struct Timer {
    wide: bool,
    /// Starts again at zero.
    periodic: bool,
    on: bool,
    reload: u32,
    /// The count while it is off.
    held: u32,
    /// Tick at which the count was `reload`; may lie before time began.
    start: u64,
}

impl Timer {
    /// The timer of this number.
    pub fn new(number: usize) -> Timer {
        Timer {
            wide: number == 0,
            ..Timer::default()
        }
    }

    /// The count.
    pub fn count(&self, now: Ns) -> u32 {
        if !self.on {
            return self.held;
        }
        let run = self.elapsed(now);
        let n = u64::from(self.reload);
        let gone = if self.periodic && n != 0 {
            run % n
        } else {
            run.min(n)
        };
        (n - gone) as u32
    }

    fn elapsed(&self, now: Ns) -> u64 {
        (now.0 / TICK_NS).wrapping_sub(self.start)
    }

    /// Loads the count and what a timer starts again from.
    pub fn set(&mut self, now: Ns, value: u32) {
        let value = if self.wide { value } else { value & 0xff_ffff };
        self.reload = value;
        self.held = value;
        self.start = now.0 / TICK_NS;
    }

    /// The two control bits: enable, and timer instead of counter.
    pub fn control(&mut self, now: Ns, bits: u32) {
        self.held = self.count(now);
        self.on = bits & 1 != 0;
        self.periodic = bits & 2 != 0;
        let gone = u64::from(self.reload.saturating_sub(self.held));
        self.start = (now.0 / TICK_NS).wrapping_sub(gone);
    }

    /// When it next comes to zero. A counter that is there stays there.
    pub fn deadline(&self, now: Ns) -> Option<Ns> {
        let n = u64::from(self.reload);
        if !self.on || n == 0 {
            return None;
        }
        let run = self.elapsed(now);
        let rounds = if self.periodic {
            run / n + 1
        } else if run < n {
            1
        } else {
            return None;
        };
        let tick = self.start.wrapping_add(n.saturating_mul(rounds));
        Some(Ns(tick.saturating_mul(TICK_NS)))
    }

    /// Saves the state.
    pub fn save(&self, s: &mut Saver) {
        s.u32(u32::from(self.on) | u32::from(self.periodic) << 1);
        s.u32(self.reload);
        s.u32(self.held);
        s.u64(self.start);
    }

    /// Loads it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let bits = l.u32()?;
        self.on = bits & 1 != 0;
        self.periodic = bits & 2 != 0;
        let most = if self.wide { u32::MAX } else { 0xff_ffff };
        self.reload = l.u32()? & most;
        self.held = l.u32()?.min(self.reload);
        self.start = l.u64()?;
        Ok(())
    }
}
