//! Filetests and random cases on wasmtime, in every shape of module; random cases against the interpreter.

use tinamou_ir::Type;
use tinamou_suite::wasmtime_runner::{Shape, WasmtimeRunner};
use tinamou_suite::{Interp, Runner, filetest, generate};

const SHAPES: [Shape; 4] = [Shape::Head, Shape::Entries, Shape::Linked, Shape::RunLoop];

#[test]
fn filetests() {
    let mut failed = Vec::new();
    let files = filetest::all().expect("filetests");
    for shape in SHAPES {
        for inline_slow in [false, true] {
            let mut runner = WasmtimeRunner::new(shape, inline_slow);
            for (name, text) in &files {
                // After the passes a block can be entered at its start only, so no access may resume inside.
                if !inline_slow && text.contains("form: optimised") {
                    continue;
                }
                if let Err(e) = filetest::run_file(name, text, &mut runner) {
                    failed.push(format!("{shape:?} inline_slow={inline_slow}: {e}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Interpreter and wasmtime must show the same.
fn compare(seeds: std::ops::Range<u64>, shape: Shape, inline_slow: bool) {
    let mut interp = Interp::default();
    let mut wasmtime = WasmtimeRunner::new(shape, inline_slow);
    for seed in seeds {
        for va_type in [Type::I32, Type::I64] {
            let case = generate::case(seed, va_type);
            let want = interp.run(&case);
            let got = wasmtime.run(&case);
            if want == got {
                continue;
            }
            let slot = want.slots.iter().zip(&got.slots).position(|(a, b)| a != b);
            let byte = want
                .memory
                .iter()
                .zip(&got.memory)
                .position(|(a, b)| a != b);
            panic!(
                "{}, {shape:?}, inline_slow={inline_slow}: interpreter {:?} after {} instructions, wasmtime {:?} after {}\n\
                 first differing slot {slot:?} ({:x?}), byte {byte:?}\n{:?}\n{:?}\n{}",
                case.name,
                want.end,
                want.completed,
                got.end,
                got.completed,
                slot.map(|s| (want.slots[s], got.slots[s])),
                want.log,
                got.log,
                tinamou_ir::text::print_region(
                    &case.region,
                    &case.slots,
                    tinamou_suite::machine::HELPERS
                )
            );
        }
    }
    assert!(wasmtime.exits > 0);
    let [bytes, insns, functions] = wasmtime.sizes;
    println!(
        "{shape:?}: {} wasm bytes per instruction, {functions} functions",
        bytes / insns.max(1)
    );
}

#[test]
fn random_one_region() {
    compare(0..400, Shape::Head, false);
    compare(400..700, Shape::Head, true);
}

#[test]
fn random_entries() {
    compare(1000..1300, Shape::Entries, false);
    compare(1300..1500, Shape::Entries, true);
}

#[test]
fn random_linked() {
    compare(2000..2200, Shape::Linked, false);
    compare(2200..2300, Shape::Linked, true);
}

#[test]
fn random_without_tail_calls() {
    compare(3000..3100, Shape::RunLoop, false);
    compare(3100..3150, Shape::RunLoop, true);
}
