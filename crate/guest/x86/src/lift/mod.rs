//! Lifting: a block of guest code becomes IR. This file has the block's shape, its ends and the dispatch; `operand` has operands and addresses,
//! `cc` the flags; the groups of instructions have a file each, whose functions read like the manual's pseudocode.
//!
//! The pc is linear (CS.base + EIP). Where the code segment is not flat every instruction is checked against its limit, and EIP is the pc less
//! the base, read from its slot. With TF, an interrupt shadow or an instruction breakpoint every instruction is a block of its own, whose end
//! goes through the run loop. An instruction's addresses are computed and checked before its first access, and all accesses but the last are
//! probed (or loads), so that it has no effect before its last possible fault.

mod arith;
mod avx;
mod bits;
mod cc;
mod ext;
mod float;
mod flow;
mod lanes;
mod mov;
mod muldiv;
mod operand;
mod shift;
mod simd;
mod sse;
mod stack;
mod string;
mod system;
mod x87;

use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderError, EncodingKind, Instruction, Mnemonic, Register,
};
use tinamou_ir::guest::{CodeFetch, Fault};
use tinamou_ir::{Block, Builder, JumpKind, Type, Val};

use crate::mode::{Class, Mode};
use crate::regs::CS;
use crate::{X86, fault, helpers};

pub(crate) use operand::Place;

/// Longest instruction.
const MAX_BYTES: u64 = 15;

/// State of lifting one block.
pub struct Lifter<'a> {
    /// The IR.
    pub b: Builder,
    /// The CPU.
    pub cpu: &'a X86,
    /// The mode.
    pub mode: Mode,
    /// Linear address of the current instruction.
    pub pc: u64,
    /// Linear address behind it.
    pub next: u64,
    /// The current instruction.
    pub insn: Instruction,
    /// CPU with long mode.
    pub wide: bool,
    /// What is known of the flags' recipe.
    known: Option<cc::Known>,
    /// TOP is 0 and no register is empty, as MMX instructions leave it.
    in_mmx: bool,
    leave: bool,
    /// Interrupts are held off for the current instruction by an STI before it in the block.
    held: bool,
    /// The current instruction is an STI behind which the block may go on.
    holds: bool,
}

/// Lifts a block.
///
/// # Errors
/// The fault of fetching the first instruction.
pub fn block(
    cpu: &X86,
    code: &mut dyn CodeFetch,
    start: u64,
    mode: Mode,
    max_insns: u32,
) -> Result<Block, Fault> {
    let va_type = if cpu.wide { Type::I64 } else { Type::I32 };
    let mut l = Lifter {
        b: Builder::new(cpu.regs.table.clone(), start, mode.0, va_type),
        cpu,
        mode,
        pc: start,
        next: start,
        insn: Instruction::default(),
        wide: cpu.wide,
        known: None,
        in_mmx: false,
        leave: false,
        held: false,
        holds: false,
    };
    let max_insns = if mode.single() { 1 } else { max_insns };
    loop {
        match l.decode(code) {
            Ok(()) => {}
            Err(f) if l.b.insn_count() == 0 => return Err(f),
            Err(_) if l.held => {
                l.b.leave(l.pc);
                break;
            }
            Err(_) => {
                l.b.jump(l.pc);
                break;
            }
        }
        if l.held && !l.may_be_held() {
            l.next = l.pc;
            l.b.leave(l.pc);
            break;
        }
        l.b.insn(l.pc, 0);
        if l.held {
            l.b.call(helpers::RELEASE, &[]);
        }
        l.one();
        if l.b.is_done() {
            break;
        }
        // A block reads at most the start of one more page.
        let full = l.next & !0xfff != start & !0xfff || l.b.insn_count() >= max_insns;
        if l.leave || full && l.holds {
            l.end_leave(l.next);
            break;
        }
        if full {
            l.end_jump(l.next);
            break;
        }
        if l.held {
            l.release();
        }
        l.held = std::mem::take(&mut l.holds);
        l.pc = l.next;
    }
    let bytes = l.next.wrapping_sub(start) & if cpu.wide { u64::MAX } else { 0xffff_ffff };
    Ok(l.b.finish(bytes as u32))
}

