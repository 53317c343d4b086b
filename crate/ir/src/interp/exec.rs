//! The loop that runs bytecode.

use std::rc::Rc;

use super::alu::*;
use super::bytecode::*;
use super::{ExecCx, Marks, Outcome, Ran, vector};
use crate::f80::{self, F80};
use crate::guest::{State, Stop};
use crate::layout::{self, flat, pending, tlb};
use crate::ops::{ALL, Op};
use crate::types::{HelperId, MemArg};
use tinamou_arena::Arena;

/// The registers: words of the vCPU state.
#[derive(Clone, Copy)]
struct Regs<'a> {
    arena: &'a Arena,
    base: u32,
}

impl Regs<'_> {
    #[inline(always)]
    fn at(self, word: u32) -> u32 {
        self.base.wrapping_add(word << 2)
    }
    #[inline(always)]
    fn r32(self, word: u32) -> u32 {
        self.arena.read32(self.at(word))
    }
    #[inline(always)]
    fn r64(self, word: u32) -> u64 {
        self.arena.read64(self.at(word))
    }
    #[inline(always)]
    fn w32(self, word: u32, v: u32) {
        self.arena.write32(self.at(word), v);
    }
    #[inline(always)]
    fn w64(self, word: u32, v: u64) {
        self.arena.write64(self.at(word), v);
    }
    #[inline(always)]
    fn r128(self, word: u32) -> u128 {
        self.r64(word) as u128 | (self.r64(word + 2) as u128) << 64
    }
    #[inline(always)]
    fn w128(self, word: u32, v: u128) {
        self.w64(word, v as u64);
        self.w64(word + 2, (v >> 64) as u64);
    }
    #[inline(always)]
    fn f32(self, word: u32) -> f32 {
        f32::from_bits(self.r32(word))
    }
    #[inline(always)]
    fn f64(self, word: u32) -> f64 {
        f64::from_bits(self.r64(word))
    }

    /// Arena offset of an access of `N` bytes if the page map allows it directly.
    #[inline(always)]
    fn fast<const N: u32, const FLAT: bool, const ALIGNED: bool, const WRITE: bool>(
        self,
        va: u64,
        mmu: u32,
    ) -> Option<u32> {
        let map = self.arena.read32(
            self.base
                .wrapping_add(layout::MAPS + (mmu << 3) + (WRITE as u32) * 4),
        );
        if FLAT {
            let va = va as u32;
            let e = self.arena.read32(map.wrapping_add(va >> 12 << 2));
            let ok = if N == 1 {
                e & 1 == 0
            } else if ALIGNED {
                (va | e) & (N - 1) == 0
            } else {
                (va | e) & flat::SLOW <= 0x1000 - N
            };
            ok.then(|| va.wrapping_add(e))
        } else {
            let index = (va >> 12) as u32 & (tlb::ENTRIES - 1);
            let entry = map.wrapping_add(index << tlb::ENTRY_LOG2);
            let tag = self.arena.read64(entry.wrapping_add(if WRITE {
                tlb::TAG_WRITE
            } else {
                tlb::TAG_READ
            }));
            let ok = if ALIGNED || N == 1 {
                tag == va & (!0xfff | (N as u64 - 1))
            } else {
                tag == va & !0xfff && va & 0xfff <= 0x1000 - N as u64
            };
            ok.then(|| (va as u32).wrapping_add(self.arena.read32(entry.wrapping_add(tlb::ADDEND))))
        }
    }

    /// As `fast`, for what only the memory operand knows.
    fn allowed(self, va: u64, flat: bool, mem: MemArg) -> bool {
        macro_rules! pick {
            ($n:literal) => {
                match (flat, mem.aligned, mem.probe_write) {
                    (true, true, true) => self.fast::<$n, true, true, true>(va, mem.mmu as u32),
                    (true, true, false) => self.fast::<$n, true, true, false>(va, mem.mmu as u32),
                    (true, false, true) => self.fast::<$n, true, false, true>(va, mem.mmu as u32),
                    (true, false, false) => self.fast::<$n, true, false, false>(va, mem.mmu as u32),
                    (false, true, true) => self.fast::<$n, false, true, true>(va, mem.mmu as u32),
                    (false, true, false) => self.fast::<$n, false, true, false>(va, mem.mmu as u32),
                    (false, false, true) => self.fast::<$n, false, false, true>(va, mem.mmu as u32),
                    (false, false, false) => {
                        self.fast::<$n, false, false, false>(va, mem.mmu as u32)
                    }
                }
            };
        }
        match mem.size_log2 {
            0 => pick!(1),
            1 => pick!(2),
            2 => pick!(4),
            3 => pick!(8),
            _ => pick!(16),
        }
        .is_some()
    }
}

/// The address 8 bytes on.
fn half_behind(va: u64, flat: bool) -> u64 {
    let next = va.wrapping_add(8);
    if flat { next as u32 as u64 } else { next }
}

/// One run of a block.
pub struct Exec<'a> {
    ops: &'a [u64],
    insns: u32,
    /// Behind its pointer: while nothing stops, not even that is read.
    marks: &'a Rc<Marks>,
    start_insn: u32,
    regs: Regs<'a>,
}

