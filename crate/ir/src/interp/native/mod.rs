//! Bytecode as machine code of this host (x86-64), a template an op: what the interpreter does, without its dispatch.
//!
//! Blocks that run a few times become such a piece at once; wasm regions come later, for what is hot. A piece has the interpreter's meaning and no
//! other: each op that it does not do to the end is done again by [`super::exec`], which goes on from there. So a third meaning of an op is written here, for
//! the simple ones alone, and tested against the interpreter's on every op.
//!
//! Pieces run on into each other while the run loop has nothing to ask: each takes its instructions from the budget, compares the generation by which its
//! block was found with the one in force, and after some entries goes back to be counted. A block that must not be entered this way any more
//! ([`Native::stop`]) goes back at once.

#[cfg(all(unix, target_arch = "x86_64"))]
mod access;
#[cfg(all(unix, target_arch = "x86_64"))]
mod asm;
#[cfg(all(unix, target_arch = "x86_64"))]
mod emit;
#[cfg(all(unix, target_arch = "x86_64"))]
mod float;
#[cfg(all(unix, target_arch = "x86_64"))]
mod held;
#[cfg_attr(not(all(unix, target_arch = "x86_64")), path = "none.rs")]
mod host;
#[cfg(all(unix, target_arch = "x86_64"))]
mod template;
#[cfg(all(unix, target_arch = "x86_64"))]
mod vector;

#[cfg(test)]
mod tests;

use crate::interp::bytecode::{self, F80OP, VECTOR};
use crate::ops::{ALL, Op};

pub use host::Native;

/// A block goes back to be counted after so many entries.
pub const COUNTED: u32 = 1024;

/// What compiling a block gains that [computes] with vectors of floats or with x87, times what it gains for others.
pub const COMPUTING: u32 = 16;

/// Whether bytecode computes with vectors of floats or with x87. A piece keeps the former in the state from op to op, and leaves each op of the latter to the
/// interpreter; compiled code has both in registers.
pub fn computes(words: &[u64]) -> bool {
    let mut ip = 0;
    while let Some(&op) = words.get(ip) {
        let next = words.get(ip + 1);
        let vector = || next.and_then(|&what| ALL.get(what as u8 as usize));
        let floats = Op::Vfadd32 as u8..=Op::Vfdemote as u8;
        if op as u8 == F80OP
            || op as u8 == VECTOR && vector().is_some_and(|&op| floats.contains(&(op as u8)))
        {
            return true;
        }
        ip += 1 + bytecode::extra(op, next);
    }
    false
}

/// Where a piece starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece(pub(crate) u32);

impl Piece {
    /// As a number that is neither 0 nor the largest.
    pub fn bits(self) -> u32 {
        self.0 + 1
    }

    /// From [`Piece::bits`]; 0 is none.
    pub fn from_bits(bits: u32) -> Option<Piece> {
        bits.checked_sub(1).map(Piece)
    }
}

/// A block to be translated.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its number.
    pub block: u32,
    /// Its guest address.
    pub pc: u64,
    /// Its mode word.
    pub mode: u32,
    /// Instructions in it.
    pub insns: u32,
    /// Byte offset in the state of the generation that its mapping is compared by, if it is.
    pub generation: Option<u32>,
    /// Its bytecode.
    pub words: &'a [u64],
}

/// A constant jump that may be [linked](Native::link).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link(pub(crate) u32);

/// Why the run loop must go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// The block ended with a jump to a constant address.
    Jump {
        /// Number of the block that ended.
        from: u32,
        /// Guest address.
        pc: u64,
        /// The jump.
        link: Link,
    },
    /// The block ended with a jump to a computed address that the table does not know.
    Indirect {
        /// Number of the block that ended.
        from: u32,
        /// Guest address.
        pc: u64,
    },
    /// The block's next op is the interpreter's. Its instructions are taken from the budget already, all of them.
    Back {
        /// Number of the block.
        block: u32,
        /// Index of the op's bytecode word.
        word: u32,
    },
    /// The block was not entered: it is to be counted, its mapping looked up, another mode is in force, or the budget does not cover it.
    NotEntered {
        /// Number of the block.
        block: u32,
        /// Its guest address.
        pc: u64,
    },
}
