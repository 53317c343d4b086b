//! Register programs as a BIOS writes them (the tables of the IBM VGA Technical Reference, "BIOS modes") and the pictures they make.

use super::*;
use crate::testing::{Bench, storm};

const PORT_CRTC: u64 = 0x3d4;

fn bench() -> Bench<Vga> {
    let make = || Vga::new(BlockId(0), MIB);
    let mut b = Bench::new(make(), make);
    b.cx.blocks = vec![vec![0; MIB as usize]];
    b
}

fn out(b: &mut Bench<Vga>, port: u64, v: u64) {
    b.write(PORTS, port - 0x3b0, 1, v);
}
fn inp(b: &mut Bench<Vga>, port: u64) -> u64 {
    b.read(PORTS, port - 0x3b0, 1)
}
/// An indexed register by one 16-bit write.
fn pair(b: &mut Bench<Vga>, port: u64, i: u64, v: u64) {
    b.write(PORTS, port - 0x3b0, 2, v << 8 | i);
}

struct Program {
    misc: u64,
    seq: [u64; 5],
    crtc: [u64; 25],
    gc: [u64; 9],
    atc10: u64,
}

const TEXT: Program = Program {
    misc: 0x67,
    seq: [0x03, 0x00, 0x03, 0x00, 0x02],
    crtc: [
        0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c,
        0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
    ],
    gc: [0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff],
    atc10: 0x0c,
};
const MODE_12H: Program = Program {
    misc: 0xe3,
    seq: [0x03, 0x01, 0x0f, 0x00, 0x06],
    crtc: [
        0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c,
        0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff,
    ],
    gc: [0, 0, 0, 0, 0, 0, 0x05, 0x0f, 0xff],
    atc10: 0x01,
};
const MODE_13H: Program = Program {
    misc: 0x63,
    seq: [0x03, 0x01, 0x0f, 0x00, 0x0e],
    crtc: [
        0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e,
        0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff,
    ],
    gc: [0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff],
    atc10: 0x41,
};
const CGA_4: Program = Program {
    misc: 0x63,
    seq: [0x03, 0x09, 0x03, 0x00, 0x02],
    crtc: [
        0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e,
        0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff,
    ],
    gc: [0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff],
    atc10: 0x01,
};

fn program(b: &mut Bench<Vga>, p: &Program) {
    out(b, 0x3c2, p.misc);
    for (i, v) in (0..).zip(p.seq) {
        pair(b, 0x3c4, i, v);
    }
    pair(b, PORT_CRTC, 0x11, 0);
    for (i, v) in (0..).zip(p.crtc) {
        pair(b, PORT_CRTC, i, v);
    }
    for (i, v) in (0..).zip(p.gc) {
        pair(b, 0x3ce, i, v);
    }
    inp(b, 0x3da);
    for i in 0..16 {
        out(b, 0x3c0, i);
        out(b, 0x3c0, i);
    }
    // Nine dots: panning 8 is none.
    let pan = if p.atc10 & 1 == 0 { 8 } else { 0 };
    for (i, v) in [
        (0x10, p.atc10),
        (0x11, 0),
        (0x12, 15),
        (0x13, pan),
        (0x14, 0),
    ] {
        out(b, 0x3c0, i);
        out(b, 0x3c0, v);
    }
    out(b, 0x3c0, 0x20);
    // Colour n: red 4n, green 63 - n, blue n.
    out(b, 0x3c8, 0);
    for n in 0..64 {
        for v in [n * 4 % 64, 63 - n, n] {
            out(b, 0x3c9, v);
        }
    }
    out(b, 0x3c6, 0xff);
}

fn rgb(n: u8) -> [u8; 3] {
    [n * 4 % 64, 63 - n, n].map(|v| v << 2 | v >> 4)
}

fn frame(b: &mut Bench<Vga>) -> Frame {
    let mut f = Frame::default();
    assert!(b.dev.display(&mut b.cx, &mut f));
    f
}

fn pixel(f: &Frame, x: u32, y: u32) -> [u8; 3] {
    let at = 4 * (y * f.width + x) as usize;
    f.rgba[at..at + 3].try_into().unwrap()
}

/// Writes through the window as the CPU would, by address.
fn poke(b: &mut Bench<Vga>, at: u64, v: u64) {
    b.write(WINDOW, at - 0xa_0000, 1, v);
}
fn peek(b: &mut Bench<Vga>, at: u64) -> u64 {
    b.read(WINDOW, at - 0xa_0000, 1)
}

