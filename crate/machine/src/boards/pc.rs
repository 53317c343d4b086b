//! QEMU's `pc`: an i440FX/PIIX3 machine as data, and the ways to start it: firmware ([`firmware`]) or a kernel without any ([`boot`]).
//!
//! The CPU reaches the I/O space and its own chips at [`IO_SPACE`] and [`CPU_PRIVATE`]. CPU pins: 0 INTR, 1 NMI, 2 INIT, 3 A20M#, 4 IGNNE# (the first CPU's both), 5 start-up.
//! Disk slots 0 to 3 are IDE (a CD drive in 2), 4 and 5 floppies, 6 and 7 virtio disks, 8 to 11 those of cards plugged later; console ports 0 and 1 are serial, 2 the printer, 3
//! the debug ports, 4 the virtio console. [`ISAPC`] is the same without PCI.

use tinamou_core::{BlockId, CPU_PRIVATE, IO_SPACE, MapTo, Mapping, Space};
use tinamou_hw::display::vga::{self, Vga};
use tinamou_hw::firmware::fw_cfg::Contents;
use tinamou_hw::ide::channel::Bay;
use tinamou_hw::ide::piix_ide::PiixIde;
use tinamou_hw::intc::apic::{self, Apics};
use tinamou_hw::isa::piix::{self, Model, Piix};
use tinamou_hw::net::e1000::E1000;
use tinamou_hw::net::ne2000::Ne2000;
use tinamou_hw::net::pcnet::Pcnet;
use tinamou_hw::net::rtl8139::Rtl8139;
use tinamou_hw::pci::i440fx::{self, I440fx};
use tinamou_hw::timer::hpet::{self, Hpet};
use tinamou_hw::virtio::balloon::Balloon;
use tinamou_hw::virtio::blk::Blk;
use tinamou_hw::virtio::console::Console;
use tinamou_hw::virtio::net::Net;
use tinamou_hw::virtio::pci::VirtioPci;
use tinamou_hw::virtio::rng::Rng;

pub use isapc::ISAPC;
use parts::{APIC_WIRES, IDE_WIRES, io, isa};

use crate::bus::{BoardError, Bus, Ram};
use crate::devices::{BlockSpec, Board, BoardConfig, DeviceSpec, IrqWire, regs, wire};

pub mod boot;
mod isapc;
mod parts;
#[cfg(test)]
mod tests;

/// Console port of the debug output.
pub const DEBUG_CONSOLE: u32 = 3;

const MIB: u64 = 1 << 20;
/// Bytes of the firmware that are seen below 1 MiB.
const SEEN_BYTES: usize = 128 << 10;

/// RAM.
pub const RAM: BlockId = BlockId(0);
/// Firmware, ending at 4 GiB.
pub const BIOS: BlockId = BlockId(1);
/// Its size.
pub const BIOS_BYTES: u64 = 256 << 10;
/// Video memory.
pub const VRAM: BlockId = BlockId(2);
const VRAM_BYTES: u64 = 16 * MIB;
/// The display adapter's firmware.
pub const VGA_ROM: BlockId = BlockId(3);
/// Its size.
pub const VGA_ROM_BYTES: u64 = 64 << 10;

/// A network interface.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Nic {
    /// Intel 82540EM.
    #[default]
    E1000,
    /// Realtek RTL8139.
    Rtl8139,
    /// NE2000 on PCI.
    Ne2000Pci,
    /// NE2000 at port 300h, IRQ 9.
    Ne2000Isa,
    /// AMD PCnet.
    Pcnet,
    /// Virtio.
    Virtio,
}

/// What a PC is made with besides what every board is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PcOptions {
    /// The network interface, if there is one.
    pub nic: Nic,
    /// Floppy drives that are there.
    pub floppies: [bool; 2],
    /// Boot devices in order: 1 floppy, 2 hard disk, 3 CD, 4 network; 0 ends.
    pub boot: [u8; 3],
    /// The firmware shows its boot menu.
    pub boot_menu: bool,
    /// Virtio disks (slots 6 and 7).
    pub virtio_disks: u8,
    /// The virtio console is there.
    pub virtio_console: bool,
    /// The virtio entropy device is there, with this seed.
    pub virtio_rng: Option<u64>,
    /// The virtio balloon is there.
    pub virtio_balloon: bool,
    /// Writing this port ends the emulator: 501h or F4h.
    pub debug_exit: Option<u16>,
    /// The display adapter is there.
    pub vga: bool,
    /// Nobody looks at a screen: the firmware talks to the first serial port too.
    pub nographic: bool,
    /// Items and files for the firmware besides the board's own.
    pub fw_cfg: Contents,
}

