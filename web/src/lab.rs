//! Labs in JavaScript: the checker of `tinamou-lab` on a machine of its own.

use js_sys::{Object, Reflect, Uint8Array};
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_lab::{Lab, Run};
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
