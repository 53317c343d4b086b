//! Registers of a traced thread, as linux/arch/mips/kernel/ptrace.c and uapi/asm/{ptrace,reg}.h lay them out. As in Linux there is no single step.

use tinamou_ir::guest::State;

use super::MipsArch;
use crate::abi::layout::{In, Out};
use crate::abi::mips::Flavour;
use crate::arch::RegSet;
use crate::errno::{EINVAL, EIO, Res};

/// Numbers of PTRACE_PEEKUSR behind the 32 general and the 32 floating point registers.
mod number {
    pub const PC: u64 = 64;
    pub const CAUSE: u64 = 65;
    pub const BADVADDR: u64 = 66;
    pub const HI: u64 = 67;
    pub const LO: u64 = 68;
    pub const FCSR: u64 = 69;
    pub const FIR: u64 = 70;
}

impl MipsArch {
    /// Registers in the order of `struct pt_regs`: general ones, LO, HI, PC, and three that are not known here.
    fn general(&self, st: &State) -> [u64; 38] {
        let mut v = [0; 38];
        let narrow = self.flavour == Flavour::O32;
        let sext = |v: u64| if narrow { v as i32 as i64 as u64 } else { v };
        for (n, x) in v.iter_mut().enumerate().take(32).skip(1) {
            *x = sext(self.x(st, n));
        }
        v[32] = sext(self.get(st, self.regs.lo));
        v[33] = sext(self.get(st, self.regs.hi));
        v[34] = sext(st.pc());
        v
    }

    fn set_general(&self, st: &State, v: &[u64]) {
        for (n, &x) in v.iter().enumerate().take(32).skip(1) {
            self.set_x(st, n, x);
        }
        if let [lo, hi, pc, ..] = v[32..] {
            self.set(st, self.regs.lo, lo);
            self.set(st, self.regs.hi, hi);
            st.set_pc(self.abi.ptr(pc));
        }
    }

    /// A floating point register; 32-bit ones are the halves of pairs.
    fn fpr(&self, st: &State, n: usize) -> u64 {
        if self.flavour == Flavour::O32 {
            let pair = self.get(st, self.regs.fpr[n & !1]);
            return pair >> (n % 2 * 32) & 0xffff_ffff;
        }
        self.get(st, self.regs.fpr[n])
    }

    fn set_fpr(&self, st: &State, n: usize, v: u64) {
        if self.flavour != Flavour::O32 {
            return self.set(st, self.regs.fpr[n], v);
        }
        let slot = self.regs.fpr[n & !1];
        let shift = n % 2 * 32;
        let kept = self.get(st, slot) & !(0xffff_ffff << shift);
        self.set(st, slot, kept | (v & 0xffff_ffff) << shift);
    }

    pub(super) fn traced_set(&self, st: &State, set: RegSet) -> Res<Vec<u8>> {
        let mut o = Out::new(&self.abi);
        match set {
            RegSet::General => {
                for v in self.general(st) {
                    o.u64(v);
                }
            }
            RegSet::Core if self.flavour == Flavour::O32 => {
                o.pad(24);
                for v in self.general(st) {
                    o.u32(v as u32);
                }
                o.pad(4);
            }
            RegSet::Core => {
                for v in self.general(st) {
                    o.u64(v);
                }
                o.pad(7 * 8);
            }
            RegSet::Fp => {
                for n in 0..32 {
                    // Doubles stand whole in the even ones.
                    o.u64(if self.flavour == Flavour::O32 && n % 2 == 0 {
                        self.get(st, self.regs.fpr[n])
                    } else {
                        self.fpr(st, n)
                    });
                }
                o.u32(self.fpu(st).fcsr()).u32(0);
            }
            RegSet::Fx | RegSet::Extended => return Err(EINVAL),
        }
        Ok(o.done())
    }

    pub(super) fn set_traced_set(&self, st: &State, set: RegSet, b: &[u8]) -> Res<()> {
        let mut i = In::new(&self.abi, b);
        let mut v = [0; 38];
        match set {
            RegSet::Core if self.flavour == Flavour::O32 => {
                i.skip(24);
                for x in &mut v {
                    *x = i.u32()? as i32 as i64 as u64;
                }
                self.set_general(st, &v);
            }
            RegSet::General | RegSet::Core => {
                for x in &mut v {
                    *x = i.u64()?;
                }
                self.set_general(st, &v);
            }
            RegSet::Fp => {
                for n in 0..32 {
                    let x = i.u64()?;
                    if self.flavour != Flavour::O32 || n % 2 == 0 {
                        self.set(st, self.regs.fpr[n], x);
                    }
                }
                self.fpu(st).set_fcsr(i.u32()? & !0x3f000);
            }
            RegSet::Fx | RegSet::Extended => return Err(EINVAL),
        }
        Ok(())
    }

    /// A register by its number.
    pub(super) fn traced_word(&self, st: &State, at: u64, set: Option<u64>) -> Res<u64> {
        let n = at as usize;
        if let Some(v) = set {
            match at {
                0..32 => self.set_x(st, n, v),
                32..64 => self.set_fpr(st, n - 32, v),
                number::PC => st.set_pc(self.abi.ptr(v)),
                number::HI => self.set(st, self.regs.hi, v),
                number::LO => self.set(st, self.regs.lo, v),
                number::FCSR => self.fpu(st).set_fcsr(v as u32 & !0x3f000),
                _ => return Err(EIO),
            }
            return Ok(0);
        }
        Ok(match at {
            0 => 0,
            1..32 => self.x(st, n),
            32..64 => self.fpr(st, n - 32),
            number::PC => st.pc(),
            number::HI => self.get(st, self.regs.hi),
            number::LO => self.get(st, self.regs.lo),
            number::FCSR => self.fpu(st).fcsr() as u64,
            number::CAUSE | number::BADVADDR | number::FIR => 0,
            _ => return Err(EIO),
        })
    }
}
