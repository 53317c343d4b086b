//! The virtual clock: instructions retired at a rate, plus the idle time that was skipped; and what sets the rate of machines
//! that keep up with real time.

/// Rates are in 1/256 nanoseconds per instruction.
const RATE_LOG2: u32 = 8;

/// `-icount 10`: beyond all rates of [`Pace`].
const MAX_RATE: u64 = 1 << (RATE_LOG2 + 10);
/// Latest time of a saved state: 146 years.
const MAX_NS: u64 = 1 << 62;

/// Nanoseconds of virtual time as a function of the instruction count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Duration of one instruction, in 1/256 ns.
    rate: u64,
    /// Instruction count since when the rate holds.
    from: u64,
    /// Virtual time at `from`, grown by every skip.
    base_ns: u64,
}

impl Clock {
    /// A clock at 0; one instruction takes `1 << shift` nanoseconds (at most 2^10; QEMU's `-icount shift`).
    pub fn new(shift: u32) -> Clock {
        Clock {
            rate: 1 << (RATE_LOG2 + shift.min(10)),
            from: 0,
            base_ns: 0,
        }
    }

    /// Time after `icount` instructions.
    #[inline]
    pub fn ns_at(&self, icount: u64) -> u64 {
        let since = icount.saturating_sub(self.from) as u128 * self.rate as u128;
        self.base_ns.wrapping_add((since >> RATE_LOG2) as u64)
    }

    /// First instruction count at which the time is `ns` or later.
    pub fn icount_at(&self, ns: u64) -> u64 {
        let since = (ns.saturating_sub(self.base_ns) as u128) << RATE_LOG2;
        let insns = since.div_ceil(self.rate as u128);
        self.from
            .saturating_add(u64::try_from(insns).unwrap_or(u64::MAX))
    }

    /// Skips forward so that the time at `icount` is `ns`; never goes back.
    pub fn skip_to(&mut self, icount: u64, ns: u64) {
        self.base_ns += ns.saturating_sub(self.ns_at(icount));
    }

    /// From `icount` on one instruction takes `rate` / 256 nanoseconds.
    pub fn set_rate(&mut self, icount: u64, rate: u64) {
        self.base_ns = self.ns_at(icount);
        self.from = icount;
        self.rate = rate.max(1);
    }

    /// State for snapshots: rate, instruction count and time since when it holds.
    pub fn state(&self) -> [u64; 3] {
        [self.rate, self.from, self.base_ns]
    }

    /// Restores a state saved at `icount`; false, and nothing is changed, if it cannot be one.
    #[must_use]
    pub fn set_state(&mut self, icount: u64, [rate, from, base_ns]: [u64; 3]) -> bool {
        let fits = (1..=MAX_RATE).contains(&rate) && from <= icount && base_ns <= MAX_NS;
        if fits {
            *self = Clock {
                rate,
                from,
                base_ns,
            };
        }
        fits
    }
}

/// Bounds of the rate of a machine in real time: 1/16 ns is faster than any guest runs, 1 us slower than the interpreter.
const RATES: (u64, u64) = (1 << (RATE_LOG2 - 4), SLOWEST_NS << RATE_LOG2);
/// Nanoseconds of an instruction by the slower bound.
const SLOWEST_NS: u64 = 1000;
/// A lag is made up for within this many nanoseconds.
const CATCH_UP_NS: i64 = 20_000_000;
/// Longest lag that is made up for: beyond it (a suspended host, a stopped process) the guest's time is simply late.
const MAX_LAG_NS: i64 = 1_000_000_000;

/// Makes virtual time follow real time by the clock's rate. Jumps would do too, but for guests that poll: they would miss what
/// is only there for a moment, such as the update cycle of a real-time clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Real less virtual time.
    lag_ns: i64,
    /// Real nanoseconds and instructions of the last slices; each counts for a quarter less with every one that follows.
    spent: (u64, u64),
}

impl Pace {
    /// Real time went by in which no instruction ran, and virtual time by `virtual_ns`.
    pub fn waited(&mut self, real_ns: u64, virtual_ns: u64) {
        let lag = real_ns as i128 - virtual_ns as i128 + self.lag_ns as i128;
        // Time that is ahead must wait, however far.
        self.lag_ns = i64::try_from(lag.max(-MAX_LAG_NS as i128))
            .ok()
            .filter(|&lag| lag <= MAX_LAG_NS)
            .unwrap_or(0);
    }

