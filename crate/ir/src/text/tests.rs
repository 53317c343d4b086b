//! Round trips and errors.

use super::*;
use crate::guest::Lasting;
use crate::ops::{ALL, Op, Sig};
use crate::types::{HelperDesc, SlotSet, SlotTable, Type};

const HELPERS: &[HelperDesc] = &[HelperDesc {
    name: "mix",
    reads: SlotSet::None,
    writes: SlotSet::None,
    faults: false,
    time: false,
    pure: true,
}];

fn slots() -> SlotTable {
    let mut slots = SlotTable::default();
    for (name, ty) in [
        ("a", Type::I32),
        ("b", Type::I64),
        ("f", Type::F32),
        ("d", Type::F64),
        ("v", Type::V128),
    ] {
        slots.push(name, ty);
    }
    for i in 1..crate::f80::CELLS {
        slots.push(format!("v{i}"), Type::V128);
    }
    slots
}

/// A block that uses every op in every type.
fn every_op() -> String {
    let mut text =
        String::from("block 0x8000_1000 mode 0x5 va i64 code 12 {\n insn 0x80001000 note 0x3\n");
    for (name, ty) in [
        ("a", "i32"),
        ("b", "i64"),
        ("f", "f32"),
        ("d", "f64"),
        ("v", "v128"),
    ] {
        text.push_str(&format!(
            " {ty}: {ty} = get ${name}\n k{ty}: {ty} = iconst -0\n"
        ));
    }
    for &op in ALL {
        let info = op.info();
        if op.is_terminator()
            || matches!(op, Op::Const | Op::Get | Op::Set)
            || info.args[0] == Sig::None
        {
            continue;
        }
        for ty in ["i32", "i64", "f32", "f64"] {
            let is_float = ty.starts_with('f');
            let args: Vec<&str> = info
                .args
                .iter()
                .filter_map(|sig| match sig {
                    Sig::None => None,
                    Sig::T | Sig::F | Sig::Any => Some(ty),
                    Sig::I32 => Some("i32"),
                    Sig::I64 | Sig::Va => Some("i64"),
                    Sig::F32 => Some("f32"),
                    Sig::F64 => Some("f64"),
                    Sig::V => Some("v128"),
                })
                .collect();
            let generic = info
                .args
                .iter()
                .find(|s| matches!(s, Sig::T | Sig::F | Sig::Any));
            match generic {
                Some(Sig::T) if is_float => continue,
                Some(Sig::F) if !is_float => continue,
                None if ty != "i32" && op != Op::Load => continue,
                _ => {}
            }
            let name = info.name;
            let size = if ty.ends_with("64") { 64 } else { 32 };
            let args = args.join(", ");
            let line = match op {
                Op::Load => format!("x_{name}_{ty}: {ty} = {name} {args}, u{size}be.aligned.m3"),
                Op::Store | Op::StoreIf => format!("{name} {args}, u{size}le.slow"),
                Op::Vshuffle => {
                    format!("x_{name} = {name} {args}, 0x0706050403020100, 0x1f1e1d1c1b1a1918")
                }
                Op::Probe => format!("{name} {args}, u16le.w.m1"),
                Op::Call => format!("x_{name}_{ty} = {name} mix({args})"),
                Op::CallIf => format!("x_{name}_{ty} = {name} i32, mix({ty}), 0xffffffffffffffff"),
                Op::F80 => format!("x_{name} = {name} $v, subfrom.f64.0p(i64)"),
                Op::TrapIf => format!("{name} {args}, 7"),
                Op::ExitIf => format!("{name} {args}, 0x123456789"),
                _ => format!("x_{name}_{ty} = {name} {args}"),
            };
            text.push_str(&format!(" {line}\n"));
        }
    }
    text.push_str(" set $a, i32\n branch i32, 0x80001000, 16\n}\n");
    text
}

#[test]
fn every_op_survives_a_round_trip() {
    let slots = slots();
    let block = parse_block(&every_op(), &slots, HELPERS).unwrap();
    crate::verify::verify(&block, &slots, HELPERS, crate::verify::Form::Optimised).unwrap();
    let text = print_block(&block, &slots, HELPERS);
    let again = parse_block(&text, &slots, HELPERS).unwrap();
    assert_eq!(block, again);
    assert_eq!(text, print_block(&again, &slots, HELPERS));
    for op in ALL.iter().filter(|op| !op.is_terminator()) {
        assert!(
            block.insts.iter().any(|i| i.op == *op),
            "{}",
            op.info().name
        );
    }
}

#[test]
fn terminators_and_regions_survive_a_round_trip() {
    let slots = slots();
    for end in [
        "jump 0x4",
        "jump_ind t, return",
        "leave 0xffffffffffffffff",
        "leave_ind t",
        "raise 31",
    ] {
        let text = format!("block 0x0 {{ insn 0x0 t = get $a {end} }}");
        let block = parse_block(&text, &slots, HELPERS).unwrap();
        assert_eq!(
            parse_block(&print_block(&block, &slots, HELPERS), &slots, HELPERS).unwrap(),
            block
        );
    }
    for (word, lasting) in [
        ("", Lasting::Space),
        ("global", Lasting::Global),
        ("fixed", Lasting::Fixed),
    ] {
        let text = format!(
            "region {word} hot entries 1, 0 {{ block 0 {{ insn 0 jump 4 }} block 4 {{ insn 4 jump 0 }} }}"
        );
        let region = parse_region(&text, &slots, HELPERS).unwrap();
        assert_eq!(
            (
                region.entries.as_slice(),
                region.lasting,
                region.blocks.len()
            ),
            ([1, 0].as_slice(), lasting, 2)
        );
        let again = parse_region(&print_region(&region, &slots, HELPERS), &slots, HELPERS).unwrap();
        assert_eq!((again.lasting, again.blocks), (lasting, region.blocks));
    }
}

#[test]
fn errors_name_the_line() {
    for (text, line, what) in [
        ("", 0, "too early"),
        ("block 0 {\n insn 0\n jumpp 4\n}", 3, "no op"),
        ("block 0 {\n v: i32 = get $zz\n}", 2, "no slot"),
        (
            "block 0 {\n v: i32 = get $a\n v: i32 = get $a\n}",
            3,
            "twice",
        ),
        ("block 0 {\n v = iconst 4\n}", 2, "needs a type"),
        ("block 0 {\n v: i32 = iconst 0x100000000\n}", 2, "fit"),
        (
            "block 0 {\n v: i32 = get $a\n w = add v, u\n}",
            3,
            "no value",
        ),
        (
            "block 0 {\n v: i32 = get $a\n w: i32 = load v, u33le\n}",
            3,
            "memory operand",
        ),
        (
            "block 0 {\n v: i32 = get $a\n w = call mux(v)\n}",
            3,
            "no helper",
        ),
        (
            "block 0 {\n v: i32 = get $a\n w = call mix(v, v, v, v)\n}",
            3,
            "too many",
        ),
        ("block 0 {\n jump\n}", 3, "number"),
        ("block 0 { jump 4 } }", 1, "after the end"),
    ] {
        let error = parse_block(text, &slots(), HELPERS).unwrap_err();
        assert!(
            error.what.contains(what) && error.line == line,
            "{text}: {error}"
        );
    }
}
