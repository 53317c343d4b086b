//! Which blocks become one region with a hot block, where it may be entered, and which targets its computed jumps try first.

use rustc_hash::FxHashSet;
use tinamou_ir::{Block, Inst, JumpKind, Op, Type, Val};

use crate::blocks::{BlockId, Blocks, Cached};
use crate::tuning::Tuning;

/// Most return points that a return checks before it is looked up.
const RETURN_POINTS: usize = 4;
/// Instructions of a callee that becomes part of its caller's region although it is compiled already.
const INLINE_INSNS: u32 = 60;

/// Blocks of the region that grows from `head`: breadth first along known warm successors, observed targets and return points.
pub fn grow(blocks: &Blocks, head: BlockId, tuning: &Tuning, hot: bool) -> Vec<BlockId> {
    let first = blocks.get(head);
    let (warm_part, room) = if hot {
        (4 * tuning.warm_part, tuning.hot_insns)
    } else {
        (tuning.warm_part, tuning.region_insns)
    };
    let warm = (tuning.hot_runs / warm_part).max(1);
    let mut ids = vec![head];
    let mut seen: FxHashSet<u64> = FxHashSet::default();
    seen.insert(first.place.pc);
    let mut insns = blocks.lean(head).insns();
    let mut i = 0;
    while i < ids.len() {
        let block = blocks.get(ids[i]);
        let behind = block.behind();
        let back = block.calls.then_some(behind);
        let next = block.successors.iter().chain(&block.observed).copied();
        for pc in next.chain(back) {
            if ids.len() >= tuning.region_blocks || seen.contains(&pc) {
                continue;
            }
            let Some(id) = blocks.near(&block.place, pc, block.mode) else {
                continue;
            };
            let found = blocks.lean(id);
            let callee = block.calls && pc != behind;
            let apart = callee && found.entry().is_some() && !is_small(blocks, id);
            if found.runs < warm || apart || insns + found.insns() > room {
                continue;
            }
            seen.insert(pc);
            insns += found.insns();
            ids.push(id);
        }
        i += 1;
    }
    ids
}

/// Whether all known code from `head` on, up to returns, is at most [`INLINE_INSNS`] instructions.
fn is_small(blocks: &Blocks, head: BlockId) -> bool {
    let mut ids = vec![head];
    let (mut insns, mut i) = (0, 0);
    while let Some(&id) = ids.get(i) {
        let block = blocks.get(id);
        insns += blocks.lean(id).insns();
        if insns > INLINE_INSNS || block.calls {
            return false;
        }
        for &pc in block.successors.iter().chain(&block.observed) {
            let known = blocks.near(&block.place, pc, block.mode);
            ids.extend(known.filter(|id| !ids.contains(id)));
        }
        i += 1;
    }
    true
}

/// Computed jumps check the blocks of the region where they are known to go before the target is looked up: return points of
/// calls in the region for returns, observed targets for the rest.
pub fn predict_targets(blocks: &Blocks, ids: &[BlockId], irs: &mut [Block]) {
    let inside: FxHashSet<u64> = irs.iter().map(|b| b.pc).collect();
    let points: Vec<u64> = ids
        .iter()
        .map(|&id| blocks.get(id))
        .filter(|b| b.calls && inside.contains(&b.behind()) && calls_inside(b, &inside))
        .map(|b| b.behind())
        .take(RETURN_POINTS)
        .collect();
    for (ir, &id) in irs.iter_mut().zip(ids) {
        let last = *ir.terminator();
        if last.op != Op::JumpInd {
            continue;
        }
        let targets = if last.imm == JumpKind::Return as u64 {
            &points
        } else {
            &blocks.get(id).observed
        };
        ir.insts.pop();
        for &pc in targets.iter().filter(|pc| inside.contains(pc)) {
            let none = [Val::NONE; 3];
            let at = ir.insts.len() as u32;
            ir.insts.push(Inst {
                op: Op::Const,
                ty: ir.va_type,
                args: none,
                imm: pc,
                aux: 0,
            });
            ir.insts.push(Inst {
                op: Op::Eq,
                ty: Type::I32,
                args: [last.args[0], Val(at), Val::NONE],
                imm: 0,
                aux: 0,
            });
            ir.insts.push(Inst {
                op: Op::ExitIf,
                ty: Type::I32,
                args: [Val(at + 1), Val::NONE, Val::NONE],
                imm: pc,
                aux: 0,
            });
        }
        ir.insts.push(last);
    }
}

/// Whether the call's callee is in the region.
fn calls_inside(block: &Cached, inside: &FxHashSet<u64>) -> bool {
    let mut targets = block.successors.iter().chain(&block.observed);
    targets.any(|pc| inside.contains(pc))
}

/// Which blocks of a region may be entered: the head and return points. Indices into `ids`.
///
/// Not loop headers: a loop that is entered at its header from outside and reached from a loop around it has two ways in, which
/// each turn pays for. A slice that ended inside goes on below this tier until it meets an entry; where that takes long, a region
/// of its own begins there.
pub fn entry_blocks(blocks: &Blocks, ids: &[BlockId]) -> Vec<u32> {
    let points: FxHashSet<u64> = ids
        .iter()
        .map(|&id| blocks.get(id))
        .filter(|b| b.calls)
        .map(|b| b.behind())
        .collect();
    let entered = |i: &usize| *i == 0 || points.contains(&blocks.get(ids[*i]).place.pc);
    (0..ids.len()).filter(entered).map(|i| i as u32).collect()
}
