//! The register bytecode: opcodes and how they are packed into u64 words.
//!
//! ```text
//! bits  0..8   opcode
//! bits  8..16  aux (accesses: MMU index, sign shift)      or  bits 8..32: imm24, signed
//! bits 16..32  b, or imm16 of an access, signed
//! bits 32..48  a
//! bits 48..64  d, the destination
//! ```
//! Operands are word (4-byte) offsets from the vCPU state's base: guest slots and scratch values alike. `CONST32` and `CONSTS` hold
//! their value in bits 16..48. Some ops are followed by further words: addresses, the third operand of a select, a call's operands.

macro_rules! bytecodes {
    ($($name:ident)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "only numbers the constants below")]
        #[repr(u8)]
        enum Number { $($name),* }
        $( pub const $name: u8 = Number::$name as u8; )*
    };
}

bytecodes! {
    MOV32 MOV64 CONST32 CONSTS CONST64
    ADD32 ADD64 SUB32 SUB64 MUL32 MUL64 DIVU32 DIVU64 DIVS32 DIVS64 REMU32 REMU64 REMS32 REMS64
    AND32 AND64 OR32 OR64 XOR32 XOR64 SHL32 SHL64 SHR32 SHR64 SAR32 SAR64 ROTL32 ROTL64 ROTR32 ROTR64
    ADD32I ADD64I MUL32I MUL64I AND32I AND64I OR32I OR64I XOR32I XOR64I
    SHL32I SHL64I SHR32I SHR64I SAR32I SAR64I ROTL32I ROTL64I ROTR32I ROTR64I
    ADDX ADDXI SUBX SHLXI SHRXI SARXI MULHU MULHS
    CLZ32 CLZ64 CTZ32 CTZ64 POPCNT32 POPCNT64 BSWAP32 BSWAP64 SEXT8_32 SEXT8_64 SEXT16_32 SEXT16_64 EXTS EXTU
    EQ32 EQ64 NE32 NE64 LTU32 LTU64 LTS32 LTS64 LEU32 LEU64 LES32 LES64
    EQ32I EQ64I NE32I NE64I LTU32I LTU64I LTS32I LTS64I LEU32I LEU64I LES32I LES64I
    FADD32 FADD64 FSUB32 FSUB64 FMUL32 FMUL64 FDIV32 FDIV64 FSQRT32 FSQRT64 FNEG32 FNEG64 FABS32 FABS64
    FEQ32 FEQ64 FLT32 FLT64 FLE32 FLE64 FNEAREST32 FNEAREST64 FPROMOTE FDEMOTE
    D_FROM_W D_FROM_L S_FROM_W S_FROM_L W_FROM_D L_FROM_D
    SELECT32 SELECT64
    // An op of `ops!` on 16 bytes: the next word holds its number, what a, b, c and d are (0: 4 bytes, 1: 8, 2: 16; two bits each from bit 8)
    // and c from bit 16. LV and SV are loads and stores of 16 bytes.
    VECTOR LVF LVT SVF SVT
    // Accesses: L loads to 32 bits, M loads to 64 bits, S stores; size; F flat map, T TLB; L, B byte order; A alignment enforced.
    L8F L16FL L16FLA L16FB L16FBA L32FL L32FLA L32FB L32FBA
    L8T L16TL L16TLA L16TB L16TBA L32TL L32TLA L32TB L32TBA
    M8F M16FL M16FLA M16FB M16FBA M32FL M32FLA M32FB M32FBA M64FL M64FLA M64FB M64FBA
    M8T M16TL M16TLA M16TB M16TBA M32TL M32TLA M32TB M32TBA M64TL M64TLA M64TB M64TBA
    S8F S16FL S16FLA S16FB S16FBA S32FL S32FLA S32FB S32FBA S64FL S64FLA S64FB S64FBA
    S8T S16TL S16TLA S16TB S16TBA S32TL S32TLA S32TB S32TBA S64TL S64TLA S64TB S64TBA
    PROBE CALL CALLIF F80OP TRAPNZ EXITNZ SKIPZ
    JUMP BRNZ JUMPI32 JUMPI64 LEAVE LEAVEI32 LEAVEI64 RAISE
    BREQ32 BREQ64 BRNE32 BRNE64 BRLTU32 BRLTU64 BRLTS32 BRLTS64 BRLEU32 BRLEU64 BRLES32 BRLES64
    BREQ32I BREQ64I BRNE32I BRNE64I BRLTU32I BRLTU64I BRLTS32I BRLTS64I BRLEU32I BRLEU64I BRLES32I BRLES64I
}

