//! The real-mode part of the start without firmware: the display adapter's own firmware sets text mode, and a kernel that begins in real mode
//! finds the few BIOS services that Linux's setup code asks for (memory sizes and map, equipment, A20; everything else is refused).
//!
//! It lies in the segment F000h. Interfaces: Ralf Brown's interrupt list; PCI Firmware Specification 3.0, section 5.1 (expansion ROMs); ACPI 6.4,
//! section 15.1 (E820h). Kernels start with interrupts off; nothing here turns them on.

/// Where the code lies in its segment.
const CODE_AT: usize = 0xe000;
/// What it reads: whether there is a display adapter's firmware, the kernel's segment and stack pointer, memory above 1 MiB in KiB (up to
/// 64 MiB) and above 16 MiB in 64 KiB, where protected mode goes on, and the memory map.
const ROM_AT: usize = 0xdf00;
const SEGMENT_AT: usize = 0xdf02;
const STACK_AT: usize = 0xdf04;
const EXTENDED_AT: usize = 0xdf06;
const HIGH_AT: usize = 0xdf08;
const ENTRY_AT: usize = 0xdf0a;
const COUNT_AT: usize = 0xdf10;
const MAP_AT: usize = 0xdf20;
/// Entries of the map that there is room for.
const MAP_MOST: usize = 10;

/// Bytes of the display adapter's firmware that are seen at C0000h.
pub(super) const ROM_BYTES: usize = 0x1_0000;
/// Its address.
pub(super) const ROM_BASE: u64 = 0xc_0000;

/// Handlers' offsets: of the interrupts with a service, of those of devices, of all others.
const SERVICES: [(usize, u16); 6] = [
    (0x10, 0xe062),
    (0x11, 0xe078),
    (0x12, 0xe07c),
    (0x15, 0xe080),
    (0x16, 0xe104),
    (0x1a, 0xe121),
];
const DEVICE: u16 = 0xe118;
const REFUSE: u16 = 0xe094;

