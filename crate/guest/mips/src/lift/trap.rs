//! Trap instructions.

use tinamou_ir::Val;

use super::Lifter;
use crate::decode::{Op, Word};
use crate::fault;

fn on(l: &mut Lifter<'_>, op: Op, a: Val, b: Val) {
    let c = match op {
        Op::Tge | Op::Tgei => l.b.le_s(b, a),
        Op::Tgeu | Op::Tgeiu => l.b.le_u(b, a),
        Op::Tlt | Op::Tlti => l.b.lt_s(a, b),
        Op::Tltu | Op::Tltiu => l.b.lt_u(a, b),
        Op::Teq | Op::Teqi => l.b.eq(a, b),
        _ => l.b.ne(a, b),
    };
    l.b.trap_if(c, fault::TR);
}

/// TGE, TGEU, TLT, TLTU, TEQ, TNE.
pub fn register(l: &mut Lifter<'_>, w: Word, op: Op) {
    let (a, b) = (l.x(w.rs()), l.x(w.rt()));
    on(l, op, a, b);
}

/// TGEI, TGEIU, TLTI, TLTIU, TEQI, TNEI.
pub fn immediate(l: &mut Lifter<'_>, w: Word, op: Op) {
    let (a, b) = (l.x(w.rs()), l.k(w.simm() as u64));
    on(l, op, a, b);
}
