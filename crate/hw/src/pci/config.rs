//! One PCI function's configuration space (PCI Local Bus Specification 2.1, chapter 6): a type 0 header with write masks and
//! base address registers.

use tinamou_core::{LoadError, Loader, MapTo, Mapping, Saver, Space, Stored};

/// Offset of the command register.
pub const COMMAND: usize = 0x04;
/// I/O space enable, in the command register.
pub const COMMAND_IO: u8 = 1;
/// Memory space enable.
pub const COMMAND_MEM: u8 = 2;
/// Base address of the expansion ROM.
const ROM: usize = 0x30;
/// Bus master enable.
pub const COMMAND_MASTER: u8 = 4;

/// What a base address register decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// Memory of this many bytes (a power of two, at least 16).
    Mem(u32),
    /// Prefetchable memory.
    MemPrefetch(u32),
    /// Ports (a power of two, at least 4).
    Io(u32),
}

/// Identity of a function.
#[derive(Clone, Copy, Debug)]
pub struct Ident {
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Base class, subclass, programming interface.
    pub class: [u8; 3],
    /// Revision.
    pub revision: u8,
    /// Header type (0x80 for multifunction devices).
    pub header: u8,
    /// Interrupt pin, 1 for INTA#, 0 for none.
    pub pin: u8,
}

/// The 256 bytes of a function.
#[derive(Clone)]
pub struct PciFunction {
    bytes: [u8; 256],
    mask: [u8; 256],
    clear: [u8; 256],
    bars: [Option<Bar>; 6],
}

impl PciFunction {
    /// A function with the usual header.
    pub fn new(id: Ident) -> PciFunction {
        let mut f = PciFunction {
            bytes: [0; 256],
            mask: [0; 256],
            clear: [0; 256],
            bars: [None; 6],
        };
        f.set16(0, id.vendor);
        f.set16(2, id.device);
        f.bytes[8] = id.revision;
        f.bytes[9] = id.class[2];
        f.bytes[10] = id.class[1];
        f.bytes[11] = id.class[0];
        f.bytes[14] = id.header;
        f.bytes[0x3d] = id.pin;
        // Subsystem identity of a virtual machine's devices.
        f.set16(0x2c, 0x1af4);
        f.set16(0x2e, 0x1100);
        f.mask[COMMAND] = 0x47;
        f.mask[COMMAND + 1] = 0x01;
        f.clear[7] = 0xf9;
        f.mask[0x0c] = 0xff;
        f.mask[0x0d] = 0xff;
        f.mask[0x3c] = 0xff;
        f
    }

    /// Adds base address register `n` (0 to 5).
    pub fn bar(&mut self, n: usize, bar: Bar) {
        let at = 0x10 + 4 * n;
        let (bits, low) = match bar {
            Bar::Mem(len) => (!(len - 1) & !0xf, 0),
            Bar::MemPrefetch(len) => (!(len - 1) & !0xf, 8),
            Bar::Io(len) => (!(len - 1) & !3, 1),
        };
        self.mask[at..at + 4].copy_from_slice(&bits.to_le_bytes());
        self.bytes[at] = low;
        self.bars[n] = Some(bar);
    }

    /// Adds the expansion ROM's base register, for `len` bytes (a power of two, at least 2048).
    pub fn rom(&mut self, len: u32) {
        let bits = !(len - 1) & !0x7ff | 1;
        self.mask[ROM..ROM + 4].copy_from_slice(&bits.to_le_bytes());
    }

    /// Where the expansion ROM is seen, if it is enabled.
    pub fn rom_base(&self) -> Option<u64> {
        let v = self.get32(ROM);
        let on = v & 1 != 0 && self.memory_on() && v & !0x7ff != 0;
        on.then_some(u64::from(v & !0x7ff))
    }

    /// Makes bits of a byte writable.
    pub fn writable(&mut self, at: usize, mask: u8) {
        self.mask[at] = mask;
    }

    /// Makes bits of a byte clear when written with one.
    pub fn write_one_clears(&mut self, at: usize, mask: u8) {
        self.clear[at] = mask;
    }

