//! System registers that generated code does not touch, and what writing them does (SDM volume 3, chapter 2; APM volume 2, chapter 3).

use tinamou_ir::guest::{Cx, State};

use crate::fault::gp;
use crate::flags;
use crate::mode::{Mode, X87};
use crate::models::feature;
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::seg::Seg;
use crate::{Res, X86};

/// Bits of CR0.
pub mod cr0 {
    /// Protection enable.
    pub const PE: u64 = 1;
    /// Monitor coprocessor.
    pub const MP: u64 = 1 << 1;
    /// Emulation.
    pub const EM: u64 = 1 << 2;
    /// Task switched.
    pub const TS: u64 = 1 << 3;
    /// Extension type: always 1.
    pub const ET: u64 = 1 << 4;
    /// Numeric error.
    pub const NE: u64 = 1 << 5;
    /// Write protect.
    pub const WP: u64 = 1 << 16;
    /// Alignment mask.
    pub const AM: u64 = 1 << 18;
    /// Not write-through.
    pub const NW: u64 = 1 << 29;
    /// Cache disable.
    pub const CD: u64 = 1 << 30;
    /// Paging.
    pub const PG: u64 = 1 << 31;
    /// Bits that exist.
    pub const ALL: u64 = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;
}

/// Bits of CR4.
pub mod cr4 {
    /// VM86 extensions.
    pub const VME: u64 = 1;
    /// Protected-mode virtual interrupts.
    pub const PVI: u64 = 1 << 1;
    /// RDTSC is privileged.
    pub const TSD: u64 = 1 << 2;
    /// Debug extensions.
    pub const DE: u64 = 1 << 3;
    /// Large pages.
    pub const PSE: u64 = 1 << 4;
    /// Physical address extension.
    pub const PAE: u64 = 1 << 5;
    /// Machine checks.
    pub const MCE: u64 = 1 << 6;
    /// Global pages.
    pub const PGE: u64 = 1 << 7;
    /// RDPMC for all.
    pub const PCE: u64 = 1 << 8;
    /// FXSAVE and SSE.
    pub const OSFXSR: u64 = 1 << 9;
    /// SIMD exceptions.
    pub const OSXMMEXCPT: u64 = 1 << 10;
    /// User-mode instruction prevention.
    pub const UMIP: u64 = 1 << 11;
    /// XSAVE and XCR0.
    pub const OSXSAVE: u64 = 1 << 18;
    /// RDFSBASE and its kin.
    pub const FSGSBASE: u64 = 1 << 16;
    /// Supervisor execution prevention.
    pub const SMEP: u64 = 1 << 20;
    /// Supervisor access prevention.
    pub const SMAP: u64 = 1 << 21;
}

/// Bits of EFER.
pub mod efer {
    /// SYSCALL.
    pub const SCE: u64 = 1;
    /// Long mode enable.
    pub const LME: u64 = 1 << 8;
    /// Long mode active.
    pub const LMA: u64 = 1 << 10;
    /// No-execute.
    pub const NXE: u64 = 1 << 11;
}

/// What `X86::read_system` reads.
pub mod read {
    /// CR0 as SMSW shows it.
    pub const MSW: u32 = 0;
    /// LDTR's selector.
    pub const LDTR: u32 = 1;
    /// TR's selector.
    pub const TR: u32 = 2;
    /// GDTR's base; the next number is its limit.
    pub const GDT: u32 = 3;
    /// IDTR's base; the next number is its limit.
    pub const IDT: u32 = 5;
    /// TSC_AUX.
    pub const TSC_AUX: u32 = 7;
}

/// A descriptor table register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Table {
    /// Linear base.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u32,
}

