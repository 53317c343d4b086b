//! Displays.
pub mod vga;
