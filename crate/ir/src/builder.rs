//! Builder of blocks. The plain methods (`add`, `eq`, …) come from `ops!`; those with immediates are here.

use crate::block::{Block, Inst, Val};
use crate::f80::F80;
use crate::ops::Op;
use crate::types::{HelperId, JumpKind, MemArg, Slot, SlotTable, Type};

/// Appends instructions to one block.
pub struct Builder {
    block: Block,
    slots: std::rc::Rc<SlotTable>,
    done: bool,
}

impl Builder {
    /// Starts a block at `pc` in `mode`; `va_type` is the type of guest addresses.
    pub fn new(slots: std::rc::Rc<SlotTable>, pc: u64, mode: u32, va_type: Type) -> Builder {
        let block = Block {
            pc,
            mode,
            va_type,
            insts: Vec::with_capacity(64),
            insn_count: 0,
            code_bytes: 0,
        };
        Builder {
            block,
            slots,
            done: false,
        }
    }

    /// Type of a value.
    pub fn ty(&self, v: Val) -> Type {
        self.block.insts[v.index()].ty
    }

    /// Bits of a value that is a constant.
    pub fn as_const(&self, v: Val) -> Option<u64> {
        let inst = &self.block.insts[v.index()];
        (inst.op == Op::Const).then_some(inst.imm)
    }

    /// Number of instructions (`insn` markers) so far.
    pub fn insn_count(&self) -> u32 {
        self.block.insn_count
    }

    /// Whether a terminator was appended.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Type of guest addresses.
    pub fn va_type(&self) -> Type {
        self.block.va_type
    }

    fn push(&mut self, op: Op, ty: Type, args: [Val; 3], imm: u64, aux: u64) -> Val {
        assert!(!self.done, "{} after the terminator", op.info().name);
        self.done = op.is_terminator();
        self.block.insts.push(Inst {
            op,
            ty,
            args,
            imm,
            aux,
        });
        Val((self.block.insts.len() - 1) as u32)
    }

    /// Appends a plain op (one of the first list in `ops!`); its type follows from the operands.
    pub fn push_simple(&mut self, op: Op, args: &[Val]) -> Val {
        let mut a = [Val::NONE; 3];
        let mut types = [None; 3];
        for (i, &v) in args.iter().enumerate() {
            a[i] = v;
            types[i] = Some(self.ty(v));
        }
        let ty = op.result_type(types, Type::I32).unwrap_or(Type::I32);
        self.push(op, ty, a, 0, 0)
    }

    /// A constant of type `ty`; `bits` is truncated to its width.
    pub fn constant(&mut self, ty: Type, bits: u64) -> Val {
        let bits = if ty.bytes() == 4 {
            bits & 0xffff_ffff
        } else {
            bits
        };
        self.push(Op::Const, ty, [Val::NONE; 3], bits, 0)
    }

    /// A constant of 128 bits.
    pub fn v128(&mut self, bits: u128) -> Val {
        let (lo, hi) = (bits as u64, (bits >> 64) as u64);
        self.push(Op::Const, Type::V128, [Val::NONE; 3], lo, hi)
    }

    /// Bytes of `a` and `b` by number.
    pub fn shuffle(&mut self, a: Val, b: Val, from: [u8; 16]) -> Val {
        let by = u128::from_le_bytes(from);
        let args = [a, b, Val::NONE];
        self.push(Op::Vshuffle, Type::V128, args, by as u64, (by >> 64) as u64)
    }

    /// An i32 constant.
    pub fn i32(&mut self, v: u32) -> Val {
        self.constant(Type::I32, v as u64)
    }

    /// An i64 constant.
    pub fn i64(&mut self, v: u64) -> Val {
        self.constant(Type::I64, v)
    }

    /// A constant of the address type.
    pub fn va(&mut self, v: u64) -> Val {
        self.constant(self.block.va_type, v)
    }

    /// `c != 0 ? a : b`.
    pub fn select(&mut self, c: Val, a: Val, b: Val) -> Val {
        let ty = self.ty(a);
        self.push(Op::Select, ty, [c, a, b], 0, 0)
    }

    /// Value of a slot.
    pub fn get(&mut self, slot: Slot) -> Val {
        let ty = self.slots.desc(slot).ty;
        self.push(Op::Get, ty, [Val::NONE; 3], slot.0 as u64, 0)
    }

    /// Writes a slot.
    pub fn set(&mut self, slot: Slot, v: Val) {
        let ty = self.slots.desc(slot).ty;
        debug_assert_eq!(ty, self.ty(v), "slot {}", self.slots.desc(slot).name);
        self.push(Op::Set, ty, [v, Val::NONE, Val::NONE], slot.0 as u64, 0);
    }

