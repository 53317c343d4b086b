//! Instructions by tables: registers in, registers out.

use super::harness::{Machine, asm};
use crate::cp0::cause;
use crate::fault;

/// Runs `name d=3, s=1, t=2` and compares r3 (results of 64-bit CPUs sign-extended from the 32 bits given).
fn check3(name: &str, rows: &[(u32, u32, u32)]) {
    for model in ["24Kf", "MIPS64R2-generic"] {
        let mut m = Machine::new(model, false);
        let wide = m.cpu.model.wide;
        let ext = |v: u32| {
            if wide {
                v as i32 as i64 as u64
            } else {
                v as u64
            }
        };
        let word = asm(name, &[('d', 3), ('s', 1), ('t', 2)]);
        for &(s, t, d) in rows {
            let want = ext(d);
            let (s, t) = (ext(s), ext(t));
            m.set_r(1, s);
            m.set_r(2, t);
            m.exec(&[word]);
            assert_eq!(m.r(3), want, "{model} {name} {s:#x} {t:#x}");
        }
    }
}

/// Runs `name t=2, s=1, imm` and compares r2.
fn check_imm(name: &str, letter: char, rows: &[(u32, u32, u32)]) {
    for model in ["24Kf", "MIPS64R2-generic"] {
        let mut m = Machine::new(model, true);
        let wide = m.cpu.model.wide;
        let ext = |v: u32| {
            if wide {
                v as i32 as i64 as u64
            } else {
                v as u64
            }
        };
        for &(s, i, t) in rows {
            let (s, want) = (ext(s), ext(t));
            m.set_r(1, s);
            m.exec(&[asm(name, &[('t', 2), ('s', 1), (letter, i)])]);
            assert_eq!(m.r(2), want, "{model} {name} {s:#x} {i:#x}");
        }
    }
}

#[test]
fn arithmetic() {
    check3(
        "addu",
        &[(1, 2, 3), (0x7fff_ffff, 1, 0x8000_0000), (u32::MAX, 1, 0)],
    );
    check3(
        "add",
        &[
            (1, 2, 3),
            (u32::MAX, 1, 0),
            (0x8000_0000, 0x7fff_ffff, u32::MAX),
        ],
    );
    check3(
        "subu",
        &[
            (1, 2, u32::MAX),
            (0x8000_0000, 1, 0x7fff_ffff),
            (0, 0x8000_0000, 0x8000_0000),
        ],
    );
    check3(
        "sub",
        &[(5, 7, -2i32 as u32), (0x8000_0000, 0x8000_0000, 0)],
    );
    check3(
        "slt",
        &[
            (1, 2, 1),
            (u32::MAX, 0, 1),
            (0, u32::MAX, 0),
            (0x8000_0000, 0x7fff_ffff, 1),
        ],
    );
    check3("sltu", &[(1, 2, 1), (u32::MAX, 0, 0), (0, u32::MAX, 1)]);
    check3(
        "mul",
        &[
            (3, 5, 15),
            (0x10000, 0x10000, 0),
            (u32::MAX, u32::MAX, 1),
            (0x8000_0000, u32::MAX, 0x8000_0000),
        ],
    );
    check3(
        "clz",
        &[
            (0, 0, 32),
            (1, 0, 31),
            (u32::MAX, 0, 0),
            (0x00f0_0000, 0, 8),
        ],
    );
    check3("clo", &[(0, 0, 0), (u32::MAX, 0, 32), (0xf000_0000, 0, 4)]);
    check_imm(
        "addiu",
        'i',
        &[
            (1, 0xffff, 0),
            (0x7fff_ffff, 1, 0x8000_0000),
            (0x1234, 0, 0x1234),
        ],
    );
    check_imm(
        "addi",
        'i',
        &[(1, 0xffff, 0), (0x8000_0000, 0x7fff, 0x8000_7fff)],
    );
    check_imm("slti", 'i', &[(0, 0xffff, 0), (0x8000_0000, 0, 1)]);
    check_imm(
        "sltiu",
        'i',
        &[(0, 0xffff, 1), (u32::MAX, 0xffff, 0), (5, 6, 1)],
    );
}