/// System registers.
#[derive(Clone, PartialEq, Debug)]
pub struct Sys {
    /// CR0.
    pub cr0: u64,
    /// CR2.
    pub cr2: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// EFER.
    pub efer: u64,
    /// GDTR.
    pub gdt: Table,
    /// IDTR.
    pub idt: Table,
    /// LDTR.
    pub ldtr: Seg,
    /// TR.
    pub tr: Seg,
    /// DR0 to DR3.
    pub dr: [u64; 4],
    /// DR6.
    pub dr6: u32,
    /// DR7.
    pub dr7: u32,
    /// STAR.
    pub star: u64,
    /// LSTAR.
    pub lstar: u64,
    /// CSTAR.
    pub cstar: u64,
    /// SFMASK.
    pub fmask: u64,
    /// KernelGSbase.
    pub kernel_gs: u64,
    /// SYSENTER_CS.
    pub sysenter_cs: u64,
    /// SYSENTER_ESP.
    pub sysenter_esp: u64,
    /// SYSENTER_EIP.
    pub sysenter_eip: u64,
    /// PAT.
    pub pat: u64,
    /// MTRR default type.
    pub mtrr_def: u64,
    /// Fixed MTRRs.
    pub mtrr_fixed: [u64; 11],
    /// Variable MTRRs, base and mask.
    pub mtrr_var: [u64; 16],
    /// TSC less the virtual clock's ticks.
    pub tsc_offset: u64,
    /// TSC_AUX.
    pub tsc_aux: u64,
    /// MISC_ENABLE.
    pub misc_enable: u64,
    /// The page-directory pointers that PAE paging loaded with CR3.
    pub pdpte: [u64; 4],
    /// XCR0: components that XSAVE keeps.
    pub xcr0: u64,
    /// State of RDRAND's generator.
    pub entropy: u64,
    /// Current privilege level.
    pub cpl: u32,
    /// In HLT.
    pub halted: bool,
    /// After a triple fault, until reset or INIT.
    pub shutdown: bool,
    /// An application processor before its SIPI.
    pub wait_sipi: bool,
    /// Level of INTR.
    pub intr: bool,
    /// Level of the NMI pin.
    pub nmi_line: bool,
    /// An NMI waits.
    pub nmi: bool,
    /// NMIs are held off until IRET.
    pub nmi_masked: bool,
    /// An INIT waits.
    pub init: bool,
    /// A start-up IPI waits.
    pub sipi: bool,
    /// A20 is gated: bit 20 of physical addresses reads as 0.
    pub a20_off: bool,
    /// The A20 gate changed: caches of translations are stale.
    pub a20_changed: bool,
    /// IGNNE: x87 errors do not stop the next instruction while NE is 0.
    pub ignne: bool,
    /// FERR as last driven.
    pub ferr: bool,
    /// IF at HLT: whether INTR ends it.
    pub halt_if: bool,
}

impl Default for Sys {
    fn default() -> Sys {
        Sys {
            cr0: cr0::ET | cr0::NW | cr0::CD,
            cr2: 0,
            cr3: 0,
            cr4: 0,
            efer: 0,
            gdt: Table {
                base: 0,
                limit: 0xffff,
            },
            idt: Table {
                base: 0,
                limit: 0xffff,
            },
            ldtr: Seg {
                sel: 0,
                base: 0,
                limit: 0xffff,
                attr: 0x82,
            },
            tr: Seg {
                sel: 0,
                base: 0,
                limit: 0xffff,
                attr: 0x8b,
            },
            dr: [0; 4],
            dr6: 0xffff_0ff0,
            dr7: 0x400,
            star: 0,
            lstar: 0,
            cstar: 0,
            fmask: 0,
            kernel_gs: 0,
            sysenter_cs: 0,
            sysenter_esp: 0,
            sysenter_eip: 0,
            pat: 0x0007_0406_0007_0406,
            mtrr_def: 0,
            mtrr_fixed: [0; 11],
            mtrr_var: [0; 16],
            tsc_offset: 0,
            tsc_aux: 0,
            misc_enable: 1,
            pdpte: [0; 4],
            xcr0: 1,
            entropy: 0,
            cpl: 0,
            halted: false,
            shutdown: false,
            wait_sipi: false,
            intr: false,
            nmi_line: false,
            nmi: false,
            nmi_masked: false,
            init: false,
            sipi: false,
            a20_off: false,
            a20_changed: false,
            ignne: false,
            ferr: false,
            halt_if: false,
        }
    }
}

