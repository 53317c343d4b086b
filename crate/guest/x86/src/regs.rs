//! The vCPU's slots: registers that generated code reads and writes. General registers, bases and the operands that flags are worked out
//! from are i32 on CPUs without long mode and i64 with it (32-bit results zero-extended); XMM registers and
//! the upper halves of YMM registers are v128.

use std::rc::Rc;

use tinamou_ir::{Slot, SlotTable, Type, f80};

/// Names of the general registers by number, without the prefix of their width.
pub const GPR_NAMES: [&str; 16] = [
    "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "10", "11", "12", "13", "14", "15",
];

/// Number of AX.
pub const AX: usize = 0;
/// Number of CX.
pub const CX: usize = 1;
/// Number of DX.
pub const DX: usize = 2;
/// Number of BX.
pub const BX: usize = 3;
/// Number of SP.
pub const SP: usize = 4;
/// Number of BP.
pub const BP: usize = 5;
/// Number of SI.
pub const SI: usize = 6;
/// Number of DI.
pub const DI: usize = 7;

/// Number of ES.
pub const ES: usize = 0;
/// Number of CS.
pub const CS: usize = 1;
/// Number of SS.
pub const SS: usize = 2;
/// Number of DS.
pub const DS: usize = 3;
/// Number of FS.
pub const FS: usize = 4;
/// Number of GS.
pub const GS: usize = 5;

/// Names of the segment registers by number.
pub const SEG_NAMES: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];

/// Slots by register.
pub struct Regs {
    /// The table.
    pub table: Rc<SlotTable>,
    /// General registers by number.
    pub gpr: [Slot; 16],
    /// CF, 0 or 1 (i32).
    pub cf: Slot,
    /// How the other arithmetic flags follow from `cc_a` and `cc_b`: see [`crate::flags`] (i32).
    pub cc_op: Slot,
    /// First operand of the flags, sign-extended.
    pub cc_a: Slot,
    /// Second operand of the flags, sign-extended.
    pub cc_b: Slot,
    /// DF, 0 or 1 (i32).
    pub df: Slot,
    /// EFLAGS without the arithmetic flags and DF (i32).
    pub eflags: Slot,
    /// Not 0: interrupts and traps are held off for one instruction (i32).
    pub shadow: Slot,
    /// Not 0: a debug trap waits for the end of the instruction: bits of DR6 (i32).
    pub trap: Slot,
    /// Selectors (i32).
    pub sel: [Slot; 6],
    /// Bases.
    pub base: [Slot; 6],
    /// Limits in bytes (i32).
    pub limit: [Slot; 6],
    /// Access rights: bits 8 to 23 of the descriptor's upper half (i32).
    pub attr: [Slot; 6],
    /// XMM registers (v128).
    pub xmm: [Slot; 16],
    /// Upper 128 bits of YMM registers (v128).
    pub ymm: [Slot; 16],
    /// First of the x87 cells: see [`tinamou_ir::f80`].
    pub x87: Slot,
    /// Byte offset of the x87 cells in the state.
    pub x87_at: u32,
}

impl Regs {
    /// The slots of a CPU with (`wide`) or without long mode.
    pub fn new(wide: bool) -> Regs {
        let word = if wide { Type::I64 } else { Type::I32 };
        let mut t = SlotTable::default();
        let gpr = std::array::from_fn(|i| {
            let prefix = if i >= 8 || wide { "r" } else { "e" };
            t.push(format!("{prefix}{}", GPR_NAMES[i]), word)
        });
        let cc_a = t.push("cc_a", word);
        let cc_b = t.push("cc_b", word);
        let cf = t.push("cf", Type::I32);
        let cc_op = t.push("cc_op", Type::I32);
        let df = t.push("df", Type::I32);
        let eflags = t.push("eflags", Type::I32);
        let shadow = t.push("shadow", Type::I32);
        let trap = t.push("trap", Type::I32);
        let base = std::array::from_fn(|i| t.push(format!("{}_base", SEG_NAMES[i]), word));
        let sel = std::array::from_fn(|i| t.push(SEG_NAMES[i], Type::I32));
        let limit = std::array::from_fn(|i| t.push(format!("{}_limit", SEG_NAMES[i]), Type::I32));
        let attr = std::array::from_fn(|i| t.push(format!("{}_attr", SEG_NAMES[i]), Type::I32));
        let xmm = std::array::from_fn(|i| t.push(format!("xmm{i}"), Type::V128));
        let ymm = std::array::from_fn(|i| t.push(format!("ymm{i}h"), Type::V128));
        let cells: [Slot; f80::CELLS] =
            std::array::from_fn(|i| t.push(format!("x87_{i}"), Type::V128));
        let x87 = cells[0];
        Regs {
            x87,
            x87_at: t.desc(x87).offset,
            table: Rc::new(t),
            gpr,
            cf,
            cc_op,
            cc_a,
            cc_b,
            df,
            eflags,
            shadow,
            trap,
            sel,
            base,
            limit,
            attr,
            xmm,
            ymm,
        }
    }
}
