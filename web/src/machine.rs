//! The handle that JavaScript holds: each method is one call of the machine and the conversion of its arguments.

use js_sys::{Object, Reflect, Uint8Array};
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_machine::SliceEnd;
use tinamou_machine::clock::Pace;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::{error, options};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `new Machine` takes: `BootConfig` of `www/protocol.js` without what concerns the worker alone. */
export interface MachineOptions {
  target: 'mipsel' | 'mips' | 'mips64el' | 'mips64';
  machine?: string;
  cpu?: string;
  ramMib?: number;
  kernel?: ArrayBuffer | Uint8Array;
  initrd?: ArrayBuffer | Uint8Array;
  bios?: ArrayBuffer | Uint8Array;
  append?: string;
  icount?: number;
  accel?: 'jit' | 'interp';
}

/**
 * Why a slice ended, and when, in instructions and in virtual time; `untilNs` is the next event of a halted machine, infinite if
 * only input wakes it.
 */
export interface SliceEnd {
  kind: 'budget' | 'halted' | 'waiting' | 'shutdown' | 'reset' | 'panic';
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

/// A machine.
#[wasm_bindgen]
pub struct Machine {
    machine: tinamou_machine::Machine,
    /// Keeps virtual time with real time.
    pace: Option<Pace>,
    /// Instructions and virtual nanoseconds of the last slice.
    ran: (u64, u64),
}

#[wasm_bindgen]
impl Machine {
    /// Makes a machine in its reset state.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsOptions) -> Result<Machine, JsValue> {
        let (config, counted) = options::parse(options.into()).map_err(|e| error::to_js(&e))?;
        let pace = (!counted).then(Pace::default);
        let machine = tinamou_machine::Machine::new(&config, |_arena| {
            let engine: Box<dyn Engine> = Box::new(WebEngine::new().map_err(|e| e.to_string())?);
            Ok(engine)
        });
        Ok(Machine {
            machine: machine.map_err(|e| error::to_js(&e))?,
            pace,
            ran: (0, 0),
        })
    }

    /// Runs up to `insns` instructions.
    #[wasm_bindgen(js_name = runSlice)]
    pub fn run_slice(&mut self, insns: f64) -> JsSliceEnd {
        let before = (self.machine.icount(), self.machine.now_ns());
        let end = self.machine.run_slice(insns as u64);
        self.ran = (
            self.machine.icount() - before.0,
            self.machine.now_ns() - before.1,
        );
        let mut until_ns = f64::INFINITY;
        let kind = match end {
            SliceEnd::Budget => "budget",
            SliceEnd::Halted { until_ns: next } => {
                until_ns = next.map_or(f64::INFINITY, |ns| ns as f64);
                "halted"
            }
            SliceEnd::WaitingForHost => "waiting",
            SliceEnd::Shutdown => "shutdown",
            SliceEnd::Reset => "reset",
            SliceEnd::Panic => "panic",
            SliceEnd::Debug => "debug",
        };
        object(&[
            ("kind", kind.into()),
            ("icount", (self.machine.icount() as f64).into()),
            ("nowNs", (self.machine.now_ns() as f64).into()),
            ("untilNs", until_ns.into()),
        ])
        .unchecked_into()
    }

    /// The last slice took so many milliseconds: virtual time keeps up with real time unless it is counted (`icount`).
    pub fn pace(&mut self, milliseconds: f64) {
        let (insns, virtual_ns) = self.ran;
        if let Some(pace) = &mut self.pace {
            let rate = pace.ran(insns, (milliseconds * 1e6) as u64, virtual_ns);
            self.machine.set_rate(rate);
        }
    }

    /// Moves the virtual clock forward while the machine is halted, at most to its next event.
    #[wasm_bindgen(js_name = skipTo)]
    pub fn skip_to(&mut self, ns: f64) {
        self.machine.skip_to(ns as u64);
    }

    /// Types bytes at a serial port.
    #[wasm_bindgen(js_name = serialInput)]
    pub fn serial_input(&mut self, port: u32, data: &[u8]) {
        self.machine.serial_input(port, data);
    }

    /// What the guest sent by a serial port since the last call.
    #[wasm_bindgen(js_name = takeSerialOutput)]
    pub fn take_serial_output(&mut self, port: u32) -> Uint8Array {
        Uint8Array::from(self.machine.take_serial_output(port).as_slice())
    }

    /// The board's reset line.
    pub fn reset(&mut self) {
        self.machine.reset();
    }

    /// Counters.
    pub fn stats(&mut self) -> JsStats {
        let s = self.machine.stats();
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

    /// Hash of the whole state, as 16 hex digits.
    #[wasm_bindgen(js_name = stateHash)]
    pub fn state_hash(&self) -> String {
        format!("{:016x}", self.machine.state_hash())
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

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from(*name), value);
    }
    object.into()
}
