//! x86: i386 and x86-64. Frames as linux/arch/x86/kernel/signal*.c and uapi/asm/{sigcontext,ucontext}.h lay them out, with the FXSAVE image as
//! the FPU's state, or the XSAVE image where the CPU model has it. There is no vDSO.

mod fpu;
mod segments;
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tinamou_ir::guest::{Fault, State};
use tinamou_ir::{HelperId, Slot};
use tinamou_x86::regs::{AX, BP, BX, CS, CX, DI, DS, DX, ES, FS, GS, Regs, SI, SP, SS};
use tinamou_x86::user::{CODE32, CODE64, DATA};
use tinamou_x86::{X86, fault, flags};

use super::{Arch, Frame, Meaning, RegSet, Restored};
use crate::abi::layout::{In, Out};
use crate::abi::signals::Sig;
use crate::abi::{Abi, x86};
use crate::errno::{EFAULT, EINVAL, Res};
use crate::guest::{Event, PAGE_FAULT, UserCpu, miss_of};
use crate::mem::space::{Miss, Space, prot};

/// si_code of signals from the kernel.
const SI_KERNEL: i32 = 0;
/// Bytes of the FXSAVE image.
const FX: usize = 512;
/// Bytes of the older image in front of it in frames of i386.
const FSAVE: usize = 112;
/// Flags a frame gives back (FIX_EFLAGS).
const RESTORED: u32 = flags::ARITH | flags::AC | flags::DF | flags::TF | flags::RF;
/// Order of registers in a 64-bit sigcontext.
const ORDER64: [usize; 16] = [8, 9, 10, 11, 12, 13, 14, 15, DI, SI, BP, BX, DX, AX, CX, SP];
/// uc_flags: SS is there and is to be taken as it is. Bit 0: the FPU's state is an XSAVE image.
const UC_SS: u64 = 6;

/// x86 with an ABI.
pub struct X86Arch {
    abi: Abi,
    /// i386's, for its system calls from 64-bit code.
    compat_abi: Abi,
    /// Such a call is under way.
    compat: Cell<bool>,
    wide: bool,
    cpu: Rc<RefCell<X86>>,
    regs: Rc<Regs>,
    /// Vector, error code and address of the last fault, for frames.
    last: Cell<(u32, u32, u64)>,
}

impl X86Arch {
    /// For this CPU.
    pub fn new(cpu: &Rc<RefCell<X86>>) -> X86Arch {
        let (wide, regs, hwcap) = {
            let c = cpu.borrow();
            (c.wide, c.regs.clone(), c.model.bits[0])
        };
        X86Arch {
            abi: x86::abi(wide, hwcap as u64),
            compat_abi: Abi {
                machine: "x86_64",
                ..x86::abi(false, hwcap as u64)
            },
            compat: Cell::new(false),
            wide,
            cpu: cpu.clone(),
            regs,
            last: Cell::default(),
        }
    }

    fn get(&self, st: &State, slot: Slot) -> u64 {
        st.slot(&self.regs.table, slot)
    }

    fn x(&self, st: &State, n: usize) -> u64 {
        self.abi.ptr(self.get(st, self.regs.gpr[n]))
    }

    fn set_x(&self, st: &State, n: usize, v: u64) {
        st.set_slot(&self.regs.table, self.regs.gpr[n], self.abi.ptr(v));
    }

    /// SIGFPE's code for exceptions that are not masked.
    fn fpe(bits: u32) -> i32 {
        match bits {
            b if b & 1 != 0 => 7,
            b if b & 4 != 0 => 3,
            b if b & 8 != 0 => 4,
            b if b & 0x12 != 0 => 5,
            b if b & 0x20 != 0 => 6,
            _ => 0,
        }
    }

    /// `struct sigcontext`.
    fn sigcontext(&self, st: &State, mask: u128, fp: u64) -> Vec<u8> {
        let cpu = self.cpu.borrow();
        let (trap, error, cr2) = self.last.get();
        let fl = cpu.eflags(st);
        let sel = |n: usize| cpu.selector(st, n);
        let mut o = Out::new(&self.abi);
        if self.wide {
            for n in ORDER64 {
                o.u64(self.x(st, n));
            }
            o.u64(st.pc()).u64(fl as u64);
            o.u16(sel(CS)).u16(0).u16(0).u16(sel(SS));
            o.u64(error as u64)
                .u64(trap as u64)
                .u64(mask as u64)
                .u64(cr2)
                .u64(fp)
                .pad(64);
            return o.done();
        }
        for n in [GS, FS, ES, DS] {
            o.u32(sel(n) as u32);
        }
        for n in [DI, SI, BP, SP, BX, DX, CX, AX] {
            o.u32(self.x(st, n) as u32);
        }
        o.u32(trap)
            .u32(error)
            .u32(st.pc() as u32)
            .u32(sel(CS) as u32)
            .u32(fl)
            .u32(self.x(st, SP) as u32)
            .u32(sel(SS) as u32)
            .u32(fp as u32)
            .u32(mask as u32)
            .u32(cr2 as u32);
        o.done()
    }

