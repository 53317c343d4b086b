//! AVX, AVX2, FMA and F16C on values (SDM volume 1, chapter 14; volume 2): most are SSE's operation on each half of 128 bits.

use std::sync::OnceLock;

use iced_x86::Mnemonic;
use rustc_hash::FxHashMap;
use tinamou_ir::guest::Fault;
use tinamou_softfloat::{Env, Float, Fused, Negate, Relation, Rounding};

use super::sse::Value;
use super::{Fpu, simd};

/// 256 bits, low half first.
pub type Ymm = [u128; 2];

/// Operands of an instruction, in the order of its text without the destination; for FMA `a` is the destination.
#[derive(Clone, Copy, Default)]
pub struct Operands {
    /// First source.
    pub a: Ymm,
    /// Second source, or the only one.
    pub b: Ymm,
    /// Third source.
    pub c: Ymm,
    /// A general register as source.
    pub gpr: u64,
    /// The immediate.
    pub imm: u32,
    /// 256 bits.
    pub long: bool,
    /// The general register is 64 bits wide.
    pub wide: bool,
    /// Lengths of PCMPESTRx: RAX and RDX.
    pub lengths: [u64; 2],
}

/// A fused multiply-add by its name.
#[derive(Clone, Copy)]
struct FmaForm {
    /// Which of `a`, `b`, `c` are factors and addend.
    order: [usize; 3],
    negate_product: bool,
    /// The addend is subtracted in even, odd lanes.
    subtract: [bool; 2],
    double: bool,
    scalar: bool,
}

/// What is known of the mnemonics that begin with V.
#[derive(Default)]
struct Names {
    base: FxHashMap<u32, Mnemonic>,
    fma: FxHashMap<u32, FmaForm>,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let all: FxHashMap<String, Mnemonic> = Mnemonic::values()
            .map(|m| (format!("{m:?}").to_lowercase(), m))
            .collect();
        let mut names = Names::default();
        for (name, &m) in &all {
            let Some(rest) = name.strip_prefix('v') else {
                continue;
            };
            if let Some(&base) = all.get(rest) {
                names.base.insert(m as u32, base);
            }
            if let Some(form) = rest.strip_prefix('f').and_then(fma_form) {
                names.fma.insert(m as u32, form);
            }
        }
        names
    })
}

/// `madd132ps` and its kin.
fn fma_form(name: &str) -> Option<FmaForm> {
    let digit = name.find(|c: char| c.is_ascii_digit())?;
    let (kind, rest) = name.split_at(digit);
    let (order, ty) = rest.split_at_checked(3)?;
    let order = match order {
        "132" => [0, 2, 1],
        "213" => [1, 0, 2],
        "231" => [1, 2, 0],
        _ => return None,
    };
    let (negate_product, subtract) = match kind {
        "madd" => (false, [false; 2]),
        "msub" => (false, [true; 2]),
        "nmadd" => (true, [false; 2]),
        "nmsub" => (true, [true; 2]),
        "maddsub" => (false, [true, false]),
        "msubadd" => (false, [false, true]),
        _ => return None,
    };
    let (double, scalar) = match ty {
        "ps" => (false, false),
        "pd" => (true, false),
        "ss" => (false, true),
        "sd" => (true, true),
        _ => return None,
    };
    Some(FmaForm {
        order,
        negate_product,
        subtract,
        double,
        scalar,
    })
}

/// SSE's mnemonic of the same operation.
pub fn base(m: Mnemonic) -> Option<Mnemonic> {
    names().base.get(&(m as u32)).copied()
}

/// Whether it is a fused multiply-add.
pub fn is_fma(m: Mnemonic) -> bool {
    names().fma.contains_key(&(m as u32))
}

/// Whether it is an operation that SSE does not have.
pub fn is_own(m: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(
        m,
        Vbroadcastss
            | Vbroadcastsd
            | Vbroadcastf128
            | Vbroadcasti128
            | Vpbroadcastb
            | Vpbroadcastw
            | Vpbroadcastd
            | Vpbroadcastq
            | Vinsertf128
            | Vinserti128
            | Vperm2f128
            | Vperm2i128
            | Vpermd
            | Vpermps
            | Vpermq
            | Vpermpd
            | Vpermilps
            | Vpermilpd
            | Vpblendd
            | Vpsllvd
            | Vpsllvq
            | Vpsrlvd
            | Vpsrlvq
            | Vpsravd
            | Vtestps
            | Vtestpd
            | Vcvtph2ps
            | Vcvtps2ph
    )
}

