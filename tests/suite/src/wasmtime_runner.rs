//! Generated code on an engine as a runner: on wasmtime natively, on V8 through `tests/web/suite`. A small run loop stands in for the real one: what an exit leaves to be done is
//! done by the interpreter, block by block, until a block that is an entry comes up.
//!
//! One case can be compiled in several shapes, which must all show the same.

use tinamou_arena::Arena;
use tinamou_ir::guest::{Fault, Lasting, State, Stop};
use tinamou_ir::interp::{ExecCx, Outcome, Translator, run};
use tinamou_ir::layout::{self, jump_cache as jc, pending};
use tinamou_ir::ops::Effect;
use tinamou_ir::region::{CHECK_FIXED, Exit, Region};
use tinamou_ir::{HelperId, MemArg, Type};
#[cfg(not(target_arch = "wasm32"))]
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_jit::engine::{Engine, HelperHost, ModuleSource};
use tinamou_wasm::{CompiledModule, Env, Features, compile_module};

use crate::machine::{Case, End, HELPERS, Machine, Observed, Runner};

/// How a case is cut into regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One region, entered at its first block only.
    Head,
    /// One region that can be entered at every block.
    Entries,
    /// Every block a region of its own, linked to the others.
    Linked,
    /// As `Linked`, without tail calls.
    RunLoop,
}

/// One address type's world.
struct World {
    machine: Machine,
    engine: Box<dyn Engine>,
    jump_cache: u32,
    cells: u32,
}

const CELLS_BYTES: u32 = 65536;

/// The runner.
pub struct WasmtimeRunner {
    name: &'static str,
    worlds: [World; 2],
    translator: Translator,
    /// Shape of the modules.
    pub shape: Shape,
    /// Every access gets an inline slow path.
    pub inline_slow: bool,
    /// Exits taken so far.
    pub exits: u64,
    /// Bytes of modules, instructions and functions in them so far.
    pub sizes: [u64; 3],
}

impl WasmtimeRunner {
    /// A runner on wasmtime for modules of this shape.
    ///
    /// # Panics
    /// When there is no engine on this host.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(shape: Shape, inline_slow: bool) -> WasmtimeRunner {
        WasmtimeRunner::on("wasmtime", shape, inline_slow, |arena| {
            Box::new(WasmtimeEngine::synchronous(arena).expect("wasmtime"))
        })
    }

    /// A runner called `name` on engines that publish at once, for modules of this shape.
    ///
    /// # Panics
    /// When the arena has no room.
    pub fn on(
        name: &'static str,
        shape: Shape,
        inline_slow: bool,
        engine: impl Fn(&Arena) -> Box<dyn Engine>,
    ) -> WasmtimeRunner {
        let world = |va_type| {
            let machine = Machine::new(va_type);
            let arena = &machine.state.arena;
            let engine = engine(arena);
            let jump_cache = arena.alloc(jc::BYTES as u64, 64).expect("room");
            let cells = arena.alloc(CELLS_BYTES as u64, 64).expect("room");
            World {
                machine,
                engine,
                jump_cache,
                cells,
            }
        };
        WasmtimeRunner {
            name,
            worlds: [world(Type::I32), world(Type::I64)],
            translator: Translator::default(),
            shape,
            inline_slow,
            exits: 0,
            sizes: [0; 3],
        }
    }

    /// The regions of a case, and for each block the region and entry that start there.
    fn cut(&self, case: &Case) -> (Vec<Region>, Vec<Option<(u32, u32)>>) {
        let mut region = case.region.clone();
        for inst in region.blocks.iter_mut().flat_map(|b| &mut b.insts) {
            if self.inline_slow && matches!(inst.op.info().effect, Effect::Load | Effect::Store) {
                inst.imm = MemArg {
                    inline_slow: true,
                    ..inst.mem()
                }
                .pack();
            }
        }
        let n = region.blocks.len() as u32;
        match self.shape {
            Shape::Head => {
                let mut starts = vec![None; n as usize];
                starts[0] = Some((0, 0));
                region.entries = vec![0];
                (vec![region], starts)
            }
            Shape::Entries => {
                region.entries = (0..n).collect();
                (vec![region], (0..n).map(|e| Some((0, e))).collect())
            }
            Shape::Linked | Shape::RunLoop => {
                let blocks = region.blocks.into_iter();
                let regions = blocks
                    .map(|b| Region {
                        blocks: vec![b],
                        entries: vec![0],
                        lasting: Lasting::Fixed,
                        hot: case.region.hot,
                    })
                    .collect();
                (regions, (0..n).map(|r| Some((r, 0))).collect())
            }
        }
    }
}

