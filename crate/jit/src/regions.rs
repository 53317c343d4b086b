//! Compiled regions: how one grows from a hot block, the table of exits, the cells that validate and link them, and the traffic
//! with the engine.

use rustc_hash::{FxHashMap, FxHashSet};
use tinamou_arena::Arena;
use tinamou_ir::guest::{Guest, Lasting};
use tinamou_ir::region::{CHECK_FIXED, CHECK_INVALID, Exit, Region};
use tinamou_ir::{Block, Inst, JumpKind, Op, Type, Val, layout};
use tinamou_wasm::{Env, compile_module};

use crate::blocks::{BlockId, Blocks, Cached, EntryPoint, PlaceFetch};
use crate::engine::{Engine, ModuleSource, Ticket};
use crate::platform::Platform;
use crate::trace::Tracer;
use crate::tuning::Tuning;

/// A region that was handed to the engine.
pub struct Compiled {
    /// Its blocks, in the order of the IR region.
    pub blocks: Vec<BlockId>,
    /// Blocks of the entries.
    pub entries: Vec<BlockId>,
    /// Arena address of the check cell.
    pub check: u32,
    /// Table index once the engine has published it.
    pub func: Option<u32>,
    /// How long all its mappings hold.
    pub lasting: Lasting,
    /// False once code of it was overwritten.
    pub valid: bool,
    /// (virtual page, physical page) pairs it relies on.
    pub pairs: Vec<(u64, u64)>,
    /// Instructions in it.
    pub insns: u32,
    /// Compiled for speed.
    pub hot: bool,
    /// Link cells that were pointed at it.
    links: Vec<u32>,
}

/// One way out of a region.
#[derive(Clone, Copy)]
pub struct ExitRecord {
    /// The region.
    pub region: u32,
    /// The way.
    pub exit: Exit,
    /// Arena address of the link cell, for `Exit::Edge`.
    pub link_cell: u32,
    /// How often it was taken for an access that can never be cached.
    pub device_hits: u32,
    /// How often it was taken for another access.
    pub misses: u32,
}

/// What the check cell of a region holds that was not checked yet: nothing in force, or what fixed mappings compare with.
fn check_cell(lasting: Lasting) -> u32 {
    match lasting {
        Lasting::Fixed => CHECK_FIXED,
        _ => 0,
    }
}

/// How an instruction's accesses are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// They reach devices: with an inline slow path.
    Device,
    /// A check shared with neighbours kept failing: each with its own.
    Alone,
}

/// Where time and memory went in the compiler.
#[derive(Clone, Copy, Default, Debug)]
pub struct CompileStats {
    /// Modules handed to the engine.
    pub modules: u64,
    /// Regions in them.
    pub regions: u64,
    /// Guest instructions in them.
    pub insns: u64,
    /// Bytes of the modules.
    pub bytes: u64,
    /// Times all code was dropped.
    pub flushes: u64,
}

/// Regions of one vCPU and their engine.
pub struct Regions {
    engine: Box<dyn Engine>,
    list: Vec<Compiled>,
    exits: Vec<ExitRecord>,
    queue: Vec<BlockId>,
    waiting: FxHashMap<Ticket, Vec<u32>>,
    tickets: Vec<Ticket>,
    by_block: FxHashMap<BlockId, Vec<u32>>,
    /// Instructions whose accesses are compiled in another way than most.
    sites: FxHashMap<u64, Site>,
    cells: CellPool,
    /// How many slices ended at a block, in compiled code.
    samples: FxHashMap<BlockId, u32>,
    /// Heads of hot regions to be.
    hot_queue: Vec<BlockId>,
    /// Slices since the oldest queued block.
    age: u32,
    live_insns: u64,
    /// Hears of regions and modules.
    pub trace: Option<Tracer>,
    /// Figures.
    pub stats: CompileStats,
}

/// Arena bytes for cells, in chunks, all given back at once.
struct CellPool {
    chunks: Vec<u32>,
    used: u32,
    current: usize,
}

const CELL_CHUNK: u32 = 256 << 10;

