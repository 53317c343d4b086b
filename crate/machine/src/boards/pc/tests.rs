//! The board on its bus, without a CPU: who answers where, interrupts' ways, kernels' places.

use tinamou_core::{Frame, Gpa, Input, Loader, Ns, PhysBus, RamPage, Saver};

use super::boot::{ImageError, Kernel, Protocol, load_kernel};
use super::*;
use crate::bus::VecRam;

fn config() -> BoardConfig {
    BoardConfig {
        ram_bytes: 32 * MIB,
        ..BoardConfig::default()
    }
}

fn bus_of(c: BoardConfig) -> Bus {
    new(c, Box::new(VecRam::default())).unwrap()
}

fn bus() -> Bus {
    bus_of(config())
}

fn outp(b: &mut Bus, port: u64, size: u32, v: u64) {
    b.write(Gpa(IO_SPACE.0 + port), size, v).unwrap();
}
fn inp(b: &mut Bus, port: u64, size: u32) -> u64 {
    b.read(Gpa(IO_SPACE.0 + port), size).unwrap()
}
fn pci(b: &mut Bus, devfn: u64, reg: u64) -> u64 {
    outp(b, 0xcf8, 4, 0x8000_0000 | devfn << 8 | reg);
    inp(b, 0xcfc, 4)
}
fn ack(b: &mut Bus) -> u64 {
    b.read(Gpa(CPU_PRIVATE.0 + apic::ACK), 1).unwrap()
}
fn bytes(b: &Bus, at: u64, n: usize) -> Vec<u8> {
    let mut v = vec![0; n];
    assert!(b.read_memory(Gpa(at), &mut v));
    v
}
fn word(b: &Bus, at: u64) -> u32 {
    u32::from_le_bytes(bytes(b, at, 4).try_into().unwrap())
}

#[test]
fn functions_on_the_bus() {
    let mut b = bus();
    let ids = [0x00, 0x08, 0x09, 0x0b, 0x10, 0x18].map(|d| pci(&mut b, d, 0));
    assert_eq!(
        ids,
        [
            0x1237_8086,
            0x7000_8086,
            0x7010_8086,
            0x7113_8086,
            0x1111_1234,
            0x100e_8086
        ]
    );
    assert_eq!(pci(&mut b, 0x20, 0), 0xffff_ffff);
    assert_eq!(inp(&mut b, 0x7777, 1), 0xff, "nobody's port");
    assert_eq!(inp(&mut b, 0x402, 1), 0xe9);
    outp(&mut b, 0x402, 1, b'!'.into());
    assert_eq!(b.take_console_output(3), b"!");
    let all = PcOptions {
        nic: Nic::Virtio,
        virtio_disks: 2,
        virtio_console: true,
        virtio_rng: Some(1),
        virtio_balloon: true,
        debug_exit: Some(0x501),
        ..PcOptions::default()
    };
    let mut b = bus_of(BoardConfig {
        pc: all,
        ..config()
    });
    let ids = [3u64, 4, 5, 6, 7, 8].map(|s| pci(&mut b, s << 3, 0) >> 16);
    assert_eq!(ids, [0x1000, 0x1001, 0x1001, 0x1003, 0x1005, 0x1002]);
    outp(&mut b, 0x501, 1, 5);
    assert_eq!(b.exit_code(), Some(11));
}

