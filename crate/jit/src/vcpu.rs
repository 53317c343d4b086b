//! The run loop of the vCPU whose turn it is: finds the code for the pc, runs it in whichever tier has it, and takes what comes of it:
//! exceptions, interrupts, changed code, missing translations.
//!
//! Invariants: a slice runs exactly its budget of instructions (one more where a delay slot cannot be split) whatever the tiers,
//! and an exception counts as one instruction, so that nothing can loop without end; tier-up never shows in the state. Loose slices
//! ([`Vcpu::set_loose`]) may run less, and where they end depends on the tier.

use std::rc::Rc;

use tinamou_arena::{Arena, ArenaFull};
use tinamou_core::{PAGE_MASK, PAGE_SIZE};
use tinamou_ir::Slot;
use tinamou_ir::guest::{Fault, Guest, State};
use tinamou_ir::interp::native::{self, Left, Native};
use tinamou_ir::interp::{self, Code, Marks, Outcome, Ran};
use tinamou_ir::layout::{self, jump_cache, pending};

use crate::blocks::{BlockId, Blocks, Generations, Successor};
use crate::core::{Core, Exec, Run};
use crate::debug::Debug;
use crate::engine::Engine;
use crate::find::Unlifted;
use crate::pages::CodePages;
use crate::platform::Platform;
use crate::regions::{self, Regions};
use crate::softmmu::Softmmu;
use crate::timing::{Phase, Timing};
use crate::trace::Tracer;
use crate::tuning::Tuning;
use crate::turns::Waiting;

/// Why a slice ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SliceEnd {
    /// The budget is used up.
    Budget,
    /// The machine should look before more runs (`Platform::attention`), an access waits for the host, or the vCPU gives up its turn.
    Attention,
    /// The vCPU waits for an interrupt.
    Halted,
    /// A debugger's stop: a breakpoint, a watchpoint, or an interrupt entered by a step.
    Debug,
}

/// What the tiers did.
#[derive(Clone, Copy, Default, Debug)]
pub struct RunStats {
    /// Instructions run by the interpreter; the rest ran as compiled code.
    pub interpreted: u64,
    /// Instructions run by pieces of machine code, before regions.
    pub in_pieces: u64,
    /// Blocks lifted for the interpreter.
    pub lifted: u64,
    /// Calls of compiled code from the run loop.
    pub calls: u64,
    /// Guest exceptions and interrupts entered.
    pub exceptions: u64,
    /// Exits of compiled code for an access, to be finished by the interpreter.
    pub resumes: u64,
    /// Blocks interpreted because too little of the slice was left for compiled code.
    pub drained: u64,
    /// Exits of compiled code to the run loop by kind: edge, indirect, leave, resume, trap, stopped, left, budget, check.
    pub exits: [u64; 9],
    /// Times compiled code was not entered because its mappings did not hold.
    pub refused: u64,
    /// Blocks lifted for one run only: the end of a slice, or code that must not be cached.
    pub uncached: u64,
}

/// The vCPU whose turn it is, the code that all vCPUs of a machine share, and those that wait for their turn ([`crate::turns`]).
pub struct Vcpu {
    pub(crate) guest: Box<dyn Guest>,
    pub(crate) core: Core,
    /// The state again, to be read while the core is lent.
    pub(crate) state: State,
    /// The others, by number; nothing at this one's.
    pub(crate) waiting: Vec<Option<Box<Waiting>>>,
    /// Number of this one.
    pub(crate) number: usize,
    /// The guest's transient slots.
    transient: Vec<Slot>,
    pub(crate) blocks: Blocks,
    pub(crate) regions: Option<Regions>,
    pub(crate) tuning: Tuning,
    pub(crate) translator: interp::Translator,
    pub(crate) mode: u32,
    pub(crate) trace: Option<Tracer>,
    /// The listener wants to hear of every block.
    trace_blocks: bool,
    /// A debugger's breakpoints.
    pub(crate) debug: Option<Box<Debug>>,
    /// See [`Vcpu::set_loose`].
    loose: bool,
    timing: Option<Timing>,
    /// Figures.
    pub stats: RunStats,
}

