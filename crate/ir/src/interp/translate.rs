//! From a block to bytecode, in one pass.

use std::rc::Rc;

use super::bytecode::*;
use super::operands::{Buffers, Operands};
use super::{Code, InsnPos, Marks};
use crate::block::{Block, Inst, Val};
use crate::ops::Op;
use crate::types::{HelperDesc, MemArg, SlotSet, SlotTable, Type};

/// Turns a block into bytecode.
pub fn translate(block: &Block, slots: &SlotTable, helpers: &[HelperDesc]) -> Code {
    Translator::default().translate(block, slots, helpers)
}

/// Turns blocks into bytecode and keeps its buffers from one to the next.
#[derive(Default)]
pub struct Translator {
    buf: Buffers,
}

impl Translator {
    /// As [`translate`].
    pub fn translate(&mut self, block: &Block, slots: &SlotTable, helpers: &[HelperDesc]) -> Code {
        let mut job = Job {
            o: Operands::new(block, slots, helpers, &mut self.buf),
            helpers,
            flat: block.va_type == Type::I32,
            insns: Vec::with_capacity(block.insn_count as usize),
        };
        let mut i = 0;
        while i < block.insts.len() {
            i += job.inst(Val(i as u32), &block.insts[i]);
            job.o.settle();
        }
        Code {
            ops: job.o.ops,
            marks: Rc::new(Marks {
                insns: job.insns.into(),
            }),
        }
    }
}

struct Job<'a> {
    o: Operands<'a>,
    helpers: &'a [HelperDesc],
    flat: bool,
    insns: Vec<InsnPos>,
}