impl Operands {
    /// The count of a shift by a constant is the second operand.
    pub fn shift_by_immediate(&mut self, m: Mnemonic, immediate: bool) {
        use Mnemonic::*;
        let shift = matches!(
            m,
            Vpsllw | Vpslld | Vpsllq | Vpsrlw | Vpsrld | Vpsrlq | Vpsraw | Vpsrad
        );
        if shift && immediate {
            self.a = self.b;
            self.b = [self.imm as u128, 0];
        }
    }
}

fn words(v: Ymm) -> [u32; 8] {
    std::array::from_fn(|i| (v[i / 4] >> (32 * (i % 4))) as u32)
}

fn from_words(w: [u32; 8]) -> Ymm {
    std::array::from_fn(|h| (0..4).fold(0, |v, i| v | (w[4 * h + i] as u128) << (32 * i)))
}

fn quads(v: Ymm) -> [u64; 4] {
    std::array::from_fn(|i| (v[i / 2] >> (64 * (i % 2))) as u64)
}

fn from_quads(q: [u64; 4]) -> Ymm {
    std::array::from_fn(|h| q[2 * h] as u128 | (q[2 * h + 1] as u128) << 64)
}

fn by_words(f: impl FnMut(usize) -> u32) -> Ymm {
    from_words(std::array::from_fn(f))
}

fn by_quads(f: impl FnMut(usize) -> u64) -> Ymm {
    from_quads(std::array::from_fn(f))
}

/// The low element of 2^`lg` bytes everywhere.
fn broadcast(v: u128, lg: u32) -> Ymm {
    let mut v = if lg == 4 {
        v
    } else {
        v & (u128::MAX >> (128 - (8 << lg)))
    };
    for step in lg..4 {
        v |= v << (8 << step);
    }
    [v, v]
}

/// A predicate of VCMPxx.
fn predicate<F: Float>(env: &mut Env, imm: u32, a: F, b: F) -> bool {
    // SDM volume 2, table 3-1: which of less, equal, greater, unordered make it true; the upper sixteen signal where the lower do not.
    const HOLDS: [u8; 16] = [
        0b0010, 0b0001, 0b0011, 0b1000, 0b1101, 0b1110, 0b1100, 0b0111, 0b1010, 0b1001, 0b1011,
        0b0000, 0b0101, 0b0110, 0b0100, 0b1111,
    ];
    let low = imm as usize & 15;
    let signalling = matches!(low, 1 | 2 | 5 | 6 | 9 | 10 | 13 | 14) != (imm & 16 != 0);
    let r = if signalling {
        env.compare_signalling(a, b)
    } else {
        env.compare(a, b)
    };
    let bit = match r {
        Relation::Less => 0,
        Relation::Equal => 1,
        Relation::Greater => 2,
        Relation::Unordered => 3,
    };
    HOLDS[low] >> bit & 1 != 0
}

fn fma<F: Fused>(env: &mut Env, form: &FmaForm, odd: usize, x: [F; 3]) -> F {
    let [p, q, r] = form.order.map(|i| x[i]);
    let negate = Negate {
        product: form.negate_product,
        addend: form.subtract[odd],
        result: false,
    };
    env.fma_to::<F, F>(p, q, r, negate)
}

/// The immediate of the upper half.
fn upper_imm(m: Mnemonic, imm: u32) -> u32 {
    use Mnemonic::*;
    match m {
        Vblendps => imm >> 4,
        Vblendpd | Vshufpd => imm >> 2,
        Vmpsadbw => imm >> 3,
        _ => imm,
    }
}

