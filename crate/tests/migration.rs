//! Machines saved in one process that go on in another: over files, commands, sockets and descriptors.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::qmp::{Qmp, Sends, connect, events_to, prompt, spawn, with_console, with_events};
use common::{Scratch, text, tinamou};
use serde_json::{Value, json};

/// A machine saved in one process goes on in others: after `migrate-incoming`, at once, and stopped. Events and run states are those
/// of QEMU 7.2's `migrate` and `-incoming defer` with `exec:cat`.
#[test]
fn a_saved_machine_goes_on_elsewhere() {
    let files = Scratch::new("migrate");
    let state = files.path("state");
    let (mut child, stream, mut console) = with_console(&files, "a", &["-S"]);
    let mut qmp = with_events(stream);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    // Half a command is typed here, the other half there.
    console.write_all(b"power").unwrap();
    let mut echo = [0; 5];
    console.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"power");
    assert_eq!(
        qmp.refused("migrate", json!({"uri": "carrier-pigeon:x"})),
        "Parameter 'uri' expects a valid migration protocol"
    );
    // What cannot be written leaves it running.
    let nowhere = format!("file:{}", files.path("no-such-folder/state"));
    qmp.ok("migrate", json!({"uri": nowhere}));
    let events = events_to(&mut qmp, "MIGRATION failed");
    assert_eq!(events, ["MIGRATION failed"]);
    assert_eq!(qmp.status(), "running");
    let (_, reply) = qmp.run("query-migrate", json!({}));
    assert_eq!(reply["return"]["status"], "failed");
    let desc = reply["return"]["error-desc"].as_str().unwrap();
    assert!(desc.ends_with("No such file or directory"), "{desc}");

    let uri = format!("file:{state}");
    assert_eq!(qmp.ok("migrate", json!({"uri": uri})), ["MIGRATION"]);
    let events = events_to(&mut qmp, "MIGRATION completed");
    assert_eq!(
        events,
        [
            "MIGRATION_PASS",
            "MIGRATION active",
            "STOP",
            "MIGRATION completed"
        ]
    );
    assert_eq!(qmp.status(), "postmigrate");
    let (_, reply) = qmp.run("query-migrate", json!({}));
    assert_eq!(reply["return"]["ram"]["remaining"], 0);
    qmp.ok("cont", json!({}));
    assert_eq!(qmp.status(), "running");
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());

    let (mut child, stream, mut console) = with_console(&files, "b", &["-incoming", "defer"]);
    let mut qmp = with_events(stream);
    assert_eq!(qmp.status(), "inmigrate");
    // What is no machine leaves it waiting.
    let text = files.file("text", b"nothing of the kind");
    let wrong = json!({"uri": format!("file:{text}")});
    qmp.ok("migrate-incoming", wrong);
    events_to(&mut qmp, "MIGRATION failed");
    let (_, reply) = qmp.run("query-migrate", json!({}));
    assert_eq!(reply["return"]["error-desc"], "this is not a snapshot");
    assert_eq!(qmp.status(), "inmigrate");
    let uri = format!("exec:cat {state}");
    qmp.ok("migrate-incoming", json!({"uri": uri}));
    let events = events_to(&mut qmp, "MIGRATION completed");
    assert_eq!(
        events,
        ["MIGRATION active", "RESUME", "MIGRATION completed"]
    );
    assert_eq!(qmp.status(), "running");
    console.write_all(b"off\r").unwrap();
    assert_eq!(events_to(&mut qmp, "SHUTDOWN"), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());

    let from = format!("file:{state}");
    let (mut child, stream, mut console) =
        with_console(&files, "c", &["-S", "-incoming", &from, "-accel", "interp"]);
    let mut qmp = with_events(stream);
    assert_eq!(qmp.status(), "paused");
    assert_eq!(qmp.ok("cont", json!({})), ["RESUME"]);
    console.write_all(b"off\r").unwrap();
    assert_eq!(events_to(&mut qmp, "SHUTDOWN"), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());
}

