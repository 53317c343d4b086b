//! String instructions as a helper: as many iterations as lie before the next page boundary of either operand.

use tinamou_arena::Arena;
use tinamou_core::{Gpa, RamPage};
use tinamou_ir::MemArg;
use tinamou_ir::guest::{Access, Cx, Guest, State};

use crate::flags;
use crate::regs::{AX, CX, DI, DX, ES, SI};
use crate::{Res, X86};

/// MOVS.
pub const MOVS: u32 = 0;
/// STOS.
pub const STOS: u32 = 1;
/// LODS.
pub const LODS: u32 = 2;
/// SCAS.
pub const SCAS: u32 = 3;
/// CMPS.
pub const CMPS: u32 = 4;
/// INS.
pub const INS: u32 = 5;
/// OUTS.
pub const OUTS: u32 = 6;
/// REP or REPE.
pub const REP: u32 = 1 << 12;
/// REPNE.
pub const REPNE: u32 = 1 << 13;

/// ES and the source's segment are flat, alignment is not checked: no check is needed.
pub const FLAT: u32 = 1 << 14;
/// Position of the MMU index, where FLAT is set.
pub const MMU_SHIFT: u32 = 16;

/// Most iterations of one call.
const BATCH: u64 = 0x1000;

impl X86 {
    fn narrow(&self, state: &State, n: usize, alg: u32) -> u64 {
        let v = self.get(state, self.regs.gpr[n]);
        match alg {
            1 => v & 0xffff,
            2 => v & 0xffff_ffff,
            _ => v,
        }
    }

    fn put_narrow(&self, state: &State, n: usize, alg: u32, v: u64) {
        let old = self.get(state, self.regs.gpr[n]);
        let v = match alg {
            1 => old & !0xffff | v & 0xffff,
            2 => v & 0xffff_ffff,
            _ => v,
        };
        self.set(state, self.regs.gpr[n], v);
    }

    /// Helper STRING and STRING_IO; `how` is as the lifter packs it. Gives 1 if iterations remain.
    pub(crate) fn string(&mut self, cx: &mut dyn Cx, how: u32) -> Res<u64> {
        let state = cx.state().clone();
        let kind = how & 15;
        let alg = how >> 6 & 3;
        let rep = how & (REP | REPNE) != 0;
        let mut left = if rep { self.narrow(&state, CX, alg) } else { 1 };
        if left == 0 {
            return Ok(0);
        }
        // With TF a trap follows every iteration, with a data breakpoint any may.
        let one = self.get(&state, self.regs.eflags) as u32 & flags::TF != 0
            || self.sys.dr7 & 0xff != 0
            || matches!(kind, INS | OUTS);
        let batch = if one || !rep { 1 } else { BATCH };
        let mut done = 0;
        if batch > 1 && matches!(kind, MOVS | STOS) {
            done = self.bulk(cx, how, left)?;
            if rep {
                left -= done;
                self.put_narrow(&state, CX, alg, left);
            }
        }
        while done == 0 || matches!(kind, LODS | SCAS | CMPS) && done < batch && left > 0 {
            let again = match self.iteration(cx, how) {
                Ok(again) => again,
                // What was done stays done; the instruction faults when it runs again.
                Err(_) if done > 0 => break,
                Err(e) => return Err(e),
            };
            done += 1;
            if rep {
                left -= 1;
                self.put_narrow(&state, CX, alg, left);
            }
            if !again {
                return Ok(0);
            }
        }
        Ok((rep && left > 0) as u64)
    }

