//! Images that are opened by name before any drive uses them: `blockdev-add` and its kin, with the drivers file, raw, qcow2 and null-co.
//!
//! The host opens an image for a look when its node is made, so that mistakes show then, and again for the drive that uses it.
//! Missing: options of drivers beyond those of [`known`], other drivers, backing nodes by name.

use serde_json::{Map, Value};

use super::{block, done};
use crate::cx::{Args, Cx};
use crate::driven::{Medium, Open};
use crate::error::Error;
use crate::objects::is_id;

/// Most nodes that there can be.
const MOST: usize = 1024;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The image, opened for a look.
    pub medium: Medium,
    /// The node below it that has a name of its own.
    pub below: Option<String>,
    /// The disk slot that uses it.
    pub slot: Option<u32>,
}

impl Node {
    /// How the host is to open it for a drive.
    pub fn open(&self) -> Open<'_> {
        let format = match self.medium.format.as_str() {
            "file" => "raw",
            other => other,
        };
        Open {
            file: &self.medium.file,
            format: Some(format),
            read_only: self.medium.read_only,
        }
    }
}

/// Options that a driver knows: its own, and those of all.
fn known(driver: &str, name: &str) -> bool {
    let all = [
        "driver",
        "node-name",
        "discard",
        "cache",
        "read-only",
        "auto-read-only",
        "force-share",
        "detect-zeroes",
    ];
    let own: &[&str] = match driver {
        "file" => &["filename", "aio", "locking"],
        "null-co" => &["size", "latency-ns", "read-zeroes"],
        _ => &["file"],
    };
    all.contains(&name) || own.contains(&name)
}

fn text<'a>(options: &'a Map<String, Value>, name: &str) -> Result<&'a str, Error> {
    match options.get(name) {
        None => Err(Error::generic(format!("Parameter '{name}' is missing"))),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong(name, "string")),
    }
}

fn flag(options: &Map<String, Value>, name: &str) -> Result<bool, Error> {
    match options.get(name) {
        None => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(_) => Err(wrong(name, "boolean")),
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::generic(format!(
        "Invalid parameter type for '{name}', expected: {expected}"
    ))
}

/// What a node's options lead to: the image, and the named node below.
fn image(
    cx: &mut Cx<'_>,
    options: &Map<String, Value>,
    format: Option<&str>,
    read_only: bool,
) -> Result<(Medium, Option<String>), Error> {
    let driver = text(options, "driver")?;
    if !matches!(driver, "file" | "raw" | "qcow2" | "null-co") {
        return Err(Error::generic(format!(
            "Parameter 'driver' does not accept value '{driver}'"
        )));
    }
    let read_only = flag(options, "read-only")? || read_only;
    let needed = match driver {
        "file" => Some("filename"),
        "null-co" => None,
        _ => Some("file"),
    };
    if let Some(name) = needed
        && !options.contains_key(name)
    {
        return Err(Error::generic(format!("Parameter '{name}' is missing")));
    }
    if let Some(name) = options.keys().find(|name| !known(driver, name)) {
        return Err(Error::generic(format!("Parameter '{name}' is unexpected")));
    }
    match driver {
        "null-co" => {
            let size = match options.get("size") {
                None => 1 << 30,
                Some(size) => size.as_u64().ok_or_else(|| wrong("size", "integer"))?,
            };
            let medium = Medium {
                file: format!("null-co://{size}"),
                format: "null-co".into(),
                read_only,
                virtual_size: size,
                actual_size: 0,
            };
            Ok((medium, None))
        }
        "file" => {
            let open = Open {
                file: text(options, "filename")?,
                format: Some(format.unwrap_or("raw")),
                read_only,
            };
            let mut medium = cx.host.look(open).map_err(Error::generic)?;
            medium.format = format.unwrap_or("file").into();
            Ok((medium, None))
        }
        _ => match options.get("file") {
            Some(Value::String(name)) => {
                let below = cx.ctl.nodes.iter().find(|n| n.name == *name);
                let below = below.ok_or_else(|| block::no_node(name, name))?;
                if cx
                    .ctl
                    .nodes
                    .iter()
                    .any(|n| n.below.as_deref() == Some(name))
                {
                    return Err(Error::generic(format!("Node {name} is in use")));
                }
                let file = below.medium.file.clone();
                let open = Open {
                    file: &file,
                    format: Some(driver),
                    read_only: read_only || below.medium.read_only,
                };
                let medium = cx.host.look(open).map_err(Error::generic)?;
                Ok((medium, Some(name.clone())))
            }
            Some(Value::Object(below)) => {
                let protocol = below.get("driver").and_then(Value::as_str);
                if protocol == Some("raw") || protocol == Some("qcow2") {
                    return Err(Error::generic(format!(
                        "'{driver}' on top of another format is not supported"
                    )));
                }
                let (mut medium, _) = image(cx, below, Some(driver), read_only)?;
                medium.format = driver.into();
                Ok((medium, None))
            }
            _ => Err(wrong("file", "BlockdevRef")),
        },
    }
}

/// `blockdev-add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let options = args.0;
    let name = match options.get("node-name") {
        None => None,
        Some(_) => Some(text(options, "node-name")?),
    };
    // What is wrong with the options comes first, then the name.
    let made = image(cx, options, None, false);
    if let Err(e) = &made
        && !e.desc.starts_with("Could not open")
    {
        return Err(e.clone());
    }
    let Some(name) = name else {
        return Err(Error::generic(
            "'node-name' must be specified for the root node",
        ));
    };
    if !is_id(name) || name.len() > 31 {
        return Err(Error::generic(format!("Invalid node-name: '{name}'")));
    }
    if cx.ctl.nodes.iter().any(|n| n.name == name) {
        return Err(Error::generic(format!(
            "Duplicate nodes with node-name='{name}'"
        )));
    }
    if cx.ctl.nodes.len() >= MOST {
        return Err(Error::generic(format!("there are {MOST} nodes already")));
    }
    let (medium, below) = made?;
    cx.ctl.nodes.push(Node {
        name: name.into(),
        medium,
        below,
        slot: None,
    });
    done()
}