/// A block to be interpreted.
pub(crate) enum Piece {
    /// In the cache, with its marks.
    Cached(BlockId, Rc<Marks>),
    /// Lifted for one run.
    Own(Code),
}

/// How the run loop goes on.
pub(crate) enum Next {
    /// At the pc in the state, in the same mode.
    Same,
    /// As `Same`, after the exit with this link cell.
    Link(u32),
    /// The mode, mappings or interrupts may have changed.
    Look,
    /// The budget does not cover compiled code any more: interpret to the end of the slice.
    Drain,
    /// An access waits for the host.
    Wait,
    /// A breakpoint.
    Debug,
}

impl Vcpu {
    /// A vCPU in its reset state. Without an engine everything is interpreted.
    ///
    /// # Errors
    /// When the arena has no room for the state and its page maps.
    pub fn new(
        mut guest: Box<dyn Guest>,
        arena: &Arena,
        engine: Option<Box<dyn Engine>>,
        tuning: Tuning,
    ) -> Result<Vcpu, ArenaFull> {
        let jumps = arena.alloc(jump_cache::BYTES as u64, 64)?;
        let (state, mmu) = new_state(&mut *guest, arena, jumps)?;
        let core = Core {
            state: state.clone(),
            mmu,
            pages: CodePages::default(),
            stopped: None,
            slice_budget: 0,
            progress: 0,
            timer_ns: None,
            uncacheable: false,
            slow_accesses: 0,
            watches: None,
            yielded: false,
            others_ready: false,
        };
        let translator = interp::Translator::default();
        let table = guest.slots();
        let transient = (0u16..)
            .zip(&table.slots)
            .filter(|(_, d)| d.transient)
            .map(|(i, _)| Slot(i))
            .collect();
        // Without an engine the interpreter is asked for.
        let native = engine.as_ref().and_then(|_| Native::new());
        let blocks = Blocks::new(native);
        let regions = engine.map(Regions::new);
        Ok(Vcpu {
            guest,
            core,
            state,
            waiting: vec![None],
            number: 0,
            transient,
            blocks,
            regions,
            tuning,
            translator,
            mode: 0,
            trace: None,
            trace_blocks: false,
            debug: None,
            loose: false,
            timing: None,
            stats: RunStats::default(),
        })
    }

    /// The guest object.
    pub fn guest(&self) -> &dyn Guest {
        &*self.guest
    }

    /// The guest object.
    pub fn guest_mut(&mut self) -> &mut dyn Guest {
        &mut *self.guest
    }

    /// Lets `trace` hear what happens from now on.
    pub fn set_trace(&mut self, trace: Option<Tracer>) {
        self.trace_blocks = trace.as_ref().is_some_and(|t| t.borrow().wants_blocks());
        if let Some(regions) = &mut self.regions {
            regions.trace.clone_from(&trace);
        }
        self.trace = trace;
    }

    /// The vCPU state.
    pub fn state(&self) -> &State {
        &self.core.state
    }

    /// Deadline of the guest's own timer in virtual nanoseconds.
    pub fn timer_ns(&self) -> Option<u64> {
        self.core.timer_ns
    }

    /// Instructions retired in all.
    pub fn icount(&self) -> u64 {
        self.core.icount()
    }

    /// Compiled regions, if there is an engine.
    pub fn regions(&mut self) -> Option<&mut Regions> {
        self.regions.as_mut()
    }

    /// Number of blocks in the cache, and slow accesses so far.
    pub fn cache_figures(&self) -> (usize, u64) {
        (self.blocks.len(), self.core.slow_accesses)
    }

