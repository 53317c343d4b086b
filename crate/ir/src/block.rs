//! Blocks of IR.

use crate::ops::Op;
use crate::types::{MemArg, Type};

/// An SSA value: index of the instruction that defines it, inside its block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Val(pub u32);

impl Val {
    /// No value: an operand that the op does not have.
    pub const NONE: Val = Val(u32::MAX);

    /// Index into `Block::insts`.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether it names a value.
    pub fn is_some(self) -> bool {
        self != Val::NONE
    }
}

/// One instruction. What `imm` and `aux` mean is said by the op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inst {
    /// Opcode.
    pub op: Op,
    /// Type of the result; for `set` and `store` the type of the value written; `I32` where there is none.
    pub ty: Type,
    /// Operands, `Val::NONE` where the op has none.
    pub args: [Val; 3],
    /// Immediate: constant, slot, memory operand, helper, address or exception, by op.
    pub imm: u64,
    /// Second immediate.
    pub aux: u64,
}

impl Inst {
    /// Memory operand of a `load`, `store`, `store_if` or `probe`.
    pub fn mem(&self) -> MemArg {
        MemArg::unpack(self.imm)
    }

    /// Operands that are there.
    pub fn operands(&self) -> impl Iterator<Item = Val> + '_ {
        self.args.iter().copied().filter(|v| v.is_some())
    }
}

/// A translation block: guest code from `pc` to its terminator, in one mode. Single entry; `exit_if` and faults leave it early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Guest address of the first instruction.
    pub pc: u64,
    /// Mode word it was lifted in.
    pub mode: u32,
    /// Type of guest addresses: `I32` or `I64`.
    pub va_type: Type,
    /// Instructions; the last is the only terminator.
    pub insts: Vec<Inst>,
    /// Number of `insn` markers.
    pub insn_count: u32,
    /// Bytes of guest code read, contiguous from `pc`; may reach into the next page.
    pub code_bytes: u32,
}

impl Block {
    /// The terminator.
    ///
    /// # Panics
    /// On an empty block, which the builder never makes.
    pub fn terminator(&self) -> &Inst {
        self.insts.last().expect("a block ends in a terminator")
    }

    /// Constant guest addresses where control may go on (targets of `exit_if`, `jump`, `branch`), in order of appearance.
    pub fn successors(&self) -> Vec<u64> {
        let mut out = Vec::new();
        for inst in &self.insts {
            match inst.op {
                Op::ExitIf | Op::Jump => out.push(inst.imm),
                Op::Branch => out.extend([inst.imm, inst.aux]),
                _ => {}
            }
        }
        out
    }
}
