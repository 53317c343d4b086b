//! From registers and memory to characters.

use tinamou_core::{DevCx, TextScreen};

use super::Vga;

impl Vga {
    /// What is shown. As QEMU tells it, the size of the adapter's own graphics modes is that of the beam: doubled dots and lines count.
    pub(super) fn text(&self, cx: &mut dyn DevCx) -> TextScreen {
        if self.vbe.on() {
            let m = self.vbe.mode();
            return TextScreen::Graphics {
                width: m.width,
                height: m.height,
            };
        }
        if self.is_off() {
            return TextScreen::Blank;
        }
        let columns = u32::from(self.crtc[1]) + 1;
        let lines = self.lines() as u32;
        if self.gc[6] & 1 != 0 {
            return TextScreen::Graphics {
                width: 8 * columns,
                height: lines,
            };
        }
        let cell_h = u32::from(self.crtc[9] & 0x1f) + 1;
        let rows = (lines >> (self.crtc[9] >> 7)) / cell_h;
        let pitch = u32::from(self.crtc[0x13]) * 2;
        let start = self.word(0x0c);
        let cells = (0..rows)
            .flat_map(|y| self.text_row(cx, start.wrapping_add(y * pitch), columns))
            .map(|(code, attr)| [code, attr])
            .collect();
        let at = self.word(0x0e).wrapping_sub(start) & 0xffff;
        let (x, y) = (at % pitch.max(1), at / pitch.max(1));
        let hidden = self.crtc[0x0a] & 0x20 != 0 || x >= columns || y >= rows;
        TextScreen::Text {
            columns,
            rows,
            cells,
            cursor: (!hidden).then_some((x, y)),
        }
    }
}
