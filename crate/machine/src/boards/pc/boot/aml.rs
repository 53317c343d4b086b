//! ACPI machine language, as much as tables of fixed names and resources need (ACPI Specification 6.5, chapter 20 "ACPI Machine
//! Language", section 6.4 "Resource Data Types"), with as much of methods and fields as unplugging cards takes. Every function returns the
//! bytes of one term.

/// Length of a term with its own length field in front (section 20.2.4).
fn with_length(body: &[u8]) -> Vec<u8> {
    let n = body.len();
    let mut out = if n + 1 < 0x40 {
        vec![n as u8 + 1]
    } else if n + 2 < 0x1000 {
        let n = n + 2;
        vec![0x40 | (n & 15) as u8, (n >> 4) as u8]
    } else {
        let n = n + 3;
        vec![0x80 | (n & 15) as u8, (n >> 4) as u8, (n >> 12) as u8]
    };
    out.extend_from_slice(body);
    out
}

/// An integer.
pub(super) fn int(v: u32) -> Vec<u8> {
    let b = v.to_le_bytes();
    match v {
        0 | 1 => vec![v as u8],
        2..0x100 => vec![0x0a, b[0]],
        0x100..0x1_0000 => vec![0x0b, b[0], b[1]],
        _ => [&[0x0c][..], &b].concat(),
    }
}

/// A compressed EISA identifier (`PNP0A03`), section 19.3.4.
pub(super) fn eisa_id(id: &[u8; 7]) -> Vec<u8> {
    let letter = |c: u8| u32::from(c & 0x1f);
    let hex = |c: u8| (c as char).to_digit(16).unwrap_or(0);
    let maker = letter(id[0]) << 10 | letter(id[1]) << 5 | letter(id[2]);
    let product = id[3..].iter().fold(0, |v, c| v << 4 | hex(*c));
    int((maker << 16 | product).swap_bytes())
}

/// `Name(name, value)`.
pub(super) fn name(name: &[u8; 4], value: &[u8]) -> Vec<u8> {
    [&[0x08], &name[..], value].concat()
}

/// `Package() { items }`, at most 255 of them.
pub(super) fn package(items: &[Vec<u8>]) -> Vec<u8> {
    let body = [&[items.len() as u8][..], &items.concat()].concat();
    [&[0x12][..], &with_length(&body)].concat()
}

/// `Scope(\name) { body }`.
pub(super) fn scope(name: &[u8; 4], body: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"\\", &name[..], &body.concat()].concat();
    [&[0x10][..], &with_length(&body)].concat()
}

/// `Device(name) { body }`.
pub(super) fn device(name: &[u8; 4], body: &[Vec<u8>]) -> Vec<u8> {
    let body = [&name[..], &body.concat()].concat();
    [&[0x5b, 0x82][..], &with_length(&body)].concat()
}

/// `ResourceTemplate() { items }`.
pub(super) fn resources(items: &[Vec<u8>]) -> Vec<u8> {
    // The end tag's checksum of zero means that there is none.
    let data = [&items.concat()[..], &[0x79, 0]].concat();
    let body = [int(data.len() as u32), data].concat();
    [&[0x11][..], &with_length(&body)].concat()
}

/// `IO(Decode16, first, first, 1, bytes)`.
pub(super) fn io(first: u16, bytes: u8) -> Vec<u8> {
    let [a, b] = first.to_le_bytes();
    vec![0x47, 1, a, b, a, b, 1, bytes]
}

/// `IRQNoFlags() { n }`.
pub(super) fn irq(n: u32) -> Vec<u8> {
    let [a, b] = (1u16 << n).to_le_bytes();
    vec![0x22, a, b]
}

/// Kinds of address spaces with the flags of a bridge's window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Window {
    /// Memory, not cached, to be written.
    Memory = 0x01_00,
    /// Ports, the whole range.
    Io = 0x03_01,
    /// Bus numbers.
    Bus = 0x00_02,
}

/// `WordIO` or `WordBusNumber`: what a bridge passes on.
pub(super) fn word_window(kind: Window, first: u16, last: u16) -> Vec<u8> {
    let [space, flags] = (kind as u16).to_le_bytes();
    let mut out = vec![0x88, 13, 0, space, 0x0c, flags];
    for v in [
        0,
        first,
        last,
        0,
        last - first + u16::from(last - first != 0xffff),
    ] {
        out.extend_from_slice(&v.to_le_bytes());
    }
    out
}

/// `DWordMemory`: what a bridge passes on.
pub(super) fn memory_window(first: u32, last: u32) -> Vec<u8> {
    let [space, flags] = (Window::Memory as u16).to_le_bytes();
    let mut out = vec![0x87, 23, 0, space, 0x0c, flags];
    for v in [0, first, last, 0, last - first + 1] {
        out.extend_from_slice(&v.to_le_bytes());
    }
    out
}

/// `OperationRegion(name, SystemIO, first, bytes)` and a `Field` over it of double words with these names.
pub(super) fn io_words(name: &[u8; 4], first: u16, words: &[&[u8; 4]]) -> Vec<u8> {
    let mut out = [&[0x5b, 0x80][..], &name[..], &[1]].concat();
    out.extend(int(first.into()));
    out.extend(int(4 * words.len() as u32));
    // Accessed by double words, what is not written is zero.
    let mut body = [&name[..], &[0x43]].concat();
    for word in words {
        body.extend_from_slice(&word[..]);
        body.push(32);
    }
    out.extend_from_slice(&[0x5b, 0x81]);
    out.extend(with_length(&body));
    out
}

/// `Method(name, arguments) { body }`.
pub(super) fn method(name: &[u8; 4], arguments: u8, body: &[Vec<u8>]) -> Vec<u8> {
    let body = [&name[..], &[arguments], &body.concat()].concat();
    [&[0x14][..], &with_length(&body)].concat()
}

/// `\_SB.PCI0.name`.
pub(super) fn on_bus(name: &[u8; 4]) -> Vec<u8> {
    [b"\\\x2f\x03_SB_PCI0", &name[..]].concat()
}

/// A local variable.
pub(super) fn local(n: u8) -> Vec<u8> {
    vec![0x60 + n]
}

/// `Store(from, to)`.
pub(super) fn store(from: &[u8], to: &[u8]) -> Vec<u8> {
    [&[0x70], from, to].concat()
}

/// `If (And(value, mask)) { Notify(object, what) }`.
pub(super) fn notify_if(value: &[u8], mask: u32, object: &[u8], what: u32) -> Vec<u8> {
    let test = [&[0x7b], value, &int(mask), &[0]].concat();
    let body = [&test[..], &[0x86], object, &int(what)].concat();
    [&[0xa0][..], &with_length(&body)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against iasl 20200925 (`Name (_HID, EisaId ("PNP0A03"))` and so on).
    #[test]
    fn terms() {
        assert_eq!(eisa_id(b"PNP0A03"), [0x0c, 0x41, 0xd0, 0x0a, 0x03]);
        let s5 = name(b"_S5_", &package(&[int(0), int(5)]));
        assert_eq!(s5, b"\x08_S5_\x12\x05\x02\x00\x0a\x05");
        assert_eq!(
            resources(&[irq(9)])[..],
            [0x11, 8, 0x0a, 5, 0x22, 0, 2, 0x79, 0]
        );
        let long = package(&vec![int(0x1_0000); 20]);
        assert_eq!(long[..4], [0x12, 0x47, 0x06, 20]);
        assert_eq!(long.len(), 1 + 0x67);
    }
}
