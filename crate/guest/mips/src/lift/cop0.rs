//! Coprocessor 0 instructions and RDHWR. Moves of plain registers are slot accesses; the rest are helpers.

use tinamou_ir::{HelperId, Type, Val};

use super::Lifter;
use crate::cp0::{id, slot_of};
use crate::decode::Word;
use crate::{fault, helpers};

fn register(w: Word) -> u32 {
    (w.rd() as u32) << 3 | w.sel()
}

/// An i64 from a helper as a register-typed value, of which MFC0 takes the low half sign-extended.
fn from_helper(l: &mut Lifter<'_>, v: Val, whole: bool) -> Val {
    match (l.wide, whole) {
        (false, _) => l.b.wrap(v),
        (true, false) => l.b.sext32(v),
        (true, true) => v,
    }
}

/// MFC0 and DMFC0 (`whole`).
pub fn mfc0(l: &mut Lifter<'_>, w: Word, whole: bool) {
    let reg = register(w);
    let v = match slot_of(&l.cpu.model, &l.cpu.regs, reg) {
        Some((slot, _)) => {
            let v = l.b.get(slot);
            match (l.b.ty(v), l.wide) {
                (Type::I32, _) => l.sext(v),
                (_, true) if !whole => l.b.sext32(v),
                _ => v,
            }
        }
        None if reg == id::COUNT => {
            let v = l.b.call(helpers::READ_COUNT, &[]);
            from_helper(l, v, whole)
        }
        None => {
            let n = l.b.i32(reg);
            let v = l.b.call(helpers::READ_CP0, &[n]);
            from_helper(l, v, whole)
        }
    };
    l.set_x(w.rt(), v);
}

/// MTC0 and DMTC0 (`whole`).
pub fn mtc0(l: &mut Lifter<'_>, w: Word, whole: bool) {
    let reg = register(w);
    let v = l.x(w.rt());
    let v = if l.wide && !whole { l.b.sext32(v) } else { v };
    if let Some((slot, Some(mask))) = slot_of(&l.cpu.model, &l.cpu.regs, reg) {
        let ty = l.cpu.regs.table.desc(slot).ty;
        let v = if ty == Type::I32 { l.low(v) } else { v };
        let v = if mask == u64::MAX {
            v
        } else {
            let m = l.b.constant(ty, mask);
            l.b.and(v, m)
        };
        return l.b.set(slot, v);
    }
    if matches!(reg, id::BADVADDR | id::RANDOM) {
        return;
    }
    let n = l.b.i32(reg);
    let helper = if matches!(reg, id::COUNT | id::COMPARE | id::CAUSE) {
        helpers::WRITE_TIMER
    } else {
        helpers::WRITE_CP0
    };
    l.b.call(helper, &[n, v]);
    // What may change the mode, a mapping or the interrupt state: the helper asks to leave where it did. In a delay slot, and for watch registers
    // and Config (their effect on lifting), the block ends.
    if l.in_slot || matches!(reg & !7, id::WATCHLO | id::WATCHHI | id::CONFIG) {
        l.leave_after();
    }
}

/// DI and EI: rt gets the old Status.
pub fn di_ei(l: &mut Lifter<'_>, w: Word, enable: bool) {
    let old = l.b.get(l.cpu.regs.status);
    let bit = l.b.i32(if enable { 1 } else { !1 });
    let new = if enable {
        l.b.or(old, bit)
    } else {
        l.b.and(old, bit)
    };
    let n = l.b.i32(id::STATUS);
    l.b.call(helpers::WRITE_CP0, &[n, new]);
    l.set_w(w.rt(), old);
    if l.in_slot {
        l.leave_after();
    }
}

/// TLBR, TLBWI, TLBWR, TLBP.
pub fn tlb(l: &mut Lifter<'_>, helper: HelperId) {
    l.b.call(helper, &[]);
    if l.in_slot {
        l.leave_after();
    }
}

/// ERET and DERET: no delay slot; in one they raise Reserved Instruction.
pub fn eret(l: &mut Lifter<'_>, helper: HelperId) {
    if l.in_slot {
        return l.b.raise(fault::RI);
    }
    let v = l.b.call(helper, &[]);
    let target = l.from64(v);
    l.b.leave_ind(target);
}

/// WAIT: the next instruction runs after an interrupt.
pub fn wait(l: &mut Lifter<'_>) {
    l.b.call(helpers::WAIT, &[]);
    l.leave_after();
}

/// RDPGPR.
pub fn rdpgpr(l: &mut Lifter<'_>, w: Word) {
    if l.cpu.model.srs_max == 0 {
        let v = l.x(w.rt());
        return l.set_x(w.rd(), v);
    }
    let n = l.b.i32(w.rt() as u32);
    let v = l.b.call(helpers::RDPGPR, &[n]);
    let v = l.from64(v);
    l.set_x(w.rd(), v);
}

/// WRPGPR.
pub fn wrpgpr(l: &mut Lifter<'_>, w: Word) {
    let v = l.x(w.rt());
    if l.cpu.model.srs_max == 0 {
        return l.set_x(w.rd(), v);
    }
    let n = l.b.i32(w.rd() as u32);
    l.b.call(helpers::WRPGPR, &[n, v]);
}

/// CACHE. Index operations on data lines do nothing; the address is not translated.
pub fn cache(l: &mut Lifter<'_>, w: Word) {
    let op = w.rt() as u32;
    let index = op >> 2 < 4;
    if index && op >> 2 != 1 {
        return;
    }
    let a = l.address(w);
    let n = l.b.i32(op);
    l.b.call(helpers::CACHE, &[n, a]);
}

/// RDHWR: registers 0 to 3 and 29, where HWREna or Coprocessor 0 access allows.
pub fn rdhwr(l: &mut Lifter<'_>, w: Word) {
    let reg = w.rd() as u32;
    let known = matches!(reg, 0..=3) || reg == 29 && l.cpu.model.release2;
    if !known {
        return l.b.raise(fault::RI);
    }
    if !l.mode.cu0() {
        let allowed = l.b.get(l.cpu.regs.hwrena);
        let bit = l.b.i32(1 << reg);
        let on = l.b.and(allowed, bit);
        let off = l.b.eqz(on);
        l.b.trap_if(off, fault::RI);
    }
    let v = match reg {
        0 => l.k(l.cpu.cpu_num as u64),
        1 => l.k(l.cpu.model.synci_step as u64),
        2 => {
            let v = l.b.call(helpers::READ_COUNT, &[]);
            from_helper(l, v, false)
        }
        3 => l.k(l.cpu.model.count_resolution as u64),
        _ => l.b.get(l.cpu.regs.userlocal),
    };
    l.set_x(w.rt(), v);
}
