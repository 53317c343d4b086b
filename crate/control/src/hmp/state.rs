//! The machine's state, to and from elsewhere.

use serde_json::{Value, json};

use super::words::Words;
use super::{HmpCommand, Said, Wrong, call, cmd, early, quiet, text};
use crate::cx::Cx;
use crate::snapshots::Disks;
use crate::types::{MIGRATION_CAPABILITY, MIGRATION_PARAMETERS};

/// The commands.
pub static COMMANDS: &[HmpCommand] = &[
    cmd("closefd", "closefd name", "close a descriptor", |cx, w| {
        let args = json!({"fdname": w.word("fdname")?});
        quiet(cx, "closefd", args)
    }),
    cmd(
        "getfd",
        "getfd name",
        "name the descriptor that came with this",
        |cx, w| {
            let args = json!({"fdname": w.word("fdname")?});
            quiet(cx, "getfd", args)
        },
    ),
    cmd(
        "migrate",
        "[-d] uri",
        "save the machine to a file, command, socket or descriptor (-d: do not wait for it)",
        |cx, w| {
            let mut detached = false;
            while w.flag("-d") {
                detached = true;
            }
            let uri = w.word("uri")?;
            w.end()?;
            quiet(cx, "migrate", json!({ "uri": uri }))?;
            Ok(wait(cx, detached))
        },
    ),
    cmd("migrate_cancel", "", "cancel that", |cx, w| {
        w.end()?;
        quiet(cx, "migrate_cancel", json!({}))
    }),
    cmd(
        "migrate_continue",
        "state",
        "go on where pause-before-switchover stopped",
        |cx, w| {
            let args = json!({"state": w.word("state")?});
            quiet(cx, "migrate-continue", args)
        },
    ),
    cmd(
        "migrate_incoming",
        "uri",
        "load the state that the machine waits for",
        |cx, w| quiet(cx, "migrate-incoming", json!({"uri": w.word("uri")?})),
    ),
    early(
        "migrate_set_capability",
        "capability state",
        "set a capability of migrations",
        |cx, w| {
            let name = w.word("capability")?;
            let on = match w.word("state")?.as_str() {
                "on" => true,
                "off" => false,
                _ => return Err(Wrong::Usage("'state' expects 'on' or 'off'".into())),
            };
            if !MIGRATION_CAPABILITY.values.contains(&name.as_str()) {
                return Ok(format!(
                    "Error: Parameter 'capability' expects a MigrationCapability, '{name}' is none\n"
                ));
            }
            let one = json!({"capability": name, "state": on});
            quiet(
                cx,
                "migrate-set-capabilities",
                json!({"capabilities": [one]}),
            )
        },
    ),
    early(
        "migrate_set_parameter",
        "parameter value",
        "set a parameter of migrations",
        set_parameter,
    ),
    cmd(
        "savevm",
        "[tag]",
        "make a snapshot inside the disks' images",
        |cx, w| {
            let name = w.optional();
            w.end()?;
            let made = cx
                .ctl
                .save_vm(cx.host, name.as_deref(), true, None, Disks::Written);
            Ok(told(made))
        },
    ),
    cmd("loadvm", "tag", "go back to a snapshot", |cx, w| {
        let name = w.word("name")?;
        w.end()?;
        Ok(told(cx.ctl.load_vm(cx.host, &name, None, Disks::Written)))
    }),
    cmd("delvm", "tag", "remove a snapshot", |cx, w| {
        let name = w.word("name")?;
        w.end()?;
        Ok(told(cx.ctl.delete_vm(cx.host, &name, Disks::Written)))
    }),
];

/// `info`'s commands.
pub static INFOS: &[HmpCommand] = &[
    early("migrate", "", "the last migration", info),
    early(
        "migrate_capabilities",
        "",
        "the capabilities of migrations",
        |cx, _| {
            let list = call(cx, "query-migrate-capabilities", json!({}))?;
            let one = |c: &Value| {
                let on = if c["state"] == true { "on" } else { "off" };
                format!("{}: {on}\n", text(&c["capability"]))
            };
            Ok(list.as_array().into_iter().flatten().map(one).collect())
        },
    ),
    early(
        "migrate_parameters",
        "",
        "the parameters of migrations",
        |cx, _| Ok(cx.ctl.migration.parameters.human()),
    ),
];

