//! Every op on edge operands, in every operand form; accesses, exits and resumption.

use std::rc::Rc;

use tinamou_arena::Arena;

use super::*;
use crate::block::{Block, Val};
use crate::builder::Builder;
use crate::layout::{self, flat, pending, tlb};
use crate::ops::{ALL, Effect, Op, Sig};
use crate::types::{HelperDesc, JumpKind, Slot, SlotSet, SlotTable, Type};

const HELPERS: &[HelperDesc] = &[
    HelperDesc {
        name: "mix",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: false,
        time: false,
        pure: true,
    },
    HelperDesc {
        name: "clobber",
        reads: SlotSet::All,
        writes: SlotSet::All,
        faults: true,
        time: true,
        pure: false,
    },
];

pub(super) struct Cx {
    pub(super) state: State,
    pub(super) slots: Rc<SlotTable>,
    log: Vec<String>,
    leave: bool,
}

impl ExecCx for Cx {
    fn load(&mut self, va: u64, mem: MemArg) -> Result<u64, Stop> {
        self.log.push(format!("load{} {va:#x}", mem.bytes() * 8));
        self.slow(va)?;
        Ok(0x8182_8384_8586_8788 & (u64::MAX >> (64 - 8 * mem.bytes())))
    }
    fn store(&mut self, va: u64, value: u64, mem: MemArg) -> Result<(), Stop> {
        self.log
            .push(format!("store{} {va:#x} {value:#x}", mem.bytes() * 8));
        self.slow(va)
    }
    fn probe(&mut self, va: u64, _mem: MemArg) -> Result<(), Stop> {
        self.log.push(format!("probe {va:#x}"));
        self.slow(va)
    }
    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        if helper.0 == 1 {
            self.state.set_slot(&self.slots, Slot(0), 77);
            self.slow(args[0])?;
        }
        Ok(args[0].wrapping_mul(3).wrapping_add(args[1].rotate_left(7)) ^ args[2])
    }
    fn note_progress(&mut self, completed: u32) {
        self.log.push(format!("progress {completed}"));
    }
}

impl Cx {
    fn slow(&mut self, va: u64) -> Result<(), Stop> {
        if self.leave {
            self.state.write32(layout::PENDING, pending::LEAVE);
        }
        match va >> 16 {
            0xdead => Err(Stop::Fault(Fault {
                code: 9,
                va,
                info: 1,
            })),
            0xdeae => Err(Stop::Wait),
            _ => Ok(()),
        }
    }
}

/// With so many slots of each type, which it returns.
pub(super) fn cx_of(types: &[(Type, u32)]) -> (Cx, Vec<(Slot, Type)>) {
    let mut slots = SlotTable::default();
    let mut all = Vec::new();
    for &(ty, count) in types {
        for i in 0..count {
            all.push((slots.push(format!("{ty}{i}"), ty), ty));
        }
    }
    let arena = Arena::new().unwrap();
    let base = arena.alloc(slots.state_bytes() as u64, 16).unwrap();
    let cx = Cx {
        state: State { arena, base },
        slots: Rc::new(slots),
        log: Vec::new(),
        leave: false,
    };
    (cx, all)
}

/// Slots: a i32, b i32, c i64, d i64, e f32, f f32, g f64, h f64, and two more i32 and i64.
fn cx() -> Cx {
    let mut slots = SlotTable::default();
    for (name, ty) in [
        ("a", Type::I32),
        ("b", Type::I32),
        ("c", Type::I64),
        ("d", Type::I64),
        ("e", Type::F32),
        ("f", Type::F32),
        ("g", Type::F64),
        ("h", Type::F64),
        ("i", Type::I32),
        ("j", Type::I64),
    ] {
        slots.push(name, ty);
    }
    let arena = Arena::new().unwrap();
    let base = arena.alloc(slots.state_bytes() as u64, 8).unwrap();
    Cx {
        state: State { arena, base },
        slots: Rc::new(slots),
        log: Vec::new(),
        leave: false,
    }
}

