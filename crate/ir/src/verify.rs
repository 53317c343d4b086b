//! The verifier. Rules:
//!
//! 1. The last instruction is a terminator, and no other is.
//! 2. An instruction has the operands its op declares (`call`: up to three; `call_if`: the condition and up to two; `f80`: up to two), each a
//!    value that an earlier instruction of the block defines.
//! 3. Types are those of the op's declaration; `ty` is that of the result, or of the value written; addresses have the block's
//!    address type; constants fit their type.
//! 4. Slot and helper indices are in range; a slot is read and written as its type.
//! 5. Memory operands have known bits only, fit the type, sign-extend only narrower loads into integers; only a `probe` checks stores.
//! 6. `insn_count` counts the markers, and what is not pure stands behind the first of them.
//! 7. A helper of `call_if` declares no slots, no faults and no time; the cells of an `f80` are there.
//!
//! For blocks as the lifter makes them also:
//!
//! 8. No value lives across a marker.
//! 9. An instruction has no effect before its last possible fault. Effects are slot writes, loads (of a device), stores and
//!    calls of helpers that write slots, and those of `f80`; what may fault is accesses that were not probed before through the same address value,
//!    probes, `trap_if`, `raise` and calls of helpers that declare `faults`.

use crate::block::{Block, Inst, Val};
use crate::f80::{self, F80};
use crate::ops::{Effect, Op, Sig};
use crate::region::Region;
use crate::types::{HelperDesc, MemArg, Slot, SlotSet, SlotTable, Type};

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As the lifter makes blocks: all rules.
    Lifted,
    /// After passes: values may live across markers.
    Optimised,
}

/// A rule is broken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("block {pc:#x}, v{inst}: {what}")]
pub struct VerifyError {
    /// The block's guest address.
    pub pc: u64,
    /// Index of the instruction.
    pub inst: usize,
    /// What is wrong.
    pub what: String,
}

/// Checks one block.
///
/// # Errors
/// The first rule broken.
pub fn verify(
    block: &Block,
    slots: &SlotTable,
    helpers: &[HelperDesc],
    form: Form,
) -> Result<(), VerifyError> {
    let mut check = Check {
        block,
        slots,
        helpers,
        form,
        insn_start: 0,
        markers: 0,
        effect: None,
        probed: Vec::new(),
    };
    for (i, inst) in block.insts.iter().enumerate() {
        check.inst(i, inst).map_err(|what| VerifyError {
            pc: block.pc,
            inst: i,
            what,
        })?;
    }
    let end = block.insts.len();
    let whole = |what: String| {
        Err(VerifyError {
            pc: block.pc,
            inst: end,
            what,
        })
    };
    if !block
        .insts
        .last()
        .is_some_and(|inst| inst.op.is_terminator())
    {
        return whole("the block does not end in a terminator".into());
    }
    if block.insn_count != check.markers {
        return whole(format!(
            "insn_count is {}, but there are {} markers",
            block.insn_count, check.markers
        ));
    }
    Ok(())
}

/// Checks every block of a region, and that its blocks and entries agree.
///
/// # Errors
/// The first rule broken.
pub fn verify_region(
    region: &Region,
    slots: &SlotTable,
    helpers: &[HelperDesc],
    form: Form,
) -> Result<(), VerifyError> {
    let bad = |what: &str| {
        Err(VerifyError {
            pc: region.blocks.first().map_or(0, |b| b.pc),
            inst: 0,
            what: what.into(),
        })
    };
    if region.entries.is_empty()
        || region
            .entries
            .iter()
            .any(|&e| e as usize >= region.blocks.len())
    {
        return bad("a region has entries, and each is one of its blocks");
    }
    for (i, block) in region.blocks.iter().enumerate() {
        let first = &region.blocks[0];
        if block.mode != first.mode || block.va_type != first.va_type {
            return bad("the blocks of a region share mode and address type");
        }
        if region.blocks[..i].iter().any(|b| b.pc == block.pc) {
            return bad("two blocks of a region have one pc");
        }
        verify(block, slots, helpers, form)?;
    }
    Ok(())
}

