//! From registers and memory to a picture.

use tinamou_core::{DevCx, Frame, Ns};

use super::Vga;

/// A pixel: red, green, blue, 255.
type Rgba = [u8; 4];

const BLACK: Rgba = [0, 0, 0, 255];
/// Half a period of the cursor's blinking, 8 frames of 70 Hz; characters blink half as fast.
const BLINK_NS: u64 = 114_000_000;

/// Writes rows and notes which changed.
struct Canvas<'a> {
    frame: &'a mut Frame,
}

impl<'a> Canvas<'a> {
    fn new(frame: &'a mut Frame, width: u32, height: u32) -> Canvas<'a> {
        frame.dirty = (0, 0);
        if (frame.width, frame.height) != (width, height) {
            frame.width = width;
            frame.height = height;
            frame.rgba = BLACK.repeat(width as usize * height as usize);
            frame.dirty = (0, height);
        }
        Canvas { frame }
    }

    fn row(&mut self, y: u32, pixels: &[Rgba]) {
        let w = self.frame.width as usize;
        let Some(to) = self
            .frame
            .rgba
            .chunks_exact_mut(4 * w.max(1))
            .nth(y as usize)
        else {
            return;
        };
        let from = pixels.as_flattened();
        let n = from.len().min(to.len());
        if to[..n] != from[..n] {
            to[..n].copy_from_slice(&from[..n]);
            let (a, b) = self.frame.dirty;
            self.frame.dirty = if a == b {
                (y, y + 1)
            } else {
                (a.min(y), b.max(y + 1))
            };
        }
    }
}

/// A font of 256 characters, 32 bytes each.
type Font = Vec<u8>;

impl Vga {
    /// The DAC's colours.
    fn colours(&self) -> Vec<Rgba> {
        let wide = self.vbe.wide_dac();
        let level = |v: u8| if wide { v } else { v << 2 | v >> 4 };
        self.dac
            .chunks_exact(3)
            .map(|c| [level(c[0]), level(c[1]), level(c[2]), 255])
            .collect()
    }

    /// The 16 colours of the attribute controller's palette.
    fn palette(&self, colours: &[Rgba]) -> [Rgba; 16] {
        let select = self.atc[0x14];
        std::array::from_fn(|i| {
            let mut n = self.atc[i];
            if self.atc[0x10] & 0x80 != 0 {
                n = n & 0x0f | (select & 3) << 4;
            }
            n |= (select & 0x0c) << 4;
            colours[usize::from(n & self.dac_mask)]
        })
    }

    pub(super) fn word(&self, high: usize) -> u32 {
        u32::from(self.crtc[high]) << 8 | u32::from(self.crtc[high + 1])
    }

    /// The line at which the address starts again at zero.
    fn line_compare(&self) -> u32 {
        u32::from(self.crtc[0x18])
            | u32::from(self.crtc[7] & 0x10) << 4
            | u32::from(self.crtc[9] & 0x40) << 3
    }

    /// Whether the screen is dark.
    pub(super) fn is_off(&self) -> bool {
        self.atc_index & 0x20 == 0 || self.seq[1] & 0x20 != 0
    }

    pub(super) fn render(&mut self, cx: &mut dyn DevCx, frame: &mut Frame) {
        if self.vbe.on() {
            self.render_vbe(cx, frame);
        } else if self.is_off() {
            let (w, h) = (frame.width.max(640), frame.height.max(400));
            let mut c = Canvas::new(frame, w, h);
            let black = vec![BLACK; w as usize];
            for y in 0..h {
                c.row(y, &black);
            }
        } else if self.gc[6] & 1 == 0 {
            self.render_text(cx, frame);
        } else {
            self.render_graphics(cx, frame);
        }
    }

    fn fetch(&self, cx: &mut dyn DevCx, at: u64, bytes: usize) -> Vec<u8> {
        let mut b = vec![0; bytes];
        // What wraps around the end of memory is fetched in two pieces.
        let at = at & (self.vram_bytes - 1);
        let first = (self.vram_bytes - at).min(bytes as u64) as usize;
        cx.block_read(self.vram, at, &mut b[..first]);
        if first < bytes {
            cx.block_read(self.vram, 0, &mut b[first..]);
        }
        b
    }

