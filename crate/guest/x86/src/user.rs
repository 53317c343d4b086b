//! User mode without a kernel below: the state a Linux kernel leaves a program in (linux/arch/x86/kernel/process*.c, segment.h). Translations come
//! from the embedder, descriptors from a table here instead of guest memory, and system calls, like exceptions, reach the embedder through
//! `Guest::raise`, which it wraps.
//!
//! Missing: local descriptor tables.

use iced_x86::{Decoder, DecoderOptions, OpKind, Register};
use tinamou_ir::guest::{Access, Fault, State, Translation};

use crate::X86;
use crate::flags;
use crate::fpu::Fpu;
use crate::models::feature;
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::seg::{Descriptor, P, S, Seg};
use crate::state::Codec;
use crate::sys::{cr0, cr4, efer};

/// Selector of 32-bit code.
pub const CODE32: u16 = 0x23;
/// Selector of data.
pub const DATA: u16 = 0x2b;
/// Selector of 64-bit code.
pub const CODE64: u16 = 0x33;
/// Entries of the descriptor table.
const ENTRIES: usize = 16;

/// Finds the memory behind an address.
pub type Translate = Box<dyn Fn(&State, u64, Access) -> Result<Translation, Fault>>;

/// What a vCPU in user mode has instead of tables in memory.
pub struct User {
    /// Finds memory.
    pub translate: Translate,
    /// Descriptors.
    pub gdt: [u64; ENTRIES],
    /// First of the three descriptors for threads.
    pub tls_first: usize,
}

impl User {
    /// The descriptors of a 32-bit or 64-bit (`wide`) kernel.
    pub fn new(wide: bool, translate: Translate) -> User {
        let mut gdt = [0; ENTRIES];
        gdt[DATA as usize / 8] = 0x00cf_f300_0000_ffff;
        if wide {
            gdt[CODE64 as usize / 8] = 0x00af_fb00_0000_ffff;
        } else {
            gdt[CODE32 as usize / 8] = 0x00cf_fb00_0000_ffff;
        }
        User {
            translate,
            gdt,
            tls_first: if wide { 12 } else { 6 },
        }
    }

    /// The descriptor of a selector of the global table.
    pub(crate) fn descriptor(&self, sel: u16) -> Option<Descriptor> {
        let v = *self.gdt.get(sel as usize / 8)?;
        (sel & 4 == 0 && v != 0).then_some(Descriptor {
            lo: v as u32,
            hi: (v >> 32) as u32,
            at: 0,
        })
    }
}

/// Whether the 64-bit instruction at the start of `code` accesses memory through SS: addresses that are not canonical are #SS then, not #GP.
pub fn is_stack_access(code: &[u8]) -> bool {
    let mut d = Decoder::new(64, code, DecoderOptions::NONE);
    let insn = d.decode();
    let memory = (0..insn.op_count()).any(|i| insn.op_kind(i) == OpKind::Memory);
    if memory {
        insn.memory_segment() == Register::SS
    } else {
        insn.is_stack_instruction()
    }
}

impl X86 {
    /// Puts a reset vCPU into user mode.
    pub fn start_user(&mut self, state: &State) {
        let s = &mut self.sys;
        s.cr0 = cr0::PE | cr0::PG | cr0::NE | cr0::MP | cr0::ET | cr0::AM | cr0::WP;
        s.cpl = 3;
        s.tr.limit = 0;
        s.ldtr = Seg::default();
        s.gdt.limit = 0;
        s.idt.limit = 0;
        if self.wide {
            s.efer = efer::SCE | efer::LME | efer::LMA | efer::NXE;
        }
        let mut wanted = cr4::OSFXSR | cr4::OSXMMEXCPT;
        if self.model.has(feature::FSGSBASE) {
            wanted |= cr4::FSGSBASE;
        }
        if self.wide {
            wanted |= cr4::PAE;
        }
        if self.model.has(feature::XSAVE) {
            wanted |= cr4::OSXSAVE;
            self.sys.xcr0 = self.xcr0_bits();
        }
        self.sys.cr4 = wanted & self.cr4_bits();
        for slot in self.regs.gpr {
            self.set(state, slot, 0);
        }
        self.set_eflags(state, flags::IF | 2);
        self.load_selector(state, CS, if self.wide { CODE64 } else { CODE32 });
        self.load_selector(state, SS, DATA);
        for n in [DS, ES, FS, GS] {
            let sel = if !self.wide && n < FS { DATA } else { 0 };
            self.load_selector(state, n, sel);
        }
        self.clear_fpu(state);
    }

