//! The block cache: lifted blocks in the interpreter's bytecode, found by (physical address, pc, mode), with the counters that
//! make them hot and the regions that replace them. What running a block needs lies apart, in [`crate::lean`].

use std::rc::Rc;

use rustc_hash::FxHashMap;
use tinamou_core::{Gpa, PAGE_MASK, PAGE_SIZE, RamPage};
use tinamou_ir::block::Block;
use tinamou_ir::guest::{CodeFetch, Fault, Lasting, State};
use tinamou_ir::interp::native::{self, Left, Link, Native, Piece, Source};
use tinamou_ir::interp::{Code, Marks};
use tinamou_ir::region::CHECK_FIXED;
use tinamou_ir::{JumpKind, Op, layout};

use crate::lean::{Lean, Leans};
use crate::pages::{CodePages, Dirty};
use crate::platform::Platform;

/// Index of a block in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockId(pub u32);

/// Where compiled code for a block starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryPoint {
    /// The region.
    pub region: u32,
    /// Its entry number.
    pub entry: u32,
}

/// The generations of code mappings in force, by how long they hold.
pub struct Generations([u32; 3]);

impl Generations {
    /// Those of a vCPU.
    pub fn of_state(state: &State) -> Generations {
        let mut all = [CHECK_FIXED; 3];
        all[Lasting::Space as usize] = state.read32(layout::CODE_GEN);
        all[Lasting::Global as usize] = state.read32(layout::GLOBAL_GEN);
        Generations(all)
    }

    /// What is compared for mappings that hold so long.
    #[inline]
    pub fn of(&self, lasting: Lasting) -> u32 {
        self.0[lasting as usize]
    }
}

/// Where a block's guest code lies: two pages at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Guest address of the first byte.
    pub pc: u64,
    /// Physical address of the first byte.
    pub gpa: Gpa,
    /// Physical address of the second page, if the code reaches into it.
    pub next_page: Option<Gpa>,
    /// Arena offset of the first byte.
    pub host: u32,
    /// Arena offset of the second page, if the code reaches into it.
    pub next_host: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// How long the mapping holds.
    pub lasting: Lasting,
}

impl Place {
    /// The pieces in the arena: (offset, bytes), each within one page.
    pub fn pieces(&self) -> impl Iterator<Item = (u32, u32)> {
        let room = PAGE_SIZE as u32 - self.gpa.page_offset();
        let first = (self.host, self.bytes.min(room));
        let second = self
            .next_page
            .map(|_| (self.next_host, self.bytes.saturating_sub(room)));
        core::iter::once(first)
            .chain(second)
            .filter(|&(_, bytes)| bytes > 0)
    }

    /// (virtual page, physical page) pairs the code relies on.
    pub fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        let page = self.pc & PAGE_MASK;
        let second = self
            .next_page
            .map(|gpa| (page.wrapping_add(PAGE_SIZE), gpa.0));
        core::iter::once((page, self.gpa.0 & PAGE_MASK)).chain(second)
    }
}

/// A cached block.
pub struct Cached {
    /// Where its code lies.
    pub place: Place,
    /// Mode word.
    pub mode: u32,
    /// Where its instructions are in its bytecode.
    pub marks: Rc<Marks>,
    /// Constant successors.
    pub successors: Vec<u64>,
    /// Instruction count when it was made, as of the slice's start.
    pub born: u64,
    /// It ends in a call or an exception: the address behind it is a likely return point.
    pub calls: bool,
    /// It ends in a return.
    pub returns: bool,
    /// Where its computed jump went, a few targets at most. Empty for returns.
    pub observed: Vec<u64>,
    /// The bytes that were translated, while the same bytes would be translated the same way again. Empty otherwise.
    bytes: Box<[u8]>,
}

impl Cached {
    /// The address behind it.
    pub fn behind(&self) -> u64 {
        self.place.pc.wrapping_add(self.place.bytes as u64)
    }

    /// Remembers a target of its computed jump.
    pub fn observe(&mut self, pc: u64) {
        if !self.returns && !self.observed.contains(&pc) && self.observed.len() < OBSERVED {
            self.observed.push(pc);
        }
    }
}

