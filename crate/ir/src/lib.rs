//! The intermediate representation: what guest instructions mean.
//!
//! A guest instruction is lifted once into a [`Block`] of typed SSA instructions; an op is given meaning twice, here by the
//! interpreter and in `tinamou-wasm` by the code generator (the simple ones a third time, as machine code: [`interp::native`]). This crate also says what a guest is ([`guest::Guest`]).
//!
//! Invariants: values are block-local, guest state lives in typed slots; in a lifted block no value lives across an `insn`
//! marker; an instruction has no effect before its last possible fault; every block ends in exactly one terminator. The crate
//! knows no guest, no wasm, no engine, and no host but in [`interp::native`].

pub mod block;
pub mod builder;
pub mod f80;
pub mod guest;
pub mod interp;
pub mod layout;
pub mod ops;
pub mod passes;
pub mod region;
pub mod text;
pub mod types;
pub mod verify;

pub use block::{Block, Inst, Val};
pub use builder::Builder;
pub use ops::Op;
pub use types::{HelperDesc, HelperId, JumpKind, MemArg, Slot, SlotDesc, SlotSet, SlotTable, Type};
