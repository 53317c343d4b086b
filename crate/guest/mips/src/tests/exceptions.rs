//! CP0: exceptions, interrupts, timer, watch registers, shadow sets, save and load.

use tinamou_ir::guest::Guest;

use super::harness::{Machine, asm};
use crate::cp0::{cause, status};
use crate::{CpuModel, fault};

fn mtc0(t: u32, reg: u32, sel: u32) -> u32 {
    asm("mtc0", &[('t', t), ('d', reg), ('n', sel)])
}

fn mfc0(t: u32, reg: u32, sel: u32) -> u32 {
    asm("mfc0", &[('t', t), ('d', reg), ('n', sel)])
}

#[test]
fn nested_exceptions_keep_epc() {
    let mut m = Machine::new("24Kc", false);
    m.code(0x180, &[asm("break", &[])]);
    m.code(0x1000, &[asm("syscall", &[])]);
    m.step(8);
    assert_eq!((m.pc(), m.slot(m.cpu.regs.epc)), (0x8000_0180, 0x8000_1000));
    m.step(8);
    assert_eq!((m.pc(), m.slot(m.cpu.regs.epc)), (0x8000_0180, 0x8000_1000));
    assert_eq!(m.cpu.cause() >> 2 & 31, fault::BP);
    assert!(m.slot(m.cpu.regs.status) & 2 != 0);
}

#[test]
fn eret_returns_and_clears_llbit() {
    let mut m = Machine::new("24Kc", false);
    m.set_slot(m.cpu.regs.llbit, 1);
    m.set_slot(m.cpu.regs.epc, 0x8000_3000);
    m.set_slot(m.cpu.regs.errorepc, 0x8000_4000);
    m.set_status(status::EXL | status::ERL);
    m.code(0x1000, &[asm("eret", &[])]);
    // Error level: kseg0 is still mapped as before.
    m.step(8);
    assert_eq!(m.pc(), 0x8000_4000);
    m.code(0x4000, &[asm("eret", &[])]);
    m.step(8);
    assert_eq!(m.pc(), 0x8000_3000);
    assert_eq!(m.slot(m.cpu.regs.status) & 6, 0);
    assert_eq!(m.slot(m.cpu.regs.llbit), 0);
}

#[test]
fn coprocessors_are_unusable_in_user_mode() {
    let mut m = Machine::new("24Kf", false);
    // User mode runs from kuseg through the error level's unmapped kuseg is not possible: check the lifter's decision by kernel and CU bits.
    m.set_status(0);
    m.code(0x1000, &[asm("mfc1", &[('t', 1), ('S', 2)])]);
    m.step(1);
    assert_eq!(
        (m.pc(), m.cpu.cause() >> 2 & 31, m.cpu.cause() >> 28 & 3),
        (0x8000_0180, fault::CPU, 1)
    );
}

#[test]
fn status_writes_leave_when_the_mode_changes() {
    let mut m = Machine::new("24Kf", false);
    m.set_r(1, 1 << 28);
    m.code(
        0x1000,
        &[mtc0(1, 12, 0), asm("mtc1", &[('t', 1), ('S', 2)])],
    );
    m.step(8);
    assert_eq!(m.pc(), 0x8000_1004);
    m.step(8);
    assert_eq!(m.cpu.cause() >> 2 & 31, fault::CPU);
}

#[test]
fn timer_interrupts_after_compare() {
    let mut m = Machine::new("24Kc", false);
    // Count runs at 160 MHz.
    m.set_r(1, 1600);
    m.exec(&[mtc0(1, 11, 0), mfc0(2, 9, 0)]);
    assert_eq!((m.hw.timer, m.r(2)), (Some(10_000), 0));
    m.hw.now_ns = 10_000;
    m.cpu.timer(&mut m.hw);
    m.exec(&[mfc0(2, 9, 0), mfc0(3, 13, 0)]);
    assert_eq!(m.r(2), 1600);
    assert_eq!(m.r(3) as u32 & (cause::TI | 0x8000), cause::TI | 0x8000);
    assert!(!m.cpu.has_interrupt());
    m.set_status(0x8001);
    m.set_pc(0x8000_1000);
    assert!(m.cpu.has_interrupt());
    m.step(8);
    assert_eq!((m.pc(), m.slot(m.cpu.regs.epc)), (0x8000_0180, 0x8000_1000));
    // Writing Compare acknowledges.
    m.set_status(0);
    m.exec(&[mtc0(1, 11, 0)]);
    assert_eq!(m.cpu.cause() & cause::TI, 0);
    assert_eq!(m.hw.timer, Some(10_000 + ((1u64 << 32) * 25).div_ceil(4)));
}

