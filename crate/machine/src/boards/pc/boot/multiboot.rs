//! Multiboot (specification 0.6.96): the header in the first 8 KiB, ELF or a flat image, one module, command line and memory map.

use super::{
    Data, Entry, ImageError, Kernel, elf, low_bytes, number, place, place_elf, place_initrd,
};
use crate::boards::pc::memory_map;
use crate::bus::Bus;

const HEADER_MAGIC: u64 = 0x1bad_b002;
const LOADER_MAGIC: u32 = 0x2bad_b002;
const SEARCH: usize = 8192;

/// Modules and everything else are page-aligned anyway; memory information is always there.
const KNOWN_NEEDS: u32 = 0x0003;
/// The header says where the image goes.
const ADDRESSES: u32 = 0x1_0000;

const HAS_MEMORY: u32 = 1 << 0;
const HAS_CMDLINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MAP: u32 = 1 << 6;
const HAS_NAME: u32 = 1 << 9;

/// A header.
pub(super) struct Header {
    at: usize,
    flags: u32,
    /// Its own address, where loading begins and ends, where zeros end, the entry.
    addresses: [u32; 5],
}

/// Finds the header.
pub(super) fn header(image: &[u8]) -> Option<Header> {
    let part = &image[..image.len().min(SEARCH)];
    (0..part.len()).step_by(4).find_map(|at| {
        let word = |i: usize| number(part, at + 4 * i, 4);
        let (magic, flags, sum) = (word(0)?, word(1)?, word(2)?);
        if magic != HEADER_MAGIC || (magic + flags + sum) as u32 != 0 {
            return None;
        }
        let addresses = [3, 4, 5, 6, 7].map(|i| word(i).unwrap_or(0) as u32);
        Some(Header {
            at,
            flags: flags as u32,
            addresses,
        })
    })
}

pub(super) fn load(bus: &mut Bus, k: &Kernel<'_>, h: &Header) -> Result<Entry, ImageError> {
    if h.flags & 0xffff & !KNOWN_NEEDS & !4 != 0 {
        return Err(ImageError::Multiboot("it needs what is not known"));
    }
    let (eip, end) = if h.flags & ADDRESSES != 0 {
        flat(bus, k.image, h)?
    } else {
        let (entry, segments) = elf(k.image)?;
        (entry as u32, place_elf(bus, &segments)?)
    };
    let mut data = Data::new();
    let cmdline = data.text(k.cmdline);
    let name = data.text("tinamou");
    let mut modules = Vec::new();
    if let Some(rd) = k.initrd.filter(|r| !r.is_empty()) {
        let at = place_initrd(bus, rd, end, u32::MAX.into())?;
        let text = data.text("");
        for v in [at, at + rd.len() as u64, text, 0] {
            modules.extend_from_slice(&(v as u32).to_le_bytes());
        }
    }
    let count = (modules.len() / 16) as u32;
    let modules = data.add(&modules);
    let mut map = Vec::new();
    for (base, len, kind) in memory_map(bus.config().ram_bytes) {
        map.extend_from_slice(&20u32.to_le_bytes());
        map.extend_from_slice(&base.to_le_bytes());
        map.extend_from_slice(&len.to_le_bytes());
        map.extend_from_slice(&kind.to_le_bytes());
    }
    let map_bytes = map.len() as u32;
    let map = data.add(&map);
    let flags =
        HAS_MEMORY | HAS_CMDLINE | HAS_MAP | HAS_NAME | if count > 0 { HAS_MODULES } else { 0 };
    let upper = (low_bytes(bus).saturating_sub(1 << 20) / 1024) as u32;
    let mut info = Vec::new();
    for v in [
        flags,
        639,
        upper,
        0,
        cmdline as u32,
        count,
        modules as u32,
        0,
        0,
        0,
        0,
        map_bytes,
        map as u32,
        0,
        0,
        0,
        name as u32,
    ] {
        info.extend_from_slice(&v.to_le_bytes());
    }
    info.resize(116, 0);
    let ebx = data.add(&info) as u32;
    data.place(bus)?;
    Ok(Entry {
        eip,
        eax: LOADER_MAGIC,
        ebx,
        ..Entry::default()
    })
}

/// Loads by the header's addresses; entry and end.
fn flat(bus: &mut Bus, image: &[u8], h: &Header) -> Result<(u32, u64), ImageError> {
    let wrong = |why| ImageError::Multiboot(why);
    let [own, first, last, zeros, entry] = h.addresses.map(u64::from);
    // The header's address says where in the file loading begins.
    let before = own.checked_sub(first);
    let skip = before.and_then(|b| (h.at as u64).checked_sub(b));
    let skip = skip.ok_or(wrong("its load address lies before the file"))?;
    let data = image
        .get(skip as usize..)
        .ok_or(wrong("its load address lies behind the file"))?;
    let n = match last {
        0 => data.len() as u64,
        l => l
            .checked_sub(first)
            .ok_or(wrong("its end lies before its beginning"))?,
    };
    let data = data
        .get(..n as usize)
        .ok_or(wrong("it is longer than the file"))?;
    let bytes = zeros.saturating_sub(first).max(n);
    place(bus, first, data, bytes)?;
    Ok((entry as u32, first + bytes))
}
