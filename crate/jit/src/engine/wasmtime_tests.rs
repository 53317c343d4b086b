use std::rc::Rc;

use tinamou_ir::guest::Lasting;
use tinamou_ir::guest::State;
use tinamou_ir::region::{CHECK_FIXED, Exit, Region};
use tinamou_ir::{Block, Builder, HelperDesc, HelperId, Slot, SlotSet, SlotTable, Type, layout};
use tinamou_wasm::{CompiledModule, Env, compile_module};

use super::*;

const HELPERS: &[HelperDesc] = &[HelperDesc {
    name: "note",
    reads: SlotSet::None,
    writes: SlotSet::None,
    faults: false,
    time: false,
    pure: false,
}];

#[derive(Default)]
struct Host {
    calls: Vec<[u64; 3]>,
}

impl HelperHost for Host {
    fn call(&mut self, _helper: u32, a: u64, b: u64, c: u64) -> u64 {
        self.calls.push([a, b, c]);
        77
    }
    fn load(&mut self, _va: u64, _mem: u32) -> u64 {
        0
    }
    fn store(&mut self, _va: u64, _value: u64, _mem: u32) {}
    fn probe(&mut self, _va: u64, _mem: u32) {}
}

struct World {
    state: State,
    slots: Rc<SlotTable>,
    engine: WasmtimeEngine,
}

impl World {
    fn new(threads: usize) -> World {
        let arena = Arena::new().unwrap();
        let base = arena.alloc(16384, 4096).unwrap();
        let engine = if threads == 0 {
            WasmtimeEngine::synchronous(&arena).unwrap()
        } else {
            WasmtimeEngine::new(&arena, threads).unwrap()
        };
        let mut slots = SlotTable::default();
        slots.push("n", Type::I32);
        slots.push("x", Type::I64);
        World {
            state: State { arena, base },
            slots: Rc::new(slots),
            engine,
        }
    }

    fn builder(&self, pc: u64) -> Builder {
        let mut b = Builder::new(self.slots.clone(), pc, 0, Type::I32);
        b.insn(pc, 0);
        b
    }

    /// Counts slot n down to 0, then goes to `out`.
    fn countdown(&self, pc: u64, out: u64) -> Region {
        let mut b = self.builder(pc);
        let one = b.i32(1);
        let n = b.get(Slot(0));
        let n = b.sub(n, one);
        b.set(Slot(0), n);
        b.branch(n, pc, out);
        region(vec![b.finish(4)])
    }

    /// Goes from `pc` to `out`.
    fn hop(&self, pc: u64, out: u64) -> Region {
        let mut b = self.builder(pc);
        b.jump(out);
        region(vec![b.finish(4)])
    }

    fn compile(&self, regions: &[Region]) -> (CompiledModule, u32) {
        let env = Env {
            slots: &self.slots,
            helpers: HELPERS,
            va_type: Type::I32,
            features: self.engine.features(),
            guess: false,
        };
        let module = compile_module(regions, &env);
        let cells = self
            .state
            .arena
            .alloc(module.cells_bytes() as u64, 8)
            .unwrap();
        for r in &module.regions {
            self.state.arena.write32(cells + r.check_cell, CHECK_FIXED);
        }
        (module, cells)
    }

    fn publish(&mut self, module: &CompiledModule, cells: u32, exit_base: u32) -> (Ticket, u32) {
        let source = ModuleSource {
            bytes: module.bytes.clone(),
            functions: module.functions,
            cells,
        };
        let ticket = self.engine.publish(source, exit_base);
        self.engine.finish();
        let (t, base) = self.engine.poll().unwrap();
        assert_eq!(t, ticket);
        (ticket, base.unwrap())
    }

    fn run(&mut self, func: u32, budget: u32) -> u32 {
        self.state.write32(layout::BUDGET, budget);
        self.engine
            .call(func, self.state.base, 0, &mut Host::default())
    }

    fn budget(&self) -> u32 {
        self.state.read32(layout::BUDGET)
    }
}

fn region(blocks: Vec<Block>) -> Region {
    Region {
        blocks,
        entries: vec![0],
        lasting: Lasting::Fixed,
        hot: false,
    }
}

#[test]
fn a_loop_runs_to_its_end_or_to_the_end_of_its_budget() {
    let mut w = World::new(0);
    let (module, cells) = w.compile(&[w.countdown(0x1000, 0x2000)]);
    let (_, base) = w.publish(&module, cells, 100);
    w.state.set_slot(&w.slots, Slot(0), 1000);
    let exit = w.run(base, 300);
    assert_eq!(
        module.regions[0].exits[exit as usize - 100],
        Exit::Budget { block: 0 }
    );
    assert_eq!((w.state.slot(&w.slots, Slot(0)), w.budget()), (700, 0));
    let exit = w.run(base, 5000);
    assert_eq!(
        module.regions[0].exits[exit as usize - 100],
        Exit::Edge {
            target: 0x2000,
            link: 0
        }
    );
    assert_eq!((w.state.slot(&w.slots, Slot(0)), w.budget()), (0, 4300));
    w.state
        .arena
        .write32(cells, tinamou_ir::region::CHECK_INVALID);
    assert_eq!(
        module.regions[0].exits[w.run(base, 10) as usize - 100],
        Exit::Check { entry: 0 }
    );
    assert_eq!(w.budget(), 10);
}

