//! Where the values of a block are while it is translated: in a guest slot, in a scratch word, in an immediate, in an address.

use super::bytecode::*;
use crate::block::{Block, Inst, Val};
use crate::layout;
use crate::ops::{Effect, Op};
use crate::passes::dead_slots::Found;
use crate::types::{HelperDesc, Slot, SlotTable, Type};

/// First word of the scratch area.
const SCRATCH_WORD: u16 = (layout::SCRATCH / 4) as u16;
/// First word of the part of it that holds `v128` values.
const VECTOR_WORD: u16 = 0xc00 / 4;
/// Number of scratch values of up to 8 bytes.
const SCRATCH_VALUES: u16 = (VECTOR_WORD - SCRATCH_WORD) / 2;
/// Number of `v128` scratch values; they are numbered behind the others.
const VECTOR_VALUES: u16 = ((layout::GUEST / 4) as u16 - VECTOR_WORD) / 4;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loc {
    /// Nowhere: a constant that has no register yet, or not defined yet.
    None,
    /// In the state's word at this offset.
    Word(u16),
    /// The word at this offset plus a constant, not computed yet.
    Sum(u16, i16),
}

/// Buffers of a translation, kept from block to block.
#[derive(Default)]
pub struct Buffers {
    /// Writes that nobody sees.
    dead: Found,
    /// Uses by what is emitted.
    uses: Vec<u32>,
    locs: Vec<Loc>,
    /// Values that live in each scratch value.
    refs: Vec<u16>,
    /// Scratch values that were given back: up to 8 bytes, and 16.
    free: [Vec<u16>; 2],
    /// Scratch values taken so far, likewise.
    taken: [u16; 2],
    /// Values that are read from guest slots and may still be used.
    aliases: Vec<u32>,
    /// Scratch references to drop after the current op.
    dropped: Vec<u16>,
}

/// The operands of the block being translated.
pub struct Operands<'a> {
    pub block: &'a Block,
    pub slots: &'a SlotTable,
    pub ops: Vec<u64>,
    buf: &'a mut Buffers,
}

