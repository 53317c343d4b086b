//! The handle that JavaScript holds: each method is one call of the machine or its controller, and the conversion of its arguments.

use js_sys::{Object, Reflect, Uint8Array};
use tinamou_control::gdb::Stub;
use tinamou_control::{Controller, MonitorId, RunState, Start};
use tinamou_core::Frame;
use tinamou_machine::clock::Pace;
use tinamou_machine::{SliceEnd, Stats};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::drives::Source;
use crate::host::WebHost;
use crate::options::INCOMING;
use crate::{error, options};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a drive can hold. `size`: a disk outside, asked by `takeDiskQuestions`. */
export type DriveSource = ArrayBuffer | Uint8Array | Blob | { size: number; writable: boolean };

/** What `new Machine` takes: `BootConfig` of `www/protocol.js` without what concerns the worker alone. */
export interface MachineOptions {
  /** May be left out with a snapshot as `incoming`. */
  target?: 'mipsel' | 'mips' | 'mips64el' | 'mips64' | 'i386' | 'x86_64';
  machine?: string;
  cpu?: string;
  ramMib?: number;
  kernel?: ArrayBuffer | Uint8Array;
  initrd?: ArrayBuffer | Uint8Array;
  bios?: ArrayBuffer | Uint8Array;
  /** The PC's display adapter's. */
  vgaBios?: ArrayBuffer | Uint8Array;
  /** Disk images, raw or qcow2. Files are read piece by piece, in workers only; what is written stays in memory. */
  hda?: DriveSource;
  hdb?: DriveSource;
  cdrom?: DriveSource;
  hdd?: DriveSource;
  fda?: DriveSource;
  fdb?: DriveSource;
  virtio0?: DriveSource;
  virtio1?: DriveSource;
  /** What the board's network interface leads to: a network of its own without a way out (default), nothing, or frames that are carried by `takeFrames` and `netInput`. */
  net?: 'user' | 'none' | 'frames';
  /** The interface's address; without it all machines have QEMU's, 52:54:00:12:34:56. */
  mac?: string;
  /** What the PC's firmware boots from, in order: `a` floppy, `c` disk, `d` CD; with `,menu=on` it offers a menu. */
  boot?: string;
  append?: string;
  icount?: number;
  accel?: 'jit' | 'interp';
  /**
   * Go on from a snapshot, which also says what is left out here; `defer`: wait for `migrate-incoming`. Of a file or an address memory is read
   * when the guest wants it, in workers only.
   */
  incoming?: ArrayBuffer | Uint8Array | Blob | { url: string } | 'defer';
  /** Folders shared by 9P, each with a card of its own (unless `incoming` or `x-machine-set` says which cards there are), and what is in them by path. */
  shares?: { tag: string; files?: Record<string, ArrayBuffer | Uint8Array> }[];
  /** Do not start running (`-S`). */
  paused?: boolean;
  /** Do not make the machine yet (`--preconfig`). */
  preconfig?: boolean;
}

/**
 * Why a slice ended, and when, in instructions and in virtual time; `untilNs` is the next event of a halted machine, infinite if
 * only input wakes it. `stopped`: the run state allows no slice, nothing ran.
 */
export interface SliceEnd {
  kind: 'budget' | 'halted' | 'waiting' | 'shutdown' | 'reset' | 'panic' | 'debug' | 'stopped';
  icount: number;
  nowNs: number;
  untilNs: number;
}

/** Counters since the machine was made. */
export interface MachineStats {
  guestInsns: number;
  interpInsns: number;
  jitInsns: number;
  blocks: number;
  regions: number;
  modules: number;
  moduleBytes: number;
  flushes: number;
  calls: number;
  exceptions: number;
  resumes: number;
  slowAccesses: number;
  arenaBytes: number;
  virtualNs: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// `MachineOptions` of the section above.
    #[wasm_bindgen(typescript_type = "MachineOptions")]
    pub type JsOptions;
    /// `SliceEnd` of the section above.
    #[wasm_bindgen(typescript_type = "SliceEnd")]
    pub type JsSliceEnd;
    /// `MachineStats` of the section above.
    #[wasm_bindgen(typescript_type = "MachineStats")]
    pub type JsStats;
}

/// A machine, its run state and its monitors.
#[wasm_bindgen]
pub struct Machine {
    pub(crate) ctl: Controller,
    pub(crate) host: WebHost,
    /// A debugger's end.
    pub(crate) gdb: Stub,
    /// The display as it was drawn last.
    pub(crate) frame: Frame,
    /// Keeps virtual time with real time.
    pace: Pace,
    /// Instructions and virtual nanoseconds of the slices since `pace` was told.
    ran: (u64, u64),
    /// Monitors that somebody closed, to be used again.
    closed: Vec<MonitorId>,
}

