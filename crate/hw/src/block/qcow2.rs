//! qcow2 images, versions 2 and 3 (QEMU's docs/interop/qcow2.txt).
//!
//! Read: standard and zlib-compressed clusters, zero clusters, backing files through the caller. Refused: encryption, external data
//! files, extended L2 entries, other compression, images marked corrupt. This is reading alone, with an overlay for what is written;
//! `writable` writes into the image, with its reference counts (`clusters`) and internal snapshots (`snapshots`). Nothing in an
//! image is trusted: every offset is checked against the file.

mod clusters;
mod snapshots;
mod writable;

pub use snapshots::Snapshot;
pub use writable::Writable;

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress};
use tinamou_core::{BlockError, SECTOR_BYTES};

use super::overlay::Overlay;
use super::raw::{BlockFile, Image, Raw};

const MAGIC: [u8; 4] = [b'Q', b'F', b'I', 0xfb];
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;
/// Longest chain of backing files.
const MAX_DEPTH: u32 = 16;
const MAX_L1: u64 = 4 << 20;
/// L2 tables kept in memory.
const L2_KEPT: usize = 64;
const EXT_BACKING_FORMAT: u32 = 0xe279_2aca;

/// Opens a file of the host by the name that an image uses for its backing file.
pub type Resolver<'a> = dyn FnMut(&str) -> Result<Box<dyn BlockFile>, BlockError> + 'a;

/// Opens an image: qcow2 if it says so, raw otherwise. A qcow2 image, and any image when `snapshot` is set, gets an overlay
/// in memory for what is written.
///
/// # Errors
/// [`BlockError`] when the image or one of its backing files is broken or unsupported.
pub fn open(
    mut file: Box<dyn BlockFile>,
    snapshot: bool,
    resolver: &mut Resolver<'_>,
) -> Result<Box<dyn Image>, BlockError> {
    let qcow2 = is_qcow2(&mut *file);
    let image = open_at(file, None, resolver, 0)?;
    Ok(if qcow2 || snapshot {
        Box::new(Overlay::new(image))
    } else {
        image
    })
}

fn is_qcow2(file: &mut dyn BlockFile) -> bool {
    let mut m = [0; 4];
    file.read_at(0, &mut m).is_ok() && m == MAGIC
}

fn open_at(
    mut file: Box<dyn BlockFile>,
    format: Option<&str>,
    resolver: &mut Resolver<'_>,
    depth: u32,
) -> Result<Box<dyn Image>, BlockError> {
    let qcow2 = match format {
        Some("raw") => false,
        Some("qcow2") => true,
        Some(f) => {
            return Err(BlockError::Unsupported(format!(
                "backing file format `{f}`"
            )));
        }
        None => is_qcow2(&mut *file),
    };
    if qcow2 {
        Ok(Box::new(Qcow2::open(file, resolver, depth)?))
    } else {
        Ok(Box::new(Raw(file)))
    }
}

impl BlockFile for Box<dyn BlockFile> {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        (**self).read_at(at, buf)
    }
    fn write_at(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError> {
        (**self).write_at(at, data)
    }
    fn len(&self) -> u64 {
        (**self).len()
    }
    fn grow(&mut self, bytes: u64) -> Result<(), BlockError> {
        (**self).grow(bytes)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        (**self).flush()
    }
    fn read_only(&self) -> bool {
        (**self).read_only()
    }
}

/// An open qcow2 image.
pub struct Qcow2 {
    file: Box<dyn BlockFile>,
    backing: Option<Box<dyn Image>>,
    cluster_bits: u32,
    bytes: u64,
    l1: Vec<u64>,
    l2: BTreeMap<u64, Vec<u64>>,
    /// The cluster decompressed last.
    unpacked: Option<(u64, Vec<u8>)>,
    header: Header,
}

/// What the header says that only writing needs.
#[derive(Clone, Copy, Debug)]
struct Header {
    version: u32,
    l1_at: u64,
    refcounts_at: u64,
    refcount_clusters: u32,
    /// log2 of the bits of a reference count.
    refcount_order: u32,
    snapshots: u32,
    snapshots_at: u64,
    /// Reference counts may be wrong.
    dirty: bool,
}

