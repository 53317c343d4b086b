//! Targets: QEMU's names for an architecture in a byte order and width, and the guest object behind each.

use tinamou_ir::guest::Guest;

use crate::config::MachineError;

/// An emulated architecture.
#[derive(Debug)]
pub struct Target {
    /// QEMU's name: `mipsel`.
    pub name: &'static str,
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
        big_endian: false,
        wide: false,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips",
        big_endian: true,
        wide: false,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips64el",
        big_endian: false,
        wide: true,
        default_cpu: "20Kc",
    },
    Target {
        name: "mips64",
        big_endian: true,
        wide: true,
        default_cpu: "20Kc",
    },
];

impl Target {
    /// Names of the CPU models.
    pub fn cpu_names(&self) -> Vec<&'static str> {
        tinamou_mips::models::MODELS
            .iter()
            .filter(|m| self.wide || !m.wide)
            .map(|m| m.name)
            .collect()
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
        let model = tinamou_mips::CpuModel::configured(name).filter(|m| self.wide || !m.wide);
        let model = model.ok_or_else(|| MachineError::UnknownCpu {
            name: name.to_owned(),
        })?;
        Ok(Box::new(tinamou_mips::Mips::new(&model, self.big_endian)))
    }
}