    /// Takes a sigcontext; gives the address of the FPU's state and the mask's first word.
    fn restore(&self, st: &State, i: &mut In<'_>) -> Res<(u64, u64)> {
        let cpu = self.cpu.borrow();
        let set_flags = |f: u32| {
            let old = cpu.eflags(st);
            cpu.set_eflags(st, old & !RESTORED | f & RESTORED);
        };
        if self.wide {
            for n in ORDER64 {
                let v = i.u64()?;
                self.set_x(st, n, v);
            }
            st.set_pc(i.u64()?);
            set_flags(i.u64()? as u32);
            // CS and SS are those of user mode whatever stands there.
            i.skip(8 + 16);
            let mask = i.u64()?;
            i.skip(8);
            return Ok((i.u64()?, mask));
        }
        for n in [GS, FS, ES, DS] {
            cpu.load_selector(st, n, i.u32()? as u16);
        }
        for n in [DI, SI, BP, SP, BX, DX, CX, AX] {
            let v = i.u32()? as u64;
            self.set_x(st, n, v);
        }
        i.skip(8);
        st.set_pc(i.u32()? as u64);
        i.skip(4);
        set_flags(i.u32()?);
        i.skip(8);
        let fp = i.u32()? as u64;
        Ok((fp, i.u32()? as u64))
    }
}

impl Arch for X86Arch {
    fn abi(&self) -> &Abi {
        if self.compat.get() {
            &self.compat_abi
        } else {
            &self.abi
        }
    }

    fn other_abi(&self) -> Option<&Abi> {
        self.wide.then_some(&self.compat_abi)
    }

    fn is_other(&self, event: &Event) -> bool {
        self.wide && event.fault.code & fault::SYSCALL == 0
    }

    fn use_other(&self, on: bool) {
        self.compat.set(on && self.wide);
    }

    fn accepts(&self, machine: u16, _flags: u32, wide: bool, big_endian: bool) -> bool {
        const EM_386: u16 = 3;
        const EM_X86_64: u16 = 62;
        !big_endian && wide == self.wide && machine == if wide { EM_X86_64 } else { EM_386 }
    }

    fn syscall_number(&self, st: &State) -> u32 {
        self.x(st, AX) as u32
    }

    fn arg(&self, st: &State, n: usize) -> Result<u64, u64> {
        let list = if self.wide && !self.compat.get() {
            [DI, SI, DX, 10, 8, 9]
        } else {
            [BX, CX, DX, SI, DI, BP]
        };
        let v = list.get(n).map_or(0, |&r| self.x(st, r));
        Ok(self.abi().ptr(v))
    }

    fn set_result(&self, st: &State, result: Res<u64>) {
        let v = match result {
            Ok(v) => v,
            Err(e) => (-(e.0 as i64)) as u64,
        };
        self.set_x(st, AX, v);
    }

    fn set_second(&self, _st: &State, _v: u64) {}

    fn skip_syscall(&self, st: &State, event: &Event) {
        let next = self.abi.ptr(event.fault.va);
        if self.wide && !self.is_other(event) {
            let f = self.cpu.borrow().eflags(st);
            self.set_x(st, CX, next);
            self.set_x(st, 11, f as u64);
        }
        st.set_pc(next);
    }

    fn restart_syscall(&self, st: &State, event: &Event, number: u32) {
        st.set_pc(event.pc);
        self.set_x(st, AX, number as u64);
    }

