//! `Guest` for MIPS: the entry points of the run loop, each in its own room.

use std::rc::Rc;

use tinamou_core::{Gpa, PhysBus};
use tinamou_ir::guest::{
    Access, CodeFetch, Cx, DebugDescription, Fault, Guest, State, Translation,
};
use tinamou_ir::{Block, HelperDesc, HelperId, SlotTable, Type, layout};

use crate::cp0::{Sys, status};
use crate::mode::Mode;
use crate::regs::GPR_NAMES;
use crate::{Mips, disas, fault, helpers, interrupts, lift};

impl Guest for Mips {
    fn name(&self) -> &'static str {
        match (self.model.wide, self.big_endian) {
            (false, false) => "mipsel",
            (false, true) => "mips",
            (true, false) => "mips64el",
            (true, true) => "mips64",
        }
    }

    fn slots(&self) -> Rc<SlotTable> {
        self.regs.table.clone()
    }

    fn helpers(&self) -> &'static [HelperDesc] {
        helpers::HELPERS
    }

    fn va_type(&self) -> Type {
        if self.model.wide {
            Type::I64
        } else {
            Type::I32
        }
    }

    fn reset(&mut self, state: &State) {
        for i in 0..self.regs.table.slots.len() {
            self.set(state, tinamou_ir::Slot(i as u16), 0);
        }
        let last_gen = self.sys.mmu.last_gen;
        self.sys = Sys::new(&self.model, self.big_endian);
        // Code of the time before the reset must not look checked.
        self.sys.mmu.last_gen = last_gen;
        (0..256).for_each(|a| self.sys.mmu.renew(a));
        state.write32(layout::CODE_GEN, self.code_generation(state));
        self.watched = false;
        self.put_status(state, status::BEV | status::ERL);
        state.set_pc(self.compat(0xbfc0_0000));
    }

    fn mode(&self, state: &State) -> u32 {
        self.mode_of(state).0
    }

    fn mmu_index(&self, mode: u32) -> u8 {
        Mode(mode).mmu()
    }

    fn lift(
        &self,
        code: &mut dyn CodeFetch,
        pc: u64,
        mode: u32,
        max_insns: u32,
    ) -> Result<Block, Fault> {
        lift::block(self, code, pc, Mode(mode), max_insns)
    }

    fn translate(
        &mut self,
        state: &State,
        _bus: &mut dyn PhysBus,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<Translation, Fault> {
        let va = self.va(va);
        // Fetches are watched instruction by instruction (`WATCH_FETCH`).
        if access != Access::Fetch {
            self.check_watch(state, va, access)?;
        }
        let mut t = self.map(state, va, access, mmu)?;
        t.cache_read &= !self.page_watched(va, Access::Read);
        t.cache_write &= !self.page_watched(va, Access::Write);
        Ok(t)
    }

    fn misaligned(&self, va: u64, access: Access) -> Fault {
        let code = if access == Access::Write {
            fault::ADES
        } else {
            fault::ADEL
        };
        Fault { code, va, info: 0 }
    }

    fn bus_error(&self, va: u64, access: Access) -> Option<Fault> {
        match access {
            Access::Fetch => Some(Fault {
                code: fault::IBE,
                va,
                info: 0,
            }),
            Access::Read => Some(Fault {
                code: fault::DBE,
                va,
                info: 0,
            }),
            // Writes are posted: no exception.
            Access::Write => None,
        }
    }

    fn raise(&mut self, cx: &mut dyn Cx, fault: Fault, pc: u64, note: u64) {
        self.fpu_raised(cx.state(), &fault);
        self.enter(cx, fault, pc, note & 1 != 0);
    }

    fn helper(
        &mut self,
        cx: &mut dyn Cx,
        id: HelperId,
        args: [u64; 3],
    ) -> Result<u64, tinamou_ir::guest::Stop> {
        self.run_helper(cx, id, args)
    }

    fn set_irq(&mut self, pin: u32, level: bool) {
        if (2..12).contains(&pin) {
            self.sys.irq_lines = self.sys.irq_lines & !(1 << pin) | (level as u32) << pin;
        }
    }

    fn timer(&mut self, cx: &mut dyn Cx) {
        self.sys.timer_irq = true;
        interrupts::schedule(self, cx);
    }

    fn take_interrupt(&mut self, cx: &mut dyn Cx) -> bool {
        self.interrupt(cx)
    }

    fn has_interrupt(&self) -> bool {
        if self.sys.halted {
            self.interrupt_pending()
        } else {
            self.interrupt_ready()
        }
    }

    fn is_halted(&self) -> bool {
        self.sys.halted
    }

    fn exception_name(&self, code: u32) -> String {
        crate::fault::name(code)
    }

    fn dump(&self, state: &State) -> String {
        disas::dump(self, state)
    }

    fn debug_description(&self) -> Option<DebugDescription> {
        Some(self.describe())
    }

    fn debug_read(&mut self, cx: &mut dyn Cx, number: u32) -> Option<Vec<u8>> {
        self.read_register(cx, number)
    }

    fn debug_write(&mut self, cx: &mut dyn Cx, number: u32, bytes: &[u8]) -> bool {
        self.write_register(cx, number, bytes)
    }

    fn debug_translate(&self, state: &State, _: &mut dyn PhysBus, va: u64) -> Option<Gpa> {
        self.debug_gpa(state, va)
    }

    fn debug_alias(&self, number: u32) -> Option<&'static str> {
        GPR_NAMES.get(number as usize).copied()
    }

    fn explain(&self, state: &State, _: &mut dyn PhysBus, va: u64) -> Vec<(String, String)> {
        self.explain_address(state, va)
    }

    fn tlb(&self, _: &State, _: &mut dyn PhysBus) -> String {
        disas::tlb(self)
    }

    fn disassemble(&self, code: &mut dyn CodeFetch, pc: u64, mode: u32) -> (u32, String) {
        let swap = self.big_endian != Mode(mode).reversed();
        match code.fetch(pc, 4) {
            Ok(w) => (4, disas::text(if swap { w.swap_bytes() } else { w }, pc)),
            Err(_) => (4, "(not mapped)".into()),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        crate::state::save(self, out);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        crate::state::load(self, bytes)
    }
}
