//! The state of a machine without its memory, in the save format: a section per vCPU, the clock, then what the bus saves.

use tinamou_core::{LoadError, Loader, Saver};
use tinamou_ir::{Slot, layout};
use tinamou_jit::Vcpu;

use crate::machine::Machine;

/// Most instructions that a saved machine may have run: no overflow is near (a month at 10^9 a second is 2^51).
const MAX_ICOUNT: u64 = 1 << 52;
/// How many vCPUs a machine has.
const VCPUS: u32 = 1;

/// Section `vcpu`: instructions, program counter, deadline of its timer, its slots, and what the guest's crate keeps besides.
fn save_vcpu(vcpu: &Vcpu, s: &mut Saver) {
    s.section("vcpu", 1, |s| {
        s.u64(vcpu.icount());
        let state = vcpu.state();
        s.u64(state.pc());
        s.u64(vcpu.timer_ns().unwrap_or(u64::MAX));
        for slot in &vcpu.guest().slots().slots {
            debug_assert!(slot.offset >= layout::GUEST);
            let bits = if slot.ty.bytes() == 4 {
                state.read32(slot.offset) as u64
            } else {
                state.read64(slot.offset)
            };
            s.u64(bits);
        }
        let mut guest = Vec::new();
        vcpu.guest().save(&mut guest);
        s.bytes(&guest);
    });
}

/// What a vCPU resumes with once all is loaded.
struct Resume {
    icount: u64,
    pc: u64,
    timer_ns: Option<u64>,
}

fn load_vcpu(vcpu: &mut Vcpu, l: &mut Loader<'_>) -> Result<Resume, LoadError> {
    l.section("vcpu", 1, |l, _| {
        let icount = l.u64()?;
        if icount > MAX_ICOUNT {
            return Err(LoadError::Invalid("time"));
        }
        let pc = l.u64()?;
        let timer_ns = Some(l.u64()?).filter(|&ns| ns != u64::MAX);
        let slots = vcpu.guest().slots();
        let state = vcpu.state().clone();
        for n in 0..slots.slots.len() {
            state.set_slot(&slots, Slot(n as u16), l.u64()?);
        }
        let guest = l.bytes()?;
        vcpu.guest_mut()
            .load(guest)
            .map_err(|_| LoadError::Invalid("vCPU"))?;
        Ok(Resume {
            icount,
            pc,
            timer_ns,
        })
    })
}

impl Machine {
    /// Everything but memory, in the save format.
    pub(crate) fn save_state(&self) -> Vec<u8> {
        let mut s = Saver::new();
        s.u32(VCPUS);
        save_vcpu(&self.vcpu, &mut s);
        s.section("clock", 1, |s| {
            self.clock.state().into_iter().for_each(|word| s.u64(word));
        });
        self.bus.save(&mut s);
        s.finish()
    }

    /// Loads what `save_state` wrote, on a machine of the same configuration. Cached code and translations must go then.
    pub(crate) fn load_state(&mut self, state: &[u8]) -> Result<(), LoadError> {
        let mut l = Loader::new(state);
        if l.u32()? != VCPUS {
            return Err(LoadError::Invalid("number of vCPUs"));
        }
        let vcpu = load_vcpu(&mut self.vcpu, &mut l)?;
        let clock = l.section("clock", 1, |l, _| Ok([l.u64()?, l.u64()?, l.u64()?]))?;
        if !self.clock.set_state(vcpu.icount, clock) {
            return Err(LoadError::Invalid("time"));
        }
        self.bus.load(&mut l)?;
        if l.remaining() != 0 {
            return Err(LoadError::Trailing("machine".into()));
        }
        self.vcpu.resume_at(vcpu.icount, vcpu.pc, vcpu.timer_ns);
        Ok(())
    }
}
