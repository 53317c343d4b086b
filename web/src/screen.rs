//! Display, keyboard and mouse of a machine that has them.

use js_sys::{Object, Reflect, Uint8Array};
use tinamou_core::{Input, Ns};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::machine::Machine;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What changed on a display: rows from `top`, four bytes a pixel (red, green, blue, 255). */
export interface Picture {
  width: number;
  height: number;
  top: number;
  rgba: Uint8Array<ArrayBuffer>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// `Picture` of the section above.
    #[wasm_bindgen(typescript_type = "Picture | undefined")]
    pub type JsPicture;
}

#[wasm_bindgen]
impl Machine {
    /// Rows of the display that changed since the last call, all of them when asked for; undefined if none did, or there is no display.
    pub fn display(&mut self, whole: bool) -> JsPicture {
        let Some(machine) = self.host.machine.as_mut() else {
            return JsValue::UNDEFINED.unchecked_into();
        };
        let now = Ns(machine.now_ns());
        machine.bus_mut().set_now(now);
        let frame = &mut self.frame;
        if !machine.bus_mut().display(frame) {
            return JsValue::UNDEFINED.unchecked_into();
        }
        let (top, end) = if whole {
            (0, frame.height)
        } else {
            frame.dirty
        };
        let row = frame.width as usize * 4;
        let rows = frame.rgba.get(top as usize * row..end as usize * row);
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
            return JsValue::UNDEFINED.unchecked_into();
        };
        let picture = Object::new();
        for (name, value) in [
            ("width", frame.width.into()),
            ("height", frame.height.into()),
            ("top", top.into()),
            ("rgba", Uint8Array::from(rows).into()),
        ] {
            // Setting a field of a fresh plain object cannot fail.
            let _ = Reflect::set(&picture, &JsValue::from(name), &value);
        }
        picture.unchecked_into()
    }

    /// A key goes down or up: its number of `send-key` (make code of scan code set 1, 80h more behind E0h).
    pub fn key(&mut self, code: u8, down: bool) {
        self.tell(|| Input::Key { code, down });
    }

    /// The mouse moves by so much, or its buttons (1 left, 2 right, 4 middle) change.
    pub fn mouse(&mut self, dx: i32, dy: i32, dz: i32, buttons: u8) {
        self.tell(|| Input::Mouse {
            dx,
            dy,
            dz,
            buttons,
        });
    }

    fn tell(&mut self, input: impl Fn() -> Input) {
        if let Some(machine) = self.host.machine.as_mut() {
            let now = Ns(machine.now_ns());
            machine.bus_mut().set_now(now);
            machine.bus_mut().host_input(input);
        }
    }
}
