//! Tables of command lines and what they come to.

use tinamou_machine::Accel;

use super::chardev::Chardev;
use super::drive::{Drive, Format, Media};
use super::log::Item;
use super::monitor::Mode;
use super::{Icount, Options, Parsed, parse};

fn words(line: &[&str]) -> Vec<String> {
    ["tinamou", "system-mipsel"]
        .iter()
        .chain(line)
        .map(|s| s.to_string())
        .collect()
}

fn run(line: &[&str]) -> (Options, Vec<String>) {
    match parse(&words(line)) {
        Ok(Parsed::Run(options, warnings)) => (*options, warnings),
        other => panic!("{line:?}: {other:?}"),
    }
}

fn options(line: &[&str]) -> Options {
    run(line).0
}

#[test]
fn a_whole_line() {
    let o = options(&[
        "-M",
        "malta",
        "-cpu",
        "24Kf",
        "-m",
        "256",
        "-kernel",
        "vmlinux",
        "-initrd",
        "initrd.gz",
        "-append",
        "a b",
        "-nographic",
        "-no-reboot",
    ]);
    assert_eq!(o.target.name, "mipsel");
    assert_eq!(
        (o.machine.as_str(), o.cpu.as_str(), o.ram_bytes),
        ("malta", "24Kf", Some(256 << 20))
    );
    assert_eq!(
        (
            o.kernel.as_deref(),
            o.initrd.as_deref(),
            o.append.as_deref()
        ),
        (Some("vmlinux"), Some("initrd.gz"), Some("a b"))
    );
    assert!(o.no_reboot && o.nographic && !o.no_shutdown);
    assert_eq!(o.serial_ports(), [Chardev::Stdio { mux: true }]);
}

#[test]
fn machines_and_accelerators() {
    assert_eq!(options(&[]).accel, Accel::Jit);
    for line in [
        &["-accel", "interp"][..],
        &["--accel", "interp"],
        &["-M", "malta,accel=interp"],
        &["-machine", "type=malta,accel=interp"],
    ] {
        assert_eq!(options(line).accel, Accel::Interp, "{line:?}");
    }
    assert_eq!(options(&["-accel", "tcg,thread=single"]).accel, Accel::Jit);
}

#[test]
fn memory() {
    for (text, want) in [
        ("256", 256),
        ("256M", 256),
        ("1G", 1024),
        ("size=64", 64),
        ("size=2G", 2048),
    ] {
        assert_eq!(options(&["-m", text]).ram_bytes, Some(want << 20), "{text}");
    }
    assert_eq!(options(&["-m", "0"]).ram_bytes, None);
}

#[test]
fn serial_ports() {
    let mux = Chardev::Stdio { mux: true };
    let plain = Chardev::Stdio { mux: false };
    for (line, want) in [
        (&[][..], vec![mux.clone()]),
        (&["-nographic", "-monitor", "none"], vec![plain.clone()]),
        (&["-display", "none"], vec![]),
        (&["-display", "none", "-serial", "stdio"], vec![plain]),
        (&["-display", "none", "-nographic"], vec![mux.clone()]),
        (&["-nodefaults"], vec![]),
        (&["-display", "curses"], vec![Chardev::Vc]),
        (&["-display", "curses", "-nodefaults"], vec![]),
        (
            &["-serial", "null", "-serial", "mon:stdio"],
            vec![Chardev::Null, mux],
        ),
    ] {
        assert_eq!(options(line).serial_ports(), want, "{line:?}");
    }
}

#[test]
fn counted_time() {
    for (text, shift, sleep) in [
        ("5", 5, true),
        ("shift=0,sleep=off", 0, false),
        ("10,align=off", 10, true),
    ] {
        assert_eq!(
            options(&["-icount", text]).icount,
            Some(Icount { shift, sleep }),
            "{text}"
        );
    }
}

#[test]
fn drives() {
    let o = options(&[
        "-hda",
        "a",
        "-cdrom",
        "b",
        "-drive",
        "file=c,format=qcow2,index=3",
        "d",
        "-snapshot",
    ]);
    let want = [
        Drive::at(0, Media::Disk, "a"),
        Drive::at(2, Media::Cdrom, "b"),
        Drive {
            format: Some(Format::Qcow2),
            ..Drive::at(3, Media::Disk, "c")
        },
        Drive::at(0, Media::Disk, "d"),
    ];
    assert_eq!(o.drives, want);
    assert!(o.snapshot);
}

#[test]
fn logs() {
    let o = options(&["-d", "guest_errors,int", "-D", "log"]);
    assert!(o.log.has(Item::GuestErrors) && o.log.has(Item::Int) && !o.log.has(Item::Exec));
    assert_eq!(o.log_file.as_deref(), Some("log"));
}

