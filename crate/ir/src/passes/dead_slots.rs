//! Dead slot writes: a `set` is dropped if another `set` of the slot follows in the block before anybody can look: before any
//! `get` of it, access, exit, trap, helper that reads slots or may fault, or the end of an instruction after which the block may
//! be left. The end of the block is a `set` of its transient slots.

use crate::block::Block;
use crate::ops::{Effect, Op};
use crate::types::{HelperDesc, SlotSet, SlotTable};

/// Buffers of the search, kept from block to block.
#[derive(Default)]
pub struct Found {
    /// By instruction: a `set` that nobody sees.
    pub drop: Vec<bool>,
    may_leave: Vec<bool>,
    overwritten: Vec<u32>,
}

impl Found {
    /// Looks for the dead writes of a block.
    pub fn find(&mut self, block: &Block, slots: &SlotTable, helpers: &[HelperDesc]) {
        // An access or a helper that may fault may ask to leave the block, which then happens at the next marker.
        let may_leave = &mut self.may_leave;
        may_leave.clear();
        let mut leaves = false;
        for inst in &block.insts {
            match inst.op {
                Op::Insn => {
                    may_leave.push(leaves);
                    leaves = false;
                }
                Op::Load | Op::Store | Op::StoreIf | Op::Probe => leaves = true,
                Op::Call => leaves |= helpers[inst.imm as usize].faults,
                _ => {}
            }
        }
        // Backwards: in which round each slot was last known to be overwritten later; a new round forgets all.
        let overwritten = &mut self.overwritten;
        overwritten.clear();
        overwritten.resize(slots.slots.len(), 0);
        let mut round = 1;
        let drop = &mut self.drop;
        drop.clear();
        drop.resize(block.insts.len(), false);
        let end = block.insts.len().saturating_sub(1);
        for (i, inst) in block.insts.iter().enumerate().rev() {
            let looks = match inst.op {
                Op::Set => {
                    let slot = &mut overwritten[inst.imm as usize];
                    drop[i] = *slot == round;
                    *slot = round;
                    false
                }
                Op::Get => {
                    overwritten[inst.imm as usize] = 0;
                    false
                }
                Op::Insn => may_leave.pop().unwrap_or(true),
                Op::Call => {
                    let helper = &helpers[inst.imm as usize];
                    helper.reads != SlotSet::None || helper.writes != SlotSet::None || helper.faults
                }
                Op::CallIf | Op::F80 => false,
                op => op.info().effect != Effect::Pure,
            };
            round += looks as u32;
            if i == end && inst.op != Op::Raise {
                for (slot, _) in slots.slots.iter().enumerate().filter(|(_, d)| d.transient) {
                    overwritten[slot] = round;
                }
            }
        }
    }
}

pub fn run(block: &mut Block, slots: &SlotTable, helpers: &[HelperDesc]) {
    let mut found = Found::default();
    found.find(block, slots, helpers);
    // Nobody refers to a `set`, but what follows it is renumbered.
    super::dead_code::remove(block, |i, _| found.drop[i]);
}
