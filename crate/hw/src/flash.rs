//! Flash memory.
pub mod cfi01;
