//! The programs' kinds by QEMU's names, and the CPU and ABI behind each.

use std::cell::RefCell;
use std::rc::Rc;

use tinamou_ir::guest::Guest;
use tinamou_mips::Mips;
use tinamou_mips::regs::Regs;
use tinamou_x86::X86;
use tinamou_x86::user::User;

use crate::abi::mips::Flavour;
use crate::arch::Arch;
use crate::arch::mips::MipsArch;
use crate::arch::x86::X86Arch;
use crate::guest::{Shared, UserGuest};

/// Instruction set and ABI of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// MIPS: its ABI, and whether it is big-endian.
    Mips(Flavour, bool),
    /// x86: with long mode.
    X86(bool),
}

/// A kind of program.
pub struct Target {
    /// QEMU's name.
    pub name: &'static str,
    kind: Kind,
    /// CPU model when none is named.
    pub default_cpu: &'static str,
}

const fn target(name: &'static str, kind: Kind, default_cpu: &'static str) -> Target {
    Target {
        name,
        kind,
        default_cpu,
    }
}

const M32: &str = "24Kf";
const M64: &str = "MIPS64R2-generic";

/// All kinds.
pub static TARGETS: &[Target] = &[
    target("mipsel", Kind::Mips(Flavour::O32, false), M32),
    target("mips", Kind::Mips(Flavour::O32, true), M32),
    target("mips64el", Kind::Mips(Flavour::N64, false), M64),
    target("mips64", Kind::Mips(Flavour::N64, true), M64),
    target("mipsn32el", Kind::Mips(Flavour::N32, false), M64),
    target("mipsn32", Kind::Mips(Flavour::N32, true), M64),
    target("i386", Kind::X86(false), "qemu32"),
    target("x86_64", Kind::X86(true), "qemu64"),
];

/// Makes the vCPU's guest object.
pub type MakeCpu = Box<dyn Fn(Rc<Shared>) -> Box<dyn Guest>>;

impl Target {
    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|t| t.name == name)
    }

    /// Names of the CPU models it runs on.
    pub fn cpu_names(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::Mips(flavour, _) => tinamou_mips::models::MODELS
                .iter()
                .filter(|m| m.wide == (flavour != Flavour::O32))
                .map(|m| m.name)
                .collect(),
            Kind::X86(wide) => tinamou_x86::MODELS
                .iter()
                .filter(|m| m.wide() || !wide)
                .map(|m| m.name)
                .collect(),
        }
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
        match self.kind {
            Kind::Mips(flavour, big) => mips(flavour, big, name),
            Kind::X86(wide) => x86(wide, name),
        }
    }
}

fn mips(flavour: Flavour, big: bool, cpu: &str) -> Result<(Rc<dyn Arch>, MakeCpu), String> {
    let wide = flavour != Flavour::O32;
    let model = tinamou_mips::models::CpuModel::by_name(cpu)
        .filter(|m| m.wide == wide)
        .ok_or_else(|| format!("unable to find CPU model '{cpu}'"))?;
    let regs = Rc::new(Regs::new(wide));
    let arch = Rc::new(MipsArch::new(flavour, big, &regs));
    Ok((
        arch,
        Box::new(move |shared| {
            let cpu = Rc::new(RefCell::new(Mips::new(model, big)));
            Box::new(UserGuest::new(cpu, shared))
        }),
    ))
}

fn x86(wide: bool, cpu: &str) -> Result<(Rc<dyn Arch>, MakeCpu), String> {
    let mut model = tinamou_x86::CpuModel::parse(cpu)?;
    if wide && !model.wide() {
        return Err(format!("the CPU model '{cpu}' has no 64-bit mode"));
    }
    if !wide {
        model.without_long_mode();
    }
    let cpu = Rc::new(RefCell::new(X86::new(&model)));
    let arch = Rc::new(X86Arch::new(&cpu));
    Ok((
        arch,
        Box::new(move |shared: Rc<Shared>| {
            let space = shared.clone();
            cpu.borrow_mut().user = Some(User::new(
                wide,
                Box::new(move |state, va, access| space.translate(state, va, access)),
            ));
            Box::new(UserGuest::new(cpu.clone(), shared))
        }),
    ))
}
