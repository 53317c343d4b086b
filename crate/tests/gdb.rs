//! gdb-multiarch's sessions with the lab guest (`tests/gdb`) in both byte orders and both tiers: what gdb says with QEMU's stub, and
//! running backwards.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use common::{Scratch, repository, text};

/// The machine, its vCPU not started, listening on a socket.
fn machine(arch: &str, accel: &str, socket: &str, more: &[&str]) -> Child {
    let (board, kernel): (&[&str], _) = if let Some(order) = arch.strip_prefix("mips") {
        let (cpu, order) = match order.strip_prefix("64") {
            Some(order) => ("5Kf", order),
            None => ("24Kf", order),
        };
        (
            &["-M", "malta", "-cpu", cpu, "-m", "256"],
            format!("lab/images/lab-mips{order}"),
        )
    } else {
        (
            &["-M", "pc", "-m", "64", "-vga", "none"],
            format!("gdb/images/pc-{arch}"),
        )
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .arg(format!("system-{arch}"))
        .args(board)
        .args(["-display", "none", "-serial", "null", "-kernel"])
        .arg(repository(&format!("tests/{kernel}.elf")))
        .args(["-no-reboot", "-accel", accel, "-icount", "1,sleep=off"])
        .args(["-gdb", &format!("unix:{socket}"), "-S"])
        .args(more)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while UnixStream::connect(socket).is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it never listened");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child
}

/// Ends a machine that runs, or a program that may have ended.
fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A program of the user mode that waits at a socket.
fn program(arch: &str, accel: &str, socket: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinamou"));
    command.args([arch, "-g", socket]);
    if accel == "interp" {
        command.arg("-interp");
    } else {
        command.args(["-hot", "1"]);
    }
    let mut child = command
        .arg(repository(&format!("tests/gdb/images/user-{arch}.elf")))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It takes one client alone.
    while !std::path::Path::new(socket).exists() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it never listened");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child
}

/// Plays a script and compares with the transcript of that name.
fn play(arch: &str, accel: &str, symbols: &str, script: &str, transcript: &str) {
    let files = Scratch::new(&format!("gdb-{transcript}-{accel}"));
    let socket = files.path("socket");
    let child = if symbols.starts_with("user-") {
        program(arch, accel, &socket)
    } else {
        machine(arch, accel, &socket, &[])
    };
    let out = Command::new(repository("tests/gdb/play.sh"))
        .args([symbols, &socket, script])
        .output()
        .unwrap();
    end(child);
    let golden = repository(&format!("tests/gdb/golden/{transcript}.txt"));
    let golden = std::fs::read_to_string(golden).unwrap();
    let said = text(&out.stdout);
    // The first line is the command that recorded it.
    let wanted: Vec<&str> = golden.lines().skip(1).collect();
    for (n, (said, wanted)) in said.lines().zip(&wanted).enumerate() {
        assert_eq!(said, *wanted, "{transcript} {accel}, line {}", n + 2);
    }
    assert_eq!(
        said.lines().count(),
        wanted.len(),
        "{transcript} {accel}: {said}"
    );
}

fn session(arch: &str, accel: &str) {
    let symbols = format!("lab-{arch}");
    play(arch, accel, &symbols, "tests/gdb/session.gdb", arch);
    let backwards = format!("reverse-{arch}");
    play(arch, accel, &symbols, "tests/gdb/reverse.gdb", &backwards);
}

#[test]
fn the_pc() {
    for arch in ["i386", "x86_64"] {
        let name = format!("pc-{arch}");
        for accel in ["jit", "interp"] {
            play(arch, accel, &name, "tests/gdb/session-pc.gdb", &name);
        }
    }
}

#[test]
fn programs_of_the_user_mode() {
    for arch in ["mipsel", "mips", "i386", "x86_64"] {
        let name = format!("user-{arch}");
        for accel in ["jit", "interp"] {
            play(arch, accel, &name, "tests/gdb/session-user.gdb", &name);
            let watch = format!("watch-{arch}");
            play(arch, accel, &name, "tests/gdb/session-watch.gdb", &watch);
        }
    }
}

#[test]
fn little_endian() {
    session("mipsel", "jit");
    session("mipsel", "interp");
}

#[test]
fn big_endian() {
    session("mips", "jit");
    session("mips", "interp");
}

#[test]
fn registers_of_64_bits() {
    for arch in ["mips64el", "mips64"] {
        for accel in ["jit", "interp"] {
            play(arch, accel, arch, "tests/gdb/session64.gdb", arch);
        }
    }
}

fn packet(body: &str) -> String {
    let sum = body.bytes().fold(0u8, u8::wrapping_add);
    format!("${body}#{sum:02x}")
}

/// Says `body`, gives the answer's body.
fn ask(stream: &mut UnixStream, body: &str) -> String {
    stream.write_all(packet(body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.contains(&b'#') {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    stream.read_exact(&mut [0; 2]).unwrap();
    // After the last answer nobody may be there.
    let _ = stream.write_all(b"+");
    let answer = text(&answer);
    let start = answer.find('$').unwrap();
    answer[start + 1..answer.len() - 1].to_owned()
}

/// The state hash at the end of a run with these breakpoints.
fn hash(points: &[&str]) -> String {
    let files = Scratch::new(&format!("gdb-hash-{}", points.len()));
    let socket = files.path("socket");
    let input = files.file("input", b"lab> \tselftest\nlab> \tbench\nlab> \tpoweroff\n");
    let more = ["-x-state-hash", "-x-input", &input];
    let mut child = machine("mips", "jit", &socket, &more);
    let mut stream = UnixStream::connect(&socket).unwrap();
    for point in points {
        assert_eq!(ask(&mut stream, point), "OK");
    }
    assert_eq!(ask(&mut stream, "c"), "W00");
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    while !line.contains("state_hash") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0);
    }
    child.wait().unwrap();
    let figures: serde_json::Value = serde_json::from_str(&line).unwrap();
    format!("{} {}", figures["icount"], figures["state_hash"])
}

#[test]
fn breakpoints_that_are_never_hit_do_not_show() {
    // Between functions, in the middle of the pages that run most; beside the variables.
    let points = [
        "Z0,80104dcb,4",
        "Z1,80300000,4",
        "Z1,80100d01,4",
        "Z2,80108f00,4",
    ];
    assert_eq!(hash(&points), hash(&[]));
}

#[test]
fn a_client_that_goes_is_followed_by_the_next_and_kill_ends_it() {
    let files = Scratch::new("gdb-kill");
    let socket = files.path("socket");
    let mut child = machine("mipsel", "jit", &socket, &[]);
    let mut first = UnixStream::connect(&socket).unwrap();
    assert_eq!(ask(&mut first, "?"), "T05thread:01;");
    assert_eq!(ask(&mut first, "QStartNoAckMode"), "OK");
    assert_eq!(ask(&mut first, "Z0,80100000,4"), "OK");
    drop(first);
    let mut second = UnixStream::connect(&socket).unwrap();
    assert_eq!(ask(&mut second, "z0,80100000,4"), "E22");
    assert_eq!(ask(&mut second, "vKill;1"), "OK");
    assert!(child.wait().unwrap().success());
}
