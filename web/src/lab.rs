//! Labs in JavaScript: the checker of `tinamou-lab` on a machine of its own.

use js_sys::{Object, Reflect, Uint8Array};
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_lab::{Lab, Run, asm};
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error;

/// A lab that is being checked.
#[wasm_bindgen]
pub struct LabRun {
    run: Run,
}

#[wasm_bindgen]
impl LabRun {
    /// Makes the lab's machine. `files` has the lab's files by name.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for whoever wrote the lab.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str, files: Object) -> Result<LabRun, JsValue> {
        let lab = Lab::parse(json).map_err(|e| error::to_js(&e))?;
        let file = |name: &str| {
            let value = Reflect::get(&files, &name.into()).ok()?;
            Some(value.dyn_ref::<Uint8Array>()?.to_vec())
        };
        let engine = |_: &tinamou_arena::Arena| {
            let engine: Box<dyn Engine> = Box::new(WebEngine::new().map_err(|e| e.to_string())?);
            Ok(engine)
        };
        let run = Run::new(&lab, file, Tuning::browser(), Some(engine));
        Ok(LabRun {
            run: run.map_err(|e| error::to_js(&e))?,
        })
    }

    /// Goes on for about so many instructions; true once all is done.
    pub fn work(&mut self, insns: f64) -> bool {
        self.run.work(insns as u64)
    }

    /// What came of it so far: `LabReport` of `www/protocol.js`, as JSON.
    pub fn report(&self) -> Result<String, JsValue> {
        serde_json::to_string(&self.run.report()).map_err(|e| error::to_js(&e))
    }
}

/// Assembles a program for MIPS.
///
/// # Errors
/// A JS `Error`: a line `LINE: what is wrong` each.
#[wasm_bindgen]
pub fn assemble(source: &str, big_endian: bool) -> Result<Assembled, JsValue> {
    match asm::assemble(source, big_endian, asm::ORIGIN) {
        Ok(program) => Ok(Assembled { program }),
        Err(all) => {
            let lines: Vec<String> = all
                .iter()
                .map(|e| format!("{}: {}", e.line, e.what))
                .collect();
            Err(js_sys::Error::new(&lines.join("\n")).into())
        }
    }
}

/// An assembled program.
#[wasm_bindgen]
pub struct Assembled {
    program: asm::Program,
}

#[wasm_bindgen]
impl Assembled {
    /// It as an ELF file.
    #[wasm_bindgen(getter)]
    pub fn elf(&self) -> Uint8Array {
        Uint8Array::from(self.program.elf.as_slice())
    }

    /// Addresses of its instructions, and the lines they come from, in turn.
    #[wasm_bindgen(getter)]
    pub fn lines(&self) -> Vec<u32> {
        let pair = |(at, line): &(u32, usize)| [*at, *line as u32];
        self.program.lines.iter().flat_map(pair).collect()
    }
}
