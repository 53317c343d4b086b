//! Coprocessor 0: registers, reset values, reads and writes (MD00090 and MD00091, The MIPS32/MIPS64 Privileged Resource Architecture,
//! chapter 9; the cores' software manuals for the write masks).
//!
//! Registers that generated code may touch without side effects are slots ([`slot_of`]); the rest are fields of [`Sys`]. Performance
//! counters do not exist (Config1.PC is 0); EJTAG has Debug, DEPC and DESAVE alone.

use tinamou_ir::Slot;
use tinamou_ir::guest::{Cx, State};

use crate::mmu::Mmu;
use crate::models::CpuModel;
use crate::regs::Regs;
use crate::{Mips, fault, interrupts, watch};

/// Bits of Status.
pub mod status {
    /// Interrupt enable.
    pub const IE: u32 = 1;
    /// Exception level.
    pub const EXL: u32 = 1 << 1;
    /// Error level.
    pub const ERL: u32 = 1 << 2;
    /// Base mode field.
    pub const KSU: u32 = 3 << 3;
    /// 64-bit user segments.
    pub const UX: u32 = 1 << 5;
    /// 64-bit supervisor segments.
    pub const SX: u32 = 1 << 6;
    /// 64-bit kernel segments.
    pub const KX: u32 = 1 << 7;
    /// Interrupt mask field.
    pub const IM: u32 = 0xff << 8;
    /// Nonmaskable interrupt.
    pub const NMI: u32 = 1 << 19;
    /// Soft reset.
    pub const SR: u32 = 1 << 20;
    /// TLB shutdown.
    pub const TS: u32 = 1 << 21;
    /// Bootstrap exception vectors.
    pub const BEV: u32 = 1 << 22;
    /// 64-bit operations in user mode.
    pub const PX: u32 = 1 << 23;
    /// Reversed byte order in user mode.
    pub const RE: u32 = 1 << 25;
    /// 64-bit FPU registers.
    pub const FR: u32 = 1 << 26;
    /// Coprocessor 0 usable.
    pub const CU0: u32 = 1 << 28;
    /// Coprocessor 1 usable.
    pub const CU1: u32 = 1 << 29;
    /// What the mode word depends on.
    pub const MODE: u32 = KSU | EXL | ERL | UX | SX | KX | PX | RE | FR | CU0 | CU1;
}

/// Bits of Cause.
pub mod cause {
    /// Exception code field.
    pub const EXC: u32 = 31 << 2;
    /// Software interrupts.
    pub const IP_SW: u32 = 3 << 8;
    /// Interrupt lines IP7..IP2, or RIPL.
    pub const IP_HW: u32 = 0xfc << 8;
    /// Deferred watch exception.
    pub const WP: u32 = 1 << 22;
    /// Interrupts use the special vector.
    pub const IV: u32 = 1 << 23;
    /// Count is stopped.
    pub const DC: u32 = 1 << 27;
    /// Coprocessor of an unusable exception.
    pub const CE: u32 = 3 << 28;
    /// Timer interrupt.
    pub const TI: u32 = 1 << 30;
    /// Exception in a delay slot.
    pub const BD: u32 = 1 << 31;
}

/// Bits of Debug.
pub mod debug {
    /// SDBBP happened.
    pub const DBP: u32 = 1 << 1;
    /// Debug mode.
    pub const DM: u32 = 1 << 30;
    /// Exception in a delay slot.
    pub const DBD: u32 = 1 << 31;
}

