//! The 80-bit format against the host's x87 unit: results, flags and the rounding direction (C1), with every rounding
//! and precision control.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Gen, ROUNDINGS, pairs, singles, x86_flags};
use core::arch::asm;
use tinamou_softfloat::{Env, F80, Flags, Float, NanRules, Precision, Relation, Rounding};

/// Rounding control and precision control.
#[derive(Clone, Copy, Debug)]
struct Mode {
    rounding: usize,
    precision: usize,
}

const PRECISIONS: [(u16, Precision); 3] = [
    (0, Precision::Single),
    (2, Precision::Double),
    (3, Precision::Extended),
];

impl Mode {
    fn control_word(self) -> u16 {
        0x3f | PRECISIONS[self.precision].0 << 8 | (self.rounding as u16) << 10
    }

    fn env(self) -> Env {
        let mut env = Env::new(NanRules::X87);
        env.rounding = ROUNDINGS[self.rounding];
        env.precision = PRECISIONS[self.precision].1;
        env
    }
}

fn modes() -> impl Iterator<Item = Mode> {
    (0..12).map(|i| Mode {
        rounding: i & 3,
        precision: i / 4,
    })
}

/// The format in memory.
#[repr(C, align(16))]
struct Mem([u8; 16]);

impl From<F80> for Mem {
    fn from(x: F80) -> Mem {
        let mut m = Mem([0; 16]);
        m.0[..8].copy_from_slice(&x.mantissa.to_le_bytes());
        m.0[8..10].copy_from_slice(&x.sign_exp.to_le_bytes());
        m
    }
}

impl Mem {
    fn f80(&self) -> F80 {
        let mut mantissa = [0; 8];
        mantissa.copy_from_slice(&self.0[..8]);
        F80 {
            sign_exp: u16::from_le_bytes([self.0[8], self.0[9]]),
            mantissa: u64::from_le_bytes(mantissa),
        }
    }
}

