//! Random cases: well-typed regions of several blocks over all ops, with accesses to the pages of [`crate::machine`]. The same
//! seed gives the same case everywhere.
//!
//! Blocks are in the lifter's form (`tinamou_ir::verify`). Results that may be NaN are replaced before anything sees their
//! bits, as a lifter must.

use std::rc::Rc;

use tinamou_ir::f80::{self, F80, From, What};
use tinamou_ir::guest::Lasting;
use tinamou_ir::ops::{ALL, Effect, Op, Sig};
use tinamou_ir::region::Region;
use tinamou_ir::types::TYPES;
use tinamou_ir::{Builder, HelperId, JumpKind, MemArg, Slot, SlotTable, Type, Val};

use crate::machine::{BASE, Case, HIGH};

/// Xorshift.
pub struct Rng(u64);

impl Rng {
    /// Any seed will do.
    pub fn new(seed: u64) -> Rng {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1);
        rng.0 |= 1;
        rng.next();
        rng
    }

    /// 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "an endless source, no iterator"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Bits of a value of type `ty`, often an interesting one.
    pub fn value(&mut self, ty: Type) -> u64 {
        const INTS: &[u64] = &[
            0,
            1,
            2,
            4,
            31,
            32,
            63,
            64,
            0x7f,
            0x80,
            0xff,
            0x7fff,
            0x8000,
            0x7fff_ffff,
            0x8000_0000,
            1 << 63,
            u64::MAX,
            0xffff_ffff,
        ];
        let bits = match (ty, self.below(4)) {
            (Type::V128, _) => self.next(),
            (Type::I32 | Type::I64, 0 | 1) => *self.pick(INTS),
            (Type::I32 | Type::I64, 2) => self.below(4096),
            (Type::I32 | Type::I64, _) => self.next(),
            (Type::F32, 0) => (self.below(2000) as f32 - 1000.0).to_bits() as u64,
            (Type::F32, 1) => self
                .pick(&[0.0f32, -0.0, 1.5, f32::MAX, f32::INFINITY, 1e-40])
                .to_bits() as u64,
            (Type::F32, _) => finite(self.next(), 0x7f80_0000),
            (Type::F64, 0) => (self.below(2000) as f64 - 1000.0).to_bits(),
            (Type::F64, 1) => self
                .pick(&[0.0f64, -0.0, 1.5, f64::MAX, f64::INFINITY, 1e-310])
                .to_bits(),
            (Type::F64, _) => finite(self.next(), 0x7ff0 << 48),
        };
        if ty.bytes() == 4 {
            bits & 0xffff_ffff
        } else {
            bits
        }
    }
}

fn finite(bits: u64, exponent: u64) -> u64 {
    if bits & exponent == exponent {
        bits & !exponent
    } else {
        bits
    }
}

/// Slots of each type.
const PER_TYPE: u64 = 5;

/// The slots of random cases: five of each type, then the cells of `f80`.
pub fn slots() -> SlotTable {
    let mut table = SlotTable::default();
    for ty in TYPES {
        for i in 0..PER_TYPE {
            table.push(format!("{ty}_{i}"), ty);
        }
    }
    for i in 0..f80::CELLS {
        table.push(format!("cell_{i}"), Type::V128);
    }
    table
}

/// A random case whose addresses have type `va_type`.
pub fn case(seed: u64, va_type: Type) -> Case {
    let mut rng = Rng::new(seed);
    let slots = Rc::new(slots());
    let count = 1 + rng.below(6);
    let pcs: Vec<u64> = (0..count).map(|i| 0x1000 + i * 0x100).collect();
    let blocks = pcs
        .iter()
        .map(|pc| Gen::new(&mut rng, slots.clone(), *pc, va_type, &pcs).block())
        .collect();
    let mut set = Vec::new();
    for (i, slot) in slots.slots.iter().enumerate() {
        set.push((Slot(i as u16), rng.value(slot.ty)));
    }
    Case {
        name: format!("seed {seed} {va_type}"),
        slots,
        region: Region {
            blocks,
            entries: vec![0],
            lasting: Lasting::Fixed,
            hot: seed.is_multiple_of(2),
        },
        set,
        memory: Vec::new(),
        budget: 20 + rng.below(200) as u32,
    }
}

struct Gen<'a> {
    rng: &'a mut Rng,
    b: Builder,
    va_type: Type,
    pc: u64,
    pcs: &'a [u64],
    /// Values of the instruction at hand, by type.
    pool: [Vec<Val>; TYPES.len()],
}

