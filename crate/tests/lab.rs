//! The lab guest through the built program: in every tier and byte order it says what QEMU's transcript says, and counted runs
//! end in the same state whichever tier ran.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::{Scratch, repository, text, tinamou};

/// More than any session here needs.
const MAX_INSNS: &str = "100000000";

/// `tests/lab/lab.steps` as a script for `-x-input`.
fn script() -> String {
    let steps = std::fs::read_to_string(repository("tests/lab/lab.steps")).unwrap();
    let mut lines: Vec<String> = Vec::new();
    let mut typed = true;
    for step in steps.lines().filter(|s| !s.starts_with('#')) {
        match step.split_once(' ') {
            Some(("expect", what)) => {
                lines.push(what.into());
                typed = false;
            }
            Some(("send", what)) if !typed => {
                let last = lines.last_mut().unwrap();
                *last += &format!("\t{what}");
                typed = true;
            }
            _ => assert_eq!(step, "end"),
        }
    }
    lines.join("\n")
}

/// Words of QEMU's transcript that differ here: no MIPS16e (Config1.CA), and the VInt and ULRI bits of real silicon (Config3).
const DIFFERENT: [(&str, &str); 2] = [
    ("9e190c8f", "9e190c8b"),
    ("Config3 00000000", "Config3 00002020"),
];

/// Without the lines that may differ (tests/lab/README.md) and the transcript's first.
fn compared(transcript: &str) -> Vec<String> {
    let line = |l: &str| {
        DIFFERENT
            .iter()
            .fold(l.to_owned(), |l, (theirs, ours)| l.replace(theirs, ours))
    };
    transcript
        .lines()
        .filter(|l| !l.starts_with("note ") && !l.starts_with("# "))
        .map(line)
        .collect()
}

/// Plays the golden session; returns the figures of `-x-stats`.
fn session(arch: &str, accel: &str) -> serde_json::Value {
    let files = Scratch::new(&format!("lab-{arch}-{accel}"));
    let input = files.file("input", script().as_bytes());
    let kernel = repository(&format!("tests/lab/images/lab-{arch}.elf"));
    let program = format!("system-{arch}");
    let out = tinamou(&[
        &program,
        "-M",
        "malta",
        "-cpu",
        "24Kf",
        "-m",
        "256",
        "-kernel",
        &kernel,
        "-append",
        "one two",
        "-nographic",
        "-no-reboot",
        "-accel",
        accel,
        "-icount",
        "shift=1,sleep=off",
        "-x-input",
        &input,
        "-x-stats",
        "-x-state-hash",
        "-x-max-insns",
        MAX_INSNS,
    ]);
    let golden =
        std::fs::read_to_string(repository(&format!("tests/lab/golden/lab-{arch}.txt"))).unwrap();
    let (said, wanted) = (compared(&text(&out.stdout)), compared(&golden));
    for (n, (said, wanted)) in said.iter().zip(&wanted).enumerate() {
        assert_eq!(said, wanted, "{arch} {accel}, line {}", n + 1);
    }
    assert_eq!(said.len(), wanted.len(), "{arch} {accel}: lines");
    assert!(
        out.status.success(),
        "{arch} {accel}: {}",
        text(&out.stderr)
    );
    let figures = text(&out.stderr);
    let line = figures.lines().find(|l| l.starts_with('{')).unwrap();
    serde_json::from_str(line).unwrap()
}

/// Both tiers, the compiling one twice.
fn tiers_agree(arch: &str) {
    let interp = session(arch, "interp");
    for run in 0..2 {
        let jit = session(arch, "jit");
        for key in ["end", "icount", "virtual_ns", "state_hash"] {
            assert_eq!(jit[key], interp[key], "{arch}, {key}, run {run}");
        }
        assert!(
            jit["modules"].as_u64() > Some(0),
            "{arch}: nothing was compiled"
        );
    }
    assert_eq!(interp["modules"], 0);
}

#[test]
fn little_endian() {
    tiers_agree("mipsel");
}

#[test]
fn big_endian() {
    tiers_agree("mips");
}

