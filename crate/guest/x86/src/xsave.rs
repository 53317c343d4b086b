//! XSAVE and its kin (SDM volume 1, chapter 13): x87, SSE and the upper halves of AVX, in the standard and in the compacted form, which
//! lie alike as there is one extended component.

use tinamou_ir::guest::Cx;
use tinamou_softfloat::F80;

use crate::fault::{fault, gp};
use crate::models::feature;
use crate::sys::cr4;
use crate::{Res, X86, fault};

/// x87.
pub const X87: u64 = 1;
/// XMM registers.
pub const SSE: u64 = 2;
/// Upper halves of YMM registers.
pub const AVX: u64 = 4;

/// Where the header lies, and behind it the upper halves.
const HEADER: usize = 512;
/// Where the upper halves lie.
pub const AVX_AT: usize = 576;
/// Bytes of them.
pub const AVX_BYTES: usize = 256;
/// MXCSR after a reset.
const MXCSR: u32 = 0x1f80;

/// What [`X86::xsave`] does.
pub mod what {
    /// XSAVE.
    pub const SAVE: u32 = 0;
    /// XSAVEOPT.
    pub const OPT: u32 = 1;
    /// XSAVEC.
    pub const COMPACT: u32 = 2;
    /// XRSTOR.
    pub const RESTORE: u32 = 3;
}

fn word(b: &[u8], at: usize) -> u64 {
    let mut w = [0; 8];
    w.copy_from_slice(&b[at..at + 8]);
    u64::from_le_bytes(w)
}

impl X86 {
    /// The components that the model has.
    pub(crate) fn xcr0_bits(&self) -> u64 {
        X87 | SSE | if self.model.has(feature::AVX) { AVX } else { 0 }
    }

    /// AVX instructions may run, but for CR0.TS.
    pub(crate) fn avx_on(&self) -> bool {
        self.sys.cr4 & cr4::OSXSAVE != 0 && self.sys.xcr0 & (SSE | AVX) == SSE | AVX
    }

    /// Raises what the instructions here meet.
    fn xsave_check(&self) -> Res<()> {
        if self.sys.cr4 & cr4::OSXSAVE == 0 {
            return Err(fault(fault::UD).into());
        }
        Ok(())
    }

    /// XGETBV.
    pub(crate) fn xgetbv(&self, cx: &dyn Cx, n: u32) -> Res<u64> {
        self.xsave_check()?;
        match n {
            0 => Ok(self.sys.xcr0),
            // What XSAVEC would save of all.
            1 if self.model.has(feature::XGETBV1) => Ok(self.sys.xcr0 & self.in_use(cx)),
            _ => Err(gp(0).into()),
        }
    }

    /// XSETBV.
    pub(crate) fn xsetbv(&mut self, cx: &mut dyn Cx, n: u32, v: u64) -> Res<()> {
        self.xsave_check()?;
        let good = v & X87 != 0 && v & !self.xcr0_bits() == 0 && v & (SSE | AVX) != AVX;
        if n != 0 || !good {
            return Err(gp(0).into());
        }
        self.sys.xcr0 = v;
        cx.leave();
        Ok(())
    }

    /// Components that are not as after a reset.
    fn in_use(&self, cx: &dyn Cx) -> u64 {
        let state = cx.state();
        let f = &self.fpu;
        let x87 = f.cw != 0x37f
            || f.status() != 0
            || f.full != 0
            || f.regs.iter().any(|r| *r != F80::default());
        let used =
            |slots: &[tinamou_ir::Slot; 16]| slots.iter().any(|&s| self.get128(state, s) != 0);
        let mut bits = 0;
        for (on, bit) in [
            (x87, X87),
            (used(&self.regs.xmm), SSE),
            (used(&self.regs.ymm), AVX),
        ] {
            if on {
                bits |= bit;
            }
        }
        bits
    }

