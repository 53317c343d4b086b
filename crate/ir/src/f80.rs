//! The op `f80`: a stack of eight 80-bit floating-point registers (IEEE 754's extended format, the significand's top bit explicit) in memory
//! that no generated code names, and what is usual among such numbers: moves, loads, stores and arithmetic on normal ones, rounded to nearest
//! with 64 bits. Whatever else (an empty register, a full one to push to, a denormal number, a NaN, an infinity, a result near the ends of the
//! range) it refuses without any effect, giving 1: the caller has a helper that does the whole instruction. This file says what is done, for the
//! interpreter; `tinamou-wasm` has the same in line, and refuses the same.
//!
//! The cells are [`CELLS`] `v128` slots in a row, of which [`at`] tells the offsets. A register is a significand (u64) and a tag word (u32): sign and
//! exponent in its low 16 bits, and [`EMPTY`].

use core::cmp::Ordering;

use tinamou_arena::Arena;

/// Slots of the cells.
pub const CELLS: usize = 11;
/// Tag of an empty register.
pub const EMPTY: u32 = 1 << 16;
/// Of a tag word: the exponent and [`EMPTY`].
pub const MAGNITUDE: u32 = 0x7fff | EMPTY;
/// The sign in a tag word.
pub const SIGN: u32 = 0x8000;
/// Bias of exponents.
pub const BIAS: u32 = 0x3fff;

/// Byte offsets from the first cell; registers lie at their physical number times 16.
pub mod at {
    /// u32 of a register: its tag word.
    pub const TAG: u32 = 8;
    /// u64: what the next store puts into memory.
    pub const SCRATCH: u32 = 0x80;
    /// u32: what `Stored` adds to the status: bits 0 to 6, and bit 9 as C1.
    pub const FLAGS: u32 = 0x88;
    /// u32: physical number of ST(0), times 16.
    pub const TOP: u32 = 0x8c;
    /// u32: 1 if a result was inexact: bit 5 of the status is set by this too.
    pub const INEXACT: u32 = 0x90;
    /// u32: 1 if the last result was rounded up: bit 9 of the status.
    pub const C1: u32 = 0x94;
    /// u32: the status without the number of ST(0), C1 and what `INEXACT` says.
    pub const STATUS: u32 = 0x98;
    /// u32: the control word.
    pub const CONTROL: u32 = 0x9c;
}

macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $( $(#[doc = $vdoc:literal])+ $v:ident = $text:literal, )* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum $name { $( $(#[doc = $vdoc])+ $v, )* }

        impl $name {
            /// Every one in order.
            pub const ALL: &[$name] = &[ $($name::$v,)* ];

            /// Its name in the text form.
            pub fn name(self) -> &'static str {
                match self { $( $name::$v => $text, )* }
            }
        }
    };
}

words! {
    /// What is done. Those that do not say otherwise give an i32: 1 if they refuse.
    What {
        /// Pushes the operand.
        Push = "push",
        /// ST(i) is ST(0).
        Copy = "copy",
        /// ST(i) and ST(0) change places.
        Swap = "swap",
        /// The other sign.
        Negate = "negate",
        /// A clear sign.
        Abs = "abs",
        /// The sum of destination and operand.
        Add = "add",
        /// The destination less the operand.
        Sub = "sub",
        /// The operand less the destination.
        SubFrom = "subfrom",
        /// The product.
        Mul = "mul",
        /// Compares ST(0) with the operand: into bits 8, 10 and 14 of the status.
        Compare = "compare",
        /// The same into bits 8 to 15 of the result, as x86's flags are: 1 if less, 0x40 if equal.
        Order = "order",
        /// ST(0) as a number of the operand's kind (F32, F64; F80: its significand) for a store: into the scratch word, with its flags.
        Narrow = "narrow",
        /// The store has been made: its flags are added. Never refuses.
        Stored = "stored",
        /// Writes `v` and `e` to ST(i). Never refuses.
        Put = "put",
        /// Marks ST(i) empty. Never refuses.
        Free = "free",
        /// The scratch word (i64).
        Scratch = "scratch",
        /// The significand of ST(i) (i64).
        Significand = "significand",
        /// The tag word of ST(i) (i32).
        Tag = "tag",
        /// The whole status word (i32).
        Status = "status",
        /// The control word (i32).
        Control = "control",
    }
}

words! {
    /// The operand, and for arithmetic the destination: ST(0) unless it says otherwise.
    From {
        /// ST(i).
        Reg = "reg",
        /// ST(0); the destination is ST(i).
        Top = "top",
        /// The bits of a single in `v`.
        F32 = "f32",
        /// The bits of a double in `v`.
        F64 = "f64",
        /// A signed integer in `v`.
        Int = "int",
        /// A significand in `v`, sign and exponent in `e`.
        F80 = "f80",
    }
}

