//! The suite of execution on a browser's engine: filetests and random cases, for the runners in `tests/web`. Natively it is
//! empty; there `tests/suite` runs the same on wasmtime.

#![cfg(target_arch = "wasm32")]

use tinamou_arena::Arena;
use tinamou_ir::Type;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_suite::wasmtime_runner::{Shape, WasmtimeRunner};
use tinamou_suite::{Interp, Runner, filetest, generate, mips};
use wasm_bindgen::prelude::wasm_bindgen;

/// Every shape of module, by the number that JS names it with.
const SHAPES: [Shape; 4] = [Shape::Head, Shape::Entries, Shape::Linked, Shape::RunLoop];

/// Panics show in the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// A runner on this engine. A test's own failure may panic: the page reports it.
fn runner(shape: Shape, inline_slow: bool) -> WasmtimeRunner {
    WasmtimeRunner::on("v8", shape, inline_slow, |_arena| {
        Box::new(WebEngine::new().expect("an engine"))
    })
}

/// Runs a filetest in every shape of module; an empty string, or what failed.
#[wasm_bindgen(js_name = runFile)]
pub fn run_file(name: &str, text: &str) -> String {
    let mut failed = Vec::new();
    for shape in SHAPES {
        for inline_slow in [false, true] {
            // After the passes a block can be entered at its start only, so no access may resume inside.
            if !inline_slow && text.contains("form: optimised") {
                continue;
            }
            if let Err(e) = filetest::run_file(name, text, &mut runner(shape, inline_slow)) {
                failed.push(format!("{shape:?} inline_slow={inline_slow}: {e}"));
            }
        }
    }
    failed.join("\n")
}

/// Compares engine and interpreter on random cases; an empty string, or the first difference.
#[wasm_bindgen(js_name = runRandom)]
pub fn run_random(shape: usize, inline_slow: bool, first_seed: u32, count: u32) -> String {
    let shape = SHAPES[shape % SHAPES.len()];
    let mut interp = Interp::default();
    let mut engine = runner(shape, inline_slow);
    for seed in first_seed..first_seed + count {
        for va_type in [Type::I32, Type::I64] {
            let case = generate::case(u64::from(seed), va_type);
            let (want, got) = (interp.run(&case), engine.run(&case));
            if want != got {
                return format!(
                    "{}, {shape:?}, inline_slow={inline_slow}: interpreter {:?} after {} instructions, engine {:?} after {}",
                    case.name, want.end, want.completed, got.end, got.completed
                );
            }
        }
    }
    if engine.exits > 0 {
        String::new()
    } else {
        "no generated code ran".into()
    }
}

/// Number of CPUs that [`run_mips`] knows.
#[wasm_bindgen(js_name = mipsCpus)]
pub fn mips_cpus() -> usize {
    mips::CPUS.len()
}

fn engine(_arena: &Arena) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(WebEngine::new().map_err(|e| e.to_string())?))
}

/// Compares engine and interpreter on random MIPS programs; an empty string, or the first difference.
#[wasm_bindgen(js_name = runMips)]
pub fn run_mips(cpu: usize, first_seed: u32, count: u32) -> String {
    let seeds = u64::from(first_seed)..u64::from(first_seed) + u64::from(count);
    let run = || {
        let mut pair = mips::Pair::new(cpu % mips::CPUS.len(), engine)?;
        pair.compare(seeds, engine)?;
        pair.check_coverage()
    };
    run().err().unwrap_or_default()
}
