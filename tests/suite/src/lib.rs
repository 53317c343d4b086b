//! The suite of execution: cases of IR that every engine must run alike.
//!
//! [`filetest`] reads cases from `tests/filetests/*.tir`, [`generate`] makes random ones, [`machine`] is the small world they run in,
//! a [`Runner`] runs them: the interpreter here, the code generator's engines beside it. [`mips`] does the same with programs of
//! random MIPS instructions on whole machines.

pub mod filetest;
pub mod generate;
pub mod interp;
pub mod machine;
pub mod mips;
pub mod wasmtime_runner;

pub use interp::Interp;
pub use machine::{Case, End, Machine, Observed, Runner};
