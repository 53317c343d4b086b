//! Port I/O: permission by IOPL and the TSS's bitmap (SDM volume 1, chapter 19), and the accesses.

use tinamou_core::Gpa;
use tinamou_ir::guest::Cx;

use crate::fault::gp;
use crate::{Res, X86, bus};

impl X86 {
    /// Raises #GP(0) where the program may not use the port.
    pub(crate) fn check_port(&mut self, cx: &mut dyn Cx, port: u16, lg: u32) -> Res<()> {
        if !self.pe() {
            return Ok(());
        }
        let state = cx.state().clone();
        let f = self.get(&state, self.regs.eflags) as u32;
        if f & crate::flags::VM == 0 && self.sys.cpl <= f >> 12 & 3 {
            return Ok(());
        }
        let tr = self.sys.tr;
        if tr.attr & 8 == 0 || tr.limit < 103 {
            return Err(gp(0).into());
        }
        let map = self.read_table(cx, tr.base.wrapping_add(102), 2)? as u32;
        let at = map + (port as u32 >> 3);
        if at + 1 > tr.limit {
            return Err(gp(0).into());
        }
        let bits = self.read_table(cx, tr.base.wrapping_add(at as u64), 2)? as u32;
        let mask = (1u32 << (1 << lg)) - 1;
        if bits >> (port & 7) & mask != 0 {
            return Err(gp(0).into());
        }
        Ok(())
    }

    /// Reads a port; what nobody answers reads as ones.
    pub(crate) fn port_in(&mut self, cx: &mut dyn Cx, port: u16, lg: u32) -> u64 {
        let ones = u64::MAX >> (64 - (8 << lg));
        cx.device_read(Gpa(bus::IO + port as u64), 1 << lg)
            .unwrap_or(ones)
            & ones
    }

    /// Writes a port.
    pub(crate) fn port_out(&mut self, cx: &mut dyn Cx, port: u16, lg: u32, v: u64) {
        let ones = u64::MAX >> (64 - (8 << lg));
        // Writes that nobody takes are lost.
        let _ = cx.device_write(Gpa(bus::IO + port as u64), 1 << lg, v & ones);
    }
}
