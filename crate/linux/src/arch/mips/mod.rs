//! MIPS: o32, n32 and n64. Frames as linux/arch/mips/kernel/signal*.c and uapi/asm/{sigcontext,ucontext}.h lay them out.

mod trace;

use std::rc::Rc;

use tinamou_ir::guest::{Fault, State};
use tinamou_ir::{HelperId, Slot};
use tinamou_mips::fpu::state::View;
use tinamou_mips::regs::Regs;
use tinamou_mips::{Mips, fault, helpers};

use super::{Arch, Frame, Meaning, RegSet, Restored};
use crate::abi::layout::{In, Out};
use crate::abi::mips::Flavour;
use crate::abi::signals::Sig;
use crate::abi::{Abi, mips};
use crate::errno::{EFAULT, Res};
use crate::guest::{Event, PAGE_FAULT, UserCpu, miss_of};
use crate::mem::space::{Miss, Space};

const V0: usize = 2;
const V1: usize = 3;
const A0: usize = 4;
const A3: usize = 7;
const T9: usize = 25;
const SP: usize = 29;
const RA: usize = 31;
/// Bytes of a signal frame before the context: argument save area and the former place of the trampoline.
const FRAME_HEAD: usize = 24;

/// MIPS with an ABI.
pub struct MipsArch {
    abi: Abi,
    flavour: Flavour,
    regs: Rc<Regs>,
}

impl MipsArch {
    /// For a CPU with these slots.
    pub fn new(flavour: Flavour, big_endian: bool, regs: &Rc<Regs>) -> MipsArch {
        MipsArch {
            abi: mips::abi(flavour, big_endian),
            flavour,
            regs: regs.clone(),
        }
    }

    fn get(&self, st: &State, slot: Slot) -> u64 {
        st.slot(&self.regs.table, slot)
    }

    fn set(&self, st: &State, slot: Slot, v: u64) {
        st.set_slot(&self.regs.table, slot, v);
    }

    fn x(&self, st: &State, n: usize) -> u64 {
        self.get(st, self.regs.gpr[n])
    }

    fn set_x(&self, st: &State, n: usize, v: u64) {
        if n != 0 {
            // 32-bit values are kept sign-extended in 64-bit registers.
            let v = if self.flavour == Flavour::N64 {
                v
            } else {
                v as i32 as i64 as u64
            };
            self.set(st, self.regs.gpr[n], v);
        }
    }

    fn fpu<'a>(&'a self, st: &'a State) -> View<'a> {
        View {
            state: st,
            table: &self.regs.table,
            fcr31: self.regs.fcr31,
            fpr: &self.regs.fpr,
            hidden: &self.regs.fpu,
        }
    }

    fn word(&self, space: &mut Space, va: u64) -> Option<u32> {
        let mut b = [0; 4];
        space.read(self.abi.ptr(va), &mut b).ok()?;
        Some(if self.abi.big_endian {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        })
    }

    /// Registers in the order of a sigcontext.
    fn sigcontext(&self, st: &State) -> Vec<u8> {
        let r = &self.regs;
        let mut o = Out::new(&self.abi);
        let (hi, lo) = (self.get(st, r.hi), self.get(st, r.lo));
        let sext = |v: u64| {
            if self.flavour == Flavour::O32 {
                v as i32 as i64 as u64
            } else {
                v
            }
        };
        let fcsr = self.fpu(st).fcsr();
        if self.flavour == Flavour::O32 {
            o.u32(0).u32(0).u64(st.pc());
            for i in 0..32 {
                o.u64(sext(if i == 0 { 0 } else { self.x(st, i) }));
            }
            // Pairs of 32-bit FPU registers are stored with SDC1 into the even places.
            for i in 0..16 {
                o.u64(self.get(st, r.fpr[2 * i])).u64(0);
            }
            o.u32(0)
                .u32(fcsr)
                .u32(0)
                .u32(1)
                .u32(0)
                .u64(sext(hi))
                .u64(sext(lo))
                .pad(24);
        } else {
            for i in 0..32 {
                o.u64(if i == 0 { 0 } else { self.x(st, i) });
            }
            for i in 0..32 {
                o.u64(self.get(st, r.fpr[i]));
            }
            o.u64(hi)
                .u64(0)
                .u64(0)
                .u64(0)
                .u64(lo)
                .u64(0)
                .u64(0)
                .u64(0)
                .u64(st.pc());
            o.u32(fcsr).u32(1).u32(0).u32(0);
        }
        o.done()
    }

