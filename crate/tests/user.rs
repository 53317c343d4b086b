//! Programs of tests/user under the user mode, in both tiers, beside what QEMU's or Linux itself printed (tests/user/golden.sh).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/user")
}

fn run(arch: &str, options: &[&str], program: &str, args: &[&str]) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tinamou"));
    c.arg(arch)
        .args(options)
        .arg(top().join("images").join(arch).join(program))
        .args(args);
    c.env_clear().env("T", "1").output().unwrap()
}

/// Runs a program and compares its output and status with what was recorded.
fn check(program: &str, args: &[&str], status: i32) {
    check_on(ALL, program, args, status);
}

const ALL: &[&str] = &[
    "mipsel",
    "mips",
    "mips64el",
    "mipsn32el",
    "mipsn32",
    "i386",
    "x86_64",
];

fn check_on(archs: &[&str], program: &str, args: &[&str], status: i32) {
    check_with(archs, &[], program, args, status);
}

fn check_with(archs: &[&str], more: &[&str], program: &str, args: &[&str], status: i32) {
    for arch in archs {
        for options in [&[][..], &["-interp", "-icount"]] {
            let options = &[options, more].concat()[..];
            let golden = std::fs::read_to_string(
                top()
                    .join("golden")
                    .join(arch)
                    .join(format!("{program}.txt")),
            )
            .unwrap();
            let out = run(arch, options, program, args);
            let said = String::from_utf8_lossy(&out.stdout);
            assert_eq!(
                said,
                golden,
                "{arch} {options:?} {program}: {}",
                String::from_utf8_lossy(&out.stderr)
            );
            assert_eq!(
                out.status.code(),
                Some(status),
                "{arch} {options:?} {program}"
            );
        }
    }
}

#[test]
fn a_program_starts_as_it_expects() {
    check("start", &["a", "b c"], 7);
}

#[test]
fn memory() {
    check("memory", &["a", "b c"], 0);
}

#[test]
fn signals() {
    check("signals", &["a", "b c"], 0);
}

#[test]
fn threads() {
    check("threads", &["a", "b c"], 0);
}

#[test]
fn sockets_and_system_v_ipc() {
    check("ipc", &["a", "b c"], 0);
}

#[test]
fn terminals_message_queues_and_pidfds() {
    check("terminals", &[], 0);
}

#[test]
fn traps_flags_and_segments_of_x86() {
    check_on(&["i386", "x86_64"], "x86", &[], 0);
}

#[test]
fn calls_of_i386_from_64_bit_code() {
    check_on(&["x86_64"], "int80", &[], 0);
}