#[wasm_bindgen]
impl Machine {
    /// Makes a machine in its reset state, or waits for what is to make it (`preconfig`).
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsOptions) -> Result<Machine, JsValue> {
        let parsed = options::parse(options.into()).map_err(|e| error::to_js(&e))?;
        let mut start = Start::new(parsed.config.target);
        start.paused = parsed.paused;
        start.preconfig = parsed.preconfig;
        start.incoming = parsed.incoming.clone();
        let mut ctl = Controller::new(start);
        let mut host = WebHost::new(parsed, &mut ctl);
        ctl.launch(&mut host).map_err(|e| js_sys::Error::new(&e))?;
        if ctl.state() != RunState::Preconfig {
            // A snapshot that was given is in the machine now.
            host.take_file(INCOMING);
        }
        Ok(Machine {
            ctl,
            host,
            gdb: Stub::default(),
            frame: Frame::default(),
            pace: Pace::default(),
            ran: (0, 0),
            closed: Vec::new(),
        })
    }

    /// Runs up to `insns` instructions, if the run state allows it.
    #[wasm_bindgen(js_name = runSlice)]
    pub fn run_slice(&mut self, insns: f64) -> JsSliceEnd {
        let Some(machine) = self.host.machine.as_mut() else {
            return slice_end("stopped", (0, 0), None);
        };
        let before = (machine.icount(), machine.now_ns());
        if !self.ctl.runs() {
            return slice_end("stopped", before, None);
        }
        let end = self.gdb.run(machine, insns as u64);
        let after = (machine.icount(), machine.now_ns());
        if end != SliceEnd::Debug {
            self.ran.0 += after.0 - before.0;
            self.ran.1 += after.1 - before.1;
        }
        let end = self.ctl.slice_ended(&mut self.host, end);
        self.gdb_ended(end);
        let (kind, until_ns) = match end {
            SliceEnd::Budget => ("budget", None),
            SliceEnd::Halted { until_ns } => ("halted", until_ns),
            SliceEnd::WaitingForHost => ("waiting", None),
            SliceEnd::IoError => ("stopped", None),
            SliceEnd::Shutdown => ("shutdown", None),
            SliceEnd::Reset => ("reset", None),
            SliceEnd::Panic => ("panic", None),
            SliceEnd::Debug => ("debug", None),
        };
        slice_end(kind, after, until_ns)
    }

    /// The slices since the last call took so many milliseconds: virtual time keeps up with real time unless it is counted (`icount`).
    pub fn pace(&mut self, milliseconds: f64) {
        let (insns, virtual_ns) = std::mem::take(&mut self.ran);
        if let Some(machine) = self.host.machine.as_mut().filter(|_| !self.host.counted) {
            let rate = self
                .pace
                .ran(insns, (milliseconds * 1e6) as u64, virtual_ns);
            machine.set_rate(rate);
        }
    }

    /// Whether slices may run.
    #[wasm_bindgen(getter)]
    pub fn runs(&self) -> bool {
        self.ctl.runs()
    }

    /// The run state, in `query-status`'s words.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> String {
        self.ctl.state().name().to_owned()
    }

    /// Why all is over, once it is, in the words of the `SHUTDOWN` event.
    #[wasm_bindgen(getter)]
    pub fn ended(&self) -> Option<String> {
        self.ctl.ended().map(|cause| cause.name().to_owned())
    }

    /// A QMP session begins: its greeting waits in [`Machine::take_monitor_output`].
    #[wasm_bindgen(js_name = openMonitor)]
    pub fn open_monitor(&mut self) -> usize {
        let id = self.closed.pop();
        let id = id.unwrap_or_else(|| self.ctl.add_qmp(false));
        self.ctl.connected(id);
        id.0
    }

    /// It is over.
    #[wasm_bindgen(js_name = closeMonitor)]
    pub fn close_monitor(&mut self, monitor: usize) {
        let id = MonitorId(monitor);
        self.ctl.disconnected(id);
        if !self.closed.contains(&id) {
            self.closed.push(id);
        }
    }

    /// Text from a QMP client, in pieces of any size. Whole commands run at once.
    #[wasm_bindgen(js_name = monitorInput)]
    pub fn monitor_input(&mut self, monitor: usize, text: &str) {
        self.ctl
            .input(MonitorId(monitor), text.as_bytes(), &mut self.host);
        self.gdb_follow();
    }

    /// Replies and events for a QMP client since the last call, a line each.
    #[wasm_bindgen(js_name = takeMonitorOutput)]
    pub fn take_monitor_output(&mut self, monitor: usize) -> String {
        let bytes = self.ctl.take_output(MonitorId(monitor));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A file that commands can read from now on (`migrate-incoming` with `file:NAME`).
    #[wasm_bindgen(js_name = putFile)]
    pub fn put_file(&mut self, name: String, data: Vec<u8>) {
        self.host.put_file(name, data);
    }

    /// Something that a drive can hold: a buffer, a file, or a disk outside. `x-machine-set` of `cdrom` and the others names it before the machine is made,
    /// `blockdev-change-medium` and its like afterwards.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = putDrive)]
    pub fn put_drive(&mut self, name: String, data: &JsValue) -> Result<(), JsValue> {
        let source = Source::from_js(data);
        let source =
            source.ok_or_else(|| js_sys::Error::new("a drive holds a buffer, a file or a disk"))?;
        self.host.put_drive(name, source);
        Ok(())
    }

    /// More of the file at the address that `incoming` named, in order: what is here need not be asked for.
    #[wasm_bindgen(js_name = putIncoming)]
    pub fn put_incoming(&mut self, data: &[u8]) {
        self.host.received(data);
    }

    /// Reads up to so many more bytes of the snapshot that `incoming` named; how many are left. A machine whose memory is all here reads no more.
    #[wasm_bindgen(js_name = bringMemory)]
    pub fn bring_memory(&mut self, most_bytes: f64) -> f64 {
        self.host.bring_memory(most_bytes as u64) as f64
    }

    /// Takes a file that a command wrote (`migrate`, `memsave` and others).
    #[wasm_bindgen(js_name = takeFile)]
    pub fn take_file(&mut self, name: &str) -> Option<Uint8Array> {
        let data = self.host.take_file(name)?;
        Some(Uint8Array::from(data.as_slice()))
    }

    /// Names of the files that commands wrote since the last call.
    #[wasm_bindgen(js_name = takeWritten)]
    pub fn take_written(&mut self) -> Vec<String> {
        self.host.take_written()
    }

    /// Moves the virtual clock forward while the machine is halted, at most to its next event.
    #[wasm_bindgen(js_name = skipTo)]
    pub fn skip_to(&mut self, ns: f64) {
        if let Some(machine) = &mut self.host.machine {
            machine.skip_to(ns as u64);
        }
    }

    /// Types bytes at a serial port.
    #[wasm_bindgen(js_name = serialInput)]
    pub fn serial_input(&mut self, port: u32, data: &[u8]) {
        if let Some(machine) = &mut self.host.machine {
            machine.serial_input(port, data);
        }
    }

    /// What the guest sent by a serial port since the last call.
    #[wasm_bindgen(js_name = takeSerialOutput)]
    pub fn take_serial_output(&mut self, port: u32) -> Uint8Array {
        let machine = self.host.machine.as_mut();
        let bytes = machine.map_or_else(Vec::new, |m| m.take_serial_output(port));
        Uint8Array::from(bytes.as_slice())
    }

    /// Counters.
    pub fn stats(&mut self) -> JsStats {
        let machine = self.host.machine.as_mut();
        let s = machine.map_or_else(Stats::default, |m| m.stats());
        let figures = [
            ("guestInsns", s.insns),
            ("interpInsns", s.interpreted),
            ("jitInsns", s.insns.saturating_sub(s.interpreted)),
            ("blocks", s.blocks),
            ("regions", s.regions),
            ("modules", s.modules),
            ("moduleBytes", s.module_bytes),
            ("flushes", s.flushes),
            ("calls", s.calls),
            ("exceptions", s.exceptions),
            ("resumes", s.resumes),
            ("slowAccesses", s.slow_accesses),
            ("arenaBytes", s.arena_bytes),
            ("virtualNs", s.virtual_ns),
        ];
        object(&figures.map(|(name, n)| (name, (n as f64).into()))).unchecked_into()
    }

    /// Hash of the whole state, as 16 hex digits; nothing while there is no machine.
    #[wasm_bindgen(js_name = stateHash)]
    pub fn state_hash(&self) -> String {
        let machine = self.host.machine.as_ref();
        machine.map_or_else(String::new, |m| format!("{:016x}", m.state_hash()))
    }
}

/// What generated code uses of this engine's wasm.
#[wasm_bindgen]
pub fn features() -> Vec<String> {
    let f = tinamou_jit::engine::web::features();
    let all = [
        ("tail calls", f.tail_calls),
        ("branch hints", f.branch_hints),
    ];
    all.iter()
        .filter(|(_, has)| *has)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

fn slice_end(kind: &str, now: (u64, u64), until_ns: Option<u64>) -> JsSliceEnd {
    let until_ns = until_ns.map_or(f64::INFINITY, |ns| ns as f64);
    object(&[
        ("kind", kind.into()),
        ("icount", (now.0 as f64).into()),
        ("nowNs", (now.1 as f64).into()),
        ("untilNs", until_ns.into()),
    ])
    .unchecked_into()
}

pub(crate) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from(*name), value);
    }
    object.into()
}
