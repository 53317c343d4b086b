//! Integer instructions against QEMU: `tests/golden/int.c` says how the files were made.

use tinamou_decode::Rng;

use super::harness::Machine;
use crate::decode::{self, Op, TABLE, class};

const GOLDEN: [(&str, &str); 2] = [
    ("24Kf", include_str!("../../tests/golden/int-24kf.txt")),
    (
        "MIPS64R2-generic",
        include_str!("../../tests/golden/int-64r2.txt"),
    ),
];

fn operand(rng: &mut Rng, wide: bool) -> u64 {
    const EDGES: [u64; 8] = [
        0,
        1,
        u64::MAX,
        0x7fff_ffff,
        0x8000_0000,
        i64::MAX as u64,
        i64::MIN as u64,
        31,
    ];
    let r = rng.next_u64();
    let v = if r & 7 != 0 {
        rng.next_u64() >> (r >> 8 & 63)
    } else {
        EDGES[(r >> 3 & 7) as usize]
    };
    let v = if r & 1 << 14 != 0 {
        v.wrapping_neg()
    } else {
        v
    };
    if wide { v } else { v as i32 as i64 as u64 }
}

/// Whether an instruction computes on general registers alone and cannot trap.
fn plain(op: Op, class: u32) -> bool {
    use Op::*;
    let group = class & (class::BRANCH | class::FPU | class::COP0 | class::NOT_LIFTED) == 0;
    group
        && !matches!(
            op,
            Syscall
                | Break
                | Sdbbp
                | Sync
                | Tge
                | Tgeu
                | Tlt
                | Tltu
                | Teq
                | Tne
                | Tgei
                | Tgeiu
                | Tlti
                | Tltiu
                | Teqi
                | Tnei
                | Synci
                | Cop2
                | Lwc2
                | Ldc2
                | Swc2
                | Sdc2
                | Rdhwr
                | Add
                | Sub
                | Addi
                | Dadd
                | Dsub
                | Daddi
                | Pref
        )
        && !TABLE.iter().any(|p| p.op == op && p.value >> 26 >= 0x20)
        && !matches!(op, Ldl | Ldr)
}

/// Random words of the plain instructions with rs = 8, rt = 9 and rd = 10 where the figure has registers there.
fn words(wide_cpu: bool) -> Vec<(u32, bool)> {
    let mut rng = Rng(2);
    let mut out = Vec::new();
    for p in TABLE
        .iter()
        .filter(|p| plain(p.op, p.class) && (wide_cpu || p.class & class::WIDE == 0))
    {
        for _ in 0..4 {
            let mut word = rng.next_u64() as u32 & !p.mask | p.value;
            for (letter, shift, n) in [('s', 21, 8u32), ('t', 16, 9), ('d', 11, 10)] {
                if p.figure.contains(letter) {
                    word = word & !(31 << shift) | n << shift;
                }
            }
            let (lsb, msb) = (word >> 6 & 31, word >> 11 & 31);
            let bad = match p.op {
                Op::Ext | Op::Dext => lsb + msb + 1 > if p.op == Op::Ext { 32 } else { 64 },
                Op::Dextm => lsb + msb + 33 > 64,
                Op::Dextu => lsb + 32 + msb + 1 > 64,
                Op::Ins | Op::Dins | Op::Dinsu => msb < lsb,
                _ => false,
            };
            if !bad
                && decode::decode(word).is_some()
                && !out.contains(&(word, p.class & class::WIDE != 0))
            {
                out.push((word, p.class & class::WIDE != 0));
            }
        }
    }
    out
}

#[test]
fn int_words() {
    if std::env::var_os("TINAMOU_INT_WORDS").is_none() {
        return;
    }
    for wide in [false, true] {
        for (w, ops64) in words(wide) {
            // Operands of logic, moves and 64-bit instructions use all 64 bits.
            println!(
                "words{} {w:08x} {}",
                if wide { 64 } else { 32 },
                (wide && ops64) as u32
            );
        }
    }
}

#[test]
fn integer_results_are_qemus() {
    for (model, golden) in GOLDEN {
        let mut m = Machine::new(model, false);
        let mut wrong = Vec::new();
        for line in golden.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [word, wide, want] = fields[..] else {
                panic!("{line}")
            };
            let word = u32::from_str_radix(word, 16).unwrap();
            let mut rng = Rng(word as u64);
            let mut hash = 0xcbf2_9ce4_8422_2325u64;
            for _ in 0..64 {
                let r = m.cpu.regs.clone();
                let slots = [r.gpr[8], r.gpr[9], r.gpr[10], r.hi, r.lo];
                for s in slots {
                    let v = operand(&mut rng, wide == "1");
                    m.set_slot(s, v);
                }
                m.exec(&[word]);
                for s in slots {
                    let v = m.slot(s);
                    let v = if m.cpu.model.wide {
                        v
                    } else {
                        v as i32 as i64 as u64
                    };
                    hash = (hash ^ v).wrapping_mul(0x100_0000_01b3);
                }
            }
            if hash != u64::from_str_radix(want, 16).unwrap() {
                wrong.push(crate::disas::text(word, 0));
            }
        }
        assert!(wrong.is_empty(), "{model}: {wrong:#?}");
    }
}