fn slot_of(ty: Type, second: bool) -> Slot {
    let first = match ty {
        Type::I32 => 0,
        Type::I64 => 2,
        Type::F32 => 4,
        Type::F64 => 6,
        Type::V128 => unreachable!("no slot of vectors here"),
    };
    Slot(first + second as u16)
}

pub(super) fn builder(cx: &Cx, va: Type) -> Builder {
    Builder::new(cx.slots.clone(), 0x1000, 0, va)
}

/// Interprets a block from an instruction on; from its start also as machine code of this host, which must do the same to the whole arena, but for the
/// interpreter's scratch values.
pub(super) fn exec(cx: &mut Cx, block: &Block, start: u32) -> Ran {
    let code = translate(block, &cx.slots.clone(), HELPERS);
    let state = cx.state.clone();
    let before = memory(&state);
    let logged = cx.log.len();
    let ran = run(&code, start, &state, cx);
    let Some(mut native) = NATIVE.take().filter(|_| start == 0) else {
        return ran;
    };
    let after = memory(&state);
    state.arena.write_bytes(FIRST, &before);
    let log = cx.log.split_off(logged);
    native.clear();
    let (words, insns, marks) = (code.words(), code.insn_count(), code.marks());
    let source = native::Source {
        block: 5,
        pc: block.pc,
        mode: 0,
        insns,
        generation: Some(layout::CODE_GEN),
        words,
    };
    if let Some(piece) = native.add(&source) {
        let generation = state.read32(layout::CODE_GEN);
        state.write32(layout::BUDGET, insns);
        let left = native.run(piece, 5, generation, false, &state);
        assert_eq!(state.read32(layout::BUDGET), 0);
        let done = |outcome| Ran {
            outcome,
            completed: insns,
        };
        let again = match left {
            native::Left::Jump { pc, .. } => done(Outcome::Jump { pc }),
            native::Left::Indirect { pc, .. } => done(Outcome::Indirect { pc }),
            native::Left::Back { word, .. } => resume_words(words, insns, marks, word, &state, cx),
            native::Left::NotEntered { .. } => panic!("not entered: {block:?}"),
        };
        assert_eq!(again, ran, "{block:?}");
        let differs = memory(&state).iter().zip(&after).position(|(x, y)| x != y);
        assert_eq!(differs, None, "{block:?}");
        assert_eq!(cx.log[logged..], log, "{block:?}");
        PIECES.set(PIECES.get() + 1);
    } else {
        state.arena.write_bytes(FIRST, &after);
        cx.log.extend(log);
    }
    NATIVE.set(Some(native));
    ran
}

thread_local! {
    static NATIVE: core::cell::Cell<Option<native::Native>> = core::cell::Cell::new(native::Native::new());
    static PIECES: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
}

/// Where blocks of the arena begin.
const FIRST: u32 = 65536;

fn memory(state: &State) -> Vec<u8> {
    let mut all = vec![0; state.arena.allocated_bytes() as usize];
    state.arena.read_bytes(FIRST, &mut all);
    let state = (state.base - FIRST) as usize;
    all[state + layout::SCRATCH as usize..state + layout::GUEST as usize].fill(0);
    all
}