    /// All vCPUs back to the reset state, the first one's turn. The instruction count goes on.
    pub fn reset(&mut self) {
        let icount = self.core.icount();
        self.core.slice_budget = 0;
        self.core.state.write32(layout::BUDGET, 0);
        for n in (0..self.vcpus()).rev() {
            self.select(n);
            self.guest.reset(&self.core.state);
            self.core.timer_ns = None;
            self.core.stopped = None;
            self.core.yielded = false;
            self.core.state.write32(layout::PENDING, 0);
        }
        self.core.state.write64(layout::ICOUNT, icount);
        self.forget_memory();
    }

    /// Lets a slice end before its budget is used up: where compiled code has no room for one more round, and less than half is left, that
    /// is not interpreted. For those who do not count on the instruction at which a slice ends.
    pub fn set_loose(&mut self, loose: bool) {
        self.loose = loose;
    }

    /// Forgets all address translations, as after devices moved.
    pub fn forget_mappings(&mut self) {
        self.each_mmu(Softmmu::flush_all);
    }

    /// Memory moved, appeared or vanished: forgets all address translations, and the code that lies elsewhere now.
    pub fn memory_moved(&mut self, bus: &dyn Platform) {
        self.forget_mappings();
        let dropped = self.blocks.drop_moved(bus);
        if let Some(regions) = &mut self.regions {
            regions.invalidate(&mut self.blocks, &self.core.state.arena, &dropped);
        }
    }

    /// Forgets all address translations and all code.
    pub fn forget_memory(&mut self) {
        self.forget_mappings();
        self.drop_code();
    }

    /// Forgets the cached translations of the pages that touch `va..va + bytes`, or with `None` all that are not fixed. Code stays: who
    /// changes the mapping of code sets another generation.
    pub fn forget_pages(&mut self, range: Option<(u64, u64)>) {
        match range {
            Some((va, bytes)) => self.each_mmu(|mmu| mmu.flush_range(va, bytes)),
            None => self.each_mmu(Softmmu::flush_mapped),
        }
    }

    /// Memory at an arena offset was written by something else than this vCPU's stores (DMA, a debugger, another vCPU).
    pub fn memory_written(&mut self, arena: u32, bytes: u32) {
        let (mut at, end) = (arena as u64, arena as u64 + bytes as u64);
        while at < end {
            let piece = (PAGE_SIZE - (at & !PAGE_MASK)).min(end - at);
            if self.core.pages.note_store(at as u32, piece as u32) {
                self.core.pend(pending::LEAVE);
            }
            at += piece;
        }
    }

    /// The guest timer's deadline has come.
    pub fn fire_timer(&mut self, bus: &mut dyn Platform) {
        self.core.timer_ns = None;
        self.guest.timer(&mut Run {
            core: &mut self.core,
            bus,
        });
    }

    fn drop_code(&mut self) {
        if let Some(regions) = &mut self.regions {
            regions.clear(&mut self.blocks);
        }
        self.blocks.clear();
        self.core.pages.clear();
        regions::clear_jumps(
            &self.core.state.arena,
            self.core.state.read32(layout::JUMP_CACHE),
        );
    }

    /// Runs up to `budget` instructions.
    pub fn run(&mut self, bus: &mut dyn Platform, budget: u32) -> SliceEnd {
        self.core.slice_budget = budget as i64;
        self.core.state.write32(layout::BUDGET, budget);
        let before = self.phase(Phase::Build);
        self.prepare(bus);
        self.phase(before);
        let end = self.run_slice(bus);
        let icount = self.core.icount();
        self.core.state.write64(layout::ICOUNT, icount);
        self.core.slice_budget = 0;
        self.core.state.write32(layout::BUDGET, 0);
        // Dead between slices; what they hold depends on who ran last.
        for &slot in &self.transient {
            self.core.state.set_slot(&self.guest.slots(), slot, 0);
        }
        end
    }

    /// Starts a stopwatch, or takes it away.
    pub fn set_timing(&mut self, timing: Option<Timing>) {
        self.timing = timing;
    }

    /// The stopwatch, if one was set.
    pub fn timing(&self) -> Option<&Timing> {
        self.timing.as_ref()
    }

