//! A 32-bit ELF file (System V ABI): one segment, and symbols with absolute values.

use std::collections::BTreeMap;

const HEADER_BYTES: u32 = 52;
const SEGMENT_BYTES: u32 = 32;
const SECTION_BYTES: u32 = 40;
/// Offset of the image.
const IMAGE: u32 = 0x100;
const EM_MIPS: u16 = 8;
const SHN_ABS: u16 = 0xfff1;
/// STB_GLOBAL, STT_NOTYPE.
const GLOBAL: u8 = 1 << 4;
/// MIPS32 Release 2, no reordering.
const FLAGS: u32 = 0x7000_0001;

struct Out {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Out {
    fn half(&mut self, v: u16) {
        let b = if self.big_endian {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        };
        self.bytes.extend(b);
    }

    fn word(&mut self, v: u32) {
        let b = if self.big_endian {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        };
        self.bytes.extend(b);
    }

    fn words(&mut self, all: &[u32]) {
        all.iter().for_each(|v| self.word(*v));
    }

    fn at(&self) -> u32 {
        self.bytes.len() as u32
    }
}

/// The file.
pub fn file(
    image: &[u8],
    origin: u32,
    entry: u32,
    names: &BTreeMap<String, u32>,
    big_endian: bool,
) -> Vec<u8> {
    let size = image.len() as u32;
    let mut symbols = Out {
        bytes: vec![0; 16],
        big_endian,
    };
    let mut strings = vec![0u8];
    for (name, value) in names {
        symbols.words(&[strings.len() as u32, *value, 0]);
        symbols.bytes.extend([GLOBAL, 0]);
        symbols.half(SHN_ABS);
        strings.extend(name.bytes());
        strings.push(0);
    }
    let symbols_at = (IMAGE + size).next_multiple_of(4);
    let strings_at = symbols_at + symbols.at();
    let sections_at = (strings_at + strings.len() as u32).next_multiple_of(4);
    let mut out = Out {
        bytes: vec![0x7f, b'E', b'L', b'F', 1, if big_endian { 2 } else { 1 }, 1],
        big_endian,
    };
    out.bytes.resize(16, 0);
    out.half(2);
    out.half(EM_MIPS);
    out.words(&[1, entry, HEADER_BYTES, sections_at, FLAGS]);
    for v in [HEADER_BYTES, SEGMENT_BYTES, 1, SECTION_BYTES, 3, 2] {
        out.half(v as u16);
    }
    // PT_LOAD, all rights.
    out.words(&[1, IMAGE, origin, origin, size, size, 7, 0x10]);
    out.bytes.resize(IMAGE as usize, 0);
    out.bytes.extend(image);
    out.bytes.resize(symbols_at as usize, 0);
    out.bytes.extend(&symbols.bytes);
    out.bytes.extend(&strings);
    out.bytes.resize(sections_at as usize, 0);
    out.words(&[0; 10]);
    // SHT_SYMTAB, whose strings are section 2; the first symbol that is not local is number 1.
    out.words(&[0, 2, 0, 0, symbols_at, symbols.at(), 2, 1, 4, 16]);
    out.words(&[0, 3, 0, 0, strings_at, strings.len() as u32, 0, 0, 1, 0]);
    out.bytes
}
