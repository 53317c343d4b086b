//! Boards as data: which devices, where, wired to what. The bus is built from this table; the save order, the QMP listing and
//! the documentation follow it too.

use tinamou_core::{Device, MapTo, Mapping, Space};

use crate::boards::pc::PcOptions;
use crate::bus::Vacant;

/// The address of a board's network interface, unless another is wanted.
pub const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// What a board is made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardConfig {
    /// RAM size in bytes.
    pub ram_bytes: u64,
    /// The CPU's byte order.
    pub big_endian: bool,
    /// Seconds since 1970 that the real-time clock shows at virtual time zero.
    pub rtc_base: u64,
    /// The board's network interface is there (`-net none` leaves it out).
    pub nic: bool,
    /// Number of CPUs.
    pub cpus: u32,
    /// Its address.
    pub mac: [u8; 6],
    /// What a PC is made with besides.
    pub pc: PcOptions,
}

impl Default for BoardConfig {
    fn default() -> BoardConfig {
        // 2020-01-01: any fixed date, for determinism.
        BoardConfig {
            ram_bytes: 128 << 20,
            big_endian: false,
            rtc_base: 1_577_836_800,
            nic: true,
            cpus: 1,
            mac: MAC,
            pc: PcOptions::default(),
        }
    }
}

/// Where an IRQ wire ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sink {
    /// A pin of a CPU: see [`CPU_PINS`].
    Cpu(u32),
    /// An input pin of the named device.
    Dev(&'static str, u32),
}

/// An IRQ wire from an output pin of the device that lists it. Several wires into one sink are OR-ed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IrqWire {
    /// The output pin.
    pub pin: u32,
    /// Where it leads.
    pub to: Sink,
}

/// A device of a board.
pub struct DeviceSpec {
    /// Its name on this board; also names its section in saved state.
    pub name: &'static str,
    /// One line for listings.
    pub what: &'static str,
    /// Makes it.
    pub new: fn(&BoardConfig) -> Box<dyn Device>,
    /// Whether it is there in a configuration.
    pub present: fn(&BoardConfig) -> bool,
    /// Fixed mappings.
    pub map: &'static [Mapping],
    /// IRQ wires from its output pins.
    pub wires: &'static [IrqWire],
    /// PCI places: (device and function number on the bus, the device's own function number).
    pub pci: &'static [(u8, u8)],
    /// Console ports it serves.
    pub consoles: &'static [u32],
    /// Network ports it serves.
    pub nets: &'static [u32],
    /// True for the device that answers interrupt acknowledge cycles.
    pub interrupt_controller: bool,
    /// The region of the device that takes message-signalled interrupts, by the low 20 bits of their address.
    pub messages: Option<u32>,
    /// True for the device that moves data for ISA devices.
    pub dma_controller: bool,
    /// A free PCI slot for cards that are plugged while the machine runs.
    pub spare: bool,
}

impl DeviceSpec {
    /// A device with nothing attached, for `..` in tables.
    pub const fn new(
        name: &'static str,
        what: &'static str,
        new: fn(&BoardConfig) -> Box<dyn Device>,
    ) -> DeviceSpec {
        DeviceSpec {
            name,
            what,
            new,
            present: |_| true,
            map: &[],
            wires: &[],
            pci: &[],
            consoles: &[],
            nets: &[],
            interrupt_controller: false,
            messages: None,
            dma_controller: false,
            spare: false,
        }
    }

    /// A free PCI slot, whose cards have INTA# there and use this network port.
    pub const fn free_slot(
        name: &'static str,
        pci: &'static [(u8, u8)],
        wires: &'static [IrqWire],
        nets: &'static [u32],
    ) -> DeviceSpec {
        DeviceSpec {
            present: |_| false,
            pci,
            wires,
            nets,
            spare: true,
            ..DeviceSpec::new(name, "free PCI slot", |_| Box::new(Vacant))
        }
    }
}

/// A memory block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockSpec {
    /// Its name.
    pub name: &'static str,
    /// Its size; `None` for the machine's RAM.
    pub bytes: Option<u64>,
}

/// A view of RAM in the system space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RamView {
    /// First physical address.
    pub base: u64,
    /// First byte of RAM shown.
    pub offset: u64,
    /// Most bytes shown.
    pub max_bytes: u64,
}

/// A board.
pub struct Board {
    /// QEMU's name for it.
    pub name: &'static str,
    /// One line for listings.
    pub what: &'static str,
    /// The CPU model when none is named, if it is not the target's.
    pub default_cpu: Option<&'static str>,
    /// Refuses memory sizes that the board cannot have.
    pub check_ram: fn(u64) -> Result<(), &'static str>,
    /// Memory blocks; the first is RAM.
    pub blocks: &'static [BlockSpec],
    /// Where RAM is seen.
    pub ram: &'static [RamView],
    /// Ranges (base, length) that are decoded though nothing is there: reads give zeros.
    pub open: &'static [(u64, u64)],
    /// The devices, in the order of reset and save.
    pub devices: &'static [DeviceSpec],
    /// Number of console ports.
    pub consoles: u32,
    /// How many of them, from 0 on, are serial ports.
    pub serial_ports: u32,
    /// Number of disk slots.
    pub disks: u32,
    /// Number of network ports.
    pub nets: u32,
}

impl Board {
    /// The place of a device in the table.
    pub fn device_index(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|d| d.name == name)
    }
}

/// A register region of `len` bytes at `base`, for accesses of up to `widest` bytes.
pub const fn regs(space: Space, base: u64, len: u64, region: u32, widest: u32) -> Mapping {
    Mapping {
        space,
        base,
        len,
        to: MapTo::Regs { region, widest },
        priority: 0,
    }
}

/// A wire to a device's pin.
pub const fn wire(pin: u32, dev: &'static str, to: u32) -> IrqWire {
    IrqWire {
        pin,
        to: Sink::Dev(dev, to),
    }
}

/// Pins that a CPU has: pin `p` of CPU `n` is number `CPU_PINS * n + p`.
pub const CPU_PINS: u32 = 8;
/// CPUs that a board can have at most.
pub const MAX_CPUS: u32 = 8;

/// A wire to a CPU pin.
pub const fn cpu(pin: u32, to: u32) -> IrqWire {
    IrqWire {
        pin,
        to: Sink::Cpu(to),
    }
}
