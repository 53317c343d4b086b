//! `tinamou lab check`: exit status, what it prints, and the JUnit file.

use std::process::{Command, Output};

fn repository(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

fn lab(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinamou"));
    let Output {
        status,
        stdout,
        stderr,
    } = command.arg("lab").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_solution_passes() {
    let folder = repository("www/labs/hello");
    let answer = repository("www/labs/hello/solution.elf");
    let (status, out, err) = lab(&["check", &folder, "--answer", &answer]);
    assert_eq!((status, &*err), (Some(0), ""));
    assert!(
        out.starts_with("A first program\nok      1. A register ("),
        "{out}"
    );
    assert!(out.ends_with("4 passed, 0 failed\n"), "{out}");
}

#[test]
fn a_wrong_answer_fails_and_says_why() {
    let folder = repository("www/labs/timer");
    let answer = repository("tests/labs/timer/wrong-spin.s");
    let junit = std::env::temp_dir().join(format!("tinamou-lab-{}.xml", std::process::id()));
    let junit_name = junit.to_str().unwrap();
    let (status, out, _) = lab(&[
        "check",
        "--junit",
        junit_name,
        &folder,
        "--answer",
        &answer,
        "--interpret",
    ]);
    assert_eq!(status, Some(1));
    assert!(out.contains("FAILED  2. Count and sleep"), "{out}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    std::fs::remove_file(&junit).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"2\""), "{xml}");
}

#[test]
fn what_is_broken_is_told_apart() {
    let (status, _, err) = lab(&["check", "/nonexistent"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("lab.json"), "{err}");
    let folder = repository("www/labs/hello");
    let source = std::env::temp_dir().join(format!("tinamou-lab-{}.s", std::process::id()));
    std::fs::write(&source, "nop\nfrob\n").unwrap();
    let (status, _, err) = lab(&["check", &folder, "--answer", source.to_str().unwrap()]);
    std::fs::remove_file(&source).unwrap();
    assert_eq!(status, Some(2));
    assert!(
        err.contains(".s:2: there is no instruction 'frob'"),
        "{err}"
    );
    for args in [
        &["check"][..],
        &["frob"],
        &["check", &folder, "--frob"],
        &["check", &folder, "--junit"],
    ] {
        assert_eq!(lab(args).0, Some(2), "{args:?}");
    }
    assert_eq!(lab(&["--help"]).0, Some(0));
}
