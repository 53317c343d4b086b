//! AVX, AVX2, FMA and F16C: moves, integer lanes and arithmetic as SSE's, half by half; the rest by a helper that
//! reads its memory operand itself. 128-bit instructions clear the upper half of their destination; only the moves that say so check alignment.

use iced_x86::{CpuidFeature, Mnemonic, OpKind, Register};
use tinamou_ir::Val;

use super::Lifter;
use super::float::{self, Shape};
use super::operand::{Use, gpr};
use super::{lanes, simd, sse};
use crate::fpu::avx::{base, is_fma};
use crate::mode::Mode;
use crate::{avx as pack, fault, helpers};

/// Lifts an AVX instruction; false if it is none.
pub fn lift(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use CpuidFeature::{AVX, AVX2, F16C, FMA};
    let ours = |f: &CpuidFeature| matches!(*f, AVX | AVX2 | F16C | FMA);
    if !l.insn.cpuid_features().iter().any(ours) {
        return false;
    }
    check(l);
    moves(l, m) || plain(l, m) || arithmetic(l, m) || masked(l, m) || general(l, m)
}

/// Looks whether AVX is there.
fn check(l: &mut Lifter<'_>) {
    if !(l.mode.is64() && l.mode.has(Mode::AVX)) {
        let n = l.b.i32(5);
        l.b.call(helpers::FPU_CHECK, &[n]);
    }
}

fn number(l: &Lifter<'_>, i: u32) -> usize {
    l.insn.op_register(i).number()
}

fn is_mem(l: &Lifter<'_>, i: u32) -> bool {
    l.insn.op_kind(i) == OpKind::Memory
}

/// 256 bits.
fn is_long(l: &Lifter<'_>) -> bool {
    (0..l.insn.op_count())
        .any(|i| l.insn.op_kind(i) == OpKind::Register && l.insn.op_register(i).is_ymm())
        || l.insn.memory_size().size() == 32
}

impl Lifter<'_> {
    /// The upper half of YMM register `n`.
    fn upper(&mut self, n: usize) -> Val {
        self.b.get(self.cpu.regs.ymm[n & 15])
    }

    fn set_upper(&mut self, n: usize, v: Val) {
        self.b.set(self.cpu.regs.ymm[n & 15], v);
    }

    /// Clears the upper half of YMM register `n`.
    fn zero_upper(&mut self, n: usize) {
        let zero = self.b.v128(0);
        self.set_upper(n, zero);
    }

    /// Addresses of the memory operand's halves, 16 bytes each, checked for alignment.
    fn places(&mut self, long: bool, aligned: bool, write: bool) -> Vec<Val> {
        let bytes = if long { 32 } else { 16 };
        let va = self.memory(bytes as u32, write);
        if aligned {
            let (m, zero) = (self.b.va(bytes - 1), self.b.va(0));
            let low = self.b.and(va, m);
            let bad = self.b.ne(low, zero);
            self.b.trap_if(bad, fault::GP);
        }
        (0..bytes / 16).map(|i| self.va_plus(va, 16 * i)).collect()
    }

    /// Operand `i` as halves: one, or two of a long instruction.
    fn operand_halves(&mut self, i: u32, long: bool, aligned: bool) -> Vec<Val> {
        if is_mem(self, i) {
            let at = self.places(long, aligned, false);
            return self.load16s(&at);
        }
        let n = number(self, i);
        let mut all = vec![self.vector(n)];
        if long {
            all.push(self.upper(n));
        }
        all
    }

    /// Writes a vector register from one or two halves.
    fn set_halves(&mut self, n: usize, v: &[Val]) {
        self.set_vector(n, v[0]);
        match v.get(1) {
            Some(&high) => self.set_upper(n, high),
            None => self.zero_upper(n),
        }
    }
}

