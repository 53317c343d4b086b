//! QEMU's `isapc`: a PC of the time before PCI. Memory is where it always is, the firmware can be written, the display adapter and the disk
//! controller sit at their old addresses, and the network interface is an NE2000. There is no power management, so power-off is the
//! user's; the I/O APIC, the HPET and ACPI's tables are missing as they were. CPUs without an APIC still reach their interrupts
//! through the chip that has them on the other boards.

use tinamou_core::{CPU_PRIVATE, IO_SPACE, MapTo, Mapping, Space};
use tinamou_hw::display::vga::{self, Vga};
use tinamou_hw::firmware::fw_cfg::{self, FwCfg};
use tinamou_hw::ide::channel::Bay;
use tinamou_hw::ide::piix_ide::PiixIde;
use tinamou_hw::intc::apic::{self, Apics};
use tinamou_hw::isa::piix::Model;

use super::parts::{self, APIC_WIRES, IDE_WIRES, io};
use super::{BIOS, BIOS_BYTES, MIB, NUMBERS, VRAM, VRAM_BYTES, window};
use crate::devices::{Board, DeviceSpec, RamView, regs};

/// The firmware's last 128 KiB below 1 MiB, and all of it below 4 GiB.
const fn firmware(base: u64, len: u64) -> Mapping {
    Mapping {
        space: Space::System,
        base,
        len,
        to: MapTo::Block {
            block: BIOS,
            offset: BIOS_BYTES - len,
            writable: true,
            region: 0,
        },
        priority: 0,
    }
}

const fn view(base: u64, max_bytes: u64) -> RamView {
    RamView {
        base,
        offset: base,
        max_bytes,
    }
}

/// The board.
pub static ISAPC: Board = Board {
    name: "isapc",
    what: "ISA-only PC",
    default_cpu: Some("486"),
    // Between them is the display adapter's window.
    ram: &[
        view(0, 0xa_0000),
        view(0xc_0000, 0x2_0000),
        view(MIB, 3583 * MIB),
    ],
    devices: &[
        DeviceSpec {
            map: &[
                window(IO_SPACE.0, 0x1_0000, Space::Io),
                regs(Space::System, 0xfee0_0000, 0x1000, apic::LOCAL, 4),
                regs(Space::System, CPU_PRIVATE.0, 0x100, apic::CPU_PORT, 8),
            ],
            wires: &APIC_WIRES,
            ..DeviceSpec::new("apic", "local APICs", |c| {
                Box::new(Apics::new(c.cpus as usize))
            })
        },
        parts::PIC,
        parts::PIT,
        parts::RTC,
        parts::DMA,
        parts::LATCHES,
        DeviceSpec {
            map: &[
                io(0x1f0, 8, 0, 4),
                io(0x170, 8, 1, 4),
                io(0x3f6, 1, 2, 1),
                io(0x376, 1, 3, 1),
            ],
            wires: &IDE_WIRES,
            ..DeviceSpec::new("ide", "IDE: disks 0, 1 and 3, CD in slot 2", |_| {
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
        DeviceSpec {
            map: &[
                io(0x510, 2, fw_cfg::PORTS, 2),
                io(0x514, 8, fw_cfg::DMA, 4),
                firmware(0xe_0000, 0x2_0000),
                firmware(0x1_0000_0000 - BIOS_BYTES, BIOS_BYTES),
            ],
            new: |c| Box::new(FwCfg::new(parts::fw_cfg_contents(c, false))),
            ..parts::FW_CFG
        },
        DeviceSpec {
            present: |c| c.pc.vga,
            map: &[
                io(0x3b0, 0x30, vga::PORTS, 2),
                io(0x1ce, 4, vga::DISPI, 2),
                Mapping {
                    to: MapTo::Window {
                        space: Space::PciMem,
                        base: 0xa_0000,
                    },
                    ..window(0xa_0000, 0x2_0000, Space::PciMem)
                },
                // Where VBE says that its linear framebuffer is.
                Mapping {
                    space: Space::System,
                    base: 0xe000_0000,
                    len: VRAM_BYTES,
                    to: MapTo::Block {
                        block: VRAM,
                        offset: 0,
                        writable: true,
                        region: 0,
                    },
                    priority: 0,
                },
            ],
            ..DeviceSpec::new("vga", "VGA with Bochs VBE", |_| {
                Box::new(Vga::new(VRAM, VRAM_BYTES))
            })
        },
        DeviceSpec {
            present: |c| c.nic,
            ..parts::NE2000
        },
    ],
    ..NUMBERS
};