#[test]
fn text_with_the_guests_font() {
    bench().twice(|b| {
        program(b, &TEXT);
        // Load a glyph for character 41h: sequential access to plane 2 at A0000h.
        for (port, i, v) in [
            (0x3c4, 2, 4),
            (0x3c4, 4, 7),
            (0x3ce, 4, 2),
            (0x3ce, 5, 0),
            (0x3ce, 6, 4),
        ] {
            pair(b, port, i, v);
        }
        poke(b, 0xa_0000 + 0x41 * 32 + 3, 0x81);
        assert_eq!(peek(b, 0xa_0000 + 0x41 * 32 + 3), 0x81);
        for (port, i, v) in [
            (0x3c4, 2, 3),
            (0x3c4, 4, 2),
            (0x3ce, 4, 0),
            (0x3ce, 5, 0x10),
            (0x3ce, 6, 0x0e),
        ] {
            pair(b, port, i, v);
        }
        for i in 0..2000 {
            poke(b, 0xb_8000 + 2 * i, 0x20);
            poke(b, 0xb_8001 + 2 * i, 0x07);
        }
        poke(b, 0xb_8000 + 2 * (80 + 1), 0x41);
        poke(b, 0xb_8001 + 2 * (80 + 1), 0x1e);
        assert_eq!(peek(b, 0xb_80a2), 0x41);
        assert_eq!(peek(b, 0xb_80a3), 0x1e);
        b.save_and_load();
        let f = frame(b);
        assert_eq!((f.width, f.height), (720, 400));
        // Second row, second column, fourth line of the cell.
        let y = 16 + 3;
        assert_eq!(pixel(&f, 9, y), rgb(14));
        assert_eq!(pixel(&f, 10, y), rgb(1));
        assert_eq!(pixel(&f, 16, y), rgb(14));
        assert_eq!(pixel(&f, 17, y), rgb(1), "ninth column");
        assert_eq!(pixel(&f, 9, y + 1), rgb(1));
        // The cursor: lines 13 and 14 of the first cell, in the foreground.
        b.cx.now = Ns(0);
        let f = frame(b);
        assert_eq!((pixel(&f, 0, 13), pixel(&f, 0, 12)), (rgb(7), rgb(0)));
        b.cx.now = Ns(120_000_000);
        let f = frame(b);
        assert_eq!(pixel(&f, 0, 13), rgb(0), "off again");
        b.cx.now = Ns(0);
    });
}

#[test]
fn text_for_a_terminal() {
    let mut b = bench();
    let shown = |b: &mut Bench<Vga>| b.dev.text_screen(&mut b.cx).unwrap();
    assert_eq!(shown(&mut b), TextScreen::Blank);
    program(&mut b, &TEXT);
    poke(&mut b, 0xb_8000 + 2 * (80 + 1), 0x41);
    poke(&mut b, 0xb_8001 + 2 * (80 + 1), 0x1e);
    // The cursor at the same place.
    pair(&mut b, PORT_CRTC, 0x0e, 0);
    pair(&mut b, PORT_CRTC, 0x0f, 81);
    let TextScreen::Text {
        columns,
        rows,
        cells,
        cursor,
    } = shown(&mut b)
    else {
        panic!("no text");
    };
    assert_eq!((columns, rows, cells.len()), (80, 25, 2000));
    assert_eq!((cells[81], cursor), ([0x41, 0x1e], Some((1, 1))));
    // A screen that begins a row later, and no cursor.
    pair(&mut b, PORT_CRTC, 0x0d, 80);
    pair(&mut b, PORT_CRTC, 0x0a, 0x20);
    let shown_now = shown(&mut b);
    assert!(
        matches!(shown_now, TextScreen::Text { cells, cursor: None, .. } if cells[1] == [0x41, 0x1e])
    );
    pair(&mut b, 0x3ce, 6, 5);
    let (width, height) = (640, 400);
    assert_eq!(shown(&mut b), TextScreen::Graphics { width, height });
}

#[test]
fn dirty_rows() {
    let mut b = bench();
    program(&mut b, &TEXT);
    pair(&mut b, PORT_CRTC, 0x0a, 0x20); // no cursor
    let mut f = frame(&mut b);
    b.dev.display(&mut b.cx, &mut f);
    assert_eq!(f.dirty, (0, 0), "nothing changed");
    poke(&mut b, 0xb_8001 + 160, 0x20);
    b.dev.display(&mut b.cx, &mut f);
    assert_eq!(f.dirty, (16, 32));
}

