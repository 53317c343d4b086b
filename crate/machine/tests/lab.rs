//! The lab guest in both byte orders: its self-test passes, and every way of running it ends in the same state.

use tinamou_core::{Loader, Saver};
use tinamou_jit::Tuning;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

/// More than the session takes.
const MAX_INSNS: u64 = 40_000_000;

/// What is typed at each `lab> ` prompt.
const COMMANDS: [&str; 4] = ["info", "timer 2", "selftest", "poweroff"];

/// What a run comes to.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    said: String,
    icount: u64,
    virtual_ns: u64,
    state_hash: u64,
}

fn machine(arch: &str, accel: Accel) -> Machine {
    tuned(arch, accel, |_| ())
}

fn tuned(arch: &str, accel: Accel, tune: impl FnOnce(&mut Tuning)) -> Machine {
    let image = format!(
        "{}/../../tests/lab/images/lab-{arch}.elf",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut config = Config::new(Config::target(arch).unwrap());
    config.cpu = "24Kf".into();
    config.ram_bytes = 16 << 20;
    config.kernel = Some(std::fs::read(image).unwrap());
    config.append = "one two".into();
    config.accel = accel;
    // Compile early and everything, so that as much as possible runs compiled.
    config.tuning = Tuning {
        batch: 4,
        ..Tuning::eager(8)
    };
    tune(&mut config.tuning);
    Machine::new(&config, |arena| {
        let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
        Ok(Box::new(engine))
    })
    .unwrap()
}

fn devices(machine: &mut Machine) -> Vec<u8> {
    let mut saver = Saver::new();
    machine.bus_mut().save(&mut saver);
    saver.finish()
}

/// Loads the devices' state into a machine, which then saves it as it was.
fn load_devices(machine: &mut Machine, state: &[u8]) {
    let mut loader = Loader::new(state);
    machine.bus_mut().load(&mut loader).unwrap();
    machine.bus_mut().start_requests();
    assert_eq!(loader.remaining(), 0);
    assert_eq!(devices(machine), state);
}

/// Plays the session in slices of `slice` instructions; what is typed depends on what was said alone. At each prompt `pause` may
/// do to the machine what must not show.
fn session(machine: &mut Machine, slice: u64, mut pause: impl FnMut(&mut Machine)) -> Outcome {
    let mut said = Vec::new();
    let mut commands = COMMANDS.iter();
    loop {
        let end = machine.run_slice(slice);
        let new = machine.take_serial_output(0);
        said.extend_from_slice(&new);
        let prompted = !new.is_empty() && said.ends_with(b"lab> ");
        if prompted {
            pause(machine);
            let command = commands.next().expect("a prompt after poweroff");
            machine.serial_input(0, format!("{command}\r").as_bytes());
        }
        match end {
            SliceEnd::Budget => {}
            // What was typed wakes it.
            SliceEnd::Halted { .. } if prompted => {}
            SliceEnd::Halted {
                until_ns: Some(next),
            } => machine.skip_to(next),
            SliceEnd::Shutdown => break,
            other => panic!("{other:?} after: {}", String::from_utf8_lossy(&said)),
        }
        assert!(
            machine.icount() < MAX_INSNS,
            "it never ended: {}",
            String::from_utf8_lossy(&said)
        );
    }
    Outcome {
        said: String::from_utf8_lossy(&said).replace('\r', ""),
        icount: machine.icount(),
        virtual_ns: machine.now_ns(),
        state_hash: machine.state_hash(),
    }
}

fn check(arch: &str) {
    let slice = 10_000;
    let mut interp = machine(arch, Accel::Interp);
    let want = session(&mut interp, slice, |_| ());
    let passed = want
        .said
        .lines()
        .find_map(|l| l.strip_prefix("SELFTEST PASS "));
    let (ok, of) = passed
        .and_then(|p| p.split_once('/'))
        .unwrap_or_else(|| panic!("{}", want.said));
    assert_eq!(ok, of);
    assert_eq!(interp.stats().modules, 0);

    // One run keeps so little code that modules come and go, in one no region stays long enough, and the last runs by pieces, as a machine does that is not asked otherwise.
    for run in 0..5 {
        let mut jit = tuned(arch, Accel::Jit, |tuning| match run {
            2 => (tuning.code_bytes, tuning.mark_insns) = (2000, 10_000),
            3 => (tuning.pieces[0].stay_insns, tuning.stay_calls) = (1 << 40, 4),
            4 => *tuning = Tuning::native(),
            _ => {}
        });
        let got = session(&mut jit, slice, |jit| {
            if run == 1 {
                let state = devices(jit);
                load_devices(&mut machine(arch, Accel::Interp), &state);
                load_devices(jit, &state);
            }
        });
        assert_eq!(got, want, "{arch}, compiled, run {run}");
        let stats = jit.stats();
        assert!(
            run == 4 || stats.modules > 0,
            "{arch}: nothing was compiled"
        );
        assert_eq!(stats.evicted > 0, run == 2, "{arch}: {stats:?}");
        assert_eq!(stats.brief > 0, run == 3, "{arch}: {stats:?}");
        assert!(stats.interpreted < stats.insns, "{arch}: {stats:?}");
    }
}

#[test]
fn little_endian() {
    check("mipsel");
}

#[test]
fn big_endian() {
    check("mips");
}