impl Job<'_> {
    /// Translates the instruction that defines `v`; returns how many instructions are done by that.
    fn inst(&mut self, v: Val, inst: &Inst) -> usize {
        let [x, y, z] = inst.args;
        match inst.op {
            Op::Insn => {
                self.insns.push(InsnPos {
                    start: self.o.ops.len() as u32,
                    pc: inst.imm,
                    note: inst.aux,
                });
                1
            }
            Op::Set if self.o.is_dead(v.index()) => 1,
            Op::Set => {
                self.o.set(inst.imm, x);
                1
            }
            Op::Load => self.load(v, inst),
            Op::Store => {
                self.store(x, y, inst.mem());
                1
            }
            Op::StoreIf => {
                let c = self.o.reg(x);
                // Operands first: what they need is computed whether or not the store happens.
                let (base, offset) = self.o.address(y);
                let data = self.o.reg(z);
                self.o.ops.push(rrr(SKIPZ, 0, c, 1));
                self.emit_store(base, offset, data, inst.mem());
                1
            }
            Op::Probe => {
                let (base, offset) = self.o.address(x);
                self.o
                    .ops
                    .extend([access(PROBE, !self.flat as u16, base, offset, 0), inst.imm]);
                1
            }
            Op::Call | Op::CallIf => self.call(v, inst),
            Op::F80 => self.f80(v, inst),
            Op::TrapIf => {
                let c = self.o.reg(x);
                self.o.ops.push(r32(TRAPNZ, c, inst.imm as u32));
                1
            }
            Op::ExitIf => {
                let c = self.o.reg(x);
                self.o.ops.extend([rrr(EXITNZ, 0, c, 0), inst.imm]);
                1
            }
            Op::Jump => self.end(JUMP, inst.imm),
            Op::Leave => self.end(LEAVE, inst.imm),
            Op::Raise => {
                self.o.ops.push(r32(RAISE, 0, inst.imm as u32));
                1
            }
            Op::Branch => {
                let c = self.o.reg(x);
                self.o.ops.extend([rrr(BRNZ, 0, c, 0), inst.imm, inst.aux]);
                1
            }
            Op::JumpInd | Op::LeaveInd => {
                let target = self.o.reg(x);
                let op = match (inst.op, self.o.is64(x)) {
                    (Op::JumpInd, false) => JUMPI32,
                    (Op::JumpInd, true) => JUMPI64,
                    (_, false) => LEAVEI32,
                    (_, true) => LEAVEI64,
                };
                self.o.ops.push(rrr(op, 0, target, 0));
                1
            }
            // From here on all is pure: what nobody uses is not computed.
            _ if self.o.uses(v) == 0 => 1,
            Op::Const => 1,
            Op::Get => {
                self.o.get(v, inst.imm);
                1
            }
            Op::Select => {
                let (c, a, b) = (self.o.reg(x), self.o.reg(y), self.o.reg(z));
                let (d, done) = self.o.dest(v);
                if inst.ty == Type::V128 {
                    // The condition is read twice: it must not lie where the first half goes.
                    self.o.ops.extend([
                        rrr(SELECT64, d, a, b),
                        c as u64,
                        rrr(SELECT64, d + 2, a + 2, b + 2),
                        c as u64,
                    ]);
                    return 1 + done as usize;
                }
                let op = if inst.ty.bytes() == 8 {
                    SELECT64
                } else {
                    SELECT32
                };
                self.o.ops.extend([rrr(op, d, a, b), c as u64]);
                1 + done as usize
            }
            Op::Wrap
            | Op::Bits32
            | Op::Bits64
            | Op::Float32
            | Op::Float64
            | Op::Vlo
            | Op::Vlo32
            | Op::Vlo64 => {
                self.o.alias(v, x);
                1
            }
            Op::Add | Op::Sub | Op::Shl | Op::Shr | Op::Sar
                if let Some(done) = self.extended(v, inst) =>
            {
                done
            }
            Op::Add if self.address_sum(v, inst) => 1,
            Op::Eq | Op::Ne | Op::LtU | Op::LtS | Op::LeU | Op::LeS | Op::Eqz => {
                self.compare(v, inst)
            }
            op if op.is_vector() => self.vector(v, inst),
            op => self.plain(op, v, inst),
        }
    }

    /// An op on `v128`.
    fn vector(&mut self, v: Val, inst: &Inst) -> usize {
        let mut words = [0u16; 3];
        let mut widths = 0;
        for (k, &arg) in inst.args.iter().enumerate() {
            if arg.is_some() {
                widths |= width(self.o.ty(arg)) << (2 * k);
                words[k] = self.o.reg(arg);
            }
        }
        widths |= width(inst.ty) << 6;
        let (d, done) = self.o.dest(v);
        let [a, b, c] = words;
        self.o.ops.extend([
            rrr(VECTOR, d, a, b),
            inst.op as u64 | widths << 8 | (c as u64) << 16,
        ]);
        if inst.op == Op::Vshuffle {
            self.o.ops.extend([inst.imm, inst.aux]);
        }
        1 + done as usize
    }

    fn end(&mut self, op: u8, pc: u64) -> usize {
        self.o.ops.extend([op as u64, pc]);
        1
    }

    /// Emits an op of one or two operands.
    fn plain(&mut self, op: Op, v: Val, inst: &Inst) -> usize {
        let [mut x, mut y, _] = inst.args;
        let wide = self.o.is64(x);
        if matches!(op, Op::Add | Op::Mul | Op::And | Op::Or | Op::Xor)
            && self.o.constant(x).is_some()
        {
            (x, y) = (y, x);
        }
        if y.is_some()
            && let Some(imm) = self.o.imm24(y)
            && let Some((code, imm)) = immediate(op, wide, imm)
        {
            let a = self.o.reg(x);
            self.o.consume(y);
            let (d, done) = self.o.dest(v);
            self.o.ops.push(rri(code, d, a, imm));
            return 1 + done as usize;
        }
        let a = self.o.reg(x);
        let b = if y.is_some() { self.o.reg(y) } else { 0 };
        let (d, done) = self.o.dest(v);
        self.o.ops.push(rrr(register(op, wide), d, a, b));
        1 + done as usize
    }

    /// An i32 operation whose only use is to be sign-extended to 64 bits, as 64-bit MIPS and others do all the time.
    fn extended(&mut self, v: Val, inst: &Inst) -> Option<usize> {
        let next = self.o.block.insts.get(v.index() + 1)?;
        let [x, y, _] = inst.args;
        let narrow = inst.ty == Type::I32;
        let fits = next.op == if narrow { Op::ExtS } else { Op::Sext32 };
        // The low half of a 64-bit sum or left shift depends on the low halves alone, if the shift is below 32; right shifts do not.
        if !fits || next.args[0] != v || self.o.uses(v) != 1 {
            return None;
        }
        let result = Val(v.0 + 1);
        if self.o.uses(result) == 0 {
            return None;
        }
        let imm = self.o.imm24(y);
        let (code, imm) = match (inst.op, imm) {
            (Op::Add, Some(n)) => (ADDXI, Some(n)),
            (Op::Sub, Some(n)) if IMM24.contains(&-n) => (ADDXI, Some(-n)),
            (Op::Add, None) => (ADDX, None),
            (Op::Sub, _) => (SUBX, None),
            (Op::Shl, Some(n)) if narrow || (0..32).contains(&n) => (SHLXI, Some(n)),
            (Op::Shr, Some(n)) if narrow => (SHRXI, Some(n)),
            (Op::Sar, Some(n)) if narrow => (SARXI, Some(n)),
            _ => return None,
        };
        let a = self.o.reg(x);
        let b = if imm.is_none() { self.o.reg(y) } else { 0 };
        if imm.is_some() {
            self.o.consume(y);
        }
        self.o.consume(v);
        let (d, done) = self.o.dest(result);
        self.o.ops.push(match imm {
            Some(n) => rri(code, d, a, n),
            None => rrr(code, d, a, b),
        });
        Some(2 + done as usize)
    }

    /// A constant added to an address just before its access joins the access.
    fn address_sum(&mut self, v: Val, inst: &Inst) -> bool {
        let [x, y, _] = inst.args;
        let Some(Ok(offset)) = self.o.imm24(y).map(i16::try_from) else {
            return false;
        };
        let addresses = |inst: &Inst| match inst.op {
            Op::Load | Op::Store | Op::Probe => inst.args[0] == v,
            Op::StoreIf => inst.args[1] == v,
            _ => false,
        };
        let behind = &self.o.block.insts[v.index() + 1..];
        if !behind.iter().take(3).any(addresses) || !self.o.sum(v, x, offset) {
            return false;
        }
        self.o.consume(y);
        true
    }

    /// A comparison, with the branch behind it if there is one.
    fn compare(&mut self, v: Val, inst: &Inst) -> usize {
        let [x, y, _] = inst.args;
        let wide = self.o.is64(x);
        let kind = match inst.op {
            Op::Eq | Op::Eqz => 0,
            Op::Ne => 1,
            Op::LtU => 2,
            Op::LtS => 3,
            Op::LeU => 4,
            _ => 5,
        };
        let at = kind * 2 + wide as usize;
        let imm = if inst.op == Op::Eqz {
            Some(0)
        } else {
            self.o.imm24(y)
        };
        let branch = self
            .o
            .block
            .insts
            .get(v.index() + 1)
            .filter(|n| n.op == Op::Branch && n.args[0] == v && self.o.uses(v) == 1);
        let a = self.o.reg(x);
        let b = match imm {
            Some(_) => {
                if y.is_some() {
                    self.o.consume(y);
                }
                0
            }
            None => self.o.reg(y),
        };
        let word = |codes: &[[u8; 12]; 2], d: u16| match imm {
            Some(n) => rri(codes[1][at], d, a, n),
            None => rrr(codes[0][at], d, a, b),
        };
        if let Some(branch) = branch {
            self.o
                .ops
                .extend([word(&BRANCHES, 0), branch.imm, branch.aux]);
            return 2;
        }
        let (d, done) = self.o.dest(v);
        self.o.ops.push(word(&COMPARES, d));
        1 + done as usize
    }

    fn load(&mut self, v: Val, inst: &Inst) -> usize {
        let mem = inst.mem();
        let (base, offset) = self.o.address(inst.args[0]);
        let (d, done) = if self.o.uses(v) == 0 {
            (self.o.sink(inst.ty), false)
        } else {
            self.o.dest(v)
        };
        if inst.ty == Type::V128 {
            let code = if self.flat { LVF } else { LVT };
            self.o.ops.push(access(code, d, base, offset, mem.mmu));
            return 1 + done as usize;
        }
        let index = access_index(mem.size_log2, mem.big_endian, mem.aligned);
        let wide = inst.ty.bytes() == 8;
        let width = if wide { 64 } else { 32 };
        let shift = if mem.signed {
            width - 8 * mem.bytes()
        } else {
            0
        };
        let code = if wide {
            LOADS64[!self.flat as usize][index]
        } else {
            LOADS32[!self.flat as usize][index]
        };
        self.o
            .ops
            .push(access(code, d, base, offset, mem.mmu | (shift as u8) << 2));
        1 + done as usize
    }

    fn store(&mut self, va: Val, v: Val, mem: MemArg) {
        let (base, offset) = self.o.address(va);
        let data = self.o.reg(v);
        self.emit_store(base, offset, data, mem);
    }

    fn emit_store(&mut self, base: u16, offset: i16, data: u16, mem: MemArg) {
        if mem.size_log2 == 4 {
            let code = if self.flat { SVF } else { SVT };
            self.o.ops.push(access(code, data, base, offset, mem.mmu));
            return;
        }
        let index = access_index(mem.size_log2, mem.big_endian, mem.aligned);
        self.o.ops.push(access(
            STORES[!self.flat as usize][index],
            data,
            base,
            offset,
            mem.mmu,
        ));
    }

    fn f80(&mut self, v: Val, inst: &Inst) -> usize {
        let slot = self.o.slot_word(inst.imm >> 32) as u64;
        let mut what = inst.imm & (F80_V - 1) | slot << 34;
        let mut words = [0; 2];
        for (k, flag) in [F80_V, F80_E].into_iter().enumerate() {
            if inst.args[k].is_some() {
                words[k] = self.o.reg(inst.args[k]);
                what |= flag;
            }
        }
        let (d, done) = if self.o.uses(v) != 0 {
            self.o.dest(v)
        } else {
            (self.o.sink(inst.ty), false)
        };
        if inst.ty == Type::I64 {
            what |= F80_WIDE;
        }
        self.o.ops.extend([rrr(F80OP, d, words[0], words[1]), what]);
        1 + done as usize
    }

    fn call(&mut self, v: Val, inst: &Inst) -> usize {
        let desc = &self.helpers[inst.imm as usize];
        let used = self.o.uses(v) != 0;
        if desc.pure && !used {
            return 1;
        }
        let mut flags = 0;
        let mut words = 0;
        // `call_if` has its condition first and no third operand.
        let conditional = inst.op == Op::CallIf;
        if conditional {
            words |= (self.o.reg(inst.args[0]) as u64) << 32;
        }
        for (k, &arg) in inst.args[conditional as usize..].iter().enumerate() {
            if arg.is_some() {
                flags |= CALL_THERE << k;
                flags |= if self.o.is64(arg) { CALL_WIDE << k } else { 0 };
                words |= (self.o.reg(arg) as u64) << (16 * k);
            }
        }
        if desc.faults || desc.time {
            flags |= CALL_COUNTED;
        }
        if desc.faults {
            flags |= CALL_FAULTS;
        }
        if desc.writes != SlotSet::None {
            self.o.kill_all();
        }
        let (d, done) = if used {
            self.o.dest(v)
        } else {
            (self.o.sink(Type::I64), false)
        };
        let code = if conditional { CALLIF } else { CALL };
        self.o.ops.extend([
            code as u64 | (flags as u64) << 8 | inst.imm << 32 | (d as u64) << 48,
            words,
        ]);
        if conditional {
            self.o.ops.push(inst.aux);
        }
        1 + done as usize
    }
}

