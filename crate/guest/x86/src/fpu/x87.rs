//! x87 instructions (SDM volume 1, chapter 8; volume 2).

use iced_x86::Mnemonic;
use tinamou_softfloat::{
    Class, Env, F80, Flags, Float, NanRules, NotInt, Precision, Relation, Rounding,
};

use super::Fpu;

/// Kinds of operand, as the lifter packs them.
pub mod kind {
    /// ST(j).
    pub const REG: u32 = 0;
    /// Single.
    pub const F32: u32 = 1;
    /// Double.
    pub const F64: u32 = 2;
    /// 16-bit integer.
    pub const I16: u32 = 3;
    /// 32-bit integer.
    pub const I32: u32 = 4;
    /// 64-bit integer.
    pub const I64: u32 = 5;
    /// Extended.
    pub const F80: u32 = 6;
    /// Packed decimal.
    pub const BCD: u32 = 7;
}

const IE: u16 = 1;
const DE: u16 = 2;
const ZE: u16 = 4;
const OE: u16 = 8;
const UE: u16 = 0x10;
const PE: u16 = 0x20;
const SF: u16 = 0x40;
const ES: u16 = 0x80;
const C0: u16 = 0x100;
const C1: u16 = 0x200;
const C2: u16 = 0x400;
const C3: u16 = 0x4000;
const B: u16 = 0x8000;

/// The NaN of a masked invalid operation.
const INDEFINITE: F80 = F80 {
    sign_exp: 0xffff,
    mantissa: 3 << 62,
};

impl Fpu {
    fn phys(&self, i: u32) -> usize {
        (self.top as usize + i as usize) & 7
    }

    fn is_full(&self, i: u32) -> bool {
        self.full >> self.phys(i) & 1 != 0
    }

    pub(super) fn st(&self, i: u32) -> F80 {
        self.regs[self.phys(i)]
    }

    fn put(&mut self, i: u32, v: F80) {
        let n = self.phys(i);
        self.regs[n] = v;
        self.full |= 1 << n;
    }

    fn pop(&mut self) {
        self.full &= !(1 << self.phys(0));
        self.top = (self.top + 1) & 7;
    }

    fn c1(&mut self, on: bool) {
        self.sw = self.sw & !C1 | if on { C1 } else { 0 };
    }

    /// Records exceptions; true if one of them is unmasked.
    fn note(&mut self, e: u16) -> bool {
        self.sw |= e;
        let trap = e & !self.cw & 0x3f != 0;
        if trap {
            self.sw |= ES | B;
        }
        trap
    }

    /// Summary after the control or status word changed.
    pub fn summarise(&mut self) {
        if self.sw & !self.cw & 0x3f != 0 {
            self.sw |= ES | B;
        } else {
            self.sw &= !(ES | B);
        }
    }

    /// Stack fault; true if it is unmasked.
    fn stack_fault(&mut self, overflow: bool) -> bool {
        self.c1(overflow);
        self.sw |= SF;
        self.note(IE)
    }

    fn env(&self) -> Env {
        let mut e = Env::new(NanRules::X87);
        e.rounding = rounding(self.cw >> 10 & 3);
        e.precision = match self.cw >> 8 & 3 {
            0 => Precision::Single,
            2 => Precision::Double,
            _ => Precision::Extended,
        };
        let mut wrap = Flags::NONE;
        if self.cw & OE == 0 {
            wrap |= Flags::OVERFLOW;
        }
        if self.cw & UE == 0 {
            wrap |= Flags::UNDERFLOW;
        }
        e.wrap = wrap;
        e
    }

    /// The exceptions of an operation.
    fn exceptions(&self, f: Flags) -> u16 {
        let mut e = 0;
        for (flag, bit) in [
            (Flags::INVALID, IE),
            (Flags::INPUT_DENORMAL, DE),
            (Flags::DIV_BY_ZERO, ZE),
            (Flags::OVERFLOW, OE),
            (Flags::UNDERFLOW, UE),
            (Flags::INEXACT, PE),
        ] {
            if f.has(flag) {
                e |= bit;
            }
        }
        if self.cw & UE == 0 && f.has(Flags::TINY) {
            e |= UE;
        }
        e
    }