/// An operation on integer lanes of 128 bits, or a shuffle; `None` if it is none of these.
fn lanes(m: Mnemonic, imm: u32, a: u128, b: u128) -> Option<u128> {
    use Mnemonic::*;
    let ([al, ah], [bl, bh]) = ([a as u64, (a >> 64) as u64], [b as u64, (b >> 64) as u64]);
    let pair = |lo: Option<u64>, hi: Option<u64>| Some(lo? as u128 | (hi? as u128) << 64);
    let op = simd::op64;
    let dword = |v: u128, i: u32| v >> (32 * (i & 3)) & 0xffff_ffff;
    Some(match m {
        Pand | Andps | Andpd => a & b,
        Por | Orps | Orpd => a | b,
        Pxor | Xorps | Xorpd => a ^ b,
        Pandn | Andnps | Andnpd => !a & b,
        Packsswb | Packuswb | Packssdw | Packusdw | Phaddw | Phaddd | Phaddsw | Phsubw | Phsubd
        | Phsubsw => return pair(op(m, al, ah), op(m, bl, bh)),
        Punpcklbw => return pair(op(Punpcklbw, al, bl), op(Punpckhbw, al, bl)),
        Punpcklwd => return pair(op(Punpcklwd, al, bl), op(Punpckhwd, al, bl)),
        Punpckldq | Unpcklps => return pair(op(Punpckldq, al, bl), op(Punpckhdq, al, bl)),
        Punpckhbw => return pair(op(Punpcklbw, ah, bh), op(Punpckhbw, ah, bh)),
        Punpckhwd => return pair(op(Punpcklwd, ah, bh), op(Punpckhwd, ah, bh)),
        Punpckhdq | Unpckhps => return pair(op(Punpckldq, ah, bh), op(Punpckhdq, ah, bh)),
        Punpcklqdq | Unpcklpd => return pair(Some(al), Some(bl)),
        Punpckhqdq | Unpckhpd => return pair(Some(ah), Some(bh)),
        Psllw | Pslld | Psllq | Psrlw | Psrld | Psrlq | Psraw | Psrad => {
            return pair(op(m, al, bl), op(m, ah, bl));
        }
        Pshufb => {
            let f = |control| Some(simd::shuffle_bytes(al, ah, control));
            return pair(f(bl), f(bh));
        }
        Pshufd => (0..4).fold(0, |v, i| v | dword(b, imm >> (2 * i)) << (32 * i)),
        Shufps => (0..4).fold(0, |v, i| {
            let from = if i < 2 { a } else { b };
            v | dword(from, imm >> (2 * i)) << (32 * i)
        }),
        Shufpd => {
            let lo = if imm & 1 != 0 { ah } else { al };
            let hi = if imm & 2 != 0 { bh } else { bl };
            return pair(Some(lo), Some(hi));
        }
        Pshuflw | Pshufhw => {
            let shuffle = |v: u64| {
                (0..4).fold(0, |r, i| {
                    r | (v >> (16 * (imm >> (2 * i) & 3)) & 0xffff) << (16 * i)
                })
            };
            return if m == Pshuflw {
                pair(Some(shuffle(bl)), Some(bh))
            } else {
                pair(Some(bl), Some(shuffle(bh)))
            };
        }
        Movddup => return pair(Some(bl), Some(bl)),
        Movshdup => dword(b, 1) | dword(b, 1) << 32 | dword(b, 3) << 64 | dword(b, 3) << 96,
        Movsldup => dword(b, 0) | dword(b, 0) << 32 | dword(b, 2) << 64 | dword(b, 2) << 96,
        Pmovmskb | Movmskps | Pmovsxbw | Pmovsxbd | Pmovsxbq | Pmovsxwd | Pmovsxwq | Pmovsxdq
        | Pmovzxbw | Pmovzxbd | Pmovzxbq | Pmovzxwd | Pmovzxwq | Pmovzxdq => return None,
        _ => return pair(op(m, al, bl), op(m, ah, bh)),
    })
}

/// PMOVSXxx and PMOVZXxx: quarters of the source that make 64 bits each.
fn widened(m: Mnemonic) -> Option<(Mnemonic, u32)> {
    use Mnemonic::*;
    Some(match m {
        Vpmovsxbw => (Pmovsxbw, 32),
        Vpmovsxwd => (Pmovsxwd, 32),
        Vpmovsxdq => (Pmovsxdq, 32),
        Vpmovzxbw => (Pmovzxbw, 32),
        Vpmovzxwd => (Pmovzxwd, 32),
        Vpmovzxdq => (Pmovzxdq, 32),
        Vpmovsxbd => (Pmovsxbd, 16),
        Vpmovsxwq => (Pmovsxwq, 16),
        Vpmovzxbd => (Pmovzxbd, 16),
        Vpmovzxwq => (Pmovzxwq, 16),
        Vpmovsxbq => (Pmovsxbq, 8),
        Vpmovzxbq => (Pmovzxbq, 8),
        _ => return None,
    })
}

