//! The built program: what it prints, what it refuses, and its exit status.

mod common;

use common::{Scratch, repository, text, tinamou};

#[test]
fn help_and_lists_go_to_stdout() {
    for (line, part) in [
        (&["-h"][..], "system-mipsel"),
        (&["-version"], env!("CARGO_PKG_VERSION")),
        (&["system-mipsel", "-h"], "-kernel FILE"),
        (&["system-mips64", "-M", "help"], "malta"),
        (&["system-mipsel", "-cpu", "help"], "24Kf"),
        (&["system-mips64el", "-cpu", "help"], "5Kc"),
        (&["system-mipsel", "-d", "help"], "guest_errors"),
        (
            &["system-i386", "-device", "help"],
            "Network devices:\nname \"e1000\", bus PCI, desc \"Intel Gigabit Ethernet\"\n",
        ),
        (
            &["system-mipsel", "-device", "rtl8139,help"],
            "rtl8139 options:\n  acpi-index=<uint32>\n  addr=<int32>           - Slot",
        ),
    ] {
        let out = tinamou(line);
        assert!(out.status.success(), "{line:?}");
        assert!(
            text(&out.stdout).contains(part),
            "{line:?}: {}",
            text(&out.stdout)
        );
        assert_eq!(text(&out.stderr), "", "{line:?}");
    }
}

#[test]
fn mistakes_are_one_line_and_status_1() {
    let files = Scratch::new("mistakes");
    let none = files.path("nothing-here");
    let words = files.file("words", b"not a kernel\n");
    let big = files.file("big", &vec![0; (4 << 20) + 1]);
    let lab = repository("tests/lab/images/lab-mipsel.elf");
    let folder = files.path("");
    for (line, want) in [
        (vec![], "which program?"),
        (vec!["system-vax"], "no program 'system-vax'"),
        (vec!["system-mipsel", "-frob"], "-frob: invalid option"),
        (vec!["system-mipsel", "-m", "lots"], "-m lots: "),
        (
            vec!["system-mipsel", "-kernel", &none],
            "could not load kernel '",
        ),
        (
            vec!["system-mipsel", "-kernel", &folder],
            "could not load kernel '",
        ),
        (
            vec!["system-mipsel", "-kernel", &words],
            "could not load kernel '",
        ),
        (
            vec!["system-mipsel", "-kernel", &words, "-initrd", &none],
            "could not load initrd '",
        ),
        (
            vec!["system-mipsel", "-kernel", &words, "-dtb", &none],
            "could not load device tree '",
        ),
        (
            vec!["system-mipsel", "-kernel", &lab, "-dtb", &words],
            "could not load device tree '",
        ),
        (
            vec!["system-mipsel", "-bios", &none],
            "could not load firmware '",
        ),
        (
            vec!["system-mipsel", "-bios", &big],
            "could not load firmware '",
        ),
        (vec!["system-mipsel", "-hda", &none], "Could not open '"),
        (vec!["system-mipsel", "-cdrom", &none], "Could not open '"),
        (vec!["system-mipsel", "-hdc", &words], "index 2: "),
        (
            vec!["system-mipsel", "-x-input", &none],
            "could not load script '",
        ),
        (
            vec!["system-mipsel", "-D", "/nothing/here"],
            "could not open log file '",
        ),
    ] {
        let out = tinamou(&line);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{line:?}: {said}");
        assert!(
            said.starts_with(&format!("tinamou: {want}")),
            "{line:?}: {said}"
        );
        assert_eq!(said.matches('\n').count(), 1, "{line:?}: {said}");
        assert!(!said.contains("os error"), "{line:?}: {said}");
        assert_eq!(text(&out.stdout), "", "{line:?}");
    }
}

#[test]
fn qcow2_is_told_from_raw() {
    let files = Scratch::new("format");
    let raw = files.file("raw", &[0; 1024]);
    let out = tinamou(&[
        "system-mipsel",
        "-drive",
        &format!("file={raw},format=qcow2"),
    ]);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        text(&out.stderr).contains("not in qcow2 format"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn answers_to_the_name_it_is_linked_under() {
    let files = Scratch::new("names");
    for (name, part) in [
        ("tinamou-system-mipsel", "'4KEc'"),
        ("qemu-system-mips64", "'5Kf'"),
    ] {
        let link = files.path(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tinamou"), &link).unwrap();
        let out = std::process::Command::new(&link)
            .args(["-cpu", "help"])
            .output()
            .unwrap();
        assert!(
            out.status.success() && text(&out.stdout).contains(part),
            "{name}: {}",
            text(&out.stdout)
        );
    }
}