impl<'a> Exec<'a> {
    pub fn new(
        ops: &'a [u64],
        insns: u32,
        marks: &'a Rc<Marks>,
        start_insn: u32,
        state: &'a State,
    ) -> Exec<'a> {
        Exec {
            ops,
            insns,
            marks,
            start_insn,
            regs: Regs {
                arena: &state.arena,
                base: state.base,
            },
        }
    }

    /// Instructions completed before the one that the word at `ip` belongs to.
    #[cold]
    #[inline(never)]
    fn progress(&self, ip: usize) -> u32 {
        self.marks.insn_at(ip).saturating_sub(self.start_insn)
    }

    #[cold]
    #[inline(never)]
    fn stopped(&self, ip: usize, stop: Stop) -> Ran {
        let insn = self.marks.insn_at(ip);
        let outcome = match stop {
            Stop::Fault(fault) => Outcome::Fault { fault, insn },
            Stop::Wait => Outcome::Wait { insn },
        };
        Ran {
            outcome,
            completed: insn.saturating_sub(self.start_insn),
        }
    }

    #[cold]
    #[inline(never)]
    fn trap(&self, ip: usize, code: u32) -> Ran {
        let insn = self.marks.insn_at(ip);
        Ran {
            outcome: Outcome::Trap { code, insn },
            completed: insn.saturating_sub(self.start_insn),
        }
    }

    /// Outcome of an `exit_if` at `ip`: its own instruction counts as completed.
    #[cold]
    #[inline(never)]
    fn exit(&self, ip: usize, pc: u64) -> Ran {
        let marked = (self.insns != 0) as u32;
        let completed = (self.marks.insn_at(ip) + marked).saturating_sub(self.start_insn);
        Ran {
            outcome: Outcome::Jump { pc },
            completed,
        }
    }

    /// Outcome of a terminator.
    #[inline(always)]
    fn end(&self, outcome: Outcome) -> Ran {
        Ran {
            outcome,
            completed: self.insns.saturating_sub(self.start_insn),
        }
    }

    #[inline(always)]
    fn leave_pending(&self) -> bool {
        self.regs
            .arena
            .read32(self.regs.base.wrapping_add(layout::PENDING))
            & pending::LEAVE
            != 0
    }

    /// The pending word asks to leave: runs on from `ip` to the end of the current instruction.
    #[cold]
    #[inline(never)]
    fn finish<C: ExecCx>(&self, ip: usize, cx: &mut C) -> Ran {
        let next = self.marks.insn_at(ip - 1) + 1;
        match self.marks.insns.get(next as usize) {
            Some(pos) => self.run::<C, true>(ip, pos.start as usize, cx),
            None => self.run::<C, false>(ip, usize::MAX, cx),
        }
    }

    /// Runs from word `ip`; if `LIMITED`, at most up to word `limit`, the start of an instruction.
    pub fn run<C: ExecCx, const LIMITED: bool>(
        &self,
        mut ip: usize,
        limit: usize,
        cx: &mut C,
    ) -> Ran {
        let ops = self.ops;
        let regs = self.regs;
        // In the last instruction nothing more needs to be asked: the terminator follows.
        let last = !LIMITED && limit == usize::MAX;
        macro_rules! alu {
            ($r:ident $w:ident, $op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.$r(a($op)), regs.$r(b($op)));
                regs.$w(d($op), $e);
            }};
        }
        macro_rules! imm32 {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r32(a($op)), imm24($op) as u32);
                regs.w32(d($op), $e);
            }};
        }
        macro_rules! imm64 {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r64(a($op)), imm24($op) as i64 as u64);
                regs.w64(d($op), $e);
            }};
        }
        macro_rules! cmp64i {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r64(a($op)), imm24($op) as i64 as u64);
                regs.w32(d($op), $e as u32);
            }};
        }
        macro_rules! un {
            ($r:ident $w:ident, $op:ident, |$x:ident| $e:expr) => {{
                let $x = regs.$r(a($op));
                regs.$w(d($op), $e);
            }};
        }
        macro_rules! br {
            ($c:expr) => {{
                let pc = ops[ip + !$c as usize];
                return self.end(Outcome::Jump { pc });
            }};
        }
        macro_rules! br32 {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r32(a($op)), regs.r32(b($op)));
                br!($e)
            }};
        }
        macro_rules! br64 {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r64(a($op)), regs.r64(b($op)));
                br!($e)
            }};
        }
        macro_rules! br32i {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r32(a($op)), imm24($op) as u32);
                br!($e)
            }};
        }
        macro_rules! br64i {
            ($op:ident, |$x:ident, $y:ident| $e:expr) => {{
                let ($x, $y) = (regs.r64(a($op)), imm24($op) as i64 as u64);
                br!($e)
            }};
        }
        macro_rules! va {
            ($op:ident, true) => {
                regs.r32(a($op)).wrapping_add(imm16($op) as u32) as u64
            };
            ($op:ident, false) => {
                regs.r64(a($op)).wrapping_add(imm16($op) as i64 as u64)
            };
        }
        macro_rules! slow {
            ($op:ident, $size:expr, $al:literal, $be:literal, |$mem:ident| $call:expr) => {{
                cx.note_progress(self.progress(ip - 1));
                let $mem = MemArg {
                    size_log2: $size,
                    signed: aux($op) >> 2 != 0,
                    big_endian: $be,
                    aligned: $al,
                    probe_write: false,
                    mmu: (aux($op) & 3) as u8,
                    inline_slow: false,
                    alone: false,
                };
                match $call {
                    Ok(v) => v,
                    Err(stop) => return self.stopped(ip - 1, stop),
                }
            }};
        }
        macro_rules! left {
            () => {
                if !LIMITED && !last && self.leave_pending() {
                    return self.finish(ip, cx);
                }
            };
        }
        macro_rules! load {
            (32 $op:ident, $n:literal $log:literal $read:ident, $flat:tt, $al:literal, $be:literal) => {{
                let va = va!($op, $flat);
                let shift = aux($op) >> 2;
                if let Some(at) = regs.fast::<$n, $flat, $al, false>(va, aux($op) & 3) {
                    let raw = regs.arena.$read(at);
                    let raw = if $be { raw.swap_bytes() } else { raw } as u32;
                    regs.w32(d($op), ((raw << shift) as i32 >> shift) as u32);
                } else {
                    let raw = slow!($op, $log, $al, $be, |mem| cx.load(va, mem)) as u32;
                    regs.w32(d($op), ((raw << shift) as i32 >> shift) as u32);
                    left!();
                }
            }};
            (64 $op:ident, $n:literal $log:literal $read:ident, $flat:tt, $al:literal, $be:literal) => {{
                let va = va!($op, $flat);
                let shift = aux($op) >> 2;
                if let Some(at) = regs.fast::<$n, $flat, $al, false>(va, aux($op) & 3) {
                    let raw = regs.arena.$read(at);
                    let raw = if $be { raw.swap_bytes() } else { raw } as u64;
                    regs.w64(d($op), ((raw << shift) as i64 >> shift) as u64);
                } else {
                    let raw = slow!($op, $log, $al, $be, |mem| cx.load(va, mem));
                    regs.w64(d($op), ((raw << shift) as i64 >> shift) as u64);
                    left!();
                }
            }};
        }
        macro_rules! store {
            ($op:ident, $n:literal $log:literal $ty:ty, $reg:ident $write:ident, $flat:tt, $al:literal, $be:literal) => {{
                let va = va!($op, $flat);
                let v = regs.$reg(d($op));
                if let Some(at) = regs.fast::<$n, $flat, $al, true>(va, aux($op) & 3) {
                    let raw = v as $ty;
                    regs.arena
                        .$write(at, if $be { raw.swap_bytes() } else { raw });
                } else {
                    slow!($op, $log, $al, $be, |mem| cx.store(
                        va,
                        v as $ty as u64,
                        mem
                    ));
                    left!();
                }
            }};
        }
        loop {
            if LIMITED && ip == limit {
                let insn = self.marks.insn_at(ip);
                // Instructions without bytecode share their start with the next one: the first of them is next.
                let insn = self.first_at(ip).unwrap_or(insn);
                return Ran {
                    outcome: Outcome::Left { insn },
                    completed: insn.saturating_sub(self.start_insn),
                };
            }
            let op = ops[ip];
            ip += 1;
            match op as u8 {
                MOV32 => un!(r32 w32, op, |x| x),
                MOV64 => un!(r64 w64, op, |x| x),
                CONST32 => regs.w32(d(op), wide32(op)),
                CONSTS => regs.w64(d(op), wide32(op) as i32 as i64 as u64),
                CONST64 => {
                    regs.w64(d(op), ops[ip]);
                    ip += 1;
                }
                ADD32 => alu!(r32 w32, op, |x, y| x.wrapping_add(y)),
                ADD64 => alu!(r64 w64, op, |x, y| x.wrapping_add(y)),
                SUB32 => alu!(r32 w32, op, |x, y| x.wrapping_sub(y)),
                SUB64 => alu!(r64 w64, op, |x, y| x.wrapping_sub(y)),
                MUL32 => alu!(r32 w32, op, |x, y| x.wrapping_mul(y)),
                MUL64 => alu!(r64 w64, op, |x, y| x.wrapping_mul(y)),
                DIVU32 => alu!(r32 w32, op, |x, y| div_u32(x, y)),
                DIVU64 => alu!(r64 w64, op, |x, y| div_u64(x, y)),
                DIVS32 => alu!(r32 w32, op, |x, y| div_s32(x, y)),
                DIVS64 => alu!(r64 w64, op, |x, y| div_s64(x, y)),
                REMU32 => alu!(r32 w32, op, |x, y| rem_u32(x, y)),
                REMU64 => alu!(r64 w64, op, |x, y| rem_u64(x, y)),
                REMS32 => alu!(r32 w32, op, |x, y| rem_s32(x, y)),
                REMS64 => alu!(r64 w64, op, |x, y| rem_s64(x, y)),
                AND32 => alu!(r32 w32, op, |x, y| x & y),
                AND64 => alu!(r64 w64, op, |x, y| x & y),
                OR32 => alu!(r32 w32, op, |x, y| x | y),
                OR64 => alu!(r64 w64, op, |x, y| x | y),
                XOR32 => alu!(r32 w32, op, |x, y| x ^ y),
                XOR64 => alu!(r64 w64, op, |x, y| x ^ y),
                SHL32 => alu!(r32 w32, op, |x, y| x.wrapping_shl(y)),
                SHL64 => alu!(r64 w64, op, |x, y| x.wrapping_shl(y as u32)),
                SHR32 => alu!(r32 w32, op, |x, y| x.wrapping_shr(y)),
                SHR64 => alu!(r64 w64, op, |x, y| x.wrapping_shr(y as u32)),
                SAR32 => alu!(r32 w32, op, |x, y| (x as i32).wrapping_shr(y) as u32),
                SAR64 => alu!(r64 w64, op, |x, y| (x as i64).wrapping_shr(y as u32) as u64),
                ROTL32 => alu!(r32 w32, op, |x, y| x.rotate_left(y & 31)),
                ROTL64 => alu!(r64 w64, op, |x, y| x.rotate_left(y as u32 & 63)),
                ROTR32 => alu!(r32 w32, op, |x, y| x.rotate_right(y & 31)),
                ROTR64 => alu!(r64 w64, op, |x, y| x.rotate_right(y as u32 & 63)),
                ADD32I => imm32!(op, |x, y| x.wrapping_add(y)),
                ADD64I => imm64!(op, |x, y| x.wrapping_add(y)),
                MUL32I => imm32!(op, |x, y| x.wrapping_mul(y)),
                MUL64I => imm64!(op, |x, y| x.wrapping_mul(y)),
                AND32I => imm32!(op, |x, y| x & y),
                AND64I => imm64!(op, |x, y| x & y),
                OR32I => imm32!(op, |x, y| x | y),
                OR64I => imm64!(op, |x, y| x | y),
                XOR32I => imm32!(op, |x, y| x ^ y),
                XOR64I => imm64!(op, |x, y| x ^ y),
                SHL32I => imm32!(op, |x, y| x.wrapping_shl(y)),
                SHL64I => imm64!(op, |x, y| x.wrapping_shl(y as u32)),
                SHR32I => imm32!(op, |x, y| x.wrapping_shr(y)),
                SHR64I => imm64!(op, |x, y| x.wrapping_shr(y as u32)),
                SAR32I => imm32!(op, |x, y| (x as i32).wrapping_shr(y) as u32),
                SAR64I => imm64!(op, |x, y| (x as i64).wrapping_shr(y as u32) as u64),
                ROTL32I => imm32!(op, |x, y| x.rotate_left(y & 31)),
                ROTL64I => imm64!(op, |x, y| x.rotate_left(y as u32 & 63)),
                ROTR32I => imm32!(op, |x, y| x.rotate_right(y & 31)),
                ROTR64I => imm64!(op, |x, y| x.rotate_right(y as u32 & 63)),
                ADDX => alu!(r32 w64, op, |x, y| x.wrapping_add(y) as i32 as i64 as u64),
                SUBX => alu!(r32 w64, op, |x, y| x.wrapping_sub(y) as i32 as i64 as u64),
                ADDXI => {
                    un!(r32 w64, op, |x| x.wrapping_add(imm24(op) as u32) as i32 as i64 as u64)
                }
                SHLXI => {
                    un!(r32 w64, op, |x| x.wrapping_shl(imm24(op) as u32) as i32 as i64 as u64)
                }
                SHRXI => {
                    un!(r32 w64, op, |x| x.wrapping_shr(imm24(op) as u32) as i32 as i64 as u64)
                }
                SARXI => {
                    un!(r32 w64, op, |x| (x as i32).wrapping_shr(imm24(op) as u32) as i64 as u64)
                }
                MULHU => alu!(r64 w64, op, |x, y| mulh_u(x, y)),
                MULHS => alu!(r64 w64, op, |x, y| mulh_s(x, y)),
                CLZ32 => un!(r32 w32, op, |x| x.leading_zeros()),
                CLZ64 => un!(r64 w64, op, |x| x.leading_zeros() as u64),
                CTZ32 => un!(r32 w32, op, |x| x.trailing_zeros()),
                CTZ64 => un!(r64 w64, op, |x| x.trailing_zeros() as u64),
                POPCNT32 => un!(r32 w32, op, |x| x.count_ones()),
                POPCNT64 => un!(r64 w64, op, |x| x.count_ones() as u64),
                BSWAP32 => un!(r32 w32, op, |x| x.swap_bytes()),
                BSWAP64 => un!(r64 w64, op, |x| x.swap_bytes()),
                SEXT8_32 => un!(r32 w32, op, |x| x as i8 as u32),
                SEXT8_64 => un!(r32 w64, op, |x| x as i8 as u64),
                SEXT16_32 => un!(r32 w32, op, |x| x as i16 as u32),
                SEXT16_64 => un!(r32 w64, op, |x| x as i16 as u64),
                EXTS => un!(r32 w64, op, |x| x as i32 as u64),
                EXTU => un!(r32 w64, op, |x| x as u64),
                EQ32 => alu!(r32 w32, op, |x, y| (x == y) as u32),
                EQ64 => alu!(r64 w32, op, |x, y| (x == y) as u32),
                NE32 => alu!(r32 w32, op, |x, y| (x != y) as u32),
                NE64 => alu!(r64 w32, op, |x, y| (x != y) as u32),
                LTU32 => alu!(r32 w32, op, |x, y| (x < y) as u32),
                LTU64 => alu!(r64 w32, op, |x, y| (x < y) as u32),
                LTS32 => alu!(r32 w32, op, |x, y| ((x as i32) < y as i32) as u32),
                LTS64 => alu!(r64 w32, op, |x, y| ((x as i64) < y as i64) as u32),
                LEU32 => alu!(r32 w32, op, |x, y| (x <= y) as u32),
                LEU64 => alu!(r64 w32, op, |x, y| (x <= y) as u32),
                LES32 => alu!(r32 w32, op, |x, y| (x as i32 <= y as i32) as u32),
                LES64 => alu!(r64 w32, op, |x, y| (x as i64 <= y as i64) as u32),
                EQ32I => imm32!(op, |x, y| (x == y) as u32),
                EQ64I => cmp64i!(op, |x, y| x == y),
                NE32I => imm32!(op, |x, y| (x != y) as u32),
                NE64I => cmp64i!(op, |x, y| x != y),
                LTU32I => imm32!(op, |x, y| (x < y) as u32),
                LTU64I => cmp64i!(op, |x, y| x < y),
                LTS32I => imm32!(op, |x, y| ((x as i32) < y as i32) as u32),
                LTS64I => cmp64i!(op, |x, y| (x as i64) < y as i64),
                LEU32I => imm32!(op, |x, y| (x <= y) as u32),
                LEU64I => cmp64i!(op, |x, y| x <= y),
                LES32I => imm32!(op, |x, y| (x as i32 <= y as i32) as u32),
                LES64I => cmp64i!(op, |x, y| x as i64 <= y as i64),
                FADD32 => alu!(f32 w32, op, |x, y| bits32(x + y)),
                FADD64 => alu!(f64 w64, op, |x, y| bits64(x + y)),
                FSUB32 => alu!(f32 w32, op, |x, y| bits32(x - y)),
                FSUB64 => alu!(f64 w64, op, |x, y| bits64(x - y)),
                FMUL32 => alu!(f32 w32, op, |x, y| bits32(x * y)),
                FMUL64 => alu!(f64 w64, op, |x, y| bits64(x * y)),
                FDIV32 => alu!(f32 w32, op, |x, y| bits32(x / y)),
                FDIV64 => alu!(f64 w64, op, |x, y| bits64(x / y)),
                FSQRT32 => un!(f32 w32, op, |x| bits32(x.sqrt())),
                FSQRT64 => un!(f64 w64, op, |x| bits64(x.sqrt())),
                FNEG32 => un!(r32 w32, op, |x| x ^ 1 << 31),
                FNEG64 => un!(r64 w64, op, |x| x ^ 1 << 63),
                FABS32 => un!(r32 w32, op, |x| x & !(1 << 31)),
                FABS64 => un!(r64 w64, op, |x| x & !(1 << 63)),
                FEQ32 => alu!(f32 w32, op, |x, y| (x == y) as u32),
                FEQ64 => alu!(f64 w32, op, |x, y| (x == y) as u32),
                FLT32 => alu!(f32 w32, op, |x, y| (x < y) as u32),
                FLT64 => alu!(f64 w32, op, |x, y| (x < y) as u32),
                FLE32 => alu!(f32 w32, op, |x, y| (x <= y) as u32),
                FLE64 => alu!(f64 w32, op, |x, y| (x <= y) as u32),
                FNEAREST32 => un!(f32 w32, op, |x| bits32(x.round_ties_even())),
                FNEAREST64 => un!(f64 w64, op, |x| bits64(x.round_ties_even())),
                FPROMOTE => un!(f32 w64, op, |x| bits64(x as f64)),
                FDEMOTE => un!(f64 w32, op, |x| bits32(x as f32)),
                D_FROM_W => un!(r32 w64, op, |x| (x as i32 as f64).to_bits()),
                D_FROM_L => un!(r64 w64, op, |x| (x as i64 as f64).to_bits()),
                S_FROM_W => un!(r32 w32, op, |x| (x as i32 as f32).to_bits()),
                S_FROM_L => un!(r64 w32, op, |x| (x as i64 as f32).to_bits()),
                W_FROM_D => un!(f64 w32, op, |x| x as i32 as u32),
                L_FROM_D => un!(f64 w64, op, |x| x as i64 as u64),
                SELECT32 => {
                    let v = if regs.r32(ops[ip] as u32) != 0 {
                        regs.r32(a(op))
                    } else {
                        regs.r32(b(op))
                    };
                    ip += 1;
                    regs.w32(d(op), v);
                }
                SELECT64 => {
                    let v = if regs.r32(ops[ip] as u32) != 0 {
                        regs.r64(a(op))
                    } else {
                        regs.r64(b(op))
                    };
                    ip += 1;
                    regs.w64(d(op), v);
                }
                VECTOR => {
                    let what = ops[ip];
                    ip += 1;
                    let Some(&vector_op) = ALL.get(what as u8 as usize) else {
                        unreachable!("vector op {}", what as u8)
                    };
                    let by = if vector_op == Op::Vshuffle {
                        ip += 2;
                        ops[ip - 2] as u128 | (ops[ip - 1] as u128) << 64
                    } else {
                        0
                    };
                    let read = |word: u32, at: u32| match what >> at & 3 {
                        0 => regs.r32(word) as u128,
                        1 => regs.r64(word) as u128,
                        _ => regs.r128(word),
                    };
                    let c = (what >> 16) as u16 as u32;
                    let (x, y, z) = (read(a(op), 8), read(b(op), 10), read(c, 12));
                    let v = vector::eval(vector_op, x, y, z, by);
                    match what >> 14 & 3 {
                        0 => regs.w32(d(op), v as u32),
                        1 => regs.w64(d(op), v as u64),
                        _ => regs.w128(d(op), v),
                    }
                }
                LVF | LVT | SVF | SVT => {
                    let flat = matches!(op as u8, LVF | SVF);
                    let write = matches!(op as u8, SVF | SVT);
                    let va = if flat { va!(op, true) } else { va!(op, false) };
                    let mmu = aux(op) & 3;
                    let place = match (flat, write) {
                        (true, false) => regs.fast::<16, true, false, false>(va, mmu),
                        (true, true) => regs.fast::<16, true, false, true>(va, mmu),
                        (false, false) => regs.fast::<16, false, false, false>(va, mmu),
                        (false, true) => regs.fast::<16, false, false, true>(va, mmu),
                    };
                    match place {
                        Some(at) if write => {
                            let v = regs.r128(d(op));
                            regs.arena.write64(at, v as u64);
                            regs.arena.write64(at.wrapping_add(8), (v >> 64) as u64);
                        }
                        Some(at) => {
                            let high = regs.arena.read64(at.wrapping_add(8)) as u128;
                            regs.w128(d(op), regs.arena.read64(at) as u128 | high << 64);
                        }
                        None => {
                            cx.note_progress(self.progress(ip - 1));
                            if let Err(stop) = self.halves(cx, d(op), va, flat, mmu as u8, write) {
                                return self.stopped(ip - 1, stop);
                            }
                            left!();
                        }
                    }
                }
                L8F => load!(32 op, 1 0 read8, true, false, false),
                L16FL => load!(32 op, 2 1 read16, true, false, false),
                L16FLA => load!(32 op, 2 1 read16, true, true, false),
                L16FB => load!(32 op, 2 1 read16, true, false, true),
                L16FBA => load!(32 op, 2 1 read16, true, true, true),
                L32FL => load!(32 op, 4 2 read32, true, false, false),
                L32FLA => load!(32 op, 4 2 read32, true, true, false),
                L32FB => load!(32 op, 4 2 read32, true, false, true),
                L32FBA => load!(32 op, 4 2 read32, true, true, true),
                L8T => load!(32 op, 1 0 read8, false, false, false),
                L16TL => load!(32 op, 2 1 read16, false, false, false),
                L16TLA => load!(32 op, 2 1 read16, false, true, false),
                L16TB => load!(32 op, 2 1 read16, false, false, true),
                L16TBA => load!(32 op, 2 1 read16, false, true, true),
                L32TL => load!(32 op, 4 2 read32, false, false, false),
                L32TLA => load!(32 op, 4 2 read32, false, true, false),
                L32TB => load!(32 op, 4 2 read32, false, false, true),
                L32TBA => load!(32 op, 4 2 read32, false, true, true),
                M8F => load!(64 op, 1 0 read8, true, false, false),
                M16FL => load!(64 op, 2 1 read16, true, false, false),
                M16FLA => load!(64 op, 2 1 read16, true, true, false),
                M16FB => load!(64 op, 2 1 read16, true, false, true),
                M16FBA => load!(64 op, 2 1 read16, true, true, true),
                M32FL => load!(64 op, 4 2 read32, true, false, false),
                M32FLA => load!(64 op, 4 2 read32, true, true, false),
                M32FB => load!(64 op, 4 2 read32, true, false, true),
                M32FBA => load!(64 op, 4 2 read32, true, true, true),
                M64FL => load!(64 op, 8 3 read64, true, false, false),
                M64FLA => load!(64 op, 8 3 read64, true, true, false),
                M64FB => load!(64 op, 8 3 read64, true, false, true),
                M64FBA => load!(64 op, 8 3 read64, true, true, true),
                M8T => load!(64 op, 1 0 read8, false, false, false),
                M16TL => load!(64 op, 2 1 read16, false, false, false),
                M16TLA => load!(64 op, 2 1 read16, false, true, false),
                M16TB => load!(64 op, 2 1 read16, false, false, true),
                M16TBA => load!(64 op, 2 1 read16, false, true, true),
                M32TL => load!(64 op, 4 2 read32, false, false, false),
                M32TLA => load!(64 op, 4 2 read32, false, true, false),
                M32TB => load!(64 op, 4 2 read32, false, false, true),
                M32TBA => load!(64 op, 4 2 read32, false, true, true),
                M64TL => load!(64 op, 8 3 read64, false, false, false),
                M64TLA => load!(64 op, 8 3 read64, false, true, false),
                M64TB => load!(64 op, 8 3 read64, false, false, true),
                M64TBA => load!(64 op, 8 3 read64, false, true, true),
                S8F => store!(op, 1 0 u8, r32 write8, true, false, false),
                S16FL => store!(op, 2 1 u16, r32 write16, true, false, false),
                S16FLA => store!(op, 2 1 u16, r32 write16, true, true, false),
                S16FB => store!(op, 2 1 u16, r32 write16, true, false, true),
                S16FBA => store!(op, 2 1 u16, r32 write16, true, true, true),
                S32FL => store!(op, 4 2 u32, r32 write32, true, false, false),
                S32FLA => store!(op, 4 2 u32, r32 write32, true, true, false),
                S32FB => store!(op, 4 2 u32, r32 write32, true, false, true),
                S32FBA => store!(op, 4 2 u32, r32 write32, true, true, true),
                S64FL => store!(op, 8 3 u64, r64 write64, true, false, false),
                S64FLA => store!(op, 8 3 u64, r64 write64, true, true, false),
                S64FB => store!(op, 8 3 u64, r64 write64, true, false, true),
                S64FBA => store!(op, 8 3 u64, r64 write64, true, true, true),
                S8T => store!(op, 1 0 u8, r32 write8, false, false, false),
                S16TL => store!(op, 2 1 u16, r32 write16, false, false, false),
                S16TLA => store!(op, 2 1 u16, r32 write16, false, true, false),
                S16TB => store!(op, 2 1 u16, r32 write16, false, false, true),
                S16TBA => store!(op, 2 1 u16, r32 write16, false, true, true),
                S32TL => store!(op, 4 2 u32, r32 write32, false, false, false),
                S32TLA => store!(op, 4 2 u32, r32 write32, false, true, false),
                S32TB => store!(op, 4 2 u32, r32 write32, false, false, true),
                S32TBA => store!(op, 4 2 u32, r32 write32, false, true, true),
                S64TL => store!(op, 8 3 u64, r64 write64, false, false, false),
                S64TLA => store!(op, 8 3 u64, r64 write64, false, true, false),
                S64TB => store!(op, 8 3 u64, r64 write64, false, false, true),
                S64TBA => store!(op, 8 3 u64, r64 write64, false, true, true),
                PROBE => {
                    // d: 1 if addresses are 64 bits wide; the next word is the memory operand.
                    let wide = d(op) != 0;
                    let va = if wide { va!(op, false) } else { va!(op, true) };
                    let mem = MemArg::unpack(ops[ip]);
                    ip += 1;
                    if !regs.allowed(va, !wide, mem) {
                        cx.note_progress(self.progress(ip - 1));
                        let probed = if mem.size_log2 == 4 {
                            self.probe_halves(cx, va, !wide, mem)
                        } else {
                            cx.probe(va, mem)
                        };
                        if let Err(stop) = probed {
                            return self.stopped(ip - 1, stop);
                        }
                        left!();
                    }
                }
                CALL => {
                    let flags = aux(op);
                    let words = ops[ip];
                    ip += 1;
                    let mut args = [0u64; 3];
                    for (k, arg) in args.iter_mut().enumerate() {
                        let word = (words >> (16 * k)) as u16 as u32;
                        if flags & CALL_THERE << k != 0 {
                            *arg = if flags & CALL_WIDE << k != 0 {
                                regs.r64(word)
                            } else {
                                regs.r32(word) as u64
                            };
                        }
                    }
                    if flags & CALL_COUNTED != 0 {
                        cx.note_progress(self.progress(ip - 1));
                    }
                    match cx.call(HelperId(a(op) as u16), args) {
                        Ok(v) => regs.w64(d(op), v),
                        Err(stop) => return self.stopped(ip - 1, stop),
                    }
                    if flags & CALL_FAULTS != 0 {
                        left!();
                    }
                }
                F80OP => {
                    let what = ops[ip];
                    ip += 1;
                    let Some(f) = F80::unpack(what & (F80_V - 1)) else {
                        unreachable!("f80 op {what:#x}")
                    };
                    let v = if what & F80_V != 0 {
                        regs.r64(a(op))
                    } else {
                        0
                    };
                    let e = if what & F80_E != 0 {
                        regs.r32(b(op))
                    } else {
                        0
                    };
                    let cells = regs.base.wrapping_add((what >> 32) as u32);
                    let r = f80::run(regs.arena, cells, f, v, e);
                    if what & F80_WIDE != 0 {
                        regs.w64(d(op), r);
                    } else {
                        regs.w32(d(op), r as u32);
                    }
                }
                CALLIF => {
                    // Operand words a and b, then the condition's; the next word is the constant third operand.
                    let flags = aux(op);
                    let (words, constant) = (ops[ip], ops[ip + 1]);
                    ip += 2;
                    let mut v = 0;
                    if regs.r32((words >> 32) as u16 as u32) != 0 {
                        let mut args = [0, 0, constant];
                        for (k, arg) in args.iter_mut().take(2).enumerate() {
                            let word = (words >> (16 * k)) as u16 as u32;
                            if flags & CALL_THERE << k != 0 {
                                *arg = if flags & CALL_WIDE << k != 0 {
                                    regs.r64(word)
                                } else {
                                    regs.r32(word) as u64
                                };
                            }
                        }
                        if flags & CALL_COUNTED != 0 {
                            cx.note_progress(self.progress(ip - 1));
                        }
                        v = match cx.call(HelperId(a(op) as u16), args) {
                            Ok(v) => v,
                            Err(stop) => return self.stopped(ip - 1, stop),
                        };
                    }
                    regs.w64(d(op), v);
                    if flags & CALL_FAULTS != 0 {
                        left!();
                    }
                }
                TRAPNZ => {
                    if regs.r32(d(op)) != 0 {
                        return self.trap(ip - 1, wide32(op));
                    }
                }
                EXITNZ => {
                    if regs.r32(a(op)) != 0 {
                        return self.exit(ip - 1, ops[ip]);
                    }
                    ip += 1;
                }
                SKIPZ => {
                    if regs.r32(a(op)) == 0 {
                        ip += b(op) as usize;
                    }
                }
                JUMP => return self.end(Outcome::Jump { pc: ops[ip] }),
                BRNZ => br!((regs.r32(a(op)) != 0)),
                JUMPI32 => {
                    return self.end(Outcome::Indirect {
                        pc: regs.r32(a(op)) as u64,
                    });
                }
                JUMPI64 => {
                    return self.end(Outcome::Indirect {
                        pc: regs.r64(a(op)),
                    });
                }
                LEAVE => return self.end(Outcome::Leave { pc: ops[ip] }),
                LEAVEI32 => {
                    return self.end(Outcome::Leave {
                        pc: regs.r32(a(op)) as u64,
                    });
                }
                LEAVEI64 => {
                    return self.end(Outcome::Leave {
                        pc: regs.r64(a(op)),
                    });
                }
                RAISE => return self.trap(ip - 1, wide32(op)),
                BREQ32 => br32!(op, |x, y| (x == y)),
                BREQ64 => br64!(op, |x, y| (x == y)),
                BRNE32 => br32!(op, |x, y| (x != y)),
                BRNE64 => br64!(op, |x, y| (x != y)),
                BRLTU32 => br32!(op, |x, y| (x < y)),
                BRLTU64 => br64!(op, |x, y| (x < y)),
                BRLTS32 => br32!(op, |x, y| ((x as i32) < y as i32)),
                BRLTS64 => br64!(op, |x, y| ((x as i64) < y as i64)),
                BRLEU32 => br32!(op, |x, y| (x <= y)),
                BRLEU64 => br64!(op, |x, y| (x <= y)),
                BRLES32 => br32!(op, |x, y| (x as i32 <= y as i32)),
                BRLES64 => br64!(op, |x, y| (x as i64 <= y as i64)),
                BREQ32I => br32i!(op, |x, y| (x == y)),
                BREQ64I => br64i!(op, |x, y| (x == y)),
                BRNE32I => br32i!(op, |x, y| (x != y)),
                BRNE64I => br64i!(op, |x, y| (x != y)),
                BRLTU32I => br32i!(op, |x, y| (x < y)),
                BRLTU64I => br64i!(op, |x, y| (x < y)),
                BRLTS32I => br32i!(op, |x, y| ((x as i32) < y as i32)),
                BRLTS64I => br64i!(op, |x, y| ((x as i64) < y as i64)),
                BRLEU32I => br32i!(op, |x, y| (x <= y)),
                BRLEU64I => br64i!(op, |x, y| (x <= y)),
                BRLES32I => br32i!(op, |x, y| (x as i32 <= y as i32)),
                BRLES64I => br64i!(op, |x, y| (x as i64 <= y as i64)),
                other => unreachable!("bytecode {other}"),
            }
        }
    }

    /// An access of 16 bytes that cannot be made directly: two of 8, both probed first.
    #[cold]
    fn halves<C: ExecCx>(
        &self,
        cx: &mut C,
        word: u32,
        va: u64,
        flat: bool,
        mmu: u8,
        write: bool,
    ) -> Result<(), Stop> {
        let mem = MemArg::new(8, mmu);
        let probe_write = write;
        self.probe_halves(cx, va, flat, MemArg { probe_write, ..mem })?;
        let at = [va, half_behind(va, flat)];
        if write {
            for (va, half) in at.into_iter().zip([0, 2]) {
                cx.store(va, self.regs.r64(word + half), mem)?;
            }
        } else {
            let low = cx.load(at[0], mem)?;
            let high = cx.load(at[1], mem)?;
            self.regs.w128(word, low as u128 | (high as u128) << 64);
        }
        Ok(())
    }

    #[cold]
    fn probe_halves<C: ExecCx>(
        &self,
        cx: &mut C,
        va: u64,
        flat: bool,
        mem: MemArg,
    ) -> Result<(), Stop> {
        let half = MemArg {
            size_log2: 3,
            ..mem
        };
        cx.probe(va, half)?;
        cx.probe(half_behind(va, flat), half)
    }

    /// The first instruction whose bytecode starts at `ip`.
    #[cold]
    fn first_at(&self, ip: usize) -> Option<u32> {
        let first = self
            .marks
            .insns
            .partition_point(|p| (p.start as usize) < ip);
        (first < self.marks.insns.len()).then_some(first as u32)
    }
}
