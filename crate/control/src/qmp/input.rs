//! Keyboard, mouse, display.

use serde_json::{Value, json};

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;

/// `send-key`
pub fn send_key(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    done()
}

/// `query-mice`
pub fn mice(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!([]))
}

/// `query-display-options`
pub fn display(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"type": "none"}))
}