#[test]
fn planes_and_write_modes() {
    bench().twice(|b| {
        program(b, &MODE_12H);
        for i in 0..0x9600 / 8 {
            b.write(WINDOW, 8 * i, 8, 0);
        }
        // Mode 0 with set/reset: colour 5 through a bit mask.
        pair(b, 0x3ce, 0, 5);
        pair(b, 0x3ce, 1, 15);
        pair(b, 0x3ce, 8, 0x80);
        peek(b, 0xa_0000);
        poke(b, 0xa_0000, 0);
        // Mode 2: colour 9 in pixel 3.
        pair(b, 0x3ce, 5, 2);
        pair(b, 0x3ce, 8, 0x10);
        peek(b, 0xa_0000);
        poke(b, 0xa_0000, 9);
        let f = frame(b);
        assert_eq!((f.width, f.height), (640, 480));
        let row: Vec<_> = (0..5).map(|x| pixel(&f, x, 0)).collect();
        assert_eq!(row, [rgb(5), rgb(0), rgb(0), rgb(9), rgb(0)]);
        // Mode 1 copies by the latches.
        peek(b, 0xa_0000);
        pair(b, 0x3ce, 5, 1);
        b.save_and_load();
        poke(b, 0xa_0050, 0xee);
        // Mode 3: set/reset colour where the data has ones, by AND with the mask.
        pair(b, 0x3ce, 5, 3);
        pair(b, 0x3ce, 0, 12);
        pair(b, 0x3ce, 8, 0xff);
        peek(b, 0xa_00a0);
        poke(b, 0xa_00a0, 0x41);
        let f = frame(b);
        assert_eq!((pixel(&f, 0, 1), pixel(&f, 3, 1)), (rgb(5), rgb(9)));
        assert_eq!(
            (pixel(&f, 1, 2), pixel(&f, 7, 2), pixel(&f, 0, 2)),
            (rgb(12), rgb(12), rgb(0))
        );
        // Read mode 0 by plane, read mode 1 by colour.
        pair(b, 0x3ce, 5, 0);
        pair(b, 0x3ce, 4, 2);
        assert_eq!(peek(b, 0xa_0000), 0x80);
        pair(b, 0x3ce, 5, 8);
        pair(b, 0x3ce, 2, 9);
        pair(b, 0x3ce, 7, 15);
        assert_eq!(peek(b, 0xa_0000), 0x10);
        // Functions and rotation: XOR of F0h rotated by 4 over what is there.
        pair(b, 0x3ce, 5, 0);
        pair(b, 0x3ce, 1, 0);
        pair(b, 0x3ce, 3, 0x1c);
        pair(b, 0x3c4, 2, 1);
        peek(b, 0xa_00a0);
        poke(b, 0xa_00a0, 0xf0);
        pair(b, 0x3ce, 3, 0);
        pair(b, 0x3ce, 4, 0);
        assert_eq!(peek(b, 0xa_00a0), 0x0f);
        pair(b, 0x3c4, 2, 15);
    });
}

#[test]
fn mode_13h_is_plain_memory() {
    bench().twice(|b| {
        program(b, &MODE_13H);
        let mut m = Vec::new();
        b.dev.mappings(&mut m);
        let direct = m.iter().find(|m| matches!(m.to, MapTo::Block { .. }));
        assert_eq!(direct.map(|m| (m.base, m.len)), Some((0xa_0000, 0x1_0000)));
        poke(b, 0xa_0000 + 320 * 7 + 5, 33);
        assert_eq!(b.cx.blocks[0][320 * 7 + 5], 33);
        let f = frame(b);
        assert_eq!((f.width, f.height), (320, 200));
        assert_eq!(pixel(&f, 5, 7), rgb(33));
        // Mode X: unchained, bytes instead of double words; every plane is a fourth pixel.
        pair(b, 0x3c4, 4, 6);
        pair(b, PORT_CRTC, 0x14, 0);
        pair(b, PORT_CRTC, 0x17, 0xe3);
        pair(b, 0x3c4, 2, 2);
        poke(b, 0xa_0000 + 80 * 9 + 3, 44);
        pair(b, 0x3c4, 2, 15);
        let f = frame(b);
        assert_eq!(pixel(&f, 13, 9), rgb(44));
        assert_eq!(pixel(&f, 5, 7), rgb(33), "the same memory");
        // Start address: nine lines on.
        pair(b, PORT_CRTC, 0x0c, (80 * 9) >> 8);
        pair(b, PORT_CRTC, 0x0d, (80 * 9) & 0xff);
        let f = frame(b);
        assert_eq!(pixel(&f, 13, 0), rgb(44));
        // Line compare at scan line 99: what follows starts at address 0.
        pair(b, PORT_CRTC, 0x18, 99);
        pair(b, PORT_CRTC, 7, 0x0f);
        pair(b, PORT_CRTC, 9, 0x01);
        let f = frame(b);
        assert_eq!(pixel(&f, 5, 50 + 7), rgb(33));
    });
}

