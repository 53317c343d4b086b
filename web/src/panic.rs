//! A panic is a bug of ours that ends the module's life: its message is kept for whoever catches the trap.

use std::cell::RefCell;

use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panic messages, and prints them with a stack to the browser's console.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        MESSAGE.with(|m| *m.borrow_mut() = Some(info.to_string()));
        console_error_panic_hook::hook(info);
    }));
}

/// Message of the panic that made a call trap, once.
#[wasm_bindgen(js_name = takePanic)]
pub fn take_panic() -> Option<String> {
    MESSAGE.with(|m| m.borrow_mut().take())
}
