//! Constant folding and algebraic identities.

use super::bits::{demanded, is_bool, low, possible};
use super::rewrite::Rewrite;
use crate::block::{Block, Inst, Val};
use crate::interp::eval::eval;
use crate::ops::{Effect, Op};
use crate::types::{HelperDesc, SlotTable, Type};

pub fn run(block: &mut Block, _slots: &SlotTable, _helpers: &[HelperDesc]) {
    let mut rw = Rewrite::new(block);
    for (i, inst) in block.insts.iter().enumerate() {
        let inst = rw.renamed(inst);
        if inst.op.info().effect == Effect::Pure {
            let new = pure(&mut rw, inst);
            rw.replace(i, new);
        } else if let Some(new) = effect(&mut rw, inst) {
            let new = rw.push(new);
            rw.replace(i, new);
        } else if inst.op == Op::CallIf {
            let new = rw.constant(Type::I64, 0);
            rw.replace(i, new);
        }
    }
    block.insts = rw.out;
}

fn inst(op: Op, ty: Type, args: &[Val]) -> Inst {
    let mut all = [Val::NONE; 3];
    all[..args.len()].copy_from_slice(args);
    Inst {
        op,
        ty,
        args: all,
        imm: 0,
        aux: 0,
    }
}

/// The condition without what does not change whether it is 0, and whether it is inverted.
fn condition(rw: &Rewrite, mut c: Val) -> (Val, bool) {
    let mut inverted = false;
    loop {
        let def = rw.def(c);
        match def.op {
            Op::Eqz if rw.def(def.args[0]).ty == Type::I32 => {
                inverted = !inverted;
                c = def.args[0];
            }
            Op::Ne
                if rw.def(def.args[0]).ty == Type::I32 && rw.as_const(def.args[1]) == Some(0) =>
            {
                c = def.args[0]
            }
            _ => return (c, inverted),
        }
    }
}

/// What is left of an instruction with an effect; `None` if it does nothing.
fn effect(rw: &mut Rewrite, mut inst: Inst) -> Option<Inst> {
    if inst.op == Op::Store || inst.op == Op::StoreIf {
        let bits = inst.mem().bytes() * 8;
        let value = &mut inst.args[(inst.op == Op::StoreIf) as usize + 1];
        *value = demanded(rw, *value, low(bits));
    }
    conditional(rw, inst)
}

/// Conditions in their simplest form.
fn conditional(rw: &mut Rewrite, mut inst: Inst) -> Option<Inst> {
    if !matches!(
        inst.op,
        Op::Branch | Op::TrapIf | Op::ExitIf | Op::StoreIf | Op::CallIf
    ) {
        return Some(inst);
    }
    let (c, inverted) = condition(rw, inst.args[0]);
    if inst.op == Op::Branch && inverted {
        (inst.imm, inst.aux) = (inst.aux, inst.imm);
    }
    if !inverted || inst.op == Op::Branch {
        inst.args[0] = c;
    }
    match (inst.op, rw.as_const(inst.args[0])) {
        (Op::Branch, Some(c)) => {
            let to = if c != 0 { inst.imm } else { inst.aux };
            Some(Inst {
                op: Op::Jump,
                args: [Val::NONE; 3],
                imm: to,
                aux: 0,
                ..inst
            })
        }
        (Op::StoreIf, Some(c)) if c != 0 => Some(Inst {
            op: Op::Store,
            args: [inst.args[1], inst.args[2], Val::NONE],
            ..inst
        }),
        (_, Some(0)) => None,
        _ => Some(inst),
    }
}

/// Appends a pure instruction in its simplest form, or finds the value that it is.
fn pure(rw: &mut Rewrite, mut i: Inst) -> Val {
    // Each step makes it simpler; the limit is a guard only.
    for _ in 0..8 {
        match step(rw, &i) {
            Step::Done => break,
            Step::Value(v) => return v,
            Step::Const(bits) => return rw.constant(i.ty, bits),
            Step::Inst(next) => i = next,
        }
    }
    rw.push(i)
}

enum Step {
    /// It is as simple as it gets.
    Done,
    /// It is this value.
    Value(Val),
    /// It is a constant.
    Const(u64),
    /// It is this instruction.
    Inst(Inst),
}

/// Bits that an operation takes of its first operand, if it is one of those that take not all.
fn taken(op: Op, second: Option<u64>, width: u32) -> Option<u64> {
    let by = |c: u64| c as u32 & (width - 1);
    match (op, second) {
        (Op::Sext8, _) => Some(low(8)),
        (Op::Sext16, _) => Some(low(16)),
        (Op::Sext32 | Op::Wrap, _) => Some(low(32)),
        (Op::And, Some(c)) => Some(c),
        (Op::Shl, Some(c)) => Some(low(width - by(c))),
        (Op::Shr | Op::Sar, Some(c)) => Some(!low(by(c))),
        _ => None,
    }
}

