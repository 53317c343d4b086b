//! Which slots a region writes, and which it must load on entry.

use tinamou_ir::block::Inst;
use tinamou_ir::ops::{Effect, Op};
use tinamou_ir::region::Region;
use tinamou_ir::types::{HelperDesc, SlotSet};

use crate::bits::Bits;

/// Slots of a region.
pub struct Slots {
    /// Read or written somewhere: have a local.
    pub used: Bits,
    /// Written somewhere: the common exit stores them.
    pub written: Bits,
    /// Their value on entry matters.
    pub live_in: Bits,
}

/// Whether the helper's call needs the slots in memory.
pub fn reads_slots(h: &HelperDesc) -> bool {
    h.reads == SlotSet::All || h.writes == SlotSet::All
}

/// Whether the instruction may set LEAVE in the pending word and go on.
pub fn may_ask_to_leave(inst: &Inst, helpers: &[HelperDesc]) -> bool {
    match inst.op {
        Op::Call => helpers[inst.imm as usize].faults,
        Op::Load | Op::Store | Op::StoreIf | Op::Probe => inst.mem().inline_slow,
        _ => false,
    }
}

/// Computes the slots of a region. An exit counts as a read of every slot that the region writes anywhere, because the common
/// exit stores them all. `checked` blocks test the budget first, and may leave there.
pub fn slots(
    region: &Region,
    slot_count: usize,
    helpers: &[HelperDesc],
    checked: &[bool],
) -> Slots {
    let mut used = Bits::new(slot_count);
    let mut written = Bits::new(slot_count);
    for inst in region.blocks.iter().flat_map(|b| &b.insts) {
        match inst.op {
            Op::Get => {
                used.insert(inst.imm as usize);
            }
            Op::Set => {
                used.insert(inst.imm as usize);
                written.insert(inst.imm as usize);
            }
            _ => {}
        }
    }
    let n = region.blocks.len();
    let mut live = vec![Bits::new(slot_count); n];
    let mut changed = true;
    while changed {
        changed = false;
        for b in (0..n).rev() {
            let mut now = block_live_in(region, b, &live, &written, helpers, slot_count);
            if checked[b] {
                now.union(&written);
            }
            if now != live[b] {
                live[b] = now;
                changed = true;
            }
        }
    }
    let mut live_in = Bits::new(slot_count);
    for &e in &region.entries {
        live_in.union(&live[e as usize]);
    }
    Slots {
        used,
        written,
        live_in,
    }
}

fn block_live_in(
    region: &Region,
    b: usize,
    live_in: &[Bits],
    written: &Bits,
    helpers: &[HelperDesc],
    slot_count: usize,
) -> Bits {
    let mut live = Bits::new(slot_count);
    let edge = |live: &mut Bits, pc: u64| match region.block_at(pc) {
        Some(t) => live.union(&live_in[t as usize]),
        None => live.union(written),
    };
    let pending = region.blocks[b]
        .insts
        .iter()
        .any(|i| may_ask_to_leave(i, helpers));
    for inst in region.blocks[b].insts.iter().rev() {
        match inst.op {
            Op::Get => {
                live.insert(inst.imm as usize);
            }
            Op::Set => live.remove(inst.imm as usize),
            Op::ExitIf | Op::Jump | Op::Branch => {
                if pending {
                    live.union(written); // with a pending LEAVE an edge inside the region ends in the run loop
                }
                edge(&mut live, inst.imm);
                if inst.op == Op::Branch {
                    edge(&mut live, inst.aux);
                }
            }
            Op::Insn if pending => live.union(written),
            Op::Call => {
                let h = &helpers[inst.imm as usize];
                if reads_slots(h) || h.faults {
                    live.union(written);
                }
            }
            _ => match inst.op.info().effect {
                Effect::Load | Effect::Store | Effect::MayExit | Effect::Terminator => {
                    live.union(written)
                }
                _ => {}
            },
        }
    }
    live
}
