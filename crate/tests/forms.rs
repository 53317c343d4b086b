//! Floating-point and vector instruction forms of x86-64 in generated code: the program that recorded `crate/guest/x86/tests/golden` runs under the
//! user mode, compiled after two runs of a form, and must say what the real CPU did. (The interpreter's turn is in `crate/guest/x86`.)
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/x86/tests/golden")
}

/// Builds the program, static.
fn program(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status = Command::new("cc")
        .args(["-O1", "-w", "-static", "-fno-stack-protector", "-o"])
        .arg(&out)
        .arg(golden().join("insn.c"))
        .status()
        .unwrap();
    assert!(status.success());
    out
}

fn check(kind: &str) {
    let text = std::fs::read_to_string(golden().join(format!("{kind}.txt"))).unwrap();
    // x87 instructions are calls into Rust in both tiers.
    let x87 = |l: &str| l.split('|').nth(3).is_some_and(|t| t.starts_with('f'));
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| !l.starts_with('#') && !x87(l))
        .collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args(["x86_64", "-cpu", "max", "-hot", "2"])
        .arg(program(&format!("insn-{kind}")))
        .args(["64", "16"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut forms = String::new();
    for line in &lines {
        let (form, _) = line.rsplit_once('|').unwrap();
        forms.push_str(form);
        forms.push('\n');
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(forms.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success());
    let said = String::from_utf8_lossy(&out.stdout);
    let said: Vec<&str> = said.lines().collect();
    let bad: Vec<String> = lines
        .iter()
        .zip(&said)
        .filter(|(want, got)| want != got)
        .map(|(want, got)| format!("{want}\n  {got}"))
        .collect();
    assert!(
        bad.is_empty(),
        "{} forms differ:\n{}",
        bad.len(),
        bad.join("\n")
    );
    assert_eq!(said.len(), lines.len());
}

#[test]
fn floating_point_as_recorded() {
    check("fp64");
}

#[test]
fn avx_as_recorded() {
    check("avx64");
}