/// Register numbers: register * 8 + select.
pub mod id {
    #![allow(missing_docs, reason = "the manual's names say it")]
    pub const INDEX: u32 = 0;
    pub const RANDOM: u32 = 8;
    pub const ENTRYLO0: u32 = 2 << 3;
    pub const ENTRYLO1: u32 = 3 << 3;
    pub const CONTEXT: u32 = 4 << 3;
    pub const USERLOCAL: u32 = 4 << 3 | 2;
    pub const PAGEMASK: u32 = 5 << 3;
    pub const PAGEGRAIN: u32 = 5 << 3 | 1;
    pub const WIRED: u32 = 6 << 3;
    pub const HWRENA: u32 = 7 << 3;
    pub const BADVADDR: u32 = 8 << 3;
    pub const COUNT: u32 = 9 << 3;
    pub const ENTRYHI: u32 = 10 << 3;
    pub const COMPARE: u32 = 11 << 3;
    pub const STATUS: u32 = 12 << 3;
    pub const INTCTL: u32 = 12 << 3 | 1;
    pub const SRSCTL: u32 = 12 << 3 | 2;
    pub const SRSMAP: u32 = 12 << 3 | 3;
    pub const CAUSE: u32 = 13 << 3;
    pub const EPC: u32 = 14 << 3;
    pub const PRID: u32 = 15 << 3;
    pub const EBASE: u32 = 15 << 3 | 1;
    pub const CONFIG: u32 = 16 << 3;
    pub const LLADDR: u32 = 17 << 3;
    pub const WATCHLO: u32 = 18 << 3;
    pub const WATCHHI: u32 = 19 << 3;
    pub const XCONTEXT: u32 = 20 << 3;
    pub const DEBUG: u32 = 23 << 3;
    pub const DEPC: u32 = 24 << 3;
    pub const ERRCTL: u32 = 26 << 3;
    pub const CACHEERR: u32 = 27 << 3;
    pub const TAGLO: u32 = 28 << 3;
    pub const TAGHI: u32 = 29 << 3;
    pub const ERROREPC: u32 = 30 << 3;
    pub const DESAVE: u32 = 31 << 3;
}

/// The registers and other state that are not slots.
#[derive(Clone)]
pub struct Sys {
    /// Cause without the interrupt lines.
    pub cause: u32,
    /// Compare.
    pub compare: u32,
    /// Count minus the ticks of virtual time; Count itself while it is stopped.
    pub count_base: u32,
    /// Wired.
    pub wired: u32,
    /// PageGrain.
    pub pagegrain: u32,
    /// IntCtl.
    pub intctl: u32,
    /// SRSCtl.
    pub srsctl: u32,
    /// SRSMap.
    pub srsmap: u32,
    /// EBase.
    pub ebase: u32,
    /// Config0 with its writable bits.
    pub config0: u32,
    /// WatchLo.
    pub watchlo: [u64; watch::MAX],
    /// WatchHi.
    pub watchhi: [u32; watch::MAX],
    /// Debug.
    pub debug: u32,
    /// DEPC.
    pub depc: u64,
    /// DESAVE.
    pub desave: u64,
    /// ErrCtl.
    pub errctl: u32,
    /// CacheErr.
    pub cacheerr: u32,
    /// TagLo and DataLo by select.
    pub taglo: [u32; 8],
    /// TagHi and DataHi by select.
    pub taghi: [u32; 8],
    /// Levels of the interrupt inputs, bit n is IPn.
    pub irq_lines: u32,
    /// Priority level of the external controller's interrupt that was entered last (Cause.RIPL).
    pub ripl: u32,
    /// The timer interrupt is pending.
    pub timer_irq: bool,
    /// WAIT.
    pub halted: bool,
    /// State of the random replacement, a 32-bit LFSR; never 0.
    pub lfsr: u32,
    /// Copy of the Status slot, for questions asked without the state.
    pub status: u32,
    /// Shadow register sets that are not current.
    pub shadow: Vec<[u64; 32]>,
    /// The TLB.
    pub mmu: Mmu,
}

