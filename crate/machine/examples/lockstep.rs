//! Runs a kernel in the interpreter and with compiled code side by side and reports the first slice after which the states
//! differ: `lockstep TARGET KERNEL INITRD|- APPEND INSNS STEP [CPU]`.
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let make = |accel| {
        let mut config = Config::new(Config::target(&args[1]).expect("target"));
        config.ram_bytes = 128 << 20;
        config.kernel = Some(std::fs::read(&args[2]).expect("kernel"));
        if args[3] != "-" {
            config.initrd = Some(std::fs::read(&args[3]).expect("initrd"));
        }
        config.append = args[4].clone();
        config.cpu = args.get(7).cloned().unwrap_or_default();
        config.accel = accel;
        config.tuning.hot_runs = 30;
        config.tuning.credit = 1 << 40;
        config.tuning.batch = 1;
        Machine::new(&config, |arena| {
            Ok(Box::new(
                WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?,
            ))
        })
        .unwrap_or_else(|e| panic!("{e}"))
    };
    let mut a = make(Accel::Interp);
    let mut b = make(Accel::Jit);
    let limit: u64 = args[5].parse().expect("insns");
    let step: u64 = args[6].parse().expect("step");
    let script: Vec<(String, String)> = std::env::var("TYPE")
        .unwrap_or_default()
        .split('|')
        .filter_map(|l| {
            l.split_once("=>")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        })
        .collect();
    let mut at = 0;
    let mut seen = String::new();
    while a.icount() < limit {
        let before = (dump(&mut a), a.icount());
        let ends = (a.run_slice(step), b.run_slice(step));
        let out = (a.take_serial_output(0), b.take_serial_output(0));
        print!("{}", String::from_utf8_lossy(&out.0));
        seen.push_str(&String::from_utf8_lossy(&out.0));
        let (da, db) = (dump(&mut a), dump(&mut b));
        if da != db || ends.0 != ends.1 || out.0 != out.1 || a.icount() != b.icount() {
            println!(
                "\nDIFFER: icount {} {} {ends:?}\nbefore ({}):\n{}\ninterp:\n{da}\njit:\n{db}",
                a.icount(),
                b.icount(),
                before.1,
                before.0
            );
            println!("{:?}", b.stats());
            std::process::exit(1);
        }
        if let SliceEnd::Halted { until_ns: Some(ns) } = ends.0 {
            a.skip_to(ns);
            b.skip_to(ns);
        } else if ends.0 != SliceEnd::Budget {
            println!("{:?}", ends.0);
            break;
        }
        if let Some((want, send)) = script.get(at)
            && seen.contains(want)
        {
            a.serial_input(0, format!("{send}\r").as_bytes());
            b.serial_input(0, format!("{send}\r").as_bytes());
            at += 1;
            seen.clear();
        }
    }
    println!("\nsame: {:016x} {:016x}", a.state_hash(), b.state_hash());
    println!("{:?}", b.stats());
}

fn dump(m: &mut Machine) -> String {
    let state = m.vcpu_mut().state().clone();
    m.vcpu_mut().guest().dump(&state)
}