#[test]
fn logic() {
    check3("and", &[(0xff00_ff00, 0x0ff0_0ff0, 0x0f00_0f00)]);
    check3("or", &[(0xff00_ff00, 0x0ff0_0ff0, 0xfff0_fff0)]);
    check3("xor", &[(0xff00_ff00, 0x0ff0_0ff0, 0xf0f0_f0f0)]);
    check3(
        "nor",
        &[(0xff00_ff00, 0x0ff0_0ff0, 0x000f_000f), (0, 0, u32::MAX)],
    );
    check_imm("andi", 'u', &[(0xffff_ffff, 0x8001, 0x8001)]);
    check_imm("ori", 'u', &[(0xffff_0000, 0x8001, 0xffff_8001)]);
    check_imm("xori", 'u', &[(0xffff_ffff, 0x8001, 0xffff_7ffe)]);
    check3("movz", &[(7, 0, 7)]);
    check3("movn", &[(9, 1, 9), (5, 0, 9)]);
    let mut m = Machine::new("24Kc", false);
    m.set_r(2, 0x1234_80f6);
    let cases = [
        ("seb", 0xffff_fff6u64),
        ("seh", 0xffff_80f6),
        ("wsbh", 0x3412_f680),
    ];
    for (name, want) in cases {
        m.exec(&[asm(name, &[('d', 3), ('t', 2)])]);
        assert_eq!(m.r(3), want, "{name}");
    }
    m.set_r(1, 0xdead_beef);
    m.exec(&[
        asm("ext", &[('t', 4), ('s', 1), ('a', 8), ('z', 7)]),
        asm("ext", &[('t', 5), ('s', 1), ('a', 0), ('z', 31)]),
    ]);
    assert_eq!((m.r(4), m.r(5)), (0xbe, 0xdead_beef));
    m.set_r(6, 0x1111_1111);
    m.exec(&[asm("ins", &[('t', 6), ('s', 1), ('a', 4), ('z', 15)])]);
    assert_eq!(m.r(6), 0x1111_eef1);
    m.exec(&[asm("lui", &[('t', 7), ('u', 0x8765)])]);
    assert_eq!(m.r(7), 0x8765_0000);
}

#[test]
fn wide_fields_and_bytes() {
    let mut m = Machine::new("MIPS64R2-generic", false);
    m.set_r(1, 0x0123_4567_89ab_cdef);
    let run = |m: &mut Machine, w: u32| {
        m.set_r(3, 0x1111_1111_1111_1111);
        m.exec(&[w]);
        m.r(3)
    };
    assert_eq!(
        run(&mut m, asm("dsbh", &[('d', 3), ('t', 1)])),
        0x2301_6745_ab89_efcd
    );
    assert_eq!(
        run(&mut m, asm("dshd", &[('d', 3), ('t', 1)])),
        0xcdef_89ab_4567_0123
    );
    assert_eq!(
        run(
            &mut m,
            asm("dext", &[('t', 3), ('s', 1), ('a', 4), ('z', 31)])
        ),
        0x789a_bcde
    );
    assert_eq!(
        run(
            &mut m,
            asm("dextm", &[('t', 3), ('s', 1), ('a', 4), ('z', 7)])
        ),
        0x56_789a_bcde
    );
    assert_eq!(
        run(
            &mut m,
            asm("dextu", &[('t', 3), ('s', 1), ('a', 0), ('z', 7)])
        ),
        0x67
    );
    assert_eq!(
        run(
            &mut m,
            asm("dins", &[('t', 3), ('s', 1), ('a', 4), ('z', 11)])
        ),
        0x1111_1111_1111_1ef1
    );
    assert_eq!(
        run(
            &mut m,
            asm("dinsm", &[('t', 3), ('s', 1), ('a', 16), ('z', 15)])
        ),
        0x1111_89ab_cdef_1111
    );
    assert_eq!(
        run(
            &mut m,
            asm("dinsu", &[('t', 3), ('s', 1), ('a', 0), ('z', 15)])
        ),
        0x1111_cdef_1111_1111
    );
    assert_eq!(run(&mut m, asm("dclz", &[('d', 3), ('s', 1), ('t', 3)])), 7);
    assert_eq!(
        run(&mut m, asm("drotr", &[('d', 3), ('t', 1), ('a', 8)])),
        0xef01_2345_6789_abcd
    );
    assert_eq!(
        run(&mut m, asm("dsra32", &[('d', 3), ('t', 1), ('a', 0)])),
        0x0123_4567
    );
    assert_eq!(
        run(&mut m, asm("dsll32", &[('d', 3), ('t', 1), ('a', 4)])),
        0x9abc_def0_0000_0000
    );
    m.set_r(2, 0x0000_0000_ffff_ffff);
    m.set_r(1, 1);
    assert_eq!(
        run(&mut m, asm("daddu", &[('d', 3), ('s', 1), ('t', 2)])),
        0x1_0000_0000
    );
    assert_eq!(
        run(&mut m, asm("daddiu", &[('t', 3), ('s', 1), ('i', 0xfffe)])),
        u64::MAX
    );
}