    #[inline]
    pub(crate) fn phase(&mut self, to: Phase) -> Phase {
        match &mut self.timing {
            Some(t) => t.switch(to),
            None => Phase::Other,
        }
    }

    /// Between slices: takes up finished code, sends hot blocks to the compiler, drops what has outgrown its limits.
    fn prepare(&mut self, bus: &mut dyn Platform) {
        if self.blocks.is_full() {
            self.drop_code();
        }
        self.blocks.make_room();
        self.blocks.set_icount(self.core.icount());
        let Some(regions) = &mut self.regions else {
            return;
        };
        if regions.is_full(&self.tuning) {
            regions.clear(&mut self.blocks);
            regions::clear_jumps(
                &self.core.state.arena,
                self.core.state.read32(layout::JUMP_CACHE),
            );
        }
        let (arena, jumps) = (
            &self.core.state.arena,
            self.core.state.read32(layout::JUMP_CACHE),
        );
        regions.collect(&mut self.blocks, arena, jumps);
        let icount = self.core.icount();
        regions.evict(&mut self.blocks, arena, jumps, &self.tuning, icount);
        regions.pump(
            &*self.guest,
            &mut self.blocks,
            bus,
            &self.core.state.arena,
            &self.tuning,
            self.stats.interpreted + self.stats.in_pieces / self.tuning.pieces(icount).insns,
        );
    }

    fn run_slice(&mut self, bus: &mut dyn Platform) -> SliceEnd {
        let mut next = Next::Look;
        let mut drain = self.trace_blocks;
        loop {
            if self.core.state.read32(layout::PENDING) != 0 {
                self.core.state.write32(layout::PENDING, 0);
                self.drop_overwritten();
                if !matches!(next, Next::Wait) {
                    next = Next::Look;
                }
            }
            let mut link = 0;
            match next {
                Next::Same => {}
                Next::Link(cell) => link = cell,
                Next::Drain if self.loose && self.is_nearly_over() => return SliceEnd::Budget,
                Next::Drain => drain = true,
                Next::Wait if self.watch_hit() => return SliceEnd::Debug,
                Next::Wait => return SliceEnd::Attention,
                Next::Debug => return SliceEnd::Debug,
                Next::Look => {
                    if bus.attention() || self.core.yielded {
                        return SliceEnd::Attention;
                    }
                    let pc = self.core.state.pc();
                    let masked = self.debug.as_ref().is_some_and(|d| d.mask_irq);
                    if !masked
                        && self.guest.take_interrupt(&mut Run {
                            core: &mut self.core,
                            bus,
                        })
                    {
                        self.stats.exceptions += 1;
                        self.trace_exception(None, pc);
                        if self.debug.as_ref().is_some_and(|d| d.stepping) {
                            return SliceEnd::Debug;
                        }
                    }
                    if self.guest.is_halted() {
                        return SliceEnd::Halted;
                    }
                    self.mode = self.guest.mode(&self.core.state);
                    self.core.state.write32(layout::MODE, self.mode);
                }
            }
            let left = self.core.state.read32(layout::BUDGET) as i32;
            if left <= 0 {
                return SliceEnd::Budget;
            }
            next = self.step(bus, left as u32, link, drain);
        }
    }

    /// More than half of the slice is used.
    fn is_nearly_over(&self) -> bool {
        let left = self.state.read32(layout::BUDGET) as i32;
        2 * (left as i64) < self.core.slice_budget
    }