    fn restore(&self, st: &State, i: &mut In<'_>) -> Res<()> {
        let r = self.regs.clone();
        let put = |slot: Slot, v: u64| self.set(st, slot, v);
        if self.flavour == Flavour::O32 {
            i.skip(8);
            st.set_pc(self.abi.ptr(i.u64()?));
            i.u64()?;
            for n in 1..32 {
                put(r.gpr[n], i.u64()?);
            }
            for n in 0..16 {
                put(r.fpr[2 * n], i.u64()?);
                i.u64()?;
            }
            i.u32()?;
            self.fpu(st).set_fcsr(i.u32()? & !0x3f000);
            i.skip(12);
            put(r.hi, i.u64()?);
            put(r.lo, i.u64()?);
            i.skip(24);
        } else {
            i.u64()?;
            for n in 1..32 {
                put(r.gpr[n], i.u64()?);
            }
            for n in 0..32 {
                put(r.fpr[n], i.u64()?);
            }
            put(r.hi, i.u64()?);
            i.skip(24);
            put(r.lo, i.u64()?);
            i.skip(24);
            st.set_pc(i.u64()?);
            self.fpu(st).set_fcsr(i.u32()? & !0x3f000);
            i.skip(12);
        }
        Ok(())
    }

    /// BREAK's code, or a trap's.
    fn break_code(&self, space: &mut Space, pc: u64, is_trap: bool) -> u32 {
        let Some(w) = self.word(space, pc) else {
            return 0;
        };
        if is_trap {
            // Immediate forms have no code.
            return if w >> 26 == 0 { w >> 6 & 0x3ff } else { 0 };
        }
        // Assemblers put the code of `break n` into the upper ten bits.
        let code = w >> 6 & 0xf_ffff;
        if code >= 1 << 10 {
            code >> 10 & 0x3ff | (code & 0x3ff) << 10
        } else {
            code
        }
    }

    /// Where the branch at `pc` goes, when its delay slot made a system call.
    fn branch_target(&self, st: &State, space: &mut Space, pc: u64) -> Option<u64> {
        let w = self.word(space, pc)?;
        let (op, rs, rt) = (w >> 26, (w >> 21 & 31) as usize, (w >> 16 & 31) as usize);
        let s = |n: usize| if n == 0 { 0 } else { self.x(st, n) as i64 };
        let narrow = |v: i64| {
            if self.flavour == Flavour::O32 {
                v as i32 as i64
            } else {
                v
            }
        };
        let near = pc
            .wrapping_add(4)
            .wrapping_add(((w & 0xffff) as i16 as i64 as u64) << 2);
        let taken = match op {
            0 => return matches!(w & 63, 8 | 9).then(|| s(rs) as u64),
            2 | 3 => {
                return Some(pc.wrapping_add(4) & !0xfff_ffff | ((w & 0x3ff_ffff) << 2) as u64);
            }
            1 => (narrow(s(rs)) < 0) == (rt & 1 == 0),
            4 | 20 => narrow(s(rs)) == narrow(s(rt)),
            5 | 21 => narrow(s(rs)) != narrow(s(rt)),
            6 | 22 => narrow(s(rs)) <= 0,
            7 | 23 => narrow(s(rs)) > 0,
            _ => return None,
        };
        Some(if taken { near } else { pc.wrapping_add(8) })
    }
}

impl Arch for MipsArch {
    fn abi(&self) -> &Abi {
        &self.abi
    }

    fn accepts(&self, machine: u16, flags: u32, wide: bool, big_endian: bool) -> bool {
        const EM_MIPS: u16 = 8;
        const ABI2: u32 = 0x20;
        machine == EM_MIPS
            && big_endian == self.abi.big_endian
            && match self.flavour {
                Flavour::O32 => !wide && flags & ABI2 == 0,
                Flavour::N32 => !wide && flags & ABI2 != 0,
                Flavour::N64 => wide,
            }
    }

    fn syscall_number(&self, st: &State) -> u32 {
        self.x(st, V0) as u32
    }

    fn arg(&self, st: &State, n: usize) -> Result<u64, u64> {
        let in_registers = if self.flavour == Flavour::O32 { 4 } else { 8 };
        if n < in_registers {
            Ok(self.x(st, A0 + n))
        } else {
            Err(self.abi.ptr(self.x(st, SP).wrapping_add(4 * n as u64)))
        }
    }

    fn set_result(&self, st: &State, result: Res<u64>) {
        let (v, a3) = match result {
            Ok(v) => (v, 0),
            Err(e) => ((self.abi.errno)(e) as u64, 1),
        };
        self.set_x(st, V0, v);
        self.set_x(st, A3, a3);
    }

    fn set_second(&self, st: &State, v: u64) {
        self.set_x(st, V1, v);
    }

