//! Control of machines from outside: the machine protocol (QMP) and the monitor for people, both as QEMU speaks them.
//!
//! [`commands`] is the one list of commands and events; [`schema`] derives from it what QMP, the documentation and the page say about
//! them. [`controller`] holds the run state and the monitors' sessions. It drives the machine through [`driven::Driven`] and asks
//! its surroundings through [`driven::Host`]; it never waits, knows no clock, file or socket, and so runs alike in a command line
//! and in a browser's worker.
//!
//! What monitors send is distrusted: whatever comes, the answer is a reply or a sentence, never a panic.

mod cards;
pub mod commands;
pub mod controller;
pub mod cx;
pub mod driven;
pub mod error;
pub mod gdb;
pub mod hmp;
pub mod json;
mod migration;
mod news;
pub mod objects;
pub mod qmp;
pub mod ringbuf;
pub mod schema;
pub mod setup;
mod snapshots;
pub mod transfer;
pub mod types;

pub use controller::{Cause, Controller, MonitorId, PanicAction, RunState, Start, watchdog_action};
pub use driven::{Driven, Host};
pub use qmp::net;
