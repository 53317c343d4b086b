//! Branches and jumps. Each sets what happens after the delay slot; branch-likely leaves the block before it when not taken.

use tinamou_ir::{JumpKind, Val};

use super::{After, Lifter};
use crate::decode::{Op, Word};

fn target(l: &Lifter<'_>, w: Word) -> u64 {
    l.cpu
        .va(l.pc.wrapping_add(4).wrapping_add((w.simm() << 2) as u64))
}

/// A branch to `w`'s target if `c`; `likely` nullifies the delay slot otherwise.
pub(super) fn on(l: &mut Lifter<'_>, w: Word, c: Val, likely: bool) {
    let to = target(l, w);
    if likely {
        let not = l.b.eqz(c);
        let skip = l.pc_after(8);
        l.b.exit_if(not, skip);
        l.set_after(After::Jump(to));
    } else {
        let s = l.cpu.regs.bcond;
        l.b.set(s, c);
        l.set_after(After::Cond(to));
    }
}

fn link(l: &mut Lifter<'_>, rd: usize) {
    let ra = l.pc_after(8);
    let v = l.k(ra);
    l.set_x(rd, v);
}

fn jump_target(l: &Lifter<'_>, w: Word) -> u64 {
    let base = l.pc_after(4) & !0x0fff_ffff;
    base | ((w.0 & 0x03ff_ffff) << 2) as u64
}

/// J.
pub fn j(l: &mut Lifter<'_>, w: Word) {
    let to = jump_target(l, w);
    l.set_after(After::Jump(to));
}

/// JAL.
pub fn jal(l: &mut Lifter<'_>, w: Word) {
    let to = jump_target(l, w);
    link(l, 31);
    l.set_after(After::Jump(to));
}

/// JR and JR.HB.
pub fn jr(l: &mut Lifter<'_>, w: Word) {
    let (v, s) = (l.x(w.rs()), l.cpu.regs.btarget);
    l.b.set(s, v);
    l.set_after(After::Indirect(if w.rs() == 31 {
        JumpKind::Return
    } else {
        JumpKind::Jump
    }));
}

/// JALR and JALR.HB.
pub fn jalr(l: &mut Lifter<'_>, w: Word) {
    let (v, s) = (l.x(w.rs()), l.cpu.regs.btarget);
    l.b.set(s, v);
    link(l, w.rd());
    l.set_after(After::Indirect(if w.rd() == 0 {
        JumpKind::Jump
    } else {
        JumpKind::Call
    }));
}

/// BEQ, BNE and their likely forms; B is BEQ r0, r0.
pub fn compare(l: &mut Lifter<'_>, w: Word, op: Op) {
    let equal = matches!(op, Op::Beq | Op::Beql);
    if w.rs() == w.rt() && equal {
        let to = target(l, w);
        return l.set_after(After::Jump(to));
    }
    let c = match (w.rs(), w.rt()) {
        (n, 0) | (0, n) if equal => {
            let a = l.x(n);
            l.b.eqz(a)
        }
        _ => {
            let (a, b) = (l.x(w.rs()), l.x(w.rt()));
            if equal { l.b.eq(a, b) } else { l.b.ne(a, b) }
        }
    };
    on(l, w, c, matches!(op, Op::Beql | Op::Bnel));
}

/// BLEZ, BGTZ, BLTZ, BGEZ and their likely forms.
pub fn sign(l: &mut Lifter<'_>, w: Word, op: Op) {
    if w.rs() == 0 && matches!(op, Op::Bgez | Op::Bgezl | Op::Blez | Op::Blezl) {
        let to = target(l, w);
        return l.set_after(After::Jump(to));
    }
    let (a, z) = (l.x(w.rs()), l.k(0));
    let c = match op {
        Op::Blez | Op::Blezl => l.b.le_s(a, z),
        Op::Bgtz | Op::Bgtzl => l.b.lt_s(z, a),
        Op::Bltz | Op::Bltzl => l.b.lt_s(a, z),
        _ => l.b.le_s(z, a),
    };
    on(
        l,
        w,
        c,
        matches!(op, Op::Blezl | Op::Bgtzl | Op::Bltzl | Op::Bgezl),
    );
}

/// BLTZAL, BGEZAL and their likely forms; BAL is BGEZAL r0. The link is written whether or not the branch is taken.
pub fn sign_link(l: &mut Lifter<'_>, w: Word, op: Op) {
    if w.rs() == 0 && matches!(op, Op::Bgezal | Op::Bgezall) {
        link(l, 31);
        let to = target(l, w);
        return l.set_after(After::Jump(to));
    }
    let (a, z) = (l.x(w.rs()), l.k(0));
    let c = if matches!(op, Op::Bltzal | Op::Bltzall) {
        l.b.lt_s(a, z)
    } else {
        l.b.le_s(z, a)
    };
    link(l, 31);
    on(l, w, c, matches!(op, Op::Bltzall | Op::Bgezall));
}