/// What AVX makes of its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// For the vector destination; 128-bit results have zeros above.
    Ymm(Ymm),
    /// For a general register.
    Gpr(u64),
    /// ECX and, in the upper half, the flags.
    Index(u64),
    /// CF, PF, AF, ZF, SF and OF.
    Flags(u32),
}

impl Fpu {
    /// An instruction by its operands.
    pub fn avx(&mut self, m: Mnemonic, o: &Operands) -> Result<Option<Made>, Fault> {
        if let Some(v) = moves(m, o) {
            return Ok(Some(Made::Ymm(if o.long { v } else { [v[0], 0] })));
        }
        if let Some(r) = tests(m, o) {
            return Ok(Some(r));
        }
        if let Some(form) = names().fma.get(&(m as u32)) {
            return self.fused(form, o).map(|v| Some(Made::Ymm(v)));
        }
        if let Some(v) = self.converted(m, o)? {
            return Ok(Some(Made::Ymm(v)));
        }
        let Some(base) = base(m) else { return Ok(None) };
        self.halves(m, base, o)
    }

    fn fused(&mut self, form: &FmaForm, o: &Operands) -> Result<Ymm, Fault> {
        let mut env = self.sse_env();
        let x = [o.a, o.b, o.c];
        let count = match (form.scalar, o.long) {
            (true, _) => 1,
            (_, true) => 8,
            _ => 4,
        };
        let v = if form.double {
            let x = x.map(quads);
            let count = count.max(2) / 2;
            by_quads(|i| match i {
                _ if i >= if form.scalar { 1 } else { count } => x[0][i],
                _ => fma(&mut env, form, i & 1, x.map(|x| x[i])),
            })
        } else {
            let x = x.map(words);
            by_words(|i| match i {
                _ if i >= count => x[0][i],
                _ => fma(&mut env, form, i & 1, x.map(|x| x[i])),
            })
        };
        self.sse_settle(env.flags)?;
        Ok(if o.long && !form.scalar { v } else { [v[0], 0] })
    }

    /// Conversions that change the width, comparisons with 32 predicates.
    fn converted(&mut self, m: Mnemonic, o: &Operands) -> Result<Option<Ymm>, Fault> {
        use Mnemonic::*;
        let mut env = self.sse_env();
        let e = &mut env;
        let ones = |c: bool| if c { u32::MAX } else { 0 };
        let count = if o.long { 8 } else { 4 };
        let v = match m {
            Vcmpps => {
                let (a, b) = (words(o.a), words(o.b));
                by_words(|i| ones(i < count && predicate(e, o.imm, a[i], b[i])))
            }
            Vcmpss => {
                let (a, b) = (words(o.a), words(o.b));
                let low = ones(predicate(e, o.imm, a[0], b[0]));
                [o.a[0] & !0xffff_ffff | low as u128, 0]
            }
            Vcmppd => {
                let (a, b) = (quads(o.a), quads(o.b));
                by_quads(|i| {
                    let c = i < count / 2 && predicate(e, o.imm, a[i], b[i]);
                    if c { u64::MAX } else { 0 }
                })
            }
            Vcmpsd => {
                let (a, b) = (quads(o.a), quads(o.b));
                let c = predicate(e, o.imm, a[0], b[0]);
                [o.a[0] >> 64 << 64 | if c { u64::MAX } else { 0 } as u128, 0]
            }
            Vcvtph2ps => {
                // Denormals of 16 bits are normal numbers of 32.
                e.denormals_are_zero = false;
                let v = o.b[0];
                let r = by_words(|i| {
                    if i < count {
                        e.convert::<u16, u32>((v >> (16 * i)) as u16)
                    } else {
                        0
                    }
                });
                e.flags.0 &= !tinamou_softfloat::Flags::INPUT_DENORMAL.0;
                r
            }
            Vcvtps2ph => {
                if o.imm & 4 == 0 {
                    e.rounding = super::x87::rounding(o.imm as u16);
                }
                e.flush_to_zero = tinamou_softfloat::Flush::Keep;
                let w = words(o.b);
                let v = (0..count).fold(0, |v, i| {
                    v | (e.convert::<u32, u16>(w[i]) as u128) << (16 * i)
                });
                [v, 0]
            }
            Vcvtps2pd if o.long => {
                let w = words(o.b);
                by_quads(|i| e.convert::<u32, u64>(w[i]))
            }
            Vcvtdq2pd if o.long => {
                let w = words(o.b);
                by_quads(|i| e.from_int::<u64, i32>(w[i] as i32))
            }
            Vcvtpd2ps if o.long => {
                let q = quads(o.b);
                by_words(|i| {
                    if i < 4 {
                        e.convert::<u64, u32>(q[i])
                    } else {
                        0
                    }
                })
            }
            Vcvtpd2dq | Vcvttpd2dq if o.long => {
                let q = quads(o.b);
                let rc = if m == Vcvttpd2dq {
                    Rounding::TowardZero
                } else {
                    e.rounding
                };
                by_words(|i| {
                    if i < 4 {
                        super::sse::to_i32(e, q[i], rc)
                    } else {
                        0
                    }
                })
            }
            _ => return Ok(None),
        };
        self.sse_settle(env.flags)?;
        Ok(Some(v))
    }

