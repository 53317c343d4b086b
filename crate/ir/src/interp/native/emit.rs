//! One piece of bytecode as machine code: a template an op.
//!
//! A piece begins with what the run loop would ask between two blocks: that the mapping is still the one it was found by (a generation), whether it is to be
//! counted, and that the budget covers it, which it takes from it. Constant jumps lead to the run loop until they are linked, computed ones to what a table knows.

use super::asm::*;
use super::held::{Entry, Held};
use super::template::{Flow, Template};
use crate::interp::bytecode::*;
use crate::layout;

/// How a piece ended, in the low bits of its first word; the block's number is in the high bits ([`BLOCK_SHIFT`]). The second word is the pc, but for [`BACK`].
/// A jump that may be linked: the bits between say where its distance is.
pub const JUMP_TO: u64 = 0;
pub const INDIRECT_TO: u64 = 1;
/// The interpreter goes on at the word whose index is in the bits between.
pub const BACK: u64 = 2;
/// The block was not entered.
pub const NOT_ENTERED: u64 = 3;
pub const KIND_BITS: u32 = 8;
pub const BLOCK_SHIFT: u32 = 40;

/// A block's cell in the data: u32 generation of the mapping by which it was found last, u32 entries until it is counted.
pub const CELL_BYTES: u32 = 8;

/// The table of computed jumps: u64 pc, u64 address of the piece. The pc's place is [`target_index`].
pub const TARGETS: u32 = 1 << 12;
pub const TARGET_BYTES: u32 = 16;

/// Where a pc is in the table of computed jumps.
pub fn target_index(pc: u64) -> u32 {
    (pc as u32 ^ pc as u32 >> 12) & (TARGETS - 1)
}

/// Bytes from where a computed jump enters a piece to where a linked one does: CMP and JNE.
pub const DIRECT: u32 = 14;

/// Calls the piece whose address is in RDX, which keeps to the C calling convention but for the registers that are saved here.
#[rustfmt::skip]
pub const ENTER: [u8; 21] = [
    0x53, // push rbx
    0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, // push r12, r13, r14, r15
    0xff, 0xd2, // call rdx
    0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, // pop r15, r14, r13, r12
    0x5b, // pop rbx
    0xc3,
];

/// The block to be translated, and where things are in the memory of the pieces.
#[derive(Clone, Copy)]
pub struct Frame {
    pub block: u32,
    pub pc: u64,
    pub mode: u32,
    pub insns: u32,
    /// Place in the state of the generation that is compared, if one is.
    pub generation: Option<u32>,
    /// Where the piece will start.
    pub start: u32,
    pub cell: u32,
    pub targets: u32,
}

impl Frame {
    pub(super) fn what(&self, kind: u64, between: u32) -> u64 {
        (self.block as u64) << BLOCK_SHIFT | (between as u64) << KIND_BITS | kind
    }
}

/// What this host's processor has.
#[derive(Clone, Copy)]
pub struct Host {
    pub lzcnt: bool,
    pub tzcnt: bool,
    pub popcnt: bool,
    pub ssse3: bool,
}

impl Host {
    pub fn detect() -> Host {
        Host {
            lzcnt: std::arch::is_x86_feature_detected!("lzcnt"),
            tzcnt: std::arch::is_x86_feature_detected!("bmi1"),
            popcnt: std::arch::is_x86_feature_detected!("popcnt"),
            ssse3: std::arch::is_x86_feature_detected!("ssse3"),
        }
    }
}

/// A jump back to the interpreter.
pub(super) struct Back {
    pub(super) from: usize,
    /// The word it goes back to.
    pub(super) word: u32,
    /// What was [held](Held::version), and what of it is stored on the way: a range of `owed`.
    pub(super) version: u32,
    pub(super) owed: (usize, usize),
}

/// Buffers of a translation, kept from piece to piece.
#[derive(Default)]
pub struct Emitter {
    pub asm: Asm,
    pub(super) held: Held,
    pub(super) backs: Vec<Back>,
    pub(super) owed: Vec<Entry>,
    /// Jumps forward, and the words they lead to.
    pub(super) skips: Vec<(usize, usize)>,
}

impl Emitter {
    /// Translates a block's bytecode into `self.asm`. `false`: nothing of its beginning can be translated.
    pub fn translate(&mut self, words: &[u64], frame: &Frame, host: Host) -> bool {
        self.asm.code.clear();
        self.asm.start = frame.start;
        self.backs.clear();
        self.owed.clear();
        self.skips.clear();
        self.held.begin(words);
        let exits = self.enter(frame);
        let mut reached = true;
        let mut ip = 0;
        while let Some(&op) = words.get(ip) {
            self.held.next(ip);
            let mut t = Template {
                e: self,
                words,
                ip,
                host,
                frame,
            };
            reached |= t.bind_skips(reached);
            if reached {
                reached = match t.op(op) {
                    Flow::On => true,
                    Flow::Ended => false,
                    Flow::Unknown => {
                        if ip == 0 {
                            return false;
                        }
                        t.back();
                        false
                    }
                };
            }
            ip += 1 + extra(op, words.get(ip + 1));
        }
        self.back_exits(frame);
        self.not_entered(frame, exits);
        true
    }

    /// What jumps back to the interpreter do on the way.
    fn back_exits(&mut self, frame: &Frame) {
        let mut backs = self.backs.iter().peekable();
        while let Some(back) = backs.next() {
            self.asm.bind(back.from);
            if backs
                .peek()
                .is_some_and(|next| next.owed == back.owed && next.word == back.word)
            {
                continue;
            }
            self.owed[back.owed.0..back.owed.1]
                .iter()
                .for_each(|entry| self.asm.settle(entry));
            self.asm.ret(frame.what(BACK, back.word));
        }
    }

    /// What is asked before the first op. Returns the jumps for when the block is not to be entered, that for the budget last.
    fn enter(&mut self, frame: &Frame) -> Vec<usize> {
        let asm = &mut self.asm;
        let mut exits = Vec::with_capacity(4);
        // Always with four bytes: DIRECT says how long this is.
        asm.op(None, false, &[0x81], 7, Rm::State(layout::MODE));
        asm.code.extend_from_slice(&frame.mode.to_le_bytes());
        exits.push(asm.jump_if(NE));
        debug_assert_eq!(asm.code.len(), DIRECT as usize);
        if let Some(at) = frame.generation {
            asm.load(false, RCX, Rm::Data(frame.cell));
            asm.op(None, false, &[0x3b], RCX, Rm::State(at));
            exits.push(asm.jump_if(NE));
        }
        // DEC
        asm.op(None, false, &[0xff], 1, Rm::Data(frame.cell + 4));
        exits.push(asm.jump_if(E));
        asm.alu_imm(false, 5, Rm::State(layout::BUDGET), frame.insns as i32);
        exits.push(asm.jump_if(S));
        exits
    }

    fn not_entered(&mut self, frame: &Frame, mut exits: Vec<usize>) {
        let asm = &mut self.asm;
        if let Some(over) = exits.pop() {
            asm.bind(over);
        }
        asm.alu_imm(false, 0, Rm::State(layout::BUDGET), frame.insns as i32);
        exits.into_iter().for_each(|from| asm.bind(from));
        asm.constant(RDX, frame.pc);
        asm.ret(frame.what(NOT_ENTERED, 0));
    }
}
