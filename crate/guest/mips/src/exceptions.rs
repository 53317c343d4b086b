//! Entering exceptions (MD00090, chapter 6): which registers are written, which vector is taken.

use tinamou_ir::guest::{Cx, Fault};

use crate::cp0::{cause, debug, status};
use crate::{Mips, fault};

const BEV_BASE: u32 = 0xbfc0_0200;
const DEBUG_VECTOR: u32 = 0xbfc0_0480;

impl Mips {
    /// An address of the 32-bit compatibility segments.
    pub(crate) fn compat(&self, va: u32) -> u64 {
        if self.model.wide {
            va as i32 as i64 as u64
        } else {
            va as u64
        }
    }

    /// Where exceptions go, without the offset.
    fn vector_base(&self, st: u32) -> u32 {
        if st & status::BEV != 0 {
            BEV_BASE
        } else if self.model.release2 {
            self.sys.ebase
        } else {
            0x8000_0000
        }
    }

    /// `Guest::raise`.
    pub(crate) fn enter(&mut self, cx: &mut dyn Cx, f: Fault, pc: u64, in_slot: bool) {
        let r = self.regs.clone();
        let st = self.get(cx.state(), r.status) as u32;
        self.set(cx.state(), r.llbit, 0);
        self.sys.halted = false;
        let restart = self.va(if in_slot { pc.wrapping_sub(4) } else { pc });
        match f.code {
            fault::DEBUG => return self.enter_debug(cx, restart, in_slot),
            fault::NMI | fault::SOFT_RESET => {
                let bit = if f.code == fault::NMI {
                    status::NMI
                } else {
                    status::SR
                };
                let kept = st & !(status::TS | status::SR | status::NMI);
                self.set(cx.state(), r.errorepc, restart);
                self.put_status(cx.state(), kept | status::BEV | status::ERL | bit);
                if f.code == fault::SOFT_RESET {
                    self.sys.wired = 0;
                }
                return self.go(cx, 0xbfc0_0000);
            }
            fault::CACHE_ERR => {
                self.set(cx.state(), r.errorepc, restart);
                self.put_status(cx.state(), st | status::ERL);
                let base = if st & status::BEV != 0 {
                    BEV_BASE
                } else {
                    self.vector_base(st) & 0x1fff_f000 | 0xa000_0000
                };
                return self.go(cx, base + 0x100);
            }
            _ => {}
        }
        let exc = fault::exc_code(f.code);
        let refill = f.code & fault::REFILL != 0;
        if matches!(
            exc,
            fault::MOD | fault::TLBL | fault::TLBS | fault::ADEL | fault::ADES
        ) {
            self.bad_address(cx, f.va, !matches!(exc, fault::ADEL | fault::ADES));
        }
        let mut offset = 0x180;
        if st & status::EXL == 0 {
            self.set(cx.state(), r.epc, restart);
            self.sys.cause = self.sys.cause & !cause::BD | if in_slot { cause::BD } else { 0 };
            if refill {
                offset = if self.is_xtlb(cx.state(), f.va) {
                    0x080
                } else {
                    0x000
                };
            } else if exc == fault::INT {
                self.latch_request(st);
                offset = self.interrupt_offset(st);
            }
            self.enter_shadow(cx, st, exc);
        }
        self.sys.cause = self.sys.cause & !(cause::EXC | cause::CE)
            | exc << 2
            | fault::coprocessor(f.code) << 28;
        if exc == fault::WATCH {
            self.sys.cause &= !cause::WP;
        }
        self.put_status(cx.state(), st | status::EXL);
        self.go(cx, self.vector_base(st).wrapping_add(offset));
    }

    fn go(&self, cx: &mut dyn Cx, vector: u32) {
        cx.state().set_pc(self.compat(vector));
    }

    /// BadVAddr, and for TLB exceptions Context, XContext and EntryHi.
    fn bad_address(&mut self, cx: &mut dyn Cx, va: u64, tlb: bool) {
        let r = self.regs.clone();
        let va = self.va(va);
        self.set(cx.state(), r.badvaddr, va);
        if !tlb {
            return;
        }
        let context = self.get(cx.state(), r.context);
        self.set(
            cx.state(),
            r.context,
            context & !0x7f_ffff | va >> 9 & 0x7f_fff0,
        );
        let hi = self.get(cx.state(), r.entryhi);
        self.set(
            cx.state(),
            r.entryhi,
            va & self.sys.mmu.vpn_mask | hi & 0xff,
        );
        if self.model.wide {
            let bits = self.model.seg_bits;
            let low = (1u64 << (bits - 13 + 4 + 2)) - 1;
            let vpn = va >> 13 & ((1 << (bits - 13)) - 1);
            let old = self.get(cx.state(), r.xcontext);
            self.set(
                cx.state(),
                r.xcontext,
                old & !low | (va >> 62) << (bits - 13 + 4) | vpn << 4,
            );
        }
    }

    /// Offset of the interrupt vector (Cause.IV, vectored and external controller modes).
    fn interrupt_offset(&self, st: u32) -> u32 {
        if self.sys.cause & cause::IV == 0 {
            return 0x180;
        }
        0x200 + self.vector_number(st).unwrap_or(0) * self.vector_spacing()
    }

    fn vector_spacing(&self) -> u32 {
        self.sys.intctl & 0x3e0
    }

    /// The number of the pending vectored interrupt; `None` in compatibility mode.
    fn vector_number(&self, st: u32) -> Option<u32> {
        if !self.model.release2
            || st & status::BEV != 0
            || self.vector_spacing() == 0
            || self.sys.cause & cause::IV == 0
        {
            return None;
        }
        if self.eic(st) {
            return Some(self.sys.ripl);
        }
        if self.model.config[3] & 1 << 5 == 0 {
            return None;
        }
        let pending = self.cause() & st & status::IM;
        (pending != 0).then(|| 31 - (pending >> 8).leading_zeros())
    }

    /// External interrupt controller mode: the core has it (Config3.VEIC), and software chose vectored interrupts.
    pub(crate) fn eic(&self, st: u32) -> bool {
        self.model.config[3] & 1 << 6 != 0
            && st & status::BEV == 0
            && self.sys.cause & cause::IV != 0
            && self.vector_spacing() != 0
    }

    /// SRSCtl on exception entry: the previous set is the current one, the new one depends on the kind of exception.
    fn enter_shadow(&mut self, cx: &mut dyn Cx, st: u32, exc: u32) {
        if self.model.srs_max == 0 || st & (status::BEV | status::ERL) != 0 {
            return;
        }
        let ctl = self.sys.srsctl;
        let new = match (exc, self.vector_number(st)) {
            (fault::INT, Some(_)) if self.eic(st) => ctl >> 18 & 15,
            (fault::INT, Some(n)) => self.sys.srsmap >> (4 * (n & 7)) & 15,
            _ => ctl >> 12 & 15,
        };
        self.sys.srsctl = ctl & !(15 << 6) | (ctl & 15) << 6;
        self.switch_shadow(cx.state(), new);
    }

    /// SDBBP: debug mode.
    fn enter_debug(&mut self, cx: &mut dyn Cx, restart: u64, in_slot: bool) {
        self.sys.depc = restart;
        self.sys.debug = self.sys.debug & !(debug::DBD | 0x3f)
            | debug::DM
            | debug::DBP
            | if in_slot { debug::DBD } else { 0 };
        self.go(cx, DEBUG_VECTOR);
    }
}
