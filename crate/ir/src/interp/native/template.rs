//! The templates of moves, whole numbers, conditions and jumps, and the list of all.
//!
//! RDI and R8 point into the vCPU state, RSI at the arena; RAX, RCX, RDX, R9 and XMM0 are scratch. Values stay in the state's words, as for the
//! interpreter, except that RAX may still hold the word written last. What is unusual (a slow access, a NaN, a division by 0) or rare goes back to the interpreter
//! at that very op, before any effect of it.

use super::access::{Access, Kind, access_of};
use super::asm::*;
use super::emit::{self, Emitter, Frame, Host};
use crate::interp::bytecode::*;
use crate::types::MemArg;

/// What comes behind an op.
pub(super) enum Flow {
    On,
    Ended,
    /// There is no template: back to the interpreter.
    Unknown,
}

/// The op being translated.
pub(super) struct Template<'a> {
    pub(super) e: &'a mut Emitter,
    pub(super) words: &'a [u64],
    pub(super) ip: usize,
    /// The word of the state that RAX holds, and whether all 8 bytes from there.
    pub(super) held: Option<(u32, bool)>,
    pub(super) host: Host,
    pub(super) frame: &'a Frame,
}

impl Template<'_> {
    pub(super) fn asm(&mut self) -> &mut Asm {
        &mut self.e.asm
    }

    /// Back to the interpreter, at this op.
    pub(super) fn back(&mut self) {
        let from = self.asm().jump();
        self.e.backs.push((from, self.ip as u32));
    }

    pub(super) fn back_if(&mut self, cond: Cond) {
        let from = self.asm().jump_if(cond);
        self.e.backs.push((from, self.ip as u32));
    }

    pub(super) fn holds(&self, word: u32, wide: bool) -> bool {
        self.held
            .is_some_and(|(w, all)| w == word && (all || !wide))
    }

    /// A word in RAX.
    pub(super) fn get(&mut self, word: u32, wide: bool) {
        if !self.holds(word, wide) {
            self.asm().load(wide, RAX, Rm::Word(word));
        }
    }

    /// RAX into a word.
    pub(super) fn put(&mut self, word: u32, wide: bool) {
        self.asm().store(wide, Rm::Word(word), RAX);
        self.held = Some((word, wide));
    }

    /// A word was written by something else than RAX.
    pub(super) fn changed(&mut self, word: u32, wide: bool) {
        if let Some((w, all)) = self.held
            && w <= word + wide as u32
            && word <= w + all as u32
        {
            self.held = None;
        }
    }

    /// `d = a op b`, by an instruction that takes its second operand from memory.
    pub(super) fn alu(&mut self, op: u64, wide: bool, opcode: &[u8], commutes: bool) -> Flow {
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
    pub(super) fn alu_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        self.asm().alu_imm(wide, number, Rm::Reg(RAX), imm24(op));
        self.put(d(op), wide);
        Flow::On
    }

    pub(super) fn mul_imm(&mut self, op: u64, wide: bool) -> Flow {
        self.asm().op(None, wide, &[0x69], RAX, Rm::Word(a(op)));
        self.asm().code.extend_from_slice(&imm24(op).to_le_bytes());
        self.put(d(op), wide);
        Flow::On
    }

    pub(super) fn shift(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        self.asm().load(false, RCX, Rm::Word(b(op)));
        self.asm().op(None, wide, &[0xd3], number, Rm::Reg(RAX));
        self.put(d(op), wide);
        Flow::On
    }

    pub(super) fn shift_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.get(a(op), wide);
        let by = imm24(op) as u8 & if wide { 63 } else { 31 };
        self.asm().shift_imm(wide, number, RAX, by);
        self.put(d(op), wide);
        Flow::On
    }

    /// A quotient or remainder; divisors of 0, and of -1 if they have a sign, are the interpreter's.
    pub(super) fn divide(&mut self, op: u64) -> Flow {
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
    pub(super) fn put_extended(&mut self, word: u32) -> Flow {
        self.asm().op(None, true, &[0x63], RAX, Rm::Reg(RAX));
        self.put(word, true);
        Flow::On
    }

    /// `d = op(a)` by an instruction that reads memory.
    pub(super) fn unary(&mut self, op: u64, prefix: Option<u8>, wide: bool, opcode: &[u8]) -> Flow {
        self.asm().op(prefix, wide, opcode, RAX, Rm::Word(a(op)));
        self.put(d(op), wide);
        Flow::On
    }

    pub(super) fn compare(&mut self, op: u64, wide: bool, immediate: bool) {
        self.get(a(op), wide);
        if immediate {
            self.asm().alu_imm(wide, 7, Rm::Reg(RAX), imm24(op));
        } else {
            self.asm().op(None, wide, &[0x3b], RAX, Rm::Word(b(op)));
        }
    }

    pub(super) fn compared(&mut self, op: u64, wide: bool, immediate: bool, cond: Cond) -> Flow {
        self.compare(op, wide, immediate);
        self.asm().set(cond, RAX);
        self.put(d(op), false);
        Flow::On
    }

    /// Goes on at a constant pc.
    pub(super) fn to(&mut self, pc: u64) {
        let distance = self.asm().jump();
        self.asm().bind(distance);
        self.asm().constant(RDX, pc);
        let what = self
            .frame
            .what(emit::JUMP_TO, self.frame.start + distance as u32);
        self.asm().ret(what);
    }

    /// Goes on at the pc in RDX.
    pub(super) fn jump_computed(&mut self) {
        let (targets, what) = (self.frame.targets, self.frame.what(emit::INDIRECT_TO, 0));
        let asm = self.asm();
        asm.store(false, Rm::Reg(RCX), RDX);
        asm.shift_imm(false, 5, RCX, 12);
        asm.op(None, false, &[0x33], RCX, Rm::Reg(RDX));
        asm.alu_imm(false, 4, Rm::Reg(RCX), emit::TARGETS as i32 - 1);
        asm.shift_imm(false, 4, RCX, emit::TARGET_BYTES.ilog2() as u8);
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

    pub(super) fn branched(&mut self, cond: Cond) -> Flow {
        let taken = self.asm().jump_if(cond);
        self.to(self.words[self.ip + 2]);
        self.asm().bind(taken);
        self.to(self.words[self.ip + 1]);
        Flow::Ended
    }

    pub(super) fn branch(&mut self, op: u64, wide: bool, immediate: bool, cond: Cond) -> Flow {
        self.compare(op, wide, immediate);
        self.branched(cond)
    }

    pub(super) fn op(&mut self, op: u64) -> Flow {
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
