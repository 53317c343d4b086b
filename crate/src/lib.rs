//! Tinamou emulates whole machines. Guest code is recompiled into WebAssembly modules while it runs; a browser's engine, or
//! wasmtime natively, turns them into machine code.
//!
//! This crate is the library's face: it re-exports the floors of the house, lowest first. A floor may use those below it and
//! nothing else; each is a crate, so that the compiler holds the order. What each one keeps, and above all what it must not know:
//!
//! | floor | what | invariants |
//! |---|---|---|
//! | [`core`] | addresses, time, devices, save format | Knows no guest, board, engine or host. Addresses are newtypes; saved state is distrusted. |
//! | [`arena`] | the one memory that generated code touches | The only crate with raw pointers into it. Everything is a `u32` offset; nothing moves once handed out. |
//! | [`softfloat`] | IEEE 754 arithmetic with flags | Pure functions: no state, no host floating point, no guest's conventions. |
//! | `decode` | decode tables of an instruction set (a macro) | Knows no instruction set. One table yields decoder, fuzzer and coverage list. |
//! | [`ir`] | the ops, the builder, passes, the interpreter (natively also as machine code); what a guest is | Knows no guest, no wasm, no board. An op is listed once; the interpreter is its meaning. |
//! | [`wasm`] | a region of IR as the bytes of a module | Knows no guest and no engine. The bytes hold no arena offsets and no table indices. |
//! | [`jit`] | vCPU run loop, softmmu, hot regions, engines | Generic over guest and engine, ignorant of boards. The tier that ran never shows in the state. |
//! | [`mips`] | MIPS32 and MIPS64: decode, lift, MMU, exceptions | One meaning per instruction, its lifter. Knows no board, no engine and no wall clock. |
//! | [`hw`] | device models | A device sees offsets and virtual time, never its address, the guest's instruction set or the host. |
//! | [`machine`] | boards as data, bus, virtual clock, run loop | Never blocks, never reads the wall clock. Same inputs at the same instructions: same state, on every host. |
//! | [`control`] | control protocols | Drives a machine from outside, through one interface. |
//! | `tinamou_lab` | labs: tasks, their checks, an assembler | The same verdict on every host. Knows no file, clock or engine. |
//!
//! Above them is a host. The command line (this package's binary) and the browser bindings (`web/`) are two; they own the wall
//! clock, terminals, files and sockets, and call [`machine::Machine::run_slice`].

pub mod lab;

pub use tinamou_arena as arena;
pub use tinamou_control as control;
pub use tinamou_core as core;
pub use tinamou_hw as hw;
pub use tinamou_ir as ir;
pub use tinamou_jit as jit;
pub use tinamou_machine as machine;
pub use tinamou_mips as mips;
pub use tinamou_softfloat as softfloat;
pub use tinamou_wasm as wasm;
