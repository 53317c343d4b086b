//! Lifting: a block of guest code becomes IR. This file has the block's shape (delay slots, ends) and the dispatch; the groups of instructions
//! have a file each, whose functions read like the manual's pseudocode.
//!
//! Branches: condition and target go to hidden slots before the delay slot's marker and are read after it, so no value lives across a marker.
//! A branch in a delay slot raises Reserved Instruction. A block never ends between a branch and its delay slot: when the slot of its first
//! instruction cannot be fetched, lifting fails with that fault, and the run loop raises it at the slot's address with note 1.

mod arith;
mod branch;
mod cop0;
pub mod fpu;
mod logic;
mod memory;
mod muldiv;
mod shift;
mod trap;

use tinamou_ir::guest::{CodeFetch, Fault};
use tinamou_ir::{Block, Builder, JumpKind, MemArg, Slot, Type, Val};

use crate::decode::{self, Op, Word, class};
use crate::mode::Mode;
use crate::{Mips, fault, helpers};

/// How a branch goes on after its delay slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// No branch.
    Next,
    /// To a constant.
    Jump(u64),
    /// To a constant if the `bcond` slot is not 0.
    Cond(u64),
    /// To the `btarget` slot.
    Indirect(JumpKind),
}

/// State of lifting one block.
pub struct Lifter<'a> {
    /// The IR.
    pub b: Builder,
    /// The CPU.
    pub cpu: &'a Mips,
    /// The mode.
    pub mode: Mode,
    /// Address of the current instruction.
    pub pc: u64,
    /// In a delay slot.
    pub in_slot: bool,
    /// 64-bit CPU.
    pub wide: bool,
    after: After,
    leave: bool,
}

/// Lifts a block.
///
/// # Errors
/// The fault of fetching the first instruction or its delay slot.
pub fn block(
    cpu: &Mips,
    code: &mut dyn CodeFetch,
    start: u64,
    mode: Mode,
    max_insns: u32,
) -> Result<Block, Fault> {
    let wide = cpu.model.wide;
    let va_type = if wide { Type::I64 } else { Type::I32 };
    let start = cpu.va(start);
    if start & 3 != 0 {
        return Err(Fault {
            code: fault::ADEL,
            va: start,
            info: 0,
        });
    }
    let swap = cpu.big_endian != mode.reversed();
    let mut fetch = |pc: u64| {
        code.fetch(pc, 4)
            .map(|w| if swap { w.swap_bytes() } else { w })
    };
    let b = Builder::new(cpu.regs.table.clone(), start, mode.0, va_type);
    let mut l = Lifter {
        b,
        cpu,
        mode,
        pc: start,
        in_slot: false,
        wide,
        after: After::Next,
        leave: false,
    };
    let mut word = fetch(start)?;
    let mut end = start;
    loop {
        let is_branch = l.is_branch(word);
        let mut slot = 0;
        if is_branch {
            match fetch(l.pc_after(4)) {
                Ok(w) => slot = w,
                Err(_) if l.b.insn_count() > 0 => {
                    l.b.jump(l.pc);
                    break;
                }
                Err(f) => return Err(f),
            }
        }
        l.open(0);
        l.one(word);
        end = end.wrapping_add(4);
        if l.b.is_done() {
            break;
        }
        if l.after != After::Next {
            l.delay_slot(slot);
            end = end.wrapping_add(4);
            break;
        }
        l.pc = l.pc_after(4);
        if l.leave {
            l.b.leave(l.pc);
            break;
        }
        if l.pc & 0xfff == 0 || l.b.insn_count() >= max_insns {
            l.b.jump(l.pc);
            break;
        }
        match fetch(l.pc) {
            Ok(w) => word = w,
            Err(_) => {
                l.b.jump(l.pc);
                break;
            }
        }
    }
    Ok(l.b.finish(end.wrapping_sub(start) as u32))
}

