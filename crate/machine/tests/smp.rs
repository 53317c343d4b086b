//! Several vCPUs in turn, by the program in tests/smp: its output is QEMU's, one state in both tiers and however the host cuts the run into
//! slices, also over a snapshot in the middle.

use tinamou_jit::Tuning;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

/// More than the program takes.
const MAX_INSNS: u64 = 400_000_000;

fn machine(cpus: u32, accel: Accel) -> Machine {
    // Compile early: the program is short.
    tuned(cpus, accel, Tuning::eager(50))
}

fn tuned(cpus: u32, accel: Accel, tuning: Tuning) -> Machine {
    let mut config = Config::new(Config::target("i386").expect("a target"));
    config.ram_bytes = 32 << 20;
    config.cpus = cpus;
    config.counted = true;
    config.kernel = Some(include_bytes!("../../../tests/smp/images/smp.elf").to_vec());
    config.accel = accel;
    config.tuning = tuning;
    Machine::new(&config, |arena| {
        let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
        Ok(Box::new(engine))
    })
    .expect("a machine")
}

/// Runs to the end in slices as long as `slice` says; the text and the state's hash.
fn run(m: &mut Machine, mut slice: impl FnMut() -> u64) -> (String, u64) {
    let mut out = Vec::new();
    loop {
        let end = m.run_slice(slice());
        out.extend(m.take_serial_output(0));
        match end {
            SliceEnd::Budget => assert!(m.icount() < MAX_INSNS, "it does not end"),
            SliceEnd::Halted { until_ns: Some(ns) } => m.skip_to(ns),
            SliceEnd::Shutdown => break,
            end => panic!("{end:?}"),
        }
    }
    let text = String::from_utf8(out).expect("text");
    (text.replace('\r', ""), m.state_hash())
}

fn golden(cpus: u32) -> String {
    let path = format!(
        "{}/../../tests/smp/golden/smp-{cpus}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the golden output");
    // The first line says how it was made.
    text.split_once('\n').expect("lines").1.to_owned()
}

#[test]
fn every_number_of_cpus_prints_what_qemu_prints() {
    for cpus in [1, 2, 4, 8] {
        let (text, interpreted) = run(&mut machine(cpus, Accel::Interp), || 1_000_000);
        assert_eq!(text, golden(cpus), "{cpus} CPUs");
        let mut jit = machine(cpus, Accel::Jit);
        let (text, compiled) = run(&mut jit, || 1_000_000);
        assert_eq!(text, golden(cpus), "{cpus} CPUs");
        assert_eq!(interpreted, compiled, "state with {cpus} CPUs");
        assert!(jit.stats().regions > 0, "nothing was compiled");
        let mut little = tuned(
            cpus,
            Accel::Jit,
            Tuning {
                code_bytes: 2000,
                mark_insns: 5000,
                ..Tuning::eager(50)
            },
        );
        let (_, evicting) = run(&mut little, || 10_000);
        assert_eq!(interpreted, evicting, "state with {cpus} CPUs, code let go");
        assert!(little.stats().evicted > 0, "{:?}", little.stats());
        let (_, pieces) = run(&mut tuned(cpus, Accel::Jit, Tuning::native()), || 10_000);
        assert_eq!(interpreted, pieces, "state with {cpus} CPUs, by pieces");
    }
}

#[test]
fn slices_and_snapshots_do_not_show() {
    let (_, whole) = run(&mut machine(4, Accel::Jit), || u64::MAX);
    let mut n = 1;
    let (_, cut) = run(&mut machine(4, Accel::Jit), || {
        n = n * 7 % 40_009;
        n
    });
    assert_eq!(cut, whole, "cut into slices");

    let mut first = machine(4, Accel::Jit);
    while first.icount() < 300_000 {
        assert_eq!(first.run_slice(10_007), SliceEnd::Budget);
    }
    let saved = first.save(true).expect("a snapshot").bytes;
    let mut second = machine(4, Accel::Interp);
    second.load(&saved).expect("it loads");
    assert_eq!(second.save(true).expect("a snapshot").bytes, saved);
    let (_, resumed) = run(&mut second, || 5_000_000);
    assert_eq!(resumed, whole, "resumed");

    let mut other = machine(2, Accel::Interp);
    let refused = other.load(&saved).expect_err("another number of CPUs");
    assert!(
        refused.to_string().contains("number of CPUs is 4"),
        "{refused}"
    );
}

#[test]
fn debuggers_see_each_vcpu() {
    let mut m = machine(2, Accel::Jit);
    assert_eq!(m.vcpus(), 2);
    assert!(
        !m.is_cpu_halted(0) && m.is_cpu_halted(1),
        "waits for start-up"
    );
    while m.is_cpu_halted(1) {
        assert_eq!(m.run_slice(1000), SliceEnd::Budget);
    }
    m.look_at_cpu(1);
    let registers = m.registers();
    m.look_at_cpu(0);
    assert_ne!(m.registers(), registers);
    // A step is the step of the vCPU that is looked at.
    let step = tinamou_machine::debug::Step {
        interrupts: true,
        timers: true,
    };
    for n in [1, 0] {
        m.look_at_cpu(1 - n);
        let still = m.pc();
        m.look_at_cpu(n);
        let before = m.pc();
        assert_eq!(m.step(step), SliceEnd::Debug);
        assert_eq!(m.cpu(), n);
        assert_ne!(m.pc(), before);
        m.look_at_cpu(1 - n);
        assert_eq!(m.pc(), still);
    }
}
