//! Floating-point instructions against QEMU: every operation, rounding mode and operand class of `golden/fpu.c`.
//!
//! The golden files hold a hash per operation and FCSR. To see which vector differs, build `golden/fpu.c`, run it with the operation's
//! name, and compare with this test's output under `TINAMOU_FPU_DUMP=<operation>`.

#[path = "fpu/machine.rs"]
mod machine;
#[path = "fpu/vectors.rs"]
mod vectors;

use machine::Machine;
use tinamou_mips::fpu::{Insn, eval};
use vectors::{DEST, Random, Vector, vectors, word};

const GOLDEN: [(&str, &str); 2] = [
    ("24Kf", include_str!("golden/fpu-24kf.txt")),
    ("MIPS64R2-generic", include_str!("golden/fpu-64r2.txt")),
];

/// Runs every line of the golden files through `run`, which maps the golden file's number, the instruction, its word and a vector to $f0 and FCSR; `None` skips
/// the operation. Returns the number of vectors.
fn check(mut run: impl FnMut(usize, &Insn, u32, &Vector) -> Option<(u64, u32)>) -> usize {
    let dump = std::env::var("TINAMOU_FPU_DUMP").ok();
    let (mut wrong, mut done) = (Vec::new(), 0);
    for (file, (model, golden)) in GOLDEN.into_iter().enumerate() {
        for (number, line) in golden.lines().enumerate() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [name, fcsr, count, want] = fields[..] else {
                panic!("{line}")
            };
            let word = word(name);
            let insn = Insn::decode(word).unwrap_or_else(|| panic!("{name} is not decoded"));
            let mut hash = 0xcbf2_9ce4_8422_2325u64;
            let vectors = vectors(number / 5, name, fcsr.parse().unwrap());
            assert_eq!(vectors.len(), count.parse().unwrap(), "{name}");
            let mut skipped = false;
            for v in &vectors {
                let Some((result, out)) = run(file, &insn, word, v) else {
                    skipped = true;
                    break;
                };
                if dump.as_deref() == Some(name) {
                    let [a, b, c] = v.operands;
                    println!(
                        "{name} {:x} {a:016x} {b:016x} {c:016x} = {result:016x} {out:08x}",
                        v.fcsr
                    );
                }
                for byte in result
                    .to_le_bytes()
                    .into_iter()
                    .chain(u64::from(out).to_le_bytes())
                {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
                }
                done += 1;
            }
            if !skipped && hash != u64::from_str_radix(want, 16).unwrap() {
                wrong.push(format!("{model} {name} fcsr {fcsr}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    done
}

#[test]
fn software_arithmetic_is_qemus() {
    let done = check(|_, insn, _, v| {
        let op = insn.op()?;
        let [a, b, c] = v.operands;
        let outcome = eval(op, v.fcsr, a, b, c);
        let (mut out, trap) = outcome.apply(v.fcsr);
        assert!(!trap);
        let result = match insn.result() {
            None => {
                out |= (outcome.bits as u32 & 1) << 23 | (outcome.bits as u32 >> 1 & 1) << 25;
                DEST
            }
            Some(fmt) if fmt.is_wide() => outcome.bits,
            Some(_) => DEST >> 32 << 32 | outcome.bits,
        };
        Some((result, out))
    });
    assert!(done > 1_000_000, "{done}");
}

/// Every vector through lifter and interpreter: FCSR 0 is FP exact mode, 4 is fast mode.
#[test]
fn lifted_arithmetic_is_qemus() {
    // The golden files are in this order; the FPU of the first has FR = 0.
    let mut machines = [
        Machine::new("24Kf", false),
        Machine::new("MIPS64R2-generic", true),
    ];
    let done = check(|model, _, word, v| {
        let m = &mut machines[model];
        for (n, operand) in
            [0, 2, 4, 6]
                .into_iter()
                .zip([DEST, v.operands[0], v.operands[1], v.operands[2]])
        {
            m.set_fpr(n, operand);
        }
        m.set_fcsr(v.fcsr);
        m.run(word).unwrap();
        Some((m.fpr(0), m.fcsr()))
    });
    assert!(done > 1_000_000, "{done}");
}

const FPE: u32 = 15;
const RI: u32 = 10;
const FAST: u32 = 4;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const THIRD: u64 = 0x3fd5_5555_5555_5555;

#[test]
fn ordinary_numbers_stay_out_of_software() {
    let mut m = Machine::new("MIPS64R2-generic", true);
    let doubles = [0f64, 1.0, -2.5, 1e100, 3.0e-5].map(f64::to_bits);
    let singles = [0f32, 1.0, -2.5, 1e10, 3.0e-5]
        .map(|f| u64::from(f.to_bits()) << 32 | u64::from(f.to_bits()));
    for stem in [
        "add", "sub", "mul", "madd", "nmsub", "c.olt", "c.ngt", "round.w", "floor.w", "cvt.l",
        "ceil.l",
    ] {
        for (fmt, values) in [("d", doubles), ("s", singles), ("ps", singles)] {
            if fmt == "ps" && (stem.ends_with(".w") || stem.ends_with(".l")) {
                continue;
            }
            let word = word(&format!("{stem}.{fmt}"));
            for (a, b) in values.into_iter().flat_map(|a| values.map(|b| (a, b))) {
                let large = |v| v == doubles[3] || v == singles[3];
                if stem.contains('.') && large(a) || large(a) && large(b) {
                    continue;
                }
                m.set_fcsr(FAST);
                m.set_fpr(2, a);
                m.set_fpr(4, b);
                m.set_fpr(6, b);
                m.run(word).unwrap();
                assert_eq!(m.rare, 0, "{stem}.{fmt} {a:x} {b:x}");
            }
        }
    }
    m.set_fpr(2, ONE);
    m.set_fpr(4, 0);
    m.run(word("div.d")).unwrap();
    assert_eq!(m.rare, 1);
}

#[test]
fn exact_results_stay_out_of_software() {
    let mut m = Machine::new("MIPS64R2-generic", true);
    let values = [1f64, 3.0, -2.5, 1024.0, 1234.0, -0.375];
    for name in [
        "add.d", "sub.d", "mul.d", "madd.d", "msub.d", "c.eq.d", "add.s", "mul.s", "nmadd.s",
        "c.ole.s", "cvt.s.d", "cvt.d.s",
    ] {
        for (a, b) in values.into_iter().flat_map(|a| values.map(|b| (a, b))) {
            m.set_fcsr(0);
            for (n, v) in [(2, a), (4, b), (6, a)] {
                let single = name.ends_with('s');
                m.set_fpr(
                    n,
                    if single {
                        u64::from((v as f32).to_bits())
                    } else {
                        v.to_bits()
                    },
                );
            }
            m.run(word(name)).unwrap();
            assert_eq!((m.rare, m.fcsr() & !0x80_0000), (0, 0), "{name} {a} {b}");
        }
    }
    for (name, a, b) in [
        ("div.d", 9f64, 2f64),
        ("sqrt.d", 144.0, 0.0),
        ("recip.d", 4.0, 0.0),
        ("trunc.w.d", 5.0, 0.0),
        ("cvt.l.d", -7.0, 0.0),
    ] {
        m.set_fcsr(0);
        m.set_fpr(2, a.to_bits());
        m.set_fpr(4, b.to_bits());
        m.run(word(name)).unwrap();
        assert_eq!((m.rare, m.fcsr()), (0, 0), "{name}");
    }
    for name in ["cvt.d.w", "cvt.s.w", "cvt.d.l", "cvt.s.l"] {
        m.set_fpr(2, 12345);
        m.run(word(name)).unwrap();
        assert_eq!((m.rare, m.fcsr()), (0, 0), "{name}");
    }
}

#[test]
fn the_first_inexact_result_enters_fast_mode() {
    let mut m = Machine::new("24Kf", false);
    m.set_fpr(2, ONE);
    m.set_fpr(4, ONE);
    assert_eq!(m.run(word("add.d")), Ok(false));
    assert_eq!(m.fcsr(), 0);
    m.set_fpr(4, 0x4008_0000_0000_0000);
    assert_eq!(m.rare, 0, "exact");
    assert_eq!(m.run(word("div.d")), Ok(false));
    assert_eq!((m.fpr(0), m.fcsr(), m.rare), (THIRD, 0x1004, 1));
    m.rare = 0;
    assert_eq!(m.run(word("div.d")), Ok(false));
    assert_eq!((m.fpr(0), m.fcsr(), m.rare), (THIRD, 0x1004, 0));
    // An exact operation clears Cause, also when its destination is an operand.
    m.set_fpr(4, ONE);
    assert_eq!(m.run(word("add.d") | 2 << 6), Ok(false));
    assert_eq!((m.fpr(2), m.fcsr()), (0x4000_0000_0000_0000, 4));
    // Flags of the software path are kept.
    m.set_fpr(4, 0);
    m.run(word("div.d")).unwrap();
    m.run(word("cvt.d.w")).unwrap();
    assert_eq!(m.fcsr(), 0x24);
}

#[test]
fn enabled_exceptions_trap_without_a_result() {
    let mut m = Machine::new("24Kf", false);
    let cases = [
        ("div.d", ONE, 0, 0x400u32, 0x8400u64),
        ("div.d", 0, 0, 0x800, 0x1_0800),
        ("div.d", ONE, 0x4008_0000_0000_0000, 0x80, 0x1080),
        (
            "mul.d",
            0x7fe0_0000_0000_0000,
            0x7fe0_0000_0000_0000,
            0x200,
            0x5200,
        ),
        (
            "mul.d",
            0x0010_0000_0000_0000,
            0x3fe0_0000_0000_0000,
            0x100,
            0x2100,
        ),
        ("c.lt.d", 0x7ff7_ffff_ffff_ffff, 0, 0x80_0800, 0x81_0800),
    ];
    for (name, a, b, fcsr, after) in cases {
        m.set_fpr(0, DEST);
        m.set_fpr(2, a);
        m.set_fpr(4, b);
        m.set_fcsr(fcsr);
        let fault = m.run(word(name)).unwrap_err();
        assert_eq!((fault.code, fault.info), (FPE, after), "{name} {fcsr:x}");
        assert_eq!((m.fpr(0), m.fcsr()), (DEST, fcsr), "{name} {fcsr:x}");
        // The same with FCSR.I sticky: no fast mode while something is enabled.
        m.set_fcsr(fcsr | 4);
        assert_eq!(m.run(word(name)).unwrap_err().code, FPE);
    }
}

#[test]
fn control_registers() {
    let mut m = Machine::new("24Kf", false);
    let (ctc1, cfc1) = (0x44c8_0000, 0x4449_0000);
    let write = |m: &mut Machine, reg: u32, v: u64| {
        m.set_gpr(8, v);
        m.run(ctc1 | reg << 11)
    };
    let read = |m: &mut Machine, reg: u32| {
        m.run(cfc1 | reg << 11).unwrap();
        m.cpu.get(&m.state, m.cpu.regs.gpr[9])
    };
    write(&mut m, 31, 0xffff_ffff & !0x3f000).unwrap();
    assert_eq!(read(&mut m, 31), 0xff80_0fff);
    assert_eq!(read(&mut m, 25), 0xff);
    assert_eq!(read(&mut m, 26), 0x7c);
    assert_eq!(read(&mut m, 28), 0xf87);
    assert_eq!(read(&mut m, 0), 0x73_9300);
    let fault = write(&mut m, 26, 0x1000).unwrap_err();
    assert_eq!((fault.code, fault.info), (FPE, 0xff80_1f83));
    let fault = write(&mut m, 31, 0x2_0000).unwrap_err();
    assert_eq!(
        (fault.code, fault.info),
        (FPE, 0x2_0000),
        "Cause.E is always enabled"
    );
    // Cause is worked out when it is read.
    write(&mut m, 31, 4).unwrap();
    m.set_fpr(2, ONE);
    m.set_fpr(4, 0x4008_0000_0000_0000);
    m.run(word("div.d")).unwrap();
    assert_eq!(read(&mut m, 26), 0x1004);
    write(&mut m, 25, 1).unwrap();
    assert_eq!(read(&mut m, 31), 0x80_1004);
}

#[test]
fn flush_to_zero() {
    let mut m = Machine::new("24Kf", false);
    const FS: u32 = 1 << 24;
    let least = 0x0010_0000_0000_0000;
    for (fcsr, a, b, result, after) in [
        (FS, least, ONE / 2, 0, FS | 0x300c),
        (FS | 2, least, 0x3fe0_0000_0000_0000, least, FS | 0x300e),
        (FS | 4, least, 0x3fe0_0000_0000_0000, 0, FS | 0x300c),
        (FS | 4, 1, ONE, 0, FS | 4),
    ] {
        m.set_fpr(2, a);
        m.set_fpr(4, b);
        m.set_fcsr(fcsr);
        m.run(word("mul.d")).unwrap();
        assert_eq!(
            (m.fpr(0), m.fcsr()),
            (result, after),
            "{fcsr:x} {a:x} {b:x}"
        );
    }
}

#[test]
fn registers_with_fr_0() {
    let mut m = Machine::new("24Kf", false);
    for fcsr in [0, FAST] {
        m.set_fcsr(fcsr);
        // add.s $f3, $f1, $f4: odd registers are upper halves.
        m.set_fpr(0, 0x3f80_0000_4000_0000);
        m.set_fpr(4, 0x0000_0000_4040_0000);
        m.set_fpr(2, 5);
        m.run(0x4600_0000 | 4 << 16 | 1 << 11 | 3 << 6).unwrap();
        assert_eq!(m.fpr(2), 0x4080_0000_0000_0005);
        assert_eq!(m.fcsr(), fcsr);
        // Odd doubles, 64-bit integers: reserved.
        for reserved in [
            word("add.d") | 1 << 6,
            word("add.d") | 1 << 11,
            word("add.d") | 1 << 16,
            word("cvt.l.d"),
            word("cvt.s.d") | 1 << 11,
        ] {
            assert_eq!(m.run(reserved).unwrap_err().code, RI, "{reserved:x}");
        }
        m.run(word("cvt.w.d") | 1 << 6).unwrap();
        m.run(word("cvt.d.s") | 1 << 11).unwrap();
    }
    // Paired single is not there at all.
    assert_eq!(
        Machine::new("24Kf", true)
            .run(word("add.ps"))
            .unwrap_err()
            .code,
        RI
    );
}

#[test]
fn moves_and_pairs() {
    let mut m = Machine::new("MIPS64R2-generic", true);
    let (a, b) = (0x1111_1111_2222_2222, 0x3333_3333_4444_4444);
    m.set_fpr(2, a);
    m.set_fpr(4, b);
    let cop1 =
        |fmt: u32, ft: u32, function: u32| 0x11 << 26 | fmt << 21 | ft << 16 | 2 << 11 | function;
    let mut after = |fcsr, word| {
        m.set_fpr(0, DEST);
        m.set_fcsr(fcsr);
        m.set_gpr(4, 0);
        m.set_gpr(5, 4);
        m.run(word).unwrap();
        m.fpr(0)
    };
    // MOVF and MOVT, condition code 2.
    for (fmt, moved) in [(17, a), (16, 0x1234_5678_2222_2222)] {
        assert_eq!(after(0, cop1(fmt, 8, 0x11)), moved);
        assert_eq!(after(0, cop1(fmt, 9, 0x11)), DEST);
        assert_eq!(after(1 << 26, cop1(fmt, 8, 0x11)), DEST);
        assert_eq!(after(1 << 26, cop1(fmt, 9, 0x11)), moved);
        assert_eq!(after(0, cop1(fmt, 4, 0x12)), moved);
        assert_eq!(after(0, cop1(fmt, 5, 0x12)), DEST);
        assert_eq!(after(0, cop1(fmt, 4, 0x13)), DEST);
        assert_eq!(after(0, cop1(fmt, 5, 0x13)), moved);
    }
    // movt.ps: condition code 2 for the lower half, 3 for the upper.
    assert_eq!(after(1 << 26, cop1(22, 9, 0x11)), 0x1234_5678_2222_2222);
    assert_eq!(after(1 << 27, cop1(22, 9, 0x11)), 0x1111_1111_9abc_def0);
    // alnv.ps $f0, $f2, $f4, $4 or $5.
    let align = 0x13 << 26 | 4 << 16 | 2 << 11 | 0x1e;
    assert_eq!(after(0, align | 4 << 21), a);
    assert_eq!(after(0, align | 5 << 21), 0x4444_4444_1111_1111);
}

/// Blocks of random arithmetic, in fast and exact mode, against the same instructions done one by one in software.
#[test]
fn blocks_agree_with_software() {
    let names: Vec<&str> = GOLDEN[1]
        .1
        .lines()
        .step_by(5)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    for (model, fr1) in [("24Kf", false), ("MIPS64R2-generic", true)] {
        let mut random = Random(77);
        let mut below = |n: usize| (random.next() >> 33) as usize % n;
        let mut operands = Random(78);
        let (mut lifted, soft) = (Machine::new(model, fr1), Machine::new(model, fr1));
        for round in 0..3000 {
            for n in 0..32 {
                let v = operands.any(if below(2) == 0 { b'd' } else { b'p' });
                lifted.set_fpr(n, v);
                soft.set_fpr(n, v);
            }
            let flags = [0, FAST, FAST | 0x7c, 0x1_0000][below(4)];
            lifted.set_fcsr(flags);
            soft.set_fcsr(flags);
            let mut words = Vec::new();
            while words.len() < 6 {
                // Four registers, so that results become operands.
                let reg = |n: usize| (if fr1 { n & 3 } else { (n & 3) * 2 }) as u32;
                let registers = reg(below(4)) << 6 | reg(below(4)) << 11 | reg(below(4)) << 16;
                let word = word(names[below(names.len())]);
                let insn = Insn::decode(word).unwrap();
                if insn.op().is_none() || !fr1 && insn.reserved_fr0() {
                    continue;
                }
                let mut w = word & !0x1f_ffc0 | registers;
                if insn.operands() == 1 {
                    w &= !(31 << 16);
                }
                if insn.operands() == 3 {
                    w = w & !(31 << 21) | reg(below(4)) << 21;
                }
                if insn.result().is_none() {
                    w = w & !(31 << 6) | (below(4) as u32 * 2) << 8;
                }
                words.push(w);
            }
            assert_eq!(lifted.run_block(&words), Ok(false));
            for w in &words {
                soft.cpu.fpu(&soft.state).execute(*w, fr1).unwrap();
            }
            for n in 0..32 {
                assert_eq!(
                    lifted.fpr(n),
                    soft.fpr(n),
                    "round {round}, $f{n}: {words:08x?}"
                );
            }
            assert_eq!(lifted.fcsr(), soft.fcsr(), "round {round}: {words:08x?}");
        }
    }
}
