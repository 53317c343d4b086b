//! Targets: QEMU's names for an architecture in a byte order and width, and the guest object behind each.

use tinamou_ir::guest::Guest;

use crate::boards::pc::PC;
use crate::config::MachineError;
use crate::devices::Board;
use crate::malta::MALTA;

/// A family of guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    /// MIPS, on `malta`.
    Mips,
    /// x86, on `pc`.
    X86,
}

/// An emulated architecture.
#[derive(Debug)]
pub struct Target {
    /// QEMU's name: `mipsel`.
    pub name: &'static str,
    /// The family.
    pub arch: Arch,
    /// Byte order.
    pub big_endian: bool,
    /// 64-bit CPUs are allowed.
    pub wide: bool,
    /// CPU model when none is named.
    pub default_cpu: &'static str,
}

/// All targets.
pub static TARGETS: &[Target] = &[
    Target {
        name: "mipsel",
        arch: Arch::Mips,
        big_endian: false,
        wide: false,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips",
        arch: Arch::Mips,
        big_endian: true,
        wide: false,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips64el",
        arch: Arch::Mips,
        big_endian: false,
        wide: true,
        default_cpu: "20Kc",
    },
    Target {
        name: "mips64",
        arch: Arch::Mips,
        big_endian: true,
        wide: true,
        default_cpu: "20Kc",
    },
    Target {
        name: "i386",
        arch: Arch::X86,
        big_endian: false,
        wide: false,
        default_cpu: "qemu32",
    },
    Target {
        name: "x86_64",
        arch: Arch::X86,
        big_endian: false,
        wide: true,
        default_cpu: "qemu64",
    },
];

impl Target {
    /// The board.
    pub fn board(&self) -> &'static Board {
        match self.arch {
            Arch::Mips => &MALTA,
            Arch::X86 => &PC,
        }
    }

    /// Names of the CPU models.
    pub fn cpu_names(&self) -> Vec<&'static str> {
        match self.arch {
            Arch::Mips => tinamou_mips::models::MODELS
                .iter()
                .filter(|m| self.wide || !m.wide)
                .map(|m| m.name)
                .collect(),
            Arch::X86 => tinamou_x86::MODELS
                .iter()
                .filter(|m| self.wide || !m.wide())
                .map(|m| m.name)
                .collect(),
        }
    }

    /// A CPU of this model, with options of its own behind the name ([`tinamou_mips::CpuModel::configured`]).
    ///
    /// # Errors
    /// [`MachineError::UnknownCpu`].
    pub fn cpu(&self, name: &str) -> Result<Box<dyn Guest>, MachineError> {
        let name = if name.is_empty() {
            self.default_cpu
        } else {
            name
        };
        if self.arch == Arch::X86 {
            let model = tinamou_x86::CpuModel::parse(name).ok();
            let model = model.filter(|m| self.wide || !m.wide());
            let model = model.ok_or_else(|| MachineError::UnknownCpu {
                name: name.to_owned(),
            })?;
            return Ok(Box::new(tinamou_x86::X86::new(&model)));
        }
        let model = tinamou_mips::CpuModel::configured(name).filter(|m| self.wide || !m.wide);
        let model = model.ok_or_else(|| MachineError::UnknownCpu {
            name: name.to_owned(),
        })?;
        Ok(Box::new(tinamou_mips::Mips::new(&model, self.big_endian)))
    }
}
