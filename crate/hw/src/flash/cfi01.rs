//! NOR flash with the Intel command set and a CFI table (JEDEC JEP137/JESD68; Intel 28F160/28F320 data sheets), seen through
//! a 32-bit bus as one chip whose registers are one word apart.
//!
//! Modelled: array, identifier, query and status reads; single-word and buffered program; block erase; lock commands
//! (accepted, nothing locks). Programs and erases take no time. While it shows its array, it is plain read-only memory.

use tinamou_core::{BlockId, DevCx, Device, LoadError, Loader, MapTo, Mapping, Saver, Space};

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Mode {
    #[default]
    Array,
    Identifier,
    Query,
    Status,
    Program,
    Erase,
    Lock,
    BufferCount,
    BufferData,
    BufferConfirm,
}

const STATUS_READY: u8 = 0x80;
const STATUS_PROGRAM_ERROR: u8 = 0x10;
const STATUS_ERASE_ERROR: u8 = 0x20;

/// Most writes in a buffered program (2048 bytes, one at a time).
const BUFFER_WRITES: u32 = 2048;

/// The chip. Region 0: writes in array mode and everything in the other modes. Region 1: writes to a ROM copy, refused.
pub struct Cfi01 {
    block: BlockId,
    base: u64,
    bytes: u64,
    sector: u64,
    big_endian: bool,
    mode: Mode,
    status: u8,
    left: u32,
    buffered: u64,
}

impl Cfi01 {
    /// A chip over memory block `block` of `bytes` bytes, seen at `base` in the system space, with blocks of `sector` bytes.
    pub fn new(block: BlockId, base: u64, bytes: u64, sector: u64, big_endian: bool) -> Cfi01 {
        Cfi01 {
            block,
            base,
            bytes,
            sector,
            big_endian,
            mode: Mode::Array,
            status: STATUS_READY,
            left: 0,
            buffered: 0,
        }
    }

    fn set_mode(&mut self, cx: &mut dyn DevCx, mode: Mode) {
        if (mode == Mode::Array) != (self.mode == Mode::Array) {
            cx.request_remap();
        }
        self.mode = mode;
    }

    /// The CFI table (word offsets).
    fn query(&self, word: u64) -> u8 {
        let blocks = self.bytes / self.sector;
        match word {
            0x10 => b'Q',
            0x11 => b'R',
            0x12 => b'Y',
            0x13 => 1,    // Intel command set
            0x15 => 0x31, // extended table
            0x1b => 0x45, // supply voltages
            0x1c => 0x55,
            0x1f => 7, // time-outs
            0x20 => 7,
            0x21 => 10,
            0x23 => 4,
            0x24 => 4,
            0x25 => 4,
            0x27 => self.bytes.trailing_zeros() as u8,
            0x28 => 2,
            0x2a => 11, // 2048-byte write buffer
            0x2c => 1,  // one erase region
            0x2d => (blocks - 1) as u8,
            0x2e => ((blocks - 1) >> 8) as u8,
            0x2f => (self.sector >> 8) as u8,
            0x30 => (self.sector >> 16) as u8,
            0x31 => b'P',
            0x32 => b'R',
            0x33 => b'I',
            0x34 => b'1',
            0x35 => b'0',
            0x3f => 1,
            _ => 0,
        }
    }

    /// Programming only clears bits.
    fn program(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32, value: u64) {
        let n = size.min(8) as usize;
        let mut old = [0; 8];
        if !cx.block_read(self.block, offset, &mut old[..n]) {
            self.status |= STATUS_PROGRAM_ERROR;
            return;
        }
        let new = (u64::from_le_bytes(old) & value).to_le_bytes();
        cx.block_write(self.block, offset, &new[..n]);
    }

    fn erase(&mut self, cx: &mut dyn DevCx, offset: u64) {
        let ones = vec![0xff; self.sector as usize];
        if !cx.block_write(self.block, offset / self.sector * self.sector, &ones) {
            self.status |= STATUS_ERASE_ERROR;
        }
    }

    fn command(&mut self, cx: &mut dyn DevCx, offset: u64, c: u8) {
        let mode = match c {
            0x00 | 0xff | 0xf0 => Mode::Array,
            0x10 | 0x40 => Mode::Program,
            0x20 => Mode::Erase,
            0x50 => {
                self.status = STATUS_READY;
                Mode::Array
            }
            0x60 => Mode::Lock,
            0x70 => Mode::Status,
            0x90 => Mode::Identifier,
            0x98 => Mode::Query,
            0xe8 => {
                self.status |= STATUS_READY;
                Mode::BufferCount
            }
            _ => {
                cx.guest_error(format_args!("unknown command {c:#x} at {offset:#x}"));
                Mode::Array
            }
        };
        self.set_mode(cx, mode);
    }
}