    /// A byte, from the device's side.
    pub fn get8(&self, at: usize) -> u8 {
        self.bytes[at & 0xff]
    }
    /// 16 bits, from the device's side.
    pub fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.get8(at), self.get8(at + 1)])
    }
    /// 32 bits, from the device's side.
    pub fn get32(&self, at: usize) -> u32 {
        u32::from(self.get16(at)) | u32::from(self.get16(at + 2)) << 16
    }
    /// Sets a byte, from the device's side.
    pub fn set8(&mut self, at: usize, v: u8) {
        self.bytes[at & 0xff] = v;
    }
    /// Sets 16 bits, from the device's side.
    pub fn set16(&mut self, at: usize, v: u16) {
        for (i, b) in v.to_le_bytes().into_iter().enumerate() {
            self.set8(at + i, b);
        }
    }
    /// Sets 32 bits, from the device's side.
    pub fn set32(&mut self, at: usize, v: u32) {
        for (i, b) in v.to_le_bytes().into_iter().enumerate() {
            self.set8(at + i, b);
        }
    }

    /// A configuration read of 1, 2 or 4 bytes.
    pub fn read(&self, reg: u8, size: u32) -> u32 {
        (0..size as usize).fold(0, |v, i| {
            v | u32::from(self.get8(usize::from(reg) + i)) << (8 * i)
        })
    }

    /// A configuration write. True when it may have moved what the function decodes.
    pub fn write(&mut self, reg: u8, size: u32, value: u32) -> bool {
        let before = self.decode_state();
        for i in 0..size as usize {
            let at = (usize::from(reg) + i) & 0xff;
            let v = (value >> (8 * i)) as u8;
            let m = self.mask[at];
            self.bytes[at] = self.bytes[at] & !m | v & m;
            self.bytes[at] &= !(v & self.clear[at]);
        }
        before != self.decode_state()
    }

    fn decode_state(&self) -> ([u8; 36], u8) {
        let mut b = [0; 36];
        b.copy_from_slice(&self.bytes[0x10..0x34]);
        (b, self.bytes[COMMAND] & 3)
    }

    /// Where a base address register points and how much it decodes, if the command register enables it. An address of zero
    /// counts as unset.
    pub fn decoded(&self, n: usize) -> Option<(u64, u64)> {
        let v = self.get32(0x10 + 4 * n);
        let (enable, base, len) = match self.bars.get(n).copied().flatten()? {
            Bar::Mem(l) | Bar::MemPrefetch(l) => (COMMAND_MEM, v & !0xf, l),
            Bar::Io(l) => (COMMAND_IO, v & !3, l),
        };
        let on = self.bytes[COMMAND] & enable != 0 && base != 0;
        on.then_some((u64::from(base), u64::from(len)))
    }

    /// The mapping of base address register `n` as region `region`, if it decodes.
    pub fn mapping(&self, n: usize, region: u32, widest: u32) -> Option<Mapping> {
        let (base, len) = self.decoded(n)?;
        let space = match self.bars.get(n).copied().flatten()? {
            Bar::Io(_) => Space::Io,
            _ => Space::PciMem,
        };
        Some(Mapping {
            space,
            base,
            len,
            to: MapTo::Regs { region, widest },
            priority: 1,
        })
    }

    /// True when the function may be a bus master.
    pub fn is_master(&self) -> bool {
        self.bytes[COMMAND] & COMMAND_MASTER != 0
    }

    /// True when the command register enables memory cycles.
    pub fn memory_on(&self) -> bool {
        self.bytes[COMMAND] & COMMAND_MEM != 0
    }
}

impl Stored for PciFunction {
    fn store(&self, s: &mut Saver) {
        s.raw(&self.bytes);
    }

    /// The identity must be the same; the rest, also from 40h on, where devices keep state, is taken.
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let b = l.raw(256)?;
        if b[..4] != self.bytes[..4] {
            return Err(LoadError::Invalid("another PCI device"));
        }
        self.bytes.copy_from_slice(b);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_size_and_decode() {
        let id = Ident {
            vendor: 0x1022,
            device: 0x2000,
            class: [2, 0, 0],
            revision: 0x10,
            header: 0,
            pin: 1,
        };
        let mut f = PciFunction::new(id);
        f.bar(0, Bar::Io(0x20));
        f.bar(1, Bar::Mem(0x1000));
        f.write(0x10, 4, u32::MAX);
        f.write(0x14, 4, u32::MAX);
        assert_eq!(
            (f.read(0x10, 4), f.read(0x14, 4)),
            (0xffff_ffe1, 0xffff_f000)
        );
        assert_eq!(f.decoded(0), None);
        assert!(f.write(0x10, 4, 0x1000));
        assert!(f.write(0x04, 1, 1));
        assert_eq!(f.decoded(0), Some((0x1000, 0x20)));
        assert!(!f.write(0x3c, 1, 7));
        f.write(0, 4, 0x1234);
        assert_eq!(f.read(0, 4), 0x2000_1022);
    }
}
