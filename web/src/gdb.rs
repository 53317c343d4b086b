//! gdb's remote protocol on the machine of the page: bytes in, bytes out, as the command line's `-gdb` has them on a socket.

use js_sys::Uint8Array;
use tinamou_control::gdb::{Debuggee, Stub, Target};
use tinamou_control::{Cause, Controller, RunState};
use tinamou_machine::{Machine as Board, SliceEnd};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::host::WebHost;
use crate::machine::Machine;

/// What the client may do. Made only where there is a machine.
struct Debugged<'a> {
    ctl: &'a mut Controller,
    host: &'a mut WebHost,
}

impl Debugged<'_> {
    fn machine(&mut self) -> &mut Board {
        match &mut self.host.machine {
            Some(machine) => machine,
            None => unreachable!("a debugger is heard only where there is a machine"),
        }
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

impl Machine {
    fn debugged<T>(&mut self, f: impl FnOnce(&mut Stub, &mut Debugged<'_>) -> T) -> Option<T> {
        self.host.machine.as_ref()?;
        let mut d = Debugged {
            ctl: &mut self.ctl,
            host: &mut self.host,
        };
        Some(f(&mut self.gdb, &mut d))
    }

    /// A slice ended.
    pub(crate) fn gdb_ended(&mut self, end: SliceEnd) {
        self.debugged(|gdb, d| gdb.ended(d, end));
    }

    /// A monitor may have stopped the machine, or made it run.
    pub(crate) fn gdb_follow(&mut self) {
        let runs = self.ctl.runs();
        self.debugged(|gdb, d| {
            if gdb.is_attached() && runs != gdb.is_running() {
                if runs {
                    gdb.resumed();
                } else {
                    gdb.stopped(d);
                }
            }
        });
    }
}

#[wasm_bindgen]
impl Machine {
    /// A client of gdb's remote protocol has come: the machine stops. It can go backwards if its time is counted (`icount`). False if there
    /// is no machine yet, or a client already.
    #[wasm_bindgen(js_name = gdbAttach)]
    pub fn gdb_attach(&mut self) -> bool {
        let counted = self.host.counted;
        let attached = self.debugged(|gdb, d| {
            let free = !gdb.is_attached();
            if free {
                gdb.attach(d);
                if counted {
                    d.machine().keep_history();
                }
            }
            free
        });
        attached.unwrap_or(false)
    }

    /// It is gone, and its breakpoints with it. A stopped machine stays stopped.
    #[wasm_bindgen(js_name = gdbDetach)]
    pub fn gdb_detach(&mut self) {
        self.debugged(|gdb, d| {
            gdb.detach(d);
            d.machine().forget_history();
        });
    }

    /// Bytes from the client, in pieces of any size.
    #[wasm_bindgen(js_name = gdbInput)]
    pub fn gdb_input(&mut self, data: &[u8]) {
        self.debugged(|gdb, d| {
            if gdb.is_attached() {
                gdb.receive(d, data);
                if !gdb.is_attached() {
                    d.machine().forget_history();
                }
            }
        });
    }

    /// Bytes for it since the last call.
    #[wasm_bindgen(js_name = takeGdbOutput)]
    pub fn take_gdb_output(&mut self) -> Uint8Array {
        Uint8Array::from(self.gdb.take_output().as_slice())
    }
}
