//! Entering exceptions and interrupts: real mode, protected mode with its gates, VM86, long mode; double and triple faults (SDM volume 3,
//! chapter 6; chapter 20 for VM86).

use tinamou_ir::guest::{Cx, Fault, Stop};

use crate::fault::{self, fault, gp, with};
use crate::flags;
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::seg::Seg;
use crate::stack::Stack;
use crate::sys::cr4;
use crate::{Res, X86};

/// Where an interrupt comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// An exception or an interrupt line.
    Hard,
    /// INT n.
    Int,
    /// INT3 and INTO: as INT n, but not redirected in VM86.
    Trap,
    /// INT1: no privilege check.
    Int1,
}

impl Source {
    /// The EXT bit of error codes.
    fn ext(self) -> u32 {
        matches!(self, Source::Hard | Source::Int1) as u32
    }

    /// The gate's privilege level is checked.
    fn checked(self) -> bool {
        matches!(self, Source::Int | Source::Trap)
    }
}

/// Exceptions of which a second one makes a double fault.
fn contributory(vector: u32) -> bool {
    matches!(vector, 0 | 10..=13)
}

impl X86 {
    /// `Guest::raise`. A fault of fetching the block's second page comes with note 1: its instruction is the one at the state's pc.
    pub(crate) fn enter(&mut self, cx: &mut dyn Cx, mut f: Fault, pc: u64, note: u64) {
        let state = cx.state().clone();
        let pc = if note != 0 { state.pc() } else { pc };
        let ip = self.ip_of(&state, pc);
        self.sys.halted = false;
        self.set(&state, self.regs.shadow, 0);
        self.set(&state, self.regs.trap, 0);
        let mut rf = true;
        loop {
            let vector = fault::vector(f.code);
            if vector == fault::vector(fault::PF) {
                self.sys.cr2 = f.va;
            }
            if vector == fault::DB {
                self.sys.dr6 |= f.info as u32;
                self.sys.dr7 &= !crate::debug::DR7_GD;
            }
            let error = fault::error(&f);
            match self.interrupt(cx, vector, Source::Hard, error, ip, rf) {
                Ok(pc) => return state.set_pc(pc),
                Err(Stop::Wait) => return state.set_pc(pc),
                Err(Stop::Fault(second)) => {
                    let next = fault::vector(second.code);
                    let page = fault::vector(fault::PF);
                    if vector == 8 {
                        self.shut_down(cx, pc);
                        return;
                    }
                    if next == page {
                        self.sys.cr2 = second.va;
                    }
                    let double = contributory(vector) && contributory(next)
                        || vector == page && (next == page || contributory(next));
                    f = if double { fault(fault::DF) } else { second };
                    rf = true;
                }
            }
        }
    }

    /// Triple fault.
    fn shut_down(&mut self, cx: &mut dyn Cx, pc: u64) {
        cx.guest_error(&format!("triple fault at {pc:#x}"));
        self.sys.shutdown = true;
        self.sys.halted = true;
        cx.state().set_pc(pc);
        // A board that does not listen leaves the CPU stopped.
        let _ = cx.device_write(crate::bus::SHUTDOWN, 1, 1);
        cx.leave();
    }