fn moves(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let long = is_long(l);
    match m {
        Vzeroupper | Vzeroall => {
            for n in 0..if l.mode.is64() { 16 } else { 8 } {
                l.zero_upper(n);
                if m == Vzeroall {
                    let zero = l.b.v128(0);
                    l.set_vector(n, zero);
                }
            }
        }
        Vmovaps | Vmovapd | Vmovdqa | Vmovntps | Vmovntpd | Vmovntdq | Vmovntdqa | Vmovups
        | Vmovupd | Vmovdqu | Vlddqu => {
            let aligned = !matches!(m, Vmovups | Vmovupd | Vmovdqu | Vlddqu);
            if is_mem(l, 0) {
                let v = l.operand_halves(1, long, false);
                let at = l.places(long, aligned, true);
                l.store16s(&at, &v);
            } else {
                let v = l.operand_halves(1, long, aligned);
                l.set_halves(number(l, 0), &v);
            }
        }
        Vmovss | Vmovsd if l.insn.op_count() == 3 => {
            let (a, b) = (l.vector(number(l, 1)), l.vector(number(l, 2)));
            let single = m == Vmovss;
            let v = Shape {
                single,
                scalar: true,
            }
            .merge(l, a, b);
            l.set_halves(number(l, 0), &[v]);
        }
        Vmovhlps | Vmovlhps => {
            let (a, b) = (l.vector(number(l, 1)), l.vector(number(l, 2)));
            let v = sse::halves(l, m == Vmovhlps, a, b);
            l.set_halves(number(l, 0), &[v]);
        }
        Vmovlps | Vmovlpd | Vmovhps | Vmovhpd if !is_mem(l, 0) => {
            let b = l.operand64(2);
            let a = l.vector(number(l, 1));
            let v = if matches!(m, Vmovhps | Vmovhpd) {
                l.b.v_set_hi(a, b)
            } else {
                l.b.v_set_lo(a, b)
            };
            l.set_halves(number(l, 0), &[v]);
        }
        Vmovss | Vmovsd | Vmovd | Vmovq | Vmovlps | Vmovlpd | Vmovhps | Vmovhpd => {
            let Some(base) = base(m) else { return false };
            sse::move_operands(l, base);
            if l.insn.op0_kind() == OpKind::Register && l.insn.op0_register().is_xmm() {
                l.zero_upper(number(l, 0));
            }
        }
        Vextractf128 | Vextracti128 => {
            let n = number(l, 1);
            let v = if l.insn.immediate8() & 1 != 0 {
                l.upper(n)
            } else {
                l.vector(n)
            };
            if is_mem(l, 0) {
                l.store128(v, false);
            } else {
                l.set_halves(number(l, 0), &[v]);
            }
        }
        Vpextrb | Vpextrw | Vpextrd | Vpextrq | Vextractps => {
            let Some(base) = base(m) else { return false };
            simd::special(l, base, false);
        }
        Vmaskmovdqu => simd::mask_move(l, false),
        Vldmxcsr | Vstmxcsr => {
            let Some(base) = base(m) else { return false };
            return sse::control(l, base);
        }
        Vpmovmskb => {
            let v = l.operand_halves(1, long, false);
            let mut mask = l.b.i32(0);
            for (i, v) in v.into_iter().enumerate() {
                let (bits, s) = (l.b.v_mask8(v), l.b.i32(16 * i as u32));
                let bits = l.b.shl(bits, s);
                mask = l.b.or(mask, bits);
            }
            let d = l.place(0, Use::Write);
            let v = if l.lg(d) == 3 { l.b.ext_u(mask) } else { mask };
            l.write(d, v);
        }
        _ => return false,
    }
    true
}

