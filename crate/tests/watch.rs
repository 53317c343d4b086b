//! Guests that say that they broke, and watchdogs that are not kept quiet: firmware of a few bytes pokes the cards. Events and run
//! states are those of QEMU 7.2 with the same firmware
//! (`qemu-system-i386 -M pc -nodefaults -S -bios FILE -device pvpanic-pci,addr=9`, and `i6300esb`).

mod common;

use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::Scratch;
use common::qmp::Qmp;
use serde_json::{Value, json};

/// Sets a configuration register of slot 9: `mov eax, at; mov dx, 0cf8h; out dx, eax`, then the value to 0cfch.
fn configure(reg: u8, value: &[u8]) -> Vec<u8> {
    let mut code = vec![0x66, 0xb8, reg, 0x48, 0, 0x80, 0xba, 0xf8, 0x0c, 0x66, 0xef];
    code.extend([0xba, 0xfc, 0x0c]);
    match value {
        [byte] => code.extend([0xb0, *byte, 0xee]),
        _ => {
            code.extend([0x66, 0xb8]);
            code.extend(value);
            code.extend([0x66, 0xef]);
        }
    }
    code
}

/// Firmware that maps the card in slot 9 at D0000h, does this with DS there, and halts.
fn firmware(poke: &[u8]) -> Vec<u8> {
    let mut code = configure(0x10, &0xd_0000u32.to_le_bytes());
    code.extend(configure(0x04, &2u32.to_le_bytes()));
    // mov ax, 0d000h; mov ds, ax
    code.extend([0xb8, 0x00, 0xd0, 0x8e, 0xd8]);
    code.extend(poke);
    // hlt; jmp $-1
    code.extend([0xf4, 0xeb, 0xfd]);
    let mut image = vec![0xff; 0x1_0000];
    image[..code.len()].copy_from_slice(&code);
    // jmp 0f000h:0
    image[0xfff0..0xfff5].copy_from_slice(&[0xea, 0, 0, 0, 0xf0]);
    image
}

/// `mov byte [0], n` for both events.
fn broken() -> Vec<u8> {
    firmware(&[0xc6, 0x06, 0, 0, 2, 0xc6, 0x06, 0, 0, 1])
}

/// Two timers of one tick, about a millisecond each, and on.
fn bites() -> Vec<u8> {
    // mov word [12], n
    let word = |n: u8| [0xc7, 0x06, 0x0c, 0, n, 0];
    let mut poke = Vec::new();
    for at in [0, 4] {
        poke.extend(word(0x80));
        poke.extend(word(0x86));
        // mov dword [at], 1
        poke.extend([0x66, 0xc7, 0x06, at, 0, 1, 0, 0, 0]);
    }
    poke.extend(configure(0x68, &[2]));
    firmware(&poke)
}

type Session = (Child, Qmp<ChildStdout, ChildStdin>);

fn start(bios: &str, card: &str, more: &[&str]) -> Session {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args([
            "system-i386",
            "-M",
            "pc",
            "-display",
            "none",
            "-serial",
            "none",
        ])
        .args(["-S", "-qmp", "stdio", "-bios", bios, "-device", card])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (from, to) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let mut qmp = Qmp::new(from, to);
    qmp.ok("qmp_capabilities", json!({}));
    (child, qmp)
}

/// The event that comes next, with its data.
fn event(qmp: &mut Qmp<ChildStdout, ChildStdin>) -> (String, Value) {
    let message = qmp.next();
    let name = message["event"].as_str().unwrap().to_owned();
    (name, message["data"].clone())
}

fn acts(name: &str, action: &str) -> (String, Value) {
    (name.into(), json!({ "action": action }))
}

fn plain(name: &str) -> (String, Value) {
    (name.into(), Value::Null)
}

fn caused(name: &str, reason: &str) -> (String, Value) {
    (name.into(), json!({"guest": true, "reason": reason}))
}

#[test]
fn a_guest_that_broke() {
    let files = Scratch::new("broke");
    let bios = files.file("bios", &broken());
    for (more, word, end) in [
        (&[][..], "poweroff", Some(0)),
        (&["-action", "panic=exit-failure"], "poweroff", Some(1)),
        (&["-action", "panic=pause"], "pause", None),
        (&["-no-shutdown"], "pause", None),
        (&["-action", "panic=none"], "run", None),
    ] {
        let (mut child, mut qmp) = start(&bios, "pvpanic-pci,addr=9", more);
        qmp.ok("cont", json!({}));
        assert_eq!(event(&mut qmp), acts("GUEST_CRASHLOADED", "run"));
        assert_eq!(event(&mut qmp), acts("GUEST_PANICKED", word));
        if word != "run" {
            assert_eq!(event(&mut qmp), plain("STOP"));
        }
        match end {
            Some(code) => {
                assert_eq!(event(&mut qmp), caused("SHUTDOWN", "guest-panic"));
                assert_eq!(child.wait().unwrap().code(), Some(code), "{more:?}");
                continue;
            }
            None if word == "run" => assert_eq!(qmp.status(), "running"),
            None => {
                assert_eq!(qmp.status(), "guest-panicked");
                qmp.ok("cont", json!({}));
            }
        }
        qmp.ok("quit", json!({}));
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_watchdog_that_bites() {
    let files = Scratch::new("bites");
    let bios = files.file("bios", &bites());
    for (action, follows, status) in [
        ("reset", Some(caused("RESET", "guest-reset")), "running"),
        ("shutdown", Some(plain("POWERDOWN")), "running"),
        ("pause", Some(plain("STOP")), "watchdog"),
        ("debug", None, "running"),
        ("none", None, "running"),
        ("inject-nmi", None, "running"),
        ("poweroff", None, ""),
    ] {
        let given = format!("watchdog={action}");
        let (mut child, mut qmp) = start(&bios, "i6300esb,addr=9", &["-action", &given]);
        qmp.ok("cont", json!({}));
        assert_eq!(event(&mut qmp), acts("WATCHDOG", action));
        if let Some(follows) = follows {
            assert_eq!(event(&mut qmp), follows);
        }
        if action == "poweroff" {
            assert!(child.wait().unwrap().success());
            continue;
        }
        if action == "reset" {
            // The firmware runs again.
            assert_eq!(event(&mut qmp), acts("WATCHDOG", action));
            qmp.ok("watchdog-set-action", json!({"action": "none"}));
        }
        assert_eq!(qmp.status(), status);
        qmp.ok("quit", json!({}));
        assert!(child.wait().unwrap().success());
    }
}
