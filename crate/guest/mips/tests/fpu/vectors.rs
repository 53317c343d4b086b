//! The vectors of `golden/fpu.c`, made the same way, and instruction words by name.

/// One operation on operands in $f2, $f4, $f6 with the destination $f0.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// FCSR before.
    pub fcsr: u32,
    /// $f2, $f4, $f6.
    pub operands: [u64; 3],
}

/// $f0 before.
pub const DEST: u64 = 0x1234_5678_9abc_def0;

/// The generator of the vectors.
pub struct Random(pub u64);

impl Random {
    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn double(&mut self) -> u64 {
        let (how, x) = (self.next() >> 62, self.next());
        let scaled = x & 0x800f_ffff_ffff_ffff | (1023 + (x >> 52 & 127) - 64) << 52;
        match how {
            0 => x,
            1 => scaled,
            2 => scaled & !0xff_ffff_ffff,
            _ => ((x as i64 >> 52) as f64).to_bits(),
        }
    }

    fn single(&mut self) -> u64 {
        let (how, x) = (self.next() >> 62, (self.next() >> 32) as u32);
        let scaled = x & 0x807f_ffff | (127 + (x >> 23 & 31) - 16) << 23;
        u64::from(match how {
            0 => x,
            1 => scaled,
            2 => scaled & !0xfff,
            _ => ((x as i32 >> 20) as f32).to_bits(),
        })
    }

    /// A special or random operand in format `fmt` (its first letter).
    pub fn any(&mut self, fmt: u8) -> u64 {
        if self.next() >> 62 == 0 {
            let i = self.next() >> 32;
            special(fmt, i as usize)
        } else {
            self.operand(fmt)
        }
    }

    fn operand(&mut self, fmt: u8) -> u64 {
        match fmt {
            b'd' => self.double(),
            b's' => self.single(),
            b'p' => {
                let low = self.single();
                self.single() << 32 | low
            }
            _ => {
                let x = self.next() as i64;
                (x >> (self.next() >> 58)) as u64
            }
        }
    }
}

fn specials(fmt: u8) -> usize {
    match fmt {
        b'd' => D.len(),
        b'w' | b'l' => N.len(),
        _ => S.len(),
    }
}

fn special(fmt: u8, i: usize) -> u64 {
    match fmt {
        b'd' => D[i % D.len()],
        b's' => S[i % S.len()].into(),
        b'p' => u64::from(S[(i * 7 + 3) % S.len()]) << 32 | u64::from(S[i % S.len()]),
        _ => N[i % N.len()],
    }
}

/// The vectors of operation number `index` (its line in the golden file, over 5), called `name`.
pub fn vectors(index: usize, name: &str, fcsr: u32) -> Vec<Vector> {
    const THIRD: [usize; 12] = [0, 1, 2, 4, 6, 8, 11, 13, 16, 19, 23, 36];
    let fmt = name.rsplit('.').next().unwrap().as_bytes()[0];
    let count = operands(name);
    let sp = specials(fmt);
    let t = THIRD.len();
    let fixed = [sp, sp * sp, t * t * t][count - 1];
    let mut random = Random(0x9e37_79b9_7f4a_7c15 + index as u64);
    (0..fixed + 600)
        .map(|i| {
            let operands = if i >= fixed {
                [(); 3].map(|_| random.operand(fmt))
            } else if count == 3 {
                [
                    special(fmt, THIRD[i % t]),
                    special(fmt, THIRD[i / t % t]),
                    special(fmt, THIRD[i / t / t]),
                ]
            } else {
                [special(fmt, i % sp), special(fmt, i / sp), 0]
            };
            Vector { fcsr, operands }
        })
        .collect()
}

fn operands(name: &str) -> usize {
    let stem = name.rsplit_once('.').unwrap().0;
    match stem {
        "madd" | "msub" | "nmadd" | "nmsub" => 3,
        "add" | "sub" | "mul" | "div" | "pll" | "plu" | "pul" | "puu" | "cvt.ps" => 2,
        _ if stem.starts_with("c.") => 2,
        _ => 1,
    }
}

