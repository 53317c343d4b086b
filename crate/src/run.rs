//! The run loop of the command line: slices of the machine, console bytes to and fro, and time.
//!
//! Without `-icount` virtual time follows the wall clock: an idle machine sleeps, and for one that runs the clock's rate is set
//! after every slice. With it, time is a matter of instructions alone: slices end at multiples of a fixed count, so that what a script
//! types (`-x-input`) comes at the same instruction in every run.

use std::time::{Duration, Instant};

use tinamou_machine::clock::Pace;
use tinamou_machine::{Machine, SliceEnd};

use crate::gdb::Gdb;
use crate::host::escape::{self, Command};
use crate::host::serial::Port;
use crate::host::signals::Signals;
use crate::host::wait::Set;
use crate::logfile::Log;
use crate::options::Icount;
use crate::script::{Script, Watch};

/// Instructions of a slice with `-icount`.
const COUNTED_SLICE: u64 = 200_000;
/// Instructions of a slice in real time: about a millisecond, since the clock's rate is put right between slices.
const WALL_SLICE: u64 = 500_000;
/// Bytes typed ahead, beyond which the terminal is not read.
const TYPED_AHEAD: usize = 1024;
/// How long to wait for a disk before looking again.
const DISK_WAIT: Duration = Duration::from_millis(1);

/// Why the run is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The guest powered the machine off.
    Shutdown,
    /// The guest reset it, and `-no-reboot` was given.
    Reset,
    /// A device stopped it.
    Panic,
    /// Ctrl-a x.
    Quit,
    /// A signal.
    Signal(u8),
    /// `-x-exit-on`'s text came.
    Text,
    /// `-x-max-insns`.
    Limit,
    /// A scripted, counted guest waits, and nothing is left that could wake it.
    Stuck,
}

impl End {
    /// A word for the figures.
    pub fn name(&self) -> &'static str {
        match self {
            End::Shutdown => "shutdown",
            End::Reset => "reset",
            End::Panic => "panic",
            End::Quit => "quit",
            End::Signal(_) => "signal",
            End::Text => "text",
            End::Limit => "limit",
            End::Stuck => "stuck",
        }
    }
}

/// What came of the guest's output.
#[derive(Clone, Copy, Default, Debug)]
struct Heard {
    /// The text to exit on came.
    over: bool,
    /// The script typed something.
    typed: bool,
}

/// How to run.
pub struct Session {
    /// The serial ports' other ends.
    pub ports: Vec<Port>,
    /// Counted time, if asked for.
    pub icount: Option<Icount>,
    /// What is typed when.
    pub script: Option<Script>,
    /// What ends the run.
    pub exit_on: Option<Watch>,
    /// Instructions after which to give up.
    pub max_insns: Option<u64>,
    /// Exit at a reset.
    pub no_reboot: bool,
    /// Stay at a power-off.
    pub no_shutdown: bool,
    /// Where guest errors go.
    pub log: Log,
    /// What ends the program.
    pub signals: Signals,
    /// A debugger's end.
    pub gdb: Option<Gdb>,
    /// The vCPUs run.
    pub running: bool,
    /// What the guest said in a slice that a debugger cut short: the script hears it at the slice's end.
    pub unheard: Vec<u8>,
}

impl Session {
    /// Runs until something ends it.
    pub fn run(&mut self, machine: &mut Machine) -> End {
        let mut pace = Pace::default();
        loop {
            if !self.running {
                if let Err(end) = self.wait(machine, None) {
                    return end;
                }
                continue;
            }
            let insns = self.slice(machine);
            if insns == 0 {
                return End::Limit;
            }
            let start = (Instant::now(), machine.icount(), machine.now_ns());
            let end = match &mut self.gdb {
                Some(gdb) => gdb.run(machine, &mut self.running, insns),
                None => machine.run_slice(insns),
            };
            if self.icount.is_none() && end != SliceEnd::Debug {
                let virtual_ns = machine.now_ns() - start.2;
                let rate = pace.ran(
                    machine.icount() - start.1,
                    nanos(start.0.elapsed()),
                    virtual_ns,
                );
                machine.set_rate(rate);
            }
            let heard = self.output(machine, end);
            if heard.over {
                return End::Text;
            }
            match end {
                SliceEnd::Shutdown if self.no_shutdown => return self.stay(),
                SliceEnd::Shutdown => return End::Shutdown,
                SliceEnd::Reset if self.no_reboot => return End::Reset,
                SliceEnd::Panic => return End::Panic,
                SliceEnd::Budget
                | SliceEnd::Debug
                | SliceEnd::Reset
                | SliceEnd::Halted { .. }
                | SliceEnd::WaitingForHost => {}
            }
            let stop = match end {
                SliceEnd::Halted { until_ns } if !heard.typed => {
                    self.idle(machine, &mut pace, until_ns)
                }
                SliceEnd::WaitingForHost => self.wait(machine, Some(DISK_WAIT)).err(),
                _ => self.wait(machine, Some(Duration::ZERO)).err(),
            };
            if let Some(end) = stop {
                return end;
            }
        }
    }

