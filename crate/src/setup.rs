//! From options to a machine: reads the files, makes the machine, puts in its disks.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use tinamou::lab;
use tinamou_arena::Arena;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::boards::pc;
use tinamou_machine::malta::boot::ImageError;
use tinamou_machine::{Arch, Config, Machine, MachineError};

use crate::disks::{self, Bay};
use crate::firmware;
use crate::host::why;
use crate::options::Options;
use crate::options::log::Item;
use crate::options::rtc::RtcBase;
use crate::share::Folder;

/// One nanosecond per instruction where time follows the wall clock: no guest of ours runs much faster than that, so that virtual
/// time does not run ahead.
const WALL_SHIFT: u32 = 0;

/// A PC's firmware, and its display adapter's.
fn firmware_names(machine: &str) -> (&'static str, &'static str) {
    if machine == pc::ISAPC.name {
        // The larger firmware wants memory that only the host bridge gives.
        ("bios.bin", "vgabios-isavga.bin")
    } else {
        ("bios-256k.bin", "vgabios-stdvga.bin")
    }
}

/// Makes the machine, and its drives.
///
/// # Errors
/// A sentence for the user.
pub fn machine(
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<(Machine, Vec<Bay>), String> {
    let mut config = Config::new(options.target);
    config.machine = options.machine.clone();
    config.cpu = options.cpu.clone();
    config.ram_bytes = options.ram_bytes.unwrap_or(config.ram_bytes);
    config.cpus = options.cpus.unwrap_or(config.cpus);
    config.nic = options.board_net.there;
    config.mac = options.board_net.mac.unwrap_or(config.mac);
    config.accel = options.accel;
    config.log_guest_errors = options.log.has(Item::GuestErrors);
    config.icount_shift = options.icount.map_or(WALL_SHIFT, |i| i.shift);
    config.counted = options.icount.is_some();
    config.append = options.append.clone().unwrap_or_default();
    config.initrd = read(&options.initrd, "initrd")?;
    if let Some(name) = &options.bios {
        config.bios = Some(firmware::read(options, name)?);
    }
    config.dtb = read(&options.dtb, "device tree")?;
    match read(&options.kernel, "kernel")? {
        Some(kernel) => {
            config.kernel = Some(kernel);
            config.kernel_name = options.kernel.clone().unwrap_or_default();
        }
        None if options.target.arch == Arch::X86 => {}
        None if config.bios.is_none() => {
            warnings.push("no -kernel and no -bios: this is the built-in lab guest".into());
            config.kernel = Some(lab::image(options.target.big_endian).to_vec());
            config.kernel_name = "lab".into();
        }
        None => {}
    }
    config.seed = entropy(options);
    if let Some(seconds) = rtc_seconds(options) {
        config.rtc_base = seconds;
    }
    let disks = disks::open(options, warnings)?;
    if options.target.arch == Arch::X86 {
        furnish_pc(options, &mut config, &disks, warnings)?;
    }
    let mut machine =
        Machine::new(&config, engine).map_err(|e| match (&e, &options.kernel, &options.bios) {
            (MachineError::Image(ImageError::Firmware(_)), _, Some(path)) => {
                format!("could not load firmware '{path}': {e}")
            }
            (MachineError::Image(ImageError::Tree(_)), ..) => {
                let path = options.dtb.as_deref().unwrap_or_default();
                format!("could not load device tree '{path}': {e}")
            }
            (MachineError::PcImage(pc::boot::ImageError::Firmware(_)), _, path) => {
                let path = path
                    .as_deref()
                    .unwrap_or(firmware_names(&options.machine).0);
                format!("could not load firmware '{path}': {e}")
            }
            (MachineError::Image(_) | MachineError::PcImage(_), Some(path), _) => {
                format!("could not load kernel '{path}': {e}")
            }
            _ => e.to_string(),
        })?;
    for s in &options.shares {
        let tree = Folder::open(&s.path, s.read_only)?;
        machine.bus_mut().add_share(&s.id, Box::new(tree));
    }
    let (mut bays, mut any) = (Vec::new(), false);
    for (bay, disk) in disks {
        any |= disk.is_some();
        machine.bus_mut().set_disk(bay.slot, disk);
        let [read, write] = bay.error_actions();
        machine.bus_mut().set_error_actions(bay.slot, read, write);
        bays.push(bay);
    }
    if any {
        // The drives look at their disks on reset.
        machine.reset();
    }
    Ok((machine, bays))
}

/// What a PC has besides: its firmware, if no kernel is started without, and its options.
fn furnish_pc(
    options: &Options,
    config: &mut Config,
    disks: &disks::Drives,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let (bios, vga_bios) = firmware_names(&options.machine);
    if config.kernel.is_none() {
        if config.bios.is_none() {
            config.bios = Some(firmware::own(options, bios)?);
        }
        if options.vga {
            config.vga_bios = Some(firmware::own(options, vga_bios)?);
        }
    } else {
        if config.bios.take().is_some() {
            warnings.push("-kernel starts without firmware: -bios is not used".into());
        }
        // Text on the screen from the start, where somebody may look at it.
        if options.vga && (options.display_none || options.curses) && !options.nographic {
            config.vga_bios = firmware::own(options, vga_bios).ok();
        }
    }
    let there = |slot: u32| disks.iter().any(|(bay, _)| bay.slot == slot);
    let pc = &mut config.pc;
    pc.nic = options.board_net.nic;
    pc.floppies[1] = there(5);
    pc.virtio_disks = if there(7) { 2 } else { u8::from(there(6)) };
    if let Some(boot) = &options.boot {
        (pc.boot, pc.boot_menu) = (boot.order, boot.menu);
        if let Some(ms) = boot.wait_ms {
            pc.fw_cfg.file("etc/boot-menu-wait", ms.to_le_bytes());
        }
    }
    pc.debug_exit = options.debug_exit;
    pc.vga = options.vga;
    // There is no window: who wants no display at all looks elsewhere.
    pc.nographic = options.nographic || !(options.display_none || options.curses);
    Ok(())
}

/// Where random numbers begin: the same in every run of a counted machine.
pub fn entropy(options: &Options) -> u64 {
    match options.icount {
        Some(_) => 0,
        None => RandomState::new().build_hasher().finish(),
    }
}

fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    match WasmtimeEngine::new(arena, cpus.saturating_sub(1).clamp(1, 4)) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(e) => Err(e.to_string()),
    }
}

fn read(path: &Option<String>, what: &str) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = path else { return Ok(None) };
    std::fs::read(path)
        .map(Some)
        .map_err(|e| format!("could not load {what} '{path}': {}", why(&e)))
}

/// What the real-time clock shows at first; `None` for the fixed date of deterministic runs.
fn rtc_seconds(options: &Options) -> Option<u64> {
    let utc = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    match options.rtc_base {
        Some(RtcBase::At(seconds)) => Some(seconds),
        Some(RtcBase::Localtime) => Some(utc.saturating_add_signed(local_offset(utc))),
        Some(RtcBase::Utc) => Some(utc),
        None => options.icount.is_none().then_some(utc),
    }
}

/// Seconds that local time is ahead of UTC.
fn local_offset(utc: u64) -> i64 {
    let seconds = utc as libc::time_t;
    // SAFETY: both pointers are to live values; a zeroed tm is valid.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const seconds, &raw mut tm).is_null() {
            return 0;
        }
        tm.tm_gmtoff as i64
    }
}
