//! The few x86-64 instructions that translated bytecode is made of (Intel SDM volume 2, Instruction Format).

use crate::layout;

/// A general register, by its number.
pub type Reg = u8;
pub const RAX: Reg = 0;
pub const RCX: Reg = 1;
pub const RDX: Reg = 2;
pub const RBX: Reg = 3;
pub const R9: Reg = 9;
pub const R10: Reg = 10;
pub const R11: Reg = 11;
pub const R12: Reg = 12;
pub const R13: Reg = 13;
pub const R14: Reg = 14;
pub const R15: Reg = 15;
/// The arena's base.
pub const RSI: Reg = 6;
/// The vCPU state, [`GUEST_BIAS`] bytes in.
pub const RDI: Reg = 7;
/// The vCPU state, [`SCRATCH_BIAS`] bytes in.
pub const R8: Reg = 8;

/// Where RDI points in the state: the first guest slots are within a signed byte of it.
pub const GUEST_BIAS: u32 = layout::GUEST + 0x80;
/// Where R8 points in the state: the header and the first scratch values are within a signed byte of it.
pub const SCRATCH_BIAS: u32 = 0x80;

/// The operand that an instruction's ModRM byte names.
#[derive(Clone, Copy)]
pub enum Rm {
    Reg(Reg),
    /// A word (4 bytes) of the vCPU state.
    Word(u32),
    /// A byte of the vCPU state.
    State(u32),
    /// `[RSI + register + displacement]`: the arena at an offset.
    Arena(Reg, u8),
    /// `[base + index * 4]`.
    Table(Reg, Reg),
    /// `[base + displacement]`.
    At(Reg, i32),
    /// The memory of the pieces, at an offset.
    Data(u32),
}

/// Condition codes, as the low four bits of Jcc, SETcc and CMOVcc.
pub type Cond = u8;
pub const O: Cond = 0;
pub const B: Cond = 2;
pub const AE: Cond = 3;
pub const E: Cond = 4;
pub const NE: Cond = 5;
pub const BE: Cond = 6;
pub const A: Cond = 7;
pub const S: Cond = 8;
pub const P: Cond = 10;
pub const NP: Cond = 11;
pub const L: Cond = 12;
pub const LE: Cond = 14;

/// What is emitted.
#[derive(Default)]
pub struct Asm {
    pub code: Vec<u8>,
    /// Where the code will start in the memory of the pieces.
    pub start: u32,
}

impl Asm {
    fn imm32(&mut self, v: i32) {
        self.code.extend_from_slice(&v.to_le_bytes());
    }

    /// Prefix, REX, opcode, ModRM, SIB, displacement. `wide`: 64-bit operands.
    pub fn op(&mut self, prefix: Option<u8>, wide: bool, opcode: &[u8], reg: Reg, rm: Rm) {
        self.code.extend(prefix);
        let (index, base) = match rm {
            Rm::Reg(r) => (0, r),
            Rm::Word(_) | Rm::State(_) => (0, state_base(rm).0),
            Rm::Arena(r, _) => (r, RSI),
            Rm::Table(b, i) => (i, b),
            Rm::At(b, _) => (0, b),
            Rm::Data(_) => (0, 0),
        };
        let rex = 0x40 | (wide as u8) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        if rex != 0x40 {
            self.code.push(rex);
        }
        self.code.extend_from_slice(opcode);
        let reg = (reg & 7) << 3;
        match rm {
            Rm::Reg(r) => self.code.push(0xc0 | reg | r & 7),
            Rm::Word(_) | Rm::State(_) => {
                let (base, disp) = state_base(rm);
                match i8::try_from(disp) {
                    Ok(d) => self.code.extend([0x40 | reg | base & 7, d as u8]),
                    Err(_) => {
                        self.code.push(0x80 | reg | base & 7);
                        self.imm32(disp);
                    }
                }
            }
            Rm::Arena(r, disp) => {
                let sib = (r & 7) << 3 | RSI;
                self.code.extend([0x44 | reg, sib, disp]);
            }
            // A base of RBP or R13 would need a displacement; there is none.
            Rm::Table(b, i) => self.code.extend([4 | reg, 0x80 | (i & 7) << 3 | b & 7]),
            Rm::At(b, disp) => {
                let short = i8::try_from(disp);
                let mode = if short.is_ok() { 0x40 } else { 0x80 };
                self.code.push(mode | reg | b & 7);
                // A base of R12 has RSP's number, which says that a SIB byte follows.
                self.code.extend((b & 7 == 4).then_some(0x24));
                match short {
                    Ok(d) => self.code.push(d as u8),
                    Err(_) => self.imm32(disp),
                }
            }
            // Relative to the next instruction: what comes last in this one is the displacement.
            Rm::Data(at) => {
                self.code.push(5 | reg);
                let next = self.start as i64 + self.code.len() as i64 + 4;
                self.imm32((at as i64 - next) as i32);
            }
        }
    }

