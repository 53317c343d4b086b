//! Commands byte by byte, as the data sheet's command tables have them.

use super::*;
use crate::block::raw::memory_disk;
use crate::testing::{Bench, storm};

fn bench() -> Bench<Floppy> {
    let make = || Floppy::new([Some(0), Some(1)]);
    let mut b = Bench::new(make(), make);
    let image = (0..2880 * 512).map(|i| (i / 512 % 251) as u8).collect();
    b.cx.disks = vec![Some(Box::new(memory_disk(image))), None];
    b
}

fn command(b: &mut Bench<Floppy>, bytes: &[u8]) {
    for c in bytes {
        assert_eq!(b.read(0, 4, 1) & 0xc0, 0x80, "ready for a command byte");
        b.write(0, 5, 1, u64::from(*c));
    }
}

fn results(b: &mut Bench<Floppy>) -> Vec<u8> {
    let mut out = Vec::new();
    while b.read(0, 4, 1) & 0xd0 == 0xd0 {
        out.push(b.read(0, 5, 1) as u8);
    }
    out
}

fn start(b: &mut Bench<Floppy>) {
    b.write(0, 2, 1, 0);
    b.write(0, 2, 1, 0x1c);
    assert!(b.irq(0));
    for n in 0..4 {
        command(b, &[8]);
        assert_eq!(results(b)[0], 0xc0 | n);
    }
    assert!(!b.irq(0));
    command(b, &[8]);
    assert_eq!(results(b), [0x80]);
    command(b, &[3, 0xaf, 0x02]); // DMA
}

fn seek(b: &mut Bench<Floppy>, to: u8) {
    command(b, &[0x0f, 0, to]);
    b.settle(Ns(1_000_000));
    assert!(b.irq(0));
    command(b, &[8]);
    assert_eq!(results(b), [0x20, to]);
}

#[test]
fn reads_by_dma() {
    bench().twice(|b| {
        start(b);
        command(b, &[0x07, 0]);
        b.settle(Ns(1_000_000));
        command(b, &[8]);
        assert_eq!(results(b), [0x20, 0]);
        seek(b, 3);
        assert_eq!(b.read(1, 0, 1), 0, "no disk change after a step");
        (b.cx.isa_at, b.cx.isa_left) = (0x5000, 3 * 512);
        command(b, &[0xe6, 0, 3, 0, 17, 2, 18, 0x1b, 0xff]);
        b.save_and_load();
        b.settle(Ns(100_000_000));
        assert!(b.irq(0));
        // Sectors 17 and 18 of head 0, then 1 of head 1; the next is head 1 sector 2.
        let lba = 3 * 36 + 16;
        for i in 0..3 {
            assert_eq!(b.cx.mem[0x5000 + 512 * i], (lba + i) as u8);
        }
        assert_eq!(results(b), [0, 0, 0, 3, 1, 2, 2]);
        assert!(!b.irq(0));
    });
}

#[test]
fn writes_and_formats() {
    bench().twice(|b| {
        start(b);
        seek(b, 0);
        b.cx.mem[0x6000..0x6200].fill(0x77);
        (b.cx.isa_at, b.cx.isa_left) = (0x6000, 512);
        command(b, &[0x45, 4, 0, 1, 5, 2, 18, 0x1b, 0xff]);
        b.settle(Ns(100_000_000));
        assert_eq!(results(b), [4, 0, 0, 0, 1, 6, 2]);
        (b.cx.isa_at, b.cx.isa_left) = (0x7000, 512);
        command(b, &[0x46, 4, 0, 1, 5, 2, 18, 0x1b, 0xff]);
        b.settle(Ns(100_000_000));
        assert_eq!(results(b)[..3], [4, 0, 0]);
        assert_eq!(b.cx.mem[0x7000..0x7200], [0x77; 512]);
        seek(b, 79);
        (b.cx.isa_at, b.cx.isa_left) = (0x6000, 72);
        command(b, &[0x4d, 0, 2, 18, 0x54, 0xf6]);
        b.settle(Ns(100_000_000));
        assert_eq!(results(b)[..3], [0, 0, 0]);
        (b.cx.isa_at, b.cx.isa_left) = (0x7000, 512);
        command(b, &[0x46, 0, 79, 0, 18, 2, 18, 0x1b, 0xff]);
        b.settle(Ns(100_000_000));
        assert_eq!(b.cx.mem[0x7000..0x7200], [0xf6; 512]);
        results(b);
    });
}

#[test]
fn reads_by_program() {
    bench().twice(|b| {
        start(b);
        command(b, &[3, 0xaf, 0x03]);
        seek(b, 0);
        command(b, &[0x46, 0, 0, 0, 2, 2, 2, 0x1b, 0xff]);
        b.settle(Ns(100_000_000));
        for _ in 0..512 {
            assert_eq!(b.read(0, 4, 1), 0xf0);
            assert_eq!(b.read(0, 5, 1), 1);
        }
        assert_eq!(results(b)[..2], [0x40, 0x80], "end of cylinder");
    });
}

#[test]
fn refusals() {
    bench().twice(|b| {
        start(b);
        seek(b, 0);
        command(b, &[0x46, 0, 5, 0, 2, 2, 2, 0x1b, 0xff]); // another cylinder
        assert_eq!(results(b)[..2], [0x40, 4]);
        command(b, &[0x46, 0, 0, 0, 19, 2, 19, 0x1b, 0xff]);
        assert_eq!(results(b)[..2], [0x40, 4]);
        command(b, &[0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff]); // empty drive
        assert_eq!(results(b)[..2], [0x41, 1]);
        command(b, &[0x10]);
        assert_eq!(results(b), [0x90]);
        command(b, &[0x1f]);
        assert_eq!(results(b), [0x80]);
        b.dev.input(&mut b.cx, Input::DiskChanged { slot: 0 });
        assert_eq!(b.read(1, 0, 1), 0x80);
    });
    storm(&mut bench(), &[(0, 6), (1, 1)], 100_000);
}
