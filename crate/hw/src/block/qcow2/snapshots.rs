//! Snapshots inside an image: a name, the disk as it was (an L1 table, whose clusters are shared), and the state of a machine, which
//! lies behind the disk's end in that table.

use tinamou_core::{BlockError, SECTOR_BYTES};

use super::writable::{COPIED, Writable};
use super::{BlockFile, Header, Image, MAX_L1, OFFSET, be32, be64, corrupt, read_table};

/// Longest table of snapshots, and most of them.
const MAX_TABLE_BYTES: u64 = 64 << 20;
const MOST: u32 = 65536;
/// Largest state of a machine.
const MAX_STATE_BYTES: u64 = 8 << 30;
/// What is written behind an entry's fixed part: the state's size, the disk's, and the instruction count.
const EXTRA_BYTES: u32 = 24;
const FIXED_BYTES: usize = 40;

/// A snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Its number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made: seconds since 1970, and nanoseconds.
    pub made: (u32, u32),
    /// The machine's time.
    pub clock_ns: u64,
    /// The machine's instruction count, where time is counted.
    pub icount: Option<u64>,
    /// Length of the machine's state.
    pub state_bytes: u64,
    /// Length of the disk.
    disk_bytes: u64,
    l1_at: u64,
    l1_entries: u32,
}

impl Snapshot {
    /// Whether `name` is its number or its name.
    pub fn is(&self, name: &str) -> bool {
        self.id == name || self.name == name
    }

    /// Where its L1 table is, and how many entries that has.
    #[cfg(test)]
    pub(super) fn l1(&self) -> (u64, u32) {
        (self.l1_at, self.l1_entries)
    }

    fn read(e: &[u8], disk_bytes: u64) -> Option<(Snapshot, usize)> {
        if e.len() < FIXED_BYTES {
            return None;
        }
        let short = |at: usize| usize::from(u16::from_be_bytes([e[at], e[at + 1]]));
        let (id, name, extra) = (short(12), short(14), be32(e, 36) as usize);
        let extra_bytes = e.get(FIXED_BYTES..)?.get(..extra)?;
        let text = e.get(FIXED_BYTES + extra..)?.get(..id + name)?;
        let word = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let more = |at: usize| (extra >= at + 8).then(|| be64(extra_bytes, at));
        let snapshot = Snapshot {
            id: word(&text[..id]),
            name: word(&text[id..]),
            made: (be32(e, 16), be32(e, 20)),
            clock_ns: be64(e, 24),
            icount: more(16).filter(|n| *n != u64::MAX),
            state_bytes: more(0).unwrap_or(u64::from(be32(e, 32))),
            disk_bytes: more(8).unwrap_or(disk_bytes),
            l1_at: be64(e, 0),
            l1_entries: be32(e, 8),
        };
        let bytes = (FIXED_BYTES + extra + id + name).next_multiple_of(8);
        Some((snapshot, bytes))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.l1_at.to_be_bytes());
        out.extend_from_slice(&self.l1_entries.to_be_bytes());
        out.extend_from_slice(&(self.id.len() as u16).to_be_bytes());
        out.extend_from_slice(&(self.name.len() as u16).to_be_bytes());
        out.extend_from_slice(&self.made.0.to_be_bytes());
        out.extend_from_slice(&self.made.1.to_be_bytes());
        out.extend_from_slice(&self.clock_ns.to_be_bytes());
        let short = u32::try_from(self.state_bytes).unwrap_or(0);
        out.extend_from_slice(&short.to_be_bytes());
        out.extend_from_slice(&EXTRA_BYTES.to_be_bytes());
        out.extend_from_slice(&self.state_bytes.to_be_bytes());
        out.extend_from_slice(&self.disk_bytes.to_be_bytes());
        out.extend_from_slice(&self.icount.unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(self.name.as_bytes());
        out.resize(out.len().next_multiple_of(8), 0);
    }
}

/// The table of snapshots, and its length.
pub(super) fn read(
    file: &mut dyn BlockFile,
    header: &Header,
) -> Result<(Vec<Snapshot>, u64), BlockError> {
    if header.snapshots == 0 {
        return Ok((Vec::new(), 0));
    }
    let there = file
        .len()
        .saturating_sub(header.snapshots_at)
        .min(MAX_TABLE_BYTES);
    if header.snapshots > MOST {
        return Err(corrupt("number of snapshots"));
    }
    let mut table = vec![0; there as usize];
    file.read_at(header.snapshots_at, &mut table)?;
    let mut head = [0; 32];
    file.read_at(0, &mut head)?;
    let (mut all, mut at) = (Vec::new(), 0);
    for _ in 0..header.snapshots {
        let entry = table
            .get(at..)
            .and_then(|e| Snapshot::read(e, be64(&head, 24)));
        let (snapshot, bytes) = entry.ok_or_else(|| corrupt("table of snapshots"))?;
        all.push(snapshot);
        at += bytes;
    }
    Ok((all, at as u64))
}

