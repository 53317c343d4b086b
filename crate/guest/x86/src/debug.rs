//! Debug registers: instruction breakpoints (faults, unless RF), data breakpoints (traps behind the instruction), general detect
//! (SDM volume 3, chapter 17).
//!
//! A data breakpoint is matched by the first byte of an access on each page; I/O breakpoints do not fire.

use tinamou_ir::guest::{Access, Cx, Fault, State, Translation};
use tinamou_ir::layout::{self, pending};

use crate::fault::{self, fault};
use crate::flags;
use crate::sys::cr4;
use crate::{Res, X86};

/// DR6: single step.
pub const DR6_BS: u32 = 1 << 14;
/// DR6: task switch.
pub const DR6_BT: u32 = 1 << 15;
/// DR6: debug register access.
const DR6_BD: u32 = 1 << 13;
/// DR7: general detect.
pub const DR7_GD: u32 = 1 << 13;

impl X86 {
    fn breakpoint(&self, n: u32) -> Option<(u32, u64, u64)> {
        if self.sys.dr7 >> (2 * n) & 3 == 0 {
            return None;
        }
        let ctl = self.sys.dr7 >> (16 + 4 * n) & 15;
        let len = match ctl >> 2 {
            0 => 1,
            1 => 2,
            2 => 8,
            _ => 4,
        };
        Some((ctl & 3, self.sys.dr[n as usize] & !(len - 1), len))
    }

    /// An instruction breakpoint is enabled.
    pub(crate) fn has_code_breakpoint(&self) -> bool {
        self.sys.dr7 & 0xff != 0 && (0..4).any(|n| self.breakpoint(n).is_some_and(|b| b.0 == 0))
    }

    /// Whether the page has a byte that is watched for the access.
    pub(crate) fn page_watched(&self, va: u64, write: bool) -> bool {
        self.sys.dr7 & 0xff != 0
            && (0..4).any(|n| {
                self.breakpoint(n).is_some_and(|(kind, at, len)| {
                    (kind == 3 || kind == 1 && write)
                        && (at & !0xfff == va & !0xfff || (at + len - 1) & !0xfff == va & !0xfff)
                })
            })
    }

    /// Notes a data breakpoint at `va`.
    pub(crate) fn watch(&self, state: &State, va: u64, access: Access) {
        if self.sys.dr7 & 0xff == 0 || access == Access::Fetch {
            return;
        }
        let mut hit = 0;
        for n in 0..4 {
            if let Some((kind, at, len)) = self.breakpoint(n)
                && (kind == 3 || kind == 1 && access == Access::Write)
                && va.wrapping_sub(at) < len
            {
                hit |= 1 << n;
            }
        }
        if hit != 0 {
            let t = self.get(state, self.regs.trap) | hit;
            self.set(state, self.regs.trap, t);
            state.write32(
                layout::PENDING,
                state.read32(layout::PENDING) | pending::LEAVE,
            );
        }
    }

    /// Data breakpoints at an access: noted, and pages with one are not cached.
    pub fn watch_access(&self, state: &State, va: u64, access: Access, t: &mut Translation) {
        if self.sys.dr7 & 0xff != 0 {
            self.watch(state, va, access);
            t.cache_read &= !self.page_watched(va, false);
            t.cache_write &= !self.page_watched(va, true);
        }
    }

    /// A single step or data breakpoint is over: its exception, once.
    pub fn take_trap(&mut self, state: &State) -> Option<Fault> {
        let hit = self.get(state, self.regs.trap);
        if hit == 0 {
            return None;
        }
        self.set(state, self.regs.trap, 0);
        Some(Fault {
            code: fault::DB,
            va: 0,
            info: hit,
        })
    }

    /// Helper: an instruction breakpoint at `pc`?
    pub(crate) fn break_fetch(&self, state: &State, pc: u64) -> Res<()> {
        let f = self.get(state, self.regs.eflags) as u32;
        if f & flags::RF != 0 {
            return Ok(());
        }
        let mut hit = 0;
        for n in 0..4 {
            if let Some((0, at, _)) = self.breakpoint(n)
                && at == pc
            {
                hit |= 1 << n;
            }
        }
        if hit == 0 {
            Ok(())
        } else {
            Err(Fault {
                info: hit,
                ..fault(fault::DB)
            }
            .into())
        }
    }

    fn debug_index(&self, n: u32) -> Res<u32> {
        if self.sys.dr7 & DR7_GD != 0 {
            return Err(Fault {
                info: DR6_BD as u64,
                ..fault(fault::DB)
            }
            .into());
        }
        match n {
            4 | 5 if self.sys.cr4 & cr4::DE != 0 => Err(fault(fault::UD).into()),
            4 | 5 => Ok(n + 2),
            0..=7 => Ok(n),
            _ => Err(fault(fault::UD).into()),
        }
    }

    /// MOV from DR.
    pub(crate) fn read_debug(&self, n: u32) -> Res<u64> {
        Ok(match self.debug_index(n)? {
            6 => self.sys.dr6 as u64,
            7 => self.sys.dr7 as u64,
            n => self.sys.dr[n as usize & 3],
        })
    }

    /// MOV to DR.
    pub(crate) fn write_debug(&mut self, cx: &mut dyn Cx, n: u32, v: u64) -> Res<()> {
        let n = self.debug_index(n)?;
        if n >= 6 && self.lma() && v >> 32 != 0 {
            return Err(fault::gp(0).into());
        }
        match n {
            6 => self.sys.dr6 = v as u32 & 0xe00f | 0xffff_0ff0,
            7 => self.sys.dr7 = v as u32 & 0xffff_2bff | 0x400,
            n => self.sys.dr[n as usize & 3] = v,
        }
        // Watched pages are not cached.
        cx.flush_all();
        cx.leave();
        Ok(())
    }
}
