//! Instruction forms of x86 and random programs of them in both tiers: the program that recorded `crate/guest/x86/tests/golden` and
//! `tests/user/golden/ARCH/forms.txt` on a real CPU (`tests/user/src/forms.c`) runs under the user mode and must say the same. After two runs here all forms
//! become pieces of machine code, and many are compiled; the interpreter's turn at single forms is in `crate/guest/x86`.

mod common;

use common::{Scratch, repository};
use std::process::Command;

/// Runs the program; what it says.
fn said(arch: &str, options: &[&str], args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args([arch, "-cpu", "max"])
        .args(options)
        .arg(repository(&format!("tests/user/images/{arch}/forms")))
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{:?}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

fn same(want: &[&str], got: &str, what: &str) {
    let got: Vec<&str> = got.lines().collect();
    assert_eq!(got.len(), want.len(), "{what}");
    let bad: Vec<String> = want
        .iter()
        .zip(&got)
        .filter(|(want, got)| want != got)
        .map(|(want, got)| format!("{want}\n  {got}"))
        .collect();
    assert!(
        bad.is_empty(),
        "{what}: {} differ:\n{}",
        bad.len(),
        bad.join("\n")
    );
}

/// A file's forms by pieces, and some of them compiled, all x87 instructions among them.
fn check(arch: &str, name: &str, every: usize) {
    let text = std::fs::read_to_string(repository(&golden(name))).unwrap();
    let x87 =
        |l: &str| l.starts_with("f|") && l.split('|').nth(3).is_some_and(|t| t.starts_with('f'));
    let all: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    let some = all
        .iter()
        .enumerate()
        .filter(|(i, l)| i % every == 0 || x87(l))
        .map(|(_, &l)| l)
        .collect();
    for (lines, options) in [(all, &[][..]), (some, &["-hot", "2"])] {
        let files = Scratch::new(name);
        let list = files.file("forms", (lines.join("\n") + "\n").as_bytes());
        let what = format!("{name} {options:?}");
        same(&lines, &said(arch, options, &[&list, "16"]), &what);
    }
}

fn golden(name: &str) -> String {
    format!("crate/guest/x86/tests/golden/{name}.txt")
}

/// Random programs.
fn check_random(arch: &str) {
    let path = format!("tests/user/golden/{arch}/forms.txt");
    let text = std::fs::read_to_string(repository(&path)).unwrap();
    for part in text.split("== ").skip(1) {
        let mut lines = part.lines();
        let head = lines.next().unwrap();
        let [name, cases, programs] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{head}");
        };
        let want: Vec<&str> = lines.collect();
        let file = repository(&golden(name));
        let args = ["-r", &file, cases, programs];
        let tiers: &[&[&str]] = match cases {
            "16" => &[&["-interp"], &[]],
            // Compiling these takes long: V8 does as well (tests/web/programs.mjs).
            _ if ["avx32", "ext32", "ext64"].contains(&name) => &[&[]],
            _ => &[&["-hot", "100"], &[]],
        };
        for options in tiers {
            let what = format!("{head} {options:?}");
            same(&want, &said(arch, options, &args), &what);
        }
    }
}

#[test]
fn integers_32() {
    check("i386", "insn32", 16);
}

#[test]
fn integers_64() {
    check("x86_64", "insn64", 16);
}

#[test]
fn floating_point_32() {
    check("i386", "fp32", 16);
}

#[test]
fn floating_point_64() {
    check("x86_64", "fp64", 1);
}

#[test]
fn avx_32() {
    check("i386", "avx32", 16);
}

#[test]
fn avx_64() {
    check("x86_64", "avx64", 1);
}

#[test]
fn random_programs_32() {
    check_random("i386");
}

#[test]
fn random_programs_64() {
    check_random("x86_64");
}