    // VBE.

    fn render_vbe(&self, cx: &mut dyn DevCx, frame: &mut Frame) {
        let m = self.vbe.mode();
        let colours = self.colours();
        let palette = self.palette(&colours);
        let mut canvas = Canvas::new(frame, m.width, m.height);
        let mut row = vec![BLACK; m.width as usize];
        let bytes = match m.bpp {
            4 => m.width as usize / 2,
            b => m.width as usize * usize::from(b.div_ceil(8)),
        };
        for y in 0..m.height {
            let b = self.fetch(cx, m.start + u64::from(y) * m.pitch, bytes);
            match m.bpp {
                4 => {
                    for (p, q) in row.chunks_exact_mut(8).zip(b.chunks_exact(4)) {
                        planar(p, q, 15, &palette);
                    }
                }
                8 => {
                    for (p, q) in row.iter_mut().zip(&b) {
                        *p = colours[usize::from(*q & self.dac_mask)];
                    }
                }
                15 | 16 => {
                    for (p, q) in row.iter_mut().zip(b.chunks_exact(2)) {
                        let b = [q[0], q[1]];
                        let v = if self.big_endian {
                            u16::from_be_bytes(b)
                        } else {
                            u16::from_le_bytes(b)
                        };
                        *p = high_colour(v, m.bpp);
                    }
                }
                b_ => {
                    let n = usize::from(b_ / 8);
                    for (p, q) in row.iter_mut().zip(b.chunks_exact(n)) {
                        let [r, g, b] = if self.big_endian {
                            [q[n - 3], q[n - 2], q[n - 1]]
                        } else {
                            [q[2], q[1], q[0]]
                        };
                        *p = [r, g, b, 255];
                    }
                }
            }
            canvas.row(y, &row);
        }
    }

    // Graphics modes of the VGA.

    fn render_graphics(&self, cx: &mut dyn DevCx, frame: &mut Frame) {
        let colours = self.colours();
        let palette = self.palette(&colours);
        let wide = self.gc[5] & 0x40 != 0;
        let clocks = u32::from(self.crtc[1]) + 1;
        let width = clocks * if wide { 4 } else { 8 };
        let lines = self.lines() as u32;
        let double = u32::from(self.crtc[9] >> 7);
        let scans = u32::from(self.crtc[9] & 0x1f) + 1;
        // Rows that only repeat are drawn once, unless the row scan counter is part of the address.
        let by_scan = self.crtc[0x17] & 3 != 3;
        let repeat = if by_scan {
            1 << double
        } else {
            scans << double
        };
        let height = lines.div_ceil(repeat);
        let mut canvas = Canvas::new(frame, width, height);
        let pitch = u32::from(self.crtc[0x13]) * 2;
        let start = self.word(0x0c) + u32::from(self.crtc[8] >> 5 & 3);
        let compare = self.line_compare();
        let pan = usize::from(self.atc[0x13] & 7);
        let planes = self.atc[0x12] & 15;
        let mut row = vec![BLACK; width as usize + 16];
        // Address counter at the row's left, and the row since it was last set.
        let (mut base, mut since, mut shift) = (start, u32::from(self.crtc[8] & 0x1f), pan);
        for y in 0..height {
            if y * repeat > compare && (y.wrapping_sub(1)).wrapping_mul(repeat) <= compare {
                (base, since) = (0, 0);
                if self.atc[0x10] & 0x20 != 0 {
                    shift = 0;
                }
            }
            let (counter, scan) = if by_scan {
                (base + since / scans * pitch, since % scans)
            } else {
                (base + since * pitch, 0)
            };
            since += 1;
            let clocks = clocks + 2;
            for (i, cell) in (0..clocks).zip(row.chunks_mut(if wide { 4 } else { 8 })) {
                let at = self.address(counter.wrapping_add(i), scan);
                let mut q = [0; 4];
                cx.block_read(self.vram, 4 * u64::from(at), &mut q);
                if wide {
                    for (p, v) in cell.iter_mut().zip(q) {
                        *p = colours[usize::from(v & self.dac_mask)];
                    }
                } else if self.gc[5] & 0x20 != 0 {
                    interleaved(cell, &q, planes, &palette);
                } else if cell.len() == 8 {
                    planar(cell, &q, planes, &palette);
                }
            }
            let from = if wide { shift / 2 } else { shift };
            canvas.row(y, &row[from..from + width as usize]);
        }
    }

