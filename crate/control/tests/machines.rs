//! What monitors do to real machines of both boards: cards, keys, the clock, disks that fail, screens, core files, the power button.

mod common;

use common::{Dialogue, TestHost};
use object::{Object, ObjectSegment, ObjectSymbol};
use serde_json::{Value, json};
use tinamou_core::{
    BlockBackend, BlockError, BlockRequest, ErrorAction, Gpa, IO_SPACE, PhysBus, RequestId,
};
use tinamou_machine::{Machine, SliceEnd};

fn repository(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A machine with the program of tests/gdb/pc, or with none.
fn pc(target: &str, kernel: bool, options: &str) -> Dialogue {
    let mut host = TestHost::new();
    host.kernel = kernel.then(|| repository(&format!("tests/gdb/images/pc-{target}.elf")));
    Dialogue::on(host, target, options).ready()
}

fn machine(d: &mut Dialogue) -> &mut Machine {
    d.host.machine.as_mut().unwrap()
}

fn out(d: &mut Dialogue, port: u64, value: u64, size: u32) {
    let at = Gpa(IO_SPACE.0 + port);
    machine(d).bus_mut().write(at, size, value).unwrap();
}

fn inp(d: &mut Dialogue, port: u64, size: u32) -> u64 {
    let at = Gpa(IO_SPACE.0 + port);
    machine(d).bus_mut().read(at, size).unwrap()
}

/// Runs a slice as a host does, and returns what monitors hear of it.
fn slice(d: &mut Dialogue, insns: u64) -> (SliceEnd, Vec<Value>) {
    let end = machine(d).run_slice(insns);
    if matches!(end, SliceEnd::Halted { .. }) {
        let now = machine(d).now_ns();
        machine(d).skip_to(now + insns);
    }
    let Dialogue { ctl, host, id } = d;
    ctl.slice_ended(host, end);
    let said = String::from_utf8(ctl.take_output(*id)).unwrap();
    let one = |l: &str| serde_json::from_str(l).unwrap();
    (end, said.lines().map(one).collect())
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|e| e["event"].as_str()).collect()
}