/// Targets of a computed jump that are remembered.
const OBSERVED: usize = 8;

/// Whether control is likely to come back to the address behind the block.
fn is_call(block: &Block) -> bool {
    let behind = block.pc.wrapping_add(block.code_bytes as u64);
    let last = block.terminator();
    match last.op {
        Op::Leave | Op::Raise => true,
        Op::JumpInd => last.imm == JumpKind::Call as u64,
        // A call says where it returns to.
        Op::Jump => block
            .insts
            .iter()
            .any(|i| i.op == Op::Const && i.imm as u32 == behind as u32 && i.imm != last.imm),
        _ => false,
    }
}

/// What follows a block.
#[derive(Clone, Copy)]
pub enum Successor {
    /// What followed it before.
    Known(BlockId),
    /// Another one that is in the cache.
    New(BlockId),
    /// Nothing that could be entered without a look at mappings.
    None,
}

/// Blocks kept before everything is dropped.
const CAPACITY: usize = 1 << 18;
/// Entries of the direct-mapped front of the cache.
const FRONT: usize = 1 << 13;

#[derive(Clone, Copy)]
struct FrontEntry {
    pc: u64,
    mode: u32,
    generation: u32,
    block: BlockId,
}

/// The cache.
pub struct Blocks {
    leans: Leans,
    list: Vec<Cached>,
    by_place: FxHashMap<(u64, u64, u32), BlockId>,
    /// The latest block at a pc, whatever its physical address.
    by_pc: FxHashMap<(u64, u32), BlockId>,
    by_page: FxHashMap<u32, Vec<BlockId>>,
    front: Vec<FrontEntry>,
    /// Machine code, for the tier before regions.
    native: Option<Native>,
    /// Instruction count as of the slice's start.
    icount: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        let empty = FrontEntry {
            pc: u64::MAX,
            mode: 0,
            generation: 0,
            block: BlockId(0),
        };
        Blocks {
            leans: Leans::default(),
            list: Vec::new(),
            by_place: FxHashMap::default(),
            by_pc: FxHashMap::default(),
            by_page: FxHashMap::default(),
            front: vec![empty; FRONT],
            native: None,
            icount: 0,
        }
    }
}

fn front_index(pc: u64) -> usize {
    ((pc >> 2) ^ (pc >> 15)) as usize & (FRONT - 1)
}

impl Blocks {
    /// An empty cache, of which pieces of machine code are made, or not.
    pub fn new(native: Option<Native>) -> Blocks {
        Blocks {
            native,
            ..Blocks::default()
        }
    }

    /// Makes the block's piece, or notes that there is none.
    #[cold]
    pub fn make_piece(&mut self, id: BlockId) {
        let (block, lean) = (&self.list[id.0 as usize], &self.leans[id]);
        let piece = self.native.as_mut().and_then(|native| {
            native.add(&Source {
                block: id.0,
                pc: block.place.pc,
                mode: block.mode,
                insns: lean.insns(),
                generation: match lean.lasting() {
                    Lasting::Space => Some(layout::CODE_GEN),
                    Lasting::Global => Some(layout::GLOBAL_GEN),
                    Lasting::Fixed => None,
                },
                words: self.leans.words(id),
            })
        });
        self.leans[id].set_native(piece);
    }

    /// Enters the block by its piece: its mapping holds, its mode is in force, and the budget covers it.
    #[inline]
    pub fn run_piece(
        &mut self,
        piece: Piece,
        id: BlockId,
        now: &Generations,
        state: &State,
    ) -> Left {
        let lean = &self.leans[id];
        let (generation, once) = (now.of(lean.lasting()), lean.entry().is_some());
        match &mut self.native {
            Some(native) => native.run(piece, id.0, generation, once, state),
            None => unreachable!("a piece of block {}", id.0),
        }
    }

    /// Blocks that are made from now on are born at this instruction count.
    pub fn set_icount(&mut self, icount: u64) {
        self.icount = icount;
    }

    /// Instructions that ran since the block was made.
    pub fn age(&self, id: BlockId, icount: u64) -> u64 {
        icount.saturating_sub(self.get(id).born)
    }

