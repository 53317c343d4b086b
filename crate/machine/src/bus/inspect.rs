//! The bus as monitors show it.

use tinamou_core::{BlockBackend, BlockError};

use super::map::Target;
use super::{Bus, cx};

/// What answers in a range of the CPU's physical addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// Memory that can be written.
    Ram,
    /// Memory that cannot.
    Rom,
    /// A device's registers.
    Device,
    /// Nothing, though the range is decoded.
    Nothing,
}

/// A range of the CPU's physical addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapRange {
    /// First address.
    pub first: u64,
    /// Last address.
    pub last: u64,
    /// What answers.
    pub answers: Answers,
    /// Its name on the board.
    pub name: &'static str,
    /// Offset of the first address in it.
    pub offset: u64,
}

impl Bus {
    /// The CPU's physical address space, ascending and without overlaps.
    pub fn map_ranges(&self) -> Vec<MapRange> {
        let one = |r: &super::FlatRange| {
            let (answers, name, offset) = match r.to {
                Target::Ram {
                    arena, writable, ..
                } => {
                    let inside = |b: &&super::Block| {
                        arena >= b.arena && u64::from(arena - b.arena) < b.bytes
                    };
                    let kind = if writable { Answers::Ram } else { Answers::Rom };
                    match self.blocks.iter().find(inside) {
                        Some(b) => (kind, b.name, u64::from(arena - b.arena)),
                        None => (kind, "memory", 0),
                    }
                }
                Target::Dev { dev, offset, .. } => {
                    (Answers::Device, self.board.devices[dev].name, offset)
                }
                Target::Open { .. } => (Answers::Nothing, "empty", 0),
            };
            MapRange {
                first: r.first,
                last: r.last,
                answers,
                name,
                offset,
            }
        };
        self.flat.iter().map(one).collect()
    }

    /// What a device says about its state; nothing if it is not there or has nothing to say.
    pub fn device_info(&self, name: &str) -> String {
        let device = self.board.device_index(name).and_then(|i| self.devs.get(i));
        match device {
            Some(Some(d)) => d.info(),
            _ => String::new(),
        }
    }

    /// A configuration read on the PCI bus; all ones where nothing is.
    pub fn pci_config(&mut self, devfn: u8, reg: u8, size: u32) -> u32 {
        let Some((dev, func)) = cx::pci_target(self, devfn) else {
            return u32::MAX;
        };
        self.with_dev(dev, |d, cx| d.pci_read(cx, func, reg, size))
            .unwrap_or(u32::MAX)
    }

    /// What [`Bus::reset`] loads: block, offset and size.
    pub fn images(&self) -> impl Iterator<Item = (&'static str, u64, usize)> {
        let name = |block: usize| self.blocks.get(block).map_or("memory", |b| b.name);
        let images = self.images.iter();
        images.map(move |(block, offset, bytes)| (name(block.0 as usize), *offset, bytes.len()))
    }

    /// The same with their bytes and the block's number.
    pub(crate) fn image_bytes(&self) -> impl Iterator<Item = (u32, u64, &[u8])> {
        let images = self.images.iter();
        images.map(|(block, offset, bytes)| (block.0, *offset, bytes.as_slice()))
    }

    /// Sectors of each slot's disk.
    pub fn disk_sizes(&self) -> Vec<Option<u64>> {
        self.disks
            .iter()
            .map(|d| Some(d.as_ref()?.sectors()))
            .collect()
    }

    /// Reads sectors of the disk in a slot at once, behind the guest's back.
    ///
    /// # Errors
    /// There is no disk, or [`BlockBackend::read_now`]'s.
    pub fn read_disk(&mut self, slot: u32, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.disk(slot)?.read_now(lba, buf)
    }

    /// Writes them.
    ///
    /// # Errors
    /// The same.
    pub fn write_disk(&mut self, slot: u32, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.disk(slot)?.write_now(lba, data)
    }

    fn disk(&mut self, slot: u32) -> Result<&mut Box<dyn BlockBackend>, BlockError> {
        let disk = self.disks.get_mut(slot as usize).and_then(Option::as_mut);
        disk.ok_or_else(|| BlockError::Io("no disk".into()))
    }

    /// The disks, by slot.
    pub(crate) fn disks_mut(&mut self) -> &mut [Option<Box<dyn BlockBackend>>] {
        &mut self.disks
    }

    /// Whether a request for the disk in a slot is under way.
    pub fn disk_is_busy(&self, slot: u32) -> bool {
        self.pending.iter().any(|p| p.slot == slot)
    }
}
