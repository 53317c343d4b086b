//! Exceptions as [`tinamou_ir::guest::Fault`] values: the vector in bits 0 to 7 of the code, [`HAS_ERROR`], and the error code in bits 16 to 31
//! (for page faults in `info`).

use tinamou_ir::guest::Fault;

/// Divide error.
pub const DE: u32 = 0;
/// Debug exception; `info` has the bits for DR6.
pub const DB: u32 = 1;
/// Breakpoint.
pub const BP: u32 = 3;
/// Overflow.
pub const OF: u32 = 4;
/// Bound range exceeded.
pub const BR: u32 = 5;
/// Invalid opcode.
pub const UD: u32 = 6;
/// Device not available.
pub const NM: u32 = 7;
/// Double fault.
pub const DF: u32 = 8 | HAS_ERROR;
/// Invalid TSS.
pub const TS: u32 = 10 | HAS_ERROR;
/// Segment not present.
pub const NP: u32 = 11 | HAS_ERROR;
/// Stack fault.
pub const SS: u32 = 12 | HAS_ERROR;
/// General protection.
pub const GP: u32 = 13 | HAS_ERROR;
/// Page fault; the address in `va`, the error code in `info`.
pub const PF: u32 = 14 | HAS_ERROR;
/// x87 floating-point error.
pub const MF: u32 = 16;
/// Alignment check.
pub const AC: u32 = 17 | HAS_ERROR;
/// SIMD floating-point exception.
pub const XM: u32 = 19;

/// A software interrupt in user mode: the vector in bits 0 to 7, the address of the next instruction in `va`.
pub const SOFT: u32 = 1 << 9;
/// SYSCALL in user mode; the address of the next instruction in `va`.
pub const SYSCALL: u32 = 1 << 10;

/// An error code is pushed.
pub const HAS_ERROR: u32 = 1 << 8;

/// Page fault error code: the page was present.
pub const PF_P: u64 = 1;
/// Page fault error code: a write.
pub const PF_W: u64 = 2;
/// Page fault error code: in user mode.
pub const PF_U: u64 = 4;
/// Page fault error code: a reserved bit was set.
pub const PF_RSVD: u64 = 8;
/// Page fault error code: an instruction fetch.
pub const PF_I: u64 = 16;

/// A fault without address.
pub const fn fault(code: u32) -> Fault {
    Fault {
        code,
        va: 0,
        info: 0,
    }
}

/// A fault with an error code, such as a selector.
pub const fn with(code: u32, error: u32) -> Fault {
    Fault {
        code: code | (error & 0xffff) << 16,
        va: 0,
        info: 0,
    }
}

/// #GP with an error code.
pub const fn gp(error: u32) -> Fault {
    with(GP, error)
}

/// The vector.
pub fn vector(code: u32) -> u32 {
    code & 0xff
}

/// The error code, if one is pushed.
pub fn error(f: &Fault) -> Option<u32> {
    if f.code & HAS_ERROR == 0 {
        None
    } else if vector(f.code) == vector(PF) {
        Some(f.info as u32)
    } else {
        Some(f.code >> 16)
    }
}

/// The manual's name.
pub fn name(code: u32) -> String {
    const NAMES: [&str; 20] = [
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS", "#NP", "#SS",
        "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM",
    ];
    NAMES
        .get(vector(code) as usize)
        .map_or_else(|| format!("interrupt {:#x}", vector(code)), |n| (*n).into())
}
