//! The virtual clock: instructions retired, plus the idle time that was skipped.

/// Nanoseconds of virtual time as a function of the instruction count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// log2 of the nanoseconds of one instruction (QEMU's `-icount shift`).
    shift: u32,
    /// Virtual time at instruction count 0, grown by every skip.
    base_ns: u64,
}

impl Clock {
    /// A clock at 0; one instruction takes `1 << shift` nanoseconds (at most 2^10).
    pub fn new(shift: u32) -> Clock {
        Clock {
            shift: shift.min(10),
            base_ns: 0,
        }
    }

    /// Time after `icount` instructions.
    pub fn ns_at(&self, icount: u64) -> u64 {
        self.base_ns.wrapping_add(icount << self.shift)
    }

    /// First instruction count at which the time is `ns` or later.
    pub fn icount_at(&self, ns: u64) -> u64 {
        let since = ns.saturating_sub(self.base_ns);
        since.div_ceil(1 << self.shift)
    }

    /// Skips forward so that the time at `icount` is `ns`; never goes back.
    pub fn skip_to(&mut self, icount: u64, ns: u64) {
        self.base_ns += ns.saturating_sub(self.ns_at(icount));
    }

    /// State for snapshots.
    pub fn base_ns(&self) -> u64 {
        self.base_ns
    }

    /// Restores a saved base.
    pub fn set_base_ns(&mut self, ns: u64) {
        self.base_ns = ns;
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

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
}
