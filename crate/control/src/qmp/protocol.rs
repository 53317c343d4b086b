//! The protocol about itself.

use serde_json::{Value, json};

use super::{QEMU_VERSION, done};
use crate::commands;
use crate::controller::Speech;
use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::schema::introspect;

/// `qmp_capabilities`
pub fn capabilities(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let enable = args.get("enable").and_then(Value::as_array);
    let oob = enable.is_some_and(|words| words.iter().any(|w| w == "oob"));
    if let Some(m) = cx.ctl.monitors.get_mut(cx.monitor.0)
        && let Speech::Qmp(session) = &mut m.speech
    {
        if session.is_ready() {
            return Err(Error::no_command(
                "Capabilities negotiation is already complete, command ignored",
            ));
        }
        session.negotiated(oob);
    }
    done()
}

/// The reply of `query-version`.
pub fn version_info() -> Value {
    let (major, minor, micro) = QEMU_VERSION;
    json!({
        "qemu": {"major": major, "minor": minor, "micro": micro},
        "package": concat!("Tinamou ", env!("CARGO_PKG_VERSION")),
    })
}

/// `query-version`
pub fn version(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(version_info())
}

/// `query-commands`
pub fn commands(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(commands::all().map(|c| json!({"name": c.name})).collect())
}

/// `query-qmp-schema`
pub fn schema(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(introspect::schema())
}
