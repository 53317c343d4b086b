//! Bus cycles other than memory reads and writes. They are accesses to physical addresses above any that a CPU can form, where the board puts
//! what answers: the I/O space as a window, the rest as registers.

use tinamou_core::Gpa;

/// The I/O space: port `p` is the address `IO + p`.
pub const IO: u64 = 1 << 56;
/// Interrupt acknowledge: a read of one byte gives the vector.
pub const INT_ACK: Gpa = Gpa(1 << 57);
/// Shutdown after a triple fault: a write.
pub const SHUTDOWN: Gpa = Gpa((1 << 57) + 0x10);
/// The task priority register of the local APIC, for CR8: one byte.
pub const TPR: Gpa = Gpa((1 << 57) + 0x20);
/// FERR, the error line of the FPU: a write of 0 or 1.
pub const FERR: Gpa = Gpa((1 << 57) + 0x30);
/// IA32_APIC_BASE: eight bytes.
pub const APIC_BASE: Gpa = Gpa((1 << 57) + 0x40);
/// Events of the local APIC since the last read: a start-up IPI's vector is in bits 8 to 15.
pub const EVENTS: Gpa = Gpa((1 << 57) + 0x50);

/// Inputs of the CPU, for `Guest::set_irq`.
pub mod pin {
    /// INTR, a level.
    pub const INTR: u32 = 0;
    /// NMI, an edge.
    pub const NMI: u32 = 1;
    /// INIT, an edge.
    pub const INIT: u32 = 2;
    /// A20M: address line 20 is masked while the level is high.
    pub const A20M: u32 = 3;
    /// IGNNE, a level.
    pub const IGNNE: u32 = 4;
    /// A start-up IPI, an edge; its vector is read at [`super::EVENTS`].
    pub const SIPI: u32 = 5;
}