fn ask(d: &mut Dialogue, name: &str, args: Value) -> Value {
    d.run(name, args)
        .unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

/// A message and all that comes of it.
fn say(d: &mut Dialogue, name: &str, args: Value) -> Vec<Value> {
    d.send(
        json!({"execute": name, "arguments": args})
            .to_string()
            .as_bytes(),
    )
}

#[test]
fn what_monitors_show_is_laid_out_as_qemu_does() {
    for target in ["i386", "x86_64"] {
        let mut d = pc(target, true, "-S");
        let debug = repository(&format!("tests/gdb/symbols/pc-{target}.debug"));
        let debug = object::File::parse(&*debug).unwrap();
        let run = debug.symbols().find(|s| s.name() == Ok("run")).unwrap();
        machine(&mut d).set_breakpoint(run.address());
        assert_eq!(machine(&mut d).run_slice(1_000_000), SliceEnd::Debug);
        let golden = match target {
            "i386" => include_str!("golden/show-i386.txt"),
            _ => include_str!("golden/show-x86_64.txt"),
        };
        let mut parts = golden.split("> ");
        parts.next();
        for part in parts {
            let (command, want) = part.split_once('\n').unwrap();
            let got = ask(
                &mut d,
                "human-monitor-command",
                json!({ "command-line": command }),
            );
            let got = got.as_str().unwrap().replace("\r\n", "\n");
            // The loader's own registers differ, and so does what no program sets.
            let same = |l: &&str| {
                !["EAX", "ESI", "RAX", "RSI", "LDT", "TR ", "IDT"]
                    .iter()
                    .any(|head| l.starts_with(head))
            };
            let got: Vec<&str> = got.trim_end().lines().filter(same).collect();
            let want: Vec<&str> = want.trim_end().lines().filter(same).collect();
            assert_eq!(got, want, "{target}: {command}");
        }
    }
}

#[test]
fn core_files_hold_memory_and_registers() {
    for (target, class) in [
        ("i386", object::Architecture::I386),
        ("x86_64", object::Architecture::X86_64),
    ] {
        let mut d = pc(target, true, "-S");
        machine(&mut d).run_slice(10_000);
        let said = say(
            &mut d,
            "dump-guest-memory",
            json!({"paging": false, "protocol": "file:/core"}),
        );
        assert_eq!(names(&said), ["DUMP_COMPLETED"]);
        let (_, data) = d.host.written.pop().unwrap();
        let file = object::File::parse(&*data).unwrap();
        assert_eq!(file.architecture(), class);
        let kernel = repository(&format!("tests/gdb/images/pc-{target}.elf"));
        let kernel = object::File::parse(&*kernel).unwrap();
        let text = kernel.segments().next().unwrap();
        let at = text.address();
        let text = text.data().unwrap();
        let found = file.segments().find_map(|s| s.data_range(at, 16).unwrap());
        assert_eq!(found, Some(&text[..16]));
        // NT_PRSTATUS: the program counter at its place.
        let pc = machine(&mut d).pc();
        let at = data.windows(5).position(|w| w == b"CORE\0").unwrap() + 8;
        let place = at
            + if target == "i386" {
                72 + 4 * 12
            } else {
                112 + 8 * 16
            };
        let word = u32::from_le_bytes(data[place..place + 4].try_into().unwrap());
        assert_eq!(u64::from(word), pc & 0xffff_ffff, "{target}");
    }
}

#[test]
fn keys_reach_the_guest_as_qemus_do() {
    let mut d = pc("i386", false, "");
    // Command byte: translation, keyboard on, no interrupts.
    out(&mut d, 0x64, 0x60, 1);
    out(&mut d, 0x60, 0x40, 1);
    let golden = include_str!("golden/keys.txt").lines();
    for line in golden.filter(|l| !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        let key = words.next().unwrap();
        let want: Vec<u64> = words.map(|w| u64::from_str_radix(w, 16).unwrap()).collect();
        let keys = json!([{"type": "qcode", "data": key}]);
        ask(&mut d, "send-key", json!({ "keys": keys }));
        let mut got = Vec::new();
        for _ in 0..2 + want.len() {
            slice(&mut d, 200_000);
            if inp(&mut d, 0x64, 1) & 1 != 0 {
                got.push(inp(&mut d, 0x60, 1));
            }
        }
        assert_eq!(got, want, "{key}");
    }
    // The mouse, once it reports.
    out(&mut d, 0x64, 0xd4, 1);
    out(&mut d, 0x60, 0xf4, 1);
    let bytes = |d: &mut Dialogue| {
        let mut got = Vec::new();
        for _ in 0..6 {
            slice(d, 200_000);
            if inp(d, 0x64, 1) & 1 != 0 {
                got.push(inp(d, 0x60, 1));
            }
        }
        got
    };
    assert_eq!(bytes(&mut d), [0xfa]);
    let events = json!([
        {"type": "rel", "data": {"axis": "x", "value": 5}},
        {"type": "rel", "data": {"axis": "y", "value": -3}},
        {"type": "btn", "data": {"button": "left", "down": true}},
    ]);
    ask(&mut d, "input-send-event", json!({ "events": events }));
    assert_eq!(bytes(&mut d), [0x09, 5, 3]);
    ask(
        &mut d,
        "human-monitor-command",
        json!({"command-line": "mouse_button 0"}),
    );
    assert_eq!(bytes(&mut d), [0x08, 0, 0]);
}

#[test]
fn the_power_button_raises_sci_where_somebody_listens() {
    // Both boards have the PIIX4's power management as a function 3. Malta: I/O space and system controller as after a reset.
    let boards = [
        ("i386", IO_SPACE.0, IO_SPACE.0 + 0xcf8, 0x0b00),
        ("mipsel", 0x1000_0000, 0x1400_0cf8, 0x5300),
    ];
    for (target, io, config, function) in boards {
        let mut d = Dialogue::on(TestHost::new(), target, "").ready();
        let write = |d: &mut Dialogue, at: u64, size: u32, value: u64| {
            machine(d).bus_mut().write(Gpa(at), size, value).unwrap();
        };
        let read = |d: &mut Dialogue, port: u64, size: u32| {
            machine(d).bus_mut().read(Gpa(io + port), size).unwrap()
        };
        // The block's base is 600h, and it is on.
        for (reg, value) in [(0x40, 0x600), (0x80, 1)] {
            write(&mut d, config, 4, 0x8000_0000 | function | reg);
            write(&mut d, config + 4, 4, value);
        }
        let events = say(&mut d, "system_powerdown", json!({}));
        assert_eq!(names(&events), ["POWERDOWN"]);
        assert_eq!(
            read(&mut d, 0x600, 2) & 0x100,
            0,
            "{target}: nobody listens"
        );
        assert_ne!(slice(&mut d, 1000).0, SliceEnd::Shutdown);
        // SCI on, power button enabled.
        write(&mut d, io + 0x604, 2, 1);
        write(&mut d, io + 0x602, 2, 0x100);
        say(&mut d, "system_powerdown", json!({}));
        assert_eq!(read(&mut d, 0x600, 2) & 0x100, 0x100, "{target}");
        // IRQ 9 of the second controller is requested.
        write(&mut d, io + 0xa0, 1, 0x0a);
        assert_eq!(read(&mut d, 0xa0, 1) & 2, 2, "{target}");
    }
}

#[test]
fn cards_on_a_hub_hear_each_other() {
    let mut d = pc("i386", false, "");
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        let hub = if id == "c" { 8 } else { 7 };
        ask(
            &mut d,
            "netdev_add",
            json!({"type": "hubport", "id": format!("h{id}"), "hubid": hub}),
        );
        ask(
            &mut d,
            "device_add",
            json!({"driver": "ne2k_pci", "id": id, "netdev": format!("h{id}")}),
        );
        // Its ports, and I/O cycles on.
        let base = 0xc000 + 0x100 * n as u64;
        for (reg, value) in [(0x10, base), (0x04, 1)] {
            out(&mut d, 0xcf8, 0x8000_0000 | (9 + n as u64) << 11 | reg, 4);
            out(&mut d, 0xcfc, value, 4);
        }
        // Promiscuous reception between pages 46h and 80h (DP8390D data sheet, "Initialization").
        let set = [
            (0x0, 0x21),
            (0xe, 0x48),
            (0xc, 0x1c),
            (0xd, 0),
            (0x1, 0x46),
            (0x2, 0x80),
            (0x3, 0x46),
            (0x7, 0xff),
            (0x0, 0x61),
            (0x7, 0x47),
            (0x0, 0x22),
        ];
        for (reg, value) in set {
            out(&mut d, base + reg, value, 1);
        }
    }
    let status = |d: &mut Dialogue, n: u64| inp(d, 0xc000 + 0x100 * n + 7, 1) & 1;
    // The first one sends 60 bytes.
    for (reg, value) in [(0x4, 0x40), (0x5, 60), (0x6, 0), (0x0, 0x26)] {
        out(&mut d, 0xc000 + reg, value, 1);
    }
    slice(&mut d, 100_000);
    assert_eq!(
        [status(&mut d, 0), status(&mut d, 1), status(&mut d, 2)],
        [0, 1, 0]
    );
    // Without its port nobody hears it.
    ask(&mut d, "netdev_del", json!({"id": "hb"}));
    out(&mut d, 0xc107, 0xff, 1);
    out(&mut d, 0xc000, 0x26, 1);
    slice(&mut d, 100_000);
    assert_eq!(status(&mut d, 1), 0);
}

