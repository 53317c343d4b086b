//! Times the interpreter and the translator on a block of plain MIPS-like instructions: ns per bytecode op and per instruction.
//!
//! `cargo run --release -p tinamou-ir --example interp_bench`

use std::rc::Rc;
use std::time::Instant;

use tinamou_arena::Arena;
use tinamou_ir::guest::{State, Stop};
use tinamou_ir::interp::{ExecCx, Outcome, Translator, run};
use tinamou_ir::layout::{self, flat};
use tinamou_ir::{Block, Builder, HelperId, MemArg, Slot, SlotTable, Type};

struct Cx;

impl ExecCx for Cx {
    fn load(&mut self, _: u64, _: MemArg) -> Result<u64, Stop> {
        Ok(0)
    }
    fn store(&mut self, _: u64, _: u64, _: MemArg) -> Result<(), Stop> {
        Ok(())
    }
    fn probe(&mut self, _: u64, _: MemArg) -> Result<(), Stop> {
        Ok(())
    }
    fn call(&mut self, _: HelperId, _: [u64; 3]) -> Result<u64, Stop> {
        Ok(0)
    }
    fn note_progress(&mut self, _: u32) {}
}

/// A loop body: arithmetic alone, or with a load and a store in every eight instructions.
fn block(slots: &Rc<SlotTable>, accesses: bool) -> Block {
    let mut b = Builder::new(slots.clone(), 0x1000, 0, Type::I32);
    let mut pc = 0x1000;
    for i in 0..6u16 {
        let r = |n: u16| Slot((i + n) % 8);
        for k in 0..8 {
            b.insn(pc, 0);
            pc += 4;
            let (x, y) = (b.get(r(k)), b.get(r(k + 1)));
            match k {
                0 => {
                    let v = b.add(x, y);
                    b.set(r(2), v);
                }
                1 => {
                    let n = b.i32(5);
                    let v = b.shl(x, n);
                    b.set(r(3), v);
                }
                2 if accesses => {
                    let (base, n) = (b.get(Slot(8)), b.i32(16));
                    let va = b.add(base, n);
                    let v = b.load(
                        Type::I32,
                        va,
                        MemArg {
                            aligned: true,
                            ..MemArg::new(4, 0)
                        },
                    );
                    b.set(r(4), v);
                }
                3 => {
                    let n = b.i32(0xffff);
                    let v = b.and(x, n);
                    b.set(r(5), v);
                }
                4 => {
                    let v = b.xor(x, y);
                    b.set(r(1), v);
                }
                5 if accesses => {
                    let (base, n) = (b.get(Slot(8)), b.i32(20));
                    let va = b.add(base, n);
                    b.store(
                        va,
                        x,
                        MemArg {
                            aligned: true,
                            ..MemArg::new(4, 0)
                        },
                    );
                }
                6 => {
                    let v = b.lt_u(x, y);
                    b.set(r(7), v);
                }
                _ => {
                    let n = b.i32(1);
                    let v = b.add(x, n);
                    b.set(r(6), v);
                }
            }
        }
    }
    b.insn(pc, 0);
    let (x, y) = (b.get(Slot(0)), b.get(Slot(1)));
    let c = b.ne(x, y);
    b.branch(c, 0x1000, 0x1000);
    b.finish(196)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut slots = SlotTable::default();
    for i in 0..9 {
        slots.push(format!("r{i}"), Type::I32);
    }
    let slots = Rc::new(slots);
    let arena = Arena::new()?;
    let base = arena.alloc(slots.state_bytes().into(), 64)?;
    let state = State {
        arena: arena.clone(),
        base,
    };
    let (map, page) = (
        arena.alloc(flat::BYTES.into(), 4096)?,
        arena.alloc(4096, 4096)?,
    );
    arena.write32(map + 4 * 5, page.wrapping_sub(0x5000));
    state.write32(layout::MAPS, map);
    state.write32(layout::MAPS + 4, map);
    state.set_slot(&slots, Slot(8), 0x5000);
    for (name, accesses) in [("arithmetic", false), ("with loads and stores", true)] {
        let block = block(&slots, accesses);
        let mut translator = Translator::default();
        let rounds = 20_000;
        let start = Instant::now();
        let mut words = 0;
        for _ in 0..rounds {
            words += translator.translate(&block, &slots, &[]).words().len();
        }
        let per_insn = start.elapsed().as_nanos() as f64 / (rounds * block.insn_count) as f64;
        println!(
            "{name}: translate {per_insn:.1} ns per instruction, {} words",
            words / rounds as usize
        );
        let code = translator.translate(&block, &slots, &[]);
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            let mut insns = 0u64;
            for _ in 0..200_000 {
                let ran = run(&code, 0, &state, &mut Cx);
                assert!(matches!(ran.outcome, Outcome::Jump { .. }));
                insns += ran.completed as u64;
            }
            best = best.min(start.elapsed().as_nanos() as f64 / insns as f64);
        }
        println!("{name}: run {best:.2} ns per instruction (one bytecode op each)");
    }
    Ok(())
}
