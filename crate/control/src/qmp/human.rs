//! Texts for people, by way of the other monitor.

use serde_json::{Value, json};

use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::hmp;

/// `human-monitor-command`
pub fn run(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let cpu = super::machine::cpu_index(cx, args)?;
    // What the command chooses is for nobody else.
    let before = std::mem::replace(&mut cx.ctl.monitor_cpu, cpu);
    let text = hmp::run(cx, args.text("command-line"));
    cx.ctl.monitor_cpu = before;
    Ok(text.replace('\n', "\r\n").into())
}

fn text(text: String) -> Result<Value, Error> {
    Ok(json!({ "human-readable-text": text }))
}

/// `x-query-irq`
pub fn irq(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    text(hmp::info::irq(cx))
}

/// `x-query-jit`
pub fn jit(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    text(hmp::info::jit(cx))
}

/// `x-query-numa`
pub fn numa(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    text(hmp::info::numa(cx))
}

/// `x-query-ramblock`
pub fn ramblock(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    text(hmp::info::ramblock(cx))
}

/// `x-query-roms`
pub fn roms(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    text(hmp::info::roms(cx))
}
