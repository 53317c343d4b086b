//! Disk images as [`tinamou_core::BlockBackend`]s: raw files, qcow2 files, and an overlay in memory for what is written.
//!
//! Everything here completes at once; a host whose files cannot (a browser fetching ranges) implements the back end itself.

pub mod overlay;
pub mod qcow2;
pub mod raw;