impl Header {
    fn read(h: &[u8]) -> Header {
        let version = be32(h, 4);
        Header {
            version,
            l1_at: be64(h, 40),
            refcounts_at: be64(h, 48),
            refcount_clusters: be32(h, 56),
            refcount_order: if version == 3 { be32(h, 96) } else { 4 },
            snapshots: be32(h, 60),
            snapshots_at: be64(h, 64),
            dirty: version == 3 && be64(h, 72) & 1 != 0,
        }
    }
}

fn corrupt(what: &str) -> BlockError {
    BlockError::Corrupt(what.into())
}

fn be32(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4)
        .map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn be64(b: &[u8], at: usize) -> u64 {
    u64::from(be32(b, at)) << 32 | u64::from(be32(b, at + 4))
}

fn read_table(file: &mut dyn BlockFile, at: u64, entries: u64) -> Result<Vec<u64>, BlockError> {
    if at.checked_add(entries * 8).is_none_or(|e| e > file.len()) {
        return Err(corrupt("a table lies beyond the end of the file"));
    }
    let mut b = vec![0; (entries * 8) as usize];
    file.read_at(at, &mut b)?;
    Ok((0..entries as usize).map(|i| be64(&b, 8 * i)).collect())
}

impl Qcow2 {
    fn open(
        mut file: Box<dyn BlockFile>,
        resolver: &mut Resolver<'_>,
        depth: u32,
    ) -> Result<Qcow2, BlockError> {
        let unsupported = |w: &str| BlockError::Unsupported(w.into());
        let mut h = vec![0; file.len().min(4096) as usize];
        file.read_at(0, &mut h)?;
        if h.len() < 72 || h[..4] != MAGIC {
            return Err(corrupt("no qcow2 header"));
        }
        let version = be32(&h, 4);
        if !(2..=3).contains(&version) {
            return Err(BlockError::Unsupported(format!("qcow2 version {version}")));
        }
        let mut header_bytes = 72;
        if version == 3 {
            let features = be64(&h, 72);
            if features & 2 != 0 {
                return Err(corrupt("the image is marked corrupt"));
            }
            if features & !0b1001 != 0 {
                return Err(BlockError::Unsupported(format!(
                    "qcow2 features {features:#x}"
                )));
            }
            if features & 8 != 0 && h.get(104).is_some_and(|t| *t != 0) {
                return Err(unsupported("compression other than zlib"));
            }
            header_bytes = be32(&h, 100) as usize;
        }
        if be32(&h, 32) != 0 {
            return Err(unsupported("encryption"));
        }
        let cluster_bits = be32(&h, 20);
        if !(9..=21).contains(&cluster_bits) {
            return Err(corrupt("cluster size"));
        }
        let bytes = be64(&h, 24);
        let per_l1 = 1u64 << (2 * cluster_bits - 3);
        let l1_size = u64::from(be32(&h, 36));
        if bytes > 1 << 56 || l1_size > MAX_L1 || bytes.div_ceil(per_l1) > l1_size {
            return Err(corrupt("size"));
        }
        let l1 = read_table(&mut *file, be64(&h, 40), l1_size)?;
        let name_at = be64(&h, 8);
        let backing = if name_at == 0 {
            None
        } else {
            let len = be32(&h, 16) as usize;
            if depth >= MAX_DEPTH {
                return Err(corrupt("too many backing files"));
            }
            if len > 1023 {
                return Err(corrupt("name of the backing file"));
            }
            let mut name = vec![0; len];
            file.read_at(name_at, &mut name)?;
            let name = String::from_utf8(name).map_err(|_| corrupt("name of the backing file"))?;
            let format = backing_format(&h, header_bytes);
            let below = resolver(&name)?;
            Some(open_at(below, format.as_deref(), resolver, depth + 1)?)
        };
        let l2 = BTreeMap::new();
        Ok(Qcow2 {
            file,
            backing,
            cluster_bits,
            bytes,
            l1,
            l2,
            unpacked: None,
            header: Header::read(&h),
        })
    }

