//! Rings, checksums and segments as the manual's descriptor formats have them.

use super::*;
use crate::testing::{Bench, storm};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn bench() -> Bench<E1000> {
    Bench::new(E1000::new(0, MAC), || E1000::new(0, [0; 6]))
}

fn set(b: &mut Bench<E1000>, at: usize, v: u32) {
    b.write(0, at as u64, 4, v.into());
}
fn get(b: &mut Bench<E1000>, at: usize) -> u32 {
    b.read(0, at as u64, 4) as u32
}

fn up(b: &mut Bench<E1000>) {
    set(b, CTRL, CTRL_RST);
    b.cx.mem[0x1_0000..0x1_2000].fill(0);
    for (at, v) in [
        (TDBAL, 0x1_0000),
        (TDLEN, 128),
        (TCTL, TCTL_EN),
        (RDBAL, 0x1_1000),
        (RDLEN, 128),
        (RDT, 7),
        (RCTL, RCTL_EN | RCTL_BAM),
        (IMS, INT_TXDW | INT_RXT0),
    ] {
        set(b, at, v);
    }
    for i in 0..8 {
        let buffer = 0x2_0000u64 + 0x1000 * i;
        b.cx.mem[0x1_1000 + 16 * i as usize..][..8].copy_from_slice(&buffer.to_le_bytes());
    }
    b.cx.frames.clear();
}

fn desc(b: &mut Bench<E1000>, n: usize, words: [u32; 4]) {
    for (i, w) in words.into_iter().enumerate() {
        b.cx.mem[0x1_0000 + 16 * n + 4 * i..][..4].copy_from_slice(&w.to_le_bytes());
    }
}

fn net(b: &mut Bench<E1000>, to: [u8; 6], n: usize) {
    let mut frame = to.to_vec();
    frame.resize(n, 0x5a);
    b.dev.input(&mut b.cx, Input::Net { port: 0, frame });
}

#[test]
fn sends_in_pieces() {
    bench().twice(|b| {
        up(b);
        b.cx.mem[0x3_0000..0x3_0008].copy_from_slice(b"01234567");
        desc(b, 0, [0x3_0000, 0, 3, 0]);
        desc(b, 1, [0x3_0003, 0, TX_EOP | TX_RS | 5, 0]);
        set(b, TDT, 1);
        b.save_and_load();
        assert!(b.cx.frames.is_empty());
        set(b, TDT, 2);
        assert_eq!(b.cx.frames, [b"01234567".to_vec()]);
        assert_eq!((b.cx.mem[0x1_000c], b.cx.mem[0x1_001c]), (0, 1));
        assert!(b.irq(0));
        assert_eq!(get(b, ICR) & INT_TXDW, INT_TXDW);
        assert!(!b.irq(0));
    });
}

#[test]
fn receives_and_filters() {
    bench().twice(|b| {
        up(b);
        net(b, [2; 6], 100);
        assert!(!b.irq(0));
        net(b, MAC, 100);
        assert!(b.irq(0));
        b.save_and_load();
        // Length with checksum, done, end of packet.
        assert_eq!(b.cx.mem[0x1_1008..0x1_100e], [104, 0, 0, 0, 3, 0]);
        assert_eq!(b.cx.mem[0x2_0000..0x2_0006], MAC);
        for _ in 0..8 {
            net(b, [0xff; 6], 60);
        }
        assert_eq!(get(b, RDH), 7, "the last descriptor is the driver's");
        assert_eq!(get(b, ICR), INT_RXT0 | INT_RXO);
        net(b, [0x01, 0, 0x5e, 0, 0, 1], 60);
        assert_eq!(get(b, ICR), 0);
    });
}

#[test]
fn segments_tcp() {
    let mut b = bench();
    up(&mut b);
    // Ethernet 14, IP 20, TCP 20, then 25 bytes in segments of 10.
    let mut p = vec![0; 14];
    p.extend([
        0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2,
    ]);
    p.extend([
        0, 80, 0, 81, 0, 0, 1, 0, 0, 0, 0, 0, 0x50, 0x19, 16, 0, 0, 0, 0, 0,
    ]);
    // The pseudo header's sum: addresses and protocol.
    let pseudo = [0x0a00u32, 0x020f, 0x0a00, 0x0202, 6].iter().sum::<u32>() as u16;
    p[50..52].copy_from_slice(&pseudo.to_be_bytes());
    p.extend((0..25).map(|i| i as u8));
    b.cx.mem[0x3_0000..][..p.len()].copy_from_slice(&p);
    let context = [14 | 24 << 8 | 33 << 16, 34 | 50 << 8];
    let cmd = TX_DEXT | 7 << 24;
    desc(
        &mut b,
        0,
        [context[0], context[1], cmd | 25, 54 << 8 | 10 << 16],
    );
    let data = TX_DEXT | TX_DATA | TX_TSE | TX_EOP | TX_RS;
    desc(&mut b, 1, [0x3_0000, 0, data | p.len() as u32, 3 << 8]);
    set(&mut b, TDT, 2);
    let f = std::mem::take(&mut b.cx.frames);
    assert_eq!(f.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 59]);
    for (i, f) in f.iter().enumerate() {
        let sum = |d: &[u8], first: u32| {
            let s = d.chunks(2).fold(first, |s, w| {
                s + (u32::from(w[0]) << 8) + u32::from(w.get(1).copied().unwrap_or(0))
            });
            (s & 0xffff) + (s >> 16)
        };
        assert_eq!(f[16..18], ((f.len() - 14) as u16).to_be_bytes());
        assert_eq!(f[19], 0x34 + i as u8, "identification");
        assert_eq!(sum(&f[14..34], 0), 0xffff, "IP checksum");
        let pseudo = u32::from(pseudo) + (f.len() - 34) as u32;
        assert_eq!(sum(&f[34..], pseudo), 0xffff, "TCP checksum");
        assert_eq!(f[41], 10 * i as u8, "sequence number");
        assert_eq!(f[47], if i == 2 { 0x19 } else { 0x10 });
    }
}

#[test]
fn eeprom_and_phy() {
    bench().twice(|b| {
        let mut sum = 0u16;
        for n in 0..64 {
            set(b, EERD, n << 8 | 1);
            let v = get(b, EERD);
            assert_eq!(v & 0x10, 0x10);
            sum = sum.wrapping_add((v >> 16) as u16);
        }
        assert_eq!(sum, 0xbaba);
        set(b, MDIC, 2 << 26 | 1 << 21 | 2 << 16);
        assert_eq!(get(b, MDIC) & 0x1000_ffff, 0x1000_0141);
        set(b, MDIC, 2 << 26 | 2 << 21 | 2 << 16);
        assert_ne!(get(b, MDIC) & 1 << 30, 0);
        // Through the ports.
        b.write(1, 0, 4, STATUS as u64);
        assert_eq!(b.read(1, 4, 4), u64::from(STATUS_VALUE));
    });
}

#[test]
fn storm_does_no_harm() {
    let mut b = bench();
    up(&mut b);
    storm(
        &mut b,
        &[(0, 0x500), (0, 0x2_0000), (1, 8), (0, 0x20)],
        50_000,
    );
    for n in 0..2000u32 {
        set(&mut b, TDBAL, n * 64);
        set(&mut b, TDBAL + 4, 0);
        set(&mut b, TDLEN, 1024);
        set(&mut b, TCTL, TCTL_EN);
        set(&mut b, TDT, n % 64);
        net(&mut b, [0xff; 6], n as usize);
        b.cx.frames.clear();
    }
}
