//! Compiled regions: how one grows from a hot block, the table of exits, the cells that validate and link them, and the traffic
//! with the engine.

use rustc_hash::{FxHashMap, FxHashSet};
use tinamou_arena::Arena;
use tinamou_ir::guest::{Guest, Lasting};
use tinamou_ir::region::{CHECK_FIXED, CHECK_INVALID, Exit, Region};
use tinamou_ir::{Op, layout};
use tinamou_wasm::{Env, compile_module};

use crate::blocks::{BlockId, Blocks, EntryPoint, PlaceFetch};
use crate::cells::Cells;
use crate::engine::{Engine, ModuleSource, Ticket};
use crate::grow::{entry_blocks, grow, predict_targets};
use crate::platform::Platform;
use crate::ranges::Ranges;
use crate::trace::Tracer;
use crate::tuning::Tuning;
use evict::Module;

mod evict;

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
    /// It was entered through the run loop since all regions were marked.
    pub used: bool,
    /// What it gains, times what most do ([`Blocks::gain`]).
    gain: u32,
    /// Calls from the run loop since they were looked at, and instructions that ran in them.
    stays: (u32, u64),
    /// Entries that were refused, one after the other, for a page that is not mapped as it was.
    refused: u32,
    /// The module it is in.
    module: u32,
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
    /// Modules that were let go because nothing in them ran any more.
    pub evicted: u64,
    /// Regions that were let go because they were left too soon.
    pub brief: u64,
}

/// Slices after which the first short batches are compiled.
const FIRST_PATIENCE: u32 = 16;
/// Refused entries after which a region is formed anew.
const MOST_REFUSED: u32 = 64;
/// Link cells of a region beyond which all are unlinked.
const MOST_LINKS: usize = 1024;

/// Regions of one vCPU and their engine.
pub struct Regions {
    engine: Box<dyn Engine>,
    list: Vec<Compiled>,
    exits: Vec<ExitRecord>,
    queue: Vec<BlockId>,
    /// Numbers of regions and exits that are free again.
    free_regions: Vec<u32>,
    free_exits: Ranges,
    /// Modules by number; `None` where one was let go.
    modules: Vec<Option<Module>>,
    free_modules: Vec<u32>,
    /// Modules that the engine has not finished.
    waiting: FxHashMap<Ticket, u32>,
    /// Modules without a valid region.
    dead: Vec<u32>,
    by_block: FxHashMap<BlockId, Vec<u32>>,
    /// Physical pages that were mapped elsewhere, or not at all, when code that went there ran again: shared code at an address of each
    /// process's own. Regions that begin on other pages do not reach into them.
    moving: FxHashSet<u64>,
    /// Instructions whose accesses are compiled in another way than most.
    sites: FxHashMap<u64, Site>,
    cells: Cells,
    /// Heads of regions that were left too soon: how often in all, and how often they must be asked for until they are compiled again.
    brief: FxHashMap<BlockId, (u32, u32)>,
    /// How many slices ended at a block, in compiled code.
    samples: FxHashMap<BlockId, u32>,
    /// Heads of hot regions to be.
    hot_queue: Vec<BlockId>,
    /// Slices since the oldest queued block.
    age: u32,
    live_insns: u64,
    /// Bytes of the modules that were not let go.
    live_bytes: u64,
    /// Instruction count when the regions were marked.
    marked_at: u64,
    /// Hears of regions and modules.
    pub trace: Option<Tracer>,
    /// Figures.
    pub stats: CompileStats,
}

