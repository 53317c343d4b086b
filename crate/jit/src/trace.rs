//! Listening to a vCPU: what `-d` of the command line shows.
//!
//! Without a listener this costs a test of an `Option` per lifted block, module and exception, and nothing in compiled code. A
//! listener must not touch the machine; what it hears never changes what the guest does.

use std::cell::RefCell;
use std::rc::Rc;

use tinamou_ir::Block;
use tinamou_ir::guest::{CodeFetch, Fault, Guest, State};
use tinamou_ir::region::Region;

/// A listener, shared by the vCPU and its compiler.
pub type Tracer = Rc<RefCell<dyn Trace>>;

/// Hears what a vCPU does.
pub trait Trace {
    /// Whether [`Trace::enter`] is wanted. The vCPU then runs nothing but the interpreter: compiled blocks are entered unheard.
    fn wants_blocks(&self) -> bool;
    /// A block was lifted; `code` reads the bytes that it came from.
    fn lifted(&mut self, guest: &dyn Guest, code: &mut dyn CodeFetch, block: &Block);
    /// A region went through the passes.
    fn optimised(&mut self, guest: &dyn Guest, region: &Region);
    /// A module goes to the engine.
    fn module(&mut self, bytes: &[u8]);
    /// An exception, or with `None` an interrupt, was entered; `pc` is where it came, the state is as the handler finds it.
    fn exception(&mut self, guest: &dyn Guest, state: &State, fault: Option<Fault>, pc: u64);
    /// The block at the pc is about to run.
    fn enter(&mut self, guest: &dyn Guest, state: &State, mode: u32);
}