/// Runs instructions with `a` in ST(0) and `b` in ST(1), which store a result and the status word.
macro_rules! x87 {
    ($name:ident, $($op:literal),*) => {
        fn $name(mode: Mode, a: F80, b: F80) -> (Mem, u16) {
            let (a, b, cw) = (Mem::from(a), Mem::from(b), mode.control_word());
            let mut r = Mem([0; 16]);
            let mut sw = 0u16;
            // SAFETY: the operands are whole 16-byte buffers; fninit leaves the unit as the ABI wants it: empty, with
            // the default control word.
            unsafe {
                asm!(
                    "fninit",
                    "fldcw word ptr [{cw}]",
                    "fld tbyte ptr [{b}]",
                    "fld tbyte ptr [{a}]",
                    $($op,)*
                    "fninit",
                    cw = in(reg) &cw, a = in(reg) &a, b = in(reg) &b, r = in(reg) &mut r, sw = in(reg) &mut sw,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            (r, sw)
        }
    };
}

// The status word is read before the result is stored: a store sets C1 anew.
x87!(
    fadd,
    "fadd st(0), st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fsub,
    "fsub st(0), st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fmul,
    "fmul st(0), st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fdiv,
    "fdiv st(0), st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fsqrt,
    "fsqrt",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    frndint,
    "frndint",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fprem,
    "fprem",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fprem1,
    "fprem1",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fcom,
    "fcom st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(
    fucom,
    "fucom st(1)",
    "fnstsw word ptr [{sw}]",
    "fstp tbyte ptr [{r}]"
);
x87!(store32, "fstp dword ptr [{r}]", "fnstsw word ptr [{sw}]");
x87!(store64, "fstp qword ptr [{r}]", "fnstsw word ptr [{sw}]");
x87!(store_i16, "fistp word ptr [{r}]", "fnstsw word ptr [{sw}]");
x87!(store_i32, "fistp dword ptr [{r}]", "fnstsw word ptr [{sw}]");
x87!(store_i64, "fistp qword ptr [{r}]", "fnstsw word ptr [{sw}]");

/// Loads of other formats: no operands but memory.
macro_rules! load {
    ($name:ident, $t:ty, $load:literal) => {
        fn $name(mode: Mode, a: $t) -> (F80, u16) {
            let cw = mode.control_word();
            let mut r = Mem([0; 16]);
            let mut sw = 0u16;
            // SAFETY: as above.
            unsafe {
                asm!(
                    "fninit",
                    "fldcw word ptr [{cw}]",
                    concat!($load, " ptr [{a}]"),
                    "fstp tbyte ptr [{r}]",
                    "fnstsw word ptr [{sw}]",
                    "fninit",
                    cw = in(reg) &cw, a = in(reg) &a, r = in(reg) &mut r, sw = in(reg) &mut sw,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            (r.f80(), sw)
        }
    };
}

load!(load32, u32, "fld dword");
load!(load64, u64, "fld qword");
load!(load_i16, i16, "fild word");
load!(load_i32, i32, "fild dword");
load!(load_i64, i64, "fild qword");

const C0: u16 = 1 << 8;
const C1: u16 = 1 << 9;
const C2: u16 = 1 << 10;
const C3: u16 = 1 << 14;

/// Exception bits, and C1 where the result is inexact (else it may mean something different).
fn host_flags(sw: u16) -> u16 {
    sw & 0x3f | if sw & 0x20 != 0 { sw & C1 } else { 0 }
}

fn our_flags(env: &mut Env) -> u16 {
    let f = env.take_flags();
    let up = f.has(Flags::INEXACT) && f.has(Flags::ROUNDED_UP);
    x86_flags(f) as u16 | if up { C1 } else { 0 }
}

/// The generator's pairs, and some with the encodings that only this format has.
fn all_pairs(seed: u64, mut f: impl FnMut(F80, F80)) {
    pairs(seed, &mut f);
    let odd = [
        (0, 1 << 63),
        (0, !0),
        (1, 1),
        (0x3fff, 1 << 62),
        (0x7ffe, 5),
        (0x7fff, 0),
        (0x7fff, 1 << 62),
        (0x7fff, 7),
    ];
    let odd = odd.map(|(sign_exp, mantissa)| F80 { sign_exp, mantissa });
    let other = common::edges::<F80>();
    for a in odd {
        for &b in other.iter().chain(&odd) {
            for (x, y) in [(a, b), (b, a)] {
                f(x, y);
                f(x.with_sign(true), y);
            }
        }
    }
}

fn all_singles(seed: u64, mut f: impl FnMut(F80)) {
    singles(seed, &mut f);
    odd_singles(&mut f);
}

fn odd_singles(f: &mut impl FnMut(F80)) {
    for exp in [0, 1, 2, 0x3fff, 0x401d, 0x7ffe, 0x7fff] {
        for mantissa in [
            0,
            1,
            1 << 62,
            (1 << 63) - 1,
            1 << 63,
            1 << 63 | 1,
            3 << 62,
            !0,
        ] {
            for sign in [0, 0x8000] {
                f(F80 {
                    sign_exp: sign | exp,
                    mantissa,
                });
            }
        }
    }
}

fn check2(name: &str, host: fn(Mode, F80, F80) -> (Mem, u16), ours: fn(&mut Env, F80, F80) -> F80) {
    for mode in modes() {
        let mut env = mode.env();
        all_pairs(mode.control_word().into(), |a, b| {
            let (want, sw) = host(mode, a, b);
            let (want, flags) = (want.f80(), host_flags(sw));
            let got = ours(&mut env, a, b);
            let raised = our_flags(&mut env);
            assert!(
                want == got && flags == raised,
                "{name} {mode:?} {a:x?} {b:x?}: host {want:x?}/{flags:#x}, ours {got:x?}/{raised:#x}"
            );
        });
    }
}

fn check1<R: PartialEq + core::fmt::Debug>(
    name: &str,
    host: fn(Mode, F80) -> (R, u16),
    ours: fn(&mut Env, F80) -> R,
) {
    for mode in modes() {
        let mut env = mode.env();
        all_singles(mode.control_word().into(), |a| {
            let (want, sw) = host(mode, a);
            let flags = host_flags(sw);
            let got = ours(&mut env, a);
            let raised = our_flags(&mut env);
            assert!(
                want == got && flags == raised,
                "{name} {mode:?} {a:x?}: host {want:x?}/{flags:#x}, ours {got:x?}/{raised:#x}"
            );
        });
    }
}

const ONE: F80 = F80 {
    sign_exp: 0x3fff,
    mantissa: 1 << 63,
};

fn m64(m: &Mem) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&m.0[..8]);
    u64::from_le_bytes(b)
}

#[test]
fn add() {
    check2("fadd", fadd, Env::add);
}

#[test]
fn sub() {
    check2("fsub", fsub, Env::sub);
}

#[test]
fn mul() {
    check2("fmul", fmul, Env::mul);
}

#[test]
fn div() {
    check2("fdiv", fdiv, Env::div);
}

#[test]
fn sqrt() {
    check1(
        "fsqrt",
        |m, a| {
            let (r, sw) = fsqrt(m, a, ONE);
            (r.f80(), sw)
        },
        Env::sqrt,
    );
}

#[test]
fn round_to_integral() {
    check1(
        "frndint",
        |m, a| {
            let (r, sw) = frndint(m, a, ONE);
            (r.f80(), sw)
        },
        |env, a| env.round_to_integral(a, env.rounding, true),
    );
}

#[test]
fn stores() {
    // FST does not show a denormal operand.
    fn store<R: Float>(env: &mut Env, a: F80) -> R {
        let r = env.convert(a);
        env.flags = env.flags & !Flags::INPUT_DENORMAL;
        r
    }
    check1(
        "fstp m32",
        |m, a| {
            let (r, sw) = store32(m, a, ONE);
            (m64(&r) as u32, sw)
        },
        store,
    );
    check1(
        "fstp m64",
        |m, a| {
            let (r, sw) = store64(m, a, ONE);
            (m64(&r), sw)
        },
        store,
    );
    check1(
        "fistp m16",
        |m, a| {
            let (r, sw) = store_i16(m, a, ONE);
            (m64(&r) as i16, sw)
        },
        |env, a| env.to_int(a, env.rounding).unwrap_or(i16::MIN),
    );
    check1(
        "fistp m32",
        |m, a| {
            let (r, sw) = store_i32(m, a, ONE);
            (m64(&r) as i32, sw)
        },
        |env, a| env.to_int(a, env.rounding).unwrap_or(i32::MIN),
    );
    check1(
        "fistp m64",
        |m, a| {
            let (r, sw) = store_i64(m, a, ONE);
            (m64(&r) as i64, sw)
        },
        |env, a| env.to_int(a, env.rounding).unwrap_or(i64::MIN),
    );
}

#[test]
fn loads() {
    for mode in modes() {
        let mut env = mode.env();
        singles(1, |a: u32| {
            let (r, sw) = load32(mode, a);
            assert_eq!(
                (env.convert(a), our_flags(&mut env)),
                (r, host_flags(sw)),
                "fld m32 {a:#x}"
            );
        });
        singles(2, |a: u64| {
            let (r, sw) = load64(mode, a);
            assert_eq!(
                (env.convert(a), our_flags(&mut env)),
                (r, host_flags(sw)),
                "fld m64 {a:#x}"
            );
            let i = a as i64 >> (a & 63);
            assert_eq!(env.from_int::<F80, _>(i), load_i64(mode, i).0);
            assert_eq!(env.from_int::<F80, _>(i as i32), load_i32(mode, i as i32).0);
            assert_eq!(env.from_int::<F80, _>(i as i16), load_i16(mode, i as i16).0);
            assert!(env.flags.is_empty());
        });
    }
}

#[test]
fn comparisons() {
    let mode = Mode {
        rounding: 0,
        precision: 2,
    };
    let mut env = mode.env();
    let relation = |sw: u16| match sw & (C0 | C2 | C3) {
        0 => Relation::Greater,
        C0 => Relation::Less,
        C3 => Relation::Equal,
        _ => Relation::Unordered,
    };
    all_pairs(9, |a, b| {
        let (_, sw) = fcom(mode, a, b);
        let got = (env.compare_signalling(a, b), our_flags(&mut env));
        assert_eq!(got, (relation(sw), host_flags(sw)), "fcom {a:x?} {b:x?}");
        let (_, sw) = fucom(mode, a, b);
        let got = (env.compare(a, b), our_flags(&mut env));
        assert_eq!(got, (relation(sw), host_flags(sw)), "fucom {a:x?} {b:x?}");
    });
}

#[test]
fn partial_remainders() {
    let mode = Mode {
        rounding: 0,
        precision: 2,
    };
    let mut env = mode.env();
    for (name, host, to_nearest) in [
        ("fprem", fprem as fn(Mode, F80, F80) -> (Mem, u16), false),
        ("fprem1", fprem1, true),
    ] {
        let mut partial = 0;
        all_pairs(13, |a, b| {
            let (want, sw) = host(mode, a, b);
            let want = want.f80();
            let got = env.partial_remainder(a, b, to_nearest);
            let raised = x86_flags(env.take_flags()) as u16;
            let tell = || {
                format!("{name} {a:x?} {b:x?}: host {want:x?}/{sw:#x}, ours {got:x?}/{raised:#x}")
            };
            assert_eq!(got.complete, sw & C2 == 0, "{}", tell());
            assert_eq!(raised, sw & 0x3f, "{}", tell());
            if got.complete {
                assert_eq!(got.value, want, "{}", tell());
                if raised & 1 == 0 {
                    let q = u16::from(sw & C0 != 0) << 2
                        | u16::from(sw & C3 != 0) << 1
                        | u16::from(sw & C1 != 0);
                    assert_eq!(got.quotient as u16 & 7, q, "{}", tell());
                }
                return;
            }
            // How far one step goes is the implementation's choice; the end is not.
            partial += 1;
            let finish = |mut x: F80, env: &mut Env| loop {
                let p = env.partial_remainder(x, b, to_nearest);
                x = p.value;
                if p.complete {
                    return p;
                }
            };
            let (x, y) = (finish(got.value, &mut env), finish(want, &mut env));
            assert_eq!(x.value, y.value, "{}", tell());
            assert_eq!(x.quotient & 7, y.quotient & 7, "{}", tell());
            env.take_flags();
        });
        assert!(partial > 100);
    }
}

#[test]
fn remainder_of_doubles_is_fprem1_in_the_wider_format() {
    let mut env = Env::new(NanRules::X87);
    pairs(17, |a: u64, b: u64| {
        if a.is_nan() || b.is_nan() {
            return;
        }
        for to_nearest in [true, false] {
            let got = if to_nearest {
                env.rem(a, b)
            } else {
                env.rem_trunc(a, b)
            };
            let y: F80 = env.convert(b);
            let mut x: F80 = env.convert(a);
            loop {
                let p = env.partial_remainder(x, y, to_nearest);
                x = p.value;
                if p.complete {
                    break;
                }
            }
            assert_eq!(got, env.convert::<F80, u64>(x), "{a:#x} {b:#x}");
        }
        if !f64::from_bits(a).is_infinite() && f64::from_bits(b) != 0.0 {
            assert_eq!(
                env.rem_trunc(a, b),
                (f64::from_bits(a) % f64::from_bits(b)).to_bits()
            );
        }
    });
}

#[test]
fn wrapped_results() {
    // Unmasked overflow and underflow deliver the significand with the exponent moved by 24576 (SDM vol. 1, 8.5.4).
    let mut env = Env::new(NanRules::X87);
    env.wrap = Flags::OVERFLOW | Flags::UNDERFLOW;
    let big = F80 {
        sign_exp: 0x7ffe,
        mantissa: 3 << 62,
    };
    assert_eq!(
        env.mul(big, big),
        F80 {
            sign_exp: 0x7ffe + 0x3fff + 1 - 24576,
            mantissa: 9 << 60
        }
    );
    assert_eq!(env.take_flags(), Flags::OVERFLOW);
    let small = F80 {
        sign_exp: 1,
        mantissa: 3 << 62,
    };
    assert_eq!(
        env.mul(small, small),
        F80 {
            sign_exp: 24576 + 2 - 0x3fff + 1,
            mantissa: 9 << 60
        }
    );
    assert_eq!(env.take_flags(), Flags::UNDERFLOW | Flags::TINY);
    env.rounding = Rounding::Up;
    let f: u64 = env.convert(F80::make(false, 0x4400, 0));
    assert_eq!(
        (f, env.take_flags()),
        ((0x3ff + 1025 - 1536) << 52, Flags::OVERFLOW)
    );
}