impl Default for PcOptions {
    fn default() -> PcOptions {
        PcOptions {
            nic: Nic::default(),
            floppies: [true, false],
            // Hard disk, floppy, CD.
            boot: [2, 1, 3],
            boot_menu: false,
            virtio_disks: 0,
            virtio_console: false,
            virtio_rng: None,
            virtio_balloon: false,
            debug_exit: None,
            vga: true,
            nographic: false,
            fw_cfg: Contents::default(),
        }
    }
}

/// The bridge's output pins are the ISA interrupts; SMI# goes to the CPUs.
static PIIX_WIRES: [IrqWire; 33] = {
    let mut w = [wire(piix::SMI, "apic", apic::SMI); 33];
    let mut n = 0;
    while n < 16 {
        let [a, b] = isa(n, n);
        w[2 * n as usize] = a;
        w[2 * n as usize + 1] = b;
        n += 1;
    }
    w
};

static HPET_WIRES: [IrqWire; 29] = {
    let mut w = [wire(hpet::LEGACY_ON, "pit", 0); 29];
    let mut n = 0;
    while n < 24 {
        w[n as usize] = wire(n, "apic", n);
        n += 1;
    }
    let [a, b] = isa(hpet::LEGACY_TIMER, 0);
    let [c, d] = isa(hpet::LEGACY_RTC, 8);
    (w[24], w[25], w[26], w[27]) = (a, b, c, d);
    w
};

/// INTA# of a slot: the board turns the lines by one from slot to slot.
const fn inta(slot: u32) -> IrqWire {
    wire(0, "piix3", (slot + 3) & 3)
}

const fn window(base: u64, len: u64, space: Space) -> Mapping {
    Mapping {
        space: Space::System,
        base,
        len,
        to: MapTo::Window { space, base: 0 },
        priority: 0,
    }
}

fn nic_is(c: &BoardConfig, nic: Nic) -> bool {
    c.nic && c.pc.nic == nic
}

/// The memory map: first address, length, kind (1 memory, 2 reserved), as firmware and kernels want it.
fn memory_map(ram_bytes: u64) -> Vec<(u64, u64, u32)> {
    let low = I440fx::low_bytes(ram_bytes);
    let mut map = vec![
        (0, low.min(0x9_fc00), 1),
        (0x9_fc00, 0x400, 2),
        (0xf_0000, 0x1_0000, 2),
    ];
    if low > MIB {
        map.push((MIB, low - MIB, 1));
    }
    map.push((0x1_0000_0000 - BIOS_BYTES, BIOS_BYTES, 2));
    if ram_bytes > low {
        map.push((0x1_0000_0000, ram_bytes - low, 1));
    }
    map
}

/// What both boards have in common.
const NUMBERS: Board = Board {
    name: "",
    what: "",
    default_cpu: None,
    check_ram: |n| match n {
        0 => Err("must not be zero"),
        n if n > 3584 * MIB => Err("at most 3584 MiB"),
        n if n % MIB != 0 => Err("must be a whole number of MiB"),
        _ => Ok(()),
    },
    blocks: &[
        BlockSpec {
            name: "ram",
            bytes: None,
        },
        BlockSpec {
            name: "bios",
            bytes: Some(BIOS_BYTES),
        },
        BlockSpec {
            name: "vram",
            bytes: Some(VRAM_BYTES),
        },
        BlockSpec {
            name: "vga-rom",
            bytes: Some(VGA_ROM_BYTES),
        },
    ],
    ram: &[],
    open: &[],
    consoles: 5,
    serial_ports: 2,
    disks: 12,
    nets: 5,
    devices: &[],
};