#[test]
fn shifts() {
    let rows = [
        ("sll", 4u32, 0x2345_6780u64),
        ("srl", 4, 0x0812_3456),
        ("sra", 4, 0xf812_3456),
        ("rotr", 4, 0x8812_3456),
        ("sll", 0, 0x8123_4568),
    ];
    for wide in [false, true] {
        let mut m = Machine::new(if wide { "MIPS64R2-generic" } else { "24Kf" }, false);
        let ext = |v: u64| if wide { v as i32 as i64 as u64 } else { v };
        for (name, n, want) in rows {
            m.set_r(2, ext(0x8123_4568));
            m.exec(&[asm(name, &[('d', 3), ('t', 2), ('a', n)])]);
            let want = if name == "sll" && n == 4 {
                0x1234_5680
            } else {
                want
            };
            let want = if name == "sll" && n == 0 {
                0x8123_4568
            } else {
                want
            };
            assert_eq!(m.r(3), ext(want), "{name} {n}");
            if name != "sll" || n != 0 {
                m.set_r(1, ext((n + 32) as u64));
                m.exec(&[asm(&format!("{name}v"), &[('d', 3), ('t', 2), ('s', 1)])]);
                assert_eq!(m.r(3), ext(want), "{name}v");
            }
        }
    }
}

#[test]
fn multiply_divide() {
    let rows: &[(&str, u32, u32, u32, u32)] = &[
        ("mult", 0xffff_ffff, 2, 0xffff_ffff, 0xffff_fffe),
        ("multu", 0xffff_ffff, 2, 1, 0xffff_fffe),
        ("mult", 0x8000_0000, 0x8000_0000, 0x4000_0000, 0),
        ("div", 7, 0xffff_fffe, 1, 0xffff_fffd),
        ("div", 0xffff_fff9, 2, 0xffff_ffff, 0xffff_fffd),
        ("div", 0x8000_0000, 0xffff_ffff, 0, 0x8000_0000),
        ("div", 9, 0, 0, 9),
        ("divu", 0xffff_ffff, 10, 5, 0x1999_9999),
    ];
    for wide in [false, true] {
        let mut m = Machine::new(if wide { "5Kc" } else { "4Kc" }, false);
        let ext = |v: u32| {
            if wide {
                v as i32 as i64 as u64
            } else {
                v as u64
            }
        };
        for &(name, s, t, hi, lo) in rows {
            m.set_r(1, ext(s));
            m.set_r(2, ext(t));
            m.exec(&[
                asm(name, &[('s', 1), ('t', 2)]),
                asm("mfhi", &[('d', 3)]),
                asm("mflo", &[('d', 4)]),
            ]);
            assert_eq!(
                (m.r(3), m.r(4)),
                (ext(hi), ext(lo)),
                "{name} {s:#x} {t:#x} wide {wide}"
            );
        }
        m.set_r(1, ext(3));
        m.set_r(2, ext(u32::MAX));
        m.set_r(5, ext(1));
        // HI:LO = 1:1, plus 3 * -1, minus 3 * 0xffffffff unsigned.
        m.exec(&[
            asm("mthi", &[('s', 5)]),
            asm("mtlo", &[('s', 5)]),
            asm("madd", &[('s', 1), ('t', 2)]),
        ]);
        assert_eq!(
            (m.slot(m.cpu.regs.hi), m.slot(m.cpu.regs.lo)),
            (0, ext(0xffff_fffe))
        );
        m.exec(&[asm("msubu", &[('s', 1), ('t', 2)])]);
        assert_eq!(
            (m.slot(m.cpu.regs.hi), m.slot(m.cpu.regs.lo)),
            (ext(0xffff_fffe), ext(1))
        );
    }
    let mut m = Machine::new("5Kc", false);
    m.set_r(1, u64::MAX);
    m.set_r(2, 3);
    m.exec(&[asm("dmultu", &[('s', 1), ('t', 2)])]);
    assert_eq!(
        (m.slot(m.cpu.regs.hi), m.slot(m.cpu.regs.lo)),
        (2, u64::MAX - 2)
    );
    m.exec(&[asm("dmult", &[('s', 1), ('t', 2)])]);
    assert_eq!(
        (m.slot(m.cpu.regs.hi), m.slot(m.cpu.regs.lo)),
        (u64::MAX, u64::MAX - 2)
    );
    m.set_r(1, -7i64 as u64);
    m.exec(&[asm("ddiv", &[('s', 1), ('t', 2)])]);
    assert_eq!(
        (m.slot(m.cpu.regs.hi), m.slot(m.cpu.regs.lo)),
        (u64::MAX, -2i64 as u64)
    );
}

