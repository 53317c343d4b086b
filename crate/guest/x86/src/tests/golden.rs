//! What a real CPU does: `tests/golden/record.py` ran every form natively and kept a hash of the state behind it for each case; here the same
//! instructions run through lifter and interpreter. Inputs come from the same generator (`inputs` below and in `tests/user/src/forms.c`).

use std::fmt::Write;

use super::harness::Machine;
use super::random::next;
use crate::regs::{CS, DS, ES, FS, GS, SS};
use crate::seg::{self, Seg};

const DATA: u64 = 0x1000_0000;
const CODE: u64 = 0x1000_3000;
const STACK: u64 = 0x1000_2800;
const BUF: usize = 0x400;

/// One case's inputs.
struct Inputs {
    regs: [u64; 16],
    flags: u32,
    buf: Vec<u8>,
    fx: Vec<u8>,
}

const EDGES: [u64; 24] = [
    0,
    1,
    2,
    3,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x8080_8080_8080_8080,
    0x0102_0304_0506_0708,
    0xaaaa_aaaa_5555_5555,
    0xffff_ffff_8000_0000,
    0x8000_0000_7fff_ffff,
];

fn value(s: &mut u64) -> u64 {
    let k = next(s);
    match k & 3 {
        0 | 1 => EDGES[(k >> 8) as usize % EDGES.len()],
        2 => next(s) & 0xff,
        _ => next(s),
    }
}

const DOUBLES: [u64; 16] = [
    0,
    1 << 63,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0001,
    0x7ff0_0000_0000_0001,
    0x0000_0000_0000_0001,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x41df_ffff_ffc0_0000,
    0xc1e0_0000_0000_0000,
    0x43e0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
];

const SINGLES: [u32; 16] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0001,
    0x7f80_0001,
    1,
    0x007f_ffff,
    0x0080_0000,
    0x7f7f_ffff,
    0x4eff_ffff,
    0xcf00_0000,
    0x3f00_0000,
    0x4020_0000,
];

fn fp64(s: &mut u64) -> u64 {
    let k = next(s);
    match k & 7 {
        0 | 1 => DOUBLES[(k >> 8) as usize & 15],
        2 | 3 => {
            SINGLES[(k >> 8) as usize & 15] as u64 | (SINGLES[(k >> 16) as usize & 15] as u64) << 32
        }
        4 => value(s),
        5 => (next(s) & 0x800f_ffff_ffff_ffff) | (0x3f0 + (k >> 8 & 31)) << 52,
        6 => {
            let lo = next(s) as u32 & 0x807f_ffff | ((0x70 + (k >> 8 & 31)) << 23) as u32;
            let hi = next(s) as u32 & 0x807f_ffff | ((0x70 + (k >> 16 & 31)) << 23) as u32;
            lo as u64 | (hi as u64) << 32
        }
        _ => next(s),
    }
}

/// A significand and sign with exponent of the extended format.
fn fp80(s: &mut u64) -> (u64, u16) {
    let k = next(s);
    let sign = (k >> 32 & 1) << 15;
    match k & 7 {
        0 => (0, sign as u16),
        1 => (1 << 63, (sign | 0x3fff) as u16),
        2 => (1 << 63, (sign | 0x7fff) as u16),
        3 => (next(s) | 3 << 62, (sign | 0x7fff) as u16),
        4 => (next(s) >> 1 | 1, sign as u16),
        5 => (
            (k >> 40) << 40 | 1 << 63,
            (sign | (0x3ff8 + (k >> 8 & 31))) as u16,
        ),
        6 => (next(s) | 1 << 63, (sign | (0x3fe0 + (k >> 8 & 63))) as u16),
        _ => (next(s) | 1 << 63, (sign | next(s) & 0x7fff) as u16),
    }
}

