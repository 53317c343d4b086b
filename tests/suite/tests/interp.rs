//! Filetests and random cases on the interpreter.

use tinamou_ir::Type;
use tinamou_ir::passes::{PASSES, optimise};
use tinamou_ir::text::{parse_region, print_region};
use tinamou_ir::verify::{Form, verify_region};
use tinamou_suite::machine::{End, HELPERS};
use tinamou_suite::{Interp, Runner, filetest, generate};

#[test]
fn filetests() {
    let mut interp = Interp::default();
    let files = filetest::all().unwrap();
    assert!(files.len() > 5);
    let mut failed = Vec::new();
    for (name, text) in files {
        match filetest::run_file(&name, &text, &mut interp) {
            Ok(runs) => assert!(runs > 0, "{name} has no run line for the interpreter"),
            Err(error) => failed.push(error),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn random_cases_are_well_formed_and_end_in_every_way() {
    let mut interp = Interp::default();
    let mut ends = [0; 8];
    for seed in 0..4000 {
        for va_type in [Type::I32, Type::I64] {
            let case = generate::case(seed, va_type);
            if let Err(error) = verify_region(&case.region, &case.slots, HELPERS, Form::Lifted) {
                panic!(
                    "{}: {error}\n{}",
                    case.name,
                    tinamou_ir::text::print_region(&case.region, &case.slots, HELPERS)
                );
            }
            let seen = interp.run(&case);
            assert_eq!(seen, interp.run(&case), "{}: two runs differ", case.name);
            ends[match seen.end {
                End::Jump(_) => 0,
                End::Indirect(_) => 1,
                End::Leave(_) => 2,
                End::Left(_) => 3,
                End::Trap(..) => 4,
                End::Fault(..) => 5,
                End::Wait(_) => 6,
                End::Budget(_) => 7,
            }] += 1;
        }
    }
    assert!(ends.iter().all(|n| *n > 20), "{ends:?}");
}

#[test]
fn the_text_form_keeps_random_regions() {
    for seed in 0..300 {
        let case = generate::case(seed, Type::I64);
        let text = print_region(&case.region, &case.slots, HELPERS);
        let again = parse_region(&text, &case.slots, HELPERS).unwrap();
        assert_eq!(again.blocks, case.region.blocks, "{}", case.name);
    }
}

/// Every pass alone, then all of them.
#[test]
fn passes_keep_the_meaning() {
    let mut interp = Interp::default();
    let (mut before, mut after) = (0, 0);
    for seed in 10_000..12_000 {
        for va_type in [Type::I32, Type::I64] {
            let case = generate::case(seed, va_type);
            let expected = interp.run(&case);
            before += case
                .region
                .blocks
                .iter()
                .map(|b| b.insts.len())
                .sum::<usize>();
            for n in 0..=PASSES.len() {
                let mut changed = case.clone();
                match PASSES.get(n) {
                    Some(pass) => {
                        for block in &mut changed.region.blocks {
                            (pass.run)(block, &case.slots, HELPERS);
                        }
                    }
                    None => {
                        optimise(&mut changed.region, &case.slots, HELPERS);
                        after += changed
                            .region
                            .blocks
                            .iter()
                            .map(|b| b.insts.len())
                            .sum::<usize>();
                    }
                }
                let name = PASSES.get(n).map_or("all passes", |p| p.name);
                let seen = interp.run(&changed);
                if seen != expected {
                    let texts =
                        [&case, &changed].map(|c| print_region(&c.region, &c.slots, HELPERS));
                    let [a, b] = [&expected, &seen].map(|o| (o.end, o.completed, &o.slots, &o.log));
                    panic!(
                        "{}, {name}:\n{a:x?}\n{b:x?}\n{}\n{}",
                        case.name, texts[0], texts[1]
                    );
                }
            }
        }
    }
    assert!(
        after < before * 4 / 5,
        "{before} instructions became {after}"
    );
}
