//! Segments and descriptors (SDM volume 3, chapters 3 and 5).

use tinamou_ir::guest::{Cx, Fault, State};
use tinamou_ir::{MemArg, layout};

use crate::fault::{self, fault, gp, with};
use crate::mode::{Class, Mode};
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::sys::cr4;
use crate::{Res, X86};

/// Accessed (code and data).
pub const A: u32 = 1;
/// Writable data, or readable code.
pub const W: u32 = 2;
/// Expand-down data, or conforming code.
pub const C: u32 = 4;
/// Code.
pub const CODE: u32 = 8;
/// Not a system segment.
pub const S: u32 = 16;
/// Present.
pub const P: u32 = 1 << 7;
/// 64-bit code.
pub const L: u32 = 1 << 13;
/// 32-bit code or stack.
pub const D: u32 = 1 << 14;
/// Limit in pages.
pub const G: u32 = 1 << 15;

/// A segment register or system segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seg {
    /// Selector.
    pub sel: u16,
    /// Linear base.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u32,
    /// Bits 8 to 23 of the descriptor's upper half.
    pub attr: u32,
}

/// A descriptor as it lies in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Lower half.
    pub lo: u32,
    /// Upper half.
    pub hi: u32,
    /// Its linear address.
    pub at: u64,
}

impl Descriptor {
    /// As a segment with this selector.
    pub fn seg(&self, sel: u16) -> Seg {
        let raw = self.lo & 0xffff | self.hi & 0xf_0000;
        let limit = if self.hi & 1 << 23 != 0 {
            raw << 12 | 0xfff
        } else {
            raw
        };
        let base = self.lo >> 16 | (self.hi & 0xff) << 16 | self.hi & 0xff00_0000;
        Seg {
            sel,
            base: base as u64,
            limit,
            attr: self.hi >> 8 & 0xffff,
        }
    }

    /// Access rights.
    pub fn attr(&self) -> u32 {
        self.hi >> 8 & 0xffff
    }

    /// Type of a system segment or gate.
    pub fn kind(&self) -> u32 {
        self.hi >> 8 & 15
    }

    /// Descriptor privilege level.
    pub fn dpl(&self) -> u32 {
        self.hi >> 13 & 3
    }

    /// Present.
    pub fn present(&self) -> bool {
        self.hi & 1 << 15 != 0
    }

    /// A code segment.
    pub fn is_code(&self) -> bool {
        self.attr() & (S | CODE) == S | CODE
    }

    /// A conforming code segment.
    pub fn conforming(&self) -> bool {
        self.attr() & C != 0
    }

    /// A writable data segment.
    pub fn is_stack(&self) -> bool {
        self.attr() & (S | CODE | W) == S | W
    }

    /// Selector of a gate.
    pub fn gate_sel(&self) -> u16 {
        (self.lo >> 16) as u16
    }

    /// Offset of a 32-bit gate.
    pub fn gate_offset(&self) -> u32 {
        self.lo & 0xffff | self.hi & 0xffff_0000
    }
}

impl Seg {
    /// Descriptor privilege level.
    pub fn dpl(&self) -> u32 {
        self.attr >> 5 & 3
    }

    /// How accesses are checked in protected mode.
    pub fn class(&self, code: bool) -> Class {
        let want = if code { S | CODE | W | P } else { S | W | P };
        let mask = if code {
            S | CODE | W | P
        } else {
            S | CODE | C | W | P
        };
        if self.attr & mask != want {
            // An execute-only code segment is checked for fetches all the same.
            return if code && self.limit == u32::MAX {
                Class::Open
            } else if code {
                Class::Limit
            } else {
                Class::Slow
            };
        }
        self.real_class()
    }

    /// How accesses are checked by the limit alone.
    pub fn real_class(&self) -> Class {
        if self.limit == u32::MAX {
            Class::Open
        } else {
            Class::Limit
        }
    }

