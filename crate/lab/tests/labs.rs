//! The labs that ship: solutions pass and wrong answers fail, in both tiers alike, and the assembler makes what clang makes.

use std::path::PathBuf;

use object::{Object, ObjectSection, ObjectSegment};
use tinamou_arena::Arena;
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_lab::{Lab, Report, Run, asm};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR")))
}

fn read(path: &str) -> Vec<u8> {
    let path = repository(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

fn labs() -> Vec<String> {
    let index: serde_json::Value = serde_json::from_str(&text("www/labs/index.json")).unwrap();
    let all = index["labs"].as_array().unwrap();
    all.iter().map(|n| n.as_str().unwrap().to_owned()).collect()
}

fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
    Ok(Box::new(engine))
}

/// Plays a lab with a program in place of its own, in pieces of so many instructions.
fn play(name: &str, program: &[u8], compiled: bool, piece: u64) -> Report {
    let lab = Lab::parse(&text(&format!("www/labs/{name}/lab.json"))).unwrap();
    let file = |what: &str| (Some(what) == lab.files.kernel.as_deref()).then(|| program.to_vec());
    // Little is hot in so short programs.
    let tuning = Tuning {
        batch: 4,
        ..Tuning::eager(8)
    };
    let mut run = Run::new(&lab, file, tuning, compiled.then_some(engine)).unwrap();
    while !run.work(piece) {}
    run.report()
}

fn assembled(path: &str) -> Vec<u8> {
    asm::assemble(&text(path), false, asm::ORIGIN).unwrap().elf
}

#[test]
fn solutions_pass_everywhere_alike() {
    for name in labs() {
        let solution = read(&format!("www/labs/{name}/solution.elf"));
        let first = play(&name, &solution, false, u64::MAX);
        assert!(first.passed, "{name}:\n{}", first.text());
        assert_eq!(play(&name, &solution, true, u64::MAX), first, "{name}");
        assert_eq!(play(&name, &solution, false, 777), first, "{name}");
        let source = assembled(&format!("www/labs/{name}/solution.s"));
        assert_eq!(play(&name, &source, true, 100_000), first, "{name}");
    }
}

#[test]
fn what_a_learner_begins_with_fails() {
    for name in labs() {
        let start = read(&format!("www/labs/{name}/start.elf"));
        let report = play(&name, &start, false, u64::MAX);
        assert!(!report.passed, "{name}");
        let (first, rest) = report.steps.split_first().unwrap();
        assert!(first.hint.is_some() && !first.complaints().is_empty());
        assert!(rest.iter().all(|s| s.ended == "not run"), "{name}");
    }
}

#[test]
fn wrong_answers_fail_where_they_are_wrong() {
    for (name, answer, step, why) in [
        ("hello", "wrong", 2, "the sum: found 0x1356 (4950)"),
        ("timer", "wrong", 1, "did not come to its end"),
        ("timer", "wrong-spin", 1, "the processor sleeps"),
        ("tlb", "wrong", 0, "the odd page's entry"),
        ("tlb", "wrong-odd", 1, "is not mapped"),
    ] {
        let program = assembled(&format!("tests/labs/{name}/{answer}.s"));
        let report = play(name, &program, true, u64::MAX);
        assert_eq!(report, play(name, &program, false, 12_345), "{name}");
        let passed: Vec<bool> = report.steps.iter().map(|s| s.passed).collect();
        assert_eq!(passed.iter().position(|p| !p), Some(step), "{name}");
        let said = report.steps[step].complaints().join("\n");
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[test]
fn any_file_may_be_an_answer() {
    for program in [&b""[..], b"\x7fELF", &[0xff; 5000]] {
        let lab = Lab::parse(&text("www/labs/hello/lab.json")).unwrap();
        let file = |_: &str| Some(program.to_vec());
        let none = None::<fn(&Arena) -> Result<Box<dyn Engine>, String>>;
        if let Ok(mut run) = Run::new(&lab, file, Tuning::native(), none) {
            while !run.work(u64::MAX) {}
            assert!(!run.report().passed);
        }
    }
}

#[test]
fn the_assembler_makes_what_clang_makes() {
    for name in labs() {
        for file in ["start", "solution"] {
            let path = format!("www/labs/{name}/{file}");
            let (clang, ours) = (
                read(&format!("{path}.elf")),
                assembled(&format!("{path}.s")),
            );
            let clang = object::File::parse(&*clang).unwrap();
            let ours = object::File::parse(&*ours).unwrap();
            assert_eq!(ours.entry(), clang.entry(), "{path}");
            let segment = ours.segments().next().unwrap();
            for section in [".text", ".data"] {
                let section = clang.section_by_name(section).unwrap();
                let same = segment.data_range(section.address(), section.size());
                assert!(
                    section.size() > 0 && same.unwrap() == section.data().ok(),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn reports_are_xml() {
    let report = play(
        "hello",
        &assembled("tests/labs/hello/wrong.s"),
        false,
        u64::MAX,
    );
    let xml = report.junit();
    assert!(
        xml.contains("<testsuites tests=\"4\" failures=\"2\" time=\"0."),
        "{xml}"
    );
    assert!(
        xml.contains("<failure message=\"$s0 holds the sum: found 0x1356 (4950)\">"),
        "{xml}"
    );
    let mut odd = report;
    odd.title = "<a> & \"b\" \u{1}".into();
    assert!(
        odd.junit()
            .contains("&lt;a&gt; &amp; &quot;b&quot; \u{fffd}")
    );
}

/// Something done to a good lab.
type Change<'a> = &'a dyn Fn(&mut serde_json::Value);

#[test]
fn broken_labs_are_refused() {
    let good: serde_json::Value = serde_json::from_str(&text("www/labs/hello/lab.json")).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut lab = good.clone();
        change(&mut lab);
        Lab::parse(&lab.to_string()).unwrap_err().to_string()
    };
    let cases: [(Change<'_>, &str); 9] = [
        (&|l| l["frob"] = 1.into(), "unknown field `frob`"),
        (
            &|l| l["machine"]["target"] = "vax".into(),
            "no target 'vax'",
        ),
        (&|l| l["machine"]["memory"] = 0.into(), "memory"),
        (&|l| l["steps"] = serde_json::json!([]), "no steps"),
        (
            &|l| l["steps"][0]["run"]["insns"] = u64::MAX.into(),
            "at most",
        ),
        (
            &|l| l["steps"][0]["run"]["until"] = serde_json::json!({"serial": ""}),
            "no text",
        ),
        (
            &|l| l["steps"][0]["checks"][0]["memory"] = 1.into(),
            "one of",
        ),
        (
            &|l| l["steps"][0]["checks"][0] = serde_json::json!({"register": "v0"}),
            "equals",
        ),
        (&|l| l["steps"][1]["checks"][0]["bytes"] = 3.into(), "bytes"),
    ];
    for (change, why) in cases {
        let said = refused(change);
        assert!(said.contains(why), "{said}");
    }
    assert!(Lab::parse("{").is_err());
}
