//! MMX, and integer lanes of SSE: MMX registers by a pure helper where it is not a plain operation, XMM registers by the ops of `lanes`.

use iced_x86::{Mnemonic, OpKind, Register};
use tinamou_ir::f80::{From, What};
use tinamou_ir::{MemArg, Type, Val};

use super::Lifter;
use super::lanes;
use super::operand::{Use, gpr};
use super::x87::check;
use crate::mode::Mode;
use crate::regs::DI;
use crate::{fault, helpers};

/// 128 bits, low half first.
pub type Pair = (Val, Val);

fn mm(r: Register) -> u32 {
    r.number() as u32
}

impl Lifter<'_> {
    /// Every MMX instruction but EMMS makes all registers valid and TOP 0: once, up to the next x87 instruction.
    fn enter_mmx(&mut self) {
        if !self.in_mmx {
            self.b.call(helpers::MMX_ENTER, &[]);
            self.in_mmx = true;
        }
    }

    /// MMX register `n`.
    pub fn mmx(&mut self, n: u32) -> Val {
        self.enter_mmx();
        self.f80(What::Significand, From::Reg, n, 0, &[])
    }

    /// Writes MMX register `n`.
    pub fn set_mmx(&mut self, n: u32, v: Val) {
        self.enter_mmx();
        let ones = self.b.i32(0xffff);
        self.f80(What::Put, From::F80, n, 0, &[v, ones]);
    }

    /// XMM register `n`.
    pub fn vector(&mut self, n: usize) -> Val {
        self.b.get(self.cpu.regs.xmm[n & 15])
    }

    /// Writes XMM register `n`.
    pub fn set_vector(&mut self, n: usize, v: Val) {
        self.b.set(self.cpu.regs.xmm[n & 15], v);
    }

    /// XMM register `n` in halves.
    pub fn xmm(&mut self, n: usize) -> Pair {
        let v = self.vector(n);
        (self.b.v_lo(v), self.b.v_hi(v))
    }

    /// Writes both halves of XMM register `n`.
    pub fn set_xmm(&mut self, n: usize, (lo, hi): Pair) {
        let v = self.b.v_pair(lo, hi);
        self.set_vector(n, v);
    }

    /// Writes the low half of XMM register `n` and clears the rest.
    pub fn set_xmm_low(&mut self, n: usize, lo: Val) {
        let v = self.b.v_low(lo);
        self.set_vector(n, v);
    }

    /// Where an access of 16 bytes at an address is one: not where addresses wrap before their type does.
    fn whole(&self) -> Option<MemArg> {
        let wraps = self.wide && !self.mode.is64();
        (!wraps && !self.mode.has(Mode::ALIGN)).then(|| MemArg::new(16, self.mode.mmu()))
    }

    /// The addresses of both halves of each 16 bytes, probed.
    fn probed_halves(&mut self, at: &[Val], write: bool) -> Vec<(Val, Val)> {
        let all: Vec<(Val, Val)> = at.iter().map(|&va| (va, self.va_plus(va, 8))).collect();
        for va in all.iter().flat_map(|&(x, y)| [x, y]) {
            self.probe(va, 3, write);
        }
        all
    }

    /// Loads 16 bytes from each address.
    pub fn load16s(&mut self, at: &[Val]) -> Vec<Val> {
        let Some(m) = self.whole() else {
            let halves = self.probed_halves(at, false);
            return halves
                .into_iter()
                .map(|(x, y)| {
                    let (lo, hi) = (self.load(x, 3), self.load(y, 3));
                    self.b.v_pair(lo, hi)
                })
                .collect();
        };
        for &va in at.iter().filter(|_| at.len() > 1) {
            self.b.probe(va, m);
        }
        at.iter()
            .map(|&va| self.b.load(Type::V128, va, m))
            .collect()
    }

    /// Stores 16 bytes to each address.
    pub fn store16s(&mut self, at: &[Val], values: &[Val]) {
        let Some(m) = self.whole() else {
            let parts: Vec<(Val, Val)> = values
                .iter()
                .map(|&v| (self.b.v_lo(v), self.b.v_hi(v)))
                .collect();
            let halves = self.probed_halves(at, true);
            for ((x, y), (lo, hi)) in halves.into_iter().zip(parts) {
                self.store(x, lo, 3);
                self.store(y, hi, 3);
            }
            return;
        };
        for &va in at.iter().filter(|_| at.len() > 1) {
            let mut m = m;
            m.probe_write = true;
            self.b.probe(va, m);
        }
        for (&va, &v) in at.iter().zip(values) {
            self.b.store(va, v, m);
        }
    }

    /// Loads the memory operand's 16 bytes; `aligned`: #GP elsewhere than at a multiple of 16.
    pub fn load128(&mut self, aligned: bool) -> Val {
        let va = self.memory(16, false);
        if aligned {
            self.check_aligned(va);
        }
        self.load16s(&[va])[0]
    }

    /// Stores to the memory operand's 16 bytes.
    pub fn store128(&mut self, v: Val, aligned: bool) {
        let va = self.memory(16, true);
        if aligned {
            self.check_aligned(va);
        }
        self.store16s(&[va], &[v]);
    }

    fn check_aligned(&mut self, va: Val) {
        let (m, zero) = (self.b.va(15), self.b.va(0));
        let low = self.b.and(va, m);
        let bad = self.b.ne(low, zero);
        self.b.trap_if(bad, fault::GP);
    }

    /// Operand `i` as 128 bits: an XMM register or memory.
    pub fn operand128(&mut self, i: u32) -> Val {
        if self.insn.op_kind(i) == OpKind::Memory {
            self.load128(true)
        } else {
            self.vector(self.insn.op_register(i).number())
        }
    }

    /// Operand `i` as a vector of which the low 4 or 8 bytes matter: a register, or memory with zeros behind.
    pub fn operand_low(&mut self, i: u32) -> Val {
        if self.insn.op_kind(i) != OpKind::Memory {
            return self.vector(self.insn.op_register(i).number());
        }
        let bytes = if self.insn.memory_size().size() == 4 {
            4
        } else {
            8
        };
        let va = self.memory(bytes, false);
        let mem = self.mem(bytes.trailing_zeros());
        let zero = self.b.v128(0);
        if bytes == 4 {
            let v = self.b.load(Type::F32, va, mem);
            self.b.v_set_lo32(zero, v)
        } else {
            let v = self.b.load(Type::F64, va, mem);
            self.b.v_set_lo64(zero, v)
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

/// Lifts an instruction on integer lanes; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    if m == Emms {
        check(l, 1);
        l.in_mmx = false;
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
            | Palignr
            | Pslldq
            | Psrldq
            | Blendps
            | Blendpd
            | Pblendw
            | Pblendvb
            | Blendvps
            | Blendvpd
            | Ptest
    );
    if !plain && !special {
        return false;
    }
    check(l, if mmx { 1 } else { 2 });
    if special {
        self::special(l, m, mmx);
        return true;
    }
    let d = l.insn.op0_register();
    if matches!(m, Pmovmskb | Movmskps) {
        let s = l.insn.op1_register();
        let v = if s.is_mm() {
            let v = l.mmx(mm(s));
            let v = l.half(m, v, v);
            l.b.wrap(v)
        } else {
            let v = l.vector(s.number());
            if m == Pmovmskb {
                l.b.v_mask8(v)
            } else {
                l.b.v_mask32(v)
            }
        };
        let d = l.place(0, Use::Write);
        let v = if l.lg(d) == 3 { l.b.ext_u(v) } else { v };
        l.write(d, v);
        return true;
    }
    let immediate = l.insn.op_count() > 1 && l.insn.op1_kind() == OpKind::Immediate8;
    let n = if immediate {
        l.insn.immediate8() as u64
    } else {
        0
    };
    if mmx {
        let b = if immediate {
            l.b.i64(n)
        } else {
            l.operand64(1)
        };
        let a = l.mmx(mm(d));
        let r = l.half(m, a, b);
        l.set_mmx(mm(d), r);
        return true;
    }
    let r = if let Some(shift) = lanes::shift(m) {
        if immediate {
            let a = l.vector(d.number());
            lanes::shift_by(l, shift, a, n)
        } else {
            let b = l.operand128(1);
            let (a, n) = (l.vector(d.number()), l.b.v_lo(b));
            lanes::shift_by_value(l, shift, a, n)
        }
    } else if lanes::is_binary(m) {
        let b = l.operand128(1);
        let a = l.vector(d.number());
        match lanes::binary(l, m, a, b) {
            Some(v) => v,
            None => return false,
        }
    } else {
        let v = l.operand64(1);
        let v = l.b.v_low(v);
        match lanes::extend(l, m, v) {
            Some(v) => v,
            None => return false,
        }
    };
    l.set_vector(d.number(), r);
    true
}

