//! Software floating point: IEEE 754 binary16, binary32, binary64 and the x87 80-bit extended format, in integer
//! arithmetic alone, so that every host computes the same bits.
//!
//! Modelled from IEEE 754-2008 and, where it leaves a choice (NaNs, tininess, flushing, conversions that do not fit),
//! from the guests' manuals: the choices are data in [`Env`] and [`NanRules`], never code per guest.
//!
//! Values are raw bits: `u16`, `u32`, `u64` and [`F80`] implement [`Float`]. All operations are methods of [`Env`],
//! which holds the rounding mode and collects the flags:
//!
//! ```
//! use tinamou_softfloat::{Env, Flags, NanRules};
//! let mut env = Env::new(NanRules::MIPS_LEGACY);
//! let third = env.div(1f32.to_bits(), 3f32.to_bits());
//! assert_eq!(third, 0x3eaa_aaab);
//! assert!(env.flags.has(Flags::INEXACT));
//! ```
//!
//! How it works: an operand is unpacked into sign, exponent and a 64-bit significand whose top bit is the integer bit;
//! an operation yields sign, exponent and up to 128 bits of significand (all below that as one sticky bit); one
//! function rounds and packs for every format.
//!
//! Missing: binary128, decimal formats, ARM's alternative half precision, transcendental functions, fused
//! multiply-add on [`F80`] (no guest has it). Must not depend on anything but `core`, nor use host floating point.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arith;
mod compare;
mod convert;
mod env;
mod float;
mod fma;
mod int;
mod nan;
mod rem;
mod round;
mod unpacked;
mod wide;

pub use compare::Relation;
pub use env::{Env, Flags, Flush, Precision, Rounding};
pub use float::{Class, F80, Float};
pub use fma::{Fused, Negate};
pub use int::{Int, NotInt};
pub use nan::{DefaultNan, FmaInfZero, NanPick, NanRules};
pub use rem::PartialRemainder;
