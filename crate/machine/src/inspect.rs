//! What monitors show of a machine. Nothing here changes what the guest does.

use tinamou_core::Gpa;
use tinamou_ir::Type;
use tinamou_ir::guest::{CodeFetch, Fault};

use crate::bus::Bus;
use crate::machine::Machine;

/// Code as a disassembler reads it; what is no memory reads as zero.
struct Peek<'a> {
    bus: &'a Bus,
    gpa: Option<Gpa>,
}

impl CodeFetch for Peek<'_> {
    fn fetch(&mut self, _: u64, bytes: u32) -> Result<u32, Fault> {
        let mut word = [0; 4];
        match self.gpa {
            Some(gpa)
                if self
                    .bus
                    .read_memory(gpa, &mut word[..bytes.min(4) as usize]) =>
            {
                Ok(u32::from_le_bytes(word))
            }
            _ => Err(Fault::default()),
        }
    }
}

impl Machine {
    /// The bus, for inspection.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Register dump of the vCPU, laid out as QEMU's `info registers`.
    pub fn registers(&self) -> String {
        self.vcpu.guest().dump(self.vcpu.state())
    }

    /// The MMU's entries, a line each.
    pub fn tlb(&self) -> String {
        self.vcpu.guest().tlb()
    }

    /// The physical address behind a virtual one.
    pub fn translate(&mut self, va: u64) -> Option<Gpa> {
        self.with_vcpu(|vcpu, around| vcpu.debug_translate(around, va))
    }

    /// The instruction at a virtual address, or at a physical one: its length and its text.
    pub fn disassemble(&mut self, at: u64, physical: bool) -> (u32, String) {
        let gpa = if physical {
            Some(Gpa(at))
        } else {
            self.translate(at)
        };
        let guest = self.vcpu.guest();
        let mut peek = Peek {
            bus: &self.bus,
            gpa,
        };
        guest.disassemble(&mut peek, at, guest.mode(self.vcpu.state()))
    }

    /// Hex digits of a virtual address.
    pub fn address_digits(&self) -> usize {
        if self.vcpu.guest().va_type() == Type::I64 {
            16
        } else {
            8
        }
    }
}
