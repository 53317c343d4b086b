//! Hand-made images, whole and broken.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use super::*;
use crate::block::raw::MemFile;

const CLUSTER: usize = 4096;

/// Five clusters of 4 KiB: data, hole, zero, compressed, hole; header, L1 and L2 in front.
fn image(version: u32, backing: &str) -> Vec<u8> {
    let mut f = vec![0u8; 5 * CLUSTER];
    let mut put = |at: usize, b: &[u8]| f[at..at + b.len()].copy_from_slice(b);
    put(0, &MAGIC);
    put(4, &version.to_be_bytes());
    if !backing.is_empty() {
        put(8, &512u64.to_be_bytes());
        put(16, &(backing.len() as u32).to_be_bytes());
        put(512, backing.as_bytes());
    }
    put(20, &12u32.to_be_bytes());
    put(24, &(5 * CLUSTER as u64).to_be_bytes());
    put(36, &1u32.to_be_bytes());
    put(40, &(CLUSTER as u64).to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(CLUSTER, &((1 << 63) | (2 * CLUSTER as u64)).to_be_bytes());
    let l2 = 2 * CLUSTER;
    put(l2, &((1 << 63) | (3 * CLUSTER as u64)).to_be_bytes());
    if version == 3 {
        put(l2 + 16, &1u64.to_be_bytes());
    }
    put(3 * CLUSTER, &[0x11; CLUSTER]);
    let mut e = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(&[0x44; CLUSTER]).unwrap();
    let z = e.finish().unwrap();
    put(l2 + 24, &(COMPRESSED | (4 * CLUSTER as u64)).to_be_bytes());
    put(4 * CLUSTER, &z);
    f
}

fn none(_: &str) -> Result<Box<dyn BlockFile>, BlockError> {
    Err(BlockError::Io("no such file".into()))
}

fn first_bytes(i: &mut dyn Image) -> Vec<u8> {
    let mut buf = vec![0xee; 5 * CLUSTER];
    i.read(0, &mut buf).unwrap();
    for c in buf.chunks(CLUSTER) {
        assert!(c.iter().all(|b| *b == c[0]));
    }
    buf.iter().step_by(CLUSTER).copied().collect()
}

#[test]
fn clusters_of_every_kind() {
    for version in [2, 3] {
        let mut i = open(Box::new(MemFile(image(version, ""))), false, &mut none).unwrap();
        assert_eq!(i.sectors(), 40);
        assert_eq!(first_bytes(&mut *i), [0x11, 0, 0, 0x44, 0]);
        i.write(9, &[7; 512]).unwrap();
        let mut b = [0; 1024];
        i.read(8, &mut b).unwrap();
        assert_eq!((b[0], b[511], b[512], b[1023]), (0, 0, 7, 7));
    }
}

#[test]
fn backing_files() {
    let mut resolver = |name: &str| -> Result<Box<dyn BlockFile>, BlockError> {
        assert_eq!(name, "base.raw");
        Ok(Box::new(MemFile(vec![0x99; 2 * CLUSTER])))
    };
    let file = Box::new(MemFile(image(3, "base.raw")));
    let mut i = open(file, false, &mut resolver).unwrap();
    assert_eq!(first_bytes(&mut *i), [0x11, 0x99, 0, 0x44, 0]);
}

#[test]
fn a_chain_that_bites_its_tail_is_refused() {
    let mut resolver = |_: &str| -> Result<Box<dyn BlockFile>, BlockError> {
        Ok(Box::new(MemFile(image(3, "self"))))
    };
    assert!(open(Box::new(MemFile(image(3, "self"))), false, &mut resolver).is_err());
}

#[test]
fn hostile_images_give_errors() {
    let good = image(3, "");
    let try_it = |f: Vec<u8>| {
        if let Ok(mut i) = open(Box::new(MemFile(f)), true, &mut none) {
            for lba in [0, 8, 16, 24, 39] {
                let _ = i.read(lba, &mut [0; 512]);
            }
        }
    };
    for at in (0..108)
        .chain(CLUSTER..CLUSTER + 8)
        .chain(2 * CLUSTER..2 * CLUSTER + 40)
    {
        for v in [0, 1, 0x7f, 0x80, 0xff] {
            let mut f = good.clone();
            f[at] = v;
            try_it(f);
        }
    }
    for n in (4..good.len()).step_by(61) {
        try_it(good[..n].to_vec());
    }
    let mut f = good;
    f[4 * CLUSTER] ^= 0xff;
    f[4 * CLUSTER + 1] ^= 0xff;
    try_it(f);
}

/// A file that its image and the test look at.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<MemFile>>);

impl BlockFile for Shared {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.0.borrow_mut().read_at(at, buf)
    }
    fn write_at(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError> {
        self.0.borrow_mut().write_at(at, data)
    }
    fn len(&self) -> u64 {
        self.0.borrow().len()
    }
    fn grow(&mut self, bytes: u64) -> Result<(), BlockError> {
        self.0.borrow_mut().grow(bytes)
    }
    fn read_only(&self) -> bool {
        false
    }
}

/// An empty image: header, table and block of counts, L1.
fn empty(bits: u32, bytes: u64) -> Shared {
    let size = 1usize << bits;
    let l1_entries = bytes.div_ceil(1 << (2 * bits - 3)) as usize;
    let l1_clusters = (l1_entries * 8).div_ceil(size).max(1);
    let mut f = vec![0; (3 + l1_clusters) * size];
    let mut put = |at: usize, b: &[u8]| f[at..at + b.len()].copy_from_slice(b);
    put(0, &MAGIC);
    put(4, &3u32.to_be_bytes());
    put(20, &bits.to_be_bytes());
    put(24, &bytes.to_be_bytes());
    put(36, &(l1_entries as u32).to_be_bytes());
    put(40, &(3 * size as u64).to_be_bytes());
    put(48, &(size as u64).to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(size, &(2 * size as u64).to_be_bytes());
    for n in 0..3 + l1_clusters {
        put(2 * size + 2 * n, &1u16.to_be_bytes());
    }
    Shared(Rc::new(RefCell::new(MemFile(f))))
}

/// What `qemu-img check` looks at: each cluster is used as often as its count says, and entries say whose it is.
fn check(file: &Shared) {
    let mut f = file.clone();
    let mut h = vec![0; 512];
    f.read_at(0, &mut h).unwrap();
    let (bits, header) = (be32(&h, 20), Header::read(&h));
    let size = 1u64 << bits;
    let mut used = vec![0u16; f.len().div_ceil(size) as usize];
    let mut table = |at: u64, bytes: u64, used: &mut Vec<u16>| {
        for n in 0..bytes.div_ceil(size) {
            used[((at >> bits) + n) as usize] += 1;
        }
        read_table(&mut f, at, bytes / 8).unwrap()
    };
    used[0] = 1;
    let blocks = table(
        header.refcounts_at,
        u64::from(header.refcount_clusters) << bits,
        &mut used,
    );
    let mut counts = Vec::new();
    for at in blocks {
        let block = if at == 0 {
            vec![0; size as usize / 8]
        } else {
            table(at, size, &mut used)
        };
        let halves = block.iter().flat_map(|word| word.to_be_bytes());
        let bytes: Vec<u8> = halves.collect();
        counts.extend(bytes.chunks(2).map(|b| u16::from_be_bytes([b[0], b[1]])));
    }
    let (snapshots, bytes) = snapshots::read(&mut file.clone(), &header).unwrap();
    if bytes > 0 {
        let clusters = bytes.div_ceil(size) * size / 8 * 8;
        for n in 0..clusters / size {
            used[((header.snapshots_at >> bits) + n) as usize] += 1;
        }
    }
    let l1s = snapshots
        .iter()
        .map(|s| s.l1())
        .chain([(header.l1_at, be32(&h, 36))]);
    let count = |at: u64| counts[(at >> bits) as usize];
    for (at, entries) in l1s {
        let active = at == header.l1_at;
        for l2 in table(at, u64::from(entries) * 8, &mut used) {
            if l2 & OFFSET == 0 {
                continue;
            }
            assert!(!active || (l2 >> 63 == 1) == (count(l2 & OFFSET) == 1));
            for entry in table(l2 & OFFSET, size, &mut used) {
                if entry & OFFSET != 0 {
                    used[((entry & OFFSET) >> bits) as usize] += 1;
                    assert!(!active || (entry >> 63 == 1) == (count(entry & OFFSET) == 1));
                }
            }
        }
    }
    counts.resize(used.len(), 0);
    assert_eq!(used, counts);
}

struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What is written, snapshots, and what is gone back to, against a plain model; the image is whole all the time.
#[test]
fn writing_and_snapshots() {
    for (bits, sectors) in [(9, 3000), (12, 5001)] {
        let file = empty(bits, sectors * 512);
        let mut image = Writable::open(Box::new(file.clone()), &mut none).unwrap();
        let mut model = vec![0; sectors as usize * 512];
        let mut kept: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
        let mut noise = Noise(0x1234_5678 + u64::from(bits));
        for round in 0..400 {
            let pick = noise.below(20) as usize;
            match noise.below(12) {
                0 if kept.len() < 6 => {
                    let name = format!("s{round}");
                    let bytes = noise.below(3 << bits) as usize;
                    let state: Vec<u8> = (0..bytes).map(|n| (n * 7 + round) as u8).collect();
                    image
                        .create(&name, (round as u32, 0), 1, None, &state)
                        .unwrap();
                    kept.push((name, model.clone(), state));
                }
                1 if pick < kept.len() => {
                    let (name, disk, state) = &kept[pick];
                    assert!(image.state(name).unwrap() == *state);
                    image.apply(name).unwrap();
                    model.clone_from(disk);
                }
                2 if pick < kept.len() => image.delete(&kept.remove(pick).0).unwrap(),
                3 => image = Writable::open(Box::new(file.clone()), &mut none).unwrap(),
                _ => {
                    let n = 1 + noise.below(20).min(sectors - 1);
                    let lba = noise.below(sectors - n);
                    let byte = noise.below(256) as u8;
                    let data = vec![byte; n as usize * 512];
                    image.write(lba, &data).unwrap();
                    model[lba as usize * 512..][..data.len()].copy_from_slice(&data);
                }
            }
            check(&file);
        }
        let mut now = vec![0; model.len()];
        image.read(0, &mut now).unwrap();
        assert!(now == model);
        let names: Vec<_> = image.snapshots().iter().map(|s| &s.name).collect();
        assert_eq!(
            names,
            kept.iter().map(|(name, ..)| name).collect::<Vec<_>>()
        );
        for (name, ..) in &kept {
            image.delete(name).unwrap();
        }
        check(&file);
        assert!(image.state("none").is_err() && image.apply("none").is_err());
    }
}

/// Clusters that are shared, compressed or below are copied when they are written.
#[test]
fn writing_over_a_backing_file() {
    let file = empty(12, 8 * 4096);
    {
        let mut f = file.clone();
        let name = b"base";
        f.write_at(8, &512u64.to_be_bytes()).unwrap();
        f.write_at(16, &(name.len() as u32).to_be_bytes()).unwrap();
        f.write_at(512, name).unwrap();
    }
    let mut base = |_: &str| -> Result<Box<dyn BlockFile>, BlockError> {
        Ok(Box::new(MemFile(vec![0x77; 5 * 4096])))
    };
    let mut image = Writable::open(Box::new(file.clone()), &mut base).unwrap();
    image.write(9, &[1; 512]).unwrap();
    image.write(39, &[2; 1024]).unwrap();
    let mut now = vec![0; 8 * 4096];
    image.read(0, &mut now).unwrap();
    let mut want = [vec![0x77; 5 * 4096], vec![0; 3 * 4096]].concat();
    want[9 * 512..10 * 512].fill(1);
    want[39 * 512..41 * 512].fill(2);
    assert!(now == want);
    check(&file);
}

#[test]
fn hostile_images_are_not_written() {
    let file = empty(9, 64 * 512);
    let mut image = Writable::open(Box::new(file.clone()), &mut none).unwrap();
    for lba in 0..40 {
        image.write(lba, &[lba as u8; 512]).unwrap();
    }
    image.create("one", (0, 0), 0, Some(5), &[1; 3000]).unwrap();
    image.write(3, &[9; 512]).unwrap();
    let whole = file.0.borrow().0.clone();
    let mut noise = Noise(0xbad_5eed);
    for _ in 0..3000 {
        let mut bad = whole.clone();
        for _ in 0..1 + noise.below(3) {
            let at = noise.below(bad.len() as u64) as usize;
            bad[at] = noise.below(256) as u8;
        }
        let bad = Shared(Rc::new(RefCell::new(MemFile(bad))));
        let Ok(mut image) = Writable::open(Box::new(bad), &mut none) else {
            continue;
        };
        // Whatever comes of it: no panic, no hang.
        let _ = image.state("one");
        let _ = image.write(5, &[1; 2048]);
        let _ = image.create("two", (0, 0), 0, None, &[2; 2000]);
        let _ = image.apply("one");
        let _ = image.delete("one");
    }
}
