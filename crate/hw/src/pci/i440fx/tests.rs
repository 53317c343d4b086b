//! What is seen where, and configuration cycles. Expected values are those of the data sheet's register descriptions.

use super::*;
use crate::testing::{Bench, storm};
use tinamou_core::MachineRequest;

fn bench() -> Bench<I440fx> {
    let make = || I440fx::new(BlockId(0), 64 * MIB, BlockId(1), 256 << 10);
    let mut b = Bench::new(make(), make);
    b.cx.blocks = vec![vec![0; 2 << 20], vec![0xb0; 256 << 10]];
    b
}

fn cfg(b: &mut Bench<I440fx>, reg: u8, v: u8) {
    b.write(CONFIG, 0, 4, 0x8000_0000 | u64::from(reg & 0xfc));
    b.write(CONFIG, 4 + u64::from(reg & 3), 1, u64::from(v));
}

/// What is at an address: the winner among the mappings of the system space.
fn at(b: &Bench<I440fx>, a: u64) -> MapTo {
    let mut m = Vec::new();
    b.dev.mappings(&mut m);
    let over = m.iter().filter(|m| a >= m.base && a - m.base < m.len);
    over.max_by_key(|m| m.priority).unwrap().to
}

fn ram(to: MapTo) -> Option<bool> {
    match to {
        MapTo::Block {
            block: BlockId(0),
            writable,
            ..
        } => Some(writable),
        _ => None,
    }
}

#[test]
fn attributes_of_segments() {
    bench().twice(|b| {
        for reg in 0x59..0x60 {
            cfg(b, reg, 0);
        }
        let MapTo::Block { block, offset, .. } = at(b, 0xf_fff0) else {
            panic!("no firmware")
        };
        assert_eq!(
            (block, offset),
            (BlockId(1), 0x3_0000),
            "F0000h: its last 64 KiB"
        );
        assert!(matches!(at(b, 0xc_0000), MapTo::Window { .. }));
        cfg(b, 0x59, 0x10);
        assert_eq!(ram(at(b, 0xf_0000)), Some(false));
        b.save_and_load();
        cfg(b, 0x59, 0x30);
        assert_eq!(ram(at(b, 0xf_ffff)), Some(true));
        cfg(b, 0x5a, 0x03); // C0000h only
        assert_eq!(ram(at(b, 0xc_3fff)), Some(true));
        assert_eq!(ram(at(b, 0xc_4000)), None);
        cfg(b, 0x5f, 0x20); // EC000h: write only
        let MapTo::Regs { region, .. } = at(b, 0xe_c000) else {
            panic!("not a register region")
        };
        assert_eq!(b.read(region, 4, 1), 0xb0, "reads come from the firmware");
        b.write(region, 4, 2, 0x1234);
        assert_eq!(b.cx.blocks[0][0xe_c004..0xe_c006], [0x34, 0x12]);
    });
}

#[test]
fn smram_opens_and_locks() {
    bench().twice(|b| {
        b.dev.reset(&mut b.cx);
        let video = |b: &Bench<I440fx>| matches!(at(b, 0xa_0000), MapTo::Window { .. });
        assert!(video(b));
        cfg(b, 0x72, 0x4a);
        assert_eq!(ram(at(b, 0xa_0000)), Some(true));
        cfg(b, 0x72, 0x1a); // locked, closed
        assert!(video(b));
        cfg(b, 0x72, 0x4a);
        assert!(video(b), "locked");
        b.save_and_load();
        b.dev.irq_in(&mut b.cx, SMIACT, true);
        assert_eq!(ram(at(b, 0xb_ffff)), Some(true));
        b.dev.irq_in(&mut b.cx, SMIACT, false);
        assert!(video(b));
    });
}

#[test]
fn size_of_memory() {
    bench().twice(|b| {
        assert_eq!(ram(at(b, 0x10_0000)), Some(true));
        assert_eq!(ram(at(b, 64 * MIB - 1)), Some(true));
        assert_eq!(ram(at(b, 64 * MIB)), None);
    });
    let big = I440fx::new(BlockId(0), 4 * GIB, BlockId(1), 256 << 10);
    let mut m = Vec::new();
    big.mappings(&mut m);
    let high = m.iter().find(|m| m.base == 4 * GIB).unwrap();
    assert_eq!(high.len, GIB);
}

#[test]
fn configuration_cycles() {
    bench().twice(|b| {
        b.write(CONFIG, 0, 4, 0x8000_0000);
        assert_eq!(b.read(CONFIG, 4, 4), 0x1237_8086);
        assert_eq!(b.read(CONFIG, 6, 2), 0x1237);
        b.cx.pci.insert((0x0a, 8), 0x0102_0304);
        b.write(CONFIG, 0, 4, 0x8000_0a08);
        assert_eq!(b.read(CONFIG, 4, 4), 0x0102_0304);
        assert_eq!(b.read(CONFIG, 7, 1), 0x01);
        assert_eq!(b.read(CONFIG, 5, 2), 0x0203, "across a byte");
        b.write(CONFIG, 0, 4, 0x0000_0a08);
        assert_eq!(b.read(CONFIG, 4, 4), 0xffff_ffff, "not enabled");
        b.write(CONFIG, 0, 4, 0x8001_0000);
        assert_eq!(b.read(CONFIG, 4, 4), 0xffff_ffff, "no other bus");
        b.write(CONFIG, 1, 1, 6);
        assert_eq!(std::mem::take(&mut b.cx.requests), [MachineRequest::Reset]);
        assert_eq!(b.read(CONFIG, 1, 1), 2);
    });
    storm(
        &mut bench(),
        &[(0, 8), (0, 8), (16, 0x4000), (30, 9)],
        20_000,
    );
}
