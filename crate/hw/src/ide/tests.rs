//! Drives at work: PIO, multiple, bus master, packets, and a storm of random register writes.

use tinamou_core::Ns;

use super::channel::{BSY, Bay, DRDY, DRQ, ERR};
use super::piix_ide::PiixIde;
use crate::block::raw::memory_disk;
use crate::isa::piix::Model;
use crate::testing::Bench;

const BM: u32 = 4;

fn bench() -> Bench<PiixIde> {
    let make = || PiixIde::new(Model::Piix4, [Bay::Disk, Bay::Disk, Bay::Cd, Bay::Empty]);
    let mut b = Bench::new(make(), make);
    let disk = (0..4096 * 512).map(|i| (i / 512) as u8).collect();
    let cd = (0..64 * 2048).map(|i| (i / 2048) as u8 ^ 0x80).collect();
    b.cx.disks = vec![
        Some(Box::new(memory_disk(disk))),
        None,
        Some(Box::new(memory_disk(cd))),
    ];
    tinamou_core::Device::reset(&mut b.dev, &mut b.cx);
    b
}

fn wait(b: &mut Bench<PiixIde>, ch: u32) -> u8 {
    for _ in 0..1000 {
        let s = b.read(ch + 2, 0, 1) as u8;
        if s & BSY == 0 {
            return s;
        }
        b.settle(Ns(100_000));
    }
    panic!("busy for ever");
}

fn command(b: &mut Bench<PiixIde>, ch: u32, lba: u32, count: u8, c: u8) {
    let head = 0xe0 | lba >> 24 & 15;
    for (at, v) in [
        (6, head),
        (2, count.into()),
        (3, lba),
        (4, lba >> 8),
        (5, lba >> 16),
        (7, c.into()),
    ] {
        b.write(ch, at, 1, u64::from(v & 0xff));
    }
}

fn data_in(b: &mut Bench<PiixIde>, ch: u32, bytes: usize) -> Vec<u8> {
    (0..bytes / 2)
        .flat_map(|_| (b.read(ch, 0, 2) as u16).to_le_bytes())
        .collect()
}

fn data_out(b: &mut Bench<PiixIde>, ch: u32, data: &[u8]) {
    for w in data.chunks(4) {
        b.write(
            ch,
            0,
            4,
            u64::from(u32::from_le_bytes(w.try_into().unwrap())),
        );
    }
}

#[test]
fn identify_and_signature() {
    bench().twice(|b| {
        command(b, 0, 0, 0, 0xec);
        assert_eq!(wait(b, 0), DRDY | DRQ | 0x10);
        assert!(b.irq(0));
        b.read(0, 7, 1);
        assert!(!b.irq(0));
        let id = data_in(b, 0, 512);
        assert_eq!(&id[54..62], b"ITANOM U");
        assert_eq!(u16::from_le_bytes([id[120], id[121]]), 4096);
        assert_eq!(b.read(0, 7, 1) as u8 & DRQ, 0);
        b.write(0, 6, 1, 0xb0);
        assert_eq!(b.read(0, 7, 1), 0, "no slave");
        b.write(1, 6, 1, 0xa0);
        b.write(3, 0, 1, 4);
        b.write(3, 0, 1, 0);
        assert_eq!((b.read(1, 4, 1), b.read(1, 5, 1)), (0x14, 0xeb));
    });
}

#[test]
fn pio_and_multiple() {
    bench().twice(|b| {
        command(b, 0, 10, 3, 0x20);
        for s in 10..13 {
            assert_eq!(wait(b, 0) & DRQ, DRQ);
            b.save_and_load();
            assert_eq!(data_in(b, 0, 512), vec![s; 512]);
        }
        assert_eq!(wait(b, 0) & (DRQ | ERR), 0);
        command(b, 0, 0, 16, 0xc6);
        wait(b, 0);
        command(b, 0, 100, 17, 0xc5);
        assert_eq!(wait(b, 0) & DRQ, DRQ);
        data_out(b, 0, &vec![0x5a; 16 * 512]);
        assert_eq!(wait(b, 0) & DRQ, DRQ);
        data_out(b, 0, &[0x5b; 512]);
        assert_eq!(wait(b, 0) & (DRQ | ERR), 0);
        command(b, 0, 115, 2, 0xc4);
        wait(b, 0);
        let d = data_in(b, 0, 1024);
        assert_eq!((d[0], d[511], d[512], d[1023]), (0x5a, 0x5a, 0x5b, 0x5b));
        command(b, 0, 4095, 2, 0x20);
        assert_eq!(wait(b, 0) & ERR, ERR, "beyond the end");
        command(b, 0, 0, 0, 0xe7);
        assert_eq!(wait(b, 0) & ERR, 0);
    });
}