impl Lifter<'_> {
    /// Address `n` bytes after the current instruction.
    pub fn pc_after(&self, n: u64) -> u64 {
        self.cpu.va(self.pc.wrapping_add(n))
    }

    fn open(&mut self, note: u64) {
        self.b.insn(self.pc, note);
        if self.mode.watch_fetch() {
            let pc = self.b.va(self.pc);
            self.b.call(helpers::WATCH_FETCH, &[pc]);
        }
    }

    fn is_branch(&self, word: u32) -> bool {
        decode::decode(word).is_some_and(|p| {
            p.class & class::BRANCH != 0 && self.unavailable(p.op, p.class).is_none()
        })
    }

    /// The exception of an instruction that this CPU does not have, or not now.
    fn unavailable(&self, op: Op, class: u32) -> Option<u32> {
        let m = &self.cpu.model;
        if class & class::NOT_LIFTED != 0 || class & class::LEVEL_R2 != 0 && !m.release2 {
            return Some(fault::RI);
        }
        if class & class::COP0 != 0 && !self.mode.cu0() {
            return Some(fault::cpu(0));
        }
        if class & class::FPU != 0 {
            // MOVF and MOVT are in SPECIAL; they need the FPU all the same.
            if class & class::COP1X != 0 && !(m.wide || m.release2) {
                return Some(fault::RI);
            }
            if !self.mode.cu1() {
                return Some(fault::cpu(1));
            }
            if class & class::FPU64 != 0 && !m.fpu64()
                || class & class::PAIRED != 0 && !m.paired_single()
            {
                return Some(fault::RI);
            }
        }
        if class & class::WIDE != 0 && !(m.wide && self.mode.ops64()) {
            return Some(fault::RI);
        }
        if matches!(op, Op::Cop2 | Op::Lwc2 | Op::Ldc2 | Op::Swc2 | Op::Sdc2) {
            return Some(fault::cpu(2));
        }
        None
    }

    /// Lifts one instruction behind its marker.
    fn one(&mut self, word: u32) {
        let Some(p) = decode::decode(word) else {
            return self.b.raise(fault::RI);
        };
        if let Some(code) = self.unavailable(p.op, p.class) {
            return self.b.raise(code);
        }
        if self.in_slot && p.class & class::BRANCH != 0 {
            return self.b.raise(fault::RI);
        }
        if p.class & class::ARITH != 0 {
            return fpu::arith::lift(self, Word(word));
        }
        dispatch(self, p.op, Word(word));
    }

    /// The delay slot of the branch just lifted, and the block's end.
    fn delay_slot(&mut self, word: u32) {
        self.pc = self.pc_after(4);
        self.in_slot = true;
        self.open(1);
        self.one(word);
        if self.b.is_done() {
            return;
        }
        let next = self.pc_after(4);
        match (self.after, self.leave) {
            (After::Next, _) => {}
            (After::Jump(t), false) => self.b.jump(t),
            (After::Jump(t), true) => self.b.leave(t),
            (After::Cond(t), leave) => {
                let c = self.b.get(self.cpu.regs.bcond);
                if leave {
                    let (t, f) = (self.b.va(t), self.b.va(next));
                    let to = self.b.select(c, t, f);
                    self.b.leave_ind(to);
                } else {
                    self.b.branch(c, t, next);
                }
            }
            (After::Indirect(kind), leave) => {
                let t = self.b.get(self.cpu.regs.btarget);
                if leave {
                    self.b.leave_ind(t);
                } else {
                    self.b.jump_ind(t, kind);
                }
            }
        }
    }

    /// The block ends after this instruction and the run loop looks again.
    pub fn leave_after(&mut self) {
        self.leave = true;
    }

    /// Type of general registers.
    pub fn word_type(&self) -> Type {
        if self.wide { Type::I64 } else { Type::I32 }
    }

    /// A constant of the general registers' type.
    pub fn k(&mut self, v: u64) -> Val {
        let ty = self.word_type();
        self.b.constant(ty, v)
    }

    /// General register `n`, whole.
    pub fn x(&mut self, n: usize) -> Val {
        if n == 0 {
            self.k(0)
        } else {
            self.b.get(self.cpu.regs.gpr[n])
        }
    }

    /// Writes general register `n`; writes to r0 vanish.
    pub fn set_x(&mut self, n: usize, v: Val) {
        if n != 0 {
            self.b.set(self.cpu.regs.gpr[n], v);
        }
    }

    /// Low 32 bits of general register `n`, as i32.
    pub fn w(&mut self, n: usize) -> Val {
        if n == 0 {
            return self.b.i32(0);
        }
        let v = self.b.get(self.cpu.regs.gpr[n]);
        self.low(v)
    }

    /// Low 32 bits of a register-typed value, as i32.
    pub fn low(&mut self, v: Val) -> Val {
        if self.wide { self.b.wrap(v) } else { v }
    }

    /// An i32 as a register-typed value, sign-extended.
    pub fn sext(&mut self, v: Val) -> Val {
        if self.wide { self.b.ext_s(v) } else { v }
    }

    /// Writes an i32, sign-extended, to general register `n`.
    pub fn set_w(&mut self, n: usize, v: Val) {
        if n != 0 {
            let v = self.sext(v);
            self.b.set(self.cpu.regs.gpr[n], v);
        }
    }

    /// An i32 truth value as a register-typed value.
    pub fn bool_word(&mut self, c: Val) -> Val {
        if self.wide { self.b.ext_u(c) } else { c }
    }

    /// A register-typed value whose low 32 bits count: made canonical (sign-extended).
    pub fn canon(&mut self, v: Val) -> Val {
        if self.wide { self.b.sext32(v) } else { v }
    }

    /// An i64 known to fit as a register-typed value.
    pub fn from64(&mut self, v: Val) -> Val {
        if self.wide { v } else { self.b.wrap(v) }
    }

    /// Reads a hidden or system slot.
    pub fn slot(&mut self, s: Slot) -> Val {
        self.b.get(s)
    }

    /// A memory operand of `bytes` in the current byte order, alignment enforced.
    pub fn mem(&self, bytes: u32) -> MemArg {
        let mut m = MemArg::new(bytes, self.mode.mmu());
        m.aligned = !self.cpu.lenient;
        m.big_endian = self.big_endian();
        m
    }

    /// Byte order of data accesses.
    pub fn big_endian(&self) -> bool {
        self.cpu.big_endian != self.mode.reversed()
    }

    /// Effective address of base register and offset.
    pub fn address(&mut self, w: Word) -> Val {
        self.address_of(w.rs(), w.simm() as u64)
    }

    fn address_of(&mut self, base: usize, offset: u64) -> Val {
        let a = self.x(base);
        if offset == 0 {
            return if self.mode.wrap() { self.canon(a) } else { a };
        }
        if base == 0 {
            return self.k(offset);
        }
        let o = self.k(offset);
        let sum = self.b.add(a, o);
        if self.mode.wrap() {
            self.canon(sum)
        } else {
            sum
        }
    }

    /// What happens after the delay slot.
    pub(crate) fn set_after(&mut self, after: After) {
        self.after = after;
    }
}