    /// Takes up an operation's flags; true if its result is delivered.
    fn settle(&mut self, f: Flags) -> bool {
        let e = self.exceptions(f);
        // Exceptions found before computing suppress the result when unmasked.
        if e & (IE | DE | ZE) & !self.cw != 0 {
            self.c1(false);
            self.note(e & (IE | DE | ZE));
            return false;
        }
        self.c1(f.has(Flags::ROUNDED_UP));
        self.note(e);
        true
    }

    /// Pushes a value.
    fn push(&mut self, v: F80) {
        let n = (self.top + 7) & 7;
        let v = if self.full >> n & 1 != 0 {
            if self.stack_fault(true) {
                return;
            }
            INDEFINITE
        } else {
            v
        };
        self.top = n;
        self.put(0, v);
    }

    /// A memory operand as an extended value, with the exceptions of its conversion.
    fn operand(&self, env: &mut Env, kind: u32, lo: u64, hi: u64) -> F80 {
        match kind {
            kind::F32 => env.convert::<u32, F80>(lo as u32),
            kind::F64 => env.convert::<u64, F80>(lo),
            kind::I16 => env.from_int::<F80, i16>(lo as i16),
            kind::I32 => env.from_int::<F80, i32>(lo as i32),
            kind::I64 => env.from_int::<F80, i64>(lo as i64),
            kind::BCD => {
                let mut v = 0u64;
                for i in (0..18).rev() {
                    let digit = if i >= 16 {
                        hi >> (4 * (i - 16))
                    } else {
                        lo >> (4 * i)
                    } & 15;
                    v = v.wrapping_mul(10).wrapping_add(digit);
                }
                let f = env.from_int::<F80, u64>(v);
                f.with_sign(hi >> 15 & 1 != 0)
            }
            _ => F80 {
                sign_exp: hi as u16,
                mantissa: lo,
            },
        }
    }

