//! Hand-made images, whole and broken.

use std::io::Write;

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