    /// Finds and runs the code at the pc.
    fn step(&mut self, bus: &mut dyn Platform, left: u32, link: u32, drain: bool) -> Next {
        let pc = self.core.state.pc();
        if let Some(debug) = &mut self.debug
            && debug.breaks_at(pc)
        {
            return if debug.stops(self.core.icount(), pc) {
                Next::Debug
            } else {
                self.run_uncached(bus, pc, 1)
            };
        }
        let now = Generations::of_state(&self.state);
        let id = match self.blocks.front(pc, self.mode, &now) {
            Some(id) => id,
            None => match self.find(bus, pc, &now) {
                Ok(Some(id)) => id,
                Ok(None) => return self.run_uncached(bus, pc, left),
                Err(unlifted) => return self.not_lifted(bus, unlifted),
            },
        };
        if !drain
            && let Some(entry) = self.blocks.lean(id).entry()
            && let Some(next) = self.run_compiled(bus, pc, &now, entry, link)
        {
            return next;
        }
        let before = self.phase(Phase::Interpret);
        let next = self.interpret_on(bus, id, left, drain);
        self.phase(before);
        next
    }

    /// Interprets the block and those that follow it, as long as they are in the cache and nothing else is to be done.
    fn interpret_on(
        &mut self,
        bus: &mut dyn Platform,
        id: BlockId,
        left: u32,
        drain: bool,
    ) -> Next {
        let (mut id, mut left) = (id, left);
        let mut pieces = !self.trace_blocks;
        loop {
            self.blocks.foresee(id);
            let insns = self.blocks.lean(id).insns();
            if insns > left {
                let pc = self.blocks.get(id).place.pc;
                return self.run_uncached(bus, pc, left);
            }
            self.stats.drained += drain as u64;
            let piece = if pieces { self.piece(id) } else { None };
            pieces = !self.trace_blocks;
            let done = match piece {
                Some(piece) => match self.run_pieces(piece, id) {
                    Left::Jump { from, pc, link } => Ok((BlockId(from), pc, Some(link))),
                    Left::Indirect { from, pc } => Ok((BlockId(from), pc, None)),
                    Left::Back { block, word } => {
                        let id = BlockId(block);
                        let insns = self.blocks.lean(id).insns();
                        self.spend(insns.wrapping_neg());
                        self.stats.in_pieces -= insns as u64;
                        self.count_runs(id, 1);
                        Err((id, word))
                    }
                    Left::NotEntered { block, pc } => {
                        self.state.set_pc(pc);
                        id = BlockId(block);
                        left = self.state.read32(layout::BUDGET);
                        if !self.is_counted(id) || left as i32 <= 0 {
                            return Next::Same;
                        }
                        // Its computed jumps are seen by the interpreter alone.
                        pieces = false;
                        continue;
                    }
                },
                None => {
                    self.count_runs(id, 1);
                    self.trace_block();
                    Err((id, 0))
                }
            };
            let (from, pc, computed, link) = match done {
                Ok((from, pc, link)) => (from, pc, link.is_none(), link),
                Err((id, word)) => {
                    let ran = self.interpret_from(bus, id, word);
                    let (pc, computed) = match ran.outcome {
                        Outcome::Jump { pc } => (pc, false),
                        Outcome::Indirect { pc } => (pc, true),
                        _ => {
                            let marks = self.blocks.get(id).marks.clone();
                            return match self.ended(bus, &marks, ran) {
                                Ok(insn) => self.interpret(bus, &Piece::Cached(id, marks), insn),
                                Err(next) => next,
                            };
                        }
                    };
                    self.count(&ran);
                    (id, pc, computed, None)
                }
            };
            self.state.set_pc(pc);
            let now = Generations::of_state(&self.state);
            let next = self.blocks.successor(from, pc, self.mode, &now);
            if computed && !matches!(next, Successor::Known(_)) {
                self.blocks.get_mut(from).observe(pc);
            }
            left = self.state.read32(layout::BUDGET);
            if self.state.read32(layout::PENDING) != 0 || left as i32 <= 0 {
                return Next::Same;
            }
            match next {
                Successor::Known(next) | Successor::New(next)
                    if drain || self.blocks.lean(next).entry().is_none() =>
                {
                    if pieces {
                        self.blocks.join(link, pc, next);
                    }
                    id = next;
                }
                _ => return Next::Same,
            }
        }
    }