#[test]
fn printed() {
    for (line, part) in [
        (&["-h"][..], "-kernel FILE"),
        (&["--help"], "usage: tinamou system-mipsel"),
        (&["-version"], env!("CARGO_PKG_VERSION")),
        (&["-M", "help"], "malta"),
        (&["-cpu", "help"], "24Kf"),
        (&["-accel", "help"], "interp"),
        (&["-d", "help"], "in_asm"),
        // What follows is not looked at.
        (&["-h", "-frob"], "usage"),
    ] {
        match parse(&words(line)) {
            Ok(Parsed::Print(text)) => assert!(
                text.contains(part) && text.ends_with('\n'),
                "{line:?}: {text}"
            ),
            other => panic!("{line:?}: {other:?}"),
        }
    }
    let Ok(Parsed::Print(help)) = parse(&words(&["-h"])) else {
        panic!("no help")
    };
    assert!(!help.contains("-x-") && !help.contains("-numa"));
}

#[test]
fn monitors() {
    let qmp = |pretty| Mode::Control { pretty };
    for (line, want) in [
        (&["-monitor", "none"][..], vec![]),
        (
            &["-monitor", "stdio", "-qmp", "pty", "-qmp-pretty", "pty"],
            vec![
                (Chardev::Stdio { mux: false }, Mode::Readline),
                (Chardev::Pty, qmp(false)),
                (Chardev::Pty, qmp(true)),
            ],
        ),
        (
            &["-chardev", "null,id=a", "-mon", "a,mode=control"],
            vec![(Chardev::Named("a".into()), qmp(false))],
        ),
    ] {
        let o = options(line);
        let got: Vec<_> = o.monitors.iter().map(|m| (m.dev.clone(), m.mode)).collect();
        assert_eq!(got, want, "{line:?}");
        assert!(o.monitor_given);
    }
    let o = options(&["-S", "--preconfig", "-name", "guest=x,debug-threads=on"]);
    assert!(o.paused && o.preconfig);
    assert_eq!(o.name.as_deref(), Some("x"));
    // This terminal goes to whoever asks for it.
    assert_eq!(options(&["-qmp", "stdio"]).serial_ports(), []);
    let o = options(&["-action", "reboot=shutdown,shutdown=pause"]);
    assert!(o.no_reboot && o.no_shutdown);
}

#[test]
fn warnings() {
    assert!(
        run(&["-monitor", "none", "-d", "guest_errors"])
            .1
            .is_empty()
    );
}