#[test]
fn links_lead_through_regions_of_several_modules() {
    let mut w = World::new(1);
    let (a, a_cells) = w.compile(&[w.hop(0x1000, 0x2000), w.hop(0x2000, 0x3000)]);
    let (b, b_cells) = w.compile(&[w.hop(0x3000, 0x4000)]);
    let (_, a_base) = w.publish(&a, a_cells, 0);
    let (_, b_base) = w.publish(&b, b_cells, a.exit_count());
    assert!(a_base > 0 && b_base >= a_base + 2);
    let arena = w.state.arena.clone();
    assert_eq!(
        w.run(a_base, 10),
        2,
        "exit of the first region: check, budget, edge"
    );
    assert_eq!(w.budget(), 9);
    arena.write32(a_cells + a.link_cell(0), a_base + 1);
    assert_eq!(w.run(a_base, 10), a.regions[1].first_exit + 2);
    arena.write32(a_cells + a.link_cell(1), b_base);
    assert_eq!(w.run(a_base, 10), a.exit_count() + 2);
    assert_eq!(w.budget(), 7);
}

#[test]
fn helpers_reach_the_parked_host() {
    let mut w = World::new(0);
    let mut b = w.builder(0x1000);
    let (n, x) = (b.get(Slot(0)), b.get(Slot(1)));
    let r = b.call(HelperId(0), &[n, x]);
    b.set(Slot(1), r);
    b.leave(0x1004);
    let block = b.finish(4);
    let (module, cells) = w.compile(&[region(vec![block])]);
    let (_, base) = w.publish(&module, cells, 0);
    w.state.set_slot(&w.slots, Slot(0), 0xffff_ffff);
    w.state.set_slot(&w.slots, Slot(1), 5);
    w.state.write32(layout::BUDGET, 1);
    let mut host = Host::default();
    w.engine.call(base, w.state.base, 0, &mut host);
    assert_eq!(host.calls, [[0xffff_ffff, 5, 0]]);
    assert_eq!(
        (w.state.slot(&w.slots, Slot(1)), w.state.pc()),
        (77, 0x1004)
    );
}

#[test]
fn retired_indices_are_used_again_and_stores_are_renewed() {
    let mut w = World::new(0);
    let (kept, kept_cells) = w.compile(&[w.countdown(0x1000, 0x2000)]);
    let (_, kept_base) = w.publish(&kept, kept_cells, 7);
    let (other, cells) = w.compile(&[w.hop(0x5000, 0x6000), w.hop(0x6000, 0x7000)]);
    let mut bases = std::collections::BTreeSet::new();
    for _ in 0..RETIRED_LIMIT + 20 {
        let (ticket, base) = w.publish(&other, cells, 50);
        bases.insert(base);
        w.engine.retire(ticket);
    }
    assert_eq!(bases.len(), 1);
    assert!(w.engine.generation.retired < 100, "a new store was made");
    assert_eq!(w.engine.stats().modules, 1);
    w.state.set_slot(&w.slots, Slot(0), 3);
    assert_eq!(
        w.run(kept_base, 100),
        7 + 2,
        "the module that was kept runs in the new store"
    );
}

#[test]
fn modules_that_are_retired_while_they_compile_are_not_reported() {
    let mut w = World::new(2);
    let (module, cells) = w.compile(&[w.hop(0x1000, 0x2000)]);
    let source = || ModuleSource {
        bytes: module.bytes.clone(),
        functions: 1,
        cells,
    };
    let tickets: Vec<Ticket> = (0..6).map(|_| w.engine.publish(source(), 0)).collect();
    tickets[..5].iter().for_each(|&t| w.engine.retire(t));
    w.engine.finish();
    let mut reported = Vec::new();
    while let Some((ticket, result)) = w.engine.poll() {
        result.unwrap();
        reported.push(ticket);
    }
    assert_eq!(reported, tickets[5..]);
}

#[test]
fn bytes_that_are_no_module_are_an_error() {
    let mut w = World::new(0);
    w.engine.publish(
        ModuleSource {
            bytes: vec![1, 2, 3],
            functions: 1,
            cells: 0,
        },
        0,
    );
    assert!(matches!(
        w.engine.poll(),
        Some((_, Err(EngineError::Compile(_))))
    ));
}

#[test]
#[should_panic(expected = "entered from a helper")]
fn a_helper_cannot_enter_generated_code() {
    parked::park(&mut Host::default(), || {
        parked::lend(|_| parked::park(&mut Host::default(), || ()))
    });
}
