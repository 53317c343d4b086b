//! AVX instructions as helpers: operands out of registers and memory, results back.

use iced_x86::Mnemonic;
use tinamou_ir::MemArg;
use tinamou_ir::guest::{Cx, State};

use crate::fault::{self, fault};
use crate::fpu::avx::{Made, Operands, Ymm};
use crate::regs::{AX, CX, DX};
use crate::{Res, X86};

/// Position of the destination; the mnemonic is in the low 16 bits.
pub const D: u32 = 16;
/// Position of the first source.
pub const S1: u32 = 20;
/// Position of the second source.
pub const S2: u32 = 24;
/// Position of the third source.
pub const S3: u32 = 28;
/// Position of the immediate, of a gather the scale.
pub const IMM: u32 = 32;
/// 256 bits.
pub const LONG: u32 = 40;
/// The second source is in memory.
pub const MEMORY: u32 = 41;
/// The destination is in memory.
pub const STORE: u32 = 42;
/// The second source is a general register.
pub const GENERAL: u32 = 43;
/// The general register is 64 bits wide.
pub const WIDE: u32 = 44;
/// There is an immediate.
pub const IMMEDIATE: u32 = 45;
/// Position of the memory operand's size in bytes.
pub const BYTES: u32 = 48;

impl X86 {
    fn ymm(&self, state: &State, n: u64) -> Ymm {
        let n = n as usize & 15;
        [self.regs.xmm[n], self.regs.ymm[n]].map(|slot| self.get128(state, slot))
    }

    fn set_ymm(&self, state: &State, n: u64, v: Ymm) {
        let n = n as usize & 15;
        for (slot, v) in [self.regs.xmm[n], self.regs.ymm[n]].into_iter().zip(v) {
            self.set128(state, slot, v);
        }
    }

    fn vector_at(&self, state: &State, va: u64, by: u64) -> u64 {
        let va = va.wrapping_add(by);
        if self.code64(state) {
            va
        } else {
            va & 0xffff_ffff
        }
    }

    fn load_vector(&mut self, cx: &mut dyn Cx, va: u64, bytes: u32, mmu: u8) -> Res<Ymm> {
        let state = cx.state().clone();
        let step = bytes.min(8);
        let mut v = [0; 2];
        for i in (0..bytes).step_by(step as usize) {
            let at = self.vector_at(&state, va, i as u64);
            let part = cx.load(self, at, MemArg::new(step, mmu))?;
            v[(i / 16) as usize] |= (part as u128) << (8 * (i % 16));
        }
        Ok(v)
    }

    /// Helper AVX_OP: `what` as the constants above say, the memory operand at `va`.
    pub(crate) fn avx_op(&mut self, cx: &mut dyn Cx, what: u64, va: u64) -> Res<()> {
        let state = cx.state().clone();
        let m = Mnemonic::try_from(what as usize & 0xffff).unwrap_or(Mnemonic::INVALID);
        let bit = |n: u32| what >> n & 1 != 0;
        let mmu = self.mmu_of(&state, self.sys.cpl);
        let bytes = (what >> BYTES & 63) as u32;
        let mut o = Operands {
            a: self.ymm(&state, what >> S1),
            b: self.ymm(&state, what >> S2),
            c: self.ymm(&state, what >> S3),
            imm: (what >> IMM & 0xff) as u32,
            long: bit(LONG),
            wide: bit(WIDE),
            gpr: 0,
            lengths: [AX, DX].map(|n| self.get(&state, self.regs.gpr[n])),
        };
        if bit(MEMORY) {
            o.b = self.load_vector(cx, va, bytes, mmu)?;
            o.gpr = o.b[0] as u64;
        }
        if bit(GENERAL) {
            o.gpr = self.get(&state, self.regs.gpr[(what >> S2) as usize & 15]);
        }
        // VPERMILxx by an immediate has one source.
        if matches!(m, Mnemonic::Vpermilps | Mnemonic::Vpermilpd) {
            o.gpr = bit(IMMEDIATE) as u64;
            if bit(IMMEDIATE) {
                o.a = o.b;
            }
        }
        o.shift_by_immediate(m, bit(IMMEDIATE));
        if crate::fpu::avx::is_fma(m) {
            (o.a, o.b, o.c) = (self.ymm(&state, what >> D), o.a, o.b);
        }
        if bit(STORE) {
            let mem = MemArg {
                probe_write: true,
                ..MemArg::new(1, mmu)
            };
            for i in [0, bytes as u64 - 1] {
                let at = self.vector_at(&state, va, i);
                cx.probe(self, at, mem)?;
            }
        }
        let before = self.fpu.sse_fast();
        let out = self.fpu.avx(m, &o);
        if before != self.fpu.sse_fast() {
            cx.leave();
        }
        let out = out.map_err(|f| {
            // Without CR4.OSXMMEXCPT an unmasked exception is #UD.
            if self.sys.cr4 & crate::sys::cr4::OSXMMEXCPT == 0 {
                fault(fault::UD)
            } else {
                f
            }
        })?;
        let Some(out) = out else {
            return Err(fault(fault::UD).into());
        };
        match out {
            Made::Ymm(v) if bit(STORE) => {
                for i in 0..bytes / 8 {
                    let at = self.vector_at(&state, va, 8 * i as u64);
                    let part = (v[(i / 2) as usize] >> (64 * (i % 2))) as u64;
                    cx.store(self, at, part, MemArg::new(8, mmu))?;
                }
            }
            Made::Ymm(v) if matches!(m, Mnemonic::Vpcmpistrm | Mnemonic::Vpcmpestrm) => {
                self.set_ymm(&state, 0, v);
                self.arith_flags_out(&state, self.fpu.string_flags);
            }
            Made::Ymm(v) => self.set_ymm(&state, what >> D, v),
            Made::Gpr(v) => {
                let v = if o.wide { v } else { v & 0xffff_ffff };
                self.set(&state, self.regs.gpr[(what >> D) as usize & 15], v);
            }
            Made::Index(v) => {
                self.set(&state, self.regs.gpr[CX], v & 0xffff_ffff);
                self.arith_flags_out(&state, (v >> 32) as u32);
            }
            Made::Flags(f) => self.arith_flags_out(&state, f),
        }
        Ok(())
    }