    /// The block's machine code, which is made when it ran often enough.
    #[inline]
    fn piece(&mut self, id: BlockId) -> Option<native::Piece> {
        let lean = self.blocks.lean(id);
        if lean.wants_native(self.tuning.native_runs) {
            self.blocks.make_piece(id);
        }
        self.blocks.lean(id).native()
    }

    /// Runs a block by its piece, and what that leads to.
    #[inline]
    fn run_pieces(&mut self, piece: native::Piece, id: BlockId) -> Left {
        let now = Generations::of_state(&self.state);
        let before = self.state.read32(layout::BUDGET);
        let left = self.blocks.run_piece(piece, id, &now, &self.state);
        let after = self.state.read32(layout::BUDGET);
        self.core.progress = 0;
        self.stats.in_pieces += before.wrapping_sub(after) as u64;
        left
    }

    /// Whether a block that was not entered was to be counted, which is done, and can run now.
    fn is_counted(&mut self, id: BlockId) -> bool {
        if !self.blocks.take_due(id) {
            return false;
        }
        let age = self.blocks.age(id, self.core.icount());
        let runs = native::COUNTED / self.tuning.pieces(age).runs;
        let gain = self.blocks.gain(id);
        self.count_runs(id, runs * gain);
        let now = Generations::of_state(&self.state);
        let pc = self.state.pc();
        self.blocks.front(pc, self.mode, &now) == Some(id) && self.blocks.lean(id).entry().is_none()
    }

    /// A block ran so many times: hot ones go to the compiler.
    #[inline]
    fn count_runs(&mut self, id: BlockId, times: u32) {
        let block = self.blocks.lean_mut(id);
        let before = block.runs;
        block.runs += times;
        let hot = self.tuning.hot_runs;
        if before < hot
            && block.runs >= hot
            && let Some(regions) = &mut self.regions
        {
            regions.enqueue(&mut self.blocks, id);
        }
    }

    /// Interprets a block of the cache from a word of its bytecode on.
    #[inline]
    fn interpret_from(&mut self, bus: &mut dyn Platform, id: BlockId, word: u32) -> Ran {
        interp::resume_words(
            self.blocks.words(id),
            self.blocks.lean(id).insns(),
            &self.blocks.get(id).marks,
            word,
            &self.state,
            &mut Exec {
                guest: &mut *self.guest,
                run: Run {
                    core: &mut self.core,
                    bus: &mut *bus,
                },
            },
        )
    }

    /// Lifts and runs at most `left` instructions without caching them.
    fn run_uncached(&mut self, bus: &mut dyn Platform, pc: u64, left: u32) -> Next {
        self.stats.uncached += 1;
        match self.lift(bus, pc, left.min(self.tuning.block_insns)) {
            Ok((code, _, _)) => self.interpret(bus, &Piece::Own(code), 0),
            Err(unlifted) => self.not_lifted(bus, unlifted),
        }
    }

    fn not_lifted(&mut self, bus: &mut dyn Platform, unlifted: Unlifted) -> Next {
        match unlifted {
            Some((fault, pc, note)) => self.raise(bus, fault, pc, note),
            None => Next::Same,
        }
    }

    fn spend(&self, insns: u32) {
        let left = self.core.state.read32(layout::BUDGET) as i32;
        self.core
            .state
            .write32(layout::BUDGET, left.wrapping_sub(insns as i32) as u32);
    }

    /// The instruction did not complete and will be restarted: from its branch, if it is in a delay slot.
    pub(crate) fn rewind(&self, code: &Marks, insn: u32) {
        let back = u32::from(insn > 0 && code.insn_note(insn) != 0);
        self.spend(back.wrapping_neg());
        self.core.state.set_pc(code.insn_pc(insn - back));
    }

    pub(crate) fn raise(
        &mut self,
        bus: &mut dyn Platform,
        fault: Fault,
        pc: u64,
        note: u64,
    ) -> Next {
        self.stats.exceptions += 1;
        self.guest.raise(
            &mut Run {
                core: &mut self.core,
                bus,
            },
            fault,
            pc,
            note,
        );
        self.trace_exception(Some(fault), pc);
        self.spend(1);
        Next::Look
    }

