//! Boots a kernel in the plainest way: `boot TARGET KERNEL INITRD|- APPEND INSNS [jit]`.
use std::io::Write;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut config = Config::new(Config::target(&args[1]).expect("target"));
    config.ram_bytes = 256 << 20;
    config.kernel = Some(std::fs::read(&args[2]).expect("kernel"));
    if args[3] != "-" {
        config.initrd = Some(std::fs::read(&args[3]).expect("initrd"));
    }
    config.append = args[4].clone();
    config.log_guest_errors = true;
    if let Ok(cpu) = std::env::var("CPU") {
        config.cpu = cpu;
    }
    if let Ok(t) = std::env::var("TUNE") {
        let t: Vec<u32> = t.split(',').map(|x| x.parse().expect("number")).collect();
        config.tuning.hot_runs = t[0];
        config.tuning.warm_part = t[1];
        config.tuning.region_insns = t[2];
        config.tuning.price = t.get(3).map_or(config.tuning.price, |&p| p.into());
    }
    if let Ok(shift) = std::env::var("SHIFT") {
        config.icount_shift = shift.parse().expect("shift");
    }
    config.accel = if args.get(6).is_some_and(|a| a == "jit") {
        Accel::Jit
    } else {
        Accel::Interp
    };
    let mut machine = Machine::new(&config, |arena| {
        Ok(Box::new(
            tinamou_jit::engine::wasmtime::WasmtimeEngine::new(arena, 1)
                .map_err(|e| e.to_string())?,
        ))
    })
    .unwrap_or_else(|e| panic!("{e}"));
    let limit: u64 = args[5].parse().expect("insns");
    let start = std::time::Instant::now();
    let mut script = std::env::var("TYPE")
        .unwrap_or_default()
        .split('|')
        .map(str::to_owned)
        .collect::<std::collections::VecDeque<_>>();
    let mut seen = String::new();
    while machine.icount() < limit {
        let end = machine.run_slice(10_000_000);
        let out = machine.take_serial_output(0);
        seen.push_str(&String::from_utf8_lossy(&out));
        std::io::stdout().write_all(&out).unwrap();
        std::io::stdout().flush().unwrap();
        for e in machine.take_guest_errors() {
            eprintln!("guest error: {e}");
        }
        match end {
            SliceEnd::Budget => {}
            SliceEnd::Halted { until_ns: Some(ns) } => machine.skip_to(ns),
            other => {
                eprintln!("{other:?}");
                break;
            }
        }
        if let Some(line) = script.front() {
            let (want, send) = line.split_once('>').unwrap_or((line, ""));
            if !want.is_empty() && seen.contains(want) {
                machine.serial_input(0, format!("{send}\n").as_bytes());
                seen.clear();
                script.pop_front();
            }
        }
    }
    let stats = machine.stats();
    eprintln!("{:?}", machine.vcpu_mut().stats);
    eprintln!("{stats:?}\n{:?}", start.elapsed());
    let state = machine.vcpu_mut().state().clone();
    eprintln!("{}", machine.vcpu_mut().guest().dump(&state));
    for w in -8i64..8 {
        let pc = state.pc() as i64 + w * 4;
        let mut b = [0; 4];
        machine
            .bus_mut()
            .read_memory(tinamou_core::Gpa((pc & 0x1fff_ffff) as u64), &mut b);
        eprintln!("{pc:x}: {:08x}", u32::from_le_bytes(b));
    }
    eprintln!("hash {:016x}", machine.state_hash());
}
