//! The life of the machine.

use serde_json::{Value, json};
use tinamou_machine::Arch;

use super::done;
use crate::controller::{Cause, PanicAction, RunState, watchdog_action};
use crate::cx::{Args, Cx};
use crate::error::Error;

/// `query-status`
pub fn status(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let state = cx.ctl.state();
    Ok(json!({
        "running": state == RunState::Running,
        "singlestep": cx.ctl.singlestep,
        "status": state.name(),
    }))
}

/// `x-exit-preconfig`
pub fn exit_preconfig(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    if cx.ctl.state() != RunState::Preconfig {
        return Err(Error::generic(
            "The command is permitted only before machine initialization",
        ));
    }
    cx.ctl.make(cx.host).map_err(Error::generic)?;
    done()
}

/// `stop`
pub fn stop(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.pause(cx.host, RunState::Paused);
    done()
}

/// `cont`
pub fn cont(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.cont(cx.host)?;
    done()
}

/// `system_reset`
pub fn reset(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.reset(cx.host);
    done()
}

/// `system_powerdown`
pub fn powerdown(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.power_down(cx.host);
    done()
}

/// `system_wakeup`
pub fn wakeup(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Err(Error::generic(
        "Unable to wake up: guest is not in suspended state",
    ))
}

/// `inject-nmi`
pub fn nmi(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    if cx.ctl.setup.target().arch != Arch::X86 {
        return Err(Error::unsupported());
    }
    cx.machine()?.nmi();
    done()
}

/// `quit`
pub fn quit(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.shut_down(cx.host, Cause::HostQuit);
    done()
}

/// `set-action`
pub fn set_action(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if let Some(word) = args.str("reboot") {
        cx.ctl.actions.reboot_ends = word == "shutdown";
    }
    if let Some(word) = args.str("shutdown") {
        cx.ctl.actions.shutdown_pauses = word == "pause";
    }
    if let Some(action) = args.str("panic").and_then(PanicAction::named) {
        cx.ctl.actions.panic = action;
    }
    if let Some(action) = args.str("watchdog").and_then(watchdog_action) {
        cx.ctl.actions.watchdog = action;
    }
    done()
}

/// `watchdog-set-action`
pub fn watchdog(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if let Some(action) = watchdog_action(args.text("action")) {
        cx.ctl.actions.watchdog = action;
    }
    done()
}
