//! The text form of blocks and regions, as `-d op` prints it and filetests are written in.
//!
//! ```text
//! block 0x1000 mode 0x1 va i32 code 8 {
//!   insn 0x1000
//!   v1: i32 = get $a0
//!   v2: i32 = iconst 0x10
//!   v3: i32 = add v1, v2
//!   v4: i32 = load v3, u32le.aligned.m1
//!   set $v0, v4
//!   insn 0x1004 note 0x1
//!   v7: i64 = call helper_name(v1, v3)
//!   v8: i64 = call_if v4, helper_name(v1), 0x55
//!   exit_if v4, 0x2000
//!   branch v4, 0x1000, 0x1008
//! }
//! region global hot entries 0, 1 { block … block … }
//! ```
//!
//! A `v128` constant is two numbers, the low half first; `shuffle` has its byte numbers so behind its operands.
//!
//! Values may have any name; the printer numbers them by their place in the block. Slots are `$name`, helpers stand by name. A
//! memory operand is sign (`u`, `s`), size in bits, byte order, then any of `.aligned`, `.w` (a probe of a store), `.m1` to
//! `.m3` (the MMU index), `.slow` (reaches devices). Numbers are decimal or `0x` hexadecimal, and may be negative. `;` opens a comment.
//! Op names come from `ops!`.

mod parse;
mod print;

#[cfg(test)]
mod tests;

pub use parse::{ParseError, parse_block, parse_blocks, parse_region};
pub use print::{print_block, print_region};

use crate::types::MemArg;

/// A memory operand as text.
fn mem_text(mem: MemArg) -> String {
    let mut out = format!(
        "{}{}{}",
        if mem.signed { 's' } else { 'u' },
        mem.bytes() * 8,
        if mem.big_endian { "be" } else { "le" }
    );
    for (on, text) in [
        (mem.aligned, ".aligned"),
        (mem.probe_write, ".w"),
        (mem.inline_slow, ".slow"),
        (mem.alone, ".alone"),
    ] {
        if on {
            out.push_str(text);
        }
    }
    if mem.mmu != 0 {
        out.push_str(&format!(".m{}", mem.mmu));
    }
    out
}

/// A memory operand from text.
fn mem_from(text: &str) -> Option<MemArg> {
    let mut parts = text.split('.');
    let head = parts.next()?;
    let (signed, rest) = match head.strip_prefix('s') {
        Some(rest) => (true, rest),
        None => (false, head.strip_prefix('u')?),
    };
    let (big_endian, bits) = match rest.strip_suffix("be") {
        Some(bits) => (true, bits),
        None => (false, rest.strip_suffix("le")?),
    };
    let bytes = match bits {
        "8" => 1,
        "16" => 2,
        "32" => 4,
        "64" => 8,
        "128" => 16,
        _ => return None,
    };
    let mut mem = MemArg {
        signed,
        big_endian,
        ..MemArg::new(bytes, 0)
    };
    for part in parts {
        match part {
            "aligned" => mem.aligned = true,
            "w" => mem.probe_write = true,
            "slow" => mem.inline_slow = true,
            "alone" => mem.alone = true,
            "m0" => mem.mmu = 0,
            "m1" => mem.mmu = 1,
            "m2" => mem.mmu = 2,
            "m3" => mem.mmu = 3,
            _ => return None,
        }
    }
    Some(mem)
}
