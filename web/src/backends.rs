//! The calls by which the worker carries what back ends outside it ask and answer.

use js_sys::{Array, Uint8Array};
use tinamou_core::{BlockError, Ns};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::machine::{Machine, object};
use crate::remote::Ask;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a disk outside the worker is asked for, to be answered by `answerDisk`. */
export interface DiskQuestion {
  disk: string;
  number: number;
  kind: 'read' | 'write' | 'flush';
  offset: number;
  length: number;
  data: Uint8Array<ArrayBuffer> | undefined;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// `DiskQuestion[]` of the section above.
    #[wasm_bindgen(typescript_type = "DiskQuestion[]")]
    pub type JsQuestions;
    /// Frames.
    #[wasm_bindgen(typescript_type = "Uint8Array<ArrayBuffer>[]")]
    pub type JsFrames;
}

#[wasm_bindgen]
impl Machine {
    /// A frame for the guest, from a network outside.
    #[wasm_bindgen(js_name = netInput)]
    pub fn net_input(&mut self, frame: Vec<u8>) {
        let (Some(machine), Some(net)) = (&mut self.host.machine, &self.host.net) else {
            return;
        };
        net.0.borrow_mut().cable.put(Ns(machine.now_ns()), frame);
        machine.look_outside();
    }

    /// Frames that the guest sent since the last call.
    #[wasm_bindgen(js_name = takeFrames)]
    pub fn take_frames(&mut self) -> JsFrames {
        let all = Array::new();
        if let Some(net) = &self.host.net {
            for frame in net.0.borrow_mut().sent.drain(..) {
                all.push(&Uint8Array::from(frame.as_slice()));
            }
        }
        JsValue::from(all).into()
    }

    /// Questions to disks outside since the last call.
    #[wasm_bindgen(js_name = takeDiskQuestions)]
    pub fn take_disk_questions(&mut self) -> JsQuestions {
        let all = Array::new();
        for (name, disk) in &self.host.remote {
            for q in disk.talk.borrow_mut().questions.drain(..) {
                let (kind, length, data) = match q.ask {
                    Ask::Read(n) => ("read", n as f64, JsValue::UNDEFINED),
                    Ask::Write(data) => {
                        let bytes = Uint8Array::from(data.as_slice());
                        ("write", data.len() as f64, bytes.into())
                    }
                    Ask::Flush => ("flush", 0.0, JsValue::UNDEFINED),
                };
                all.push(&object(&[
                    ("disk", name.as_str().into()),
                    ("number", (q.number as f64).into()),
                    ("kind", kind.into()),
                    ("offset", (q.offset as f64).into()),
                    ("length", length.into()),
                    ("data", data),
                ]));
            }
        }
        JsValue::from(all).into()
    }

    /// A disk's answer: the bytes of a read, none otherwise, or why it could not.
    #[wasm_bindgen(js_name = answerDisk)]
    pub fn answer_disk(
        &mut self,
        disk: &str,
        number: f64,
        data: Option<Vec<u8>>,
        error: Option<String>,
    ) {
        if let Some(disk) = self.host.remote.get(disk) {
            let answer = match error {
                Some(why) => Err(BlockError::Io(why)),
                None => Ok(data.unwrap_or_default()),
            };
            disk.talk.borrow_mut().answer(number as u64, answer);
        }
    }

    /// Whether a disk outside has yet to answer.
    #[wasm_bindgen(getter, js_name = waitsForDisk)]
    pub fn waits_for_disk(&self) -> bool {
        self.host.remote.values().any(|d| d.talk.borrow().waits())
    }
}