/// The code, assembled for [`CODE_AT`]; the far jump in `real`'s front leaves protected mode.
#[rustfmt::skip]
const CODE: &[u8] = &[
    // main:
    0x0f, 0x20, 0xc0, // mov eax,cr0
    0x24, 0xfe, // and al,0xfe
    0x0f, 0x22, 0xc0, // mov cr0,eax
    0xea, 0x0d, 0xe0, 0x00, 0xf0, // jmp 0xf000:0xe00d
    // real:
    0x31, 0xc0, // xor ax,ax
    0x8e, 0xd8, // mov ds,ax
    0x8e, 0xc0, // mov es,ax
    0x8e, 0xd0, // mov ss,ax
    0xbc, 0x00, 0x7c, // mov sp,0x7c00
    0x2e, 0x3b, 0x06, 0x00, 0xdf, // cmp ax,cs:0xdf00
    0x74, 0x10, // je e02f <no_display>
    0xb8, 0x10, 0x00, // mov ax,0x10
    0x9a, 0x03, 0x00, 0x00, 0xc0, // call 0xc000:0x3
    0xfa, // cli
    0xfc, // cld
    0xb8, 0x03, 0x00, // mov ax,0x3
    0xcd, 0x10, // int 0x10
    0xfa, // cli
    // no_display:
    0x2e, 0xa1, 0x02, 0xdf, // mov ax,cs:0xdf02
    0x85, 0xc0, // test ax,ax
    0x74, 0x16, // je e04d <to32>
    0x8e, 0xd8, // mov ds,ax
    0x8e, 0xc0, // mov es,ax
    0x8e, 0xe0, // mov fs,ax
    0x8e, 0xe8, // mov gs,ax
    0x8e, 0xd0, // mov ss,ax
    0x2e, 0x8b, 0x26, 0x04, 0xdf, // mov sp,cs:0xdf04
    0x83, 0xc0, 0x20, // add ax,0x20
    0x50, // push ax
    0x6a, 0x00, // push 0x0
    0xcb, // retf
    // to32:
    0x66, 0x2e, 0x0f, 0x01, 0x16, 0x40, 0xfe, // lgdtd cs:0xfe40
    0x0f, 0x20, 0xc0, // mov eax,cr0
    0x0c, 0x01, // or al,0x1
    0x0f, 0x22, 0xc0, // mov cr0,eax
    0x66, 0x2e, 0xff, 0x2e, 0x0a, 0xdf, // jmp cs:0xdf0a
    // int10:
    0x80, 0xfc, 0x0f, // cmp ah,0xf
    0x75, 0x06, // jne e06d <int10+0xb>
    0xb8, 0x03, 0x50, // mov ax,0x5003
    0xb7, 0x00, // mov bh,0x0
    0xcf, // iret
    0x80, 0xfc, 0x03, // cmp ah,0x3
    0x75, 0x05, // jne e077 <int10+0x15>
    0x31, 0xd2, // xor dx,dx
    0xb9, 0x07, 0x06, // mov cx,0x607
    0xcf, // iret
    // int11:
    0xb8, 0x21, 0x00, // mov ax,0x21
    0xcf, // iret
    // int12:
    0xb8, 0x7f, 0x02, // mov ax,0x27f
    0xcf, // iret
    // int15:
    0x3d, 0x20, 0xe8, // cmp ax,0xe820
    0x74, 0x42, // je e0c7 <e820>
    0x3d, 0x01, 0xe8, // cmp ax,0xe801
    0x74, 0x26, // je e0b0 <e801>
    0x80, 0xfc, 0x88, // cmp ah,0x88
    0x74, 0x1b, // je e0aa <e88>
    0x3d, 0x01, 0x24, // cmp ax,0x2401
    0x74, 0x0b, // je e09f <good>
    // refuse:
    0xb4, 0x86, // mov ah,0x86
    // bad:
    0x55, // push bp
    0x89, 0xe5, // mov bp,sp
    0x80, 0x4e, 0x06, 0x01, // or [bp+0x6],0x1
    0x5d, // pop bp
    0xcf, // iret
    // good:
    0xb4, 0x00, // mov ah,0x0
    // clear:
    0x55, // push bp
    0x89, 0xe5, // mov bp,sp
    0x80, 0x66, 0x06, 0xfe, // and [bp+0x6],0xfe
    0x5d, // pop bp
    0xcf, // iret
    // e88:
    0x2e, 0xa1, 0x06, 0xdf, // mov ax,cs:0xdf06
    0xeb, 0xf1, // jmp e0a1 <clear>
    // e801:
    0x2e, 0xa1, 0x06, 0xdf, // mov ax,cs:0xdf06
    0x3d, 0x00, 0x3c, // cmp ax,0x3c00
    0x76, 0x03, // jbe e0bc <e801+0xc>
    0xb8, 0x00, 0x3c, // mov ax,0x3c00
    0x2e, 0x8b, 0x1e, 0x08, 0xdf, // mov bx,cs:0xdf08
    0x89, 0xc1, // mov cx,ax
    0x89, 0xda, // mov dx,bx
    0xeb, 0xda, // jmp e0a1 <clear>
    // e820:
    0x2e, 0x3b, 0x1e, 0x10, 0xdf, // cmp bx,cs:0xdf10
    0x73, 0xc8, // jae e096 <bad>
    0x56, // push si
    0x57, // push di
    0x51, // push cx
    0x6b, 0xf3, 0x14, // imul si,bx,0x14
    0x81, 0xc6, 0x20, 0xdf, // add si,0xdf20
    0xb9, 0x0a, 0x00, // mov cx,0xa
    0xfc, // cld
    0x2e, 0x8b, 0x04, // mov ax,cs:[si]
    0xab, // stos es:[di],ax
    0x46, // inc si
    0x46, // inc si
    0xe2, 0xf8, // loop e0dc <e820+0x15>
    0x59, // pop cx
    0x5f, // pop di
    0x5e, // pop si
    0x66, 0xb9, 0x14, 0x00, 0x00, 0x00, // mov ecx,0x14
    0x43, // inc bx
    0x66, 0x0f, 0xb7, 0xdb, // movzx ebx,bx
    0x2e, 0x3b, 0x1e, 0x10, 0xdf, // cmp bx,cs:0xdf10
    0x72, 0x03, // jb e0fc <e820+0x35>
    0x66, 0x31, 0xdb, // xor ebx,ebx
    0x66, 0xb8, 0x50, 0x41, 0x4d, 0x53, // mov eax,0x534d4150
    0xeb, 0x9d, // jmp e0a1 <clear>
    // int16:
    0x80, 0xe4, 0xef, // and ah,0xef
    0x80, 0xfc, 0x01, // cmp ah,0x1
    0xb8, 0x00, 0x00, // mov ax,0x0
    0x75, 0x08, // jne e117 <int16+0x13>
    0x55, // push bp
    0x89, 0xe5, // mov bp,sp
    0x80, 0x4e, 0x06, 0x40, // or [bp+0x6],0x40
    0x5d, // pop bp
    0xcf, // iret
    // tick:
    0x50, // push ax
    0xb0, 0x20, // mov al,0x20
    0xe6, 0xa0, // out 0xa0,al
    0xe6, 0x20, // out 0x20,al
    0x58, // pop ax
    0xcf, // iret
    // int1a:
    0x80, 0xfc, 0x00, // cmp ah,0x0
    0x0f, 0x85, 0x6c, 0xff, // jne e094 <refuse>
    0x31, 0xc9, // xor cx,cx
    0x31, 0xd2, // xor dx,dx
    0xb0, 0x00, // mov al,0x0
    0xcf, // iret
];

