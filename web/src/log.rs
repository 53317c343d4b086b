//! What guests do that their hardware's manuals forbid.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::machine::Machine;

#[wasm_bindgen]
impl Machine {
    /// Begins or ends the log of guest errors.
    #[wasm_bindgen(js_name = logGuestErrors)]
    pub fn log_guest_errors(&mut self, on: bool) {
        if let Some(machine) = self.host.machine.as_mut() {
            machine.bus_mut().log_guest_errors(on);
        }
    }

    /// Lines of it since the last call; a guest that errs without end is cut short.
    #[wasm_bindgen(js_name = takeGuestErrors)]
    pub fn take_guest_errors(&mut self) -> Vec<String> {
        let machine = self.host.machine.as_mut();
        machine.map_or_else(Vec::new, |m| m.take_guest_errors())
    }
}
