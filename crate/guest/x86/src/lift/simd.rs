//! Integer lanes of MMX and SSE: two halves of 64 bits, each by a pure helper where it is not a plain operation.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::{Type, Val};

use super::Lifter;
use super::operand::{Use, gpr};
use super::x87::check;
use crate::regs::DI;
use crate::{fault, helpers};

/// 128 bits, low half first.
pub type Pair = (Val, Val);

fn mm(r: Register) -> u32 {
    r.number() as u32
}

impl Lifter<'_> {
    /// MMX register `n`.
    pub fn mmx(&mut self, n: u32) -> Val {
        let n = self.b.i32(n);
        self.b.call(helpers::MMX_GET, &[n])
    }

    /// Writes MMX register `n`.
    pub fn set_mmx(&mut self, n: u32, v: Val) {
        let n = self.b.i32(n);
        self.b.call(helpers::MMX_SET, &[n, v]);
    }

    /// XMM register `n`.
    pub fn xmm(&mut self, n: usize) -> Pair {
        let [lo, hi] = self.cpu.regs.xmm[n & 15];
        (self.b.get(lo), self.b.get(hi))
    }

    /// Writes XMM register `n`.
    pub fn set_xmm(&mut self, n: usize, (lo, hi): Pair) {
        let [l, h] = self.cpu.regs.xmm[n & 15];
        self.b.set(l, lo);
        self.b.set(h, hi);
    }

    /// Loads 16 bytes; `aligned`: #GP elsewhere than at a multiple of 16.
    pub fn load128(&mut self, aligned: bool) -> Pair {
        let va = self.memory(16, false);
        if aligned {
            self.check_aligned(va);
        }
        let va2 = self.va_plus(va, 8);
        self.probe(va2, 3, false);
        (self.load(va, 3), self.load(va2, 3))
    }

    /// Stores 16 bytes.
    pub fn store128(&mut self, (lo, hi): Pair, aligned: bool) {
        let va = self.memory(16, true);
        if aligned {
            self.check_aligned(va);
        }
        let va2 = self.va_plus(va, 8);
        self.probe(va, 3, true);
        self.probe(va2, 3, true);
        self.store(va, lo, 3);
        self.store(va2, hi, 3);
    }

    fn check_aligned(&mut self, va: Val) {
        let (m, zero) = (self.b.va(15), self.b.va(0));
        let low = self.b.and(va, m);
        let bad = self.b.ne(low, zero);
        self.b.trap_if(bad, fault::GP);
    }

    /// Operand `i` as 128 bits: an XMM register or memory.
    pub fn operand128(&mut self, i: u32) -> Pair {
        if self.insn.op_kind(i) == OpKind::Memory {
            self.load128(true)
        } else {
            self.xmm(self.insn.op_register(i).number())
        }
    }

    /// Operand `i` as the low 64 bits: a register, or memory of up to 8 bytes, zero-extended.
    pub fn operand64(&mut self, i: u32) -> Val {
        if self.insn.op_kind(i) == OpKind::Memory {
            let bytes = (self.insn.memory_size().size() as u32).clamp(1, 8);
            let lg = bytes.trailing_zeros();
            let va = self.memory(bytes, false);
            let v = self.load(va, lg);
            return self.to64(v);
        }
        let r = self.insn.op_register(i);
        if r.is_mm() {
            self.mmx(mm(r))
        } else if r.is_xmm() {
            self.xmm(r.number()).0
        } else {
            let p = self.place_reg(r);
            let v = self.read(p);
            self.to64(v)
        }
    }

    /// One half of an integer operation.
    pub fn half(&mut self, m: Mnemonic, a: Val, b: Val) -> Val {
        use Mnemonic::*;
        match m {
            Paddq => self.b.add(a, b),
            Psubq => self.b.sub(a, b),
            Pand | Andps | Andpd => self.b.and(a, b),
            Por | Orps | Orpd => self.b.or(a, b),
            Pxor | Xorps | Xorpd => self.b.xor(a, b),
            Pandn | Andnps | Andnpd => {
                let ones = self.b.i64(u64::MAX);
                let n = self.b.xor(a, ones);
                self.b.and(n, b)
            }
            _ => {
                let n = self.b.i32(m as u32);
                self.b.call(helpers::SIMD, &[n, a, b])
            }
        }
    }

    /// 16 or 32 bits of a pair.
    fn lane(&mut self, v: Pair, bits: u64, i: u64) -> Val {
        let per = 64 / bits;
        let half = if i < per { v.0 } else { v.1 };
        let (s, m) = (
            self.b.i64(bits * (i % per)),
            self.b.i64(u64::MAX >> (64 - bits)),
        );
        let v = self.b.shr(half, s);
        self.b.and(v, m)
    }

    /// 64 bits from lanes, low first.
    fn gather(&mut self, bits: u64, lanes: &[Val]) -> Val {
        let mut v = lanes[0];
        for (i, &l) in lanes.iter().enumerate().skip(1) {
            let s = self.b.i64(bits * i as u64);
            let l = self.b.shl(l, s);
            v = self.b.or(v, l);
        }
        v
    }
}