#[test]
fn interrupts_are_taken_by_mask_and_vector() {
    let mut m = Machine::new("24Kc", false);
    m.cpu.set_irq(2, true);
    m.set_status(0x0801);
    assert!(!m.cpu.has_interrupt());
    m.set_status(0x0401);
    assert!(m.cpu.has_interrupt());
    m.step(1);
    assert_eq!(m.pc(), 0x8000_0180);
    // Vectored: IV, spacing 32 bytes, IP4.
    m.set_status(0);
    m.set_r(1, cause::IV as u64);
    m.set_r(2, 0x20);
    m.exec(&[mtc0(1, 13, 0), mtc0(2, 12, 1)]);
    m.cpu.set_irq(4, true);
    m.set_status(0x1401);
    m.step(1);
    assert_eq!(m.pc(), 0x8000_0200 + 4 * 0x20);
    // EI in one instruction, taken behind it.
    m.set_status(0x1400);
    m.code(0x1000, &[asm("ei", &[('t', 5)]), 0, 0]);
    m.set_pc(0x8000_1000);
    m.step(8);
    assert_eq!((m.pc(), m.r(5)), (0x8000_1004, 0x1400));
    m.step(8);
    assert_eq!(m.slot(m.cpu.regs.epc), 0x8000_1004);
}

#[test]
fn wait_halts_until_an_interrupt() {
    let mut m = Machine::new("24Kc", false);
    m.set_status(0x0401);
    m.code(0x1000, &[asm("wait", &[]), 0]);
    m.step(8);
    assert!(m.cpu.is_halted() && m.pc() == 0x8000_1004 && !m.cpu.has_interrupt());
    m.cpu.set_irq(2, true);
    assert!(m.cpu.has_interrupt() && m.cpu.take_interrupt(&mut m.hw));
    assert!(!m.cpu.is_halted());
    assert_eq!(m.slot(m.cpu.regs.epc), 0x8000_1004);
}

#[test]
fn watch_raises_or_defers() {
    let mut m = Machine::new("4Kc", false);
    m.set_r(1, 0x8000_2000 | 1);
    m.set_r(2, 1 << 30);
    m.exec(&[mtc0(1, 18, 0), mtc0(2, 19, 0)]);
    m.set_r(3, 0x8000_2000);
    let store = asm("sw", &[('s', 3), ('t', 4), ('i', 4)]);
    // Loads are not watched.
    m.exec(&[asm("lw", &[('s', 3), ('t', 4)])]);
    m.code(0x1000, &[store]);
    m.set_pc(0x8000_1000);
    m.step(1);
    assert_eq!(
        (m.pc(), m.cpu.cause() >> 2 & 31),
        (0x8000_0180, fault::WATCH)
    );
    // Deferred: EXL set.
    m.set_slot(m.cpu.regs.epc, 0x8000_1400);
    m.code(0x180, &[store, asm("eret", &[])]);
    m.step(8);
    assert_eq!(m.cpu.cause() & cause::WP, cause::WP);
    assert_eq!(m.pc(), 0x8000_1400);
    m.step(8);
    assert_eq!(
        (m.pc(), m.slot(m.cpu.regs.epc), m.cpu.cause() & cause::WP),
        (0x8000_0180, 0x8000_1400, 0)
    );
    // Fetch.
    m.set_status(0);
    m.set_r(1, 0x8000_1008 | 4);
    m.exec(&[mtc0(1, 18, 0)]);
    m.code(0x1000, &[0, 0, 0, 0]);
    m.set_pc(0x8000_1000);
    m.step(8);
    assert_eq!(
        (m.cpu.cause() >> 2 & 31, m.slot(m.cpu.regs.epc)),
        (fault::WATCH, 0x8000_1008)
    );
}

