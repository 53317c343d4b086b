//! The FPU's state in signal frames and for tracers: FXSAVE and XSAVE images (linux/arch/x86/kernel/fpu/{signal,regset}.c), and the older one of i386.

use tinamou_ir::guest::State;
use tinamou_softfloat::F80;
use tinamou_x86::fpu::Fpu;
use tinamou_x86::models::feature;
use tinamou_x86::xsave;

use super::{FSAVE, FX, X86Arch};
use crate::abi::layout::{In, Out};
use crate::errno::{EFAULT, Res};
use crate::mem::space::Space;

/// Where a frame's FXSAVE image says that more follows (`struct _fpx_sw_bytes`), and a tracer's which components there are.
const SOFTWARE: usize = 464;
/// FP_XSTATE_MAGIC1.
const MAGIC1: u32 = 0x4650_5853;
/// FP_XSTATE_MAGIC2, behind the image.
const MAGIC2: u32 = 0x4650_5845;
/// Bytes of the XSAVE header.
const HEADER: usize = 64;

impl X86Arch {
    /// The FXSAVE image.
    pub(super) fn fx(&self, st: &State) -> Vec<u8> {
        let mut b = self.cpu.borrow().fpu_state(st).to_fx();
        for slot in self.regs.xmm[..if self.wide { 16 } else { 8 }].iter() {
            b.extend_from_slice(&st.slot128(&self.regs.table, *slot).to_le_bytes());
        }
        b.resize(FX, 0);
        b
    }

    pub(super) fn set_fx(&self, st: &State, b: &[u8]) -> Res<()> {
        let head = b.get(..160).ok_or(EFAULT)?;
        let mut cpu = self.cpu.borrow_mut();
        cpu.change_fpu(st, |f| f.from_fx(head, true));
        drop(cpu);
        let mut i = In::new(&self.abi, b);
        i.skip(160);
        for slot in self.regs.xmm[..if self.wide { 16 } else { 8 }].iter() {
            let v = i.u64()? as u128 | (i.u64()? as u128) << 64;
            st.set_slot128(&self.regs.table, *slot, v);
        }
        Ok(())
    }

    /// The older image: environment, registers, status, and the mark that says an FXSAVE image follows.
    pub(super) fn fsave(&self, st: &State) -> Vec<u8> {
        let f = self.cpu.borrow().fpu_state(st);
        let mut o = Out::new(&self.abi);
        for w in [f.cw, f.status(), f.tag_word()] {
            o.u32(0xffff_0000 | w as u32);
        }
        o.u32(0).u32(0).u32(0).u32(0xffff_0000);
        for i in 0..8 {
            let r = f.regs[(f.top as usize + i) & 7];
            o.bytes(&r.mantissa.to_le_bytes())
                .bytes(&r.sign_exp.to_le_bytes());
        }
        o.bytes(&f.status().to_le_bytes()).bytes(&[0, 0]);
        o.done()
    }

    pub(super) fn set_fsave(&self, st: &State, b: &[u8]) -> Res<()> {
        let word = |at: usize| {
            b.get(at..at + 2)
                .map(|w| u16::from_le_bytes([w[0], w[1]]))
                .ok_or(EFAULT)
        };
        let mut f = self.cpu.borrow().fpu_state(st);
        f.cw = word(0)? & 0x1f7f | 0x40;
        let status = word(4)?;
        f.top = (status >> 11 & 7) as u8;
        f.sw = status & !0x3800;
        f.set_tag_word(word(8)?);
        for i in 0..8 {
            let at = 28 + 10 * i;
            let mut mantissa = 0;
            for n in 0..4 {
                mantissa |= (word(at + 2 * n)? as u64) << (16 * n);
            }
            let n = (f.top as usize + i) & 7;
            f.regs[n] = F80 {
                sign_exp: word(at + 8)?,
                mantissa,
            };
        }
        f.summarise();
        self.cpu.borrow_mut().set_fpu_state(st, f);
        Ok(())
    }

    /// Frames hold XSAVE images.
    pub(super) fn has_xsave(&self) -> bool {
        self.cpu.borrow().model.has(feature::XSAVE)
    }

    /// Bytes of an XSAVE image, and its components.
    fn extent(&self) -> (usize, u64) {
        if self.cpu.borrow().model.has(feature::AVX) {
            let all = xsave::X87 | xsave::SSE | xsave::AVX;
            (xsave::AVX_AT + xsave::AVX_BYTES, all)
        } else {
            (FX + HEADER, xsave::X87 | xsave::SSE)
        }
    }

