//! The PC on the command line: a program of ours in place of firmware talks to the serial port and the debug port and ends the run.

mod common;

use common::{Scratch, text, tinamou};

/// Firmware of 64 KiB that starts at its reset vector with `code` (16-bit), which lies in its last 256 bytes.
fn firmware(code: &[u8]) -> Vec<u8> {
    let mut image = vec![0xf4; 0x1_0000];
    image[0xff00..0xff00 + code.len()].copy_from_slice(code);
    // jmp FF00h
    image[0xfff0..0xfff3].copy_from_slice(&[0xe9, 0x0d, 0xff]);
    image
}

/// Writes `S` to the serial port, `D` to the debug port, and 5 to the port that ends the emulator.
const SAY: [u8; 24] = [
    0xba, 0xf8, 0x03, 0xb0, b'S', 0xee, // mov dx, 3f8h; mov al, 'S'; out dx, al
    0xba, 0x02, 0x04, 0xb0, b'D', 0xee, // mov dx, 402h; mov al, 'D'; out dx, al
    0xba, 0xf4, 0x00, 0x66, 0xb8, 0x05, 0x00, 0x00, 0x00, // mov dx, f4h; mov eax, 5
    0x66, 0xef, 0xf4, // out dx, eax; hlt
];

#[test]
fn firmware_talks_and_chooses_the_exit_status() {
    let files = Scratch::new("pc");
    files.file("own.bin", &firmware(&SAY));
    let (folder, debug) = (files.path(""), files.path("debug"));
    files.file("vgabios-stdvga.bin", &[0x55, 0xaa, 0]);
    for (program, accel) in [("system-i386", "interp"), ("system-x86_64", "jit")] {
        let _ = std::fs::remove_file(&debug);
        let out = tinamou(&[
            program,
            "-M",
            "pc",
            "-accel",
            accel,
            "-L",
            &folder,
            "-bios",
            "own.bin",
            "-nographic",
            "-device",
            "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-debugcon",
            &format!("file:{debug}"),
        ]);
        assert_eq!(out.status.code(), Some(11), "{}", text(&out.stderr));
        assert_eq!(text(&out.stdout), "S", "{program}");
        assert_eq!(std::fs::read(&debug).unwrap(), b"D", "{program}");
    }
}

#[test]
fn lists_and_mistakes() {
    for (line, part) in [
        (&["system-i386", "-M", "help"][..], "i440FX"),
        (&["system-i386", "-cpu", "help"], "x86 qemu32"),
        (&["system-x86_64", "-cpu", "help"], "x86 qemu64"),
        (&["system-i386", "-L", "help"], "/usr/share/seabios"),
    ] {
        let out = tinamou(line);
        assert!(out.status.success(), "{line:?}");
        assert!(text(&out.stdout).contains(part), "{line:?}");
    }
    let files = Scratch::new("pc-mistakes");
    let words = files.file("words", b"not a kernel\n");
    for (line, want) in [
        (&["-kernel", &words][..], "could not load kernel '"),
        (&["-bios", "no-such-firmware"], "could not load firmware '"),
        (&["-smp", "9"], "-smp 9: Invalid SMP CPUs 9. "),
    ] {
        let all: Vec<&str> = std::iter::once("system-i386")
            .chain(line.iter().copied())
            .collect();
        let out = tinamou(&all);
        assert_eq!(out.status.code(), Some(1), "{line:?}");
        let said = text(&out.stderr);
        assert!(
            said.starts_with(&format!("tinamou: {want}")),
            "{line:?}: {said}"
        );
    }
}
