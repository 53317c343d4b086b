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
    }
    special {
        /// A constant; `imm` holds its bits.
        iconst = Const() -> Any [Pure];
        /// `c != 0 ? a : b`.
        select = Select(c: I32, a: Any, b: Any) -> Any [Pure];
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
        /// zero-extended, floats by their bits). The result is an i64, 0 where the helper has none.
        call = Call(a: Any, b: Any, c: Any) -> I64 [Call];
        /// If `c` is not 0, calls helper `imm` with operands `a`, `b` (widened as for `call`) and the constant `aux`, and gives its result;
        /// otherwise gives 0. For the rare case of an operation that is otherwise done in line. The helper declares no slots, no
        /// faults and no time: it may touch memory-only state alone (slots that no generated code names).
        call_if = CallIf(c: I32, a: Any, b: Any) -> I64 [Call];
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
            Sig::T => first(Sig::T),
            Sig::F => first(Sig::F),
            Sig::Any | Sig::Va => Some(own),
        }
    }
}
