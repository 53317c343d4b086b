//! The mode word: everything that changes how code is lifted.

use crate::regs::{CS, DS, ES, SS};

/// Bits of the mode word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(pub u32);

/// How accesses through a segment are checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// By a helper that looks at the descriptor.
    Slow = 0,
    /// Readable, writable (CS: readable), expand-up: offsets up to the limit.
    Limit = 1,
    /// As `Limit`, and the limit is 4 GiB.
    Open = 2,
}

/// How x87 instructions are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X87 {
    /// All exceptions masked, none waits, nearest rounding to 64 bits.
    Usual,
    /// CR0.EM or TS: a helper decides what x87 and MMX instructions and WAIT raise.
    Off,
    /// An exception waits, or is not masked: waiting instructions look before, and leave behind.
    Error,
    /// All masked, none waits, another rounding or precision.
    Masked,
}

impl Mode {
    /// Default operand size: 0 for 16, 1 for 32, 2 for 64 bits.
    pub const SIZE: u32 = 3;
    /// CR0.PE.
    pub const PE: u32 = 1 << 2;
    /// EFLAGS.VM.
    pub const VM: u32 = 1 << 3;
    /// SS.B: the stack pointer is ESP.
    pub const STACK32: u32 = 1 << 4;
    /// In 64-bit code, where the stack pointer is RSP: AVX instructions may run without a look.
    pub const AVX: u32 = Mode::STACK32;
    /// Position of CPL.
    pub const CPL_SHIFT: u32 = 5;
    /// Position of the classes of ES, CS, SS, DS, FS, GS, two bits each.
    pub const CLASS_SHIFT: u32 = 7;
    /// Position of four bits: the bases of ES, CS, SS, DS are 0.
    pub const ZERO_SHIFT: u32 = 19;
    /// With [`Mode::FPU_ERROR`] two bits that say how x87 instructions are done: see [`X87`].
    pub const NO_FPU: u32 = 1 << 23;
    /// CR0.EM or TS, or no CR4.OSFXSR: a helper decides what SSE instructions raise.
    pub const NO_SSE: u32 = 1 << 24;
    /// See [`Mode::NO_FPU`].
    pub const FPU_ERROR: u32 = 1 << 25;
    /// SSE arithmetic may run on the host: nearest, all masked, inexact sticky, no flushing.
    pub const SSE_FAST: u32 = 1 << 26;
    /// EFLAGS.TF.
    pub const TF: u32 = 1 << 27;
    /// Interrupts are held off for one instruction.
    pub const SHADOW: u32 = 1 << 28;
    /// Alignment is checked.
    pub const ALIGN: u32 = 1 << 29;
    /// An instruction breakpoint is set.
    pub const BREAK: u32 = 1 << 30;
    /// SMAP is enforced.
    pub const SMAP: u32 = 1 << 31;

    /// log2 of the default operand size in bytes, less 1: 0, 1, 2.
    pub fn size(self) -> u32 {
        self.0 & Mode::SIZE
    }

    /// 64-bit code.
    pub fn is64(self) -> bool {
        self.size() == 2
    }

    /// How x87 instructions are done.
    pub fn x87(self) -> X87 {
        match (self.has(Mode::NO_FPU), self.has(Mode::FPU_ERROR)) {
            (false, false) => X87::Usual,
            (true, false) => X87::Off,
            (false, true) => X87::Error,
            (true, true) => X87::Masked,
        }
    }

    /// The bits of [`Mode::x87`].
    pub fn of_x87(how: X87) -> u32 {
        match how {
            X87::Usual => 0,
            X87::Off => Mode::NO_FPU,
            X87::Error => Mode::FPU_ERROR,
            X87::Masked => Mode::NO_FPU | Mode::FPU_ERROR,
        }
    }

    /// One of the bits.
    pub fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    /// Current privilege level.
    pub fn cpl(self) -> u32 {
        self.0 >> Mode::CPL_SHIFT & 3
    }

    /// MMU index: 0 supervisor, 1 user, 2 supervisor with SMAP.
    pub fn mmu(self) -> u8 {
        if self.cpl() == 3 {
            1
        } else if self.has(Mode::SMAP) {
            2
        } else {
            0
        }
    }

    /// Protected mode and not VM86.
    pub fn protected(self) -> bool {
        self.0 & (Mode::PE | Mode::VM) == Mode::PE
    }

    /// What the mode word of legacy code says of a segment: its bits, and which they are.
    pub fn of_segment(seg: usize, class: Class, base_zero: bool) -> (u32, u32) {
        let at = Mode::CLASS_SHIFT + 2 * seg as u32;
        let (mut bits, mut mask) = ((class as u32) << at, 3 << at);
        if matches!(seg, ES | CS | SS | DS) {
            let zero = 1 << (Mode::ZERO_SHIFT + seg as u32);
            mask |= zero;
            if base_zero {
                bits |= zero;
            }
        }
        (bits, mask)
    }

    /// Class of a segment.
    pub fn class(self, seg: usize) -> Class {
        match self.0 >> (Mode::CLASS_SHIFT + 2 * seg as u32) & 3 {
            0 => Class::Slow,
            1 => Class::Limit,
            _ => Class::Open,
        }
    }

    /// The segment's base is known to be 0.
    pub fn base_zero(self, seg: usize) -> bool {
        matches!(seg, ES | CS | SS | DS) && self.0 >> (Mode::ZERO_SHIFT + seg as u32) & 1 != 0
    }

    /// Code runs with a base of 0 and a limit of 4 GiB, or in 64-bit mode.
    pub fn flat_code(self) -> bool {
        self.is64() || self.base_zero(CS) && self.class(CS) == Class::Open
    }

    /// Every instruction is a block of its own.
    pub fn single(self) -> bool {
        self.has(Mode::TF | Mode::SHADOW | Mode::BREAK)
    }

    /// log2 of the stack pointer's size in bytes.
    pub fn stack_lg(self) -> u32 {
        if self.is64() {
            3
        } else if self.has(Mode::STACK32) {
            2
        } else {
            1
        }
    }
}