#[test]
fn a_64_bit_cpu_runs_it() {
    let out = tinamou(&[
        "system-mips64el",
        "-cpu",
        "MIPS64R2-generic",
        "-x-exit-on",
        "lab> ",
        "-x-max-insns",
        MAX_INSNS,
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(
        text(&out.stdout).contains("Tinamou lab"),
        "{}",
        text(&out.stdout)
    );
    assert!(
        text(&out.stderr).contains("built-in lab guest"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn reset_and_limits() {
    let files = Scratch::new("limits");
    let input = files.file("input", b"lab> \thalt\nlab> \tbench 1000\nnever\t\n");
    let line = [
        "system-mipsel",
        "-accel",
        "interp",
        "-icount",
        "1,sleep=off",
        "-x-input",
        &input,
        "-x-max-insns",
        "50000000",
    ];
    // The first prompt, the reset, the second prompt, and then work without end.
    let out = tinamou(&line);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        text(&out.stderr).contains("tinamou: gave up: -x-max-insns reached"),
        "{}",
        text(&out.stderr)
    );
    assert_eq!(text(&out.stdout).matches("Tinamou lab").count(), 2);
    let out = tinamou(&[&line[..], &["-no-reboot"]].concat());
    assert_eq!(out.status.code(), Some(1));
    assert!(
        text(&out.stderr).contains("tinamou: -x-input: not seen: lab> "),
        "{}",
        text(&out.stderr)
    );
    assert_eq!(text(&out.stdout).matches("Tinamou lab").count(), 1);
    // An idle monitor sleeps; a script that waits for more cannot go on.
    let input = files.file("sleeps", b"lab> \tregs\nnever\t\n");
    let out = tinamou(&[
        "system-mips",
        "-icount",
        "1,sleep=off",
        "-x-input",
        &input,
        "-x-max-insns",
        MAX_INSNS,
    ]);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        text(&out.stderr).contains("nothing is left to wake it (not seen: never)"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn a_device_tree_lies_behind_the_kernel() {
    let files = Scratch::new("tree");
    let tree = files.file("dtb", b"\xd0\x0d\xfe\xed\0\0\0\x0cTREE");
    let input = files.file("input", b"lab> \tmd 0x80110000 12\nlab> \tpoweroff\n");
    let out = tinamou(&[
        "system-mipsel",
        "-kernel",
        &repository("tests/lab/images/lab-mipsel.elf"),
        "-dtb",
        &tree,
        "-x-input",
        &input,
        "-x-max-insns",
        MAX_INSNS,
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let said = text(&out.stdout);
    let want = "80110000  d0 0d fe ed 00 00 00 0c 54 52 45 45";
    assert!(said.contains(want), "{said}");
}

#[test]
fn keys_reach_the_guest_and_us() {
    for (keys, want) in [
        (
            &b"\x01cinfo status\r\x01cinfo\r\x01apoweroff\r"[..],
            "PRId 00019300",
        ),
        (b"\x01h\x01x", "send Ctrl-a"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
            .args([
                "system-mipsel",
                "-nographic",
                "-no-reboot",
                "-x-max-insns",
                MAX_INSNS,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(keys).unwrap();
        let out = child.wait_with_output().unwrap();
        let said = text(&out.stdout);
        assert!(out.status.success() && said.contains(want), "{said}");
        assert!(
            !keys.contains(&b'c') || said.contains("VM status: running"),
            "{said}"
        );
    }
}

#[test]
fn a_serial_port_on_a_socket_and_one_in_a_file() {
    let files = Scratch::new("socket");
    let (socket, log) = (files.path("socket"), files.path("log"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args([
            "system-mipsel",
            "-display",
            "none",
            "-serial",
            &format!("unix:{socket},server=on"),
            "-serial",
            &format!("file:{log}"),
        ])
        .args(["-x-max-insns", MAX_INSNS])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program says so when it listens.
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for connection") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut stderr, &mut line).unwrap(),
            0,
            "it never listened"
        );
    }
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"poweroff\r").unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    assert!(text(&said).contains("lab> poweroff"), "{}", text(&said));
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read(&log).unwrap(), b"");
}
