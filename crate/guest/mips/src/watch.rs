//! Watch registers (MD00090, "WatchLo" and "WatchHi"): match on doublewords of fetches, loads and stores. A hit with Status.EXL or ERL set
//! is deferred: Cause.WP, and the exception when both are clear. A page under a data watch is never cached for that access; with a fetch watch
//! active the mode word makes the lifter test each instruction.

use tinamou_ir::guest::{Access, Cx, Fault, State};

use crate::cp0::{cause, debug, status};
use crate::{Mips, fault};

/// Most register pairs of any model.
pub const MAX: usize = 4;

const W: u64 = 1;
const R: u64 = 2;
const I: u64 = 4;
const G: u32 = 1 << 30;

fn bit(access: Access) -> u64 {
    match access {
        Access::Read => R,
        Access::Write => W,
        Access::Fetch => I,
    }
}

impl Mips {
    /// Whether a watch register matches; also records the hit in WatchHi.
    fn watch_match(&mut self, state: &State, va: u64, access: Access) -> bool {
        let asid = self.asid(state);
        let sys = &mut self.sys;
        let mut hit = false;
        for i in 0..self.model.watch_pairs as usize {
            let (lo, hi) = (sys.watchlo[i], sys.watchhi[i]);
            let free = (hi & 0xff8) as u64;
            if lo & bit(access) == 0 || (va ^ lo) & !7 & !free != 0 {
                continue;
            }
            if hi & G == 0 && hi >> 16 & 0xff != asid as u32 {
                continue;
            }
            sys.watchhi[i] |= bit(access) as u32;
            hit = true;
        }
        hit
    }

    /// The watch exception of an access, if one is due now; a deferred one sets Cause.WP.
    pub(crate) fn check_watch(
        &mut self,
        state: &State,
        va: u64,
        access: Access,
    ) -> Result<(), Fault> {
        if !self.watched || self.sys.debug & debug::DM != 0 || !self.watch_match(state, va, access)
        {
            return Ok(());
        }
        if self.get(state, self.regs.status) as u32 & (status::EXL | status::ERL) != 0 {
            self.sys.cause |= cause::WP;
            return Ok(());
        }
        Err(Fault {
            code: fault::WATCH,
            va,
            info: 0,
        })
    }

    /// Whether some watch register covers part of the page of `va` for this access.
    pub(crate) fn page_watched(&self, va: u64, access: Access) -> bool {
        self.watched
            && self
                .sys
                .watchlo
                .iter()
                .any(|&lo| lo & bit(access) != 0 && (lo ^ va) & !0xfff == 0)
    }

    /// Whether fetches are watched.
    pub(crate) fn watches_fetch(&self) -> bool {
        self.watched && self.sys.watchlo.iter().any(|&lo| lo & I != 0)
    }

    pub(crate) fn write_watchlo(&mut self, cx: &mut dyn Cx, sel: usize, v: u64) {
        if sel >= self.model.watch_pairs as usize {
            return;
        }
        let v = self.va(v);
        let old = std::mem::replace(&mut self.sys.watchlo[sel], v);
        self.watched = self.sys.watchlo.iter().any(|lo| lo & 7 != 0);
        for page in [old, v] {
            cx.flush_range(page & !0xfff, 0x1000);
        }
        cx.leave();
    }

    pub(crate) fn write_watchhi(&mut self, cx: &mut dyn Cx, sel: usize, v: u32) {
        if sel >= self.model.watch_pairs as usize {
            return;
        }
        let old = self.sys.watchhi[sel];
        // Bits 2..0 record hits and are cleared by writing ones (Release 2).
        let seen = if self.model.release2 { old & 7 & !v } else { 0 };
        self.sys.watchhi[sel] = old & 1 << 31 | v & (G | 0xff << 16 | 0xff8) | seen;
        cx.flush_range(self.sys.watchlo[sel] & !0xfff, 0x1000);
        cx.leave();
    }
}