#[test]
fn a_clock_that_is_set_is_news() {
    for target in ["i386", "mipsel"] {
        let mut d = Dialogue::on(TestHost::new(), target, "").ready();
        // Malta's I/O space after reset.
        let base = if target == "i386" {
            IO_SPACE.0
        } else {
            0x1000_0000
        };
        let mut cmos = |reg: u64, value: u64| {
            let bus = machine(&mut d).bus_mut();
            bus.write(Gpa(base + 0x70), 1, reg).unwrap();
            bus.write(Gpa(base + 0x71), 1, value).unwrap();
        };
        // Stop it, an hour ahead of midnight, go on. The board's clock begins at 2020-01-01 00:00:00.
        cmos(0x0b, 0x82);
        cmos(4, 0x01);
        cmos(0x0b, 0x02);
        let (_, events) = slice(&mut d, 10);
        assert_eq!(names(&events), ["RTC_CHANGE"], "{target}");
        assert_eq!(events[0]["data"]["offset"], 3600);
        let path = events[0]["data"]["qom-path"].as_str().unwrap();
        let ty = ask(&mut d, "qom-get", json!({"path": path, "property": "type"}));
        assert_eq!(ty, "mc146818rtc");
    }
}

/// A disk of zeros that fails as often as it is told.
struct Failing(u32);