    /// Whether the `bytes` at `off` lie inside the limit.
    pub fn holds(&self, off: u32, bytes: u32) -> bool {
        let last = off as u64 + bytes as u64 - 1;
        if self.attr & (S | CODE | C) == S | C {
            let top = if self.attr & D != 0 {
                u32::MAX as u64
            } else {
                0xffff
            };
            off > self.limit && last <= top
        } else {
            last <= self.limit as u64
        }
    }
}

impl X86 {
    /// A segment register.
    pub(crate) fn seg(&self, state: &State, n: usize) -> Seg {
        let r = &self.regs;
        Seg {
            sel: self.get(state, r.sel[n]) as u16,
            base: self.get(state, r.base[n]),
            limit: self.get(state, r.limit[n]) as u32,
            attr: self.get(state, r.attr[n]) as u32,
        }
    }

    /// Sets a segment register.
    pub(crate) fn set_seg(&self, state: &State, n: usize, s: &Seg) {
        let r = &self.regs;
        self.set(state, r.sel[n], s.sel as u64);
        self.set(state, r.base[n], s.base);
        self.set(state, r.limit[n], s.limit as u64);
        self.set(state, r.attr[n], s.attr as u64);
    }

    /// The MMU index of accesses by privilege level `cpl`.
    pub(crate) fn mmu_of(&self, state: &State, cpl: u32) -> u8 {
        if cpl == 3 {
            1
        } else if self.sys.cr4 & cr4::SMAP != 0
            && self.get(state, self.regs.eflags) as u32 & crate::flags::AC == 0
        {
            2
        } else {
            0
        }
    }

    /// The MMU index of the CPU's own accesses to its tables.
    fn table_mmu(&self) -> u8 {
        if self.sys.cr4 & cr4::SMAP != 0 { 2 } else { 0 }
    }

    /// Reads a table of the CPU.
    pub(crate) fn read_table(&mut self, cx: &mut dyn Cx, va: u64, bytes: u32) -> Res<u64> {
        let m = MemArg::new(bytes, self.table_mmu());
        let va = if self.lma() { va } else { va & 0xffff_ffff };
        cx.load(self, va, m)
    }

    /// Writes a table of the CPU.
    pub(crate) fn write_table(&mut self, cx: &mut dyn Cx, va: u64, bytes: u32, v: u64) -> Res<()> {
        let m = MemArg::new(bytes, self.table_mmu());
        let va = if self.lma() { va } else { va & 0xffff_ffff };
        cx.store(self, va, v, m)
    }

    /// The descriptor of a selector that is not null; `None` beyond its table.
    pub(crate) fn descriptor(&mut self, cx: &mut dyn Cx, sel: u16) -> Res<Option<Descriptor>> {
        if let Some(user) = &self.user {
            return Ok(user.descriptor(sel));
        }
        let (base, limit) = if sel & 4 != 0 {
            if self.sys.ldtr.sel & !3 == 0 || self.sys.ldtr.attr & P == 0 {
                return Ok(None);
            }
            (self.sys.ldtr.base, self.sys.ldtr.limit)
        } else {
            (self.sys.gdt.base, self.sys.gdt.limit)
        };
        let off = (sel & !7) as u32;
        if off + 7 > limit {
            return Ok(None);
        }
        let at = base.wrapping_add(off as u64);
        let v = self.read_table(cx, at, 8)?;
        Ok(Some(Descriptor {
            lo: v as u32,
            hi: (v >> 32) as u32,
            at,
        }))
    }

    /// The upper half of a 16-byte system descriptor's base.
    pub(crate) fn upper_base(&mut self, cx: &mut dyn Cx, d: &Descriptor) -> Res<u64> {
        Ok(self.read_table(cx, d.at.wrapping_add(8), 4)? << 32)
    }

    /// Sets the accessed bit.
    pub(crate) fn set_accessed(&mut self, cx: &mut dyn Cx, d: &Descriptor) -> Res<()> {
        if d.hi & 1 << 8 != 0 || self.user.is_some() {
            return Ok(());
        }
        self.write_table(cx, d.at.wrapping_add(5), 1, (d.hi >> 8 & 0xff | A) as u64)
    }

