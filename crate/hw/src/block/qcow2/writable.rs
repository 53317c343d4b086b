//! An image that is written: what is written goes into it, as QEMU does it. Clusters that a snapshot or nobody has yet get new
//! places; the image below a backing file stays as it is.
//!
//! Images that are dirty (their counts may be wrong), or whose counts do not have 16 bits, are refused: they can be read alone.

use tinamou_core::{BlockError, SECTOR_BYTES, Written};

use super::clusters::Clusters;
use super::snapshots::{self, Snapshot};
use super::{BlockFile, COMPRESSED, Image, OFFSET, Qcow2, Resolver, ZERO, corrupt};

/// Bit of an entry whose cluster nobody else uses.
pub(super) const COPIED: u64 = 1 << 63;

/// An image with its counts and snapshots.
pub struct Writable {
    pub(super) image: Qcow2,
    pub(super) clusters: Clusters,
    pub(super) snapshots: Vec<Snapshot>,
    /// Where their table is, and how long.
    pub(super) snapshots_place: (u64, u64),
}

impl Writable {
    /// Opens an image that is qcow2.
    ///
    /// # Errors
    /// [`BlockError`] when the image or one of its backing files is broken or unsupported.
    pub fn open(
        file: Box<dyn BlockFile>,
        resolver: &mut Resolver<'_>,
    ) -> Result<Writable, BlockError> {
        let mut image = Qcow2::open(file, resolver, 0)?;
        let unsupported = |what: &str| Err(BlockError::Unsupported(what.into()));
        let (header, bits) = (image.header, image.cluster_bits);
        if image.file.read_only() {
            return Err(BlockError::ReadOnly);
        }
        if header.dirty {
            return unsupported("the image was not closed");
        }
        if header.refcount_order != 4 {
            return unsupported("reference counts that do not have 16 bits");
        }
        let clusters = Clusters::read(&mut *image.file, &header, bits)?;
        let l1_bytes = image.l1.len() as u64 * 8;
        for n in 0..l1_bytes.div_ceil(1 << bits) {
            clusters.used(header.l1_at + (n << bits))?;
        }
        let (snapshots, bytes) = snapshots::read(&mut *image.file, &header)?;
        if header.version == 3 {
            // What is kept automatically (bitmaps) is no longer right.
            image.file.write_at(88, &[0; 8])?;
        }
        Ok(Writable {
            image,
            clusters,
            snapshots,
            snapshots_place: (header.snapshots_at, bytes),
        })
    }

    pub(super) fn cluster_bytes(&self) -> usize {
        1 << self.image.cluster_bits
    }

    pub(super) fn alloc(&mut self, clusters: usize) -> Result<u64, BlockError> {
        self.clusters.alloc(&mut *self.image.file, clusters)
    }

    pub(super) fn change(&mut self, at: u64, more: bool) -> Result<(), BlockError> {
        self.clusters.change(&mut *self.image.file, at, more)
    }

    /// Offsets of the clusters that an entry uses.
    pub(super) fn used_by(&self, entry: u64) -> impl Iterator<Item = u64> + use<> {
        let bits = self.image.cluster_bits;
        let (first, last) = if entry & COMPRESSED != 0 {
            let split = 62 - (bits - 8);
            let at = entry & ((1 << split) - 1);
            let sectors = (entry & (COMPRESSED - 1)) >> split;
            let end = at / SECTOR_BYTES * SECTOR_BYTES + (sectors + 1) * SECTOR_BYTES;
            (at >> bits, (end - 1) >> bits)
        } else {
            ((entry & OFFSET) >> bits, (entry & OFFSET) >> bits)
        };
        let none = entry & (COMPRESSED | OFFSET) == 0;
        (first..=last)
            .filter(move |_| !none)
            .map(move |n| n << bits)
    }

    /// The L2 table for a cluster of the disk, which nobody else uses, and the entry's number.
    fn own_table(&mut self, cluster: u64) -> Result<(u64, usize), BlockError> {
        let bits = self.image.cluster_bits - 3;
        let i = usize::try_from(cluster >> bits).unwrap_or(usize::MAX);
        let entry = *self.image.l1.get(i).ok_or_else(|| corrupt("L1 index"))?;
        let inside = (cluster & ((1 << bits) - 1)) as usize;
        let old = entry & OFFSET;
        if old != 0 {
            self.clusters.used(old)?;
            if self.clusters.count(old) == 1 {
                return Ok((old, inside));
            }
        }
        let mut table = vec![0; self.cluster_bytes()];
        if old != 0 {
            self.image.file.read_at(old, &mut table)?;
        }
        let new = self.alloc(1)?;
        self.image.file.write_at(new, &table)?;
        self.image.l2.remove(&new);
        self.set_l1(i, new | COPIED)?;
        if old != 0 {
            self.change(old, false)?;
        }
        Ok((new, inside))
    }

    fn set_l1(&mut self, i: usize, entry: u64) -> Result<(), BlockError> {
        let at = self.image.header.l1_at + 8 * i as u64;
        self.image.file.write_at(at, &entry.to_be_bytes())?;
        self.image.l1[i] = entry;
        Ok(())
    }

    /// Writes inside one cluster of the disk.
    fn write_part(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError> {
        let bits = self.image.cluster_bits;
        let inside = at & (self.cluster_bytes() as u64 - 1);
        let (table, n) = self.own_table(at >> bits)?;
        let entry = self.image.l2_entry(at >> bits)?;
        let place = entry & OFFSET;
        if entry & (COMPRESSED | ZERO) == 0 && place != 0 {
            self.clusters.used(place)?;
            if self.clusters.count(place) == 1 {
                return self.image.file.write_at(place + inside, data);
            }
        }
        let mut cluster = vec![0; self.cluster_bytes()];
        if data.len() < cluster.len() {
            self.image
                .read((at - inside) / SECTOR_BYTES, &mut cluster)?;
        }
        cluster[inside as usize..inside as usize + data.len()].copy_from_slice(data);
        let new = self.alloc(1)?;
        self.image.file.write_at(new, &cluster)?;
        self.set_entry(table, n, new | COPIED)?;
        for old in self.used_by(entry) {
            self.change(old, false)?;
        }
        Ok(())
    }

    pub(super) fn set_entry(&mut self, table: u64, n: usize, entry: u64) -> Result<(), BlockError> {
        self.image
            .file
            .write_at(table + 8 * n as u64, &entry.to_be_bytes())?;
        if let Some(kept) = self.image.l2.get_mut(&table).and_then(|t| t.get_mut(n)) {
            *kept = entry;
        }
        Ok(())
    }

    /// Nothing of the tables and clusters kept in memory may be right any more.
    pub(super) fn forget_tables(&mut self) {
        self.image.l2.clear();
        self.image.unpacked = None;
    }
}

impl Image for Writable {
    fn sectors(&self) -> u64 {
        self.image.sectors()
    }
    fn read_only(&self) -> bool {
        false
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.image.read(lba, buf)
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        let size = self.cluster_bytes() as u64;
        let mut done = 0;
        // Places that were free may be those of the cluster unpacked last.
        self.image.unpacked = None;
        while done < data.len() {
            let at = lba * SECTOR_BYTES + done as u64;
            let n = ((size - at % size) as usize).min(data.len() - done);
            self.write_part(at, &data[done..done + n])?;
            done += n;
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        self.image.file.flush()
    }
    fn written(&self) -> Written {
        Written::Everything
    }
}