impl CellPool {
    fn alloc(&mut self, arena: &Arena, bytes: u32) -> Option<u32> {
        if bytes > CELL_CHUNK {
            return None;
        }
        if self.chunks.is_empty() || self.used + bytes > CELL_CHUNK {
            if !self.chunks.is_empty() {
                self.current += 1;
            }
            if self.current >= self.chunks.len() {
                self.chunks.push(arena.alloc(CELL_CHUNK as u64, 64).ok()?);
                self.current = self.chunks.len() - 1;
            }
            self.used = 0;
        }
        let at = self.chunks[self.current] + self.used;
        self.used += bytes.next_multiple_of(8);
        arena.fill(at, bytes, 0);
        Some(at)
    }

    fn reset(&mut self) {
        self.current = 0;
        self.used = 0;
    }
}

impl Regions {
    /// No regions yet.
    pub fn new(engine: Box<dyn Engine>) -> Regions {
        Regions {
            engine,
            list: Vec::new(),
            exits: Vec::new(),
            queue: Vec::new(),
            waiting: FxHashMap::default(),
            tickets: Vec::new(),
            by_block: FxHashMap::default(),
            sites: FxHashMap::default(),
            cells: CellPool {
                chunks: Vec::new(),
                used: 0,
                current: 0,
            },
            samples: FxHashMap::default(),
            hot_queue: Vec::new(),
            age: 0,
            live_insns: 0,
            trace: None,
            stats: CompileStats::default(),
        }
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut dyn Engine {
        &mut *self.engine
    }

    /// A region.
    pub fn get(&self, region: u32) -> &Compiled {
        &self.list[region as usize]
    }

    /// The record of an exit number.
    pub fn exit(&mut self, number: u32) -> &mut ExitRecord {
        &mut self.exits[number as usize]
    }

    /// Asks for code for a hot block.
    pub fn enqueue(&mut self, blocks: &mut Blocks, id: BlockId) {
        let block = blocks.get_mut(id);
        if !block.queued && block.alive {
            block.queued = true;
            self.queue.push(id);
        }
    }

    /// A slice ended in `region` at `block`: time is spent here.
    pub fn sample(&mut self, blocks: &Blocks, region: u32, block: BlockId, tuning: &Tuning) {
        let compiled = &self.list[region as usize];
        if compiled.hot || !compiled.valid {
            return;
        }
        // Where the block is the head of a hot region already, it is its surroundings that need one.
        let entry = blocks.get(block).entry;
        let head = match entry {
            Some(e) if self.list[e.region as usize].hot => compiled.entries[0],
            _ => block,
        };
        let count = self.samples.entry(head).or_default();
        *count += 1;
        if *count == tuning.hot_samples {
            self.hot_queue.push(head);
        }
    }

    /// Takes up what the engine has finished.
    pub fn collect(&mut self, blocks: &mut Blocks, arena: &Arena, jumps: u32) {
        while let Some((ticket, result)) = self.engine.poll() {
            let Some(regions) = self.waiting.remove(&ticket) else {
                continue;
            };
            let Ok(base) = result else { continue };
            for (k, region) in regions.into_iter().enumerate() {
                let compiled = &mut self.list[region as usize];
                compiled.func = Some(base + k as u32);
                if !compiled.valid {
                    continue;
                }
                if compiled.hot {
                    let head = compiled.entries[0];
                    self.supersede(blocks, arena, head);
                    clear_jumps(arena, jumps);
                }
                let compiled = &self.list[region as usize];
                for (entry, &id) in compiled.entries.iter().enumerate() {
                    let block = blocks.get_mut(id);
                    if entry == 0 || block.entry.is_none() {
                        block.entry = Some(EntryPoint {
                            region,
                            entry: entry as u32,
                        });
                    }
                    if entry == 0 {
                        block.queued = false;
                    }
                }
            }
        }
    }

    /// A hot region is about to start at `head`: whatever went to its predecessor is unlinked.
    fn supersede(&mut self, blocks: &mut Blocks, arena: &Arena, head: BlockId) {
        let Some(old) = blocks.get(head).entry else {
            return;
        };
        if self.list[old.region as usize].entries[0] == head {
            self.discard(blocks, arena, old.region);
        } else {
            unlink(arena, &mut self.list[old.region as usize]);
        }
    }

    /// The exit with this link cell went to `region`: from now on it goes there directly.
    pub fn link(&mut self, arena: &Arena, cell: u32, region: u32, entry: u32) {
        let compiled = &mut self.list[region as usize];
        if let Some(func) = compiled.func {
            arena.write32(cell + 4, entry);
            arena.write32(cell, func);
            compiled.links.push(cell);
        }
    }

    /// Called once a slice: compiles the queue when it is long or old enough.
    pub fn pump(
        &mut self,
        guest: &dyn Guest,
        blocks: &mut Blocks,
        bus: &mut dyn Platform,
        arena: &Arena,
        tuning: &Tuning,
        interpreted: u64,
    ) {
        if self.waiting.len() < tuning.in_flight && !self.hot_queue.is_empty() {
            let heads = core::mem::take(&mut self.hot_queue);
            self.compile(guest, blocks, bus, arena, tuning, &heads, true);
        }
        if self.queue.is_empty() {
            return;
        }
        self.age += 1;
        if self.stats.insns > tuning.credit + interpreted / tuning.price
            || self.waiting.len() >= tuning.in_flight
            || (self.queue.len() < tuning.batch && self.age < tuning.patience_slices)
        {
            return;
        }
        self.age = 0;
        let count = self.queue.len().min(tuning.batch_max);
        // The hottest first: the rest stays and gathers more runs.
        self.queue
            .sort_by_key(|&id| std::cmp::Reverse(blocks.get(id).weight()));
        let heads: Vec<BlockId> = self.queue.drain(..count).collect();
        self.compile(guest, blocks, bus, arena, tuning, &heads, false);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one vCPU, borrowed apart"
    )]
    fn compile(
        &mut self,
        guest: &dyn Guest,
        blocks: &mut Blocks,
        bus: &mut dyn Platform,
        arena: &Arena,
        tuning: &Tuning,
        heads: &[BlockId],
        hot: bool,
    ) {
        let slots = guest.slots();
        let mut irs: Vec<Region> = Vec::new();
        let mut compiled: Vec<Compiled> = Vec::new();
        let mut taken: FxHashSet<BlockId> = FxHashSet::default();
        for &head in heads {
            let done = blocks.get(head).entry.is_some() && !hot;
            if !blocks.get(head).alive || done || taken.contains(&head) {
                blocks.get_mut(head).queued = false;
                continue;
            }
            let ids = grow(blocks, head, tuning, hot);
            let Some((ir, record)) = self.lift(guest, blocks, bus, arena, &ids, hot) else {
                blocks.get_mut(head).queued = false;
                continue;
            };
            taken.extend(&record.entries);
            irs.push(ir);
            compiled.push(record);
        }
        if irs.is_empty() {
            return;
        }
        for ir in &mut irs {
            tinamou_ir::passes::optimise(ir, &slots, guest.helpers());
            if let Some(trace) = &self.trace {
                trace.borrow_mut().optimised(guest, ir);
            }
        }
        let env = Env {
            slots: &slots,
            helpers: guest.helpers(),
            va_type: guest.va_type(),
            features: self.engine.features(),
        };
        let module = compile_module(&irs, &env);
        if let Some(trace) = &self.trace {
            trace.borrow_mut().module(&module.bytes);
        }
        let Some(cells) = self.cells.alloc(arena, module.cells_bytes()) else {
            return;
        };
        let exit_base = self.exits.len() as u32;
        let mut regions = Vec::new();
        for (k, mut record) in compiled.into_iter().enumerate() {
            let region = self.list.len() as u32;
            record.check = cells + module.regions[k].check_cell;
            arena.write32(record.check, check_cell(record.lasting));
            for &exit in &module.regions[k].exits {
                let link_cell = if let Exit::Edge { link, .. } = exit {
                    cells + module.link_cell(link)
                } else {
                    0
                };
                self.exits.push(ExitRecord {
                    region,
                    exit,
                    link_cell,
                    device_hits: 0,
                    misses: 0,
                });
            }
            for &id in &record.blocks {
                self.by_block.entry(id).or_default().push(region);
            }
            self.live_insns += record.insns as u64;
            self.stats.regions += 1;
            self.stats.insns += record.insns as u64;
            self.list.push(record);
            regions.push(region);
        }
        self.stats.modules += 1;
        self.stats.bytes += module.bytes.len() as u64;
        let source = ModuleSource {
            bytes: module.bytes,
            functions: module.functions,
            cells,
        };
        let ticket = self.engine.publish(source, exit_base);
        self.waiting.insert(ticket, regions);
        self.tickets.push(ticket);
    }