    /// Helper AVX_MASKED: VMASKMOVxx and its kin, and the gathers. Elements that are masked off are not touched; a gather that faults has
    /// cleared the mask of what it has.
    pub(crate) fn avx_masked(&mut self, cx: &mut dyn Cx, what: u64, va: u64) -> Res<()> {
        use Mnemonic::*;
        let state = cx.state().clone();
        let m = Mnemonic::try_from(what as usize & 0xffff).unwrap_or(INVALID);
        let mmu = self.mmu_of(&state, self.sys.cpl);
        let long = what >> LONG & 1 != 0;
        let element = |v: &Ymm, i: u32, bits: u32| {
            (v[(i * bits / 128) as usize] >> (i * bits % 128)) as u64 & (u64::MAX >> (64 - bits))
        };
        let put = |v: &mut Ymm, i: u32, bits: u32, e: u64| {
            let (h, at) = ((i * bits / 128) as usize, i * bits % 128);
            let ones = (u64::MAX >> (64 - bits)) as u128;
            v[h] = v[h] & !(ones << at) | (e as u128) << at;
        };
        let gather = !matches!(m, Vmaskmovps | Vmaskmovpd | Vpmaskmovd | Vpmaskmovq);
        let bits = match m {
            Vmaskmovps | Vpmaskmovd | Vgatherdps | Vgatherqps | Vpgatherdd | Vpgatherqd => 32,
            _ => 64,
        };
        let width = if long { 256 } else { 128 };
        let mem = MemArg::new(bits / 8, mmu);
        if !gather {
            let mask = self.ymm(&state, what >> S1);
            let count = width / bits;
            let on = |i: u32| element(&mask, i, bits) >> (bits - 1) != 0;
            let place = |cpu: &X86, i: u32| cpu.vector_at(&state, va, (i * bits / 8) as u64);
            if what >> STORE & 1 == 0 {
                let mut v = [0; 2];
                for i in (0..count).filter(|&i| on(i)) {
                    let at = place(self, i);
                    let e = cx.load(self, at, mem)?;
                    put(&mut v, i, bits, e);
                }
                self.set_ymm(&state, what >> D, v);
                return Ok(());
            }
            let v = self.ymm(&state, what >> D);
            let probe = MemArg {
                probe_write: true,
                ..mem
            };
            for i in (0..count).filter(|&i| on(i)) {
                let at = place(self, i);
                cx.probe(self, at, probe)?;
            }
            for i in (0..count).filter(|&i| on(i)) {
                let at = place(self, i);
                cx.store(self, at, element(&v, i, bits), mem)?;
            }
            return Ok(());
        }
        let index_bits = match m {
            Vgatherqps | Vgatherqpd | Vpgatherqd | Vpgatherqq => 64,
            _ => 32,
        };
        let count = width / bits.max(index_bits);
        let index = self.ymm(&state, what >> S1);
        let mut mask = self.ymm(&state, what >> S2);
        let mut v = self.ymm(&state, what >> D);
        if !long || index_bits > bits {
            (v[1], mask[1]) = (0, 0);
        }
        let scale = what >> IMM & 0xff;
        let mut stopped = None;
        for i in 0..count {
            if element(&mask, i, bits) >> (bits - 1) != 0 {
                let n = element(&index, i, index_bits);
                let n = if index_bits == 32 {
                    n as i32 as i64 as u64
                } else {
                    n
                };
                let at = self.vector_at(&state, va, n.wrapping_mul(scale));
                match cx.load(self, at, mem) {
                    Ok(e) => put(&mut v, i, bits, e),
                    Err(e) => {
                        stopped = Some(e);
                        break;
                    }
                }
            }
            put(&mut mask, i, bits, 0);
        }
        if let Some(e) = stopped {
            self.set_ymm(&state, what >> D, v);
            self.set_ymm(&state, what >> S2, mask);
            return Err(e);
        }
        // What lies above the elements is zero.
        let used = count * bits;
        if used < 128 {
            v[0] &= u128::MAX >> (128 - used);
        }
        if used <= 128 {
            v[1] = 0;
        }
        self.set_ymm(&state, what >> D, v);
        self.set_ymm(&state, what >> S2, [0; 2]);
        Ok(())
    }
}
