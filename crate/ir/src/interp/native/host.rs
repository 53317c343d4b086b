//! The pieces of all blocks, and how they are entered.

use tinamou_arena::code::CodeMemory;

use super::emit::{self, Emitter, Frame, Host};
use super::{COUNTED, Left, Link, Piece, Source, asm};
use crate::guest::State;

/// Memory reserved for pieces.
const BYTES: u32 = 64 << 20;
/// Blocks that can have a piece.
const BLOCKS: u32 = 1 << 19;
/// Where the cells of the blocks are, and the table of computed jumps.
const CELLS: u32 = BYTES;
const TARGETS: u32 = CELLS + BLOCKS * emit::CELL_BYTES;
const DATA_BYTES: u32 = BLOCKS * emit::CELL_BYTES + emit::TARGETS * emit::TARGET_BYTES;

/// The pieces of all blocks.
pub struct Native {
    memory: CodeMemory,
    emitter: Emitter,
    host: Host,
    /// Where [`emit::ENTER`] is.
    enter: u32,
}

impl Native {
    /// `None` where the host forbids memory that is written and executed.
    pub fn new() -> Option<Native> {
        let memory = CodeMemory::new(BYTES as usize, DATA_BYTES as usize)?;
        let mut native = Native {
            memory,
            emitter: Emitter::default(),
            host: Host::detect(),
            enter: 0,
        };
        native.forget_target(0);
        native.enter = native.memory.add(&emit::ENTER)?;
        Some(native)
    }

    /// Translates a block. `None`: it begins with what has no template, or there is no more room.
    pub fn add(&mut self, source: &Source) -> Option<Piece> {
        if source.block >= BLOCKS {
            return None;
        }
        let frame = Frame {
            block: source.block,
            pc: source.pc,
            mode: source.mode,
            insns: source.insns,
            generation: source.generation,
            start: self.memory.next(),
            cell: cell(source.block),
            targets: TARGETS,
        };
        if !self.emitter.translate(source.words, &frame, self.host) {
            return None;
        }
        let piece = self.memory.add(&self.emitter.asm.code).map(Piece)?;
        self.memory.write32(frame.cell + 4, COUNTED);
        Some(piece)
    }

    /// Whether there is no room for what may come.
    pub fn is_full(&self) -> bool {
        self.memory.next() > BYTES - (BYTES >> 4)
    }

    /// Forgets all pieces: none that was handed out may run again.
    pub fn clear(&mut self) {
        self.memory.clear();
        let enter = self.memory.add(&emit::ENTER);
        debug_assert_eq!(enter, Some(self.enter));
        (0..emit::TARGETS).for_each(|index| self.forget_target(index));
    }

    /// Lets a place of the table hold a pc that belongs elsewhere: 0, as fresh memory does, but where 0 belongs.
    fn forget_target(&mut self, index: u32) {
        let none = (emit::target_index(0) == index) as u64;
        self.memory
            .write64(TARGETS + index * emit::TARGET_BYTES, none);
    }

    /// The block's piece goes back at its next entry, instead of running. Only the run loop [enters](Native::run) it.
    #[inline]
    pub fn stop(&mut self, block: u32) {
        if block < BLOCKS {
            self.memory.write32(cell(block) + 4, 1);
        }
    }

    /// Whether the block went back to be counted, or was stopped.
    pub fn is_due(&self, block: u32) -> bool {
        self.memory.read32(cell(block) + 4) == 0
    }

    /// The block was counted.
    pub fn counted(&mut self, block: u32) {
        self.memory.write32(cell(block) + 4, COUNTED);
    }

    /// Lets a constant jump lead to a piece at once. Both are of the same mode.
    pub fn link(&mut self, link: Link, to: Piece) {
        let entry = to.0 + emit::DIRECT;
        self.memory.write32(link.0, entry.wrapping_sub(link.0 + 4));
    }

    /// Lets computed jumps to `pc` lead to its piece.
    pub fn set_target(&mut self, pc: u64, piece: Piece) {
        let at = TARGETS + emit::target_index(pc) * emit::TARGET_BYTES;
        self.memory.write64(at, pc);
        self.memory.write64(at + 8, self.memory.address(piece.0));
    }

    /// Enters a block whose mode is in force, that was found under this generation and that the budget covers. With `once` a
    /// [stopped](Native::stop) one is entered all the same, and remains stopped.
    #[inline]
    pub fn run(
        &mut self,
        piece: Piece,
        block: u32,
        generation: u32,
        once: bool,
        state: &State,
    ) -> Left {
        let cell = cell(block);
        self.memory.write32(cell, generation);
        if once {
            self.memory.write32(cell + 4, 2);
        }
        let arena = state.arena.host_base();
        let at = |bias: u32| arena.wrapping_add(state.base as usize + bias as usize);
        // SAFETY: the piece was added and not forgotten, says who has it; it is leaf code by the convention, and every address that it makes is the arena's
        // base plus 32 bits, a place in the state, which `translate` made of bytecode for this state's slots, or in the memory of the pieces; what it jumps to are
        // pieces.
        let r = unsafe {
            self.memory.call(
                self.enter,
                at(asm::GUEST_BIAS),
                arena,
                self.memory.address(piece.0 + emit::DIRECT),
                at(asm::SCRATCH_BIAS),
            )
        };
        let block = (r.what >> emit::BLOCK_SHIFT) as u32;
        let between = (r.what >> emit::KIND_BITS) as u32;
        let pc = r.pc;
        match r.what & ((1 << emit::KIND_BITS) - 1) {
            emit::JUMP_TO => Left::Jump {
                from: block,
                pc,
                link: Link(between),
            },
            emit::INDIRECT_TO => Left::Indirect { from: block, pc },
            emit::BACK => Left::Back {
                block,
                word: between,
            },
            _ => Left::NotEntered { block, pc },
        }
    }
}

/// Where a block's cell is.
fn cell(block: u32) -> u32 {
    CELLS + block * emit::CELL_BYTES
}
