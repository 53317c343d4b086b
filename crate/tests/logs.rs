//! `-d` through the built program: each item says what it should, in `-D`'s file, and changes nothing of the run.

mod common;

use common::{Scratch, text, tinamou};

/// Runs the lab guest's tests and work loops with `items`; returns the log and the state hash.
fn logged(items: &str, accel: &str) -> (String, String) {
    let files = Scratch::new(&format!("log-{accel}-{}", items.replace(',', "-")));
    let steps = b"lab> \tselftest\nSELFTEST PASS\t\nlab> \tbench\nlab> \tpoweroff\n";
    let (input, log) = (files.file("input", steps), files.path("log"));
    let out = tinamou(&[
        "system-mipsel",
        "-accel",
        accel,
        "-icount",
        "1,sleep=off",
        "-x-input",
        &input,
        "-x-state-hash",
        "-x-max-insns",
        "100000000",
        "-D",
        &log,
        "-d",
        items,
    ]);
    let said = text(&out.stderr);
    assert!(out.status.success(), "{items}: {said}");
    let figures = said.lines().find(|l| l.starts_with('{')).unwrap();
    let figures: serde_json::Value = serde_json::from_str(figures).unwrap();
    let hash = figures["state_hash"].as_str().unwrap().to_owned();
    (std::fs::read_to_string(log).unwrap(), hash)
}

#[test]
fn each_item_alone() {
    let (empty, hash) = logged("guest_errors", "jit");
    assert!(!empty.contains("IN:"));
    for (items, accel, parts) in [
        (
            "in_asm",
            "interp",
            &["----------------\nIN:\n0xbfc00000:  b", "mfc0    t0, $12\n"][..],
        ),
        (
            "op",
            "interp",
            &["OP:\nblock 0xbfc00000 mode ", "  insn 0xbfc00584\n"],
        ),
        (
            "op_opt",
            "jit",
            &["OP after optimization:\nregion ", " = add v", "\n}\n}\n"],
        ),
        ("out_asm", "jit", &["OUT: [size=", "\n(module\n", "i32.add"]),
        (
            "int",
            "jit",
            &[
                "int: Ov at 0x801",
                ", address 0x00000000, vector 0x80000180\n",
                "int: TLBL refill at ",
                "int: CpU 1 at ",
                "int: interrupt at ",
            ],
        ),
    ] {
        let (log, same) = logged(items, accel);
        for part in parts {
            assert!(log.contains(part), "-d {items}: no {part}");
        }
        assert_eq!(same, hash, "-d {items}");
    }
    assert_eq!(logged("op_opt,out_asm", "interp").0, "");
}

#[test]
fn exceptions_are_the_same_in_both_tiers() {
    assert_eq!(logged("int", "interp"), logged("int", "jit"));
}

#[test]
fn every_block_and_its_registers() {
    let files = Scratch::new("log-exec");
    let log = files.path("log");
    let run = |items: &str| {
        let out = tinamou(&[
            "system-mipsel",
            "-icount",
            "1,sleep=off",
            "-x-max-insns",
            "2000",
            "-d",
            items,
            "-D",
            &log,
        ]);
        assert_eq!(out.status.code(), Some(1));
        std::fs::read_to_string(&log).unwrap()
    };
    let blocks = run("exec");
    assert!(blocks.starts_with("Trace 0: [0xbfc00000/"), "{blocks}");
    assert!(blocks.lines().count() > 100, "{blocks}");
    assert!(blocks.lines().all(|l| l.starts_with("Trace 0: [")));
    let registers = run("cpu");
    assert_eq!(
        registers.matches("\nGPR00: ").count(),
        blocks.lines().count()
    );
    assert!(registers.starts_with("pc=0xbfc00000 "), "{registers}");
}
