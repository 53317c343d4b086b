//! Accesses by guest-physical address: the CPU's, a bus master's, a debugger's.

use tinamou_core::{BlockId, BusError, Gpa, PAGE_SIZE, PhysBus, RamPage};

use super::map::{FlatRange, Target};
use super::{Bus, DmaWrite};

impl Bus {
    fn find(&self, gpa: u64) -> Option<FlatRange> {
        let last = self.last.get();
        if let Some(r) = self.flat.get(last)
            && r.first <= gpa
            && gpa <= r.last
        {
            return Some(*r);
        }
        let i = self.flat.partition_point(|r| r.last < gpa);
        let r = self.flat.get(i)?;
        if r.first > gpa {
            return None;
        }
        self.last.set(i);
        Some(*r)
    }

    /// Reads memory as a bus master or debugger would; devices are not touched. False when some of it is not memory.
    pub fn read_memory(&self, at: Gpa, buf: &mut [u8]) -> bool {
        let mut ok = true;
        let mut done = 0usize;
        while done < buf.len() {
            let gpa = at.0.wrapping_add(done as u64);
            let left = buf.len() - done;
            let (n, arena) = self.memory_run(gpa, left);
            let part = &mut buf[done..done + n];
            match arena {
                Some((a, _)) => self.ram.read(a, part),
                None => {
                    part.fill(0);
                    ok = false;
                }
            }
            done += n;
        }
        ok
    }

    /// Writes memory as a bus master or debugger would and reports it as [`DmaWrite`]. ROM is skipped. False when some of
    /// it is not writable memory.
    pub fn write_memory(&mut self, at: Gpa, data: &[u8]) -> bool {
        let mut ok = true;
        let mut done = 0usize;
        while done < data.len() {
            let gpa = at.0.wrapping_add(done as u64);
            let (n, arena) = self.memory_run(gpa, data.len() - done);
            match arena {
                Some((a, true)) => {
                    self.ram.write(a, &data[done..done + n]);
                    self.note_dma(a, n);
                }
                _ => ok = false,
            }
            done += n;
        }
        ok
    }

    /// How far the range at `gpa` goes (at most `left` bytes), with its arena address and writability if it is memory.
    fn memory_run(&self, gpa: u64, left: usize) -> (usize, Option<(u32, bool)>) {
        let Some(r) = self.find(gpa) else {
            // Up to the next range.
            let i = self.flat.partition_point(|r| r.last < gpa);
            let gap = self.flat.get(i).map_or(u64::MAX, |r| r.first - gpa);
            return (
                left.min(usize::try_from(gap).unwrap_or(usize::MAX)).max(1),
                None,
            );
        };
        let room = usize::try_from((r.last - gpa).saturating_add(1)).unwrap_or(usize::MAX);
        let n = left.min(room);
        match r.to {
            Target::Ram {
                arena, writable, ..
            } => (n, Some((arena + (gpa - r.first) as u32, writable))),
            _ => (n, None),
        }
    }

    pub(super) fn note_dma(&mut self, arena: u32, bytes: usize) {
        self.attention = true;
        let bytes = bytes as u32;
        if let Some(l) = self.dma_writes.last_mut()
            && l.arena.wrapping_add(l.bytes) == arena
        {
            l.bytes += bytes;
            return;
        }
        self.dma_writes.push(DmaWrite { arena, bytes });
    }

    fn block_range(&self, block: BlockId, offset: u64, len: usize) -> Option<u32> {
        let b = self.blocks.get(block.0 as usize)?;
        let end = offset.checked_add(len as u64)?;
        (end <= b.bytes).then(|| b.arena + offset as u32)
    }

    /// Writes into a memory block, ROM or not, and reports it as [`DmaWrite`]. False when it does not fit.
    pub fn block_write(&mut self, block: BlockId, offset: u64, data: &[u8]) -> bool {
        let Some(a) = self.block_range(block, offset, data.len()) else {
            return false;
        };
        self.ram.write(a, data);
        self.note_dma(a, data.len());
        true
    }

    /// Reads from a memory block. False when it is not all inside.
    pub fn block_read(&self, block: BlockId, offset: u64, buf: &mut [u8]) -> bool {
        let Some(a) = self.block_range(block, offset, buf.len()) else {
            return false;
        };
        self.ram.read(a, buf);
        true
    }

