//! MIPS Malta (user's manual MD00048) with a GT-64120A core card, as data, and the two ways to start it: firmware in flash,
//! or a kernel in the manner of the YAMON monitor ([`boot`]).
//!
//! CPU pins are named by their bits in Cause.IP: 2 is the 8259 pair, 4 the third UART, 5 the core card's system controller.

use tinamou_core::{BlockId, MapTo, Mapping, Space};
use tinamou_hw::flash::cfi01::Cfi01;
use tinamou_hw::ide::channel::Bay;
use tinamou_hw::ide::piix_ide::PiixIde;
use tinamou_hw::intc::i8259::I8259Pair;
use tinamou_hw::isa::i8042::I8042;
use tinamou_hw::isa::piix::{Model, Piix};
use tinamou_hw::isa::spd::spd;
use tinamou_hw::misc::malta_fpga::MaltaFpga;
use tinamou_hw::misc::ports::IsaLatches;
use tinamou_hw::net::pcnet::Pcnet;
use tinamou_hw::pci::gt64120::Gt64120;
use tinamou_hw::serial::ns16550::Ns16550;
use tinamou_hw::timer::i8254::I8254;
use tinamou_hw::timer::mc146818::Mc146818;

use crate::bus::{BoardError, Bus, Ram};
use crate::devices::{
    BlockSpec, Board, BoardConfig, DeviceSpec, IrqWire, RamView, cpu, regs, wire,
};

pub mod boot;
#[cfg(test)]
mod tests;

const MIB: u64 = 1 << 20;

/// RAM.
pub const RAM: BlockId = BlockId(0);
/// The flash chip's array.
pub const FLASH: BlockId = BlockId(1);
/// The boot ROM area: what the flash held at start, with the board's revision word.
pub const BOOT_ROM: BlockId = BlockId(2);
/// Size of the flash and of the boot ROM area.
pub const FLASH_BYTES: u64 = 4 * MIB;

const FLASH_BASE: u64 = 0x1e00_0000;
const BOOT_ROM_BASE: u64 = 0x1fc0_0000;
const FPGA_BASE: u64 = 0x1f00_0000;

const fn boot_rom_mapping() -> Mapping {
    Mapping {
        space: Space::System,
        base: BOOT_ROM_BASE,
        len: FLASH_BYTES,
        to: MapTo::Block {
            block: BOOT_ROM,
            offset: 0,
            writable: false,
            region: 1,
        },
        priority: 0,
    }
}

/// The bridge's output pins are the ISA interrupts.
static ISA_WIRES: [IrqWire; 16] = {
    let mut w = [wire(0, "pic", 0); 16];
    let mut n = 0;
    while n < 16 {
        w[n as usize] = wire(n, "pic", n);
        n += 1;
    }
    w
};

