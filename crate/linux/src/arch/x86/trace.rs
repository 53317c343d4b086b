//! Registers of a traced thread, as linux/arch/x86/kernel/ptrace.c and sys/user.h lay them out.
//!
//! Debug registers are the CPU's own, kept by thread. As Linux does, DR4 and DR5 are none, and what DR7 turns on must be a breakpoint there can
//! be: aligned, and not of ports.

use tinamou_ir::guest::State;
use tinamou_x86::flags;
use tinamou_x86::regs::{AX, BP, BX, CS, CX, DI, DS, DX, ES, FS, GS, SI, SP, SS};

use super::frame::RESTORED;
use super::{FSAVE, FX, X86Arch};
use crate::abi::layout::{In, Out};
use crate::arch::RegSet;
use crate::errno::{EINVAL, EIO, ENODEV, ENOSYS, Res};

/// A place of `user_regs_struct`.
#[derive(Clone, Copy)]
enum Place {
    Gpr(usize),
    Orig,
    Pc,
    Flags,
    Selector(usize),
    Base(usize),
}

use Place::{Base, Flags, Gpr, Orig, Pc, Selector};

const PLACES_64: &[Place] = &[
    Gpr(15),
    Gpr(14),
    Gpr(13),
    Gpr(12),
    Gpr(BP),
    Gpr(BX),
    Gpr(11),
    Gpr(10),
    Gpr(9),
    Gpr(8),
    Gpr(AX),
    Gpr(CX),
    Gpr(DX),
    Gpr(SI),
    Gpr(DI),
    Orig,
    Pc,
    Selector(CS),
    Flags,
    Gpr(SP),
    Selector(SS),
    Base(FS),
    Base(GS),
    Selector(DS),
    Selector(ES),
    Selector(FS),
    Selector(GS),
];
const PLACES_32: &[Place] = &[
    Gpr(BX),
    Gpr(CX),
    Gpr(DX),
    Gpr(SI),
    Gpr(DI),
    Gpr(BP),
    Gpr(AX),
    Selector(DS),
    Selector(ES),
    Selector(FS),
    Selector(GS),
    Orig,
    Pc,
    Selector(CS),
    Flags,
    Gpr(SP),
    Selector(SS),
];

