//! Starting a Malta: a firmware image in flash, or a kernel (an ELF file, gzipped or not, a gzipped raw kernel, a uImage) with the environment that the YAMON monitor gives it
//! (argument and environment vectors, a call vector with console output) and a small program of our own in the boot ROM
//! that sets up the system controller's decoders and jumps.

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use thiserror::Error;

use super::{BOOT_ROM, FLASH, FLASH_BYTES, RAM};
use crate::bus::Bus;
use crate::image::{self, Content, OpenError, arch};

mod stub;

/// Where the argument table lies, physically.
const ENV_PHYS: u64 = 0x2000;
/// Kernels are loaded above this; the environment stays below.
const ENV_END: u64 = 0x10_0000;
const LOW_RAM: u64 = 256 << 20;
/// Where a raw kernel goes and is entered that comes without a header.
const RAW_KERNEL: u32 = 0x8010_0000;
const INITRD_ALIGN: u64 = 64 << 10;
/// Little-endian firmware images are stored word-swapped up to here; what follows is the monitor's environment.
const SWAPPED_BYTES: usize = 0x3e_0000;

/// Why a kernel or firmware image cannot be started.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ImageError {
    /// A damaged or unsupported wrapping.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No ELF file, or a broken one.
    #[error("not a usable ELF file: {0}")]
    Elf(String),
    /// Another machine's ELF file.
    #[error("the kernel is for another machine (ELF machine {0}, MIPS is 8)")]
    Machine(u16),
    /// The wrong byte order.
    #[error("the kernel is {0}-endian, the machine is not")]
    Endian(&'static str),
    /// Outside RAM.
    #[error("the kernel does not fit into memory (segment of {bytes:#x} bytes at {at:#x})")]
    Segment {
        /// Physical address.
        at: u64,
        /// Size in memory.
        bytes: u64,
    },
    /// A device tree that is none, or too large.
    #[error("not a flattened device tree, or memory is too small for it ({0} bytes)")]
    Tree(u64),
    /// No room for the initial RAM disk.
    #[error("memory is too small for the initrd of {0} bytes")]
    Initrd(u64),
    /// The command line is too long.
    #[error("the kernel command line is too long")]
    CommandLine,
    /// The firmware is larger than the flash.
    #[error("the firmware image has {0} bytes, the flash {FLASH_BYTES}")]
    Firmware(u64),
}

/// A kernel to start.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// The image file's bytes.
    pub image: &'a [u8],
    /// Its name, the first argument.
    pub name: &'a str,
    /// The initial RAM disk.
    pub initrd: Option<&'a [u8]>,
    /// The command line.
    pub cmdline: &'a str,
    /// A flattened device tree: the kernel is then started by the UHI protocol (MD01069, "boot protocols"), with this alone.
    pub dtb: Option<&'a [u8]>,
}

/// Where a kernel went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Entry address, sign-extended.
    pub entry: u64,
    /// First physical byte after the kernel.
    pub end: u64,
    /// True for a 64-bit ELF file.
    pub is_64: bool,
}

/// Puts `image` into flash and boot ROM (the rest is zero) and the revision word into the boot ROM.
pub(super) fn set_flash(bus: &mut Bus, image: &[u8]) {
    let mut bytes = vec![0; FLASH_BYTES as usize];
    bytes[..image.len()].copy_from_slice(image);
    bus.block_write(FLASH, 0, &bytes);
    let revision = 0x420u32;
    let word = if bus.config().big_endian {
        revision.to_be_bytes()
    } else {
        revision.to_le_bytes()
    };
    bytes[0x10..0x14].copy_from_slice(&word);
    bus.block_write(BOOT_ROM, 0, &bytes);
}