/// One instruction's `imm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct F80 {
    /// What is done.
    pub what: What,
    /// With what.
    pub from: From,
    /// Number of a register, counted from ST(0).
    pub i: u8,
    /// How often it pops at the end: up to twice.
    pub pops: u8,
    /// The first cell's slot.
    pub slot: u16,
}

impl F80 {
    /// The packed form.
    pub fn pack(self) -> u64 {
        self.what as u64
            | (self.from as u64) << 8
            | (self.i as u64 & 7) << 16
            | (self.pops as u64 & 3) << 19
            | (self.slot as u64) << 32
    }

    /// Reads the packed form; `None` if it is none.
    pub fn unpack(bits: u64) -> Option<F80> {
        let op = F80 {
            what: *What::ALL.get(bits as u8 as usize)?,
            from: *From::ALL.get((bits >> 8) as u8 as usize)?,
            i: (bits >> 16 & 7) as u8,
            pops: (bits >> 19 & 3) as u8,
            slot: (bits >> 32) as u16,
        };
        (op.pack() == bits && op.pops < 3).then_some(op)
    }

    /// Whether its result is an i64.
    pub fn is_wide(self) -> bool {
        matches!(self.what, What::Scratch | What::Significand)
    }

    /// How many operands it needs.
    pub fn operands(self) -> usize {
        let takes = matches!(
            self.what,
            What::Push
                | What::Add
                | What::Sub
                | What::SubFrom
                | What::Mul
                | What::Compare
                | What::Order
        );
        match self.from {
            _ if self.what == What::Put => 2,
            From::F32 | From::F64 | From::Int if takes => 1,
            From::F80 if takes => 2,
            _ => 0,
        }
    }

    /// Whether the guest could see it.
    pub fn has_effect(self) -> bool {
        matches!(
            self.what,
            What::Push
                | What::Copy
                | What::Swap
                | What::Negate
                | What::Abs
                | What::Add
                | What::Sub
                | What::SubFrom
                | What::Mul
                | What::Compare
                | What::Order
                | What::Stored
                | What::Free
                | What::Put
        )
    }

    /// Text form without the slot: `add.f64.0`, with a `p` behind it for each pop.
    pub fn text(self) -> String {
        let p = "p".repeat(self.pops as usize);
        format!("{}.{}.{}{p}", self.what.name(), self.from.name(), self.i)
    }

    /// Reads the text form.
    pub fn from_text(text: &str, slot: u16) -> Option<F80> {
        let mut parts = text.split('.');
        let (what, from, i) = (parts.next()?, parts.next()?, parts.next()?);
        let number = i.trim_end_matches('p');
        let pops = (i.len() - number.len()) as u8;
        let i: u8 = number.parse().ok()?;
        (parts.next().is_none() && i < 8 && pops < 3).then_some(F80 {
            what: What::ALL.iter().copied().find(|w| w.name() == what)?,
            from: From::ALL.iter().copied().find(|f| f.name() == from)?,
            i,
            pops,
            slot,
        })
    }
}

/// A number: significand and tag word.
type Number = (u64, u32);

/// A result and whether it was rounded, and upwards.
struct Rounded {
    m: u64,
    tag: u32,
    inexact: bool,
    up: bool,
}

fn is_normal((m, tag): Number) -> bool {
    m >> 63 != 0 && (tag & MAGNITUDE).wrapping_sub(1) < 0x7ffe
}

/// Rounds `m` and what follows it; refuses near the ends of the range, and where the significand overflows.
fn round(sign: u32, e: u32, m: u64, rest: u64) -> Option<Rounded> {
    let half = (u64::MAX >> 1) + (m & 1);
    let up = rest.checked_add(half).is_none();
    let m = m.wrapping_add(up as u64);
    (e.wrapping_sub(2) < 0x7ffc && m != 0).then_some(Rounded {
        m,
        tag: sign & SIGN | e,
        inexact: rest != 0,
        up,
    })
}

fn mul((ma, a): Number, (mb, b): Number) -> Option<Rounded> {
    let p = ma as u128 * mb as u128;
    let low = p.leading_zeros();
    let p = p << low;
    let e = ((a & 0x7fff) + (b & 0x7fff)).wrapping_sub(BIAS - 1 + low);
    round(a ^ b, e, (p >> 64) as u64, p as u64)
}

