//! Small extensions: 3DNow!, SSE4A (APM volumes 4 and 5), SHA, RDRAND and RDSEED.

use iced_x86::{Mnemonic, OpKind};

use super::Lifter;
use super::operand::Use;
use super::x87::check;
use crate::{flags, helpers};

/// Lifts one of them; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    match m {
        Femms => {
            check(l, 1);
            l.in_mmx = false;
            let n = l.b.i32(Emms as u32);
            l.b.call(helpers::X87, &[n]);
        }
        Pavgusb | Pf2id | Pf2iw | Pfacc | Pfadd | Pfcmpeq | Pfcmpge | Pfcmpgt | Pfmax | Pfmin
        | Pfmul | Pfnacc | Pfpnacc | Pfrcp | Pfrcpit1 | Pfrcpit2 | Pfrsqit1 | Pfrsqrt | Pfsub
        | Pfsubr | Pi2fd | Pi2fw | Pmulhrw | Pswapd => {
            check(l, 1);
            let d = l.insn.op0_register().number() as u32;
            let b = l.operand64(1);
            let a = l.mmx(d);
            let n = l.b.i32(m as u32);
            let r = l.b.call(helpers::SIMD, &[n, a, b]);
            l.set_mmx(d, r);
        }
        Movntss | Movntsd => {
            check(l, 2);
            let lg = if m == Movntss { 2 } else { 3 };
            let va = l.memory(1 << lg, true);
            let v = l.xmm(l.insn.op1_register().number()).0;
            let v = if lg == 3 { v } else { l.b.wrap(v) };
            l.store(va, v, lg);
        }
        Extrq | Insertq => {
            check(l, 2);
            field(l, m == Insertq);
        }
        Sha1rnds4 | Sha1nexte | Sha1msg1 | Sha1msg2 | Sha256rnds2 | Sha256msg1 | Sha256msg2 => {
            check(l, 2);
            let d = l.insn.op0_register().number() as u64;
            let imm = if m == Sha1rnds4 {
                l.insn.immediate8() as u64
            } else {
                0
            };
            let mut what = m as u64 | d << 16 | imm << 24;
            let mut va = l.b.va(0);
            if l.insn.op1_kind() == OpKind::Memory {
                what |= 1 << 32 | 16 << 40;
                va = l.memory(16, false);
            } else {
                what |= (l.insn.op1_register().number() as u64) << 20;
            }
            let w = l.b.i64(what);
            l.b.call(helpers::SSE_OP, &[w, va]);
        }
        Rdrand | Rdseed => {
            let d = l.place(0, Use::Write);
            let v = l.b.call(helpers::RANDOM, &[]);
            let v = if l.lg(d) == 3 { v } else { l.b.wrap(v) };
            let v = l.clean(v, l.lg(d));
            l.write(d, v);
            // There is always one: CF is set, the others are clear.
            let f = l.b.i32(flags::CF);
            l.set_arith_flags(f);
        }
        _ => return false,
    }
    true
}

/// EXTRQ and INSERTQ: a field of the low half, its length (0 for 64) and place in the immediates or in the source.
fn field(l: &mut Lifter<'_>, insert: bool) {
    let d = l.insn.op0_register().number();
    let imm = l.insn.op_count() > 2;
    let source = if imm && !insert {
        d
    } else {
        l.insn.op1_register().number()
    };
    let (a, s) = (l.xmm(d), l.xmm(source));
    let control = if imm {
        let first = if insert { 2 } else { 1 };
        let len = l.insn.immediate(first);
        l.b.i64(len & 63 | (l.insn.immediate(first + 1) & 63) << 8)
    } else if insert {
        s.1
    } else {
        s.0
    };
    let (eight, sixty_three, ones, zero) = (l.b.i64(8), l.b.i64(63), l.b.i64(u64::MAX), l.b.i64(0));
    let at = l.b.shr(control, eight);
    let at = l.b.and(at, sixty_three);
    let spare = l.b.sub(zero, control);
    let spare = l.b.and(spare, sixty_three);
    let mask = l.b.shr(ones, spare);
    let low = if insert {
        let hole = l.b.shl(mask, at);
        let hole = l.b.xor(hole, ones);
        let kept = l.b.and(a.0, hole);
        let new = l.b.and(s.0, mask);
        let new = l.b.shl(new, at);
        l.b.or(kept, new)
    } else {
        let v = l.b.shr(a.0, at);
        l.b.and(v, mask)
    };
    // The upper half is undefined; silicon clears it.
    l.set_xmm(d, (low, zero));
}