/// Logic, integer lanes and choices of bytes that SSE has too, on each half.
fn plain(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let Some(base) = base(m) else { return false };
    let long = is_long(l);
    let count = l.insn.op_count();
    let shift = lanes::shift(base);
    let d = number(l, 0);
    if let Some(shift) = shift {
        let b = l.insn.op_kind(2);
        let v: Vec<Val> = if b == OpKind::Immediate8 {
            let n = l.insn.immediate8() as u64;
            let a = l.operand_halves(1, long, false);
            a.into_iter()
                .map(|a| lanes::shift_by(l, shift, a, n))
                .collect()
        } else {
            let n = l.operand_halves(2, false, false)[0];
            let n = l.b.v_lo(n);
            let a = l.operand_halves(1, long, false);
            a.into_iter()
                .map(|a| lanes::shift_by_value(l, shift, a, n))
                .collect()
        };
        l.set_halves(d, &v);
        return true;
    }
    let blend = matches!(base, Pblendvb | Blendvps | Blendvpd);
    let arranged = lanes::is_arranged(base) && l.insn.op_kind(count - 1) == OpKind::Immediate8;
    let binary = lanes::is_binary(base) && matches!(count, 2 | 3);
    if !blend && !arranged && !binary {
        return false;
    }
    let last = if blend || arranged {
        count - 2
    } else {
        count - 1
    };
    let b = l.operand_halves(last, long, false);
    let a = if last == 2 {
        l.operand_halves(1, long, false)
    } else {
        b.clone()
    };
    let masks = if blend {
        l.operand_halves(3, long, false)
    } else {
        a.clone()
    };
    let mut imm = if arranged {
        l.insn.immediate8() as u64
    } else {
        0
    };
    let mut v = Vec::new();
    for ((a, b), mask) in a.into_iter().zip(b).zip(masks) {
        v.push(if blend {
            lanes::blend(l, base, a, b, mask)
        } else if arranged {
            lanes::arranged(l, base, a, b, imm)
        } else {
            match lanes::binary(l, base, a, b) {
                Some(v) => v,
                None => return false,
            }
        });
        // The upper half's choices follow in the immediate.
        match base {
            Shufpd | Blendpd => imm >>= 2,
            Blendps => imm >>= 4,
            _ => {}
        }
    }
    l.set_halves(d, &v);
    true
}

/// Arithmetic and comparisons on the host, as SSE's.
fn arithmetic(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let Some(base) = base(m) else { return false };
    if !l.mode.has(Mode::SSE_FAST) || l.mode.has(Mode::NO_SSE) {
        return false;
    }
    let compare = matches!(base, Cmpss | Cmpsd | Cmpps | Cmppd) && l.insn.immediate8() < 8;
    let known = float::arithmetic(base);
    if known.is_none() && !compare {
        return false;
    }
    let shape = float::shape(base);
    let (long, two) = (is_long(l), l.insn.op_count() == 2);
    let second = if two { 1 } else { 2 };
    let b = if shape.scalar {
        vec![l.operand_low(second)]
    } else {
        l.operand_halves(second, long, false)
    };
    let a = if two {
        b.clone()
    } else {
        l.operand_halves(1, long && !shape.scalar, false)
    };
    let v: Vec<Val> = a
        .into_iter()
        .zip(b)
        .map(|(a, b)| match known {
            Some((shape, kind)) => float::compute(l, base, shape, kind, a, b),
            None => float::compare(l, base, l.insn.immediate8() as u64, a, b),
        })
        .collect();
    l.set_halves(number(l, 0), &v);
    true
}

