//! Far jumps, calls and returns, IRET, and the fast system calls (SDM volume 2 and volume 3, chapter 5; APM volume 2, chapter 6).

use tinamou_ir::guest::{Cx, Fault, State};

use crate::fault::{self, fault, gp, with};
use crate::flags;
use crate::regs::{CS, CX, DS, DX, ES, FS, GS, SP, SS};
use crate::seg::{self, Descriptor, Seg};
use crate::stack::Stack;
use crate::sys::efer;
use crate::{Res, X86};

fn size_mask(lg: u32) -> u64 {
    match lg {
        1 => 0xffff,
        2 => 0xffff_ffff,
        _ => u64::MAX,
    }
}

/// What a far transfer does to the old place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jump,
    Call,
}

impl X86 {
    fn real_like(&self, state: &State) -> bool {
        !self.pe() || self.vm(state)
    }

    /// Linear address of an offset in a code segment.
    fn target(seg: &Seg, off: u64, long: bool) -> u64 {
        if long {
            off
        } else {
            seg.base.wrapping_add(off) & 0xffff_ffff
        }
    }

    fn is_long(&self, seg: &Seg) -> bool {
        self.lma() && seg.attr & seg::L != 0
    }

    fn check_ip(&self, seg: &Seg, off: u64) -> Res<()> {
        let bad = if self.is_long(seg) {
            (off << 16) as i64 >> 16 != off as i64
        } else {
            off > seg.limit as u64
        };
        if bad { Err(gp(0).into()) } else { Ok(()) }
    }

    /// Far JMP and CALL: `sel` with log2 of the operand size in bits 16 and 17. Gives the next pc.
    pub(crate) fn far(
        &mut self,
        cx: &mut dyn Cx,
        kind: Kind,
        sel: u64,
        off: u64,
        next: u64,
    ) -> Res<u64> {
        let state = cx.state().clone();
        let lg = (sel >> 16 & 3) as u32;
        let sel = sel as u16;
        let off = off & size_mask(lg);
        let ip = self.ip_of(&state, next);
        if self.real_like(&state) {
            let old = self.seg(&state, CS);
            if off > old.limit as u64 {
                return Err(gp(0).into());
            }
            if kind == Kind::Call {
                let mut stack = self.stack(&state);
                stack.push(self, cx, lg, old.sel as u64)?;
                stack.push(self, cx, lg, ip)?;
                self.set_stack(&state, &stack);
            }
            let seg = if self.pe() {
                X86::vm_seg(sel)
            } else {
                X86::real_seg(sel, &old)
            };
            self.set_seg(&state, CS, &seg);
            return Ok(X86::target(&seg, off, false));
        }
        if sel & !3 == 0 {
            return Err(gp(0).into());
        }
        let e = (sel & !3) as u32;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(gp(e).into());
        };
        if d.attr() & seg::S == 0 {
            return self.far_system(cx, kind, sel, d, ip);
        }
        let cpl = self.sys.cpl;
        if !d.is_code() {
            return Err(gp(e).into());
        }
        if d.conforming() && d.dpl() > cpl
            || !d.conforming() && (sel as u32 & 3 > cpl || d.dpl() != cpl)
        {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let mut seg = d.seg(sel & !3 | cpl as u16);
        if self.lma() && seg.attr & seg::L != 0 && seg.attr & seg::D != 0 {
            return Err(gp(e).into());
        }
        self.check_ip(&seg, off)?;
        let old = self.seg(&state, CS);
        let mut stack = self.stack(&state);
        if kind == Kind::Call {
            stack.push(self, cx, lg, old.sel as u64)?;
            stack.push(self, cx, lg, ip)?;
        }
        self.set_accessed(cx, &d)?;
        seg.attr |= seg::A;
        if kind == Kind::Call {
            self.set_stack(&state, &stack);
        }
        self.set_seg(&state, CS, &seg);
        Ok(X86::target(&seg, off, self.is_long(&seg)))
    }

