//! The mode word: what changes how code is lifted.
//!
//! Bits: 1..0 MMU index (0 kernel, 1 supervisor, 2 user, 3 error level or debug mode: kuseg unmapped); 2 64-bit operations; 3 data
//! addresses wrap to 32 bits; 4 Coprocessor 0 usable; 5 Coprocessor 1 usable; 6 Status.FR; 7 a watch register watches fetches; 8 FP
//! fast or exact mode; 9 FP exact mode; 10 byte order reversed (Status.RE in user mode); 11 64-bit addressing.

use crate::cp0::status as st;
use crate::fpu::fcsr::Speed;
use crate::models::CpuModel;

/// The decoded mode word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(pub u32);

/// Kernel mode.
pub const KERNEL: u8 = 0;
/// Supervisor mode.
pub const SUPERVISOR: u8 = 1;
/// User mode.
pub const USER: u8 = 2;
/// Kernel mode with Status.ERL set, or debug mode.
pub const ERROR: u8 = 3;

const OPS64: u32 = 1 << 2;
const WRAP: u32 = 1 << 3;
const CU0: u32 = 1 << 4;
const CU1: u32 = 1 << 5;
const FR: u32 = 1 << 6;
const WATCH_FETCH: u32 = 1 << 7;
/// The FPU's fast or exact mode.
const FPU_FAST: u32 = 1 << 8;
/// The FPU's exact mode.
const FPU_EXACT: u32 = 1 << 9;
const REVERSED: u32 = 1 << 10;
const ADDR64: u32 = 1 << 11;

impl Mode {
    /// The mode that Status puts `model` in.
    pub fn compute(model: &CpuModel, status: u32, debug: bool, watch_fetch: bool) -> Mode {
        let mmu = mmu_index(status, debug);
        let mut m = mmu as u32;
        if model.wide {
            let (ops, addr) = match mmu {
                USER => (status & (st::UX | st::PX) != 0, status & st::UX != 0),
                SUPERVISOR => (status & st::SX != 0, status & st::SX != 0),
                _ => (true, status & st::KX != 0),
            };
            if ops {
                m |= OPS64;
            }
            if mmu == USER && !addr {
                m |= WRAP;
            }
            if addr {
                m |= ADDR64;
            }
        }
        if matches!(mmu, KERNEL | ERROR) || status & st::CU0 != 0 {
            m |= CU0;
        }
        if status & st::CU1 != 0 && model.has_fpu() {
            m |= CU1;
        }
        if status & st::FR != 0 && model.fpu64() {
            m |= FR;
        }
        if mmu == USER && status & st::RE != 0 {
            m |= REVERSED;
        }
        if watch_fetch && !debug {
            m |= WATCH_FETCH;
        }
        Mode(m)
    }

    /// MMU index.
    pub fn mmu(self) -> u8 {
        (self.0 & 3) as u8
    }
    /// 64-bit operations are enabled.
    pub fn ops64(self) -> bool {
        self.0 & OPS64 != 0
    }
    /// Data addresses are sign-extended from 32 bits.
    pub fn wrap(self) -> bool {
        self.0 & WRAP != 0
    }
    /// Coprocessor 0 is usable.
    pub fn cu0(self) -> bool {
        self.0 & CU0 != 0
    }
    /// Coprocessor 1 is usable.
    pub fn cu1(self) -> bool {
        self.0 & CU1 != 0
    }
    /// 32 64-bit FPU registers.
    pub fn fr(self) -> bool {
        self.0 & FR != 0
    }
    /// This mode with the FPU's speed, if the FPU is on.
    pub fn with_fpu(self, speed: Speed) -> Mode {
        match speed {
            _ if !self.cu1() => self,
            Speed::Software => self,
            Speed::Exact => Mode(self.0 | FPU_FAST | FPU_EXACT),
            Speed::Fast => Mode(self.0 | FPU_FAST),
        }
    }
    /// The FPU's fast or exact mode.
    pub fn fpu_fast(self) -> bool {
        self.0 & FPU_FAST != 0
    }
    /// The FPU's exact mode.
    pub fn fpu_exact(self) -> bool {
        self.0 & FPU_EXACT != 0
    }
    /// Fetches are watched.
    pub fn watch_fetch(self) -> bool {
        self.0 & WATCH_FETCH != 0
    }
    /// Byte order is the other one.
    pub fn reversed(self) -> bool {
        self.0 & REVERSED != 0
    }
}

/// MMU index that Status selects.
pub fn mmu_index(status: u32, debug: bool) -> u8 {
    if debug || status & st::ERL != 0 {
        ERROR
    } else if status & st::EXL != 0 {
        KERNEL
    } else {
        match status >> 3 & 3 {
            0 => KERNEL,
            1 => SUPERVISOR,
            _ => USER,
        }
    }
}
