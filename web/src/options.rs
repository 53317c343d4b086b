//! JS options, loose, to a machine's configuration, strict. The names are those of `www/protocol.js`'s `BootConfig`.

use js_sys::{ArrayBuffer, Object, Uint8Array};
use serde::Deserialize;
use thiserror::Error;
use tinamou_jit::Tuning;
use tinamou_machine::{Accel, Config};
use wasm_bindgen::{JsCast, JsValue};

/// Guest memory when none is asked for, as QEMU's Malta has it.
const DEFAULT_RAM_MIB: u32 = 128;

/// What is wrong with the options.
#[derive(Debug, Error)]
pub enum OptionError {
    /// Not an object, a missing or mistyped field.
    #[error("machine options: {0}")]
    Shape(String),
    /// A field nobody knows: most likely a typing mistake.
    #[error("machine options: there is no `{0}`")]
    Unknown(String),
    /// No such architecture.
    #[error("machine options: there is no target `{0}`")]
    Target(String),
    /// An image that is no buffer.
    #[error("machine options: `{0}` must be an ArrayBuffer or a Uint8Array")]
    Image(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    target: String,
    machine: Option<String>,
    cpu: Option<String>,
    ram_mib: Option<u32>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    kernel: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    initrd: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    bios: JsValue,
    append: Option<String>,
    icount: Option<u32>,
    accel: Option<JsAccel>,
}

/// Names of the fields above, for the message about an unknown one.
const KNOWN: [&str; 10] = [
    "target", "machine", "cpu", "ramMib", "kernel", "initrd", "bios", "append", "icount", "accel",
];

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum JsAccel {
    Jit,
    Interp,
}

/// Reads the options. True with the configuration if time is counted.
///
/// # Errors
/// [`OptionError`] with the field's name.
pub fn parse(options: JsValue) -> Result<(Config, bool), OptionError> {
    if let Some(object) = options.dyn_ref::<Object>() {
        for key in Object::keys(object) {
            let key = key.as_string().unwrap_or_default();
            if !KNOWN.contains(&key.as_str()) {
                return Err(OptionError::Unknown(key));
            }
        }
    }
    let o: Options = serde_wasm_bindgen::from_value(options)
        .map_err(|e| OptionError::Shape(message(e.into())))?;
    let target = Config::target(&o.target).ok_or(OptionError::Target(o.target))?;
    let mut config = Config::new(target);
    config.tuning = Tuning::browser();
    config.ram_bytes = u64::from(o.ram_mib.unwrap_or(DEFAULT_RAM_MIB)) << 20;
    config.kernel = image("kernel", &o.kernel)?;
    config.initrd = image("initrd", &o.initrd)?;
    config.bios = image("bios", &o.bios)?;
    if let Some(machine) = o.machine {
        config.machine = machine;
    }
    if let Some(cpu) = o.cpu {
        config.cpu = cpu;
    }
    if let Some(append) = o.append {
        config.append = append;
    }
    if let Some(shift) = o.icount {
        config.icount_shift = shift;
    }
    if let Some(JsAccel::Interp) = o.accel {
        config.accel = Accel::Interp;
    }
    Ok((config, o.icount.is_some()))
}

fn image(name: &'static str, value: &JsValue) -> Result<Option<Vec<u8>>, OptionError> {
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        return Ok(Some(bytes.to_vec()));
    }
    let buffer = value
        .dyn_ref::<ArrayBuffer>()
        .ok_or(OptionError::Image(name))?;
    Ok(Some(Uint8Array::new(buffer).to_vec()))
}

/// The text of a JS error, without its class.
fn message(error: JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(e) => e.message().into(),
        None => format!("{error:?}"),
    }
}
