//! The printer.

use core::fmt::Write;

use super::mem_text;
use crate::block::{Block, Inst, Val};
use crate::f80::F80;
use crate::guest::Lasting;
use crate::ops::{Op, Sig};
use crate::region::Region;
use crate::types::{HelperDesc, SlotTable, Type};

/// A region as text.
pub fn print_region(region: &Region, slots: &SlotTable, helpers: &[HelperDesc]) -> String {
    let entries: Vec<String> = region.entries.iter().map(u32::to_string).collect();
    let lasting = match region.lasting {
        Lasting::Space => "",
        Lasting::Global => "global ",
        Lasting::Fixed => "fixed ",
    };
    let hot = if region.hot { "hot " } else { "" };
    let mut out = format!("region {lasting}{hot}entries {} {{\n", entries.join(", "));
    for block in &region.blocks {
        out.push_str(&print_block(block, slots, helpers));
    }
    out.push_str("}\n");
    out
}

/// A block as text.
pub fn print_block(block: &Block, slots: &SlotTable, helpers: &[HelperDesc]) -> String {
    let mut out = format!(
        "block {:#x} mode {:#x} va {} code {} {{\n",
        block.pc, block.mode, block.va_type, block.code_bytes
    );
    for (i, inst) in block.insts.iter().enumerate() {
        out.push_str("  ");
        if inst.op.info().result != Sig::None {
            // Writing to a String cannot fail.
            let _ = write!(out, "v{i}: {} = ", inst.ty);
        }
        out.push_str(&inst_text(inst, slots, helpers));
        out.push('\n');
    }
    out.push_str("}\n");
    out
}

fn inst_text(inst: &Inst, slots: &SlotTable, helpers: &[HelperDesc]) -> String {
    let name = inst.op.info().name;
    let mut parts: Vec<String> = Vec::new();
    let list = |args: &[Val]| {
        let args: Vec<String> = args
            .iter()
            .filter(|v| v.is_some())
            .map(|v| format!("v{}", v.0))
            .collect();
        args.join(", ")
    };
    let helper = || {
        helpers
            .get(inst.imm as usize)
            .map_or_else(|| format!("#{}", inst.imm), |h| h.name.to_string())
    };
    let slot = || {
        slots
            .slots
            .get(inst.imm as usize)
            .map_or_else(|| format!("$#{}", inst.imm), |s| format!("${}", s.name))
    };
    match inst.op {
        Op::Call => return format!("{name} {}({})", helper(), list(&inst.args)),
        Op::CallIf => {
            return format!(
                "{name} v{}, {}({}), {:#x}",
                inst.args[0].0,
                helper(),
                list(&inst.args[1..]),
                inst.aux
            );
        }
        Op::F80 => {
            let op = F80::unpack(inst.imm);
            let what = op.map_or_else(|| format!("#{:#x}", inst.imm), F80::text);
            let slot = op.and_then(|o| slots.slots.get(o.slot as usize));
            let slot = slot.map_or("?", |s| &s.name);
            return format!("{name} ${slot}, {what}({})", list(&inst.args));
        }
        Op::Insn if inst.aux != 0 => return format!("{name} {:#x} note {:#x}", inst.imm, inst.aux),
        Op::Set => parts.push(slot()),
        _ => {}
    }
    parts.extend(inst.operands().map(|v| format!("v{}", v.0)));
    match inst.op {
        Op::Get => parts.push(slot()),
        Op::Const | Op::Vshuffle if inst.ty == Type::V128 => {
            parts.extend([format!("{:#x}", inst.imm), format!("{:#x}", inst.aux)])
        }
        Op::Const | Op::Insn | Op::ExitIf | Op::Jump | Op::Leave => {
            parts.push(format!("{:#x}", inst.imm))
        }
        Op::Branch => parts.extend([format!("{:#x}", inst.imm), format!("{:#x}", inst.aux)]),
        Op::TrapIf | Op::Raise => parts.push(inst.imm.to_string()),
        Op::Load | Op::Store | Op::StoreIf | Op::Probe => parts.push(mem_text(inst.mem())),
        Op::JumpInd => parts.push(
            ["jump", "call", "return"]
                .get(inst.imm as usize)
                .unwrap_or(&"?")
                .to_string(),
        ),
        _ => {}
    }
    format!("{name} {}", parts.join(", "))
}
