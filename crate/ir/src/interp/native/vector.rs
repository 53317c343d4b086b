//! The templates of vectors: what is an instruction of SSE2 or a few, moves of halves, and shuffles; the rest calls [`vector::eval`]. Vectors stay in the state.

use super::asm::*;
use super::held::Place;
use super::template::{Flow, Template};
use crate::interp::bytecode::*;
use crate::interp::vector;
use crate::ops::{ALL, Op};

/// What an operand is, as [`VECTOR`] says: 4, 8 or 16 bytes.
fn words_of(what: u64, at: u32) -> u32 {
    1 << (what >> at & 3)
}

/// The opcode, behind 66 0F, of an op on two vectors that is one instruction of SSE2.
fn sse2(op: Op) -> Option<u8> {
    Some(match op {
        Op::Vand => 0xdb,
        Op::Vor => 0xeb,
        Op::Vxor => 0xef,
        Op::Vadd8 => 0xfc,
        Op::Vadd16 => 0xfd,
        Op::Vadd32 => 0xfe,
        Op::Vadd64 => 0xd4,
        Op::Vsub8 => 0xf8,
        Op::Vsub16 => 0xf9,
        Op::Vsub32 => 0xfa,
        Op::Vsub64 => 0xfb,
        Op::VaddSat8S => 0xec,
        Op::VaddSat16S => 0xed,
        Op::VaddSat8U => 0xdc,
        Op::VaddSat16U => 0xdd,
        Op::VsubSat8S => 0xe8,
        Op::VsubSat16S => 0xe9,
        Op::VsubSat8U => 0xd8,
        Op::VsubSat16U => 0xd9,
        Op::Vmul16 => 0xd5,
        Op::Vmin16S => 0xea,
        Op::Vmin8U => 0xda,
        Op::Vmax16S => 0xee,
        Op::Vmax8U => 0xde,
        Op::Vavg8 => 0xe0,
        Op::Vavg16 => 0xe3,
        Op::Veq8 => 0x74,
        Op::Veq16 => 0x75,
        Op::Veq32 => 0x76,
        Op::Vgt8 => 0x64,
        Op::Vgt16 => 0x65,
        Op::Vgt32 => 0x66,
        Op::Vnarrow16S => 0x63,
        Op::Vnarrow16U => 0x67,
        Op::Vnarrow32S => 0x6b,
        Op::Vdot16 => 0xf5,
        _ => return None,
    })
}

/// Opcode and number of a shift by a constant, and the bits of the distance that count.
fn shift(op: Op) -> Option<(u8, u8, u64)> {
    Some(match op {
        Op::Vshl16 => (0x71, 6, 15),
        Op::Vshr16 => (0x71, 2, 15),
        Op::Vsar16 => (0x71, 4, 15),
        Op::Vshl32 => (0x72, 6, 31),
        Op::Vshr32 => (0x72, 2, 31),
        Op::Vsar32 => (0x72, 4, 31),
        Op::Vshl64 => (0x73, 6, 63),
        Op::Vshr64 => (0x73, 2, 63),
        _ => return None,
    })
}

/// Prefix and opcode, behind 0F, of an op on floats, and what it is.
fn floats(op: Op) -> Option<(Option<u8>, u8, Floats)> {
    use Floats::*;
    let (single, double) = (None, Some(0x66));
    Some(match op {
        Op::Vfadd32 => (single, 0x58, Both),
        Op::Vfsub32 => (single, 0x5c, Both),
        Op::Vfmul32 => (single, 0x59, Both),
        Op::Vfdiv32 => (single, 0x5e, Both),
        Op::Vfsqrt32 => (single, 0x51, One),
        Op::Vfadd64 => (double, 0x58, Both),
        Op::Vfsub64 => (double, 0x5c, Both),
        Op::Vfmul64 => (double, 0x59, Both),
        Op::Vfdiv64 => (double, 0x5e, Both),
        Op::Vfsqrt64 => (double, 0x51, One),
        Op::Vfdemote => (double, 0x5a, One),
        Op::Vfpromote => (single, 0x5a, One),
        Op::Vfmin32 => (single, 0x5d, Second),
        Op::Vfmax32 => (single, 0x5f, Second),
        Op::Vfmin64 => (double, 0x5d, Second),
        Op::Vfmax64 => (double, 0x5f, Second),
        Op::Vfeq32 => (single, 0xc2, Compare(0)),
        Op::Vflt32 => (single, 0xc2, Compare(1)),
        Op::Vfle32 => (single, 0xc2, Compare(2)),
        Op::Vfeq64 => (double, 0xc2, Compare(0)),
        Op::Vflt64 => (double, 0xc2, Compare(1)),
        Op::Vfle64 => (double, 0xc2, Compare(2)),
        Op::VF32FromI32 => (single, 0x5b, Exact),
        Op::VF64FromI32 => (Some(0xf3), 0xe6, Exact),
        _ => return None,
    })
}

