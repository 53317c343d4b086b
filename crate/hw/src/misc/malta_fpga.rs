//! The Malta board's FPGA (MIPS Malta User's Manual MD00048, "Memory map" and "Board registers").
//!
//! Modelled: switches, status, jumpers, LED bar, the 8-character display, reset, the break-reset delay, GPIO latch, the
//! bit-banged I2C port with the memory module's SPD EEPROM. Registers are 32 bits in the CPU's byte order, 8 bytes apart. The
//! third UART at offset 900h is a device of its own. Not modelled: interrupt status of the board's own sources (none).

use tinamou_core::{DevCx, Device, LoadError, Loader, MachineRequest, Saver};

use super::i2c_eeprom::I2cEeprom;

/// The value of SOFTRES that resets the board.
const GORESET: u32 = 0x42;

/// The FPGA. Region 0: its registers.
pub struct MaltaFpga {
    big_endian: bool,
    spd: [u8; 256],
    leds: u8,
    text: [u8; 8],
    brk: u8,
    gpout: u8,
    i2c_oe: u8,
    i2c_out: u8,
    i2c_sel: u8,
    eeprom: I2cEeprom,
}

impl MaltaFpga {
    /// An FPGA for a CPU of this byte order, on a board whose memory module says `spd`.
    pub fn new(big_endian: bool, spd: [u8; 256]) -> MaltaFpga {
        MaltaFpga {
            big_endian,
            spd,
            leds: 0,
            text: [b' '; 8],
            brk: 0x0a,
            gpout: 0,
            i2c_oe: 0,
            i2c_out: 3,
            i2c_sel: 1,
            eeprom: I2cEeprom::new(0xa0),
        }
    }

    /// The display's text.
    pub fn text(&self) -> [u8; 8] {
        self.text
    }

    /// The eight LEDs.
    pub fn leds(&self) -> u8 {
        self.leds
    }

    fn read_reg(&mut self, cx: &mut dyn DevCx, at: u64) -> u32 {
        match at {
            0x200 | 0x210 => 0,
            0x208 => 0x10 | if self.big_endian { 2 } else { 0 },
            0x400 | 0x408 => u32::from(self.leds),
            0x410..=0x450 => 0,
            0x508 => u32::from(self.brk),
            0xa00 => u32::from(self.gpout),
            0xa08 => 3,
            0xb00 => {
                // Bit 1 clock, bit 0 data; a line that nobody drives is high.
                let clock = self.i2c_out | !self.i2c_oe;
                u32::from(clock & 2) | u32::from(self.eeprom.data())
            }
            0xb08 => u32::from(self.i2c_oe),
            0xb10 => u32::from(self.i2c_out),
            0xb18 => u32::from(self.i2c_sel),
            _ => {
                cx.guest_error(format_args!("read of unknown register {at:#x}"));
                0
            }
        }
    }

    fn write_reg(&mut self, cx: &mut dyn DevCx, at: u64, v: u32) {
        let b = v as u8;
        match at {
            0x200..=0x210 => {}
            0x408 => self.leds = b,
            0x410 => {
                for (i, t) in self.text.iter_mut().enumerate() {
                    *t = b"0123456789ABCDEF"[(v >> (28 - 4 * i)) as usize & 15];
                }
            }
            0x418..=0x450 => self.text[((at - 0x418) >> 3) as usize & 7] = b,
            0x500 => {
                if v == GORESET {
                    cx.request(MachineRequest::Reset);
                }
            }
            0x508 => self.brk = b,
            0xa00 => self.gpout = b,
            0xb08 => self.i2c_oe = b & 3,
            0xb10 => {
                self.i2c_out = b & 3;
                self.eeprom.drive(b & 2 != 0, b & 1 != 0, &mut self.spd);
            }
            0xb18 => self.i2c_sel = b & 1,
            _ => cx.guest_error(format_args!("write of {v:#x} to unknown register {at:#x}")),
        }
    }
}