impl Sys {
    /// Reset values.
    pub fn new(model: &CpuModel, big_endian: bool) -> Sys {
        Sys {
            cause: 0,
            compare: 0,
            count_base: 0,
            wired: 0,
            pagegrain: 0,
            intctl: if model.release2 { 7 << 29 | 7 << 26 } else { 0 },
            srsctl: (model.srs_max as u32) << 26,
            srsmap: 0,
            ebase: 0x8000_0000,
            config0: model.config[0] | (big_endian as u32) << 15,
            watchlo: [0; watch::MAX],
            watchhi: std::array::from_fn(|i| {
                if i + 1 < model.watch_pairs as usize {
                    1 << 31
                } else {
                    0
                }
            }),
            debug: 1 << 15,
            depc: 0,
            desave: 0,
            errctl: 0,
            cacheerr: 0,
            taglo: [0; 8],
            taghi: [0; 8],
            irq_lines: 0,
            ripl: 0,
            timer_irq: false,
            halted: false,
            lfsr: 0x2545_f491,
            status: 0,
            shadow: vec![[0; 32]; model.srs_max as usize + 1],
            mmu: Mmu::new(model),
        }
    }

    /// The next random TLB index, from Wired to the last.
    pub fn next_random(&mut self) -> u32 {
        let bit = self.lfsr & 1;
        self.lfsr >>= 1;
        if bit != 0 {
            self.lfsr ^= 0xa300_0000;
        }
        self.random()
    }

    /// The Random register.
    pub fn random(&self) -> u32 {
        let n = self.mmu.size();
        let span = n - self.wired.min(n - 1);
        n - span + (self.lfsr >> 7) % span
    }
}

/// The slot behind register `id` and the bits that software can write without side effects; `None` for registers behind helpers.
/// Only the write mask is `None` where a write needs a helper.
pub fn slot_of(model: &CpuModel, r: &Regs, id: u32) -> Option<(Slot, Option<u64>)> {
    let lo_mask = ((1u64 << (model.pa_bits - 6)) - 1) & 0x3fff_ffff;
    Some(match id {
        id::INDEX => (r.index, None),
        id::ENTRYLO0 => (r.entrylo0, Some(lo_mask)),
        id::ENTRYLO1 => (r.entrylo1, Some(lo_mask)),
        id::CONTEXT => (r.context, None),
        id::USERLOCAL if model.release2 => (r.userlocal, Some(u64::MAX)),
        id::PAGEMASK => (r.pagemask, Some(0x1fff_e000)),
        id::HWRENA if model.release2 => (r.hwrena, Some(0x2000_000f)),
        id::BADVADDR => (r.badvaddr, None),
        id::ENTRYHI => (r.entryhi, None),
        id::STATUS => (r.status, None),
        id::EPC => (r.epc, Some(u64::MAX)),
        id::XCONTEXT if model.wide => (r.xcontext, None),
        id::ERROREPC => (r.errorepc, Some(u64::MAX)),
        _ => return None,
    })
}

impl Mips {
    /// Reads a register that has no slot, as a 64-bit value of which MFC0 takes the low half.
    pub(crate) fn read_cp0(&mut self, cx: &mut dyn Cx, id: u32) -> u64 {
        let s = &self.sys;
        let sel = id & 7;
        (match id {
            id::RANDOM => s.random(),
            id::WIRED => s.wired,
            id::PAGEGRAIN if self.model.release2 => s.pagegrain,
            id::COUNT => return interrupts::count(self, cx.now_ns()) as u64,
            id::COMPARE => s.compare,
            id::INTCTL if self.model.release2 => s.intctl,
            id::SRSCTL if self.model.release2 => s.srsctl,
            id::SRSMAP if self.model.release2 => s.srsmap,
            id::CAUSE => self.cause(),
            id::PRID => self.model.prid,
            id::EBASE if self.model.release2 => s.ebase | self.cpu_num & 0x3ff,
            id::CONFIG => s.config0,
            _ if id & !7 == id::CONFIG => match sel {
                1..=3 => self.model.config[sel as usize],
                7 => self.model.config7,
                _ => 0,
            },
            id::LLADDR => return self.lladdr(cx.state()),
            _ if id & !7 == id::WATCHLO => {
                return if sel < self.model.watch_pairs as u32 {
                    s.watchlo[sel as usize]
                } else {
                    0
                };
            }
            _ if id & !7 == id::WATCHHI && sel < self.model.watch_pairs as u32 => {
                s.watchhi[sel as usize]
            }
            id::DEBUG => s.debug,
            id::DEPC => return s.depc,
            id::ERRCTL => s.errctl,
            id::CACHEERR => s.cacheerr,
            _ if id & !7 == id::TAGLO => s.taglo[sel as usize],
            _ if id & !7 == id::TAGHI => s.taghi[sel as usize],
            id::DESAVE => return s.desave,
            _ => 0,
        }) as i32 as i64 as u64
    }

