//! Random bytes as code: the lifter never panics, and the verifier accepts what it makes.

use tinamou_ir::guest::{CodeFetch, Fault, Guest, Lasting};
use tinamou_ir::passes::optimise;
use tinamou_ir::region::Region;
use tinamou_ir::text;
use tinamou_ir::verify::{Form, verify};

use crate::mode::Mode;
use crate::{CpuModel, X86};

struct Bytes(Vec<u8>);

impl CodeFetch for Bytes {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        let at = (va & 0xfff) as usize;
        let mut v = 0;
        for i in 0..bytes as usize {
            let b = self
                .0
                .get(at + i)
                .ok_or(crate::fault::fault(crate::fault::PF))?;
            v |= (*b as u32) << (8 * i);
        }
        Ok(v)
    }
}

/// xorshift64*.
pub fn next(s: &mut u64) -> u64 {
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    s.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn modes(wide: bool) -> Vec<u32> {
    let open: u32 = (0..6).map(|n| 2 << (Mode::CLASS_SHIFT + 2 * n)).sum();
    let limit: u32 = (0..6).map(|n| 1 << (Mode::CLASS_SHIFT + 2 * n)).sum();
    let zero = 15 << Mode::ZERO_SHIFT;
    let user = 3 << Mode::CPL_SHIFT;
    let mut m = vec![
        limit,
        limit | Mode::STACK32 | 1,
        Mode::PE,
        Mode::PE | 1 | Mode::STACK32,
        Mode::PE | limit | 1 | user,
        Mode::PE | open | zero | 1 | Mode::STACK32,
        Mode::PE | open | zero | 1 | Mode::STACK32 | user | Mode::ALIGN,
        Mode::PE | Mode::VM | limit | user,
        Mode::PE | open | zero | 1 | Mode::STACK32 | Mode::TF | Mode::BREAK,
        Mode::PE | open | 1 | Mode::SHADOW | Mode::NO_FPU | Mode::NO_SSE,
        Mode::PE | open | zero | 1 | Mode::STACK32 | Mode::SSE_FAST | Mode::FPU_ERROR,
    ];
    if wide {
        m.extend([
            2 | Mode::PE,
            2 | Mode::PE | user,
            2 | Mode::PE | Mode::SSE_FAST,
            2 | Mode::PE | Mode::TF | Mode::SHADOW,
        ]);
    }
    m
}

#[test]
fn any_bytes_lift_to_blocks_that_verify() {
    let mut seed = 0x1234_5678_9abc_def1;
    for name in ["486", "pentium3", "max"] {
        let cpu = X86::new(&CpuModel::by_name(name).unwrap());
        let slots = cpu.slots();
        for round in 0..1200 {
            let mut bytes: Vec<u8> = (0..64).map(|_| next(&mut seed) as u8).collect();
            // Half of them in the two-byte and three-byte maps.
            match round & 7 {
                1 | 2 => bytes[0] = 0x0f,
                3 => bytes[..2].copy_from_slice(&[0x66, 0x0f]),
                4 => bytes[..2].copy_from_slice(&[0xf2, 0x0f]),
                5 => bytes[..3].copy_from_slice(&[0x66, 0x0f, 0x38]),
                6 => bytes[0] = 0xd8 | bytes[0] & 7,
                _ => {}
            }
            for mode in modes(cpu.wide) {
                let mut code = Bytes(bytes.clone());
                let Ok(block) = cpu.lift(&mut code, 0x40_0000, mode, 8) else {
                    continue;
                };
                if let Err(e) = verify(&block, &slots, cpu.helpers(), Form::Lifted) {
                    panic!(
                        "{name} {mode:#x} {bytes:02x?}: {e}\n{}",
                        text::print_block(&block, &slots, cpu.helpers())
                    );
                }
                // The passes check their results by the verifier themselves.
                let mut region = Region {
                    blocks: vec![block],
                    entries: vec![0],
                    lasting: Lasting::Space,
                    hot: false,
                };
                optimise(&mut region, &slots, cpu.helpers());
            }
        }
    }
}

/// Random bytes run, in every mode, from a random state: nothing panics, whatever becomes of the guest.
#[test]
fn any_bytes_run_without_harm() {
    use super::harness::Machine;
    use crate::seg::{self, Seg};
    let mut seed = 0x0bad_cafe_1234_5677;
    for round in 0..500u32 {
        let mut m = Machine::new(["486", "qemu32", "max"][round as usize % 3], 0, 0x1_0000);
        let bytes: Vec<u8> = (0..0x1_0000)
            .map(|i| {
                let r = next(&mut seed);
                // Small words make plausible tables.
                if i & 7 > 4 {
                    (r & 15) as u8
                } else {
                    (r >> 8) as u8
                }
            })
            .collect();
        m.hw.write_bytes(0, &bytes);
        for n in 0..16 {
            let v = next(&mut seed);
            m.set_r(n, v >> (v & 63));
        }
        m.cpu.sys.gdt = crate::sys::Table {
            base: next(&mut seed) & 0xfff,
            limit: 0xffff,
        };
        m.cpu.sys.idt = crate::sys::Table {
            base: next(&mut seed) & 0xfff,
            limit: 0xffff,
        };
        m.cpu.sys.tr = Seg {
            sel: 0x28,
            base: next(&mut seed),
            limit: 0x67,
            attr: 0x8b,
        };
        let long = m.cpu.wide && round & 4 != 0;
        if round & 1 != 0 {
            m.cpu.sys.cr0 = 0x33 | next(&mut seed) & 0xc;
            m.cpu.sys.cpl = next(&mut seed) as u32 & 3;
            m.cpu.sys.cr4 = 0x600;
            if long {
                m.cpu.sys.efer = 0x501;
            }
            let dpl = m.cpu.sys.cpl;
            for n in 0..6 {
                let code = if n == crate::regs::CS {
                    seg::CODE | if long { seg::L } else { seg::D }
                } else {
                    seg::D
                };
                let attr = seg::P | seg::S | seg::W | seg::A | seg::G | code | dpl << 5;
                m.set_seg(
                    n,
                    Seg {
                        sel: dpl as u16 | 8,
                        base: 0,
                        limit: u32::MAX,
                        attr,
                    },
                );
            }
        }
        m.set_flags(next(&mut seed) as u32 & 0x3_7fd5);
        if m.flags() & crate::flags::VM != 0 && round & 1 != 0 {
            m.cpu.sys.cpl = 3;
        }
        let pc = next(&mut seed) & 0xffff;
        m.set_pc(pc);
        for _ in 0..60 {
            m.step(8);
            if m.cpu.sys.shutdown {
                break;
            }
        }
    }
}

/// What a loop costs: ops of the optimised IR for eleven instructions that add up an array, flags and all.
#[test]
fn a_loop_is_few_ops() {
    // add eax, [esi]; adc edx, 0; xor ebx, eax; rol ebx, 5; mov [edi], ebx; add esi, 4; add edi, 4; test eax, eax; inc ebp; dec ecx; jnz
    let bytes = [
        0x03, 0x06, 0x83, 0xd2, 0, 0x31, 0xc3, 0xc1, 0xc3, 5, 0x89, 0x1f, 0x83, 0xc6, 4, 0x83,
        0xc7, 4, 0x85, 0xc0, 0x45, 0x49, 0x75, 0xe9,
    ];
    let cpu = X86::new(&CpuModel::by_name("pentium3").unwrap());
    let open: u32 = (0..6).map(|n| 2 << (Mode::CLASS_SHIFT + 2 * n)).sum();
    let mode = Mode::PE | open | 15 << Mode::ZERO_SHIFT | 1 | Mode::STACK32;
    let block = cpu
        .lift(
            &mut Bytes([&bytes[..], &[0x90; 40]].concat()),
            0x40_0000,
            mode,
            32,
        )
        .unwrap();
    assert_eq!(block.insn_count, 11);
    let mut region = Region {
        blocks: vec![block],
        entries: vec![0],
        lasting: Lasting::Space,
        hot: false,
    };
    optimise(&mut region, &cpu.slots(), cpu.helpers());
    let ops = region.blocks[0]
        .insts
        .iter()
        .filter(|i| !matches!(i.op, tinamou_ir::Op::Insn | tinamou_ir::Op::Const))
        .count();
    let calls = region.blocks[0]
        .insts
        .iter()
        .filter(|i| i.op == tinamou_ir::Op::Call)
        .count();
    assert!(
        ops <= 44 && calls == 0,
        "{ops} ops, {calls} calls\n{}",
        text::print_block(&region.blocks[0], &cpu.slots(), cpu.helpers())
    );
}
