//! System instructions: most are helpers. What may change the mode leaves the block.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::{HelperId, Val};

use super::operand::{Use, gpr};
use super::{Lifter, Place};
use crate::regs::{AX, CX, DX};
use crate::{fault, flags, helpers, sys};

/// PAUSE among several vCPUs: another one's turn comes.
pub fn pause(l: &mut Lifter<'_>) {
    l.b.call(helpers::PAUSE, &[]);
}

/// Lifts a system instruction; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let privileged = matches!(
        m,
        Hlt | Clts
            | Lmsw
            | Lgdt
            | Lidt
            | Lldt
            | Ltr
            | Invlpg
            | Invd
            | Wbinvd
            | Rdmsr
            | Wrmsr
            | Swapgs
            | Sysexit
            | Sysexitq
            | Sysret
            | Sysretq
            | Monitor
            | Mwait
            | Xsetbv
            | Clac
            | Stac
            | Invpcid
    );
    if matches!(m, Lldt | Ltr | Sldt | Str | Lar | Lsl | Verr | Verw) && !l.mode.protected() {
        l.ud();
        return true;
    }
    if privileged && l.mode.cpl() != 0 {
        l.b.raise(if matches!(m, Clac | Stac | Monitor | Mwait) {
            fault::UD
        } else {
            fault::GP
        });
        return true;
    }
    match m {
        In => input(l),
        Out => output(l),
        Cli | Sti => interrupts(l, m == Sti),
        Hlt => {
            l.b.call(helpers::HLT, &[]);
            l.leave_after();
        }
        Clts => {
            l.b.call(helpers::CLTS, &[]);
            l.leave_after();
        }
        Lmsw => {
            let p = l.place(0, Use::Read);
            let v = early(l, p, 1);
            l.b.call(helpers::LMSW, &[v]);
            l.leave_after();
        }
        Smsw => store_system(l, sys::read::MSW, true),
        Sldt => store_system(l, sys::read::LDTR, false),
        Str => store_system(l, sys::read::TR, false),
        Sgdt => store_table(l, sys::read::GDT),
        Sidt => store_table(l, sys::read::IDT),
        Lgdt => load_table(l, 0),
        Lidt => load_table(l, 1),
        Lldt | Ltr => {
            let p = l.place(0, Use::Read);
            let sel = early(l, p, 1);
            l.b.call(
                if m == Lldt {
                    helpers::LLDT
                } else {
                    helpers::LTR
                },
                &[sel],
            );
        }
        Lar | Lsl => {
            let p = l.place(1, Use::Read);
            let sel = early(l, p, 1);
            let n = l.b.i32((m == Lsl) as u32);
            let r = l.b.call(helpers::DESCRIPTOR, &[n, sel]);
            descriptor_result(l, r);
        }
        Verr | Verw => {
            let p = l.place(0, Use::Read);
            let sel = early(l, p, 1);
            let n = l.b.i32(if m == Verr { 2 } else { 3 });
            let r = l.b.call(helpers::DESCRIPTOR, &[n, sel]);
            let s = l.b.i64(32);
            let ok = l.b.shr(r, s);
            let ok = l.b.wrap(ok);
            super::arith::set_zf(l, ok);
        }
        Arpl => {
            if !l.mode.protected() {
                l.ud();
                return true;
            }
            let d = l.place(0, Use::Both);
            let s = l.place(1, Use::Read);
            let (a, b) = (l.read(d), l.read(s));
            let (three, keep) = (l.b.i32(3), l.b.i32(0xfffc));
            let (ra, rb) = (l.b.and(a, three), l.b.and(b, three));
            let less = l.b.lt_u(ra, rb);
            let v = l.b.and(a, keep);
            let v = l.b.or(v, rb);
            let v = l.b.select(less, v, a);
            l.write(d, v);
            super::arith::set_zf(l, less);
        }
        Bound => {
            let Some((n, lg, _)) = gpr(l.insn.op0_register()) else {
                return false;
            };
            let va = l.memory(2 << lg, false);
            let va2 = l.va_plus(va, 1 << lg);
            let lo = l.load_early(va, lg);
            let hi = l.load_early(va2, lg);
            let v = l.reg(n, lg);
            let (lo, hi, v) = (l.sext(lo, lg), l.sext(hi, lg), l.sext(v, lg));
            let below = l.b.lt_s(v, lo);
            let above = l.b.lt_s(hi, v);
            let out = l.b.or(below, above);
            l.b.trap_if(out, fault::BR);
        }
        Invlpg => {
            let (off, lg) = l.offset();
            let seg = super::operand::segment(l.insn.memory_segment());
            let off = if lg == 3 { off } else { l.b.ext_u(off) };
            let n = l.b.i32(seg as u32);
            l.b.call(helpers::INVLPG, &[off, n]);
            l.leave_after();
        }
        Invd | Wbinvd => {}
        Clflush | Clflushopt | Clwb => {
            let va = l.memory(1, false);
            l.probe(va, 0, false);
        }
        Cpuid => {
            l.b.call(helpers::CPUID, &[]);
        }
        Rdtsc | Rdtscp => {
            let n = l.b.i32((m == Rdtscp) as u32);
            let v = l.b.call(helpers::RDTSC, &[n]);
            set_edx_eax(l, v);
            if m == Rdtscp {
                let n = l.b.i32(sys::read::TSC_AUX);
                let v = l.b.call(helpers::READ_SYSTEM, &[n]);
                let v = l.b.wrap(v);
                l.set_reg(CX, 2, v);
            }
        }
        Rdpmc => {
            l.b.raise(fault::GP);
        }
        Rdmsr => {
            let n = l.reg(CX, 2);
            let v = l.b.call(helpers::RDMSR, &[n]);
            set_edx_eax(l, v);
        }
        Wrmsr => {
            let n = l.reg(CX, 2);
            let v = edx_eax(l);
            l.b.call(helpers::WRMSR, &[n, v]);
            l.leave_after();
        }
        Syscall => jump_helper(l, helpers::SYSCALL),
        Sysret | Sysretq | Sysexit | Sysexitq => {
            let w = l.b.i32(matches!(
                l.insn.code(),
                iced_x86::Code::Sysretq | iced_x86::Code::Sysexitq
            ) as u32);
            let sysret = matches!(
                l.insn.code(),
                iced_x86::Code::Sysretq | iced_x86::Code::Sysretd
            );
            let t = l.b.call(
                if sysret {
                    helpers::SYSRET
                } else {
                    helpers::SYSEXIT
                },
                &[w],
            );
            l.end_helper(t);
        }
        Sysenter => jump_helper(l, helpers::SYSENTER),
        Swapgs => {
            l.b.call(helpers::SWAPGS, &[]);
        }
        Xgetbv => {
            let n = l.reg(CX, 2);
            let v = l.b.call(helpers::XGETBV, &[n]);
            set_edx_eax(l, v);
        }
        Xsetbv => {
            let n = l.reg(CX, 2);
            let v = edx_eax(l);
            l.b.call(helpers::XSETBV, &[n, v]);
            l.leave_after();
        }
        Xsave | Xsave64 | Xsaveopt | Xsaveopt64 | Xsavec | Xsavec64 | Xrstor | Xrstor64 => {
            use crate::xsave::what;
            let how = match m {
                Xsave | Xsave64 => what::SAVE,
                Xsaveopt | Xsaveopt64 => what::OPT,
                Xsavec | Xsavec64 => what::COMPACT,
                _ => what::RESTORE,
            };
            let va = l.memory(64, how != what::RESTORE);
            let (how, asked) = (l.b.i32(how), edx_eax(l));
            l.b.call(helpers::XSAVE, &[how, va, asked]);
        }
        Rdpid => {
            let d = l.place(0, Use::Write);
            let n = l.b.i32(sys::read::TSC_AUX);
            let v = l.b.call(helpers::READ_SYSTEM_QUIET, &[n]);
            let v = if l.lg(d) == 3 { v } else { l.b.wrap(v) };
            l.write(d, v);
        }
        Monitor => {}
        Mwait if l.cpu.cpus > 1 => pause(l),
        Mwait => {
            l.b.call(helpers::HLT, &[]);
            l.leave_after();
        }
        Clac | Stac => {
            let f = l.b.get(l.cpu.regs.eflags);
            let v = if m == Clac {
                let k = l.b.i32(!flags::AC);
                l.b.and(f, k)
            } else {
                let k = l.b.i32(flags::AC);
                l.b.or(f, k)
            };
            l.b.set(l.cpu.regs.eflags, v);
            l.leave_after();
        }
        Rdfsbase | Rdgsbase | Wrfsbase | Wrgsbase => {
            let Some((n, lg, _)) = gpr(l.insn.op0_register()) else {
                return false;
            };
            let seg = if matches!(m, Rdfsbase | Wrfsbase) {
                crate::regs::FS
            } else {
                crate::regs::GS
            };
            l.b.call(helpers::FSGSBASE, &[]);
            let slot = l.cpu.regs.base[seg];
            if matches!(m, Rdfsbase | Rdgsbase) {
                let v = l.b.get(slot);
                let v = if lg == 3 { v } else { l.b.wrap(v) };
                l.set_reg(n, lg, v);
            } else {
                let v = l.reg(n, lg);
                let v = l.to64(v);
                if lg == 3 {
                    let n = l.b.i64(16);
                    let up = l.b.shl(v, n);
                    let back = l.b.sar(up, n);
                    let bad = l.b.ne(back, v);
                    l.b.trap_if(bad, fault::GP);
                }
                l.b.set(slot, v);
            }
        }
        _ => return false,
    }
    true
}