/// Instructions that choose bytes, and those between vectors and other registers.
pub fn special(l: &mut Lifter<'_>, m: Mnemonic, mmx: bool) {
    use Mnemonic::*;
    let imm = |l: &Lifter<'_>| l.insn.immediate8() as u64;
    let d = l.insn.op0_register();
    match m {
        Palignr if mmx => {
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
        _ if lanes::is_byte_shift(m) => {
            let a = l.vector(d.number());
            let r = lanes::arranged(l, m, a, a, imm(l));
            l.set_vector(d.number(), r);
        }
        _ if lanes::is_arranged(m) => {
            let b = l.operand128(1);
            let a = l.vector(d.number());
            let r = lanes::arranged(l, m, a, b, imm(l));
            l.set_vector(d.number(), r);
        }
        Pblendvb | Blendvps | Blendvpd => {
            let b = l.operand128(1);
            let (a, mask) = (l.vector(d.number()), l.vector(0));
            let r = lanes::blend(l, m, a, b, mask);
            l.set_vector(d.number(), r);
        }
        Ptest => {
            let b = l.operand128(1);
            let a = l.vector(d.number());
            let f = test(l, &[a], &[b]);
            l.set_arith_flags(f);
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
            let v = l.vector(l.insn.op1_register().number());
            let v = l.b.v_mask64(v);
            let p = l.place(0, Use::Write);
            let v = if l.lg(p) == 3 { l.b.ext_u(v) } else { v };
            l.write(p, v);
        }
        _ => mask_move(l, mmx),
    }
}

/// PTEST of one or two halves: ZF and CF as an i32.
pub fn test(l: &mut Lifter<'_>, a: &[Val], b: &[Val]) -> Val {
    let none = l.b.v128(0);
    let (mut common, mut beyond) = (none, none);
    for (&a, &b) in a.iter().zip(b) {
        let (x, y) = (l.b.v_and(a, b), l.b.v_andnot(b, a));
        common = l.b.v_or(common, x);
        beyond = l.b.v_or(beyond, y);
    }
    let (x, y) = (l.b.v_any(common), l.b.v_any(beyond));
    let (x, y) = (l.b.eqz(x), l.b.eqz(y));
    let six = l.b.i32(6);
    let x = l.b.shl(x, six);
    l.b.or(x, y)
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
