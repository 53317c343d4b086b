//! Code of one block: its instructions in order, with their exits.

use tinamou_ir::block::{Block, Inst, Val};
use tinamou_ir::layout::{self, pending};
use tinamou_ir::ops::{Effect, Op};
use tinamou_ir::region::Exit;
use tinamou_ir::types::Type;
use wasm_encoder::{BlockType, ValType};

use crate::func::{Func, VCPU, at};
use crate::groups::{Groups, Role};
use crate::live;
use crate::module;
use crate::values::{Home, Values};

/// Emits one block.
pub struct BlockCode<'f, 'a> {
    /// The function.
    pub f: &'f mut Func<'a>,
    /// The node of the graph that it is emitted for.
    node: usize,
    /// Number of the block in its region.
    pub index: u32,
    /// The block.
    pub block: &'f Block,
    /// Where its values are.
    pub values: Values,
    /// Accesses that share checks.
    pub groups: Groups,
    /// `insn` markers passed.
    markers: u32,
    /// The current guest instruction may have asked to leave after it.
    asked: bool,
}

/// Emits block number `index` of a region for `node` of its graph.
pub fn emit(f: &mut Func<'_>, node: usize, index: u32, block: &Block) {
    let values = Values::new(block, f.env.helpers);
    let groups = f.groups[index as usize].clone();
    BlockCode {
        f,
        node,
        index,
        block,
        values,
        groups,
        markers: 0,
        asked: false,
    }
    .run();
}

impl BlockCode<'_, '_> {
    fn run(mut self) {
        let mut i = 0;
        while i < self.block.insts.len() {
            let inst = &self.block.insts[i];
            let mut set_too = false;
            let role = self.groups.roles[i];
            let helpers = self.f.env.helpers;
            if let Some(first) = live::flushes(inst, helpers, self.f.is_hot(), role) {
                self.f.flush(first);
            }
            match inst.op.info().effect {
                Effect::Pure | Effect::ReadsSlot => {
                    if matches!(self.values.home[i], Home::Local(_)) {
                        self.compute(i);
                        set_too = self.keep(i);
                    }
                }
                Effect::WritesSlot => {
                    self.push(inst.args[0]);
                    let local = self.f.slot_local(inst.imm);
                    self.f.i().local_set(local);
                    self.f.mark_dirty(inst.imm);
                }
                Effect::Load | Effect::Store => {
                    self.access(inst, role);
                    if let Role::Leader(g) | Role::Member(g, _) = role {
                        self.close_group(g, i);
                    }
                    self.asked |= inst.mem().inline_slow;
                    if inst.op == Op::Load {
                        set_too = self.keep(i);
                    }
                }
                Effect::Call if self.values.rare.lazy[i] => {}
                Effect::Call => {
                    if self.values.uses[i] > 0 || !self.f.env.helpers[inst.imm as usize].pure {
                        if inst.op == Op::CallIf {
                            self.call_if(i);
                        } else {
                            self.call(i, inst);
                        }
                        set_too = self.keep(i);
                    }
                }
                Effect::Cells => {
                    self.f80(inst);
                    set_too = self.keep(i);
                }
                Effect::MayExit => self.may_exit(inst),
                Effect::Marker => {
                    self.leave_if_asked();
                    self.markers += 1;
                }
                Effect::Terminator => self.terminator(inst),
            }
            self.free_after(i);
            i += 1;
            if set_too {
                self.free_after(i);
                i += 1;
            }
        }
    }

    /// Ordinal of the current guest instruction.
    pub fn insn(&self) -> u32 {
        self.markers.saturating_sub(1)
    }

    /// Instructions of the block that are not complete before the current one is.
    pub fn back(&self) -> u32 {
        self.block.insn_count - self.insn()
    }

    /// Instructions of the block that are not complete once the current one is.
    fn back_after(&self) -> u32 {
        self.block.insn_count - self.markers
    }

    /// Leaves for the run loop to do the current instruction in the interpreter.
    pub fn resume(&mut self) {
        let e = Exit::Resume {
            block: self.index,
            insn: self.insn(),
        };
        let back = self.back();
        self.f.leave(e, back);
    }

    /// The definition of `v`.
    pub fn def(&self, v: Val) -> &Inst {
        &self.block.insts[v.index()]
    }

    /// Pushes a value.
    pub fn push(&mut self, v: Val) {
        match self.values.home[v.index()] {
            Home::Local(Some(local)) => {
                self.f.i().local_get(local);
            }
            _ => self.compute(v.index()),
        }
    }

