//! Regions: the unit of compilation, several blocks of one mode that become one wasm function, and the ways out of it.

use crate::block::Block;
use crate::guest::Lasting;

/// Blocks compiled together. Control flow between them is by guest address: an edge whose target is the `pc` of a block here
/// stays inside.
#[derive(Clone, Debug)]
pub struct Region {
    /// Blocks, distinct `pc`s, one mode and address type.
    pub blocks: Vec<Block>,
    /// Entry `k` starts at block `entries[k]`. Entry 0 is the head.
    pub entries: Vec<u32>,
    /// How long the mappings of all its code hold: which generation, or 1, the entry check compares with.
    pub lasting: Lasting,
    /// Runs so often that speed counts more than what compiling costs.
    pub hot: bool,
}

impl Region {
    /// Index of the block at `pc`.
    pub fn block_at(&self, pc: u64) -> Option<u32> {
        self.blocks
            .iter()
            .position(|b| b.pc == pc)
            .map(|i| i as u32)
    }
}

/// Value of a region's check cell that no generation equals: the region is invalid.
pub const CHECK_INVALID: u32 = u32::MAX;
/// Value of the check cell of a valid region with fixed mappings.
pub const CHECK_FIXED: u32 = 1;

/// Why a region's function returned. All slots are written back and the budget counts exactly the completed instructions;
/// `PC` in the state is stale except where it is said to be set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exit {
    /// Goes on at a constant address; the link cell `link` of the module may be patched to go there directly.
    Edge { target: u64, link: u32 },
    /// Goes on at a computed address, which is in `PC`; the jump cache did not know it.
    Indirect,
    /// `leave` or `leave_ind`: `PC` is set.
    Leave,
    /// An access needs the slow path: resume at this instruction in the interpreter. It had no effect so far.
    Resume { block: u32, insn: u32 },
    /// `trap_if` or `raise` at this instruction.
    Trap { block: u32, insn: u32, code: u32 },
    /// A helper or inline slow access stopped this instruction: the pending word says why.
    Stopped { block: u32, insn: u32 },
    /// The pending word asked to leave after an instruction: goes on with instruction `insn` of `block`.
    Left { block: u32, insn: u32 },
    /// The budget does not cover the way to the next check: goes on at block `block`.
    Budget { block: u32 },
    /// The check cell did not match on entry `entry`: nothing was done.
    Check { entry: u32 },
}