fn step(rw: &mut Rewrite, i: &Inst) -> Step {
    let [x, y, z] = i.args;
    if i.op == Op::Const {
        return Step::Done;
    }
    let consts = i
        .args
        .map(|v| if v.is_some() { rw.as_const(v) } else { Some(0) });
    let ty = rw.def(x).ty;
    if i.op.is_vector() {
        return vector(rw, i);
    }
    if i.ty == Type::V128 {
        return select(rw, i, consts);
    }
    if let [Some(a), Some(b), Some(c)] = consts
        && let Some(bits) = eval(i.op, ty, [a, b, c])
    {
        return Step::Const(bits);
    }
    if let Some(mask) = taken(i.op, consts[1].filter(|_| y.is_some()), ty.bytes() * 8) {
        let simple = demanded(rw, x, mask);
        if simple != x {
            return Step::Inst(Inst {
                args: [simple, y, z],
                ..*i
            });
        }
    }
    let done = match i.op {
        Op::Select => select(rw, i, consts),
        _ if !y.is_some() => unary(rw, i),
        Op::Add | Op::Mul | Op::And | Op::Or | Op::Xor | Op::Eq | Op::Ne if consts[0].is_some() => {
            Step::Inst(Inst {
                args: [y, x, z],
                ..*i
            })
        }
        _ if x == y && !ty.is_float() => same(i.op, x),
        _ => Step::Done,
    };
    match (done, consts[1]) {
        (Step::Done, Some(c)) if y.is_some() && i.op != Op::Select && !ty.is_float() => {
            with_const(rw, i, ty, c)
        }
        (done, _) => done,
    }
}

fn select(rw: &Rewrite, i: &Inst, consts: [Option<u64>; 3]) -> Step {
    let [c, a, b] = i.args;
    if let Some(c) = consts[0] {
        return Step::Value(if c != 0 { a } else { b });
    }
    if a == b {
        return Step::Value(a);
    }
    match condition(rw, c) {
        (simple, true) => Step::Inst(Inst {
            args: [simple, b, a],
            ..*i
        }),
        (simple, false) if simple != c => Step::Inst(Inst {
            args: [simple, a, b],
            ..*i
        }),
        _ => Step::Done,
    }
}

/// Halves and lanes that are put together and taken apart again.
fn vector(rw: &Rewrite, i: &Inst) -> Step {
    let [x, y, _] = i.args;
    let def = *rw.def(x);
    let [a, b, _] = def.args;
    let again = |op: Op, args: &[Val]| Step::Inst(inst(op, i.ty, args));
    match (i.op, def.op) {
        (Op::Vlo, Op::Vpair | Op::Vlow) | (Op::Vlo64, Op::Vlow) if i.ty == rw.def(a).ty => {
            Step::Value(a)
        }
        (Op::Vlo64, Op::Vpair | Op::Vlow) => again(Op::Float64, &[a]),
        (Op::Vlo, Op::VsetLo) | (Op::Vlo64, Op::VsetLo64) | (Op::Vlo32, Op::VsetLo32) => {
            Step::Value(b)
        }
        (Op::Vlo, Op::VsetLo64) => again(Op::Bits64, &[b]),
        (Op::Vlo64, Op::VsetLo) => again(Op::Float64, &[b]),
        (Op::Vhi, Op::Vpair | Op::VsetHi) => Step::Value(b),
        (Op::Vhi, Op::Vlow) => Step::Const(0),
        (Op::Vlo | Op::Vlo64 | Op::Vlo32, Op::VsetHi)
        | (Op::Vhi, Op::VsetLo | Op::VsetLo64 | Op::VsetLo32) => again(i.op, &[a]),
        (Op::VsetLo | Op::VsetLo64, Op::VsetLo | Op::VsetLo64 | Op::VsetLo32)
        | (Op::VsetLo32, Op::VsetLo32)
        | (Op::VsetHi, Op::VsetHi) => again(i.op, &[a, y]),
        (Op::Vpair, Op::Vlo) if rw.def(y).op == Op::Vhi && rw.def(y).args[0] == a => Step::Value(a),
        (Op::Vxor, _) if x == y => Step::Const(0),
        (Op::Vand | Op::Vor, _) if x == y => Step::Value(x),
        _ => Step::Done,
    }
}

/// Both operands are `x`.
fn same(op: Op, x: Val) -> Step {
    match op {
        Op::Sub | Op::Xor | Op::Ne | Op::LtU | Op::LtS => Step::Const(0),
        Op::Eq | Op::LeU | Op::LeS => Step::Const(1),
        Op::And | Op::Or => Step::Value(x),
        _ => Step::Done,
    }
}

