//! QEMU's firmware configuration device (its `docs/specs/fw_cfg`): numbered items and named files for the firmware, by a data port and
//! by DMA.
//!
//! Items are read-only here: DMA writes fail as the specification says for such items.

use std::sync::Arc;

use tinamou_core::{DevCx, Device, Gpa, LoadError, Loader, Saver, Stored};

/// Region: selector (offset 0, 16 bits) and data (offset 1).
pub const PORTS: u32 = 0;
/// Region: the DMA address register, 8 bytes, big-endian.
pub const DMA: u32 = 1;

const SIGNATURE: u16 = 0x00;
const ID: u16 = 0x01;
const FILE_DIR: u16 = 0x19;
/// The first file's number.
const FILE_FIRST: u16 = 0x20;
/// Bit 14 of a selector asks for writing, which nothing here allows.
const SELECTOR: u16 = !0x4000;

/// Numbers of items, as firmware and boot ROMs know them.
pub mod key {
    /// Memory below 4 GiB in bytes, 64 bits.
    pub const RAM_BYTES: u16 = 0x03;
    /// No display, 16 bits.
    pub const NOGRAPHIC: u16 = 0x04;
    /// CPUs, 16 bits.
    pub const CPUS: u16 = 0x05;
    /// Show the boot menu, 16 bits.
    pub const BOOT_MENU: u16 = 0x0e;
    /// Most CPUs, 16 bits.
    pub const MAX_CPUS: u16 = 0x0f;
    /// The timer's interrupt is input 2 of the I/O APIC (1 byte: 1).
    pub const IRQ0_OVERRIDE: u16 = 0x8002;
    /// x86: memory map in E820 form.
    pub const E820: u16 = 0x8003;
}

const CTL_ERROR: u32 = 1;
const CTL_READ: u32 = 2;
const CTL_SKIP: u32 = 4;
const CTL_SELECT: u32 = 8;
const CTL_WRITE: u32 = 16;
/// What the DMA register reads as.
const DMA_SIGNATURE: u64 = 0x5145_4d55_2043_4647;

/// The contents, shared between machines that boot the same.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Contents {
    items: Vec<(u16, Arc<[u8]>)>,
    files: Vec<(String, Arc<[u8]>)>,
}

impl Contents {
    /// Adds a numbered item.
    pub fn item(&mut self, key: u16, data: impl Into<Arc<[u8]>>) {
        self.items.retain(|(k, _)| *k != key);
        self.items.push((key, data.into()));
    }

    /// Adds a file; names have at most 55 bytes.
    pub fn file(&mut self, name: &str, data: impl Into<Arc<[u8]>>) {
        let at = self.files.partition_point(|(n, _)| n.as_str() < name);
        if self.files.get(at).is_some_and(|(n, _)| n == name) {
            self.files[at].1 = data.into();
        } else {
            self.files.insert(at, (name.into(), data.into()));
        }
    }

    fn directory(&self) -> Arc<[u8]> {
        let mut d = (self.files.len() as u32).to_be_bytes().to_vec();
        for (n, (name, data)) in (FILE_FIRST..).zip(&self.files) {
            d.extend_from_slice(&(data.len() as u32).to_be_bytes());
            d.extend_from_slice(&n.to_be_bytes());
            d.extend_from_slice(&[0, 0]);
            let name = name.as_bytes();
            let mut field = [0; 56];
            let n = name.len().min(55);
            field[..n].copy_from_slice(&name[..n]);
            d.extend_from_slice(&field);
        }
        d.into()
    }

    fn get(&self, key: u16) -> Arc<[u8]> {
        match key {
            SIGNATURE => Arc::from(*b"QEMU"),
            // Ports and DMA.
            ID => Arc::from(3u32.to_le_bytes()),
            FILE_DIR => self.directory(),
            k => {
                let file = k.checked_sub(FILE_FIRST).map(usize::from);
                match file.and_then(|n| self.files.get(n)) {
                    Some((_, d)) => d.clone(),
                    None => {
                        let item = self.items.iter().find(|(i, _)| *i == k);
                        item.map_or_else(|| Arc::from([]), |(_, d)| d.clone())
                    }
                }
            }
        }
    }
}

/// The device.
pub struct FwCfg {
    contents: Contents,
    selected: u16,
    data: Arc<[u8]>,
    at: u64,
    dma_high: u32,
}

impl FwCfg {
    /// A device with these contents.
    pub fn new(contents: Contents) -> FwCfg {
        let data = contents.get(SIGNATURE);
        FwCfg {
            contents,
            selected: SIGNATURE,
            data,
            at: 0,
            dma_high: 0,
        }
    }

    fn select(&mut self, key: u16) {
        self.selected = key & SELECTOR;
        self.data = self.contents.get(self.selected);
        self.at = 0;
    }

    /// What is left of the item.
    fn rest(&self) -> &[u8] {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        self.data.get(at..).unwrap_or(&[])
    }

