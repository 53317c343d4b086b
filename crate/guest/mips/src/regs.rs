//! The vCPU's slots: registers that generated code reads and writes. General registers, HI/LO and addresses are i32 on 32-bit CPUs and
//! i64 (32-bit results sign-extended) on 64-bit CPUs; FPU registers are f64.

use std::rc::Rc;

use tinamou_ir::{Slot, SlotTable, Type};

/// The ABI's names of the general registers.
pub const GPR_NAMES: [&str; 32] = [
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
    "t7", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp", "fp",
    "ra",
];

/// Number of the first slot that is neither a general register nor HI or LO.
pub const FIRST_SYSTEM: u16 = 34;

/// Slots by register.
pub struct Regs {
    /// The table.
    pub table: Rc<SlotTable>,
    /// General registers; r0 has a slot that is never written.
    pub gpr: [Slot; 32],
    /// HI.
    pub hi: Slot,
    /// LO.
    pub lo: Slot,
    /// Hidden: condition of the branch whose delay slot runs (i32).
    pub bcond: Slot,
    /// Hidden: target of the jump whose delay slot runs.
    pub btarget: Slot,
    /// LLbit (i32).
    pub llbit: Slot,
    /// Virtual address of the last LL.
    pub lladdr: Slot,
    /// FCSR (i32).
    pub fcr31: Slot,
    /// FPU registers (f64). With Status.FR = 0 an odd register's single is the upper half of the even register.
    pub fpr: [Slot; 32],
    /// The FPU's hidden slots.
    pub fpu: crate::fpu::state::Slots,
    /// UserLocal.
    pub userlocal: Slot,
    /// HWREna (i32).
    pub hwrena: Slot,
    /// Index (i32).
    pub index: Slot,
    /// EntryLo0.
    pub entrylo0: Slot,
    /// EntryLo1.
    pub entrylo1: Slot,
    /// Context.
    pub context: Slot,
    /// XContext (64-bit CPUs).
    pub xcontext: Slot,
    /// PageMask (i32).
    pub pagemask: Slot,
    /// BadVAddr.
    pub badvaddr: Slot,
    /// EntryHi.
    pub entryhi: Slot,
    /// Status (i32).
    pub status: Slot,
    /// EPC.
    pub epc: Slot,
    /// ErrorEPC.
    pub errorepc: Slot,
}

impl Regs {
    /// The slots of a 32-bit or 64-bit CPU.
    pub fn new(wide: bool) -> Regs {
        let word = if wide { Type::I64 } else { Type::I32 };
        let mut t = SlotTable::default();
        let gpr = std::array::from_fn(|i| t.push(GPR_NAMES[i], word));
        let hi = t.push("hi", word);
        let lo = t.push("lo", word);
        let bcond = t.push_transient("bcond", Type::I32);
        let llbit = t.push("llbit", Type::I32);
        let btarget = t.push_transient("btarget", word);
        let lladdr = t.push("lladdr", word);
        let fcr31 = t.push("fcr31", Type::I32);
        let hwrena = t.push("hwrena", Type::I32);
        let index = t.push("index", Type::I32);
        let pagemask = t.push("pagemask", Type::I32);
        let status = t.push("status", Type::I32);
        let userlocal = t.push("userlocal", word);
        let entrylo0 = t.push("entrylo0", word);
        let entrylo1 = t.push("entrylo1", word);
        let context = t.push("context", word);
        let xcontext = t.push("xcontext", word);
        let badvaddr = t.push("badvaddr", word);
        let entryhi = t.push("entryhi", word);
        let epc = t.push("epc", word);
        let errorepc = t.push("errorepc", word);
        let fpr = std::array::from_fn(|i| t.push(format!("f{i}"), Type::F64));
        let fpu = crate::fpu::state::Slots::new(&mut t);
        debug_assert_eq!(bcond.0, FIRST_SYSTEM);
        Regs {
            table: Rc::new(t),
            gpr,
            hi,
            lo,
            bcond,
            btarget,
            llbit,
            lladdr,
            fcr31,
            fpr,
            fpu,
            userlocal,
            hwrena,
            index,
            entrylo0,
            entrylo1,
            context,
            xcontext,
            pagemask,
            badvaddr,
            entryhi,
            status,
            epc,
            errorepc,
        }
    }
}
