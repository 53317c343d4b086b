//! The engine of browsers and Node: modules and instances by js-sys, in the emulator's own memory and function table.
//!
//! The arena is the emulator's memory, so generated code imports that; a table index is a function pointer of the emulator, so a
//! region is called by `call_indirect`, and a helper is one of the emulator's own functions, imported wasm to wasm: no JS runs
//! between. Compilation is synchronous, which browsers allow in workers; a module is a batch of tens of small functions
//! (NUMBERS.md, 4). The emulator must be linked with an exported, growable table (`.cargo/config.toml`).

use std::collections::VecDeque;

use js_sys::{Object, Reflect, Uint8Array, WebAssembly};
use rustc_hash::FxHashMap;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::{Engine, EngineError, EngineStats, Features, HelperHost, ModuleSource, Ticket, parked};
use crate::ranges::Ranges;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds, for the figure of compile time alone: nothing depends on it.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now_ms() -> f64;
}

/// A region's function.
type Region = extern "C" fn(u32, u32) -> u32;

// What generated code imports. The vCPU's base is of no use here: the parked host knows its vCPU.

extern "C" fn import_call(_vcpu: u32, helper: u32, a: u64, b: u64, c: u64) -> u64 {
    parked::lend(|host| host.call(helper, a, b, c))
}

extern "C" fn import_load(_vcpu: u32, va: u64, mem: u32) -> u64 {
    parked::lend(|host| host.load(va, mem))
}

extern "C" fn import_store(_vcpu: u32, va: u64, value: u64, mem: u32) {
    parked::lend(|host| host.store(va, value, mem));
}

extern "C" fn import_probe(_vcpu: u32, va: u64, mem: u32) {
    parked::lend(|host| host.probe(va, mem));
}

/// `(module (func return_call 0))`: valid where there are tail calls.
const TAIL_CALL_PROBE: &[u8] = &[
    0, b'a', b's', b'm', 1, 0, 0, 0, // magic, version
    1, 4, 1, 0x60, 0, 0, // types: () -> ()
    3, 2, 1, 0, // functions: one of type 0
    10, 6, 1, 4, 0, 0x12, 0, 0x0b, // code: return_call 0
];

/// What this browser's wasm can do.
pub fn features() -> Features {
    let tail_calls =
        WebAssembly::validate(&Uint8Array::from(TAIL_CALL_PROBE).into()).unwrap_or(false);
    // Hints are a custom section: engines that do not read it skip it.
    Features {
        tail_calls,
        branch_hints: true,
        // Browsers do not have it.
        wide_multiply: false,
    }
}

/// A module that lives.
struct Live {
    base: u32,
    functions: u32,
}

/// The engine.
pub struct WebEngine {
    table: WebAssembly::Table,
    /// Imports that are the same for every module: memory, table, functions.
    shared: Vec<(&'static str, JsValue)>,
    /// `{ value: 'i32' }`: type of the imported globals.
    global_type: Object,
    features: Features,
    next: u64,
    live: FxHashMap<Ticket, Live>,
    finished: VecDeque<(Ticket, Result<u32, EngineError>)>,
    /// Table ranges given back.
    free: Ranges,
    stats: EngineStats,
}

/// The text of what JS threw.
fn text(thrown: JsValue) -> String {
    let message = thrown
        .dyn_ref::<js_sys::Error>()
        .map(|e| String::from(e.message()));
    message.unwrap_or_else(|| format!("{thrown:?}"))
}

fn create(thrown: JsValue) -> EngineError {
    EngineError::Create(text(thrown))
}

fn compile(thrown: JsValue) -> EngineError {
    EngineError::Compile(text(thrown))
}

fn instantiate(thrown: JsValue) -> EngineError {
    EngineError::Instantiate(text(thrown))
}

impl WebEngine {
    /// An engine on the emulator's own memory and table.
    ///
    /// # Errors
    /// When the emulator was linked without an exported table.
    pub fn new() -> Result<WebEngine, EngineError> {
        let table: WebAssembly::Table = wasm_bindgen::function_table()
            .dyn_into()
            .map_err(|_| EngineError::Create("the emulator exports no function table".into()))?;
        // A function pointer is a table index; what lies there is the wasm function itself.
        let function = |pointer: *const ()| {
            table
                .get(pointer as usize as u32)
                .map(JsValue::from)
                .map_err(create)
        };
        let shared = vec![
            ("m", wasm_bindgen::memory()),
            ("t", JsValue::from(&table)),
            ("call", function(import_call as *const ())?),
            ("load", function(import_load as *const ())?),
            ("store", function(import_store as *const ())?),
            ("probe", function(import_probe as *const ())?),
        ];
        let global_type = Object::new();
        Reflect::set(&global_type, &"value".into(), &"i32".into()).map_err(create)?;
        Ok(WebEngine {
            table,
            shared,
            global_type,
            features: features(),
            next: 0,
            live: FxHashMap::default(),
            finished: VecDeque::new(),
            free: Ranges::default(),
            stats: EngineStats::default(),
        })
    }

