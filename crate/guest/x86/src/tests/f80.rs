//! The IR's op `f80` beside softfloat: what it does not refuse is the same, flags included.

use tinamou_arena::Arena;
use tinamou_ir::f80::{self, EMPTY, F80 as Op, From, What, at};
use tinamou_softfloat::{Env, F80, Flags, NanRules};

use super::random::next;

struct Cells {
    arena: Arena,
    base: u32,
}

impl Cells {
    fn new() -> Cells {
        let arena = Arena::new().unwrap();
        let base = arena.alloc(16 * f80::CELLS as u64, 16).unwrap();
        Cells { arena, base }
    }

    fn run(&self, what: What, from: From, v: u64, e: u32) -> u64 {
        let op = Op {
            what,
            from,
            i: 1,
            pops: 0,
            slot: 0,
        };
        f80::run(&self.arena, self.base, op, v, e)
    }

    /// An empty stack, with clear flags.
    fn clear(&self) {
        for n in 0..8 {
            self.arena.write32(self.base + 16 * n + at::TAG, EMPTY);
        }
        for word in [at::TOP, at::INEXACT, at::C1, at::STATUS] {
            self.arena.write32(self.base + word, 0);
        }
    }

    fn push(&self, v: F80) {
        assert_eq!(
            self.run(What::Push, From::F80, v.mantissa, v.sign_exp as u32),
            0
        );
    }

    fn top(&self) -> F80 {
        let cell = self.base + self.arena.read32(self.base + at::TOP);
        F80 {
            sign_exp: self.arena.read32(cell + at::TAG) as u16,
            mantissa: self.arena.read64(cell),
        }
    }

    fn word(&self, word: u32) -> u32 {
        self.arena.read32(self.base + word)
    }
}

fn number(s: &mut u64) -> F80 {
    let (x, y) = (next(s), next(s));
    let mantissa = match y & 7 {
        0 => 1 << 63,
        1 => u64::MAX << (y >> 8 & 31),
        2 => x & u64::MAX << 40,
        _ => x,
    } | ((y >> 12 & 63 != 0) as u64) << 63;
    let spread = [3, 70, 200, 16000][(y >> 18 & 3) as usize];
    let e = 0x3fff + (y >> 20) % spread - spread / 2;
    F80 {
        sign_exp: (y & 0x8000) as u16 | e as u16,
        mantissa,
    }
}

#[test]
fn arithmetic_as_softfloat_has_it() {
    let cells = Cells::new();
    let mut s = 7;
    let mut refused = 0;
    for _ in 0..60_000 {
        let (a, b) = (number(&mut s), number(&mut s));
        for what in [What::Add, What::Sub, What::SubFrom, What::Mul] {
            cells.clear();
            cells.push(b);
            cells.push(a);
            if cells.run(what, From::Reg, 0, 0) != 0 {
                refused += 1;
                assert_eq!(cells.top(), a);
                continue;
            }
            let mut env = Env::new(NanRules::X87);
            let want = match what {
                What::Add => env.add(a, b),
                What::Sub => env.sub(a, b),
                What::SubFrom => env.sub(b, a),
                _ => env.mul(a, b),
            };
            assert_eq!(cells.top(), want, "{what:?} {a:?} {b:?}");
            let (inexact, up) = (Flags::INEXACT, Flags::ROUNDED_UP);
            assert_eq!(cells.word(at::INEXACT), env.flags.has(inexact) as u32);
            assert_eq!(cells.word(at::C1), env.flags.has(up) as u32);
            let rest = Flags(env.flags.0 & !(inexact.0 | up.0));
            assert_eq!(rest, Flags::NONE, "{what:?} {a:?} {b:?}");
        }
    }
    assert!(refused < 150_000, "{refused}");
}

#[test]
fn conversions_as_softfloat_has_them() {
    let cells = Cells::new();
    let mut s = 5;
    let mut done = [0; 2];
    for _ in 0..60_000 {
        let a = number(&mut s);
        for from in [From::F32, From::F64] {
            cells.clear();
            cells.push(a);
            if cells.run(What::Narrow, from, 0, 0) != 0 {
                continue;
            }
            done[(from == From::F64) as usize] += 1;
            let mut env = Env::new(NanRules::X87);
            let want = match from {
                From::F32 => env.convert::<F80, u32>(a) as u64,
                _ => env.convert::<F80, u64>(a),
            };
            assert_eq!(cells.run(What::Scratch, From::Reg, 0, 0), want, "{a:?}");
            let [inexact, up] =
                [Flags::INEXACT, Flags::ROUNDED_UP].map(|f| env.flags.has(f) as u32);
            assert_eq!(cells.word(at::FLAGS), inexact << 5 | up << 9, "{a:?}");
            // And back.
            cells.clear();
            assert_eq!(cells.run(What::Push, from, want, 0), 0);
            let back = match from {
                From::F32 => env.convert::<u32, F80>(want as u32),
                _ => env.convert::<u64, F80>(want),
            };
            assert_eq!(cells.top(), back);
        }
        let n = (next(&mut s) as i64) >> (s & 63);
        for n in [n, -n, 0, i64::MIN] {
            cells.clear();
            assert_eq!(cells.run(What::Push, From::Int, n as u64, 0), 0);
            let want = Env::new(NanRules::X87).from_int::<F80, i64>(n);
            assert_eq!(cells.top(), want);
        }
    }
    assert!(done.iter().all(|n| *n > 1000), "{done:?}");
}
