//! What every PC has on its ISA bus, with or without PCI.

use tinamou_core::{Mapping, Space};
use tinamou_hw::firmware::cmos;
use tinamou_hw::firmware::fw_cfg::{self, Contents, FwCfg};
use tinamou_hw::intc::apic;
use tinamou_hw::intc::i8259::I8259Pair;
use tinamou_hw::isa::debug::{DebugCon, DebugExit};
use tinamou_hw::isa::dma8237::Dma8237;
use tinamou_hw::isa::floppy::Floppy;
use tinamou_hw::isa::i8042::{self, I8042};
use tinamou_hw::isa::parallel::Parallel;
use tinamou_hw::misc::ports::{self, IsaLatches};
use tinamou_hw::net::ne2000::Ne2000;
use tinamou_hw::pci::i440fx::I440fx;
use tinamou_hw::serial::ns16550::Ns16550;
use tinamou_hw::timer::i8254::I8254;
use tinamou_hw::timer::mc146818::Mc146818;

use super::{DEBUG_CONSOLE, Nic, boot, nic_is};
use crate::devices::{BoardConfig, CPU_PINS, DeviceSpec, IrqWire, MAX_CPUS, Sink, cpu, regs, wire};

pub(super) const fn io(base: u64, len: u64, region: u32, widest: u32) -> Mapping {
    regs(Space::Io, base, len, region, widest)
}

/// An interrupt of the ISA bus: to the 8259 pair and to the I/O APIC, where the timer's input is number 2.
pub(super) const fn isa(pin: u32, irq: u32) -> [IrqWire; 2] {
    let gsi = if irq == 0 { 2 } else { irq };
    [wire(pin, "pic", irq), wire(pin, "apic", gsi)]
}

/// INTR, NMI, INIT and start-up of each CPU.
pub(super) const APIC_WIRES: [IrqWire; 4 * MAX_CPUS as usize + 1] = {
    let mut w = [wire(apic::FERR_OUT, "latches", ports::FERR); 4 * MAX_CPUS as usize + 1];
    let pins = [0, 1, 2, 5];
    let mut n = 0;
    while n < 4 * MAX_CPUS {
        let (of, pin) = (n / 4, n % 4);
        w[n as usize] = cpu(apic::PINS * of + pin, CPU_PINS * of + pins[pin as usize]);
        n += 1;
    }
    w
};

pub(super) const IDE_WIRES: [IrqWire; 4] = {
    let ([a, b], [c, d]) = (isa(0, 14), isa(1, 15));
    [a, b, c, d]
};

const KBD_WIRES: [IrqWire; 5] = {
    let ([a, b], [c, d]) = (isa(i8042::KBD_IRQ, 1), isa(i8042::AUX_IRQ, 12));
    let gate = IrqWire {
        pin: i8042::A20,
        to: Sink::Dev("latches", ports::KBC_A20),
    };
    [a, b, c, d, gate]
};

/// The POST port lies among the page registers.
const POST_PORT: Mapping = Mapping {
    priority: 1,
    ..io(0x80, 1, ports::POST, 1)
};

/// Port 3F7h, at offset 7 of the floppy controller.
const FLOPPY_DIR: Mapping = io(0x3f7, 1, 1, 1);

fn cmos_bytes(c: &BoardConfig) -> Vec<(u8, u8)> {
    let low_bytes = I440fx::low_bytes(c.ram_bytes);
    // 1.44 MB drives.
    let floppies = c.pc.floppies.map(|there| 4 * u8::from(there));
    cmos::Pc {
        low_bytes,
        high_bytes: c.ram_bytes - low_bytes,
        floppies,
        boot: c.pc.boot,
        cpus: c.cpus as u8,
        ..cmos::Pc::default()
    }
    .bytes()
}

pub(super) fn fw_cfg_contents(c: &BoardConfig, acpi: bool) -> Contents {
    use fw_cfg::key;
    let mut f = c.pc.fw_cfg.clone();
    f.item(key::RAM_BYTES, I440fx::low_bytes(c.ram_bytes).to_le_bytes());
    for k in [key::CPUS, key::MAX_CPUS] {
        f.item(k, (c.cpus as u16).to_le_bytes());
    }
    f.item(key::IRQ0_OVERRIDE, [1]);
    f.item(key::NOGRAPHIC, u16::from(c.pc.nographic).to_le_bytes());
    f.item(key::BOOT_MENU, u16::from(c.pc.boot_menu).to_le_bytes());
    let mut e820 = Vec::new();
    // SeaBIOS reserves what it needs itself: memory alone.
    let low = I440fx::low_bytes(c.ram_bytes);
    let high = (0x1_0000_0000u64, c.ram_bytes - low);
    for (base, len) in [(0, low), high].into_iter().filter(|r| r.1 != 0) {
        e820.extend_from_slice(&u64::to_le_bytes(base));
        e820.extend_from_slice(&u64::to_le_bytes(len));
        e820.extend_from_slice(&1u32.to_le_bytes());
    }
    f.file("etc/e820", e820);
    if acpi {
        for (name, data) in boot::acpi_files(c.cpus as u8) {
            f.file(name, data);
        }
    }
    f
}

pub(super) const PIC: DeviceSpec = DeviceSpec {
    map: &[io(0x20, 2, 0, 1), io(0xa0, 2, 1, 1), io(0x4d0, 2, 2, 1)],
    wires: &[wire(0, "apic", apic::LINT0)],
    interrupt_controller: true,
    ..DeviceSpec::new("pic", "8259A pair", |_| Box::new(I8259Pair::new()))
};