    fn skip_syscall(&self, st: &State, event: &Event) {
        if event.note & 1 == 0 {
            st.set_pc(self.abi.ptr(event.pc.wrapping_add(4)));
        }
    }

    fn restart_syscall(&self, st: &State, event: &Event, number: u32) {
        st.set_pc(event.pc.wrapping_sub(4 * (event.note & 1)));
        self.set_x(st, V0, number as u64);
    }

    fn meaning(&self, st: &State, space: &mut Space, event: &Event) -> Meaning {
        let f: &Fault = &event.fault;
        let pc = event.pc;
        // The branch is done again after a fault in its slot.
        let in_slot = event.note & 1 != 0;
        if in_slot {
            st.set_pc(pc.wrapping_sub(4));
        }
        let addr = self.abi.ptr(f.va);
        if f.code & PAGE_FAULT != 0 {
            return match miss_of(f.info) {
                Miss::Unmapped => Meaning::Signal(Sig::Segv, 1, addr),
                Miss::Protected => Meaning::Signal(Sig::Segv, 2, addr),
                Miss::Beyond => Meaning::Signal(Sig::Bus, 2, addr),
                Miss::Full => Meaning::Signal(Sig::Kill, 0, addr),
            };
        }
        match fault::exc_code(f.code) {
            fault::SYS => {
                if in_slot && let Some(to) = self.branch_target(st, space, pc.wrapping_sub(4)) {
                    st.set_pc(self.abi.ptr(to));
                }
                Meaning::Syscall
            }
            n @ (fault::BP | fault::TR) => match self.break_code(space, pc, n == fault::TR) {
                7 => Meaning::Signal(Sig::Fpe, 1, pc),
                6 => Meaning::Signal(Sig::Fpe, 2, pc),
                _ => Meaning::Signal(Sig::Trap, if n == fault::BP { 1 } else { 0 }, pc),
            },
            fault::OV => Meaning::Signal(Sig::Fpe, 2, pc),
            fault::FPE => {
                let fcsr = self.fpu(st).fcsr();
                let on = fcsr >> 12 & (fcsr >> 7 | 0x20) & 0x3f;
                let code = match on {
                    n if n & 16 != 0 => 7,
                    n if n & 8 != 0 => 3,
                    n if n & 4 != 0 => 4,
                    n if n & 2 != 0 => 5,
                    n if n & 1 != 0 => 6,
                    _ => 14,
                };
                // The kernel clears the causes before it delivers the signal.
                self.fpu(st).set_fcsr(fcsr & !0x3f000);
                Meaning::Signal(Sig::Fpe, code, pc)
            }
            fault::ADEL | fault::ADES if addr >= space.top => Meaning::Signal(Sig::Segv, 1, addr),
            fault::ADEL | fault::ADES => Meaning::Signal(Sig::Bus, 1, addr),
            fault::RI => {
                // RDHWR $29 on a CPU without it is emulated by every kernel.
                let word = self.word(space, pc);
                if let Some(w) = word
                    && w & 0xffe0_ffff == 0x7c00_e83b
                    && !in_slot
                {
                    let tls = self.get(st, self.regs.userlocal);
                    self.set_x(st, (w >> 16 & 31) as usize, tls);
                    st.set_pc(pc.wrapping_add(4));
                    return Meaning::Done;
                }
                Meaning::Signal(Sig::Ill, 1, pc)
            }
            fault::CPU => Meaning::Signal(Sig::Ill, 1, pc),
            fault::IBE | fault::DBE => Meaning::Signal(Sig::Bus, 2, addr),
            _ => Meaning::Signal(Sig::Ill, 1, pc),
        }
    }

    fn sp(&self, st: &State) -> u64 {
        self.abi.ptr(self.x(st, SP))
    }

    fn set_sp(&self, st: &State, v: u64) {
        self.set_x(st, SP, v);
    }

    fn start(&self, st: &State, pc: u64, sp: u64) {
        st.set_pc(pc);
        self.set_x(st, SP, sp);
        // Position independent start code finds itself through t9.
        self.set_x(st, T9, pc);
    }

    fn set_tls(&self, st: &State, v: u64) {
        let v = if self.flavour == Flavour::N64 {
            v
        } else {
            v as i32 as i64 as u64
        };
        self.set(st, self.regs.userlocal, v);
    }

    fn cpuinfo(&self) -> String {
        format!(
            "system type\t\t: tinamou\nprocessor\t\t: 0\ncpu model\t\t: {}\n\n",
            self.abi.machine
        )
    }

    fn clear_exclusive(&self, st: &State) {
        self.set(st, self.regs.llbit, 0);
    }

