//! Rust errors as sentences and as JS errors: the one place.

use wasm_bindgen::JsValue;

/// A JS `Error` with the sentence of `error`.
pub fn to_js(error: &dyn std::error::Error) -> JsValue {
    js_sys::Error::new(&sentence(error)).into()
}

/// The message of `error` and of what caused it.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors quote their cause already.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
