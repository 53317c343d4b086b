//! The PVH entry of an ELF kernel (Xen, "x86/HVM direct boot ABI"; `hvm_start_info` version 1).

use object::LittleEndian;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use super::{Data, Entry, ImageError, Kernel, acpi, elf, number, place_elf, place_initrd};
use crate::boards::pc::memory_map;
use crate::bus::Bus;

const MAGIC: u32 = 0x336e_c578;
/// XEN_ELFNOTE_PHYS32_ENTRY.
const PHYS32_ENTRY: u32 = 18;

/// The physical entry that an ELF file's notes name; `None` for other files.
pub(super) fn entry(image: &[u8]) -> Result<Option<u32>, ImageError> {
    if !image.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    if image.get(4) == Some(&object::elf::ELFCLASS64) {
        find::<FileHeader64<LittleEndian>>(image)
    } else {
        find::<FileHeader32<LittleEndian>>(image)
    }
}

fn find<H: FileHeader<Endian = LittleEndian>>(image: &[u8]) -> Result<Option<u32>, ImageError> {
    let wrong = |e: object::Error| ImageError::Elf(e.to_string());
    let h = H::parse(image).map_err(wrong)?;
    let e = h.endian().map_err(wrong)?;
    for p in h.program_headers(e, image).map_err(wrong)? {
        let Some(mut notes) = p.notes(e, image).map_err(wrong)? else {
            continue;
        };
        while let Some(n) = notes.next().map_err(wrong)? {
            if n.name() == b"Xen" && n.n_type(e) == PHYS32_ENTRY {
                let at = number(n.desc(), 0, 4);
                return Ok(at.map(|a| a as u32));
            }
        }
    }
    Ok(None)
}

pub(super) fn load(bus: &mut Bus, k: &Kernel<'_>, eip: u32) -> Result<Entry, ImageError> {
    let (_, segments) = elf(k.image)?;
    let end = place_elf(bus, &segments)?;
    let mut data = Data::new();
    let cmdline = data.text(k.cmdline);
    let mut modules = Vec::new();
    if let Some(rd) = k.initrd.filter(|r| !r.is_empty()) {
        let at = place_initrd(bus, rd, end, u32::MAX.into())?;
        for v in [at, rd.len() as u64, 0, 0] {
            modules.extend_from_slice(&v.to_le_bytes());
        }
    }
    let map = memory_map(bus.config().ram_bytes);
    let mut ranges = Vec::new();
    for &(base, len, kind) in &map {
        ranges.extend_from_slice(&base.to_le_bytes());
        ranges.extend_from_slice(&len.to_le_bytes());
        ranges.extend_from_slice(&u64::from(kind).to_le_bytes());
    }
    let count = (modules.len() / 32) as u32;
    let modules = data.add(&modules);
    let ranges = data.add(&ranges);
    let mut info = Vec::new();
    for v in [MAGIC, 1, 0, count] {
        info.extend_from_slice(&v.to_le_bytes());
    }
    // Modules, command line, ACPI's root pointer, the memory map.
    for v in [modules, cmdline, acpi::BASE.into(), ranges] {
        info.extend_from_slice(&v.to_le_bytes());
    }
    info.extend_from_slice(&(map.len() as u64).to_le_bytes());
    let ebx = data.add(&info) as u32;
    data.place(bus)?;
    Ok(Entry {
        eip,
        ebx,
        ..Entry::default()
    })
}