fn edges(ty: Type) -> Vec<u64> {
    match ty {
        Type::I32 => vec![
            0,
            1,
            2,
            31,
            32,
            33,
            0x7f,
            0x80,
            0x8000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1234_5678,
            0xffff_ff80,
        ],
        Type::I64 => vec![
            0,
            1,
            31,
            32,
            63,
            64,
            0x80,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            i64::MAX as u64,
            i64::MIN as u64,
            u64::MAX,
            0x0123_4567_89ab_cdef,
        ],
        Type::F32 => [
            0.0,
            -0.0,
            1.0,
            -1.5,
            2.5,
            3.5,
            f32::MAX,
            f32::MIN_POSITIVE / 2.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            -f32::NAN,
        ]
        .iter()
        .map(|f| f.to_bits() as u64)
        .collect(),
        Type::F64 => [
            0.0,
            -0.0,
            1.0,
            -1.5,
            2.5,
            0.5,
            f64::MAX,
            f64::MIN_POSITIVE / 2.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::NAN,
            3e9,
            -3e9,
            1e19,
            -1e19,
        ]
        .iter()
        .map(|f| f.to_bits())
        .collect(),
        Type::V128 => Vec::new(),
    }
}

fn types(sig: Sig) -> &'static [Type] {
    match sig {
        Sig::T => &[Type::I32, Type::I64],
        Sig::F => &[Type::F32, Type::F64],
        Sig::I32 => &[Type::I32],
        Sig::I64 => &[Type::I64],
        Sig::F32 => &[Type::F32],
        Sig::F64 => &[Type::F64],
        Sig::None | Sig::Any | Sig::Va | Sig::V => &[],
    }
}

#[test]
fn every_plain_op_on_edge_operands_in_every_form() {
    let mut cx = cx();
    let mut ran = 0;
    for &op in ALL
        .iter()
        .filter(|op| op.info().effect == Effect::Pure && !matches!(op, Op::Const | Op::Select))
        // Vectors: in the filetests `v_*.tir`.
        .filter(|op| !op.is_vector())
    {
        let binary = op.info().args[1] != Sig::None;
        for &ty in types(op.info().args[0]) {
            let seconds = if binary { edges(ty) } else { vec![0] };
            for x in edges(ty) {
                for &y in &seconds {
                    let expected = eval::eval(op, ty, [x, y, 0]).unwrap();
                    // Bit 0: the second operand is a constant; bit 1: the first; bit 2: the result is used twice; bit 3: the
                    // destination is an operand.
                    for form in 0..16 {
                        let (const_y, const_x, twice, over) =
                            (form & 1 != 0, form & 2 != 0, form & 4 != 0, form & 8 != 0);
                        let mut b = builder(&cx, Type::I32);
                        b.insn(0x1000, 0);
                        let vx = if const_x {
                            b.constant(ty, x)
                        } else {
                            b.get(slot_of(ty, false))
                        };
                        let vy = if const_y {
                            b.constant(ty, y)
                        } else {
                            b.get(slot_of(ty, true))
                        };
                        let v = if binary {
                            b.push_simple(op, &[vx, vy])
                        } else {
                            b.push_simple(op, &[vx])
                        };
                        let out_ty = b.ty(v);
                        let to = if over {
                            slot_of(out_ty, false)
                        } else {
                            [Slot(8), Slot(9), Slot(5), Slot(7)][out_ty as usize]
                        };
                        b.set(to, v);
                        if twice {
                            b.set(slot_of(out_ty, true), v);
                        }
                        b.jump(0x2000);
                        let block = b.finish(4);
                        cx.state.set_slot(&cx.slots, slot_of(ty, false), x);
                        cx.state.set_slot(&cx.slots, slot_of(ty, true), y);
                        let out = exec(&mut cx, &block, 0);
                        assert_eq!(
                            out,
                            Ran {
                                outcome: Outcome::Jump { pc: 0x2000 },
                                completed: 1
                            }
                        );
                        let got = cx.state.slot(&cx.slots, to);
                        let name = op.info().name;
                        assert_eq!(got, expected, "{name} {ty} {x:#x} {y:#x} form {form}");
                        if twice {
                            assert_eq!(
                                cx.state.slot(&cx.slots, slot_of(out_ty, true)),
                                expected,
                                "{name} {ty} {x:#x} {y:#x}"
                            );
                        }
                        ran += 1;
                    }
                }
            }
        }
    }
    assert!(ran > 50_000, "{ran}");
    let pieces = PIECES.get();
    assert!(
        pieces > 40_000 || native::Native::new().is_none(),
        "{pieces}"
    );
}

