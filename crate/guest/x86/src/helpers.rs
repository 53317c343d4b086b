//! Helpers: what generated code calls in Rust. The list gives each its number and its declared effects.

use iced_x86::Mnemonic;
use tinamou_ir::guest::{Cx, Stop};
use tinamou_ir::{HelperDesc, HelperId, MemArg, SlotSet};

use crate::far::Kind;
use crate::regs::{AX, BX, CX, DX};
use crate::sys::cr0;
use crate::{X86, arith, fault, flags};

macro_rules! helpers {
    ($( $(#[doc = $doc:literal])+ $id:ident = $name:literal [$($flag:ident)*]; )*) => {
        #[derive(Clone, Copy)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "names of the constants below")]
        enum Number { $($id),* }
        $( $(#[doc = $doc])+ pub const $id: HelperId = HelperId(Number::$id as u16); )*
        /// Declarations by number.
        pub static HELPERS: &[HelperDesc] = &[ $( {
            #[allow(unused_mut, reason = "helpers without flags")]
            let mut d = HelperDesc { name: $name, reads: SlotSet::None, writes: SlotSet::None, faults: false, time: false, pure: false };
            $( helpers!(@flag d $flag); )*
            d
        }, )* ];
    };
    (@flag $d:ident reads) => { $d.reads = SlotSet::All };
    (@flag $d:ident writes) => { $d.writes = SlotSet::All };
    (@flag $d:ident faults) => { $d.faults = true };
    (@flag $d:ident time) => { $d.time = true };
    (@flag $d:ident pure) => { $d.pure = true };
}

helpers! {
    /// PF, AF, ZF, SF and OF by recipe `a` over `b` and `c`.
    CC_EVAL = "cc_eval" [pure];
    /// RCL and RCR of `a`: in `b` the count, bit 8 the carry, bits 16 and 17 log2 of the size, bit 20 leftwards.
    ROTATE_CARRY = "rotate_carry" [pure];
    /// CF and, in bit 1, OF of the same.
    ROTATE_CARRY_FLAGS = "rotate_carry_flags" [pure];
    /// AAA to AAD: `a` which and the base, `b` AX, `c` the flags; AX and in the upper half the flags.
    DECIMAL = "decimal" [pure];
    /// BEXTR of `a` by `b`.
    BEXTR = "bextr" [pure];
    /// PDEP of `a` by `b`.
    PDEP = "pdep" [pure];
    /// PEXT of `a` by `b`.
    PEXT = "pext" [pure];
    /// CRC32 `a` over the `c` bytes of `b`.
    CRC32 = "crc32" [pure];
    /// Quotient of `a:b` by `c`; #DE if it does not fit.
    DIV128 = "div128" [faults];
    /// Signed quotient of `a:b` by `c`.
    IDIV128 = "idiv128" [faults];
    /// A load at `a` as the memory operand `b` says, behind which the instruction may fault.
    LOAD = "load" [reads faults];
    /// Linear address of offset `b` in the segment of `a` (bits 0 to 7; bit 8 a store; from 16 on the size), checked.
    SEG_LINEAR = "seg_linear" [reads faults];
    /// Loads segment register `a` with selector `b`.
    LOAD_SEG = "load_seg" [reads writes faults];
    /// Instruction breakpoint at `a`?
    BREAK_FETCH = "break_fetch" [reads faults];
    /// PUSHA of 2^`a` bytes.
    PUSHA = "pusha" [reads writes faults];
    /// POPA of 2^`a` bytes.
    POPA = "popa" [reads writes faults];
    /// The image that PUSHF of 2^`a` bytes pushes.
    PUSHF = "pushf" [reads faults];
    /// POPF of `a`, of 2^`b` bytes.
    POPF = "popf" [reads writes faults];
    /// ENTER: size in bits 0 to 15 and level above in `a`, log2 of the operand size in `b`.
    ENTER = "enter" [reads writes faults];
    /// Far jump to selector `a` (log2 size in bits 16 and 17), offset `b`, next instruction `c`; gives the next pc.
    FAR_JMP = "far_jmp" [reads writes faults];
    /// Far call.
    FAR_CALL = "far_call" [reads writes faults];
    /// Far return of 2^`a` bytes, dropping `b`.
    RETF = "retf" [reads writes faults];
    /// IRET of 2^`a` bytes; next instruction `c`.
    IRET = "iret" [reads writes faults];
    /// INT `a`; next instruction `b`.
    INT = "int" [reads writes faults];
    /// A string instruction.
    STRING = "string" [reads writes faults];
    /// INS and OUTS.
    STRING_IO = "string_io" [reads writes faults time];
    /// IN from port `a`, 2^`b` bytes.
    IN = "in" [reads faults time];
    /// OUT of `b` to port `a`, 2^`c` bytes.
    OUT = "out" [reads faults time];
    /// CLI (0) and STI (1) outside ring 0.
    STI_CLI = "sti_cli" [reads writes faults];
    /// Interrupts are held off no more behind this instruction.
    RELEASE = "release" [reads faults];
    /// HLT.
    HLT = "hlt" [reads];
    /// PAUSE: the turn ends if another vCPU is ready.
    PAUSE = "pause" [faults];
    /// CLTS.
    CLTS = "clts" [faults];
    /// LMSW.
    LMSW = "lmsw" [reads faults time];
    /// System register `a`, with the check of UMIP.
    READ_SYSTEM = "read_system" [faults];
    /// System register `a`.
    READ_SYSTEM_QUIET = "read_system_quiet" [];
    /// LGDT (0) and LIDT (1): limit `b`, base `c`.
    LOAD_TABLE = "load_table" [];
    /// LLDT.
    LLDT = "lldt" [reads faults];
    /// LTR.
    LTR = "ltr" [reads faults];
    /// LAR, LSL, VERR, VERW (`a`) of selector `b`.
    DESCRIPTOR = "descriptor" [reads faults];
    /// INVLPG of offset `a` in segment `b`.
    INVLPG = "invlpg" [reads faults];
    /// CPUID.
    CPUID = "cpuid" [reads writes time];
    /// RDTSC.
    RDTSC = "rdtsc" [reads faults time];
    /// RDMSR.
    RDMSR = "rdmsr" [reads faults time];
    /// WRMSR.
    WRMSR = "wrmsr" [reads writes faults time];
    /// SYSCALL.
    SYSCALL = "syscall" [reads writes faults];
    /// SYSRET, to 64-bit code if `a`.
    SYSRET = "sysret" [reads writes faults];
    /// SYSENTER.
    SYSENTER = "sysenter" [reads writes faults];
    /// SYSEXIT, to 64-bit code if `a`.
    SYSEXIT = "sysexit" [reads writes faults];
    /// SWAPGS.
    SWAPGS = "swapgs" [reads writes];
    /// Raises #UD if the FSGSBASE instructions are off.
    FSGSBASE = "fsgsbase" [faults];
    /// MOV to control register `a` of `b`.
    WRITE_CONTROL = "write_control" [reads writes faults time];
    /// MOV from control register `a`.
    READ_CONTROL = "read_control" [reads faults time];
    /// Raises what x87 (0), MMX (1), SSE (2), WAIT (3), x87 without waiting (4) and AVX (5) meet now.
    FPU_CHECK = "fpu_check" [faults time];
    /// The x87 instruction `a` (mnemonic, ST numbers, kind of operand) on the operand `b`, whose upper part is `c`.
    X87 = "x87" [];
    /// The same, operands first: what `f80` refused.
    X87_RARE = "x87_rare" [];
    /// What the x87 store `c` stores, and its flags, for `f80`'s `Stored`.
    X87_VALUE = "x87_value" [];
    /// The value that the x87 store `a` stores.
    X87_STORE = "x87_store" [];
    /// The upper 16 bits of the 80 that the x87 store `a` stores, before the rest.
    X87_STORE_HIGH = "x87_store_high" [];
    /// Whether the last store reaches memory.
    X87_STORED = "x87_stored" [];
    /// FXSAVE and its kin, at `b`.
    FPU_IMAGE = "fpu_image" [reads writes faults time];
    /// MXCSR.
    READ_MXCSR = "read_mxcsr" [];
    /// What every MMX instruction but EMMS does.
    MMX_ENTER = "mmx_enter" [];
    /// The mnemonic `a` on the halves `b` and `c`.
    SIMD = "simd" [pure];
    /// A word of RDRAND and RDSEED.
    RANDOM = "random" [];
    /// The operation `c` (a mnemonic; from bit 16 an immediate) on `a` and `b`, a lane or 64 bits of them, with all exceptions masked.
    SSE_RARE = "sse_rare" [];
    /// The SSE instruction `a` with a memory operand at `b`.
    SSE_OP = "sse_op" [reads writes faults];
    /// The AVX instruction `a` with a memory operand at `b`.
    AVX_OP = "avx_op" [reads writes faults];
    /// The masked move or gather `a` at `b`.
    AVX_MASKED = "avx_masked" [reads writes faults];
    /// XGETBV of register `a`.
    XGETBV = "xgetbv" [reads faults];
    /// XSETBV of register `a`.
    XSETBV = "xsetbv" [faults];
    /// XSAVE and its kin (`a`) at `b`, of the components in `c`.
    XSAVE = "xsave" [reads writes faults time];
}

/// The mnemonic in the low 16 bits.
fn mnemonic(v: u64) -> Mnemonic {
    Mnemonic::try_from(v as usize & 0xffff).unwrap_or(Mnemonic::INVALID)
}

impl X86 {
    /// What an instruction of the FPU meets before it begins.
    fn fpu_check(&mut self, cx: &mut dyn Cx, which: u32) -> Result<(), Stop> {
        let c = self.sys.cr0;
        let (em, ts) = (c & cr0::EM != 0, c & cr0::TS != 0);
        let ud = match which {
            1 => em,
            2 => em || self.sys.cr4 & crate::sys::cr4::OSFXSR == 0,
            5 => !self.avx_on(),
            _ => false,
        };
        let nm = match which {
            0 | 4 => em || ts,
            3 => ts && c & cr0::MP != 0,
            _ => ts,
        };
        if ud {
            return Err(fault::fault(fault::UD).into());
        }
        if nm {
            return Err(fault::fault(fault::NM).into());
        }
        if matches!(which, 0 | 1 | 3) && self.x87_pending(cx.state()) {
            if c & cr0::NE != 0 {
                return Err(fault::fault(fault::MF).into());
            }
            // The interrupt that FERR asks for comes by the board.
            self.drive_ferr(cx);
        }
        Ok(())
    }

    /// Helper SSE_OP: mnemonic in bits 0 to 15, destination, source, immediate from 16, 20 and 24; bit 32 memory (its size from bit 40), 33 an
    /// MMX source, 34 a general register as source, 35 a 64-bit general register.
    fn sse_op(&mut self, cx: &mut dyn Cx, what: u64, va: u64) -> Result<(), Stop> {
        use crate::fpu::sse::Value;
        let state = cx.state().clone();
        let m = mnemonic(what);
        let (d, s, imm) = (
            (what >> 16 & 15) as usize,
            (what >> 20 & 15) as usize,
            (what >> 24 & 0xff) as u32,
        );
        let wide = what >> 35 & 1 != 0;
        let xmm = |cpu: &X86, n: usize| cpu.get128(&state, cpu.regs.xmm[n]);
        let mut gpr = [
            self.get(&state, self.regs.gpr[AX]),
            self.get(&state, self.regs.gpr[DX]),
        ];
        let b = if what >> 32 & 1 != 0 {
            let bytes = (what >> 40 & 31) as u32;
            let mmu = self.mmu_of(&state, self.sys.cpl);
            let strings = matches!(
                m,
                Mnemonic::Pcmpistri
                    | Mnemonic::Pcmpistrm
                    | Mnemonic::Pcmpestri
                    | Mnemonic::Pcmpestrm
            );
            if bytes == 16 && va & 15 != 0 && !strings {
                return Err(fault::gp(0).into());
            }
            let lo = cx.load(self, va, MemArg::new(bytes.clamp(1, 8), mmu))? as u128;
            let v = if bytes == 16 {
                let va2 = if self.code64(&state) {
                    va.wrapping_add(8)
                } else {
                    va.wrapping_add(8) & 0xffff_ffff
                };
                lo | (cx.load(self, va2, MemArg::new(8, mmu))? as u128) << 64
            } else {
                lo
            };
            if matches!(m, Mnemonic::Cvtsi2ss | Mnemonic::Cvtsi2sd) {
                gpr[0] = v as u64;
            }
            v
        } else if what >> 33 & 1 != 0 {
            self.mmx(&state, s) as u128
        } else if what >> 34 & 1 != 0 {
            gpr[0] = self.get(&state, self.regs.gpr[s]);
            0
        } else {
            xmm(self, s)
        };
        let a = xmm(self, d);
        let mask = xmm(self, 0);
        let before = self.fpu.sse_fast();
        let out = match crate::fpu::sha::op128(m, imm, a, b, mask) {
            Some(v) => Ok(Value::Xmm(v)),
            None => self.fpu.sse(m, imm, a, b, gpr, mask, wide),
        };
        if before != self.fpu.sse_fast() {
            cx.leave();
        }
        let out = out.map_err(|f| {
            // Without CR4.OSXMMEXCPT an unmasked exception is #UD.
            if self.sys.cr4 & crate::sys::cr4::OSXMMEXCPT == 0 {
                fault::fault(fault::UD)
            } else {
                f
            }
        })?;
        if what >> 33 & 1 != 0 {
            self.enter_mmx(&state);
        }
        let strings = match m {
            Mnemonic::Pcmpistri | Mnemonic::Pcmpestri => true,
            Mnemonic::Pcmpistrm | Mnemonic::Pcmpestrm => {
                let f = self.fpu.string_flags;
                self.arith_flags_out(&state, f);
                false
            }
            _ => false,
        };
        match out {
            Value::Xmm(v) => {
                let n = if matches!(m, Mnemonic::Pcmpistrm | Mnemonic::Pcmpestrm) {
                    0
                } else {
                    d
                };
                self.set128(&state, self.regs.xmm[n], v);
            }
            Value::Mmx(v) => {
                self.enter_mmx(&state);
                self.set_mmx(&state, d, v);
            }
            Value::Gpr(v) if strings => {
                self.set(&state, self.regs.gpr[CX], v & 0xffff_ffff);
                self.arith_flags_out(&state, (v >> 32) as u32);
            }
            Value::Gpr(v) => self.set(
                &state,
                self.regs.gpr[d],
                if wide { v } else { v & 0xffff_ffff },
            ),
            Value::Flags(f) => self.arith_flags_out(&state, f),
            Value::None => {}
        }
        Ok(())
    }

    /// Sets the arithmetic flags.
    pub(crate) fn arith_flags_out(&self, state: &tinamou_ir::guest::State, f: u32) {
        let old = self.eflags(state);
        self.set_eflags(state, old & !flags::ARITH | f);
    }

    /// `Guest::helper`.
    pub(crate) fn run_helper(
        &mut self,
        cx: &mut dyn Cx,
        id: HelperId,
        [a, b, c]: [u64; 3],
    ) -> Result<u64, Stop> {
        // What is called most, and has no need of the rest.
        match id {
            X87 => return Ok(self.x87(cx, [a, b, c])),
            X87_RARE => return Ok(self.x87(cx, [c, a, b])),
            X87_VALUE => {
                self.x87_value(cx.state(), mnemonic(c), c as u32 >> 24 & 7);
                return Ok(0);
            }
            X87_STORED => return Ok(!self.fpu.held as u64),
            MMX_ENTER => {
                self.enter_mmx(cx.state());
                return Ok(0);
            }
            SIMD => {
                let m = mnemonic(a);
                return Ok(crate::fpu::simd::op64(m, b, c)
                    .or_else(|| crate::fpu::d3now::op64(m, b, c))
                    .unwrap_or(0));
            }
            SSE_RARE => return Ok(self.fpu.sse_rare(c, mnemonic(c), a, b)),
            _ => {}
        }
        let state = cx.state().clone();
        let mut result = 0;
        match id {
            CC_EVAL => result = flags::eval(a as u32, b, c) as u64,
            ROTATE_CARRY => result = arith::rotate_carry(a, b as u32).0,
            ROTATE_CARRY_FLAGS => result = arith::rotate_carry(a, b as u32).1,
            DECIMAL => result = arith::decimal(a as u32, b as u16, c as u32),
            BEXTR => result = arith::bextr(a, b),
            PDEP => result = arith::pdep(a, b),
            PEXT => result = arith::pext(a, b),
            CRC32 => result = arith::crc32(a as u32, b, c as u32) as u64,
            DIV128 => result = arith::div128(a, b, c).ok_or(fault::fault(fault::DE))?,
            IDIV128 => result = arith::idiv128(a, b, c).ok_or(fault::fault(fault::DE))?,
            LOAD => result = cx.load(self, a, MemArg::unpack(b))?,
            SEG_LINEAR => {
                result = self.linear(
                    &state,
                    (a & 0xff) as usize,
                    b,
                    (a >> 16) as u32,
                    a & 0x100 != 0,
                )?
            }
            LOAD_SEG => self.load_seg(cx, a as usize, b as u16)?,
            BREAK_FETCH => self.break_fetch(&state, a)?,
            PUSHA => self.pusha(cx, a as u32)?,
            POPA => self.popa(cx, a as u32)?,
            PUSHF => result = self.pushf(&state, a as u32)?,
            POPF => self.popf(cx, a as u32, b as u32)?,
            ENTER => self.enter_frame(cx, a, b as u32)?,
            FAR_JMP => result = self.transfer(cx, |s, cx| s.far(cx, Kind::Jump, a, b, c))?,
            FAR_CALL => result = self.transfer(cx, |s, cx| s.far(cx, Kind::Call, a, b, c))?,
            RETF => result = self.transfer(cx, |s, cx| s.retf(cx, a as u32, b))?,
            IRET => result = self.iret(cx, a as u32, c)?,
            INT => result = self.transfer(cx, |s, cx| s.software_interrupt(cx, a as u32, b))?,
            STRING | STRING_IO => result = self.string(cx, a as u32)?,
            IN => {
                self.check_port(cx, a as u16, b as u32)?;
                result = self.port_in(cx, a as u16, b as u32);
            }
            OUT => {
                self.check_port(cx, a as u16, c as u32)?;
                self.port_out(cx, a as u16, c as u32, b);
            }
            STI_CLI => self.sti_cli(cx, a != 0)?,
            RELEASE => self.leave_if_awaited(cx),
            HLT => {
                self.sys.halted = true;
                self.sys.halt_if = self.get(&state, self.regs.eflags) as u32 & flags::IF != 0;
            }
            PAUSE => cx.yield_turn(),
            CLTS => {
                self.sys.cr0 &= !cr0::TS;
                cx.leave();
            }
            LMSW => self.lmsw(cx, a)?,
            READ_SYSTEM => result = self.read_system(a as u32, true)?,
            READ_SYSTEM_QUIET => result = self.read_system(a as u32, false)?,
            LOAD_TABLE => {
                let t = crate::sys::Table {
                    base: c,
                    limit: b as u32,
                };
                if a == 0 {
                    self.sys.gdt = t;
                } else {
                    self.sys.idt = t;
                }
            }
            LLDT => self.lldt(cx, a as u16)?,
            LTR => self.ltr(cx, a as u16)?,
            DESCRIPTOR => result = self.test_descriptor(cx, a, b as u16)?,
            INVLPG => self.invlpg(cx, a, b as usize),
            CPUID => self.cpuid(cx),
            RDTSC => {
                if self.sys.cr4 & crate::sys::cr4::TSD != 0 && self.sys.cpl != 0 {
                    return Err(fault::gp(0).into());
                }
                result = self.tsc(cx.now_ns());
            }
            RDMSR => result = self.rdmsr(cx, a as u32)?,
            WRMSR => self.wrmsr(cx, a as u32, b)?,
            SYSCALL => result = self.transfer(cx, |s, cx| s.syscall(cx, a))?,
            SYSRET => result = self.transfer(cx, |s, cx| s.sysret(cx, a != 0))?,
            SYSENTER => result = self.transfer(cx, |s, cx| s.sysenter(cx))?,
            SYSEXIT => result = self.transfer(cx, |s, cx| s.sysexit(cx, a != 0))?,
            SWAPGS => {
                let slot = self.regs.base[crate::regs::GS];
                let gs = self.get(&state, slot);
                self.set(&state, slot, self.sys.kernel_gs);
                self.sys.kernel_gs = gs;
            }
            FSGSBASE => {
                if self.sys.cr4 & crate::sys::cr4::FSGSBASE == 0 {
                    return Err(fault::fault(fault::UD).into());
                }
            }
            WRITE_CONTROL => self.write_control(cx, a as u32, b)?,
            READ_CONTROL => result = self.read_control(cx, a as u32)?,
            FPU_CHECK => self.fpu_check(cx, a as u32)?,
            X87_STORE => {
                result = match self.decimal.take() {
                    Some(lo) => lo,
                    None => self.with_operands(&state, 0, 0, |f| {
                        f.x87_store(mnemonic(a), a as u32 >> 24 & 7)
                    }),
                };
            }
            X87_STORE_HIGH => {
                result = if a >> 24 & 7 == crate::fpu::x87::kind::BCD as u64 {
                    let (lo, hi) = self.with_x87(&state, |f| f.store_decimal());
                    self.decimal = Some(lo);
                    hi
                } else {
                    self.with_x87(&state, |f| f.top_exponent())
                };
            }
            FPU_IMAGE => self.fpu_image(cx, a as u32, b)?,
            READ_MXCSR => result = self.fpu.mxcsr as u64,
            RANDOM => result = self.sys.random(),
            SSE_OP => self.sse_op(cx, a, b)?,
            AVX_OP => self.avx_op(cx, a, b)?,
            AVX_MASKED => self.avx_masked(cx, a, b)?,
            XGETBV => result = self.xgetbv(cx, a as u32)?,
            XSETBV => self.xsetbv(cx, a as u32, b)?,
            XSAVE => self.xsave(cx, a as u32, b, c)?,
            // The lifter emits no other number; state from elsewhere cannot name one.
            _ => return Err(fault::fault(fault::UD).into()),
        }
        Ok(result)
    }

    /// Helper X87.
    fn x87(&mut self, cx: &mut dyn Cx, [what, lo, hi]: [u64; 3]) -> u64 {
        let (m, bits) = (mnemonic(what), what as u32);
        let state = cx.state();
        let all = m == Mnemonic::Fninit;
        if m == Mnemonic::Emms {
            self.leave_mmx(state);
            return 0;
        }
        let f = |fpu: &mut crate::fpu::Fpu| fpu.x87(m, bits, lo, hi);
        if all {
            self.with_x87(state, f)
        } else {
            self.with_operands(state, bits >> 16, bits >> 20, f)
        }
    }

    /// A transfer of control, behind which the run loop looks.
    fn transfer(
        &mut self,
        cx: &mut dyn Cx,
        f: impl FnOnce(&mut X86, &mut dyn Cx) -> Result<u64, Stop>,
    ) -> Result<u64, Stop> {
        let pc = f(self, cx)?;
        cx.leave();
        Ok(pc)
    }

    fn cpuid(&mut self, cx: &mut dyn Cx) {
        let state = cx.state().clone();
        let leaf = self.get(&state, self.regs.gpr[AX]) as u32;
        let sub = self.get(&state, self.regs.gpr[CX]) as u32;
        let apic_on = cx
            .device_read(crate::bus::APIC_BASE, 8)
            .is_ok_and(|v| v & 1 << 11 != 0);
        let mut words = self.model.cpuid(leaf, sub, self.cpu_num, apic_on);
        if leaf == 1 && self.sys.cr4 & crate::sys::cr4::OSXSAVE != 0 {
            words[2] |= 1 << 27;
        }
        if leaf == 0xd && sub == 0 && self.sys.xcr0 & crate::xsave::AVX == 0 {
            words[1] = words[1].min(crate::xsave::AVX_AT as u32);
        }
        for (n, v) in [AX, BX, CX, DX].into_iter().zip(words) {
            self.set(&state, self.regs.gpr[n], v as u64);
        }
    }

    fn pusha(&mut self, cx: &mut dyn Cx, lg: u32) -> Result<(), Stop> {
        let state = cx.state().clone();
        let mut s = self.stack(&state);
        for n in 0..8 {
            let v = self.get(&state, self.regs.gpr[n]);
            s.push(self, cx, lg, v)?;
        }
        self.set_stack(&state, &s);
        Ok(())
    }

    fn popa(&mut self, cx: &mut dyn Cx, lg: u32) -> Result<(), Stop> {
        let state = cx.state().clone();
        let mut s = self.stack(&state);
        let mut words = [0; 8];
        for w in words.iter_mut().rev() {
            *w = s.pop(self, cx, lg)?;
        }
        self.set_stack(&state, &s);
        for (n, v) in words.into_iter().enumerate() {
            if n != crate::regs::SP {
                let old = self.get(&state, self.regs.gpr[n]);
                self.set(
                    &state,
                    self.regs.gpr[n],
                    if lg == 1 { old & !0xffff | v } else { v },
                );
            }
        }
        Ok(())
    }

    /// ENTER with a level.
    fn enter_frame(&mut self, cx: &mut dyn Cx, what: u64, lg: u32) -> Result<(), Stop> {
        let state = cx.state().clone();
        let (size, level) = (what & 0xffff, what >> 16);
        let mut s = self.stack(&state);
        let bp = self.get(&state, self.regs.gpr[crate::regs::BP]);
        s.push(self, cx, lg, bp)?;
        let frame = s.sp;
        let mut from = s;
        from.sp = bp;
        for _ in 1..level {
            let below = from.sp.wrapping_sub(1 << lg);
            from.sp = from.sp & !from.mask() | below & from.mask();
            let mut at = from;
            let v = at.pop(self, cx, lg)?;
            s.push(self, cx, lg, v)?;
        }
        s.push(self, cx, lg, frame)?;
        s.sp = s.sp & !s.mask() | s.sp.wrapping_sub(size) & s.mask();
        let new_bp = if lg == 1 {
            bp & !0xffff | frame & 0xffff
        } else {
            frame & s.mask()
        };
        self.set(&state, self.regs.gpr[crate::regs::BP], new_bp);
        self.set_stack(&state, &s);
        Ok(())
    }
}