    /// Whether blocks can have pieces of machine code here.
    pub fn has_pieces(&self) -> bool {
        self.native.is_some()
    }

    /// What compiling the block gains, times what it gains for most pieces.
    pub fn gain(&self, id: BlockId) -> u32 {
        if native::computes(self.words(id)) {
            native::COMPUTING
        } else {
            1
        }
    }

    /// Whether the block went back to be counted; from now on it is not.
    pub fn take_due(&mut self, id: BlockId) -> bool {
        let lean = &self.leans[id];
        let stopped = !lean.alive || lean.entry().is_some() || lean.native().is_none();
        let Some(native) = self.native.as_mut().filter(|n| n.is_due(id.0)) else {
            return false;
        };
        if stopped {
            native.stop(id.0);
        } else {
            native.counted(id.0);
        }
        !stopped
    }

    /// `to` follows at `pc`, by a constant jump or by a computed one: from now on its piece does, if it has one and is not compiled.
    #[inline]
    pub fn join(&mut self, link: Option<Link>, pc: u64, to: BlockId) {
        let lean = &self.leans[to];
        if let Some(native) = &mut self.native
            && let Some(piece) = lean.native()
            && lean.entry().is_none()
        {
            match link {
                Some(link) => native.link(link, piece),
                None => native.set_target(pc, piece),
            }
        }
    }

    /// Forgets all pieces of machine code if there is little room left, keeping the blocks.
    pub fn make_room(&mut self) {
        if let Some(native) = self.native.as_mut().filter(|n| n.is_full()) {
            native.clear();
            for lean in self.leans.iter_mut() {
                lean.forget_native();
            }
        }
    }

    /// Compiled code starts at the block.
    pub fn set_entry(&mut self, id: BlockId, entry: EntryPoint) {
        self.leans[id].set_entry(Some(entry));
        self.stop_pieces(&[id]);
    }

    fn stop_pieces(&mut self, ids: &[BlockId]) {
        if let Some(native) = &mut self.native {
            ids.iter().for_each(|id| native.stop(id.0));
        }
    }

    /// The block of an id.
    pub fn get(&self, id: BlockId) -> &Cached {
        &self.list[id.0 as usize]
    }

    /// The block of an id.
    pub fn get_mut(&mut self, id: BlockId) -> &mut Cached {
        &mut self.list[id.0 as usize]
    }

    /// What running the block of an id touches.
    #[inline]
    pub fn lean(&self, id: BlockId) -> &Lean {
        &self.leans[id]
    }

    /// What running the block of an id touches.
    #[inline]
    pub fn lean_mut(&mut self, id: BlockId) -> &mut Lean {
        &mut self.leans[id]
    }

    /// The bytecode of the block of an id.
    #[inline]
    pub fn words(&self, id: BlockId) -> &[u64] {
        self.leans.words(id)
    }

    /// The block of an id is about to run.
    #[inline]
    pub fn foresee(&self, id: BlockId) {
        self.leans.foresee(id);
    }

    /// Its mapping was looked up again and holds so long.
    pub fn set_lasting(&mut self, id: BlockId, lasting: Lasting) {
        let lean = &mut self.leans[id];
        if lean.lasting() != lasting {
            self.list[id.0 as usize].place.lasting = lasting;
            lean.set_lasting(lasting);
            // It compares another generation than its piece does.
            lean.set_native(None);
            self.stop_pieces(&[id]);
        }
    }

    /// Whether the cache should be dropped as a whole.
    pub fn is_full(&self) -> bool {
        self.list.len() >= CAPACITY
    }