impl X86Arch {
    fn places(&self) -> &'static [Place] {
        if self.wide { PLACES_64 } else { PLACES_32 }
    }

    fn place(&self, st: &State, p: Place, orig: u64) -> u64 {
        let cpu = self.cpu.borrow();
        match p {
            Gpr(n) => self.x(st, n),
            Orig => self.abi.ptr(orig),
            Pc => st.pc(),
            Flags => cpu.eflags(st) as u64,
            Selector(n) => cpu.selector(st, n) as u64,
            Base(n) => self.get(st, self.regs.base[n]),
        }
    }

    fn set_place(&self, st: &State, p: Place, v: u64, orig: &mut u64) {
        match p {
            Gpr(n) => self.set_x(st, n, v),
            Orig => *orig = if self.wide { v } else { v as i32 as i64 as u64 },
            Pc => st.set_pc(self.abi.ptr(v)),
            Flags => {
                let cpu = self.cpu.borrow();
                let old = cpu.eflags(st);
                cpu.set_eflags(st, old & !RESTORED | v as u32 & RESTORED);
            }
            Selector(n) if !self.wide && n != CS && n != SS => {
                self.cpu.borrow().load_selector(st, n, v as u16);
            }
            Base(n) => st.set_slot(&self.regs.table, self.regs.base[n], v),
            // Code, stack, and 64-bit data segments are those of every program.
            Selector(_) => {}
        }
    }

    pub(super) fn traced_set(&self, st: &State, set: RegSet, orig: u64) -> Res<Vec<u8>> {
        match set {
            RegSet::General | RegSet::Core => {
                let mut o = Out::new(&self.abi);
                for &p in self.places() {
                    o.long(self.place(st, p, orig));
                }
                Ok(o.done())
            }
            RegSet::Fp if !self.wide => {
                let mut b = self.fsave(st);
                b.truncate(FSAVE - 4);
                Ok(b)
            }
            RegSet::Fp | RegSet::Fx => Ok(self.fx(st)),
            RegSet::Extended if self.has_xsave() => Ok(self.xstate(st)),
            RegSet::Extended => Err(ENODEV),
        }
    }

    pub(super) fn set_traced_set(
        &self,
        st: &State,
        set: RegSet,
        b: &[u8],
        orig: &mut u64,
    ) -> Res<()> {
        match set {
            RegSet::General | RegSet::Core => {
                let mut i = In::new(&self.abi, b);
                for &p in self.places() {
                    self.set_place(st, p, i.long()?, orig);
                }
                Ok(())
            }
            RegSet::Fp if !self.wide => {
                let mut b = b.to_vec();
                b.resize(FSAVE, 0);
                self.set_fsave(st, &b)
            }
            RegSet::Fp | RegSet::Fx => {
                if b.len() < FX {
                    return Err(EINVAL);
                }
                self.set_fx(st, b)
            }
            RegSet::Extended if self.has_xsave() => self.set_xstate(st, b, u64::MAX),
            RegSet::Extended => Err(ENODEV),
        }
    }

    /// A word of `struct user`.
    pub(super) fn traced_word(
        &self,
        st: &State,
        at: u64,
        orig: &mut u64,
        set: Option<u64>,
    ) -> Res<u64> {
        let long = self.abi.long as u64;
        // As far as Linux looks: the last word of i386's is behind the structure.
        let (debug, end) = if self.wide { (848, 928) } else { (252, 288) };
        if !at.is_multiple_of(long) || at >= end {
            return Err(EIO);
        }
        let Some(&p) = self.places().get((at / long) as usize) else {
            return if at < debug {
                Ok(0)
            } else {
                self.debug_register((at - debug) / long, set)
            };
        };
        if let Some(v) = set {
            self.set_place(st, p, v, orig);
        }
        Ok(self.place(st, p, *orig))
    }

    /// A debug register by its number.
    fn debug_register(&self, n: u64, set: Option<u64>) -> Res<u64> {
        /// Bits of DR7 that programs have.
        const DR7: u64 = 0xffff_03ff;
        let mut cpu = self.cpu.borrow_mut();
        let all = cpu.debug_registers();
        let place = match n {
            0..=3 => n as usize,
            6 => 4,
            7 => 5,
            _ if set.is_some() => return Err(EIO),
            _ => return Ok(0),
        };
        let Some(v) = set else {
            // The CPU keeps bits that are always set.
            return Ok(match n {
                6 => all[4] | 0xffff_0ff0,
                7 => all[5] & DR7,
                _ => all[place],
            });
        };
        let v = match n {
            6 => v,
            7 => {
                let v = v & DR7;
                for (n, at) in (0..4).zip(all) {
                    let (kind, len) = (v >> (16 + 4 * n) & 3, v >> (18 + 4 * n) & 3);
                    let bytes = [1, 2, 8, 4][len as usize];
                    let fits = match kind {
                        0 => len == 0,
                        2 => false,
                        _ => at % bytes == 0 && (bytes < 8 || self.wide),
                    };
                    if v >> (2 * n) & 3 != 0 && !fits {
                        return Err(EINVAL);
                    }
                }
                v
            }
            _ if self.wide && v >= self.abi.task_size => return Err(EINVAL),
            _ => v,
        };
        cpu.set_debug_register(place, v);
        Ok(0)
    }

    pub(super) fn step(&self, st: &State, on: bool) {
        let cpu = self.cpu.borrow();
        let f = cpu.eflags(st) & !flags::TF;
        cpu.set_eflags(st, f | if on { flags::TF } else { 0 });
    }

    pub(super) fn enter_traced_call(&self, st: &State) {
        self.set_x(st, AX, (-(ENOSYS.0 as i64)) as u64);
    }
}
