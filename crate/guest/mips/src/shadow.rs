//! Shadow register sets of Release 2. The current set lives in the slots; the others here.

use tinamou_ir::guest::State;

use crate::Mips;

impl Mips {
    /// Makes set `new` current (SRSCtl.CSS), exchanging the general registers.
    pub(crate) fn switch_shadow(&mut self, state: &State, new: u32) {
        let css = self.sys.srsctl & 15;
        if new == css || new as usize >= self.sys.shadow.len() {
            return;
        }
        for i in 1..32 {
            self.sys.shadow[css as usize][i] = self.get(state, self.regs.gpr[i]);
            self.set(state, self.regs.gpr[i], self.sys.shadow[new as usize][i]);
        }
        self.sys.srsctl = self.sys.srsctl & !15 | new;
    }

    /// RDPGPR: register `n` of the previous set.
    pub(crate) fn read_previous(&self, state: &State, n: usize) -> u64 {
        let (css, pss) = (self.sys.srsctl & 15, self.sys.srsctl >> 6 & 15);
        match self.sys.shadow.get(pss as usize) {
            _ if n == 0 => 0,
            Some(set) if pss != css => set[n],
            _ => self.get(state, self.regs.gpr[n]),
        }
    }

    /// WRPGPR.
    pub(crate) fn write_previous(&mut self, state: &State, n: usize, v: u64) {
        let (css, pss) = (self.sys.srsctl & 15, self.sys.srsctl >> 6 & 15);
        if n == 0 {
            return;
        }
        match self.sys.shadow.get_mut(pss as usize) {
            Some(set) if pss != css => set[n] = v,
            _ => self.set(state, self.regs.gpr[n], v),
        }
    }
}
