//! The Bochs VBE extension's registers.

use tinamou_core::stored;

const XRES: u16 = 1;
const YRES: u16 = 2;
const BPP: u16 = 3;
const ENABLE: u16 = 4;
const BANK: u16 = 5;
const VIRT_WIDTH: u16 = 6;
const VIRT_HEIGHT: u16 = 7;
const X_OFFSET: u16 = 8;
const Y_OFFSET: u16 = 9;
const MEMORY_64K: u16 = 10;

const ON: u16 = 1;
const GET_CAPS: u16 = 2;
const DAC_8BIT: u16 = 0x20;
const NO_CLEAR: u16 = 0x80;

const ID_LATEST: u16 = 0xb0c5;
const MAX_XRES: u16 = 16_000;
const MAX_YRES: u16 = 12_000;
const MAX_BPP: u16 = 32;

#[derive(Clone)]
pub(super) struct Vbe {
    vram_bytes: u64,
    index: u16,
    id: u16,
    xres: u16,
    yres: u16,
    bpp: u16,
    enable: u16,
    bank: u16,
    width: u16,
    x: u16,
    y: u16,
}
stored!(Vbe {
    index,
    id,
    xres,
    yres,
    bpp,
    enable,
    bank,
    width,
    x,
    y
});

/// A mode as the renderer wants it.
pub(super) struct Mode {
    pub width: u32,
    pub height: u32,
    pub bpp: u16,
    /// First byte shown, and bytes from row to row (for 4 bits: of a plane's addresses).
    pub start: u64,
    pub pitch: u64,
}

impl Vbe {
    pub fn new(vram_bytes: u64) -> Vbe {
        Vbe {
            vram_bytes,
            index: 0,
            id: ID_LATEST,
            xres: 0,
            yres: 0,
            bpp: 8,
            enable: 0,
            bank: 0,
            width: 0,
            x: 0,
            y: 0,
        }
    }

    pub fn index(&self) -> u16 {
        self.index
    }

    pub fn select(&mut self, index: u16) {
        self.index = index;
    }

    pub fn on(&self) -> bool {
        self.enable & ON != 0
    }

    /// The window at A0000h shows a bank of linear memory.
    pub fn linear(&self) -> bool {
        self.on() && self.bpp != 4
    }

    pub fn bank(&self) -> u64 {
        u64::from(self.bank)
    }

    pub fn wide_dac(&self) -> bool {
        self.enable & DAC_8BIT != 0
    }

    /// Bytes of one row.
    fn pitch(&self) -> u64 {
        let w = u64::from(self.width);
        match self.bpp {
            // Four planes of an eighth each.
            4 => w / 8 * 4,
            b => w * u64::from(b.div_ceil(8)),
        }
    }

    /// Bytes of the visible picture.
    pub fn bytes(&self) -> u64 {
        self.pitch() * u64::from(self.yres)
    }

    /// True when all that is shown lies in memory.
    pub fn fits(&self, vram_bytes: u64) -> bool {
        let m = self.mode();
        !self.on()
            || m.pitch != 0
                && u64::from(self.x) + u64::from(self.xres) <= u64::from(self.width)
                && (u64::from(self.y) + u64::from(self.yres)) * m.pitch <= vram_bytes
    }

    pub fn mode(&self) -> Mode {
        let pitch = self.pitch();
        let left = match self.bpp {
            4 => u64::from(self.x) / 8 * 4,
            b => u64::from(self.x) * u64::from(b.div_ceil(8)),
        };
        Mode {
            width: self.xres.into(),
            height: self.yres.into(),
            bpp: self.bpp,
            start: u64::from(self.y) * pitch + left,
            pitch,
        }
    }

    pub fn read(&self, index: u16) -> u16 {
        let caps = self.enable & GET_CAPS != 0;
        match index {
            0 => self.id,
            XRES => {
                if caps {
                    MAX_XRES
                } else {
                    self.xres
                }
            }
            YRES => {
                if caps {
                    MAX_YRES
                } else {
                    self.yres
                }
            }
            BPP => {
                if caps {
                    MAX_BPP
                } else {
                    self.bpp
                }
            }
            ENABLE => self.enable,
            BANK => self.bank,
            VIRT_WIDTH => self.width,
            VIRT_HEIGHT => match self.pitch() {
                0 => 0,
                p => (self.vram_bytes / p).min(0xffff) as u16,
            },
            X_OFFSET => self.x,
            Y_OFFSET => self.y,
            MEMORY_64K => (self.vram_bytes >> 16) as u16,
            _ => 0,
        }
    }

    /// Writes a register. True when a mode was turned on whose memory must be cleared.
    pub fn write(&mut self, index: u16, v: u16) -> bool {
        let old = self.clone();
        match index {
            0 if (0xb0c0..=ID_LATEST).contains(&v) => self.id = v,
            // Sizes change while the mode is off.
            XRES if !self.on() && v <= MAX_XRES => self.xres = v & !7,
            YRES if !self.on() && v <= MAX_YRES => self.yres = v,
            BPP if !self.on() => {
                if matches!(v, 0 | 4 | 8 | 15 | 16 | 24 | 32) {
                    self.bpp = if v == 0 { 8 } else { v };
                }
            }
            BANK if u64::from(v) < self.vram_bytes >> 16 => self.bank = v,
            VIRT_WIDTH => self.width = v & !7,
            X_OFFSET => self.x = v,
            Y_OFFSET => self.y = v,
            ENABLE => {
                if v & ON != 0 && !self.on() {
                    (self.width, self.x, self.y, self.bank) = (self.xres, 0, 0, 0);
                }
                self.enable = v;
                if v & ON == 0 {
                    self.bank = 0;
                }
            }
            _ => {}
        }
        if self.on() && (self.xres == 0 || self.yres == 0 || !self.fits(self.vram_bytes)) {
            *self = old;
        }
        index == ENABLE && self.on() && v & NO_CLEAR == 0 && v & ON != 0
    }
}
