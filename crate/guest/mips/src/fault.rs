//! Exception codes: `Fault::code`, the operand of `trap_if` and `raise`. The low five bits are Cause.ExcCode.

/// Interrupt.
pub const INT: u32 = 0;
/// TLB modified.
pub const MOD: u32 = 1;
/// TLB exception on a load or fetch: a matching entry is invalid.
pub const TLBL: u32 = 2;
/// TLB exception on a store: a matching entry is invalid.
pub const TLBS: u32 = 3;
/// Address error on a load or fetch.
pub const ADEL: u32 = 4;
/// Address error on a store.
pub const ADES: u32 = 5;
/// Bus error on a fetch.
pub const IBE: u32 = 6;
/// Bus error on data.
pub const DBE: u32 = 7;
/// System call.
pub const SYS: u32 = 8;
/// Breakpoint.
pub const BP: u32 = 9;
/// Reserved instruction.
pub const RI: u32 = 10;
/// Coprocessor unusable; [`cpu`] adds the coprocessor number.
pub const CPU: u32 = 11;
/// Integer overflow.
pub const OV: u32 = 12;
/// Trap.
pub const TR: u32 = 13;
/// Floating point.
pub const FPE: u32 = 15;
/// Watch.
pub const WATCH: u32 = 23;
/// Machine check.
pub const MCHECK: u32 = 24;
/// Cache error.
pub const CACHE_ERR: u32 = 30;

/// Added to `TLBL` and `TLBS`: no entry matched (TLB refill).
pub const REFILL: u32 = 1 << 8;
/// SDBBP: debug mode.
pub const DEBUG: u32 = 1 << 9;
/// Nonmaskable interrupt.
pub const NMI: u32 = 1 << 10;
/// Soft reset.
pub const SOFT_RESET: u32 = 1 << 11;

/// Coprocessor `n` unusable.
pub const fn cpu(n: u32) -> u32 {
    CPU | n << 12
}

/// Cause.ExcCode of a code.
pub fn exc_code(code: u32) -> u32 {
    code & 31
}

/// Cause.CE of a code.
pub fn coprocessor(code: u32) -> u32 {
    code >> 12 & 3
}

/// The manual's name of a code.
pub fn name(code: u32) -> String {
    match code {
        DEBUG => return "Debug".into(),
        NMI => return "NMI".into(),
        SOFT_RESET => return "SoftReset".into(),
        _ => {}
    }
    let name = match exc_code(code) {
        INT => "Int",
        MOD => "Mod",
        TLBL => "TLBL",
        TLBS => "TLBS",
        ADEL => "AdEL",
        ADES => "AdES",
        IBE => "IBE",
        DBE => "DBE",
        SYS => "Sys",
        BP => "Bp",
        RI => "RI",
        CPU => return format!("CpU {}", coprocessor(code)),
        OV => "Ov",
        TR => "Tr",
        FPE => "FPE",
        WATCH => "WATCH",
        MCHECK => "MCheck",
        CACHE_ERR => "CacheErr",
        n => return format!("code {n}"),
    };
    let refill = if code & REFILL != 0 { " refill" } else { "" };
    format!("{name}{refill}")
}
