//! The emulator as a JavaScript module: an opaque [`Machine`] handle, and nothing that knows what a machine does.
//!
//! The machine's life is that of `tinamou-control`: [`host`] is the browser as control sees it. Loose options become a strict configuration in [`options`], Rust errors become JS errors in [`error`], and nowhere else. The
//! module is made for a worker: a slice blocks its thread for as long as it runs. It must not depend on the DOM.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_arch = "wasm32")]

#[cfg(any(feature = "mips", feature = "x86"))]
mod backends;
#[cfg(any(feature = "mips", feature = "x86"))]
mod bays;
#[cfg(any(feature = "mips", feature = "x86"))]
mod drives;
#[cfg(any(feature = "mips", feature = "x86"))]
mod error;
#[cfg(any(feature = "mips", feature = "x86"))]
mod gdb;
#[cfg(any(feature = "mips", feature = "x86"))]
mod host;
#[cfg(any(feature = "mips", feature = "x86"))]
mod incoming;
#[cfg(feature = "lab")]
mod lab;
#[cfg(any(feature = "mips", feature = "x86"))]
mod log;
#[cfg(any(feature = "mips", feature = "x86"))]
mod machine;
#[cfg(any(feature = "mips", feature = "x86"))]
mod network;
#[cfg(any(feature = "mips", feature = "x86"))]
mod options;
mod panic;
#[cfg(any(feature = "mips", feature = "x86"))]
mod remote;
#[cfg(any(feature = "mips", feature = "x86"))]
mod screen;
#[cfg(any(feature = "mips", feature = "x86"))]
mod shares;
#[cfg(any(feature = "mips", feature = "x86"))]
mod sound;
#[cfg(feature = "user")]
mod user;

#[cfg(feature = "lab")]
pub use lab::{Assembled, LabRun, assemble};
#[cfg(any(feature = "mips", feature = "x86"))]
pub use machine::Machine;
pub use panic::take_panic;
#[cfg(feature = "user")]
pub use user::Program;

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by wasm-bindgen when the module is loaded.
#[wasm_bindgen(start)]
pub fn start() {
    panic::install();
}

/// Version of the emulator.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