    fn dma(&mut self, cx: &mut dyn DevCx, at: u64) {
        let mut d = [0; 16];
        if !cx.dma_read(Gpa(at), &mut d) {
            cx.guest_error(format_args!("DMA descriptor at {at:#x} is not in memory"));
            return;
        }
        let [a, b, c, e] =
            [0, 4, 8, 12].map(|i| u32::from_be_bytes([d[i], d[i + 1], d[i + 2], d[i + 3]]));
        let (control, mut left) = (a, u64::from(b));
        let mut to = u64::from(c) << 32 | u64::from(e);
        if control & CTL_SELECT != 0 {
            self.select((control >> 16) as u16);
        }
        let mut ok = true;
        if control & CTL_READ != 0 {
            while left > 0 && ok {
                // Past the end of the item come zeros.
                let mut part = vec![0; left.min(0x1_0000) as usize];
                let have = self.rest();
                let n = have.len().min(part.len());
                part[..n].copy_from_slice(&have[..n]);
                ok = cx.dma_write(Gpa(to), &part);
                self.at += part.len() as u64;
                to = to.wrapping_add(part.len() as u64);
                left -= part.len() as u64;
            }
        } else if control & CTL_SKIP != 0 {
            self.at += left;
        } else if control & CTL_WRITE != 0 {
            ok = false;
        }
        let result = if ok { 0 } else { CTL_ERROR };
        cx.dma_write(Gpa(at), &result.to_be_bytes());
    }
}

impl Device for FwCfg {
    fn reset(&mut self, _cx: &mut dyn DevCx) {
        self.select(SIGNATURE);
        self.dma_high = 0;
    }

    fn read(&mut self, _cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match (region, offset) {
            (PORTS, 1..) => {
                let v = self.rest().first().copied().unwrap_or(0);
                self.at += 1;
                u64::from(v)
            }
            (DMA, o) => (0..u64::from(size)).fold(0, |v, i| {
                let b = 7u64
                    .checked_sub(o + i)
                    .map_or(0, |n| DMA_SIGNATURE >> (8 * n) & 0xff);
                v | b << (8 * i)
            }),
            _ => u64::from(self.selected),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match (region, offset, size) {
            (PORTS, 0, 2..) => self.select(value as u16),
            (DMA, 0, 4) => self.dma_high = (value as u32).swap_bytes(),
            (DMA, 4, 4) => {
                let at = u64::from(std::mem::take(&mut self.dma_high)) << 32;
                self.dma(cx, at | u64::from((value as u32).swap_bytes()));
            }
            (DMA, 0, 8) => self.dma(cx, value.swap_bytes()),
            _ => {}
        }
    }

    fn save(&self, s: &mut Saver) {
        self.selected.store(s);
        self.at.store(s);
        self.dma_high.store(s);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        let selected = l.u16()?;
        self.select(selected);
        self.at.restore(l)?;
        self.dma_high.restore(l)?;
        if self.at > 1 << 48 {
            return Err(LoadError::Invalid("place in a configuration item"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    fn bench() -> Bench<FwCfg> {
        let make = || {
            let mut c = Contents::default();
            c.item(key::CPUS, 2u16.to_le_bytes());
            c.file("opt/b", *b"second");
            c.file("opt/a", *b"first");
            FwCfg::new(c)
        };
        Bench::new(make(), make)
    }

    fn bytes(b: &mut Bench<FwCfg>, n: usize) -> Vec<u8> {
        (0..n).map(|_| b.read(PORTS, 1, 1) as u8).collect()
    }

    #[test]
    fn items_and_directory() {
        bench().twice(|b| {
            b.write(PORTS, 0, 2, 0);
            assert_eq!(bytes(b, 5), b"QEMU\0");
            b.write(PORTS, 0, 2, 5);
            assert_eq!(bytes(b, 1), [2]);
            b.save_and_load();
            assert_eq!(bytes(b, 2), [0, 0]);
            b.write(PORTS, 0, 2, 0x19);
            let d = bytes(b, 4 + 2 * 64);
            assert_eq!(d[..4], [0, 0, 0, 2]);
            assert_eq!(d[4..17], *b"\0\0\0\x05\0\x20\0\0opt/a");
            assert_eq!(d[68..81], *b"\0\0\0\x06\0\x21\0\0opt/b");
            b.write(PORTS, 0, 2, 0x21);
            assert_eq!(bytes(b, 7), b"second\0");
        });
    }

    #[test]
    fn dma_reads_skips_and_refuses() {
        bench().twice(|b| {
            let go = |b: &mut Bench<FwCfg>, control: u32, len: u32, to: u64| {
                let d = &mut b.cx.mem[0x100..0x110];
                d[..4].copy_from_slice(&control.to_be_bytes());
                d[4..8].copy_from_slice(&len.to_be_bytes());
                d[8..].copy_from_slice(&to.to_be_bytes());
                b.write(DMA, 0, 4, 0);
                b.write(DMA, 4, 4, u64::from(0x100u32.swap_bytes()));
                u32::from_be_bytes(b.cx.mem[0x100..0x104].try_into().unwrap())
            };
            assert_eq!(go(b, 0x21_0000 | 8 | 4, 2, 0), 0);
            b.cx.mem[0x2000..0x2008].fill(0xee);
            assert_eq!(go(b, 2, 6, 0x2000), 0);
            assert_eq!(&b.cx.mem[0x2000..0x2008], b"cond\0\0\xee\xee");
            assert_eq!(go(b, 16, 2, 0x2000), 1, "read-only");
            assert_eq!(go(b, 2, u32::MAX, 0x2000), 1, "beyond memory");
            assert_eq!(b.read(DMA, 0, 8), 0x4746_4320_554d_4551);
        });
        storm(&mut bench(), &[(PORTS, 2), (DMA, 8)], 20_000);
    }
}
