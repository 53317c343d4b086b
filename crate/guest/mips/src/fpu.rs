//! Coprocessor 1: the control and status register, and arithmetic on plain bits.
//!
//! Modelled from the MIPS64 Architecture For Programmers, vol. I-A (MD00083, "FPU Programming Model") and vol. II-A (MD00087), release 2,
//! with FCSR.NAN2008 = ABS2008 = 0. Where the manual leaves a choice it is made as QEMU's 24Kf and MIPS64R2-generic make it:
//! denormal operands and results are computed in full (no unimplemented operation, Cause.E is only ever set by CTC1), a multiply-add
//! rounds twice, a NaN operand gives the default NaN, ABS, NEG and the moves change no Cause bit, a conversion to an integer that does not fit gives the
//! largest one. Unlike QEMU, and as the manual says: with FS = 1 denormal operands count as zeros and a tiny result becomes zero or the
//! smallest normal number, by the rounding mode, with underflow and inexact; an enabled underflow traps on an exact tiny result
//! too.
//!
//! Missing: the MIPS-3D instructions (ADDR.PS, CABS, RECIP1, ...). Must not depend on the lifter.

pub mod fcsr;
mod guest;
pub mod insn;
pub mod op;
mod soft;
pub mod state;

pub use insn::Insn;
pub use op::{Fmt, Kind, Op};
pub use soft::{Outcome, eval};