/// The word of the instruction called `name`, with the registers of [`Vector`] and condition code 0.
pub fn word(name: &str) -> u32 {
    const CONDS: [&str; 16] = [
        "f", "un", "eq", "ueq", "olt", "ult", "ole", "ule", "sf", "ngle", "seq", "ngl", "lt",
        "nge", "le", "ngt",
    ];
    let (stem, fmt) = name.rsplit_once('.').unwrap();
    let madd = ["madd", "msub", "nmadd", "nmsub"]
        .iter()
        .position(|m| *m == stem);
    if let Some(kind) = madd {
        let low = [("s", 0), ("d", 1), ("ps", 6)]
            .iter()
            .find(|(f, _)| *f == fmt)
            .unwrap()
            .1;
        return 0x13 << 26 | 6 << 21 | 4 << 16 | 2 << 11 | 0x20 | (kind as u32) << 3 | low;
    }
    let fmt_code = match fmt {
        "s" => 16,
        "d" => 17,
        "w" => 20,
        "l" => 21,
        "ps" | "pl" | "pu" => 22,
        _ => panic!("{name}"),
    };
    let plain =
        |function: u32, ft: u32| 0x11 << 26 | fmt_code << 21 | ft << 16 | 2 << 11 | function;
    if let Some(cond) = stem.strip_prefix("c.") {
        return plain(
            0x30 | CONDS.iter().position(|c| *c == cond).unwrap() as u32,
            4,
        );
    }
    let function = match stem {
        "add" => 0,
        "sub" => 1,
        "mul" => 2,
        "div" => 3,
        "sqrt" => 4,
        "abs" => 5,
        "mov" => 6,
        "neg" => 7,
        "round.l" => 8,
        "trunc.l" => 9,
        "ceil.l" => 10,
        "floor.l" => 11,
        "round.w" => 12,
        "trunc.w" => 13,
        "ceil.w" => 14,
        "floor.w" => 15,
        "recip" => 21,
        "rsqrt" => 22,
        "cvt.s" if fmt == "pl" => 0x28,
        "cvt.s" => 0x20,
        "cvt.d" => 0x21,
        "cvt.w" => 0x24,
        "cvt.l" => 0x25,
        "cvt.ps" => 0x26,
        "pll" => 0x2c,
        "plu" => 0x2d,
        "pul" => 0x2e,
        "puu" => 0x2f,
        _ => panic!("{name}"),
    };
    plain(function, if operands(name) > 1 { 4 } else { 0 })
}

/// Doubles.
const D: [u64; 47] = [
    0,
    0x8000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff7_ffff_ffff_ffff,
    0xfff0_0000_0000_0001,
    0x7ff8_0000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xfff8_1234_5678_9abc,
    1,
    0x800f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x0010_0000_0000_0001,
    0x801f_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff,
    0xffef_ffff_ffff_ffff,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3fdf_ffff_ffff_ffff,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0xc00c_0000_0000_0000,
    0x41df_ffff_ffc0_0000,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0000_0000,
    0xc1e0_0000_0010_0000,
    0xc1e0_0000_0020_0000,
    0x43df_ffff_ffff_ffff,
    0x43e0_0000_0000_0000,
    0xc3e0_0000_0000_0000,
    0xc3e0_0000_0000_0001,
    0x4340_0000_0000_0001,
    0x3ca0_0000_0000_0000,
    0x47ef_ffff_e000_0000,
    0x47ef_ffff_efff_ffff,
    0x47ef_ffff_f000_0000,
    0x3810_0000_0000_0000,
    0x380f_ffff_ffff_ffff,
    0x36a0_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x1ff0_0000_0000_0000,
    0x5ff0_0000_0000_0000,
    0x4008_0000_0000_0000,
    0x3fd5_5555_5555_5555,
];
/// Singles.
const S: [u32; 38] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fbf_ffff,
    0xff80_0001,
    0x7fc0_0000,
    0x7fff_ffff,
    0xffc1_2345,
    1,
    0x807f_ffff,
    0x0080_0000,
    0x0080_0001,
    0x80ff_ffff,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x3f00_0000,
    0xbf00_0000,
    0x3eff_ffff,
    0x3fc0_0000,
    0x4020_0000,
    0xc060_0000,
    0x4eff_ffff,
    0x4f00_0000,
    0xcf00_0000,
    0xcf00_0001,
    0x5eff_ffff,
    0x5f00_0000,
    0xdf00_0000,
    0xdf00_0001,
    0x4b00_0001,
    0x3300_0000,
    0x2000_0000,
    0x6000_0000,
    0x4040_0000,
    0x3eaa_aaab,
];
/// Integers.
const N: [u64; 14] = [
    0,
    1,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff_8000_0000,
    0x0100_0001,
    0x0100_0003,
    0x0020_0000_0000_0001,
    0x0020_0000_0000_0003,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_feff_fffd,
    0x0123_4567_89ab_cdef,
];