impl Device for MaltaFpga {
    fn reset(&mut self, _cx: &mut dyn DevCx) {
        *self = MaltaFpga::new(self.big_endian, self.spd);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        if offset & 4 != 0 {
            return 0;
        }
        let v = self.read_reg(cx, offset & !7);
        let v = if self.big_endian { v.swap_bytes() } else { v };
        (u64::from(v) >> (8 * (offset & 3))) & (u64::MAX >> (64 - 8 * size))
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        if offset & 4 != 0 {
            return;
        }
        let v = (value << (8 * (offset & 3))) as u32;
        let v = if self.big_endian { v.swap_bytes() } else { v };
        // A byte store to the register's own address means its low byte.
        let v = if size == 1 && offset & 3 == 0 {
            value as u32
        } else {
            v
        };
        self.write_reg(cx, offset & !7, v);
    }

    fn save(&self, s: &mut Saver) {
        s.raw(&self.spd);
        s.raw(&self.text);
        for v in [
            self.leds,
            self.brk,
            self.gpout,
            self.i2c_oe,
            self.i2c_out,
            self.i2c_sel,
        ] {
            s.u8(v);
        }
        self.eeprom.save(s);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        l.fill(&mut self.spd)?;
        l.fill(&mut self.text)?;
        for v in [
            &mut self.leds,
            &mut self.brk,
            &mut self.gpout,
            &mut self.i2c_oe,
            &mut self.i2c_out,
            &mut self.i2c_sel,
        ] {
            *v = l.u8()?;
        }
        self.eeprom.load(l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench(be: bool) -> Bench<MaltaFpga> {
        let mut spd = [0; 256];
        spd[2] = 4;
        spd[5] = 0xa5;
        Bench::new(MaltaFpga::new(be, spd), move || {
            MaltaFpga::new(be, [0; 256])
        })
    }

    #[test]
    fn display_and_reset() {
        for be in [false, true] {
            let w = |v: u32| u64::from(if be { v.swap_bytes() } else { v });
            let mut b = bench(be);
            b.write(0, 0x410, 4, w(0xdead_0042));
            assert_eq!(&b.dev.text(), b"DEAD0042");
            b.write(0, 0x420, 4, w(u32::from(b'x')));
            b.save_and_load();
            assert_eq!(&b.dev.text(), b"DxAD0042");
            assert_eq!(b.read(0, 0x208, 4), w(if be { 0x12 } else { 0x10 }));
            b.write(0, 0x500, 4, w(0x41));
            assert!(b.cx.requests.is_empty());
            b.write(0, 0x500, 4, w(0x42));
            assert_eq!(b.cx.requests, [MachineRequest::Reset]);
        }
    }

    fn set(b: &mut Bench<MaltaFpga>, clock: u64, data: u64) {
        b.write(0, 0xb10, 4, clock << 1 | data);
    }
    fn send(b: &mut Bench<MaltaFpga>, byte: u8) -> bool {
        for i in (0..8).rev() {
            let d = u64::from(byte >> i & 1);
            set(b, 0, d);
            set(b, 1, d);
            set(b, 0, d);
        }
        set(b, 0, 1);
        set(b, 1, 1);
        let ack = b.read(0, 0xb00, 4) & 1 == 0;
        set(b, 0, 1);
        ack
    }
    fn start(b: &mut Bench<MaltaFpga>) {
        set(b, 0, 1);
        set(b, 1, 1);
        set(b, 1, 0);
        set(b, 0, 0);
    }

    #[test]
    fn spd_over_i2c() {
        bench(false).twice(|b| {
            for (at, want) in [(2, 4u8), (5, 0xa5)] {
                start(b);
                assert!(send(b, 0xa0));
                assert!(send(b, at));
                start(b);
                assert!(send(b, 0xa1));
                let mut v = 0;
                for _ in 0..8 {
                    set(b, 0, 1);
                    set(b, 1, 1);
                    v = v << 1 | b.read(0, 0xb00, 4) as u8 & 1;
                    set(b, 0, 1);
                }
                assert_eq!(v, want);
                set(b, 1, 1); // no acknowledge
                set(b, 0, 0);
                set(b, 1, 0);
                set(b, 1, 1); // stop
            }
            start(b);
            assert!(!send(b, 0x90), "nobody there");
        });
    }
}
