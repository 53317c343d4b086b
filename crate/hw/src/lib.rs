//! Device models: offsets in, IRQ lines out.
//!
//! Each chip is one file (or folder) under its class. A device knows neither its addresses nor its neighbours nor any guest
//! architecture; time is the virtual clock alone. State is plain data, saved and loaded with checks. Guest mistakes are
//! logged and read as the manual says; no value a guest or an image can hold panics.

pub mod block;
pub mod display;
pub mod firmware;
pub mod flash;
pub mod ide;
pub mod intc;
pub mod isa;
pub mod misc;
pub mod net;
pub mod pci;
pub mod serial;
pub mod timer;
pub mod virtio;

#[cfg(test)]
pub(crate) mod testing;