/// What an op on floats reads, and whether a NaN in the result is the interpreter's.
#[derive(Clone, Copy, PartialEq)]
enum Floats {
    /// Both operands; NaNs are the interpreter's.
    Both,
    /// The first alone; NaNs are the interpreter's.
    One,
    /// MIN and MAX: of operands that cannot be ordered the second remains, which is our first.
    Second,
    /// The predicate.
    Compare(u8),
    /// The first alone, and no NaNs come of it.
    Exact,
}

/// Opcode of the PUNPCKL, and of the PCMPGT for the sign, that make low lanes twice as wide.
fn extension(op: Op) -> Option<(u8, Option<u8>)> {
    Some(match op {
        Op::Vextend8U => (0x60, None),
        Op::Vextend16U => (0x61, None),
        Op::Vextend32U => (0x62, None),
        Op::Vextend8S => (0x60, Some(0x64)),
        Op::Vextend16S => (0x61, Some(0x65)),
        Op::Vextend32S => (0x62, Some(0x66)),
        _ => return None,
    })
}

/// Opcode of the shifts that clear the lanes' signs.
fn magnitude(op: Op) -> Option<u8> {
    match op {
        Op::Vfabs32 => Some(0x72),
        Op::Vfabs64 => Some(0x73),
        _ => None,
    }
}

/// Does an op of [`VECTOR`] as the interpreter does. `guest`: what RDI is in a piece; `what`: the op's second word; `low` and `high`: a shuffle's bytes.
///
/// # Safety
/// `guest` points into a vCPU state whose words the op's operands are.
unsafe extern "sysv64" fn evaluate(guest: *mut u8, op: u64, what: u64, low: u64, high: u64) {
    let at = |word: u32| {
        let place = guest.wrapping_offset(4 * word as isize - GUEST_BIAS as isize);
        place.cast::<u32>()
    };
    let read = |word: u32, width: u32| {
        (0..words_of(what, width)).fold(0, |v, i| {
            // SAFETY: a word of the state, says the caller.
            v | (unsafe { at(word + i).read() } as u128) << (32 * i)
        })
    };
    let c = (what >> 16) as u16 as u32;
    let by = low as u128 | (high as u128) << 64;
    let (x, y, z) = (read(a(op), 8), read(b(op), 10), read(c, 12));
    let v = vector::eval(ALL[what as u8 as usize], x, y, z, by);
    for i in 0..words_of(what, 14) {
        // SAFETY: as above.
        unsafe { at(d(op) + i).write((v >> (32 * i)) as u32) };
    }
}

