//! The teaching kernel (`tests/teach`) on the command line, with a disk and a module, by both ways to start it and in both tiers.

mod common;

use common::{Scratch, repository, text, tinamou};

#[test]
fn says_what_qemu_says() {
    let files = Scratch::new("teach");
    let disk: Vec<u8> = (0..64 * 512u32).map(|i| (7 * i + i / 512) as u8).collect();
    let disk = format!("file={},format=raw", files.file("disk.img", &disk));
    let module = files.file("module", b"MODULE of the teaching kernel\n");
    for kind in ["teach", "teach-pvh"] {
        let golden = repository(&format!("tests/teach/golden/{kind}.txt"));
        let golden = std::fs::read_to_string(golden).unwrap();
        // The first line is QEMU's command.
        let (_, want) = golden.split_once('\n').unwrap();
        let kernel = repository(&format!("tests/teach/images/{kind}.elf"));
        for accel in ["interp", "jit"] {
            #[rustfmt::skip]
            let out = tinamou(&[
                "system-i386", "-M", "pc", "-m", "32", "-accel", accel, "-nographic", "-net", "none", "-no-reboot",
                "-icount", "shift=1,sleep=off", "-snapshot", "-drive", &disk,
                "-kernel", &kernel, "-initrd", &module, "-append", "one two",
            ]);
            assert!(out.status.success(), "{}", text(&out.stderr));
            assert_eq!(text(&out.stdout), want, "{kind}, {accel}");
        }
    }
}
