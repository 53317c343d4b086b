//! Filetests and random cases on the interpreter.

use tinamou_ir::Type;
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
