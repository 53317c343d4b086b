//! Tests of this crate: golden results of a real CPU (`golden`), system-level behaviour, and random code.

mod f80;
mod golden;
mod harness;
mod random;
mod system;
mod xsave;
