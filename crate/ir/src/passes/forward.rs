//! Slot forwarding inside a block: a `get` behind a `set` or another `get` of the slot is the value known there; a `set` of what
//! the slot holds already is dropped. Helpers that declare slot writes end what is known.

use super::rewrite::Rewrite;
use crate::block::{Block, Val};
use crate::ops::Op;
use crate::types::{HelperDesc, SlotTable};

pub fn run(block: &mut Block, slots: &SlotTable, helpers: &[HelperDesc]) {
    let mut rw = Rewrite::new(block);
    // What each slot holds, and which slots are known at all, so that forgetting costs what was learnt.
    let mut known = vec![Val::NONE; slots.slots.len()];
    let mut learnt: Vec<usize> = Vec::new();
    for (i, inst) in block.insts.iter().enumerate() {
        let inst = rw.renamed(inst);
        match inst.op {
            Op::Get | Op::Set => {
                let slot = inst.imm as usize;
                let value = known[slot];
                if inst.op == Op::Get && value.is_some() {
                    rw.replace(i, value);
                    continue;
                }
                if inst.op == Op::Set && value == inst.args[0] {
                    continue;
                }
                let new = rw.push(inst);
                rw.replace(i, new);
                known[slot] = if inst.op == Op::Get {
                    new
                } else {
                    inst.args[0]
                };
                learnt.push(slot);
            }
            op => {
                if op == Op::Call {
                    let writes = helpers[inst.imm as usize].writes;
                    learnt.retain(|&slot| {
                        let written = writes.has(slot);
                        if written {
                            known[slot] = Val::NONE;
                        }
                        !written
                    });
                }
                let new = rw.push(inst);
                rw.replace(i, new);
            }
        }
    }
    block.insts = rw.out;
}
