//! Every module must be valid wasm: all ops, all access kinds, loops, irreducible graphs, several entries and regions. What
//! the code computes is tested in `tests/suite` against the interpreter.

use std::rc::Rc;

use tinamou_ir::ops::{ALL, Effect, Sig};
use tinamou_ir::region::{Exit, Region};
use tinamou_ir::{
    Block, Builder, HelperDesc, HelperId, Inst, JumpKind, MemArg, Op, Slot, SlotSet, SlotTable,
    Type, Val,
};
use tinamou_wasm::{CompiledModule, Env, Features, compile_module};

const TYPES: [Type; 4] = [Type::I32, Type::I64, Type::F32, Type::F64];

/// The slot of that type.
fn slot_of(ty: Type) -> u64 {
    TYPES.iter().position(|x| *x == ty).unwrap_or(8) as u64
}

const fn helper(
    reads: SlotSet,
    writes: SlotSet,
    faults: bool,
    time: bool,
    pure: bool,
) -> HelperDesc {
    HelperDesc {
        name: "h",
        reads,
        writes,
        faults,
        time,
        pure,
    }
}

const HELPERS: &[HelperDesc] = &[
    helper(SlotSet::None, SlotSet::None, false, false, true),
    helper(SlotSet::All, SlotSet::All, true, true, false),
    helper(SlotSet::All, SlotSet::None, true, false, false),
];

fn slots() -> Rc<SlotTable> {
    let mut t = SlotTable::default();
    for i in 0..8 {
        t.push(format!("s{i}"), TYPES[i % 4]);
    }
    t.push("v", Type::V128);
    Rc::new(t)
}

fn check(regions: &[Region], va_type: Type) -> CompiledModule {
    let slots = slots();
    let mut last = None;
    for (tail_calls, branch_hints) in [(false, false), (true, false), (true, true)] {
        let features = Features {
            tail_calls,
            branch_hints,
            wide_multiply: branch_hints,
        };
        let env = Env {
            slots: &slots,
            helpers: HELPERS,
            va_type,
            features,
            guess: branch_hints,
        };
        let module = compile_module(regions, &env);
        let mut known = wasmparser::WasmFeatures::WASM2 | wasmparser::WasmFeatures::TAIL_CALL;
        known.set(wasmparser::WasmFeatures::WIDE_ARITHMETIC, branch_hints);
        if let Err(e) = wasmparser::Validator::new_with_features(known).validate_all(&module.bytes)
        {
            panic!("{e}\n{regions:#?}");
        }
        last = Some(module);
    }
    last.expect("three modules")
}

fn region(blocks: Vec<Block>, entries: &[u32]) -> Region {
    Region {
        blocks,
        entries: entries.to_vec(),
        lasting: tinamou_ir::guest::Lasting::Space,
        hot: true,
    }
}

/// A block at `pc` that counts slot 0 up and branches.
fn step(pc: u64, taken: u64, other: u64) -> Block {
    let mut b = Builder::new(slots(), pc, 7, Type::I32);
    b.insn(pc, 0);
    let one = b.i32(1);
    let x = b.get(Slot(0));
    let y = b.add(x, one);
    b.set(Slot(0), y);
    if taken == other {
        b.jump(taken);
    } else {
        b.branch(y, taken, other);
    }
    b.finish(4)
}

/// Pushes an instruction that the builder has no general method for.
fn push(block: &mut Block, op: Op, ty: Type, args: [Val; 3]) -> Val {
    block.insts.push(Inst {
        op,
        ty,
        args,
        imm: 0,
        aux: 0,
    });
    Val(block.insts.len() as u32 - 1)
}

#[test]
fn every_pure_op_at_every_type() {
    for t in [Type::I32, Type::I64] {
        for f in [Type::F32, Type::F64] {
            let mut b = Builder::new(slots(), 0x1000, 0, t);
            b.insn(0x1000, 0);
            b.leave(0x1004);
            let mut block = b.finish(4);
            let end = block.insts.pop().expect("a terminator");
            for &op in ALL {
                let info = op.info();
                if info.effect != Effect::Pure || op == Op::Const || op == Op::Select {
                    continue;
                }
                let mut args = [Val::NONE; 3];
                let mut types = [None; 3];
                for (i, sig) in info
                    .args
                    .iter()
                    .enumerate()
                    .filter(|(_, s)| **s != Sig::None)
                {
                    let ty = match sig {
                        Sig::T => t,
                        Sig::F => f,
                        Sig::I64 => Type::I64,
                        Sig::F32 => Type::F32,
                        Sig::F64 => Type::F64,
                        Sig::V => Type::V128,
                        _ => Type::I32,
                    };
                    args[i] = push(&mut block, Op::Get, ty, [Val::NONE; 3]);
                    block.insts[args[i].index()].imm = slot_of(ty);
                    types[i] = Some(ty);
                }
                let ty = op.result_type(types, t).expect("a result");
                let v = push(&mut block, op, ty, args);
                let c = block
                    .insts
                    .iter()
                    .rposition(|i| i.ty == Type::I32 && i.op == Op::Get);
                let v = match c {
                    Some(c) => push(&mut block, Op::Select, ty, [Val(c as u32), v, v]),
                    None => v,
                };
                let s = push(&mut block, Op::Set, ty, [v, Val::NONE, Val::NONE]);
                block.insts[s.index()].imm = slot_of(ty);
            }
            block.insts.push(end);
            check(&[region(vec![block], &[0])], t);
        }
    }
}

