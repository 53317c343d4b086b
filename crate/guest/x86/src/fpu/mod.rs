//! The floating-point unit: x87 state (its registers are the MMX registers) and MXCSR. `x87` has the instructions, `sse` those of SSE that
//! compute, `avx` those of AVX, `simd` the integer lanes, `d3now` 3DNow!, `crypto` AES and carry-less products, `sha` SHA, `image` FXSAVE and the older images.

pub mod avx;
mod cells;
pub mod crypto;
pub mod d3now;
mod image;
pub use image::what as image_what;
pub mod sha;
pub mod simd;
pub mod sse;
mod transcendental;
pub mod x87;

use tinamou_softfloat::F80;

use crate::state::Codec;

/// x87 and SSE control state. In a vCPU the x87 part lies in its state (see `cells`), and what is here is a copy.
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
    /// SSE arithmetic may run on the host: nearest, all masked, inexact sticky, no flushing.
    pub fn sse_fast(&self) -> bool {
        self.mxcsr & 0xffe0 == 0x1fa0
    }

    /// Saves or loads what is not in the vCPU's state.
    pub(crate) fn walk(&mut self, c: &mut Codec<'_>) -> Result<(), String> {
        c.u32(&mut self.mxcsr)?;
        self.mxcsr &= 0xffff;
        self.held = false;
        Ok(())
    }
}
