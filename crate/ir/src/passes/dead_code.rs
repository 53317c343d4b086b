//! Dead code: what is pure, reads a slot or calls a pure helper goes when nobody uses it. Accesses stay: they may fault.

use crate::block::{Block, Inst, Val};
use crate::ops::{Effect, Op};
use crate::types::{HelperDesc, SlotTable};

pub fn run(block: &mut Block, _slots: &SlotTable, helpers: &[HelperDesc]) {
    let mut used = vec![false; block.insts.len()];
    for (i, inst) in block.insts.iter().enumerate().rev() {
        let removable = match inst.op {
            Op::Call | Op::CallIf => helpers[inst.imm as usize].pure,
            op => matches!(op.info().effect, Effect::Pure | Effect::ReadsSlot),
        };
        if !removable || used[i] {
            used[i] = true;
            for v in inst.operands() {
                used[v.index()] = true;
            }
        }
    }
    remove(block, |i, _| !used[i]);
}

/// Removes instructions that nobody refers to and renumbers the rest.
pub fn remove(block: &mut Block, mut gone: impl FnMut(usize, &Inst) -> bool) {
    let mut map = vec![Val::NONE; block.insts.len()];
    let (mut old, mut new) = (0, 0u32);
    block.insts.retain_mut(|inst| {
        let keep = !gone(old, inst);
        if keep {
            for v in inst.args.iter_mut().filter(|v| v.is_some()) {
                *v = map[v.index()];
            }
            map[old] = Val(new);
            new += 1;
        }
        old += 1;
        keep
    });
}
