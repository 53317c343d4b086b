//! Runs a guest: softmmu, block cache, hot regions, and the engines that run generated wasm.
//!
//! Generic over the guest ([`tinamou_ir::guest::Guest`]) and over the engine ([`engine::Engine`]): this crate knows no instruction
//! set, no board and no device. Only `engine/web*` knows wasm32. Invariants: what a slice does to the state depends on its
//! budget alone, never on which tier ran; code whose bytes were overwritten is never entered again.

pub mod blocks;
mod cells;
mod compiled;
pub mod core;
pub mod debug;
pub mod engine;
mod find;
mod grow;
mod lean;
pub mod pages;
pub mod platform;
mod ranges;
pub mod regions;
pub mod show;
pub mod softmmu;
pub mod timing;
pub mod trace;
pub mod tuning;
pub mod turns;
pub mod vcpu;

pub use platform::Platform;
pub use timing::{Phase, Timing};
pub use trace::{Trace, Tracer};
pub use tuning::Tuning;
pub use vcpu::{RunStats, SliceEnd, Vcpu};
