//! `ops!`: the only list of IR opcodes. The enum, the text form's names, the type rules and the builder's plain methods come
//! from this list; the interpreter and the wasm code generator match on the enum exhaustively.
//!
//! Adding an op: one line here, one arm in `interp`, one arm in `tinamou-wasm`, one filetest.

use crate::types::Type;

/// Type of an operand or of a result in an op's signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sig {
    /// No operand, or no result.
    None,
    /// `i32` or `i64`; every `T` of one op is the same type.
    T,
    /// `f32` or `f64`; every `F` of one op is the same type.
    F,
    /// Any type, the one the instruction carries in its `ty`.
    Any,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `v128`.
    V,
    /// A guest virtual address: `i32` for 32-bit guests, `i64` for 64-bit ones.
    Va,
}

/// What an op may do besides computing its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Result depends on the operands alone; may be removed, merged or moved.
    Pure,
    /// Reads a slot.
    ReadsSlot,
    /// Writes a slot.
    WritesSlot,
    /// Reads guest memory; may fault or leave the block before any effect.
    Load,
    /// Writes guest memory; may fault or leave the block before any effect; may end the block after its instruction.
    Store,
    /// May leave the block; has no other effect.
    MayExit,
    /// As its helper declares.
    Call,
    /// Reads and writes memory that no generated code names otherwise (see [`crate::f80`]).
    Cells,
    /// Position of a guest instruction.
    Marker,
    /// Ends the block.
    Terminator,
}

/// The declaration of one op.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// Name in the text form and of the builder method.
    pub name: &'static str,
    /// Operand types, `Sig::None` where there is none.
    pub args: [Sig; 3],
    /// Result type.
    pub result: Sig,
    /// Effect.
    pub effect: Effect,
    /// Prose definition.
    pub doc: &'static str,
}