    fn trampoline(&self) -> Vec<u8> {
        let (sig, rt) = match self.flavour {
            Flavour::O32 => (4119, 4193),
            Flavour::N64 => (5211, 5211),
            Flavour::N32 => (6211, 6211),
        };
        let mut o = Out::new(&self.abi);
        for n in [sig, rt] {
            o.u32(0x2402_0000 | n).u32(0x0000_000c);
        }
        o.done()
    }

    fn registers(&self, st: &State, set: RegSet, _orig: u64) -> Res<Vec<u8>> {
        self.traced_set(st, set)
    }

    fn set_registers(&self, st: &State, set: RegSet, b: &[u8], _orig: &mut u64) -> Res<()> {
        self.set_traced_set(st, set, b)
    }

    fn user_word(&self, st: &State, at: u64, _orig: &mut u64, set: Option<u64>) -> Res<u64> {
        self.traced_word(st, at, set)
    }

    fn audit(&self) -> u32 {
        let order = if self.abi.big_endian { 0 } else { 0x4000_0000 };
        order
            | match self.flavour {
                Flavour::O32 => 8,
                Flavour::N64 => 0x8000_0008,
                Flavour::N32 => 0xa000_0008,
            }
    }

    fn traced_area(&self, st: &State, _n: u64) -> Res<Vec<u8>> {
        let tls = self.get(st, self.regs.userlocal);
        Ok(Out::new(&self.abi).long(tls).done())
    }

    fn push_signal(&self, st: &State, space: &mut Space, f: &Frame<'_>) -> Res<()> {
        let head = FRAME_HEAD;
        let with_info = f.siginfo || self.flavour != Flavour::O32;
        let mut o = Out::new(&self.abi);
        o.pad(head);
        if with_info {
            o.bytes(f.info).pad_to(head + 128);
            // ucontext
            o.long(0)
                .long(0)
                .long(f.altstack.0)
                .long(f.altstack.2)
                .u32(f.altstack.1);
            o.align(8);
        }
        let sc = o.buf.len();
        o.bytes(&self.sigcontext(st)).sigset(f.mask);
        let bytes = o.done();
        // Linux leaves room for the FPU emulator's trampoline.
        let align = if self.flavour == Flavour::O32 { 7 } else { 15 };
        let base = f.sp.wrapping_sub(32).wrapping_sub(bytes.len() as u64) & !align;
        space.write(base, &bytes)?;
        self.set_x(st, A0, f.signal as u64);
        if with_info {
            self.set_x(st, A0 + 1, base + head as u64);
            self.set_x(st, A0 + 2, base + head as u64 + 128);
        } else {
            self.set_x(st, A0 + 1, 0);
            self.set_x(st, A0 + 2, base + sc as u64);
        }
        self.set_x(st, SP, base);
        self.set_x(st, RA, f.trampoline + if with_info { 8 } else { 0 });
        self.set_x(st, T9, f.handler);
        st.set_pc(self.abi.ptr(f.handler));
        Ok(())
    }

    fn pop_signal(&self, st: &State, space: &mut Space, rt: bool) -> Res<Restored> {
        let base = self.sp(st) + FRAME_HEAD as u64;
        let mut buf = vec![0; 1024];
        let n = if rt { 1024 } else { 608 };
        // The frame may lie at the very top of the stack.
        let mut got = n;
        while space.read(base, &mut buf[..got]).is_err() {
            got = got.checked_sub(16).filter(|&g| g >= 600).ok_or(EFAULT)?;
        }
        let mut i = In::new(&self.abi, &buf[..got]);
        let mut altstack = None;
        if rt {
            i.skip(128);
            i.long()?;
            i.long()?;
            let (sp, size, flags) = (i.long()?, i.long()?, i.u32()?);
            altstack = Some((sp, flags, size));
            if self.abi.long == 8 {
                i.skip(4);
            } else if self.flavour == Flavour::N32 || self.flavour == Flavour::O32 {
                // 128 + 20 bytes so far: the sigcontext is aligned to 8.
                i.skip(4);
            }
        }
        self.restore(st, &mut i)?;
        Ok(Restored {
            mask: i.sigset()?,
            altstack,
        })
    }
}

impl UserCpu for Mips {
    fn enter(&mut self, state: &State) {
        self.start_user(state, self.model.wide, self.model.wide);
    }

    fn raising(&mut self, state: &State, fault: &Fault, pc: u64, _note: u64) -> u64 {
        if fault.code & PAGE_FAULT == 0 {
            self.note_fpu(state, fault);
        }
        pc
    }

    fn is_nop(&self, id: HelperId) -> bool {
        id.0 == helpers::SYNCI.0
    }
}
