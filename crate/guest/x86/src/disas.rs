//! Disassembly.

use iced_x86::{FastFormatter, Instruction};

/// One instruction's text, in Intel's syntax.
pub fn text(insn: &Instruction) -> String {
    let mut out = String::new();
    FastFormatter::new().format(insn, &mut out);
    out
}
