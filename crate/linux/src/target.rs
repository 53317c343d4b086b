//! The programs' kinds by QEMU's names, and the CPU and ABI behind each.

use std::rc::Rc;

use tinamou_ir::guest::Guest;
use tinamou_mips::Mips;
use tinamou_mips::models::{CpuModel, MODELS};
use tinamou_mips::regs::Regs;

use crate::abi::mips::Flavour;
use crate::arch::Arch;
use crate::arch::mips::MipsArch;
use crate::guest::{Shared, UserGuest};

/// A kind of program.
pub struct Target {
    /// QEMU's name.
    pub name: &'static str,
    /// ABI.
    flavour: Flavour,
    /// Byte order.
    pub big_endian: bool,
    /// CPU model when none is named.
    pub default_cpu: &'static str,
}

/// All kinds.
pub static TARGETS: &[Target] = &[
    Target {
        name: "mipsel",
        flavour: Flavour::O32,
        big_endian: false,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips",
        flavour: Flavour::O32,
        big_endian: true,
        default_cpu: "24Kf",
    },
    Target {
        name: "mips64el",
        flavour: Flavour::N64,
        big_endian: false,
        default_cpu: "MIPS64R2-generic",
    },
    Target {
        name: "mips64",
        flavour: Flavour::N64,
        big_endian: true,
        default_cpu: "MIPS64R2-generic",
    },
    Target {
        name: "mipsn32el",
        flavour: Flavour::N32,
        big_endian: false,
        default_cpu: "MIPS64R2-generic",
    },
    Target {
        name: "mipsn32",
        flavour: Flavour::N32,
        big_endian: true,
        default_cpu: "MIPS64R2-generic",
    },
];

/// Makes the vCPU's guest object.
pub type MakeCpu = Box<dyn Fn(Rc<Shared>) -> Box<dyn Guest>>;

impl Target {
    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|t| t.name == name)
    }

    fn wide(&self) -> bool {
        self.flavour != Flavour::O32
    }

    /// Names of the CPU models it runs on.
    pub fn cpu_names(&self) -> Vec<&'static str> {
        MODELS
            .iter()
            .filter(|m| m.wide == self.wide())
            .map(|m| m.name)
            .collect()
    }

    /// ABI and CPU, of the model named or the default.
    ///
    /// # Errors
    /// A sentence: there is no such model.
    pub fn make(&self, cpu: &str) -> Result<(Rc<dyn Arch>, MakeCpu), String> {
        let name = if cpu.is_empty() {
            self.default_cpu
        } else {
            cpu
        };
        let model = CpuModel::by_name(name)
            .filter(|m| m.wide == self.wide())
            .ok_or_else(|| format!("unable to find CPU model '{name}'"))?;
        let regs = Rc::new(Regs::new(self.wide()));
        let arch = Rc::new(MipsArch::new(self.flavour, self.big_endian, &regs));
        let big = self.big_endian;
        Ok((
            arch,
            Box::new(move |shared| Box::new(UserGuest::new(Mips::new(model, big), shared))),
        ))
    }
}