#[test]
fn memory_and_firmware() {
    let mut b = bus();
    firmware(
        &mut b,
        &[&[0xea; 16][..], &vec![0x90; 0x1_0000 - 16]].concat(),
    )
    .unwrap();
    assert_eq!(b.read(Gpa(0xffff_0000), 1), Ok(0xea));
    assert_eq!(b.read(Gpa(0xf_0000), 1), Ok(0xea));
    assert!(matches!(
        b.page(Gpa(0x1000)),
        RamPage::Ram { writable: true, .. }
    ));
    assert_eq!(b.page(Gpa(0xa_0000)), RamPage::Device);
    assert_eq!(b.read(Gpa(0xd000_0000), 4), Ok(0xffff_ffff));
    // Shadowing: copy to memory below the firmware.
    outp(&mut b, 0xcf8, 4, 0x8000_0058);
    outp(&mut b, 0xcfd, 1, 0x30);
    b.write(Gpa(0xf_0000), 1, 0x55).unwrap();
    assert_eq!(b.read(Gpa(0xf_0000), 1), Ok(0x55));
    assert_eq!(b.read(Gpa(0xffff_0000), 1), Ok(0xea));
    // The CMOS says 32 MiB.
    outp(&mut b, 0x70, 1, 0x34);
    assert_eq!(inp(&mut b, 0x71, 1), 0);
    outp(&mut b, 0x70, 1, 0x35);
    assert_eq!(inp(&mut b, 0x71, 1), 1);
    assert!(firmware(&mut b, &vec![0; 300 << 10]).is_err());
}

#[test]
fn interrupts_by_pic_and_by_apic() {
    let mut b = bus();
    for (port, v) in [
        (0x20, 0x11),
        (0x21, 8),
        (0x21, 4),
        (0x21, 1),
        (0x21, 0xfe),
        (0xa0, 0x11),
        (0xa1, 0x70),
        (0xa1, 2),
        (0xa1, 1),
    ] {
        outp(&mut b, port, 1, v);
    }
    // The timer, 100 Hz.
    for (port, v) in [(0x43, 0x34), (0x40, 0x9c), (0x40, 0x2e)] {
        outp(&mut b, port, 1, v);
    }
    b.advance(Ns(11_000_000));
    assert_eq!(b.cpu_irq() & 1, 1);
    assert_eq!(ack(&mut b), 8);
    assert_eq!(b.cpu_irq() & 1, 0);
    outp(&mut b, 0x20, 1, 0x20);
    // Now by the I/O APIC's input 2.
    outp(&mut b, 0x21, 1, 0xff);
    b.write(Gpa(0xfee0_00f0), 4, 0x1ff).unwrap();
    for (i, v) in [(0x15, 0), (0x14, 0x41)] {
        b.write(Gpa(0xfec0_0000), 4, i).unwrap();
        b.write(Gpa(0xfec0_0010), 4, v).unwrap();
    }
    b.advance(Ns(22_000_000));
    assert_eq!((b.cpu_irq() & 1, ack(&mut b)), (1, 0x41));
    b.write(Gpa(0xfee0_00b0), 4, 0).unwrap();
    // A key: interrupt 1, to the PIC again.
    outp(&mut b, 0x21, 1, 0xfd);
    outp(&mut b, 0x64, 1, 0x60);
    outp(&mut b, 0x60, 1, 0x41);
    b.host_input(|| Input::Key {
        code: 0x1e,
        down: true,
    });
    assert_eq!((b.cpu_irq() & 1, ack(&mut b)), (1, 9));
    assert_eq!(inp(&mut b, 0x60, 1), 0x1e);
}

#[test]
fn a20_and_coprocessor() {
    let mut b = bus();
    assert_eq!(b.cpu_irq() & 8, 0, "open at reset");
    outp(&mut b, 0x64, 1, 0xdd);
    assert_eq!(b.cpu_irq() & 8, 8);
    outp(&mut b, 0x92, 1, 2);
    assert_eq!(b.cpu_irq() & 8, 0);
    b.write(Gpa(CPU_PRIVATE.0 + apic::FERR), 1, 1).unwrap();
    outp(&mut b, 0xf0, 1, 0);
    assert_eq!(b.cpu_irq() & 16, 16, "IGNNE");
}