    /// The plane address that the CRTC puts out for its counter and row scan counter.
    fn address(&self, counter: u32, scan: u32) -> u32 {
        let mode = self.crtc[0x17];
        let c = counter & 0xffff;
        let chained = self.seq[4] & 8 != 0;
        let mut at = if chained {
            c
        } else if self.crtc[0x14] & 0x40 != 0 {
            c << 2 | c >> 14
        } else if mode & 0x40 == 0 {
            // Word mode: bit 15 or 13 comes around.
            let wrap = if mode & 0x20 != 0 { 15 } else { 13 };
            c << 1 | c >> wrap & 1
        } else {
            c
        };
        if mode & 1 == 0 {
            at = at & !0x2000 | (scan & 1) << 13;
        }
        if mode & 2 == 0 {
            at = at & !0x4000 | (scan & 2) << 13;
        }
        at & 0xffff
    }

    // Text.

    /// The font at one of the eight places of plane 2.
    fn font(&self, cx: &mut dyn DevCx, select: u8) -> Font {
        // The places in order: 0, 16 KiB, 32, 48, then those 8 KiB above them.
        let place = u64::from(select & 3) * 0x4000 + u64::from(select >> 2 & 1) * 0x2000;
        let all = self.fetch(cx, 4 * place, 4 * 0x2000);
        all.chunks_exact(4).map(|c| c[2]).collect()
    }