    /// An instruction without a result in memory: `what` is the mnemonic, ST numbers from bits 16 and 20, the kind of operand from bit 24.
    /// For FCOMI and its kin the result is the flags ZF, PF and CF.
    pub fn x87(&mut self, m: Mnemonic, what: u32, lo: u64, hi: u64) -> u64 {
        use Mnemonic::*;
        let (d, s, kind) = (what >> 16 & 7, what >> 20 & 7, what >> 24 & 7);
        match m {
            Fadd | Faddp | Fiadd | Fsub | Fsubp | Fisub | Fsubr | Fsubrp | Fisubr | Fmul
            | Fmulp | Fimul | Fdiv | Fdivp | Fidiv | Fdivr | Fdivrp | Fidivr => {
                let pops = matches!(m, Faddp | Fsubp | Fsubrp | Fmulp | Fdivp | Fdivrp);
                self.arithmetic(m, d, s, kind, lo, hi, pops);
            }
            Fcom | Fcomp | Fcompp | Fucom | Fucomp | Fucompp | Ficom | Ficomp | Ftst => {
                let quiet = matches!(m, Fucom | Fucomp | Fucompp);
                let pops = match m {
                    Fcomp | Fucomp | Ficomp => 1,
                    Fcompp | Fucompp => 2,
                    _ => 0,
                };
                let (kind, s) = match m {
                    Fcompp | Fucompp => (kind::REG, 1),
                    Ftst => (kind::I16, 0),
                    _ => (kind, s),
                };
                if let Some(r) = self.compare(s, kind, lo, hi, quiet) {
                    self.sw = self.sw & !(C0 | C2 | C3)
                        | match r {
                            Relation::Less => C0,
                            Relation::Equal => C3,
                            Relation::Greater => 0,
                            Relation::Unordered => C0 | C2 | C3,
                        };
                    (0..pops).for_each(|_| self.pop());
                }
            }
            Fcomi | Fcomip | Fucomi | Fucomip => {
                let c1 = self.sw & C1;
                let r = self.compare(s, kind::REG, lo, hi, matches!(m, Fucomi | Fucomip));
                if self.is_full(0) && self.is_full(s) {
                    // C1 stays (as on AMD's CPUs).
                    self.sw |= c1;
                }
                if r.is_some() && matches!(m, Fcomip | Fucomip) {
                    self.pop();
                }
                use crate::flags::{CF, PF, ZF};
                return match r {
                    Some(Relation::Less) => CF as u64,
                    Some(Relation::Equal) => ZF as u64,
                    Some(Relation::Greater) => 0,
                    Some(Relation::Unordered) => (ZF | PF | CF) as u64,
                    // Unmasked: the flags stay.
                    None => 1 << 32,
                };
            }
            Fld | Fild | Fbld => {
                if kind == kind::REG {
                    let v = self.st(s);
                    if !self.is_full(s) {
                        if !self.stack_fault(false) {
                            self.push_over(INDEFINITE);
                        }
                    } else {
                        self.c1(false);
                        self.push(v);
                    }
                } else {
                    let mut env = self.env();
                    let v = self.operand(&mut env, kind, lo, hi);
                    let free = self.full >> ((self.top + 7) & 7) & 1 == 0;
                    if !free || self.settle(env.flags) {
                        self.push(v);
                    }
                }
            }
            Fld1 => self.constant(F80 {
                sign_exp: 0x3fff,
                mantissa: 1 << 63,
            }),
            Fldz => self.constant(F80::default()),
            Fldpi => self.rounded(0x4000, 0xc90f_daa2_2168_c234, 0xc4, 0),
            Fldl2e => self.rounded(0x3fff, 0xb8aa_3b29_5c17_f0bb, 0xbe, 0),
            Fldl2t => self.rounded(0x4000, 0xd49a_784b_cd1b_8afe, 0x49, 0),
            Fldlg2 => self.rounded(0x3ffd, 0x9a20_9a84_fbcf_f798, 0x8f, 0),
            Fldln2 => self.rounded(0x3ffe, 0xb172_17f7_d1cf_79ab, 0xc9, 0),
            Fxch => {
                let (mut fault, mut full) = (false, true);
                for i in [0, s] {
                    if !self.is_full(i) {
                        full = false;
                        fault |= self.stack_fault(false);
                        if !fault {
                            self.put(i, INDEFINITE);
                        }
                    } else if i == s && full {
                        self.c1(false);
                    }
                }
                if !fault {
                    let (a, b) = (self.st(0), self.st(s));
                    self.put(0, b);
                    self.put(s, a);
                }
            }
            Fst | Fstp => {
                let v = self.take_top();
                if let Some(v) = v {
                    self.put(d, v);
                    if m == Fstp {
                        self.pop();
                    }
                }
            }
            Fabs | Fchs => {
                if !self.is_full(0) {
                    if let Some(v) = self.take_top() {
                        self.put(0, v);
                    }
                } else if let Some(v) = self.take_top() {
                    let sign = m == Fchs && v.sign_exp >> 15 == 0;
                    self.put(
                        0,
                        F80 {
                            sign_exp: v.sign_exp & 0x7fff | (sign as u16) << 15,
                            mantissa: v.mantissa,
                        },
                    );
                }
            }
            Fsqrt | Frndint => {
                if let Some(v) = self.take_top() {
                    let mut env = self.env();
                    let rc = env.rounding;
                    let r = if m == Fsqrt {
                        env.sqrt(v)
                    } else {
                        env.round_to_integral(v, rc, true)
                    };
                    if self.settle(env.flags) {
                        self.put(0, r);
                    }
                }
            }
            F2xm1 | Fyl2x | Fyl2xp1 | Fptan | Fpatan | Fsin | Fcos | Fsincos => {
                self.transcendental(m)
            }
            Fprem | Fprem1 => self.remainder(m == Fprem1),
            Fscale => self.scale(),
            Fxtract => self.extract(),
            Fxam => {
                let v = self.st(0);
                let c = if !self.is_full(0) {
                    C3 | C0
                } else {
                    match v.classify(&NanRules::X87) {
                        Class::Unsupported => 0,
                        Class::QuietNan | Class::SignallingNan => C0,
                        Class::Normal => C2,
                        Class::Infinity => C2 | C0,
                        Class::Zero => C3,
                        Class::Denormal => C3 | C2,
                    }
                };
                self.sw = self.sw & !(C0 | C2 | C3) | c;
                self.c1(v.sign_exp >> 15 != 0);
            }
            Fcmovb | Fcmove | Fcmovbe | Fcmovu | Fcmovnb | Fcmovne | Fcmovnbe | Fcmovnu => {
                // `lo`: the condition.
                if !self.is_full(0) || !self.is_full(s) {
                    // Whatever the condition.
                    if !self.stack_fault(false) {
                        self.put(0, INDEFINITE);
                    }
                } else if lo != 0 {
                    let v = self.st(s);
                    self.put(0, v);
                }
            }
            Fincstp | Fdecstp => {
                self.top = if m == Fincstp {
                    self.top + 1
                } else {
                    self.top + 7
                } & 7;
                self.c1(false);
            }
            Ffree | Ffreep => {
                self.full &= !(1 << self.phys(d));
                self.c1(false);
                if m == Ffreep {
                    self.pop();
                }
            }
            Fninit => {
                self.cw = 0x37f;
                self.sw = 0;
                self.top = 0;
                self.full = 0;
            }
            Fnclex => self.sw &= !(B | 0xff),
            Fldcw => {
                self.cw = lo as u16 & 0x1f7f | 0x40;
                self.summarise();
            }
            Fnstsw => return self.status() as u64,
            Fnstcw => return self.cw as u64,
            _ => {}
        }
        0
    }