pub(super) const PIT: DeviceSpec = DeviceSpec {
    map: &[io(0x40, 4, 0, 1), io(0x61, 1, 1, 1)],
    wires: &isa(0, 0),
    ..DeviceSpec::new("pit", "8254 timer", |_| Box::new(I8254::new()))
};

pub(super) const RTC: DeviceSpec = DeviceSpec {
    map: &[io(0x70, 2, 0, 1)],
    wires: &isa(0, 8),
    ..DeviceSpec::new("rtc", "MC146818 clock", |c| {
        Box::new(Mc146818::new(c.rtc_base).with_memory(&cmos_bytes(c)))
    })
};

pub(super) const DMA: DeviceSpec = DeviceSpec {
    map: &[
        io(0x00, 0x10, 0, 1),
        io(0xc0, 0x20, 1, 1),
        io(0x80, 0x10, 2, 1),
    ],
    dma_controller: true,
    ..DeviceSpec::new("dma", "8237A pair", |_| Box::new(Dma8237::new()))
};

pub(super) const LATCHES: DeviceSpec = DeviceSpec {
    map: &[
        POST_PORT,
        io(0x92, 1, ports::PORT92, 1),
        io(0xf0, 2, ports::COPROCESSOR, 1),
    ],
    wires: &[
        cpu(ports::A20M, 3),
        cpu(ports::IGNNE, 4),
        wire(ports::IRQ13, "pic", 13),
        wire(ports::IRQ13, "apic", 13),
    ],
    ..DeviceSpec::new("latches", "POST, A20 and coprocessor latches", |_| {
        Box::new(IsaLatches::new())
    })
};

pub(super) const KEYBOARD: DeviceSpec = DeviceSpec {
    map: &[io(0x60, 1, 0, 1), io(0x64, 1, 1, 1)],
    wires: &KBD_WIRES,
    ..DeviceSpec::new("i8042", "keyboard controller, keyboard and mouse", |_| {
        Box::new(I8042::with_keyboard_and_mouse())
    })
};

pub(super) const FLOPPY: DeviceSpec = DeviceSpec {
    map: &[io(0x3f0, 6, 0, 1), FLOPPY_DIR],
    wires: &isa(0, 6),
    ..DeviceSpec::new("floppy", "82077AA floppy controller", |c| {
        let [a, b] = c.pc.floppies;
        Box::new(Floppy::new([a.then_some(4), b.then_some(5)]))
    })
};

pub(super) const SERIAL0: DeviceSpec = DeviceSpec {
    map: &[io(0x3f8, 8, 0, 1)],
    wires: &isa(0, 4),
    consoles: &[0],
    ..DeviceSpec::new("serial0", "16550 UART", |_| {
        Box::new(Ns16550::new(0, 0, false))
    })
};

pub(super) const SERIAL1: DeviceSpec = DeviceSpec {
    map: &[io(0x2f8, 8, 0, 1)],
    wires: &isa(0, 3),
    consoles: &[1],
    ..DeviceSpec::new("serial1", "16550 UART", |_| {
        Box::new(Ns16550::new(1, 0, false))
    })
};

pub(super) const PARALLEL0: DeviceSpec = DeviceSpec {
    map: &[io(0x378, 3, 0, 1)],
    wires: &isa(0, 7),
    consoles: &[2],
    ..DeviceSpec::new("parallel0", "parallel port", |_| Box::new(Parallel::new(2)))
};

pub(super) const DEBUG_OUTPUT: DeviceSpec = DeviceSpec {
    map: &[io(0xe9, 1, 0, 1), io(0x402, 1, 0, 1)],
    consoles: &[DEBUG_CONSOLE],
    ..DeviceSpec::new("debugcon", "debug output", |_| {
        Box::new(DebugCon::new(DEBUG_CONSOLE))
    })
};

pub(super) const DEBUG_EXIT: DeviceSpec = DeviceSpec {
    present: |c| c.pc.debug_exit == Some(0x501),
    map: &[io(0x501, 2, 0, 2)],
    ..DeviceSpec::new("debug-exit", "exit code port", |_| Box::new(DebugExit))
};

pub(super) const DEBUG_EXIT_F4: DeviceSpec = DeviceSpec {
    present: |c| c.pc.debug_exit == Some(0xf4),
    map: &[io(0xf4, 4, 0, 4)],
    ..DeviceSpec::new("debug-exit-f4", "exit code port at F4h", |_| {
        Box::new(DebugExit)
    })
};

pub(super) const FW_CFG: DeviceSpec = DeviceSpec {
    map: &[io(0x510, 2, fw_cfg::PORTS, 2), io(0x514, 8, fw_cfg::DMA, 4)],
    ..DeviceSpec::new("fw-cfg", "firmware configuration", |c| {
        Box::new(FwCfg::new(fw_cfg_contents(c, true)))
    })
};

pub(super) const NE2000: DeviceSpec = DeviceSpec {
    present: |c| nic_is(c, Nic::Ne2000Isa),
    map: &[io(0x300, 0x20, 0, 2)],
    wires: &isa(0, 9),
    nets: &[0],
    ..DeviceSpec::new("ne2k_isa", "NE2000 Ethernet controller", |c| {
        Box::new(Ne2000::isa(0, c.mac))
    })
};
