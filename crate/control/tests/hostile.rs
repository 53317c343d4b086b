//! Whatever a monitor sends, the answer is a reply or a sentence: never a panic, and the session goes on.

mod common;

use common::{Dialogue, TestHost};
use serde_json::{Value, json};
use tinamou_control::commands;
use tinamou_control::schema::{Object, Type};

/// A small generator (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const TEXTS: &[&str] = &[
    "",
    "/",
    "/machine",
    "/machine/unattached/device[1]",
    "ide1-cd0",
    "a",
    "0",
    "-1",
    "type",
    "kernel",
    "é\u{1f600}",
    "\u{0}",
    "info registers",
    "x /4xw 0x80000000",
    "help",
    "malta-machine",
    "memory-backend-ram",
    "unix",
    "c0",
    "e1000",
    "virtio-rng-pci",
    "file:/x",
    "hubport",
    "info mem",
];
const NUMBERS: &[i64] = &[
    0,
    1,
    -1,
    16,
    4096,
    65536,
    i64::MAX,
    i64::MIN,
    0x8000_0000,
    0xffff_ffff,
];

/// Some value, mostly of the right type.
fn value(r: &mut Random, ty: Type, depth: u32) -> Value {
    if r.below(12) == 0 || depth > 4 {
        return match r.below(6) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({"x": 1}),
            3 => json!(1.5),
            4 => json!(u64::MAX),
            _ => json!(*r.pick(TEXTS)),
        };
    }
    match ty {
        Type::Bool => json!(r.below(2) == 0),
        Type::Str | Type::StrOrNull => json!(*r.pick(TEXTS)),
        Type::Int | Type::U64 | Type::U32 | Type::U16 | Type::U8 | Type::Number => {
            json!(*r.pick(NUMBERS))
        }
        Type::Any => match r.below(3) {
            0 => json!(*r.pick(TEXTS)),
            1 => json!(*r.pick(NUMBERS)),
            _ => json!({}),
        },
        Type::Enum(e) => json!(*r.pick(e.values)),
        Type::List(item) => (0..r.below(3))
            .map(|_| value(r, *item, depth + 1))
            .collect(),
        Type::Object(o) => members(r, o, depth + 1),
    }
}

fn members(r: &mut Random, o: &Object, depth: u32) -> Value {
    let mut out = json!({});
    for m in o.members {
        if !m.optional || r.below(2) == 0 {
            out[m.name] = value(r, m.ty, depth);
        }
    }
    if let Some((tag, variants)) = o.variants {
        let case = out[tag].as_str().unwrap_or_default().to_owned();
        if let Some((_, more)) = variants.iter().find(|(name, _)| *name == case) {
            for m in more.members {
                if !m.optional || r.below(3) == 0 {
                    out[m.name] = value(r, m.ty, depth);
                }
            }
        }
    }
    out
}

fn small() -> TestHost {
    TestHost::new()
}

/// A way into a run state: options of the command line, and commands.
const STATES: &[(&str, &[&str], &str)] = &[
    ("--preconfig", &[], "prelaunch"),
    ("-S", &[], "prelaunch"),
    ("-no-shutdown", &[], "running"),
    ("", &["stop"], "paused"),
    ("-incoming defer", &[], "inmigrate"),
    ("-no-reboot -no-shutdown", &["system_reset"], "shutdown"),
];

fn in_state(target: &str, (options, commands, state): &(&str, &[&str], &str)) -> Dialogue {
    let mut host = small();
    host.drives[0].medium = None;
    let mut d = Dialogue::on(host, target, options).ready();
    for name in *commands {
        d.run(name, json!({})).unwrap();
    }
    let status = d.run("query-status", json!({})).unwrap();
    assert_eq!(status["status"], *state, "{options}");
    d
}

