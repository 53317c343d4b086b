//! The wire form: little-endian numbers, strings with a length of 16 bits.

use super::tree::Attr;

/// Reads a message; `None` when it ends too early.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub fn raw(&mut self, n: usize) -> Option<&'a [u8]> {
        let (a, b) = self.0.split_at_checked(n)?;
        self.0 = b;
        Some(a)
    }

    fn number(&mut self, n: usize) -> Option<u64> {
        let b = self.raw(n)?;
        Some(b.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.number(1).map(|v| v as u8)
    }
    pub fn u16(&mut self) -> Option<u16> {
        self.number(2).map(|v| v as u16)
    }
    pub fn u32(&mut self) -> Option<u32> {
        self.number(4).map(|v| v as u32)
    }
    pub fn u64(&mut self) -> Option<u64> {
        self.number(8)
    }
    pub fn text(&mut self) -> Option<&'a str> {
        let n = self.u16()?;
        std::str::from_utf8(self.raw(n.into())?).ok()
    }
}

/// Writes a message.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn u8(&mut self, v: u8) {
        self.0.push(v);
    }
    pub fn u16(&mut self, v: u16) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub fn text(&mut self, s: &str) {
        let n = s.len().min(0xffff);
        self.u16(n as u16);
        self.0.extend_from_slice(&s.as_bytes()[..n]);
    }
    /// A file's identity: kind, version, number.
    pub fn qid(&mut self, a: &Attr) {
        self.u8(match a.mode & 0o170_000 {
            0o040_000 => 0x80,
            0o120_000 => 0x02,
            _ => 0x00,
        });
        self.u32((a.mtime_ns ^ a.mtime_ns >> 32) as u32);
        self.u64(a.number);
    }
}