impl Regions {
    /// No regions yet.
    pub fn new(engine: Box<dyn Engine>) -> Regions {
        Regions {
            engine,
            list: Vec::new(),
            exits: Vec::new(),
            queue: Vec::new(),
            free_regions: Vec::new(),
            free_exits: Ranges::default(),
            modules: Vec::new(),
            free_modules: Vec::new(),
            waiting: FxHashMap::default(),
            dead: Vec::new(),
            by_block: FxHashMap::default(),
            moving: FxHashSet::default(),
            sites: FxHashMap::default(),
            cells: Cells::default(),
            brief: FxHashMap::default(),
            samples: FxHashMap::default(),
            hot_queue: Vec::new(),
            age: 0,
            live_insns: 0,
            live_bytes: 0,
            marked_at: 0,
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

    /// A region.
    pub fn get_mut(&mut self, region: u32) -> &mut Compiled {
        &mut self.list[region as usize]
    }

    /// The record of an exit number.
    pub fn exit(&mut self, number: u32) -> &mut ExitRecord {
        &mut self.exits[number as usize]
    }

    /// Asks for code for a hot block.
    pub fn enqueue(&mut self, blocks: &mut Blocks, id: BlockId) {
        let block = blocks.lean_mut(id);
        if let Some((_, wait)) = self.brief.get_mut(&id)
            && *wait > 0
        {
            *wait -= 1;
            block.runs = 0;
            return;
        }
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
        let entry = blocks.lean(block).entry();
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
            let Some(number) = self.waiting.remove(&ticket) else {
                continue;
            };
            let Some(module) = &self.modules[number as usize] else {
                continue;
            };
            if module.valid == 0 {
                self.dead.push(number);
            }
            let Ok(base) = result else { continue };
            for (k, region) in module.regions.clone().into_iter().enumerate() {
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
                    if entry == 0 || blocks.lean(id).entry().is_none() {
                        let entry = entry as u32;
                        blocks.set_entry(id, EntryPoint { region, entry });
                    }
                    if entry == 0 {
                        blocks.lean_mut(id).queued = false;
                    }
                }
            }
        }
    }