#[test]
fn shadow_sets_switch_on_exceptions() {
    let mut m = Machine::new("34Kf", false);
    m.set_r(1, 2 << 12);
    m.set_r(5, 55);
    m.exec(&[mtc0(1, 12, 2)]);
    m.code(0x1000, &[asm("syscall", &[])]);
    m.set_pc(0x8000_1000);
    m.step(1);
    assert_eq!(m.r(5), 0);
    m.code(
        0x180,
        &[
            asm("rdpgpr", &[('d', 6), ('t', 5)]),
            asm("addiu", &[('s', 6), ('t', 7), ('i', 1)]),
            asm("wrpgpr", &[('d', 8), ('t', 7)]),
            asm("mfc0", &[('t', 9), ('d', 12), ('n', 2)]),
            asm("eret", &[]),
        ],
    );
    m.set_slot(m.cpu.regs.epc, 0x8000_1004);
    m.run_to(0x8000_1004);
    assert_eq!((m.r(5), m.r(8), m.r(7), m.r(9)), (55, 56, 0, 0));
    assert_eq!(m.cpu.sys.shadow[2][9], 3 << 26 | 2 << 12 | 2);
}

/// An external interrupt controller: the highest requested level and its shadow set on the CPU's pins.
#[derive(Default)]
struct Controller {
    /// (level, shadow set) of what is requested.
    requests: Vec<(u32, u32)>,
}

impl Controller {
    /// The core's timer at level 40 with set 1, its software interrupts at levels 10 and 11.
    fn drive(&self, m: &mut Machine) {
        let inputs = m.cpu.eic_inputs();
        let own = [(10, 0), (11, 0), (40, 1)];
        let own = own.iter().enumerate().filter(|(n, _)| inputs >> n & 1 != 0);
        let all = self.requests.iter().chain(own.map(|(_, r)| r));
        let (level, set) = all.max().copied().unwrap_or_default();
        for pin in 0..6 {
            m.cpu.set_irq(2 + pin, level >> pin & 1 != 0);
        }
        for pin in 0..4 {
            m.cpu.set_irq(8 + pin, set >> pin & 1 != 0);
        }
    }
}

#[test]
fn an_external_controller_names_level_and_shadow_set() {
    let model = CpuModel::configured("24Kf,veic=on,srs=3").unwrap();
    let mut m = Machine::with_model(&model, false);
    let mut controller = Controller::default();
    m.set_r(1, cause::IV as u64);
    m.set_r(2, 0x20);
    m.set_r(3, 77);
    m.set_r(4, 99);
    m.exec(&[
        mtc0(1, 13, 0),
        mtc0(2, 12, 1),
        mfc0(5, 16, 3),
        mfc0(6, 12, 2),
    ]);
    assert_eq!((m.r(5) & 0x60, m.r(6) >> 26 & 15), (0x60, 3));
    // Interrupts above level 12 alone.
    m.set_status(12 << 10 | 1);
    controller.requests = vec![(12, 2), (5, 3)];
    controller.drive(&mut m);
    assert!(!m.cpu.has_interrupt());
    controller.requests.push((13, 2));
    controller.drive(&mut m);
    assert!(m.cpu.has_interrupt());
    m.set_pc(0x8000_1000);
    // The handler of level 13, in set 2: reads what it was, raises its own level, and is interrupted by the timer.
    m.code(
        0x200 + 13 * 0x20,
        &[
            mfc0(7, 13, 0),
            mfc0(8, 12, 2),
            asm("rdpgpr", &[('d', 9), ('t', 3)]),
            asm("eret", &[]),
        ],
    );
    m.code(
        0x1000,
        &[0, 0, asm("addiu", &[('s', 4), ('t', 4), ('i', 1)])],
    );
    m.step(1);
    assert_eq!(m.pc(), 0x8000_0200 + 13 * 0x20);
    controller.requests.clear();
    controller.drive(&mut m);
    for _ in 0..3 {
        m.step(1);
    }
    // RIPL was latched; SRSCtl has EICSS 2, PSS 0, CSS 2.
    assert_eq!(m.r(7) >> 10 & 0x3f, 13);
    assert_eq!(m.r(8) & 0x3c_03cf, 2 << 18 | 2);
    assert_eq!(m.r(9), 77);
    m.step(1);
    assert_eq!((m.pc(), m.r(3), m.r(4)), (0x8000_1000, 77, 99));
    // The timer and a software interrupt by way of the controller.
    m.cpu.timer(&mut m.hw);
    m.set_r(1, (cause::IV | 0x200) as u64);
    m.set_status(0);
    m.exec(&[mtc0(1, 13, 0)]);
    m.set_status(10 << 10 | 1);
    controller.drive(&mut m);
    m.step(1);
    assert_eq!(m.pc(), 0x8000_0200 + 40 * 0x20);
    assert_eq!(m.cpu.sys.srsctl & 15, 1);
    assert_eq!(m.cpu.cause() & cause::TI, cause::TI);
    // At exception level nothing more; behind it the software interrupt, once the timer is quiet.
    m.code(0x200 + 40 * 0x20, &[mtc0(0, 11, 0), asm("eret", &[])]);
    m.set_slot(m.cpu.regs.epc, 0x8000_1000);
    m.step(1);
    controller.drive(&mut m);
    m.step(1);
    m.step(1);
    assert_eq!(m.pc(), 0x8000_0200 + 11 * 0x20);
    // Without vectors the pins are lines again: level 11 is IP2, IP3 and IP5.
    m.set_r(1, 0);
    m.set_status(0);
    m.exec(&[mtc0(1, 12, 1)]);
    assert_eq!(m.cpu.cause() >> 10 & 0x3f, 11);
}

