//! Images in memory: FXSAVE, FNSAVE, FNSTENV and back (SDM volume 1, 8.1.10 and 10.5.1). Instruction and operand addresses are zeros.

use tinamou_ir::MemArg;
use tinamou_ir::guest::{Cx, State};
use tinamou_softfloat::{Class, F80, Float, NanRules};

use crate::fault::{fault, gp};
use crate::{Res, X86, fault};

/// What `X86::fpu_image` does.
pub mod what {
    /// FNSTENV.
    pub const STENV: u32 = 0;
    /// FLDENV.
    pub const LDENV: u32 = 1;
    /// FNSAVE.
    pub const SAVE: u32 = 2;
    /// FRSTOR.
    pub const RSTOR: u32 = 3;
    /// FXSAVE.
    pub const FXSAVE: u32 = 4;
    /// FXRSTOR.
    pub const FXRSTOR: u32 = 5;
    /// LDMXCSR.
    pub const LDMXCSR: u32 = 6;
}

impl super::Fpu {
    /// The tag word in its old form.
    pub fn tag_word(&self) -> u16 {
        let mut w = 0;
        for i in 0..8 {
            let tag = if self.full >> i & 1 == 0 {
                3
            } else {
                match self.regs[i].classify(&NanRules::X87) {
                    Class::Zero => 1,
                    Class::Normal => 0,
                    _ => 2,
                }
            };
            w |= tag << (2 * i);
        }
        w
    }

    /// Sets the tags from it.
    pub fn set_tag_word(&mut self, w: u16) {
        self.full = (0..8).fold(0, |f, i| f | if w >> (2 * i) & 3 == 3 { 0 } else { 1 << i });
    }

    pub(crate) fn set_status(&mut self, w: u16) {
        self.top = (w >> 11 & 7) as u8;
        self.sw = w & !0x3800;
    }

    /// The first 288 bytes of an FXSAVE image, without XMM registers.
    pub fn to_fx(&self) -> Vec<u8> {
        let mut b = vec![0; 160];
        b[0..2].copy_from_slice(&self.cw.to_le_bytes());
        b[2..4].copy_from_slice(&self.status().to_le_bytes());
        b[4] = self.full;
        b[24..28].copy_from_slice(&self.mxcsr.to_le_bytes());
        b[28..32].copy_from_slice(&0xffffu32.to_le_bytes());
        for i in 0..8 {
            let r = self.regs[(self.top as usize + i) & 7];
            b[32 + 16 * i..][..8].copy_from_slice(&r.mantissa.to_le_bytes());
            b[40 + 16 * i..][..2].copy_from_slice(&r.sign_exp.to_le_bytes());
        }
        b
    }

    /// Loads what `to_fx` gives; MXCSR only with `sse`.
    pub fn from_fx(&mut self, b: &[u8], sse: bool) {
        let word = |i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
        self.cw = word(0) & 0x1f7f | 0x40;
        self.set_status(word(2));
        self.full = b[4];
        if sse {
            self.mxcsr = u32::from_le_bytes([b[24], b[25], b[26], b[27]]) & 0xffff;
        }
        for i in 0..8 {
            let at = 32 + 16 * i;
            let mut m = [0; 8];
            m.copy_from_slice(&b[at..at + 8]);
            let n = (self.top as usize + i) & 7;
            self.regs[n] = F80 {
                sign_exp: word(at + 8),
                mantissa: u64::from_le_bytes(m),
            };
        }
        self.summarise();
    }
}

impl X86 {
    pub(crate) fn read_image(&mut self, cx: &mut dyn Cx, va: u64, bytes: u64) -> Res<Vec<u8>> {
        let mmu = self.mmu_of(&cx.state().clone(), self.sys.cpl);
        let mut out = Vec::new();
        while out.len() < bytes as usize {
            let done = out.len() as u64;
            let n = if bytes - done >= 8 { 8 } else { 2 };
            let at = self.wrap(va.wrapping_add(done), cx);
            let v = cx.load(self, at, MemArg::new(n, mmu))?;
            out.extend_from_slice(&v.to_le_bytes()[..n as usize]);
        }
        Ok(out)
    }

    /// Checks that a byte may be written.
    pub(crate) fn probe_image(&mut self, cx: &mut dyn Cx, va: u64) -> Res<()> {
        let mmu = self.mmu_of(&cx.state().clone(), self.sys.cpl);
        let at = self.wrap(va, cx);
        let mem = MemArg {
            probe_write: true,
            ..MemArg::new(1, mmu)
        };
        cx.probe(self, at, mem)
    }

    fn wrap(&self, va: u64, cx: &dyn Cx) -> u64 {
        if self.code64(cx.state()) {
            va
        } else {
            va & 0xffff_ffff
        }
    }