/// Puts a firmware image into flash. Images are in big-endian word order as they come; on a little-endian board each word is
/// swapped, as QEMU does, so that one image serves both.
///
/// # Errors
/// [`ImageError::Firmware`].
pub fn load_firmware(bus: &mut Bus, image: &[u8]) -> Result<(), ImageError> {
    if image.len() as u64 > FLASH_BYTES {
        return Err(ImageError::Firmware(image.len() as u64));
    }
    let mut bytes = image.to_vec();
    if !bus.config().big_endian {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let n = bytes.len().min(SWAPPED_BYTES);
        for w in bytes[..n].chunks_exact_mut(4) {
            w.reverse();
        }
    }
    set_flash(bus, &bytes);
    Ok(())
}

/// The physical address behind a kernel's (sign-extended) virtual or physical one.
fn physical(a: u64) -> u64 {
    match a >> 62 {
        // xkphys
        2 => a & 0x07ff_ffff_ffff_ffff,
        _ => {
            let a = a & 0xffff_ffff;
            if (0x8000_0000..0xc000_0000).contains(&a) {
                a & 0x1fff_ffff
            } else {
                a
            }
        }
    }
}

struct Segment<'a> {
    at: u64,
    data: &'a [u8],
    bytes: u64,
}

fn segments<'a, H: FileHeader<Endian = Endianness>>(
    data: &'a [u8],
    sign: impl Fn(u64) -> u64,
    big_endian: bool,
) -> Result<(u64, Vec<Segment<'a>>), ImageError> {
    let wrong = |e: object::Error| ImageError::Elf(e.to_string());
    let h = H::parse(data).map_err(wrong)?;
    let e = h.endian().map_err(wrong)?;
    if h.e_machine(e) != elf::EM_MIPS {
        return Err(ImageError::Machine(h.e_machine(e)));
    }
    if (e == Endianness::Big) != big_endian {
        return Err(ImageError::Endian(if big_endian {
            "little"
        } else {
            "big"
        }));
    }
    let mut out = Vec::new();
    for p in h.program_headers(e, data).map_err(wrong)? {
        if p.p_type(e) != elf::PT_LOAD {
            continue;
        }
        let bytes = p.p_memsz(e).into();
        let file = p
            .data(e, data)
            .map_err(|()| ImageError::Elf("segment beyond the file".into()))?;
        if file.len() as u64 > bytes {
            return Err(ImageError::Elf(
                "segment larger in the file than in memory".into(),
            ));
        }
        if bytes != 0 {
            out.push(Segment {
                at: physical(sign(p.p_paddr(e).into())),
                data: file,
                bytes,
            });
        }
    }
    if out.is_empty() {
        return Err(ImageError::Elf("nothing to load".into()));
    }
    Ok((sign(h.e_entry(e).into()), out))
}

