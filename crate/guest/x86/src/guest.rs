//! `Guest` for x86: the entry points of the run loop, each in its own room.

use std::rc::Rc;

use iced_x86::{Decoder, DecoderOptions};
use tinamou_core::{Gpa, PhysBus};
use tinamou_ir::guest::{
    Access, CodeFetch, Cx, DebugDescription, Fault, Guest, State, Stop, Translation,
};
use tinamou_ir::{Block, HelperDesc, HelperId, SlotTable, Type};

use crate::bus::pin;
use crate::fpu::Fpu;
use crate::mode::Mode;
use crate::regs::{CS, DX};
use crate::seg::Seg;
use crate::sys::Sys;
use crate::{X86, disas, fault, helpers, lift, show};

impl Guest for X86 {
    fn name(&self) -> &'static str {
        if self.wide { "x86_64" } else { "i386" }
    }

    fn slots(&self) -> Rc<SlotTable> {
        self.regs.table.clone()
    }

    fn helpers(&self) -> &'static [HelperDesc] {
        helpers::HELPERS
    }

    fn va_type(&self) -> Type {
        if self.wide { Type::I64 } else { Type::I32 }
    }

    fn reset(&mut self, state: &State) {
        self.sys = Sys {
            a20_off: self.sys.a20_off,
            entropy: self.sys.entropy,
            wait_sipi: self.cpu_num != 0,
            ..Sys::default()
        };
        self.renew_reset(state);
        for i in 0..self.regs.table.slots.len() {
            self.set128(state, tinamou_ir::Slot(i as u16), 0);
        }
        self.set_fpu_state(state, Fpu::default());
        self.start(state);
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
        bus: &mut dyn PhysBus,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<Translation, Fault> {
        if let Some(user) = &self.user {
            let mut t = (user.translate)(state, va, access)?;
            self.watch_access(state, va, access, &mut t);
            return Ok(t);
        }
        let mut t = self.map(state, bus, va, access, mmu)?;
        if access == Access::Fetch {
            self.code.note(va);
        }
        self.watch_access(state, va, access, &mut t);
        Ok(t)
    }

    fn misaligned(&self, va: u64, _: Access) -> Fault {
        Fault {
            code: fault::AC,
            va,
            info: 0,
        }
    }

    fn bus_error(&self, _: u64, _: Access) -> Option<Fault> {
        None
    }

    fn raise(&mut self, cx: &mut dyn Cx, fault: Fault, pc: u64, note: u64) {
        self.enter(cx, fault, pc, note);
    }

    fn helper(&mut self, cx: &mut dyn Cx, id: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        self.run_helper(cx, id, args)
    }

    fn set_irq(&mut self, n: u32, level: bool) {
        let s = &mut self.sys;
        match n {
            pin::INTR => s.intr = level,
            pin::NMI => {
                s.nmi |= level && !s.nmi_line;
                s.nmi_line = level;
            }
            pin::INIT => s.init |= level,
            pin::A20M => {
                s.a20_changed |= s.a20_off != level;
                s.a20_off = level;
            }
            pin::IGNNE => s.ignne = level,
            pin::SIPI => s.sipi |= level && (s.wait_sipi || s.init),
            _ => {}
        }
    }

    fn timer(&mut self, _: &mut dyn Cx) {}

    fn take_interrupt(&mut self, cx: &mut dyn Cx) -> bool {
        self.take(cx)
    }

    fn has_interrupt(&self) -> bool {
        let s = &self.sys;
        s.init
            || s.wait_sipi && s.sipi
            || !s.shutdown && !s.wait_sipi && (s.nmi && !s.nmi_masked || s.intr && s.halt_if)
    }

    fn is_halted(&self) -> bool {
        self.sys.halted || self.sys.wait_sipi
    }

    fn exception_name(&self, code: u32) -> String {
        fault::name(code)
    }

    fn dump(&self, state: &State) -> String {
        show::registers(self, state)
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

    fn debug_translate(&self, state: &State, bus: &mut dyn PhysBus, va: u64) -> Option<Gpa> {
        self.debug_gpa(state, bus, va)
    }

    fn tlb(&self, state: &State, bus: &mut dyn PhysBus) -> String {
        show::pages(self, state, bus)
    }

    fn mapped(&self, state: &State, bus: &mut dyn PhysBus) -> Option<String> {
        Some(show::ranges(self, state, bus))
    }

    fn stops_behind_watched(&self) -> bool {
        true
    }

    fn explain(&self, state: &State, bus: &mut dyn PhysBus, va: u64) -> Vec<(String, String)> {
        self.explain_address(state, bus, va)
    }

    fn disassemble(&self, code: &mut dyn CodeFetch, pc: u64, mode: u32) -> (u32, String) {
        let mut bytes = Vec::new();
        for i in 0..15 {
            match code.fetch(pc.wrapping_add(i), 1) {
                Ok(b) => bytes.push(b as u8),
                Err(_) => break,
            }
        }
        if bytes.is_empty() {
            return (1, "(not mapped)".into());
        }
        let mut d = Decoder::with_ip(16 << Mode(mode).size(), &bytes, pc, DecoderOptions::NONE);
        let insn = d.decode();
        (insn.len().max(1) as u32, disas::text(&insn))
    }

    fn save(&self, out: &mut Vec<u8>) {
        crate::state::save(self, out);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        crate::state::load(self, bytes)
    }
}

impl X86 {
    /// The registers as reset and INIT leave them.
    fn start(&mut self, state: &State) {
        for n in 0..6 {
            let seg = Seg {
                sel: 0,
                base: 0,
                limit: 0xffff,
                attr: 0x93,
            };
            self.set_seg(state, n, &seg);
        }
        self.set_seg(
            state,
            CS,
            &Seg {
                sel: 0xf000,
                base: 0xffff_0000,
                limit: 0xffff,
                attr: 0x9b,
            },
        );
        self.set_eflags(state, 2);
        self.set(
            state,
            self.regs.gpr[DX],
            self.model.cpuid(1, 0, 0, false)[0] as u64,
        );
        state.set_pc(0xffff_fff0);
    }

    /// INIT: as reset, but the FPU, SSE, MTRRs, the TSC and the caches' bits of CR0 stay.
    pub(crate) fn init_reset(&mut self, state: &State) {
        let old = self.sys.clone();
        self.sys = Sys {
            cr0: old.cr0 & (crate::sys::cr0::NW | crate::sys::cr0::CD) | crate::sys::cr0::ET,
            mtrr_def: old.mtrr_def,
            mtrr_fixed: old.mtrr_fixed,
            mtrr_var: old.mtrr_var,
            pat: old.pat,
            misc_enable: old.misc_enable,
            tsc_offset: old.tsc_offset,
            xcr0: old.xcr0,
            entropy: old.entropy,
            sysenter_cs: old.sysenter_cs,
            sysenter_esp: old.sysenter_esp,
            sysenter_eip: old.sysenter_eip,
            intr: old.intr,
            nmi_line: old.nmi_line,
            a20_off: old.a20_off,
            ignne: old.ignne,
            ferr: old.ferr,
            sipi: old.sipi,
            wait_sipi: self.cpu_num != 0,
            ..Sys::default()
        };
        for slot in self
            .regs
            .gpr
            .into_iter()
            .chain([self.regs.shadow, self.regs.trap])
        {
            self.set(state, slot, 0);
        }
        self.start(state);
    }
}