    fn render_text(&self, cx: &mut dyn DevCx, frame: &mut Frame) {
        let now = cx.now();
        let palette = self.palette(&self.colours());
        let cell_h = u32::from(self.crtc[9] & 0x1f) + 1;
        let cell_w = if self.seq[1] & 1 != 0 { 8 } else { 9 };
        let stretch = 1 << (self.seq[1] >> 3 & 1);
        let columns = u32::from(self.crtc[1]) + 1;
        let double = u32::from(self.crtc[9] >> 7);
        let height = (self.lines() as u32) >> double;
        let width = columns * cell_w * stretch;
        let map = self.seq[3];
        let second = map & 3 | (map >> 4 & 1) << 2;
        let first = map >> 2 & 3 | (map >> 5 & 1) << 2;
        let fonts = [self.font(cx, second), self.font(cx, first)];
        let two_fonts = first != second;
        let blinks = self.atc[0x10] & 8 != 0;
        let phase = |ns: u64| Ns(now.0 / ns).0 & 1 == 0;
        let (cursor_on, text_on) = (phase(BLINK_NS), phase(2 * BLINK_NS));
        let cursor_at = self.word(0x0e);
        let (top, bottom) = (
            u32::from(self.crtc[0x0a] & 0x1f),
            u32::from(self.crtc[0x0b] & 0x1f),
        );
        let cursor_shown = self.crtc[0x0a] & 0x20 == 0 && cursor_on;
        let underline = u32::from(self.crtc[0x14] & 0x1f);
        let mono = self.atc[0x10] & 2 != 0;
        let pitch = u32::from(self.crtc[0x13]) * 2;
        let compare = self.line_compare() >> double;
        let pan = u32::from(self.atc[0x13] & 15);
        let mut pan = match (cell_w, pan) {
            (9, 8..) => 0,
            (9, n) => n + 1,
            (_, n) => n & 7,
        };
        let mut canvas = Canvas::new(frame, width, height);
        let mut base = self.word(0x0c) + u32::from(self.crtc[8] >> 5 & 3);
        let mut scan = u32::from(self.crtc[8] & 0x1f);
        let mut cells = self.text_row(cx, base, columns + 1);
        let mut row = Vec::new();
        for y in 0..height {
            if scan >= cell_h {
                scan = 0;
                base = base.wrapping_add(pitch);
                cells = self.text_row(cx, base, columns + 1);
            }
            if y == compare.wrapping_add(1) {
                (base, scan) = (0, 0);
                cells = self.text_row(cx, base, columns + 1);
                if self.atc[0x10] & 0x20 != 0 {
                    pan = 0;
                }
            }
            row.clear();
            for (i, &(code, attr)) in (0u32..).zip(&cells) {
                let font = &fonts[usize::from(two_fonts && attr & 8 != 0)];
                let mut bits = font
                    .get(usize::from(code) * 32 + scan as usize)
                    .copied()
                    .unwrap_or(0);
                let mut fore = attr & 15;
                let mut back = attr >> 4;
                if blinks {
                    if attr & 0x80 != 0 && !text_on {
                        fore = back & 7;
                    }
                    back &= 7;
                }
                if two_fonts {
                    fore &= 7;
                }
                if scan == underline && (mono || underline < cell_h - 1) && attr & 7 == 1 {
                    bits = 0xff;
                }
                let here = base.wrapping_add(i) & 0xffff == cursor_at;
                if here && cursor_shown && (top..=bottom).contains(&scan) {
                    back = fore;
                    bits = 0;
                }
                let (f, b) = (palette[usize::from(fore)], palette[usize::from(back)]);
                let mut dot = |on: bool| {
                    for _ in 0..stretch {
                        row.push(if on { f } else { b });
                    }
                };
                for n in (0..8).rev() {
                    dot(bits >> n & 1 != 0);
                }
                if cell_w == 9 {
                    // Line-drawing characters go on into the ninth column.
                    let goes_on = self.atc[0x10] & 4 != 0 && (0xc0..0xe0).contains(&code);
                    dot(goes_on && bits & 1 != 0);
                }
            }
            let from = (pan * stretch) as usize;
            canvas.row(y, &row[from..from + width as usize]);
            scan += 1;
        }
    }

    /// Characters and attributes from an address on.
    pub(super) fn text_row(&self, cx: &mut dyn DevCx, base: u32, columns: u32) -> Vec<(u8, u8)> {
        (0..columns)
            .map(|i| {
                let at = self.address(base.wrapping_add(i), 0);
                let mut q = [0; 4];
                cx.block_read(self.vram, 4 * u64::from(at), &mut q);
                (q[0], q[1])
            })
            .collect()
    }
}

/// Eight pixels of four planes.
fn planar(to: &mut [Rgba], q: &[u8], planes: u8, palette: &[Rgba; 16]) {
    for (i, p) in to.iter_mut().enumerate().take(8) {
        let bit = 7 - i;
        let n = (0..4).fold(0, |n, p| n | (q[p] >> bit & 1) << p);
        *p = palette[usize::from(n & planes)];
    }
}

/// Eight pixels of two bits: four from the even planes, then four from the odd ones.
fn interleaved(to: &mut [Rgba], q: &[u8; 4], planes: u8, palette: &[Rgba; 16]) {
    for (i, p) in to.iter_mut().enumerate().take(8) {
        let (plane, bit) = (i / 4, 6 - 2 * (i % 4));
        let n = q[plane] >> bit & 3 | (q[plane + 2] >> bit & 3) << 2;
        *p = palette[usize::from(n & planes)];
    }
}

fn high_colour(v: u16, bpp: u16) -> Rgba {
    let five = |n: u16| (n << 3 | n >> 2) as u8;
    let (r, g, b) = if bpp == 15 {
        (v >> 10 & 31, five(v >> 5 & 31), v & 31)
    } else {
        let g = v >> 5 & 63;
        (v >> 11, (g << 2 | g >> 4) as u8, v & 31)
    };
    [five(r), g, five(b), 255]
}
