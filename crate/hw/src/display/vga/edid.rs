//! What a monitor says of itself: EDID 1.4 (VESA E-EDID Standard, Release A, Revision 2, 2006), a block of 128 bytes, and one extension
//! block of CTA-861. The monitor is that of QEMU 7.2's `VGA` in its defaults, byte for byte, so that guests choose the modes they
//! choose there: 1280 by 800 pixels at 75 Hz.

/// The bytes of both blocks.
pub(super) const BYTES: usize = 256;
const BLOCK: usize = 128;
/// Of a descriptor.
const DESCRIPTOR: usize = 18;

/// One direction of a detailed timing, in pixels or lines.
struct Span {
    active: u16,
    blank: u16,
    front: u16,
    sync: u16,
    /// Of the picture.
    mm: u16,
}

const ACROSS: Span = Span {
    active: 1280,
    blank: 448,
    front: 320,
    sync: 38,
    mm: 325,
};
const DOWN: Span = Span {
    active: 800,
    blank: 28,
    front: 4,
    sync: 4,
    mm: 203,
};
/// Frames a second.
const RATE: u32 = 75;

/// What a standard timing holds for the shape of the picture.
#[derive(Clone, Copy)]
enum Shape {
    W16H10 = 0,
    W4H3 = 1,
    W5H4 = 2,
    W16H9 = 3,
}
/// Standard timings, all of 60 Hz: width and shape.
const STANDARD: [(u16, Shape); 8] = [
    (2048, Shape::W16H9),
    (1920, Shape::W16H9),
    (1920, Shape::W16H10),
    (1600, Shape::W4H3),
    (1680, Shape::W16H10),
    (1440, Shape::W16H10),
    (1280, Shape::W5H4),
    (1280, Shape::W4H3),
];
/// Modes of the extension's video data block (CTA-861 codes): 5120x2160, 4096x2160, 3840x2160, 2560x1080, 1920x1080 at 50 Hz, 3840x2160 at 60 Hz.
const VIDEO: [u8; 6] = [125, 101, 96, 89, 31, 97];

/// Tags of display descriptors.
const TIMINGS_III: u8 = 0xf7;
const NAME: u8 = 0xfc;
const RANGE: u8 = 0xfd;
const DUMMY: u8 = 0x10;

/// Three letters of a manufacturer.
const fn maker(letters: [u8; 3]) -> [u8; 2] {
    let [a, b, c] = letters;
    const fn n(letter: u8) -> u16 {
        (letter - b'A' + 1) as u16
    }
    (n(a) << 10 | n(b) << 5 | n(c)).to_be_bytes()
}

const fn put(to: &mut [u8; BYTES], at: usize, bytes: &[u8]) {
    let mut i = 0;
    while i < bytes.len() {
        to[at + i] = bytes[i];
        i += 1;
    }
}

/// A display descriptor with `body` behind its header.
const fn descriptor(to: &mut [u8; BYTES], at: usize, tag: u8, body: [u8; 13]) {
    put(to, at, &[0, 0, 0, tag, 0]);
    put(to, at + 5, &body);
}

/// A detailed timing descriptor (section 3.10.2).
const fn timing(to: &mut [u8; BYTES], at: usize, x: &Span, y: &Span, rate: u32) {
    let total = (x.active + x.blank) as u32 * (y.active + y.blank) as u32;
    let clock = ((total * rate / 10_000) as u16).to_le_bytes();
    // Two high parts in one byte.
    const fn high(a: u16, b: u16) -> u8 {
        (a >> 8 << 4 | b >> 8) as u8
    }
    let (a, b) = (x, y);
    put(
        to,
        at,
        &[
            clock[0],
            clock[1],
            a.active as u8,
            a.blank as u8,
            high(a.active, a.blank),
            b.active as u8,
            b.blank as u8,
            high(b.active, b.blank),
            a.front as u8,
            a.sync as u8,
            (b.front << 4 | b.sync & 15) as u8,
            (a.front >> 8 << 6 | a.sync >> 8 << 4 | b.front >> 4 << 2 | b.sync >> 4) as u8,
            a.mm as u8,
            b.mm as u8,
            high(a.mm, b.mm),
            // No border; digital separate synchronisation.
            0,
            0,
            0x18,
        ],
    );
}

/// A block's last byte makes its sum zero.
const fn close(to: &mut [u8; BYTES], block: usize) {
    let (mut sum, mut i) = (0u8, 0);
    while i < BLOCK - 1 {
        sum = sum.wrapping_add(to[block * BLOCK + i]);
        i += 1;
    }
    to[block * BLOCK + BLOCK - 1] = sum.wrapping_neg();
}