    /// The FPU as a program finds it.
    pub fn clear_fpu(&mut self, state: &State) {
        let fpu = Fpu {
            cw: 0x37f,
            ..Fpu::default()
        };
        self.set_fpu_state(state, fpu);
        for slot in self.regs.xmm.into_iter().chain(self.regs.ymm) {
            self.set128(state, slot, 0);
        }
    }

    /// The selector in a segment register.
    pub fn selector(&self, state: &State, n: usize) -> u16 {
        self.seg(state, n).sel
    }

    /// Loads a segment register from the descriptors here; what a program may not use becomes null.
    pub fn load_selector(&self, state: &State, n: usize, sel: u16) {
        let found = self.user.as_ref().and_then(|u| u.descriptor(sel));
        let seg = match found {
            Some(d) if sel & !3 != 0 && d.dpl() == 3 && d.attr() & (S | P) == S | P => d.seg(sel),
            _ => Seg {
                sel: sel & 3,
                ..Seg::default()
            },
        };
        self.set_seg(state, n, &seg);
    }

    /// Sets one of the descriptors for threads, by its number in the table; registers that hold it are loaded again.
    pub fn set_thread_descriptor(&mut self, state: &State, n: usize, descriptor: u64) {
        let Some(u) = &mut self.user else { return };
        if !(u.tls_first..u.tls_first + 3).contains(&n) {
            return;
        }
        u.gdt[n] = descriptor;
        for r in [DS, ES, FS, GS] {
            let sel = self.selector(state, r);
            if sel as usize / 8 == n && sel & 4 == 0 {
                self.load_selector(state, r, sel);
            }
        }
    }

    /// Appends what a thread has beside slots.
    pub fn save_thread(&self, out: &mut Vec<u8>) {
        let mut fpu = self.fpu.clone();
        // Saving cannot fail.
        let _ = fpu.walk(&mut Codec::Save(out));
        if let Some(u) = &self.user {
            for d in &u.gdt[u.tls_first..u.tls_first + 3] {
                out.extend_from_slice(&d.to_le_bytes());
            }
        }
        for v in self.debug_registers() {
            out.extend_from_slice(&v.to_le_bytes());
        }
    }

    /// Takes what `save_thread` gave.
    pub fn load_thread(&mut self, bytes: &[u8]) {
        let mut c = Codec::Load(bytes);
        if self.fpu.walk(&mut c).is_err() {
            return;
        }
        if let Some(u) = &mut self.user {
            for d in &mut u.gdt[u.tls_first..u.tls_first + 3] {
                let _ = c.u64(d);
            }
        }
        let mut values = [0; 6];
        for v in &mut values {
            let _ = c.u64(v);
        }
        let s = &mut self.sys;
        s.dr.copy_from_slice(&values[..4]);
        (s.dr6, s.dr7) = (values[4] as u32, values[5] as u32);
    }

    /// DR0 to DR3, DR6, DR7.
    pub fn debug_registers(&self) -> [u64; 6] {
        let s = &self.sys;
        let [a, b, c, d] = s.dr;
        [a, b, c, d, s.dr6 as u64, s.dr7 as u64]
    }

    /// Sets a debug register by the place it has in [`X86::debug_registers`]. Cached translations must be forgotten then.
    pub fn set_debug_register(&mut self, n: usize, v: u64) {
        match n {
            0..=3 => self.sys.dr[n] = v,
            4 => self.sys.dr6 = v as u32,
            _ => self.sys.dr7 = v as u32,
        }
    }

    /// Notes in DR6 what [`X86::take_trap`] or an instruction breakpoint said. At an instruction breakpoint the instruction runs next time.
    pub fn note_debug(&mut self, state: &State, info: u64) {
        self.sys.dr6 |= info as u32 & 0x400f;
        let enabled = |n: u64| self.sys.dr7 >> (2 * n) & 3 != 0;
        let executes = |n: u64| self.sys.dr7 >> (16 + 4 * n) & 3 == 0;
        if (0..4).any(|n| info >> n & 1 != 0 && enabled(n) && executes(n)) {
            let f = self.eflags(state);
            self.set_eflags(state, f | flags::RF);
        }
    }
}
