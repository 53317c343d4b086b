//! Model-specific registers (SDM volume 4, APM volume 2 appendix A): those that systems need; others raise #GP(0).

use tinamou_ir::guest::Cx;

use crate::fault::gp;
use crate::models::feature;
use crate::regs::{FS, GS};
use crate::sys::{cr0, efer};
use crate::{Res, X86, bus};

/// Where a fixed MTRR is in [`crate::sys::Sys::mtrr_fixed`].
fn fixed_mtrr(n: u32) -> Option<usize> {
    match n {
        0x250 => Some(0),
        0x258 => Some(1),
        0x259 => Some(2),
        0x268..=0x26f => Some((n - 0x268) as usize + 3),
        _ => None,
    }
}

impl X86 {
    /// The time-stamp counter.
    pub(crate) fn tsc(&self, ns: u64) -> u64 {
        let ticks = (ns as u128 * self.tsc_hz as u128 / 1_000_000_000) as u64;
        ticks.wrapping_add(self.sys.tsc_offset)
    }

    /// RDMSR.
    pub(crate) fn rdmsr(&mut self, cx: &mut dyn Cx, n: u32) -> Res<u64> {
        let m = &self.model;
        if !m.has(feature::MSR) {
            return Err(crate::fault::fault(crate::fault::UD).into());
        }
        let state = cx.state().clone();
        let s = &self.sys;
        Ok(match n {
            0x10 => self.tsc(cx.now_ns()),
            0x17 | 0x8b | 0xc000_1001..=0xc000_101f => 0,
            0x1b => return cx.device_read(bus::APIC_BASE, 8).map_err(|_| gp(0).into()),
            0xfe if m.has(feature::MTRR) => 0x508,
            0x174 if m.has(feature::SEP) => s.sysenter_cs,
            0x175 if m.has(feature::SEP) => s.sysenter_esp,
            0x176 if m.has(feature::SEP) => s.sysenter_eip,
            0x179 | 0x17a => 0,
            0x1a0 => s.misc_enable,
            0x200..=0x20f if m.has(feature::MTRR) => s.mtrr_var[n as usize & 15],
            0x277 if m.has(feature::PAT) => s.pat,
            0x2ff if m.has(feature::MTRR) => s.mtrr_def,
            _ if m.has(feature::MTRR) && fixed_mtrr(n).is_some() => {
                s.mtrr_fixed[fixed_mtrr(n).unwrap_or(0)]
            }
            0xc000_0080 if m.has_efer() => s.efer,
            0xc000_0081 if m.has_efer() => s.star,
            0xc000_0082 if self.wide => s.lstar,
            0xc000_0083 if self.wide => s.cstar,
            0xc000_0084 if self.wide => s.fmask,
            0xc000_0100 if self.wide => self.get(&state, self.regs.base[FS]),
            0xc000_0101 if self.wide => self.get(&state, self.regs.base[GS]),
            0xc000_0102 if self.wide => s.kernel_gs,
            0xc000_0103 if m.has(feature::RDTSCP) => s.tsc_aux,
            _ => return Err(gp(0).into()),
        })
    }

    /// WRMSR.
    pub(crate) fn wrmsr(&mut self, cx: &mut dyn Cx, n: u32, v: u64) -> Res<()> {
        if !self.model.has(feature::MSR) {
            return Err(crate::fault::fault(crate::fault::UD).into());
        }
        let state = cx.state().clone();
        let canonical = (v << 16) as i64 >> 16 == v as i64;
        let m = self.model.clone();
        let address = || if canonical { Ok(v) } else { Err(gp(0)) };
        match n {
            0x10 => {
                let now = self.tsc(cx.now_ns());
                self.sys.tsc_offset = self.sys.tsc_offset.wrapping_add(v.wrapping_sub(now));
            }
            0x17 | 0x79 | 0x8b | 0x179 | 0x17a | 0xc000_1001..=0xc000_101f => {}
            0x1b => {
                return cx
                    .device_write(bus::APIC_BASE, 8, v)
                    .map_err(|_| gp(0).into());
            }
            0x174 if m.has(feature::SEP) => self.sys.sysenter_cs = v & 0xffff,
            0x175 if m.has(feature::SEP) => self.sys.sysenter_esp = address()?,
            0x176 if m.has(feature::SEP) => self.sys.sysenter_eip = address()?,
            0x1a0 => self.sys.misc_enable = v,
            0x200..=0x20f if m.has(feature::MTRR) => self.sys.mtrr_var[n as usize & 15] = v,
            0x277 if m.has(feature::PAT) => {
                if v.to_le_bytes().iter().any(|&t| t > 7 || t == 2 || t == 3) {
                    return Err(gp(0).into());
                }
                self.sys.pat = v;
            }
            0x2ff if m.has(feature::MTRR) => self.sys.mtrr_def = v,
            _ if m.has(feature::MTRR) && fixed_mtrr(n).is_some() => {
                self.sys.mtrr_fixed[fixed_mtrr(n).unwrap_or(0)] = v
            }
            0xc000_0080 if m.has_efer() => self.write_efer(cx, v)?,
            0xc000_0081 if m.has_efer() => self.sys.star = v,
            0xc000_0082 if self.wide => self.sys.lstar = address()?,
            0xc000_0083 if self.wide => self.sys.cstar = address()?,
            0xc000_0084 if self.wide => self.sys.fmask = v & 0xffff_ffff,
            0xc000_0100 if self.wide => self.set(&state, self.regs.base[FS], address()?),
            0xc000_0101 if self.wide => self.set(&state, self.regs.base[GS], address()?),
            0xc000_0102 if self.wide => self.sys.kernel_gs = address()?,
            0xc000_0103 if m.has(feature::RDTSCP) => self.sys.tsc_aux = v & 0xffff_ffff,
            _ => return Err(gp(0).into()),
        }
        Ok(())
    }

    fn write_efer(&mut self, cx: &mut dyn Cx, v: u64) -> Res<()> {
        let m = &self.model;
        let mut mask = 0;
        for (f, b) in [
            (feature::SYSCALL, efer::SCE),
            (feature::LM, efer::LME),
            (feature::NX, efer::NXE),
        ] {
            if m.has(f) {
                mask |= b;
            }
        }
        let old = self.sys.efer;
        if v & !(mask | efer::LMA) != 0 || (v ^ old) & efer::LME != 0 && self.sys.cr0 & cr0::PG != 0
        {
            return Err(gp(0).into());
        }
        self.sys.efer = v & mask | old & efer::LMA;
        cx.flush_all();
        self.renew(cx);
        Ok(())
    }
}