    /// `insns` instructions took so much real and virtual time: the rate for the next ones.
    pub fn ran(&mut self, insns: u64, real_ns: u64, virtual_ns: u64) -> u64 {
        self.waited(real_ns, virtual_ns);
        // A few instructions during which the host did something else say nothing of its speed.
        let ran_ns = real_ns.min(insns.saturating_mul(SLOWEST_NS));
        let (ns, all) = self.spent;
        self.spent = (ns / 4 * 3 + ran_ns, all / 4 * 3 + insns);
        let (ns, all) = self.spent;
        let speed = ((ns as u128) << RATE_LOG2) / all.max(1) as u128;
        let lag = self.lag_ns.clamp(-CATCH_UP_NS, CATCH_UP_NS);
        let percent = (100 + 100 * lag / CATCH_UP_NS).max(25) as u128;
        let rate = u64::try_from(speed * percent / 100).unwrap_or(u64::MAX);
        rate.clamp(RATES.0, RATES.1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Pace};

    #[test]
    fn skipping_moves_time_and_not_instructions() {
        let mut c = Clock::new(3);
        assert_eq!(c.ns_at(10), 80);
        assert_eq!(c.icount_at(81), 11);
        c.skip_to(10, 1000);
        assert_eq!(c.ns_at(10), 1000);
        assert_eq!(c.icount_at(1000), 10);
        c.skip_to(10, 500);
        assert_eq!(c.ns_at(10), 1000);
    }

    #[test]
    fn a_new_rate_holds_from_now_on() {
        let mut c = Clock::new(0);
        c.set_rate(100, 640);
        assert_eq!(c.ns_at(100), 100);
        assert_eq!(c.ns_at(104), 110);
        assert_eq!(c.icount_at(110), 104);
        assert_eq!(c.icount_at(111), 105);
        let mut d = Clock::new(9);
        assert!(d.set_state(100, c.state()));
        assert!(!d.set_state(99, c.state()));
        assert_eq!(c, d);
    }

    #[test]
    fn pace_brings_virtual_time_to_real_time() {
        // The host takes 5 ns for an instruction, then 1 ns.
        let (mut clock, mut pace) = (Clock::new(0), Pace::default());
        let (mut icount, mut real) = (0, 0u64);
        for slice in 0..2000 {
            let took = if slice < 1000 { 5_000_000 } else { 1_000_000 };
            let before = clock.ns_at(icount);
            icount += 1_000_000;
            real += took;
            let rate = pace.ran(1_000_000, took, clock.ns_at(icount) - before);
            clock.set_rate(icount, rate);
            if slice % 1000 > 100 {
                assert!(clock.ns_at(icount).abs_diff(real) < 6_000_000, "{slice}");
            }
        }
        // The host slept for an hour: the guest's time is late.
        pace.waited(3_600_000_000_000, 0);
        assert!(pace.ran(1000, 1000, 1000) < 400);
    }

    #[test]
    fn a_busy_host_does_not_hurry_the_guest() {
        // Between slices of 5 ms the host does something else for 200 ms, each time when a guest that wakes for a tick has just run a little.
        let (mut clock, mut pace) = (Clock::new(0), Pace::default());
        let (mut icount, mut real) = (0, 0u64);
        for slice in 0..2000 {
            let (insns, took) = if slice % 6 == 5 {
                (2000, 200_000_000)
            } else {
                (1_000_000, 5_000_000)
            };
            let before = clock.ns_at(icount);
            icount += insns;
            real += took;
            let rate = pace.ran(insns, took, clock.ns_at(icount) - before);
            clock.set_rate(icount, rate);
            let ahead = clock.ns_at(icount).saturating_sub(real);
            assert!(ahead < 20_000_000, "{ahead} ns ahead after slice {slice}");
        }
        // Time that is ahead all the same waits for real time.
        pace.waited(0, 3_600_000_000_000);
        let (rate, speed) = (pace.ran(1_000_000, 5_000_000, 5_000_000), 5 << 8);
        assert!(rate <= speed / 2, "{rate}");
    }
}
