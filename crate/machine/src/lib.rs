//! Machines: boards as data, the bus that owns their devices, virtual time, the run loop.
//!
//! [`bus`], [`devices`], [`boards`] and [`malta`] know no guest architecture and no engine; they are joined to a CPU above them.

mod absent;
pub mod boards;
pub mod bus;
pub mod clock;
pub mod config;
pub mod debug;
pub mod devices;
pub mod history;
pub mod image;
pub mod input;
pub mod inspect;
pub mod machine;
pub mod malta;
pub mod snapshot;
pub mod target;
mod turns;

pub use config::{Accel, Config, MachineError};
pub use machine::{Machine, SliceEnd, Stats};
pub use target::{Arch, CpuProperty, TARGETS, Target};
