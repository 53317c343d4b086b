//! `-display curses` in a pseudo-terminal: the screen of a text mode, of graphics, of the monitor and of a serial port, and what keys send,
//! beside what QEMU's own display showed. The guest is `tests/curses/rom.S`.
//!
//! `CURSES_RECORD=qemu-system-i386 cargo test -p tinamou --test curses` records `tests/curses/golden.txt` again.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Scratch, repository};

const ROWS: NonZeroU16 = NonZeroU16::new(25).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).unwrap();

/// What is typed before each picture, and its name.
const STEPS: [(&str, &str); 9] = [
    ("text", ""),
    ("letters", "aZ|_"),
    ("keys", "\x1bOA\x1bOP\x1b[3~\x1b[24~"),
    ("text again", "\x1bOQ"),
    ("control", "\x03\x1bx\t\r\x7f"),
    ("off", "\x1bOR"),
    ("monitor", "\x1b2info status\r"),
    ("serial", "\x1b3"),
    ("text at last", "\x1b1\x1bOQ"),
];

/// A program in a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn start(command: &mut Command) -> Terminal {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize {
            ws_row: ROWS.get(),
            ws_col: COLUMNS.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: both descriptors have room, the size is live; name and modes are left to the system.
        let made = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                (&raw const size).cast_mut(),
            )
        };
        assert_eq!(made, 0, "no pseudo-terminal");
        // SAFETY: openpty has just made both, and nobody else owns them.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let end = || Stdio::from(slave.try_clone().unwrap());
        command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("LINES")
            .env_remove("COLUMNS")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        // SAFETY: both calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let (to, mut from) = (screen.clone(), master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().process(&bytes[..n]);
            }
        });
        Terminal {
            child,
            keys: master,
            screen,
        }
    }

    /// Types a key at a time: one escape sequence, or one character.
    fn type_keys(&mut self, keys: &str) {
        let mut rest = keys;
        while !rest.is_empty() {
            let n = match rest.strip_prefix('\x1b') {
                Some(s) if s.starts_with('[') => 2 + s.find('~').unwrap(),
                Some(s) if s.starts_with('O') => 3,
                Some(_) => 2,
                None => 1,
            };
            self.keys.write_all(&rest.as_bytes()[..n]).unwrap();
            rest = &rest[n..];
            // The guest's keyboard holds a few keys alone.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The screen: each row's text and, below it, stretches of other colours than grey on black, then the cursor.
    fn shown(&self) -> String {
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        let mut out = String::new();
        for (row, text) in (0..).zip(screen.rows(0, COLUMNS.get())) {
            // The monitor's first line has a version in it.
            let text = match text.find(" - type 'help'") {
                Some(at) => format!("QEMU monitor{}", &text[at..]),
                None => text,
            };
            out += &format!("|{}\n", text.trim_end());
            let mut stretches: Vec<(String, usize)> = Vec::new();
            for column in 0..COLUMNS.get() {
                let style = screen.cell(row, column).map_or(String::new(), style);
                match stretches.last_mut() {
                    Some((last, n)) if *last == style => *n += 1,
                    _ => stretches.push((style, 1)),
                }
            }
            if stretches.iter().any(|s| s.0 != "7/0") {
                for (style, n) in &stretches {
                    out += &format!(" {n}x{style}");
                }
                out.push('\n');
            }
        }
        let at = screen.cursor_position();
        out += &match screen.hide_cursor() {
            true => "no cursor\n".to_owned(),
            false => format!("cursor {} {}\n", at.0, at.1),
        };
        out
    }

    /// The screen once nothing has changed for a while.
    fn at_rest(&self) -> String {
        let mut last = (self.shown(), Instant::now());
        while last.1.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.shown();
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
        last.0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Colours and weight of a cell. What is blank has no foreground.
fn style(cell: &vt100::Cell) -> String {
    let number = |c, default: u8| match c {
        vt100::Color::Default => default.to_string(),
        vt100::Color::Idx(n) => n.to_string(),
        vt100::Color::Rgb(r, g, b) => format!("{r}.{g}.{b}"),
    };
    let (mut fore, mut back) = (number(cell.fgcolor(), 7), number(cell.bgcolor(), 0));
    if cell.inverse() {
        (fore, back) = (back, fore);
    }
    if cell.contents().trim().is_empty() {
        fore = "7".into();
    }
    let bold = cell.bold() && !cell.contents().trim().is_empty();
    format!("{fore}/{back}{}", if bold { "b" } else { "" })
}

/// The guest: firmware of 64 KiB.
fn rom() -> Vec<u8> {
    let code = std::fs::read(repository("tests/curses/rom.bin")).unwrap();
    let mut image = vec![0; 0x1_0000];
    image[..code.len()].copy_from_slice(&code);
    // jmp F000:0000
    image[0xfff0..0xfff5].copy_from_slice(&[0xea, 0, 0, 0, 0xf0]);
    image
}

#[test]
fn shows_what_qemu_shows() {
    let files = Scratch::new("curses");
    let rom = files.file("rom.bin", &rom());
    files.file("vgabios-stdvga.bin", &[0x55, 0xaa, 0]);
    let golden = repository("tests/curses/golden.txt");
    let record = std::env::var("CURSES_RECORD").ok();
    let mut command = match &record {
        Some(qemu) => Command::new(qemu),
        None => {
            let mut c = Command::new(env!("CARGO_BIN_EXE_tinamou"));
            c.args(["system-i386", "-L", &files.path("")]);
            c
        }
    };
    command.args([
        "-M", "pc", "-m", "16", "-net", "none", "-display", "curses", "-bios",
    ]);
    let mut terminal = Terminal::start(command.arg(&rom));
    if let Some(qemu) = record {
        let mut all = format!("{qemu} -M pc -m 16 -net none -display curses -bios rom.bin\n");
        for (name, keys) in STEPS {
            terminal.type_keys(keys);
            all += &format!("== {name}\n{}", terminal.at_rest());
        }
        std::fs::write(golden, all).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(golden).unwrap();
    for (name, keys) in STEPS {
        let (_, want) = golden.split_once(&format!("== {name}\n")).unwrap();
        let want = want.split("== ").next().unwrap();
        terminal.type_keys(keys);
        let limit = Instant::now() + Duration::from_secs(60);
        while terminal.shown() != want {
            assert!(
                Instant::now() < limit,
                "{name}: shown\n{}wanted\n{want}",
                terminal.shown()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // The monitor ends it, and the terminal is as it was.
    terminal.type_keys("\x1b2quit\r");
    assert!(terminal.child.wait().unwrap().success());
    let parser = terminal.screen.lock().unwrap();
    assert!(!parser.screen().alternate_screen() && !parser.screen().hide_cursor());
}
