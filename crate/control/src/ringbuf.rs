//! A character device that keeps what is written, up to a number of bytes; older ones go.

use std::collections::VecDeque;

/// Most bytes of a buffer.
pub const MOST_BYTES: u64 = 64 << 20;

/// A ring buffer.
#[derive(Debug)]
pub struct Ring {
    bytes: VecDeque<u8>,
    size: usize,
}

impl Ring {
    /// One of this size.
    pub fn new(size: usize) -> Ring {
        Ring {
            bytes: VecDeque::new(),
            size,
        }
    }

    /// Writes.
    pub fn write(&mut self, data: &[u8]) {
        let from = data.len().saturating_sub(self.size);
        self.bytes.extend(&data[from..]);
        let over = self.bytes.len().saturating_sub(self.size);
        self.bytes.drain(..over);
    }

    /// Takes up to that many bytes.
    pub fn read(&mut self, most: usize) -> Vec<u8> {
        self.bytes.drain(..most.min(self.bytes.len())).collect()
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as base64.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0u32, |w, (i, b)| w | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    out
}

/// Bytes of base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::new();
    for chunk in text.chunks(4) {
        let mut word = 0u32;
        for (i, c) in chunk.iter().enumerate() {
            let digit = DIGITS.iter().position(|d| d == c)? as u32;
            word |= digit << (18 - 6 * i);
        }
        let bytes = word.to_be_bytes();
        match chunk.len() {
            1 => return None,
            n => out.extend_from_slice(&bytes[1..n]),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_bytes() {
        let mut ring = Ring::new(4);
        ring.write(b"abc");
        ring.write(b"def");
        assert_eq!(ring.read(3), b"cde");
        assert_eq!(ring.read(9), b"f");
        ring.write(b"0123456789");
        assert_eq!(ring.read(9), b"6789");
    }

    #[test]
    fn base64_there_and_back() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
            assert_eq!(from_base64(text), Some(bytes.into()));
        }
        assert_eq!(from_base64("Zg=%"), None);
        assert_eq!(from_base64("Z"), None);
    }
}
