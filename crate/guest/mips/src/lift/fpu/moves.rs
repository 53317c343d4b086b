//! Moves between general, FPU and control registers; branches on condition codes.

use super::super::{Lifter, branch};
use crate::decode::Word;
use crate::{fault, helpers};

/// MFC1.
pub fn mfc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.fpr32(w.fs());
    l.set_w(w.rt(), v);
}

/// MTC1.
pub fn mtc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.w(w.rt());
    l.set_fpr32(w.fs(), v);
}

/// DMFC1.
pub fn dmfc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.fpr64(w.fs());
    l.set_x(w.rt(), v);
}

/// DMTC1.
pub fn dmtc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.x(w.rt());
    l.set_fpr64(w.fs(), v);
}

/// MFHC1.
pub fn mfhc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.fpr64(w.fs());
    let n = l.b.i64(32);
    let v = l.b.shr(v, n);
    let v = l.b.wrap(v);
    l.set_w(w.rt(), v);
}

/// MTHC1.
pub fn mthc1(l: &mut Lifter<'_>, w: Word) {
    let v = l.w(w.rt());
    l.set_half(w.fs(), v, true);
}

/// Whether there is an FPU control register `n`.
fn is_control(n: usize) -> bool {
    matches!(n, 0 | 25 | 26 | 28 | 31)
}

/// CFC1.
pub fn cfc1(l: &mut Lifter<'_>, w: Word) {
    if !is_control(w.fs()) {
        return l.b.raise(fault::RI);
    }
    let n = l.b.i32(w.fs() as u32);
    let v = l.b.call(helpers::CFC1, &[n]);
    let v = l.b.wrap(v);
    l.set_w(w.rt(), v);
}

/// CTC1: a cause bit that is enabled raises the FPU exception, after the write. Condition codes, rounding mode and fast mode may have changed.
pub fn ctc1(l: &mut Lifter<'_>, w: Word) {
    if !is_control(w.fs()) {
        return l.b.raise(fault::RI);
    }
    let n = l.b.i32(w.fs() as u32);
    let v = l.w(w.rt());
    l.b.call(helpers::CTC1, &[n, v]);
    l.leave_after();
}

/// BC1F, BC1T, BC1FL, BC1TL.
pub fn bc1(l: &mut Lifter<'_>, w: Word) {
    let bit = l.fcc(w.cc());
    let zero = l.b.i32(0);
    let c = if w.0 & 1 << 16 != 0 {
        l.b.ne(bit, zero)
    } else {
        l.b.eqz(bit)
    };
    branch::on(l, w, c, w.0 & 1 << 17 != 0);
}

/// MOVF, MOVT on general registers.
pub fn mov_gpr(l: &mut Lifter<'_>, w: Word) {
    let bit = l.fcc(w.cc());
    let (new, old) = (l.x(w.rs()), l.x(w.rd()));
    let v = if w.0 & 1 << 16 != 0 {
        l.b.select(bit, new, old)
    } else {
        l.b.select(bit, old, new)
    };
    l.set_x(w.rd(), v);
}
