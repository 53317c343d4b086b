//! The program and its monitors: on stdio, on sockets, several at once, and as QEMU's own client package drives it.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use common::qmp::{Qmp, connect, events_to, prompt, spawn, with_console, with_events};
use common::{Scratch, repository, text, tinamou};
use serde_json::{Value, json};

#[test]
fn a_life_over_stdio() {
    let mut child = spawn(&["--preconfig", "-S", "-qmp", "stdio"]);
    let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let mut qmp = Qmp::new(from, to);
    qmp.ok("qmp_capabilities", json!({"enable": ["oob"]}));
    assert_eq!(qmp.status(), "prelaunch");
    assert!(
        qmp.refused("cont", json!({}))
            .contains("permitted only after machine initialization")
    );
    // What cannot be built is told, and can be put right.
    qmp.ok(
        "x-machine-set",
        json!({"name": "kernel", "value": "/nothing/here"}),
    );
    assert!(
        qmp.refused("x-exit-preconfig", json!({}))
            .starts_with("could not load kernel")
    );
    qmp.ok("x-machine-set", json!({"name": "kernel", "value": null}));
    qmp.ok("x-machine-set", json!({"name": "m", "value": 64 << 20}));
    assert_eq!(qmp.ok("x-exit-preconfig", json!({})), [""; 0]);
    let (_, memory) = qmp.run("query-memory-size-summary", json!({}));
    assert_eq!(memory["return"]["base-memory"], 64 << 20);
    assert_eq!(qmp.ok("cont", json!({})), ["RESUME"]);
    assert_eq!(qmp.status(), "running");
    assert_eq!(qmp.ok("stop", json!({})), ["STOP"]);
    assert_eq!(qmp.ok("system_reset", json!({})), ["RESET"]);
    assert_eq!(qmp.status(), "prelaunch");
    assert_eq!(qmp.ok("cont", json!({})), ["RESUME"]);
    assert_eq!(qmp.ok("quit", json!({})), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn several_monitors_on_sockets() {
    let files = Scratch::new("monitors");
    let (one, two) = (files.path("one"), files.path("two"));
    let mut child = spawn(&[
        "-S",
        "-display",
        "none",
        "-chardev",
        &format!("socket,id=a,path={one},server=on,wait=off"),
        "-mon",
        "a,mode=control",
        "-qmp",
        &format!("unix:{two},server=on,wait=off"),
    ]);
    let stream = connect(&one, &mut child);
    let mut a = Qmp::new(stream.try_clone().unwrap(), stream);
    a.ok("qmp_capabilities", json!({}));
    let stream = connect(&two, &mut child);
    let mut b = Qmp::new(stream.try_clone().unwrap(), stream);
    b.ok("qmp_capabilities", json!({}));
    // Events go to both.
    assert_eq!(a.ok("cont", json!({})), ["RESUME"]);
    assert_eq!(b.next()["event"], "RESUME");
    let (_, list) = b.run("query-chardev", json!({}));
    let labels: Vec<_> = list["return"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["label"].clone())
        .collect();
    assert_eq!(labels, ["a", "compat_monitor1"]);
    // A second client is greeted once the first has left, and begins anew.
    let waiting = connect(&two, &mut child);
    drop(b);
    let mut c = Qmp::new(waiting.try_clone().unwrap(), waiting);
    assert!(
        c.refused("query-status", json!({}))
            .starts_with("Expecting capabilities")
    );
    c.ok("qmp_capabilities", json!({}));
    assert_eq!(a.ok("quit", json!({})), ["SHUTDOWN"]);
    assert_eq!(c.next()["event"], "SHUTDOWN");
    assert!(child.wait().unwrap().success());
}

#[test]
fn drives_and_memory() {
    let files = Scratch::new("drives");
    let (cd, other) = (
        files.file("cd", &[1; 4096]),
        files.file("other", &[2; 8192]),
    );
    let out = files.path("out");
    let mut child = spawn(&["-S", "-qmp", "stdio", "-cdrom", &cd]);
    let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let mut qmp = Qmp::new(from, to);
    qmp.ok("qmp_capabilities", json!({}));
    let size = |qmp: &mut Qmp<_, _>| {
        let (_, list) = qmp.run("query-block", json!({}));
        assert_eq!(list["return"][0]["device"], "ide1-cd0");
        list["return"][0]["inserted"]["image"]["virtual-size"].clone()
    };
    assert_eq!(size(&mut qmp), 4096);
    assert_eq!(
        qmp.ok("eject", json!({"device": "ide1-cd0"})),
        ["DEVICE_TRAY_MOVED"]
    );
    assert_eq!(size(&mut qmp), Value::Null);
    let change = json!({"device": "ide1-cd0", "filename": other});
    assert_eq!(
        qmp.ok("blockdev-change-medium", change),
        ["DEVICE_TRAY_MOVED"]
    );
    assert_eq!(size(&mut qmp), 8192);
    let missing = json!({"device": "ide1-cd0", "filename": files.path("none")});
    assert!(
        qmp.refused("blockdev-change-medium", missing)
            .ends_with("No such file or directory")
    );
    let save = json!({"val": 0x8010_0000_u32, "size": 0x1000, "filename": out});
    qmp.ok("memsave", save);
    let elf = std::fs::read(repository("tests/lab/images/lab-mipsel.elf")).unwrap();
    let saved = std::fs::read(&out).unwrap();
    // The lab guest's first page is in its file as it is in memory.
    assert!(elf.windows(4096).any(|w| w == saved));
    let save = json!({"val": 0x10_0000, "size": 0x1000, "filename": out});
    qmp.ok("pmemsave", save);
    assert_eq!(std::fs::read(&out).unwrap(), saved);
    let unmapped = json!({"val": 0x1234_5000, "size": 16, "filename": out});
    assert!(
        qmp.refused("memsave", unmapped)
            .starts_with("Invalid addr 0x0000000012345000")
    );
    let add = json!({"id": "p", "backend": {"type": "pty", "data": {}}});
    let (_, made) = qmp.run("chardev-add", add);
    assert!(made["return"]["pty"].as_str().unwrap().starts_with("/dev/"));
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
}

#[test]
fn lines_over_stdio() {
    let mut child = spawn(&["-S", "-monitor", "stdio"]);
    let mut to = child.stdin.take().unwrap();
    to.write_all(b"info status\nc\ninfo status\ninfo roms\nq\n")
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let said = text(&out.stdout);
    assert!(out.status.success());
    for want in [
        "(qemu) info status\nVM status: paused (prelaunch)\n",
        "\nVM status: running\n",
        "mem=ram",
    ] {
        assert!(said.contains(want), "{said}");
    }
}

#[test]
fn a_reset_or_power_off_may_end_or_stop_it() {
    let mut child = spawn(&["-no-reboot", "-no-shutdown", "-qmp", "stdio"]);
    let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let mut qmp = Qmp::new(from, to);
    qmp.ok("qmp_capabilities", json!({}));
    assert_eq!(qmp.ok("system_reset", json!({})), ["SHUTDOWN", "STOP"]);
    assert_eq!(qmp.status(), "shutdown");
    assert_eq!(
        qmp.refused("cont", json!({})),
        "Resetting the Virtual Machine is required"
    );
    qmp.ok("set-action", json!({"reboot": "reset"}));
    assert_eq!(qmp.ok("system_reset", json!({})), ["RESET"]);
    assert_eq!(qmp.ok("cont", json!({})), ["RESUME"]);
    qmp.ok(
        "set-action",
        json!({"reboot": "shutdown", "shutdown": "poweroff"}),
    );
    assert_eq!(qmp.ok("system_reset", json!({})), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_the_guest_does_comes_as_events() {
    let files = Scratch::new("events");
    let (control, serial) = (files.path("control"), files.path("serial"));
    let mut child = spawn(&[
        "-S",
        "-display",
        "none",
        "-qmp",
        &format!("unix:{control},server=on,wait=off"),
        "-serial",
        &format!("unix:{serial},server=on,wait=off"),
    ]);
    let stream = connect(&control, &mut child);
    let mut qmp = Qmp::new(stream.try_clone().unwrap(), stream);
    qmp.ok("qmp_capabilities", json!({}));
    let mut console = connect(&serial, &mut child);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    console.write_all(b"poweroff\r").unwrap();
    let event = qmp.next();
    assert_eq!(event["event"], "SHUTDOWN");
    assert_eq!(
        event["data"],
        json!({"guest": true, "reason": "guest-shutdown"})
    );
    assert!(child.wait().unwrap().success());
}

/// `qemu.qmp`, the package that QEMU's developers publish, if Python has it.
#[test]
fn qemus_client_drives_it() {
    let files = Scratch::new("client");
    let python = |args: &[&str]| Command::new("python3").args(args).output();
    let Ok(probe) = python(&["-c", "import qemu.qmp"]) else {
        return;
    };
    if !probe.status.success() {
        eprintln!("python3 has no qemu.qmp: left out");
        return;
    }
    let out = python(&[
        &repository("tests/qmp/client.py"),
        env!("CARGO_BIN_EXE_tinamou"),
        &files.path("socket"),
    ])
    .unwrap();
    let said = text(&out.stdout);
    assert!(out.status.success(), "{said}{}", text(&out.stderr));
    let want = std::fs::read_to_string(repository("tests/qmp/client.golden")).unwrap();
    assert_eq!(said, want);
}

#[test]
fn a_socket_that_cannot_be_is_told() {
    let files = Scratch::new("nowhere");
    let nowhere = files.path("no-such-folder/socket");
    let out = tinamou(&[
        "system-mipsel",
        "-S",
        "-qmp",
        &format!("unix:{nowhere},server=on,wait=off"),
    ]);
    assert!(!out.status.success());
    let said = text(&out.stderr);
    assert!(said.contains("compat_monitor0: unix:"), "{said}");
}

/// An empty qcow2 image of 1 MiB, as `qemu-img create` makes it but with clusters of 4 KiB.
fn empty_qcow2() -> Vec<u8> {
    const SIZE: usize = 4096;
    let mut f = vec![0; 4 * SIZE];
    let mut put = |at: usize, b: &[u8]| f[at..at + b.len()].copy_from_slice(b);
    put(0, b"QFI\xfb\0\0\0\x03");
    put(20, &12u32.to_be_bytes());
    put(24, &(1u64 << 20).to_be_bytes());
    put(36, &1u32.to_be_bytes());
    put(40, &(3 * SIZE as u64).to_be_bytes());
    put(48, &(SIZE as u64).to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(SIZE, &(2 * SIZE as u64).to_be_bytes());
    for n in 0..4 {
        put(2 * SIZE + 2 * n, &1u16.to_be_bytes());
    }
    f
}

/// Snapshots inside an image: jobs, the monitor's commands, and a machine that begins from one. What is refused is so in the words of
/// QEMU 7.2 (`qemu-system-mipsel -S -monitor stdio`, with no drive, a raw one, and a qcow2 one).
#[test]
fn snapshots_inside_images() {
    let files = Scratch::new("savevm");
    let disk = files.file("disk.qcow2", &empty_qcow2());
    let raw = files.file("raw", &[0; 8192]);
    let drive = format!("file={disk},format=qcow2");
    let (mut child, stream, mut console) = with_console(&files, "a", &["-S", "-drive", &drive]);
    let mut qmp = with_events(stream);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    let human = |qmp: &mut Qmp<UnixStream, UnixStream>, line: &str| {
        let (_, reply) = qmp.run("human-monitor-command", json!({ "command-line": line }));
        let said = reply["return"].as_str();
        said.unwrap_or_else(|| panic!("{reply}")).replace('\r', "")
    };
    assert_eq!(
        human(&mut qmp, "info snapshots"),
        "There is no snapshot available.\n"
    );
    console.write_all(b"po").unwrap();
    let mut echo = [0; 2];
    console.read_exact(&mut echo).unwrap();
    let job = json!({"job-id": "j0", "tag": "one", "vmstate": "ide0-hd0", "devices": ["ide0-hd0"]});
    qmp.ok("snapshot-save", job.clone());
    let mut states = Vec::new();
    while states.last().is_none_or(|s| s != "concluded") {
        let message = qmp.next();
        let status = message["data"]["status"].as_str();
        states.push(
            status
                .unwrap_or(message["event"].as_str().unwrap())
                .to_owned(),
        );
    }
    assert_eq!(
        states,
        ["STOP", "RESUME", "waiting", "pending", "concluded"]
    );
    assert_eq!(
        qmp.refused("snapshot-save", job),
        "Job ID 'j0' already in use"
    );
    let job = json!({"job-id": "j1", "tag": "one", "vmstate": "ide0-hd0", "devices": ["ide0-hd0"]});
    qmp.ok("snapshot-save", job);
    let (_, reply) = qmp.run("query-jobs", json!({}));
    assert_eq!(
        reply["return"][0]["error"],
        "Snapshot 'one' already exists in one or more devices"
    );
    assert_eq!(reply["return"][1]["status"], "concluded");
    qmp.ok("job-dismiss", json!({"id": "j0"}));
    assert_eq!(
        qmp.refused("job-dismiss", json!({"id": "j0"})),
        "Job not found"
    );
    let (_, reply) = qmp.run("query-named-block-nodes", json!({}));
    assert_eq!(reply["return"][0]["image"]["snapshots"][0]["name"], "one");
    assert_eq!(human(&mut qmp, "savevm two"), "");
    assert_eq!(human(&mut qmp, "delvm two"), "");
    let list = human(&mut qmp, "info snapshots");
    assert!(
        list.starts_with(
            "List of snapshots present on all disks:\nID        TAG               VM SIZE"
        ),
        "{list}"
    );
    assert!(list.contains("\n--        one "), "{list}");
    assert_eq!(
        human(&mut qmp, "loadvm none"),
        "Error: Snapshot 'none' does not exist in one or more devices\n"
    );
    // What is typed from here on is undone.
    console.write_all(b"nsense").unwrap();
    console.read_exact(&mut [0; 6]).unwrap();
    assert_eq!(human(&mut qmp, "loadvm one"), "");
    assert_eq!(qmp.status(), "running");
    console.write_all(b"weroff\r").unwrap();
    events_to(&mut qmp, "SHUTDOWN");
    assert!(child.wait().unwrap().success());

    let args = ["-drive", &drive, "-loadvm", "one", "-S"];
    let (mut child, stream, mut console) = with_console(&files, "b", &args);
    let mut qmp = with_events(stream);
    assert_eq!(qmp.status(), "prelaunch");
    qmp.ok("cont", json!({}));
    console.write_all(b"weroff\r").unwrap();
    events_to(&mut qmp, "SHUTDOWN");
    assert!(child.wait().unwrap().success());

    let drive = format!("file={raw},format=raw");
    for (name, args, list, refusal) in [
        (
            "c",
            &["-S"][..],
            "no block device can store vmstate for snapshot\n",
            "no block device can store vmstate for snapshot",
        ),
        (
            "d",
            &["-S", "-drive", &drive],
            "no block device can store vmstate for snapshot\n",
            "Device 'ide0-hd0' is writable but does not support snapshots",
        ),
    ] {
        let (mut child, stream, _console) = with_console(&files, name, args);
        let mut qmp = with_events(stream);
        assert_eq!(human(&mut qmp, "info snapshots"), list);
        for line in ["savevm x", "loadvm x"] {
            assert_eq!(human(&mut qmp, line), format!("Error: {refusal}\n"));
        }
        qmp.ok("quit", json!({}));
        assert!(child.wait().unwrap().success());
    }
    // What is written over an image has snapshots too, in memory; QEMU has a temporary qcow2 file there.
    let drive = format!("file={raw},format=raw,snapshot=on");
    let (mut child, stream, _console) = with_console(&files, "e", &["-S", "-drive", &drive]);
    let mut qmp = with_events(stream);
    let none = "There is no snapshot available.\n";
    assert_eq!(human(&mut qmp, "info snapshots"), none);
    for line in ["savevm one", "savevm two", "savevm one", "loadvm one"] {
        assert_eq!(human(&mut qmp, line), "", "{line}");
    }
    assert!(human(&mut qmp, "info snapshots").contains("\n--        one "));
    let (_, reply) = qmp.run("query-named-block-nodes", json!({}));
    let kept = &reply["return"][0]["image"]["snapshots"];
    assert_eq!(
        (&kept[0]["name"], &kept[1]["name"]),
        (&"two".into(), &"one".into())
    );
    assert_eq!(
        human(&mut qmp, "loadvm three"),
        "Error: Snapshot 'three' does not exist in one or more devices\n"
    );
    for line in ["delvm one", "delvm two", "delvm three"] {
        assert_eq!(human(&mut qmp, line), "", "{line}");
    }
    assert_eq!(human(&mut qmp, "info snapshots"), none);
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
    let out = tinamou(&["system-mipsel", "-loadvm", "one"]);
    assert!(!out.status.success());
    assert!(
        text(&out.stderr).contains("no block device"),
        "{}",
        text(&out.stderr)
    );
}

fn spawn_pc(args: &[&str]) -> Child {
    let kernel = repository("tests/gdb/images/pc-i386.elf");
    Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args(["system-i386", "-display", "none", "-kernel", &kernel])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn talk(child: &mut Child) -> Qmp<std::process::ChildStdout, std::process::ChildStdin> {
    let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let mut qmp = Qmp::new(from, to);
    qmp.ok("qmp_capabilities", json!({}));
    qmp
}

#[test]
fn images_cards_and_files_of_the_host() {
    let files = Scratch::new("qmp-host");
    let (disk, raw) = (
        files.file("disk", &[1; 1 << 20]),
        files.file("raw", &[2; 4096]),
    );
    let mut child = spawn_pc(&[
        "-S",
        "-qmp",
        "stdio",
        "-hda",
        &disk,
        "-object",
        "memory-backend-ram,id=m,size=1M",
        "-netdev",
        "hubport,id=h,hubid=1",
        "-blockdev",
        &format!("driver=raw,node-name=r,file.driver=file,file.filename={raw}"),
        "-device",
        "virtio-blk-pci,id=blk,drive=r",
        "-device",
        "e1000,id=nic,netdev=h,addr=0xa",
    ]);
    let mut qmp = talk(&mut child);
    let (_, reply) = qmp.run("query-block", json!({}));
    let drives = reply["return"].as_array().unwrap().clone();
    let card = drives.iter().find(|d| d["inserted"]["node-name"] == "r");
    assert_eq!(card.unwrap()["inserted"]["image"]["virtual-size"], 4096);
    // The file itself changes its size.
    qmp.ok(
        "block_resize",
        json!({"device": "ide0-hd0", "size": 3 << 20}),
    );
    assert_eq!(std::fs::metadata(&disk).unwrap().len(), 3 << 20);
    let (_, reply) = qmp.run("query-block", json!({}));
    assert_eq!(
        reply["return"][0]["inserted"]["image"]["virtual-size"],
        3 << 20
    );
    // Images by name come and go, and are read for a look.
    let open = |name: &str, file: &str| json!({"driver": "qcow2", "node-name": name, "file": {"driver": "file", "filename": file}});
    assert_eq!(
        qmp.refused("blockdev-add", open("q", &raw)),
        "Image is not in qcow2 format"
    );
    let nothing = files.path("nothing");
    let why = qmp.refused("blockdev-add", open("q", &nothing));
    assert_eq!(
        why,
        format!("Could not open '{nothing}': No such file or directory")
    );
    qmp.ok(
        "blockdev-add",
        json!({"driver": "file", "node-name": "f", "filename": disk, "read-only": true}),
    );
    qmp.ok("blockdev-open-tray", json!({"device": "ide1-cd0"}));
    let cd = json!({"id": "/machine/unattached/ide1-cd0", "node-name": "f"});
    qmp.ok("blockdev-insert-medium", cd);
    assert!(
        qmp.refused("blockdev-del", json!({"node-name": "f"}))
            .contains("in use")
    );
    // A screen, a core file, a character device that leads elsewhere.
    let (screen, core, log) = (files.path("s.png"), files.path("core"), files.path("log"));
    qmp.ok("screendump", json!({"filename": screen, "format": "png"}));
    assert!(std::fs::read(&screen).unwrap().starts_with(b"\x89PNG"));
    qmp.ok(
        "dump-guest-memory",
        json!({"paging": false, "protocol": format!("file:{core}")}),
    );
    assert!(std::fs::read(&core).unwrap().starts_with(b"\x7fELF"));
    let null = json!({"id": "c", "backend": {"type": "null", "data": {}}});
    qmp.ok("chardev-add", null);
    let file = json!({"id": "c", "backend": {"type": "file", "data": {"out": log}}});
    qmp.ok("chardev-change", file);
    let (_, reply) = qmp.run("query-chardev", json!({}));
    let all = reply["return"].as_array().unwrap();
    assert!(
        all.iter()
            .any(|c| c["label"] == "c" && c["filename"] == "file")
    );
    let rng = json!({"qom-type": "rng-random", "id": "g", "filename": nothing});
    assert!(qmp.refused("object-add", rng).starts_with("Could not open"));
    // Keys need a machine that runs.
    qmp.ok("cont", json!({}));
    let key = json!({"events": [{"type": "key", "data": {"down": true, "key": {"type": "qcode", "data": "a"}}}]});
    qmp.ok("input-send-event", key);
    qmp.ok("stop", json!({}));
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_file_that_ends_early_stops_the_machine() {
    // The lab's disk is not needed: the firmware of the PC's own reads the first sector by programmed input.
    let files = Scratch::new("qmp-ioerror");
    let disk = files.file("disk", &[0; 1 << 20]);
    let mut code = Vec::new();
    for (port, value) in [
        (0x1f6u16, 0xe0u8),
        (0x1f2, 1),
        (0x1f3, 8),
        (0x1f4, 0),
        (0x1f5, 0),
        (0x1f7, 0x20),
    ] {
        code.extend([0xba, port as u8, (port >> 8) as u8, 0xb0, value, 0xee]);
    }
    // jmp $
    code.extend([0xeb, 0xfe]);
    let mut image = vec![0xf4; 0x1_0000];
    image[0xff00..0xff00 + code.len()].copy_from_slice(&code);
    image[0xfff0..0xfff3].copy_from_slice(&[0xe9, 0x0d, 0xff]);
    files.file("own.bin", &image);
    let folder = files.path("");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args([
            "system-i386",
            "-display",
            "none",
            "-vga",
            "none",
            "-L",
            &folder,
            "-bios",
            "own.bin",
        ])
        .args(["-S", "-qmp", "stdio", "-drive"])
        .arg(format!("file={disk},format=raw,rerror=stop"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut qmp = talk(&mut child);
    // The image is cut off behind the emulator's back.
    let file = std::fs::File::options().write(true).open(&disk).unwrap();
    file.set_len(512).unwrap();
    qmp.ok("cont", json!({}));
    let error = loop {
        let message = qmp.next();
        if message["event"] == "BLOCK_IO_ERROR" {
            break message;
        }
    };
    assert_eq!(error["data"]["device"], "ide0-hd0");
    assert_eq!(error["data"]["action"], "stop");
    assert_eq!(qmp.next()["event"], "STOP");
    assert_eq!(qmp.status(), "io-error");
    // Put right, it goes on.
    file.set_len(1 << 20).unwrap();
    assert_eq!(qmp.ok("cont", json!({})), ["RESUME"]);
    assert_eq!(qmp.status(), "running");
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
}
