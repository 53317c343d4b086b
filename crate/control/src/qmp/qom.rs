//! The tree of objects: the board's own devices under `/machine/unattached`, as QEMU names such things; objects of users under
//! `/objects`, character devices under `/chardevs`. The tree is made anew for every question.

use serde_json::{Value, json};
use tinamou_machine::Arch;

use super::done;
use super::machine::{cpu_base_type, cpu_count, cpu_path, cpu_type};
use crate::controller::RunState;
use crate::cx::{Args, Cx};
use crate::driven::Host;
use crate::error::Error;
use crate::setup;

/// A property of an object.
struct Property {
    name: String,
    ty: String,
    value: Value,
    writable: bool,
}

/// An object of the tree.
struct Node {
    path: String,
    ty: String,
    properties: Vec<Property>,
}

fn property(name: &str, ty: &str, value: Value) -> Property {
    Property {
        name: name.into(),
        ty: ty.into(),
        value,
        writable: false,
    }
}

fn node(path: &str, ty: &str) -> Node {
    Node {
        path: path.into(),
        ty: ty.into(),
        properties: Vec::new(),
    }
}

/// Types of the boards' devices: name on the board, type, parent type. Where QEMU has the same device the names are its own.
const DEVICES: &[(&str, &str, &str)] = &[
    ("flash", "cfi.pflash01", "sys-bus-device"),
    ("gt64120", "gt64120", "pci-host-bridge"),
    ("fpga", "malta-fpga", "sys-bus-device"),
    ("pic", "isa-i8259", "isa-device"),
    ("pit", "isa-pit", "isa-device"),
    ("rtc", "mc146818rtc", "isa-device"),
    ("latches", "isa-latches", "isa-device"),
    ("piix4", "piix4-isa", "pci-device"),
    ("ide", "piix4-ide", "pci-device"),
    ("pcnet", "pcnet", "pci-device"),
    ("i8042", "i8042", "isa-device"),
    ("serial0", "isa-serial", "isa-device"),
    ("serial1", "isa-serial", "isa-device"),
    ("serial2", "serial-mm", "sys-bus-device"),
    ("i440fx", "i440FX", "pci-device"),
    ("apic", "apic", "sys-bus-device"),
    ("hpet", "hpet", "sys-bus-device"),
    ("dma", "i8257", "isa-device"),
    ("piix3", "PIIX3", "pci-device"),
    ("floppy", "isa-fdc", "isa-device"),
    ("parallel0", "isa-parallel", "isa-device"),
    ("debugcon", "isa-debugcon", "isa-device"),
    ("debug-exit", "isa-debug-exit", "isa-device"),
    ("debug-exit-f4", "isa-debug-exit", "isa-device"),
    ("fw-cfg", "fw_cfg_io", "sys-bus-device"),
    ("vga", "VGA", "pci-device"),
    ("e1000", "e1000", "pci-device"),
    ("rtl8139", "rtl8139", "pci-device"),
    ("ne2k_pci", "ne2k_pci", "pci-device"),
    ("ne2k_isa", "ne2k_isa", "isa-device"),
    ("virtio-net", "virtio-net-pci", "pci-device"),
    ("virtio-blk0", "virtio-blk-pci", "pci-device"),
    ("virtio-blk1", "virtio-blk-pci", "pci-device"),
    ("virtio-console", "virtio-serial-pci", "pci-device"),
    ("virtio-rng", "virtio-rng-pci", "pci-device"),
    ("virtio-balloon", "virtio-balloon-pci", "pci-device"),
    ("i6300esb", "i6300esb", "pci-device"),
    ("pvpanic", "pvpanic-pci", "pci-device"),
];

/// Other types: name, parent, abstract.
const TYPES: &[(&str, &str, bool)] = &[
    ("object", "", true),
    ("container", "object", false),
    ("machine", "object", true),
    ("device", "object", true),
    ("cpu", "device", true),
    ("mips-malta", "sys-bus-device", false),
    ("pc-frame", "sys-bus-device", false),
    ("sys-bus-device", "device", true),
    ("isa-device", "device", true),
    ("pci-device", "device", true),
    ("pci-host-bridge", "sys-bus-device", true),
    ("memory-backend", "object", true),
    ("memory-backend-ram", "memory-backend", false),
    ("iothread", "object", false),
    ("rng-backend", "object", true),
    ("rng-builtin", "rng-backend", false),
    ("rng-random", "rng-backend", false),
    ("secret_common", "object", true),
    ("secret", "secret_common", false),
    ("throttle-group", "object", false),
    ("chardev", "object", true),
    ("chardev-fd", "chardev", true),
    ("chardev-file", "chardev-fd", false),
    ("chardev-stdio", "chardev-fd", false),
    ("chardev-null", "chardev", false),
    ("chardev-pty", "chardev", false),
    ("chardev-ringbuf", "chardev", false),
    ("chardev-socket", "chardev", false),
    ("ide-device", "device", true),
    ("ide-cd", "ide-device", false),
    ("ide-hd", "ide-device", false),
    ("floppy", "device", false),
];

