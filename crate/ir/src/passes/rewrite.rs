//! Rebuilding a block front to back.

use crate::block::{Block, Inst, Val};
use crate::ops::Op;
use crate::types::Type;

/// The new instructions of a block, and where its old values went.
pub struct Rewrite {
    pub out: Vec<Inst>,
    map: Vec<Val>,
}

impl Rewrite {
    pub fn new(block: &Block) -> Rewrite {
        Rewrite {
            out: Vec::with_capacity(block.insts.len() + 8),
            map: vec![Val::NONE; block.insts.len()],
        }
    }

    /// The instruction with its operands renamed.
    pub fn renamed(&self, inst: &Inst) -> Inst {
        let args = inst
            .args
            .map(|v| if v.is_some() { self.map[v.index()] } else { v });
        Inst { args, ..*inst }
    }

    /// Appends an instruction.
    pub fn push(&mut self, inst: Inst) -> Val {
        self.out.push(inst);
        Val((self.out.len() - 1) as u32)
    }

    /// Appends a constant.
    pub fn constant(&mut self, ty: Type, bits: u64) -> Val {
        let imm = if ty.bytes() == 4 {
            bits & 0xffff_ffff
        } else {
            bits
        };
        self.push(Inst {
            op: Op::Const,
            ty,
            args: [Val::NONE; 3],
            imm,
            aux: 0,
        })
    }

    /// What was value `old` is now `new`.
    pub fn replace(&mut self, old: usize, new: Val) {
        self.map[old] = new;
    }

    /// The new instruction that defines `v`.
    pub fn def(&self, v: Val) -> &Inst {
        &self.out[v.index()]
    }

    /// Bits of a constant.
    pub fn as_const(&self, v: Val) -> Option<u64> {
        let inst = self.def(v);
        (inst.op == Op::Const).then_some(inst.imm)
    }
}