    /// A local that holds `v`: its own, its slot's, or a new one, which the caller gives back with [`Self::release`].
    pub fn in_local(&mut self, v: Val) -> (u32, bool) {
        if let Home::Local(Some(local)) = self.values.home[v.index()] {
            return (local, false);
        }
        let inst = self.def(v);
        if inst.op == Op::Get {
            return (self.f.slot_local(inst.imm), false);
        }
        let ty = inst.ty;
        self.push(v);
        let local = self.f.take(ty);
        self.f.i().local_set(local);
        (local, true)
    }

    /// As [`Self::in_local`], and leaves the value on the stack too.
    pub fn tee(&mut self, v: Val) -> (u32, bool) {
        if let Home::Local(Some(local)) = self.values.home[v.index()] {
            self.f.i().local_get(local);
            return (local, false);
        }
        let inst = self.def(v);
        if inst.op == Op::Get {
            let local = self.f.slot_local(inst.imm);
            self.f.i().local_get(local);
            return (local, false);
        }
        let ty = inst.ty;
        self.push(v);
        let local = self.f.take(ty);
        self.f.i().local_tee(local);
        (local, true)
    }

    /// Gives back what [`Self::in_local`] or [`Self::tee`] took.
    pub fn release(&mut self, ty: Type, (local, taken): (u32, bool)) {
        if taken {
            self.f.give(ty, local);
        }
    }

    /// Puts the result of instruction `i` from the stack where it belongs; true if that was the slot that the next
    /// instruction sets.
    fn keep(&mut self, i: usize) -> bool {
        if self.values.uses[i] == 0 {
            self.f.i().drop();
            return false;
        }
        if self.values.is_for_next_set(self.block, i) {
            let slot = self.block.insts[i + 1].imm;
            let local = self.f.slot_local(slot);
            self.f.i().local_set(local);
            self.f.mark_dirty(slot);
            self.values.home[i] = Home::Dead;
            return true;
        }
        let local = self.f.take(self.block.insts[i].ty);
        self.f.i().local_set(local);
        self.values.home[i] = Home::Local(Some(local));
        false
    }

    /// Gives back the locals of values that instruction `i` was the last to read.
    fn free_after(&mut self, i: usize) {
        for v in self.dying(i) {
            if let Home::Local(Some(local)) = self.values.home[v] {
                self.f.give(self.block.insts[v].ty, local);
                self.values.home[v] = Home::Dead;
            }
        }
    }