    /// A hot region is about to start at `head`: whatever went to its predecessor is unlinked.
    fn supersede(&mut self, blocks: &mut Blocks, arena: &Arena, head: BlockId) {
        let Some(old) = blocks.lean(head).entry() else {
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
            // Most of them were let go with their modules.
            if compiled.links.len() > MOST_LINKS {
                unlink(arena, compiled);
            }
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
        // The more there are, the less one more small module is worth.
        let patience = FIRST_PATIENCE + (self.stats.modules / 16) as u32;
        if self.stats.insns > tuning.credit + interpreted / tuning.price
            || self.waiting.len() >= tuning.in_flight
            || (self.queue.len() < tuning.batch && self.age < patience.min(tuning.patience_slices))
        {
            return;
        }
        self.age = 0;
        let count = self.queue.len().min(tuning.batch_max);
        // The hottest first: the rest stays and gathers more runs.
        self.queue
            .sort_by_key(|&id| std::cmp::Reverse(blocks.lean(id).weight()));
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
            let done = blocks.lean(head).entry().is_some() && !hot;
            if !blocks.lean(head).alive || done || taken.contains(&head) {
                blocks.lean_mut(head).queued = false;
                continue;
            }
            let ids = grow(blocks, head, tuning, hot);
            let Some((ir, record)) = self.lift(guest, blocks, bus, arena, &ids, hot) else {
                blocks.lean_mut(head).queued = false;
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
            guess: guest.guesses(),
        };
        let module = compile_module(&irs, &env);
        if let Some(trace) = &self.trace {
            trace.borrow_mut().module(&module.bytes);
        }
        let cell_bytes = module.cells_bytes();
        let Some(cells) = self.cells.take(arena, cell_bytes) else {
            return;
        };
        let exits: u32 = module.regions.iter().map(|r| r.exits.len() as u32).sum();
        let exit_base = self.take_exits(exits);
        let mut exit_number = exit_base as usize;
        let number = self.free_modules.pop().unwrap_or_else(|| {
            self.modules.push(None);
            self.modules.len() as u32 - 1
        });
        let mut regions = Vec::new();
        for (k, mut record) in compiled.into_iter().enumerate() {
            let region = self.free_regions.pop().unwrap_or(self.list.len() as u32);
            record.module = number;
            record.check = cells + module.regions[k].check_cell;
            arena.write32(record.check, check_cell(record.lasting));
            for &exit in &module.regions[k].exits {
                let link_cell = if let Exit::Edge { link, .. } = exit {
                    cells + module.link_cell(link)
                } else {
                    0
                };
                self.exits[exit_number] = ExitRecord {
                    region,
                    exit,
                    link_cell,
                    device_hits: 0,
                    misses: 0,
                };
                exit_number += 1;
            }
            for &id in &record.blocks {
                self.by_block.entry(id).or_default().push(region);
            }
            self.live_insns += record.insns as u64;
            self.stats.regions += 1;
            self.stats.insns += record.insns as u64;
            match self.list.get_mut(region as usize) {
                Some(free) => *free = record,
                None => self.list.push(record),
            }
            regions.push(region);
        }
        let bytes = module.bytes.len() as u64;
        self.stats.modules += 1;
        self.stats.bytes += bytes;
        self.live_bytes += bytes;
        let source = ModuleSource {
            bytes: module.bytes,
            functions: module.functions,
            cells,
        };
        let ticket = self.engine.publish(source, exit_base);
        self.waiting.insert(ticket, number);
        self.modules[number as usize] = Some(Module {
            ticket,
            valid: regions.len() as u32,
            regions,
            cells: (cells, cell_bytes),
            exits: (exit_base, exits),
            bytes,
        });
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
        let moves = |id: BlockId| {
            let mut pairs = blocks.get(id).place.pairs();
            pairs.any(|(_, page)| self.moving.contains(&page))
        };
        let first_moves = ids.first().is_some_and(|&id| moves(id));
        for &id in ids {
            if !first_moves && moves(id) {
                continue;
            }
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
            let insns = blocks.lean(id).insns();
            let Ok(mut ir) = guest.lift(&mut fetch, block.place.pc, block.mode, insns) else {
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
            used: true,
            gain: kept.iter().map(|&id| blocks.gain(id)).max().unwrap_or(1),
            stays: (0, 0),
            refused: 0,
            module: 0,
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

    /// The mappings a region relies on hold.
    pub fn hold(&mut self, arena: &Arena, region: u32, generation: u32) {
        let compiled = &mut self.list[region as usize];
        arena.write32(compiled.check, generation);
        (compiled.used, compiled.refused) = (true, 0);
    }

    /// A region could not be entered because physical page `page` is not where it was. If that goes on, its blocks are free for others.
    pub fn refuse(&mut self, blocks: &mut Blocks, arena: &Arena, region: u32, page: u64) {
        let compiled = &mut self.list[region as usize];
        compiled.refused += 1;
        if compiled.refused > MOST_REFUSED {
            self.moving.insert(page);
            self.discard(blocks, arena, region);
        }
    }

    /// A region was called from the run loop, and so many instructions ran until it came back: `stay_insns` are wanted, on the average of `stay_calls`. One that is left too soon again and again costs more than it saves: its
    /// blocks run by pieces until they have run four times as often as the last time.
    pub fn stayed(
        &mut self,
        blocks: &mut Blocks,
        arena: &Arena,
        region: u32,
        insns: u64,
        (stay_insns, stay_calls): (u64, u32),
    ) {
        let compiled = &mut self.list[region as usize];
        let (calls, ran) = &mut compiled.stays;
        (*calls, *ran) = (*calls + 1, *ran + insns);
        if *calls < stay_calls {
            return;
        }
        let brief = *ran * (compiled.gain as u64) < stay_insns * stay_calls as u64;
        compiled.stays = (0, 0);
        if brief && compiled.valid {
            for &id in &compiled.entries {
                let (times, wait) = self.brief.entry(id).or_default();
                *times += 1;
                *wait = 1 << (2 * *times).min(20);
            }
            self.stats.brief += 1;
            self.discard(blocks, arena, region);
        }
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
        if let Some(module) = &mut self.modules[compiled.module as usize] {
            module.valid -= 1;
            if module.valid == 0 && !self.waiting.contains_key(&module.ticket) {
                self.dead.push(compiled.module);
            }
        }
        for &id in &compiled.entries {
            let block = blocks.lean_mut(id);
            if block.entry().is_some_and(|e| e.region == region) {
                block.set_entry(None);
                (block.queued, block.runs) = (false, 0);
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
        self.live_insns > tuning.code_insns || self.engine.stats().modules > tuning.modules
    }

    /// Number of valid regions.
    pub fn live_regions(&self) -> usize {
        self.list.iter().filter(|r| r.valid).count()
    }

    /// Drops all code. No generated function may be running.
    pub fn clear(&mut self, blocks: &mut Blocks) {
        // What is still being compiled is taken up first, so that no late module refers to reused cells.
        for module in self.modules.drain(..).flatten() {
            self.engine.retire(module.ticket);
            self.cells.give(module.cells.0, module.cells.1);
        }
        self.waiting.clear();
        self.dead.clear();
        self.list.clear();
        self.exits.clear();
        self.free_regions.clear();
        self.free_exits.clear();
        self.free_modules.clear();
        self.queue.clear();
        self.hot_queue.clear();
        self.samples.clear();
        self.brief.clear();
        self.by_block.clear();
        self.moving.clear();
        self.live_insns = 0;
        self.live_bytes = 0;
        self.stats.flushes += 1;
        blocks.clear_entries();
    }
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