const COMPARES: [[u8; 12]; 2] = [
    [
        EQ32, EQ64, NE32, NE64, LTU32, LTU64, LTS32, LTS64, LEU32, LEU64, LES32, LES64,
    ],
    [
        EQ32I, EQ64I, NE32I, NE64I, LTU32I, LTU64I, LTS32I, LTS64I, LEU32I, LEU64I, LES32I, LES64I,
    ],
];
const BRANCHES: [[u8; 12]; 2] = [
    [
        BREQ32, BREQ64, BRNE32, BRNE64, BRLTU32, BRLTU64, BRLTS32, BRLTS64, BRLEU32, BRLEU64,
        BRLES32, BRLES64,
    ],
    [
        BREQ32I, BREQ64I, BRNE32I, BRNE64I, BRLTU32I, BRLTU64I, BRLTS32I, BRLTS64I, BRLEU32I,
        BRLEU64I, BRLES32I, BRLES64I,
    ],
];

/// The code of a type's width in the word behind `VECTOR`.
fn width(ty: Type) -> u64 {
    (ty.bytes() / 8) as u64
}

/// Opcode of a plain op by the width of its first operand.
fn register(op: Op, wide: bool) -> u8 {
    let pair = match op {
        Op::Add => [ADD32, ADD64],
        Op::Sub => [SUB32, SUB64],
        Op::Mul => [MUL32, MUL64],
        Op::MulhU => [MULHU; 2],
        Op::MulhS => [MULHS; 2],
        Op::DivU => [DIVU32, DIVU64],
        Op::DivS => [DIVS32, DIVS64],
        Op::RemU => [REMU32, REMU64],
        Op::RemS => [REMS32, REMS64],
        Op::And => [AND32, AND64],
        Op::Or => [OR32, OR64],
        Op::Xor => [XOR32, XOR64],
        Op::Shl => [SHL32, SHL64],
        Op::Shr => [SHR32, SHR64],
        Op::Sar => [SAR32, SAR64],
        Op::Rotl => [ROTL32, ROTL64],
        Op::Rotr => [ROTR32, ROTR64],
        Op::Clz => [CLZ32, CLZ64],
        Op::Ctz => [CTZ32, CTZ64],
        Op::Popcnt => [POPCNT32, POPCNT64],
        Op::Bswap => [BSWAP32, BSWAP64],
        Op::Sext8 => [SEXT8_32, SEXT8_64],
        Op::Sext16 => [SEXT16_32, SEXT16_64],
        Op::Sext32 | Op::ExtS => [EXTS; 2],
        Op::ExtU => [EXTU; 2],
        Op::Fadd => [FADD32, FADD64],
        Op::Fsub => [FSUB32, FSUB64],
        Op::Fmul => [FMUL32, FMUL64],
        Op::Fdiv => [FDIV32, FDIV64],
        Op::Fsqrt => [FSQRT32, FSQRT64],
        Op::Fneg => [FNEG32, FNEG64],
        Op::Fabs => [FABS32, FABS64],
        Op::Feq => [FEQ32, FEQ64],
        Op::Flt => [FLT32, FLT64],
        Op::Fle => [FLE32, FLE64],
        Op::Fnearest => [FNEAREST32, FNEAREST64],
        Op::Fpromote => [FPROMOTE; 2],
        Op::Fdemote => [FDEMOTE; 2],
        Op::F64FromI32 => [D_FROM_W; 2],
        Op::F64FromI64 => [D_FROM_L; 2],
        Op::F32FromI32 => [S_FROM_W; 2],
        Op::F32FromI64 => [S_FROM_L; 2],
        Op::I32FromF64 => [W_FROM_D; 2],
        Op::I64FromF64 => [L_FROM_D; 2],
        // The rest never comes here: `Job::inst` lists it.
        Op::Wrap | Op::Bits32 | Op::Bits64 | Op::Float32 | Op::Float64 => [MOV32, MOV64],
        Op::Eqz | Op::Eq | Op::Ne | Op::LtU | Op::LtS | Op::LeU | Op::LeS => {
            COMPARES[0][..2].try_into().unwrap_or([EQ32, EQ64])
        }
        Op::Vand
        | Op::Vor
        | Op::Vxor
        | Op::Vandnot
        | Op::Vbits
        | Op::Vany
        | Op::Vadd8
        | Op::Vadd16
        | Op::Vadd32
        | Op::Vadd64
        | Op::Vsub8
        | Op::Vsub16
        | Op::Vsub32
        | Op::Vsub64
        | Op::VaddSat8S
        | Op::VaddSat16S
        | Op::VaddSat8U
        | Op::VaddSat16U
        | Op::VsubSat8S
        | Op::VsubSat16S
        | Op::VsubSat8U
        | Op::VsubSat16U
        | Op::Vmul16
        | Op::Vmul32
        | Op::Vmin8S
        | Op::Vmin16S
        | Op::Vmin32S
        | Op::Vmin8U
        | Op::Vmin16U
        | Op::Vmin32U
        | Op::Vmax8S
        | Op::Vmax16S
        | Op::Vmax32S
        | Op::Vmax8U
        | Op::Vmax16U
        | Op::Vmax32U
        | Op::Vavg8
        | Op::Vavg16
        | Op::Veq8
        | Op::Veq16
        | Op::Veq32
        | Op::Veq64
        | Op::Vgt8
        | Op::Vgt16
        | Op::Vgt32
        | Op::Vgt64
        | Op::Vabs8
        | Op::Vabs16
        | Op::Vabs32
        | Op::Vshl16
        | Op::Vshl32
        | Op::Vshl64
        | Op::Vshr16
        | Op::Vshr32
        | Op::Vshr64
        | Op::Vsar16
        | Op::Vsar32
        | Op::Vnarrow16S
        | Op::Vnarrow16U
        | Op::Vnarrow32S
        | Op::Vnarrow32U
        | Op::Vextend8S
        | Op::Vextend8U
        | Op::Vextend16S
        | Op::Vextend16U
        | Op::Vextend32S
        | Op::Vextend32U
        | Op::VmulLow16S
        | Op::VmulHigh16S
        | Op::VmulLow16U
        | Op::VmulHigh16U
        | Op::VmulLow32S
        | Op::VmulLow32U
        | Op::Vdot16
        | Op::Vpairs8U
        | Op::Vpairs16U
        | Op::Vswizzle
        | Op::Vmask8
        | Op::Vmask32
        | Op::Vmask64
        | Op::Vfadd32
        | Op::Vfsub32
        | Op::Vfmul32
        | Op::Vfdiv32
        | Op::Vfsqrt32
        | Op::Vfmin32
        | Op::Vfmax32
        | Op::Vfabs32
        | Op::Vfeq32
        | Op::Vflt32
        | Op::Vfle32
        | Op::Vfnearest32
        | Op::Vfadd64
        | Op::Vfsub64
        | Op::Vfmul64
        | Op::Vfdiv64
        | Op::Vfsqrt64
        | Op::Vfmin64
        | Op::Vfmax64
        | Op::Vfabs64
        | Op::Vfeq64
        | Op::Vflt64
        | Op::Vfle64
        | Op::Vfnearest64
        | Op::VF32FromI32
        | Op::VI32FromF32
        | Op::VF64FromI32
        | Op::VI32FromF64
        | Op::Vfpromote
        | Op::Vfdemote
        | Op::Vpair
        | Op::Vlow
        | Op::Vlo
        | Op::Vhi
        | Op::Vlo32
        | Op::Vlo64
        | Op::VsetLo
        | Op::VsetHi
        | Op::VsetLo32
        | Op::VsetLo64
        | Op::Vshuffle => [VECTOR; 2],
        Op::Const
        | Op::Select
        | Op::Get
        | Op::Set
        | Op::Load
        | Op::Store
        | Op::StoreIf
        | Op::Probe
        | Op::Call
        | Op::CallIf
        | Op::F80
        | Op::TrapIf
        | Op::ExitIf
        | Op::Insn
        | Op::Jump
        | Op::Branch
        | Op::JumpInd
        | Op::Leave
        | Op::LeaveInd
        | Op::Raise => unreachable!("{} is no plain op", op.info().name),
    };
    pair[wide as usize]
}

/// Opcode and immediate of an op whose second operand is a small constant.
fn immediate(op: Op, wide: bool, imm: i64) -> Option<(u8, i64)> {
    let pair = match op {
        Op::Add => [ADD32I, ADD64I],
        Op::Sub => {
            return IMM24
                .contains(&-imm)
                .then(|| ([ADD32I, ADD64I][wide as usize], -imm));
        }
        Op::Mul => [MUL32I, MUL64I],
        Op::And => [AND32I, AND64I],
        Op::Or => [OR32I, OR64I],
        Op::Xor => [XOR32I, XOR64I],
        Op::Shl => [SHL32I, SHL64I],
        Op::Shr => [SHR32I, SHR64I],
        Op::Sar => [SAR32I, SAR64I],
        Op::Rotl => [ROTL32I, ROTL64I],
        Op::Rotr => [ROTR32I, ROTR64I],
        _ => return None,
    };
    Some((pair[wide as usize], imm))
}