#[test]
fn text_screen() {
    let mut b = bus();
    for (port, v) in [(0x3c2, 0x67u64), (0x3c4, 0x0302), (0x3c4, 0x0204)] {
        outp(&mut b, port, if v > 255 { 2 } else { 1 }, v);
    }
    outp(&mut b, 0x3ce, 2, 0x0e06);
    outp(&mut b, 0x3ce, 2, 0x1005);
    outp(&mut b, 0x3ce, 2, 0xff08);
    b.write(Gpa(0xb_8000), 2, 0x0741).unwrap();
    assert_eq!(b.read(Gpa(0xb_8000), 2), Ok(0x0741));
    let mut f = Frame::default();
    assert!(b.display(&mut f));
    assert!(f.width > 0);
}

#[test]
fn state_survives() {
    let mut b = bus();
    outp(&mut b, 0x43, 1, 0x34);
    outp(&mut b, 0x40, 1, 0);
    outp(&mut b, 0x40, 1, 0);
    b.advance(Ns(1_234_567));
    let save = |b: &Bus| {
        let mut s = Saver::new();
        b.save(&mut s);
        s.finish()
    };
    let state = save(&b);
    let mut c = bus();
    c.load(&mut Loader::new(&state)).unwrap();
    c.start_requests();
    assert_eq!(save(&c), state);
}

