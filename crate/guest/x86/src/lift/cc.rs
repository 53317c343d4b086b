//! Flags: setting the recipe, and conditions from it. Within a block the lifter often knows the recipe; otherwise a pure helper works the flags
//! out.

use tinamou_ir::{Type, Val};

use super::Lifter;
use crate::{flags, helpers};

/// What is known of the recipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    kind: u32,
    lg: u32,
    /// OF is overridden.
    of_set: bool,
    /// CF is the one of this recipe.
    cf: bool,
}

impl Lifter<'_> {
    /// A value of 2^`lg` bytes (clean above) as the flags' operands are kept.
    pub fn cc_word(&mut self, v: Val, lg: u32) -> Val {
        let v = self.sext(v, lg);
        if self.wide && lg < 3 {
            self.b.ext_s(v)
        } else {
            v
        }
    }

    /// Sign-extends a value of 2^`lg` bytes within its type.
    pub fn sext(&mut self, v: Val, lg: u32) -> Val {
        match lg {
            0 => self.b.sext8(v),
            1 => self.b.sext16(v),
            _ => v,
        }
    }

    /// Sets the recipe.
    pub fn set_cc(&mut self, kind: u32, lg: u32, a: Val, b: Option<Val>) {
        let op = self.b.i32(kind << 2 | lg);
        self.set_cc_op(op, kind, lg, a, b);
    }

    /// Sets the recipe, whose word is computed.
    pub fn set_cc_op(&mut self, op: Val, kind: u32, lg: u32, a: Val, b: Option<Val>) {
        let r = &self.cpu.regs;
        let (slot_op, slot_a, slot_b) = (r.cc_op, r.cc_a, r.cc_b);
        let a = self.cc_word(a, lg);
        self.b.set(slot_a, a);
        if let Some(b) = b {
            let b = self.cc_word(b, lg);
            self.b.set(slot_b, b);
        }
        self.b.set(slot_op, op);
        self.known = Some(Known {
            kind,
            lg,
            of_set: false,
            cf: true,
        });
    }

    /// Sets the recipe if `c` is not 0; operands are as they are kept.
    pub fn set_cc_if(&mut self, c: Val, op: Val, a: Val, b: Val) {
        let r = &self.cpu.regs;
        for (slot, new) in [(r.cc_op, op), (r.cc_a, a), (r.cc_b, b)] {
            let old = self.b.get(slot);
            let v = self.b.select(c, new, old);
            self.b.set(slot, v);
        }
        self.known = None;
    }

    /// Sets CF.
    pub fn set_cf(&mut self, v: Val) {
        self.b.set(self.cpu.regs.cf, v);
        if let Some(k) = &mut self.known {
            k.cf = false;
        }
    }

    /// CF is older than the recipe.
    pub fn cf_is_apart(&mut self) {
        if let Some(k) = &mut self.known {
            k.cf = false;
        }
    }

    /// Sets CF as it goes with the recipe just set.
    pub fn set_cf_with(&mut self, v: Val) {
        self.b.set(self.cpu.regs.cf, v);
    }

    /// CF.
    pub fn cf(&mut self) -> Val {
        self.b.get(self.cpu.regs.cf)
    }

    /// Flags of a logical operation.
    pub fn set_logic(&mut self, r: Val, lg: u32) {
        let zero = self.zero(lg);
        self.set_cc(flags::SUB, lg, r, Some(zero));
        let zero = self.b.i32(0);
        self.set_cf_with(zero);
    }

    /// The recipe is not known any more.
    pub fn forget_cc(&mut self) {
        self.known = None;
    }

    /// The recipe's flags (PF, AF, ZF, SF, OF) as a word.
    pub fn recipe_flags(&mut self) -> Val {
        let r = &self.cpu.regs;
        let (op, a, b) = (r.cc_op, r.cc_a, r.cc_b);
        let (op, a, b) = (self.b.get(op), self.b.get(a), self.b.get(b));
        let f = self.b.call(helpers::CC_EVAL, &[op, a, b]);
        self.b.wrap(f)
    }

    /// Sets the recipe's flags from a word that has only them.
    pub fn set_recipe_flags(&mut self, f: Val) {
        let f = if self.wide { self.b.ext_u(f) } else { f };
        let (op, a) = (self.cpu.regs.cc_op, self.cpu.regs.cc_a);
        let kind = self.b.i32(flags::FLAGS << 2 | 2);
        self.b.set(a, f);
        self.b.set(op, kind);
        self.known = Some(Known {
            kind: flags::FLAGS,
            lg: 2,
            of_set: false,
            cf: false,
        });
    }

    /// Sets CF and the recipe's flags from one word.
    pub fn set_arith_flags(&mut self, f: Val) {
        let (one, mask) = (self.b.i32(1), self.b.i32(flags::RECIPE));
        let cf = self.b.and(f, one);
        let rest = self.b.and(f, mask);
        self.set_recipe_flags(rest);
        self.set_cf(cf);
    }

    /// All arithmetic flags as a word.
    pub fn arith_flags(&mut self) -> Val {
        let f = self.recipe_flags();
        let c = self.cf();
        self.b.or(f, c)
    }

    /// Overrides OF and sets CF; the other flags stay.
    pub fn set_cf_of(&mut self, cf: Val, of: Val) {
        let slot = self.cpu.regs.cc_op;
        let old = match self.known {
            // The carry of ADC and SBB is not known.
            Some(k) if !matches!(k.kind, flags::ADC | flags::SBB) => self.b.i32(k.kind << 2 | k.lg),
            _ => {
                let (old, keep) = (self.b.get(slot), self.b.i32(0x1ff));
                self.b.and(old, keep)
            }
        };
        let bit = self.b.i32(flags::OF_SET);
        let op = self.b.or(old, bit);
        let ten = self.b.i32(10);
        let of = self.b.shl(of, ten);
        let op = self.b.or(op, of);
        self.b.set(slot, op);
        if let Some(k) = &mut self.known {
            k.of_set = true;
        }
        self.set_cf(cf);
    }

    /// The recipe's operands narrowed to the type of the operation.
    fn cc_operands(&mut self, k: Known) -> (Val, Val) {
        let (a, b) = (self.cpu.regs.cc_a, self.cpu.regs.cc_b);
        let (a, b) = (self.b.get(a), self.b.get(b));
        if self.wide && k.lg < 3 {
            (self.b.wrap(a), self.b.wrap(b))
        } else {
            (a, b)
        }
    }

    fn k_of(&mut self, like: Val, v: u64) -> Val {
        let ty = self.b.ty(like);
        self.b.constant(ty, v)
    }

    fn is_neg(&mut self, v: Val) -> Val {
        let zero = self.k_of(v, 0);
        self.b.lt_s(v, zero)
    }

    /// The recipe's result, sign-extended.
    fn cc_result(&mut self, k: Known) -> Val {
        let (a, b) = self.cc_operands(k);
        match k.kind {
            flags::SUB => {
                let r = self.b.sub(a, b);
                self.sext(r, k.lg)
            }
            flags::ADD => {
                let r = self.b.add(a, b);
                self.sext(r, k.lg)
            }
            flags::ADC | flags::SBB => {
                let (op, eight, one) = (
                    self.b.get(self.cpu.regs.cc_op),
                    self.b.i32(8),
                    self.b.i32(1),
                );
                let c = self.b.shr(op, eight);
                let c = self.b.and(c, one);
                let c = if self.b.ty(a) == Type::I64 {
                    self.b.ext_u(c)
                } else {
                    c
                };
                let r = if k.kind == flags::ADC {
                    let r = self.b.add(a, b);
                    self.b.add(r, c)
                } else {
                    let r = self.b.sub(a, b);
                    self.b.sub(r, c)
                };
                self.sext(r, k.lg)
            }
            _ => a,
        }
    }

    /// OF of a known recipe.
    fn cc_overflow(&mut self, k: Known) -> Val {
        if k.of_set {
            let (op, ten, one) = (
                self.b.get(self.cpu.regs.cc_op),
                self.b.i32(10),
                self.b.i32(1),
            );
            let v = self.b.shr(op, ten);
            return self.b.and(v, one);
        }
        let (a, b) = self.cc_operands(k);
        match k.kind {
            flags::SUB | flags::SBB | flags::ADD | flags::ADC => {
                let r = self.cc_result(k);
                let ar = self.b.xor(a, r);
                let other = if matches!(k.kind, flags::SUB | flags::SBB) {
                    self.b.xor(a, b)
                } else {
                    self.b.xor(b, r)
                };
                let v = self.b.and(ar, other);
                self.is_neg(v)
            }
            flags::INC | flags::DEC => {
                let min = (1u64 << ((8 << k.lg) - 1)).wrapping_neg();
                let v = self.k_of(a, if k.kind == flags::INC { min } else { !min });
                self.b.eq(a, v)
            }
            flags::SHL => {
                let v = self.b.xor(a, b);
                self.is_neg(v)
            }
            flags::SHR => {
                let one = self.k_of(a, 1);
                let d = self.b.shl(a, one);
                let d = self.sext(d, k.lg);
                let v = self.b.xor(a, d);
                self.is_neg(v)
            }
            _ => {
                let zero = self.k_of(b, 0);
                self.b.ne(b, zero)
            }
        }
    }

    /// Condition `cc` (the low four bits of Jcc): an i32 that is 0 or 1.
    pub fn condition(&mut self, cc: u32) -> Val {
        let v = self.condition_pair(cc >> 1);
        if cc & 1 != 0 { self.b.eqz(v) } else { v }
    }

    fn condition_pair(&mut self, pair: u32) -> Val {
        if pair == 1 {
            return self.cf();
        }
        match self.known {
            Some(k) if k.kind == flags::FLAGS => {
                let (a, _) = self.cc_operands(k);
                self.by_flags(pair, a)
            }
            Some(k) => self.known_condition(pair, k),
            None => {
                let f = self.recipe_flags();
                self.by_flags(pair, f)
            }
        }
    }

    fn known_condition(&mut self, pair: u32, k: Known) -> Val {
        let is_sub = k.kind == flags::SUB && !k.of_set;
        match pair {
            0 => self.cc_overflow(k),
            2 | 3 => {
                let zero = if k.kind == flags::SUB {
                    let (a, b) = self.cc_operands(k);
                    if pair == 3 && k.cf {
                        return self.b.le_u(a, b);
                    }
                    self.b.eq(a, b)
                } else {
                    let r = self.cc_result(k);
                    self.b.eqz(r)
                };
                if pair == 2 {
                    return zero;
                }
                let c = self.cf();
                self.b.or(zero, c)
            }
            4 => {
                let r = self.cc_result(k);
                self.is_neg(r)
            }
            5 => {
                let r = self.cc_result(k);
                let r = if self.b.ty(r) == Type::I64 {
                    self.b.wrap(r)
                } else {
                    r
                };
                let (ff, one) = (self.b.i32(0xff), self.b.i32(1));
                let r = self.b.and(r, ff);
                let n = self.b.popcnt(r);
                let odd = self.b.and(n, one);
                self.b.eqz(odd)
            }
            6 | 7 if is_sub => {
                let (a, b) = self.cc_operands(k);
                if pair == 6 {
                    self.b.lt_s(a, b)
                } else {
                    self.b.le_s(a, b)
                }
            }
            _ => {
                let r = self.cc_result(k);
                let s = self.is_neg(r);
                let o = self.cc_overflow(k);
                let less = self.b.xor(s, o);
                if pair == 6 {
                    return less;
                }
                let z = self.b.eqz(r);
                self.b.or(less, z)
            }
        }
    }

    fn bit(&mut self, f: Val, n: u32) -> Val {
        let (n, one) = (self.b.i32(n), self.b.i32(1));
        let v = self.b.shr(f, n);
        self.b.and(v, one)
    }

    fn by_flags(&mut self, pair: u32, f: Val) -> Val {
        match pair {
            0 => self.bit(f, 11),
            2 => self.bit(f, 6),
            3 => {
                let (z, c) = (self.bit(f, 6), self.cf());
                self.b.or(z, c)
            }
            4 => self.bit(f, 7),
            5 => self.bit(f, 2),
            _ => {
                let (s, o) = (self.bit(f, 7), self.bit(f, 11));
                let less = self.b.xor(s, o);
                if pair == 6 {
                    return less;
                }
                let z = self.bit(f, 6);
                self.b.or(less, z)
            }
        }
    }
}