    /// One iteration; false if a REPE or REPNE ends.
    fn iteration(&mut self, cx: &mut dyn Cx, how: u32) -> Res<bool> {
        let state = cx.state().clone();
        let (kind, lg, alg, seg) = (
            how & 15,
            how >> 4 & 3,
            how >> 6 & 3,
            (how >> 8 & 7) as usize,
        );
        let bytes = 1u32 << lg;
        let mmu = self.mmu_of(&state, self.sys.cpl);
        let mut m = MemArg::new(bytes, mmu);
        m.aligned = self.aligned(&state) && lg > 0;
        let step = if self.get(&state, self.regs.df) != 0 {
            (bytes as u64).wrapping_neg()
        } else {
            bytes as u64
        };
        let (si, di) = (self.narrow(&state, SI, alg), self.narrow(&state, DI, alg));
        let mut again = true;
        match kind {
            MOVS | LODS | CMPS | OUTS => {
                let src = self.linear(&state, seg, si, bytes, false)?;
                match kind {
                    MOVS => {
                        let dst = self.linear(&state, ES, di, bytes, true)?;
                        let v = cx.load(self, src, m)?;
                        cx.store(self, dst, v, m)?;
                        self.put_narrow(&state, DI, alg, di.wrapping_add(step));
                    }
                    LODS => {
                        let v = cx.load(self, src, m)?;
                        self.put_value(&state, lg, v);
                    }
                    CMPS => {
                        let dst = self.linear(&state, ES, di, bytes, false)?;
                        let a = cx.load(self, src, m)?;
                        let b = cx.load(self, dst, m)?;
                        self.put_narrow(&state, DI, alg, di.wrapping_add(step));
                        again = self.compare(&state, how, lg, a, b);
                    }
                    _ => {
                        let port = self.get(&state, self.regs.gpr[DX]) as u16;
                        self.check_port(cx, port, lg)?;
                        let v = cx.load(self, src, m)?;
                        self.port_out(cx, port, lg, v);
                    }
                }
                self.put_narrow(&state, SI, alg, si.wrapping_add(step));
            }
            _ => {
                let write = kind != SCAS;
                let dst = self.linear(&state, ES, di, bytes, write)?;
                match kind {
                    STOS => {
                        let v = self.get(&state, self.regs.gpr[AX]);
                        cx.store(self, dst, v, m)?;
                    }
                    INS => {
                        let port = self.get(&state, self.regs.gpr[DX]) as u16;
                        self.check_port(cx, port, lg)?;
                        // The store must not fault behind the device's read.
                        self.probe_write(cx, dst, bytes, mmu)?;
                        let v = self.port_in(cx, port, lg);
                        cx.store(self, dst, v, m)?;
                    }
                    _ => {
                        let b = cx.load(self, dst, m)?;
                        let a = self.get(&state, self.regs.gpr[AX]);
                        again = self.compare(&state, how, lg, a, b);
                    }
                }
                self.put_narrow(&state, DI, alg, di.wrapping_add(step));
            }
        }
        Ok(again)
    }

    /// Whether alignment is checked.
    pub(crate) fn aligned(&self, state: &State) -> bool {
        self.mode_of(state).has(crate::mode::Mode::ALIGN)
    }

    /// Checks that a store would not fault.
    fn probe_write(&mut self, cx: &mut dyn Cx, va: u64, bytes: u32, mmu: u8) -> Res<()> {
        let state = cx.state().clone();
        for at in [va, va.wrapping_add(bytes as u64 - 1)] {
            self.translate(&state, cx.bus(), at, Access::Write, mmu)?;
        }
        Ok(())
    }

    fn put_value(&self, state: &State, lg: u32, v: u64) {
        let old = self.get(state, self.regs.gpr[AX]);
        let v = match lg {
            0 => old & !0xff | v & 0xff,
            1 => old & !0xffff | v & 0xffff,
            2 => v & 0xffff_ffff,
            _ => v,
        };
        self.set(state, self.regs.gpr[AX], v);
    }

    /// Flags of `a - b`; false if the repetition ends.
    fn compare(&self, state: &State, how: u32, lg: u32, a: u64, b: u64) -> bool {
        let shift = 64 - (8 << lg);
        let narrow = |v: u64| ((v << shift) as i64 >> shift) as u64;
        let (a, b) = (narrow(a), narrow(b));
        self.set(state, self.regs.cc_a, a);
        self.set(state, self.regs.cc_b, b);
        self.set(state, self.regs.cc_op, (flags::SUB << 2 | lg) as u64);
        self.set(state, self.regs.cf, (a < b) as u64);
        if how & REPNE != 0 { a != b } else { a == b }
    }