    /// Half of the runs of each block that is not compiled are forgotten.
    pub fn cool(&mut self) {
        let idle = |b: &&mut Lean| b.entry().is_none();
        for block in self.leans.iter_mut().filter(idle) {
            block.runs /= 2;
        }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A block found before under the mapping generations in force.
    #[inline]
    pub fn front(&self, pc: u64, mode: u32, now: &Generations) -> Option<BlockId> {
        let e = &self.front[front_index(pc)];
        if e.pc == pc && e.mode == mode {
            let block = self.leans.get(e.block)?;
            return (block.alive && e.generation == now.of(block.lasting())).then_some(e.block);
        }
        None
    }

    /// As `front`, for the block that follows `from`.
    #[inline]
    pub fn successor(&mut self, from: BlockId, pc: u64, mode: u32, now: &Generations) -> Successor {
        if let Some((id, generation)) = self.leans[from].next(pc)
            && let Some(block) = self.leans.get(id)
            && block.alive
            && generation == now.of(block.lasting())
        {
            return Successor::Known(id);
        }
        let Some(id) = self.front(pc, mode, now) else {
            return Successor::None;
        };
        let generation = now.of(self.leans[id].lasting());
        self.leans.set_next(from, pc, id, generation);
        Successor::New(id)
    }

    /// Remembers a block under the mapping generations in force.
    pub fn set_front(&mut self, pc: u64, mode: u32, now: &Generations, block: BlockId) {
        let generation = now.of(self.leans[block].lasting());
        self.front[front_index(pc)] = FrontEntry {
            pc,
            mode,
            generation,
            block,
        };
    }

    /// The live block at this place.
    pub fn find(&self, gpa: Gpa, pc: u64, mode: u32) -> Option<BlockId> {
        self.by_place
            .get(&(gpa.0, pc, mode))
            .copied()
            .filter(|&id| self.leans[id].alive)
    }

    /// The live block at `pc` that code at `from` reaches without any new translation: on a page whose physical address is
    /// known from `from` or from any block of the same mode found at that pc before.
    pub fn near(&self, from: &Place, pc: u64, mode: u32) -> Option<BlockId> {
        for (v, p) in from.pairs() {
            if pc & PAGE_MASK == v {
                return self.find(Gpa(p | (pc & !PAGE_MASK)), pc, mode);
            }
        }
        let id = *self.by_pc.get(&(pc, mode))?;
        self.leans[id].alive.then_some(id)
    }

    /// Adds a block and marks its pages as code.
    pub fn add(
        &mut self,
        place: Place,
        block: &Block,
        code: Code,
        pages: &mut CodePages,
        arena: &tinamou_arena::Arena,
    ) -> BlockId {
        let id = BlockId(self.list.len() as u32);
        let insns = block.insn_count;
        self.leans.add(code.words(), insns, place.lasting);
        self.enter(id, &place, pages);
        self.by_place
            .insert((place.gpa.0, place.pc, block.mode), id);
        self.by_pc.insert((place.pc, block.mode), id);
        self.list.push(Cached {
            place,
            mode: block.mode,
            marks: code.into_marks(),
            successors: block.successors(),
            born: self.icount,
            calls: is_call(block),
            returns: block.terminator().op == Op::JumpInd
                && block.terminator().imm == JumpKind::Return as u64,
            observed: Vec::new(),
            bytes: bytes_of(&place, arena),
        });
        id
    }

    /// Notes where the code of a block lies.
    fn enter(&mut self, id: BlockId, place: &Place, pages: &mut CodePages) {
        for (at, bytes) in place.pieces() {
            pages.add(at, bytes);
            self.by_page.entry(at & !0xfff).or_default().push(id);
        }
    }

    /// A block at this place that was dropped because something was written near its code, if its code is what it was.
    pub fn revive(
        &mut self,
        (gpa, host): (Gpa, u32),
        pc: u64,
        mode: u32,
        pages: &mut CodePages,
        arena: &tinamou_arena::Arena,
    ) -> Option<BlockId> {
        let id = *self.by_place.get(&(gpa.0, pc, mode))?;
        let (block, lean) = (&self.list[id.0 as usize], &mut self.leans[id]);
        let place = block.place;
        // The second page of a longer one may be another by now.
        if lean.alive
            || block.bytes.is_empty()
            || place.next_page.is_some()
            || place.host != host
            || block.bytes != bytes_of(&place, arena)
        {
            return None;
        }
        (lean.alive, lean.queued, lean.runs) = (true, false, 0);
        self.enter(id, &place, pages);
        Some(id)
    }

    /// Drops the blocks whose bytes were overwritten; returns them.
    pub fn drop_dirty(&mut self, dirty: &[Dirty]) -> Vec<BlockId> {
        let mut dropped = Vec::new();
        for d in dirty {
            let Some(ids) = self.by_page.get_mut(&d.page) else {
                continue;
            };
            let (list, leans) = (&self.list, &mut self.leans);
            ids.retain(|&id| {
                let (block, lean) = (&list[id.0 as usize], &mut leans[id]);
                if lean.alive && block.place.pieces().any(|(at, bytes)| d.touches(at, bytes)) {
                    lean.alive = false;
                    lean.set_entry(None);
                    dropped.push(id);
                }
                lean.alive
            });
        }
        self.stop_pieces(&dropped);
        dropped
    }

    /// Drops the blocks whose physical addresses lead to other memory than when they were translated; returns them.
    pub fn drop_moved(&mut self, bus: &dyn Platform) -> Vec<BlockId> {
        let stays = |gpa: Gpa, host: u32| match bus.page(gpa) {
            RamPage::Ram { arena, .. } => arena & !0xfff == host & !0xfff,
            _ => false,
        };
        let mut dropped = Vec::new();
        for (n, (block, lean)) in self.list.iter_mut().zip(self.leans.iter_mut()).enumerate() {
            let place = &block.place;
            let stays = stays(place.gpa, place.host)
                && place
                    .next_page
                    .is_none_or(|gpa| stays(gpa, place.next_host));
            if lean.alive && !stays {
                lean.alive = false;
                block.bytes = Box::default();
                lean.set_entry(None);
                dropped.push(BlockId(n as u32));
            }
        }
        self.stop_pieces(&dropped);
        dropped
    }

    /// Drops the blocks with an instruction at guest address `va`; returns them.
    pub fn drop_at(&mut self, va: u64) -> Vec<BlockId> {
        let mut dropped = Vec::new();
        for (n, (block, lean)) in self.list.iter_mut().zip(self.leans.iter_mut()).enumerate() {
            if va.wrapping_sub(block.place.pc) >= block.place.bytes as u64 {
                continue;
            }
            // It will be translated in another way.
            block.bytes = Box::default();
            if lean.alive {
                lean.alive = false;
                lean.set_entry(None);
                dropped.push(BlockId(n as u32));
            }
        }
        self.stop_pieces(&dropped);
        dropped
    }

    /// Forgets every block.
    pub fn clear(&mut self) {
        let mut native = self.native.take();
        if let Some(native) = &mut native {
            native.clear();
        }
        *self = Blocks::new(native);
    }

    /// Forgets all compiled entries, keeping the blocks.
    pub fn clear_entries(&mut self) {
        for lean in self.leans.iter_mut() {
            lean.set_entry(None);
            (lean.queued, lean.runs) = (false, 0);
        }
    }
}

/// The bytes of a block's code.
fn bytes_of(place: &Place, arena: &tinamou_arena::Arena) -> Box<[u8]> {
    let mut out = vec![0; place.bytes as usize];
    let mut done = 0;
    for (at, bytes) in place.pieces() {
        let end = done + bytes as usize;
        arena.read_bytes(at, &mut out[done..end]);
        done = end;
    }
    out.into()
}

/// Reads guest code of a known place, without the MMU.
pub struct PlaceFetch<'a> {
    /// The machine.
    pub bus: &'a mut dyn Platform,
    /// The arena.
    pub arena: &'a tinamou_arena::Arena,
    /// First page: virtual and physical address.
    pub page: (u64, u64),
    /// Second page, if known.
    pub next: Option<(u64, u64)>,
    /// Asked for a page that is not among them.
    pub missed: Option<u64>,
    /// The page that was read last, if it is RAM: its virtual address and arena offset.
    pub seen: Option<(u64, u32)>,
}

