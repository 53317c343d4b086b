//! The run loop of the command line: slices of the machine, console bytes to and fro, and time.
//!
//! Without `-icount` virtual time follows the wall clock: an idle machine sleeps, and for one that runs the clock's rate is set
//! after every slice. With it, time is a matter of instructions alone: slices end at multiples of a fixed count, so that what a script
//! types (`-x-input`) comes at the same instruction in every run.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tinamou_control::{Cause, Controller};
use tinamou_machine::clock::Pace;
use tinamou_machine::input::HostInput;
use tinamou_machine::{Machine, SliceEnd};

use crate::chardevs::User;
use crate::curses::Curses;
use crate::curses::keys::Typed as Key;
use crate::gdb::Gdb;
use crate::host::escape::{self, Command, Typed};
use crate::host::signals::Signals;
use crate::host::wait::Set;
use crate::native::Native;
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
    /// The state that the command line names could not be had.
    Incoming(String),
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
            End::Incoming(_) => "incoming",
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
    /// The machine's life, and its monitors.
    pub ctl: Controller,
    /// The machine and what surrounds it.
    pub host: Native,
    /// What is typed when.
    pub script: Option<Script>,
    /// What ends the run.
    pub exit_on: Option<Watch>,
    /// Instructions after which to give up.
    pub max_insns: Option<u64>,
    /// What ends the program.
    pub signals: Signals,
    /// The signal that came.
    pub signal: u8,
    /// A debugger's end.
    pub gdb: Option<Gdb>,
    /// The screen in this terminal.
    pub curses: Option<Curses>,
    /// What the guest said in a slice that a debugger cut short: the script hears it at the slice's end.
    pub unheard: Vec<u8>,
}

impl Session {
    /// Runs until something ends it.
    pub fn run(&mut self) -> End {
        let end = self.turns();
        self.host.chardevs.monitors_out(&mut self.ctl);
        for entry in &mut self.host.chardevs.list {
            entry.port.finish();
        }
        end
    }

    fn turns(&mut self) -> End {
        let mut pace = Pace::default();
        loop {
            if let Some(end) = self.over() {
                return end;
            }
            if !self.ctl.runs() {
                // Time stands still.
                if let Err(end) = self.wait(None) {
                    return end;
                }
                continue;
            }
            let Some(machine) = &mut self.host.machine else {
                return End::Panic;
            };
            let icount = self.host.options.icount;
            let insns = slice(machine, icount, self.max_insns);
            if insns == 0 {
                return End::Limit;
            }
            let start = (Instant::now(), machine.icount(), machine.now_ns());
            let end = match &mut self.gdb {
                Some(gdb) => gdb.run(machine, insns),
                None => machine.run_slice(insns),
            };
            if icount.is_none() && end != SliceEnd::Debug {
                let virtual_ns = machine.now_ns() - start.2;
                let rate = pace.ran(
                    machine.icount() - start.1,
                    nanos(start.0.elapsed()),
                    virtual_ns,
                );
                machine.set_rate(rate);
            }
            let heard = self.output(end);
            if heard.over {
                return End::Text;
            }
            let end = self.ctl.slice_ended(&mut self.host, end);
            if let Some(gdb) = &mut self.gdb {
                gdb.ended(&mut self.ctl, &mut self.host, end);
            }
            if !self.ctl.runs() {
                continue;
            }
            let stop = match end {
                SliceEnd::Halted { until_ns } if !heard.typed => self.idle(&mut pace, until_ns),
                SliceEnd::WaitingForHost => self.wait(Some(DISK_WAIT)).err(),
                _ => self.wait(Some(Duration::ZERO)).err(),
            };
            if let Some(end) = stop {
                return end;
            }
        }
    }

    /// Whether the controller says that all is over.
    fn over(&self) -> Option<End> {
        if let Some(why) = self.ctl.failure() {
            return Some(End::Incoming(why.to_owned()));
        }
        Some(match self.ctl.ended()? {
            Cause::HostQuit => End::Quit,
            Cause::HostSignal => End::Signal(self.signal),
            Cause::HostReset | Cause::GuestReset => End::Reset,
            Cause::GuestShutdown | Cause::GuestBroke => End::Shutdown,
            Cause::GuestPanic => End::Panic,
        })
    }

    fn now_ns(&self) -> u64 {
        self.host.machine.as_ref().map_or(0, Machine::now_ns)
    }

    fn skip_to(&mut self, ns: u64) {
        if let Some(machine) = &mut self.host.machine {
            machine.skip_to(ns);
        }
    }

