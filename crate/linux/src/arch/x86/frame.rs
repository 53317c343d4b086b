//! Signal frames of i386 and x86-64, as linux/arch/x86/kernel/signal*.c and uapi/asm/{sigcontext,ucontext}.h lay them out.

use tinamou_ir::guest::State;
use tinamou_x86::flags;
use tinamou_x86::regs::{AX, BP, BX, CS, CX, DI, DS, DX, ES, FS, GS, SI, SP, SS};
use tinamou_x86::user::{CODE32, CODE64, DATA};

use super::{FSAVE, FX, X86Arch};
use crate::abi::layout::{In, Out};
use crate::arch::{Arch, Frame, Restored};
use crate::errno::{EFAULT, Res};
use crate::mem::space::Space;

/// Flags a frame gives back (FIX_EFLAGS).
pub(super) const RESTORED: u32 = flags::ARITH | flags::AC | flags::DF | flags::TF | flags::RF;
/// Order of registers in a 64-bit sigcontext.
const ORDER64: [usize; 16] = [8, 9, 10, 11, 12, 13, 14, 15, DI, SI, BP, BX, DX, AX, CX, SP];
/// uc_flags: SS is there and is to be taken as it is. Bit 0: the FPU's state is an XSAVE image.
const UC_SS: u64 = 6;

impl X86Arch {
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
            // 32-bit code of a 64-bit program goes on as such; other selectors are those of user mode whatever stands there.
            let cs = i.u64()? as u16;
            if [CODE32, CODE64].contains(&cs) {
                cpu.load_selector(st, CS, cs);
            }
            i.skip(16);
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

    pub(super) fn push_frame(&self, st: &State, space: &mut Space, f: &Frame<'_>) -> Res<()> {
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
            image.splice(0..0, self.fsave(st));
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

    pub(super) fn pop_frame(&self, st: &State, space: &mut Space, rt: bool) -> Res<Restored> {
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