    /// SSE's operation on each half.
    fn halves(&mut self, m: Mnemonic, base: Mnemonic, o: &Operands) -> Result<Option<Made>, Fault> {
        use Mnemonic::*;
        let count = if o.long { 2 } else { 1 };
        let mut v = [0; 2];
        let mut failed = None;
        let shift = matches!(
            base,
            Psllw | Pslld | Psllq | Psrlw | Psrld | Psrlq | Psraw | Psrad
        );
        for (h, half) in v.iter_mut().enumerate().take(count) {
            let imm = if h == 0 { o.imm } else { upper_imm(m, o.imm) };
            // The count of a shift is one for all.
            let b = if shift { o.b[0] } else { o.b[h] };
            if let Some(r) = lanes(base, imm, o.a[h], b) {
                *half = r;
                continue;
            }
            let gpr = match base {
                Pcmpestri | Pcmpestrm => o.lengths,
                _ => [o.gpr, 0],
            };
            match self.sse(base, imm, o.a[h], b, gpr, o.c[h], o.wide) {
                Ok(Value::Xmm(r)) => *half = r,
                Ok(Value::Gpr(r)) if matches!(base, Pcmpistri | Pcmpestri) => {
                    return Ok(Some(Made::Index(r)));
                }
                Ok(Value::Gpr(r)) => return Ok(Some(Made::Gpr(r))),
                Ok(Value::Flags(f)) => return Ok(Some(Made::Flags(f))),
                Ok(_) => return Ok(None),
                // The other half's flags are raised with it.
                Err(e) => failed = Some(e),
            }
        }
        match failed {
            Some(e) => Err(e),
            None => Ok(Some(Made::Ymm(v))),
        }
    }
}

