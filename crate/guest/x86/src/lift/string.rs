//! String instructions. One without REP is in line; with REP, and INS and OUTS, a helper does as many iterations as lie in a page and says
//! whether more remain: the instruction then runs again, so that interrupts come in between.

use iced_x86::{Mnemonic, OpKind};
use tinamou_ir::Val;

use super::Lifter;
use super::operand::segment;
use crate::mode::{Class, Mode};
use crate::regs::{AX, CS, DI, ES, FS, GS, SI};
use crate::{helpers, string};

fn address_lg(k: OpKind) -> Option<u32> {
    match k {
        OpKind::MemorySegSI | OpKind::MemoryESDI | OpKind::MemorySegDI => Some(1),
        OpKind::MemorySegESI | OpKind::MemoryESEDI | OpKind::MemorySegEDI => Some(2),
        OpKind::MemorySegRSI | OpKind::MemoryESRDI | OpKind::MemorySegRDI => Some(3),
        _ => None,
    }
}

/// One string instruction.
pub fn lift(l: &mut Lifter<'_>) {
    use Mnemonic::*;
    let kind = match l.insn.mnemonic() {
        Movsb | Movsw | Movsd | Movsq => string::MOVS,
        Stosb | Stosw | Stosd | Stosq => string::STOS,
        Lodsb | Lodsw | Lodsd | Lodsq => string::LODS,
        Scasb | Scasw | Scasd | Scasq => string::SCAS,
        Cmpsb | Cmpsw | Cmpsd | Cmpsq => string::CMPS,
        Insb | Insw | Insd => string::INS,
        _ => string::OUTS,
    };
    let lg = (l.insn.memory_size().size() as u32).max(1).trailing_zeros();
    let alg = (0..l.insn.op_count())
        .find_map(|i| address_lg(l.insn.op_kind(i)))
        .unwrap_or(2);
    let seg = segment(l.insn.memory_segment());
    let rep = if l.insn.has_repne_prefix() {
        string::REPNE
    } else if l.insn.has_rep_prefix() || l.insn.has_repe_prefix() {
        string::REP
    } else {
        0
    };
    if rep != 0 || matches!(kind, string::INS | string::OUTS) {
        let flat = if flat(l, seg) {
            string::FLAT | (l.mode.mmu() as u32) << string::MMU_SHIFT
        } else {
            0
        };
        let how = kind | lg << 4 | alg << 6 | (seg as u32) << 8 | rep | flat;
        let how = l.b.i32(how);
        let pc = l.b.i64(l.pc);
        let helper = if matches!(kind, string::INS | string::OUTS) {
            helpers::STRING_IO
        } else {
            helpers::STRING
        };
        let again = l.b.call(helper, &[how, pc]);
        let again = l.b.wrap(again);
        if rep == 0 {
            return;
        }
        return l.end_branch(again, l.pc, l.next);
    }
    match kind {
        string::MOVS => {
            let src = source(l, seg, alg, lg);
            let dst = dest(l, alg, lg, true);
            l.probe(dst, lg, true);
            let v = l.load(src, lg);
            l.store(dst, v, lg);
            advance(l, SI, alg, lg);
            advance(l, DI, alg, lg);
        }
        string::STOS => {
            let dst = dest(l, alg, lg, true);
            let v = l.reg(AX, lg);
            l.store(dst, v, lg);
            advance(l, DI, alg, lg);
        }
        string::LODS => {
            let src = source(l, seg, alg, lg);
            let v = l.load(src, lg);
            l.set_reg(AX, lg, v);
            advance(l, SI, alg, lg);
        }
        string::SCAS => {
            let dst = dest(l, alg, lg, false);
            let b = l.load(dst, lg);
            let a = l.reg(AX, lg);
            advance(l, DI, alg, lg);
            super::arith::flags_sub(l, lg, a, b);
        }
        _ => {
            let src = source(l, seg, alg, lg);
            let dst = dest(l, alg, lg, false);
            l.probe(dst, lg, false);
            let a = l.load(src, lg);
            let b = l.load(dst, lg);
            advance(l, SI, alg, lg);
            advance(l, DI, alg, lg);
            super::arith::flags_sub(l, lg, a, b);
        }
    }
}

/// Offsets in ES and in `seg` are linear addresses that need no check, and alignment is not checked.
fn flat(l: &Lifter<'_>, seg: usize) -> bool {
    let open = |s: usize| l.mode.class(s) == Class::Open && l.mode.base_zero(s);
    !l.mode.has(Mode::ALIGN)
        && !matches!(seg, FS | GS | CS)
        && (l.mode.is64() || open(ES) && open(seg))
}

fn source(l: &mut Lifter<'_>, seg: usize, alg: u32, lg: u32) -> Val {
    let si = l.reg(SI, alg);
    l.linear_at(seg, si, alg, 1 << lg, false)
}

fn dest(l: &mut Lifter<'_>, alg: u32, lg: u32, write: bool) -> Val {
    let di = l.reg(DI, alg);
    l.linear_at(ES, di, alg, 1 << lg, write)
}

fn advance(l: &mut Lifter<'_>, r: usize, alg: u32, lg: u32) {
    let df = l.b.get(l.cpu.regs.df);
    let v = l.reg(r, alg);
    let (up, down) = (
        l.k(1 << lg, alg.max(2)),
        l.k((1u64 << lg).wrapping_neg(), alg.max(2)),
    );
    let d = l.b.select(df, down, up);
    let v = l.b.add(v, d);
    let v = l.clean(v, alg);
    l.set_reg(r, alg, v);
}