fn add(a: Number, b: Number) -> Option<Rounded> {
    let (ea, eb) = (a.1 & 0x7fff, b.1 & 0x7fff);
    let ((mx, x), (my, y)) = if (ea, a.0) < (eb, b.0) {
        (b, a)
    } else {
        (a, b)
    };
    let n = (x & 0x7fff) - (y & 0x7fff);
    if n > 63 {
        return None;
    }
    // The top bit is free for the carry, and nothing is shifted out.
    let (wx, wy) = ((mx as u128) << 63, (my as u128) << (63 - n));
    let v = if (x ^ y) & SIGN == 0 {
        wx + wy
    } else {
        wx - wy
    };
    let low = v.leading_zeros();
    if low > 63 {
        return None;
    }
    let v = v << low;
    let e = (x & 0x7fff).wrapping_add(1).wrapping_sub(low);
    round(x, e, (v >> 64) as u64, v as u64)
}

/// A normal number, or a zero.
fn is_plain(n: Number) -> bool {
    is_normal(n) || n.0 == 0 && n.1 & MAGNITUDE == 0
}

fn order(a: Number, b: Number) -> Ordering {
    if a.0 | b.0 == 0 {
        return Ordering::Equal;
    }
    let magnitude = (a.1 & 0x7fff, a.0).cmp(&(b.1 & 0x7fff, b.0));
    match (a.1 & SIGN != 0, b.1 & SIGN != 0) {
        (false, false) => magnitude,
        (true, true) => magnitude.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// A single or double as an extended number: a normal one or a zero.
fn widen(bits: u64, exponent_bits: u32, fraction_bits: u32) -> Option<Number> {
    let e = (bits >> fraction_bits) as u32 & ((1 << exponent_bits) - 1);
    let sign = (bits >> (fraction_bits + exponent_bits)) as u32 & 1;
    if bits << (64 - fraction_bits - exponent_bits) == 0 {
        return Some((0, sign << 15));
    }
    let largest = (1 << exponent_bits) - 2;
    let bias = (1 << (exponent_bits - 1)) - 1;
    (1..=largest).contains(&e).then_some((
        1 << 63 | bits << (63 - fraction_bits) & u64::MAX >> 1,
        sign << 15 | (e + BIAS - bias),
    ))
}

fn from_int(v: i64) -> Number {
    if v == 0 {
        return (0, 0);
    }
    let low = v.unsigned_abs().leading_zeros();
    let sign = if v < 0 { SIGN } else { 0 };
    (v.unsigned_abs() << low, sign | (BIAS + 63 - low))
}

/// To a double or single: its bits, and the flags of `at::FLAGS`.
fn narrow((m, tag): Number, exponent_bits: u32, fraction_bits: u32) -> Option<(u64, u32)> {
    let sign = (tag as u64 >> 15 & 1) << (exponent_bits + fraction_bits);
    if m == 0 && tag & MAGNITUDE == 0 {
        return Some((sign, 0));
    }
    let drop = 63 - fraction_bits;
    let bias = (1 << (exponent_bits - 1)) - 1;
    let e = (tag & 0x7fff).wrapping_sub(BIAS - bias);
    if !is_normal((m, tag)) || e.wrapping_sub(2) >= (1 << exponent_bits) - 4 {
        return None;
    }
    let rest = m & ((1 << drop) - 1);
    let up = (rest + (1 << (drop - 1)) - 1 + (m >> drop & 1)) >> drop;
    // A carry out of the significand goes on into the exponent, as it should.
    let bits = ((e as u64 - 1) << fraction_bits) + (m >> drop) + up;
    let inexact = (rest != 0) as u32;
    let flags = inexact << 5 | (up as u32) << 9;
    Some((sign | bits, flags))
}

struct Stack<'a> {
    arena: &'a Arena,
    base: u32,
    top: u32,
}

impl Stack<'_> {
    fn cell(&self, i: u32) -> u32 {
        self.base + (self.top.wrapping_add(16 * i) & 0x70)
    }

    fn st(&self, i: u32) -> Number {
        let at = self.cell(i);
        (self.arena.read64(at), self.arena.read32(at + at::TAG))
    }

    fn put(&self, i: u32, (m, tag): Number) {
        let at = self.cell(i);
        self.arena.write64(at, m);
        self.arena.write32(at + at::TAG, tag);
    }

    fn word(&self, at: u32) -> u32 {
        self.arena.read32(self.base + at)
    }

    fn set_word(&self, at: u32, v: u32) {
        self.arena.write32(self.base + at, v);
    }

    fn pop(&mut self, op: F80) {
        for _ in 0..op.pops {
            let tag = self.cell(0) + at::TAG;
            self.arena.write32(tag, self.arena.read32(tag) | EMPTY);
            self.top = self.top.wrapping_add(16) & 0x70;
        }
        self.set_word(at::TOP, self.top);
    }

    fn operand(&self, op: F80, v: u64, e: u32) -> Option<Number> {
        match op.from {
            From::Reg => Some(self.st(op.i as u32)),
            From::Top => Some(self.st(0)),
            From::F32 => widen(v & 0xffff_ffff, 8, 23),
            From::F64 => widen(v, 11, 52),
            From::Int => Some(from_int(v as i64)),
            From::F80 => Some((v, e & 0xffff)),
        }
    }

    fn arithmetic(&self, op: F80, v: u64, e: u32) -> Option<()> {
        let d = if op.from == From::Top { op.i as u32 } else { 0 };
        let a = self.st(d);
        let b = self.operand(op, v, e)?;
        if !is_normal(a) || !is_normal(b) {
            return None;
        }
        let minus = |(m, tag): Number| (m, tag ^ SIGN);
        let r = match op.what {
            What::Add => add(a, b),
            What::Sub => add(a, minus(b)),
            What::SubFrom => add(minus(a), b),
            _ => mul(a, b),
        }?;
        self.put(d, (r.m, r.tag));
        self.set_word(at::C1, r.up as u32);
        self.set_word(at::INEXACT, self.word(at::INEXACT) | r.inexact as u32);
        Some(())
    }

    fn compare(&self, op: F80, v: u64, e: u32) -> Option<Ordering> {
        let (a, b) = (self.st(0), self.operand(op, v, e)?);
        (is_plain(a) && is_plain(b)).then(|| order(a, b))
    }

    fn run(&mut self, op: F80, v: u64, e: u32) -> Option<()> {
        let i = op.i as u32;
        let full = |n: Number| n.1 & EMPTY == 0;
        match op.what {
            What::Push => {
                let n = self.operand(op, v, e)?;
                if full(self.st(7)) || !full(n) {
                    return None;
                }
                self.top = self.top.wrapping_sub(16) & 0x70;
                self.put(0, n);
                self.set_word(at::TOP, self.top);
            }
            What::Copy => {
                let n = self.st(0);
                if !full(n) {
                    return None;
                }
                self.put(i, n);
            }
            What::Swap => {
                let (a, b) = (self.st(0), self.st(i));
                if !full(a) || !full(b) {
                    return None;
                }
                self.put(i, a);
                self.put(0, b);
            }
            What::Negate | What::Abs => {
                let (m, tag) = self.st(0);
                if !full((m, tag)) {
                    return None;
                }
                let tag = match op.what {
                    What::Negate => tag ^ SIGN,
                    _ => tag & !SIGN,
                };
                self.put(0, (m, tag));
            }
            What::Stored => {
                let flags = self.word(at::FLAGS);
                self.set_word(at::C1, flags >> 9 & 1);
                self.set_word(at::STATUS, self.word(at::STATUS) | flags & 0x7f);
                self.pop(op);
                return Some(());
            }
            What::Compare => {
                let bits = match self.compare(op, v, e)? {
                    Ordering::Less => 0x100,
                    Ordering::Equal => 0x4000,
                    Ordering::Greater => 0,
                };
                let status = self.word(at::STATUS) & !0x4500;
                self.set_word(at::STATUS, status | bits);
            }
            What::Put => {
                self.put(i, (v, e & 0xffff));
                return Some(());
            }
            What::Free => {
                let (m, tag) = self.st(i);
                self.put(i, (m, tag | EMPTY));
            }
            What::Narrow => {
                let n = self.st(0);
                let (value, flags) = match op.from {
                    From::F32 => narrow(n, 8, 23),
                    From::F64 => narrow(n, 11, 52),
                    _ => full(n).then_some((n.0, 0)),
                }?;
                self.arena.write64(self.base + at::SCRATCH, value);
                self.set_word(at::FLAGS, flags);
                return Some(());
            }
            _ => {
                self.arithmetic(op, v, e)?;
                self.pop(op);
                return Some(());
            }
        }
        self.set_word(at::C1, 0);
        self.pop(op);
        Some(())
    }
}

/// Does `op` on the cells from arena offset `base` on; gives its result.
pub fn run(arena: &Arena, base: u32, op: F80, v: u64, e: u32) -> u64 {
    let top = arena.read32(base + at::TOP) & 0x70;
    let mut s = Stack { arena, base, top };
    match op.what {
        What::Scratch => arena.read64(base + at::SCRATCH),
        What::Significand => s.st(op.i as u32).0,
        What::Tag => s.st(op.i as u32).1 as u64,
        What::Status => {
            let (inexact, c1) = (s.word(at::INEXACT), s.word(at::C1));
            (s.word(at::STATUS) | inexact << 5 | c1 << 9 | top << 7) as u64
        }
        What::Control => s.word(at::CONTROL) as u64,
        What::Order => {
            let flags = match s.compare(op, v, e) {
                None => return 1,
                Some(Ordering::Less) => 1,
                Some(Ordering::Equal) => 0x40,
                Some(Ordering::Greater) => 0,
            };
            s.pop(op);
            flags << 8
        }
        _ => s.run(op, v, e).is_none() as u64,
    }
}