    /// An instruction of the group of ADD (0), OR (1), AND (4), SUB (5), XOR (6), CMP (7) with an immediate.
    pub fn alu_imm(&mut self, wide: bool, number: u8, rm: Rm, imm: i32) {
        match i8::try_from(imm) {
            Ok(i) => {
                self.op(None, wide, &[0x83], number, rm);
                self.code.push(i as u8);
            }
            Err(_) => {
                self.op(None, wide, &[0x81], number, rm);
                self.imm32(imm);
            }
        }
    }

    /// ROL (0), ROR (1), SHL (4), SHR (5), SAR (7) by a constant.
    pub fn shift_imm(&mut self, wide: bool, number: u8, reg: Reg, by: u8) {
        self.op(None, wide, &[0xc1], number, Rm::Reg(reg));
        self.code.push(by);
    }

    /// Reads into a register.
    pub fn load(&mut self, wide: bool, reg: Reg, rm: Rm) {
        self.op(None, wide, &[0x8b], reg, rm);
    }

    /// Writes a register.
    pub fn store(&mut self, wide: bool, rm: Rm, reg: Reg) {
        self.op(None, wide, &[0x89], reg, rm);
    }

    /// Writes a constant, sign-extended if it is wide.
    pub fn store_imm(&mut self, wide: bool, rm: Rm, imm: i32) {
        self.op(None, wide, &[0xc7], 0, rm);
        self.imm32(imm);
    }

    /// A constant in a register.
    pub fn constant(&mut self, reg: Reg, v: u64) {
        match u32::try_from(v) {
            Ok(0) => self.op(None, false, &[0x31], reg, Rm::Reg(reg)),
            Ok(v) => {
                self.code.extend((reg >= 8).then_some(0x41));
                self.code.push(0xb8 | reg & 7);
                self.imm32(v as i32);
            }
            Err(_) => {
                self.code.extend([0x48 | reg >> 3, 0xb8 | reg & 7]);
                self.code.extend_from_slice(&v.to_le_bytes());
            }
        }
    }

    /// Reverses the bytes of a register.
    pub fn bswap(&mut self, wide: bool, reg: Reg) {
        let rex = 0x40 | (wide as u8) << 3 | reg >> 3;
        self.code.extend((rex != 0x40).then_some(rex));
        self.code.extend([0x0f, 0xc8 | reg & 7]);
    }

    /// 1 in a register if the condition holds, else 0. The register is one of the first four.
    pub fn set(&mut self, cond: Cond, reg: Reg) {
        self.op(None, false, &[0x0f, 0x90 | cond], 0, Rm::Reg(reg));
        self.op(None, false, &[0x0f, 0xb6], reg, Rm::Reg(reg));
    }

    /// A conditional jump to be [bound](Self::bind): returns where its distance is.
    pub fn jump_if(&mut self, cond: Cond) -> usize {
        self.code.extend([0x0f, 0x80 | cond]);
        self.imm32(0);
        self.code.len() - 4
    }

    /// A jump to be bound.
    pub fn jump(&mut self) -> usize {
        self.code.push(0xe9);
        self.imm32(0);
        self.code.len() - 4
    }

    /// Lets the jump at `from` lead here.
    pub fn bind(&mut self, from: usize) {
        let distance = (self.code.len() - from - 4) as i32;
        self.code[from..from + 4].copy_from_slice(&distance.to_le_bytes());
    }

    /// Returns two words: RAX from the constant, RDX as it is.
    pub fn ret(&mut self, what: u64) {
        self.constant(RAX, what);
        self.code.push(0xc3);
    }
}

/// The base register for a place in the state, and the displacement.
fn state_base(rm: Rm) -> (Reg, i32) {
    let at = match rm {
        Rm::Word(w) => w << 2,
        Rm::State(at) => at,
        _ => unreachable!("no place in the state"),
    };
    let scratch = at as i32 - SCRATCH_BIAS as i32;
    match i8::try_from(scratch) {
        Ok(_) => (R8, scratch),
        Err(_) => (RDI, at as i32 - GUEST_BIAS as i32),
    }
}
