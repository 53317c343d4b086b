//! The block at the pc: from the cache, by its physical address, or lifted now.

use tinamou_core::{Gpa, PAGE_MASK, PAGE_SIZE, RamPage};
use tinamou_ir::guest::{Access, Fault};
use tinamou_ir::interp::Code;

use crate::blocks::{BlockId, Generations, Place, PlaceFetch};
use crate::debug;
use crate::platform::Platform;
use crate::timing::Phase;
use crate::vcpu::Vcpu;

/// Why there is no block: the fault of fetching it with pc and note, or (`None`) a breakpoint in the delay slot at the pc, which the
/// next look finds.
pub(crate) type Unlifted = Option<(Fault, u64, u64)>;

impl Vcpu {
    /// Looks the block up by physical address, or lifts it. `None`: it must not be cached.
    pub(crate) fn find(
        &mut self,
        bus: &mut dyn Platform,
        pc: u64,
        now: &Generations,
    ) -> Result<Option<BlockId>, Unlifted> {
        let (state, mmu) = (&self.core.state, self.guest.mmu_index(self.mode));
        let tr = self
            .guest
            .translate(state, bus, pc, Access::Fetch, mmu)
            .map_err(|f| Some((f, pc, 0)))?;
        let RamPage::Ram { arena: page, .. } = bus.page(tr.gpa) else {
            return Ok(None);
        };
        if let Some(id) = self.blocks.find(tr.gpa, pc, self.mode) {
            let second = self.blocks.get(id).place.pairs().nth(1);
            let lasting = match second {
                None => Some(tr.lasting),
                Some((va, page)) => {
                    let tr2 = self
                        .guest
                        .translate(&self.core.state, bus, va, Access::Fetch, mmu)
                        .map_err(|f| Some((f, va, 1)))?;
                    (tr2.gpa.0 & PAGE_MASK == page).then_some(tr.lasting.min(tr2.lasting))
                }
            };
            if let Some(lasting) = lasting {
                self.blocks.set_lasting(id, lasting);
                self.blocks.set_front(pc, self.mode, now, id);
                return Ok(Some(id));
            }
        }
        let at = (tr.gpa, (page & !0xfff) + tr.gpa.page_offset());
        let (pages, arena) = (&mut self.core.pages, &self.core.state.arena);
        if let Some(id) = self.blocks.revive(at, pc, self.mode, pages, arena) {
            self.each_mmu(|mmu| mmu.protect(at.1 & !0xfff));
            self.blocks.set_lasting(id, tr.lasting);
            self.blocks.set_front(pc, self.mode, now, id);
            return Ok(Some(id));
        }
        let (code, block, place) = self.lift(bus, pc, self.tuning.block_insns)?;
        for (at, _) in place.pieces() {
            self.each_mmu(|mmu| mmu.protect(at & !0xfff));
        }
        let (pages, arena) = (&mut self.core.pages, &self.core.state.arena);
        let id = self.blocks.add(place, &block, code, pages, arena);
        self.stats.lifted += 1;
        self.blocks.set_front(pc, self.mode, now, id);
        Ok(Some(id))
    }

    pub(crate) fn lift(
        &mut self,
        bus: &mut dyn Platform,
        pc: u64,
        max_insns: u32,
    ) -> Result<(Code, tinamou_ir::Block, Place), Unlifted> {
        let before = self.phase(Phase::Lift);
        let lifted = self.lift_block(bus, pc, max_insns);
        self.phase(before);
        lifted
    }

    fn lift_block(
        &mut self,
        bus: &mut dyn Platform,
        pc: u64,
        max_insns: u32,
    ) -> Result<(Code, tinamou_ir::Block, Place), Unlifted> {
        let mmu = self.guest.mmu_index(self.mode);
        let tr = self
            .guest
            .translate(&self.core.state, bus, pc, Access::Fetch, mmu)
            .map_err(|f| Some((f, pc, 0)))?;
        let (mut next, mut lasting) = (None, tr.lasting);
        loop {
            let arena = self.core.state.arena.clone();
            let page = (pc & PAGE_MASK, tr.gpa.0 & PAGE_MASK);
            let mut fetch = PlaceFetch {
                bus: &mut *bus,
                arena: &arena,
                page,
                next,
                missed: None,
                seen: None,
            };
            let debug = self.debug.as_deref_mut();
            match debug::lift(&*self.guest, &mut fetch, debug, pc, self.mode, max_insns) {
                Ok(None) => return Err(None),
                Ok(Some(block)) => {
                    if let Some(trace) = &self.trace {
                        trace.borrow_mut().lifted(&*self.guest, &mut fetch, &block);
                    }
                    let room = PAGE_SIZE - (pc & !PAGE_MASK);
                    let next_page = next
                        .filter(|_| block.code_bytes as u64 > room)
                        .map(|(_, p)| Gpa(p));
                    let host = |gpa: Gpa| match bus.page(gpa) {
                        RamPage::Ram { arena, .. } => (arena & !0xfff) + gpa.page_offset(),
                        _ => 0,
                    };
                    let place = Place {
                        pc,
                        gpa: tr.gpa,
                        next_page,
                        host: host(tr.gpa),
                        next_host: next_page.map_or(0, host),
                        bytes: block.code_bytes,
                        lasting,
                    };
                    let code = self.translator.translate(
                        &block,
                        &self.guest.slots(),
                        self.guest.helpers(),
                    );
                    return Ok((code, block, place));
                }
                Err(fault) => {
                    let (Some(va), true) = (fetch.missed, next.is_none()) else {
                        return Err(Some((fault, pc, 0)));
                    };
                    let tr2 = self
                        .guest
                        .translate(&self.core.state, bus, va, Access::Fetch, mmu);
                    let tr2 = tr2.map_err(|f| Some((f, va, (va != pc) as u64)))?;
                    next = Some((va & PAGE_MASK, tr2.gpa.0 & PAGE_MASK));
                    lasting = lasting.min(tr2.lasting);
                }
            }
        }
    }
}
