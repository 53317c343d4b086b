//! Kernel and firmware loading.

use tinamou_core::{Gpa, PhysBus};

use super::boot::{ImageError, Kernel, load_firmware, load_kernel};
use crate::bus::{Bus, VecRam};
use crate::devices::BoardConfig;
use crate::image::{OpenError, arch, tests as images};

fn bus(big_endian: bool) -> Bus {
    let config = BoardConfig {
        ram_bytes: 16 << 20,
        big_endian,
        ..BoardConfig::default()
    };
    super::new(config, Box::new(VecRam::default())).unwrap()
}

/// A 32-bit MIPS ELF file with one segment at 80100000h.
fn elf(big_endian: bool, memsz: u32, paddr: u32) -> Vec<u8> {
    let mut f = vec![0x7f, b'E', b'L', b'F', 1, if big_endian { 2 } else { 1 }, 1];
    f.resize(16, 0);
    let mut put = |v: u32, n: usize| {
        let b = if big_endian {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        };
        f.extend_from_slice(if big_endian { &b[4 - n..] } else { &b[..n] });
    };
    for (v, n) in [
        (2, 2),
        (8, 2),
        (1, 4),
        (0x8010_0004, 4),
        (52, 4),
        (0, 4),
        (0, 4),
        (52, 2),
        (32, 2),
        (1, 2),
        (0, 2),
        (0, 2),
        (0, 2),
    ] {
        put(v, n);
    }
    for v in [1, 84, 0x8010_0000, paddr, 4, memsz, 7, 4] {
        put(v, 4);
    }
    f.extend_from_slice(b"\x11\x22\x33\x44");
    f
}

fn kernel<'a>(image: &'a [u8], initrd: Option<&'a [u8]>) -> Kernel<'a> {
    Kernel {
        image,
        name: "vmlinux",
        initrd,
        cmdline: "console=ttyS0",
        dtb: None,
    }
}

fn bytes(b: &Bus, at: u64, n: usize) -> Vec<u8> {
    let mut v = vec![0; n];
    assert!(b.read_memory(Gpa(at), &mut v));
    v
}

fn string(b: &Bus, be: bool, slot: u64) -> String {
    let p = bytes(b, 0x2000 + 4 * slot, 4).try_into().unwrap();
    let p = if be {
        u32::from_be_bytes(p)
    } else {
        u32::from_le_bytes(p)
    };
    if p == 0 {
        return "(null)".into();
    }
    let s = bytes(b, u64::from(p & 0x1fff_ffff), 256);
    let end = s.iter().position(|c| *c == 0).unwrap();
    String::from_utf8(s[..end].to_vec()).unwrap()
}

#[test]
fn kernel_and_environment() {
    for be in [false, true] {
        let mut b = bus(be);
        let f = elf(be, 0x1000, 0x8010_0000);
        let l = load_kernel(&mut b, &kernel(&f, Some(&[7; 100]))).unwrap();
        assert_eq!(
            (l.entry, l.end, l.is_64),
            (0xffff_ffff_8010_0004, 0x10_1000, false)
        );
        for _ in 0..2 {
            assert_eq!(bytes(&b, 0x10_0000, 6), [0x11, 0x22, 0x33, 0x44, 0, 0]);
            let want = [
                "vmlinux",
                "rd_start=0xffffffff80fd0000 rd_size=100 console=ttyS0",
                "memsize",
                "16777216",
                "ememsize",
                "16777216",
                "modetty0",
                "38400n8r",
                "(null)",
            ];
            for (i, w) in want.into_iter().enumerate() {
                assert_eq!(string(&b, be, i as u64), w);
            }
            assert_eq!(bytes(&b, 0xfd_0000, 3), [7, 7, 7]);
            // A reset brings it back.
            b.write_memory(Gpa(0x10_0000), &[0; 64]);
            b.write_memory(Gpa(0x2000), &[0; 64]);
            b.reset();
        }
        let first = b.read(Gpa(0x1fc0_0000), 4).unwrap() as u32;
        assert_eq!(
            if be { first.swap_bytes() } else { first },
            0x1000_015f,
            "b 580h"
        );
        let rev = b.read(Gpa(0x1fc0_0010), 4).unwrap() as u32;
        assert_eq!(if be { rev.swap_bytes() } else { rev }, 0x420);
    }
}

