//! The templates of moves, whole numbers, conditions and jumps, and the list of all.
//!
//! RDI and R8 point into the vCPU state, RSI at the arena; RAX, RCX, RDX, R9 and XMM0 are scratch, the others [hold](super::held) words of the state, but for
//! floats and vectors, which stay there. What is unusual (a slow access, a NaN, a division by 0) or rare goes back to the interpreter
//! at that very op, before any effect of it.

use super::access::{Access, Kind, access_of};
use super::asm::*;
use super::emit::{self, Back, Emitter, Frame, Host};
use super::held::Place;
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
        self.goes_back(from);
    }

    pub(super) fn back_if(&mut self, cond: Cond) {
        let from = self.asm().jump_if(cond);
        self.goes_back(from);
    }

    /// The jump at `from` leads to the interpreter, which finds in the state what is held now.
    fn goes_back(&mut self, from: usize) {
        let (e, word) = (&mut *self.e, self.ip as u32);
        let version = e.held.version;
        let owed = match e.backs.last() {
            Some(last) if (last.word, last.version) == (word, version) => last.owed,
            _ => {
                let start = e.owed.len();
                e.owed.extend(e.held.owed());
                (start, e.owed.len())
            }
        };
        e.backs.push(Back {
            from,
            word,
            version,
            owed,
        });
    }

    /// Jumps that lead here lead here, where nothing is held any more. Returns whether there are any.
    pub(super) fn bind_skips(&mut self, reached: bool) -> bool {
        let ip = self.ip;
        if !self.e.skips.iter().any(|&(_, to)| to == ip) {
            return false;
        }
        if reached {
            self.spill();
        }
        let Emitter {
            skips, asm, held, ..
        } = &mut *self.e;
        held.forget_all();
        skips.retain(|&(from, to)| {
            if to == ip {
                asm.bind(from);
            }
            to != ip
        });
        true
    }

    /// A register into a word.
    pub(super) fn put(&mut self, word: u32, wide: bool, reg: Reg) {
        self.define(word, wide, Place::Reg(reg));
    }

    /// What is in RAX into a word.
    pub(super) fn put_scratch(&mut self, word: u32, wide: bool, from: Reg) {
        let r = self.fresh();
        self.asm().store(wide, Rm::Reg(r), from);
        self.put(word, wide, r);
    }

    /// The value of a word as an immediate, if it is one.
    fn immediate(&mut self, word: u32, wide: bool) -> Option<i32> {
        match self.known(word, wide) {
            Some(Place::Const(v)) if wide => i32::try_from(v as i64).ok(),
            Some(Place::Const(v)) => Some(v as i32),
            _ => None,
        }
    }

    /// `d = a op b`, by an instruction whose form with an immediate has this number.
    pub(super) fn alu(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        let (mut x, mut y) = (a(op), b(op));
        // SUB does not commute.
        if number != 5 && self.immediate(x, wide).is_some() {
            (x, y) = (y, x);
        }
        if let Some(imm) = self.immediate(y, wide) {
            return self.alu_with(d(op), wide, number, x, imm);
        }
        let (x, y) = (self.get(x, wide), self.get(y, wide));
        let r = self.result(d(op), wide, x);
        self.asm().op(None, wide, &[number << 3 | 3], r, Rm::Reg(y));
        self.put(d(op), wide, r);
        Flow::On
    }

    fn alu_with(&mut self, d: u32, wide: bool, number: u8, x: u32, imm: i32) -> Flow {
        let x = self.get(x, wide);
        let r = self.result(d, wide, x);
        self.asm().alu_imm(wide, number, Rm::Reg(r), imm);
        self.put(d, wide, r);
        Flow::On
    }

    /// `d = a op imm24`.
    pub(super) fn alu_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        self.alu_with(d(op), wide, number, a(op), imm24(op))
    }

    pub(super) fn mul(&mut self, op: u64, wide: bool) -> Flow {
        let (x, y) = (self.get(a(op), wide), self.get(b(op), wide));
        let r = self.result(d(op), wide, x);
        self.asm().op(None, wide, &[0x0f, 0xaf], r, Rm::Reg(y));
        self.put(d(op), wide, r);
        Flow::On
    }

    pub(super) fn mul_imm(&mut self, op: u64, wide: bool) -> Flow {
        let x = self.get(a(op), wide);
        let r = self.fresh();
        self.asm().op(None, wide, &[0x69], r, Rm::Reg(x));
        self.asm().code.extend_from_slice(&imm24(op).to_le_bytes());
        self.put(d(op), wide, r);
        Flow::On
    }

    pub(super) fn shift(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        let x = self.get(a(op), wide);
        self.copy(RCX, b(op), false);
        let r = self.result(d(op), wide, x);
        self.asm().op(None, wide, &[0xd3], number, Rm::Reg(r));
        self.put(d(op), wide, r);
        Flow::On
    }

    pub(super) fn shift_imm(&mut self, op: u64, wide: bool, number: u8) -> Flow {
        let x = self.get(a(op), wide);
        let by = imm24(op) as u8 & if wide { 63 } else { 31 };
        let r = self.result(d(op), wide, x);
        self.asm().shift_imm(wide, number, r, by);
        self.put(d(op), wide, r);
        Flow::On
    }

    /// A quotient or remainder; divisors of 0, and of -1 if they have a sign, are the interpreter's.
    pub(super) fn divide(&mut self, op: u64) -> Flow {
        let index = op as u8 - DIVU32;
        let (wide, signed, remainder) = (index & 1 != 0, index & 2 != 0, index & 4 != 0);
        self.copy(RCX, b(op), wide);
        if signed {
            // 0 and -1 are the ones that are at most 1 when 1 is added.
            self.asm().op(None, true, &[0x8d], RDX, Rm::At(RCX, 1));
            self.asm().alu_imm(wide, 7, Rm::Reg(RDX), 1);
            self.back_if(BE);
        } else {
            self.asm().alu_imm(wide, 7, Rm::Reg(RCX), 0);
            self.back_if(E);
        }
        self.copy(RAX, a(op), wide);
        if signed {
            // CDQ or CQO
            self.asm().code.extend(wide.then_some(0x48));
            self.asm().code.push(0x99);
        } else {
            self.asm().constant(RDX, 0);
        }
        let number = 6 | signed as u8;
        self.asm().op(None, wide, &[0xf7], number, Rm::Reg(RCX));
        self.put_scratch(d(op), wide, if remainder { RDX } else { RAX });
        Flow::On
    }

    /// The low half of a register sign-extended into a double word.
    pub(super) fn put_extended(&mut self, word: u32, r: Reg) -> Flow {
        self.asm().op(None, true, &[0x63], r, Rm::Reg(r));
        self.put(word, true, r);
        Flow::On
    }

    /// `d = op(a)` by an instruction with two operands; `from_wide`: it reads all of the double word.
    pub(super) fn unary(
        &mut self,
        op: u64,
        prefix: Option<u8>,
        from_wide: bool,
        wide: bool,
        opcode: &[u8],
    ) -> Flow {
        let x = self.get(a(op), from_wide);
        let r = self.fresh();
        self.asm().op(prefix, wide, opcode, r, Rm::Reg(x));
        self.put(d(op), wide, r);
        Flow::On
    }

    /// Compares; nothing that comes before a use of the flags changes them.
    pub(super) fn compare(&mut self, op: u64, wide: bool, immediate: bool) {
        let x = self.get(a(op), wide);
        let imm = if immediate {
            Some(imm24(op))
        } else {
            self.immediate(b(op), wide)
        };
        match imm {
            Some(imm) => self.asm().alu_imm(wide, 7, Rm::Reg(x), imm),
            None => {
                let y = self.get(b(op), wide);
                self.asm().op(None, wide, &[0x3b], x, Rm::Reg(y));
            }
        }
    }

    pub(super) fn compared(&mut self, op: u64, wide: bool, immediate: bool, cond: Cond) -> Flow {
        self.compare(op, wide, immediate);
        self.put_condition(d(op), cond)
    }

    /// 1 or 0 into a word, as the flags say.
    pub(super) fn put_condition(&mut self, word: u32, cond: Cond) -> Flow {
        self.asm().set(cond, RAX);
        self.put_scratch(word, false, RAX);
        Flow::On
    }

    /// Compares a word with 0, for NE.
    pub(super) fn test(&mut self, word: u32) {
        let r = self.get(word, false);
        self.asm().op(None, false, &[0x85], r, Rm::Reg(r));
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
        self.flush();
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
                let place = match self.known(a(op), wide) {
                    Some(place) => place,
                    None => Place::Reg(self.get(a(op), wide)),
                };
                self.define(d(op), wide, place);
            }
            CONST32 => self.define(d(op), false, Place::Const(wide32(op) as u64)),
            CONSTS => self.define(d(op), true, Place::Const(wide32(op) as i32 as u64)),
            CONST64 => self.define(d(op), true, Place::Const(self.words[self.ip + 1])),
            ADD32 => return self.alu(op, false, 0),
            ADD64 => return self.alu(op, true, 0),
            SUB32 => return self.alu(op, false, 5),
            SUB64 => return self.alu(op, true, 5),
            MUL32 => return self.mul(op, false),
            MUL64 => return self.mul(op, true),
            AND32 => return self.alu(op, false, 4),
            AND64 => return self.alu(op, true, 4),
            OR32 => return self.alu(op, false, 1),
            OR64 => return self.alu(op, true, 1),
            XOR32 => return self.alu(op, false, 6),
            XOR64 => return self.alu(op, true, 6),
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
                let (x, y) = (self.get(a(op), false), self.get(b(op), false));
                let r = self.result(d(op), true, x);
                let opcode = if code == ADDX { 0x03 } else { 0x2b };
                self.asm().op(None, false, &[opcode], r, Rm::Reg(y));
                return self.put_extended(d(op), r);
            }
            ADDXI => {
                let x = self.get(a(op), false);
                let r = self.result(d(op), true, x);
                self.asm().alu_imm(false, 0, Rm::Reg(r), imm24(op));
                return self.put_extended(d(op), r);
            }
            SHLXI | SHRXI | SARXI => {
                let x = self.get(a(op), false);
                let r = self.result(d(op), true, x);
                let number = match code {
                    SHLXI => 4,
                    SHRXI => 5,
                    _ => 7,
                };
                self.asm().shift_imm(false, number, r, imm24(op) as u8 & 31);
                return self.put_extended(d(op), r);
            }
            MULHU | MULHS => {
                let y = self.get(b(op), true);
                self.copy(RAX, a(op), true);
                let number = 4 | (code == MULHS) as u8;
                self.asm().op(None, true, &[0xf7], number, Rm::Reg(y));
                self.put_scratch(d(op), true, RDX);
            }
            DIVU32..=REMS64 => return self.divide(op),
            CLZ32 | CLZ64 if self.host.lzcnt => {
                let wide = code == CLZ64;
                return self.unary(op, Some(0xf3), wide, wide, &[0x0f, 0xbd]);
            }
            CTZ32 | CTZ64 if self.host.tzcnt => {
                let wide = code == CTZ64;
                return self.unary(op, Some(0xf3), wide, wide, &[0x0f, 0xbc]);
            }
            POPCNT32 | POPCNT64 if self.host.popcnt => {
                let wide = code == POPCNT64;
                return self.unary(op, Some(0xf3), wide, wide, &[0x0f, 0xb8]);
            }
            BSWAP32 | BSWAP64 => {
                let wide = code == BSWAP64;
                let x = self.get(a(op), wide);
                let r = self.result(d(op), wide, x);
                self.asm().bswap(wide, r);
                self.put(d(op), wide, r);
            }
            SEXT8_32 => return self.unary(op, None, false, false, &[0x0f, 0xbe]),
            SEXT8_64 => return self.unary(op, None, false, true, &[0x0f, 0xbe]),
            SEXT16_32 => return self.unary(op, None, false, false, &[0x0f, 0xbf]),
            SEXT16_64 => return self.unary(op, None, false, true, &[0x0f, 0xbf]),
            EXTS => return self.unary(op, None, false, true, &[0x63]),
            EXTU => {
                let x = self.get(a(op), false);
                let r = self.fresh();
                self.asm().store(false, Rm::Reg(r), x);
                self.put(d(op), true, r);
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
            FNEG32 => return self.alu_with(d(op), false, 6, a(op), i32::MIN),
            FABS32 => return self.alu_with(d(op), false, 4, a(op), i32::MAX),
            FNEG64 | FABS64 => {
                let x = self.get(a(op), true);
                let r = self.result(d(op), true, x);
                // BTC or BTR 63
                let number = if code == FNEG64 { 7 } else { 6 };
                self.asm().op(None, true, &[0x0f, 0xba], number, Rm::Reg(r));
                self.asm().code.push(63);
                self.put(d(op), true, r);
            }
            FEQ32 => return self.float_compared(op, false, a(op), b(op), E),
            FEQ64 => return self.float_compared(op, true, a(op), b(op), E),
            FLT32 => return self.float_compared(op, false, a(op), b(op), A),
            FLT64 => return self.float_compared(op, true, a(op), b(op), A),
            FLE32 => return self.float_compared(op, false, a(op), b(op), AE),
            FLE64 => return self.float_compared(op, true, a(op), b(op), AE),
            FPROMOTE => {
                self.sync(a(op), 1);
                self.asm()
                    .op(Some(0xf3), false, &[0x0f, 0x5a], 0, Rm::Word(a(op)));
                return self.put_float(op, true);
            }
            FDEMOTE => {
                self.sync(a(op), 2);
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
                let c = self.words[self.ip + 1] as u16 as u32;
                let (x, y) = (self.get(a(op), wide), self.get(b(op), wide));
                let c = self.get(c, false);
                let r = self.result(d(op), wide, y);
                self.asm().op(None, false, &[0x85], c, Rm::Reg(c));
                // CMOVNE
                self.asm().op(None, wide, &[0x0f, 0x45], r, Rm::Reg(x));
                self.put(d(op), wide, r);
            }
            VECTOR => return self.vector(op),
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
                self.test(d(op));
                self.back_if(NE);
            }
            EXITNZ => {
                self.test(a(op));
                self.back_if(NE);
            }
            CALLIF => {
                let condition = (self.words[self.ip + 1] >> 32) as u16 as u32;
                self.test(condition);
                self.back_if(NE);
                self.define(d(op), true, Place::Const(0));
            }
            SKIPZ => {
                self.spill();
                self.test(a(op));
                let from = self.asm().jump_if(E);
                self.e.skips.push((from, self.ip + 1 + b(op) as usize));
            }
            JUMP => {
                self.flush();
                self.to(self.words[self.ip + 1]);
                return Flow::Ended;
            }
            BRNZ => {
                self.test(a(op));
                self.flush();
                return self.branched(NE);
            }
            JUMPI32 | JUMPI64 => {
                self.copy(RDX, a(op), code == JUMPI64);
                self.flush();
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