    /// Loads DS, ES, FS, GS or SS in protected mode.
    pub(crate) fn load_seg(&mut self, cx: &mut dyn Cx, n: usize, sel: u16) -> Res<()> {
        let state = cx.state().clone();
        let cpl = self.sys.cpl;
        if n == SS {
            let seg = self.stack_seg(cx, sel, cpl, fault::GP)?;
            self.set_seg(&state, SS, &seg);
            return Ok(());
        }
        let seg = self.data_seg(cx, sel, cpl)?;
        self.set_seg(&state, n, &seg);
        // Blocks go on behind it while what the mode says of the segment is the same.
        if !self.code64(&state) {
            let (now, mask) = Mode::of_segment(n, seg.class(false), seg.base == 0);
            if state.read32(layout::MODE) & mask != now {
                cx.leave();
            }
        }
        Ok(())
    }

    /// A data segment for DS, ES, FS or GS.
    pub(crate) fn data_seg(&mut self, cx: &mut dyn Cx, sel: u16, cpl: u32) -> Res<Seg> {
        if sel & !3 == 0 {
            return Ok(Seg {
                sel,
                ..Seg::default()
            });
        }
        let e = (sel & !3) as u32;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(gp(e).into());
        };
        let attr = d.attr();
        let readable = attr & S != 0 && (attr & CODE == 0 || attr & W != 0);
        let conforming = attr & (CODE | C) == CODE | C;
        if !readable || !conforming && d.dpl() < cpl.max(sel as u32 & 3) {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        self.set_accessed(cx, &d)?;
        let mut seg = d.seg(sel);
        seg.attr |= A;
        Ok(seg)
    }

    /// A stack segment for privilege level `cpl`; errors are `code` (#GP for loads, #TS for switches).
    pub(crate) fn stack_seg(&mut self, cx: &mut dyn Cx, sel: u16, cpl: u32, code: u32) -> Res<Seg> {
        let state = cx.state().clone();
        if sel & !3 == 0 {
            if self.code64(&state) && cpl != 3 && sel as u32 & 3 == cpl {
                return Ok(Seg {
                    sel,
                    ..Seg::default()
                });
            }
            return Err(with(code, 0).into());
        }
        let e = (sel & !3) as u32;
        let Some(d) = self.descriptor(cx, sel)? else {
            return Err(with(code, e).into());
        };
        if sel as u32 & 3 != cpl || !d.is_stack() || d.dpl() != cpl {
            return Err(with(code, e).into());
        }
        if !d.present() {
            return Err(with(fault::SS, e).into());
        }
        self.set_accessed(cx, &d)?;
        let mut seg = d.seg(sel);
        seg.attr |= A;
        Ok(seg)
    }

    /// A segment as real mode and VM86 load it.
    pub(crate) fn real_seg(sel: u16, old: &Seg) -> Seg {
        Seg {
            sel,
            base: (sel as u64) << 4,
            ..*old
        }
    }

    /// A segment register in VM86.
    pub(crate) fn vm_seg(sel: u16) -> Seg {
        Seg {
            sel,
            base: (sel as u64) << 4,
            limit: 0xffff,
            attr: P | S | W | A | 3 << 5,
        }
    }

    /// A data access through a segment: its linear address.
    pub(crate) fn linear(
        &self,
        state: &State,
        n: usize,
        off: u64,
        bytes: u32,
        write: bool,
    ) -> Result<u64, Fault> {
        let seg = self.seg(state, n);
        if self.code64(state) {
            return Ok(if matches!(n, FS | GS) {
                seg.base.wrapping_add(off)
            } else {
                off
            });
        }
        let bad = fault(if n == SS { fault::SS } else { fault::GP });
        if self.pe() && !self.vm(state) {
            let kind = seg.attr & (S | CODE | W | P);
            let ok = match n {
                _ if kind & (S | P) != S | P => false,
                _ if kind & CODE != 0 => !write && kind & W != 0,
                _ => !write || kind & W != 0,
            };
            if !ok {
                return Err(bad);
            }
        }
        if !seg.holds(off as u32, bytes) {
            return Err(bad);
        }
        Ok(seg.base.wrapping_add(off as u32 as u64) & 0xffff_ffff)
    }