#[test]
fn wrapped_kernels() {
    let f = elf(false, 0x1000, 0x8010_0000);
    let mut b = bus(false);
    let mut load = |image: &[u8]| load_kernel(&mut b, &kernel(image, None));
    let plain = load(&f).unwrap();
    assert_eq!(load(&images::gzip(&f)).unwrap(), plain);
    let raw = load(&images::gzip(b"raw!")).unwrap();
    assert_eq!((raw.entry, raw.end), (0xffff_ffff_8010_0000, 0x10_0004));
    let u = images::uimage(arch::MIPS64, 0, 0x8020_0000, 0x8020_0800, &[9; 100]);
    let raw = load(&u).unwrap();
    assert_eq!((raw.entry, raw.end), (0xffff_ffff_8020_0800, 0x20_0064));
    assert_eq!(bytes(&b, 0x20_0000, 100), [9; 100]);
    let mut load = |image: &[u8]| load_kernel(&mut b, &kernel(image, None));
    let below = images::uimage(arch::MIPS, 0, 0x8000_0000, 0x8000_0000, &[9; 100]);
    assert!(matches!(load(&below), Err(ImageError::Segment { .. })));
    let beyond = images::uimage(arch::MIPS, 0, 0xffff_ffff, 0, &[9; 100]);
    assert!(matches!(load(&beyond), Err(ImageError::Segment { .. })));
    let kind = OpenError::Kind {
        what: "processor",
        value: 2,
    };
    assert_eq!(
        load(&images::uimage(2, 0, 0, 0, &[])),
        Err(ImageError::Open(kind))
    );
    for n in 0..u.len() {
        let mut bad = u.clone();
        bad[n] ^= 0xff;
        assert!(load(&bad).is_err() && load(&u[..n]).is_err(), "{n}");
    }
}

#[test]
fn a_device_tree_is_handed_over() {
    let f = elf(false, 0x1000, 0x8010_0000);
    let mut tree = vec![9; 100];
    tree[..8].copy_from_slice(&[0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 100]);
    let mut b = bus(false);
    let mut load = |dtb: &[u8]| {
        let with = Kernel {
            dtb: Some(dtb),
            ..kernel(&f, None)
        };
        load_kernel(&mut b, &with).map(|_| ())
    };
    for n in [0, 7, 99] {
        assert_eq!(load(&tree[..n]), Err(ImageError::Tree(n as u64)));
    }
    let mut huge = vec![0; 16 << 20];
    huge[..8].copy_from_slice(&[0xd0, 0x0d, 0xfe, 0xed, 1, 0, 0, 0]);
    assert_eq!(load(&huge), Err(ImageError::Tree(16 << 20)));
    load(&tree).unwrap();
    assert_eq!(bytes(&b, 0x11_0000, 100), tree);
    // lui and ori of a0 and a1 in the boot ROM's program.
    let code = bytes(&b, 0x1fc0_0580, 1024);
    for insn in [0x3c04_ffffu32, 0x3484_fffe, 0x3c05_8011, 0x34a5_0000] {
        let insn = insn.to_le_bytes();
        assert!(code.chunks(4).any(|w| w == insn), "{insn:x?}");
    }
}

#[test]
fn wrong_kernels_are_refused() {
    let mut b = bus(false);
    let mut check = |f: &[u8]| load_kernel(&mut b, &kernel(f, None)).unwrap_err();
    assert!(matches!(
        check(&elf(true, 16, 0x8010_0000)),
        ImageError::Endian("big")
    ));
    assert!(matches!(check(b"hello"), ImageError::Elf(_)));
    assert!(matches!(
        check(&elf(false, 16, 0x8200_0000)),
        ImageError::Segment { .. }
    ));
    assert!(matches!(
        check(&elf(false, u32::MAX, 0x8010_0000)),
        ImageError::Segment { .. }
    ));
    assert!(matches!(
        check(&elf(false, 16, 0x8000_0000)),
        ImageError::Segment { .. }
    ));
    let mut f = elf(false, 16, 0x8010_0000);
    f[18] = 3;
    assert!(matches!(check(&f), ImageError::Machine(3)));
    let good = elf(false, 16, 0x8010_0000);
    for n in 0..good.len() {
        assert!(load_kernel(&mut b, &kernel(&good[..n], None)).is_err());
        let mut bad = good.clone();
        bad[n] ^= 0xff;
        let _ = load_kernel(&mut b, &kernel(&bad, None));
    }
    let big = vec![0; 15 << 20];
    let e = load_kernel(&mut b, &kernel(&good, Some(&big))).unwrap_err();
    assert!(matches!(e, ImageError::Initrd(_)));
}

#[test]
fn firmware_words_are_swapped_on_little_endian() {
    for (be, want) in [
        (false, [4, 3, 2, 1, 0, 0, 6, 5]),
        (true, [1, 2, 3, 4, 5, 6, 0, 0]),
    ] {
        let mut b = bus(be);
        load_firmware(&mut b, &[1, 2, 3, 4, 5, 6]).unwrap();
        for at in [0x1fc0_0000, 0x1e00_0000] {
            assert_eq!(b.read(Gpa(at), 8).unwrap().to_le_bytes(), want);
        }
    }
    assert!(load_firmware(&mut bus(true), &vec![0; 5 << 20]).is_err());
}
