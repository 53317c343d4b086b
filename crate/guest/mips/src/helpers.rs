//! Helpers: what generated code calls in Rust. The list gives each its number and its declared effects.

use tinamou_ir::guest::{Access, Cx, Fault, Stop};
use tinamou_ir::{HelperDesc, HelperId, SlotSet};

use crate::{Mips, cache, fault, interrupts};

/// The slots behind the general registers, HI and LO: what the manuals call system state, and the FPU's.
const SYSTEM: SlotSet = SlotSet::From(crate::regs::FIRST_SYSTEM);

macro_rules! helpers {
    ($( $(#[doc = $doc:literal])+ $id:ident = $name:literal [$($flag:ident)*]; )*) => {
        #[derive(Clone, Copy)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "names of the constants below")]
        enum Number { $($id),* }
        $( $(#[doc = $doc])+ pub const $id: HelperId = HelperId(Number::$id as u16); )*
        /// Declarations by number.
        pub static HELPERS: &[HelperDesc] = &[ $( {
            #[allow(unused_mut, reason = "helpers without flags")]
            let mut d = HelperDesc { name: $name, reads: SlotSet::None, writes: SlotSet::None, faults: false, time: false, pure: false };
            $( helpers!(@flag d $flag); )*
            d
        }, )* ];
    };
    (@flag $d:ident reads) => { $d.reads = SlotSet::All };
    (@flag $d:ident writes) => { $d.writes = SlotSet::All };
    (@flag $d:ident reads_system) => { $d.reads = SYSTEM };
    (@flag $d:ident writes_system) => { $d.writes = SYSTEM };
    (@flag $d:ident faults) => { $d.faults = true };
    (@flag $d:ident time) => { $d.time = true };
}

helpers! {
    /// Reads CP0 register `a`.
    READ_CP0 = "read_cp0" [reads_system];
    /// Reads Count.
    READ_COUNT = "read_count" [time];
    /// Writes `b` to CP0 register `a`.
    WRITE_CP0 = "write_cp0" [reads_system writes_system faults];
    /// Writes `b` to CP0 register `a`, one of Count, Compare and Cause.
    WRITE_TIMER = "write_timer" [reads_system writes_system faults time];
    /// ERET; gives the next pc.
    ERET = "eret" [reads writes faults];
    /// DERET; gives the next pc.
    DERET = "deret" [reads writes faults];
    /// TLBP.
    TLBP = "tlbp" [reads_system writes_system faults];
    /// TLBR.
    TLBR = "tlbr" [reads_system writes_system faults];
    /// TLBWI.
    TLBWI = "tlbwi" [reads_system faults];
    /// TLBWR.
    TLBWR = "tlbwr" [reads_system faults];
    /// WAIT.
    WAIT = "wait" [];
    /// CACHE `a` at address `b`.
    CACHE = "cache" [reads_system faults];
    /// SYNCI at address `a`.
    SYNCI = "synci" [reads_system faults];
    /// Watch exception for a fetch at `a`.
    WATCH_FETCH = "watch_fetch" [reads_system faults];
    /// Register `a` of the previous shadow set.
    RDPGPR = "rdpgpr" [reads];
    /// Writes `b` to register `a` of the previous shadow set.
    WRPGPR = "wrpgpr" [reads writes];
    /// The FPU instruction `a` in software, with Status.FR `b`.
    FP_SLOW = "fp_slow" [reads writes faults];
    /// The operation `c` (`fpu::Op`) of FP fast mode in software, on operands `a` and `b`.
    FP_RARE = "fp_rare" [];
    /// FPU control register `a`.
    CFC1 = "cfc1" [reads_system];
    /// Writes `b` to FPU control register `a`.
    CTC1 = "ctc1" [reads_system writes_system faults];
}

impl Mips {
    /// `Guest::helper`.
    pub(crate) fn run_helper(
        &mut self,
        cx: &mut dyn Cx,
        id: HelperId,
        [a, b, c]: [u64; 3],
    ) -> Result<u64, Stop> {
        let mut result = 0;
        match id {
            READ_CP0 => result = self.read_cp0(cx, a as u32),
            READ_COUNT => result = interrupts::count(self, cx.now_ns()) as i32 as i64 as u64,
            WRITE_CP0 | WRITE_TIMER => self.write_cp0(cx, a as u32, b),
            ERET => result = self.eret(cx),
            DERET => result = self.deret(cx)?,
            TLBP => self.tlbp(cx),
            TLBR => self.tlbr(cx),
            TLBWI => self.tlbwi(cx),
            TLBWR => self.tlbwr(cx),
            WAIT => self.sys.halted = true,
            CACHE => cache::operate(self, cx, a as u32, b)?,
            SYNCI => cache::synci(self, cx, a)?,
            WATCH_FETCH => {
                let state = cx.state().clone();
                self.check_watch(&state, a, Access::Fetch)?;
            }
            RDPGPR => result = self.read_previous(cx.state(), a as usize),
            WRPGPR => {
                let state = cx.state().clone();
                self.write_previous(&state, a as usize, b);
            }
            FP_SLOW => result = self.fp_slow(cx.state(), a as u32, b != 0)?,
            FP_RARE => result = self.fpu(cx.state()).rare(c as u32, a, b),
            CFC1 => result = self.fpu(cx.state()).cfc1(a as u32, self.model.fcr0).into(),
            CTC1 => result = self.ctc1(cx.state(), a as u32, b as u32)?,
            // The lifter emits no other number; state from elsewhere cannot name one.
            _ => {
                return Err(Fault {
                    code: fault::RI,
                    ..Fault::default()
                }
                .into());
            }
        }
        Ok(result)
    }
}