    fn read_target(&mut self, r: &FlatRange, gpa: u64, size: u32) -> u64 {
        let at = gpa - r.first;
        match r.to {
            Target::Ram { arena, .. } => {
                let mut b = [0; 8];
                self.ram.read(arena + at as u32, &mut b[..size as usize]);
                u64::from_le_bytes(b)
            }
            Target::Dev {
                dev,
                region,
                offset,
                widest,
            } => {
                let offset = offset + at;
                if size <= widest {
                    let v = self.with_dev(dev, |d, cx| d.read(cx, region, offset, size));
                    return v.unwrap_or(u64::MAX) & ones(size);
                }
                let mut v = 0;
                for i in (0..size).step_by(widest as usize) {
                    let o = offset + u64::from(i);
                    let part = self.with_dev(dev, |d, cx| d.read(cx, region, o, widest));
                    v |= (part.unwrap_or(u64::MAX) & ones(widest)) << (8 * i);
                }
                v
            }
            Target::Open { all_ones } => {
                self.note_guest_error(|| format!("read of unassigned address {gpa:#x}"));
                if all_ones { ones(size) } else { 0 }
            }
        }
    }

    fn write_target(&mut self, r: &FlatRange, gpa: u64, size: u32, value: u64) {
        let at = gpa - r.first;
        match r.to {
            Target::Ram {
                arena,
                writable: true,
                ..
            } => {
                let b = value.to_le_bytes();
                self.ram.write(arena + at as u32, &b[..size as usize]);
            }
            Target::Ram {
                rom: Some((dev, region, offset)),
                ..
            } => {
                let o = offset + at;
                self.with_dev(dev, |d, cx| d.write(cx, region, o, size, value));
            }
            Target::Ram { .. } => {
                self.note_guest_error(|| format!("write to ROM at {gpa:#x}"));
            }
            Target::Dev {
                dev,
                region,
                offset,
                widest,
            } => {
                let offset = offset + at;
                if size <= widest {
                    let value = value & ones(size);
                    self.with_dev(dev, |d, cx| d.write(cx, region, offset, size, value));
                    return;
                }
                for i in (0..size).step_by(widest as usize) {
                    let o = offset + u64::from(i);
                    let part = value >> (8 * i) & ones(widest);
                    self.with_dev(dev, |d, cx| d.write(cx, region, o, widest, part));
                }
            }
            Target::Open { .. } => {
                self.note_guest_error(|| format!("write to unassigned address {gpa:#x}"));
            }
        }
    }
}

impl PhysBus for Bus {
    fn page(&self, gpa: Gpa) -> RamPage {
        let first = gpa.page().0;
        let last = first + (PAGE_SIZE - 1);
        let hinted = self.last_page.get();
        let i = match self.flat.get(hinted) {
            Some(r) if r.first <= first && first <= r.last => hinted,
            _ => self.flat.partition_point(|r| r.last < first),
        };
        self.last_page.set(i);
        match self.flat.get(i) {
            Some(r) if r.first <= first && last <= r.last => match r.to {
                Target::Ram {
                    arena, writable, ..
                } => {
                    let arena = arena + (first - r.first) as u32;
                    self.ram.touch(arena, PAGE_SIZE as u32);
                    RamPage::Ram { arena, writable }
                }
                _ => RamPage::Device,
            },
            Some(r) if r.first <= last => RamPage::Device,
            _ => RamPage::None,
        }
    }

    fn read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        let last = gpa.0.wrapping_add(u64::from(size) - 1);
        match self.find(gpa.0) {
            Some(r) if last <= r.last && gpa.0 <= last => Ok(self.read_target(&r, gpa.0, size)),
            None if size == 1 => Err(BusError),
            // Across the end of a range: byte by byte.
            _ => {
                let mut v = 0;
                for i in 0..u64::from(size) {
                    let at = gpa.0.wrapping_add(i);
                    let r = self.find(at).ok_or(BusError)?;
                    v |= self.read_target(&r, at, 1) << (8 * i);
                }
                Ok(v)
            }
        }
    }

    fn write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        let last = gpa.0.wrapping_add(u64::from(size) - 1);
        match self.find(gpa.0) {
            Some(r) if last <= r.last && gpa.0 <= last => {
                self.write_target(&r, gpa.0, size, value);
                Ok(())
            }
            None if size == 1 => Err(BusError),
            _ => {
                // Nothing may happen when a part of it faults.
                for i in 0..u64::from(size) {
                    self.find(gpa.0.wrapping_add(i)).ok_or(BusError)?;
                }
                for i in 0..u64::from(size) {
                    let at = gpa.0.wrapping_add(i);
                    if let Some(r) = self.find(at) {
                        self.write_target(&r, at, 1, value >> (8 * i) & 0xff);
                    }
                }
                Ok(())
            }
        }
    }
}

const fn ones(size: u32) -> u64 {
    if size >= 8 {
        u64::MAX
    } else {
        (1 << (8 * size)) - 1
    }
}
