//! Values as text: on one line, or over several, spaced as QEMU spaces them and in ASCII alone.

use std::fmt::Write as _;

use serde_json::Value;

/// `{"a": 1, "b": [2, 3]}`
pub fn line(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, None);
    out
}

/// Over several lines, four spaces deeper per level.
pub fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Some(0));
    out
}

fn write(out: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => {
            let _ = match (n.as_i64(), n.as_u64(), n.as_f64().unwrap_or(0.0)) {
                (Some(n), ..) => write!(out, "{n}"),
                (_, Some(n), _) => write!(out, "{n}"),
                // Whole numbers go without a fraction.
                (.., f) if f == 0.0 || (1e-5..1e15).contains(&f.abs()) => write!(out, "{f}"),
                (.., f) => write!(out, "{f:e}"),
            };
        }
        Value::String(s) => text(out, s),
        Value::Array(items) => list(out, '[', ']', items.iter(), depth, |out, item, inner| {
            write(out, item, inner);
        }),
        Value::Object(map) => list(
            out,
            '{',
            '}',
            map.iter(),
            depth,
            |out, (key, item), inner| {
                text(out, key);
                out.push_str(": ");
                write(out, item, inner);
            },
        ),
    }
}

fn list<T>(
    out: &mut String,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    depth: Option<usize>,
    mut one: impl FnMut(&mut String, T, Option<usize>),
) {
    let inner = depth.map(|d| d + 1);
    out.push(open);
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push_str(if depth.is_some() { "," } else { ", " });
        }
        new_line(out, inner);
        one(out, item, inner);
    }
    new_line(out, depth);
    out.push(close);
}

fn new_line(out: &mut String, depth: Option<usize>) {
    if let Some(depth) = depth {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth));
    }
}

fn text(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
    out.push('"');
}
