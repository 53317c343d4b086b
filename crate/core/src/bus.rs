//! The physical address space as a vCPU sees it: RAM pages that it may reach directly, and device accesses.

use crate::Gpa;

/// What lies behind one physical page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RamPage {
    /// RAM (or ROM) at this byte offset into the arena; `writable` is false for ROM: a store there goes to
    /// [`PhysBus::write`].
    Ram { arena: u32, writable: bool },
    /// A device: every access goes to [`PhysBus::read`] and [`PhysBus::write`].
    Device,
    /// Nothing decodes this address.
    None,
}

/// Where a board shows the I/O space of an architecture that has one (x86): port `n` is at `IO_SPACE + n`, beyond all physical
/// addresses.
pub const IO_SPACE: Gpa = Gpa(1 << 56);

/// Where a board shows bus cycles that are no accesses (interrupt acknowledge) and what a CPU sees of its own chips and nobody else
/// does (x86's local APIC); the device says how it is laid out.
pub const CPU_PRIVATE: Gpa = Gpa(1 << 57);

/// Nothing answered at this address (or a device refused the access).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BusError;

/// The physical bus. Values are the guest's bytes in little-endian order: byte `i` of the access is bits `8i..8i+8`,
/// whatever the guest's byte order; the caller swaps.
pub trait PhysBus {
    /// What lies at the page of `gpa`.
    fn page(&self, gpa: Gpa) -> RamPage;

    /// Reads `size` (1, 2, 4 or 8) bytes. Never crosses a page.
    ///
    /// # Errors
    /// [`BusError`] when nothing decodes the address; the guest's front end turns it into the architecture's exception.
    fn read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError>;

    /// Writes `size` (1, 2, 4 or 8) bytes. Never crosses a page.
    ///
    /// # Errors
    /// [`BusError`] when nothing decodes the address.
    fn write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError>;
}