/// A disk that is written is saved as it is, and loaded into the image that is there.
#[test]
fn disks_are_saved_and_loaded() {
    let files = Scratch::new("disks");
    let (disk, copy) = (
        files.file("disk", &[0xa5; 8192]),
        files.file("copy", &[0; 8192]),
    );
    let state = format!("file:{}", files.path("state"));
    let session = |args: &[&str]| {
        let mut child = spawn(&[&["-S", "-qmp", "stdio"], args].concat());
        let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let mut qmp = Qmp::new(from, to);
        qmp.ok("qmp_capabilities", json!({}));
        (child, qmp)
    };
    let drive = format!("file={disk},format=raw");
    let (mut child, mut qmp) = session(&["-drive", &drive]);
    qmp.ok("migrate", json!({"uri": state}));
    until_migration(&mut qmp, "completed");
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
    let drive = format!("file={copy},format=raw");
    // With -snapshot it stays as it is.
    for (more, byte) in [("-snapshot", 0), ("-no-reboot", 0xa5)] {
        let (mut child, mut qmp) = session(&["-drive", &drive, "-incoming", &state, more]);
        assert_eq!(qmp.status(), "paused");
        qmp.ok("quit", json!({}));
        assert!(child.wait().unwrap().success());
        assert_eq!(std::fs::read(&copy).unwrap(), [byte; 8192]);
    }
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let files = Scratch::new("unmigrated");
    let text_file = files.file("text", b"nothing of the kind");
    let out = tinamou(&["system-mipsel", "-incoming", &format!("file:{text_file}")]);
    assert!(!out.status.success());
    let said = text(&out.stderr);
    assert!(said.contains("this is not a snapshot"), "{said}");
}

/// Asks until the migration is so far, and returns what is said of it.
fn until_migration<R: Read, W: Sends>(qmp: &mut Qmp<R, W>, status: &str) -> Value {
    loop {
        let (_, reply) = qmp.run("query-migrate", json!({}));
        let now = reply["return"]["status"].as_str().unwrap_or("none");
        if now == status {
            return reply["return"].clone();
        }
        assert!(!["failed", "cancelled"].contains(&now), "{reply}");
    }
}

/// The `setup` that everybody hears of, and what follows.
fn migrate(qmp: &mut Qmp<UnixStream, UnixStream>, uri: &str) {
    assert_eq!(qmp.ok("migrate", json!({ "uri": uri })), ["MIGRATION"]);
}

const OUT: [&str; 4] = [
    "MIGRATION_PASS",
    "MIGRATION active",
    "STOP",
    "MIGRATION completed",
];

