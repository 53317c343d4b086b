//! Compiled code of the vCPU whose turn it is: entering a region, and what its exits mean.
//!
//! Invariants: a region is entered only where the mappings that it relies on hold; an exit names the instruction that has not completed,
//! and the interpreter goes on there.

use tinamou_core::PAGE_MASK;
use tinamou_ir::guest::{Access, Fault, Stop};
use tinamou_ir::layout;
use tinamou_ir::region::Exit;

use crate::blocks::{BlockId, EntryPoint, Generations};
use crate::core::{Exec, Run};
use crate::platform::Platform;
use crate::regions::{self, Site};
use crate::timing::Phase;
use crate::vcpu::{Next, Piece, Vcpu};

impl Vcpu {
    /// Calls compiled code. `None`: its mappings do not hold here, the interpreter must do it.
    pub(crate) fn run_compiled(
        &mut self,
        bus: &mut dyn Platform,
        pc: u64,
        now: &Generations,
        entry: EntryPoint,
        link: u32,
    ) -> Option<Next> {
        let before = self.phase(Phase::Run);
        let number = self.call_compiled(bus, pc, now, entry, link);
        self.phase(before);
        number.map(|number| self.take_exit(bus, number))
    }

    /// Runs the region until it leaves; the number of its exit.
    fn call_compiled(
        &mut self,
        bus: &mut dyn Platform,
        pc: u64,
        now: &Generations,
        entry: EntryPoint,
        link: u32,
    ) -> Option<u32> {
        let regions = self.regions.as_mut()?;
        let arena = &self.core.state.arena;
        let region = regions.get(entry.region);
        let (func, head) = (region.func?, *region.entries.first()?);
        let generation = now.of(region.lasting);
        if arena.read32(region.check) != generation {
            let mmu = self.guest.mmu_index(self.mode);
            for &(va, page) in &region.pairs {
                match self
                    .guest
                    .translate(&self.core.state, bus, va, Access::Fetch, mmu)
                {
                    Ok(tr) if tr.gpa.0 & PAGE_MASK == page && tr.lasting >= region.lasting => {}
                    _ => {
                        self.stats.refused += 1;
                        regions.refuse(&mut self.blocks, arena, entry.region, page);
                        return None;
                    }
                }
            }
            regions.hold(arena, entry.region, generation);
        }
        if link != 0 {
            regions.link(arena, link, entry.region, entry.entry);
        }
        regions::cache_jump(
            arena,
            self.core.state.read32(layout::JUMP_CACHE),
            pc,
            self.mode,
            func,
            entry.entry,
        );
        self.stats.calls += 1;
        let base = self.core.state.base;
        let left = self.core.state.read32(layout::BUDGET);
        let run = Run {
            core: &mut self.core,
            bus: &mut *bus,
        };
        let exit = regions.engine().call(
            func,
            base,
            entry.entry,
            &mut Exec {
                guest: &mut *self.guest,
                run,
            },
        );
        let age = self.blocks.age(head, self.core.icount());
        let stay_insns = self.tuning.pieces(age).stay_insns;
        if stay_insns > 0 && self.blocks.has_pieces() {
            let ran = left.wrapping_sub(self.core.state.read32(layout::BUDGET)) as u64;
            let arena = &self.core.state.arena;
            let most = (stay_insns, self.tuning.stay_calls);
            regions.stayed(&mut self.blocks, arena, entry.region, ran, most);
        }
        Some(exit)
    }

    fn take_exit(&mut self, bus: &mut dyn Platform, number: u32) -> Next {
        let Some(regions) = self.regions.as_mut() else {
            return Next::Look;
        };
        let record = *regions.exit(number);
        let region = regions.get(record.region);
        let id = match record.exit {
            Exit::Check { entry } => region.entries[entry as usize],
            Exit::Budget { block }
            | Exit::Resume { block, .. }
            | Exit::Trap { block, .. }
            | Exit::Stopped { block, .. }
            | Exit::Left { block, .. } => region.blocks[block as usize],
            Exit::Edge { .. } | Exit::Indirect | Exit::Leave => BlockId(0),
        };
        let kind = match record.exit {
            Exit::Edge { .. } => 0,
            Exit::Indirect => 1,
            Exit::Leave => 2,
            Exit::Resume { .. } => 3,
            Exit::Trap { .. } => 4,
            Exit::Stopped { .. } => 5,
            Exit::Left { .. } => 6,
            Exit::Budget { .. } => 7,
            Exit::Check { .. } => 8,
        };
        self.stats.exits[kind] += 1;
        match record.exit {
            Exit::Edge { target, .. } => {
                self.core.state.set_pc(target);
                Next::Link(record.link_cell)
            }
            Exit::Indirect => Next::Same,
            Exit::Leave => Next::Look,
            Exit::Budget { .. } => {
                regions.sample(&self.blocks, record.region, id, &self.tuning);
                self.core.state.set_pc(self.blocks.get(id).place.pc);
                Next::Drain
            }
            Exit::Check { .. } => {
                self.core.state.set_pc(self.blocks.get(id).place.pc);
                Next::Same
            }
            Exit::Resume { insn, .. } => {
                self.stats.resumes += 1;
                let marks = self.blocks.get(id).marks.clone();
                let pc = marks.insn_pc(insn);
                self.core.uncacheable = false;
                let next = self.interpret(bus, &Piece::Cached(id, marks), insn);
                let device = core::mem::take(&mut self.core.uncacheable);
                self.count_resume(number, pc, device);
                next
            }
            Exit::Trap { insn, code, .. } => {
                let fault = Fault {
                    code,
                    ..Fault::default()
                };
                let (pc, note) = self.position(id, insn);
                self.raise(bus, fault, pc, note)
            }
            Exit::Stopped { insn, .. } => {
                let (pc, note) = self.position(id, insn);
                match self.core.stopped.take() {
                    Some(Stop::Fault(fault)) => self.raise(bus, fault, pc, note),
                    _ => {
                        let marks = self.blocks.get(id).marks.clone();
                        self.rewind(&marks, insn);
                        Next::Wait
                    }
                }
            }
            Exit::Left { insn, .. } => {
                let (pc, note) = self.position(id, insn);
                if note != 0 {
                    let marks = self.blocks.get(id).marks.clone();
                    return self.interpret(bus, &Piece::Cached(id, marks), insn);
                }
                self.core.state.set_pc(pc);
                Next::Look
            }
        }
    }

    fn position(&self, id: BlockId, insn: u32) -> (u64, u64) {
        let code = &self.blocks.get(id).marks;
        (code.insn_pc(insn), code.insn_note(insn))
    }

    /// An exit for an access was taken once more: what happens there again and again is compiled in another way.
    fn count_resume(&mut self, number: u32, pc: u64, device: bool) {
        let Some(regions) = self.regions.as_mut() else {
            return;
        };
        let record = regions.exit(number);
        let region = record.region;
        let (count, limit, site) = if device {
            (
                &mut record.device_hits,
                self.tuning.device_hits,
                Site::Device,
            )
        } else {
            (&mut record.misses, self.tuning.misses, Site::Alone)
        };
        *count += 1;
        if *count == limit {
            regions.mark_site(&mut self.blocks, &self.state.arena, region, pc, site);
        }
    }
}