#[test]
fn cga_rows_interleave() {
    bench().twice(|b| {
        program(b, &CGA_4);
        // Row 0: four pixels 0 1 2 3; row 1 begins 2000h further on.
        poke(b, 0xb_8000, 0x1b);
        poke(b, 0xb_8001, 0xc0);
        poke(b, 0xb_a000, 0x80);
        let f = frame(b);
        assert_eq!((f.width, f.height), (320, 200));
        let row: Vec<_> = (0..5).map(|x| pixel(&f, x, 0)).collect();
        assert_eq!(row, [0, 1, 2, 3, 3].map(rgb));
        assert_eq!(pixel(&f, 0, 1), rgb(2));
    });
}

fn dispi(b: &mut Bench<Vga>, i: u64, v: u64) {
    b.write(DISPI, 0, 2, i);
    b.write(DISPI, 1, 2, v);
}

#[test]
fn vbe_linear_and_banked() {
    bench().twice(|b| {
        b.write(DISPI, 0, 2, 0);
        assert_eq!(b.read(DISPI, 1, 2), 0xb0c5);
        dispi(b, 4, 0);
        for (i, v) in [(1, 64), (2, 48), (3, 32), (4, 0x41)] {
            dispi(b, i, v);
        }
        b.cx.blocks[0][4 * (64 * 2 + 3)..][..4].copy_from_slice(&[1, 2, 3, 0]);
        let f = frame(b);
        assert_eq!((f.width, f.height), (64, 48));
        assert_eq!(pixel(&f, 3, 2), [3, 2, 1]);
        dispi(b, 9, 2); // two rows down
        b.save_and_load();
        let f = frame(b);
        assert_eq!(pixel(&f, 3, 0), [3, 2, 1]);
        // 16 bits, written through bank 1.
        dispi(b, 4, 0);
        dispi(b, 3, 16);
        dispi(b, 2, 4000);
        dispi(b, 1, 64);
        dispi(b, 4, 0x41);
        assert_eq!(b.cx.blocks[0][4 * (64 * 2 + 3)], 0, "cleared");
        dispi(b, 5, 1);
        pair(b, 0x3ce, 6, 5);
        b.write(WINDOW, 6, 2, 0xf81f);
        assert_eq!(b.cx.blocks[0][0x1_0006..0x1_0008], [0x1f, 0xf8]);
        let f = frame(b);
        assert_eq!(pixel(&f, 3, 512), [255, 0, 255]);
        // Too big for the memory: refused.
        dispi(b, 4, 0);
        dispi(b, 1, 8000);
        dispi(b, 2, 8000);
        dispi(b, 4, 0x41);
        b.write(DISPI, 0, 2, 4);
        assert_eq!(b.read(DISPI, 1, 2), 0);
        dispi(b, 4, 0);
    });
}

#[test]
fn retrace_follows_the_clock() {
    bench().twice(|b| {
        program(b, &TEXT);
        let (mut rises, mut last) = (0, 0);
        for _ in 0..100_000 {
            b.settle(Ns(10_000));
            let v = inp(b, 0x3da) & 8;
            rises += u64::from(v > last);
            last = v;
        }
        // 28.322 MHz / 900 dots / 449 lines: 70.09 Hz.
        assert!((69..=71).contains(&rises), "{rises}");
    });
}

#[test]
fn palette_reads_back() {
    bench().twice(|b| {
        out(b, 0x3c8, 7);
        for v in [1, 2, 0xff] {
            out(b, 0x3c9, v);
        }
        out(b, 0x3c7, 7);
        assert_eq!(inp(b, 0x3c7) & 3, 3);
        let c = [0; 3].map(|_| inp(b, 0x3c9));
        assert_eq!(c, [1, 2, 0x3f]);
    });
}

