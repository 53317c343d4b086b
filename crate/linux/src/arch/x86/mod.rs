//! x86: i386 and x86-64. Signal frames (`frame`) have the FXSAVE image as the FPU's state, or the XSAVE image where the CPU model has it. There
//! is no vDSO.

mod fpu;
mod frame;
mod segments;
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tinamou_ir::guest::{Access, Fault, State, Translation};
use tinamou_ir::{HelperId, Slot};
use tinamou_x86::regs::{AX, BP, BX, CX, DI, DX, FS, GS, Regs, SI, SP};
use tinamou_x86::{X86, fault};

use super::{Arch, Frame, Meaning, RegSet, Restored};
use crate::abi::signals::Sig;
use crate::abi::{Abi, x86};
use crate::errno::{EINVAL, Res};
use crate::guest::{Event, PAGE_FAULT, UserCpu, miss_of};
use crate::mem::space::{Miss, Space, prot};

/// si_code of signals from the kernel.
const SI_KERNEL: i32 = 0;
/// Bytes of the FXSAVE image.
const FX: usize = 512;
/// Bytes of the older image in front of it in frames of i386.
const FSAVE: usize = 112;

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
                self.cpu.borrow_mut().note_debug(st, f.info);
                Meaning::Signal(Sig::Trap, code, pc)
            }
            6 => Meaning::Signal(Sig::Ill, 2, pc),
            11 | 12 => kernel(Sig::Bus),
            16 | 19 => {
                let f = self.cpu.borrow().fpu_state(st);
                let bits = if vector == 16 {
                    f.sw as u32 & !f.cw as u32
                } else {
                    f.mxcsr & !(f.mxcsr >> 7)
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

    fn is_watching(&self) -> bool {
        self.cpu.borrow().debug_registers()[5] & 0xff != 0
    }

    fn clear_watches(&self) {
        let mut cpu = self.cpu.borrow_mut();
        cpu.set_debug_register(5, 0);
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
        self.push_frame(st, space, f)
    }

    fn pop_signal(&self, st: &State, space: &mut Space, rt: bool) -> Res<Restored> {
        self.pop_frame(st, space, rt)
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

    fn watch(&self, state: &State, va: u64, access: Access, t: &mut Translation) {
        self.watch_access(state, va, access, t);
    }

    fn is_nop(&self, _id: HelperId) -> bool {
        false
    }
}
