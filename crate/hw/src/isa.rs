//! The PC-style south bridge and what hangs on its ISA bus.
pub mod debug;
pub mod dma8237;
pub mod floppy;
pub mod i8042;
pub mod parallel;
pub mod piix;
pub mod ps2;
pub mod reset;
pub mod smbus;
pub mod spd;
pub mod uhci;