#[test]
fn files_and_pipes() {
    let dir = std::env::temp_dir().join(format!("tinamou-user-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    check("files", &[dir.to_str().unwrap()], 0);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn events_of_files_are_told_in_linux_order() {
    let dir = std::env::temp_dir().join(format!("tinamou-inotify-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    check("inotify", &[dir.to_str().unwrap()], 0);
    std::fs::remove_dir_all(&dir).unwrap();
    // A tree in memory.
    check("inotify", &["/dev/shm"], 0);
}

#[test]
fn avx_in_signal_frames() {
    check_with(&["i386", "x86_64"], &["-cpu", "Haswell"], "avx", &[], 0);
}

#[test]
fn tracing_a_child() {
    check("ptrace", &[], 0);
}

#[test]
fn debug_registers_of_a_traced_child() {
    check_on(&["i386", "x86_64"], "debug", &[], 0);
}

#[test]
fn proc_tells_of_ipc_signals_and_limits() {
    check_on(&["i386", "x86_64"], "proc", &[], 0);
}

#[test]
fn counted_runs_are_the_same_every_time() {
    let insns = || {
        let out = run("mipsel", &["-icount", "-x-stats"], "threads", &[]);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        text.split_once("\"insns\":")
            .and_then(|(_, t)| t.split_once(','))
            .map(|(n, _)| n.to_owned())
            .expect("figures")
    };
    assert_eq!(insns(), insns());
}

#[test]
fn a_root_is_not_left() {
    let dir = std::env::temp_dir().join(format!("tinamou-jail-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("sub")).unwrap();
    let image = top().join("images/mipsel/files");
    std::fs::copy(&image, dir.join("files")).unwrap();
    // The program changes to `out`, which leads outside: to the root's own /sub.
    std::os::unix::fs::symlink("../../../../../../../../sub", dir.join("out")).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args(["mipsel", "-root"])
        .arg(&dir)
        .args(["/files", "/out"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&out.stdout).starts_with("chdir 0\nmkdir 0\n"),
        "{out:?}"
    );
    let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args(["mipsel", "-root"])
        .arg(&dir)
        .args(["/files", "/etc"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&out.stdout).starts_with("chdir -2\n"),
        "{out:?}"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn random_system_calls_harm_nobody() {
    let dir = std::env::temp_dir().join(format!("tinamou-fuzz-{}", std::process::id()));
    for arch in ["i386", "x86_64", "mipsel", "mips64el"] {
        for seed in ["1", "2"] {
            let root = dir.join("root");
            std::fs::create_dir_all(root.join("sub")).unwrap();
            std::fs::create_dir_all(dir.join("outside")).unwrap();
            std::fs::copy(
                top().join("images").join(arch).join("fuzz"),
                root.join("fuzz"),
            )
            .unwrap();
            let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
                .args([arch, "-interp", "-icount", "-root"])
                .arg(&root)
                .args(["/fuzz", seed])
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(!said.contains("panicked"), "{arch} {seed}: {said}");
            assert_eq!(out.status.code(), Some(0), "{arch} {seed}: {said}");
            // Nothing came to be outside the root.
            let names = |d: &Path| std::fs::read_dir(d).unwrap().count();
            assert_eq!((names(&dir), names(&dir.join("outside"))), (2, 0));
            open_up(&dir);
            std::fs::remove_dir_all(&dir).unwrap();
        }
    }
}

/// Writes a file that may be executed.
fn write_program(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, bytes).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Gives the owner back the rights to everything below a folder.
fn open_up(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            open_up(&entry.path());
        }
    }
}

#[test]
fn random_headers_are_refused_or_run() {
    let dir = std::env::temp_dir().join(format!("tinamou-headers-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("broken");
    let mut x = 0x2545_f491_4f6c_dd1du64;
    let mut random = |n: u64| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 32) % n
    };
    for arch in ["x86_64", "i386", "mips"] {
        let good = std::fs::read(top().join("images").join(arch).join("start")).unwrap();
        for _ in 0..60 {
            let mut bad = good.clone();
            for _ in 0..1 + random(4) {
                let at = (16 + random(280)) as usize & !3;
                let value = [
                    0,
                    1,
                    0xffff_ffff,
                    0x7fff_ffff,
                    0x8000_0000,
                    0x1000,
                    random(1 << 32),
                ][random(7) as usize] as u32;
                bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            bad.truncate(64 + random(good.len() as u64) as usize);
            write_program(&file, &bad);
            let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
                .args([arch, "-interp", "-x-max-insns", "1000"])
                .arg(&file)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(!said.contains("panicked"), "{arch} {bad:x?}: {said}");
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn broken_programs_are_refused() {
    let dir = std::env::temp_dir().join(format!("tinamou-elf-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let good = std::fs::read(top().join("images/mipsel/start")).unwrap();
    let file = dir.join("broken");
    // Every byte of the headers set to extremes: an error or a signal, never a panic (status 101).
    for at in (4..148).step_by(3) {
        for value in [0x00, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            write_program(&file, &bad);
            let out = Command::new(env!("CARGO_BIN_EXE_tinamou"))
                .args(["mipsel", "-interp", "-x-max-insns", "1000"])
                .arg(&file)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(!said.contains("panicked"), "byte {at} = {value:#x}: {said}");
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// An x86-64 program that takes the monotonic and its process's CPU clock, counts down from 10^8, takes both again, and ends with 1 if more CPU time
/// has passed than time: `get` is clock_gettime(EDI) in nanoseconds.
#[rustfmt::skip]
const CLOCKS: &[u8] = &[
    0x48, 0x8d, 0x9c, 0x24, 0x00, 0xff, 0xff, 0xff, 0xbf, 0x01, 0x00, 0x00, 0x00, 0x48, 0x89, 0xde,
    0xe8, 0x45, 0x00, 0x00, 0x00, 0x49, 0x89, 0xc4, 0xbf, 0x02, 0x00, 0x00, 0x00, 0xe8, 0x38, 0x00,
    0x00, 0x00, 0x49, 0x89, 0xc5, 0xb9, 0x00, 0xe1, 0xf5, 0x05, 0xff, 0xc9, 0x75, 0xfc, 0xbf, 0x02,
    0x00, 0x00, 0x00, 0xe8, 0x22, 0x00, 0x00, 0x00, 0x49, 0x29, 0xc5, 0xbf, 0x01, 0x00, 0x00, 0x00,
    0xe8, 0x15, 0x00, 0x00, 0x00, 0x4c, 0x29, 0xe0, 0x4c, 0x01, 0xe8, 0x40, 0x0f, 0x98, 0xc7, 0x40,
    0x0f, 0xb6, 0xff, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xb8, 0xe4, 0x00, 0x00, 0x00, 0x48,
    0x89, 0xde, 0x0f, 0x05, 0x48, 0x69, 0x03, 0x00, 0xca, 0x9a, 0x3b, 0x48, 0x03, 0x43, 0x08, 0xc3,
];

#[test]
fn cpu_time_is_not_more_than_time() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    let at = 0x40_0000u64 + 120;
    // A header and one segment of code, which is all of the file.
    for (value, bytes) in [
        (2u64, 2),
        (62, 2),
        (1, 4),
        (at, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (1, 2),
        (0, 6),
    ] {
        elf.extend(&value.to_le_bytes()[..bytes]);
    }
    let size = 120 + CLOCKS.len() as u64;
    for (value, bytes) in [
        (1u64, 4),
        (5, 4),
        (0, 8),
        (0x40_0000, 8),
        (0x40_0000, 8),
        (size, 8),
        (size, 8),
        (4096, 8),
    ] {
        elf.extend(&value.to_le_bytes()[..bytes]);
    }
    elf.extend(CLOCKS);
    let file = std::env::temp_dir().join(format!("tinamou-clocks-{}", std::process::id()));
    write_program(&file, &elf);
    for options in [&[][..], &["-icount"]] {
        let run = Command::new(env!("CARGO_BIN_EXE_tinamou"))
            .arg("x86_64")
            .args(options)
            .arg(&file)
            .status();
        assert_eq!(run.unwrap().code(), Some(0), "{options:?}");
    }
    std::fs::remove_file(&file).unwrap();
}