/// A 16-bit operand behind whose load the instruction may fault.
fn early(l: &mut Lifter<'_>, p: Place, lg: u32) -> Val {
    match p {
        Place::Mem(va, _) => l.load_early(va, lg),
        p => {
            let v = l.read(p);
            let v = l.to32(v);
            l.clean(v, lg)
        }
    }
}

fn jump_helper(l: &mut Lifter<'_>, h: HelperId) {
    let next = l.b.i64(l.next);
    let t = l.b.call(h, &[next]);
    l.end_helper(t);
}

fn set_edx_eax(l: &mut Lifter<'_>, v: Val) {
    let lo = l.b.wrap(v);
    let s = l.b.i64(32);
    let hi = l.b.shr(v, s);
    let hi = l.b.wrap(hi);
    l.set_reg(AX, 2, lo);
    l.set_reg(DX, 2, hi);
}

/// EDX:EAX.
pub fn edx_eax(l: &mut Lifter<'_>) -> Val {
    let (a, d) = (l.reg(AX, 2), l.reg(DX, 2));
    super::arith::join(l, a, d)
}

/// The port and log2 size of IN and OUT.
fn port(l: &mut Lifter<'_>, op: u32) -> Val {
    if l.insn.op_kind(op) == OpKind::Register {
        l.reg(DX, 1)
    } else {
        l.b.i32(l.insn.immediate8() as u32)
    }
}

