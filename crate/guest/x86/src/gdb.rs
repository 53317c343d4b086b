//! Registers as gdb numbers them, and addresses as a debugger translates them.
//!
//! Numbers, names, widths and types are those of gdb's standard features `org.gnu.gdb.i386.core` and `org.gnu.gdb.i386.sse` (The GNU
//! debugger's manual, "i386 Features"), with the bases of FS and GS, the control registers and EFER between general and x87
//! registers, as QEMU 7.2 describes its CPUs. A CPU with long mode is always described with 64 bits.
//!
//! EIP is an offset into CS, memory addresses are linear. Registers of the last x87 instruction are not kept: they read as 0.
//! Missing: bases and limits of segments, debug registers, AVX.

use std::fmt::Write;

use tinamou_core::{Gpa, PhysBus};
use tinamou_ir::guest::{Cx, DebugDescription, State};
use tinamou_softfloat::F80;

use crate::X86;
use crate::regs::{AX, BP, BX, CS, CX, DI, DS, DX, ES, FS, GS, SI, SP, SS};
use crate::seg::{A, P, S, Seg, W};
use crate::sys::efer;

/// What a register is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reg {
    /// General, by the CPU's number.
    Gpr(usize),
    Ip,
    Flags,
    Sel(usize),
    Base(usize),
    KernelGs,
    Cr(u32),
    Efer,
    St(u32),
    Fctrl,
    Fstat,
    Ftag,
    /// Of the last instruction: not kept.
    Nothing,
    Xmm(usize),
    Mxcsr,
}

/// gdb's order.
const GPRS_32: [usize; 8] = [AX, CX, DX, BX, SP, BP, SI, DI];
const GPRS_64: [usize; 8] = [AX, BX, CX, DX, SI, DI, BP, SP];
const SELECTORS: [usize; 6] = [CS, SS, DS, ES, FS, GS];
const SELECTOR_NAMES: [&str; 6] = ["cs", "ss", "ds", "es", "fs", "gs"];

/// Fields of a flags type, from bit 0: name, first and last bit.
type Fields = &'static [(&'static str, u32, u32)];

const EFLAGS: Fields = &[
    ("", 22, 31),
    ("ID", 21, 21),
    ("VIP", 20, 20),
    ("VIF", 19, 19),
    ("AC", 18, 18),
    ("VM", 17, 17),
    ("RF", 16, 16),
    ("", 15, 15),
    ("NT", 14, 14),
    ("IOPL", 12, 13),
    ("OF", 11, 11),
    ("DF", 10, 10),
    ("IF", 9, 9),
    ("TF", 8, 8),
    ("SF", 7, 7),
    ("ZF", 6, 6),
    ("", 5, 5),
    ("AF", 4, 4),
    ("", 3, 3),
    ("PF", 2, 2),
    ("", 1, 1),
    ("CF", 0, 0),
];
const CR0: Fields = &[
    ("PG", 31, 31),
    ("CD", 30, 30),
    ("NW", 29, 29),
    ("AM", 18, 18),
    ("WP", 16, 16),
    ("NE", 5, 5),
    ("ET", 4, 4),
    ("TS", 3, 3),
    ("EM", 2, 2),
    ("MP", 1, 1),
    ("PE", 0, 0),
];
const CR4: Fields = &[
    ("SMAP", 21, 21),
    ("SMEP", 20, 20),
    ("FSGSBASE", 16, 16),
    ("UMIP", 11, 11),
    ("OSXMMEXCPT", 10, 10),
    ("OSFXSR", 9, 9),
    ("PCE", 8, 8),
    ("PGE", 7, 7),
    ("MCE", 6, 6),
    ("PAE", 5, 5),
    ("PSE", 4, 4),
    ("DE", 3, 3),
    ("TSD", 2, 2),
    ("PVI", 1, 1),
    ("VME", 0, 0),
];
const EFER: Fields = &[
    ("NXE", 11, 11),
    ("LMA", 10, 10),
    ("LME", 8, 8),
    ("SCE", 0, 0),
];
const MXCSR: Fields = &[
    ("IE", 0, 0),
    ("DE", 1, 1),
    ("ZE", 2, 2),
    ("OE", 3, 3),
    ("UE", 4, 4),
    ("PE", 5, 5),
    ("DAZ", 6, 6),
    ("IM", 7, 7),
    ("DM", 8, 8),
    ("ZM", 9, 9),
    ("OM", 10, 10),
    ("UM", 11, 11),
    ("PM", 12, 12),
    ("FZ", 15, 15),
];