    /// Status word with TOP.
    pub fn status(&self) -> u16 {
        self.sw | (self.top as u16) << 11
    }

    /// Pushes after an underflow was already noted.
    fn push_over(&mut self, v: F80) {
        let n = (self.top + 7) & 7;
        self.top = n;
        self.put(0, v);
    }

    fn constant(&mut self, v: F80) {
        self.c1(false);
        self.push(v);
    }

    /// A constant whose significand goes on with `more`: rounded as RC says.
    fn rounded(&mut self, exp: u16, mantissa: u64, more: u8, _: u8) {
        let up = match rounding(self.cw >> 10 & 3) {
            Rounding::NearestEven => more >= 0x80,
            Rounding::Up => true,
            _ => false,
        };
        self.constant(F80 {
            sign_exp: exp,
            mantissa: mantissa + up as u64,
        });
    }

    /// ST(0), or the masked answer to its absence.
    fn take_top(&mut self) -> Option<F80> {
        if !self.is_full(0) {
            return (!self.stack_fault(false)).then_some(INDEFINITE);
        }
        self.c1(false);
        Some(self.st(0))
    }

    #[expect(clippy::too_many_arguments, reason = "what was decoded")]
    fn arithmetic(&mut self, m: Mnemonic, d: u32, s: u32, kind: u32, lo: u64, hi: u64, pops: bool) {
        use Mnemonic::*;
        if !self.is_full(d) || kind == kind::REG && !self.is_full(s) {
            if !self.stack_fault(false) {
                self.put(d, INDEFINITE);
                if pops {
                    self.pop();
                }
            }
            return;
        }
        let a = self.st(d);
        let mut env = self.env();
        let b = if kind == kind::REG {
            self.st(s)
        } else {
            self.memory_operand(&mut env, kind, lo, hi)
        };
        let r = match m {
            Fadd | Faddp | Fiadd => env.add(a, b),
            Fsub | Fsubp | Fisub => env.sub(a, b),
            Fsubr | Fsubrp | Fisubr => env.sub(b, a),
            Fmul | Fmulp | Fimul => env.mul(a, b),
            Fdiv | Fdivp | Fidiv => env.div(a, b),
            _ => env.div(b, a),
        };
        // An invalid operation raises nothing but IE.
        if env.flags.has(Flags::INVALID) {
            env.flags = Flags::INVALID;
        } else if env.flags.has(Flags::DIV_BY_ZERO) || a.is_nan() || b.is_nan() {
            env.flags.0 &= !Flags::INPUT_DENORMAL.0;
        }
        if self.settle(env.flags) {
            self.put(d, r);
            if pops {
                self.pop();
            }
        }
    }

