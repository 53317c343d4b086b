//! Decoders, configuration cycles, timers and DMA.

use tinamou_core::Ns;

use super::*;
use crate::testing::Bench;

fn bench(be: bool) -> Bench<Gt64120> {
    Bench::new(Gt64120::new(be), move || Gt64120::new(be))
}

fn isd(b: &Bench<Gt64120>) -> u64 {
    let mut v = Vec::new();
    b.dev.mappings(&mut v);
    v.iter()
        .find(|m| matches!(m.to, MapTo::Regs { .. }))
        .unwrap()
        .base
}

#[test]
fn registers_move() {
    bench(false).twice(|b| {
        b.write(0, 0x68, 4, 0xdf);
        assert_eq!(isd(b), 0x1be0_0000);
        b.write(0, 0x48, 4, 0xc0);
        b.write(0, 0x50, 4, 0x40);
        assert_eq!(b.read(0, 0xf0, 4), 0xc0);
        let mut v = Vec::new();
        b.dev.mappings(&mut v);
        assert!(
            v.iter()
                .any(|m| m.base == 0x1800_0000 && m.len == 0x20_0000)
        );
    });
    let mut b = bench(true);
    b.write(0, 0x68, 4, 0xdf);
    assert_eq!(
        isd(&b),
        0x1be0_0000,
        "memory order is little-endian on a big-endian CPU"
    );
}

#[test]
fn configuration_cycles() {
    let word = |be: bool, v: u32| u64::from(if be { v.swap_bytes() } else { v });
    for be in [false, true] {
        let mut b = bench(be);
        b.cx.pci.insert((0x50, 0), 0x7110_8086);
        b.cx.pci.insert((0x50, 0x60), 0x0b0b_0a0a);
        // Linux writes the address in little-endian memory order, the data in CPU order.
        b.write(0, 0xcf8, 4, 0x8000_5000);
        assert_eq!(b.read(0, 0xcfc, 4), word(be, 0x7110_8086));
        b.save_and_load();
        b.write(0, 0xcf8, 4, 0x8000_5060);
        b.write(0, 0xcfc, 4, word(be, 0x1234_5678));
        assert_eq!(b.cx.pci[&(0x50, 0x60)], 0x1234_5678);
        b.write(0, 0xcf8, 4, 0x8000_0000);
        assert_eq!(b.read(0, 0xcfc, 4), 0x4620_11ab);
        b.write(0, 0xcf8, 4, 0x8000_f000);
        b.read(0, 0xcfc, 4);
        assert_eq!(
            b.read(0, 0xc18, 4),
            u64::from(CAUSE_MASABORT0 | CAUSE_INTSUM)
        );
        b.write(0, 0xc18, 4, 0);
        assert_eq!(b.read(0, 0xc18, 4), 0);
        b.cx.vector = 0x35;
        assert_eq!(b.read(0, 0xc34, 4), 0x35);
    }
}

const CAUSE: u64 = 0xc18;
const MASK: u64 = 0xc1c;

#[test]
fn timers_count_down_and_interrupt() {
    bench(false).twice(|b| {
        b.write(0, MASK, 4, 1 << 9);
        // Timer/counter 1 as a counter of 100 ticks, 0 as a timer of 50.
        b.write(0, 0x854, 4, 0xff00_0064);
        b.write(0, 0x850, 4, 50);
        assert_eq!(b.read(0, 0x854, 4), 100);
        b.write(0, 0x864, 4, 0b0111);
        let start = b.cx.now.0;
        b.advance(Ns(start + 300));
        assert_eq!((b.read(0, 0x854, 4), b.read(0, 0x850, 4)), (70, 20));
        b.advance(Ns(start + 990));
        assert_eq!(b.read(0, CAUSE, 4), 0x101, "the timer's, with the sum");
        assert!(!b.irq(0));
        b.write(0, CAUSE, 4, 0);
        b.advance(Ns(start + 1000));
        assert_eq!(b.read(0, CAUSE, 4), 0x4000_0301);
        assert!(b.irq(0));
        assert_eq!((b.read(0, 0x854, 4), b.read(0, 0x850, 4)), (0, 50));
        b.write(0, CAUSE, 4, !0x300);
        assert!(!b.irq(0));
        b.advance(Ns(start + 1_000_000));
        assert_eq!(
            b.read(0, CAUSE, 4),
            0x101,
            "a counter stops, a timer does not"
        );
        // Stopped, it keeps its count; enabled again, it goes on.
        b.write(0, 0x850, 4, 1000);
        b.advance(Ns(start + 1_004_000));
        b.write(0, 0x864, 4, 0b0010);
        b.advance(Ns(start + 1_100_000));
        assert_eq!(b.read(0, 0x850, 4), 600);
        b.write(0, 0x864, 4, 0b0011);
        b.write(0, CAUSE, 4, 0);
        b.advance(Ns(start + 1_105_990));
        assert_eq!(b.read(0, CAUSE, 4), 0);
        b.advance(Ns(start + 1_106_000));
        assert_eq!(b.read(0, CAUSE, 4), 0x101);
        b.write(0, 0x864, 4, 0);
        b.write(0, CAUSE, 4, 0);
        b.write(0, 0x850, 4, 0);
        b.write(0, 0x864, 4, 3);
        b.advance(Ns(start + 2_000_000));
        assert_eq!(b.read(0, CAUSE, 4), 0, "zero counts nothing");
        b.write(0, 0x864, 4, 0);
    });
}

