//! The suite of execution: cases of IR that every engine must run alike.
//!
//! [`filetest`] reads cases from `tests/filetests/*.tir`, [`generate`] makes random ones, [`machine`] is the small world they run in,
//! a [`Runner`] runs them: the interpreter here, the code generator's engines beside it.

pub mod filetest;
pub mod generate;
pub mod interp;
pub mod machine;
pub mod wasmtime_runner;

pub use interp::Interp;
pub use machine::{Case, End, Machine, Observed, Runner};
