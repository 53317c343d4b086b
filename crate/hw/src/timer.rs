//! Timers and clocks.
pub mod hpet;
pub mod i8254;
pub mod mc146818;