    /// Enters the handler of `vector`; gives the new pc. `rf`: the pushed image has RF set, as for faults.
    pub(crate) fn interrupt(
        &mut self,
        cx: &mut dyn Cx,
        vector: u32,
        source: Source,
        error: Option<u32>,
        ip: u64,
        rf: bool,
    ) -> Res<u64> {
        let state = cx.state().clone();
        let mut image = self.eflags(&state);
        // RF is cleared behind each instruction; without breakpoints nothing else looks at it.
        if !self.has_code_breakpoint() {
            image &= !flags::RF;
        }
        // Faults restart their instruction without meeting its breakpoint again.
        if rf && source == Source::Hard && vector != 8 {
            image |= flags::RF;
        }
        if !self.pe() {
            return self.real_interrupt(cx, vector, image, ip);
        }
        if self.lma() {
            return self.long_interrupt(cx, vector, source, error, ip, image);
        }
        if image & flags::VM != 0
            && source == Source::Int
            && let Some(pc) = self.vm_interrupt(cx, vector, image, ip)?
        {
            return Ok(pc);
        }
        let e = vector * 8 + 2 + source.ext();
        if vector * 8 + 7 > self.sys.idt.limit {
            return Err(gp(e).into());
        }
        let at = self.sys.idt.base.wrapping_add(vector as u64 * 8);
        let v = self.read_table(cx, at, 8)?;
        let gate = crate::seg::Descriptor {
            lo: v as u32,
            hi: (v >> 32) as u32,
            at,
        };
        let kind = gate.attr() & 0x1f;
        if !matches!(kind, 5 | 6 | 7 | 0xe | 0xf) || source.checked() && self.sys.cpl > gate.dpl() {
            return Err(gp(e).into());
        }
        if !gate.present() {
            return Err(with(fault::NP, e).into());
        }
        if kind == 5 {
            return self.interrupt_task(cx, gate.gate_sel(), source.ext(), error, ip, image);
        }
        let lg = if kind & 8 != 0 { 2 } else { 1 };
        let sel = gate.gate_sel();
        let off = if lg == 2 {
            gate.gate_offset()
        } else {
            gate.lo & 0xffff
        };
        let (d, cpl) = self.handler_segment(cx, sel, source.ext())?;
        let vm = image & flags::VM != 0;
        let old_cpl = self.sys.cpl;
        let inner = !d.conforming() && d.dpl() < old_cpl;
        if vm && (!inner || cpl != 0) {
            return Err(gp((sel & !3) as u32 | source.ext()).into());
        }
        let code = d.seg(sel & !3 | cpl as u16);
        let mut stack;
        let new_ss;
        if inner {
            let (ss, sp) = self
                .tss_stack(cx, cpl)
                .map_err(|e| add_ext(e, source.ext()))?;
            let seg = self
                .stack_seg(cx, ss, cpl, fault::TS)
                .map_err(|e| add_ext(e, source.ext()))?;
            stack = Stack {
                seg,
                sp,
                long: false,
                mmu: self.mmu_of(&state, cpl),
                error: (ss & !3) as u32 | source.ext(),
            };
            new_ss = Some(seg);
            if vm {
                for n in [GS, FS, DS, ES] {
                    let v = self.seg(&state, n).sel;
                    stack.push(self, cx, lg, v as u64)?;
                }
            }
            let (old_ss, old_sp) = (
                self.seg(&state, SS).sel,
                self.get(&state, self.regs.gpr[crate::regs::SP]),
            );
            stack.push(self, cx, lg, old_ss as u64)?;
            stack.push(self, cx, lg, old_sp)?;
        } else {
            stack = self.stack(&state);
            stack.error = source.ext();
            new_ss = None;
        }
        let old_cs = self.seg(&state, CS).sel;
        stack.push(self, cx, lg, image as u64)?;
        stack.push(self, cx, lg, old_cs as u64)?;
        stack.push(self, cx, lg, ip)?;
        if let Some(e) = error {
            stack.push(self, cx, lg, e as u64)?;
        }
        if off > code.limit {
            return Err(gp(source.ext()).into());
        }
        self.set_accessed(cx, &d)?;
        if let Some(seg) = new_ss {
            if vm {
                for n in [GS, FS, DS, ES] {
                    self.set_seg(&state, n, &Seg::default());
                }
            }
            self.set_seg(&state, SS, &seg);
        }
        self.set_stack(&state, &stack);
        self.set_seg(&state, CS, &code);
        self.sys.cpl = cpl;
        let mut clear = flags::TF | flags::NT | flags::RF | flags::VM;
        if kind & 1 == 0 {
            clear |= flags::IF;
        }
        self.set_eflags(&state, self.eflags(&state) & !clear);
        Ok(code.base.wrapping_add(off as u64) & 0xffff_ffff)
    }

    /// The code segment of a gate, and the privilege level it runs at.
    fn handler_segment(
        &mut self,
        cx: &mut dyn Cx,
        sel: u16,
        ext: u32,
    ) -> Res<(crate::seg::Descriptor, u32)> {
        if sel & !3 == 0 {
            return Err(gp(ext).into());
        }
        let e = (sel & !3) as u32 | ext;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(gp(e).into());
        };
        if !d.is_code() || d.dpl() > self.sys.cpl {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let cpl = if d.conforming() {
            self.sys.cpl
        } else {
            d.dpl()
        };
        Ok((d, cpl))
    }

    fn real_interrupt(&mut self, cx: &mut dyn Cx, vector: u32, image: u32, ip: u64) -> Res<u64> {
        let state = cx.state().clone();
        if vector * 4 + 3 > self.sys.idt.limit {
            return Err(gp(vector * 8 + 2).into());
        }
        let at = self.sys.idt.base.wrapping_add(vector as u64 * 4);
        let v = self.read_table(cx, at, 4)? as u32;
        self.real_entry(cx, v, image, ip)?;
        let clear = flags::IF | flags::TF | flags::RF | flags::AC;
        self.set_eflags(&state, self.eflags(&state) & !clear);
        Ok(self.real_target(&state, v))
    }