impl Sys {
    /// The next word of RDRAND and RDSEED: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators"). A run can be
    /// repeated; who has the state knows the words.
    pub(crate) fn random(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.entropy;
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

impl X86 {
    /// Long mode is active.
    pub(crate) fn lma(&self) -> bool {
        self.sys.efer & efer::LMA != 0
    }

    /// Protected mode (VM86 is part of it).
    pub(crate) fn pe(&self) -> bool {
        self.sys.cr0 & cr0::PE != 0
    }

    /// In VM86.
    pub(crate) fn vm(&self, state: &State) -> bool {
        self.get(state, self.regs.eflags) as u32 & flags::VM != 0
    }

    /// In 64-bit code.
    pub(crate) fn code64(&self, state: &State) -> bool {
        self.lma() && self.get(state, self.regs.attr[CS]) as u32 & crate::seg::L != 0
    }

    /// The mode word in force.
    pub(crate) fn mode_of(&self, state: &State) -> Mode {
        let s = &self.sys;
        let fl = self.get(state, self.regs.eflags) as u32;
        let cs = self.seg(state, CS);
        let vm = fl & flags::VM != 0;
        let mut m = 0;
        let bit = |on: bool, b: u32| if on { b } else { 0 };
        let long = self.code64(state);
        m |= if long {
            2
        } else if cs.attr & crate::seg::D != 0 {
            1
        } else {
            0
        };
        m |= bit(self.pe(), Mode::PE) | bit(vm, Mode::VM);
        m |= s.cpl << Mode::CPL_SHIFT;
        if long {
            m |= bit(self.avx_on() && s.cr0 & cr0::TS == 0, Mode::AVX);
        } else {
            let ss = self.seg(state, SS);
            m |= bit(ss.attr & crate::seg::D != 0, Mode::STACK32);
            let protected = self.pe() && !vm;
            for n in [ES, CS, SS, DS, FS, GS] {
                let seg = self.seg(state, n);
                let class = if protected {
                    seg.class(n == CS)
                } else {
                    seg.real_class()
                };
                m |= Mode::of_segment(n, class, protected && seg.base == 0).0;
            }
        }
        m |= Mode::of_x87(self.how_x87(state));
        m |= bit(
            s.cr0 & (cr0::EM | cr0::TS) != 0 || s.cr4 & cr4::OSFXSR == 0,
            Mode::NO_SSE,
        );
        m |= bit(self.fpu.sse_fast(), Mode::SSE_FAST);
        m |= bit(fl & flags::TF != 0, Mode::TF);
        m |= bit(self.get(state, self.regs.shadow) != 0, Mode::SHADOW);
        m |= bit(
            s.cpl == 3 && s.cr0 & cr0::AM != 0 && fl & flags::AC != 0,
            Mode::ALIGN,
        );
        m |= bit(self.has_code_breakpoint(), Mode::BREAK);
        m |= bit(
            s.cr4 & cr4::SMAP != 0 && s.cpl != 3 && fl & flags::AC == 0,
            Mode::SMAP,
        );
        Mode(m)
    }

    /// EFLAGS in full.
    pub fn eflags(&self, state: &State) -> u32 {
        let r = &self.regs;
        let recipe = flags::eval(
            self.get(state, r.cc_op) as u32,
            self.get(state, r.cc_a),
            self.get(state, r.cc_b),
        );
        let df = if self.get(state, r.df) != 0 {
            flags::DF
        } else {
            0
        };
        self.get(state, r.eflags) as u32 | recipe | self.get(state, r.cf) as u32 | df | 2
    }

    /// Sets EFLAGS in full.
    pub fn set_eflags(&self, state: &State, f: u32) {
        let r = &self.regs;
        self.set(state, r.cc_op, (flags::FLAGS << 2 | 2) as u64);
        self.set(state, r.cc_a, (f & flags::RECIPE) as u64);
        self.set(state, r.cf, (f & flags::CF) as u64);
        self.set(state, r.df, (f >> 10 & 1) as u64);
        self.set(
            state,
            r.eflags,
            (f & self.model.eflags_mask() & !(flags::ARITH | flags::DF | 2)) as u64,
        );
    }

    /// SLDT, STR, SMSW and the like; checks UMIP if asked to.
    pub(crate) fn read_system(&self, which: u32, check: bool) -> Res<u64> {
        if check && which != read::TSC_AUX && self.sys.cr4 & cr4::UMIP != 0 && self.sys.cpl == 3 {
            return Err(gp(0).into());
        }
        let s = &self.sys;
        Ok(match which {
            read::MSW => s.cr0,
            read::LDTR => s.ldtr.sel as u64,
            read::TR => s.tr.sel as u64,
            read::GDT => s.gdt.base,
            n if n == read::GDT + 1 => s.gdt.limit as u64,
            read::IDT => s.idt.base,
            n if n == read::IDT + 1 => s.idt.limit as u64,
            _ => s.tsc_aux,
        })
    }

    /// MOV from CR and (from 16 on) DR.
    pub(crate) fn read_control(&mut self, cx: &mut dyn Cx, n: u32) -> Res<u64> {
        Ok(match n {
            0 => self.sys.cr0,
            2 => self.sys.cr2,
            3 => self.sys.cr3,
            4 => self.sys.cr4,
            8 => cx.device_read(crate::bus::TPR, 1).unwrap_or(0) >> 4 & 15,
            n => return self.read_debug(n - 16),
        })
    }

    /// MOV to CR and (from 16 on) DR.
    pub(crate) fn write_control(&mut self, cx: &mut dyn Cx, n: u32, v: u64) -> Res<()> {
        match n {
            0 => self.write_cr0(cx, v),
            2 => {
                self.sys.cr2 = v;
                Ok(())
            }
            3 => self.write_cr3(cx, v),
            4 => self.write_cr4(cx, v),
            8 => {
                if v >> 4 != 0 {
                    return Err(gp(0).into());
                }
                // Without a local APIC nobody listens.
                let _ = cx.device_write(crate::bus::TPR, 1, v << 4);
                Ok(())
            }
            n => self.write_debug(cx, n - 16, v),
        }
    }

    /// Writes CR0.
    pub(crate) fn write_cr0(&mut self, cx: &mut dyn Cx, v: u64) -> Res<()> {
        if v >> 32 != 0
            || v & cr0::PG != 0 && v & cr0::PE == 0
            || v & cr0::NW != 0 && v & cr0::CD == 0
        {
            return Err(gp(0).into());
        }
        let old = self.sys.cr0;
        let v = v & cr0::ALL | cr0::ET;
        let turned = v ^ old;
        if turned & cr0::PG != 0 && self.sys.efer & efer::LME != 0 {
            if v & cr0::PG != 0 {
                let cs = self.seg(cx.state(), CS);
                if self.sys.cr4 & cr4::PAE == 0 || cs.attr & crate::seg::L != 0 {
                    return Err(gp(0).into());
                }
                self.sys.efer |= efer::LMA;
            } else {
                let state = cx.state().clone();
                if self.code64(&state) {
                    return Err(gp(0).into());
                }
                self.sys.efer &= !efer::LMA;
            }
        }
        self.sys.cr0 = v;
        if turned & cr0::PG != 0
            && v & cr0::PG != 0
            && let Err(e) = self.load_pdptes(cx)
        {
            self.sys.cr0 = old;
            return Err(e);
        }
        if turned & (cr0::PG | cr0::PE | cr0::WP) != 0 {
            cx.flush_all();
            self.renew(cx);
        }
        self.drive_ferr(cx);
        cx.leave();
        Ok(())
    }

    /// Writes CR3.
    pub(crate) fn write_cr3(&mut self, cx: &mut dyn Cx, v: u64) -> Res<()> {
        let v = if self.wide {
            // Bit 63 says to keep TLB entries; without PCIDs it is reserved.
            if v >> self.model.phys_bits != 0 {
                return Err(gp(0).into());
            }
            v
        } else {
            v & 0xffff_ffff
        };
        let old = self.sys.cr3;
        self.sys.cr3 = v;
        if let Err(e) = self.load_pdptes(cx) {
            self.sys.cr3 = old;
            return Err(e);
        }
        cx.flush_mapped();
        self.renew_space(cx);
        Ok(())
    }

    fn write_cr4(&mut self, cx: &mut dyn Cx, v: u64) -> Res<()> {
        if v & !self.cr4_bits() != 0 || self.lma() && v & cr4::PAE == 0 {
            return Err(gp(0).into());
        }
        let old = self.sys.cr4;
        self.sys.cr4 = v;
        let turned = old ^ v;
        const MAPPING: u64 = cr4::PSE | cr4::PAE | cr4::PGE | cr4::SMEP | cr4::SMAP;
        if turned & MAPPING != 0 {
            if let Err(e) = self.load_pdptes(cx) {
                self.sys.cr4 = old;
                return Err(e);
            }
            cx.flush_all();
            self.renew(cx);
        }
        cx.leave();
        Ok(())
    }

    /// The bits of CR4 that the model has.
    pub(crate) fn cr4_bits(&self) -> u64 {
        let m = &self.model;
        let mut bits = 0;
        for (f, b) in [
            (feature::VME, cr4::VME | cr4::PVI),
            (feature::TSC, cr4::TSD),
            (feature::DE, cr4::DE),
            (feature::PSE, cr4::PSE),
            (feature::PAE, cr4::PAE),
            (feature::MCE, cr4::MCE),
            (feature::PGE, cr4::PGE),
            (feature::MMX, cr4::PCE),
            (feature::FXSR, cr4::OSFXSR),
            (feature::SSE, cr4::OSXMMEXCPT),
            (feature::UMIP, cr4::UMIP),
            (feature::FSGSBASE, cr4::FSGSBASE),
            (feature::SMEP, cr4::SMEP),
            (feature::SMAP, cr4::SMAP),
            (feature::XSAVE, cr4::OSXSAVE),
        ] {
            if m.has(f) {
                bits |= b;
            }
        }
        bits
    }

    /// LMSW.
    pub(crate) fn lmsw(&mut self, cx: &mut dyn Cx, v: u64) -> Res<()> {
        // PE can be set, not cleared.
        let v = self.sys.cr0 & !0xe | v & 0xf;
        self.write_cr0(cx, v)
    }

    /// Invalidates one linear address.
    pub(crate) fn invlpg(&mut self, cx: &mut dyn Cx, off: u64, seg: usize) {
        let state = cx.state().clone();
        let long = self.code64(&state);
        let base = if long && seg < FS {
            0
        } else {
            self.get(&state, self.regs.base[seg])
        };
        let va = base.wrapping_add(off);
        let va = if long { va } else { va & 0xffff_ffff };
        cx.flush_range(va & !0xfff, 0x1000);
        self.renew_page(cx, va);
    }

    /// An unmasked x87 exception waits.
    pub(crate) fn x87_pending(&self, state: &State) -> bool {
        self.x87_status(state) & 0x80 != 0
    }

    /// How x87 instructions are done.
    fn how_x87(&self, state: &State) -> X87 {
        let control = self.x87_control(state);
        if self.sys.cr0 & (cr0::EM | cr0::TS) != 0 {
            X87::Off
        } else if self.x87_pending(state) || control & 0x3f != 0x3f {
            X87::Error
        } else if control & 0xf00 == 0x300 {
            X87::Usual
        } else {
            X87::Masked
        }
    }

    /// Drives FERR: while CR0.NE is 0 a waiting x87 error is an interrupt request.
    pub(crate) fn drive_ferr(&mut self, cx: &mut dyn Cx) {
        let level = self.x87_pending(cx.state()) && self.sys.cr0 & cr0::NE == 0;
        if level != self.sys.ferr {
            self.sys.ferr = level;
            // A board without the line ignores it.
            let _ = cx.device_write(crate::bus::FERR, 1, level as u64);
        }
    }
}
