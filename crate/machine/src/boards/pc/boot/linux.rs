//! Linux's 32-bit boot protocol ("The Linux/x86 Boot Protocol", version 2.15, sections "The real-mode kernel header" and "32-bit Boot
//! Protocol").

use super::{Data, Entry, ImageError, Kernel, MIB, acpi, low_bytes, number, place, place_initrd};
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

pub(super) fn load(bus: &mut Bus, k: &Kernel<'_>) -> Result<Entry, ImageError> {
    let cut = ImageError::Linux("the file is cut short");
    let field = |at: usize, n: usize| number(k.image, at, n).ok_or(cut.clone());
    let version = field(VERSION, 2)?;
    if version < OLDEST {
        return Err(ImageError::Linux("boot protocol before 2.03"));
    }
    if k.image.get(LOADFLAGS).is_none_or(|f| f & LOADED_HIGH == 0) {
        return Err(ImageError::Linux("a zImage, which needs a BIOS"));
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
    put(EXT_MEM_K, above.min(0xfc00), 2);
    put(ALT_MEM_K, above, 4);
    put(ACPI_RSDP, acpi::BASE.into(), 8);
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