/// Masked moves and gathers: the helper goes from element to element.
fn masked(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let long = (is_long(l) as u64) << pack::LONG;
    let reg = |l: &Lifter<'_>, i: u32| number(l, i) as u64;
    let what = match m {
        Vmaskmovps | Vmaskmovpd | Vpmaskmovd | Vpmaskmovq => {
            let store = is_mem(l, 0);
            // The data, then the mask.
            let data = reg(l, if store { 2 } else { 0 });
            data << pack::D | reg(l, 1) << pack::S1 | (store as u64) << pack::STORE
        }
        Vgatherdps | Vgatherdpd | Vgatherqps | Vgatherqpd | Vpgatherdd | Vpgatherdq
        | Vpgatherqd | Vpgatherqq => {
            let (d, index, mask) = (reg(l, 0), l.insn.memory_index().number() as u64, reg(l, 2));
            if d == index || d == mask || index == mask {
                l.ud();
                return true;
            }
            let long = l.insn.memory_index().is_ymm() || l.insn.op0_register().is_ymm();
            d << pack::D
                | index << pack::S1
                | mask << pack::S2
                | (l.insn.memory_index_scale() as u64) << pack::IMM
                | (long as u64) << pack::LONG
        }
        _ => return false,
    };
    let va = l.memory(1, false);
    let what = l.b.i64(what | m as u64 | long);
    l.b.call(helpers::AVX_MASKED, &[what, va]);
    true
}

/// Everything else: a helper.
fn general(l: &mut Lifter<'_>, m: Mnemonic) -> bool {
    use Mnemonic::*;
    let i = l.insn;
    let mut count = i.op_count();
    let mut what = m as u64 | (is_long(l) as u64) << pack::LONG;
    let immediate = i.op_kind(count - 1) == OpKind::Immediate8;
    if immediate {
        count -= 1;
        what |= (i.immediate8() as u64) << pack::IMM | 1 << pack::IMMEDIATE;
    }
    if base(m).is_none() && !is_fma(m) && !crate::fpu::avx::is_own(m) {
        return false;
    }
    let to_memory = is_mem(l, 0);
    let d = i.op0_register();
    if !to_memory {
        what |= (d.number() as u64 & 15) << pack::D;
    }
    // Sources: the last of two or three in the text is the one that may be in memory; the fourth operand is a mask.
    let (first, second) = if matches!(count, 1 | 2) {
        (count - 1, count - 1)
    } else {
        (1, 2)
    };
    let flags = matches!(
        m,
        Vcomiss
            | Vcomisd
            | Vucomiss
            | Vucomisd
            | Vptest
            | Vtestps
            | Vtestpd
            | Vpcmpistri
            | Vpcmpistrm
            | Vpcmpestri
            | Vpcmpestrm
    );
    // Where both operands are sources the destination is the first of them.
    let first = if flags { 0 } else { first };
    let register = |r: Register| r.number() as u64 & 15;
    if i.op_kind(first) == OpKind::Register {
        what |= register(i.op_register(first)) << pack::S1;
    }
    if i.op_kind(second) == OpKind::Register {
        let r = i.op_register(second);
        what |= register(r) << pack::S2 | (r.is_gpr() as u64) << pack::GENERAL;
    }
    if count == 4 {
        what |= register(i.op_register(3)) << pack::S3;
    }
    let wide = match m {
        Vcvtsi2ss | Vcvtsi2sd => l.op_lg(2) == 3,
        _ if d.is_gpr() => gpr(d).is_some_and(|g| g.1 == 3),
        Vpcmpestri | Vpcmpestrm => matches!(
            i.code(),
            iced_x86::Code::VEX_Vpcmpestri64_xmm_xmmm128_imm8
                | iced_x86::Code::VEX_Vpcmpestrm64_xmm_xmmm128_imm8
        ),
        _ => false,
    };
    what |= (wide as u64) << pack::WIDE;
    let mut va = l.b.va(0);
    let memory = (0..count).any(|n| is_mem(l, n));
    if memory {
        let bytes = i.memory_size().size().clamp(1, 32) as u32;
        what |= (bytes as u64) << pack::BYTES;
        what |= if to_memory {
            1 << pack::STORE
        } else {
            1 << pack::MEMORY
        };
        va = l.memory(bytes, to_memory);
    }
    let what = l.b.i64(what);
    l.b.call(helpers::AVX_OP, &[what, va]);
    if flags {
        l.forget_cc();
    }
    true
}
