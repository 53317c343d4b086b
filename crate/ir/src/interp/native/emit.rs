//! One piece of bytecode as machine code: a template an op.
//!
//! A piece begins with what the run loop would ask between two blocks: that the mapping is still the one it was found by (a generation), whether it is to be
//! counted, and that the budget covers it, which it takes from it. Constant jumps lead to the run loop until they are linked, computed ones to what a table knows.
//!
//! RDI and R8 point into the vCPU state, RSI at the arena; RAX, RCX, RDX and XMM0 are scratch. Values stay in the state's words, as for the
//! interpreter, except that RAX may still hold the word written last. What is unusual (a slow access, a NaN, a division) or rare goes back to the interpreter
//! at that very op, before any effect of it.

use super::asm::*;
use crate::interp::bytecode::*;
use crate::layout::{self, flat, tlb};
use crate::types::MemArg;

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
    fn what(&self, kind: u64, between: u32) -> u64 {
        (self.block as u64) << BLOCK_SHIFT | (between as u64) << KIND_BITS | kind
    }
}

/// What this host's processor has.
#[derive(Clone, Copy)]
pub struct Host {
    pub lzcnt: bool,
    pub tzcnt: bool,
    pub popcnt: bool,
}

impl Host {
    pub fn detect() -> Host {
        Host {
            lzcnt: std::arch::is_x86_feature_detected!("lzcnt"),
            tzcnt: std::arch::is_x86_feature_detected!("bmi1"),
            popcnt: std::arch::is_x86_feature_detected!("popcnt"),
        }
    }
}

/// Buffers of a translation, kept from piece to piece.
#[derive(Default)]
pub struct Emitter {
    pub asm: Asm,
    /// Jumps back to the interpreter, and the words they go back to.
    backs: Vec<(usize, u32)>,
    /// Jumps forward, and the words they lead to.
    skips: Vec<(usize, usize)>,
}

/// Words that follow an op's own.
fn extra(op: u64, next: Option<&u64>) -> usize {
    match op as u8 {
        CONST64 | SELECT32 | SELECT64 | PROBE | CALL | F80OP | EXITNZ | JUMP | LEAVE => 1,
        VECTOR => match next {
            Some(&what) if what as u8 == crate::ops::Op::Vshuffle as u8 => 3,
            _ => 1,
        },
        CALLIF | BRNZ | BREQ32..=BRLES64I => 2,
        _ => 0,
    }
}

impl Emitter {
    /// Translates a block's bytecode into `self.asm`. `false`: nothing of its beginning can be translated.
    pub fn translate(&mut self, words: &[u64], frame: &Frame, host: Host) -> bool {
        self.asm.code.clear();
        self.asm.start = frame.start;
        self.backs.clear();
        self.skips.clear();
        let exits = self.enter(frame);
        let mut held = None;
        let mut reached = true;
        let mut ip = 0;
        while let Some(&op) = words.get(ip) {
            let asm = &mut self.asm;
            self.skips.retain(|&(from, to)| {
                if to == ip {
                    asm.bind(from);
                    (reached, held) = (true, None);
                }
                to != ip
            });
            let following = ip + 1 + extra(op, words.get(ip + 1));
            if reached {
                let mut t = Template {
                    e: self,
                    words,
                    ip,
                    held,
                    host,
                    frame,
                };
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
                held = t.held;
            }
            ip = following;
        }
        let backs = core::mem::take(&mut self.backs);
        let mut i = 0;
        while let Some(&(_, word)) = backs.get(i) {
            while let Some(&(from, w)) = backs.get(i)
                && w == word
            {
                self.asm.bind(from);
                i += 1;
            }
            self.asm.ret(frame.what(BACK, word));
        }
        self.backs = backs;
        self.not_entered(frame, exits);
        true
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

/// What comes behind an op.
enum Flow {
    On,
    Ended,
    /// There is no template: back to the interpreter.
    Unknown,
}

/// The op being translated.
struct Template<'a> {
    e: &'a mut Emitter,
    words: &'a [u64],
    ip: usize,
    /// The word of the state that RAX holds, and whether all 8 bytes from there.
    held: Option<(u32, bool)>,
    host: Host,
    frame: &'a Frame,
}

impl Template<'_> {
    fn asm(&mut self) -> &mut Asm {
        &mut self.e.asm
    }