    /// Instructions of the next slice; 0 at the limit.
    fn slice(&self, machine: &Machine) -> u64 {
        let done = machine.icount();
        let insns = match self.icount {
            Some(_) => COUNTED_SLICE - done % COUNTED_SLICE,
            None => WALL_SLICE,
        };
        insns.min(
            self.max_insns
                .map_or(u64::MAX, |max| max.saturating_sub(done)),
        )
    }

    /// Carries what the guest said to the ports, types the script's answers.
    fn output(&mut self, machine: &mut Machine, end: SliceEnd) -> Heard {
        let mut heard = Heard::default();
        for port in 0..machine.bus_mut().board().consoles {
            let bytes = machine.take_serial_output(port);
            if port == 0 {
                self.unheard.extend_from_slice(&bytes);
            }
            if port == 0 && !self.unheard.is_empty() && end != SliceEnd::Debug {
                let bytes = std::mem::take(&mut self.unheard);
                if let Some(script) = &mut self.script {
                    let typed = script.hear(&bytes);
                    machine.serial_input(0, &typed);
                    heard.typed = !typed.is_empty();
                }
                heard.over = self.exit_on.as_mut().is_some_and(|w| w.hear(&bytes));
            }
            if let Some(p) = self
                .ports
                .get_mut(port as usize)
                .filter(|_| !bytes.is_empty())
            {
                p.write(&bytes);
            }
        }
        for line in machine.take_guest_errors() {
            self.log.line(&line);
        }
        heard
    }

    /// The guest waits: so do we, until its next event or until something is typed.
    fn idle(
        &mut self,
        machine: &mut Machine,
        pace: &mut Pace,
        until_ns: Option<u64>,
    ) -> Option<End> {
        let now = machine.now_ns();
        let scripted = self.script.is_some() || self.max_insns.is_some();
        if self.icount.is_some() && scripted && until_ns.is_none() {
            return Some(End::Stuck);
        }
        let timeout = match (self.icount, until_ns) {
            (_, None) => None,
            (Some(Icount { sleep: false, .. }), Some(_)) => Some(Duration::ZERO),
            (_, Some(ns)) => Some(Duration::from_nanos(ns.saturating_sub(now))),
        };
        let before = Instant::now();
        let typed = match self.wait(machine, timeout) {
            Ok(typed) => typed,
            Err(end) => return Some(end),
        };
        let waited = nanos(before.elapsed());
        let slept = now.saturating_add(waited);
        match until_ns {
            Some(until) => machine.skip_to(if typed { slept.min(until) } else { until }),
            None if self.icount.is_none() => machine.skip_to(slept),
            None => {}
        }
        pace.waited(waited, machine.now_ns() - now);
        None
    }

    /// Waits for something to do, then reads what was typed. True if anything reached the guest, or a debugger stopped it.
    fn wait(&mut self, machine: &mut Machine, timeout: Option<Duration>) -> Result<bool, End> {
        let mut set = Set::default();
        set.read(std::os::fd::AsFd::as_fd(&self.signals));
        if let Some(gdb) = &self.gdb {
            gdb.watch(&mut set);
        }
        for (n, port) in self.ports.iter().enumerate() {
            port.watch(&mut set, machine.serial_backlog(n as u32) < TYPED_AHEAD);
        }
        // A guest that talks faster than its listener reads has to wait.
        let full = self.ports.iter().any(Port::is_full);
        if !set.wait(if full { None } else { timeout }) {
            return Ok(false);
        }
        if let Some(signal) = self.signals.take() {
            return Err(End::Signal(signal));
        }
        if let Some(gdb) = &mut self.gdb
            && gdb.poll(machine, &mut self.running)
        {
            return Err(End::Quit);
        }
        // Time stands still from the moment the debugger stops the machine.
        let mut typed = !self.running;
        for (n, port) in self.ports.iter_mut().enumerate() {
            port.flush();
            if machine.serial_backlog(n as u32) >= TYPED_AHEAD {
                continue;
            }
            let (bytes, commands) = port.read();
            for command in commands {
                match command {
                    Command::Quit => return Err(End::Quit),
                    Command::Monitor => port.write(b"\r\n(there is no monitor yet; Ctrl-a x quits, Ctrl-a h lists the keys)\r\n"),
                    Command::Help => port.write(escape::HELP.replace('\n', "\r\n").as_bytes()),
                }
            }
            if !bytes.is_empty() {
                machine.serial_input(n as u32, &bytes);
                typed = true;
            }
        }
        Ok(typed)
    }

    /// The machine is off, and the user wants to look at what it said.
    fn stay(&mut self) -> End {
        loop {
            let mut set = Set::default();
            set.read(std::os::fd::AsFd::as_fd(&self.signals));
            for port in &self.ports {
                port.watch(&mut set, true);
            }
            set.wait(None);
            if let Some(signal) = self.signals.take() {
                return End::Signal(signal);
            }
            for port in &mut self.ports {
                port.flush();
                if port.read().1.contains(&Command::Quit) {
                    return End::Quit;
                }
            }
        }
    }
}

/// A duration in nanoseconds.
fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
