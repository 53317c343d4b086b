//! Operands: registers, effective addresses through segments, and reading and writing them. Values of 1, 2 and 4 bytes are i32 and clean above
//! their width when read; values of 8 bytes are i64.

use iced_x86::{OpKind, Register};
use tinamou_ir::{MemArg, Type, Val};

use super::Lifter;
use crate::mode::{Class, Mode};
use crate::regs::{CS, DS, ES, FS, GS, SP, SS};
use crate::{fault, helpers};

/// Where an operand is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// General register: number, log2 of the size, the high byte of AX to BX.
    Reg(usize, u32, bool),
    /// Memory at a linear address, log2 of the size.
    Mem(Val, u32),
    /// A constant, log2 of the size.
    Imm(u64, u32),
    /// A segment register.
    Seg(usize),
}

/// How memory is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// Read.
    Read,
    /// Written.
    Write,
    /// Read, then written: probed at once.
    Both,
}

/// Number, log2 size and high-byte flag of a general register.
pub(crate) fn gpr(r: Register) -> Option<(usize, u32, bool)> {
    let high = matches!(r, Register::AH | Register::CH | Register::DH | Register::BH);
    if !r.is_gpr() {
        return None;
    }
    let full = r.full_register();
    let n = full as usize - Register::RAX as usize;
    Some((n, (r.size() as u32).trailing_zeros(), high))
}

/// Number of a segment register.
pub(crate) fn segment(r: Register) -> usize {
    match r {
        Register::ES => ES,
        Register::CS => CS,
        Register::SS => SS,
        Register::FS => FS,
        Register::GS => GS,
        _ => DS,
    }
}