fn inputs(case: u64) -> Inputs {
    let mut s = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(case + 1);
    let mut regs = [0; 16];
    for r in &mut regs {
        *r = value(&mut s);
    }
    regs[3] = DATA + 0x100;
    regs[4] = STACK;
    regs[5] = DATA + 0x180;
    regs[6] = DATA + 0x200;
    regs[7] = DATA + 0x280;
    let flags = next(&mut s) as u32 & 0x8d5 | 0x202;
    let mut buf = Vec::new();
    while buf.len() < BUF {
        let v = if case & 1 == 0 {
            value(&mut s)
        } else {
            fp64(&mut s)
        };
        buf.extend_from_slice(&v.to_le_bytes());
    }
    let mut fx = vec![0u8; 512];
    let k = next(&mut s);
    let fcw = 0x7f | [0x300, 0x200, 0, 0x300][k as usize & 3] | (k >> 8 & 3) << 10;
    fx[0..2].copy_from_slice(&(fcw as u16).to_le_bytes());
    // TOP 0 to 7; how many registers are full.
    let top = k >> 12 & 7;
    let fsw = top << 11 | (k >> 16 & 0x47) << 8;
    fx[2..4].copy_from_slice(&(fsw as u16).to_le_bytes());
    fx[4] = if k >> 24 & 3 == 0 {
        (k >> 32) as u8
    } else {
        0xff
    };
    let mut mxcsr = 0x1f80 | (k >> 40 & 3) << 13 | if k >> 44 & 7 == 0 { 0x8040 } else { 0 };
    // Nearest, inexact sticky: what the host's arithmetic is used for.
    if k >> 44 & 7 >= 4 {
        mxcsr = 0x1fa0;
    }
    fx[24..28].copy_from_slice(&(mxcsr as u32).to_le_bytes());
    fx[28..32].copy_from_slice(&0xffffu32.to_le_bytes());
    for i in 0..8 {
        let (m, e) = fp80(&mut s);
        fx[32 + 16 * i..][..8].copy_from_slice(&m.to_le_bytes());
        fx[40 + 16 * i..][..2].copy_from_slice(&e.to_le_bytes());
    }
    for i in 0..32 {
        let v = if k >> 50 & 1 == 0 {
            fp64(&mut s)
        } else {
            value(&mut s)
        };
        fx[160 + 8 * i..][..8].copy_from_slice(&v.to_le_bytes());
    }
    Inputs {
        regs,
        flags,
        buf,
        fx,
    }
}

fn hash(bytes: &[u8]) -> u32 {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for b in bytes {
        h = (h ^ *b as u64).wrapping_mul(0x100_0000_01b3);
    }
    (h ^ h >> 32) as u32
}

struct Form<'a> {
    fp: bool,
    undefined: u32,
    code: Vec<u8>,
    text: &'a str,
    hashes: Vec<u32>,
}

fn parse(line: &str) -> Form<'_> {
    let f: Vec<&str> = line.split('|').collect();
    Form {
        fp: f[0] == "f",
        undefined: u32::from_str_radix(f[1], 16).unwrap(),
        code: (0..f[2].len() / 2)
            .map(|i| u8::from_str_radix(&f[2][2 * i..2 * i + 2], 16).unwrap())
            .collect(),
        text: f[3],
        hashes: f[4]
            .split(' ')
            .map(|h| u32::from_str_radix(h, 16).unwrap())
            .collect(),
    }
}

/// The state behind a form, as `insn.c` lays it out.
fn run(m: &mut Machine, long: bool, form: &Form<'_>, case: u64) -> Vec<u8> {
    let i = inputs(case);
    let count = if long { 16 } else { 8 };
    let mask = if long { u64::MAX } else { 0xffff_ffff };
    for n in 0..count {
        m.set_r(n, i.regs[n] & mask);
    }
    m.set_flags(i.flags);
    m.hw.write_bytes(DATA, &i.buf);
    m.hw.write_bytes(STACK - 0x100, &[0x5a; 0x200]);
    m.hw.write_bytes(CODE, &form.code);
    // Behind the form UD2 ends it.
    let end = CODE + form.code.len() as u64;
    m.hw.write_bytes(end, &[0x0f, 0x0b]);
    if form.fp {
        m.set_fx(&i.fx, count);
    }
    m.caught = None;
    m.set_pc(CODE);
    m.run_to(end, 16);
    let caught = m.caught.filter(|c| c.1 != end);
    let mut out = Vec::new();
    out.extend_from_slice(
        &caught
            .map_or(0xffff_ffff, |c| c.0.code & 0xff)
            .to_le_bytes(),
    );
    for n in 0..count {
        out.extend_from_slice(&m.r(n).to_le_bytes());
    }
    out.extend_from_slice(&(m.flags() & 0xcd5 & !form.undefined).to_le_bytes());
    out.extend_from_slice(&m.hw.read_bytes(DATA, BUF as u64));
    out.extend_from_slice(&m.hw.read_bytes(STACK - 0x100, 0x200));
    if form.fp {
        out.extend_from_slice(&m.get_fx(count));
    }
    out
}