    /// XSAVE, XSAVEOPT, XSAVEC and XRSTOR of the components in `asked`.
    pub(crate) fn xsave(&mut self, cx: &mut dyn Cx, how: u32, va: u64, asked: u64) -> Res<()> {
        self.xsave_check()?;
        if self.sys.cr0 & crate::sys::cr0::TS != 0 {
            return Err(fault(fault::NM).into());
        }
        if va & 63 != 0 {
            return Err(gp(0).into());
        }
        let asked = asked & self.sys.xcr0;
        if how == what::RESTORE {
            return self.xrstor(cx, va, asked);
        }
        let state = cx.state().clone();
        let count = if self.code64(&state) { 16 } else { 8 };
        self.take_x87(&state);
        let mut used = self.in_use(cx);
        let compact = how == what::COMPACT;
        if compact && self.fpu.mxcsr != MXCSR {
            used |= SSE;
        }
        let written = if how == what::SAVE {
            asked
        } else {
            asked & used
        };
        let old = if compact {
            0
        } else {
            let b = self.read_image(cx, va.wrapping_add(HEADER as u64), 8)?;
            word(&b, 0)
        };
        let halves = |cpu: &X86, slots: &[tinamou_ir::Slot; 16]| -> Vec<u8> {
            let all = slots[..count].iter();
            all.flat_map(|&s| cpu.get128(&state, s).to_le_bytes())
                .collect()
        };
        let fx = self.fpu.to_fx();
        let mut parts: Vec<(usize, Vec<u8>)> = Vec::new();
        if written & X87 != 0 {
            parts.push((0, fx[..24].to_vec()));
            parts.push((32, fx[32..160].to_vec()));
        }
        if asked & (SSE | AVX) != 0 && (!compact || written & (SSE | AVX) != 0) {
            parts.push((24, fx[24..32].to_vec()));
        }
        if written & SSE != 0 {
            parts.push((160, halves(self, &self.regs.xmm)));
        }
        if written & AVX != 0 {
            parts.push((AVX_AT, halves(self, &self.regs.ymm)));
        }
        let bits = old & !asked | used & asked;
        let mut header = bits.to_le_bytes().to_vec();
        if compact {
            header.extend_from_slice(&(asked | 1 << 63).to_le_bytes());
        }
        parts.push((HEADER, header));
        for (at, bytes) in &parts {
            for end in [0, bytes.len() as u64 - 1] {
                self.probe_image(cx, va.wrapping_add(*at as u64 + end))?;
            }
        }
        for (at, bytes) in parts {
            self.write_image(cx, va.wrapping_add(at as u64), &bytes)?;
        }
        Ok(())
    }

    fn xrstor(&mut self, cx: &mut dyn Cx, va: u64, asked: u64) -> Res<()> {
        let state = cx.state().clone();
        let count = if self.code64(&state) { 16 } else { 8 };
        let header = self.read_image(cx, va.wrapping_add(HEADER as u64), 64)?;
        let (there, form) = (word(&header, 0), word(&header, 8));
        let compact = form >> 63 != 0;
        let (known, zeros) = if compact {
            (form & !(1 << 63), 16)
        } else {
            (self.sys.xcr0, 8)
        };
        let end = if compact { 64 } else { 24 };
        if compact && (!self.model.has(feature::XSAVEC) || known & !self.sys.xcr0 != 0)
            || there & !known != 0
            || header[zeros..end].iter().any(|&b| b != 0)
        {
            return Err(gp(0).into());
        }
        let b = self.read_image(cx, va, HEADER as u64)?;
        let high = if asked & there & AVX != 0 {
            self.read_image(cx, va.wrapping_add(AVX_AT as u64), 16 * count as u64)?
        } else {
            vec![0; 16 * count]
        };
        let load_mxcsr = if compact {
            asked & there & (SSE | AVX) != 0
        } else {
            asked & (SSE | AVX) != 0
        };
        let mxcsr = word(&b, 24) as u32;
        if load_mxcsr && mxcsr >> 16 != 0 {
            return Err(gp(0).into());
        }
        if asked & X87 != 0 {
            self.with_x87(&state, |fpu| {
                if there & X87 != 0 {
                    fpu.from_fx(&b[..160], false);
                } else {
                    *fpu = crate::fpu::Fpu {
                        cw: 0x37f,
                        mxcsr: fpu.mxcsr,
                        ..crate::fpu::Fpu::default()
                    };
                }
            });
        }
        if load_mxcsr {
            self.fpu.mxcsr = mxcsr;
        } else if asked & (SSE | AVX) != 0 {
            self.fpu.mxcsr = MXCSR;
        }
        for n in 0..count {
            let pair = |b: &[u8], at: usize| word(b, at) as u128 | (word(b, at + 8) as u128) << 64;
            if asked & SSE != 0 {
                let v = if there & SSE != 0 {
                    pair(&b, 160 + 16 * n)
                } else {
                    0
                };
                self.set128(&state, self.regs.xmm[n], v);
            }
            if asked & AVX != 0 {
                self.set128(&state, self.regs.ymm[n], pair(&high, 16 * n));
            }
        }
        self.drive_ferr(cx);
        cx.leave();
        Ok(())
    }
}
