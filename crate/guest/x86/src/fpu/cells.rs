//! Where the x87 state is: in the cells of the IR's op `f80`, memory that generated code reaches by that op alone. [`Fpu`] holds a copy of it while
//! something is done to it here.

use tinamou_ir::f80::{EMPTY, at};
use tinamou_ir::guest::State;
use tinamou_softfloat::F80;

use super::Fpu;
use crate::X86;

/// PE and C1, which have words of their own.
const APART: u32 = 0x20 | 0x200;

impl X86 {
    fn cell(&self, offset: u32) -> u32 {
        self.regs.x87_at + offset
    }

    /// TOP.
    fn x87_top(&self, state: &State) -> u32 {
        state.read32(self.cell(at::TOP)) >> 4 & 7
    }

    /// The status word without TOP.
    pub(crate) fn x87_status(&self, state: &State) -> u16 {
        let [inexact, c1, status] =
            [at::INEXACT, at::C1, at::STATUS].map(|w| state.read32(self.cell(w)));
        (status | inexact << 5 | c1 << 9) as u16
    }

    /// The control word.
    pub(crate) fn x87_control(&self, state: &State) -> u16 {
        state.read32(self.cell(at::CONTROL)) as u16
    }

    /// Copies the state to `fpu`; of the registers those whose physical numbers are in `which`.
    fn copy_to(&self, fpu: &mut Fpu, state: &State, which: u8) {
        for n in (0..8).filter(|n| which >> n & 1 != 0) {
            let cell = self.cell(16 * n);
            let tag = state.read32(cell + at::TAG);
            fpu.regs[n as usize] = F80 {
                sign_exp: tag as u16,
                mantissa: state.read64(cell),
            };
            let full = (tag & EMPTY == 0) as u8;
            fpu.full = fpu.full & !(1 << n) | full << n;
        }
        fpu.top = self.x87_top(state) as u8;
        fpu.sw = self.x87_status(state);
        fpu.cw = self.x87_control(state);
    }

    fn take_some(&mut self, state: &State, which: u8) {
        let mut fpu = std::mem::take(&mut self.fpu);
        self.copy_to(&mut fpu, state, which);
        self.fpu = fpu;
    }

    /// Copies the state back.
    fn give_some(&self, state: &State, which: u8) {
        let f = &self.fpu;
        for n in (0..8).filter(|n| which >> n & 1 != 0) {
            let cell = self.cell(16 * n);
            let r = f.regs[n as usize];
            let empty = if f.full >> n & 1 != 0 { 0 } else { EMPTY };
            state.write64(cell, r.mantissa);
            state.write32(cell + at::TAG, r.sign_exp as u32 | empty);
        }
        let status = f.sw as u32;
        for (word, v) in [
            (at::TOP, (f.top as u32) << 4),
            (at::STATUS, status & !APART),
            (at::INEXACT, status >> 5 & 1),
            (at::C1, status >> 9 & 1),
            (at::CONTROL, f.cw as u32),
        ] {
            state.write32(self.cell(word), v);
        }
    }

    /// Copies the whole state to `self.fpu`.
    pub(crate) fn take_x87(&mut self, state: &State) {
        self.take_some(state, 0xff);
    }

    /// Copies it back.
    pub(crate) fn give_x87(&self, state: &State) {
        self.give_some(state, 0xff);
    }

    /// Does something to the state.
    pub(crate) fn with_x87<T>(&mut self, state: &State, f: impl FnOnce(&mut Fpu) -> T) -> T {
        self.take_x87(state);
        let out = f(&mut self.fpu);
        self.give_x87(state);
        out
    }

    /// As [`X86::with_x87`] for an instruction on ST(0), ST(1), ST(d), ST(s) and what is pushed.
    pub(crate) fn with_operands<T>(
        &mut self,
        state: &State,
        d: u32,
        s: u32,
        f: impl FnOnce(&mut Fpu) -> T,
    ) -> T {
        let which = (0x83u8 | 1 << (d & 7) | 1 << (s & 7)).rotate_left(self.x87_top(state));
        self.take_some(state, which);
        let out = f(&mut self.fpu);
        self.give_some(state, which);
        out
    }

    /// What a store of ST(0) puts into memory, and which flags it adds, for `Stored` of the op `f80`.
    pub(crate) fn x87_value(&mut self, state: &State, m: iced_x86::Mnemonic, kind: u32) {
        let which = 1u8.rotate_left(self.x87_top(state));
        self.take_some(state, which);
        let v = self.fpu.x87_store(m, kind);
        state.write64(self.cell(at::SCRATCH), v);
        state.write32(self.cell(at::FLAGS), self.fpu.sw as u32 & 0x27f);
    }

    /// What every MMX instruction but EMMS does.
    pub(crate) fn enter_mmx(&self, state: &State) {
        state.write32(self.cell(at::TOP), 0);
        for n in 0..8 {
            let tag = self.cell(16 * n + at::TAG);
            let v = state.read32(tag);
            if v & EMPTY != 0 {
                state.write32(tag, v & !EMPTY);
            }
        }
    }

    /// EMMS.
    pub(crate) fn leave_mmx(&self, state: &State) {
        state.write32(self.cell(at::TOP), 0);
        for n in 0..8 {
            let tag = self.cell(16 * n + at::TAG);
            state.write32(tag, state.read32(tag) | EMPTY);
        }
    }

    /// MMX register `n`.
    pub(crate) fn mmx(&self, state: &State, n: usize) -> u64 {
        state.read64(self.cell(16 * (n as u32 & 7)))
    }

    /// Writes MMX register `n`.
    pub(crate) fn set_mmx(&self, state: &State, n: usize, v: u64) {
        let cell = self.cell(16 * (n as u32 & 7));
        state.write64(cell, v);
        state.write32(cell + at::TAG, 0xffff);
    }

    /// The whole state.
    pub fn fpu_state(&self, state: &State) -> Fpu {
        let mut copy = self.fpu.clone();
        self.copy_to(&mut copy, state, 0xff);
        copy
    }

    /// Sets the whole state.
    pub fn set_fpu_state(&mut self, state: &State, fpu: Fpu) {
        self.fpu = fpu;
        self.give_x87(state);
    }

    /// Changes it.
    pub fn change_fpu<T>(&mut self, state: &State, f: impl FnOnce(&mut Fpu) -> T) -> T {
        self.with_x87(state, f)
    }
}
