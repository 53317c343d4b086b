//! Wasm for the op `f80`: what `tinamou_ir::f80` says, in line and without a branch but those to the refusal. An op leaves its result on the stack.

use tinamou_ir::block::Inst;
use tinamou_ir::f80::{BIAS, EMPTY, F80, From, MAGNITUDE, SIGN, What, at};
use tinamou_ir::types::Type;
use wasm_encoder::{BlockType, MemArg, ValType};

use crate::block::BlockCode;
use crate::func::{self, VCPU};

/// Significand and tag word in locals.
type Number = (u32, u32);

/// A binary format: bits of its exponent and of its fraction.
#[derive(Clone, Copy)]
struct Format {
    exponent: u32,
    fraction: u32,
}

const SINGLE: Format = Format {
    exponent: 8,
    fraction: 23,
};
const DOUBLE: Format = Format {
    exponent: 11,
    fraction: 52,
};

impl Format {
    fn of(from: From) -> Format {
        match from {
            From::F32 => SINGLE,
            _ => DOUBLE,
        }
    }

    /// What is added to its exponent.
    fn bias(self) -> i32 {
        BIAS as i32 - ((1 << (self.exponent - 1)) - 1)
    }

    /// Exponents above 0 and below that of infinity.
    fn normal(self) -> i32 {
        (1 << self.exponent) - 2
    }
}

/// One op being emitted, and the locals it took.
struct Emit<'e, 'f, 'a> {
    code: &'e mut BlockCode<'f, 'a>,
    op: F80,
    /// Byte offset of the cells in the state.
    cells: u32,
    /// Times 16.
    top: u32,
    taken: Vec<(Type, u32)>,
}

impl BlockCode<'_, '_> {
    /// Emits an `f80`.
    pub fn f80(&mut self, inst: &Inst) {
        let Some(op) = F80::unpack(inst.imm) else {
            unreachable!("{:#x} is no f80 op", inst.imm)
        };
        let cells = self.f.env.slots.slots[op.slot as usize].offset;
        let operands = [0, 1].map(|k| {
            let v = inst.args[k];
            v.is_some().then(|| (self.in_local(v), self.def(v).ty))
        });
        let mut e = Emit {
            code: self,
            op,
            cells,
            top: 0,
            taken: Vec::new(),
        };
        let [v, x] = operands.map(|o| o.map(|((local, _), _)| local));
        e.emit(v, x);
        let taken = std::mem::take(&mut e.taken);
        for (ty, local) in taken {
            self.f.give(ty, local);
        }
        for (local, ty) in operands.into_iter().flatten() {
            self.release(ty, local);
        }
    }
}

macro_rules! asm {
    ($e:expr; $( $name:ident $( ( $($arg:expr),* ) )? ),* $(,)?) => {{
        let mut i = $e.code.f.i();
        i $( .$name($( $($arg),* )?) )*;
    }};
}