/// What LWL, LWR, SWL and SWR must do, byte by byte, as the manual's figures say.
#[test]
fn unaligned_parts() {
    for (model, big) in [
        ("24Kf", false),
        ("24Kf", true),
        ("5Kc", false),
        ("5Kc", true),
    ] {
        for bytes in [4usize, 8] {
            if bytes == 8 && model != "5Kc" {
                continue;
            }
            let (ll, lr, sl, sr) = if bytes == 4 {
                ("lwl", "lwr", "swl", "swr")
            } else {
                ("ldl", "ldr", "sdl", "sdr")
            };
            for n in 0..bytes {
                let mut m = Machine::new(model, big);
                let base = m.cpu.compat(0x8000_2000);
                m.set_r(1, base + n as u64);
                let reg: u64 = 0x0123_4567_89ab_cdef;
                let old = if m.cpu.model.wide && bytes == 8 {
                    reg
                } else {
                    reg as u32 as i32 as i64 as u64
                };
                let memory: Vec<u8> = (0..8).map(|i| 0xa0 + i as u8).collect();
                // Register bytes by significance; index of the memory byte of significance k, for a word at 0.
                let sig = |k: usize| if big { bytes - 1 - k } else { k };
                let distance = sig(n);
                for left in [true, false] {
                    let wide = m.cpu.model.wide;
                    let mask = |v: u64| if wide { v } else { v as u32 as u64 };
                    m.hw.ram[0x2000..0x2008].copy_from_slice(&memory);
                    m.set_r(2, mask(old));
                    let mut want = old.to_le_bytes();
                    let mut stored = memory.clone();
                    if left {
                        for k in 0..=distance {
                            want[bytes - 1 - distance + k] = memory[sig(k)];
                            stored[sig(k)] = old.to_le_bytes()[bytes - 1 - distance + k];
                        }
                    } else {
                        for k in distance..bytes {
                            want[k - distance] = memory[sig(k)];
                            stored[sig(k)] = old.to_le_bytes()[k - distance];
                        }
                    }
                    let mut want = u64::from_le_bytes(want);
                    if bytes == 4 {
                        want = want as u32 as i32 as i64 as u64;
                    }
                    m.exec(&[asm(if left { ll } else { lr }, &[('s', 1), ('t', 2)])]);
                    assert_eq!(
                        m.r(2),
                        mask(want),
                        "{model} big {big} {ll}/{lr} left {left} at {n}"
                    );
                    m.set_r(2, mask(old));
                    m.exec(&[asm(if left { sl } else { sr }, &[('s', 1), ('t', 2)])]);
                    assert_eq!(
                        &m.hw.ram[0x2000..0x2008],
                        &stored[..],
                        "{model} big {big} {sl}/{sr} left {left} at {n}"
                    );
                }
            }
        }
    }
}