    /// Pushes FLAGS, CS and IP and loads CS as real mode does.
    fn real_entry(&mut self, cx: &mut dyn Cx, vector: u32, image: u32, ip: u64) -> Res<()> {
        let state = cx.state().clone();
        let mut stack = self.stack(&state);
        let cs = self.seg(&state, CS);
        stack.push(self, cx, 1, image as u64)?;
        stack.push(self, cx, 1, cs.sel as u64)?;
        stack.push(self, cx, 1, ip)?;
        self.set_stack(&state, &stack);
        let sel = (vector >> 16) as u16;
        let seg = if self.pe() {
            X86::vm_seg(sel)
        } else {
            X86::real_seg(sel, &cs)
        };
        self.set_seg(&state, CS, &seg);
        Ok(())
    }

    fn real_target(&self, state: &tinamou_ir::guest::State, vector: u32) -> u64 {
        self.seg(state, CS)
            .base
            .wrapping_add((vector & 0xffff) as u64)
            & 0xffff_ffff
    }

    /// INT n in VM86: by the redirection bitmap to the 8086 handler, or `None` for the protected-mode one.
    fn vm_interrupt(
        &mut self,
        cx: &mut dyn Cx,
        vector: u32,
        image: u32,
        ip: u64,
    ) -> Res<Option<u64>> {
        let state = cx.state().clone();
        let iopl = image >> 12 & 3;
        let redirect = self.sys.cr4 & cr4::VME != 0 && {
            let tr = self.sys.tr;
            if tr.limit < 103 {
                return Err(gp(0).into());
            }
            let map = self.read_table(cx, tr.base.wrapping_add(102), 2)? as u32;
            let at = map.wrapping_sub(32).wrapping_add(vector / 8);
            if at > tr.limit || map < 32 {
                return Err(gp(0).into());
            }
            self.read_table(cx, tr.base.wrapping_add(at as u64), 1)? >> (vector & 7) & 1 == 0
        };
        if !redirect {
            return if iopl < 3 {
                Err(gp(0).into())
            } else {
                Ok(None)
            };
        }
        let v = self.read_table(cx, vector as u64 * 4, 4)? as u32;
        // With IOPL 3 the handler sees and clears IF, otherwise VIF in its place.
        let (pushed, clear) = if iopl == 3 {
            (image, flags::IF | flags::TF)
        } else {
            let vif = if image & flags::VIF != 0 {
                flags::IF
            } else {
                0
            };
            (
                image & !flags::IF | vif | flags::IOPL,
                flags::VIF | flags::TF,
            )
        };
        self.real_entry(cx, v, pushed, ip)?;
        self.set_eflags(&state, self.eflags(&state) & !clear);
        Ok(Some(self.real_target(&state, v)))
    }

    fn long_interrupt(
        &mut self,
        cx: &mut dyn Cx,
        vector: u32,
        source: Source,
        error: Option<u32>,
        ip: u64,
        image: u32,
    ) -> Res<u64> {
        let state = cx.state().clone();
        let e = vector * 8 + 2 + source.ext();
        if vector * 16 + 15 > self.sys.idt.limit {
            return Err(gp(e).into());
        }
        let at = self.sys.idt.base.wrapping_add(vector as u64 * 16);
        let v = self.read_table(cx, at, 8)?;
        let gate = crate::seg::Descriptor {
            lo: v as u32,
            hi: (v >> 32) as u32,
            at,
        };
        let kind = gate.attr() & 0x1f;
        if !matches!(kind, 0xe | 0xf) || source.checked() && self.sys.cpl > gate.dpl() {
            return Err(gp(e).into());
        }
        if !gate.present() {
            return Err(with(fault::NP, e).into());
        }
        let off = gate.gate_offset() as u64 | self.read_table(cx, at.wrapping_add(8), 4)? << 32;
        let ist = gate.hi & 7;
        let sel = gate.gate_sel();
        let (d, cpl) = self.handler_segment(cx, sel, source.ext())?;
        let code = d.seg(sel & !3 | cpl as u16);
        if code.attr & crate::seg::L == 0 || code.attr & crate::seg::D != 0 {
            return Err(gp((sel & !3) as u32 | source.ext()).into());
        }
        let inner = cpl < self.sys.cpl;
        let old_sp = self.get(&state, self.regs.gpr[crate::regs::SP]);
        let sp = if ist != 0 {
            self.tss_stack64(cx, 28 + 8 * ist)?
        } else if inner {
            self.tss_stack64(cx, 4 + 8 * cpl)?
        } else {
            old_sp
        };
        let mut stack = Stack {
            seg: Seg::default(),
            sp: sp & !15,
            long: true,
            mmu: self.mmu_of(&state, cpl),
            error: source.ext(),
        };
        let (old_ss, old_cs) = (self.seg(&state, SS).sel, self.seg(&state, CS).sel);
        for v in [old_ss as u64, old_sp, image as u64, old_cs as u64, ip] {
            stack.push(self, cx, 3, v)?;
        }
        if let Some(e) = error {
            stack.push(self, cx, 3, e as u64)?;
        }
        self.set_accessed(cx, &d)?;
        if inner {
            self.set_seg(
                &state,
                SS,
                &Seg {
                    sel: cpl as u16,
                    ..Seg::default()
                },
            );
        }
        self.set(&state, self.regs.gpr[crate::regs::SP], stack.sp);
        self.set_seg(&state, CS, &code);
        self.sys.cpl = cpl;
        let mut clear = flags::TF | flags::NT | flags::RF | flags::VM;
        if kind & 1 == 0 {
            clear |= flags::IF;
        }
        self.set_eflags(&state, self.eflags(&state) & !clear);
        Ok(off)
    }