    /// Takes `functions` consecutive entries of the table: the first free range that fits, or new ones at its end. The table is
    /// grown by no more than is needed: Node 20 copies it for every instance.
    fn take(&mut self, functions: u32) -> Result<u32, EngineError> {
        match self.free.take(functions) {
            Some(start) => Ok(start),
            None => self.table.grow(functions).map_err(compile),
        }
    }

    /// Empties entries of the table, so that their module can go, and gives them back.
    fn give(&mut self, start: u32, functions: u32) {
        for index in start..start + functions {
            // In range, and null is a funcref: it cannot fail.
            let _ = self.table.set_raw(index, &JsValue::NULL);
        }
        self.free.give(start, functions);
    }

    fn global(&self, value: u32) -> Result<JsValue, EngineError> {
        WebAssembly::Global::new(&self.global_type, &JsValue::from(value as i32))
            .map(JsValue::from)
            .map_err(instantiate)
    }

    fn link(
        &self,
        module: &ModuleSource,
        exit_base: u32,
        table_base: u32,
    ) -> Result<(), EngineError> {
        let t = Object::new();
        for (name, value) in &self.shared {
            Reflect::set(&t, &JsValue::from(*name), value).map_err(instantiate)?;
        }
        for (name, value) in [
            ("exit_base", exit_base),
            ("cells", module.cells),
            ("table_base", table_base),
        ] {
            Reflect::set(&t, &JsValue::from(name), &self.global(value)?).map_err(instantiate)?;
        }
        let imports = Object::new();
        Reflect::set(&imports, &"t".into(), &t).map_err(instantiate)?;
        // SAFETY: the view is read and dropped before any Rust code runs that could grow the memory.
        let compiled =
            WebAssembly::Module::new(unsafe { Uint8Array::view(&module.bytes) }.as_ref())
                .map_err(compile)?;
        // The instance lives as long as its functions are in the table.
        WebAssembly::Instance::new(&compiled, &imports).map_err(instantiate)?;
        Ok(())
    }

    fn add(
        &mut self,
        ticket: Ticket,
        module: &ModuleSource,
        exit_base: u32,
    ) -> Result<u32, EngineError> {
        let base = self.take(module.functions)?;
        if let Err(e) = self.link(module, exit_base, base) {
            self.give(base, module.functions);
            return Err(e);
        }
        self.live.insert(
            ticket,
            Live {
                base,
                functions: module.functions,
            },
        );
        self.stats.modules += 1;
        self.stats.functions += u64::from(module.functions);
        self.stats.bytes += module.bytes.len() as u64;
        Ok(base)
    }
}

impl Engine for WebEngine {
    fn publish(&mut self, module: ModuleSource, exit_base: u32) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let began = now_ms();
        let result = self.add(ticket, &module, exit_base);
        self.stats.compile_ns += ((now_ms() - began) * 1e6) as u64;
        self.finished.push_back((ticket, result));
        ticket
    }

    fn poll(&mut self) -> Option<(Ticket, Result<u32, EngineError>)> {
        self.finished.pop_front()
    }

    fn call(&mut self, func: u32, vcpu: u32, entry: u32, host: &mut dyn HelperHost) -> u32 {
        let pointer = std::ptr::without_provenance::<()>(func as usize);
        // SAFETY: on wasm32 a function pointer is a table index; `func` came from `poll`, so a region's function lies there. If it
        // does not, or has another type, `call_indirect` traps.
        let region = unsafe { std::mem::transmute::<*const (), Region>(pointer) };
        parked::park(host, || region(vcpu, entry))
    }

    fn retire(&mut self, ticket: Ticket) {
        self.finished.retain(|(t, _)| *t != ticket);
        if let Some(live) = self.live.remove(&ticket) {
            self.stats.modules -= 1;
            self.stats.functions -= u64::from(live.functions);
            self.give(live.base, live.functions);
        }
    }

    fn stats(&self) -> EngineStats {
        self.stats
    }

    fn features(&self) -> Features {
        self.features
    }
}

impl Drop for WebEngine {
    fn drop(&mut self) {
        // The table outlives the engine: its ranges stay in it, empty, so that the modules can go.
        for live in std::mem::take(&mut self.live).into_values() {
            self.give(live.base, live.functions);
        }
    }
}