fn show(long: bool, out: &[u8]) -> String {
    let mut s = String::new();
    let count = if long { 16 } else { 8 };
    let _ = write!(
        s,
        "fault {:08x} regs",
        u32::from_le_bytes(out[..4].try_into().unwrap())
    );
    for n in 0..count {
        let _ = write!(
            s,
            " {:x}",
            u64::from_le_bytes(out[4 + 8 * n..][..8].try_into().unwrap())
        );
    }
    let at = 4 + 8 * count;
    let _ = write!(
        s,
        " flags {:04x} mem {:08x}",
        u32::from_le_bytes(out[at..][..4].try_into().unwrap()),
        hash(&out[at + 4..at + 4 + BUF + 0x200])
    );
    let fx = &out[at + 4 + BUF + 0x200..];
    for chunk in fx.chunks(8) {
        let mut b = [0; 8];
        b[..chunk.len()].copy_from_slice(chunk);
        let _ = write!(s, " {:x}", u64::from_le_bytes(b));
    }
    s
}

fn flat(code: u32) -> Seg {
    Seg {
        sel: 0x23,
        base: 0,
        limit: u32::MAX,
        attr: seg::P | seg::S | seg::W | seg::A | seg::G | code | 3 << 5,
    }
}

fn check(long: bool, golden: &str) {
    let mut m = Machine::new("max", DATA, 0x1_0000);
    m.catch = true;
    m.cpu.sys.cr0 = 0x21;
    m.cpu.sys.cr4 = 0x620 | crate::sys::cr4::OSXSAVE;
    m.cpu.sys.xcr0 = 7;
    if long {
        m.cpu.sys.efer = 0x501;
    }
    m.cpu.sys.cpl = 3;
    m.set_seg(CS, flat(seg::CODE | if long { seg::L } else { seg::D }));
    for n in [DS, ES, SS, FS, GS] {
        m.set_seg(n, flat(seg::D));
    }
    let only = std::env::var("X86_FORM").ok();
    let mut bad = Vec::new();
    let mut count = 0;
    for (number, line) in golden.lines().filter(|l| !l.starts_with('#')).enumerate() {
        let form = parse(line);
        if only
            .as_ref()
            .is_some_and(|o| !form.text.contains(o.as_str()))
        {
            continue;
        }
        for (case, want) in form.hashes.iter().enumerate() {
            count += 1;
            if std::env::var("X86_TRACE").is_ok() {
                eprintln!("{number} {case} {}", form.text);
            }
            let out = run(&mut m, long, &form, case as u64);
            if hash(&out) != *want {
                bad.push(format!(
                    "form {number} case {case}: {}\n  {}",
                    form.text,
                    show(long, &out)
                ));
                break;
            }
        }
    }
    assert!(
        bad.is_empty(),
        "{} forms differ (of {count} cases run):\n{}",
        bad.len(),
        bad.join("\n")
    );
}

#[test]
fn forms_of_32_bit_code_as_recorded() {
    check(false, include_str!("../../tests/golden/insn32.txt"));
}

#[test]
fn forms_of_64_bit_code_as_recorded() {
    check(true, include_str!("../../tests/golden/insn64.txt"));
}

#[test]
fn floating_point_in_32_bit_code_as_recorded() {
    check(false, include_str!("../../tests/golden/fp32.txt"));
}

#[test]
fn floating_point_in_64_bit_code_as_recorded() {
    check(true, include_str!("../../tests/golden/fp64.txt"));
}

#[test]
fn avx_in_32_bit_code_as_recorded() {
    check(false, include_str!("../../tests/golden/avx32.txt"));
}

#[test]
fn avx_in_64_bit_code_as_recorded() {
    check(true, include_str!("../../tests/golden/avx64.txt"));
}

#[test]
fn small_extensions_in_32_bit_code_as_recorded() {
    check(false, include_str!("../../tests/golden/ext32.txt"));
}

#[test]
fn small_extensions_in_64_bit_code_as_recorded() {
    check(true, include_str!("../../tests/golden/ext64.txt"));
}