/// An operation on 128 bits that is one on each half alone.
pub fn is_plain_half(m: Mnemonic) -> bool {
    use Mnemonic::*;
    match m {
        Pand | Por | Pxor | Pandn | Andps | Andpd | Orps | Orpd | Xorps | Xorpd | Andnps
        | Andnpd => true,
        Psllw | Pslld | Psllq | Psrlw | Psrld | Psrlq | Psraw | Psrad | Packsswb | Packuswb
        | Packssdw | Packusdw | Phaddw | Phaddd | Phaddsw | Phsubw | Phsubd | Phsubsw
        | Punpcklbw | Punpcklwd | Punpckldq | Punpckhbw | Punpckhwd | Punpckhdq | Pshufb
        | Pmovmskb | Movmskps | Pmovsxbw | Pmovsxbd | Pmovsxbq | Pmovsxwd | Pmovsxwq | Pmovsxdq
        | Pmovzxbw | Pmovzxbd | Pmovzxbq | Pmovzxwd | Pmovzxwq | Pmovzxdq => false,
        m => crate::fpu::simd::op64(m, 0, 0).is_some(),
    }
}

/// Lifts an instruction on integer lanes; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    if m == Emms {
        check(l, 1);
        let n = l.b.i32(m as u32);
        l.b.call(helpers::X87, &[n]);
        return true;
    }
    let mmx = (0..l.insn.op_count())
        .any(|i| l.insn.op_kind(i) == OpKind::Register && l.insn.op_register(i).is_mm());
    let plain = matches!(
        m,
        Pand | Por
            | Pxor
            | Pandn
            | Andps
            | Andpd
            | Orps
            | Orpd
            | Xorps
            | Xorpd
            | Andnps
            | Andnpd
            | Punpcklqdq
            | Punpckhqdq
            | Unpcklps
            | Unpckhps
            | Unpcklpd
            | Unpckhpd
    ) || crate::fpu::simd::op64(m, 0, 0).is_some();
    let special = matches!(
        m,
        Pshufw
            | Pshufd
            | Pshuflw
            | Pshufhw
            | Shufps
            | Shufpd
            | Pinsrw
            | Pinsrb
            | Pinsrd
            | Pinsrq
            | Pextrw
            | Pextrb
            | Pextrd
            | Pextrq
            | Extractps
            | Maskmovq
            | Maskmovdqu
            | Movmskpd
    ) || m == Palignr && mmx;
    if !plain && !special {
        return false;
    }
    check(l, if mmx { 1 } else { 2 });
    if special {
        self::special(l, m, mmx);
        return true;
    }
    match m {
        Pmovmskb | Movmskps => {
            let s = l.insn.op1_register();
            let v = if s.is_mm() {
                let v = l.mmx(mm(s));
                l.half(m, v, v)
            } else {
                let (lo, hi) = l.xmm(s.number());
                let (x, y) = (l.half(m, lo, lo), l.half(m, hi, hi));
                let n = l.b.i64(if m == Pmovmskb { 8 } else { 2 });
                let y = l.b.shl(y, n);
                l.b.or(x, y)
            };
            let d = l.place(0, Use::Write);
            let v = if l.lg(d) == 3 { v } else { l.b.wrap(v) };
            l.write(d, v);
            return true;
        }
        Pmovsxbw | Pmovsxbd | Pmovsxbq | Pmovsxwd | Pmovsxwq | Pmovsxdq | Pmovzxbw | Pmovzxbd
        | Pmovzxbq | Pmovzxwd | Pmovzxwq | Pmovzxdq => {
            let v = l.operand64(1);
            let used = match m {
                Pmovsxbq | Pmovzxbq => 8,
                Pmovsxbd | Pmovzxbd | Pmovsxwq | Pmovzxwq => 16,
                _ => 32,
            };
            let n = l.b.i64(used);
            let up = l.b.shr(v, n);
            let r = (l.half(m, v, v), l.half(m, up, up));
            l.set_xmm(l.insn.op0_register().number(), r);
            return true;
        }
        _ => {}
    }
    let shift = matches!(
        m,
        Psllw | Pslld | Psllq | Psrlw | Psrld | Psrlq | Psraw | Psrad
    );
    let d = l.insn.op0_register();
    if mmx {
        let b = if shift && l.insn.op1_kind() == OpKind::Immediate8 {
            l.b.i64(l.insn.immediate8() as u64)
        } else {
            l.operand64(1)
        };
        let a = l.mmx(mm(d));
        let r = l.half(m, a, b);
        l.set_mmx(mm(d), r);
        return true;
    }
    let b = if shift && l.insn.op1_kind() == OpKind::Immediate8 {
        let n = l.b.i64(l.insn.immediate8() as u64);
        (n, n)
    } else {
        l.operand128(1)
    };
    let a = l.xmm(d.number());
    let r = match m {
        _ if shift => (l.half(m, a.0, b.0), l.half(m, a.1, b.0)),
        Packsswb | Packuswb | Packssdw | Packusdw | Phaddw | Phaddd | Phaddsw | Phsubw | Phsubd
        | Phsubsw => (l.half(m, a.0, a.1), l.half(m, b.0, b.1)),
        Punpcklbw => (l.half(Punpcklbw, a.0, b.0), l.half(Punpckhbw, a.0, b.0)),
        Punpcklwd => (l.half(Punpcklwd, a.0, b.0), l.half(Punpckhwd, a.0, b.0)),
        Punpckldq | Unpcklps => (l.half(Punpckldq, a.0, b.0), l.half(Punpckhdq, a.0, b.0)),
        Punpckhbw => (l.half(Punpcklbw, a.1, b.1), l.half(Punpckhbw, a.1, b.1)),
        Punpckhwd => (l.half(Punpcklwd, a.1, b.1), l.half(Punpckhwd, a.1, b.1)),
        Punpckhdq | Unpckhps => (l.half(Punpckldq, a.1, b.1), l.half(Punpckhdq, a.1, b.1)),
        Punpcklqdq | Unpcklpd => (a.0, b.0),
        Punpckhqdq | Unpckhpd => (a.1, b.1),
        Pshufb => {
            let lo = l.b.call(helpers::SHUFFLE_BYTES, &[a.0, a.1, b.0]);
            let hi = l.b.call(helpers::SHUFFLE_BYTES, &[a.0, a.1, b.1]);
            (lo, hi)
        }
        _ => (l.half(m, a.0, b.0), l.half(m, a.1, b.1)),
    };
    l.set_xmm(d.number(), r);
    true
}