#[test]
fn loads_and_stores() {
    for big in [false, true] {
        let mut m = Machine::new("5Kc", big);
        let base = m.cpu.compat(0x8000_2000);
        m.set_r(1, base);
        m.hw.ram[0x2000..0x2008].copy_from_slice(&[0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8]);
        let word: u64 = if big { 0x8192_a3b4 } else { 0xb4a3_9281 };
        let half: u64 = if big { 0x8192 } else { 0x9281 };
        let double: u64 = if big {
            0x8192_a3b4_c5d6_e7f8
        } else {
            0xf8e7_d6c5_b4a3_9281
        };
        let rows = [
            ("lb", 0x81u8 as i8 as i64 as u64),
            ("lbu", 0x81),
            ("lh", half as i16 as i64 as u64),
            ("lhu", half),
            ("lw", word as i32 as i64 as u64),
            ("lwu", word),
            ("ld", double),
        ];
        for (name, want) in rows {
            m.exec(&[asm(name, &[('s', 1), ('t', 2)])]);
            assert_eq!(m.r(2), want, "{name} big {big}");
        }
        m.set_r(2, 0x0102_0304_0506_0708);
        m.exec(&[asm("sd", &[('s', 1), ('t', 2)])]);
        m.exec(&[
            asm("sw", &[('s', 1), ('t', 2), ('i', 8)]),
            asm("sh", &[('s', 1), ('t', 2), ('i', 12)]),
            asm("sb", &[('s', 1), ('t', 2), ('i', 14)]),
        ]);
        let le = [8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 8, 7, 8];
        let be = [1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8, 7, 8, 8];
        assert_eq!(&m.hw.ram[0x2000..0x200f], if big { &be } else { &le });
    }
}

#[test]
fn load_linked_store_conditional() {
    let mut m = Machine::new("24Kc", false);
    m.set_r(1, 0x8000_2000);
    m.set_r(3, 77);
    let (ll, sc) = (
        asm("ll", &[('s', 1), ('t', 2)]),
        asm("sc", &[('s', 1), ('t', 3)]),
    );
    m.exec(&[ll, sc]);
    assert_eq!((m.r(3), m.hw.ram[0x2000]), (1, 77));
    m.set_r(3, 78);
    m.exec(&[sc]);
    assert_eq!((m.r(3), m.hw.ram[0x2000]), (0, 77));
}

#[test]
fn branches() {
    let nop = 0;
    // r2 counts; each case: branch over the second addiu, delay slot adds 16.
    let slot = asm("addiu", &[('s', 2), ('t', 2), ('i', 16)]);
    let skipped = asm("addiu", &[('s', 2), ('t', 2), ('i', 1)]);
    let rows: &[(&str, u32, u32, bool)] = &[
        ("beq", 5, 5, true),
        ("beq", 5, 6, false),
        ("bne", 5, 6, true),
        ("beql", 5, 5, true),
        ("beql", 5, 6, false),
        ("bnel", 5, 5, false),
        ("blez", 0, 0, true),
        ("blez", 1, 0, false),
        ("bgtz", 1, 0, true),
        ("bgtz", 0x8000_0000, 0, false),
        ("bltz", 0x8000_0000, 0, true),
        ("bgez", 0, 0, true),
        ("bgezl", 0xffff_ffff, 0, false),
        ("bltzal", 0xffff_ffff, 0, true),
        ("bgezal", 0xffff_ffff, 0, false),
        ("bgezall", 0xffff_ffff, 0, false),
    ];
    for model in ["4Kc", "5Kc"] {
        let mut m = Machine::new(model, false);
        for &(name, s, t, taken) in rows {
            let wide = m.cpu.model.wide;
            let ext = |v: u32| {
                if wide {
                    v as i32 as i64 as u64
                } else {
                    v as u64
                }
            };
            let (s, t) = (ext(s), ext(t));
            m.set_r(1, s);
            m.set_r(3, t);
            m.set_r(2, 0);
            m.set_r(31, 0);
            let mut fields = vec![('s', 1), ('i', 2)];
            if name.starts_with("beq") || name.starts_with("bne") {
                fields.push(('t', 3));
            }
            m.exec(&[asm(name, &fields), slot, skipped, nop]);
            let likely = name.ends_with('l') && !name.ends_with("al") || name.ends_with("all");
            let want = match (taken, likely) {
                (true, _) => 16,
                (false, true) => 1,
                (false, false) => 17,
            };
            assert_eq!(m.r(2), want, "{model} {name}");
            if name.contains("al") {
                assert_eq!(m.r(31), m.cpu.compat(0x8000_1008), "{name}");
            }
        }
    }
}