/// Host of helpers: the world's machine, with the outcome in the pending word.
struct Host<'a> {
    machine: &'a mut Machine,
    budget: u32,
    fault: Option<Fault>,
}

impl Host<'_> {
    fn show_count(&mut self) {
        let left = self.machine.state.read32(layout::BUDGET);
        self.machine.completed = self.budget.wrapping_sub(left);
        self.machine.note_progress(0);
    }

    fn keep<T: Default>(&mut self, result: Result<T, Stop>) -> T {
        let bit = match result {
            Ok(v) => return v,
            Err(Stop::Fault(f)) => {
                self.fault = Some(f);
                pending::FAULT
            }
            Err(Stop::Wait) => pending::WAIT,
        };
        let word = self.machine.state.read32(layout::PENDING);
        self.machine.state.write32(layout::PENDING, word | bit);
        T::default()
    }
}

impl HelperHost for Host<'_> {
    fn call(&mut self, helper: u32, a: u64, b: u64, c: u64) -> u64 {
        let d = &HELPERS[helper as usize];
        if d.time || d.faults {
            self.show_count();
        }
        let result = self.machine.call(HelperId(helper as u16), [a, b, c]);
        self.keep(result)
    }

    fn load(&mut self, va: u64, mem: u32) -> u64 {
        self.show_count();
        let result = self.machine.load(va, MemArg::unpack(mem as u64));
        self.keep(result)
    }

    fn store(&mut self, va: u64, value: u64, mem: u32) {
        self.show_count();
        let result = self.machine.store(va, value, MemArg::unpack(mem as u64));
        self.keep(result);
    }

    fn probe(&mut self, va: u64, mem: u32) {
        self.show_count();
        let result = self.machine.probe(va, MemArg::unpack(mem as u64));
        self.keep(result);
    }
}

/// Where the run loop is.
enum At {
    /// At the start of a block.
    Block(u32),
    /// In a block, at an instruction: to be interpreted from there.
    Insn(u32, u32),
    /// Beyond the region.
    End(End),
}

fn link(
    module: &CompiledModule,
    state: &State,
    cells: u32,
    base: u32,
    starts: &[Option<(u32, u32)>],
    case: &Case,
) {
    let cell = |link: u32| cells + module.link_cell(link);
    for (l, target) in (0..).zip(&module.link_targets) {
        let Some((r, e)) = case
            .region
            .block_at(target.pc)
            .and_then(|b| starts[b as usize])
        else {
            continue;
        };
        state.arena.write32(cell(l), base + r);
        state.arena.write32(cell(l) + 4, e);
    }
}

impl Runner for WasmtimeRunner {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, case: &Case) -> Observed {
        let (regions, starts) = self.cut(case);
        let World {
            machine,
            engine,
            jump_cache,
            cells,
        } = &mut self.worlds[(case.va_type() == Type::I64) as usize];
        let has = engine.features();
        let features = Features {
            tail_calls: self.shape != Shape::RunLoop,
            // Natively as in browsers, too.
            wide_multiply: has.wide_multiply && self.shape != Shape::Entries,
            ..has
        };
        let env = Env {
            slots: &case.slots,
            helpers: HELPERS,
            va_type: case.va_type(),
            features,
            // Right for one page.
            guess: self.shape == Shape::Entries,
        };
        let module = compile_module(&regions, &env);
        self.sizes[0] += module.bytes.len() as u64;
        self.sizes[1] += case
            .region
            .blocks
            .iter()
            .map(|b| b.insn_count as u64)
            .sum::<u64>();
        self.sizes[2] += module.functions as u64;
        machine.reset(case);
        let state = machine.state.clone();
        assert!(module.cells_bytes() <= CELLS_BYTES, "room for cells");
        state.arena.fill(*cells, module.cells_bytes(), 0);
        for r in &module.regions {
            state.arena.write32(*cells + r.check_cell, CHECK_FIXED);
        }
        state.arena.fill(*jump_cache, jc::BYTES, 0);
        state.write32(layout::JUMP_CACHE, *jump_cache);
        state.write32(layout::MODE, case.region.blocks[0].mode);
        state.write32(layout::BUDGET, case.budget);
        let source = ModuleSource {
            bytes: module.bytes.clone(),
            functions: module.functions,
            cells: *cells,
        };
        let ticket = engine.publish(source, 0);
        let base = match engine.poll() {
            Some((_, Ok(base))) => base,
            other => panic!("{}: {other:?}", case.name),
        };
        link(&module, &state, *cells, base, &starts, case);

