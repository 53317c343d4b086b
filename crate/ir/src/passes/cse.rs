//! Local common-subexpression elimination: of two pure operations on the same operands the second is the first. Helpers that
//! are declared pure count as operations.

use rustc_hash::FxHashMap;

use super::rewrite::Rewrite;
use crate::block::{Block, Val};
use crate::ops::{Effect, Op};
use crate::types::{HelperDesc, SlotTable, Type};

type Key = (Op, Type, [Val; 3], u64, u64);

pub fn run(block: &mut Block, _slots: &SlotTable, helpers: &[HelperDesc]) {
    let mut rw = Rewrite::new(block);
    let mut seen: FxHashMap<Key, Val> = FxHashMap::default();
    for (i, inst) in block.insts.iter().enumerate() {
        let inst = rw.renamed(inst);
        let pure = match inst.op {
            Op::Call | Op::CallIf => helpers[inst.imm as usize].pure,
            op => op.info().effect == Effect::Pure,
        };
        if !pure {
            let new = rw.push(inst);
            rw.replace(i, new);
            continue;
        }
        let key = (inst.op, inst.ty, inst.args, inst.imm, inst.aux);
        let value = *seen.entry(key).or_insert_with(|| rw.push(inst));
        rw.replace(i, value);
    }
    block.insts = rw.out;
}