impl Lifter<'_> {
    /// Decodes the instruction at `pc`.
    fn decode(&mut self, code: &mut dyn CodeFetch) -> Result<(), Fault> {
        let mut buf = [0u8; MAX_BYTES as usize];
        let mut have = 0u64;
        let room = 0x1000 - (self.pc & 0xfff);
        let mut want = room.min(MAX_BYTES);
        // Bytes behind the instruction may be out of reach: that is no fault of its.
        let mut end = None;
        loop {
            while have < want && end.is_none() {
                let n = if want - have >= 4 { 4 } else { 1 };
                let w = match code.fetch(self.linear(self.pc.wrapping_add(have)), n as u32) {
                    Ok(w) => w,
                    Err(f) if have == 0 => return Err(f),
                    Err(f) => {
                        end = Some(f);
                        break;
                    }
                };
                buf[have as usize..(have + n) as usize]
                    .copy_from_slice(&w.to_le_bytes()[..n as usize]);
                have += n;
            }
            let bits = 16 << self.mode.size();
            let options = self.cpu.model.decoder_options();
            let mut d = Decoder::with_ip(bits, &buf[..have as usize], self.pc, options);
            d.decode_out(&mut self.insn);
            if self.insn.is_invalid()
                && d.last_error() == DecoderError::NoMoreBytes
                && have < MAX_BYTES
            {
                if let Some(f) = end {
                    return Err(f);
                }
                want = have + 1;
                continue;
            }
            let len = if self.insn.is_invalid() {
                1
            } else {
                self.insn.len() as u64
            };
            self.next = self.linear(self.pc.wrapping_add(len));
            if self.insn.is_invalid() && d.last_error() == DecoderError::NoMoreBytes {
                // Too long an instruction.
                self.insn.set_code(Code::INVALID);
                self.insn.set_len(0);
            }
            return Ok(());
        }
    }

    /// An address as the code's width has it.
    pub fn linear(&self, va: u64) -> u64 {
        if self.mode.is64() {
            va
        } else {
            va & 0xffff_ffff
        }
    }

    /// The instruction behind its marker.
    fn one(&mut self) {
        if !self.mode.flat_code() {
            self.check_fetch();
        }
        if self.mode.has(Mode::BREAK) {
            let pc = self.b.va(self.pc);
            self.b.call(helpers::BREAK_FETCH, &[pc]);
        }
        if self.insn.is_invalid() {
            let code = if self.insn.len() == 0 {
                fault::GP
            } else {
                fault::UD
            };
            return self.b.raise(code);
        }
        if !self.available()
            || self.insn.code().encoding() == EncodingKind::VEX && !self.mode.protected()
        {
            return self.ud();
        }
        self.dispatch();
    }

    /// Limit of the code segment.
    fn check_fetch(&mut self) {
        if self.mode.class(CS) == Class::Open {
            return;
        }
        let base = self.seg_base32(CS);
        let last = self.b.i32(self.linear(self.next.wrapping_sub(1)) as u32);
        let ip = self.b.sub(last, base);
        let limit = self.b.get(self.cpu.regs.limit[CS]);
        let beyond = self.b.lt_u(limit, ip);
        self.b.trap_if(beyond, fault::GP);
    }

    /// Whether the model has the instruction.
    fn available(&self) -> bool {
        let long = self.mode.is64();
        self.insn.cpuid_features().iter().all(|&f| match f {
            CpuidFeature::X64 => long || self.cpu.wide,
            f => self.cpu.model.has_instructions(f),
        })
    }

    /// Raises #UD.
    pub fn ud(&mut self) {
        self.b.raise(fault::UD);
    }

    /// The block ends after this instruction and the run loop looks again.
    pub fn leave_after(&mut self) {
        self.leave = true;
    }

    /// The block goes on behind this instruction, an STI, with one that interrupts are held off for.
    pub fn hold_next(&mut self) {
        if self.mode.single() || self.held {
            self.leave = true;
        } else {
            self.holds = true;
        }
    }

    /// Whether interrupts are held off for the current instruction.
    pub fn is_held(&self) -> bool {
        self.held || self.mode.has(Mode::SHADOW)
    }

    /// Whether the current instruction may stand in one block with the STI before it.
    fn may_be_held(&self) -> bool {
        use Mnemonic::{Cli, Hlt, Mwait, Popf, Popfd, Popfq, Sti};
        let other = matches!(
            self.insn.mnemonic(),
            Cli | Hlt | Mwait | Popf | Popfd | Popfq | Sti
        );
        !other && !self.shadows()
    }

    /// Behind the instruction that interrupts were held off for.
    fn release(&mut self) {
        let zero = self.b.i32(0);
        self.b.set(self.cpu.regs.shadow, zero);
    }

    /// The slots that end a single-instruction block.
    fn end_single(&mut self) -> bool {
        if self.held {
            self.release();
        }
        if !self.mode.single() {
            return false;
        }
        if self.mode.has(Mode::TF) && !self.shadows() {
            let t = self.b.get(self.cpu.regs.trap);
            let bs = self.b.i32(crate::debug::DR6_BS);
            let t = self.b.or(t, bs);
            self.b.set(self.cpu.regs.trap, t);
        }
        if self.mode.has(Mode::SHADOW) && !self.shadows() && self.insn.mnemonic() != Mnemonic::Sti {
            let zero = self.b.i32(0);
            self.b.set(self.cpu.regs.shadow, zero);
        }
        if self.mode.has(Mode::BREAK)
            && !matches!(
                self.insn.mnemonic(),
                Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq
            )
        {
            // RF holds for one instruction.
            let f = self.b.get(self.cpu.regs.eflags);
            let keep = self.b.i32(!crate::flags::RF);
            let f = self.b.and(f, keep);
            self.b.set(self.cpu.regs.eflags, f);
        }
        true
    }

    /// The instruction opens a shadow of its own.
    fn shadows(&self) -> bool {
        match self.insn.mnemonic() {
            Mnemonic::Mov | Mnemonic::Pop => {
                self.insn.op0_kind() == iced_x86::OpKind::Register
                    && self.insn.op0_register() == Register::SS
            }
            Mnemonic::Lss => true,
            _ => false,
        }
    }

    /// Ends the block: on to a constant.
    pub fn end_jump(&mut self, target: u64) {
        if self.end_single() || self.leave {
            self.b.leave(target);
        } else {
            self.b.jump(target);
        }
    }

    /// Ends the block: the run loop looks again.
    pub fn end_leave(&mut self, target: u64) {
        self.end_single();
        self.b.leave(target);
    }

    /// Ends the block: two ways.
    pub fn end_branch(&mut self, c: Val, taken: u64, fallthrough: u64) {
        if self.end_single() {
            let (t, f) = (self.b.va(taken), self.b.va(fallthrough));
            let to = self.b.select(c, t, f);
            self.b.leave_ind(to);
        } else {
            self.b.branch(c, taken, fallthrough);
        }
    }

    /// Ends the block: on to a computed linear address.
    pub fn end_ind(&mut self, target: Val, kind: JumpKind) {
        if self.end_single() {
            self.b.leave_ind(target);
        } else {
            self.b.jump_ind(target, kind);
        }
    }

    /// Ends the block after a helper that gave the next linear address as an i64.
    pub fn end_helper(&mut self, target: Val) {
        let target = if self.wide {
            target
        } else {
            self.b.wrap(target)
        };
        self.end_single();
        self.b.leave_ind(target);
    }

    /// A constant of the registers' type.
    pub fn word(&mut self, v: u64) -> Val {
        if self.wide {
            self.b.i64(v)
        } else {
            self.b.i32(v as u32)
        }
    }

    fn dispatch(&mut self) {
        use Mnemonic::*;
        let m = self.insn.mnemonic();
        match m {
            Add | Adc | Sub | Sbb | Cmp | And | Or | Xor | Test => arith::alu(self, m),
            Inc | Dec => arith::inc_dec(self, m == Inc),
            Neg => arith::neg(self),
            Not => arith::not(self),
            Xadd => arith::xadd(self),
            Cmpxchg => arith::cmpxchg(self),
            Cmpxchg8b | Cmpxchg16b => arith::cmpxchg_pair(self),
            Adcx | Adox => arith::adx(self, m == Adcx),
            Aaa | Aas | Daa | Das | Aam | Aad => arith::decimal(self, m),
            Mul | Imul => muldiv::mul(self, m == Imul),
            Div | Idiv => muldiv::div(self, m == Idiv),
            Mulx => muldiv::mulx(self),
            Cbw | Cwde | Cdqe => muldiv::extend_ax(self, m),
            Cwd | Cdq | Cqo => muldiv::extend_dx(self, m),
            Shl | Sal | Shr | Sar => shift::shift(self, m),
            Rol | Ror => shift::rotate(self, m == Rol),
            Rcl | Rcr => shift::rotate_carry(self, m == Rcl),
            Shld | Shrd => shift::double(self, m == Shld),
            Rorx | Sarx | Shlx | Shrx => shift::bmi(self, m),
            Bt | Bts | Btr | Btc => bits::bit_test(self, m),
            Bsf | Bsr => bits::scan(self, m == Bsf),
            Tzcnt | Lzcnt | Popcnt => bits::count(self, m),
            Andn | Blsi | Blsmsk | Blsr | Bextr | Bzhi | Pdep | Pext => bits::bmi(self, m),
            Crc32 => bits::crc32(self),
            Mov => mov::mov(self),
            Movzx | Movsx | Movsxd => mov::extend(self, m),
            Movbe => mov::movbe(self),
            Bswap => mov::bswap(self),
            Xchg => mov::xchg(self),
            Lea => mov::lea(self),
            Xlatb => mov::xlat(self),
            Lds | Les | Lfs | Lgs | Lss => mov::load_far(self),
            Cmove | Cmovne | Cmovb | Cmovae | Cmovbe | Cmova | Cmovs | Cmovns | Cmovp | Cmovnp
            | Cmovl | Cmovge | Cmovle | Cmovg | Cmovo | Cmovno => mov::cmov(self),
            Sete | Setne | Setb | Setae | Setbe | Seta | Sets | Setns | Setp | Setnp | Setl
            | Setge | Setle | Setg | Seto | Setno => mov::setcc(self),
            Lahf | Sahf | Clc | Stc | Cmc | Cld | Std | Salc => mov::flag_ops(self, m),
            Push | Pop | Pusha | Pushad | Popa | Popad | Pushf | Pushfd | Pushfq | Popf | Popfd
            | Popfq | Enter | Leave => stack::lift(self, m),
            Jmp | Call | Ret | Retf | Loop | Loope | Loopne | Jcxz | Jecxz | Jrcxz | Ja | Jae
            | Jb | Jbe | Je | Jne | Jg | Jge | Jl | Jle | Jo | Jno | Jp | Jnp | Js | Jns | Int
            | Int1 | Int3 | Into | Iret | Iretd | Iretq => flow::lift(self, m),
            Movsb | Movsw | Movsq | Stosb | Stosw | Stosd | Stosq | Lodsb | Lodsw | Lodsd
            | Lodsq | Scasb | Scasw | Scasd | Scasq | Cmpsb | Cmpsw | Cmpsq | Insb | Insw
            | Insd | Outsb | Outsw | Outsd => string::lift(self),
            Movsd if self.insn.is_string_instruction() => string::lift(self),
            Cmpsd if self.insn.is_string_instruction() => string::lift(self),
            Pause if self.cpu.cpus > 1 => system::pause(self),
            Nop | Pause | Endbr32 | Endbr64 | Prefetchnta | Prefetcht0 | Prefetcht1
            | Prefetcht2 | Prefetch | Prefetchw | Prefetchwt1 | Lfence | Mfence | Sfence
            | Reservednop => {}
            // Shadow stacks are never on (SDM 2B, RDSSP): unwinders read 0 by that.
            Rdsspd | Rdsspq | Cldemote => {}
            Ud0 | Ud1 | Ud2 => self.ud(),
            _ if ext::lift(self, m)
                || avx::lift(self, m)
                || system::lift(self, m)
                || x87::lift(self, m)
                || simd::lift(self, m)
                || sse::lift(self, m) => {}
            _ => self.ud(),
        }
    }
}
