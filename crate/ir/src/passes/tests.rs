//! What each pass does to small blocks. That they keep the meaning is tested on random regions in `tests/suite`.

use super::*;
use crate::text::{parse_block, print_block};
use crate::types::{SlotSet, Type};

const HELPERS: &[HelperDesc] = &[
    HelperDesc {
        name: "pure",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: false,
        time: false,
        pure: true,
    },
    HelperDesc {
        name: "sys",
        reads: SlotSet::All,
        writes: SlotSet::All,
        faults: true,
        time: true,
        pure: false,
    },
];

/// Optimises a body and checks the lines that are left, in order, without values' names.
fn check(body: &str, left: &[&str]) {
    let mut slots = SlotTable::default();
    for (name, ty) in [
        ("a", Type::I32),
        ("b", Type::I32),
        ("c", Type::I64),
        ("f", Type::F64),
    ] {
        slots.push(name, ty);
    }
    let block = parse_block(&format!("block 0 va i32 {{\n{body}\n}}"), &slots, HELPERS).unwrap();
    let mut region = Region {
        blocks: vec![block],
        entries: vec![0],
        lasting: crate::guest::Lasting::Fixed,
        hot: false,
    };
    optimise(&mut region, &slots, HELPERS);
    let text = print_block(&region.blocks[0], &slots, HELPERS);
    let lines: Vec<&str> = text
        .lines()
        .map(|l| l.split(" = ").last().unwrap_or(l).trim())
        .collect();
    assert_eq!(&lines[1..lines.len() - 1], left, "{text}");
}

#[test]
fn folding() {
    check(
        "insn 0\n x = get $a\n k: i32 = iconst 8\n y = sub x, k\n z = sub y, k\n set $a, z\n jump 4",
        &[
            "insn 0x0",
            "get $a",
            "iconst 0xfffffff0",
            "add v1, v2",
            "set $a, v3",
            "jump 0x4",
        ],
    );
    check(
        "insn 0\n x = get $a\n w = ext_s x\n n = wrap w\n s = sext32 w\n set $b, n\n set $c, s\n jump 4",
        &[
            "insn 0x0",
            "get $a",
            "ext_s v1",
            "set $b, v1",
            "set $c, v2",
            "jump 0x4",
        ],
    );
    check(
        "insn 0\n x = get $a\n y = get $b\n c = lt_u x, y\n n = eqz c\n z = eqz n\n branch z, 4, 8",
        &[
            "insn 0x0",
            "get $a",
            "get $b",
            "lt_u v1, v2",
            "branch v3, 0x4, 0x8",
        ],
    );
    check(
        "insn 0\n k: i32 = iconst 6\n l: i32 = iconst 7\n m = mul k, l\n e = eq m, k\n trap_if e, 3\n branch e, 4, 8",
        &["insn 0x0", "jump 0x8"],
    );
}

#[test]
fn partial_registers() {
    // A 16-bit shift, and the 16-bit exclusive or behind it: what the first puts together the second need not take apart.
    check(
        "insn 0\n x = get $a\n m: i32 = iconst 0xffff\n h: i32 = iconst 0xffff0000\n k: i32 = iconst 1\n q: i32 = iconst 0xa001\n \
         w = and x, m\n s = shr w, k\n u = and s, m\n t = and x, h\n o = or t, u\n \
         v = and o, m\n r = xor v, q\n z = and r, m\n g = and o, h\n e = or g, z\n set $a, e\n jump 4",
        &[
            "insn 0x0",
            "get $a",
            "iconst 0xffff",
            "iconst 0xffff0000",
            "iconst 0x1",
            "iconst 0xa001",
            "and v1, v2",
            "shr v6, v4",
            "and v1, v3",
            "xor v7, v5",
            "or v8, v9",
            "set $a, v10",
            "jump 0x4",
        ],
    );
    // Through conversions, into a narrow store, and where nothing is known.
    check(
        "insn 0\n x = get $c\n y = get $a\n h: i64 = iconst 0xffffffffffffff00\n u = ext_u y\n t = and x, h\n o = or t, u\n \
         w = wrap o\n s = sext8 w\n set $b, s\n l: i64 = iconst 0xff\n b = and o, l\n set $c, b\n jump 4",
        &[
            "insn 0x0",
            "get $a",
            "ext_u v1",
            "sext8 v1",
            "set $b, v3",
            "iconst 0xff",
            "and v2, v5",
            "set $c, v6",
            "jump 0x4",
        ],
    );
}

#[test]
fn forwarding_ends_at_helpers_that_write() {
    check(
        "insn 0\n x = get $a\n set $b, x\n insn 4\n y = get $b\n z = add y, x\n set $b, z\n jump 8",
        &[
            "insn 0x0",
            "get $a",
            "insn 0x4",
            "add v1, v1",
            "set $b, v3",
            "jump 0x8",
        ],
    );
    check(
        "insn 0\n x = get $a\n r = call sys(x)\n y = get $a\n set $b, y\n set $a, y\n jump 8",
        &[
            "insn 0x0",
            "get $a",
            "call sys(v1)",
            "get $a",
            "set $b, v3",
            "jump 0x8",
        ],
    );
}

#[test]
fn a_write_stays_where_somebody_may_look() {
    // The access of the first instruction may ask to leave behind it.
    let leave = "insn 0\n p = get $a\n v: i32 = load p, u32le\n set $b, v\n insn 4\n k: i32 = iconst 1\n set $b, k\n jump 8";
    let left = [
        "insn 0x0",
        "get $a",
        "load v1, u32le",
        "set $b, v2",
        "insn 0x4",
        "iconst 0x1",
        "set $b, v5",
        "jump 0x8",
    ];
    check(leave, &left);
    check(
        "insn 0\n k: i32 = iconst 1\n set $b, k\n insn 4\n l: i32 = iconst 2\n set $b, l\n jump 8",
        &[
            "insn 0x0",
            "insn 0x4",
            "iconst 0x2",
            "set $b, v2",
            "jump 0x8",
        ],
    );
    check(
        "insn 0\n k: i32 = iconst 1\n set $b, k\n c = get $a\n exit_if c, 0x10\n l: i32 = iconst 2\n set $b, l\n jump 8",
        &[
            "insn 0x0",
            "iconst 0x1",
            "set $b, v1",
            "get $a",
            "exit_if v3, 0x10",
            "iconst 0x2",
            "set $b, v5",
            "jump 0x8",
        ],
    );
}

#[test]
fn equal_operations_are_done_once() {
    check(
        "insn 0\n x = get $c\n p = call pure(x)\n q = call pure(x)\n s = xor p, q\n t = add p, q\n set $c, t\n r = call sys(s)\n jump 4",
        &[
            "insn 0x0",
            "get $c",
            "call pure(v1)",
            "xor v2, v2",
            "add v2, v2",
            "set $c, v4",
            "call sys(v3)",
            "jump 0x4",
        ],
    );
}