/// A register of the description: name, what it is, bits, type, attributes.
type Described = (String, Reg, u32, String, &'static str);

impl X86 {
    /// All registers in gdb's order: the core's, then SSE's.
    fn described(&self) -> (Vec<Described>, Vec<Described>) {
        let (word, prefix, count) = if self.wide {
            (64, "r", 16)
        } else {
            (32, "e", 8)
        };
        let x = if self.wide { "x64" } else { "i386" };
        let mut core: Vec<Described> = Vec::new();
        let mut add = |name: String, reg, bits: u32, ty: &str| {
            core.push((name, reg, bits, ty.to_owned(), ""));
        };
        let order = if self.wide { GPRS_64 } else { GPRS_32 };
        let int = format!("int{word}");
        for n in order {
            let ty = if matches!(n, SP | BP) {
                "data_ptr"
            } else {
                &int
            };
            add(
                format!("{prefix}{}", crate::regs::GPR_NAMES[n]),
                Reg::Gpr(n),
                word,
                ty,
            );
        }
        for n in 8..count {
            add(format!("r{n}"), Reg::Gpr(n), word, &int);
        }
        add(format!("{prefix}ip"), Reg::Ip, word, "code_ptr");
        add("eflags".into(), Reg::Flags, 32, &format!("{x}_eflags"));
        for (n, name) in SELECTORS.into_iter().zip(SELECTOR_NAMES) {
            add(name.into(), Reg::Sel(n), 32, "int32");
        }
        add("fs_base".into(), Reg::Base(FS), word, &int);
        add("gs_base".into(), Reg::Base(GS), word, &int);
        add("k_gs_base".into(), Reg::KernelGs, word, &int);
        for (n, ty) in [
            (0, format!("{x}_cr0")),
            (2, int.clone()),
            (3, format!("{x}_cr3")),
            (4, format!("{x}_cr4")),
            (8, int.clone()),
        ] {
            add(format!("cr{n}"), Reg::Cr(n), word, &ty);
        }
        add("efer".into(), Reg::Efer, word, &format!("{x}_efer"));
        for n in 0..8 {
            add(format!("st{n}"), Reg::St(n), 80, "i387_ext");
        }
        let group = |name: &str, reg| {
            (
                name.to_owned(),
                reg,
                32,
                "int".to_owned(),
                " group=\"float\"",
            )
        };
        core.extend([
            group("fctrl", Reg::Fctrl),
            group("fstat", Reg::Fstat),
            group("ftag", Reg::Ftag),
        ]);
        core.extend(
            ["fiseg", "fioff", "foseg", "fooff", "fop"].map(|name| group(name, Reg::Nothing)),
        );
        let mut sse: Vec<Described> = (0..count)
            .map(|n| (format!("xmm{n}"), Reg::Xmm(n), 128, "vec128".to_owned(), ""))
            .collect();
        sse.push((
            "mxcsr".into(),
            Reg::Mxcsr,
            32,
            format!("{x}_mxcsr"),
            " group=\"vector\"",
        ));
        (core, sse)
    }

    pub(crate) fn describe(&self) -> DebugDescription {
        let (arch, x, bytes) = if self.wide {
            ("i386:x86-64", "x64", 8)
        } else {
            ("i386", "i386", 4)
        };
        let (core, sse) = self.described();
        let mut xml = format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n<architecture>{arch}</architecture>\n"
        );
        let mut number = 0;
        let mut regs = |xml: &mut String, regs: &[Described]| {
            for (name, _, bits, ty, more) in regs {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    xml,
                    "<reg name=\"{name}\" bitsize=\"{bits}\" type=\"{ty}\" regnum=\"{number}\"{more}/>"
                );
                number += 1;
            }
        };
        xml.push_str("<feature name=\"org.gnu.gdb.i386.core\">\n");
        flags(&mut xml, &format!("{x}_eflags"), 4, EFLAGS);
        flags(&mut xml, &format!("{x}_cr0"), bytes, CR0);
        let last = 8 * bytes - 1;
        let _ = writeln!(
            xml,
            "<flags id=\"{x}_cr3\" size=\"{bytes}\"><field name=\"PDBR\" start=\"12\" end=\"{last}\"/><field name=\"PCID\" start=\"0\" end=\"11\"/></flags>"
        );
        // QEMU lists this one's bits the other way round for 32 bits.
        let cr4: Vec<_> = if self.wide {
            CR4.to_vec()
        } else {
            CR4.iter().rev().copied().collect()
        };
        flags(&mut xml, &format!("{x}_cr4"), bytes, &cr4);
        flags(&mut xml, &format!("{x}_efer"), bytes, EFER);
        regs(&mut xml, &core);
        xml.push_str("</feature>\n<feature name=\"org.gnu.gdb.i386.sse\">\n");
        for (id, ty, count) in [
            ("v4f", "ieee_single", 4),
            ("v2d", "ieee_double", 2),
            ("v16i8", "int8", 16),
            ("v8i16", "int16", 8),
            ("v4i32", "int32", 4),
            ("v2i64", "int64", 2),
        ] {
            let _ = writeln!(xml, "<vector id=\"{id}\" type=\"{ty}\" count=\"{count}\"/>");
        }
        xml.push_str("<union id=\"vec128\">");
        for (name, ty) in [
            ("v4_float", "v4f"),
            ("v2_double", "v2d"),
            ("v16_int8", "v16i8"),
            ("v8_int16", "v8i16"),
            ("v4_int32", "v4i32"),
            ("v2_int64", "v2i64"),
            ("uint128", "uint128"),
        ] {
            let _ = write!(xml, "<field name=\"{name}\" type=\"{ty}\"/>");
        }
        xml.push_str("</union>\n");
        flags(&mut xml, &format!("{x}_mxcsr"), 4, MXCSR);
        regs(&mut xml, &sse);
        xml.push_str("</feature>\n</target>\n");
        let is_ip = |(_, reg, ..): &Described| *reg == Reg::Ip;
        DebugDescription {
            xml,
            numbers: (0..number).collect(),
            pc: core.iter().position(is_ip).unwrap_or(0) as u32,
        }
    }

    /// The register of a number, and its width in bytes.
    fn register(&self, number: u32) -> Option<(Reg, usize)> {
        let (core, sse) = self.described();
        let (_, reg, bits, ..) = core.iter().chain(&sse).nth(number as usize)?;
        Some((*reg, *bits as usize / 8))
    }

    pub(crate) fn read_register(&mut self, cx: &mut dyn Cx, number: u32) -> Option<Vec<u8>> {
        let (reg, bytes) = self.register(number)?;
        let state = cx.state().clone();
        self.take_x87(&state);
        let s = &self.sys;
        let v = match reg {
            Reg::Gpr(n) => self.get(&state, self.regs.gpr[n]),
            Reg::Ip => self.ip_of(&state, state.pc()),
            Reg::Flags => self.eflags(&state) as u64,
            Reg::Sel(n) => self.get(&state, self.regs.sel[n]),
            Reg::Base(n) => self.get(&state, self.regs.base[n]),
            Reg::KernelGs => s.kernel_gs,
            Reg::Cr(n) => self.read_control(cx, n).unwrap_or(0),
            Reg::Efer => s.efer,
            Reg::St(n) => {
                let r = self.fpu.regs[(self.fpu.top as u32 + n) as usize & 7];
                let mut out = r.mantissa.to_le_bytes().to_vec();
                out.extend(r.sign_exp.to_le_bytes());
                return Some(out);
            }
            Reg::Fctrl => self.fpu.cw as u64,
            Reg::Fstat => self.fpu.status() as u64,
            Reg::Ftag => self.fpu.tag_word() as u64,
            Reg::Nothing => 0,
            Reg::Xmm(n) => {
                let v = self.get128(&state, self.regs.xmm[n]);
                return Some(v.to_le_bytes().to_vec());
            }
            Reg::Mxcsr => self.fpu.mxcsr as u64,
        };
        Some(v.to_le_bytes()[..bytes].to_vec())
    }

    pub(crate) fn write_register(&mut self, cx: &mut dyn Cx, number: u32, data: &[u8]) -> bool {
        let Some((reg, bytes)) = self.register(number) else {
            return false;
        };
        if data.len() != bytes {
            return false;
        }
        let half = |from: usize| {
            let part = data.get(from..).unwrap_or_default();
            let low = part.iter().take(8).rev();
            low.fold(0, |v, b| v << 8 | *b as u64)
        };
        let v = half(0);
        let state = cx.state().clone();
        let x87 = matches!(reg, Reg::St(_) | Reg::Fctrl | Reg::Fstat | Reg::Ftag);
        self.take_x87(&state);
        match reg {
            Reg::Gpr(n) => self.set(&state, self.regs.gpr[n], v),
            Reg::Ip => {
                let pc = if self.code64(&state) {
                    v
                } else {
                    self.cs_base(&state).wrapping_add(v) & 0xffff_ffff
                };
                state.set_pc(pc);
            }
            Reg::Flags => self.set_eflags(&state, v as u32),
            Reg::Sel(n) => self.debug_load(cx, n, v as u16),
            Reg::Base(n) => self.set(&state, self.regs.base[n], v),
            Reg::KernelGs => self.sys.kernel_gs = v,
            // What the CPU would refuse stays as it is.
            Reg::Cr(n) => drop(self.write_control(cx, n, v)),
            Reg::Efer => {
                // Whether long mode is active follows from paging.
                let kept = self.sys.efer & efer::LMA;
                let bits = efer::SCE | efer::NXE | if self.wide { efer::LME } else { 0 };
                self.sys.efer = v & bits | kept;
                cx.flush_all();
                self.renew(cx);
            }
            Reg::St(n) => {
                let at = (self.fpu.top as u32 + n) as usize & 7;
                self.fpu.regs[at] = F80 {
                    mantissa: v,
                    sign_exp: half(8) as u16,
                };
            }
            Reg::Fctrl => {
                self.fpu.cw = v as u16 & 0x1f7f | 0x40;
                self.fpu.summarise();
            }
            Reg::Fstat => {
                self.fpu.set_status(v as u16);
                self.fpu.summarise();
            }
            Reg::Ftag => self.fpu.set_tag_word(v as u16),
            Reg::Nothing => {}
            Reg::Xmm(n) => {
                let v = v as u128 | (half(8) as u128) << 64;
                self.set128(&state, self.regs.xmm[n], v);
            }
            Reg::Mxcsr => self.fpu.mxcsr = v as u32 & 0xffff,
        }
        if x87 {
            self.give_x87(&state);
        }
        true
    }

    /// A debugger's load of a segment register: no rights are checked. A selector without a descriptor does nothing.
    fn debug_load(&mut self, cx: &mut dyn Cx, n: usize, sel: u16) {
        let state = cx.state().clone();
        let old = self.seg(&state, n);
        if old.sel == sel {
            return;
        }
        let pc = self.ip_of(&state, state.pc());
        let new = if self.vm(&state) {
            X86::vm_seg(sel)
        } else if !self.pe() {
            X86::real_seg(sel, &old)
        } else if sel & !3 == 0 {
            Seg {
                sel,
                ..Seg::default()
            }
        } else {
            match self.descriptor(cx, sel) {
                Ok(Some(d)) if d.attr() & (P | S) == P | S => Seg {
                    attr: d.attr() | A,
                    ..d.seg(sel)
                },
                _ => return,
            }
        };
        if n == CS && self.pe() && new.attr & (crate::seg::CODE | W) == 0 {
            return;
        }
        self.set_seg(&state, n, &new);
        if n == CS && !self.code64(&state) {
            state.set_pc(self.cs_base(&state).wrapping_add(pc) & 0xffff_ffff);
        }
    }

    /// A linear address as the page tables have it, rights and accessed bits aside.
    pub(crate) fn debug_gpa(&self, state: &State, bus: &mut dyn PhysBus, va: u64) -> Option<Gpa> {
        self.peek(state, bus, va).map(Gpa)
    }
}

/// A type whose bits have names.
fn flags(xml: &mut String, id: &str, bytes: u32, fields: &[(&str, u32, u32)]) {
    let _ = write!(xml, "<flags id=\"{id}\" size=\"{bytes}\">");
    for (name, first, last) in fields {
        let _ = write!(
            xml,
            "<field name=\"{name}\" start=\"{first}\" end=\"{last}\"/>"
        );
    }
    xml.push_str("</flags>\n");
}
