//! Priorities, messages, the timer, start-up of other CPUs. Expected values follow the SDM's chapter on the APIC.

use super::*;
use crate::testing::{Bench, storm};
use tinamou_core::Ns;

fn bench() -> Bench<Apics> {
    let mut b = Bench::new(Apics::new(2), || Apics::new(2));
    for n in 0..2 {
        reg(&mut b, n, 0xf0, 0x1ff);
    }
    b
}
fn as_cpu<T>(b: &mut Bench<Apics>, n: u64, f: impl FnOnce(&mut Bench<Apics>) -> T) -> T {
    b.cx.cpu = n as u32;
    let result = f(b);
    b.cx.cpu = 0;
    result
}
fn ask(b: &mut Bench<Apics>, n: u64, at: u64) -> u64 {
    as_cpu(b, n, |b| b.read(CPU_PORT, at, 8))
}
fn reg(b: &mut Bench<Apics>, n: u64, at: u64, v: u64) {
    as_cpu(b, n, |b| b.write(LOCAL, at, 4, v));
}
fn get(b: &mut Bench<Apics>, n: u64, at: u64) -> u64 {
    as_cpu(b, n, |b| b.read(LOCAL, at, 4))
}
fn ack(b: &mut Bench<Apics>, n: u64) -> u64 {
    ask(b, n, ACK)
}
fn redirect(b: &mut Bench<Apics>, pin: u64, low: u64, dest: u64) {
    for (i, v) in [(1, dest << 24), (0, low)] {
        b.write(IO, 0, 4, 0x10 + 2 * pin + i);
        b.write(IO, 0x10, 4, v);
    }
}
fn line(b: &mut Bench<Apics>, pin: u32, level: bool) {
    b.dev.irq_in(&mut b.cx, pin, level);
}

#[test]
fn priorities_and_spurious() {
    bench().twice(|b| {
        redirect(b, 4, 0x34, 0);
        redirect(b, 5, 0x51, 0);
        for p in [4, 5] {
            line(b, p, true);
            line(b, p, false);
        }
        assert!(b.irq(0));
        assert_eq!(ack(b, 0), 0x51);
        assert!(!b.irq(0), "31h waits for the end of 51h");
        assert_eq!(get(b, 0, 0xa0), 0x50);
        b.save_and_load();
        reg(b, 0, 0xb0, 0);
        assert!(b.irq(0));
        b.write(CPU_PORT, TPR, 1, 0x30);
        assert!(!b.irq(0), "the task priority holds class 3 back");
        assert_eq!(ack(b, 0), 0xff, "spurious");
        b.write(CPU_PORT, TPR, 1, 0x20);
        assert_eq!(get(b, 0, 0x80), 0x20);
        assert_eq!(ack(b, 0), 0x34);
        reg(b, 0, 0xb0, 0);
        b.write(CPU_PORT, TPR, 1, 0);
    });
}

#[test]
fn level_interrupts_come_again_until_served() {
    bench().twice(|b| {
        redirect(b, 10, 0x8000 | 0x41, 1);
        line(b, 10, true);
        assert!(b.irq(PINS));
        assert_eq!(ack(b, 1), 0x41);
        line(b, 10, false);
        line(b, 10, true);
        reg(b, 1, 0xb0, 0);
        assert_eq!(ack(b, 1), 0x41, "the line still stands");
        b.save_and_load();
        line(b, 10, false);
        reg(b, 1, 0xb0, 0);
        assert!(!b.irq(PINS));
        b.write(IO, 0, 4, 0x10 + 20);
        assert_eq!(b.read(IO, 0x10, 4), 0x8041, "remote IRR is clear");
    });
}

#[test]
fn ipis_and_startup() {
    bench().twice(|b| {
        reg(b, 0, 0x310, 1 << 24);
        reg(b, 0, 0x300, 0x4500); // INIT
        assert!(b.irq(PINS + 2));
        b.settle(Ns(PULSE_NS));
        assert!(!b.irq(PINS + 2), "a pulse");
        assert_eq!(ask(b, 1, EVENTS), 2);
        reg(b, 0, 0x300, 0x8500); // de-assert
        assert!(!b.irq(PINS + 2));
        reg(b, 0, 0x300, 0x4698); // start at 98000h
        assert!(b.irq(PINS + 3));
        b.save_and_load();
        assert_eq!(ask(b, 1, EVENTS), 0x9804);
        reg(b, 1, 0xf0, 0x1ff);
        reg(b, 0, 0x300, 0x4_0000 | 0x77); // self
        assert_eq!((ack(b, 0), b.irq(PINS)), (0x77, false));
        reg(b, 0, 0xb0, 0);
        reg(b, 0, 0x300, 0xc_0000 | 0x78); // all but self
        assert_eq!((b.irq(0), ack(b, 1)), (false, 0x78));
        reg(b, 1, 0xb0, 0);
        // Logical, flat.
        reg(b, 1, 0xd0, 2 << 24);
        reg(b, 0, 0x310, 2 << 24);
        reg(b, 0, 0x300, 0x800 | 0x79);
        assert_eq!(ack(b, 1), 0x79);
        reg(b, 1, 0xb0, 0);
        reg(b, 0, 0x300, 5);
        reg(b, 0, 0x280, 0);
        assert_eq!(get(b, 0, 0x280), 0x20, "send illegal vector");
        reg(b, 0, 0x300, 0x8_0400); // NMI to all
        assert!(b.irq(1) && b.irq(PINS + 1));
        assert_eq!(b.read(CPU_PORT, EVENTS, 8), 1);
        assert_eq!(ask(b, 1, EVENTS), 1);
    });
}