    pub(crate) fn write_image(&mut self, cx: &mut dyn Cx, va: u64, bytes: &[u8]) -> Res<()> {
        let state: State = cx.state().clone();
        let mmu = self.mmu_of(&state, self.sys.cpl);
        // Both ends are checked before anything is written: an image lies in two pages at most.
        for at in [va, va.wrapping_add(bytes.len() as u64 - 1)] {
            self.probe_image(cx, at)?;
        }
        let mut done = 0;
        while done < bytes.len() {
            let n = if bytes.len() - done >= 8 { 8 } else { 2 };
            let mut v = [0; 8];
            v[..n].copy_from_slice(&bytes[done..done + n]);
            let at = self.wrap(va.wrapping_add(done as u64), cx);
            let v = u64::from_le_bytes(v);
            cx.store(self, at, v, MemArg::new(n as u32, mmu))?;
            done += n;
        }
        Ok(())
    }

    /// Helper FPU_IMAGE: bits 0 to 7 of `how` say what, bit 8 a 16-bit operand, bit 9 FXSAVE64.
    pub(crate) fn fpu_image(&mut self, cx: &mut dyn Cx, how: u32, va: u64) -> Res<()> {
        let state = cx.state().clone();
        let small = how & 0x100 != 0;
        let (word, env) = if small { (2, 14) } else { (4, 28) };
        let xmms = if self.code64(&state) { 16 } else { 8 };
        let sse = self.sys.cr4 & crate::sys::cr4::OSFXSR != 0;
        self.take_x87(&state);
        match how & 0xff {
            what::STENV | what::SAVE => {
                let f = &self.fpu;
                let mut out = Vec::new();
                for v in [f.cw, f.status(), f.tag_word()] {
                    out.extend_from_slice(&v.to_le_bytes());
                    if !small {
                        out.extend_from_slice(&[0xff, 0xff]);
                    }
                }
                out.resize(env, 0);
                if !small {
                    // The upper half of the operand's selector reads as ones.
                    out[26..28].copy_from_slice(&[0xff, 0xff]);
                }
                if how & 0xff == what::SAVE {
                    for i in 0..8 {
                        let r = f.regs[(f.top as usize + i) & 7];
                        out.extend_from_slice(&r.mantissa.to_le_bytes());
                        out.extend_from_slice(&r.sign_exp.to_le_bytes());
                    }
                }
                self.write_image(cx, va, &out)?;
                if how & 0xff == what::SAVE {
                    self.fpu.x87(iced_x86::Mnemonic::Fninit, 0, 0, 0);
                } else {
                    // All exceptions are masked behind FNSTENV.
                    self.fpu.cw |= 0x3f;
                    self.fpu.summarise();
                }
            }
            what::LDENV | what::RSTOR => {
                let regs = how & 0xff == what::RSTOR;
                let b = self.read_image(cx, va, env as u64 + if regs { 80 } else { 0 })?;
                let w = |i: usize| u16::from_le_bytes([b[i * word], b[i * word + 1]]);
                let f = &mut self.fpu;
                f.cw = w(0) & 0x1f7f | 0x40;
                f.set_status(w(1));
                f.set_tag_word(w(2));
                if regs {
                    for i in 0..8 {
                        let at = env + 10 * i;
                        let mut m = [0; 8];
                        m.copy_from_slice(&b[at..at + 8]);
                        let n = (f.top as usize + i) & 7;
                        f.regs[n] = F80 {
                            sign_exp: u16::from_le_bytes([b[at + 8], b[at + 9]]),
                            mantissa: u64::from_le_bytes(m),
                        };
                    }
                }
                f.summarise();
            }
            what::FXSAVE => {
                if va & 15 != 0 {
                    return Err(gp(0).into());
                }
                let mut out = self.fpu.to_fx();
                if sse {
                    for i in 0..xmms {
                        let v = self.get128(&state, self.regs.xmm[i]);
                        out.extend_from_slice(&v.to_le_bytes());
                    }
                }
                self.write_image(cx, va, &out)?;
            }
            what::FXRSTOR => {
                if va & 15 != 0 {
                    return Err(gp(0).into());
                }
                let b = self.read_image(cx, va, 160 + 16 * xmms as u64)?;
                if sse && (b[26] | b[27]) != 0 {
                    return Err(gp(0).into());
                }
                self.fpu.from_fx(&b, sse);
                if sse {
                    for i in 0..xmms {
                        let mut v = [0; 16];
                        v.copy_from_slice(&b[160 + 16 * i..][..16]);
                        self.set128(&state, self.regs.xmm[i], u128::from_le_bytes(v));
                    }
                }
            }
            what::LDMXCSR => {
                let b = self.read_image(cx, va, 4)?;
                if (b[2] | b[3]) != 0 {
                    return Err(gp(0).into());
                }
                self.fpu.mxcsr = u16::from_le_bytes([b[0], b[1]]) as u32;
            }
            _ => return Err(fault(fault::UD).into()),
        }
        self.give_x87(&state);
        self.drive_ferr(cx);
        cx.leave();
        Ok(())
    }
}