const fn base(to: &mut [u8; BYTES]) {
    put(to, 0, &[0, 255, 255, 255, 255, 255, 255, 0]);
    // Product 1234h without a serial number, of week 42 of 2014; EDID 1.4.
    put(to, 0x08, &maker(*b"RHT"));
    put(to, 0x0a, &[0x34, 0x12]);
    put(to, 0x10, &[42, (2014 - 1990) as u8, 1, 4]);
    // Digital, 8 bits a colour, DisplayPort; centimetres; gamma 2.2; sRGB, and the first timing is the panel's own.
    let (w, h) = ((ACROSS.mm / 10) as u8, (DOWN.mm / 10) as u8);
    put(to, 0x14, &[0xa5, w, h, 220 - 100, 0x06]);
    // sRGB's red, green, blue and white.
    put(
        to,
        0x19,
        &[0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54],
    );
    // 640x480, 800x600 and 1024x768, each at 60 Hz.
    put(to, 0x23, &[0x21, 0x08, 0x00]);
    let mut i = 0;
    while i < STANDARD.len() {
        let (width, shape) = STANDARD[i];
        let standard = [(width / 8 - 31) as u8, (shape as u8) << 6];
        put(to, 0x26 + 2 * i, &standard);
        i += 1;
    }
    timing(to, 0x36, &ACROSS, &DOWN, RATE);
    // Revision 10; 1280x768, 1360x768 ... 1920x1200 at 60 Hz.
    let more = [10, 0, 0x40, 0x82, 0, 0x28, 0x20, 0, 0, 0, 0, 0, 0];
    descriptor(to, 0x48, TIMINGS_III, more);
    // 50 to 125 Hz, 30 to 160 kHz, at most 2550 MHz, and these bounds alone.
    let mut range = [b' '; 13];
    let bounds = [50, 125, 30, 160, 255, 1, b'\n'];
    let mut i = 0;
    while i < bounds.len() {
        range[i] = bounds[i];
        i += 1;
    }
    descriptor(to, 0x5a, RANGE, range);
    descriptor(to, 0x6c, NAME, *b"QEMU Monitor\n");
    to[0x7e] = 1;
    close(to, 0);
}

/// The extension (CTA-861-G, section 7.5).
const fn extension(to: &mut [u8; BYTES]) {
    let first = 4 + 1 + VIDEO.len();
    put(to, BLOCK, &[0x02, 3, first as u8, 0]);
    put(to, BLOCK + 4, &[2 << 5 | VIDEO.len() as u8]);
    put(to, BLOCK + 5, &VIDEO);
    let mut at = BLOCK + first;
    while at + DESCRIPTOR < BYTES {
        descriptor(to, at, DUMMY, [0; 13]);
        at += DESCRIPTOR;
    }
    close(to, 1);
}

/// Both blocks.
pub(super) static EDID: [u8; BYTES] = {
    let mut b = [0; BYTES];
    base(&mut b);
    extension(&mut b);
    b
};

#[cfg(test)]
mod tests {
    use super::*;

    /// What QEMU 7.2 has at the start of its `VGA`'s registers: `qemu-system-i386 -M pc -net none -display none -monitor stdio`, once the
    /// firmware has placed them, `xp /256bx 0xfebf0000`.
    const QEMU: &str = "
        00ffffffffffff004914341200000000 2a180104a520147806ee91a3544c9926
        0f5054210800e1c0d1c0d100a940b300 950081808140ea2900c051201c304026
        444045cb10000018000000f7000a0040 82002820000000000000000000fd0032
        7d1ea0ff010a202020202020000000fc 0051454d55204d6f6e69746f720a013a
        02030b00467d6560591f610000001000 00000000000000000000000000000000
        10000000000000000000000000000000 00001000000000000000000000000000
        00000000100000000000000000000000 00000000000010000000000000000000
        00000000000000001000000000000000 0000000000000000000000000000002f";

    #[test]
    fn as_qemu_has_it() {
        let hex: String = EDID.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, QEMU.split_whitespace().collect::<String>());
    }

    #[test]
    fn blocks_sum_to_zero_and_prefer_1280_by_800() {
        for block in EDID.chunks(BLOCK) {
            assert_eq!(block.iter().fold(0u8, |s, b| s.wrapping_add(*b)), 0);
        }
        let d = &EDID[0x36..0x48];
        let size = |low: usize, high: usize| u16::from(d[low]) | u16::from(d[high] & 0xf0) << 4;
        assert_eq!((size(2, 4), size(5, 7)), (1280, 800));
        // 107.3 MHz.
        assert_eq!(u16::from_le_bytes([d[0], d[1]]), 10_730);
    }
}
