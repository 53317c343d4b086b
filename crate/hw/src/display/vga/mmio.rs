//! The registers in memory, base address register 2 (QEMU's `standard-vga` specification, revision 2 of the PCI function): EDID at 0,
//! ports 3C0h to 3DFh at 400h, the VBE extension at 500h, and at 600h two words of QEMU's own, of which the second is the order of bytes
//! in a pixel.

use tinamou_core::DevCx;

use super::Vga;
use super::edid::EDID;

/// The EDID's place, with room for a third block.
const EDID_BYTES: u64 = 0x180;
const PORTS: u64 = 0x400;
const PORTS_END: u64 = 0x420;
const DISPI: u64 = 0x500;
const DISPI_END: u64 = 0x516;
/// How many bytes of QEMU's own registers there are, these included.
const EXTENDED_SIZE: u64 = 0x600;
const BYTE_ORDER: u64 = 0x604;
const EXTENDED_END: u64 = 0x608;
const LITTLE: u32 = 0x1e1e_1e1e;
const BIG: u32 = 0xbebe_bebe;

impl Vga {
    /// A byte that is not a port; where nothing is, all bits are ones.
    fn mmio_byte(&self, at: u64) -> u8 {
        match at {
            0..EDID_BYTES => EDID.get(at as usize).copied().unwrap_or(0),
            DISPI..DISPI_END => {
                let v = self.vbe.read(((at - DISPI) / 2) as u16);
                (v >> (8 * (at & 1))) as u8
            }
            EXTENDED_SIZE..EXTENDED_END => {
                let order = if self.big_endian { BIG } else { LITTLE };
                let v = if at < BYTE_ORDER {
                    (EXTENDED_END - EXTENDED_SIZE) as u32
                } else {
                    order
                };
                (v >> (8 * (at & 3))) as u8
            }
            _ => 0xff,
        }
    }

    pub(super) fn mmio_read(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32) -> u64 {
        match offset {
            PORTS..PORTS_END => self.ports_read(cx.now(), 0x3c0 + (offset & 0x1f) as u16, size),
            _ => (0..u64::from(size)).fold(0, |v, i| {
                v | u64::from(self.mmio_byte(offset + i)) << (8 * i)
            }),
        }
    }

    pub(super) fn mmio_write(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32, value: u64) {
        match offset {
            PORTS..PORTS_END => {
                self.ports_write(cx, 0x3c0 + (offset & 0x1f) as u16, size, value);
            }
            DISPI..DISPI_END => {
                for i in (0..u64::from(size)).step_by(2) {
                    let index = ((offset + i - DISPI) / 2) as u16;
                    self.dispi_write(cx, index, (value >> (8 * i)) as u16);
                }
            }
            BYTE_ORDER => match value as u32 {
                LITTLE => self.big_endian = false,
                BIG => self.big_endian = true,
                _ => {}
            },
            _ => {}
        }
    }
}