impl CodeFetch for PlaceFetch<'_> {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        let page = va & PAGE_MASK;
        if let Some((seen, host)) = self.seen
            && seen == page
        {
            return Ok(read_code(
                self.arena,
                host | (va & !PAGE_MASK) as u32,
                bytes,
            ));
        }
        let phys = if page == self.page.0 {
            self.page.1
        } else {
            match self.next {
                Some((v, p)) if v == page => p,
                _ => {
                    self.missed = Some(va);
                    return Err(Fault::default());
                }
            }
        };
        let gpa = Gpa(phys | (va & !PAGE_MASK));
        if let RamPage::Ram { arena: host, .. } = self.bus.page(gpa) {
            self.seen = Some((page, host & !0xfff));
        }
        Ok(fetch_phys(self.bus, self.arena, gpa, bytes))
    }
}

fn read_code(arena: &tinamou_arena::Arena, at: u32, bytes: u32) -> u32 {
    match bytes {
        1 => arena.read8(at) as u32,
        2 => arena.read16(at) as u32,
        _ => arena.read32(at),
    }
}

/// Reads code bytes at a physical address, from RAM or a device; what nothing answers reads as zeros.
pub fn fetch_phys(
    bus: &mut dyn Platform,
    arena: &tinamou_arena::Arena,
    gpa: Gpa,
    bytes: u32,
) -> u32 {
    match bus.page(gpa) {
        RamPage::Ram { arena: host, .. } => {
            read_code(arena, (host & !0xfff) + gpa.page_offset(), bytes)
        }
        _ => bus.read(gpa, bytes).unwrap_or(0) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinamou_arena::Arena;
    use tinamou_ir::{Builder, SlotTable, Type, interp};

    /// A page of code, its arena offset, and a block of 4 bytes at its start.
    fn machine() -> (Arena, u32, Blocks, CodePages, BlockId) {
        let arena = Arena::new().unwrap();
        let host = arena.alloc(PAGE_SIZE, PAGE_SIZE).unwrap();
        arena.write32(host, 0x1234_5678);
        let table = Rc::new(SlotTable::default());
        let mut b = Builder::new(table.clone(), 0x4000, 1, Type::I32);
        b.insn(0x4000, 0);
        b.jump(0x4004);
        let block = b.finish(4);
        let code = interp::translate(&block, &table, &[]);
        let place = Place {
            pc: 0x4000,
            gpa: Gpa(0x4000),
            next_page: None,
            host,
            next_host: 0,
            bytes: 4,
            lasting: Lasting::Space,
        };
        let (mut blocks, mut pages) = (Blocks::default(), CodePages::default());
        let id = blocks.add(place, &block, code, &mut pages, &arena);
        (arena, host, blocks, pages, id)
    }

    fn write(blocks: &mut Blocks, pages: &mut CodePages, at: u32) {
        assert!(pages.note_store(at, 1));
        blocks.drop_dirty(&pages.take_dirty());
    }

    #[test]
    fn a_block_comes_back_if_its_code_was_not_changed() {
        let (arena, host, mut blocks, mut pages, id) = machine();
        let at = (Gpa(0x4000), host);
        // Near the code, in its granule.
        write(&mut blocks, &mut pages, host + 32);
        assert_eq!(blocks.find(Gpa(0x4000), 0x4000, 1), None);
        assert!(!pages.has_code(host));
        let again = blocks.revive(at, 0x4000, 1, &mut pages, &arena);
        assert_eq!(again, Some(id));
        assert_eq!(blocks.find(Gpa(0x4000), 0x4000, 1), Some(id));
        // It is dropped again, and changed this time.
        arena.write8(host + 3, 0x55);
        write(&mut blocks, &mut pages, host + 3);
        assert_eq!(blocks.revive(at, 0x4000, 1, &mut pages, &arena), None);
        arena.write8(host + 3, 0x12);
        // Elsewhere in memory, in another mode, or with a breakpoint it is another block.
        let other = (Gpa(0x4000), host + 0x1000);
        assert_eq!(blocks.revive(other, 0x4000, 1, &mut pages, &arena), None);
        assert_eq!(blocks.revive(at, 0x4000, 2, &mut pages, &arena), None);
        blocks.drop_at(0x4002);
        assert_eq!(blocks.revive(at, 0x4000, 1, &mut pages, &arena), None);
    }
}