/// From machine to machine over sockets and a descriptor. Events, run states and replies are those of QEMU 7.2
/// (`qemu-system-mipsel -M malta -nodefaults` with `-incoming tcp:127.0.0.1:0` and so on), less a second pass.
#[test]
fn machines_move_over_sockets() {
    let files = Scratch::new("move");
    let path = files.path("state.socket");
    let (mut child, stream, mut console) = with_console(&files, "a", &["-S"]);
    let mut qmp = with_events(stream);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    let ways = ["tcp:0:0", &format!("unix:{path}"), "fd:pipe"];
    for (n, way) in ways.into_iter().enumerate() {
        let name = format!("b{n}");
        let at_once = if n == 0 { way } else { "defer" };
        let (next, stream, next_console) = with_console(&files, &name, &["-incoming", at_once]);
        let mut there = with_events(stream);
        assert_eq!(there.status(), "inmigrate");
        let mut to = way.to_owned();
        if n == 2 {
            let (from, into) = std::io::pipe().unwrap();
            for (qmp, fd) in [(&mut qmp, into.as_raw_fd()), (&mut there, from.as_raw_fd())] {
                let sentence = qmp.refused("getfd", json!({"fdname": "pipe"}));
                assert_eq!(sentence, "No file descriptor supplied via SCM_RIGHTS");
                qmp.pass(fd);
                qmp.ok("getfd", json!({"fdname": "pipe"}));
            }
        }
        if n > 0 {
            there.ok("migrate-incoming", json!({ "uri": way }));
        }
        let (_, reply) = there.run("query-migrate", json!({}));
        let addresses = &reply["return"]["socket-address"];
        match n {
            0 => {
                let at = &addresses[0];
                assert_eq!(
                    (&at["type"], &at["host"]),
                    (&json!("inet"), &json!("0.0.0.0"))
                );
                to = format!("tcp:127.0.0.1:{}", at["port"].as_str().unwrap());
            }
            1 => assert_eq!(*addresses, json!([{"type": "unix", "path": path}])),
            _ => assert_eq!(*addresses, Value::Null),
        }
        assert_eq!(
            there.refused("migrate-incoming", json!({"uri": "tcp:0:0"})),
            "The incoming migration has already been started"
        );
        assert_eq!(
            there.refused("migrate", json!({"uri": "tcp:0:0"})),
            "Guest is waiting for an incoming migration"
        );
        migrate(&mut qmp, &to);
        assert_eq!(events_to(&mut qmp, "MIGRATION completed"), OUT);
        assert_eq!(qmp.status(), "postmigrate");
        // A pipe is read at once.
        let mut events = events_to(&mut there, "MIGRATION completed");
        events.retain(|e| e != "MIGRATION active");
        assert_eq!(events, ["RESUME", "MIGRATION completed"]);
        assert_eq!(there.status(), "running");
        let (_, reply) = there.run("query-migrate", json!({}));
        assert_eq!(reply["return"], json!({"status": "completed"}));
        // It is the one to go on with.
        qmp.ok("quit", json!({}));
        assert!(child.wait().unwrap().success());
        (child, qmp, console) = (next, there, next_console);
    }
    console.write_all(b"poweroff\r").unwrap();
    assert_eq!(events_to(&mut qmp, "SHUTDOWN"), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());
}