#[test]
fn rdhwr_obeys_hwrena() {
    let mut m = Machine::new("24Kc", false);
    m.set_r(1, 0x1234_5678);
    m.set_r(2, 1 << 29);
    m.exec(&[
        mtc0(1, 4, 2),
        mtc0(2, 7, 0),
        asm("rdhwr", &[('t', 3), ('d', 29)]),
        asm("rdhwr", &[('t', 4), ('d', 1)]),
    ]);
    assert_eq!((m.r(3), m.r(4)), (0x1234_5678, 32));
}

#[test]
fn config_and_identity() {
    let mut m = Machine::new("24Kf", true);
    m.exec(&[
        mfc0(1, 15, 0),
        mfc0(2, 16, 0),
        mfc0(3, 16, 1),
        mfc0(4, 15, 1),
    ]);
    assert_eq!((m.r(1), m.r(4)), (0x0001_9300, 0x8000_0000));
    assert_eq!(m.r(2) & 0x8000, 0x8000);
    assert_eq!(m.r(3) & 1, 1);
}

#[test]
fn sdbbp_and_deret() {
    let mut m = Machine::new("24Kc", false);
    m.code(0x1000, &[asm("sdbbp", &[])]);
    m.step(1);
    assert_eq!((m.pc(), m.cpu.sys.depc), (0xbfc0_0480, 0x8000_1000));
    m.cpu.sys.depc = 0x8000_1234;
    m.code(0x1000, &[asm("deret", &[])]);
    m.set_pc(0x8000_1000);
    m.step(1);
    assert_eq!(m.pc(), 0x8000_1234);
}

#[test]
fn state_survives_save_and_load() {
    let mut m = Machine::new("34Kf", false);
    m.set_r(1, 0x1000);
    m.exec(&[
        mtc0(1, 11, 0),
        mtc0(1, 6, 0),
        asm("tlbwr", &[]),
        asm("tlbwr", &[]),
    ]);
    let mut bytes = Vec::new();
    m.cpu.save(&mut bytes);
    let mut other = Machine::new("34Kf", false);
    other.cpu.load(&bytes).unwrap();
    let mut again = Vec::new();
    other.cpu.save(&mut again);
    assert_eq!(bytes, again);
    for cut in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(other.cpu.load(&bytes[..cut]).is_err());
    }
    bytes.push(0);
    assert!(other.cpu.load(&bytes).is_err());
}