    /// A memory operand of an operation that looks at it as a NaN itself: a signalling one stays so.
    fn memory_operand(&self, env: &mut Env, kind: u32, lo: u64, hi: u64) -> F80 {
        // The fraction of a NaN, from bit 62 down.
        let nan = match kind {
            kind::F32 if f32::from_bits(lo as u32).is_nan() => Some((lo >> 31 & 1, lo << 40)),
            kind::F64 if f64::from_bits(lo).is_nan() => Some((lo >> 63, lo << 11)),
            _ => None,
        };
        match nan {
            Some((sign, fraction)) => F80 {
                sign_exp: (sign << 15) as u16 | 0x7fff,
                mantissa: fraction | 1 << 63,
            },
            None => self.operand(env, kind, lo, hi),
        }
    }

    fn compare(&mut self, s: u32, kind: u32, lo: u64, hi: u64, quiet: bool) -> Option<Relation> {
        if !self.is_full(0) || kind == kind::REG && !self.is_full(s) {
            return (!self.stack_fault(false)).then_some(Relation::Unordered);
        }
        let mut env = self.env();
        let a = self.st(0);
        let b = if kind == kind::REG {
            self.st(s)
        } else {
            self.memory_operand(&mut env, kind, lo, hi)
        };
        let r = if quiet {
            env.compare(a, b)
        } else {
            env.compare_signalling(a, b)
        };
        if env.flags.has(Flags::INVALID) || r == Relation::Unordered {
            env.flags = Flags(env.flags.0 & Flags::INVALID.0);
        }
        self.settle(env.flags).then_some(r)
    }

    fn transcendental(&mut self, m: Mnemonic) {
        use Mnemonic::*;
        let two = matches!(m, Fyl2x | Fyl2xp1 | Fpatan);
        let pushes = matches!(m, Fptan | Fsincos);
        if matches!(m, Fptan | Fsin | Fcos | Fsincos) {
            self.sw &= !C2;
        }
        if !self.is_full(0) || two && !self.is_full(1) {
            if !self.stack_fault(false) {
                if two {
                    self.put(1, INDEFINITE);
                    self.pop();
                } else {
                    self.put(0, INDEFINITE);
                    if pushes {
                        self.push_over(INDEFINITE);
                    }
                }
            }
            return;
        }
        if pushes && self.full >> ((self.top + 7) & 7) & 1 != 0 {
            if !self.stack_fault(true) {
                self.put(0, INDEFINITE);
                self.push_over(INDEFINITE);
            }
            return;
        }
        let mut env = self.env();
        let r = super::transcendental::compute(&mut env, m, self.st(0), self.st(1));
        if r.out_of_range {
            self.sw |= C2;
            return;
        }
        if env.flags.has(Flags::INVALID) {
            env.flags = Flags::INVALID;
        }
        if !self.settle(env.flags) {
            return;
        }
        if two {
            self.put(1, r.first);
            self.pop();
        } else {
            self.put(0, r.first);
            if pushes {
                self.push_over(r.second);
            }
        }
    }

