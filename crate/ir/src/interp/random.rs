//! Random blocks, interpreted and as machine code of this host: long ones, so that values meet in few registers, with accesses that go both ways.

use tinamou_decode::Rng;

use super::tests::*;
use super::*;
use crate::block::Val;
use crate::builder::Builder;
use crate::ops::{ALL, Effect, Op, Sig};
use crate::types::{JumpKind, Slot, Type};

const TYPES: [Type; 5] = [Type::I32, Type::I64, Type::F32, Type::F64, Type::V128];

/// What is drawn from while a block is made.
struct Maker<'a> {
    b: Builder,
    rng: &'a mut Rng,
    /// Values so far.
    vals: Vec<Val>,
    slots: &'a [(Slot, Type)],
    va: Type,
}

impl Maker<'_> {
    fn slot(&mut self, ty: Type) -> Slot {
        let of: Vec<_> = self.slots.iter().filter(|s| s.1 == ty).collect();
        of[self.rng.below(of.len())].0
    }

    fn bits(&mut self) -> u64 {
        let v = self.rng.next_u64();
        match self.rng.below(6) {
            0 => v & 0xff,
            1 => v as u32 as u64,
            2 => (v as i8) as u64,
            3 => [0, 1, u64::MAX, 1 << 31, 1 << 63, 31][v as usize % 6],
            _ => v,
        }
    }

    /// A value: an older one, a slot's, a constant.
    fn val(&mut self, ty: Type) -> Val {
        let of: Vec<_> = self
            .vals
            .iter()
            .copied()
            .filter(|&v| self.b.ty(v) == ty)
            .collect();
        let v = match self.rng.below(4) {
            0 => {
                let slot = self.slot(ty);
                self.b.get(slot)
            }
            1 if ty == Type::V128 => {
                let v = self.bits() as u128 | (self.bits() as u128) << 64;
                self.b.v128(v)
            }
            1 => {
                let v = self.bits();
                self.b.constant(ty, v)
            }
            _ if of.is_empty() => {
                let slot = self.slot(ty);
                self.b.get(slot)
            }
            _ => return of[self.rng.below(of.len())],
        };
        self.vals.push(v);
        v
    }

    /// An address: most are in the mapped page, some at its end, some are slow.
    fn address(&mut self) -> Val {
        let page = if self.va == Type::I64 {
            0xffff_8000_0000_5000
        } else {
            0x5000
        };
        let mask = [0xff8, 0xfff, 0xf0, 0x1fff][self.rng.below(4)];
        let (x, mask, page) = (self.val(self.va), self.b.va(mask), self.b.va(page));
        let low = self.b.and(x, mask);
        self.b.add(low, page)
    }

    fn mem(&mut self, log: usize) -> MemArg {
        let mut mem = MemArg::new(1 << log, 0);
        if log < 4 {
            mem.big_endian = self.rng.below(4) == 0;
            mem.aligned = self.rng.below(3) == 0;
            mem.signed = self.rng.below(3) == 0;
        }
        mem
    }

    /// Type and size of an access.
    fn width(&mut self) -> (Type, usize) {
        match self.rng.below(6) {
            0 | 1 => (Type::I32, self.rng.below(3)),
            2..=4 => (Type::I64, self.rng.below(4)),
            _ => (Type::V128, 4),
        }
    }

    fn plain(&mut self) {
        let op = loop {
            let op = ALL[self.rng.below(ALL.len())];
            let info = op.info();
            let plain = info.effect == Effect::Pure && info.args[0] != Sig::None;
            if plain && !matches!(op, Op::Select | Op::Vshuffle) && op.info().result != Sig::Any {
                break op;
            }
        };
        let wide = self.rng.below(2);
        let args: Vec<Val> = op
            .info()
            .args
            .into_iter()
            .filter(|&sig| sig != Sig::None)
            .map(|sig| {
                let ty = match sig {
                    Sig::T => [Type::I32, Type::I64][wide],
                    Sig::F => [Type::F32, Type::F64][wide],
                    Sig::I32 => Type::I32,
                    Sig::I64 => Type::I64,
                    Sig::F32 => Type::F32,
                    Sig::F64 => Type::F64,
                    Sig::V => Type::V128,
                    Sig::Va => self.va,
                    Sig::Any | Sig::None => unreachable!("{}", op.info().name),
                };
                self.val(ty)
            })
            .collect();
        let v = self.b.push_simple(op, &args);
        self.vals.push(v);
    }

    fn step(&mut self) {
        match self.rng.below(16) {
            0..=6 => self.plain(),
            7 | 8 => {
                let ty = TYPES[self.rng.below(5)];
                let (slot, v) = (self.slot(ty), self.val(ty));
                self.b.set(slot, v);
            }
            9 => {
                let ty = TYPES[self.rng.below(5)];
                let (c, x, y) = (self.val(Type::I32), self.val(ty), self.val(ty));
                let v = self.b.select(c, x, y);
                self.vals.push(v);
            }
            10 => {
                let (x, y) = (self.val(Type::V128), self.val(Type::V128));
                let from = core::array::from_fn(|_| self.rng.below(34) as u8);
                let v = self.b.shuffle(x, y, from);
                self.vals.push(v);
            }
            11 | 12 => {
                let (ty, log) = self.width();
                let (va, mem) = (self.address(), self.mem(log));
                let v = self.b.load(ty, va, mem);
                self.vals.push(v);
            }
            13 | 14 => {
                let (ty, log) = self.width();
                let (va, v, mem) = (self.address(), self.val(ty), self.mem(log));
                if ty != Type::V128 && self.rng.below(3) == 0 {
                    let c = self.val(Type::I32);
                    self.b.store_if(c, va, v, mem);
                } else {
                    self.b.store(va, v, mem);
                }
            }
            _ if self.rng.below(4) == 0 => {
                let (x, y) = (self.val(Type::I64), self.val(Type::I64));
                let c = self.b.eq(x, y);
                self.b.exit_if(c, 0x3000);
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        match self.rng.below(3) {
            0 => self.b.jump(0x2000),
            1 => {
                let c = self.val(Type::I32);
                self.b.branch(c, 0x2000, 0x3000);
            }
            _ => {
                let to = self.val(self.va);
                self.b.jump_ind(to, JumpKind::Jump);
            }
        }
    }
}

#[test]
fn random_blocks() {
    let mut rng = Rng(7);
    for (va, rounds) in [(Type::I64, 3000), (Type::I32, 150)] {
        let (mut cx, slots) = cx_of(&TYPES.map(|ty| (ty, 3)));
        map(&cx, va);
        for round in 0..rounds {
            for &(slot, _) in &slots {
                let v = rng.next_u64() as u128 | (rng.next_u64() as u128) << 64;
                let few = round % 2 == 0;
                cx.state
                    .set_slot128(&cx.slots, slot, if few { v & 0xff } else { v });
            }
            let mut maker = Maker {
                b: builder(&cx, va),
                rng: &mut rng,
                vals: Vec::new(),
                slots: &slots,
                va,
            };
            for insn in 0..1 + maker.rng.below(12) as u64 {
                maker.b.insn(0x1000 + 4 * insn, 0);
                for _ in 0..1 + maker.rng.below(8) {
                    maker.step();
                }
            }
            maker.end();
            let block = maker.b.finish(48);
            exec(&mut cx, &block, 0);
        }
    }
}
