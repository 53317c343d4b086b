//! Targets: QEMU's names for an architecture in a byte order and width, and the family of guests behind each. A family is a cargo feature.

use tinamou_ir::guest::Guest;

use crate::bus::{Bus, Ram};
use crate::config::{Config, MachineError};
use crate::devices::{Board, BoardConfig};

#[cfg(feature = "mips")]
mod mips;
#[cfg(feature = "x86")]
mod x86;

/// A family of guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    /// MIPS, on `malta`.
    Mips,
    /// x86, on `pc`.
    X86,
}

/// A property of a CPU model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CpuProperty {
    /// A feature, which can be chosen: it is there, and it could be.
    Feature {
        /// It is there.
        on: bool,
        /// It is implemented.
        possible: bool,
    },
    /// A number.
    Number(u32),
    /// A text.
    Text(&'static str),
}

/// Which of a machine's vCPUs one is.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "x86"), expect(dead_code, reason = "only x86 asks"))]
pub(crate) struct CpuPlace {
    /// Its number.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// Where its random numbers begin.
    pub seed: u64,
}

/// What a family of guests brings.
trait Family: Sync + std::fmt::Debug {
    /// The boards, the usual one first.
    fn boards(&self) -> &'static [&'static Board];
    /// Names of the CPU models.
    fn cpu_names(&self, wide: bool) -> Vec<&'static str>;
    /// Most vCPUs of the board.
    fn max_cpus(&self) -> u32 {
        1
    }
    /// What a CPU model is, as properties; `None` if there is none of this name, or the family's have none.
    fn cpu_properties(&self, _name: &str) -> Option<Vec<(&'static str, CpuProperty)>> {
        None
    }
    /// A CPU.
    fn cpu(&self, target: &Target, name: &str, at: CpuPlace) -> Option<Box<dyn Guest>>;
    /// The board with its devices.
    fn bus(
        &self,
        config: &Config,
        board: BoardConfig,
        ram: Box<dyn Ram>,
    ) -> Result<Bus, MachineError>;
    /// Loads firmware and kernel.
    fn load(&self, config: &Config, bus: &mut Bus) -> Result<(), MachineError>;
}

/// An emulated architecture.
#[derive(Debug)]
pub struct Target {
    /// QEMU's name: `mipsel`.
    pub name: &'static str,
    /// The family.
    pub arch: Arch,
    family: &'static dyn Family,
    /// Byte order.
    pub big_endian: bool,
    /// 64-bit CPUs are allowed.
    pub wide: bool,
    /// CPU model when none is named.
    pub default_cpu: &'static str,
}

/// All targets.
pub static TARGETS: &[Target] = &[
    #[cfg(feature = "mips")]
    Target {
        name: "mipsel",
        arch: Arch::Mips,
        family: &mips::Mips,
        big_endian: false,
        wide: false,
        default_cpu: "24Kf",
    },
    #[cfg(feature = "mips")]
    Target {
        name: "mips",
        arch: Arch::Mips,
        family: &mips::Mips,
        big_endian: true,
        wide: false,
        default_cpu: "24Kf",
    },
    #[cfg(feature = "mips")]
    Target {
        name: "mips64el",
        arch: Arch::Mips,
        family: &mips::Mips,
        big_endian: false,
        wide: true,
        default_cpu: "20Kc",
    },
    #[cfg(feature = "mips")]
    Target {
        name: "mips64",
        arch: Arch::Mips,
        family: &mips::Mips,
        big_endian: true,
        wide: true,
        default_cpu: "20Kc",
    },
    #[cfg(feature = "x86")]
    Target {
        name: "i386",
        arch: Arch::X86,
        family: &x86::X86,
        big_endian: false,
        wide: false,
        default_cpu: "qemu32",
    },
    #[cfg(feature = "x86")]
    Target {
        name: "x86_64",
        arch: Arch::X86,
        family: &x86::X86,
        big_endian: false,
        wide: true,
        default_cpu: "qemu64",
    },
];

impl Target {
    /// The usual board.
    pub fn board(&self) -> &'static Board {
        self.family.boards()[0]
    }

    /// All boards.
    pub fn boards(&self) -> &'static [&'static Board] {
        self.family.boards()
    }

    /// The CPU model of a board when none is named.
    pub fn default_cpu_of(&self, board: &str) -> &'static str {
        let found = self.boards().iter().find(|b| b.name == board);
        found
            .and_then(|b| b.default_cpu)
            .unwrap_or(self.default_cpu)
    }

    /// Most vCPUs that its board can have.
    pub fn max_cpus(&self) -> u32 {
        self.family.max_cpus()
    }

    /// Names of the CPU models.
    pub fn cpu_names(&self) -> Vec<&'static str> {
        self.family.cpu_names(self.wide)
    }

    /// What a CPU model is, as properties by QEMU's names; `None` if there is none of this name here, or models have no properties. `base` has
    /// no features.
    pub fn cpu_properties(&self, name: &str) -> Option<Vec<(&'static str, CpuProperty)>> {
        if name != "base" && !self.cpu_names().contains(&name) {
            return None;
        }
        self.family.cpu_properties(name)
    }

    /// A CPU of this model, with options of its own behind the name (MIPS: `24Kf,srs=3`; x86: `qemu32,+sse4.2`).
    ///
    /// # Errors
    /// [`MachineError::UnknownCpu`].
    pub fn cpu(&self, name: &str) -> Result<Box<dyn Guest>, MachineError> {
        self.cpu_of(
            name,
            CpuPlace {
                number: 0,
                of: 1,
                seed: 0,
            },
        )
    }

    /// The same, one of several.
    pub(crate) fn cpu_of(&self, name: &str, at: CpuPlace) -> Result<Box<dyn Guest>, MachineError> {
        let name = if name.is_empty() {
            self.default_cpu
        } else {
            name
        };
        let unknown = || MachineError::UnknownCpu {
            name: name.to_owned(),
        };
        self.family.cpu(self, name, at).ok_or_else(unknown)
    }

    /// The board of `config` with its firmware and kernel.
    pub(crate) fn bus(&self, config: &Config, ram: Box<dyn Ram>) -> Result<Bus, MachineError> {
        let board = BoardConfig {
            ram_bytes: config.ram_bytes,
            big_endian: self.big_endian,
            rtc_base: config.rtc_base,
            nic: config.nic,
            cpus: config.cpus,
            mac: config.mac,
            pc: config.pc.clone(),
        };
        if !self.boards().iter().any(|b| b.name == config.machine) {
            return Err(MachineError::UnknownMachine {
                name: config.machine.clone(),
            });
        }
        let most = self.max_cpus();
        if !(1..=most).contains(&config.cpus) {
            return Err(MachineError::Cpus {
                cpus: config.cpus,
                machine: config.machine.clone(),
                most,
            });
        }
        let mut bus = self.family.bus(config, board, ram)?;
        bus.log_guest_errors(config.log_guest_errors);
        self.family.load(config, &mut bus)?;
        Ok(bus)
    }
}