    fn meaning(&self, st: &State, space: &mut Space, event: &Event) -> Meaning {
        let f: &Fault = &event.fault;
        let pc = event.pc;
        if f.code & fault::SYSCALL != 0 {
            return Meaning::Syscall;
        }
        let kernel = |sig| Meaning::Signal(sig, SI_KERNEL, 0);
        if f.code & fault::SOFT != 0 {
            let vector = fault::vector(f.code);
            match vector {
                0x80 => return Meaning::Syscall,
                3 | 4 => {
                    st.set_pc(self.abi.ptr(f.va));
                    self.last.set((vector, 0, self.last.get().2));
                    return kernel(if vector == 3 { Sig::Trap } else { Sig::Segv });
                }
                1 => {
                    st.set_pc(self.abi.ptr(f.va));
                    self.last.set((1, 0, self.last.get().2));
                    return Meaning::Signal(Sig::Trap, 1, self.abi.ptr(f.va));
                }
                _ => {
                    self.last.set((13, vector * 8 + 2, self.last.get().2));
                    return kernel(Sig::Segv);
                }
            }
        }
        if f.code & PAGE_FAULT != 0 && f.code & fault::HAS_ERROR == 0 {
            let addr = self.abi.ptr(f.va);
            let miss = miss_of(f.info);
            if self.wide && (addr as i64) << 16 >> 16 != addr as i64 {
                let code: Vec<u8> = (0..15)
                    .map_while(|n| {
                        let mut b = [0];
                        space.read(pc.wrapping_add(n), &mut b).ok()?;
                        Some(b[0])
                    })
                    .collect();
                let stack = tinamou_x86::user::is_stack_access(&code);
                let (vector, sig) = if stack {
                    (12, Sig::Bus)
                } else {
                    (13, Sig::Segv)
                };
                self.last.set((vector, 0, self.last.get().2));
                return kernel(sig);
            }
            let need = f.code & 7;
            let error = 4
                | (miss == Miss::Protected) as u32
                | ((need == prot::WRITE) as u32) << 1
                | ((need == prot::EXEC) as u32) << 4;
            self.last.set((14, error, addr));
            return match miss {
                Miss::Unmapped => Meaning::Signal(Sig::Segv, 1, addr),
                Miss::Protected => Meaning::Signal(Sig::Segv, 2, addr),
                Miss::Beyond => Meaning::Signal(Sig::Bus, 2, addr),
                Miss::Full => Meaning::Signal(Sig::Kill, 0, addr),
            };
        }
        let vector = fault::vector(f.code);
        let error = fault::error(f).unwrap_or(0);
        self.last.set((vector, error, self.last.get().2));
        match vector {
            0 => Meaning::Signal(Sig::Fpe, 1, pc),
            1 => {
                // A single step, or a breakpoint: TRAP_TRACE, TRAP_HWBKPT.
                let code = if f.info & 0x4000 != 0 { 2 } else { 4 };
                Meaning::Signal(Sig::Trap, code, pc)
            }
            6 => Meaning::Signal(Sig::Ill, 2, pc),
            11 | 12 => kernel(Sig::Bus),
            16 | 19 => {
                let cpu = self.cpu.borrow();
                let bits = if vector == 16 {
                    cpu.fpu.sw as u32 & !cpu.fpu.cw as u32
                } else {
                    cpu.fpu.mxcsr & !(cpu.fpu.mxcsr >> 7)
                };
                Meaning::Signal(Sig::Fpe, X86Arch::fpe(bits & 0x3f), pc)
            }
            // Linux does not tell the address.
            17 => Meaning::Signal(Sig::Bus, 1, 0),
            _ => kernel(Sig::Segv),
        }
    }

    fn sp(&self, st: &State) -> u64 {
        self.x(st, SP)
    }

    fn set_sp(&self, st: &State, v: u64) {
        self.set_x(st, SP, v);
    }

    fn start(&self, st: &State, pc: u64, sp: u64) {
        st.set_pc(pc);
        self.set_x(st, SP, sp);
    }

    fn set_tls(&self, st: &State, v: u64) {
        st.set_slot(&self.regs.table, self.regs.base[FS], v);
    }

    fn clone_tls(&self, space: &mut Space, v: u64) -> Res<(u64, Option<u64>)> {
        if self.wide && !self.compat.get() {
            return Ok((v, None));
        }
        let (entry, descriptor) = self.area(space, v)?;
        if !self.is_area(entry) {
            return Err(EINVAL);
        }
        Ok((entry as u64, Some(descriptor)))
    }

    fn set_clone_tls(&self, st: &State, (v, descriptor): (u64, Option<u64>)) {
        let Some(descriptor) = descriptor else {
            return self.set_tls(st, v);
        };
        let mut cpu = self.cpu.borrow_mut();
        cpu.set_thread_descriptor(st, v as usize, descriptor);
    }

    fn thread_area(&self, st: &State, space: &mut Space, at: u64, get: bool) -> Res<()> {
        if get {
            return self.get_area(space, at);
        }
        self.set_area(st, space, at)
    }