    /// Lifts the blocks again, from the bytes they were translated from.
    fn lift(
        &self,
        guest: &dyn Guest,
        blocks: &Blocks,
        bus: &mut dyn Platform,
        arena: &Arena,
        ids: &[BlockId],
        hot: bool,
    ) -> Option<(Region, Compiled)> {
        let mut irs = Vec::new();
        let mut kept = Vec::new();
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        for &id in ids {
            let block = blocks.get(id);
            // One virtual page cannot be two physical pages within a region.
            let agrees = |&(v, p): &(u64, u64)| pairs.iter().all(|&(v2, p2)| v2 != v || p2 == p);
            if !block.place.pairs().all(|pair| agrees(&pair)) {
                continue;
            }
            let mut places = block.place.pairs();
            let page = places.next()?;
            let mut fetch = PlaceFetch {
                bus: &mut *bus,
                arena,
                page,
                next: places.next(),
                missed: None,
                seen: None,
            };
            let Ok(mut ir) = guest.lift(&mut fetch, block.place.pc, block.mode, block.insns) else {
                continue;
            };
            let mut pc = 0;
            for inst in &mut ir.insts {
                match inst.op {
                    Op::Insn => pc = inst.imm,
                    Op::Load | Op::Store | Op::StoreIf | Op::Probe => {
                        let mut mem = inst.mem();
                        match self.sites.get(&pc) {
                            Some(Site::Device) => mem.inline_slow = true,
                            Some(Site::Alone) => mem.alone = true,
                            None => {}
                        }
                        inst.imm = mem.pack();
                    }
                    _ => {}
                }
            }
            for pair in block.place.pairs() {
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
            irs.push(ir);
            kept.push(id);
        }
        if kept.first() != ids.first() {
            return None;
        }
        predict_targets(blocks, &kept, &mut irs);
        let entries = entry_blocks(blocks, &kept);
        let lasting = kept.iter().map(|&id| blocks.get(id).place.lasting);
        let lasting = lasting.min().unwrap_or_default();
        let record = Compiled {
            entries: entries.iter().map(|&i| kept[i as usize]).collect(),
            check: 0,
            func: None,
            lasting,
            valid: true,
            pairs,
            insns: irs.iter().map(|b| b.insn_count).sum(),
            hot,
            links: Vec::new(),
            blocks: kept,
        };
        Some((
            Region {
                blocks: irs,
                entries,
                lasting,
                hot,
            },
            record,
        ))
    }

    /// Code of these blocks was overwritten: the regions that contain them are entered no more.
    pub fn invalidate(&mut self, blocks: &mut Blocks, arena: &Arena, dropped: &[BlockId]) {
        for id in dropped {
            for region in self.by_block.remove(id).unwrap_or_default() {
                self.discard(blocks, arena, region);
            }
        }
    }

    /// A region is entered no more.
    fn discard(&mut self, blocks: &mut Blocks, arena: &Arena, region: u32) {
        let compiled = &mut self.list[region as usize];
        if !compiled.valid {
            return;
        }
        compiled.valid = false;
        self.live_insns -= compiled.insns as u64;
        arena.write32(compiled.check, CHECK_INVALID);
        unlink(arena, compiled);
        for &id in &compiled.entries {
            let block = blocks.get_mut(id);
            if block.entry.is_some_and(|e| e.region == region) {
                block.entry = None;
                block.queued = false;
                block.runs = 0;
            }
        }
    }

    /// An exit of a region is taken again and again at `pc`: compile it again in another way there.
    pub fn mark_site(
        &mut self,
        blocks: &mut Blocks,
        arena: &Arena,
        region: u32,
        pc: u64,
        site: Site,
    ) {
        // Other regions may hold older copies of a device's site. A miss of what is alone has other causes.
        if site == Site::Alone && self.sites.contains_key(&pc) {
            return;
        }
        self.sites.insert(pc, site);
        let compiled = &self.list[region as usize];
        if compiled.valid {
            let head = compiled.entries[0];
            self.discard(blocks, arena, region);
            self.enqueue(blocks, head);
        }
    }

    /// Whether the code kept has outgrown its limit.
    pub fn is_full(&self, tuning: &Tuning) -> bool {
        self.stats_live() > tuning.code_insns || self.engine.stats().modules > tuning.modules
    }

    /// Guest instructions in valid regions.
    pub fn stats_live(&self) -> u64 {
        self.live_insns
    }

    /// Number of valid regions.
    pub fn live_regions(&self) -> usize {
        self.list.iter().filter(|r| r.valid).count()
    }

    /// Drops all code. No generated function may be running.
    pub fn clear(&mut self, blocks: &mut Blocks) {
        // What is still being compiled is taken up first, so that no late module refers to reused cells.
        for ticket in self.tickets.drain(..) {
            self.engine.retire(ticket);
        }
        self.waiting.clear();
        self.list.clear();
        self.exits.clear();
        self.queue.clear();
        self.hot_queue.clear();
        self.samples.clear();
        self.by_block.clear();
        self.cells.reset();
        self.live_insns = 0;
        self.stats.flushes += 1;
        blocks.clear_entries();
    }
}

/// Most return points that a return checks before it is looked up.
const RETURN_POINTS: usize = 4;
/// Instructions of a callee that becomes part of its caller's region although it is compiled already.
const INLINE_INSNS: u32 = 60;

/// Blocks of the region that grows from `head`: breadth first along known warm successors, observed targets and return points.
fn grow(blocks: &Blocks, head: BlockId, tuning: &Tuning, hot: bool) -> Vec<BlockId> {
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
    let mut insns = first.insns;
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
            let found = blocks.get(id);
            let callee = block.calls && pc != behind;
            let apart = callee && found.entry.is_some() && !is_small(blocks, id);
            if found.runs < warm || apart || insns + found.insns > room {
                continue;
            }
            seen.insert(pc);
            insns += found.insns;
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
        insns += block.insns;
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
fn predict_targets(blocks: &Blocks, ids: &[BlockId], irs: &mut [Block]) {
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

/// Which blocks of a region may be entered: the head, loop headers and return points. Indices into `ids`.
fn entry_blocks(blocks: &Blocks, ids: &[BlockId]) -> Vec<u32> {
    let index: FxHashMap<u64, usize> = ids
        .iter()
        .enumerate()
        .map(|(i, &id)| (blocks.get(id).place.pc, i))
        .collect();
    let mut entry = vec![false; ids.len()];
    // Depth-first search: a successor on the current path is a loop header.
    let mut state = vec![0u8; ids.len()];
    for root in 0..ids.len() {
        let mut stack = vec![(root, 0)];
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        while let Some((at, next)) = stack.pop() {
            let block = blocks.get(ids[at]);
            let mut successors = block.successors.iter().chain(&block.observed);
            if let Some(pc) = successors.nth(next) {
                stack.push((at, next + 1));
                if let Some(&to) = index.get(pc) {
                    match state[to] {
                        0 => {
                            state[to] = 1;
                            stack.push((to, 0));
                        }
                        1 => entry[to] = true,
                        _ => {}
                    }
                }
            } else {
                state[at] = 2;
            }
        }
    }
    for &id in ids {
        let block = blocks.get(id);
        if block.calls
            && let Some(&i) = index.get(&block.behind())
        {
            entry[i] = true;
        }
    }
    entry[0] = false;
    core::iter::once(0)
        .chain((1..ids.len()).filter(|&i| entry[i]).map(|i| i as u32))
        .collect()
}

/// Exits that went to the region directly go through the run loop again.
fn unlink(arena: &Arena, region: &mut Compiled) {
    for cell in region.links.drain(..) {
        arena.write32(cell, 0);
    }
}

/// Writes the jump-cache entry of a pc.
pub fn cache_jump(arena: &Arena, cache: u32, pc: u64, mode: u32, func: u32, entry: u32) {
    use layout::jump_cache as jc;
    let low = pc as u32;
    let at = cache + (((low >> 1 ^ low >> 13) & (jc::ENTRIES - 1)) << jc::ENTRY_LOG2);
    arena.write64(at + jc::PC, pc);
    arena.write32(at + jc::MODE, mode);
    arena.write32(at + jc::FUNC, func);
    arena.write32(at + jc::ENTRY, entry);
}

/// Empties the jump cache.
pub fn clear_jumps(arena: &Arena, cache: u32) {
    arena.fill(cache, layout::jump_cache::BYTES, 0);
}