    fn l2_entry(&mut self, cluster: u64) -> Result<u64, BlockError> {
        let bits = self.cluster_bits - 3;
        let i = usize::try_from(cluster >> bits).unwrap_or(usize::MAX);
        let table = self.l1.get(i).copied().ok_or_else(|| corrupt("L1 index"))? & OFFSET;
        if table == 0 {
            return Ok(0);
        }
        if !self.l2.contains_key(&table) {
            let t = read_table(&mut *self.file, table, 1 << bits)?;
            if self.l2.len() >= L2_KEPT {
                self.l2.pop_first();
            }
            self.l2.insert(table, t);
        }
        let at = (cluster & ((1 << bits) - 1)) as usize;
        Ok(self
            .l2
            .get(&table)
            .and_then(|t| t.get(at))
            .copied()
            .unwrap_or(0))
    }

    fn unpack(&mut self, entry: u64) -> Result<&[u8], BlockError> {
        if self.unpacked.as_ref().is_none_or(|u| u.0 != entry) {
            let split = 62 - (self.cluster_bits - 8);
            let at = entry & ((1 << split) - 1);
            let sectors = (entry & (COMPRESSED - 1)) >> split;
            let end = at / SECTOR_BYTES * SECTOR_BYTES + (sectors + 1) * SECTOR_BYTES;
            // The last sector may be cut off by the end of the file.
            let len = end.min(self.file.len()).saturating_sub(at);
            if len == 0 {
                return Err(corrupt(
                    "a compressed cluster lies beyond the end of the file",
                ));
            }
            let mut packed = vec![0; len as usize];
            self.file.read_at(at, &mut packed)?;
            let mut out = vec![0; 1 << self.cluster_bits];
            let mut z = Decompress::new(false);
            // Runs into a full output buffer at worst; only the amount counts.
            let _ = z.decompress(&packed, &mut out, FlushDecompress::Finish);
            if z.total_out() != out.len() as u64 {
                return Err(corrupt("a compressed cluster does not unpack"));
            }
            self.unpacked = Some((entry, out));
        }
        Ok(self.unpacked.as_ref().map_or(&[], |u| &u.1))
    }

    fn read_backing(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        buf.fill(0);
        let Some(b) = &mut self.backing else {
            return Ok(());
        };
        let end = b.sectors() * SECTOR_BYTES;
        let n = end.saturating_sub(at).min(buf.len() as u64) as usize;
        if n > 0 {
            b.read(at / SECTOR_BYTES, &mut buf[..n])
        } else {
            Ok(())
        }
    }
}

/// The format that the header extensions name for the backing file.
fn backing_format(h: &[u8], mut at: usize) -> Option<String> {
    while at + 8 <= h.len() {
        let (kind, len) = (be32(h, at), be32(h, at + 4) as usize);
        if kind == 0 {
            break;
        }
        let data = h.get(at + 8..)?.get(..len)?;
        if kind == EXT_BACKING_FORMAT {
            return String::from_utf8(data.to_vec()).ok();
        }
        at += 8 + len.next_multiple_of(8);
    }
    None
}

impl Image for Qcow2 {
    fn sectors(&self) -> u64 {
        self.bytes.div_ceil(SECTOR_BYTES)
    }
    fn read_only(&self) -> bool {
        true
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let size = 1u64 << self.cluster_bits;
        let mut done = 0;
        while done < buf.len() {
            let at = lba * SECTOR_BYTES + done as u64;
            let inside = at & (size - 1);
            let n = ((size - inside) as usize).min(buf.len() - done);
            let entry = self.l2_entry(at >> self.cluster_bits)?;
            let part = &mut buf[done..done + n];
            if entry & COMPRESSED != 0 {
                let from = inside as usize;
                part.copy_from_slice(&self.unpack(entry)?[from..from + n]);
            } else if entry & ZERO != 0 {
                part.fill(0);
            } else if entry & OFFSET == 0 {
                self.read_backing(at, part)?;
            } else {
                let from = (entry & OFFSET) + inside;
                // The file may end inside its last cluster.
                let have = self.file.len().saturating_sub(from).min(n as u64) as usize;
                if have == 0 {
                    return Err(corrupt("a cluster lies beyond the end of the file"));
                }
                part[have..].fill(0);
                self.file.read_at(from, &mut part[..have])?;
            }
            done += n;
        }
        Ok(())
    }
    fn write(&mut self, _lba: u64, _data: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
