//! Character devices. Ring buffers live here, the others with the host.

use serde_json::{Value, json};

use super::done;
use crate::cx::{Args, Cx};
use crate::driven::Chardev;
use crate::error::Error;
use crate::ringbuf::{MOST_BYTES, Ring, from_base64, to_base64};
use crate::types::CHARDEV_KIND;

/// All of them.
pub(crate) fn all(cx: &Cx<'_>) -> Vec<Chardev> {
    let mut all = cx.host.chardevs();
    all.extend(cx.ctl.rings.keys().map(|id| Chardev {
        label: id.clone(),
        filename: "ringbuf".into(),
        frontend_open: false,
    }));
    all
}

/// `query-chardev`
pub fn query(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let one = |c: &Chardev| json!({"label": c.label, "filename": c.filename, "frontend-open": c.frontend_open});
    Ok(all(cx).iter().map(one).collect())
}

/// `query-chardev-backends`
pub fn backends(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let kinds = CHARDEV_KIND.values.iter();
    Ok(kinds.map(|name| json!({ "name": name })).collect())
}

/// `chardev-add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    if all(cx).iter().any(|c| c.label == id) {
        return Err(Error::generic(format!(
            "Chardev with id '{id}' already exists"
        )));
    }
    let failed = |why: String| Error::generic(format!("Failed to add chardev '{id}': {why}"));
    let backend = args.get("backend").unwrap_or(&Value::Null);
    if backend["type"] == "ringbuf" {
        let size = backend["data"]["size"].as_u64().unwrap_or(65536);
        if !size.is_power_of_two() {
            return Err(failed(
                "size of ringbuf chardev must be power of two".into(),
            ));
        }
        if size > MOST_BYTES {
            return Err(failed(format!("size is above {MOST_BYTES}")));
        }
        cx.ctl.rings.insert(id.into(), Ring::new(size as usize));
        return done();
    }
    match cx.host.chardev_add(id, backend).map_err(failed)? {
        Some(pty) => Ok(json!({ "pty": pty })),
        None => done(),
    }
}

/// `chardev-change`
pub fn change(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    let Some(old) = all(cx).into_iter().find(|c| c.label == id) else {
        return Err(Error::generic(format!("Chardev '{id}' does not exist")));
    };
    let kind = args.get("backend").map(|b| &b["type"]);
    if kind.is_some_and(|k| k == "ringbuf") || cx.ctl.rings.contains_key(id) {
        // Rings are no devices of the host: one becomes the other only where nobody uses it.
        if old.frontend_open {
            return Err(Error::generic(format!(
                "Chardev '{id}' is busy: a ring buffer cannot take its place"
            )));
        }
        let ring = cx.ctl.rings.remove(id);
        if ring.is_none() {
            cx.host.chardev_remove(id).map_err(Error::generic)?;
        }
        let made = add(cx, args);
        if let (Err(_), Some(ring)) = (&made, ring) {
            cx.ctl.rings.insert(id.into(), ring);
        }
        return made;
    }
    let backend = args.get("backend").unwrap_or(&Value::Null);
    match cx
        .host
        .chardev_change(id, backend)
        .map_err(Error::generic)?
    {
        Some(pty) => Ok(json!({ "pty": pty })),
        None => done(),
    }
}

/// `chardev-remove`
pub fn remove(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    if cx.ctl.rings.remove(id).is_none() {
        cx.host.chardev_remove(id).map_err(Error::generic)?;
    }
    done()
}

/// `chardev-send-break`
pub fn send_break(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    if all(cx).iter().any(|c| c.label == id) {
        return done();
    }
    Err(Error::generic(format!("Chardev '{id}' not found")))
}

fn ring<'a>(cx: &'a mut Cx<'_>, args: &Args<'_>) -> Result<&'a mut Ring, Error> {
    let id = args.text("device");
    if !all(cx).iter().any(|c| c.label == id) {
        return Err(Error::generic(format!("Device '{id}' not found")));
    }
    let found = cx.ctl.rings.get_mut(id);
    found.ok_or_else(|| Error::generic(format!("{id} is not a ringbuf device")))
}

/// `ringbuf-write`
pub fn ringbuf_write(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let data = args.text("data");
    let bytes = match args.str("format") {
        Some("base64") => from_base64(data)
            .ok_or_else(|| Error::generic(format!("Base64 data '{data}' is not valid")))?,
        _ => data.as_bytes().to_vec(),
    };
    ring(cx, args)?.write(&bytes);
    done()
}

/// `ringbuf-read`
pub fn ringbuf_read(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let size = args.get("size").and_then(Value::as_i64).unwrap_or(0);
    let ring = ring(cx, args)?;
    if size <= 0 {
        return Err(Error::generic("size must be greater than zero"));
    }
    let bytes = ring.read(usize::try_from(size).unwrap_or(usize::MAX));
    Ok(match args.str("format") {
        Some("base64") => to_base64(&bytes).into(),
        _ => String::from_utf8_lossy(&bytes).into_owned().into(),
    })
}

/// `query-yank`
pub fn query_yank(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!([]))
}

/// `yank`
pub fn yank(_: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    match args.get("instances").and_then(Value::as_array) {
        Some(all) if !all.is_empty() => Err(Error::not_found("Instance not found")),
        _ => done(),
    }
}
