//! Starting a kernel without firmware: its image goes where its boot protocol wants it, and a small program of our own in the
//! firmware's place does what a BIOS would have done (assigns PCI resources and interrupts), turns to 32-bit protected mode and jumps.
//! Beside it lie the tables that a BIOS would have left ([`acpi`]).
//!
//! Protocols: Linux's 32-bit boot protocol ([`linux`], "The Linux/x86 Boot Protocol", 2.15), PVH ([`pvh`], "Direct Boot ABI") and
//! Multiboot 0.6.96 ([`multiboot`]). Linux images without a 32-bit entry begin in real mode, on a few BIOS services of our own ([`bios16`]),
//! where also the display adapter's firmware runs, if there is some.

use object::LittleEndian;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use thiserror::Error;

use super::{BIOS, BIOS_BYTES, RAM, memory_map};
use crate::bus::Bus;

mod acpi;
mod acpi_files;
mod aml;
mod bios16;
mod linux;
mod multiboot;
mod pci;
mod pvh;
mod stub;

pub(super) use acpi_files::acpi_files;
use bios16::Real;
use stub::Out;

/// Data for the kernel, one region: boot parameters, command line, lists. Nothing else is there in low memory.
const DATA: u64 = 0x1_0000;
const DATA_END: u64 = 0x9_0000;
/// Our program's stack ends here.
const STACK: u32 = 0x1_0000;
const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

/// Why a kernel or firmware image cannot be started.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ImageError {
    /// None of the formats.
    #[error("the kernel is neither a Linux bzImage, a Multiboot nor a PVH ELF image")]
    Unknown,
    /// A Linux image that is too old or broken.
    #[error("not a usable Linux image: {0}")]
    Linux(&'static str),
    /// A broken ELF file.
    #[error("not a usable ELF file: {0}")]
    Elf(String),
    /// A Multiboot header that cannot be obeyed.
    #[error("not a usable Multiboot image: {0}")]
    Multiboot(&'static str),
    /// Outside RAM.
    #[error("the kernel does not fit into memory ({bytes:#x} bytes at {at:#x})")]
    Segment {
        /// Physical address.
        at: u64,
        /// Size in memory.
        bytes: u64,
    },
    /// No room for the initial RAM disk.
    #[error("memory is too small for the initrd of {0} bytes")]
    Initrd(u64),
    /// The command line is too long.
    #[error("the kernel command line is too long")]
    CommandLine,
    /// The firmware is larger than its place, or empty.
    #[error("the firmware image has {0} bytes; its place has {BIOS_BYTES}")]
    Firmware(u64),
}

/// A kernel to start.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// The file's bytes.
    pub image: &'a [u8],
    /// The initial RAM disk, or Multiboot's first module.
    pub initrd: Option<&'a [u8]>,
    /// The command line.
    pub cmdline: &'a str,
    /// The display adapter's firmware, which sets text mode and answers INT 10h. Without it the screen stays dark until the kernel
    /// programs the adapter.
    pub vga_bios: Option<&'a [u8]>,
}

impl<'a> Kernel<'a> {
    /// The display adapter's firmware, where there is the adapter and it fits.
    fn display(&self, bus: &Bus) -> Option<&'a [u8]> {
        let fits = |i: &&[u8]| !i.is_empty() && i.len() <= bios16::ROM_BYTES;
        self.vga_bios.filter(|i| bus.config().pc.vga && fits(i))
    }
}

/// Whether the board has what ACPI's tables tell of.
fn has_acpi(bus: &Bus) -> bool {
    bus.board().name != super::ISAPC.name
}

/// How a kernel was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Linux, 32-bit entry.
    Linux,
    /// Linux, real-mode entry.
    Linux16,
    /// PVH.
    Pvh,
    /// Multiboot.
    Multiboot,
}

/// Registers at the kernel's entry.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Entry {
    eip: u32,
    eax: u32,
    ebx: u32,
    esi: u32,
    /// Segment and stack pointer of a kernel that begins in real mode.
    real: Option<(u16, u16)>,
}

/// Loads a kernel and the program that starts it. The CPU starts at its reset vector as always; a reset loads it all again.
///
/// # Errors
/// [`ImageError`]; memory may then hold a part of the kernel.
pub fn load_kernel(bus: &mut Bus, kernel: &Kernel<'_>) -> Result<Protocol, ImageError> {
    let (protocol, entry) = if linux::is(kernel.image) {
        let entry = linux::load(bus, kernel)?;
        let real = entry.real.is_some();
        let protocol = if real {
            Protocol::Linux16
        } else {
            Protocol::Linux
        };
        (protocol, entry)
    } else if let Some(h) = multiboot::header(kernel.image) {
        (Protocol::Multiboot, multiboot::load(bus, kernel, &h)?)
    } else if let Some(at) = pvh::entry(kernel.image)? {
        (Protocol::Pvh, pvh::load(bus, kernel, at)?)
    } else {
        return Err(ImageError::Unknown);
    };
    let mut setup = pci::setup(bus);
    // The keyboard controller translates scan codes and interrupts, as every BIOS leaves it.
    setup.extend([Out::new(1, 0x64, 0x60), Out::new(1, 0x60, 0x65)]);
    let vga_bios = kernel.display(bus);
    let mut real = None;
    if entry.real.is_some() || vga_bios.is_some() {
        bus.add_image(RAM, 0, Real::low_memory())
            .map_err(ImageError::Firmware)?;
        real = Some(Real {
            rom: vga_bios.is_some(),
            kernel: entry.real,
            map: memory_map(bus.config().ram_bytes),
            low_bytes: low_bytes(bus),
        });
    }
    if let Some(image) = vga_bios {
        // Memory instead of the bus where it is seen.
        setup.extend(pci::memory_at_c0000());
        bus.add_image(RAM, bios16::ROM_BASE, image.to_vec())
            .map_err(ImageError::Firmware)?;
    }
    let tables = if has_acpi(bus) {
        bus.add_image(RAM, acpi::FACS.into(), acpi::facs())
            .map_err(ImageError::Firmware)?;
        acpi::tables(bus.config().cpus as u8)
    } else {
        Vec::new()
    };
    let rom = stub::program(&setup, &entry, &tables, real.as_ref());
    bus.add_image(BIOS, 0, rom).map_err(ImageError::Firmware)?;
    Ok(protocol)
}