    /// Back to the interpreter, at this op.
    fn back(&mut self) {
        let from = self.asm().jump();
        self.e.backs.push((from, self.ip as u32));
    }

    fn back_if(&mut self, cond: Cond) {
        let from = self.asm().jump_if(cond);
        self.e.backs.push((from, self.ip as u32));
    }

    fn holds(&self, word: u32, wide: bool) -> bool {
        self.held
            .is_some_and(|(w, all)| w == word && (all || !wide))
    }

    /// A word in RAX.
    fn get(&mut self, word: u32, wide: bool) {
        if !self.holds(word, wide) {
            self.asm().load(wide, RAX, Rm::Word(word));
        }
    }

    /// RAX into a word.
    fn put(&mut self, word: u32, wide: bool) {
        self.asm().store(wide, Rm::Word(word), RAX);
        self.held = Some((word, wide));
    }

    /// A word was written by something else than RAX.
    fn changed(&mut self, word: u32, wide: bool) {
        if let Some((w, all)) = self.held
            && w <= word + wide as u32
            && word <= w + all as u32
        {
            self.held = None;
        }
    }

    /// `d = a op b`, by an instruction that takes its second operand from memory.
    fn alu(&mut self, op: u64, wide: bool, opcode: &[u8], commutes: bool) -> Flow {
        let (mut x, mut y) = (a(op), b(op));
        if commutes && self.holds(y, wide) {
            (x, y) = (y, x);
        }
        self.get(x, wide);
        self.asm().op(None, wide, opcode, RAX, Rm::Word(y));
        self.put(d(op), wide);
        Flow::On
    }