impl Device for Cfi01 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.status = STATUS_READY;
        self.left = 0;
        self.set_mode(cx, Mode::Array);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        let word = offset >> 2;
        let v = match self.mode {
            Mode::Array => {
                let mut b = [0; 8];
                cx.block_read(self.block, offset, &mut b[..size.min(8) as usize]);
                return u64::from_le_bytes(b);
            }
            // The board's flash has no identity of its own.
            Mode::Identifier => 0,
            Mode::Query => self.query(word & 0x3f),
            _ => self.status,
        };
        // Every access gives the byte in the CPU's least significant lane.
        let shift = if self.big_endian {
            8 * (size.clamp(1, 8) - 1)
        } else {
            0
        };
        u64::from(v) << shift
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        if region != 0 {
            cx.guest_error(format_args!("write to the boot ROM at {offset:#x}"));
            return;
        }
        // A command is the word's least significant byte, a byte store's byte.
        let c = if self.big_endian && size > 1 {
            (value >> (8 * (size - 1))) as u8
        } else {
            value as u8
        };
        match self.mode {
            Mode::Program => {
                self.program(cx, offset, size, value);
                self.set_mode(cx, Mode::Status);
            }
            Mode::Erase => {
                match c {
                    0xd0 => self.erase(cx, offset),
                    0xff => return self.command(cx, offset, c),
                    _ => self.status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR,
                }
                self.set_mode(cx, Mode::Status);
            }
            Mode::Lock => match c {
                0x01 | 0xd0 => self.set_mode(cx, Mode::Status),
                _ => self.command(cx, offset, c),
            },
            Mode::BufferCount => {
                let n = if self.big_endian && size > 1 {
                    value.swap_bytes() >> (64 - 8 * size.clamp(1, 8))
                } else {
                    value
                };
                self.left = (n as u32 & 0xffff).min(BUFFER_WRITES - 1) + 1;
                self.buffered = offset;
                self.set_mode(cx, Mode::BufferData);
            }
            Mode::BufferData => {
                // No time passes between loading and programming, so the data goes straight into the array.
                self.program(cx, offset, size, value);
                self.left = self.left.saturating_sub(1);
                if self.left == 0 {
                    self.set_mode(cx, Mode::BufferConfirm);
                }
            }
            Mode::BufferConfirm => {
                if c != 0xd0 {
                    self.status |= STATUS_PROGRAM_ERROR | STATUS_ERASE_ERROR;
                }
                self.set_mode(cx, Mode::Status);
            }
            _ => self.command(cx, offset, c),
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        let to = if self.mode == Mode::Array {
            MapTo::Block {
                block: self.block,
                offset: 0,
                writable: false,
                region: 0,
            }
        } else {
            MapTo::Regs {
                region: 0,
                widest: 4,
            }
        };
        out.push(Mapping {
            space: Space::System,
            base: self.base,
            len: self.bytes,
            to,
            priority: 0,
        });
    }

    fn save(&self, s: &mut Saver) {
        s.u8(self.mode as u8);
        s.u8(self.status);
        s.u32(self.left);
        s.u64(self.buffered);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        const MODES: [Mode; 10] = [
            Mode::Array,
            Mode::Identifier,
            Mode::Query,
            Mode::Status,
            Mode::Program,
            Mode::Erase,
            Mode::Lock,
            Mode::BufferCount,
            Mode::BufferData,
            Mode::BufferConfirm,
        ];
        self.mode = *MODES
            .get(usize::from(l.u8()?))
            .ok_or(LoadError::Invalid("flash mode"))?;
        self.status = l.u8()?;
        self.left = l.u32()?.min(BUFFER_WRITES);
        self.buffered = l.u64()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench() -> Bench<Cfi01> {
        let make = || Cfi01::new(BlockId(0), 0x1e00_0000, 0x40_0000, 0x1_0000, false);
        let mut b = Bench::new(make(), make);
        b.cx.blocks = vec![vec![0xff; 0x40_0000]];
        b
    }

    #[test]
    fn query_program_erase() {
        bench().twice(|b| {
            b.write(0, 0x154, 4, 0x98);
            b.save_and_load();
            let qry = [0x40, 0x44, 0x48].map(|o| b.read(0, o, 4));
            assert_eq!(qry, [0x51, 0x52, 0x59]);
            b.write(0, 0, 4, 0xff);
            assert_eq!(b.read(0, 0x20_0000, 4), 0xffff_ffff);
            b.write(0, 0x20_0000, 4, 0x40);
            b.write(0, 0x20_0000, 4, 0x1234_5678);
            assert_eq!(b.read(0, 0, 4), 0x80);
            b.write(0, 0x20_0004, 4, 0xe8);
            b.write(0, 0x20_0004, 4, 1);
            b.write(0, 0x20_0004, 4, 0xa);
            b.save_and_load();
            b.write(0, 0x20_0008, 4, 0xb);
            b.write(0, 0x20_0004, 4, 0xd0);
            b.write(0, 0, 4, 0xff);
            let words = [0, 4, 8].map(|o| b.read(0, 0x20_0000 + o, 4));
            assert_eq!(words, [0x1234_5678, 0xa, 0xb]);
            b.write(0, 0x20_1234, 4, 0x20);
            b.write(0, 0x20_1234, 4, 0xd0);
            assert_eq!(b.read(0, 0, 4), 0x80);
            b.write(0, 0, 4, 0x50);
            assert_eq!(b.read(0, 0x20_0000, 4), 0xffff_ffff);
        });
    }
}
