//! Where each SSA value of a block lives: nowhere (constants, dead values), in its slot's local (reads of a slot that is not
//! written before the last use), on the wasm stack (pure values with one use, made where they are used, and the rare case of a choice), or
//! in a local.

use tinamou_ir::block::{Block, Inst, Val};
use tinamou_ir::ops::{Effect, Op};
use tinamou_ir::types::HelperDesc;

/// Deepest tree of values made on the stack.
const MAX_DEPTH: u32 = 32;

/// Where a value is found when it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// Not needed.
    Dead,
    /// Made where it is used.
    Stack,
    /// Made at its place and kept in a local, which is taken then.
    Local(Option<u32>),
}

/// Homes of a block's values.
pub struct Values {
    /// By value.
    pub home: Vec<Home>,
    /// Uses by live instructions.
    pub uses: Vec<u32>,
    /// Last instruction whose code reads the value.
    pub last: Vec<usize>,
    /// What is worked out only where a condition holds.
    pub rare: Rare,
}

/// Whether the instruction may be left out if nothing uses it.
fn removable(inst: &Inst, helpers: &[HelperDesc]) -> bool {
    match inst.op.info().effect {
        Effect::Pure | Effect::ReadsSlot => true,
        Effect::Call => helpers[inst.imm as usize].pure,
        _ => false,
    }
}

/// What is worked out only where a condition holds.
pub struct Rare {
    /// Selects that become an `if`, as their first value is such.
    pub selects: Vec<bool>,
    /// `call_if`s in such values, made where they are used.
    pub lazy: Vec<bool>,
    /// Those of them that need not ask for their condition, as the select around them did.
    pub bare: Vec<bool>,
}

/// Whether `v` is `c`, or holds only where `c` does.
fn implies(insts: &[Inst], v: Val, c: Val) -> bool {
    let def = &insts[v.index()];
    v == c || def.op == Op::And && def.operands().any(|a| implies(insts, a, c))
}

/// Finds the selects `c ? v : fast` where `v` is made of `call_if`s that happen only under `c`, and of pure values that nothing else
/// uses: such a `v` is made inside an `if`, so that the usual way waits neither for `c` nor for a choice. The use of `c` by a bare
/// `call_if` no longer counts.
fn rare(insts: &[Inst], uses: &mut [u32]) -> Rare {
    let none = vec![false; insts.len()];
    let mut rare = Rare {
        selects: none.clone(),
        lazy: none.clone(),
        bare: none,
    };
    if !insts.iter().any(|inst| inst.op == Op::CallIf) {
        return rare;
    }
    for (i, select) in insts.iter().enumerate().rev() {
        if select.op != Op::Select || uses[i] == 0 {
            continue;
        }
        let c = select.args[0];
        let mut calls = Vec::new();
        let mut work = vec![select.args[1]];
        while let Some(v) = work.pop() {
            let inst = &insts[v.index()];
            if uses[v.index()] != 1 {
                continue;
            }
            match inst.op {
                Op::CallIf if implies(insts, inst.args[0], c) => calls.push(v.index()),
                op if op.info().effect == Effect::Pure => work.extend(inst.operands()),
                _ => {}
            }
        }
        let Some(&first) = calls.iter().min() else {
            continue;
        };
        // The calls are moved over what lies between, which must not be able to tell.
        let still = |inst: &Inst| match inst.op.info().effect {
            Effect::Pure | Effect::ReadsSlot => true,
            _ => inst.op == Op::CallIf,
        };
        if insts[first..i].iter().all(still) {
            rare.selects[i] = true;
            for at in calls {
                rare.lazy[at] = true;
                if insts[at].args[0] == c {
                    rare.bare[at] = true;
                    uses[c.index()] -= 1;
                }
            }
        }
    }
    rare
}

impl Values {
    /// Decides for one block.
    pub fn new(block: &Block, helpers: &[HelperDesc]) -> Values {
        let insts = &block.insts;
        let n = insts.len();
        let mut uses = vec![0u32; n];
        for (i, inst) in insts.iter().enumerate().rev() {
            if uses[i] > 0 || !removable(inst, helpers) {
                inst.operands().for_each(|v| uses[v.index()] += 1);
            }
        }
        let rare = rare(insts, &mut uses);
        let mut home = vec![Home::Dead; n];
        let mut depth = vec![0u32; n];
        for (i, inst) in insts.iter().enumerate() {
            if uses[i] == 0 {
                continue;
            }
            home[i] = match inst.op.info().effect {
                Effect::Pure if inst.op == Op::Const => Home::Stack,
                Effect::Pure => {
                    depth[i] = 1 + inst.operands().map(|v| depth[v.index()]).max().unwrap_or(0);
                    if uses[i] == 1 && depth[i] < MAX_DEPTH {
                        Home::Stack
                    } else {
                        Home::Local(None)
                    }
                }
                Effect::ReadsSlot => Home::Stack, // corrected below
                _ if rare.lazy[i] => Home::Stack,
                _ => Home::Local(None),
            };
            if home[i] != Home::Stack {
                depth[i] = 0;
            }
        }
        // Where the code of each instruction is placed, and the last place that reads each value.
        let mut place: Vec<usize> = (0..n).collect();
        let mut last = vec![0usize; n];
        for (i, inst) in insts.iter().enumerate().rev() {
            let used = uses[i] > 0 || !removable(inst, helpers);
            if !used {
                continue;
            }
            // A value made on the stack and used once is made where its one user is.
            if home[i] == Home::Stack && inst.op != Op::Const && inst.op != Op::Get {
                place[i] = last[i];
            }
            for v in inst.operands() {
                last[v.index()] = last[v.index()].max(place[i]);
            }
        }
        for (i, inst) in insts.iter().enumerate() {
            if inst.op == Op::Get && uses[i] > 0 {
                let overwritten = insts[i + 1..last[i].max(i + 1)].iter().any(|w| match w.op {
                    Op::Set => w.imm == inst.imm,
                    Op::Call => helpers[w.imm as usize].writes.has(inst.imm as usize),
                    _ => false,
                });
                if overwritten {
                    home[i] = Home::Local(None);
                }
            }
        }
        Values {
            home,
            uses,
            last,
            rare,
        }
    }

    /// Whether `v` is made by instruction `i` for the `set` that follows at once and for nothing else.
    pub fn is_for_next_set(&self, block: &Block, i: usize) -> bool {
        let v = Val(i as u32);
        self.uses[i] == 1
            && block
                .insts
                .get(i + 1)
                .is_some_and(|s| s.op == Op::Set && s.args[0] == v)
    }
}
