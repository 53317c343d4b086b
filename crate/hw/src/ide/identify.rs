//! Identity words of the drives (ATA/ATAPI-6, T13/1410D, sections 8.15 and 8.16).

/// Words of 16 bits, little-endian, as 512 bytes.
fn bytes(words: &[u16; 256]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// Text is padded with blanks, two characters per word, the first in the high byte.
fn text(words: &mut [u16], s: &str) {
    let mut c = s.bytes().chain(std::iter::repeat(b' '));
    for w in words {
        let (a, b) = (c.next().unwrap_or(b' '), c.next().unwrap_or(b' '));
        *w = u16::from_be_bytes([a, b]);
    }
}

/// Cylinders, heads, sectors for a capacity.
pub fn geometry(sectors: u64) -> (u16, u16, u16) {
    let c = (sectors / (16 * 63)).clamp(2, 16_383);
    (c as u16, 16, 63)
}

/// What sets one drive's identity apart.
pub struct Modes {
    /// Drive number, for the serial number.
    pub number: u32,
    /// Sectors of READ MULTIPLE, 0 when off.
    pub multiple: u8,
    /// The chosen transfer mode, as SET FEATURES 03h has it.
    pub transfer: u8,
    /// The write cache is on.
    pub cache: bool,
}

fn dma_words(w: &mut [u16; 256], transfer: u8) {
    w[49] = 1 << 11 | 1 << 9 | 1 << 8;
    w[53] = 7;
    w[63] = 7;
    w[64] = 3;
    w[65..69].fill(120);
    w[88] = 0x3f;
    let mode = u16::from(transfer & 7);
    match transfer >> 3 {
        4 => w[63] |= 0x100 << mode,
        8 => w[88] |= 0x100 << mode,
        _ => {}
    }
}

/// IDENTIFY DEVICE for a disk of `sectors`.
pub fn disk(sectors: u64, m: &Modes) -> Vec<u8> {
    let mut w = [0u16; 256];
    let (c, h, s) = geometry(sectors);
    w[0] = 0x0040;
    (w[1], w[3], w[6]) = (c, h, s);
    text(&mut w[10..20], &format!("TM{:05}", m.number + 1));
    w[20] = 3;
    w[21] = 512;
    w[22] = 4;
    text(&mut w[23..27], "1.0");
    text(&mut w[27..47], "TINAMOU HARDDISK");
    w[47] = 0x8010;
    w[48] = 1;
    dma_words(&mut w, m.transfer);
    (w[54], w[55], w[56]) = (c, h, s);
    let chs = u32::from(c) * u32::from(h) * u32::from(s);
    (w[57], w[58]) = (chs as u16, (chs >> 16) as u16);
    w[59] = if m.multiple != 0 {
        0x100 | u16::from(m.multiple)
    } else {
        0
    };
    let lba28 = sectors.min(0x0fff_ffff) as u32;
    (w[60], w[61]) = (lba28 as u16, (lba28 >> 16) as u16);
    w[80] = 0xf0;
    w[81] = 0x16;
    w[82] = 1 << 14 | 1 << 5 | 1;
    w[83] = 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10;
    w[84] = 1 << 14;
    w[85] = 1 << 14 | u16::from(m.cache) << 5 | 1;
    w[86] = 1 << 13 | 1 << 12 | 1 << 10;
    w[87] = 1 << 14;
    w[93] = 1 | 1 << 14 | 0x2000;
    for i in 0..4 {
        w[100 + i] = (sectors >> (16 * i)) as u16;
    }
    bytes(&w)
}

/// IDENTIFY PACKET DEVICE for a CD drive.
pub fn cd(m: &Modes) -> Vec<u8> {
    let mut w = [0u16; 256];
    // ATAPI, CD-ROM, removable, 12-byte packets, DRQ within 50 us.
    w[0] = 0x85c0;
    text(&mut w[10..20], &format!("TM{:05}", m.number + 1));
    text(&mut w[23..27], "1.0");
    text(&mut w[27..47], "TINAMOU CD-ROM");
    w[48] = 1;
    dma_words(&mut w, m.transfer);
    w[71] = 30;
    w[72] = 30;
    w[80] = 0x1e;
    w[82] = 1 << 14 | 1 << 4;
    w[83] = 1 << 14;
    w[84] = 1 << 14;
    w[85] = 1 << 14 | 1 << 4;
    w[87] = 1 << 14;
    bytes(&w)
}
