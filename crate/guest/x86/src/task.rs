//! Hardware task switches (SDM volume 3, chapter 7): through JMP, CALL, INT and IRET, with 16- and 32-bit task state segments.
//!
//! What fails before the new task's registers are loaded is raised in the old task; what fails while its segments are loaded, in the new one.

use tinamou_ir::guest::{Cx, Stop};

use crate::fault::{self, gp, with};
use crate::flags;
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::seg::{self, Seg};
use crate::stack::Stack;
use crate::sys::cr0;
use crate::{Res, X86};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    Jump,
    Call,
    Int,
    Iret,
}

/// Offsets in a 32-bit TSS: EIP, EFLAGS, the eight registers, the six segments, LDT, in this order.
const WIDE: u32 = 0x20;
/// The same in a 16-bit TSS.
const NARROW: u32 = 0x0e;

impl X86 {
    /// A far JMP or CALL to a TSS or through a task gate.
    pub(crate) fn far_task(&mut self, cx: &mut dyn Cx, call: bool, sel: u16, ip: u64) -> Res<u64> {
        self.switch(
            cx,
            sel,
            if call { Why::Call } else { Why::Jump },
            ip,
            None,
            0,
        )
    }

    /// An interrupt through a task gate.
    pub(crate) fn interrupt_task(
        &mut self,
        cx: &mut dyn Cx,
        sel: u16,
        ext: u32,
        error: Option<u32>,
        ip: u64,
        image: u32,
    ) -> Res<u64> {
        // The old task's image has RF as the event asks for.
        let state = cx.state().clone();
        if image & flags::RF != 0 {
            let f = self.eflags(&state);
            self.set_eflags(&state, f | flags::RF);
        }
        self.switch(cx, sel, Why::Int, ip, error, ext)
    }

    /// IRET with NT set.
    pub(crate) fn return_task(&mut self, cx: &mut dyn Cx, ip: u64) -> Res<u64> {
        let sel = self.read_table(cx, self.sys.tr.base, 2)? as u16;
        self.switch(cx, sel, Why::Iret, ip, None, 0)
    }

