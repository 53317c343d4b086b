//! What a vCPU asks of the machine around it.

use tinamou_core::PhysBus;

/// The machine as its vCPUs see it: the physical bus, virtual time, and a bell.
pub trait Platform: PhysBus {
    /// Virtual time in nanoseconds after `icount` instructions in all.
    fn ns_at(&self, icount: u64) -> u64;

    /// The first instruction count at which the virtual time is `ns` or later.
    fn icount_at(&self, ns: u64) -> u64;

    /// Tells devices the time before an access reaches one.
    fn set_now(&mut self, ns: u64);

    /// Whether the run loop should look before another instruction runs: an IRQ line, a deadline or a mapping has changed, or a
    /// device asked for something.
    fn attention(&self) -> bool;

    /// Notes a mistake of the guest.
    fn guest_error(&mut self, text: &str);
}