/// Puts bytes into low memory; what follows them up to `bytes` is zero, also after a reset.
fn place(bus: &mut Bus, at: u64, data: &[u8], bytes: u64) -> Result<(), ImageError> {
    let wrong = ImageError::Segment { at, bytes };
    let low = low_bytes(bus);
    let end = at.checked_add(bytes).filter(|e| *e <= low);
    let inside = end.is_some_and(|e| at >= MIB || e <= 0x9_fc00);
    if !inside || data.len() as u64 > bytes {
        return Err(wrong);
    }
    let mut all = data.to_vec();
    all.resize(bytes as usize, 0);
    bus.add_image(RAM, at, all).map_err(|_| wrong)
}

fn low_bytes(bus: &Bus) -> u64 {
    tinamou_hw::pci::i440fx::I440fx::low_bytes(bus.config().ram_bytes)
}

/// Puts the RAM disk as high as `limit` and memory allow, above `end`; its address.
fn place_initrd(bus: &mut Bus, data: &[u8], end: u64, limit: u64) -> Result<u64, ImageError> {
    let n = data.len() as u64;
    let top = low_bytes(bus).min(limit.saturating_add(1));
    let at = top.checked_sub(n).map(|a| a / PAGE * PAGE);
    let at = at
        .filter(|a| *a >= end.max(MIB))
        .ok_or(ImageError::Initrd(n))?;
    place(bus, at, data, n)?;
    Ok(at)
}

/// Data for the kernel, built up in low memory.
struct Data {
    bytes: Vec<u8>,
}

impl Data {
    fn new() -> Data {
        Data { bytes: Vec::new() }
    }

    /// Adds bytes; their physical address.
    fn add(&mut self, b: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        let at = DATA + self.bytes.len() as u64;
        self.bytes.extend_from_slice(b);
        at
    }

    /// Adds text with its final zero.
    fn text(&mut self, s: &str) -> u64 {
        let mut b: Vec<u8> = s.bytes().filter(|b| *b != 0).collect();
        b.push(0);
        self.add(&b)
    }

    fn place(self, bus: &mut Bus) -> Result<(), ImageError> {
        let n = self.bytes.len() as u64;
        if n > DATA_END - DATA {
            return Err(ImageError::CommandLine);
        }
        place(bus, DATA, &self.bytes, n)
    }
}

/// A piece of an ELF file.
struct Segment<'a> {
    at: u64,
    data: &'a [u8],
    bytes: u64,
}

/// Entry and segments of an x86 ELF file of either width.
fn elf(image: &[u8]) -> Result<(u64, Vec<Segment<'_>>), ImageError> {
    if image.get(4) == Some(&elf::ELFCLASS64) {
        elf_of::<FileHeader64<LittleEndian>>(image)
    } else {
        elf_of::<FileHeader32<LittleEndian>>(image)
    }
}

fn elf_of<H: FileHeader<Endian = LittleEndian>>(
    image: &[u8],
) -> Result<(u64, Vec<Segment<'_>>), ImageError> {
    let wrong = |e: object::Error| ImageError::Elf(e.to_string());
    let h = H::parse(image).map_err(wrong)?;
    let e = h.endian().map_err(wrong)?;
    if !matches!(h.e_machine(e), elf::EM_386 | elf::EM_X86_64) {
        return Err(ImageError::Elf(format!("machine {}", h.e_machine(e))));
    }
    let mut out = Vec::new();
    for p in h.program_headers(e, image).map_err(wrong)? {
        let bytes: u64 = p.p_memsz(e).into();
        if p.p_type(e) != elf::PT_LOAD || bytes == 0 {
            continue;
        }
        let data = p
            .data(e, image)
            .map_err(|()| ImageError::Elf("segment beyond the file".into()))?;
        let at = p.p_paddr(e).into();
        out.push(Segment { at, data, bytes });
    }
    if out.is_empty() {
        return Err(ImageError::Elf("nothing to load".into()));
    }
    Ok((h.e_entry(e).into(), out))
}

/// Loads an ELF file's segments; the address after the last.
fn place_elf(bus: &mut Bus, segments: &[Segment<'_>]) -> Result<u64, ImageError> {
    let mut end = 0;
    for s in segments {
        place(bus, s.at, s.data, s.bytes)?;
        end = end.max(s.at + s.bytes);
    }
    Ok(end)
}

/// A little-endian number in an image.
fn number(b: &[u8], at: usize, n: usize) -> Option<u64> {
    let b = b.get(at..at.checked_add(n)?)?;
    Some(b.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
}
