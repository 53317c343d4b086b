//! EFLAGS, and how the arithmetic flags are kept: CF in a slot of its own; PF, AF, ZF, SF and OF as the recipe `cc_op` over the operands
//! `cc_a` and `cc_b` of the last instruction that set them.
//!
//! Operands are sign-extended from the operation's width, which keeps both orders: comparisons need no narrowing. Logical operations are
//! recipes `SUB` of the result and 0. A recipe is `kind << 2 | log2 bytes`, plus [`CARRY`], [`OF_SET`] and [`OF_VALUE`].

/// CF.
pub const CF: u32 = 1;
/// PF.
pub const PF: u32 = 1 << 2;
/// AF.
pub const AF: u32 = 1 << 4;
/// ZF.
pub const ZF: u32 = 1 << 6;
/// SF.
pub const SF: u32 = 1 << 7;
/// TF.
pub const TF: u32 = 1 << 8;
/// IF.
pub const IF: u32 = 1 << 9;
/// DF.
pub const DF: u32 = 1 << 10;
/// OF.
pub const OF: u32 = 1 << 11;
/// IOPL.
pub const IOPL: u32 = 3 << 12;
/// NT.
pub const NT: u32 = 1 << 14;
/// RF.
pub const RF: u32 = 1 << 16;
/// VM.
pub const VM: u32 = 1 << 17;
/// AC.
pub const AC: u32 = 1 << 18;
/// VIF.
pub const VIF: u32 = 1 << 19;
/// VIP.
pub const VIP: u32 = 1 << 20;
/// ID.
pub const ID: u32 = 1 << 21;

/// The flags that a recipe gives.
pub const RECIPE: u32 = PF | AF | ZF | SF | OF;
/// All arithmetic flags.
pub const ARITH: u32 = RECIPE | CF;

/// The flags themselves are in `cc_a`.
pub const FLAGS: u32 = 0;
/// `a - b`.
pub const SUB: u32 = 1;
/// `a + b`.
pub const ADD: u32 = 2;
/// `a + b + carry`.
pub const ADC: u32 = 3;
/// `a - b - carry`.
pub const SBB: u32 = 4;
/// `a` is an operand plus 1.
pub const INC: u32 = 5;
/// `a` is an operand minus 1.
pub const DEC: u32 = 6;
/// `a` is the result, `b` the operand shifted one less.
pub const SHL: u32 = 7;
/// `a` is the result.
pub const SHR: u32 = 8;
/// `a` is the low half of a product, `b` not 0 if it overflows.
pub const MUL: u32 = 9;

/// The carry that went into ADC or SBB.
pub const CARRY: u32 = 1 << 8;
/// OF is given by [`OF_VALUE`].
pub const OF_SET: u32 = 1 << 9;
/// OF where [`OF_SET`] says so.
pub const OF_VALUE: u32 = 1 << 10;

/// PF, AF, ZF, SF and OF by recipe.
pub fn eval(op: u32, a: u64, b: u64) -> u32 {
    let kind = op >> 2 & 15;
    let shift = 64 - (8u32 << (op & 3));
    // Operands at the top of 64 bits: sign and carry positions are fixed there.
    let narrow = |v: u64| ((v << shift) as i64 >> shift) as u64;
    let (a, b) = (narrow(a), narrow(b));
    let carry = (op >> 8 & 1) as u64;
    let neg = |v: u64| (v as i64) < 0;
    let mut af = false;
    let (r, of) = match kind {
        FLAGS => {
            let f = a as u32 & RECIPE;
            return with_of(op, f);
        }
        SUB | SBB => {
            let c = if kind == SBB { carry } else { 0 };
            let r = narrow(a.wrapping_sub(b).wrapping_sub(c));
            af = (a ^ b ^ r) & 16 != 0;
            (r, neg((a ^ b) & (a ^ r)))
        }
        ADD | ADC => {
            let c = if kind == ADC { carry } else { 0 };
            let r = narrow(a.wrapping_add(b).wrapping_add(c));
            af = (a ^ b ^ r) & 16 != 0;
            (r, neg((a ^ r) & (b ^ r)))
        }
        INC => {
            af = a & 15 == 0;
            (a, a == narrow(1 << (63 - shift)))
        }
        DEC => {
            af = a & 15 == 15;
            (a, a == !narrow(1 << (63 - shift)))
        }
        SHL => (a, neg(a ^ b)),
        SHR => (a, neg(a ^ narrow(a << 1))),
        _ => (a, b != 0),
    };
    let mut f = 0;
    if (r as u8).count_ones().is_multiple_of(2) {
        f |= PF;
    }
    if af {
        f |= AF;
    }
    if r == 0 {
        f |= ZF;
    }
    if neg(r) {
        f |= SF;
    }
    if of {
        f |= OF;
    }
    with_of(op, f)
}

fn with_of(op: u32, f: u32) -> u32 {
    if op & OF_SET == 0 {
        f
    } else if op & OF_VALUE != 0 {
        f | OF
    } else {
        f & !OF
    }
}

/// Whether condition `cc` (the low four bits of Jcc) holds.
pub fn condition(cc: u32, flags: u32) -> bool {
    let is = |bits| flags & bits != 0;
    let less = is(SF) != is(OF);
    let holds = match cc >> 1 {
        0 => is(OF),
        1 => is(CF),
        2 => is(ZF),
        3 => is(CF | ZF),
        4 => is(SF),
        5 => is(PF),
        6 => less,
        _ => less || is(ZF),
    };
    holds != (cc & 1 != 0)
}
