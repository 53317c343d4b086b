//! A PC started without firmware: from the reset vector through our boot program into a small Multiboot kernel, which takes timer
//! interrupts and switches the machine off.

use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

/// More than the kernel takes.
const MAX_INSNS: u64 = 20_000_000;

/// Entered at 100020h.
///
/// Says `M` if EAX is what Multiboot promises, leads interrupt 20h to `handler`, programs the 8259 and the 8254 (1 kHz), waits for
/// three interrupts, says `3` and writes SLP_EN to PM1 control.
#[rustfmt::skip]
const KERNEL: [u8; 145] = [
    0xba, 0xf8, 0x03, 0x00, 0x00,                         // mov edx, 3f8h
    0x3d, 0x02, 0xb0, 0xad, 0x2b,                         // cmp eax, 2badb002h
    0x75, 0x74,                                           // jne fail
    0xb0, 0x4d, 0xee,                                     // mov al, 'M'; out dx, al
    0xb8, 0xa3, 0x00, 0x10, 0x00,                         // mov eax, handler
    0xbf, 0x00, 0x00, 0x02, 0x00,                         // mov edi, 20000h
    0x66, 0x89, 0x87, 0x00, 0x01, 0x00, 0x00,             // mov [edi+100h], ax
    0x66, 0xc7, 0x87, 0x02, 0x01, 0x00, 0x00, 0x10, 0x00, // mov word [edi+102h], 10h
    0x66, 0xc7, 0x87, 0x04, 0x01, 0x00, 0x00, 0x00, 0x8e, // mov word [edi+104h], 8e00h
    0xc1, 0xe8, 0x10,                                     // shr eax, 16
    0x66, 0x89, 0x87, 0x06, 0x01, 0x00, 0x00,             // mov [edi+106h], ax
    0x0f, 0x01, 0x1d, 0xab, 0x00, 0x10, 0x00,             // lidt [idt]
    0xb0, 0x11, 0xe6, 0x20,                               // 8259: base 20h, the timer alone
    0xb0, 0x20, 0xe6, 0x21,
    0xb0, 0x04, 0xe6, 0x21,
    0xb0, 0x01, 0xe6, 0x21,
    0xb0, 0xfe, 0xe6, 0x21,
    0xb0, 0x34, 0xe6, 0x43,                               // 8254: mode 2, 1193
    0xb0, 0xa9, 0xe6, 0x40,
    0xb0, 0x04, 0xe6, 0x40,
    0x31, 0xdb,                                           // xor ebx, ebx
    0xfb,                                                 // sti
    0xf4,                                                 // wait: hlt
    0x83, 0xfb, 0x03,                                     // cmp ebx, 3
    0x72, 0xfa,                                           // jb wait
    0xfa,                                                 // cli
    0xba, 0xf8, 0x03, 0x00, 0x00,                         // mov edx, 3f8h
    0xb0, 0x33, 0xee,                                     // mov al, '3'; out dx, al
    0xba, 0x04, 0x06, 0x00, 0x00,                         // mov edx, 604h
    0x66, 0xb8, 0x00, 0x20, 0x66, 0xef,                   // mov ax, 2000h; out dx, ax
    0xf4, 0xeb, 0xfd,                                     // fail: hlt; jmp fail
    0x43,                                                 // handler: inc ebx
    0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58,                   // push eax; mov al, 20h; out 20h, al; pop eax
    0xcf,                                                 // iret
    0x07, 0x01, 0x00, 0x00, 0x02, 0x00,                   // idt: 20000h, limit 107h
];

/// A flat image at 1 MiB with the header in front.
fn image() -> Vec<u8> {
    let flags = 0x1_0000u32;
    let mut image = Vec::new();
    for v in [
        0x1bad_b002,
        flags,
        0x1bad_b002u32.wrapping_add(flags).wrapping_neg(),
        0x10_0000,
        0x10_0000,
        0,
        0,
        0x10_0020,
    ] {
        image.extend_from_slice(&v.to_le_bytes());
    }
    image.extend_from_slice(&KERNEL);
    image
}

fn run(accel: Accel) -> (SliceEnd, Vec<u8>, u64) {
    let mut config = Config::new(Config::target("i386").expect("a target"));
    config.machine = "pc".into();
    config.ram_bytes = 32 << 20;
    config.kernel = Some(image());
    config.accel = accel;
    let mut m = Machine::new(&config, |arena| {
        let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
        Ok(Box::new(engine))
    })
    .unwrap();
    while m.icount() < MAX_INSNS {
        match m.run_slice(100_000) {
            SliceEnd::Budget => {}
            SliceEnd::Halted { until_ns: Some(ns) } => m.skip_to(ns),
            end => return (end, m.take_serial_output(0), m.icount()),
        }
    }
    panic!("no end: {:?}", m.take_serial_output(0));
}

#[test]
fn multiboot_kernel_takes_interrupts_and_switches_off() {
    let (end, said, icount) = run(Accel::Interp);
    assert_eq!((end, &said[..]), (SliceEnd::Shutdown, &b"M3"[..]));
    assert_eq!(run(Accel::Jit), (end, said, icount));
}
