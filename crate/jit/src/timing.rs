//! Where a vCPU's time goes: one stopwatch, which runs for one phase at a time. Off unless the host gives it a clock, since
//! nothing here may read one by itself; what it shows is for figures alone.

/// What the vCPU's thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Everything else: finding blocks, exceptions, devices between slices.
    #[default]
    Other,
    /// Lifting blocks for the interpreter.
    Lift,
    /// Interpreting, with the devices and helpers that it calls.
    Interpret,
    /// Making regions and modules (the engine's own compilation is its figure).
    Build,
    /// Compiled code, with the devices and helpers that it calls.
    Run,
}

/// The stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    clock: fn() -> u64,
    since: u64,
    phase: Phase,
    ns: [u64; 5],
}

impl Timing {
    /// A stopwatch on a clock in nanoseconds, which begins with `Other`.
    pub fn new(clock: fn() -> u64) -> Timing {
        Timing {
            clock,
            since: clock(),
            phase: Phase::Other,
            ns: [0; 5],
        }
    }

    /// Goes over to another phase; returns the one before.
    pub fn switch(&mut self, to: Phase) -> Phase {
        let now = (self.clock)();
        self.ns[self.phase as usize] += now.saturating_sub(self.since);
        self.since = now;
        std::mem::replace(&mut self.phase, to)
    }

    /// Nanoseconds of a phase so far, up to the last switch.
    pub fn ns(&self, phase: Phase) -> u64 {
        self.ns[phase as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });

    #[test]
    fn one_phase_at_a_time() {
        let to = |ns: u64| NOW.set(ns);
        to(100);
        let mut t = Timing::new(|| NOW.get());
        to(110);
        assert_eq!(t.switch(Phase::Run), Phase::Other);
        to(130);
        let before = t.switch(Phase::Lift);
        to(135);
        assert_eq!((before, t.switch(before)), (Phase::Run, Phase::Lift));
        to(136);
        t.switch(Phase::Other);
        let all = [Phase::Other, Phase::Lift, Phase::Run, Phase::Build].map(|p| t.ns(p));
        assert_eq!(all, [10, 5, 21, 0]);
    }
}