#[test]
fn commands_with_any_arguments() {
    let all: Vec<_> = commands::all().collect();
    for target in ["mipsel", "x86_64"] {
        for (n, state) in (1..).zip(STATES) {
            let mut r = Random(0x5eed_0001 * n);
            let mut d = in_state(target, state);
            for _ in 0..1500 {
                let c = r.pick(&all);
                // What ends the session, or would make the test itself slow.
                if matches!(
                    c.name,
                    "quit" | "pmemsave" | "memsave" | "human-monitor-command" | "dump-guest-memory"
                ) || c.name.starts_with("x-snapshot")
                {
                    continue;
                }
                if d.ctl.ended().is_some() {
                    d = in_state(target, state);
                }
                let args = members(&mut r, &c.args, 0);
                let message = json!({"execute": c.name, "arguments": args, "id": 1});
                let got = d.send(message.to_string().as_bytes());
                // Events may come behind the reply.
                let reply = got.iter().find(|m| m.get("id").is_some());
                let reply = reply.unwrap_or_else(|| panic!("{message}"));
                assert!(
                    reply.get("return").is_some() != reply.get("error").is_some(),
                    "{message}: {reply}"
                );
                if r.below(8) == 0 && d.ctl.runs() {
                    let end = d.host.machine.as_mut().unwrap().run_slice(500);
                    d.ctl.slice_ended(&mut d.host, end);
                }
            }
            if d.ctl.ended().is_none() {
                // The session is still one.
                assert!(d.run("query-status", json!({})).is_ok());
            }
        }
    }
}

#[test]
fn cards_and_images_in_any_order() {
    let drivers = [
        "e1000",
        "rtl8139",
        "ne2k_pci",
        "pcnet",
        "virtio-net-pci",
        "virtio-blk-pci",
        "virtio-rng-pci",
        "virtio-balloon-pci",
        "isa-serial",
        "ide-cd",
        "VGA",
        "\u{1f600}",
    ];
    let ids = ["a", "b", "c", "n0", "n1", "ide1-cd0", "h", ""];
    for (n, target) in (1..).zip(["mips", "i386"]) {
        let mut r = Random(0x5eed_0010 * n);
        let mut d = Dialogue::on(small(), target, "").ready();
        for _ in 0..3000 {
            let (id, other) = (*r.pick(&ids), *r.pick(&ids));
            let (name, args) = match r.below(11) {
                0..=2 => {
                    let mut args = json!({"driver": *r.pick(&drivers), "id": id});
                    for (key, value) in [
                        ("drive", json!(other)),
                        ("netdev", json!(other)),
                        ("addr", json!(format!("{:x}", r.below(34)))),
                        ("mac", json!("52:54:00:00:00:01")),
                        ("bus", json!("pci.0")),
                    ] {
                        if r.below(4) == 0 {
                            args[key] = value;
                        }
                    }
                    ("device_add", args)
                }
                3 => ("device_del", json!({"id": id})),
                4 => (
                    "blockdev-add",
                    json!({"driver": "null-co", "node-name": id, "size": *r.pick(NUMBERS)}),
                ),
                5 => (
                    "blockdev-add",
                    json!({"driver": *r.pick(&["raw", "qcow2", "file"]), "node-name": id, "file": other}),
                ),
                6 => ("blockdev-del", json!({"node-name": id})),
                7 => (
                    *r.pick(&["blockdev-open-tray", "blockdev-close-tray", "eject"]),
                    json!({"device": "ide1-cd0"}),
                ),
                8 => (
                    "blockdev-insert-medium",
                    json!({"id": "/machine/unattached/ide1-cd0", "node-name": id}),
                ),
                9 => (
                    "netdev_add",
                    json!({"type": "hubport", "id": id, "hubid": r.below(3)}),
                ),
                _ => (
                    *r.pick(&[
                        "system_reset",
                        "query-block",
                        "query-pci",
                        "query-named-block-nodes",
                    ]),
                    json!({}),
                ),
            };
            // A refusal is an answer.
            let _ = d.run(name, args);
            if r.below(10) == 0 {
                let end = d.host.machine.as_mut().unwrap().run_slice(2000);
                d.ctl.slice_ended(&mut d.host, end);
            }
        }
        assert!(d.run("query-pci", json!({})).is_ok());
    }
}

#[test]
fn bytes_in_any_order() {
    let pieces: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\"",
        b"'",
        b"\\",
        b"\n",
        b"\"execute\"",
        b"\"query-status\"",
        b"\"id\"",
        b"\"arguments\"",
        b"1",
        b"-",
        b"0",
        b".",
        b"e",
        b"true",
        b"nul",
        b"\xff",
        b"\xc3",
        b"\x80",
        b"\\u0000",
        b"\\ud800",
        b"%",
        b" ",
        b"\x00",
        b"{\"execute\":\"query-name\"}",
        b"{\"execute\":\"qmp_capabilities\"}",
    ];
    let mut r = Random(0x5eed_0002);
    for _ in 0..20 {
        let mut d = Dialogue::on(small(), "mipsel", "-S").ready();
        for _ in 0..1000 {
            let bytes = *r.pick(pieces);
            d.send(bytes);
        }
        // Out of whatever it is in: a string ends at a newline, brackets end by a mistake.
        d.send(b"\n\xff\n");
        assert!(d.run("query-status", json!({})).is_ok());
    }
}