/// All types: name, parent, abstract.
fn types(cx: &Cx<'_>) -> Vec<(String, String, bool)> {
    let own = |&(name, parent, is_abstract): &(&str, &str, bool)| {
        (name.to_owned(), parent.to_owned(), is_abstract)
    };
    let mut all: Vec<_> = TYPES.iter().map(own).collect();
    let target = cx.ctl.setup.target();
    for board in target.boards() {
        let machine = format!("{}-machine", board.name);
        all.push((machine, "machine".into(), false));
    }
    let cpu = cpu_base_type(target);
    all.push((cpu.clone(), "cpu".into(), true));
    for model in target.cpu_names() {
        all.push((cpu_type(target, model), cpu.clone(), false));
    }
    for (_, ty, parent) in DEVICES {
        if !all.iter().any(|(name, ..)| name == ty) {
            all.push(((*ty).into(), (*parent).into(), false));
        }
    }
    all
}

/// Whether this is a type of devices, and if so whether it is abstract.
pub(crate) fn device_kind(ty: &str) -> Option<bool> {
    if DEVICES.iter().any(|(_, t, _)| *t == ty) || ty.ends_with("-cpu") {
        return Some(false);
    }
    let at = TYPES.iter().find(|t| t.0 == ty)?;
    let mut up = at;
    while up.0 != "device" {
        up = TYPES.iter().find(|t| t.0 == up.1)?;
    }
    Some(at.2)
}

/// Whether there is an object of this path.
pub(crate) fn exists(cx: &mut Cx<'_>, path: &str) -> bool {
    find(&tree(cx), path).is_ok()
}

/// The path of a device of the board, by its name there.
pub(crate) fn device_path(host: &mut dyn Host, name: &str) -> Option<String> {
    let machine = host.machine()?;
    let (board, config) = (machine.board(), machine.board_config());
    let mut present = board.devices.iter().filter(|d| (d.present)(&config));
    let n = present.position(|d| d.name == name)?;
    Some(format!("/machine/unattached/device[{}]", n + 2))
}

fn implements(types: &[(String, String, bool)], ty: &str, ancestor: &str) -> bool {
    let mut at = ty;
    while at != ancestor {
        match types.iter().find(|(name, ..)| name == at) {
            Some((_, parent, _)) if !parent.is_empty() => at = parent,
            _ => return false,
        }
    }
    true
}

/// The type of a character device by where it leads.
fn chardev_type(filename: &str) -> &'static str {
    let kind = filename.trim_start_matches("disconnected:");
    let kind = kind.split(':').next().unwrap_or_default();
    match kind {
        "null" => "chardev-null",
        "stdio" | "mux" => "chardev-stdio",
        "pty" => "chardev-pty",
        "unix" | "tcp" => "chardev-socket",
        "ringbuf" => "chardev-ringbuf",
        _ => "chardev-file",
    }
}

/// What every device has.
fn device_node(path: &str, ty: &str) -> Node {
    let mut n = node(path, ty);
    n.properties = vec![
        property("parent_bus", "link<bus>", json!("")),
        property("realized", "bool", json!(true)),
        property("hotplugged", "bool", json!(false)),
        property("hotpluggable", "bool", json!(false)),
    ];
    n
}

fn machine_node(cx: &mut Cx<'_>) -> Node {
    let board = cx.ctl.setup.text("machine").unwrap_or_default();
    let mut n = node("/machine", &format!("{board}-machine"));
    let bytes = super::memory::ram_bytes(cx);
    for o in setup::OPTIONS {
        if let Some(name) = o.property {
            let value = cx.ctl.setup.text(o.name).unwrap_or_default();
            n.properties.push(Property {
                writable: true,
                ..property(name, "string", value.into())
            });
        }
    }
    let cpus = cpu_count(cx);
    let smp = json!({"cpus": cpus, "maxcpus": cpus, "threads": 1, "cores": 1, "dies": 1, "sockets": cpus, "clusters": 1});
    n.properties.extend([
        property("boot", "BootConfiguration", json!({"order": ""})),
        property(
            "memory",
            "MemorySizeConfiguration",
            json!({ "size": bytes }),
        ),
        property("smp", "SMPConfiguration", smp),
        property("graphics", "bool", json!(false)),
        property("usb", "bool", json!(false)),
    ]);
    n
}