    /// MOVS and STOS upwards in RAM, up to the end of a page: how many iterations were done, perhaps none.
    fn bulk(&mut self, cx: &mut dyn Cx, how: u32, left: u64) -> Res<u64> {
        let state = cx.state().clone();
        let (kind, lg, alg, seg) = (
            how & 15,
            how >> 4 & 3,
            how >> 6 & 3,
            (how >> 8 & 7) as usize,
        );
        let flat = how & FLAT != 0;
        if self.get(&state, self.regs.df) != 0 || !flat && self.aligned(&state) {
            return Ok(0);
        }
        let mmu = if flat {
            (how >> MMU_SHIFT) as u8 & 3
        } else {
            self.mmu_of(&state, self.sys.cpl)
        };
        let (si, di) = (self.narrow(&state, SI, alg), self.narrow(&state, DI, alg));
        let wrap = if alg == 1 { 0x1_0000 } else { 0x1_0000_0000 };
        let room = |off: u64| {
            if alg == 3 {
                u64::MAX
            } else {
                (wrap - off) >> lg
            }
        };
        let mut n = left.min(BATCH).min(room(di));
        // Linear address of `n` elements that lie in one page.
        let place = |n: &mut u64, s: usize, off: u64, write: bool| {
            if *n == 0 {
                return None;
            }
            let va = if flat {
                off
            } else {
                self.linear(&state, s, off, 1 << lg, write).ok()?
            };
            *n = (*n).min((0x1000 - (va & 0xfff)) >> lg);
            let bytes = (*n << lg) as u32;
            let there = *n > 0 && (flat || self.linear(&state, s, off, bytes, write).is_ok());
            there.then_some(va)
        };
        let Some(dst) = place(&mut n, ES, di, true) else {
            return Ok(0);
        };
        let src = if kind == MOVS {
            n = n.min(room(si));
            let Some(src) = place(&mut n, seg, si, false) else {
                return Ok(0);
            };
            Some(src)
        } else {
            None
        };
        let bytes = (n << lg) as u32;
        // The order of the faults is that of one iteration: source first.
        let from = match src {
            Some(va) => match self.host_page(cx, va, false, mmu)? {
                Some((at, _)) => Some(at),
                None => return Ok(0),
            },
            None => None,
        };
        let Some((to, code)) = self.host_page(cx, dst, true, mmu)? else {
            return Ok(0);
        };
        match from {
            Some(from) => {
                copy(&state.arena, from, to, bytes, lg);
                self.put_narrow(&state, SI, alg, si.wrapping_add(bytes as u64));
            }
            None => fill(
                &state.arena,
                to,
                bytes,
                lg,
                self.get(&state, self.regs.gpr[AX]),
            ),
        }
        self.put_narrow(&state, DI, alg, di.wrapping_add(bytes as u64));
        if let Some(gpa) = code {
            cx.invalidate_code(gpa, bytes);
        }
        Ok(n)
    }

    /// Arena offset of a byte of RAM, and its physical address if its page may hold code that a store changes.
    fn host_page(
        &mut self,
        cx: &mut dyn Cx,
        va: u64,
        write: bool,
        mmu: u8,
    ) -> Res<Option<(u32, Option<Gpa>)>> {
        let mem = MemArg {
            probe_write: write,
            ..MemArg::new(1, mmu)
        };
        if let Some(at) = cx.direct(va, mem) {
            return Ok(Some((at, None)));
        }
        cx.probe(self, va, mem)?;
        if let Some(at) = cx.direct(va, mem) {
            return Ok(Some((at, None)));
        }
        let state = cx.state().clone();
        let access = if write { Access::Write } else { Access::Read };
        let t = self.translate(&state, cx.bus(), va, access, mmu)?;
        Ok(match cx.bus().page(t.gpa) {
            RamPage::Ram { arena, writable } if writable || !write => Some((
                (arena & !0xfff) + t.gpa.page_offset(),
                write.then_some(t.gpa),
            )),
            _ => None,
        })
    }
}

/// Copies upwards, element by element: where the ranges overlap, a pattern repeats.
fn copy(arena: &Arena, from: u32, to: u32, bytes: u32, lg: u32) {
    let mut i = 0;
    // Eight bytes at once are the same unless the copy reads what it wrote just before.
    if to <= from || to - from >= 8 {
        while bytes - i >= 8 {
            arena.write64(to + i, arena.read64(from + i));
            i += 8;
        }
    }
    while i < bytes {
        let (f, t) = (from + i, to + i);
        match lg {
            0 => arena.write8(t, arena.read8(f)),
            1 => arena.write16(t, arena.read16(f)),
            2 => arena.write32(t, arena.read32(f)),
            _ => arena.write64(t, arena.read64(f)),
        }
        i += 1 << lg;
    }
}

/// Fills with elements of 2^`lg` bytes.
fn fill(arena: &Arena, to: u32, bytes: u32, lg: u32, v: u64) {
    let ones = u64::MAX >> (64 - (8 << lg));
    let word = (v & ones).wrapping_mul(u64::MAX / ones);
    let mut i = 0;
    while bytes - i >= 8 {
        arena.write64(to + i, word);
        i += 8;
    }
    while i < bytes {
        match lg {
            0 => arena.write8(to + i, v as u8),
            1 => arena.write16(to + i, v as u16),
            _ => arena.write32(to + i, v as u32),
        }
        i += 1 << lg;
    }
}
