//! The clusters of an image that is written: how often each is used, and where new ones come from.
//!
//! Counts have 16 bits, as QEMU makes them. All are kept in memory, and each change goes to the file at once: counts first, so that
//! a crash leaves clusters that nobody uses and none that are used twice.

use tinamou_core::BlockError;

use super::{BlockFile, Header, OFFSET, corrupt, read_table};

/// Longest table of counts, as QEMU has it.
const MAX_TABLE_BYTES: u64 = 8 << 20;

pub(super) struct Clusters {
    bits: u32,
    /// Of each cluster of the file.
    counts: Vec<u16>,
    /// Where the blocks of counts are; 0 where there is none yet.
    blocks: Vec<u64>,
    table_at: u64,
    /// No cluster before this one is free.
    free_from: usize,
}

impl Clusters {
    pub fn read(
        file: &mut dyn BlockFile,
        header: &Header,
        bits: u32,
    ) -> Result<Clusters, BlockError> {
        let table_bytes = u64::from(header.refcount_clusters) << bits;
        if table_bytes > MAX_TABLE_BYTES || !header.refcounts_at.is_multiple_of(1 << bits) {
            return Err(corrupt("table of reference counts"));
        }
        let blocks = read_table(file, header.refcounts_at, table_bytes / 8)?;
        let clusters = usize::try_from(file.len().div_ceil(1 << bits))
            .map_err(|_| corrupt("length of the file"))?;
        let per_block = 1usize << (bits - 1);
        let mut counts = vec![0u16; clusters];
        for (part, at) in counts.chunks_mut(per_block).zip(&blocks) {
            if *at & !OFFSET != 0 || !at.is_multiple_of(1 << bits) {
                return Err(corrupt("block of reference counts"));
            }
            if *at != 0 {
                let mut block = vec![0; per_block * 2];
                file.read_at(*at, &mut block)?;
                for (count, b) in part.iter_mut().zip(block.chunks_exact(2)) {
                    *count = u16::from_be_bytes([b[0], b[1]]);
                }
            }
        }
        let all = Clusters {
            bits,
            counts,
            blocks,
            table_at: header.refcounts_at,
            free_from: 0,
        };
        // What must not be taken for free.
        let own = all.blocks.iter().copied().filter(|at| *at != 0);
        let table = (0..table_bytes).step_by(1 << bits);
        for at in own.chain(table.map(|n| header.refcounts_at + n)).chain([0]) {
            all.used(at)?;
        }
        Ok(all)
    }

    fn size(&self) -> u64 {
        1 << self.bits
    }

    /// How often the cluster at this offset is used.
    pub fn count(&self, at: u64) -> u16 {
        let n = usize::try_from(at >> self.bits).unwrap_or(usize::MAX);
        self.counts.get(n).copied().unwrap_or(0)
    }

    /// Refuses a cluster that counts as free and is used nonetheless.
    pub fn used(&self, at: u64) -> Result<(), BlockError> {
        match self.count(at) {
            0 => Err(corrupt("a cluster in use has no references")),
            _ => Ok(()),
        }
    }

    /// The cluster at this offset is used once more, or once less.
    pub fn change(
        &mut self,
        file: &mut dyn BlockFile,
        at: u64,
        more: bool,
    ) -> Result<(), BlockError> {
        let n = usize::try_from(at >> self.bits).unwrap_or(usize::MAX);
        let count = self
            .counts
            .get_mut(n)
            .ok_or_else(|| corrupt("a cluster lies beyond the end of the file"))?;
        let new = if more {
            count.checked_add(1)
        } else {
            count.checked_sub(1)
        };
        *count = new.ok_or_else(|| corrupt("a reference count leaves its range"))?;
        if *count == 0 {
            self.free_from = self.free_from.min(n);
        }
        self.store(file, n)
    }

    /// New clusters in a row, each used once; their offset.
    pub fn alloc(&mut self, file: &mut dyn BlockFile, clusters: usize) -> Result<u64, BlockError> {
        let first = self.take(file, clusters)?;
        for n in first..first + clusters {
            self.store(file, n)?;
        }
        Ok((first as u64) << self.bits)
    }

    /// The same, with the counts in memory alone.
    fn take(&mut self, file: &mut dyn BlockFile, clusters: usize) -> Result<usize, BlockError> {
        if clusters == 1 {
            let free = self.counts[self.free_from.min(self.counts.len())..]
                .iter()
                .position(|c| *c == 0);
            let n = free.map_or(self.counts.len(), |i| self.free_from + i);
            self.free_from = n + 1;
            if free.is_some() {
                self.counts[n] = 1;
                return Ok(n);
            }
        }
        let first = self.counts.len();
        let end = first + clusters;
        file.grow((end as u64) << self.bits)?;
        self.counts.resize(end, 1);
        Ok(first)
    }

    /// Writes a cluster's count.
    fn store(&mut self, file: &mut dyn BlockFile, n: usize) -> Result<(), BlockError> {
        let per_block = 1 << (self.bits - 1);
        let (block, inside) = (n / per_block, n % per_block);
        if block >= self.blocks.len() {
            self.longer_table(file, block)?;
        }
        if self.blocks[block] == 0 {
            return self.new_block(file, block);
        }
        file.write_at(
            self.blocks[block] + 2 * inside as u64,
            &self.counts[n].to_be_bytes(),
        )
    }

    /// Makes a block of counts and fills it.
    fn new_block(&mut self, file: &mut dyn BlockFile, block: usize) -> Result<(), BlockError> {
        let own = self.take(file, 1)?;
        let at = (own as u64) << self.bits;
        let per_block = 1 << (self.bits - 1);
        let mut bytes: Vec<u8> = self
            .counts
            .iter()
            .skip(block * per_block)
            .take(per_block)
            .flat_map(|c| c.to_be_bytes())
            .collect();
        bytes.resize(per_block * 2, 0);
        file.write_at(at, &bytes)?;
        file.write_at(self.table_at + 8 * block as u64, &at.to_be_bytes())?;
        self.blocks[block] = at;
        if own / per_block == block {
            return Ok(());
        }
        self.store(file, own)
    }

    /// Moves the table to where it has room for this block.
    fn longer_table(&mut self, file: &mut dyn BlockFile, block: usize) -> Result<(), BlockError> {
        let per_cluster = 1usize << (self.bits - 3);
        let old = (self.table_at, self.blocks.len() / per_cluster);
        // Room for the blocks that the new table itself needs.
        let clusters = (block + block / 2 + 2).div_ceil(per_cluster);
        if (clusters as u64) << self.bits > MAX_TABLE_BYTES {
            return Err(BlockError::Unsupported(
                "the image cannot grow further".into(),
            ));
        }
        let first = self.take(file, clusters)?;
        self.blocks.resize(clusters * per_cluster, 0);
        self.table_at = (first as u64) << self.bits;
        let bytes: Vec<u8> = self.blocks.iter().flat_map(|at| at.to_be_bytes()).collect();
        file.write_at(self.table_at, &bytes)?;
        for n in first..first + clusters {
            self.store(file, n)?;
        }
        let mut place = [0; 12];
        place[..8].copy_from_slice(&self.table_at.to_be_bytes());
        place[8..].copy_from_slice(&(clusters as u32).to_be_bytes());
        file.write_at(48, &place)?;
        for n in 0..old.1 as u64 {
            self.change(file, old.0 + n * self.size(), false)?;
        }
        Ok(())
    }
}