#[test]
fn storm_does_no_harm() {
    let mut b = bench();
    let mut f = Frame::default();
    for round in 0..40 {
        program(
            &mut b,
            [&TEXT, &MODE_12H, &MODE_13H, &CGA_4][round as usize % 4],
        );
        storm(
            &mut b,
            &[(0, 0x30), (0, 0x30), (1, 0x2_0000), (2, 3), (3, 0x1000)],
            1_500,
        );
        // However odd the registers, there is a picture.
        b.dev.display(&mut b.cx, &mut f);
        assert_eq!(f.rgba.len(), 4 * (f.width * f.height) as usize);
    }
}

#[test]
fn expansion_rom() {
    let make = || Vga::new(BlockId(0), MIB).with_rom(BlockId(1), 0x1_0000);
    let mut b = Bench::new(make(), make);
    b.twice(|b| {
        let rom = |b: &Bench<Vga>| {
            let mut m = Vec::new();
            b.dev.mappings(&mut m);
            m.into_iter().find(|m| {
                matches!(
                    m.to,
                    MapTo::Block {
                        block: BlockId(1),
                        ..
                    }
                )
            })
        };
        b.dev.pci_write(&mut b.cx, 0, 0x30, 4, 0xffff_fffe);
        assert_eq!(b.dev.pci_read(&mut b.cx, 0, 0x30, 4), 0xffff_0000, "64 KiB");
        assert_eq!(rom(b), None);
        b.dev.pci_write(&mut b.cx, 0, 4, 2, 2);
        b.dev.pci_write(&mut b.cx, 0, 0x30, 4, 0xfeb0_0001);
        let m = rom(b).unwrap();
        assert_eq!((m.base, m.len), (0xfeb0_0000, 0x1_0000));
        b.dev.pci_write(&mut b.cx, 0, 0x30, 4, 0);
    });
}

#[test]
fn registers_in_memory() {
    bench().twice(|b| {
        // The EDID in any width, read only; behind it room for one more block.
        assert_eq!(b.read(MMIO, 0, 4), 0xffff_ff00);
        assert_eq!(b.read(MMIO, 0x72, 2), u64::from(u16::from_le_bytes(*b"EM")));
        b.write(MMIO, 0x72, 1, 0);
        assert_eq!(b.read(MMIO, 0x72, 1), u64::from(b'E'));
        assert_eq!(
            (b.read(MMIO, 0x17f, 1), b.read(MMIO, 0x180, 4)),
            (0, 0xffff_ffff)
        );
        // The VBE extension: two registers at once.
        b.write(MMIO, 0x502, 4, 48 << 16 | 64);
        assert_eq!(b.read(MMIO, 0x502, 4), 48 << 16 | 64);
        assert_eq!(
            (b.read(MMIO, 0x500, 2), b.read(MMIO, 0x516, 2)),
            (0xb0c5, 0xffff)
        );
        b.write(MMIO, 0x506, 2, 16);
        b.write(MMIO, 0x508, 2, 0x41);
        // A port: the DAC's mask.
        b.write(MMIO, 0x406, 1, 0x3f);
        assert_eq!((b.read(MMIO, 0x406, 1), inp(b, 0x3c6)), (0x3f, 0x3f));
        // The order of bytes.
        assert_eq!(
            (b.read(MMIO, 0x600, 4), b.read(MMIO, 0x604, 4)),
            (8, 0x1e1e_1e1e)
        );
        b.cx.blocks[0][..2].copy_from_slice(&[0xf8, 0x00]);
        assert_eq!(pixel(&frame(b), 0, 0), [0, 28, 198]);
        b.write(MMIO, 0x604, 4, 0xbebe_bebe);
        b.write(MMIO, 0x604, 4, 0x1234_5678);
        assert_eq!(b.read(MMIO, 0x604, 4), 0xbebe_bebe);
        b.save_and_load();
        assert_eq!(pixel(&frame(b), 0, 0), [255, 0, 0]);
        for (bits, bytes) in [(24, [9, 8, 7, 0]), (32, [0, 9, 8, 7])] {
            dispi(b, 4, 0);
            dispi(b, 3, bits);
            dispi(b, 4, 0x41);
            b.cx.blocks[0][..4].copy_from_slice(&bytes);
            assert_eq!(pixel(&frame(b), 0, 0), [9, 8, 7]);
        }
        b.write(MMIO, 0x604, 4, 0x1e1e_1e1e);
        dispi(b, 4, 0);
    });
}