    fn trace_exception(&self, fault: Option<Fault>, pc: u64) {
        if let Some(trace) = &self.trace {
            let mut trace = trace.borrow_mut();
            trace.exception(&*self.guest, &self.core.state, fault, pc);
        }
    }

    fn trace_block(&self) {
        if self.trace_blocks
            && let Some(trace) = &self.trace
        {
            let mut trace = trace.borrow_mut();
            trace.enter(&*self.guest, &self.state, self.mode);
        }
    }

    /// Interprets a block from instruction `start` on.
    pub(crate) fn interpret(
        &mut self,
        bus: &mut dyn Platform,
        piece: &Piece,
        mut start: u32,
    ) -> Next {
        self.trace_block();
        loop {
            let before = self.phase(Phase::Interpret);
            let run = Run {
                core: &mut self.core,
                bus: &mut *bus,
            };
            let mut exec = Exec {
                guest: &mut *self.guest,
                run,
            };
            let (words, marks) = match piece {
                Piece::Cached(id, marks) => (self.blocks.words(*id), marks),
                Piece::Own(code) => (code.words(), code.marks()),
            };
            let insns = marks.insn_count();
            let ran = interp::run_words(words, insns, marks, start, &self.state, &mut exec);
            self.phase(before);
            match self.ended(bus, marks, ran) {
                Ok(insn) => start = insn,
                Err(next) => return next,
            }
        }
    }

    /// Counts what the interpreter did.
    fn count(&mut self, ran: &Ran) {
        self.core.progress = 0;
        self.spend(ran.completed);
        self.stats.interpreted += ran.completed as u64;
    }

    /// Takes what came of a block: how to go on, or the instruction of it to go on with.
    fn ended(&mut self, bus: &mut dyn Platform, code: &Marks, ran: Ran) -> Result<u32, Next> {
        self.count(&ran);
        Err(match ran.outcome {
            Outcome::Jump { pc } | Outcome::Indirect { pc } => {
                self.state.set_pc(pc);
                Next::Same
            }
            Outcome::Leave { pc } => {
                self.state.set_pc(pc);
                Next::Look
            }
            Outcome::Fault { fault, insn } => {
                self.raise(bus, fault, code.insn_pc(insn), code.insn_note(insn))
            }
            Outcome::Trap { code: number, insn } => {
                let fault = Fault {
                    code: number,
                    ..Fault::default()
                };
                self.raise(bus, fault, code.insn_pc(insn), code.insn_note(insn))
            }
            Outcome::Wait { insn } => {
                self.rewind(code, insn);
                Next::Wait
            }
            Outcome::Left { insn } if code.insn_note(insn) != 0 => return Ok(insn),
            Outcome::Left { insn } => {
                self.state.set_pc(code.insn_pc(insn));
                Next::Look
            }
        })
    }

    /// Drops blocks and regions whose code was overwritten.
    fn drop_overwritten(&mut self) {
        if !self.core.pages.is_dirty() {
            return;
        }
        let dirty = self.core.pages.take_dirty();
        let dropped = self.blocks.drop_dirty(&dirty);
        if let Some(regions) = &mut self.regions {
            regions.invalidate(&mut self.blocks, &self.core.state.arena, &dropped);
        }
    }
}

/// State and page maps of a vCPU in its reset state.
pub(crate) fn new_state(
    guest: &mut dyn Guest,
    arena: &Arena,
    jumps: u32,
) -> Result<(State, Softmmu), ArenaFull> {
    let base = arena.alloc(guest.slots().state_bytes() as u64, 4096)?;
    let state = State {
        arena: arena.clone(),
        base,
    };
    let mmu = Softmmu::new(arena, &state, guest.va_type())?;
    state.write32(layout::JUMP_CACHE, jumps);
    guest.reset(&state);
    Ok((state, mmu))
}