impl BlockBackend for Failing {
    fn sectors(&self) -> u64 {
        1000
    }
    fn read_only(&self) -> bool {
        false
    }
    fn submit(&mut self, _: RequestId, _: BlockRequest) {}
    fn poll(&mut self, _: RequestId) -> Option<Result<Vec<u8>, BlockError>> {
        if self.0 > 0 {
            self.0 -= 1;
            return Some(Err(BlockError::Io("Input/output error".into())));
        }
        Some(Ok(vec![7; 512]))
    }
}

/// Reads the first sector of the first IDE disk by programmed input, as far as the command.
fn read_sector(d: &mut Dialogue, failures: u32, action: ErrorAction) {
    let bus = machine(d).bus_mut();
    bus.set_disk(0, Some(Box::new(Failing(failures))));
    bus.set_error_actions(0, action, action);
    machine(d).reset();
    for (port, value) in [
        (0x1f6, 0xe0),
        (0x1f2, 1),
        (0x1f3, 0),
        (0x1f4, 0),
        (0x1f5, 0),
        (0x1f7, 0x20),
    ] {
        out(d, port, value, 1);
    }
}

/// Slices until one says something.
fn until_said(d: &mut Dialogue) -> (SliceEnd, Vec<Value>) {
    for _ in 0..100 {
        let (end, events) = slice(d, 20_000);
        if !events.is_empty() {
            return (end, events);
        }
    }
    panic!("nothing happened");
}

#[test]
fn a_disk_that_fails_is_reported_or_stops_the_machine() {
    let mut d = pc("i386", false, "");
    read_sector(&mut d, 1, ErrorAction::Report);
    let (_, events) = until_said(&mut d);
    assert_eq!(names(&events), ["BLOCK_IO_ERROR"]);
    let want = json!({"device": "ide0-hd0", "node-name": "#block0", "operation": "read", "action": "report",
        "nospace": false, "reason": "Input/output error"});
    assert_eq!(events[0]["data"], want);
    assert_eq!(inp(&mut d, 0x1f7, 1) & 1, 1, "the guest sees the error");

    read_sector(&mut d, 2, ErrorAction::Stop);
    for _ in 0..2 {
        let (end, events) = until_said(&mut d);
        assert_eq!(end, SliceEnd::IoError);
        assert_eq!(names(&events), ["BLOCK_IO_ERROR", "STOP"]);
        assert_eq!(events[0]["data"]["action"], "stop");
        assert_eq!(ask(&mut d, "query-status", json!({}))["status"], "io-error");
        assert_eq!(
            ask(&mut d, "query-block", json!({}))[0]["io-status"],
            "failed"
        );
        // It is tried again.
        assert_eq!(names(&say(&mut d, "cont", json!({}))), ["RESUME"]);
    }
    slice(&mut d, 1_000_000);
    assert_eq!(inp(&mut d, 0x1f7, 1) & 9, 8, "data, no error");
    assert_eq!(inp(&mut d, 0x1f0, 2), 0x0707);

    read_sector(&mut d, 1, ErrorAction::Ignore);
    let (_, events) = until_said(&mut d);
    assert_eq!(events[0]["data"]["action"], "ignore");
    slice(&mut d, 1_000_000);
    assert_eq!(inp(&mut d, 0x1f0, 2), 0, "a blank sector");
}

