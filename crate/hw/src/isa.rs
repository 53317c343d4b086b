//! The PC-style south bridge and what hangs on its ISA bus.
pub mod i8042;
pub mod piix4;
pub mod smbus;
pub mod spd;
pub mod uhci;