/// All objects.
fn tree(cx: &mut Cx<'_>) -> Vec<Node> {
    let mut all = vec![node("/", "container"), machine_node(cx)];
    for name in ["peripheral", "peripheral-anon", "unattached"] {
        all.push(node(&format!("/machine/{name}"), "container"));
    }
    if let Some(machine) = cx.host.machine() {
        let (board, config) = (machine.board(), machine.board_config());
        // The board's frame, as QEMU names both.
        let target = cx.ctl.setup.target();
        let frame = match target.arch {
            Arch::Mips => "mips-malta",
            Arch::X86 => "pc-frame",
        };
        all.push(device_node("/machine/unattached/device[0]", frame));
        let model = cx.ctl.setup.text("cpu").unwrap_or_default();
        let model = model.split(',').next().unwrap_or_default();
        let cpu = cpu_type(target, model);
        for n in 0..config.cpus as usize {
            all.push(device_node(&cpu_path(target, n), &cpu));
        }
        let present = board.devices.iter().filter(|d| (d.present)(&config));
        for (n, d) in present.enumerate() {
            let ty = DEVICES.iter().find(|(name, ..)| *name == d.name);
            let ty = ty.map_or(d.name, |(_, ty, _)| ty);
            let mut dev = device_node(&format!("/machine/unattached/device[{}]", n + 2), ty);
            dev.properties
                .push(property("x-name", "str", d.name.into()));
            dev.properties
                .push(property("x-description", "str", d.what.into()));
            if let Some((devfn, _)) = d.pci.first() {
                let at = format!("{:02x}.{:x}", devfn >> 3, devfn & 7);
                dev.properties.push(property("addr", "int32", at.into()));
            }
            if let Some(port) = d.consoles.first() {
                let chardev = format!("serial{port}");
                dev.properties
                    .push(property("chardev", "str", chardev.into()));
            }
            all.push(dev);
        }
    }
    let mut cards: Vec<_> = cx.ctl.cards.iter().collect();
    cards.sort_by_key(|c| &c.path);
    for c in cards {
        let mut n = device_node(&c.path, c.driver);
        for p in &mut n.properties {
            if matches!(p.name.as_str(), "hotplugged" | "hotpluggable") {
                p.value = json!(c.hotplugged || p.name == "hotpluggable");
            }
        }
        n.properties
            .push(property("addr", "int32", json!(c.slot << 3)));
        for (name, value) in &c.properties {
            n.properties.push(property(name, "str", value.clone()));
        }
        all.push(n);
    }
    for d in cx.host.drives() {
        let ty = match d.slot {
            4 | 5 => "floppy",
            // The interface is a device of its own.
            6.. => continue,
            _ if d.removable => "ide-cd",
            _ => "ide-hd",
        };
        let path = format!("/machine/unattached/{}", super::block::name(&d));
        all.push(device_node(&path, ty));
    }
    all.push(node("/objects", "container"));
    if cx.ctl.state() != RunState::Preconfig {
        let ram = format!("/objects/{}", super::memory::ram_id(cx.ctl.setup.target()));
        all.push(node(&ram, "memory-backend-ram"));
    }
    for o in cx.ctl.objects.all() {
        let mut n = node(&format!("/objects/{}", o.id), &o.ty);
        for (name, value) in &o.properties {
            let ty = match value {
                Value::Bool(_) => "bool",
                Value::Number(_) => "int",
                _ => "string",
            };
            n.properties.push(property(name, ty, value.clone()));
        }
        all.push(n);
    }
    all.push(node("/chardevs", "container"));
    for c in super::chardev::all(cx) {
        let ty = chardev_type(&c.filename);
        all.push(node(&format!("/chardevs/{}", c.label), ty));
    }
    all
}

/// The place of an object by its path or the last part of it.
fn find(tree: &[Node], path: &str) -> Result<usize, Error> {
    let missing = || Error::no_device(path);
    let exact = |p: &str| tree.iter().position(|n| n.path == p);
    let trimmed = path.trim_end_matches('/');
    if path.starts_with('/') {
        return exact(if trimmed.is_empty() { "/" } else { trimmed }).ok_or_else(missing);
    }
    if trimmed.is_empty() {
        return Err(missing());
    }
    let tail = format!("/{trimmed}");
    let mut ends = tree
        .iter()
        .enumerate()
        .filter(|(_, n)| n.path.ends_with(&tail));
    match (ends.next(), ends.next()) {
        (Some((at, _)), None) => Ok(at),
        (None, _) => Err(missing()),
        _ => Err(Error::generic(format!(
            "Path '{path}' does not uniquely identify an object"
        ))),
    }
}

/// The children of an object: name, type, path.
fn children<'a>(
    tree: &'a [Node],
    of: &'a Node,
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    let prefix = format!("{}/", of.path.trim_end_matches('/'));
    tree.iter().filter_map(move |n| {
        let name = n.path.strip_prefix(&prefix)?;
        let child = !name.is_empty() && !name.contains('/');
        child.then_some((name, n.ty.as_str(), n.path.as_str()))
    })
}

