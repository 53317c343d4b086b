//! Objects and devices that users make and plug.

use serde_json::{Value, json};

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::objects::{Kind, Made, is_id};

/// Most objects that there can be.
const MOST: usize = 4096;

/// `object-add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let (id, ty) = (args.text("id"), args.text("qom-type"));
    if !is_id(id) {
        return Err(Error::generic("Parameter 'id' expects an identifier"));
    }
    if ty == "secret" && args.get("data").is_none() == args.get("file").is_none() {
        return Err(Error::generic("Either 'file' or 'data' must be provided"));
    }
    if cx.ctl.objects.all().len() >= MOST {
        return Err(Error::generic(format!("there are {MOST} objects already")));
    }
    if ty == "rng-random" {
        // Opened for a look; what it gives is not asked for.
        let file = args.str("filename").unwrap_or("/dev/urandom");
        cx.host.file_there(file).map_err(Error::generic)?;
    }
    let kind = match ty {
        "memory-backend-ram" => match args.u64("size") {
            Some(bytes @ 1..) => Kind::Memory { bytes },
            _ => {
                return Err(Error::generic(
                    "property 'size' of memory-backend-ram doesn't take value '0'",
                ));
            }
        },
        _ => Kind::Other,
    };
    let mut properties = args.0.clone();
    properties.remove("id");
    properties.remove("qom-type");
    // A secret is not told again.
    if ty == "secret" {
        properties.remove("data");
    }
    let made = Made {
        id: id.into(),
        ty: ty.into(),
        kind,
        properties,
    };
    if cx.ctl.objects.add(made) {
        return done();
    }
    Err(Error::generic(format!(
        "attempt to add duplicate property '{id}' to object (type 'container')"
    )))
}

/// `object-del`
pub fn del(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    if cx.ctl.objects.remove(id) {
        return done();
    }
    Err(Error::generic(format!("object '{id}' not found")))
}

/// `query-iothreads`
pub fn iothreads(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let thread = cx.host.thread_id();
    let threads = cx.ctl.objects.all().iter().filter(|o| o.ty == "iothread");
    let one = |o: &Made| {
        let number =
            |name: &str, default: i64| o.properties.get(name).cloned().unwrap_or(default.into());
        json!({
            "id": o.id, "thread-id": thread, "poll-max-ns": number("poll-max-ns", 32768),
            "poll-grow": number("poll-grow", 0), "poll-shrink": number("poll-shrink", 0),
            "aio-max-batch": number("aio-max-batch", 0),
        })
    };
    Ok(threads.map(one).collect())
}
