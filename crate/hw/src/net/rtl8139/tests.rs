//! A driver's steps, as the data sheet's programming notes have them.

use super::*;
use crate::testing::{Bench, storm};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn bench() -> Bench<Rtl8139> {
    Bench::new(Rtl8139::new(0, MAC), || Rtl8139::new(0, [0; 6]))
}

fn up(b: &mut Bench<Rtl8139>) {
    b.write(0, 0x37, 1, 0x10);
    b.write(0, 0x30, 4, 0x1_0000);
    b.write(0, 0x44, 4, 0x0a); // own address and broadcasts, 8 KiB
    b.write(0, 0x37, 1, 0x0c);
    b.write(0, 0x3c, 2, 0x5);
}

fn net(b: &mut Bench<Rtl8139>, to: [u8; 6], n: usize) {
    let mut frame = to.to_vec();
    frame.resize(n, 0x5a);
    b.dev.input(&mut b.cx, Input::Net { port: 0, frame });
}

#[test]
fn sends_by_descriptors() {
    bench().twice(|b| {
        up(b);
        b.cx.mem[0x8000..0x8040].fill(7);
        b.write(0, 0x24, 4, 0x8000);
        b.write(0, 0x14, 4, 64);
        assert_eq!(std::mem::take(&mut b.cx.frames), [vec![7; 64]]);
        assert_eq!(b.read(0, 0x14, 4) & 0xa000, 0xa000);
        assert_eq!(b.read(0, 0x60, 2), 0x200f);
        assert!(b.irq(0));
        b.save_and_load();
        assert_eq!(b.read(0, 0x3e, 2), 4);
        b.write(0, 0x3e, 2, 4);
        assert!(!b.irq(0));
    });
}

#[test]
fn receives_into_the_ring() {
    bench().twice(|b| {
        up(b);
        assert_eq!(b.read(0, 0x37, 1) & 1, 1, "empty");
        net(b, [2; 6], 100);
        assert_eq!(b.read(0, 0x37, 1) & 1, 1, "not for us");
        net(b, MAC, 100);
        assert!(b.irq(0));
        assert_eq!(b.read(0, 0x37, 1) & 1, 0);
        // Status, length with checksum, the frame.
        assert_eq!(
            b.cx.mem[0x1_0000..0x1_0006],
            [0x01, 0x40, 104, 0, 0x52, 0x54]
        );
        assert_eq!(b.read(0, 0x3a, 2), 108);
        b.save_and_load();
        net(b, [0xff; 6], 20);
        assert_eq!(b.cx.mem[0x1_006c..0x1_0070], [0x01, 0x20, 64, 0]);
        b.write(0, 0x38, 2, 108 + 68 - 16);
        assert_eq!(b.read(0, 0x37, 1) & 1, 1);
        b.write(0, 0x3e, 2, 0xffff);
        // Fill it: the frame that has no room is missed.
        for _ in 0..8 {
            net(b, MAC, 1500);
        }
        assert_eq!(b.read(0, 0x3e, 2), 0x11);
        assert_ne!(b.read(0, 0x4c, 4), 0);
    });
}

#[test]
fn eeprom_holds_the_address() {
    bench().twice(|b| {
        let mut word = |at: u32| {
            b.write(0, 0x50, 1, 0x80);
            b.write(0, 0x50, 1, 0x88);
            for i in (0..11).rev() {
                let d = if (6 << 6 | at) >> i & 1 != 0 { 2 } else { 0 };
                b.write(0, 0x50, 1, 0x88 | d);
                b.write(0, 0x50, 1, 0x8c | d);
            }
            let mut v = 0;
            for _ in 0..16 {
                b.write(0, 0x50, 1, 0x88);
                b.write(0, 0x50, 1, 0x8c);
                v = v << 1 | b.read(0, 0x50, 1) & 1;
            }
            b.write(0, 0x50, 1, 0);
            v
        };
        assert_eq!(
            [0, 7, 8, 9].map(&mut word),
            [0x8129, 0x5452, 0x1200, 0x5634]
        );
    });
}

#[test]
fn timer_and_storm() {
    bench().twice(|b| {
        up(b);
        b.write(0, 0x3c, 2, 0x4000);
        b.write(0, 0x48, 4, 0);
        b.write(0, 0x54, 4, 33_000);
        b.settle(Ns(999_000));
        assert!(!b.irq(0));
        b.settle(Ns(2_000));
        assert!(b.irq(0));
    });
    let mut b = bench();
    storm(&mut b, &[(0, 0x100), (0, 0x60)], 100_000);
    for n in 0..2000 {
        net(&mut b, [0xff; 6], n);
    }
}
