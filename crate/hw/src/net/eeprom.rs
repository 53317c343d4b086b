//! The serial EEPROM 93C46 beside some controllers: 64 words, read only.

use tinamou_core::stored;

pub(super) struct Eeprom {
    words: [u16; 64],
    selected: bool,
    clock: bool,
    /// Bits shifted in since the start bit, and their number.
    input: u16,
    count: u8,
    /// Bits to shift out.
    output: u32,
    left: u8,
    out: bool,
}
stored!(Eeprom { words, selected, clock, input, count, output, left, out }
    check |s| s.count <= 9 && s.left <= 17, "EEPROM");

impl Eeprom {
    pub fn new(words: [u16; 64]) -> Eeprom {
        Eeprom {
            words,
            selected: false,
            clock: false,
            input: 0,
            count: 0,
            output: 0,
            left: 0,
            out: true,
        }
    }

    /// A word, past the serial pins.
    pub fn word(&self, at: u8) -> u16 {
        self.words[usize::from(at & 0x3f)]
    }

    pub fn out(&self) -> bool {
        self.out
    }

    /// New levels of chip select, clock and data.
    pub fn pins(&mut self, select: bool, clock: bool, data: bool) {
        if !select || !self.selected {
            (self.input, self.count, self.left) = (0, 0, 0);
            self.out = true;
        } else if clock && !self.clock {
            self.shift(data);
        }
        self.selected = select;
        self.clock = clock;
    }

    fn shift(&mut self, data: bool) {
        if self.left > 0 {
            self.left -= 1;
            self.out = self.output >> self.left & 1 != 0;
            return;
        }
        if self.count == 9 {
            return;
        }
        // Zeros before the start bit do not count.
        if self.count > 0 || data {
            self.input = self.input << 1 | u16::from(data);
            self.count += 1;
        }
        if self.count == 9 && self.input >> 6 & 7 == 0b110 {
            // READ: the data follow a zero, which is there at once.
            self.output = u32::from(self.words[usize::from(self.input & 0x3f)]);
            self.left = 16;
            self.out = false;
        }
    }
}