/// Loads a kernel, its initrd and its environment, and the boot ROM's program. The CPU starts at the reset vector as always.
/// A reset loads it all again.
///
/// # Errors
/// [`ImageError`]; memory may then hold a part of the kernel.
pub fn load_kernel(bus: &mut Bus, kernel: &Kernel<'_>) -> Result<Loaded, ImageError> {
    let be = bus.config().big_endian;
    let low = bus.config().ram_bytes.min(LOW_RAM);
    let archs = [arch::MIPS, arch::MIPS64];
    let content = image::open(kernel.image, &archs, low)?;
    let extended = |a: u32| a as i32 as i64 as u64;
    let (entry, segs, is_64) = match &content {
        Content::File(file) => {
            let is_64 = file.get(4) == Some(&elf::ELFCLASS64);
            let (entry, segs) = if is_64 {
                segments::<FileHeader64<Endianness>>(file, |a| a, be)?
            } else {
                segments::<FileHeader32<Endianness>>(file, |a| extended(a as u32), be)?
            };
            (entry, segs, is_64)
        }
        Content::Raw { data, at } => {
            let (load, entry) = at.unwrap_or((RAW_KERNEL, RAW_KERNEL));
            let raw = Segment {
                at: physical(extended(load)),
                data,
                bytes: data.len() as u64,
            };
            (extended(entry), vec![raw], false)
        }
    };
    let mut end = 0;
    for s in &segs {
        let last =
            s.at.checked_add(s.bytes)
                .filter(|e| *e <= low && s.at >= ENV_PHYS);
        end = end.max(last.ok_or(ImageError::Segment {
            at: s.at,
            bytes: s.bytes,
        })?);
        // What is not in the file is zero, also after a reset.
        let mut data = s.data.to_vec();
        data.resize(s.bytes as usize, 0);
        bus.add_image(RAM, s.at, data)
            .map_err(|_| ImageError::Segment {
                at: s.at,
                bytes: s.bytes,
            })?;
    }
    let mut args = String::new();
    if let Some(rd) = kernel.initrd.filter(|r| !r.is_empty()) {
        let n = rd.len() as u64;
        // At the top of low memory, with room above for the kernel's boot map.
        let at = low
            .checked_sub(n + (128 << 10))
            .map(|a| a / INITRD_ALIGN * INITRD_ALIGN)
            .filter(|a| *a >= end.max(ENV_END))
            .ok_or(ImageError::Initrd(n))?;
        bus.add_image(RAM, at, rd.to_vec())
            .map_err(|_| ImageError::Initrd(n))?;
        let virt = 0xffff_ffff_8000_0000 | at;
        args = format!("rd_start={virt:#018x} rd_size={n} ");
    }
    args.push_str(kernel.cmdline);
    let env = [
        ("memsize", low.to_string()),
        ("ememsize", bus.config().ram_bytes.to_string()),
        ("modetty0", "38400n8r".to_string()),
    ];
    let table = environment(be, kernel.name, &args, &env).ok_or(ImageError::CommandLine)?;
    bus.add_image(RAM, ENV_PHYS, table)
        .map_err(|_| ImageError::CommandLine)?;
    let base = 0x8000_0000 + ENV_PHYS as u32;
    let args = match kernel.dtb {
        Some(tree) => [-2i32 as u32, load_tree(bus, tree, end)?, 0, 0],
        None => [2, base, base + 8, low as u32],
    };
    let code = stub::program(
        be,
        &stub::Start {
            entry: entry as u32,
            args,
            stack: base - 64,
        },
    );
    set_flash(bus, &code);
    Ok(Loaded { entry, end, is_64 })
}

/// Puts a device tree behind the kernel, which ends at `end`; its address in kseg0.
fn load_tree(bus: &mut Bus, tree: &[u8], end: u64) -> Result<u32, ImageError> {
    let wrong = ImageError::Tree(tree.len() as u64);
    let word = |at: usize| Some(u32::from_be_bytes(tree.get(at..at + 4)?.try_into().ok()?));
    let at = end.next_multiple_of(INITRD_ALIGN);
    let fits = at + tree.len() as u64 <= bus.config().ram_bytes.min(LOW_RAM);
    if word(0) != Some(0xd00d_feed) || word(4) != Some(tree.len() as u32) || !fits {
        return Err(wrong);
    }
    bus.add_image(RAM, at, tree.to_vec()).map_err(|_| wrong)?;
    Ok(0x8000_0000 | at as u32)
}

/// The table at `ENV_PHYS`: argv[0], argv[1], then name and value pointers, a zero, and the strings.
fn environment(be: bool, name: &str, args: &str, env: &[(&str, String)]) -> Option<Vec<u8>> {
    let mut strings = vec![name, args];
    strings.extend(env.iter().flat_map(|(n, v)| [*n, v.as_str()]));
    let table = 4 * (strings.len() as u64 + 1);
    let mut at = 0x8000_0000 + ENV_PHYS + table;
    let (mut out, mut tail) = (Vec::new(), Vec::new());
    for s in strings {
        let p = at as u32;
        out.extend_from_slice(&if be { p.to_be_bytes() } else { p.to_le_bytes() });
        tail.extend(s.bytes().filter(|b| *b != 0));
        tail.push(0);
        at = 0x8000_0000 + ENV_PHYS + table + tail.len() as u64;
    }
    out.extend_from_slice(&[0; 4]);
    out.append(&mut tail);
    (out.len() as u64 <= ENV_END - ENV_PHYS).then_some(out)
}