    /// Values last read by the code of instruction `i`: operands of it, and of what it makes on the stack.
    fn dying(&self, i: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut work: Vec<Val> = self.block.insts[i].operands().collect();
        while let Some(v) = work.pop() {
            match self.values.home[v.index()] {
                Home::Local(Some(_)) if self.values.last[v.index()] == i => out.push(v.index()),
                Home::Stack => work.extend(self.def(v).operands()),
                _ => {}
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    fn may_exit(&mut self, inst: &Inst) {
        if inst.op == Op::TrapIf {
            self.push(inst.args[0]);
            self.f.open_cold(BlockType::Empty);
            let e = Exit::Trap {
                block: self.index,
                insn: self.insn(),
                code: inst.imm as u32,
            };
            let back = self.back();
            self.f.leave(e, back);
            self.f.close();
            return;
        }
        let back = self.back_after();
        self.push(inst.args[0]);
        if back == 0
            && !self.asked
            && let Some(depth) = self.f.plain_edge(self.node, inst.imm)
        {
            self.f.i().br_if(depth);
            return;
        }
        self.f.open_if(BlockType::Empty);
        self.f.side_edge(self.node, inst.imm, back, self.asked);
        self.f.close();
    }

    /// After the last op of an instruction that may have asked for it: leaves if the pending word says so.
    fn leave_if_asked(&mut self) {
        if self.asked {
            self.f.if_leave_pending();
            let e = Exit::Left {
                block: self.index,
                insn: self.markers,
            };
            let back = self.back_after();
            self.f.leave(e, back);
            self.f.close();
            self.asked = false;
        }
    }

    fn terminator(&mut self, inst: &Inst) {
        if inst.op != Op::Raise {
            self.f.end_of_block();
        }
        match inst.op {
            Op::Jump => self.f.edge(self.node, inst.imm, 0, self.asked),
            Op::Branch => {
                self.push(inst.args[0]);
                match self.f.plain_edge(self.node, inst.imm) {
                    Some(depth) if !self.asked => {
                        self.f.i().br_if(depth);
                        self.f.edge(self.node, inst.aux, 0, false);
                    }
                    _ => {
                        self.f.open_if(BlockType::Empty);
                        self.f.edge(self.node, inst.imm, 0, self.asked);
                        self.f.i().else_();
                        self.f.edge(self.node, inst.aux, 0, self.asked);
                        self.f.close();
                    }
                }
            }
            Op::JumpInd => {
                let target = self.store_pc(inst.args[0]);
                if self.asked {
                    self.f.if_leave_pending();
                    self.f.leave(Exit::Indirect, 0);
                    self.f.close();
                }
                self.f.indirect(target.0, self.block.mode);
                self.release(self.f.env.va_type, target);
            }
            Op::LeaveInd => {
                let target = self.store_pc(inst.args[0]);
                self.release(self.f.env.va_type, target);
                self.f.leave(Exit::Leave, 0);
            }
            Op::Leave => {
                self.f
                    .i()
                    .local_get(VCPU)
                    .i64_const(inst.imm as i64)
                    .i64_store(at(layout::PC));
                self.f.leave(Exit::Leave, 0);
            }
            _ => {
                let e = Exit::Trap {
                    block: self.index,
                    insn: self.insn(),
                    code: inst.imm as u32,
                };
                let back = self.back();
                self.f.leave(e, back);
            }
        }
    }

    fn store_pc(&mut self, target: Val) -> (u32, bool) {
        self.f.i().local_get(VCPU);
        let local = self.tee(target);
        if self.f.env.va_type == Type::I32 {
            self.f.i().i64_extend_i32_u();
        }
        self.f.i().i64_store(at(layout::PC));
        local
    }

    /// Widens the value of type `ty` on the stack to i64: i32 by zeros, floats by their bits.
    pub fn widen(&mut self, ty: Type) {
        match ty {
            Type::I32 => self.f.i().i64_extend_i32_u(),
            Type::I64 => return,
            Type::F32 => self.f.i().i32_reinterpret_f32().i64_extend_i32_u(),
            Type::F64 => self.f.i().i64_reinterpret_f64(),
            // No operand of a call is one.
            Type::V128 => self.f.i().i64x2_extract_lane(0),
        };
    }

    fn call(&mut self, i: usize, inst: &Inst) {
        let h = self.f.env.helpers[inst.imm as usize];
        let count_shown = h.time || h.faults;
        let back = self.back();
        if count_shown {
            self.f.store_budget(back);
        }
        self.f.i().local_get(VCPU).i32_const(inst.imm as i32);
        inst.args.iter().for_each(|&v| self.operand(v));
        self.f.i().call(module::CALL);
        if let Some(first) = h.writes.first()
            && self.slots_matter_after(i)
        {
            self.f.reload_slots(first);
        }
        if count_shown {
            self.f.reload_budget(back);
        }
        if h.faults {
            self.stop_if_pending();
            self.asked = true;
        }
    }

    /// Whether anything behind instruction `i` reads a slot's local.
    fn slots_matter_after(&self, i: usize) -> bool {
        let rest = &self.block.insts[i + 1..];
        let last = self.block.terminator().op;
        !matches!(last, Op::Leave | Op::LeaveInd | Op::Raise)
            || rest
                .iter()
                .any(|r| matches!(r.op, Op::Get | Op::Set | Op::ExitIf))
    }

    /// Pushes a helper's operand, 0 where there is none.
    fn operand(&mut self, v: Val) {
        if v.is_some() {
            self.push(v);
            self.widen(self.def(v).ty);
        } else {
            self.f.i().i64_const(0);
        }
    }

    /// A `call_if`; without the `if` where a choice around it has asked already.
    pub fn call_if(&mut self, at: usize) {
        let block = self.block;
        let inst = &block.insts[at];
        let bare = self.values.rare.bare[at];
        if !bare {
            self.push(inst.args[0]);
            self.f.open_cold(BlockType::Result(ValType::I64));
        }
        self.f.i().local_get(VCPU).i32_const(inst.imm as i32);
        inst.args[1..].iter().for_each(|&v| self.operand(v));
        self.f.i().i64_const(inst.aux as i64).call(module::CALL);
        if !bare {
            self.f.i().else_().i64_const(0);
            self.f.close();
        }
    }

    /// Leaves if the helper or access just made could not complete.
    pub fn stop_if_pending(&mut self) {
        self.f.i().local_get(VCPU).i32_load(at(layout::PENDING));
        self.f
            .i()
            .i32_const((pending::FAULT | pending::WAIT) as i32)
            .i32_and();
        self.f.open_cold(BlockType::Empty);
        let e = Exit::Stopped {
            block: self.index,
            insn: self.insn(),
        };
        let back = self.back();
        self.f.leave(e, back);
        self.f.close();
    }
}
