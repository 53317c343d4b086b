//! Dialogues recorded from QEMU, replayed: the same refusals word for word, the same events, the same replies where the values do not
//! depend on the emulator.

mod common;

use common::{Dialogue, TestHost, comparable, recorded};
use serde_json::{Value, json};

/// Replays whole dialogues on both boards; every message must be the same.
fn replay(file: &str, text: &str) {
    for target in ["mips", "i386"] {
        replay_on(target, file, text, |host| host.drives.clear());
    }
}

/// The same on one target, whose host is furnished first.
fn replay_on(target: &str, file: &str, text: &str, furnish: impl Fn(&mut TestHost)) {
    let mut state = None;
    for (options, exchanges) in recorded(text) {
        let mut host = TestHost::new();
        // What one dialogue saved the next one loads.
        host.state = state.take();
        furnish(&mut host);
        let mut d = Dialogue::on(host, target, &options);
        for e in exchanges {
            let got: Vec<_> = d.send(&e.sent).into_iter().map(comparable).collect();
            let want: Vec<_> = e.replies.into_iter().map(comparable).collect();
            assert_eq!(
                got,
                want,
                "{target}, {file}, line {}: {}",
                e.line,
                String::from_utf8_lossy(&e.sent)
            );
        }
        state = d.host.state.take();
    }
}

#[test]
fn negotiation() {
    replay("negotiation.txt", include_str!("golden/negotiation.txt"));
}

#[test]
fn migration() {
    replay("migration.txt", include_str!("golden/migration.txt"));
}

#[test]
fn json() {
    replay("json.txt", include_str!("golden/json.txt"));
}

#[test]
fn preconfig() {
    let malta = include_str!("golden/preconfig.txt");
    replay_on("mips", "preconfig.txt", malta, |host| host.drives.clear());
    let pc = include_str!("golden/pc-preconfig.txt");
    replay_on("i386", "pc-preconfig.txt", pc, |host| host.drives.clear());
}

#[test]
fn life() {
    let malta = include_str!("golden/life.txt");
    replay_on("mips", "life.txt", malta, |host| host.drives.clear());
    let pc = include_str!("golden/pc-life.txt");
    replay_on("i386", "pc-life.txt", pc, |host| host.drives.clear());
}

#[test]
fn cards() {
    let pc = include_str!("golden/pc-plug.txt");
    replay_on("i386", "pc-plug.txt", pc, |host| host.drives.clear());
    let malta = include_str!("golden/malta-plug.txt");
    replay_on("mipsel", "malta-plug.txt", malta, |host| {
        host.drives.clear();
    });
}

#[test]
fn images() {
    let pc = include_str!("golden/pc-block.txt");
    replay_on("i386", "pc-block.txt", pc, |host| {
        for d in host.drives.iter_mut().filter(|d| d.removable) {
            d.medium = None;
        }
    });
}

#[test]
fn back_ends_and_input() {
    let pc = include_str!("golden/pc-misc.txt");
    replay_on("i386", "pc-misc.txt", pc, |host| {
        host.drives.clear();
        host.no_display = true;
    });
}

/// Whether two values are of one type, objects and lists as deep as both go.
fn same_types(got: &Value, want: &Value, at: &str) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            for (key, value) in got {
                if let Some(want) = want.get(key) {
                    same_types(value, want, &format!("{at}.{key}"));
                }
            }
        }
        (Value::Array(got), Value::Array(want)) => {
            if let (Some(got), Some(want)) = (got.first(), want.first()) {
                same_types(got, want, &format!("{at}[0]"));
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(got),
            std::mem::discriminant(want),
            "{at}: {got} for {want}"
        ),
    }
}

/// Asks what QEMU was asked: the same refusals, and answers with members of the same types.
fn queries_on(target: &str, text: &str) {
    let mut d = Dialogue::new(target, "-S").ready();
    for (_, exchanges) in recorded(text) {
        for e in exchanges {
            let at = format!(
                "{target}, line {}: {}",
                e.line,
                String::from_utf8_lossy(&e.sent)
            );
            let got = d.send(&e.sent).pop().unwrap();
            let want = &e.replies[0];
            match want.get("error") {
                Some(error) => assert_eq!(got.get("error"), Some(error), "{at}"),
                None => {
                    let got = got.get("return").unwrap_or_else(|| panic!("{at}: {got}"));
                    same_types(got, &want["return"], &at);
                }
            }
        }
    }
}

#[test]
fn queries() {
    queries_on("mipsel", include_str!("golden/queries.txt"));
    queries_on("i386", include_str!("golden/pc-queries.txt"));
}

#[test]
fn lines_for_people() {
    let mut host = TestHost::new();
    let lab = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/lab/images/lab-mipsel.elf"
    );
    host.kernel = Some(std::fs::read(lab).unwrap());
    let mut d = Dialogue::on(host, "mipsel", "-S").ready();
    let mut lines = include_str!("golden/hmp.txt").lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("> ") else {
            continue;
        };
        let mut want = String::new();
        while let Some(text) = lines.next_if(|l| l.starts_with('|')) {
            want += text.strip_prefix("| ").unwrap_or_default();
            want += "\r\n";
        }
        let got = d.run("human-monitor-command", json!({ "command-line": command }));
        assert_eq!(got, Ok(want.into()), "{command}");
    }
}
