//! Tier 0: a block becomes a compact register bytecode ([`Code`]), at once, and is run by a `match` loop.
//!
//! `translate` makes one pass over the block. A `get` becomes an operand, an adjacent `set` a destination, small constants
//! become immediates, a comparison joins the branch behind it, a constant addition joins its access: most guest instructions
//! end as one op. Operands are word offsets in the vCPU state; what is no slot lies in the scratch area of [`crate::layout`].
//! Markers make no bytecode: a side table says which instruction an op belongs to, and is looked at only when something stops.
//!
//! Invariants: a block of the lifter can be entered at any marker ([`run`]'s `start_insn`), as no value lives across one; an optimised block
//! only at its start. The interpreter reads the pending word after slow accesses and helpers that may fault, never clears it,
//! and never touches the budget. The crate's other meaning of an op is in `tinamou-wasm`; both are tested against each other.

mod alu;
mod bytecode;
pub mod eval;
mod exec;
pub mod native;
mod operands;
mod translate;
pub(crate) mod vector;

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

pub use translate::{Translator, translate};

use std::rc::Rc;

use crate::guest::{Fault, State, Stop};
use crate::types::{HelperId, MemArg};

/// A block as bytecode.
#[derive(Clone, Debug)]
pub struct Code {
    ops: Vec<u64>,
    marks: Rc<Marks>,
}

/// Where the instructions of a block's bytecode are: looked at only when something stops.
#[derive(Clone, Debug)]
pub struct Marks {
    insns: Box<[InsnPos]>,
}

/// Where an instruction is.
#[derive(Clone, Copy, Debug)]
struct InsnPos {
    /// Index of its first bytecode word.
    start: u32,
    pc: u64,
    note: u64,
}

impl Code {
    /// The bytecode.
    pub fn words(&self) -> &[u64] {
        &self.ops
    }

    /// Where its instructions are.
    pub fn marks(&self) -> &Rc<Marks> {
        &self.marks
    }

    /// As [`Marks::insn_count`].
    pub fn insn_count(&self) -> u32 {
        self.marks.insn_count()
    }

    /// As [`Marks::insn_pc`].
    pub fn insn_pc(&self, insn: u32) -> u64 {
        self.marks.insn_pc(insn)
    }

    /// As [`Marks::insn_note`].
    pub fn insn_note(&self, insn: u32) -> u64 {
        self.marks.insn_note(insn)
    }

    /// Bytes it occupies.
    pub fn bytes(&self) -> usize {
        size_of::<Code>() + self.ops.capacity() * 8 + self.marks.insns.len() * size_of::<InsnPos>()
    }

    /// Lets the bytecode go.
    pub fn into_marks(self) -> Rc<Marks> {
        self.marks
    }
}

impl Marks {
    /// Number of guest instructions.
    pub fn insn_count(&self) -> u32 {
        self.insns.len() as u32
    }

    /// Guest address of instruction `insn`; 0 when there is no such instruction.
    pub fn insn_pc(&self, insn: u32) -> u64 {
        self.insns.get(insn as usize).map_or(0, |p| p.pc)
    }

    /// The guest's note on instruction `insn`, handed to `Guest::raise`.
    pub fn insn_note(&self, insn: u32) -> u64 {
        self.insns.get(insn as usize).map_or(0, |p| p.note)
    }

    /// The instruction that the word at `ip` belongs to.
    fn insn_at(&self, ip: usize) -> u32 {
        (self.insns.partition_point(|p| p.start as usize <= ip) as u32).saturating_sub(1)
    }
}

/// Why a block stopped running.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Goes on at a constant address, in the same mode (`jump`, `branch`, `exit_if`).
    Jump {
        /// Guest address.
        pc: u64,
    },
    /// Goes on at a computed address, in the same mode (`jump_ind`).
    Indirect {
        /// Guest address.
        pc: u64,
    },
    /// The run loop must look again (`leave`, `leave_ind`).
    Leave {
        /// Guest address.
        pc: u64,
    },
    /// An access or helper raised a guest exception at instruction `insn`, which had no effect.
    Fault {
        /// The exception.
        fault: Fault,
        /// Index of the instruction in the block.
        insn: u32,
    },
    /// `trap_if` or `raise` at instruction `insn`.
    Trap {
        /// The guest's exception number.
        code: u32,
        /// Index of the instruction in the block.
        insn: u32,
    },
    /// Instruction `insn` must wait for the host and restarts later; it had no effect.
    Wait {
        /// Index of the instruction in the block.
        insn: u32,
    },
    /// The pending word asked to leave after an instruction: goes on with instruction `insn` of this block. After the block's last
    /// instruction the terminator's outcome is reported instead.
    Left {
        /// Index of the next instruction.
        insn: u32,
    },
}

/// What [`run`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ran {
    /// Why it stopped.
    pub outcome: Outcome,
    /// Instructions completed by this run, counted from `start_insn`: what the run loop takes from the budget.
    pub completed: u32,
}

/// What running code may ask of the machine.
pub trait ExecCx {
    /// A load that the page maps do not allow: through the MMU, from a device, misaligned or across pages. The result is the
    /// guest's value (byte order applied), zero-extended.
    ///
    /// # Errors
    /// [`Stop`] when the access had no effect.
    fn load(&mut self, va: u64, mem: MemArg) -> Result<u64, Stop>;
    /// A store that the page maps do not allow. `value` is the guest's value; bits above the size are garbage.
    ///
    /// # Errors
    /// [`Stop`] when the access had no effect.
    fn store(&mut self, va: u64, value: u64, mem: MemArg) -> Result<(), Stop>;
    /// Checks an access that the page maps do not allow, without any other effect.
    ///
    /// # Errors
    /// [`Stop`] as the access would.
    fn probe(&mut self, va: u64, mem: MemArg) -> Result<(), Stop>;
    /// Calls a helper; operands are zero-extended to 64 bits.
    ///
    /// # Errors
    /// [`Stop`] when the instruction had no effect.
    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop>;
    /// Told before every `load`, `store`, `probe` and before a call of a helper that declares `time` or `faults`: this many
    /// instructions were completed since the run began, so that virtual time is exact.
    fn note_progress(&mut self, completed: u32);
}

/// Runs a block from instruction `start_insn` until it stops. `state` must have the slots that the block was translated for.
pub fn run<C: ExecCx>(code: &Code, start_insn: u32, state: &State, cx: &mut C) -> Ran {
    let marks = &code.marks;
    run_words(&code.ops, marks.insn_count(), marks, start_insn, state, cx)
}

/// As [`run`], for the bytecode of a block with `insns` instructions that is kept apart from its marks: from the first instruction on, and while nothing
/// stops, they are not looked at.
pub fn run_words<C: ExecCx>(
    ops: &[u64],
    insns: u32,
    marks: &Rc<Marks>,
    start_insn: u32,
    state: &State,
    cx: &mut C,
) -> Ran {
    // What stands before the first marker belongs to the first instruction.
    let start = match start_insn {
        0 => 0,
        n => marks.insns.get(n as usize).map_or(0, |p| p.start),
    };
    exec::Exec::new(ops, insns, marks, start_insn, state).run::<C, false>(start as usize, 0, cx)
}

/// As [`run_words`] from the first instruction, of which everything before a word has been done.
pub fn resume_words<C: ExecCx>(
    ops: &[u64],
    insns: u32,
    marks: &Rc<Marks>,
    word: u32,
    state: &State,
    cx: &mut C,
) -> Ran {
    exec::Exec::new(ops, insns, marks, 0, state).run::<C, false>(word as usize, 0, cx)
}
