//! The floating-point unit: x87 state (its registers are the MMX registers) and MXCSR. `x87` has the instructions, `sse` those of SSE that
//! compute, `avx` those of AVX, `simd` the integer lanes, `d3now` 3DNow!, `crypto` AES and carry-less products, `sha` SHA, `image` FXSAVE and the older images.

pub mod avx;
pub mod crypto;
pub mod d3now;
mod image;
pub use image::what as image_what;
mod quick;
pub mod sha;
pub mod simd;
pub mod sse;
mod transcendental;
pub mod x87;

use tinamou_softfloat::F80;

use crate::state::Codec;

/// x87 and SSE control state.
#[derive(Clone, PartialEq, Debug)]
pub struct Fpu {
    /// Registers by physical number.
    pub regs: [F80; 8],
    /// Physical registers in use.
    pub full: u8,
    /// Number of ST(0).
    pub top: u8,
    /// Control word.
    pub cw: u16,
    /// Status word without TOP.
    pub sw: u16,
    /// The last store put nothing into memory: an unmasked exception.
    pub held: bool,
    /// MXCSR.
    pub mxcsr: u32,
    /// Flags of the last PCMPxSTRM.
    pub string_flags: u32,
}

impl Default for Fpu {
    fn default() -> Fpu {
        Fpu {
            regs: [F80::default(); 8],
            full: 0,
            top: 0,
            cw: 0x40,
            sw: 0,
            held: false,
            mxcsr: 0x1f80,
            string_flags: 0,
        }
    }
}

impl Fpu {
    /// The state after reset.
    pub fn power_on(&mut self) {
        *self = Fpu::default();
    }

    /// An unmasked exception waits.
    pub fn pending(&self) -> bool {
        self.sw & 0x80 != 0
    }

    /// An x87 instruction may raise or meet an exception.
    pub fn may_trap(&self) -> bool {
        self.sw & 0x80 != 0 || self.cw & 0x3f != 0x3f
    }

    /// SSE arithmetic may run on the host: nearest, all masked, inexact sticky, no flushing.
    pub fn sse_fast(&self) -> bool {
        self.mxcsr & 0xffe0 == 0x1fa0
    }

    /// Every MMX instruction but EMMS does this.
    pub fn enter_mmx(&mut self) {
        self.top = 0;
        self.full = 0xff;
    }

    pub(crate) fn walk(&mut self, c: &mut Codec<'_>) -> Result<(), String> {
        for r in &mut self.regs {
            let mut e = r.sign_exp as u32;
            c.u64(&mut r.mantissa)?;
            c.u32(&mut e)?;
            r.sign_exp = e as u16;
        }
        let mut words = [
            self.full as u32,
            self.top as u32,
            self.cw as u32,
            self.sw as u32,
            self.mxcsr,
        ];
        for w in &mut words {
            c.u32(w)?;
        }
        self.full = words[0] as u8;
        self.top = words[1] as u8 & 7;
        self.cw = words[2] as u16;
        self.sw = words[3] as u16;
        self.mxcsr = words[4] & 0xffff;
        self.held = false;
        Ok(())
    }
}
