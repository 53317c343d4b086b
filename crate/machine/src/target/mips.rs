//! MIPS on Malta.

use tinamou_ir::guest::Guest;
use tinamou_mips::CpuModel;

use super::{CpuPlace, Family, Target};
use crate::bus::{Bus, Ram};
use crate::config::{Config, MachineError};
use crate::devices::{Board, BoardConfig};
use crate::malta::{self, MALTA};

#[derive(Debug)]
pub(super) struct Mips;

impl Family for Mips {
    fn boards(&self) -> &'static [&'static Board] {
        static BOARDS: [&Board; 1] = [&MALTA];
        &BOARDS
    }

    fn cpu_names(&self, wide: bool) -> Vec<&'static str> {
        let models = tinamou_mips::models::MODELS.iter();
        models.filter(|m| wide || !m.wide).map(|m| m.name).collect()
    }

    fn cpu(&self, target: &Target, name: &str, _: CpuPlace) -> Option<Box<dyn Guest>> {
        let model = CpuModel::configured(name).filter(|m| target.wide || !m.wide)?;
        Some(Box::new(tinamou_mips::Mips::new(&model, target.big_endian)))
    }

    fn bus(&self, _: &Config, board: BoardConfig, ram: Box<dyn Ram>) -> Result<Bus, MachineError> {
        Ok(malta::new(board, ram)?)
    }

    fn load(&self, config: &Config, bus: &mut Bus) -> Result<(), MachineError> {
        if let Some(image) = &config.bios {
            malta::boot::load_firmware(bus, image)?;
        }
        if let Some(image) = &config.kernel {
            let kernel = malta::boot::Kernel {
                image,
                name: &config.kernel_name,
                initrd: config.initrd.as_deref(),
                cmdline: &config.append,
                dtb: config.dtb.as_deref(),
            };
            malta::boot::load_kernel(bus, &kernel)?;
        }
        Ok(())
    }
}
