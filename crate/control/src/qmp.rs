//! The machine protocol: from messages to commands and back. [`session`] knows how far a monitor's negotiation is; the other rooms
//! have the commands, a family each.

pub mod block;
pub mod cards;
pub mod chardev;
pub mod debug;
pub mod dump;
pub mod human;
pub mod input;
pub mod keys;
pub mod life;
pub mod machine;
pub mod memory;
pub mod migration;
pub mod net;
pub mod nodes;
pub mod objects;
pub mod plug;
pub mod protocol;
pub mod qom;
pub mod screen;
pub mod session;
pub mod setup;

use serde_json::{Map, Value, json};

use crate::commands;
use crate::controller::{Controller, MonitorId, RunState, Speech};
use crate::cx::{Args, Cx};
use crate::driven::Host;
use crate::error::Error;
use crate::schema::check;

/// The version of QEMU whose protocol this is.
pub const QEMU_VERSION: (u32, u32, u32) = (7, 2, 0);

/// What a session begins with.
pub fn greeting() -> Value {
    json!({"QMP": {"version": protocol::version_info(), "capabilities": ["oob"]}})
}

/// Bytes from a QMP monitor.
pub(crate) fn input(ctl: &mut Controller, id: MonitorId, bytes: &[u8], host: &mut dyn Host) {
    let mut messages = Vec::new();
    if let Some(Speech::Qmp(session)) = ctl.monitors.get_mut(id.0).map(|m| &mut m.speech) {
        session
            .reader
            .feed(bytes, &mut |message| messages.push(message));
    }
    for message in messages {
        // Whoever quits hears no further answers.
        if ctl.ended().is_some() {
            return;
        }
        let reply = match message {
            Ok(value) => answer(ctl, id, &value, host),
            Err(desc) => refusal(None, &Error::generic(desc)),
        };
        if let Some(m) = ctl.monitors.get_mut(id.0)
            && let Speech::Qmp(session) = &m.speech
        {
            let pretty = session.pretty;
            m.say(&reply, pretty);
        }
        ctl.work(host);
        ctl.news(host);
    }
}

fn refusal(id: Option<&Value>, error: &Error) -> Value {
    let mut reply = json!({"error": {"class": error.class.name(), "desc": error.desc}});
    if let Some(id) = id {
        reply["id"] = id.clone();
    }
    reply
}

/// The reply to one message.
fn answer(ctl: &mut Controller, id: MonitorId, message: &Value, host: &mut dyn Host) -> Value {
    let message_id = message.as_object().and_then(|m| m.get("id"));
    match dispatch(ctl, id, message, host) {
        Ok(value) => {
            let mut reply = json!({"return": value});
            if let Some(id) = message_id {
                reply["id"] = id.clone();
            }
            reply
        }
        Err(error) => refusal(message_id, &error),
    }
}

/// What a message asks for.
struct Call<'a> {
    name: &'a str,
    oob: bool,
    args: Option<&'a Map<String, Value>>,
}

/// Reads a message's members.
fn call(message: &Value, oob_allowed: bool) -> Result<Call<'_>, Error> {
    let Value::Object(map) = message else {
        return Err(Error::generic("QMP input must be a JSON object"));
    };
    let member =
        |name: &str, what: &str| Err(Error::generic(format!("QMP input member '{name}' {what}")));
    let mut found: Option<Call<'_>> = None;
    let mut args = None;
    for (key, value) in map {
        match (key.as_str(), value) {
            ("execute", Value::String(name)) | ("exec-oob", Value::String(name))
                if key == "execute" || oob_allowed =>
            {
                if found.is_some() {
                    return member("exec-oob", "clashes with 'execute'");
                }
                found = Some(Call {
                    name,
                    oob: key == "exec-oob",
                    args: None,
                });
            }
            ("execute", _) => return member(key, "must be a string"),
            ("exec-oob", _) if oob_allowed => return member(key, "must be a string"),
            ("arguments", Value::Object(map)) => args = Some(map),
            ("arguments", _) => return member(key, "must be an object"),
            ("id", _) => {}
            _ => return member(key, "is unexpected"),
        }
    }
    match found {
        Some(call) => Ok(Call { args, ..call }),
        None => Err(Error::generic("QMP input lacks member 'execute'")),
    }
}

fn dispatch(
    ctl: &mut Controller,
    id: MonitorId,
    message: &Value,
    host: &mut dyn Host,
) -> Result<Value, Error> {
    let session = match ctl.monitors.get(id.0).map(|m| &m.speech) {
        Some(Speech::Qmp(session)) => session,
        _ => return Err(Error::unsupported()),
    };
    let call = call(message, session.oob())?;
    if !session.is_ready() && call.name != "qmp_capabilities" {
        return Err(Error::no_command(
            "Expecting capabilities negotiation with 'qmp_capabilities'",
        ));
    }
    let cx = Cx {
        ctl,
        host,
        monitor: id,
    };
    run(cx, call.name, call.oob, call.args)
}

/// Runs a command by name. Sessions come here after the negotiation; the page's own calls come here at once.
pub(crate) fn run(
    mut cx: Cx<'_>,
    name: &str,
    oob: bool,
    args: Option<&Map<String, Value>>,
) -> Result<Value, Error> {
    let Some(command) = commands::find(name) else {
        return Err(Error::no_command(format!(
            "The command {name} has not been found"
        )));
    };
    if oob && !command.oob {
        return Err(Error::generic(format!(
            "The command {name} does not support OOB"
        )));
    }
    if cx.ctl.state() == RunState::Preconfig && !command.preconfig {
        return Err(Error::generic(format!(
            "The command '{name}' is permitted only after machine initialization has completed"
        )));
    }
    let none = Map::new();
    let args = args.unwrap_or(&none);
    if !command.loose {
        check::arguments(&command.args, args)?;
    }
    (command.run)(&mut cx, &Args(args))
}

/// What a command without a reply of its own answers.
pub(crate) fn done() -> Result<Value, Error> {
    Ok(json!({}))
}