fn unary(rw: &Rewrite, i: &Inst) -> Step {
    let x = i.args[0];
    let def = *rw.def(x);
    let [a, b, _] = def.args;
    let again = |op: Op, args: &[Val]| Step::Inst(inst(op, i.ty, args));
    match (i.op, def.op) {
        (Op::Wrap, Op::ExtS | Op::ExtU) => Step::Value(a),
        (Op::Wrap, Op::Sext32) => again(Op::Wrap, &[a]),
        (Op::Sext32, Op::Sext32 | Op::ExtS) => Step::Value(x),
        (Op::Sext32, Op::ExtU) => again(Op::ExtS, &[a]),
        (Op::Sext32, Op::Sext8 | Op::Sext16) => Step::Value(x),
        (Op::ExtS, Op::Wrap) => again(Op::Sext32, &[a]),
        (Op::ExtU, Op::Wrap) if possible(rw, a) <= low(32) => Step::Value(a),
        (Op::ExtS, _) if possible(rw, x) < 1 << 31 => again(Op::ExtU, &[x]),
        (Op::Sext32, _) if possible(rw, x) < 1 << 31 => Step::Value(x),
        (Op::Sext16, _) if possible(rw, x) < 1 << 15 => Step::Value(x),
        (Op::Sext8, _) if possible(rw, x) < 1 << 7 => Step::Value(x),
        (Op::Sext8, Op::Sext8) | (Op::Sext16, Op::Sext16 | Op::Sext8) => Step::Value(x),
        (Op::Bswap, Op::Bswap) | (Op::Fneg, Op::Fneg) => Step::Value(a),
        (Op::Fabs, Op::Fneg) => again(Op::Fabs, &[a]),
        (Op::Fabs, Op::Fabs) => Step::Value(x),
        (Op::Bits32, Op::Float32) | (Op::Float32, Op::Bits32) => Step::Value(a),
        (Op::Bits64, Op::Float64) | (Op::Float64, Op::Bits64) => Step::Value(a),
        (Op::Eqz, Op::Eq) => again(Op::Ne, &[a, b]),
        (Op::Eqz, Op::Ne) => again(Op::Eq, &[a, b]),
        (Op::Eqz, Op::LtU) => again(Op::LeU, &[b, a]),
        (Op::Eqz, Op::LtS) => again(Op::LeS, &[b, a]),
        (Op::Eqz, Op::LeU) => again(Op::LtU, &[b, a]),
        (Op::Eqz, Op::LeS) => again(Op::LtS, &[b, a]),
        (Op::Eqz, Op::Eqz) if is_bool(rw.def(a).op) => Step::Value(a),
        (Op::Eqz, Op::ExtU) => again(Op::Eqz, &[a]),
        _ => Step::Done,
    }
}

/// The second operand is the constant `c`.
fn with_const(rw: &mut Rewrite, i: &Inst, ty: Type, c: u64) -> Step {
    let x = i.args[0];
    let def = *rw.def(x);
    let width = ty.bytes() * 8;
    let ones = low(width);
    if i.op == Op::And {
        let bits = possible(rw, x);
        if bits & c == 0 {
            return Step::Const(0);
        } else if bits & !c == 0 {
            return Step::Value(x);
        }
    }
    match i.op {
        Op::Add | Op::Sub | Op::Or | Op::Xor if c == 0 => Step::Value(x),
        Op::Shl | Op::Shr | Op::Sar | Op::Rotl | Op::Rotr if c.is_multiple_of(width as u64) => {
            Step::Value(x)
        }
        Op::Mul if c == 0 => Step::Const(0),
        Op::Or if c == ones => Step::Const(ones),
        Op::Mul | Op::DivU | Op::DivS if c == 1 => Step::Value(x),
        Op::LtU if c == 0 => Step::Const(0),
        Op::Eq if c == 0 => Step::Inst(inst(Op::Eqz, Type::I32, &[x])),
        Op::Ne if c == 0 && is_bool(def.op) => Step::Value(x),
        Op::Sub => {
            let k = rw.constant(ty, c.wrapping_neg());
            Step::Inst(inst(Op::Add, ty, &[x, k]))
        }
        Op::Add | Op::And | Op::Or | Op::Xor if def.op == i.op => {
            let Some(first) = rw.as_const(def.args[1]) else {
                return Step::Done;
            };
            let Some(both) = eval(i.op, ty, [first, c, 0]) else {
                return Step::Done;
            };
            let k = rw.constant(ty, both);
            Step::Inst(inst(i.op, ty, &[def.args[0], k]))
        }
        _ => Step::Done,
    }
}