#[test]
fn bus_master_both_ways() {
    bench().twice(|b| {
        // Two descriptors: 1 KiB at 4000h, 1 KiB at 8000h.
        let table: [u32; 4] = [0x4000, 1024, 0x8000, 0x8000_0000 | 1024];
        for (i, w) in table.iter().enumerate() {
            b.cx.mem[0x1000 + 4 * i..][..4].copy_from_slice(&w.to_le_bytes());
        }
        b.write(BM, 4, 4, 0x1000);
        b.write(BM, 0, 1, 8);
        // Read by the 48-bit command: count and address high bytes first.
        for (at, v) in [
            (2, 0),
            (2, 4),
            (3, 0),
            (4, 0),
            (5, 0),
            (3, 20),
            (4, 0),
            (5, 0),
            (6, 0x40),
        ] {
            b.write(0, at, 1, v);
        }
        b.write(0, 7, 1, 0x25);
        b.write(BM, 0, 1, 9);
        b.save_and_load();
        wait(b, 0);
        assert_eq!(b.read(BM, 2, 1) & 7, 4, "interrupt, not active");
        assert_eq!(
            (b.cx.mem[0x4000], b.cx.mem[0x43ff], b.cx.mem[0x8000]),
            (20, 21, 22)
        );
        b.write(BM, 2, 1, 4);
        b.write(BM, 0, 1, 0);
        b.read(0, 7, 1);
        // Write the same memory back elsewhere.
        command(b, 0, 200, 4, 0xca);
        b.write(BM, 0, 1, 1);
        wait(b, 0);
        b.write(BM, 0, 1, 0);
        command(b, 0, 203, 1, 0x20);
        wait(b, 0);
        assert_eq!(data_in(b, 0, 512), [23; 512]);
        b.read(0, 7, 1);
        b.write(BM, 2, 1, 4);
    });
}

fn packet(b: &mut Bench<PiixIde>, p: &[u8; 12], limit: u16) -> u8 {
    for (at, v) in [
        (6, 0xa0),
        (1, 0),
        (4, limit & 0xff),
        (5, limit >> 8),
        (7, 0xa0),
    ] {
        b.write(1, at, 1, u64::from(v));
    }
    assert_eq!(wait(b, 1) & DRQ, DRQ);
    data_out(b, 1, p);
    wait(b, 1)
}

#[test]
fn packets() {
    bench().twice(|b| {
        let mut inquiry = [0; 12];
        (inquiry[0], inquiry[4]) = (0x12, 36);
        assert_eq!(packet(b, &inquiry, 0x1000) & DRQ, DRQ);
        assert_eq!(b.read(1, 4, 1), 36);
        assert_eq!(&data_in(b, 1, 36)[8..15], b"TINAMOU");
        // A fresh drive reports the disc once.
        if packet(b, &[0; 12], 0) & ERR != 0 {
            let mut sense = [0; 12];
            (sense[0], sense[4]) = (0x03, 18);
            packet(b, &sense, 0x1000);
            assert_eq!(data_in(b, 1, 18)[2], 6);
            assert_eq!(packet(b, &[0; 12], 0) & ERR, 0);
        }
        let mut capacity = [0; 12];
        capacity[0] = 0x25;
        packet(b, &capacity, 0x1000);
        assert_eq!(data_in(b, 1, 8), [0, 0, 0, 63, 0, 0, 8, 0]);
        let read = [0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0, 0, 0];
        assert_eq!(packet(b, &read, 0x800) & DRQ, DRQ);
        for want in [0x85, 0x86] {
            assert_eq!(wait(b, 1) & DRQ, DRQ);
            b.save_and_load();
            assert_eq!(data_in(b, 1, 2048), vec![want; 2048]);
        }
        assert_eq!(wait(b, 1) & (DRQ | ERR), 0);
        let beyond = [0x28, 0, 0, 0, 0, 63, 0, 0, 2, 0, 0, 0];
        assert_eq!(packet(b, &beyond, 0x800) & ERR, ERR);
        assert_eq!(b.read(1, 1, 1) >> 4, 5);
        let toc = [0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
        packet(b, &toc, 0x800);
        assert_eq!(data_in(b, 1, 20)[..4], [0, 18, 1, 1]);
    });
}

#[test]
fn random_pokes_do_no_harm() {
    let mut b = bench();
    let mut x = 0x1234_5678_9abc_def1u64;
    let mut rnd = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    for i in 0..200_000 {
        let (r, v) = (rnd(), rnd());
        let region = (r % 5) as u32;
        let len = [8, 8, 1, 1, 16][region as usize];
        let size = 1 << (r >> 8 & 1) << (r >> 9 & 1);
        if r >> 16 & 1 == 0 {
            b.read(region, (r >> 20) % len, size);
        } else {
            b.write(region, (r >> 20) % len, size, v);
        }
        if i % 16 == 0 {
            b.settle(Ns(1_000_000));
        }
    }
    b.save_and_load();
}