#[test]
fn what_the_corners_are() {
    let i32s =
        |op, x: u32, y: u32| eval::eval(op, Type::I32, [x as u64, y as u64, 0]).unwrap() as u32;
    let i64s = |op, x: u64, y: u64| eval::eval(op, Type::I64, [x, y, 0]).unwrap();
    assert_eq!(i32s(Op::DivS, 0x8000_0000, u32::MAX), 0x8000_0000);
    assert_eq!(i32s(Op::RemS, 0x8000_0000, u32::MAX), 0);
    assert_eq!(i32s(Op::DivS, 5, 0), 0);
    assert_eq!(i32s(Op::RemU, 5, 0), 5);
    assert_eq!(i32s(Op::RemS, -7i32 as u32, 2), -1i32 as u32);
    assert_eq!(i64s(Op::DivS, -7i64 as u64, 2), -3i64 as u64);
    assert_eq!(i32s(Op::Shl, 1, 33), 2);
    assert_eq!(i64s(Op::Sar, 1 << 63, 64), 1 << 63);
    assert_eq!(i32s(Op::Clz, 0, 0), 32);
    assert_eq!(i64s(Op::Ctz, 0, 0), 64);
    assert_eq!(i64s(Op::MulhS, u64::MAX, u64::MAX), 0);
    assert_eq!(i64s(Op::MulhU, u64::MAX, u64::MAX), u64::MAX - 1);
    assert_eq!(i64s(Op::Sext8, 0x80, 0), -128i64 as u64);
    let f64s =
        |op, x: f64, y: f64| eval::eval(op, Type::F64, [x.to_bits(), y.to_bits(), 0]).unwrap();
    assert_eq!(f64s(Op::Fsub, f64::INFINITY, f64::INFINITY), 0x7ff8 << 48);
    assert_eq!(f64s(Op::Fsqrt, -1.0, 0.0), 0x7ff8 << 48);
    assert_eq!(f64s(Op::I32FromF64, f64::NAN, 0.0), 0);
    assert_eq!(f64s(Op::I32FromF64, 3e9, 0.0), 0x7fff_ffff);
    assert_eq!(f64::from_bits(f64s(Op::Fnearest, 2.5, 0.0)), 2.0);
    assert_eq!(f64s(Op::Feq, f64::NAN, f64::NAN), 0);
    assert_eq!(f64s(Op::Fneg, f64::NAN, 0.0) >> 63, 1);
}

#[test]
fn a_usual_instruction_is_one_word() {
    let cx = cx();
    let mut b = builder(&cx, Type::I32);
    b.insn(0x1000, 0);
    let (x, y) = (b.get(Slot(0)), b.get(Slot(1)));
    let v = b.add(x, y);
    b.set(Slot(8), v);
    b.insn(0x1004, 0);
    let (x, k) = (b.get(Slot(0)), b.i32(4096));
    let va = b.add(x, k);
    let v = b.load(Type::I32, va, MemArg::new(4, 0));
    b.set(Slot(1), v);
    b.insn(0x1008, 0);
    let (x, y) = (b.get(Slot(2)), b.get(Slot(3)));
    let v = b.add(x, y);
    let v = b.sext32(v);
    b.set(Slot(2), v);
    b.insn(0x100c, 0);
    let (x, k) = (b.get(Slot(0)), b.i32(-1i32 as u32));
    let c = b.lt_s(x, k);
    b.branch(c, 1, 2);
    let code = translate(&b.finish(16), &cx.slots, HELPERS);
    // Three words and a branch with its two targets.
    assert_eq!(code.words().len(), 6);
    assert_eq!((code.insn_pc(2), code.insn_count()), (0x1008, 4));
}

