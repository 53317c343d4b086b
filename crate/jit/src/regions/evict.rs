//! Which modules are kept: what nothing enters any more is let go, with its cells, exits and table entries.

use tinamou_arena::Arena;
use tinamou_ir::region::Exit;

use super::{ExitRecord, Regions, clear_jumps};
use crate::blocks::Blocks;
use crate::engine::Ticket;
use crate::tuning::Tuning;

/// A module goes when less than one in so many of its regions was entered.
const USED_PART: usize = 4;

/// A module that the engine has: what is given back when it goes.
pub struct Module {
    /// The engine's name for it.
    pub ticket: Ticket,
    /// Its regions.
    pub regions: Vec<u32>,
    /// How many of them are valid.
    pub valid: u32,
    /// Arena address and bytes of its cells.
    pub cells: (u32, u32),
    /// Number of its first exit, and how many it has.
    pub exits: (u32, u32),
    /// Its size.
    pub bytes: u64,
}

impl Regions {
    /// Numbers for a module's exits.
    pub(super) fn take_exits(&mut self, count: u32) -> u32 {
        self.free_exits.take(count).unwrap_or_else(|| {
            let first = self.exits.len();
            let none = ExitRecord {
                region: 0,
                exit: Exit::Leave,
                link_cell: 0,
                device_hits: 0,
                misses: 0,
            };
            self.exits.resize(first + count as usize, none);
            first as u32
        })
    }

    /// Called once a slice: lets go of modules without a valid region and, while there are too many bytes of modules, of those in
    /// which little ran since the regions were marked; and blocks grow hot no more from many runs over a long time. A mark is a check that fails: whoever enters comes through the run loop once.
    pub fn evict(
        &mut self,
        blocks: &mut Blocks,
        arena: &Arena,
        jumps: u32,
        tuning: &Tuning,
        icount: u64,
    ) {
        let mut going = core::mem::take(&mut self.dead);
        if self.live_bytes > tuning.code_bytes
            && icount.abs_diff(self.marked_at) >= tuning.mark_insns
        {
            for (number, module) in (0..).zip(&self.modules) {
                let Some(module) = module else { continue };
                let used = |&&r: &&u32| self.list[r as usize].used;
                if module.valid > 0
                    && !self.waiting.contains_key(&module.ticket)
                    && module.regions.iter().filter(used).count() * USED_PART < module.regions.len()
                {
                    going.push(number);
                }
            }
            self.stats.evicted += going.len() as u64;
            self.marked_at = icount;
            blocks.cool();
            for region in self.list.iter_mut().filter(|r| r.valid) {
                region.used = false;
                arena.write32(region.check, 0);
            }
        }
        if going.is_empty() {
            return;
        }
        clear_jumps(arena, jumps);
        for number in going {
            self.retire(blocks, arena, number);
        }
        // What lost its last region above.
        self.dead.clear();
    }

    /// Lets go of a module. Nothing in the jump cache may lead there.
    fn retire(&mut self, blocks: &mut Blocks, arena: &Arena, number: u32) {
        let Some(module) = &self.modules[number as usize] else {
            return;
        };
        for region in module.regions.clone() {
            self.discard(blocks, arena, region);
            let compiled = &mut self.list[region as usize];
            for id in core::mem::take(&mut compiled.blocks) {
                if let Some(regions) = self.by_block.get_mut(&id) {
                    regions.retain(|&r| r != region);
                    if regions.is_empty() {
                        self.by_block.remove(&id);
                    }
                }
            }
            (compiled.entries, compiled.pairs) = (Vec::new(), Vec::new());
            self.free_regions.push(region);
        }
        let Some(module) = self.modules[number as usize].take() else {
            return;
        };
        self.engine.retire(module.ticket);
        self.cells.give(module.cells.0, module.cells.1);
        self.free_exits.give(module.exits.0, module.exits.1);
        self.live_bytes -= module.bytes;
        self.free_modules.push(number);
    }
}
