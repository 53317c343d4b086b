//! `-gdb` and `-s`: the stub of [`tinamou_control::gdb`] on a character device.

use tinamou_control::gdb::{Debuggee, Stub, Target};
use tinamou_control::{Cause, Controller, RunState};
use tinamou_machine::{Machine, SliceEnd};

use crate::host::serial::Port;
use crate::host::wait::Set;
use crate::native::Native;
use crate::options::chardev::{self, Chardev};

/// The device that `-gdb WORD` names. A socket listens and does not wait, whatever the word says.
///
/// # Errors
/// A sentence for the user.
pub fn device(word: &str) -> Result<Chardev, String> {
    let dev = if word.starts_with("tcp:") || word.starts_with("unix:") {
        chardev::parse(&format!("{word},server=on,wait=off"))?
    } else {
        chardev::parse(word)?
    };
    match dev {
        Chardev::Tcp { .. } | Chardev::Unix { .. } | Chardev::Pty => Ok(dev),
        Chardev::Stdio { .. } => Ok(Chardev::Stdio { mux: false }),
        _ => Err(format!("'{word}' cannot carry gdb's protocol")),
    }
}

/// What the client may do.
struct Debugged<'a> {
    ctl: &'a mut Controller,
    host: &'a mut Native,
}

impl Debugged<'_> {
    fn machine(&mut self) -> &mut Machine {
        let machine = self.host.machine.as_mut();
        machine.expect("a debugger is heard once there is a machine")
    }
}

impl Debuggee for Debugged<'_> {
    fn target(&mut self) -> &mut dyn Target {
        self.machine()
    }

    fn set_running(&mut self, running: bool) {
        if running {
            self.ctl.resume(self.host);
        } else {
            self.ctl.pause(self.host, RunState::Debug);
        }
    }

    fn monitor(&mut self, line: &str) -> Option<String> {
        Some(self.ctl.human(line, self.host))
    }

    fn quit(&mut self) {
        self.ctl.shut_down(self.host, Cause::HostQuit);
    }
}

/// The stub and where its client is.
pub struct Gdb {
    port: Port,
    stub: Stub,
    /// The machine is deterministic: a client may go backwards.
    reversible: bool,
}

impl Gdb {
    /// Opens the device.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(dev: &Chardev, reversible: bool) -> Result<Gdb, String> {
        let port = Port::open(dev, "gdb").map_err(|e| format!("-gdb: {e}"))?;
        Ok(Gdb {
            port,
            stub: Stub::default(),
            reversible,
        })
    }

    /// Adds what the client's connection waits for.
    pub fn watch(&self, set: &mut Set) {
        self.port.watch(set, true);
    }

    /// Hears the client and answers, once there is a machine.
    pub fn poll(&mut self, ctl: &mut Controller, host: &mut Native) {
        if host.machine.is_none() {
            return;
        }
        let mut d = Debugged { ctl, host };
        self.port.flush();
        self.port.accept();
        let bytes = self.port.read_bytes();
        if self.port.is_open() {
            if !self.stub.is_attached() {
                self.stub.attach(&mut d);
                if self.reversible {
                    d.machine().keep_history();
                }
            }
            self.stub.receive(&mut d, &bytes);
        } else {
            self.stub.detach(&mut d);
        }
        if !self.stub.is_attached() {
            d.machine().forget_history();
        }
        self.answer();
    }

    fn answer(&mut self) {
        let out = self.stub.take_output();
        if !out.is_empty() {
            self.port.write(&out);
        }
    }

    /// Runs the machine as the client wants it.
    pub fn run(&mut self, machine: &mut Machine, insns: u64) -> SliceEnd {
        self.stub.run(machine, insns)
    }

    /// What came of it.
    pub fn ended(&mut self, ctl: &mut Controller, host: &mut Native, end: SliceEnd) {
        self.stub.ended(&mut Debugged { ctl, host }, end);
        self.answer();
    }

    /// Lets the client know when something else, a monitor, has stopped the machine or made it run.
    pub fn follow(&mut self, ctl: &mut Controller, host: &mut Native) {
        if host.machine.is_none() || ctl.runs() == self.stub.is_running() {
            return;
        }
        if ctl.runs() {
            self.stub.resumed();
        } else {
            self.stub.stopped(&mut Debugged { ctl, host });
        }
        self.answer();
    }

    /// The program ends.
    pub fn exited(&mut self, status: u8) {
        self.stub.exited(status);
        self.answer();
    }
}