    /// Carries what the guest said to the ports, types the script's answers.
    fn output(&mut self, end: SliceEnd) -> Heard {
        let mut heard = Heard::default();
        let Some(machine) = &mut self.host.machine else {
            return heard;
        };
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
            if !bytes.is_empty() {
                self.host.chardevs.serial_out(port, &bytes);
            }
        }
        for line in machine.take_guest_errors() {
            self.host.log.line(&line);
        }
        heard
    }

    /// The guest waits: so do we, until its next event or until something is typed.
    fn idle(&mut self, pace: &mut Pace, until_ns: Option<u64>) -> Option<End> {
        let now = self.now_ns();
        let icount = self.host.options.icount;
        let scripted = self.script.is_some() || self.max_insns.is_some();
        if icount.is_some() && scripted && until_ns.is_none() {
            return Some(End::Stuck);
        }
        let timeout = match (icount, until_ns) {
            (_, None) => None,
            (Some(Icount { sleep: false, .. }), Some(_)) => Some(Duration::ZERO),
            (_, Some(ns)) => Some(Duration::from_nanos(ns.saturating_sub(now))),
        };
        let before = Instant::now();
        let typed = match self.wait(timeout) {
            Ok(typed) => typed,
            Err(end) => return Some(end),
        };
        let waited = nanos(before.elapsed());
        let slept = now.saturating_add(waited);
        match until_ns {
            Some(until) => self.skip_to(if typed { slept.min(until) } else { until }),
            None if icount.is_none() => self.skip_to(slept),
            None => {}
        }
        pace.waited(waited, self.now_ns() - now);
        None
    }

    /// Waits for something to do, then reads what was typed. True if anything reached the guest, or may have.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, End> {
        self.meet();
        self.host.chardevs.monitors_out(&mut self.ctl);
        let mut set = Set::default();
        set.read(self.signals.as_fd());
        set.read(self.host.bell.as_fd());
        if let Some(gdb) = self.gdb.as_ref().filter(|_| self.host.machine.is_some()) {
            gdb.watch(&mut set);
        }
        for entry in &self.host.chardevs.list {
            let wanted = match entry.user() {
                Some(User::Serial(n)) => self.wants_input(n),
                Some(User::Monitor(_)) => true,
                None => false,
            };
            entry.port.watch(&mut set, wanted);
        }
        if let Some(keys) = self.curses.as_ref().and_then(Curses::keys) {
            set.read(keys);
        }
        // Networks go on when the machine does.
        let networks = self.ctl.runs() && self.host.nets.watch(&mut set);
        // A guest that talks faster than its listener reads has to wait.
        let full = self.host.chardevs.is_full();
        if !self.pause(&mut set, if full { None } else { timeout }) {
            return Ok(false);
        }
        if let Some(signal) = self.signals.take() {
            self.signal = signal;
            self.ctl.shut_down(&self.host, Cause::HostSignal);
            return Ok(true);
        }
        if let Some(gdb) = &mut self.gdb {
            gdb.poll(&mut self.ctl, &mut self.host);
        }
        if self.host.bell.take() {
            self.ctl.work(&mut self.host);
            if let Some(why) = self.ctl.failure() {
                return Err(End::Incoming(why.to_owned()));
            }
        }
        self.meet();
        // Time stands still from the moment a debugger stops the machine.
        let mut typed = !self.ctl.runs();
        if let Some(machine) = self.host.machine.as_mut().filter(|_| networks) {
            machine.look_outside();
            typed = true;
        }
        for n in 0..self.host.chardevs.list.len() {
            typed |= self.read(n)?;
        }
        typed |= self.keys();
        if let Some(gdb) = &mut self.gdb {
            gdb.follow(&mut self.ctl, &mut self.host);
        }
        self.host.chardevs.monitors_out(&mut self.ctl);
        Ok(typed)
    }

    /// Waits; the screen is drawn when its time comes.
    fn pause(&mut self, set: &mut Set, timeout: Option<Duration>) -> bool {
        let Some(due) = self.curses.as_ref().map(Curses::due_in) else {
            return set.wait(timeout);
        };
        if !due.is_zero() {
            if timeout.is_some_and(|t| t <= due) {
                return set.wait(timeout);
            }
            if set.wait(Some(due)) {
                return true;
            }
        }
        self.draw();
        set.wait(timeout.map(|t| t.saturating_sub(due)))
    }

    /// Draws the screen, or the console in its place.
    fn draw(&mut self) {
        let Some(curses) = &mut self.curses else {
            return;
        };
        let list = &self.host.chardevs.list;
        let consoles = self.host.chardevs.consoles();
        let console = curses.shown.checked_sub(1).and_then(|n| consoles.get(n));
        match console.and_then(|&n| list[n].port.console()) {
            Some(console) => curses.draw_console(console),
            None => {
                let machine = self.host.machine.as_mut();
                let screen = machine.and_then(|m| m.bus_mut().text_screen());
                curses.draw_screen(&screen.unwrap_or_default());
            }
        }
    }

    /// Carries keys to where they are meant for. True if any came.
    fn keys(&mut self) -> bool {
        let Some(curses) = &mut self.curses else {
            return false;
        };
        let typed = curses.typed();
        let any = !typed.is_empty();
        for key in typed {
            let consoles = self.host.chardevs.consoles();
            let Some(curses) = &mut self.curses else {
                break;
            };
            let (codes, bytes) = match key {
                Key::Show(n) => {
                    if n <= consoles.len() {
                        curses.shown = n;
                    }
                    continue;
                }
                Key::Key { codes, bytes } => (codes, bytes),
            };
            match curses.shown.checked_sub(1).and_then(|n| consoles.get(n)) {
                Some(&n) => self.hear(n, &bytes),
                None if self.ctl.runs() => self.press(&codes),
                None => {}
            }
        }
        any
    }

    /// Presses keys of the machine's keyboard and lets them go.
    fn press(&mut self, codes: &[u8]) {
        let Some(machine) = &mut self.host.machine else {
            return;
        };
        for &code in codes {
            machine.host_input(HostInput::Key { code, down: true });
        }
        for &code in codes.iter().rev() {
            machine.host_input(HostInput::Key { code, down: false });
        }
    }

    /// What was typed at a device goes to its user.
    fn hear(&mut self, n: usize, bytes: &[u8]) {
        match self.host.chardevs.list.get(n).and_then(|e| e.user()) {
            Some(User::Serial(port)) => {
                if let Some(machine) = &mut self.host.machine {
                    machine.serial_input(port, bytes);
                }
            }
            Some(User::Monitor(id)) => self.ctl.input(id, bytes, &mut self.host),
            None => {}
        }
    }

    /// Whether a serial port has room for what may be typed.
    fn wants_input(&self, port: u32) -> bool {
        let machine = self.host.machine.as_ref();
        machine.is_some_and(|m| m.serial_backlog(port) < TYPED_AHEAD)
    }

    /// Takes new clients, and lets monitors know who came and went.
    fn meet(&mut self) {
        for entry in &mut self.host.chardevs.list {
            entry.port.flush();
            entry.note(&mut self.ctl);
            entry.port.accept();
            entry.note(&mut self.ctl);
        }
    }

    /// Reads what was typed at a device. True if it may matter to the guest.
    fn read(&mut self, n: usize) -> Result<bool, End> {
        let Some(entry) = self.host.chardevs.list.get_mut(n) else {
            return Ok(false);
        };
        if let Some(User::Serial(port)) = entry.user() {
            let machine = self.host.machine.as_ref();
            if machine.is_none_or(|m| m.serial_backlog(port) >= TYPED_AHEAD) {
                return Ok(false);
            }
        }
        let mut typed = false;
        let parts = entry.port.read();
        if let (Some(fd), Some(User::Monitor(id))) = (entry.port.take_passed(), entry.user()) {
            self.host.passed(id, fd);
        }
        for part in parts {
            let Some(entry) = self.host.chardevs.list.get_mut(n) else {
                return Ok(typed);
            };
            let bytes = match part {
                Typed::Command(Command::Quit) => return Err(End::Quit),
                Typed::Command(Command::Help) => {
                    let help = escape::HELP.replace('\n', "\r\n");
                    entry.port.write(help.as_bytes());
                    continue;
                }
                Typed::Command(Command::Next) => {
                    entry.next_user();
                    if let Some(User::Monitor(id)) = entry.user() {
                        self.ctl.connected(id);
                        self.host.chardevs.monitors_out(&mut self.ctl);
                    }
                    continue;
                }
                Typed::Bytes(bytes) => bytes,
            };
            typed = true;
            self.hear(n, &bytes);
        }
        Ok(typed)
    }
}

/// Instructions of the next slice; 0 at the limit.
fn slice(machine: &Machine, icount: Option<Icount>, max_insns: Option<u64>) -> u64 {
    let done = machine.icount();
    let insns = match icount {
        Some(_) => COUNTED_SLICE - done % COUNTED_SLICE,
        None => WALL_SLICE,
    };
    insns.min(max_insns.map_or(u64::MAX, |max| max.saturating_sub(done)))
}

/// A duration in nanoseconds.
fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
