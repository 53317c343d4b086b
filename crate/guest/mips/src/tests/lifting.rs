//! Shape of lifted blocks: every encoding, in every mode, verifies.

use tinamou_decode::Rng;
use tinamou_ir::guest::{CodeFetch, Fault, Guest};

use super::harness::{asm, check_block};
use crate::decode::TABLE;
use crate::mode::Mode;
use crate::{MODELS, Mips};

struct Words(Vec<u32>, bool);

impl CodeFetch for Words {
    fn fetch(&mut self, va: u64, _: u32) -> Result<u32, Fault> {
        let w = *self.0.get((va & 0xfff) as usize / 4).ok_or(Fault {
            code: 2,
            va,
            info: 0,
        })?;
        Ok(if self.1 { w.swap_bytes() } else { w })
    }
}

#[test]
fn every_encoding_lifts_to_verified_blocks() {
    let mut rng = Rng(11);
    for model in MODELS {
        for big in [false, true] {
            let cpu = Mips::new(model, big);
            for status in [
                0u32,
                0x10,
                0x3000_0010,
                0x3400_0080,
                0x7400_00f0,
                0x3480_0030,
                4,
                0x3600_0010,
            ] {
                let mode = Mode::compute(model, status, false, rng.next_u64() & 7 == 0);
                let swap = big != mode.reversed();
                for p in TABLE {
                    let mut word = || rng.next_u64() as u32 & !p.mask | p.value;
                    let words = [word(), word(), asm("jr", &[('s', 31)]), word()];
                    for start in 0..4 {
                        let pc = cpu.compat(0x8000_0000) + 4 * start;
                        let mut code = Words(words.to_vec(), swap);
                        if let Ok(block) = cpu.lift(&mut code, pc, mode.0, 8) {
                            check_block(&cpu, &block);
                            assert!(block.code_bytes >= 4 && block.code_bytes <= 20);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn random_words_lift_to_verified_blocks() {
    let mut rng = Rng(5);
    for model in MODELS {
        let cpu = Mips::new(model, false);
        let mode = Mode::compute(model, 0x3400_0080, false, false);
        for _ in 0..2000 {
            let words: Vec<u32> = (0..8).map(|_| rng.next_u64() as u32).collect();
            let block = cpu
                .lift(&mut Words(words, false), cpu.compat(0x8000_0000), mode.0, 8)
                .unwrap();
            check_block(&cpu, &block);
        }
    }
}