    fn segment_base(&self, st: &State, gs: bool, set: Option<u64>) -> Option<u64> {
        if !self.wide {
            return None;
        }
        let n = if gs { GS } else { FS };
        if let Some(v) = set {
            self.cpu.borrow().load_selector(st, n, 0);
            st.set_slot(&self.regs.table, self.regs.base[n], v);
        }
        Some(self.get(st, self.regs.base[n]))
    }

    fn save_thread(&self, out: &mut Vec<u8>) {
        self.cpu.borrow().save_thread(out);
    }

    fn load_thread(&self, bytes: &[u8]) {
        self.cpu.borrow_mut().load_thread(bytes);
    }

    fn cpuinfo(&self) -> String {
        let cpu = self.cpu.borrow();
        let m = &cpu.model;
        let names: Vec<String> = tinamou_x86::models::feature::NAMES
            .iter()
            .filter(|(_, bit)| m.has(*bit))
            .map(|(name, _)| name.replace(['-', '.'], "_"))
            .collect();
        format!(
            "processor\t: 0\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: {}\nstepping\t: {}\nflags\t\t: {}\n\n",
            m.vendor,
            m.family,
            m.model,
            m.brand,
            m.stepping,
            names.join(" ")
        )
    }

    fn clear_exclusive(&self, _st: &State) {}

    fn trampoline(&self) -> Vec<u8> {
        if self.wide {
            // mov $15, %rax; syscall
            return vec![0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05];
        }
        // pop %eax; mov $119, %eax; int $0x80; and mov $173, %eax; int $0x80
        let mut code = vec![0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80];
        code.extend([0xb8, 173, 0, 0, 0, 0xcd, 0x80]);
        code
    }

    fn registers(&self, st: &State, set: RegSet, orig: u64) -> Res<Vec<u8>> {
        self.traced_set(st, set, orig)
    }

    fn set_registers(&self, st: &State, set: RegSet, b: &[u8], orig: &mut u64) -> Res<()> {
        self.set_traced_set(st, set, b, orig)
    }

    fn user_word(&self, st: &State, at: u64, orig: &mut u64, set: Option<u64>) -> Res<u64> {
        self.traced_word(st, at, orig, set)
    }

    fn audit(&self) -> u32 {
        if self.wide { 0xc000_003e } else { 0x4000_0003 }
    }

    fn traced_area(&self, _st: &State, n: u64) -> Res<Vec<u8>> {
        self.user_desc(n as usize)
    }

    fn can_step(&self) -> bool {
        true
    }

    fn set_step(&self, st: &State, on: bool) {
        self.step(st, on);
    }

    fn at_entry(&self, st: &State) {
        self.enter_traced_call(st);
    }

    fn entered_number(&self, _st: &State, orig: u64) -> u32 {
        orig as u32
    }

