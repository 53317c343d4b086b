//! x86 on the PC.

use tinamou_ir::guest::Guest;
use tinamou_x86::CpuModel;
use tinamou_x86::models::feature;

use super::{CpuPlace, CpuProperty, Family, Target};
use crate::boards::pc::{self, ISAPC, PC};
use crate::bus::{Bus, Ram};
use crate::config::{Config, MachineError};
use crate::devices::{Board, BoardConfig, MAX_CPUS};

#[derive(Debug)]
pub(super) struct X86;

impl Family for X86 {
    fn boards(&self) -> &'static [&'static Board] {
        static BOARDS: [&Board; 2] = [&PC, &ISAPC];
        &BOARDS
    }

    fn cpu_names(&self, wide: bool) -> Vec<&'static str> {
        let models = tinamou_x86::MODELS.iter();
        models
            .filter(|m| wide || !m.wide())
            .map(|m| m.name)
            .collect()
    }

    fn cpu_properties(&self, name: &str) -> Option<Vec<(&'static str, CpuProperty)>> {
        let model = match name {
            "base" => CpuModel::base(),
            name => CpuModel::by_name(name)?,
        };
        let feature = |(name, f): &(&'static str, u16)| {
            let on = model.has(*f);
            let possible = CpuModel::implements(*f);
            (*name, CpuProperty::Feature { on, possible })
        };
        let mut all: Vec<_> = feature::NAMES.iter().map(feature).collect();
        for (name, n) in [
            ("family", model.family),
            ("model", model.model),
            ("stepping", model.stepping),
            ("min-level", model.level),
            ("min-xlevel", model.xlevel),
        ] {
            all.push((name, CpuProperty::Number(n)));
        }
        all.push(("vendor", CpuProperty::Text(model.vendor)));
        all.push(("model-id", CpuProperty::Text(model.brand)));
        Some(all)
    }

    fn max_cpus(&self) -> u32 {
        MAX_CPUS
    }

    fn cpu(&self, target: &Target, name: &str, at: CpuPlace) -> Option<Box<dyn Guest>> {
        let model = CpuModel::parse(name).ok();
        let model = model.filter(|m| target.wide || !m.wide())?;
        let cpu = tinamou_x86::X86::new(&model).numbered(at.number, at.of);
        Some(Box::new(cpu.seeded(at.seed)))
    }

    fn bus(
        &self,
        config: &Config,
        board: BoardConfig,
        ram: Box<dyn Ram>,
    ) -> Result<Bus, MachineError> {
        if config.machine == ISAPC.name {
            return Ok(pc::new_isapc(board, config.vga_bios.as_deref(), ram)?);
        }
        Ok(pc::new(board, ram)?)
    }

    fn load(&self, config: &Config, bus: &mut Bus) -> Result<(), MachineError> {
        if let Some(image) = &config.bios {
            pc::firmware(bus, image)?;
        }
        if let Some(image) = &config.vga_bios
            && config.machine != ISAPC.name
        {
            pc::vga_firmware(bus, image)?;
        }
        if let Some(image) = &config.kernel {
            let kernel = pc::boot::Kernel {
                image,
                initrd: config.initrd.as_deref(),
                cmdline: &config.append,
                vga_bios: config.vga_bios.as_deref(),
            };
            pc::boot::load_kernel(bus, &kernel)?;
        }
        Ok(())
    }
}
