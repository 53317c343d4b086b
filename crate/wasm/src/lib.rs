//! IR regions to wasm module bytes.
//!
//! Every region becomes one function `(vcpu: i32, entry: i32) -> i32`: its blocks as structured control flow, guest slots in
//! locals, side exits to one common point that writes the slots back. What the function imports and returns is said in
//! [`module`]; what an exit number means, in [`tinamou_ir::region::Exit`].
//!
//! Invariants: the bytes hold no arena offsets and no table indices (both come from imported globals and the `vcpu` base), so
//! they can be cached; no wasm instruction in them traps; the budget never passes below what the interpreter would leave. The
//! map pointers of the vCPU header are read on entry alone: whoever changes them while a region runs asks for a `LEAVE`.
//!
//! The crate turns IR into bytes and nothing else: it knows no engine, no code cache and no guest.

mod access;
mod bits;
mod block;
mod check;
mod f80;
mod func;
mod graph;
mod groups;
mod live;
pub mod module;
mod ops;
mod values;

pub use module::{CompiledModule, Env, Features, LinkTarget, RegionMeta, compile_module};

/// The text form of a module, for dumps.
#[cfg(feature = "wat")]
pub fn wat(bytes: &[u8]) -> String {
    wasmprinter::print_bytes(bytes).unwrap_or_else(|e| format!(";; not printable: {e}\n"))
}