impl Emit<'_, '_, '_> {
    fn i32(&mut self) -> u32 {
        self.local(Type::I32)
    }

    fn i64(&mut self) -> u32 {
        self.local(Type::I64)
    }

    fn local(&mut self, ty: Type) -> u32 {
        let local = self.code.f.take(ty);
        self.taken.push((ty, local));
        local
    }

    /// A word of the cells, behind the state's address.
    fn at(&self, offset: u32) -> MemArg {
        func::at(self.cells + offset)
    }

    fn load_top(&mut self) {
        self.top = self.i32();
        let (top, word) = (self.top, self.at(at::TOP));
        asm!(self; local_get(VCPU), i32_load(word), local_set(top));
    }

    /// The address of register `i`, to which `at` is added.
    fn cell(&mut self, i: u32) -> u32 {
        let (top, to) = (self.top, self.i32());
        asm!(self; local_get(top));
        if i != 0 {
            asm!(self; i32_const(16 * i as i32), i32_add, i32_const(0x70), i32_and);
        }
        asm!(self; local_get(VCPU), i32_add, local_set(to));
        to
    }

    fn number(&mut self, cell: u32) -> Number {
        let (m, tag) = (self.i64(), self.i32());
        let (low, high) = (self.at(0), self.at(at::TAG));
        asm!(self; local_get(cell), i64_load(low), local_set(m), local_get(cell), i32_load(high), local_set(tag));
        (m, tag)
    }

    fn put(&mut self, cell: u32, (m, tag): Number) {
        let (low, high) = (self.at(0), self.at(at::TAG));
        asm!(self; local_get(cell), local_get(m), i64_store(low), local_get(cell), local_get(tag), i32_store(high));
    }

    /// Sets a word to a constant.
    fn set(&mut self, offset: u32, v: i32) {
        let word = self.at(offset);
        asm!(self; local_get(VCPU), i32_const(v), i32_store(word));
    }

    /// Pops as often as the op says; register 0 is at `first`.
    fn pop(&mut self, first: u32) {
        if self.op.pops == 0 {
            return;
        }
        self.mark_empty(first);
        if self.op.pops > 1 {
            let next = self.cell(1);
            self.mark_empty(next);
        }
        let word = self.at(at::TOP);
        let (top, by) = (self.top, 16 * self.op.pops as i32);
        asm!(self; local_get(VCPU), local_get(top), i32_const(by), i32_add, i32_const(0x70), i32_and, i32_store(word));
    }

    fn mark_empty(&mut self, cell: u32) {
        let word = self.at(at::TAG);
        asm!(self; local_get(cell), local_get(cell), i32_load(word), i32_const(EMPTY as i32), i32_or, i32_store(word));
    }

    fn emit(&mut self, v: Option<u32>, e: Option<u32>) {
        let i = self.op.i as u32;
        match self.op.what {
            What::Scratch => {
                let word = self.at(at::SCRATCH);
                return asm!(self; local_get(VCPU), i64_load(word));
            }
            What::Control => {
                let word = self.at(at::CONTROL);
                return asm!(self; local_get(VCPU), i32_load(word));
            }
            What::Status => {
                let [status, inexact, c1, top] =
                    [at::STATUS, at::INEXACT, at::C1, at::TOP].map(|w| self.at(w));
                return asm!(self;
                    local_get(VCPU), i32_load(status),
                    local_get(VCPU), i32_load(inexact), i32_const(5), i32_shl, i32_or,
                    local_get(VCPU), i32_load(c1), i32_const(9), i32_shl, i32_or,
                    local_get(VCPU), i32_load(top), i32_const(7), i32_shl, i32_or);
            }
            _ => self.load_top(),
        }
        match self.op.what {
            What::Significand => {
                let (cell, word) = (self.cell(i), self.at(0));
                return asm!(self; local_get(cell), i64_load(word));
            }
            What::Tag => {
                let (cell, word) = (self.cell(i), self.at(at::TAG));
                return asm!(self; local_get(cell), i32_load(word));
            }
            What::Stored => {
                self.stored();
                return asm!(self; i32_const(0));
            }
            What::Put => {
                let cell = self.cell(i);
                self.put(cell, (v.unwrap_or(VCPU), e.unwrap_or(VCPU)));
                return asm!(self; i32_const(0));
            }
            What::Free => {
                let (cell, first) = (self.cell(i), self.cell(0));
                self.mark_empty(cell);
                self.set(at::C1, 0);
                self.pop(first);
                return asm!(self; i32_const(0));
            }
            _ => {}
        }
        // What is not there is not asked for.
        let (v, e) = (v.unwrap_or(VCPU), e.unwrap_or(VCPU));
        asm!(self; block(BlockType::Result(ValType::I32)), i32_const(1));
        match self.op.what {
            What::Push => self.push(v, e),
            What::Narrow => self.narrow(),
            What::Copy | What::Swap | What::Negate | What::Abs => self.shuffle(),
            What::Compare => drop(self.compare(v, e)),
            What::Order => {
                let flags = self.compare(v, e);
                return asm!(self; drop, local_get(flags), end);
            }
            _ => self.arithmetic(v, e),
        }
        asm!(self; drop, i32_const(0), end);
    }

    /// Refuses if the i32 on the stack is not 0.
    fn refuse_if(&mut self) {
        self.code.f.br_if_cold(0);
    }

    fn stored(&mut self) {
        let (flags, c1, status) = (self.at(at::FLAGS), self.at(at::C1), self.at(at::STATUS));
        let f = self.i32();
        asm!(self;
            local_get(VCPU), i32_load(flags), local_set(f),
            local_get(VCPU), local_get(f), i32_const(9), i32_shr_u, i32_const(1), i32_and, i32_store(c1),
            local_get(VCPU), local_get(VCPU), i32_load(status), local_get(f), i32_const(0x7f), i32_and, i32_or, i32_store(status));
        let first = self.cell(0);
        self.pop(first);
    }

    /// Copies and changes of signs.
    fn shuffle(&mut self) {
        let first = self.cell(0);
        let a = self.number(first);
        let full = |e: &mut Self, tag| {
            asm!(e; local_get(tag), i32_const(EMPTY as i32), i32_and);
            e.refuse_if();
        };
        match self.op.what {
            What::Copy => {
                full(self, a.1);
                if self.op.i != 0 {
                    let to = self.cell(self.op.i as u32);
                    self.put(to, a);
                }
            }
            What::Swap => {
                let other = self.cell(self.op.i as u32);
                let b = self.number(other);
                asm!(self; local_get(a.1), local_get(b.1), i32_or, i32_const(EMPTY as i32), i32_and);
                self.refuse_if();
                self.put(other, a);
                self.put(first, b);
            }
            what => {
                full(self, a.1);
                let high = self.at(at::TAG);
                asm!(self; local_get(first), local_get(a.1));
                if what == What::Negate {
                    asm!(self; i32_const(SIGN as i32), i32_xor);
                } else {
                    asm!(self; i32_const(!SIGN as i32), i32_and);
                }
                asm!(self; i32_store(high));
            }
        }
        self.set(at::C1, 0);
        self.pop(first);
    }

    fn push(&mut self, v: u32, e: u32) {
        let top = self.top;
        let n = match self.op.from {
            From::Reg | From::Top => {
                let from = self.cell(self.op.i as u32);
                let n = self.number(from);
                asm!(self; local_get(n.1), i32_const(EMPTY as i32), i32_and);
                self.refuse_if();
                n
            }
            From::F80 => (v, e),
            From::Int => self.integer(v),
            from => self.widen(Format::of(from), v, true),
        };
        let (high, word) = (self.at(at::TAG), self.at(at::TOP));
        asm!(self; local_get(top), i32_const(16), i32_sub, i32_const(0x70), i32_and, local_set(top));
        let to = self.cell(0);
        asm!(self; local_get(to), i32_load(high), i32_const(EMPTY as i32), i32_and, i32_eqz);
        self.refuse_if();
        self.put(to, n);
        asm!(self; local_get(VCPU), local_get(top), i32_store(word));
        self.set(at::C1, 0);
        self.pop(to);
    }

    /// The number of these bits, if it is normal or, with `zero`, a zero.
    fn widen(&mut self, f: Format, v: u32, zero: bool) -> Number {
        let (m, tag, some) = (self.i64(), self.i32(), self.i32());
        let sign = (f.exponent + f.fraction) as i64;
        let ones = (1i32 << f.exponent) - 1;
        asm!(self;
            local_get(v), i64_const(f.fraction as i64), i64_shr_u, i32_wrap_i64, i32_const(ones), i32_and, local_tee(tag),
            i32_const(1), i32_sub, i32_const(f.normal()), i32_ge_u);
        if zero {
            asm!(self; local_get(v), i64_const(64 - sign), i64_shl, i64_const(0), i64_ne, local_tee(some), i32_and);
        }
        self.refuse_if();
        asm!(self; local_get(v), i64_const(63 - f.fraction as i64), i64_shl);
        if zero {
            asm!(self; local_get(some), i64_extend_i32_u, i64_const(63), i64_shl);
        } else {
            asm!(self; i64_const(i64::MIN));
        }
        // The exponent's lowest bit lies where the top bit goes.
        asm!(self; i64_or, local_set(m), local_get(tag), i32_const(f.bias()), i32_add);
        if zero {
            asm!(self; i32_const(0), local_get(some), select);
        }
        asm!(self; local_get(v), i64_const(sign - 15), i64_shr_u, i32_wrap_i64, i32_const(SIGN as i32), i32_and, i32_or, local_set(tag));
        (m, tag)
    }

    fn integer(&mut self, v: u32) -> Number {
        let (m, tag, low) = (self.i64(), self.i32(), self.i64());
        asm!(self;
            local_get(v), local_get(v), i64_const(63), i64_shr_s, local_tee(low), i64_xor, local_get(low), i64_sub, local_tee(m),
            i64_clz, local_set(low),
            local_get(m), local_get(low), i64_shl, local_set(m),
            i32_const(BIAS as i32 + 63), local_get(low), i32_wrap_i64, i32_sub,
            local_get(v), i64_const(48), i64_shr_u, i32_wrap_i64, i32_const(SIGN as i32), i32_and, i32_or,
            i32_const(0), local_get(v), i64_const(0), i64_ne, select, local_set(tag));
        (m, tag)
    }

    /// Pushes 1 unless the tag word is that of a number with a usual exponent.
    fn is_odd(&mut self, tag: u32) {
        asm!(self; local_get(tag), i32_const(MAGNITUDE as i32), i32_and, i32_const(1), i32_sub, i32_const(0x7ffe), i32_ge_u);
    }

    fn narrow(&mut self) {
        let f = Format::of(self.op.from);
        let first = self.cell(0);
        let (m, tag) = self.number(first);
        let (scratch, flags) = (self.at(at::SCRATCH), self.at(at::FLAGS));
        if self.op.from == From::F80 {
            asm!(self; local_get(tag), i32_const(EMPTY as i32), i32_and);
            self.refuse_if();
            return asm!(self;
                local_get(VCPU), local_get(m), i64_store(scratch),
                local_get(VCPU), i32_const(0), i32_store(flags));
        }
        let sign = (f.exponent + f.fraction) as i64;
        let drop = 63 - f.fraction as i64;
        let shifted = self.i64();
        // A zero.
        asm!(self;
            local_get(tag), i64_extend_i32_u, i64_const(15), i64_shr_u, i64_const(sign), i64_shl, local_set(shifted),
            local_get(tag), i32_const(MAGNITUDE as i32), i32_and, i64_extend_i32_u, local_get(m), i64_or, i64_eqz,
            if_(BlockType::Empty),
            local_get(VCPU), local_get(shifted), i64_store(scratch),
            local_get(VCPU), i32_const(0), i32_store(flags),
            else_, i32_const(1));
        // Within the smaller range, which is within the larger one; an empty register is outside.
        let e = self.i32();
        asm!(self;
            local_get(tag), i32_const(MAGNITUDE as i32), i32_and, i32_const(f.bias()), i32_sub, local_tee(e),
            i32_const(2), i32_sub, i32_const(f.normal() - 2), i32_ge_u,
            local_get(m), i64_const(0), i64_ge_s, i32_or);
        self.code.f.br_if_cold(1);
        asm!(self; drop);
        let (rest, up) = (self.i64(), self.i64());
        asm!(self;
            local_get(m), i64_const((1 << drop) - 1), i64_and, local_tee(rest),
            i64_const((1 << (drop - 1)) - 1), i64_add,
            local_get(m), i64_const(drop), i64_shr_u, i64_const(1), i64_and, i64_add,
            i64_const(drop), i64_shr_u, local_set(up),
            local_get(VCPU),
            local_get(e), i32_const(1), i32_sub, i64_extend_i32_u, i64_const(f.fraction as i64), i64_shl,
            local_get(m), i64_const(drop), i64_shr_u, i64_add, local_get(up), i64_add, local_get(shifted), i64_or, i64_store(scratch),
            local_get(VCPU),
            local_get(rest), i64_const(0), i64_ne, i32_const(5), i32_shl,
            local_get(up), i32_wrap_i64, i32_const(9), i32_shl, i32_or, i32_store(flags),
            end);
    }

    fn arithmetic(&mut self, v: u32, e: u32) {
        let op = self.op;
        let first = self.cell(0);
        let (to, a, b) = match op.from {
            From::Top | From::Reg => {
                let x = self.number(first);
                let other = self.cell(op.i as u32);
                let y = self.number(other);
                if op.from == From::Top {
                    (other, y, x)
                } else {
                    (first, x, y)
                }
            }
            from => {
                let x = self.number(first);
                let y = match from {
                    From::Int => self.integer(v),
                    From::F80 => (v, e),
                    _ => self.widen(Format::of(from), v, false),
                };
                (first, x, y)
            }
        };
        // Both normal numbers.
        self.is_odd(a.1);
        asm!(self; local_get(a.0));
        if !matches!(op.from, From::F32 | From::F64) {
            asm!(self; local_get(b.0), i64_and);
        }
        asm!(self; i64_const(0), i64_ge_s, i32_or);
        if !matches!(op.from, From::F32 | From::F64) {
            self.is_odd(b.1);
            asm!(self; i32_or);
        }
        self.refuse_if();
        if op.what == What::Mul {
            self.mul(to, a, b);
        } else {
            let minus = if op.what == What::Sub { b } else { a };
            if op.what != What::Add {
                asm!(self; local_get(minus.1), i32_const(SIGN as i32), i32_xor, local_set(minus.1));
            }
            self.add(to, a, b);
        }
        self.pop(first);
    }

    /// Pushes 1 unless it is a normal number or a zero.
    fn is_rare(&mut self, n: Number) {
        self.is_odd(n.1);
        asm!(self;
            local_get(n.0), i64_const(0), i64_ge_s, i32_or,
            local_get(n.1), i32_const(MAGNITUDE as i32), i32_and, i64_extend_i32_u, local_get(n.0), i64_or, i64_const(0), i64_ne, i32_and);
    }

    /// Compares, and for `Order` gives the local with the result.
    fn compare(&mut self, v: u32, e: u32) -> u32 {
        let first = self.cell(0);
        let a = self.number(first);
        let b = match self.op.from {
            From::Reg => {
                let other = self.cell(self.op.i as u32);
                self.number(other)
            }
            From::Top => self.number(first),
            From::Int => self.integer(v),
            From::F80 => (v, e),
            from => self.widen(Format::of(from), v, true),
        };
        self.is_rare(a);
        self.is_rare(b);
        asm!(self; i32_or);
        self.refuse_if();
        let (x, y, less, same) = (self.i32(), self.i32(), self.i32(), self.i32());
        // Of negative numbers the other one is less.
        asm!(self;
            local_get(a.1), i32_const(0x7fff), i32_and, local_tee(x),
            local_get(b.1), i32_const(0x7fff), i32_and, local_tee(y), i32_lt_u,
            local_get(a.0), local_get(b.0), i64_lt_u,
            local_get(x), local_get(y), i32_ne, select,
            local_get(a.1), i32_const(15), i32_shr_u, local_tee(less), i32_xor,
            local_get(less),
            local_get(a.1), local_get(b.1), i32_xor, i32_const(SIGN as i32), i32_and, i32_eqz, select, local_set(less),
            local_get(a.0), local_get(b.0), i64_or, i64_eqz,
            local_get(a.0), local_get(b.0), i64_eq, local_get(a.1), local_get(b.1), i32_eq, i32_and, i32_or, local_tee(same),
            i32_eqz, local_get(less), i32_and, local_set(less));
        if self.op.what == What::Compare {
            let status = self.at(at::STATUS);
            asm!(self;
                local_get(VCPU),
                local_get(VCPU), i32_load(status), i32_const(!0x4500), i32_and,
                local_get(less), i32_const(8), i32_shl, i32_or,
                local_get(same), i32_const(14), i32_shl, i32_or, i32_store(status));
            self.set(at::C1, 0);
        } else {
            asm!(self; local_get(less), i32_const(8), i32_shl, local_get(same), i32_const(14), i32_shl, i32_or, local_set(less));
        }
        self.pop(first);
        less
    }

    fn mul(&mut self, to: u32, a: Number, b: Number) {
        let (hi, lo, low) = (self.i64(), self.i64(), self.i64());
        let e = self.i32();
        self.product(hi, lo, a.0, b.0);
        asm!(self;
            // 1 if the top bit is clear.
            local_get(hi), i64_const(63), i64_shr_s, i64_const(1), i64_add, local_set(low),
            local_get(a.1), i32_const(0x7fff), i32_and, local_get(b.1), i32_const(0x7fff), i32_and, i32_add,
            i32_const(BIAS as i32 - 1), i32_sub, local_get(low), i32_wrap_i64, i32_sub, local_set(e),
            local_get(hi), local_get(low), i64_shl,
            local_get(lo), i64_const(63), i64_shr_u, local_get(low), i64_and, i64_or, local_set(hi),
            local_get(lo), local_get(low), i64_shl, local_set(lo),
            local_get(a.1), local_get(b.1), i32_xor, local_set(a.1));
        self.round(to, a.1, e, hi, lo);
    }

    /// The halves of an unsigned product, `a` and `b` being overwritten.
    fn product(&mut self, hi: u32, lo: u32, a: u32, b: u32) {
        if self.code.f.env.features.wide_multiply {
            return asm!(self; local_get(a), local_get(b), i64_mul_wide_u, local_set(hi), local_set(lo));
        }
        let (al, bl, t) = (self.i64(), self.i64(), self.i64());
        let low = u32::MAX as i64;
        asm!(self;
            local_get(a), local_get(b), i64_mul, local_set(lo),
            local_get(a), i64_const(low), i64_and, local_set(al),
            local_get(b), i64_const(low), i64_and, local_set(bl),
            local_get(a), i64_const(32), i64_shr_u, local_set(a),
            local_get(b), i64_const(32), i64_shr_u, local_set(b),
            // a.hi * b.lo + (a.lo * b.lo >> 32)
            local_get(a), local_get(bl), i64_mul,
            local_get(al), local_get(bl), i64_mul, i64_const(32), i64_shr_u, i64_add, local_set(t),
            // (a.lo * b.hi + t.lo >> 32) + t.hi + a.hi * b.hi
            local_get(al), local_get(b), i64_mul, local_get(t), i64_const(low), i64_and, i64_add, i64_const(32), i64_shr_u,
            local_get(t), i64_const(32), i64_shr_u, i64_add,
            local_get(a), local_get(b), i64_mul, i64_add, local_set(hi));
    }

    fn add(&mut self, to: u32, a: Number, b: Number) {
        let (ea, eb, n, less, sign) = (self.i32(), self.i32(), self.i32(), self.i32(), self.i32());
        let (mx, my, by, minus, hi, lo, x) = (
            self.i64(),
            self.i64(),
            self.i64(),
            self.i64(),
            self.i64(),
            self.i64(),
            self.i64(),
        );
        asm!(self;
            local_get(a.1), i32_const(0x7fff), i32_and, local_tee(ea),
            local_get(b.1), i32_const(0x7fff), i32_and, local_tee(eb), i32_sub, local_set(n),
            // The first is the lesser one in magnitude: they change places.
            local_get(a.0), local_get(b.0), i64_lt_u,
            local_get(n), i32_const(0), i32_lt_s,
            local_get(n), i32_eqz, select, local_set(less),
            local_get(b.0), local_get(a.0), local_get(less), select, local_set(mx),
            local_get(a.0), local_get(b.0), local_get(less), select, local_set(my),
            local_get(b.1), local_get(a.1), local_get(less), select, local_set(sign),
            local_get(eb), local_get(ea), local_get(less), select, local_set(ea),
            i32_const(0), local_get(n), i32_sub, local_get(n), local_get(less), select, local_tee(n),
            i32_const(63), i32_gt_u);
        self.refuse_if();
        asm!(self;
            local_get(n), i64_extend_i32_u, local_set(by),
            i64_const(0), local_get(a.1), local_get(b.1), i32_xor, i32_const(15), i32_shr_u, i32_const(1), i32_and,
            i64_extend_i32_u, i64_sub, local_set(minus),
            // A bit to the right, as there may be a carry; the lesser one's bits are turned and 1 is added to subtract it.
            local_get(mx), i64_const(63), i64_shl, local_get(minus), i64_sub, local_tee(x),
            local_get(my), i64_const(63), local_get(by), i64_sub, i64_shl, local_get(minus), i64_xor, i64_add, local_tee(lo),
            local_get(x), i64_lt_u, i64_extend_i32_u,
            local_get(mx), i64_const(1), i64_shr_u, i64_add,
            local_get(my), i64_const(1), i64_shr_u, local_get(by), i64_shr_u, local_get(minus), i64_xor, i64_add, local_tee(hi),
            i64_eqz);
        self.refuse_if();
        asm!(self;
            local_get(hi), i64_clz, local_set(by),
            local_get(ea), i32_const(1), i32_add, local_get(by), i32_wrap_i64, i32_sub, local_set(ea),
            local_get(hi), local_get(by), i64_shl,
            local_get(lo), i64_const(1), i64_shr_u, i64_const(63), local_get(by), i64_sub, i64_shr_u, i64_or, local_set(hi),
            local_get(lo), local_get(by), i64_shl, local_set(lo));
        self.round(to, sign, ea, hi, lo);
    }

    /// Rounds `m` and what follows it to the register at `to`.
    fn round(&mut self, to: u32, sign: u32, e: u32, m: u32, rest: u32) {
        let (half, up) = (self.i64(), self.i32());
        let (low, high, c1, inexact) = (
            self.at(0),
            self.at(at::TAG),
            self.at(at::C1),
            self.at(at::INEXACT),
        );
        asm!(self;
            local_get(m), i64_const(1), i64_and, i64_const(i64::MAX), i64_add, local_tee(half),
            local_get(rest), i64_add, local_get(half), i64_lt_u, local_tee(up),
            i64_extend_i32_u, local_get(m), i64_add, local_tee(m), i64_eqz,
            local_get(e), i32_const(2), i32_sub, i32_const(0x7ffc), i32_ge_u, i32_or);
        self.refuse_if();
        asm!(self;
            local_get(to), local_get(m), i64_store(low),
            local_get(to), local_get(sign), i32_const(SIGN as i32), i32_and, local_get(e), i32_or, i32_store(high),
            local_get(VCPU), local_get(up), i32_store(c1),
            local_get(VCPU), local_get(VCPU), i32_load(inexact), local_get(rest), i64_const(0), i64_ne, i32_or, i32_store(inexact));
    }
}