    /// `d = a op imm24`.
    fn alu_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        self.asm().alu_imm(wide, number, Rm::Reg(RAX), imm24(op));
        self.put(d(op), wide);
        Flow::On
    }

    fn mul_imm(&mut self, op: u64, wide: bool) -> Flow {
        self.asm().op(None, wide, &[0x69], RAX, Rm::Word(a(op)));
        self.asm().code.extend_from_slice(&imm24(op).to_le_bytes());
        self.put(d(op), wide);
        Flow::On
    }

    fn shift(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        self.asm().load(false, RCX, Rm::Word(b(op)));
        self.asm().op(None, wide, &[0xd3], number, Rm::Reg(RAX));
        self.put(d(op), wide);
        Flow::On
    }

    fn shift_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        let by = imm24(op) as u8 & if wide { 63 } else { 31 };
        self.asm().shift_imm(wide, number, RAX, by);
        self.put(d(op), wide);
        Flow::On
    }

    /// A quotient or remainder; divisors of 0, and of -1 if they have a sign, are the interpreter's.
    fn divide(&mut self, op: u64) -> Flow {
        let index = op as u8 - DIVU32;
        let (wide, signed, remainder) = (index & 1 != 0, index & 2 != 0, index & 4 != 0);
        let word = Rm::Word(b(op));
        self.asm().load(wide, RCX, word);
        if signed {
            // 0 and -1 are the ones that are at most 1 when 1 is added.
            self.asm().op(None, true, &[0x8d], RDX, Rm::At(RCX, 1));
            self.asm().alu_imm(wide, 7, Rm::Reg(RDX), 1);
            self.back_if(BE);
        } else {
            self.asm().alu_imm(wide, 7, Rm::Reg(RCX), 0);
            self.back_if(E);
        }
        self.get(a(op), wide);
        if signed {
            // CDQ or CQO
            self.asm().code.extend(wide.then_some(0x48));
            self.asm().code.push(0x99);
        } else {
            self.asm().constant(RDX, 0);
        }
        let number = 6 | signed as u8;
        self.asm().op(None, wide, &[0xf7], number, Rm::Reg(RCX));
        if remainder {
            self.asm().store(wide, Rm::Reg(RAX), RDX);
        }
        self.put(d(op), wide);
        Flow::On
    }

    /// EAX sign-extended into a double word.
    fn put_extended(&mut self, word: u32) -> Flow {
        self.asm().op(None, true, &[0x63], RAX, Rm::Reg(RAX));
        self.put(word, true);
        Flow::On
    }

    /// `d = op(a)` by an instruction that reads memory.
    fn unary(&mut self, op: u64, prefix: Option<u8>, wide: bool, opcode: &[u8]) -> Flow {
        self.asm().op(prefix, wide, opcode, RAX, Rm::Word(a(op)));
        self.put(d(op), wide);
        Flow::On
    }

    fn compare(&mut self, op: u64, wide: bool, immediate: bool) {
        self.get(a(op), wide);
        if immediate {
            self.asm().alu_imm(wide, 7, Rm::Reg(RAX), imm24(op));
        } else {
            self.asm().op(None, wide, &[0x3b], RAX, Rm::Word(b(op)));
        }
    }

    fn compared(&mut self, op: u64, wide: bool, immediate: bool, cond: Cond) -> Flow {
        self.compare(op, wide, immediate);
        self.asm().set(cond, RAX);
        self.put(d(op), false);
        Flow::On
    }

    /// Goes on at a constant pc.
    fn to(&mut self, pc: u64) {
        let distance = self.asm().jump();
        self.asm().bind(distance);
        self.asm().constant(RDX, pc);
        let what = self.frame.what(JUMP_TO, self.frame.start + distance as u32);
        self.asm().ret(what);
    }

    /// Goes on at the pc in RDX.
    fn jump_computed(&mut self) {
        let (targets, what) = (self.frame.targets, self.frame.what(INDIRECT_TO, 0));
        let asm = self.asm();
        asm.store(false, Rm::Reg(RCX), RDX);
        asm.shift_imm(false, 5, RCX, 12);
        asm.op(None, false, &[0x33], RCX, Rm::Reg(RDX));
        asm.alu_imm(false, 4, Rm::Reg(RCX), TARGETS as i32 - 1);
        asm.shift_imm(false, 4, RCX, TARGET_BYTES.ilog2() as u8);
        // LEA
        asm.op(None, true, &[0x8d], R9, Rm::Data(targets));
        asm.op(None, true, &[0x01], RCX, Rm::Reg(R9));
        asm.op(None, true, &[0x3b], RDX, Rm::At(R9, 0));
        let unknown = asm.jump_if(NE);
        // JMP
        asm.op(None, false, &[0xff], 4, Rm::At(R9, 8));
        asm.bind(unknown);
        asm.ret(what);
    }

    fn branched(&mut self, cond: Cond) -> Flow {
        let taken = self.asm().jump_if(cond);
        self.to(self.words[self.ip + 2]);
        self.asm().bind(taken);
        self.to(self.words[self.ip + 1]);
        Flow::Ended
    }

    fn branch(&mut self, op: u64, wide: bool, immediate: bool, cond: Cond) -> Flow {
        self.compare(op, wide, immediate);
        self.branched(cond)
    }

    /// XMM0 into a word, unless it is a NaN.
    fn put_float(&mut self, op: u64, double: bool) -> Flow {
        self.asm()
            .op(double.then_some(0x66), false, &[0x0f, 0x2e], 0, Rm::Reg(0));
        self.back_if(P);
        let prefix = if double { 0xf2 } else { 0xf3 };
        self.asm()
            .op(Some(prefix), false, &[0x0f, 0x11], 0, Rm::Word(d(op)));
        self.changed(d(op), double);
        Flow::On
    }

    /// `d = a op b` of scalar SSE; with `both` off, `d = op(b)` of what `a` names.
    fn float(&mut self, op: u64, double: bool, opcode: u8, both: bool) -> Flow {
        let prefix = Some(if double { 0xf2 } else { 0xf3 });
        let last = if both {
            self.asm()
                .op(prefix, false, &[0x0f, 0x10], 0, Rm::Word(a(op)));
            b(op)
        } else {
            a(op)
        };
        self.asm()
            .op(prefix, false, &[0x0f, opcode], 0, Rm::Word(last));
        self.put_float(op, double)
    }

    /// A comparison of floats, `y` with `x`; `cond` is false for NaNs.
    fn float_compared(&mut self, op: u64, double: bool, x: u32, y: u32, cond: Cond) -> Flow {
        let prefix = if double { 0xf2 } else { 0xf3 };
        self.asm()
            .op(Some(prefix), false, &[0x0f, 0x10], 0, Rm::Word(y));
        self.asm()
            .op(double.then_some(0x66), false, &[0x0f, 0x2e], 0, Rm::Word(x));
        if cond == E {
            // Unordered is "equal", with parity.
            self.asm().set(NP, RCX);
            self.asm().set(E, RAX);
            self.asm().op(None, false, &[0x21], RCX, Rm::Reg(RAX));
        } else {
            self.asm().set(cond, RAX);
        }
        self.put(d(op), false);
        Flow::On
    }

    /// A whole number as a float: `prefix` says which kind, `from_wide` how many bytes the number has.
    fn float_from(&mut self, op: u64, double: bool, from_wide: bool) -> Flow {
        let prefix = Some(if double { 0xf2 } else { 0xf3 });
        // XORPS: the conversion keeps what else is in the register.
        self.asm().op(None, false, &[0x0f, 0x57], 0, Rm::Reg(0));
        self.asm()
            .op(prefix, from_wide, &[0x0f, 0x2a], 0, Rm::Word(a(op)));
        self.asm()
            .op(prefix, false, &[0x0f, 0x11], 0, Rm::Word(d(op)));
        self.changed(d(op), double);
        Flow::On
    }

    /// A double as a whole number; one that does not fit is the interpreter's.
    fn float_to(&mut self, op: u64, wide: bool) -> Flow {
        self.asm()
            .op(Some(0xf2), wide, &[0x0f, 0x2c], RAX, Rm::Word(a(op)));
        self.held = None;
        // Only 80...0 overflows when 1 is taken from it.
        self.asm().alu_imm(wide, 7, Rm::Reg(RAX), 1);
        self.back_if(O);
        self.put(d(op), wide);
        Flow::On
    }

    /// The arena offset of an access in RAX; back to the interpreter if the page map does not allow it directly. RCX and RDX are lost.
    fn place(&mut self, op: u64, mmu: u32, access: Access, write: bool) {
        let Access {
            n, tagged, aligned, ..
        } = access;
        self.get(a(op), tagged);
        self.held = None;
        let offset = imm16(op);
        if offset != 0 {
            self.asm().alu_imm(tagged, 0, Rm::Reg(RAX), offset);
        }
        let map = Rm::State(layout::MAPS + (mmu << 3) + write as u32 * 4);
        let crosses = |t: &mut Self| {
            t.asm().alu_imm(false, 4, Rm::Reg(RDX), 0xfff);
            t.asm().alu_imm(false, 7, Rm::Reg(RDX), 0x1000 - n as i32);
            t.back_if(A);
        };
        if tagged {
            // (va >> 12) & (ENTRIES - 1), times the entry's size.
            self.asm().store(false, Rm::Reg(RCX), RAX);
            self.asm()
                .shift_imm(false, 5, RCX, 12 - tlb::ENTRY_LOG2 as u8);
            let mask = (tlb::ENTRIES - 1) << tlb::ENTRY_LOG2;
            self.asm().alu_imm(false, 4, Rm::Reg(RCX), mask as i32);
            self.asm().op(None, false, &[0x03], RCX, map);
            self.asm().store(true, Rm::Reg(RDX), RAX);
            let low = if aligned || n == 1 { n as i32 - 1 } else { 0 };
            self.asm().alu_imm(true, 4, Rm::Reg(RDX), !0xfff | low);
            let tag = if write { tlb::TAG_WRITE } else { tlb::TAG_READ };
            self.asm()
                .op(None, true, &[0x3b], RDX, Rm::Arena(RCX, tag as u8));
            self.back_if(NE);
            if !aligned && n > 1 {
                self.asm().store(false, Rm::Reg(RDX), RAX);
                crosses(self);
            }
            self.asm()
                .op(None, false, &[0x03], RAX, Rm::Arena(RCX, tlb::ADDEND as u8));
        } else {
            self.asm().store(false, Rm::Reg(RCX), RAX);
            self.asm().shift_imm(false, 5, RCX, 12);
            self.asm().load(false, RDX, map);
            self.asm().op(None, true, &[0x01], RSI, Rm::Reg(RDX));
            self.asm().load(false, RCX, Rm::Table(RDX, RCX));
            if n == 1 {
                // TEST CL, 1
                self.asm().code.extend([0xf6, 0xc1, 1]);
                self.back_if(NE);
            } else {
                self.asm().store(false, Rm::Reg(RDX), RAX);
                self.asm().op(None, false, &[0x09], RCX, Rm::Reg(RDX));
                if aligned {
                    // TEST DL, n - 1
                    self.asm().code.extend([0xf6, 0xc2, n as u8 - 1]);
                    self.back_if(NE);
                } else {
                    const { assert!(flat::SLOW == 0xfff) };
                    crosses(self);
                }
            }
            self.asm().op(None, false, &[0x01], RCX, Rm::Reg(RAX));
        }
    }

    fn load(&mut self, op: u64, to_wide: bool, access: Access) -> Flow {
        let Access { n, swapped, .. } = access;
        self.place(op, aux(op) & 3, access, false);
        let signed = aux(op) >> 2 != 0;
        let at = Rm::Arena(RAX, 0);
        match (n, swapped) {
            (1, _) | (2, false) => {
                let opcode = [0x0f, 0xb6 | (signed as u8) << 3 | (n == 2) as u8];
                self.asm().op(None, to_wide, &opcode, RAX, at);
            }
            (2, true) => {
                self.asm().op(None, false, &[0x0f, 0xb7], RAX, at);
                // ROL AX, 8
                self.asm().code.extend([0x66, 0xc1, 0xc0, 8]);
                let opcode = [0x0f, 0xb7 | (signed as u8) << 3];
                self.asm().op(None, to_wide, &opcode, RAX, Rm::Reg(RAX));
            }
            (4, false) if signed && to_wide => self.asm().op(None, true, &[0x63], RAX, at),
            (4, _) => {
                self.asm().load(false, RAX, at);
                if swapped {
                    self.asm().code.extend([0x0f, 0xc8]);
                }
                if signed && to_wide {
                    self.asm().op(None, true, &[0x63], RAX, Rm::Reg(RAX));
                }
            }
            _ => {
                self.asm().load(true, RAX, at);
                if swapped {
                    self.asm().code.extend([0x48, 0x0f, 0xc8]);
                }
            }
        }
        self.put(d(op), to_wide);
        Flow::On
    }

    fn store(&mut self, op: u64, access: Access) -> Flow {
        let Access { n, swapped, .. } = access;
        self.place(op, aux(op) & 3, access, true);
        self.asm().load(n == 8, RCX, Rm::Word(d(op)));
        match (n, swapped) {
            (2, true) => self.asm().code.extend([0x66, 0xc1, 0xc1, 8]),
            (4, true) => self.asm().code.extend([0x0f, 0xc9]),
            (8, true) => self.asm().code.extend([0x48, 0x0f, 0xc9]),
            _ => {}
        }
        let at = Rm::Arena(RAX, 0);
        match n {
            1 => self.asm().op(None, false, &[0x88], RCX, at),
            2 => self.asm().op(Some(0x66), false, &[0x89], RCX, at),
            _ => self.asm().store(n == 8, at, RCX),
        }
        Flow::On
    }

    /// 16 bytes between memory and the state.
    fn vector_access(&mut self, op: u64, tagged: bool, write: bool) -> Flow {
        let access = Access {
            n: 16,
            tagged,
            aligned: false,
            swapped: false,
        };
        self.place(op, aux(op) & 3, access, write);
        let (at, word) = (Rm::Arena(RAX, 0), Rm::Word(d(op)));
        let (from, to) = if write { (word, at) } else { (at, word) };
        // MOVUPS
        self.asm().op(None, false, &[0x0f, 0x10], 0, from);
        self.asm().op(None, false, &[0x0f, 0x11], 0, to);
        self.held = None;
        Flow::On
    }

    fn op(&mut self, op: u64) -> Flow {
        let code = op as u8;
        if let Some((kind, tagged, index)) = access_of(code) {
            let access = Access::of(index, tagged);
            return match kind {
                Kind::Load32 => self.load(op, false, access),
                Kind::Load64 => self.load(op, true, access),
                Kind::Store => self.store(op, access),
            };
        }
        match code {
            MOV32 | MOV64 => {
                let wide = code == MOV64;
                self.get(a(op), wide);
                self.put(d(op), wide);
            }
            CONST32 => {
                self.asm()
                    .store_imm(false, Rm::Word(d(op)), wide32(op) as i32);
                self.changed(d(op), false);
            }
            CONSTS => {
                self.asm()
                    .store_imm(true, Rm::Word(d(op)), wide32(op) as i32);
                self.changed(d(op), true);
            }
            CONST64 => {
                let v = self.words[self.ip + 1];
                self.asm().constant(RAX, v);
                self.put(d(op), true);
            }
            ADD32 => return self.alu(op, false, &[0x03], true),
            ADD64 => return self.alu(op, true, &[0x03], true),
            SUB32 => return self.alu(op, false, &[0x2b], false),
            SUB64 => return self.alu(op, true, &[0x2b], false),
            MUL32 => return self.alu(op, false, &[0x0f, 0xaf], true),
            MUL64 => return self.alu(op, true, &[0x0f, 0xaf], true),
            AND32 => return self.alu(op, false, &[0x23], true),
            AND64 => return self.alu(op, true, &[0x23], true),
            OR32 => return self.alu(op, false, &[0x0b], true),
            OR64 => return self.alu(op, true, &[0x0b], true),
            XOR32 => return self.alu(op, false, &[0x33], true),
            XOR64 => return self.alu(op, true, &[0x33], true),
            SHL32 => return self.shift(op, false, 4),
            SHL64 => return self.shift(op, true, 4),
            SHR32 => return self.shift(op, false, 5),
            SHR64 => return self.shift(op, true, 5),
            SAR32 => return self.shift(op, false, 7),
            SAR64 => return self.shift(op, true, 7),
            ROTL32 => return self.shift(op, false, 0),
            ROTL64 => return self.shift(op, true, 0),
            ROTR32 => return self.shift(op, false, 1),
            ROTR64 => return self.shift(op, true, 1),
            ADD32I => return self.alu_imm(op, false, 0),
            ADD64I => return self.alu_imm(op, true, 0),
            AND32I => return self.alu_imm(op, false, 4),
            AND64I => return self.alu_imm(op, true, 4),
            OR32I => return self.alu_imm(op, false, 1),
            OR64I => return self.alu_imm(op, true, 1),
            XOR32I => return self.alu_imm(op, false, 6),
            XOR64I => return self.alu_imm(op, true, 6),
            MUL32I => return self.mul_imm(op, false),
            MUL64I => return self.mul_imm(op, true),
            SHL32I => return self.shift_imm(op, false, 4),
            SHL64I => return self.shift_imm(op, true, 4),
            SHR32I => return self.shift_imm(op, false, 5),
            SHR64I => return self.shift_imm(op, true, 5),
            SAR32I => return self.shift_imm(op, false, 7),
            SAR64I => return self.shift_imm(op, true, 7),
            ROTL32I => return self.shift_imm(op, false, 0),
            ROTL64I => return self.shift_imm(op, true, 0),
            ROTR32I => return self.shift_imm(op, false, 1),
            ROTR64I => return self.shift_imm(op, true, 1),
            ADDX | SUBX => {
                self.get(a(op), false);
                let opcode = if code == ADDX { 0x03 } else { 0x2b };
                self.asm().op(None, false, &[opcode], RAX, Rm::Word(b(op)));
                return self.put_extended(d(op));
            }
            ADDXI => {
                self.get(a(op), false);
                self.asm().alu_imm(false, 0, Rm::Reg(RAX), imm24(op));
                return self.put_extended(d(op));
            }
            SHLXI | SHRXI | SARXI => {
                self.get(a(op), false);
                let number = match code {
                    SHLXI => 4,
                    SHRXI => 5,
                    _ => 7,
                };
                self.asm()
                    .shift_imm(false, number, RAX, imm24(op) as u8 & 31);
                return self.put_extended(d(op));
            }
            MULHU | MULHS => {
                self.get(a(op), true);
                let number = 4 | (code == MULHS) as u8;
                self.asm().op(None, true, &[0xf7], number, Rm::Word(b(op)));
                self.asm().store(true, Rm::Word(d(op)), RDX);
                self.held = None;
            }
            DIVU32..=REMS64 => return self.divide(op),
            CLZ32 | CLZ64 if self.host.lzcnt => {
                return self.unary(op, Some(0xf3), code == CLZ64, &[0x0f, 0xbd]);
            }
            CTZ32 | CTZ64 if self.host.tzcnt => {
                return self.unary(op, Some(0xf3), code == CTZ64, &[0x0f, 0xbc]);
            }
            POPCNT32 | POPCNT64 if self.host.popcnt => {
                return self.unary(op, Some(0xf3), code == POPCNT64, &[0x0f, 0xb8]);
            }
            BSWAP32 => {
                self.get(a(op), false);
                self.asm().code.extend([0x0f, 0xc8]);
                self.put(d(op), false);
            }
            BSWAP64 => {
                self.get(a(op), true);
                self.asm().code.extend([0x48, 0x0f, 0xc8]);
                self.put(d(op), true);
            }
            SEXT8_32 => return self.unary(op, None, false, &[0x0f, 0xbe]),
            SEXT8_64 => return self.unary(op, None, true, &[0x0f, 0xbe]),
            SEXT16_32 => return self.unary(op, None, false, &[0x0f, 0xbf]),
            SEXT16_64 => return self.unary(op, None, true, &[0x0f, 0xbf]),
            EXTS => return self.unary(op, None, true, &[0x63]),
            EXTU => {
                self.asm().load(false, RAX, Rm::Word(a(op)));
                self.put(d(op), true);
            }
            EQ32..=LES64I => {
                let (wide, immediate, cond) = comparison(code - EQ32);
                return self.compared(op, wide, immediate, cond);
            }
            FADD32 => return self.float(op, false, 0x58, true),
            FADD64 => return self.float(op, true, 0x58, true),
            FSUB32 => return self.float(op, false, 0x5c, true),
            FSUB64 => return self.float(op, true, 0x5c, true),
            FMUL32 => return self.float(op, false, 0x59, true),
            FMUL64 => return self.float(op, true, 0x59, true),
            FDIV32 => return self.float(op, false, 0x5e, true),
            FDIV64 => return self.float(op, true, 0x5e, true),
            FSQRT32 => return self.float(op, false, 0x51, false),
            FSQRT64 => return self.float(op, true, 0x51, false),
            FNEG32 => {
                self.get(a(op), false);
                self.asm().alu_imm(false, 6, Rm::Reg(RAX), i32::MIN);
                self.put(d(op), false);
            }
            FABS32 => {
                self.get(a(op), false);
                self.asm().alu_imm(false, 4, Rm::Reg(RAX), i32::MAX);
                self.put(d(op), false);
            }
            FNEG64 | FABS64 => {
                self.get(a(op), true);
                // BTC or BTR RAX, 63
                let number = if code == FNEG64 { 7 } else { 6 };
                self.asm()
                    .op(None, true, &[0x0f, 0xba], number, Rm::Reg(RAX));
                self.asm().code.push(63);
                self.put(d(op), true);
            }
            FEQ32 => return self.float_compared(op, false, a(op), b(op), E),
            FEQ64 => return self.float_compared(op, true, a(op), b(op), E),
            FLT32 => return self.float_compared(op, false, a(op), b(op), A),
            FLT64 => return self.float_compared(op, true, a(op), b(op), A),
            FLE32 => return self.float_compared(op, false, a(op), b(op), AE),
            FLE64 => return self.float_compared(op, true, a(op), b(op), AE),
            FPROMOTE => {
                self.asm()
                    .op(Some(0xf3), false, &[0x0f, 0x5a], 0, Rm::Word(a(op)));
                return self.put_float(op, true);
            }
            FDEMOTE => {
                self.asm()
                    .op(Some(0xf2), false, &[0x0f, 0x5a], 0, Rm::Word(a(op)));
                return self.put_float(op, false);
            }
            D_FROM_W => return self.float_from(op, true, false),
            D_FROM_L => return self.float_from(op, true, true),
            S_FROM_W => return self.float_from(op, false, false),
            S_FROM_L => return self.float_from(op, false, true),
            W_FROM_D => return self.float_to(op, false),
            L_FROM_D => return self.float_to(op, true),
            SELECT32 | SELECT64 => {
                let wide = code == SELECT64;
                let c = self.words[self.ip + 1] as u32;
                self.asm().load(wide, RAX, Rm::Word(b(op)));
                self.asm().alu_imm(false, 7, Rm::Word(c), 0);
                // CMOVNE
                self.asm()
                    .op(None, wide, &[0x0f, 0x45], RAX, Rm::Word(a(op)));
                self.put(d(op), wide);
            }
            LVF => return self.vector_access(op, false, false),
            LVT => return self.vector_access(op, true, false),
            SVF => return self.vector_access(op, false, true),
            SVT => return self.vector_access(op, true, true),
            PROBE => {
                let mem = MemArg::unpack(self.words[self.ip + 1]);
                let access = Access {
                    n: 1 << mem.size_log2,
                    tagged: d(op) != 0,
                    aligned: mem.aligned,
                    swapped: false,
                };
                self.place(op, mem.mmu as u32, access, mem.probe_write);
            }
            TRAPNZ => {
                self.asm().alu_imm(false, 7, Rm::Word(d(op)), 0);
                self.back_if(NE);
            }
            EXITNZ => {
                self.asm().alu_imm(false, 7, Rm::Word(a(op)), 0);
                self.back_if(NE);
            }
            CALLIF => {
                let condition = (self.words[self.ip + 1] >> 32) as u16 as u32;
                self.asm().alu_imm(false, 7, Rm::Word(condition), 0);
                self.back_if(NE);
                self.asm().store_imm(true, Rm::Word(d(op)), 0);
                self.changed(d(op), true);
            }
            SKIPZ => {
                self.asm().alu_imm(false, 7, Rm::Word(a(op)), 0);
                let from = self.asm().jump_if(E);
                self.e.skips.push((from, self.ip + 1 + b(op) as usize));
            }
            JUMP => {
                self.to(self.words[self.ip + 1]);
                return Flow::Ended;
            }
            BRNZ => {
                self.asm().alu_imm(false, 7, Rm::Word(a(op)), 0);
                return self.branched(NE);
            }
            JUMPI32 | JUMPI64 => {
                self.asm().load(code == JUMPI64, RDX, Rm::Word(a(op)));
                self.jump_computed();
                return Flow::Ended;
            }
            BREQ32..=BRLES64I => {
                let (wide, immediate, cond) = comparison(code - BREQ32);
                return self.branch(op, wide, immediate, cond);
            }
            _ => return Flow::Unknown,
        }
        Flow::On
    }
}

