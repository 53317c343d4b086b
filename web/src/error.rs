//! Rust errors as JS errors: the one place.

use wasm_bindgen::JsValue;

/// A JS `Error` whose message is that of `error` and of what caused it.
pub fn to_js(error: &dyn std::error::Error) -> JsValue {
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
    js_sys::Error::new(&text).into()
}