struct Check<'a> {
    block: &'a Block,
    slots: &'a SlotTable,
    helpers: &'a [HelperDesc],
    form: Form,
    /// Index of the last marker.
    insn_start: usize,
    markers: u32,
    /// First effect of the instruction at hand.
    effect: Option<usize>,
    /// Accesses probed in it.
    probed: Vec<(Val, MemArg)>,
}

type Checked = Result<(), String>;

fn ensure(ok: bool, what: impl FnOnce() -> String) -> Checked {
    if ok { Ok(()) } else { Err(what()) }
}

impl Check<'_> {
    fn inst(&mut self, i: usize, inst: &Inst) -> Checked {
        let op = inst.op;
        let last = i + 1 == self.block.insts.len();
        ensure(!op.is_terminator() || last, || {
            format!("{} in mid-block", op.info().name)
        })?;
        let types = self.operands(i, inst)?;
        self.types(inst, types)?;
        self.immediates(inst)?;
        if op == Op::Insn {
            self.markers += 1;
            self.insn_start = i;
            self.effect = None;
            self.probed.clear();
        } else if op.info().effect != Effect::Pure {
            ensure(self.markers > 0, || {
                format!("{} before the first insn", op.info().name)
            })?;
        }
        if self.form == Form::Lifted {
            self.effects(i, inst)
        } else {
            Ok(())
        }
    }

    /// Rules 2 and 8; gives the operands' types.
    fn operands(&self, i: usize, inst: &Inst) -> Result<[Option<Type>; 3], String> {
        let info = inst.op.info();
        let mut types = [None; 3];
        let required = match inst.op {
            Op::Call => 0,
            Op::CallIf => 1,
            Op::F80 => 0,
            _ => info.args.iter().filter(|sig| **sig != Sig::None).count(),
        };
        let mut gap = false;
        for (k, (&v, sig)) in inst.args.iter().zip(info.args).enumerate() {
            if !v.is_some() {
                gap = true;
                ensure(k >= required, || format!("{} lacks operand {k}", info.name))?;
                continue;
            }
            ensure(sig != Sig::None && !gap, || {
                format!("{} has an operand {k}", info.name)
            })?;
            ensure(v.index() < i, || {
                format!("operand v{} is not defined before", v.0)
            })?;
            let def = &self.block.insts[v.index()];
            ensure(def.op.info().result != Sig::None, || {
                format!("operand v{} is no value", v.0)
            })?;
            ensure(
                self.form != Form::Lifted || self.markers == 0 || v.index() > self.insn_start,
                || format!("v{} lives across an insn", v.0),
            )?;
            types[k] = Some(def.ty);
        }
        Ok(types)
    }

    /// Rule 3.
    fn types(&self, inst: &Inst, types: [Option<Type>; 3]) -> Checked {
        let info = inst.op.info();
        let mut same = None;
        for (sig, ty) in info.args.into_iter().zip(types) {
            let Some(ty) = ty else { continue };
            let ok = match sig {
                Sig::None => false,
                Sig::T => ty.is_int() && *same.get_or_insert(ty) == ty,
                Sig::F => ty.is_float() && *same.get_or_insert(ty) == ty,
                Sig::I32 => ty == Type::I32,
                Sig::I64 => ty == Type::I64,
                Sig::F32 => ty == Type::F32,
                Sig::F64 => ty == Type::F64,
                Sig::V => ty == Type::V128,
                Sig::Va => ty == self.block.va_type,
                Sig::Any if matches!(inst.op, Op::Call | Op::CallIf) => ty != Type::V128,
                Sig::Any => ty == inst.ty,
            };
            ensure(ok, || {
                format!(
                    "{} of type {} has an operand of type {ty}",
                    info.name, inst.ty
                )
            })?;
        }
        if info.result != Sig::None {
            let ty = inst.op.result_type(types, inst.ty);
            ensure(ty == Some(inst.ty), || {
                format!("{} gives no {}", info.name, inst.ty)
            })?;
        }
        ensure(
            inst.op != Op::Const || inst.ty.bytes() >= 8 || inst.imm >> 32 == 0,
            || format!("{:#x} does not fit {}", inst.imm, inst.ty),
        )?;
        ensure(self.block.va_type.is_int(), || {
            "addresses are integers".into()
        })
    }

    /// Rules 4, 5 and 7.
    fn immediates(&self, inst: &Inst) -> Checked {
        match inst.op {
            Op::Get | Op::Set => {
                let index = usize::try_from(inst.imm)
                    .ok()
                    .filter(|i| *i < self.slots.slots.len());
                let index = index.ok_or_else(|| format!("there is no slot {}", inst.imm))?;
                let ty = self.slots.desc(Slot(index as u16)).ty;
                ensure(ty == inst.ty, || {
                    format!(
                        "slot {} is {ty}, not {}",
                        self.slots.slots[index].name, inst.ty
                    )
                })
            }
            Op::F80 => {
                let op = F80::unpack(inst.imm);
                let op = op.ok_or_else(|| format!("{:#x} is no f80 op", inst.imm))?;
                let first = op.slot as usize;
                let cells = self.slots.slots.get(first..first + f80::CELLS);
                ensure(
                    cells.is_some_and(|c| c.iter().all(|s| s.ty == Type::V128)),
                    || format!("there are no cells from slot {first} on"),
                )?;
                let have = inst.operands().count();
                ensure(have >= op.operands(), || {
                    format!("{} lacks operand {have}", op.text())
                })?;
                let ty = if op.is_wide() { Type::I64 } else { Type::I32 };
                ensure(inst.ty == ty, || format!("{} gives {ty}", op.text()))
            }
            Op::Call | Op::CallIf => {
                let helper = usize::try_from(inst.imm)
                    .ok()
                    .and_then(|i| self.helpers.get(i));
                let helper = helper.ok_or_else(|| format!("there is no helper {}", inst.imm))?;
                let quiet = helper.reads == SlotSet::None
                    && helper.writes == SlotSet::None
                    && !helper.faults
                    && !helper.time;
                ensure(inst.op == Op::Call || quiet, || {
                    format!("call_if of {}, which declares effects", helper.name)
                })
            }
            Op::Load | Op::Store | Op::StoreIf | Op::Probe => {
                let mem = inst.mem();
                let probe = inst.op == Op::Probe;
                ensure(mem.pack() == inst.imm, || {
                    format!("memory operand {:#x}", inst.imm)
                })?;
                ensure(probe || mem.bytes() <= inst.ty.bytes(), || {
                    format!("{} bytes for {}", mem.bytes(), inst.ty)
                })?;
                ensure(
                    probe || inst.ty.is_int() || mem.bytes() == inst.ty.bytes(),
                    || format!("{} bytes for {}", mem.bytes(), inst.ty),
                )?;
                let extends = inst.op == Op::Load && inst.ty.is_int();
                let wide = mem.size_log2 == 4 && (mem.big_endian || mem.aligned);
                ensure(mem.size_log2 <= 4 && !wide, || {
                    format!("memory operand {:#x}", inst.imm)
                })?;
                ensure(!mem.signed || extends, || {
                    "signed, but nothing to extend".into()
                })?;
                ensure(!mem.probe_write || probe, || {
                    "probe_write outside a probe".into()
                })
            }
            Op::JumpInd => ensure(inst.imm <= 2, || format!("jump kind {}", inst.imm)),
            Op::TrapIf | Op::Raise => {
                ensure(inst.imm >> 32 == 0, || format!("exception {:#x}", inst.imm))
            }
            _ => Ok(()),
        }
    }

    /// Rule 9.
    fn effects(&mut self, i: usize, inst: &Inst) -> Checked {
        let (may_fault, effect) = match inst.op {
            Op::Load => (!self.was_probed(inst.args[0], inst.mem(), false), true),
            Op::Store => (!self.was_probed(inst.args[0], inst.mem(), true), true),
            Op::StoreIf => (!self.was_probed(inst.args[1], inst.mem(), true), true),
            Op::Probe => {
                self.probed.push((inst.args[0], inst.mem()));
                (true, false)
            }
            Op::TrapIf | Op::Raise => (true, false),
            Op::Set => (false, true),
            Op::F80 => (false, F80::unpack(inst.imm).is_some_and(F80::has_effect)),
            Op::Call => {
                let helper = &self.helpers[inst.imm as usize];
                (helper.faults, helper.writes != SlotSet::None)
            }
            _ => (false, false),
        };
        if let (true, Some(at)) = (may_fault, self.effect) {
            let first = self.block.insts[at].op.info().name;
            return Err(format!(
                "{} may fault behind the effect of v{at} ({first})",
                inst.op.info().name
            ));
        }
        if effect && self.effect.is_none() {
            self.effect = Some(i);
        }
        Ok(())
    }

    fn was_probed(&self, va: Val, mem: MemArg, write: bool) -> bool {
        self.probed.iter().any(|(v, p)| {
            *v == va
                && p.size_log2 >= mem.size_log2
                && p.mmu == mem.mmu
                && p.probe_write == write
                && p.aligned >= mem.aligned
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse_block;

    const HELPERS: &[HelperDesc] = &[
        HelperDesc {
            name: "pure",
            reads: SlotSet::None,
            writes: SlotSet::None,
            faults: false,
            time: false,
            pure: true,
        },
        HelperDesc {
            name: "sys",
            reads: SlotSet::All,
            writes: SlotSet::All,
            faults: true,
            time: true,
            pure: false,
        },
    ];

    fn check(body: &str) -> Result<(), String> {
        let mut slots = SlotTable::default();
        for (name, ty) in [("a", Type::I32), ("b", Type::I64), ("f", Type::F32)] {
            slots.push(name, ty);
        }
        let text = format!("block 0x1000 va i32 {{\n{body}\n}}");
        let block = parse_block(&text, &slots, HELPERS).map_err(|e| e.to_string())?;
        verify(&block, &slots, HELPERS, Form::Lifted).map_err(|e| e.what)
    }

    #[test]
    fn good_blocks_pass() {
        check("insn 0\n v: i32 = get $a\n w: i32 = add v, v\n set $a, w\n jump 4").unwrap();
        // Two accesses, the second probed before the first.
        check("insn 0\n v: i32 = get $a\n probe v, u32le.w\n x: i32 = load v, u8le\n store v, x, u32le\n jump 4").unwrap();
        check("insn 0\n v: i32 = get $a\n r: i64 = call sys(v, v)\n set $b, r\n exit_if v, 8\n raise 3").unwrap_err();
    }

    #[test]
    fn each_rule_is_enforced() {
        for (body, what) in [
            ("insn 0\n v: i32 = get $a", "does not end"),
            ("insn 0\n jump 4\n jump 4", "mid-block"),
            (
                "insn 0\n v: i64 = get $b\n w: i32 = get $a\n x: i64 = add v, w\n jump 4",
                "operand of type",
            ),
            (
                "insn 0\n v: i64 = get $b\n branch v, 1, 2",
                "operand of type",
            ),
            (
                "insn 0\n v: f32 = get $f\n w: f32 = add v, v\n jump 4",
                "operand of type",
            ),
            (
                "insn 0\n v: i64 = get $b\n x: i32 = load v, u8le\n jump 4",
                "operand of type",
            ),
            (
                "insn 0\n v: i32 = get $a\n insn 4\n set $a, v\n jump 4",
                "across",
            ),
            (
                "insn 0\n v: i32 = get $a\n x: i32 = load v, u64le\n jump 4",
                "8 bytes",
            ),
            (
                "insn 0\n v: i32 = get $a\n store v, v, s8le\n jump 4",
                "signed",
            ),
            (
                "insn 0\n v: i32 = get $a\n x: i32 = load v, u8le.w\n jump 4",
                "probe_write",
            ),
            ("v: i32 = get $a\n jump 4", "before the first"),
            (
                "insn 0\n v: i32 = get $a\n set $a, v\n trap_if v, 3\n jump 4",
                "behind the effect",
            ),
            (
                "insn 0\n v: i32 = get $a\n x: i32 = load v, u8le\n store v, x, u8le\n jump 4",
                "behind the effect",
            ),
            (
                "insn 0\n v: i32 = get $a\n r: i64 = call_if v, sys(v), 1\n jump 4",
                "declares effects",
            ),
        ] {
            let error = check(body).expect_err(body);
            assert!(error.contains(what), "{body}: {error}");
        }
    }
}