/// Loads to 32 bits by address kind (flat, TLB) and [`access_index`].
pub const LOADS32: [[u8; 9]; 2] = [
    [
        L8F, L16FL, L16FLA, L16FB, L16FBA, L32FL, L32FLA, L32FB, L32FBA,
    ],
    [
        L8T, L16TL, L16TLA, L16TB, L16TBA, L32TL, L32TLA, L32TB, L32TBA,
    ],
];
/// Loads to 64 bits.
pub const LOADS64: [[u8; 13]; 2] = [
    [
        M8F, M16FL, M16FLA, M16FB, M16FBA, M32FL, M32FLA, M32FB, M32FBA, M64FL, M64FLA, M64FB,
        M64FBA,
    ],
    [
        M8T, M16TL, M16TLA, M16TB, M16TBA, M32TL, M32TLA, M32TB, M32TBA, M64TL, M64TLA, M64TB,
        M64TBA,
    ],
];
/// Stores.
pub const STORES: [[u8; 13]; 2] = [
    [
        S8F, S16FL, S16FLA, S16FB, S16FBA, S32FL, S32FLA, S32FB, S32FBA, S64FL, S64FLA, S64FB,
        S64FBA,
    ],
    [
        S8T, S16TL, S16TLA, S16TB, S16TBA, S32TL, S32TLA, S32TB, S32TBA, S64TL, S64TLA, S64TB,
        S64TBA,
    ],
];

/// Index into the tables above.
pub fn access_index(size_log2: u8, big_endian: bool, aligned: bool) -> usize {
    match size_log2 {
        0 => 0,
        s => 1 + (s as usize - 1) * 4 + (big_endian as usize) * 2 + aligned as usize,
    }
}

/// Flags of `F80OP` in its second word, an `F80` whose slot became a byte offset: an operand is there, the result is 64 bits wide.
pub const F80_V: u64 = 1 << 24;
pub const F80_E: u64 = 1 << 25;
pub const F80_WIDE: u64 = 1 << 26;

/// Flags of `CALL`, in aux: operand `k` is there (bit k), is 64 bits wide (bit 3 + k).
pub const CALL_THERE: u32 = 1;
pub const CALL_WIDE: u32 = 8;
/// The helper declares `faults` or `time`.
pub const CALL_COUNTED: u32 = 64;
/// The pending word is tested after the call.
pub const CALL_FAULTS: u32 = 128;

/// Smallest and largest imm24.
pub const IMM24: core::ops::RangeInclusive<i64> = -(1 << 23)..=(1 << 23) - 1;

/// Three registers.
pub fn rrr(op: u8, d: u16, a: u16, b: u16) -> u64 {
    op as u64 | (b as u64) << 16 | (a as u64) << 32 | (d as u64) << 48
}

/// Two registers and an immediate in [`IMM24`].
pub fn rri(op: u8, d: u16, a: u16, imm: i64) -> u64 {
    op as u64 | (imm as u64 & 0xff_ffff) << 8 | (a as u64) << 32 | (d as u64) << 48
}

/// A destination and 32 bits.
pub fn r32(op: u8, d: u16, imm: u32) -> u64 {
    op as u64 | (imm as u64) << 16 | (d as u64) << 48
}

/// An access: data register, base register, offset, aux.
pub fn access(op: u8, data: u16, base: u16, offset: i16, aux: u8) -> u64 {
    op as u64
        | (aux as u64) << 8
        | (offset as u16 as u64) << 16
        | (base as u64) << 32
        | (data as u64) << 48
}

#[inline(always)]
pub fn d(w: u64) -> u32 {
    (w >> 48) as u32
}

#[inline(always)]
pub fn a(w: u64) -> u32 {
    (w >> 32) as u16 as u32
}

#[inline(always)]
pub fn b(w: u64) -> u32 {
    w as u32 >> 16
}

#[inline(always)]
pub fn imm24(w: u64) -> i32 {
    w as i32 >> 8
}

#[inline(always)]
pub fn imm16(w: u64) -> i32 {
    w as i32 >> 16
}

#[inline(always)]
pub fn aux(w: u64) -> u32 {
    w as u32 >> 8 & 0xff
}

#[inline(always)]
pub fn wide32(w: u64) -> u32 {
    (w >> 16) as u32
}

/// Words that follow an op's own; `next` is the first of them, if there is one.
pub fn extra(op: u64, next: Option<&u64>) -> usize {
    match op as u8 {
        CONST64 | SELECT32 | SELECT64 | PROBE | CALL | F80OP | EXITNZ | JUMP | LEAVE => 1,
        VECTOR => match next {
            Some(&what) if what as u8 == crate::ops::Op::Vshuffle as u8 => 3,
            _ => 1,
        },
        CALLIF | BRNZ | BREQ32..=BRLES64I => 2,
        _ => 0,
    }
}