    fn push_signal(&self, st: &State, space: &mut Space, f: &Frame<'_>) -> Res<()> {
        let on_stack = self.x(st, SP) == f.sp;
        let mut sp = f.sp;
        if self.wide && on_stack {
            // The red zone.
            sp = sp.wrapping_sub(128);
        }
        let mut image = self.frame_fpu(st);
        let mut fp = sp.wrapping_sub(image.len() as u64) & !63;
        if !self.wide {
            fp = self.abi.ptr(fp.wrapping_sub(FSAVE as u64));
            image.splice(0..0, self.fsave());
        }
        space.write(fp, &image)?;
        let sc = self.sigcontext(st, f.mask, fp);
        let mut o = Out::new(&self.abi);
        let (info, context);
        if self.wide {
            if f.restorer == 0 {
                return Err(EFAULT);
            }
            o.u64(f.restorer)
                .u64(UC_SS | self.has_xsave() as u64)
                .u64(0);
            o.u64(f.altstack.0)
                .u32(f.altstack.1)
                .u32(0)
                .u64(f.altstack.2);
            o.bytes(&sc).sigset(f.mask);
            (context, info) = (8, o.buf.len());
            o.bytes(f.info);
        } else {
            let restorer = if f.restorer != 0 {
                f.restorer
            } else {
                f.trampoline + if f.siginfo { 8 } else { 0 }
            };
            o.u32(restorer as u32).u32(f.signal);
            if f.siginfo {
                (info, context) = (16, 16 + 128);
                // Both addresses are known once the frame's is.
                o.u32(0).u32(0).bytes(f.info).pad_to(context);
                o.u32(self.has_xsave() as u32).u32(0);
                o.u32(f.altstack.0 as u32)
                    .u32(f.altstack.1)
                    .u32(f.altstack.2 as u32);
                o.bytes(&sc).sigset(f.mask).pad(8);
            } else {
                (info, context) = (0, 0);
                o.bytes(&sc)
                    .pad(FSAVE + FX)
                    .u32((f.mask >> 32) as u32)
                    .pad(8);
            }
        }
        let mut bytes = o.done();
        let below = fp.wrapping_sub(bytes.len() as u64);
        let base = if self.wide {
            (below & !15).wrapping_sub(8)
        } else {
            self.abi.ptr((below.wrapping_add(4) & !15).wrapping_sub(4))
        };
        if !self.wide && f.siginfo {
            bytes[8..12].copy_from_slice(&(base as u32 + info as u32).to_le_bytes());
            bytes[12..16].copy_from_slice(&(base as u32 + context as u32).to_le_bytes());
        }
        space.write(base, &bytes)?;
        let with = |at: usize| if at == 0 { 0 } else { base + at as u64 };
        if self.wide {
            self.set_x(st, DI, f.signal as u64);
            self.set_x(st, SI, with(info));
            self.set_x(st, DX, with(context));
            self.set_x(st, AX, 0);
        } else {
            self.set_x(st, AX, f.signal as u64);
            self.set_x(st, DX, with(info));
            self.set_x(st, CX, with(context));
        }
        self.set_x(st, SP, base);
        st.set_pc(self.abi.ptr(f.handler));
        let mut cpu = self.cpu.borrow_mut();
        let fl = cpu.eflags(st) & !(flags::DF | flags::RF | flags::TF);
        cpu.set_eflags(st, fl);
        if !self.wide {
            for n in [DS, ES, SS] {
                cpu.load_selector(st, n, DATA);
            }
            cpu.load_selector(st, CS, CODE32);
        } else {
            cpu.load_selector(st, CS, CODE64);
        }
        cpu.clear_fpu(st);
        Ok(())
    }

    fn pop_signal(&self, st: &State, space: &mut Space, rt: bool) -> Res<Restored> {
        let sp = self.sp(st);
        if self.wide {
            // The return took the first word.
            let mut b = vec![0; 8 + 8 + 24 + 256 + 8];
            space.read(sp, &mut b)?;
            let mut i = In::new(&self.abi, &b);
            i.skip(16);
            let (at, fl, size) = (i.u64()?, i.u32()?, i.u64()?);
            let (fp, _) = self.restore(st, &mut i)?;
            // Behind the state's address are eight reserved words.
            i.skip(64);
            let mask = i.sigset()?;
            self.restore_fpu(st, space, fp)?;
            return Ok(Restored {
                mask,
                altstack: Some((at, fl, size)),
            });
        }
        let (mut mask, fp, altstack);
        if rt {
            let mut b = vec![0; 16 + 128 + 20 + 88 + 8];
            space.read(self.abi.ptr(sp.wrapping_sub(4)), &mut b)?;
            let mut i = In::new(&self.abi, &b);
            i.skip(16 + 128 + 8);
            let (at, fl, size) = (i.u32()? as u64, i.u32()?, i.u32()? as u64);
            (fp, _) = self.restore(st, &mut i)?;
            i.skip(4);
            mask = i.sigset()?;
            altstack = Some((at, fl, size));
        } else {
            let mut b = vec![0; 8 + 88 + FSAVE + FX + 4];
            space.read(self.abi.ptr(sp.wrapping_sub(8)), &mut b)?;
            let mut i = In::new(&self.abi, &b);
            i.skip(8);
            let low;
            (fp, low) = self.restore(st, &mut i)?;
            i.skip(4 + FSAVE + FX);
            mask = low as u128;
            mask |= (i.u32()? as u128) << 32;
            altstack = None;
        }
        self.restore_fpu(st, space, fp)?;
        Ok(Restored { mask, altstack })
    }
}

impl UserCpu for X86 {
    fn enter(&mut self, state: &State) {
        self.start_user(state);
    }

    fn raising(&mut self, state: &State, _fault: &Fault, pc: u64, note: u64) -> u64 {
        // A fault of fetching a block's second page: its instruction is the one at the state's pc.
        if note != 0 { state.pc() } else { pc }
    }

    fn take_trap(&mut self, state: &State) -> Option<Fault> {
        X86::take_trap(self, state)
    }

    fn is_nop(&self, _id: HelperId) -> bool {
        false
    }
}