/// The board.
pub static MALTA: Board = Board {
    name: "malta",
    what: "MIPS Malta Core LV",
    default_cpu: None,
    check_ram: |n| match n {
        0 => Err("must not be zero"),
        n if n > 2048 * MIB => Err("at most 2048 MiB"),
        n if n % MIB != 0 => Err("must be a whole number of MiB"),
        _ => Ok(()),
    },
    blocks: &[
        BlockSpec {
            name: "ram",
            bytes: None,
        },
        BlockSpec {
            name: "flash",
            bytes: Some(FLASH_BYTES),
        },
        BlockSpec {
            name: "boot-rom",
            bytes: Some(FLASH_BYTES),
        },
    ],
    ram: &[
        RamView {
            base: 0,
            offset: 0,
            max_bytes: 256 * MIB,
        },
        RamView {
            base: 0x2000_0000,
            offset: 512 * MIB,
            max_bytes: 1536 * MIB,
        },
        RamView {
            base: 0x8000_0000,
            offset: 0,
            max_bytes: 2048 * MIB,
        },
    ],
    // The system controller answers for the whole low half gigabyte.
    open: &[(0, 0x2000_0000)],
    consoles: 3,
    serial_ports: 3,
    // Four of IDE; from 8 on those of plugged cards.
    disks: 12,
    nets: 5,
    devices: &[
        DeviceSpec {
            map: &[boot_rom_mapping()],
            ..DeviceSpec::new("flash", "4 MiB CFI NOR flash", |c| {
                Box::new(Cfi01::new(
                    FLASH,
                    FLASH_BASE,
                    FLASH_BYTES,
                    0x1_0000,
                    c.big_endian,
                ))
            })
        },
        DeviceSpec {
            wires: &[cpu(0, 5)],
            pci: &[(0, 0)],
            ..DeviceSpec::new("gt64120", "GT-64120A system controller", |c| {
                Box::new(Gt64120::new(c.big_endian))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::System, FPGA_BASE, 0x900, 0, 4),
                Mapping {
                    priority: -1,
                    ..regs(Space::System, FPGA_BASE, 0x1000, 0, 4)
                },
            ],
            ..DeviceSpec::new("fpga", "board registers", |c| {
                Box::new(MaltaFpga::new(c.big_endian, spd(c.ram_bytes)))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::Io, 0x20, 2, 0, 1),
                regs(Space::Io, 0xa0, 2, 1, 1),
                regs(Space::Io, 0x4d0, 2, 2, 1),
            ],
            wires: &[cpu(0, 2)],
            interrupt_controller: true,
            ..DeviceSpec::new("pic", "8259A pair", |_| Box::new(I8259Pair::new()))
        },
        DeviceSpec {
            map: &[
                regs(Space::Io, 0x40, 4, 0, 1),
                regs(Space::Io, 0x61, 1, 1, 1),
            ],
            wires: &[wire(0, "pic", 0)],
            ..DeviceSpec::new("pit", "8254 timer", |_| Box::new(I8254::new()))
        },
        DeviceSpec {
            map: &[regs(Space::Io, 0x70, 2, 0, 1)],
            wires: &[wire(0, "pic", 8)],
            ..DeviceSpec::new("rtc", "MC146818 clock", |c| {
                Box::new(Mc146818::new(c.rtc_base))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::Io, 0x80, 1, 0, 1),
                regs(Space::Io, 0x92, 1, 1, 1),
            ],
            ..DeviceSpec::new("latches", "POST and reset latches", |_| {
                Box::new(IsaLatches::new())
            })
        },
        DeviceSpec {
            map: &[regs(Space::Io, 0xcf9, 1, 0, 1)],
            wires: &ISA_WIRES,
            pci: &[(0x50, 0), (0x52, 2), (0x53, 3)],
            ..DeviceSpec::new("piix4", "PIIX4 bridge, USB and power management", |c| {
                let mut eeproms = vec![[0; 256]; 8];
                eeproms[0] = spd(c.ram_bytes);
                Box::new(Piix::new(Model::Piix4, eeproms))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::Io, 0x1f0, 8, 0, 4),
                regs(Space::Io, 0x170, 8, 1, 4),
                regs(Space::Io, 0x3f6, 1, 2, 1),
                regs(Space::Io, 0x376, 1, 3, 1),
            ],
            wires: &[wire(0, "pic", 14), wire(1, "pic", 15)],
            pci: &[(0x51, 1)],
            ..DeviceSpec::new("ide", "PIIX4 IDE: disks 0, 1 and 3, CD in slot 2", |_| {
                let bays = [Bay::Disk, Bay::Disk, Bay::Cd, Bay::Disk];
                Box::new(PiixIde::new(Model::Piix4, bays))
            })
        },
        DeviceSpec {
            // Slot 11; the board leads its INTA# to PIRQB.
            present: |c| c.nic,
            wires: &[wire(0, "piix4", 1)],
            pci: &[(0x58, 0)],
            nets: &[0],
            ..DeviceSpec::new("pcnet", "PCnet Ethernet controller", |c| {
                Box::new(Pcnet::new(0, c.mac))
            })
        },
        DeviceSpec {
            map: &[
                regs(Space::Io, 0x60, 1, 0, 1),
                regs(Space::Io, 0x64, 1, 1, 1),
            ],
            wires: &[wire(0, "pic", 1), wire(1, "pic", 12)],
            ..DeviceSpec::new("i8042", "keyboard controller", |_| Box::new(I8042::new()))
        },
        DeviceSpec {
            map: &[regs(Space::Io, 0x3f8, 8, 0, 1)],
            wires: &[wire(0, "pic", 4)],
            consoles: &[0],
            ..DeviceSpec::new("serial0", "16550 UART", |_| {
                Box::new(Ns16550::new(0, 0, false))
            })
        },
        DeviceSpec {
            map: &[regs(Space::Io, 0x2f8, 8, 0, 1)],
            wires: &[wire(0, "pic", 3)],
            consoles: &[1],
            ..DeviceSpec::new("serial1", "16550 UART", |_| {
                Box::new(Ns16550::new(1, 0, false))
            })
        },
        DeviceSpec {
            map: &[Mapping {
                priority: 1,
                ..regs(Space::System, FPGA_BASE + 0x900, 0x40, 0, 4)
            }],
            wires: &[cpu(0, 4)],
            consoles: &[2],
            ..DeviceSpec::new("serial2", "16550 UART on the CBUS", |c| {
                Box::new(Ns16550::new(2, 3, c.big_endian))
            })
        },
        // The board's four connectors.
        DeviceSpec::free_slot("pci-slot18", &[(0x90, 0)], &[wire(0, "piix4", 0)], &[1]),
        DeviceSpec::free_slot("pci-slot19", &[(0x98, 0)], &[wire(0, "piix4", 1)], &[2]),
        DeviceSpec::free_slot("pci-slot20", &[(0xa0, 0)], &[wire(0, "piix4", 2)], &[3]),
        DeviceSpec::free_slot("pci-slot21", &[(0xa8, 0)], &[wire(0, "piix4", 3)], &[4]),
    ],
};

/// Makes a Malta with empty flash.
///
/// # Errors
/// [`BoardError`].
pub fn new(config: BoardConfig, ram: Box<dyn Ram>) -> Result<Bus, BoardError> {
    let mut bus = Bus::new(&MALTA, config, ram)?;
    boot::set_flash(&mut bus, &[]);
    Ok(bus)
}