        let blocks = &case.region.blocks;
        let completed = || case.budget.wrapping_sub(state.read32(layout::BUDGET));
        let pc_of = |block: u32, insn: u32| {
            let mut markers = blocks[block as usize]
                .insts
                .iter()
                .filter(|i| i.op == tinamou_ir::Op::Insn);
            markers
                .nth(insn as usize)
                .map_or((0, 0), |i| (i.imm, i.aux))
        };
        // The block at an address, or the end that going there is.
        let go = |pc: u64, left: bool, outside: fn(u64) -> End| match case.region.block_at(pc) {
            _ if left => At::End(End::Left(pc)),
            Some(b) => At::Block(b),
            None => At::End(outside(pc)),
        };
        let mut fault = None;
        let mut at = At::Block(0);
        // A region that gives up at once for lack of budget leaves its block to the interpreter.
        let mut interpret = false;
        let end = loop {
            let (block, start) = match at {
                At::End(end) => break end,
                At::Insn(b, i) => (b, i),
                At::Block(b) => {
                    if let Some((r, e)) = starts[b as usize]
                        && !interpret
                    {
                        let mut host = Host {
                            machine,
                            budget: case.budget,
                            fault: None,
                        };
                        let number = engine.call(base + r, state.base, e, &mut host);
                        fault = host.fault.or(fault);
                        self.exits += 1;
                        let meta = module
                            .regions
                            .iter()
                            .rev()
                            .find(|m| m.first_exit <= number)
                            .expect("an exit");
                        let in_region = meta.check_cell / 4;
                        // Numbers of blocks in the case: a shape with many regions has one block in each.
                        let number_of = |b: u32| if module.functions > 1 { in_region } else { b };
                        let exit = meta.exits[(number - meta.first_exit) as usize];
                        let leave = state.read32(layout::PENDING) & pending::LEAVE != 0;
                        at = match exit {
                            Exit::Edge { target, .. } => go(target, leave, End::Jump),
                            Exit::Indirect => {
                                let pc = state.pc();
                                if let Some((r, e)) =
                                    case.region.block_at(pc).and_then(|b| starts[b as usize])
                                {
                                    let low = pc as u32;
                                    let index = (low >> 1 ^ low >> 13) & (jc::ENTRIES - 1);
                                    let entry = *jump_cache + (index << jc::ENTRY_LOG2);
                                    state.arena.write64(entry + jc::PC, pc);
                                    state.arena.write32(entry + jc::MODE, blocks[0].mode);
                                    state.arena.write32(entry + jc::FUNC, base + r);
                                    state.arena.write32(entry + jc::ENTRY, e);
                                }
                                go(pc, leave, End::Indirect)
                            }
                            Exit::Leave => At::End(End::Leave(state.pc())),
                            Exit::Resume { block, insn } => At::Insn(number_of(block), insn),
                            Exit::Trap { block, insn, code } => {
                                let (pc, note) = pc_of(number_of(block), insn);
                                At::End(End::Trap(code, pc, note))
                            }
                            Exit::Stopped { block, insn } => {
                                let (pc, note) = pc_of(number_of(block), insn);
                                match fault {
                                    Some(f) => At::End(End::Fault(f, pc, note)),
                                    None => At::End(End::Wait(pc)),
                                }
                            }
                            Exit::Left { block, insn } => {
                                At::End(End::Left(pc_of(number_of(block), insn).0))
                            }
                            Exit::Budget { block } => {
                                interpret = true;
                                At::Block(number_of(block))
                            }
                            Exit::Check { .. } => panic!("{}: check", case.name),
                        };
                        continue;
                    }
                    if blocks[b as usize].insn_count > case.budget.wrapping_sub(completed()) {
                        break End::Budget(blocks[b as usize].pc);
                    }
                    (b, 0)
                }
            };
            interpret = false;
            machine.completed = completed();
            let code = self
                .translator
                .translate(&blocks[block as usize], &case.slots, HELPERS);
            let ran = run(&code, start, &state, machine);
            state.write32(
                layout::BUDGET,
                state.read32(layout::BUDGET).wrapping_sub(ran.completed),
            );
            let left = machine.take_leave();
            at = match ran.outcome {
                Outcome::Jump { pc } => go(pc, left, End::Jump),
                Outcome::Indirect { pc } => go(pc, left, End::Indirect),
                Outcome::Leave { pc } => At::End(End::Leave(pc)),
                Outcome::Fault { fault, insn } => {
                    At::End(End::Fault(fault, code.insn_pc(insn), code.insn_note(insn)))
                }
                Outcome::Trap { code: n, insn } => {
                    At::End(End::Trap(n, code.insn_pc(insn), code.insn_note(insn)))
                }
                Outcome::Wait { insn } => At::End(End::Wait(code.insn_pc(insn))),
                Outcome::Left { insn } => At::End(End::Left(code.insn_pc(insn))),
            };
        };
        engine.retire(ticket);
        machine.completed = completed();
        machine.observe(end)
    }
}
