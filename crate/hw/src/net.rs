//! Network interfaces.
pub mod pcnet;