impl Template<'_> {
    pub(super) fn vector(&mut self, op: u64) -> Flow {
        let what = self.words[self.ip + 1];
        let Some(&vector_op) = ALL.get(what as u8 as usize) else {
            return Flow::Unknown;
        };
        if self.moved(op, what, vector_op) {
            return Flow::On;
        }
        let c = (what >> 16) as u16 as u32;
        for (word, width) in [(a(op), 8), (b(op), 10), (c, 12)] {
            self.sync(word, words_of(what, width));
        }
        if let Some(opcode) = sse2(vector_op) {
            self.pair(a(op), b(op));
            self.simd(opcode);
            self.write_vector(d(op));
        } else if vector_op == Op::Vandnot {
            self.pair(b(op), a(op));
            self.simd(0xdf);
            self.write_vector(d(op));
        } else if let Some((opcode, number, mask)) = shift(vector_op)
            && let Some(Place::Const(by)) = self.known(b(op), false)
        {
            self.read_vector(0, a(op));
            self.asm()
                .op(Some(0x66), false, &[0x0f, opcode], number, Rm::Reg(0));
            self.asm().code.push((by & mask) as u8);
            self.write_vector(d(op));
        } else if let Some((prefix, opcode)) = match vector_op {
            Op::Vmask8 => Some((Some(0x66), 0xd7)),
            Op::Vmask32 => Some((None, 0x50)),
            Op::Vmask64 => Some((Some(0x66), 0x50)),
            _ => None,
        } && words_of(what, 14) == 1
        {
            self.read_vector(0, a(op));
            let r = self.fresh();
            self.asm().op(prefix, false, &[0x0f, opcode], r, Rm::Reg(0));
            self.put(d(op), false, r);
        } else if let Some((prefix, opcode, kind)) = floats(vector_op) {
            self.float_lanes(op, prefix, opcode, kind, vector_op);
        } else if let Some((unpack, sign)) = extension(vector_op) {
            self.read_vector(0, a(op));
            self.clear(1);
            if let Some(greater) = sign {
                self.asm()
                    .op(Some(0x66), false, &[0x0f, greater], 1, Rm::Reg(0));
            }
            self.simd(unpack);
            self.write_vector(d(op));
        } else if let Some(opcode) = magnitude(vector_op) {
            self.read_vector(0, a(op));
            for number in [6, 2] {
                self.asm()
                    .op(Some(0x66), false, &[0x0f, opcode], number, Rm::Reg(0));
                self.asm().code.push(1);
            }
            self.write_vector(d(op));
        } else if vector_op == Op::VsetLo32 && words_of(what, 10) == 1 {
            // MOVSS, from memory and between registers.
            self.read_vector(0, a(op));
            self.asm()
                .op(Some(0xf3), false, &[0x0f, 0x10], 1, Rm::Word(b(op)));
            self.asm()
                .op(Some(0xf3), false, &[0x0f, 0x10], 0, Rm::Reg(1));
            self.write_vector(d(op));
        } else if vector_op == Op::Vbits {
            // PAND, PANDN, POR
            self.pair(a(op), c);
            self.simd(0xdb);
            self.read_vector(2, b(op));
            self.asm()
                .op(Some(0x66), false, &[0x0f, 0xdf], 1, Rm::Reg(2));
            self.simd(0xeb);
            self.write_vector(d(op));
        } else if vector_op == Op::Vany && words_of(what, 14) == 1 {
            self.read_vector(0, a(op));
            self.clear(1);
            // PCMPEQB, PMOVMSKB
            self.simd(0x74);
            self.asm()
                .op(Some(0x66), false, &[0x0f, 0xd7], RAX, Rm::Reg(0));
            self.asm().alu_imm(false, 7, Rm::Reg(RAX), 0xffff);
            self.put_condition(d(op), NE);
        } else if vector_op == Op::VmulLow32U {
            for (xmm, word) in [(0, a(op)), (1, b(op))] {
                // PSHUFD: lanes 0 and 1 to 0 and 2.
                self.read_vector(xmm, word);
                self.asm()
                    .op(Some(0x66), false, &[0x0f, 0x70], xmm, Rm::Reg(xmm));
                self.asm().code.push(0x10);
            }
            // PMULUDQ
            self.simd(0xf4);
            self.write_vector(d(op));
        } else if vector_op == Op::Veq64 {
            // PCMPEQD, PSHUFD that swaps neighbours, PAND
            self.pair(a(op), b(op));
            self.simd(0x76);
            self.asm()
                .op(Some(0x66), false, &[0x0f, 0x70], 1, Rm::Reg(0));
            self.asm().code.push(0xb1);
            self.simd(0xdb);
            self.write_vector(d(op));
        } else if vector_op == Op::Vshuffle && self.host.ssse3 {
            self.shuffle(op);
        } else {
            self.call_eval(op, what, vector_op);
        }
        Flow::On
    }

    /// MOVUPS
    fn read_vector(&mut self, xmm: Reg, word: u32) {
        self.asm()
            .op(None, false, &[0x0f, 0x10], xmm, Rm::Word(word));
    }

    /// XMM0 into words of the state.
    fn write_vector(&mut self, word: u32) {
        self.forget(word, 4);
        self.asm().op(None, false, &[0x0f, 0x11], 0, Rm::Word(word));
    }

    /// Two vectors in XMM0 and XMM1.
    fn pair(&mut self, first: u32, second: u32) {
        self.read_vector(0, first);
        self.read_vector(1, second);
    }

    /// An instruction on XMM0 and XMM1.
    fn simd(&mut self, opcode: u8) {
        self.asm()
            .op(Some(0x66), false, &[0x0f, opcode], 0, Rm::Reg(1));
    }

    /// PXOR
    fn clear(&mut self, xmm: Reg) {
        self.asm()
            .op(Some(0x66), false, &[0x0f, 0xef], xmm, Rm::Reg(xmm));
    }

    fn float_lanes(
        &mut self,
        op: u64,
        prefix: Option<u8>,
        opcode: u8,
        kind: Floats,
        vector_op: Op,
    ) {
        let from = match kind {
            Floats::Both | Floats::Compare(_) => {
                self.pair(a(op), b(op));
                1
            }
            Floats::Second => {
                self.pair(b(op), a(op));
                1
            }
            Floats::One | Floats::Exact => {
                self.read_vector(0, a(op));
                0
            }
        };
        self.asm()
            .op(prefix, false, &[0x0f, opcode], 0, Rm::Reg(from));
        match kind {
            Floats::Compare(predicate) => self.asm().code.push(predicate),
            Floats::Both | Floats::One => {
                // CMPUNORDPS or CMPUNORDPD with itself, MOVMSKPS
                let double = match vector_op {
                    Op::Vfpromote => Some(0x66),
                    Op::Vfdemote => None,
                    _ => prefix,
                };
                self.asm().op(None, false, &[0x0f, 0x28], 1, Rm::Reg(0));
                self.asm().op(double, false, &[0x0f, 0xc2], 1, Rm::Reg(0));
                self.asm().code.push(3);
                self.asm().op(None, false, &[0x0f, 0x50], RAX, Rm::Reg(1));
                self.asm().op(None, false, &[0x85], RAX, Rm::Reg(RAX));
                self.back_if(NE);
            }
            Floats::Second | Floats::Exact => {}
        }
        self.write_vector(d(op));
    }

    /// Ops that move halves: all but the high one's are vectors again, and written as such, since a read of 16 bytes waits for two writes of 8. `false`: it is none.
    fn moved(&mut self, op: u64, what: u64, vector_op: Op) -> bool {
        let (x, y) = (a(op), b(op));
        let widths = [words_of(what, 8), words_of(what, 10), words_of(what, 14)];
        // What is read first, and the opcode by which the other half is read over it: MOVQ, MOVUPS; MOVLPS, MOVHPS.
        let (first, second) = match (vector_op, widths) {
            (Op::Vhi, [4, _, 2]) => {
                let high = self.get(x + 2, true);
                self.put(d(op), true, high);
                return true;
            }
            (Op::Vpair, [2, 2, 4]) => ((Some(0xf3), 0x7e), Some(0x16)),
            (Op::Vlow, [2, _, 4]) => ((Some(0xf3), 0x7e), None),
            (Op::VsetLo | Op::VsetLo64, [4, 2, 4]) => ((None, 0x10), Some(0x12)),
            (Op::VsetHi, [4, 2, 4]) => ((None, 0x10), Some(0x16)),
            _ => return false,
        };
        self.sync(x, widths[0]);
        self.asm()
            .op(first.0, false, &[0x0f, first.1], 0, Rm::Word(x));
        if let Some(opcode) = second {
            self.sync(y, 2);
            self.asm().op(None, false, &[0x0f, opcode], 0, Rm::Word(y));
        }
        self.write_vector(d(op));
        true
    }

    /// Bytes of `a` and `b` by two PSHUFB (SSSE3), whose numbers from 80h on give 0.
    fn shuffle(&mut self, op: u64) {
        let by = self.words[self.ip + 2] as u128 | (self.words[self.ip + 3] as u128) << 64;
        let mask = |first: u8| {
            let bytes = by.to_le_bytes().map(|n| match n.wrapping_sub(first) {
                n @ 0..16 => n,
                _ => 0x80,
            });
            u128::from_le_bytes(bytes)
        };
        self.shuffle_one(0, a(op), mask(0));
        self.shuffle_one(1, b(op), mask(16));
        self.simd(0xeb);
        self.write_vector(d(op));
    }

    fn shuffle_one(&mut self, xmm: Reg, word: u32, mask: u128) {
        let halves = [mask as u64, (mask >> 64) as u64];
        let prefix = Some(0x66);
        if halves == [u64::from_le_bytes([0x80; 8]); 2] {
            self.clear(xmm);
            return;
        }
        for (to, half) in [(2, halves[0]), (3, halves[1])] {
            self.asm().constant(RAX, half);
            // MOVQ
            self.asm().op(prefix, true, &[0x0f, 0x6e], to, Rm::Reg(RAX));
        }
        // PUNPCKLQDQ, PSHUFB
        self.asm().op(prefix, false, &[0x0f, 0x6c], 2, Rm::Reg(3));
        self.read_vector(xmm, word);
        self.asm()
            .op(prefix, false, &[0x0f, 0x38, 0x00], xmm, Rm::Reg(2));
    }

    /// Calls [`evaluate`].
    fn call_eval(&mut self, op: u64, what: u64, vector_op: Op) {
        self.forget(d(op), words_of(what, 14));
        let by = match vector_op {
            Op::Vshuffle => [self.words[self.ip + 2], self.words[self.ip + 3]],
            _ => [0; 2],
        };
        let function: unsafe extern "sysv64" fn(*mut u8, u64, u64, u64, u64) = evaluate;
        let asm = self.asm();
        // PUSH of what the convention does not save: RDI, RSI, R8, R10, R11. The stack is at a multiple of 16 then, as ENTER has pushed five registers.
        asm.code
            .extend([0x57, 0x56, 0x41, 0x50, 0x41, 0x52, 0x41, 0x53]);
        for (reg, v) in [(RSI, op), (RDX, what), (RCX, by[0]), (R8, by[1])] {
            asm.constant(reg, v);
        }
        asm.constant(RAX, function as usize as u64);
        // CALL RAX; POP
        asm.code.extend([0xff, 0xd0]);
        asm.code
            .extend([0x41, 0x5b, 0x41, 0x5a, 0x41, 0x58, 0x5e, 0x5f]);
    }
}