    /// The XSAVE image.
    pub(super) fn xstate(&self, st: &State) -> Vec<u8> {
        let (bytes, all) = self.extent();
        let mut b = self.fx(st);
        b[SOFTWARE..SOFTWARE + 8].copy_from_slice(&all.to_le_bytes());
        let mut high: Vec<u8> = Vec::new();
        for slot in self.regs.ymm[..if self.wide { 16 } else { 8 }].iter() {
            high.extend_from_slice(&st.slot128(&self.regs.table, *slot).to_le_bytes());
        }
        // The upper halves are not there while they are zero.
        let there = if high.iter().all(|&b| b == 0) {
            all & !xsave::AVX
        } else {
            all
        };
        b.extend_from_slice(&there.to_le_bytes());
        b.resize(FX + HEADER, 0);
        if all & xsave::AVX != 0 {
            b.extend(high);
        }
        b.resize(bytes, 0);
        b
    }

    /// Takes an XSAVE image; of its components only those in `asked`, the others are as in a fresh process.
    pub(super) fn set_xstate(&self, st: &State, b: &[u8], asked: u64) -> Res<()> {
        let (bytes, all) = self.extent();
        if b.len() < bytes {
            return Err(EFAULT);
        }
        let mut i = In::new(&self.abi, &b[FX..]);
        let there = i.u64()? & asked & all;
        self.set_fx(st, b)?;
        let mut cpu = self.cpu.borrow_mut();
        if there & xsave::X87 == 0 {
            cpu.change_fpu(st, |f| {
                *f = Fpu {
                    cw: 0x37f,
                    mxcsr: f.mxcsr,
                    ..Fpu::default()
                }
            });
        }
        drop(cpu);
        if there & xsave::SSE == 0 {
            for slot in &self.regs.xmm {
                st.set_slot128(&self.regs.table, *slot, 0);
            }
        }
        let mut i = In::new(&self.abi, b);
        i.skip(xsave::AVX_AT);
        for slot in self.regs.ymm[..if self.wide { 16 } else { 8 }].iter() {
            let v = if there & xsave::AVX != 0 {
                i.u64()? as u128 | (i.u64()? as u128) << 64
            } else {
                0
            };
            st.set_slot128(&self.regs.table, *slot, v);
        }
        Ok(())
    }

    /// The state of a signal frame, without i386's older image in front.
    pub(super) fn frame_fpu(&self, st: &State) -> Vec<u8> {
        if !self.has_xsave() {
            return self.fx(st);
        }
        let (bytes, all) = self.extent();
        let mut b = self.xstate(st);
        let older = if self.wide { 0 } else { FSAVE };
        let software = Out::new(&self.abi)
            .u32(MAGIC1)
            .u32((bytes + 4 + older) as u32)
            .u64(all)
            .u32(bytes as u32)
            .pad(28)
            .done();
        b[SOFTWARE..SOFTWARE + software.len()].copy_from_slice(&software);
        b.extend_from_slice(&MAGIC2.to_le_bytes());
        b
    }

    /// Takes the state of a signal frame at `at`; 0 for none.
    pub(super) fn restore_fpu(&self, st: &State, space: &mut Space, at: u64) -> Res<()> {
        if at == 0 {
            self.cpu.borrow_mut().clear_fpu(st);
            return Ok(());
        }
        let head = if self.wide { 0 } else { FSAVE };
        let mut b = vec![0; head + FX];
        space.read(at, &mut b)?;
        match self.extended(space, at + head as u64, &b[head..])? {
            Some((image, asked)) => self.set_xstate(st, &image, asked)?,
            None => {
                self.set_fx(st, &b[head..])?;
                for slot in &self.regs.ymm {
                    st.set_slot128(&self.regs.table, *slot, 0);
                }
            }
        }
        if head != 0 {
            self.set_fsave(st, &b)?;
        }
        Ok(())
    }

    /// The XSAVE image at `at`, whose first part is `fx`, and the components to take, if the marks say that it is one.
    fn extended(&self, space: &mut Space, at: u64, fx: &[u8]) -> Res<Option<(Vec<u8>, u64)>> {
        if !self.has_xsave() {
            return Ok(None);
        }
        let (bytes, _) = self.extent();
        let mut i = In::new(&self.abi, &fx[SOFTWARE..]);
        let (magic, whole, asked, size) = (i.u32()?, i.u32()?, i.u64()?, i.u32()?);
        if magic != MAGIC1 || (size as usize) < FX + HEADER || size as usize > bytes || whole < size
        {
            return Ok(None);
        }
        let mut b = vec![0; size as usize + 4];
        space.read(at, &mut b)?;
        if b[size as usize..] != MAGIC2.to_le_bytes() {
            return Ok(None);
        }
        b.resize(bytes, 0);
        Ok(Some((b, asked)))
    }
}
