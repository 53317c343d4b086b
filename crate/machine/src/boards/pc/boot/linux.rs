//! Linux's 32-bit boot protocol ("The Linux/x86 Boot Protocol", version 2.15, sections "The real-mode kernel header" and "32-bit Boot
//! Protocol"), and its 16-bit one for images that have no other entry.

use super::{
    Data, Entry, ImageError, Kernel, MIB, acpi, has_acpi, low_bytes, number, place, place_initrd,
};
use crate::boards::pc::memory_map;
use crate::bus::Bus;

const SECTOR: usize = 512;
const SETUP_SECTS: usize = 0x1f1;
const BOOT_FLAG: usize = 0x1fe;
const JUMP_LENGTH: usize = 0x201;
const MAGIC: usize = 0x202;
const VERSION: usize = 0x206;
const TYPE_OF_LOADER: usize = 0x210;
const LOADFLAGS: usize = 0x211;
const RAMDISK: usize = 0x218;
const CMD_LINE: usize = 0x228;
const INITRD_MAX: usize = 0x22c;
const CMDLINE_SIZE: usize = 0x238;
const PREF_ADDRESS: usize = 0x258;
const INIT_SIZE: usize = 0x260;

/// In the boot parameters: number of memory ranges and their list.
const E820_ENTRIES: usize = 0x1e8;
const E820_TABLE: usize = 0x2d0;
const ALT_MEM_K: usize = 0x1e0;
const EXT_MEM_K: usize = 0x002;
const ACPI_RSDP: usize = 0x070;
const PARAMS_BYTES: usize = 4096;

const LOADED_HIGH: u8 = 1;
/// The first version with an entry for 32-bit code that takes boot parameters.
const OLDEST: u64 = 0x0203;
/// No registered boot loader.
const UNDEFINED_LOADER: u8 = 0xff;

/// True for an image with a setup header.
pub(super) fn is(image: &[u8]) -> bool {
    image.get(MAGIC..MAGIC + 4) == Some(b"HdrS") && number(image, BOOT_FLAG, 2) == Some(0xaa55)
}

/// Real mode's segment for the setup code, its stack pointer and where its heap ends, and the command line behind it.
const REAL: u64 = 0x9_0000;
const REAL_STACK: u16 = 0x9800;
const REAL_CMDLINE: u64 = 0x9_9800;
const REAL_END: u64 = 0x9_fc00;
/// Where a zImage's kernel goes.
const LOW_KERNEL: u64 = 0x1_0000;
/// In the setup header: where its heap ends; in the boot sector of old images: a command line's magic and offset.
const HEAP_END: usize = 0x224;
const CAN_USE_HEAP: u8 = 0x80;
const OLD_CMDLINE: usize = 0x20;
/// The mode that the setup code sets.
const VID_MODE: usize = 0x1fa;
const OLD_CMDLINE_MAGIC: u64 = 0xa33f;

/// The mode that `vga=` on the command line names, which is a boot loader's to read ("vga=<mode>", section "Special Command Line Options").
fn video_mode(cmdline: &str) -> Option<u16> {
    let value = cmdline.split(' ').find_map(|w| w.strip_prefix("vga="))?;
    match value {
        "normal" => Some(0xffff),
        "ext" => Some(0xfffe),
        "ask" => Some(0xfffd),
        hex if hex.starts_with("0x") => u16::from_str_radix(&hex[2..], 16).ok(),
        number => number.parse().ok(),
    }
}

/// The real-mode entry ("Loading The Real-Mode Code" and "Running the Kernel").
fn load_real(
    bus: &mut Bus,
    k: &Kernel<'_>,
    version: u64,
    high: bool,
    mode: Option<u16>,
) -> Result<Entry, ImageError> {
    let cut = || ImageError::Linux("the file is cut short");
    let field = |at: usize, n: usize| number(k.image, at, n).ok_or_else(cut);
    let setup_bytes = match field(SETUP_SECTS, 1)? {
        0 => 5,
        n => n as usize + 1,
    } * SECTOR;
    if setup_bytes > usize::from(REAL_STACK) - 0x1000 {
        return Err(ImageError::Linux("too long a setup"));
    }
    let mut setup = k.image.get(..setup_bytes).ok_or_else(cut)?.to_vec();
    let kernel = k.image.get(setup_bytes..).ok_or_else(cut)?;
    let at = if high { MIB } else { LOW_KERNEL };
    if !high && LOW_KERNEL + kernel.len() as u64 > REAL {
        return Err(ImageError::Linux("too long for a zImage"));
    }
    place(bus, at, kernel, kernel.len() as u64)?;
    let mut put = |at: usize, v: u64, n: usize| {
        setup[at..at + n].copy_from_slice(&v.to_le_bytes()[..n]);
    };
    if let Some(mode) = mode {
        put(VID_MODE, mode.into(), 2);
    }
    if version >= 0x0200 {
        put(TYPE_OF_LOADER, UNDEFINED_LOADER.into(), 1);
        if let Some(rd) = k.initrd.filter(|r| !r.is_empty()) {
            let limit = match field(INITRD_MAX, 4) {
                Ok(n) if version >= 0x0203 && n != 0 => n,
                _ => 0x37ff_ffff,
            };
            let mut end = at + kernel.len() as u64;
            if version >= 0x020a {
                end = end.max(field(PREF_ADDRESS, 8)?.saturating_add(field(INIT_SIZE, 4)?));
            }
            let at = place_initrd(bus, rd, end, limit)?;
            put(RAMDISK, at, 4);
            put(RAMDISK + 4, rd.len() as u64, 4);
        }
    }
    if version >= 0x0201 {
        let flags = field(LOADFLAGS, 1)? | u64::from(CAN_USE_HEAP);
        put(LOADFLAGS, flags, 1);
        put(HEAP_END, u64::from(REAL_STACK) - 0x200, 2);
    }
    if version >= 0x0202 {
        put(CMD_LINE, REAL_CMDLINE, 4);
    } else {
        put(OLD_CMDLINE, OLD_CMDLINE_MAGIC, 2);
        put(OLD_CMDLINE + 2, REAL_CMDLINE - REAL, 2);
    }
    let mut line: Vec<u8> = k.cmdline.bytes().filter(|b| *b != 0).collect();
    line.push(0);
    if REAL_CMDLINE + line.len() as u64 > REAL_END || line.len() > 256 {
        return Err(ImageError::CommandLine);
    }
    place(bus, REAL, &setup, setup.len() as u64)?;
    place(bus, REAL_CMDLINE, &line, line.len() as u64)?;
    Ok(Entry {
        real: Some(((REAL >> 4) as u16, REAL_STACK)),
        ..Entry::default()
    })
}

