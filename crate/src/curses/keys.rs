//! From what a terminal sends (ECMA-48 and xterm's control sequences) to keys of a PC, by the places of a US keyboard, or to the bytes that a
//! console's user reads.

const SHIFT: u8 = 0x2a;
const CTRL: u8 = 0x1d;
const ALT: u8 = 0x38;

/// A key of the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Typed {
    /// Alt and a digit: show a console, from 0.
    Show(usize),
    /// Anything else.
    Key {
        /// Scan codes of the keys pressed, with bit 7 set for those behind E0h; let go in the opposite order.
        codes: Vec<u8>,
        /// The same as bytes.
        bytes: Vec<u8>,
    },
}

/// Characters with and without shift, and their scan codes.
#[rustfmt::skip]
const PLACES: [(&str, &str, u8); 5] = [
    ("1234567890-=", "!@#$%^&*()_+", 0x02),
    ("qwertyuiop[]", "QWERTYUIOP{}", 0x10),
    ("asdfghjkl;'`", "ASDFGHJKL:\"~", 0x1e),
    ("\\zxcvbnm,./", "|ZXCVBNM<>?", 0x2b),
    (" ", " ", 0x39),
];

/// A character's scan code, and whether shift is needed.
fn place(c: char) -> Option<(u8, bool)> {
    PLACES.iter().find_map(|&(plain, shifted, first)| {
        let at = |row: &str| row.chars().position(|p| p == c).map(|n| first + n as u8);
        let plain = at(plain).map(|code| (code, false));
        plain.or_else(|| at(shifted).map(|code| (code, true)))
    })
}

/// Keys without characters: scan code, and what a console's user reads for it.
const ESC: (u8, &str) = (0x01, "\x1b");
const BACKSPACE: (u8, &str) = (0x0e, "\x7f");
const TAB: (u8, &str) = (0x0f, "\t");
const ENTER: (u8, &str) = (0x1c, "\r");
const HOME: (u8, &str) = (0xc7, "\x1b[1~");
const END: (u8, &str) = (0xcf, "\x1b[4~");

/// The key of a control sequence by its last byte.
fn by_letter(last: u8) -> Option<(u8, &'static str)> {
    Some(match last {
        b'A' => (0xc8, "\x1b[A"),
        b'B' => (0xd0, "\x1b[B"),
        b'C' => (0xcd, "\x1b[C"),
        b'D' => (0xcb, "\x1b[D"),
        b'F' => END,
        b'H' => HOME,
        b'P'..=b'S' => (0x3b + last - b'P', ""),
        b'Z' => TAB,
        _ => return None,
    })
}

/// The key of a control sequence that ends in `~`.
fn by_number(n: u8) -> Option<(u8, &'static str)> {
    Some(match n {
        1 | 7 => HOME,
        2 => (0xd2, "\x1b[2~"),
        3 => (0xd3, "\x1b[3~"),
        4 | 8 => END,
        5 => (0xc9, "\x1b[5~"),
        6 => (0xd1, "\x1b[6~"),
        11..=15 => (0x3b + n - 11, ""),
        17..=21 => (0x40 + n - 17, ""),
        23..=24 => (0x57 + n - 23, ""),
        _ => return None,
    })
}

/// Keys held beside another.
#[derive(Clone, Copy, Default, Debug)]
struct Held {
    shift: bool,
    alt: bool,
    ctrl: bool,
}

fn key(held: Held, (code, bytes): (u8, &str)) -> Typed {
    let mut codes = Vec::new();
    codes.extend(held.shift.then_some(SHIFT));
    codes.extend(held.ctrl.then_some(CTRL));
    codes.extend(held.alt.then_some(ALT));
    codes.push(code);
    let alt = if held.alt { "\x1b" } else { "" };
    Typed::Key {
        codes,
        bytes: [alt.as_bytes(), bytes.as_bytes()].concat(),
    }
}