    /// Through a gate or a TSS.
    fn far_system(
        &mut self,
        cx: &mut dyn Cx,
        kind: Kind,
        sel: u16,
        d: Descriptor,
        ip: u64,
    ) -> Res<u64> {
        let e = (sel & !3) as u32;
        let cpl = self.sys.cpl;
        let long = self.lma();
        let type_ = d.kind();
        let known = if long {
            type_ == 0xc
        } else {
            matches!(type_, 1 | 4 | 5 | 9 | 0xc)
        };
        if !known || d.dpl() < cpl || d.dpl() < sel as u32 & 3 {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        match type_ {
            1 | 9 => {
                if sel & 4 != 0 {
                    return Err(gp(e).into());
                }
                return self.far_task(cx, kind == Kind::Call, sel, ip);
            }
            5 => return self.far_task(cx, kind == Kind::Call, d.gate_sel(), ip),
            _ => {}
        }
        self.call_gate(cx, kind, sel, d, ip)
    }

    fn call_gate(
        &mut self,
        cx: &mut dyn Cx,
        kind: Kind,
        gate_sel: u16,
        gate: Descriptor,
        ip: u64,
    ) -> Res<u64> {
        let state = cx.state().clone();
        let long = self.lma();
        let lg = if long {
            3
        } else if gate.kind() == 0xc {
            2
        } else {
            1
        };
        let mut off = if lg == 1 {
            (gate.lo & 0xffff) as u64
        } else {
            gate.gate_offset() as u64
        };
        if long {
            let hi = self.read_table(cx, gate.at.wrapping_add(8), 8)?;
            if hi >> 40 & 0x1f != 0 {
                return Err(gp((gate_sel & !3) as u32).into());
            }
            off |= hi << 32;
        }
        let sel = gate.gate_sel();
        if sel & !3 == 0 {
            return Err(gp(0).into());
        }
        let e = (sel & !3) as u32;
        let cpl = self.sys.cpl;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(gp(e).into());
        };
        if !d.is_code()
            || d.dpl() > cpl
            || long && (d.attr() & seg::L == 0 || d.attr() & seg::D != 0)
        {
            return Err(gp(e).into());
        }
        if kind == Kind::Jump && !d.conforming() && d.dpl() != cpl {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let inner = kind == Kind::Call && !d.conforming() && d.dpl() < cpl;
        let new_cpl = if inner { d.dpl() } else { cpl };
        let mut code = d.seg(sel & !3 | new_cpl as u16);
        code.attr |= seg::A;
        self.check_ip(&code, off)?;
        let (old_cs, old_ss) = (self.seg(&state, CS), self.seg(&state, SS));
        let mut stack = self.stack(&state);
        let mut new_ss = None;
        if inner {
            let old = stack;
            if long {
                let sp = self.tss_stack64(cx, 4 + 8 * new_cpl)?;
                stack = Stack {
                    seg: Seg::default(),
                    sp,
                    long: true,
                    mmu: self.mmu_of(&state, new_cpl),
                    error: 0,
                };
                new_ss = Some(Seg {
                    sel: new_cpl as u16,
                    ..Seg::default()
                });
            } else {
                let (ss, sp) = self.tss_stack(cx, new_cpl)?;
                let seg = self.stack_seg(cx, ss, new_cpl, fault::TS)?;
                stack = Stack {
                    seg,
                    sp,
                    long: false,
                    mmu: self.mmu_of(&state, new_cpl),
                    error: (ss & !3) as u32,
                };
                new_ss = Some(seg);
            }
            stack.push(self, cx, lg, old_ss.sel as u64)?;
            stack.push(self, cx, lg, old.sp)?;
            if !long {
                let count = (gate.hi & 31) as u64;
                for i in (0..count).rev() {
                    let mut from = old;
                    from.skip(i << lg);
                    let v = from.pop(self, cx, lg)?;
                    stack.push(self, cx, lg, v)?;
                }
            }
        } else if long {
            stack.long = true;
        }
        if kind == Kind::Call {
            stack.push(self, cx, lg, old_cs.sel as u64)?;
            stack.push(self, cx, lg, ip)?;
        }
        self.set_accessed(cx, &d)?;
        if let Some(seg) = new_ss {
            self.set_seg(&state, SS, &seg);
        }
        if kind == Kind::Call {
            self.set_stack(&state, &stack);
        }
        self.set_seg(&state, CS, &code);
        self.sys.cpl = new_cpl;
        Ok(X86::target(&code, off, self.is_long(&code)))
    }

    /// RETF: gives the next pc.
    pub(crate) fn retf(&mut self, cx: &mut dyn Cx, lg: u32, imm: u64) -> Res<u64> {
        let state = cx.state().clone();
        let mut stack = self.stack(&state);
        let ip = stack.pop(self, cx, lg)?;
        let sel = stack.pop(self, cx, lg)? as u16;
        if self.real_like(&state) {
            let old = self.seg(&state, CS);
            if ip > old.limit as u64 {
                return Err(gp(0).into());
            }
            stack.skip(imm);
            self.set_stack(&state, &stack);
            let seg = if self.pe() {
                X86::vm_seg(sel)
            } else {
                X86::real_seg(sel, &old)
            };
            self.set_seg(&state, CS, &seg);
            return Ok(X86::target(&seg, ip, false));
        }
        self.return_far(cx, stack, lg, sel, ip, imm, None)
    }

    /// The common end of RETF and IRET in protected mode; `flags` has the image that IRET popped.
    #[expect(clippy::too_many_arguments, reason = "what was popped")]
    fn return_far(
        &mut self,
        cx: &mut dyn Cx,
        mut stack: Stack,
        lg: u32,
        sel: u16,
        ip: u64,
        imm: u64,
        image: Option<u32>,
    ) -> Res<u64> {
        let state = cx.state().clone();
        if sel & !3 == 0 {
            return Err(gp(0).into());
        }
        let e = (sel & !3) as u32;
        let rpl = sel as u32 & 3;
        let cpl = self.sys.cpl;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(gp(e).into());
        };
        if !d.is_code()
            || rpl < cpl
            || d.conforming() && d.dpl() > rpl
            || !d.conforming() && d.dpl() != rpl
        {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let mut code = d.seg(sel);
        code.attr |= seg::A;
        self.check_ip(&code, ip)?;
        stack.skip(imm);
        let long64 = image.is_some() && self.code64(&state);
        let mut new_ss = None;
        if rpl != cpl || long64 {
            let sp = stack.pop(self, cx, lg)?;
            let ss = stack.pop(self, cx, lg)? as u16;
            let seg = if ss & !3 == 0 {
                // 64-bit code of rings 0 to 2 runs without a stack segment.
                if !self.is_long(&code) || rpl == 3 || ss as u32 & 3 != rpl {
                    return Err(gp(0).into());
                }
                Seg {
                    sel: ss,
                    ..Seg::default()
                }
            } else {
                self.stack_seg(cx, ss, rpl, fault::GP)?
            };
            let long = self.is_long(&code);
            stack = Stack {
                seg,
                sp,
                long,
                mmu: stack.mmu,
                error: 0,
            };
            stack.skip(imm);
            new_ss = Some(seg);
        }
        self.set_accessed(cx, &d)?;
        if let Some(image) = image {
            self.return_flags(&state, image, lg, cpl);
        }
        self.set_seg(&state, CS, &code);
        self.sys.cpl = rpl;
        if let Some(seg) = new_ss {
            self.set_seg(&state, SS, &seg);
        }
        self.set_stack(&state, &stack);
        if rpl != cpl {
            self.drop_inner_segments(&state);
        }
        Ok(X86::target(&code, ip, self.is_long(&code)))
    }

    /// Loads the flags that IRET may, at privilege level `cpl`.
    fn return_flags(&mut self, state: &State, image: u32, lg: u32, cpl: u32) {
        let old = self.eflags(state);
        let mut mask = flags::ARITH | flags::TF | flags::DF | flags::NT;
        if lg > 1 {
            mask |= flags::RF | flags::AC | flags::ID;
        }
        if cpl <= old >> 12 & 3 {
            mask |= flags::IF;
        }
        if cpl == 0 {
            mask |= flags::IOPL;
            if lg > 1 {
                mask |= flags::VIF | flags::VIP;
            }
        }
        self.set_eflags(state, old & !mask | image & mask);
    }

    /// IRET: gives the next pc.
    pub(crate) fn iret(&mut self, cx: &mut dyn Cx, lg: u32, next: u64) -> Res<u64> {
        let state = cx.state().clone();
        let old = self.eflags(&state);
        let pc = self.iret_inner(cx, lg, next, old)?;
        self.sys.nmi_masked = false;
        cx.leave();
        Ok(pc)
    }

    fn iret_inner(&mut self, cx: &mut dyn Cx, lg: u32, next: u64, old: u32) -> Res<u64> {
        let state = cx.state().clone();
        let mut stack = self.stack(&state);
        if self.pe() && old & flags::VM == 0 && old & flags::NT != 0 {
            if self.lma() {
                return Err(gp(0).into());
            }
            let ip = self.ip_of(&state, next);
            return self.return_task(cx, ip);
        }
        if !self.pe() || old & flags::VM != 0 {
            let vme = self.pe() && old & flags::IOPL != flags::IOPL;
            if vme && (lg != 1 || self.sys.cr4 & crate::sys::cr4::VME == 0) {
                return Err(gp(0).into());
            }
            let ip = stack.pop(self, cx, lg)?;
            let sel = stack.pop(self, cx, lg)? as u16;
            let image = stack.pop(self, cx, lg)? as u32;
            let cs = self.seg(&state, CS);
            if ip > cs.limit as u64 {
                return Err(gp(0).into());
            }
            if vme {
                if image & flags::TF != 0 || image & flags::IF != 0 && old & flags::VIP != 0 {
                    return Err(gp(0).into());
                }
                let vif = if image & flags::IF != 0 {
                    flags::VIF
                } else {
                    0
                };
                let mask = flags::ARITH | flags::TF | flags::DF | flags::NT;
                self.set_eflags(&state, old & !(mask | flags::VIF) | image & mask | vif);
            } else {
                let mut mask = flags::ARITH | flags::TF | flags::IF | flags::DF | flags::NT;
                if !self.pe() {
                    mask |= flags::IOPL;
                }
                if lg > 1 {
                    mask |= flags::RF | flags::AC | flags::ID;
                }
                self.set_eflags(&state, old & !mask | image & mask);
            }
            self.set_stack(&state, &stack);
            let seg = if self.pe() {
                X86::vm_seg(sel)
            } else {
                X86::real_seg(sel, &cs)
            };
            self.set_seg(&state, CS, &seg);
            return Ok(X86::target(&seg, ip, false));
        }
        let ip = stack.pop(self, cx, lg)?;
        let sel = stack.pop(self, cx, lg)? as u16;
        let image = stack.pop(self, cx, lg)? as u32;
        if image & flags::VM != 0 && self.sys.cpl == 0 && lg == 2 && !self.lma() {
            let mut words = [0; 6];
            for w in &mut words {
                *w = stack.pop(self, cx, 2)?;
            }
            if ip > 0xffff {
                return Err(gp(0).into());
            }
            let mask = flags::ARITH
                | flags::TF
                | flags::IF
                | flags::DF
                | flags::IOPL
                | flags::NT
                | flags::RF
                | flags::VM
                | flags::AC
                | flags::VIF
                | flags::VIP
                | flags::ID;
            self.set_eflags(&state, image & mask);
            let [sp, ss, es, ds, fs, gs] = words;
            for (n, v) in [
                (CS, sel as u64),
                (SS, ss),
                (ES, es),
                (DS, ds),
                (FS, fs),
                (GS, gs),
            ] {
                self.set_seg(&state, n, &X86::vm_seg(v as u16));
            }
            self.set(&state, self.regs.gpr[SP], sp);
            self.sys.cpl = 3;
            return Ok(((sel as u64) << 4).wrapping_add(ip));
        }
        self.return_far(cx, stack, lg, sel, ip, 0, Some(image))
    }

    fn flat_code(sel: u16, cpl: u32, long: bool) -> Seg {
        let bits = if long { seg::L } else { seg::D };
        Seg {
            sel: sel & !3 | cpl as u16,
            base: 0,
            limit: u32::MAX,
            attr: seg::P | seg::S | seg::CODE | seg::W | seg::A | seg::G | bits | cpl << 5,
        }
    }

    fn flat_data(sel: u16, cpl: u32) -> Seg {
        Seg {
            sel: sel & !3 | cpl as u16,
            base: 0,
            limit: u32::MAX,
            attr: seg::P | seg::S | seg::W | seg::A | seg::G | seg::D | cpl << 5,
        }
    }

    /// SYSENTER.
    pub(crate) fn sysenter(&mut self, cx: &mut dyn Cx) -> Res<u64> {
        let state = cx.state().clone();
        let sel = self.sys.sysenter_cs as u16;
        if !self.pe() || sel & !3 == 0 {
            return Err(gp(0).into());
        }
        let long = self.lma();
        let f = self.eflags(&state) & !(flags::VM | flags::IF | flags::RF);
        self.set_eflags(&state, f);
        self.sys.cpl = 0;
        self.set_seg(&state, CS, &X86::flat_code(sel, 0, long));
        self.set_seg(&state, SS, &X86::flat_data(sel.wrapping_add(8), 0));
        let m = if long { u64::MAX } else { 0xffff_ffff };
        self.set(&state, self.regs.gpr[SP], self.sys.sysenter_esp & m);
        Ok(self.sys.sysenter_eip & m)
    }

    /// SYSEXIT, to 64-bit code if `long`.
    pub(crate) fn sysexit(&mut self, cx: &mut dyn Cx, long: bool) -> Res<u64> {
        let state = cx.state().clone();
        let sel = self.sys.sysenter_cs as u16;
        if !self.pe() || sel & !3 == 0 || self.sys.cpl != 0 {
            return Err(gp(0).into());
        }
        let (cs, ss) = if long {
            (sel.wrapping_add(32), sel.wrapping_add(40))
        } else {
            (sel.wrapping_add(16), sel.wrapping_add(24))
        };
        let m = if long { u64::MAX } else { 0xffff_ffff };
        let (c, d) = (
            self.get(&state, self.regs.gpr[CX]),
            self.get(&state, self.regs.gpr[DX]),
        );
        self.sys.cpl = 3;
        self.set_seg(&state, CS, &X86::flat_code(cs, 3, long));
        self.set_seg(&state, SS, &X86::flat_data(ss, 3));
        self.set(&state, self.regs.gpr[SP], c & m);
        Ok(d & m)
    }

    /// SYSCALL.
    pub(crate) fn syscall(&mut self, cx: &mut dyn Cx, next: u64) -> Res<u64> {
        let state = cx.state().clone();
        if self.sys.efer & efer::SCE == 0 || !self.pe() || self.vm(&state) {
            return Err(fault(fault::UD).into());
        }
        if self.user.is_some() {
            return Err(Fault {
                va: next,
                ..fault(fault::SYSCALL)
            }
            .into());
        }
        let sel = (self.sys.star >> 32) as u16;
        let f = self.eflags(&state);
        if !self.lma() {
            self.set(&state, self.regs.gpr[CX], self.ip_of(&state, next));
            self.set_eflags(&state, f & !(flags::VM | flags::IF | flags::RF));
            self.sys.cpl = 0;
            self.set_seg(&state, CS, &X86::flat_code(sel, 0, false));
            self.set_seg(&state, SS, &X86::flat_data(sel.wrapping_add(8), 0));
            return Ok(self.sys.star & 0xffff_ffff);
        }
        let from64 = self.code64(&state);
        self.set(&state, self.regs.gpr[CX], self.ip_of(&state, next));
        self.set(&state, self.regs.gpr[11], (f & !flags::RF) as u64);
        self.set_eflags(&state, f & !(self.sys.fmask as u32 | flags::RF) | 2);
        self.sys.cpl = 0;
        self.set_seg(&state, CS, &X86::flat_code(sel, 0, true));
        self.set_seg(&state, SS, &X86::flat_data(sel.wrapping_add(8), 0));
        Ok(if from64 {
            self.sys.lstar
        } else {
            self.sys.cstar
        })
    }

    /// SYSRET, to 64-bit code if `long`.
    pub(crate) fn sysret(&mut self, cx: &mut dyn Cx, long: bool) -> Res<u64> {
        let state = cx.state().clone();
        if self.sys.efer & efer::SCE == 0 {
            return Err(fault(fault::UD).into());
        }
        if !self.pe() || self.sys.cpl != 0 {
            return Err(gp(0).into());
        }
        let base = (self.sys.star >> 48) as u16;
        let c = self.get(&state, self.regs.gpr[CX]);
        if self.lma() {
            let image = self.get(&state, self.regs.gpr[11]) as u32;
            let mask = flags::ARITH
                | flags::TF
                | flags::IF
                | flags::DF
                | flags::IOPL
                | flags::NT
                | flags::AC
                | flags::VIF
                | flags::VIP
                | flags::ID;
            self.set_eflags(&state, image & mask);
        } else {
            let f = self.eflags(&state);
            self.set_eflags(&state, f | flags::IF);
        }
        let cs = if long { base.wrapping_add(16) } else { base };
        // SS keeps its attributes on AMD; the flat ones do no harm and are Intel's.
        self.set_seg(&state, CS, &X86::flat_code(cs, 3, long));
        self.set_seg(&state, SS, &X86::flat_data(base.wrapping_add(8), 3));
        self.sys.cpl = 3;
        Ok(if long { c } else { c & 0xffff_ffff })
    }

    /// PUSHF's image for an operand of 2^`lg` bytes.
    pub(crate) fn pushf(&self, state: &State, lg: u32) -> Res<u64> {
        let f = self.eflags(state);
        if f & flags::VM != 0 && f & flags::IOPL != flags::IOPL {
            if lg != 1 || self.sys.cr4 & crate::sys::cr4::VME == 0 {
                return Err(gp(0).into());
            }
            let vif = if f & flags::VIF != 0 { flags::IF } else { 0 };
            return Ok((f & !flags::IF | vif | flags::IOPL) as u64 & 0xffff);
        }
        Ok((f & !(flags::VM | flags::RF)) as u64 & size_mask(lg))
    }

    /// POPF.
    pub(crate) fn popf(&mut self, cx: &mut dyn Cx, image: u32, lg: u32) -> Res<()> {
        let state = cx.state().clone();
        let old = self.eflags(&state);
        let iopl = old >> 12 & 3;
        let mut mask = flags::ARITH | flags::TF | flags::DF | flags::NT;
        if lg > 1 {
            mask |= flags::AC | flags::ID;
        }
        if old & flags::VM != 0 && iopl < 3 {
            if lg != 1 || self.sys.cr4 & crate::sys::cr4::VME == 0 {
                return Err(gp(0).into());
            }
            if image & flags::TF != 0 || image & flags::IF != 0 && old & flags::VIP != 0 {
                return Err(gp(0).into());
            }
            let vif = if image & flags::IF != 0 {
                flags::VIF
            } else {
                0
            };
            let f = old & !(mask | flags::VIF) | image & mask | vif;
            self.popped(cx, old, f);
            return Ok(());
        }
        if self.sys.cpl == 0 && old & flags::VM == 0 {
            mask |= flags::IOPL | flags::IF;
        } else if self.sys.cpl <= iopl {
            mask |= flags::IF;
        }
        let mut f = old & !mask | image & mask;
        if lg > 1 {
            f &= !flags::RF;
        }
        self.popped(cx, old, f);
        Ok(())
    }

    /// POPF sets the flags. The block goes on unless those of the mode are others now, or an interrupt was waiting for them.
    fn popped(&self, cx: &mut dyn Cx, old: u32, f: u32) {
        let state = cx.state().clone();
        self.set_eflags(&state, f);
        if (old ^ f) & (flags::TF | flags::AC) != 0 {
            cx.leave();
        }
        self.leave_if_awaited(cx);
    }

    /// CLI and STI outside ring 0.
    pub(crate) fn sti_cli(&mut self, cx: &mut dyn Cx, on: bool) -> Res<()> {
        let state = cx.state().clone();
        let f = self.get(&state, self.regs.eflags) as u32;
        let bit = if self.sys.cpl <= f >> 12 & 3 {
            flags::IF
        } else {
            let extension = if f & flags::VM != 0 {
                crate::sys::cr4::VME
            } else {
                crate::sys::cr4::PVI
            };
            let user = self.sys.cpl == 3;
            if !user || self.sys.cr4 & extension == 0 || on && f & flags::VIP != 0 {
                return Err(gp(0).into());
            }
            flags::VIF
        };
        let v = if on { f | bit } else { f & !bit };
        self.set(&state, self.regs.eflags, v as u64);
        if on && bit == flags::IF && f & flags::IF == 0 {
            self.set(&state, self.regs.shadow, 1);
        }
        Ok(())
    }
}