/// Permutations, broadcasts, variable shifts, blends: what raises nothing and is no operation of SSE.
fn moves(m: Mnemonic, o: &Operands) -> Option<Ymm> {
    use Mnemonic::*;
    let (a, b, imm) = (o.a, o.b, o.imm as usize);
    let select = |n: usize| {
        if n & 8 != 0 {
            0
        } else {
            [a[0], a[1], b[0], b[1]][n & 3]
        }
    };
    let variable32 = |f: &dyn Fn(u32, u32) -> u32| {
        let (a, b) = (words(a), words(b));
        by_words(|i| f(a[i], b[i]))
    };
    let variable64 = |f: &dyn Fn(u64, u64) -> u64| {
        let (a, b) = (quads(a), quads(b));
        by_quads(|i| f(a[i], b[i]))
    };
    Some(match m {
        Vbroadcastss | Vpbroadcastd => broadcast(b[0], 2),
        Vbroadcastsd | Vpbroadcastq => broadcast(b[0], 3),
        Vbroadcastf128 | Vbroadcasti128 => broadcast(b[0], 4),
        Vpbroadcastb => broadcast(b[0], 0),
        Vpbroadcastw => broadcast(b[0], 1),
        Vinsertf128 | Vinserti128 => {
            if imm & 1 == 0 {
                [b[0], a[1]]
            } else {
                [a[0], b[0]]
            }
        }
        Vextractf128 | Vextracti128 => [b[imm & 1], 0],
        Vperm2f128 | Vperm2i128 => [select(imm), select(imm >> 4)],
        Vpermd | Vpermps => {
            let (index, v) = (words(a), words(b));
            by_words(|i| v[index[i] as usize & 7])
        }
        Vpermq | Vpermpd => {
            let v = quads(b);
            by_quads(|i| v[imm >> (2 * i) & 3])
        }
        Vpermilps => {
            let (v, control) = (words(a), words(b));
            by_words(|i| {
                let n = if o.gpr != 0 {
                    imm >> (2 * (i & 3))
                } else {
                    control[i] as usize
                };
                v[i & 4 | n & 3]
            })
        }
        Vpermilpd => {
            let (v, control) = (quads(a), quads(b));
            by_quads(|i| {
                let n = if o.gpr != 0 {
                    imm >> i
                } else {
                    control[i] as usize >> 1
                };
                v[i & 2 | n & 1]
            })
        }
        Vpblendd => {
            let (a, b) = (words(a), words(b));
            by_words(|i| if imm >> i & 1 != 0 { b[i] } else { a[i] })
        }
        Vpsllvd => variable32(&|v, n| v.checked_shl(n).unwrap_or(0)),
        Vpsrlvd => variable32(&|v, n| v.checked_shr(n).unwrap_or(0)),
        Vpsravd => variable32(&|v, n| ((v as i32) >> n.min(31)) as u32),
        Vpsllvq => variable64(&|v, n| if n < 64 { v << n } else { 0 }),
        Vpsrlvq => variable64(&|v, n| if n < 64 { v >> n } else { 0 }),
        Vpinsrb | Vpinsrw | Vpinsrd | Vpinsrq => {
            let lg = match m {
                Vpinsrb => 0,
                Vpinsrw => 1,
                Vpinsrd => 2,
                _ => 3,
            };
            let bits = 8 << lg;
            let at = bits * (imm as u32 & ((16 >> lg) - 1));
            let ones = u128::MAX >> (128 - bits);
            [a[0] & !(ones << at) | (o.gpr as u128 & ones) << at, 0]
        }
        _ => {
            let (op, bits) = widened(m)?;
            by_quads(|i| {
                let from = (b[0] >> (bits * i as u32)) as u64;
                simd::op64(op, from, from).unwrap_or(0)
            })
        }
    })
}

/// What gives flags or a mask.
fn tests(m: Mnemonic, o: &Operands) -> Option<Made> {
    use Mnemonic::*;
    let (a, b) = (o.a, if o.long { o.b } else { [o.b[0], 0] });
    let signs = |v: Ymm, bits: u32| -> u64 {
        (0..256 / bits).fold(0, |r, i| {
            let bit = v[(i * bits / 128) as usize] >> (i * bits % 128 + bits - 1) & 1;
            r | (bit as u64) << i
        })
    };
    let flags = |mask: Option<u32>| {
        use crate::flags::{CF, ZF};
        let hit = |x: Ymm| match mask {
            None => x != [0; 2],
            Some(bits) => signs(x, bits) != 0,
        };
        let both = [a[0] & b[0], a[1] & b[1]];
        let only = [!a[0] & b[0], !a[1] & b[1]];
        let mut f = 0;
        if !hit(both) {
            f |= ZF;
        }
        if !hit(only) {
            f |= CF;
        }
        Made::Flags(f)
    };
    Some(match m {
        Vptest => flags(None),
        Vtestps => flags(Some(32)),
        Vtestpd => flags(Some(64)),
        Vpmovmskb => Made::Gpr(signs(b, 8)),
        Vmovmskps => Made::Gpr(signs(b, 32)),
        Vmovmskpd => Made::Gpr(signs(b, 64)),
        _ => return None,
    })
}
