//! An I2C EEPROM of the 24C02 class (Microchip 21202, "bus characteristics") seen at the level of its two wires.
//!
//! Modelled: start, stop, acknowledge, current, random and sequential reads, byte and page writes (pages do not wrap, writes
//! take no time). The contents belong to the caller.

use tinamou_core::{LoadError, Loader, Saver};

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    #[default]
    Idle,
    Select,
    Address,
    Write,
    Read,
}

/// The chip's side of the bus.
#[derive(Clone, Debug)]
pub struct I2cEeprom {
    select: u8,
    phase: Phase,
    clock: bool,
    line: bool,
    /// Data wire as the chip drives it (true: released).
    out: bool,
    bit: u8,
    shift: u8,
    at: u8,
}

impl I2cEeprom {
    /// A chip with this address (8-bit form, even).
    pub fn new(select: u8) -> I2cEeprom {
        I2cEeprom {
            select,
            phase: Phase::Idle,
            clock: true,
            line: true,
            out: true,
            bit: 0,
            shift: 0,
            at: 0,
        }
    }

    /// The data wire as the master reads it.
    pub fn data(&self) -> bool {
        self.out && self.line
    }

    /// The master drives both wires.
    pub fn drive(&mut self, clock: bool, data: bool, mem: &mut [u8; 256]) {
        let (c, d) = (self.clock, self.line);
        self.clock = clock;
        self.line = data;
        if c && clock && d != data {
            // A data edge while the clock is high: start or stop.
            self.phase = if data { Phase::Idle } else { Phase::Select };
            self.bit = 0;
            self.out = true;
        } else if !c && clock {
            self.rise(data);
        } else if c && !clock {
            self.fall(mem);
        }
    }

    fn rise(&mut self, data: bool) {
        if self.bit < 8 {
            self.shift = self.shift << 1 | u8::from(data);
        } else if self.phase == Phase::Read && data {
            self.phase = Phase::Idle; // not acknowledged
        }
        self.bit += 1;
    }

    fn fall(&mut self, mem: &mut [u8; 256]) {
        match (self.phase, self.bit) {
            (Phase::Idle, _) => {
                self.out = true;
                self.bit = 0;
            }
            (Phase::Read, 0..8) if self.bit > 0 => self.out = self.read_bit(mem),
            (Phase::Read, 8) => self.out = true,
            (Phase::Read, 9) => {
                self.at = self.at.wrapping_add(1);
                self.bit = 0;
                self.out = self.read_bit(mem);
            }
            (_, 8) => self.byte_done(mem),
            (_, 9) => {
                self.bit = 0;
                self.out = true;
                if self.phase == Phase::Select {
                    self.phase = if self.shift & 1 != 0 {
                        Phase::Read
                    } else {
                        Phase::Address
                    };
                } else if self.phase == Phase::Address {
                    self.phase = Phase::Write;
                }
                if self.phase == Phase::Read {
                    self.out = self.read_bit(mem);
                }
            }
            _ => {}
        }
    }

    fn read_bit(&self, mem: &[u8; 256]) -> bool {
        mem[usize::from(self.at)] << self.bit & 0x80 != 0
    }

    /// Eight bits are in: act and acknowledge.
    fn byte_done(&mut self, mem: &mut [u8; 256]) {
        match self.phase {
            Phase::Select if self.shift & 0xfe != self.select => {
                self.phase = Phase::Idle;
                self.out = true;
                return;
            }
            Phase::Address => self.at = self.shift,
            Phase::Write => {
                mem[usize::from(self.at)] = self.shift;
                self.at = self.at.wrapping_add(1);
            }
            _ => {}
        }
        self.out = false;
    }

    /// Writes the state.
    pub fn save(&self, s: &mut Saver) {
        s.u8(self.phase as u8);
        for v in [self.clock, self.line, self.out] {
            s.bool(v);
        }
        for v in [self.bit, self.shift, self.at] {
            s.u8(v);
        }
    }

    /// Reads the state.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        self.phase = match l.u8()? {
            0 => Phase::Idle,
            1 => Phase::Select,
            2 => Phase::Address,
            3 => Phase::Write,
            4 => Phase::Read,
            _ => return Err(LoadError::Invalid("EEPROM phase")),
        };
        self.clock = l.bool()?;
        self.line = l.bool()?;
        self.out = l.bool()?;
        self.bit = l.u8()?;
        self.shift = l.u8()?;
        self.at = l.u8()?;
        if self.bit > 9 {
            return Err(LoadError::Invalid("EEPROM bit count"));
        }
        Ok(())
    }
}
