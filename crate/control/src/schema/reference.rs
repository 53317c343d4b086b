//! The reference page of the documentation: every command with arguments, reply and errors, every event, and what QEMU has besides.

use std::fmt::Write as _;

use super::{Command, Enum, Member, Object, Type};
use crate::commands::{self, EVENTS};
use crate::hmp;

/// Commands that QEMU 7.2 has on MIPS or x86, by its `query-commands`.
const QEMU: &str = include_str!("qemu-7.2-commands.txt");

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn type_name(ty: Type) -> String {
    match ty {
        Type::Str => "str".into(),
        Type::Bool => "bool".into(),
        Type::Int => "int".into(),
        Type::U64 => "uint64".into(),
        Type::U32 => "uint32".into(),
        Type::U16 => "uint16".into(),
        Type::U8 => "uint8".into(),
        Type::Number => "number".into(),
        Type::StrOrNull => "str or null".into(),
        Type::Any => "any".into(),
        Type::Enum(Enum { name, .. }) => format!("<span>{name}</span>"),
        Type::Object(Object { name, .. }) => format!("<span>{name}</span>"),
        Type::List(item) => format!("[{}]", type_name(*item)),
    }
}

fn members(all: &[Member]) -> String {
    let one = |m: &Member| {
        let optional = if m.optional { "?" } else { "" };
        format!("<code>{}{optional}</code>: {}", m.name, type_name(m.ty))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn arguments(c: &Command) -> String {
    let mut out = members(c.args.members);
    if let Some((tag, variants)) = c.args.variants {
        for (case, more) in variants {
            let _ = write!(out, "<br />{tag} = {case}: {}", members(more.members));
        }
    }
    out
}

/// The page.
pub fn page() -> String {
    let mut out = String::from(
        r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Tinamou: QMP and the monitor</title>
    <link rel="icon" href="../icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="docs.css" />
  </head>
  <body>
    <nav><a href="../">Tinamou</a> · <a href="./">Documentation</a></nav>
    <!-- Made from crate/control/src/commands.rs by its tests: BLESS=1 cargo test -p tinamou-control -->
    <main>
    <h1>QMP and the monitor</h1>
    <p>The machine protocol is QEMU 7.2's: framing, negotiation, ids, error classes and sentences, events. <code>-qmp DEV</code> gives a
      monitor that speaks it, <code>-monitor DEV</code> one for people; <code>Ctrl-a c</code> in the terminal goes from the guest to the
      monitor and back. <code>--preconfig</code> waits before the machine is made, <code>-S</code> before it runs.</p>
    <h2>Commands</h2>
    <table tabindex="0">
      <tr><th>Command</th><th>What</th><th>Arguments</th><th>Reply</th></tr>
"#,
    );
    for c in commands::all() {
        let since = c.since.map_or("ours".into(), |v| format!("since {v}"));
        let mut marks = vec![since];
        marks.extend(c.preconfig.then(|| "preconfig".into()));
        marks.extend(c.oob.then(|| "oob".into()));
        let errors = if c.errors.is_empty() {
            String::new()
        } else {
            format!("<br />Refuses: {}", escape(c.errors))
        };
        let _ = writeln!(
            out,
            "      <tr><td><code>{}</code><br />{}</td><td>{}{errors}</td><td>{}</td><td>{}</td></tr>",
            c.name,
            marks.join(", "),
            escape(c.doc),
            arguments(c),
            c.ret.map_or_else(String::new, type_name),
        );
    }
    out += "    </table>\n    <h2>Events</h2>\n    <table tabindex=\"0\">\n      <tr><th>Event</th><th>When</th><th>Data</th></tr>\n";
    for e in EVENTS {
        let _ = writeln!(
            out,
            "      <tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            e.name,
            escape(e.doc),
            members(e.data.members)
        );
    }
    out += "    </table>\n    <h2>The monitor's commands</h2>\n    <table tabindex=\"0\">\n";
    let lines = commands::human().map(|c| ("", c));
    let infos = hmp::infos().map(|c| ("info ", c));
    for (prefix, c) in lines.chain(infos) {
        let _ = writeln!(
            out,
            "      <tr><td><code>{prefix}{} {}</code></td><td>{}</td></tr>",
            c.names,
            escape(c.params),
            escape(c.help)
        );
    }
    out += "    </table>\n    <h2>What QEMU has besides</h2>\n    <p>These commands of QEMU 7.2 are not there: the answer is CommandNotFound.</p>\n    <p>";
    let known = |name: &&str| commands::all().all(|c| c.name != *name);
    let absent: Vec<_> = QEMU
        .lines()
        .filter(known)
        .map(|name| format!("<code>{name}</code>"))
        .collect();
    out += &absent.join(", ");
    out += "</p>\n    </main>\n  </body>\n</html>\n";
    out
}
