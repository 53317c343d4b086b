//! gdb's remote serial protocol (The GNU debugger's manual, appendix "gdb Remote Serial Protocol"): bytes in, bytes out.
//!
//! The stub knows no transport and never waits. Its owner feeds [`Stub::receive`] what a client sent, sends what
//! [`Stub::take_output`] gives, runs the machine through [`Stub::run`] while [`Stub::is_running`], and tells it what came of that
//! ([`Stub::ended`]). What is debugged is a [`Target`]: a machine, whose threads are its vCPUs, or a program of the user mode. Replies, signals and the `qemu.` queries are those of QEMU 7.2 where it has them; beyond it there
//! are register descriptions, `p` and `P`, `X`, no-ack mode, and running backwards where the machine keeps a history.
//!
//! The crate gdbstub is not used: it answers packets that it does not know by itself, so that QEMU's `qqemu.` and `Qqemu.` queries
//! could not be had, and it wants the registers' layout at compile time.
//!
//! For programs there are signals, `vFile` for reading, and `qXfer` of the auxiliary vector and the program's path.
//!
//! Missing: non-stop mode, `vRun`, following forks and exec, tracepoints, writing files.

mod command;
mod file;
mod memory;
mod packet;
mod query;
mod resume;
mod target;

#[cfg(test)]
mod tests;

use tinamou_machine::{Machine, SliceEnd};

use packet::{Event, Link};

pub use packet::{PACKET_BYTES, unhex};
pub use target::{FileStat, Process, Target};

/// What is debugged, and what belongs to it besides the machine.
pub trait Debuggee {
    /// What is debugged.
    fn target(&mut self) -> &mut dyn Target;
    /// The vCPUs start or stop running because the client says so.
    fn set_running(&mut self, running: bool);
    /// `monitor LINE`: what the human monitor answers; `None` if there is none.
    fn monitor(&mut self, line: &str) -> Option<String>;
    /// The client kills the machine.
    fn quit(&mut self);
}

/// What the vCPUs do, as far as the stub says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Exec {
    Stopped,
    Running,
    Stepping,
}

/// A breakpoint or watchpoint as the client named it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Point {
    kind: u8,
    va: u64,
    bytes: u64,
}

/// Why the machine stands still, as gdb is told.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Reason {
    signal: u8,
    /// The thread that stopped.
    thread: u32,
    /// `watch:ADDRESS;` and the like.
    detail: String,
}

const SIGINT: u8 = 2;
const SIGTRAP: u8 = 5;

/// Bits of `qqemu.sstep`.
mod sstep {
    pub const ENABLE: u64 = 1;
    pub const NOIRQ: u64 = 2;
    pub const NOTIMER: u64 = 4;
    pub const ALL: u64 = 7;
}

/// One client's connection.
pub struct Stub {
    link: Link,
    exec: Exec,
    attached: bool,
    /// The client writes thread ids with process ids.
    multiprocess: bool,
    /// `m`, `M` and `X` take physical addresses.
    physical: bool,
    sstep: u64,
    points: Vec<Point>,
    reason: Reason,
}

impl Default for Stub {
    fn default() -> Stub {
        Stub {
            link: Link::default(),
            exec: Exec::Running,
            attached: false,
            multiprocess: false,
            physical: false,
            sstep: sstep::ALL,
            points: Vec::new(),
            reason: Reason {
                signal: SIGTRAP,
                thread: 1,
                detail: String::new(),
            },
        }
    }
}

impl Stub {
    /// A client has come: the machine stops.
    pub fn attach(&mut self, d: &mut dyn Debuggee) {
        *self = Stub {
            exec: Exec::Stopped,
            attached: true,
            ..Stub::default()
        };
        self.reason.thread = d.target().threads().first().copied().unwrap_or(1);
        d.set_running(false);
    }

    /// The client is gone: its breakpoints go with it. A stopped machine stays stopped.
    pub fn detach(&mut self, d: &mut dyn Debuggee) {
        if self.attached {
            self.clear_points(d);
            self.attached = false;
            self.exec = Exec::Running;
        }
    }

    /// Whether a client is there.
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// Whether the client lets the vCPUs run, or there is none.
    pub fn is_running(&self) -> bool {
        self.exec != Exec::Stopped
    }

    /// Something else (a monitor) stopped the machine.
    pub fn stopped(&mut self, d: &mut dyn Debuggee) {
        if self.attached && self.exec != Exec::Stopped {
            self.stop(d, SIGINT, String::new());
        }
    }

    /// Something else made the machine run again.
    pub fn resumed(&mut self) {
        if self.exec == Exec::Stopped {
            self.exec = Exec::Running;
        }
    }

    /// The program ends with this exit status.
    pub fn exited(&mut self, status: u8) {
        if self.attached {
            self.link.send(format!("W{status:02x}").as_bytes());
        }
    }

    /// The program ends by a signal, gdb's number.
    pub fn killed(&mut self, signal: u8) {
        if self.attached {
            self.link.send(format!("X{signal:02x}").as_bytes());
        }
    }

    /// The thread looked at is about to get a signal, gdb's number: the client says whether it does.
    pub fn signalled(&mut self, d: &mut dyn Debuggee, signal: u8) {
        if self.attached && self.exec != Exec::Stopped {
            self.stop(d, signal, String::new());
        }
    }

    /// A breakpoint, a watchpoint or a step's end has stopped it.
    pub fn hit(&mut self, d: &mut dyn Debuggee) {
        if self.exec != Exec::Stopped {
            self.report_hit(d);
        }
    }

    /// Whether the client wants one step of the thread looked at.
    pub fn is_stepping(&self) -> bool {
        self.exec == Exec::Stepping
    }

    /// Bytes for the client since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.link.take_output()
    }

    /// Bytes from the client.
    pub fn receive(&mut self, d: &mut dyn Debuggee, bytes: &[u8]) {
        for &byte in bytes {
            let Some(event) = self.link.receive(byte) else {
                continue;
            };
            // As with QEMU, whoever talks to a running machine stops it.
            if self.exec != Exec::Stopped {
                self.stop(d, SIGINT, String::new());
            }
            if let Event::Packet(packet) = event {
                self.command(d, &packet);
            }
        }
    }

    /// Runs the machine as the client wants: up to `insns` instructions, or one step.
    pub fn run(&mut self, machine: &mut Machine, insns: u64) -> SliceEnd {
        match self.exec {
            Exec::Stopped => SliceEnd::Budget,
            Exec::Running => machine.run_slice(insns),
            Exec::Stepping => machine.step(self.step_flags()),
        }
    }

    /// Hears how [`Stub::run`] ended.
    pub fn ended(&mut self, d: &mut dyn Debuggee, end: SliceEnd) {
        if end == SliceEnd::Debug {
            self.hit(d);
        }
    }
}