#[test]
fn jumps_link_and_return() {
    for model in ["4Kc", "5Kc"] {
        let mut m = Machine::new(model, true);
        let k = |v: u32| Machine::new(model, true).cpu.compat(v);
        m.code(
            0x1100,
            &[
                asm("addiu", &[('t', 4), ('i', 9)]),
                asm("jr", &[('s', 31)]),
                asm("addiu", &[('s', 4), ('t', 4), ('i', 1)]),
            ],
        );
        m.exec(&[asm("jal", &[('j', 0x1100 >> 2)]), 0]);
        assert_eq!((m.r(4), m.r(31)), (10, k(0x8000_1008)));
        m.set_r(25, k(0x8000_1100));
        // JALR's target is read before the link is written.
        m.exec(&[
            asm("jalr", &[('s', 25), ('d', 31)]),
            asm("addiu", &[('t', 25), ('i', 0)]),
        ]);
        assert_eq!((m.r(4), m.r(25)), (10, 0));
    }
}

/// Runs one word and gives (ExcCode, Cause, EPC offset) of the exception it must raise.
fn raised(m: &mut Machine, words: &[u32]) -> (u32, u64) {
    m.code(0x1000, words);
    let start = m.cpu.compat(0x8000_1000);
    m.set_pc(start);
    let vector = m.cpu.compat(0x8000_0180);
    m.run_to(vector);
    let status = m.slot(m.cpu.regs.status) as u32 & !2;
    m.set_status(status);
    (m.cpu.cause() >> 2 & 31, m.slot(m.cpu.regs.epc) - start)
}

#[test]
fn traps_and_faults() {
    let mut m = Machine::new("24Kf", false);
    assert_eq!(raised(&mut m, &[0, asm("syscall", &[])]), (fault::SYS, 4));
    assert_eq!(raised(&mut m, &[asm("break", &[])]), (fault::BP, 0));
    assert_eq!(raised(&mut m, &[0xffff_ffff]), (fault::RI, 0));
    assert_eq!(raised(&mut m, &[asm("daddu", &[])]), (fault::RI, 0));
    m.set_r(1, 0x7fff_ffff);
    m.set_r(3, 55);
    assert_eq!(
        raised(&mut m, &[asm("addi", &[('s', 1), ('t', 3), ('i', 1)])]),
        (fault::OV, 0)
    );
    assert_eq!(
        raised(&mut m, &[asm("add", &[('s', 1), ('t', 1), ('d', 3)])]),
        (fault::OV, 0)
    );
    assert_eq!(m.r(3), 55);
    assert_eq!(raised(&mut m, &[asm("teq", &[])]), (fault::TR, 0));
    assert_eq!(
        raised(&mut m, &[asm("tgei", &[('s', 1), ('i', 5)])]),
        (fault::TR, 0)
    );
    m.set_r(1, 0x8000_2001);
    assert_eq!(raised(&mut m, &[asm("lw", &[('s', 1)])]), (fault::ADEL, 0));
    assert_eq!(m.slot(m.cpu.regs.badvaddr), 0x8000_2001);
    assert_eq!(
        raised(&mut m, &[asm("sh", &[('s', 1), ('t', 2)])]),
        (fault::ADES, 0)
    );
    // In a delay slot: EPC is the branch's, BD is set.
    assert_eq!(
        raised(&mut m, &[0, asm("beq", &[('i', 5)]), asm("syscall", &[])]),
        (fault::SYS, 4)
    );
    assert!(m.cpu.cause() & cause::BD != 0);
    assert_eq!(
        raised(&mut m, &[0, asm("beq", &[('i', 5)]), asm("j", &[])]),
        (fault::RI, 4)
    );
    // A jump to an odd address faults on the fetch there.
    assert_eq!(
        raised(&mut m, &[asm("jr", &[('s', 1)]), 0]),
        (fault::ADEL, 0x1001)
    );
    let mut m = Machine::new("5Kc", false);
    let v = m.cpu.compat(0x7fff_ffff);
    m.set_r(1, v);
    assert_eq!(
        raised(&mut m, &[asm("addi", &[('s', 1), ('t', 3), ('i', 1)])]),
        (fault::OV, 0)
    );
    m.set_r(1, i64::MAX as u64);
    assert_eq!(
        raised(&mut m, &[asm("daddi", &[('s', 1), ('t', 3), ('i', 1)])]),
        (fault::OV, 0)
    );
}