pub fn special(l: &mut Lifter<'_>, m: Mnemonic, mmx: bool) {
    use Mnemonic::*;
    let imm = |l: &Lifter<'_>| l.insn.immediate8() as u64;
    let d = l.insn.op0_register();
    match m {
        Palignr => {
            let b = l.operand64(1);
            let a = l.mmx(mm(d));
            let n = imm(l);
            let r = match n {
                0 => b,
                1..=7 => {
                    let (s, t) = (l.b.i64(8 * n), l.b.i64(64 - 8 * n));
                    let (x, y) = (l.b.shr(b, s), l.b.shl(a, t));
                    l.b.or(x, y)
                }
                8..=15 => {
                    let s = l.b.i64(8 * (n - 8));
                    l.b.shr(a, s)
                }
                _ => l.b.i64(0),
            };
            l.set_mmx(mm(d), r);
        }
        Pshufw => {
            let v = l.operand64(1);
            let n = imm(l);
            let lanes: Vec<Val> = (0..4)
                .map(|i| l.lane((v, v), 16, n >> (2 * i) & 3))
                .collect();
            let r = l.gather(16, &lanes);
            l.set_mmx(mm(d), r);
        }
        Pshufd | Pshuflw | Pshufhw => {
            let v = l.operand128(1);
            let n = imm(l);
            let r = if m == Pshufd {
                let x: Vec<Val> = (0..4).map(|i| l.lane(v, 32, n >> (2 * i) & 3)).collect();
                (l.gather(32, &x[..2]), l.gather(32, &x[2..]))
            } else {
                let from = if m == Pshuflw { v.0 } else { v.1 };
                let x: Vec<Val> = (0..4)
                    .map(|i| l.lane((from, from), 16, n >> (2 * i) & 3))
                    .collect();
                let r = l.gather(16, &x);
                if m == Pshuflw { (r, v.1) } else { (v.0, r) }
            };
            l.set_xmm(d.number(), r);
        }
        Shufps => {
            let b = l.operand128(1);
            let a = l.xmm(d.number());
            let n = imm(l);
            let x = [l.lane(a, 32, n & 3), l.lane(a, 32, n >> 2 & 3)];
            let y = [l.lane(b, 32, n >> 4 & 3), l.lane(b, 32, n >> 6 & 3)];
            let r = (l.gather(32, &x), l.gather(32, &y));
            l.set_xmm(d.number(), r);
        }
        Shufpd => {
            let b = l.operand128(1);
            let a = l.xmm(d.number());
            let n = imm(l);
            let r = (
                if n & 1 == 0 { a.0 } else { a.1 },
                if n & 2 == 0 { b.0 } else { b.1 },
            );
            l.set_xmm(d.number(), r);
        }
        Pinsrw | Pinsrb | Pinsrd | Pinsrq => {
            let v = if l.insn.op1_kind() == OpKind::Memory {
                l.operand64(1)
            } else {
                let Some((n, _, _)) = gpr(l.insn.op1_register()) else {
                    return;
                };
                if m == Pinsrq {
                    l.reg(n, 3)
                } else {
                    let v = l.reg(n, 2);
                    l.b.ext_u(v)
                }
            };
            let bits: u64 = match m {
                Pinsrb => 8,
                Pinsrw => 16,
                Pinsrd => 32,
                _ => 64,
            };
            let per = 64 / bits;
            let i = imm(l) % if mmx { per } else { 2 * per };
            let ones = u64::MAX >> (64 - bits);
            let at = bits * (i % per);
            let put = |l: &mut Lifter<'_>, old: Val| {
                let (keep, ones, s) = (l.b.i64(!(ones << at)), l.b.i64(ones), l.b.i64(at));
                let v = l.b.and(v, ones);
                let v = l.b.shl(v, s);
                let old = l.b.and(old, keep);
                l.b.or(old, v)
            };
            if mmx {
                let old = l.mmx(mm(d));
                let r = put(l, old);
                return l.set_mmx(mm(d), r);
            }
            let (lo, hi) = l.xmm(d.number());
            let r = if i < per {
                (put(l, lo), hi)
            } else {
                (lo, put(l, hi))
            };
            l.set_xmm(d.number(), r);
        }
        Pextrw | Pextrb | Pextrd | Pextrq | Extractps => {
            let bits = match m {
                Pextrb => 8,
                Pextrw => 16,
                Pextrd | Extractps => 32,
                _ => 64,
            };
            let to = (l.insn.op0_kind() == OpKind::Memory).then(|| l.memory(bits as u32 / 8, true));
            let s = l.insn.op1_register();
            let n = imm(l);
            let v = if mmx {
                let v = l.mmx(mm(s));
                l.lane((v, v), 16, n & 3)
            } else {
                let v = l.xmm(s.number());
                l.lane(v, bits, n % (128 / bits))
            };
            match to {
                Some(va) => {
                    let lg = (bits as u32 / 8).trailing_zeros();
                    let v = if lg == 3 { v } else { l.b.wrap(v) };
                    l.store(va, v, lg);
                }
                None => {
                    let Some((n, lg, _)) = gpr(d) else { return };
                    if lg == 3 {
                        l.set_reg(n, 3, v);
                    } else {
                        let v = l.b.wrap(v);
                        l.set_reg(n, 2, v);
                    }
                }
            }
        }
        Movmskpd => {
            let (lo, hi) = l.xmm(l.insn.op1_register().number());
            let s = l.b.i64(63);
            let (x, y) = (l.b.shr(lo, s), l.b.shr(hi, s));
            let one = l.b.i64(1);
            let y = l.b.shl(y, one);
            let v = l.b.or(x, y);
            let p = l.place(0, Use::Write);
            let v = if l.lg(p) == 3 { v } else { l.b.wrap(v) };
            l.write(p, v);
        }
        _ => mask_move(l, mmx),
    }
}

