//! MSI-X (PCI Local Bus Specification 3.0, section 6.8.2): a table of messages in a memory bar, and the capability that turns it on. A message
//! is a write of 32 bits that the board takes to its interrupt controller ([`DevCx::message`]).

use tinamou_core::{DevCx, LoadError, Loader, Saver, Stored};

use super::config::PciFunction;

/// Bytes of the capability.
const CAP_BYTES: usize = 12;
const CAP_MSIX: u8 = 0x11;
/// In the upper byte of the message control word.
const ENABLE: u8 = 0x80;
const MASK_ALL: u8 = 0x40;
/// Where the pending bits lie in the bar, behind the table.
pub(crate) const PENDING: u64 = 0x800;
/// Size of the bar.
pub const BAR_BYTES: u32 = 0x1000;
/// No vector.
pub const NONE: u16 = 0xffff;
/// An entry's vector control: masked.
const MASKED: u32 = 1;

/// A function's messages.
#[derive(Clone)]
pub struct Msix {
    cap: usize,
    /// Address, its upper half, data, control.
    table: Vec<[u32; 4]>,
    pending: u64,
}

impl Msix {
    /// `vectors` (1 to 64) messages in base address register `bar`; the capability lies at `cap` and leads on to `next`.
    pub fn new(f: &mut PciFunction, cap: usize, next: u8, bar: u8, vectors: usize) -> Msix {
        f.set8(cap, CAP_MSIX);
        f.set8(cap + 1, next);
        f.set16(cap + 2, vectors as u16 - 1);
        f.writable(cap + 3, ENABLE | MASK_ALL);
        f.set32(cap + 4, bar.into());
        f.set32(cap + 8, PENDING as u32 | u32::from(bar));
        debug_assert!(cap + CAP_BYTES <= 256 && vectors <= 64);
        Msix {
            cap,
            table: vec![[0, 0, 0, MASKED]; vectors],
            pending: 0,
        }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True without vectors.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The driver has turned messages on; the interrupt pin rests.
    pub fn enabled(&self, f: &PciFunction) -> bool {
        f.get8(self.cap + 3) & ENABLE != 0
    }

    /// A vector as a driver may choose it: one that exists, or none.
    pub fn choose(&self, v: u64) -> u16 {
        if v < self.table.len() as u64 {
            v as u16
        } else {
            NONE
        }
    }

    /// Sends vector `n`, now or when it is unmasked.
    pub fn notify(&mut self, cx: &mut dyn DevCx, f: &PciFunction, n: u16) {
        if usize::from(n) < self.table.len() && self.enabled(f) {
            self.pending |= 1 << n;
            self.send(cx, f);
        }
    }

    /// Sends what waits and is not masked: after writes to the table or the capability.
    pub fn send(&mut self, cx: &mut dyn DevCx, f: &PciFunction) {
        let control = f.get8(self.cap + 3);
        if control & ENABLE == 0 || control & MASK_ALL != 0 || !f.is_master() {
            return;
        }
        for (n, [low, high, data, control]) in self.table.iter().enumerate() {
            if self.pending >> n & 1 != 0 && control & MASKED == 0 {
                self.pending &= !(1 << n);
                cx.message(u64::from(*low) | u64::from(*high) << 32, *data);
            }
        }
    }

    /// Reads the bar.
    pub fn read(&self, offset: u64, size: u32) -> u64 {
        let word = |at: u64| match at {
            0..PENDING => {
                let e = self.table.get(at as usize / 16);
                e.map_or(0, |e| e[at as usize / 4 % 4])
            }
            PENDING => self.pending as u32,
            _ if at == PENDING + 4 => (self.pending >> 32) as u32,
            _ => 0,
        };
        let at = offset & !3;
        let v = u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let v = v >> (8 * (offset & 3));
        if size >= 8 {
            v
        } else {
            v & ((1 << (8 * size)) - 1)
        }
    }

    /// Writes the table: aligned words of 32 or 64 bits.
    pub fn write(&mut self, cx: &mut dyn DevCx, f: &PciFunction, offset: u64, size: u32, v: u64) {
        if size < 4 || offset & 3 != 0 {
            return cx.guest_error(format_args!(
                "MSI-X table: a write of {size} bytes at {offset:#x}"
            ));
        }
        for i in 0..u64::from(size / 4) {
            let at = offset + 4 * i;
            if let Some(e) = self.table.get_mut(at as usize / 16) {
                let v = (v >> (32 * i)) as u32;
                let field = at as usize / 4 % 4;
                e[field] = match field {
                    0 => v & !3,
                    3 => v & MASKED,
                    _ => v,
                };
            }
        }
        self.send(cx, f);
    }
}

impl Stored for Msix {
    fn store(&self, s: &mut Saver) {
        for w in self.table.iter().flatten() {
            s.u32(*w);
        }
        s.u64(self.pending);
    }

    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        for w in self.table.iter_mut().flatten() {
            *w = l.u32()?;
        }
        self.pending = l.u64()?;
        Ok(())
    }
}