    fn remainder(&mut self, nearest: bool) {
        if !self.is_full(0) || !self.is_full(1) {
            if !self.stack_fault(false) {
                self.put(0, INDEFINITE);
                self.sw &= !C2;
            }
            return;
        }
        let mut env = self.env();
        let nan = self.st(0).is_nan() || self.st(1).is_nan();
        let r = env.partial_remainder(self.st(0), self.st(1), nearest);
        let nan = nan || env.flags.has(Flags::INVALID);
        if !self.settle(env.flags) {
            return;
        }
        self.sw &= if nan { !C2 } else { !(C0 | C1 | C2 | C3) };
        if nan {
            // C0 and C3 stay.
        } else if !r.complete {
            self.sw |= C2;
        } else {
            for (bit, c) in [(1, C1), (2, C3), (4, C0)] {
                if r.quotient & bit != 0 {
                    self.sw |= c;
                }
            }
        }
        self.put(0, r.value);
    }

    fn scale(&mut self) {
        if !self.is_full(0) || !self.is_full(1) {
            if !self.stack_fault(false) {
                self.put(0, INDEFINITE);
            }
            return;
        }
        let mut env = self.env();
        let (a, n) = (self.st(0), self.st(1));
        let (ca, cn) = (a.classify(&NanRules::X87), n.classify(&NanRules::X87));
        let nan = |c| {
            matches!(
                c,
                Class::QuietNan | Class::SignallingNan | Class::Unsupported
            )
        };
        let r = if nan(ca) || nan(cn) {
            // The rules of two operands.
            env.add(a, n)
        } else if cn == Class::Infinity {
            let negative = n.sign_exp >> 15 != 0;
            match (ca, negative) {
                (Class::Infinity, true) | (Class::Zero, false) => {
                    env.flags |= Flags::INVALID;
                    INDEFINITE
                }
                (_, true) => F80::zero(a.sign()),
                (_, false) => F80::infinity(a.sign()),
            }
        } else {
            let mut quiet = Env::new(NanRules::X87);
            let by = match quiet.to_int::<F80, i32>(n, Rounding::TowardZero) {
                Ok(v) => v,
                Err(NotInt::Below) => i32::MIN,
                Err(_) => i32::MAX,
            };
            if cn == Class::Denormal {
                env.flags |= Flags::INPUT_DENORMAL;
            }
            // Precision control has no part in it.
            env.precision = Precision::Extended;
            env.scale(a, by)
        };
        if self.settle(env.flags) {
            self.put(0, r);
        }
    }

    fn extract(&mut self) {
        if !self.is_full(0) {
            if !self.stack_fault(false) {
                self.put(0, INDEFINITE);
                self.push_over(INDEFINITE);
            }
            return;
        }
        let above = (self.top + 7) & 7;
        if self.full >> above & 1 != 0 {
            if !self.stack_fault(true) {
                self.put(0, INDEFINITE);
                self.push_over(INDEFINITE);
            }
            return;
        }
        let mut env = self.env();
        let v = self.st(0);
        let (exponent, significand) = match v.classify(&NanRules::X87) {
            Class::Zero => {
                env.flags |= Flags::DIV_BY_ZERO;
                (F80::infinity(true), v)
            }
            Class::Infinity => (F80::infinity(false), v),
            Class::QuietNan | Class::SignallingNan | Class::Unsupported => {
                let q = env.add(v, v);
                (q, q)
            }
            c => {
                if c == Class::Denormal {
                    env.flags |= Flags::INPUT_DENORMAL;
                }
                let shift = v.mantissa.leading_zeros();
                let e = ((v.sign_exp & 0x7fff).max(1)) as i32 - 0x3fff - shift as i32;
                let mut exact = Env::new(NanRules::X87);
                let exponent = exact.from_int::<F80, i32>(e);
                (
                    exponent,
                    F80 {
                        sign_exp: v.sign_exp & 0x8000 | 0x3fff,
                        mantissa: v.mantissa << shift,
                    },
                )
            }
        };
        if self.settle(env.flags) {
            self.put(0, exponent);
            self.push_over(significand);
        }
    }