/// One byte that is no sequence's.
fn plain(byte: u8, alt: bool) -> Option<Typed> {
    let mut held = Held {
        alt,
        ..Held::default()
    };
    let text = char::from(byte).to_string();
    let named = match byte {
        0x08 | 0x7f => Some(BACKSPACE),
        b'\t' => Some(TAB),
        b'\r' | b'\n' => Some(ENTER),
        0x1b => Some(ESC),
        b'1'..=b'9' if alt => return Some(Typed::Show(usize::from(byte - b'1'))),
        _ => None,
    };
    if let Some(named) = named {
        return Some(key(held, named));
    }
    let c = match byte {
        0 => ' ',
        1..=0x1a => char::from(byte | 0x60),
        // The rest of the control characters, with shift where the key needs it.
        0x1c..=0x1f => char::from(byte | 0x40),
        _ => char::from(byte),
    };
    held.ctrl = byte < 0x20;
    let (code, shift) = place(c)?;
    held.shift = shift;
    Some(key(held, (code, &text)))
}

/// A control sequence after its introducer: the key, and how many bytes it has. `None` for what is not one.
fn sequence(bytes: &[u8]) -> Option<(Option<Typed>, usize)> {
    let end = bytes
        .iter()
        .position(|b| !matches!(b, b'0'..=b'9' | b';'))?;
    let last = bytes[end];
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut numbers = text.split(';').map(|n| n.parse::<u8>().unwrap_or(0));
    let (first, with) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1));
    // The second number says what is held: one more than the sum of shift 1, alt 2, control 4.
    let with = with.saturating_sub(1);
    let held = Held {
        shift: with & 1 != 0 || last == b'Z',
        alt: with & 2 != 0,
        ctrl: with & 4 != 0,
    };
    let named = match last {
        b'~' => by_number(first),
        // Linux' console has its first five function keys behind two brackets.
        b'[' => {
            let n = bytes.get(end + 1).filter(|b| (b'A'..=b'E').contains(b));
            return Some((n.map(|n| key(held, (0x3b + n - b'A', ""))), end + 2));
        }
        _ => by_letter(last),
    };
    Some((named.map(|named| key(held, named)), end + 1))
}

/// What was typed: what comes at once is one reading. Keys that a PC does not have are left out.
pub fn typed(bytes: &[u8]) -> Vec<Typed> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let whole = match (first, after) {
            (0x1b, [b'[' | b'O', more @ ..]) => sequence(more).map(|(t, n)| (t, n + 2)),
            _ => None,
        };
        let (one, n) = whole.unwrap_or_else(|| match (first, after) {
            (0x1b, [b, ..]) => (plain(*b, true), 2),
            _ => (plain(*first, false), 1),
        });
        all.extend(one);
        rest = rest.get(n..).unwrap_or_default();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let is = |codes: &[u8], bytes: &[u8]| {
            vec![Typed::Key {
                codes: codes.into(),
                bytes: bytes.into(),
            }]
        };
        for (bytes, want) in [
            (&b"a"[..], is(&[0x1e], b"a")),
            (b"\"", is(&[SHIFT, 0x28], b"\"")),
            (b"/", is(&[0x35], b"/")),
            (b"]", is(&[0x1b], b"]")),
            (b"`", is(&[0x29], b"`")),
            (b"\x03", is(&[CTRL, 0x2e], b"\x03")),
            (b"\x1c", is(&[CTRL, 0x2b], b"\x1c")),
            (b"\x7f", is(&[0x0e], b"\x7f")),
            (b"\x1b", is(&[0x01], b"\x1b")),
            (b"\x1bx", is(&[ALT, 0x2d], b"\x1bx")),
            (b"\x1b2", vec![Typed::Show(1)]),
            (b"\x1b[A", is(&[0xc8], b"\x1b[A")),
            (b"\x1b[1;5C", is(&[CTRL, 0xcd], b"\x1b[C")),
            (b"\x1bOP", is(&[0x3b], b"")),
            (b"\x1b[[B", is(&[0x3c], b"")),
            (b"\x1b[24~", is(&[0x58], b"")),
            (b"\x1b[Z", is(&[SHIFT, 0x0f], b"\t")),
            (b"\x1b[", is(&[ALT, 0x1a], b"\x1b[")),
            ("ß".as_bytes(), vec![]),
            (b"\x1b[99~", vec![]),
            (b"\x1b[[", vec![]),
            (b"\x1b[;;;999999A", is(&[0xc8], b"\x1b[A")),
        ] {
            assert_eq!(typed(bytes), want, "{bytes:?}");
        }
        assert_eq!(typed(b"a\x1b[3~b").len(), 3);
    }
}
