//! XSAVE and its kin. Expectations are the SDM's (volume 1, chapter 13).

use iced_x86::code_asm::*;

use super::harness::Machine;
use crate::fault;
use crate::regs::{AX, CS, CX, DI, DS, DX, ES, SS};
use crate::seg::{self, Seg};
use crate::sys::cr4;

const CODE: u64 = 0x1_0000;
const AREA: u64 = 0x2_0000;

/// 64-bit code of ring 0 with XSAVE on, all components enabled.
fn machine() -> Machine {
    let mut m = Machine::new("max", CODE, 0x2_0000);
    m.catch = true;
    m.cpu.sys.cr0 = 0x21;
    m.cpu.sys.cr4 = 0x620 | cr4::OSXSAVE;
    m.cpu.sys.efer = 0x501;
    m.cpu.sys.xcr0 = 7;
    let flat = |code: u32| Seg {
        sel: 0x10,
        base: 0,
        limit: u32::MAX,
        attr: seg::P | seg::S | seg::W | seg::A | seg::G | code,
    };
    m.set_seg(CS, flat(seg::CODE | seg::L));
    for n in [DS, ES, SS] {
        m.set_seg(n, flat(seg::D));
    }
    m.set_r(DI, AREA);
    m
}

/// Runs one snippet; the fault that ended it, if one did.
fn run(m: &mut Machine, f: impl FnOnce(&mut CodeAssembler)) -> Option<u32> {
    let mut a = CodeAssembler::new(64).unwrap();
    f(&mut a);
    a.ud2().unwrap();
    let bytes = a.assemble(CODE).unwrap();
    m.hw.write_bytes(CODE, &bytes);
    m.caught = None;
    m.set_pc(CODE);
    let end = CODE + bytes.len() as u64 - 2;
    m.run_to(end, 64);
    m.caught.filter(|c| c.1 != end).map(|c| c.0.code)
}

fn word(m: &Machine, at: u64) -> u64 {
    u64::from_le_bytes(m.hw.read_bytes(AREA + at, 8).try_into().unwrap())
}

fn set_control(m: &mut Machine, cw: u16) {
    let state = m.hw.state.clone();
    m.cpu.change_fpu(&state, |f| f.cw = cw);
}

/// Asks for components.
fn ask(m: &mut Machine, bits: u64) {
    m.set_r(AX, bits);
    m.set_r(DX, 0);
}

#[test]
fn what_is_saved_is_restored() {
    let mut m = machine();
    let (xmm, ymm) = (m.cpu.regs.xmm, m.cpu.regs.ymm);
    set_control(&mut m, 0x27f);
    m.cpu.fpu.mxcsr = 0x1f81;
    m.set_slot128(xmm[3], 0x1122 << 64);
    m.set_slot128(ymm[15], 0x3344);
    ask(&mut m, u64::MAX);
    assert_eq!(run(&mut m, |a| a.xsave64(ptr(rdi)).unwrap()), None);
    assert_eq!(word(&m, 512), 7);
    assert_eq!(word(&m, 0) & 0xffff, 0x27f);
    assert_eq!(word(&m, 160 + 16 * 3 + 8), 0x1122);
    assert_eq!(word(&m, 576 + 16 * 15), 0x3344);
    let before = (m.cpu.fpu_state(&m.hw.state), 0x1122, 0x3344);
    // Without a component's bit in the header it becomes as after a reset.
    m.hw.write_bytes(AREA + 512, &1u64.to_le_bytes());
    assert_eq!(run(&mut m, |a| a.xrstor64(ptr(rdi)).unwrap()), None);
    assert_eq!((m.slot128(xmm[3]), m.slot128(ymm[15])), (0, 0));
    assert_eq!(m.cpu.fpu_state(&m.hw.state), before.0);
    m.hw.write_bytes(AREA + 512, &7u64.to_le_bytes());
    assert_eq!(run(&mut m, |a| a.xrstor64(ptr(rdi)).unwrap()), None);
    assert_eq!(
        (m.slot128(xmm[3]), m.slot128(ymm[15])),
        (0x1122 << 64, 0x3344)
    );
}

#[test]
fn what_is_not_in_use_is_not_saved_by_the_others() {
    let mut m = machine();
    let ymm = m.cpu.regs.ymm;
    set_control(&mut m, 0x37f);
    m.set_slot128(ymm[0], 5);
    m.hw.write_bytes(AREA, &[0xee; 832]);
    m.hw.write_bytes(AREA + 512, &[0; 64]);
    ask(&mut m, 7);
    assert_eq!(run(&mut m, |a| a.xsaveopt64(ptr(rdi)).unwrap()), None);
    assert_eq!(word(&m, 512), 4);
    assert_eq!(word(&m, 160), 0xeeee_eeee_eeee_eeee);
    assert_eq!(word(&m, 576), 5);
    assert_eq!(run(&mut m, |a| a.xsavec64(ptr(rdi)).unwrap()), None);
    assert_eq!((word(&m, 512), word(&m, 520)), (4, 7 | 1 << 63));
    m.set_slot128(ymm[0], 6);
    assert_eq!(run(&mut m, |a| a.xrstor64(ptr(rdi)).unwrap()), None);
    assert_eq!(m.slot128(ymm[0]), 5);
}

#[test]
fn bad_headers_and_addresses_fault() {
    let mut m = machine();
    ask(&mut m, 7);
    m.set_r(DI, AREA + 16);
    assert_eq!(
        run(&mut m, |a| a.xsave64(ptr(rdi)).unwrap()),
        Some(fault::GP)
    );
    m.set_r(DI, AREA);
    for (at, v) in [(512, 8u64), (520, 1), (528, 1), (24, 1 << 16)] {
        m.hw.write_bytes(AREA, &[0; 832]);
        m.hw.write_bytes(AREA + at, &v.to_le_bytes());
        let got = run(&mut m, |a| a.xrstor64(ptr(rdi)).unwrap());
        assert_eq!(got, Some(fault::GP), "{at}");
    }
    m.cpu.sys.cr4 &= !cr4::OSXSAVE;
    assert_eq!(
        run(&mut m, |a| a.xsave64(ptr(rdi)).unwrap()),
        Some(fault::UD)
    );
    assert_eq!(
        run(&mut m, |a| a.vpxor(ymm1, ymm1, ymm1).unwrap()),
        Some(fault::UD)
    );
}

#[test]
fn xcr0_takes_what_exists() {
    let mut m = machine();
    m.set_r(CX, 0);
    for (v, good) in [
        (7, true),
        (3, true),
        (1, true),
        (5, false),
        (2, false),
        (15, false),
    ] {
        ask(&mut m, v);
        let got = run(&mut m, |a| a.xsetbv().unwrap());
        assert_eq!(got, (!good).then_some(fault::GP), "{v}");
    }
    assert_eq!(run(&mut m, |a| a.xgetbv().unwrap()), None);
    assert_eq!(m.r(AX), 1);
    assert_eq!(
        run(&mut m, |a| a.vaddpd(ymm1, ymm2, ymm3).unwrap()),
        Some(fault::UD)
    );
    ask(&mut m, 7);
    run(&mut m, |a| a.xsetbv().unwrap());
    assert_eq!(run(&mut m, |a| a.vaddpd(ymm1, ymm2, ymm3).unwrap()), None);
    m.cpu.sys.cr0 |= 8;
    assert_eq!(
        run(&mut m, |a| a.vaddpd(ymm1, ymm2, ymm3).unwrap()),
        Some(fault::NM)
    );
}