macro_rules! ops {
    (
        simple { $( $(#[doc = $sdoc:literal])+ $sname:ident = $sop:ident ( $($sarg:ident : $sty:ident),* ) -> $sres:ident; )* }
        special { $( $(#[doc = $xdoc:literal])+ $xname:ident = $xop:ident ( $($xarg:ident : $xty:ident),* ) -> $xres:ident [$xeff:ident]; )* }
    ) => {
        /// An opcode.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $( $(#[doc = $sdoc])+ $sop, )*
            $( $(#[doc = $xdoc])+ $xop, )*
        }

        /// Every op in declaration order.
        pub const ALL: &[Op] = &[ $(Op::$sop,)* $(Op::$xop,)* ];

        static INFO: &[OpInfo] = &[
            $( OpInfo { name: stringify!($sname), args: sig3(&[$(Sig::$sty),*]), result: Sig::$sres, effect: Effect::Pure,
                        doc: concat!($($sdoc),+) }, )*
            $( OpInfo { name: stringify!($xname), args: sig3(&[$(Sig::$xty),*]), result: Sig::$xres, effect: Effect::$xeff,
                        doc: concat!($($xdoc),+) }, )*
        ];

        impl crate::builder::Builder {
            $( $(#[doc = $sdoc])+
               pub fn $sname(&mut self, $($sarg: crate::block::Val),*) -> crate::block::Val {
                   self.push_simple(Op::$sop, &[$($sarg),*])
               } )*
        }
    };
}

const fn sig3(args: &[Sig]) -> [Sig; 3] {
    let mut out = [Sig::None; 3];
    let mut i = 0;
    while i < args.len() {
        out[i] = args[i];
        i += 1;
    }
    out
}

ops! {
    simple {
        /// `a + b`, wrapping.
        add = Add(a: T, b: T) -> T;
        /// `a - b`, wrapping.
        sub = Sub(a: T, b: T) -> T;
        /// Low half of `a * b`.
        mul = Mul(a: T, b: T) -> T;
        /// High 64 bits of the unsigned 128-bit product.
        mulh_u = MulhU(a: I64, b: I64) -> I64;
        /// High 64 bits of the signed 128-bit product.
        mulh_s = MulhS(a: I64, b: I64) -> I64;
        /// Unsigned quotient; 0 where `b` is 0.
        div_u = DivU(a: T, b: T) -> T;
        /// Signed quotient, truncated; 0 where `b` is 0; the smallest number divided by -1 gives itself.
        div_s = DivS(a: T, b: T) -> T;
        /// Unsigned remainder; `a` where `b` is 0.
        rem_u = RemU(a: T, b: T) -> T;
        /// Signed remainder with the sign of `a`; `a` where `b` is 0; 0 where `b` is -1.
        rem_s = RemS(a: T, b: T) -> T;
        /// Bitwise and.
        and = And(a: T, b: T) -> T;
        /// Bitwise or.
        or = Or(a: T, b: T) -> T;
        /// Bitwise exclusive or.
        xor = Xor(a: T, b: T) -> T;
        /// `a << (b mod width)`.
        shl = Shl(a: T, b: T) -> T;
        /// Logical `a >> (b mod width)`.
        shr = Shr(a: T, b: T) -> T;
        /// Arithmetic `a >> (b mod width)`.
        sar = Sar(a: T, b: T) -> T;
        /// Rotate left by `b mod width`.
        rotl = Rotl(a: T, b: T) -> T;
        /// Rotate right by `b mod width`.
        rotr = Rotr(a: T, b: T) -> T;
        /// Leading zeros; the width for 0.
        clz = Clz(a: T) -> T;
        /// Trailing zeros; the width for 0.
        ctz = Ctz(a: T) -> T;
        /// Number of one bits.
        popcnt = Popcnt(a: T) -> T;
        /// Bytes in reverse order.
        bswap = Bswap(a: T) -> T;
        /// Low 8 bits, sign-extended to T.
        sext8 = Sext8(a: T) -> T;
        /// Low 16 bits, sign-extended to T.
        sext16 = Sext16(a: T) -> T;
        /// Low 32 bits of an i64, sign-extended within it.
        sext32 = Sext32(a: I64) -> I64;
        /// Low 32 bits.
        wrap = Wrap(a: I64) -> I32;
        /// Sign-extends an i32 to i64.
        ext_s = ExtS(a: I32) -> I64;
        /// Zero-extends an i32 to i64.
        ext_u = ExtU(a: I32) -> I64;
        /// 1 if `a` is 0, else 0.
        eqz = Eqz(a: T) -> I32;
        /// 1 if equal.
        eq = Eq(a: T, b: T) -> I32;
        /// 1 if different.
        ne = Ne(a: T, b: T) -> I32;
        /// 1 if `a < b`, unsigned.
        lt_u = LtU(a: T, b: T) -> I32;
        /// 1 if `a < b`, signed.
        lt_s = LtS(a: T, b: T) -> I32;
        /// 1 if `a <= b`, unsigned.
        le_u = LeU(a: T, b: T) -> I32;
        /// 1 if `a <= b`, signed.
        le_s = LeS(a: T, b: T) -> I32;
        /// Sum of two floats, nearest-even. Where the result would be a NaN its bits are unspecified: the lifter must route
        /// such operands to softfloat.
        fadd = Fadd(a: F, b: F) -> F;
        /// Difference; NaN as for `fadd`.
        fsub = Fsub(a: F, b: F) -> F;
        /// Product; NaN as for `fadd`.
        fmul = Fmul(a: F, b: F) -> F;
        /// Quotient; NaN as for `fadd`.
        fdiv = Fdiv(a: F, b: F) -> F;
        /// Square root, nearest-even; NaN as for `fadd`.
        fsqrt = Fsqrt(a: F) -> F;
        /// Flips the sign bit, also of a NaN.
        fneg = Fneg(a: F) -> F;
        /// Clears the sign bit, also of a NaN.
        fabs = Fabs(a: F) -> F;
        /// 1 if equal; 0 if unordered.
        feq = Feq(a: F, b: F) -> I32;
        /// 1 if `a < b`; 0 if unordered.
        flt = Flt(a: F, b: F) -> I32;
        /// 1 if `a <= b`; 0 if unordered.
        fle = Fle(a: F, b: F) -> I32;
        /// Rounds to an integral value, ties to even; NaN as for `fadd`.
        fnearest = Fnearest(a: F) -> F;
        /// f32 to f64, exact; NaN as for `fadd`.
        fpromote = Fpromote(a: F32) -> F64;
        /// f64 to f32, nearest-even; NaN as for `fadd`.
        fdemote = Fdemote(a: F64) -> F32;
        /// Signed i32 to f64, exact.
        f64_from_i32 = F64FromI32(a: I32) -> F64;
        /// Signed i64 to f64, nearest-even.
        f64_from_i64 = F64FromI64(a: I64) -> F64;
        /// Signed i32 to f32, nearest-even.
        f32_from_i32 = F32FromI32(a: I32) -> F32;
        /// Signed i64 to f32, nearest-even.
        f32_from_i64 = F32FromI64(a: I64) -> F32;
        /// f64 to signed i32, truncated, saturating; NaN gives 0.
        i32_from_f64 = I32FromF64(a: F64) -> I32;
        /// f64 to signed i64, truncated, saturating; NaN gives 0.
        i64_from_f64 = I64FromF64(a: F64) -> I64;
        /// The bits of an f32.
        bits32 = Bits32(a: F32) -> I32;
        /// The bits of an f64.
        bits64 = Bits64(a: F64) -> I64;
        /// An f32 of these bits.
        float32 = Float32(a: I32) -> F32;
        /// An f64 of these bits.
        float64 = Float64(a: I64) -> F64;
        /// Bitwise and.
        v_and = Vand(a: V, b: V) -> V;
        /// Bitwise or.
        v_or = Vor(a: V, b: V) -> V;
        /// Bitwise exclusive or.
        v_xor = Vxor(a: V, b: V) -> V;
        /// `a & !b`.
        v_andnot = Vandnot(a: V, b: V) -> V;
        /// Bits of `a` where `m` has ones, of `b` elsewhere.
        v_bits = Vbits(a: V, b: V, m: V) -> V;
        /// 1 if any bit is set.
        v_any = Vany(a: V) -> I32;
        /// Sums of 8-bit lanes, wrapping.
        v_add8 = Vadd8(a: V, b: V) -> V;
        /// Sums of 16-bit lanes, wrapping.
        v_add16 = Vadd16(a: V, b: V) -> V;
        /// Sums of 32-bit lanes, wrapping.
        v_add32 = Vadd32(a: V, b: V) -> V;
        /// Sums of 64-bit lanes, wrapping.
        v_add64 = Vadd64(a: V, b: V) -> V;
        /// Differences of 8-bit lanes, wrapping.
        v_sub8 = Vsub8(a: V, b: V) -> V;
        /// Differences of 16-bit lanes, wrapping.
        v_sub16 = Vsub16(a: V, b: V) -> V;
        /// Differences of 32-bit lanes, wrapping.
        v_sub32 = Vsub32(a: V, b: V) -> V;
        /// Differences of 64-bit lanes, wrapping.
        v_sub64 = Vsub64(a: V, b: V) -> V;
        /// Sums of signed 8-bit lanes, saturating.
        v_add_sat8_s = VaddSat8S(a: V, b: V) -> V;
        /// Sums of signed 16-bit lanes, saturating.
        v_add_sat16_s = VaddSat16S(a: V, b: V) -> V;
        /// Sums of unsigned 8-bit lanes, saturating.
        v_add_sat8_u = VaddSat8U(a: V, b: V) -> V;
        /// Sums of unsigned 16-bit lanes, saturating.
        v_add_sat16_u = VaddSat16U(a: V, b: V) -> V;
        /// Differences of signed 8-bit lanes, saturating.
        v_sub_sat8_s = VsubSat8S(a: V, b: V) -> V;
        /// Differences of signed 16-bit lanes, saturating.
        v_sub_sat16_s = VsubSat16S(a: V, b: V) -> V;
        /// Differences of unsigned 8-bit lanes, saturating.
        v_sub_sat8_u = VsubSat8U(a: V, b: V) -> V;
        /// Differences of unsigned 16-bit lanes, saturating.
        v_sub_sat16_u = VsubSat16U(a: V, b: V) -> V;
        /// Low halves of products of 16-bit lanes.
        v_mul16 = Vmul16(a: V, b: V) -> V;
        /// Low halves of products of 32-bit lanes.
        v_mul32 = Vmul32(a: V, b: V) -> V;
        /// Lesser of signed 8-bit lanes.
        v_min8_s = Vmin8S(a: V, b: V) -> V;
        /// Lesser of signed 16-bit lanes.
        v_min16_s = Vmin16S(a: V, b: V) -> V;
        /// Lesser of signed 32-bit lanes.
        v_min32_s = Vmin32S(a: V, b: V) -> V;
        /// Lesser of unsigned 8-bit lanes.
        v_min8_u = Vmin8U(a: V, b: V) -> V;
        /// Lesser of unsigned 16-bit lanes.
        v_min16_u = Vmin16U(a: V, b: V) -> V;
        /// Lesser of unsigned 32-bit lanes.
        v_min32_u = Vmin32U(a: V, b: V) -> V;
        /// Greater of signed 8-bit lanes.
        v_max8_s = Vmax8S(a: V, b: V) -> V;
        /// Greater of signed 16-bit lanes.
        v_max16_s = Vmax16S(a: V, b: V) -> V;
        /// Greater of signed 32-bit lanes.
        v_max32_s = Vmax32S(a: V, b: V) -> V;
        /// Greater of unsigned 8-bit lanes.
        v_max8_u = Vmax8U(a: V, b: V) -> V;
        /// Greater of unsigned 16-bit lanes.
        v_max16_u = Vmax16U(a: V, b: V) -> V;
        /// Greater of unsigned 32-bit lanes.
        v_max32_u = Vmax32U(a: V, b: V) -> V;
        /// `(a + b + 1) / 2` of unsigned 8-bit lanes.
        v_avg8 = Vavg8(a: V, b: V) -> V;
        /// `(a + b + 1) / 2` of unsigned 16-bit lanes.
        v_avg16 = Vavg16(a: V, b: V) -> V;
        /// 8-bit lanes: all ones where equal.
        v_eq8 = Veq8(a: V, b: V) -> V;
        /// 16-bit lanes: all ones where equal.
        v_eq16 = Veq16(a: V, b: V) -> V;
        /// 32-bit lanes: all ones where equal.
        v_eq32 = Veq32(a: V, b: V) -> V;
        /// 64-bit lanes: all ones where equal.
        v_eq64 = Veq64(a: V, b: V) -> V;
        /// Signed 8-bit lanes: all ones where `a > b`.
        v_gt8 = Vgt8(a: V, b: V) -> V;
        /// Signed 16-bit lanes: all ones where `a > b`.
        v_gt16 = Vgt16(a: V, b: V) -> V;
        /// Signed 32-bit lanes: all ones where `a > b`.
        v_gt32 = Vgt32(a: V, b: V) -> V;
        /// Signed 64-bit lanes: all ones where `a > b`.
        v_gt64 = Vgt64(a: V, b: V) -> V;
        /// Magnitudes of signed 8-bit lanes, wrapping.
        v_abs8 = Vabs8(a: V) -> V;
        /// Magnitudes of signed 16-bit lanes, wrapping.
        v_abs16 = Vabs16(a: V) -> V;
        /// Magnitudes of signed 32-bit lanes, wrapping.
        v_abs32 = Vabs32(a: V) -> V;
        /// `a << (n mod width)` of 16-bit lanes.
        v_shl16 = Vshl16(a: V, n: I32) -> V;
        /// `a << (n mod width)` of 32-bit lanes.
        v_shl32 = Vshl32(a: V, n: I32) -> V;
        /// `a << (n mod width)` of 64-bit lanes.
        v_shl64 = Vshl64(a: V, n: I32) -> V;
        /// Logical `a >> (n mod width)` of 16-bit lanes.
        v_shr16 = Vshr16(a: V, n: I32) -> V;
        /// Logical `a >> (n mod width)` of 32-bit lanes.
        v_shr32 = Vshr32(a: V, n: I32) -> V;
        /// Logical `a >> (n mod width)` of 64-bit lanes.
        v_shr64 = Vshr64(a: V, n: I32) -> V;
        /// Arithmetic `a >> (n mod width)` of 16-bit lanes.
        v_sar16 = Vsar16(a: V, n: I32) -> V;
        /// Arithmetic `a >> (n mod width)` of 32-bit lanes.
        v_sar32 = Vsar32(a: V, n: I32) -> V;
        /// Signed 16-bit lanes of `a`, then `b`, saturated to signed 8-bit lanes.
        v_narrow16_s = Vnarrow16S(a: V, b: V) -> V;
        /// Signed 16-bit lanes of `a`, then `b`, saturated to unsigned 8-bit lanes.
        v_narrow16_u = Vnarrow16U(a: V, b: V) -> V;
        /// Signed 32-bit lanes of `a`, then `b`, saturated to signed 16-bit lanes.
        v_narrow32_s = Vnarrow32S(a: V, b: V) -> V;
        /// Signed 32-bit lanes of `a`, then `b`, saturated to unsigned 16-bit lanes.
        v_narrow32_u = Vnarrow32U(a: V, b: V) -> V;
        /// Sign-extends the low 8-bit lanes to twice the width.
        v_extend8_s = Vextend8S(a: V) -> V;
        /// Zero-extends the low 8-bit lanes to twice the width.
        v_extend8_u = Vextend8U(a: V) -> V;
        /// Sign-extends the low 16-bit lanes to twice the width.
        v_extend16_s = Vextend16S(a: V) -> V;
        /// Zero-extends the low 16-bit lanes to twice the width.
        v_extend16_u = Vextend16U(a: V) -> V;
        /// Sign-extends the low 32-bit lanes to twice the width.
        v_extend32_s = Vextend32S(a: V) -> V;
        /// Zero-extends the low 32-bit lanes to twice the width.
        v_extend32_u = Vextend32U(a: V) -> V;
        /// Whole products of the low signed 16-bit lanes.
        v_mul_low16_s = VmulLow16S(a: V, b: V) -> V;
        /// Whole products of the high signed 16-bit lanes.
        v_mul_high16_s = VmulHigh16S(a: V, b: V) -> V;
        /// Whole products of the low unsigned 16-bit lanes.
        v_mul_low16_u = VmulLow16U(a: V, b: V) -> V;
        /// Whole products of the high unsigned 16-bit lanes.
        v_mul_high16_u = VmulHigh16U(a: V, b: V) -> V;
        /// Whole products of the low signed 32-bit lanes.
        v_mul_low32_s = VmulLow32S(a: V, b: V) -> V;
        /// Whole products of the low unsigned 32-bit lanes.
        v_mul_low32_u = VmulLow32U(a: V, b: V) -> V;
        /// Sums of neighbouring products of signed 16-bit lanes.
        v_dot16 = Vdot16(a: V, b: V) -> V;
        /// Sums of neighbouring unsigned 8-bit lanes, at twice the width.
        v_pairs8_u = Vpairs8U(a: V) -> V;
        /// Sums of neighbouring unsigned 16-bit lanes, at twice the width.
        v_pairs16_u = Vpairs16U(a: V) -> V;
        /// Bytes of `a` by the numbers in `b`; 0 for numbers above 15.
        v_swizzle = Vswizzle(a: V, b: V) -> V;
        /// Top bits of the 8-bit lanes, the lowest lane's in bit 0.
        v_mask8 = Vmask8(a: V) -> I32;
        /// Top bits of the 32-bit lanes, the lowest lane's in bit 0.
        v_mask32 = Vmask32(a: V) -> I32;
        /// Top bits of the 64-bit lanes, the lowest lane's in bit 0.
        v_mask64 = Vmask64(a: V) -> I32;
        /// Sums of f32 lanes; NaN as for `fadd`.
        v_fadd32 = Vfadd32(a: V, b: V) -> V;
        /// Differences of f32 lanes; NaN as for `fadd`.
        v_fsub32 = Vfsub32(a: V, b: V) -> V;
        /// Products of f32 lanes; NaN as for `fadd`.
        v_fmul32 = Vfmul32(a: V, b: V) -> V;
        /// Quotients of f32 lanes; NaN as for `fadd`.
        v_fdiv32 = Vfdiv32(a: V, b: V) -> V;
        /// Square roots of f32 lanes; NaN as for `fadd`.
        v_fsqrt32 = Vfsqrt32(a: V) -> V;
        /// f32 lanes: `b < a ? b : a`, bit for bit.
        v_fmin32 = Vfmin32(a: V, b: V) -> V;
        /// f32 lanes: `a < b ? b : a`, bit for bit.
        v_fmax32 = Vfmax32(a: V, b: V) -> V;
        /// Clears the signs of f32 lanes, also of NaNs.
        v_fabs32 = Vfabs32(a: V) -> V;
        /// f32 lanes: all ones where equal; zeros where unordered.
        v_feq32 = Vfeq32(a: V, b: V) -> V;
        /// f32 lanes: all ones where `a < b`.
        v_flt32 = Vflt32(a: V, b: V) -> V;
        /// f32 lanes: all ones where `a <= b`.
        v_fle32 = Vfle32(a: V, b: V) -> V;
        /// f32 lanes rounded to integral values, ties to even; NaN as for `fadd`.
        v_fnearest32 = Vfnearest32(a: V) -> V;
        /// Sums of f64 lanes; NaN as for `fadd`.
        v_fadd64 = Vfadd64(a: V, b: V) -> V;
        /// Differences of f64 lanes; NaN as for `fadd`.
        v_fsub64 = Vfsub64(a: V, b: V) -> V;
        /// Products of f64 lanes; NaN as for `fadd`.
        v_fmul64 = Vfmul64(a: V, b: V) -> V;
        /// Quotients of f64 lanes; NaN as for `fadd`.
        v_fdiv64 = Vfdiv64(a: V, b: V) -> V;
        /// Square roots of f64 lanes; NaN as for `fadd`.
        v_fsqrt64 = Vfsqrt64(a: V) -> V;
        /// f64 lanes: `b < a ? b : a`, bit for bit.
        v_fmin64 = Vfmin64(a: V, b: V) -> V;
        /// f64 lanes: `a < b ? b : a`, bit for bit.
        v_fmax64 = Vfmax64(a: V, b: V) -> V;
        /// Clears the signs of f64 lanes, also of NaNs.
        v_fabs64 = Vfabs64(a: V) -> V;
        /// f64 lanes: all ones where equal; zeros where unordered.
        v_feq64 = Vfeq64(a: V, b: V) -> V;
        /// f64 lanes: all ones where `a < b`.
        v_flt64 = Vflt64(a: V, b: V) -> V;
        /// f64 lanes: all ones where `a <= b`.
        v_fle64 = Vfle64(a: V, b: V) -> V;
        /// f64 lanes rounded to integral values, ties to even; NaN as for `fadd`.
        v_fnearest64 = Vfnearest64(a: V) -> V;
        /// Signed 32-bit lanes to f32, nearest-even.
        v_f32_from_i32 = VF32FromI32(a: V) -> V;
        /// f32 lanes to signed 32-bit lanes, truncated, saturating; NaN gives 0.
        v_i32_from_f32 = VI32FromF32(a: V) -> V;
        /// The two low signed 32-bit lanes to f64, exact.
        v_f64_from_i32 = VF64FromI32(a: V) -> V;
        /// f64 lanes to signed 32-bit lanes as above, in the low half; the upper half is 0.
        v_i32_from_f64 = VI32FromF64(a: V) -> V;
        /// The two low f32 lanes to f64, exact; NaN as for `fadd`.
        v_fpromote = Vfpromote(a: V) -> V;
        /// f64 lanes to f32, nearest-even, in the low half; the upper half is 0; NaN as for `fadd`.
        v_fdemote = Vfdemote(a: V) -> V;
        /// Two halves, the low one first.
        v_pair = Vpair(lo: I64, hi: I64) -> V;
        /// The low half; the upper half is 0.
        v_low = Vlow(lo: I64) -> V;
        /// Low half.
        v_lo = Vlo(a: V) -> I64;
        /// Upper half.
        v_hi = Vhi(a: V) -> I64;
        /// Low f32 lane.
        v_lo32 = Vlo32(a: V) -> F32;
        /// Low f64 lane.
        v_lo64 = Vlo64(a: V) -> F64;
        /// Replaces the low half.
        v_set_lo = VsetLo(a: V, lo: I64) -> V;
        /// Replaces the upper half.
        v_set_hi = VsetHi(a: V, hi: I64) -> V;
        /// Replaces the low f32 lane.
        v_set_lo32 = VsetLo32(a: V, lo: F32) -> V;
        /// Replaces the low f64 lane.
        v_set_lo64 = VsetLo64(a: V, lo: F64) -> V;
    }
    special {
        /// A constant; `imm` holds its bits, `aux` the upper half of a `v128`.
        iconst = Const() -> Any [Pure];
        /// `c != 0 ? a : b`.
        select = Select(c: I32, a: Any, b: Any) -> Any [Pure];
        /// Bytes of `a` (numbers 0 to 15) and `b` (16 to 31) by the sixteen numbers in the bytes of `imm`, then `aux`.
        shuffle = Vshuffle(a: V, b: V) -> V [Pure];
        /// Value of slot `imm`.
        get = Get() -> Any [ReadsSlot];
        /// Writes slot `imm`.
        set = Set(v: Any) -> None [WritesSlot];
        /// Guest load at `va` as the `MemArg` in `imm` says; extended to the result type.
        load = Load(va: Va) -> Any [Load];
        /// Guest store of the low bytes of `v` at `va` as the `MemArg` in `imm` says.
        store = Store(va: Va, v: Any) -> None [Store];
        /// The store above, if `c` is not 0.
        store_if = StoreIf(c: I32, va: Va, v: Any) -> None [Store];
        /// Checks that the access of the `MemArg` in `imm` would not fault, without any other effect. With `probe_write` set
        /// in the `MemArg` it checks a store.
        probe = Probe(va: Va) -> None [Load];
        /// Calls helper `imm` (an index into the guest's list) with up to three operands, each widened to 64 bits (i32
        /// zero-extended, floats by their bits; no `v128`). The result is an i64, 0 where the helper has none.
        call = Call(a: Any, b: Any, c: Any) -> I64 [Call];
        /// If `c` is not 0, calls helper `imm` with operands `a`, `b` (widened as for `call`) and the constant `aux`, and gives its result;
        /// otherwise gives 0. For the rare case of an operation that is otherwise done in line. The helper declares no slots, no
        /// faults and no time: it may touch memory-only state alone (slots that no generated code names).
        call_if = CallIf(c: I32, a: Any, b: Any) -> I64 [Call];
        /// What `imm`, a packed [`crate::f80::F80`], says on a stack of 80-bit floating-point registers. Operands that it does not need may be left out.
        f80 = F80(v: I64, e: I32) -> Any [Cells];
        /// Raises guest exception `imm` at the current instruction if `c` is not 0.
        trap_if = TrapIf(c: I32) -> None [MayExit];
        /// Leaves the block for the constant guest address `imm` if `c` is not 0; the instructions so far are complete.
        exit_if = ExitIf(c: I32) -> None [MayExit];
        /// A guest instruction begins at address `imm`; `aux` is the guest's own note on it (a delay slot), handed to `Guest::raise`.
        /// No SSA value of a lifted block lives across this marker: what later instructions need goes through slots, so that a
        /// block can be resumed at any marker.
        insn = Insn() -> None [Marker];
        /// Goes on at the constant guest address `imm`, in the same mode.
        jump = Jump() -> None [Terminator];
        /// Goes on at `imm` if `c` is not 0, else at the address `aux`. Same mode.
        branch = Branch(c: I32) -> None [Terminator];
        /// Goes on at the address in `target`, in the same mode. `imm` is a `JumpKind`.
        jump_ind = JumpInd(target: Va) -> None [Terminator];
        /// The block ends after its last instruction; the next pc is the constant `imm`, and the mode, a mapping or the interrupt
        /// state may have changed: the run loop looks again.
        leave = Leave() -> None [Terminator];
        /// As `leave`, with the next pc in `target`.
        leave_ind = LeaveInd(target: Va) -> None [Terminator];
        /// Raises guest exception `imm` at the current instruction.
        raise = Raise() -> None [Terminator];
    }
}

impl Op {
    /// The op's declaration.
    pub fn info(self) -> &'static OpInfo {
        &INFO[self as usize]
    }

    /// The op of this name in the text form.
    pub fn from_name(name: &str) -> Option<Op> {
        ALL.iter().copied().find(|op| op.info().name == name)
    }

    /// Whether an operand or the result is always a `v128`.
    pub fn is_vector(self) -> bool {
        let info = self.info();
        info.result == Sig::V || info.args.contains(&Sig::V)
    }

    /// Whether the op ends a block.
    pub fn is_terminator(self) -> bool {
        self.info().effect == Effect::Terminator
    }

    /// Result type, given the types of the operands and the instruction's own type for `Any`.
    pub fn result_type(self, args: [Option<Type>; 3], own: Type) -> Option<Type> {
        let first = |sig: Sig| {
            self.info()
                .args
                .iter()
                .zip(args)
                .find(|(s, _)| **s == sig)
                .and_then(|(_, t)| t)
        };
        match self.info().result {
            Sig::None => None,
            Sig::I32 => Some(Type::I32),
            Sig::I64 => Some(Type::I64),
            Sig::F32 => Some(Type::F32),
            Sig::F64 => Some(Type::F64),
            Sig::V => Some(Type::V128),
            Sig::T => first(Sig::T),
            Sig::F => first(Sig::F),
            Sig::Any | Sig::Va => Some(own),
        }
    }
}
