//! CACHE and SYNCI. There are no caches: what they do to memory's view of code is all that shows, apart from the tag registers.
//!
//! Index operations name lines by virtual index and cannot say which physical bytes they touch: those on the instruction cache change nothing
//! here, since stores to translated code are seen at once. Hit operations invalidate translated code of their line.

use tinamou_core::Gpa;
use tinamou_ir::guest::{Access, Cx, Stop};

use crate::Mips;

/// CACHE `op` at `va`.
///
/// # Errors
/// Address error and TLB exceptions of hit operations.
pub fn operate(cpu: &mut Mips, cx: &mut dyn Cx, op: u32, va: u64) -> Result<(), Stop> {
    let data = op & 1 != 0;
    match op >> 2 & 7 {
        // Index load tag: every line reads as invalid with tag 0.
        1 => {
            let sel = if data { 2 } else { 0 };
            cpu.sys.taglo[sel] = 0;
            cpu.sys.taglo[sel + 1] = 0;
            cpu.sys.taghi[sel] = 0;
            cpu.sys.taghi[sel + 1] = 0;
        }
        // Hit operations, fill and fetch-and-lock.
        4..=7 => {
            let state = cx.state().clone();
            let mmu = cpu.mmu_now(&state);
            let t = cpu.map(&state, cpu.va(va), Access::Read, mmu)?;
            if matches!(op & 3, 0 | 2 | 3) && op >> 2 & 7 <= 6 {
                let line = cpu.model.cache_geometry(false).1.max(16);
                cx.invalidate_code(Gpa(t.gpa.0 & !(line as u64 - 1)), line);
            }
        }
        _ => {}
    }
    Ok(())
}

/// SYNCI at `va`.
///
/// # Errors
/// Address error and TLB exceptions.
pub fn synci(cpu: &mut Mips, cx: &mut dyn Cx, va: u64) -> Result<(), Stop> {
    let state = cx.state().clone();
    let mmu = cpu.mmu_now(&state);
    let t = cpu.map(&state, cpu.va(va), Access::Read, mmu)?;
    let line = cpu.model.synci_step;
    cx.invalidate_code(Gpa(t.gpa.0 & !(line as u64 - 1)), line);
    Ok(())
}