#[test]
fn messages_in_pieces() {
    let mut d = Dialogue::new("mips", "-S").ready();
    let text = b"{'execute' : \"query-status\", \"id\": [1, {\"a\": -1.5e3}, \"\\u00e9\"]}";
    let whole = d.send(text);
    assert_eq!(whole.len(), 1);
    let mut got = Vec::new();
    for b in text {
        got.extend(d.send(&[*b]));
    }
    assert_eq!(got, whole);
}

#[test]
fn limits() {
    let mut d = Dialogue::new("mips", "-S").ready();
    let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    let refused = |got: Vec<Value>| got[0]["error"]["desc"].as_str().unwrap().to_owned();
    assert_eq!(
        refused(d.send(&deep(1024))),
        "QMP input must be a JSON object"
    );
    assert_eq!(
        refused(d.send(&deep(1025))),
        "JSON nesting depth limit exceeded"
    );
    let list = b"["
        .iter()
        .chain(b"1,".repeat(1 << 20).iter())
        .copied()
        .collect::<Vec<_>>();
    assert_eq!(refused(d.send(&list)), "JSON token count limit exceeded");
    d.send(b"\n");
    assert!(d.run("query-status", json!({})).is_ok());
}

#[test]
fn lines_for_people_of_any_kind() {
    let words = [
        "info",
        "x",
        "xp",
        "p",
        "print",
        "sum",
        "help",
        "/4xw",
        "/3i",
        "/c",
        "/999999999999x",
        "0x80000000",
        "-1",
        "$pc",
        "(((",
        "1+",
        "~0",
        "'",
        "\"",
        "\\",
        "registers",
        "mtree",
        "-f",
        "qtree",
        "qom-tree",
        "tlb",
        "pic",
        "eject",
        "change",
        "a b",
        "memsave",
        "gva2gpa",
        "0xffffffffffffffff",
        "sendkey",
        "ctrl-alt-f1",
        "é",
        "device_add",
        "e1000,id=x",
        "$eip",
        "mem",
        "0/0",
        "9999999999999999999999",
        "#",
        "/",
    ];
    let human: Vec<_> = commands::human().collect();
    let mut r = Random(0x5eed_0003);
    let mut d = Dialogue::on(small(), "mips64el", "-S").ready();
    for step in 0..4000 {
        if step == 2000 {
            d = Dialogue::on(small(), "i386", "-S").ready();
        }
        let n = 1 + r.below(4);
        let mut line: Vec<&str> = (0..n).map(|_| *r.pick(&words)).collect();
        if r.below(2) == 0 {
            line.insert(0, r.pick(&human).names.split('|').next().unwrap());
        }
        if matches!(line[0], "quit" | "pmemsave" | "sum" | "memsave") {
            continue;
        }
        let line = line.join(" ");
        let got = d.run("human-monitor-command", json!({ "command-line": line }));
        assert!(got.is_ok(), "{line}: {got:?}");
    }
}

#[test]
fn typing_of_any_kind() {
    let mut d = Dialogue::on(small(), "mips", "-S");
    let id = d.ctl.add_hmp();
    d.ctl.connected(id);
    let mut r = Random(0x5eed_0004);
    for _ in 0..20_000 {
        let b = match r.below(4) {
            0 => r.next() as u8,
            1 => *r.pick(b"\x1b[ABCDHF~13\x7f\t\r\x08"),
            _ => *r.pick(b"abcdefghinostx /0"),
        };
        d.ctl.input(id, &[b], &mut d.host);
    }
    d.ctl
        .input(id, b"\x15\x15\x1bO\rinfo status\r", &mut d.host);
    let out = String::from_utf8_lossy(&d.ctl.take_output(id)).into_owned();
    assert!(out.contains("VM status: "), "{out}");
}