impl Writable {
    /// The snapshots, in the order of the table.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    fn find(&self, name: &str) -> Result<usize, BlockError> {
        let by_id = self.snapshots.iter().position(|s| s.id == name);
        let found = by_id.or_else(|| self.snapshots.iter().position(|s| s.name == name));
        found.ok_or_else(|| BlockError::Io(format!("there is no snapshot '{name}'")))
    }

    /// Number of the first entry of an L1 table that is behind the disk's end.
    fn state_entry(&self) -> usize {
        let per_l1 = 1u64 << (2 * self.image.cluster_bits - 3);
        self.image.bytes.div_ceil(per_l1) as usize
    }

    fn table(&mut self, at: u64) -> Result<Vec<u64>, BlockError> {
        let entries = self.cluster_bytes() as u64 / 8;
        read_table(&mut *self.image.file, at, entries)
    }

    fn l1_of(&mut self, n: usize) -> Result<Vec<u64>, BlockError> {
        let (at, entries) = (
            self.snapshots[n].l1_at,
            u64::from(self.snapshots[n].l1_entries),
        );
        if entries > MAX_L1 {
            return Err(corrupt("size of a snapshot's table"));
        }
        read_table(&mut *self.image.file, at, entries)
    }

    /// All that an L1 table leads to is used once more, or once less.
    fn refer(&mut self, l1: &[u64], more: bool) -> Result<(), BlockError> {
        for at in l1.iter().map(|entry| entry & OFFSET).filter(|at| *at != 0) {
            for entry in self.table(at)? {
                for cluster in self.used_by(entry) {
                    self.change(cluster, more)?;
                }
            }
            self.change(at, more)?;
        }
        Ok(())
    }

    /// Puts right which entries say that nobody else uses their cluster.
    fn mark_own(&mut self) -> Result<(), BlockError> {
        for i in 0..self.image.l1.len() {
            let at = self.image.l1[i] & OFFSET;
            if at == 0 {
                continue;
            }
            let mut changed = false;
            let mut table = self.table(at)?;
            for entry in &mut table {
                let plain = *entry & super::COMPRESSED == 0 && *entry & OFFSET != 0;
                let own = plain && self.clusters.count(*entry & OFFSET) == 1;
                let new = if own {
                    *entry | COPIED
                } else {
                    *entry & !COPIED
                };
                changed |= new != *entry;
                *entry = new;
            }
            if changed {
                let bytes: Vec<u8> = table.iter().flat_map(|e| e.to_be_bytes()).collect();
                self.image.file.write_at(at, &bytes)?;
            }
            self.image.l1[i] = match self.clusters.count(at) {
                1 => at | COPIED,
                _ => at,
            };
        }
        self.write_l1()?;
        self.forget_tables();
        Ok(())
    }

    fn write_l1(&mut self) -> Result<(), BlockError> {
        let bytes: Vec<u8> = self.image.l1.iter().flat_map(|e| e.to_be_bytes()).collect();
        self.image.file.write_at(self.image.header.l1_at, &bytes)
    }

    /// Writes the table of snapshots to a new place.
    fn store_snapshots(&mut self) -> Result<(), BlockError> {
        let mut table = Vec::new();
        self.snapshots.iter().for_each(|s| s.write(&mut table));
        let at = if table.is_empty() {
            0
        } else {
            let at = self.alloc(table.len().div_ceil(self.cluster_bytes()))?;
            self.image.file.write_at(at, &table)?;
            at
        };
        self.image.file.flush()?;
        let mut place = [0; 12];
        place[..4].copy_from_slice(&(self.snapshots.len() as u32).to_be_bytes());
        place[4..].copy_from_slice(&at.to_be_bytes());
        self.image.file.write_at(60, &place)?;
        let (old, bytes) = std::mem::replace(&mut self.snapshots_place, (at, table.len() as u64));
        for n in (0..bytes).step_by(self.cluster_bytes()) {
            self.change(old + n, false)?;
        }
        self.image.file.flush()
    }

    /// Makes a snapshot: of the disk as it is, and a machine's state.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn create(
        &mut self,
        name: &str,
        made: (u32, u32),
        clock_ns: u64,
        icount: Option<u64>,
        state: &[u8],
    ) -> Result<(), BlockError> {
        if name.len() > 255 {
            return Err(BlockError::Unsupported(
                "names of more than 255 bytes".into(),
            ));
        }
        let first = self.state_entry();
        let shared: Vec<u64> = self.image.l1[..first.min(self.image.l1.len())].to_vec();
        let mut l1: Vec<u64> = shared.iter().map(|entry| entry & OFFSET).collect();
        l1.resize(first, 0);
        let size = self.cluster_bytes();
        for part in state.chunks(size * size / 8) {
            let mut table = Vec::with_capacity(size);
            for data in part.chunks(size) {
                let at = self.alloc(1)?;
                let mut cluster = data.to_vec();
                cluster.resize(size, 0);
                self.image.file.write_at(at, &cluster)?;
                table.extend_from_slice(&at.to_be_bytes());
            }
            table.resize(size, 0);
            let at = self.alloc(1)?;
            self.image.file.write_at(at, &table)?;
            l1.push(at);
        }
        self.refer(&shared, true)?;
        let l1_at = self.alloc((l1.len() * 8).div_ceil(size).max(1))?;
        let bytes: Vec<u8> = l1.iter().flat_map(|e| e.to_be_bytes()).collect();
        self.image.file.write_at(l1_at, &bytes)?;
        self.mark_own()?;
        let numbers = self
            .snapshots
            .iter()
            .filter_map(|s| s.id.parse::<u64>().ok());
        let id = numbers.max().unwrap_or(0).saturating_add(1);
        self.snapshots.push(Snapshot {
            id: id.to_string(),
            name: name.into(),
            made,
            clock_ns,
            icount,
            state_bytes: state.len() as u64,
            disk_bytes: self.image.bytes,
            l1_at,
            l1_entries: l1.len() as u32,
        });
        self.store_snapshots()
    }

    /// The machine's state in a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or [`BlockError`].
    pub fn state(&mut self, name: &str) -> Result<Vec<u8>, BlockError> {
        let n = self.find(name)?;
        let bytes = self.snapshots[n].state_bytes;
        let l1 = self.l1_of(n)?;
        let per_l1 = 1u64 << (2 * self.image.cluster_bits - 3);
        let first = self.state_entry();
        if bytes > MAX_STATE_BYTES || bytes.div_ceil(per_l1) + first as u64 > l1.len() as u64 {
            return Err(corrupt("size of a machine's state"));
        }
        let lba = first as u64 * per_l1 / SECTOR_BYTES;
        let mut state = Vec::new();
        let own = std::mem::replace(&mut self.image.l1, l1);
        self.forget_tables();
        let mut piece = vec![0; self.cluster_bytes()];
        let mut done = Ok(());
        while done.is_ok() && (state.len() as u64) < bytes {
            done = self
                .image
                .read(lba + state.len() as u64 / SECTOR_BYTES, &mut piece);
            let n = (bytes - state.len() as u64).min(piece.len() as u64) as usize;
            state.extend_from_slice(&piece[..n]);
        }
        self.image.l1 = own;
        self.forget_tables();
        done.map(|()| state)
    }

    /// The disk becomes what it was in a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, its disk had another size, or [`BlockError`].
    pub fn apply(&mut self, name: &str) -> Result<(), BlockError> {
        let n = self.find(name)?;
        if self.snapshots[n].disk_bytes != self.image.bytes {
            return Err(BlockError::Unsupported("the disk had another size".into()));
        }
        let mut l1 = self.l1_of(n)?;
        l1.truncate(self.state_entry());
        l1.resize(self.image.l1.len(), 0);
        self.refer(&l1, true)?;
        let old = std::mem::replace(&mut self.image.l1, l1);
        self.write_l1()?;
        self.image.file.flush()?;
        self.refer(&old, false)?;
        self.mark_own()
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or [`BlockError`].
    pub fn delete(&mut self, name: &str) -> Result<(), BlockError> {
        let n = self.find(name)?;
        let l1 = self.l1_of(n)?;
        let gone = self.snapshots.remove(n);
        self.store_snapshots()?;
        self.refer(&l1, false)?;
        let bytes = (u64::from(gone.l1_entries) * 8).max(u64::from(gone.l1_at != 0));
        for at in (0..bytes).step_by(self.cluster_bytes()) {
            self.change(gone.l1_at + at, false)?;
        }
        self.mark_own()
    }
}