/// MASKMOVQ and MASKMOVDQU: a byte at a time, each probed first.
pub fn mask_move(l: &mut Lifter<'_>, mmx: bool) {
    let alg = match l.insn.op0_kind() {
        OpKind::MemorySegDI => 1,
        OpKind::MemorySegEDI => 2,
        _ => 3,
    };
    let bytes = if mmx { 8 } else { 16 };
    let di = l.reg(DI, alg);
    let seg = super::operand::segment(l.insn.memory_segment());
    let va = l.linear_at(seg, di, alg, bytes, true);
    let vas: Vec<Val> = (0..bytes as u64).map(|i| l.va_plus(va, i)).collect();
    for &va in &vas {
        l.probe(va, 0, true);
    }
    let (r, k) = (l.insn.op1_register(), l.insn.op2_register());
    let (v, mask) = if mmx {
        let (v, k) = (l.mmx(mm(r)), l.mmx(mm(k)));
        ((v, v), (k, k))
    } else {
        (l.xmm(r.number()), l.xmm(k.number()))
    };
    for (i, va) in vas.into_iter().enumerate() {
        let (v, k) = if i < 8 { (v.0, mask.0) } else { (v.1, mask.1) };
        let (s, t, one) = (
            l.b.i64(8 * (i as u64 & 7)),
            l.b.i64(8 * (i as u64 & 7) + 7),
            l.b.i64(1),
        );
        let c = l.b.shr(k, t);
        let c = l.b.and(c, one);
        let c = l.b.wrap(c);
        let v = l.b.shr(v, s);
        debug_assert_eq!(l.b.ty(v), Type::I64);
        let v = l.b.wrap(v);
        let mem = l.mem(0);
        l.b.store_if(c, va, v, mem);
    }
}
