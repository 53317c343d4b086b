//! Bits of values: which may be set, and what of a value those who use some of its bits need. Partial registers are taken apart
//! and put together with masks; this is how those meet.

use super::rewrite::Rewrite;
use crate::block::{Inst, Val};
use crate::ops::Op;

/// Definitions that are looked through.
const DEPTH: u32 = 6;

/// The low bits of a number.
pub fn low(bits: u32) -> u64 {
    1u64.checked_shl(bits).map_or(u64::MAX, |top| top - 1)
}

/// Whether the result is 0 or 1.
pub fn is_bool(op: Op) -> bool {
    use Op::*;
    matches!(op, Eqz | Eq | Ne | LtU | LtS | LeU | LeS | Feq | Flt | Fle)
}

/// Bits of an integer that may be set.
pub fn possible(rw: &Rewrite, v: Val) -> u64 {
    possible_within(rw, v, DEPTH)
}

fn possible_within(rw: &Rewrite, v: Val, depth: u32) -> u64 {
    let def = rw.def(v);
    let all = low(def.ty.bytes() * 8);
    let Some(depth) = depth.checked_sub(1) else {
        return all;
    };
    let [x, y, z] = def.args;
    let of = |v: Val| possible_within(rw, v, depth);
    let bits = match def.op {
        Op::Const => def.imm,
        Op::And => of(x) & of(y),
        Op::Or | Op::Xor => of(x) | of(y),
        Op::Select => of(y) | of(z),
        Op::ExtU | Op::Wrap => of(x),
        Op::Shl | Op::Shr => match rw.as_const(y) {
            Some(by) => {
                let by = by & (def.ty.bytes() as u64 * 8 - 1);
                if def.op == Op::Shl {
                    of(x) << by
                } else {
                    of(x) >> by
                }
            }
            None => all,
        },
        // A sum is at most that of the largest operands.
        Op::Add => match of(x).checked_add(of(y)) {
            Some(0) => 0,
            Some(most) => u64::MAX >> most.leading_zeros(),
            None => all,
        },
        op if is_bool(op) => 1,
        Op::Load if !def.mem().signed && def.mem().bytes() < 8 => low(8 * def.mem().bytes()),
        _ => all,
    };
    bits & all
}

/// A value that has the same bits as `v` wherever `mask` is set, and is no longer in the making.
pub fn demanded(rw: &mut Rewrite, mut v: Val, mask: u64) -> Val {
    loop {
        let def = *rw.def(v);
        let [x, y, _] = def.args;
        v = match def.op {
            Op::And if rw.as_const(y).is_some_and(|c| c & mask == mask) => x,
            Op::Or | Op::Xor if possible(rw, x) & mask == 0 => y,
            Op::Or | Op::Xor if possible(rw, y) & mask == 0 => x,
            Op::Sext8 if mask <= 0xff => x,
            Op::Sext16 if mask <= 0xffff => x,
            Op::Sext32 if mask <= 0xffff_ffff => x,
            Op::Wrap | Op::ExtU => {
                let inner = demanded(rw, x, mask & 0xffff_ffff);
                let whole = *rw.def(inner);
                return match (def.op, whole.op) {
                    _ if inner == x => v,
                    (Op::Wrap, Op::ExtU | Op::ExtS) => whole.args[0],
                    _ => rw.push(Inst {
                        args: [inner, Val::NONE, Val::NONE],
                        ..def
                    }),
                };
            }
            _ => return v,
        };
    }
}