#[test]
fn mistakes() {
    for (line, message) in [
        (&["-foo"][..], "-foo: invalid option"),
        (&["-"], "?"),
        (
            &["-kernel", "k", "-dtb", "x", "-append", "y"],
            "-dtb excludes",
        ),
        (&["-m"], "-m: requires an argument"),
        (&["-m", "abc"], "-m abc: 'abc' is not a size"),
        (&["-m", "3G"], "-m 3G: memory: at most 2048 MiB"),
        (&["-m", "slots=2"], "-m slots=2: slots is not supported"),
        (&["-M", "foo"], "-M foo: unsupported machine type"),
        (
            &["-M", "malta,frob=1"],
            "-M malta,frob=1: unknown parameter 'frob'",
        ),
        (&["-cpu", "foo"], "-cpu foo: unable to find CPU model 'foo'"),
        (&["-cpu", "5Kc"], "-cpu 5Kc: unable to find CPU model"),
        (
            &["-cpu", "4Kc,veic=on"],
            "-cpu 4Kc,veic=on: unable to find CPU model",
        ),
        (&["-accel", "kvm"], "-accel kvm: invalid accelerator"),
        (
            &["-smp", "2"],
            "-smp 2: Invalid SMP CPUs 2. The max CPUs supported by machine 'malta' is 1",
        ),
        (&["-smp", "cpus=x"], "-smp cpus=x: 'x' is not a number"),
        (
            &["-smp", "3,sockets=2,dies=1,clusters=1,cores=2,threads=1"],
            "-smp 3,sockets=2,dies=1,clusters=1,cores=2,threads=1: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (2) * dies (1) * clusters (1) * cores (2) * threads (1) != maxcpus (3)",
        ),
        (
            &["-smp", "2,maxcpus=1"],
            "-smp 2,maxcpus=1: Invalid CPU topology: maxcpus must be equal to or greater than smp",
        ),
        (&["-serial", "bogus"], "-serial bogus: 'bogus' is not"),
        (
            &["-serial", "stdio", "-serial", "mon:stdio"],
            "cannot use stdio by multiple",
        ),
        (
            &[
                "-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null",
            ],
            "-serial null: the board has 3",
        ),
        (&["-icount", "11"], "-icount 11: '11' is not a shift"),
        (&["-icount", "auto"], "-icount auto: shift=auto"),
        (
            &["-icount", "sleep=off"],
            "-icount sleep=off: needs shift=N",
        ),
        (&["-d", "frob"], "-d frob: unknown log item"),
        (&["-display", "gtk"], "-display gtk: only 'none'"),
        (
            &["-display", "curses,charset=UTF-8"],
            "-display curses,charset=UTF-8: 'charset=UTF-8' is not",
        ),
        (
            &["-display", "curses", "-serial", "stdio"],
            "-display curses has this",
        ),
        (&["-nographic", "-display", "curses"], "-display curses has"),
        (&["-serial", "vc"], "'vc' needs -display curses"),
        (
            &["-nic", "user,model=foo"],
            "-nic user,model=foo: Unsupported NIC model: foo",
        ),
        (
            &["-nic", "user,mac=zz"],
            "-nic user,mac=zz: invalid syntax for ethernet address",
        ),
        (
            &["-net", "nic,vlan=3"],
            "-net nic,vlan=3: Invalid parameter 'vlan'",
        ),
        (
            &["-netdev", "user"],
            "-netdev user: Parameter 'id' is missing",
        ),
        (
            &["-netdev", "user,id=a,restrict=maybe"],
            "-netdev user,id=a,restrict=maybe: Parameter 'restrict' expects 'on' or 'off'",
        ),
        (&["-rtc", "base=xx"], "-rtc base=xx: base= expects"),
        (
            &["-monitor", "telnet::1"],
            "-monitor telnet::1: 'telnet::1' is not",
        ),
        (
            &["-monitor", "stdio", "-nographic"],
            "cannot use stdio by multiple",
        ),
        (&["-qmp", "stdio", "-serial", "stdio"], "cannot use stdio"),
        (&["-mon", "a"], "chardev \"a\" not found"),
        (
            &["-chardev", "null,id=a", "-mon", "a", "-serial", "chardev:a"],
            "Device 'a' is in use",
        ),
        (&["-uuid", "1-2"], "-uuid 1-2: failed to parse UUID"),
        (
            &["-action", "reboot=never"],
            "-action reboot=never: 'reboot' does not accept value 'never'",
        ),
        (
            &["-gdb", "null"],
            "-gdb null: 'null' cannot carry gdb's protocol",
        ),
        (&["-initrd", "x"], "-initrd only allowed with -kernel"),
        (&["-append", "x"], "-append only allowed with -kernel"),
        (
            &["-drive", "foo=1"],
            "-drive foo=1: unknown parameter 'foo'",
        ),
        (
            &["-x-max-insns", "x"],
            "-x-max-insns x: 'x' is not a number",
        ),
    ] {
        match parse(&words(line)) {
            Err(e) => {
                assert!(e.starts_with(message), "{line:?}: {e}");
                assert!(!e.contains('\n'), "{line:?}: {e}");
            }
            // A lone dash is a file's name.
            Ok(Parsed::Run(o, _)) if message == "?" => assert_eq!(o.drives.len(), 1),
            other => panic!("{line:?}: {other:?}"),
        }
    }
}

#[test]
fn the_pc_has_options_of_its_own() {
    let pc = |line: &[&str]| {
        let words: Vec<String> = ["tinamou", "system-i386"]
            .iter()
            .chain(line)
            .map(|s| s.to_string())
            .collect();
        parse(&words)
    };
    let line = [
        "-boot",
        "d",
        "-fda",
        "a.img",
        "-L",
        "x",
        "-debugcon",
        "null",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=0x04",
        "-drive",
        "file=b,if=virtio",
        "-vga",
        "std",
    ];
    let Ok(Parsed::Run(o, _)) = pc(&line) else {
        panic!("{:?}", pc(&line));
    };
    assert_eq!((o.target.name, o.machine.as_str()), ("i386", "pc"));
    assert_eq!(o.boot.as_ref().map(|b| b.order), Some([3, 0, 0]));
    assert_eq!(o.debug_exit, Some(0xf4));
    assert_eq!(o.debug_console, Some(Chardev::Null));
    assert_eq!(o.firmware_folders, ["x"]);
    let at: Vec<_> = o.drives.iter().map(|d| (d.interface, d.index)).collect();
    assert_eq!(
        at,
        [
            (super::drive::Interface::Floppy, Some(0)),
            (super::drive::Interface::Virtio, None)
        ]
    );
    for wrong in [
        &["-boot", "x"][..],
        &["-device", "isa-debug-exit,iobase=1"],
        &["-M", "malta"],
        &["-cpu", "24Kf"],
        &["-serial", "null", "-serial", "null", "-serial", "null"],
        &["-kernel", "k", "-dtb", "d"],
        &["-debugcon", "chardev:a"],
    ] {
        assert!(pc(wrong).is_err(), "{wrong:?}");
    }
    for not_there in [
        &["-boot", "d"][..],
        &["-fda", "a"],
        &["-device", "isa-debug-exit"],
        &["-debugcon", "null"],
    ] {
        assert!(parse(&words(not_there)).is_err(), "{not_there:?}");
    }
}