impl<'a> Gen<'a> {
    fn new(
        rng: &'a mut Rng,
        slots: Rc<SlotTable>,
        pc: u64,
        va_type: Type,
        pcs: &'a [u64],
    ) -> Gen<'a> {
        Gen {
            rng,
            b: Builder::new(slots, pc, 0, va_type),
            va_type,
            pc,
            pcs,
            pool: Default::default(),
        }
    }

    fn block(mut self) -> tinamou_ir::Block {
        let insns = 1 + self.rng.below(7);
        for k in 0..insns {
            self.pool = Default::default();
            let note = self.rng.below(3);
            self.b.insn(self.pc + 4 * k, note);
            self.insn();
        }
        self.terminator();
        self.b.finish(4 * insns as u32)
    }

    fn slot(&mut self, ty: Type) -> Slot {
        Slot((ty as u64 * PER_TYPE + self.rng.below(PER_TYPE)) as u16)
    }

    fn keep(&mut self, v: Val) -> Val {
        let ty = self.b.ty(v);
        self.pool[ty as usize].push(v);
        v
    }

    /// A value of type `ty`: one there is, a slot or a constant.
    fn val(&mut self, ty: Type) -> Val {
        let pool = &self.pool[ty as usize];
        if !pool.is_empty() && !self.rng.one_in(3) {
            return *self.rng.pick(pool);
        }
        let v = if self.rng.one_in(3) {
            self.constant(ty)
        } else {
            let slot = self.slot(ty);
            self.b.get(slot)
        };
        self.keep(v)
    }

    fn constant(&mut self, ty: Type) -> Val {
        if ty == Type::V128 {
            // Lanes of one width with edges among them.
            let mut half = || match self.rng.below(3) {
                0 => self.rng.next(),
                1 => self.rng.value(Type::F64),
                _ => (0..4).fold(0, |v, _| v << 16 | self.rng.value(Type::I32) & 0xffff),
            };
            let bits = half() as u128 | (half() as u128) << 64;
            return self.b.v128(bits);
        }
        let bits = self.rng.value(ty);
        self.b.constant(ty, bits)
    }

    /// A condition that is usually false.
    fn rarely(&mut self) -> Val {
        let x = self.val(Type::I32);
        let n = self.b.i32(0x0800_0000);
        self.b.lt_u(x, n)
    }

    /// A random pure value.
    fn pure(&mut self) {
        let op = *self.rng.pick(ALL);
        if op.info().effect != Effect::Pure {
            return;
        }
        let t = *self.rng.pick(&[Type::I32, Type::I64]);
        let f = *self.rng.pick(&[Type::F32, Type::F64]);
        let any = *self.rng.pick(&TYPES);
        let mut args = Vec::new();
        for sig in op.info().args {
            args.push(match sig {
                Sig::None => break,
                Sig::T => self.val(t),
                Sig::F => self.val(f),
                Sig::Any => self.val(any),
                Sig::I32 => self.val(Type::I32),
                Sig::I64 => self.val(Type::I64),
                Sig::F32 => self.val(Type::F32),
                Sig::F64 => self.val(Type::F64),
                Sig::V => self.val(Type::V128),
                Sig::Va => self.val(self.va_type),
            });
        }
        let v = match op {
            Op::Const => self.constant(any),
            Op::Vshuffle => {
                let from = std::array::from_fn(|_| self.rng.below(32) as u8);
                self.b.shuffle(args[0], args[1], from)
            }
            Op::Select => self.b.select(args[0], args[1], args[2]),
            _ => self.b.push_simple(op, &args),
        };
        let arithmetic = matches!(
            op,
            Op::Fadd
                | Op::Fsub
                | Op::Fmul
                | Op::Fdiv
                | Op::Fsqrt
                | Op::Fnearest
                | Op::Fpromote
                | Op::Fdemote
        );
        let v = if arithmetic { self.no_nan(v) } else { v };
        let v = self.no_nan_lanes(op, v);
        self.keep(v);
    }

    /// `v`, or a constant where it is a NaN: its bits differ between engines.
    fn no_nan(&mut self, v: Val) -> Val {
        let ty = self.b.ty(v);
        let other = self.b.constant(ty, 0x3f80_0000);
        let is_number = self.b.feq(v, v);
        self.b.select(is_number, v, other)
    }

    /// `v`, the result of `op`, with zeros for lanes that may be NaNs of arithmetic.
    fn no_nan_lanes(&mut self, op: Op, v: Val) -> Val {
        use Op::*;
        let equal = match op {
            Vfadd32 | Vfsub32 | Vfmul32 | Vfdiv32 | Vfsqrt32 | Vfnearest32 | Vfdemote => {
                self.b.v_feq32(v, v)
            }
            Vfadd64 | Vfsub64 | Vfmul64 | Vfdiv64 | Vfsqrt64 | Vfnearest64 | Vfpromote => {
                self.b.v_feq64(v, v)
            }
            _ => return v,
        };
        self.b.v_and(v, equal)
    }

    /// An address near RAM, with how it may be accessed.
    fn address(&mut self) -> Val {
        let mask = *self
            .rng
            .pick(&[0xff8, 0xfff, 0x1ff8, 0x1fff, 0x1fff, 0x5fff]);
        let x = self.val(Type::I32);
        let mask = self.b.i32(mask);
        let low = self.b.and(x, mask);
        let page = BASE
            + if self.rng.one_in(4) {
                self.rng.below(6) << 12
            } else {
                0
            };
        // Bases just below a page make sums that cross it.
        let page = if self.rng.one_in(8) { page - 4 } else { page };
        if self.va_type == Type::I32 {
            let base = self.b.i32(page as u32);
            self.b.add(base, low)
        } else {
            let wide = self.b.ext_u(low);
            let base = self.b.i64(page + HIGH);
            self.b.add(wide, base)
        }
    }

    fn mem(&mut self, max_log2: u64) -> MemArg {
        let mut mem = MemArg::new(1 << self.rng.below(max_log2 + 1), self.rng.below(2) as u8);
        mem.big_endian = self.rng.one_in(2);
        mem.aligned = self.rng.one_in(3);
        if max_log2 == 3 && self.rng.one_in(5) {
            mem = MemArg::new(16, mem.mmu);
        }
        mem
    }

    fn load(&mut self, va: Val, mem: MemArg) {
        let ty = match mem.size_log2 {
            4 => Type::V128,
            3 => *self.rng.pick(&[Type::I64, Type::F64]),
            2 => *self.rng.pick(&[Type::I32, Type::I64, Type::F32]),
            _ => *self.rng.pick(&[Type::I32, Type::I64]),
        };
        let signed = ty.is_int() && self.rng.one_in(2);
        let v = self.b.load(
            ty,
            va,
            MemArg {
                signed,
                probe_write: false,
                ..mem
            },
        );
        self.keep(v);
    }

    fn store(&mut self, va: Val, mem: MemArg) {
        let mem = MemArg {
            probe_write: false,
            ..mem
        };
        let ty = match mem.size_log2 {
            4 => Type::V128,
            3 => *self.rng.pick(&[Type::I64, Type::F64]),
            2 => *self.rng.pick(&[Type::I32, Type::I64, Type::F32]),
            _ => *self.rng.pick(&[Type::I32, Type::I64]),
        };
        let v = self.val(ty);
        if self.rng.one_in(4) {
            let c = self.val(Type::I32);
            self.b.store_if(c, va, v, mem);
        } else {
            self.b.store(va, v, mem);
        }
    }

    /// What may fault, in an order that has no effect before the last fault.
    fn accesses(&mut self) {
        let mut mem = self.mem(3);
        match self.rng.below(8) {
            0 | 1 => {
                let va = self.address();
                self.load(va, mem);
            }
            2 | 3 => {
                let va = self.address();
                self.store(va, mem);
            }
            4 => {
                let (va, second) = (self.address(), self.address());
                mem.probe_write = self.rng.one_in(2);
                self.b.probe(second, mem);
                let first = self.mem(3);
                self.load(va, first);
                if mem.probe_write {
                    self.store(second, mem)
                } else {
                    self.load(second, mem)
                }
            }
            5 => {
                let (c, x) = (self.rarely(), self.val(Type::I64));
                let name = if self.rng.one_in(2) {
                    HelperId(2)
                } else {
                    HelperId(4)
                };
                let v = self.b.call(name, &[c, x]);
                self.keep(v);
            }
            _ => {}
        }
    }

    fn insn(&mut self) {
        for _ in 0..1 + self.rng.below(6) {
            self.pure();
        }
        if self.rng.one_in(6) {
            let (c, code) = (self.rarely(), self.rng.below(32) as u32);
            self.b.trap_if(c, code);
        }
        self.accesses();
        for _ in 0..self.rng.below(5) {
            self.pure();
        }
        let effects = 1 + self.rng.below(4);
        for _ in 0..effects {
            match self.rng.below(10) {
                0 => self.call(),
                1 => self.pure(),
                2 => self.f80(),
                _ => {
                    let ty = *self.rng.pick(&TYPES);
                    let (slot, v) = (self.slot(ty), self.val(ty));
                    self.b.set(slot, v);
                }
            }
        }
        if self.rng.one_in(8) {
            let (c, pc) = (self.rarely(), self.target());
            self.b.exit_if(c, pc);
        }
    }

    /// Something on 80-bit registers: two numbers are pushed, usually near each other, and something is done with them.
    fn f80(&mut self) {
        let do_it = |g: &mut Self, what, from, i, pops: u8, args: &[Val]| {
            let slot = (TYPES.len() as u64 * PER_TYPE) as u16;
            let op = F80 {
                what,
                from,
                i,
                pops,
                slot,
            };
            let v = g.b.f80(op, args);
            g.keep(v)
        };
        for i in [6, 7] {
            do_it(self, What::Free, From::Reg, i, 0, &[]);
        }
        let exponent = *self
            .rng
            .pick(&[f80::BIAS, f80::BIAS, f80::BIAS + 900, 70, 0x7f80]);
        for _ in 0..2 {
            let m = match self.rng.below(5) {
                0 => 1 << 63,
                1 => u64::MAX << self.rng.below(40),
                2 => self.rng.next(),
                _ => self.rng.next() | 1 << 63,
            };
            let near = *self.rng.pick(&[2, 5, 70, 200]);
            let (e, sign) = (exponent + self.rng.below(near) as u32, self.rng.below(2));
            let e = e | (sign as u32) << 15;
            let args = [self.b.i64(m), self.b.i32(e)];
            do_it(self, What::Push, From::F80, 0, 0, &args);
        }
        for _ in 0..3 {
            let what = *self.rng.pick(What::ALL);
            let from = *self.rng.pick(match what {
                What::Push => From::ALL,
                What::Narrow => &[From::F32, From::F64, From::F80],
                _ => &[From::Reg, From::Top, From::F32, From::F64, From::Int],
            });
            let v = match from {
                From::F32 => {
                    let v = self.rng.value(Type::F32);
                    self.b.i64(v)
                }
                From::F64 => {
                    let v = self.val(Type::F64);
                    self.b.bits64(v)
                }
                _ => self.val(Type::I64),
            };
            let e = self.b.i32(exponent);
            let (i, pops) = (self.rng.below(3) as u8, *self.rng.pick(&[0, 0, 0, 0, 1, 2]));
            do_it(self, what, from, i, pops, &[v, e]);
        }
        let what = [What::Significand, What::Tag, What::Status, What::Scratch];
        for what in what {
            let v = do_it(self, what, From::Reg, 0, 0, &[]);
            let slot = self.slot(self.b.ty(v));
            self.b.set(slot, v);
        }
    }

    /// A call that does not fault.
    fn call(&mut self) {
        // No helper takes a `v128`.
        let ty = *self.rng.pick(&TYPES[..4]);
        let (x, y) = (self.val(ty), self.val(Type::I64));
        let v = match self.rng.below(5) {
            0 => self.b.call(HelperId(0), &[x, y, x]),
            1 => self.b.call(HelperId(1), &[x]),
            2 => self.b.call(HelperId(3), &[]),
            3 => self.b.call(HelperId(5), &[]),
            _ => {
                let (c, constant) = (self.val(Type::I32), self.rng.value(Type::I64));
                let helper = if self.rng.one_in(2) {
                    HelperId(0)
                } else {
                    HelperId(5)
                };
                self.b.call_if(c, helper, x, y, constant)
            }
        };
        self.keep(v);
    }

    /// A block of the region, rarely another address.
    fn target(&mut self) -> u64 {
        if self.rng.one_in(6) {
            0x9000 + self.rng.below(16) * 4
        } else {
            *self.rng.pick(self.pcs)
        }
    }

    fn terminator(&mut self) {
        let (x, y) = (self.target(), self.target());
        match self.rng.below(10) {
            0 | 1 => self.b.jump(x),
            2 => {
                let c = self.val(Type::I32);
                let (p, q) = (self.b.va(x), self.b.va(y));
                let to = self.b.select(c, p, q);
                let kind = *self
                    .rng
                    .pick(&[JumpKind::Jump, JumpKind::Call, JumpKind::Return]);
                self.b.jump_ind(to, kind);
            }
            3 if self.rng.one_in(2) => self.b.leave(x),
            3 => {
                let to = self.b.va(y);
                self.b.leave_ind(to);
            }
            4 if self.rng.one_in(3) => {
                // In an instruction of its own: effects do not stand before it.
                self.b.insn(self.pc + 0x80, 0);
                self.b.raise(9);
            }
            _ => {
                let c = if self.rng.one_in(3) {
                    self.val(Type::I32)
                } else {
                    let ty = *self.rng.pick(&[Type::I32, Type::I64]);
                    let (p, q) = (self.val(ty), self.val(ty));
                    let op = *self
                        .rng
                        .pick(&[Op::Eq, Op::Ne, Op::LtU, Op::LtS, Op::LeU, Op::LeS]);
                    self.b.push_simple(op, &[p, q])
                };
                self.b.branch(c, x, y);
            }
        }
    }
}