    fn switch(
        &mut self,
        cx: &mut dyn Cx,
        sel: u16,
        why: Why,
        ip: u64,
        error: Option<u32>,
        ext: u32,
    ) -> Res<u64> {
        let state = cx.state().clone();
        let code = if why == Why::Iret {
            fault::TS
        } else {
            fault::GP
        };
        let e = (sel & !3) as u32 | ext;
        if sel & 4 != 0 || sel & !3 == 0 {
            return Err(with(code, e).into());
        }
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(with(code, e).into());
        };
        let busy = d.kind() & 2 != 0;
        if d.attr() & seg::S != 0 || !matches!(d.kind() & !2, 1 | 9) || busy != (why == Why::Iret) {
            return Err(with(code, e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let wide = d.kind() & 8 != 0;
        let new = d.seg(sel);
        if new.limit < if wide { 0x67 } else { 0x2b } {
            return Err(with(fault::TS, e).into());
        }
        // Everything of the new task is read before anything is written.
        let (lg, first) = if wide { (2, WIDE) } else { (1, NARROW) };
        let mut words = [0u64; 17];
        let count = if wide { 17 } else { 15 };
        for (i, w) in words.iter_mut().take(count).enumerate() {
            *w = self.read_table(
                cx,
                new.base.wrapping_add((first + ((i as u32) << lg)) as u64),
                1 << lg,
            )?;
        }
        let cr3 = if wide {
            self.read_table(cx, new.base.wrapping_add(0x1c), 4)?
        } else {
            0
        };
        let trap = wide && self.read_table(cx, new.base.wrapping_add(0x64), 2)? & 1 != 0;
        // Save the old task.
        let old = self.sys.tr;
        let old_wide = old.attr & 8 != 0;
        let (olg, ofirst, segs) = if old_wide {
            (2, WIDE, 6)
        } else {
            (1, NARROW, 4)
        };
        let mut image = self.eflags(&state);
        if why == Why::Iret {
            image &= !flags::NT;
        }
        let mut save = vec![ip, image as u64];
        save.extend((0..8).map(|i| self.get(&state, self.regs.gpr[i])));
        save.extend(
            [ES, CS, SS, DS, FS, GS]
                .into_iter()
                .take(segs)
                .map(|n| self.seg(&state, n).sel as u64),
        );
        for (i, v) in save.into_iter().enumerate() {
            let at = old.base.wrapping_add((ofirst + ((i as u32) << olg)) as u64);
            // Selectors are 16 bits, with the upper half of their field kept.
            let bytes = if i >= 10 { 2 } else { 1 << olg };
            self.write_table(cx, at, bytes, v)?;
        }
        if matches!(why, Why::Jump | Why::Iret) {
            self.set_busy(cx, old.sel, false)?;
        }
        if why != Why::Iret {
            self.write_table(cx, d.at.wrapping_add(5), 1, (d.attr() & 0xff | 2) as u64)?;
        }
        if matches!(why, Why::Call | Why::Int) {
            self.write_table(cx, new.base, 2, old.sel as u64)?;
        }
        // The new task's registers; segments come last, as they may fault.
        self.sys.tr = Seg {
            attr: new.attr | 2,
            ..new
        };
        self.sys.cr0 |= cr0::TS;
        if wide && self.sys.cr0 & cr0::PG != 0 {
            self.write_cr3(cx, cr3)?;
        }
        let mut f = words[1] as u32;
        if !wide {
            f |= image & !0xffff & !flags::VM & !flags::RF;
        }
        if matches!(why, Why::Call | Why::Int) {
            f |= flags::NT;
        }
        self.set_eflags(&state, f);
        for i in 0..8 {
            let v = words[2 + i];
            self.set(
                &state,
                self.regs.gpr[i],
                if wide { v } else { v | 0xffff_0000 },
            );
        }
        self.set(
            &state,
            self.regs.trap,
            if trap { crate::debug::DR6_BT } else { 0 } as u64,
        );
        self.sys.dr7 &= !0x155;
        cx.leave();
        let new_ip = words[0];
        let mut sels = [0u16; 6];
        for (s, w) in sels.iter_mut().zip(&words[10..]) {
            *s = *w as u16;
        }
        if !wide {
            sels[FS] = 0;
            sels[GS] = 0;
        }
        let ldt = words[count - 1] as u16;
        // Until they are loaded, the selectors are there without their descriptors.
        for (n, &s) in sels.iter().enumerate() {
            self.set_seg(
                &state,
                n,
                &Seg {
                    sel: s,
                    ..Seg::default()
                },
            );
        }
        self.sys.ldtr = Seg {
            sel: ldt,
            ..Seg::default()
        };
        match self.load_task(cx, &sels, ldt, new_ip, f & flags::VM != 0) {
            Ok(()) => {}
            Err(Stop::Fault(fault)) => {
                let base = self.cs_base(&state);
                let pc = base.wrapping_add(new_ip) & 0xffff_ffff;
                state.set_pc(pc);
                self.enter(cx, fault, pc, 0);
                return Ok(state.pc());
            }
            Err(e) => return Err(e),
        }
        let pc = self.cs_base(&state).wrapping_add(new_ip) & 0xffff_ffff;
        if let Some(e) = error {
            let mut stack = self.stack(&state);
            if let Err(stop) = push_error(self, cx, &mut stack, lg, e) {
                let Stop::Fault(fault) = stop else {
                    return Err(stop);
                };
                state.set_pc(pc);
                self.enter(cx, fault, pc, 0);
                return Ok(state.pc());
            }
            self.set_stack(&state, &stack);
        }
        Ok(pc)
    }

    fn set_busy(&mut self, cx: &mut dyn Cx, sel: u16, busy: bool) -> Res<()> {
        let at = self.sys.gdt.base.wrapping_add((sel & !7) as u64 + 5);
        let v = self.read_table(cx, at, 1)?;
        self.write_table(cx, at, 1, if busy { v | 2 } else { v & !2 })
    }

    /// Loads LDTR and the segments of a new task.
    fn load_task(
        &mut self,
        cx: &mut dyn Cx,
        sels: &[u16; 6],
        ldt: u16,
        ip: u64,
        vm: bool,
    ) -> Res<()> {
        let state = cx.state().clone();
        if vm {
            self.sys.cpl = 3;
            for (n, &s) in sels.iter().enumerate() {
                self.set_seg(&state, n, &X86::vm_seg(s));
            }
        } else {
            self.sys.cpl = sels[CS] as u32 & 3;
        }
        if ldt & !3 != 0 {
            let e = (ldt & !3) as u32;
            let d = if ldt & 4 != 0 {
                None
            } else {
                self.descriptor(cx, ldt)?
            };
            match d {
                Some(d) if d.attr() & 0x1f == 2 && d.present() => self.sys.ldtr = d.seg(ldt),
                _ => return Err(with(fault::TS, e).into()),
            }
        }
        if vm {
            return if ip > 0xffff {
                Err(gp(0).into())
            } else {
                Ok(())
            };
        }
        let cs = sels[CS];
        let e = (cs & !3) as u32;
        let ts = with(fault::TS, e);
        if cs & !3 == 0 {
            return Err(ts.into());
        }
        let Some(d) = self.descriptor(cx, cs)? else {
            return Err(ts.into());
        };
        let rpl = cs as u32 & 3;
        if !d.is_code() || d.conforming() && d.dpl() > rpl || !d.conforming() && d.dpl() != rpl {
            return Err(ts.into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        self.set_accessed(cx, &d)?;
        let code = d.seg(cs);
        self.set_seg(&state, CS, &code);
        let ss = self.stack_seg(cx, sels[SS], rpl, fault::TS)?;
        self.set_seg(&state, SS, &ss);
        for n in [DS, ES, FS, GS] {
            let s = self.data_seg(cx, sels[n], rpl).map_err(|stop| match stop {
                Stop::Fault(f) if f.code & 0x1ff == fault::GP => {
                    Stop::Fault(with(fault::TS, f.code >> 16))
                }
                s => s,
            })?;
            self.set_seg(&state, n, &s);
        }
        if ip > code.limit as u64 {
            return Err(gp(0).into());
        }
        Ok(())
    }
}

fn push_error(cpu: &mut X86, cx: &mut dyn Cx, stack: &mut Stack, lg: u32, e: u32) -> Res<()> {
    stack.push(cpu, cx, lg, e as u64)
}