pub(super) fn load(bus: &mut Bus, k: &Kernel<'_>) -> Result<Entry, ImageError> {
    let cut = ImageError::Linux("the file is cut short");
    let field = |at: usize, n: usize| number(k.image, at, n).ok_or(cut.clone());
    let version = field(VERSION, 2)?;
    let high = k.image.get(LOADFLAGS).is_some_and(|f| f & LOADED_HIGH != 0);
    // A mode of the display is the setup code's to set.
    let mode = video_mode(k.cmdline).filter(|_| k.display(bus).is_some());
    if version < OLDEST || !high || mode.is_some() {
        return load_real(bus, k, version, high, mode);
    }
    let setup = match field(SETUP_SECTS, 1)? {
        0 => 4,
        n => n as usize,
    };
    let kernel = k.image.get((setup + 1) * SECTOR..).ok_or(cut.clone())?;
    // Its own place: the prefix may unpack to another, and says how much it needs there.
    let at = MIB;
    let mut end = at + kernel.len() as u64;
    if version >= 0x020a {
        let first = field(PREF_ADDRESS, 8)?;
        end = end.max(first.saturating_add(field(INIT_SIZE, 4)?));
    }
    place(bus, at, kernel, kernel.len() as u64)?;

    let mut params = vec![0; PARAMS_BYTES];
    let last = MAGIC + field(JUMP_LENGTH, 1)? as usize;
    let header = k.image.get(SETUP_SECTS..last).ok_or(cut.clone())?;
    params[SETUP_SECTS..last].copy_from_slice(header);
    params[TYPE_OF_LOADER] = UNDEFINED_LOADER;
    let mut put = |at: usize, v: u64, n: usize| {
        params[at..at + n].copy_from_slice(&v.to_le_bytes()[..n]);
    };
    let low = low_bytes(bus);
    let above = low.saturating_sub(MIB) / 1024;
    if k.display(bus).is_some() {
        // What the display adapter's firmware leaves: mode 3, 80 columns, 25 lines of 16 points.
        for (at, v) in [(6, 3), (7, 80), (0x0e, 25), (0x0f, 1), (0x10, 16)] {
            put(at, v, 1);
        }
    }
    put(EXT_MEM_K, above.min(0xfc00), 2);
    put(ALT_MEM_K, above, 4);
    if has_acpi(bus) {
        put(ACPI_RSDP, acpi::BASE.into(), 8);
    }
    let map = memory_map(bus.config().ram_bytes);
    put(E820_ENTRIES, map.len() as u64, 1);
    for (i, (base, len, kind)) in map.into_iter().enumerate() {
        let at = E820_TABLE + 20 * i;
        put(at, base, 8);
        put(at + 8, len, 8);
        put(at + 16, kind.into(), 4);
    }
    if let Some(rd) = k.initrd.filter(|r| !r.is_empty()) {
        let limit = field(INITRD_MAX, 4)?;
        let limit = if limit == 0 { 0x37ff_ffff } else { limit };
        let at = place_initrd(bus, rd, end, limit)?;
        put(RAMDISK, at, 4);
        put(RAMDISK + 4, rd.len() as u64, 4);
    }
    let most = if version >= 0x0206 {
        field(CMDLINE_SIZE, 4)?
    } else {
        255
    };
    if k.cmdline.len() as u64 > most {
        return Err(ImageError::CommandLine);
    }
    let mut data = Data::new();
    let cmdline = data.text(k.cmdline);
    put(CMD_LINE, cmdline, 4);
    let params = data.add(&params);
    data.place(bus)?;
    Ok(Entry {
        eip: at as u32,
        esi: params as u32,
        ..Entry::default()
    })
}
