//! `tinamou`: the command line. Options are QEMU's; the first word, or the name it is linked under, is QEMU's program name.
//!
//! This is one host of the machine (the browser is another): it alone knows the wall clock, the terminal, files and sockets.
//! [`options`] reads the command line, [`setup`] makes the machine of it, [`run`] drives it.

mod disks;
mod gdb;
mod host;
mod logfile;
mod options;
mod report;
mod run;
mod script;
mod setup;
mod trace;
mod user;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use gdb::Gdb;
use host::serial::Port;
use host::signals::Signals;
use host::{terminal, why};
use logfile::Log;
use options::chardev::Chardev;
use options::{Options, Parsed};
use run::{End, Session};
use script::{Script, Watch};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some((target, skip)) = user::target(&args) {
        return user::main(target, args.into_iter().skip(skip).collect());
    }
    let args: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let done = match options::parse(&args) {
        Ok(Parsed::Run(options, warnings)) => start(&options, warnings),
        Ok(Parsed::Print(text)) => {
            // A closed pipe is no trouble: whoever asked has read enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
        Err(message) => Err(message),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("tinamou: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Makes and runs the machine.
fn start(options: &Options, mut warnings: Vec<String>) -> Result<(), String> {
    let begin = Instant::now();
    let script = match &options.x.input {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|e| format!("could not load script '{path}': {}", why(&e)))?;
            Some(Script::parse(&text).map_err(|e| format!("'{path}': {e}"))?)
        }
        None => None,
    };
    let log = Log::open(options.log_file.as_deref())?;
    let mut machine = setup::machine(options, &mut warnings)?;
    for warning in &warnings {
        eprintln!("tinamou: warning: {warning}");
    }
    let tracer = trace::tracer(options.log, &log);
    machine.vcpu_mut().set_trace(tracer);
    let ports = open_ports(&options.serial_ports())?;
    let gdb = match &options.gdb {
        Some(dev) => Some(
            Gdb::open(dev, options.icount.is_some() && options.drives.is_empty())
                .inspect_err(|_| terminal::restore())?,
        ),
        None => None,
    };
    let signals = Signals::catch().map_err(|e| format!("signals: {}", why(&e)))?;
    let mut session = Session {
        ports,
        icount: options.icount,
        script,
        exit_on: options.x.exit_on.as_deref().map(Watch::new),
        max_insns: options.x.max_insns,
        no_reboot: options.no_reboot,
        no_shutdown: options.no_shutdown,
        log,
        signals,
        gdb,
        running: !options.stopped,
        unheard: Vec::new(),
    };
    let end = session.run(&mut machine);
    session.log.flush();
    if let Some(gdb) = &mut session.gdb {
        let failed = matches!(end, End::Limit | End::Panic);
        gdb.exited(failed.into());
    }
    let unmet = session.script.as_ref().and_then(Script::waits_for);
    // The terminal is itself again before anything more is said.
    drop(session);
    if options.x.stats || options.x.state_hash {
        let wall = begin.elapsed().as_secs_f64();
        eprintln!(
            "{}",
            report::line(&mut machine, options.x.state_hash, wall, end.name())
        );
    }
    // Taking the machine apart (modules, memory) would only cost time: the process ends.
    std::mem::forget(machine);
    match end {
        End::Limit => Err("gave up: -x-max-insns reached".into()),
        End::Stuck => Err(format!(
            "gave up: the guest waits, and nothing is left to wake it{}",
            unmet.map_or(String::new(), |text| format!(" (not seen: {text})"))
        )),
        End::Panic => Err("the machine stopped".into()),
        End::Signal(n) => {
            eprintln!("tinamou: terminating on signal {n}");
            Ok(())
        }
        End::Shutdown | End::Reset | End::Text => match unmet {
            Some(text) => Err(format!("-x-input: not seen: {text}")),
            None => Ok(()),
        },
        End::Quit => Ok(()),
    }
}

/// Opens the serial ports; this terminal last, because it then turns raw.
fn open_ports(devs: &[Chardev]) -> Result<Vec<Port>, String> {
    let mut ports: Vec<Port> = devs.iter().map(|_| Port::default()).collect();
    for terminal in [false, true] {
        for (n, dev) in devs
            .iter()
            .enumerate()
            .filter(|(_, d)| matches!(d, Chardev::Stdio { .. }) == terminal)
        {
            ports[n] = Port::open(dev, &format!("serial{n}")).map_err(|e| {
                terminal::restore();
                format!("-serial: {e}")
            })?;
        }
    }
    Ok(ports)
}
