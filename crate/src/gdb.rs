//! `-gdb` and `-s`: the stub of [`tinamou_control::gdb`] on a character device.

use tinamou_control::gdb::{Debuggee, Stub};
use tinamou_machine::{Machine, SliceEnd};

use crate::host::serial::Port;
use crate::host::wait::Set;
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

/// What the client may do to the run loop.
pub struct Debugged<'a> {
    /// The machine.
    pub machine: &'a mut Machine,
    /// The vCPUs run.
    pub running: &'a mut bool,
    /// The client wants the program to end.
    pub quit: bool,
}

impl Debuggee for Debugged<'_> {
    fn machine(&mut self) -> &mut Machine {
        self.machine
    }

    fn set_running(&mut self, running: bool) {
        *self.running = running;
    }

    fn monitor(&mut self, _line: &str) -> Option<String> {
        None
    }

    fn quit(&mut self) {
        self.quit = true;
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

    /// Hears the client and answers. True if it wants the program to end.
    pub fn poll(&mut self, machine: &mut Machine, running: &mut bool) -> bool {
        let mut d = Debugged {
            machine,
            running,
            quit: false,
        };
        self.port.flush();
        let (bytes, _) = self.port.read();
        if self.port.is_open() {
            if !self.stub.is_attached() {
                self.stub.attach(&mut d);
                if self.reversible {
                    d.machine.keep_history();
                }
            }
            self.stub.receive(&mut d, &bytes);
        } else {
            self.stub.detach(&mut d);
        }
        if !self.stub.is_attached() {
            d.machine.forget_history();
        }
        let quit = d.quit;
        self.answer();
        quit
    }

    fn answer(&mut self) {
        let out = self.stub.take_output();
        if !out.is_empty() {
            self.port.write(&out);
        }
    }

    /// Runs the machine as the client wants it.
    pub fn run(&mut self, machine: &mut Machine, running: &mut bool, insns: u64) -> SliceEnd {
        let end = self.stub.run(machine, insns);
        let mut d = Debugged {
            machine,
            running,
            quit: false,
        };
        self.stub.ended(&mut d, end);
        self.answer();
        end
    }

    /// The program ends.
    pub fn exited(&mut self, status: u8) {
        self.stub.exited(status);
        self.answer();
    }
}
