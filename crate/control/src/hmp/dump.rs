//! `x`, `xp`, `print` and `sum`: memory and numbers in the formats o, d, u, x, i and c, and the sizes b, h, w and g. As with
//! QEMU, format and size of the last time hold until others are given, for all monitors.

use std::fmt::Write as _;

use tinamou_core::{Gpa, PAGE_SIZE};

use super::{Said, Words, Wrong};
use crate::cx::Cx;

/// Most units in one dump.
const MOST_UNITS: u64 = 1 << 16;

/// How things are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    letter: u8,
    bytes: usize,
}

impl Default for Format {
    fn default() -> Format {
        Format {
            letter: b'x',
            bytes: 4,
        }
    }
}

/// Count and format of a `/fmt`, with what held before in place of what is not given.
fn format(cx: &mut Cx<'_>, w: &mut Words<'_>) -> Result<(u64, Format), Wrong> {
    let mut f = cx.ctl.format;
    let Some(text) = w.format() else {
        return Ok((1, f));
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, letters) = text.split_at(digits);
    let count = if count.is_empty() {
        1
    } else {
        count.parse().unwrap_or(u64::MAX)
    };
    for letter in letters.bytes() {
        match letter {
            b'o' | b'd' | b'u' | b'x' | b'i' | b'c' => f.letter = letter,
            b'b' => f.bytes = 1,
            b'h' => f.bytes = 2,
            b'w' => f.bytes = 4,
            b'g' => f.bytes = 8,
            _ => {
                return Err(Wrong::Usage(format!(
                    "invalid char in format: '{}'",
                    letter as char
                )));
            }
        }
    }
    cx.ctl.format = f;
    Ok((count.min(MOST_UNITS), f))
}

/// Hex with `0x`, but for zero.
pub fn alternate_hex(n: u64) -> String {
    if n == 0 {
        "0".into()
    } else {
        format!("{n:#x}")
    }
}

fn alternate_octal(n: u64) -> String {
    if n == 0 {
        "0".into()
    } else {
        format!("0{n:o}")
    }
}

fn signed(n: u64, bytes: usize) -> i64 {
    let shift = 64 - 8 * bytes as u32;
    (n << shift).cast_signed() >> shift
}

fn character(n: u64) -> String {
    match n as u8 {
        c @ (b'\'' | b'\\') => format!("'\\{}'", c as char),
        b'\n' => "'\\n'".into(),
        b'\r' => "'\\r'".into(),
        c @ b' '..=b'~' => format!("'{}'", c as char),
        c => format!("'\\x{c:02x}'"),
    }
}

/// `print`
pub(crate) fn print(cx: &mut Cx<'_>, w: &mut Words<'_>) -> Said {
    let (_, f) = format(cx, w)?;
    let n = w.number()?;
    w.end()?;
    Ok(match f.letter {
        b'o' => alternate_octal(n),
        b'd' => n.cast_signed().to_string(),
        b'u' => n.to_string(),
        b'c' => character(n),
        _ => alternate_hex(n),
    } + "\n")
}

/// Reads memory; false where some of it is none.
fn read(cx: &mut Cx<'_>, at: u64, physical: bool, buf: &mut [u8]) -> Result<bool, Wrong> {
    let machine = cx.machine()?;
    if physical {
        return Ok(machine.read_memory(Gpa(at), buf));
    }
    let mut done = 0;
    while done < buf.len() {
        let va = at.wrapping_add(done as u64);
        let piece = ((PAGE_SIZE - va % PAGE_SIZE) as usize).min(buf.len() - done);
        let gpa = machine.translate(va);
        if !gpa.is_some_and(|gpa| machine.read_memory(gpa, &mut buf[done..done + piece])) {
            return Ok(false);
        }
        done += piece;
    }
    Ok(true)
}

/// `x` and `xp`
pub(crate) fn memory(cx: &mut Cx<'_>, w: &mut Words<'_>, physical: bool) -> Said {
    let (count, f) = format(cx, w)?;
    let mut at = w.number()?;
    w.end()?;
    let mut out = String::new();
    if f.letter == b'i' {
        for _ in 0..count {
            let (bytes, text) = cx.machine()?.disassemble(at, physical);
            let _ = writeln!(out, "{at:#010x}:  {text}");
            at = at.wrapping_add(u64::from(bytes.max(1)));
        }
        return Ok(out);
    }
    let big_endian = cx.ctl.setup.target().big_endian;
    let digits = if physical {
        16
    } else {
        cx.machine()?.address_digits()
    };
    // Narrow addresses wrap.
    let mask = if digits == 8 { 0xffff_ffff } else { u64::MAX };
    let line = if f.bytes == 1 { 8 } else { 16 };
    let unit = if f.letter == b'c' { 1 } else { f.bytes };
    let width = match f.letter {
        b'o' => (f.bytes * 8).div_ceil(3),
        b'd' | b'u' => (f.bytes * 80).div_ceil(33),
        b'c' => 0,
        _ => f.bytes * 2,
    };
    let mut left = f.bytes as u64 * count;
    while left > 0 {
        at &= mask;
        let _ = write!(out, "{at:0digits$x}:");
        let mut bytes = vec![0; left.min(line) as usize];
        if !read(cx, at, physical, &mut bytes)? {
            out += " Cannot access memory\n";
            break;
        }
        for piece in bytes.chunks(unit) {
            let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
            let n = if big_endian {
                piece.iter().fold(0, fold)
            } else {
                piece.iter().rev().fold(0, fold)
            };
            let _ = match f.letter {
                b'o' => write!(out, " {:>width$}", alternate_octal(n)),
                b'd' => write!(out, " {:>width$}", signed(n, f.bytes)),
                b'u' => write!(out, " {n:>width$}"),
                b'c' => write!(out, " {}", character(n)),
                _ => write!(out, " 0x{n:0width$x}"),
            };
        }
        out.push('\n');
        left -= bytes.len() as u64;
        at = at.wrapping_add(bytes.len() as u64);
    }
    Ok(out)
}

/// `sum`
pub(crate) fn sum(cx: &mut Cx<'_>, w: &mut Words<'_>) -> Said {
    let (at, size) = (w.number()?, w.number()?);
    w.end()?;
    let machine = cx.machine()?;
    let mut sum = 0u16;
    let mut done = 0;
    let mut buf = [0; 4096];
    while done < size.min(4 << 30) {
        let n = (size - done).min(4096) as usize;
        machine.read_memory(Gpa(at.wrapping_add(done)), &mut buf[..n]);
        for b in &buf[..n] {
            sum = sum.rotate_right(1).wrapping_add(u16::from(*b));
        }
        done += n as u64;
    }
    Ok(format!("{sum:05}\n"))
}
