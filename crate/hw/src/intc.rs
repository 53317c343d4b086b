//! Interrupt controllers.
pub mod i8259;
