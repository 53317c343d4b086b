//! What the machine is made of, before it is there.

use serde_json::Value;

use super::done;
use crate::controller::RunState;
use crate::cx::{Args, Cx};
use crate::error::Error;

/// `x-machine-options`
pub fn options(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.setup.describe())
}

/// `x-machine-set`
pub fn set(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if cx.ctl.state() != RunState::Preconfig {
        return Err(Error::generic(
            "The command is permitted only before the machine has been created",
        ));
    }
    let value = args.get("value").unwrap_or(&Value::Null);
    cx.ctl.setup.set(args.text("name"), value)?;
    done()
}