impl Lifter<'_> {
    /// Zero of the type of 2^`lg` bytes.
    pub fn zero(&mut self, lg: u32) -> Val {
        self.k(0, lg)
    }

    /// A constant of the type of 2^`lg` bytes, clean above.
    pub fn k(&mut self, v: u64, lg: u32) -> Val {
        match lg {
            0 => self.b.i32(v as u8 as u32),
            1 => self.b.i32(v as u16 as u32),
            2 => self.b.i32(v as u32),
            _ => self.b.i64(v),
        }
    }

    /// A value clean above its 2^`lg` bytes.
    pub fn clean(&mut self, v: Val, lg: u32) -> Val {
        match lg {
            0 | 1 => {
                let m = self.b.i32(if lg == 0 { 0xff } else { 0xffff });
                self.b.and(v, m)
            }
            _ => v,
        }
    }

    /// An i64 as a register-wide value.
    pub fn from64(&mut self, v: Val) -> Val {
        if self.wide { v } else { self.b.wrap(v) }
    }

    /// An i32 or i64 as an i64, zero-extended.
    pub fn to64(&mut self, v: Val) -> Val {
        if self.b.ty(v) == Type::I32 {
            self.b.ext_u(v)
        } else {
            v
        }
    }

    /// An i32 or i64 as an i32.
    pub fn to32(&mut self, v: Val) -> Val {
        if self.b.ty(v) == Type::I64 {
            self.b.wrap(v)
        } else {
            v
        }
    }

    /// General register `n`, its low 2^`lg` bytes.
    pub fn reg(&mut self, n: usize, lg: u32) -> Val {
        let v = self.b.get(self.cpu.regs.gpr[n]);
        if lg == 3 {
            return v;
        }
        let v = if self.wide { self.b.wrap(v) } else { v };
        self.clean(v, lg)
    }

    /// Bits 8 to 15 of a general register.
    fn reg_high(&mut self, n: usize) -> Val {
        let v = self.reg(n, 2);
        let eight = self.b.i32(8);
        let v = self.b.shr(v, eight);
        self.clean(v, 0)
    }

    /// Writes the low 2^`lg` bytes of register `n`; 4 bytes clear the rest.
    pub fn set_reg(&mut self, n: usize, lg: u32, v: Val) {
        let slot = self.cpu.regs.gpr[n];
        let v = match lg {
            3 => v,
            2 if self.wide => self.b.ext_u(v),
            2 => v,
            _ => {
                let mask = if lg == 0 { 0xff } else { 0xffff };
                self.merge(n, v, mask, 0)
            }
        };
        self.b.set(slot, v);
    }

    fn merge(&mut self, n: usize, v: Val, mask: u64, shift: u32) -> Val {
        let m = self.b.i32(mask as u32);
        let mut v = self.b.and(v, m);
        if shift != 0 {
            let s = self.b.i32(shift);
            v = self.b.shl(v, s);
        }
        let v = if self.wide { self.b.ext_u(v) } else { v };
        let old = self.b.get(self.cpu.regs.gpr[n]);
        let keep = self.word(!(mask << shift));
        let old = self.b.and(old, keep);
        self.b.or(old, v)
    }

    /// A register as wide as the IR keeps it: [`Lifter::reg`] with log2 size `lg`.
    pub fn place_reg(&self, r: Register) -> Place {
        match gpr(r) {
            Some((n, lg, high)) => Place::Reg(n, lg, high),
            None => Place::Seg(segment(r)),
        }
    }

    /// log2 size of operand `i` in bytes.
    pub fn op_lg(&self, i: u32) -> u32 {
        let bytes = match self.insn.op_kind(i) {
            OpKind::Register => self.insn.op_register(i).size() as u32,
            OpKind::Memory => self.insn.memory_size().size() as u32,
            _ => return self.op_lg(0),
        };
        bytes.max(1).trailing_zeros()
    }

    /// Operand `i`; a memory operand's address is computed and checked.
    pub fn place(&mut self, i: u32, how: Use) -> Place {
        match self.insn.op_kind(i) {
            OpKind::Register => self.place_reg(self.insn.op_register(i)),
            OpKind::Memory => {
                let lg = self.op_lg(i);
                let va = self.memory(1 << lg, how != Use::Read);
                if how == Use::Both {
                    self.probe(va, lg, true);
                }
                Place::Mem(va, lg)
            }
            _ => {
                let lg = if i == 0 { 2 } else { self.op_lg(0) };
                Place::Imm(self.insn.immediate(i), lg)
            }
        }
    }

    /// log2 size of a place.
    pub fn lg(&self, p: Place) -> u32 {
        match p {
            Place::Reg(_, lg, _) | Place::Mem(_, lg) | Place::Imm(_, lg) => lg,
            Place::Seg(_) => 1,
        }
    }

    /// Reads a place.
    pub fn read(&mut self, p: Place) -> Val {
        match p {
            Place::Reg(n, _, true) => self.reg_high(n),
            Place::Reg(n, lg, false) => self.reg(n, lg),
            Place::Mem(va, lg) => self.load(va, lg),
            Place::Imm(v, lg) => self.k(v, lg),
            Place::Seg(s) => self.b.get(self.cpu.regs.sel[s]),
        }
    }

    /// Writes a general register or memory.
    pub fn write(&mut self, p: Place, v: Val) {
        match p {
            Place::Reg(n, _, true) => {
                let v = self.merge(n, v, 0xff, 8);
                self.b.set(self.cpu.regs.gpr[n], v);
            }
            Place::Reg(n, lg, false) => self.set_reg(n, lg, v),
            Place::Mem(va, lg) => self.store(va, v, lg),
            Place::Imm(..) | Place::Seg(_) => {}
        }
    }

    /// Reads operand `i`.
    pub fn read_op(&mut self, i: u32) -> Val {
        let p = self.place(i, Use::Read);
        self.read(p)
    }

    /// How an access of 2^`lg` bytes is made.
    pub fn mem(&self, lg: u32) -> MemArg {
        let mut m = MemArg::new(1 << lg, self.mode.mmu());
        m.aligned = self.mode.has(Mode::ALIGN) && lg > 0;
        m
    }

    /// Loads 2^`lg` bytes.
    pub fn load(&mut self, va: Val, lg: u32) -> Val {
        let m = self.mem(lg);
        self.b
            .load(if lg == 3 { Type::I64 } else { Type::I32 }, va, m)
    }

    /// Stores the low 2^`lg` bytes.
    pub fn store(&mut self, va: Val, v: Val, lg: u32) {
        let m = self.mem(lg);
        self.b.store(va, v, m);
    }

    /// Checks an access.
    pub fn probe(&mut self, va: Val, lg: u32, write: bool) {
        let mut m = self.mem(lg);
        m.probe_write = write;
        self.b.probe(va, m);
    }

    /// log2 of the address size in bytes of a memory operand.
    fn address_lg(&self) -> u32 {
        let i = &self.insn;
        let r = if i.memory_base() != Register::None {
            i.memory_base()
        } else if i.is_vsib() {
            Register::None
        } else {
            i.memory_index()
        };
        match r {
            Register::EIP => 2,
            Register::RIP => 3,
            Register::None => match i.memory_displ_size() {
                2 => 1,
                4 => 2,
                8 => 3,
                _ => self.mode.size() + 1,
            },
            r => (r.size() as u32).trailing_zeros(),
        }
    }

    /// The offset of the memory operand: i32 for 16- and 32-bit addresses, i64 for 64-bit ones.
    pub fn offset(&mut self) -> (Val, u32) {
        let lg = self.address_lg();
        let i = self.insn;
        let displ = i.memory_displacement64();
        if i.is_ip_rel_memory_operand() {
            let target = i.ip_rel_memory_address();
            return (self.k(target, lg), lg);
        }
        let mut sum = None;
        for (r, scale) in [
            (i.memory_base(), 1),
            (i.memory_index(), i.memory_index_scale()),
        ] {
            let Some((n, _, _)) = gpr(r) else { continue };
            let mut v = if lg == 3 {
                self.reg(n, 3)
            } else {
                self.reg(n, 2)
            };
            if scale > 1 {
                let s = self.k(scale.trailing_zeros() as u64, lg);
                v = self.b.shl(v, s);
            }
            sum = Some(match sum {
                None => v,
                Some(s) => self.b.add(s, v),
            });
        }
        let off = match sum {
            None => self.k(displ, lg),
            Some(s) if displ == 0 => s,
            Some(s) => {
                let d = if lg == 3 {
                    self.b.i64(displ)
                } else {
                    self.b.i32(displ as u32)
                };
                self.b.add(s, d)
            }
        };
        (if lg == 1 { self.clean(off, 1) } else { off }, lg)
    }

    /// Linear address of the memory operand, checked for an access of `bytes`.
    pub fn memory(&mut self, bytes: u32, write: bool) -> Val {
        let seg = segment(self.insn.memory_segment());
        let (off, lg) = self.offset();
        self.linear_at(seg, off, lg, bytes, write)
    }

    /// A segment's base as an i32.
    pub fn seg_base32(&mut self, seg: usize) -> Val {
        let v = self.b.get(self.cpu.regs.base[seg]);
        self.to32(v)
    }

    /// Linear address of an offset in a segment, checked for an access of `bytes`.
    pub fn linear_at(&mut self, seg: usize, off: Val, lg: u32, bytes: u32, write: bool) -> Val {
        if self.mode.is64() {
            let off = self.to64(off);
            if matches!(seg, FS | GS) {
                let base = self.b.get(self.cpu.regs.base[seg]);
                return self.b.add(off, base);
            }
            return off;
        }
        let off = self.to32(off);
        let class = match self.mode.class(seg) {
            // Its class says nothing on reading and writing code.
            _ if seg == CS && self.mode.protected() => Class::Slow,
            c => c,
        };
        match class {
            Class::Slow => {
                let how = self.b.i32(seg as u32 | (write as u32) << 8 | bytes << 16);
                let va = self.b.call(helpers::SEG_LINEAR, &[how, off]);
                return self.from64(va);
            }
            Class::Limit => {
                let limit = self.b.get(self.cpu.regs.limit[seg]);
                let beyond = if bytes == 1 {
                    self.b.lt_u(limit, off)
                } else if lg == 1 {
                    let n = self.b.i32(bytes - 1);
                    let last = self.b.add(off, n);
                    self.b.lt_u(limit, last)
                } else {
                    // Room behind the offset; the subtraction does not wrap where the first test passes.
                    let n = self.b.i32(bytes - 1);
                    let out = self.b.lt_u(limit, off);
                    let room = self.b.sub(limit, off);
                    let short = self.b.lt_u(room, n);
                    self.b.or(out, short)
                };
                self.b
                    .trap_if(beyond, if seg == SS { fault::SS } else { fault::GP });
            }
            Class::Open => {}
        }
        let lin = if self.mode.base_zero(seg) {
            off
        } else {
            let base = self.seg_base32(seg);
            self.b.add(base, off)
        };
        if self.wide { self.b.ext_u(lin) } else { lin }
    }

    /// The address `n` bytes on.
    pub fn va_plus(&mut self, va: Val, n: u64) -> Val {
        if n == 0 {
            return va;
        }
        let k = self.b.va(n);
        let sum = self.b.add(va, k);
        if self.wide && !self.mode.is64() {
            let m = self.b.i64(0xffff_ffff);
            return self.b.and(sum, m);
        }
        sum
    }

    /// The stack pointer moved by `delta`, clean, in the type of its size.
    pub fn sp_plus(&mut self, delta: i64) -> Val {
        let lg = self.mode.stack_lg();
        let sp = self.reg(SP, lg);
        let d = if lg == 3 {
            self.b.i64(delta as u64)
        } else {
            self.b.i32(delta as u32)
        };
        let v = self.b.add(sp, d);
        self.clean(v, lg)
    }

    /// Sets the stack pointer.
    pub fn set_sp(&mut self, v: Val) {
        let lg = self.mode.stack_lg();
        self.set_reg(SP, lg, v);
    }

    /// Linear address of a stack offset.
    pub fn stack_at(&mut self, off: Val, bytes: u32, write: bool) -> Val {
        let lg = self.mode.stack_lg();
        self.linear_at(SS, off, lg, bytes, write)
    }
}