/// `blockdev-del`
pub fn del(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text("node-name");
    let Some(at) = cx.ctl.nodes.iter().position(|n| n.name == name) else {
        return Err(Error::generic(format!(
            "Failed to find node with node-name='{name}'"
        )));
    };
    if cx
        .ctl
        .nodes
        .iter()
        .any(|n| n.below.as_deref() == Some(name))
    {
        return Err(Error::generic(format!("Block device {name} is in use")));
    }
    if cx.ctl.nodes[at].slot.is_some() {
        return Err(Error::generic(format!("Node {name} is in use")));
    }
    cx.ctl.nodes.remove(at);
    done()
}

/// `blockdev-insert-medium`
pub fn insert(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = block::removable(cx, args)?;
    let name = args.text("node-name");
    let Some(at) = cx.ctl.nodes.iter().position(|n| n.name == name) else {
        return Err(Error::generic(format!("Node '{name}' not found")));
    };
    if !cx.ctl.open_trays.contains(&d.slot) {
        return Err(Error::generic("Tray of the device is not open"));
    }
    if d.medium.is_some() {
        return Err(Error::generic("There already is a medium in the device"));
    }
    let node = cx.ctl.nodes[at].clone();
    if node.slot.is_some() {
        return Err(Error::generic(format!("Node {name} is in use")));
    }
    cx.host
        .insert(d.slot, node.open())
        .map_err(Error::generic)?;
    cx.ctl.nodes[at].slot = Some(d.slot);
    done()
}

/// The drive in a slot no longer uses a node.
pub(crate) fn released(cx: &mut Cx<'_>, slot: u32) {
    for n in cx.ctl.nodes.iter_mut().filter(|n| n.slot == Some(slot)) {
        n.slot = None;
    }
}

/// Nodes that no drive uses, as `query-named-block-nodes` shows them.
pub(crate) fn idle(cx: &Cx<'_>) -> Vec<Value> {
    let idle = cx.ctl.nodes.iter().filter(|n| n.slot.is_none());
    idle.map(|n| block::inserted(&n.name, &n.medium)).collect()
}

/// `block_resize`
pub fn resize(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let (device, node) = (args.str("device"), args.str("node-name"));
    let size = args.get("size").and_then(Value::as_i64).unwrap_or(-1);
    let none = || block::no_node(device.unwrap_or_default(), node.unwrap_or_default());
    let drives = cx.host.drives();
    let drive = match (device, node) {
        (Some(name), _) => Some(
            drives
                .iter()
                .find(|d| block::name(d) == name)
                .ok_or_else(none)?,
        ),
        (None, Some(name)) => drives.iter().find(|d| block::node_name(cx.ctl, d) == name),
        (None, None) => return Err(none()),
    };
    let Some(drive) = drive else {
        let name = node.unwrap_or_default();
        let found = cx.ctl.nodes.iter_mut().find(|n| n.name == name);
        let found = found.ok_or_else(none)?;
        return Err(Error::generic(format!(
            "node '{}' is in no drive: it cannot be resized",
            found.name
        )));
    };
    if size < 0 {
        return Err(Error::generic("Parameter 'size' expects a >0 size"));
    }
    if drive.medium.is_none() {
        return Err(Error::generic(format!(
            "Device '{}' has no medium",
            block::name(drive)
        )));
    }
    // As QEMU, up to whole sectors.
    let bytes = size.cast_unsigned().next_multiple_of(512);
    cx.host.resize(drive.slot, bytes).map_err(Error::generic)?;
    done()
}