#[test]
fn screens_are_written_as_ppm_and_png() {
    let mut d = pc("i386", true, "-S");
    ask(&mut d, "screendump", json!({"filename": "s.ppm"}));
    let (_, ppm) = d.host.written.pop().unwrap();
    let mut lines = ppm.splitn(4, |b| *b == b'\n');
    assert_eq!(lines.next().unwrap(), b"P6");
    let size = String::from_utf8(lines.next().unwrap().to_vec()).unwrap();
    let size: Vec<usize> = size.split(' ').map(|n| n.parse().unwrap()).collect();
    assert_eq!(lines.nth(1).unwrap().len(), size[0] * size[1] * 3);
    ask(
        &mut d,
        "screendump",
        json!({"filename": "s.png", "format": "png"}),
    );
    assert!(d.host.written.pop().unwrap().1.starts_with(b"\x89PNG"));
    let mut malta = Dialogue::new("mips", "-S").ready();
    let refused = malta
        .run("screendump", json!({"filename": "x"}))
        .unwrap_err();
    assert_eq!(refused.1, "There is no console to take a screendump from");
}

/// Vendor and device number of each PCI slot of `query-pci`.
fn slots(d: &mut Dialogue) -> Vec<(u64, u64, u64)> {
    let list = ask(d, "query-pci", json!({}));
    let one = |v: &Value| {
        let number = |v: &Value| v.as_u64().unwrap();
        (
            number(&v["slot"]),
            number(&v["id"]["vendor"]),
            number(&v["id"]["device"]),
        )
    };
    list[0]["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(one)
        .collect()
}

#[test]
fn cards_come_and_go() {
    for (target, first) in [("i386", 9), ("mipsel", 18)] {
        let mut d = Dialogue::on(TestHost::new(), target, "").ready();
        let add = |driver: &str, id: &str| json!({"driver": driver, "id": id});
        ask(&mut d, "device_add", add("e1000", "a"));
        ask(&mut d, "device_add", add("virtio-rng-pci", "b"));
        let options = json!({"driver": "null-co", "node-name": "n", "size": 4096});
        ask(&mut d, "blockdev-add", options);
        ask(
            &mut d,
            "device_add",
            json!({"driver": "virtio-blk-pci", "id": "c", "drive": "n"}),
        );
        ask(&mut d, "device_add", add("virtio-balloon-pci", "d"));
        let full = d.run("device_add", add("rtl8139", "e")).unwrap_err();
        assert_eq!(
            full.1,
            "PCI: no slot/function available for rtl8139, all in use or reserved"
        );
        let there = slots(&mut d);
        for (slot, vendor, device) in [
            (0, 0x8086, 0x100e),
            (1, 0x1af4, 0x1005),
            (2, 0x1af4, 0x1001),
        ] {
            assert!(
                there.contains(&(first + slot, vendor, device)),
                "{there:x?}"
            );
        }
        let drives = ask(&mut d, "query-block", json!({}));
        let last = drives.as_array().unwrap().last().unwrap();
        assert_eq!(last["qdev"], "/machine/peripheral/c/virtio-backend");
        assert_eq!(last["inserted"]["node-name"], "n");
        let busy = d
            .run("blockdev-del", json!({"node-name": "n"}))
            .unwrap_err();
        assert_eq!(busy.1, "Node n is in use");
        let mut said = say(&mut d, "device_del", json!({"id": "c"}));
        if target == "i386" {
            // The guest does not answer; a reset does.
            assert_eq!(said.len(), 1);
            said = say(&mut d, "system_reset", json!({}));
            assert_eq!(said.remove(0)["event"], "RESET");
        }
        let gone: Vec<_> = said
            .iter()
            .filter(|m| m["event"] == "DEVICE_DELETED")
            .collect();
        assert_eq!(
            gone[0]["data"],
            json!({"path": "/machine/peripheral/c/virtio-backend"})
        );
        assert_eq!(
            gone[1]["data"],
            json!({"device": "c", "path": "/machine/peripheral/c"})
        );
        assert!(!slots(&mut d).iter().any(|s| s.0 == first + 2));
        assert!(d.run("blockdev-del", json!({"node-name": "n"})).is_ok());
        ask(&mut d, "device_add", add("rtl8139", "e"));
        assert!(slots(&mut d).contains(&(first + 2, 0x10ec, 0x8139)));
        // The machine still runs and saves.
        slice(&mut d, 10_000);
    }
}

#[test]
fn cards_that_the_machine_is_made_with() {
    let mut d = Dialogue::on(TestHost::new(), "i386", "--preconfig -S").ready();
    let list = |driver: &str| json!({"name": "devices", "value": [{"driver": driver, "id": "x"}]});
    let options = ask(&mut d, "x-machine-options", json!({}));
    let found = options
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["name"] == "devices");
    assert_eq!(found.unwrap()["kind"], "devices");
    ask(&mut d, "x-machine-set", list("no-such-card"));
    let refused = d.run("x-exit-preconfig", json!({})).unwrap_err();
    assert_eq!(refused.1, "'no-such-card' is not a valid device model name");
    assert!(
        d.run("cont", json!({}))
            .unwrap_err()
            .1
            .contains("permitted only after")
    );
    ask(&mut d, "x-machine-set", list("virtio-rng-pci"));
    ask(&mut d, "x-exit-preconfig", json!({}));
    let hot = json!({"path": "/machine/peripheral/x", "property": "hotplugged"});
    assert_eq!(ask(&mut d, "qom-get", hot), false);
    assert!(slots(&mut d).contains(&(9, 0x1af4, 0x1005)));
}