#[test]
fn swapping_two_slots_keeps_both_values() {
    let mut cx = cx();
    let mut b = builder(&cx, Type::I32);
    b.insn(0, 0);
    let (x, y) = (b.get(Slot(0)), b.get(Slot(1)));
    b.set(Slot(1), x);
    b.set(Slot(0), y);
    let z = b.add(x, y);
    b.set(Slot(8), z);
    b.leave(8);
    cx.state.set_slot(&cx.slots, Slot(0), 5);
    cx.state.set_slot(&cx.slots, Slot(1), 7);
    let block = b.finish(4);
    assert_eq!(exec(&mut cx, &block, 0).outcome, Outcome::Leave { pc: 8 });
    assert_eq!(
        [0, 1, 8].map(|s| cx.state.slot(&cx.slots, Slot(s))),
        [7, 5, 12]
    );
}

/// Maps guest page 0x5000 to a host page; everything else is slow.
pub(super) fn map(cx: &Cx, va: Type) -> u32 {
    let arena = &cx.state.arena;
    let page = arena.alloc(4096, 4096).unwrap();
    for write in 0..2 {
        let at = layout::MAPS + write * 4;
        if va == Type::I32 {
            let table = arena.alloc(flat::BYTES as u64, 4096).unwrap();
            for entry in 0..1 << 20 {
                arena.write32(
                    table + entry * 4,
                    if entry == 5 {
                        page.wrapping_sub(0x5000)
                    } else {
                        flat::SLOW
                    },
                );
            }
            cx.state.write32(at, table);
        } else {
            let table = if write == 0 {
                arena.alloc(tlb::BYTES as u64, 4096).unwrap()
            } else {
                cx.state.read32(layout::MAPS)
            };
            for entry in 0..tlb::ENTRIES {
                arena.write64(table + entry * 32 + tlb::TAG_READ, tlb::EMPTY);
                arena.write64(table + entry * 32 + tlb::TAG_WRITE, tlb::EMPTY);
            }
            for tag in [tlb::TAG_READ, tlb::TAG_WRITE] {
                arena.write64(table + 5 * 32 + tag, 0xffff_8000_0000_5000);
            }
            arena.write32(table + 5 * 32 + tlb::ADDEND, page.wrapping_sub(0x5000));
            cx.state.write32(at, table);
        }
    }
    page
}

