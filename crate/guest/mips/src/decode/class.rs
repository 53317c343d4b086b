//! Classes of encodings: which ISA level has them and which group they belong to. Bit sets.

/// MIPS32 Release 1 and up.
pub const LEVEL_R1: u32 = 1 << 0;
/// Release 2.
pub const LEVEL_R2: u32 = 1 << 1;
/// 64-bit CPUs, where 64-bit operations are enabled.
pub const WIDE: u32 = 1 << 2;
/// Needs the FPU (Coprocessor 1).
pub const FPU: u32 = 1 << 3;
/// COP1X: needs a 64-bit CPU or Release 2.
pub const COP1X: u32 = 1 << 4;
/// Needs Coprocessor 0 access.
pub const COP0: u32 = 1 << 5;
/// A branch or jump with a delay slot.
pub const BRANCH: u32 = 1 << 6;
/// FPU arithmetic, conversion or comparison.
pub const ARITH: u32 = 1 << 7;
/// Paired single: needs FCR0.PS.
pub const PAIRED: u32 = 1 << 8;
/// FPU instruction that needs 64-bit FPU registers: 64-bit CPUs or Release 2.
pub const FPU64: u32 = 1 << 9;
/// Listed, but not lifted.
pub const NOT_LIFTED: u32 = 1 << 31;

/// MIPS32 Release 1.
pub const R1: u32 = LEVEL_R1;
/// Release 1 branch.
pub const R1B: u32 = LEVEL_R1 | BRANCH;
/// MIPS32 Release 2.
pub const R2: u32 = LEVEL_R2;
/// MIPS64 Release 1.
pub const W1: u32 = LEVEL_R1 | WIDE;
/// MIPS64 Release 2.
pub const W2: u32 = LEVEL_R2 | WIDE;
/// Coprocessor 0.
pub const C0: u32 = LEVEL_R1 | COP0;
/// Coprocessor 0, Release 2.
pub const C0R2: u32 = LEVEL_R2 | COP0;
/// Coprocessor 0, 64-bit.
pub const C0W: u32 = LEVEL_R1 | COP0 | WIDE;
/// FPU moves.
pub const F1: u32 = LEVEL_R1 | FPU;
/// FPU branches.
pub const F1B: u32 = LEVEL_R1 | FPU | BRANCH;
/// FPU moves of 64-bit CPUs.
pub const F1W: u32 = LEVEL_R1 | FPU | WIDE;
/// FPU moves of Release 2.
pub const F2: u32 = LEVEL_R2 | FPU;
/// FPU arithmetic.
pub const FA: u32 = LEVEL_R1 | FPU | ARITH;
/// FPU arithmetic that needs 64-bit FPU registers.
pub const FA2: u32 = LEVEL_R1 | FPU | ARITH | FPU64;
/// Paired-single arithmetic.
pub const FPS: u32 = LEVEL_R1 | FPU | ARITH | PAIRED | FPU64;
/// Paired-single moves.
pub const FPSM: u32 = LEVEL_R1 | FPU | PAIRED | FPU64;
/// COP1X loads and stores.
pub const FX: u32 = LEVEL_R1 | FPU | COP1X | FPU64;
/// COP1X arithmetic.
pub const FXA: u32 = LEVEL_R1 | FPU | COP1X | ARITH | FPU64;
/// COP1X paired single.
pub const FXPS: u32 = LEVEL_R1 | FPU | COP1X | ARITH | PAIRED | FPU64;
/// Not lifted.
pub const NL: u32 = NOT_LIFTED;