#[test]
fn trays_move_from_both_sides() {
    let mut d = pc("i386", false, "");
    let moved = |said: &[Value]| {
        let tray = said.iter().find(|m| m["event"] == "DEVICE_TRAY_MOVED");
        tray.map(|m| m["data"]["tray-open"] == true)
    };
    let said = say(&mut d, "blockdev-open-tray", json!({"device": "ide1-cd0"}));
    assert_eq!(moved(&said), Some(true));
    // START STOP UNIT by packet: the guest closes it, then opens it.
    for (what, open) in [(3u64, false), (2, true)] {
        for (port, value) in [(0x176, 0xa0), (0x174, 0), (0x175, 0x08), (0x177, 0xa0)] {
            out(&mut d, port, value, 1);
        }
        for word in [0x1b, 0, what, 0, 0, 0] {
            out(&mut d, 0x170, word, 2);
        }
        let (_, events) = slice(&mut d, 10);
        assert_eq!(moved(&events), Some(open));
        let drives = ask(&mut d, "query-block", json!({}));
        assert_eq!(drives[1]["tray_open"], open);
    }
}

/// CPU models told as features. Refusals are QEMU 7.2's (`qemu-system-i386 -M pc -nodefaults -S`, and `qemu-system-mipsel -M malta`).
#[test]
fn cpu_models_are_expanded() {
    let ask = |d: &mut Dialogue, how: &str, model: Value| {
        let args = json!({"type": how, "model": model});
        let got = d.run("query-cpu-model-expansion", args);
        got.map(|v| v["model"].clone())
    };
    let mut d = Dialogue::new("i386", "-S").ready();
    let full = ask(&mut d, "full", json!({"name": "qemu32"})).unwrap();
    assert_eq!(full["name"], "qemu32");
    let props = &full["props"];
    assert_eq!(
        (&props["sse2"], &props["aes"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&props["family"], &props["vendor"]),
        (&json!(6), &json!("GenuineIntel"))
    );
    let changed = json!({"name": "486", "props": {"sse2": true, "fpu": false}});
    let fixed = ask(&mut d, "static", changed).unwrap();
    assert_eq!(fixed["name"], "base");
    let props = &fixed["props"];
    assert_eq!(
        (&props["sse2"], &props["fpu"]),
        (&json!(true), &json!(false))
    );
    let base = ask(&mut d, "full", json!({"name": "base"})).unwrap();
    let mut features = base["props"].as_object().unwrap().values();
    assert!(features.all(|v| *v != json!(true)));
    for (model, sentence) in [
        (json!({"name": "nope"}), "CPU model 'nope' not found"),
        (
            json!({"name": "486", "props": {"bogus": true}}),
            "Property '486-i386-cpu.bogus' not found",
        ),
        (
            json!({"name": "486", "props": {"sse2": "foo"}}),
            "Invalid parameter type for 'sse2', expected: boolean",
        ),
    ] {
        assert_eq!(ask(&mut d, "full", model).unwrap_err().1, sentence);
    }
    let mut d = Dialogue::new("mipsel", "-S").ready();
    let refused = ask(&mut d, "full", json!({"name": "24Kf"})).unwrap_err();
    let sentence = "The command query-cpu-model-expansion has not been found";
    assert_eq!(refused, ("CommandNotFound".to_owned(), sentence.to_owned()));
}

#[test]
fn several_vcpus() {
    let mut host = TestHost::new();
    host.kernel = Some(repository("tests/smp/images/smp.elf"));
    let mut d = Dialogue::on(host, "i386", "--preconfig -S").ready();
    let refused = d.run("x-machine-set", json!({"name": "smp", "value": 9}));
    assert_eq!(
        refused.unwrap_err().1,
        "Parameter 'smp' does not accept value '9'"
    );
    ask(&mut d, "x-machine-set", json!({"name": "smp", "value": 3}));
    ask(&mut d, "x-exit-preconfig", json!({}));
    while machine(&mut d).is_cpu_halted(2) {
        assert_eq!(machine(&mut d).run_slice(1000), SliceEnd::Budget);
    }
    let cpus = ask(&mut d, "query-cpus-fast", json!({}));
    let cpus = cpus.as_array().unwrap();
    assert_eq!(cpus.len(), 3);
    for (n, cpu) in cpus.iter().enumerate() {
        assert_eq!(
            (&cpu["cpu-index"], &cpu["props"]["socket-id"]),
            (&json!(n), &json!(n))
        );
        let kind = json!({"path": cpu["qom-path"], "property": "type"});
        assert_eq!(ask(&mut d, "qom-get", kind), "qemu32-i386-cpu");
    }
    assert_eq!(
        ask(&mut d, "query-hotpluggable-cpus", json!({}))
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let human = |d: &mut Dialogue, line: &str, cpu: u32| {
        let args = json!({"command-line": line, "cpu-index": cpu});
        ask(d, "human-monitor-command", args)
            .as_str()
            .unwrap()
            .to_owned()
    };
    let each: Vec<String> = (0..3).map(|n| human(&mut d, "info registers", n)).collect();
    assert!(
        each.iter()
            .enumerate()
            .all(|(n, text)| text.starts_with(&format!("\r\nCPU#{n}\r\n")))
    );
    assert_eq!(human(&mut d, "info registers -a", 0), each.concat());
    assert_eq!(human(&mut d, "cpu 3", 0), "invalid CPU index\r\n");
    // Refusals as QEMU words them.
    for (name, args) in [
        (
            "human-monitor-command",
            json!({"command-line": "info cpus", "cpu-index": 3}),
        ),
        (
            "memsave",
            json!({"val": 0, "size": 4, "filename": "x", "cpu-index": 3}),
        ),
    ] {
        let refused = d.run(name, args).unwrap_err();
        assert_eq!(refused.1, "Parameter 'cpu-index' expects a CPU number");
    }
    // A core file has the registers of each.
    let core = json!({"paging": false, "protocol": "file:/core"});
    ask(&mut d, "dump-guest-memory", core);
    let (_, data) = d.host.written.pop().unwrap();
    let notes: Vec<usize> = (0..data.len() - 5)
        .filter(|&at| &data[at..at + 5] == b"CORE\0")
        .collect();
    assert_eq!(notes.len(), 3);
    for (n, at) in notes.into_iter().enumerate() {
        machine(&mut d).look_at_cpu(n);
        let place = at + 8 + 72 + 4 * 12;
        let eip = u32::from_le_bytes(data[place..place + 4].try_into().unwrap());
        assert_eq!(u64::from(eip), machine(&mut d).pc(), "vCPU {n}");
    }
}