#[test]
fn accesses_of_every_kind() {
    for va_ty in [Type::I32, Type::I64] {
        let mut cx = cx();
        let page = map(&cx, va_ty);
        let high = if va_ty == Type::I64 {
            0xffff_8000_0000_0000
        } else {
            0
        };
        for log in 0..4u8 {
            for kind in 0..8 {
                for offset in [0u32, 1, 4, 0xff8, 0xffc, 0xffd, 0xfff] {
                    for out in [Type::I32, Type::I64] {
                        if out == Type::I32 && log == 3 {
                            continue;
                        }
                        let bytes = 1u32 << log;
                        let mem = MemArg {
                            signed: kind & 1 != 0,
                            big_endian: kind & 2 != 0,
                            aligned: kind & 4 != 0,
                            ..MemArg::new(bytes, 0)
                        };
                        let data = [0x91u8, 0x82, 0x73, 0x64, 0xf5, 0x46, 0x37, 0x88];
                        cx.state.arena.fill(page, 4096, 0);
                        for (i, byte) in (offset..4096).zip(data) {
                            cx.state.arena.write8(page + i, byte);
                        }
                        let direct = if mem.aligned {
                            offset % bytes == 0
                        } else {
                            offset + bytes <= 4096
                        };
                        let mut b = builder(&cx, va_ty);
                        b.insn(0, 0);
                        let (base, k) = (b.get(slot_of(va_ty, false)), b.va(u64::MAX));
                        let va = b.add(base, k);
                        let v = b.load(out, va, mem);
                        b.set(slot_of(out, true), v);
                        let again = b.get(slot_of(out, true));
                        b.store(
                            va,
                            again,
                            MemArg {
                                big_endian: !mem.big_endian,
                                ..mem
                            },
                        );
                        b.jump(0);
                        let block = b.finish(4);
                        let at = high + 0x5000 + offset as u64;
                        cx.state.set_slot(&cx.slots, slot_of(va_ty, false), at + 1);
                        cx.log.clear();
                        assert_eq!(exec(&mut cx, &block, 0).outcome, Outcome::Jump { pc: 0 });
                        let what = format!("{va_ty} {mem:?} {offset:#x} {out}");
                        assert_eq!(cx.log.is_empty(), direct, "{what}: {:?}", cx.log);
                        let mut raw = [0; 8];
                        raw[..bytes as usize].copy_from_slice(&data[..bytes as usize]);
                        let mut value = if mem.big_endian {
                            u64::from_be_bytes(raw) >> (64 - 8 * bytes)
                        } else {
                            u64::from_le_bytes(raw)
                        };
                        if !direct {
                            value = 0x8182_8384_8586_8788 & (u64::MAX >> (64 - 8 * bytes));
                        }
                        let sh = 64 - 8 * bytes;
                        if mem.signed {
                            value = ((value << sh) as i64 >> sh) as u64;
                        }
                        let value = if out == Type::I32 {
                            value as u32 as u64
                        } else {
                            value
                        };
                        assert_eq!(
                            cx.state.slot(&cx.slots, slot_of(out, true)),
                            value,
                            "{what}"
                        );
                        if direct {
                            let mut back = [0; 8];
                            cx.state
                                .arena
                                .read_bytes(page + offset, &mut back[..bytes as usize]);
                            raw[..bytes as usize].reverse();
                            assert_eq!(back, raw, "{what}");
                        } else {
                            let low = value & (u64::MAX >> sh);
                            let low = if out == Type::I32 {
                                low as u32 as u64
                            } else {
                                low
                            };
                            assert_eq!(cx.log[0], "progress 0");
                            assert_eq!(cx.log[1], format!("load{} {at:#x}", bytes * 8), "{what}");
                            assert_eq!(
                                cx.log[3],
                                format!("store{} {at:#x} {low:#x}", bytes * 8),
                                "{what}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn probes_ask_the_map_first() {
    for va_ty in [Type::I32, Type::I64] {
        let mut cx = cx();
        map(&cx, va_ty);
        let high = if va_ty == Type::I64 {
            0xffff_8000_0000_0000
        } else {
            0
        };
        for (at, write, log) in [
            (0x5ffc, false, 0),
            (0x5ffd, false, 2),
            (0x5ffc, true, 0),
            (0x6000, true, 2),
        ] {
            let mut b = builder(&cx, va_ty);
            b.insn(0, 0);
            let va = b.va(high + at);
            b.probe(
                va,
                MemArg {
                    probe_write: write,
                    ..MemArg::new(4, 0)
                },
            );
            b.jump(0);
            let block = b.finish(4);
            cx.log.clear();
            exec(&mut cx, &block, 0);
            assert_eq!(cx.log.len(), log, "{at:#x}");
        }
    }
}

/// Three instructions: a += 1; a slow load into b, then i = 1; a += 2.
fn three(cx: &Cx, va: u64) -> Block {
    let mut b = builder(cx, Type::I32);
    for k in 0..3 {
        b.insn(0x1000 + 4 * k, k);
        if k == 1 {
            let va = b.va(va);
            let v = b.load(Type::I32, va, MemArg::new(4, 0));
            b.set(Slot(1), v);
            let one = b.i32(1);
            b.set(Slot(8), one);
        } else {
            let (x, k) = (b.get(Slot(0)), b.i32(k as u32 + 1));
            let v = b.add(x, k);
            b.set(Slot(0), v);
        }
    }
    b.jump(0x100c);
    b.finish(12)
}

#[test]
fn leaving_after_a_slow_access_completes_its_instruction() {
    let mut cx = cx();
    map(&cx, Type::I32);
    cx.leave = true;
    let block = three(&cx, 0x7000);
    assert_eq!(
        exec(&mut cx, &block, 0),
        Ran {
            outcome: Outcome::Left { insn: 2 },
            completed: 2
        }
    );
    assert_eq!([0, 8].map(|s| cx.state.slot(&cx.slots, Slot(s))), [1, 1]);
    assert_eq!(cx.log[0], "progress 1");
    // Resuming there finishes the block.
    assert_eq!(
        exec(&mut cx, &block, 2),
        Ran {
            outcome: Outcome::Jump { pc: 0x100c },
            completed: 1
        }
    );
    assert_eq!(cx.state.slot(&cx.slots, Slot(0)), 4);
    // Resuming in the middle counts from there.
    cx.log.clear();
    assert_eq!(
        exec(&mut cx, &block, 1),
        Ran {
            outcome: Outcome::Left { insn: 2 },
            completed: 1
        }
    );
    assert_eq!(cx.log[0], "progress 0");
}

#[test]
fn leaving_in_the_last_instruction_reports_the_terminator() {
    let mut cx = cx();
    map(&cx, Type::I32);
    cx.leave = true;
    let mut b = builder(&cx, Type::I32);
    b.insn(0, 0);
    let va = b.i32(0x7000);
    b.store(va, va, MemArg::new(4, 0));
    let k = b.i32(5);
    b.set(Slot(0), k);
    let t = b.get(Slot(0));
    b.jump_ind(t, JumpKind::Return);
    let block = b.finish(4);
    assert_eq!(
        exec(&mut cx, &block, 0),
        Ran {
            outcome: Outcome::Indirect { pc: 5 },
            completed: 1
        }
    );
}

#[test]
fn faults_and_waits_have_no_effect() {
    let mut cx = cx();
    map(&cx, Type::I32);
    let block = three(&cx, 0xdead_0000);
    let fault = Fault {
        code: 9,
        va: 0xdead_0000,
        info: 1,
    };
    assert_eq!(
        exec(&mut cx, &block, 0),
        Ran {
            outcome: Outcome::Fault { fault, insn: 1 },
            completed: 1
        }
    );
    assert_eq!(cx.state.slot(&cx.slots, Slot(8)), 0);
    let block = three(&cx, 0xdeae_0000);
    assert_eq!(
        exec(&mut cx, &block, 1),
        Ran {
            outcome: Outcome::Wait { insn: 1 },
            completed: 0
        }
    );
}

#[test]
fn exits_and_traps_count_what_was_done() {
    for (value, expected) in [
        (
            0,
            Ran {
                outcome: Outcome::Trap { code: 3, insn: 2 },
                completed: 2,
            },
        ),
        (
            1,
            Ran {
                outcome: Outcome::Jump { pc: 0x900 },
                completed: 2,
            },
        ),
        (
            2,
            Ran {
                outcome: Outcome::Trap { code: 7, insn: 0 },
                completed: 0,
            },
        ),
    ] {
        let mut cx = cx();
        let mut b = builder(&cx, Type::I32);
        b.insn(0, 0);
        let (x, k) = (b.get(Slot(0)), b.i32(2));
        let c = b.eq(x, k);
        b.trap_if(c, 7);
        b.insn(4, 0);
        let x = b.get(Slot(0));
        b.exit_if(x, 0x900);
        b.insn(8, 0);
        b.raise(3);
        let block = b.finish(12);
        cx.state.set_slot(&cx.slots, Slot(0), value);
        assert_eq!(exec(&mut cx, &block, 0), expected);
    }
}

#[test]
fn conditional_stores_and_selects() {
    for c in [0u64, 1, 0x100] {
        let mut cx = cx();
        let page = map(&cx, Type::I32);
        let mut b = builder(&cx, Type::I32);
        b.insn(0, 0);
        let c0 = b.get(Slot(0));
        let va = b.i32(0x5010);
        let v = b.i64(0x1_0000_0001);
        b.store_if(c0, va, v, MemArg::new(8, 0));
        let w = b.i64(6);
        let s = b.select(c0, v, w);
        b.set(Slot(2), s);
        b.set(Slot(3), v);
        b.jump(0);
        let block = b.finish(4);
        cx.state.set_slot(&cx.slots, Slot(0), c);
        exec(&mut cx, &block, 0);
        assert_eq!(
            cx.state.arena.read64(page + 16),
            if c != 0 { 0x1_0000_0001 } else { 0 }
        );
        assert_eq!(
            cx.state.slot(&cx.slots, Slot(2)),
            if c != 0 { 0x1_0000_0001 } else { 6 }
        );
        assert_eq!(cx.state.slot(&cx.slots, Slot(3)), 0x1_0000_0001);
    }
}

#[test]
fn helpers_take_widened_operands_and_may_write_slots() {
    let mut cx = cx();
    let mut b = builder(&cx, Type::I32);
    b.insn(0, 0);
    let (x, y, z) = (b.get(Slot(0)), b.get(Slot(3)), b.get(Slot(4)));
    let r = b.call(HelperId(0), &[x, y, z]);
    b.set(Slot(2), r);
    b.insn(4, 0);
    let before = b.get(Slot(0));
    let r = b.call(HelperId(1), &[before]);
    let after = b.get(Slot(0));
    let sum = b.add(before, after);
    b.set(Slot(8), sum);
    b.set(Slot(9), r);
    b.insn(8, 0);
    let c = b.get(Slot(1));
    let (p, q) = (b.get(Slot(0)), b.get(Slot(3)));
    let r = b.call_if(c, HelperId(0), p, q, 0x55);
    b.set(Slot(3), r);
    b.jump(0);
    let block = b.finish(4);
    for c in [0, 1] {
        cx.state.set_slot(&cx.slots, Slot(0), 0xffff_ffff);
        cx.state.set_slot(&cx.slots, Slot(1), c);
        cx.state.set_slot(&cx.slots, Slot(3), u64::MAX);
        cx.state.set_slot(&cx.slots, Slot(4), 0xc000_0000);
        cx.log.clear();
        assert_eq!(exec(&mut cx, &block, 0).completed, 3);
        assert_eq!(
            cx.state.slot(&cx.slots, Slot(2)),
            (0xffff_ffffu64 * 3).wrapping_add(u64::MAX) ^ 0xc000_0000
        );
        assert_eq!(cx.state.slot(&cx.slots, Slot(8)), 76);
        assert_eq!(cx.state.slot(&cx.slots, Slot(9)), 0xffff_ffff * 3);
        let expected = if c == 0 {
            0
        } else {
            (77u64 * 3).wrapping_add(u64::MAX) ^ 0x55
        };
        assert_eq!(cx.state.slot(&cx.slots, Slot(3)), expected);
        assert_eq!(cx.log, ["progress 1"]);
    }
}

#[test]
fn an_empty_instruction_has_its_place() {
    let mut cx = cx();
    let mut b = builder(&cx, Type::I32);
    for pc in 0..4 {
        b.insn(pc, 0);
        if pc == 1 {
            let va = b.i32(0xdead_0000);
            let _: Val = b.call(HelperId(1), &[va]);
        }
    }
    b.jump(4);
    let block = b.finish(4);
    assert!(matches!(
        exec(&mut cx, &block, 0).outcome,
        Outcome::Fault { insn: 1, .. }
    ));
    assert_eq!(
        exec(&mut cx, &block, 2),
        Ran {
            outcome: Outcome::Jump { pc: 4 },
            completed: 2
        }
    );
}