/// A place that takes a state slowly: the machine is there for its monitors, and goes on if that comes to nothing.
#[test]
fn a_machine_that_does_not_get_away_runs_on() {
    let files = Scratch::new("stay");
    let (mut child, stream, mut console) = with_console(&files, "a", &["-S"]);
    let mut qmp = with_events(stream);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    qmp.ok("migrate_cancel", json!({}));
    qmp.ok("migrate-set-parameters", json!({"max-bandwidth": 1000}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("tcp:{}", listener.local_addr().unwrap());
    migrate(&mut qmp, &uri);
    let mut there = listener.accept().unwrap().0;
    let events = events_to(&mut qmp, "STOP");
    assert_eq!(events, ["MIGRATION_PASS", "MIGRATION active", "STOP"]);
    there.read_exact(&mut [0; 100]).unwrap();
    // The figures follow what has gone.
    let mut last = 0;
    for _ in 0..3 {
        let ram = loop {
            let (_, reply) = qmp.run("query-migrate", json!({}));
            assert_eq!(reply["return"]["status"], "active");
            let ram = reply["return"]["ram"].clone();
            if ram["transferred"].as_u64() > Some(last) {
                break ram;
            }
        };
        last = ram["transferred"].as_u64().unwrap();
        let (total, left) = (
            ram["total"].as_u64().unwrap(),
            ram["remaining"].as_u64().unwrap(),
        );
        assert!(left > 0 && left <= total, "{ram}");
    }
    assert_eq!(qmp.status(), "finish-migrate");
    for (name, args, sentence) in [
        (
            "migrate",
            json!({ "uri": uri }),
            "There's a migration process in progress",
        ),
        ("cont", json!({}), "Migration is not finalized yet"),
        (
            "migrate-set-capabilities",
            json!({"capabilities": [{"capability": "xbzrle", "state": true}]}),
            "There's a migration process in progress",
        ),
        (
            "device_add",
            json!({"driver": "pcnet"}),
            "device_add not allowed while migrating",
        ),
    ] {
        assert_eq!(qmp.refused(name, args), sentence);
    }
    assert_eq!(qmp.ok("migrate_cancel", json!({})), ["MIGRATION"]);
    let events = events_to(&mut qmp, "MIGRATION cancelled");
    assert_eq!(events, ["RESUME", "MIGRATION cancelled"]);
    assert_eq!(qmp.status(), "running");
    let (_, reply) = qmp.run("query-migrate", json!({}));
    assert_eq!(reply["return"], json!({"status": "cancelled"}));
    // Whoever listened finds the end.
    there.read_to_end(&mut Vec::new()).unwrap();

    // A destination that dies.
    migrate(&mut qmp, &uri);
    let mut there = listener.accept().unwrap().0;
    there.read_exact(&mut [0; 100]).unwrap();
    drop(there);
    let events = events_to(&mut qmp, "MIGRATION failed");
    assert_eq!(
        events,
        [
            "MIGRATION_PASS",
            "MIGRATION active",
            "STOP",
            "RESUME",
            "MIGRATION failed"
        ]
    );
    let (_, reply) = qmp.run("query-migrate", json!({}));
    let why = reply["return"]["error-desc"].as_str().unwrap();
    assert!(why.starts_with("Unable to write to socket: "), "{why}");
    // One that is not there, and one that cannot be.
    drop(listener);
    // A port that no other test is given.
    let uri = "tcp:127.0.0.1:1";
    migrate(&mut qmp, uri);
    assert_eq!(
        events_to(&mut qmp, "MIGRATION failed"),
        ["MIGRATION failed"]
    );
    let (_, reply) = qmp.run("query-migrate", json!({}));
    let sentence = format!("Failed to connect to '{}': Connection refused", &uri[4..]);
    assert_eq!(
        reply["return"],
        json!({"status": "failed", "error-desc": sentence})
    );
    for (uri, sentence) in [
        ("fd:foo", "File descriptor named 'foo' has not been found"),
        ("tcp:foo", "error parsing address 'foo'"),
        ("unix:", "invalid Unix socket address"),
    ] {
        assert_eq!(qmp.refused("migrate", json!({ "uri": uri })), sentence);
    }
    // The guest has not noticed.
    assert_eq!(qmp.status(), "running");
    console.write_all(b"poweroff\r").unwrap();
    assert_eq!(events_to(&mut qmp, "SHUTDOWN"), ["SHUTDOWN"]);
    assert!(child.wait().unwrap().success());
}

/// The capability `background-snapshot` saves a machine that runs on; `pause-before-switchover` holds one.
#[test]
fn capabilities_change_what_happens() {
    let files = Scratch::new("able");
    let state = files.path("state");
    let uri = format!("file:{state}");
    let (mut child, stream, mut console) = with_console(&files, "a", &["-S"]);
    let mut qmp = with_events(stream);
    qmp.ok("cont", json!({}));
    prompt(&mut console);
    let set = |qmp: &mut Qmp<UnixStream, UnixStream>, name: &str, on: bool| {
        let one = json!([{"capability": name, "state": on}]);
        qmp.ok("migrate-set-capabilities", json!({ "capabilities": one }));
    };
    set(&mut qmp, "background-snapshot", true);
    migrate(&mut qmp, &uri);
    let events = events_to(&mut qmp, "MIGRATION completed");
    assert_eq!(
        events,
        [
            "MIGRATION_PASS",
            "MIGRATION active",
            "STOP",
            "RESUME",
            "MIGRATION completed"
        ]
    );
    assert_eq!(qmp.status(), "running");
    assert!(std::fs::metadata(&state).unwrap().len() > 1000);
    set(&mut qmp, "background-snapshot", false);
    set(&mut qmp, "pause-before-switchover", true);
    assert_eq!(
        qmp.refused("migrate-continue", json!({"state": "pre-switchover"})),
        "Migration not in expected state: completed"
    );
    for cancels in [true, false] {
        migrate(&mut qmp, &uri);
        let events = events_to(&mut qmp, "MIGRATION pre-switchover");
        assert_eq!(events[2..], ["STOP", "MIGRATION pre-switchover"]);
        assert_eq!(qmp.status(), "finish-migrate");
        if cancels {
            qmp.ok("migrate_cancel", json!({}));
            events_to(&mut qmp, "MIGRATION cancelled");
            assert_eq!(qmp.status(), "running");
        } else {
            let go_on = json!({"state": "pre-switchover"});
            assert_eq!(qmp.ok("migrate-continue", go_on), ["MIGRATION"]);
            let events = events_to(&mut qmp, "MIGRATION completed");
            assert_eq!(events, ["MIGRATION completed"]);
        }
    }
    assert_eq!(qmp.status(), "postmigrate");
    qmp.ok("quit", json!({}));
    assert!(child.wait().unwrap().success());
}

/// What comes in and is no state ends the program, as QEMU's `-incoming` does, or leaves it waiting for another.
#[test]
fn strangers_are_refused() {
    let files = Scratch::new("stranger");
    let good = files.path("good");
    let (mut child, stream, _console) = with_console(&files, "a", &["-S"]);
    let mut qmp = with_events(stream);
    migrate(&mut qmp, &format!("file:{good}"));
    events_to(&mut qmp, "MIGRATION completed");
    qmp.ok("quit", json!({}));
    child.wait().unwrap();
    let good = std::fs::read(&good).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let cases = [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], "this is not a snapshot"),
        (&b""[..], "this is not a snapshot"),
        (&good[..good.len() / 2], "the snapshot is cut short"),
        (&damaged[..], "the snapshot is damaged"),
    ];
    let (mut child, stream, _console) = with_console(&files, "b", &["-incoming", "defer"]);
    let mut qmp = with_events(stream);
    for (bytes, sentence) in cases {
        qmp.ok("migrate-incoming", json!({"uri": "tcp:127.0.0.1:0"}));
        let (_, reply) = qmp.run("query-migrate", json!({}));
        let at = reply["return"]["socket-address"][0].clone();
        let to = format!("127.0.0.1:{}", at["port"].as_str().unwrap());
        let mut there = TcpStream::connect(to).unwrap();
        // It may be hung up upon.
        let _ = there.write_all(bytes);
        drop(there);
        events_to(&mut qmp, "MIGRATION failed");
        let (_, reply) = qmp.run("query-migrate", json!({}));
        let why = reply["return"]["error-desc"].as_str().unwrap();
        assert!(why.starts_with(sentence), "{why}");
        assert_eq!(qmp.status(), "inmigrate");
    }
    qmp.ok("quit", json!({}));
    child.wait().unwrap();

    let path = files.path("in.socket");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args([
            "system-mipsel",
            "-display",
            "none",
            "-serial",
            "none",
            "-monitor",
            "none",
        ])
        .args(["-incoming", &format!("unix:{path}")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    connect(&path, &mut child)
        .write_all(b"hello, world, here I am")
        .unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(!out.status.success());
    let said = text(&out.stderr);
    let sentence = "load of migration failed: this is not a snapshot";
    assert!(said.contains(sentence), "{said}");
    assert!(!std::path::Path::new(&path).exists());
}

/// The monitor for people waits for a migration, and keeps what is typed; `-d` does not wait.
#[test]
fn people_wait_for_it() {
    let files = Scratch::new("wait");
    let state = files.path("state");
    let mut child = spawn(&["-S", "-display", "none", "-monitor", "stdio"]);
    let mut to = child.stdin.take().unwrap();
    let line = format!(
        "migrate file:{state}\ninfo status\ninfo migrate\nmigrate -d tcp:127.0.0.1:1\nquit\n"
    );
    to.write_all(line.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = text(&out.stdout);
    for part in [
        "VM status: paused (postmigrate)",
        "Migration status: completed",
        "remaining ram: 0 kbytes",
        "Can't migrate the vm that was paused due to previous migration",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