#[test]
fn external_interrupts_by_lint0() {
    bench().twice(|b| {
        b.cx.vector = 0x68;
        reg(b, 0, 0x350, 0x700);
        line(b, LINT0, true);
        assert!(b.irq(0) && !b.irq(PINS));
        assert_eq!(ack(b, 0), 0x68);
        reg(b, 0, 0x350, 0x1_0700);
        assert!(!b.irq(0));
        b.write(CPU_PORT, BASE, 8, 0xfee0_0000);
        assert!(b.irq(0), "without an APIC the CPU sees the pin");
        b.write(CPU_PORT, BASE, 8, 0xfee0_0800);
        assert_eq!(b.read(CPU_PORT, BASE, 8), 0xfee0_0900);
        line(b, LINT0, false);
        line(b, SMI, true);
        line(b, SMI, false);
        assert!(b.irq(4) && b.irq(PINS + 4));
        b.settle(Ns(PULSE_NS));
        assert!(!b.irq(4) && !b.irq(PINS + 4));
        assert_eq!(b.read(CPU_PORT, EVENTS, 8), 8);
        ask(b, 1, EVENTS);
    });
}

#[test]
fn cycles_of_the_cpu() {
    bench().twice(|b| {
        b.write(CPU_PORT, SHUTDOWN, 1, 1);
        assert_eq!(std::mem::take(&mut b.cx.requests), [MachineRequest::Reset]);
        as_cpu(b, 1, |b| b.write(CPU_PORT, FERR, 1, 1));
        assert!(b.irq(FERR_OUT));
        as_cpu(b, 1, |b| b.write(CPU_PORT, FERR, 1, 0));
        assert!(!b.irq(FERR_OUT));
    });
}

#[test]
fn timer_counts_and_interrupts() {
    bench().twice(|b| {
        reg(b, 0, 0x3e0, 0xb); // by 1
        reg(b, 0, 0x320, 0x60);
        reg(b, 0, 0x380, 10_000);
        b.settle(Ns(4_000));
        assert_eq!(get(b, 0, 0x390), 6_000);
        b.save_and_load();
        b.settle(Ns(6_000));
        assert_eq!((b.irq(0), get(b, 0, 0x390)), (true, 0));
        assert_eq!(ack(b, 0), 0x60);
        reg(b, 0, 0xb0, 0);
        b.settle(Ns(100_000));
        assert!(!b.irq(0), "once");
        reg(b, 0, 0x3e0, 0x3); // by 16
        reg(b, 0, 0x320, 0x2_0061);
        reg(b, 0, 0x380, 1_000);
        let mut n = 0;
        for _ in 0..160 {
            b.settle(Ns(1_000));
            if b.irq(0) {
                assert_eq!(ack(b, 0), 0x61);
                reg(b, 0, 0xb0, 0);
                n += 1;
            }
        }
        assert_eq!(n, 10);
        reg(b, 0, 0x380, 0);
        // As fast as can be: neither loops nor floods.
        reg(b, 0, 0x3e0, 0xb);
        reg(b, 0, 0x380, 1);
        b.settle(Ns(1_000_000));
        reg(b, 0, 0x380, 0);
        ack(b, 0);
        reg(b, 0, 0xb0, 0);
    });
}

#[test]
fn storm_does_no_harm() {
    storm(
        &mut bench(),
        &[
            (LOCAL, 0x3000),
            (LOCAL, 0x400),
            (CPU_PORT, 0x260),
            (IO, 0x50),
        ],
        100_000,
    );
}

#[test]
fn messages_of_devices() {
    bench().twice(|b| {
        // To APIC ID 1, fixed; then to logical destination 2, which nobody has; then NMI to all.
        b.write(MESSAGES, 0x0_1000, 4, 0x45);
        assert_eq!((ack(b, 0), ack(b, 1)), (0xff, 0x45));
        reg(b, 1, 0xb0, 0);
        b.write(MESSAGES, 0x0_2004, 4, 0x45);
        assert_eq!((ack(b, 0), ack(b, 1)), (0xff, 0xff));
        b.write(MESSAGES, 0xf_f000, 4, 0x400);
        assert_eq!((ask(b, 0, EVENTS), ask(b, 1, EVENTS)), (1, 1));
    });
}