fn input(l: &mut Lifter<'_>) {
    let lg = l.op_lg(0);
    let p = port(l, 1);
    let n = l.b.i32(lg);
    let v = l.b.call(helpers::IN, &[p, n]);
    let v = l.b.wrap(v);
    l.set_reg(AX, lg, v);
}

fn output(l: &mut Lifter<'_>) {
    let lg = l.op_lg(1);
    let p = port(l, 0);
    let v = l.reg(AX, lg);
    let n = l.b.i32(lg);
    l.b.call(helpers::OUT, &[p, v, n]);
}

/// CLI and STI.
fn interrupts(l: &mut Lifter<'_>, on: bool) {
    if l.mode.cpl() != 0 {
        let n = l.b.i32(on as u32);
        l.b.call(helpers::STI_CLI, &[n]);
        return l.leave_after();
    }
    let f = l.b.get(l.cpu.regs.eflags);
    if !on {
        let k = l.b.i32(!flags::IF);
        let v = l.b.and(f, k);
        return l.b.set(l.cpu.regs.eflags, v);
    }
    let k = l.b.i32(flags::IF);
    let v = l.b.or(f, k);
    // Interrupts are held off for one instruction, if they were off.
    let was = l.b.and(f, k);
    let shadow = l.b.eqz(was);
    l.b.set(l.cpu.regs.eflags, v);
    l.b.set(l.cpu.regs.shadow, shadow);
    l.hold_next();
}