    /// A store: the low 64 bits of what goes to memory. [`Fpu::held`] says that nothing does. Pops if the instruction does.
    pub fn x87_store(&mut self, m: Mnemonic, kind: u32) -> u64 {
        use Mnemonic::*;
        let pops = matches!(m, Fstp | Fistp | Fisttp | Fbstp);
        self.held = false;
        let indefinite = match kind {
            kind::F32 => 0xffc0_0000,
            kind::F64 => 0xfff8 << 48,
            kind::I16 => 0x8000,
            kind::I32 => 0x8000_0000,
            kind::I64 => 1 << 63,
            _ => 3 << 62,
        };
        let v = if !self.is_full(0) {
            self.held = self.stack_fault(false);
            indefinite
        } else {
            let a = self.st(0);
            let mut env = self.env();
            let rc = if m == Fisttp {
                Rounding::TowardZero
            } else {
                env.rounding
            };
            let v = match kind {
                kind::F32 => env.convert::<F80, u32>(a) as u64,
                kind::F64 => env.convert::<F80, u64>(a),
                kind::I16 => env
                    .to_int::<F80, i16>(a, rc)
                    .map_or(indefinite, |v| v as u16 as u64),
                kind::I32 => env
                    .to_int::<F80, i32>(a, rc)
                    .map_or(indefinite, |v| v as u32 as u64),
                kind::I64 => env
                    .to_int::<F80, i64>(a, rc)
                    .map_or(indefinite, |v| v as u64),
                _ => a.mantissa,
            };
            // FST does not show denormal operands.
            let mut f = env.flags;
            f.0 &= !Flags::INPUT_DENORMAL.0;
            let e = self.exceptions(f);
            let traps = e & !self.cw & 0x3f;
            // Unmasked overflow and underflow hold a store to memory as well.
            self.held = traps & (IE | OE | UE) != 0;
            self.c1(f.has(Flags::ROUNDED_UP) && !self.held);
            self.note(if self.held { e & !PE } else { e });
            v
        };
        if pops && !self.held {
            self.pop();
        }
        v
    }

    /// Sign and exponent of ST(0), for a store of 80 bits before [`Fpu::x87_store`].
    pub fn top_exponent(&self) -> u64 {
        if self.is_full(0) {
            self.st(0).sign_exp as u64
        } else {
            0xffff
        }
    }

    /// FBSTP: the 80 bits; [`Fpu::held`] as for stores.
    pub fn store_decimal(&mut self) -> (u64, u64) {
        const NONE: (u64, u64) = (0xc000_0000_0000_0000, 0xffff);
        self.held = false;
        if !self.is_full(0) {
            self.held = self.stack_fault(false);
            if !self.held {
                self.pop();
            }
            return NONE;
        }
        let a = self.st(0);
        let mut env = self.env();
        let rc = env.rounding;
        let mut bad = false;
        let mut out = NONE;
        match env.to_int::<F80, i64>(a, rc) {
            Ok(v) if v.unsigned_abs() < 1_000_000_000_000_000_000 => {
                let (mut lo, mut hi, mut n) = (0u64, 0u64, v.unsigned_abs());
                for i in 0..18 {
                    let digit = n % 10;
                    n /= 10;
                    if i < 16 {
                        lo |= digit << (4 * i);
                    } else {
                        hi |= digit << (4 * (i - 16));
                    }
                }
                out = (lo, hi | ((a.sign_exp >> 15) as u64) << 15);
            }
            _ => bad = true,
        }
        let f = if bad { Flags::INVALID } else { env.flags };
        let e = self.exceptions(f) & !DE;
        self.held = e & !self.cw & IE != 0;
        self.c1(f.has(Flags::ROUNDED_UP) && !self.held);
        self.note(e);
        if !self.held {
            self.pop();
        }
        out
    }
}

/// Rounding by the two bits of RC.
pub fn rounding(rc: u16) -> Rounding {
    match rc & 3 {
        0 => Rounding::NearestEven,
        1 => Rounding::Down,
        2 => Rounding::Up,
        _ => Rounding::TowardZero,
    }
}
