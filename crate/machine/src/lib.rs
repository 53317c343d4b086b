//! Machines: boards as data, the bus that owns their devices, virtual time, the run loop.
//!
//! [`bus`], [`devices`] and [`malta`] know no guest architecture and no engine; they are joined to a CPU above them.

pub mod bus;
pub mod devices;
pub mod malta;
