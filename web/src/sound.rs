//! What the board's loudspeaker gets, for a page that listens.

use tinamou_core::{Ns, Sound};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::machine::Machine;

#[wasm_bindgen]
impl Machine {
    /// Whether the page listens to the loudspeaker.
    pub fn listen(&mut self, on: bool) {
        if let Some(machine) = &mut self.host.machine {
            machine.listen(on);
        }
    }

    /// What the loudspeaker got since the last call: in turn the virtual time in nanoseconds, and the frequency of a square wave in hertz, 0 for
    /// the low level, -1 for the high one.
    #[wasm_bindgen(js_name = takeSounds)]
    pub fn take_sounds(&mut self) -> Vec<f64> {
        let machine = self.host.machine.as_mut();
        let sounds = machine.map_or_else(Vec::new, |m| m.take_sounds());
        let pair = |(at, sound): (Ns, Sound)| {
            let hertz = match sound {
                Sound::Still => 0.0,
                Sound::High => -1.0,
                Sound::Square { millihertz } => millihertz as f64 / 1000.0,
            };
            [at.0 as f64, hertz]
        };
        sounds.into_iter().flat_map(pair).collect()
    }
}