    /// Guest load extended to `ty`.
    pub fn load(&mut self, ty: Type, va: Val, mem: MemArg) -> Val {
        self.push(Op::Load, ty, [va, Val::NONE, Val::NONE], mem.pack(), 0)
    }

    /// Guest store of the low bytes of `v`.
    pub fn store(&mut self, va: Val, v: Val, mem: MemArg) {
        let ty = self.ty(v);
        self.push(Op::Store, ty, [va, v, Val::NONE], mem.pack(), 0);
    }

    /// Guest store if `c` is not 0.
    pub fn store_if(&mut self, c: Val, va: Val, v: Val, mem: MemArg) {
        let ty = self.ty(v);
        self.push(Op::StoreIf, ty, [c, va, v], mem.pack(), 0);
    }

    /// Checks that an access would not fault.
    pub fn probe(&mut self, va: Val, mem: MemArg) {
        self.push(
            Op::Probe,
            Type::I32,
            [va, Val::NONE, Val::NONE],
            mem.pack(),
            0,
        );
    }

    /// Calls a helper with up to three operands.
    pub fn call(&mut self, helper: HelperId, args: &[Val]) -> Val {
        let mut a = [Val::NONE; 3];
        a[..args.len()].copy_from_slice(args);
        self.push(Op::Call, Type::I64, a, helper.0 as u64, 0)
    }

    /// Calls a helper with two operands and a constant if `c` is not 0; 0 otherwise.
    pub fn call_if(&mut self, c: Val, helper: HelperId, a: Val, b: Val, constant: u64) -> Val {
        self.push(Op::CallIf, Type::I64, [c, a, b], helper.0 as u64, constant)
    }

    /// Does `op` on a stack of 80-bit registers with up to two operands.
    pub fn f80(&mut self, op: F80, args: &[Val]) -> Val {
        let mut a = [Val::NONE; 3];
        a[..args.len()].copy_from_slice(args);
        let ty = if op.is_wide() { Type::I64 } else { Type::I32 };
        self.push(Op::F80, ty, a, op.pack(), 0)
    }

    /// Raises guest exception `code` if `c` is not 0.
    pub fn trap_if(&mut self, c: Val, code: u32) {
        self.push(
            Op::TrapIf,
            Type::I32,
            [c, Val::NONE, Val::NONE],
            code as u64,
            0,
        );
    }

    /// Leaves for `target` if `c` is not 0.
    pub fn exit_if(&mut self, c: Val, target: u64) {
        self.push(Op::ExitIf, Type::I32, [c, Val::NONE, Val::NONE], target, 0);
    }

    /// Opens a guest instruction.
    pub fn insn(&mut self, pc: u64, note: u64) {
        self.block.insn_count += 1;
        self.push(Op::Insn, Type::I32, [Val::NONE; 3], pc, note);
    }

    /// Ends the block: on to a constant address.
    pub fn jump(&mut self, target: u64) {
        self.push(Op::Jump, Type::I32, [Val::NONE; 3], target, 0);
    }

    /// Ends the block: `taken` if `c` is not 0, else `fallthrough`.
    pub fn branch(&mut self, c: Val, taken: u64, fallthrough: u64) {
        self.push(
            Op::Branch,
            Type::I32,
            [c, Val::NONE, Val::NONE],
            taken,
            fallthrough,
        );
    }

    /// Ends the block: on to a computed address.
    pub fn jump_ind(&mut self, target: Val, kind: JumpKind) {
        self.push(
            Op::JumpInd,
            Type::I32,
            [target, Val::NONE, Val::NONE],
            kind as u64,
            0,
        );
    }

    /// Ends the block: the run loop looks again, at `pc`.
    pub fn leave(&mut self, pc: u64) {
        self.push(Op::Leave, Type::I32, [Val::NONE; 3], pc, 0);
    }

    /// Ends the block: the run loop looks again, at a computed address.
    pub fn leave_ind(&mut self, target: Val) {
        self.push(
            Op::LeaveInd,
            Type::I32,
            [target, Val::NONE, Val::NONE],
            0,
            0,
        );
    }

    /// Ends the block: raises guest exception `code`.
    pub fn raise(&mut self, code: u32) {
        self.push(Op::Raise, Type::I32, [Val::NONE; 3], code as u64, 0);
    }

    /// The finished block, which read `code_bytes` bytes of guest code.
    ///
    /// # Panics
    /// When no terminator was appended.
    pub fn finish(mut self, code_bytes: u32) -> Block {
        assert!(self.done, "block at {:#x} has no terminator", self.block.pc);
        self.block.code_bytes = code_bytes;
        self.block
    }
}
