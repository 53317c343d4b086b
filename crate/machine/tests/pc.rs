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

/// Setup code of a Linux image without a 32-bit entry, at 268h: says `R`, asks the BIOS for memory in both old ways, says how many ranges its map has,
/// the first letter of the command line, and `C` if an unknown service is refused; switches off.
#[rustfmt::skip]
const SETUP: [u8; 105] = [
    // main:
    0xba, 0xf8, 0x03, // mov dx,0x3f8
    0xb0, 0x52, // mov al,0x52
    0xee, // out dx,al
    0xcd, 0x12, // int 0x12
    0x3d, 0x7f, 0x02, // cmp ax,0x27f
    0x75, 0x59, // jne 2ce <fail>
    0xb4, 0x88, // mov ah,0x88
    0xcd, 0x15, // int 0x15
    0x72, 0x53, // jb 2ce <fail>
    0x3d, 0x00, 0x7c, // cmp ax,0x7c00
    0x75, 0x4e, // jne 2ce <fail>
    0x66, 0x31, 0xdb, // xor ebx,ebx
    0x31, 0xf6, // xor si,si
    // next:
    0x66, 0xb8, 0x20, 0xe8, 0x00, 0x00, // mov eax,0xe820
    0x66, 0xba, 0x50, 0x41, 0x4d, 0x53, // mov edx,0x534d4150
    0x66, 0xb9, 0x14, 0x00, 0x00, 0x00, // mov ecx,0x14
    0xbf, 0x00, 0x10, // mov di,0x1000
    0xcd, 0x15, // int 0x15
    0x72, 0x30, // jb 2ce <fail>
    0x46, // inc si
    0x66, 0x85, 0xdb, // test ebx,ebx
    0x75, 0xe1, // jne 285 <next>
    0xba, 0xf8, 0x03, // mov dx,0x3f8
    0x89, 0xf0, // mov ax,si
    0x04, 0x30, // add al,0x30
    0xee, // out dx,al
    0x66, 0xa1, 0x28, 0x02, // mov eax,ds:0x228
    0x66, 0xc1, 0xe8, 0x04, // shr eax,0x4
    0x8e, 0xc0, // mov es,ax
    0x26, 0xa0, 0x00, 0x00, // mov al,es:0x0
    0xee, // out dx,al
    0xf9, // stc
    0xb8, 0x00, 0x99, // mov ax,0x9900
    0xf8, // clc
    0xcd, 0x15, // int 0x15
    0x73, 0x0a, // jae 2ce <fail>
    0xb0, 0x43, // mov al,0x43
    0xee, // out dx,al
    0xba, 0x04, 0x06, // mov dx,0x604
    0xb8, 0x00, 0x20, // mov ax,0x2000
    0xef, // out dx,ax
    // fail:
    0xf4, // hlt
    0xeb, 0xfd, // jmp 2ce <fail>
];

/// A zImage of boot protocol 2.02.
fn zimage() -> Vec<u8> {
    let mut f = vec![0; 1024];
    f[0x1f1] = 1;
    f[0x1fe..0x204].copy_from_slice(&[0x55, 0xaa, 0xeb, 0x66, b'H', b'd']);
    f[0x204..0x208].copy_from_slice(&[b'r', b'S', 2, 2]);
    f[0x268..0x268 + SETUP.len()].copy_from_slice(&SETUP);
    f.extend_from_slice(b"kernel");
    f
}

/// The machine `config` describes, as `accel` runs it.
fn machine(mut config: Config, accel: Accel) -> Machine {
    config.machine = "pc".into();
    config.ram_bytes = 32 << 20;
    config.accel = accel;
    Machine::new(&config, |arena| {
        let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
        Ok(Box::new(engine))
    })
    .unwrap()
}

fn run(accel: Accel, image: Vec<u8>) -> (SliceEnd, Vec<u8>, u64) {
    let mut config = Config::new(Config::target("i386").expect("a target"));
    config.kernel = Some(image);
    config.append = "quiet".into();
    let mut m = machine(config, accel);
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
    let (end, said, icount) = run(Accel::Interp, image());
    assert_eq!((end, &said[..]), (SliceEnd::Shutdown, &b"M3"[..]));
    assert_eq!(run(Accel::Jit, image()), (end, said, icount));
}

#[test]
fn real_mode_kernel_finds_memory_and_command_line() {
    let (end, said, icount) = run(Accel::Interp, zimage());
    assert_eq!((end, &said[..]), (SliceEnd::Shutdown, &b"R5qC"[..]));
    assert_eq!(run(Accel::Jit, zimage()), (end, said, icount));
}

/// A loop of two instructions: where a slice ends as the block of the loop does, nothing more runs, however often the block has run
/// and whatever has become of it.
#[test]
fn slices_run_just_their_instructions() {
    // f000:ff00: inc ax; jmp to it. The reset vector jumps there.
    let mut firmware = vec![0xf4; 0x1_0000];
    firmware[0xff00..0xff03].copy_from_slice(&[0x40, 0xeb, 0xfd]);
    firmware[0xfff0..0xfff3].copy_from_slice(&[0xe9, 0x0d, 0xff]);
    for accel in [Accel::Interp, Accel::Jit] {
        let mut config = Config::new(Config::target("i386").expect("a target"));
        config.bios = Some(firmware.clone());
        // Machine code an op at a time, where the host has that, and no regions.
        config.tuning.hot_runs = u32::MAX;
        let mut m = machine(config, accel);
        assert_eq!(m.run_slice(1), SliceEnd::Budget);
        for insns in (1..20).chain([64, 127, 128, 130]) {
            for round in 0..300 {
                let before = m.icount();
                m.run_slice(insns);
                let ran = m.icount() - before;
                assert_eq!(ran, insns, "{accel:?}, slice {round} of {insns}");
            }
        }
    }
}