    /// LLDT.
    pub(crate) fn lldt(&mut self, cx: &mut dyn Cx, sel: u16) -> Res<()> {
        if sel & !3 == 0 {
            self.sys.ldtr = Seg {
                sel,
                ..Seg::default()
            };
            return Ok(());
        }
        let e = (sel & !3) as u32;
        let d = if sel & 4 != 0 {
            None
        } else {
            self.descriptor(cx, sel)?
        };
        let Some(d) = d else { return Err(gp(e).into()) };
        if d.attr() & 0x1f != 2 {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let mut seg = d.seg(sel);
        if self.lma() {
            seg.base |= self.upper_base(cx, &d)?;
        }
        self.sys.ldtr = seg;
        Ok(())
    }

    /// LTR.
    pub(crate) fn ltr(&mut self, cx: &mut dyn Cx, sel: u16) -> Res<()> {
        let e = (sel & !3) as u32;
        if sel & !3 == 0 {
            return Err(gp(0).into());
        }
        let d = if sel & 4 != 0 {
            None
        } else {
            self.descriptor(cx, sel)?
        };
        let Some(d) = d else { return Err(gp(e).into()) };
        let kind = d.attr() & 0x1f;
        if !(kind == 9 || kind == 1 && !self.lma()) {
            return Err(gp(e).into());
        }
        if !d.present() {
            return Err(with(fault::NP, e).into());
        }
        let mut seg = d.seg(sel);
        if self.lma() {
            seg.base |= self.upper_base(cx, &d)?;
        }
        self.write_table(cx, d.at.wrapping_add(5), 1, (d.attr() & 0xff | 2) as u64)?;
        seg.attr |= 2;
        self.sys.tr = seg;
        Ok(())
    }

    /// LAR (0), LSL (1), VERR (2), VERW (3): the value, and in bit 32 whether the selector is good.
    pub(crate) fn test_descriptor(&mut self, cx: &mut dyn Cx, what: u64, sel: u16) -> Res<u64> {
        if sel & !3 == 0 {
            return Ok(0);
        }
        let Some(d) = self.descriptor(cx, sel)? else {
            return Ok(0);
        };
        let attr = d.attr();
        let inner = d.dpl() < self.sys.cpl.max(sel as u32 & 3);
        let conforming = d.is_code() && d.conforming();
        let ok = if attr & S == 0 {
            let known = match (what, d.kind()) {
                (0, 4 | 5) | (0 | 1, 1 | 3) => !self.lma(),
                (0, 0xc) | (0 | 1, 2 | 9 | 0xb) => true,
                _ => false,
            };
            known && !inner
        } else {
            match what {
                2 => (attr & CODE == 0 || attr & W != 0) && (conforming || !inner),
                3 => attr & CODE == 0 && attr & W != 0 && !inner,
                _ => conforming || !inner,
            }
        };
        if !ok {
            return Ok(0);
        }
        let v = match what {
            0 => d.hi & 0x00ff_ff00,
            1 => d.seg(sel).limit,
            _ => 0,
        };
        Ok(v as u64 | 1 << 32)
    }

    /// After a return to an outer ring: data segments that it may not use become null.
    pub(crate) fn drop_inner_segments(&mut self, state: &State) {
        for n in [ES, DS, FS, GS] {
            let s = self.seg(state, n);
            let conforming = s.attr & (CODE | C) == CODE | C;
            if !conforming && s.dpl() < self.sys.cpl && s.attr & S != 0 {
                self.set_seg(state, n, &Seg::default());
            }
        }
    }

    /// The base that EIP counts from.
    pub(crate) fn cs_base(&self, state: &State) -> u64 {
        if self.code64(state) {
            0
        } else {
            self.get(state, self.regs.base[CS])
        }
    }

    /// Linear address to offset in the code segment.
    pub(crate) fn ip_of(&self, state: &State, pc: u64) -> u64 {
        if self.code64(state) {
            pc
        } else {
            pc.wrapping_sub(self.cs_base(state)) & 0xffff_ffff
        }
    }
}