fn told(done: Result<(), String>) -> String {
    match done {
        Ok(()) => String::new(),
        Err(why) => format!("Error: {why}\n"),
    }
}

/// Lets the monitor wait, where it can.
fn wait(cx: &mut Cx<'_>, detached: bool) -> String {
    if detached || super::suspend(cx) {
        return String::new();
    }
    "terminal does not allow synchronous migration, continuing detached\n".into()
}

fn set_parameter(cx: &mut Cx<'_>, w: &mut Words<'_>) -> Said {
    use crate::schema::Type;
    let name = w.word("parameter")?;
    let word = w.word("value")?;
    w.end()?;
    let known = MIGRATION_PARAMETERS.members;
    let Some(m) = known.iter().find(|m| m.name == name) else {
        return Ok(format!("Error: invalid parameter value: '{name}'\n"));
    };
    let digits = word.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', 'b', 'B']);
    let number = digits.parse::<u64>().ok();
    // Bandwidths are MiB without a letter.
    let default = if name.ends_with("bandwidth") { 20 } else { 0 };
    let shift = match word[digits.len()..].to_ascii_lowercase().as_str() {
        "" => Some(default),
        "b" => Some(0),
        "k" => Some(10),
        "m" => Some(20),
        "g" => Some(30),
        _ => None,
    };
    let number = number
        .zip(shift)
        .and_then(|(n, shift)| n.checked_mul(1 << shift));
    let value: Value = match m.ty {
        Type::Bool => match word.as_str() {
            "on" | "true" | "yes" => true.into(),
            "off" | "false" | "no" => false.into(),
            _ => return Ok(format!("Error: Parameter '{name}' expects 'on' or 'off'\n")),
        },
        Type::Str | Type::StrOrNull | Type::Enum(_) => word.into(),
        _ => match number {
            Some(n) => n.into(),
            None => return Ok(format!("Error: Parameter '{name}' expects a number\n")),
        },
    };
    quiet(cx, "migrate-set-parameters", json!({ name: value }))
}

/// As QEMU, without what it says of its own settings.
fn info(cx: &mut Cx<'_>, _: &mut Words<'_>) -> Said {
    let m = call(cx, "query-migrate", json!({}))?;
    let mut out = String::new();
    if let Some(status) = m["status"].as_str() {
        out += &format!("Migration status: {status}");
        if let Some(why) = m["error-desc"].as_str() {
            out += &format!(" ({why})");
        }
        let ms = m["total-time"].as_i64().unwrap_or(0);
        out += &format!("\ntotal time: {ms} ms\n");
    }
    for (name, label) in [
        ("expected-downtime", "expected downtime"),
        ("downtime", "downtime"),
        ("setup-time", "setup"),
    ] {
        if let Some(ms) = m[name].as_i64() {
            out += &format!("{label}: {ms} ms\n");
        }
    }
    if let Some(ram) = m["ram"].as_object() {
        let n = |name: &str| ram.get(name).and_then(Value::as_u64).unwrap_or(0);
        let mbps = ram.get("mbps").and_then(Value::as_f64).unwrap_or(0.0);
        out += &format!(
            "transferred ram: {} kbytes\nthroughput: {mbps:.2} mbps\nremaining ram: {} kbytes\ntotal ram: {} kbytes\n\
             duplicate: {} pages\nskipped: {} pages\nnormal: {} pages\nnormal bytes: {} kbytes\ndirty sync count: {}\n\
             page size: {} kbytes\nmultifd bytes: {} kbytes\npages-per-second: {}\n",
            n("transferred") >> 10,
            n("remaining") >> 10,
            n("total") >> 10,
            n("duplicate"),
            n("skipped"),
            n("normal"),
            n("normal-bytes") >> 10,
            n("dirty-sync-count"),
            n("page-size") >> 10,
            n("multifd-bytes") >> 10,
            n("pages-per-second")
        );
    }
    let addresses = m["socket-address"].as_array();
    if let Some(addresses) = addresses {
        out += "socket address: [\n";
        for a in addresses {
            out += &match a["type"].as_str() {
                Some("inet") => format!("\ttcp:{}:{}\n", text(&a["host"]), text(&a["port"])),
                _ => format!("\tunix:{}\n", text(&a["path"])),
            };
        }
        out += "]\n";
    }
    Ok(out)
}
