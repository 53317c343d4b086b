//! Interrupt controllers.
pub mod apic;
pub mod i8259;
