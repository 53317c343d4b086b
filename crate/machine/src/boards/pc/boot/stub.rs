//! The program at the reset vector: protected mode, a list of port writes, the kernel's registers, the jump (Intel SDM volume 3A,
//! "Processor Management and Initialization", for the order of the first steps).

use super::bios16::Real;
use super::{Entry, STACK};
use crate::boards::pc::BIOS_BYTES;

/// A write to a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Out {
    bytes: u32,
    port: u16,
    value: u32,
}

impl Out {
    /// A write of 1, 2 or 4 bytes.
    pub fn new(bytes: u32, port: u16, value: u32) -> Out {
        Out { bytes, port, value }
    }

    /// Does it.
    #[cfg(test)]
    pub fn write(&self, bus: &mut crate::bus::Bus) {
        use tinamou_core::{Gpa, IO_SPACE, PhysBus};
        let at = Gpa(IO_SPACE.0 + u64::from(self.port));
        let _ = bus.write(at, self.bytes, self.value.into());
    }
}

/// Offsets in the last 64 KiB, where the CPU starts.
const CODE32: usize = 0xf000;
const GDT: usize = 0xfe00;
const GDT_POINTER: usize = 0xfe40;
/// Where protected mode goes on after the real-mode part.
const AGAIN32: usize = 0xf400;
const CODE16: usize = 0xff00;
const RESET: usize = 0xfff0;
/// The first address of the firmware's place.
const BASE: u32 = (1u64 << 32).wrapping_sub(BIOS_BYTES) as u32;
const SEGMENT: u32 = 0xffff_0000;

/// mov ds, es, ss, fs, gs of ax.
const SEGMENTS: [u8; 10] = [0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8];

/// Flat code at selector 10h, flat data at 18h, as the boot protocols want them; real mode's code at 20h,
/// and at 28h data without a limit, which segments keep in real mode (display adapters' firmware reaches its registers so).
const DESCRIPTORS: [u64; 6] = [
    0,
    0,
    0x00cf_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x0000_9b0f_0000_ffff,
    0x008f_9300_0000_ffff,
];

/// The contents of the firmware's place, with `tables` where its last 64 KiB begin, and the real-mode part if there is one.
pub(super) fn program(
    writes: &[Out],
    entry: &Entry,
    tables: &[u8],
    real: Option<&Real>,
) -> Vec<u8> {
    let mut rom = vec![0; BIOS_BYTES as usize];
    let mut at = 0;
    for w in writes {
        for v in [w.bytes, w.port.into(), w.value] {
            rom[at..at + 4].copy_from_slice(&v.to_le_bytes());
            at += 4;
        }
    }
    let top = &mut rom[BIOS_BYTES as usize - 0x1_0000..];
    if let Some(real) = real {
        real.place(top, SEGMENT + AGAIN32 as u32);
    }
    let mut put = |at: usize, b: &[u8]| top[at..at + b.len()].copy_from_slice(b);
    put(0, tables);
    for (i, d) in DESCRIPTORS.iter().enumerate() {
        put(GDT + 8 * i, &d.to_le_bytes());
    }
    put(GDT_POINTER, &47u16.to_le_bytes());
    put(GDT_POINTER + 2, &(SEGMENT + GDT as u32).to_le_bytes());

    let rel = CODE16.wrapping_sub(RESET + 3) as u16;
    put(RESET, &[0xe9]); // jmp CODE16
    put(RESET + 1, &rel.to_le_bytes());

    let mut c = vec![0xfa]; // cli
    c.extend([0x2e, 0x66, 0x0f, 0x01, 0x16]); // lgdt cs:[GDT_POINTER]
    c.extend((GDT_POINTER as u16).to_le_bytes());
    c.extend([0x0f, 0x20, 0xc0]); // mov eax, cr0
    c.extend([0x66, 0x83, 0xc8, 0x01]); // or eax, 1
    c.extend([0x0f, 0x22, 0xc0]); // mov cr0, eax
    c.extend([0x66, 0xea]); // jmp 10h:CODE32
    c.extend((SEGMENT + CODE32 as u32).to_le_bytes());
    c.extend([0x10, 0x00]);
    put(CODE16, &c);

    let flat = || {
        let mut c = vec![0x66, 0xb8, 0x18, 0x00]; // mov ax, 18h
        c.extend(SEGMENTS);
        c.push(0xbc); // mov esp, STACK
        c.extend(STACK.to_le_bytes());
        c
    };
    let mut c = flat();
    c.push(0xbe); // mov esi, the list
    c.extend(BASE.to_le_bytes());
    c.push(0xad); // next: lodsd
    c.extend([0x85, 0xc0, 0x74, 0x17]); // test eax, eax; jz done
    c.extend([0x89, 0xc1, 0xad, 0x89, 0xc2, 0xad]); // ecx = bytes, edx = port, eax = value
    c.extend([0x83, 0xf9, 0x02]); // cmp ecx, 2
    c.extend([0x74, 0x05, 0x77, 0x07]); // je two; ja four
    c.extend([0xee, 0xeb, 0xeb]); // out dx, al; jmp next
    c.extend([0x66, 0xef, 0xeb, 0xe7]); // two: out dx, ax; jmp next
    c.extend([0xef, 0xeb, 0xe4]); // four: out dx, eax; jmp next
    // done:
    if real.is_some() {
        c.extend([0x66, 0xb8, 0x28, 0x00]); // mov ax, 28h
        c.extend(SEGMENTS);
        c.extend([0xea, 0x00, 0xe0, 0x00, 0x00, 0x20, 0x00]); // jmp 20h:E000h
        put(CODE32, &c);
        c = flat();
    }
    for (op, v) in [
        (0xb8, entry.eax),
        (0xbb, entry.ebx),
        (0xbe, entry.esi),
        (0xb9, entry.eip),
    ] {
        c.push(op);
        c.extend(v.to_le_bytes());
    }
    c.extend([0x31, 0xed, 0x31, 0xff, 0x31, 0xd2]); // ebp, edi, edx = 0
    c.extend([0xff, 0xe1]); // jmp ecx
    put(if real.is_some() { AGAIN32 } else { CODE32 }, &c);
    rom
}
