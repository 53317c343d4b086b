//! Prints what entering, leaving and linking regions costs on wasmtime: `cargo run --release -p tinamou-suite --example transitions`.

use std::rc::Rc;
use std::time::Instant;

use tinamou_arena::Arena;
use tinamou_ir::guest::State;
use tinamou_ir::layout::{self, jump_cache as jc};
use tinamou_ir::region::{CHECK_FIXED, Region};
use tinamou_ir::{Block, Builder, JumpKind, Slot, SlotTable, Type};
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_jit::engine::{Engine, HelperHost, ModuleSource};
use tinamou_wasm::{CompiledModule, Env, compile_module};

struct NoHost;

impl HelperHost for NoHost {
    fn call(&mut self, _helper: u32, _a: u64, _b: u64, _c: u64) -> u64 {
        0
    }
    fn load(&mut self, _va: u64, _mem: u32) -> u64 {
        0
    }
    fn store(&mut self, _va: u64, _value: u64, _mem: u32) {}
    fn probe(&mut self, _va: u64, _mem: u32) {}
}

const SLOTS: u16 = 12;

/// A block of three instructions that works on `slots` slots and goes on at `out`, or at the address in slot 0.
fn block(table: &Rc<SlotTable>, pc: u64, out: Option<u64>, slots: u16) -> Block {
    let mut b = Builder::new(table.clone(), pc, 0, Type::I32);
    for i in 0..3 {
        b.insn(pc + i * 4, 0);
        for s in (1..=slots).filter(|s| u64::from(*s) % 3 == i) {
            let (x, y) = (b.get(Slot(s)), b.get(Slot(s % SLOTS + 1)));
            let z = b.add(x, y);
            b.set(Slot(s), z);
        }
    }
    match out {
        Some(out) => b.jump(out),
        None => {
            let t = b.get(Slot(0));
            b.jump_ind(t, JumpKind::Return);
        }
    }
    b.finish(12)
}

struct World {
    state: State,
    table: Rc<SlotTable>,
    engine: WasmtimeEngine,
    jump_cache: u32,
}

impl World {
    fn publish(&mut self, regions: Vec<Region>) -> (CompiledModule, u32, u32) {
        let env = Env {
            slots: &self.table,
            helpers: &[],
            va_type: Type::I32,
            features: self.engine.features(),
            guess: false,
        };
        let module = compile_module(&regions, &env);
        let arena = &self.state.arena;
        let cells = arena.alloc(module.cells_bytes() as u64, 8).expect("room");
        for r in &module.regions {
            arena.write32(cells + r.check_cell, CHECK_FIXED);
        }
        let source = ModuleSource {
            bytes: module.bytes.clone(),
            functions: module.functions,
            cells,
        };
        self.engine.publish(source, 0);
        let Some((_, Ok(base))) = self.engine.poll() else {
            panic!("not published")
        };
        (module, cells, base)
    }

    fn run(&mut self, what: &str, func: u32, budget: u32, calls: u32, per_call: f64) {
        for _ in 0..2 {
            let start = Instant::now();
            for _ in 0..calls {
                self.state.write32(layout::BUDGET, budget);
                self.engine.call(func, self.state.base, 0, &mut NoHost);
            }
            let ns = start.elapsed().as_nanos() as f64 / calls as f64 / per_call;
            println!("{what}: {ns:.1} ns");
        }
    }
}

fn region(blocks: Vec<Block>) -> Region {
    Region {
        blocks,
        entries: vec![0],
        lasting: tinamou_ir::guest::Lasting::Fixed,
        hot: false,
    }
}

fn main() {
    let arena = Arena::new().expect("an arena");
    let base = arena.alloc(16384, 4096).expect("room");
    let jump_cache = arena.alloc(jc::BYTES as u64, 64).expect("room");
    let engine = WasmtimeEngine::synchronous(&arena).expect("wasmtime");
    let mut table = SlotTable::default();
    for i in 0..=SLOTS {
        table.push(format!("r{i}"), Type::I32);
    }
    let table = Rc::new(table);
    let mut w = World {
        state: State {
            arena: arena.clone(),
            base,
        },
        table: table.clone(),
        engine,
        jump_cache,
    };
    w.state.write32(layout::JUMP_CACHE, w.jump_cache);

    for slots in [2, SLOTS] {
        let (_, _, f) = w.publish(vec![region(vec![block(
            &table,
            0x1000,
            Some(0x9000),
            slots,
        )])]);
        w.run(
            &format!("{slots} slots, run loop to region and back"),
            f,
            1000,
            3_000_000,
            1.0,
        );

        let (_, _, f) = w.publish(vec![region(vec![block(
            &table,
            0x1000,
            Some(0x1000),
            slots,
        )])]);
        w.run(
            &format!("{slots} slots, loop inside a region, per iteration"),
            f,
            3_000_000,
            20,
            1e6,
        );

        let pair = || {
            vec![
                region(vec![block(&table, 0x1000, Some(0x2000), slots)]),
                region(vec![block(&table, 0x2000, Some(0x1000), slots)]),
            ]
        };
        let (m, cells, f) = w.publish(pair());
        for (l, t) in (0..).zip(&m.link_targets) {
            arena.write32(cells + m.link_cell(l), f + (t.pc == 0x2000) as u32);
        }
        w.run(
            &format!("{slots} slots, link inside the module, per region"),
            f,
            3_000_000,
            20,
            1e6,
        );

        let mut pair = pair();
        let second = pair.pop().into_iter().collect();
        let ((m1, c1, f1), (m2, c2, f2)) = (w.publish(pair), w.publish(second));
        arena.write32(c1 + m1.link_cell(0), f2);
        arena.write32(c2 + m2.link_cell(0), f1);
        w.run(
            &format!("{slots} slots, link to another module, per region"),
            f1,
            3_000_000,
            20,
            1e6,
        );

        let (_, _, f) = w.publish(vec![region(vec![block(&table, 0x4000, None, slots)])]);
        w.state.set_slot(&table, Slot(0), 0x4000);
        let entry =
            w.jump_cache + (((0x4000 >> 1 ^ 0x4000 >> 13) & (jc::ENTRIES - 1)) << jc::ENTRY_LOG2);
        arena.write64(entry + jc::PC, 0x4000);
        arena.write32(entry + jc::FUNC, f);
        w.run(
            &format!("{slots} slots, jump cache, per region"),
            f,
            3_000_000,
            20,
            1e6,
        );
    }
}