    /// Writes a register that has no plain slot. `v` is sign-extended from what MTC0 wrote, or whole from DMTC0.
    pub(crate) fn write_cp0(&mut self, cx: &mut dyn Cx, id: u32, v: u64) {
        let r = self.regs.clone();
        let sel = (id & 7) as usize;
        let v32 = v as u32;
        let release2 = self.model.release2;
        match id {
            id::INDEX => {
                let old = self.get(cx.state(), r.index);
                let mask = (self.sys.mmu.size() as u64).next_power_of_two() - 1;
                self.set(cx.state(), r.index, old & 0x8000_0000 | v & mask);
            }
            id::CONTEXT => {
                let old = self.get(cx.state(), r.context);
                self.set(cx.state(), r.context, old & 0x7f_ffff | v & !0x7f_ffff);
            }
            id::XCONTEXT => {
                let low = (1u64 << (self.model.seg_bits - 13 + 4 + 2)) - 1;
                let old = self.get(cx.state(), r.xcontext);
                self.set(cx.state(), r.xcontext, old & low | v & !low);
            }
            id::WIRED => self.sys.wired = v32 % self.sys.mmu.size(),
            id::COUNT => interrupts::set_count(self, cx, v32),
            id::COMPARE => interrupts::set_compare(self, cx, v32),
            id::ENTRYHI => self.write_entryhi(cx, v),
            id::STATUS => self.write_status(cx, v32),
            id::INTCTL if release2 => {
                let vs = if self.model.config[3] & 0x60 != 0 {
                    v32 & 0x3e0
                } else {
                    0
                };
                self.sys.intctl = self.sys.intctl & !0x3e0 | vs;
            }
            id::SRSCTL if release2 => {
                let hss = self.model.srs_max as u32;
                let field = |shift: u32| (v32 >> shift & 15).min(hss) << shift;
                self.sys.srsctl = self.sys.srsctl & !(15 << 12 | 15 << 6) | field(12) | field(6);
            }
            id::SRSMAP if release2 && self.model.srs_max > 0 => self.sys.srsmap = v32,
            id::CAUSE => {
                let mut mask = cause::IP_SW | cause::IV | cause::WP;
                if release2 {
                    mask |= cause::DC;
                }
                let old = self.sys.cause;
                // WP can be cleared, not set.
                let new = old & !mask | v32 & mask & (old | !cause::WP);
                if (old ^ new) & cause::DC != 0 {
                    let count = interrupts::count(self, cx.now_ns());
                    self.sys.cause = new;
                    interrupts::set_count(self, cx, count);
                }
                self.sys.cause = new;
                self.check_interrupts(cx);
            }
            id::EBASE if release2 => self.sys.ebase = 0x8000_0000 | v32 & 0x3fff_f000,
            id::CONFIG => self.sys.config0 = self.sys.config0 & !7 | v32 & 7,
            _ if id & !7 == id::WATCHLO => self.write_watchlo(cx, sel, v),
            _ if id & !7 == id::WATCHHI => self.write_watchhi(cx, sel, v32),
            id::DEBUG => self.sys.debug = self.sys.debug & !(1 << 8) | v32 & 1 << 8,
            id::DEPC => self.sys.depc = self.va(v),
            id::ERRCTL => self.sys.errctl = v32,
            _ if id & !7 == id::TAGLO => self.sys.taglo[sel] = v32,
            _ if id & !7 == id::TAGHI => self.sys.taghi[sel] = v32,
            id::DESAVE => self.sys.desave = v,
            _ => {}
        }
    }

