//! Virtual time: nanoseconds of the machine's own clock. Nothing here knows the host's clock.

use core::ops::{Add, Sub};

/// Nanoseconds since the machine was created, on the virtual clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Ns(pub u64);

impl Ns {
    /// One second.
    pub const SECOND: Ns = Ns(1_000_000_000);

    /// Nanoseconds for `ticks` of a clock of `hz`, rounded down. Saturates; a clock of 0 Hz gives the end of time.
    pub const fn from_ticks(ticks: u64, hz: u64) -> Ns {
        if hz == 0 {
            return Ns(u64::MAX);
        }
        let ns = (ticks as u128 * 1_000_000_000) / hz as u128;
        Ns(if ns > u64::MAX as u128 {
            u64::MAX
        } else {
            ns as u64
        })
    }

    /// Nanoseconds after which `ticks` of a clock of `hz` have surely passed (rounded up), for deadlines.
    pub const fn until_ticks(ticks: u64, hz: u64) -> Ns {
        if hz == 0 {
            return Ns(u64::MAX);
        }
        let ns = (ticks as u128 * 1_000_000_000).div_ceil(hz as u128);
        Ns(if ns > u64::MAX as u128 {
            u64::MAX
        } else {
            ns as u64
        })
    }

    /// Whole ticks of a clock of `hz` in this time.
    pub const fn ticks(self, hz: u64) -> u64 {
        ((self.0 as u128 * hz as u128) / 1_000_000_000) as u64
    }

    /// The time since `earlier`, or zero.
    pub const fn since(self, earlier: Ns) -> Ns {
        Ns(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Ns {
    type Output = Ns;
    fn add(self, o: Ns) -> Ns {
        Ns(self.0.saturating_add(o.0))
    }
}

impl Sub for Ns {
    type Output = Ns;
    fn sub(self, o: Ns) -> Ns {
        Ns(self.0.saturating_sub(o.0))
    }
}
