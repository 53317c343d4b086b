//! Saving and loading the machine.

use serde_json::{Value, json};

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::snapshots::{Job, Kind};
use crate::types::MIGRATION_CAPABILITY;

/// `migrate`
pub fn migrate(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    for unsupported in ["blk", "inc", "resume"] {
        if args.bool(unsupported) == Some(true) {
            return Err(Error::unsupported());
        }
    }
    cx.ctl.migrate(cx.host, args.text("uri"), cx.monitor)?;
    done()
}

/// `migrate-incoming`
pub fn incoming(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let uri = args.text("uri");
    cx.ctl.migrate_incoming(cx.host, uri, cx.monitor)?;
    done()
}

/// `migrate-continue`
pub fn go_on(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.migrate_continue(cx.host, args.text("state"))?;
    done()
}

/// `getfd`
pub fn getfd(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text("fdname");
    // QEMU looks for the descriptor first.
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        let why = "Parameter 'fdname' expects a name not starting with a digit";
        return Err(Error::generic(why));
    }
    cx.host.name_fd(cx.monitor, name).map_err(Error::generic)?;
    done()
}

/// `closefd`
pub fn closefd(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text("fdname");
    cx.host.close_fd(cx.monitor, name).map_err(Error::generic)?;
    done()
}

/// `query-migrate-parameters`
pub fn parameters(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.migration.parameters.describe())
}

/// `migrate-set-parameters`
pub fn set_parameters(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.migration.parameters.set(args.0)?;
    cx.ctl.migration_parameters_changed();
    done()
}

/// `x-snapshot-save`
pub fn save(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let images = args.bool("images") != Some(false);
    cx.ctl
        .save_to(cx.host, &format!("file:{}", args.text("file")), images)?;
    done()
}

/// `x-snapshot-load`
pub fn load(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl
        .load_from(cx.host, &format!("file:{}", args.text("file")))?;
    done()
}

/// `migrate_cancel`
pub fn cancel(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.migrate_cancel(cx.host);
    done()
}

/// `query-migrate`
pub fn query(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.migration.describe(cx.host))
}

/// `query-migrate-capabilities`
pub fn capabilities(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let one = |name: &&str| json!({"capability": name, "state": cx.ctl.migration.is_on(name)});
    Ok(MIGRATION_CAPABILITY.values.iter().map(one).collect())
}

/// Capabilities that would make a migration another thing.
const UNSUPPORTED: [&str; 7] = [
    "postcopy-ram",
    "x-colo",
    "block",
    "dirty-bitmaps",
    "x-ignore-shared",
    "zero-copy-send",
    "postcopy-preempt",
];

/// `migrate-set-capabilities`
pub fn set_capabilities(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if cx.ctl.migration.is_going() {
        return Err(Error::generic("There's a migration process in progress"));
    }
    let list = args.get("capabilities").and_then(Value::as_array);
    let wanted = || {
        let all = list.into_iter().flatten();
        all.map(|c| {
            (
                c["capability"].as_str().unwrap_or_default(),
                c["state"] == true,
            )
        })
    };
    if let Some((name, _)) = wanted().find(|(name, on)| *on && UNSUPPORTED.contains(name)) {
        return Err(Error::generic(match name {
            "zero-copy-send" => {
                "Zero copy only available for non-compressed non-TLS multifd migration".into()
            }
            "postcopy-preempt" => "Postcopy preempt requires postcopy-ram".into(),
            _ => format!("'{name}' is not supported"),
        }));
    }
    for (name, on) in wanted() {
        cx.ctl.migration.set(name, on);
    }
    done()
}

/// The job that arguments ask for.
fn job(kind: Kind, args: &Args<'_>) -> Job {
    let mut job = Job::new(args.text("job-id"), kind, args.text("tag"));
    job.vmstate = args.str("vmstate").map(str::to_owned);
    let devices = args.get("devices").and_then(Value::as_array);
    let names = devices.into_iter().flatten().filter_map(Value::as_str);
    job.devices = names.map(str::to_owned).collect();
    job
}

/// `snapshot-save`
pub fn job_save(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.start_job(cx.host, job(Kind::Save, args))?;
    done()
}

/// `snapshot-load`
pub fn job_load(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.start_job(cx.host, job(Kind::Load, args))?;
    done()
}

/// `snapshot-delete`
pub fn job_delete(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.start_job(cx.host, job(Kind::Delete, args))?;
    done()
}

/// `query-jobs`
pub fn jobs(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.describe_jobs())
}

/// `job-dismiss`
pub fn job_dismiss(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.job_verb(cx.host, args.text("id"), "dismiss")?;
    done()
}

/// `job-cancel`
pub fn job_cancel(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.job_verb(cx.host, args.text("id"), "cancel")?;
    done()
}