/// The board.
pub static PC: Board = Board {
    name: "pc",
    what: "Standard PC (i440FX + PIIX, 1996)",
    // The host bridge decides where memory is seen.
    ram: &[],
    devices: &[
        DeviceSpec {
            map: &[
                window(IO_SPACE.0, 0x1_0000, Space::Io),
                io(0xcf8, 8, i440fx::CONFIG, 4),
            ],
            pci: &[(0x00, 0)],
            ..DeviceSpec::new("i440fx", "i440FX host bridge", |c| {
                Box::new(I440fx::new(RAM, c.ram_bytes, BIOS, BIOS_BYTES))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::System, 0xfee0_0000, 0x1000, apic::LOCAL, 4),
                regs(Space::System, 0xfec0_0000, 0x1000, apic::IO, 4),
                regs(Space::System, CPU_PRIVATE.0, 0x100, apic::CPU_PORT, 8),
            ],
            wires: &APIC_WIRES,
            messages: Some(apic::MESSAGES),
            ..DeviceSpec::new("apic", "local APICs and I/O APIC", |c| {
                Box::new(Apics::new(c.cpus as usize))
            })
        },
        parts::PIC,
        parts::PIT,
        parts::RTC,
        DeviceSpec {
            map: &[regs(Space::System, 0xfed0_0000, 0x400, 0, 8)],
            wires: &HPET_WIRES,
            ..DeviceSpec::new("hpet", "high precision event timers", |_| {
                Box::new(Hpet::new())
            })
        },
        parts::DMA,
        parts::LATCHES,
        DeviceSpec {
            map: &[
                io(0xb2, 2, piix::APM, 1),
                io(0xae00, 0x14, piix::HOTPLUG, 4),
                io(0xafe0, 4, piix::EVENTS, 4),
            ],
            wires: &PIIX_WIRES,
            pci: &[(0x08, 0), (0x0b, 3)],
            ..DeviceSpec::new("piix3", "PIIX3 bridge and PIIX4 power management", |_| {
                Box::new(Piix::new(Model::Piix3, Vec::new()))
            })
        },
        DeviceSpec {
            map: &[
                io(0x1f0, 8, 0, 4),
                io(0x170, 8, 1, 4),
                io(0x3f6, 1, 2, 1),
                io(0x376, 1, 3, 1),
            ],
            wires: &IDE_WIRES,
            pci: &[(0x09, 1)],
            ..DeviceSpec::new("ide", "PIIX3 IDE: disks 0, 1 and 3, CD in slot 2", |_| {
                let bays = [Bay::Disk, Bay::Disk, Bay::Cd, Bay::Disk];
                Box::new(PiixIde::new(Model::Piix3, bays))
            })
        },
        parts::KEYBOARD,
        parts::FLOPPY,
        parts::SERIAL0,
        parts::SERIAL1,
        parts::PARALLEL0,
        parts::DEBUG_OUTPUT,
        parts::DEBUG_EXIT,
        parts::DEBUG_EXIT_F4,
        parts::FW_CFG,
        DeviceSpec {
            present: |c| c.pc.vga,
            map: &[io(0x3b0, 0x30, vga::PORTS, 2), io(0x1ce, 4, vga::DISPI, 2)],
            pci: &[(0x10, 0)],
            ..DeviceSpec::new("vga", "VGA with Bochs VBE", |_| {
                Box::new(Vga::new(VRAM, VRAM_BYTES).with_rom(VGA_ROM, VGA_ROM_BYTES as u32))
            })
        },
        DeviceSpec {
            present: |c| nic_is(c, Nic::E1000),
            wires: &[inta(3)],
            pci: &[(0x18, 0)],
            nets: &[0],
            ..DeviceSpec::new("e1000", "82540EM Ethernet controller", |c| {
                Box::new(E1000::new(0, c.mac))
            })
        },
        DeviceSpec {
            present: |c| nic_is(c, Nic::Rtl8139),
            wires: &[inta(3)],
            pci: &[(0x18, 0)],
            nets: &[0],
            ..DeviceSpec::new("rtl8139", "RTL8139 Ethernet controller", |c| {
                Box::new(Rtl8139::new(0, c.mac))
            })
        },
        DeviceSpec {
            present: |c| nic_is(c, Nic::Ne2000Pci),
            wires: &[inta(3)],
            pci: &[(0x18, 0)],
            nets: &[0],
            ..DeviceSpec::new("ne2k_pci", "NE2000 Ethernet controller on PCI", |c| {
                Box::new(Ne2000::pci(0, c.mac))
            })
        },
        parts::NE2000,
        DeviceSpec {
            present: |c| nic_is(c, Nic::Pcnet),
            wires: &[inta(3)],
            pci: &[(0x18, 0)],
            nets: &[0],
            ..DeviceSpec::new("pcnet", "PCnet Ethernet controller", |c| {
                Box::new(Pcnet::new(0, c.mac))
            })
        },
        DeviceSpec {
            present: |c| nic_is(c, Nic::Virtio),
            wires: &[inta(3)],
            pci: &[(0x18, 0)],
            nets: &[0],
            ..DeviceSpec::new("virtio-net", "virtio network", |c| {
                Box::new(VirtioPci::new(Net::new(0, c.mac)))
            })
        },
        DeviceSpec {
            present: |c| c.pc.virtio_disks > 0,
            wires: &[inta(4)],
            pci: &[(0x20, 0)],
            ..DeviceSpec::new("virtio-blk0", "virtio disk in slot 6", |_| {
                Box::new(VirtioPci::new(Blk::new(6)))
            })
        },
        DeviceSpec {
            present: |c| c.pc.virtio_disks > 1,
            wires: &[inta(5)],
            pci: &[(0x28, 0)],
            ..DeviceSpec::new("virtio-blk1", "virtio disk in slot 7", |_| {
                Box::new(VirtioPci::new(Blk::new(7)))
            })
        },
        DeviceSpec {
            present: |c| c.pc.virtio_console,
            wires: &[inta(6)],
            pci: &[(0x30, 0)],
            consoles: &[4],
            ..DeviceSpec::new("virtio-console", "virtio console", |_| {
                Box::new(VirtioPci::new(Console::new(4)))
            })
        },
        DeviceSpec {
            present: |c| c.pc.virtio_rng.is_some(),
            wires: &[inta(7)],
            pci: &[(0x38, 0)],
            ..DeviceSpec::new("virtio-rng", "virtio entropy", |c| {
                Box::new(VirtioPci::new(Rng::new(c.pc.virtio_rng.unwrap_or(0))))
            })
        },
        DeviceSpec {
            present: |c| c.pc.virtio_balloon,
            wires: &[inta(8)],
            pci: &[(0x40, 0)],
            ..DeviceSpec::new("virtio-balloon", "virtio memory balloon", |c| {
                Box::new(VirtioPci::new(Balloon::new(c.ram_bytes)))
            })
        },
        DeviceSpec::free_slot("pci-slot9", &[(0x48, 0)], &[inta(9)], &[1]),
        DeviceSpec::free_slot("pci-slot10", &[(0x50, 0)], &[inta(10)], &[2]),
        DeviceSpec::free_slot("pci-slot11", &[(0x58, 0)], &[inta(11)], &[3]),
        DeviceSpec::free_slot("pci-slot12", &[(0x60, 0)], &[inta(12)], &[4]),
    ],
    ..NUMBERS
};