/// `qom-list`
pub fn list(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let tree = tree(cx);
    let n = &tree[find(&tree, args.text("path"))?];
    let mut out = vec![json!({"name": "type", "type": "string"})];
    out.extend(
        n.properties
            .iter()
            .map(|p| json!({"name": p.name, "type": p.ty})),
    );
    out.extend(
        children(&tree, n)
            .map(|(name, ty, _)| json!({"name": name, "type": format!("child<{ty}>")})),
    );
    Ok(out.into())
}

fn no_property(n: &Node, name: &str) -> Error {
    Error::generic(format!("Property '{}.{name}' not found", n.ty))
}

/// `qom-get`
pub fn get(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let tree = tree(cx);
    let n = &tree[find(&tree, args.text("path"))?];
    let name = args.text("property");
    if name == "type" {
        return Ok(n.ty.as_str().into());
    }
    if let Some(p) = n.properties.iter().find(|p| p.name == name) {
        return Ok(p.value.clone());
    }
    match children(&tree, n).find(|(child, ..)| *child == name) {
        Some((.., path)) => Ok(path.into()),
        None => Err(no_property(n, name)),
    }
}

fn wrong_type(name: &str, expected: &str) -> Error {
    Error::generic(format!(
        "Invalid parameter type for '{name}', expected: {expected}"
    ))
}

/// `qom-set`
pub fn set(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let tree = tree(cx);
    let n = &tree[find(&tree, args.text("path"))?];
    let name = args.text("property");
    let value = args.get("value").unwrap_or(&Value::Null);
    let found = n.properties.iter().find(|p| p.name == name);
    let is_child = children(&tree, n).any(|(child, ..)| child == name);
    match found {
        None if name != "type" && !is_child => return Err(no_property(n, name)),
        Some(p) if p.ty == "bool" && !value.is_boolean() => {
            return Err(wrong_type(name, "boolean"));
        }
        Some(p) if p.writable => {
            if !value.is_string() {
                return Err(wrong_type(name, "string"));
            }
        }
        _ => {
            return Err(Error::generic(format!(
                "Property '{}.{name}' is not writable",
                n.ty
            )));
        }
    }
    if cx.ctl.state() != RunState::Preconfig {
        // QEMU lets it be set, and nothing comes of it.
        return done();
    }
    match setup::OPTIONS.iter().find(|o| o.property == Some(name)) {
        Some(o) => cx.ctl.setup.set(o.name, value)?,
        None => return Err(no_property(n, name)),
    }
    done()
}

/// `qom-list-types`
pub fn list_types(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let all = types(cx);
    let with_abstract = args.bool("abstract").unwrap_or(false);
    let wanted = |(name, _, is_abstract): &&(String, String, bool)| {
        (with_abstract || !is_abstract)
            && args
                .str("implements")
                .is_none_or(|a| implements(&all, name, a))
    };
    let one = |(name, parent, is_abstract): &(String, String, bool)| {
        let mut v = json!({ "name": name });
        if *is_abstract {
            v["abstract"] = true.into();
        }
        if !parent.is_empty() {
            v["parent"] = parent.as_str().into();
        }
        v
    };
    Ok(all.iter().filter(wanted).map(one).collect())
}

/// `qom-list-properties`
pub fn list_properties(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text("typename");
    let all = types(cx);
    if !all.iter().any(|(ty, ..)| ty == name) {
        return Err(Error::not_found(format!("Class '{name}' not found")));
    }
    let n = if implements(&all, name, "machine") {
        machine_node(cx)
    } else if implements(&all, name, "device") {
        device_node("", name)
    } else {
        node("", name)
    };
    let mut out = vec![json!({"name": "type", "type": "string"})];
    for p in &n.properties {
        let mut v = json!({"name": p.name, "type": p.ty});
        let doc = setup::OPTIONS.iter().find(|o| o.property == Some(&p.name));
        if let Some(o) = doc {
            v["description"] = o.doc.into();
        }
        out.push(v);
    }
    Ok(out.into())
}

/// `device-list-properties`
pub fn device_properties(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text("typename");
    let all = types(cx);
    let Some((_, _, is_abstract)) = all.iter().find(|(ty, ..)| ty == name) else {
        return Err(Error::no_device(name));
    };
    if *is_abstract || !implements(&all, name, "device") {
        return Err(Error::generic(
            "Parameter 'typename' expects a non-abstract device type",
        ));
    }
    let mut out = Vec::new();
    if implements(&all, name, "pci-device") {
        out.push(json!({"name": "addr", "type": "int32"}));
    }
    if name.contains("serial") {
        out.push(json!({"name": "chardev", "type": "str"}));
    }
    Ok(out.into())
}