#[test]
fn every_kind_of_access() {
    for va in [Type::I32, Type::I64] {
        let mut b = Builder::new(slots(), 0x1000, 0, va);
        for bits in 0..512u64 {
            let mem = MemArg::unpack(bits);
            b.insn(0x1000 + bits * 4, 0);
            let at = b.get(Slot(if va == Type::I32 { 0 } else { 1 }));
            for (s, ty) in (0..).zip(TYPES) {
                let v = b.load(ty, at, mem);
                b.set(Slot(4 + s), v);
                let v = b.get(Slot(s));
                b.store(at, v, mem);
                let c = b.get(Slot(4));
                b.store_if(c, at, v, mem);
            }
            b.probe(at, mem);
        }
        for bits in [0, 64, 256, 512] {
            let mem = MemArg::unpack(1024 | bits);
            b.insn(0x1000, 0);
            let at = b.get(Slot(if va == Type::I32 { 0 } else { 1 }));
            let v = b.load(Type::V128, at, mem);
            b.set(Slot(8), v);
            b.store(at, v, mem);
            let c = b.get(Slot(4));
            b.store_if(c, at, v, mem);
            b.probe(at, mem);
        }
        let target = b.get(Slot(if va == Type::I32 { 0 } else { 1 }));
        b.jump_ind(target, JumpKind::Jump);
        check(&[region(vec![b.finish(2048)], &[0])], va);
    }
}

#[test]
fn helpers_traps_and_exits() {
    for inside in [false, true] {
        let mut b = Builder::new(slots(), 0x1000, 0, Type::I32);
        for h in 0..3 {
            b.insn(0x1000, 0);
            let args: Vec<Val> = (0..3).map(|s| b.get(Slot(s))).collect();
            let r = b.call(HelperId(h), &args);
            b.set(Slot(1), r);
            let c = b.get(Slot(0));
            b.trap_if(c, 5);
            b.exit_if(c, if inside { 0x1000 } else { 0x3000 });
            let r = b.call_if(c, HelperId(0), args[0], args[1], 9);
            b.set(Slot(1), r);
        }
        b.raise(3);
        let m = check(&[region(vec![b.finish(8)], &[0])], Type::I32);
        let exits = &m.regions[0].exits;
        assert_eq!(exits[0], Exit::Check { entry: 0 });
        assert!(exits.contains(&Exit::Trap {
            block: 0,
            insn: 2,
            code: 3
        }));
        assert!(exits.contains(&Exit::Stopped { block: 0, insn: 1 }));
        assert!(exits.contains(&Exit::Left { block: 0, insn: 2 }));
        assert_eq!(m.links, 1);
    }
}

#[test]
fn graphs_of_every_shape() {
    // Every graph of four blocks in which each block goes to two blocks or out, entered in several ways.
    let pcs = [0x1000, 0x1010, 0x1020, 0x1030, 0x9000];
    for graph in 0..5u32.pow(8) {
        // One in 61 of them: coprime to the radix, so that all positions vary.
        if graph % 61 != 0 {
            continue;
        }
        let mut digits = graph;
        let mut digit = || {
            let d = digits % 5;
            digits /= 5;
            pcs[d as usize]
        };
        let blocks: Vec<Block> = (0..4)
            .map(|i| {
                let (taken, other) = (digit(), digit());
                step(pcs[i], taken, other)
            })
            .collect();
        for entries in [&[0][..], &[0, 2], &[3, 1, 0, 2]] {
            check(&[region(blocks.clone(), entries)], Type::I32);
        }
    }
}

#[test]
fn regions_of_one_module_share_link_cells_and_number_their_exits_on() {
    let r = |pc| region(vec![step(pc, 0x1000, 0x2000)], &[0]);
    let m = check(&[r(0x1000), r(0x2000), r(0x3000)], Type::I32);
    assert_eq!((m.links, m.functions), (2, 3));
    assert_eq!(m.regions[1].first_exit, m.regions[0].exits.len() as u32);
    assert_eq!(m.regions[2].check_cell, 8);
    assert_eq!((m.link_cell(0), m.cells_bytes()), (16, 32));
}