impl<'a> Operands<'a> {
    pub fn new(
        block: &'a Block,
        slots: &'a SlotTable,
        helpers: &[HelperDesc],
        buf: &'a mut Buffers,
    ) -> Operands<'a> {
        let n = block.insts.len();
        buf.uses.clear();
        buf.uses.resize(n, 0);
        buf.locs.clear();
        buf.locs.resize(n, Loc::None);
        buf.refs.clear();
        buf.refs
            .resize((SCRATCH_VALUES + VECTOR_VALUES) as usize, 0);
        buf.free.iter_mut().for_each(Vec::clear);
        buf.taken = [0; 2];
        buf.aliases.clear();
        buf.dropped.clear();
        buf.dead.find(block, slots, helpers);
        for (i, inst) in block.insts.iter().enumerate().rev() {
            let needless = match inst.op {
                Op::Set => buf.dead.drop[i],
                Op::Call | Op::CallIf => helpers[inst.imm as usize].pure && buf.uses[i] == 0,
                op => {
                    matches!(op.info().effect, Effect::Pure | Effect::ReadsSlot) && buf.uses[i] == 0
                }
            };
            if !needless {
                for v in inst.operands() {
                    buf.uses[v.index()] += 1;
                }
            }
        }
        Operands {
            block,
            slots,
            ops: Vec::with_capacity(n),
            buf,
        }
    }

    pub fn inst(&self, v: Val) -> &'a Inst {
        &self.block.insts[v.index()]
    }

    pub fn ty(&self, v: Val) -> Type {
        self.inst(v).ty
    }

    /// Whether instruction `i` is a `set` that nobody sees.
    pub fn is_dead(&self, i: usize) -> bool {
        self.buf.dead.drop[i]
    }

    /// Whether a value is 64 bits wide.
    pub fn is64(&self, v: Val) -> bool {
        self.ty(v).bytes() == 8
    }

    pub fn uses(&self, v: Val) -> u32 {
        self.buf.uses[v.index()]
    }

    /// Bits of a constant.
    pub fn constant(&self, v: Val) -> Option<u64> {
        let inst = self.inst(v);
        (inst.op == Op::Const).then_some(inst.imm)
    }

    /// A constant that fits an imm24.
    pub fn imm24(&self, v: Val) -> Option<i64> {
        let bits = self.constant(v)?;
        let n = if self.is64(v) {
            bits as i64
        } else {
            bits as i32 as i64
        };
        IMM24.contains(&n).then_some(n)
    }

    /// Word offset of a slot.
    pub fn slot_word(&self, slot: u64) -> u16 {
        (self.slots.desc(Slot(slot as u16)).offset / 4) as u16
    }

    /// Takes a scratch value with one reference.
    fn scratch(&mut self, ty: Type) -> u16 {
        let wide = (ty == Type::V128) as usize;
        let index = self.buf.free[wide].pop().unwrap_or_else(|| {
            let index = self.buf.taken[wide];
            assert!(
                index < [SCRATCH_VALUES, VECTOR_VALUES][wide],
                "block at {:#x} has too many live values",
                self.block.pc
            );
            self.buf.taken[wide] += 1;
            index + wide as u16 * SCRATCH_VALUES
        });
        self.buf.refs[index as usize] = 1;
        match index.checked_sub(SCRATCH_VALUES) {
            Some(vector) => VECTOR_WORD + vector * 4,
            None => SCRATCH_WORD + index * 2,
        }
    }

    fn scratch_index(word: u16) -> Option<u16> {
        (word < (layout::GUEST / 4) as u16).then(|| match word.checked_sub(VECTOR_WORD) {
            Some(distance) => SCRATCH_VALUES + distance / 4,
            None => (word - SCRATCH_WORD) / 2,
        })
    }

    /// A scratch word that nobody reads.
    pub fn sink(&mut self, ty: Type) -> u16 {
        let word = self.scratch(ty);
        self.buf.dropped.extend(Self::scratch_index(word));
        word
    }

    /// One use of `v` is done.
    pub fn consume(&mut self, v: Val) {
        let uses = &mut self.buf.uses[v.index()];
        *uses -= 1;
        if *uses == 0
            && let Loc::Word(word) | Loc::Sum(word, _) = self.buf.locs[v.index()]
        {
            self.buf.dropped.extend(Self::scratch_index(word));
        }
    }

    /// Frees what the op just emitted was the last to read.
    pub fn settle(&mut self) {
        while let Some(index) = self.buf.dropped.pop() {
            let refs = &mut self.buf.refs[index as usize];
            *refs -= 1;
            if *refs == 0 {
                self.buf.free[(index >= SCRATCH_VALUES) as usize].push(index);
            }
        }
    }

    /// The word that holds `v`, computed or loaded first if need be; counts as one use.
    pub fn reg(&mut self, v: Val) -> u16 {
        let word = match self.buf.locs[v.index()] {
            Loc::Word(word) => word,
            Loc::Sum(..) => self.move_to_scratch(v),
            Loc::None => {
                let inst = self.inst(v);
                let word = self.scratch(inst.ty);
                self.emit_const(word, inst);
                self.buf.locs[v.index()] = Loc::Word(word);
                word
            }
        };
        self.consume(v);
        word
    }

    /// Base word and offset of an address; counts as one use.
    pub fn address(&mut self, v: Val) -> (u16, i16) {
        if let Loc::Sum(word, offset) = self.buf.locs[v.index()] {
            self.consume(v);
            (word, offset)
        } else {
            (self.reg(v), 0)
        }
    }

    /// Loads a constant.
    pub fn emit_const(&mut self, word: u16, inst: &Inst) {
        if inst.ty.bytes() == 4 {
            self.ops.push(r32(CONST32, word, inst.imm as u32));
            return;
        }
        self.emit_const64(word, inst.imm);
        if inst.ty == Type::V128 {
            self.emit_const64(word + 2, inst.aux);
        }
    }

    fn emit_const64(&mut self, word: u16, bits: u64) {
        if bits as i32 as i64 as u64 == bits {
            self.ops.push(r32(CONSTS, word, bits as u32));
        } else {
            self.ops.extend([r32(CONST64, word, 0), bits]);
        }
    }

    /// Copies `v`, which is in a slot or a sum, to a scratch word of its own.
    fn move_to_scratch(&mut self, v: Val) -> u16 {
        let to = self.scratch(self.ty(v));
        self.copy(to, v);
        if let Loc::Word(word) | Loc::Sum(word, _) = self.buf.locs[v.index()] {
            self.buf.dropped.extend(Self::scratch_index(word));
        }
        self.buf.locs[v.index()] = Loc::Word(to);
        to
    }

    /// Emits what puts `v` into the word `to`.
    fn copy(&mut self, to: u16, v: Val) {
        let wide = self.is64(v);
        match self.buf.locs[v.index()] {
            Loc::Word(word) if self.ty(v) == Type::V128 => self
                .ops
                .extend([0, 2].map(|half| rrr(MOV64, to + half, word + half, 0))),
            Loc::Word(word) => self
                .ops
                .push(rrr(if wide { MOV64 } else { MOV32 }, to, word, 0)),
            Loc::Sum(word, n) => {
                self.ops
                    .push(rri(if wide { ADD64I } else { ADD32I }, to, word, n as i64))
            }
            Loc::None => {
                let inst = self.inst(v);
                self.emit_const(to, inst);
            }
        }
    }

    /// The word at `word`, a guest slot, is about to be written: values that are read from it later move to scratch words.
    fn kill(&mut self, word: u16) {
        let mut i = 0;
        while i < self.buf.aliases.len() {
            let v = Val(self.buf.aliases[i]);
            let here = match self.buf.locs[v.index()] {
                Loc::Word(w) | Loc::Sum(w, _) => w,
                Loc::None => u16::MAX,
            };
            if self.buf.uses[v.index()] == 0 {
                self.buf.aliases.swap_remove(i);
            } else if here == word {
                self.move_to_scratch(v);
                self.buf.aliases.swap_remove(i);
            } else {
                i += 1;
            }
        }
    }

    /// Every slot may be written.
    pub fn kill_all(&mut self) {
        while let Some(v) = self.buf.aliases.pop() {
            if self.buf.uses[v as usize] != 0
                && !matches!(self.buf.locs[v as usize], Loc::Word(w) if Self::scratch_index(w).is_some())
            {
                self.move_to_scratch(Val(v));
            }
        }
    }

    /// The instruction behind `i` if it is a `set` of the value of `i`.
    fn set_behind(&self, v: Val) -> Option<&'a Inst> {
        let next = self.block.insts.get(v.index() + 1)?;
        let alive = next.op == Op::Set && next.args[0] == v && !self.is_dead(v.index() + 1);
        alive.then_some(next)
    }

    /// Where the op of `v`, whose operands were resolved, writes its result: the slot that the next instruction sets (then the
    /// second result is true and that instruction is done), or a scratch word.
    pub fn dest(&mut self, v: Val) -> (u16, bool) {
        if let Some(set) = self.set_behind(v) {
            let word = self.slot_word(set.imm);
            self.kill(word);
            self.buf.uses[v.index()] -= 1;
            self.place(v, word);
            (word, true)
        } else {
            let word = self.scratch(self.ty(v));
            self.buf.locs[v.index()] = Loc::Word(word);
            (word, false)
        }
    }

    /// `v` is what the guest slot at `word` holds.
    fn place(&mut self, v: Val, word: u16) {
        self.buf.locs[v.index()] = Loc::Word(word);
        if self.buf.uses[v.index()] > 0 {
            self.buf.aliases.push(v.0);
        }
    }

    /// A `get`: no code.
    pub fn get(&mut self, v: Val, slot: u64) {
        let word = self.slot_word(slot);
        self.place(v, word);
    }

    /// `v` is the low word, or the same bits, of `of`: no code.
    pub fn alias(&mut self, v: Val, of: Val) {
        let word = self.reg(of);
        self.share(v, Loc::Word(word));
    }

    /// `v` is the address `base + offset`, computed where it is used. False if it cannot be.
    pub fn sum(&mut self, v: Val, base: Val, offset: i16) -> bool {
        let Loc::Word(word) = self.buf.locs[base.index()] else {
            return false;
        };
        self.consume(base);
        self.share(v, Loc::Sum(word, offset));
        true
    }

    fn share(&mut self, v: Val, loc: Loc) {
        self.buf.locs[v.index()] = loc;
        let (Loc::Word(word) | Loc::Sum(word, _)) = loc else {
            return;
        };
        match Self::scratch_index(word) {
            Some(index) => self.buf.refs[index as usize] += 1,
            None => self.buf.aliases.push(v.0),
        }
    }

    /// A `set` that is not the destination of the op before it.
    pub fn set(&mut self, slot: u64, v: Val) {
        let word = self.slot_word(slot);
        self.consume(v);
        if self.buf.locs[v.index()] == Loc::Word(word) {
            return;
        }
        // The copy must read what `v` is now; if `v` itself moves to scratch, that copy is as good.
        self.kill(word);
        self.copy(word, v);
    }
}