/// What the real-mode part does.
#[derive(Clone, Debug, Default)]
pub(super) struct Real {
    /// The display adapter's firmware lies at [`ROM_BASE`].
    pub rom: bool,
    /// Segment and stack pointer of a kernel that begins in real mode, 20h paragraphs behind the segment.
    pub kernel: Option<(u16, u16)>,
    /// Memory: first address, length, kind.
    pub map: Vec<(u64, u64, u32)>,
    /// Bytes of memory below 4 GiB.
    pub low_bytes: u64,
}

impl Real {
    /// Puts code and what it reads into the firmware's last 64 KiB; `entry` is where protected mode goes on.
    pub fn place(&self, top: &mut [u8], entry: u32) {
        let mut put = |at: usize, b: &[u8]| top[at..at + b.len()].copy_from_slice(b);
        put(CODE_AT, CODE);
        put(ROM_AT, &u16::from(self.rom).to_le_bytes());
        let (segment, stack) = self.kernel.unwrap_or_default();
        put(SEGMENT_AT, &segment.to_le_bytes());
        put(STACK_AT, &stack.to_le_bytes());
        let above = |from: u64, unit: u64| {
            let n = self.low_bytes.saturating_sub(from) / unit;
            n.min(0xffff) as u16
        };
        put(EXTENDED_AT, &above(1 << 20, 1 << 10).to_le_bytes());
        put(HIGH_AT, &above(16 << 20, 64 << 10).to_le_bytes());
        put(ENTRY_AT, &entry.to_le_bytes());
        put(ENTRY_AT + 4, &[0x10, 0]);
        put(
            COUNT_AT,
            &(self.map.len().min(MAP_MOST) as u16).to_le_bytes(),
        );
        for (i, (base, len, kind)) in self.map.iter().take(MAP_MOST).enumerate() {
            let at = MAP_AT + 20 * i;
            put(at, &base.to_le_bytes());
            put(at + 8, &len.to_le_bytes());
            put(at + 16, &kind.to_le_bytes());
        }
    }

    /// Interrupt vectors and the BIOS data area, from address 0 on.
    pub fn low_memory() -> Vec<u8> {
        let mut low = vec![0; 0x500];
        for n in 0..256 {
            let service = SERVICES.iter().find(|s| s.0 == n);
            let handler = match (service, n) {
                (Some(s), _) => s.1,
                (None, 0x08..0x10 | 0x70..0x78) => DEVICE,
                _ => REFUSE,
            };
            low[4 * n..][..2].copy_from_slice(&handler.to_le_bytes());
            low[4 * n + 2..][..2].copy_from_slice(&0xf000u16.to_le_bytes());
        }
        // The first serial port, equipment (a display of 80 columns), memory in KiB.
        for (at, v) in [(0x400, 0x3f8u16), (0x410, 0x21), (0x413, 639)] {
            low[at..at + 2].copy_from_slice(&v.to_le_bytes());
        }
        low
    }
}