/// Block transfer, channel enabled, bursts of 8 bytes.
const GO: u64 = 1 << 12 | 1 << 11;

#[test]
fn dma_moves_blocks_and_follows_chains() {
    bench(true).twice(|b| {
        for (i, m) in b.cx.mem[0x1000..0x1100].iter_mut().enumerate() {
            *m = i as u8;
        }
        b.cx.mem[0x2000..0x5000].fill(0);
        b.write(0, 0x800, 4, 100);
        b.write(0, 0x810, 4, 0x1003);
        b.write(0, 0x820, 4, 0x2001);
        b.write(0, 0x840, 4, GO | 1 << 9);
        assert_eq!(b.read(0, 0x840, 4), GO | 1 << 9 | 1 << 14);
        b.save_and_load();
        b.settle(Ns(1_000_000));
        assert_eq!(b.read(0, 0x840, 4), 1 << 11 | 1 << 9);
        assert_eq!(b.cx.mem[0x2001..0x2065], b.cx.mem[0x1003..0x1067]);
        assert_eq!(b.cx.mem[0x2065], 0);
        assert_eq!(b.read(0, CAUSE, 4), 0x11);
        b.write(0, CAUSE, 4, 0);
        // Two records on channel 3; the second holds its source.
        let records: [u32; 8] = [16, 0x1010, 0x3000, 0x4010, 32, 0x1020, 0x3100, 0];
        for (i, w) in records.into_iter().enumerate() {
            b.cx.mem[0x4000 + 4 * i..][..4].copy_from_slice(&w.to_le_bytes());
        }
        b.write(0, 0x83c, 4, 0x4000);
        b.write(0, 0x84c, 4, GO | 1 << 13 | 1 << 10);
        b.settle(Ns(1_000_000));
        assert_eq!(b.cx.mem[0x3000..0x3010], b.cx.mem[0x1010..0x1020]);
        assert_eq!(b.cx.mem[0x3100..0x3120], b.cx.mem[0x1020..0x1040]);
        assert_eq!(b.read(0, CAUSE, 4), 0x81);
        b.write(0, CAUSE, 4, 0);
        // Held source, destination downwards, bursts of one byte.
        b.write(0, 0x804, 4, 4);
        b.write(0, 0x814, 4, 0x1007);
        b.write(0, 0x824, 4, 0x3203);
        b.write(0, 0x844, 4, GO | 1 << 9 | 5 << 6 | 1 << 4 | 2 << 2);
        b.settle(Ns(1_000_000));
        assert_eq!(b.cx.mem[0x3200..0x3204], [7; 4]);
        assert_eq!(b.read(0, 0x824, 4), 0x31ff);
        b.write(0, CAUSE, 4, 0);
        // No memory there; aborted; without requests.
        b.write(0, 0x808, 4, 8);
        b.write(0, 0x818, 4, 0xffff_fff0);
        b.write(0, 0x848, 4, GO | 1 << 9);
        b.settle(Ns(1_000_000));
        assert_eq!(b.read(0, CAUSE, 4), 0x45);
        b.write(0, CAUSE, 4, 0);
        b.write(0, 0x818, 4, 0x1000);
        b.write(0, 0x808, 4, 8);
        b.write(0, 0x848, 4, GO | 1 << 9);
        b.write(0, 0x848, 4, 1 << 20);
        b.write(0, 0x844, 4, 1 << 12);
        b.write(0, 0x844, 4, 0);
        b.settle(Ns(1_000_000));
        assert_eq!(b.read(0, CAUSE, 4), 0);
    });
}