/// Width, whether the second operand is an immediate, and the condition: EQ, NE, LTU, LTS, LEU, LES, each for 32 and 64 bits, first all with registers.
fn comparison(index: u8) -> (bool, bool, Cond) {
    let cond = [E, NE, B, L, BE, LE][(index % 12 / 2) as usize];
    (index % 2 == 1, index >= 12, cond)
}

/// What an access is like.
#[derive(Clone, Copy)]
struct Access {
    n: u32,
    tagged: bool,
    aligned: bool,
    swapped: bool,
}

impl Access {
    /// From the index that [`access_index`] makes.
    fn of(index: u8, tagged: bool) -> Access {
        let i = index.wrapping_sub(1);
        let (n, swapped, aligned) = match index {
            0 => (1, false, false),
            _ => (2 << (i / 4), i & 2 != 0, i & 1 != 0),
        };
        Access {
            n,
            tagged,
            aligned,
            swapped,
        }
    }
}

enum Kind {
    Load32,
    Load64,
    Store,
}

/// Kind, whether by the tagged TLB, and [`access_index`] of an access.
fn access_of(code: u8) -> Option<(Kind, bool, u8)> {
    Some(match code {
        L8F..=L32FBA => (Kind::Load32, false, code - L8F),
        L8T..=L32TBA => (Kind::Load32, true, code - L8T),
        M8F..=M64FBA => (Kind::Load64, false, code - M8F),
        M8T..=M64TBA => (Kind::Load64, true, code - M8T),
        S8F..=S64FBA => (Kind::Store, false, code - S8F),
        S8T..=S64TBA => (Kind::Store, true, code - S8T),
        _ => return None,
    })
}