fn dispatch(l: &mut Lifter<'_>, op: Op, w: Word) {
    use Op::*;
    match op {
        Add => arith::add(l, w),
        Addu => arith::addu(l, w),
        Sub => arith::sub(l, w),
        Subu => arith::subu(l, w),
        Addi => arith::addi(l, w),
        Addiu => arith::addiu(l, w),
        Dadd => arith::dadd(l, w),
        Daddu => arith::daddu(l, w),
        Dsub => arith::dsub(l, w),
        Dsubu => arith::dsubu(l, w),
        Daddi => arith::daddi(l, w),
        Daddiu => arith::daddiu(l, w),
        Slt => arith::slt(l, w),
        Sltu => arith::sltu(l, w),
        Slti => arith::slti(l, w),
        Sltiu => arith::sltiu(l, w),
        Clz => arith::clz(l, w),
        Clo => arith::clo(l, w),
        Dclz => arith::dclz(l, w),
        Dclo => arith::dclo(l, w),
        Lui => arith::lui(l, w),
        And => logic::and(l, w),
        Or => logic::or(l, w),
        Xor => logic::xor(l, w),
        Nor => logic::nor(l, w),
        Andi => logic::andi(l, w),
        Ori => logic::ori(l, w),
        Xori => logic::xori(l, w),
        Movz => logic::movz(l, w),
        Movn => logic::movn(l, w),
        Seb => logic::seb(l, w),
        Seh => logic::seh(l, w),
        Wsbh => logic::wsbh(l, w),
        Dsbh => logic::dsbh(l, w),
        Dshd => logic::dshd(l, w),
        Ext => logic::ext(l, w),
        Ins => logic::ins(l, w),
        Dext => logic::dext(l, w, 0, 0),
        Dextm => logic::dext(l, w, 0, 32),
        Dextu => logic::dext(l, w, 32, 0),
        Dins => logic::dins(l, w, 0, 0),
        Dinsm => logic::dins(l, w, 0, 32),
        Dinsu => logic::dins(l, w, 32, 32),
        Sll | Srl | Sra | Rotr => shift::by_amount(l, w, op),
        Sllv | Srlv | Srav | Rotrv => shift::by_register(l, w, op),
        Dsll | Dsrl | Dsra | Drotr => shift::wide_by_amount(l, w, op, 0),
        Dsll32 | Dsrl32 | Dsra32 | Drotr32 => shift::wide_by_amount(l, w, op, 32),
        Dsllv | Dsrlv | Dsrav | Drotrv => shift::wide_by_register(l, w, op),
        Mfhi => muldiv::mfhi(l, w),
        Mflo => muldiv::mflo(l, w),
        Mthi => muldiv::mthi(l, w),
        Mtlo => muldiv::mtlo(l, w),
        Mult => muldiv::mult(l, w, true),
        Multu => muldiv::mult(l, w, false),
        Div => muldiv::div(l, w, true),
        Divu => muldiv::div(l, w, false),
        Dmult => muldiv::dmult(l, w, true),
        Dmultu => muldiv::dmult(l, w, false),
        Ddiv => muldiv::ddiv(l, w, true),
        Ddivu => muldiv::ddiv(l, w, false),
        Mul => muldiv::mul(l, w),
        Madd => muldiv::accumulate(l, w, true, true),
        Maddu => muldiv::accumulate(l, w, false, true),
        Msub => muldiv::accumulate(l, w, true, false),
        Msubu => muldiv::accumulate(l, w, false, false),
        J => branch::j(l, w),
        Jal => branch::jal(l, w),
        Jr => branch::jr(l, w),
        Jalr => branch::jalr(l, w),
        Beq | Bne | Beql | Bnel => branch::compare(l, w, op),
        Blez | Bgtz | Blezl | Bgtzl | Bltz | Bgez | Bltzl | Bgezl => branch::sign(l, w, op),
        Bltzal | Bgezal | Bltzall | Bgezall => branch::sign_link(l, w, op),
        Bc1f | Bc1t | Bc1fl | Bc1tl => fpu::moves::bc1(l, w),
        Syscall => l.b.raise(fault::SYS),
        Break => l.b.raise(fault::BP),
        Sdbbp => l.b.raise(fault::DEBUG),
        Tge | Tgeu | Tlt | Tltu | Teq | Tne => trap::register(l, w, op),
        Tgei | Tgeiu | Tlti | Tltiu | Teqi | Tnei => trap::immediate(l, w, op),
        Sync | Pref | Prefx => {}
        Synci => memory::synci(l, w),
        Lb => memory::load(l, w, 1, true),
        Lbu => memory::load(l, w, 1, false),
        Lh => memory::load(l, w, 2, true),
        Lhu => memory::load(l, w, 2, false),
        Lw => memory::load(l, w, 4, true),
        Lwu => memory::load(l, w, 4, false),
        Ld => memory::load(l, w, 8, false),
        Sb => memory::store(l, w, 1),
        Sh => memory::store(l, w, 2),
        Sw => memory::store(l, w, 4),
        Sd => memory::store(l, w, 8),
        Lwl => memory::load_part(l, w, 4, true),
        Lwr => memory::load_part(l, w, 4, false),
        Ldl => memory::load_part(l, w, 8, true),
        Ldr => memory::load_part(l, w, 8, false),
        Swl => memory::store_part(l, w, 4, true),
        Swr => memory::store_part(l, w, 4, false),
        Sdl => memory::store_part(l, w, 8, true),
        Sdr => memory::store_part(l, w, 8, false),
        Ll => memory::load_linked(l, w, 4),
        Lld => memory::load_linked(l, w, 8),
        Sc => memory::store_conditional(l, w, 4),
        Scd => memory::store_conditional(l, w, 8),
        Cache => cop0::cache(l, w),
        Mfc0 => cop0::mfc0(l, w, false),
        Dmfc0 => cop0::mfc0(l, w, true),
        Mtc0 => cop0::mtc0(l, w, false),
        Dmtc0 => cop0::mtc0(l, w, true),
        Rdpgpr => cop0::rdpgpr(l, w),
        Wrpgpr => cop0::wrpgpr(l, w),
        Di => cop0::di_ei(l, w, false),
        Ei => cop0::di_ei(l, w, true),
        Tlbr => cop0::tlb(l, helpers::TLBR),
        Tlbwi => cop0::tlb(l, helpers::TLBWI),
        Tlbwr => cop0::tlb(l, helpers::TLBWR),
        Tlbp => cop0::tlb(l, helpers::TLBP),
        Eret => cop0::eret(l, helpers::ERET),
        Deret => cop0::eret(l, helpers::DERET),
        Wait => cop0::wait(l),
        Rdhwr => cop0::rdhwr(l, w),
        Movf | Movt => fpu::moves::mov_gpr(l, w),
        Mfc1 => fpu::moves::mfc1(l, w),
        Mtc1 => fpu::moves::mtc1(l, w),
        Dmfc1 => fpu::moves::dmfc1(l, w),
        Dmtc1 => fpu::moves::dmtc1(l, w),
        Mfhc1 => fpu::moves::mfhc1(l, w),
        Mthc1 => fpu::moves::mthc1(l, w),
        Cfc1 => fpu::moves::cfc1(l, w),
        Ctc1 => fpu::moves::ctc1(l, w),
        Lwc1 => fpu::memory::lwc1(l, w),
        Ldc1 => fpu::memory::ldc1(l, w),
        Swc1 => fpu::memory::swc1(l, w),
        Sdc1 => fpu::memory::sdc1(l, w),
        Lwxc1 => fpu::memory::lwxc1(l, w),
        Ldxc1 => fpu::memory::ldxc1(l, w),
        Luxc1 => fpu::memory::luxc1(l, w),
        Swxc1 => fpu::memory::swxc1(l, w),
        Sdxc1 => fpu::memory::sdxc1(l, w),
        Suxc1 => fpu::memory::suxc1(l, w),
        // FPU moves between FPU registers; whatever is not lifted is reserved.
        _ => fpu::arith::lift(l, w),
    }
}