/// Makes a PC without firmware.
///
/// # Errors
/// [`BoardError`].
pub fn new(config: BoardConfig, ram: Box<dyn Ram>) -> Result<Bus, BoardError> {
    Bus::new(&PC, config, ram)
}

/// Makes an [`ISAPC`], whose display adapter's firmware is for the firmware to load.
///
/// # Errors
/// [`BoardError`].
pub fn new_isapc(
    mut config: BoardConfig,
    vga_bios: Option<&[u8]>,
    ram: Box<dyn Ram>,
) -> Result<Bus, BoardError> {
    if let Some(image) = vga_bios {
        config.pc.fw_cfg.file("vgaroms/vgabios.bin", image);
    }
    Bus::new(&ISAPC, config, ram)
}

/// Puts a firmware image (SeaBIOS) where the CPU starts.
///
/// # Errors
/// [`boot::ImageError::Firmware`] when it is empty or too large.
pub fn firmware(bus: &mut Bus, image: &[u8]) -> Result<(), boot::ImageError> {
    let wrong = boot::ImageError::Firmware(image.len() as u64);
    let at = BIOS_BYTES.checked_sub(image.len() as u64);
    let at = at.filter(|_| !image.is_empty()).ok_or(wrong.clone())?;
    bus.add_image(BIOS, at, image.to_vec())
        .map_err(|_| wrong.clone())?;
    // Without a host bridge to show it, what lies below the last 128 KiB of a larger image is in memory from the start.
    if bus.board().name == ISAPC.name
        && let Some(below) = image.len().checked_sub(SEEN_BYTES).filter(|n| *n > 0)
    {
        let at = MIB - image.len() as u64;
        bus.add_image(RAM, at, image[..below].to_vec())
            .map_err(|_| wrong)?;
    }
    Ok(())
}

/// Puts the display adapter's firmware into its expansion ROM.
///
/// # Errors
/// [`boot::ImageError::Firmware`] when it is too large.
pub fn vga_firmware(bus: &mut Bus, image: &[u8]) -> Result<(), boot::ImageError> {
    let n = bus.add_image(VGA_ROM, 0, image.to_vec());
    n.map_err(|_| boot::ImageError::Firmware(image.len() as u64))
}