    /// Helper INT: bits 0 to 7 the vector, 8 and 9 the source, 16 OF and 17 INTO.
    pub(crate) fn software_interrupt(&mut self, cx: &mut dyn Cx, what: u32, next: u64) -> Res<u64> {
        let state = cx.state().clone();
        if what & 1 << 17 != 0 && what & 1 << 16 == 0 {
            return Ok(next);
        }
        let source = match what >> 8 & 3 {
            0 => Source::Int,
            1 => Source::Int1,
            _ => Source::Trap,
        };
        if self.user.is_some() {
            return Err(Fault {
                va: next,
                ..fault(fault::SOFT | what & 0xff)
            }
            .into());
        }
        let ip = self.ip_of(&state, next);
        self.interrupt(cx, what & 0xff, source, None, ip, false)
    }

    /// `Guest::take_interrupt`.
    pub(crate) fn take(&mut self, cx: &mut dyn Cx) -> bool {
        let state = cx.state().clone();
        if self.sys.a20_changed {
            self.sys.a20_changed = false;
            cx.flush_all();
            self.renew(cx);
        }
        if self.sys.init {
            self.sys.init = false;
            self.init_reset(&state);
            cx.flush_all();
            self.renew(cx);
            return true;
        }
        if self.sys.wait_sipi {
            if !self.sys.sipi {
                return false;
            }
            let events = cx.device_read(crate::bus::EVENTS, 8).unwrap_or(0);
            let vector = events >> 8 & 0xff;
            self.sys.sipi = false;
            self.sys.wait_sipi = false;
            let cs = Seg {
                sel: (vector << 8) as u16,
                base: vector << 12,
                ..self.seg(&state, CS)
            };
            self.set_seg(&state, CS, &cs);
            state.set_pc(cs.base);
            return true;
        }
        self.sys.sipi = false;
        if self.sys.shutdown || self.get(&state, self.regs.shadow) != 0 {
            return false;
        }
        let trap = self.get(&state, self.regs.trap) as u32;
        if trap != 0 {
            self.set(&state, self.regs.trap, 0);
            self.sys.halted = false;
            self.sys.dr6 |= trap;
            self.sys.dr7 &= !crate::debug::DR7_GD;
            self.asynchronous(cx, fault::DB);
            return true;
        }
        if self.sys.nmi && !self.sys.nmi_masked {
            self.sys.nmi = false;
            self.sys.nmi_masked = true;
            self.sys.halted = false;
            self.asynchronous(cx, 2);
            return true;
        }
        if self.sys.intr && self.get(&state, self.regs.eflags) as u32 & flags::IF != 0 {
            self.sys.halted = false;
            let vector = cx.device_read(crate::bus::INT_ACK, 1).unwrap_or(0xff) as u32 & 0xff;
            self.asynchronous(cx, vector);
            return true;
        }
        false
    }

    /// At an instruction that may let interrupts in: the block goes on behind it unless one waits.
    pub(crate) fn leave_if_awaited(&self, cx: &mut dyn Cx) {
        let state = cx.state();
        let enabled = self.get(state, self.regs.eflags) as u32 & flags::IF != 0;
        let waits = self.sys.intr && enabled || self.sys.nmi && !self.sys.nmi_masked;
        if waits || self.get(state, self.regs.trap) != 0 {
            cx.leave();
        }
    }

    /// Enters an interrupt between instructions.
    fn asynchronous(&mut self, cx: &mut dyn Cx, vector: u32) {
        let state = cx.state().clone();
        let pc = state.pc();
        let ip = self.ip_of(&state, pc);
        match self.interrupt(cx, vector, Source::Hard, None, ip, false) {
            Ok(pc) => state.set_pc(pc),
            Err(Stop::Wait) => {}
            Err(Stop::Fault(f)) => self.enter(cx, f, pc, 0),
        }
    }
}

/// Adds EXT to the error code of a fault on the way.
fn add_ext(stop: Stop, ext: u32) -> Stop {
    match stop {
        Stop::Fault(f) if fault::vector(f.code) != fault::vector(fault::PF) => Stop::Fault(Fault {
            code: f.code | ext << 16,
            ..f
        }),
        s => s,
    }
}
