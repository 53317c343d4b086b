//! Running, stepping, and what stops it.

use tinamou_machine::debug::{Hit, Step, WatchKind};
use tinamou_machine::history::Back;

use super::command::{INVALID, look_at};
use super::packet::{cut, number};
use super::{Debuggee, Exec, Reason, SIGTRAP, Stub, sstep};

impl Stub {
    /// `c [ADDRESS]`, `C SIGNAL[;ADDRESS]`, `s`, `S`. Signals are for programs; they mean nothing to a machine.
    pub(super) fn old_resume(&mut self, d: &mut dyn Debuggee, letter: u8, rest: &[u8]) {
        let (signal, address) = match letter {
            b'C' | b'S' => {
                let (signal, address) = cut(rest, b';');
                let Some(signal) = number(signal) else {
                    return self.reply(INVALID);
                };
                (signal as u8, address)
            }
            _ => (0, rest),
        };
        if !address.is_empty() {
            let Some(pc) = number(address) else {
                return self.reply(INVALID);
            };
            d.target().set_pc(pc);
        }
        self.go(d, matches!(letter, b's' | b'S'), signal);
    }

    /// `vCont;ACTION[:THREAD]…`: the first is taken, and its thread.
    pub(super) fn resume(&mut self, d: &mut dyn Debuggee, actions: &[u8]) {
        let mut chosen = None;
        for action in actions.split(|&b| b == b';') {
            let (action, thread) = cut(action, b':');
            let (step, signal) = match action {
                b"c" => (false, Some(0)),
                b"s" => (true, Some(0)),
                [b'C', signal @ ..] => (false, number(signal)),
                [b'S', signal @ ..] => (true, number(signal)),
                _ => (false, None),
            };
            let Some(signal) = signal else {
                return self.reply(INVALID);
            };
            if !thread.is_empty() && !self.has_thread(d.target(), thread) {
                return self.reply(INVALID);
            }
            chosen = chosen.or(Some((step, signal as u8, thread)));
        }
        match chosen {
            Some((step, signal, thread)) => {
                look_at(d.target(), thread);
                self.go(d, step, signal);
            }
            None => self.reply(INVALID),
        }
    }

    fn go(&mut self, d: &mut dyn Debuggee, step: bool, signal: u8) {
        self.exec = if step { Exec::Stepping } else { Exec::Running };
        let target = d.target();
        if let Some(p) = target.process() {
            p.go_on_with(signal);
        }
        if !step {
            target.look_at_turn();
        }
        target.take_hit();
        target.step_off();
        d.set_running(true);
    }

    /// `bs` and `bc`: backwards at once, since nothing but the past is run.
    pub(super) fn back(&mut self, d: &mut dyn Debuggee, how: &[u8]) {
        let Some(machine) = d.target().machine() else {
            return self.reply("");
        };
        let end = match how {
            b"s" => machine.step_back(),
            b"c" => machine.run_back(),
            _ => return self.reply(""),
        };
        match end {
            Back::Stop => self.report_hit(d),
            Back::Beginning => self.stop(d, SIGTRAP, "replaylog:begin;".into()),
        }
    }

    pub(super) fn step_flags(&self) -> Step {
        Step {
            interrupts: self.sstep & sstep::NOIRQ == 0,
            timers: self.sstep & sstep::NOTIMER == 0,
        }
    }

    /// The machine stands still from now on, and the client is told.
    pub(super) fn stop(&mut self, d: &mut dyn Debuggee, signal: u8, detail: String) {
        self.exec = Exec::Stopped;
        let thread = d.target().thread();
        self.reason = Reason {
            signal,
            thread,
            detail,
        };
        d.set_running(false);
        self.report_reason();
    }

    /// A slice ended at a breakpoint, a watchpoint or a step's end.
    pub(super) fn report_hit(&mut self, d: &mut dyn Debuggee) {
        let digits = d
            .target()
            .register(0)
            .map_or(8, |register| 2 * register.len());
        let detail = match d.target().take_hit() {
            Some(Hit::Watch { watch, .. }) => {
                let kind = match watch.kind {
                    WatchKind::Write => "watch",
                    WatchKind::Read => "rwatch",
                    WatchKind::Access => "awatch",
                };
                format!("{kind}:{:0digits$x};", watch.va)
            }
            Some(Hit::Breakpoint) | None => String::new(),
        };
        self.stop(d, SIGTRAP, detail);
    }

    pub(super) fn report_reason(&mut self) {
        let Reason {
            signal,
            thread,
            detail,
        } = &self.reason;
        let thread = self.thread(*thread);
        let text = format!("T{signal:02x}thread:{thread};{detail}");
        self.reply(&text);
    }
}
