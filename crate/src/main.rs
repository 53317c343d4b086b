//! `tinamou`: the command line. Options are QEMU's; the first word, or the name it is linked under, is QEMU's program name.
//!
//! This is one host of the machine (the browser is another): it alone knows the wall clock, the terminal, files and sockets.
//! [`options`] reads the command line, [`setup`] makes the machine of it, [`run`] drives it.

mod chardevs;
mod curses;
mod disks;
mod firmware;
mod gdb;
mod host;
mod labs;
mod logfile;
mod native;
mod nets;
mod options;
mod report;
mod run;
mod script;
mod setup;
mod share;
mod trace;
mod transport;
mod user;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use chardevs::Chardevs;
use curses::Curses;
use gdb::Gdb;
use host::signals::Signals;
use host::{terminal, why};
use logfile::Log;
use native::Native;
use options::{Options, Parsed};
use run::{End, Session};
use script::{Script, Watch};
use tinamou_control::{Controller, Start};
use tinamou_jit::Timing;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some((target, skip)) = user::target(&args) {
        return user::main(target, args.into_iter().skip(skip).collect());
    }
    if args.get(1).is_some_and(|word| word == "lab") {
        return labs::main(&args[2..]);
    }
    let args: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let done = match options::parse(&args) {
        Ok(Parsed::Run(options, warnings)) => match start(&options, warnings) {
            // What a guest's debug port says: an exit status has eight bits.
            Ok(Some(code)) => return ExitCode::from(code as u8),
            Ok(None) => Ok(()),
            Err(message) => Err(message),
        },
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

/// Makes and runs the machine; the exit code that the guest chose, if it did.
fn start(options: &Options, warnings: Vec<String>) -> Result<Option<u32>, String> {
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
    for warning in &warnings {
        eprintln!("tinamou: warning: {warning}");
    }
    let mut ctl = Controller::new(how_to_start(options));
    native::describe(options, &mut ctl);
    if keeps_history(options) {
        ctl.setup_mut().put("net", "none".into());
    }
    let chardevs = Chardevs::new(options, &mut ctl);
    let mut host = Native::new(options.clone(), chardevs, log)?;
    for early in &options.early {
        ctl.command(&mut host, early.command, &early.args)
            .map_err(|e| match early.option.as_str() {
                "" => e,
                option => format!("{option}: {e}"),
            })?;
    }
    // A machine that cannot be made is told before this terminal turns raw and sockets are there.
    ctl.launch(&mut host)?;
    if options.x.timing
        && let Some(machine) = &mut host.machine
    {
        let stopwatch = Timing::new(report::clock_ns);
        machine.vcpu_mut().set_timing(Some(stopwatch));
    }
    host.chardevs.open()?;
    let gdb = match &options.gdb {
        Some(dev) => {
            Some(Gdb::open(dev, keeps_history(options)).inspect_err(|_| terminal::restore())?)
        }
        None => None,
    };
    let signals = Signals::catch().map_err(|e| format!("signals: {}", why(&e)))?;
    let curses = match options.curses {
        true => Some(Curses::open()?),
        false => None,
    };
    let mut session = Session {
        ctl,
        host,
        script,
        exit_on: options.x.exit_on.as_deref().map(Watch::new),
        max_insns: options.x.max_insns,
        signals,
        signal: 0,
        gdb,
        curses,
        unheard: Vec::new(),
    };
    let end = session.run();
    session.host.log.flush();
    if let Some(gdb) = &mut session.gdb {
        let failed = matches!(end, End::Limit | End::Panic);
        gdb.exited(failed.into());
    }
    let unmet = session.script.as_ref().and_then(Script::waits_for);
    let machine = session.host.machine.take();
    // The terminal is itself again before anything more is said.
    drop(session);
    let figures = options.x.stats || options.x.state_hash || options.x.timing;
    let mut code = None;
    if let Some(mut machine) = machine {
        code = machine.bus_mut().exit_code();
        if figures {
            let wall = begin.elapsed().as_secs_f64();
            let line = report::line(&mut machine, options.x.state_hash, wall, end.name());
            eprintln!("{line}");
        }
        // Taking the machine apart (modules, memory) would only cost time: the process ends.
        std::mem::forget(machine);
    }
    match end {
        End::Incoming(why) => Err(why),
        End::Limit => Err("gave up: -x-max-insns reached".into()),
        End::Stuck => Err(format!(
            "gave up: the guest waits, and nothing is left to wake it{}",
            unmet.map_or(String::new(), |text| format!(" (not seen: {text})"))
        )),
        End::Panic => Err("the machine stopped".into()),
        End::Signal(n) => {
            eprintln!("tinamou: terminating on signal {n}");
            Ok(None)
        }
        End::Shutdown | End::Reset | End::Text => match unmet {
            Some(text) => Err(format!("-x-input: not seen: {text}")),
            None => Ok(code),
        },
        End::Quit => Ok(None),
    }
}

/// Whether a debugger can go back: nothing that reaches beyond the machine may be part of it.
fn keeps_history(options: &Options) -> bool {
    let nets = options.early.iter().any(|e| e.command == "netdev_add");
    options.gdb.is_some() && options.icount.is_some() && options.drives.is_empty() && !nets
}

/// How the machine's life begins.
fn how_to_start(options: &Options) -> Start {
    let mut start = Start::new(options.target);
    start.preconfig = options.preconfig;
    start.paused = options.paused;
    start.loadvm = options.loadvm.clone();
    start.incoming = options.incoming.clone();
    start.name = options.name.clone();
    start.uuid = options.uuid.clone();
    start.actions.reboot_ends = options.no_reboot;
    start.actions.shutdown_pauses = options.no_shutdown;
    start.actions.panic = options.panic;
    if let Some(action) = options.watchdog {
        start.actions.watchdog = action;
    }
    start
}
