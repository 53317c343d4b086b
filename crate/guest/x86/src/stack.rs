//! Stacks as far transfers use them: pushes and pops through a stack segment that is not yet, or not any more, the one in SS.

use tinamou_ir::MemArg;
use tinamou_ir::guest::{Cx, State};

use crate::fault::{self, with};
use crate::regs::{SP, SS};
use crate::seg::{D, Seg};
use crate::{Res, X86};

/// A stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    /// The segment.
    pub seg: Seg,
    /// The pointer.
    pub sp: u64,
    /// 64-bit: no segment.
    pub long: bool,
    /// MMU index.
    pub mmu: u8,
    /// Error code of #SS.
    pub error: u32,
}

impl Stack {
    /// Mask of the pointer.
    pub fn mask(&self) -> u64 {
        if self.long {
            u64::MAX
        } else if self.seg.attr & D != 0 {
            0xffff_ffff
        } else {
            0xffff
        }
    }

    fn at(&self, off: u64, bytes: u32) -> Res<u64> {
        if self.long {
            return Ok(off);
        }
        if !self.seg.holds(off as u32, bytes) {
            return Err(with(fault::SS, self.error).into());
        }
        Ok(self.seg.base.wrapping_add(off) & 0xffff_ffff)
    }

    /// Pushes 2^`lg` bytes.
    pub fn push(&mut self, cpu: &mut X86, cx: &mut dyn Cx, lg: u32, v: u64) -> Res<()> {
        let sp = self.sp & !self.mask() | self.sp.wrapping_sub(1 << lg) & self.mask();
        let va = self.at(sp & self.mask(), 1 << lg)?;
        cx.store(cpu, va, v, MemArg::new(1 << lg, self.mmu))?;
        self.sp = sp;
        Ok(())
    }

    /// Pops 2^`lg` bytes.
    pub fn pop(&mut self, cpu: &mut X86, cx: &mut dyn Cx, lg: u32) -> Res<u64> {
        let va = self.at(self.sp & self.mask(), 1 << lg)?;
        let v = cx.load(cpu, va, MemArg::new(1 << lg, self.mmu))?;
        self.skip(1 << lg);
        Ok(v)
    }

    /// Moves the pointer up.
    pub fn skip(&mut self, n: u64) {
        self.sp = self.sp & !self.mask() | self.sp.wrapping_add(n) & self.mask();
    }
}

impl X86 {
    /// The current stack.
    pub(crate) fn stack(&self, state: &State) -> Stack {
        Stack {
            seg: self.seg(state, SS),
            sp: self.get(state, self.regs.gpr[SP]),
            long: self.code64(state),
            mmu: self.mmu_of(state, self.sys.cpl),
            error: 0,
        }
    }

    /// Sets SP from a stack.
    pub(crate) fn set_stack(&self, state: &State, s: &Stack) {
        let old = self.get(state, self.regs.gpr[SP]);
        // A 16-bit pointer leaves the rest of ESP; a 32-bit one clears the rest of RSP.
        let v = match s.mask() {
            0xffff => old & !0xffff | s.sp & 0xffff,
            m => s.sp & m,
        };
        self.set(state, self.regs.gpr[SP], v);
    }

    /// SS:ESP for privilege level `cpl` from the TSS.
    pub(crate) fn tss_stack(&mut self, cx: &mut dyn Cx, cpl: u32) -> Res<(u16, u64)> {
        let tr = self.sys.tr;
        let e = (tr.sel & !3) as u32;
        let wide = tr.attr & 8 != 0;
        let off = if wide { 4 + 8 * cpl } else { 2 + 4 * cpl };
        if off + if wide { 5 } else { 3 } > tr.limit {
            return Err(with(fault::TS, e).into());
        }
        let at = tr.base.wrapping_add(off as u64);
        if wide {
            let sp = self.read_table(cx, at, 4)?;
            Ok((self.read_table(cx, at + 4, 2)? as u16, sp))
        } else {
            let sp = self.read_table(cx, at, 2)?;
            Ok((self.read_table(cx, at.wrapping_add(2), 2)? as u16, sp))
        }
    }

    /// A stack pointer of the 64-bit TSS, at byte `off`.
    pub(crate) fn tss_stack64(&mut self, cx: &mut dyn Cx, off: u32) -> Res<u64> {
        let tr = self.sys.tr;
        if off + 7 > tr.limit {
            return Err(with(fault::TS, (tr.sel & !3) as u32).into());
        }
        self.read_table(cx, tr.base.wrapping_add(off as u64), 8)
    }
}
