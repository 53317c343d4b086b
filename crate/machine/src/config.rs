//! What a machine is made from, and what can be wrong with it.

use tinamou_jit::Tuning;

use crate::boards::pc::PcOptions;
use crate::bus::BoardError;
use crate::malta::boot::ImageError;
use crate::target::{TARGETS, Target};

/// How guest code is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accel {
    /// The interpreter alone.
    Interp,
    /// The interpreter, and WebAssembly for hot code.
    Jit,
}

/// A machine's configuration.
#[derive(Clone)]
pub struct Config {
    /// The emulated architecture.
    pub target: &'static Target,
    /// Board, by QEMU's name.
    pub machine: String,
    /// CPU model, by QEMU's name; empty for the board's default.
    pub cpu: String,
    /// Number of vCPUs.
    pub cpus: u32,
    /// RAM in bytes.
    pub ram_bytes: u64,
    /// Kernel image.
    pub kernel: Option<Vec<u8>>,
    /// The kernel's name, its first argument.
    pub kernel_name: String,
    /// Initial RAM disk.
    pub initrd: Option<Vec<u8>>,
    /// Kernel command line.
    pub append: String,
    /// Flattened device tree for the kernel, which then gets neither command line nor RAM disk from us.
    pub dtb: Option<Vec<u8>>,
    /// Firmware image.
    pub bios: Option<Vec<u8>>,
    /// Firmware of the display adapter, where the board has one.
    pub vga_bios: Option<Vec<u8>>,
    /// What a PC is made with besides.
    pub pc: PcOptions,
    /// log2 of the nanoseconds of one instruction.
    pub icount_shift: u32,
    /// Time is counted (`-icount`): nobody calls [`crate::Machine::set_rate`].
    pub counted: bool,
    /// Seconds since 1970 of the real-time clock at power-on.
    pub rtc_base: u64,
    /// Where the CPU's random numbers begin.
    pub seed: u64,
    /// The board's network interface is there.
    pub nic: bool,
    /// Its address.
    pub mac: [u8; 6],
    /// How code is run.
    pub accel: Accel,
    /// Numbers of the compiler.
    pub tuning: Tuning,
    /// Keep guest errors for [`crate::Machine::take_guest_errors`].
    pub log_guest_errors: bool,
}

impl Config {
    /// The defaults of QEMU's board for a target.
    pub fn new(target: &'static Target) -> Config {
        Config {
            target,
            machine: target.board().name.into(),
            cpu: String::new(),
            cpus: 1,
            ram_bytes: 128 << 20,
            kernel: None,
            kernel_name: "vmlinux".into(),
            initrd: None,
            append: String::new(),
            dtb: None,
            bios: None,
            vga_bios: None,
            pc: PcOptions::default(),
            icount_shift: 1,
            counted: false,
            rtc_base: crate::devices::BoardConfig::default().rtc_base,
            seed: 0,
            nic: true,
            mac: crate::devices::MAC,
            accel: Accel::Jit,
            tuning: Tuning::native(),
            log_guest_errors: false,
        }
    }

    /// The target of this name (`mipsel`).
    pub fn target(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|t| t.name == name)
    }
}

/// Why a machine could not be made: a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// No such board.
    #[error("unsupported machine type '{name}'; use -M help to list supported machines")]
    UnknownMachine {
        /// What was asked for.
        name: String,
    },
    /// No such CPU model.
    #[error("unable to find CPU model '{name}'; use -cpu help to list the models")]
    UnknownCpu {
        /// What was asked for.
        name: String,
    },
    /// The board has no room for so many CPUs.
    #[error("Invalid SMP CPUs {cpus}. The max CPUs supported by machine '{machine}' is {most}")]
    Cpus {
        /// What was asked for.
        cpus: u32,
        /// The board.
        machine: String,
        /// Its limit.
        most: u32,
    },
    /// The board refused.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// An image cannot be loaded.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An image cannot be loaded into a PC.
    #[error(transparent)]
    PcImage(#[from] crate::boards::pc::boot::ImageError),
    /// The host cannot.
    #[error("the host cannot provide the machine: {0}")]
    Host(String),
}