/// A bzImage whose kernel is `body`, with one sector of setup.
fn bzimage(body: &[u8]) -> Vec<u8> {
    let mut f = vec![0; 1024];
    f[0x1f1] = 1;
    f[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    f[0x201] = 0x66;
    f[0x202..0x206].copy_from_slice(b"HdrS");
    f[0x206..0x208].copy_from_slice(&0x020cu16.to_le_bytes());
    f[0x211] = 1;
    f[0x22c..0x230].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    f[0x238..0x23c].copy_from_slice(&2047u32.to_le_bytes());
    f[0x258..0x260].copy_from_slice(&0x10_0000u64.to_le_bytes());
    f[0x260..0x264].copy_from_slice(&0x10_0000u32.to_le_bytes());
    f.extend_from_slice(body);
    f
}

/// The value that our program's `mov` with this opcode loads before the jump.
fn loaded(b: &Bus, op: u8) -> u32 {
    // Behind the port writes of the 32-bit code: eax, ebx, esi, ecx.
    let code = bytes(b, 0xffff_f000 + 52, 20);
    let i = code.chunks(5).position(|c| c[0] == op).unwrap();
    u32::from_le_bytes(code[5 * i + 1..5 * i + 5].try_into().unwrap())
}

#[test]
fn linux_is_loaded() {
    let mut b = bus();
    let image = bzimage(b"kernel");
    let k = Kernel {
        image: &image,
        initrd: Some(&[7; 5000]),
        cmdline: "console=ttyS0",
        vga_bios: None,
    };
    assert_eq!(load_kernel(&mut b, &k), Ok(Protocol::Linux));
    for _ in 0..2 {
        assert_eq!(bytes(&b, MIB, 6), b"kernel");
        assert_eq!(loaded(&b, 0xb9), 0x10_0000);
        let params = u64::from(loaded(&b, 0xbe));
        assert_eq!(bytes(&b, params + 0x202, 4), b"HdrS");
        let cmdline = u64::from(word(&b, params + 0x228));
        assert_eq!(bytes(&b, cmdline, 14), b"console=ttyS0\0");
        let (rd, n) = (word(&b, params + 0x218), word(&b, params + 0x21c));
        assert_eq!((rd, n), (0x01ff_e000, 5000));
        assert_eq!(bytes(&b, rd.into(), 2), [7, 7]);
        // Memory from 1 MiB on is the fourth range.
        assert_eq!(bytes(&b, params + 0x1e8, 1), [5]);
        assert_eq!(word(&b, params + 0x2d0 + 60), 0x10_0000);
        assert_eq!(word(&b, params + 0x2d0 + 68), 31 << 20);
        b.write_memory(Gpa(MIB), &[0; 6]);
        b.reset();
    }
    // The reset vector jumps to code that turns to protected mode.
    assert_eq!(bytes(&b, 0xffff_fff0, 3), [0xe9, 0x0d, 0xff]);
    for n in 0..image.len() {
        let cut = Kernel {
            image: &image[..n],
            ..k
        };
        let _ = load_kernel(&mut b, &cut);
    }
    let long = "x".repeat(3000);
    let wrong = Kernel {
        cmdline: &long,
        ..k
    };
    assert_eq!(load_kernel(&mut b, &wrong), Err(ImageError::CommandLine));
    let huge = vec![0; 40 << 20];
    let wrong = Kernel {
        initrd: Some(&huge),
        ..k
    };
    assert!(matches!(
        load_kernel(&mut b, &wrong),
        Err(ImageError::Initrd(_))
    ));
}

/// An ELF file for the 386 with one segment at 2 MiB and, if `pvh`, the note that names its entry.
fn elf(pvh: bool, body: &[u8]) -> Vec<u8> {
    let mut f = b"\x7fELF\x01\x01\x01".to_vec();
    f.resize(16, 0);
    let half = |f: &mut Vec<u8>, v: u16| f.extend_from_slice(&v.to_le_bytes());
    let long = |f: &mut Vec<u8>, v: u32| f.extend_from_slice(&v.to_le_bytes());
    half(&mut f, 2);
    half(&mut f, 3);
    for v in [1, 0x20_0000, 52, 0, 0] {
        long(&mut f, v);
    }
    for v in [52, 32, 1 + u16::from(pvh), 0, 0, 0] {
        half(&mut f, v);
    }
    let n = body.len() as u32;
    let data = 52 + 64;
    for v in [1, data, 0x20_0000, 0x20_0000, n, n + 0x1000, 7, 4] {
        long(&mut f, v);
    }
    for v in [4, data + n, 0, 0, 20, 20, 4, 4] {
        long(&mut f, v);
    }
    f.extend_from_slice(body);
    for v in [4, 4, 18] {
        long(&mut f, v);
    }
    f.extend_from_slice(b"Xen\0");
    long(&mut f, 0x20_0002);
    f
}

#[test]
fn pvh_and_multiboot() {
    let mut b = bus();
    let image = elf(true, b"pvh kernel..");
    let k = Kernel {
        image: &image,
        initrd: Some(&[9; 100]),
        cmdline: "quiet",
        vga_bios: None,
    };
    assert_eq!(load_kernel(&mut b, &k), Ok(Protocol::Pvh));
    assert_eq!(bytes(&b, 0x20_0000, 3), b"pvh");
    assert_eq!(loaded(&b, 0xb9), 0x20_0002);
    let info = u64::from(loaded(&b, 0xbb));
    assert_eq!(word(&b, info), 0x336e_c578);
    assert_eq!(word(&b, info + 12), 1, "one module");
    let module = u64::from(word(&b, info + 16));
    assert_eq!(word(&b, module + 8), 100);
    assert_eq!(bytes(&b, u64::from(word(&b, info + 24)), 6), b"quiet\0");

    let mut head = Vec::new();
    for v in [0x1bad_b002u32, 3, (0x1bad_b002u32 + 3).wrapping_neg()] {
        head.extend_from_slice(&v.to_le_bytes());
    }
    let image = elf(false, &head);
    let k = Kernel { image: &image, ..k };
    assert_eq!(load_kernel(&mut b, &k), Ok(Protocol::Multiboot));
    assert_eq!(loaded(&b, 0xb8), 0x2bad_b002);
    assert_eq!(loaded(&b, 0xb9), 0x20_0000);
    let info = u64::from(loaded(&b, 0xbb));
    assert_eq!(word(&b, info) & 0x4d, 0x4d);
    assert_eq!(word(&b, info + 8), 31 << 10);
    let module = u64::from(word(&b, info + 24));
    let at = word(&b, module);
    assert_eq!(word(&b, module + 4) - at, 100);

    // A flat image by addresses: the header 4 bytes into the file, loaded at 1 MiB.
    let flags = 0x1_0000u32;
    let mut image = b"abcd".to_vec();
    for v in [
        0x1bad_b002,
        flags,
        (0x1bad_b002u32 + flags).wrapping_neg(),
        0x10_0004,
        0x10_0000,
        0,
        0x10_1000,
        0x10_0024,
    ] {
        image.extend_from_slice(&v.to_le_bytes());
    }
    image.extend_from_slice(b"code");
    let k = Kernel { image: &image, ..k };
    assert_eq!(load_kernel(&mut b, &k), Ok(Protocol::Multiboot));
    assert_eq!(bytes(&b, MIB, 4), b"abcd");
    assert_eq!(bytes(&b, 0x10_0024, 5), b"code\0");
    // Anything else is refused, whatever it is.
    for n in 0..image.len() {
        let _ = load_kernel(
            &mut b,
            &Kernel {
                image: &image[..n],
                ..k
            },
        );
        let mut bad = image.clone();
        bad[n] ^= 0xff;
        let _ = load_kernel(&mut b, &Kernel { image: &bad, ..k });
    }
    let k = Kernel {
        image: b"what is this",
        ..k
    };
    assert_eq!(load_kernel(&mut b, &k), Err(ImageError::Unknown));
}

/// Our program's list of port writes, done here as the CPU would.
#[test]
fn the_program_sets_pci_up() {
    let pc = PcOptions {
        nic: Nic::Rtl8139,
        ..PcOptions::default()
    };
    let mut b = bus_of(BoardConfig { pc, ..config() });
    let image = bzimage(b"kernel");
    let k = Kernel {
        image: &image,
        initrd: None,
        cmdline: "",
        vga_bios: None,
    };
    load_kernel(&mut b, &k).unwrap();
    let list = bytes(&b, 0xfffc_0000, 0x1000);
    for w in list.chunks_exact(12) {
        let v = |i: usize| u32::from_le_bytes(w[4 * i..4 * i + 4].try_into().unwrap());
        if v(0) == 0 {
            break;
        }
        outp(&mut b, v(1).into(), v(0), v(2).into());
    }
    // The network interface: ports from C000h on behind the IDE's and VGA's, INTA# at PIRQC: interrupt 11.
    assert_eq!(pci(&mut b, 0x18, 0x04) & 7, 7);
    assert_eq!(pci(&mut b, 0x18, 0x3c) & 0xff, 11);
    let base = pci(&mut b, 0x18, 0x10) & !3;
    assert_eq!(inp(&mut b, base, 4), 0x1200_5452, "its address");
    let base = pci(&mut b, 0x18, 0x14);
    assert_eq!(b.read(Gpa(base), 4), Ok(0x1200_5452));
    // The framebuffer is memory.
    let lfb = pci(&mut b, 0x10, 0x10) & !15;
    assert!(matches!(
        b.page(Gpa(lfb)),
        RamPage::Ram { writable: true, .. }
    ));
    // Its firmware can be read.
    vga_firmware(&mut b, &[0x55, 0xaa, 0x40]).unwrap();
    outp(&mut b, 0xcf8, 4, 0x8000_1030);
    outp(&mut b, 0xcfc, 4, 0xfeb0_0001);
    assert_eq!(b.read(Gpa(0xfeb0_0000), 4), Ok(0x0040_aa55));
    // The keyboard's codes are those of set 1.
    b.host_input(|| Input::Key {
        code: 0x1e,
        down: true,
    });
    assert_eq!(inp(&mut b, 0x60, 1), 0x1e);
    // The power management timer runs.
    b.advance(Ns(1_000_000));
    assert_ne!(inp(&mut b, 0x608, 4), 0);
}
