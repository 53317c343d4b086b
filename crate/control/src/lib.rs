//! Control of machines from outside.

pub mod gdb;