    /// Cause with the interrupt lines.
    pub fn cause(&self) -> u32 {
        let eic = self.eic(self.sys.status);
        let lines = if eic {
            self.sys.ripl << 10
        } else {
            self.sys.irq_lines << 8
        };
        let mut c = self.sys.cause | lines & cause::IP_HW;
        if self.sys.timer_irq {
            // IntCtl.IPTI names the line; Release 1 wires it to IP7. An external controller gets TI and answers with a level.
            if !eic {
                c |= 1 << 15;
            }
            if self.model.release2 {
                c |= cause::TI;
            }
        }
        c
    }

    /// Writes Status as MTC0 does.
    pub(crate) fn write_status(&mut self, cx: &mut dyn Cx, v: u32) {
        let mask = self.model.status_mask;
        let old = self.get(cx.state(), self.regs.status) as u32;
        // TS, SR and NMI can be cleared, not set.
        let sticky = status::TS | status::SR | status::NMI;
        let new = old & !mask | v & mask & (old | !sticky);
        self.set_status(cx, new);
    }

    /// Sets Status and looks at what follows from it: mode, interrupts, the deferred watch exception.
    pub(crate) fn set_status(&mut self, cx: &mut dyn Cx, new: u32) {
        let changed = self.get(cx.state(), self.regs.status) as u32 ^ new;
        if changed & status::MODE == 0 {
            // DI and EI, mostly.
            self.put_status(cx.state(), new);
        } else {
            let before = self.mode_of(cx.state());
            self.put_status(cx.state(), new);
            if changed & (status::KX | status::SX | status::UX) != 0 && self.model.wide {
                // Segments appear or vanish.
                cx.flush_all();
            }
            if self.mode_of(cx.state()) != before {
                cx.leave();
            }
        }
        if self.sys.cause & cause::WP != 0 && new & (status::EXL | status::ERL) == 0 {
            cx.leave();
        }
        self.check_interrupts(cx);
    }

    /// The one place that writes the Status slot.
    pub(crate) fn put_status(&mut self, state: &State, v: u32) {
        self.sys.status = v;
        self.set(state, self.regs.status, v as u64);
    }

    /// Asks to leave the block if an interrupt can be taken now.
    pub(crate) fn check_interrupts(&mut self, cx: &mut dyn Cx) {
        if self.interrupt_ready() {
            cx.leave();
        }
    }

    /// LLAddr: the physical address of the last LL, from bit 4 up.
    fn lladdr(&mut self, state: &State) -> u64 {
        let va = self.get(state, self.regs.lladdr);
        let va = if self.model.wide {
            va
        } else {
            va as u32 as u64
        };
        let mmu = self.mode_of(state).mmu();
        match self.peek(state, va, mmu) {
            Ok(gpa) => gpa >> 4,
            Err(_) => 0,
        }
    }

    /// ERET: clears EXL or ERL, gives the address to go on at.
    pub(crate) fn eret(&mut self, cx: &mut dyn Cx) -> u64 {
        let r = self.regs.clone();
        let st = self.get(cx.state(), r.status) as u32;
        self.set(cx.state(), r.llbit, 0);
        if st & status::ERL != 0 {
            self.set_status(cx, st & !status::ERL);
            self.get(cx.state(), r.errorepc)
        } else {
            let target = self.get(cx.state(), r.epc);
            self.set_status(cx, st & !status::EXL);
            if self.model.srs_max > 0 && st & status::BEV == 0 {
                let pss = self.sys.srsctl >> 6 & 15;
                self.switch_shadow(cx.state(), pss);
            }
            target
        }
    }

    /// DERET: leaves debug mode.
    pub(crate) fn deret(&mut self, cx: &mut dyn Cx) -> Result<u64, tinamou_ir::guest::Stop> {
        if self.sys.debug & debug::DM == 0 {
            return Err(tinamou_ir::guest::Fault {
                code: fault::RI,
                ..Default::default()
            }
            .into());
        }
        self.sys.debug &= !debug::DM;
        cx.leave();
        Ok(self.sys.depc)
    }
}
