//! Rings in both styles, interrupts, the filter.

use super::*;
use crate::testing::Bench;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn bench() -> Bench<Pcnet> {
    Bench::new(Pcnet::new(0, MAC), || Pcnet::new(0, [0; 6]))
}

fn csr(b: &mut Bench<Pcnet>, n: u64, v: u64) {
    b.write(0, 0x14, 4, n);
    b.write(0, 0x10, 4, v);
}
fn get(b: &mut Bench<Pcnet>, n: u64) -> u64 {
    b.write(0, 0x14, 4, n);
    b.read(0, 0x10, 4)
}
fn poke(b: &mut Bench<Pcnet>, at: usize, words: &[u32]) {
    for (i, w) in words.iter().enumerate() {
        b.cx.mem[at + 4 * i..][..4].copy_from_slice(&w.to_le_bytes());
    }
}
fn peek(b: &Bench<Pcnet>, at: usize) -> u32 {
    u32::from_le_bytes(b.cx.mem[at..at + 4].try_into().unwrap())
}

fn frame(to: [u8; 6]) -> Vec<u8> {
    let mut f = to.to_vec();
    f.extend(0..94);
    f
}

/// Rings of two at 2000h (receive) and 3000h (transmit) in style 2 or 3.
fn start(b: &mut Bench<Pcnet>, style: u64) {
    b.read(0, 0x18, 4); // reset
    b.write(0, 0x10, 4, 0); // double words from here on
    csr(b, 58, style);
    poke(
        b,
        0x1000,
        &[0x1010_0000, 0x1200_5452, 0x5634, 0, 0, 0x2000, 0x3000],
    );
    let order = |a: u32, f: u32| {
        if style == 3 {
            [0, f, a, 0]
        } else {
            [a, f, 0, 0]
        }
    };
    for i in 0..2 {
        poke(
            b,
            0x2000 + 16 * i,
            &order(0x8000 + 0x800 * i as u32, 0x8000_f000 | (0x1000 - 64)),
        );
        poke(b, 0x3000 + 16 * i, &order(0, 0));
    }
    csr(b, 1, 0x1000);
    csr(b, 2, 0);
    csr(b, 0, 1);
    assert_eq!(get(b, 0) & 0x0181, 0x0181);
    csr(b, 0, 0x142);
    assert_eq!(get(b, 0), 0x73);
}

#[test]
fn prom_and_identity() {
    bench().twice(|b| {
        let mac: Vec<u8> = (0..6).map(|i| b.read(0, i, 1) as u8).collect();
        assert_eq!(mac, MAC);
        assert_eq!(b.dev.pci_read(&mut b.cx, 0, 0, 4), 0x2000_1022);
    });
}

#[test]
fn sends_and_receives() {
    for style in [2, 3] {
        bench().twice(|b| {
            start(b, style);
            // One frame in two pieces.
            b.cx.mem[0x9000..0x900a].copy_from_slice(b"0123456789");
            let order = |a: u32, f: u32| {
                if style == 3 {
                    [0, f, a, 0]
                } else {
                    [a, f, 0, 0]
                }
            };
            poke(b, 0x3000, &order(0x9000, OWN_STP | (0x1000 - 6)));
            poke(b, 0x3010, &order(0x9006, OWN_ENP | (0x1000 - 4)));
            b.save_and_load();
            csr(b, 0, 0x48);
            assert_eq!(std::mem::take(&mut b.cx.frames), [b"0123456789".to_vec()]);
            assert!(b.irq(0));
            assert_eq!(peek(b, 0x3004) >> 31, 0);
            csr(b, 0, 0x240);
            assert!(!b.irq(0));
            // 100 bytes and a checksum fill one buffer of 64 and part of the next.
            b.dev.receive(&mut b.cx, &frame([1; 6]));
            assert!(!b.irq(0), "filtered");
            b.dev.receive(&mut b.cx, &frame(MAC));
            assert!(b.irq(0));
            assert_eq!(peek(b, 0x2004) >> 24, 0x02);
            assert_eq!(peek(b, 0x2014) >> 24, 0x01);
            assert_eq!(peek(b, if style == 3 { 0x2010 } else { 0x2018 }), 104);
            assert_eq!(b.cx.mem[0x8000..0x8006], MAC);
            b.dev.receive(&mut b.cx, &frame([0xff; 6]));
            assert_eq!(get(b, 0) & 0x9000, 0x9000, "missed: no descriptor");
            csr(b, 0, 4);
            assert!(!b.irq(0));
        });
    }
}

const OWN_STP: u32 = 0x8200_f000;
const OWN_ENP: u32 = 0x8100_f000;

#[test]
fn random_pokes_do_no_harm() {
    let mut b = bench();
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    for i in 0..100_000u64 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        let size = 1 << (x >> 8 & 1) << (x >> 9 & 1);
        let at = ((x >> 20) % 0x20) & !(size - 1);
        if x & 1 == 0 {
            b.read(0, at, size as u32);
        } else {
            b.write(
                0,
                at,
                size as u32,
                x >> 32 & if i % 3 == 0 { 0xffff } else { 0x7f },
            );
        }
        if i % 64 == 0 {
            b.dev.receive(&mut b.cx, &frame([0xff; 6]));
        }
    }
    b.save_and_load();
}
