//! Random MIPS programs: the interpreter and wasmtime end in the same state.

use tinamou_arena::Arena;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_suite::mips::Pair;

fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
    Ok(Box::new(engine))
}

fn compare(cpu: usize) {
    let mut pair = Pair::new(cpu, engine).unwrap();
    if let Err(difference) = pair.compare(0..40, engine) {
        panic!("{difference}");
    }
    pair.check_coverage().unwrap();
}

#[test]
fn cpu_24kf() {
    compare(0);
}

#[test]
fn cpu_34kf_big_endian() {
    compare(1);
}

#[test]
fn cpu_64_bit() {
    compare(2);
}

#[test]
fn cpu_5kf_big_endian() {
    compare(3);
}

#[test]
fn cpu_without_fpu() {
    compare(4);
}