/// SLDT, STR, SMSW: memory gets 16 bits.
fn store_system(l: &mut Lifter<'_>, which: u32, whole: bool) {
    let d = l.place(0, Use::Write);
    let n = l.b.i32(which);
    let v = l.b.call(helpers::READ_SYSTEM, &[n]);
    match d {
        Place::Mem(va, _) => {
            let v = l.b.wrap(v);
            l.store(va, v, 1);
        }
        p => {
            let lg = l.lg(p);
            let v = if whole {
                v
            } else {
                let m = l.b.i64(0xffff);
                l.b.and(v, m)
            };
            let v = if lg == 3 { v } else { l.b.wrap(v) };
            l.write(p, v);
        }
    }
}

/// SGDT and SIDT.
fn store_table(l: &mut Lifter<'_>, which: u32) {
    let lg = if l.mode.is64() { 3 } else { 2 };
    let va = l.memory(2 + (1 << lg), true);
    let va2 = l.va_plus(va, 2);
    l.probe(va, 1, true);
    l.probe(va2, lg, true);
    let (n, k) = (l.b.i32(which), l.b.i32(which + 1));
    let limit = l.b.call(helpers::READ_SYSTEM_QUIET, &[k]);
    let base = l.b.call(helpers::READ_SYSTEM_QUIET, &[n]);
    let limit = l.b.wrap(limit);
    let base = if lg == 3 { base } else { l.b.wrap(base) };
    l.store(va, limit, 1);
    l.store(va2, base, lg);
}

/// LGDT and LIDT.
fn load_table(l: &mut Lifter<'_>, which: u32) {
    let lg = if l.mode.is64() { 3 } else { 2 };
    let va = l.memory(2 + (1 << lg), false);
    let va2 = l.va_plus(va, 2);
    let limit = l.load_early(va, 1);
    let mut base = l.load_early(va2, lg);
    if l.insn.op0_kind() == OpKind::Memory
        && matches!(
            l.insn.code(),
            iced_x86::Code::Lgdt_m1632_16 | iced_x86::Code::Lidt_m1632_16
        )
    {
        let m = l.b.i32(0xff_ffff);
        base = l.b.and(base, m);
    }
    let n = l.b.i32(which);
    l.b.call(helpers::LOAD_TABLE, &[n, limit, base]);
}

/// LAR and LSL: the value, and in bit 32 whether the selector is good.
fn descriptor_result(l: &mut Lifter<'_>, r: Val) {
    let Place::Reg(n, lg, _) = l.place(0, Use::Write) else {
        return;
    };
    let s = l.b.i64(32);
    let ok = l.b.shr(r, s);
    let ok = l.b.wrap(ok);
    let old = l.b.get(l.cpu.regs.gpr[n]);
    let v = if lg == 3 {
        let m = l.b.i64(0xffff_ffff);
        l.b.and(r, m)
    } else {
        l.b.wrap(r)
    };
    // Without success the whole register stays.
    let before = old;
    l.set_reg(n, lg, v);
    let after = l.b.get(l.cpu.regs.gpr[n]);
    let v = l.b.select(ok, after, before);
    l.b.set(l.cpu.regs.gpr[n], v);
    super::arith::set_zf(l, ok);
}

/// MOV to and from control and debug registers.
pub fn mov_control(l: &mut Lifter<'_>) {
    if l.mode.cpl() != 0 {
        return l.b.raise(fault::GP);
    }
    let (d, s) = (l.insn.op0_register(), l.insn.op1_register());
    let number = |r: Register| r.number() as u32;
    let lg = if l.mode.is64() { 3 } else { 2 };
    if d.is_tr() || s.is_tr() {
        return l.ud();
    }
    let write = d.is_cr() || d.is_dr();
    let r = if write { d } else { s };
    let n = number(r) | if r.is_dr() { 16 } else { 0 };
    if r.is_cr() && !matches!(number(r), 0 | 2 | 3 | 4 | 8)
        || r.is_cr() && number(r) == 8 && !l.wide
    {
        return l.ud();
    }
    let id = l.b.i32(n);
    if write {
        let Some((g, _, _)) = gpr(s) else {
            return l.ud();
        };
        let v = l.reg(g, lg);
        l.b.call(helpers::WRITE_CONTROL, &[id, v]);
        l.leave_after();
    } else {
        let Some((g, _, _)) = gpr(d) else {
            return l.ud();
        };
        let v = l.b.call(helpers::READ_CONTROL, &[id]);
        let v = if lg == 3 { v } else { l.b.wrap(v) };
        l.set_reg(g, lg, v);
    }
}
