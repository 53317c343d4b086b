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
    cx.ctl.migrate(cx.host, args.text("uri"))?;
    done()
}

/// `migrate-incoming`
pub fn incoming(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl.migrate_incoming(cx.host, args.text("uri"))?;
    done()
}

/// `x-snapshot-save`
pub fn save(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl
        .save_to(cx.host, &format!("file:{}", args.text("file")))?;
    done()
}

/// `x-snapshot-load`
pub fn load(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    cx.ctl
        .load_from(cx.host, &format!("file:{}", args.text("file")))?;
    done()
}

/// `migrate_cancel`
pub fn cancel(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    done()
}

/// `query-migrate`
pub fn query(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.migration.describe())
}

/// `query-migrate-capabilities`
pub fn capabilities(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let state = |name: &str| name == "events" && cx.ctl.migration.events;
    let one = |name: &&str| json!({"capability": name, "state": state(name)});
    Ok(MIGRATION_CAPABILITY.values.iter().map(one).collect())
}

/// `migrate-set-capabilities`
pub fn set_capabilities(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let list = args.get("capabilities").and_then(Value::as_array);
    let mut events = cx.ctl.migration.events;
    for c in list.into_iter().flatten() {
        let name = c["capability"].as_str().unwrap_or_default();
        let on = c["state"] == true;
        match name {
            "events" => events = on,
            _ if on => {
                return Err(Error::generic(format!("'{name}' is not supported")));
            }
            _ => {}
        }
    }
    cx.ctl.migration.events = events;
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
