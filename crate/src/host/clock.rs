//! Virtual time beside the wall clock, for machines that run in real time.

use std::time::{Duration, Instant};

/// Longest lag that a guest makes up for: beyond it (a suspended host, a stopped process) its time is simply late.
const MAX_LAG_NS: u64 = 1_000_000_000;

/// Ties virtual to real time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    wall: Instant,
    virtual_ns: u64,
}

impl Pace {
    /// Virtual time `virtual_ns` is now.
    pub fn new(now: Instant, virtual_ns: u64) -> Pace {
        Pace {
            wall: now,
            virtual_ns,
        }
    }

    /// The virtual time that belongs to `now`, given that the machine is at `virtual_ns`. A machine that is ahead, or too far
    /// behind, keeps its time: the two are tied anew.
    pub fn due(&mut self, now: Instant, virtual_ns: u64) -> u64 {
        let due = self
            .virtual_ns
            .saturating_add(nanos(now.saturating_duration_since(self.wall)));
        if due < virtual_ns || due - virtual_ns > MAX_LAG_NS {
            *self = Pace::new(now, virtual_ns);
            return virtual_ns;
        }
        due
    }
}

/// A duration in nanoseconds.
pub fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_wall_clock() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut p = Pace::new(t0, 100);
        assert_eq!(p.due(at(1), 500), 1_000_100);
        // Ahead: tied anew, so that the next millisecond is a millisecond.
        assert_eq!(p.due(at(2), 9_000_000), 9_000_000);
        assert_eq!(p.due(at(3), 9_000_000), 10_000_000);
        // The host slept for an hour.
        assert_eq!(p.due(at(3_600_000), 10_000_000), 10_000_000);
        assert_eq!(p.due(at(3_600_001), 10_000_000), 11_000_000);
    }
}
